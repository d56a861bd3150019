// Asks: each way of ending, exactly one of them, and never at the wrong time.
#include "tests/support/world.h"

// ---- Who is asked: what it does with a Number depends on the value

enum { ANSWER, SAY_NOTHING, DO_NOT_KNOW, STOP, FAIL, ANSWER_TWICE, ANSWER_AND_FAIL, KEEP };

static troupe_status answer(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    struct puppet *puppet = state;
    const struct order *order = troupe_match(msg, Do);
    const struct number *number = troupe_match(msg, Number);
    if (order)
        return order->fn(ctx, state, order->arg);
    if (number == NULL)
        return troupe_reply(ctx, Sync);
    puppet->number++;
    switch (number->value) {
    case ANSWER:
        return troupe_reply(ctx, Number, .value = 10);
    case DO_NOT_KNOW:
        return TROUPE_UNHANDLED;
    case STOP:
        return TROUPE_STOP;
    case FAIL:
        return troupe_fail(ctx, TROUPE_EUSER, "no disk");
    case ANSWER_TWICE:
        WORLD_CHECK(troupe_reply(ctx, Number, .value = 1) == TROUPE_OK);
        WORLD_CHECK(!troupe_is_ask(ctx));
        WORLD_CHECK(troupe_reply(ctx, Number, .value = 2) == TROUPE_EALREADY);
        WORLD_CHECK(troupe_token_take(ctx, &puppet->token) == TROUPE_EALREADY);
        return TROUPE_OK;
    case ANSWER_AND_FAIL:
        WORLD_CHECK(troupe_reply(ctx, Number, .value = 3) == TROUPE_OK);
        return TROUPE_EUSER;
    case KEEP:
        return troupe_token_take(ctx, &puppet->token);
    default:
        return TROUPE_OK;
    }
}

static troupe_status be_answering(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet;
    (void)arg;
    return troupe_become(ctx, answer);
}

static troupe_status fail_to_start(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet;
    (void)arg;
    return troupe_fail(ctx, TROUPE_EUSER, "no start");
}

static troupe_status say_handled(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)arg;
    puppet_say(ctx, "handled %d", (int)puppet->number);
    return TROUPE_OK;
}

// ---- Who asks

struct request {
    troupe_ref to;
    int64_t value;
    uint32_t timeout_ms;
};

static troupe_status on_outcome(troupe_ctx *ctx, void *state, void *user,
                                const troupe_outcome *outcome)
{
    (void)state;
    (void)user;
    const struct number *number = outcome->reply ? troupe_match(outcome->reply, Number) : NULL;
    WORLD_CHECK((outcome->status == TROUPE_OK) == (outcome->reply != NULL));
    WORLD_CHECK((outcome->status == TROUPE_EDOWN) == (outcome->reason != NULL));
    if (number)
        puppet_say(ctx, "reply %d", (int)number->value);
    else if (outcome->reason)
        puppet_say(ctx, "down %s%s%s", troupe_reason_name(outcome->reason->kind),
                   outcome->reason->text[0] ? ": " : "", outcome->reason->text);
    else
        puppet_say(ctx, "%s", troupe_status_name(outcome->status));
    return TROUPE_UNHANDLED; // as OK
}

static troupe_status ask(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    const struct request *request = arg;
    WORLD_CHECK(troupe_ask_with_id(ctx, request->to, request->timeout_ms, on_outcome, NULL,
                                   &puppet->ask, Number, .value = request->value) == TROUPE_OK);
    puppet_say(ctx, "asked");
    return TROUPE_OK;
}

static troupe_status cancel(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)arg;
    puppet_say(ctx, "cancel %s", troupe_status_name(troupe_ask_cancel(ctx, puppet->ask)));
    return TROUPE_OK;
}

// ---- Ways to end

