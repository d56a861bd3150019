// Timers: never early, cancelled exactly, gone with their owner.
#include "base/slab.h"
#include "tests/support/world.h"

// A puppet's timers; each is named by the Number that it sends.
static troupe_status after_1(troupe_ctx *ctx, struct puppet *puppet, void *to)
{
    return troupe_after(ctx, 1, *(troupe_ref *)to, &puppet->timer, Number, .value = 1);
}

static troupe_status after_1_to_self(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)arg;
    return troupe_after(ctx, 1, troupe_self(ctx), &puppet->timer, Number, .value = 1);
}

static troupe_status cancel(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)arg;
    puppet_say(ctx, "%s", troupe_status_name(troupe_timer_cancel(ctx, puppet->timer)));
    return TROUPE_OK;
}

static uint64_t sent(struct world *world)
{
    troupe_stats stats;
    troupe_system_stats(world->system, &stats);
    return stats.sent;
}

// ---- When

static troupe_status look_at_clock(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    const struct number *due = troupe_match(msg, Number);
    if (due) {
        uint64_t now = troupe_now_ns(ctx);
        WORLD_CHECK(now >= (uint64_t)due->value);
        puppet_say(ctx, "in time");
    }
    return TROUPE_OK;
}

static troupe_status arm_many(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    static const uint64_t delays_us[] = {0, 1, 299, 300, 1000, 1001, 1999, 7000, 16384, 50000};
    (void)puppet;
    (void)arg;
    for (unsigned i = 0; i < sizeof delays_us / sizeof delays_us[0]; i++) {
        uint64_t delay = delays_us[i] * 1000;
        struct number due = {(int64_t)(troupe_now_ns(ctx) + delay)};
        WORLD_CHECK(troupe_timer_body(ctx, delay, 0, troupe_self(ctx), NULL, TROUPE_TYPE(Number),
                                      &due) == TROUPE_OK);
        WORLD_CHECK(troupe_at(ctx, (uint64_t)due.value, troupe_self(ctx), NULL, Number,
                              .value = due.value) == TROUPE_OK);
    }
    WORLD_CHECK(troupe_at(ctx, 0, troupe_self(ctx), NULL, Number, .value = 0) == TROUPE_OK);
    return troupe_become(ctx, look_at_clock);
}

WORLD_STORY(a_timer_never_goes_off_early)
{
    world_spawn(world, "a", arm_many, NULL);
    world_await_times(world, 21, "a", "in time");
}

static troupe_status arm_out_of_order(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet;
    (void)arg;
    static const int ms[] = {400, 30, 5000000, 5, 70000, 600};
    for (int i = 0; i < 6; i++)
        WORLD_CHECK(troupe_after(ctx, ms[i], troupe_self(ctx), NULL, Number, .value = ms[i]) ==
                    TROUPE_OK);
    return TROUPE_OK;
}

WORLD_STORY_DRIVEN(timers_go_off_in_the_order_of_their_moments)
{
    uint64_t start = world->driver.sim->now;
    world_spawn(world, "a", arm_out_of_order, NULL);
    world_await_all(world, "a", "init 1; 5; 30; 400; 600; 70000; 5000000");
    uint64_t passed = world->driver.sim->now - start;
    assert_true(passed >= UINT64_C(5000000000000) && passed < UINT64_C(5000002000000));
}

static troupe_status arm_for_ever(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)arg;
    troupe_ref self = troupe_self(ctx);
    WORLD_CHECK(troupe_after(ctx, INT64_MAX, self, NULL, Number, .value = 1) == TROUPE_OK);
    WORLD_CHECK(troupe_after(ctx, INT64_MAX / 1000, self, &puppet->timer, Number) == TROUPE_OK);
    WORLD_CHECK(troupe_every(ctx, INT64_MAX, self, NULL, Number, .value = 2) == TROUPE_OK);
    WORLD_CHECK(troupe_timer_cancel(ctx, puppet->timer) == TROUPE_OK);
    return troupe_after(ctx, 86400000, self, NULL, Number, .value = 3);
}

