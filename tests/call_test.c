// Calls from threads of the program's own: asks that wait.
#include "actors/target.h"
#include "all_kinds_proto3.pb-c.h"
#include "tests/support/world.h"

#include <string.h>

TROUPE_PROTO(Kinds3__Point, kinds3__point);

enum { ANSWER, SAY_NOTHING, DO_NOT_KNOW, STOP, FAIL, FAIL_SILENTLY, KEEP };

static troupe_status answer(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    struct puppet *puppet = state;
    const struct number *number = troupe_match(msg, Number);
    if (number == NULL)
        return troupe_reply(ctx, Sync);
    switch (number->value) {
    case ANSWER:
        return troupe_reply(ctx, Number, .value = 10);
    case DO_NOT_KNOW:
        return TROUPE_UNHANDLED;
    case STOP:
        return TROUPE_STOP;
    case FAIL:
        return troupe_fail(ctx, TROUPE_EUSER, "no disk");
    case FAIL_SILENTLY:
        return (troupe_status)(TROUPE_EUSER + 13);
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

WORLD_STORY(a_call_returns_what_the_ask_ends_with)
{
    static const struct {
        int64_t value;
        troupe_status status;
        const char *text;
    } cases[] = {{SAY_NOTHING, TROUPE_ENOREPLY, "no answer"},
                 {DO_NOT_KNOW, TROUPE_ENOREPLY, "no answer"},
                 {STOP, TROUPE_EDOWN, "normal"},
                 {FAIL, TROUPE_EDOWN, "failed (TROUPE_EUSER): no disk"},
                 {FAIL_SILENTLY, TROUPE_EDOWN, "failed (TROUPE_EUSER+13)"},
                 {KEEP, TROUPE_ETIMEDOUT, "has not answered Number in 1 ms"}};

    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        troupe_ref a = world_spawn(world, "a", be_answering, NULL);
        troupe_msg *reply = (troupe_msg *)&a; // to be overwritten
        assert_int_equal(troupe_call(world->ctx, a, cases[i].value == KEEP ? 1 : TROUPE_NO_LIMIT,
                                     &reply, Number, .value = cases[i].value),
                         cases[i].status);
        assert_null(reply);
        assert_non_null(strstr(troupe_error_text(world->ctx), cases[i].text));
    }
}

WORLD_STORY(the_reply_to_a_call_is_the_caller_s_own)
{
    troupe_ref a = world_spawn(world, "a", be_answering, NULL);
    troupe_ref b = world_spawn(world, "b", NULL, NULL);
    troupe_msg *reply;
    assert_int_equal(troupe_call(world->ctx, a, 0, &reply, Number, .value = ANSWER), TROUPE_OK);
    const struct number *number = troupe_match(reply, Number);
    assert_true(number && number->value == 10);
    assert_non_null(troupe_msg_alloc(world->ctx, reply, 1000));
    assert_int_equal(troupe_move(world->ctx, b, reply), TROUPE_OK);
    world_await_all(world, "b", "init 1; 10");
    assert_int_equal(troupe_call(world->ctx, a, 0, &reply, Number, .value = ANSWER), TROUPE_OK);
    troupe_msg_free(world->ctx, reply);
    assert_int_equal(troupe_call(world->ctx, a, 0, NULL, Number, .value = ANSWER), TROUPE_OK);
}

WORLD_STORY(a_call_of_nobody_returns_at_once)
{
    const troupe_ref nobody = {0, 0, 0};
    troupe_msg *reply;
    assert_int_equal(troupe_call(world->ctx, nobody, 0, &reply, Number, .value = 1), TROUPE_EDEAD);
    assert_null(reply);
    world_expect(world, "dead", "Number 1 no target");
}

static troupe_status call_inside(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    struct world *world = arg;
    troupe_ref self = troupe_self(ctx);
    (void)puppet;
    WORLD_CHECK(troupe_call(ctx, self, 0, NULL, Sync) == TROUPE_ENOTSUP);
    WORLD_CHECK(strstr(troupe_error_text(ctx), "troupe_call") != NULL);
    WORLD_CHECK(troupe_call(world->ctx, self, 0, NULL, Sync) == TROUPE_ENOTSUP);
    WORLD_CHECK(troupe_join(world->ctx, self, 0, NULL) == TROUPE_ENOTSUP);
    WORLD_CHECK(troupe_system_wait(world->system, 0) == TROUPE_ENOTSUP);
    WORLD_CHECK(troupe_spawn_wait(world->ctx, &puppet_behavior, NULL, NULL, NULL, NULL) ==
                TROUPE_ENOTSUP);
    puppet_say(ctx, "refused");
    return TROUPE_OK;
}

WORLD_STORY(a_handler_cannot_wait_by_whatever_ctx)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    world_do(world, a, call_inside, world);
    world_expect(world, "a", "init 1; refused");
}

