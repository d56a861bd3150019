// Threads beside the pool: those of a task's own, and those that run blocking jobs.
#include "base/futex.h"
#include "base/slab.h"
#include "scheduler/core.h"
#include "tests/support/test.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct gate {
    _Atomic uint32_t opened;
};

static void open_gate(struct gate *gate)
{
    atomic_fetch_add(&gate->opened, 1);
    trp_futex_wake(&gate->opened, INT_MAX);
}

static void await_gate(struct gate *gate, uint32_t times)
{
    for (uint32_t seen; (seen = atomic_load(&gate->opened)) < times;)
        trp_futex_wait(&gate->opened, seen, TRP_NEVER);
}

struct item {
    struct trp_task task; // first
    struct gate ran;      // counts activations
    struct gate release;
    uint32_t again;            // how often it wants to be run again
    bool stops_itself;         // stops its thread in its activation
    bool waits;                // for release
    struct item *peer;         // scheduled at the end
    struct trp_worker *worker; // that ran it last
    char thread[TRP_THREAD_NAME];
};

struct job {
    struct trp_job job; // first
    struct gate ran;
    struct gate release;
    bool waits;
    struct gate discarded;
    struct trp_scheduler *scheduler;
    struct item *schedules;
    char thread[TRP_THREAD_NAME];
};

static _Atomic int started;
static _Atomic int stopped;
static _Atomic bool refuse;

static bool worker_start(struct trp_worker *worker)
{
    (void)worker;
    if (atomic_load(&refuse))
        return false;
    atomic_fetch_add(&started, 1);
    return true;
}

static void worker_stop(struct trp_worker *worker)
{
    (void)worker;
    atomic_fetch_add(&stopped, 1);
}

static enum trp_run run(struct trp_worker *worker, struct trp_task *task)
{
    struct item *item = (struct item *)(void *)task;
    assert_ptr_equal(trp_worker_current(worker->scheduler), worker);
    item->worker = worker;
    pthread_getname_np(pthread_self(), item->thread, sizeof item->thread);
    if (item->peer)
        trp_schedule(worker->scheduler, worker, &item->peer->task);
    if (item->again > 0) {
        item->again--;
        return TRP_RUN_AGAIN;
    }
    if (item->stops_itself)
        trp_thread_stop(worker->scheduler, task);
    bool waits = item->waits;
    open_gate(&item->ran);
    if (waits)
        await_gate(&item->release, 1);
    return TRP_RUN_DONE;
}

static void expire(struct trp_worker *worker, struct trp_timer *timer)
{
    (void)worker;
    (void)timer;
}

static const struct trp_scheduler_ops ops = {worker_start, worker_stop, run, expire, NULL, NULL};

struct world {
    struct trp_slab *slab;
    struct trp_scheduler *scheduler;
};

