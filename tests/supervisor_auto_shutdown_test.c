// Significant children: whose end ends their supervisor, and which ends do not count. Follows the
// cases of OTP's supervisor_SUITE: significant_temporary, _transient, _simple, _bystander,
// _escalation.
#include "tests/support/tree.h"

#define SIGNIFICANT_TRANSIENT .restart = TROUPE_TRANSIENT, .significant = true
#define SIGNIFICANT_TEMPORARY .restart = TROUPE_TEMPORARY, .significant = true

static const troupe_child transient[] = {PUPPET("a", SIGNIFICANT_TRANSIENT), PUPPET("b"),
                                         PUPPET("c", SIGNIFICANT_TRANSIENT)};
static const troupe_child temporary[] = {PUPPET("a", SIGNIFICANT_TEMPORARY), PUPPET("b"),
                                         PUPPET("c", SIGNIFICANT_TEMPORARY)};

static troupe_ref start(struct world *world, troupe_auto_shutdown auto_shutdown,
                        troupe_strategy strategy, const troupe_child *children, size_t count)
{
    troupe_supervisor spec = {.name = "top",
                              .strategy = strategy,
                              .max_restarts = MANY,
                              .auto_shutdown = auto_shutdown,
                              .children = children,
                              .child_count = count};
    return tree_start_owned(world, &spec);
}

#define START(auto_shutdown, children) \
    start(world, (auto_shutdown), TROUPE_ONE_FOR_ONE, (children), COUNT(children))

static void expect_shut_down(struct world *world)
{
    world_await_all(world, "owner", "init 1; down start 1; down stop 1 shutdown");
}

static void expect_going_on(struct world *world)
{
    world_expect(world, "owner", "init 1; down start 1");
}

// ---- Any

WORLD_STORY(any_transient_child_that_ends_normally_ends_its_supervisor)
{
    troupe_ref top = START(TROUPE_ANY_SIGNIFICANT, transient);
    tree_end(world, top, "a");
    expect_shut_down(world);
    world_expect(world, "a", "init 1; stop normal");
    world_expect(world, "b", "init 1; stop shutdown");
    world_expect_order(world, "c", "stop shutdown", "b", "stop shutdown");
    world_expect(world, "event", ""); // nobody has failed, nobody gave up
}

WORLD_STORY(any_transient_child_that_is_shut_down_ends_its_supervisor)
{
    troupe_ref top = START(TROUPE_ANY_SIGNIFICANT, transient);
    troupe_stop(world->ctx, tree_child(world, top, "c"));
    expect_shut_down(world);
    world_expect(world, "a", "init 1; stop shutdown");
}

WORLD_STORY(a_significant_child_that_is_restarted_ends_nothing)
{
    troupe_ref top = START(TROUPE_ANY_SIGNIFICANT, transient);
    tree_fail(world, top, "a");
    tree_await(world, top, "a running 2, b running 1, c running 1");
    expect_going_on(world);
}

WORLD_STORY(any_temporary_child_that_ends_normally_ends_its_supervisor)
{
    troupe_ref top = START(TROUPE_ANY_SIGNIFICANT, temporary);
    tree_end(world, top, "c");
    expect_shut_down(world);
}

WORLD_STORY(any_temporary_child_that_fails_ends_its_supervisor)
{
    troupe_ref top = START(TROUPE_ANY_SIGNIFICANT, temporary);
    tree_fail(world, top, "a");
    expect_shut_down(world);
    world_expect(world, "b", "init 1; stop shutdown");
    world_expect(world, "event", "failed a 1 failed: broken");
}

WORLD_STORY(any_temporary_child_that_is_killed_ends_its_supervisor)
{
    troupe_ref top = START(TROUPE_ANY_SIGNIFICANT, temporary);
    troupe_kill(world->ctx, tree_child(world, top, "a"));
    expect_shut_down(world);
}

WORLD_STORY(other_children_end_nothing)
{
    static const troupe_child children[] = {PUPPET("a", SIGNIFICANT_TRANSIENT),
                                            PUPPET("b", .restart = TROUPE_TRANSIENT),
                                            PUPPET("c", .restart = TROUPE_TEMPORARY)};
    troupe_ref top = START(TROUPE_ANY_SIGNIFICANT, children);
    tree_end(world, top, "b");
    tree_fail(world, top, "c");
    tree_await(world, top, "a running 1, b stopped");
    expect_going_on(world);
}

