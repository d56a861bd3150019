// What a worker does when its own queues are empty: timers, the injection queue, other workers'
// rings, and sleep. The protocol of sleeping and waking is in parking.c; here is the worker's side.
//
// Searching workers take from a ring only when enough waits there (policy.h): otherwise two workers
// would pass the same few short tasks back and forth between their caches. What is left alone is
// short by estimate, or is taken by the sentinel when the estimate proves wrong.
#include "base/yield.h"
#include "scheduler/core.h"
#include "scheduler/policy.h"

#include <stddef.h>

// ---- The injection queue

struct trp_task *trp_take_injected(struct trp_pool_worker *worker)
{
    struct trp_scheduler *scheduler = worker->seat.worker.scheduler;
    struct trp_task *tasks[TRP_RING_SIZE / 2];
    uint32_t count = trp_inject_count(&scheduler->inject);
    if (count == 0)
        return NULL;
    uint32_t active = scheduler->config.workers - trp_parking_parked(&scheduler->parking);
    uint32_t share = count / (active ? active : 1) + 1;
    uint32_t room = TRP_RING_SIZE - trp_ring_length(&worker->ring); // thieves only add to it
    share = share > TRP_RING_SIZE / 2 ? TRP_RING_SIZE / 2 : share;
    share = share > room + 1 ? room + 1 : share; // the first needs no room
    uint32_t taken = trp_inject_take(&scheduler->inject, tasks, share);
    if (taken == 0)
        return NULL;
    for (uint32_t i = 1; i < taken; i++)
        TRP_ASSERT(trp_ring_push(&worker->ring, tasks[i]));
    if (taken > 1)
        trp_parking_alert(&scheduler->parking);
    return tasks[0];
}

// ---- Other workers

static struct trp_task *steal_ring(struct trp_pool_worker *worker, struct trp_pool_worker *victim)
{
    uint32_t count = trp_ring_steal(&worker->ring, &victim->ring);
    TRP_YIELD("find: stole");
    return count > 0 ? trp_ring_pop(&worker->ring) : NULL;
}

// Empties the next slot of a worker that does not get on, unless it is at it just now.
static struct trp_task *steal_next(struct trp_pool_worker *victim)
{
    struct trp_lock *lock = &victim->seat.worker.scheduler->steal_lock;
    struct trp_task *task = NULL;
    if (!trp_lock_try(lock))
        return NULL; // another one is at it
    if (trp_bias_freeze(&victim->next_guard)) {
        // acquire [next]: what the owner wrote to the task before it put it there.
        task = atomic_load_explicit(&victim->next, memory_order_acquire);
        TRP_YIELD("find: next slot read");
        if (task) // relaxed: the owner sees it in the guard, or later
            atomic_store_explicit(&victim->next, NULL, memory_order_relaxed);
        trp_bias_withdraw(&victim->next_guard);
    }
    trp_lock_release(lock);
    return task;
}

static struct trp_task *steal(struct trp_pool_worker *worker)
{
    struct trp_scheduler *scheduler = worker->seat.worker.scheduler;
    const struct trp_choice *choice = &scheduler->config.choice;
    uint32_t others = scheduler->config.workers - 1;
    if (others == 0)
        return NULL;
    uint32_t first = choice->victim ? choice->victim(choice->user, others)
                                    : trp_random_below(&worker->seat.worker.random, others);
    for (uint32_t i = 0; i < others; i++) {
        uint32_t index = (worker->seat.worker.index + 1 + (first + i) % others) % (others + 1);
        struct trp_pool_worker *victim = &scheduler->pool[index];
        if (!trp_is_worth_stealing(victim))
            continue;
        struct trp_task *task = steal_ring(worker, victim);
        if (task)
            return task;
    }
    return NULL;
}

static struct trp_task *search(struct trp_pool_worker *worker)
{
    struct trp_scheduler *scheduler = worker->seat.worker.scheduler;
    for (uint32_t round = 0;; round++) {
        struct trp_task *task = steal(worker);
        if (!task)
            task = trp_take_injected(worker);
        if (task || round >= scheduler->spins || trp_is_stopping(scheduler))
            return task;
        for (int i = 0; i < 16; i++)
            trp_cpu_relax();
    }
}

