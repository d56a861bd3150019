// Building envelopes and getting them into mailboxes; what becomes of those that nobody handles.
//
// An envelope of kind ASK carries an obligation: whoever drops it ends the ask. trp_discard does.
#include "actors/actor.h"
#include "actors/ask.h"
#include "actors/monitor.h"
#include "actors/signal.h"
#include "actors/target.h"
#include "actors/timer.h"

#include <string.h>

// ---- Building

troupe_status trp_build(troupe_system *system, struct trp_runner *runner, troupe_type *type,
                        const void *body, enum trp_kind kind, bool with_extra,
                        struct trp_envelope **envelope)
{
    if (TRP_UNLIKELY(type == NULL || body == NULL))
        return trp_error(TROUPE_EINVAL, "a message's %s is NULL", type ? "body" : "type");
    const struct trp_type *interned = trp_type_intern(type);
    if (TRP_UNLIKELY(interned == NULL))
        return trp_error(TROUPE_ENOMEM, "no memory to register the message type");
    size_t bytes = 0;
    if (interned->descriptor) {
        struct trp_clone_error error;
        troupe_status status = trp_clone_measure(interned, body, &bytes, &error);
        if (status != TROUPE_OK)
            return trp_error(status, "%s", error.text);
    }
    void *room = NULL;
    struct trp_slab_cache *cache = trp_cache_open(system, runner);
    *envelope = trp_envelope_new(cache, interned, kind, with_extra, bytes, &room);
    trp_cache_close(system, runner);
    if (TRP_UNLIKELY(*envelope == NULL))
        return trp_error(TROUPE_ENOMEM, "no memory for a message of type %s", interned->name);
    void *to = (void *)(uintptr_t)(*envelope)->msg.body;
    if (interned->descriptor)
        trp_clone_copy(interned, body, to, room);
    else
        memcpy(to, body, interned->size);
    return TROUPE_OK;
}

// ---- Delivering

static void observe_send(troupe_system *system, const struct trp_slot *slot, uint32_t generation,
                         const struct trp_envelope *envelope)
{
    const struct trp_probe *probe = system->seams.probe;
    struct trp_probe_event event = {
        .kind = TRP_PROBE_SEND,
        .ref = trp_ref(system, slot->index, generation),
        .other = trp_ref(system, envelope->sender_slot, envelope->sender_generation),
        .value = envelope->msg.type ? trp_type_by_id(envelope->msg.type)->name_hash : 0};
    probe->event(probe->user, &event);
}

// Completes the envelope. False: the target is no actor, and has got it.
static inline __attribute__((always_inline)) bool
address(troupe_system *system, struct trp_runner *runner, struct trp_slot *slot,
        uint32_t generation, struct trp_envelope *envelope)
{
    envelope->generation = generation;
    if (TRP_UNLIKELY(system->seams.probe != NULL))
        observe_send(system, slot, generation, envelope);
    // acquire: of trp_target_new, for what comes with it.
    const struct trp_target_ops *ops = atomic_load_explicit(&slot->ops, memory_order_acquire);
    if (TRP_LIKELY(ops == NULL))
        return true;
    ops->deliver(system, runner, slot->target_user, slot, generation, envelope);
    return false;
}

static inline __attribute__((always_inline)) void deliver(troupe_system *system,
                                                          struct trp_runner *runner,
                                                          struct trp_slot *slot,
                                                          struct trp_envelope *envelope)
{
    if (trp_mpsc_push(&slot->inbox, &slot->front, &envelope->link))
        trp_schedule(system->scheduler, runner ? runner->worker : NULL, &slot->task);
}

// Delivers at once, or with others to the same target when the running handler sends many.
static inline __attribute__((always_inline)) void deliver_or_keep(troupe_system *system,
                                                                  struct trp_runner *runner,
                                                                  struct trp_slot *slot,
                                                                  struct trp_envelope *envelope)
{
    if (TRP_LIKELY(runner == NULL || ++runner->outbox.sent <= TRP_OUTBOX_AFTER))
        deliver(system, runner, slot, envelope);
    else
        trp_outbox_add(runner, slot, &envelope->link);
}

static inline void push(troupe_system *system, struct trp_runner *runner, struct trp_slot *slot,
                        uint32_t generation, struct trp_envelope *envelope)
{
    if (address(system, runner, slot, generation, envelope))
        deliver(system, runner, slot, envelope);
}

