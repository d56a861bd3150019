// The life of an incarnation: start and restart; its end is in end.c, and what becomes of one whose
// handler was given up in abandon.c. Every function of these three runs on the slot's consumer. The
// states are drawn in slot.h; the transitions are:
//
//   STARTING -> RUNNING    trp_incarnation_started
//   any      -> STOPPING   trp_end_incarnation, trp_take_over
//   STOPPING -> AWAITING   trp_children_gone, of a supervised actor
//   STOPPING -> ENDED      trp_children_gone -> trp_end_for_good, of all others
//   RUNNING  -> ENDED      trp_end_plainly, by its handler, of an actor that waits for nothing
//   AWAITING -> STARTING   trp_restart_incarnation
//   AWAITING -> ENDED      trp_end_for_good
//
// Four of them tell others, who may be many: trp_incarnation_started, trp_restart_incarnation, the
// way to AWAITING and trp_end_for_good. What they cannot tell at once they leave to trp_tell_on,
// which makes the transition when all is told.
#include "actors/lifecycle.h"

#include "actors/monitor.h"
#include "actors/signal.h"

#include <string.h>

struct trp_extras *trp_extras(struct troupe_ctx *ctx)
{
    if (ctx->extras == NULL) {
        ctx->extras = trp_take(ctx->system, ctx->runner, sizeof *ctx->extras);
        if (ctx->extras)
            memset(ctx->extras, 0, sizeof *ctx->extras);
    }
    return ctx->extras;
}

void trp_observe_life(troupe_system *system, enum trp_probe_kind kind, const struct trp_slot *slot,
                      uint32_t generation, uint64_t value)
{
    const struct trp_probe *probe = system->seams.probe;
    if (TRP_LIKELY(probe == NULL))
        return;
    struct trp_probe_event event = {
        .kind = kind, .ref = trp_ref(system, slot->index, generation), .value = value};
    probe->event(probe->user, &event);
}

void trp_tell_event(troupe_system *system, troupe_event_kind kind, struct trp_slot *slot,
                    uint32_t generation, uint32_t incarnation, const struct trp_reason *reason,
                    const char *child)
{
    if (system->on_event == NULL || atomic_load(&system->silent))
        return;
    troupe_event event = {.kind = kind,
                          .ref = trp_ref(system, slot->index, generation),
                          .name = trp_actor_name(slot),
                          .incarnation = incarnation,
                          .reason = trp_reason_view(reason),
                          .child = child};
    system->on_event(system->hook_user, &event);
}

// ---- Start

struct trp_reason trp_failure(struct troupe_ctx *ctx, troupe_reason_kind kind, troupe_status status)
{
    struct trp_reason reason = {.kind = (uint32_t)kind, .status = status};
    if ((ctx->marks & TRP_MARK_LIMITED) && kind == TROUPE_FAILED)
        reason.kind = TROUPE_MEMORY_LIMIT;
    if (ctx->marks & TRP_MARK_TEXT) { // else the text is of a failure that was overcome
        reason.text = ctx->extras->fail_text;
        ctx->extras->fail_text = NULL;
    }
    return reason;
}

void trp_tell_later(struct trp_slot *slot, enum trp_telling what)
{
    slot->phase = TRP_TELLING;
    slot->telling = (uint8_t)what;
}

static void start_running(struct trp_runner *runner, struct trp_slot *slot)
{
    struct troupe_ctx *ctx = trp_body(slot);
    slot->phase = TRP_RUNNING;
    if (ctx->extras)
        trp_list_prepend_to(slot, &ctx->extras->to_self);
    if (slot->supervised)
        trp_notify_owner(runner, slot, TRP_NOTICE_STARTED);
}

void trp_incarnation_started(struct trp_runner *runner, struct trp_slot *slot)
{
    atomic_store_explicit(&slot->init, TRP_INIT_SUCCEEDED, memory_order_relaxed); // our own
    if (trp_monitors_start(runner->system, runner, slot))
        start_running(runner, slot);
    else
        trp_tell_later(slot, TRP_TELL_START);
}

// Nobody sent the arguments of init, so their count is where the sender would be.
static _Atomic uint32_t *args_count(struct trp_envelope *args)
{
    return (_Atomic uint32_t *)&args->sender_slot;
}

void trp_args_init(struct trp_envelope *args)
{
    atomic_init(args_count(args), 1);
}

void trp_args_acquire(struct trp_envelope *args)
{
    // relaxed: the caller holds one.
    atomic_fetch_add_explicit(args_count(args), 1, memory_order_relaxed);
}

void trp_args_release(troupe_system *system, struct trp_runner *runner, struct trp_envelope *args)
{
    // acq_rel: the last one sees that all others have finished reading.
    if (atomic_fetch_sub_explicit(args_count(args), 1, memory_order_acq_rel) == 1)
        trp_finish(system, runner, args);
}

// False: given up meanwhile.
static bool call_init(struct trp_runner *runner, struct trp_slot *slot, struct troupe_ctx *ctx,
                      troupe_status *status)
{
    const troupe_behavior *behavior = slot->behavior;
    struct trp_envelope *args = slot->persist ? slot->persist->args : NULL;
    if (args)
        trp_args_acquire(args);
    const troupe_msg *msg = args ? &args->msg : NULL;
    bool inside = true;
    if (!trp_is_struck(ctx, TRP_BEFORE_INIT, status)) {
        inside = TRP_CALL_USER(ctx, *status = behavior->init(ctx, trp_state(ctx), msg));
        if (TRP_LIKELY(inside))
            (void)trp_is_struck(ctx, TRP_AFTER_INIT, status);
    }
    if (args)
        trp_args_release(runner->system, runner, args);
    return inside;
}

