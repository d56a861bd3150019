// See slab.h.
//
// A cache holds per class two stacks, as Bonwick's magazines: `first`, which is worked on, and
// `spare`, which is one whole batch or empty. Two, because a thread that gives and takes at the
// edge of one batch must not go to the depot each time.
//
//   take:  first -> (empty) spare -> (none) depot -> (none) a run of the current chunk
//   give:  first -> (full) becomes the spare; a spare that is in the way goes to the depot
//
// A batch is a chain of free blocks, linked through their first words; its first block also holds
// the link to the depot's next batch and the number of blocks. So nothing is allocated to free.
//
// Races: the depot of a class and the chunks are guarded by a mutex each; a cache is its thread's.
// Nothing is locked while the other lock is held. Memory that was carved stays in its class until
// the slab ends.
#include "base/slab.h"

#include "base/assert.h"
#include "base/yield.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

// ---- Free blocks

struct free_block {
    struct trp_slab_block link;    // in the same batch
    struct free_block *next_batch; // in a batch's first block only, while in the depot
    uint32_t count;                // likewise
};

static TRP_SLAB_UNCHECKED void set_batch(struct free_block *block, struct free_block *next_batch,
                                         uint32_t count)
{
    block->next_batch = next_batch;
    block->count = count;
}

static TRP_SLAB_UNCHECKED struct free_block *next_batch_of(const struct free_block *block)
{
    return block->next_batch;
}

static TRP_SLAB_UNCHECKED uint32_t count_of(const struct free_block *block)
{
    return block->count;
}

// ---- The slab

// Chunks grow with what is in use, so that a small program stays small and a large one has few.
#define CHUNK_MIN   ((size_t)64 << 10)
#define CHUNK_MAX   ((size_t)32 << 20)
#define CHUNK_ALIGN 4096

struct chunk { // at the start of each chunk
    struct chunk *next;
    size_t size;
};

struct depot {
    _Alignas(TRP_CACHE_LINE) pthread_mutex_t lock;
    struct free_block *batches; // lock; the one that came last is the warmest and goes first
};

struct trp_slab {
    struct depot depots[TRP_SLAB_CLASSES];
    troupe_allocator allocator; // constant

    pthread_mutex_t chunks_lock;
    struct chunk *chunks;   // chunks_lock
    char *unused;           // chunks_lock; what is left of the newest chunk
    size_t unused_size;     // chunks_lock
    size_t next_chunk_size; // chunks_lock

    _Atomic size_t held;        // any thread
    _Atomic int64_t blocks_out; // any thread; what finished caches have taken and not given
    _Atomic uint32_t caches;    // any thread; not finished yet
};

// All counters are relaxed: they carry no other memory with them, and those who need an exact value
// have joined the threads that counted.
#define COUNT_ADD(counter, n) atomic_fetch_add_explicit(counter, n, memory_order_relaxed)
#define COUNT_SUB(counter, n) atomic_fetch_sub_explicit(counter, n, memory_order_relaxed)
#define COUNT_GET(counter)    atomic_load_explicit(counter, memory_order_relaxed)

// Bytes of each class. The steps are small up to two cache lines because there is one body and a
// small state for each actor, which may be a million times.
static const uint16_t class_sizes[TRP_SLAB_CLASSES] = {64,  80,  96,  112,  128,  192, 256,
                                                       384, 512, 768, 1024, 1536, 2048};

const uint8_t trp_slab_small_classes[9] = {0, 0, 0, 0, 0, 1, 2, 3, 4};
const uint8_t trp_slab_large_classes[33] = {4,  4,  4,  5,  6,  7,  7,  8,  8,  9,  9,
                                            9,  9,  10, 10, 10, 10, 11, 11, 11, 11, 11,
                                            11, 11, 11, 12, 12, 12, 12, 12, 12, 12, 12};

static size_t block_size(uint32_t index)
{
    return class_sizes[index];
}

// About 8 KiB, so that a cache holds little and a depot's lock is paid once in 8 to 64 blocks.
static uint32_t batch_count(uint32_t index)
{
    uint32_t count = 8192u / class_sizes[index];
    return count > 64 ? 64 : count < 8 ? 8 : count;
}

static void *allocate(struct trp_slab *slab, size_t size, size_t align)
{
    void *memory = slab->allocator.alloc(slab->allocator.user, size, align);
    if (memory != NULL)
        COUNT_ADD(&slab->held, size);
    return memory;
}

