// A system: its start, its threads' parts, its counts, and what it is freed of. Its end:
// system_stop.c.
#include "actors/actor.h"
#include "actors/names.h"
#include "actors/timer.h"
#include "troupe/link.h"

#include <stdlib.h>
#include <string.h>

#define DEFAULT_BATCH         128
#define DEFAULT_SLICE_US      500
#define DEFAULT_KILL_GRACE_MS 5000
#define MAX_WORKERS           1024

troupe_type troupe_type_troupe_down = {
    "troupe_down", (uint32_t)sizeof(troupe_down), (uint32_t) _Alignof(troupe_down), NULL, 0, 0};

// ---- Runners: the actor layer's part of each thread that runs actors

static struct trp_runner *take_over_ended(troupe_system *system)
{
    for (struct trp_runner *runner = atomic_load(&system->runners); runner; runner = runner->next)
        if (!runner->in_use)
            return runner;
    return NULL;
}

static struct trp_runner *add_runner(troupe_system *system)
{
    struct trp_runner *runner =
        system->allocator.alloc(system->allocator.user, sizeof *runner, TRP_CACHE_LINE);
    if (runner == NULL)
        return NULL;
    memset(runner, 0, sizeof *runner);
    runner->system = system;
    runner->next = atomic_load(&system->runners);
    bool inside = trp_bias_enter(&runner->bias);
    TRP_ASSERT(inside);
    atomic_store(&system->runners, runner);
    return runner;
}

static bool worker_start(struct trp_worker *worker)
{
    troupe_system *system = trp_scheduler_user(worker->scheduler);
    pthread_mutex_lock(&system->runners_lock);
    struct trp_runner *runner = take_over_ended(system);
    if (runner == NULL)
        runner = add_runner(system);
    if (runner) {
        runner->in_use = true;
        runner->worker = worker;
        worker->user = runner;
    }
    pthread_mutex_unlock(&system->runners_lock);
    return runner != NULL;
}

static void worker_stop(struct trp_worker *worker)
{
    struct trp_runner *runner = worker->user;
    troupe_system *system = runner->system;
    trp_slot_cache_fini(system, &runner->slots);
    pthread_mutex_lock(&system->runners_lock);
    runner->worker = NULL;
    runner->in_use = false;
    pthread_mutex_unlock(&system->runners_lock);
}

void trp_expire(struct trp_worker *worker, struct trp_timer *timer)
{
    struct trp_timed *timed = TRP_CONTAINER(timer, struct trp_timed, timer);
    switch (timed->kind) {
    case TRP_TIMED_MESSAGE:
        trp_message_timer_expired(worker->user, timed);
        break;
    case TRP_TIMED_ASK:
        trp_ask_expired(worker->user, timed);
        break;
    case TRP_TIMED_ASKS:
        trp_asks_expired(worker->user, timed);
        break;
    case TRP_TIMED_TICK:
        trp_tick_expired(worker->user, timed);
        break;
    case TRP_TIMED_OVERDUE:
        trp_overdue_expired(worker->user, timed);
        break;
    }
}

static const struct trp_scheduler_ops scheduler_ops = {.worker_start = worker_start,
                                                       .worker_stop = worker_stop,
                                                       .run = trp_activate,
                                                       .held = trp_overdue_outbox,
                                                       .fetch = trp_activation_fetch,
                                                       .expire = trp_expire};

// ---- Counts

static uint64_t sum(troupe_system *system, size_t offset)
{
    uint64_t total =
        atomic_load((trp_counter *)(void *)((char *)&system->outside_counters + offset));
    for (struct trp_runner *runner = atomic_load(&system->runners); runner; runner = runner->next)
        total += atomic_load((trp_counter *)(void *)((char *)&runner->counters + offset));
    return total;
}

void troupe_system_stats(troupe_system *system, troupe_stats *stats)
{
#define SUM(field) sum(system, offsetof(struct trp_counters, field))
    *stats = (troupe_stats){.sent = SUM(sent),
                            .handled = SUM(handled),
                            .dead = SUM(dead),
                            .dropped = SUM(dropped),
                            .late_replies = SUM(late_replies),
                            .spawned = SUM(spawned),
                            .ended = SUM(ended),
                            .restarts = SUM(restarts),
                            .failures = SUM(failures),
                            .abandoned = SUM(abandoned)};
#undef SUM
}

