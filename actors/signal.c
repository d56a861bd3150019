// Exit signals, from links and from troupe_exit.
//
//                        traps: pushed into the mailbox as a message
//   decided under the  /
//   receiver's lock   ---- does not: kept in watched->signals, then TRP_ORDER_EXIT
//                      \                  |
//                        nobody           | obeyed by the receiver's consumer:
//                                         +-- it traps by now: a message
//                                         +-- else the first ends the incarnation
//
// A signal is meant for one incarnation. Whether that traps stands in the slot's orders; it goes
// with the incarnation before what was linked with it is told [between].
//
// A link's signals are part of its record, so that an end needs no memory; that of troupe_exit is
// the caller's. On its way it holds a count of the record, or is its own.
//
// [between] The bit TRP_ALIVE_BETWEEN is set and cleared under the stripe lock, the incarnation is
// counted up in the same step that clears it. So under the lock both say together which
// incarnation a signal or a link is for: without the bit the one that runs, with it the next one.
// It is set when no tie is left of the one that has ended.
#include "actors/signal.h"

#include "actors/link.h"

#include <string.h>

troupe_type troupe_type_troupe_exited = {"troupe_exited",
                                         (uint32_t)sizeof(troupe_exited),
                                         (uint32_t) _Alignof(troupe_exited),
                                         NULL,
                                         0,
                                         0};

void trp_signal_init(struct trp_signal *signal, struct trp_tie *tie)
{
    trp_envelope_embed(&signal->envelope, TRP_KIND_EXIT, signal);
    signal->tie = tie;
}

// ---- On the way

enum trp_signal_way trp_signal_way(uint64_t orders, uint32_t generation, uint32_t kind)
{
    if (!trp_slot_lives(orders, generation))
        return TRP_SIGNAL_NOT;
    if (orders & TRP_ALIVE_TRAPS)
        return TRP_SIGNAL_MESSAGE;
    return kind == TROUPE_NORMAL ? TRP_SIGNAL_NOT : TRP_SIGNAL_ORDER;
}

void trp_signal_keep(struct trp_slot *slot, struct trp_signal *signal)
{
    struct trp_watched *watched = slot->watched;
    signal->next = NULL;
    if (watched->signals)
        watched->signals_last->next = signal;
    else
        watched->signals = signal;
    watched->signals_last = signal;
}

void trp_signal_send(troupe_system *system, struct trp_runner *runner, struct trp_signal *signal,
                     enum trp_signal_way way, struct trp_slot *slot, uint32_t generation)
{
    TRP_YIELD("signal: before it is sent");
    if (way == TRP_SIGNAL_MESSAGE)
        trp_push_from(system, runner, slot, generation, &signal->envelope);
    else if (way == TRP_SIGNAL_ORDER)
        (void)trp_slot_order(system, runner, slot, generation, TRP_ORDER_EXIT);
}

// ---- Obeying

static void drop(troupe_system *system, struct trp_runner *runner, struct trp_signal *signal)
{
    trp_signal_done(system, runner, &signal->envelope);
}

void trp_signals_drop(troupe_system *system, struct trp_runner *runner, struct trp_signal *signals)
{
    while (signals) {
        struct trp_signal *next = signals->next;
        drop(system, runner, signals);
        signals = next;
    }
}

// Tells whether it is still meant for the slot's incarnation. The slot's consumer, under the lock.
static bool is_valid(struct trp_slot *slot, const struct trp_signal *signal)
{
    // relaxed: our own.
    return signal->incarnation == atomic_load_explicit(&slot->incarnation, memory_order_relaxed) &&
           (signal->tie == NULL || signal->tie->state == TRP_TIE_TOLD);
}

// A supervisor heeds its owner and threads outside, as OTP's, which traps exits, heeds its parent:
// it must not end with a child or a stranger that is linked with it.
static bool is_heeded(const troupe_system *system, const struct trp_slot *slot,
                      const struct trp_signal *signal)
{
    if (slot->persist == NULL || slot->persist->supervision == NULL)
        return true;
    troupe_ref from = signal->body.ref;
    return troupe_ref_is_none(from) ||
           (slot->owner &&
            troupe_ref_equal(from, trp_ref(system, slot->owner->index, slot->owner_generation)));
}

