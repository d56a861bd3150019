// The scheduler with real threads. What must happen within a bound is tested by what hangs when it
// does not happen, never by elapsed time.
#include "base/futex.h"
#include "scheduler/core.h"
#include "scheduler/scheduler.h"
#include "tests/support/test.h"

#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

// ---- A flag that threads wait for

struct gate {
    _Atomic uint32_t opened;
};

static void open_gate(struct gate *gate)
{
    atomic_fetch_add(&gate->opened, 1);
    trp_futex_wake(&gate->opened, INT32_MAX);
}

static void await_gate(struct gate *gate, uint32_t times)
{
    for (uint32_t seen; (seen = atomic_load(&gate->opened)) < times;)
        trp_futex_wait(&gate->opened, seen, TRP_NEVER);
}

// ---- Tasks and a scheduler whose ops call them

struct item {
    struct trp_task task; // first
    enum trp_run (*run)(struct trp_worker *worker, struct item *item);
    struct gate ran;     // counts activations
    struct gate release; // what a held one waits for
    struct item *peer;
    uint32_t left;
    struct trp_worker *worker; // that ran it last
};

struct alarm {
    struct trp_timer timer; // first
    struct gate rang;
};

struct world {
    struct trp_slab *slab;
    struct trp_scheduler *scheduler;
    _Atomic int started;
    _Atomic int stopped;
    _Atomic int fail_at; // the start that fails; 0: none
    _Atomic long held;   // blocks out of the allocator
    _Atomic long allocations;
    long allocations_allowed;
    troupe_allocator allocator;
};

static bool worker_start(struct trp_worker *worker)
{
    struct world *world = trp_scheduler_user(worker->scheduler);
    if (atomic_fetch_add(&world->started, 1) + 1 == atomic_load(&world->fail_at)) {
        atomic_fetch_sub(&world->started, 1);
        return false;
    }
    worker->user = world;
    return true;
}

static void worker_stop(struct trp_worker *worker)
{
    struct world *world = worker->user;
    atomic_fetch_add(&world->stopped, 1);
}

static enum trp_run run(struct trp_worker *worker, struct trp_task *task)
{
    struct item *item = (struct item *)(void *)task;
    assert_ptr_equal(trp_worker_current(worker->scheduler), worker);
    return item->run(worker, item);
}

static void expire(struct trp_worker *worker, struct trp_timer *timer)
{
    (void)worker;
    open_gate(&((struct alarm *)(void *)timer)->rang);
}

static const struct trp_scheduler_ops ops = {worker_start, worker_stop, run, expire, NULL, NULL};

static void *count_alloc(void *user, size_t size, size_t align)
{
    struct world *world = user;
    if (atomic_fetch_add(&world->allocations, 1) >= world->allocations_allowed)
        return NULL;
    void *block = aligned_alloc(align < sizeof(void *) ? sizeof(void *) : align,
                                (size + align - 1) / align * align);
    atomic_fetch_add(&world->held, block != NULL);
    return block;
}

static void count_free(void *user, void *block, size_t size)
{
    struct world *world = user;
    (void)size;
    atomic_fetch_sub(&world->held, 1);
    free(block);
}

static void init_world(struct world *world)
{
    memset(world, 0, sizeof *world);
    world->allocations_allowed = LONG_MAX;
    world->allocator = (troupe_allocator){.alloc = count_alloc, .free = count_free, .user = world};
    world->slab = trp_slab_new(&trp_default_allocator);
}

static troupe_status start(struct world *world, uint32_t workers)
{
    const struct trp_scheduler_config config = {.workers = workers,
                                                .slice_ns = TRP_NS_PER_MS,
                                                .seed = 1,
                                                .name = "test",
                                                .clock = trp_real_clock,
                                                .allocator = &world->allocator,
                                                .slab = world->slab,
                                                .ops = &ops,
                                                .user = world};
    return trp_scheduler_start(&config, &world->scheduler);
}

static void stop(struct world *world)
{
    assert_true(trp_scheduler_stop(world->scheduler, TRP_NEVER));
    trp_scheduler_free(world->scheduler);
    assert_int_equal(atomic_load(&world->held), 0);
    assert_int_equal(atomic_load(&world->started), atomic_load(&world->stopped));
}

