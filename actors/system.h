// A system and the per-thread part of it: what everything in this folder shares.
#ifndef TRP_ACTORS_SYSTEM_H
#define TRP_ACTORS_SYSTEM_H

#include "actors/handles.h"
#include "actors/outbox.h"
#include "actors/probe.h"
#include "actors/slot.h"
#include "base/bias.h"
#include "base/clock.h"
#include "scheduler/lock.h"
#include "troupe/system.h"

#include <pthread.h>

#define TRP_STRIPES 64

// The common head of all timers: what the scheduler's expire finds.
enum trp_timed_kind {
    TRP_TIMED_MESSAGE,
    TRP_TIMED_ASK,
    TRP_TIMED_ASKS,
    TRP_TIMED_TICK,
    TRP_TIMED_OVERDUE
};

struct trp_timed {
    struct trp_timer timer;
    enum trp_timed_kind kind;
};

// What looks after kills that are not heeded; see overdue.c.
struct trp_overdue {
    struct trp_timed timed; // the wheel's lock
    pthread_mutex_t lock;   // one look at a time
    _Atomic uint64_t due;   // when the timer goes off, TRP_NEVER: not armed; see overdue.c
};

struct trp_slot;

// Where a simulated fault may strike: before and after what is the user's is called.
enum trp_moment {
    TRP_BEFORE_INIT,
    TRP_AFTER_INIT,
    TRP_BEFORE_HANDLER,
    TRP_AFTER_HANDLER,
    TRP_BEFORE_STOP
};

// What a simulation replaces. Zero: the real thing.
struct trp_seams {
    bool driven;            // no threads: who makes it runs everything, see scheduler.h
    struct trp_clock clock; // now == NULL: the real one
    struct trp_choice choice;
    bool (*cut)(void *user);  // driven: should this activation end after this message? NULL: never
    bool (*hold)(void *user); // driven: should it end before its first message? NULL: never
    // Driven, for a thread that waits: makes one step, or moves the clock to the next time at which
    // there is one to make, but not past `deadline`. False: nothing is left to do before that.
    bool (*step)(void *user, uint64_t deadline);
    // Driven: is what is the user's to fail here, or, before, not to be called at all? NULL: never.
    bool (*fails)(void *user, const struct trp_slot *slot, enum trp_moment moment);
    void (*gone)(void *user); // the system is about to be freed, with its counts final; may be NULL
    void *user;               // of cut, hold, step, fails and gone
    const struct trp_probe *probe; // NULL: none
    uint32_t first_generation;     // 0: random
};

// One atomic counter, written by one thread, read by any.
typedef _Atomic uint64_t trp_counter;

struct trp_counters {
    trp_counter sent, handled, dead, dropped, late_replies, spawned, ended, restarts, failures,
        abandoned;
    trp_counter roots_started, roots_ended; // see roots.c
};

// An activation that a look at the handlers has found, and when it was found first.
struct trp_seen {
    uint64_t serial;
    uint64_t since; // ns; 0: none yet
};

// Who was given up in a handler that has not returned, for the report of a stop.
struct trp_given_up {
    troupe_ref ref;
    char name[64];
    char message_type[64];
    uint64_t since; // ns
};

// The root supervisor that was the first to give up, for the report of a stop.
struct trp_culprit {
    troupe_ref ref;
    char name[64];
    char text[256];
};

// The actor layer's part of a worker or home thread. Its memory lives as long as the system, so
// that others may look at it at any time.
struct trp_runner {
    troupe_system *system;
    struct trp_worker *worker;          // the scheduler's part; NULL once the thread has ended
    struct trp_bias bias;               // outside: in a handler of the user's
    _Atomic(struct trp_slot *) running; // what it runs now
    _Atomic uint64_t serial;            // counts activations
    struct trp_seen seen, killed;       // overdue.lock: an activation; one with a kill pending
    struct trp_given_up given_up;       // overdue.lock; valid while bias is revoked
    struct trp_outbox outbox;
    struct trp_slot_cache slots;
    struct trp_counters counters;
    struct trp_runner *next;  // fixed once in the list
    bool in_use;              // runners_lock; false: its thread has ended
    struct trp_recent recent; // see trp_now_about
};

