// One activation: an actor handles messages until its mailbox is empty, its batch or slice is used
// up, or it ends. The consumer's side of the slot. What comes of a message whose handler has
// returned and that is not just freed: conclude.c.
#include "actors/actor.h"
#include "actors/ask.h"
#include "actors/monitor.h"
#include "actors/signal.h"
#include "actors/timer.h"

#define DRAIN_BATCH 256

static uint32_t order_mask(const struct trp_slot *slot)
{
    return slot->phase == TRP_AWAITING ? TRP_ORDER_WHILE_AWAITING : TRP_ORDER_ANY;
}

// ---- Orders

// Tells whether the next order can be obeyed: the slot is still ours, and its actor there.
static bool goes_on(enum trp_next next, struct trp_slot *slot)
{
    return next == TRP_NEXT_LOOK && atomic_load_explicit(&slot->body, memory_order_relaxed) != NULL;
}

static void obey_verdict(struct trp_runner *runner, struct trp_slot *slot, uint32_t orders)
{
    if (orders & TRP_ORDER_PURGE) {
        trp_drop_stale(runner, slot);
        trp_notify_owner(runner, slot, TRP_NOTICE_PURGED);
    }
    if (orders & TRP_ORDER_END)
        trp_end_for_good(runner, slot);
    else if (orders & TRP_ORDER_RESTART)
        trp_restart_incarnation(runner, slot);
}

static enum trp_next obey(struct trp_runner *runner, struct trp_slot *slot)
{
    uint32_t orders = trp_slot_take_orders(slot, order_mask(slot));
    // Meant for the incarnation that has ended. Taken in one step with the verdict: a supervisor
    // that stops gives STOP and END together, and END must not be left without a stop.
    if (slot->phase == TRP_AWAITING)
        orders &= ~(uint32_t)(TRP_ORDER_STOP | TRP_ORDER_KILL);
    enum trp_next next = TRP_NEXT_LOOK;
    bool more = false;
    if (orders & TRP_ORDER_ABANDONED)
        next = trp_take_over(runner, slot);
    if ((orders & TRP_ORDER_NOTICE) && goes_on(next, slot))
        next = trp_read_notices(runner, slot);
    if ((orders & TRP_ORDER_TICK) && goes_on(next, slot))
        more = trp_tick(runner, slot);
    if ((orders & TRP_ORDER_EXPIRE) && goes_on(next, slot))
        trp_asks_look(runner, slot);
    if ((orders & TRP_ORDER_KILL) && goes_on(next, slot))
        next = trp_end_incarnation(runner, slot, (struct trp_reason){.kind = TROUPE_KILLED});
    if ((orders & TRP_ORDER_STOP) && goes_on(next, slot))
        next = trp_end_incarnation(runner, slot, (struct trp_reason){.kind = TROUPE_SHUTDOWN});
    if ((orders & TRP_ORDER_EXIT) && goes_on(next, slot))
        next = trp_signals_obey(runner, slot);
    if (goes_on(next, slot) && slot->phase == TRP_AWAITING)
        obey_verdict(runner, slot, orders);
    return more && next == TRP_NEXT_LOOK ? TRP_NEXT_TURN : next;
}

// ---- The front of the mailbox

// Takes the nudge out. False: the mailbox went idle and the slot is not ours any more.
static bool pop_nudge(struct trp_runner *runner, struct trp_slot *slot)
{
    bool more = trp_mpsc_pop(&slot->inbox, &slot->front);
    bool wanted = trp_slot_nudge_done(slot);
    if (!more && wanted) // somebody relied on us, who cannot look any more
        trp_slot_nudge(runner->system, runner, slot);
    return more;
}

enum trp_next trp_pop_message(struct trp_runner *runner, struct trp_slot *slot,
                              struct trp_envelope *envelope)
{
    bool more = trp_mpsc_pop(&slot->inbox, &slot->front);
    trp_finish(runner->system, runner, envelope);
    return more ? TRP_NEXT_MESSAGE : TRP_NEXT_LEAVE;
}

