// What supervisors guard against and what is rare: a second failure while a group waits, members
// that are stopped or forgotten amid it, senders that only look like members.
#include "tests/support/gate.h"
#include "tests/support/tree.h"
#include "troupe/name.h"

#include <stdio.h>
#include <string.h>

#define SECOND 1000u

static troupe_ref start(struct world *world, troupe_strategy strategy, uint32_t max_restarts,
                        const troupe_child *children, size_t count)
{
    return tree_start_as(world, strategy, max_restarts, children, count);
}

static troupe_status stop_child(struct world *world, troupe_ref top, const char *id)
{
    return troupe_stop_child_wait(world->ctx, top, TROUPE_NO_LIMIT, id);
}

static troupe_status restart_child(struct world *world, troupe_ref top, const char *id)
{
    troupe_ref ref;
    return troupe_restart_child_wait(world->ctx, top, TROUPE_NO_LIMIT, id, &ref);
}

// ---- A group that waits for a backoff

static const troupe_child slow_b[] = {PUPPET("a"), PUPPET("b", .backoff = {.min_ms = SECOND}),
                                      PUPPET("c")};

// "b" has failed and its group waits; "c" was stopped and started again meanwhile.
static troupe_ref start_waiting(struct world *world, troupe_strategy strategy)
{
    troupe_ref top = start(world, strategy, MANY, slow_b, COUNT(slow_b));
    tree_fail(world, top, "b");
    world_settle(world);
    assert_int_equal(stop_child(world, top, "c"), TROUPE_OK);
    assert_int_equal(restart_child(world, top, "c"), TROUPE_OK);
    return top;
}

WORLD_STORY_DRIVEN(a_member_that_fails_while_its_group_waits_is_started_with_it)
{
    troupe_ref top = start_waiting(world, TROUPE_REST_FOR_ONE);
    tree_fail(world, top, "c");
    world_advance(world, 2 * SECOND);
    tree_expect(world, top, "a running 1, b running 2, c running 2");
    world_expect_order(world, "b", "init 2", "c", "init 2");
}

WORLD_STORY_DRIVEN(a_group_that_waits_is_not_started_earlier_by_a_member_that_fails)
{
    troupe_ref top = start_waiting(world, TROUPE_REST_FOR_ONE);
    tree_fail(world, top, "c");
    world_advance(world, SECOND / 2);
    tree_expect(world, top, "a running 1, b restarting, c restarting");
}

WORLD_STORY_DRIVEN(a_group_that_waits_is_not_started_earlier_by_another_group)
{
    troupe_ref top = start(world, TROUPE_REST_FOR_ONE, MANY, slow_b, COUNT(slow_b));
    tree_fail(world, top, "b");
    world_settle(world);
    tree_fail(world, top, "a");
    world_advance(world, SECOND / 2);
    tree_expect(world, top, "a restarting, b restarting, c restarting");
    world_advance(world, SECOND);
    tree_expect(world, top, "a running 2, b running 2, c running 2");
}

WORLD_STORY_DRIVEN(a_member_that_one_restart_left_out_is_started_by_the_next)
{
    troupe_ref top = start(world, TROUPE_ONE_FOR_ALL, MANY, slow_b, COUNT(slow_b));
    tree_fail(world, top, "b");
    world_settle(world);
    assert_int_equal(stop_child(world, top, "c"), TROUPE_OK);
    world_advance(world, 2 * SECOND);
    tree_expect(world, top, "a running 2, b running 2, c stopped");
    tree_fail(world, top, "a");
    tree_await(world, top, "a running 3, b running 3, c running 1");
}

// ---- A member that does not come back

static struct gate gate;

static troupe_status pass_gate(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)ctx, (void)puppet, (void)arg;
    gate_pass(&gate);
    return TROUPE_OK;
}

#define SLOW .place = TROUPE_ON_THREAD, .shutdown_ms = TROUPE_NO_LIMIT

WORLD_STORY_ON_THREADS(a_group_does_not_wait_for_a_member_that_is_forgotten)
{
    static const troupe_child children[] = {PUPPET("a"),
                                            PUPPET("b", SLOW, .restart = TROUPE_TEMPORARY)};
    troupe_ref top = start(world, TROUPE_ONE_FOR_ALL, 1, children, COUNT(children));
    gate_init(&gate);
    world_tell(world, tree_child(world, top, "b"), pass_gate, NULL);
    gate_await(&gate);
    assert_int_equal(troupe_stop_child(world->ctx, top, 0, NULL, NULL, "b"), TROUPE_OK);
    tree_await(world, top, "a running 1, b stopping");
    tree_fail(world, top, "a");
    tree_await(world, top, "a running 2, b stopping"); // although it hangs
    gate_open(&gate);
    tree_await(world, top, "a running 2");
}

// ---- A supervisor that stops

static struct gate new_gate;

static troupe_status pass_new_gate(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)ctx, (void)puppet, (void)arg;
    gate_pass(&new_gate);
    return TROUPE_OK;
}

