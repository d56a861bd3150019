// See pool.h.
#ifdef TRP_YIELD_POINTS // part of interleaving tests only

#    include "tests/support/pool.h"

#    include <stdlib.h>
#    include <string.h>

struct pool pool;

static void (*on_expire)(struct trp_worker *worker, struct trp_timer *timer);

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
    (void)worker, (void)task;
    return TRP_RUN_DONE;
}

static void expire(struct trp_worker *worker, struct trp_timer *timer)
{
    if (on_expire)
        on_expire(worker, timer);
}

static const struct trp_scheduler_ops ops = {worker_start, worker_stop, run, expire, NULL, NULL};

static uint64_t read_clock(void *user)
{
    (void)user;
    return pool.now += TRP_SENTINEL_TICK_NS;
}

void pool_open(uint32_t workers, void (*expires)(struct trp_worker *worker, struct trp_timer *))
{
    struct trp_scheduler *scheduler = pool.scheduler;
    on_expire = expires;
    pool.now = 0;
    atomic_init(&scheduler->stopping, false);
    trp_lock_init(&scheduler->steal_lock);
    trp_parking_init(&scheduler->parking, workers);
    trp_inject_fini(&scheduler->inject);
    trp_inject_init(&scheduler->inject, &trp_default_allocator);
    scheduler->config.workers = workers;
    for (uint32_t i = 0; i < POOL_WORKERS; i++)
        trp_pool_worker_init(&pool.workers[i], scheduler, i);
}

void pool_stop(void)
{
    atomic_store(&pool.scheduler->stopping, true);
    trp_parking_close(&pool.scheduler->parking);
}

void pool_clean(void)
{
    for (uint32_t i = 0; i < POOL_WORKERS; i++)
        trp_slab_cache_fini(&pool.workers[i].seat.worker.cache);
}

int pool_make(void **state)
{
    (void)state;
    struct trp_slab *slab = trp_slab_new(&trp_default_allocator);
    const struct trp_scheduler_config config = {.workers = POOL_WORKERS,
                                                .driven = true,
                                                .slice_ns = TRP_NS_PER_MS,
                                                .clock = {read_clock, NULL},
                                                .allocator = &trp_default_allocator,
                                                .slab = slab,
                                                .ops = &ops,
                                                .user = slab};
    pool.workers =
        aligned_alloc(_Alignof(struct trp_pool_worker), POOL_WORKERS * sizeof *pool.workers);
    if (!pool.workers || trp_scheduler_start(&config, &pool.scheduler) != TROUPE_OK)
        return -1;
    pool.scheduler->config.driven = false;
    pool.scheduler->pool = pool.workers;
    return 0;
}

int pool_free(void **state)
{
    (void)state;
    struct trp_slab *slab = trp_scheduler_user(pool.scheduler);
    pool.scheduler->config.driven = true;
    pool.scheduler->config.workers = 1;
    pool.scheduler->pool = NULL;
    atomic_store(&pool.scheduler->stopping, false);
    bool stopped = trp_scheduler_stop(pool.scheduler, TRP_NEVER);
    TRP_ASSERT(stopped);
    trp_scheduler_free(pool.scheduler);
    free(pool.workers);
    trp_slab_free(slab);
    return 0;
}

#endif
