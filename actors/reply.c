// Answers to asks: of the message that is being handled, or later by a token. Both are the
// request's count of the record (ask.c [count]), which the reply uses up.
#include "actors/ask.h"

#include <string.h>

static void late(troupe_ctx *ctx, struct trp_ask *record)
{
    trp_count(ctx->system, ctx->runner, late_replies);
    trp_ask_give_back(ctx->system, ctx->runner, record);
}

void trp_ask_reply(struct troupe_ctx *ctx, struct trp_ask *record, struct trp_envelope *envelope)
{
    trp_envelope_extra(envelope)->owner = record;
    if (!trp_ask_decide(record, 0, TRP_ASK_ONE)) {
        trp_free_envelope(ctx->system, ctx->runner, envelope);
        late(ctx, record);
    } else if (record->asker) {
        trp_push(ctx, record->asker, record->generation, envelope);
    } else {
        trp_ask_wide(record)->reply = envelope;
        trp_waiter_wake(trp_ask_wide(record)->waiter);
    }
}

// A reply with an envelope of its own: a large one, or one to a thread that waits.
static troupe_status reply_in_envelope(troupe_ctx *ctx, struct trp_ask *record, troupe_type *type,
                                       const void *body)
{
    struct trp_envelope *envelope;
    troupe_status status =
        trp_build(ctx->system, ctx->runner, type, body, TRP_KIND_OUTCOME, true, &envelope);
    if (status == TROUPE_OK)
        trp_ask_reply(ctx, record, envelope);
    return status;
}

// Sends the reply, or drops it when nobody waits any more; uses up the request's count on success.
static inline troupe_status reply(troupe_ctx *ctx, struct trp_ask *record, troupe_type *type,
                                  const void *body)
{
    if (TRP_UNLIKELY(trp_ask_has_ended(record))) {
        late(ctx, record);
        return TROUPE_OK;
    }
    uint32_t id = trp_ask_small_type(type, body);
    if (TRP_UNLIKELY(id == 0 || record->asker == NULL))
        return reply_in_envelope(ctx, record, type, body);
    if (TRP_UNLIKELY(!trp_ask_decide(record, 0, TRP_ASK_ONE))) {
        late(ctx, record);
        return TROUPE_OK;
    }
    // Not before: the winner alone writes the outcome.
    trp_ask_set_outcome(record, id, type->size, record->room);
    trp_copy_small(record->room, body, type->size);
    trp_push(ctx, record->asker, record->generation, &record->envelope);
    return TROUPE_OK;
}

static inline struct trp_ask *current_ask(troupe_ctx *ctx)
{
    struct trp_envelope *envelope = atomic_load_explicit(&ctx->current, memory_order_relaxed);
    if (envelope == NULL || ctx->gone || envelope->kind != TRP_KIND_ASK)
        return NULL;
    return trp_envelope_extra(envelope)->owner;
}

// The right to answer the current message is used up.
static inline void answered(troupe_ctx *ctx)
{
    trp_envelope_extra(atomic_load_explicit(&ctx->current, memory_order_relaxed))->owner = NULL;
    ctx->answered = 1;
}

struct trp_ask *trp_ask_take_current(struct troupe_ctx *ctx)
{
    struct trp_ask *record = current_ask(ctx);
    if (record)
        answered(ctx);
    return record;
}

static inline troupe_status reply_to_current(troupe_ctx *ctx, troupe_type *type, const void *body)
{
    if (ctx->slot == NULL)
        return trp_error(TROUPE_ENOTSUP, "troupe_reply: outside of a handler there is no message "
                                         "to answer");
    if (ctx->answered || ctx->gone)
        return trp_error(TROUPE_EALREADY, "troupe_reply: the message was answered, taken, "
                                          "forwarded or put aside already");
    struct trp_ask *record = current_ask(ctx);
    if (record == NULL)
        return TROUPE_OK; // not an ask: nobody waits
    troupe_status status = reply(ctx, record, type, body);
    if (status != TROUPE_OK)
        return status;
    answered(ctx);
    return TROUPE_OK;
}

