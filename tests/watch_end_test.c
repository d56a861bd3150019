// The end of a monitor or a link by who set it, against the end of the other: nothing is heard
// afterwards. Short-lived targets, and watchers that go first.
#include "tests/support/world.h"

#include <string.h>

static char broken[] = "broken";

static const troupe_reason bang = {.kind = TROUPE_FAILED, .status = TROUPE_EUSER, .text = "bang"};

static troupe_status trap(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet, (void)arg;
    return troupe_trap_exits(ctx, true);
}

static troupe_status link_with(troupe_ctx *ctx, struct puppet *puppet, void *ref)
{
    puppet->other = *(troupe_ref *)ref;
    return troupe_link(ctx, puppet->other);
}

// ---- Ended at once

#define SHORT_LIVES 40

static troupe_status end_at_once(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    (void)ctx, (void)state, (void)args;
    return TROUPE_STOP;
}

static troupe_status nothing(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)ctx, (void)state, (void)msg;
    return TROUPE_OK;
}

static const troupe_behavior brief = {.name = "brief", .init = end_at_once, .receive = nothing};

static troupe_status watch_and_forget(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet, (void)arg;
    troupe_monitor_ref monitors[SHORT_LIVES];
    for (int i = 0; i < SHORT_LIVES; i++) {
        const troupe_spawn_opts opts = {.monitor = TROUPE_ON_STOP, .monitor_ref = &monitors[i]};
        troupe_ref ref;
        WORLD_CHECK(troupe_spawn(ctx, &brief, i % 2 ? &opts : NULL, &ref) == TROUPE_OK);
        if (i % 2 == 0)
            WORLD_CHECK(troupe_monitor(ctx, ref, TROUPE_ON_STOP, &monitors[i]) == TROUPE_OK);
    }
    for (int i = 0; i < SHORT_LIVES; i++) {
        WORLD_CHECK(troupe_demonitor(ctx, monitors[i]) == TROUPE_OK);
        WORLD_CHECK(troupe_demonitor(ctx, monitors[i]) == TROUPE_EALREADY);
    }
    return TROUPE_OK;
}

WORLD_STORY(of_monitors_that_are_ended_at_once_nothing_is_heard)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    for (int i = 0; i < 3; i++)
        world_do(world, a, watch_and_forget, NULL);
    world_settle(world);
    world_sync(world, a);
    world_expect(world, "a", "init 1");
}

static troupe_status exit_and_demonitor(troupe_ctx *ctx, struct puppet *puppet, void *ref)
{
    const troupe_ref *other = ref;
    WORLD_CHECK(troupe_monitor(ctx, *other, TROUPE_ON_STOP, &puppet->monitor) == TROUPE_OK);
    WORLD_CHECK(troupe_exit(ctx, *other, &bang) == TROUPE_OK);
    return troupe_demonitor(ctx, puppet->monitor);
}

WORLD_STORY(who_ends_another_and_its_monitor_of_it_hears_nothing)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL), b = world_spawn(world, "b", NULL, NULL);
    world_do(world, a, exit_and_demonitor, &b);
    world_join(world, b);
    world_sync(world, a);
    world_expect(world, "a", "init 1");
}

static troupe_status exit_and_unlink(troupe_ctx *ctx, struct puppet *puppet, void *ref)
{
    const troupe_ref *other = ref;
    WORLD_CHECK(link_with(ctx, puppet, ref) == TROUPE_OK);
    WORLD_CHECK(troupe_exit(ctx, *other, &bang) == TROUPE_OK);
    return troupe_unlink(ctx, *other);
}

WORLD_STORY(who_ends_another_and_its_link_with_it_hears_nothing)
{
    for (int i = 0; i < 2; i++) {
        troupe_ref a = world_spawn(world, "a", i ? trap : NULL, NULL);
        troupe_ref b = world_spawn(world, "b", NULL, NULL);
        world_do(world, a, exit_and_unlink, &b);
        world_join(world, b);
        world_sync(world, a);
    }
    world_expect(world, "a", "init 1; init 1");
}

// ---- Whose it is

static troupe_monitor_ref foreign;

static troupe_status watch_and_tell(troupe_ctx *ctx, struct puppet *puppet, void *ref)
{
    WORLD_CHECK(puppet_watch(ctx, puppet, ref) == TROUPE_OK);
    foreign = puppet->monitor;
    return TROUPE_OK;
}

