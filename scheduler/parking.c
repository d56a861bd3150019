// Parking: a worker without work sleeps, and is woken when there is some.
//
//              enter                     woken by notify, or leaves
//   ACTIVE ----------------> SENTINEL ------------------------------> ACTIVE
//      |   (no sentinel yet)     ^                                      ^
//      | enter                   | the sentinel went: promoted          |
//      +-------------------> STACKED -----------------------------------+
//
// One parked worker is the sentinel. While another worker is active and has something waiting in
// its queues, the sentinel ticks: it sleeps for a tick, then looks at all queues and timers, and
// takes what waits too long. When all workers are parked it sleeps deep: until the earliest
// deadline, or without limit. The others on the stack sleep without limit.
//
// Why nothing is left waiting. "Queues" are a worker's ring and next slot.
//  1. Only its owner adds to a worker's queues, and it parks when they are empty. So a parked
//     worker's queues are empty.
//  2. [deep] `deep` is set under the lock, only while all workers are parked. A worker becomes
//     active by a change of `counts` under the lock, and whoever makes that change sees the
//     `deep` that was set before it; the woken worker sees it through the wake (release, acquire)
//     or its own use of the lock. So an active worker that reads `deep` as false reads the truth:
//     nobody can have set it since. Hence a relaxed load on each schedule is enough.
//  3. A worker that leaves something in its queues, or with its running task, calls alert: if the
//  sentinel is deep it ticks
//     from then on, and stays so until all are parked. So while an active worker has anything
//     waiting and some worker is parked, a sentinel ticks. (If none is parked, nothing is promised;
//     the first to park becomes the sentinel and does not sleep deep, since not all are parked.)
//  4. When the sentinel becomes active and others are parked, one of them is promoted and woken,
//     under the same lock: there is a sentinel whenever a worker is parked.
//  5. [inject-park] Injection. The one who adds: (a) count of the queue, seq_cst; (b) read of
//     `counts`, seq_cst. One who parks: (c) `counts` +1 parked and, if it searched, -1 searching,
//     in one step, seq_cst; (d) read of the queue's count, seq_cst; if not 0 it leaves. In the one
//     total order either a comes before d, and the parking worker sees the task, or c before b,
//     and the adder sees it parked.
//  6. The adder wakes nobody when it reads searching > 0. That searcher ends either by parking
//     (5: c comes after b, so a before d: it sees the task) or by trp_parking_found (e), seq_cst,
//     after b: it then reads the queue's count and notifies if it was the last. If it was not the
//     last, the argument holds for the one who is.
//  7. notify looks again under the lock, and gives up only if nobody is parked (then somebody
//     active, who parks by 5) or somebody searches (6).
//  8. [arm-sleep] Timers. The one who arms: (a) the wheel's `next`, seq_cst; (b) read of
//     asleep_until, seq_cst; wakes the sentinel if that is later. The sentinel before a deep sleep:
//     (c) asleep_until = earliest deadline that it knows, seq_cst; (d) reads all `next` again,
//     seq_cst, and starts over if one is earlier. As in 5, one of both sees the other. While the
//     sentinel ticks asleep_until is 0, and it looks at the timers at each tick.
//     A sentinel that is promoted starts with asleep_until 0 and looks before it sleeps.
//  9. A wake is never lost: wake leaves a token in the parker that the next wait takes. A token may
//     be left over (a sentinel that left just as it was alerted): then one later wait returns
//     early, and its caller asks trp_parking_watch again.
#include "scheduler/parking.h"

#include "base/clock.h"
#include "base/yield.h"

#include <stddef.h>

#define ONE_PARKED    UINT64_C(1)
#define ONE_SEARCHING (UINT64_C(1) << 32)

static uint32_t parked_of(uint64_t counts)
{
    return (uint32_t)counts;
}

static uint32_t searching_of(uint64_t counts)
{
    return (uint32_t)(counts >> 32);
}

// ---- The futex parker

enum { EMPTY, SLEEPING, TOKEN };

