// Message types are known by name: one name, one type, in all files of a program.
#include "all_kinds_proto2.pb-c.h"
#include "all_kinds_proto3.pb-c.h"
#include "mailbox/type.h"
#include "no_names.pb-c.h"
#include "tests/support/test.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct tick {
    uint64_t at;
};

TROUPE_STRUCT(Tick, struct tick);
TROUPE_EMPTY(Reset);
TROUPE_PROTO(Kinds3__Point, kinds3__point);
TROUPE_PROTO(Kinds3__Order, kinds3__order);
TROUPE_PROTO(Kinds3__Numbers, kinds3__numbers);
TROUPE_PROTO(Kinds2__Part, kinds2__part);
TROUPE_PROTO(Kinds2__Choices, kinds2__choices);
TROUPE_PROTO(Kinds2__Switch, kinds2__switch);

// What another source file's declaration of the same type is: an object of its own, not used yet.
static troupe_type elsewhere(const troupe_type *type)
{
    troupe_type other = *type;
    other.id = 0;
    return other;
}

static void two_files_that_declare_a_type_share_its_id(void **state)
{
    (void)state;
    troupe_type other = elsewhere(TROUPE_TYPE(Tick));
    const struct trp_type *first = trp_type_intern(TROUPE_TYPE(Tick));
    const struct trp_type *second = trp_type_intern(&other);
    assert_ptr_equal(first, second);
    assert_int_not_equal(first->id, 0);
    assert_int_equal(TROUPE_TYPE(Tick)->id, first->id);
    assert_int_equal(other.id, first->id);
}

static void an_entry_says_what_the_declaration_said(void **state)
{
    (void)state;
    const struct trp_type *tick = trp_type_intern(TROUPE_TYPE(Tick));
    assert_string_equal(tick->name, "Tick");
    assert_int_equal(tick->size, sizeof(struct tick));
    assert_int_equal(tick->align, _Alignof(struct tick));
    assert_null(tick->descriptor);
    assert_ptr_equal(trp_type_by_id(tick->id), tick);
    // FNV-1a of "Tick", as computed elsewhere: traces of different programs agree.
    assert_true(tick->name_hash == UINT64_C(0x490384fb302b3764));
}

static void a_name_is_copied(void **state)
{
    (void)state;
    char name[] = "Copied";
    troupe_type type = {name, 4, 4, NULL, 0, 0};
    const struct trp_type *entry = trp_type_intern(&type);
    memset(name, 'x', sizeof name - 1);
    assert_string_equal(entry->name, "Copied");
}

static void a_protobuf_type_is_named_by_its_full_name(void **state)
{
    (void)state;
    assert_string_equal(trp_type_intern(TROUPE_TYPE(Kinds3__Point))->name, "kinds3.Point");
}

static void types_with_different_names_have_different_ids(void **state)
{
    (void)state;

    enum { TYPES = 1000 }; // more than a chunk of the table holds

    static char names[TYPES][16];
    static troupe_type types[TYPES];
    for (int i = 0; i < TYPES; i++) {
        snprintf(names[i], sizeof names[i], "Many%d", i);
        types[i] = (troupe_type){names[i], 8, 8, NULL, 0, 0};
        assert_non_null(trp_type_intern(&types[i]));
    }
    for (int i = 0; i < TYPES; i++) {
        assert_string_equal(trp_type_by_id(types[i].id)->name, names[i]);
        troupe_type again = elsewhere(&types[i]);
        assert_int_equal(trp_type_intern(&again)->id, types[i].id);
    }
}

static void two_copies_of_a_generated_descriptor_are_one_type(void **state)
{
    (void)state;
    ProtobufCMessageDescriptor copy = kinds3__order__descriptor;
    ProtobufCMessageDescriptor item = kinds3__item__descriptor;
    ProtobufCFieldDescriptor item_fields[2];
    ProtobufCFieldDescriptor fields[2];
    memcpy(item_fields, kinds3__item__descriptor.fields, sizeof item_fields);
    memcpy(fields, kinds3__order__descriptor.fields, sizeof fields);
    item.fields = item_fields;
    item_fields[1].descriptor = &item; // messages may contain themselves
    fields[1].descriptor = &item;
    copy.fields = fields;
    troupe_type other = elsewhere(TROUPE_TYPE(Kinds3__Order));
    other.descriptor = &copy;
    const struct trp_type *entry = trp_type_intern(TROUPE_TYPE(Kinds3__Order));
    assert_ptr_equal(trp_type_intern(&other), entry);
    assert_ptr_equal(entry->descriptor, &kinds3__order__descriptor);
}

