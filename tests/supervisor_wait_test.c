// Groups that wait for the backoff of a child, or are just being stopped, and requests that come in
// between: what they leave behind must not harm the others, not even much later.
#include "tests/support/tree.h"

#include <stdio.h>

static troupe_ref start(struct world *world, troupe_strategy strategy, const troupe_child *children,
                        size_t count)
{
    troupe_supervisor spec = {.name = "top",
                              .strategy = strategy,
                              .max_restarts = MANY,
                              .children = children,
                              .child_count = count};
    return tree_start_owned(world, &spec);
}

#define START(strategy, children) start(world, (strategy), (children), COUNT(children))

static void stop_child(struct world *world, troupe_ref top, const char *id)
{
    assert_int_equal(troupe_stop_child(world->ctx, top, 0, NULL, NULL, id), TROUPE_OK);
}

static void delete_child(struct world *world, troupe_ref top, const char *id)
{
    assert_int_equal(troupe_delete_child(world->ctx, top, 0, NULL, NULL, id), TROUPE_OK);
}

// Whose stop is timed for the group is stopped for good: the time is not that of anybody else.
WORLD_STORY_DRIVEN(a_member_that_is_stopped_for_good_amid_its_stop_for_the_group_harms_nobody_later)
{
    static const troupe_child two[] = {PUPPET("a"), PUPPET("b")};
    troupe_ref top = START(TROUPE_ONE_FOR_ALL, two);
    world_tell(world, tree_child(world, top, "b"), puppet_fail, broken);
    stop_child(world, top, "a");
    world_settle(world);
    char how[64]; // "a" is started too if it was stopped before the group
    snprintf(how, sizeof how, "%s", tree_look(world, top));
    world_advance(world, AN_HOUR);
    tree_expect(world, top, how);
    tree_fail(world, top, "b");
    tree_await_running(world, top);
}

// ---- While a group waits

WORLD_STORY_DRIVEN(the_last_member_is_stopped_and_forgotten_and_others_are_left_alone)
{
    static const troupe_child two[] = {PUPPET("a"), PUPPET("b", .backoff = {.min_ms = 1000})};
    troupe_ref top = START(TROUPE_REST_FOR_ONE, two);
    world_tell(world, tree_child(world, top, "b"), puppet_fail, broken);
    stop_child(world, top, "b"); // before, amid or after its wait
    delete_child(world, top, "b");
    delete_child(world, top, "b");
    world_advance(world, AN_HOUR);
    world_sync(world, tree_child(world, top, "a"));
    troupe_status status = troupe_delete_child_wait(world->ctx, top, TROUPE_NO_LIMIT, "b");
    assert_true(status == TROUPE_OK || status == TROUPE_ENOENT);
    tree_expect(world, top, "a running 1");
    tree_fail(world, top, "a");
    tree_await(world, top, "a running 2");
}

static const troupe_child waiting[] = {PUPPET("a"), PUPPET("b", .backoff = {.min_ms = 1000}),
                                       PUPPET("c")};

// "b" has failed, and its group waits; "c" has been started by request meanwhile.
static troupe_ref start_waiting(struct world *world, troupe_strategy strategy)
{
    troupe_ref top = START(strategy, waiting), ref;
    tree_fail(world, top, "b");
    world_settle(world);
    assert_int_equal(troupe_stop_child_wait(world->ctx, top, TROUPE_NO_LIMIT, "c"), TROUPE_OK);
    assert_int_equal(troupe_restart_child_wait(world->ctx, top, TROUPE_NO_LIMIT, "c", &ref),
                     TROUPE_OK);
    return top;
}

WORLD_STORY_DRIVEN(a_member_that_is_started_again_while_its_group_waits_is_restarted_with_it)
{
    troupe_ref top = start_waiting(world, TROUPE_REST_FOR_ONE);
    tree_expect(world, top, "a running 1, b restarting, c running 1");
    world_advance(world, 2000);
    tree_expect(world, top, "a running 1, b running 2, c running 2");
}

WORLD_STORY_DRIVEN(if_it_fails_it_waits_with_the_others_of_the_rest)
{
    troupe_ref top = start_waiting(world, TROUPE_REST_FOR_ONE);
    tree_fail(world, top, "c");
    world_settle(world);
    tree_expect(world, top, "a running 1, b restarting, c restarting");
    world_advance(world, 2000);
    tree_expect(world, top, "a running 1, b running 2, c running 2");
}

WORLD_STORY_DRIVEN(if_it_fails_it_waits_with_all_others)
{
    troupe_ref top = start_waiting(world, TROUPE_ONE_FOR_ALL);
    tree_fail(world, top, "c");
    world_settle(world);
    tree_expect(world, top, "a restarting, b restarting, c restarting");
    world_advance(world, 2000);
    tree_expect(world, top, "a running 2, b running 2, c running 2");
}

WORLD_STORY_DRIVEN(a_failure_before_the_group_does_not_shorten_its_wait)
{
    troupe_ref top = start_waiting(world, TROUPE_REST_FOR_ONE);
    tree_fail(world, top, "a");
    world_settle(world);
    tree_expect(world, top, "a restarting, b restarting, c restarting");
    world_advance(world, 2000);
    tree_expect(world, top, "a running 2, b running 2, c running 2");
}

WORLD_STORY_DRIVEN(its_failures_count)
{
    troupe_supervisor spec = {.strategy = TROUPE_REST_FOR_ONE, .max_restarts = 1, TREE(waiting)};
    troupe_ref top = tree_start_owned(world, &spec), ref;
    tree_fail(world, top, "b");
    world_settle(world);
    assert_int_equal(troupe_stop_child_wait(world->ctx, top, TROUPE_NO_LIMIT, "c"), TROUPE_OK);
    assert_int_equal(troupe_restart_child_wait(world->ctx, top, TROUPE_NO_LIMIT, "c", &ref),
                     TROUPE_OK);
    tree_fail(world, top, "c");
    world_await_all(world, "owner", "init 1; down start 1; down stop 1 shutdown");
    world_expect(world, "a", "init 1; stop shutdown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            a_member_that_is_stopped_for_good_amid_its_stop_for_the_group_harms_nobody_later),
        cmocka_unit_test(the_last_member_is_stopped_and_forgotten_and_others_are_left_alone),
        cmocka_unit_test(a_member_that_is_started_again_while_its_group_waits_is_restarted_with_it),
        cmocka_unit_test(if_it_fails_it_waits_with_the_others_of_the_rest),
        cmocka_unit_test(if_it_fails_it_waits_with_all_others),
        cmocka_unit_test(a_failure_before_the_group_does_not_shorten_its_wait),
        cmocka_unit_test(its_failures_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
