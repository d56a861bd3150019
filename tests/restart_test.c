// What a restart keeps: the ref, the messages that wait, the name, who watches. What it ends:
// state, clean-ups, receive functions, children. What an incarnation has under way:
// restart_ends_test.c.
#include "tests/support/world.h"

#include <stdio.h>
#include <string.h>

static char broken[] = "broken";

static troupe_status fail_now(troupe_ctx *ctx)
{
    return troupe_fail(ctx, TROUPE_EUSER, "broken");
}

static void number_self(troupe_ctx *ctx, int64_t value)
{
    WORLD_CHECK(troupe_send(ctx, troupe_self(ctx), Number, .value = value) == TROUPE_OK);
}

// ---- Kept

static troupe_status queue_and_fail(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet;
    (void)arg;
    number_self(ctx, 1);
    number_self(ctx, 2);
    return fail_now(ctx);
}

WORLD_STORY(a_restart_keeps_the_ref_and_the_waiting_messages)
{
    troupe_ref child = world_supervise(world, "child", NULL);
    assert_int_equal(world_do(world, child, queue_and_fail, NULL), TROUPE_EDOWN);
    world_sync(world, child);
    world_expect(world, "child", "init 1; stop failed: broken; init 2; 1; 2");
    assert_int_equal(troupe_incarnation(world->ctx, child), 2);
}

static troupe_status number_self_7(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet;
    (void)arg;
    number_self(ctx, 7);
    return TROUPE_OK;
}

WORLD_STORY(what_init_sends_to_itself_comes_before_the_messages_kept)
{
    troupe_ref child = world_supervise(world, "child", number_self_7);
    world_do(world, child, queue_and_fail, NULL);
    world_sync(world, child);
    world_expect(world, "child", "init 1; 7; stop failed: broken; init 2; 7; 1; 2");
}

WORLD_STORY(the_message_that_failed_is_a_dead_letter)
{
    troupe_ref child = world_supervise(world, "child", NULL);
    world_do(world, child, puppet_fail, broken);
    world_sync(world, child);
    world_expect(world, "dead", "Do failed");
}

WORLD_STORY(the_asker_of_a_message_that_failed_is_told_why_at_once)
{
    troupe_ref child = world_supervise(world, "child", NULL);
    assert_int_equal(world_do(world, child, puppet_fail, broken), TROUPE_EDOWN);
    assert_string_equal(
        troupe_error_text(world->ctx),
        "troupe_call: the actor ended before it answered: failed (TROUPE_EUSER): broken");
}

static troupe_status say_who(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    troupe_ref *self = arg;
    (void)puppet;
    puppet_say(ctx, "me %d", troupe_ref_equal(*self, troupe_self(ctx)));
    return TROUPE_OK;
}

WORLD_STORY(a_restart_keeps_the_name_and_what_the_actor_is_for_itself)
{
    troupe_ref child = world_supervise(world, "child", NULL);
    world_do(world, child, puppet_fail, broken);
    world_do(world, child, say_who, &child);
    world_expect(world, "child", "init 1; stop failed: broken; init 2; me 1");
}

WORLD_STORY(monitors_of_others_are_kept_and_tell_the_incarnation_and_the_reason)
{
    troupe_ref child = world_supervise(world, "child", NULL);
    world_watch(world, "witness", child, TROUPE_ON_RESTART);
    world_do(world, child, puppet_fail, broken);
    world_await(world, "witness", "down restart 1 failed: broken");
    troupe_kill(world->ctx, child);
    world_await(world, "witness", "down restart 2 killed");
    world_expect(world, "witness", "down restart 1 failed: broken; down restart 2 killed");
}

WORLD_STORY(a_restart_is_an_event_and_counted)
{
    troupe_ref child = world_supervise(world, "child", NULL);
    world_do(world, child, puppet_fail, broken);
    world_sync(world, child);
    world_expect(world, "event", "failed child 1 failed: broken; restarted child 2 failed: broken");
    troupe_stats stats;
    troupe_system_stats(world->system, &stats);
    assert_int_equal(stats.restarts, 1);
    assert_int_equal(stats.failures, 1);
    assert_int_equal(stats.ended, 0);
}

WORLD_STORY(messages_from_outside_are_never_lost_over_many_restarts)
{
    troupe_ref child = world_supervise(world, "child", NULL);
    for (int i = 1; i <= 20; i++) {
        troupe_send(world->ctx, child, Number, .value = 1000 + i);
        world_tell(world, child, puppet_fail, broken);
    }
    world_sync(world, child);
    assert_int_equal(troupe_incarnation(world->ctx, child), 21);
    for (int i = 1; i <= 20; i++) {
        char text[16];
        snprintf(text, sizeof text, "%d", 1000 + i);
        assert_int_equal(world_heard(world, "child", text), 1);
    }
}

// ---- Ended

static troupe_status set_number(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)ctx;
    (void)arg;
    puppet->number = 42;
    return TROUPE_OK;
}

static troupe_status say_number(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)arg;
    puppet_say(ctx, "number %lld", (long long)puppet->number);
    return TROUPE_OK;
}

WORLD_STORY(the_state_is_zeroed)
{
    troupe_ref child = world_supervise(world, "child", say_number);
    world_do(world, child, set_number, NULL);
    world_do(world, child, puppet_fail, broken);
    world_sync(world, child);
    world_expect(world, "child", "init 1; number 0; stop failed: broken; init 2; number 0");
}