// Gets rid of the front message.
static enum trp_next discard(struct trp_runner *runner, struct trp_slot *slot,
                             struct trp_envelope *envelope, troupe_dead_reason reason,
                             const struct trp_reason *why)
{
    troupe_ref target =
        trp_ref(runner->system, slot->index,
                envelope->generation == TRP_STALE_GENERATION ? trp_slot_generation(slot)
                                                             : envelope->generation);
    // `why` may be the slot's own: it is not ours after the pop.
    struct trp_reason held = why ? trp_reason_acquire(*why) : (struct trp_reason){0};
    bool more = trp_mpsc_pop(&slot->inbox, &slot->front);
    trp_discard(runner->system, runner, envelope, target, reason, why ? &held : NULL);
    trp_reason_release(runner->system, runner, &held);
    return more ? TRP_NEXT_MESSAGE : TRP_NEXT_LEAVE;
}

static enum trp_next drop(struct trp_runner *runner, struct trp_slot *slot,
                          struct trp_envelope *envelope)
{
    trp_count(runner->system, runner, dropped);
    struct trp_extra *extra = trp_envelope_extra(envelope);
    if (envelope->kind == TRP_KIND_ASK) { // has ended: only the request's count is left
        trp_ask_no_reply(runner->system, runner, extra->owner);
        extra->owner = NULL;
    }
    return trp_pop_message(runner, slot, envelope);
}

// ---- Handling one message

static void observe(struct troupe_ctx *ctx, enum trp_probe_kind kind, uint64_t value)
{
    const struct trp_probe *probe = ctx->system->seams.probe;
    struct trp_probe_event event = {.kind = kind, .ref = trp_self(ctx), .value = value};
    probe->event(probe->user, &event);
}

static uint64_t type_hash(const struct trp_envelope *envelope)
{
    return envelope->msg.type ? trp_type_by_id(envelope->msg.type)->name_hash : 0;
}

static void begin(struct troupe_ctx *ctx, struct trp_envelope *envelope)
{
    atomic_store_explicit(&ctx->current, envelope, memory_order_relaxed);
    ctx->linked = 1;
    ctx->gone = TRP_GONE_NOT;
    ctx->answered = 0;
    ctx->marks = 0;
}

// Calls the receive function. False: given up meanwhile.
static inline bool call_receive(struct troupe_ctx *ctx, struct trp_envelope *envelope,
                                troupe_status *status)
{
    troupe_receive_fn receive = ctx->receive; // not outside: whoever gives it up writes there
    return TRP_CALL_USER(ctx, *status = receive(ctx, trp_state(ctx), &envelope->msg));
}

// Calls the receive function, or that of an ask for its outcome. False: given up meanwhile.
static inline bool call_given(struct troupe_ctx *ctx, struct trp_envelope *envelope,
                              const troupe_outcome *outcome, troupe_status *status)
{
    if (TRP_LIKELY(outcome == NULL))
        return call_receive(ctx, envelope, status);
    const struct trp_ask *ask = trp_ask_of_outcome(envelope);
    bool inside =
        TRP_CALL_USER(ctx, *status = ask->on_outcome(ctx, trp_state(ctx), ask->user, outcome));
    if (inside && *status == TROUPE_UNHANDLED)
        *status = TROUPE_OK;
    return inside;
}

// The same with all that is to be seen and done around it.
static bool call_handler(struct troupe_ctx *ctx, struct trp_envelope *envelope,
                         const troupe_outcome *outcome, troupe_status *status)
{
    bool probed = ctx->system->seams.probe != NULL;
    if (TRP_UNLIKELY(probed))
        observe(ctx, TRP_PROBE_DEQUEUE, type_hash(envelope));
    begin(ctx, envelope);
    if (!trp_is_struck(ctx, TRP_BEFORE_HANDLER, status)) {
        if (TRP_UNLIKELY(!call_given(ctx, envelope, outcome, status)))
            return false;
        (void)trp_is_struck(ctx, TRP_AFTER_HANDLER, status);
    }
    atomic_store_explicit(&ctx->current, NULL, memory_order_relaxed);
    if (TRP_UNLIKELY(probed))
        observe(ctx, TRP_PROBE_HANDLED, (uint64_t)(unsigned)*status);
    return true;
}

