// Links, exit signals and traps: each line of the table in troupe/link.h, in both directions.
#include "tests/support/world.h"

#include <stdio.h>

static char broken[] = "broken";

// ---- What puppets do

static troupe_status link_with(troupe_ctx *ctx, struct puppet *puppet, void *ref)
{
    puppet->other = *(troupe_ref *)ref;
    return troupe_link(ctx, puppet->other);
}

static troupe_status unlink_from(troupe_ctx *ctx, struct puppet *puppet, void *ref)
{
    (void)puppet;
    return troupe_unlink(ctx, *(troupe_ref *)ref);
}

static troupe_status trap(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet, (void)arg;
    return troupe_trap_exits(ctx, true);
}

static troupe_status trap_no_more(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet, (void)arg;
    return troupe_trap_exits(ctx, false);
}

static troupe_status trap_and_link(troupe_ctx *ctx, struct puppet *puppet, void *ref)
{
    troupe_status status = troupe_trap_exits(ctx, true);
    return status == TROUPE_OK ? link_with(ctx, puppet, ref) : status;
}

// Two puppets that are linked; the one has linked itself with the other.
struct pair {
    troupe_ref one, other;
};

static struct pair a_pair(struct world *world)
{
    struct pair pair = {world_spawn(world, "one", NULL, NULL),
                        world_spawn(world, "other", NULL, NULL)};
    world_sync(world, pair.other);
    assert_int_equal(world_do(world, pair.one, link_with, &pair.other), TROUPE_OK);
    return pair;
}

static void send_exit(struct world *world, troupe_ref ref, troupe_reason_kind kind)
{
    const troupe_reason reason = {.kind = kind, .status = TROUPE_EUSER, .text = "by hand"};
    assert_int_equal(troupe_exit(world->ctx, ref, &reason), TROUPE_OK);
}

// ---- A link, and who does not trap

WORLD_STORY(a_failure_ends_the_other_with_the_same_reason)
{
    struct pair pair = a_pair(world);
    world_watch(world, "witness", pair.other, TROUPE_ON_STOP);
    world_do(world, pair.one, puppet_fail, broken);
    world_await_all(world, "witness", "down stop 1 failed: broken");
    world_await_all(world, "other", "init 1; stop failed: broken");
}

WORLD_STORY(it_is_so_in_the_other_direction_too)
{
    struct pair pair = a_pair(world);
    world_do(world, pair.other, puppet_fail, broken);
    world_join(world, pair.one);
    world_await_all(world, "one", "init 1; stop failed: broken");
}

WORLD_STORY(a_shutdown_ends_the_other)
{
    struct pair pair = a_pair(world);
    troupe_stop(world->ctx, pair.one);
    world_join(world, pair.other);
    world_expect(world, "other", "init 1; stop shutdown");
}

WORLD_STORY(a_kill_ends_the_other_as_killed_without_its_stop)
{
    struct pair pair = a_pair(world);
    world_watch(world, "witness", pair.other, TROUPE_ON_STOP);
    troupe_kill(world->ctx, pair.one);
    world_await_all(world, "witness", "down stop 1 killed");
    world_expect(world, "other", "init 1");
}

WORLD_STORY(a_normal_end_ends_the_link_and_nothing_else)
{
    struct pair pair = a_pair(world);
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
            world_do(world, refs[i], link_with, &refs[i - 1]);
    }
    world_do(world, refs[3], puppet_fail, broken);
    for (int i = 0; i < 8; i++)
        world_join(world, refs[i]);
    assert_int_equal(world_heard(world, "chain", "stop failed: broken"), 8);
}

WORLD_STORY(one_that_traps_ends_a_chain)
{
    troupe_ref first = world_spawn(world, "first", NULL, NULL);
    troupe_ref middle = world_spawn(world, "middle", trap, NULL);
    troupe_ref last = world_spawn(world, "last", NULL, NULL);
    world_do(world, middle, link_with, &first);
    world_do(world, last, link_with, &middle);
    world_do(world, first, puppet_fail, broken);
    world_await(world, "middle", "exited 1 failed: broken");
    world_sync(world, last);
    world_expect(world, "last", "init 1");
}

// ---- ... and who traps

