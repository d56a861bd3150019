// The right to answer: used at most once, by whom it was given to, or it ends with the holder.
#include "tests/support/world.h"

static troupe_status on_outcome(troupe_ctx *ctx, void *state, void *user,
                                const troupe_outcome *outcome)
{
    (void)state;
    (void)user;
    const struct number *number = outcome->reply ? troupe_match(outcome->reply, Number) : NULL;
    if (number)
        puppet_say(ctx, "reply %d", (int)number->value);
    else if (outcome->reason)
        puppet_say(ctx, "down %s", troupe_reason_name(outcome->reason->kind));
    else
        puppet_say(ctx, "%s", troupe_status_name(outcome->status));
    return TROUPE_OK;
}

static troupe_status ask(troupe_ctx *ctx, struct puppet *puppet, void *to)
{
    return troupe_ask_with_id(ctx, *(troupe_ref *)to, TROUPE_NO_LIMIT, on_outcome, NULL,
                              &puppet->ask, Number, .value = 1);
}

static troupe_status ask_briefly(troupe_ctx *ctx, struct puppet *puppet, void *to)
{
    (void)puppet;
    return troupe_ask(ctx, *(troupe_ref *)to, 1, on_outcome, NULL, Number, .value = 1);
}

static troupe_status keep(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    struct puppet *puppet = state;
    const struct order *order = troupe_match(msg, Do);
    if (order)
        return order->fn(ctx, state, order->arg);
    if (troupe_match(msg, Sync))
        return troupe_reply(ctx, Sync);
    troupe_token none;
    WORLD_CHECK(troupe_is_ask(ctx));
    WORLD_CHECK(troupe_token_take(ctx, &puppet->token) == TROUPE_OK);
    WORLD_CHECK(!troupe_is_ask(ctx));
    WORLD_CHECK(troupe_token_take(ctx, &none) == TROUPE_EALREADY);
    WORLD_CHECK(troupe_reply(ctx, Number, .value = 2) == TROUPE_EALREADY);
    WORLD_CHECK(troupe_stash(ctx, msg) == TROUPE_EINVAL);
    puppet_say(ctx, "kept");
    return TROUPE_OK;
}

static troupe_status be_keeper(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet;
    (void)arg;
    return troupe_become(ctx, keep);
}

static troupe_status use(troupe_ctx *ctx, struct puppet *puppet, void *value)
{
    puppet_say(ctx, "%s",
               troupe_status_name(
                   troupe_reply_to(ctx, puppet->token, Number, .value = *(int64_t *)value)));
    return TROUPE_OK;
}

static troupe_status use_given(troupe_ctx *ctx, struct puppet *puppet, void *token)
{
    (void)puppet;
    puppet_say(
        ctx, "%s",
        troupe_status_name(troupe_reply_to(ctx, *(troupe_token *)token, Number, .value = 9)));
    return TROUPE_OK;
}

static troupe_status give(troupe_ctx *ctx, struct puppet *puppet, void *to)
{
    (void)ctx;
    *(troupe_token *)to = puppet->token;
    return TROUPE_OK;
}

static int64_t five = 5, six = 6;
static char disk[] = "disk";

WORLD_STORY(a_token_answers_once)
{
    troupe_ref b = world_spawn(world, "b", be_keeper, NULL);
    troupe_ref a = world_spawn(world, "a", ask, &b);
    world_await(world, "b", "kept");
    world_do(world, b, use, &five);
    world_do(world, b, use, &six);
    world_await_all(world, "a", "init 1; reply 5");
    world_expect(world, "b", "init 1; kept; TROUPE_OK; TROUPE_EALREADY");
    world_sync(world, a);
}

// Both actors hold the first token that they took: what differs is whose it is.
WORLD_STORY(a_token_of_another_actor_is_refused)
{
    troupe_token token;
    troupe_ref b = world_spawn(world, "b", be_keeper, NULL);
    troupe_ref c = world_spawn(world, "c", be_keeper, NULL);
    world_spawn(world, "a", ask, &b);
    world_spawn(world, "d", ask, &c);
    world_await(world, "b", "kept");
    world_await(world, "c", "kept");
    world_do(world, b, give, &token);
    world_do(world, c, use_given, &token);
    world_do(world, b, use_given, &token);
    world_await_all(world, "a", "init 1; reply 9");
    world_expect(world, "c", "init 1; kept; TROUPE_EALREADY");
    world_expect(world, "d", "init 1");
}

static void start_supervised(struct world *world, puppet_fn init, void *arg, troupe_ref *ref)
{
    struct order order = {init, arg};
    troupe_child child = {
        .id = "s", .behavior = &puppet_behavior, .args_type = TROUPE_TYPE(Do), .args = &order};
    troupe_supervisor spec = {.children = &child, .child_count = 1, .max_restarts = 5};
    troupe_ref supervisor;
    assert_int_equal(troupe_supervise_wait(world->ctx, &spec, &supervisor), TROUPE_OK);
    assert_int_equal(troupe_child_ref(world->ctx, supervisor, "s", ref), TROUPE_OK);
}

