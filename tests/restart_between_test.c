// What reaches an actor, or belongs to it, between two of its incarnations.
#include "tests/support/world.h"

static char broken[] = "broken";

// ---- Orders are for the incarnation that they reach

// Driven: the incarnation has ended, and its supervisor has not yet decided what comes next.
static void fail_and_await_the_verdict(struct world *world, troupe_ref child)
{
    world_tell(world, child, puppet_fail, broken);
    while (!world_heard(world, "child", "stop failed: broken"))
        assert_true(trp_driver_step(&world->driver));
}

static void expect_second_incarnation(struct world *world, troupe_ref child)
{
    world_sync(world, child);
    world_settle(world);
    world_expect(world, "child", "init 1; stop failed: broken; init 2");
    assert_int_equal(troupe_incarnation(world->ctx, child), 2);
    // Whoever ends that one, does so.
    assert_int_equal(troupe_kill(world->ctx, child), TROUPE_OK);
    world_await_all(world, "child", "init 1; stop failed: broken; init 2; init 3");
}

WORLD_STORY_DRIVEN(a_stop_between_two_incarnations_has_no_effect_on_the_next)
{
    troupe_ref child = world_supervise(world, "child", NULL);
    fail_and_await_the_verdict(world, child);
    assert_int_equal(troupe_stop(world->ctx, child), TROUPE_OK);
    expect_second_incarnation(world, child);
}

WORLD_STORY_DRIVEN(a_kill_between_two_incarnations_has_no_effect_on_the_next)
{
    troupe_ref child = world_supervise(world, "child", NULL);
    fail_and_await_the_verdict(world, child);
    assert_int_equal(troupe_kill(world->ctx, child), TROUPE_OK);
    assert_int_equal(troupe_stop(world->ctx, child), TROUPE_OK);
    expect_second_incarnation(world, child);
}

// The same on threads: its last words order the end of what ends anyway.
static troupe_status fail_numbers(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    if (troupe_match(msg, Sync))
        return troupe_reply(ctx, Sync);
    return troupe_match(msg, Number) ? troupe_fail(ctx, TROUPE_EUSER, "broken") : TROUPE_UNHANDLED;
}

static troupe_status say_init(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    (void)state;
    (void)args;
    puppet_say(ctx, "init %u", troupe_incarnation(ctx, troupe_self(ctx)));
    return TROUPE_OK;
}

static void stop_and_kill_self(troupe_ctx *ctx, void *state, const troupe_reason *why)
{
    (void)state;
    puppet_say(ctx, "stop %s", troupe_reason_name(why->kind));
    WORLD_CHECK(troupe_stop(ctx, troupe_self(ctx)) == TROUPE_OK);
    WORLD_CHECK(troupe_kill(ctx, troupe_self(ctx)) == TROUPE_OK);
}

static const troupe_behavior suicidal = {
    .name = "child", .init = say_init, .receive = fail_numbers, .stop = stop_and_kill_self};

WORLD_STORY(what_an_ending_incarnation_orders_of_itself_does_not_end_the_next)
{
    const troupe_child spec = {.id = "child", .behavior = &suicidal};
    const troupe_supervisor supervisor = {.max_restarts = 10, .children = &spec, .child_count = 1};
    troupe_ref ref, child;
    assert_int_equal(troupe_supervise_wait(world->ctx, &supervisor, &ref), TROUPE_OK);
    assert_int_equal(troupe_child_ref(world->ctx, ref, "child", &child), TROUPE_OK);
    for (int i = 0; i < 3; i++)
        troupe_send(world->ctx, child, Number);
    world_sync(world, child);
    world_sync(world, child);
    world_expect(world, "child",
                 "init 1; stop failed; init 2; stop failed; init 3; stop failed; init 4");
    world_expect(world, "dead", "Number 0 failed; Number 0 failed; Number 0 failed");
}