WORLD_STORY(an_ask_ends_with_what_the_asked_actor_did)
{
    static const struct {
        int64_t value;
        const char *outcome;
    } cases[] = {
        {ANSWER, "init 1; asked; reply 10"},
        {SAY_NOTHING, "init 1; asked; TROUPE_ENOREPLY"},
        {DO_NOT_KNOW, "init 1; asked; TROUPE_ENOREPLY"},
        {STOP, "init 1; asked; down normal"},
        {FAIL, "init 1; asked; down failed: no disk"},
        {ANSWER_TWICE, "init 1; asked; reply 1"},
        {ANSWER_AND_FAIL, "init 1; asked; reply 3"},
    };

    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char name[] = {'a', (char)('0' + i), 0};
        troupe_ref a = world_spawn(world, name, NULL, NULL);
        struct request request = {world_spawn(world, "b", be_answering, NULL), cases[i].value, 0};
        world_do(world, a, ask, &request);
        world_await_all(world, name, cases[i].outcome);
    }
    world_await_all(world, "dead", "Number 2 unhandled; Number 4 failed; Number 6 failed");
}

WORLD_STORY(an_ask_ends_with_down_when_the_asked_actor_is_stopped_or_killed)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    struct request stopped = {world_spawn(world, "b", be_answering, NULL), KEEP, 0};
    struct request killed = {world_spawn(world, "c", be_answering, NULL), KEEP, 0};
    world_do(world, a, ask, &stopped);
    world_do(world, stopped.to, say_handled, NULL);
    troupe_stop(world->ctx, stopped.to);
    world_await_all(world, "a", "init 1; asked; down shutdown");
    world_do(world, a, ask, &killed);
    world_do(world, killed.to, say_handled, NULL);
    troupe_kill(world->ctx, killed.to);
    world_await_all(world, "a", "init 1; asked; down shutdown; asked; down killed");
}

static troupe_status ask_a_bad_starter(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)arg;
    struct request request = {puppet_spawn(ctx, "b", fail_to_start, NULL), ANSWER, 0};
    return ask(ctx, puppet, &request);
}

WORLD_STORY_DRIVEN(an_ask_of_an_actor_that_fails_to_start_tells_so)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    world_do(world, a, ask_a_bad_starter, NULL);
    world_await_all(world, "a", "init 1; asked; down start failed: no start");
    world_expect(world, "dead", "Number 0 ended");
}

WORLD_STORY_DRIVEN(an_ask_ends_at_its_deadline_and_not_before)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    troupe_ref b = world_spawn(world, "b", be_answering, NULL);
    static const uint32_t timeouts[] = {1, 250, 0}; // 0: 5000
    for (int i = 0; i < 3; i++) {
        uint32_t ms = timeouts[i] ? timeouts[i] : 5000;
        struct request request = {b, KEEP, timeouts[i]};
        world_do(world, a, ask, &request);
        uint64_t asked_at = world->driver.sim->now;
        world_advance(world, ms - 1);
        assert_int_equal(world_heard(world, "a", "TROUPE_ETIMEDOUT"), i);
        world_await_times(world, (unsigned)i + 1, "a", "TROUPE_ETIMEDOUT");
        assert_true(world->driver.sim->now >= asked_at + ms * UINT64_C(1000000));
        assert_true(world->driver.sim->now <= asked_at + (ms + 1) * UINT64_C(1000000));
    }
    struct request request = {b, KEEP, TROUPE_NO_LIMIT};
    world_do(world, a, ask, &request);
    world_advance(world, 100000000);
    assert_int_equal(world_heard(world, "a", "TROUPE_ETIMEDOUT"), 3);
}

// ---- Many limits at once

enum { LIMITS = 9 };

struct limits {
    troupe_ref to;
    uint32_t ms[LIMITS];
};

static troupe_status ask_with_all_limits(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    const struct limits *limits = arg;
    for (int i = 0; i < LIMITS; i++) {
        struct request request = {limits->to, KEEP, limits->ms[i]};
        (void)ask(ctx, puppet, &request);
    }
    return TROUPE_OK;
}

