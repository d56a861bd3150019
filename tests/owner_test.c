// Ownership: an actor belongs to the one that spawned it and does not outlive it.
#include "tests/support/world.h"

#include <sched.h>

static troupe_status spawn_child(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    puppet->other = puppet_spawn(ctx, "child", arg ? spawn_child : NULL, NULL);
    return TROUPE_OK;
}

// An owner with a child with a child of its own, all started.
static troupe_ref spawn_family(struct world *world)
{
    static char grandchild_too[] = "";
    troupe_ref owner = world_spawn(world, "owner", spawn_child, grandchild_too);
    world_await_times(world, 2, "child", "init 1");
    return owner;
}

static char broken[] = "broken";

WORLD_STORY(children_are_shut_down_when_their_owner_is_stopped)
{
    troupe_ref owner = spawn_family(world);
    troupe_stop(world->ctx, owner);
    world_join(world, owner);
    world_expect(world, "child", "init 1; init 1; stop shutdown; stop shutdown");
    world_expect(world, "owner", "init 1; stop shutdown");
}

WORLD_STORY(children_are_shut_down_when_their_owner_ends_normally)
{
    troupe_ref owner = spawn_family(world);
    world_do(world, owner, puppet_stop, NULL);
    world_join(world, owner);
    world_expect(world, "child", "init 1; init 1; stop shutdown; stop shutdown");
}

WORLD_STORY(children_are_shut_down_when_their_owner_fails)
{
    troupe_ref owner = spawn_family(world);
    world_do(world, owner, puppet_fail, broken);
    world_join(world, owner);
    world_expect(world, "child", "init 1; init 1; stop shutdown; stop shutdown");
}

WORLD_STORY(children_are_killed_when_their_owner_is_killed)
{
    troupe_ref owner = spawn_family(world);
    troupe_kill(world->ctx, owner);
    world_join(world, owner);
    world_expect(world, "child", "init 1; init 1");
    troupe_stats stats;
    troupe_system_stats(world->system, &stats);
    assert_int_equal(stats.ended, 3);
}

WORLD_STORY(an_owner_stops_after_its_children)
{
    troupe_ref owner = spawn_family(world);
    troupe_stop(world->ctx, owner);
    world_join(world, owner);
    world_expect_order(world, "child", "stop shutdown", "owner", "stop shutdown");
}

static troupe_status spawn_and_fail(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    puppet->other = puppet_spawn(ctx, "child", NULL, NULL);
    return troupe_fail(ctx, TROUPE_EUSER, "%s", (const char *)arg);
}

WORLD_STORY(children_that_a_failed_init_has_spawned_end_with_it)
{
    troupe_ref owner = world_spawn(world, "owner", spawn_and_fail, broken);
    world_join(world, owner);
    troupe_stats stats;
    troupe_system_stats(world->system, &stats);
    assert_int_equal(stats.ended, 2);
}

static troupe_status spawn_detached(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)arg;
    troupe_spawn_opts opts = {.name = "detached", .detached = true};
    return troupe_spawn(ctx, &puppet_behavior, &opts, &puppet->other);
}

static troupe_status say_owner(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet;
    const troupe_ref *wanted = arg;
    puppet_say(ctx, "%s", troupe_ref_equal(troupe_owner(ctx), *wanted) ? "mine" : "not mine");
    return TROUPE_OK;
}

static troupe_status tell_other(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    return troupe_send(ctx, puppet->other, Do, .fn = say_owner, .arg = arg);
}

static troupe_status give_other(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)ctx;
    *(troupe_ref *)arg = puppet->other;
    return TROUPE_OK;
}

WORLD_STORY(a_detached_actor_outlives_its_spawner)
{
    troupe_ref spawner = world_spawn(world, "spawner", spawn_detached, NULL), detached;
    troupe_ref none = {0, 0, 0};
    world_do(world, spawner, give_other, &detached);
    troupe_stop(world->ctx, spawner);
    world_join(world, spawner);
    assert_int_equal(world_do(world, detached, say_owner, &none), TROUPE_OK);
    world_expect(world, "detached", "init 1; mine");
}

