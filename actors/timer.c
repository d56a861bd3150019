// Timers: a record with the message ready to be sent, in a wheel and in its owner's handles.
//
// All timers of one owner are in one wheel, whose lock guards their state. So cancel against fire
// has one winner: cancel takes the timer out of the wheel, or finds it taken out (expire is about
// to look at the state under the lock) or sent. A message to oneself that waits already is marked
// CANCELLED and dropped when it comes up; that makes cancel exact.
//
// The record is counted: one for the owner's handles, one while it is in the wheel (then for
// expire), one while its message is in a mailbox. A single timer to somebody else leaves the
// handles when its owner arms later timers: each arming looks at two entries [sweep].
#include "actors/timer.h"

#include <string.h>

static struct trp_wheel *wheel_of(const struct trp_message_timer *timer)
{
    return trp_scheduler_wheel(timer->system->scheduler, timer->key);
}

static void release(troupe_system *system, struct trp_runner *runner,
                    struct trp_message_timer *timer)
{
    if (atomic_fetch_sub_explicit(&timer->refs, 1, memory_order_acq_rel) != 1)
        return; // acq_rel: the last one sees all that the others did
    if (timer->envelope)
        trp_free_envelope(system, runner, timer->envelope);
    trp_give(system, runner, timer, sizeof *timer);
}

// ---- Firing

static void observe(struct trp_message_timer *timer)
{
    const struct trp_probe *probe = timer->system->seams.probe;
    struct trp_probe_event event = {
        .kind = TRP_PROBE_TIMER, .ref = timer->target, .value = timer->timed.timer.deadline};
    probe->event(probe->user, &event);
}

// Under the wheel's lock: arms the next period; ticks that are past are left out.
static uint64_t arm_next(struct trp_message_timer *timer, struct trp_wheel *wheel)
{
    uint64_t now = trp_now(timer->system);
    uint64_t deadline = trp_deadline(timer->timed.timer.deadline, timer->period);
    if (deadline <= now)
        deadline += (now - deadline) / timer->period * timer->period + timer->period;
    trp_wheel_arm(wheel, &timer->timed.timer, deadline);
    return deadline;
}

// A periodic timer ends with its target: the last tick is a dead letter.
static bool target_lives(const struct trp_message_timer *timer)
{
    const struct trp_slot *slot = trp_resolve(timer->system, timer->target);
    return atomic_load_explicit(&slot->generation, memory_order_relaxed) ==
           timer->target.generation;
}

void trp_message_timer_expired(struct trp_runner *runner, struct trp_timed *timed)
{
    struct trp_message_timer *timer = TRP_CONTAINER(timed, struct trp_message_timer, timed);
    troupe_system *system = timer->system;
    struct trp_wheel *wheel = wheel_of(timer);
    struct trp_envelope *envelope = NULL;
    uint64_t next = TRP_NEVER;
    TRP_YIELD("timer: expired, before lock");
    trp_wheel_lock(wheel);
    bool armed = timer->state == TRP_TIMER_ARMED;
    if (armed && !timer->in_flight) {
        envelope = timer->envelope;
        timer->envelope = NULL;
        timer->in_flight = true;
        atomic_fetch_add_explicit(&timer->refs, 1, memory_order_relaxed);
    }
    if (armed && timer->period && target_lives(timer))
        next = arm_next(timer, wheel); // keeps the wheel's count
    else if (armed)
        timer->state = TRP_TIMER_SENT;
    trp_wheel_unlock(wheel);
    if (next != TRP_NEVER)
        trp_scheduler_timer_armed(system->scheduler, next);
    if (envelope) {
        if (TRP_UNLIKELY(system->seams.probe != NULL))
            observe(timer);
        trp_push_from(system, runner, trp_resolve(system, timer->target), timer->target.generation,
                      envelope);
    }
    if (next == TRP_NEVER)
        release(system, runner, timer);
}

bool trp_timer_is_due(struct trp_message_timer *timer)
{
    struct trp_wheel *wheel = wheel_of(timer);
    trp_wheel_lock(wheel);
    bool due = timer->state != TRP_TIMER_CANCELLED;
    trp_wheel_unlock(wheel);
    return due;
}

bool trp_timer_open(struct troupe_ctx *ctx, struct trp_envelope *envelope)
{
    struct trp_message_timer *timer = trp_envelope_extra(envelope)->owner;
    // One to oneself that was put aside has left the handles: it did not end with its incarnation.
    if (!trp_timer_is_due(timer) ||
        (timer->to_self &&
         timer->incarnation != atomic_load_explicit(&ctx->slot->incarnation, memory_order_relaxed)))
        return false;
    if (timer->to_self && timer->period == 0 && timer->handle != UINT32_MAX) {
        trp_handles_remove(&ctx->extras->handles, timer->handle);
        timer->handle = UINT32_MAX; // put aside and handled again: it is out already
        release(ctx->system, ctx->runner, timer);
    }
    return true;
}

