// Driven mode: no threads. One context runs everything, one step at a time, on the thread that asks
// for it; what comes next is chosen by the caller.
#include "scheduler/core.h"

#include <stddef.h>

troupe_status trp_driven_start(struct trp_scheduler *scheduler)
{
    struct trp_worker *worker = &scheduler->driver.worker;
    trp_runnable_init(&scheduler->runnable, scheduler->config.allocator);
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
    trp_runnable_fini(&scheduler->runnable);
}

void trp_driven_schedule(struct trp_scheduler *scheduler, struct trp_task *task)
{
    trp_runnable_put(&scheduler->runnable, task);
}

uint32_t trp_driven_tasks(const struct trp_scheduler *scheduler)
{
    return scheduler->runnable.count;
}

uint32_t trp_driven_jobs(const struct trp_scheduler *scheduler)
{
    return scheduler->blocking.queued; // nobody else is there to lock out
}

struct trp_task *trp_driven_task(const struct trp_scheduler *scheduler, uint32_t index)
{
    return trp_runnable_at(&scheduler->runnable, index);
}

// Reads the clock and enters the worker; returns what was entered before.
static struct trp_worker *enter(struct trp_scheduler *scheduler)
{
    struct trp_seat *seat = &scheduler->driver;
    seat->now = trp_clock_now(&scheduler->config.clock);
    return trp_worker_enter(&seat->worker);
}

void trp_driven_prefer_task(struct trp_scheduler *scheduler, uint32_t index)
{
    trp_runnable_prefer(&scheduler->runnable, index);
}

void trp_driven_run_task(struct trp_scheduler *scheduler, uint32_t index)
{
    struct trp_worker *before = enter(scheduler);
    struct trp_seat *seat = &scheduler->driver;
    struct trp_task *task = trp_runnable_take(&scheduler->runnable, index);
    seat->slice_start = seat->now;
    if (scheduler->config.ops->run(&seat->worker, task) == TRP_RUN_AGAIN)
        trp_driven_schedule(scheduler, task);
    trp_worker_enter(before);
}

struct trp_task *trp_driven_take_task(struct trp_scheduler *scheduler, uint32_t index)
{
    return trp_runnable_take(&scheduler->runnable, index);
}

void trp_driven_run_job(struct trp_scheduler *scheduler, uint32_t index)
{
    struct trp_job *job = trp_blocking_take(&scheduler->blocking, index);
    // A job runs on no worker, as it would on a thread of its own.
    struct trp_worker *before = trp_worker_enter(NULL);
    job->run(job);
    trp_worker_enter(before);
}

bool trp_driven_expire(struct trp_scheduler *scheduler)
{
    struct trp_worker *before = enter(scheduler);
    bool expired = trp_expire_chosen(&scheduler->driver.worker, scheduler->driver.now);
    trp_worker_enter(before);
    return expired;
}

// A timer that is due comes first; else one of the tasks, followed by the jobs.
static bool step(struct trp_scheduler *scheduler)
{
    if (trp_driven_expire(scheduler))
        return true;
    const struct trp_choice *choice = &scheduler->config.choice;
    uint32_t tasks = trp_driven_tasks(scheduler);
    uint32_t count = tasks + trp_driven_jobs(scheduler);
    if (count == 0)
        return false;
    uint32_t chosen = choice->next ? choice->next(choice->user, count) : 0;
    TRP_ASSERT(chosen < count);
    if (chosen < tasks)
        trp_driven_run_task(scheduler, chosen);
    else
        trp_driven_run_job(scheduler, chosen - tasks);
    return true;
}

bool trp_scheduler_step(struct trp_scheduler *scheduler)
{
    TRP_ASSERT(scheduler->config.driven);
    return !trp_is_stopping(scheduler) && step(scheduler);
}
