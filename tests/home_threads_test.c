// What is easily lost with threads beside the pool: a task that is scheduled just as its thread
// goes to sleep, the memory of threads that have ended, a job for which no thread is left.
#include "base/slab.h"
#include "scheduler/core.h"
#include "tests/support/test.h"

#include <sched.h>
#include <stdlib.h>

struct item {
    struct trp_task task; // first
    _Atomic uint32_t ran;
    bool for_ever; // it wants to be run again and again
};

struct job {
    struct trp_job job; // first
    struct job *awaits; // runs until that one is done
    _Atomic bool done;
};

struct world {
    struct trp_slab *slab;
    struct trp_scheduler *scheduler;
};

static bool worker_start(struct trp_worker *worker)
{
    (void)worker;
    return true;
}

static void worker_stop(struct trp_worker *worker)
{
    (void)worker;
}

static enum trp_run run(struct trp_worker *worker, struct trp_task *task)
{
    (void)worker;
    struct item *item = (struct item *)(void *)task;
    bool again = item->for_ever;
    atomic_fetch_add(&item->ran, 1); // then it may be scheduled anew
    return again ? TRP_RUN_AGAIN : TRP_RUN_DONE;
}

static void expire(struct trp_worker *worker, struct trp_timer *timer)
{
    (void)worker, (void)timer;
}

static const struct trp_scheduler_ops ops = {worker_start, worker_stop, run, expire, NULL, NULL};

static int setup(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    world->slab = trp_slab_new(&trp_default_allocator);
    const struct trp_scheduler_config config = {.workers = 1,
                                                .slice_ns = TRP_NS_PER_MS,
                                                .clock = trp_real_clock,
                                                .allocator = &trp_default_allocator,
                                                .slab = world->slab,
                                                .ops = &ops};
    *state = world;
    return trp_scheduler_start(&config, &world->scheduler) == TROUPE_OK ? 0 : -1;
}

static int teardown(void **state)
{
    struct world *world = *state;
    bool ended = trp_scheduler_stop(world->scheduler, TRP_NEVER);
    trp_scheduler_free(world->scheduler);
    trp_slab_free(world->slab);
    free(world);
    return ended ? 0 : -1;
}

static void await_runs(struct item *item, uint32_t runs)
{
    // Not asleep: to be back while the thread goes to sleep.
    for (int spins = 0; atomic_load(&item->ran) < runs; spins++)
        if (spins > 1000)
            sched_yield();
}

static bool has_threads(struct trp_scheduler *scheduler)
{
    trp_lock_acquire(&scheduler->threads_lock);
    bool has = scheduler->threads != NULL;
    trp_lock_release(&scheduler->threads_lock);
    return has;
}

static void a_task_scheduled_as_its_thread_goes_to_sleep_runs(void **state)
{
    struct world *world = *state;
    struct item item = {.for_ever = false};
    assert_int_equal(trp_thread_start(world->scheduler, &item.task, NULL), TROUPE_OK);
    for (uint32_t i = 1; i <= 50000; i++) {
        trp_schedule(world->scheduler, NULL, &item.task);
        await_runs(&item, i);
    }
    trp_thread_stop(world->scheduler, &item.task);
}

static void a_thread_that_is_stopped_runs_its_task_no_more(void **state)
{
    struct world *world = *state;
    struct item item = {.for_ever = true};
    assert_int_equal(trp_thread_start(world->scheduler, &item.task, NULL), TROUPE_OK);
    trp_schedule(world->scheduler, NULL, &item.task);
    await_runs(&item, 10);
    trp_thread_stop(world->scheduler, &item.task);
    assert_true(trp_scheduler_stop(world->scheduler, TRP_NEVER));
}

static void threads_that_have_ended_leave_nothing(void **state)
{
    struct world *world = *state;
    for (int i = 0; i < 10; i++) {
        struct item item = {.for_ever = false};
        assert_int_equal(trp_thread_start(world->scheduler, &item.task, NULL), TROUPE_OK);
        trp_thread_stop(world->scheduler, &item.task);
    }
    while (atomic_load(&world->scheduler->alive) > 1) // the pool's
        sched_yield();
    assert_false(has_threads(world->scheduler));
}

static void a_thread_that_ended_with_the_scheduler_leaves_nothing_when_it_is_released(void **state)
{
    struct world *world = *state;
    struct item item = {.for_ever = false};
    assert_int_equal(trp_thread_start(world->scheduler, &item.task, NULL), TROUPE_OK);
    assert_true(trp_scheduler_stop(world->scheduler, TRP_NEVER));
    assert_true(has_threads(world->scheduler));
    trp_thread_stop(world->scheduler, &item.task);
    assert_false(has_threads(world->scheduler));
}

// ---- Blocking jobs

static void run_job(struct trp_job *user)
{
    struct job *job = (struct job *)(void *)user;
    while (job->awaits && !atomic_load(&job->awaits->done))
        sched_yield();
    atomic_store(&job->done, true);
}

static void submit(struct world *world, struct job *job)
{
    job->job.run = run_job;
    assert_int_equal(trp_blocking_submit(world->scheduler, &job->job), TROUPE_OK);
}

static void await_job(struct job *job)
{
    while (!atomic_load(&job->done))
        sched_yield();
}

// One thread waits for a job when two come at once, of which one needs the other.
static void a_job_behind_one_that_waits_for_it_gets_a_thread(void **state)
{
    struct world *world = *state;
    struct job first = {.awaits = NULL};
    submit(world, &first);
    await_job(&first);
    for (int i = 0; i < 300; i++) {
        struct job second = {.awaits = NULL}, needs_it = {.awaits = &second};
        submit(world, &needs_it);
        submit(world, &second);
        await_job(&needs_it);
        await_job(&second);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_task_scheduled_as_its_thread_goes_to_sleep_runs, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_thread_that_is_stopped_runs_its_task_no_more, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(threads_that_have_ended_leave_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(
            a_thread_that_ended_with_the_scheduler_leaves_nothing_when_it_is_released, setup,
            teardown),
        cmocka_unit_test_setup_teardown(a_job_behind_one_that_waits_for_it_gets_a_thread, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