void trp_push_from(troupe_system *system, struct trp_runner *runner, struct trp_slot *slot,
                   uint32_t generation, struct trp_envelope *envelope)
{
    envelope->sender_slot = 0;
    envelope->sender_generation = 0;
    trp_count(system, runner, sent);
    push(system, runner, slot, generation, envelope);
}

void trp_push_drain(troupe_system *system, struct trp_runner *runner, struct trp_slot *slot,
                    uint32_t generation, struct trp_envelope *envelope)
{
    envelope->sender_slot = 0;
    envelope->sender_generation = 0;
    push(system, runner, slot, generation, envelope);
}

// Names the sender. False: an actor that starts has sent it to itself, and it waits.
static inline bool sign(struct troupe_ctx *ctx, struct trp_slot *slot, uint32_t generation,
                        struct trp_envelope *envelope)
{
    envelope->sender_slot = ctx->slot ? ctx->slot->index : 0;
    envelope->sender_generation = ctx->generation;
    trp_count(ctx->system, ctx->runner, sent);
    if (TRP_LIKELY(slot != ctx->slot) || slot->phase != TRP_STARTING ||
        generation != ctx->generation || !trp_extras(ctx))
        return true;
    envelope->generation = generation; // before what waited for the restart
    trp_list_append(&ctx->extras->to_self, &envelope->link);
    return false;
}

void trp_push(struct troupe_ctx *ctx, struct trp_slot *slot, uint32_t generation,
              struct trp_envelope *envelope)
{
    if (sign(ctx, slot, generation, envelope))
        push(ctx->system, ctx->runner, slot, generation, envelope);
}

void trp_list_append(struct trp_list *list, struct trp_link *link)
{
    atomic_store_explicit(&link->next, NULL, memory_order_relaxed);
    if (list->last)
        atomic_store_explicit(&list->last->next, link, memory_order_relaxed);
    else
        list->first = link;
    list->last = link;
}

void trp_list_prepend_to(struct trp_slot *slot, struct trp_list *list)
{
    if (list->first == NULL)
        return;
    atomic_store_explicit(&list->last->next, slot->front.first, memory_order_relaxed);
    slot->front.first = list->first;
    *list = (struct trp_list){NULL, NULL};
}

// ---- What nobody handles

void trp_dead_letter(troupe_system *system, struct trp_runner *runner, const troupe_msg *msg,
                     troupe_ref target, troupe_ref sender, troupe_dead_reason reason)
{
    trp_count(system, runner, dead);
    // A hook that sends to the dead would call itself without end: what it causes is only counted.
    static _Thread_local bool in_hook;
    if (system->on_dead_letter == NULL || atomic_load(&system->silent) || in_hook)
        return;
    troupe_dead_letter letter = {.msg = msg, .target = target, .sender = sender, .reason = reason};
    in_hook = true;
    system->on_dead_letter(system->hook_user, &letter);
    in_hook = false;
}

static void free_envelope(troupe_system *system, struct trp_runner *runner,
                          struct trp_envelope *envelope)
{
    struct trp_slab_cache *cache = trp_cache_open(system, runner);
    trp_envelope_free(cache, envelope);
    trp_cache_close(system, runner);
}

void trp_discard(troupe_system *system, struct trp_runner *runner, struct trp_envelope *envelope,
                 troupe_ref target, troupe_dead_reason reason, const struct trp_reason *why)
{
    troupe_ref sender = trp_ref(system, envelope->sender_slot, envelope->sender_generation);
    struct trp_extra *extra = trp_envelope_extra(envelope);
    switch ((enum trp_kind)envelope->kind) {
    case TRP_KIND_ASK:
    case TRP_KIND_USER:
        trp_dead_letter(system, runner, &envelope->msg, target, sender, reason);
        if (trp_envelope_has_extra(envelope) && extra->owner)
            trp_ask_down(system, runner, extra->owner, why);
        break;
    case TRP_KIND_TIMER:
        if (trp_timer_is_due(extra->owner))
            trp_dead_letter(system, runner, &envelope->msg, target, sender, reason);
        else
            trp_count(system, runner, dropped);
        trp_timer_done(system, runner, envelope);
        return;
    case TRP_KIND_OUTCOME:
        trp_count(system, runner, dropped);
        trp_outcome_done(system, runner, envelope);
        return;
    case TRP_KIND_DOWN:
        trp_count(system, runner, dropped);
        trp_monitor_done(system, runner, envelope);
        return;
    case TRP_KIND_EXIT:
        trp_count(system, runner, dropped);
        trp_signal_done(system, runner, envelope);
        return;
    case TRP_KIND_DRAIN:
    case TRP_KIND_AHEAD:
        break;
    case TRP_KIND_NUDGE:
    default:
        trp_panic(__FILE__, __LINE__, "an envelope of kind %d is discarded", envelope->kind);
    }
    free_envelope(system, runner, envelope);
}

