// How often a supervisor restarts before it gives up, and what comes of that: OTP's rules. On
// virtual time where it matters when.
#include "tests/support/tree.h"

static const troupe_child two[] = {{.id = "a", .behavior = &puppet_behavior},
                                   {.id = "b", .behavior = &puppet_behavior}};

static troupe_ref supervise(struct world *world, uint32_t max_restarts, uint32_t within_ms)
{
    troupe_supervisor spec = {.name = "top",
                              .max_restarts = max_restarts,
                              .within_ms = within_ms,
                              .children = two,
                              .child_count = 2};
    troupe_ref supervisor;
    assert_int_equal(troupe_supervise_wait(world->ctx, &spec, &supervisor), TROUPE_OK);
    return supervisor;
}

// Fails "a" and tells whether the supervisor goes on. Driven.
static bool survives_failure(struct world *world, troupe_ref supervisor)
{
    world_tell(world, tree_child(world, supervisor, "a"), puppet_fail, broken);
    world_settle(world);
    return troupe_incarnation(world->ctx, supervisor) == 1;
}

// ---- When

WORLD_STORY_DRIVEN(by_default_one_restart_in_five_seconds_is_allowed)
{
    troupe_ref supervisor = supervise(world, 0, 0);
    assert_true(survives_failure(world, supervisor));
    world_advance(world, 5001);
    assert_true(survives_failure(world, supervisor));
    world_advance(world, 4999);
    assert_false(survives_failure(world, supervisor));
}

WORLD_STORY_DRIVEN(a_restart_exactly_one_period_ago_still_counts)
{
    troupe_ref supervisor = supervise(world, 1, 1000);
    assert_true(survives_failure(world, supervisor));
    world_advance(world, 1000);
    assert_false(survives_failure(world, supervisor));
}

WORLD_STORY_DRIVEN(a_restart_longer_ago_than_the_period_does_not_count)
{
    troupe_ref supervisor = supervise(world, 1, 1000);
    for (int i = 0; i < 10; i++) {
        assert_true(survives_failure(world, supervisor));
        world_advance(world, 1001);
    }
}

WORLD_STORY_DRIVEN(the_window_slides)
{
    troupe_ref supervisor = supervise(world, 3, 1000);
    for (int i = 0; i < 10; i++) { // three in any second
        assert_true(survives_failure(world, supervisor));
        world_advance(world, 400);
    }
    assert_true(survives_failure(world, supervisor));
    assert_false(survives_failure(world, supervisor)); // at 3200, 3600, and two at 4000
}

WORLD_STORY_DRIVEN(the_longest_period_is_seven_weeks)
{
    troupe_ref supervisor = supervise(world, 1, UINT32_MAX);
    assert_true(survives_failure(world, supervisor));
    world_advance(world, (uint64_t)UINT32_MAX + 1);
    assert_true(survives_failure(world, supervisor));
    world_advance(world, UINT32_MAX);
    assert_false(survives_failure(world, supervisor));
}

WORLD_STORY_DRIVEN(without_restarts_the_first_failure_is_one_too_many)
{
    troupe_ref supervisor = supervise(world, TROUPE_NO_RESTARTS, 0);
    assert_false(survives_failure(world, supervisor));
}

WORLD_STORY_DRIVEN(failures_of_all_children_count_together)
{
    troupe_ref supervisor = supervise(world, 1, 0);
    world_tell(world, tree_child(world, supervisor, "b"), puppet_fail, broken);
    world_settle(world);
    assert_false(survives_failure(world, supervisor));
}

// ---- Giving up

WORLD_STORY(giving_up_stops_the_children_in_reverse_and_is_a_shutdown_and_an_event)
{
    troupe_child children[] = {two[0], two[1], {.id = "c", .behavior = &puppet_behavior}};
    troupe_supervisor spec = {
        .name = "top", .max_restarts = TROUPE_NO_RESTARTS, .children = children, .child_count = 3};
    troupe_ref supervisor = tree_start_owned(world, &spec);
    tree_fail(world, supervisor, "b");
    world_await_all(world, "owner", "init 1; down start 1; down stop 1 shutdown");
    world_expect(world, "event", "failed b 1 failed: broken; gave up top 1 failed: broken");
    world_expect(world, "b", "init 1; stop failed: broken");
    world_expect_order(world, "c", "stop shutdown", "a", "stop shutdown");
}

static troupe_status fail_the_second_time(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    if (troupe_incarnation(ctx, troupe_self(ctx)) == *(uint32_t *)arg)
        return TROUPE_OK;
    return puppet_fail(ctx, puppet, broken);
}

WORLD_STORY(each_failed_attempt_to_restart_counts)
{
    static uint32_t good = 1;
    struct order order = {fail_the_second_time, &good};
    troupe_child child = {
        .id = "a", .behavior = &puppet_behavior, .args_type = TROUPE_TYPE(Do), .args = &order};
    troupe_supervisor spec = {
        .name = "top", .max_restarts = 3, .children = &child, .child_count = 1};
    troupe_ref supervisor;
    assert_int_equal(troupe_supervise_wait(world->ctx, &spec, &supervisor), TROUPE_OK);
    troupe_kill(world->ctx, tree_child(world, supervisor, "a"));
    world_join(world, supervisor);
    world_expect(world, "a", "init 1; init 2; init 3; init 4");
    world_await(world, "event", "gave up top 1 start failed: broken");
}

static troupe_status fail_unless_first_or_third(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)arg;
    if (troupe_incarnation(ctx, troupe_self(ctx)) % 2 == 1)
        return TROUPE_OK;
    return puppet_fail(ctx, puppet, broken);
}