static void deallocate(struct trp_slab *slab, void *memory, size_t size)
{
    COUNT_SUB(&slab->held, size);
    slab->allocator.free(slab->allocator.user, memory, size);
}

struct trp_slab *trp_slab_new(const troupe_allocator *allocator)
{
    struct trp_slab *slab =
        allocator->alloc(allocator->user, sizeof *slab, _Alignof(struct trp_slab));
    if (slab == NULL)
        return NULL;
    *slab = (struct trp_slab){.allocator = *allocator, .next_chunk_size = CHUNK_MIN};
    atomic_init(&slab->held, sizeof *slab);
    for (int index = 0; index < TRP_SLAB_CLASSES; index++)
        pthread_mutex_init(&slab->depots[index].lock, NULL);
    pthread_mutex_init(&slab->chunks_lock, NULL);
    return slab;
}

void trp_slab_free(struct trp_slab *slab)
{
    TRP_ASSERT(COUNT_GET(&slab->caches) == 0);
    TRP_ASSERT(trp_slab_blocks_out(slab) == 0);
    for (struct chunk *chunk = slab->chunks, *next; chunk != NULL; chunk = next) {
        next = chunk->next;
        TRP_SLAB_UNPOISON(chunk, chunk->size);
        deallocate(slab, chunk, chunk->size);
    }
    for (int index = 0; index < TRP_SLAB_CLASSES; index++)
        pthread_mutex_destroy(&slab->depots[index].lock);
    pthread_mutex_destroy(&slab->chunks_lock);
    troupe_allocator allocator = slab->allocator;
    allocator.free(allocator.user, slab, sizeof *slab);
}

int64_t trp_slab_blocks_out(struct trp_slab *slab)
{
    return COUNT_GET(&slab->blocks_out);
}

size_t trp_slab_held(struct trp_slab *slab)
{
    return COUNT_GET(&slab->held);
}

// ---- Batches

// Makes room for at least one block, aligned as its class is. chunks_lock.
static bool ensure_unused(struct trp_slab *slab, size_t block)
{
    size_t skip = -(uintptr_t)slab->unused % (block % TRP_CACHE_LINE ? 16 : TRP_CACHE_LINE);
    if (skip + block <= slab->unused_size) {
        slab->unused += skip;
        slab->unused_size -= skip;
        return true;
    }
    // What is left of the old chunk is less than one block, and lost.
    size_t size = slab->next_chunk_size;
    struct chunk *chunk = allocate(slab, size, size < TRP_HUGE_PAGE ? CHUNK_ALIGN : TRP_HUGE_PAGE);
    if (chunk == NULL)
        return false;
    *chunk = (struct chunk){.next = slab->chunks, .size = size};
    slab->chunks = chunk;
    slab->unused = (char *)chunk + TRP_CACHE_LINE;
    slab->unused_size = size - TRP_CACHE_LINE;
    if (size < CHUNK_MAX)
        slab->next_chunk_size = 2 * size;
    TRP_SLAB_POISON(slab->unused, slab->unused_size);
    return true;
}

// Cuts a batch, or what is left, from the newest chunk. Returns how many blocks; 0: no memory.
static uint32_t carve(struct trp_slab *slab, uint32_t index, struct trp_slab_block **batch)
{
    size_t block = block_size(index);
    uint32_t count = 0;
    char *run = NULL;
    pthread_mutex_lock(&slab->chunks_lock);
    if (ensure_unused(slab, block)) {
        size_t left = slab->unused_size / block;
        count = left < batch_count(index) ? (uint32_t)left : batch_count(index);
        run = slab->unused;
        slab->unused += count * block;
        slab->unused_size -= count * block;
    }
    pthread_mutex_unlock(&slab->chunks_lock);
    *batch = NULL;
    for (uint32_t i = count; i > 0; i--) { // the first block in memory comes first
        struct trp_slab_block *first = (void *)(run + (i - 1) * block);
        trp_slab_set_next(first, *batch);
        *batch = first;
    }
    return count;
}

static void hand_over(struct trp_slab *slab, uint32_t index, struct trp_slab_block *batch,
                      uint32_t count)
{
    struct free_block *first = (struct free_block *)batch; // the smallest class has room for it
    struct depot *depot = &slab->depots[index];
    TRP_YIELD("slab: before handing a batch over");
    pthread_mutex_lock(&depot->lock);
    set_batch(first, depot->batches, count);
    depot->batches = first;
    pthread_mutex_unlock(&depot->lock);
    TRP_YIELD("slab: after handing a batch over");
}