// The handler was given up.
static enum trp_next leave(struct trp_runner *runner, struct troupe_ctx *ctx)
{
    trp_free_abandoned(runner, ctx);
    return TRP_NEXT_LEAVE;
}

static enum trp_next handle(struct trp_runner *runner, struct troupe_ctx *ctx,
                            struct trp_envelope *envelope, const troupe_outcome *outcome)
{
    troupe_status status;
    return TRP_LIKELY(call_handler(ctx, envelope, outcome, &status))
               ? trp_conclude(runner, ctx, envelope, status)
               : leave(runner, ctx);
}

// ---- The same when nobody observes, in as few steps as can be

// Takes the message out that was handled, as most are: it is ours and still at the front. Its
// envelope is freed after that.
static inline enum trp_next pop_handled(struct trp_runner *runner, struct troupe_ctx *ctx,
                                        struct trp_slot *slot)
{
    ctx->linked = 0;
    trp_count(runner->system, runner, handled);
    return trp_mpsc_pop(&slot->inbox, &slot->front) ? TRP_NEXT_MESSAGE : TRP_NEXT_LEAVE;
}

static inline enum trp_next handle_plain(struct trp_runner *runner, struct troupe_ctx *ctx,
                                         struct trp_slot *slot, struct trp_envelope *envelope)
{
    troupe_status status;
    begin(ctx, envelope);
    if (TRP_UNLIKELY(!call_receive(ctx, envelope, &status)))
        return leave(runner, ctx);
    atomic_store_explicit(&ctx->current, NULL, memory_order_relaxed);
    if (TRP_UNLIKELY(status != TROUPE_OK || !ctx->linked)) // whatever is gone is not linked
        return trp_conclude(runner, ctx, envelope, status);
    enum trp_next next = pop_handled(runner, ctx, slot);
    trp_envelope_free(&runner->worker->cache, envelope);
    return next;
}

// An ask's request.
static inline enum trp_next handle_request(struct trp_runner *runner, struct troupe_ctx *ctx,
                                           struct trp_slot *slot, struct trp_envelope *envelope)
{
    troupe_status status;
    begin(ctx, envelope);
    if (TRP_UNLIKELY(!call_receive(ctx, envelope, &status)))
        return leave(runner, ctx);
    atomic_store_explicit(&ctx->current, NULL, memory_order_relaxed);
    if (TRP_UNLIKELY(status != TROUPE_OK || !ctx->linked ||
                     trp_envelope_extra(envelope)->owner != NULL)) // nobody has answered
        return trp_conclude(runner, ctx, envelope, status);
    enum trp_next next = pop_handled(runner, ctx, slot);
    trp_request_free(&runner->worker->cache, envelope);
    return next;
}

// A small reply.
static inline enum trp_next handle_reply(struct trp_runner *runner, struct troupe_ctx *ctx,
                                         struct trp_slot *slot, struct trp_envelope *envelope,
                                         struct trp_ask *ask)
{
    troupe_status status;
    troupe_outcome outcome = {.status = TROUPE_OK, .reply = &envelope->msg};
    troupe_on_outcome on_outcome = ask->on_outcome;
    void *user = ask->user;
    trp_ask_unlink(ask);
    begin(ctx, envelope);
    if (TRP_UNLIKELY(!TRP_CALL_USER(ctx, status = on_outcome(ctx, trp_state(ctx), user, &outcome))))
        return leave(runner, ctx);
    atomic_store_explicit(&ctx->current, NULL, memory_order_relaxed);
    if (status == TROUPE_UNHANDLED)
        status = TROUPE_OK;
    if (TRP_UNLIKELY(status != TROUPE_OK || !ctx->linked))
        return trp_conclude(runner, ctx, envelope, status);
    enum trp_next next = pop_handled(runner, ctx, slot);
    trp_ask_release(runner, ask);
    return next;
}