// Takes the first one that waits; NULL: there is none. *valid: it has an effect.
static struct trp_signal *take_first(troupe_system *system, struct trp_slot *slot, bool *valid)
{
    struct trp_signal *signal = NULL;
    uint32_t room = 1;
    struct trp_lock *lock = trp_stripe(system, slot->index);
    trp_lock_acquire(lock);
    if (slot->watched)
        signal = trp_signals_cut(slot->watched, &room);
    *valid = signal && is_valid(slot, signal) && is_heeded(system, slot, signal);
    trp_lock_release(lock);
    return signal;
}

struct trp_signal *trp_signals_cut(struct trp_watched *watched, uint32_t *room)
{
    struct trp_signal *first = watched->signals, *last = NULL;
    for (; watched->signals && *room > 0; --*room) {
        last = watched->signals;
        watched->signals = last->next;
    }
    if (last == NULL)
        return NULL;
    last->next = NULL;
    return first;
}

enum trp_next trp_signals_obey(struct trp_runner *runner, struct trp_slot *slot)
{
    troupe_system *system = runner->system;
    struct trp_reason fatal = {.kind = 0};
    struct trp_signal *signal;
    bool valid;
    // What still waits when the incarnation ends goes with it, by and by. relaxed: our own bit.
    bool traps = atomic_load_explicit(&slot->orders, memory_order_relaxed) & TRP_ALIVE_TRAPS;
    while ((slot->phase == TRP_STARTING || slot->phase == TRP_RUNNING) && fatal.kind == 0 &&
           (signal = take_first(system, slot, &valid)) != NULL) {
        if (valid && traps) {
            trp_push_from(system, runner, slot, trp_slot_generation(slot), &signal->envelope);
            continue;
        }
        if (valid)
            fatal = trp_reason_acquire(signal->reason);
        drop(system, runner, signal);
    }
    return fatal.kind ? trp_end_incarnation(runner, slot, fatal) : TRP_NEXT_LOOK;
}

// ---- As a message

bool trp_signal_open(struct troupe_ctx *ctx, struct trp_envelope *envelope)
{
    struct trp_signal *signal = trp_envelope_extra(envelope)->owner;
    struct trp_lock *lock = trp_stripe(ctx->system, ctx->slot->index);
    trp_lock_acquire(lock);
    bool valid = is_valid(ctx->slot, signal);
    trp_lock_release(lock);
    if (!valid)
        return false;
    signal->body.reason = trp_reason_view(&signal->reason);
    const struct trp_type *type = trp_type_intern(&troupe_type_troupe_exited);
    envelope->msg = (troupe_msg){
        .type = type ? type->id : 0, .size = sizeof signal->body, .body = &signal->body};
    return true;
}

void trp_signal_done(troupe_system *system, struct trp_runner *runner,
                     struct trp_envelope *envelope)
{
    struct trp_signal *signal = trp_envelope_extra(envelope)->owner;
    if (signal->tie) {
        trp_tie_done(system, runner, signal->tie);
        return;
    }
    trp_reason_release(system, runner, &signal->reason);
    trp_give(system, runner, signal, sizeof *signal);
}

// ---- Public

troupe_status troupe_trap_exits(troupe_ctx *ctx, bool trap)
{
    if (ctx->slot == NULL)
        return trp_error(TROUPE_ENOTSUP, "troupe_trap_exits: only an actor gets exit signals");
    if (!trp_enter(ctx))
        return TROUPE_ESTALE;
    // relaxed: whoever sends a signal just now may see it or not; in both cases what waits to be
    // obeyed is looked at again by ourselves.
    if (trap)
        atomic_fetch_or_explicit(&ctx->slot->orders, TRP_ALIVE_TRAPS, memory_order_relaxed);
    else
        atomic_fetch_and_explicit(&ctx->slot->orders, ~(uint64_t)TRP_ALIVE_TRAPS,
                                  memory_order_relaxed);
    trp_leave(ctx);
    return TROUPE_OK;
}