enum trp_next trp_start_incarnation(struct trp_runner *runner, struct trp_slot *slot)
{
    struct troupe_ctx *ctx = trp_body(slot);
    const troupe_behavior *behavior = slot->behavior;
    troupe_status status = TROUPE_OK;
    atomic_store_explicit(&slot->init, TRP_INIT_CALLED, memory_order_relaxed); // our own
    trp_observe_life(runner->system, TRP_PROBE_START, slot, ctx->generation, trp_incarnation(slot));
    if (behavior->init) {
        ctx->marks = 0;
        if (!call_init(runner, slot, ctx, &status)) {
            trp_free_abandoned(runner, ctx);
            return TRP_NEXT_LEAVE;
        }
    }
    if (status == TRP_START_LATER && slot->persist && slot->persist->supervision)
        return TRP_NEXT_LOOK;
    if (status == TROUPE_OK || status == TROUPE_STOP)
        trp_incarnation_started(runner, slot);
    if (status == TROUPE_OK)
        return TRP_NEXT_LOOK;
    if (status == TROUPE_STOP || status == TROUPE_IGNORE)
        return trp_end_incarnation(
            runner, slot,
            (struct trp_reason){.kind = TROUPE_NORMAL,
                                .status = status == TROUPE_IGNORE ? TROUPE_IGNORE : TROUPE_OK});
    return trp_end_incarnation(runner, slot, trp_failure(ctx, TROUPE_START_FAILED, status));
}

// ---- Restart

static bool renew_body(struct trp_runner *runner, struct trp_slot *slot)
{
    troupe_system *system = runner->system;
    struct troupe_ctx *ctx = trp_body(slot);
    size_t size = trp_body_size(slot->behavior);
    if (ctx == &trp_vacant) {
        ctx = trp_take(system, runner, size);
        if (ctx == NULL)
            return false;
    }
    memset(ctx, 0, size);
    ctx->system = system;
    ctx->slot = slot;
    ctx->runner = runner;
    ctx->receive = slot->behavior->receive;
    ctx->generation = trp_slot_generation(slot);
    atomic_store_explicit(&slot->body, ctx, memory_order_release);
    return true;
}

static bool renew_thread(struct trp_runner *runner, struct trp_slot *slot)
{
    if (!slot->on_thread || slot->task.home)
        return true;
    return trp_thread_start(runner->system->scheduler, &slot->task, slot->behavior->name) ==
           TROUPE_OK;
}

// All who watch know that it restarts.
static void begin_next(struct trp_runner *runner, struct trp_slot *slot)
{
    troupe_system *system = runner->system;
    uint32_t incarnation = trp_incarnation(slot) + 1;
    trp_tell_event(system, TROUPE_EVENT_RESTARTED, slot, trp_slot_generation(slot), incarnation,
                   &slot->reason, NULL);
    trp_count(system, runner, restarts);
    trp_reason_release(system, runner, &slot->reason);
    struct trp_lock *lock = trp_stripe(system, slot->index);
    trp_lock_acquire(lock); // see monitor.c [watch] 3 and signal.c [between]
    atomic_store_explicit(&slot->incarnation, incarnation, memory_order_relaxed);
    atomic_fetch_and_explicit(&slot->orders, ~(uint64_t)TRP_ALIVE_BETWEEN, memory_order_relaxed);
    trp_lock_release(lock);
    slot->phase = TRP_STARTING;
}

void trp_restart_incarnation(struct trp_runner *runner, struct trp_slot *slot)
{
    troupe_system *system = runner->system;
    if (!renew_body(runner, slot) || !renew_thread(runner, slot)) { // an attempt that failed
        trp_reason_release(system, runner, &slot->reason);
        slot->reason = (struct trp_reason){.kind = TROUPE_START_FAILED, .status = TROUPE_ENOMEM};
        trp_notify_owner(runner, slot, TRP_NOTICE_DOWN);
        return;
    }
    if (trp_monitors_restart(system, runner, slot))
        begin_next(runner, slot);
    else
        trp_tell_later(slot, TRP_TELL_RESTART);
}

// ---- Telling on

enum trp_next trp_tell_on(struct trp_runner *runner, struct trp_slot *slot)
{
    troupe_system *system = runner->system;
    switch ((enum trp_telling)slot->telling) {
    case TRP_TELL_START:
        if (!trp_monitors_go_on(system, runner, slot, TROUPE_ON_START))
            break;
        start_running(runner, slot);
        if (slot->reason.kind != 0) { // it was to end meanwhile
            struct trp_reason reason = slot->reason;
            slot->reason = (struct trp_reason){0};
            return trp_end_incarnation(runner, slot, reason);
        }
        return trp_signals_obey(runner, slot); // their order may have been taken meanwhile
    case TRP_TELL_LINKS:
        trp_await_verdict(runner, slot);
        break;
    case TRP_TELL_RESTART:
        if (trp_monitors_go_on(system, runner, slot, TROUPE_ON_RESTART))
            begin_next(runner, slot);
        break;
    case TRP_TELL_END:
        trp_tell_end(runner, slot);
        break;
    }
    return TRP_NEXT_LOOK;
}