static void end_world(struct world *world)
{
    stop(world);
    trp_slab_free(world->slab);
}

// ---- What tasks do

static enum trp_run run_once(struct trp_worker *worker, struct item *item)
{
    item->worker = worker;
    open_gate(&item->ran);
    return TRP_RUN_DONE;
}

static enum trp_run run_until_done(struct trp_worker *worker, struct item *item)
{
    if (--item->left > 0)
        return TRP_RUN_AGAIN;
    return run_once(worker, item);
}

static enum trp_run run_until_released(struct trp_worker *worker, struct item *item)
{
    run_once(worker, item);
    await_gate(&item->release, 1);
    return TRP_RUN_DONE;
}

// Makes its peer runnable and holds the worker until the peer has run, which must be elsewhere.
static enum trp_run schedule_peer_and_wait(struct trp_worker *worker, struct item *item)
{
    trp_schedule(worker->scheduler, worker, &item->peer->task);
    await_gate(&item->peer->ran, 1);
    return run_once(worker, item);
}

// ---- The pool

static void a_task_from_outside_runs(void **state)
{
    (void)state;
    for (uint32_t workers = 1; workers <= 3; workers++) {
        struct world world;
        init_world(&world);
        assert_int_equal(start(&world, workers), TROUPE_OK);
        assert_int_equal(trp_scheduler_workers(world.scheduler), workers);
        assert_null(trp_worker_current(world.scheduler));
        struct item item = {.run = run_until_done, .left = 1000};
        trp_schedule(world.scheduler, NULL, &item.task);
        await_gate(&item.ran, 1);
        end_world(&world);
    }
}

static void a_task_in_the_next_slot_of_a_held_worker_runs_elsewhere(void **state)
{
    (void)state;
    struct world world;
    init_world(&world);
    assert_int_equal(start(&world, 2), TROUPE_OK);
    for (int round = 0; round < 20; round++) {
        struct item peer = {.run = run_once};
        struct item item = {.run = schedule_peer_and_wait, .peer = &peer};
        trp_schedule(world.scheduler, NULL, &item.task);
        await_gate(&item.ran, 1);
        assert_ptr_not_equal(item.worker, peer.worker);
    }
    end_world(&world);
}

static enum trp_run schedule_four_and_wait(struct trp_worker *worker, struct item *item)
{
    for (int i = 0; i < 4; i++)
        trp_schedule(worker->scheduler, worker, &item->peer[i].task);
    for (int i = 0; i < 4; i++)
        await_gate(&item->peer[i].ran, 1);
    return run_once(worker, item);
}

static void tasks_in_the_ring_of_a_held_worker_run_elsewhere(void **state)
{
    (void)state;
    struct world world;
    init_world(&world);
    assert_int_equal(start(&world, 2), TROUPE_OK);
    for (int round = 0; round < 20; round++) {
        struct item peers[4] = {
            {.run = run_once}, {.run = run_once}, {.run = run_once}, {.run = run_once}};
        struct item item = {.run = schedule_four_and_wait, .peer = peers};
        trp_schedule(world.scheduler, NULL, &item.task);
        await_gate(&item.ran, 1);
    }
    end_world(&world);
}

static void held_tasks_spread_over_all_workers(void **state)
{
    (void)state;
    struct world world;
    init_world(&world);
    assert_int_equal(start(&world, 4), TROUPE_OK);
    // Four tasks that are all held at once: each must have got a worker of its own.
    struct item items[4] = {{.run = run_until_released},
                            {.run = run_until_released},
                            {.run = run_until_released},
                            {.run = run_until_released}};
    for (int i = 0; i < 4; i++)
        trp_schedule(world.scheduler, NULL, &items[i].task);
    for (int i = 0; i < 4; i++)
        await_gate(&items[i].ran, 1);
    for (int i = 0; i < 4; i++)
        open_gate(&items[i].release);
    end_world(&world);
}

static enum trp_run ping(struct trp_worker *worker, struct item *item)
{
    if (item->left-- == 0)
        return run_once(worker, item);
    trp_schedule(worker->scheduler, worker, &item->peer->task);
    return TRP_RUN_DONE;
}