// ---- By the kind of the message

static enum trp_next handle_outcome(struct trp_runner *runner, struct troupe_ctx *ctx,
                                    struct trp_envelope *envelope)
{
    struct trp_ask *ask = trp_outcome_is_simple(ctx, envelope);
    if (TRP_LIKELY(ask && runner->system->seams.probe == NULL))
        return handle_reply(runner, ctx, ctx->slot, envelope, ask);
    troupe_outcome outcome;
    troupe_reason reason;
    if (!trp_outcome_open(ctx, envelope, &outcome, &reason))
        return drop(runner, ctx->slot, envelope);
    return handle(runner, ctx, envelope, &outcome);
}

static enum trp_next drain_order(struct trp_runner *runner, struct troupe_ctx *ctx,
                                 struct trp_envelope *envelope)
{
    ctx->linked = 1;
    trp_detach_current(ctx);
    trp_finish(runner->system, runner, envelope);
    struct trp_reason reason = {.kind = TROUPE_SHUTDOWN};
    return trp_end_incarnation(runner, ctx->slot, reason);
}

static enum trp_next run_message(struct trp_runner *runner, struct troupe_ctx *ctx,
                                 struct trp_envelope *envelope)
{
    struct trp_slot *slot = ctx->slot;
    if (TRP_UNLIKELY(envelope->generation != ctx->generation))
        return discard(runner, slot, envelope,
                       envelope->generation == TRP_STALE_GENERATION ? TROUPE_DEAD_STALE
                                                                    : TROUPE_DEAD_NO_TARGET,
                       NULL);
    switch ((enum trp_kind)envelope->kind) {
    case TRP_KIND_USER:
        return handle(runner, ctx, envelope, NULL);
    case TRP_KIND_ASK:
        if (trp_ask_has_ended(trp_envelope_extra(envelope)->owner))
            return drop(runner, slot, envelope);
        if (TRP_LIKELY(runner->system->seams.probe == NULL))
            return handle_request(runner, ctx, slot, envelope);
        return handle(runner, ctx, envelope, NULL);
    case TRP_KIND_TIMER:
        if (!trp_timer_open(ctx, envelope))
            return drop(runner, slot, envelope);
        return handle(runner, ctx, envelope, NULL);
    case TRP_KIND_DOWN:
        if (!trp_monitor_open(ctx, envelope))
            return drop(runner, slot, envelope);
        return handle(runner, ctx, envelope, NULL);
    case TRP_KIND_EXIT:
        if (!trp_signal_open(ctx, envelope))
            return drop(runner, slot, envelope);
        return handle(runner, ctx, envelope, NULL);
    case TRP_KIND_OUTCOME:
        return handle_outcome(runner, ctx, envelope);
    case TRP_KIND_DRAIN:
        return drain_order(runner, ctx, envelope);
    case TRP_KIND_AHEAD:
        trp_ahead_fetch(envelope);
        return trp_pop_message(runner, slot, envelope);
    case TRP_KIND_NUDGE:
    default:
        trp_panic(__FILE__, __LINE__, "an envelope of kind %d in a mailbox", envelope->kind);
    }
}

// ---- A slot without an actor

// Makes a dead letter of the front message, if it is for nobody. Ended actors give the mailbox's
// hold back once it is idle; from then on the slot may be used again, so that comes last.
static enum trp_next drain_front(struct trp_runner *runner, struct trp_slot *slot)
{
    bool retiring = slot->retiring;
    bool more;
    if (slot->front.first == &slot->nudge) {
        slot->retiring = 0;
        more = pop_nudge(runner, slot);
    } else {
        struct trp_envelope *envelope = trp_envelope_of_link(slot->front.first);
        if (atomic_load_explicit(&slot->body, memory_order_acquire) != NULL)
            return TRP_NEXT_LOOK; // an actor has moved in: the message may be for it
        slot->retiring = 0;
        more = discard(runner, slot, envelope, retiring ? TROUPE_DEAD_ENDED : TROUPE_DEAD_NO_TARGET,
                       retiring ? &slot->reason : NULL) == TRP_NEXT_MESSAGE;
    }
    if (more)
        slot->retiring = retiring;
    else if (retiring)
        trp_slot_release_hold(runner->system, runner, slot);
    return more ? TRP_NEXT_LOOK : TRP_NEXT_LEAVE;
}

