// Giving up: the slot goes on without a handler that does not return, and leaves the body to it.
// Who finds that a handler is overdue: overdue.c.
#include "actors/ask.h"
#include "actors/lifecycle.h"

struct troupe_ctx trp_vacant;

// The message in the hands of the handler stays with it; its asker need not wait for that.
static void part_with_current(struct trp_runner *runner, struct troupe_ctx *ctx,
                              const struct trp_reason *killed)
{
    struct trp_envelope *envelope = atomic_load(&ctx->current);
    if (envelope == NULL)
        return;
    trp_detach_current(ctx);
    struct trp_extra *extra = trp_envelope_extra(envelope);
    if (!ctx->gone && envelope->kind == TRP_KIND_ASK && extra->owner) {
        trp_ask_down(runner->system, runner, extra->owner, killed);
        extra->owner = NULL;
    }
    if (ctx->gone != TRP_GONE_STASHED)
        trp_count(runner->system, runner, handled);
}

// The handler of a given-up incarnation returns when it likes, also before the slot is taken over:
// the later of both frees what is left.
static void part(struct trp_runner *runner, struct troupe_ctx *ctx)
{
    TRP_YIELD("abandoned: before parting");
    // acq_rel: the later one sees all that the earlier did.
    if (atomic_exchange_explicit(&ctx->parted, 1, memory_order_acq_rel) == 0)
        return;
    troupe_system *system = runner->system;
    struct trp_envelope *envelope = atomic_load(&ctx->current);
    if (envelope && !ctx->gone)
        trp_finish(system, runner, envelope);
    trp_arena_free(system, runner, ctx->arena);
    trp_give(system, runner, ctx, ctx->body_size);
}

enum trp_next trp_take_over(struct trp_runner *runner, struct trp_slot *slot)
{
    troupe_system *system = runner->system;
    struct troupe_ctx *ctx = atomic_load(&slot->body);
    struct trp_reason killed = {.kind = TROUPE_KILLED};
    part_with_current(runner, ctx, &killed);
    trp_reason_release(system, runner, &slot->reason);
    slot->reason = killed;
    trp_drop_handles(runner, slot, ctx);
    atomic_store(&slot->body, &trp_vacant);
    ctx->body_size = trp_body_size(slot->behavior);
    part(runner, ctx);
    trp_count(system, runner, abandoned);
    trp_tell_event(system, TROUPE_EVENT_ABANDONED, slot, trp_slot_generation(slot),
                   trp_incarnation(slot), &killed, NULL);
    return trp_begin_stop(runner, slot);
}

void trp_free_abandoned(struct trp_runner *runner, struct troupe_ctx *ctx)
{
    part(runner, ctx);
    runner->outbox.sent = 0;
    trp_bias_reset(&runner->bias);
}
