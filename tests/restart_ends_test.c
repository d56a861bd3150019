// What an incarnation has under way ends with it and never reaches the next one: its asks, timers,
// monitors, and the answers that it owes.
#include "tests/support/world.h"

static char broken[] = "broken";

static troupe_status say_outcome(troupe_ctx *ctx, void *state, void *user,
                                 const troupe_outcome *outcome)
{
    (void)state;
    (void)user;
    puppet_say(ctx, "%s%s%s", troupe_status_name(outcome->status), outcome->reason ? " " : "",
               outcome->reason ? troupe_reason_name(outcome->reason->kind) : "");
    return TROUPE_OK;
}

// ---- Asks

static troupe_status take_token(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)arg;
    WORLD_CHECK(troupe_token_take(ctx, &puppet->token) == TROUPE_OK);
    puppet_say(ctx, "token taken");
    return TROUPE_OK;
}

static troupe_status answer_token(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)arg;
    puppet_say(ctx, "%s",
               troupe_status_name(troupe_reply_to(ctx, puppet->token, Number, .value = 5)));
    return TROUPE_OK;
}

static troupe_status ask_for_token(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet;
    const troupe_ref *asked = arg;
    return troupe_ask(ctx, *asked, TROUPE_NO_LIMIT, say_outcome, NULL, Do, .fn = take_token);
}

WORLD_STORY(a_late_reply_never_reaches_the_next_incarnation)
{
    troupe_ref asked = world_spawn(world, "asked", NULL, NULL);
    troupe_ref child = world_supervise(world, "child", NULL);
    world_do(world, child, ask_for_token, &asked);
    world_await(world, "asked", "token taken");
    world_do(world, child, puppet_fail, broken);
    world_sync(world, child);
    world_do(world, asked, answer_token, NULL);
    world_sync(world, child);
    world_expect(world, "asked", "init 1; token taken; TROUPE_OK");
    world_expect(world, "child", "init 1; stop failed: broken; init 2");
}

static troupe_status ask_and_fail(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet;
    const troupe_ref *asked = arg;
    // The outcome may wait in our mailbox already when we are restarted.
    WORLD_CHECK(troupe_ask(ctx, *asked, TROUPE_NO_LIMIT, say_outcome, NULL, Sync) == TROUPE_OK);
    WORLD_CHECK(troupe_ask(ctx, *asked, TROUPE_NO_LIMIT, say_outcome, NULL, Sync) == TROUPE_OK);
    return troupe_fail(ctx, TROUPE_EUSER, "broken");
}

WORLD_STORY(a_reply_that_waits_is_not_for_the_next_incarnation)
{
    troupe_ref asked = world_spawn(world, "asked", NULL, NULL);
    troupe_ref child = world_supervise(world, "child", NULL);
    for (int i = 0; i < 5; i++)
        world_do(world, child, ask_and_fail, &asked);
    world_sync(world, asked);
    world_sync(world, child);
    assert_int_equal(world_heard(world, "child", "TROUPE_OK"), 0);
    assert_int_equal(troupe_incarnation(world->ctx, child), 6);
}

// ---- Answers owed

WORLD_STORY(the_asker_of_a_token_is_told_of_the_restart_at_once)
{
    troupe_ref child = world_supervise(world, "child", NULL);
    troupe_ref asker = world_spawn(world, "asker", NULL, NULL);
    world_do(world, asker, ask_for_token, &child);
    world_await(world, "child", "token taken");
    world_do(world, child, puppet_fail, broken);
    world_await_all(world, "asker", "init 1; TROUPE_EDOWN failed");
}

static troupe_token kept;

static troupe_status keep_token(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet;
    (void)arg;
    WORLD_CHECK(troupe_token_take(ctx, &kept) == TROUPE_OK);
    puppet_say(ctx, "token kept");
    return TROUPE_OK;
}

static troupe_status ask_to_keep(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet;
    const troupe_ref *asked = arg;
    return troupe_ask(ctx, *asked, TROUPE_NO_LIMIT, say_outcome, NULL, Do, .fn = keep_token);
}

static troupe_status use_kept(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet;
    (void)arg;
    puppet_say(ctx, "%s", troupe_status_name(troupe_reply_to(ctx, kept, Number, .value = 5)));
    return TROUPE_OK;
}

WORLD_STORY(a_token_of_an_earlier_incarnation_is_of_no_use)
{
    troupe_ref child = world_supervise(world, "child", NULL);
    troupe_ref asker = world_spawn(world, "asker", NULL, NULL);
    world_do(world, asker, ask_to_keep, &child);
    world_await(world, "child", "token kept");
    world_do(world, child, puppet_fail, broken);
    world_do(world, child, use_kept, NULL);
    world_expect(world, "child",
                 "init 1; token kept; stop failed: broken; init 2; TROUPE_EALREADY");
    world_await_all(world, "asker", "init 1; TROUPE_EDOWN failed");
}

