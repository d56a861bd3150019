// The table of things that an incarnation has set up: a name finds its thing, and only while it is
// there.
#include "actors/handles.h"
#include "sim/driver.h"
#include "tests/support/test.h"

#define SALT 7

static struct trp_driver driver;
static struct trp_handles handles;
static int things[1000];

static int begin(void **state)
{
    (void)state;
    handles = (struct trp_handles){0};
    return trp_driver_start(&driver, 1, NULL) == TROUPE_OK ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    trp_handles_fini(driver.system, NULL, &handles);
    return trp_driver_stop(&driver, 0, NULL) == TROUPE_OK ? 0 : -1;
}

static uint32_t put(enum trp_handle_kind kind, void *thing)
{
    assert_true(trp_handles_reserve(driver.system, NULL, &handles));
    return trp_handles_put(&handles, kind, thing);
}

static struct trp_handle_name name_of(uint32_t index)
{
    return trp_handles_name(&handles, index, SALT);
}

static void *find(enum trp_handle_kind kind, struct trp_handle_name name)
{
    uint32_t index;
    return trp_handles_find(&handles, kind, name, SALT, &index);
}

static void a_name_finds_its_thing(void **state)
{
    (void)state;
    struct trp_handle_name names[1000];
    for (int i = 0; i < 1000; i++)
        names[i] = name_of(put(TRP_HANDLE_TIMER, &things[i]));
    assert_int_equal(handles.count, 1000);
    for (int i = 0; i < 1000; i++)
        assert_ptr_equal(find(TRP_HANDLE_TIMER, names[i]), &things[i]);
}

static void a_name_finds_nothing_once_its_thing_is_out(void **state)
{
    (void)state;
    uint32_t index = put(TRP_HANDLE_ASK, &things[0]);
    struct trp_handle_name name = name_of(index);
    trp_handles_remove(&handles, index);
    assert_null(find(TRP_HANDLE_ASK, name));
    assert_int_equal(put(TRP_HANDLE_ASK, &things[1]), index); // the same place is used again
    assert_null(find(TRP_HANDLE_ASK, name));
    assert_ptr_equal(find(TRP_HANDLE_ASK, name_of(index)), &things[1]);
}

static void a_name_of_another_kind_or_table_finds_nothing(void **state)
{
    (void)state;
    uint32_t index = put(TRP_HANDLE_TOKEN, &things[0]);
    assert_null(find(TRP_HANDLE_TIMER, name_of(index)));
    assert_null(find(TRP_HANDLE_TOKEN, trp_handles_name(&handles, index, SALT + 1)));
}

static void a_name_that_never_was_finds_nothing(void **state)
{
    (void)state;
    struct trp_handle_name none = {0, 0};
    assert_null(find(TRP_HANDLE_ASK, none));
    assert_null(find(TRP_HANDLE_FREE, none));
    put(TRP_HANDLE_ASK, &things[0]);
    struct trp_handle_name far = {(uint64_t)TRP_HANDLE_ASK << 32 | 12345, 1};
    assert_null(find(TRP_HANDLE_ASK, far));
    assert_null(find(TRP_HANDLE_FREE, none)); // a place that is free is no thing
}

static void places_are_used_again_so_the_table_stays_as_large_as_its_fullest_moment(void **state)
{
    (void)state;
    uint32_t held[64];
    for (int i = 0; i < 64; i++)
        held[i] = put(TRP_HANDLE_MONITOR, &things[i]);
    uint32_t capacity = handles.capacity;
    for (int i = 0; i < 100000; i++) {
        uint32_t *place = &held[(unsigned)i * 37 % 64];
        trp_handles_remove(&handles, *place);
        *place = put(TRP_HANDLE_MONITOR, &things[i % 1000]);
    }
    assert_int_equal(handles.capacity, capacity);
    assert_int_equal(handles.count, 64);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_name_finds_its_thing, begin, end),
        cmocka_unit_test_setup_teardown(a_name_finds_nothing_once_its_thing_is_out, begin, end),
        cmocka_unit_test_setup_teardown(a_name_of_another_kind_or_table_finds_nothing, begin, end),
        cmocka_unit_test_setup_teardown(a_name_that_never_was_finds_nothing, begin, end),
        cmocka_unit_test_setup_teardown(
            places_are_used_again_so_the_table_stays_as_large_as_its_fullest_moment, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
