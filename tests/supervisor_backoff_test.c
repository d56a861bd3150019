// Backoff: how long a child waits for its restart, on virtual time, and what happens meanwhile.
#include "tests/support/tree.h"

#include <stdio.h>
#include <stdlib.h>

#define START(children) tree_start_as(world, TROUPE_ONE_FOR_ONE, MANY, (children), COUNT(children))

static void fail_a(struct world *world, troupe_ref top)
{
    world_tell(world, tree_child(world, top, "a"), puppet_fail, broken);
    world_settle(world);
}

static uint32_t starts_of_a(struct world *world)
{
    uint32_t count = 0;
    for (uint32_t i = 1; i <= 10; i++) {
        char init[16];
        snprintf(init, sizeof init, "init %u", i);
        count += world_heard(world, "a", init);
    }
    return count;
}

// Fails unless "a" comes back after `ms`, and not before.
static void expect_back_after(struct world *world, troupe_ref top, uint32_t ms)
{
    troupe_ref a = tree_child(world, top, "a");
    uint32_t starts = starts_of_a(world);
    world_advance(world, ms - 1);
    assert_int_equal(starts_of_a(world), starts);
    world_advance(world, 2);
    assert_int_equal(starts_of_a(world), starts + 1);
    assert_true(troupe_ref_equal(a, tree_child(world, top, "a")));
}

// ---- How long

static const troupe_child backing_off[] = {PUPPET("a", .backoff = {.min_ms = 100, .max_ms = 400})};

WORLD_STORY_DRIVEN(each_restart_in_a_row_waits_twice_as_long_up_to_the_most)
{
    troupe_ref top = START(backing_off);
    static const uint32_t waits[] = {100, 200, 400, 400, 400};
    for (size_t i = 0; i < COUNT(waits); i++) {
        fail_a(world, top);
        expect_back_after(world, top, waits[i]);
    }
    tree_expect(world, top, "a running 6");
}

WORLD_STORY_DRIVEN(the_most_is_32_times_the_least_by_default)
{
    static const troupe_child children[] = {PUPPET("a", .backoff = {.min_ms = 10})};
    troupe_ref top = START(children);
    static const uint32_t waits[] = {10, 20, 40, 80, 160, 320, 320};
    for (size_t i = 0; i < COUNT(waits); i++) {
        fail_a(world, top);
        expect_back_after(world, top, waits[i]);
    }
}

WORLD_STORY_DRIVEN(without_backoff_there_is_no_wait)
{
    static const troupe_child children[] = {PUPPET("a")};
    troupe_ref top = START(children);
    for (uint32_t i = 1; i < 5; i++) {
        fail_a(world, top);
        assert_int_equal(starts_of_a(world), i + 1);
    }
}

WORLD_STORY_DRIVEN(failed_attempts_wait_as_well)
{
    const troupe_child children[] = {PUPPET("a", RUN(&tree_script(world, "+---+")->order),
                                            .backoff = {.min_ms = 100, .max_ms = 400})};
    troupe_ref top = START(children);
    fail_a(world, top);
    world_advance(world, 50); // then it comes back between two looks
    static const uint32_t waits[] = {1, 2, 4, 4};
    for (uint32_t i = 0, starts = 1; i < COUNT(waits); i++, starts++) {
        world_advance(world, 100 * (waits[i] - 1));
        assert_int_equal(starts_of_a(world), starts);
        tree_expect(world, top, "a restarting");
        world_advance(world, 100);
        assert_int_equal(starts_of_a(world), starts + 1);
    }
    tree_expect(world, top, "a running 5");
}

WORLD_STORY_DRIVEN(one_that_ran_for_the_quiet_time_begins_anew)
{
    static const troupe_child children[] = {
        PUPPET("a", .backoff = {.min_ms = 100, .max_ms = 400, .quiet_ms = 1000})};
    troupe_ref top = START(children);
    fail_a(world, top);
    expect_back_after(world, top, 100);
    world_advance(world, 990);
    fail_a(world, top);
    expect_back_after(world, top, 200);
    world_advance(world, 1010);
    fail_a(world, top);
    expect_back_after(world, top, 100);
    fail_a(world, top);
    expect_back_after(world, top, 200);
}

