// The threads that run blocking jobs: made when needed, up to a limit, gone when idle for a while.
#ifndef TRP_SCHEDULER_BLOCKING_H
#define TRP_SCHEDULER_BLOCKING_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct trp_job;
struct trp_scheduler;

#define TRP_BLOCKING_THREADS 512
#define TRP_BLOCKING_IDLE_NS UINT64_C(10000000000)

struct trp_blocking {
    pthread_mutex_t lock;
    pthread_cond_t ready;  // a job was queued, or the pool stops
    struct trp_job *first; // oldest; lock
    struct trp_job *last;  // lock
    uint32_t queued;       // lock
    uint32_t threads;      // lock
    uint32_t waiting;      // threads that wait on `ready`; lock
    uint32_t made;         // for names; lock
    uint64_t idle_ns;      // constant once jobs are submitted
    bool stopping;         // lock
};

void trp_blocking_init(struct trp_blocking *blocking);

// Takes no more jobs, discards those that are queued, lets threads end after their jobs.
void trp_blocking_stop(struct trp_scheduler *scheduler);

// Called when all threads have ended.
void trp_blocking_fini(struct trp_blocking *blocking);

// Driven mode: takes out the job at `index`, oldest first.
struct trp_job *trp_blocking_take(struct trp_blocking *blocking, uint32_t index);

#endif
