// What is runnable in driven mode: about oldest first, and any of it can be taken at once. One
// thread uses it.
//
// An array that grows; what it has no room for, because there is no memory, waits in a list that is
// linked through the tasks. So putting never fails.
#ifndef TRP_SCHEDULER_RUNNABLE_H
#define TRP_SCHEDULER_RUNNABLE_H

#include "troupe/allocator.h"

#include <stdint.h>

struct trp_task;

#define TRP_RUNNABLE_FEW 16u

struct trp_runnable {
    struct trp_task **tasks;  // a ring; first `few`
    uint32_t capacity;        // a power of two
    uint32_t first;           // where the oldest is
    uint32_t count;           // in the ring
    struct trp_task *waiting; // oldest first; the ring is full
    struct trp_task *last;    // of those that wait
    const troupe_allocator *allocator;
    struct trp_task *few[TRP_RUNNABLE_FEW];
};

void trp_runnable_init(struct trp_runnable *runnable, const troupe_allocator *allocator);
void trp_runnable_fini(struct trp_runnable *runnable);

void trp_runnable_put(struct trp_runnable *runnable, struct trp_task *task);

// Returns the task at `index`, below count; 0 is the oldest. Leaves it there.
static inline struct trp_task *trp_runnable_at(const struct trp_runnable *runnable, uint32_t index)
{
    return runnable->tasks[(runnable->first + index) & (runnable->capacity - 1)];
}

// Makes the task at `index` the oldest. The others keep their order.
void trp_runnable_prefer(struct trp_runnable *runnable, uint32_t index);

// Takes out the task at `index`. The oldest takes its place, the others stay where they are.
struct trp_task *trp_runnable_take(struct trp_runnable *runnable, uint32_t index);

#endif