WORLD_STORY_DRIVEN(the_quiet_time_is_the_most_by_default)
{
    troupe_ref top = START(backing_off);
    fail_a(world, top);
    expect_back_after(world, top, 100);
    world_advance(world, 390);
    fail_a(world, top);
    expect_back_after(world, top, 200);
    world_advance(world, 410);
    fail_a(world, top);
    expect_back_after(world, top, 100);
}

WORLD_STORY_DRIVEN(each_child_waits_for_itself)
{
    static const troupe_child children[] = {PUPPET("a", .backoff = {.min_ms = 100, .max_ms = 400}),
                                            PUPPET("b", .backoff = {.min_ms = 10, .max_ms = 400}),
                                            PUPPET("c")};
    troupe_ref top = START(children);
    fail_a(world, top);
    tree_fail(world, top, "b");
    tree_fail(world, top, "c"); // at once
    world_settle(world);
    tree_expect(world, top, "a restarting, b restarting, c running 2");
    world_advance(world, 12);
    tree_expect(world, top, "a restarting, b running 2, c running 2");
    world_advance(world, 90);
    tree_expect(world, top, "a running 2, b running 2, c running 2");
    tree_fail(world, top, "b");
    world_advance(world, 18);
    tree_expect(world, top, "a running 2, b restarting, c running 2");
}

static unsigned with_random_part; // stories in which the wait was longer than without

static void wait_with_random_part(struct world *world)
{
    static const troupe_child children[] = {
        PUPPET("a", .backoff = {.min_ms = 1000, .random_percent = 50})};
    troupe_ref top = START(children);
    fail_a(world, top);
    world_advance(world, 999);
    tree_expect(world, top, "a restarting");
    world_advance(world, 51); // a tenth of the random part
    with_random_part += world_heard(world, "a", "init 2") == 0;
    world_advance(world, 451);
    tree_expect(world, top, "a running 2");
}

static void a_random_part_is_added(void **state)
{
    (void)state;
    with_random_part = 0;
    world_each_driven(wait_with_random_part);
    if (getenv("TROUPE_SEED") == NULL)
        assert_true(with_random_part > 0); // of 50 about 45
}

// ---- Meanwhile

WORLD_STORY_DRIVEN(messages_wait_meanwhile)
{
    troupe_ref top = START(backing_off), a = tree_child(world, top, "a");
    troupe_send(world->ctx, a, Number, .value = 1);
    world_tell(world, a, puppet_fail, broken);
    troupe_send(world->ctx, a, Number, .value = 2);
    world_settle(world);
    assert_int_equal(troupe_send(world->ctx, a, Number, .value = 3), TROUPE_OK);
    world_settle(world);
    world_expect(world, "a", "init 1; 1; stop failed: broken");
    world_advance(world, 101);
    world_expect(world, "a", "init 1; 1; stop failed: broken; init 2; 2; 3");
}

WORLD_STORY(an_ask_waits_meanwhile)
{
    static const troupe_child children[] = {PUPPET("a", .backoff = {.min_ms = 5})};
    troupe_ref top = START(children);
    tree_fail(world, top, "a");
    world_sync(world, tree_child(world, top, "a"));
    world_expect(world, "a", "init 1; stop failed: broken; init 2");
}

WORLD_STORY_DRIVEN(a_stop_or_a_kill_is_for_the_incarnation_that_has_ended)
{
    troupe_ref top = START(backing_off), a = tree_child(world, top, "a");
    fail_a(world, top);
    assert_int_equal(troupe_stop(world->ctx, a), TROUPE_OK);
    assert_int_equal(troupe_kill(world->ctx, a), TROUPE_OK);
    world_settle(world);
    expect_back_after(world, top, 100);
    world_sync(world, a);
    world_expect(world, "a", "init 1; stop failed: broken; init 2");
}

WORLD_STORY_DRIVEN(a_supervisor_that_is_stopped_does_not_wait)
{
    troupe_ref top = START(backing_off), a = tree_child(world, top, "a");
    fail_a(world, top);
    troupe_send(world->ctx, a, Number, .value = 5);
    troupe_stop(world->ctx, top);
    world_settle(world);
    world_expect(world, "owner", "init 1; down start 1; down stop 1 shutdown");
    world_expect(world, "a", "init 1; stop failed: broken");
    assert_int_equal(world_heard(world, "dead", "Number 5 ended"), 1);
    assert_int_equal(troupe_incarnation(world->ctx, a), 0);
    world_advance(world, 1000);
}

