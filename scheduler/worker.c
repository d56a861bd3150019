// A worker of the pool: takes a task from its next slot or its ring, runs one activation, and so
// on. What happens when both are empty is in find.c.
//
//   [next]  The slot is emptied by the owner, nearly always, or by the sentinel when the owner does
//           not get on: so the owner's side is a biased guard (base/bias.h) instead of an exchange,
//           which would cost as much as half a message. What the owner sees empty stays empty,
//           because it alone fills it: then no guard is needed.
//
// Waking others only when it pays: a wake-up costs two threads 5 to 10 us (measured on 2 cores with
// a futex), so a surplus of less than TRP_WAKE_NS of estimated work is left to this worker. The
// estimate may be wrong; then the sentinel helps within its bound (parking.c).
#include "base/yield.h"
#include "scheduler/core.h"
#include "scheduler/policy.h"

#include <stddef.h>

enum {
    NEXT_USES = 16, // then the ring has its turn
    INJECT_EVERY =
        61, // activations; a prime, so that it meets no rhythm of the program (Go's choice)
    TIMERS_EVERY = 32, // activations
};

// Which other worker is looked at next.
static void choose_peer(struct trp_pool_worker *worker)
{
    uint32_t workers = worker->seat.worker.scheduler->config.workers;
    worker->peer = (worker->peer + 1) % workers;
    if (worker->peer == worker->seat.worker.index)
        worker->peer = (worker->peer + 1) % workers;
}

void trp_pool_worker_init(struct trp_pool_worker *worker, struct trp_scheduler *scheduler,
                          uint32_t index)
{
    trp_seat_init(&worker->seat, scheduler, index, true);
    worker->seat.worker.queues = true;
    worker->sampled_at = 0;
    worker->sampled_activations = 0;
    worker->next_uses = 0;
    worker->inject_in = INJECT_EVERY;
    worker->help = NULL;
    worker->peer = index;
    worker->peer_seen = false;
    worker->peer_activations = 0;
    worker->busy_since = worker->seat.now;
    choose_peer(worker);
    atomic_init(&worker->next, NULL);
    worker->next_guard = (struct trp_bias){0};
    atomic_init(&worker->activations, 0);
    atomic_init(&worker->mean_ns, TRP_WAKE_NS); // unknown: the first surplus wakes
    atomic_init(&worker->seen, 0);
    trp_ring_init(&worker->ring);
    trp_parker_init(&worker->parker);
}

// ---- Making tasks runnable

// Wakes another worker if this one has more to do than a wake-up costs.
static void share(struct trp_pool_worker *worker)
{
    struct trp_parking *parking = &worker->seat.worker.scheduler->parking;
    if (trp_parking_parked(parking) == 0)
        return;
    if (trp_waiting_ns(worker) >= TRP_WAKE_NS)
        trp_parking_notify(parking);
}

__attribute__((noinline)) static void overflow(struct trp_pool_worker *worker,
                                               struct trp_task *task)
{
    struct trp_scheduler *scheduler = worker->seat.worker.scheduler;
    struct trp_task *batch[TRP_RING_SIZE / 2 + 1];
    do {
        uint32_t count = trp_ring_spill(&worker->ring, batch);
        if (count > 0) {
            batch[count] = task;
            trp_inject_push_all(&scheduler->inject, batch, count + 1);
            // Else this worker looks there now and then, and so does the sentinel, see [retreat].
            if (trp_mean_ns(worker) * (uint64_t)(count + 1) >= TRP_WAKE_NS)
                trp_parking_notify(&scheduler->parking);
            return;
        }
        // Thieves made room.
    } while (!trp_ring_push(&worker->ring, task));
}

static void append(struct trp_pool_worker *worker, struct trp_task *task)
{
    if (TRP_UNLIKELY(!trp_ring_push(&worker->ring, task)))
        overflow(worker, task);
}

// Puts a task into the next slot; returns what was there. relaxed, all: by the guard [next].
static struct trp_task *exchange_next(struct trp_pool_worker *worker, struct trp_task *task)
{
    bool inside = trp_bias_enter(&worker->next_guard);
    TRP_ASSERT(inside); // nobody revokes it for good
    struct trp_task *before = atomic_load_explicit(&worker->next, memory_order_relaxed);
    TRP_YIELD("worker: next slot read");
    atomic_store_explicit(&worker->next, task, memory_order_relaxed);
    trp_bias_leave(&worker->next_guard);
    return before;
}

