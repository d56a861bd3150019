// Asks: the record, its ways to end, and the public functions.
//
// [end] An ask ends once: whoever sets ENDED in its state decides how, and delivers the outcome as
// an envelope to the asker's mailbox (the one in the record, so that an end needs no memory, or
// that of a large reply), or wakes the thread that waits. All others come too late and drop what
// they have.
//
// [count] The record is counted: one for the asker's side, one for the request's side, one for a
// deadline with a timer of its own.
//  - asker's: in the asker's lists; with the outcome it travels in the outcome's envelope.
//    If the asker's incarnation ends first it sets ENDED itself, or leaves the count to the
//    envelope that is on its way.
//  - request's: in the request's envelope (extra->owner), later in a token: an obligation that
//    whoever holds it uses up by a reply, by down or by no reply.
//  - deadline's: given back by whoever takes the timer out of its wheel: cancel or expire.
// Whoever ends an ask for the request's or the deadline's side gives that count back in the same
// step: it may use the record until it has delivered the outcome, because the asker's count comes
// back only with that. So a reply is one compare-and-swap, and when its outcome was handled the
// asker's count is the only one, which a load tells.
#include "actors/ask.h"

#include "actors/monitor.h"

#include <string.h>

#define DEFAULT_TIMEOUT_MS 5000

static struct trp_wide_ask *wide_of(struct trp_ask *ask)
{
    return TRP_CONTAINER(ask, struct trp_wide_ask, ask);
}

void trp_ask_release_slow(troupe_system *system, struct trp_runner *runner, struct trp_ask *ask)
{
    // acq_rel [count]: the last one sees all that the others did.
    uint32_t before = atomic_fetch_sub_explicit(&ask->state, TRP_ASK_ONE, memory_order_acq_rel);
    if (before / TRP_ASK_ONE != 1)
        return;
    if (before & TRP_ASK_HOLDS)
        trp_reason_release(system, runner, &ask->reason);
    if (!(before & TRP_ASK_WIDE)) {
        trp_give(system, runner, ask, sizeof *ask);
        return;
    }
    struct trp_wide_ask *wide = wide_of(ask);
    if (wide->release)
        wide->release(wide->arg);
    trp_give(system, runner, wide, sizeof *wide);
}

static void release(troupe_system *system, struct trp_runner *runner, struct trp_ask *ask)
{
    if (TRP_LIKELY(runner != NULL))
        trp_ask_release(runner, ask);
    else
        trp_ask_release_slow(system, NULL, ask);
}

// ---- A timer of its own

static struct trp_wheel *wheel_of(troupe_system *system, const struct trp_ask *ask)
{
    return trp_scheduler_wheel(system->scheduler, ask->asker ? ask->asker->index : 0);
}

static bool is_timed(const struct trp_ask *ask)
{
    return (atomic_load_explicit(&ask->state, memory_order_relaxed) & TRP_ASK_TIMED) != 0; // fixed
}

static void disarm(troupe_system *system, struct trp_runner *runner, struct trp_ask *ask)
{
    if (TRP_LIKELY(!is_timed(ask)))
        return;
    struct trp_wheel *wheel = wheel_of(system, ask);
    trp_wheel_lock(wheel);
    bool cancelled = trp_wheel_cancel(wheel, &wide_of(ask)->timed.timer);
    trp_wheel_unlock(wheel);
    if (cancelled)
        release(system, runner, ask);
}

// Before the request is on its way.
static void arm(troupe_system *system, struct trp_wide_ask *wide, uint64_t deadline)
{
    struct trp_ask *ask = &wide->ask;
    wide->timed = (struct trp_timed){.kind = TRP_TIMED_ASK};
    // relaxed: nobody else has the record yet.
    uint32_t state = atomic_load_explicit(&ask->state, memory_order_relaxed);
    atomic_store_explicit(&ask->state, state + TRP_ASK_ONE + TRP_ASK_TIMED, memory_order_relaxed);
    struct trp_wheel *wheel = wheel_of(system, ask);
    trp_wheel_lock(wheel);
    trp_wheel_arm(wheel, &wide->timed.timer, deadline);
    trp_wheel_unlock(wheel);
    trp_scheduler_timer_armed(system->scheduler, deadline);
}

static uint64_t delay_of(uint32_t timeout_ms)
{
    return timeout_ms * TRP_NS_PER_MS;
}

static uint32_t limit_of(uint32_t timeout_ms)
{
    return timeout_ms ? timeout_ms : DEFAULT_TIMEOUT_MS;
}

// ---- Ending

