// Targets that are not actors of this system: slots of another kind, and other systems by a route.
#include "actors/actor.h"
#include "actors/target.h"
#include "all_kinds_proto3.pb-c.h"
#include "sim/driver.h"
#include "tests/support/test.h"

#include <string.h>

TROUPE_EMPTY(Hello);
TROUPE_PROTO(Kinds3__Point, kinds3__point);

static struct {
    uint32_t delivered, ordered, routed;
    troupe_ref routed_to;
} seen;

static int setup(void **state)
{
    (void)state;
    memset(&seen, 0, sizeof seen);
    return 0;
}

static void deliver(troupe_system *system, struct trp_runner *runner, void *user,
                    struct trp_slot *slot, uint32_t generation, struct trp_envelope *envelope)
{
    (void)user;
    (void)slot;
    assert_int_equal(generation, envelope->generation);
    seen.delivered++;
    trp_count(system, runner, handled);
    trp_finish(system, runner, envelope);
}

static void order(troupe_system *system, struct trp_runner *runner, void *user,
                  struct trp_slot *slot, uint32_t generation, uint32_t bits)
{
    (void)runner;
    (void)user;
    (void)bits;
    seen.ordered++;
    trp_target_end(system, runner, trp_ref(system, slot->index, generation),
                   (struct trp_reason){.kind = TROUPE_SHUTDOWN});
}

static const struct trp_target_ops sink = {.name = "sink", .deliver = deliver, .order = order};

static void a_target_of_another_kind_gets_what_is_sent_to_its_ref(void **state)
{
    (void)state;
    struct trp_driver driver;
    troupe_ref ref;
    assert_int_equal(trp_driver_start(&driver, 1, NULL), TROUPE_OK);
    troupe_ctx *ctx = troupe_outside(driver.system);
    assert_int_equal(trp_target_new(driver.system, NULL, &sink, NULL, &ref), TROUPE_OK);
    assert_int_equal(troupe_send(ctx, ref, Hello), TROUPE_OK);
    assert_int_equal(seen.delivered, 1);
    assert_int_equal(troupe_stop(ctx, ref), TROUPE_OK);
    assert_int_equal(seen.ordered, 1);
    assert_int_equal(troupe_send(ctx, ref, Hello), TROUPE_EDEAD);
    assert_int_equal(troupe_stop(ctx, ref), TROUPE_EDEAD);
    assert_int_equal(seen.delivered, 1);
    assert_int_equal(trp_driver_stop(&driver, 0, NULL), TROUPE_OK);
}

static void a_plain_struct_does_not_leave_its_system(void **state)
{
    (void)state;
    struct trp_driver driver;
    assert_int_equal(trp_driver_start(&driver, 1, NULL), TROUPE_OK);
    troupe_ctx *ctx = troupe_outside(driver.system);
    troupe_ref abroad = {.system = driver.system->id + 2, .slot = 0, .generation = 7};
    assert_int_equal(troupe_send(ctx, abroad, Hello), TROUPE_ENOTWIRE);
    assert_non_null(strstr(troupe_error_text(ctx), "Hello"));
    troupe_stats stats;
    troupe_system_stats(driver.system, &stats);
    assert_int_equal(stats.sent, 0);
    assert_int_equal(trp_driver_stop(&driver, 0, NULL), TROUPE_OK);
}

static troupe_status route_send(void *user, troupe_ctx *ctx, troupe_ref to,
                                struct trp_envelope *envelope)
{
    (void)user;
    seen.routed++;
    seen.routed_to = to;
    trp_finish(ctx->system, ctx->runner, envelope);
    return TROUPE_OK;
}

static void a_protobuf_message_to_another_system_takes_the_route(void **state)
{
    (void)state;
    static const struct trp_route route = {.send = route_send};
    struct trp_driver driver;
    assert_int_equal(trp_driver_start(&driver, 1, NULL), TROUPE_OK);
    troupe_ctx *ctx = troupe_outside(driver.system);
    troupe_ref abroad = {.system = driver.system->id + 2, .slot = 0, .generation = 7};
    assert_int_equal(troupe_send(ctx, abroad, Kinds3__Point, .x = 3), TROUPE_EDEAD); // no route yet
    trp_route_set(driver.system, &route);
    assert_int_equal(troupe_send(ctx, abroad, Kinds3__Point, .x = 3), TROUPE_OK);
    assert_int_equal(seen.routed, 1);
    assert_true(troupe_ref_equal(seen.routed_to, abroad));
    assert_int_equal(trp_driver_stop(&driver, 0, NULL), TROUPE_OK);
}

static void moves_and_fan_outs_to_another_system_do_as_sends_do(void **state)
{
    (void)state;
    static const struct trp_route route = {.send = route_send};
    struct trp_driver driver;
    assert_int_equal(trp_driver_start(&driver, 1, NULL), TROUPE_OK);
    troupe_ctx *ctx = troupe_outside(driver.system);
    trp_route_set(driver.system, &route);
    troupe_ref abroad = {.system = driver.system->id + 2, .slot = 0, .generation = 7};
    size_t failed;
    assert_int_equal(troupe_send_many(ctx, &abroad, 1, &failed, Hello), TROUPE_OK);
    assert_int_equal(failed, 1);
    assert_int_equal(troupe_send_many(ctx, &abroad, 1, &failed, Kinds3__Point, .x = 3), TROUPE_OK);
    assert_int_equal(failed, 0);
    troupe_msg *msg;
    assert_non_null(troupe_msg_new(ctx, Hello, &msg));
    assert_int_equal(troupe_move(ctx, abroad, msg), TROUPE_ENOTWIRE);
    troupe_msg_free(ctx, msg); // still ours
    assert_non_null(troupe_msg_new(ctx, Kinds3__Point, &msg));
    assert_int_equal(troupe_move(ctx, abroad, msg), TROUPE_OK);
    assert_int_equal(seen.routed, 2);
    assert_int_equal(trp_driver_stop(&driver, 0, NULL), TROUPE_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_target_of_another_kind_gets_what_is_sent_to_its_ref, setup),
        cmocka_unit_test_setup(a_plain_struct_does_not_leave_its_system, setup),
        cmocka_unit_test_setup(moves_and_fan_outs_to_another_system_do_as_sends_do, setup),
        cmocka_unit_test_setup(a_protobuf_message_to_another_system_takes_the_route, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
