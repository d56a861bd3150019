// Links and traps: each line of the table in troupe/link.h, in both directions. See link_*_test.c
// for the rest.
#include "tests/support/link.h"

#include <stdio.h>

// ---- A link, and who does not trap

WORLD_STORY(a_failure_ends_the_other_with_the_same_reason)
{
    struct pair pair = link_pair(world);
    world_watch(world, "witness", pair.other, TROUPE_ON_STOP);
    world_do(world, pair.one, puppet_fail, broken);
    world_await_all(world, "witness", "down stop 1 failed: broken");
    world_await_all(world, "other", "init 1; stop failed: broken");
}

WORLD_STORY(it_is_so_in_the_other_direction_too)
{
    struct pair pair = link_pair(world);
    world_do(world, pair.other, puppet_fail, broken);
    world_join(world, pair.one);
    world_await_all(world, "one", "init 1; stop failed: broken");
}

WORLD_STORY(a_shutdown_ends_the_other)
{
    struct pair pair = link_pair(world);
    troupe_stop(world->ctx, pair.one);
    world_join(world, pair.other);
    world_expect(world, "other", "init 1; stop shutdown");
}

WORLD_STORY(a_kill_ends_the_other_as_killed_without_its_stop)
{
    struct pair pair = link_pair(world);
    world_watch(world, "witness", pair.other, TROUPE_ON_STOP);
    troupe_kill(world->ctx, pair.one);
    world_await_all(world, "witness", "down stop 1 killed");
    world_expect(world, "other", "init 1");
}

WORLD_STORY(a_normal_end_ends_the_link_and_nothing_else)
{
    struct pair pair = link_pair(world);
    world_do(world, pair.one, puppet_stop, NULL);
    world_join(world, pair.one);
    world_sync(world, pair.other);
    world_expect(world, "other", "init 1");
}

WORLD_STORY(an_end_goes_through_a_chain_of_links)
{
    troupe_ref refs[8];
    for (int i = 0; i < 8; i++) {
        refs[i] = world_spawn(world, "chain", NULL, NULL);
        world_sync(world, refs[i]); // else it would end without a word
        if (i > 0)
            world_do(world, refs[i], puppet_link, &refs[i - 1]);
    }
    world_do(world, refs[3], puppet_fail, broken);
    for (int i = 0; i < 8; i++)
        world_join(world, refs[i]);
    assert_int_equal(world_heard(world, "chain", "stop failed: broken"), 8);
}

WORLD_STORY(one_that_traps_ends_a_chain)
{
    troupe_ref first = world_spawn(world, "first", NULL, NULL);
    troupe_ref middle = world_spawn(world, "middle", puppet_trap, NULL);
    troupe_ref last = world_spawn(world, "last", NULL, NULL);
    world_do(world, middle, puppet_link, &first);
    world_do(world, last, puppet_link, &middle);
    world_do(world, first, puppet_fail, broken);
    world_await(world, "middle", "exited 1 failed: broken");
    world_sync(world, last);
    world_expect(world, "last", "init 1");
}

// ---- ... and who traps

static void each_end_is_told(struct world *world, bool other_way)
{
    struct pair pair = link_pair(world);
    troupe_ref trapping = other_way ? pair.one : pair.other;
    const char *name = other_way ? "one" : "other";
    world_do(world, trapping, puppet_trap, NULL);
    world_do(world, other_way ? pair.other : pair.one, puppet_fail, broken);
    world_await_all(world, name, "init 1; exited 1 failed: broken");
    world_sync(world, trapping);
}

WORLD_STORY(who_traps_gets_a_message)
{
    each_end_is_told(world, false);
}

WORLD_STORY(who_traps_gets_a_message_in_the_other_direction_too)
{
    each_end_is_told(world, true);
}

static troupe_status say_who(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    struct puppet *puppet = state;
    const troupe_exited *exited = troupe_match(msg, troupe_exited);
    WORLD_CHECK(exited != NULL);
    puppet_say(ctx, "%s %d", troupe_ref_equal(exited->ref, puppet->other) ? "it" : "another",
               exited->reason.status);
    return troupe_unbecome(ctx);
}

static troupe_status expect_it(troupe_ctx *ctx, struct puppet *puppet, void *ref)
{
    puppet->other = *(troupe_ref *)ref;
    troupe_trap_exits(ctx, true);
    return troupe_become(ctx, say_who);
}

WORLD_STORY(the_message_says_who_has_ended)
{
    struct pair pair = link_pair(world);
    world_do(world, pair.other, expect_it, &pair.one);
    world_do(world, pair.one, puppet_fail, broken);
    char text[32];
    (void)snprintf(text, sizeof text, "init 1; it %d", (int)TROUPE_EUSER);
    world_await_all(world, "other", text);
}