static void futex_park(struct trp_parker *parker, uint64_t timeout_ns)
{
    uint32_t expected = EMPTY;
    // relaxed: nothing is read on the strength of this; on failure the exchange below acquires.
    if (atomic_compare_exchange_strong_explicit(&parker->word, &expected, SLEEPING,
                                                memory_order_relaxed, memory_order_relaxed)) {
        TRP_YIELD("park: about to sleep");
        trp_futex_wait(&parker->word, SLEEPING, timeout_ns);
    }
    // acquire [wake]: what the waker wrote before it left the token.
    atomic_exchange_explicit(&parker->word, EMPTY, memory_order_acquire);
}

static void futex_unpark(struct trp_parker *parker)
{
    // release [wake].
    if (atomic_exchange_explicit(&parker->word, TOKEN, memory_order_release) == SLEEPING)
        trp_futex_wake(&parker->word, 1);
}

const struct trp_parker_ops trp_futex_parker = {.wait = futex_park, .wake = futex_unpark};

// ---- State

void trp_parking_init(struct trp_parking *parking, uint32_t workers)
{
    atomic_init(&parking->counts, 0);
    atomic_init(&parking->asleep_until, 0);
    atomic_init(&parking->deep, false);
    trp_lock_init(&parking->lock);
    parking->stack = NULL;
    parking->sentinel = NULL;
    parking->workers = workers;
    parking->closed = false;
}

void trp_parker_init(struct trp_parker *parker)
{
    parker->ops = &trp_futex_parker;
    atomic_init(&parker->word, EMPTY);
    parker->place = TRP_ACTIVE;
    parker->below = NULL;
}

// The lock is held. False -> true is the sentinel's alone.
static void leave_deep(struct trp_parking *parking)
{
    // relaxed [deep]: written under the lock.
    atomic_store_explicit(&parking->deep, false, memory_order_relaxed);
    // seq_cst [arm-sleep]; 0 makes those who arm leave the sentinel alone: it is looking or will.
    atomic_store_explicit(&parking->asleep_until, 0, memory_order_seq_cst);
}

static struct trp_parker *pop(struct trp_parking *parking)
{
    struct trp_parker *parker = parking->stack;
    if (parker)
        parking->stack = parker->below;
    return parker;
}

// The lock is held. Makes a parked worker active and searching.
static void activate(struct trp_parking *parking, struct trp_parker *parker)
{
    parker->place = TRP_ACTIVE;
    // seq_cst [inject-park]: one parked less, one searching more, in one step.
    atomic_fetch_add_explicit(&parking->counts, ONE_SEARCHING - ONE_PARKED, memory_order_seq_cst);
}

// The lock is held and the sentinel has just gone. Returns whom to wake as the next, or NULL.
static struct trp_parker *promote(struct trp_parking *parking)
{
    leave_deep(parking);
    parking->sentinel = pop(parking);
    if (parking->sentinel)
        parking->sentinel->place = TRP_SENTINEL;
    return parking->sentinel;
}

// ---- Searching

bool trp_parking_search(struct trp_parking *parking)
{
    // relaxed: a rule of thumb; too many searchers do no harm.
    uint64_t counts = atomic_load_explicit(&parking->counts, memory_order_relaxed);
    if (2 * searching_of(counts) >= parking->workers - parked_of(counts))
        return false;
    // seq_cst: in one order with the reads of [inject-park].
    atomic_fetch_add_explicit(&parking->counts, ONE_SEARCHING, memory_order_seq_cst);
    return true;
}

bool trp_parking_found(struct trp_parking *parking)
{
    // seq_cst [inject-park]: (e), before the caller reads the injection queue's count.
    uint64_t before =
        atomic_fetch_sub_explicit(&parking->counts, ONE_SEARCHING, memory_order_seq_cst);
    TRP_YIELD("parking: searched");
    return searching_of(before) == 1;
}

// ---- Sleeping

bool trp_parking_enter(struct trp_parking *parking, struct trp_parker *parker, bool searching)
{
    trp_lock_acquire(&parking->lock);
    if (parking->closed) {
        trp_lock_release(&parking->lock);
        return false;
    }
    if (!parking->sentinel) {
        parking->sentinel = parker;
        parker->place = TRP_SENTINEL;
    } else {
        parker->place = TRP_STACKED;
        parker->below = parking->stack;
        parking->stack = parker;
    }
    // seq_cst [inject-park]: (c).
    atomic_fetch_add_explicit(&parking->counts, ONE_PARKED - (searching ? ONE_SEARCHING : 0),
                              memory_order_seq_cst);
    trp_lock_release(&parking->lock);
    TRP_YIELD("parking: entered");
    return true;
}

