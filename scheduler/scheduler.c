// Lifetime of a scheduler and the way in for tasks.
//
// Threads of all kinds are counted in `alive`, which is also what trp_scheduler_stop sleeps on. A
// thread's last use of the scheduler is to count itself out ([alive]); then it is joined: pool
// workers by trp_scheduler_stop, home and blocking threads by the reaper.
#include "scheduler/core.h"

#include <stdio.h>
#include <string.h>

// initial-exec: an access is one load relative to the thread pointer, also in a shared library.
static _Thread_local struct trp_worker *current_worker __attribute__((tls_model("initial-exec")));

// ---- Workers

struct trp_worker *trp_worker_enter(struct trp_worker *worker)
{
    struct trp_worker *before = current_worker;
    current_worker = worker;
    return before;
}

struct trp_worker *trp_worker_current(const struct trp_scheduler *scheduler)
{
    struct trp_worker *worker = current_worker;
    return worker && worker->scheduler == scheduler ? worker : NULL;
}

void trp_seat_init(struct trp_seat *seat, struct trp_scheduler *scheduler, uint32_t index,
                   bool pool)
{
    struct trp_worker *worker = &seat->worker;
    worker->scheduler = scheduler;
    worker->user = NULL;
    worker->index = index;
    worker->pool = pool;
    worker->queues = false;
    worker->quick = false;
    // Golden-ratio steps keep the seeds of neighbours apart before splitmix64 mixes them.
    trp_random_init(&worker->random,
                    scheduler->config.seed + (index + 1) * UINT64_C(0x9e3779b97f4a7c15));
    trp_slab_cache_init(&worker->cache, scheduler->config.slab);
    seat->now = trp_clock_now(&scheduler->config.clock);
    seat->slice_start = seat->now;
    seat->fresh = false;
}

bool trp_worker_slice_ended(struct trp_worker *worker)
{
    struct trp_seat *seat = trp_seat_of(worker);
    seat->now = trp_clock_now(&worker->scheduler->config.clock);
    seat->fresh = true;
    // slice_start is the latest reading before the activation, so activations before it may be
    // counted in. That ends a slice too early at most once per slice_ns, since this reading is the
    // next one's start.
    return seat->now - seat->slice_start >= worker->scheduler->config.slice_ns;
}

void trp_scheduler_alert(struct trp_scheduler *scheduler)
{
    trp_parking_alert(&scheduler->parking);
}

void trp_scheduler_thread_ended(struct trp_scheduler *scheduler)
{
    // release [alive]: trp_scheduler_stop sees all that the thread has done.
    if (atomic_fetch_sub_explicit(&scheduler->alive, 1, memory_order_release) == 1)
        trp_futex_wake(&scheduler->alive, 1);
}

// ---- Start

static uint32_t wheels_for(uint32_t workers)
{
    uint32_t count = 1;
    while (count < workers && count < TRP_WHEELS_MAX)
        count *= 2;
    return count;
}

static void free_wheels(struct trp_scheduler *scheduler)
{
    for (uint32_t i = 0; i < scheduler->wheel_count; i++)
        if (scheduler->wheels[i])
            trp_wheel_free(scheduler->wheels[i]);
}

static troupe_status make_wheels(struct trp_scheduler *scheduler)
{
    uint64_t now = trp_clock_now(&scheduler->config.clock);
    for (uint32_t i = 0; i < scheduler->wheel_count; i++) {
        scheduler->wheels[i] = trp_wheel_new(&scheduler->allocator, now);
        if (!scheduler->wheels[i])
            return TROUPE_ENOMEM;
    }
    return TROUPE_OK;
}

static void init(struct trp_scheduler *scheduler, const struct trp_scheduler_config *config)
{
    memset(scheduler, 0, sizeof *scheduler);
    scheduler->config = *config;
    scheduler->allocator = *config->allocator;
    scheduler->config.allocator = &scheduler->allocator;
    (void)snprintf(scheduler->prefix, sizeof scheduler->prefix, "%s",
                   config->name ? config->name : "troupe");
    scheduler->config.name = scheduler->prefix;
    if (config->driven)
        scheduler->config.workers = 1;
    scheduler->wheel_count = wheels_for(scheduler->config.workers);
    bool alone = scheduler->config.workers == 1 || trp_cpu_count() == 1;
    scheduler->spins = alone ? 0 : 16; // about 5 us, what it costs to sleep and be woken
    atomic_init(&scheduler->stopping, false);
    atomic_init(&scheduler->alive, 0);
    atomic_init(&scheduler->reports, 0);
    atomic_init(&scheduler->failed, false);
    trp_parking_init(&scheduler->parking, scheduler->config.workers);
    trp_inject_init(&scheduler->inject, &scheduler->allocator);
    trp_lock_init(&scheduler->steal_lock);
    trp_lock_init(&scheduler->threads_lock);
    scheduler->next_index = scheduler->config.workers;
    trp_reaper_init(&scheduler->reaper);
    trp_blocking_init(&scheduler->blocking);
}

// Waits until each of the pool's threads has started or failed.
static void await_reports(struct trp_scheduler *scheduler)
{
    uint32_t reports;
    // acquire [reports].
    while ((reports = atomic_load_explicit(&scheduler->reports, memory_order_acquire)) <
           scheduler->created)
        trp_futex_wait(&scheduler->reports, reports, TRP_NEVER);
}

