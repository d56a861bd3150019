// The injection queue: tasks made runnable by threads that have no ring, and what overflows from
// rings.
//
//   singles   a FIFO linked through the tasks themselves, so that adding cannot fail
//   batches   what a ring has spilled at once, oldest first; as arrays, because to walk a list of
//             tasks that nobody has touched for long costs a cache miss each
//
// The oldest goes first, by turns a few singles and a batch. (The newest batch first would walk a
// tree of spawns in depth, in half the time; but an actor that never ends spawning would starve
// what it has spawned.)
#ifndef TRP_SCHEDULER_INJECT_H
#define TRP_SCHEDULER_INJECT_H

#include "scheduler/lock.h"
#include "troupe/allocator.h"

#include <stdatomic.h>
#include <stdint.h>

struct trp_task;
struct trp_batch;

struct trp_inject {
    struct trp_lock lock;
    struct trp_task *first;   // singles; lock
    struct trp_task *last;    // lock
    struct trp_batch *oldest; // lock
    struct trp_batch *newest; // lock
    struct trp_batch *spare;  // lock
    bool singles_first;       // whose turn it is; lock
    const troupe_allocator *allocator;
    _Atomic uint32_t count; // of all tasks; written under the lock, read by any thread
};

// `allocator` is borrowed.
void trp_inject_init(struct trp_inject *inject, const troupe_allocator *allocator);

// Forgets all tasks.
void trp_inject_fini(struct trp_inject *inject);

void trp_inject_push(struct trp_inject *inject, struct trp_task *task);

// Appends `count` (> 0, at most TRP_RING_SIZE + 1) tasks in the order given.
void trp_inject_push_all(struct trp_inject *inject, struct trp_task **tasks, uint32_t count);

// Takes up to `count` tasks into `tasks`; returns how many.
uint32_t trp_inject_take(struct trp_inject *inject, struct trp_task **tasks, uint32_t count);

// How many wait.
static inline uint32_t trp_inject_count(const struct trp_inject *inject)
{
    // seq_cst [inject-park]: see parking.c.
    return atomic_load_explicit(&inject->count, memory_order_seq_cst);
}

#endif