static void only_messages_of_numbers_are_flat(void **state)
{
    (void)state;
    assert_true(trp_type_intern(TROUPE_TYPE(Kinds3__Point))->flat);
    assert_true(trp_type_intern(TROUPE_TYPE(Kinds3__Point))->exact);
    assert_true(trp_type_intern(TROUPE_TYPE(Kinds3__Numbers))->flat);
    assert_false(trp_type_intern(TROUPE_TYPE(Kinds3__Numbers))->exact); // floats, a bool
    assert_true(trp_type_intern(TROUPE_TYPE(Kinds2__Switch))->flat);
    assert_false(trp_type_intern(TROUPE_TYPE(Kinds2__Switch))->exact);
    assert_false(trp_type_intern(TROUPE_TYPE(Kinds2__Part))->flat);
    assert_false(trp_type_intern(TROUPE_TYPE(Kinds2__Choices))->flat);
    assert_false(trp_type_intern(TROUPE_TYPE(Tick))->flat);
}

static void a_message_matches_its_own_type_and_no_other(void **state)
{
    (void)state;
    const struct tick body = {7};
    const troupe_msg msg = {trp_type_intern(TROUPE_TYPE(Tick))->id, sizeof body, &body};
    troupe_type tick_elsewhere = elsewhere(TROUPE_TYPE(Tick));
    assert_ptr_equal(troupe_match(&msg, Tick), &body);
    assert_ptr_equal(troupe_msg_match(&msg, &tick_elsewhere), &body);
    assert_null(troupe_match(&msg, Reset));
    assert_null(troupe_match(&msg, Reset)); // interned by now
    assert_string_equal(troupe_msg_type_name(&msg), "Tick");
}

static void a_nameless_protobuf_type_can_be_given_a_name(void **state)
{
    (void)state;
    troupe_type type = {"no_names.Nameless",
                        sizeof(NoNames__Nameless),
                        _Alignof(NoNames__Nameless),
                        &no_names__nameless__descriptor,
                        0,
                        0};
    assert_string_equal(trp_type_intern(&type)->name, "no_names.Nameless");
}

// ---- Without memory

static int allocations_left;

static void *alloc_few(size_t size)
{
    return allocations_left-- > 0 ? malloc(size) : NULL;
}

static void without_memory_a_type_stays_unknown_and_can_be_tried_again(void **state)
{
    (void)state;

    enum { TYPES = 300 }; // so many that the table has to grow on the way

    unsigned failures = 0;
    for (int i = 0; i < TYPES; i++) {
        char name[32];
        snprintf(name, sizeof name, "Unlucky%d", i);
        troupe_type type = {name, 4, 4, NULL, 0, 0};
        trp_type_set_alloc(alloc_few);
        for (int allowed = 0; type.id == 0; allowed++) {
            allocations_left = allowed;
            failures += trp_type_intern(&type) == NULL;
        }
        trp_type_set_alloc(NULL);
        assert_string_equal(trp_type_by_id(type.id)->name, name);
    }
    assert_true(failures > TYPES); // each at the first try, and where a chunk was needed too
}

static void without_memory_messages_are_still_matched(void **state)
{
    (void)state;
    const struct tick body = {7};
    const troupe_msg msg = {trp_type_intern(TROUPE_TYPE(Tick))->id, sizeof body, &body};
    troupe_type tick_elsewhere = elsewhere(TROUPE_TYPE(Tick));
    troupe_type never_seen = {"NeverSeen", sizeof body, _Alignof(struct tick), NULL, 0, 0};
    allocations_left = 0;
    trp_type_set_alloc(alloc_few);
    assert_ptr_equal(troupe_msg_match(&msg, &tick_elsewhere), &body);
    assert_null(troupe_msg_match(&msg, &never_seen));
    trp_type_set_alloc(NULL);
}

// ---- What ends the program