static void end_search(struct trp_pool_worker *worker)
{
    struct trp_scheduler *scheduler = worker->seat.worker.scheduler;
    TRP_YIELD("find: about to end the search");
    bool last = trp_parking_found(&scheduler->parking);
    // Who added to the injection queue, or to a ring, may have left it to the searcher.
    if (last && (trp_inject_count(&scheduler->inject) > 0 || trp_waiting_ns(worker) >= TRP_WAKE_NS))
        trp_parking_notify(&scheduler->parking);
}

// ---- The sentinel

// Notes how far all workers have got.
static void note_progress(struct trp_scheduler *scheduler)
{
    for (uint32_t i = 0; i < scheduler->config.workers; i++) {
        struct trp_pool_worker *other = &scheduler->pool[i];
        uint32_t activations = atomic_load_explicit(&other->activations, memory_order_relaxed);
        atomic_store_explicit(&other->seen, activations, memory_order_relaxed); // hints, both
    }
}

static bool held(struct trp_pool_worker *other, struct trp_pool_worker *by)
{
    const struct trp_scheduler_ops *ops = other->seat.worker.scheduler->config.ops;
    return ops->held && ops->held(&other->seat.worker, by ? &by->seat.worker : NULL);
}

// Tells whether tasks of `other` wait too long: it has not got on since the last look, `elapsed_ns`
// ago, or is too slow for what it has.
static bool needs_help(struct trp_pool_worker *other, uint64_t elapsed_ns)
{
    // relaxed, all: hints; what is taken is taken by the ring's claim or behind the guard.
    uint32_t waiting = trp_ring_length(&other->ring);
    if (atomic_load_explicit(&other->next, memory_order_relaxed))
        waiting++;
    uint32_t activations = atomic_load_explicit(&other->activations, memory_order_relaxed);
    uint32_t seen = atomic_load_explicit(&other->seen, memory_order_relaxed);
    atomic_store_explicit(&other->seen, activations, memory_order_relaxed);
    if (activations == seen)
        return waiting > 0 || held(other, NULL);
    return waiting > 0 && elapsed_ns / (activations - seen) * waiting > TRP_HELP_NS;
}

// Looks whether there is anything for the sentinel to do: due, injected, or with others.
// `looked_at` is when it looked at the others last; 0: not since it slept deep.
static bool look(struct trp_pool_worker *worker, uint64_t *looked_at)
{
    TRP_YIELD("sentinel: look");
    struct trp_scheduler *scheduler = worker->seat.worker.scheduler;
    uint64_t now = trp_clock_now(&scheduler->config.clock);
    if (trp_inject_count(&scheduler->inject) > 0 || trp_earliest_timer(scheduler) <= now)
        return true;
    uint64_t elapsed = now - *looked_at;
    if (*looked_at == 0 || elapsed < TRP_SENTINEL_TICK_NS / 2)
        return false; // too early to tell who is held
    *looked_at = now;
    for (uint32_t i = 0; i < scheduler->config.workers; i++) {
        struct trp_pool_worker *other = &scheduler->pool[i];
        if (other != worker && needs_help(other, elapsed))
            worker->help = other;
    }
    return worker->help != NULL;
}

static void sleep_deep(struct trp_pool_worker *worker)
{
    struct trp_scheduler *scheduler = worker->seat.worker.scheduler;
    uint64_t until = trp_earliest_timer(scheduler);
    TRP_YIELD("sentinel: read the timers");
    // seq_cst [arm-sleep]: (c), parking.c.
    atomic_store_explicit(&scheduler->parking.asleep_until, until, memory_order_seq_cst);
    TRP_YIELD("sentinel: said how long");
    if (trp_earliest_timer(scheduler) < until) // (d)
        return;
    uint64_t timeout = TRP_NEVER;
    if (until != TRP_NEVER) {
        uint64_t now = trp_clock_now(&scheduler->config.clock);
        if (until <= now)
            return;
        timeout = until - now;
    }
    worker->parker.ops->wait(&worker->parker, timeout);
}

// ---- Sleeping