// Sets ENDED and `bits`, and gives `counts` back. False: too late, nothing has changed.
static inline bool decide(struct trp_ask *ask, uint32_t bits, uint32_t counts)
{
    uint32_t state = atomic_load_explicit(&ask->state, memory_order_relaxed);
    do {
        if (TRP_UNLIKELY(state & TRP_ASK_ENDED))
            return false;
        TRP_YIELD("ask: before decision");
        // acq_rel [end], [count]: the outcome's reader is ordered by the envelope or waiter;
        // whoever frees the record, by the acquire in trp_ask_release, sees what the caller did
        // with it. Losers need nothing.
    } while (!atomic_compare_exchange_weak_explicit(&ask->state, &state,
                                                    (state | TRP_ASK_ENDED | bits) - counts,
                                                    memory_order_acq_rel, memory_order_relaxed));
    return true;
}

static inline void set_outcome(struct trp_ask *ask, uint32_t type, uint32_t size, const void *body)
{
    ask->envelope.msg = (troupe_msg){.type = type, .size = size, .body = body};
    ask->envelope.kind = TRP_KIND_OUTCOME;
    ask->envelope.flags = TRP_ENV_EMBEDDED;
    ask->envelope.units = 0;
}

// The winner's: hands the asker's count over with an outcome without a reply.
static void deliver(troupe_system *system, struct trp_runner *runner, struct trp_ask *ask,
                    troupe_status status)
{
    ask->status = status;
    if (ask->asker == NULL) {
        trp_waiter_wake(wide_of(ask)->waiter);
        return;
    }
    set_outcome(ask, 0, 0, "");
    trp_push_from(system, runner, ask->asker, ask->generation, &ask->envelope);
}

static void end(troupe_system *system, struct trp_runner *runner, struct trp_ask *ask,
                troupe_status status)
{
    if (decide(ask, 0, TRP_ASK_ONE))
        deliver(system, runner, ask, status);
    else
        release(system, runner, ask);
}

void trp_ask_down(troupe_system *system, struct trp_runner *runner, struct trp_ask *ask,
                  const struct trp_reason *why)
{
    static const struct trp_reason noactor = {.kind = TROUPE_NOACTOR};
    if (!decide(ask, TRP_ASK_HOLDS, TRP_ASK_ONE)) {
        release(system, runner, ask);
        return;
    }
    ask->reason = trp_reason_acquire(why ? *why : noactor);
    deliver(system, runner, ask, TROUPE_EDOWN);
}

void trp_ask_no_reply(troupe_system *system, struct trp_runner *runner, struct trp_ask *ask)
{
    end(system, runner, ask, TROUPE_ENOREPLY);
}

void trp_ask_end(troupe_system *system, struct trp_runner *runner, struct trp_ask *ask,
                 troupe_status status)
{
    end(system, runner, ask, status);
}

void trp_ask_expired(struct trp_runner *runner, struct trp_timed *timed)
{
    struct trp_wide_ask *wide = TRP_CONTAINER(timed, struct trp_wide_ask, timed);
    end(runner->system, runner, &wide->ask, TROUPE_ETIMEDOUT);
}

void trp_ask_expire(troupe_system *system, struct trp_runner *runner, struct trp_ask *ask)
{
    if (decide(ask, 0, 0))
        deliver(system, runner, ask, TROUPE_ETIMEDOUT);
}

void trp_ask_abandon(troupe_system *system, struct trp_runner *runner, struct trp_ask *ask)
{
    bool won = decide(ask, 0, 0);
    disarm(system, runner, ask);
    if (won)
        release(system, runner, ask); // else the outcome on its way has the asker's count
}

// ---- The asker's side

// The place of the running actor's asks; NULL without memory.
static inline struct trp_asks *asks_of(struct troupe_ctx *ctx)
{
    if (TRP_LIKELY(ctx->extras && ctx->extras->asks))
        return ctx->extras->asks;
    struct trp_extras *extras = trp_extras(ctx);
    if (extras && extras->asks == NULL)
        extras->asks = trp_asks_new(ctx);
    return extras ? extras->asks : NULL;
}

static inline void init(struct trp_ask *ask, struct troupe_ctx *ctx, troupe_on_outcome on_outcome,
                        void *user, uint32_t bits)
{
    atomic_init(&ask->state, 2 * TRP_ASK_ONE + bits);
    ask->generation = ctx->generation;
    ask->asker = ctx->slot;
    ask->incarnation = atomic_load_explicit(&ctx->slot->incarnation, memory_order_relaxed);
    ask->handle = TRP_ASK_NO_HANDLE;
    ask->on_outcome = on_outcome;
    ask->user = user;
}