WORLD_STORY(a_child_knows_its_owner)
{
    troupe_ref owner = world_spawn(world, "owner", spawn_child, NULL);
    world_do(world, owner, tell_other, &owner);
    world_await_all(world, "child", "init 1; mine");
}

static void spawn_at_the_end(troupe_ctx *ctx, void *state, const troupe_reason *why)
{
    (void)state;
    (void)why;
    troupe_status status = troupe_spawn(ctx, &puppet_behavior, NULL, NULL);
    puppet_say(ctx, "%s: %s", troupe_status_name(status), troupe_error_text(ctx));
}

static troupe_status receive_nothing(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)ctx;
    (void)state;
    (void)msg;
    return TROUPE_UNHANDLED;
}

static const troupe_behavior fertile = {
    .name = "fertile", .receive = receive_nothing, .stop = spawn_at_the_end};

WORLD_STORY(an_owner_that_stops_cannot_spawn_children)
{
    troupe_ref a;
    assert_int_equal(troupe_spawn_wait(world->ctx, &fertile, NULL, &a, NULL, NULL), TROUPE_OK);
    troupe_stop(world->ctx, a);
    world_await_all(world, "fertile", "TROUPE_ECLOSED: no new puppet: its owner is stopping");
}

// ---- Children that do not end in time

static _Atomic bool released;

static troupe_status wait_for_release(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet;
    (void)arg;
    world_say("held", "holds");
    while (!atomic_load(&released) && troupe_unbecome(ctx) != TROUPE_ESTALE)
        sched_yield(); // until the runtime will have nothing to do with us any more
    return TROUPE_OK;
}

static troupe_status spawn_held(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)arg;
    troupe_spawn_opts opts = {
        .name = "child", .place = TROUPE_ON_THREAD, .shutdown_ms = 1, .kill_grace_ms = 1};
    WORLD_CHECK(troupe_spawn(ctx, &puppet_behavior, &opts, &puppet->other) == TROUPE_OK);
    return troupe_send(ctx, puppet->other, Do, .fn = wait_for_release);
}

WORLD_STORY_ON_THREADS(a_child_that_does_not_stop_in_time_is_killed_and_given_up)
{
    atomic_store(&released, false);
    troupe_ref owner = world_spawn(world, "owner", spawn_held, NULL);
    world_await(world, "held", "holds");
    troupe_stop(world->ctx, owner);
    world_join(world, owner);
    atomic_store(&released, true);
    world_expect(world, "owner", "init 1; stop shutdown");
    world_expect(world, "event", "abandoned child 1 killed");
}

static troupe_status spawn_without_warning(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)arg;
    troupe_spawn_opts opts = {.name = "child", .shutdown_ms = TROUPE_KILL_NOW};
    return troupe_spawn(ctx, &puppet_behavior, &opts, &puppet->other);
}

WORLD_STORY(a_child_to_be_killed_now_is_not_asked_to_stop)
{
    troupe_ref owner = world_spawn(world, "owner", spawn_without_warning, NULL);
    world_await(world, "child", "init 1");
    troupe_stop(world->ctx, owner);
    world_join(world, owner);
    world_expect(world, "child", "init 1");
    world_expect(world, "owner", "init 1; stop shutdown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(children_are_shut_down_when_their_owner_is_stopped),
        cmocka_unit_test(children_are_shut_down_when_their_owner_ends_normally),
        cmocka_unit_test(children_are_shut_down_when_their_owner_fails),
        cmocka_unit_test(children_are_killed_when_their_owner_is_killed),
        cmocka_unit_test(an_owner_stops_after_its_children),
        cmocka_unit_test(children_that_a_failed_init_has_spawned_end_with_it),
        cmocka_unit_test(a_detached_actor_outlives_its_spawner),
        cmocka_unit_test(a_child_knows_its_owner),
        cmocka_unit_test(an_owner_that_stops_cannot_spawn_children),
        cmocka_unit_test(a_child_that_does_not_stop_in_time_is_killed_and_given_up),
        cmocka_unit_test(a_child_to_be_killed_now_is_not_asked_to_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