// Also when there are more limits than an actor has lists for, in any order.
WORLD_STORY_DRIVEN(each_of_many_asks_ends_at_its_own_deadline)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    struct limits limits = {world_spawn(world, "b", be_answering, NULL),
                            {500, 100, 900, 300, 100, 700, 200, 800, 600}};
    static const unsigned expired[] = {0, 2, 3, 4, 4, 5, 6, 7, 8, 9}; // after so many 100 ms
    for (int round = 0; round < 2; round++) {
        world_do(world, a, ask_with_all_limits, &limits);
        for (unsigned i = 0; i < 10; i++) {
            assert_int_equal(world_heard(world, "a", "TROUPE_ETIMEDOUT"),
                             (unsigned)round * LIMITS + expired[i]);
            world_advance(world, i == 0 ? 101 : 100);
        }
    }
}

// The timer that the first ask has left does not go off for the second.
WORLD_STORY_DRIVEN(an_ask_after_an_answered_one_has_its_whole_time)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    troupe_ref b = world_spawn(world, "b", be_answering, NULL);
    struct request answered = {b, ANSWER, 100}, kept = {b, KEEP, 100}, longer = {b, KEEP, 1000};
    world_do(world, a, ask, &answered);
    world_advance(world, 60);
    world_do(world, a, ask, &kept);
    world_do(world, a, ask, &longer);
    world_advance(world, 60); // the first one's time is over
    assert_int_equal(world_heard(world, "a", "TROUPE_ETIMEDOUT"), 0);
    assert_int_equal(world_heard(world, "a", "reply 10"), 1);
    world_advance(world, 41);
    assert_int_equal(world_heard(world, "a", "TROUPE_ETIMEDOUT"), 1);
    world_do(world, a, ask, &answered);
    world_advance(world, 1000);
    assert_int_equal(world_heard(world, "a", "TROUPE_ETIMEDOUT"), 2);
    assert_int_equal(world_heard(world, "a", "reply 10"), 2);
    assert_true(trp_system_next_deadline(world->system) == TRP_NEVER); // nothing is armed
}

WORLD_STORY(a_cancelled_ask_ends_at_once_and_cannot_be_cancelled_again)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    struct request request = {world_spawn(world, "b", be_answering, NULL), KEEP, 0};
    world_do(world, a, ask, &request);
    world_do(world, a, cancel, NULL);
    world_do(world, a, cancel, NULL);
    world_sync(world, a);
    world_await(world, "a", "TROUPE_ECANCELED");
    assert_int_equal(world_heard(world, "a", "cancel TROUPE_OK"), 1);
    assert_int_equal(world_heard(world, "a", "cancel TROUPE_EALREADY"), 1);
    assert_int_equal(world_heard(world, "a", "TROUPE_ECANCELED"), 1);
}

static troupe_status ask_and_cancel(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    ask(ctx, puppet, arg);
    return cancel(ctx, puppet, NULL);
}

WORLD_STORY_DRIVEN(the_request_of_a_cancelled_or_expired_ask_is_skipped)
{
    troupe_ref b = world_spawn(world, "b", be_answering, NULL);
    world_sync(world, b);
    struct request request = {b, ANSWER, 10};
    troupe_ref a = world_spawn(world, "a", ask_and_cancel, &request);
    world_await(world, "a", "TROUPE_ECANCELED");
    world_do(world, b, say_handled, NULL);
    world_expect(world, "b", "init 1; handled 0");
    world_sync(world, a);
    troupe_stats stats;
    troupe_system_stats(world->system, &stats);
    assert_true(stats.dropped >= 1);
}

static troupe_status ask_oneself(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)arg;
    struct request request = {troupe_self(ctx), ANSWER, 0};
    WORLD_CHECK(troupe_become(ctx, answer) == TROUPE_OK);
    return ask(ctx, puppet, &request);
}

WORLD_STORY(an_outcome_never_comes_from_within_the_ask)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    world_do(world, a, ask_oneself, NULL);
    world_await_all(world, "a", "init 1; asked; reply 10");
    world_spawn(world, "b", ask_oneself, NULL); // in init, too
    world_await_all(world, "b", "init 1; asked; reply 10");
}

