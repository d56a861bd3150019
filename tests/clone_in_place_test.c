// A message that was built in place and is handed over without a copy looks as if it had been
// copied.
#include "all_kinds_proto2.pb-c.h"
#include "all_kinds_proto3.pb-c.h"
#include "mailbox/clone.h"
#include "tests/support/test.h"

#include <math.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct tick {
    uint64_t at;
};

TROUPE_STRUCT(Tick, struct tick);
TROUPE_PROTO(Kinds2__Optionals, kinds2__optionals);
TROUPE_PROTO(Kinds2__Repeateds, kinds2__repeateds);
TROUPE_PROTO(Kinds2__Choices, kinds2__choices);
TROUPE_PROTO(Kinds3__Numbers, kinds3__numbers);
TROUPE_PROTO(Kinds3__Order, kinds3__order);

#define TEXT(literal) ((char *)(uintptr_t)(literal))

static void settle(troupe_type *type, void *body)
{
    struct trp_clone_error error;
    if (trp_clone_check_in_place(trp_type_intern(type), body, &error) != TROUPE_OK)
        fail_msg("refused: %s", error.text);
}

static void a_struct_stays_as_it_is(void **state)
{
    (void)state;
    struct tick tick = {42};
    settle(TROUPE_TYPE(Tick), &tick);
    assert_int_equal(tick.at, 42);
}

static void what_the_message_points_to_stays_where_it_is(void **state)
{
    (void)state;
    char name[] = "Ada";
    Kinds3__Item item = {.name = name};
    Kinds3__Item *items[] = {&item};
    Kinds3__Order order = {.n_items = 1, .items = items};
    settle(TROUPE_TYPE(Kinds3__Order), &order);
    assert_ptr_equal(order.items, items);
    assert_ptr_equal(order.items[0], &item);
    assert_ptr_equal(item.name, name);
}

static void missing_bases_and_strings_are_filled_in_at_every_level(void **state)
{
    (void)state;
    Kinds3__Item inner = {.name = NULL};
    Kinds3__Item item = {.name = TEXT(""), .next = &inner};
    Kinds3__Item *items[] = {&item};
    Kinds3__Order order = {.n_items = 1, .items = items};
    settle(TROUPE_TYPE(Kinds3__Order), &order);
    assert_ptr_equal(order.base.descriptor, &kinds3__order__descriptor);
    assert_ptr_equal(item.base.descriptor, &kinds3__item__descriptor);
    assert_ptr_equal(inner.base.descriptor, &kinds3__item__descriptor);
    assert_ptr_equal(order.customer, protobuf_c_empty_string);
    assert_ptr_equal(item.name, protobuf_c_empty_string);
    assert_ptr_equal(inner.name, protobuf_c_empty_string);
}

static void unset_fields_get_their_defaults(void **state)
{
    (void)state;
    Kinds2__Optionals message = {.s64 = 5, .plain = 1, .first = KINDS2__COLOR__BLUE};
    settle(TROUPE_TYPE(Kinds2__Optionals), &message);
    assert_int_equal(message.s64, -9);
    assert_false(message.plain);
    assert_true(message.yes);
    assert_int_equal(message.first, KINDS2__COLOR__RED);
    assert_int_equal(message.chosen, KINDS2__COLOR__GREEN);
    assert_string_equal(message.greeting, "hello");
    assert_null(message.text);
    assert_memory_equal(message.magic.data, "\1\0\2", 3);
}

static void truths_and_zeroes_are_settled(void **state)
{
    (void)state;
    Kinds3__Numbers numbers = {.b = 8, .f = -0.0F, .d = -0.0};
    settle(TROUPE_TYPE(Kinds3__Numbers), &numbers);
    assert_int_equal(numbers.b, 1);
    assert_false(signbit(numbers.f));
    assert_false(signbit(numbers.d));
    protobuf_c_boolean truths[] = {0, 7};
    Kinds2__Repeateds repeateds = {.n_b = 2, .b = truths};
    settle(TROUPE_TYPE(Kinds2__Repeateds), &repeateds);
    assert_int_equal(truths[1], 1);
}

static void pointers_to_nothing_are_cleared(void **state)
{
    (void)state;
    int32_t number = 1;
    uint8_t byte = 1;
    ProtobufCBinaryData data[] = {{0, &byte}};
    Kinds2__Repeateds repeateds = {.n_i32 = 0, .i32 = &number, .n_data = 1, .data = data};
    settle(TROUPE_TYPE(Kinds2__Repeateds), &repeateds);
    assert_null(repeateds.i32);
    assert_null(data[0].data);
    Kinds2__Choices choices = {.text = TEXT("stale")};
    settle(TROUPE_TYPE(Kinds2__Choices), &choices);
    assert_null(choices.text);
}

// Messages that never go away may be pointed to, and lie in read-only memory.
static void constants_that_are_complete_are_not_written(void **state)
{
    (void)state;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    Kinds3__Item *item =
        mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(item, MAP_FAILED);
    kinds3__item__init(item);
    assert_int_equal(mprotect(item, page, PROT_READ), 0);
    Kinds3__Item *items[] = {item};
    Kinds3__Order order = {.n_items = 1, .items = items};
    settle(TROUPE_TYPE(Kinds3__Order), &order);
    assert_int_equal(munmap(item, page), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_struct_stays_as_it_is),
        cmocka_unit_test(what_the_message_points_to_stays_where_it_is),
        cmocka_unit_test(missing_bases_and_strings_are_filled_in_at_every_level),
        cmocka_unit_test(unset_fields_get_their_defaults),
        cmocka_unit_test(truths_and_zeroes_are_settled),
        cmocka_unit_test(pointers_to_nothing_are_cleared),
        cmocka_unit_test(constants_that_are_complete_are_not_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