static void two_that_schedule_each_other_do_not_starve_a_third(void **state)
{
    (void)state;
    struct world world;
    init_world(&world);
    assert_int_equal(start(&world, 1), TROUPE_OK);
    struct item first = {.run = ping, .left = UINT32_MAX};
    struct item second = {.run = ping, .left = UINT32_MAX, .peer = &first};
    first.peer = &second;
    struct item third = {.run = run_until_done, .left = 1000};
    trp_schedule(world.scheduler, NULL, &first.task);
    trp_schedule(world.scheduler, NULL, &third.task);
    await_gate(&third.ran, 1); // although the next slot is never empty
    end_world(&world);
}

static void the_slice_of_a_long_activation_ends(void **state)
{
    (void)state;
    struct world world;
    init_world(&world);
    const struct trp_scheduler_config config = {.workers = 1,
                                                .driven = true,
                                                .slice_ns = 1,
                                                .clock = trp_real_clock,
                                                .allocator = &world.allocator,
                                                .slab = world.slab,
                                                .ops = &ops,
                                                .user = &world};
    assert_int_equal(trp_scheduler_start(&config, &world.scheduler), TROUPE_OK);
    struct trp_worker *worker = &world.scheduler->driver.worker;
    assert_true(trp_worker_over_slice(worker, 1));
    assert_false(trp_worker_over_slice(worker, 7)); // does not look
    assert_true(trp_worker_over_slice(worker, 8));
    end_world(&world);
}

// ---- Timers

static void set_alarm(struct world *world, struct alarm *alarm, uint32_t key, uint64_t delay)
{
    struct trp_wheel *wheel = trp_scheduler_wheel(world->scheduler, key);
    uint64_t deadline = trp_scheduler_now(world->scheduler) + delay;
    trp_wheel_lock(wheel);
    trp_wheel_arm(wheel, &alarm->timer, deadline);
    trp_wheel_unlock(wheel);
    trp_scheduler_timer_armed(world->scheduler, deadline);
}

static void a_timer_expires_in_an_idle_system(void **state)
{
    (void)state;
    for (uint32_t workers = 1; workers <= 3; workers++) {
        struct world world;
        init_world(&world);
        assert_int_equal(start(&world, workers), TROUPE_OK);
        struct alarm far = {0};
        set_alarm(&world, &far, 1, UINT64_C(3600) * 1000 * TRP_NS_PER_MS);
        for (uint32_t i = 0; i < 10; i++) {
            struct alarm alarm = {0};
            set_alarm(&world, &alarm, i, i * TRP_NS_PER_MS / 3); // earlier than the far one
            await_gate(&alarm.rang, 1);
        }
        assert_int_equal(atomic_load(&far.rang.opened), 0);
        end_world(&world);
    }
}

static enum trp_run await_alarm(struct trp_worker *worker, struct item *item)
{
    struct world *world = worker->user;
    struct alarm alarm = {0};
    set_alarm(world, &alarm, 0, TRP_NS_PER_MS);
    await_gate(&alarm.rang, 1);
    return run_once(worker, item);
}

static void a_timer_expires_while_a_worker_is_held(void **state)
{
    (void)state;
    struct world world;
    init_world(&world);
    assert_int_equal(start(&world, 2), TROUPE_OK);
    for (int round = 0; round < 10; round++) {
        struct item item = {.run = await_alarm};
        trp_schedule(world.scheduler, NULL, &item.task);
        await_gate(&item.ran, 1);
    }
    end_world(&world);
}

static void a_timer_expires_while_a_worker_is_busy(void **state)
{
    (void)state;
    struct world world;
    init_world(&world);
    assert_int_equal(start(&world, 1), TROUPE_OK);
    struct item busy = {.run = run_until_done, .left = UINT32_MAX};
    trp_schedule(world.scheduler, NULL, &busy.task);
    struct alarm alarm = {0};
    set_alarm(&world, &alarm, 0, TRP_NS_PER_MS);
    await_gate(&alarm.rang, 1);
    end_world(&world);
}

// ---- Start and stop

