// Timers that go off again and again.
#include "tests/support/world.h"

#include <string.h>

static troupe_status every_10(troupe_ctx *ctx, struct puppet *puppet, void *to)
{
    return troupe_every(ctx, 10, to ? *(troupe_ref *)to : troupe_self(ctx), &puppet->timer, Number,
                        .value = 1);
}

static troupe_status cancel(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)arg;
    puppet_say(ctx, "%s", troupe_status_name(troupe_timer_cancel(ctx, puppet->timer)));
    return TROUPE_OK;
}

WORLD_STORY_DRIVEN(ticks_come_once_in_a_period_the_first_after_one)
{
    troupe_ref a = world_spawn(world, "a", every_10, NULL);
    world_sync(world, a);
    uint64_t start = world->driver.sim->now;
    world_advance(world, 9);
    assert_int_equal(world_heard(world, "a", "1"), 0);
    for (unsigned i = 1; i <= 100; i++) {
        world_advance(world, 10 * i + 5 - (world->driver.sim->now - start) / 1000000);
        assert_int_equal(world_heard(world, "a", "1"), i);
    }
}

WORLD_STORY(ticks_go_on_until_they_are_cancelled)
{
    troupe_ref a = world_spawn(world, "a", every_10, NULL);
    world_await_times(world, 3, "a", "1");
    world_do(world, a, cancel, NULL);
    world_do(world, a, cancel, NULL);
    unsigned ticks = world_heard(world, "a", "1");
    if (world->driven)
        world_advance(world, 100);
    world_sync(world, a);
    assert_int_equal(world_heard(world, "a", "1"), ticks);
    assert_int_equal(world_heard(world, "a", "TROUPE_OK"), 1);
    assert_int_equal(world_heard(world, "a", "TROUPE_EALREADY"), 1);
}

WORLD_STORY(ticks_to_somebody_else_can_be_cancelled_at_any_time)
{
    troupe_ref b = world_spawn(world, "b", NULL, NULL);
    troupe_ref a = world_spawn(world, "a", every_10, &b);
    world_await_times(world, 2, "b", "1");
    world_do(world, a, cancel, NULL);
    world_sync(world, b); // one may have been on its way
    unsigned ticks = world_heard(world, "b", "1");
    if (world->driven)
        world_advance(world, 100);
    world_sync(world, b);
    assert_in_range(world_heard(world, "b", "1"), ticks, world->driven ? ticks : ticks + 1);
    world_expect(world, "a", "init 1; TROUPE_OK");
}

// ---- Ticks do not pile up

static troupe_status put_aside(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    struct puppet *puppet = state;
    const struct order *order = troupe_match(msg, Do);
    if (order)
        return order->fn(ctx, state, order->arg);
    if (troupe_match(msg, Sync)) {
        puppet_say(ctx, "%u waited", (unsigned)troupe_unstash(ctx));
        puppet->number = 1;
        return troupe_reply(ctx, Sync);
    }
    if (puppet->number == 0)
        return troupe_stash(ctx, msg);
    puppet_say(ctx, "tick");
    return TROUPE_OK;
}

static troupe_status be_busy(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    WORLD_CHECK(troupe_become(ctx, put_aside) == TROUPE_OK);
    return every_10(ctx, puppet, arg);
}

WORLD_STORY_DRIVEN(a_tick_that_waits_keeps_others_from_coming)
{
    troupe_ref a = world_spawn(world, "a", be_busy, NULL);
    world_advance(world, 1005);
    world_sync(world, a);
    world_settle(world);
    world_expect(world, "a", "init 1; 1 waited; tick");
    world_advance(world, 20);
    world_expect(world, "a", "init 1; 1 waited; tick; tick; tick");
}

WORLD_STORY_DRIVEN(a_tick_that_was_put_aside_can_be_cancelled_by_its_receiver)
{
    troupe_ref a = world_spawn(world, "a", be_busy, NULL);
    world_advance(world, 15);
    world_do(world, a, cancel, NULL);
    world_sync(world, a);
    world_advance(world, 100);
    world_expect(world, "a", "init 1; TROUPE_OK; 1 waited");
}

WORLD_STORY_DRIVEN(periods_that_have_passed_unseen_are_left_out)
{
    troupe_ref a = world_spawn(world, "a", every_10, NULL);
    world_sync(world, a);
    uint64_t start = world->driver.sim->now;
    world->driver.sim->now = start + UINT64_C(1005000000); // as when a program is halted
    world_settle(world);
    world_expect(world, "a", "init 1; 1");
    world_advance(world, 10); // on the beat again
    world_expect(world, "a", "init 1; 1; 1");
}

// ---- What is refused

WORLD_STORY(a_period_below_a_millisecond_is_refused)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    troupe_timer timer;
    assert_int_equal(troupe_every(world->ctx, 0, a, &timer, Number), TROUPE_EINVAL);
    assert_string_equal(troupe_error_text(world->ctx),
                        "troupe_every: the period is 0 ms; it must be at least 1 ms");
    assert_int_equal(troupe_every(world->ctx, -5, a, &timer, Number), TROUPE_EINVAL);
    assert_non_null(strstr(troupe_error_text(world->ctx), "is -5 ms"));
    assert_int_equal(troupe_timer_body(world->ctx, 0, 999999, a, &timer, TROUPE_TYPE(Sync), ""),
                     TROUPE_EINVAL);
    assert_non_null(strstr(troupe_error_text(world->ctx), "999999"));
    assert_int_equal(
        troupe_timer_body(world->ctx, 3600000000000, 1000000, a, &timer, TROUPE_TYPE(Sync), ""),
        TROUPE_OK);
    world_sync(world, a);
}

WORLD_STORY_DRIVEN(a_period_is_evaluated_once)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    int ms = 9;
    assert_int_equal(troupe_every(world->ctx, ++ms, a, NULL, Number, .value = 1), TROUPE_OK);
    world_advance(world, 105);
    assert_int_equal(ms, 10);
    assert_int_equal(world_heard(world, "a", "1"), 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ticks_come_once_in_a_period_the_first_after_one),
        cmocka_unit_test(ticks_go_on_until_they_are_cancelled),
        cmocka_unit_test(ticks_to_somebody_else_can_be_cancelled_at_any_time),
        cmocka_unit_test(a_tick_that_waits_keeps_others_from_coming),
        cmocka_unit_test(a_tick_that_was_put_aside_can_be_cancelled_by_its_receiver),
        cmocka_unit_test(periods_that_have_passed_unseen_are_left_out),
        cmocka_unit_test(a_period_below_a_millisecond_is_refused),
        cmocka_unit_test(a_period_is_evaluated_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