static troupe_status demonitor_foreign(troupe_ctx *ctx, struct puppet *puppet, void *ref)
{
    WORLD_CHECK(puppet_watch(ctx, puppet, ref) == TROUPE_OK); // it has one of its own
    WORLD_CHECK(memcmp(&foreign, &puppet->monitor, sizeof foreign) != 0);
    puppet_say(ctx, "%s", troupe_status_name(troupe_demonitor(ctx, foreign)));
    return TROUPE_OK;
}

WORLD_STORY(nobody_ends_the_monitor_of_another)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL), b = world_spawn(world, "b", NULL, NULL);
    world_sync(world, a);
    world_do(world, b, watch_and_tell, &a);
    world_do(world, a, demonitor_foreign, &b); // who is watched
    world_await(world, "a", "TROUPE_EALREADY");
    troupe_ref c = world_spawn(world, "c", NULL, NULL);
    world_do(world, c, demonitor_foreign, &a); // another watcher
    world_await(world, "c", "TROUPE_EALREADY");
    troupe_stop(world->ctx, a);
    world_await_all(world, "b", "init 1; down start 1; down stop 1 shutdown");
}

// ---- Watchers that go first

static troupe_status exit_other(troupe_ctx *ctx, struct puppet *puppet, void *ref)
{
    (void)puppet;
    WORLD_CHECK(troupe_exit(ctx, *(troupe_ref *)ref, &bang) == TROUPE_OK);
    return TROUPE_STOP;
}

// A watches B, B ends A and then itself.
WORLD_STORY(who_is_watched_may_end_its_watcher_and_itself)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL), b = world_spawn(world, "b", NULL, NULL);
    world_do(world, a, puppet_watch, &b);
    world_do(world, b, exit_other, &a);
    world_join(world, a);
    world_join(world, b);
    world_await(world, "a", "stop failed: bang");
    assert_int_equal(world_heard(world, "a", "down stop 1 normal"), 0); // it was ended before
}

static troupe_status watch_and_link(troupe_ctx *ctx, struct puppet *puppet, void *ref)
{
    WORLD_CHECK(puppet_watch(ctx, puppet, ref) == TROUPE_OK);
    return link_with(ctx, puppet, ref);
}

WORLD_STORY(two_that_watch_and_are_linked_both_ways_end_together)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL), b = world_spawn(world, "b", NULL, NULL);
    world_sync(world, a);
    world_sync(world, b);
    world_do(world, a, watch_and_link, &b);
    world_do(world, b, watch_and_link, &a);
    world_watch(world, "witness", b, TROUPE_ON_STOP);
    world_do(world, a, puppet_fail, broken);
    world_await_all(world, "witness", "down stop 1 failed: broken");
    world_join(world, a);
    assert_int_equal(world_heard(world, "a", "down stop 1 failed: broken"), 0);
}

WORLD_STORY(of_a_ring_of_links_all_end_for_the_first_reason)
{
    enum { COUNT = 7 };

    troupe_ref refs[COUNT];
    for (int i = 0; i < COUNT; i++) {
        refs[i] = world_spawn(world, "ring", NULL, NULL);
        world_sync(world, refs[i]);
    }
    for (int i = 0; i < COUNT; i++)
        world_do(world, refs[i], watch_and_link, &refs[(i + 1) % COUNT]);
    world_do(world, refs[0], puppet_fail, broken);
    for (int i = 0; i < COUNT; i++)
        world_join(world, refs[i]);
    assert_int_equal(world_heard(world, "ring", "stop failed: broken"), COUNT);
}

// ---- Stopping with all of them

WORLD_STORY(a_system_stops_with_any_number_of_ties_between_actors)
{
    enum { COUNT = 12 };

    troupe_ref refs[COUNT];
    for (int i = 0; i < COUNT; i++)
        refs[i] = world_spawn(world, "a", i % 3 ? NULL : trap, NULL);
    for (int i = 0; i < COUNT; i++)
        for (int j = 0; j < COUNT; j++)
            world_tell(world, refs[i], watch_and_link, &refs[j]);
    world_sync(world, refs[COUNT - 1]);
    world_stop(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_monitors_that_are_ended_at_once_nothing_is_heard),
        cmocka_unit_test(who_ends_another_and_its_monitor_of_it_hears_nothing),
        cmocka_unit_test(who_ends_another_and_its_link_with_it_hears_nothing),
        cmocka_unit_test(nobody_ends_the_monitor_of_another),
        cmocka_unit_test(who_is_watched_may_end_its_watcher_and_itself),
        cmocka_unit_test(two_that_watch_and_are_linked_both_ways_end_together),
        cmocka_unit_test(of_a_ring_of_links_all_end_for_the_first_reason),
        cmocka_unit_test(a_system_stops_with_any_number_of_ties_between_actors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
