// An actor without a stop function that ends by its handler: it has nothing to wait for, unless it
// has children. Its message leaves with it, unless it has passed it on.
#include "tests/support/world.h"
#include "troupe/name.h"

TROUPE_EMPTY(Stop);

static troupe_status receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    const struct order *order = troupe_match(msg, Do);
    if (order)
        return order->fn(ctx, NULL, order->arg);
    return troupe_match(msg, Stop) ? TROUPE_STOP : TROUPE_UNHANDLED;
}

static const troupe_behavior parent = {.name = "parent", .receive = receive};

static troupe_status spawn_child(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet, (void)arg;
    puppet_spawn(ctx, "child", NULL, NULL);
    return TROUPE_OK;
}

WORLD_STORY(its_children_end_before_it)
{
    troupe_ref ref;
    assert_int_equal(troupe_spawn(world->ctx, &parent, NULL, &ref), TROUPE_OK);
    world_watch(world, "witness", ref, TROUPE_ON_STOP);
    troupe_send(world->ctx, ref, Do, .fn = spawn_child);
    world_await(world, "child", "init 1");
    troupe_send(world->ctx, ref, Stop);
    world_await(world, "witness", "down stop 1 normal");
    world_expect_order(world, "child", "stop shutdown", "witness", "down stop 1 normal");
}

// Passes on what it gets, and ends by that.
static troupe_status pass_on_and_stop(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    const troupe_ref other = troupe_whereis(ctx, "other");
    WORLD_CHECK(troupe_forward(ctx, other, msg) == TROUPE_OK);
    return TROUPE_STOP;
}

static const troupe_behavior passing = {.name = "passing", .receive = pass_on_and_stop};

WORLD_STORY(the_message_that_it_has_passed_on_is_not_its_own)
{
    troupe_ref other = world_spawn(world, "other", NULL, NULL), ref;
    assert_int_equal(troupe_register(world->ctx, "other", other), TROUPE_OK);
    assert_int_equal(troupe_spawn(world->ctx, &passing, NULL, &ref), TROUPE_OK);
    world_watch(world, "witness", ref, TROUPE_ON_STOP);
    troupe_send(world->ctx, ref, Number, .value = 5);
    world_await(world, "witness", "down stop 1 normal");
    world_await_all(world, "other", "init 1; 5");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(its_children_end_before_it),
        cmocka_unit_test(the_message_that_it_has_passed_on_is_not_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
