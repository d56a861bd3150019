// Memory for small blocks: size classes, one cache per thread, batches between them.
//
// A block that is freed goes to the cache of the thread that frees it; a cache that overflows hands
// a batch to the slab's depot, one that runs dry takes a batch from there. So blocks that travel
// from a producer to a consumer come back in batches, with one lock per batch. Chunks are returned
// to the allocator when the slab ends. Under AddressSanitizer free blocks are poisoned.
#ifndef TRP_BASE_SLAB_H
#define TRP_BASE_SLAB_H

#include "base/assert.h"
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

struct trp_slab_block { // a free block
    struct trp_slab_block *next;
};

struct trp_slab_list {
    struct trp_slab_block *first; // owner's thread
    struct trp_slab_block *spare; // owner's thread; one whole batch, or NULL
    uint32_t count;               // owner's thread; of first
    uint32_t batch;               // constant; how many are a whole batch; 0: nothing is cached
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
// These functions alone look into free blocks.
#    define TRP_SLAB_UNCHECKED __attribute__((noinline, unused, no_sanitize("address")))
#else
#    define TRP_SLAB_POISON(block, size)   ((void)(block), (void)(size))
#    define TRP_SLAB_UNPOISON(block, size) ((void)(block), (void)(size))
#    define TRP_SLAB_UNCHECKED             inline
#endif

static TRP_SLAB_UNCHECKED struct trp_slab_block *trp_slab_next(const struct trp_slab_block *block)
{
    return block->next;
}

static TRP_SLAB_UNCHECKED void trp_slab_set_next(struct trp_slab_block *block,
                                                 struct trp_slab_block *next)
{
    block->next = next;
}

// ---- Taking and giving

// The class of a size, by its number of 16 bytes up to 128 and of 64 bytes above.
extern const uint8_t trp_slab_small_classes[9], trp_slab_large_classes[33];

static inline uint32_t trp_slab_class(size_t size)
{
    return size <= 128 ? trp_slab_small_classes[(size + 15) / 16]
                       : trp_slab_large_classes[(size + 63) / 64];
}

// The rest of the two functions below, when the cache alone does not do. Private.
void *trp_slab_take_slow(struct trp_slab_cache *cache, size_t size);
void trp_slab_give_slow(struct trp_slab_cache *cache, void *block, size_t size);

// Returns `size` (> 0) bytes aligned to 16, and to 64 if size is a multiple of 64 or above 128;
// contents undefined; NULL without memory.
static inline void *trp_slab_take(struct trp_slab_cache *cache, size_t size)
{
    if (TRP_UNLIKELY(size > TRP_SLAB_MAX))
        return trp_slab_take_slow(cache, size);
    struct trp_slab_list *list = &cache->lists[trp_slab_class(size)];
    struct trp_slab_block *block = list->first;
    if (TRP_UNLIKELY(block == NULL))
        return trp_slab_take_slow(cache, size);
    list->first = trp_slab_next(block);
    // A block that came from another thread is not in this CPU's cache, and the next take needs its
    // first word: 12 ns a block without this, 8 with it (bench/slab.c, burst_ns).
    __builtin_prefetch(list->first, 1);
    list->count--;
    TRP_SLAB_UNPOISON(block, size); // not more, so that the tail of the block guards it
    return block;
}

// Takes back a block that any cache of the same slab gave, with the size it was asked for.
static inline void trp_slab_give(struct trp_slab_cache *cache, void *memory, size_t size)
{
    if (TRP_UNLIKELY(size > TRP_SLAB_MAX)) {
        trp_slab_give_slow(cache, memory, size);
        return;
    }
    struct trp_slab_list *list = &cache->lists[trp_slab_class(size)];
    if (TRP_UNLIKELY(list->count == list->batch)) {
        trp_slab_give_slow(cache, memory, size);
        return;
    }
    struct trp_slab_block *block = memory;
    trp_slab_set_next(block, list->first);
    TRP_SLAB_POISON(block, size);
    list->first = block;
    list->count++;
}

// Bytes held from the allocator now; any thread.
size_t trp_slab_held(struct trp_slab *slab);

#endif
