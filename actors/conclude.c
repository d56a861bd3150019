// What comes of a message whose handler has returned: it was handled or not, answered or not, is
// still ours or was handed away; and of an actor that ends by what its handler has returned. On the
// slot's consumer, inside the guard. The usual case does not come here, see activation.c.
#include "actors/actor.h"
#include "actors/ask.h"

// Says what became of a message that is still ours, and ends its ask if nobody answered.
static void account(struct troupe_ctx *ctx, struct trp_envelope *envelope, troupe_status status,
                    const struct trp_reason *reason)
{
    troupe_system *system = ctx->system;
    struct trp_runner *runner = ctx->runner;
    bool outcome = envelope->kind == TRP_KIND_OUTCOME;
    bool failed = reason && reason->kind != TROUPE_NORMAL;
    if ((failed || status == TROUPE_UNHANDLED) && !outcome)
        trp_dead_letter(system, runner, &envelope->msg, trp_self(ctx),
                        trp_ref(system, envelope->sender_slot, envelope->sender_generation),
                        failed ? TROUPE_DEAD_FAILED : TROUPE_DEAD_UNHANDLED);
    else
        trp_count(system, runner, handled);
    struct trp_extra *extra = trp_envelope_extra(envelope);
    if (TRP_LIKELY(envelope->kind != TRP_KIND_ASK) || extra->owner == NULL)
        return;
    if (reason)
        trp_ask_down(system, runner, extra->owner, reason);
    else
        trp_ask_no_reply(system, runner, extra->owner);
    extra->owner = NULL;
}

// Whoever asked what ends an actor is told when its names are free, as all others are.
static struct trp_ask *take_ask(struct trp_envelope *envelope)
{
    if (envelope->kind != TRP_KIND_ASK)
        return NULL;
    struct trp_extra *extra = trp_envelope_extra(envelope);
    struct trp_ask *ask = extra->owner;
    extra->owner = NULL;
    return ask;
}

static void tell_asker_later(struct troupe_ctx *ctx, struct trp_envelope *envelope)
{
    if (envelope->kind != TRP_KIND_ASK || ctx->slot->supervised)
        return; // what is restarted keeps its names: at once
    struct trp_extras *extras = trp_extras(ctx);
    if (extras) // without memory: at once
        extras->failed_ask = take_ask(envelope);
}

// The actor ends with its message still at the front, which keeps the mailbox ours until all is
// done but this: the message leaves, and the owner is told.
static enum trp_next end_plainly(struct trp_runner *runner, struct troupe_ctx *ctx,
                                 struct trp_envelope *envelope, troupe_status status,
                                 const struct trp_reason *reason)
{
    struct trp_slot *slot = ctx->slot;
    struct trp_ask *ask = take_ask(envelope);
    account(ctx, envelope, status, reason);
    trp_end_plainly(runner, slot, *reason, ask);
    TRP_YIELD("end: before the message leaves");
    bool more = trp_mpsc_pop(&slot->inbox, &slot->front);
    trp_finish(runner->system, runner, envelope);
    if (more) // for nobody: drained as what comes behind the end of any actor
        slot->retiring = 1;
    else // relaxed: the owner, which holds the slot for us too, is told of it by the notice
        atomic_store_explicit(&slot->holds, 1, memory_order_relaxed);
    trp_notify_owner(runner, slot, TRP_NOTICE_GONE);
    return more ? TRP_NEXT_LOOK : TRP_NEXT_LEAVE;
}

static enum trp_next ended_by_handler(struct trp_runner *runner, struct troupe_ctx *ctx,
                                      struct trp_envelope *envelope, troupe_status status)
{
    struct trp_slot *slot = ctx->slot;
    struct trp_reason reason = {.kind = TROUPE_NORMAL};
    if (status != TROUPE_STOP)
        reason = trp_failure(ctx, TROUPE_FAILED, status);
    bool sent = envelope->kind == TRP_KIND_USER || envelope->kind == TRP_KIND_ASK;
    trp_forget_ended_children(runner, slot);
    if (TRP_LIKELY(sent && trp_ends_plainly(ctx)))
        return end_plainly(runner, ctx, envelope, status, &reason);
    trp_detach_current(ctx); // so that the mailbox stays ours
    if (!ctx->gone) {
        tell_asker_later(ctx, envelope);
        account(ctx, envelope, status, &reason);
        trp_finish(runner->system, runner, envelope);
    } else if (ctx->gone == TRP_GONE_AWAY) {
        trp_count(runner->system, runner, handled);
    }
    return trp_end_incarnation(runner, slot, reason);
}

enum trp_next trp_conclude(struct trp_runner *runner, struct troupe_ctx *ctx,
                           struct trp_envelope *envelope, troupe_status status)
{
    if (status != TROUPE_OK && status != TROUPE_UNHANDLED)
        return ended_by_handler(runner, ctx, envelope, status);
    if (ctx->gone) {
        if (ctx->gone == TRP_GONE_AWAY)
            trp_count(runner->system, runner, handled);
        return TRP_NEXT_MESSAGE;
    }
    account(ctx, envelope, status, NULL);
    if (TRP_LIKELY(ctx->linked)) {
        ctx->linked = 0;
        return trp_pop_message(runner, ctx->slot, envelope);
    }
    trp_finish(runner->system, runner, envelope);
    return TRP_NEXT_MESSAGE;
}
