// Driven mode: no threads. One context runs everything, one step at a time, on the thread that
// calls trp_scheduler_step; what comes next is chosen by the simulation. Runnable tasks are a list,
// oldest first, linked through the tasks: scheduling needs no memory and so cannot fail.
#include "scheduler/core.h"

#include <stddef.h>

troupe_status trp_driven_start(struct trp_scheduler *scheduler)
{
    struct trp_worker *worker = &scheduler->driver.worker;
    trp_seat_init(&scheduler->driver, scheduler, 0, true);
    struct trp_worker *before = trp_worker_enter(worker);
    bool started = scheduler->config.ops->worker_start(worker);
    trp_worker_enter(before);
    if (started)
        return TROUPE_OK;
    trp_slab_cache_fini(&worker->cache);
    return TROUPE_ENOMEM;
}

void trp_driven_stop(struct trp_scheduler *scheduler)
{
    struct trp_worker *worker = &scheduler->driver.worker;
    struct trp_worker *before = trp_worker_enter(worker);
    scheduler->config.ops->worker_stop(worker);
    trp_worker_enter(before);
    trp_slab_cache_fini(&worker->cache);
}

void trp_driven_schedule(struct trp_scheduler *scheduler, struct trp_task *task)
{
    task->next = NULL;
    if (scheduler->runnable_last)
        scheduler->runnable_last->next = task;
    else
        scheduler->runnable_first = task;
    scheduler->runnable_last = task;
    scheduler->runnable_count++;
}

static struct trp_task *take(struct trp_scheduler *scheduler, uint32_t index)
{
    struct trp_task *before = NULL;
    struct trp_task *task = scheduler->runnable_first;
    for (; index > 0; index--) {
        before = task;
        task = task->next;
    }
    if (before)
        before->next = task->next;
    else
        scheduler->runnable_first = task->next;
    if (scheduler->runnable_last == task)
        scheduler->runnable_last = before;
    scheduler->runnable_count--;
    return task;
}

static void run(struct trp_scheduler *scheduler, struct trp_task *task)
{
    struct trp_seat *seat = &scheduler->driver;
    seat->slice_start = seat->now;
    if (scheduler->config.ops->run(&seat->worker, task) == TRP_RUN_AGAIN)
        trp_driven_schedule(scheduler, task);
}

static bool step(struct trp_scheduler *scheduler)
{
    struct trp_seat *seat = &scheduler->driver;
    const struct trp_choice *choice = &scheduler->config.choice;
    seat->now = trp_clock_now(&scheduler->config.clock);
    if (trp_expire_due(&seat->worker, seat->now))
        return true;
    uint32_t tasks = scheduler->runnable_count;
    uint32_t count = tasks + scheduler->blocking.queued; // nobody else is there to lock out
    if (count == 0)
        return false;
    uint32_t chosen = choice->next ? choice->next(choice->user, count) : 0;
    TRP_ASSERT(chosen < count);
    if (chosen < tasks) {
        run(scheduler, take(scheduler, chosen));
    } else {
        struct trp_job *job = trp_blocking_take(&scheduler->blocking, chosen - tasks);
        // A job runs on no worker, as it would on a thread of its own.
        struct trp_worker *before = trp_worker_enter(NULL);
        job->run(job);
        trp_worker_enter(before);
    }
    return true;
}

bool trp_scheduler_step(struct trp_scheduler *scheduler)
{
    TRP_ASSERT(scheduler->config.driven);
    if (trp_is_stopping(scheduler))
        return false;
    struct trp_worker *before = trp_worker_enter(&scheduler->driver.worker);
    bool stepped = step(scheduler);
    trp_worker_enter(before);
    return stepped;
}