static void each_end_is_told(struct world *world, bool other_way)
{
    struct pair pair = a_pair(world);
    troupe_ref trapping = other_way ? pair.one : pair.other;
    const char *name = other_way ? "one" : "other";
    world_do(world, trapping, trap, NULL);
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
    struct pair pair = a_pair(world);
    world_do(world, pair.other, expect_it, &pair.one);
    world_do(world, pair.one, puppet_fail, broken);
    char text[32];
    (void)snprintf(text, sizeof text, "init 1; it %d", (int)TROUPE_EUSER);
    world_await_all(world, "other", text);
}

WORLD_STORY(normal_shutdown_and_killed_are_told_to_who_traps)
{
    troupe_ref trapping = world_spawn(world, "trapping", trap, NULL);
    for (int i = 0; i < 3; i++) {
        troupe_ref a = world_spawn(world, "a", NULL, NULL);
        world_do(world, trapping, link_with, &a);
        if (i == 0)
            world_do(world, a, puppet_stop, NULL);
        else if (i == 1)
            troupe_stop(world->ctx, a);
        else
            troupe_kill(world->ctx, a);
        world_join(world, a);
        world_sync(world, trapping);
    }
    world_await_all(world, "trapping",
                    "init 1; exited 1 normal; exited 1 shutdown; exited 1 killed");
}

WORLD_STORY(after_the_trap_was_taken_away_a_signal_ends_it)
{
    struct pair pair = a_pair(world);
    world_do(world, pair.other, trap, NULL);
    world_do(world, pair.other, trap_no_more, NULL);
    world_do(world, pair.one, puppet_fail, broken);
    world_await_all(world, "other", "init 1; stop failed: broken");
}

WORLD_STORY(who_traps_can_be_stopped_and_killed_all_the_same)
{
    troupe_ref a = world_spawn(world, "a", trap, NULL), b = world_spawn(world, "b", trap, NULL);
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
    struct pair pair = a_pair(world);
    world_do(world, pair.other, trap, NULL);
    world_tell(world, pair.one, send_numbers, &pair.other);
    world_await(world, "other", "exited 1 failed: broken");
    world_expect_order(world, "other", "40", "other", "exited 1 failed: broken");
}

WORLD_STORY_DRIVEN(one_that_is_not_trapped_overtakes_messages)
{
    struct pair pair = a_pair(world);
    world_settle(world);
    // The signal and the numbers are there before it runs again.
    send_exit(world, pair.other, TROUPE_FAILED);
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
    troupe_ref a = world_spawn(world, "a", trap, NULL);
    troupe_ref refs[] = {{0, 0, 0}, {1, 2, 3}, {a.system, 1u << 30, 7}, a};
    refs[3].generation++;
    for (int i = 0; i < 4; i++)
        world_do(world, a, link_with, &refs[i]);
    world_await_times(world, 4, "a", "exited 0 noactor");
    troupe_ref dead = world_spawn(world, "dead", NULL, NULL);
    troupe_kill(world->ctx, dead);
    world_join(world, dead);
    world_do(world, a, link_with, &dead);
    world_do(world, a, link_with, &dead); // two links, one after the other
    world_await_times(world, 6, "a", "exited 0 noactor");
}

static troupe_status link_and_unlink(troupe_ctx *ctx, struct puppet *puppet, void *ref)
{
    troupe_status status = link_with(ctx, puppet, ref);
    return status == TROUPE_OK ? unlink_from(ctx, puppet, ref) : status;
}

WORLD_STORY(unlink_takes_that_signal_back)
{
    troupe_ref none = {0, 0, 0}, a = world_spawn(world, "a", NULL, NULL);
    troupe_ref trapping = world_spawn(world, "trapping", trap, NULL);
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
    world_do(world, a, link_with, &a);
    world_do(world, a, unlink_from, &a);
    world_do(world, a, link_with, &a);
    world_do(world, a, puppet_stop, NULL);
    world_join(world, a);
    world_expect(world, "a", "init 1; stop normal");
}

// ---- One link

