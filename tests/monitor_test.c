// Monitors: what each event tells, how often, in which order; and troupe_join.
#include "tests/support/world.h"

#include <stdio.h>
#include <string.h>

static char broken[] = "broken";

#define ALL_EVENTS (TROUPE_ON_STOP | TROUPE_ON_RESTART | TROUPE_ON_START)

static troupe_status fail_init(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    return puppet_fail(ctx, puppet, arg ? arg : broken);
}

// ---- Events

WORLD_STORY(a_monitor_tells_of_a_start_that_has_happened_already)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    world_sync(world, a);
    world_watch(world, "witness", a, ALL_EVENTS);
    world_await(world, "witness", "down start 1");
    troupe_stop(world->ctx, a);
    world_await_all(world, "witness", "down start 1; down stop 1 shutdown");
}

static troupe_status spawn_and_watch(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    puppet->other = puppet_spawn(ctx, "child", arg ? fail_init : NULL, arg);
    return troupe_monitor(ctx, puppet->other, ALL_EVENTS, &puppet->monitor);
}

WORLD_STORY(a_monitor_tells_of_a_start_to_come_once)
{
    troupe_ref a = world_spawn(world, "a", spawn_and_watch, NULL);
    world_await(world, "a", "down start 1");
    world_sync(world, a);
    world_expect(world, "a", "init 1; down start 1");
}

// Driven, because on threads the start may have failed before it is watched.
WORLD_STORY_DRIVEN(a_failed_start_is_a_stop_and_no_start)
{
    troupe_ref a = world_spawn(world, "a", spawn_and_watch, broken);
    world_await(world, "a", "down stop 1 start failed: broken");
    world_sync(world, a);
    world_expect(world, "a", "init 1; down stop 1 start failed: broken");
}

WORLD_STORY(each_event_that_was_asked_for_is_told_and_no_other)
{
    troupe_ref a = world_supervise(world, "a", NULL);
    world_watch(world, "starts", a, TROUPE_ON_START);
    world_watch(world, "restarts", a, TROUPE_ON_RESTART);
    world_watch(world, "stops", a, TROUPE_ON_STOP);
    world_await(world, "starts", "down start 1");
    world_do(world, a, puppet_fail, broken);
    world_await(world, "starts", "down start 2");
    world_await(world, "restarts", "down restart 1 failed: broken");
    world_stop(world);
    world_expect(world, "starts", "down start 1; down start 2");
    world_expect(world, "restarts", "down restart 1 failed: broken");
}

WORLD_STORY(the_reason_has_kind_and_text)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    world_watch(world, "witness", a, TROUPE_ON_STOP);
    world_do(world, a, puppet_fail, broken);
    world_await_all(world, "witness", "down stop 1 failed: broken");
}

WORLD_STORY(a_restart_and_the_start_that_follows_are_both_told)
{
    troupe_ref a = world_supervise(world, "a", NULL);
    world_watch(world, "witness", a, ALL_EVENTS);
    world_await(world, "witness", "down start 1");
    world_do(world, a, puppet_fail, broken);
    world_await_all(world, "witness", "down start 1; down restart 1 failed: broken; down start 2");
}

// ---- Exactly once, also for the dead and unknown

WORLD_STORY(a_ref_that_names_nobody_is_noactor)
{
    troupe_ref none = {0, 0, 0}, unknown = {1, 2, 3}, a = world_spawn(world, "a", NULL, NULL);
    troupe_ref never = {a.system, 1u << 30, 7}, later = {a.system, a.slot, a.generation + 1};
    world_watch(world, "none", none, ALL_EVENTS);
    world_watch(world, "unknown", unknown, ALL_EVENTS);
    world_watch(world, "never", never, ALL_EVENTS);
    world_watch(world, "later", later, ALL_EVENTS);
    world_await_all(world, "none", "down stop 0 noactor");
    world_await_all(world, "unknown", "down stop 0 noactor");
    world_await_all(world, "never", "down stop 0 noactor");
    world_await_all(world, "later", "down stop 0 noactor");
}