// ---- Start

static troupe_status check_options(const troupe_system_opts *opts)
{
    if (opts->workers > MAX_WORKERS)
        return trp_error(TROUPE_EINVAL, "troupe_system_start: workers is %u; 1 to %d are allowed",
                         opts->workers, MAX_WORKERS);
    if (opts->name && strlen(opts->name) >= sizeof((troupe_system *)0)->name)
        return trp_error(TROUPE_EINVAL,
                         "troupe_system_start: name has %zu bytes; at most %zu are allowed",
                         strlen(opts->name), sizeof((troupe_system *)0)->name - 1);
    if (opts->allocator && (!opts->allocator->alloc || !opts->allocator->free))
        return trp_error(TROUPE_EINVAL,
                         "troupe_system_start: the allocator lacks a function; set alloc and free");
    return TROUPE_OK;
}

static void init_locks(troupe_system *system)
{
    pthread_mutex_init(&system->slots_lock, NULL);
    pthread_mutex_init(&system->outside_lock, NULL);
    trp_lock_init(&system->roots_lock);
    pthread_mutex_init(&system->runners_lock, NULL);
    pthread_mutex_init(&system->waiting_lock, NULL);
    pthread_cond_init(&system->nobody_waits, NULL);
    pthread_mutex_init(&system->outside_timers_lock, NULL);
    pthread_mutex_init(&system->overdue.lock, NULL);
    for (int i = 0; i < TRP_STRIPES; i++)
        trp_lock_init(&system->stripes[i].lock);
}

static void fill(troupe_system *system, const troupe_system_opts *opts,
                 const struct trp_seams *seams, uint64_t seed)
{
    memset(system, 0, sizeof *system);
    strcpy(system->name, opts->name ? opts->name : "troupe");
    struct trp_random ids;
    trp_random_init(&ids, seams->driven ? seed : trp_random_seed());
    system->id = trp_random_next(&ids) | 1; // never 0: that is no system
    system->batch = opts->batch ? opts->batch : DEFAULT_BATCH;
    system->kill_grace_ms = opts->kill_grace_ms ? opts->kill_grace_ms : DEFAULT_KILL_GRACE_MS;
    system->seams = *seams;
    system->allocator = opts->allocator ? *opts->allocator : trp_default_allocator;
    system->on_dead_letter = opts->on_dead_letter;
    system->on_event = opts->on_event;
    system->hook_user = opts->hook_user;
    system->overdue.timed.kind = TRP_TIMED_OVERDUE;
    atomic_init(&system->overdue.due, TRP_NEVER);
    trp_random_init(&system->slots_random, trp_random_next(&ids));
    trp_random_init(&system->outside_random, seed ^ UINT64_C(0x6f75747369646521));
    init_locks(system);
}

static void free_runners(troupe_system *system)
{
    for (struct trp_runner *runner = atomic_load(&system->runners); runner;) {
        struct trp_runner *next = runner->next;
        system->allocator.free(system->allocator.user, runner, sizeof *runner);
        runner = next;
    }
}

