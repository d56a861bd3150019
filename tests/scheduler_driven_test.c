// Driven mode: no threads, chosen order, a clock of the test's own.
#include "base/slab.h"
#include "scheduler/scheduler.h"
#include "tests/support/test.h"

#include <string.h>

struct item {
    struct trp_task task; // first
    int name;
    int again;
};

struct job {
    struct trp_job job; // first
    struct world *world;
    int name;
};

struct world {
    struct trp_slab *slab;
    struct trp_scheduler *scheduler;
    uint64_t now;
    uint32_t choices[64];
    uint32_t counts[64];
    int chosen;
    int trace[64];
    int traced;
};

static void trace(struct world *world, int name)
{
    world->trace[world->traced++] = name;
}

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
    struct item *item = (struct item *)(void *)task;
    assert_ptr_equal(trp_worker_current(worker->scheduler), worker);
    assert_false(trp_worker_over_slice(worker, 1)); // virtual time stands still
    trace(trp_scheduler_user(worker->scheduler), item->name);
    return item->again-- > 0 ? TRP_RUN_AGAIN : TRP_RUN_DONE;
}

static void expire(struct trp_worker *worker, struct trp_timer *timer)
{
    struct world *world = trp_scheduler_user(worker->scheduler);
    assert_true(timer->deadline <= world->now);
    trace(world, -1);
}

static const struct trp_scheduler_ops ops = {worker_start, worker_stop, run, expire, NULL, NULL};

static uint64_t read_clock(void *user)
{
    return ((struct world *)user)->now;
}

static uint32_t choose(void *user, uint32_t count)
{
    struct world *world = user;
    world->counts[world->chosen] = count;
    return world->choices[world->chosen++];
}

static void start(struct world *world)
{
    memset(world, 0, sizeof *world);
    world->slab = trp_slab_new(&trp_default_allocator);
    const struct trp_scheduler_config config = {.workers = 4,
                                                .driven = true,
                                                .slice_ns = TRP_NS_PER_MS,
                                                .clock = {read_clock, world},
                                                .choice = {.next = choose, .user = world},
                                                .allocator = &trp_default_allocator,
                                                .slab = world->slab,
                                                .ops = &ops,
                                                .user = world};
    assert_int_equal(trp_scheduler_start(&config, &world->scheduler), TROUPE_OK);
}

static void stop(struct world *world)
{
    assert_true(trp_scheduler_stop(world->scheduler, TRP_NEVER));
    assert_true(trp_scheduler_stop(world->scheduler, TRP_NEVER)); // again does nothing
    assert_false(trp_scheduler_step(world->scheduler));
    trp_scheduler_free(world->scheduler);
    trp_slab_free(world->slab);
}

static void expect_trace(struct world *world, const int *names, int count)
{
    assert_int_equal(world->traced, count);
    for (int i = 0; i < count; i++)
        assert_int_equal(world->trace[i], names[i]);
}

static void the_choice_picks_among_runnable_tasks_oldest_first(void **state)
{
    (void)state;
    struct world world;
    start(&world);
    struct item items[4] = {{.name = 1}, {.name = 2, .again = 1}, {.name = 3}, {.name = 4}};
    for (int i = 0; i < 4; i++)
        trp_schedule(world.scheduler, NULL, &items[i].task);
    static const uint32_t choices[] = {1, 2, 2, 0, 0};
    memcpy(world.choices, choices, sizeof choices);
    while (trp_scheduler_step(world.scheduler))
        ;
    static const int names[] = {2, 4, 2, 1, 3};
    expect_trace(&world, names, 5);
    static const uint32_t counts[] = {4, 4, 3, 2, 1};
    for (int i = 0; i < 5; i++)
        assert_int_equal(world.counts[i], counts[i]);
    stop(&world);
}

static void a_task_with_a_home_runs_in_the_loop(void **state)
{
    (void)state;
    struct world world;
    start(&world);
    struct item item = {.name = 7};
    assert_int_equal(trp_thread_start(world.scheduler, &item.task, "home"), TROUPE_OK);
    trp_schedule(world.scheduler, NULL, &item.task);
    assert_true(trp_scheduler_step(world.scheduler));
    assert_false(trp_scheduler_step(world.scheduler));
    trp_thread_stop(world.scheduler, &item.task);
    expect_trace(&world, (const int[]){7}, 1);
    stop(&world);
}