WORLD_STORY(linking_twice_is_one_link)
{
    struct pair pair = a_pair(world);
    world_do(world, pair.one, trap_and_link, &pair.other);
    world_do(world, pair.other, link_with, &pair.one);
    world_do(world, pair.other, puppet_fail, broken);
    world_await(world, "one", "exited 1 failed: broken");
    world_sync(world, pair.one);
    world_expect(world, "one", "init 1; exited 1 failed: broken");
}

WORLD_STORY(one_unlink_ends_it_from_either_side)
{
    for (int side = 0; side < 2; side++) {
        struct pair pair = a_pair(world);
        world_do(world, pair.other, link_with, &pair.one);
        world_do(world, side ? pair.one : pair.other, unlink_from, side ? &pair.other : &pair.one);
        world_do(world, pair.one, puppet_fail, broken);
        world_join(world, pair.one);
        world_sync(world, pair.other);
        assert_int_equal(world_heard(world, "other", "stop failed: broken"), 0);
    }
}

WORLD_STORY(what_was_unlinked_can_be_linked_again)
{
    struct pair pair = a_pair(world);
    world_do(world, pair.one, unlink_from, &pair.other);
    world_do(world, pair.one, unlink_from, &pair.other); // there is none
    world_do(world, pair.other, link_with, &pair.one);
    world_do(world, pair.one, puppet_fail, broken);
    world_await_all(world, "other", "init 1; stop failed: broken");
}

// ---- Unlink flushes

static troupe_status put_exits_aside(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    if (troupe_match(msg, troupe_exited)) {
        puppet_say(ctx, "put aside");
        return troupe_stash(ctx, msg);
    }
    const struct number *number = troupe_match(msg, Number);
    WORLD_CHECK(number != NULL);
    if (number->value < 0)
        return troupe_fail(ctx, TROUPE_EUSER, "%s", broken);
    if (number->value == 1)
        WORLD_CHECK(troupe_unlink(ctx, ((struct puppet *)state)->other) == TROUPE_OK);
    (void)troupe_unstash(ctx);
    return troupe_unbecome(ctx);
}

static troupe_status wait_with_exits(troupe_ctx *ctx, struct puppet *puppet, void *ref)
{
    WORLD_CHECK(trap_and_link(ctx, puppet, ref) == TROUPE_OK);
    return troupe_become(ctx, put_exits_aside);
}

static void put_aside_and_go_on(struct world *world, int64_t number)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL), b = world_spawn(world, "b", NULL, NULL);
    world_do(world, a, wait_with_exits, &b);
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
    WORLD_CHECK(link_with(ctx, puppet, ref) == TROUPE_OK);
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

// A slow handler: what happens meanwhile waits.
static struct {
    _Atomic bool go_on;
} slow;

static troupe_status unlink_late(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)arg;
    troupe_kill(ctx, puppet->other);
    troupe_reason down = {.kind = TROUPE_FAILED, .text = broken};
    WORLD_CHECK(troupe_exit(ctx, puppet->other, &down) == TROUPE_OK);
    puppet_say(ctx, "slow");
    while (!slow.go_on)
        continue;
    return troupe_unlink(ctx, puppet->other);
}

static void expect_nothing_after_unlink(struct world *world, puppet_fn init)
{
    slow.go_on = false;
    troupe_ref a = world_spawn(world, "a", init, NULL), b = world_spawn(world, "b", NULL, NULL);
    world_do(world, a, link_with, &b);
    world_tell(world, a, unlink_late, NULL);
    world_join(world, b); // so its signal is on its way
    slow.go_on = true;
    world_sync(world, a);
    world_expect(world, "a", "init 1; slow");
}

static void on_two_workers(void (*story)(struct world *world))
{
    world_each_threads(story);
}

static void late_untrapped(struct world *world)
{
    if (world->workers > 1)
        expect_nothing_after_unlink(world, NULL);
}

static void late_trapped(struct world *world)
{
    if (world->workers > 1)
        expect_nothing_after_unlink(world, trap);
}

static void unlink_flushes_what_waits(void **state)
{
    (void)state;
    on_two_workers(late_untrapped);
    on_two_workers(late_trapped);
}

// ---- troupe_exit

