// Messages that have an owner: built in place, and moved or freed by who has built them; or taken
// from the mailbox by who handles them, forwarded, put aside.
#include "actors/actor.h"
#include "actors/ask.h"
#include "actors/monitor.h"

// ---- The message being handled

void trp_detach_current(struct troupe_ctx *ctx)
{
    if (!ctx->linked)
        return;
    trp_slot_detach_front(ctx->slot);
    ctx->linked = 0;
}

struct trp_envelope *trp_current(struct troupe_ctx *ctx, const troupe_msg *msg,
                                 const char *function)
{
    struct trp_envelope *envelope = atomic_load_explicit(&ctx->current, memory_order_relaxed);
    if (envelope == NULL || msg != &envelope->msg) {
        trp_error(TROUPE_EINVAL, "%s: msg is not the message that is being handled", function);
        return NULL;
    }
    if (ctx->gone) {
        trp_error(TROUPE_EINVAL, "%s: the message was taken, forwarded or put aside already",
                  function);
        return NULL;
    }
    return envelope;
}

// ---- Messages built in place

void *troupe_msg_new_body(troupe_ctx *ctx, troupe_type *type, troupe_msg **msg)
{
    *msg = NULL;
    if (!trp_enter(ctx))
        return NULL;
    void *body = NULL, *room;
    const struct trp_type *interned = trp_type_intern(type);
    if (interned) {
        struct trp_slab_cache *cache = trp_cache_open(ctx->system, ctx->runner);
        struct trp_envelope *envelope =
            trp_envelope_new(cache, interned, TRP_KIND_USER, true, 0, &room);
        trp_cache_close(ctx->system, ctx->runner);
        if (envelope) {
            *msg = &envelope->msg;
            body = (void *)(uintptr_t)envelope->msg.body;
            trp_clone_init(interned, body);
        }
    }
    if (body == NULL)
        trp_error(TROUPE_ENOMEM, "troupe_msg_new: no memory");
    trp_leave(ctx);
    return body;
}

void *troupe_msg_alloc(troupe_ctx *ctx, troupe_msg *msg, size_t size)
{
    if (!trp_enter(ctx))
        return NULL;
    struct trp_envelope *envelope = trp_envelope_of_msg(msg);
    void *memory = NULL;
    if (trp_envelope_has_extra(envelope)) {
        struct trp_slab_cache *cache = trp_cache_open(ctx->system, ctx->runner);
        memory = trp_envelope_alloc(cache, envelope, size ? size : 1);
        trp_cache_close(ctx->system, ctx->runner);
        if (memory == NULL)
            trp_error(TROUPE_ENOMEM, "troupe_msg_alloc: no memory for %zu bytes", size);
    } else {
        trp_error(TROUPE_EINVAL, "troupe_msg_alloc: the message was not made by troupe_msg_new");
    }
    trp_leave(ctx);
    return memory;
}

// False: it is the message being handled, which was not taken.
static bool is_own(const troupe_ctx *ctx, const struct trp_envelope *envelope)
{
    return envelope != atomic_load_explicit(&ctx->current, memory_order_relaxed) ||
           ctx->gone == TRP_GONE_AWAY;
}

static troupe_status move(troupe_ctx *ctx, troupe_ref to, troupe_msg *msg)
{
    struct trp_envelope *envelope = trp_envelope_of_msg(msg);
    if (!is_own(ctx, envelope))
        return trp_error(TROUPE_EINVAL, "troupe_move: this message is being handled and not the "
                                        "caller's; use troupe_forward or troupe_msg_take");
    const struct trp_type *type = trp_type_by_id(msg->type);
    struct trp_clone_error error;
    if (type->descriptor) {
        troupe_status status = trp_clone_check_in_place(type, (void *)(uintptr_t)msg->body, &error);
        if (status != TROUPE_OK)
            return trp_error(status, "%s", error.text);
    }
    struct trp_slot *slot = trp_resolve(ctx->system, to);
    if (!trp_slot_is_live(slot, to))
        return trp_hand_elsewhere(ctx, to, envelope);
    trp_push(ctx, slot, to.generation, envelope);
    return TROUPE_OK;
}

troupe_status troupe_move(troupe_ctx *ctx, troupe_ref to, troupe_msg *msg)
{
    if (!trp_enter(ctx))
        return TROUPE_ESTALE;
    troupe_status status =
        msg ? move(ctx, to, msg) : trp_error(TROUPE_EINVAL, "troupe_move: msg is NULL");
    trp_leave(ctx);
    return status;
}

void troupe_msg_free(troupe_ctx *ctx, troupe_msg *msg)
{
    // A given-up incarnation may still free: its thread and cache are its own.
    bool inside = trp_enter(ctx);
    TRP_ASSERT(!inside || msg == NULL || is_own(ctx, trp_envelope_of_msg(msg)));
    if (msg)
        trp_free_envelope(ctx->system, ctx->runner, trp_envelope_of_msg(msg));
    if (inside)
        trp_leave(ctx);
}

