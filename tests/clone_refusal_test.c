// What could not be packed is refused at the sender, with a text that names the field.
#include "all_kinds_proto2.pb-c.h"
#include "all_kinds_proto3.pb-c.h"
#include "mailbox/clone.h"
#include "no_names.pb-c.h"
#include "tests/support/test.h"

#include <string.h>

TROUPE_PROTO(Kinds2__AllKinds2, kinds2__all_kinds2);
TROUPE_PROTO(Kinds2__Optionals, kinds2__optionals);
TROUPE_PROTO(Kinds2__Repeateds, kinds2__repeateds);
TROUPE_PROTO(Kinds2__Choices, kinds2__choices);
TROUPE_PROTO(Kinds2__Part, kinds2__part);
TROUPE_PROTO(Kinds3__AllKinds3, kinds3__all_kinds3);
TROUPE_PROTO(Kinds3__Order, kinds3__order);
TROUPE_PROTO(Kinds3__Item, kinds3__item);
TROUPE_PROTO(Kinds3__Point, kinds3__point);

#define TEXT(literal) ((char *)(uintptr_t)(literal))

static const char *refusal(troupe_type *type, void *body)
{
    static struct trp_clone_error error;
    struct trp_clone_error in_place;
    size_t extra;
    memset(&error, 'x', sizeof error);
    assert_int_equal(trp_clone_measure(trp_type_intern(type), body, &extra, &error), TROUPE_EINVAL);
    assert_int_equal(trp_clone_check_in_place(trp_type_intern(type), body, &in_place),
                     TROUPE_EINVAL);
    assert_string_equal(in_place.text, error.text);
    return error.text;
}

#define REFUSAL(Type, ...) refusal(TROUPE_TYPE(Type), &(Type){__VA_ARGS__})

static void a_missing_required_string_is_named_with_the_way_to_it(void **state)
{
    (void)state;
    Kinds2__Part good = {.name = TEXT("good")};
    Kinds2__Part bad = {.name = NULL};
    Kinds2__Part *parts[] = {&good, &good, &good, &bad};
    assert_string_equal(REFUSAL(Kinds2__Part, .name = TEXT("all"), .n_parts = 4, .parts = parts),
                        "Part.parts[3].name: required string is NULL");
}

static void a_missing_required_message_is_refused(void **state)
{
    (void)state;
    assert_string_equal(REFUSAL(Kinds2__AllKinds2, .title = TEXT("t")),
                        "AllKinds2.root: required message is NULL");
}

static void a_count_without_an_array_is_refused(void **state)
{
    (void)state;
    assert_string_equal(REFUSAL(Kinds2__Repeateds, .n_i32 = 3),
                        "Repeateds.i32: count is 3 but the array is NULL");
}

static void a_null_entry_is_refused(void **state)
{
    (void)state;
    char *texts[] = {TEXT("a"), NULL};
    assert_string_equal(REFUSAL(Kinds2__Repeateds, .n_text = 2, .text = texts),
                        "Repeateds.text[1]: entry is NULL");
    Kinds3__Item *items[] = {NULL};
    assert_string_equal(REFUSAL(Kinds3__Order, .n_items = 1, .items = items),
                        "Order.items[0]: entry is NULL");
}

static void bytes_without_data_are_refused(void **state)
{
    (void)state;
    assert_string_equal(REFUSAL(Kinds3__AllKinds3, .data = {5, NULL}),
                        "AllKinds3.data: length is 5 but data is NULL");
    ProtobufCBinaryData data[] = {{0, NULL}, {7, NULL}};
    assert_string_equal(REFUSAL(Kinds2__Repeateds, .n_data = 2, .data = data),
                        "Repeateds.data[1]: length is 7 but data is NULL");
}

static void a_oneof_with_a_foreign_case_is_refused(void **state)
{
    (void)state;
    assert_string_equal(REFUSAL(Kinds2__Choices, .left_case = (Kinds2__Choices__LeftCase)77),
                        "Choices.text: the oneof's case is 77, which is none of its fields");
    // The other oneof's field.
    assert_string_equal(REFUSAL(Kinds2__Choices, .left_case = (Kinds2__Choices__LeftCase)2),
                        "Choices.text: the oneof's case is 2, which is none of its fields");
}

