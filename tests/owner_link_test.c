// Links between an actor and what belongs to it: whose end is told to whom, and for which reason.
#include "tests/support/world.h"

static char broken[] = "broken";

static troupe_status trap(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet, (void)arg;
    return troupe_trap_exits(ctx, true);
}

static troupe_status spawn_linked(troupe_ctx *ctx, struct puppet *puppet, void *detached)
{
    const troupe_spawn_opts opts = {.name = "child", .link = true, .detached = detached != NULL};
    return troupe_spawn_with(ctx, &puppet_behavior, &opts, &puppet->other, Do);
}

static troupe_status spawn_sibling(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet, (void)arg;
    (void)puppet_spawn(ctx, "sibling", NULL, NULL);
    return TROUPE_OK;
}

static troupe_status tell_child(troupe_ctx *ctx, struct puppet *puppet, void *fn)
{
    return troupe_send(ctx, puppet->other, Do, .fn = *(puppet_fn *)fn, .arg = broken);
}

static troupe_status unlink_child(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)arg;
    return troupe_unlink(ctx, puppet->other);
}

static puppet_fn fail = puppet_fail, stop = puppet_stop;

// An owner with a child that is linked with it and one that is not; all have started.
static troupe_ref spawn_family(struct world *world)
{
    troupe_ref owner = world_spawn(world, "owner", NULL, NULL);
    world_do(world, owner, spawn_sibling, NULL);
    world_do(world, owner, spawn_linked, NULL);
    world_await(world, "sibling", "init 1");
    world_await(world, "child", "init 1");
    return owner;
}

// ---- The child ends

WORLD_STORY(the_failure_of_a_linked_child_ends_its_owner_and_all_that_is_the_owners)
{
    troupe_ref owner = spawn_family(world);
    world_watch(world, "witness", owner, TROUPE_ON_STOP);
    world_do(world, owner, tell_child, &fail);
    world_await_all(world, "witness", "down stop 1 failed: broken");
    world_expect(world, "child", "init 1; stop failed: broken");
    world_expect(world, "sibling", "init 1; stop shutdown");
    world_expect_order(world, "sibling", "stop shutdown", "owner", "stop failed: broken");
}

WORLD_STORY(an_owner_that_traps_is_told_and_goes_on)
{
    troupe_ref owner = spawn_family(world);
    world_do(world, owner, trap, NULL);
    world_do(world, owner, tell_child, &fail);
    world_await_all(world, "owner", "init 1; exited 1 failed: broken");
    world_do(world, owner, spawn_linked, NULL);
    world_do(world, owner, tell_child, &stop);
    world_await_all(world, "owner", "init 1; exited 1 failed: broken; exited 1 normal");
    world_expect(world, "sibling", "init 1");
}

WORLD_STORY(the_normal_end_of_a_linked_child_is_nothing)
{
    troupe_ref owner = spawn_family(world);
    world_do(world, owner, tell_child, &stop);
    world_await(world, "child", "stop normal");
    world_sync(world, owner);
    world_expect(world, "owner", "init 1");
}

WORLD_STORY(a_child_that_was_unlinked_still_belongs_to_its_owner)
{
    troupe_ref owner = spawn_family(world);
    world_do(world, owner, unlink_child, NULL);
    world_do(world, owner, tell_child, &fail);
    world_await(world, "child", "stop failed: broken");
    world_sync(world, owner);
    world_do(world, owner, spawn_linked, NULL);
    world_do(world, owner, unlink_child, NULL);
    world_await_times(world, 2, "child", "init 1");
    troupe_stop(world->ctx, owner);
    world_join(world, owner);
    world_expect(world, "child", "init 1; stop failed: broken; init 1; stop shutdown");
}

// ---- The owner ends: its children are shut down before, and take no other reason from it

WORLD_STORY(the_failure_of_an_owner_is_a_shutdown_to_a_linked_child)
{
    troupe_ref owner = spawn_family(world);
    world_watch(world, "witness", owner, TROUPE_ON_STOP);
    world_do(world, owner, puppet_fail, broken);
    world_await_all(world, "witness", "down stop 1 failed: broken"); // not that of the child
    world_expect(world, "child", "init 1; stop shutdown");
}

WORLD_STORY(so_is_its_normal_end)
{
    troupe_ref owner = spawn_family(world);
    world_do(world, owner, puppet_stop, NULL);
    world_join(world, owner);
    world_expect(world, "child", "init 1; stop shutdown");
    world_expect(world, "owner", "init 1; stop normal");
}

