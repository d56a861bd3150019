// Asks: the record, its ways to end, and the public functions.
//
// An ask ends once: whoever sets `ended` first decides how, and delivers the outcome as an envelope
// to the asker's mailbox (a reply's own envelope, or the one in the record, so that an end needs no
// memory), or wakes the thread that waits. All others come too late and drop what they have.
//
// The record is counted: one for the asker's side, one for the request's side, one for an armed
// deadline.
//  - asker's: in the asker's handles; with the outcome it travels in the outcome's envelope.
//    If the asker's incarnation ends first it sets `ended` itself, or leaves the count to the
//    envelope that is on its way.
//  - request's: in the request's envelope (extra->owner), later in a token: an obligation that
//    whoever holds it uses up by a reply, by down or by no reply.
//  - deadline's: given back by whoever takes the timer out of its wheel: cancel or expire.
#include "actors/ask.h"

#include "actors/monitor.h"

#include <string.h>

#define DEFAULT_TIMEOUT_MS 5000

static void release(troupe_system *system, struct trp_runner *runner, struct trp_ask *ask)
{
    // acq_rel: the last one sees all that the others did.
    if (atomic_fetch_sub_explicit(&ask->refs, 1, memory_order_acq_rel) != 1)
        return;
    trp_reason_release(system, runner, &ask->reason);
    if (ask->release)
        ask->release(ask->arg);
    trp_give(system, runner, ask, sizeof *ask);
}

static uint32_t wheel_key(const struct trp_ask *ask)
{
    return ask->asker ? ask->asker->index : 0;
}

static void disarm(troupe_system *system, struct trp_runner *runner, struct trp_ask *ask)
{
    if (!ask->armed)
        return;
    struct trp_wheel *wheel = trp_scheduler_wheel(system->scheduler, wheel_key(ask));
    trp_wheel_lock(wheel);
    bool cancelled = trp_wheel_cancel(wheel, &ask->timed.timer);
    trp_wheel_unlock(wheel);
    if (cancelled)
        release(system, runner, ask);
}

static void arm(troupe_system *system, struct trp_ask *ask, uint32_t timeout_ms)
{
    if (!ask->armed)
        return;
    uint64_t wait = (timeout_ms ? timeout_ms : DEFAULT_TIMEOUT_MS) * TRP_NS_PER_MS;
    uint64_t deadline = trp_deadline(trp_now(system), wait);
    struct trp_wheel *wheel = trp_scheduler_wheel(system->scheduler, wheel_key(ask));
    trp_wheel_lock(wheel);
    trp_wheel_arm(wheel, &ask->timed.timer, deadline);
    trp_wheel_unlock(wheel);
    trp_scheduler_timer_armed(system->scheduler, deadline);
}

// ---- Ending

static bool decide(struct trp_ask *ask)
{
    uint32_t expected = 0;
    TRP_YIELD("ask: before decision");
    // acq_rel: the outcome's reader is ordered by the envelope or waiter; losers need nothing.
    return atomic_compare_exchange_strong_explicit(&ask->ended, &expected, 1, memory_order_acq_rel,
                                                   memory_order_relaxed);
}

// The winner's: hands the asker's count over with the outcome.
static void deliver(troupe_system *system, struct trp_runner *runner, struct trp_ask *ask,
                    struct trp_envelope *reply)
{
    if (ask->asker == NULL) {
        ask->reply = reply;
        trp_waiter_wake(ask->waiter);
        return;
    }
    trp_push_from(system, runner, ask->asker, ask->generation, reply ? reply : &ask->envelope);
}

static void end(troupe_system *system, struct trp_runner *runner, struct trp_ask *ask,
                troupe_status status, const struct trp_reason *why)
{
    if (decide(ask)) {
        ask->status = status;
        if (why)
            ask->reason = trp_reason_acquire(*why);
        deliver(system, runner, ask, NULL);
    }
    release(system, runner, ask);
}

void trp_ask_down(troupe_system *system, struct trp_runner *runner, struct trp_ask *ask,
                  const struct trp_reason *why)
{
    static const struct trp_reason noactor = {.kind = TROUPE_NOACTOR};
    end(system, runner, ask, TROUPE_EDOWN, why ? why : &noactor);
}

void trp_ask_no_reply(troupe_system *system, struct trp_runner *runner, struct trp_ask *ask)
{
    end(system, runner, ask, TROUPE_ENOREPLY, NULL);
}

