// What activations and wake-ups cost: two tasks that schedule each other, many that schedule random
// others, a task made runnable from outside in an idle system, and how often an idle one wakes up.
// Prints name=value lines, for one worker and for two.
#include "base/assert.h"
#include "base/futex.h"
#include "base/slab.h"
#include "scheduler/scheduler.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define MANY        120U
#define ACTIVATIONS 2000000L
#define ROUND_TRIPS 20000U

struct item {
    _Alignas(TRP_CACHE_LINE) struct trp_task task; // first
    _Atomic uint32_t waiting;                      // as a mailbox: 0 to 1 schedules
    uint64_t work;                                 // rounds of arithmetic per activation
    uint64_t result;
};

static struct item items[MANY];
static uint32_t item_count;
static _Alignas(TRP_CACHE_LINE) _Atomic uint32_t ended; // a futex
static _Alignas(TRP_CACHE_LINE) _Atomic bool stopping;

struct counter { // per worker
    _Alignas(TRP_CACHE_LINE) _Atomic long handled;
};

static struct counter counters[64];

static bool worker_start(struct trp_worker *worker)
{
    (void)worker;
    return true;
}

static void worker_stop(struct trp_worker *worker)
{
    (void)worker;
}

static void expire(struct trp_worker *worker, struct trp_timer *timer)
{
    (void)worker;
    (void)timer;
}

static void end(void)
{
    atomic_store(&ended, 1);
    trp_futex_wake(&ended, 1);
}

// Handles what waits and sends one message to a random other for each.
static enum trp_run run(struct trp_worker *worker, struct trp_task *task)
{
    struct item *item = (struct item *)(void *)task;
    if (item_count == 0) { // round trips from outside
        end();
        return TRP_RUN_DONE;
    }
    if (atomic_load_explicit(&stopping, memory_order_relaxed))
        return TRP_RUN_DONE;
    for (uint64_t i = 0; i < item->work; i++)
        item->result = item->result * 6364136223846793005U + 1;
    struct counter *counter = &counters[worker->index];
    long handled = atomic_load_explicit(&counter->handled, memory_order_relaxed) + 1;
    atomic_store_explicit(&counter->handled, handled, memory_order_relaxed);
    if (handled % 1024 == 0) {
        long all = 0;
        for (uint32_t i = 0; i < trp_scheduler_workers(worker->scheduler); i++)
            all += atomic_load_explicit(&counters[i].handled, memory_order_relaxed);
        if (all >= ACTIVATIONS) {
            atomic_store(&stopping, true);
            end();
            return TRP_RUN_DONE;
        }
    }
    uint32_t to =
        item_count == 2 ? item == &items[0] : trp_random_below(&worker->random, item_count);
    bool more = atomic_fetch_sub_explicit(&item->waiting, 1, memory_order_acq_rel) > 1;
    if (atomic_fetch_add_explicit(&items[to].waiting, 1, memory_order_acq_rel) == 0) {
        if (&items[to] == item)
            return TRP_RUN_AGAIN;
        trp_schedule(worker->scheduler, worker, &items[to].task);
    }
    return more ? TRP_RUN_AGAIN : TRP_RUN_DONE;
}

static const struct trp_scheduler_ops ops = {worker_start, worker_stop, run, expire, NULL, NULL};

static struct trp_scheduler *start(struct trp_slab *slab, uint32_t workers)
{
    const struct trp_scheduler_config config = {.workers = workers,
                                                .slice_ns = TRP_NS_PER_MS,
                                                .name = "bench",
                                                .clock = trp_real_clock,
                                                .allocator = &trp_default_allocator,
                                                .slab = slab,
                                                .ops = &ops};
    struct trp_scheduler *scheduler = NULL;
    if (trp_scheduler_start(&config, &scheduler) != TROUPE_OK)
        exit(1);
    return scheduler;
}

static void stop(struct trp_scheduler *scheduler)
{
    (void)trp_scheduler_stop(scheduler, TRP_NEVER);
    trp_scheduler_free(scheduler);
}

static void await_end(void)
{
    while (atomic_load(&ended) == 0)
        trp_futex_wait(&ended, 0, TRP_NEVER);
    atomic_store(&ended, 0);
}

// `tokens` messages travel among `count` tasks.
static double travel(struct trp_slab *slab, uint32_t workers, uint32_t count, uint32_t tokens,
                     uint64_t work)
{
    memset(items, 0, sizeof items);
    memset(counters, 0, sizeof counters);
    item_count = count;
    atomic_store(&stopping, false);
    struct trp_scheduler *scheduler = start(slab, workers);
    uint64_t begin = trp_clock_now(&trp_real_clock);
    for (uint32_t i = 0; i < count; i++)
        items[i].work = work;
    for (uint32_t i = 0; i < tokens; i++)
        if (atomic_fetch_add(&items[i].waiting, 1) == 0)
            trp_schedule(scheduler, NULL, &items[i].task);
    await_end();
    double ns = (double)(trp_clock_now(&trp_real_clock) - begin) / (double)ACTIVATIONS;
    stop(scheduler);
    return ns;
}

static double round_trip_us(struct trp_slab *slab, uint32_t workers)
{
    item_count = 0;
    struct trp_scheduler *scheduler = start(slab, workers);
    uint64_t begin = trp_clock_now(&trp_real_clock);
    for (uint32_t i = 0; i < ROUND_TRIPS; i++) {
        trp_schedule(scheduler, NULL, &items[0].task);
        await_end();
    }
    double us = (double)(trp_clock_now(&trp_real_clock) - begin) / 1000 / ROUND_TRIPS;
    stop(scheduler);
    return us;
}

static double idle_switches(struct trp_slab *slab, uint32_t workers)
{
    item_count = 0;
    struct trp_scheduler *scheduler = start(slab, workers);
    trp_schedule(scheduler, NULL, &items[0].task);
    await_end();
    struct timespec pause = {.tv_nsec = 10000000};
    nanosleep(&pause, NULL); // it settles
    struct rusage before;
    struct rusage after;
    getrusage(RUSAGE_SELF, &before);
    pause = (struct timespec){.tv_sec = 1};
    nanosleep(&pause, NULL);
    getrusage(RUSAGE_SELF, &after);
    stop(scheduler);
    return (double)(after.ru_nvcsw - before.ru_nvcsw) - 1; // one is this thread's own sleep
}

int main(void)
{
    struct trp_slab *slab = trp_slab_new(&trp_default_allocator);
    for (uint32_t workers = 1; workers <= 2; workers++) {
        printf("pingpong_w%u_ns=%.1f\n", workers, travel(slab, workers, 2, 1, 0));
        printf("random_w%u_ns=%.1f\n", workers, travel(slab, workers, MANY, MANY, 0));
        printf("random_1us_w%u_ns=%.1f\n", workers, travel(slab, workers, MANY, MANY, 800));
        printf("random_10us_w%u_ns=%.1f\n", workers, travel(slab, workers, MANY, MANY, 8000));
        printf("round_trip_w%u_us=%.2f\n", workers, round_trip_us(slab, workers));
        printf("idle_second_w%u_wakeups=%.0f\n", workers, idle_switches(slab, workers));
    }
    trp_slab_free(slab);
    return 0;
}
