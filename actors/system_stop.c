// The end of a system: waiting until no actor of it is left, and its stop. What it owns is freed
// when no thread of it is left, by the one that stops it, or, if some handler does not return by
// the deadline, by one that waits for that; until then it may be used from everywhere.
#include "actors/actor.h"
#include "actors/timer.h"

#include <string.h>

#define DEFAULT_STOP_MS 10000

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
        if (system->seams.driven) // no handler is held, and there is no thread to finish it later
            deadline = TRP_NEVER;
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
    trp_system_free(system);
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