WORLD_STORY_DRIVEN(a_moment_further_than_the_clock_goes_never_comes)
{
    world_spawn(world, "a", arm_for_ever, NULL);
    world_await_all(world, "a", "init 1; 3");
    world_advance(world, 1000);
    world_expect(world, "a", "init 1; 3");
}

// ---- Cancel

WORLD_STORY(a_cancelled_timer_sends_nothing)
{
    troupe_ref b = world_spawn(world, "b", NULL, NULL);
    troupe_timer timer;
    uint64_t before = sent(world);
    assert_int_equal(troupe_after(world->ctx, 3600000, b, &timer, Number, .value = 1), TROUPE_OK);
    assert_int_equal(troupe_timer_cancel(world->ctx, timer), TROUPE_OK);
    assert_int_equal(troupe_timer_cancel(world->ctx, timer), TROUPE_EALREADY);
    if (world->driven)
        world_advance(world, 3600001);
    assert_int_equal(sent(world), before);
    world_sync(world, b);
    world_expect(world, "b", "init 1");
}

WORLD_STORY(a_handled_timer_cannot_be_cancelled)
{
    troupe_ref a = world_spawn(world, "a", after_1_to_self, NULL);
    world_await(world, "a", "1");
    world_do(world, a, cancel, NULL);
    world_expect(world, "a", "init 1; 1; TROUPE_EALREADY");
}

static troupe_status cancel_other(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    static _Thread_local troupe_timer timers[2];
    const struct number *number = troupe_match(msg, Number);
    if (number == NULL) {
        for (int i = 0; i < 2; i++)
            WORLD_CHECK(troupe_after(ctx, 1, troupe_self(ctx), &timers[i], Number, .value = i) ==
                        TROUPE_OK);
        return TROUPE_OK;
    }
    puppet_say(ctx, "%s", troupe_status_name(troupe_timer_cancel(ctx, timers[1 - number->value])));
    puppet_say(ctx, "%s", troupe_status_name(troupe_timer_cancel(ctx, timers[number->value])));
    return TROUPE_OK;
}

static troupe_status be_cancelling(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet;
    (void)arg;
    WORLD_CHECK(troupe_send(ctx, troupe_self(ctx), Sync) == TROUPE_OK);
    return troupe_become(ctx, cancel_other);
}

// Two timers are due at the same moment; the one that is handled first cancels the one that waits.
WORLD_STORY_DRIVEN(a_timer_whose_message_waits_can_still_be_cancelled_by_its_receiver)
{
    world_spawn(world, "a", be_cancelling, NULL);
    world_settle(world);
    world->driver.sim->now = trp_system_next_deadline(world->system);
    while (trp_driven_expire(world->system->scheduler)) // both, before anybody gets a turn
        continue;
    world_settle(world);
    world_expect(world, "a", "init 1; TROUPE_OK; TROUPE_EALREADY");
    troupe_stats stats;
    troupe_system_stats(world->system, &stats);
    assert_int_equal(stats.sent, 3);
    assert_int_equal(stats.handled, 2);
    assert_int_equal(stats.dropped, 1);
}

WORLD_STORY(a_timer_to_somebody_else_that_has_gone_off_cannot_be_cancelled)
{
    troupe_ref b = world_spawn(world, "b", NULL, NULL);
    troupe_ref a = world_spawn(world, "a", after_1, &b);
    world_await(world, "b", "1");
    world_do(world, a, cancel, NULL);
    world_expect(world, "a", "init 1; TROUPE_EALREADY");
}

static troupe_status cancel_given(troupe_ctx *ctx, struct puppet *puppet, void *timer)
{
    (void)puppet;
    puppet_say(ctx, "%s", troupe_status_name(troupe_timer_cancel(ctx, *(troupe_timer *)timer)));
    return TROUPE_OK;
}

static troupe_status arm_hour(troupe_ctx *ctx, struct puppet *puppet, void *timer)
{
    (void)puppet;
    return troupe_after(ctx, 3600000, troupe_self(ctx), timer, Number, .value = 1);
}

