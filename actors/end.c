// The end of an incarnation, and of its actor: its children end, it stops, gives back what it has,
// and all others who are to know are told, by and by if they are many. See lifecycle.c for the
// transitions.
#include "actors/ask.h"
#include "actors/lifecycle.h"
#include "actors/link.h"
#include "actors/supervisor.h"

enum trp_next trp_begin_stop(struct trp_runner *runner, struct trp_slot *slot)
{
    slot->phase = TRP_STOPPING;
    if (slot->persist == NULL || slot->persist->child_count == 0)
        return trp_children_gone(runner, slot);
    trp_stop_children(runner, slot);
    return TRP_NEXT_LOOK;
}

// To one that ends, or is about to.
static void end_again(struct trp_runner *runner, struct trp_slot *slot, struct trp_reason reason)
{
    bool kill = reason.kind == TROUPE_KILLED && slot->reason.kind != TROUPE_KILLED;
    if (slot->phase == TRP_TELLING && slot->reason.kind == 0) {
        slot->reason = reason; // its start is told first: trp_tell_on comes back
    } else if (slot->phase == TRP_STOPPING && kill) { // the rest at once
        trp_reason_release(runner->system, runner, &slot->reason);
        slot->reason = reason;
        if (slot->persist && slot->persist->child_count)
            trp_stop_children(runner, slot);
    } else {
        trp_reason_release(runner->system, runner, &reason);
    }
}

enum trp_next trp_end_incarnation(struct trp_runner *runner, struct trp_slot *slot,
                                  struct trp_reason reason)
{
    if (slot->phase != TRP_STARTING && slot->phase != TRP_RUNNING) {
        end_again(runner, slot, reason);
        return TRP_NEXT_LOOK;
    }
    trp_forget_ended_children(runner, slot);
    trp_reason_release(runner->system, runner, &slot->reason);
    slot->reason = reason;
    return trp_begin_stop(runner, slot);
}

void trp_drop_handles(struct trp_runner *runner, struct trp_slot *slot, struct troupe_ctx *ctx)
{
    struct trp_extras *extras = ctx->extras;
    if (extras == NULL)
        return;
    troupe_system *system = runner->system;
    if (extras->failed_ask)
        trp_ask_down(system, runner, extras->failed_ask, &slot->reason);
    if (extras->asks)
        trp_asks_abandon(runner, extras->asks);
    for (uint32_t i = 0; i < extras->handles.capacity; i++) {
        struct trp_handle *item = &extras->handles.items[i];
        switch ((enum trp_handle_kind)item->kind) {
        case TRP_HANDLE_MONITOR:
            trp_monitor_abandon(runner, slot, item->thing);
            break;
        case TRP_HANDLE_TIMER:
            trp_timer_abandon(runner, slot, item->thing);
            break;
        case TRP_HANDLE_TOKEN:
            trp_token_abandon(runner, slot, item->thing);
            break;
        case TRP_HANDLE_ASK: // abandoned above
        case TRP_HANDLE_FREE:
        default:
            break;
        }
    }
    trp_handles_fini(system, runner, &extras->handles);
    trp_list_prepend_to(slot, &extras->stash);
    trp_list_prepend_to(slot, &extras->to_self);
    if (extras->become)
        trp_give(system, runner, extras->become, extras->become_capacity * sizeof *extras->become);
    struct trp_reason text = {.text = extras->fail_text};
    trp_reason_release(system, runner, &text);
    trp_give(system, runner, extras, sizeof *extras);
    ctx->extras = NULL;
}

static bool has_started(struct trp_slot *slot)
{
    // relaxed: our own
    return atomic_load_explicit(&slot->init, memory_order_relaxed) == TRP_INIT_SUCCEEDED;
}

// False: given up meanwhile; the slot's reason is another one by then.
static bool call_stop(struct trp_runner *runner, struct trp_slot *slot, struct troupe_ctx *ctx)
{
    troupe_status ignored;
    ctx->runner = runner;
    if (trp_is_struck(ctx, TRP_BEFORE_STOP, &ignored))
        return true;
    struct trp_reason reason = trp_reason_acquire(slot->reason);
    troupe_reason why = trp_reason_view(&reason);
    void (*stop)(troupe_ctx *, void *, const troupe_reason *) = slot->behavior->stop;
    // Nothing of the slot inside the call: once given up, it may be another actor's.
    bool inside = TRP_CALL_USER(ctx, stop(ctx, trp_state(ctx), &why));
    trp_reason_release(runner->system, runner, &reason);
    return inside;
}

// The last of the incarnation.
static void end_body(struct trp_runner *runner, struct trp_slot *slot, struct troupe_ctx *ctx)
{
    troupe_system *system = runner->system;
    if (ctx != &trp_vacant) {
        trp_arena_free(system, runner, ctx->arena);
        ctx->arena = NULL;
    }
    atomic_store_explicit(&slot->init, TRP_INIT_NOT_YET, memory_order_relaxed); // our own
    if (TRP_UNLIKELY(trp_reason_is_failure(&slot->reason))) {
        trp_count(system, runner, failures);
        trp_tell_event(system, TROUPE_EVENT_FAILED, slot, trp_slot_generation(slot),
                       trp_incarnation(slot), &slot->reason, NULL);
    }
}

void trp_await_verdict(struct trp_runner *runner, struct trp_slot *slot)
{
    if (!trp_links_end_incarnation(runner->system, runner, slot)) {
        trp_tell_later(slot, TRP_TELL_LINKS);
        return;
    }
    slot->phase = TRP_AWAITING;
    trp_notify_owner(runner, slot, TRP_NOTICE_DOWN);
}

