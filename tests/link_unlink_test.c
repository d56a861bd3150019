// What unlinking flushes: a signal that is on its way, waits in the mailbox, or was put aside.
#include "tests/support/link.h"

static void put_aside_and_go_on(struct world *world, int64_t number)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL), b = world_spawn(world, "b", NULL, NULL);
    world_do(world, a, puppet_stash_exits, &b);
    troupe_stop(world->ctx, b);
    world_await(world, "a", "put aside");
    troupe_send(world->ctx, a, Number, .value = number);
    world_sync(world, a);
}

WORLD_STORY(a_signal_that_was_put_aside_is_handled_later)
{
    put_aside_and_go_on(world, 0);
    world_expect(world, "a", "init 1; put aside; exited 1 shutdown");
}

WORLD_STORY(unlink_flushes_also_what_was_put_aside)
{
    put_aside_and_go_on(world, 1);
    world_expect(world, "a", "init 1; put aside");
}

static troupe_status unlink_when_it_is_down(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    struct puppet *puppet = state;
    if (troupe_match(msg, troupe_down) == NULL)
        return TROUPE_UNHANDLED;
    // Both of the end's messages have been sent; that of the link may have come before.
    WORLD_CHECK(troupe_unlink(ctx, puppet->other) == TROUPE_OK);
    puppet_say(ctx, "unlinked");
    return troupe_unbecome(ctx);
}

static troupe_status watch_and_link(troupe_ctx *ctx, struct puppet *puppet, void *ref)
{
    const troupe_ref *other = ref;
    WORLD_CHECK(troupe_monitor(ctx, *other, TROUPE_ON_STOP, &puppet->monitor) == TROUPE_OK);
    WORLD_CHECK(puppet_link(ctx, puppet, ref) == TROUPE_OK);
    return troupe_become(ctx, unlink_when_it_is_down);
}

WORLD_STORY(unlink_after_the_end_is_nothing)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL), b = world_spawn(world, "b", NULL, NULL);
    world_do(world, a, watch_and_link, &b);
    world_do(world, b, puppet_stop, NULL);
    world_await(world, "a", "unlinked");
    world_sync(world, a);
    world_expect(world, "a", "init 1; unlinked");
}

static _Atomic bool go_on; // the slow handler

static troupe_status unlink_late(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)arg;
    troupe_kill(ctx, puppet->other);
    troupe_reason down = {.kind = TROUPE_FAILED, .text = broken};
    WORLD_CHECK(troupe_exit(ctx, puppet->other, &down) == TROUPE_OK);
    puppet_say(ctx, "slow");
    while (!go_on)
        continue;
    return troupe_unlink(ctx, puppet->other);
}

static void expect_nothing_after_unlink(struct world *world, puppet_fn init)
{
    go_on = false;
    troupe_ref a = world_spawn(world, "a", init, NULL), b = world_spawn(world, "b", NULL, NULL);
    world_do(world, a, puppet_link, &b);
    world_tell(world, a, unlink_late, NULL);
    world_join(world, b); // so its signal is on its way
    go_on = true;
    world_sync(world, a);
    world_expect(world, "a", "init 1; slow");
}

static void late_untrapped(struct world *world)
{
    if (world->workers > 1)
        expect_nothing_after_unlink(world, NULL);
}

static void late_trapped(struct world *world)
{
    if (world->workers > 1)
        expect_nothing_after_unlink(world, puppet_trap);
}

static void unlink_flushes_what_waits(void **state)
{
    (void)state;
    world_each_threads(late_untrapped);
    world_each_threads(late_trapped);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_signal_that_was_put_aside_is_handled_later),
        cmocka_unit_test(unlink_flushes_also_what_was_put_aside),
        cmocka_unit_test(unlink_after_the_end_is_nothing),
        cmocka_unit_test(unlink_flushes_what_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