WORLD_STORY(an_owner_that_traps_hears_nothing_of_children_that_it_takes_along)
{
    troupe_ref owner = spawn_family(world);
    world_do(world, owner, trap, NULL);
    troupe_stop(world->ctx, owner);
    world_join(world, owner);
    world_expect(world, "owner", "init 1; stop shutdown");
    world_expect(world, "child", "init 1; stop shutdown");
}

WORLD_STORY(a_detached_child_that_is_linked_ends_for_its_spawners_reason)
{
    static char detached[] = "";
    troupe_ref spawner = world_spawn(world, "spawner", NULL, NULL);
    world_do(world, spawner, spawn_linked, detached);
    world_await(world, "child", "init 1");
    world_do(world, spawner, puppet_fail, broken);
    world_await_all(world, "child", "init 1; stop failed: broken");
}

// A spawner that fails in the handler in which it has spawned.
static troupe_status spawn_linked_and_fail(troupe_ctx *ctx, struct puppet *puppet, void *detached)
{
    WORLD_CHECK(spawn_linked(ctx, puppet, detached) == TROUPE_OK);
    return puppet_fail(ctx, puppet, broken);
}

WORLD_STORY(a_spawner_that_fails_at_once_takes_its_linked_child_along)
{
    static char detached[] = "";
    for (int i = 0; i < 2; i++) {
        troupe_ref spawner = world_spawn(world, "spawner", NULL, NULL);
        world_do(world, spawner, spawn_linked_and_fail, i ? detached : NULL);
        world_join(world, spawner);
    }
    world_stop(world); // which finds that all have ended
}

static troupe_status nothing(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)ctx, (void)state, (void)msg;
    return TROUPE_OK;
}

static void spawn_last(troupe_ctx *ctx, void *state, const troupe_reason *why)
{
    (void)state, (void)why;
    troupe_spawn_opts opts = {.name = "child", .link = true};
    WORLD_CHECK(troupe_spawn_with(ctx, &puppet_behavior, &opts, NULL, Do) == TROUPE_ECLOSED);
    opts.detached = true;
    WORLD_CHECK(troupe_spawn_with(ctx, &puppet_behavior, &opts, NULL, Do, .fn = trap) == TROUPE_OK);
    WORLD_CHECK(troupe_spawn(ctx, &puppet_behavior, &opts, NULL) == TROUPE_OK);
}

static const troupe_behavior late_parent = {
    .name = "late parent", .receive = nothing, .stop = spawn_last};

WORLD_STORY(who_is_spawned_in_a_stop_is_detached_and_told_of_the_end)
{
    troupe_ref a;
    assert_int_equal(troupe_spawn(world->ctx, &late_parent, NULL, &a), TROUPE_OK);
    troupe_stop(world->ctx, a);
    world_join(world, a);
    world_stop(world); // both may have been ended before they ran, and then say nothing
}

// ---- Restarts

WORLD_STORY(the_failure_of_a_linked_child_restarts_its_supervised_owner)
{
    troupe_ref owner = world_supervise(world, "owner", spawn_linked);
    world_await(world, "child", "init 1");
    world_do(world, owner, tell_child, &fail);
    world_await(world, "owner", "init 2");
    world_await_times(world, 2, "child", "init 1");
    world_expect(world, "owner", "init 1; stop failed: broken; init 2");
    world_do(world, owner, puppet_fail, broken); // and the child has ended before its third life
    world_await_times(world, 3, "child", "init 1");
    world_expect_order(world, "child", "stop shutdown", "owner", "init 3");
    world_sync(world, owner);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_failure_of_a_linked_child_ends_its_owner_and_all_that_is_the_owners),
        cmocka_unit_test(an_owner_that_traps_is_told_and_goes_on),
        cmocka_unit_test(the_normal_end_of_a_linked_child_is_nothing),
        cmocka_unit_test(a_child_that_was_unlinked_still_belongs_to_its_owner),
        cmocka_unit_test(the_failure_of_an_owner_is_a_shutdown_to_a_linked_child),
        cmocka_unit_test(so_is_its_normal_end),
        cmocka_unit_test(an_owner_that_traps_hears_nothing_of_children_that_it_takes_along),
        cmocka_unit_test(a_detached_child_that_is_linked_ends_for_its_spawners_reason),
        cmocka_unit_test(a_spawner_that_fails_at_once_takes_its_linked_child_along),
        cmocka_unit_test(who_is_spawned_in_a_stop_is_detached_and_told_of_the_end),
        cmocka_unit_test(the_failure_of_a_linked_child_restarts_its_supervised_owner),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
