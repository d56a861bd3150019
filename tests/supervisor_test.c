// Supervisors: starting and stopping children in order, and which of them are restarted. How often:
// supervisor_intensity_test.c. Wrong specifications: supervisor_spec_test.c.
#include "tests/support/tree.h"

#include <stdio.h>
#include <string.h>

static troupe_status fail_init(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)arg;
    return puppet_fail(ctx, puppet, broken);
}

static troupe_status ignore(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)ctx;
    (void)puppet;
    (void)arg;
    return TROUPE_IGNORE;
}

static const struct order failing = {fail_init, NULL}, ignoring = {ignore, NULL},
                          stopping = {puppet_stop, NULL};

static const troupe_child three[] = {{.id = "a", .behavior = &puppet_behavior},
                                     {.id = "b", .behavior = &puppet_behavior},
                                     {.id = "c", .behavior = &puppet_behavior}};

static troupe_ref supervise(struct world *world, const troupe_child *children, size_t count)
{
    troupe_supervisor spec = {.max_restarts = 1000, .children = children, .child_count = count};
    troupe_ref supervisor;
    assert_int_equal(troupe_supervise_wait(world->ctx, &spec, &supervisor), TROUPE_OK);
    return supervisor;
}

// ---- Start

WORLD_STORY(children_start_in_order_each_after_the_one_before)
{
    supervise(world, three, COUNT(three));
    world_expect_order(world, "a", "init 1", "b", "init 1");
    world_expect_order(world, "b", "init 1", "c", "init 1");
}

WORLD_STORY(a_child_that_fails_while_others_start_is_restarted_when_all_have)
{
    troupe_child children[] = {three[0], three[1], three[2]};
    children[0].args_type = TROUPE_TYPE(Do);
    children[0].args = &tree_script(world, "!+")->order;
    troupe_ref supervisor = supervise(world, children, COUNT(children));
    tree_await_running(world, supervisor);
    world_await_all(world, "a", "init 1; stop failed: broken; init 2");
    tree_expect(world, supervisor, "a running 2, b running 1, c running 1");
}

WORLD_STORY(a_supervisor_may_have_no_children)
{
    troupe_ref supervisor = supervise(world, NULL, 0);
    world_watch(world, "witness", supervisor, TROUPE_ON_STOP);
    troupe_stop(world->ctx, supervisor);
    world_await_all(world, "witness", "down stop 1 shutdown");
}

WORLD_STORY(a_failing_start_stops_the_others_in_reverse_and_names_the_child)
{
    troupe_child children[] = {three[0], three[1], three[2]};
    children[2].args_type = TROUPE_TYPE(Do);
    children[2].args = &failing;
    troupe_supervisor spec = {.children = children, .child_count = COUNT(children)};
    troupe_ref supervisor;
    assert_int_equal(troupe_supervise_wait(world->ctx, &spec, &supervisor), TROUPE_ESTART);
    assert_non_null(
        strstr(troupe_error_text(world->ctx), "child \"c\": start failed (TROUPE_EUSER): broken"));
    world_expect(world, "a", "init 1; stop shutdown");
    world_expect(world, "b", "init 1; stop shutdown");
    world_expect(world, "c", "init 1");
    world_expect_order(world, "b", "stop shutdown", "a", "stop shutdown");
}

WORLD_STORY(a_failing_start_is_told_to_monitors)
{
    troupe_child child = {
        .id = "a", .behavior = &puppet_behavior, .args_type = TROUPE_TYPE(Do), .args = &failing};
    troupe_supervisor spec = {.name = "top", .children = &child, .child_count = 1};
    troupe_ref supervisor;
    assert_int_equal(troupe_supervise(world->ctx, &spec, &supervisor), TROUPE_OK);
    world_join(world, supervisor);
    world_expect(world, "event",
                 "failed a 1 start failed: broken; "
                 "failed top 1 start failed: child \"a\": start failed (TROUPE_EUSER): broken");
}