// Interns in a child process; returns what it wrote before it was aborted.
static const char *dying_words(troupe_type type)
{
    static char words[2048];
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        signal(SIGABRT, SIG_DFL); // not cmocka's business
        trp_type_intern(&type);
        _exit(0);
    }
    close(ends[1]);
    size_t length = 0;
    ssize_t got;
    while ((got = read(ends[0], words + length, sizeof words - 1 - length)) > 0)
        length += (size_t)got;
    words[length] = 0;
    close(ends[0]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_false(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    return words;
}

static void assert_words(const char *words, const char *const *parts)
{
    for (; *parts; parts++) {
        if (!strstr(words, *parts))
            fail_msg("\"%s\" is missing from: %s", *parts, words);
    }
}

#define ASSERT_WORDS(words, ...) assert_words((words), (const char *const[]){__VA_ARGS__, NULL})

static void two_sizes_under_one_name_end_the_program(void **state)
{
    (void)state;
    trp_type_intern(TROUPE_TYPE(Tick));
    troupe_type other = elsewhere(TROUPE_TYPE(Tick));
    other.size = 16;
    ASSERT_WORDS(dying_words(other), "Tick", "size 8", "size 16", "differ in: size");
}

static void two_alignments_under_one_name_end_the_program(void **state)
{
    (void)state;
    trp_type_intern(TROUPE_TYPE(Tick));
    troupe_type other = elsewhere(TROUPE_TYPE(Tick));
    other.align = 16;
    ASSERT_WORDS(dying_words(other), "Tick", "aligned to 8", "aligned to 16",
                 "alignment, 8 and 16");
}

static void a_struct_with_the_name_of_a_protobuf_message_ends_the_program(void **state)
{
    (void)state;
    trp_type_intern(TROUPE_TYPE(Kinds3__Point));
    troupe_type other = {
        "kinds3.Point", sizeof(Kinds3__Point), _Alignof(Kinds3__Point), NULL, 0, 0};
    ASSERT_WORDS(dying_words(other), "kinds3.Point", "a protobuf message", "a plain struct");
}

static void a_descriptor_with_another_field_ends_the_program_and_is_named(void **state)
{
    (void)state;
    trp_type_intern(TROUPE_TYPE(Kinds3__Point));
    ProtobufCMessageDescriptor copy = kinds3__point__descriptor;
    ProtobufCFieldDescriptor fields[3];
    memcpy(fields, kinds3__point__descriptor.fields, sizeof fields);
    fields[1].type = PROTOBUF_C_TYPE_FIXED64;
    copy.fields = fields;
    troupe_type other = elsewhere(TROUPE_TYPE(Kinds3__Point));
    other.descriptor = &copy;
    ASSERT_WORDS(dying_words(other), "kinds3.Point", "field 2", "(y;");
}

static void a_submessage_with_another_layout_ends_the_program_and_is_named(void **state)
{
    (void)state;
    trp_type_intern(TROUPE_TYPE(Kinds3__Order));
    ProtobufCMessageDescriptor copy = kinds3__order__descriptor;
    ProtobufCMessageDescriptor item = kinds3__item__descriptor;
    ProtobufCFieldDescriptor fields[2];
    memcpy(fields, kinds3__order__descriptor.fields, sizeof fields);
    item.sizeof_message += 8;
    fields[1].descriptor = &item;
    copy.fields = fields;
    troupe_type other = elsewhere(TROUPE_TYPE(Kinds3__Order));
    other.descriptor = &copy;
    ASSERT_WORDS(dying_words(other), "kinds3.Order", "kinds3.Item",
                 "bytes of the struct, 40 and 48");
}

static void a_struct_and_a_descriptor_that_do_not_belong_together_end_the_program(void **state)
{
    (void)state;
    troupe_type mixed = {
        NULL, sizeof(Kinds3__Numbers), _Alignof(Kinds3__Numbers), &kinds3__item__descriptor, 0, 0};
    ASSERT_WORDS(dying_words(mixed), "kinds3.Item", "TROUPE_PROTO");
}

static void a_nameless_protobuf_type_without_a_name_ends_the_program(void **state)
{
    (void)state;
    troupe_type type = {NULL,
                        sizeof(NoNames__Nameless),
                        _Alignof(NoNames__Nameless),
                        &no_names__nameless__descriptor,
                        0,
                        0};
    ASSERT_WORDS(dying_words(type), "no name", "CODE_SIZE");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_files_that_declare_a_type_share_its_id),
        cmocka_unit_test(an_entry_says_what_the_declaration_said),
        cmocka_unit_test(a_name_is_copied),
        cmocka_unit_test(a_protobuf_type_is_named_by_its_full_name),
        cmocka_unit_test(types_with_different_names_have_different_ids),
        cmocka_unit_test(two_copies_of_a_generated_descriptor_are_one_type),
        cmocka_unit_test(only_messages_of_numbers_are_flat),
        cmocka_unit_test(a_message_matches_its_own_type_and_no_other),
        cmocka_unit_test(a_nameless_protobuf_type_can_be_given_a_name),
        cmocka_unit_test(without_memory_a_type_stays_unknown_and_can_be_tried_again),
        cmocka_unit_test(without_memory_messages_are_still_matched),
        cmocka_unit_test(two_sizes_under_one_name_end_the_program),
        cmocka_unit_test(two_alignments_under_one_name_end_the_program),
        cmocka_unit_test(a_struct_with_the_name_of_a_protobuf_message_ends_the_program),
        cmocka_unit_test(a_descriptor_with_another_field_ends_the_program_and_is_named),
        cmocka_unit_test(a_submessage_with_another_layout_ends_the_program_and_is_named),
        cmocka_unit_test(a_struct_and_a_descriptor_that_do_not_belong_together_end_the_program),
        cmocka_unit_test(a_nameless_protobuf_type_without_a_name_ends_the_program),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