WORLD_STORY(normal_shutdown_and_killed_are_told_to_who_traps)
{
    static const char *const told[] = {"exited 1 normal", "exited 1 shutdown", "exited 1 killed"};
    troupe_ref trapping = world_spawn(world, "trapping", puppet_trap, NULL);
    for (int i = 0; i < 3; i++) {
        troupe_ref a = world_spawn(world, "a", NULL, NULL);
        world_do(world, trapping, puppet_link, &a);
        if (i == 0)
            world_do(world, a, puppet_stop, NULL);
        else if (i == 1)
            troupe_stop(world->ctx, a);
        else
            troupe_kill(world->ctx, a);
        world_join(world, a);
        world_await(world, "trapping", told[i]); // may come after who joins is told
    }
    world_expect(world, "trapping", "init 1; exited 1 normal; exited 1 shutdown; exited 1 killed");
}

static troupe_status trap_no_more(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet, (void)arg;
    return troupe_trap_exits(ctx, false);
}

WORLD_STORY(after_the_trap_was_taken_away_a_signal_ends_it)
{
    struct pair pair = link_pair(world);
    world_do(world, pair.other, puppet_trap, NULL);
    world_do(world, pair.other, trap_no_more, NULL);
    world_do(world, pair.one, puppet_fail, broken);
    world_await_all(world, "other", "init 1; stop failed: broken");
}

WORLD_STORY(who_traps_can_be_stopped_and_killed_all_the_same)
{
    troupe_ref a = world_spawn(world, "a", puppet_trap, NULL),
               b = world_spawn(world, "b", puppet_trap, NULL);
    troupe_stop(world->ctx, a);
    troupe_kill(world->ctx, b);
    world_join(world, a);
    world_join(world, b);
    world_expect(world, "b", world_heard(world, "b", "init 1") ? "init 1" : "");
}

// ---- Order

static troupe_status send_numbers(troupe_ctx *ctx, struct puppet *puppet, void *to)
{
    (void)puppet;
    for (int i = 1; i <= 40; i++)
        WORLD_CHECK(troupe_send(ctx, *(troupe_ref *)to, Number, .value = i) == TROUPE_OK);
    return troupe_fail(ctx, TROUPE_EUSER, "%s", broken);
}

WORLD_STORY(a_trapped_signal_comes_after_all_that_was_sent_before)
{
    struct pair pair = link_pair(world);
    world_do(world, pair.other, puppet_trap, NULL);
    world_tell(world, pair.one, send_numbers, &pair.other);
    world_await(world, "other", "exited 1 failed: broken");
    world_expect_order(world, "other", "40", "other", "exited 1 failed: broken");
}

WORLD_STORY_DRIVEN(one_that_is_not_trapped_overtakes_messages)
{
    struct pair pair = link_pair(world);
    world_settle(world);
    // The signal and the numbers are there before it runs again.
    link_send_exit(world, pair.other, TROUPE_FAILED);
    for (int i = 1; i <= 3; i++)
        troupe_send(world->ctx, pair.other, Number, .value = i);
    world_join(world, pair.other);
    world_expect(world, "other", "init 1; stop failed: by hand");
}

// ---- Nobody there

static troupe_status say_link(troupe_ctx *ctx, struct puppet *puppet, void *ref)
{
    (void)puppet;
    puppet_say(ctx, "%s", troupe_status_name(troupe_link(ctx, *(troupe_ref *)ref)));
    return TROUPE_OK;
}

WORLD_STORY(a_link_with_nobody_ends_who_does_not_trap)
{
    troupe_ref none = {0, 0, 0}, a = world_spawn(world, "a", NULL, NULL);
    world_watch(world, "witness", a, TROUPE_ON_STOP);
    world_do(world, a, say_link, &none);
    world_await_all(world, "witness", "down stop 1 noactor");
    world_expect(world, "a", "init 1; TROUPE_OK; stop noactor");
}

WORLD_STORY(a_link_with_nobody_is_told_to_who_traps)
{
    troupe_ref a = world_spawn(world, "a", puppet_trap, NULL);
    troupe_ref refs[] = {{0, 0, 0}, {1, 2, 3}, {a.system, 1u << 30, 7}, a};
    refs[3].generation++;
    for (int i = 0; i < 4; i++)
        world_do(world, a, puppet_link, &refs[i]);
    world_await_times(world, 4, "a", "exited 0 noactor");
    troupe_ref dead = world_spawn(world, "dead", NULL, NULL);
    troupe_kill(world->ctx, dead);
    world_join(world, dead);
    world_do(world, a, puppet_link, &dead);
    world_do(world, a, puppet_link, &dead); // two links, one after the other
    world_await_times(world, 6, "a", "exited 0 noactor");
}

static troupe_status link_and_unlink(troupe_ctx *ctx, struct puppet *puppet, void *ref)
{
    troupe_status status = puppet_link(ctx, puppet, ref);
    return status == TROUPE_OK ? puppet_unlink(ctx, puppet, ref) : status;
}