WORLD_STORY(a_token_of_an_earlier_incarnation_is_refused)
{
    troupe_token token;
    troupe_ref s;
    start_supervised(world, be_keeper, NULL, &s);
    world_spawn(world, "a", ask, &s);
    world_await(world, "s", "kept");
    world_do(world, s, give, &token);
    world_do(world, s, puppet_fail, disk);
    world_await_all(world, "a", "init 1; down failed");
    world_await(world, "s", "init 2");
    world_spawn(world, "d", ask, &s); // its token is the first of this incarnation
    world_await_times(world, 2, "s", "kept");
    world_do(world, s, use_given, &token);
    world_await(world, "s", "TROUPE_EALREADY");
    world_expect(world, "d", "init 1");
}

WORLD_STORY(whoever_waits_for_a_token_gets_down_when_its_holder_ends)
{
    troupe_ref b = world_spawn(world, "b", be_keeper, NULL);
    troupe_ref a = world_spawn(world, "a", ask, &b);
    world_await(world, "b", "kept");
    troupe_stop(world->ctx, b);
    world_await_all(world, "a", "init 1; down shutdown");
    world_sync(world, a);
}

static troupe_status take_in_vain(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)arg;
    if (troupe_is_ask(ctx))
        return TROUPE_OK;
    WORLD_CHECK(troupe_token_take(ctx, &puppet->token) == TROUPE_EINVAL);
    WORLD_CHECK(troupe_reply(ctx, Number, .value = 1) == TROUPE_OK); // to nobody
    WORLD_CHECK(troupe_reply(ctx, Number, .value = 1) == TROUPE_OK);
    puppet_say(ctx, "no ask");
    return TROUPE_OK;
}

WORLD_STORY(what_was_not_asked_has_no_token_and_any_answer_to_it_is_fine)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    world_tell(world, a, take_in_vain, NULL);
    world_await_all(world, "a", "init 1; no ask");
}

WORLD_STORY(a_late_reply_never_reaches_the_mailbox)
{
    troupe_stats before, after;
    troupe_ref b = world_spawn(world, "b", be_keeper, NULL);
    troupe_ref a = world_spawn(world, "a", ask_briefly, &b);
    world_await(world, "a", "TROUPE_ETIMEDOUT");
    if (!world_heard(world, "b", "kept"))
        return; // the request was too late already
    troupe_system_stats(world->system, &before);
    world_do(world, b, use, &five);
    troupe_system_stats(world->system, &after);
    world_expect(world, "b", "init 1; kept; TROUPE_OK");
    assert_int_equal(after.late_replies, before.late_replies + 1);
    world_sync(world, a);
    world_expect(world, "a", "init 1; TROUPE_ETIMEDOUT");
}

WORLD_STORY(a_reply_to_one_who_has_ended_is_dropped_and_counted)
{
    troupe_ref b = world_spawn(world, "b", be_keeper, NULL);
    troupe_ref a = world_spawn(world, "a", ask, &b);
    world_await(world, "b", "kept");
    troupe_stop(world->ctx, a);
    world_join(world, a);
    world_do(world, b, use, &five);
    world_expect(world, "b", "init 1; kept; TROUPE_OK");
    troupe_stats stats;
    troupe_system_stats(world->system, &stats);
    assert_int_equal(stats.late_replies, 1);
}

static troupe_status ask_once(troupe_ctx *ctx, struct puppet *puppet, void *to)
{
    return troupe_incarnation(ctx, troupe_self(ctx)) == 1 ? ask(ctx, puppet, to) : TROUPE_OK;
}

WORLD_STORY(the_asks_of_an_incarnation_end_with_it)
{
    troupe_ref b = world_spawn(world, "b", be_keeper, NULL), s;
    start_supervised(world, ask_once, &b, &s);
    world_await(world, "b", "kept");
    world_do(world, s, puppet_fail, disk);
    world_await(world, "s", "init 2");
    world_do(world, b, use, &five);
    world_sync(world, s);
    world_expect(world, "s", "init 1; stop failed: disk; init 2");
    world_expect(world, "b", "init 1; kept; TROUPE_OK");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_answers_once),
        cmocka_unit_test(a_token_of_another_actor_is_refused),
        cmocka_unit_test(a_token_of_an_earlier_incarnation_is_refused),
        cmocka_unit_test(whoever_waits_for_a_token_gets_down_when_its_holder_ends),
        cmocka_unit_test(what_was_not_asked_has_no_token_and_any_answer_to_it_is_fine),
        cmocka_unit_test(a_late_reply_never_reaches_the_mailbox),
        cmocka_unit_test(a_reply_to_one_who_has_ended_is_dropped_and_counted),
        cmocka_unit_test(the_asks_of_an_incarnation_end_with_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
