// Bodies that several envelopes share, freed by different threads: who frees the last one writes to
// the memory again at once, which must come after all others have read it. The body is not atomic,
// on purpose.
#include "base/slab.h"
#include "mailbox/envelope.h"
#include "tests/support/test.h"

#include <pthread.h>
#include <sched.h>

enum {
    THREADS = 3,
    ROUNDS = 3000,
};

struct body {
    uint64_t number;
};

struct reader {
    pthread_t thread;
    struct trp_slab_cache cache;
    uint64_t wrong;
};

static struct trp_slab *slab;
static _Atomic(struct trp_shared *) shared; // of the current round
static _Atomic(struct body *) shown;        // likewise
static _Atomic int round_begun;
static _Atomic int round_ended; // by so many, all in all
static const struct trp_type type = {.size = sizeof(struct body), .align = 8};

static void *new_body(struct trp_slab_cache *cache, struct trp_shared **made)
{
    void *body, *room;
    *made = trp_shared_new(cache, &type, 0, &body, &room);
    TRP_ASSERT(*made != NULL);
    return body;
}

// Only the counts of the body order what is done with it.
#define relaxed(word) atomic_load_explicit(&(word), memory_order_relaxed)

static void *read_and_release(void *argument)
{
    struct reader *reader = argument;
    for (int round = 1; round <= ROUNDS; round++) {
        while (atomic_load(&round_begun) < round)
            sched_yield();
        reader->wrong += relaxed(shown)->number != (uint64_t)round;
        trp_shared_release(&reader->cache, relaxed(shared));
        // What was freed last is taken first.
        struct trp_shared *next;
        struct body *body = new_body(&reader->cache, &next);
        body->number = 0;
        trp_shared_release(&reader->cache, next);
        atomic_fetch_add_explicit(&round_ended, 1, memory_order_relaxed);
    }
    return NULL;
}

static void a_shared_body_is_written_to_after_all_have_read_it(void **state)
{
    (void)state;
    struct reader readers[THREADS];
    struct trp_slab_cache cache;
    slab = trp_slab_new(&trp_default_allocator);
    assert_non_null(slab);
    trp_slab_cache_init(&cache, slab);
    for (int i = 0; i < THREADS; i++) {
        readers[i].wrong = 0;
        trp_slab_cache_init(&readers[i].cache, slab);
        pthread_create(&readers[i].thread, NULL, read_and_release, &readers[i]);
    }
    for (int round = 1; round <= ROUNDS; round++) {
        struct trp_shared *made;
        struct body *body = new_body(&cache, &made);
        body->number = (uint64_t)round;
        atomic_fetch_add(&made->refs, THREADS); // as the envelopes do
        trp_shared_release(&cache, made);
        atomic_store_explicit(&shared, made, memory_order_relaxed);
        atomic_store_explicit(&shown, body, memory_order_relaxed);
        atomic_store(&round_begun, round);
        while (relaxed(round_ended) < round * THREADS)
            sched_yield();
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(readers[i].thread, NULL);
        assert_int_equal(readers[i].wrong, 0);
        trp_slab_cache_fini(&readers[i].cache);
    }
    trp_slab_cache_fini(&cache);
    trp_slab_free(slab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_shared_body_is_written_to_after_all_have_read_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
