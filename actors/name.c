// The public functions of names. Those that only look need no bracket: they hold nothing.
#include "actors/actor.h"
#include "actors/names.h"

#include <string.h>

static troupe_status taken(const char *name, troupe_ref holder)
{
    char text[TROUPE_REF_TEXT];
    return trp_error(TROUPE_EEXIST, "troupe_register: the name \"%s\" is taken by %s", name,
                     troupe_ref_print(holder, text));
}

static troupe_status add(troupe_ctx *ctx, const char *name, troupe_ref ref)
{
    char text[TROUPE_REF_TEXT];
    if (ref.system != ctx->system->id && ref.system != 0)
        return trp_error(TROUPE_ENOTSUP,
                         "troupe_register: %s is in another system; a name is for actors of this "
                         "one",
                         troupe_ref_print(ref, text));
    troupe_ref holder;
    troupe_status status = trp_names_add(ctx->system, ctx->runner, name, ref, &holder);
    if (status == TROUPE_EEXIST)
        return taken(name, holder);
    if (status == TROUPE_EDEAD)
        return trp_error(status,
                         "troupe_register: the actor %s for \"%s\" does not exist (any more)",
                         troupe_ref_print(ref, text), name);
    if (status == TROUPE_ENOMEM)
        return trp_error(status, "troupe_register: no memory for the name \"%s\"", name);
    return status;
}

troupe_status troupe_register(troupe_ctx *ctx, const char *name, troupe_ref ref)
{
    troupe_status status = trp_name_check(name, "troupe_register");
    if (status != TROUPE_OK)
        return status;
    if (!trp_enter(ctx))
        return TROUPE_ESTALE;
    status = add(ctx, name, ref);
    trp_leave(ctx);
    return status;
}

static troupe_status nobody(const char *name, const char *function)
{
    if (name == NULL)
        return trp_error(TROUPE_ENOENT, "%s: nobody has a name that is NULL", function);
    size_t length = strlen(name);
    if (length > TROUPE_NAME_MAX)
        return trp_error(TROUPE_ENOENT,
                         "%s: nobody has the name \"%.20s...\", which has %zu bytes; 1 to %d are "
                         "allowed",
                         function, name, length, TROUPE_NAME_MAX);
    return trp_error(TROUPE_ENOENT, "%s: nobody has the name \"%s\"", function, name);
}

troupe_status troupe_unregister(troupe_ctx *ctx, const char *name)
{
    if (!trp_enter(ctx))
        return TROUPE_ESTALE;
    bool removed = trp_names_remove(ctx->system, ctx->runner, name);
    trp_leave(ctx);
    return removed ? TROUPE_OK : nobody(name, "troupe_unregister");
}

troupe_ref troupe_whereis(troupe_ctx *ctx, const char *name)
{
    return trp_names_find(ctx->system, name);
}

troupe_status troupe_lookup(troupe_ctx *ctx, const char *name, troupe_ref *ref)
{
    if (ref == NULL)
        return trp_error(TROUPE_EINVAL, "troupe_lookup: ref is NULL; say where the ref shall go");
    *ref = trp_names_find(ctx->system, name);
    return troupe_ref_is_none(*ref) ? nobody(name, "troupe_lookup") : TROUPE_OK;
}

troupe_status troupe_send_name_body(troupe_ctx *ctx, const char *name, troupe_type *type,
                                    const void *body)
{
    troupe_ref ref = trp_names_find(ctx->system, name);
    return TRP_UNLIKELY(troupe_ref_is_none(ref)) ? nobody(name, "troupe_send_name")
                                                 : troupe_send_body(ctx, ref, type, body);
}
