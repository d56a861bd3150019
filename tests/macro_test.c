// The macros that declare message types and build bodies: what they accept and what comes out.
#include "all_kinds_proto3.pb-c.h"
#include "sim/driver.h"
#include "tests/support/elsewhere.h"
#include "tests/support/test.h"
#include "troupe.h"

#include <string.h>

struct wide { // as many fields as the macros take
    int f01, f02, f03, f04, f05, f06, f07, f08;
    int f09, f10, f11, f12, f13, f14, f15, f16;
    int f17, f18, f19, f20, f21, f22, f23, f24;
    int f25, f26, f27, f28, f29, f30, f31, f32;
    int f33, f34, f35, f36, f37, f38, f39, f40;
    int f41, f42, f43, f44, f45, f46, f47, f48;
    int f49, f50, f51, f52, f53, f54, f55, f56;
    int f57, f58, f59, f60, f61, f62;
};

struct box {
    struct {
        int x, y;
    } corners[2];

    const char *label;
    double (*area)(double, double);
};

typedef struct box *(*box_fn)(int, int); // a type that is not one word
typedef int grid[2][2];                  // a body need not be a struct

struct lone {
    int value;
};

TROUPE_STRUCT(Wide, struct wide);
TROUPE_STRUCT(Box, struct box);
TROUPE_STRUCT(BoxFn, box_fn);
TROUPE_STRUCT(Grid, grid);
TROUPE_STRUCT(Lone, struct lone);
TROUPE_STRUCT(Number, int);
TROUPE_STRUCT(Parcel, struct parcel);
TROUPE_EMPTY(Reset);
TROUPE_PROTO(Kinds3__Point, kinds3__point);
TROUPE_PROTO(Kinds3__Order, kinds3__order);

// What troupe_send and its siblings hand on to their functions.
struct built {
    troupe_type *type;
    const void *body;
};

static struct built made(troupe_type *type, const void *body)
{
    return (struct built){type, body};
}

#define BUILD(...) made(TROUPE_TYPE_OF_(__VA_ARGS__), TROUPE_BODY_OF_(__VA_ARGS__))

static void assert_first_fields(const struct wide *wide, int count)
{
    int fields[sizeof *wide / sizeof(int)];
    memcpy(fields, wide, sizeof fields);
    for (int i = 0; i < (int)(sizeof fields / sizeof fields[0]); i++)
        assert_int_equal(fields[i], i < count ? i + 1 : 0);
}

static void a_word_alone_builds_a_body_of_zeros(void **state)
{
    (void)state;
    struct built wide = BUILD(Wide);
    assert_ptr_equal(wide.type, TROUPE_TYPE(Wide));
    assert_first_fields(wide.body, 0);
    const Kinds3__Order *order = BUILD(Kinds3__Order).body;
    assert_null(order->customer);
    assert_int_equal(order->n_items, 0);
    assert_ptr_equal(BUILD(Reset).type, TROUPE_TYPE(Reset));
}