static void a_stop_gives_up_on_a_held_worker_and_can_be_repeated(void **state)
{
    (void)state;
    struct world world;
    init_world(&world);
    assert_int_equal(start(&world, 2), TROUPE_OK);
    struct item item = {.run = run_until_released};
    trp_schedule(world.scheduler, NULL, &item.task);
    await_gate(&item.ran, 1);
    assert_false(trp_scheduler_stop(world.scheduler, 0));
    assert_false(trp_scheduler_stop(world.scheduler, trp_clock_now(&trp_real_clock) + 1000));
    open_gate(&item.release);
    end_world(&world);
}

static void starting_and_stopping_leaves_nothing_behind(void **state)
{
    (void)state;
    struct world world;
    init_world(&world);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(start(&world, 2), TROUPE_OK);
        stop(&world);
    }
    trp_slab_free(world.slab);
}

static void a_start_without_memory_leaves_nothing_behind(void **state)
{
    (void)state;
    struct world world;
    init_world(&world);
    troupe_status status;
    long allowed = 0;
    do {
        world.allocations = 0;
        world.allocations_allowed = allowed++;
        status = start(&world, 3);
        assert_true(status == TROUPE_OK || status == TROUPE_ENOMEM);
        if (status == TROUPE_ENOMEM)
            assert_int_equal(atomic_load(&world.held), 0);
    } while (status == TROUPE_ENOMEM);
    assert_true(allowed > 3);
    end_world(&world);
}

static void a_worker_that_cannot_start_fails_the_start(void **state)
{
    (void)state;
    struct world world;
    init_world(&world);
    for (int i = 1; i <= 3; i++) {
        world.started = 0;
        world.stopped = 0;
        world.fail_at = i;
        assert_int_equal(start(&world, 3), TROUPE_ENOMEM);
        assert_int_equal(atomic_load(&world.held), 0);
        assert_int_equal(atomic_load(&world.started), atomic_load(&world.stopped));
    }
    trp_slab_free(world.slab);
}

static enum trp_run note_signals(struct trp_worker *worker, struct item *item)
{
    sigset_t blocked;
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    item->left = sigismember(&blocked, SIGTERM) == 1 && sigismember(&blocked, SIGSEGV) == 0;
    return run_once(worker, item);
}

static void signals_stay_with_the_users_threads(void **state)
{
    (void)state;
    struct world world;
    init_world(&world);
    assert_int_equal(start(&world, 1), TROUPE_OK);
    struct item item = {.run = note_signals};
    trp_schedule(world.scheduler, NULL, &item.task);
    await_gate(&item.ran, 1);
    assert_int_equal(item.left, 1);
    sigset_t blocked;
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    assert_int_equal(sigismember(&blocked, SIGTERM), 0);
    end_world(&world);
}

static void there_is_at_least_one_cpu(void **state)
{
    (void)state;
    cpu_set_t set;
    assert_int_equal(sched_getaffinity(0, sizeof set, &set), 0);
    assert_in_range(trp_cpu_count(), 1, CPU_COUNT(&set));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_task_from_outside_runs),
        cmocka_unit_test(a_task_in_the_next_slot_of_a_held_worker_runs_elsewhere),
        cmocka_unit_test(tasks_in_the_ring_of_a_held_worker_run_elsewhere),
        cmocka_unit_test(held_tasks_spread_over_all_workers),
        cmocka_unit_test(two_that_schedule_each_other_do_not_starve_a_third),
        cmocka_unit_test(the_slice_of_a_long_activation_ends),
        cmocka_unit_test(a_timer_expires_in_an_idle_system),
        cmocka_unit_test(a_timer_expires_while_a_worker_is_held),
        cmocka_unit_test(a_timer_expires_while_a_worker_is_busy),
        cmocka_unit_test(a_stop_gives_up_on_a_held_worker_and_can_be_repeated),
        cmocka_unit_test(starting_and_stopping_leaves_nothing_behind),
        cmocka_unit_test(a_start_without_memory_leaves_nothing_behind),
        cmocka_unit_test(a_worker_that_cannot_start_fails_the_start),
        cmocka_unit_test(signals_stay_with_the_users_threads),
        cmocka_unit_test(there_is_at_least_one_cpu),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