static troupe_status ask_in_vain(troupe_ctx *ctx, struct puppet *puppet, void *dead)
{
    troupe_ref ref = *(troupe_ref *)dead;
    (void)puppet;
    WORLD_CHECK(troupe_ask(ctx, ref, 0, on_outcome, NULL, Number, .value = 8) == TROUPE_EDEAD);
    WORLD_CHECK(troupe_ask(ctx, ref, 0, NULL, NULL, Number, .value = 9) == TROUPE_EINVAL);
    puppet_say(ctx, "in vain");
    return TROUPE_OK;
}

WORLD_STORY(an_ask_of_nobody_is_an_error_and_has_no_outcome)
{
    troupe_ref b = world_spawn(world, "b", puppet_stop, NULL);
    world_join(world, b);
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    world_do(world, a, ask_in_vain, &b);
    world_sync(world, a);
    world_expect(world, "a", "init 1; in vain");
    world_expect(world, "dead", "Number 8 no target");
    assert_int_equal(troupe_ask(world->ctx, a, 0, on_outcome, NULL, Number), TROUPE_ENOTSUP);
}

// ---- Exactly once

static troupe_status answer_late(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)arg;
    (void)troupe_reply_to(ctx, puppet->token, Number, .value = 5);
    return TROUPE_OK;
}

// How often an ask of `who` has ended.
static unsigned ends(struct world *world, const char *who)
{
    static const char *const outcomes[] = {"reply 5",     "TROUPE_ETIMEDOUT", "TROUPE_ECANCELED",
                                           "down killed", "down shutdown",    "down normal"};
    unsigned count = 0;
    for (unsigned i = 0; i < sizeof outcomes / sizeof outcomes[0]; i++)
        count += world_heard(world, who, outcomes[i]);
    return count;
}

static bool has_ended(struct world *world, void *who)
{
    return ends(world, who) > 0;
}

// At the same moment the reply, the deadline, the cancel, and the kill or the stop.
WORLD_STORY(an_ask_ends_exactly_once)
{
    for (char i = '0'; i <= '9'; i++) {
        char name[] = {'a', i, 0};
        troupe_ref a = world_spawn(world, name, NULL, NULL);
        struct request request = {world_spawn(world, "b", be_answering, NULL), KEEP, 1};
        world_do(world, a, ask, &request);
        (void)troupe_after(world->ctx, 1, request.to, NULL, Do, .fn = answer_late);
        (void)troupe_after(world->ctx, 1, a, NULL, Do, .fn = cancel);
        if (i % 4 == 0)
            (void)troupe_kill(world->ctx, request.to);
        if (i % 4 == 1)
            (void)troupe_after(world->ctx, 1, request.to, NULL, Number, .value = STOP);
        world_until(world, has_ended, name);
        troupe_stop(world->ctx, request.to);
        world_join(world, request.to);
        troupe_drain(world->ctx, a);
        world_join(world, a);
        assert_int_equal(ends(world, name), 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_ask_ends_with_what_the_asked_actor_did),
        cmocka_unit_test(an_ask_ends_with_down_when_the_asked_actor_is_stopped_or_killed),
        cmocka_unit_test(an_ask_of_an_actor_that_fails_to_start_tells_so),
        cmocka_unit_test(an_ask_ends_at_its_deadline_and_not_before),
        cmocka_unit_test(each_of_many_asks_ends_at_its_own_deadline),
        cmocka_unit_test(an_ask_after_an_answered_one_has_its_whole_time),
        cmocka_unit_test(a_cancelled_ask_ends_at_once_and_cannot_be_cancelled_again),
        cmocka_unit_test(the_request_of_a_cancelled_or_expired_ask_is_skipped),
        cmocka_unit_test(an_outcome_never_comes_from_within_the_ask),
        cmocka_unit_test(an_ask_of_nobody_is_an_error_and_has_no_outcome),
        cmocka_unit_test(an_ask_ends_exactly_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
