// See crew.h. A driven scheduler that is dressed up as one with a pool.
#include "tests/support/crew.h"

#include "base/slab.h"

#include <stdlib.h>

static uint64_t read_clock(void *user)
{
    struct crew *crew = user;
    return crew->now += TRP_SENTINEL_TICK_NS;
}

bool crew_open(struct crew *crew, const struct trp_scheduler_ops *ops)
{
    *crew = (struct crew){.slab = trp_slab_new(&trp_default_allocator)};
    const struct trp_scheduler_config config = {.workers = POOL_WORKERS,
                                                .driven = true,
                                                .slice_ns = TRP_NS_PER_MS,
                                                .clock = {read_clock, crew},
                                                .allocator = &trp_default_allocator,
                                                .slab = crew->slab,
                                                .ops = ops,
                                                .user = crew->slab};
    crew->workers =
        aligned_alloc(_Alignof(struct trp_pool_worker), POOL_WORKERS * sizeof *crew->workers);
    if (!crew->slab || !crew->workers ||
        trp_scheduler_start(&config, &crew->scheduler) != TROUPE_OK)
        return false;
    crew->scheduler->config.driven = false;
    crew->scheduler->pool = crew->workers;
    return true;
}

void crew_close(struct crew *crew)
{
    struct trp_scheduler *scheduler = crew->scheduler;
    scheduler->config.driven = true;
    scheduler->config.workers = 1;
    scheduler->pool = NULL;
    atomic_store(&scheduler->alive, 0);
    atomic_store(&scheduler->stopping, false);
    bool stopped = trp_scheduler_stop(scheduler, TRP_NEVER);
    TRP_ASSERT(stopped);
    trp_scheduler_free(scheduler);
    free(crew->workers);
    trp_slab_free(crew->slab);
}

void crew_setup(struct crew *crew, uint32_t workers)
{
    struct trp_scheduler *scheduler = crew->scheduler;
    crew->now = 0;
    scheduler->config.workers = workers;
    scheduler->spins = 0;
    atomic_init(&scheduler->stopping, false);
    atomic_init(&scheduler->alive, workers + 1); // never 0: nobody waits for it
    trp_parking_init(&scheduler->parking, workers);
    trp_inject_init(&scheduler->inject, &trp_default_allocator);
    for (uint32_t i = 0; i < workers; i++) {
        trp_pool_worker_init(&crew->workers[i], scheduler, i);
        atomic_init(&crew->workers[i].mean_ns, 1);
    }
}

void crew_clean_up(struct crew *crew)
{
    for (uint32_t i = 0; i < crew->scheduler->config.workers; i++)
        if (crew->workers[i].seat.worker.cache.slab) // else it has ended by itself
            trp_slab_cache_fini(&crew->workers[i].seat.worker.cache);
    trp_inject_fini(&crew->scheduler->inject);
    trp_inject_init(&crew->scheduler->inject, &trp_default_allocator);
}

void crew_stop(struct crew *crew)
{
    atomic_store(&crew->scheduler->stopping, true);
    trp_parking_close(&crew->scheduler->parking);
}

bool crew_sleeps_deep(const struct crew *crew)
{
    const struct trp_parking *parking = &crew->scheduler->parking;
    return trp_parking_parked(parking) == parking->workers && atomic_load(&parking->deep);
}
