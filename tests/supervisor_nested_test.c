// Supervisors of supervisors: a whole tree from one table, how failures escalate, and what comes
// of it at the root: the system ends.
#include "tests/support/tree.h"
#include "troupe/name.h"

#include <string.h>

// a
// middle: b; inner: c, d
static const troupe_supervisor app = {
    .name = "app",
    .strategy = TROUPE_REST_FOR_ONE,
    TROUPE_CHILDREN(
        PUPPET("a"),
        {.id = "middle",
         .supervisor = TROUPE_SUPERVISOR(TROUPE_CHILDREN(
             PUPPET("b"),
             {.id = "inner",
              .supervisor = TROUPE_SUPERVISOR(
                      .max_restarts = TROUPE_NO_RESTARTS,
                      TROUPE_CHILDREN(PUPPET("c"), PUPPET("d", .register_as = "the d")))}))})};

// ---- One table

WORLD_STORY(a_whole_tree_starts_from_one_table_depth_first)
{
    troupe_ref top = tree_start(world, &app), middle = tree_child(world, top, "middle");
    tree_expect(world, top, "a running 1, middle running 1");
    tree_expect(world, middle, "b running 1, inner running 1");
    tree_expect(world, tree_child(world, middle, "inner"), "c running 1, d running 1");
    world_expect_order(world, "a", "init 1", "b", "init 1");
    world_expect_order(world, "b", "init 1", "c", "init 1");
    world_expect_order(world, "c", "init 1", "d", "init 1");
    tree_expect_count(world, top, 2, 2, 1, 1);
}

WORLD_STORY(a_whole_tree_stops_in_reverse)
{
    troupe_ref top = tree_start(world, &app);
    troupe_stop(world->ctx, top);
    world_join(world, top);
    world_expect_order(world, "d", "stop shutdown", "c", "stop shutdown");
    world_expect_order(world, "c", "stop shutdown", "b", "stop shutdown");
    world_expect_order(world, "b", "stop shutdown", "a", "stop shutdown");
}

WORLD_STORY(a_whole_tree_is_killed)
{
    troupe_ref top = tree_start(world, &app), d = troupe_whereis(world->ctx, "the d");
    world_watch(world, "witness", d, TROUPE_ON_STOP);
    troupe_kill(world->ctx, top);
    world_await_all(world, "witness", "down stop 1 killed");
    world_join(world, top);
    world_expect(world, "a", "init 1");
    world_expect(world, "d", "init 1");
}

WORLD_STORY(a_start_that_fails_deep_down_stops_all_that_was_started)
{
    const troupe_child bottom[] = {PUPPET("y"), PUPPET("z", RUN(&tree_script(world, "-")->order))};
    const troupe_supervisor lower = {.children = bottom, .child_count = 2};
    const troupe_child children[] = {PUPPET("x"), {.id = "lower", .supervisor = &lower}};
    troupe_ref top = {1, 2, 3};
    assert_int_equal(troupe_supervise_wait(world->ctx, &(troupe_supervisor){TREE(children)}, &top),
                     TROUPE_ESTART);
    assert_non_null(strstr(
        troupe_error_text(world->ctx),
        "child \"lower\": start failed (TROUPE_EUSER): child \"z\": start failed (TROUPE_EUSER): broken"));
    world_expect(world, "x", "init 1; stop shutdown");
    world_expect(world, "y", "init 1; stop shutdown");
    world_settle(world);
    world_sync(world, world_spawn(world, "other", NULL, NULL)); // it did not give up
}

// ---- Escalation