static troupe_status outcome_is_no_number(troupe_ctx *ctx, void *state, void *user,
                                          const troupe_outcome *outcome)
{
    (void)state;
    (void)user;
    (void)outcome;
    puppet_say(ctx, "outcome");
    return TROUPE_OK;
}

static troupe_status use_outside(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    struct world *world = arg;
    troupe_token token = {{0, 0}};
    troupe_ask_id id = {{0, 0}};
    (void)puppet;
    WORLD_CHECK(troupe_reply(world->ctx, Sync) == TROUPE_ENOTSUP);
    WORLD_CHECK(troupe_reply_to(world->ctx, token, Sync) != TROUPE_OK);
    WORLD_CHECK(troupe_token_take(world->ctx, &token) == TROUPE_ENOTSUP);
    WORLD_CHECK(!troupe_is_ask(world->ctx));
    WORLD_CHECK(troupe_ask(world->ctx, troupe_self(ctx), 0, outcome_is_no_number, NULL, Sync) ==
                TROUPE_ENOTSUP);
    WORLD_CHECK(troupe_ask_cancel(world->ctx, id) != TROUPE_OK);
    WORLD_CHECK(troupe_stash(world->ctx, NULL) == TROUPE_EINVAL);
    WORLD_CHECK(troupe_unstash(world->ctx) == 0);
    WORLD_CHECK(troupe_monitor(world->ctx, troupe_self(ctx), TROUPE_ON_STOP, NULL) ==
                TROUPE_ENOTSUP);
    puppet_say(ctx, "refused");
    return TROUPE_OK;
}

WORLD_STORY(what_needs_a_handler_is_refused_outside)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    world_do(world, a, use_outside, world);
    world_expect(world, "a", "init 1; refused");
}

// ---- Other systems

static troupe_status send_away(void *user, troupe_ctx *ctx, troupe_ref to,
                               struct trp_envelope *envelope)
{
    (void)user;
    (void)ctx;
    (void)to;
    (void)envelope;
    world_check_failed(__FILE__, __LINE__, "what needs an answer or a moment was just sent");
}

WORLD_STORY_DRIVEN(a_route_is_not_taken_by_what_it_cannot_carry)
{
    static const struct trp_route route = {.send = send_away};
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    troupe_ref abroad = {.system = a.system + 1, .slot = a.slot, .generation = a.generation};
    trp_route_set(world->system, &route);
    assert_int_equal(troupe_call(world->ctx, abroad, 0, NULL, Kinds3__Point), TROUPE_ENOTSUP);
    assert_int_equal(troupe_after(world->ctx, 10, abroad, NULL, Kinds3__Point), TROUPE_ENOTSUP);
    assert_non_null(strstr(troupe_error_text(world->ctx), "another system"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_returns_what_the_ask_ends_with),
        cmocka_unit_test(the_reply_to_a_call_is_the_caller_s_own),
        cmocka_unit_test(a_call_of_nobody_returns_at_once),
        cmocka_unit_test(a_handler_cannot_wait_by_whatever_ctx),
        cmocka_unit_test(what_needs_a_handler_is_refused_outside),
        cmocka_unit_test(a_route_is_not_taken_by_what_it_cannot_carry),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
