// Messages whose target does not live in this system: it is in another one, to which there may be a
// route (target.h), or there is nobody, and the message is a dead letter at once.
#include "actors/actor.h"
#include "actors/target.h"

troupe_status trp_no_such(const char *what, troupe_ref ref)
{
    char text[TROUPE_REF_TEXT];
    if (troupe_ref_is_none(ref))
        return trp_error(TROUPE_EDEAD, "%s: the target is the zero ref", what);
    return trp_error(TROUPE_EDEAD, "%s: the target %s does not exist (any more)", what,
                     troupe_ref_print(ref, text));
}

troupe_status trp_dead_at_once(troupe_ctx *ctx, const troupe_msg *msg, troupe_ref to)
{
    trp_count(ctx->system, ctx->runner, sent);
    trp_dead_letter(ctx->system, ctx->runner, msg, to, trp_self(ctx), TROUPE_DEAD_NO_TARGET);
    return trp_no_such(troupe_msg_type_name(msg), to);
}

// The dead letter shows the sender's own body: a copy would be for nobody.
static troupe_status send_to_nobody(troupe_ctx *ctx, troupe_ref to, troupe_type *type,
                                    const void *body)
{
    const struct trp_type *interned = trp_type_intern(type);
    if (interned == NULL)
        return trp_error(TROUPE_ENOMEM, "no memory to register the message type");
    troupe_msg msg = {.type = interned->id, .size = interned->size, .body = body};
    return trp_dead_at_once(ctx, &msg, to);
}

bool trp_is_abroad(const troupe_ctx *ctx, troupe_ref to)
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

// To another system: by the route, if there is one.
static troupe_status send_abroad(troupe_ctx *ctx, troupe_ref to, troupe_type *type,
                                 const void *body)
{
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
        trp_free_envelope(ctx->system, ctx->runner, envelope);
    return status;
}

troupe_status trp_send_elsewhere(struct troupe_ctx *ctx, troupe_ref to, troupe_type *type,
                                 const void *body)
{
    if (type == NULL || body == NULL)
        return trp_error(TROUPE_EINVAL, "a message's %s is NULL", type ? "body" : "type");
    return trp_is_abroad(ctx, to) ? send_abroad(ctx, to, type, body)
                                  : send_to_nobody(ctx, to, type, body);
}

// On success the message is gone.
static troupe_status hand_abroad(troupe_ctx *ctx, troupe_ref to, struct trp_envelope *envelope)
{
    const struct trp_type *type = trp_type_by_id(envelope->msg.type);
    if (type->descriptor == NULL)
        return not_for_the_wire(type->name);
    const struct trp_route *route = atomic_load_explicit(&ctx->system->route, memory_order_acquire);
    if (route == NULL)
        return trp_dead_at_once(ctx, &envelope->msg, to);
    return route->send(route->user, ctx, to, envelope);
}

troupe_status trp_hand_elsewhere(struct troupe_ctx *ctx, troupe_ref to,
                                 struct trp_envelope *envelope)
{
    return trp_is_abroad(ctx, to) ? hand_abroad(ctx, to, envelope)
                                  : trp_dead_at_once(ctx, &envelope->msg, to);
}

troupe_status trp_no_target(struct troupe_ctx *ctx, troupe_ref to, troupe_type *type,
                            const void *body, const char *what)
{
    // A route takes the message and nothing else: it must not be sent as a plain one.
    if (trp_is_abroad(ctx, to) &&
        atomic_load_explicit(&ctx->system->route, memory_order_acquire) != NULL)
        return trp_error(TROUPE_ENOTSUP,
                         "%s: the target is in another system; only troupe_send reaches that in "
                         "this version",
                         what);
    troupe_status status = troupe_send_body(ctx, to, type, body);
    return status == TROUPE_EDEAD ? trp_no_such(what, to) : status;
}