static void say_deferred(void *what)
{
    world_say("child", "%s", (const char *)what);
}

static char cleaned[] = "cleaned";

static troupe_status defer_and_alloc(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet;
    (void)arg;
    char *bytes = troupe_alloc(ctx, 100000);
    WORLD_CHECK(bytes != NULL);
    memset(bytes, 1, 100000);
    return troupe_defer(ctx, say_deferred, cleaned);
}

WORLD_STORY(defers_have_run_before_the_next_init)
{
    troupe_ref child = world_supervise(world, "child", defer_and_alloc);
    world_do(world, child, puppet_fail, broken);
    world_sync(world, child);
    world_expect(world, "child", "init 1; stop failed: broken; cleaned; init 2");
}

static troupe_status answer_politely(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    (void)msg;
    puppet_say(ctx, "polite");
    return troupe_fail(ctx, TROUPE_EUSER, "polite");
}

static troupe_status become_polite(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet;
    (void)arg;
    WORLD_CHECK(troupe_become(ctx, answer_politely) == TROUPE_OK);
    return troupe_become(ctx, answer_politely);
}

WORLD_STORY(the_receive_function_is_the_behaviours_again)
{
    troupe_ref child = world_supervise(world, "child", NULL);
    world_do(world, child, become_polite, NULL);
    troupe_send(world->ctx, child, Number, .value = 1);
    troupe_send(world->ctx, child, Number, .value = 2);
    world_sync(world, child);
    world_expect(world, "child", "init 1; polite; stop failed: polite; init 2; 2");
}

static troupe_status put_aside(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    const struct number *number = troupe_match(msg, Number);
    if (number && number->value == 3)
        return fail_now(ctx);
    return troupe_stash(ctx, msg);
}

static troupe_status stash_and_fail(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet;
    (void)arg;
    for (int i = 1; i <= 4; i++)
        number_self(ctx, i);
    return troupe_become(ctx, put_aside);
}

WORLD_STORY(the_stash_returns_to_the_front_of_the_mailbox)
{
    troupe_ref child = world_supervise(world, "child", NULL);
    world_do(world, child, stash_and_fail, NULL);
    world_sync(world, child); // if it is put aside it is answered later
    world_expect(world, "child", "init 1; stop failed: broken; init 2; 1; 2; 4");
    world_expect(world, "dead", "Number 3 failed");
}

static troupe_status spawn_child(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)arg;
    puppet->other = puppet_spawn(ctx, "grandchild", NULL, NULL);
    return TROUPE_OK;
}

WORLD_STORY(what_it_has_spawned_ends_before_the_next_init)
{
    troupe_ref child = world_supervise(world, "child", spawn_child);
    world_await(world, "grandchild", "init 1");
    world_do(world, child, puppet_fail, broken);
    world_sync(world, child);
    world_expect_order(world, "grandchild", "stop shutdown", "child", "init 2");
}

WORLD_STORY(a_killed_child_is_restarted_without_its_stop_handler)
{
    troupe_ref child = world_supervise(world, "child", NULL);
    troupe_kill(world->ctx, child);
    world_await(world, "child", "init 2");
    world_expect(world, "child", "init 1; init 2");
}

WORLD_STORY(a_stopped_permanent_child_is_restarted)
{
    troupe_ref child = world_supervise(world, "child", NULL);
    troupe_stop(world->ctx, child);
    world_await(world, "child", "init 2");
    world_expect(world, "child", "init 1; stop shutdown; init 2");
}

WORLD_STORY(a_drained_permanent_child_is_restarted_and_handles_what_came_later)
{
    troupe_ref child = world_supervise(world, "child", NULL);
    troupe_send(world->ctx, child, Number, .value = 1);
    troupe_drain(world->ctx, child);
    troupe_send(world->ctx, child, Number, .value = 2);
    world_sync(world, child);
    world_expect(world, "child", "init 1; 1; stop shutdown; init 2; 2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_restart_keeps_the_ref_and_the_waiting_messages),
        cmocka_unit_test(what_init_sends_to_itself_comes_before_the_messages_kept),
        cmocka_unit_test(the_message_that_failed_is_a_dead_letter),
        cmocka_unit_test(the_asker_of_a_message_that_failed_is_told_why_at_once),
        cmocka_unit_test(a_restart_keeps_the_name_and_what_the_actor_is_for_itself),
        cmocka_unit_test(monitors_of_others_are_kept_and_tell_the_incarnation_and_the_reason),
        cmocka_unit_test(a_restart_is_an_event_and_counted),
        cmocka_unit_test(messages_from_outside_are_never_lost_over_many_restarts),
        cmocka_unit_test(the_state_is_zeroed),
        cmocka_unit_test(defers_have_run_before_the_next_init),
        cmocka_unit_test(the_receive_function_is_the_behaviours_again),
        cmocka_unit_test(the_stash_returns_to_the_front_of_the_mailbox),
        cmocka_unit_test(what_it_has_spawned_ends_before_the_next_init),
        cmocka_unit_test(a_killed_child_is_restarted_without_its_stop_handler),
        cmocka_unit_test(a_stopped_permanent_child_is_restarted),
        cmocka_unit_test(a_drained_permanent_child_is_restarted_and_handles_what_came_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
