// A message arrives as a pack and unpack would leave it: one test per rule. That the rules are
// protobuf-c's own is shown by clone_random_test.
#include "all_kinds_proto2.pb-c.h"
#include "all_kinds_proto3.pb-c.h"
#include "mailbox/clone.h"
#include "tests/support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct tick {
    uint64_t at;
    void *user;
};

TROUPE_STRUCT(Tick, struct tick);
TROUPE_PROTO(Kinds2__Optionals, kinds2__optionals);
TROUPE_PROTO(Kinds2__Repeateds, kinds2__repeateds);
TROUPE_PROTO(Kinds2__Choices, kinds2__choices);
TROUPE_PROTO(Kinds2__Part, kinds2__part);
TROUPE_PROTO(Kinds2__Numbers, kinds2__numbers);
TROUPE_PROTO(Kinds3__AllKinds3, kinds3__all_kinds3);
TROUPE_PROTO(Kinds3__Numbers, kinds3__numbers);
TROUPE_PROTO(Kinds3__Order, kinds3__order);
TROUPE_PROTO(Kinds3__Point, kinds3__point);
TROUPE_PROTO(Kinds3__Repeateds, kinds3__repeateds);

static void *blocks[16]; // of the running test
static size_t block_count;

static void *take(size_t size)
{
    void *block = malloc(size);
    assert_true((block || size == 0) && block_count < 16);
    blocks[block_count++] = block;
    return block;
}

static int free_blocks(void **state)
{
    (void)state;
    while (block_count > 0)
        free(blocks[--block_count]);
    return 0;
}

static size_t measure(troupe_type *type, const void *body)
{
    size_t extra = SIZE_MAX;
    struct trp_clone_error error;
    if (trp_clone_measure(trp_type_intern(type), body, &extra, &error) != TROUPE_OK)
        fail_msg("refused: %s", error.text);
    assert_int_equal(extra % 16, 0);
    return extra;
}

static void *clone(troupe_type *type, const void *body)
{
    size_t extra = measure(type, body);
    void *to = take(type->size);
    memset(to, 0xa5, type->size);
    trp_clone_copy(trp_type_intern(type), body, to, take(extra));
    return to;
}

#define CLONE(Type, ...) ((const Type *)clone(TROUPE_TYPE(Type), &(const Type){__VA_ARGS__}))

static void a_struct_arrives_byte_by_byte(void **state)
{
    (void)state;
    const struct tick tick = {42, &blocks};
    const struct tick *copy = clone(TROUPE_TYPE(Tick), &tick);
    assert_int_equal(copy->at, 42);
    assert_ptr_equal(copy->user, &blocks);
    assert_int_equal(measure(TROUPE_TYPE(Tick), &tick), 0);
}

static void a_message_of_numbers_needs_no_room_beside_itself(void **state)
{
    (void)state;
    const Kinds3__Point point = {.x = -1, .y = 2, .shade = KINDS3__SHADE__LIGHT};
    assert_int_equal(measure(TROUPE_TYPE(Kinds3__Point), &point), 0);
    const Kinds3__Point *copy = clone(TROUPE_TYPE(Kinds3__Point), &point);
    assert_int_equal(copy->x, -1);
    assert_int_equal(copy->y, 2);
    assert_int_equal(copy->shade, KINDS3__SHADE__LIGHT);
}

static void a_base_left_out_by_the_sender_is_there_at_every_level(void **state)
{
    (void)state;
    Kinds3__Item inner = {.name = (char *)(uintptr_t) "inner"};
    Kinds3__Item item = {.next = &inner};
    Kinds3__Item *items[] = {&item};
    const Kinds3__Order *order = CLONE(Kinds3__Order, .n_items = 1, .items = items);
    assert_ptr_equal(order->base.descriptor, &kinds3__order__descriptor);
    assert_ptr_equal(order->items[0]->base.descriptor, &kinds3__item__descriptor);
    assert_ptr_equal(order->items[0]->next->base.descriptor, &kinds3__item__descriptor);
    assert_string_equal(order->items[0]->next->name, "inner");
}

