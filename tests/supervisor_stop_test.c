// How long a supervisor waits for a child that is to stop. On threads: a handler that is held at a
// gate is a child that does not stop.
#include "tests/support/gate.h"
#include "tests/support/tree.h"

static struct gate gate;

static troupe_status pass_gate(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)ctx;
    (void)puppet;
    (void)arg;
    gate_pass(&gate);
    world_say("b", "passed"); // it may have been given up, and has no name any more
    return TROUPE_OK;
}

// Starts "a", "b" and "z". "b" is as `held`, on a thread of its own, and in a handler.
static troupe_ref start_held(struct world *world, troupe_child held)
{
    held.id = "b";
    held.behavior = &puppet_behavior;
    held.place = TROUPE_ON_THREAD;
    const troupe_child children[] = {PUPPET("a"), held, PUPPET("z")};
    gate_init(&gate);
    troupe_ref top = tree_start_owned(world, &(troupe_supervisor){TREE(children)});
    world_tell(world, tree_child(world, top, "b"), pass_gate, NULL);
    gate_await(&gate);
    return top;
}

// Has it stop, and waits until it comes to "b".
static void stop_until_b(struct world *world, troupe_ref top)
{
    troupe_stop(world->ctx, top);
    world_await(world, "z", "stop shutdown");
}

static void await_end(struct world *world)
{
    world_await_all(world, "owner", "init 1; down start 1; down stop 1 shutdown");
}

WORLD_STORY_ON_THREADS(a_child_that_stops_in_time_is_not_killed)
{
    troupe_ref top = start_held(world, (troupe_child){.shutdown_ms = 0}); // 5000
    stop_until_b(world, top);
    gate_open(&gate);
    await_end(world);
    world_expect(world, "b", "init 1; passed; stop shutdown");
    world_expect_order(world, "b", "stop shutdown", "a", "stop shutdown");
}

WORLD_STORY_ON_THREADS(a_child_that_takes_too_long_is_killed_and_given_up)
{
    troupe_ref top = start_held(world, (troupe_child){.shutdown_ms = 1, .kill_grace_ms = 1});
    world_watch(world, "witness", tree_child(world, top, "b"), TROUPE_ON_STOP);
    stop_until_b(world, top);
    world_await_all(world, "witness", "down stop 1 killed");
    await_end(world); // while its handler is still held
    world_await(world, "event", "abandoned b 1 killed");
    gate_open(&gate);
    world_await(world, "b", "passed");
}

WORLD_STORY_ON_THREADS(a_dynamic_child_that_takes_too_long_is_killed_and_given_up)
{
    const troupe_child held =
        PUPPET("b", .place = TROUPE_ON_THREAD, .shutdown_ms = 1, .kill_grace_ms = 1);
    gate_init(&gate);
    troupe_ref top = tree_start_dynamic(world, &held), ref = tree_add(world, top);
    tree_add(world, top);
    world_tell(world, ref, pass_gate, NULL);
    gate_await(&gate);
    world_watch(world, "witness", ref, TROUPE_ON_STOP);
    troupe_stop(world->ctx, top);
    world_await_all(world, "witness", "down stop 1 killed");
    world_join(world, top); // while its handler is still held
    gate_open(&gate);
    world_await(world, "b", "passed");
}

WORLD_STORY_ON_THREADS(a_child_that_is_to_be_killed_now_is_not_asked_first)
{
    troupe_ref top =
        start_held(world, (troupe_child){.shutdown_ms = TROUPE_KILL_NOW, .kill_grace_ms = 1});
    assert_int_equal(troupe_stop_child(world->ctx, top, 0, NULL, NULL, "b"), TROUPE_OK);
    tree_await(world, top, "a running 1, b stopped, z running 1");
    gate_open(&gate);
    world_await(world, "b", "passed");
    world_expect(world, "b", "init 1; passed");
}

WORLD_STORY_ON_THREADS(the_supervisor_is_killed_while_it_waits_for_a_child)
{
    troupe_ref top =
        start_held(world, (troupe_child){.shutdown_ms = TROUPE_NO_LIMIT, .kill_grace_ms = 1});
    stop_until_b(world, top);
    troupe_kill(world->ctx, top);
    world_await_all(world, "owner", "init 1; down start 1; down stop 1 killed");
    gate_open(&gate);
    world_await(world, "b", "passed");
    world_expect(world, "a", "init 1");
    world_expect(world, "b", "init 1; passed");
}

