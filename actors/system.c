// A system: start, stop, memory, counts, waiting. What it owns is freed in trp_finish_system, when
// no thread of it is left; until then it may be used from everywhere.
#include "actors/actor.h"
#include "actors/names.h"
#include "actors/timer.h"
#include "troupe/link.h"

#include <stdlib.h>
#include <string.h>

#define DEFAULT_BATCH         128
#define DEFAULT_SLICE_US      500
#define DEFAULT_KILL_GRACE_MS 5000
#define DEFAULT_STOP_MS       10000
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

// ---- Waiting

void trp_system_wake_waiters(troupe_system *system)
{
    while (system->waiters) {
        struct trp_waiter *waiter = system->waiters;
        system->waiters = waiter->next;
        trp_waiter_wake(waiter);
    }
}

void trp_waiter_forget(troupe_system *system, struct trp_waiter *waiter)
{
    trp_lock_acquire(&system->roots_lock);
    struct trp_waiter **at = &system->waiters;
    while (*at && *at != waiter)
        at = &(*at)->next;
    if (*at)
        *at = waiter->next;
    trp_lock_release(&system->roots_lock);
}

// Waits until no actor is left.
static bool wait_for_no_roots(troupe_system *system, uint64_t deadline)
{
    struct trp_waiter waiter = {.done = 0};
    trp_lock_acquire(&system->roots_lock);
    bool none = trp_roots_gone(system);
    if (!none) {
        waiter.next = system->waiters;
        system->waiters = &waiter;
    }
    trp_lock_release(&system->roots_lock);
    if (none)
        return true;
    bool woken = trp_wait(system, &waiter, deadline);
    trp_waiter_forget(system, &waiter);
    return woken || atomic_load(&waiter.done) != 0;
}

static uint64_t deadline_in(troupe_system *system, uint32_t ms)
{
    return ms == TROUPE_NO_LIMIT ? TRP_NEVER : trp_deadline(trp_now(system), ms * TRP_NS_PER_MS);
}

// A blocking job is one of what would be waited for.
static bool refuse_blocking_job(troupe_system *system, const char *function)
{
    bool is = trp_runs_blocking(system);
    if (is)
        trp_error(TROUPE_ENOTSUP, "%s: a blocking job of the same system would wait for itself",
                  function);
    return is;
}

troupe_status troupe_system_wait(troupe_system *system, uint32_t timeout_ms)
{
    if (refuse_blocking_job(system, "troupe_system_wait") ||
        !trp_wait_begin(system->outside, "troupe_system_wait"))
        return TROUPE_ENOTSUP;
    bool none = wait_for_no_roots(system, deadline_in(system, timeout_ms));
    bool gave_up = atomic_load(&system->gave_up);
    trp_wait_end(system->outside);
    if (none && gave_up)
        return trp_error(TROUPE_EDOWN, "troupe_system_wait: supervisor %s gave up: %s",
                         system->culprit.name, system->culprit.text);
    if (none)
        return TROUPE_OK;
    return trp_error(TROUPE_ETIMEDOUT, "troupe_system_wait: actors are left after %u ms",
                     timeout_ms);
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
        trp_slab_free(system->slab);
    }
}