void trp_ask_end(troupe_system *system, struct trp_runner *runner, struct trp_ask *ask,
                 troupe_status status)
{
    end(system, runner, ask, status, NULL);
}

void trp_ask_expired(struct trp_runner *runner, struct trp_timed *timed)
{
    struct trp_ask *ask = TRP_CONTAINER(timed, struct trp_ask, timed);
    end(ask->system, runner, ask, TROUPE_ETIMEDOUT, NULL);
}

// The asking incarnation has ended: nobody is there for the outcome.
void trp_ask_abandon(struct trp_runner *runner, struct trp_slot *slot, void *thing)
{
    (void)slot;
    struct trp_ask *ask = thing;
    bool won = decide(ask);
    disarm(ask->system, runner, ask);
    if (won)
        release(ask->system, runner, ask); // else the outcome on its way has the asker's count
}

// ---- The asker's side

static struct trp_ask *make(troupe_system *system, struct trp_runner *runner,
                            troupe_on_outcome on_outcome, void *user, uint32_t refs)
{
    struct trp_ask *ask = trp_take(system, runner, sizeof *ask);
    if (ask == NULL)
        return NULL;
    memset(ask, 0, sizeof *ask);
    ask->timed.kind = TRP_TIMED_ASK;
    ask->system = system;
    ask->on_outcome = on_outcome;
    ask->user = user;
    atomic_init(&ask->refs, refs);
    trp_envelope_embed(&ask->envelope, TRP_KIND_OUTCOME, ask);
    return ask;
}

struct trp_ask *trp_ask_new(struct troupe_ctx *ctx, troupe_on_outcome on_outcome, void *user,
                            uint32_t refs)
{
    struct trp_extras *extras = trp_extras(ctx);
    if (extras == NULL || !trp_handles_reserve(ctx->system, ctx->runner, &extras->handles))
        return NULL;
    struct trp_ask *ask = make(ctx->system, ctx->runner, on_outcome, user, refs);
    if (ask == NULL)
        return NULL;
    ask->asker = ctx->slot;
    ask->generation = ctx->generation;
    ask->incarnation = atomic_load_explicit(&ctx->slot->incarnation, memory_order_relaxed);
    ask->handle = trp_handles_put(&extras->handles, TRP_HANDLE_ASK, ask);
    return ask;
}

void trp_ask_unmake(struct troupe_ctx *ctx, struct trp_ask *ask)
{
    trp_handles_remove(&ctx->extras->handles, ask->handle);
    trp_give(ctx->system, ctx->runner, ask, sizeof *ask);
}

bool trp_outcome_open(struct troupe_ctx *ctx, struct trp_envelope *envelope,
                      troupe_outcome *outcome, troupe_reason *reason)
{
    struct trp_ask *ask = trp_envelope_extra(envelope)->owner;
    if (ask->incarnation != atomic_load_explicit(&ctx->slot->incarnation, memory_order_relaxed))
        return false;
    trp_handles_remove(&ctx->extras->handles, ask->handle);
    disarm(ctx->system, ctx->runner, ask);
    bool replied = envelope != &ask->envelope;
    *reason = trp_reason_view(&ask->reason);
    *outcome = (troupe_outcome){.status = replied ? TROUPE_OK : ask->status,
                                .reply = replied ? &envelope->msg : NULL,
                                .reason = ask->reason.kind ? reason : NULL};
    return true;
}

void trp_outcome_done(troupe_system *system, struct trp_runner *runner,
                      struct trp_envelope *envelope)
{
    struct trp_ask *ask = trp_envelope_extra(envelope)->owner;
    if (envelope != &ask->envelope) {
        struct trp_slab_cache *cache = trp_cache_open(system, runner);
        trp_envelope_free(cache, envelope);
        trp_cache_close(system, runner);
    }
    release(system, runner, ask);
}

static bool is_live(const struct trp_slot *slot, troupe_ref to)
{
    return slot && to.generation != 0 &&
           atomic_load_explicit(&slot->generation, memory_order_relaxed) == to.generation;
}