void trp_finish(troupe_system *system, struct trp_runner *runner, struct trp_envelope *envelope)
{
    switch ((enum trp_kind)envelope->kind) {
    case TRP_KIND_TIMER:
        trp_timer_done(system, runner, envelope);
        break;
    case TRP_KIND_OUTCOME:
        trp_outcome_done(system, runner, envelope);
        break;
    case TRP_KIND_DOWN:
        trp_monitor_done(system, runner, envelope);
        break;
    case TRP_KIND_EXIT:
        trp_signal_done(system, runner, envelope);
        break;
    case TRP_KIND_USER:
    case TRP_KIND_ASK:
    case TRP_KIND_DRAIN:
    case TRP_KIND_AHEAD:
    case TRP_KIND_NUDGE:
    default:
        free_envelope(system, runner, envelope);
    }
}

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

static troupe_status stale(const char *function)
{
    return trp_error(TROUPE_ESTALE, "%s: this incarnation was given up after a kill; return",
                     function);
}

// ---- Sending

static troupe_status dead_at_once(troupe_ctx *ctx, const troupe_msg *msg, troupe_ref to)
{
    trp_count(ctx->system, ctx->runner, sent);
    trp_dead_letter(ctx->system, ctx->runner, msg, to, trp_self(ctx), TROUPE_DEAD_NO_TARGET);
    char text[TROUPE_REF_TEXT];
    return trp_error(TROUPE_EDEAD, "%s: the target %s does not exist (any more)",
                     troupe_msg_type_name(msg), troupe_ref_print(to, text));
}

// The dead letter shows the sender's own body: a copy would be for nobody.
static troupe_status send_to_nobody(troupe_ctx *ctx, troupe_ref to, troupe_type *type,
                                    const void *body)
{
    if (type == NULL || body == NULL)
        return trp_error(TROUPE_EINVAL, "a message's %s is NULL", type ? "body" : "type");
    const struct trp_type *interned = trp_type_intern(type);
    if (interned == NULL)
        return trp_error(TROUPE_ENOMEM, "no memory to register the message type");
    troupe_msg msg = {.type = interned->id, .size = interned->size, .body = body};
    return dead_at_once(ctx, &msg, to);
}

static bool is_abroad(const troupe_ctx *ctx, troupe_ref to)
{
    return to.system != ctx->system->id && to.system != 0;
}

static troupe_status not_for_the_wire(const char *name)
{
    return trp_error(TROUPE_ENOTWIRE,
                     "%s is a plain struct, which cannot leave this system; declare it with "
                     "TROUPE_PROTO",
                     name);
}

// Hands a message to another system; on success it is gone.
static troupe_status hand_abroad(troupe_ctx *ctx, troupe_ref to, struct trp_envelope *envelope)
{
    const struct trp_type *type = trp_type_by_id(envelope->msg.type);
    if (type->descriptor == NULL)
        return not_for_the_wire(type->name);
    const struct trp_route *route = atomic_load_explicit(&ctx->system->route, memory_order_acquire);
    if (route == NULL)
        return dead_at_once(ctx, &envelope->msg, to);
    return route->send(route->user, ctx, to, envelope);
}

// To another system: by the route, if there is one.
static troupe_status send_abroad(troupe_ctx *ctx, troupe_ref to, troupe_type *type,
                                 const void *body)
{
    if (type == NULL || body == NULL)
        return trp_error(TROUPE_EINVAL, "a message's %s is NULL", type ? "body" : "type");
    if (type->descriptor == NULL)
        return not_for_the_wire(type->name);
    const struct trp_route *route = atomic_load_explicit(&ctx->system->route, memory_order_acquire);
    if (route == NULL)
        return send_to_nobody(ctx, to, type, body);
    struct trp_envelope *envelope;
    troupe_status status =
        trp_build(ctx->system, ctx->runner, type, body, TRP_KIND_USER, false, &envelope);
    if (status != TROUPE_OK)
        return status;
    status = route->send(route->user, ctx, to, envelope);
    if (status != TROUPE_OK)
        free_envelope(ctx->system, ctx->runner, envelope);
    return status;
}

