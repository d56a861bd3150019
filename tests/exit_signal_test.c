// Exit signals: which of several ends an actor, in what order they come with messages, whom they
// reach when (before init, in a handler, while it stops, on a thread of its own), and what they
// carry.
#include "tests/support/world.h"

#include <stdio.h>
#include <string.h>

static char broken[] = "broken";

static troupe_status exit_with(troupe_ctx *ctx, troupe_ref ref, troupe_reason_kind kind,
                               const char *text)
{
    const troupe_reason reason = {.kind = kind, .status = TROUPE_EUSER, .text = text};
    return troupe_exit(ctx, ref, &reason);
}

static void send_exit(struct world *world, troupe_ref ref, troupe_reason_kind kind,
                      const char *text)
{
    assert_int_equal(exit_with(world->ctx, ref, kind, text), TROUPE_OK);
}

static troupe_ctx *outside_of(troupe_ctx *ctx)
{
    return troupe_outside(troupe_system_of(ctx));
}

static troupe_status trap(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet, (void)arg;
    return troupe_trap_exits(ctx, true);
}

static troupe_status link_with(troupe_ctx *ctx, struct puppet *puppet, void *ref)
{
    puppet->other = *(troupe_ref *)ref;
    return troupe_link(ctx, puppet->other);
}

// ---- Which one ends it

WORLD_STORY(the_first_of_several_signals_ends_it)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    world_watch(world, "witness", a, TROUPE_ON_STOP);
    send_exit(world, a, TROUPE_NORMAL, NULL); // has no effect
    send_exit(world, a, TROUPE_FAILED, "first");
    send_exit(world, a, TROUPE_FAILED, "second");
    send_exit(world, a, TROUPE_SHUTDOWN, NULL);
    world_await_all(world, "witness", "down stop 1 failed: first");
}

// As seen by the one that ends: somebody else's signal comes while its handler runs.
static troupe_status fail_amid_a_signal(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    WORLD_CHECK(exit_with(outside_of(ctx), troupe_self(ctx), TROUPE_SHUTDOWN, NULL) == TROUPE_OK);
    return puppet_fail(ctx, puppet, arg);
}

static troupe_status end_amid_a_signal(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    WORLD_CHECK(exit_with(outside_of(ctx), troupe_self(ctx), TROUPE_FAILED, "late") == TROUPE_OK);
    return puppet_stop(ctx, puppet, arg);
}

WORLD_STORY(who_ends_by_itself_does_so_for_its_own_reason)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL), b = world_spawn(world, "b", NULL, NULL);
    world_do(world, a, fail_amid_a_signal, broken);
    world_do(world, b, end_amid_a_signal, NULL);
    world_join(world, a);
    world_join(world, b);
    world_expect(world, "a", "init 1; stop failed: broken");
    world_expect(world, "b", "init 1; stop normal");
}

static troupe_status be_told_normal(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet, (void)arg;
    return exit_with(outside_of(ctx), troupe_self(ctx), TROUPE_NORMAL, NULL);
}

WORLD_STORY(normal_ends_only_who_sends_it_to_itself)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    world_do(world, a, be_told_normal, NULL);
    world_sync(world, a);
    world_expect(world, "a", "init 1");
}

WORLD_STORY(normal_leaves_links_as_they_are)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL), b = world_spawn(world, "b", NULL, NULL);
    world_do(world, a, link_with, &b);
    send_exit(world, a, TROUPE_NORMAL, NULL);
    world_sync(world, a);
    world_do(world, b, puppet_fail, broken);
    world_await_all(world, "a", "init 1; stop failed: broken");
}

// A line of linked actors; who traps stands at its head.
static void kill_line(struct world *world, int length, bool by_signal)
{
    troupe_ref head = world_spawn(world, "head", trap, NULL), before = head, last = head;
    for (int i = 0; i < length; i++, before = last) {
        last = world_spawn(world, "line", NULL, NULL);
        world_do(world, last, link_with, &before);
    }
    if (by_signal)
        send_exit(world, last, TROUPE_KILLED, NULL);
    else
        troupe_kill(world->ctx, last);
    world_await(world, "head", "exited 1 killed");
    world_sync(world, head);
    world_expect(world, "head", "init 1; exited 1 killed");
    assert_int_equal(world_heard(world, "line", "init 1"), (unsigned)length); // nobody's stop ran
}

