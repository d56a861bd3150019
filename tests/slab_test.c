// Small-block memory on one thread, with an allocator that counts and fails on demand.
#include "base/slab.h"
#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>

#ifdef __SANITIZE_ADDRESS__
#    include <sanitizer/asan_interface.h>
#    define IS_POISONED(address) __asan_address_is_poisoned(address)
#endif

struct counting {
    troupe_allocator allocator;
    int64_t blocks;
    size_t bytes;
    uint64_t calls;
    uint64_t fail_after; // calls that succeed
};

static void *counting_alloc(void *user, size_t size, size_t align)
{
    struct counting *counting = user;
    if (counting->calls++ >= counting->fail_after)
        return NULL;
    counting->blocks++;
    counting->bytes += size;
    return trp_default_allocator.alloc(NULL, size, align);
}

static void counting_free(void *user, void *block, size_t size)
{
    struct counting *counting = user;
    counting->blocks--;
    counting->bytes -= size;
    trp_default_allocator.free(NULL, block, size);
}

static void counting_init(struct counting *counting)
{
    *counting = (struct counting){.fail_after = UINT64_MAX};
    counting->allocator =
        (troupe_allocator){.alloc = counting_alloc, .free = counting_free, .user = counting};
}

static bool is_aligned(const void *block, size_t size)
{
    return (uintptr_t)block % (size > 128 || size % 64 == 0 ? 64 : 16) == 0;
}

static void blocks_of_every_size_are_aligned_and_do_not_overlap(void **state)
{
    (void)state;
    static unsigned char *blocks[3001];
    struct trp_slab *slab = trp_slab_new(&trp_default_allocator);
    struct trp_slab_cache cache;
    trp_slab_cache_init(&cache, slab);
    for (size_t size = 1; size <= 3000; size++) {
        blocks[size] = trp_slab_take(&cache, size);
        assert_non_null(blocks[size]);
        assert_true(is_aligned(blocks[size], size));
        memset(blocks[size], (int)(size % 251), size);
    }
    for (size_t size = 1; size <= 3000; size++) {
        for (size_t i = 0; i < size; i++)
            assert_int_equal(blocks[size][i], size % 251);
        trp_slab_give(&cache, blocks[size], size);
    }
    trp_slab_cache_fini(&cache);
    trp_slab_free(slab);
}

static void a_block_that_was_given_is_the_next_one_taken(void **state)
{
    (void)state;
    struct trp_slab *slab = trp_slab_new(&trp_default_allocator);
    struct trp_slab_cache cache;
    trp_slab_cache_init(&cache, slab);
    void *block = trp_slab_take(&cache, 100);
    trp_slab_give(&cache, block, 100);
    assert_ptr_equal(trp_slab_take(&cache, 112), block); // same class
    trp_slab_give(&cache, block, 112);
    trp_slab_cache_fini(&cache);
    trp_slab_free(slab);
}

static void what_is_not_asked_for_is_poisoned_under_address_sanitizer(void **state)
{
    (void)state;
#ifdef IS_POISONED
    struct trp_slab *slab = trp_slab_new(&trp_default_allocator);
    struct trp_slab_cache cache;
    trp_slab_cache_init(&cache, slab);
    char *block = trp_slab_take(&cache, 100);
    assert_false(IS_POISONED(block));
    assert_false(IS_POISONED(block + 99));
    assert_true(IS_POISONED(block + 100)); // the rest of the 112 bytes
    trp_slab_give(&cache, block, 100);
    assert_true(IS_POISONED(block));
    trp_slab_cache_fini(&cache);
    trp_slab_free(slab);
#else
    skip();
#endif
}

static void all_memory_returns_to_the_allocator(void **state)
{
    (void)state;
    struct counting counting;
    counting_init(&counting);
    struct trp_slab *slab = trp_slab_new(&counting.allocator);
    struct trp_slab_cache cache;
    trp_slab_cache_init(&cache, slab);
    static void *blocks[10000];
    for (int i = 0; i < 10000; i++)
        blocks[i] = trp_slab_take(&cache, 200);
    assert_int_equal(trp_slab_held(slab), counting.bytes);
    assert_true(counting.bytes >= (size_t)10000 * 256);
    assert_true(counting.blocks < 20); // chunks grow
    for (int i = 0; i < 10000; i++)
        trp_slab_give(&cache, blocks[i], 200);
    trp_slab_cache_fini(&cache);
    assert_int_equal(trp_slab_blocks_out(slab), 0);
    trp_slab_free(slab);
    assert_int_equal(counting.blocks, 0);
    assert_int_equal(counting.bytes, 0);
}