WORLD_STORY(a_dead_actor_is_noactor)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    troupe_stop(world->ctx, a);
    world_join(world, a);
    world_watch(world, "witness", a, ALL_EVENTS);
    world_await_all(world, "witness", "down stop 0 noactor");
}

static bool has_told_twice(struct world *world, void *arg)
{
    (void)arg;
    return world_heard(world, "watcher", "down stop 1 normal") +
               world_heard(world, "watcher", "down stop 0 noactor") ==
           2;
}

WORLD_STORY(a_stop_that_races_with_the_monitor_is_told_once)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    troupe_ref watcher = world_spawn(world, "watcher", NULL, NULL);
    world_tell(world, watcher, puppet_watch, &a);
    world_tell(world, a, puppet_stop, NULL);
    world_do(world, watcher, puppet_watch, &a);
    world_until(world, has_told_twice, NULL); // once for each of the two monitors
    world_stop(world);
    assert_true(has_told_twice(world, NULL));
}

static troupe_status watch_twice(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    const troupe_ref *ref = arg;
    troupe_monitor_ref first;
    WORLD_CHECK(troupe_monitor(ctx, *ref, TROUPE_ON_STOP, &first) == TROUPE_OK);
    WORLD_CHECK(troupe_monitor(ctx, *ref, TROUPE_ON_STOP, &puppet->monitor) == TROUPE_OK);
    WORLD_CHECK(memcmp(&first, &puppet->monitor, sizeof first) != 0);
    return TROUPE_OK;
}

static troupe_status demonitor(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)arg;
    puppet_say(ctx, "%s", troupe_status_name(troupe_demonitor(ctx, puppet->monitor)));
    return TROUPE_OK;
}

WORLD_STORY(several_monitors_of_one_actor_are_independent)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    troupe_ref watcher = world_spawn(world, "watcher", NULL, NULL);
    world_do(world, watcher, watch_twice, &a);
    world_do(world, watcher, watch_twice, &a);
    world_do(world, watcher, demonitor, NULL);
    troupe_stop(world->ctx, a);
    world_await_times(world, 3, "watcher", "down stop 1 shutdown");
    world_join(world, a);
    world_sync(world, watcher);
    assert_int_equal(world_heard(world, "watcher", "down stop 1 shutdown"), 3);
}

// ---- Order

static troupe_status send_numbers_and_stop(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet;
    const troupe_ref *to = arg;
    for (int i = 1; i <= 5; i++)
        WORLD_CHECK(troupe_send(ctx, *to, Number, .value = i) == TROUPE_OK);
    return TROUPE_STOP;
}

WORLD_STORY(the_news_of_the_end_comes_after_all_that_the_actor_has_sent)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    troupe_ref watcher = world_spawn(world, "watcher", NULL, NULL);
    world_do(world, watcher, watch_twice, &a);
    world_tell(world, a, send_numbers_and_stop, &watcher);
    world_await_all(world, "watcher",
                    "init 1; 1; 2; 3; 4; 5; down stop 1 normal; down stop 1 normal");
}

// ---- Demonitor

static troupe_status watch_dead_and_demonitor(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)arg;
    troupe_ref none = {0, 0, 0};
    WORLD_CHECK(troupe_monitor(ctx, none, TROUPE_ON_STOP, &puppet->monitor) == TROUPE_OK);
    WORLD_CHECK(troupe_demonitor(ctx, puppet->monitor) == TROUPE_OK); // its message waits
    WORLD_CHECK(troupe_demonitor(ctx, puppet->monitor) == TROUPE_EALREADY);
    return TROUPE_OK;
}

WORLD_STORY(no_message_of_an_ended_monitor_is_handled_even_if_it_waits)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    world_do(world, a, watch_dead_and_demonitor, NULL);
    world_sync(world, a);
    world_expect(world, "a", "init 1");
}

