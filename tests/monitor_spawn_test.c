// Monitors that are set by the spawn of whom they watch: they miss nothing.
#include "tests/support/tree.h" // broken

#define ALL_EVENTS (TROUPE_ON_STOP | TROUPE_ON_RESTART | TROUPE_ON_START)

static troupe_status spawn_watched(troupe_ctx *ctx, struct puppet *puppet, void *text)
{
    troupe_spawn_opts opts = {
        .name = "child", .monitor = ALL_EVENTS, .monitor_ref = &puppet->monitor};
    return troupe_spawn_with(ctx, &puppet_behavior, &opts, &puppet->other, Do,
                             .fn = text ? puppet_fail : NULL, .arg = text);
}

static troupe_status stop_other(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)arg;
    return troupe_stop(ctx, puppet->other);
}

WORLD_STORY(a_monitor_of_the_spawn_misses_nothing)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    world_do(world, a, spawn_watched, NULL);
    world_await(world, "a", "down start 1");
    world_do(world, a, stop_other, NULL);
    world_await_all(world, "a", "init 1; down start 1; down stop 1 shutdown");
}

WORLD_STORY(a_monitor_of_the_spawn_tells_of_a_start_that_fails)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    world_do(world, a, spawn_watched, broken);
    world_await_all(world, "a", "init 1; down stop 1 start failed: broken");
}

static troupe_status demonitor(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)arg;
    puppet_say(ctx, "%s", troupe_status_name(troupe_demonitor(ctx, puppet->monitor)));
    return TROUPE_OK;
}

WORLD_STORY(a_monitor_of_the_spawn_can_be_ended)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    world_do(world, a, spawn_watched, NULL);
    world_await(world, "a", "down start 1");
    world_do(world, a, demonitor, NULL);
    world_do(world, a, stop_other, NULL);
    world_await(world, "child", "stop shutdown");
    world_sync(world, a);
    world_expect(world, "a", "init 1; down start 1; TROUPE_OK");
}

static troupe_status quit(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)ctx, (void)state, (void)msg;
    return TROUPE_STOP;
}

static troupe_status spawn_bare(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    static const troupe_behavior bare = {.name = "bare", .receive = quit};
    (void)arg;
    WORLD_CHECK(troupe_spawn(ctx, &bare, &(troupe_spawn_opts){.monitor = ALL_EVENTS},
                             &puppet->other) == TROUPE_OK);
    return troupe_send(ctx, puppet->other, Sync);
}

WORLD_STORY(it_tells_of_the_start_also_without_init)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    world_do(world, a, spawn_bare, NULL);
    world_await_all(world, "a", "init 1; down start 1; down stop 1 normal");
}

static troupe_status spawn_wrongly(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)arg;
    const troupe_spawn_opts opts = {.monitor = 8};
    puppet_say(ctx, "%s",
               troupe_status_name(troupe_spawn(ctx, &puppet_behavior, &opts, &puppet->other)));
    puppet_say(ctx, "%s", troupe_error_text(ctx));
    return TROUPE_OK;
}

WORLD_STORY(its_events_are_checked)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    world_do(world, a, spawn_wrongly, NULL);
    world_expect(world, "a",
                 "init 1; TROUPE_EINVAL; troupe_spawn: monitor: events is 0x8; give one or more of "
                 "TROUPE_ON_STOP, TROUPE_ON_RESTART, TROUPE_ON_START");
}

static troupe_status spawn_with_half_a_monitor(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)arg;
    const troupe_spawn_opts opts = {.monitor_ref = &puppet->monitor};
    puppet_say(ctx, "%s",
               troupe_status_name(troupe_spawn(ctx, &puppet_behavior, &opts, &puppet->other)));
    puppet_say(ctx, "%s", troupe_error_text(ctx));
    return TROUPE_OK;
}

WORLD_STORY(a_monitor_ref_without_a_monitor_is_refused)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    world_do(world, a, spawn_with_half_a_monitor, NULL);
    world_expect(world, "a",
                 "init 1; TROUPE_EINVAL; troupe_spawn: puppet: monitor_ref without monitor");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_monitor_of_the_spawn_misses_nothing),
        cmocka_unit_test(a_monitor_of_the_spawn_tells_of_a_start_that_fails),
        cmocka_unit_test(a_monitor_of_the_spawn_can_be_ended),
        cmocka_unit_test(it_tells_of_the_start_also_without_init),
        cmocka_unit_test(its_events_are_checked),
        cmocka_unit_test(a_monitor_ref_without_a_monitor_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