static void blocks_that_travel_between_two_caches_are_used_again(void **state)
{
    (void)state;
    struct counting counting;
    counting_init(&counting);
    struct trp_slab *slab = trp_slab_new(&counting.allocator);
    struct trp_slab_cache producer, consumer;
    trp_slab_cache_init(&producer, slab);
    trp_slab_cache_init(&consumer, slab);
    for (int i = 0; i < 100000; i++)
        trp_slab_give(&consumer, trp_slab_take(&producer, 64), 64);
    assert_true(trp_slab_held(slab) < (size_t)128 << 10); // one chunk was enough
    trp_slab_cache_fini(&producer);
    trp_slab_cache_fini(&consumer);
    assert_int_equal(trp_slab_blocks_out(slab), 0);
    trp_slab_free(slab);
}

static void a_block_that_is_still_out_is_counted(void **state)
{
    (void)state;
    struct trp_slab *slab = trp_slab_new(&trp_default_allocator);
    struct trp_slab_cache cache;
    trp_slab_cache_init(&cache, slab);
    void *small = trp_slab_take(&cache, 10);
    void *large = trp_slab_take(&cache, 10000);
    trp_slab_cache_fini(&cache);
    assert_int_equal(trp_slab_blocks_out(slab), 2);

    trp_slab_cache_init(&cache, slab);
    trp_slab_give(&cache, small, 10);
    trp_slab_give(&cache, large, 10000);
    trp_slab_cache_fini(&cache);
    assert_int_equal(trp_slab_blocks_out(slab), 0);
    trp_slab_free(slab);
}

static void large_blocks_go_straight_to_the_allocator(void **state)
{
    (void)state;
    struct counting counting;
    counting_init(&counting);
    struct trp_slab *slab = trp_slab_new(&counting.allocator);
    struct trp_slab_cache cache;
    trp_slab_cache_init(&cache, slab);
    size_t before = trp_slab_held(slab);
    void *block = trp_slab_take(&cache, TRP_SLAB_MAX + 1);
    assert_true(is_aligned(block, 64));
    assert_int_equal(trp_slab_held(slab), before + TRP_SLAB_MAX + 1);
    trp_slab_give(&cache, block, TRP_SLAB_MAX + 1);
    assert_int_equal(trp_slab_held(slab), before);
    trp_slab_cache_fini(&cache);
    trp_slab_free(slab);
}

static void an_uncached_slab_asks_and_returns_one_by_one(void **state)
{
    (void)state;
    struct counting counting;
    counting_init(&counting);
    counting.allocator.uncached = true;
    struct trp_slab *slab = trp_slab_new(&counting.allocator);
    struct trp_slab_cache cache;
    trp_slab_cache_init(&cache, slab);
    int64_t before = counting.blocks;
    void *first = trp_slab_take(&cache, 10);
    void *second = trp_slab_take(&cache, 100);
    assert_true(is_aligned(first, 64));
    assert_int_equal(counting.blocks, before + 2);
    trp_slab_give(&cache, first, 10);
    assert_int_equal(counting.blocks, before + 1);
    trp_slab_give(&cache, second, 100);
    assert_int_equal(counting.blocks, before);
    trp_slab_cache_fini(&cache);
    trp_slab_free(slab);
    assert_int_equal(counting.blocks, 0);
}

static void without_memory_a_take_returns_null_and_a_later_one_succeeds(void **state)
{
    (void)state;
    struct counting counting;
    counting_init(&counting);
    struct trp_slab *slab = trp_slab_new(&counting.allocator);
    struct trp_slab_cache cache;
    trp_slab_cache_init(&cache, slab);
    counting.fail_after = counting.calls;
    assert_null(trp_slab_take(&cache, 64));
    assert_null(trp_slab_take(&cache, 5000));
    counting.fail_after = UINT64_MAX;
    void *block = trp_slab_take(&cache, 64);
    assert_non_null(block);
    trp_slab_give(&cache, block, 64);
    trp_slab_cache_fini(&cache);
    trp_slab_free(slab);
    assert_int_equal(counting.blocks, 0);
}

static void without_memory_there_is_no_slab(void **state)
{
    (void)state;
    struct counting counting;
    counting_init(&counting);
    counting.fail_after = 0;
    assert_null(trp_slab_new(&counting.allocator));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_of_every_size_are_aligned_and_do_not_overlap),
        cmocka_unit_test(a_block_that_was_given_is_the_next_one_taken),
        cmocka_unit_test(what_is_not_asked_for_is_poisoned_under_address_sanitizer),
        cmocka_unit_test(all_memory_returns_to_the_allocator),
        cmocka_unit_test(blocks_that_travel_between_two_caches_are_used_again),
        cmocka_unit_test(a_block_that_is_still_out_is_counted),
        cmocka_unit_test(large_blocks_go_straight_to_the_allocator),
        cmocka_unit_test(an_uncached_slab_asks_and_returns_one_by_one),
        cmocka_unit_test(without_memory_a_take_returns_null_and_a_later_one_succeeds),
        cmocka_unit_test(without_memory_there_is_no_slab),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