WORLD_STORY_ON_THREADS(a_slow_member_delays_the_restart_of_its_group)
{
    static const troupe_child children[] = {
        PUPPET("a"), PUPPET("b", .place = TROUPE_ON_THREAD, .shutdown_ms = TROUPE_NO_LIMIT)};
    gate_init(&gate);
    troupe_supervisor spec = {.strategy = TROUPE_ONE_FOR_ALL, TREE(children)};
    troupe_ref top = tree_start_owned(world, &spec);
    world_tell(world, tree_child(world, top, "b"), pass_gate, NULL);
    gate_await(&gate);
    tree_fail(world, top, "a");
    tree_await(world, top, "a restarting, b restarting"); // it answers
    world_expect(world, "a", "init 1; stop failed: broken");
    gate_open(&gate);
    tree_await(world, top, "a running 2, b running 2");
    world_expect_order(world, "b", "stop shutdown", "a", "init 2");
}

WORLD_STORY_ON_THREADS(a_slow_member_that_is_given_up_delays_it_no_longer)
{
    static const troupe_child children[] = {
        PUPPET("a"), PUPPET("b", .place = TROUPE_ON_THREAD, .shutdown_ms = 1, .kill_grace_ms = 1)};
    gate_init(&gate);
    troupe_supervisor spec = {.strategy = TROUPE_ONE_FOR_ALL, TREE(children)};
    troupe_ref top = tree_start_owned(world, &spec);
    world_tell(world, tree_child(world, top, "b"), pass_gate, NULL);
    gate_await(&gate);
    tree_fail(world, top, "a");
    tree_await(world, top, "a running 2, b running 2");
    gate_open(&gate);
    world_await(world, "b", "passed");
}

WORLD_STORY_ON_THREADS(a_child_that_is_a_supervisor_has_no_limit)
{
    // The inner one takes as long as its child, whose own limit is none.
    static const troupe_child inside[] = {
        PUPPET("b", .place = TROUPE_ON_THREAD, .shutdown_ms = TROUPE_NO_LIMIT), PUPPET("z")};
    static const troupe_supervisor inner = {.children = inside, .child_count = 2};
    static const troupe_child children[] = {PUPPET("a"), {.id = "inner", .supervisor = &inner}};
    gate_init(&gate);
    troupe_ref top = tree_start_owned(world, &(troupe_supervisor){TREE(children)});
    world_tell(world, tree_child(world, tree_child(world, top, "inner"), "b"), pass_gate, NULL);
    gate_await(&gate);
    stop_until_b(world, top);
    gate_open(&gate);
    await_end(world);
    world_expect(world, "b", "init 1; passed; stop shutdown");
}

// ---- Driven: how long

WORLD_STORY_DRIVEN(prompt_children_are_stopped_without_any_time_passing)
{
    static const troupe_child children[] = {PUPPET("a"), PUPPET("b"), PUPPET("c")};
    troupe_ref top = tree_start_owned(world, &(troupe_supervisor){TREE(children)});
    uint64_t before = world->driver.sim->now;
    troupe_stop(world->ctx, top);
    world_settle(world);
    world_expect(world, "owner", "init 1; down start 1; down stop 1 shutdown");
    assert_int_equal(world->driver.sim->now, before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_child_that_stops_in_time_is_not_killed),
        cmocka_unit_test(a_child_that_takes_too_long_is_killed_and_given_up),
        cmocka_unit_test(a_dynamic_child_that_takes_too_long_is_killed_and_given_up),
        cmocka_unit_test(a_child_that_is_to_be_killed_now_is_not_asked_first),
        cmocka_unit_test(the_supervisor_is_killed_while_it_waits_for_a_child),
        cmocka_unit_test(a_slow_member_delays_the_restart_of_its_group),
        cmocka_unit_test(a_slow_member_that_is_given_up_delays_it_no_longer),
        cmocka_unit_test(a_child_that_is_a_supervisor_has_no_limit),
        cmocka_unit_test(prompt_children_are_stopped_without_any_time_passing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