WORLD_STORY(a_permanent_supervisor_that_gave_up_is_restarted)
{
    troupe_ref top = tree_start(world, &app), middle = tree_child(world, top, "middle");
    troupe_ref inner = tree_child(world, middle, "inner"), d = tree_child(world, inner, "d");
    tree_fail(world, inner, "c");
    tree_await(world, middle, "b running 1, inner running 2");
    assert_true(troupe_ref_equal(inner, tree_child(world, middle, "inner")));
    tree_expect(world, inner, "c running 1, d running 1");
    world_expect(world, "b", "init 1");
    world_expect(world, "d", "init 1; stop shutdown; init 1");
    world_await(world, "event", "gave up inner 1 failed: broken");
    // Refs of children do not survive it, names do.
    assert_int_equal(troupe_incarnation(world->ctx, d), 0);
    assert_true(
        troupe_ref_equal(troupe_whereis(world->ctx, "the d"), tree_child(world, inner, "d")));
}

WORLD_STORY(a_failure_may_escalate_over_several_levels)
{
    troupe_ref top = tree_start(world, &app), middle = tree_child(world, top, "middle");
    troupe_ref inner = tree_child(world, middle, "inner");
    tree_fail(world, inner, "c"); // the one restart that the middle allows
    tree_await(world, middle, "b running 1, inner running 2");
    tree_fail(world, inner, "d");
    tree_await(world, top, "a running 1, middle running 2");
    world_await(world, "event", "gave up inner 2 failed: broken");
    world_await(world, "event", "gave up middle 1 shutdown");
    tree_expect(world, middle, "b running 1, inner running 1");
    world_expect(world, "a", "init 1");
    world_expect(world, "b", "init 1; stop shutdown; init 1");
}

static troupe_ref start_around(struct world *world, const troupe_supervisor *inner,
                               troupe_restart restart)
{
    const troupe_child children[] = {PUPPET("x"),
                                     {.id = "inner", .supervisor = inner, .restart = restart}};
    troupe_supervisor spec = {.max_restarts = 2, TREE(children)};
    return tree_start(world, &spec);
}

static const troupe_child one[] = {PUPPET("a")};
static const troupe_supervisor fragile = {
    .max_restarts = TROUPE_NO_RESTARTS, .children = one, .child_count = 1};

WORLD_STORY(a_transient_supervisor_that_gave_up_is_not_restarted)
{
    troupe_ref top = start_around(world, &fragile, TROUPE_TRANSIENT);
    tree_fail(world, tree_child(world, top, "inner"), "a");
    tree_await(world, top, "x running 1, inner stopped");
    world_expect(world, "event", "failed a 1 failed: broken; gave up inner 1 failed: broken");
}

WORLD_STORY(a_temporary_supervisor_that_gave_up_is_forgotten)
{
    troupe_ref top = start_around(world, &fragile, TROUPE_TEMPORARY);
    tree_fail(world, tree_child(world, top, "inner"), "a");
    tree_await(world, top, "x running 1");
}

WORLD_STORY(a_transient_supervisor_that_is_killed_is_restarted)
{
    troupe_ref top = start_around(world, &fragile, TROUPE_TRANSIENT);
    troupe_kill(world->ctx, tree_child(world, top, "inner"));
    tree_await(world, top, "x running 1, inner running 2");
    tree_expect(world, tree_child(world, top, "inner"), "a running 1");
    world_expect(world, "a", "init 1; init 1"); // killed with it
}

WORLD_STORY(a_supervisor_whose_restart_fails_is_tried_again)
{
    const troupe_child children[] = {PUPPET("a", RUN(&tree_script(world, "+-+")->order))};
    const troupe_supervisor inner = {
        .max_restarts = TROUPE_NO_RESTARTS, .children = children, .child_count = 1};
    troupe_ref top = start_around(world, &inner, TROUPE_PERMANENT);
    tree_fail(world, tree_child(world, top, "inner"), "a"); // and one failed start: two
    tree_await(world, top, "x running 1, inner running 3");
    world_expect(world, "a", "init 1; stop failed: broken; init 1; init 1");
    troupe_stop(world->ctx, top); // which may point to what is on our stack
    world_join(world, top);
}