static void one_field_and_62_fields_are_set_as_written(void **state)
{
    (void)state;
    assert_first_fields(BUILD(Wide, .f01 = 1).body, 1);
    const struct lone *lone = BUILD(Lone, 5).body;
    assert_int_equal(lone->value, 5);
    assert_first_fields(BUILD(Wide, .f01 = 1, .f02 = 2).body, 2);
    assert_first_fields(
        BUILD(Wide, .f01 = 1, .f02 = 2, .f03 = 3, .f04 = 4, .f05 = 5, .f06 = 6, .f07 = 7, .f08 = 8,
              .f09 = 9, .f10 = 10, .f11 = 11, .f12 = 12, .f13 = 13, .f14 = 14, .f15 = 15, .f16 = 16,
              .f17 = 17, .f18 = 18, .f19 = 19, .f20 = 20, .f21 = 21, .f22 = 22, .f23 = 23,
              .f24 = 24, .f25 = 25, .f26 = 26, .f27 = 27, .f28 = 28, .f29 = 29, .f30 = 30,
              .f31 = 31, .f32 = 32, .f33 = 33, .f34 = 34, .f35 = 35, .f36 = 36, .f37 = 37,
              .f38 = 38, .f39 = 39, .f40 = 40, .f41 = 41, .f42 = 42, .f43 = 43, .f44 = 44,
              .f45 = 45, .f46 = 46, .f47 = 47, .f48 = 48, .f49 = 49, .f50 = 50, .f51 = 51,
              .f52 = 52, .f53 = 53, .f54 = 54, .f55 = 55, .f56 = 56, .f57 = 57, .f58 = 58,
              .f59 = 59, .f60 = 60, .f61 = 61)
            .body,
        61);
    assert_first_fields(
        BUILD(Wide, .f01 = 1, .f02 = 2, .f03 = 3, .f04 = 4, .f05 = 5, .f06 = 6, .f07 = 7, .f08 = 8,
              .f09 = 9, .f10 = 10, .f11 = 11, .f12 = 12, .f13 = 13, .f14 = 14, .f15 = 15, .f16 = 16,
              .f17 = 17, .f18 = 18, .f19 = 19, .f20 = 20, .f21 = 21, .f22 = 22, .f23 = 23,
              .f24 = 24, .f25 = 25, .f26 = 26, .f27 = 27, .f28 = 28, .f29 = 29, .f30 = 30,
              .f31 = 31, .f32 = 32, .f33 = 33, .f34 = 34, .f35 = 35, .f36 = 36, .f37 = 37,
              .f38 = 38, .f39 = 39, .f40 = 40, .f41 = 41, .f42 = 42, .f43 = 43, .f44 = 44,
              .f45 = 45, .f46 = 46, .f47 = 47, .f48 = 48, .f49 = 49, .f50 = 50, .f51 = 51,
              .f52 = 52, .f53 = 53, .f54 = 54, .f55 = 55, .f56 = 56, .f57 = 57, .f58 = 58,
              .f59 = 59, .f60 = 60, .f61 = 61, .f62 = 62)
            .body,
        62);
}

static double product(double a, double b)
{
    return a * b;
}

static void braces_brackets_strings_and_calls_may_stand_in_a_field(void **state)
{
    (void)state;
    const struct box *box =
        BUILD(Box, .corners = {{1, 2}, [1] = {.y = 4, .x = 3}}, .label = "a, b", .area = product)
            .body;
    assert_int_equal(box->corners[0].y, 2);
    assert_int_equal(box->corners[1].x, 3);
    assert_string_equal(box->label, "a, b");
    assert_true(box->area(2, 3) > 5.9);
    const struct box *other =
        BUILD(Box, {{(int)product(2, 4), 0}}, box ? "yes" : "no", product).body;
    assert_int_equal(other->corners[0].x, 8);
    assert_string_equal(other->label, "yes");
}

static void a_body_may_be_an_array_a_number_or_a_pointer(void **state)
{
    (void)state;
    const grid *cells = BUILD(Grid, {1, 2}, {3, 4}).body;
    assert_int_equal((*cells)[1][0], 3);
    const int *number = BUILD(Number, 7).body;
    assert_int_equal(*number, 7);
    const box_fn *function = BUILD(BoxFn).body;
    assert_null(*function);
    assert_int_equal(TROUPE_TYPE(Grid)->size, 4 * sizeof(int));
}

static void a_whole_struct_is_one_field_when_it_is_nested(void **state)
{
    (void)state;
    const struct box model = {.corners = {{5, 6}}, .label = "model"};
    const struct box *copy = BUILD(Box, .corners[1] = model.corners[0], .label = model.label).body;
    assert_int_equal(copy->corners[1].y, 6);
    assert_string_equal(copy->label, "model");
}

static void every_argument_is_evaluated_once(void **state)
{
    (void)state;
    int count = 0;
    const struct lone *lone = BUILD(Lone, .value = ++count).body;
    assert_int_equal(lone->value, 1);
    assert_int_equal(count, 1);
}

