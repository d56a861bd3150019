// When sharing work pays: the numbers, and the estimate that they are compared with.
#ifndef TRP_SCHEDULER_POLICY_H
#define TRP_SCHEDULER_POLICY_H

#include "scheduler/core.h"

// Wake another worker for at least that much waiting work: a few times what the wake-up costs.
#define TRP_WAKE_NS 30000U

// A worker that is searching takes from queues of at least that much work, and of coarse tasks any.
#define TRP_STEAL_NS (TRP_WAKE_NS / 2)

// The sentinel takes from a worker that gets on when its last task would wait longer than that.
#define TRP_HELP_NS 100000U

// Means are cut off there: long is long.
#define TRP_MEAN_MAX_NS 10000000U

// An activation from that long on is coarse: what it costs to run it on another CPU is little
// beside it. Half of that is fine-grained: messages between two CPUs would cost more than the
// handlers.
#define TRP_COARSE_NS 2000U

// Coarse tasks that a worker has for that long in spite of its work are shared though they are few.
#define TRP_LASTING_NS 500000U

static inline uint32_t trp_mean_ns(const struct trp_pool_worker *worker)
{
    return atomic_load_explicit(&worker->mean_ns, memory_order_relaxed); // an estimate
}

// How long the tasks in a worker's ring will wait, estimated; any thread.
static inline uint64_t trp_waiting_ns(const struct trp_pool_worker *worker)
{
    return (uint64_t)trp_mean_ns(worker) * trp_ring_length(&worker->ring);
}

// Whether a searching worker should take from the ring of this one.
static inline bool trp_is_worth_stealing(const struct trp_pool_worker *victim)
{
    return trp_waiting_ns(victim) >= TRP_STEAL_NS || trp_mean_ns(victim) >= TRP_COARSE_NS;
}

// Whether all of a worker's tasks, with the one it runs, are fine-grained and take less than that
// long.
static inline bool trp_has_less_than(const struct trp_pool_worker *worker, uint64_t ns)
{
    uint64_t mean = trp_mean_ns(worker);
    return mean < TRP_COARSE_NS / 2 && mean * (trp_ring_length(&worker->ring) + 1) < ns;
}

#endif
