// A guard that costs its owner next to nothing and the rare revoker a system call ("biased lock",
// "asymmetric Dekker"). The owner enters and leaves as often as it likes; some other thread may
// revoke the guard for good, but only while the owner is outside.
//
// Or freeze it for a moment: a worker's next slot (scheduler/worker.c [next]) and a handler's
// outbox (actors/outbox.h) are emptied by others so.
//
// What it is for: an actor's handler that hangs is given up. Its calls into the runtime are made
// between enter and leave; once revoked, all of them are refused, and whatever they guard belongs
// to the one that revoked.
//
//        owner                                revoker
//   E1   inside = 1                      R1   state = DECIDING
//   E2   (compiler barrier)              R2   membarrier(2): a full barrier on every CPU that
//   E3   state == FREE?  yes: inside          runs a thread of this process
//   E4   no: inside = 0, wait until      R3   inside == 0?  yes: look around; state = REVOKED
//        it is decided; then E1 or out             or FREE again.  no: state = FREE, false
//   L1   inside = 0
//
// Why it is right:
// 1. R2 puts a full barrier at some place in the owner's program order: every E1 and E3 comes
//    before or after it. (A thread that does not run has passed one when it was switched out.)
// 2. If E1 comes before it, R3 sees that store or a later one to `inside`. So when R3 sees 0, L1 or
//    E4 has followed; L1 releases and R3 acquires, hence the revoker sees all that was done inside.
// 3. If E1 comes after it, so does E3, and R1 came before it: E3 sees DECIDING or what followed it.
//    By E4 the owner does not get in before the decision.
// 4. From 2 and 3: when R3 sees 0, each entry either is over or waits at E4; the waiting one
//    and all later ones find what the revoker decides. REVOKED changes only by the owner's own
//    reset.
// 5. When R3 sees 1, the owner is inside or between E1 and E4. It has not seen REVOKED, because
//    that is stored only after R3 saw 0. FREE lets it go on: nothing has changed.
// 6. E4 ends: DECIDING lasts from R1 to the decision, before which the revoker waits for nobody.
//
// Where membarrier is missing or ThreadSanitizer looks on, E1 and E3 are sequentially consistent,
// and so are R1 and R3: of E1 and R1, one is first in the one order of all of them, and its
// opposite load sees it. An owner may do that although the revoker calls membarrier, not the other
// way round: so the flag below turns from false to true once, and the revoker does both.
//
// Not promised: that revoke returns true when the owner is outside; it may see the owner at E1.
#ifndef TRP_BASE_BIAS_H
#define TRP_BASE_BIAS_H

#include "base/assert.h"
#include "base/yield.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum trp_bias_state { TRP_BIAS_FREE, TRP_BIAS_DECIDING, TRP_BIAS_REVOKED };

struct trp_bias {             // all zero: free
    _Atomic uint32_t inside;  // written by the owner
    _Atomic uint32_t revoked; // trp_bias_state; written by the revoker
};

// Set by trp_bias_prepare when revokers use membarrier. Private to this file and bias.c.
extern _Atomic bool trp_bias_light;

// ThreadSanitizer does not know membarrier.
#if defined(__has_feature)
#    if __has_feature(thread_sanitizer)
#        define TRP_BIAS_NEVER_LIGHT 1
#    endif
#endif
#if defined(__SANITIZE_THREAD__) || defined(TRP_BIAS_NEVER_LIGHT)
#    define TRP_BIAS_IS_LIGHT() false
#else
// relaxed: an owner that sees false although it is true is slower, and right.
#    define TRP_BIAS_IS_LIGHT() atomic_load_explicit(&trp_bias_light, memory_order_relaxed)
#endif

// Registers the process for membarrier, once; until then owners take the slow way. Best called
// before the process has threads: with several, the kernel needs some milliseconds. Any thread.
void trp_bias_prepare(void);

// The rest of trp_bias_enter when the guard was not free. Private to this file and bias.c.
bool trp_bias_enter_slow(struct trp_bias *bias);

static inline bool trp_bias_try_enter(struct trp_bias *bias)
{
    if (TRP_LIKELY(TRP_BIAS_IS_LIGHT())) {
        atomic_store_explicit(&bias->inside, 1, memory_order_relaxed); // E1, ordered by R2
        atomic_signal_fence(memory_order_seq_cst);                     // E2
        TRP_YIELD("bias enter: between inside and revoked");
        // E3 acquire: what is done inside comes after it.
        return TRP_LIKELY(atomic_load_explicit(&bias->revoked, memory_order_acquire) ==
                          TRP_BIAS_FREE);
    }
    atomic_store_explicit(&bias->inside, 1, memory_order_seq_cst); // E1, with R1
    TRP_YIELD("bias enter: between inside and revoked");
    return atomic_load_explicit(&bias->revoked, memory_order_seq_cst) == TRP_BIAS_FREE; // E3
}

// The owner only, and not while it is inside. Returns true: inside. False: revoked for good, stay
// out.
static inline bool trp_bias_enter(struct trp_bias *bias)
{
    return TRP_LIKELY(trp_bias_try_enter(bias)) || trp_bias_enter_slow(bias);
}

// The owner only, after trp_bias_enter returned true.
static inline void trp_bias_leave(struct trp_bias *bias)
{
    TRP_YIELD("bias leave");
    // L1 release: pairs with the acquire of R3.
    atomic_store_explicit(&bias->inside, 0, memory_order_release);
}

// Any other thread, one at a time per guard; not on a revoked one. Returns true: the owner is
// outside, stays there until withdraw or commit, and all that it did inside is visible. False: the
// owner is inside just now and nothing has changed; try again later.
bool trp_bias_freeze(struct trp_bias *bias);

// After freeze: the owner may go on.
void trp_bias_withdraw(struct trp_bias *bias);

// After freeze: revoked; the owner will not enter again before trp_bias_reset.
void trp_bias_commit(struct trp_bias *bias);

// Freeze and commit in one.
bool trp_bias_revoke(struct trp_bias *bias);

// The owner, when it was refused: it is inside again, and what was guarded is a new thing.
void trp_bias_reset(struct trp_bias *bias);

// R2 alone: every other thread of the process has passed a full barrier when it returns. Where
// membarrier is missing it does nothing: then the other side uses seq_cst operations.
void trp_bias_barrier(void);

// Tells whether a revocation has succeeded; any thread.
static inline bool trp_bias_is_revoked(const struct trp_bias *bias)
{
    // acquire: whoever sees it revoked sees what the revoker did before.
    return atomic_load_explicit(&bias->revoked, memory_order_acquire) == TRP_BIAS_REVOKED;
}

#endif