struct trp_stripe {
    _Alignas(TRP_CACHE_LINE) struct trp_lock lock;
};

struct troupe_system {
    // Fixed after the start.
    uint64_t id;
    char name[32];
    uint32_t batch;
    uint32_t kill_grace_ms;
    struct trp_seams seams;
    troupe_allocator allocator;
    troupe_on_dead_letter on_dead_letter;
    troupe_on_event on_event;
    void *hook_user;
    struct trp_scheduler *scheduler;
    struct trp_slab *slab;
    struct troupe_ctx *outside;

    _Atomic(const struct trp_route *) route; // to other systems; NULL: none; see target.h
    _Atomic bool closed;                     // no spawns any more
    _Atomic bool silent;                     // no hooks any more
    _Atomic uint32_t app_exit;               // code + 1 of troupe_app_exit; 0: none

    struct trp_slot_table slots;
    pthread_mutex_t slots_lock;     // slots.free_list and growth
    struct trp_random slots_random; // slots_lock

    // What threads without a worker use.
    pthread_mutex_t outside_lock; // held for one take or give only, never while calling anything
    struct trp_slab_cache outside_cache;
    struct trp_random outside_random;
    struct trp_counters outside_counters; // by atomic additions

    struct trp_lock roots_lock;
    struct trp_waiter *waiters;     // who waits until no root is left; roots_lock
    uint32_t root_awaited;          // the slot of the root that was marked last; roots_lock
    _Atomic uint32_t root_lingers;  // roots that have ended and are to be counted later
    _Atomic uint32_t root_failures; // roots that have failed or given up
    _Atomic bool gave_up;           // a root has given up: `culprit` says which
    struct trp_culprit culprit;     // roots_lock; fixed once gave_up is set

    _Atomic uint32_t waiting;     // threads of the program's own in a call that waits
    pthread_mutex_t waiting_lock; // for nobody_waits
    pthread_cond_t nobody_waits;

    pthread_mutex_t runners_lock;
    _Atomic(struct trp_runner *) runners; // only grows

    struct trp_stripe stripes[TRP_STRIPES]; // guard watchers and supervision of slots by index
    struct trp_names *names;                // fixed; see names.c

    struct trp_overdue overdue;
    struct trp_handles outside_timers; // outside_timers_lock
    pthread_mutex_t outside_timers_lock;
};

// ---- Memory, from the right cache

// `runner`: the calling thread's, or NULL. Blocks are aligned to 64; NULL without memory.
void *trp_take(troupe_system *system, struct trp_runner *runner, size_t size);
void trp_give(troupe_system *system, struct trp_runner *runner, void *block, size_t size);

// The cache itself, for several steps in a row: between open and close the caller calls nothing but
// functions of the mailbox and slab.
static inline struct trp_slab_cache *trp_cache_open(troupe_system *system,
                                                    struct trp_runner *runner)
{
    if (TRP_LIKELY(runner != NULL))
        return &runner->worker->cache;
    pthread_mutex_lock(&system->outside_lock);
    return &system->outside_cache;
}

static inline void trp_cache_close(troupe_system *system, struct trp_runner *runner)
{
    if (TRP_UNLIKELY(runner == NULL))
        pthread_mutex_unlock(&system->outside_lock);
}

// ---- Counting

#define trp_count(system, runner, field) \
    trp_count_one((runner) ? &(runner)->counters.field : NULL, &(system)->outside_counters.field)

static inline void trp_count_one(trp_counter *own, trp_counter *outside)
{
    if (TRP_LIKELY(own != NULL)) // one writer: no need for an atomic addition
        atomic_store_explicit(own, atomic_load_explicit(own, memory_order_relaxed) + 1,
                              memory_order_relaxed);
    else
        atomic_fetch_add_explicit(outside, 1, memory_order_relaxed);
}

