// Groups: who is stopped and started again when one child of a one for all or rest for one
// supervisor fails, and in which order. What becomes of their messages: supervisor_stale_test.c.
#include "tests/support/tree.h"
#include "troupe/name.h"

static const troupe_child three[] = {PUPPET("a"), PUPPET("b"), PUPPET("c")};

#define START(world, strategy, children) \
    tree_start_as((world), (strategy), MANY, (children), COUNT(children))

// ---- Who

WORLD_STORY(one_for_all_stops_the_others_in_reverse_and_starts_all_in_order)
{
    troupe_ref top = START(world, TROUPE_ONE_FOR_ALL, three);
    tree_fail(world, top, "b");
    tree_await(world, top, "a running 2, b running 2, c running 2");
    world_expect(world, "a", "init 1; stop shutdown; init 2");
    world_expect(world, "b", "init 1; stop failed: broken; init 2");
    world_expect(world, "c", "init 1; stop shutdown; init 2");
    world_expect_order(world, "b", "stop failed: broken", "c", "stop shutdown");
    world_expect_order(world, "c", "stop shutdown", "a", "stop shutdown");
    world_expect_order(world, "a", "init 2", "b", "init 2");
    world_expect_order(world, "b", "init 2", "c", "init 2");
}

WORLD_STORY(rest_for_one_restarts_those_that_were_started_after_it)
{
    static const troupe_child four[] = {PUPPET("a"), PUPPET("b"), PUPPET("c"), PUPPET("d")};
    troupe_ref top = START(world, TROUPE_REST_FOR_ONE, four);
    tree_fail(world, top, "b");
    tree_await(world, top, "a running 1, b running 2, c running 2, d running 2");
    world_expect(world, "a", "init 1");
    world_expect(world, "b", "init 1; stop failed: broken; init 2");
    world_expect_order(world, "d", "stop shutdown", "c", "stop shutdown");
    world_expect_order(world, "c", "stop shutdown", "b", "init 2");
    world_expect_order(world, "b", "init 2", "c", "init 2");
    world_expect_order(world, "c", "init 2", "d", "init 2");
}

WORLD_STORY(rest_for_one_restarts_all_when_the_first_fails)
{
    troupe_ref top = START(world, TROUPE_REST_FOR_ONE, three);
    tree_fail(world, top, "a");
    tree_await(world, top, "a running 2, b running 2, c running 2");
}

WORLD_STORY(rest_for_one_restarts_the_last_alone)
{
    troupe_ref top = START(world, TROUPE_REST_FOR_ONE, three);
    tree_fail(world, top, "c");
    tree_await(world, top, "a running 1, b running 1, c running 2");
    world_expect(world, "b", "init 1");
}

WORLD_STORY(a_member_that_is_to_be_killed_now_has_no_stop)
{
    static const troupe_child two[] = {PUPPET("a"), PUPPET("b", .shutdown_ms = TROUPE_KILL_NOW)};
    troupe_ref top = START(world, TROUPE_ONE_FOR_ALL, two);
    tree_fail(world, top, "a");
    tree_await(world, top, "a running 2, b running 2");
    world_expect(world, "b", "init 1; init 2");
}

static const troupe_supervisor inner = {TROUPE_CHILDREN(PUPPET("x"), PUPPET("y"))};

WORLD_STORY(a_group_may_contain_supervisors)
{
    static const troupe_child two[] = {PUPPET("a"), {.id = "inner", .supervisor = &inner}};
    troupe_ref top = START(world, TROUPE_ONE_FOR_ALL, two);
    tree_fail(world, top, "a");
    tree_await(world, top, "a running 2, inner running 2");
    world_expect(world, "x", "init 1; stop shutdown; init 1");
    world_expect_order(world, "y", "stop shutdown", "x", "stop shutdown");
    world_expect_order(world, "x", "stop shutdown", "a", "init 2");
}

// ---- Which ends concern the group

WORLD_STORY(a_normal_end_of_a_permanent_child_restarts_the_group)
{
    troupe_ref top = START(world, TROUPE_ONE_FOR_ALL, three);
    tree_end(world, top, "c");
    tree_await(world, top, "a running 2, b running 2, c running 2");
}

WORLD_STORY(the_end_of_a_child_that_is_not_restarted_leaves_the_group_alone)
{
    static const troupe_child children[] = {PUPPET("a"), PUPPET("b", .restart = TROUPE_TRANSIENT),
                                            PUPPET("c", .restart = TROUPE_TEMPORARY),
                                            PUPPET("d", .restart = TROUPE_TRANSIENT)};
    troupe_ref top = START(world, TROUPE_ONE_FOR_ALL, children);
    tree_end(world, top, "b");
    tree_fail(world, top, "c");
    troupe_stop(world->ctx, tree_child(world, top, "d"));
    tree_await(world, top, "a running 1, b stopped, d stopped");
    world_expect(world, "a", "init 1");
}

