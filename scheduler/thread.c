// Home threads: a thread that runs one task and nothing else.
//
// One word says what the thread has to do: RUN (the task was scheduled), STOP, and whether it
// SLEEPS. trp_schedule touches it once, by a fetch-or, and not the structure after it: the thread
// may run, end its task and free itself at once. (The futex call that may follow takes an address
// and does not read through it in this process; at worst it wakes a sleeper for no reason.)
//
//   [home] fetch-or of RUN or STOP (release)  ->  the thread's fetch-and (acquire): it sees what
//          was written to the task before.
//
// The structure is freed when the thread has ended *and* trp_thread_stop was called, by the later
// of both, or by trp_scheduler_free. Both happen under threads_lock.
#include "scheduler/core.h"

#include <stdio.h>

enum { RUN = 1, STOP = 2, SLEEPS = 4 };

enum start { STARTING, STARTED, FAILED };

struct trp_thread {
    struct trp_seat seat;        // the thread
    struct trp_task *task;       // constant
    struct trp_thread *next;     // threads_lock
    struct trp_thread *previous; // threads_lock
    _Atomic uint32_t word;       // RUN, STOP, SLEEPS
    _Atomic uint32_t start;      // enum start; a futex
    bool released;               // trp_thread_stop was called; threads_lock
    bool ended;                  // threads_lock
    char name[TRP_THREAD_NAME];  // constant
};

static void signal_thread(struct trp_thread *thread, uint32_t bit)
{
    // release [home]. The last use of *thread.
    if (atomic_fetch_or_explicit(&thread->word, bit, memory_order_release) & SLEEPS)
        trp_futex_wake(&thread->word, 1);
}

void trp_thread_wake(struct trp_thread *thread)
{
    signal_thread(thread, RUN);
}

// ---- The list; threads_lock is held

static void link_thread(struct trp_scheduler *scheduler, struct trp_thread *thread)
{
    thread->previous = NULL;
    thread->next = scheduler->threads;
    if (thread->next)
        thread->next->previous = thread;
    scheduler->threads = thread;
}

static void unlink_and_free(struct trp_scheduler *scheduler, struct trp_thread *thread)
{
    if (thread->previous)
        thread->previous->next = thread->next;
    else
        scheduler->threads = thread->next;
    if (thread->next)
        thread->next->previous = thread->previous;
    scheduler->allocator.free(scheduler->allocator.user, thread, sizeof *thread);
}

// ---- The thread

static void run_task(struct trp_thread *thread)
{
    struct trp_seat *seat = &thread->seat;
    const struct trp_scheduler_config *config = &seat->worker.scheduler->config;
    enum trp_run result;
    do {
        seat->now = trp_clock_now(&config->clock);
        seat->slice_start = seat->now;
        result = config->ops->run(&seat->worker, thread->task);
        // relaxed: STOP alone is looked at, and nothing is read on the strength of it.
    } while (result == TRP_RUN_AGAIN &&
             !(atomic_load_explicit(&thread->word, memory_order_relaxed) & STOP));
}

static void serve(struct trp_thread *thread)
{
    for (;;) {
        // acquire [home].
        uint32_t word = atomic_fetch_and_explicit(&thread->word, ~(uint32_t)(RUN | SLEEPS),
                                                  memory_order_acquire);
        if (word & STOP)
            return;
        if (word & RUN) {
            run_task(thread);
            continue;
        }
        uint32_t idle = 0;
        // relaxed: on success the thread only sleeps; on failure it looks again, and acquires.
        if (atomic_compare_exchange_strong_explicit(&thread->word, &idle, SLEEPS,
                                                    memory_order_relaxed, memory_order_relaxed))
            trp_futex_wait(&thread->word, SLEEPS, TRP_NEVER);
    }
}

static void report(struct trp_thread *thread, enum start start)
{
    // release [start]: who waits for it may free the thread when it failed.
    atomic_store_explicit(&thread->start, start, memory_order_release);
    trp_futex_wake(&thread->start, 1);
}