WORLD_STORY_DRIVEN(a_supervisor_that_is_killed_does_not_wait)
{
    troupe_ref top = START(backing_off);
    fail_a(world, top);
    troupe_kill(world->ctx, top);
    world_settle(world);
    world_expect(world, "owner", "init 1; down start 1; down stop 1 killed");
    world_advance(world, 1000);
    world_expect(world, "a", "init 1; stop failed: broken");
}

WORLD_STORY_DRIVEN(a_system_can_be_stopped_meanwhile)
{
    troupe_ref top = START(backing_off);
    fail_a(world, top);
    uint64_t before = world->driver.sim->now;
    world_stop(world);
    assert_true(world->driver.sim->now - before < 100000000);
}

// ---- Counting, groups, supervisors

WORLD_STORY_DRIVEN(restarts_count_as_ever)
{
    troupe_ref top = tree_start_as(world, TROUPE_ONE_FOR_ONE, 2, backing_off, 1);
    fail_a(world, top);
    expect_back_after(world, top, 100);
    fail_a(world, top);
    expect_back_after(world, top, 200);
    fail_a(world, top); // gives up without a wait
    world_expect(world, "owner", "init 1; down start 1; down stop 1 shutdown");
}

static const troupe_child group[] = {PUPPET("x"), PUPPET("a", .backoff = {.min_ms = 100}),
                                     PUPPET("z")};

WORLD_STORY_DRIVEN(all_are_stopped_at_once_and_started_after_the_wait)
{
    troupe_ref top = tree_start_as(world, TROUPE_ONE_FOR_ALL, MANY, group, COUNT(group));
    fail_a(world, top);
    world_expect(world, "x", "init 1; stop shutdown");
    world_expect(world, "z", "init 1; stop shutdown");
    tree_expect(world, top, "x restarting, a restarting, z restarting");
    expect_back_after(world, top, 100);
    tree_expect(world, top, "x running 2, a running 2, z running 2");
    world_expect_order(world, "x", "init 2", "a", "init 2");
}

WORLD_STORY_DRIVEN(the_rest_is_stopped_at_once_and_started_after_the_wait)
{
    troupe_ref top = tree_start_as(world, TROUPE_REST_FOR_ONE, MANY, group, COUNT(group));
    fail_a(world, top);
    tree_expect(world, top, "x running 1, a restarting, z restarting");
    expect_back_after(world, top, 100);
    tree_expect(world, top, "x running 1, a running 2, z running 2");
}

WORLD_STORY_DRIVEN(a_member_before_the_failed_one_may_fail_during_its_wait)
{
    troupe_ref top = tree_start_as(world, TROUPE_REST_FOR_ONE, MANY, group, COUNT(group));
    fail_a(world, top);
    tree_fail(world, top, "x");
    world_advance(world, 500);
    tree_await(world, top, "x running 2, a running 2, z running 2");
}

WORLD_STORY_DRIVEN(a_member_that_is_stopped_during_the_groups_wait_stays_so)
{
    troupe_ref top = tree_start_as(world, TROUPE_ONE_FOR_ALL, MANY, group, COUNT(group));
    fail_a(world, top);
    assert_int_equal(troupe_stop_child_wait(world->ctx, top, 0, "x"), TROUPE_OK);
    tree_expect(world, top, "x stopped, a restarting, z restarting");
    world_advance(world, 101);
    tree_expect(world, top, "x stopped, a running 2, z running 2");
    world_expect(world, "x", "init 1; stop shutdown");
}

WORLD_STORY_DRIVEN(the_group_waits_no_longer_for_one_that_is_stopped)
{
    troupe_ref top = tree_start_as(world, TROUPE_ONE_FOR_ALL, MANY, group, COUNT(group));
    fail_a(world, top);
    assert_int_equal(troupe_stop_child_wait(world->ctx, top, 0, "a"), TROUPE_OK);
    world_settle(world);
    tree_expect(world, top, "x running 2, a stopped, z running 2");
    world_advance(world, 200);
    tree_expect(world, top, "x running 2, a stopped, z running 2");
}