WORLD_STORY(a_child_that_ignores_its_start_is_left_out)
{
    troupe_child children[] = {three[0], three[1], three[2]};
    children[1].args_type = TROUPE_TYPE(Do);
    children[1].args = &ignoring;
    troupe_ref supervisor = supervise(world, children, COUNT(children)), ref;
    world_await(world, "c", "init 1");
    assert_int_equal(troupe_child_ref(world->ctx, supervisor, "c", &ref), TROUPE_OK);
    world_expect(world, "b", "init 1");
}

static troupe_status supervise_as_child(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)arg;
    troupe_supervisor spec = {.children = three, .child_count = COUNT(three)};
    return troupe_supervise(ctx, &spec, &puppet->other);
}

WORLD_STORY(a_supervisor_belongs_to_the_actor_that_started_it)
{
    troupe_ref owner = world_spawn(world, "owner", supervise_as_child, NULL);
    world_await(world, "c", "init 1");
    troupe_stop(world->ctx, owner);
    world_join(world, owner);
    world_expect_order(world, "a", "stop shutdown", "owner", "stop shutdown");
}

WORLD_STORY(arguments_are_copied_and_given_again_at_each_restart)
{
    static char first[] = "as given";
    struct order order = {puppet_fail, first};
    troupe_child child = {.id = "a", .behavior = &puppet_behavior};
    child.args_type = TROUPE_TYPE(Do);
    child.args = &order;
    order.fn = NULL;
    troupe_ref supervisor = supervise(world, &child, 1);
    order.fn = puppet_fail; // too late
    troupe_ref a = tree_child(world, supervisor, "a");
    world_do(world, a, puppet_fail, broken);
    world_sync(world, a);
    world_expect(world, "a", "init 1; stop failed: broken; init 2");
}

// ---- Stop

WORLD_STORY(children_are_stopped_in_reverse_one_after_the_other)
{
    troupe_ref supervisor = supervise(world, three, COUNT(three));
    troupe_stop(world->ctx, supervisor);
    world_join(world, supervisor);
    world_expect_order(world, "c", "stop shutdown", "b", "stop shutdown");
    world_expect_order(world, "b", "stop shutdown", "a", "stop shutdown");
}

WORLD_STORY(the_order_of_the_stop_is_that_of_the_specification_whatever_was_restarted)
{
    troupe_ref supervisor = supervise(world, three, COUNT(three));
    tree_fail(world, supervisor, "b");
    tree_fail(world, supervisor, "a");
    tree_await(world, supervisor, "a running 2, b running 2, c running 1");
    troupe_stop(world->ctx, supervisor);
    world_join(world, supervisor);
    world_expect_order(world, "c", "stop shutdown", "b", "stop shutdown");
    world_expect_order(world, "b", "stop shutdown", "a", "stop shutdown");
}

WORLD_STORY(a_killed_supervisor_kills_its_children)
{
    troupe_ref supervisor = supervise(world, three, COUNT(three));
    troupe_ref a = tree_child(world, supervisor, "a");
    world_watch(world, "witness", a, TROUPE_ON_STOP);
    troupe_kill(world->ctx, supervisor);
    world_await_all(world, "witness", "down stop 1 killed");
    world_join(world, supervisor);
    world_expect(world, "a", "init 1");
    world_expect(world, "c", "init 1");
}

WORLD_STORY(a_child_to_be_killed_now_has_no_stop)
{
    troupe_child children[] = {three[0], three[1]};
    children[0].shutdown_ms = TROUPE_KILL_NOW;
    troupe_ref supervisor = supervise(world, children, COUNT(children));
    troupe_stop(world->ctx, supervisor);
    world_join(world, supervisor);
    world_expect(world, "a", "init 1");
    world_expect(world, "b", "init 1; stop shutdown");
}

WORLD_STORY(a_supervisor_can_be_stopped_amid_restarts)
{
    troupe_ref supervisor = supervise(world, three, COUNT(three));
    for (int i = 0; i < 5; i++) {
        world_tell(world, tree_child(world, supervisor, "a"), puppet_fail, broken);
        world_tell(world, tree_child(world, supervisor, "c"), puppet_fail, broken);
    }
    troupe_stop(world->ctx, supervisor);
    world_join(world, supervisor);
    troupe_stats stats;
    troupe_system_stats(world->system, &stats);
    assert_int_equal(stats.ended, 4);
}