WORLD_STORY(intensities_multiply_down_a_tree)
{
    static const troupe_supervisor inner = {
        .max_restarts = 2, .within_ms = AN_HOUR, .children = one, .child_count = 1};
    static const troupe_child child[] = {{.id = "inner", .supervisor = &inner}};
    troupe_supervisor spec = {.max_restarts = 1, .within_ms = AN_HOUR, TREE(child)};
    troupe_ref top = tree_start_owned(world, &spec), supervisor = tree_child(world, top, "inner");
    for (uint32_t life = 1; life <= 2; life++) {
        for (int i = 0; i < 3; i++)
            tree_fail(world, supervisor, "a");
        if (life == 1)
            tree_await(world, top, "inner running 2");
    }
    world_await_all(world, "owner", "init 1; down start 1; down stop 1 shutdown");
    assert_int_equal(world_heard(world, "a", "stop failed: broken"), 6);
}

// ---- The root gives up: the system ends

static const troupe_supervisor fragile_root = {
    .name = "root", .max_restarts = TROUPE_NO_RESTARTS, .children = one, .child_count = 1};

WORLD_STORY(a_root_that_gives_up_ends_the_system)
{
    troupe_ref top = tree_start(world, &fragile_root), other = tree_start(world, &app);
    troupe_ref puppet = world_spawn(world, "puppet", NULL, NULL), ref;
    world_sync(world, puppet);
    world_tell(world, tree_child(world, top, "a"), puppet_fail, broken);
    assert_int_equal(troupe_system_wait(world->system, TROUPE_NO_LIMIT), TROUPE_EDOWN);
    assert_non_null(strstr(troupe_error_text(world->ctx), "root"));
    assert_non_null(strstr(troupe_error_text(world->ctx), "broken"));
    assert_int_equal(troupe_incarnation(world->ctx, top), 0);
    assert_int_equal(troupe_incarnation(world->ctx, other), 0);
    world_expect(world, "puppet", "init 1; stop shutdown"); // in order, not killed
    world_expect(world, "b", "init 1; stop shutdown");
    assert_int_equal(troupe_spawn(world->ctx, &puppet_behavior, NULL, &ref), TROUPE_ECLOSED);
    assert_string_equal(troupe_error_text(world->ctx),
                        "no new puppet: the system is stopping: supervisor root gave up");
    assert_int_equal(troupe_supervise(world->ctx, &app, &ref), TROUPE_ECLOSED);
    assert_int_equal(world_heard(world, "event", "gave up root 1 failed: broken"), 1);
}

WORLD_STORY(the_report_says_who_gave_up_and_why)
{
    troupe_ref top = tree_start(world, &fragile_root);
    world_tell(world, tree_child(world, top, "a"), puppet_fail, broken);
    world_join(world, top);
    world_stop(world);
    const troupe_report *report = &world->report;
    assert_true(report->gave_up);
    assert_true(troupe_ref_equal(report->root, top));
    assert_string_equal(report->root_name, "root");
    assert_string_equal(
        report->root_text,
        "more than 0 restarts in 5000 ms: child \"a\": failed (TROUPE_EUSER): broken");
}

WORLD_STORY(a_failure_at_the_bottom_can_end_the_system)
{
    troupe_ref top = start_around(world, &fragile, TROUPE_PERMANENT);
    for (int i = 0; i < 3; i++) {
        tree_fail(world, tree_child(world, top, "inner"), "a");
        if (i < 2)
            tree_await(world, top,
                       i ? "x running 1, inner running 3" : "x running 1, inner running 2");
    }
    assert_int_equal(troupe_system_wait(world->system, TROUPE_NO_LIMIT), TROUPE_EDOWN);
    world_stop(world);
    assert_true(world->report.gave_up);
    assert_string_equal(world->report.root_name, "top");
}

