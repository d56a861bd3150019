// Watchers that are slower than what they watch: only the latest of several changes may be told,
// but what is told comes in the order in which it was, and the stop last.
#include "tests/support/gate.h"
#include "tests/support/world.h"

static char broken[] = "broken";

static struct gate gate; // held: the watcher's handler of a restart

static troupe_status say_slowly(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    const troupe_down *down = troupe_match(msg, troupe_down);
    if (down == NULL)
        return TROUPE_UNHANDLED;
    if (down->incarnation == 1)
        gate_pass(&gate);
    puppet_say(ctx, "%s %u", down->event == TROUPE_ON_STOP ? "stop" : "restart", down->incarnation);
    return TROUPE_OK;
}

static troupe_status watch_slowly(troupe_ctx *ctx, struct puppet *puppet, void *ref)
{
    WORLD_CHECK(troupe_become(ctx, say_slowly) == TROUPE_OK);
    return troupe_monitor(ctx, *(troupe_ref *)ref, TROUPE_ON_RESTART | TROUPE_ON_STOP,
                          &puppet->monitor);
}

static troupe_ref supervise_transient(struct world *world)
{
    static const troupe_child child = {
        .id = "a", .behavior = &puppet_behavior, .restart = TROUPE_TRANSIENT};
    const troupe_supervisor spec = {.max_restarts = 10, .children = &child, .child_count = 1};
    troupe_ref supervisor, a;
    assert_int_equal(troupe_supervise_wait(world->ctx, &spec, &supervisor), TROUPE_OK);
    assert_int_equal(troupe_child_ref(world->ctx, supervisor, "a", &a), TROUPE_OK);
    return a;
}

WORLD_STORY_ON_THREADS(the_stop_is_told_after_a_restart_that_has_not_been_told)
{
    troupe_ref a = supervise_transient(world), watcher;
    const troupe_spawn_opts opts = {.name = "watcher", .place = TROUPE_ON_THREAD};
    gate_init(&gate);
    assert_int_equal(troupe_spawn(world->ctx, &puppet_behavior, &opts, &watcher), TROUPE_OK);
    world_do(world, watcher, watch_slowly, &a);
    world_do(world, a, puppet_fail, broken);
    gate_await(&gate); // the first restart is being handled
    world_await(world, "a", "init 2");
    world_do(world, a, puppet_fail, broken);
    world_await(world, "a", "init 3");
    world_do(world, a, puppet_stop, NULL);
    world_join(world, a);
    gate_open(&gate);
    world_await_all(world, "watcher", "init 1; restart 1; restart 2; stop 3");
}

// Its first message, about a start that is over, waits behind the gate.
static troupe_status watch_and_wait(troupe_ctx *ctx, struct puppet *puppet, void *ref)
{
    WORLD_CHECK(troupe_monitor(ctx, *(troupe_ref *)ref, TROUPE_ON_START | TROUPE_ON_RESTART,
                               &puppet->monitor) == TROUPE_OK);
    gate_pass(&gate);
    return TROUPE_OK;
}

WORLD_STORY_ON_THREADS(the_start_that_follows_a_restart_is_told_after_it)
{
    troupe_ref a = world_supervise(world, "a", NULL), watcher;
    const troupe_spawn_opts opts = {.name = "watcher", .place = TROUPE_ON_THREAD};
    gate_init(&gate);
    assert_int_equal(troupe_spawn(world->ctx, &puppet_behavior, &opts, &watcher), TROUPE_OK);
    world_tell(world, watcher, watch_and_wait, &a);
    gate_await(&gate);
    world_do(world, a, puppet_fail, broken);
    world_sync(world, a);
    gate_open(&gate);
    world_await_all(world, "watcher", "init 1; down restart 1 failed: broken; down start 2");
}

static struct gate second; // held: the target's second init

static troupe_status fail_at_second(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet, (void)arg;
    if (troupe_incarnation(ctx, troupe_self(ctx)) != 2)
        return TROUPE_OK;
    gate_pass(&second);
    return TROUPE_EUSER;
}

