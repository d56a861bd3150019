// Building envelopes and getting them into mailboxes. What becomes of those that nobody handles:
// discard.c; of those for whom nobody is here: elsewhere.c.
#include "actors/actor.h"
#include "actors/target.h"

#include <string.h>

// ---- Building

static troupe_status no_memory_for(const struct trp_type *type)
{
    return trp_error(TROUPE_ENOMEM, "no memory for a message of type %s", type->name);
}

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
        return no_memory_for(interned);
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

// ---- Sending

// Whatever the fast way below does not do. Inside the guard.
static __attribute__((noinline)) troupe_status send(troupe_ctx *ctx, troupe_ref to,
                                                    troupe_type *type, const void *body)
{
    struct trp_slot *slot = trp_resolve(ctx->system, to);
    if (!trp_slot_is_live(slot, to))
        return trp_send_elsewhere(ctx, to, type, body);
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
    if (TRP_UNLIKELY(!trp_slot_is_live(slot, to)) || TRP_UNLIKELY(type == NULL || body == NULL) ||
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
    if (TRP_UNLIKELY(!trp_bias_enter(&runner->bias))) {
        trp_say_stale();
        return TROUPE_ESTALE;
    }
    troupe_status status = TROUPE_OK;
    if (TRP_UNLIKELY(!send_fast(ctx, runner, to, type, body)))
        status = send(ctx, to, type, body);
    trp_bias_leave(&runner->bias);
    return status;
}

// ---- Sending to many: one shared copy of the body, one small envelope for each receiver

struct copied {
    const struct trp_type *type;
    struct trp_shared *shared; // counted: each envelope's, and the sender's
    void *body;
};

static troupe_status copy_once(troupe_ctx *ctx, troupe_type *type, const void *body,
                               struct copied *copied)
{
    struct trp_clone_error error;
    size_t bytes = 0;
    void *room;
    copied->type = trp_type_intern(type);
    if (copied->type == NULL)
        return trp_error(TROUPE_ENOMEM, "no memory to register the message type");
    troupe_status status = trp_clone_measure(copied->type, body, &bytes, &error);
    if (status != TROUPE_OK)
        return trp_error(status, "%s", error.text);
    struct trp_slab_cache *cache = trp_cache_open(ctx->system, ctx->runner);
    copied->shared = trp_shared_new(cache, copied->type, bytes, &copied->body, &room);
    trp_cache_close(ctx->system, ctx->runner);
    if (copied->shared == NULL)
        return no_memory_for(copied->type);
    trp_clone_copy(copied->type, body, copied->body, room);
    return TROUPE_OK;
}

static struct trp_envelope *show(troupe_ctx *ctx, const struct copied *copied)
{
    struct trp_slab_cache *cache = trp_cache_open(ctx->system, ctx->runner);
    struct trp_envelope *envelope =
        trp_envelope_new_shared(cache, copied->type, copied->shared, copied->body);
    trp_cache_close(ctx->system, ctx->runner);
    return envelope;
}

// Counts those whom it does not reach.
static troupe_status send_each(troupe_ctx *ctx, const troupe_ref *refs, size_t count,
                               size_t *failed, troupe_type *type, const struct copied *copied)
{
    for (size_t i = 0; i < count; i++) {
        struct trp_slot *slot = trp_resolve(ctx->system, refs[i]);
        if (!trp_slot_is_live(slot, refs[i])) {
            *failed += trp_send_elsewhere(ctx, refs[i], type, copied->body) != TROUPE_OK;
            continue;
        }
        struct trp_envelope *envelope = show(ctx, copied);
        if (envelope == NULL) {
            *failed += count - i;
            return no_memory_for(copied->type);
        }
        trp_push(ctx, slot, refs[i].generation, envelope);
    }
    return TROUPE_OK;
}

static troupe_status send_many(troupe_ctx *ctx, const troupe_ref *refs, size_t count,
                               size_t *failed, troupe_type *type, const void *body)
{
    if (type == NULL || body == NULL)
        return trp_error(TROUPE_EINVAL, "troupe_send_many: the %s is NULL", type ? "body" : "type");
    struct copied copied;
    troupe_status status = copy_once(ctx, type, body, &copied);
    if (status != TROUPE_OK)
        return status;
    status = send_each(ctx, refs, count, failed, type, &copied);
    struct trp_slab_cache *cache = trp_cache_open(ctx->system, ctx->runner);
    trp_shared_release(cache, copied.shared);
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
        return TROUPE_ESTALE;
    troupe_status status =
        refs == NULL && count > 0
            ? trp_error(TROUPE_EINVAL, "troupe_send_many: refs is NULL and count is %zu", count)
            : send_many(ctx, refs, count, failed, type, body);
    trp_leave(ctx);
    return status;
}
