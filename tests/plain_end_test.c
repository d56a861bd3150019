// An actor without a stop function that ends by its handler: it has nothing to wait for, unless it
// has children.
#include "tests/support/world.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(its_children_end_before_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