static troupe_status check(const troupe_reason *reason)
{
    if (reason == NULL)
        return trp_error(TROUPE_EINVAL, "troupe_exit: reason is NULL");
    if (reason->kind == TROUPE_NORMAL || reason->kind == TROUPE_SHUTDOWN ||
        reason->kind == TROUPE_KILLED || reason->kind == TROUPE_FAILED)
        return TROUPE_OK;
    return trp_error(TROUPE_EINVAL,
                     "troupe_exit: the reason's kind is %d (%s); normal, shutdown, killed and "
                     "failed can be sent",
                     (int)reason->kind, troupe_reason_name(reason->kind));
}

// A signal with a copy of the reason; NULL without memory.
static struct trp_signal *make(troupe_ctx *ctx, const troupe_reason *reason)
{
    struct trp_signal *signal = trp_take(ctx->system, ctx->runner, sizeof *signal);
    if (signal == NULL)
        return NULL;
    memset(signal, 0, sizeof *signal);
    trp_signal_init(signal, NULL);
    signal->body.ref = trp_self(ctx);
    signal->reason.kind = (uint32_t)reason->kind;
    if (reason->kind != TROUPE_FAILED)
        return signal;
    signal->reason.status = reason->status;
    if (reason->text && reason->text[0])
        signal->reason.text = trp_text_new(ctx->system, ctx->runner, "%s", reason->text);
    if (!reason->text || !reason->text[0] || signal->reason.text)
        return signal;
    trp_give(ctx->system, ctx->runner, signal, sizeof *signal);
    return NULL;
}

static void send(troupe_ctx *ctx, struct trp_slot *slot, uint32_t generation,
                 struct trp_signal *signal, struct trp_watched *spare)
{
    enum trp_signal_way way = TRP_SIGNAL_NOT;
    struct trp_lock *lock = trp_stripe(ctx->system, slot->index);
    trp_lock_acquire(lock);
    uint64_t orders = trp_watched_open(slot, generation, &spare);
    if (orders) {
        way = trp_signal_way(orders, generation, signal->reason.kind);
        if (way == TRP_SIGNAL_NOT && slot == ctx->slot)
            way = TRP_SIGNAL_ORDER; // normal, to oneself
        // [between] Then it is meant for the one that has ended, and the next one drops it.
        signal->incarnation = atomic_load_explicit(&slot->incarnation, memory_order_relaxed);
        if (way == TRP_SIGNAL_ORDER)
            trp_signal_keep(slot, signal);
    }
    trp_lock_release(lock);
    trp_watched_free_spare(ctx->system, ctx->runner, spare);
    if (way == TRP_SIGNAL_NOT)
        drop(ctx->system, ctx->runner, signal);
    else if (way == TRP_SIGNAL_MESSAGE && slot == ctx->slot) // init's come before what waits
        trp_push(ctx, slot, generation, &signal->envelope);
    else
        trp_signal_send(ctx->system, ctx->runner, signal, way, slot, generation);
}

static troupe_status exit_actor(troupe_ctx *ctx, troupe_ref ref, const troupe_reason *reason)
{
    struct trp_slot *slot = trp_resolve(ctx->system, ref);
    if (slot == NULL || ref.generation == 0)
        return TROUPE_OK;
    if (reason->kind == TROUPE_KILLED) {
        (void)trp_slot_order(ctx->system, ctx->runner, slot, ref.generation, TRP_ORDER_KILL);
        return TROUPE_OK;
    }
    struct trp_signal *signal = make(ctx, reason);
    struct trp_watched *spare = signal ? trp_watched_new(ctx->system, ctx->runner) : NULL;
    if (spare) {
        send(ctx, slot, ref.generation, signal, spare);
        return TROUPE_OK;
    }
    if (signal)
        drop(ctx->system, ctx->runner, signal);
    return trp_error(TROUPE_ENOMEM, "troupe_exit: no memory");
}

troupe_status troupe_exit(troupe_ctx *ctx, troupe_ref ref, const troupe_reason *reason)
{
    troupe_status status = check(reason);
    if (status != TROUPE_OK)
        return status;
    if (!trp_enter(ctx))
        return TROUPE_ESTALE;
    status = exit_actor(ctx, ref, reason);
    trp_leave(ctx);
    return status;
}