WORLD_STORY(killed_goes_through_a_line_and_is_trapped_at_its_end)
{
    kill_line(world, 10, true);
}

WORLD_STORY(a_kill_goes_through_a_line_as_well)
{
    kill_line(world, 9, false);
}

// ---- Order

static void send_numbers(troupe_ctx *ctx, troupe_ref to, int first, int last)
{
    for (int i = first; i <= last; i++)
        WORLD_CHECK(troupe_send(ctx, to, Number, .value = i) == TROUPE_OK);
}

static troupe_status numbers_around_an_exit(troupe_ctx *ctx, struct puppet *puppet, void *ref)
{
    (void)puppet;
    troupe_ref to = *(troupe_ref *)ref;
    send_numbers(ctx, to, 1, 3);
    WORLD_CHECK(exit_with(ctx, to, TROUPE_FAILED, "between") == TROUPE_OK);
    send_numbers(ctx, to, 4, 6);
    return TROUPE_OK;
}

static bool has_heard_any(struct world *world, const char *who, int first, int last)
{
    char text[16];
    for (int i = first; i <= last; i++) {
        (void)snprintf(text, sizeof text, "%d", i);
        if (world_heard(world, who, text))
            return true;
    }
    return false;
}

WORLD_STORY(what_is_sent_after_a_signal_is_never_handled)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL), b = world_spawn(world, "b", NULL, NULL);
    world_watch(world, "witness", a, TROUPE_ON_STOP);
    world_do(world, b, numbers_around_an_exit, &a);
    world_await_all(world, "witness", "down stop 1 failed: between");
    assert_false(has_heard_any(world, "a", 4, 6)); // 1 to 3 may have been
}

WORLD_STORY(nor_if_it_is_sent_outside)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    world_watch(world, "witness", a, TROUPE_ON_STOP);
    send_numbers(world->ctx, a, 1, 3);
    send_exit(world, a, TROUPE_FAILED, "between");
    for (int i = 4; i <= 6; i++) // it may be dead already
        (void)troupe_send(world->ctx, a, Number, .value = i);
    world_await_all(world, "witness", "down stop 1 failed: between");
    assert_false(has_heard_any(world, "a", 4, 6));
}

WORLD_STORY(a_trapped_signal_comes_in_order_with_the_senders_messages)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL), b = world_spawn(world, "b", NULL, NULL);
    world_do(world, a, trap, NULL);
    world_do(world, b, numbers_around_an_exit, &a);
    world_await_all(world, "a", "init 1; 1; 2; 3; exited 0 failed: between; 4; 5; 6");
    send_numbers(world->ctx, a, 7, 7);
    send_exit(world, a, TROUPE_NORMAL, NULL);
    send_numbers(world->ctx, a, 8, 8);
    world_await(world, "a", "8");
    world_expect_order(world, "a", "7", "a", "exited 0 normal");
    world_expect_order(world, "a", "exited 0 normal", "a", "8");
}

static troupe_status numbers_to_self(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)arg;
    troupe_ref self = troupe_self(ctx);
    WORLD_CHECK(troupe_trap_exits(ctx, true) == TROUPE_OK);
    return numbers_around_an_exit(ctx, puppet, &self);
}

WORLD_STORY(so_it_does_to_oneself)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    world_do(world, a, numbers_to_self, NULL);
    world_await_all(world, "a", "init 1; 1; 2; 3; exited 0 failed: between; 4; 5; 6");
}

WORLD_STORY(and_in_init_before_what_waits)
{
    troupe_ref a = world_spawn(world, "a", numbers_to_self, NULL);
    send_numbers(world->ctx, a, 9, 9);
    world_await_all(world, "a", "init 1; 1; 2; 3; exited 0 failed: between; 4; 5; 6; 9");
}

// ---- When it comes

WORLD_STORY_DRIVEN(a_signal_before_init_ends_it_without_a_word)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    send_exit(world, a, TROUPE_FAILED, "by hand");
    world_join(world, a);
    world_expect(world, "a", "");
}

static troupe_status fail_in_init_amid_a_signal(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    WORLD_CHECK(exit_with(outside_of(ctx), troupe_self(ctx), TROUPE_SHUTDOWN, NULL) == TROUPE_OK);
    return puppet_fail(ctx, puppet, arg);
}