// ---- Refs

static inline troupe_ref trp_ref(const troupe_system *system, uint32_t slot, uint32_t generation)
{
    return generation == 0 ? (troupe_ref){0, 0, 0} : (troupe_ref){system->id, slot, generation};
}

// Returns the slot that a ref of this system names, dead or alive; NULL: there never was one.
static inline struct trp_slot *trp_resolve(const troupe_system *system, troupe_ref ref)
{
    return TRP_LIKELY(ref.system == system->id) ? trp_slot_at(&system->slots, ref.slot) : NULL;
}

static inline struct trp_lock *trp_stripe(troupe_system *system, uint32_t slot_index)
{
    return &system->stripes[slot_index % TRP_STRIPES].lock;
}

// ---- Errors and hooks

// Sets the calling thread's error text and returns `status`.
__attribute__((format(printf, 2, 3))) troupe_status trp_error(troupe_status status,
                                                              const char *format, ...);

// ---- Starting with seams; stepping (driven only)

troupe_status trp_system_start(const troupe_system_opts *opts, const struct trp_seams *seams,
                               troupe_system **system);

// Frees it, when no thread of it is left.
void trp_system_free(troupe_system *system);

uint64_t trp_system_next_deadline(troupe_system *system);

static inline uint64_t trp_now(troupe_system *system)
{
    return trp_scheduler_now(system->scheduler);
}

// Returns the time or, at most TRP_RECENT_NS, a later one, for less than trp_now. Never an earlier
// one; but what two runners get may be out of order by as much. A clock of a simulation's own is
// read as it is.
static inline uint64_t trp_now_about(struct trp_runner *runner)
{
    troupe_system *system = runner->system;
    uint64_t ticks;
    if (TRP_UNLIKELY(system->seams.clock.now != NULL) || !trp_ticks(&ticks))
        return trp_now(system);
    if (TRP_UNLIKELY(ticks - runner->recent.ticks >= TRP_RECENT_TICKS))
        runner->recent = (struct trp_recent){ticks, trp_deadline(trp_now(system), TRP_RECENT_NS)};
    return runner->recent.ns;
}

// ---- Waiting, for threads that are none of the system's

struct trp_waiter { // on the waiting thread's stack
    _Atomic uint32_t done;
    int event_fd;            // written to as well, when it is not 0
    struct trp_waiter *next; // system->waiters
};

// Waits until waiter->done, which trp_waiter_wake sets, or until `deadline` of the system's clock.
// Driven: steps meanwhile. False: the deadline passed (driven: or nothing is left that could wake).
bool trp_wait(troupe_system *system, struct trp_waiter *waiter, uint64_t deadline);
void trp_waiter_wake(struct trp_waiter *waiter);

// Takes a waiter out of system->waiters, if it is there.
void trp_waiter_forget(troupe_system *system, struct trp_waiter *waiter);

// Tells whether the calling thread may block; sets the error text if not.
bool trp_may_block(troupe_ctx *ctx, const char *function);

// Brackets a public call that waits, so that a stop lets it come out first. False: as
// trp_may_block.
bool trp_wait_begin(troupe_ctx *ctx, const char *function);
void trp_wait_end(troupe_ctx *ctx);

// Tells whether the calling thread runs a blocking job of this system.
bool trp_runs_blocking(const troupe_system *system);

// A supervisor that belongs to the system gives up; when it is gone, the system ends with it.
void trp_system_gave_up(troupe_system *system, struct trp_slot *supervisor, const char *why);

// TROUPE_ECLOSED, with a text that says why there can be no new actor.
troupe_status trp_say_closed(troupe_system *system, const char *behavior);

// Wakes those who wait for the last actor's end; roots_lock is held.
void trp_system_wake_waiters(troupe_system *system);

#endif