WORLD_STORY(of_two_roots_that_give_up_the_first_is_told)
{
    static const troupe_supervisor second_root = {
        .name = "second", .max_restarts = TROUPE_NO_RESTARTS, .children = one, .child_count = 1};
    troupe_ref first = tree_start(world, &fragile_root), second = tree_start(world, &second_root);
    world_tell(world, tree_child(world, first, "a"), puppet_fail, broken);
    world_join(world, first);
    (void)troupe_kill(world->ctx, second);
    assert_int_equal(troupe_system_wait(world->system, TROUPE_NO_LIMIT), TROUPE_EDOWN);
    world_stop(world);
    assert_string_equal(world->report.root_name, "root");
}

WORLD_STORY(roots_that_end_otherwise_do_not_end_the_system)
{
    troupe_ref stopped = tree_start(world, &fragile_root), killed = tree_start(world, &app);
    troupe_ref puppet = world_spawn(world, "puppet", NULL, NULL), ref;
    const troupe_child bad[] = {PUPPET("z", RUN(&tree_script(world, "-")->order))};
    troupe_stop(world->ctx, stopped);
    troupe_kill(world->ctx, killed);
    assert_int_equal(troupe_supervise_wait(world->ctx, &(troupe_supervisor){TREE(bad)}, &ref),
                     TROUPE_ESTART);
    world_join(world, stopped);
    world_join(world, killed);
    world_settle(world);
    world_sync(world, puppet);
    world_do(world, puppet, puppet_stop, NULL);
    assert_int_equal(troupe_system_wait(world->system, TROUPE_NO_LIMIT), TROUPE_OK);
    world_stop(world);
    assert_false(world->report.gave_up);
}

WORLD_STORY(a_supervisor_of_an_actor_that_gives_up_does_not_end_the_system)
{
    troupe_ref top = tree_start_owned(world, &fragile_root);
    tree_fail(world, top, "a");
    world_await_all(world, "owner", "init 1; down start 1; down stop 1 shutdown");
    world_settle(world);
    world_sync(world, world_spawn(world, "puppet", NULL, NULL));
    world_stop(world);
    assert_false(world->report.gave_up);
}

// ---- Names of supervisors

WORLD_STORY(a_supervisor_that_is_a_child_is_called_by_its_id)
{
    troupe_ref top = start_around(world, &fragile, TROUPE_TEMPORARY);
    tree_fail(world, tree_child(world, top, "inner"), "a");
    world_await(world, "event", "gave up inner 1 failed: broken");
}

WORLD_STORY(a_supervisor_may_be_registered)
{
    static const troupe_supervisor spec = {
        .register_as = "the top", .children = one, .child_count = 1};
    troupe_ref top = tree_start(world, &spec), ref;
    assert_true(troupe_ref_equal(troupe_whereis(world->ctx, "the top"), top));
    assert_int_equal(troupe_supervise(world->ctx, &spec, &ref), TROUPE_EEXIST);
    troupe_stop(world->ctx, top);
    world_join(world, top);
    assert_true(troupe_ref_is_none(troupe_whereis(world->ctx, "the top")));
    assert_int_equal(troupe_supervise_wait(world->ctx, &spec, &top), TROUPE_OK);
}

WORLD_STORY(a_name_that_was_taken_away_comes_back_with_the_next_ref)
{
    static const troupe_child named[] = {PUPPET("a", .register_as = "the a")};
    static const troupe_supervisor spec = {.max_restarts = MANY, TREE(named)};
    troupe_ref top = tree_start(world, &spec), a = tree_child(world, top, "a"), next;
    assert_true(troupe_ref_equal(troupe_whereis(world->ctx, "the a"), a));
    assert_int_equal(troupe_unregister(world->ctx, "the a"), TROUPE_OK);
    world_do(world, a, puppet_fail, broken);
    world_sync(world, a);
    assert_true(troupe_ref_is_none(troupe_whereis(world->ctx, "the a")));
    assert_int_equal(troupe_stop_child_wait(world->ctx, top, 0, "a"), TROUPE_OK);
    assert_int_equal(troupe_restart_child_wait(world->ctx, top, 0, "a", &next), TROUPE_OK);
    assert_true(troupe_ref_equal(troupe_whereis(world->ctx, "the a"), next));
}

