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
// A handler that does not return may also have kept what it has sent (outbox.h): a parked worker
// delivers that behind the same guard.
//
// [seen] An activation stores `running` before it reads the slot's orders; the look passes a heavy
// barrier after the order was set and before it reads `running`. So either the activation finds the
// kill before it calls a handler, or the look finds the activation.
#include "actors/actor.h"

#include <string.h>
#include <time.h>

// How often, and ns in between, a report tries to find handlers outside of the runtime: all in all
// a few times what the kernel keeps a thread waiting for a CPU that is wanted by others.
#define FREEZE_TRIES 200
#define FREEZE_PAUSE 100000

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

static void copy_text(char *to, size_t size, const char *from)
{
    strncpy(to, from, size - 1);
    to[size - 1] = 0;
}

// Remembers when this activation was seen first.
static void see(struct trp_seen *seen, uint64_t serial, uint64_t now)
{
    if (seen->since == 0 || seen->serial != serial)
        *seen = (struct trp_seen){.serial = serial, .since = now ? now : 1};
}

// Says what a frozen handler is about.
static const char *message_type(struct trp_slot *slot, struct troupe_ctx *ctx)
{
    if (ctx->gone)
        return ""; // it has passed its message on
    struct trp_envelope *envelope = atomic_load(&ctx->current);
    if (envelope)
        return envelope->msg.type ? troupe_msg_type_name(&envelope->msg) : "";
    return atomic_load(&slot->init) == TRP_INIT_SUCCEEDED ? "(stop)" : "(init)";
}

// Says who is in the handler of a frozen runner.
static void describe(troupe_system *system, struct trp_runner *held, struct trp_slot *slot,
                     struct trp_given_up *who)
{
    struct troupe_ctx *ctx = atomic_load(&slot->body);
    see(&held->seen, atomic_load(&held->serial), trp_now(system));
    *who = (struct trp_given_up){.ref = trp_ref(system, slot->index, ctx->generation),
                                 .since = held->seen.since};
    copy_text(who->name, sizeof who->name, trp_actor_name(slot));
    copy_text(who->message_type, sizeof who->message_type, message_type(slot, ctx));
}

static void give_up(troupe_system *system, struct trp_runner *runner, struct trp_runner *held)
{
    TRP_YIELD("overdue: about to give up");
    if (trp_bias_is_revoked(&held->bias) || !trp_bias_freeze(&held->bias))
        return; // given up already, or in one of our functions: the next look
    struct trp_slot *slot = atomic_load(&held->running);
    if (!kill_is_pending(slot)) { // another activation by now
        trp_bias_withdraw(&held->bias);
        return;
    }
    describe(system, held, slot, &held->given_up);
    trp_outbox_deliver(held, runner); // what it sent before
    trp_bias_commit(&held->bias);
    hand_over(system, runner, slot);
}

// Returns when to look again at this runner.
static uint64_t look_at(troupe_system *system, struct trp_runner *runner, struct trp_runner *held,
                        uint64_t now, bool force)
{
    struct trp_slot *slot = atomic_load(&held->running);
    if (slot == NULL || trp_bias_is_revoked(&held->bias))
        return TRP_NEVER;
    uint64_t serial = atomic_load(&held->serial);
    see(&held->seen, serial, now);
    if (!kill_is_pending(slot))
        return TRP_NEVER;
    see(&held->killed, serial, now);
    uint64_t deadline = trp_deadline(held->killed.since, grace_of(system, slot));
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

bool trp_overdue_outbox(struct trp_worker *worker, struct trp_worker *by)
{
    struct trp_runner *held = atomic_load(&worker->user); // NULL: it has not started yet
    if (held == NULL || trp_outbox_is_empty(&held->outbox))
        return false;
    if (by == NULL)
        return true;
    troupe_system *system = held->system;
    if (pthread_mutex_trylock(&system->overdue.lock) != 0)
        return false; // one at a time freezes; the next tick comes soon
    bool frozen = !trp_bias_is_revoked(&held->bias) && trp_bias_freeze(&held->bias);
    if (frozen) {
        trp_outbox_deliver(held, by->user);
        trp_bias_withdraw(&held->bias);
    }
    pthread_mutex_unlock(&system->overdue.lock);
    return frozen;
}

// Makes sure that there is a look at that time or before.
static void arm(troupe_system *system, uint64_t deadline)
{
    struct trp_overdue *overdue = &system->overdue;
    // seq_cst: an order was given before. Either this sees that the look that was due has begun, or
    // that look sees the order.
    if (atomic_load(&overdue->due) <= deadline)
        return;
    struct trp_wheel *wheel = trp_scheduler_wheel(system->scheduler, 0);
    trp_wheel_lock(wheel);
    bool earlier = atomic_load(&overdue->due) > deadline;
    if (earlier) {
        trp_wheel_cancel(wheel, &overdue->timed.timer);
        trp_wheel_arm(wheel, &overdue->timed.timer, deadline);
        atomic_store(&overdue->due, deadline);
    }
    trp_wheel_unlock(wheel);
    if (earlier)
        trp_scheduler_timer_armed(system->scheduler, deadline);
}

void trp_overdue_watch(troupe_system *system)
{
    arm(system, trp_deadline(trp_now(system), TRP_NS_PER_MS));
}

void trp_overdue_expired(struct trp_runner *runner, struct trp_timed *timed)
{
    (void)timed;
    troupe_system *system = runner->system;
    atomic_store(&system->overdue.due, TRP_NEVER); // a kill from now on arms it anew
    uint64_t next = trp_overdue_look(system, runner, false);
    if (next != TRP_NEVER)
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

static void report_one(troupe_system *system, const struct trp_given_up *who, troupe_report *report)
{
    uint32_t place = report->refused++;
    if (place >= TROUPE_REPORT_REFUSED)
        return;
    uint64_t now = trp_now(system);
    report->who[place].ref = who->ref;
    memcpy(report->who[place].name, who->name, sizeof who->name);
    memcpy(report->who[place].message_type, who->message_type, sizeof who->message_type);
    report->who[place].since_ns = who->since && now > who->since ? now - who->since : 0;
}

// True: its owner is in a handler of the user's, and stays there until the bias is withdrawn.
static bool freeze(struct trp_runner *held, int *tries)
{
    while (atomic_load(&held->running) != NULL) {
        if (trp_bias_freeze(&held->bias))
            return true;
        if (*tries <= 0)
            return false;
        --*tries; // it is in one of our functions just now
        nanosleep(&(struct timespec){.tv_nsec = FREEZE_PAUSE}, NULL);
    }
    return false;
}

static void report_runner(troupe_system *system, struct trp_runner *held, int *tries,
                          troupe_report *report)
{
    struct trp_given_up who = {.since = 0};
    if (trp_bias_is_revoked(&held->bias)) { // its actor has ended, its thread has not
        report_one(system, &held->given_up, report);
        return;
    }
    bool frozen = freeze(held, tries);
    struct trp_slot *slot = atomic_load(&held->running);
    if (frozen && slot)
        describe(system, held, slot, &who);
    if (frozen)
        trp_bias_withdraw(&held->bias);
    if (slot)
        report_one(system, &who, report);
}

void trp_overdue_report(troupe_system *system, troupe_report *report)
{
    int tries = FREEZE_TRIES;
    pthread_mutex_lock(&system->overdue.lock);
    for (struct trp_runner *held = atomic_load(&system->runners); held; held = held->next)
        report_runner(system, held, &tries, report);
    pthread_mutex_unlock(&system->overdue.lock);
}
