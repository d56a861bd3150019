// Blocking jobs. A FIFO of jobs under a mutex; a thread is made when more jobs are queued than
// threads wait for one. A job that was queued is run or discarded exactly once; a job that could
// not be queued stays with the caller.
//
// Threads are counted in scheduler->alive and joined by the reaper. In driven mode there are none:
// jobs stay queued until trp_scheduler_step takes one.
#include "scheduler/blocking.h"

#include "scheduler/core.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

void trp_blocking_init(struct trp_blocking *blocking)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&blocking->lock, NULL);
    pthread_cond_init(&blocking->ready, &attributes);
    pthread_condattr_destroy(&attributes);
    blocking->first = NULL;
    blocking->last = NULL;
    blocking->queued = 0;
    blocking->threads = 0;
    blocking->waiting = 0;
    blocking->made = 0;
    blocking->idle_ns = TRP_BLOCKING_IDLE_NS;
    blocking->stopping = false;
}

void trp_blocking_fini(struct trp_blocking *blocking)
{
    TRP_ASSERT(blocking->threads == 0 && blocking->queued == 0);
    pthread_cond_destroy(&blocking->ready);
    pthread_mutex_destroy(&blocking->lock);
}

// ---- The queue; the lock is held

static void enqueue(struct trp_blocking *blocking, struct trp_job *job)
{
    job->next = NULL;
    if (blocking->last)
        blocking->last->next = job;
    else
        blocking->first = job;
    blocking->last = job;
    blocking->queued++;
}

static struct trp_job *dequeue(struct trp_blocking *blocking, uint32_t index)
{
    struct trp_job *before = NULL;
    struct trp_job *job = blocking->first;
    for (; index > 0; index--) {
        before = job;
        job = job->next;
    }
    if (before)
        before->next = job->next;
    else
        blocking->first = job->next;
    if (blocking->last == job)
        blocking->last = before;
    blocking->queued--;
    return job;
}

struct trp_job *trp_blocking_take(struct trp_blocking *blocking, uint32_t index)
{
    pthread_mutex_lock(&blocking->lock);
    struct trp_job *job = dequeue(blocking, index);
    pthread_mutex_unlock(&blocking->lock);
    return job;
}

// ---- Threads

// The lock is held. Waits for a job; NULL: the thread should end.
static struct trp_job *next_job(struct trp_blocking *blocking)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    uint64_t ns = (uint64_t)until.tv_nsec + blocking->idle_ns;
    until.tv_sec += (time_t)(ns / UINT64_C(1000000000));
    until.tv_nsec = (long)(ns % UINT64_C(1000000000));
    int error = 0;
    while (!blocking->first && !blocking->stopping && error != ETIMEDOUT) {
        blocking->waiting++;
        error = pthread_cond_timedwait(&blocking->ready, &blocking->lock, &until);
        blocking->waiting--;
    }
    return blocking->first ? dequeue(blocking, 0) : NULL;
}

static void *blocking_main(void *user)
{
    struct trp_scheduler *scheduler = user;
    struct trp_blocking *blocking = &scheduler->blocking;
    pthread_mutex_lock(&blocking->lock);
    uint32_t number = blocking->made++;
    pthread_mutex_unlock(&blocking->lock);
    char name[TRP_THREAD_NAME];
    (void)snprintf(name, sizeof name, "%s-b%u", scheduler->prefix, number % 1000);
    pthread_setname_np(pthread_self(), name);

    pthread_mutex_lock(&blocking->lock);
    struct trp_job *job;
    while ((job = next_job(blocking))) {
        pthread_mutex_unlock(&blocking->lock);
        job->run(job);
        pthread_mutex_lock(&blocking->lock);
    }
    blocking->threads--;
    pthread_mutex_unlock(&blocking->lock);
    trp_reaper_leave(&scheduler->reaper);
    trp_scheduler_thread_ended(scheduler);
    return NULL;
}

// The lock is held.
static bool make_thread(struct trp_scheduler *scheduler)
{
    pthread_t thread;
    // relaxed: only trp_scheduler_stop waits for it, which looks after `stopping` was set under
    // the same lock that is held here.
    atomic_fetch_add_explicit(&scheduler->alive, 1, memory_order_relaxed);
    if (trp_thread_create(&thread, blocking_main, scheduler) != 0) {
        trp_scheduler_thread_ended(scheduler);
        return false;
    }
    scheduler->blocking.threads++;
    return true;
}

// The lock is held. Sees to it that a thread will come for one more job. False: none ever will.
static bool provide_thread(struct trp_scheduler *scheduler)
{
    struct trp_blocking *blocking = &scheduler->blocking;
    if (scheduler->config.driven || blocking->queued < blocking->waiting)
        return true;
    if (blocking->threads < TRP_BLOCKING_THREADS && make_thread(scheduler))
        return true;
    return blocking->threads > 0; // later, when one has finished its job
}

troupe_status trp_blocking_submit(struct trp_scheduler *scheduler, struct trp_job *job)
{
    struct trp_blocking *blocking = &scheduler->blocking;
    troupe_status status = TROUPE_OK;
    pthread_mutex_lock(&blocking->lock);
    if (blocking->stopping)
        status = TROUPE_ECLOSED;
    else if (!provide_thread(scheduler))
        status = TROUPE_ESYSTEM;
    if (status == TROUPE_OK) {
        enqueue(blocking, job);
        pthread_cond_signal(&blocking->ready);
    }
    pthread_mutex_unlock(&blocking->lock);
    return status;
}

void trp_blocking_stop(struct trp_scheduler *scheduler)
{
    struct trp_blocking *blocking = &scheduler->blocking;
    pthread_mutex_lock(&blocking->lock);
    blocking->stopping = true;
    pthread_cond_broadcast(&blocking->ready);
    while (blocking->first) {
        struct trp_job *job = dequeue(blocking, 0);
        pthread_mutex_unlock(&blocking->lock);
        job->discard(job);
        pthread_mutex_lock(&blocking->lock);
    }
    pthread_mutex_unlock(&blocking->lock);
}