static inline void schedule_here(struct trp_pool_worker *worker, struct trp_task *task)
{
    // relaxed [next]: only a value that this thread wrote, or NULL.
    struct trp_task *displaced = atomic_load_explicit(&worker->next, memory_order_relaxed);
    if (displaced)
        displaced = exchange_next(worker, task);
    else // release [next]: the thief sees what was written to the task before
        atomic_store_explicit(&worker->next, task, memory_order_release);
    TRP_YIELD("worker: next slot filled");
    if (displaced)
        append(worker, displaced);
    trp_parking_alert(&worker->seat.worker.scheduler->parking);
    if (displaced)
        share(worker);
}

static void schedule_elsewhere(struct trp_scheduler *scheduler, struct trp_thread *home,
                               struct trp_task *task)
{
    if (home) {
        trp_thread_wake(home);
    } else if (scheduler->config.driven) {
        trp_driven_schedule(scheduler, task);
    } else {
        trp_inject_push(&scheduler->inject, task);
        trp_parking_notify(&scheduler->parking);
    }
}

void trp_schedule(struct trp_scheduler *scheduler, struct trp_worker *worker, struct trp_task *task)
{
    // acquire [start]: whoever schedules it may do so while trp_thread_start is under way.
    struct trp_thread *home = atomic_load_explicit(&task->home, memory_order_acquire);
    if (TRP_LIKELY(worker && worker->queues && !home))
        schedule_here(trp_pool_worker_of(worker), task);
    else
        schedule_elsewhere(scheduler, home, task);
}

// ---- Taking tasks

struct trp_task *trp_take_next(struct trp_pool_worker *worker)
{
    // relaxed [next]: only the owner fills it; NULL stays NULL.
    return atomic_load_explicit(&worker->next, memory_order_relaxed) ? exchange_next(worker, NULL)
                                                                     : NULL;
}

// Lets what the ring holds next come into this CPU's cache while others run: first the task itself,
// then what it leads to. A tree of 10^6 spawns takes half the time (bench/local tree).
static void fetch_ahead(struct trp_pool_worker *worker)
{
    const struct trp_scheduler_ops *ops = worker->seat.worker.scheduler->config.ops;
    if (!ops->fetch)
        return;
    struct trp_task *later = trp_ring_peek(&worker->ring, 6),
                    *soon = trp_ring_peek(&worker->ring, 3);
    if (later)
        ops->fetch(later, false);
    if (soon)
        ops->fetch(soon, true);
}

static struct trp_task *take_own(struct trp_pool_worker *worker)
{
    struct trp_task *task = NULL;
    if (worker->next_uses < NEXT_USES)
        task = trp_take_next(worker);
    if (task) {
        worker->next_uses++;
        return task;
    }
    worker->next_uses = 0;
    fetch_ahead(worker);
    task = trp_ring_pop(&worker->ring);
    return task ? task : trp_take_next(worker);
}

// ---- The clock

// Measures how long an activation takes: rises at once, so that a surplus of long ones is shared
// at once, and falls slowly.
static void sample(struct trp_pool_worker *worker)
{
    uint64_t now = worker->seat.now;
    uint32_t activations = atomic_load_explicit(&worker->activations, memory_order_relaxed); // own
    uint32_t count = activations - worker->sampled_activations;
    if (worker->sampled_at != 0 && count > 0) {
        uint64_t taken = (now - worker->sampled_at) / count;
        uint32_t fresh = taken < TRP_MEAN_MAX_NS ? (uint32_t)taken : TRP_MEAN_MAX_NS;
        uint32_t mean = atomic_load_explicit(&worker->mean_ns, memory_order_relaxed); // own
        mean = fresh > mean ? fresh / 2 + mean / 2 : mean - (mean - fresh) / 4;
        atomic_store_explicit(&worker->mean_ns, mean, memory_order_relaxed); // a hint for others
        worker->seat.worker.quick = mean < TRP_COARSE_NS;
    }
    worker->sampled_at = now;
    worker->sampled_activations = activations;
}

