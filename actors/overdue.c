// Kills that are not heeded: finding handlers that do not return, and giving them up.
//
// C cannot preempt: a kill acts when the handler returns. Each kill makes sure that a look at all
// runners follows a millisecond later. A runner whose slot has a kill pending is remembered with
// the time of that look, and when the same activation is still there after the grace it is given
// up: its runner's guard is frozen while the handler is in the user's code, checked once more, and
// revoked. From then on the slot is not the handler's: it is scheduled anew, and the activation
// that comes takes it over (trp_take_over). The handler's thread finds out when it comes back into
// the runtime: each public function refuses it, and its activation frees what it holds.
//
// [seen] An activation stores `running` before it reads the slot's orders; the look passes a heavy
// barrier after the order was set and before it reads `running`. So either the activation finds the
// kill before it calls a handler, or the look finds the activation.
#include "actors/actor.h"

#include <string.h>

static uint64_t grace_of(const troupe_system *system, struct trp_slot *slot)
{
    uint32_t own = atomic_load_explicit(&slot->kill_grace_ms, memory_order_relaxed);
    return (own ? own : system->kill_grace_ms) * TRP_NS_PER_MS;
}

static bool kill_is_pending(struct trp_slot *slot)
{
    return slot && (atomic_load(&slot->orders) & TRP_ORDER_KILL);
}

// The slot is nobody's now, and its mailbox is not idle.
static void hand_over(troupe_system *system, struct trp_runner *runner, struct trp_slot *slot)
{
    if (slot->task.home) // its thread is the one that is held
        trp_thread_stop(system->scheduler, &slot->task);
    atomic_fetch_or(&slot->orders, TRP_ORDER_ABANDONED);
    trp_schedule(system->scheduler, runner ? runner->worker : NULL, &slot->task);
}

static void give_up(troupe_system *system, struct trp_runner *runner, struct trp_runner *held)
{
    if (trp_bias_is_revoked(&held->bias) || !trp_bias_freeze(&held->bias))
        return; // given up already, or in one of our functions: the next look
    struct trp_slot *slot = atomic_load(&held->running);
    if (!kill_is_pending(slot)) { // another activation by now
        trp_bias_withdraw(&held->bias);
        return;
    }
    trp_bias_commit(&held->bias);
    hand_over(system, runner, slot);
}

// Returns when to look again at this runner.
static uint64_t look_at(troupe_system *system, struct trp_runner *runner, struct trp_runner *held,
                        uint64_t now, bool force)
{
    struct trp_slot *slot = atomic_load(&held->running);
    if (!kill_is_pending(slot) || trp_bias_is_revoked(&held->bias))
        return TRP_NEVER;
    uint64_t serial = atomic_load(&held->serial);
    if (held->seen_since == 0 || held->seen_serial != serial) {
        held->seen_serial = serial;
        held->seen_since = now ? now : 1;
    }
    uint64_t deadline = trp_deadline(held->seen_since, grace_of(system, slot));
    if (!force && now < deadline)
        return deadline;
    give_up(system, runner, held);
    return trp_deadline(now, TRP_NS_PER_MS); // see whether it worked
}

uint64_t trp_overdue_look(troupe_system *system, struct trp_runner *runner, bool force)
{
    uint64_t next = TRP_NEVER, now = trp_now(system);
    pthread_mutex_lock(&system->overdue.lock);
    trp_bias_barrier(); // [seen]
    for (struct trp_runner *held = atomic_load(&system->runners); held; held = held->next) {
        uint64_t again = held == runner ? TRP_NEVER : look_at(system, runner, held, now, force);
        next = again < next ? again : next;
    }
    pthread_mutex_unlock(&system->overdue.lock);
    return next;
}

static void arm(troupe_system *system, uint64_t deadline)
{
    struct trp_wheel *wheel = trp_scheduler_wheel(system->scheduler, 0);
    trp_wheel_lock(wheel);
    trp_wheel_arm(wheel, &system->overdue.timed.timer, deadline);
    trp_wheel_unlock(wheel);
    trp_scheduler_timer_armed(system->scheduler, deadline);
}

void trp_overdue_watch(troupe_system *system)
{
    if (!atomic_exchange(&system->overdue.armed, true))
        arm(system, trp_deadline(trp_now(system), TRP_NS_PER_MS));
}

void trp_overdue_expired(struct trp_runner *runner, struct trp_timed *timed)
{
    (void)timed;
    troupe_system *system = runner->system;
    atomic_store(&system->overdue.armed, false); // a kill from now on arms it anew
    uint64_t next = trp_overdue_look(system, runner, false);
    if (next != TRP_NEVER && !atomic_exchange(&system->overdue.armed, true))
        arm(system, next);
}

void trp_overdue_fini(troupe_system *system)
{
    struct trp_wheel *wheel = trp_scheduler_wheel(system->scheduler, 0);
    trp_wheel_lock(wheel);
    trp_wheel_cancel(wheel, &system->overdue.timed.timer);
    trp_wheel_unlock(wheel);
    pthread_mutex_destroy(&system->overdue.lock);
}

// ---- The report of a stop

static void copy_text(char *to, size_t size, const char *from)
{
    strncpy(to, from, size - 1);
    to[size - 1] = 0;
}

static void report_one(troupe_system *system, struct trp_runner *held, troupe_report *report)
{
    struct trp_slot *slot = atomic_load(&held->running);
    struct troupe_ctx *ctx = slot ? atomic_load(&slot->body) : NULL;
    if (ctx && ctx != &trp_vacant && report->refused < TROUPE_REPORT_REFUSED) {
        struct trp_envelope *envelope = ctx->gone ? NULL : atomic_load(&ctx->current);
        uint64_t now = trp_now(system);
        report->who[report->refused].ref = trp_ref(system, slot->index, ctx->generation);
        copy_text(report->who[report->refused].name, sizeof report->who[0].name,
                  trp_actor_name(slot));
        copy_text(report->who[report->refused].message_type, sizeof report->who[0].message_type,
                  envelope && envelope->msg.type ? troupe_msg_type_name(&envelope->msg) : "");
        report->who[report->refused].since_ns = held->seen_since ? now - held->seen_since : 0;
    }
    report->refused++;
}

void trp_overdue_report(troupe_system *system, troupe_report *report)
{
    pthread_mutex_lock(&system->overdue.lock);
    for (struct trp_runner *held = atomic_load(&system->runners); held; held = held->next) {
        if (trp_bias_is_revoked(&held->bias)) { // its actor has ended, its thread has not
            report->refused++;
            continue;
        }
        if (atomic_load(&held->running) == NULL || !trp_bias_freeze(&held->bias))
            continue;
        if (atomic_load(&held->running))
            report_one(system, held, report);
        trp_bias_withdraw(&held->bias);
    }
    pthread_mutex_unlock(&system->overdue.lock);
}
