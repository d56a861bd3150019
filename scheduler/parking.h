// Who sleeps and who wakes whom. See parking.c for the protocol.
#ifndef TRP_SCHEDULER_PARKING_H
#define TRP_SCHEDULER_PARKING_H

#include "base/assert.h"
#include "scheduler/lock.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

// How long the sentinel sleeps at a time while a worker is active. Two ticks must stay below the
// bound of 1 ms, with the kernel's timer slack of 50 us each.
#define TRP_SENTINEL_TICK_NS UINT64_C(400000)

struct trp_parker;

// How a worker sleeps. The default waits on a futex; another may wait for descriptors as well.
struct trp_parker_ops {
    // Sleeps until woken or until timeout_ns have passed (TRP_NEVER: no limit). A wake that came
    // before counts, once. May return early. Called by the parker's own thread.
    void (*wait)(struct trp_parker *parker, uint64_t timeout_ns);
    // Ends the wait, or the next one. Any thread.
    void (*wake)(struct trp_parker *parker);
};

extern const struct trp_parker_ops trp_futex_parker;

enum trp_place { TRP_ACTIVE, TRP_STACKED, TRP_SENTINEL };

struct trp_parker {                   // one per worker
    const struct trp_parker_ops *ops; // constant; another may be set before the worker runs
    _Atomic uint32_t word;            // trp_futex_parker's
    enum trp_place place;             // parking lock
    struct trp_parker *below;         // the stack; parking lock
};

struct trp_parking {
    // How many workers are parked (low half) and searching (high half). Changed by fetch-add;
    // the low half only under the lock.
    _Alignas(TRP_CACHE_LINE) _Atomic uint64_t counts;
    // Until when the sentinel sleeps while all workers are parked, ns; 0: it does not, or looks at
    // the timers before it sleeps again. Written by the sentinel, read by any thread.
    _Atomic uint64_t asleep_until;
    // The sentinel sleeps longer than a tick. Set by the sentinel, under the lock, when all
    // workers are parked; cleared under the lock.
    _Atomic bool deep;
    _Alignas(TRP_CACHE_LINE) struct trp_lock lock;
    struct trp_parker *stack;    // parked, not the sentinel, latest on top; lock
    struct trp_parker *sentinel; // NULL: none; lock
    uint32_t workers;            // constant
    bool closed;                 // nobody parks any more; lock
};

void trp_parking_init(struct trp_parking *parking, uint32_t workers);
void trp_parker_init(struct trp_parker *parker);

// ---- Searching workers

// Counts the caller as searching, unless half of the active workers are already.
bool trp_parking_search(struct trp_parking *parking);

// Ends that. Returns whether the caller was the last: then it must look at the injection queue
// again, and call trp_parking_notify when there is something.
bool trp_parking_found(struct trp_parking *parking);

// ---- Sleeping

// Parks the caller. Returns false when parking is closed. Afterwards the caller must look at the
// injection queue ([inject-park]) and, if there is something, leave.
bool trp_parking_enter(struct trp_parking *parking, struct trp_parker *parker, bool searching);

enum trp_watch { TRP_WATCH_WOKEN, TRP_WATCH_SLEEP, TRP_WATCH_TICK, TRP_WATCH_DEEP };

// What a parked worker has to do. WOKEN: it is active, and searching on behalf of who woke it;
// SLEEP: wait without limit; TICK: it is the sentinel, wait for a tick; DEEP: the sentinel, while
// all are parked.
enum trp_watch trp_parking_watch(struct trp_parking *parking, struct trp_parker *parker);

// Ends parking of the caller's own will; it counts as searching afterwards, as if woken.
void trp_parking_leave(struct trp_parking *parking, struct trp_parker *parker);

// ---- Waking

// Wakes one parked worker, unless none is or a worker is searching. Call it after making something
// runnable that others can take.
void trp_parking_notify(struct trp_parking *parking);

// Makes the sentinel tick again, if it sleeps deep. Call it when a worker leaves something in its
// own queues.
void trp_parking_alert_slow(struct trp_parking *parking);

static inline void trp_parking_alert(struct trp_parking *parking)
{
    // relaxed [deep]: see parking.c.
    if (TRP_UNLIKELY(atomic_load_explicit(&parking->deep, memory_order_relaxed)))
        trp_parking_alert_slow(parking);
}

// Wakes the sentinel when it sleeps past `deadline`. Call it after arming.
void trp_parking_timer_armed(struct trp_parking *parking, uint64_t deadline);

// Wakes all and lets nobody park any more.
void trp_parking_close(struct trp_parking *parking);

static inline uint32_t trp_parking_parked(const struct trp_parking *parking)
{
    // relaxed: a hint.
    return (uint32_t)atomic_load_explicit(&parking->counts, memory_order_relaxed);
}

#endif