WORLD_STORY(a_start_that_fails_amid_a_signal_has_failed)
{
    troupe_spawn_opts opts = {.name = "a"};
    struct order order = {fail_in_init_amid_a_signal, broken};
    assert_int_equal(
        troupe_spawn_wait(world->ctx, &puppet_behavior, &opts, NULL, TROUPE_TYPE(Do), &order),
        TROUPE_ESTART);
    assert_non_null(strstr(troupe_error_text(world->ctx), broken));
}

static troupe_status never_reply(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)msg;
    return troupe_token_take(ctx, &((struct puppet *)state)->token);
}

static troupe_status be_silent(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet, (void)arg;
    return troupe_become(ctx, never_reply);
}

static troupe_status say_outcome(troupe_ctx *ctx, void *state, void *user,
                                 const troupe_outcome *outcome)
{
    (void)state, (void)user;
    puppet_say(ctx, "%s", troupe_status_name(outcome->status));
    return TROUPE_OK;
}

static troupe_status ask_other(troupe_ctx *ctx, struct puppet *puppet, void *ref)
{
    puppet->other = *(troupe_ref *)ref;
    return troupe_ask(ctx, puppet->other, TROUPE_NO_LIMIT, say_outcome, NULL, Number, .value = 1);
}

WORLD_STORY(a_signal_ends_who_waits_for_an_answer)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    troupe_ref b = world_spawn(world, "b", be_silent, NULL);
    world_do(world, a, ask_other, &b);
    send_exit(world, a, TROUPE_FAILED, "by hand");
    world_await_all(world, "a", "init 1; stop failed: by hand");
    send_exit(world, b, TROUPE_FAILED, "by hand"); // nobody is left to be told
    world_join(world, b);
    world_expect(world, "a", "init 1; stop failed: by hand");
}

WORLD_STORY(who_waits_for_an_answer_of_it_gets_the_reason)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    troupe_ref b = world_spawn(world, "b", be_silent, NULL);
    world_do(world, a, ask_other, &b);
    send_exit(world, b, TROUPE_FAILED, "by hand");
    world_await_all(world, "a", "init 1; TROUPE_EDOWN");
}

static troupe_status arm(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)arg;
    return troupe_after(ctx, 10, troupe_self(ctx), &puppet->timer, Number, .value = 1);
}

WORLD_STORY(no_timer_goes_off_for_who_was_ended)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    world_do(world, a, arm, NULL);
    send_exit(world, a, TROUPE_SHUTDOWN, NULL);
    world_join(world, a);
    if (world->driven)
        world_advance(world, 50);
    assert_int_equal(world_heard(world, "a", "1"), 0);
}

// Its stop sends signals to itself, in its own name and in that of others.
static void signal_itself(troupe_ctx *ctx, void *state, const troupe_reason *why)
{
    (void)state;
    troupe_ref self = troupe_self(ctx);
    world_say("late", "stop %s", troupe_reason_name(why->kind));
    WORLD_CHECK(exit_with(ctx, self, TROUPE_NORMAL, NULL) == TROUPE_OK);
    WORLD_CHECK(exit_with(ctx, self, TROUPE_FAILED, "late") == TROUPE_OK);
    WORLD_CHECK(exit_with(outside_of(ctx), self, TROUPE_FAILED, "late") == TROUPE_OK);
}

static troupe_status unhandled(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)ctx, (void)state, (void)msg;
    return TROUPE_UNHANDLED;
}

static troupe_status trap_at_once(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    (void)state, (void)args;
    return troupe_trap_exits(ctx, true);
}

static const troupe_behavior late = {.name = "late", .receive = unhandled, .stop = signal_itself};
static const troupe_behavior late_trapping = {
    .name = "late", .init = trap_at_once, .receive = unhandled, .stop = signal_itself};

WORLD_STORY(who_stops_already_takes_no_notice)
{
    for (int i = 0; i < 2; i++) {
        troupe_ref a;
        assert_int_equal(
            troupe_spawn_wait(world->ctx, i ? &late_trapping : &late, NULL, &a, NULL, NULL),
            TROUPE_OK);
        world_watch(world, i ? "witness 1" : "witness 0", a, TROUPE_ON_STOP);
        troupe_stop(world->ctx, a);
        world_await_all(world, i ? "witness 1" : "witness 0", "down stop 1 shutdown");
    }
    world_expect(world, "late", "stop shutdown; stop shutdown");
}

// ---- On a thread of its own

