// troupe_exit: to others, to oneself, from init and from outside.
#include "tests/support/link.h"

WORLD_STORY(exit_ends_who_does_not_trap)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL), b = world_spawn(world, "b", NULL, NULL);
    world_sync(world, a);
    world_sync(world, b);
    link_send_exit(world, a, TROUPE_FAILED);
    link_send_exit(world, b, TROUPE_SHUTDOWN);
    world_await_all(world, "a", "init 1; stop failed: by hand");
    world_await_all(world, "b", "init 1; stop shutdown");
}

WORLD_STORY(exit_with_normal_is_nothing_to_others)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    link_send_exit(world, a, TROUPE_NORMAL);
    world_sync(world, a);
    world_expect(world, "a", "init 1");
}

WORLD_STORY(exit_is_a_message_to_who_traps)
{
    troupe_ref a = world_spawn(world, "a", puppet_trap, NULL);
    world_sync(world, a);
    link_send_exit(world, a, TROUPE_NORMAL);
    link_send_exit(world, a, TROUPE_FAILED);
    link_send_exit(world, a, TROUPE_SHUTDOWN);
    world_await_all(world, "a",
                    "init 1; exited 0 normal; exited 0 failed: by hand; exited 0 shutdown");
}

WORLD_STORY(exit_with_killed_cannot_be_trapped_and_is_killed_to_those_linked)
{
    troupe_ref a = world_spawn(world, "a", puppet_trap, NULL);
    troupe_ref b = world_spawn(world, "b", puppet_trap, NULL);
    world_do(world, b, puppet_link, &a);
    world_sync(world, a);
    link_send_exit(world, a, TROUPE_KILLED);
    world_await_all(world, "b", "init 1; exited 1 killed");
    world_sync(world, b);
    world_expect(world, "a", "init 1");
}

static troupe_status exit_self(troupe_ctx *ctx, struct puppet *puppet, void *kind)
{
    (void)puppet;
    const troupe_reason reason = {.kind = *(troupe_reason_kind *)kind, .text = broken};
    WORLD_CHECK(troupe_exit(ctx, troupe_self(ctx), &reason) == TROUPE_OK);
    puppet_say(ctx, "goes on");
    return TROUPE_OK;
}

WORLD_STORY(exit_to_oneself_with_normal_ends_after_the_handler)
{
    troupe_reason_kind normal = TROUPE_NORMAL;
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    world_do(world, a, exit_self, &normal);
    world_join(world, a);
    world_expect(world, "a", "init 1; goes on; stop normal");
}

WORLD_STORY(exit_to_oneself_is_trapped_too)
{
    troupe_reason_kind kinds[] = {TROUPE_NORMAL, TROUPE_FAILED, TROUPE_KILLED};
    troupe_ref a = world_spawn(world, "a", puppet_trap, NULL);
    for (int i = 0; i < 3; i++)
        world_do(world, a, exit_self, &kinds[i]);
    world_join(world, a);
    world_expect(world, "a",
                 "init 1; goes on; exited 0 normal; goes on; exited 0 failed: broken; goes on");
}

static troupe_status exit_self_and_trap(troupe_ctx *ctx, struct puppet *puppet, void *kind)
{
    WORLD_CHECK(exit_self(ctx, puppet, kind) == TROUPE_OK);
    return troupe_trap_exits(ctx, true);
}

WORLD_STORY(what_came_before_the_trap_in_the_same_handler_is_a_message)
{
    troupe_reason_kind kind = TROUPE_FAILED;
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    world_do(world, a, exit_self_and_trap, &kind);
    world_await_all(world, "a", "init 1; goes on; exited 0 failed: broken");
    world_sync(world, a);
}

WORLD_STORY(exit_in_init_ends_it_when_init_has_returned)
{
    troupe_reason_kind kind = TROUPE_SHUTDOWN;
    troupe_ref a = world_spawn(world, "a", exit_self, &kind);
    world_join(world, a);
    world_expect(world, "a", "init 1; goes on; stop shutdown");
}

static troupe_status say_from(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    struct puppet *puppet = state;
    const troupe_exited *exited = troupe_match(msg, troupe_exited);
    if (exited == NULL)
        return TROUPE_UNHANDLED;
    puppet_say(ctx, "%s",
               troupe_ref_is_none(exited->ref)                ? "outside"
               : troupe_ref_equal(exited->ref, puppet->other) ? "other"
                                                              : "?");
    return TROUPE_OK;
}

static troupe_status say_froms(troupe_ctx *ctx, struct puppet *puppet, void *ref)
{
    puppet->other = *(troupe_ref *)ref;
    troupe_trap_exits(ctx, true);
    return troupe_become(ctx, say_from);
}

static troupe_status exit_other(troupe_ctx *ctx, struct puppet *puppet, void *ref)
{
    (void)puppet;
    return troupe_exit(ctx, *(troupe_ref *)ref, &(troupe_reason){.kind = TROUPE_SHUTDOWN});
}

WORLD_STORY(the_message_says_who_called_exit)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL), b = world_spawn(world, "b", NULL, NULL);
    world_do(world, a, say_froms, &b);
    world_do(world, b, exit_other, &a);
    world_await(world, "a", "other");
    link_send_exit(world, a, TROUPE_NORMAL);
    world_await_all(world, "a", "init 1; other; outside");
}

WORLD_STORY(exit_is_checked)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL), none = {0, 0, 0};
    troupe_reason reason = {.kind = TROUPE_CRASHED};
    assert_int_equal(troupe_exit(world->ctx, a, NULL), TROUPE_EINVAL);
    assert_int_equal(troupe_exit(world->ctx, a, &reason), TROUPE_EINVAL);
    assert_string_equal(troupe_error_text(world->ctx),
                        "troupe_exit: the reason's kind is 7 (crashed); normal, shutdown, killed "
                        "and failed can be sent");
    link_send_exit(world, none, TROUPE_FAILED); // nobody
    link_send_exit(world, none, TROUPE_KILLED);
    troupe_kill(world->ctx, a);
    world_join(world, a);
    link_send_exit(world, a, TROUPE_FAILED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exit_ends_who_does_not_trap),
        cmocka_unit_test(exit_with_normal_is_nothing_to_others),
        cmocka_unit_test(exit_is_a_message_to_who_traps),
        cmocka_unit_test(exit_with_killed_cannot_be_trapped_and_is_killed_to_those_linked),
        cmocka_unit_test(exit_to_oneself_with_normal_ends_after_the_handler),
        cmocka_unit_test(exit_to_oneself_is_trapped_too),
        cmocka_unit_test(what_came_before_the_trap_in_the_same_handler_is_a_message),
        cmocka_unit_test(exit_in_init_ends_it_when_init_has_returned),
        cmocka_unit_test(the_message_says_who_called_exit),
        cmocka_unit_test(exit_is_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
