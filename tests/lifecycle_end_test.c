// How an actor ends: stop, drain, kill, STOP, failure; and what becomes of the messages that wait.
#include "tests/support/world.h"

#include <string.h>

TROUPE_EMPTY(Nonsense);

static troupe_status number_self(troupe_ctx *ctx, int64_t value)
{
    return troupe_send(ctx, troupe_self(ctx), Number, .value = value);
}

// ---- Stop, drain and kill, and the messages that wait

static troupe_status stop_amid(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet;
    (void)arg;
    WORLD_CHECK(number_self(ctx, 1) == TROUPE_OK);
    WORLD_CHECK(troupe_stop(ctx, troupe_self(ctx)) == TROUPE_OK);
    WORLD_CHECK(troupe_stop(ctx, troupe_self(ctx)) == TROUPE_OK); // idempotent
    WORLD_CHECK(number_self(ctx, 2) == TROUPE_OK);
    puppet_say(ctx, "still here");
    return TROUPE_OK;
}

WORLD_STORY(stop_comes_before_what_waits_and_after_the_running_handler)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    world_watch(world, "witness", a, TROUPE_ON_STOP);
    world_tell(world, a, stop_amid, NULL);
    world_await_all(world, "witness", "down stop 1 shutdown");
    world_expect(world, "a", "init 1; still here; stop shutdown");
    world_await_all(world, "dead", "Number 1 ended; Number 2 ended");
}

static troupe_status drain_amid(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet;
    (void)arg;
    WORLD_CHECK(number_self(ctx, 1) == TROUPE_OK);
    WORLD_CHECK(number_self(ctx, 2) == TROUPE_OK);
    WORLD_CHECK(troupe_drain(ctx, troupe_self(ctx)) == TROUPE_OK);
    WORLD_CHECK(troupe_drain(ctx, troupe_self(ctx)) == TROUPE_OK);
    WORLD_CHECK(number_self(ctx, 3) == TROUPE_OK);
    return TROUPE_OK;
}

WORLD_STORY(drain_comes_after_what_waits_and_before_what_follows)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    world_watch(world, "witness", a, TROUPE_ON_STOP);
    world_tell(world, a, drain_amid, NULL);
    world_await_all(world, "witness", "down stop 1 shutdown");
    world_expect(world, "a", "init 1; 1; 2; stop shutdown");
    world_await_all(world, "dead", "Number 3 ended");
}

static troupe_status kill_amid(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet;
    (void)arg;
    WORLD_CHECK(number_self(ctx, 1) == TROUPE_OK);
    WORLD_CHECK(troupe_stop(ctx, troupe_self(ctx)) == TROUPE_OK);
    WORLD_CHECK(troupe_kill(ctx, troupe_self(ctx)) == TROUPE_OK);
    puppet_say(ctx, "still here");
    return TROUPE_OK;
}

WORLD_STORY(kill_beats_stop_and_calls_no_stop_handler)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    world_watch(world, "witness", a, TROUPE_ON_STOP);
    world_tell(world, a, kill_amid, NULL);
    world_await_all(world, "witness", "down stop 1 killed");
    world_expect(world, "a", "init 1; still here");
    world_await_all(world, "dead", "Number 1 ended");
}

WORLD_STORY(an_idle_actor_is_killed_at_once)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    world_sync(world, a);
    world_watch(world, "witness", a, TROUPE_ON_STOP);
    assert_int_equal(troupe_kill(world->ctx, a), TROUPE_OK);
    world_await_all(world, "witness", "down stop 1 killed");
    world_expect(world, "a", "init 1");
    world_expect(world, "event", ""); // a kill is no failure
}

WORLD_STORY(drain_of_an_idle_actor_ends_it)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    world_sync(world, a);
    world_watch(world, "witness", a, TROUPE_ON_STOP);
    assert_int_equal(troupe_drain(world->ctx, a), TROUPE_OK);
    world_await_all(world, "witness", "down stop 1 shutdown");
    world_expect(world, "a", "init 1; stop shutdown");
}

WORLD_STORY(ending_a_dead_actor_is_edead)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL), none = {0, 0, 0};
    troupe_stop(world->ctx, a);
    world_join(world, a);
    assert_int_equal(troupe_stop(world->ctx, a), TROUPE_EDEAD);
    assert_int_equal(troupe_drain(world->ctx, a), TROUPE_EDEAD);
    char ref[TROUPE_REF_TEXT];
    assert_non_null(strstr(troupe_error_text(world->ctx), "troupe_drain: the target "));
    assert_non_null(strstr(troupe_error_text(world->ctx), troupe_ref_print(a, ref)));
    assert_int_equal(troupe_kill(world->ctx, a), TROUPE_EDEAD);
    assert_non_null(strstr(troupe_error_text(world->ctx), "troupe_kill: the target "));
    assert_int_equal(troupe_stop(world->ctx, none), TROUPE_EDEAD);
    assert_string_equal(troupe_error_text(world->ctx), "troupe_stop: the target is the zero ref");
    assert_int_equal(troupe_incarnation(world->ctx, a), 0);
}

WORLD_STORY(each_end_of_a_stop_race_happens_once)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    for (int i = 0; i < 5; i++) {
        troupe_send(world->ctx, a, Number, .value = i);
        troupe_drain(world->ctx, a);
        troupe_stop(world->ctx, a);
    }
    world_join(world, a);
    world_stop(world);
    assert_true(world_heard(world, "a", "stop shutdown") <= 1);
}

