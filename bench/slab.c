// What small blocks cost: nanoseconds per block, medians.
//   same_ns       take and give in turns, one block
//   burst_ns      take 1000, give 1000: batches go to the depot and come back
//   malloc_ns     the same burst with malloc and free
//   travel_ns     one thread takes and writes, another reads and gives
//   travel_malloc_ns   the same with malloc and free
#include "base/slab.h"

#include "base/assert.h"
#include "bench/support/measure.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#define SIZE   64
#define BURST  1000u
#define ROUNDS UINT64_C(2000)
#define RING   512

struct counter { // on a cache line of its own
    _Alignas(TRP_CACHE_LINE) _Atomic uint64_t count;
};

struct bench {
    struct counter sent;
    struct counter received;
    void *ring[RING]; // from the producer to the consumer
    void *blocks[BURST];
    struct trp_slab *slab;
    struct trp_slab_cache cache;
    uint64_t sum; // of what the consumer read
    bool with_malloc;
};

static double same(void *user)
{
    struct bench *bench = user;
    uint64_t start = trp_clock_now(&trp_real_clock);
    for (uint64_t i = 0; i < ROUNDS * BURST; i++)
        trp_slab_give(&bench->cache, trp_slab_take(&bench->cache, SIZE), SIZE);
    return trp_measure_per(start, ROUNDS * BURST);
}

static double burst(void *user)
{
    struct bench *bench = user;
    uint64_t start = trp_clock_now(&trp_real_clock);
    for (uint64_t round = 0; round < ROUNDS; round++) {
        for (unsigned i = 0; i < BURST; i++)
            bench->blocks[i] = trp_slab_take(&bench->cache, SIZE);
        for (unsigned i = 0; i < BURST; i++)
            trp_slab_give(&bench->cache, bench->blocks[i], SIZE);
    }
    return trp_measure_per(start, ROUNDS * BURST);
}

static double malloc_burst(void *user)
{
    struct bench *bench = user;
    uint64_t start = trp_clock_now(&trp_real_clock);
    for (uint64_t round = 0; round < ROUNDS; round++) {
        for (unsigned i = 0; i < BURST; i++)
            bench->blocks[i] = malloc(SIZE);
        for (unsigned i = 0; i < BURST; i++)
            free(bench->blocks[i]);
    }
    return trp_measure_per(start, ROUNDS * BURST);
}

static void *produce(void *argument)
{
    struct bench *bench = argument;
    struct trp_slab_cache cache;
    trp_slab_cache_init(&cache, bench->slab);
    for (uint64_t sent = 0; sent < ROUNDS * BURST; sent++) {
        while (sent - atomic_load_explicit(&bench->received.count, memory_order_acquire) >= RING)
            sched_yield();
        uint64_t *block = bench->with_malloc ? malloc(SIZE) : trp_slab_take(&cache, SIZE);
        TRP_ASSERT(block != NULL);
        block[1] = sent;
        bench->ring[sent % RING] = block;
        if (sent % 16 == 15)
            atomic_store_explicit(&bench->sent.count, sent + 1, memory_order_release);
    }
    trp_slab_cache_fini(&cache);
    return NULL;
}

static double travel(void *user)
{
    struct bench *bench = user;
    pthread_t producer;
    atomic_store(&bench->sent.count, 0);
    atomic_store(&bench->received.count, 0);
    uint64_t start = trp_clock_now(&trp_real_clock);
    int failed = pthread_create(&producer, NULL, produce, bench);
    TRP_ASSERT(!failed);
    for (uint64_t received = 0; received < ROUNDS * BURST;) {
        uint64_t sent = atomic_load_explicit(&bench->sent.count, memory_order_acquire);
        if (sent == received)
            sched_yield();
        for (; received < sent; received++) {
            uint64_t *block = bench->ring[received % RING];
            bench->sum += block[1];
            if (bench->with_malloc)
                free(block);
            else
                trp_slab_give(&bench->cache, block, SIZE);
        }
        atomic_store_explicit(&bench->received.count, received, memory_order_release);
    }
    double result = trp_measure_per(start, ROUNDS * BURST);
    pthread_join(producer, NULL);
    return result;
}

int main(void)
{
    static struct bench bench;
    bench.slab = trp_slab_new(&trp_default_allocator);
    if (bench.slab == NULL)
        return 1;
    trp_slab_cache_init(&bench.cache, bench.slab);
    trp_measure("same_ns", same, &bench);
    trp_measure("burst_ns", burst, &bench);
    trp_measure("malloc_ns", malloc_burst, &bench);
    trp_measure("travel_ns", travel, &bench);
    bench.with_malloc = true;
    trp_measure("travel_malloc_ns", travel, &bench);
    trp_slab_cache_fini(&bench.cache);
    trp_slab_free(bench.slab);
    return 0;
}