static troupe_ref spawn_on_thread(struct world *world, const char *name, puppet_fn init)
{
    troupe_ref ref;
    const troupe_spawn_opts opts = {.name = name, .place = TROUPE_ON_THREAD};
    assert_int_equal(troupe_spawn_with(world->ctx, &puppet_behavior, &opts, &ref, Do, .fn = init),
                     TROUPE_OK);
    world_sync(world, ref);
    return ref;
}

WORLD_STORY(actors_on_threads_are_linked_as_others_are)
{
    troupe_ref a = spawn_on_thread(world, "a", NULL), b = spawn_on_thread(world, "b", NULL);
    troupe_ref c = spawn_on_thread(world, "c", trap), d = world_spawn(world, "d", NULL, NULL);
    world_sync(world, d);
    world_do(world, a, link_with, &b);
    world_do(world, c, link_with, &b);
    world_do(world, d, link_with, &a);
    send_exit(world, b, TROUPE_FAILED, "by hand");
    world_await_all(world, "a", "init 1; stop failed: by hand");
    world_await_all(world, "c", "init 1; exited 1 failed: by hand");
    world_await_all(world, "d", "init 1; stop failed: by hand");
    send_exit(world, c, TROUPE_KILLED, NULL);
    world_join(world, c);
}

// ---- What it carries

static troupe_status say_reason(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    const troupe_exited *exited = troupe_match(msg, troupe_exited);
    WORLD_CHECK(exited != NULL);
    puppet_say(ctx, "%d %zu", exited->reason.status, strlen(exited->reason.text));
    return troupe_unbecome(ctx);
}

static troupe_status expect_reason(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet, (void)arg;
    WORLD_CHECK(troupe_trap_exits(ctx, true) == TROUPE_OK);
    return troupe_become(ctx, say_reason);
}

WORLD_STORY(a_failure_carries_status_and_text_the_others_do_not)
{
    char text[300], expected[32];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = 0;
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    world_do(world, a, expect_reason, NULL);
    send_exit(world, a, TROUPE_FAILED, text);
    (void)snprintf(expected, sizeof expected, "%d 251", TROUPE_EUSER);
    world_await(world, "a", expected);
    world_do(world, a, expect_reason, NULL);
    send_exit(world, a, TROUPE_SHUTDOWN, text);
    world_await(world, "a", "0 0");
    world_do(world, a, expect_reason, NULL);
    send_exit(world, a, TROUPE_FAILED, NULL);
    (void)snprintf(expected, sizeof expected, "%d 0", TROUPE_EUSER);
    world_await(world, "a", expected);
}

WORLD_STORY(one_that_is_not_handled_is_a_dead_letter)
{
    troupe_ref a;
    assert_int_equal(troupe_spawn_wait(world->ctx, &late_trapping, NULL, &a, NULL, NULL),
                     TROUPE_OK);
    send_exit(world, a, TROUPE_FAILED, "by hand");
    world_await(world, "dead", "troupe_exited unhandled");
    assert_int_equal(troupe_incarnation(world->ctx, a), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_of_several_signals_ends_it),
        cmocka_unit_test(who_ends_by_itself_does_so_for_its_own_reason),
        cmocka_unit_test(normal_ends_only_who_sends_it_to_itself),
        cmocka_unit_test(normal_leaves_links_as_they_are),
        cmocka_unit_test(killed_goes_through_a_line_and_is_trapped_at_its_end),
        cmocka_unit_test(a_kill_goes_through_a_line_as_well),
        cmocka_unit_test(what_is_sent_after_a_signal_is_never_handled),
        cmocka_unit_test(nor_if_it_is_sent_outside),
        cmocka_unit_test(a_trapped_signal_comes_in_order_with_the_senders_messages),
        cmocka_unit_test(so_it_does_to_oneself),
        cmocka_unit_test(and_in_init_before_what_waits),
        cmocka_unit_test(a_signal_before_init_ends_it_without_a_word),
        cmocka_unit_test(a_start_that_fails_amid_a_signal_has_failed),
        cmocka_unit_test(a_signal_ends_who_waits_for_an_answer),
        cmocka_unit_test(who_waits_for_an_answer_of_it_gets_the_reason),
        cmocka_unit_test(no_timer_goes_off_for_who_was_ended),
        cmocka_unit_test(who_stops_already_takes_no_notice),
        cmocka_unit_test(actors_on_threads_are_linked_as_others_are),
        cmocka_unit_test(a_failure_carries_status_and_text_the_others_do_not),
        cmocka_unit_test(one_that_is_not_handled_is_a_dead_letter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