WORLD_STORY(a_failed_attempt_to_restart_is_tried_again)
{
    troupe_ref a = world_supervise(world, "a", fail_unless_first_or_third);
    troupe_send(world->ctx, a, Do, .fn = puppet_fail, .arg = broken);
    troupe_send(world->ctx, a, Number, .value = 1);
    world_sync(world, a);
    world_expect(world, "a", "init 1; stop failed: broken; init 2; init 3; 1");
}

// ---- Supervisors of supervisors

static const troupe_supervisor inner = {
    .max_restarts = TROUPE_NO_RESTARTS, .children = two, .child_count = 2};

static troupe_ref supervise_inner(struct world *world, troupe_restart restart, troupe_ref *outer)
{
    troupe_child child = {.id = "inner", .supervisor = &inner, .restart = restart};
    troupe_supervisor spec = {.name = "outer", .children = &child, .child_count = 1};
    assert_int_equal(troupe_supervise_wait(world->ctx, &spec, outer), TROUPE_OK);
    world_expect(world, "b", "init 1"); // an inner one has started when its children have
    return tree_child(world, *outer, "inner");
}

WORLD_STORY(a_permanent_supervisor_that_gave_up_is_restarted_with_new_children)
{
    troupe_ref outer, supervisor = supervise_inner(world, TROUPE_PERMANENT, &outer);
    troupe_ref a = tree_child(world, supervisor, "a");
    world_watch(world, "witness", supervisor, TROUPE_ON_START);
    world_await(world, "witness", "down start 1");
    world_tell(world, a, puppet_fail, broken);
    world_await(world, "witness", "down start 2");
    assert_int_equal(troupe_incarnation(world->ctx, supervisor), 2);
    assert_int_equal(troupe_incarnation(world->ctx, a), 0);
    assert_int_equal(troupe_incarnation(world->ctx, tree_child(world, supervisor, "a")), 1);
    world_expect(world, "b", "init 1; stop shutdown; init 1");
}

WORLD_STORY(failures_escalate_to_the_top)
{
    troupe_ref outer, supervisor = supervise_inner(world, TROUPE_PERMANENT, &outer);
    world_watch(world, "starts", supervisor, TROUPE_ON_START);
    world_await(world, "starts", "down start 1");
    world_tell(world, tree_child(world, supervisor, "a"), puppet_fail, broken);
    world_await(world, "starts", "down start 2");
    world_tell(world, tree_child(world, supervisor, "a"), puppet_fail, broken);
    world_join(world, outer);
    world_await(world, "event", "gave up outer 1 shutdown");
    assert_int_equal(troupe_system_wait(world->system, TROUPE_NO_LIMIT), TROUPE_EDOWN);
    assert_string_equal(
        troupe_error_text(world->ctx),
        "troupe_system_wait: supervisor outer gave up: more than 1 restart in 5000 ms: child \"inner\": shutdown");
    troupe_stats stats;
    troupe_system_stats(world->system, &stats);
    assert_int_equal(stats.ended, stats.spawned); // the witness, too
}

WORLD_STORY(a_transient_supervisor_that_gave_up_stays_down)
{
    troupe_ref outer, supervisor = supervise_inner(world, TROUPE_TRANSIENT, &outer);
    world_tell(world, tree_child(world, supervisor, "a"), puppet_fail, broken);
    world_join(world, supervisor);
    assert_int_equal(troupe_incarnation(world->ctx, outer), 1);
    world_expect(world, "b", "init 1; stop shutdown");
}

WORLD_STORY(an_inner_start_that_fails_names_the_child_and_its_supervisor)
{
    static uint32_t never = 0;
    static struct order order = {fail_the_second_time, &never};
    static const troupe_child bad = {
        .id = "bad", .behavior = &puppet_behavior, .args_type = TROUPE_TYPE(Do), .args = &order};
    static const troupe_supervisor inside = {.children = &bad, .child_count = 1};
    troupe_child children[] = {two[0], {.id = "inside", .supervisor = &inside}};
    troupe_supervisor spec = {.children = children, .child_count = 2};
    assert_int_equal(troupe_supervise_wait(world->ctx, &spec, NULL), TROUPE_ESTART);
    assert_string_equal(
        troupe_error_text(world->ctx),
        "troupe_supervise_wait: start failed (TROUPE_EUSER): child \"inside\""
        ": start failed (TROUPE_EUSER): child \"bad\": start failed (TROUPE_EUSER): broken");
    world_expect(world, "a", "init 1; stop shutdown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_default_one_restart_in_five_seconds_is_allowed),
        cmocka_unit_test(a_restart_exactly_one_period_ago_still_counts),
        cmocka_unit_test(a_restart_longer_ago_than_the_period_does_not_count),
        cmocka_unit_test(the_window_slides),
        cmocka_unit_test(the_longest_period_is_seven_weeks),
        cmocka_unit_test(without_restarts_the_first_failure_is_one_too_many),
        cmocka_unit_test(failures_of_all_children_count_together),
        cmocka_unit_test(giving_up_stops_the_children_in_reverse_and_is_a_shutdown_and_an_event),
        cmocka_unit_test(each_failed_attempt_to_restart_counts),
        cmocka_unit_test(a_failed_attempt_to_restart_is_tried_again),
        cmocka_unit_test(a_permanent_supervisor_that_gave_up_is_restarted_with_new_children),
        cmocka_unit_test(failures_escalate_to_the_top),
        cmocka_unit_test(a_transient_supervisor_that_gave_up_stays_down),
        cmocka_unit_test(an_inner_start_that_fails_names_the_child_and_its_supervisor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