WORLD_STORY(a_child_whose_name_is_taken_fails_to_start)
{
    troupe_ref other = world_spawn(world, "other", NULL, NULL), top;
    assert_int_equal(troupe_register(world->ctx, "the d", other), TROUPE_OK);
    assert_int_equal(troupe_supervise_wait(world->ctx, &app, &top), TROUPE_ESTART);
    assert_non_null(strstr(troupe_error_text(world->ctx), "child \"d\": start failed"));
    assert_non_null(strstr(troupe_error_text(world->ctx), "the d"));
    world_expect(world, "a", "init 1; stop shutdown");
    assert_true(troupe_ref_equal(troupe_whereis(world->ctx, "the d"), other));
}

WORLD_STORY(a_name_belongs_to_the_child_in_every_life)
{
    troupe_ref top = tree_start(world, &app), middle = tree_child(world, top, "middle");
    troupe_ref inner = tree_child(world, middle, "inner"), ref;
    assert_int_equal(troupe_stop_child_wait(world->ctx, inner, 0, "d"), TROUPE_OK);
    assert_true(troupe_ref_is_none(troupe_whereis(world->ctx, "the d")));
    assert_int_equal(troupe_restart_child_wait(world->ctx, inner, 0, "d", &ref), TROUPE_OK);
    assert_true(troupe_ref_equal(troupe_whereis(world->ctx, "the d"), ref));
    assert_int_equal(troupe_stop_child_wait(world->ctx, top, 0, "middle"), TROUPE_OK);
    assert_true(troupe_ref_is_none(troupe_whereis(world->ctx, "the d")));
    assert_int_equal(troupe_restart_child_wait(world->ctx, top, 0, "middle", &ref), TROUPE_OK);
    assert_int_equal(troupe_send_name(world->ctx, "the d", Number, .value = 5), TROUPE_OK);
    world_await(world, "d", "5");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_tree_starts_from_one_table_depth_first),
        cmocka_unit_test(a_whole_tree_stops_in_reverse),
        cmocka_unit_test(a_whole_tree_is_killed),
        cmocka_unit_test(a_start_that_fails_deep_down_stops_all_that_was_started),
        cmocka_unit_test(a_permanent_supervisor_that_gave_up_is_restarted),
        cmocka_unit_test(a_failure_may_escalate_over_several_levels),
        cmocka_unit_test(a_transient_supervisor_that_gave_up_is_not_restarted),
        cmocka_unit_test(a_temporary_supervisor_that_gave_up_is_forgotten),
        cmocka_unit_test(a_transient_supervisor_that_is_killed_is_restarted),
        cmocka_unit_test(a_supervisor_whose_restart_fails_is_tried_again),
        cmocka_unit_test(intensities_multiply_down_a_tree),
        cmocka_unit_test(a_root_that_gives_up_ends_the_system),
        cmocka_unit_test(the_report_says_who_gave_up_and_why),
        cmocka_unit_test(a_failure_at_the_bottom_can_end_the_system),
        cmocka_unit_test(of_two_roots_that_give_up_the_first_is_told),
        cmocka_unit_test(roots_that_end_otherwise_do_not_end_the_system),
        cmocka_unit_test(a_supervisor_of_an_actor_that_gives_up_does_not_end_the_system),
        cmocka_unit_test(a_supervisor_that_is_a_child_is_called_by_its_id),
        cmocka_unit_test(a_supervisor_may_be_registered),
        cmocka_unit_test(a_name_that_was_taken_away_comes_back_with_the_next_ref),
        cmocka_unit_test(a_child_whose_name_is_taken_fails_to_start),
        cmocka_unit_test(a_name_belongs_to_the_child_in_every_life),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
