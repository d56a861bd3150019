// See envelope.h. Nothing here races: an envelope has one owner, a shared body is counted.
#include "mailbox/envelope.h"

#include <protobuf-c/protobuf-c.h>
#include <string.h>

#define UNIT      ((size_t)TRP_ENV_UNIT)
#define UNITS_MAX (UNIT * UINT16_MAX) // what the header can say

static size_t align_up(size_t size, size_t align)
{
    return (size + align - 1) & ~(align - 1);
}

static size_t body_offset(const struct trp_type *type, size_t header)
{
    return align_up(header, type->align < 8 ? 8 : type->align);
}

static size_t envelope_size(struct trp_envelope *envelope)
{
    return envelope->units ? envelope->units * UNIT : trp_envelope_extra(envelope)->block_size;
}

// Sizes that the header's units cannot say need an extra. Bodies that need more alignment than
// blocks have get a block of whole cache lines.
static struct trp_envelope *make(struct trp_slab_cache *cache, enum trp_kind kind, bool with_extra,
                                 size_t size, size_t align)
{
    size = size < TRP_CACHE_LINE ? TRP_CACHE_LINE
                                 : align_up(size, align > UNIT ? TRP_CACHE_LINE : UNIT);
    struct trp_envelope *envelope = trp_slab_take(cache, size);
    if (envelope == NULL)
        return NULL;
    envelope->kind = (uint8_t)kind;
    envelope->flags = with_extra ? TRP_ENV_EXTRA : 0;
    envelope->units = size / UNIT <= UINT16_MAX ? (uint16_t)(size / UNIT) : 0;
    if (with_extra)
        *trp_envelope_extra(envelope) = (struct trp_extra){.block_size = size};
    return envelope;
}

static void show(struct trp_envelope *envelope, const struct trp_type *type, const void *body)
{
    envelope->msg = (troupe_msg){.type = type->id, .size = type->size, .body = body};
}

struct trp_envelope *trp_envelope_new(struct trp_slab_cache *cache, const struct trp_type *type,
                                      enum trp_kind kind, bool with_extra, size_t bytes,
                                      void **room)
{
    size_t header = sizeof(struct trp_envelope);
    if (bytes > UNITS_MAX - 4096 || type->size > UNITS_MAX - bytes - 4096)
        with_extra = true;
    if (with_extra)
        header += sizeof(struct trp_extra);
    size_t offset = body_offset(type, header);
    size_t end = align_up(offset + type->size, bytes ? 16 : 1);
    if (bytes > SIZE_MAX - end - TRP_CACHE_LINE)
        return NULL;
    struct trp_envelope *envelope = make(cache, kind, with_extra, end + bytes, type->align);
    if (envelope == NULL)
        return NULL;
    show(envelope, type, (char *)envelope + offset);
    if (bytes)
        *room = (char *)envelope + end;
    return envelope;
}

struct trp_envelope *trp_envelope_new_flat(struct trp_slab_cache *cache, const troupe_type *type,
                                           const void *body)
{
    const ProtobufCMessage *base = body;
    if ((base->descriptor != NULL && base->descriptor != type->descriptor) ||
        base->n_unknown_fields != 0)
        return NULL;
    size_t size = align_up(sizeof(struct trp_envelope) + type->size, UNIT);
    struct trp_envelope *envelope = trp_slab_take(cache, size);
    if (envelope == NULL)
        return NULL;
    ProtobufCMessage *copy = (ProtobufCMessage *)(envelope + 1);
    envelope->msg = (troupe_msg){.type = type->id, .size = type->size, .body = copy};
    envelope->kind = TRP_KIND_USER;
    envelope->flags = 0;
    envelope->units = (uint16_t)(size / UNIT);
    memcpy(copy, body, type->size);
    *copy = (ProtobufCMessage){.descriptor = type->descriptor};
    return envelope;
}

struct trp_envelope *trp_envelope_new_shared(struct trp_slab_cache *cache,
                                             const struct trp_type *type, struct trp_shared *shared,
                                             const void *body)
{
    size_t size = sizeof(struct trp_envelope) + sizeof(struct trp_extra);
    struct trp_envelope *envelope = make(cache, TRP_KIND_USER, true, size, UNIT);
    if (envelope == NULL)
        return NULL;
    show(envelope, type, body);
    atomic_fetch_add_explicit(&shared->refs, 1, memory_order_relaxed); // the caller holds one
    trp_envelope_extra(envelope)->shared = shared;
    return envelope;
}