// What the supervisor orders itself is no such stop: it is for the incarnation that it has started.
// Were it lost, the supervisor would have to wait until it may kill.
WORLD_STORY_DRIVEN(a_supervisor_that_is_stopped_amid_a_restart_waits_for_nothing)
{
    const troupe_child spec = {.id = "child", .behavior = &puppet_behavior};
    const troupe_supervisor supervisor = {.max_restarts = 10, .children = &spec, .child_count = 1};
    troupe_ref ref, child;
    assert_int_equal(troupe_supervise_wait(world->ctx, &supervisor, &ref), TROUPE_OK);
    assert_int_equal(troupe_child_ref(world->ctx, ref, "child", &child), TROUPE_OK);
    uint64_t before = troupe_now_ns(world->ctx);
    world_tell(world, child, puppet_fail, broken);
    for (uint64_t steps = world->seed % 8; steps > 0; steps--)
        (void)trp_driver_step(&world->driver);
    assert_int_equal(troupe_stop(world->ctx, ref), TROUPE_OK);
    world_join(world, ref);
    assert_true(troupe_now_ns(world->ctx) == before);
}

static troupe_status drain_and_fail(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet;
    (void)arg;
    troupe_ref self = troupe_self(ctx);
    WORLD_CHECK(troupe_send(ctx, self, Number, .value = 1) == TROUPE_OK);
    WORLD_CHECK(troupe_drain(ctx, self) == TROUPE_OK);
    WORLD_CHECK(troupe_send(ctx, self, Number, .value = 2) == TROUPE_OK);
    return troupe_fail(ctx, TROUPE_EUSER, "broken");
}

// Unlike a stop it has its place among the messages, and those are kept.
WORLD_STORY(a_drain_that_waits_over_a_restart_comes_after_what_waited_before_it)
{
    troupe_ref child = world_supervise(world, "child", NULL);
    world_do(world, child, drain_and_fail, NULL);
    world_await_all(world, "child",
                    "init 1; stop failed: broken; init 2; 1; stop shutdown; init 3; 2");
}

// ---- Messages

static troupe_status send_7_to_self(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet;
    (void)arg;
    return troupe_send(ctx, troupe_self(ctx), Number, .value = 7);
}

static troupe_status put_aside(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    const struct number *number = troupe_match(msg, Number);
    return number && number->value == 3 ? troupe_fail(ctx, TROUPE_EUSER, "broken")
                                        : troupe_stash(ctx, msg);
}

static troupe_status become_patient(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet;
    (void)arg;
    for (int i = 1; i <= 4; i++)
        WORLD_CHECK(troupe_send(ctx, troupe_self(ctx), Number, .value = i) == TROUPE_OK);
    return troupe_become(ctx, put_aside);
}

WORLD_STORY(first_comes_what_init_has_sent_to_itself_then_the_stash_then_what_waited)
{
    troupe_ref child = world_supervise(world, "child", send_7_to_self);
    world_sync(world, child);
    world_do(world, child, become_patient, NULL);
    world_sync(world, child);
    world_expect(world, "child", "init 1; 7; stop failed: broken; init 2; 7; 1; 2; 4");
}

WORLD_STORY_DRIVEN(what_is_sent_between_two_incarnations_is_for_the_next)
{
    troupe_ref child = world_supervise(world, "child", NULL);
    fail_and_await_the_verdict(world, child);
    assert_int_equal(troupe_send(world->ctx, child, Number, .value = 1), TROUPE_OK);
    world_sync(world, child);
    world_expect(world, "child", "init 1; stop failed: broken; init 2; 1");
}

WORLD_STORY_DRIVEN(a_monitor_that_is_set_between_two_incarnations_tells_of_the_next_start_only)
{
    troupe_ref child = world_supervise(world, "child", NULL);
    fail_and_await_the_verdict(world, child);
    world_watch(world, "witness", child, TROUPE_ON_START | TROUPE_ON_STOP);
    world_sync(world, child);
    world_settle(world);
    world_expect(world, "witness", "down start 2");
}

static void restart_amid_messages(struct world *world, puppet_fn how, const char *texts)
{
    troupe_ref child = world_supervise(world, "child", NULL);
    troupe_send(world->ctx, child, Number, .value = 1);
    world_tell(world, child, how, broken);
    troupe_send(world->ctx, child, Number, .value = 2);
    world_sync(world, child);
    world_expect(world, "child", texts);
}

