// What is easily forgotten behind asks and timers whose time comes: an ask that is made while
// others of the same limit end, and a periodic timer whose target has ended.
#include "tests/support/world.h"

struct plan {
    troupe_ref to;
    bool again; // the first outcome makes another ask
};

static troupe_status be_silent(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    troupe_token token;
    if (troupe_match(msg, Number))
        return troupe_token_take(ctx, &token); // kept for ever
    return TROUPE_UNHANDLED;
}

static const troupe_behavior silent = {.name = "silent", .receive = be_silent};

static troupe_status on_outcome(troupe_ctx *ctx, void *state, void *user,
                                const troupe_outcome *outcome)
{
    (void)state;
    struct plan *plan = user;
    puppet_say(ctx, "%s", troupe_status_name(outcome->status));
    if (!plan->again)
        return TROUPE_OK;
    plan->again = false;
    return troupe_ask(ctx, plan->to, 100, on_outcome, plan, Number);
}

static troupe_status ask_thrice(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    struct plan *plan = arg;
    (void)puppet;
    for (int i = 0; i < 3; i++)
        WORLD_CHECK(troupe_ask(ctx, plan->to, 100, on_outcome, plan, Number) == TROUPE_OK);
    return TROUPE_OK;
}

WORLD_STORY_DRIVEN(an_ask_made_while_others_end_has_its_limit_too)
{
    struct plan plan = {.again = true};
    assert_int_equal(troupe_spawn(world->ctx, &silent, NULL, &plan.to), TROUPE_OK);
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    world_do(world, a, ask_thrice, &plan);
    world_advance(world, 150);
    assert_int_equal(world_heard(world, "a", "TROUPE_ETIMEDOUT"), 3);
    world_advance(world, 100);
    assert_int_equal(world_heard(world, "a", "TROUPE_ETIMEDOUT"), 4);
}

static troupe_status tick_to(troupe_ctx *ctx, struct puppet *puppet, void *ref)
{
    return troupe_every(ctx, 10, *(troupe_ref *)ref, &puppet->timer, Number, .value = 1);
}

WORLD_STORY_DRIVEN(a_periodic_timer_ends_with_its_target)
{
    troupe_ref b = world_spawn(world, "b", NULL, NULL);
    troupe_ref a = world_spawn(world, "a", tick_to, &b);
    world_sync(world, a);
    world_advance(world, 55);
    assert_int_equal(world_heard(world, "b", "1"), 5);
    troupe_stop(world->ctx, b);
    world_join(world, b);
    world_advance(world, 1000);
    // The last one tells that there is nobody any more.
    assert_int_equal(world_heard(world, "dead", "Number 1 no target"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_ask_made_while_others_end_has_its_limit_too),
        cmocka_unit_test(a_periodic_timer_ends_with_its_target),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