troupe_status troupe_reply_body(troupe_ctx *ctx, troupe_type *type, const void *body)
{
    if (!trp_enter(ctx))
        return TROUPE_ESTALE;
    troupe_status status = reply_to_current(ctx, type, body);
    trp_leave(ctx);
    return status;
}

bool troupe_is_ask(troupe_ctx *ctx)
{
    if (ctx->slot == NULL || !trp_enter(ctx))
        return false;
    struct trp_ask *record = current_ask(ctx);
    bool is = record && !trp_ask_has_ended(record);
    trp_leave(ctx);
    return is;
}

// ---- Tokens

troupe_status trp_token_take(struct troupe_ctx *ctx, troupe_token *token)
{
    if (ctx->slot == NULL)
        return trp_error(TROUPE_ENOTSUP, "troupe_token_take: outside of a handler there is no ask");
    if (ctx->answered || ctx->gone)
        return trp_error(TROUPE_EALREADY, "troupe_token_take: the message was answered, taken, "
                                          "forwarded or put aside already");
    struct trp_ask *record = current_ask(ctx);
    if (record == NULL)
        return trp_error(TROUPE_EINVAL, "troupe_token_take: the message being handled is not an "
                                        "ask; see troupe_is_ask");
    struct trp_extras *extras = trp_extras(ctx);
    if (extras == NULL || !trp_handles_reserve(ctx->system, ctx->runner, &extras->handles))
        return trp_error(TROUPE_ENOMEM, "troupe_token_take: no memory");
    uint32_t index = trp_handles_put(&extras->handles, TRP_HANDLE_TOKEN, record);
    struct trp_handle_name name = trp_handles_name(&extras->handles, index, trp_handle_salt(ctx));
    memcpy(token, &name, sizeof *token);
    answered(ctx);
    return TROUPE_OK;
}

troupe_status troupe_token_take(troupe_ctx *ctx, troupe_token *token)
{
    if (!trp_enter(ctx))
        return TROUPE_ESTALE;
    troupe_status status = trp_token_take(ctx, token);
    trp_leave(ctx);
    return status;
}

static struct trp_ask *find_token(troupe_ctx *ctx, troupe_token token, uint32_t *index)
{
    struct trp_handle_name name;
    memcpy(&name, &token, sizeof name);
    return trp_find_handle(ctx, TRP_HANDLE_TOKEN, name, index);
}

struct trp_ask *trp_ask_take_token(struct troupe_ctx *ctx, troupe_token token)
{
    uint32_t index;
    struct trp_ask *record = find_token(ctx, token, &index);
    if (record)
        trp_handles_remove(&ctx->extras->handles, index);
    return record;
}

static troupe_status reply_to_token(troupe_ctx *ctx, troupe_token token, troupe_type *type,
                                    const void *body)
{
    uint32_t index;
    struct trp_ask *record = find_token(ctx, token, &index);
    if (record == NULL)
        return trp_error(TROUPE_EALREADY, "troupe_reply_to: this token was used already, or is not "
                                          "of this incarnation of this actor");
    troupe_status status = reply(ctx, record, type, body);
    if (status == TROUPE_OK)
        trp_handles_remove(&ctx->extras->handles, index);
    return status;
}

troupe_status troupe_reply_to_body(troupe_ctx *ctx, troupe_token token, troupe_type *type,
                                   const void *body)
{
    if (!trp_enter(ctx))
        return TROUPE_ESTALE;
    troupe_status status = reply_to_token(ctx, token, type, body);
    trp_leave(ctx);
    return status;
}

// The answering incarnation has ended with a token in its hands.
void trp_token_abandon(struct trp_runner *runner, struct trp_slot *slot, void *thing)
{
    trp_ask_down(runner->system, runner, thing, &slot->reason);
}