static troupe_status ask_to_start(troupe_ctx *ctx, struct puppet *puppet, void *supervisor)
{
    (void)puppet;
    static char start_text[] = "start";
    static const struct order slow_init = {pass_new_gate, NULL};
    static const troupe_child child = PUPPET("new", SLOW, RUN(&slow_init));
    return troupe_start_child(ctx, *(troupe_ref *)supervisor, TROUPE_NO_LIMIT, tree_say_outcome,
                              start_text, &child);
}

// "y" hangs, so that the one before, whose start is asked for, starts while the supervisor stops.
WORLD_STORY_ON_THREADS(a_child_that_starts_while_its_supervisor_stops_has_not)
{
    static const troupe_child y = PUPPET("y", SLOW), z = PUPPET("z");
    troupe_ref top = tree_start_owned(world, &(troupe_supervisor){.name = "top"}), ref;
    troupe_ref asker = world_spawn(world, "asker", NULL, NULL);
    gate_init(&gate);
    gate_init(&new_gate);
    world_do(world, asker, ask_to_start, &top);
    gate_await(&new_gate);
    assert_int_equal(troupe_start_child_wait(world->ctx, top, 0, &y, &ref), TROUPE_OK);
    world_tell(world, ref, pass_gate, NULL);
    gate_await(&gate);
    assert_int_equal(troupe_start_child_wait(world->ctx, top, 0, &z, &ref), TROUPE_OK);
    ref = tree_child(world, top, "new");
    troupe_stop(world->ctx, top);
    world_await(world, "z", "stop shutdown");
    gate_open(&new_gate);
    world_sync(world, ref); // it has told its supervisor that it has started
    gate_open(&gate);
    world_await_all(world, "owner", "init 1; down start 1; down stop 1 shutdown");
    world_await_all(world, "asker", "init 1; start: down shutdown");
}

// ---- Failures that are looked at when a group is through

WORLD_STORY_ON_THREADS(who_gives_up_looks_at_no_other_failure)
{
    static const troupe_child children[] = {PUPPET("a"), PUPPET("b"), PUPPET("c"),
                                            PUPPET("d", SLOW)};
    troupe_ref top = start(world, TROUPE_REST_FOR_ONE, 1, children, COUNT(children));
    gate_init(&gate);
    world_tell(world, tree_child(world, top, "d"), pass_gate, NULL);
    gate_await(&gate);
    tree_fail(world, top, "c");
    tree_await(world, top, "a running 1, b running 1, c restarting, d restarting");
    tree_fail(world, top, "a");
    tree_fail(world, top, "b");
    tree_await(world, top, "a restarting, b restarting, c restarting, d restarting");
    gate_open(&gate);
    world_await_all(world, "owner", "init 1; down start 1; down stop 1 shutdown");
    assert_int_equal(world_heard(world, "event", "gave up top 1 failed: broken"), 1);
}

// ---- Senders that are no members

// Puts each Number aside, so that it waits over a restart, and says so.
static troupe_status keeper_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    const struct number *number = troupe_match(msg, Number);
    if (number == NULL)
        return puppet_behavior.receive(ctx, state, msg);
    puppet_say(ctx, "keeps %lld", (long long)number->value);
    return troupe_stash(ctx, msg);
}

static const troupe_behavior keeper = {
    .name = "keeper", .state_size = sizeof(struct puppet), .receive = keeper_receive};

#define KEEPER(name)                                             \
    {                                                            \
        .id = (name), .behavior = &keeper, .register_as = (name) \
    }

static troupe_status send_five(troupe_ctx *ctx, struct puppet *puppet, void *to)
{
    (void)puppet;
    return troupe_send_name(ctx, to, Number, .value = 5);
}

static char keeper_name[] = "b";

static void send_five_from(struct world *world, troupe_ref from)
{
    assert_int_equal(world_do(world, from, send_five, keeper_name), TROUPE_OK);
    world_sync(world, troupe_whereis(world->ctx, keeper_name));
}

// It has kept the five over a restart.
static void expect_kept(struct world *world)
{
    world_sync(world, troupe_whereis(world->ctx, keeper_name));
    assert_int_equal(world_heard(world, "b", "keeps 5"), 2);
    assert_int_equal(world_heard(world, "dead", "Number 5 stale"), 0);
}

static const troupe_child keeper_last[] = {PUPPET("a"), KEEPER("b")};

WORLD_STORY(who_was_a_member_of_an_earlier_restart_is_none_of_this_one)
{
    troupe_ref top = start(world, TROUPE_REST_FOR_ONE, MANY, keeper_last, COUNT(keeper_last));
    tree_fail(world, top, "a");
    tree_await(world, top, "a running 2, b running 2");
    send_five_from(world, tree_child(world, top, "a"));
    tree_fail(world, top, "b");
    tree_await(world, top, "a running 2, b running 3");
    expect_kept(world);
}

