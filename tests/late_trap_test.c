// Exit signals that wait already when their receiver begins to trap exits: all of them become
// messages.
#include "tests/support/world.h"

static const troupe_reason bang = {.kind = TROUPE_FAILED, .status = TROUPE_EUSER, .text = "bang"};

static troupe_status exit_itself_and_trap(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet, (void)arg;
    for (int i = 0; i < 3; i++)
        WORLD_CHECK(troupe_exit(ctx, troupe_self(ctx), &bang) == TROUPE_OK);
    return troupe_trap_exits(ctx, true);
}

WORLD_STORY(all_signals_that_wait_become_messages)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    world_do(world, a, exit_itself_and_trap, NULL);
    world_await_times(world, 3, "a", "exited 0 failed: bang");
    world_sync(world, a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_signals_that_wait_become_messages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
