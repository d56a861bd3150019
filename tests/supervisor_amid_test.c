// Requests amid a group's restart, each at a known moment: "c" hangs while it is stopped for the
// group, "d" after it is down already, "a" and "b" before it have not been told yet. Then "c" lets
// go, and what has come of the group shows. On threads: a handler that is held at a gate hangs.
#include "tests/support/gate.h"
#include "tests/support/tree.h"

static struct gate gate;

static troupe_status pass_gate(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)ctx;
    (void)puppet;
    (void)arg;
    gate_pass(&gate);
    return TROUPE_OK;
}

#define SLOW .place = TROUPE_ON_THREAD, .shutdown_ms = TROUPE_NO_LIMIT

static const troupe_child children[] = {PUPPET("a"), PUPPET("b"), PUPPET("c", SLOW), PUPPET("d"),
                                        PUPPET("e")};

// Starts them, and has "e" (one for all) or "b" (rest for one) fail.
static troupe_ref start(struct world *world, troupe_strategy strategy)
{
    troupe_supervisor spec = {.strategy = strategy, .max_restarts = 1, TREE(children)};
    troupe_ref top = tree_start_owned(world, &spec);
    gate_init(&gate);
    world_tell(world, tree_child(world, top, "c"), pass_gate, NULL);
    gate_await(&gate);
    tree_fail(world, top, strategy == TROUPE_ONE_FOR_ALL ? "e" : "b");
    tree_await(world, top,
               strategy == TROUPE_ONE_FOR_ALL
                   ? "a running 1, b running 1, c restarting, d restarting, e restarting"
                   : "a running 1, b restarting, c restarting, d restarting, e restarting");
    world_await(world, "d", "stop shutdown");
    return top;
}

static void finish(struct world *world, troupe_ref top, const char *all)
{
    gate_open(&gate);
    tree_await(world, top, all);
    world_expect(world, "owner", "init 1; down start 1");
}

static troupe_status stop_child(struct world *world, troupe_ref top, const char *id)
{
    return troupe_stop_child_wait(world->ctx, top, TROUPE_NO_LIMIT, id);
}

static troupe_status restart_child(struct world *world, troupe_ref top, const char *id)
{
    troupe_ref ref;
    return troupe_restart_child_wait(world->ctx, top, TROUPE_NO_LIMIT, id, &ref);
}

static troupe_status delete_child(struct world *world, troupe_ref top, const char *id)
{
    return troupe_delete_child_wait(world->ctx, top, TROUPE_NO_LIMIT, id);
}

// ---- What cannot be done

WORLD_STORY_ON_THREADS(members_are_restarting_or_run_still)
{
    troupe_ref top = start(world, TROUPE_ONE_FOR_ALL), ref;
    static const char *const down[] = {"c", "d", "e"};
    for (size_t i = 0; i < COUNT(down); i++) {
        const troupe_child same = PUPPET(down[i]);
        assert_int_equal(restart_child(world, top, down[i]), TROUPE_ERESTARTING);
        assert_int_equal(delete_child(world, top, down[i]), TROUPE_ERESTARTING);
        assert_int_equal(troupe_start_child_wait(world->ctx, top, TROUPE_NO_LIMIT, &same, &ref),
                         TROUPE_EEXIST);
        assert_true(troupe_ref_is_none(ref)); // it does not run
        tree_child(world, top, down[i]);      // but will
    }
    assert_int_equal(restart_child(world, top, "a"), TROUPE_EBUSY);
    assert_int_equal(delete_child(world, top, "a"), TROUPE_EBUSY);
    assert_int_equal(restart_child(world, top, "x"), TROUPE_ENOENT);
    tree_expect_count(world, top, 5, 2, 0, 5);
    finish(world, top, "a running 2, b running 2, c running 2, d running 2, e running 2");
}

// ---- Stopping

WORLD_STORY_ON_THREADS(a_member_that_was_not_told_yet_can_be_stopped)
{
    troupe_ref top = start(world, TROUPE_ONE_FOR_ALL);
    assert_int_equal(stop_child(world, top, "a"), TROUPE_OK);
    tree_expect(world, top, "a stopped, b running 1, c restarting, d restarting, e restarting");
    assert_int_equal(restart_child(world, top, "a"), TROUPE_OK); // and will be restarted
    finish(world, top, "a running 2, b running 2, c running 2, d running 2, e running 2");
}