WORLD_STORY(exit_ends_who_does_not_trap)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL), b = world_spawn(world, "b", NULL, NULL);
    world_sync(world, a);
    world_sync(world, b);
    send_exit(world, a, TROUPE_FAILED);
    send_exit(world, b, TROUPE_SHUTDOWN);
    world_await_all(world, "a", "init 1; stop failed: by hand");
    world_await_all(world, "b", "init 1; stop shutdown");
}

WORLD_STORY(exit_with_normal_is_nothing_to_others)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    send_exit(world, a, TROUPE_NORMAL);
    world_sync(world, a);
    world_expect(world, "a", "init 1");
}

WORLD_STORY(exit_is_a_message_to_who_traps)
{
    troupe_ref a = world_spawn(world, "a", trap, NULL);
    world_sync(world, a);
    send_exit(world, a, TROUPE_NORMAL);
    send_exit(world, a, TROUPE_FAILED);
    send_exit(world, a, TROUPE_SHUTDOWN);
    world_await_all(world, "a",
                    "init 1; exited 0 normal; exited 0 failed: by hand; exited 0 shutdown");
}

WORLD_STORY(exit_with_killed_cannot_be_trapped_and_is_killed_to_those_linked)
{
    troupe_ref a = world_spawn(world, "a", trap, NULL);
    troupe_ref b = world_spawn(world, "b", trap, NULL);
    world_do(world, b, link_with, &a);
    world_sync(world, a);
    send_exit(world, a, TROUPE_KILLED);
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
    troupe_ref a = world_spawn(world, "a", trap, NULL);
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
    send_exit(world, a, TROUPE_NORMAL);
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
    send_exit(world, none, TROUPE_FAILED); // nobody
    send_exit(world, none, TROUPE_KILLED);
    troupe_kill(world->ctx, a);
    world_join(world, a);
    send_exit(world, a, TROUPE_FAILED);
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

// ---- Restarts

WORLD_STORY(a_restart_ends_links)
{
    troupe_ref a = world_supervise(world, "a", NULL);
    troupe_ref b = world_spawn(world, "b", trap, NULL);
    world_do(world, b, link_with, &a);
    world_do(world, a, puppet_fail, broken);
    world_await_all(world, "b", "init 1; exited 1 failed: broken");
    world_do(world, a, puppet_fail, broken);
    world_await(world, "a", "init 3");
    world_sync(world, b);
    world_expect(world, "b", "init 1; exited 1 failed: broken");
    world_do(world, b, link_with, &a);
    world_do(world, a, puppet_fail, broken);
    world_await_all(world, "b", "init 1; exited 1 failed: broken; exited 3 failed: broken");
}

WORLD_STORY(a_restart_ends_the_trap)
{
    troupe_ref a = world_supervise(world, "a", NULL);
    world_do(world, a, trap, NULL);
    world_do(world, a, puppet_fail, broken);
    world_await(world, "a", "init 2");
    world_sync(world, a);
    send_exit(world, a, TROUPE_FAILED);
    world_await(world, "a", "init 3");
    assert_int_equal(world_heard(world, "a", "stop failed: by hand"), 1);
}

WORLD_STORY(a_supervised_actor_is_restarted_after_a_signal)
{
    troupe_ref a = world_supervise(world, "a", NULL);
    troupe_ref b = world_spawn(world, "b", NULL, NULL);
    world_do(world, a, link_with, &b);
    world_do(world, b, puppet_fail, broken);
    world_await(world, "a", "init 2");
    world_expect_order(world, "a", "stop failed: broken", "a", "init 2");
}

WORLD_STORY(a_trapped_signal_is_not_for_the_next_incarnation)
{
    troupe_ref a = world_supervise(world, "a", NULL), b = world_spawn(world, "b", NULL, NULL);
    world_do(world, a, wait_with_exits, &b);
    troupe_stop(world->ctx, b);
    world_await(world, "a", "put aside");
    send_exit(world, a, TROUPE_FAILED);
    world_await_times(world, 2, "a", "put aside");
    troupe_send(world->ctx, a, Number, .value = -1);
    world_sync(world, a);
    world_expect(world, "a", "init 1; put aside; put aside; stop failed: broken; init 2");
}

// Fails in init as long as told to, so that its supervisor tries again and again.
static _Atomic int failing_starts;

static troupe_status fail_at_first(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet, (void)arg;
    return failing_starts-- > 0 ? troupe_fail(ctx, TROUPE_EUSER, "not yet") : TROUPE_OK;
}

WORLD_STORY(links_are_made_while_the_other_restarts)
{
    failing_starts = 0;
    troupe_ref a = world_supervise(world, "a", fail_at_first);
    troupe_ref b = world_spawn(world, "b", trap, NULL);
    failing_starts = 5;
    world_tell(world, a, puppet_fail, broken);
    for (int i = 0; i < 10; i++)
        world_tell(world, b, link_with, &a);
    world_await(world, "a", "init 7");
    world_sync(world, b);
    world_do(world, b, unlink_from, &a); // whichever incarnation that one is with
    world_do(world, a, puppet_fail, broken);
    world_await(world, "a", "init 8");
    world_sync(world, b);
    assert_int_equal(world_heard(world, "b", "exited 7 failed: broken"), 0);
    assert_int_equal(world_heard(world, "b", "exited 0 noactor"), 0); // it was there all the time
}

// ---- Spawning

struct spawning {
    troupe_spawn_opts opts;
    puppet_fn init;
    bool trap;
};

static troupe_status spawn_so(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    const struct spawning *spawning = arg;
    troupe_spawn_opts opts = spawning->opts;
    opts.name = "child";
    opts.monitor_ref = &puppet->monitor;
    WORLD_CHECK(troupe_trap_exits(ctx, spawning->trap) == TROUPE_OK);
    return troupe_spawn_with(ctx, &puppet_behavior, &opts, &puppet->other, Do, .fn = spawning->init,
                             .arg = broken);
}

static troupe_status fail_child(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    return troupe_send(ctx, puppet->other, Do, .fn = puppet_fail, .arg = arg);
}

WORLD_STORY(spawn_with_link_links_before_it_runs)
{
    struct spawning spawning = {{.link = true}, puppet_fail, true};
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    world_do(world, a, spawn_so, &spawning);
    world_await_all(world, "a", "init 1; exited 1 start failed: broken");
}

WORLD_STORY(spawn_with_link_ends_the_spawner_with_a_start_that_fails)
{
    struct spawning spawning = {{.link = true}, puppet_fail, false};
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    world_do(world, a, spawn_so, &spawning);
    world_join(world, a);
    world_expect(world, "a", "init 1; stop start failed: broken");
}

WORLD_STORY(spawn_with_link_works_in_both_directions)
{
    struct spawning spawning = {{.link = true, .detached = true}, NULL, false};
    troupe_ref a = world_spawn(world, "a", NULL, NULL), b = world_spawn(world, "b", NULL, NULL);
    world_do(world, a, spawn_so, &spawning);
    world_do(world, b, spawn_so, &spawning);
    world_await_times(world, 2, "child", "init 1"); // else it would end without a word
    world_do(world, a, puppet_fail, broken);
    world_await(world, "child", "stop failed: broken");
    world_do(world, b, fail_child, broken);
    world_await_all(world, "b", "init 1; stop failed: broken");
}

WORLD_STORY(spawn_with_link_and_monitor_tells_both)
{
    struct spawning spawning = {
        {.link = true, .monitor = TROUPE_ON_STOP | TROUPE_ON_START}, NULL, true};
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    world_do(world, a, spawn_so, &spawning);
    world_await(world, "a", "down start 1");
    world_do(world, a, fail_child, broken);
    world_await_all(world, "a",
                    "init 1; down start 1; exited 1 failed: broken; down stop 1 failed: broken");
}

// ---- Odd ends

static troupe_status have_child_and_link(troupe_ctx *ctx, struct puppet *puppet, void *ref)
{
    (void)puppet_spawn(ctx, "child", NULL, NULL);
    return link_with(ctx, puppet, ref);
}

WORLD_STORY(a_signal_ends_what_it_owns_as_well)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL), b = world_spawn(world, "b", NULL, NULL);
    world_do(world, a, have_child_and_link, &b);
    world_await(world, "child", "init 1");
    world_do(world, b, puppet_fail, broken);
    world_join(world, a);
    world_expect_order(world, "child", "stop shutdown", "a", "stop failed: broken");
}