static void run_job(struct trp_job *base)
{
    struct job *job = (struct job *)(void *)base;
    assert_null(trp_worker_current(job->world->scheduler));
    trace(job->world, job->name);
}

static void discard_job(struct trp_job *base)
{
    struct job *job = (struct job *)(void *)base;
    trace(job->world, -job->name);
}

static void jobs_run_at_a_chosen_step_or_are_discarded(void **state)
{
    (void)state;
    struct world world;
    start(&world);
    struct item item = {.name = 1};
    struct job jobs[3];
    for (int i = 0; i < 3; i++) {
        jobs[i] = (struct job){
            .job = {.run = run_job, .discard = discard_job}, .world = &world, .name = 10 + i};
        assert_int_equal(trp_blocking_submit(world.scheduler, &jobs[i].job), TROUPE_OK);
    }
    trp_schedule(world.scheduler, NULL, &item.task);
    static const uint32_t choices[] = {2, 0};
    memcpy(world.choices, choices, sizeof choices);
    assert_true(trp_scheduler_step(world.scheduler));
    assert_true(trp_scheduler_step(world.scheduler));
    assert_int_equal(world.counts[0], 4);
    struct trp_scheduler *scheduler = world.scheduler;
    assert_true(trp_scheduler_stop(scheduler, TRP_NEVER));
    static const int names[] = {11, 1, -10, -12};
    expect_trace(&world, names, 4);
    stop(&world);
}

static void timers_expire_at_the_announced_time(void **state)
{
    (void)state;
    struct world world;
    start(&world);
    struct trp_timer timers[3] = {{0}, {0}, {0}};
    assert_true(trp_scheduler_next_deadline(world.scheduler) == TRP_NEVER);
    for (uint32_t i = 0; i < 3; i++) {
        struct trp_wheel *wheel = trp_scheduler_wheel(world.scheduler, i);
        trp_wheel_lock(wheel);
        trp_wheel_arm(wheel, &timers[i], UINT64_C(3600000000001) * (i + 1));
        trp_wheel_unlock(wheel);
        trp_scheduler_timer_armed(world.scheduler, timers[i].deadline);
    }
    for (int i = 0; i < 3; i++) {
        assert_false(trp_scheduler_step(world.scheduler));
        world.now = trp_scheduler_next_deadline(world.scheduler);
        assert_true(world.now >= timers[i].deadline);
        assert_true(world.now - timers[i].deadline < TRP_WHEEL_TICK_NS);
        assert_true(trp_scheduler_step(world.scheduler));
        assert_int_equal(world.traced, i + 1);
    }
    assert_true(trp_scheduler_next_deadline(world.scheduler) == TRP_NEVER);
    stop(&world);
}

static void several_schedulers_live_in_one_thread(void **state)
{
    (void)state;
    struct world first;
    struct world second;
    start(&first);
    start(&second);
    struct item items[2] = {{.name = 1}, {.name = 2}};
    trp_schedule(first.scheduler, NULL, &items[0].task);
    trp_schedule(second.scheduler, NULL, &items[1].task);
    assert_true(trp_scheduler_step(second.scheduler));
    assert_null(trp_worker_current(second.scheduler));
    assert_true(trp_scheduler_step(first.scheduler));
    assert_int_equal(trp_scheduler_workers(first.scheduler), 1);
    expect_trace(&first, (const int[]){1}, 1);
    expect_trace(&second, (const int[]){2}, 1);
    stop(&first);
    stop(&second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_choice_picks_among_runnable_tasks_oldest_first),
        cmocka_unit_test(a_task_with_a_home_runs_in_the_loop),
        cmocka_unit_test(jobs_run_at_a_chosen_step_or_are_discarded),
        cmocka_unit_test(timers_expire_at_the_announced_time),
        cmocka_unit_test(several_schedulers_live_in_one_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
