// Memory for small blocks: size classes, one cache per thread, batches between them.
//
// A block that is freed goes to the cache of the thread that frees it; a cache that overflows hands
// a batch to the slab's depot, one that runs dry takes a batch from there. So blocks that travel
// from a producer to a consumer come back in batches, with one lock per batch. Chunks are returned
// to the allocator when the slab ends. Under AddressSanitizer free blocks are poisoned.
#ifndef TRP_BASE_SLAB_H
#define TRP_BASE_SLAB_H

#include "troupe/allocator.h"

#include <stddef.h>
#include <stdint.h>

#define TRP_SLAB_CLASSES 13             // from 64 to 2048 bytes, see slab.c
#define TRP_SLAB_MAX     ((size_t)2048) // larger blocks go to the allocator one by one

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

struct trp_slab_list {
    void *first;    // owner's thread; blocks linked through their first word
    void *spare;    // owner's thread; one whole batch, or NULL
    uint32_t count; // owner's thread; of first
    uint32_t batch; // constant; how many are a whole batch
};

struct trp_slab_cache { // one per thread that allocates; used by one thread at a time
    struct trp_slab *slab;
    size_t largest; // constant; larger sizes go to the allocator
    int64_t out;    // taken minus given; below zero where blocks arrive
    struct trp_slab_list lists[TRP_SLAB_CLASSES];
};

void trp_slab_cache_init(struct trp_slab_cache *cache, struct trp_slab *slab);

// Hands all cached blocks to the depot.
void trp_slab_cache_fini(struct trp_slab_cache *cache);

// Returns `size` (> 0) bytes aligned to 16, and to 64 if size is a multiple of 64 or above 128;
// contents undefined; NULL without memory.
void *trp_slab_take(struct trp_slab_cache *cache, size_t size);

// Takes back a block that any cache of the same slab gave, with the size it was asked for.
void trp_slab_give(struct trp_slab_cache *cache, void *block, size_t size);

// Bytes held from the allocator now; any thread.
size_t trp_slab_held(struct trp_slab *slab);

#endif