enum trp_watch trp_parking_watch(struct trp_parking *parking, struct trp_parker *parker)
{
    TRP_YIELD("parking: watch");
    trp_lock_acquire(&parking->lock);
    enum trp_watch watch = TRP_WATCH_SLEEP;
    if (parker->place == TRP_ACTIVE) {
        watch = TRP_WATCH_WOKEN;
    } else if (parker->place == TRP_SENTINEL) {
        // relaxed: the lower half changes under the lock only.
        uint64_t counts = atomic_load_explicit(&parking->counts, memory_order_relaxed);
        bool deep = parked_of(counts) == parking->workers;
        watch = deep ? TRP_WATCH_DEEP : TRP_WATCH_TICK;
        if (deep)
            atomic_store_explicit(&parking->deep, true, memory_order_relaxed); // [deep]
        else
            leave_deep(parking);
    }
    trp_lock_release(&parking->lock);
    return watch;
}

static void unstack(struct trp_parking *parking, struct trp_parker *parker)
{
    struct trp_parker **link = &parking->stack;
    while (*link != parker)
        link = &(*link)->below;
    *link = parker->below;
}

void trp_parking_leave(struct trp_parking *parking, struct trp_parker *parker)
{
    TRP_YIELD("parking: leave");
    struct trp_parker *wake = NULL;
    trp_lock_acquire(&parking->lock);
    if (parker->place == TRP_SENTINEL)
        wake = promote(parking);
    else if (parker->place == TRP_STACKED)
        unstack(parking, parker);
    if (parker->place != TRP_ACTIVE) // else it was woken just now, and counts as searching
        activate(parking, parker);
    trp_lock_release(&parking->lock);
    if (wake)
        wake->ops->wake(wake);
}

// ---- Waking

void trp_parking_notify(struct trp_parking *parking)
{
    // seq_cst [inject-park]: (b), after the task was added.
    uint64_t counts = atomic_load_explicit(&parking->counts, memory_order_seq_cst);
    if (parked_of(counts) == 0 || searching_of(counts) > 0)
        return;
    TRP_YIELD("parking: notify");
    trp_lock_acquire(&parking->lock);
    counts = atomic_load_explicit(&parking->counts, memory_order_seq_cst); // (b) again
    struct trp_parker *woken = NULL;
    if (parked_of(counts) > 0 && searching_of(counts) == 0) {
        woken = pop(parking);
        if (!woken) { // the sentinel is the only one parked
            woken = parking->sentinel;
            parking->sentinel = NULL;
            leave_deep(parking);
        }
        activate(parking, woken);
    }
    trp_lock_release(&parking->lock);
    if (woken)
        woken->ops->wake(woken);
}

void trp_parking_alert_slow(struct trp_parking *parking)
{
    struct trp_parker *wake = NULL;
    trp_lock_acquire(&parking->lock);
    if (atomic_load_explicit(&parking->deep, memory_order_relaxed)) {
        leave_deep(parking);
        wake = parking->sentinel;
    }
    trp_lock_release(&parking->lock);
    if (wake)
        wake->ops->wake(wake);
}

void trp_parking_timer_armed(struct trp_parking *parking, uint64_t deadline)
{
    TRP_YIELD("parking: armed");
    // seq_cst [arm-sleep]: (b), after the wheel's next was written.
    if (deadline < atomic_load_explicit(&parking->asleep_until, memory_order_seq_cst))
        trp_parking_alert_slow(parking);
}

void trp_parking_close(struct trp_parking *parking)
{
    trp_lock_acquire(&parking->lock);
    parking->closed = true;
    for (;;) {
        struct trp_parker *parker = pop(parking);
        if (!parker) {
            parker = parking->sentinel;
            parking->sentinel = NULL;
            leave_deep(parking);
        }
        if (!parker)
            break;
        activate(parking, parker);
        // Under the lock: a worker that is awake already needs it to go on, so that its parker
        // does not end before it was woken.
        parker->ops->wake(parker);
    }
    trp_lock_release(&parking->lock);
}
