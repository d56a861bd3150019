// A scheduler whose workers are threads of an interleaving test: the real next slots, rings, search
// and parking, with the turns in the harness's hands. What a worker does with a task that it finds
// is the test's.
//
// It is a driven scheduler that is dressed up as one with a pool. Nothing here is guarded: one
// thread runs at a time.
#ifndef TESTS_SUPPORT_POOL_H
#define TESTS_SUPPORT_POOL_H

#include "scheduler/core.h"
#include "tests/support/interleave.h"

#define POOL_WORKERS 3

struct pool {
    struct trp_scheduler *scheduler;
    struct trp_pool_worker *workers; // POOL_WORKERS of them
    uint64_t now;                    // each reading of the clock is a tick of the sentinel later:
                                     // so each of its looks counts
};

extern struct pool pool;

// For cmocka: before and after all tests of a file.
int pool_make(void **state);
int pool_free(void **state);

// Prepares a run with that many workers: call it in setup. `expire` is what a timer does; may be
// NULL.
void pool_open(uint32_t workers, void (*expire)(struct trp_worker *worker, struct trp_timer *));

// Ends all searching and sleeping: for a thread of the run, when all is found.
void pool_stop(void);

// After a run: call it in check, and after a run that was to fail.
void pool_clean(void);

#endif
