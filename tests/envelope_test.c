// Envelopes: where the parts of a message lie in memory, and that all of it is given back.
#include "mailbox/envelope.h"
#include "tests/support/test.h"

#include <string.h>

static struct trp_slab *slab;
static struct trp_slab_cache cache;

static int begin(void **state)
{
    (void)state;
    slab = trp_slab_new(&trp_default_allocator);
    trp_slab_cache_init(&cache, slab);
    return slab ? 0 : -1;
}

// Every test's last claim: nothing is left; trp_slab_free asserts it too.
static int end(void **state)
{
    (void)state;
    trp_slab_cache_fini(&cache);
    int left = (int)trp_slab_blocks_out(slab);
    if (left == 0)
        trp_slab_free(slab);
    return left;
}

static struct trp_type type_of(uint32_t size, uint32_t align)
{
    return (struct trp_type){.id = 77, .size = size, .align = align, .name = "Thing"};
}

static bool is_aligned(const void *place, uintptr_t align)
{
    return (uintptr_t)place % align == 0;
}

static void a_small_message_is_one_cache_line(void **state)
{
    (void)state;
    struct trp_type type = type_of(24, 8);
    struct trp_envelope *envelope = trp_envelope_new(&cache, &type, TRP_KIND_USER, false, 0, NULL);
    assert_non_null(envelope);
    assert_int_equal(envelope->units, TRP_ENV_SMALL);
    assert_false(trp_envelope_has_extra(envelope));
    assert_ptr_equal(envelope->msg.body, envelope + 1);
    assert_int_equal(envelope->msg.type, 77);
    assert_int_equal(envelope->msg.size, 24);
    assert_ptr_equal(trp_envelope_of_msg(&envelope->msg), envelope);
    assert_ptr_equal(trp_envelope_of_link(&envelope->link), envelope);
    trp_envelope_free(&cache, envelope);
}

// All combinations write their whole body and room: a sanitizer sees what would not fit.
static void body_and_room_are_aligned_and_inside_the_block(void **state)
{
    (void)state;
    static const size_t room_sizes[] = {0, 1, 15, 16, 100, 3000};
    for (uint32_t align = 1; align <= 64; align *= 2)
        for (uint32_t size = align; size <= 256; size += align)
            for (unsigned i = 0; i < 2 * sizeof room_sizes / sizeof room_sizes[0]; i++) {
                struct trp_type type = type_of(size, align);
                size_t bytes = room_sizes[i / 2];
                void *room = NULL;
                struct trp_envelope *envelope =
                    trp_envelope_new(&cache, &type, TRP_KIND_ASK, i % 2, bytes, &room);
                char *body = (char *)(uintptr_t)envelope->msg.body;
                assert_true(is_aligned(body, align));
                memset(body, 1, size);
                assert_true(bytes == 0 || (is_aligned(room, 16) && (char *)room >= body + size));
                if (bytes)
                    memset(room, 2, bytes);
                trp_envelope_free(&cache, envelope);
            }
}

static void a_block_too_large_for_the_header_s_units_keeps_its_size_in_an_extra(void **state)
{
    (void)state;
    static const size_t sizes[] = {64 * 65535 - 4097, 64 * 65535 - 4095, 64 * 65535, 9000000};
    for (int i = 0; i < 4; i++) {
        struct trp_type type = type_of(40, 8);
        void *room = NULL;
        struct trp_envelope *envelope =
            trp_envelope_new(&cache, &type, TRP_KIND_USER, false, sizes[i], &room);
        assert_non_null(envelope);
        assert_true(envelope->units != 0 || trp_envelope_has_extra(envelope));
        memset(room, 3, sizes[i]);
        trp_envelope_free(&cache, envelope);
    }
}

static void a_size_that_no_memory_can_have_is_refused(void **state)
{
    (void)state;
    struct trp_type type = type_of(40, 8);
    void *room = NULL;
    assert_null(trp_envelope_new(&cache, &type, TRP_KIND_USER, false, SIZE_MAX - 100, &room));
    assert_null(trp_envelope_new(&cache, &type, TRP_KIND_USER, true, SIZE_MAX, &room));
    void *body;
    assert_null(trp_shared_new(&cache, &type, SIZE_MAX - 100, &body, &room));
    struct trp_envelope *envelope = trp_envelope_new(&cache, &type, TRP_KIND_USER, true, 0, &room);
    assert_null(trp_envelope_alloc(&cache, envelope, SIZE_MAX));
    assert_null(trp_envelope_alloc(&cache, envelope, SIZE_MAX - 63));
    trp_envelope_free(&cache, envelope);
}

static void memory_added_to_a_message_goes_with_it(void **state)
{
    (void)state;
    struct trp_type type = type_of(8, 8);
    struct trp_envelope *envelope = trp_envelope_new(&cache, &type, TRP_KIND_USER, true, 0, NULL);
    for (size_t size = 1; size < 100000; size *= 3) {
        char *memory = trp_envelope_alloc(&cache, envelope, size);
        assert_true(is_aligned(memory, 16));
        memset(memory, 4, size);
    }
    trp_envelope_free(&cache, envelope);
}

static void a_shared_body_lives_until_its_last_envelope_is_freed(void **state)
{
    (void)state;
    struct trp_type type = type_of(16, 16);
    void *body, *room;
    struct trp_shared *shared = trp_shared_new(&cache, &type, 33, &body, &room);
    assert_true(is_aligned(body, 16) && is_aligned(room, 16));
    memset(body, 5, 16);
    memset(room, 6, 33);
    struct trp_envelope *envelopes[3];
    for (int i = 0; i < 3; i++)
        envelopes[i] = trp_envelope_new_shared(&cache, &type, shared, body);
    trp_shared_release(&cache, shared);
    for (int i = 0; i < 3; i++) {
        assert_ptr_equal(envelopes[i]->msg.body, body);
        assert_int_equal(*(const char *)envelopes[i]->msg.body, 5);
        trp_envelope_free(&cache, envelopes[i]);
    }
}

static void an_embedded_envelope_is_not_freed_by_itself(void **state)
{
    (void)state;

    struct {
        struct trp_envelope envelope;
        struct trp_extra extra;
    } *record = trp_slab_take(&cache, sizeof *record);

    trp_envelope_embed(&record->envelope, TRP_KIND_OUTCOME, record);
    assert_ptr_equal(trp_envelope_extra(&record->envelope)->owner, record);
    assert_non_null(record->envelope.msg.body);
    trp_envelope_free(&cache, &record->envelope);
    assert_int_equal(record->envelope.kind, TRP_KIND_OUTCOME);
    trp_slab_give(&cache, record, sizeof *record);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_small_message_is_one_cache_line, begin, end),
        cmocka_unit_test_setup_teardown(body_and_room_are_aligned_and_inside_the_block, begin, end),
        cmocka_unit_test_setup_teardown(
            a_block_too_large_for_the_header_s_units_keeps_its_size_in_an_extra, begin, end),
        cmocka_unit_test_setup_teardown(a_size_that_no_memory_can_have_is_refused, begin, end),
        cmocka_unit_test_setup_teardown(memory_added_to_a_message_goes_with_it, begin, end),
        cmocka_unit_test_setup_teardown(a_shared_body_lives_until_its_last_envelope_is_freed, begin,
                                        end),
        cmocka_unit_test_setup_teardown(an_embedded_envelope_is_not_freed_by_itself, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