static void sleep_parked(struct trp_pool_worker *worker)
{
    struct trp_scheduler *scheduler = worker->seat.worker.scheduler;
    struct trp_parker *parker = &worker->parker;
    uint64_t looked_at = 0;
    for (;;) {
        switch (trp_parking_watch(&scheduler->parking, parker)) {
        case TRP_WATCH_WOKEN:
            return;
        case TRP_WATCH_SLEEP:
            parker->ops->wait(parker, TRP_NEVER);
            continue;
        case TRP_WATCH_TICK:
            if (looked_at == 0) {
                note_progress(scheduler);
                looked_at = trp_clock_now(&scheduler->config.clock);
            }
            parker->ops->wait(parker, TRP_SENTINEL_TICK_NS);
            break;
        case TRP_WATCH_DEEP:
            sleep_deep(worker);
            looked_at = 0;
            break;
        }
        if (look(worker, &looked_at)) {
            trp_parking_leave(&scheduler->parking, parker);
            return;
        }
    }
}

// Parks until woken. Returns whether the worker counts as searching now.
static bool park(struct trp_pool_worker *worker, bool searching)
{
    struct trp_scheduler *scheduler = worker->seat.worker.scheduler;
    TRP_YIELD("find: about to park");
    if (!trp_parking_enter(&scheduler->parking, &worker->parker, searching))
        return searching; // stopping
    // [inject-park]: (d)
    if (trp_inject_count(&scheduler->inject) > 0)
        trp_parking_leave(&scheduler->parking, &worker->parker);
    else
        sleep_parked(worker);
    return true;
}

// ---- All of it

// What the sentinel saw; then what is due or injected.
static struct trp_task *look_around(struct trp_pool_worker *worker)
{
    struct trp_seat *seat = &worker->seat;
    struct trp_pool_worker *help = worker->help;
    struct trp_task *task = NULL;
    worker->help = NULL;
    seat->now = trp_clock_now(&seat->worker.scheduler->config.clock);
    seat->fresh = false;
    worker->sampled_at = 0; // idle time is not an activation's
    worker->busy_since = seat->now;
    if (help) {
        bool delivered = held(help, worker); // into this worker's queues
        task = steal_ring(worker, help);
        if (!task)
            task = steal_next(help);
        if (!task && delivered)
            task = trp_take_next(worker);
        if (!task && delivered)
            task = trp_ring_pop(&worker->ring);
    }
    if (task)
        return task;
    if (trp_expire_due(&seat->worker, seat->now)) {
        task = trp_take_next(worker);
        if (!task)
            task = trp_ring_pop(&worker->ring);
    }
    return task ? task : trp_take_injected(worker);
}

static struct trp_task *find(struct trp_pool_worker *worker, bool searching)
{
    struct trp_scheduler *scheduler = worker->seat.worker.scheduler;
    struct trp_task *task = NULL;
    while (!trp_is_stopping(scheduler)) {
        task = look_around(worker);
        if (task)
            break;
        TRP_YIELD("find: looked around");
        if (!searching)
            searching = trp_parking_search(&scheduler->parking);
        if (searching)
            task = search(worker);
        if (task)
            break;
        searching = park(worker, searching);
    }
    if (searching)
        end_search(worker);
    return task;
}

struct trp_task *trp_find_task(struct trp_pool_worker *worker)
{
    return find(worker, false);
}

// ---- Retreat

static void hand_over(struct trp_pool_worker *worker)
{
    struct trp_task *tasks[TRP_RING_SIZE + 1];
    uint32_t count = 0;
    struct trp_task *task;
    while (count < TRP_RING_SIZE && (task = trp_ring_pop(&worker->ring)) != NULL)
        tasks[count++] = task;
    if ((task = trp_take_next(worker)) != NULL)
        tasks[count++] = task;
    if (count > 0)
        trp_inject_push_all(&worker->seat.worker.scheduler->inject, tasks, count);
}

// [retreat] The tasks go to the injection queue and nobody is woken for them. If another worker is
// active once this one is parked, it looks at that queue now and then, and after its own parking at
// the latest: that comes after this one's in the order of the lock, so it sees the tasks
// ([inject-park]). If none is, this one goes on itself.
struct trp_task *trp_retreat(struct trp_pool_worker *worker)
{
    struct trp_parking *parking = &worker->seat.worker.scheduler->parking;
    hand_over(worker);
    TRP_YIELD("retreat: handed over");
    if (!trp_parking_enter(parking, &worker->parker, false))
        return find(worker, false); // stopping
    if (trp_parking_parked(parking) == parking->workers)
        trp_parking_leave(parking, &worker->parker);
    else
        sleep_parked(worker);
    return find(worker, true);
}