static inline bool is_live(const struct trp_slot *slot, troupe_ref to)
{
    return slot && atomic_load_explicit(&slot->generation, memory_order_relaxed) == to.generation &&
           to.generation != 0;
}

// Whatever the fast way below does not do. Inside the guard.
static __attribute__((noinline)) troupe_status send(troupe_ctx *ctx, troupe_ref to,
                                                    troupe_type *type, const void *body)
{
    struct trp_slot *slot = trp_resolve(ctx->system, to);
    if (!is_live(slot, to))
        return is_abroad(ctx, to) ? send_abroad(ctx, to, type, body)
                                  : send_to_nobody(ctx, to, type, body);
    struct trp_runner *runner = ctx->runner;
    struct trp_envelope *envelope;
    troupe_status status =
        trp_build(ctx->system, runner, type, body, TRP_KIND_USER, false, &envelope);
    if (status != TROUPE_OK || !sign(ctx, slot, to.generation, envelope) ||
        !address(ctx->system, runner, slot, to.generation, envelope))
        return status;
    deliver_or_keep(ctx->system, runner, slot, envelope);
    return TROUPE_OK;
}

static inline struct trp_envelope *build_fast(struct trp_slab_cache *cache, const troupe_type *type,
                                              const void *body)
{
    uint32_t form = trp_type_form(type);
    if (TRP_LIKELY(form == TRP_TYPE_SMALL))
        return trp_envelope_new_small(cache, type, body);
    return form == TRP_TYPE_FLAT ? trp_envelope_new_flat(cache, type, body) : NULL;
}

// The fast way: from an actor to one that lives here, a message of a type that was used before and
// needs nothing but to be copied. False: it is not that, and nothing was done.
static inline bool send_fast(troupe_ctx *ctx, struct trp_runner *runner, troupe_ref to,
                             const troupe_type *type, const void *body)
{
    troupe_system *system = runner->system;
    struct trp_slot *slot = trp_resolve(system, to);
    if (TRP_UNLIKELY(!is_live(slot, to)) || TRP_UNLIKELY(type == NULL || body == NULL) ||
        TRP_UNLIKELY(slot == ctx->slot && slot->phase == TRP_STARTING))
        return false;
    // acquire: of trp_target_new, for what comes with it.
    if (TRP_UNLIKELY(system->seams.probe != NULL ||
                     atomic_load_explicit(&slot->ops, memory_order_acquire) != NULL))
        return false;
    struct trp_envelope *envelope = build_fast(&runner->worker->cache, type, body);
    if (TRP_UNLIKELY(envelope == NULL))
        return false;
    envelope->generation = to.generation;
    envelope->sender_slot = ctx->slot->index;
    envelope->sender_generation = ctx->generation;
    trp_count(system, runner, sent);
    deliver_or_keep(system, runner, slot, envelope);
    return true;
}

troupe_status troupe_send_body(troupe_ctx *ctx, troupe_ref to, troupe_type *type, const void *body)
{
    struct trp_runner *runner = ctx->runner;
    if (TRP_UNLIKELY(runner == NULL)) // outside
        return send(ctx, to, type, body);
    if (TRP_UNLIKELY(!trp_bias_enter(&runner->bias)))
        return stale("troupe_send");
    troupe_status status = TROUPE_OK;
    if (TRP_UNLIKELY(!send_fast(ctx, runner, to, type, body)))
        status = send(ctx, to, type, body);
    trp_bias_leave(&runner->bias);
    return status;
}

troupe_status trp_no_target(struct troupe_ctx *ctx, troupe_ref to, troupe_type *type,
                            const void *body, const char *what)
{
    // A route takes the message and nothing else: it must not be sent as a plain one.
    if (is_abroad(ctx, to) &&
        atomic_load_explicit(&ctx->system->route, memory_order_acquire) != NULL)
        return trp_error(TROUPE_ENOTSUP,
                         "%s: the target is in another system; only troupe_send reaches that in "
                         "this version",
                         what);
    return troupe_send_body(ctx, to, type, body);
}