WORLD_STORY(a_supervisor_can_be_stopped_amid_its_start)
{
    troupe_supervisor spec = {.children = three, .child_count = COUNT(three)};
    troupe_ref supervisor;
    assert_int_equal(troupe_supervise(world->ctx, &spec, &supervisor), TROUPE_OK);
    troupe_stop(world->ctx, supervisor);
    world_join(world, supervisor);
    troupe_stats stats;
    troupe_system_stats(world->system, &stats);
    assert_int_equal(stats.ended, stats.spawned);
}

// ---- Who is restarted

// Ends child "a" with `end` and tells whether it was started again. It has ended once "a" is dead
// or runs again.
static bool is_restarted(struct world *world, troupe_restart restart, puppet_fn end)
{
    troupe_child children[] = {three[0], three[1]};
    children[0].restart = restart;
    troupe_ref supervisor = supervise(world, children, COUNT(children));
    troupe_ref a = tree_child(world, supervisor, "a");
    world_watch(world, "events of a", a, TROUPE_ON_STOP | TROUPE_ON_START);
    world_await(world, "events of a", "down start 1");
    if (end)
        world_do(world, a, end, broken);
    else
        troupe_stop(world->ctx, a);
    world_await_all(world, "events of a",
                    troupe_call(world->ctx, a, TROUPE_NO_LIMIT, NULL, Sync) == TROUPE_OK
                        ? "down start 1; down start 2"
                    : end == puppet_fail ? "down start 1; down stop 1 failed: broken"
                    : end                ? "down start 1; down stop 1 normal"
                                         : "down start 1; down stop 1 shutdown");
    world_sync(world, tree_child(world, supervisor, "b")); // it is not concerned
    world_expect(world, "b", "init 1");
    return world_heard(world, "a", "init 2") == 1;
}

WORLD_STORY(a_permanent_child_is_restarted_after_a_failure)
{
    assert_true(is_restarted(world, TROUPE_PERMANENT, puppet_fail));
}

WORLD_STORY(a_permanent_child_is_restarted_after_a_normal_end)
{
    assert_true(is_restarted(world, TROUPE_PERMANENT, puppet_stop));
}

WORLD_STORY(a_transient_child_is_restarted_after_a_failure)
{
    assert_true(is_restarted(world, TROUPE_TRANSIENT, puppet_fail));
}

WORLD_STORY(a_transient_child_is_not_restarted_after_a_normal_end)
{
    assert_false(is_restarted(world, TROUPE_TRANSIENT, puppet_stop));
}

WORLD_STORY(a_transient_child_is_not_restarted_after_a_shutdown)
{
    assert_false(is_restarted(world, TROUPE_TRANSIENT, NULL));
}

WORLD_STORY(a_temporary_child_is_never_restarted)
{
    assert_false(is_restarted(world, TROUPE_TEMPORARY, puppet_fail));
}

WORLD_STORY(a_permanent_child_that_stops_in_init_is_started_and_restarted)
{
    troupe_child child = {
        .id = "a", .behavior = &puppet_behavior, .args_type = TROUPE_TYPE(Do), .args = &stopping};
    troupe_supervisor spec = {.name = "top", .children = &child, .child_count = 1};
    troupe_ref supervisor;
    assert_int_equal(troupe_supervise_wait(world->ctx, &spec, &supervisor), TROUPE_OK);
    world_join(world, supervisor);
    world_expect(world, "a", "init 1; stop normal; init 2; stop normal");
    world_await(world, "event", "gave up top 1 normal");
}

// ---- Refs of children

