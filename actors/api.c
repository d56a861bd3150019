// The small public functions of an actor: who am I, ending, failing, become.
#include "actors/actor.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

// ---- Who am I

troupe_ref troupe_self(troupe_ctx *ctx)
{
    return trp_self(ctx);
}

troupe_ref troupe_owner(troupe_ctx *ctx)
{
    if (ctx->slot == NULL || !trp_enter(ctx))
        return (troupe_ref){0, 0, 0};
    const struct trp_slot *owner = ctx->slot->owner;
    troupe_ref ref = owner ? trp_ref(ctx->system, owner->index, ctx->slot->owner_generation)
                           : (troupe_ref){0, 0, 0};
    trp_leave(ctx);
    return ref;
}

const char *troupe_name(troupe_ctx *ctx)
{
    if (ctx->slot == NULL || !trp_enter(ctx))
        return "";
    const char *name = trp_actor_name(ctx->slot);
    trp_leave(ctx);
    return name;
}

troupe_system *troupe_system_of(troupe_ctx *ctx)
{
    return ctx->system;
}

uint32_t troupe_incarnation(troupe_ctx *ctx, troupe_ref ref)
{
    struct trp_slot *slot = trp_resolve(ctx->system, ref);
    if (slot == NULL)
        return 0;
    // acquire: the second look at the orders comes after, and sees the end of that actor if what
    // was read is the next one's.
    if (!trp_slot_lives(atomic_load_explicit(&slot->orders, memory_order_acquire), ref.generation))
        return 0;
    uint32_t incarnation = atomic_load_explicit(&slot->incarnation, memory_order_acquire);
    uint64_t after = atomic_load_explicit(&slot->orders, memory_order_relaxed);
    return trp_slot_lives(after, ref.generation) ? incarnation : 0;
}

uint64_t troupe_now_ns(troupe_ctx *ctx)
{
    return trp_now(ctx->system);
}

static uint64_t outside_random(troupe_system *system)
{
    pthread_mutex_lock(&system->outside_lock);
    uint64_t value = trp_random_next(&system->outside_random);
    pthread_mutex_unlock(&system->outside_lock);
    return value;
}

uint64_t troupe_random(troupe_ctx *ctx)
{
    if (ctx->slot == NULL)
        return outside_random(ctx->system);
    if (!trp_enter(ctx))
        return 0;
    uint64_t value = trp_random_next(&ctx->runner->worker->random);
    const struct trp_probe *probe = ctx->system->seams.probe;
    if (TRP_UNLIKELY(probe != NULL)) {
        struct trp_probe_event event = {
            .kind = TRP_PROBE_RANDOM, .ref = trp_self(ctx), .value = value};
        probe->event(probe->user, &event);
    }
    trp_leave(ctx);
    return value;
}

// ---- Ending

static troupe_status order(troupe_ctx *ctx, troupe_ref ref, enum trp_order bits,
                           const char *function)
{
    if (!trp_enter(ctx))
        return TROUPE_ESTALE;
    struct trp_slot *slot = trp_resolve(ctx->system, ref);
    bool there = slot && ref.generation != 0 &&
                 trp_slot_order(ctx->system, ctx->runner, slot, ref.generation, bits);
    trp_leave(ctx);
    return there ? TROUPE_OK : trp_no_such(function, ref);
}

troupe_status troupe_stop(troupe_ctx *ctx, troupe_ref ref)
{
    return order(ctx, ref, TRP_ORDER_STOP, "troupe_stop");
}

troupe_status troupe_kill(troupe_ctx *ctx, troupe_ref ref)
{
    return order(ctx, ref, TRP_ORDER_KILL, "troupe_kill");
}

bool trp_drain(troupe_system *system, struct trp_runner *runner, struct trp_slot *slot,
               uint32_t generation)
{
    static const struct trp_type nothing = {.id = 0, .size = 1, .align = 1, .name = "drain"};
    void *room;
    struct trp_slab_cache *cache = trp_cache_open(system, runner);
    struct trp_envelope *envelope =
        trp_envelope_new(cache, &nothing, TRP_KIND_DRAIN, false, 0, &room);
    trp_cache_close(system, runner);
    if (envelope)
        trp_push_drain(system, runner, slot, generation, envelope);
    return envelope != NULL;
}