// ---- The loop

static inline bool used_up(struct trp_runner *runner, uint32_t handled)
{
    const troupe_system *system = runner->system;
    if (TRP_UNLIKELY(handled >= system->batch))
        return true;
    if (TRP_UNLIKELY(system->seams.cut != NULL))
        return system->seams.cut(system->seams.user);
    return trp_worker_over_slice(runner->worker, handled);
}

// Handles messages as long as nothing else is to be done.
static enum trp_next run_messages(struct trp_runner *runner, struct trp_slot *slot,
                                  struct troupe_ctx *ctx, uint32_t *handled)
{
    bool plain = runner->system->seams.probe == NULL;
    for (;;) {
        struct trp_link *front = slot->front.first;
        if (TRP_UNLIKELY(front == &slot->nudge))
            return TRP_NEXT_LOOK;
        struct trp_envelope *envelope = trp_envelope_of_link(front);
        // relaxed: whether there is one already is all that matters. The next is likely to be of
        // the same size.
        const void *next = atomic_load_explicit(&front->next, memory_order_relaxed);
        trp_cpu_prefetch(next);
        if (envelope->units > TRP_ENV_SMALL)
            trp_cpu_prefetch((const char *)((uintptr_t)next + TRP_CACHE_LINE));
        enum trp_next then;
        if (TRP_LIKELY(plain && envelope->kind == TRP_KIND_USER &&
                       envelope->generation == ctx->generation))
            then = handle_plain(runner, ctx, slot, envelope);
        else
            then = run_message(runner, ctx, envelope);
        ++*handled;
        if (then != TRP_NEXT_MESSAGE)
            return then;
        if (TRP_UNLIKELY(atomic_load_explicit(&slot->orders, memory_order_relaxed) & TRP_ORDER_ANY))
            return TRP_NEXT_LOOK;
        if (used_up(runner, *handled))
            return TRP_NEXT_TURN;
    }
}

// The slot holds a running actor of the pool, and nothing is ordered of it.
static inline bool only_messages(struct trp_slot *slot, const struct troupe_ctx *ctx)
{
    return ctx != NULL && slot->phase == TRP_RUNNING &&
           (atomic_load(&slot->orders) & TRP_ORDER_ANY) == 0 && slot->task.home == NULL;
}

// Does the first of all that comes before messages; TRP_NEXT_MESSAGE: there is nothing.
// *batch: a TELLING slot may tell one more batch.
static enum trp_next look(struct trp_runner *runner, struct trp_slot *slot, struct troupe_ctx *ctx,
                          bool *batch)
{
    if (slot->task.home && runner->worker->pool) { // it has just got a thread of its own
        trp_schedule(runner->system->scheduler, runner->worker, &slot->task);
        return TRP_NEXT_LEAVE;
    }
    if (TRP_UNLIKELY(slot->phase == TRP_TELLING)) {
        bool may = *batch;
        *batch = false;
        return may ? trp_tell_on(runner, slot) : TRP_NEXT_TURN;
    }
    if (atomic_load(&slot->orders) & order_mask(slot))
        return obey(runner, slot);
    // Not before the orders: the body may be held by a handler that was given up, which finds that
    // out by its own runner.
    if (ctx != &trp_vacant)
        ctx->runner = runner;
    if (slot->phase == TRP_STARTING && atomic_load(&slot->init) == TRP_INIT_NOT_YET)
        return trp_start_incarnation(runner, slot);
    if (slot->front.first == &slot->nudge)
        return pop_nudge(runner, slot) ? TRP_NEXT_LOOK : TRP_NEXT_LEAVE;
    if (slot->phase != TRP_RUNNING) // messages wait
        return trp_slot_suspend(slot, order_mask(slot)) ? TRP_NEXT_LEAVE : TRP_NEXT_LOOK;
    return TRP_NEXT_MESSAGE;
}