WORLD_STORY(a_transient_member_is_restarted_although_the_group_was_shut_down)
{
    static const troupe_child two[] = {PUPPET("a"), PUPPET("b", .restart = TROUPE_TRANSIENT)};
    troupe_ref top = START(world, TROUPE_ONE_FOR_ALL, two);
    tree_fail(world, top, "a");
    tree_await(world, top, "a running 2, b running 2");
    world_expect(world, "b", "init 1; stop shutdown; init 2");
}

WORLD_STORY(a_temporary_member_that_goes_down_with_the_group_is_forgotten)
{
    static const troupe_child children[] = {PUPPET("a"), PUPPET("b", .restart = TROUPE_TEMPORARY),
                                            PUPPET("c")};
    troupe_ref top = START(world, TROUPE_ONE_FOR_ALL, children);
    troupe_ref b = tree_child(world, top, "b"), ref;
    tree_fail(world, top, "c");
    tree_await(world, top, "a running 2, c running 2");
    world_expect(world, "b", "init 1; stop shutdown");
    assert_int_equal(troupe_incarnation(world->ctx, b), 0);
    assert_int_equal(troupe_child_ref(world->ctx, top, "b", &ref), TROUPE_ENOENT);
    tree_expect_count(world, top, 2, 2, 0, 2);
}

WORLD_STORY(a_temporary_child_before_the_failed_one_stays_with_rest_for_one)
{
    static const troupe_child children[] = {PUPPET("a", .restart = TROUPE_TEMPORARY), PUPPET("b"),
                                            PUPPET("c", .restart = TROUPE_TEMPORARY)};
    troupe_ref top = START(world, TROUPE_REST_FOR_ONE, children);
    tree_fail(world, top, "b");
    tree_await(world, top, "a running 1, b running 2");
    world_expect(world, "c", "init 1; stop shutdown");
}

// ---- Members that did not run

WORLD_STORY(members_that_were_stopped_by_a_request_are_started_too)
{
    troupe_ref top = START(world, TROUPE_ONE_FOR_ALL, three);
    assert_int_equal(troupe_stop_child_wait(world->ctx, top, 0, "b"), TROUPE_OK);
    tree_fail(world, top, "a");
    tree_await(world, top, "a running 2, b running 1, c running 2");
    world_expect(world, "b", "init 1; stop shutdown; init 1");
    world_expect_order(world, "a", "init 2", "c", "init 2");
}

WORLD_STORY(stopped_children_before_the_failed_one_stay_so_with_rest_for_one)
{
    troupe_ref top = START(world, TROUPE_REST_FOR_ONE, three);
    assert_int_equal(troupe_stop_child_wait(world->ctx, top, 0, "a"), TROUPE_OK);
    assert_int_equal(troupe_stop_child_wait(world->ctx, top, 0, "c"), TROUPE_OK);
    tree_fail(world, top, "b");
    tree_await(world, top, "a stopped, b running 2, c running 1");
}

// As OTP: a group restart starts all that do not run.
WORLD_STORY(members_that_ended_normally_or_ignored_their_start_are_started_too)
{
    const troupe_child children[] = {PUPPET("a"), PUPPET("b", .restart = TROUPE_TRANSIENT),
                                     PUPPET("c", RUN(&tree_script(world, "i+")->order))};
    troupe_ref top = START(world, TROUPE_ONE_FOR_ALL, children);
    tree_end(world, top, "b");
    tree_await(world, top, "a running 1, b stopped, c stopped");
    tree_fail(world, top, "a");
    tree_await(world, top, "a running 2, b running 1, c running 1");
}

// ---- Counting

WORLD_STORY(the_restart_of_a_group_counts_once)
{
    troupe_ref top = tree_start_as(world, TROUPE_ONE_FOR_ALL, 1, three, COUNT(three));
    tree_fail(world, top, "b");
    tree_await(world, top, "a running 2, b running 2, c running 2");
    tree_fail(world, top, "c");
    world_await_all(world, "owner", "init 1; down start 1; down stop 1 shutdown");
    world_expect(world, "b", "init 1; stop failed: broken; init 2; stop shutdown");
    world_await(world, "event", "gave up top 1 failed: broken");
}

