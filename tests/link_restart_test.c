// Links over restarts, between an actor and one that it has spawned, and amid odd ends.
#include "tests/support/link.h"

// ---- Restarts

WORLD_STORY(a_restart_ends_links)
{
    troupe_ref a = world_supervise(world, "a", NULL);
    troupe_ref b = world_spawn(world, "b", puppet_trap, NULL);
    world_do(world, b, puppet_link, &a);
    world_do(world, a, puppet_fail, broken);
    world_await_all(world, "b", "init 1; exited 1 failed: broken");
    world_do(world, a, puppet_fail, broken);
    world_await(world, "a", "init 3");
    world_sync(world, b);
    world_expect(world, "b", "init 1; exited 1 failed: broken");
    world_do(world, b, puppet_link, &a);
    world_do(world, a, puppet_fail, broken);
    world_await_all(world, "b", "init 1; exited 1 failed: broken; exited 3 failed: broken");
}

WORLD_STORY(a_restart_ends_the_trap)
{
    troupe_ref a = world_supervise(world, "a", NULL);
    world_do(world, a, puppet_trap, NULL);
    world_do(world, a, puppet_fail, broken);
    world_await(world, "a", "init 2");
    world_sync(world, a);
    link_send_exit(world, a, TROUPE_FAILED);
    world_await(world, "a", "init 3");
    assert_int_equal(world_heard(world, "a", "stop failed: by hand"), 1);
}

WORLD_STORY(a_supervised_actor_is_restarted_after_a_signal)
{
    troupe_ref a = world_supervise(world, "a", NULL);
    troupe_ref b = world_spawn(world, "b", NULL, NULL);
    world_do(world, a, puppet_link, &b);
    world_do(world, b, puppet_fail, broken);
    world_await(world, "a", "init 2");
    world_expect_order(world, "a", "stop failed: broken", "a", "init 2");
}

WORLD_STORY(a_trapped_signal_is_not_for_the_next_incarnation)
{
    troupe_ref a = world_supervise(world, "a", NULL), b = world_spawn(world, "b", NULL, NULL);
    world_do(world, a, puppet_stash_exits, &b);
    troupe_stop(world->ctx, b);
    world_await(world, "a", "put aside");
    link_send_exit(world, a, TROUPE_FAILED);
    world_await_times(world, 2, "a", "put aside");
    troupe_send(world->ctx, a, Number, .value = -1);
    world_sync(world, a);
    world_expect(world, "a", "init 1; put aside; put aside; stop failed: broken; init 2");
}

// Fails in init as long as told to, so that its supervisor tries again and again.
static _Atomic int failing_starts;

static troupe_status fail_at_first(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet, (void)arg;
    return failing_starts-- > 0 ? troupe_fail(ctx, TROUPE_EUSER, "not yet") : TROUPE_OK;
}

WORLD_STORY(links_are_made_while_the_other_restarts)
{
    failing_starts = 0;
    troupe_ref a = world_supervise(world, "a", fail_at_first);
    troupe_ref b = world_spawn(world, "b", puppet_trap, NULL);
    failing_starts = 5;
    world_tell(world, a, puppet_fail, broken);
    for (int i = 0; i < 10; i++)
        world_tell(world, b, puppet_link, &a);
    world_await(world, "a", "init 7");
    world_sync(world, b);
    world_do(world, b, puppet_unlink, &a); // whichever incarnation that one is with
    world_do(world, a, puppet_fail, broken);
    world_await(world, "a", "init 8");
    world_sync(world, b);
    assert_int_equal(world_heard(world, "b", "exited 7 failed: broken"), 0);
    assert_int_equal(world_heard(world, "b", "exited 0 noactor"), 0); // it was there all the time
}

// ---- Spawning

struct spawning {
    troupe_spawn_opts opts;
    puppet_fn init;
    bool trap;
};

static troupe_status spawn_so(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    const struct spawning *spawning = arg;
    troupe_spawn_opts opts = spawning->opts;
    opts.name = "child";
    opts.monitor_ref = opts.monitor ? &puppet->monitor : NULL;
    WORLD_CHECK(troupe_trap_exits(ctx, spawning->trap) == TROUPE_OK);
    return troupe_spawn_with(ctx, &puppet_behavior, &opts, &puppet->other, Do, .fn = spawning->init,
                             .arg = broken);
}

static troupe_status fail_child(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    return troupe_send(ctx, puppet->other, Do, .fn = puppet_fail, .arg = arg);
}

WORLD_STORY(spawn_with_link_links_before_it_runs)
{
    struct spawning spawning = {{.link = true}, puppet_fail, true};
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    world_do(world, a, spawn_so, &spawning);
    world_await_all(world, "a", "init 1; exited 1 start failed: broken");
}

WORLD_STORY(spawn_with_link_ends_the_spawner_with_a_start_that_fails)
{
    struct spawning spawning = {{.link = true}, puppet_fail, false};
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    world_do(world, a, spawn_so, &spawning);
    world_join(world, a);
    world_expect(world, "a", "init 1; stop start failed: broken");
}

