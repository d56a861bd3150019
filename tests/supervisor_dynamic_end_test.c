// Simple one for one: how children end, alone and with their supervisor.
#include "tests/support/tree.h"

static const troupe_child plain = PUPPET("child");

static troupe_status stop_ref(struct world *world, troupe_ref top, troupe_ref child)
{
    return troupe_stop_child_ref_wait(world->ctx, top, TROUPE_NO_LIMIT, child);
}

// ---- Ends

WORLD_STORY(each_child_is_restarted_alone_with_its_ref)
{
    troupe_ref top = tree_start_dynamic(world, &plain);
    troupe_ref one = tree_add(world, top), two = tree_add(world, top), three = tree_add(world, top);
    world_do(world, two, puppet_fail, broken);
    world_sync(world, two);
    assert_int_equal(troupe_incarnation(world->ctx, one), 1);
    assert_int_equal(troupe_incarnation(world->ctx, two), 2);
    assert_int_equal(troupe_incarnation(world->ctx, three), 1);
    tree_expect(world, top, "- running 1, - running 2, - running 1"); // in their order
}

static bool has_told(struct world *world, void *arg)
{
    (void)arg;
    static const char *const ends[] = {"down restart 1 normal", "down restart 1 failed: broken",
                                       "down stop 1 normal", "down stop 1 failed: broken"};
    for (size_t i = 0; i < COUNT(ends); i++)
        if (world_heard(world, "witness", ends[i]))
            return true;
    return false;
}

// Fails or ends (`how`) a child of a template with that restart type; returns whether it runs
// again.
static bool comes_again(struct world *world, troupe_restart restart, puppet_fn how)
{
    const troupe_child template = PUPPET("child", .restart = restart);
    troupe_ref top = tree_start_dynamic(world, &template), ref = tree_add(world, top);
    world_watch(world, "witness", ref, TROUPE_ON_STOP | TROUPE_ON_RESTART);
    world_do(world, ref, how, broken);
    world_until(world, has_told, NULL);
    bool again = troupe_incarnation(world->ctx, ref) != 0;
    tree_await_count(world, top, 1, again, 0, again);
    return again;
}

WORLD_STORY(a_permanent_one_comes_again_after_a_normal_end)
{
    assert_true(comes_again(world, TROUPE_PERMANENT, puppet_stop));
}

WORLD_STORY(a_transient_one_comes_again_after_a_failure)
{
    assert_true(comes_again(world, TROUPE_TRANSIENT, puppet_fail));
}

WORLD_STORY(a_transient_one_is_forgotten_after_a_normal_end)
{
    assert_false(comes_again(world, TROUPE_TRANSIENT, puppet_stop));
}

WORLD_STORY(a_temporary_one_is_forgotten_after_a_failure)
{
    assert_false(comes_again(world, TROUPE_TEMPORARY, puppet_fail));
}

WORLD_STORY(failures_of_all_children_escalate_together)
{
    troupe_supervisor spec = {.name = "top",
                              .strategy = TROUPE_SIMPLE_ONE_FOR_ONE,
                              .max_restarts = 2,
                              .children = &plain,
                              .child_count = 1};
    troupe_ref top = tree_start_owned(world, &spec);
    troupe_ref children[] = {tree_add(world, top), tree_add(world, top), tree_add(world, top)};
    for (size_t i = 0; i < COUNT(children); i++)
        world_do(world, children[i], puppet_fail, broken);
    world_await_all(world, "owner", "init 1; down start 1; down stop 1 shutdown");
    for (size_t i = 0; i < COUNT(children); i++)
        assert_int_equal(troupe_incarnation(world->ctx, children[i]), 0);
    world_await(world, "event", "gave up top 1 failed: broken");
}

// OTP: simple_one_for_one_restart_ignore.
static void ignore_restart(struct world *world, troupe_restart restart)
{
    const troupe_child template =
        PUPPET("child", .restart = restart, RUN(&tree_script(world, "++i")->order));
    troupe_ref top = tree_start_dynamic(world, &template), ref = tree_add(world, top);
    world_watch(world, "witness", ref, TROUPE_ON_STOP | TROUPE_ON_RESTART);
    world_do(world, ref, puppet_fail, broken);
    world_sync(world, ref);
    tree_await(world, top, "- running 2");
    world_await(world, "witness", "down restart 1 failed: broken");
    troupe_kill(world->ctx, ref);
    tree_await(world, top, "");
    tree_expect_count(world, top, 1, 0, 0, 0);
    world_await_all(world, "witness",
                    "down restart 1 failed: broken; down restart 2 killed; down stop 3 normal");
    world_expect(world, "owner", "init 1; down start 1");
}