WORLD_STORY(a_failing_start_of_one_for_all_stops_what_was_started_and_all_is_tried_again)
{
    const troupe_child children[] = {
        PUPPET("a"), PUPPET("b", RUN(&tree_script(world, "+-+")->order)), PUPPET("c")};
    troupe_ref top = tree_start_as(world, TROUPE_ONE_FOR_ALL, 2, children, COUNT(children));
    tree_fail(world, top, "a");
    tree_await(world, top, "a running 3, b running 3, c running 2");
    world_expect(world, "a", "init 1; stop failed: broken; init 2; stop shutdown; init 3");
    world_expect(world, "b", "init 1; stop shutdown; init 2; init 3");
    world_expect(world, "c", "init 1; stop shutdown; init 2");
    world_expect_order(world, "b", "init 2", "a", "stop shutdown");
    tree_fail(world, top, "c"); // the third
    world_await_all(world, "owner", "init 1; down start 1; down stop 1 shutdown");
}

// As OTP: what is tried again is the restart of the one that could not be started.
WORLD_STORY(a_failing_start_of_rest_for_one_is_tried_again_from_there)
{
    const troupe_child children[] = {
        PUPPET("a"), PUPPET("b", RUN(&tree_script(world, "+-+")->order)), PUPPET("c")};
    troupe_ref top = tree_start_as(world, TROUPE_REST_FOR_ONE, 2, children, COUNT(children));
    tree_fail(world, top, "a");
    tree_await(world, top, "a running 2, b running 3, c running 2");
    world_expect(world, "a", "init 1; stop failed: broken; init 2");
    world_expect(world, "b", "init 1; stop shutdown; init 2; init 3");
    world_expect(world, "c", "init 1; stop shutdown; init 2");
}

WORLD_STORY(each_failing_start_of_a_group_counts)
{
    const troupe_child children[] = {PUPPET("a"),
                                     PUPPET("b", RUN(&tree_script(world, "+-")->order))};
    troupe_ref top = tree_start_as(world, TROUPE_ONE_FOR_ALL, 2, children, COUNT(children));
    tree_fail(world, top, "a"); // and two attempts
    world_await_all(world, "owner", "init 1; down start 1; down stop 1 shutdown");
    world_expect(world, "b", "init 1; stop shutdown; init 2; init 3");
    world_await(world, "event", "gave up top 1 start failed: broken");
}

WORLD_STORY(a_member_whose_name_was_taken_meanwhile_fails_to_start)
{
    static const troupe_child two[] = {PUPPET("a"), PUPPET("b", .register_as = "the b")};
    troupe_ref top = tree_start_as(world, TROUPE_ONE_FOR_ALL, 3, two, 2);
    troupe_ref other = world_spawn(world, "other", NULL, NULL);
    assert_int_equal(troupe_stop_child_wait(world->ctx, top, 0, "b"), TROUPE_OK);
    assert_int_equal(troupe_register(world->ctx, "the b", other), TROUPE_OK);
    tree_fail(world, top, "a");
    world_await_all(world, "owner", "init 1; down start 1; down stop 1 shutdown");
    world_expect(world, "b", "init 1; stop shutdown");
    assert_int_equal(troupe_incarnation(world->ctx, other), 1);
}

// ---- Failures while the group is being restarted

WORLD_STORY(a_member_that_fails_while_the_others_are_started_restarts_the_group_again)
{
    const troupe_child children[] = {PUPPET("a", RUN(&tree_script(world, "+!+")->order)),
                                     PUPPET("b"), PUPPET("c"), PUPPET("d")};
    troupe_ref top = tree_start_as(world, TROUPE_ONE_FOR_ALL, 2, children, COUNT(children));
    tree_fail(world, top, "b");
    world_await(world, "a", "init 3");
    tree_await_running(world, top);
    world_expect(world, "a", "init 1; stop shutdown; init 2; stop failed: broken; init 3");
    world_expect(world, "owner", "init 1; down start 1");
}

WORLD_STORY(members_that_fail_at_the_same_time_are_restarted)
{
    troupe_ref top = START(world, TROUPE_ONE_FOR_ALL, three);
    troupe_ref a = tree_child(world, top, "a"), b = tree_child(world, top, "b");
    troupe_ref c = tree_child(world, top, "c");
    world_tell(world, a, puppet_fail, broken);
    world_tell(world, b, puppet_fail, broken);
    world_tell(world, c, puppet_fail, broken);
    world_await_times(world, 1, "a", "init 2");
    tree_await_running(world, top);
    assert_true(troupe_incarnation(world->ctx, a) >= 2);
    assert_true(troupe_incarnation(world->ctx, b) >= 2);
    assert_true(troupe_incarnation(world->ctx, c) >= 2);
}