// Makes a dead letter of one message.
static enum trp_next drain(struct trp_runner *runner, struct trp_slot *slot, uint32_t *handled)
{
    enum trp_next next = drain_front(runner, slot);
    // A thread of the actor's own does not run it again: it has been told to end.
    if (next == TRP_NEXT_LOOK && ++*handled % DRAIN_BATCH == 0 && runner->worker->pool)
        return TRP_NEXT_TURN;
    return next;
}

static inline bool is_held(const troupe_system *system)
{
    return TRP_UNLIKELY(system->seams.hold != NULL) && system->seams.hold(system->seams.user);
}

// Whatever there is to be done, until the slot is not ours any more or others get a turn.
static enum trp_next run_slot(struct trp_runner *runner, struct trp_slot *slot, bool batch,
                              uint32_t *handled)
{
    enum trp_next next = TRP_NEXT_LOOK;
    while (next == TRP_NEXT_LOOK) {
        struct troupe_ctx *ctx = atomic_load_explicit(&slot->body, memory_order_acquire);
        next = ctx ? look(runner, slot, ctx, &batch) : drain(runner, slot, handled);
        if (next == TRP_NEXT_MESSAGE)
            next =
                is_held(runner->system) ? TRP_NEXT_TURN : run_messages(runner, slot, ctx, handled);
    }
    return next;
}

static enum trp_run activate(struct trp_runner *runner, struct trp_slot *slot)
{
    uint32_t handled = 0;
    enum trp_next next = TRP_NEXT_LOOK;
    struct troupe_ctx *body = atomic_load_explicit(&slot->body, memory_order_acquire);
    // One batch of what is told in each activation: the end by a handler has begun with one.
    bool batch = false;
    if (TRP_LIKELY(only_messages(slot, body))) {
        body->runner = runner;
        next = run_messages(runner, slot, body, &handled);
    } else {
        batch = body != NULL && slot->phase == TRP_TELLING;
    }
    if (next == TRP_NEXT_LOOK)
        next = run_slot(runner, slot, batch, &handled);
    return next == TRP_NEXT_LEAVE ? TRP_RUN_DONE : TRP_RUN_AGAIN;
}

enum trp_run trp_activate(struct trp_worker *worker, struct trp_task *task)
{
    struct trp_runner *runner = atomic_load_explicit(&worker->user, memory_order_relaxed); // own
    struct trp_slot *slot = TRP_CONTAINER(task, struct trp_slot, task);
    atomic_store_explicit(&runner->serial,
                          atomic_load_explicit(&runner->serial, memory_order_relaxed) + 1,
                          memory_order_relaxed);
    if (TRP_LIKELY(TRP_BIAS_IS_LIGHT())) { // before the reading of orders: see overdue.c [seen]
        atomic_store_explicit(&runner->running, slot, memory_order_relaxed);
        atomic_signal_fence(memory_order_seq_cst);
    } else {
        atomic_store(&runner->running, slot);
    }
    enum trp_run run = activate(runner, slot);
    atomic_store_explicit(&runner->running, NULL, memory_order_release);
    return run;
}

// Slots are never freed, so it may read them at any time; what it reads there is only fetched.
// Another thread may write the front just now, which is no harm to a hint, but not for a sanitizer.
__attribute__((no_sanitize("thread"))) void trp_activation_fetch(struct trp_task *task, bool deep)
{
    const struct trp_slot *slot = TRP_CONTAINER(task, struct trp_slot, task);
    if (deep) {
        const char *body = (char *)atomic_load_explicit(&slot->body, memory_order_relaxed);
        trp_cpu_prefetch(body);
        trp_cpu_prefetch((const char *)((uintptr_t)body + TRP_CACHE_LINE));
        trp_cpu_prefetch(slot->front.first);
        return;
    }
    trp_cpu_prefetch_write(&slot->inbox);
    trp_cpu_prefetch_write(&slot->front);
    trp_cpu_prefetch_write(&slot->behavior);
}