WORLD_STORY_ON_THREADS(a_member_that_is_down_can_be_stopped)
{
    troupe_ref top = start(world, TROUPE_ONE_FOR_ALL), d = tree_child(world, top, "d");
    assert_int_equal(stop_child(world, top, "d"), TROUPE_OK);
    assert_int_equal(troupe_incarnation(world->ctx, d), 0);
    finish(world, top, "a running 2, b running 2, c running 2, d stopped, e running 2");
    assert_int_equal(restart_child(world, top, "d"), TROUPE_OK);
}

WORLD_STORY_ON_THREADS(the_failed_member_can_be_stopped)
{
    troupe_ref top = start(world, TROUPE_ONE_FOR_ALL);
    assert_int_equal(stop_child(world, top, "e"), TROUPE_OK);
    finish(world, top, "a running 2, b running 2, c running 2, d running 2, e stopped");
}

WORLD_STORY_ON_THREADS(the_failed_first_member_of_rest_for_one_can_be_stopped)
{
    troupe_ref top = start(world, TROUPE_REST_FOR_ONE);
    assert_int_equal(stop_child(world, top, "b"), TROUPE_OK);
    finish(world, top, "a running 1, b stopped, c running 2, d running 2, e running 2");
}

WORLD_STORY_ON_THREADS(the_member_that_hangs_can_be_stopped)
{
    troupe_ref top = start(world, TROUPE_ONE_FOR_ALL);
    assert_int_equal(troupe_stop_child(world->ctx, top, 0, NULL, NULL, "c"), TROUPE_OK);
    tree_await(world, top, "a running 1, b running 1, c stopping, d restarting, e restarting");
    finish(world, top, "a running 2, b running 2, c stopped, d running 2, e running 2");
}

WORLD_STORY_ON_THREADS(all_members_can_be_stopped)
{
    troupe_ref top = start(world, TROUPE_ONE_FOR_ALL);
    static const char *const ids[] = {"e", "a", "d", "b"};
    for (size_t i = 0; i < COUNT(ids); i++)
        assert_int_equal(stop_child(world, top, ids[i]), TROUPE_OK);
    assert_int_equal(troupe_stop_child(world->ctx, top, 0, NULL, NULL, "c"), TROUPE_OK);
    finish(world, top, "a stopped, b stopped, c stopped, d stopped, e stopped");
    assert_int_equal(restart_child(world, top, "c"), TROUPE_OK);
}

// ---- Forgetting

static void forget(struct world *world, troupe_ref top, const char *id)
{
    assert_int_equal(stop_child(world, top, id), TROUPE_OK);
    assert_int_equal(delete_child(world, top, id), TROUPE_OK);
    assert_int_equal(delete_child(world, top, id), TROUPE_ENOENT);
}

WORLD_STORY_ON_THREADS(the_first_can_be_forgotten)
{
    troupe_ref top = start(world, TROUPE_ONE_FOR_ALL);
    forget(world, top, "a");
    finish(world, top, "b running 2, c running 2, d running 2, e running 2");
}

WORLD_STORY_ON_THREADS(the_first_of_the_rest_can_be_forgotten)
{
    troupe_ref top = start(world, TROUPE_REST_FOR_ONE);
    forget(world, top, "b");
    finish(world, top, "a running 1, c running 2, d running 2, e running 2");
}

WORLD_STORY_ON_THREADS(one_in_the_middle_can_be_forgotten)
{
    troupe_ref top = start(world, TROUPE_REST_FOR_ONE);
    forget(world, top, "d");
    finish(world, top, "a running 1, b running 2, c running 2, e running 2");
}

WORLD_STORY_ON_THREADS(the_last_can_be_forgotten)
{
    troupe_ref top = start(world, TROUPE_ONE_FOR_ALL);
    forget(world, top, "e");
    finish(world, top, "a running 2, b running 2, c running 2, d running 2");
}

WORLD_STORY_ON_THREADS(all_but_the_one_that_hangs_can_be_forgotten)
{
    troupe_ref top = start(world, TROUPE_ONE_FOR_ALL);
    static const char *const ids[] = {"d", "a", "e", "b"};
    for (size_t i = 0; i < COUNT(ids); i++)
        forget(world, top, ids[i]);
    finish(world, top, "c running 2");
}

// ---- Starting, and failing

static troupe_status ask_to_start(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    static char start[] = "start";
    static const troupe_child child = PUPPET("f");
    puppet->other = *(troupe_ref *)arg;
    return troupe_start_child(ctx, puppet->other, TROUPE_NO_LIMIT, tree_say_outcome, start, &child);
}