static void a_null_string_arrives_empty(void **state)
{
    (void)state;
    const Kinds3__Order *order = CLONE(Kinds3__Order, .customer = NULL);
    assert_ptr_equal(order->customer, protobuf_c_empty_string);
}

static void a_string_is_copied(void **state)
{
    (void)state;
    char name[] = "Ada";
    const Kinds3__Order *order = CLONE(Kinds3__Order, .customer = name);
    name[0] = 'x';
    assert_string_equal(order->customer, "Ada");
}

static void an_unset_field_arrives_with_its_default(void **state)
{
    (void)state;
    const Kinds2__Optionals *copy =
        CLONE(Kinds2__Optionals, .has_s64 = 0, .s64 = 12345, .i32 = 6, .yes = 0);
    assert_false(copy->has_s64);
    assert_int_equal(copy->s64, -9);
    assert_int_equal(copy->i32, 0);
    assert_true(copy->yes);
    assert_false(copy->plain);
    assert_string_equal(copy->greeting, "hello");
    assert_null(copy->text);
    assert_int_equal(copy->magic.len, 3);
    assert_memory_equal(copy->magic.data, "\1\0\2", 3);
    assert_null(copy->part);
}

static void an_unset_enum_arrives_as_its_first_value(void **state)
{
    (void)state;
    const Kinds2__Optionals *copy = CLONE(Kinds2__Optionals, .first = KINDS2__COLOR__BLUE);
    assert_int_equal(copy->first, KINDS2__COLOR__RED);
    assert_int_equal(copy->chosen, KINDS2__COLOR__GREEN);
}

static void a_presence_flag_arrives_as_one(void **state)
{
    (void)state;
    const Kinds2__Optionals *copy = CLONE(Kinds2__Optionals, .has_i32 = 4, .i32 = 6);
    assert_int_equal(copy->has_i32, 1);
    assert_int_equal(copy->i32, 6);
}

static void a_truth_arrives_as_one(void **state)
{
    (void)state;
    protobuf_c_boolean truths[] = {0, 1, 256};
    const Kinds2__Repeateds *copy = CLONE(Kinds2__Repeateds, .n_b = 3, .b = truths);
    assert_int_equal(copy->b[0], 0);
    assert_int_equal(copy->b[1], 1);
    assert_int_equal(copy->b[2], 1);
    assert_int_equal(CLONE(Kinds3__Numbers, .b = 8)->b, 1);
}

static void a_negative_zero_stays_negative_only_where_zero_is_sent(void **state)
{
    (void)state;
    const Kinds3__Numbers *unlabelled = CLONE(Kinds3__Numbers, .f = -0.0F, .d = -0.0);
    assert_false(signbit(unlabelled->f));
    assert_false(signbit(unlabelled->d));
    const Kinds2__Numbers *required = CLONE(Kinds2__Numbers, .f = -0.0F, .d = -0.0);
    assert_true(signbit(required->f));
    assert_true(signbit(required->d));
}

static void a_nan_stays_a_nan(void **state)
{
    (void)state;
    assert_true(isnan(CLONE(Kinds3__Numbers, .d = NAN)->d));
    assert_true(isnan(CLONE(Kinds2__Optionals, .has_f = 1, .f = NAN)->f));
}

static void empty_bytes_arrive_without_data(void **state)
{
    (void)state;
    uint8_t data[] = {1};
    const Kinds2__Optionals *copy = CLONE(Kinds2__Optionals, .has_data = 1, .data = {0, data});
    assert_true(copy->has_data);
    assert_int_equal(copy->data.len, 0);
    assert_null(copy->data.data);
}

static void bytes_are_copied(void **state)
{
    (void)state;
    uint8_t data[] = {1, 0, 2};
    const Kinds2__Optionals *copy = CLONE(Kinds2__Optionals, .has_data = 1, .data = {3, data});
    assert_ptr_not_equal(copy->data.data, data);
    assert_memory_equal(copy->data.data, data, 3);
}

