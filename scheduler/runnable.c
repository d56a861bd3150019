// See runnable.h.
#include "scheduler/runnable.h"

#include "base/assert.h"
#include "base/cpu.h"
#include "scheduler/scheduler.h"

#include <string.h>

void trp_runnable_init(struct trp_runnable *runnable, const troupe_allocator *allocator)
{
    memset(runnable, 0, sizeof *runnable);
    runnable->allocator = allocator;
    runnable->tasks = runnable->few;
    runnable->capacity = TRP_RUNNABLE_FEW;
}

void trp_runnable_fini(struct trp_runnable *runnable)
{
    if (runnable->tasks != runnable->few)
        runnable->allocator->free(runnable->allocator->user, runnable->tasks,
                                  runnable->capacity * sizeof *runnable->tasks);
    trp_runnable_init(runnable, runnable->allocator);
}

static void append(struct trp_runnable *runnable, struct trp_task *task)
{
    uint32_t end = runnable->first + runnable->count++;
    runnable->tasks[end & (runnable->capacity - 1)] = task;
}

static void wait(struct trp_runnable *runnable, struct trp_task *task)
{
    task->next = NULL;
    if (runnable->waiting)
        runnable->last->next = task;
    else
        runnable->waiting = task;
    runnable->last = task;
}

// Moves over what waits, as far as there is room.
static void refill(struct trp_runnable *runnable)
{
    while (runnable->waiting && runnable->count < runnable->capacity) {
        struct trp_task *task = runnable->waiting;
        runnable->waiting = task->next;
        append(runnable, task);
    }
}

// Doubles the room, if there is memory.
static void grow(struct trp_runnable *runnable)
{
    const troupe_allocator *allocator = runnable->allocator;
    uint32_t capacity = 2 * runnable->capacity;
    struct trp_task **tasks =
        allocator->alloc(allocator->user, capacity * sizeof *tasks, TRP_CACHE_LINE);
    if (tasks == NULL)
        return;
    for (uint32_t i = 0; i < runnable->count; i++)
        tasks[i] = trp_runnable_at(runnable, i);
    if (runnable->tasks != runnable->few)
        allocator->free(allocator->user, runnable->tasks,
                        runnable->capacity * sizeof *runnable->tasks);
    runnable->tasks = tasks;
    runnable->capacity = capacity;
    runnable->first = 0;
    refill(runnable);
}

void trp_runnable_put(struct trp_runnable *runnable, struct trp_task *task)
{
    if (TRP_UNLIKELY(runnable->count == runnable->capacity))
        grow(runnable);
    if (TRP_LIKELY(runnable->count < runnable->capacity))
        append(runnable, task);
    else
        wait(runnable, task);
}

void trp_runnable_prefer(struct trp_runnable *runnable, uint32_t index)
{
    TRP_ASSERT(index < runnable->count);
    uint32_t mask = runnable->capacity - 1;
    struct trp_task *task = trp_runnable_at(runnable, index);
    for (uint32_t i = index; i > 0; i--)
        runnable->tasks[(runnable->first + i) & mask] = trp_runnable_at(runnable, i - 1);
    runnable->tasks[runnable->first & mask] = task;
}

struct trp_task *trp_runnable_take(struct trp_runnable *runnable, uint32_t index)
{
    TRP_ASSERT(index < runnable->count);
    uint32_t mask = runnable->capacity - 1;
    struct trp_task **place = &runnable->tasks[(runnable->first + index) & mask];
    struct trp_task *task = *place;
    *place = runnable->tasks[runnable->first & mask];
    runnable->first++;
    runnable->count--;
    if (TRP_UNLIKELY(runnable->waiting != NULL))
        refill(runnable);
    return task;
}