WORLD_STORY(demonitor_after_the_last_message_is_ealready)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    troupe_ref watcher = world_spawn(world, "watcher", NULL, NULL);
    world_do(world, watcher, puppet_watch, &a);
    troupe_stop(world->ctx, a);
    world_await(world, "watcher", "down stop 1 shutdown");
    world_do(world, watcher, demonitor, NULL);
    assert_int_equal(world_heard(world, "watcher", "TROUPE_EALREADY"), 1);
}

// ---- Put aside

static troupe_status put_aside(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    if (troupe_match(msg, troupe_down))
        return troupe_stash(ctx, msg);
    const struct number *number = troupe_match(msg, Number);
    if (number && number->value)
        return troupe_fail(ctx, TROUPE_EUSER, "broken");
    if (number)
        puppet_say(ctx, "%zu put aside", troupe_unstash(ctx));
    return number ? troupe_unbecome(ctx) : TROUPE_UNHANDLED;
}

static troupe_status watch_dead_and_wait(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)arg;
    troupe_ref none = {0, 0, 0}, self = troupe_self(ctx);
    WORLD_CHECK(troupe_monitor(ctx, none, TROUPE_ON_STOP, &puppet->monitor) == TROUPE_OK);
    WORLD_CHECK(troupe_monitor(ctx, self, TROUPE_ON_START, &puppet->monitor) == TROUPE_OK);
    return troupe_become(ctx, put_aside);
}

WORLD_STORY(news_can_be_put_aside_and_handled_later)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    world_do(world, a, watch_dead_and_wait, NULL);
    troupe_send(world->ctx, a, Number, .value = 0);
    world_await_all(world, "a", "init 1; 2 put aside; down stop 0 noactor; down start 1");
}

WORLD_STORY(news_that_was_put_aside_is_not_for_the_next_incarnation)
{
    troupe_ref a = world_supervise(world, "a", NULL);
    world_do(world, a, watch_dead_and_wait, NULL);
    troupe_send(world->ctx, a, Number, .value = 1);
    world_sync(world, a);
    world_expect(world, "a", "init 1; stop failed: broken; init 2");
}

// ---- Wrong and odd uses

static troupe_status watch_nothing(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet;
    (void)arg;
    troupe_ref self = troupe_self(ctx);
    WORLD_CHECK(troupe_monitor(ctx, self, 0, NULL) == TROUPE_EINVAL);
    puppet_say(ctx, "%s", troupe_error_text(ctx));
    WORLD_CHECK(troupe_monitor(ctx, self, 8, NULL) == TROUPE_EINVAL);
    return TROUPE_OK;
}

WORLD_STORY(a_monitor_of_no_events_is_einval)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    world_do(world, a, watch_nothing, NULL);
    world_expect(world, "a",
                 "init 1; troupe_monitor: events is 0x0; give one or more of TROUPE_ON_STOP, "
                 "TROUPE_ON_RESTART, TROUPE_ON_START");
}

WORLD_STORY(outside_there_are_no_monitors)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    troupe_monitor_ref monitor = {{0, 0}};
    assert_int_equal(troupe_monitor(world->ctx, a, TROUPE_ON_STOP, &monitor), TROUPE_ENOTSUP);
    assert_int_equal(troupe_demonitor(world->ctx, monitor), TROUPE_ENOTSUP);
}

WORLD_STORY(an_actor_may_watch_itself_though_it_never_hears_of_its_end)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    world_do(world, a, puppet_watch, &a);
    world_await(world, "a", "down start 1");
    troupe_stop(world->ctx, a);
    world_join(world, a);
    world_expect(world, "a", "init 1; down start 1; stop shutdown");
}

WORLD_STORY(a_watcher_that_ends_first_leaves_nothing_behind)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    troupe_ref watcher = world_spawn(world, "watcher", NULL, NULL);
    world_do(world, watcher, puppet_watch, &a);
    troupe_kill(world->ctx, watcher);
    troupe_stop(world->ctx, a);
    world_join(world, a);
}