// All of these are the first timer of their owner: what differs is whose they are.
WORLD_STORY(only_its_owner_can_cancel_a_timer)
{
    troupe_timer timers[4] = {{{0, 0}}};
    troupe_ref a = world_spawn(world, "a", NULL, NULL), b = world_spawn(world, "b", NULL, NULL);
    world_do(world, a, arm_hour, &timers[1]);
    world_do(world, b, arm_hour, &timers[2]);
    assert_int_equal(troupe_after(world->ctx, 3600000, a, &timers[3], Number), TROUPE_OK);
    for (int i = 0; i < 3; i++)
        assert_int_equal(troupe_timer_cancel(world->ctx, timers[i]), TROUPE_EALREADY);
    world_do(world, a, cancel_given, &timers[0]);
    world_do(world, a, cancel_given, &timers[2]);
    world_do(world, a, cancel_given, &timers[3]);
    world_do(world, a, cancel_given, &timers[1]);
    world_expect(world, "a",
                 "init 1; TROUPE_EALREADY; TROUPE_EALREADY; TROUPE_EALREADY; TROUPE_OK");
    assert_int_equal(troupe_timer_cancel(world->ctx, timers[3]), TROUPE_OK);
}

// ---- Ends

WORLD_STORY(timers_end_with_the_incarnation_that_armed_them)
{
    troupe_ref b = world_spawn(world, "b", NULL, NULL);
    troupe_ref a = world_spawn(world, "a", after_1, &b);
    world_await(world, "b", "1");
    troupe_timer timer;
    world_do(world, a, arm_hour, &timer);
    uint64_t before = sent(world);
    troupe_stop(world->ctx, a);
    world_join(world, a);
    if (world->driven)
        world_advance(world, 3600001);
    assert_int_equal(sent(world), before);
    assert_int_equal(world_heard(world, "dead", "Number 1 no target"), 0);
}

static troupe_status arm_in_first(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    bool first = troupe_incarnation(ctx, troupe_self(ctx)) == 1;
    return first ? after_1_to_self(ctx, puppet, arg) : TROUPE_OK;
}

static char disk[] = "disk";

WORLD_STORY_DRIVEN(a_timer_of_an_earlier_incarnation_is_not_handled)
{
    struct order order = {arm_in_first, NULL};
    troupe_child child = {
        .id = "s", .behavior = &puppet_behavior, .args_type = TROUPE_TYPE(Do), .args = &order};
    troupe_supervisor spec = {.children = &child, .child_count = 1};
    troupe_ref supervisor, s;
    assert_int_equal(troupe_supervise(world->ctx, &spec, &supervisor), TROUPE_OK);
    world_settle(world);
    assert_int_equal(troupe_child_ref(world->ctx, supervisor, "s", &s), TROUPE_OK);
    world_tell(world, s, puppet_fail, disk);
    world_advance(world, 100);
    world_expect(world, "s", "init 1; stop failed: disk; init 2");
}

static troupe_status put_aside(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    const struct order *order = troupe_match(msg, Do);
    return order ? order->fn(ctx, state, order->arg) : troupe_stash(ctx, msg);
}

static troupe_status arm_and_put_aside(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    if (troupe_incarnation(ctx, troupe_self(ctx)) > 1)
        return TROUPE_OK;
    WORLD_CHECK(troupe_become(ctx, put_aside) == TROUPE_OK);
    WORLD_CHECK(troupe_every(ctx, 1, troupe_self(ctx), NULL, Number, .value = 2) == TROUPE_OK);
    return after_1_to_self(ctx, puppet, arg);
}

WORLD_STORY_DRIVEN(a_timer_message_put_aside_ends_with_its_incarnation)
{
    struct order order = {arm_and_put_aside, NULL};
    troupe_child child = {
        .id = "s", .behavior = &puppet_behavior, .args_type = TROUPE_TYPE(Do), .args = &order};
    troupe_supervisor spec = {.children = &child, .child_count = 1};
    troupe_ref supervisor, s;
    assert_int_equal(troupe_supervise_wait(world->ctx, &spec, &supervisor), TROUPE_OK);
    assert_int_equal(troupe_child_ref(world->ctx, supervisor, "s", &s), TROUPE_OK);
    world_advance(world, 10);
    assert_int_equal(troupe_send(world->ctx, s, Number, .value = 3), TROUPE_OK); // aside, too
    world_tell(world, s, puppet_fail, disk);
    world_advance(world, 10);
    world_expect(world, "s", "init 1; stop failed: disk; init 2; 3");
}