void trp_envelope_embed(struct trp_envelope *envelope, enum trp_kind kind, void *owner)
{
    envelope->kind = (uint8_t)kind;
    envelope->flags = TRP_ENV_EXTRA | TRP_ENV_EMBEDDED;
    envelope->units = 0;
    envelope->msg = (troupe_msg){.type = 0, .size = 0, .body = ""};
    *trp_envelope_extra(envelope) = (struct trp_extra){.owner = owner};
}

struct trp_link *trp_ahead_new(struct trp_slab_cache *cache, struct trp_link *first)
{
    struct trp_envelope *envelope =
        make(cache, TRP_KIND_AHEAD, false, sizeof(struct trp_ahead), TRP_CACHE_LINE);
    if (envelope == NULL)
        return first;
    struct trp_ahead *ahead = (struct trp_ahead *)envelope;
    envelope->msg = (troupe_msg){.type = 0, .size = 0, .body = ""};
    envelope->generation = trp_envelope_of_link(first)->generation;
    ahead->count = 0;
    ahead->wide = trp_envelope_of_link(first)->units > TRP_ENV_SMALL;
    // relaxed, all: the chain is still the caller's.
    for (struct trp_link *link = first; link && ahead->count < TRP_AHEAD_MAX;
         link = atomic_load_explicit(&link->next, memory_order_relaxed))
        ahead->links[ahead->count++] = link;
    atomic_store_explicit(&envelope->link.next, first, memory_order_relaxed);
    return &envelope->link;
}

void trp_ahead_fetch(const struct trp_envelope *envelope)
{
    const struct trp_ahead *ahead = (const struct trp_ahead *)envelope;
    for (uint32_t i = 0; i < ahead->count; i++)
        trp_cpu_prefetch(ahead->links[i]);
    for (uint32_t i = 0; ahead->wide && i < ahead->count; i++)
        trp_cpu_prefetch((const char *)ahead->links[i] + TRP_CACHE_LINE);
    // This waits as long as the first message would. What the next chain begins with has then time
    // to come while this one is handled. relaxed: whatever is there, it is a hint.
    const char *next = (const char *)atomic_load_explicit(&ahead->links[ahead->count - 1]->next,
                                                          memory_order_relaxed);
    for (size_t at = 0; at < sizeof *ahead; at += TRP_CACHE_LINE)
        trp_cpu_prefetch((const char *)((uintptr_t)next + at));
}

void *trp_envelope_alloc(struct trp_slab_cache *cache, struct trp_envelope *envelope, size_t size)
{
    struct trp_extra *extra = trp_envelope_extra(envelope);
    if (size > SIZE_MAX - TRP_CACHE_LINE)
        return NULL;
    size_t block_size = align_up(sizeof(struct trp_chain), 16) + align_up(size, 16);
    struct trp_chain *block = trp_slab_take(cache, block_size);
    if (block == NULL)
        return NULL;
    *block = (struct trp_chain){.next = extra->chain, .block_size = block_size};
    extra->chain = block;
    return (char *)block + align_up(sizeof(struct trp_chain), 16);
}

void trp_envelope_free_extra(struct trp_slab_cache *cache, struct trp_envelope *envelope)
{
    struct trp_extra *extra = trp_envelope_extra(envelope);
    for (struct trp_chain *block = extra->chain; block;) {
        struct trp_chain *next = block->next;
        trp_slab_give(cache, block, block->block_size);
        block = next;
    }
    extra->chain = NULL;
    if (extra->shared)
        trp_shared_release(cache, extra->shared);
    if (!(envelope->flags & TRP_ENV_EMBEDDED))
        trp_slab_give(cache, envelope, envelope_size(envelope));
}

struct trp_shared *trp_shared_new(struct trp_slab_cache *cache, const struct trp_type *type,
                                  size_t bytes, void **body, void **room)
{
    size_t offset = body_offset(type, sizeof(struct trp_shared));
    size_t end = align_up(offset + type->size, bytes ? 16 : 1);
    if (bytes > SIZE_MAX - end - TRP_CACHE_LINE)
        return NULL;
    size_t block_size = align_up(end + bytes, TRP_CACHE_LINE);
    struct trp_shared *shared = trp_slab_take(cache, block_size);
    if (shared == NULL)
        return NULL;
    atomic_init(&shared->refs, 1);
    shared->block_size = block_size;
    *body = (char *)shared + offset;
    *room = (char *)shared + end;
    return shared;
}

void trp_shared_release(struct trp_slab_cache *cache, struct trp_shared *shared)
{
    // acq_rel: whoever frees it must see that all others have finished reading.
    if (atomic_fetch_sub_explicit(&shared->refs, 1, memory_order_acq_rel) == 1)
        trp_slab_give(cache, shared, shared->block_size);
}