static troupe_status say_all_slowly(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    const troupe_down *down = troupe_match(msg, troupe_down);
    if (down == NULL)
        return TROUPE_UNHANDLED;
    if (down->event == TROUPE_ON_RESTART && down->incarnation == 1)
        gate_pass(&gate);
    puppet_say(ctx, "%s %u", down->event == TROUPE_ON_START ? "start" : "restart",
               down->incarnation);
    return TROUPE_OK;
}

static troupe_status watch_all_slowly(troupe_ctx *ctx, struct puppet *puppet, void *ref)
{
    WORLD_CHECK(troupe_become(ctx, say_all_slowly) == TROUPE_OK);
    return troupe_monitor(ctx, *(troupe_ref *)ref, TROUPE_ON_START | TROUPE_ON_RESTART,
                          &puppet->monitor);
}

WORLD_STORY_ON_THREADS(so_is_one_that_comes_while_a_restart_is_handled)
{
    troupe_ref a = world_supervise(world, "a", fail_at_second), watcher;
    const troupe_spawn_opts opts = {.name = "watcher", .place = TROUPE_ON_THREAD};
    gate_init(&gate);
    gate_init(&second);
    assert_int_equal(troupe_spawn(world->ctx, &puppet_behavior, &opts, &watcher), TROUPE_OK);
    world_do(world, watcher, watch_all_slowly, &a);
    world_await(world, "watcher", "start 1");
    world_do(world, a, puppet_fail, broken);
    gate_await(&gate); // the first restart is being handled
    gate_open(&second);
    world_await(world, "a", "init 3");
    world_sync(world, a);
    gate_open(&gate);
    world_await_all(world, "watcher", "init 1; start 1; restart 1; restart 2; start 3");
}

static troupe_status put_restarts_aside(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    const troupe_down *down = troupe_match(msg, troupe_down);
    if (down == NULL)
        return TROUPE_UNHANDLED;
    if (down->event == TROUPE_ON_RESTART) {
        puppet_say(ctx, "aside %u", down->incarnation);
        return troupe_stash(ctx, msg);
    }
    puppet_say(ctx, "stop %u", down->incarnation);
    return TROUPE_OK;
}

static troupe_status watch_and_put_aside(troupe_ctx *ctx, struct puppet *puppet, void *ref)
{
    WORLD_CHECK(troupe_become(ctx, put_restarts_aside) == TROUPE_OK);
    return troupe_monitor(ctx, *(troupe_ref *)ref, TROUPE_ON_RESTART | TROUPE_ON_STOP,
                          &puppet->monitor);
}

WORLD_STORY(the_stop_does_not_wait_for_a_restart_that_was_put_aside)
{
    troupe_ref a = supervise_transient(world), watcher = world_spawn(world, "watcher", NULL, NULL);
    world_do(world, watcher, watch_and_put_aside, &a);
    world_do(world, a, puppet_fail, broken);
    world_await(world, "watcher", "aside 1");
    world_await(world, "a", "init 2");
    world_do(world, a, puppet_fail, broken);
    world_await(world, "a", "init 3");
    world_do(world, a, puppet_stop, NULL);
    world_await_all(world, "watcher", "init 1; aside 1; stop 3");
}

WORLD_STORY(changes_that_come_faster_than_they_are_handled_end_with_the_last)
{
    troupe_ref a = world_supervise(world, "a", NULL);
    world_watch(world, "witness", a, TROUPE_ON_RESTART);
    for (int i = 0; i < 10; i++)
        world_tell(world, a, puppet_fail, broken);
    world_await(world, "witness", "down restart 10 failed: broken");
    assert_int_equal(world_heard(world, "witness", "down restart 10 failed: broken"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_stop_is_told_after_a_restart_that_has_not_been_told),
        cmocka_unit_test(the_start_that_follows_a_restart_is_told_after_it),
        cmocka_unit_test(so_is_one_that_comes_while_a_restart_is_handled),
        cmocka_unit_test(the_stop_does_not_wait_for_a_restart_that_was_put_aside),
        cmocka_unit_test(changes_that_come_faster_than_they_are_handled_end_with_the_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