static void free_persist(struct trp_runner *runner, struct trp_persist *persist)
{
    troupe_system *system = runner->system;
    if (persist == NULL)
        return;
    if (persist->name)
        trp_give(system, runner, persist->name, persist->name_size);
    if (persist->args)
        trp_args_release(system, runner, persist->args);
    trp_tick_free(system, runner, persist->tick);
    if (persist->supervision)
        trp_supervision_free(system, runner, persist->supervision);
    trp_give(system, runner, persist, sizeof *persist);
}

// From here on nobody finds the actor. True: there may be others to be told of that.
static bool end_generation(struct trp_runner *runner, struct trp_slot *slot)
{
    uint32_t generation = trp_slot_generation(slot);
    uint32_t next = generation + 1; // 0 after the last one: the slot retires
    trp_observe_life(runner->system, TRP_PROBE_EXIT, slot, generation, slot->reason.kind);
    trp_count(runner->system, runner, ended);
    uint64_t orders = trp_watched_end(slot, next);
    slot->awaited = (orders & TRP_ALIVE_AWAITED) != 0;
    return trp_watched_must_tell(orders);
}

// All of the end that comes after the others were told, but that the owner is told and the mailbox
// emptied.
static void free_actor(struct trp_runner *runner, struct trp_slot *slot)
{
    troupe_system *system = runner->system;
    struct troupe_ctx *ctx = trp_body(slot);
    struct trp_persist *persist = slot->persist;
    // Nobody reads what follows for this generation any more.
    atomic_store_explicit(&slot->body, NULL, memory_order_relaxed);
    slot->persist = NULL;
    if (ctx != &trp_vacant)
        trp_give(system, runner, ctx, trp_body_size(slot->behavior));
    free_persist(runner, persist);
    if (slot->task.home)
        trp_thread_stop(system->scheduler, &slot->task);
}

void trp_tell_end(struct trp_runner *runner, struct trp_slot *slot)
{
    bool first = slot->phase != TRP_TELLING;
    bool all = trp_watched_tell_end(runner->system, runner, slot);
    if (slot->owner == NULL && first != all)
        trp_roots_lingers(runner->system, slot, !all);
    if (!all) {
        trp_tell_later(slot, TRP_TELL_END);
        return;
    }
    slot->phase = TRP_STOPPING;
    free_actor(runner, slot);
    slot->retiring = 1;
    trp_notify_owner(runner, slot, TRP_NOTICE_GONE);
}

// The generation has ended. `tell`: others are to be told.
static void end_for_good(struct trp_runner *runner, struct trp_slot *slot, bool tell)
{
    if (tell) {
        // Who hears of the end and then asks the supervisor finds that it knows.
        if (slot->supervised)
            trp_notify_owner(runner, slot, TRP_NOTICE_ENDED);
        trp_tell_end(runner, slot);
        return;
    }
    free_actor(runner, slot);
    slot->retiring = 1;
    trp_notify_owner(runner, slot, TRP_NOTICE_GONE);
}

void trp_end_for_good(struct trp_runner *runner, struct trp_slot *slot)
{
    end_for_good(runner, slot, end_generation(runner, slot));
}

enum trp_next trp_children_gone(struct trp_runner *runner, struct trp_slot *slot)
{
    struct troupe_ctx *ctx = trp_body(slot);
    const troupe_behavior *behavior = slot->behavior;
    if (ctx != &trp_vacant && behavior->stop && has_started(slot) &&
        slot->reason.kind != TROUPE_KILLED && !call_stop(runner, slot, ctx)) {
        trp_free_abandoned(runner, ctx);
        return TRP_NEXT_LEAVE;
    }
    if (!slot->supervised) {
        end_body(runner, slot, ctx);
        bool tell = end_generation(runner, slot); // its names are free ...
        trp_drop_handles(runner, slot, ctx);      // ... when those hear who wait for an answer
        end_for_good(runner, slot, tell);
        return TRP_NEXT_LOOK;
    }
    trp_drop_handles(runner, slot, ctx);
    end_body(runner, slot, ctx);
    // acq_rel: see monitor.c [watch] 3. Nothing is trapped any more before its links are told.
    atomic_fetch_and_explicit(&slot->orders,
                              ~(uint64_t)(TRP_ALIVE_STARTED | TRP_ALIVE_LISTENS | TRP_ALIVE_TRAPS),
                              memory_order_acq_rel);
    trp_await_verdict(runner, slot);
    return TRP_NEXT_LOOK;
}

// ---- The plain end: of an actor that nothing has to be waited for, by its handler

bool trp_ends_plainly(const struct troupe_ctx *ctx)
{
    const struct trp_slot *slot = ctx->slot;
    // relaxed: those that come in between are told in one step with the others.
    return ctx->linked && ctx->extras == NULL && !slot->supervised &&
           slot->behavior->stop == NULL &&
           (slot->persist == NULL || slot->persist->child_count == 0) &&
           !(atomic_load_explicit(&slot->orders, memory_order_relaxed) & TRP_ALIVE_MANY);
}

void trp_end_plainly(struct trp_runner *runner, struct trp_slot *slot, struct trp_reason reason,
                     struct trp_ask *ask)
{
    slot->reason = reason; // which it has none of: it was never restarted
    slot->phase = TRP_STOPPING;
    end_body(runner, slot, trp_body(slot));
    bool tell = end_generation(runner, slot);
    if (ask)
        trp_ask_down(runner->system, runner, ask, &slot->reason);
    if (TRP_UNLIKELY(tell))
        while (!trp_watched_tell_end(runner->system, runner, slot))
            continue;
    free_actor(runner, slot);
}
