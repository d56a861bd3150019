// Children whose init says TROUPE_IGNORE when they are restarted: they are left out from then on,
// which is no failure. That of their first start is in supervisor_children_test.c.
#include "tests/support/tree.h"

static troupe_ref start(struct world *world, troupe_strategy strategy, const troupe_child *children,
                        size_t count)
{
    troupe_supervisor spec = {.name = "top",
                              .strategy = strategy,
                              .max_restarts = 1,
                              .auto_shutdown = TROUPE_ANY_SIGNIFICANT,
                              .children = children,
                              .child_count = count};
    return tree_start_owned(world, &spec);
}

#define START(strategy, children) start(world, (strategy), (children), COUNT(children))
#define ONCE(world)               RUN(&tree_script((world), "+i+")->order)

WORLD_STORY(it_stays_down_and_is_not_tried_again)
{
    const troupe_child children[] = {PUPPET("a", ONCE(world)), PUPPET("b")};
    troupe_ref top = START(TROUPE_ONE_FOR_ONE, children), a = tree_child(world, top, "a"), ref;
    world_watch(world, "witness", a, TROUPE_ON_STOP);
    tree_fail(world, top, "a");
    tree_await(world, top, "a stopped, b running 1");
    world_await_all(world, "witness", "down stop 2 normal");
    assert_int_equal(troupe_child_ref(world->ctx, top, "a", &ref), TROUPE_ENOENT);
    assert_int_equal(troupe_send(world->ctx, a, Number, .value = 1), TROUPE_EDEAD);
    world_expect(world, "owner", "init 1; down start 1");
}

WORLD_STORY(it_can_be_started_by_request)
{
    const troupe_child children[] = {PUPPET("a", ONCE(world))};
    troupe_ref top = START(TROUPE_ONE_FOR_ONE, children), ref;
    tree_fail(world, top, "a");
    tree_await(world, top, "a stopped");
    assert_int_equal(troupe_restart_child_wait(world->ctx, top, 0, "a", &ref), TROUPE_OK);
    tree_expect(world, top, "a running 1");
    assert_true(troupe_ref_equal(ref, tree_child(world, top, "a")));
}

WORLD_STORY_DRIVEN(what_waited_for_it_is_dead)
{
    const troupe_child children[] = {PUPPET("a", ONCE(world))};
    troupe_ref top = START(TROUPE_ONE_FOR_ONE, children), a = tree_child(world, top, "a");
    world_tell(world, a, puppet_fail, broken);
    (void)troupe_send(world->ctx, a, Number, .value = 5);
    tree_await(world, top, "a stopped");
    world_settle(world);
    world_await(world, "dead", "Number 5 ended");
}

WORLD_STORY(the_rest_of_its_group_goes_on)
{
    const troupe_child children[] = {PUPPET("a"), PUPPET("b", ONCE(world)), PUPPET("c")};
    troupe_ref top = START(TROUPE_ONE_FOR_ALL, children);
    tree_fail(world, top, "a");
    tree_await(world, top, "a running 2, b stopped, c running 2");
    world_expect_order(world, "b", "stop shutdown", "c", "init 2");
}

WORLD_STORY(the_rest_goes_on_also_when_it_was_the_one_that_failed)
{
    const troupe_child children[] = {PUPPET("a"), PUPPET("b", ONCE(world)), PUPPET("c")};
    troupe_ref top = START(TROUPE_REST_FOR_ONE, children);
    tree_fail(world, top, "b");
    tree_await(world, top, "a running 1, b stopped, c running 2");
    world_expect(world, "owner", "init 1; down start 1");
}

WORLD_STORY(a_dynamic_one_is_forgotten)
{
    static const troupe_child plain = PUPPET("child");
    const troupe_child with = {ONCE(world)};
    troupe_ref top = tree_start_dynamic(world, &plain), ref;
    assert_int_equal(troupe_start_child_wait(world->ctx, top, 0, &with, &ref), TROUPE_OK);
    assert_int_equal(world_do(world, ref, puppet_fail, broken), TROUPE_EDOWN);
    world_join(world, ref);
    tree_await_count(world, top, 1, 0, 0, 0);
    tree_expect(world, top, "");
}

// That is no end by itself.
WORLD_STORY(a_significant_one_does_not_end_its_supervisor)
{
    const troupe_child children[] = {
        PUPPET("a", ONCE(world), .restart = TROUPE_TRANSIENT, .significant = true), PUPPET("b")};
    troupe_ref top = START(TROUPE_ONE_FOR_ONE, children);
    tree_fail(world, top, "a");
    tree_await(world, top, "a stopped, b running 1");
    world_expect(world, "owner", "init 1; down start 1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_stays_down_and_is_not_tried_again),
        cmocka_unit_test(it_can_be_started_by_request),
        cmocka_unit_test(what_waited_for_it_is_dead),
        cmocka_unit_test(the_rest_of_its_group_goes_on),
        cmocka_unit_test(the_rest_goes_on_also_when_it_was_the_one_that_failed),
        cmocka_unit_test(a_dynamic_one_is_forgotten),
        cmocka_unit_test(a_significant_one_does_not_end_its_supervisor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
