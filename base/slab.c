// See slab.h.
//
// A cache holds per class a stack of pointers to free blocks, of up to two batches; Bonwick's
// magazines. Taking and giving do not touch the block: its contents may still lie in another CPU's
// cache, where reading a link out of it would have to fetch it from.
//
//   take:  stack -> (empty) a batch of the depot -> (none) a run of the current chunk
//   give:  stack -> (full) its older half goes to the depot
//
// A batch in the depot keeps its pointers in the first words of some of its own blocks, an eighth
// of them: so nothing is allocated to free.
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
#include <string.h>
#include <sys/mman.h>

// ---- Batches in the depot
//
// Blocks keep their order: a CPU fetches what comes next by itself when one thread uses them in the
// order in which another did (a message passed to another CPU and back: 51 ns in any order, 28 in
// this one; bench/local count).

#define HEAD_BLOCKS 5
#define PAGE_BLOCKS 7

struct page { // in a free block; the pointers are of those that follow it in the batch
    struct page *next;
    void *blocks[PAGE_BLOCKS];
};

struct batch { // in the first one
    struct page *pages;
    struct batch *next; // in the depot
    size_t count;       // of all blocks
    void *blocks[HEAD_BLOCKS];
};

_Static_assert(sizeof(struct batch) <= 64 && sizeof(struct page) <= 64, "they fit any block");

// The functions that look into free blocks.
#ifdef TRP_SLAB_POISONS
#    define UNCHECKED __attribute__((noinline, no_sanitize("address")))
#else
#    define UNCHECKED
#endif

static UNCHECKED struct batch *pack(void **blocks, uint32_t count)
{
    struct batch *batch = blocks[0];
    struct page **link = &batch->pages;
    uint32_t packed = 1;
    batch->count = count;
    for (uint32_t i = 0; i < HEAD_BLOCKS && packed < count; i++)
        batch->blocks[i] = blocks[packed++];
    while (packed < count) {
        struct page *page = blocks[packed++];
        *link = page;
        link = &page->next;
        for (uint32_t i = 0; i < PAGE_BLOCKS && packed < count; i++)
            page->blocks[i] = blocks[packed++];
    }
    *link = NULL;
    return batch;
}

// Returns how many.
static UNCHECKED uint32_t unpack(struct batch *batch, void **blocks)
{
    uint32_t count = (uint32_t)batch->count, unpacked = 1;
    blocks[0] = batch;
    for (uint32_t i = 0; i < HEAD_BLOCKS && unpacked < count; i++)
        blocks[unpacked++] = batch->blocks[i];
    for (struct page *page = batch->pages; page; page = page->next) {
        blocks[unpacked++] = page;
        for (uint32_t i = 0; i < PAGE_BLOCKS && unpacked < count; i++)
            blocks[unpacked++] = page->blocks[i];
    }
    return count;
}

static UNCHECKED struct batch *next_batch(const struct batch *batch)
{
    return batch->next;
}

static UNCHECKED void set_next_batch(struct batch *batch, struct batch *next)
{
    batch->next = next;
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
    struct batch *batches; // lock; the one that came last is the warmest and goes first
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
    return count > TRP_SLAB_BATCH ? TRP_SLAB_BATCH : count < 8 ? 8 : count;
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

// ---- Chunks

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
static uint32_t carve(struct trp_slab *slab, uint32_t index, void **blocks)
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
    for (uint32_t i = 0; i < count; i++) // the first block in memory is taken first
        blocks[i] = run + (count - 1 - i) * block;
    return count;
}

// ---- Caches

static void hand_over(struct trp_slab *slab, uint32_t index, void **blocks, uint32_t count)
{
    struct batch *batch = pack(blocks, count);
    struct depot *depot = &slab->depots[index];
    TRP_YIELD("slab: before handing a batch over");
    pthread_mutex_lock(&depot->lock);
    set_next_batch(batch, depot->batches);
    depot->batches = batch;
    pthread_mutex_unlock(&depot->lock);
    TRP_YIELD("slab: after handing a batch over");
}

// Returns how many blocks there are now; 0: no memory.
static uint32_t fetch(struct trp_slab *slab, uint32_t index, void **blocks)
{
    struct depot *depot = &slab->depots[index];
    TRP_YIELD("slab: before fetching a batch");
    pthread_mutex_lock(&depot->lock);
    struct batch *batch = depot->batches;
    if (batch != NULL)
        depot->batches = next_batch(batch);
    pthread_mutex_unlock(&depot->lock);
    TRP_YIELD("slab: after fetching a batch");
    return batch != NULL ? unpack(batch, blocks) : carve(slab, index, blocks);
}

void trp_slab_cache_init(struct trp_slab_cache *cache, struct trp_slab *slab)
{
    *cache = (struct trp_slab_cache){.slab = slab};
    for (uint32_t index = 0; index < TRP_SLAB_CLASSES && !slab->allocator.uncached; index++) {
        cache->lists[index].batch = batch_count(index);
        cache->lists[index].limit = 2 * batch_count(index);
    }
    COUNT_ADD(&slab->caches, 1);
}

void trp_slab_cache_fini(struct trp_slab_cache *cache)
{
    for (uint32_t index = 0; index < TRP_SLAB_CLASSES; index++) {
        struct trp_slab_list *list = &cache->lists[index];
        cache->out -= list->count;
        while (list->count > 0) {
            uint32_t count = list->count < list->batch ? list->count : list->batch;
            list->count -= count;
            hand_over(cache->slab, index, &list->blocks[list->count], count);
        }
    }
    COUNT_ADD(&cache->slab->blocks_out, cache->out);
    COUNT_SUB(&cache->slab->caches, 1);
    *cache = (struct trp_slab_cache){0};
}

// Puts something into an empty list. False: no memory.
static bool refill(struct trp_slab_cache *cache, uint32_t index)
{
    struct trp_slab_list *list = &cache->lists[index];
    list->count = fetch(cache->slab, index, list->blocks);
    cache->out += list->count;
    return list->count > 0;
}

// Makes room in a full list: what was given longest ago goes.
static void drain(struct trp_slab_cache *cache, uint32_t index)
{
    struct trp_slab_list *list = &cache->lists[index];
    hand_over(cache->slab, index, list->blocks, list->batch);
    list->count -= list->batch;
    cache->out -= list->batch;
    memmove(list->blocks, list->blocks + list->batch, list->count * sizeof *list->blocks);
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
