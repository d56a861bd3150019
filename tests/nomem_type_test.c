// Without memory: message types are registered for the whole process, by malloc. A message of a
// type that finds none is refused, and the next one is not.
#include "mailbox/type.h"
#include "tests/support/world.h"

#include <stdlib.h>

TROUPE_EMPTY(Work);

static troupe_status answer(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    (void)msg;
    return troupe_reply(ctx, Work);
}

static const troupe_behavior answerer_behavior = {.name = "answerer", .receive = answer};

static bool no_types;

static void *type_memory(size_t size)
{
    return no_types ? NULL : malloc(size);
}

TROUPE_STRUCT(New, struct number);
TROUPE_STRUCT(Newer, struct number);

static void a_type_that_finds_no_memory_is_registered_later(void **state)
{
    (void)state;
    struct trp_driver driver;
    const troupe_ref nobody = {0, 0, 0};
    troupe_ref to;
    troupe_msg *msg;
    trp_type_set_alloc(type_memory);
    assert_int_equal(trp_driver_start(&driver, 1, NULL), TROUPE_OK);
    troupe_ctx *ctx = troupe_outside(driver.system);
    assert_int_equal(troupe_spawn(ctx, &answerer_behavior, NULL, &to), TROUPE_OK);
    no_types = true;
    assert_int_equal(troupe_send(ctx, to, New), TROUPE_ENOMEM);
    assert_int_equal(troupe_send_many(ctx, &to, 1, NULL, New), TROUPE_ENOMEM);
    assert_int_equal(troupe_call(ctx, to, 0, NULL, New), TROUPE_ENOMEM);
    assert_int_equal(troupe_after(ctx, 0, to, NULL, New), TROUPE_ENOMEM);
    assert_int_equal(troupe_send(ctx, nobody, New), TROUPE_ENOMEM);
    assert_null(troupe_msg_new(ctx, New, &msg));
    troupe_msg other = {.type = TROUPE_TYPE(Work)->id, .body = ""};
    assert_null(troupe_match(&other, Newer));
    no_types = false;
    assert_int_equal(troupe_call(ctx, to, 0, NULL, New), TROUPE_OK);
    assert_int_equal(troupe_call(ctx, to, 0, NULL, Newer), TROUPE_OK);
    assert_int_equal(trp_driver_stop(&driver, 0, NULL), TROUPE_OK);
    trp_type_set_alloc(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_type_that_finds_no_memory_is_registered_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