// Driven, because on threads init may have run by then.
WORLD_STORY_DRIVEN(an_actor_that_is_ended_before_init_never_runs)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    troupe_ref b = world_spawn(world, "b", NULL, NULL);
    troupe_send(world->ctx, a, Number, .value = 1);
    troupe_stop(world->ctx, a);
    troupe_kill(world->ctx, b);
    world_settle(world);
    world_expect(world, "a", "");
    world_expect(world, "b", "");
    world_expect(world, "dead", "Number 1 ended");
}

// ---- What a handler returns

WORLD_STORY(stop_from_a_handler_ends_normally)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    assert_int_equal(world_do(world, a, puppet_stop, NULL), TROUPE_EDOWN);
    world_join(world, a);
    world_expect(world, "a", "init 1; stop normal");
    world_expect(world, "dead", "");
}

static char no_disk[] = "no disk";

WORLD_STORY(a_failing_handler_fails_the_actor_with_its_text)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    assert_int_equal(world_do(world, a, puppet_fail, no_disk), TROUPE_EDOWN);
    assert_string_equal(
        troupe_error_text(world->ctx),
        "troupe_call: the actor ended before it answered: failed (TROUPE_EUSER): no disk");
    world_join(world, a);
    world_expect(world, "a", "init 1; stop failed: no disk");
    world_expect(world, "event", "failed a 1 failed: no disk");
    world_expect(world, "dead", "Do failed");
}

static troupe_status fail_without_text(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)ctx;
    (void)puppet;
    (void)arg;
    return TROUPE_EUSER;
}

WORLD_STORY(a_failure_needs_no_text)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    world_do(world, a, fail_without_text, NULL);
    world_join(world, a);
    world_expect(world, "a", "init 1; stop failed");
}

static troupe_status recover_from_failure(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet;
    (void)arg;
    (void)troupe_fail(ctx, TROUPE_EUSER, "not so bad");
    return TROUPE_OK;
}

WORLD_STORY(the_text_of_a_failure_that_was_overcome_is_forgotten)
{
    troupe_ref a = world_spawn(world, "a", recover_from_failure, NULL);
    world_do(world, a, recover_from_failure, NULL);
    world_do(world, a, fail_without_text, NULL);
    world_join(world, a);
    world_expect(world, "a", "init 1; stop failed");
}

static troupe_status fail_twice(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet;
    (void)arg;
    char text[301];
    memset(text, 'y', 300);
    text[300] = 0;
    (void)troupe_fail(ctx, TROUPE_EUSER, "first");
    return troupe_fail(ctx, TROUPE_EUSER, "%s", text);
}

WORLD_STORY(the_last_text_counts_and_251_bytes_of_it_are_kept)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    world_do(world, a, fail_twice, NULL);
    world_join(world, a);
    char said[512] = "stop failed: ";
    memset(said + strlen(said), 'y', 251);
    assert_int_equal(world_heard(world, "a", said), 1);
}

WORLD_STORY(an_unhandled_message_is_a_dead_letter_and_the_actor_goes_on)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    troupe_send(world->ctx, a, Nonsense);
    troupe_send(world->ctx, a, Number, .value = 1);
    world_sync(world, a);
    world_expect(world, "a", "init 1; 1");
    world_expect(world, "dead", "Nonsense unhandled");
}

// ---- The stop handler

static troupe_ref listener;

static void say_farewell(troupe_ctx *ctx, void *state, const troupe_reason *why)
{
    (void)state;
    (void)why;
    troupe_send(ctx, listener, Number, .value = 99);
}

static troupe_status receive_stop(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)ctx;
    (void)state;
    (void)msg;
    return TROUPE_STOP;
}

static const troupe_behavior polite = {
    .name = "polite", .receive = receive_stop, .stop = say_farewell};

static troupe_status watch_polite(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet;
    (void)arg;
    troupe_ref polite_one;
    WORLD_CHECK(troupe_spawn(ctx, &polite, NULL, &polite_one) == TROUPE_OK);
    WORLD_CHECK(troupe_monitor(ctx, polite_one, TROUPE_ON_STOP, NULL) == TROUPE_OK);
    return troupe_send(ctx, polite_one, Sync);
}

WORLD_STORY(a_stop_handler_may_send_and_that_comes_before_the_news_of_the_end)
{
    listener = world_spawn(world, "listener", NULL, NULL);
    world_tell(world, listener, watch_polite, NULL);
    world_await_all(world, "listener", "init 1; 99; down stop 1 normal");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stop_comes_before_what_waits_and_after_the_running_handler),
        cmocka_unit_test(drain_comes_after_what_waits_and_before_what_follows),
        cmocka_unit_test(kill_beats_stop_and_calls_no_stop_handler),
        cmocka_unit_test(an_idle_actor_is_killed_at_once),
        cmocka_unit_test(drain_of_an_idle_actor_ends_it),
        cmocka_unit_test(ending_a_dead_actor_is_edead),
        cmocka_unit_test(each_end_of_a_stop_race_happens_once),
        cmocka_unit_test(an_actor_that_is_ended_before_init_never_runs),
        cmocka_unit_test(stop_from_a_handler_ends_normally),
        cmocka_unit_test(a_failing_handler_fails_the_actor_with_its_text),
        cmocka_unit_test(a_failure_needs_no_text),
        cmocka_unit_test(the_text_of_a_failure_that_was_overcome_is_forgotten),
        cmocka_unit_test(the_last_text_counts_and_251_bytes_of_it_are_kept),
        cmocka_unit_test(an_unhandled_message_is_a_dead_letter_and_the_actor_goes_on),
        cmocka_unit_test(a_stop_handler_may_send_and_that_comes_before_the_news_of_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