// Returns how many blocks `batch` got; 0: no memory.
static uint32_t fetch(struct trp_slab *slab, uint32_t index, struct trp_slab_block **batch)
{
    struct depot *depot = &slab->depots[index];
    TRP_YIELD("slab: before fetching a batch");
    pthread_mutex_lock(&depot->lock);
    struct free_block *fetched = depot->batches;
    if (fetched != NULL)
        depot->batches = next_batch_of(fetched);
    pthread_mutex_unlock(&depot->lock);
    TRP_YIELD("slab: after fetching a batch");
    if (fetched == NULL)
        return carve(slab, index, batch);
    *batch = &fetched->link;
    return count_of(fetched);
}

// ---- Caches

void trp_slab_cache_init(struct trp_slab_cache *cache, struct trp_slab *slab)
{
    *cache = (struct trp_slab_cache){.slab = slab};
    for (uint32_t index = 0; index < TRP_SLAB_CLASSES; index++)
        cache->lists[index].batch = slab->allocator.uncached ? 0 : batch_count(index);
    COUNT_ADD(&slab->caches, 1);
}

void trp_slab_cache_fini(struct trp_slab_cache *cache)
{
    for (uint32_t index = 0; index < TRP_SLAB_CLASSES; index++) {
        struct trp_slab_list *list = &cache->lists[index];
        if (list->first != NULL)
            hand_over(cache->slab, index, list->first, list->count);
        if (list->spare != NULL)
            hand_over(cache->slab, index, list->spare, list->batch);
        cache->out -= list->count + (list->spare != NULL ? list->batch : 0);
    }
    COUNT_ADD(&cache->slab->blocks_out, cache->out);
    COUNT_SUB(&cache->slab->caches, 1);
    *cache = (struct trp_slab_cache){0};
}

// Puts something into an empty list. False: no memory.
static bool refill(struct trp_slab_cache *cache, uint32_t index)
{
    struct trp_slab_list *list = &cache->lists[index];
    if (list->spare != NULL) {
        list->first = list->spare;
        list->count = list->batch;
        list->spare = NULL;
        return true;
    }
    list->count = fetch(cache->slab, index, &list->first);
    cache->out += list->count;
    return list->count > 0;
}

// Makes room in a full list.
static void drain(struct trp_slab_cache *cache, uint32_t index)
{
    struct trp_slab_list *list = &cache->lists[index];
    struct trp_slab_block *in_the_way = list->spare;
    list->spare = list->first;
    list->first = NULL;
    list->count = 0;
    if (in_the_way == NULL)
        return;
    hand_over(cache->slab, index, in_the_way, list->batch);
    cache->out -= list->batch;
}

static bool is_cached(const struct trp_slab_cache *cache, size_t size)
{
    return size <= TRP_SLAB_MAX && cache->lists[0].batch != 0;
}

void *trp_slab_take_slow(struct trp_slab_cache *cache, size_t size)
{
    if (is_cached(cache, size))
        return refill(cache, trp_slab_class(size)) ? trp_slab_take(cache, size) : NULL;
    void *taken = allocate(cache->slab, size, TRP_CACHE_LINE);
    cache->out += taken != NULL;
    return taken;
}

void trp_slab_give_slow(struct trp_slab_cache *cache, void *block, size_t size)
{
    if (is_cached(cache, size)) {
        drain(cache, trp_slab_class(size));
        trp_slab_give(cache, block, size);
        return;
    }
    cache->out--;
    deallocate(cache->slab, block, size);
}

// ---- The default allocator

// Fresh memory costs 24 ns for each 64 bytes in pages of 4 KiB, 7 to 11 in huge ones (measured on a
// virtual machine): as much as sending a message. So what is aligned to a huge page is to be in
// one.
static void *default_alloc(void *user, size_t size, size_t align)
{
    (void)user;
    void *block;
    if (posix_memalign(&block, align < sizeof(void *) ? sizeof(void *) : align, size) != 0)
        return NULL;
    if (align >= TRP_HUGE_PAGE)
        (void)madvise(block, size, MADV_HUGEPAGE); // a wish: without it all works, slower
    return block;
}

static void default_free(void *user, void *block, size_t size)
{
    (void)user;
    (void)size;
    free(block);
}

const troupe_allocator trp_default_allocator = {.alloc = default_alloc, .free = default_free};