WORLD_STORY(both_ends_of_a_link_may_be_stopped_at_once)
{
    struct pair pair = a_pair(world);
    troupe_stop(world->ctx, pair.one);
    troupe_stop(world->ctx, pair.other);
    world_join(world, pair.one);
    world_join(world, pair.other);
    world_expect(world, "one", "init 1; stop shutdown");
    world_expect(world, "other", "init 1; stop shutdown");
}

static troupe_status hang(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)arg;
    troupe_ref other = puppet->other;
    puppet_say(ctx, "hangs");
    while (!slow.go_on)
        continue;
    WORLD_CHECK(troupe_unlink(ctx, other) == TROUPE_ESTALE);
    WORLD_CHECK(troupe_link(ctx, other) == TROUPE_ESTALE);
    WORLD_CHECK(troupe_trap_exits(ctx, true) == TROUPE_ESTALE);
    WORLD_CHECK(troupe_exit(ctx, other, &(troupe_reason){.kind = TROUPE_SHUTDOWN}) ==
                TROUPE_ESTALE);
    return TROUPE_OK;
}

static void giving_up(struct world *world)
{
    if (world->workers < 2)
        return;
    slow.go_on = false;
    troupe_spawn_opts opts = {.name = "a", .kill_grace_ms = 1};
    troupe_ref a, b = world_spawn(world, "b", trap, NULL);
    assert_int_equal(troupe_spawn_with(world->ctx, &puppet_behavior, &opts, &a, Do), TROUPE_OK);
    world_do(world, a, link_with, &b);
    world_tell(world, a, hang, NULL);
    world_await(world, "a", "hangs");
    troupe_kill(world->ctx, a);
    world_await_all(world, "b", "init 1; exited 1 killed");
    slow.go_on = true;
}

