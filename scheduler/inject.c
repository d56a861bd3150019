// The injection queue. Everything is under the lock; `count` alone is read without it: by workers
// that look for work and, in seq_cst order, by workers about to sleep ([inject-park], parking.c).
#include "scheduler/inject.h"

#include "base/yield.h"
#include "scheduler/scheduler.h"

static uint32_t count_now(const struct trp_inject *inject)
{
    // relaxed: the lock is held.
    return atomic_load_explicit(&inject->count, memory_order_relaxed);
}

static void append(struct trp_inject *inject, struct trp_task *task)
{
    task->next = NULL;
    if (inject->last)
        inject->last->next = task;
    else
        inject->first = task;
    inject->last = task;
}

void trp_inject_init(struct trp_inject *inject)
{
    trp_lock_init(&inject->lock);
    inject->first = NULL;
    inject->last = NULL;
    atomic_init(&inject->count, 0);
}

void trp_inject_push_all(struct trp_inject *inject, struct trp_task **tasks, uint32_t count)
{
    trp_lock_acquire(&inject->lock);
    for (uint32_t i = 0; i < count; i++)
        append(inject, tasks[i]);
    // seq_cst [inject-park]: comes before the caller's look at who is parked.
    atomic_store_explicit(&inject->count, count_now(inject) + count, memory_order_seq_cst);
    trp_lock_release(&inject->lock);
    TRP_YIELD("inject: pushed");
}

void trp_inject_push(struct trp_inject *inject, struct trp_task *task)
{
    trp_inject_push_all(inject, &task, 1);
}

uint32_t trp_inject_take(struct trp_inject *inject, struct trp_task **tasks, uint32_t count)
{
    // relaxed: a miss is harmless here; who is about to sleep looks again in seq_cst order.
    if (count_now(inject) == 0)
        return 0;
    trp_lock_acquire(&inject->lock);
    uint32_t taken = 0;
    while (taken < count && inject->first) {
        struct trp_task *task = inject->first;
        inject->first = task->next;
        tasks[taken++] = task;
    }
    if (!inject->first)
        inject->last = NULL;
    // relaxed: a count that is too high for a moment costs a look in vain.
    atomic_store_explicit(&inject->count, count_now(inject) - taken, memory_order_relaxed);
    trp_lock_release(&inject->lock);
    return taken;
}
