// A scheduler whose workers are threads of an interleaving test: their real search, sleep and
// stealing (find.c, parking.c, worker.c), without the threads of trp_scheduler_start.
#ifndef TESTS_SUPPORT_CREW_H
#define TESTS_SUPPORT_CREW_H

#include "scheduler/core.h"

#define POOL_WORKERS 3

struct crew {
    struct trp_scheduler *scheduler;
    struct trp_pool_worker *workers;
    struct trp_slab *slab;
    uint64_t now;
};

// False: no memory. The clock moves on by a tick of the sentinel with each reading, so that each of
// its looks counts. `ops` must be static.
bool crew_open(struct crew *crew, const struct trp_scheduler_ops *ops);
void crew_close(struct crew *crew);

// Before each run: `workers` of them, all active, whose activations are taken to be so short that
// what they leave waiting is never worth a wake-up by itself.
void crew_setup(struct crew *crew, uint32_t workers);

// After each run.
void crew_clean_up(struct crew *crew);

// Has all workers end.
void crew_stop(struct crew *crew);

// Whether all are parked, and the sentinel sleeps until it is woken.
bool crew_sleeps_deep(const struct crew *crew);

#endif