static troupe_status ask(troupe_ctx *ctx, troupe_ref to, uint32_t timeout_ms,
                         troupe_on_outcome on_outcome, void *user, troupe_ask_id *id,
                         troupe_type *type, const void *body)
{
    struct trp_slot *slot = trp_resolve(ctx->system, to);
    struct trp_envelope *request;
    troupe_status status =
        trp_build(ctx->system, ctx->runner, type, body, TRP_KIND_ASK, true, &request);
    if (status != TROUPE_OK)
        return status;
    struct trp_ask *record =
        trp_ask_new(ctx, on_outcome, user, timeout_ms == TROUPE_NO_LIMIT ? 2 : 3);
    if (record == NULL) {
        trp_envelope_free(&ctx->runner->worker->cache, request);
        return trp_error(TROUPE_ENOMEM, "troupe_ask: no memory");
    }
    record->armed = timeout_ms != TROUPE_NO_LIMIT;
    trp_envelope_extra(request)->owner = record;
    if (id) {
        struct trp_handle_name name =
            trp_handles_name(&ctx->extras->handles, record->handle, trp_handle_salt(ctx));
        memcpy(id, &name, sizeof *id);
    }
    arm(ctx->system, record, timeout_ms);
    trp_push(ctx, slot, to.generation, request);
    return TROUPE_OK;
}

troupe_status troupe_ask_body(troupe_ctx *ctx, troupe_ref to, uint32_t timeout_ms,
                              troupe_on_outcome on_outcome, void *user, troupe_ask_id *id,
                              troupe_type *type, const void *body)
{
    if (ctx->slot == NULL)
        return trp_error(TROUPE_ENOTSUP, "troupe_ask: a thread of the program's own has no handler "
                                         "for the outcome; use troupe_call");
    if (on_outcome == NULL)
        return trp_error(TROUPE_EINVAL, "troupe_ask: on_outcome is NULL; to ignore the answer use "
                                        "troupe_send");
    if (!is_live(trp_resolve(ctx->system, to), to))
        return trp_no_target(ctx, to, type, body, "troupe_ask");
    if (!trp_enter(ctx))
        return TROUPE_ESTALE;
    troupe_status status = ask(ctx, to, timeout_ms, on_outcome, user, id, type, body);
    trp_leave(ctx);
    return status;
}

static troupe_status cancel(troupe_ctx *ctx, troupe_ask_id id)
{
    struct trp_handle_name name;
    uint32_t index;
    memcpy(&name, &id, sizeof name);
    struct trp_ask *record = trp_find_handle(ctx, TRP_HANDLE_ASK, name, &index);
    if (record == NULL || !decide(record))
        return trp_error(TROUPE_EALREADY, "troupe_ask_cancel: this ask has ended already");
    record->status = TROUPE_ECANCELED;
    deliver(ctx->system, ctx->runner, record, NULL);
    return TROUPE_OK;
}

troupe_status troupe_ask_cancel(troupe_ctx *ctx, troupe_ask_id id)
{
    if (!trp_enter(ctx))
        return TROUPE_ESTALE;
    troupe_status status = cancel(ctx, id);
    trp_leave(ctx);
    return status;
}

// ---- A thread that waits

static troupe_status take_outcome(troupe_ctx *ctx, struct trp_ask *record, troupe_msg **reply)
{
    if (record->reply) {
        struct trp_envelope *envelope = record->reply;
        envelope->kind = TRP_KIND_USER;
        trp_envelope_extra(envelope)->owner = NULL;
        if (reply)
            *reply = &envelope->msg;
        else
            troupe_msg_free(ctx, &envelope->msg);
        return TROUPE_OK;
    }
    if (record->status == TROUPE_EDOWN) {
        troupe_reason reason = trp_reason_view(&record->reason);
        return trp_error(TROUPE_EDOWN, "troupe_call: the actor ended before it answered: %s%s%s",
                         troupe_reason_name(reason.kind), reason.text[0] ? ": " : "", reason.text);
    }
    return trp_error(record->status, "troupe_call: %s", troupe_status_text(record->status));
}

