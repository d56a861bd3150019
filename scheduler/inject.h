// The injection queue: tasks made runnable by threads that have no ring, and what overflows from
// rings. A FIFO linked through the tasks themselves, so that adding cannot fail.
#ifndef TRP_SCHEDULER_INJECT_H
#define TRP_SCHEDULER_INJECT_H

#include "scheduler/lock.h"

#include <stdatomic.h>
#include <stdint.h>

struct trp_task;

struct trp_inject {
    struct trp_lock lock;
    struct trp_task *first; // lock
    struct trp_task *last;  // lock
    _Atomic uint32_t count; // written under the lock, read by any thread
};

void trp_inject_init(struct trp_inject *inject);

void trp_inject_push(struct trp_inject *inject, struct trp_task *task);

// Appends `count` (> 0) tasks in the order given.
void trp_inject_push_all(struct trp_inject *inject, struct trp_task **tasks, uint32_t count);

// Takes up to `count` of the oldest tasks into `tasks`; returns how many.
uint32_t trp_inject_take(struct trp_inject *inject, struct trp_task **tasks, uint32_t count);

// How many wait.
static inline uint32_t trp_inject_count(const struct trp_inject *inject)
{
    // seq_cst [inject-park]: see parking.c.
    return atomic_load_explicit(&inject->count, memory_order_seq_cst);
}

#endif
