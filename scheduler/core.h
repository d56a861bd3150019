// The scheduler's own structures, shared by its files only.
#ifndef TRP_SCHEDULER_CORE_H
#define TRP_SCHEDULER_CORE_H

#include "base/bias.h"
#include "scheduler/blocking.h"
#include "scheduler/inject.h"
#include "scheduler/parking.h"
#include "scheduler/reaper.h"
#include "scheduler/ring.h"
#include "scheduler/runnable.h"
#include "scheduler/scheduler.h"

#include <pthread.h>

#define TRP_WHEELS_MAX  16
#define TRP_THREAD_NAME 16 // bytes that the kernel keeps, with the 0
#define TRP_NAME_PREFIX 9  // leaves room for "-w1023"

// A worker and what slices need; all fields: the thread that runs it.
struct trp_seat {
    struct trp_worker worker;
    uint64_t now;         // latest reading of the clock
    uint64_t slice_start; // latest reading before the running activation
    bool fresh;           // `now` was read since timers were polled last
};

// Padded on purpose: what others touch lies on other cache lines than what the owner works on.
struct trp_pool_worker { // NOLINT(clang-analyzer-optin.performance.Padding)
    // Owner's thread.
    _Alignas(TRP_CACHE_LINE) struct trp_seat seat;
    uint64_t sampled_at;          // when mean_ns was last measured; 0: not since it was idle
    uint32_t sampled_activations; // `activations` then
    uint32_t next_uses;           // activations in a row that came from the next slot
    uint32_t inject_in;           // activations until the injection queue is looked at
    uint32_t peer;                // index of the worker that might take this one's tasks over
    uint32_t peer_activations;    // of that one when it was looked at
    bool peer_seen;               // it was looked at once
    uint64_t busy_since;          // when it last had nothing to do
    struct trp_pool_worker *help; // sentinel: whose work to take
    pthread_t thread;             // the one who starts and stops
    char name[TRP_THREAD_NAME];   // constant

    // Any thread.
    // [next] The owner fills it when it is empty, and exchanges or empties it inside the guard;
    // others empty it under steal_lock with the guard frozen.
    _Alignas(TRP_CACHE_LINE) _Atomic(struct trp_task *) next;
    struct trp_bias next_guard;
    _Atomic uint32_t activations; // counted by the owner; others see whether it gets on
    _Atomic uint32_t mean_ns;     // of an activation; written by the owner
    _Atomic uint32_t seen;        // `activations` when a sentinel looked last
    struct trp_ring ring;
    struct trp_parker parker;
};

struct trp_scheduler { // NOLINT(clang-analyzer-optin.performance.Padding): as above
    struct trp_scheduler_config config; // constant; allocator points to the next field
    troupe_allocator allocator;         // constant
    char prefix[TRP_NAME_PREFIX + 1];   // constant
    uint32_t wheel_count;               // a power of two; constant
    uint32_t spins;                     // rounds of searching before parking; constant
    struct trp_wheel *wheels[TRP_WHEELS_MAX];
    struct trp_pool_worker *pool; // config.workers of them; NULL when driven

    _Alignas(TRP_CACHE_LINE) _Atomic bool stopping; // set once
    struct trp_parking parking;
    _Alignas(TRP_CACHE_LINE) struct trp_inject inject;

    _Alignas(TRP_CACHE_LINE) _Atomic uint32_t alive; // threads of all kinds; a futex
    _Atomic uint32_t reports; // threads of the pool that started or failed; a futex
    _Atomic bool failed;      // one of them failed
    uint32_t created;         // threads of the pool to join; start and stop

    struct trp_lock steal_lock; // one thread at a time empties others' next slots

    struct trp_lock threads_lock;
    struct trp_thread *threads; // home threads; threads_lock
    uint32_t next_index;        // of the next home thread; threads_lock
    struct trp_reaper reaper;
    struct trp_blocking blocking;

    // Driven mode; its one thread.
    struct trp_seat driver;
    struct trp_runnable runnable;
};

static inline struct trp_seat *trp_seat_of(struct trp_worker *worker)
{
    return TRP_CONTAINER(worker, struct trp_seat, worker);
}

static inline struct trp_pool_worker *trp_pool_worker_of(struct trp_worker *worker)
{
    return TRP_CONTAINER(worker, struct trp_pool_worker, seat.worker);
}

static inline bool trp_is_stopping(const struct trp_scheduler *scheduler)
{
    // acquire [stop]: sees what was written before trp_scheduler_stop.
    return atomic_load_explicit(&scheduler->stopping, memory_order_acquire);
}

// ---- scheduler.c

// Prepares the worker's own parts; the thread that will run it, or before it exists.
void trp_seat_init(struct trp_seat *seat, struct trp_scheduler *scheduler, uint32_t index,
                   bool pool);

// Sets what trp_worker_current returns on this thread; returns what it was.
struct trp_worker *trp_worker_enter(struct trp_worker *worker);

// Counts the calling thread as ended; its last use of the scheduler.
void trp_scheduler_thread_ended(struct trp_scheduler *scheduler);

// ---- timers.c

// Expires what is due, up to a batch. Returns whether there was anything.
bool trp_expire_due(struct trp_worker *worker, uint64_t now);

// Driven: expires one timer, chosen among those that are due at once.
bool trp_expire_chosen(struct trp_worker *worker, uint64_t now);

// The earliest time at which a timer can be due.
uint64_t trp_earliest_timer(const struct trp_scheduler *scheduler);

// ---- worker.c

void trp_pool_worker_init(struct trp_pool_worker *worker, struct trp_scheduler *scheduler,
                          uint32_t index);

// The thread function of a pool worker.
void *trp_pool_worker_main(void *user);

// Owner: empties the next slot.
struct trp_task *trp_take_next(struct trp_pool_worker *worker);

// ---- find.c

// Finds something to run when the worker's own queues are empty; sleeps until there is something.
// NULL: the scheduler stops.
struct trp_task *trp_find_task(struct trp_pool_worker *worker);

// Leaves all that the worker has to the others and sleeps, if another one is active; then as
// trp_find_task.
struct trp_task *trp_retreat(struct trp_pool_worker *worker);

// Takes a fair share of the injection queue: returns one, the rest goes to the worker's ring.
struct trp_task *trp_take_injected(struct trp_pool_worker *worker);

// ---- thread.c

void trp_thread_wake(struct trp_thread *thread);
void trp_threads_stop(struct trp_scheduler *scheduler);
void trp_threads_free(struct trp_scheduler *scheduler);

// ---- driven.c

troupe_status trp_driven_start(struct trp_scheduler *scheduler);
void trp_driven_stop(struct trp_scheduler *scheduler);
void trp_driven_schedule(struct trp_scheduler *scheduler, struct trp_task *task);

#endif