struct trp_ask *trp_ask_new(struct troupe_ctx *ctx, troupe_on_outcome on_outcome, void *user,
                            void (*release_arg)(void *arg), void *arg)
{
    struct trp_asks *asks = asks_of(ctx);
    struct trp_wide_ask *wide = asks ? trp_take(ctx->system, ctx->runner, sizeof *wide) : NULL;
    if (wide == NULL)
        return NULL;
    init(&wide->ask, ctx, on_outcome, user, TRP_ASK_WIDE);
    wide->release = release_arg;
    wide->arg = arg;
    trp_ask_link(&asks->lists[0], &wide->ask);
    return &wide->ask;
}

void trp_ask_unmake(struct troupe_ctx *ctx, struct trp_ask *ask)
{
    trp_ask_unlink(ask);
    trp_give(ctx->system, ctx->runner, wide_of(ask), sizeof(struct trp_wide_ask));
}

bool trp_outcome_open(struct troupe_ctx *ctx, struct trp_envelope *envelope,
                      troupe_outcome *outcome, troupe_reason *reason)
{
    struct trp_ask *ask = trp_ask_of_outcome(envelope);
    if (ask->incarnation != atomic_load_explicit(&ctx->slot->incarnation, memory_order_relaxed))
        return false;
    trp_ask_unlink(ask);
    if (ask->handle != TRP_ASK_NO_HANDLE)
        trp_handles_remove(&ctx->extras->handles, ask->handle);
    disarm(ctx->system, ctx->runner, ask);
    *outcome = (troupe_outcome){.status = TROUPE_OK};
    if (envelope->msg.type != 0) {
        outcome->reply = &envelope->msg;
        return true;
    }
    outcome->status = ask->status;
    // relaxed: as the outcome.
    if (atomic_load_explicit(&ask->state, memory_order_relaxed) & TRP_ASK_HOLDS) {
        *reason = trp_reason_view(&ask->reason);
        outcome->reason = reason;
    }
    return true;
}

void trp_outcome_done(troupe_system *system, struct trp_runner *runner,
                      struct trp_envelope *envelope)
{
    struct trp_ask *ask = trp_ask_of_outcome(envelope);
    if (envelope != &ask->envelope) {
        struct trp_slab_cache *cache = trp_cache_open(system, runner);
        trp_envelope_free(cache, envelope);
        trp_cache_close(system, runner);
    }
    release(system, runner, ask);
}

static inline bool is_live(const struct trp_slot *slot, troupe_ref to)
{
    return slot && to.generation != 0 &&
           atomic_load_explicit(&slot->generation, memory_order_relaxed) == to.generation;
}

// The id of a small struct's type that is known and can be copied here and now; 0: any other.
static inline uint32_t small_type(const troupe_type *type, const void *body)
{
    if (TRP_UNLIKELY(type == NULL || body == NULL || trp_type_form(type) != TRP_TYPE_SMALL))
        return 0;
    return type->id;
}

#define REQUEST_HEADER (sizeof(struct trp_envelope) + sizeof(struct trp_extra))
#define REQUEST_SIZE   ((size_t)2 * TRP_CACHE_LINE)

_Static_assert(REQUEST_HEADER + TRP_SMALL_BODY <= REQUEST_SIZE, "fits a small request");

// Builds the request's envelope, without its owner.
static inline troupe_status build_request(troupe_ctx *ctx, troupe_type *type, const void *body,
                                          struct trp_envelope **request)
{
    uint32_t id = small_type(type, body);
    struct trp_envelope *envelope =
        TRP_LIKELY(id != 0) ? trp_slab_take(&ctx->runner->worker->cache, REQUEST_SIZE) : NULL;
    *request = envelope;
    if (TRP_UNLIKELY(envelope == NULL))
        return trp_build(ctx->system, ctx->runner, type, body, TRP_KIND_ASK, true, request);
    void *to = (char *)envelope + REQUEST_HEADER;
    envelope->msg = (troupe_msg){.type = id, .size = type->size, .body = to};
    envelope->kind = TRP_KIND_ASK;
    envelope->flags = TRP_ENV_EXTRA;
    envelope->units = REQUEST_SIZE / TRP_ENV_UNIT;
    struct trp_extra *extra = trp_envelope_extra(envelope);
    extra->shared = NULL;
    extra->chain = NULL;
    trp_copy_small(to, body, type->size);
    return TROUPE_OK;
}