static int setup(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    atomic_store(&started, 0);
    atomic_store(&stopped, 0);
    atomic_store(&refuse, false);
    world->slab = trp_slab_new(&trp_default_allocator);
    const struct trp_scheduler_config config = {.workers = 2,
                                                .slice_ns = TRP_NS_PER_MS,
                                                .name = "test",
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
    return ended && atomic_load(&started) == atomic_load(&stopped) ? 0 : -1;
}

// ---- Home threads

static void a_task_with_a_home_runs_there_alone(void **state)
{
    struct world *world = *state;
    struct item item = {.again = 10};
    assert_int_equal(trp_thread_start(world->scheduler, &item.task, "at-home"), TROUPE_OK);
    for (uint32_t i = 1; i <= 100; i++) {
        trp_schedule(world->scheduler, NULL, &item.task);
        await_gate(&item.ran, i);
        assert_string_equal(item.thread, "at-home");
        assert_false(item.worker->pool);
        assert_int_equal(item.worker->index, 2);
    }
    trp_thread_stop(world->scheduler, &item.task);
    assert_null(item.task.home);
}

static void what_a_home_thread_schedules_runs_in_the_pool(void **state)
{
    struct world *world = *state;
    struct item peer = {.again = 0};
    struct item item = {.peer = &peer, .waits = true};
    assert_int_equal(trp_thread_start(world->scheduler, &item.task, "at-home"), TROUPE_OK);
    trp_schedule(world->scheduler, NULL, &item.task);
    await_gate(&peer.ran, 1); // while the home thread is held
    assert_true(peer.worker->pool);
    assert_memory_equal(peer.thread, "test-w", 6);
    await_gate(&item.ran, 1);
    open_gate(&item.release);
    trp_thread_stop(world->scheduler, &item.task);
    assert_true(trp_scheduler_stop(world->scheduler, TRP_NEVER)); // the item's thread has ended
}

static void a_task_can_stop_its_own_thread(void **state)
{
    struct world *world = *state;
    for (int i = 0; i < 200; i++) { // many in a row: their threads are joined on the way
        struct item *item = calloc(1, sizeof *item);
        item->stops_itself = true;
        assert_int_equal(trp_thread_start(world->scheduler, &item->task, NULL), TROUPE_OK);
        trp_schedule(world->scheduler, NULL, &item->task);
        await_gate(&item->ran, 1);
        assert_null(item->task.home);
        free(item);
    }
}

static void a_thread_that_never_ran_can_be_stopped(void **state)
{
    struct world *world = *state;
    struct item item = {.again = 0};
    assert_int_equal(trp_thread_start(world->scheduler, &item.task, NULL), TROUPE_OK);
    trp_thread_stop(world->scheduler, &item.task);
    trp_thread_stop(world->scheduler, &item.task); // again: has no home
}

static void a_thread_that_cannot_start_is_reported(void **state)
{
    struct world *world = *state;
    struct item item = {.again = 0};
    atomic_store(&refuse, true);
    assert_int_equal(trp_thread_start(world->scheduler, &item.task, NULL), TROUPE_ENOMEM);
    assert_null(item.task.home);
}

static void a_stop_ends_home_threads_and_waits_for_held_ones(void **state)
{
    struct world *world = *state;
    struct item idle = {.again = 0};
    struct item held = {.waits = true};
    assert_int_equal(trp_thread_start(world->scheduler, &idle.task, NULL), TROUPE_OK);
    assert_int_equal(trp_thread_start(world->scheduler, &held.task, NULL), TROUPE_OK);
    trp_schedule(world->scheduler, NULL, &held.task);
    await_gate(&held.ran, 1);
    assert_false(trp_scheduler_stop(world->scheduler, 0));
    struct item late = {.again = 0};
    assert_int_equal(trp_thread_start(world->scheduler, &late.task, NULL), TROUPE_ECLOSED);
    open_gate(&held.release);
    assert_true(trp_scheduler_stop(world->scheduler, TRP_NEVER));
    trp_thread_stop(world->scheduler, &idle.task); // may come later than the scheduler's stop
}

// ---- Blocking jobs

static void run_job(struct trp_job *base)
{
    struct job *job = (struct job *)(void *)base;
    assert_null(trp_worker_current(job->scheduler));
    pthread_getname_np(pthread_self(), job->thread, sizeof job->thread);
    if (job->schedules)
        trp_schedule(job->scheduler, NULL, &job->schedules->task);
    bool waits = job->waits;
    open_gate(&job->ran);
    if (waits)
        await_gate(&job->release, 1);
}

static void discard_job(struct trp_job *base)
{
    open_gate(&((struct job *)(void *)base)->discarded);
}

static struct job make_job(struct world *world)
{
    return (struct job){.job = {.run = run_job, .discard = discard_job},
                        .scheduler = world->scheduler};
}

static void jobs_that_block_do_not_wait_for_each_other(void **state)
{
    struct world *world = *state;
    struct job jobs[20];
    for (int i = 0; i < 20; i++) {
        jobs[i] = make_job(world);
        jobs[i].waits = true;
        assert_int_equal(trp_blocking_submit(world->scheduler, &jobs[i].job), TROUPE_OK);
    }
    for (int i = 0; i < 20; i++) {
        await_gate(&jobs[i].ran, 1);
        assert_memory_equal(jobs[i].thread, "test-b", 6);
    }
    for (int i = 0; i < 20; i++)
        open_gate(&jobs[i].release);
    assert_true(trp_scheduler_stop(world->scheduler, TRP_NEVER)); // the jobs have ended
}

static void a_job_can_make_a_task_runnable(void **state)
{
    struct world *world = *state;
    struct item item = {.again = 3};
    struct job job = make_job(world);
    job.schedules = &item;
    assert_int_equal(trp_blocking_submit(world->scheduler, &job.job), TROUPE_OK);
    await_gate(&item.ran, 1);
    await_gate(&job.ran, 1);
}

static void idle_threads_end_and_new_ones_are_made(void **state)
{
    struct world *world = *state;
    world->scheduler->blocking.idle_ns = 1;
    for (int i = 0; i < 100; i++) {
        struct job job = make_job(world);
        assert_int_equal(trp_blocking_submit(world->scheduler, &job.job), TROUPE_OK);
        await_gate(&job.ran, 1);
    }
}

static void jobs_still_queued_at_the_stop_are_discarded(void **state)
{
    struct world *world = *state;

    enum { EXTRA = 10, ALL = TRP_BLOCKING_THREADS + EXTRA };
    struct job *jobs = calloc(ALL, sizeof *jobs);
    for (int i = 0; i < ALL; i++) {
        jobs[i] = make_job(world);
        jobs[i].waits = true;
        assert_int_equal(trp_blocking_submit(world->scheduler, &jobs[i].job), TROUPE_OK);
    }
    for (int i = 0; i < TRP_BLOCKING_THREADS; i++)
        await_gate(&jobs[i].ran, 1);
    assert_false(trp_scheduler_stop(world->scheduler, 0)); // those that run are waited for
    for (int i = TRP_BLOCKING_THREADS; i < ALL; i++)
        assert_int_equal(atomic_load(&jobs[i].discarded.opened), 1);
    struct job late = make_job(world);
    assert_int_equal(trp_blocking_submit(world->scheduler, &late.job), TROUPE_ECLOSED);
    for (int i = 0; i < TRP_BLOCKING_THREADS; i++)
        open_gate(&jobs[i].release);
    assert_true(trp_scheduler_stop(world->scheduler, TRP_NEVER));
    free(jobs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_task_with_a_home_runs_there_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(what_a_home_thread_schedules_runs_in_the_pool, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_task_can_stop_its_own_thread, setup, teardown),
        cmocka_unit_test_setup_teardown(a_thread_that_never_ran_can_be_stopped, setup, teardown),
        cmocka_unit_test_setup_teardown(a_thread_that_cannot_start_is_reported, setup, teardown),
        cmocka_unit_test_setup_teardown(a_stop_ends_home_threads_and_waits_for_held_ones, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(jobs_that_block_do_not_wait_for_each_other, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_job_can_make_a_task_runnable, setup, teardown),
        cmocka_unit_test_setup_teardown(idle_threads_end_and_new_ones_are_made, setup, teardown),
        cmocka_unit_test_setup_teardown(jobs_still_queued_at_the_stop_are_discarded, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