void trp_timer_done(troupe_system *system, struct trp_runner *runner, struct trp_envelope *envelope)
{
    struct trp_message_timer *timer = trp_envelope_extra(envelope)->owner;
    struct trp_wheel *wheel = wheel_of(timer);
    trp_wheel_lock(wheel);
    timer->envelope = envelope;
    timer->in_flight = false;
    trp_wheel_unlock(wheel);
    release(system, runner, timer);
}

// ---- Arming and cancelling

// [sweep] Looks at two entries of the handles and frees single timers whose message was sent.
static void sweep(troupe_system *system, struct trp_runner *runner, struct trp_handles *handles)
{
    for (int i = 0; i < 2 && handles->capacity; i++) {
        uint32_t index = handles->sweep++ % handles->capacity;
        struct trp_handle *item = &handles->items[index];
        if (item->kind != TRP_HANDLE_TIMER)
            continue;
        struct trp_message_timer *timer = item->thing;
        struct trp_wheel *wheel = wheel_of(timer);
        trp_wheel_lock(wheel);
        bool over = !timer->to_self && timer->state != TRP_TIMER_ARMED;
        trp_wheel_unlock(wheel);
        if (over) {
            trp_handles_remove(handles, index);
            release(system, runner, timer);
        }
    }
}

static struct trp_message_timer *make(troupe_ctx *ctx, troupe_ref to, uint64_t period,
                                      struct trp_envelope *envelope)
{
    struct trp_message_timer *timer = trp_take(ctx->system, ctx->runner, sizeof *timer);
    if (timer == NULL)
        return NULL;
    memset(timer, 0, sizeof *timer);
    timer->timed.kind = TRP_TIMED_MESSAGE;
    atomic_init(&timer->refs, 2); // handles and wheel
    timer->to_self = ctx->slot && troupe_ref_equal(to, trp_self(ctx));
    timer->envelope = envelope;
    timer->period = period;
    timer->key = ctx->slot ? ctx->slot->index : 0;
    timer->system = ctx->system;
    timer->target = to;
    timer->owner = ctx->slot;
    if (ctx->slot)
        timer->incarnation = atomic_load_explicit(&ctx->slot->incarnation, memory_order_relaxed);
    trp_envelope_extra(envelope)->owner = timer;
    return timer;
}

static troupe_status start(troupe_ctx *ctx, uint64_t at, uint64_t period, troupe_ref to,
                           troupe_timer *public, struct trp_handles *handles,
                           struct trp_envelope *envelope)
{
    sweep(ctx->system, ctx->runner, handles);
    struct trp_message_timer *timer = trp_handles_reserve(ctx->system, ctx->runner, handles)
                                          ? make(ctx, to, period, envelope)
                                          : NULL;
    if (timer == NULL)
        return trp_error(TROUPE_ENOMEM, "no memory for a timer");
    timer->handle = trp_handles_put(handles, TRP_HANDLE_TIMER, timer);
    struct trp_handle_name name = trp_handles_name(handles, timer->handle, trp_handle_salt(ctx));
    if (public)
        memcpy(public, &name, sizeof *public);
    struct trp_wheel *wheel = wheel_of(timer);
    trp_wheel_lock(wheel);
    trp_wheel_arm(wheel, &timer->timed.timer, at);
    trp_wheel_unlock(wheel);
    trp_scheduler_timer_armed(ctx->system->scheduler, at);
    return TROUPE_OK;
}

// The handles that own a ctx's timers; outside they are the system's, under a lock.
static struct trp_handles *open_handles(troupe_ctx *ctx)
{
    if (ctx->slot)
        return trp_extras(ctx) ? &ctx->extras->handles : NULL;
    pthread_mutex_lock(&ctx->system->outside_timers_lock);
    return &ctx->system->outside_timers;
}

static void close_handles(troupe_ctx *ctx)
{
    if (ctx->slot == NULL)
        pthread_mutex_unlock(&ctx->system->outside_timers_lock);
}

