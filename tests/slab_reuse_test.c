// What caches leave behind is used again: threads that come and go do not make a slab grow.
#include "base/slab.h"
#include "tests/support/test.h"

static void caches_that_come_and_go_need_no_more_memory(void **state)
{
    (void)state;
    struct trp_slab *slab = trp_slab_new(&trp_default_allocator);
    assert_non_null(slab);
    size_t held = 0;
    for (int i = 0; i < 2000; i++) {
        struct trp_slab_cache cache;
        trp_slab_cache_init(&cache, slab);
        void *block = trp_slab_take(&cache, 100);
        assert_non_null(block);
        trp_slab_give(&cache, block, 100);
        trp_slab_cache_fini(&cache);
        held = i == 0 ? trp_slab_held(slab) : held;
    }
    assert_int_equal(trp_slab_held(slab), held);
    trp_slab_free(slab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(caches_that_come_and_go_need_no_more_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