// ---- Sharing and retreat
//
// Two workers that pass fine-grained messages between them are slower than one: each message costs
// several transfers of cache lines. So when this worker and another one could both be served by one
// without making anything wait for long, this one retreats. The other one must be getting on, or it
// is in a handler that takes long.

// Coarse tasks that do not go away are shared though they are few.
static void share_lasting(struct trp_pool_worker *worker)
{
    if (trp_mean_ns(worker) >= TRP_COARSE_NS && trp_ring_length(&worker->ring) > 0 &&
        worker->seat.now - worker->busy_since >= TRP_LASTING_NS)
        trp_parking_notify(&worker->seat.worker.scheduler->parking);
}

// Looks at one other worker, and once more a little later; then at the next one.
static bool should_retreat(struct trp_pool_worker *worker)
{
    struct trp_scheduler *scheduler = worker->seat.worker.scheduler;
    if (trp_parking_parked(&scheduler->parking) + 1 >= scheduler->config.workers ||
        !trp_has_less_than(worker, TRP_WAKE_NS / 4))
        return false;
    struct trp_pool_worker *peer = &scheduler->pool[worker->peer];
    // relaxed: a hint.
    uint32_t activations = atomic_load_explicit(&peer->activations, memory_order_relaxed);
    uint32_t moved = activations - worker->peer_activations;
    worker->peer_activations = activations;
    worker->peer_seen = !worker->peer_seen;
    if (worker->peer_seen)
        return false;
    if (moved >= TIMERS_EVERY / 4 && trp_has_less_than(peer, TRP_WAKE_NS / 2))
        return true;
    choose_peer(worker);
    return false;
}

// Measures, and looks at the timers, with a recent time.
static void poll(struct trp_pool_worker *worker)
{
    struct trp_seat *seat = &worker->seat;
    if (!seat->fresh)
        seat->now = trp_clock_now(&seat->worker.scheduler->config.clock);
    seat->fresh = false;
    sample(worker);
    trp_expire_due(&seat->worker, seat->now);
    share_lasting(worker);
}

static struct trp_task *take(struct trp_pool_worker *worker)
{
    // relaxed: others only see whether it changes.
    uint32_t activations = atomic_load_explicit(&worker->activations, memory_order_relaxed) + 1;
    atomic_store_explicit(&worker->activations, activations, memory_order_relaxed);
    if (worker->seat.fresh || activations % TIMERS_EVERY == 0) {
        poll(worker);
        if (TRP_UNLIKELY(should_retreat(worker)))
            return trp_retreat(worker);
    }
    if (TRP_UNLIKELY(--worker->inject_in == 0)) {
        worker->inject_in = INJECT_EVERY;
        struct trp_task *task = trp_take_injected(worker);
        if (task)
            return task;
    }
    struct trp_task *task = take_own(worker);
    return TRP_LIKELY(task != NULL) ? task : trp_find_task(worker);
}

// ---- Running

static void run(struct trp_pool_worker *worker, struct trp_task *task)
{
    struct trp_seat *seat = &worker->seat;
    seat->slice_start = seat->now;
    if (seat->worker.scheduler->config.ops->run(&seat->worker, task) == TRP_RUN_DONE)
        return;
    append(worker, task);
    trp_parking_alert(&seat->worker.scheduler->parking);
    share(worker);
}

void *trp_pool_worker_main(void *user)
{
    struct trp_pool_worker *worker = user;
    struct trp_worker *public = &worker->seat.worker;
    struct trp_scheduler *scheduler = public->scheduler;
    pthread_setname_np(pthread_self(), worker->name);
    trp_worker_enter(public);
    bool started = scheduler->config.ops->worker_start(public);
    if (!started)
        atomic_store_explicit(&scheduler->failed, true, memory_order_relaxed); // see reports
    // release [reports]: trp_scheduler_start sees whether it failed.
    atomic_fetch_add_explicit(&scheduler->reports, 1, memory_order_release);
    trp_futex_wake(&scheduler->reports, 1);
    if (started) {
        while (!trp_is_stopping(scheduler)) {
            struct trp_task *task = take(worker);
            if (task)
                run(worker, task);
        }
        scheduler->config.ops->worker_stop(public);
    }
    trp_slab_cache_fini(&public->cache);
    trp_worker_enter(NULL);
    trp_scheduler_thread_ended(scheduler);
    return NULL;
}