// ---- All

WORLD_STORY(all_means_that_the_last_one_ends_the_supervisor)
{
    troupe_ref top = START(TROUPE_ALL_SIGNIFICANT, transient);
    tree_end(world, top, "a");
    tree_await(world, top, "a stopped, b running 1, c running 1");
    expect_going_on(world);
    tree_end(world, top, "c");
    expect_shut_down(world);
    world_expect(world, "b", "init 1; stop shutdown");
}

WORLD_STORY(all_temporary_children_that_fail_end_the_supervisor)
{
    troupe_ref top = START(TROUPE_ALL_SIGNIFICANT, temporary);
    tree_fail(world, top, "c");
    tree_await(world, top, "a running 1, b running 1");
    tree_fail(world, top, "a");
    expect_shut_down(world);
}

WORLD_STORY(all_does_not_count_one_that_is_restarted_as_ended)
{
    troupe_ref top = START(TROUPE_ALL_SIGNIFICANT, transient);
    tree_end(world, top, "a");
    tree_await(world, top, "a stopped, b running 1, c running 1");
    tree_fail(world, top, "c");
    tree_await(world, top, "a stopped, b running 1, c running 2");
    expect_going_on(world);
    tree_end(world, top, "c");
    expect_shut_down(world);
}

WORLD_STORY(all_waits_for_one_that_was_started_again)
{
    troupe_ref top = START(TROUPE_ALL_SIGNIFICANT, transient), ref;
    tree_end(world, top, "a");
    tree_await(world, top, "a stopped, b running 1, c running 1");
    assert_int_equal(troupe_restart_child_wait(world->ctx, top, 0, "a", &ref), TROUPE_OK);
    tree_end(world, top, "c");
    tree_await(world, top, "a running 1, b running 1, c stopped");
    expect_going_on(world);
    tree_end(world, top, "a");
    expect_shut_down(world);
}

WORLD_STORY(all_counts_children_that_were_started_at_run_time)
{
    troupe_ref top = START(TROUPE_ALL_SIGNIFICANT, transient), ref;
    const troupe_child d = PUPPET("d", SIGNIFICANT_TRANSIENT);
    assert_int_equal(troupe_start_child_wait(world->ctx, top, 0, &d, &ref), TROUPE_OK);
    tree_end(world, top, "a");
    tree_end(world, top, "c");
    tree_await(world, top, "a stopped, b running 1, c stopped, d running 1");
    expect_going_on(world);
    tree_end(world, top, "d");
    expect_shut_down(world);
}

// ---- None

WORLD_STORY(without_auto_shutdown_nothing_ends)
{
    static const troupe_child children[] = {PUPPET("a", .restart = TROUPE_TRANSIENT), PUPPET("b")};
    troupe_ref top = START(TROUPE_NO_AUTO_SHUTDOWN, children);
    tree_end(world, top, "a");
    tree_await(world, top, "a stopped, b running 1");
    expect_going_on(world);
}

// ---- Stops that a request has caused

WORLD_STORY(a_child_that_is_stopped_by_a_request_ends_nothing)
{
    troupe_ref top = START(TROUPE_ANY_SIGNIFICANT, transient);
    assert_int_equal(troupe_stop_child_wait(world->ctx, top, 0, "a"), TROUPE_OK);
    tree_expect(world, top, "a stopped, b running 1, c running 1");
    assert_int_equal(troupe_stop_child_ref_wait(world->ctx, top, 0, tree_child(world, top, "c")),
                     TROUPE_OK);
    tree_expect(world, top, "a stopped, b running 1, c stopped");
    expect_going_on(world);
}

WORLD_STORY(a_temporary_child_that_is_stopped_by_a_request_ends_nothing)
{
    troupe_ref top = START(TROUPE_ANY_SIGNIFICANT, temporary);
    assert_int_equal(troupe_stop_child_wait(world->ctx, top, 0, "a"), TROUPE_OK);
    tree_expect(world, top, "b running 1, c running 1");
    expect_going_on(world);
}

WORLD_STORY(the_last_ends_nothing_when_it_is_stopped_by_a_request)
{
    troupe_ref top = START(TROUPE_ALL_SIGNIFICANT, transient);
    tree_end(world, top, "a");
    tree_await(world, top, "a stopped, b running 1, c running 1");
    assert_int_equal(troupe_stop_child_wait(world->ctx, top, 0, "c"), TROUPE_OK);
    tree_expect(world, top, "a stopped, b running 1, c stopped");
    expect_going_on(world);
}

