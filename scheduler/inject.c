// The injection queue. Everything is under the lock; `count` alone is read without it: by workers
// that look for work and, in seq_cst order, by workers about to sleep ([inject-park], parking.c).
//
// Without memory for a batch its tasks become single ones: slower, and right. Batches that are
// empty are kept for the next overflow until the scheduler ends.
#include "scheduler/inject.h"

#include "base/yield.h"
#include "scheduler/ring.h"
#include "scheduler/scheduler.h"

#include <string.h>

struct trp_batch {           // lock, all of it
    struct trp_batch *newer; // or the next spare one
    uint32_t taken;          // of the tasks, from the first
    uint32_t count;
    struct trp_task *tasks[TRP_RING_SIZE + 1];
};

static uint32_t count_now(const struct trp_inject *inject)
{
    // relaxed: the lock is held.
    return atomic_load_explicit(&inject->count, memory_order_relaxed);
}

void trp_inject_init(struct trp_inject *inject, const troupe_allocator *allocator)
{
    memset(inject, 0, sizeof *inject);
    trp_lock_init(&inject->lock);
    atomic_init(&inject->count, 0);
    inject->allocator = allocator;
}

static void free_batches(struct trp_inject *inject, struct trp_batch *batch)
{
    while (batch) {
        struct trp_batch *newer = batch->newer;
        inject->allocator->free(inject->allocator->user, batch, sizeof *batch);
        batch = newer;
    }
}

void trp_inject_fini(struct trp_inject *inject)
{
    free_batches(inject, inject->oldest);
    free_batches(inject, inject->spare);
}

// ---- Adding

static void append(struct trp_inject *inject, struct trp_task *task)
{
    task->next = NULL;
    if (inject->last)
        inject->last->next = task;
    else
        inject->first = task;
    inject->last = task;
}

static void append_batch(struct trp_inject *inject, struct trp_batch *batch)
{
    batch->newer = NULL;
    if (inject->newest)
        inject->newest->newer = batch;
    else
        inject->oldest = batch;
    inject->newest = batch;
}

// Returns an empty batch, or NULL without memory.
static struct trp_batch *new_batch(struct trp_inject *inject)
{
    trp_lock_acquire(&inject->lock);
    struct trp_batch *batch = inject->spare;
    if (batch)
        inject->spare = batch->newer;
    trp_lock_release(&inject->lock);
    if (batch)
        return batch;
    return inject->allocator->alloc(inject->allocator->user, sizeof *batch,
                                    _Alignof(struct trp_batch));
}

static void publish(struct trp_inject *inject, uint32_t count)
{
    uint32_t now = count_now(inject) + count;
    TRP_YIELD("inject: added, not counted");
    // seq_cst [inject-park]: comes before the caller's look at who is parked.
    atomic_store_explicit(&inject->count, now, memory_order_seq_cst);
    trp_lock_release(&inject->lock);
    TRP_YIELD("inject: pushed");
}

void trp_inject_push_all(struct trp_inject *inject, struct trp_task **tasks, uint32_t count)
{
    struct trp_batch *batch = new_batch(inject);
    if (batch) {
        batch->taken = 0;
        batch->count = count;
        memcpy(batch->tasks, tasks, count * sizeof(struct trp_task *));
    }
    trp_lock_acquire(&inject->lock);
    if (batch)
        append_batch(inject, batch);
    for (uint32_t i = 0; !batch && i < count; i++)
        append(inject, tasks[i]);
    publish(inject, count);
}

void trp_inject_push(struct trp_inject *inject, struct trp_task *task)
{
    trp_lock_acquire(&inject->lock);
    append(inject, task);
    publish(inject, 1);
}

// ---- Taking; the lock is held

static uint32_t take_singles(struct trp_inject *inject, struct trp_task **tasks, uint32_t count)
{
    uint32_t taken = 0;
    while (taken < count && inject->first) {
        struct trp_task *task = inject->first;
        inject->first = task->next;
        tasks[taken++] = task;
    }
    if (!inject->first)
        inject->last = NULL;
    return taken;
}

static uint32_t take_from_batch(struct trp_inject *inject, struct trp_task **tasks, uint32_t count)
{
    struct trp_batch *batch = inject->oldest;
    if (!batch)
        return 0;
    uint32_t left = batch->count - batch->taken;
    uint32_t taken = left < count ? left : count;
    memcpy(tasks, batch->tasks + batch->taken, taken * sizeof(struct trp_task *));
    batch->taken += taken;
    if (taken < left)
        return taken;
    inject->oldest = batch->newer;
    if (!inject->oldest)
        inject->newest = NULL;
    batch->newer = inject->spare;
    inject->spare = batch;
    return taken;
}

uint32_t trp_inject_take(struct trp_inject *inject, struct trp_task **tasks, uint32_t count)
{
    // relaxed: a miss is harmless here; who is about to sleep looks again in seq_cst order.
    if (count_now(inject) == 0)
        return 0;
    trp_lock_acquire(&inject->lock);
    uint32_t taken = 0;
    inject->singles_first = !inject->singles_first;
    if (inject->singles_first)
        taken = take_singles(inject, tasks, count);
    if (taken == 0)
        taken = take_from_batch(inject, tasks, count);
    if (taken == 0)
        taken = take_singles(inject, tasks, count);
    uint32_t left = count_now(inject) - taken;
    TRP_YIELD("inject: taken, not counted");
    // relaxed: a count that is too high for a moment costs a look in vain.
    atomic_store_explicit(&inject->count, left, memory_order_relaxed);
    trp_lock_release(&inject->lock);
    return taken;
}