static troupe_status kill_self(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet;
    (void)arg;
    return troupe_kill(ctx, troupe_self(ctx));
}

static troupe_status stop_self(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet;
    (void)arg;
    return troupe_stop(ctx, troupe_self(ctx));
}

WORLD_STORY(messages_are_kept_when_a_failure_is_followed_by_a_restart)
{
    restart_amid_messages(world, puppet_fail, "init 1; 1; stop failed: broken; init 2; 2");
}

WORLD_STORY(messages_are_kept_when_a_normal_end_is_followed_by_a_restart)
{
    restart_amid_messages(world, puppet_stop, "init 1; 1; stop normal; init 2; 2");
}

WORLD_STORY(messages_are_kept_when_a_stop_is_followed_by_a_restart)
{
    restart_amid_messages(world, stop_self, "init 1; 1; stop shutdown; init 2; 2");
}

WORLD_STORY(messages_are_kept_when_a_kill_is_followed_by_a_restart)
{
    restart_amid_messages(world, kill_self, "init 1; 1; init 2; 2");
}

// ---- What it has spawned

static troupe_status spawn_child(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)arg;
    puppet->other = puppet_spawn(ctx, "grandchild", NULL, NULL);
    return TROUPE_OK;
}

static troupe_status spawn_detached(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)arg;
    troupe_spawn_opts opts = {.name = "detached", .detached = true};
    return troupe_spawn(ctx, &puppet_behavior, &opts, &puppet->other);
}

static troupe_status give_other(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)ctx;
    *(troupe_ref *)arg = puppet->other;
    return TROUPE_OK;
}

WORLD_STORY(what_a_killed_incarnation_has_spawned_is_killed_before_the_next_init)
{
    troupe_ref child = world_supervise(world, "child", spawn_child), grandchild;
    world_do(world, child, give_other, &grandchild);
    troupe_kill(world->ctx, child);
    world_await(world, "child", "init 2");
    assert_int_equal(troupe_send(world->ctx, grandchild, Number), TROUPE_EDEAD);
    assert_int_equal(world_heard(world, "grandchild", "stop shutdown"), 0);
    assert_int_equal(world_heard(world, "grandchild", "stop killed"), 0);
    world_sync(world, child); // the next init is through
}

WORLD_STORY(what_is_detached_outlives_the_incarnation_that_spawned_it)
{
    troupe_ref child = world_supervise(world, "child", spawn_detached), detached;
    world_do(world, child, give_other, &detached);
    world_do(world, child, puppet_fail, broken);
    world_sync(world, child);
    world_sync(world, detached);
    assert_int_equal(world_heard(world, "detached", "stop shutdown"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stop_between_two_incarnations_has_no_effect_on_the_next),
        cmocka_unit_test(a_kill_between_two_incarnations_has_no_effect_on_the_next),
        cmocka_unit_test(what_an_ending_incarnation_orders_of_itself_does_not_end_the_next),
        cmocka_unit_test(a_supervisor_that_is_stopped_amid_a_restart_waits_for_nothing),
        cmocka_unit_test(a_drain_that_waits_over_a_restart_comes_after_what_waited_before_it),
        cmocka_unit_test(first_comes_what_init_has_sent_to_itself_then_the_stash_then_what_waited),
        cmocka_unit_test(what_is_sent_between_two_incarnations_is_for_the_next),
        cmocka_unit_test(
            a_monitor_that_is_set_between_two_incarnations_tells_of_the_next_start_only),
        cmocka_unit_test(messages_are_kept_when_a_failure_is_followed_by_a_restart),
        cmocka_unit_test(messages_are_kept_when_a_normal_end_is_followed_by_a_restart),
        cmocka_unit_test(messages_are_kept_when_a_stop_is_followed_by_a_restart),
        cmocka_unit_test(messages_are_kept_when_a_kill_is_followed_by_a_restart),
        cmocka_unit_test(what_a_killed_incarnation_has_spawned_is_killed_before_the_next_init),
        cmocka_unit_test(what_is_detached_outlives_the_incarnation_that_spawned_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