static troupe_status start_parts(troupe_system *system, const troupe_system_opts *opts,
                                 const struct trp_seams *seams, uint64_t seed)
{
    system->slab = trp_slab_new(&system->allocator);
    if (system->slab == NULL)
        return trp_error(TROUPE_ENOMEM, "troupe_system_start: no memory");
    trp_slab_cache_init(&system->outside_cache, system->slab);
    system->outside = trp_take(system, NULL, sizeof *system->outside);
    if (system->outside == NULL || trp_type_intern(&troupe_type_troupe_down) == NULL ||
        trp_type_intern(&troupe_type_troupe_exited) == NULL)
        return trp_error(TROUPE_ENOMEM, "troupe_system_start: no memory");
    memset(system->outside, 0, sizeof *system->outside);
    system->outside->system = system;
    system->names = trp_names_new(system, seams->driven ? seed : trp_random_seed());
    if (system->names == NULL)
        return trp_error(TROUPE_ENOMEM, "troupe_system_start: no memory");
    struct trp_scheduler_config config = {
        .workers = seams->driven   ? 1
                   : opts->workers ? opts->workers
                                   : trp_cpu_count(),
        .driven = seams->driven,
        .slice_ns = (opts->slice_us ? opts->slice_us : DEFAULT_SLICE_US) * UINT64_C(1000),
        .seed = seed,
        .name = system->name,
        .clock = seams->clock.now ? seams->clock : trp_real_clock,
        .choice = seams->choice,
        .allocator = &system->allocator,
        .slab = system->slab,
        .ops = &scheduler_ops,
        .user = system};
    troupe_status status = trp_scheduler_start(&config, &system->scheduler);
    if (status != TROUPE_OK)
        trp_error(status, "troupe_system_start: %s",
                  status == TROUPE_ENOMEM ? "no memory" : "a thread could not be started");
    return status;
}

// Frees what start_parts made and what came later; no thread of the system is left.
static void free_parts(troupe_system *system)
{
    if (system->scheduler)
        trp_scheduler_free(system->scheduler);
    free_runners(system);
    trp_slot_table_fini(system);
    trp_names_free(system);
    if (system->outside)
        trp_give(system, NULL, system->outside, sizeof *system->outside);
    if (system->slab) {
        trp_slab_cache_fini(&system->outside_cache);
        int64_t left = trp_slab_blocks_out(system->slab);
        if (left != 0)
            trp_panic(__FILE__, __LINE__,
                      "system %s ends, and %lld blocks of its memory were not freed: perhaps of a "
                      "message that troupe_call gave, and that nobody gave to troupe_msg_free",
                      system->name, (long long)left);
        trp_slab_free(system->slab);
    }
}

void trp_system_free(troupe_system *system)
{
    troupe_allocator allocator = system->allocator;
    if (system->seams.gone)
        system->seams.gone(system->seams.user);
    free_parts(system);
    pthread_mutex_destroy(&system->slots_lock);
    pthread_mutex_destroy(&system->outside_lock);
    pthread_mutex_destroy(&system->runners_lock);
    pthread_mutex_destroy(&system->waiting_lock);
    pthread_cond_destroy(&system->nobody_waits);
    pthread_mutex_destroy(&system->outside_timers_lock);
    allocator.free(allocator.user, system, sizeof *system);
}

troupe_status trp_system_start(const troupe_system_opts *opts, const struct trp_seams *seams,
                               troupe_system **started)
{
    *started = NULL;
    troupe_status status = check_options(opts);
    if (status != TROUPE_OK)
        return status;
    trp_bias_prepare();
    const troupe_allocator *allocator = opts->allocator ? opts->allocator : &trp_default_allocator;
    troupe_system *system =
        allocator->alloc(allocator->user, sizeof *system, _Alignof(troupe_system));
    if (system == NULL)
        return trp_error(TROUPE_ENOMEM, "troupe_system_start: no memory");
    uint64_t seed = opts->seed ? opts->seed : trp_random_seed();
    fill(system, opts, seams, seed);
    status = start_parts(system, opts, seams, seed);
    if (status == TROUPE_OK)
        *started = system;
    else
        trp_system_free(system);
    return status;
}

troupe_status troupe_system_start(const troupe_system_opts *opts, troupe_system **system)
{
    static const troupe_system_opts defaults = {0};
    static const struct trp_seams real = {0};
    if (system == NULL)
        return trp_error(TROUPE_EINVAL, "troupe_system_start: system is NULL");
    return trp_system_start(opts ? opts : &defaults, &real, system);
}

// ---- Small things

troupe_ctx *troupe_outside(troupe_system *system)
{
    return system->outside;
}

const char *troupe_system_name(const troupe_system *system)
{
    return system->name;
}

uint32_t troupe_system_workers(const troupe_system *system)
{
    return trp_scheduler_workers(system->scheduler);
}

uint32_t troupe_cpu_count(void)
{
    return trp_cpu_count();
}

uint64_t trp_system_next_deadline(troupe_system *system)
{
    return trp_scheduler_next_deadline(system->scheduler);
}
