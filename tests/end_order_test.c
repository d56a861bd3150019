// What an actor causes reaches another in the order in which it did so: messages, answers, what its
// `stop` sends, and then the news of its end, by link and by monitor.
#include "tests/support/world.h"

static char broken[] = "broken";

#define ENDED "exited 1 failed: broken; down stop 1 failed: broken"

// ---- Who listens: it traps, is linked and has a monitor

static troupe_status be_tied(troupe_ctx *ctx, struct puppet *puppet, void *ref)
{
    puppet->other = *(troupe_ref *)ref;
    WORLD_CHECK(troupe_trap_exits(ctx, true) == TROUPE_OK);
    WORLD_CHECK(troupe_link(ctx, puppet->other) == TROUPE_OK);
    return troupe_monitor(ctx, puppet->other, TROUPE_ON_STOP, &puppet->monitor);
}

static troupe_status say_outcome(troupe_ctx *ctx, void *state, void *user,
                                 const troupe_outcome *outcome)
{
    (void)state;
    puppet_say(ctx, "%s %s", (const char *)user, troupe_status_name(outcome->status));
    return TROUPE_OK;
}

struct question {
    troupe_ref other;
    struct order orders[3];
};

static troupe_status ask(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    static char names[][8] = {"first", "second", "third"};
    struct question *question = arg;
    WORLD_CHECK(be_tied(ctx, puppet, &question->other) == TROUPE_OK);
    for (int i = 0; i < 3 && question->orders[i].fn; i++)
        WORLD_CHECK(troupe_ask(ctx, question->other, TROUPE_NO_LIMIT, say_outcome, names[i], Do,
                               .fn = question->orders[i].fn,
                               .arg = question->orders[i].arg) == TROUPE_OK);
    return TROUPE_OK;
}

// ---- Who ends

static troupe_status send_and_fail(troupe_ctx *ctx, struct puppet *puppet, void *ref)
{
    for (int i = 1; i <= 3; i++)
        WORLD_CHECK(troupe_send(ctx, *(troupe_ref *)ref, Number, .value = i) == TROUPE_OK);
    return puppet_fail(ctx, puppet, broken);
}

static troupe_status answer_and_fail(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)arg;
    WORLD_CHECK(troupe_reply(ctx, Sync) == TROUPE_OK);
    return puppet_fail(ctx, puppet, broken);
}

static troupe_status keep(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)arg;
    return troupe_token_take(ctx, &puppet->token);
}

static troupe_status answer_kept_and_fail(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)arg;
    WORLD_CHECK(troupe_reply_to(ctx, puppet->token, Sync) == TROUPE_OK);
    return puppet_fail(ctx, puppet, broken);
}

// ---- Stories

WORLD_STORY(the_end_comes_after_the_messages)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL), b = world_spawn(world, "b", NULL, NULL);
    world_do(world, b, be_tied, &a);
    world_tell(world, a, send_and_fail, &b);
    world_await_all(world, "b", "init 1; 1; 2; 3; " ENDED);
}

WORLD_STORY(the_end_comes_after_an_answer_that_was_made_in_the_same_handler)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL), b = world_spawn(world, "b", NULL, NULL);
    struct question question = {a, {{answer_and_fail, NULL}}};
    world_do(world, b, ask, &question);
    world_await_all(world, "b", "init 1; first TROUPE_OK; " ENDED);
}

WORLD_STORY(the_end_comes_after_answers_that_were_made_late)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL), b = world_spawn(world, "b", NULL, NULL);
    struct question question = {a, {{keep, NULL}, {answer_kept_and_fail, NULL}}};
    world_do(world, b, ask, &question);
    // What is asked in vain is told as the handler fails, so after the answer that it made.
    world_await_all(world, "b", "init 1; first TROUPE_OK; second TROUPE_EDOWN; " ENDED);
}

WORLD_STORY(an_ask_that_waits_in_the_mailbox_ends_with_the_actor)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL), b = world_spawn(world, "b", NULL, NULL);
    struct question question = {a, {{puppet_fail, broken}, {keep, NULL}}};
    world_do(world, b, ask, &question);
    world_await_times(world, 1, "b", "second TROUPE_EDOWN");
    world_await_times(world, 1, "b", "down stop 1 failed: broken");
    world_expect_order(world, "b", "first TROUPE_EDOWN", "b", "exited 1 failed: broken");
}

static troupe_ref listener;

static void send_last(troupe_ctx *ctx, void *state, const troupe_reason *why)
{
    (void)state, (void)why;
    for (int i = 7; i <= 9; i++)
        WORLD_CHECK(troupe_send(ctx, listener, Number, .value = i) == TROUPE_OK);
}

static troupe_status fall(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state, (void)msg;
    return troupe_fail(ctx, TROUPE_EUSER, "%s", broken);
}

static const troupe_behavior talkative = {.name = "talkative", .receive = fall, .stop = send_last};

WORLD_STORY(the_end_comes_after_what_stop_sends)
{
    for (int i = 0; i < 2; i++) {
        troupe_ref a;
        const troupe_spawn_opts opts = {.place = i ? TROUPE_ON_THREAD : TROUPE_ON_POOL};
        const char *name = i ? "on thread" : "on pool";
        listener = world_spawn(world, name, NULL, NULL);
        assert_int_equal(troupe_spawn(world->ctx, &talkative, &opts, &a), TROUPE_OK);
        world_do(world, listener, be_tied, &a);
        troupe_send(world->ctx, a, Sync);
        world_await_all(world, name, "init 1; 7; 8; 9; " ENDED);
    }
}

// A supervised actor's last words come before the news of its restart, and its first ones after.
static troupe_status speak(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet, (void)arg;
    if (troupe_incarnation(ctx, troupe_self(ctx)) > 1)
        WORLD_CHECK(troupe_send(ctx, listener, Number, .value = 4) == TROUPE_OK);
    return TROUPE_OK;
}

static troupe_status be_tied_for_restarts(troupe_ctx *ctx, struct puppet *puppet, void *ref)
{
    WORLD_CHECK(be_tied(ctx, puppet, ref) == TROUPE_OK);
    WORLD_CHECK(troupe_demonitor(ctx, puppet->monitor) == TROUPE_OK);
    return troupe_monitor(ctx, puppet->other, TROUPE_ON_RESTART, &puppet->monitor);
}

WORLD_STORY(a_restart_comes_between_the_words_of_two_incarnations)
{
    troupe_ref a = world_supervise(world, "a", speak);
    listener = world_spawn(world, "b", NULL, NULL);
    world_do(world, listener, be_tied_for_restarts, &a);
    world_tell(world, a, send_and_fail, &listener);
    world_await_all(world, "b",
                    "init 1; 1; 2; 3; exited 1 failed: broken; down restart 1 failed: broken; 4");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_end_comes_after_the_messages),
        cmocka_unit_test(the_end_comes_after_an_answer_that_was_made_in_the_same_handler),
        cmocka_unit_test(the_end_comes_after_answers_that_were_made_late),
        cmocka_unit_test(an_ask_that_waits_in_the_mailbox_ends_with_the_actor),
        cmocka_unit_test(the_end_comes_after_what_stop_sends),
        cmocka_unit_test(a_restart_comes_between_the_words_of_two_incarnations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