WORLD_STORY(spawn_with_link_works_in_both_directions)
{
    struct spawning spawning = {{.link = true, .detached = true}, NULL, false};
    troupe_ref a = world_spawn(world, "a", NULL, NULL), b = world_spawn(world, "b", NULL, NULL);
    world_do(world, a, spawn_so, &spawning);
    world_do(world, b, spawn_so, &spawning);
    world_await_times(world, 2, "child", "init 1"); // else it would end without a word
    world_do(world, a, puppet_fail, broken);
    world_await(world, "child", "stop failed: broken");
    world_do(world, b, fail_child, broken);
    world_await_all(world, "b", "init 1; stop failed: broken");
}

WORLD_STORY(spawn_with_link_and_monitor_tells_both)
{
    struct spawning spawning = {
        {.link = true, .monitor = TROUPE_ON_STOP | TROUPE_ON_START}, NULL, true};
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    world_do(world, a, spawn_so, &spawning);
    world_await(world, "a", "down start 1");
    world_do(world, a, fail_child, broken);
    world_await_all(world, "a",
                    "init 1; down start 1; exited 1 failed: broken; down stop 1 failed: broken");
}

// ---- Odd ends

static troupe_status have_child_and_link(troupe_ctx *ctx, struct puppet *puppet, void *ref)
{
    (void)puppet_spawn(ctx, "child", NULL, NULL);
    return puppet_link(ctx, puppet, ref);
}

WORLD_STORY(a_signal_ends_what_it_owns_as_well)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL), b = world_spawn(world, "b", NULL, NULL);
    world_do(world, a, have_child_and_link, &b);
    world_await(world, "child", "init 1");
    world_do(world, b, puppet_fail, broken);
    world_join(world, a);
    world_expect_order(world, "child", "stop shutdown", "a", "stop failed: broken");
}

WORLD_STORY(both_ends_of_a_link_may_be_stopped_at_once)
{
    struct pair pair = link_pair(world);
    troupe_stop(world->ctx, pair.one);
    troupe_stop(world->ctx, pair.other);
    world_join(world, pair.one);
    world_join(world, pair.other);
    world_expect(world, "one", "init 1; stop shutdown");
    world_expect(world, "other", "init 1; stop shutdown");
}

static _Atomic bool go_on; // the slow handler

static troupe_status hang(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)arg;
    troupe_ref other = puppet->other;
    puppet_say(ctx, "hangs");
    while (!go_on)
        continue;
    WORLD_CHECK(troupe_unlink(ctx, other) == TROUPE_ESTALE);
    WORLD_CHECK(troupe_link(ctx, other) == TROUPE_ESTALE);
    WORLD_CHECK(troupe_trap_exits(ctx, true) == TROUPE_ESTALE);
    WORLD_CHECK(troupe_exit(ctx, other, &(troupe_reason){.kind = TROUPE_SHUTDOWN}) ==
                TROUPE_ESTALE);
    return TROUPE_OK;
}

static void giving_up(struct world *world)
{
    if (world->workers < 2)
        return;
    go_on = false;
    troupe_spawn_opts opts = {.name = "a", .kill_grace_ms = 1};
    troupe_ref a, b = world_spawn(world, "b", puppet_trap, NULL);
    assert_int_equal(troupe_spawn_with(world->ctx, &puppet_behavior, &opts, &a, Do), TROUPE_OK);
    world_do(world, a, puppet_link, &b);
    world_tell(world, a, hang, NULL);
    world_await(world, "a", "hangs");
    troupe_kill(world->ctx, a);
    world_await_all(world, "b", "init 1; exited 1 killed");
    go_on = true;
}

static void a_handler_that_is_given_up_has_ended_for_its_links(void **state)
{
    (void)state;
    world_each_threads(giving_up);
}

static troupe_status end_it(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)ctx, (void)state, (void)msg;
    return TROUPE_STOP;
}

static troupe_ref at_the_end;

static void stop_and_link(troupe_ctx *ctx, void *state, const troupe_reason *why)
{
    (void)state, (void)why;
    WORLD_CHECK(troupe_link(ctx, at_the_end) == TROUPE_OK);
}

static const troupe_behavior last_minute = {
    .name = "last minute", .receive = end_it, .stop = stop_and_link};

WORLD_STORY(a_link_made_while_it_stops_is_told_at_its_end)
{
    troupe_ref a;
    at_the_end = world_spawn(world, "b", puppet_trap, NULL);
    world_sync(world, at_the_end);
    assert_int_equal(troupe_spawn(world->ctx, &last_minute, NULL, &a), TROUPE_OK);
    troupe_stop(world->ctx, a);
    world_await_all(world, "b", "init 1; exited 1 shutdown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_restart_ends_links),
        cmocka_unit_test(a_restart_ends_the_trap),
        cmocka_unit_test(a_supervised_actor_is_restarted_after_a_signal),
        cmocka_unit_test(a_trapped_signal_is_not_for_the_next_incarnation),
        cmocka_unit_test(links_are_made_while_the_other_restarts),
        cmocka_unit_test(spawn_with_link_links_before_it_runs),
        cmocka_unit_test(spawn_with_link_ends_the_spawner_with_a_start_that_fails),
        cmocka_unit_test(spawn_with_link_works_in_both_directions),
        cmocka_unit_test(spawn_with_link_and_monitor_tells_both),
        cmocka_unit_test(a_signal_ends_what_it_owns_as_well),
        cmocka_unit_test(both_ends_of_a_link_may_be_stopped_at_once),
        cmocka_unit_test(a_handler_that_is_given_up_has_ended_for_its_links),
        cmocka_unit_test(a_link_made_while_it_stops_is_told_at_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