static void a_handler_that_is_given_up_has_ended_for_its_links(void **state)
{
    (void)state;
    world_each_threads(giving_up);
}

static troupe_status link_at_the_end(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)ctx, (void)state, (void)msg;
    return TROUPE_STOP;
}

static troupe_ref at_the_end;

static void stop_and_link(troupe_ctx *ctx, void *state, const troupe_reason *why)
{
    (void)state, (void)why;
    WORLD_CHECK(troupe_link(ctx, at_the_end) == TROUPE_OK);
}

static const troupe_behavior last_minute = {
    .name = "last minute", .receive = link_at_the_end, .stop = stop_and_link};

WORLD_STORY(a_link_made_while_it_stops_is_told_at_its_end)
{
    troupe_ref a;
    at_the_end = world_spawn(world, "b", trap, NULL);
    world_sync(world, at_the_end);
    assert_int_equal(troupe_spawn(world->ctx, &last_minute, NULL, &a), TROUPE_OK);
    troupe_stop(world->ctx, a);
    world_await_all(world, "b", "init 1; exited 1 shutdown");
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
        cmocka_unit_test(a_signal_that_was_put_aside_is_handled_later),
        cmocka_unit_test(unlink_flushes_also_what_was_put_aside),
        cmocka_unit_test(unlink_after_the_end_is_nothing),
        cmocka_unit_test(unlink_flushes_what_waits),
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
        cmocka_unit_test(outside_there_are_no_links),
        cmocka_unit_test(a_restart_ends_links),
        cmocka_unit_test(a_restart_ends_the_trap),
        cmocka_unit_test(a_supervised_actor_is_restarted_after_a_signal),
        cmocka_unit_test(a_trapped_signal_is_not_for_the_next_incarnation),
        cmocka_unit_test(links_are_made_while_the_other_restarts),
        cmocka_unit_test(spawn_with_link_links_before_it_runs),
        cmocka_unit_test(spawn_with_link_ends_the_spawner_with_a_start_that_fails),
        cmocka_unit_test(spawn_with_link_works_in_both_directions),
        cmocka_unit_test(spawn_with_link_and_monitor_tells_both),
        cmocka_unit_test(a_signal_ends_what_it_owns_as_well),
        cmocka_unit_test(both_ends_of_a_link_may_be_stopped_at_once),
        cmocka_unit_test(a_handler_that_is_given_up_has_ended_for_its_links),
        cmocka_unit_test(a_link_made_while_it_stops_is_told_at_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