// Has children started until one has got the slot.
static void start_child_in(struct world *world, troupe_ref top, uint32_t slot)
{
    for (int i = 0; i < 1000; i++) {
        char id[16];
        troupe_ref ref;
        (void)snprintf(id, sizeof id, "%d", i);
        const troupe_child child = PUPPET(id);
        assert_int_equal(troupe_start_child_wait(world->ctx, top, TROUPE_NO_LIMIT, &child, &ref),
                         TROUPE_OK);
        if (ref.slot == slot)
            return;
    }
    fail_msg("no child has got the slot");
}

WORLD_STORY_DRIVEN(what_one_sent_stays_whose_slot_is_a_members_by_now)
{
    troupe_ref top = start(world, TROUPE_ONE_FOR_ALL, MANY, keeper_last, COUNT(keeper_last));
    troupe_ref stranger = world_spawn(world, "stranger", NULL, NULL);
    send_five_from(world, stranger);
    world_do(world, stranger, puppet_stop, NULL);
    world_join(world, stranger);
    start_child_in(world, top, stranger.slot);
    tree_fail(world, top, "a");
    tree_await_running(world, top);
    expect_kept(world);
}

WORLD_STORY_DRIVEN(what_a_member_of_another_group_sent_stays)
{
    static const troupe_child others[] = {PUPPET("r"), PUPPET("s"), PUPPET("t"), PUPPET("u"),
                                          PUPPET("v"), PUPPET("w"), PUPPET("x"), PUPPET("y")};
    troupe_ref top = start(world, TROUPE_ONE_FOR_ALL, MANY, keeper_last, COUNT(keeper_last));
    troupe_supervisor spec = {.strategy = TROUPE_ONE_FOR_ALL, .max_restarts = MANY, TREE(others)};
    troupe_ref other = tree_start(world, &spec);
    send_five_from(world, tree_child(world, other, "y"));
    world_tell(world, tree_child(world, other, "y"), puppet_fail, broken);
    for (uint64_t i = 0; i < world->seed % 40; i++) // so that both drop what is stale at once
        world_sync(world, tree_child(world, top, "a"));
    tree_fail(world, top, "a");
    world_await(world, "a", "init 2");
    tree_await_running(world, top);
    tree_await_running(world, other);
    expect_kept(world);
}

// ---- A system that stops

static troupe_ref inner_ref;

static void stop_and_kill_inner(troupe_ctx *ctx, void *state, const troupe_reason *why)
{
    (void)state, (void)why;
    (void)troupe_kill(ctx, inner_ref);
}

static const troupe_behavior killer = {.name = "killer",
                                       .state_size = sizeof(struct puppet),
                                       .receive = keeper_receive,
                                       .stop = stop_and_kill_inner};

static const troupe_supervisor inner = {TROUPE_CHILDREN(PUPPET("x"))};
static const troupe_supervisor mid = {TROUPE_CHILDREN({.id = "inner", .supervisor = &inner})};

static unsigned count_said(const struct world *world, const char *who, const char *begin)
{
    unsigned count = 0;
    for (size_t i = 0; i < world->line_count; i++)
        if (strcmp(world->lines[i].who, who) == 0 &&
            strncmp(world->lines[i].text, begin, strlen(begin)) == 0)
            count++;
    return count;
}

// The system takes no actors any more, so "inner" cannot start its child again; "mid" is told to
// stop only after all that were started after it.
WORLD_STORY_DRIVEN(that_a_system_stops_is_no_failure_of_a_restart)
{
    static const troupe_child children[] = {{.id = "mid", .supervisor = &mid},
                                            PUPPET("1"),
                                            PUPPET("2"),
                                            PUPPET("3"),
                                            PUPPET("4"),
                                            PUPPET("5"),
                                            PUPPET("6"),
                                            PUPPET("7"),
                                            PUPPET("8"),
                                            PUPPET("9"),
                                            PUPPET("10"),
                                            PUPPET("11"),
                                            PUPPET("12"),
                                            {.id = "killer", .behavior = &killer}};
    troupe_ref top = tree_start(world, &(troupe_supervisor){TREE(children)});
    inner_ref = tree_child(world, tree_child(world, top, "mid"), "inner");
    world_stop(world);
    assert_int_equal(count_said(world, "event", "gave up"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_member_that_fails_while_its_group_waits_is_started_with_it),
        cmocka_unit_test(a_group_that_waits_is_not_started_earlier_by_a_member_that_fails),
        cmocka_unit_test(a_group_that_waits_is_not_started_earlier_by_another_group),
        cmocka_unit_test(a_member_that_one_restart_left_out_is_started_by_the_next),
        cmocka_unit_test(a_group_does_not_wait_for_a_member_that_is_forgotten),
        cmocka_unit_test(a_child_that_starts_while_its_supervisor_stops_has_not),
        cmocka_unit_test(who_gives_up_looks_at_no_other_failure),
        cmocka_unit_test(who_was_a_member_of_an_earlier_restart_is_none_of_this_one),
        cmocka_unit_test(what_one_sent_stays_whose_slot_is_a_members_by_now),
        cmocka_unit_test(what_a_member_of_another_group_sent_stays),
        cmocka_unit_test(that_a_system_stops_is_no_failure_of_a_restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
