// Memory for small blocks: size classes, one cache per thread, batches between them.
//
// A block that is freed goes to the cache of the thread that frees it; a cache that overflows hands
// a batch to the slab's depot, one that runs dry takes a batch from there. So blocks that travel
// from a producer to a consumer come back in batches, with one lock per batch. Chunks are returned
// to the allocator when the slab ends. Under AddressSanitizer free blocks are poisoned.
#ifndef TRP_BASE_SLAB_H
#define TRP_BASE_SLAB_H

#include "base/assert.h"
#include "base/cpu.h"
#include "troupe/allocator.h"

#include <stddef.h>
#include <stdint.h>

#define TRP_SLAB_CLASSES 13             // from 64 to 2048 bytes, see slab.c
#define TRP_SLAB_MAX     ((size_t)2048) // larger blocks go to the allocator one by one

// Large areas that are to be used as a whole should be aligned so.
#define TRP_HUGE_PAGE ((size_t)2 << 20)

// malloc and free; what a system uses unless told otherwise.
extern const troupe_allocator trp_default_allocator;

struct trp_slab; // one per system: chunks and depot; any thread

// Returns NULL without memory. `allocator` is copied.
struct trp_slab *trp_slab_new(const troupe_allocator *allocator);

// Gives all chunks back. Every cache must have been finished and every block given back: asserted,
// because a block that is out is a leak in the runtime.
void trp_slab_free(struct trp_slab *slab);

// Returns how many blocks of any size were taken and not given back. Exact once every cache has
// been finished; caches that are still in use are not counted.
int64_t trp_slab_blocks_out(struct trp_slab *slab);

#define TRP_SLAB_BATCH 64u // blocks of the smallest class; fewer of larger ones

struct trp_slab_list {
    uint32_t count; // owner's thread; of blocks
    uint32_t batch; // constant; what is exchanged with the depot at once; 0: nothing is cached
    uint32_t limit; // constant; two batches, so that a thread which gives and takes at the edge of
                    // one need not go to the depot each time
    void *blocks[2 * TRP_SLAB_BATCH]; // owner's thread; the last one was given last
};

struct trp_slab_cache { // one per thread that allocates; used by one thread at a time
    struct trp_slab *slab;
    int64_t out; // blocks that came from the slab minus those that went there
    struct trp_slab_list lists[TRP_SLAB_CLASSES];
};

void trp_slab_cache_init(struct trp_slab_cache *cache, struct trp_slab *slab);

// Hands all cached blocks to the depot.
void trp_slab_cache_fini(struct trp_slab_cache *cache);

// ---- Free blocks and AddressSanitizer

#if defined(__has_feature)
#    if __has_feature(address_sanitizer)
#        define TRP_SLAB_POISONS 1
#    endif
#elif defined(__SANITIZE_ADDRESS__)
#    define TRP_SLAB_POISONS 1
#endif

#ifdef TRP_SLAB_POISONS
#    include <sanitizer/asan_interface.h>
#    define TRP_SLAB_POISON(block, size)   __asan_poison_memory_region(block, size)
#    define TRP_SLAB_UNPOISON(block, size) __asan_unpoison_memory_region(block, size)
#else
#    define TRP_SLAB_POISON(block, size)   ((void)(block), (void)(size))
#    define TRP_SLAB_UNPOISON(block, size) ((void)(block), (void)(size))
#endif

// ---- Taking and giving

// The class of a size, by its number of 16 bytes up to 128 and of 64 bytes above.
extern const uint8_t trp_slab_small_classes[9], trp_slab_large_classes[33];

static inline uint32_t trp_slab_class(size_t size)
{
    return size <= 128 ? trp_slab_small_classes[(size + 15) / 16]
                       : trp_slab_large_classes[(size + 63) / 64];
}

#define TRP_SLAB_AHEAD \
    4u // how many takes before it is used a block is fetched into the CPU's cache

// The rest of the two functions below, when the cache alone does not do. Private.
void *trp_slab_take_slow(struct trp_slab_cache *cache, size_t size);
void trp_slab_give_slow(struct trp_slab_cache *cache, void *block, size_t size);

// The two functions below for a class that is known. Private.
static inline void *trp_slab_take_class(struct trp_slab_cache *cache, uint32_t index, size_t size)
{
    struct trp_slab_list *list = &cache->lists[index];
    if (TRP_UNLIKELY(list->count == 0))
        return trp_slab_take_slow(cache, size);
    void *block = list->blocks[--list->count];
    // A fresh block, or one that another thread has used, is not in this CPU's cache: it has time
    // to come while others are taken.
    if (TRP_LIKELY(list->count >= TRP_SLAB_AHEAD)) {
        const char *later = list->blocks[list->count - TRP_SLAB_AHEAD];
        trp_cpu_prefetch_write(later);
        if (size > TRP_CACHE_LINE)
            trp_cpu_prefetch_write(later + TRP_CACHE_LINE);
    }
    TRP_SLAB_UNPOISON(block, size); // not more, so that the tail of the block guards it
    return block;
}

static inline void trp_slab_give_class(struct trp_slab_cache *cache, uint32_t index, void *block,
                                       size_t size)
{
    struct trp_slab_list *list = &cache->lists[index];
    if (TRP_UNLIKELY(list->count == list->limit)) {
        trp_slab_give_slow(cache, block, size);
        return;
    }
    TRP_SLAB_POISON(block, size);
    list->blocks[list->count++] = block;
}

// Returns `size` (> 0) bytes aligned to 16, and to 64 if size is a multiple of 64 or above 128;
// contents undefined; NULL without memory.
static inline void *trp_slab_take(struct trp_slab_cache *cache, size_t size)
{
    return TRP_UNLIKELY(size > TRP_SLAB_MAX)
               ? trp_slab_take_slow(cache, size)
               : trp_slab_take_class(cache, trp_slab_class(size), size);
}

// Takes back a block that any cache of the same slab gave, with the size it was asked for.
static inline void trp_slab_give(struct trp_slab_cache *cache, void *block, size_t size)
{
    if (TRP_UNLIKELY(size > TRP_SLAB_MAX))
        trp_slab_give_slow(cache, block, size);
    else
        trp_slab_give_class(cache, trp_slab_class(size), block, size);
}

// The same for one cache line, which is what most messages need.
static inline void *trp_slab_take_smallest(struct trp_slab_cache *cache)
{
    return trp_slab_take_class(cache, 0, TRP_CACHE_LINE);
}

static inline void trp_slab_give_smallest(struct trp_slab_cache *cache, void *block)
{
    trp_slab_give_class(cache, 0, block, TRP_CACHE_LINE);
}

// Bytes held from the allocator now; any thread.
size_t trp_slab_held(struct trp_slab *slab);

#endif
