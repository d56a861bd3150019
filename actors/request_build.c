// Requests to supervisors and the replies to them: messages with what they point to in one block.
#include "actors/requests.h"

#include <string.h>

troupe_type trp_type_request = {.name = "troupe.request",
                                .size = sizeof(struct trp_request_body),
                                .align = _Alignof(struct trp_request_body)};

troupe_status trp_request_envelope(struct troupe_ctx *ctx, troupe_type *type, enum trp_kind kind,
                                   size_t bytes, struct trp_envelope **envelope, void **body,
                                   void **room)
{
    const struct trp_type *interned = trp_type_intern(type);
    if (interned == NULL)
        return trp_error(TROUPE_ENOMEM, "no memory to register the message type");
    struct trp_slab_cache *cache = trp_cache_open(ctx->system, ctx->runner);
    *envelope = trp_envelope_new(cache, interned, kind, true, bytes, room);
    trp_cache_close(ctx->system, ctx->runner);
    if (*envelope == NULL)
        return trp_error(TROUPE_ENOMEM, "no memory for a message of type %s", interned->name);
    *body = (void *)(uintptr_t)(*envelope)->msg.body;
    memset(*body, 0, interned->size);
    return TROUPE_OK;
}

static size_t align_up(size_t size, size_t align)
{
    return (size + align - 1) & ~(align - 1);
}

static size_t text_size(const char *text)
{
    return text ? strlen(text) + 1 : 0;
}

// Behind a copy lie: what the arguments point to, the arguments, the texts.
troupe_status trp_child_measure(const char *function, const troupe_child *child, size_t *bytes)
{
    *bytes = 0;
    if (child->args_type) {
        struct trp_clone_error error;
        const struct trp_type *type = trp_type_intern(child->args_type);
        if (type == NULL)
            return trp_error(TROUPE_ENOMEM, "no memory to register the message type");
        troupe_status status = trp_clone_measure(type, child->args, bytes, &error);
        if (status != TROUPE_OK)
            return trp_error(status, "%s: child \"%s\": args: %s", function,
                             child->id ? child->id : "", error.text);
        *bytes += type->size + type->align; // the room may begin at a lesser alignment
    }
    *bytes += text_size(child->id) + text_size(child->register_as);
    return TROUPE_OK;
}

static const char *copy_text(char **room, const char *text)
{
    if (text == NULL)
        return NULL;
    char *copy = memcpy(*room, text, strlen(text) + 1);
    *room += strlen(text) + 1;
    return copy;
}

void trp_child_copy(const troupe_child *child, troupe_child *copy, void *room)
{
    char *at = room;
    *copy = *child;
    if (child->args_type) {
        struct trp_clone_error error;
        size_t extra = 0;
        const struct trp_type *type = trp_type_intern(child->args_type);
        (void)trp_clone_measure(type, child->args, &extra, &error); // did succeed
        char *args = at + extra;
        args += align_up((uintptr_t)args, type->align) - (uintptr_t)args;
        trp_clone_copy(type, child->args, args, at);
        copy->args = args;
        at = args + type->size;
    }
    copy->id = copy_text(&at, child->id);
    copy->register_as = copy_text(&at, child->register_as);
}