static troupe_status drain(troupe_ctx *ctx, troupe_ref ref)
{
    struct trp_slot *slot = trp_resolve(ctx->system, ref);
    if (slot == NULL || ref.generation == 0 || atomic_load(&slot->generation) != ref.generation)
        return trp_no_such("troupe_drain", ref);
    if (!trp_drain(ctx->system, ctx->runner, slot, ref.generation))
        return trp_error(TROUPE_ENOMEM, "troupe_drain: no memory");
    return TROUPE_OK;
}

troupe_status troupe_drain(troupe_ctx *ctx, troupe_ref ref)
{
    if (!trp_enter(ctx))
        return TROUPE_ESTALE;
    troupe_status status = drain(ctx, ref);
    trp_leave(ctx);
    return status;
}

__attribute__((format(printf, 2, 0))) static void keep_fail_text(troupe_ctx *ctx,
                                                                 const char *format, va_list args)
{
    struct trp_extras *extras = trp_extras(ctx);
    if (extras == NULL)
        return; // the status alone has to do
    struct trp_reason old = {.text = extras->fail_text};
    trp_reason_release(ctx->system, ctx->runner, &old);
    extras->fail_text = trp_text_new_va(ctx->system, ctx->runner, format, args);
    ctx->marks |= TRP_MARK_TEXT;
}

troupe_status troupe_fail(troupe_ctx *ctx, troupe_status status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (ctx->slot == NULL) {
        char text[512]; // apart: the error text may be one of the arguments
        (void)vsnprintf(text, sizeof text, format, args);
        trp_error(status, "%s", text);
    } else if (trp_enter(ctx)) {
        keep_fail_text(ctx, format, args);
        trp_leave(ctx);
    }
    va_end(args);
    return status;
}

// ---- Become

static troupe_status become(troupe_ctx *ctx, troupe_receive_fn receive)
{
    struct trp_extras *extras = trp_extras(ctx);
    if (extras == NULL)
        return trp_error(TROUPE_ENOMEM, "troupe_become: no memory");
    if (extras->become_count == extras->become_capacity) {
        uint32_t capacity = extras->become_capacity ? extras->become_capacity * 2 : 8;
        troupe_receive_fn *grown = trp_take(ctx->system, ctx->runner, capacity * sizeof *grown);
        if (grown == NULL)
            return trp_error(TROUPE_ENOMEM, "troupe_become: no memory");
        if (extras->become) {
            memcpy(grown, extras->become, extras->become_count * sizeof *grown);
            trp_give(ctx->system, ctx->runner, extras->become,
                     extras->become_capacity * sizeof *grown);
        }
        extras->become = grown;
        extras->become_capacity = capacity;
    }
    extras->become[extras->become_count++] = ctx->receive;
    ctx->receive = receive;
    return TROUPE_OK;
}

troupe_status troupe_become(troupe_ctx *ctx, troupe_receive_fn receive)
{
    if (ctx->slot == NULL)
        return trp_error(TROUPE_ENOTSUP, "troupe_become: only an actor has a receive function");
    if (receive == NULL)
        return trp_error(TROUPE_EINVAL, "troupe_become: receive is NULL");
    if (!trp_enter(ctx))
        return TROUPE_ESTALE;
    troupe_status status = become(ctx, receive);
    trp_leave(ctx);
    return status;
}

troupe_status troupe_unbecome(troupe_ctx *ctx)
{
    if (!trp_enter(ctx))
        return TROUPE_ESTALE;
    troupe_status status = TROUPE_OK;
    if (ctx->extras && ctx->extras->become_count > 0)
        ctx->receive = ctx->extras->become[--ctx->extras->become_count];
    else
        status = trp_error(TROUPE_ENOENT, "troupe_unbecome: there is nothing to go back to");
    trp_leave(ctx);
    return status;
}