// ---- Sent and matched

struct seen {
    int boxes, parcels, weight, x, foreign;
};

static troupe_status receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)ctx;
    struct seen *seen = *(struct seen **)state;
    seen->weight = elsewhere_weight(msg) >= 0 ? elsewhere_weight(msg) : seen->weight;
    seen->x = elsewhere_x(msg) >= 0 ? elsewhere_x(msg) : seen->x;
    seen->parcels += troupe_match(msg, Parcel) != NULL;
    seen->boxes += troupe_match(msg, Box) != NULL;
    seen->foreign += troupe_match(msg, Lone) != NULL || troupe_match(msg, Kinds3__Order) != NULL;
    return TROUPE_OK;
}

TROUPE_STRUCT(Args, struct seen *);

static troupe_status init(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    (void)ctx;
    struct seen *const *seen = troupe_match(args, Args);
    if (seen)
        *(struct seen **)state = *seen;
    return seen ? TROUPE_OK : TROUPE_EINVAL;
}

static const troupe_behavior reader = {
    .name = "reader", .state_size = sizeof(struct seen *), .init = init, .receive = receive};

static void types_of_two_source_files_match_each_other_and_nothing_else(void **state)
{
    (void)state;
    struct trp_driver driver;
    struct seen seen = {.weight = -1, .x = -1};
    assert_int_equal(trp_driver_start(&driver, 1, NULL), TROUPE_OK);
    troupe_ctx *outside = troupe_outside(driver.system);
    troupe_ref to;
    assert_int_equal(troupe_spawn_with(outside, &reader, NULL, &to, Args, &seen), TROUPE_OK);
    if (seen.boxes == 0) // an expression like any other: no braces needed
        assert_int_equal(troupe_send(outside, to, Parcel, .weight = 3, .to = "home"), TROUPE_OK);
    else
        fail();
    trp_driver_settle(&driver);
    assert_int_equal(seen.weight, 3);
    assert_int_equal(elsewhere_send(outside, to, 4), TROUPE_OK);
    assert_int_equal(troupe_send(outside, to, Kinds3__Point, .x = 9), TROUPE_OK);
    assert_int_equal(troupe_send(outside, to, Box, .corners = {{1, 1}, {2, 2}}), TROUPE_OK);
    trp_driver_settle(&driver);
    assert_int_equal(seen.parcels, 2);
    assert_int_equal(seen.weight, 4);
    assert_int_equal(seen.x, 9);
    assert_int_equal(seen.boxes, 1);
    assert_int_equal(seen.foreign, 0);
    assert_int_equal(trp_driver_stop(&driver, 0, NULL), TROUPE_OK);
}

static void a_message_tells_its_type_s_name(void **state)
{
    (void)state;
    troupe_msg other = {.body = ""};
    troupe_type *types[] = {TROUPE_TYPE(Parcel), TROUPE_TYPE(Reset), TROUPE_TYPE(Kinds3__Point)};
    const char *names[] = {"Parcel", "Reset", "kinds3.Point"};
    for (int i = 0; i < 3; i++) {
        (void)troupe_msg_match(&other, types[i]); // makes the id known
        troupe_msg msg = {.type = types[i]->id, .size = types[i]->size, .body = ""};
        assert_string_equal(troupe_msg_type_name(&msg), names[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_word_alone_builds_a_body_of_zeros),
        cmocka_unit_test(one_field_and_62_fields_are_set_as_written),
        cmocka_unit_test(braces_brackets_strings_and_calls_may_stand_in_a_field),
        cmocka_unit_test(a_body_may_be_an_array_a_number_or_a_pointer),
        cmocka_unit_test(a_whole_struct_is_one_field_when_it_is_nested),
        cmocka_unit_test(every_argument_is_evaluated_once),
        cmocka_unit_test(types_of_two_source_files_match_each_other_and_nothing_else),
        cmocka_unit_test(a_message_tells_its_type_s_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