// ---- Join

// Driven, because on threads it may have ended before we wait.
WORLD_STORY_DRIVEN(join_waits_for_the_end_and_tells_why)
{
    troupe_reason_kind kind = TROUPE_NOACTOR;
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    world_tell(world, a, puppet_fail, broken);
    assert_int_equal(troupe_join(world->ctx, a, TROUPE_NO_LIMIT, &kind), TROUPE_OK);
    assert_int_equal(kind, TROUPE_FAILED);
    assert_string_equal(troupe_error_text(world->ctx), "failed (TROUPE_EUSER): broken");
}

WORLD_STORY(join_of_a_dead_actor_is_ok_at_once)
{
    troupe_reason_kind kind = TROUPE_NORMAL;
    troupe_ref none = {0, 0, 0};
    assert_int_equal(troupe_join(world->ctx, none, TROUPE_NO_LIMIT, &kind), TROUPE_OK);
    assert_int_equal(kind, TROUPE_NOACTOR);
}

WORLD_STORY(join_of_an_actor_that_goes_on_times_out)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    assert_int_equal(troupe_join(world->ctx, a, 1, NULL), TROUPE_ETIMEDOUT);
    char ref[TROUPE_REF_TEXT], text[TROUPE_REF_TEXT + 64];
    snprintf(text, sizeof text, "troupe_join: %s has not ended after 1 ms",
             troupe_ref_print(a, ref));
    assert_string_equal(troupe_error_text(world->ctx), text);
}

static troupe_status join_inside(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet;
    (void)arg;
    puppet_say(ctx, "%s", troupe_status_name(troupe_join(ctx, troupe_self(ctx), 1, NULL)));
    return TROUPE_OK;
}

WORLD_STORY(join_is_refused_in_a_handler)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    world_do(world, a, join_inside, NULL);
    world_expect(world, "a", "init 1; TROUPE_ENOTSUP");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_monitor_tells_of_a_start_that_has_happened_already),
        cmocka_unit_test(a_monitor_tells_of_a_start_to_come_once),
        cmocka_unit_test(a_failed_start_is_a_stop_and_no_start),
        cmocka_unit_test(each_event_that_was_asked_for_is_told_and_no_other),
        cmocka_unit_test(the_reason_has_kind_and_text),
        cmocka_unit_test(a_restart_and_the_start_that_follows_are_both_told),
        cmocka_unit_test(a_ref_that_names_nobody_is_noactor),
        cmocka_unit_test(a_dead_actor_is_noactor),
        cmocka_unit_test(a_stop_that_races_with_the_monitor_is_told_once),
        cmocka_unit_test(several_monitors_of_one_actor_are_independent),
        cmocka_unit_test(the_news_of_the_end_comes_after_all_that_the_actor_has_sent),
        cmocka_unit_test(no_message_of_an_ended_monitor_is_handled_even_if_it_waits),
        cmocka_unit_test(demonitor_after_the_last_message_is_ealready),
        cmocka_unit_test(news_can_be_put_aside_and_handled_later),
        cmocka_unit_test(news_that_was_put_aside_is_not_for_the_next_incarnation),
        cmocka_unit_test(a_monitor_of_no_events_is_einval),
        cmocka_unit_test(outside_there_are_no_monitors),
        cmocka_unit_test(an_actor_may_watch_itself_though_it_never_hears_of_its_end),
        cmocka_unit_test(a_watcher_that_ends_first_leaves_nothing_behind),
        cmocka_unit_test(join_waits_for_the_end_and_tells_why),
        cmocka_unit_test(join_of_a_dead_actor_is_ok_at_once),
        cmocka_unit_test(join_of_an_actor_that_goes_on_times_out),
        cmocka_unit_test(join_is_refused_in_a_handler),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
