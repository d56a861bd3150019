// The end of an actor, and who moves into its slot, under chosen interleavings: real activations on
// two workers of the test's own, and one or two threads outside. What must hold: each message that
// meets the end is handled or a dead letter, once; the slot becomes free once; and what comes too
// late does nothing to the next one in the slot, which starts.
#include "tests/support/lone.h"
#include "tests/support/test.h"

#include <string.h>

static const troupe_behavior *next; // of the actor that moves in when the slot is free
static int early, late;             // over all runs: before the end or after it

static void setup_running(void *user)
{
    (void)user;
    lone_open(&lone_plain, 2);
    hands_settle(&lone.hands);
}

// ---- Stop against send

static void check_ended(void *user)
{
    (void)user;
    troupe_report report;
    TRP_EXPECT(lone.stops == 1);
    TRP_EXPECT(atomic_load(&lone.slot->body) == NULL);
    lone_expect_at_rest();
    hands_close(&lone.hands, &report);
    TRP_EXPECT(report.stats.ended == 1);
    TRP_EXPECT(report.stats.handled + report.stats.dead == (uint64_t)lone.times);
    TRP_EXPECT(report.stats.handled == (uint64_t)lone.handled);
    early += lone.handled == lone.times;
    late += lone.handled == 0;
}

// The sender has found the actor alive and is about to push, or is between the two halves of that;
// the actor is about to end, or its mailbox has been emptied.
static void a_send_against_a_stop_is_handled_or_dead(void **state)
{
    (void)state;
    lone.times = 1;
    early = late = 0;
    struct trp_interleave test = lone_play("stop against send", setup_running, lone_order_stop,
                                           lone_send_numbers, check_ended);
    test.windows[0] =
        (struct trp_window){"mpsc push: before swap", "watched end: before the generation ends"};
    test.windows[1] = (struct trp_window){"mpsc push: between swap and link",
                                          "watched end: before the generation ends"};
    test.windows[2] =
        (struct trp_window){"mpsc push: between swap and link", "slot: before release of a hold"};
    lone_explore(&test);
    assert_true(early > 0); // both ends of the race are reached
    assert_true(late > 0);
    lone.times = 3;
    trp_interleave_random(&test, 1, 1000);
}

// ---- The end by a handler

static void setup_bare(void *user)
{
    (void)user;
    lone_open(&lone_bare, 2);
    troupe_send(lone.hands.ctx, lone.ref, Stop);
}

static int times_free(const struct trp_slot *list)
{
    int times = 0;
    for (; list; list = list->sibling_next)
        times += list == lone.slot;
    return times;
}

static void check_ended_by_handler(void *user)
{
    (void)user;
    troupe_report report;
    TRP_EXPECT(atomic_load(&lone.slot->body) == NULL);
    lone_expect_at_rest();
    lone_give_slots_back();
    TRP_EXPECT(times_free(lone.hands.system->slots.free_list) == 1);
    hands_close(&lone.hands, &report);
    TRP_EXPECT(report.stats.ended == 1);
    TRP_EXPECT(report.stats.handled + report.stats.dead == report.stats.sent);
    TRP_EXPECT(report.stats.handled == (uint64_t)lone.handled);
}

static void a_send_against_the_end_by_a_handler_is_handled_or_dead(void **state)
{
    (void)state;
    lone.times = 1;
    struct trp_interleave test = lone_play("end against send", setup_bare, lone_order_tick,
                                           lone_send_numbers, check_ended_by_handler);
    test.windows[0] =
        (struct trp_window){"mpsc push: before swap", "end: before the message leaves"};
    lone_explore(&test);
    lone.times = 3;
    trp_interleave_random(&test, 1, 1000);
}

// ---- A late push or order against the slot's next actor

// The slot comes back to the test, which has the next actor take it.
static bool slot_is_free(void *user)
{
    (void)user;
    return lone.hands.hands[0].runner->slots.free_list == lone.slot ||
           lone.hands.hands[1].runner->slots.free_list == lone.slot;
}