WORLD_STORY(the_last_by_itself_counts_when_others_were_stopped_by_a_request)
{
    troupe_ref top = START(TROUPE_ALL_SIGNIFICANT, transient);
    assert_int_equal(troupe_stop_child_wait(world->ctx, top, 0, "a"), TROUPE_OK);
    tree_end(world, top, "c");
    expect_shut_down(world);
}

// ---- Stops that a sibling has caused

WORLD_STORY(a_temporary_child_that_goes_down_with_a_sibling_ends_nothing)
{
    troupe_ref top = start(world, TROUPE_ANY_SIGNIFICANT, TROUPE_ONE_FOR_ALL, temporary, 3);
    tree_fail(world, top, "b");
    tree_await(world, top, "b running 2");
    expect_going_on(world);
}

WORLD_STORY(a_transient_child_that_goes_down_with_a_sibling_ends_nothing)
{
    troupe_ref top = start(world, TROUPE_ALL_SIGNIFICANT, TROUPE_REST_FOR_ONE, transient, 3);
    tree_end(world, top, "a");
    tree_await(world, top, "a stopped, b running 1, c running 1");
    tree_fail(world, top, "b");
    tree_await(world, top, "a stopped, b running 2, c running 2");
    expect_going_on(world);
}

WORLD_STORY(the_last_that_goes_down_with_a_sibling_ends_nothing)
{
    troupe_ref top = start(world, TROUPE_ALL_SIGNIFICANT, TROUPE_REST_FOR_ONE, temporary, 3);
    tree_end(world, top, "a");
    tree_await(world, top, "b running 1, c running 1");
    tree_fail(world, top, "b");
    tree_await(world, top, "b running 2");
    expect_going_on(world);
}

WORLD_STORY(a_significant_child_may_fail_its_group_and_ends_nothing)
{
    troupe_ref top = start(world, TROUPE_ANY_SIGNIFICANT, TROUPE_ONE_FOR_ALL, transient, 3);
    tree_fail(world, top, "c");
    tree_await(world, top, "a running 2, b running 2, c running 2");
    expect_going_on(world);
}

// ---- Simple one for one

WORLD_STORY(any_dynamic_child_ends_its_supervisor)
{
    static const troupe_child template = PUPPET("child", SIGNIFICANT_TEMPORARY);
    troupe_ref top = start(world, TROUPE_ANY_SIGNIFICANT, TROUPE_SIMPLE_ONE_FOR_ONE, &template, 1);
    troupe_ref one = tree_add(world, top), two = tree_add(world, top);
    tree_add(world, top);
    assert_int_equal(troupe_stop_child_ref_wait(world->ctx, top, 0, one), TROUPE_OK);
    tree_expect(world, top, "- running 1, - running 1");
    expect_going_on(world);
    world_do(world, two, puppet_fail, broken);
    expect_shut_down(world);
}

WORLD_STORY(the_last_dynamic_child_ends_its_supervisor)
{
    static const troupe_child template = PUPPET("child", SIGNIFICANT_TRANSIENT);
    troupe_ref top = start(world, TROUPE_ALL_SIGNIFICANT, TROUPE_SIMPLE_ONE_FOR_ONE, &template, 1);
    troupe_ref one = tree_add(world, top), two = tree_add(world, top), three = tree_add(world, top);
    world_do(world, one, puppet_stop, NULL);
    tree_await(world, top, "- running 1, - running 1");
    world_do(world, two, puppet_fail, broken);
    tree_await(world, top, "- running 2, - running 1");
    world_do(world, two, puppet_stop, NULL);
    tree_await(world, top, "- running 1");
    expect_going_on(world);
    world_do(world, three, puppet_stop, NULL);
    expect_shut_down(world);
}

// ---- Nested

static const troupe_supervisor inner = {
    .auto_shutdown = TROUPE_ANY_SIGNIFICANT, .children = transient, .child_count = 3};

// An inner supervisor under one that shuts down with it.
static troupe_ref start_nested(struct world *world, troupe_restart restart, bool significant)
{
    const troupe_child children[] = {
        PUPPET("x"),
        {.id = "inner", .supervisor = &inner, .restart = restart, .significant = significant}};
    return start(world, TROUPE_ANY_SIGNIFICANT, TROUPE_ONE_FOR_ONE, children, 2);
}

