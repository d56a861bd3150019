// A watcher that puts the news of a restart aside while more has happened already: the stop does
// not wait for what was put aside, nobody knows for how long.
#include "tests/support/gate.h"
#include "tests/support/world.h"

#include <stdio.h>

static char broken[] = "broken";

static struct gate gate; // held: the watcher's handler of the first restart

static troupe_status put_restarts_aside(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    const troupe_down *down = troupe_match(msg, troupe_down);
    if (down == NULL)
        return TROUPE_UNHANDLED;
    if (down->event == TROUPE_ON_RESTART) {
        gate_pass(&gate);
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

WORLD_STORY_ON_THREADS(a_stop_that_waits_for_a_restart_does_not_when_that_is_put_aside)
{
    troupe_ref a = supervise_transient(world), watcher;
    const troupe_spawn_opts opts = {.name = "watcher", .place = TROUPE_ON_THREAD};
    gate_init(&gate);
    assert_int_equal(troupe_spawn(world->ctx, &puppet_behavior, &opts, &watcher), TROUPE_OK);
    world_do(world, watcher, watch_and_put_aside, &a);
    world_do(world, a, puppet_fail, broken);
    gate_await(&gate); // the first restart is being handled
    world_await(world, "a", "init 2");
    world_do(world, a, puppet_fail, broken); // tells of it again, after that
    world_await(world, "a", "init 3");
    world_do(world, a, puppet_stop, NULL); // waits for it
    world_join(world, a);
    gate_open(&gate);
    world_await_all(world, "watcher", "init 1; aside 1; stop 3");
}

WORLD_STORY(who_comes_after_a_restart_is_told_of_the_start)
{
    troupe_ref a = world_supervise(world, "a", NULL);
    for (unsigned incarnation = 2; incarnation < 5; incarnation++) {
        char started[32], init[32];
        (void)snprintf(started, sizeof started, "down start %u", incarnation);
        (void)snprintf(init, sizeof init, "init %u", incarnation);
        world_tell(world, a, puppet_fail, broken);
        world_await(world, "a", init);
        world_sync(world, a);
        troupe_ref watcher = world_spawn(world, init, NULL, NULL);
        world_do(world, watcher, puppet_watch, &a);
        world_await(world, init, started);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stop_that_waits_for_a_restart_does_not_when_that_is_put_aside),
        cmocka_unit_test(who_comes_after_a_restart_is_told_of_the_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