static void a_chosen_member_that_is_null_is_refused(void **state)
{
    (void)state;
    assert_string_equal(REFUSAL(Kinds2__Choices, .left_case = KINDS2__CHOICES__LEFT_TEXT),
                        "Choices.text: the oneof's case chooses this string, but it is NULL");
    assert_string_equal(REFUSAL(Kinds3__AllKinds3, .choice_case = KINDS3__ALL_KINDS3__CHOICE_ITEM),
                        "AllKinds3.item: the oneof's case chooses this message, but it is NULL");
}

// protobuf-c takes the address of the default for "not set", and would lose the case.
static void a_chosen_string_that_is_the_default_itself_is_refused(void **state)
{
    (void)state;
    const char *text = REFUSAL(Kinds3__AllKinds3, .choice_case = KINDS3__ALL_KINDS3__CHOICE_LABEL,
                               .label = TEXT(protobuf_c_empty_string));
    assert_non_null(strstr(text, "AllKinds3.label: "));
}

static void unknown_fields_without_an_array_are_refused(void **state)
{
    (void)state;
    assert_string_equal(REFUSAL(Kinds3__Point, .base = {.n_unknown_fields = 2}),
                        "Point: n_unknown_fields is 2 but unknown_fields is NULL");
}

static const char *unknown_refusal(uint32_t tag, ProtobufCWireType wire_type, const char *bytes,
                                   size_t length)
{
    ProtobufCMessageUnknownField unknown = {tag, wire_type, length, (uint8_t *)TEXT(bytes)};
    return REFUSAL(Kinds3__Point, .base = {NULL, 1, &unknown});
}

static void unknown_fields_that_would_be_misread_are_refused(void **state)
{
    (void)state;
    assert_string_equal(unknown_refusal(9, PROTOBUF_C_WIRE_TYPE_VARINT, "\x80\x80", 2),
                        "Point: unknown field 9: its 2 bytes are not one value of wire type 0");
    assert_string_equal(unknown_refusal(9, PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED, "\5ab", 3),
                        "Point: unknown field 9: its 3 bytes are not one value of wire type 2");
    assert_string_equal(unknown_refusal(9, PROTOBUF_C_WIRE_TYPE_32BIT, "abcde", 5),
                        "Point: unknown field 9: its 5 bytes are not one value of wire type 5");
    assert_string_equal(unknown_refusal(2, PROTOBUF_C_WIRE_TYPE_VARINT, "\1", 1),
                        "Point: unknown field 2 has the number of a field of the message");
    assert_string_equal(unknown_refusal(0, PROTOBUF_C_WIRE_TYPE_VARINT, "\1", 1),
                        "Point: an unknown field has the number 0");
    assert_string_equal(unknown_refusal(9, PROTOBUF_C_WIRE_TYPE_64BIT, NULL, 8),
                        "Point: unknown field 9: length is 8 but data is NULL");
}

static void a_message_of_another_type_is_refused(void **state)
{
    (void)state;
    assert_string_equal(REFUSAL(Kinds3__Point, .base = {.descriptor = &kinds3__item__descriptor}),
                        "Point: base.descriptor is kinds3.Item, not kinds3.Point");
}

// Item.next.next... of `count` items in all.
static void *chain(Kinds3__Item *items, int count)
{
    memset(items, 0, (size_t)count * sizeof *items);
    for (int i = 0; i + 1 < count; i++)
        items[i].next = &items[i + 1];
    return items;
}

static void nesting_is_limited(void **state)
{
    (void)state;
    Kinds3__Item items[TRP_CLONE_DEPTH + 1];
    size_t extra;
    struct trp_clone_error error;
    assert_int_equal(trp_clone_measure(trp_type_intern(TROUPE_TYPE(Kinds3__Item)),
                                       chain(items, TRP_CLONE_DEPTH), &extra, &error),
                     TROUPE_OK);
    const char *text = refusal(TROUPE_TYPE(Kinds3__Item), chain(items, TRP_CLONE_DEPTH + 1));
    assert_non_null(strstr(text, "Item.next.next"));
    assert_non_null(strstr(text, ": nested deeper than 32 messages"));
}

static void a_message_that_contains_itself_is_refused(void **state)
{
    (void)state;
    Kinds3__Item item = {.next = &item};
    assert_non_null(strstr(refusal(TROUPE_TYPE(Kinds3__Item), &item), "nested deeper"));
}