WORLD_STORY_DRIVEN(members_are_being_restarted_during_the_groups_wait)
{
    troupe_ref top = tree_start_as(world, TROUPE_ONE_FOR_ALL, MANY, group, COUNT(group)), ref;
    assert_int_equal(troupe_stop_child_wait(world->ctx, top, 0, "z"), TROUPE_OK);
    fail_a(world, top);
    assert_int_equal(troupe_restart_child_wait(world->ctx, top, 0, "x", &ref), TROUPE_ERESTARTING);
    assert_int_equal(troupe_delete_child_wait(world->ctx, top, 0, "x"), TROUPE_ERESTARTING);
    // It will be started with the others.
    assert_int_equal(troupe_restart_child_wait(world->ctx, top, 0, "z", &ref), TROUPE_ERESTARTING);
    world_advance(world, 101);
    tree_expect(world, top, "x running 2, a running 2, z running 1");
}

WORLD_STORY_DRIVEN(messages_of_others_wait_with_the_group)
{
    troupe_ref top = tree_start_as(world, TROUPE_ONE_FOR_ALL, MANY, group, COUNT(group));
    fail_a(world, top);
    troupe_send(world->ctx, tree_child(world, top, "z"), Number, .value = 5);
    world_settle(world);
    world_expect(world, "z", "init 1; stop shutdown");
    world_advance(world, 101);
    world_expect(world, "z", "init 1; stop shutdown; init 2; 5");
}

WORLD_STORY_DRIVEN(a_supervisor_waits_for_its_restart_as_any_child)
{
    static const troupe_child inside[] = {PUPPET("a")};
    static const troupe_supervisor inner = {
        .max_restarts = TROUPE_NO_RESTARTS, .children = inside, .child_count = 1};
    static const troupe_child child[] = {
        {.id = "inner", .supervisor = &inner, .backoff = {.min_ms = 100}}};
    troupe_ref top = START(child);
    fail_a(world, tree_child(world, top, "inner"));
    tree_expect(world, top, "inner restarting");
    world_advance(world, 99);
    world_expect(world, "a", "init 1; stop failed: broken");
    world_advance(world, 2);
    world_expect(world, "a", "init 1; stop failed: broken; init 1");
    tree_expect(world, top, "inner running 2");
}

WORLD_STORY_DRIVEN(dynamic_children_wait_each_for_itself)
{
    static const troupe_child template = PUPPET("child", .backoff = {.min_ms = 100});
    troupe_ref top = tree_start_dynamic(world, &template);
    troupe_ref one = tree_add(world, top), two = tree_add(world, top);
    world_do(world, one, puppet_fail, broken);
    world_settle(world);
    world_advance(world, 50);
    world_do(world, two, puppet_fail, broken);
    world_settle(world);
    world_advance(world, 52);
    tree_expect(world, top, "- running 2, - restarting");
    world_advance(world, 50);
    tree_expect(world, top, "- running 2, - running 2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_restart_in_a_row_waits_twice_as_long_up_to_the_most),
        cmocka_unit_test(the_most_is_32_times_the_least_by_default),
        cmocka_unit_test(without_backoff_there_is_no_wait),
        cmocka_unit_test(failed_attempts_wait_as_well),
        cmocka_unit_test(one_that_ran_for_the_quiet_time_begins_anew),
        cmocka_unit_test(the_quiet_time_is_the_most_by_default),
        cmocka_unit_test(each_child_waits_for_itself),
        cmocka_unit_test(a_random_part_is_added),
        cmocka_unit_test(messages_wait_meanwhile),
        cmocka_unit_test(an_ask_waits_meanwhile),
        cmocka_unit_test(a_stop_or_a_kill_is_for_the_incarnation_that_has_ended),
        cmocka_unit_test(a_supervisor_that_is_stopped_does_not_wait),
        cmocka_unit_test(a_supervisor_that_is_killed_does_not_wait),
        cmocka_unit_test(a_system_can_be_stopped_meanwhile),
        cmocka_unit_test(restarts_count_as_ever),
        cmocka_unit_test(all_are_stopped_at_once_and_started_after_the_wait),
        cmocka_unit_test(the_rest_is_stopped_at_once_and_started_after_the_wait),
        cmocka_unit_test(a_member_before_the_failed_one_may_fail_during_its_wait),
        cmocka_unit_test(a_member_that_is_stopped_during_the_groups_wait_stays_so),
        cmocka_unit_test(the_group_waits_no_longer_for_one_that_is_stopped),
        cmocka_unit_test(members_are_being_restarted_during_the_groups_wait),
        cmocka_unit_test(messages_of_others_wait_with_the_group),
        cmocka_unit_test(a_supervisor_waits_for_its_restart_as_any_child),
        cmocka_unit_test(dynamic_children_wait_each_for_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
