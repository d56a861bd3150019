// Memory of an incarnation: troupe_alloc and troupe_defer. Both live in the arena, a list of blocks
// and a list of clean-ups, which is freed however the incarnation ends. The consumer's alone.
#include "actors/actor.h"

#include <string.h>

#define FIRST_BLOCK ((size_t)512)

struct arena_block {
    struct arena_block *next;
    size_t size; // of the whole block
};

struct deferred {
    struct deferred *next; // the one registered before
    void (*fn)(void *arg);
    void *arg;
};

struct trp_arena {
    struct arena_block *blocks; // all but the one that this is in
    struct deferred *deferred;  // last registered first
    char *free, *end;           // of the newest block
    size_t used;                // bytes handed out
    size_t size;                // of the first block, this included
};

void *trp_take(troupe_system *system, struct trp_runner *runner, size_t size)
{
    struct trp_slab_cache *cache = trp_cache_open(system, runner);
    void *block = trp_slab_take(cache, size);
    trp_cache_close(system, runner);
    return block;
}

void trp_give(troupe_system *system, struct trp_runner *runner, void *block, size_t size)
{
    struct trp_slab_cache *cache = trp_cache_open(system, runner);
    trp_slab_give(cache, block, size);
    trp_cache_close(system, runner);
}

static struct trp_arena *make_arena(struct troupe_ctx *ctx)
{
    struct trp_arena *arena = trp_take(ctx->system, ctx->runner, FIRST_BLOCK);
    if (arena == NULL)
        return NULL;
    *arena = (struct trp_arena){.size = FIRST_BLOCK};
    arena->free = (char *)arena + ((sizeof *arena + 15) & ~(size_t)15);
    arena->end = (char *)arena + FIRST_BLOCK;
    ctx->arena = arena;
    return arena;
}

static bool grow(struct troupe_ctx *ctx, struct trp_arena *arena, size_t size)
{
    size_t block_size = FIRST_BLOCK * 4;
    if (size > block_size - 64)
        block_size = (size + 64 + 63) & ~(size_t)63;
    struct arena_block *block = trp_take(ctx->system, ctx->runner, block_size);
    if (block == NULL)
        return false;
    *block = (struct arena_block){arena->blocks, block_size};
    arena->blocks = block;
    arena->free = (char *)block + 16;
    arena->end = (char *)block + block_size;
    return true;
}

static size_t memory_limit(const struct troupe_ctx *ctx)
{
    return ctx->slot->persist ? ctx->slot->persist->memory_limit : SIZE_MAX;
}

static void *arena_take(struct troupe_ctx *ctx, size_t size, const char *function,
                        troupe_status *status)
{
    size_t rounded = (size + 15) & ~(size_t)15;
    struct trp_arena *arena = ctx->arena ? ctx->arena : make_arena(ctx);
    *status = TROUPE_ENOMEM;
    if (arena == NULL || rounded < size || rounded > SIZE_MAX / 2) {
        trp_error(TROUPE_ENOMEM, "%s: no memory for %zu bytes", function, size);
        return NULL;
    }
    if (rounded > memory_limit(ctx) || arena->used > memory_limit(ctx) - rounded) {
        ctx->marks |= TRP_MARK_LIMITED;
        *status = trp_error(TROUPE_EMEMLIMIT,
                            "%s: %zu bytes more would exceed the actor's memory_limit of %zu; "
                            "%zu are in use",
                            function, size, memory_limit(ctx), arena->used);
        return NULL;
    }
    if (rounded > (size_t)(arena->end - arena->free) && !grow(ctx, arena, rounded)) {
        trp_error(TROUPE_ENOMEM, "%s: no memory for %zu bytes", function, size);
        return NULL;
    }
    void *place = arena->free;
    arena->free += rounded;
    arena->used += rounded;
    *status = TROUPE_OK;
    return place;
}

void *troupe_alloc(troupe_ctx *ctx, size_t size)
{
    if (!trp_enter(ctx))
        return NULL;
    troupe_status status;
    void *place = NULL;
    if (ctx->slot == NULL)
        trp_error(TROUPE_ENOTSUP, "troupe_alloc: only an actor has an arena");
    else
        place = arena_take(ctx, size ? size : 1, "troupe_alloc", &status);
    trp_leave(ctx);
    return place;
}

static troupe_status defer(struct troupe_ctx *ctx, void (*fn)(void *arg), void *arg)
{
    if (ctx->slot == NULL)
        return trp_error(TROUPE_ENOTSUP, "troupe_defer: only an actor can defer");
    if (fn == NULL)
        return trp_error(TROUPE_EINVAL, "troupe_defer: fn is NULL; give the function to call");
    troupe_status status;
    struct deferred *deferred = arena_take(ctx, sizeof *deferred, "troupe_defer", &status);
    if (deferred == NULL)
        return status;
    *deferred = (struct deferred){ctx->arena->deferred, fn, arg};
    ctx->arena->deferred = deferred;
    return TROUPE_OK;
}

troupe_status troupe_defer(troupe_ctx *ctx, void (*fn)(void *arg), void *arg)
{
    if (!trp_enter(ctx))
        return TROUPE_ESTALE;
    troupe_status status = defer(ctx, fn, arg);
    trp_leave(ctx);
    return status;
}

void trp_arena_free(troupe_system *system, struct trp_runner *runner, struct trp_arena *arena)
{
    if (arena == NULL)
        return;
    for (struct deferred *deferred = arena->deferred; deferred; deferred = deferred->next)
        deferred->fn(deferred->arg);
    for (struct arena_block *block = arena->blocks; block;) {
        struct arena_block *next = block->next;
        trp_give(system, runner, block, block->size);
        block = next;
    }
    trp_give(system, runner, arena, arena->size);
}