static troupe_status call(troupe_ctx *ctx, troupe_ref to, uint32_t timeout_ms, troupe_msg **reply,
                          troupe_type *type, const void *body)
{
    troupe_system *system = ctx->system;
    struct trp_slot *slot = trp_resolve(system, to);
    if (!is_live(slot, to))
        return trp_no_target(ctx, to, type, body, "troupe_call");
    struct trp_waiter waiter = {.done = 0};
    struct trp_envelope *request;
    troupe_status status = trp_build(system, NULL, type, body, TRP_KIND_ASK, true, &request);
    if (status != TROUPE_OK)
        return status;
    struct trp_ask *record = make(system, NULL, NULL, NULL, timeout_ms == TROUPE_NO_LIMIT ? 2 : 3);
    if (record == NULL) {
        troupe_msg_free(ctx, &request->msg);
        return trp_error(TROUPE_ENOMEM, "troupe_call: no memory");
    }
    record->waiter = &waiter;
    record->armed = timeout_ms != TROUPE_NO_LIMIT;
    trp_envelope_extra(request)->owner = record;
    arm(system, record, timeout_ms);
    trp_push(ctx, slot, to.generation, request);
    // The deadline ends the ask, not the wait, so that nothing writes to the waiter later.
    if (!trp_wait(system, &waiter, TRP_NEVER)) { // driven, and nothing left that could answer
        if (decide(record))
            record->status = TROUPE_ETIMEDOUT;
    }
    disarm(system, NULL, record);
    status = take_outcome(ctx, record, reply);
    release(system, NULL, record);
    return status;
}

troupe_status troupe_call_body(troupe_ctx *ctx, troupe_ref to, uint32_t timeout_ms,
                               troupe_msg **reply, troupe_type *type, const void *body)
{
    if (reply)
        *reply = NULL;
    if (!trp_wait_begin(ctx, "troupe_call"))
        return TROUPE_ENOTSUP;
    troupe_status status = call(ctx, to, timeout_ms, reply, type, body);
    trp_wait_end(ctx);
    return status;
}

// ---- Answering

// Sends the reply, or drops it when nobody waits any more; uses up the request's count on success.
static troupe_status reply(troupe_ctx *ctx, struct trp_ask *record, troupe_type *type,
                           const void *body)
{
    if (trp_ask_has_ended(record)) {
        trp_count(ctx->system, ctx->runner, late_replies);
        release(ctx->system, ctx->runner, record);
        return TROUPE_OK;
    }
    struct trp_envelope *envelope;
    troupe_status status =
        trp_build(ctx->system, ctx->runner, type, body, TRP_KIND_OUTCOME, true, &envelope);
    if (status != TROUPE_OK)
        return status;
    if (decide(record)) {
        record->status = TROUPE_OK;
        trp_envelope_extra(envelope)->owner = record;
        if (record->asker)
            trp_push(ctx, record->asker, record->generation, envelope);
        else
            deliver(ctx->system, ctx->runner, record, envelope);
    } else {
        trp_count(ctx->system, ctx->runner, late_replies);
        struct trp_slab_cache *cache = trp_cache_open(ctx->system, ctx->runner);
        trp_envelope_free(cache, envelope);
        trp_cache_close(ctx->system, ctx->runner);
    }
    release(ctx->system, ctx->runner, record);
    return TROUPE_OK;
}

static struct trp_ask *current_ask(troupe_ctx *ctx)
{
    struct trp_envelope *envelope = atomic_load_explicit(&ctx->current, memory_order_relaxed);
    if (envelope == NULL || ctx->gone || envelope->kind != TRP_KIND_ASK)
        return NULL;
    return trp_envelope_extra(envelope)->owner;
}

static troupe_status reply_to_current(troupe_ctx *ctx, troupe_type *type, const void *body)
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
    trp_envelope_extra(atomic_load_explicit(&ctx->current, memory_order_relaxed))->owner = NULL;
    ctx->answered = 1;
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

static troupe_status take_token(troupe_ctx *ctx, troupe_token *token)
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
    trp_envelope_extra(atomic_load_explicit(&ctx->current, memory_order_relaxed))->owner = NULL;
    ctx->answered = 1;
    return TROUPE_OK;
}

troupe_status troupe_token_take(troupe_ctx *ctx, troupe_token *token)
{
    if (!trp_enter(ctx))
        return TROUPE_ESTALE;
    troupe_status status = take_token(ctx, token);
    trp_leave(ctx);
    return status;
}

static troupe_status reply_to_token(troupe_ctx *ctx, troupe_token token, troupe_type *type,
                                    const void *body)
{
    struct trp_handle_name name;
    uint32_t index;
    memcpy(&name, &token, sizeof name);
    struct trp_ask *record = trp_find_handle(ctx, TRP_HANDLE_TOKEN, name, &index);
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
    struct trp_ask *record = thing;
    trp_ask_down(record->system, runner, record, &slot->reason);
}