WORLD_STORY(a_member_may_fail_while_it_is_stopped_for_the_group)
{
    static const troupe_child two[] = {PUPPET("a"), PUPPET("b", .restart = TROUPE_TRANSIENT)};
    troupe_ref top = tree_start_as(world, TROUPE_ONE_FOR_ALL, 2, two, COUNT(two));
    world_tell(world, tree_child(world, top, "b"), puppet_fail,
               broken); // comes before, amid, after
    tree_fail(world, top, "a");
    world_await(world, "a", "init 2");
    tree_await_running(world, top);
    world_expect(world, "owner", "init 1; down start 1");
}

// ---- What members keep

WORLD_STORY(members_keep_their_refs_their_names_and_who_watches_them)
{
    static const troupe_child two[] = {PUPPET("a"), PUPPET("b", .register_as = "the b")};
    troupe_ref top = START(world, TROUPE_ONE_FOR_ALL, two), b = tree_child(world, top, "b");
    world_watch(world, "witness", b, TROUPE_ON_RESTART | TROUPE_ON_STOP);
    assert_true(troupe_ref_equal(troupe_whereis(world->ctx, "the b"), b));
    tree_fail(world, top, "a");
    world_await_all(world, "witness", "down restart 1 shutdown");
    assert_true(troupe_ref_equal(troupe_whereis(world->ctx, "the b"), b));
    tree_await(world, top, "a running 2, b running 2");
    assert_true(troupe_ref_equal(troupe_whereis(world->ctx, "the b"), b));
    assert_true(troupe_ref_equal(tree_child(world, top, "b"), b));
    assert_int_equal(troupe_send_name(world->ctx, "the b", Number, .value = 5), TROUPE_OK);
    world_await(world, "b", "5");
}

WORLD_STORY(a_forgotten_member_loses_its_name)
{
    static const troupe_child two[] = {
        PUPPET("a"), PUPPET("b", .restart = TROUPE_TEMPORARY, .register_as = "the b")};
    troupe_ref top = START(world, TROUPE_ONE_FOR_ALL, two);
    tree_fail(world, top, "a");
    tree_await(world, top, "a running 2");
    assert_true(troupe_ref_is_none(troupe_whereis(world->ctx, "the b")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_for_all_stops_the_others_in_reverse_and_starts_all_in_order),
        cmocka_unit_test(rest_for_one_restarts_those_that_were_started_after_it),
        cmocka_unit_test(rest_for_one_restarts_all_when_the_first_fails),
        cmocka_unit_test(rest_for_one_restarts_the_last_alone),
        cmocka_unit_test(a_member_that_is_to_be_killed_now_has_no_stop),
        cmocka_unit_test(a_group_may_contain_supervisors),
        cmocka_unit_test(a_normal_end_of_a_permanent_child_restarts_the_group),
        cmocka_unit_test(the_end_of_a_child_that_is_not_restarted_leaves_the_group_alone),
        cmocka_unit_test(a_transient_member_is_restarted_although_the_group_was_shut_down),
        cmocka_unit_test(a_temporary_member_that_goes_down_with_the_group_is_forgotten),
        cmocka_unit_test(a_temporary_child_before_the_failed_one_stays_with_rest_for_one),
        cmocka_unit_test(members_that_were_stopped_by_a_request_are_started_too),
        cmocka_unit_test(stopped_children_before_the_failed_one_stay_so_with_rest_for_one),
        cmocka_unit_test(members_that_ended_normally_or_ignored_their_start_are_started_too),
        cmocka_unit_test(the_restart_of_a_group_counts_once),
        cmocka_unit_test(
            a_failing_start_of_one_for_all_stops_what_was_started_and_all_is_tried_again),
        cmocka_unit_test(a_failing_start_of_rest_for_one_is_tried_again_from_there),
        cmocka_unit_test(each_failing_start_of_a_group_counts),
        cmocka_unit_test(a_member_whose_name_was_taken_meanwhile_fails_to_start),
        cmocka_unit_test(a_member_that_fails_while_the_others_are_started_restarts_the_group_again),
        cmocka_unit_test(members_that_fail_at_the_same_time_are_restarted),
        cmocka_unit_test(a_member_may_fail_while_it_is_stopped_for_the_group),
        cmocka_unit_test(members_keep_their_refs_their_names_and_who_watches_them),
        cmocka_unit_test(a_forgotten_member_loses_its_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