WORLD_STORY(unlink_takes_that_signal_back)
{
    troupe_ref none = {0, 0, 0}, a = world_spawn(world, "a", NULL, NULL);
    troupe_ref trapping = world_spawn(world, "trapping", puppet_trap, NULL);
    world_do(world, a, link_and_unlink, &none);
    world_do(world, trapping, link_and_unlink, &none);
    world_sync(world, a);
    world_sync(world, trapping);
    world_expect(world, "a", "init 1");
    world_expect(world, "trapping", "init 1");
}

WORLD_STORY(a_link_with_oneself_is_nothing)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    world_do(world, a, puppet_link, &a);
    world_do(world, a, puppet_unlink, &a);
    world_do(world, a, puppet_link, &a);
    world_do(world, a, puppet_stop, NULL);
    world_join(world, a);
    world_expect(world, "a", "init 1; stop normal");
}

WORLD_STORY(outside_there_are_no_links)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL), ref;
    assert_int_equal(troupe_link(world->ctx, a), TROUPE_ENOTSUP);
    assert_int_equal(troupe_unlink(world->ctx, a), TROUPE_ENOTSUP);
    assert_int_equal(troupe_trap_exits(world->ctx, true), TROUPE_ENOTSUP);
    const troupe_spawn_opts link = {.link = true}, monitor = {.monitor = TROUPE_ON_STOP};
    assert_int_equal(troupe_spawn(world->ctx, &puppet_behavior, &link, &ref), TROUPE_ENOTSUP);
    assert_int_equal(troupe_spawn(world->ctx, &puppet_behavior, &monitor, &ref), TROUPE_ENOTSUP);
    assert_string_equal(troupe_error_text(world->ctx),
                        "troupe_spawn: puppet: monitor is for actors: a thread of the program's "
                        "own has no mailbox; use troupe_join");
}

// ---- One link

WORLD_STORY(linking_twice_is_one_link)
{
    struct pair pair = link_pair(world);
    world_do(world, pair.one, puppet_trap_and_link, &pair.other);
    world_do(world, pair.other, puppet_link, &pair.one);
    world_do(world, pair.other, puppet_fail, broken);
    world_await(world, "one", "exited 1 failed: broken");
    world_sync(world, pair.one);
    world_expect(world, "one", "init 1; exited 1 failed: broken");
}

WORLD_STORY(one_unlink_ends_it_from_either_side)
{
    for (int side = 0; side < 2; side++) {
        struct pair pair = link_pair(world);
        world_do(world, pair.other, puppet_link, &pair.one);
        world_do(world, side ? pair.one : pair.other, puppet_unlink,
                 side ? &pair.other : &pair.one);
        world_do(world, pair.one, puppet_fail, broken);
        world_join(world, pair.one);
        world_sync(world, pair.other);
        assert_int_equal(world_heard(world, "other", "stop failed: broken"), 0);
    }
}

WORLD_STORY(what_was_unlinked_can_be_linked_again)
{
    struct pair pair = link_pair(world);
    world_do(world, pair.one, puppet_unlink, &pair.other);
    world_do(world, pair.one, puppet_unlink, &pair.other); // there is none
    world_do(world, pair.other, puppet_link, &pair.one);
    world_do(world, pair.one, puppet_fail, broken);
    world_await_all(world, "other", "init 1; stop failed: broken");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failure_ends_the_other_with_the_same_reason),
        cmocka_unit_test(it_is_so_in_the_other_direction_too),
        cmocka_unit_test(a_shutdown_ends_the_other),
        cmocka_unit_test(a_kill_ends_the_other_as_killed_without_its_stop),
        cmocka_unit_test(a_normal_end_ends_the_link_and_nothing_else),
        cmocka_unit_test(an_end_goes_through_a_chain_of_links),
        cmocka_unit_test(one_that_traps_ends_a_chain),
        cmocka_unit_test(who_traps_gets_a_message),
        cmocka_unit_test(who_traps_gets_a_message_in_the_other_direction_too),
        cmocka_unit_test(the_message_says_who_has_ended),
        cmocka_unit_test(normal_shutdown_and_killed_are_told_to_who_traps),
        cmocka_unit_test(after_the_trap_was_taken_away_a_signal_ends_it),
        cmocka_unit_test(who_traps_can_be_stopped_and_killed_all_the_same),
        cmocka_unit_test(a_trapped_signal_comes_after_all_that_was_sent_before),
        cmocka_unit_test(one_that_is_not_trapped_overtakes_messages),
        cmocka_unit_test(a_link_with_nobody_ends_who_does_not_trap),
        cmocka_unit_test(a_link_with_nobody_is_told_to_who_traps),
        cmocka_unit_test(unlink_takes_that_signal_back),
        cmocka_unit_test(a_link_with_oneself_is_nothing),
        cmocka_unit_test(linking_twice_is_one_link),
        cmocka_unit_test(one_unlink_ends_it_from_either_side),
        cmocka_unit_test(what_was_unlinked_can_be_linked_again),
        cmocka_unit_test(outside_there_are_no_links),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
