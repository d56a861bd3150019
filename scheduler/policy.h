// When sharing work pays: the numbers, and the estimate that they are compared with.
#ifndef TRP_SCHEDULER_POLICY_H
#define TRP_SCHEDULER_POLICY_H

#include "scheduler/core.h"

// Wake another worker for at least that much waiting work: a few times what the wake-up costs.
#define TRP_WAKE_NS 30000U

// A worker that is searching takes from queues of at least that much work.
#define TRP_STEAL_NS (TRP_WAKE_NS / 2)

// The sentinel takes from a worker that gets on when its last task would wait longer than that.
#define TRP_HELP_NS 100000U

// Means are cut off there: long is long.
#define TRP_MEAN_MAX_NS 10000000U

// How long the tasks in a worker's ring will wait, estimated; any thread.
static inline uint64_t trp_waiting_ns(const struct trp_pool_worker *worker)
{
    // relaxed: an estimate.
    uint64_t mean = atomic_load_explicit(&worker->mean_ns, memory_order_relaxed);
    return mean * trp_ring_length(&worker->ring);
}

#endif
