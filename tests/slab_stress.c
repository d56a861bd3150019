// Small-block memory with real threads: blocks travel round a ring of threads, each of which takes
// new ones, passes on what arrives and gives some of it back. A block's contents are checked at
// each station, the number of blocks at the end.
#include "base/assert.h"
#include "base/random.h"
#include "base/slab.h"
#include "tests/support/test.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#define THREADS           16 // far more than there are CPUs
#define BLOCKS_PER_THREAD 50000
#define RING              256

struct parcel { // what is in each block
    uint64_t size;
    uint64_t seed;
    unsigned char fill[];
};

struct channel { // one sender, one receiver
    _Alignas(TRP_CACHE_LINE) _Atomic uint32_t sent;
    _Alignas(TRP_CACHE_LINE) _Atomic uint32_t received;
    struct parcel *ring[RING];
};

struct station {
    struct trp_slab *slab;
    struct channel *in;
    struct channel *out;
    _Atomic int *making; // stations that still make new blocks
    uint64_t seed;
    uint64_t damaged;
    uint64_t made;
    uint64_t given;
    pthread_t thread;
};

static bool try_send(struct channel *channel, struct parcel *parcel)
{
    uint32_t sent = atomic_load_explicit(&channel->sent, memory_order_relaxed);
    if (sent - atomic_load_explicit(&channel->received, memory_order_acquire) == RING)
        return false;
    channel->ring[sent % RING] = parcel;
    atomic_store_explicit(&channel->sent, sent + 1, memory_order_release);
    return true;
}

static struct parcel *try_receive(struct channel *channel)
{
    uint32_t received = atomic_load_explicit(&channel->received, memory_order_relaxed);
    if (received == atomic_load_explicit(&channel->sent, memory_order_acquire))
        return NULL;
    struct parcel *parcel = channel->ring[received % RING];
    atomic_store_explicit(&channel->received, received + 1, memory_order_release);
    return parcel;
}

static struct parcel *make(struct station *station, struct trp_slab_cache *cache,
                           struct trp_random *random)
{
    // Mostly small ones, all classes, some beyond them.
    size_t size = sizeof(struct parcel) + trp_random_below(random, 48);
    if (trp_random_below(random, 8) == 0)
        size = sizeof(struct parcel) + trp_random_below(random, TRP_SLAB_MAX + 500);
    struct parcel *parcel = trp_slab_take(cache, size);
    TRP_ASSERT(parcel != NULL);
    parcel->size = size;
    parcel->seed = trp_random_next(random);
    memset(parcel->fill, (int)(parcel->seed & 0xff), size - sizeof *parcel);
    station->made++;
    return parcel;
}

static void give(struct station *station, struct trp_slab_cache *cache, struct parcel *parcel)
{
    size_t length = parcel->size - sizeof *parcel;
    for (size_t i = 0; i < length; i++)
        station->damaged += parcel->fill[i] != (parcel->seed & 0xff);
    trp_slab_give(cache, parcel, parcel->size);
    station->given++;
}

static void pass_on(struct station *station, struct trp_slab_cache *cache,
                    struct trp_random *random, struct parcel *parcel)
{
    if (trp_random_below(random, 2) == 0 || !try_send(station->out, parcel))
        give(station, cache, parcel);
}

static void *run_station(void *argument)
{
    struct station *station = argument;
    struct trp_slab_cache cache;
    struct trp_random random;
    trp_slab_cache_init(&cache, station->slab);
    trp_random_init(&random, station->seed);
    while (station->made < BLOCKS_PER_THREAD) {
        struct parcel *parcel = make(station, &cache, &random);
        if (!try_send(station->out, parcel))
            give(station, &cache, parcel);
        while ((parcel = try_receive(station->in)) != NULL)
            pass_on(station, &cache, &random, parcel);
    }
    atomic_fetch_sub(station->making, 1);
    // What was sent before the last one stopped making is seen by a look after that.
    bool last_look = false;
    while (!last_look) {
        last_look = atomic_load(station->making) == 0;
        struct parcel *parcel;
        while ((parcel = try_receive(station->in)) != NULL)
            give(station, &cache, parcel);
        sched_yield();
    }
    trp_slab_cache_fini(&cache);
    return NULL;
}

static void blocks_that_travel_between_threads_stay_whole_and_none_is_lost(void **state)
{
    (void)state;
    static struct channel channels[THREADS];
    struct station stations[THREADS];
    struct trp_slab *slab = trp_slab_new(&trp_default_allocator);
    _Atomic int making = THREADS;
    for (int i = 0; i < THREADS; i++) {
        stations[i] = (struct station){.slab = slab,
                                       .in = &channels[i],
                                       .out = &channels[(i + 1) % THREADS],
                                       .making = &making,
                                       .seed = (uint64_t)i + 1};
    }
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&stations[i].thread, NULL, run_station, &stations[i]), 0);
    uint64_t made = 0, given = 0;
    for (int i = 0; i < THREADS; i++) {
        pthread_join(stations[i].thread, NULL);
        assert_int_equal(stations[i].damaged, 0);
        made += stations[i].made;
        given += stations[i].given;
    }
    assert_int_equal(made, given);
    assert_int_equal(trp_slab_blocks_out(slab), 0);
    print_message("%llu blocks, %zu KiB held\n", (unsigned long long)made,
                  trp_slab_held(slab) >> 10);
    trp_slab_free(slab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_that_travel_between_threads_stay_whole_and_none_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