WORLD_STORY(a_permanent_one_that_ignores_its_restart_is_forgotten)
{
    ignore_restart(world, TROUPE_PERMANENT);
}

WORLD_STORY(a_transient_one_that_ignores_its_restart_is_forgotten)
{
    ignore_restart(world, TROUPE_TRANSIENT);
}

// OTP: count_restarting_children.
WORLD_STORY(children_that_wait_for_a_restart_are_counted_but_not_active)
{
    const troupe_child template = PUPPET("child", .backoff = NEVER_WITHIN_A_STORY);
    troupe_ref top = tree_start_dynamic(world, &template);
    troupe_ref one = tree_add(world, top), two = tree_add(world, top);
    tree_add(world, top);
    tree_expect_count(world, top, 1, 3, 0, 3);
    world_do(world, one, puppet_fail, broken);
    world_do(world, two, puppet_fail, broken);
    tree_await_count(world, top, 1, 1, 0, 3);
    tree_expect(world, top, "- restarting, - restarting, - running 1");
    assert_int_equal(stop_ref(world, top, one), TROUPE_OK);
    tree_expect_count(world, top, 1, 1, 0, 2);
    world_join(world, one);
}

// ---- Stopping one

WORLD_STORY(one_is_stopped_by_its_ref_and_forgotten)
{
    troupe_ref top = tree_start_dynamic(world, &plain);
    troupe_ref one = tree_add(world, top), two = tree_add(world, top);
    assert_int_equal(stop_ref(world, top, one), TROUPE_OK);
    world_expect(world, "child", "init 1; init 1; stop shutdown");
    assert_int_equal(troupe_send(world->ctx, one, Number, .value = 1), TROUPE_EDEAD);
    assert_int_equal(stop_ref(world, top, one), TROUPE_OK); // as one that does not run
    tree_expect_count(world, top, 1, 1, 0, 1);
    world_sync(world, two);
}

WORLD_STORY(stopping_one_that_has_ended_by_itself_is_no_error)
{
    const troupe_child template = PUPPET("child", .restart = TROUPE_TEMPORARY);
    troupe_ref top = tree_start_dynamic(world, &template), one = tree_add(world, top);
    world_tell(world, one, puppet_stop, NULL); // before, amid or after
    assert_int_equal(stop_ref(world, top, one), TROUPE_OK);
    assert_int_equal(troupe_incarnation(world->ctx, one), 0);
    tree_expect_count(world, top, 1, 0, 0, 0);
}

WORLD_STORY(a_ref_that_is_no_child_is_not_stopped)
{
    troupe_ref top = tree_start_dynamic(world, &plain);
    troupe_ref stranger = world_spawn(world, "stranger", NULL, NULL);
    assert_int_equal(stop_ref(world, top, stranger), TROUPE_ENOENT);
    assert_int_equal(stop_ref(world, top, top), TROUPE_ENOENT);
    world_sync(world, stranger);
}

WORLD_STORY(what_needs_an_id_is_not_for_them)
{
    troupe_ref top = tree_start_dynamic(world, &plain), ref;
    tree_add(world, top);
    assert_int_equal(troupe_restart_child_wait(world->ctx, top, 0, "child", &ref), TROUPE_ENOTSUP);
    assert_int_equal(troupe_delete_child_wait(world->ctx, top, 0, "child"), TROUPE_ENOTSUP);
    assert_int_equal(troupe_stop_child_wait(world->ctx, top, 0, "child"), TROUPE_ENOTSUP);
    assert_int_equal(troupe_child_ref(world->ctx, top, "child", &ref), TROUPE_ENOENT);
    tree_expect_count(world, top, 1, 1, 0, 1);
}

// ---- Stopping all

WORLD_STORY(all_are_stopped_with_their_supervisor)
{
    troupe_ref top = tree_start_dynamic(world, &plain);
    for (int i = 0; i < 10; i++)
        tree_add(world, top);
    troupe_stop(world->ctx, top);
    world_join(world, top);
    assert_int_equal(world_heard(world, "child", "stop shutdown"), 10);
}

WORLD_STORY(a_killed_supervisor_kills_them)
{
    troupe_ref top = tree_start_dynamic(world, &plain), ref = tree_add(world, top);
    tree_add(world, top);
    world_watch(world, "witness", ref, TROUPE_ON_STOP);
    troupe_kill(world->ctx, top);
    world_await_all(world, "witness", "down stop 1 killed");
    world_join(world, top);
    world_expect(world, "child", "init 1; init 1");
}

#define SEVERAL_BATCHES 300 // a supervisor tells 128 children at once

static _Atomic int quiet_starts, quiet_stops;