static void *thread_main(void *user)
{
    struct trp_thread *thread = user;
    struct trp_worker *worker = &thread->seat.worker;
    struct trp_scheduler *scheduler = worker->scheduler;
    pthread_setname_np(pthread_self(), thread->name);
    trp_worker_enter(worker);
    bool started = scheduler->config.ops->worker_start(worker);
    if (started) {
        report(thread, STARTED);
        serve(thread);
        scheduler->config.ops->worker_stop(worker);
    }
    trp_slab_cache_fini(&worker->cache);
    trp_worker_enter(NULL);
    trp_lock_acquire(&scheduler->threads_lock);
    thread->ended = true;
    if (thread->released)
        unlink_and_free(scheduler, thread);
    trp_lock_release(&scheduler->threads_lock);
    if (!started)
        report(thread, FAILED); // trp_thread_start frees it
    trp_reaper_leave(&scheduler->reaper);
    trp_scheduler_thread_ended(scheduler);
    return NULL;
}

// ---- The contract

static struct trp_thread *new_thread(struct trp_scheduler *scheduler, struct trp_task *task,
                                     const char *name)
{
    struct trp_thread *thread = scheduler->allocator.alloc(
        scheduler->allocator.user, sizeof *thread, _Alignof(struct trp_thread));
    if (!thread)
        return NULL;
    thread->task = task;
    atomic_init(&thread->word, 0);
    atomic_init(&thread->start, STARTING);
    thread->released = false;
    thread->ended = false;
    (void)snprintf(thread->name, sizeof thread->name, "%s", name ? name : scheduler->prefix);
    return thread;
}

static void discard_thread(struct trp_scheduler *scheduler, struct trp_thread *thread)
{
    trp_lock_acquire(&scheduler->threads_lock);
    unlink_and_free(scheduler, thread);
    trp_lock_release(&scheduler->threads_lock);
}

troupe_status trp_thread_start(struct trp_scheduler *scheduler, struct trp_task *task,
                               const char *name)
{
    atomic_store_explicit(&task->home, NULL, memory_order_relaxed); // not there yet
    if (scheduler->config.driven)
        return TROUPE_OK;
    struct trp_thread *thread = new_thread(scheduler, task, name);
    if (!thread)
        return TROUPE_ENOMEM;
    trp_lock_acquire(&scheduler->threads_lock);
    bool stopping = trp_is_stopping(scheduler);
    if (!stopping) {
        link_thread(scheduler, thread);
        trp_seat_init(&thread->seat, scheduler, scheduler->next_index++, false);
        // relaxed: trp_threads_stop looks under the same lock, before `alive` is waited for.
        atomic_fetch_add_explicit(&scheduler->alive, 1, memory_order_relaxed);
    }
    trp_lock_release(&scheduler->threads_lock);
    if (stopping) {
        scheduler->allocator.free(scheduler->allocator.user, thread, sizeof *thread);
        return TROUPE_ECLOSED;
    }

    pthread_t handle; // joined by the reaper
    if (trp_thread_create(&handle, thread_main, thread) != 0) {
        trp_slab_cache_fini(&thread->seat.worker.cache);
        discard_thread(scheduler, thread);
        trp_scheduler_thread_ended(scheduler);
        return TROUPE_ESYSTEM;
    }
    uint32_t start;
    // acquire [start].
    while ((start = atomic_load_explicit(&thread->start, memory_order_acquire)) == STARTING)
        trp_futex_wait(&thread->start, STARTING, TRP_NEVER);
    if (start == FAILED) {
        discard_thread(scheduler, thread);
        return TROUPE_ENOMEM;
    }
    atomic_store_explicit(&task->home, thread, memory_order_release); // with trp_schedule
    return TROUPE_OK;
}

void trp_thread_stop(struct trp_scheduler *scheduler, struct trp_task *task)
{
    // relaxed: nobody schedules the task, so nobody else looks; the caller has seen it start.
    struct trp_thread *thread = atomic_load_explicit(&task->home, memory_order_relaxed);
    if (!thread)
        return;
    atomic_store_explicit(&task->home, NULL, memory_order_relaxed);
    trp_lock_acquire(&scheduler->threads_lock);
    thread->released = true;
    if (thread->ended)
        unlink_and_free(scheduler, thread);
    else
        signal_thread(thread, STOP); // it cannot be freed before the lock is released
    trp_lock_release(&scheduler->threads_lock);
}

void trp_threads_stop(struct trp_scheduler *scheduler)
{
    trp_lock_acquire(&scheduler->threads_lock);
    for (struct trp_thread *thread = scheduler->threads; thread; thread = thread->next)
        if (!thread->ended)
            signal_thread(thread, STOP);
    trp_lock_release(&scheduler->threads_lock);
}

void trp_threads_free(struct trp_scheduler *scheduler)
{
    while (scheduler->threads)
        unlink_and_free(scheduler, scheduler->threads);
}