static void arrays_are_copied(void **state)
{
    (void)state;
    double numbers[] = {1.5, 2.5, 3.5};
    char *texts[] = {(char *)(uintptr_t) "a", (char *)(uintptr_t) ""};
    const Kinds2__Repeateds *copy =
        CLONE(Kinds2__Repeateds, .n_d = 3, .d = numbers, .n_text = 2, .text = texts);
    assert_int_equal(copy->n_d, 3);
    assert_ptr_not_equal(copy->d, numbers);
    assert_memory_equal(copy->d, numbers, sizeof numbers);
    assert_int_equal(copy->n_text, 2);
    assert_string_equal(copy->text[0], "a");
    assert_string_equal(copy->text[1], "");
}

static void an_array_without_entries_arrives_null(void **state)
{
    (void)state;
    int32_t numbers[] = {1};
    const Kinds2__Repeateds *copy = CLONE(Kinds2__Repeateds, .n_i32 = 0, .i32 = numbers);
    assert_null(copy->i32);
}

static void a_oneof_arrives_with_the_chosen_member(void **state)
{
    (void)state;
    Kinds2__Part part = {.name = (char *)(uintptr_t) "p"};
    const Kinds2__Choices *copy =
        CLONE(Kinds2__Choices, .left_case = KINDS2__CHOICES__LEFT_PART, .part = &part,
              .right_case = KINDS2__CHOICES__RIGHT_TRUTH, .truth = 2);
    assert_int_equal(copy->left_case, KINDS2__CHOICES__LEFT_PART);
    assert_ptr_not_equal(copy->part, &part);
    assert_string_equal(copy->part->name, "p");
    assert_int_equal(copy->right_case, KINDS2__CHOICES__RIGHT_TRUTH);
    assert_int_equal(copy->truth, 1);
}

static void a_oneof_that_is_not_set_leads_nowhere(void **state)
{
    (void)state;
    const Kinds2__Choices *copy = CLONE(Kinds2__Choices, .text = (char *)(uintptr_t) "stale");
    assert_int_equal(copy->left_case, 0);
    assert_null(copy->text);
}

static void an_empty_string_in_a_oneof_can_be_sent_on(void **state)
{
    (void)state;
    const Kinds3__AllKinds3 *copy =
        CLONE(Kinds3__AllKinds3, .choice_case = KINDS3__ALL_KINDS3__CHOICE_LABEL,
              .label = (char *)(uintptr_t) "");
    const Kinds3__AllKinds3 *again = clone(TROUPE_TYPE(Kinds3__AllKinds3), copy);
    assert_int_equal(again->choice_case, KINDS3__ALL_KINDS3__CHOICE_LABEL);
    assert_string_equal(again->label, "");
}

static void unknown_fields_are_copied(void **state)
{
    (void)state;
    uint8_t number[] = {0x96, 0x01};
    uint8_t text[] = {2, 'h', 'i'};
    ProtobufCMessageUnknownField unknown[] = {
        {50, PROTOBUF_C_WIRE_TYPE_VARINT, 2, number},
        {51, PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED, 3, text},
    };
    const Kinds3__Point point = {.base = {&kinds3__point__descriptor, 2, unknown},
                                 .x = 3}; // flat, but for them
    const Kinds3__Point *copy = clone(TROUPE_TYPE(Kinds3__Point), &point);
    assert_int_equal(copy->base.n_unknown_fields, 2);
    assert_ptr_not_equal(copy->base.unknown_fields, unknown);
    assert_int_equal(copy->base.unknown_fields[1].tag, 51);
    assert_int_equal(copy->base.unknown_fields[1].len, 3);
    assert_ptr_not_equal(copy->base.unknown_fields[1].data, text);
    assert_memory_equal(copy->base.unknown_fields[1].data, text, 3);
    assert_int_equal(copy->x, 3);
}

static void a_large_array_is_one_piece(void **state)
{
    (void)state;

    enum { COUNT = 100000 };

    int64_t *numbers = take(COUNT * sizeof *numbers);
    for (int i = 0; i < COUNT; i++)
        numbers[i] = i;
    const Kinds3__Repeateds repeateds = {.n_i64 = COUNT, .i64 = numbers};
    assert_int_equal(measure(TROUPE_TYPE(Kinds3__Repeateds), &repeateds), COUNT * 8);
    const Kinds3__Repeateds *copy = clone(TROUPE_TYPE(Kinds3__Repeateds), &repeateds);
    assert_memory_equal(copy->i64, numbers, COUNT * sizeof *numbers);
}

