// The life of an incarnation: start, end, verdict, restart, end for good. Every function runs on
// the slot's consumer. The states are drawn in slot.h; the transitions are:
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
#include "actors/actor.h"
#include "actors/ask.h"
#include "actors/link.h"
#include "actors/monitor.h"
#include "actors/supervisor.h"

#include <string.h>

struct troupe_ctx trp_vacant;

struct trp_extras *trp_extras(struct troupe_ctx *ctx)
{
    if (ctx->extras == NULL) {
        ctx->extras = trp_take(ctx->system, ctx->runner, sizeof *ctx->extras);
        if (ctx->extras)
            memset(ctx->extras, 0, sizeof *ctx->extras);
    }
    return ctx->extras;
}

static struct troupe_ctx *body_of(struct trp_slot *slot)
{
    return atomic_load_explicit(&slot->body, memory_order_relaxed); // the consumer wrote it
}

static void observe(troupe_system *system, enum trp_probe_kind kind, const struct trp_slot *slot,
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
                    uint32_t generation, uint32_t incarnation, const struct trp_reason *reason)
{
    if (system->on_event == NULL || atomic_load(&system->silent))
        return;
    troupe_event event = {.kind = kind,
                          .ref = trp_ref(system, slot->index, generation),
                          .name = trp_actor_name(slot),
                          .incarnation = incarnation,
                          .reason = trp_reason_view(reason)};
    system->on_event(system->hook_user, &event);
}