static troupe_status build_and_start(troupe_ctx *ctx, uint64_t at, uint64_t period, troupe_ref to,
                                     troupe_timer *timer, troupe_type *type, const void *body)
{
    struct trp_envelope *envelope;
    troupe_status status =
        trp_build(ctx->system, ctx->runner, type, body, TRP_KIND_TIMER, true, &envelope);
    if (status != TROUPE_OK)
        return status;
    struct trp_handles *handles = open_handles(ctx);
    status = handles ? start(ctx, at, period, to, timer, handles, envelope)
                     : trp_error(TROUPE_ENOMEM, "no memory for a timer");
    close_handles(ctx);
    if (status != TROUPE_OK)
        trp_free_envelope(ctx->system, ctx->runner, envelope);
    return status;
}

static troupe_status timer_at(troupe_ctx *ctx, uint64_t at, uint64_t period, troupe_ref to,
                              troupe_timer *timer, troupe_type *type, const void *body)
{
    struct trp_slot *slot = trp_resolve(ctx->system, to);
    if (slot == NULL || to.generation == 0 ||
        atomic_load_explicit(&slot->generation, memory_order_relaxed) != to.generation)
        return trp_no_target(ctx, to, type, body, "a timer");
    if (period != 0 && period < TRP_NS_PER_MS)
        return trp_error(
            TROUPE_EINVAL,
            "troupe_timer_body: period_ns is %llu; it must be at least 1 ms (1000000 ns)",
            (unsigned long long)period);
    if (!trp_enter(ctx))
        return TROUPE_ESTALE;
    troupe_status status = build_and_start(ctx, at, period, to, timer, type, body);
    trp_leave(ctx);
    return status;
}

troupe_status troupe_timer_body(troupe_ctx *ctx, uint64_t delay_ns, uint64_t period_ns,
                                troupe_ref to, troupe_timer *timer, troupe_type *type,
                                const void *body)
{
    uint64_t at = trp_deadline(trp_now(ctx->system), delay_ns);
    return timer_at(ctx, at, period_ns, to, timer, type, body);
}

troupe_status troupe_every_body(troupe_ctx *ctx, int64_t period_ms, troupe_ref to,
                                troupe_timer *timer, troupe_type *type, const void *body)
{
    if (period_ms < 1)
        return trp_error(TROUPE_EINVAL,
                         "troupe_every: the period is %lld ms; it must be at least 1 ms",
                         (long long)period_ms);
    uint64_t period_ns = troupe_ms_in_ns(period_ms);
    return troupe_timer_body(ctx, period_ns, period_ns, to, timer, type, body);
}

troupe_status troupe_timer_at_body(troupe_ctx *ctx, uint64_t at_ns, troupe_ref to,
                                   troupe_timer *timer, troupe_type *type, const void *body)
{
    return timer_at(ctx, at_ns, 0, to, timer, type, body);
}

// Takes the timer out of its wheel. True: nothing of it will be handled any more, unless it is one
// to somebody else whose message is in a mailbox.
static bool stop(struct trp_runner *runner, struct trp_message_timer *timer)
{
    struct trp_wheel *wheel = wheel_of(timer);
    TRP_YIELD("timer: cancel, before lock");
    trp_wheel_lock(wheel);
    bool armed = timer->state == TRP_TIMER_ARMED;
    bool in_time = armed || (timer->to_self && timer->state == TRP_TIMER_SENT);
    bool linked = trp_wheel_cancel(wheel, &timer->timed.timer);
    if (timer->to_self || !timer->in_flight)
        timer->state = TRP_TIMER_CANCELLED;
    else
        timer->state = TRP_TIMER_SENT; // a periodic one: its last tick is on its way
    trp_wheel_unlock(wheel);
    if (linked)
        release(timer->system, runner, timer);
    return in_time;
}

troupe_status troupe_timer_cancel(troupe_ctx *ctx, troupe_timer public)
{
    if (!trp_enter(ctx))
        return TROUPE_ESTALE;
    struct trp_handle_name name;
    uint32_t index;
    memcpy(&name, &public, sizeof name);
    struct trp_handles *handles = open_handles(ctx);
    struct trp_message_timer *timer =
        handles ? trp_handles_find(handles, TRP_HANDLE_TIMER, name, trp_handle_salt(ctx), &index)
                : NULL;
    bool in_time = false;
    if (timer) {
        trp_handles_remove(handles, index);
        in_time = stop(ctx->runner, timer);
        release(ctx->system, ctx->runner, timer);
    }
    close_handles(ctx);
    troupe_status status =
        in_time ? TROUPE_OK
                : trp_error(TROUPE_EALREADY, "troupe_timer_cancel: the message was sent already, "
                                             "or the timer was cancelled");
    trp_leave(ctx);
    return status;
}

void trp_timer_abandon(struct trp_runner *runner, struct trp_slot *slot, void *thing)
{
    (void)slot;
    struct trp_message_timer *timer = thing;
    stop(runner, timer);
    release(timer->system, runner, timer);
}