static troupe_status start_pool(struct trp_scheduler *scheduler)
{
    uint32_t workers = scheduler->config.workers;
    troupe_status status = TROUPE_OK;
    scheduler->pool =
        scheduler->allocator.alloc(scheduler->allocator.user, workers * sizeof *scheduler->pool,
                                   _Alignof(struct trp_pool_worker));
    if (!scheduler->pool)
        return TROUPE_ENOMEM;
    for (uint32_t i = 0; i < workers; i++) {
        trp_pool_worker_init(&scheduler->pool[i], scheduler, i);
        (void)snprintf(scheduler->pool[i].name, sizeof scheduler->pool[i].name, "%s-w%u",
                       scheduler->prefix, i % 10000);
    }
    while (scheduler->created < workers) {
        struct trp_pool_worker *worker = &scheduler->pool[scheduler->created];
        // relaxed: this thread alone waits for it.
        atomic_fetch_add_explicit(&scheduler->alive, 1, memory_order_relaxed);
        if (trp_thread_create(&worker->thread, trp_pool_worker_main, worker) != 0) {
            atomic_fetch_sub_explicit(&scheduler->alive, 1, memory_order_relaxed);
            status = TROUPE_ESYSTEM;
            break;
        }
        scheduler->created++;
    }
    for (uint32_t i = scheduler->created; i < workers; i++) // whose thread could not be made
        trp_slab_cache_fini(&scheduler->pool[i].seat.worker.cache);
    await_reports(scheduler);
    // relaxed: [reports] made it visible.
    if (status == TROUPE_OK && atomic_load_explicit(&scheduler->failed, memory_order_relaxed))
        status = TROUPE_ENOMEM;
    return status;
}

troupe_status trp_scheduler_start(const struct trp_scheduler_config *config,
                                  struct trp_scheduler **scheduler_out)
{
    TRP_ASSERT(config->workers >= 1 && config->workers <= 1024);
    struct trp_scheduler *scheduler = config->allocator->alloc(
        config->allocator->user, sizeof *scheduler, _Alignof(struct trp_scheduler));
    if (!scheduler)
        return TROUPE_ENOMEM;
    init(scheduler, config);
    trp_bias_prepare(); // before there are threads
    troupe_status status = make_wheels(scheduler);
    if (status == TROUPE_OK)
        status = config->driven ? trp_driven_start(scheduler) : start_pool(scheduler);
    if (status != TROUPE_OK) {
        scheduler->config.driven = false; // trp_driven_start has undone its part
        TRP_ASSERT(trp_scheduler_stop(scheduler, TRP_NEVER));
        trp_scheduler_free(scheduler);
        return status;
    }
    *scheduler_out = scheduler;
    return TROUPE_OK;
}

// ---- Stop

static bool await_threads(struct trp_scheduler *scheduler, uint64_t deadline)
{
    for (;;) {
        // acquire [alive].
        uint32_t alive = atomic_load_explicit(&scheduler->alive, memory_order_acquire);
        if (alive == 0)
            return true;
        uint64_t timeout = TRP_NEVER;
        if (deadline != TRP_NEVER) {
            uint64_t now = trp_clock_now(&scheduler->config.clock);
            if (now >= deadline)
                return false;
            timeout = deadline - now;
        }
        trp_futex_wait(&scheduler->alive, alive, timeout);
    }
}

bool trp_scheduler_stop(struct trp_scheduler *scheduler, uint64_t deadline)
{
    // acq_rel [stop]: workers see what was written before.
    bool again = atomic_exchange_explicit(&scheduler->stopping, true, memory_order_acq_rel);
    if (!again && scheduler->config.driven)
        trp_driven_stop(scheduler);
    trp_parking_close(&scheduler->parking);
    trp_threads_stop(scheduler);
    trp_blocking_stop(scheduler);
    if (!await_threads(scheduler, deadline))
        return false;
    for (; scheduler->created > 0; scheduler->created--)
        TRP_ASSERT(pthread_join(scheduler->pool[scheduler->created - 1].thread, NULL) == 0);
    trp_reaper_finish(&scheduler->reaper);
    return true;
}

void trp_scheduler_free(struct trp_scheduler *scheduler)
{
    TRP_ASSERT(trp_is_stopping(scheduler) && scheduler->created == 0);
    troupe_allocator allocator = scheduler->allocator;
    trp_threads_free(scheduler);
    trp_blocking_fini(&scheduler->blocking);
    trp_inject_fini(&scheduler->inject);
    free_wheels(scheduler);
    if (scheduler->pool)
        allocator.free(allocator.user, scheduler->pool,
                       scheduler->config.workers * sizeof *scheduler->pool);
    allocator.free(allocator.user, scheduler, sizeof *scheduler);
}

// ---- Questions

void *trp_scheduler_user(struct trp_scheduler *scheduler)
{
    return scheduler->config.user;
}

uint32_t trp_scheduler_workers(const struct trp_scheduler *scheduler)
{
    return scheduler->config.workers;
}

uint64_t trp_scheduler_now(struct trp_scheduler *scheduler)
{
    return trp_clock_now(&scheduler->config.clock);
}
