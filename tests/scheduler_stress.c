// The scheduler with real threads and more workers than cores: tasks schedule each other at random,
// some at home, some through blocking jobs and timers, and outside threads add to it. A task's
// fields are not atomic, on purpose: a task that runs twice at once, or is lost on the way from one
// worker to another without its contents, is a data race or a hang.
#include "base/assert.h"
#include "base/futex.h"
#include "base/slab.h"
#include "scheduler/scheduler.h"
#include "tests/support/test.h"

#include <limits.h>
#include <pthread.h>
#include <stdlib.h>

#define TASKS    2000
#define HOMES    8
#define OUTSIDE  8
#define REQUESTS 300000L

// A task's state, as a mailbox would keep it: how many requests wait. From 0 to 1: schedule.
struct item {
    struct trp_task task;   // first
    struct trp_timer timer; // the wheel's lock
    _Atomic uint32_t waiting;
    uint64_t handled;
    uint64_t sum; // grows with each activation, to be raced for
    uint32_t key;
};

struct world {
    struct trp_scheduler *scheduler;
    struct item items[TASKS];
    _Atomic long left;    // requests to be made
    _Atomic long open;    // made, not yet handled; 1 more while they are made
    _Atomic uint32_t end; // a futex
};

static struct world *world;

static bool worker_start(struct trp_worker *worker)
{
    (void)worker;
    return true;
}

static void worker_stop(struct trp_worker *worker)
{
    (void)worker;
}

static void close_one(void)
{
    if (atomic_fetch_sub(&world->open, 1) == 1) {
        atomic_store(&world->end, 1);
        trp_futex_wake(&world->end, INT_MAX);
    }
}

static void request(struct trp_worker *worker, struct item *item)
{
    if (atomic_fetch_sub(&world->left, 1) <= 0)
        return;
    atomic_fetch_add(&world->open, 1);
    if (atomic_fetch_add(&item->waiting, 1) == 0)
        trp_schedule(world->scheduler, worker, &item->task);
}

static void request_later(struct item *item, uint64_t delay)
{
    struct trp_wheel *wheel = trp_scheduler_wheel(world->scheduler, item->key);
    uint64_t deadline = trp_scheduler_now(world->scheduler) + delay;
    trp_wheel_lock(wheel);
    bool cancelled = trp_wheel_cancel(wheel, &item->timer);
    bool armed = item->timer.deadline != 0 && !cancelled; // expired, not handled yet
    if (!armed)
        trp_wheel_arm(wheel, &item->timer, deadline);
    trp_wheel_unlock(wheel);
    if (!armed)
        trp_scheduler_timer_armed(world->scheduler, deadline);
    if (!cancelled && !armed)
        atomic_fetch_add(&world->open, 1); // the timer is open until it has expired
}

static void expire(struct trp_worker *worker, struct trp_timer *timer)
{
    struct item *item = TRP_CONTAINER(timer, struct item, timer);
    struct trp_wheel *wheel = trp_scheduler_wheel(world->scheduler, item->key);
    trp_wheel_lock(wheel);
    timer->deadline = 0;
    trp_wheel_unlock(wheel);
    request(worker, item);
    close_one();
}

static struct item *any_item(struct trp_worker *worker)
{
    return &world->items[trp_random_below(&worker->random, TASKS)];
}

static void run_job(struct trp_job *job)
{
    free(job);
    request(NULL, &world->items[0]);
    close_one();
}

static void discard_job(struct trp_job *job)
{
    free(job);
    close_one();
}

static void submit_job(void)
{
    struct trp_job *job = malloc(sizeof *job);
    *job = (struct trp_job){.run = run_job, .discard = discard_job};
    atomic_fetch_add(&world->open, 1);
    if (trp_blocking_submit(world->scheduler, job) != TROUPE_OK)
        discard_job(job);
}

static enum trp_run run(struct trp_worker *worker, struct trp_task *task)
{
    struct item *item = (struct item *)(void *)task;
    item->sum += item->handled + 1;
    uint32_t handled = 1;
    for (;; handled++) {
        item->handled++;
        uint32_t dice = trp_random_below(&worker->random, 1000);
        request(worker, any_item(worker));
        if (dice < 300)
            request(worker, any_item(worker));
        if (dice < 3)
            submit_job();
        if (dice > 980)
            request_later(any_item(worker), dice * 1000);
        bool was_last = atomic_fetch_sub(&item->waiting, 1) == 1;
        close_one();
        if (was_last)
            return TRP_RUN_DONE; // from here on another may schedule it
        if (trp_worker_over_slice(worker, handled) || dice % 8 == 0)
            return TRP_RUN_AGAIN;
    }
}

static const struct trp_scheduler_ops ops = {worker_start, worker_stop, run, expire, NULL, NULL};

static void *outside(void *user)
{
    struct trp_random random;
    trp_random_init(&random, (uint64_t)(uintptr_t)user);
    while (atomic_load(&world->left) > 0)
        request(NULL, &world->items[trp_random_below(&random, TASKS)]);
    return NULL;
}

static void run_world(uint32_t workers)
{
    struct trp_slab *slab = trp_slab_new(&trp_default_allocator);
    world = calloc(1, sizeof *world);
    const struct trp_scheduler_config config = {.workers = workers,
                                                .slice_ns = TRP_NS_PER_MS,
                                                .seed = workers,
                                                .name = "stress",
                                                .clock = trp_real_clock,
                                                .allocator = &trp_default_allocator,
                                                .slab = slab,
                                                .ops = &ops};
    assert_int_equal(trp_scheduler_start(&config, &world->scheduler), TROUPE_OK);
    for (uint32_t i = 0; i < TASKS; i++)
        world->items[i].key = i;
    for (uint32_t i = 0; i < HOMES; i++)
        assert_int_equal(trp_thread_start(world->scheduler, &world->items[i].task, "home"),
                         TROUPE_OK);
    atomic_store(&world->left, REQUESTS);
    atomic_store(&world->open, 1);
    pthread_t threads[OUTSIDE];
    for (uintptr_t i = 0; i < OUTSIDE; i++)
        pthread_create(&threads[i], NULL, outside, (void *)(i + 1));
    for (int i = 0; i < OUTSIDE; i++)
        pthread_join(threads[i], NULL);
    close_one();
    while (!atomic_load(&world->end)) // hangs if a task or a timer is lost
        trp_futex_wait(&world->end, 0, TRP_NEVER);
    for (uint32_t i = 0; i < HOMES; i++)
        trp_thread_stop(world->scheduler, &world->items[i].task);
    assert_true(trp_scheduler_stop(world->scheduler, TRP_NEVER));
    trp_scheduler_free(world->scheduler);
    trp_slab_free(slab);
    uint64_t handled = 0;
    for (int i = 0; i < TASKS; i++)
        handled += world->items[i].handled;
    assert_int_equal(handled, REQUESTS);
    free(world);
}

static void every_request_is_handled_once_by_one_worker_at_a_time(void **state)
{
    (void)state;
    static const uint32_t workers[] = {1, 2, 3, 8, 32};
    for (size_t i = 0; i < sizeof workers / sizeof workers[0]; i++)
        run_world(workers[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_request_is_handled_once_by_one_worker_at_a_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