static void forget_and_start_again(struct world *world, const char *id, const char *all)
{
    troupe_ref top = start(world, TROUPE_ONE_FOR_ALL), old = tree_child(world, top, id), ref;
    const troupe_child same = PUPPET(id);
    forget(world, top, id);
    assert_int_equal(troupe_start_child(world->ctx, top, 0, NULL, NULL, &same), TROUPE_OK);
    finish(world, top, all);
    ref = tree_child(world, top, id);
    assert_false(troupe_ref_equal(ref, old));
    assert_int_equal(troupe_send(world->ctx, old, Number, .value = 1), TROUPE_EDEAD);
}

WORLD_STORY_ON_THREADS(a_member_that_was_forgotten_can_be_added_again)
{
    forget_and_start_again(world, "d",
                           "a running 2, b running 2, c running 2, e running 2, d running 1");
}

WORLD_STORY_ON_THREADS(the_failed_one_that_was_forgotten_can_be_added_again)
{
    forget_and_start_again(world, "e",
                           "a running 2, b running 2, c running 2, d running 2, e running 1");
}

WORLD_STORY_ON_THREADS(a_child_that_is_added_starts_after_the_group)
{
    troupe_ref top = start(world, TROUPE_REST_FOR_ONE);
    troupe_ref asker = world_spawn(world, "asker", NULL, NULL);
    world_do(world, asker, ask_to_start, &top);
    tree_await(world, top,
               "a running 1, b restarting, c restarting, d restarting, e restarting, f starting");
    assert_int_equal(restart_child(world, top, "f"), TROUPE_ERESTARTING);
    assert_int_equal(delete_child(world, top, "f"), TROUPE_ERESTARTING);
    world_expect(world, "asker", "init 1");
    finish(world, top,
           "a running 1, b running 2, c running 2, d running 2, e running 2, f running 1");
    world_await_all(world, "asker", "init 1; start: TROUPE_OK");
    world_expect_order(world, "e", "init 2", "f", "init 1");
}

WORLD_STORY_ON_THREADS(a_child_that_is_added_can_be_stopped_before_it_starts)
{
    troupe_ref top = start(world, TROUPE_ONE_FOR_ALL);
    troupe_ref asker = world_spawn(world, "asker", NULL, NULL);
    world_do(world, asker, ask_to_start, &top);
    assert_int_equal(stop_child(world, top, "f"), TROUPE_OK);
    world_await_all(world, "asker", "init 1; start: TROUPE_ESTART");
    finish(world, top, "a running 2, b running 2, c running 2, d running 2, e running 2");
    world_expect(world, "f", "");
}

WORLD_STORY_ON_THREADS(members_may_fail_before_they_are_told)
{
    troupe_ref top = start(world, TROUPE_ONE_FOR_ALL);
    tree_fail(world, top, "b"); // counts once, with the others
    tree_fail(world, top, "a");
    finish(world, top, "a running 2, b running 2, c running 2, d running 2, e running 2");
    world_expect(world, "a", "init 1; stop failed: broken; init 2");
}

WORLD_STORY_ON_THREADS(a_child_outside_of_the_group_that_fails_comes_after_it)
{
    troupe_ref top = start(world, TROUPE_REST_FOR_ONE);
    tree_fail(world, top, "a"); // counts: the second
    gate_open(&gate);
    world_await_all(world, "owner", "init 1; down start 1; down stop 1 shutdown");
    world_expect(world, "b", "init 1; stop failed: broken; init 2; stop shutdown");
    world_expect(world, "a", "init 1; stop failed: broken");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_are_restarting_or_run_still),
        cmocka_unit_test(a_member_that_was_not_told_yet_can_be_stopped),
        cmocka_unit_test(a_member_that_is_down_can_be_stopped),
        cmocka_unit_test(the_failed_member_can_be_stopped),
        cmocka_unit_test(the_failed_first_member_of_rest_for_one_can_be_stopped),
        cmocka_unit_test(the_member_that_hangs_can_be_stopped),
        cmocka_unit_test(all_members_can_be_stopped),
        cmocka_unit_test(the_first_can_be_forgotten),
        cmocka_unit_test(the_first_of_the_rest_can_be_forgotten),
        cmocka_unit_test(one_in_the_middle_can_be_forgotten),
        cmocka_unit_test(the_last_can_be_forgotten),
        cmocka_unit_test(all_but_the_one_that_hangs_can_be_forgotten),
        cmocka_unit_test(a_member_that_was_forgotten_can_be_added_again),
        cmocka_unit_test(the_failed_one_that_was_forgotten_can_be_added_again),
        cmocka_unit_test(a_child_that_is_added_starts_after_the_group),
        cmocka_unit_test(a_child_that_is_added_can_be_stopped_before_it_starts),
        cmocka_unit_test(members_may_fail_before_they_are_told),
        cmocka_unit_test(a_child_outside_of_the_group_that_fails_comes_after_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