static void a_fresh_struct_is_zeroed(void **state)
{
    (void)state;
    struct tick tick;
    memset(&tick, 0xa5, sizeof tick);
    trp_clone_init(trp_type_intern(TROUPE_TYPE(Tick)), &tick);
    assert_int_equal(tick.at, 0);
    assert_null(tick.user);
}

static void a_fresh_message_has_its_defaults(void **state)
{
    (void)state;
    Kinds2__Optionals fresh;
    memset(&fresh, 0xa5, sizeof fresh);
    trp_clone_init(trp_type_intern(TROUPE_TYPE(Kinds2__Optionals)), &fresh);
    assert_ptr_equal(fresh.base.descriptor, &kinds2__optionals__descriptor);
    assert_int_equal(fresh.s64, -9);
    assert_int_equal(fresh.first, KINDS2__COLOR__RED);
    assert_string_equal(fresh.greeting, "hello");
}

static void defaults_do_not_need_the_generated_init_function(void **state)
{
    (void)state;
    ProtobufCMessageDescriptor descriptor = kinds2__optionals__descriptor;
    descriptor.message_init = NULL;
    const struct trp_type type = {.size = sizeof(Kinds2__Optionals), .descriptor = &descriptor};
    Kinds2__Optionals fresh;
    memset(&fresh, 0xa5, sizeof fresh);
    trp_clone_init(&type, &fresh);
    assert_ptr_equal(fresh.base.descriptor, &descriptor);
    assert_int_equal(fresh.base.n_unknown_fields, 0);
    assert_int_equal(fresh.s64, -9);
    assert_string_equal(fresh.greeting, "hello");
    assert_int_equal(fresh.magic.len, 3);
    assert_true(fresh.yes);
    assert_null(fresh.part);
}

// Each shared object has its own copy of a generated descriptor, and of the init function.
static void a_copy_has_the_descriptor_of_its_interned_type(void **state)
{
    (void)state;
    ProtobufCMessageDescriptor other = kinds3__order__descriptor;
    const struct trp_type type = {.size = sizeof(Kinds3__Order), .align = 8, .descriptor = &other};
    const Kinds3__Order order = {.base = {.descriptor = &kinds3__order__descriptor}};
    Kinds3__Order copy;
    size_t extra;
    struct trp_clone_error error;
    assert_int_equal(trp_clone_measure(&type, &order, &extra, &error), TROUPE_OK);
    assert_int_equal(extra, 0);
    trp_clone_copy(&type, &order, &copy, NULL);
    assert_ptr_equal(copy.base.descriptor, &other);
}

#define TEST(name) cmocka_unit_test_teardown(name, free_blocks)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_struct_arrives_byte_by_byte),
        TEST(a_message_of_numbers_needs_no_room_beside_itself),
        TEST(a_base_left_out_by_the_sender_is_there_at_every_level),
        TEST(a_null_string_arrives_empty),
        TEST(a_string_is_copied),
        TEST(an_unset_field_arrives_with_its_default),
        TEST(an_unset_enum_arrives_as_its_first_value),
        TEST(a_presence_flag_arrives_as_one),
        TEST(a_truth_arrives_as_one),
        TEST(a_negative_zero_stays_negative_only_where_zero_is_sent),
        TEST(a_nan_stays_a_nan),
        TEST(empty_bytes_arrive_without_data),
        TEST(bytes_are_copied),
        TEST(arrays_are_copied),
        TEST(an_array_without_entries_arrives_null),
        TEST(a_oneof_arrives_with_the_chosen_member),
        TEST(a_oneof_that_is_not_set_leads_nowhere),
        TEST(an_empty_string_in_a_oneof_can_be_sent_on),
        TEST(unknown_fields_are_copied),
        TEST(a_large_array_is_one_piece),
        TEST(a_fresh_struct_is_zeroed),
        TEST(a_fresh_message_has_its_defaults),
        TEST(defaults_do_not_need_the_generated_init_function),
        TEST(a_copy_has_the_descriptor_of_its_interned_type),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