static troupe_status put_aside(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    if (troupe_match(msg, Number))
        return troupe_fail(ctx, TROUPE_EUSER, "broken");
    return troupe_stash(ctx, msg);
}

static troupe_status become_patient(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet;
    (void)arg;
    return troupe_become(ctx, put_aside);
}

static troupe_status ask_sync(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet;
    const troupe_ref *asked = arg;
    return troupe_ask(ctx, *asked, TROUPE_NO_LIMIT, say_outcome, NULL, Sync);
}

WORLD_STORY(a_stashed_request_is_answered_by_the_next_incarnation)
{
    troupe_ref child = world_supervise(world, "child", NULL);
    troupe_ref asker = world_spawn(world, "asker", NULL, NULL);
    world_do(world, child, become_patient, NULL);
    world_do(world, asker, ask_sync, &child);
    troupe_send(world->ctx, child, Number, .value = 0);
    world_await_all(world, "asker", "init 1; TROUPE_OK");
}

// ---- Timers

static troupe_status start_timers(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet;
    (void)arg;
    troupe_ref self = troupe_self(ctx);
    WORLD_CHECK(troupe_after(ctx, 10, self, NULL, Number, .value = 10) == TROUPE_OK);
    return troupe_every(ctx, 5, self, NULL, Number, .value = 5);
}

WORLD_STORY_DRIVEN(timers_end_with_the_incarnation)
{
    troupe_ref child = world_supervise(world, "child", NULL);
    world_do(world, child, start_timers, NULL);
    world_advance(world, 7);
    world_expect(world, "child", "init 1; 5");
    world_do(world, child, puppet_fail, broken);
    world_advance(world, 100);
    world_expect(world, "child", "init 1; 5; stop failed: broken; init 2");
}

static troupe_status time_out_and_fail(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet;
    (void)arg;
    troupe_ref self = troupe_self(ctx);
    WORLD_CHECK(troupe_after(ctx, 0, self, NULL, Number, .value = 10) == TROUPE_OK);
    WORLD_CHECK(troupe_send(ctx, self, Do, .fn = puppet_fail, .arg = broken) == TROUPE_OK);
    return TROUPE_OK;
}

WORLD_STORY(a_tick_that_waits_is_not_for_the_next_incarnation)
{
    troupe_ref child = world_supervise(world, "child", NULL);
    world_do(world, child, time_out_and_fail, NULL);
    world_await(world, "child", "init 2");
    world_sync(world, child);
    world_stop(world);
    // Before the failure or not at all.
    if (world_heard(world, "child", "10"))
        world_expect_order(world, "child", "10", "child", "stop failed: broken");
}

// ---- Monitors that it has set

static troupe_status watch_stop(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    const troupe_ref *ref = arg;
    return troupe_monitor(ctx, *ref, TROUPE_ON_STOP, &puppet->monitor);
}

WORLD_STORY(monitors_that_it_has_set_end)
{
    troupe_ref other = world_spawn(world, "other", NULL, NULL);
    troupe_ref child = world_supervise(world, "child", NULL);
    world_do(world, child, watch_stop, &other);
    world_do(world, child, puppet_fail, broken);
    world_sync(world, child);
    troupe_stop(world->ctx, other);
    world_join(world, other);
    world_sync(world, child);
    world_expect(world, "child", "init 1; stop failed: broken; init 2");
}

static troupe_status watch_dead_and_fail(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)arg;
    troupe_ref none = {0, 0, 0};
    WORLD_CHECK(troupe_monitor(ctx, none, TROUPE_ON_STOP, &puppet->monitor) == TROUPE_OK);
    return troupe_fail(ctx, TROUPE_EUSER, "broken");
}

WORLD_STORY(news_that_waits_is_not_for_the_next_incarnation)
{
    troupe_ref child = world_supervise(world, "child", NULL);
    world_do(world, child, watch_dead_and_fail, NULL);
    world_sync(world, child);
    world_expect(world, "child", "init 1; stop failed: broken; init 2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_late_reply_never_reaches_the_next_incarnation),
        cmocka_unit_test(a_reply_that_waits_is_not_for_the_next_incarnation),
        cmocka_unit_test(the_asker_of_a_token_is_told_of_the_restart_at_once),
        cmocka_unit_test(a_token_of_an_earlier_incarnation_is_of_no_use),
        cmocka_unit_test(a_stashed_request_is_answered_by_the_next_incarnation),
        cmocka_unit_test(timers_end_with_the_incarnation),
        cmocka_unit_test(a_tick_that_waits_is_not_for_the_next_incarnation),
        cmocka_unit_test(monitors_that_it_has_set_end),
        cmocka_unit_test(news_that_waits_is_not_for_the_next_incarnation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
