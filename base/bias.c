// See bias.h, also for the steps that the comments name. The only state of the process here is
// whether it is registered with the kernel for membarrier.
#include "base/bias.h"

#include <linux/membarrier.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

// How often the owner looks before it lets others run: the revoker is in a system call or two.
#define SPINS 100

_Atomic bool trp_bias_light;

static pthread_once_t prepared = PTHREAD_ONCE_INIT;

static bool membarrier(int command)
{
    return syscall(SYS_membarrier, command, 0, 0) == 0;
}

static void prepare(void)
{
    if (membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED))
        // relaxed: see TRP_BIAS_IS_LIGHT; the revoker comes here itself before it reads this.
        atomic_store_explicit(&trp_bias_light, true, memory_order_relaxed);
}

void trp_bias_prepare(void)
{
    pthread_once(&prepared, prepare);
}

// E4: returns when no decision is under way.
static uint32_t await_decision(struct trp_bias *bias)
{
    uint32_t state;
    int spins = 0;
    // acquire: of the store that decided.
    while ((state = atomic_load_explicit(&bias->revoked, memory_order_acquire)) ==
           TRP_BIAS_DECIDING) {
        TRP_YIELD("bias enter: waiting for the decision");
        if (++spins < SPINS)
            trp_cpu_relax();
        else
            sched_yield();
    }
    return state;
}

bool trp_bias_enter_slow(struct trp_bias *bias)
{
    do {
        TRP_YIELD("bias enter: before withdrawing");
        // release: as L1; an earlier stay inside is over for whoever sees this 0.
        atomic_store_explicit(&bias->inside, 0, memory_order_release);
        if (await_decision(bias) == TRP_BIAS_REVOKED)
            return false;
    } while (!trp_bias_try_enter(bias));
    return true;
}

bool trp_bias_freeze(struct trp_bias *bias)
{
    trp_bias_prepare();
    atomic_store_explicit(&bias->revoked, TRP_BIAS_DECIDING, memory_order_seq_cst); // R1, with E1
    TRP_YIELD("bias freeze: before barrier");
    trp_bias_barrier(); // R2
    TRP_YIELD("bias freeze: after barrier");
    // R3 seq_cst: with E1 and R1; also acquires what L1 released.
    if (atomic_load_explicit(&bias->inside, memory_order_seq_cst) == 0)
        return true;
    trp_bias_withdraw(bias);
    return false;
}

void trp_bias_withdraw(struct trp_bias *bias)
{
    TRP_YIELD("bias withdraw");
    // release: an owner that waited sees what the revoker did meanwhile.
    atomic_store_explicit(&bias->revoked, TRP_BIAS_FREE, memory_order_release);
}

void trp_bias_commit(struct trp_bias *bias)
{
    TRP_YIELD("bias commit");
    // release: pairs with trp_bias_is_revoked.
    atomic_store_explicit(&bias->revoked, TRP_BIAS_REVOKED, memory_order_release);
}

bool trp_bias_revoke(struct trp_bias *bias)
{
    bool frozen = trp_bias_freeze(bias);
    if (frozen)
        trp_bias_commit(bias);
    return frozen;
}

void trp_bias_reset(struct trp_bias *bias)
{
    TRP_ASSERT(trp_bias_is_revoked(bias));
    // The owner's: nobody else acts on a revoked guard. Inside first, so that it is never seen free
    // and outside.
    atomic_store_explicit(&bias->inside, 1, memory_order_seq_cst);
    atomic_store_explicit(&bias->revoked, TRP_BIAS_FREE, memory_order_seq_cst);
}

void trp_bias_barrier(void)
{
    trp_bias_prepare();
    if (TRP_BIAS_IS_LIGHT()) { // it is registered, so only a bug makes it fail
        bool passed = membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED);
        TRP_ASSERT(passed);
    }
}