static troupe_status count_start(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    (void)ctx, (void)state, (void)args;
    quiet_starts++;
    return TROUPE_OK;
}

static bool some_stopped(struct world *world, void *arg)
{
    (void)world, (void)arg;
    return quiet_stops > 0;
}

static bool all_started(struct world *world, void *arg)
{
    (void)world, (void)arg;
    return quiet_starts == SEVERAL_BATCHES;
}

static troupe_status handle_nothing(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)ctx;
    (void)state;
    (void)msg;
    return TROUPE_UNHANDLED;
}

static void count_stop(troupe_ctx *ctx, void *state, const troupe_reason *why)
{
    (void)ctx, (void)state, (void)why;
    quiet_stops++;
}

static troupe_ref start_several_batches(struct world *world)
{
    static const troupe_behavior quiet_behavior = {
        .name = "quiet", .init = count_start, .receive = handle_nothing, .stop = count_stop};
    static const troupe_child quiet = {.behavior = &quiet_behavior};
    troupe_ref top = tree_start_dynamic(world, &quiet);
    quiet_starts = quiet_stops = 0;
    for (int i = 0; i < SEVERAL_BATCHES; i++)
        assert_int_equal(troupe_start_child(world->ctx, top, TROUPE_NO_LIMIT, NULL, NULL, NULL),
                         TROUPE_OK);
    world_until(world, all_started, NULL);
    return top;
}

WORLD_STORY(several_batches_of_them_are_stopped)
{
    troupe_ref top = start_several_batches(world);
    troupe_stop(world->ctx, top);
    world_join(world, top);
    assert_int_equal(quiet_stops, SEVERAL_BATCHES);
}

WORLD_STORY(a_supervisor_that_is_killed_amid_its_stop_kills_those_that_are_left)
{
    troupe_ref top = start_several_batches(world);
    troupe_stop(world->ctx, top);
    world_until(world, some_stopped, NULL);
    troupe_kill(world->ctx, top);
    world_join(world, top); // and the world sees that all have ended
    assert_in_range(quiet_stops, 1, SEVERAL_BATCHES);
}

// Each waits in its stop until all are in theirs.
static pthread_barrier_t all_stop;

static void meet_in_stop(troupe_ctx *ctx, void *state, const troupe_reason *why)
{
    (void)ctx;
    (void)state;
    (void)why;
    pthread_barrier_wait(&all_stop);
    world_say("child", "met");
}

static const troupe_behavior meeting = {
    .name = "meeting", .receive = handle_nothing, .stop = meet_in_stop};

WORLD_STORY_ON_THREADS(all_are_stopped_at_once)
{
    troupe_child template = {.id = "child",
                             .behavior = &meeting,
                             .place = TROUPE_ON_THREAD,
                             .shutdown_ms = TROUPE_NO_LIMIT};
    pthread_barrier_init(&all_stop, NULL, 5);
    troupe_ref top = tree_start_dynamic(world, &template);
    for (int i = 0; i < 5; i++)
        tree_add(world, top);
    troupe_stop(world->ctx, top);
    world_join(world, top);
    assert_int_equal(world_heard(world, "child", "met"), 5);
    pthread_barrier_destroy(&all_stop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_child_is_restarted_alone_with_its_ref),
        cmocka_unit_test(a_permanent_one_comes_again_after_a_normal_end),
        cmocka_unit_test(a_transient_one_comes_again_after_a_failure),
        cmocka_unit_test(a_transient_one_is_forgotten_after_a_normal_end),
        cmocka_unit_test(a_temporary_one_is_forgotten_after_a_failure),
        cmocka_unit_test(failures_of_all_children_escalate_together),
        cmocka_unit_test(a_permanent_one_that_ignores_its_restart_is_forgotten),
        cmocka_unit_test(a_transient_one_that_ignores_its_restart_is_forgotten),
        cmocka_unit_test(children_that_wait_for_a_restart_are_counted_but_not_active),
        cmocka_unit_test(one_is_stopped_by_its_ref_and_forgotten),
        cmocka_unit_test(stopping_one_that_has_ended_by_itself_is_no_error),
        cmocka_unit_test(a_ref_that_is_no_child_is_not_stopped),
        cmocka_unit_test(what_needs_an_id_is_not_for_them),
        cmocka_unit_test(all_are_stopped_with_their_supervisor),
        cmocka_unit_test(a_killed_supervisor_kills_them),
        cmocka_unit_test(several_batches_of_them_are_stopped),
        cmocka_unit_test(a_supervisor_that_is_killed_amid_its_stop_kills_those_that_are_left),
        cmocka_unit_test(all_are_stopped_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