WORLD_STORY(an_auto_shutdown_escalates_through_significant_supervisors)
{
    troupe_ref top = start_nested(world, TROUPE_TRANSIENT, true);
    tree_end(world, tree_child(world, top, "inner"), "a");
    expect_shut_down(world);
    world_expect(world, "x", "init 1; stop shutdown");
}

WORLD_STORY(an_auto_shutdown_of_an_insignificant_transient_supervisor_stays_there)
{
    troupe_ref top = start_nested(world, TROUPE_TRANSIENT, false);
    tree_end(world, tree_child(world, top, "inner"), "a");
    tree_await(world, top, "x running 1, inner stopped");
    expect_going_on(world);
}

WORLD_STORY(an_auto_shutdown_of_a_permanent_supervisor_restarts_it)
{
    troupe_ref top = start_nested(world, TROUPE_PERMANENT, false);
    tree_end(world, tree_child(world, top, "inner"), "a");
    tree_await(world, top, "x running 1, inner running 2");
    world_expect(world, "b", "init 1; stop shutdown; init 1");
}

WORLD_STORY(an_auto_shutdown_of_a_root_leaves_the_system_running)
{
    static const troupe_child child = PUPPET("a", SIGNIFICANT_TRANSIENT);
    troupe_supervisor spec = {.name = "top",
                              .auto_shutdown = TROUPE_ANY_SIGNIFICANT,
                              .children = &child,
                              .child_count = 1};
    troupe_ref top = tree_start(world, &spec), other = world_spawn(world, "other", NULL, NULL);
    tree_end(world, top, "a");
    world_join(world, top);
    world_settle(world);
    world_sync(world, other);
    world_stop(world);
    assert_false(world->report.gave_up);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_transient_child_that_ends_normally_ends_its_supervisor),
        cmocka_unit_test(any_transient_child_that_is_shut_down_ends_its_supervisor),
        cmocka_unit_test(a_significant_child_that_is_restarted_ends_nothing),
        cmocka_unit_test(any_temporary_child_that_ends_normally_ends_its_supervisor),
        cmocka_unit_test(any_temporary_child_that_fails_ends_its_supervisor),
        cmocka_unit_test(any_temporary_child_that_is_killed_ends_its_supervisor),
        cmocka_unit_test(other_children_end_nothing),
        cmocka_unit_test(all_means_that_the_last_one_ends_the_supervisor),
        cmocka_unit_test(all_temporary_children_that_fail_end_the_supervisor),
        cmocka_unit_test(all_does_not_count_one_that_is_restarted_as_ended),
        cmocka_unit_test(all_waits_for_one_that_was_started_again),
        cmocka_unit_test(all_counts_children_that_were_started_at_run_time),
        cmocka_unit_test(without_auto_shutdown_nothing_ends),
        cmocka_unit_test(a_child_that_is_stopped_by_a_request_ends_nothing),
        cmocka_unit_test(a_temporary_child_that_is_stopped_by_a_request_ends_nothing),
        cmocka_unit_test(the_last_ends_nothing_when_it_is_stopped_by_a_request),
        cmocka_unit_test(the_last_by_itself_counts_when_others_were_stopped_by_a_request),
        cmocka_unit_test(a_temporary_child_that_goes_down_with_a_sibling_ends_nothing),
        cmocka_unit_test(a_transient_child_that_goes_down_with_a_sibling_ends_nothing),
        cmocka_unit_test(the_last_that_goes_down_with_a_sibling_ends_nothing),
        cmocka_unit_test(a_significant_child_may_fail_its_group_and_ends_nothing),
        cmocka_unit_test(any_dynamic_child_ends_its_supervisor),
        cmocka_unit_test(the_last_dynamic_child_ends_its_supervisor),
        cmocka_unit_test(an_auto_shutdown_escalates_through_significant_supervisors),
        cmocka_unit_test(an_auto_shutdown_of_an_insignificant_transient_supervisor_stays_there),
        cmocka_unit_test(an_auto_shutdown_of_a_permanent_supervisor_restarts_it),
        cmocka_unit_test(an_auto_shutdown_of_a_root_leaves_the_system_running),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
