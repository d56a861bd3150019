// A budget of its own: a child whose restarts do not count for its supervisor. On virtual time
// where it matters when.
#include "tests/support/tree.h"

#define START(strategy, children) \
    tree_start_as(world, (strategy), TROUPE_NO_RESTARTS, (children), COUNT(children))

static void expect_given_up(struct world *world)
{
    world_await_all(world, "owner", "init 1; down start 1; down stop 1 shutdown");
    assert_int_equal(world_heard(world, "event", "gave up top 1 failed: broken"), 1);
}

static const troupe_child two[] = {PUPPET("a", .max_restarts = 2), PUPPET("b", .max_restarts = 2),
                                   PUPPET("c")};

WORLD_STORY(restarts_within_the_budget_do_not_count_for_the_supervisor)
{
    troupe_ref top = START(TROUPE_ONE_FOR_ONE, two);
    tree_fail(world, top, "a");
    tree_fail(world, top, "a");
    tree_await(world, top, "a running 3, b running 1, c running 1");
    world_expect(world, "owner", "init 1; down start 1");
}

WORLD_STORY(more_than_the_budget_makes_the_supervisor_give_up)
{
    troupe_ref top = START(TROUPE_ONE_FOR_ONE, two);
    for (int i = 0; i < 3; i++)
        tree_fail(world, top, "a");
    expect_given_up(world);
    world_expect(world, "b", "init 1; stop shutdown");
}

WORLD_STORY(each_child_has_its_own_budget)
{
    troupe_ref top = START(TROUPE_ONE_FOR_ONE, two);
    for (int i = 0; i < 2; i++) {
        tree_fail(world, top, "a");
        tree_fail(world, top, "b");
    }
    tree_await(world, top, "a running 3, b running 3, c running 1");
    tree_fail(world, top, "b");
    expect_given_up(world);
}

WORLD_STORY(others_count_for_the_supervisor_as_ever)
{
    troupe_ref top = START(TROUPE_ONE_FOR_ONE, two);
    tree_fail(world, top, "c");
    expect_given_up(world);
}

WORLD_STORY(a_budget_may_be_smaller_than_the_supervisors)
{
    static const troupe_child children[] = {PUPPET("a", .max_restarts = TROUPE_NO_RESTARTS),
                                            PUPPET("b")};
    troupe_supervisor spec = {.max_restarts = MANY, TREE(children)};
    troupe_ref top = tree_start_owned(world, &spec);
    tree_fail(world, top, "b");
    tree_await(world, top, "a running 1, b running 2");
    tree_fail(world, top, "a");
    expect_given_up(world);
}

WORLD_STORY(each_failed_attempt_counts_for_the_budget)
{
    const troupe_child children[] = {
        PUPPET("a", RUN(&tree_script(world, "+--+")->order), .max_restarts = 3)};
    troupe_ref top = START(TROUPE_ONE_FOR_ONE, children);
    tree_fail(world, top, "a");
    tree_await(world, top, "a running 4");
    tree_fail(world, top, "a");
    expect_given_up(world);
}

WORLD_STORY(a_group_restart_counts_for_the_budget_of_who_failed)
{
    troupe_ref top = START(TROUPE_ONE_FOR_ALL, two);
    tree_fail(world, top, "a");
    tree_await(world, top, "a running 2, b running 2, c running 2");
    tree_fail(world, top, "b");
    tree_await(world, top, "a running 3, b running 3, c running 3");
    tree_fail(world, top, "a");
    tree_await(world, top, "a running 4, b running 4, c running 4");
    tree_fail(world, top, "a");
    expect_given_up(world);
}

WORLD_STORY(each_dynamic_child_has_its_own_budget)
{
    static const troupe_child template = PUPPET("child", .max_restarts = 1);
    troupe_supervisor spec = {.name = "top",
                              .strategy = TROUPE_SIMPLE_ONE_FOR_ONE,
                              .max_restarts = TROUPE_NO_RESTARTS,
                              .children = &template,
                              .child_count = 1};
    troupe_ref top = tree_start_owned(world, &spec);
    troupe_ref one = tree_add(world, top), two_ref = tree_add(world, top);
    world_do(world, one, puppet_fail, broken);
    world_do(world, two_ref, puppet_fail, broken);
    tree_await(world, top, "- running 2, - running 2");
    world_do(world, one, puppet_fail, broken);
    expect_given_up(world);
}

WORLD_STORY(a_child_that_is_started_again_begins_with_a_full_budget)
{
    troupe_ref top = START(TROUPE_ONE_FOR_ONE, two), ref;
    tree_fail(world, top, "a");
    tree_fail(world, top, "a");
    tree_await(world, top, "a running 3, b running 1, c running 1");
    assert_int_equal(troupe_stop_child_wait(world->ctx, top, 0, "a"), TROUPE_OK);
    assert_int_equal(troupe_delete_child_wait(world->ctx, top, 0, "a"), TROUPE_OK);
    assert_int_equal(troupe_start_child_wait(world->ctx, top, 0, &two[0], &ref), TROUPE_OK);
    tree_fail(world, top, "a");
    tree_await(world, top, "b running 1, c running 1, a running 2");
}

// ---- When. Driven.

static bool survives_failure(struct world *world, troupe_ref top)
{
    world_tell(world, tree_child(world, top, "a"), puppet_fail, broken);
    world_settle(world);
    return troupe_incarnation(world->ctx, top) == 1;
}

WORLD_STORY_DRIVEN(a_budget_is_for_five_seconds_by_default)
{
    static const troupe_child children[] = {PUPPET("a", .max_restarts = 1)};
    troupe_ref top = START(TROUPE_ONE_FOR_ONE, children);
    assert_true(survives_failure(world, top));
    world_advance(world, 5001);
    assert_true(survives_failure(world, top));
    world_advance(world, 5000); // exactly that old still counts
    assert_false(survives_failure(world, top));
}

WORLD_STORY_DRIVEN(a_budget_has_its_own_period)
{
    static const troupe_child children[] = {PUPPET("a", .max_restarts = 1, .within_ms = 100)};
    troupe_ref top = START(TROUPE_ONE_FOR_ONE, children);
    for (int i = 0; i < 10; i++) {
        assert_true(survives_failure(world, top));
        world_advance(world, 101);
    }
    assert_true(survives_failure(world, top));
    world_advance(world, 100);
    assert_false(survives_failure(world, top));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(restarts_within_the_budget_do_not_count_for_the_supervisor),
        cmocka_unit_test(more_than_the_budget_makes_the_supervisor_give_up),
        cmocka_unit_test(each_child_has_its_own_budget),
        cmocka_unit_test(others_count_for_the_supervisor_as_ever),
        cmocka_unit_test(a_budget_may_be_smaller_than_the_supervisors),
        cmocka_unit_test(each_failed_attempt_counts_for_the_budget),
        cmocka_unit_test(a_group_restart_counts_for_the_budget_of_who_failed),
        cmocka_unit_test(each_dynamic_child_has_its_own_budget),
        cmocka_unit_test(a_child_that_is_started_again_begins_with_a_full_budget),
        cmocka_unit_test(a_budget_is_for_five_seconds_by_default),
        cmocka_unit_test(a_budget_has_its_own_period),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