static void a_message_past_two_gib_is_refused(void **state)
{
    (void)state;
    uint8_t byte = 0;
    assert_string_equal(REFUSAL(Kinds3__AllKinds3, .data = {(size_t)INT32_MAX + 1, &byte}),
                        "AllKinds3.data: the message is larger than 2 GiB");
    int32_t number = 0;
    assert_non_null(strstr(REFUSAL(Kinds2__Repeateds, .n_i32 = SIZE_MAX / 2, .i32 = &number),
                           "Repeateds.i32: count is "));
}

static void the_end_of_a_long_way_is_kept(void **state)
{
    (void)state;
    // The way to it is longer than the text may be.
    Kinds3__AllKinds3 levels[TRP_CLONE_DEPTH];
    Kinds3__AllKinds3 *pointers[TRP_CLONE_DEPTH];
    memset(levels, 0, sizeof levels);
    for (int i = 0; i < TRP_CLONE_DEPTH; i++)
        pointers[i] = &levels[i];
    for (int i = 0; i + 1 < TRP_CLONE_DEPTH; i++) {
        levels[i].n_children = 1;
        levels[i].children = &pointers[i + 1];
    }
    levels[TRP_CLONE_DEPTH - 1].data.len = 1;
    const char *text = refusal(TROUPE_TYPE(Kinds3__AllKinds3), &levels[0]);
    assert_memory_equal(text, "...", 3);
    assert_int_equal(strlen(text), sizeof(struct trp_clone_error) - 1);
    assert_non_null(strstr(text, ".children[0].children[0].data: length is 1 but data is NULL"));
}

static void fields_without_names_are_shown_by_number(void **state)
{
    (void)state;
    troupe_type type = {"no_names.Nameless",
                        sizeof(NoNames__Nameless),
                        _Alignof(NoNames__Nameless),
                        &no_names__nameless__descriptor,
                        0,
                        0};
    NoNames__Nameless message = {.text = NULL};
    assert_string_equal(refusal(&type, &message), "message.1: required string is NULL");
}

static void what_is_not_sent_is_not_looked_at(void **state)
{
    (void)state;
    char *nowhere = (char *)(uintptr_t)0x5a5a58;
    Kinds2__Optionals optionals = {.has_data = 0, .data = {3, NULL}};
    Kinds2__Choices choices = {.left_case = 0, .text = nowhere};
    Kinds2__Repeateds repeateds = {.n_text = 0, .text = (char **)(void *)nowhere};
    size_t extra;
    struct trp_clone_error error;
    assert_int_equal(trp_clone_measure(trp_type_intern(TROUPE_TYPE(Kinds2__Optionals)), &optionals,
                                       &extra, &error),
                     TROUPE_OK);
    assert_int_equal(
        trp_clone_measure(trp_type_intern(TROUPE_TYPE(Kinds2__Choices)), &choices, &extra, &error),
        TROUPE_OK);
    assert_int_equal(trp_clone_measure(trp_type_intern(TROUPE_TYPE(Kinds2__Repeateds)), &repeateds,
                                       &extra, &error),
                     TROUPE_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_missing_required_string_is_named_with_the_way_to_it),
        cmocka_unit_test(a_missing_required_message_is_refused),
        cmocka_unit_test(a_count_without_an_array_is_refused),
        cmocka_unit_test(a_null_entry_is_refused),
        cmocka_unit_test(bytes_without_data_are_refused),
        cmocka_unit_test(a_oneof_with_a_foreign_case_is_refused),
        cmocka_unit_test(a_chosen_member_that_is_null_is_refused),
        cmocka_unit_test(a_chosen_string_that_is_the_default_itself_is_refused),
        cmocka_unit_test(unknown_fields_without_an_array_are_refused),
        cmocka_unit_test(unknown_fields_that_would_be_misread_are_refused),
        cmocka_unit_test(a_message_of_another_type_is_refused),
        cmocka_unit_test(nesting_is_limited),
        cmocka_unit_test(a_message_that_contains_itself_is_refused),
        cmocka_unit_test(a_message_past_two_gib_is_refused),
        cmocka_unit_test(the_end_of_a_long_way_is_kept),
        cmocka_unit_test(fields_without_names_are_shown_by_number),
        cmocka_unit_test(what_is_not_sent_is_not_looked_at),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