// The rest of `ask` when no list is left for its limit.
static void limit_alone(troupe_ctx *ctx, struct trp_asks *asks, struct trp_ask *record,
                        uint32_t timeout_ms)
{
    struct trp_wide_ask *wide = wide_of(record);
    wide->release = NULL;
    // relaxed: nobody else has the record yet.
    atomic_store_explicit(&record->state, 2 * TRP_ASK_ONE + TRP_ASK_WIDE, memory_order_relaxed);
    trp_ask_link(&asks->lists[0], record);
    arm(ctx->system, wide, trp_deadline(trp_now(ctx->system), delay_of(timeout_ms)));
}

// Puts the record into a list and sees to its limit.
static inline void limit(troupe_ctx *ctx, struct trp_asks *asks, struct trp_ask_list *list,
                         struct trp_ask *record, uint32_t timeout_ms)
{
    trp_ask_link(list, record);
    if (timeout_ms == TROUPE_NO_LIMIT)
        return;
    uint64_t deadline = trp_deadline(trp_now_about(ctx->runner), delay_of(timeout_ms));
    // Not before one that was asked earlier, on another worker.
    record->deadline = list->latest = deadline > list->latest ? deadline : list->latest;
    if (TRP_UNLIKELY(record->deadline < asks->armed))
        trp_asks_arm(ctx->system, asks, record->deadline);
}

static void name(troupe_ctx *ctx, struct trp_ask *record, troupe_ask_id *id)
{
    struct trp_handles *handles = &ctx->extras->handles;
    record->handle = trp_handles_put(handles, TRP_HANDLE_ASK, record);
    struct trp_handle_name name = trp_handles_name(handles, record->handle, trp_handle_salt(ctx));
    memcpy(id, &name, sizeof *id);
}

// Takes the request over unless it fails. `function` wants it.
static inline troupe_status ask_with(troupe_ctx *ctx, struct trp_slot *slot, uint32_t generation,
                                     uint32_t timeout_ms, troupe_on_outcome on_outcome, void *user,
                                     troupe_ask_id *id, struct trp_envelope *request,
                                     const char *function)
{
    struct trp_slab_cache *cache = &ctx->runner->worker->cache;
    struct trp_asks *asks = asks_of(ctx);
    struct trp_ask_list *list = NULL;
    struct trp_ask *record = NULL;
    timeout_ms = limit_of(timeout_ms);
    if (TRP_LIKELY(asks && (id == NULL || trp_handles_reserve(ctx->system, ctx->runner,
                                                              &ctx->extras->handles)))) {
        list = trp_asks_list(asks, timeout_ms);
        record = TRP_LIKELY(list) ? trp_slab_take(cache, sizeof *record)
                                  : trp_take(ctx->system, ctx->runner, sizeof(struct trp_wide_ask));
    }
    if (TRP_UNLIKELY(record == NULL))
        return trp_error(TROUPE_ENOMEM, "%s: no memory", function);
    trp_envelope_extra(request)->owner = record;
    init(record, ctx, on_outcome, user, 0);
    if (TRP_LIKELY(list))
        limit(ctx, asks, list, record, timeout_ms);
    else
        limit_alone(ctx, asks, record, timeout_ms);
    if (TRP_UNLIKELY(id != NULL))
        name(ctx, record, id);
    trp_push(ctx, slot, generation, request);
    return TROUPE_OK;
}

static inline troupe_status ask(troupe_ctx *ctx, struct trp_slot *slot, uint32_t generation,
                                uint32_t timeout_ms, troupe_on_outcome on_outcome, void *user,
                                troupe_ask_id *id, troupe_type *type, const void *body)
{
    struct trp_envelope *request;
    troupe_status status = build_request(ctx, type, body, &request);
    if (TRP_UNLIKELY(status != TROUPE_OK))
        return status;
    status =
        ask_with(ctx, slot, generation, timeout_ms, on_outcome, user, id, request, "troupe_ask");
    if (TRP_UNLIKELY(status != TROUPE_OK))
        trp_envelope_free(&ctx->runner->worker->cache, request);
    return status;
}

troupe_status trp_ask_envelope(struct troupe_ctx *ctx, struct trp_slot *slot, uint32_t generation,
                               uint32_t timeout_ms, troupe_on_outcome on_outcome, void *user,
                               struct trp_envelope *request, const char *function)
{
    return ask_with(ctx, slot, generation, timeout_ms, on_outcome, user, NULL, request, function);
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
    struct trp_slot *slot = trp_resolve(ctx->system, to);
    if (TRP_UNLIKELY(!is_live(slot, to)))
        return trp_no_target(ctx, to, type, body, "troupe_ask");
    if (TRP_UNLIKELY(!trp_enter(ctx)))
        return TROUPE_ESTALE;
    troupe_status status =
        ask(ctx, slot, to.generation, timeout_ms, on_outcome, user, id, type, body);
    trp_leave(ctx);
    return status;
}

