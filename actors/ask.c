// Asks: the record, its ways to end, and the asker's side. A thread that waits: call.c. Who
// answers: reply.c.
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

#include <string.h>

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
    struct trp_wide_ask *wide = trp_ask_wide(ask);
    if (wide->release)
        wide->release(wide->arg);
    trp_give(system, runner, wide, sizeof *wide);
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

void trp_ask_disarm(troupe_system *system, struct trp_runner *runner, struct trp_ask *ask)
{
    if (TRP_LIKELY(!is_timed(ask)))
        return;
    struct trp_wheel *wheel = wheel_of(system, ask);
    trp_wheel_lock(wheel);
    bool cancelled = trp_wheel_cancel(wheel, &trp_ask_wide(ask)->timed.timer);
    trp_wheel_unlock(wheel);
    if (cancelled)
        trp_ask_give_back(system, runner, ask);
}

static uint64_t delay_of(uint32_t timeout_ms)
{
    return timeout_ms * TRP_NS_PER_MS;
}

void trp_ask_arm(troupe_system *system, struct trp_wide_ask *wide, uint32_t timeout_ms)
{
    struct trp_ask *ask = &wide->ask;
    uint64_t deadline = trp_deadline(trp_now(system), delay_of(timeout_ms));
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

// ---- Ending

// The winner's: hands the asker's count over with an outcome without a reply.
static void deliver(troupe_system *system, struct trp_runner *runner, struct trp_ask *ask,
                    troupe_status status)
{
    ask->status = status;
    if (ask->asker == NULL) {
        trp_waiter_wake(trp_ask_wide(ask)->waiter);
        return;
    }
    trp_ask_set_outcome(ask, 0, 0, "");
    trp_push_from(system, runner, ask->asker, ask->generation, &ask->envelope);
}

static void end(troupe_system *system, struct trp_runner *runner, struct trp_ask *ask,
                troupe_status status)
{
    if (trp_ask_decide(ask, 0, TRP_ASK_ONE))
        deliver(system, runner, ask, status);
    else
        trp_ask_give_back(system, runner, ask);
}

void trp_ask_down(troupe_system *system, struct trp_runner *runner, struct trp_ask *ask,
                  const struct trp_reason *why)
{
    static const struct trp_reason noactor = {.kind = TROUPE_NOACTOR};
    if (!trp_ask_decide(ask, TRP_ASK_HOLDS, TRP_ASK_ONE)) {
        trp_ask_give_back(system, runner, ask);
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
    if (trp_ask_decide(ask, 0, 0))
        deliver(system, runner, ask, TROUPE_ETIMEDOUT);
}

void trp_ask_abandon(troupe_system *system, struct trp_runner *runner, struct trp_ask *ask)
{
    bool won = trp_ask_decide(ask, 0, 0);
    trp_ask_disarm(system, runner, ask);
    if (won)
        trp_ask_give_back(system, runner, ask); // else the outcome on its way has the asker's count
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
    trp_give(ctx->system, ctx->runner, trp_ask_wide(ask), sizeof(struct trp_wide_ask));
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
    trp_ask_disarm(ctx->system, ctx->runner, ask);
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
    if (envelope != &ask->envelope)
        trp_free_envelope(system, runner, envelope);
    trp_ask_give_back(system, runner, ask);
}

#define REQUEST_HEADER (sizeof(struct trp_envelope) + sizeof(struct trp_extra))
#define REQUEST_SIZE   ((size_t)2 * TRP_CACHE_LINE)

_Static_assert(REQUEST_HEADER + TRP_SMALL_BODY <= REQUEST_SIZE, "fits a small request");

// Builds the request's envelope, without its owner.
static inline troupe_status build_request(troupe_ctx *ctx, troupe_type *type, const void *body,
                                          struct trp_envelope **request)
{
    uint32_t id = trp_ask_small_type(type, body);
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
    struct trp_wide_ask *wide = trp_ask_wide(record);
    wide->release = NULL;
    // relaxed: nobody else has the record yet.
    atomic_store_explicit(&record->state, 2 * TRP_ASK_ONE + TRP_ASK_WIDE, memory_order_relaxed);
    trp_ask_link(&asks->lists[0], record);
    trp_ask_arm(ctx->system, wide, timeout_ms);
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
    timeout_ms = trp_ask_limit(timeout_ms);
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
    if (TRP_UNLIKELY(!trp_slot_is_live(slot, to)))
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
    if (record == NULL || !trp_ask_decide(record, 0, 0))
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