static void recycle(void *user)
{
    (void)user;
    troupe_system *system = lone.hands.system;
    lone_give_order(TRP_ORDER_STOP);
    trp_interleave_block_until("recycle: blocked until free", slot_is_free, NULL);
    lone_give_slots_back();
    struct trp_spawn_spec spec = {.behavior = next};
    troupe_ref ref;
    troupe_status status = trp_spawn(system, NULL, &spec, &ref);
    TRP_EXPECT(status == TROUPE_OK);
    TRP_EXPECT(ref.slot == lone.ref.slot && ref.generation == lone.ref.generation + 1);
    trp_interleave_yield("recycle: moved in");
    hands_leave(&lone.hands);
}

static void check_recycled(void *user)
{
    (void)user;
    troupe_report report;
    TRP_EXPECT(lone.inits == 1 + (next->init != NULL)); // the new one has started
    TRP_EXPECT(atomic_load(&lone.slot->body) != NULL);
    lone_expect_at_rest();
    hands_settle(&lone.hands);
    int handled = lone.handled;
    hands_close(&lone.hands, &report);
    TRP_EXPECT(report.stats.ended == 2);
    TRP_EXPECT(report.stats.handled == (uint64_t)handled);
    TRP_EXPECT(report.stats.handled + report.stats.dead == report.stats.sent);
}

// What is sent to the one before arrives there, or is dead; never at the next one.
static void check_late_push(void *user)
{
    early += lone.handled == lone.times;
    late += lone.handled == 0;
    TRP_EXPECT(lone.handled <= lone.times);
    check_recycled(user);
}

static troupe_status refuse(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)ctx, (void)state, (void)msg;
    bool for_the_one_before = true;
    TRP_EXPECT(!for_the_one_before);
    return TROUPE_OK;
}

static troupe_status count_init(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    (void)ctx, (void)state, (void)args;
    lone.inits++;
    return TROUPE_OK;
}

static const troupe_behavior other = {.name = "other", .init = count_init, .receive = refuse};

// The sender has found the one before alive, and pushes when another one has moved in; or it is
// between the two halves of its push when the next one is.
static void a_late_push_against_a_recycle_is_dead_and_does_no_harm(void **state)
{
    (void)state;
    lone.times = 1;
    next = &other;
    early = late = 0;
    struct trp_interleave test = lone_play("late push against recycle", setup_running, recycle,
                                           lone_send_numbers, check_late_push);
    test.windows[0] = (struct trp_window){"mpsc push: before swap", "recycle: moved in"};
    test.windows[1] =
        (struct trp_window){"mpsc push: between swap and link", "spawn: between alive and body"};
    if (LONE_THOROUGH)
        lone_explore(&test);
    lone.times = 3;
    trp_interleave_random(&test, 1, 2000);
    assert_true(early > 0); // both ends of the race are reached
    assert_true(late > 0);
}

static void be_late(void *user)
{
    (void)user;
    troupe_ref guess = lone.ref;
    guess.generation++;
    lone_give_order(TRP_ORDER_TICK);
    if (lone.times > 1) {
        troupe_send(lone.hands.ctx, lone.ref, Number);
        trp_slot_order(lone.hands.system, NULL, lone.slot, guess.generation, TRP_ORDER_NOTICE);
        troupe_send(lone.hands.ctx, guess, Number);
    }
    hands_leave(&lone.hands);
}

static void an_actor_in_a_used_slot_starts_whatever_comes_late(void **state)
{
    (void)state;
    lone.times = 1;
    next = &lone_plain;
    struct trp_interleave test =
        lone_play("late order against recycle", setup_running, recycle, be_late, check_recycled);
    test.windows[0] = (struct trp_window){"slot nudge: before nudged", "recycle: moved in"};
    test.max_preemptions = 1; // two make 67000 runs
    lone_explore(&test);
    trp_interleave_random(&test, 1, 1000);
    lone.times = 2;
    trp_interleave_random(&test, 1, 1000);
    next = &lone_bare; // which no nudge of its own makes look
    trp_interleave_random(&test, 1, 2000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_send_against_a_stop_is_handled_or_dead),
        cmocka_unit_test(a_send_against_the_end_by_a_handler_is_handled_or_dead),
        cmocka_unit_test(a_late_push_against_a_recycle_is_dead_and_does_no_harm),
        cmocka_unit_test(an_actor_in_a_used_slot_starts_whatever_comes_late),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