static void free_system(troupe_system *system)
{
    troupe_allocator allocator = system->allocator;
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
        free_system(system);
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

// ---- Stop

static void end_outside_timers(troupe_system *system)
{
    pthread_mutex_lock(&system->outside_timers_lock);
    for (uint32_t i = 0; i < system->outside_timers.capacity; i++)
        if (system->outside_timers.items[i].kind == TRP_HANDLE_TIMER)
            trp_timer_abandon(NULL, NULL, system->outside_timers.items[i].thing);
    trp_handles_fini(system, NULL, &system->outside_timers);
    pthread_mutex_unlock(&system->outside_timers_lock);
}

// No thread runs any more: what still waits in the slots' mailboxes becomes dead letters.
static void drain_slots(troupe_system *system)
{
    uint32_t count = atomic_load(&system->slots.count);
    for (uint32_t i = 0; i < count; i++) {
        struct trp_slot *slot = trp_slot_at(&system->slots, i);
        bool more = !trp_mpsc_is_idle(&slot->inbox);
        while (more) {
            struct trp_link *link = slot->front.first;
            more = trp_mpsc_pop(&slot->inbox, &slot->front);
            if (link == &slot->nudge)
                continue;
            struct trp_envelope *envelope = trp_envelope_of_link(link);
            trp_discard(system, NULL, envelope, trp_ref(system, i, envelope->generation),
                        TROUPE_DEAD_ENDED, NULL);
        }
        trp_reason_release(system, NULL, &slot->reason);
    }
}

// Gives up handlers that do not return, and those of the children that are killed in turn. One that
// is just calling us cannot be given up at that moment, so it looks again and again.
static bool wait_by_force(troupe_system *system, uint64_t deadline)
{
    for (uint64_t pause = TRP_NS_PER_MS;; pause = pause < 64 * TRP_NS_PER_MS ? 2 * pause : pause) {
        trp_overdue_look(system, NULL, true);
        uint64_t until = trp_deadline(trp_now(system), pause);
        if (wait_for_no_roots(system, until < deadline ? until : deadline))
            return true;
        if (until >= deadline)
            return false;
    }
}

// Ends all actors and threads. Kills what has not stopped by kill_at, gives up what has not been
// killed by force_at. False: not by the deadline.
static bool come_to_rest(troupe_system *system, uint64_t kill_at, uint64_t force_at,
                         uint64_t deadline)
{
    if (!wait_for_no_roots(system, kill_at)) {
        trp_roots_order(system, TRP_ORDER_KILL);
        if (!wait_for_no_roots(system, force_at) && !wait_by_force(system, deadline))
            return false;
    }
    return trp_scheduler_stop(system->scheduler, deadline);
}

// Threads of the program's own that were in a call that waits have been woken: lets them come out.
static void wait_for_waiting(troupe_system *system)
{
    pthread_mutex_lock(&system->waiting_lock);
    while (atomic_load(&system->waiting) != 0)
        pthread_cond_wait(&system->nobody_waits, &system->waiting_lock);
    pthread_mutex_unlock(&system->waiting_lock);
}

static void finish(troupe_system *system, troupe_stats *stats)
{
    wait_for_waiting(system);
    end_outside_timers(system);
    trp_overdue_fini(system);
    drain_slots(system);
    troupe_system_stats(system, stats);
    // Every message is accounted for; if not, the runtime has lost or doubled one.
    if (stats->sent != stats->handled + stats->dead + stats->dropped)
        trp_panic(__FILE__, __LINE__,
                  "messages are not conserved: sent %llu, handled %llu, dead %llu, dropped %llu",
                  (unsigned long long)stats->sent, (unsigned long long)stats->handled,
                  (unsigned long long)stats->dead, (unsigned long long)stats->dropped);
    free_system(system);
}

// What is left to do when some handler did not return by the deadline.
static void *finish_later(void *arg)
{
    troupe_system *system = arg;
    troupe_stats stats;
    while (!come_to_rest(system, 0, 0, TRP_NEVER))
        ;
    finish(system, &stats);
    return NULL;
}

// The moment when so many eighths of the time until the deadline have passed.
static uint64_t eighths(troupe_system *system, uint64_t count, uint64_t deadline)
{
    uint64_t now = trp_now(system);
    return deadline == TRP_NEVER ? TRP_NEVER : now + (deadline - now) / 8 * count;
}

static void report_culprit(troupe_system *system, troupe_report *report)
{
    if (!atomic_load(&system->gave_up))
        return;
    const struct trp_culprit *culprit = &system->culprit;
    report->gave_up = true;
    report->root = culprit->ref;
    memcpy(report->root_name, culprit->name, sizeof culprit->name);
    memcpy(report->root_text, culprit->text, sizeof culprit->text);
}

troupe_status troupe_system_stop(troupe_system *system, uint32_t deadline_ms, troupe_report *report)
{
    troupe_report ignored;
    report = report ? report : &ignored;
    memset(report, 0, sizeof *report);
    if (system == NULL)
        return trp_error(TROUPE_EINVAL, "troupe_system_stop: system is NULL");
    if (refuse_blocking_job(system, "troupe_system_stop") ||
        !trp_may_block(system->outside, "troupe_system_stop"))
        return TROUPE_ENOTSUP;
    uint64_t deadline = deadline_in(system, deadline_ms ? deadline_ms : DEFAULT_STOP_MS);
    atomic_store(&system->closed, true);
    trp_overdue_look(system, NULL, false);
    trp_roots_order(system, TRP_ORDER_STOP);
    bool at_rest =
        come_to_rest(system, eighths(system, 6, deadline), eighths(system, 7, deadline), deadline);
    report_culprit(system, report);
    if (at_rest) {
        finish(system, &report->stats);
        return TROUPE_OK;
    }
    trp_overdue_report(system, report);
    troupe_system_stats(system, &report->stats);
    atomic_store(&system->silent, true);
    pthread_t thread;
    if (pthread_create(&thread, NULL, finish_later, system) == 0)
        pthread_detach(thread); // no thread: what is left stays until the process ends
    return trp_error(TROUPE_ETIMEDOUT,
                     "troupe_system_stop: %u handlers, or some blocking calls, have not returned",
                     report->refused);
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

bool trp_system_step(troupe_system *system)
{
    return trp_scheduler_step(system->scheduler);
}

uint64_t trp_system_next_deadline(troupe_system *system)
{
    return trp_scheduler_next_deadline(system->scheduler);
}