// One shared copy of the body, one small envelope for each receiver.
static troupe_status send_many(troupe_ctx *ctx, const troupe_ref *refs, size_t count,
                               size_t *failed, troupe_type *type, const void *body)
{
    if (type == NULL || body == NULL)
        return trp_error(TROUPE_EINVAL, "troupe_send_many: the %s is NULL", type ? "body" : "type");
    const struct trp_type *interned = trp_type_intern(type);
    struct trp_clone_error error;
    size_t bytes = 0;
    if (interned == NULL)
        return trp_error(TROUPE_ENOMEM, "no memory to register the message type");
    troupe_status status = trp_clone_measure(interned, body, &bytes, &error);
    if (status != TROUPE_OK)
        return trp_error(status, "%s", error.text);
    void *copy, *room;
    struct trp_slab_cache *cache = trp_cache_open(ctx->system, ctx->runner);
    struct trp_shared *shared = trp_shared_new(cache, interned, bytes, &copy, &room);
    trp_cache_close(ctx->system, ctx->runner);
    if (shared == NULL)
        return trp_error(TROUPE_ENOMEM, "no memory for a message of type %s", interned->name);
    trp_clone_copy(interned, body, copy, room);
    for (size_t i = 0; i < count; i++) {
        struct trp_slot *slot = trp_resolve(ctx->system, refs[i]);
        if (!is_live(slot, refs[i])) {
            troupe_status missed = is_abroad(ctx, refs[i])
                                       ? send_abroad(ctx, refs[i], type, copy)
                                       : send_to_nobody(ctx, refs[i], type, copy);
            *failed += missed != TROUPE_OK;
            continue;
        }
        cache = trp_cache_open(ctx->system, ctx->runner);
        struct trp_envelope *envelope = trp_envelope_new_shared(cache, interned, shared, copy);
        trp_cache_close(ctx->system, ctx->runner);
        if (envelope == NULL) {
            status = trp_error(TROUPE_ENOMEM, "no memory for a message of type %s", interned->name);
            *failed += count - i;
            break;
        }
        trp_push(ctx, slot, refs[i].generation, envelope);
    }
    cache = trp_cache_open(ctx->system, ctx->runner);
    trp_shared_release(cache, shared);
    trp_cache_close(ctx->system, ctx->runner);
    return status;
}

troupe_status troupe_send_many_body(troupe_ctx *ctx, const troupe_ref *refs, size_t count,
                                    size_t *failed, troupe_type *type, const void *body)
{
    size_t ignored;
    failed = failed ? failed : &ignored;
    *failed = 0;
    if (!trp_enter(ctx))
        return stale("troupe_send_many");
    troupe_status status =
        refs == NULL && count > 0
            ? trp_error(TROUPE_EINVAL, "troupe_send_many: refs is NULL and count is %zu", count)
            : send_many(ctx, refs, count, failed, type, body);
    trp_leave(ctx);
    return status;
}

// ---- Messages built in place

void *troupe_msg_new_body(troupe_ctx *ctx, troupe_type *type, troupe_msg **msg)
{
    *msg = NULL;
    if (!trp_enter(ctx)) {
        stale("troupe_msg_new");
        return NULL;
    }
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
    if (!trp_enter(ctx)) {
        stale("troupe_msg_alloc");
        return NULL;
    }
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
    if (is_abroad(ctx, to))
        return hand_abroad(ctx, to, envelope);
    struct trp_slot *slot = trp_resolve(ctx->system, to);
    if (!is_live(slot, to))
        return dead_at_once(ctx, msg, to);
    trp_push(ctx, slot, to.generation, envelope);
    return TROUPE_OK;
}

troupe_status troupe_move(troupe_ctx *ctx, troupe_ref to, troupe_msg *msg)
{
    if (!trp_enter(ctx))
        return stale("troupe_move");
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
        free_envelope(ctx->system, ctx->runner, trp_envelope_of_msg(msg));
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
        return stale("troupe_msg_take");
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
    if (is_abroad(ctx, to))
        return trp_error(TROUPE_ENOTSUP,
                         "troupe_forward: the target is in another system; send a copy");
    struct trp_slot *slot = trp_resolve(ctx->system, to);
    if (!is_live(slot, to))
        return dead_at_once(ctx, msg, to);
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
        return stale("troupe_forward");
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
    return TROUPE_OK;
}

troupe_status troupe_stash(troupe_ctx *ctx, const troupe_msg *msg)
{
    if (!trp_enter(ctx))
        return stale("troupe_stash");
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