// ---- Handing the current message on

static troupe_status take(troupe_ctx *ctx, const troupe_msg *msg, troupe_msg **own)
{
    struct trp_envelope *envelope = trp_current(ctx, msg, "troupe_msg_take");
    if (envelope == NULL)
        return TROUPE_EINVAL;
    struct trp_extra *extra = trp_envelope_extra(envelope);
    bool has_extra = trp_envelope_has_extra(envelope);
    if ((envelope->kind != TRP_KIND_USER && envelope->kind != TRP_KIND_ASK) ||
        (has_extra && extra->shared))
        return trp_error(TROUPE_ENOTSUP,
                         "troupe_msg_take: a message of a timer, monitor, ask outcome or "
                         "troupe_send_many has no single owner; copy what is needed");
    if (has_extra && extra->owner) // nobody will answer it any more
        trp_ask_no_reply(ctx->system, ctx->runner, extra->owner);
    if (has_extra)
        extra->owner = NULL;
    envelope->kind = TRP_KIND_USER;
    trp_detach_current(ctx);
    ctx->gone = TRP_GONE_AWAY;
    *own = &envelope->msg;
    return TROUPE_OK;
}

troupe_status troupe_msg_take(troupe_ctx *ctx, const troupe_msg *msg, troupe_msg **own)
{
    if (own == NULL)
        return trp_error(TROUPE_EINVAL, "troupe_msg_take: own is NULL");
    *own = NULL;
    if (!trp_enter(ctx))
        return TROUPE_ESTALE;
    troupe_status status = take(ctx, msg, own);
    trp_leave(ctx);
    return status;
}

static troupe_status forward(troupe_ctx *ctx, troupe_ref to, const troupe_msg *msg)
{
    struct trp_envelope *envelope = trp_current(ctx, msg, "troupe_forward");
    if (envelope == NULL)
        return TROUPE_EINVAL;
    if (envelope->kind != TRP_KIND_USER && envelope->kind != TRP_KIND_ASK)
        return trp_error(TROUPE_ENOTSUP, "troupe_forward: only a message that was sent can be "
                                         "forwarded; send a copy");
    if (trp_is_abroad(ctx, to))
        return trp_error(TROUPE_ENOTSUP,
                         "troupe_forward: the target is in another system; send a copy");
    struct trp_slot *slot = trp_resolve(ctx->system, to);
    if (!trp_slot_is_live(slot, to))
        return trp_dead_at_once(ctx, msg, to);
    trp_detach_current(ctx);
    ctx->gone = TRP_GONE_AWAY;
    if (ctx->answered) // its right to a reply was used here: the rest is a plain message
        envelope->kind = TRP_KIND_USER;
    trp_push(ctx, slot, to.generation, envelope);
    return TROUPE_OK;
}

troupe_status troupe_forward(troupe_ctx *ctx, troupe_ref to, const troupe_msg *msg)
{
    if (!trp_enter(ctx))
        return TROUPE_ESTALE;
    troupe_status status = forward(ctx, to, msg);
    trp_leave(ctx);
    return status;
}

static troupe_status stash(troupe_ctx *ctx, const troupe_msg *msg)
{
    struct trp_envelope *envelope = trp_current(ctx, msg, "troupe_stash");
    if (envelope == NULL)
        return TROUPE_EINVAL;
    if (ctx->answered)
        return trp_error(TROUPE_EINVAL, "troupe_stash: the message was answered already");
    if (envelope->kind == TRP_KIND_OUTCOME)
        return trp_error(TROUPE_ENOTSUP, "troupe_stash: outcomes of asks cannot be put aside");
    struct trp_extras *extras = trp_extras(ctx);
    if (extras == NULL)
        return trp_error(TROUPE_ENOMEM, "troupe_stash: no memory");
    trp_detach_current(ctx);
    ctx->gone = TRP_GONE_STASHED;
    trp_list_append(&extras->stash, &envelope->link);
    if (envelope->kind == TRP_KIND_DOWN)
        trp_monitor_put_aside(ctx->system, ctx->runner, envelope);
    return TROUPE_OK;
}

troupe_status troupe_stash(troupe_ctx *ctx, const troupe_msg *msg)
{
    if (!trp_enter(ctx))
        return TROUPE_ESTALE;
    troupe_status status = stash(ctx, msg);
    trp_leave(ctx);
    return status;
}

size_t troupe_unstash(troupe_ctx *ctx)
{
    if (!trp_enter(ctx))
        return 0;
    size_t count = 0;
    if (ctx->slot && ctx->extras && ctx->extras->stash.first) {
        struct trp_link *link = ctx->extras->stash.first;
        for (; link; link = atomic_load_explicit(&link->next, memory_order_relaxed))
            count++;
        trp_detach_current(ctx);
        trp_list_prepend_to(ctx->slot, &ctx->extras->stash);
    }
    trp_leave(ctx);
    return count;
}