static troupe_status cancel(troupe_ctx *ctx, troupe_ask_id id)
{
    struct trp_handle_name name;
    uint32_t index;
    memcpy(&name, &id, sizeof name);
    struct trp_ask *record = trp_find_handle(ctx, TRP_HANDLE_ASK, name, &index);
    if (record == NULL || !decide(record, 0, 0))
        return trp_error(TROUPE_EALREADY, "troupe_ask_cancel: this ask has ended already");
    deliver(ctx->system, ctx->runner, record, TROUPE_ECANCELED);
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

static troupe_status take_outcome(troupe_ctx *ctx, struct trp_wide_ask *wide, troupe_msg **reply,
                                  const char *function)
{
    struct trp_ask *record = &wide->ask;
    if (wide->reply) {
        struct trp_envelope *envelope = wide->reply;
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
        return trp_error(TROUPE_EDOWN, "%s: the actor ended before it answered: %s%s%s", function,
                         troupe_reason_name(reason.kind), reason.text[0] ? ": " : "", reason.text);
    }
    return trp_error(record->status, "%s: %s", function, troupe_status_text(record->status));
}

troupe_status trp_call_envelope(struct troupe_ctx *ctx, struct trp_slot *slot, uint32_t generation,
                                uint32_t timeout_ms, troupe_msg **reply,
                                struct trp_envelope *request, const char *function)
{
    troupe_system *system = ctx->system;
    struct trp_waiter waiter = {.done = 0};
    struct trp_wide_ask *wide = trp_take(system, NULL, sizeof *wide);
    if (wide == NULL) {
        troupe_msg_free(ctx, &request->msg);
        return trp_error(TROUPE_ENOMEM, "%s: no memory", function);
    }
    memset(wide, 0, sizeof *wide);
    struct trp_ask *record = &wide->ask;
    atomic_init(&record->state, 2 * TRP_ASK_ONE + TRP_ASK_WIDE);
    wide->waiter = &waiter;
    trp_envelope_extra(request)->owner = record;
    if (timeout_ms != TROUPE_NO_LIMIT)
        arm(system, wide, trp_deadline(trp_now(system), delay_of(limit_of(timeout_ms))));
    trp_push(ctx, slot, generation, request);
    // The deadline ends the ask, not the wait, so that nothing writes to the waiter later.
    if (!trp_wait(system, &waiter, TRP_NEVER)) { // driven, and nothing left that could answer
        if (decide(record, 0, 0))
            record->status = TROUPE_ETIMEDOUT;
    }
    disarm(system, NULL, record);
    troupe_status status = take_outcome(ctx, wide, reply, function);
    release(system, NULL, record);
    return status;
}

static troupe_status call(troupe_ctx *ctx, troupe_ref to, uint32_t timeout_ms, troupe_msg **reply,
                          troupe_type *type, const void *body)
{
    struct trp_slot *slot = trp_resolve(ctx->system, to);
    if (!is_live(slot, to))
        return trp_no_target(ctx, to, type, body, "troupe_call");
    struct trp_envelope *request;
    troupe_status status = trp_build(ctx->system, NULL, type, body, TRP_KIND_ASK, true, &request);
    if (status != TROUPE_OK)
        return status;
    return trp_call_envelope(ctx, slot, to.generation, timeout_ms, reply, request, "troupe_call");
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

static void late(troupe_ctx *ctx, struct trp_ask *record)
{
    trp_count(ctx->system, ctx->runner, late_replies);
    release(ctx->system, ctx->runner, record);
}

void trp_ask_reply(struct troupe_ctx *ctx, struct trp_ask *record, struct trp_envelope *envelope)
{
    trp_envelope_extra(envelope)->owner = record;
    if (!decide(record, 0, TRP_ASK_ONE)) {
        struct trp_slab_cache *cache = trp_cache_open(ctx->system, ctx->runner);
        trp_envelope_free(cache, envelope);
        trp_cache_close(ctx->system, ctx->runner);
        late(ctx, record);
    } else if (record->asker) {
        trp_push(ctx, record->asker, record->generation, envelope);
    } else {
        wide_of(record)->reply = envelope;
        trp_waiter_wake(wide_of(record)->waiter);
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
    uint32_t id = small_type(type, body);
    if (TRP_UNLIKELY(id == 0 || record->asker == NULL))
        return reply_in_envelope(ctx, record, type, body);
    if (TRP_UNLIKELY(!decide(record, 0, TRP_ASK_ONE))) {
        late(ctx, record);
        return TROUPE_OK;
    }
    // Not before: the winner alone writes the outcome.
    set_outcome(record, id, type->size, record->room);
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