WORLD_STORY_DRIVEN(a_timer_to_nobody_is_an_error_and_one_to_whom_has_ended_a_dead_letter)
{
    troupe_ref b = world_spawn(world, "b", NULL, NULL);
    assert_int_equal(troupe_after(world->ctx, 5, b, NULL, Number, .value = 1), TROUPE_OK);
    troupe_stop(world->ctx, b);
    world_join(world, b);
    troupe_timer timer;
    assert_int_equal(troupe_after(world->ctx, 1, b, &timer, Number, .value = 2), TROUPE_EDEAD);
    assert_int_equal(troupe_every(world->ctx, 1, b, &timer, Number, .value = 3), TROUPE_EDEAD);
    world_await_all(world, "dead", "Number 2 no target; Number 3 no target; Number 1 no target");
}

// ---- Many

static troupe_status arm_and_cancel(troupe_ctx *ctx, struct puppet *puppet, void *to)
{
    troupe_ref ref = to ? *(troupe_ref *)to : troupe_self(ctx);
    for (int i = 0; i < 1000; i++) {
        WORLD_CHECK(troupe_after(ctx, 1 + i % 7, ref, &puppet->timer, Number) == TROUPE_OK);
        WORLD_CHECK(troupe_timer_cancel(ctx, puppet->timer) == TROUPE_OK);
    }
    return TROUPE_OK;
}

static troupe_status arm_and_forget(troupe_ctx *ctx, struct puppet *puppet, void *to)
{
    (void)puppet;
    for (int i = 0; i < 100; i++)
        WORLD_CHECK(troupe_after(ctx, 0, *(troupe_ref *)to, NULL, Sync) == TROUPE_OK);
    return TROUPE_OK;
}

static void timers_leave_nothing_behind(void **state)
{
    (void)state;
    struct trp_driver driver;
    assert_int_equal(trp_driver_start(&driver, 1, NULL), TROUPE_OK);
    troupe_ctx *ctx = troupe_outside(driver.system);
    static const troupe_behavior quiet = {.name = "quiet", .receive = look_at_clock};
    troupe_ref a, b;
    assert_int_equal(troupe_spawn(ctx, &quiet, NULL, &b), TROUPE_OK);
    assert_int_equal(troupe_spawn(ctx, &puppet_behavior, NULL, &a), TROUPE_OK);
    size_t held = 0;
    for (int round = 0; round < 100; round++) {
        troupe_send(ctx, a, Do, .fn = arm_and_cancel, .arg = round % 2 ? &b : NULL);
        troupe_send(ctx, a, Do, .fn = arm_and_forget, .arg = &b);
        trp_driver_run(&driver);
        for (int i = 0; i < 100; i++)
            assert_int_equal(troupe_after(ctx, 0, b, NULL, Sync), TROUPE_OK);
        trp_driver_run(&driver);
        if (round == 1)
            held = trp_slab_held(driver.system->slab);
    }
    assert_int_equal(trp_slab_held(driver.system->slab), held);
    assert_int_equal(trp_driver_stop(&driver, 0, NULL), TROUPE_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_timer_never_goes_off_early),
        cmocka_unit_test(timers_go_off_in_the_order_of_their_moments),
        cmocka_unit_test(a_moment_further_than_the_clock_goes_never_comes),
        cmocka_unit_test(a_cancelled_timer_sends_nothing),
        cmocka_unit_test(a_handled_timer_cannot_be_cancelled),
        cmocka_unit_test(a_timer_whose_message_waits_can_still_be_cancelled_by_its_receiver),
        cmocka_unit_test(a_timer_to_somebody_else_that_has_gone_off_cannot_be_cancelled),
        cmocka_unit_test(only_its_owner_can_cancel_a_timer),
        cmocka_unit_test(timers_end_with_the_incarnation_that_armed_them),
        cmocka_unit_test(a_timer_of_an_earlier_incarnation_is_not_handled),
        cmocka_unit_test(a_timer_message_put_aside_ends_with_its_incarnation),
        cmocka_unit_test(a_timer_to_nobody_is_an_error_and_one_to_whom_has_ended_a_dead_letter),
        cmocka_unit_test(timers_leave_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
