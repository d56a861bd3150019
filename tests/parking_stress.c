// Lost wake-ups with real threads: the system goes idle after each task, thousands of times, while
// several threads outside make one task runnable after the other and wait for it.
#include "base/assert.h"
#include "base/futex.h"
#include "base/slab.h"
#include "scheduler/scheduler.h"
#include "tests/support/test.h"

#include <pthread.h>

#define OUTSIDE 16 // far more than there are CPUs
#define ROUNDS  1000

struct item {
    struct trp_task task;   // first
    struct trp_timer timer; // the wheel's lock
    struct item *peer;      // scheduled by this one, runs before this one is done
    _Atomic uint32_t ran;   // a futex
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

static void count(struct item *item)
{
    atomic_fetch_add(&item->ran, 1);
    trp_futex_wake(&item->ran, 1);
}

static void await(struct item *item, uint32_t times)
{
    for (uint32_t ran; (ran = atomic_load(&item->ran)) < times;)
        trp_futex_wait(&item->ran, ran, TRP_NEVER);
}

static enum trp_run run(struct trp_worker *worker, struct trp_task *task)
{
    struct item *item = (struct item *)(void *)task;
    if (item->peer)
        trp_schedule(worker->scheduler, worker, &item->peer->task);
    count(item);
    return TRP_RUN_DONE;
}

static void expire(struct trp_worker *worker, struct trp_timer *timer)
{
    (void)worker;
    count(TRP_CONTAINER(timer, struct item, timer));
}

static const struct trp_scheduler_ops ops = {worker_start, worker_stop, run, expire, NULL, NULL};

static void *make_runnable(void *user)
{
    struct trp_scheduler *scheduler = user;
    struct item peer = {.peer = NULL};
    struct item item = {.peer = &peer};
    for (uint32_t i = 1; i <= ROUNDS; i++) {
        trp_schedule(scheduler, NULL, &item.task);
        await(&item, i);
        await(&peer, i);
    }
    return NULL;
}

static void *arm_timers(void *user)
{
    struct trp_scheduler *scheduler = user;
    struct trp_wheel *wheel = trp_scheduler_wheel(scheduler, 5);
    struct item item = {.peer = NULL};
    for (uint32_t i = 1; i <= ROUNDS / 10; i++) {
        uint64_t deadline = trp_scheduler_now(scheduler) + i * 1000;
        trp_wheel_lock(wheel);
        trp_wheel_arm(wheel, &item.timer, deadline);
        trp_wheel_unlock(wheel);
        trp_scheduler_timer_armed(scheduler, deadline);
        await(&item, i);
    }
    return NULL;
}

static void nothing_waits_for_ever(void **state)
{
    (void)state;
    struct trp_slab *slab = trp_slab_new(&trp_default_allocator);
    for (uint32_t workers = 1; workers <= 16; workers *= 2) {
        const struct trp_scheduler_config config = {.workers = workers,
                                                    .slice_ns = TRP_NS_PER_MS,
                                                    .name = "stress",
                                                    .clock = trp_real_clock,
                                                    .allocator = &trp_default_allocator,
                                                    .slab = slab,
                                                    .ops = &ops};
        struct trp_scheduler *scheduler;
        assert_int_equal(trp_scheduler_start(&config, &scheduler), TROUPE_OK);
        pthread_t threads[OUTSIDE + 1];
        for (int i = 0; i < OUTSIDE; i++)
            pthread_create(&threads[i], NULL, make_runnable, scheduler);
        pthread_create(&threads[OUTSIDE], NULL, arm_timers, scheduler);
        for (int i = 0; i <= OUTSIDE; i++)
            pthread_join(threads[i], NULL);
        assert_true(trp_scheduler_stop(scheduler, TRP_NEVER));
        trp_scheduler_free(scheduler);
    }
    trp_slab_free(slab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_waits_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