WORLD_STORY(the_ref_of_a_child_is_found_by_its_id)
{
    troupe_ref supervisor = supervise(world, three, COUNT(three)), ref;
    troupe_ref a = tree_child(world, supervisor, "a"), b = tree_child(world, supervisor, "b");
    assert_false(troupe_ref_equal(a, b));
    world_do(world, a, puppet_fail, broken);
    world_sync(world, a);
    assert_true(troupe_ref_equal(a, tree_child(world, supervisor, "a"))); // over restarts, too
    assert_int_equal(troupe_child_ref(world->ctx, supervisor, "d", &ref), TROUPE_ENOENT);
    assert_string_equal(troupe_error_text(world->ctx),
                        "troupe_child_ref: supervisor: there is no child \"d\"");
    char text[TROUPE_REF_TEXT], expected[128];
    snprintf(expected, sizeof expected, "troupe_child_ref: %s is not a supervisor",
             troupe_ref_print(a, text));
    assert_int_equal(troupe_child_ref(world->ctx, a, "a", &ref), TROUPE_EDEAD);
    assert_string_equal(troupe_error_text(world->ctx), expected);
    assert_int_equal(troupe_stop_child_wait(world->ctx, supervisor, 0, "a"), TROUPE_OK);
    assert_int_equal(troupe_child_ref(world->ctx, supervisor, "a", &ref), TROUPE_ENOENT);
    assert_string_equal(troupe_error_text(world->ctx),
                        "troupe_child_ref: supervisor: child \"a\" does not run");
    troupe_stop(world->ctx, supervisor);
    world_join(world, supervisor);
    assert_int_equal(troupe_child_ref(world->ctx, supervisor, "a", &ref), TROUPE_EDEAD);
    assert_true(troupe_ref_is_none(ref));
}

static bool is_forgotten(struct world *world, void *arg)
{
    troupe_ref ref;
    return troupe_child_ref(world->ctx, *(troupe_ref *)arg, "a", &ref) == TROUPE_ENOENT;
}

WORLD_STORY(a_child_that_has_ended_for_good_is_not_found)
{
    troupe_child child = {.id = "a", .behavior = &puppet_behavior, .restart = TROUPE_TEMPORARY};
    troupe_ref supervisor = supervise(world, &child, 1);
    world_do(world, tree_child(world, supervisor, "a"), puppet_stop, NULL);
    world_until(world, is_forgotten, &supervisor);
}

TROUPE_EMPTY(Nonsense);

WORLD_STORY(a_message_to_a_supervisor_is_a_dead_letter)
{
    troupe_ref supervisor = supervise(world, three, 1);
    troupe_send(world->ctx, supervisor, Nonsense);
    world_await_all(world, "dead", "Nonsense unhandled");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(children_start_in_order_each_after_the_one_before),
        cmocka_unit_test(a_child_that_fails_while_others_start_is_restarted_when_all_have),
        cmocka_unit_test(a_supervisor_may_have_no_children),
        cmocka_unit_test(a_failing_start_stops_the_others_in_reverse_and_names_the_child),
        cmocka_unit_test(a_failing_start_is_told_to_monitors),
        cmocka_unit_test(a_child_that_ignores_its_start_is_left_out),
        cmocka_unit_test(a_supervisor_belongs_to_the_actor_that_started_it),
        cmocka_unit_test(arguments_are_copied_and_given_again_at_each_restart),
        cmocka_unit_test(children_are_stopped_in_reverse_one_after_the_other),
        cmocka_unit_test(the_order_of_the_stop_is_that_of_the_specification_whatever_was_restarted),
        cmocka_unit_test(a_killed_supervisor_kills_its_children),
        cmocka_unit_test(a_child_to_be_killed_now_has_no_stop),
        cmocka_unit_test(a_supervisor_can_be_stopped_amid_restarts),
        cmocka_unit_test(a_supervisor_can_be_stopped_amid_its_start),
        cmocka_unit_test(a_permanent_child_is_restarted_after_a_failure),
        cmocka_unit_test(a_permanent_child_is_restarted_after_a_normal_end),
        cmocka_unit_test(a_transient_child_is_restarted_after_a_failure),
        cmocka_unit_test(a_transient_child_is_not_restarted_after_a_normal_end),
        cmocka_unit_test(a_transient_child_is_not_restarted_after_a_shutdown),
        cmocka_unit_test(a_temporary_child_is_never_restarted),
        cmocka_unit_test(a_permanent_child_that_stops_in_init_is_started_and_restarted),
        cmocka_unit_test(the_ref_of_a_child_is_found_by_its_id),
        cmocka_unit_test(a_child_that_has_ended_for_good_is_not_found),
        cmocka_unit_test(a_message_to_a_supervisor_is_a_dead_letter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