static uint32_t incarnation_of(struct trp_slot *slot)
{
    return atomic_load_explicit(&slot->incarnation, memory_order_relaxed);
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

static void tell_later(struct trp_slot *slot, enum trp_telling what)
{
    slot->phase = TRP_TELLING;
    slot->telling = (uint8_t)what;
}

static void start_running(struct trp_runner *runner, struct trp_slot *slot)
{
    struct troupe_ctx *ctx = body_of(slot);
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
        tell_later(slot, TRP_TELL_START);
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
    bool inside = TRP_CALL_USER(ctx, *status = behavior->init(ctx, trp_state(ctx), msg));
    if (args)
        trp_args_release(runner->system, runner, args);
    return inside;
}

enum trp_next trp_start_incarnation(struct trp_runner *runner, struct trp_slot *slot)
{
    struct troupe_ctx *ctx = body_of(slot);
    const troupe_behavior *behavior = slot->behavior;
    troupe_status status = TROUPE_OK;
    atomic_store_explicit(&slot->init, TRP_INIT_CALLED, memory_order_relaxed); // our own
    observe(runner->system, TRP_PROBE_START, slot, ctx->generation, incarnation_of(slot));
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

// ---- End

enum trp_next trp_end_incarnation(struct trp_runner *runner, struct trp_slot *slot,
                                  struct trp_reason reason)
{
    if (slot->phase == TRP_STOPPING && reason.kind == TROUPE_KILLED &&
        slot->reason.kind != TROUPE_KILLED) { // a kill while it stops: the rest at once
        trp_reason_release(runner->system, runner, &slot->reason);
        slot->reason = reason;
        if (slot->persist && slot->persist->child_count)
            trp_stop_children(runner, slot);
        return TRP_NEXT_LOOK;
    }
    if (slot->phase == TRP_STOPPING || slot->phase == TRP_AWAITING) {
        trp_reason_release(runner->system, runner, &reason);
        return TRP_NEXT_LOOK;
    }
    if (slot->phase == TRP_TELLING) { // of its start, which is told first: trp_tell_on comes back
        if (slot->reason.kind == 0)
            slot->reason = reason;
        else
            trp_reason_release(runner->system, runner, &reason);
        return TRP_NEXT_LOOK;
    }
    trp_forget_ended_children(runner, slot);
    trp_reason_release(runner->system, runner, &slot->reason);
    slot->reason = reason;
    slot->phase = TRP_STOPPING;
    if (slot->persist && slot->persist->child_count) {
        trp_stop_children(runner, slot);
        return TRP_NEXT_LOOK;
    }
    return trp_children_gone(runner, slot);
}

// Ends all that the incarnation had set up and that others can see, but for its links. Its messages
// stay.
static void drop_handles(struct trp_runner *runner, struct trp_slot *slot, struct troupe_ctx *ctx)
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

static bool has_failed(const struct trp_reason *reason)
{
    return reason->kind == TROUPE_FAILED || reason->kind == TROUPE_START_FAILED ||
           reason->kind == TROUPE_MEMORY_LIMIT;
}

// False: given up meanwhile; the slot's reason is another one by then.
static bool call_stop(struct trp_runner *runner, struct trp_slot *slot, struct troupe_ctx *ctx)
{
    struct trp_reason reason = trp_reason_acquire(slot->reason);
    troupe_reason why = trp_reason_view(&reason);
    void (*stop)(troupe_ctx *, void *, const troupe_reason *) = slot->behavior->stop;
    ctx->runner = runner;
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
    if (TRP_UNLIKELY(has_failed(&slot->reason))) {
        trp_count(system, runner, failures);
        trp_tell_event(system, TROUPE_EVENT_FAILED, slot, trp_slot_generation(slot),
                       incarnation_of(slot), &slot->reason);
    }
}

// Tells what was linked with the incarnation, then asks the owner what shall become of the actor.
static void await_verdict(struct trp_runner *runner, struct trp_slot *slot)
{
    if (!trp_links_end_incarnation(runner->system, runner, slot)) {
        tell_later(slot, TRP_TELL_LINKS);
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
    observe(runner->system, TRP_PROBE_EXIT, slot, generation, slot->reason.kind);
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
    struct troupe_ctx *ctx = body_of(slot);
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

static void tell_end(struct trp_runner *runner, struct trp_slot *slot)
{
    bool first = slot->phase != TRP_TELLING;
    bool all = trp_watched_tell_end(runner->system, runner, slot);
    if (slot->owner == NULL && first != all)
        trp_roots_lingers(runner->system, slot, !all);
    if (!all) {
        tell_later(slot, TRP_TELL_END);
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
        tell_end(runner, slot);
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
    struct troupe_ctx *ctx = body_of(slot);
    const troupe_behavior *behavior = slot->behavior;
    if (ctx != &trp_vacant && behavior->stop && has_started(slot) &&
        slot->reason.kind != TROUPE_KILLED && !call_stop(runner, slot, ctx)) {
        trp_free_abandoned(runner, ctx);
        return TRP_NEXT_LEAVE;
    }
    if (!slot->supervised) {
        end_body(runner, slot, ctx);
        bool tell = end_generation(runner, slot); // its names are free ...
        drop_handles(runner, slot, ctx);          // ... when those hear who wait for an answer
        end_for_good(runner, slot, tell);
        return TRP_NEXT_LOOK;
    }
    drop_handles(runner, slot, ctx);
    end_body(runner, slot, ctx);
    // acq_rel: see monitor.c [watch] 3. Nothing is trapped any more before its links are told.
    atomic_fetch_and_explicit(&slot->orders,
                              ~(uint64_t)(TRP_ALIVE_STARTED | TRP_ALIVE_LISTENS | TRP_ALIVE_TRAPS),
                              memory_order_acq_rel);
    await_verdict(runner, slot);
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
    end_body(runner, slot, body_of(slot));
    bool tell = end_generation(runner, slot);
    if (ask)
        trp_ask_down(runner->system, runner, ask, &slot->reason);
    if (TRP_UNLIKELY(tell))
        while (!trp_watched_tell_end(runner->system, runner, slot))
            continue;
    free_actor(runner, slot);
}

// ---- Restart

static bool renew_body(struct trp_runner *runner, struct trp_slot *slot)
{
    troupe_system *system = runner->system;
    struct troupe_ctx *ctx = body_of(slot);
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
    uint32_t incarnation = incarnation_of(slot) + 1;
    trp_tell_event(system, TROUPE_EVENT_RESTARTED, slot, trp_slot_generation(slot), incarnation,
                   &slot->reason);
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
        tell_later(slot, TRP_TELL_RESTART);
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
        await_verdict(runner, slot);
        break;
    case TRP_TELL_RESTART:
        if (trp_monitors_go_on(system, runner, slot, TROUPE_ON_RESTART))
            begin_next(runner, slot);
        break;
    case TRP_TELL_END:
        tell_end(runner, slot);
        break;
    }
    return TRP_NEXT_LOOK;
}

// ---- Giving up

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
    drop_handles(runner, slot, ctx);
    atomic_store(&slot->body, &trp_vacant);
    ctx->body_size = trp_body_size(slot->behavior);
    part(runner, ctx);
    trp_count(system, runner, abandoned);
    trp_tell_event(system, TROUPE_EVENT_ABANDONED, slot, trp_slot_generation(slot),
                   incarnation_of(slot), &killed);
    slot->phase = TRP_STOPPING;
    if (slot->persist && slot->persist->child_count) {
        trp_stop_children(runner, slot);
        return TRP_NEXT_LOOK;
    }
    return trp_children_gone(runner, slot);
}

void trp_free_abandoned(struct trp_runner *runner, struct troupe_ctx *ctx)
{
    part(runner, ctx);
    runner->outbox.sent = 0;
    trp_bias_reset(&runner->bias);
}
