// Orders to a slot under chosen interleavings: real activations on two workers of the test's own,
// and two threads outside. What must hold: no order and no message is lost, whatever the slot is
// about, and two workers never run one actor at once. Ends are in recycle_interleave_test.c.
#include "tests/support/lone.h"
#include "tests/support/test.h"
#include "troupe/supervisor.h"

#include <string.h>

// ---- Actors

// Handles Aside as any other.
static troupe_status receive_plainly(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)ctx, (void)state, (void)msg;
    lone_enter();
    lone.handled++;
    lone.inside = false;
    return TROUPE_OK;
}

static troupe_status init_twofold(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    (void)state, (void)args;
    troupe_become(ctx, lone_receive); // first, and when it goes back:
    return TROUPE_OK;
}

static const troupe_behavior twofold = {
    .name = "twofold", .init = init_twofold, .receive = receive_plainly};

// ---- Orders and messages against going idle

static void setup_running(void *user)
{
    (void)user;
    lone_open(&lone_plain, 2);
    hands_settle(&lone.hands);
}

static void setup_twofold(void *user)
{
    (void)user;
    lone_open(&twofold, 2);
    hands_settle(&lone.hands);
}

static void send_aside(void *user)
{
    (void)user;
    troupe_send(lone.hands.ctx, lone.ref, Aside);
    hands_leave(&lone.hands);
}

static void check_all_seen(void *user)
{
    (void)user;
    troupe_report report;
    lone_expect_at_rest();
    hands_close(&lone.hands, &report);
}

// The consumer is about to say that the nudge is free, or to go idle, when another wants it.
static void two_orders_at_once_are_both_seen(void **state)
{
    (void)state;
    lone.times = 1;
    struct trp_interleave test = lone_play("orders against going idle", setup_running,
                                           lone_order_tick, lone_order_notice, check_all_seen);
    test.windows[0] =
        (struct trp_window){"slot nudge: before nudged", "slot nudge done: before nudged"};
    test.windows[1] = (struct trp_window){"slot nudge: before nudged", "mpsc pop: before idle"};
    lone_explore(&test);
    lone.times = 3;
    trp_interleave_random(&test, 1, 2000);
}

static void check_one_handled(void *user)
{
    (void)user;
    troupe_report report;
    TRP_EXPECT(lone.handled == lone.times);
    lone_expect_at_rest();
    hands_close(&lone.hands, &report);
}

static void an_order_and_a_message_are_both_seen(void **state)
{
    (void)state;
    lone.times = 1;
    struct trp_interleave test = lone_play("an order against a message", setup_running,
                                           lone_order_tick, lone_send_numbers, check_one_handled);
    test.windows[0] =
        (struct trp_window){"mpsc push: between swap and link", "slot nudge: before nudged"};
    test.windows[1] =
        (struct trp_window){"mpsc push: between swap and link", "mpsc pop: waiting for link"};
    lone_explore(&test);
    lone.times = 3;
    trp_interleave_random(&test, 1, 2000);
}

static void a_message_put_aside_and_an_order_are_both_seen(void **state)
{
    (void)state;
    lone.times = 1;
    struct trp_interleave test = lone_play("an order against a detached front", setup_twofold,
                                           lone_order_tick, send_aside, check_one_handled);
    test.windows[0] =
        (struct trp_window){"slot nudge: before nudged", "slot detach: before nudged"};
    lone_explore(&test);
    trp_interleave_random(&test, 1, 1000);
}

// ---- A slot that is suspended: nobody runs it though messages wait

// A supervisor that waits for the start of its child.
static void setup_suspending(void *user)
{
    (void)user;
    static const troupe_child child = {.id = "child", .behavior = &lone_plain};
    static const troupe_supervisor spec = {.children = &child, .child_count = 1};
    hands_open(&lone.hands, 1, NULL, 2);
    lone.inside = false;
    TRP_EXPECT(troupe_supervise(lone.hands.ctx, &spec, &lone.ref) == TROUPE_OK);
    lone.slot = trp_resolve(lone.hands.system, lone.ref);
    troupe_send(lone.hands.ctx, lone.ref, Number); // waits for the start, and is not known then
}

static void check_suspended_end(void *user)
{
    (void)user;
    troupe_report report;
    TRP_EXPECT(atomic_load(&lone.slot->body) == NULL);
    lone_expect_at_rest();
    hands_close(&lone.hands, &report);
    TRP_EXPECT(report.stats.dead == 1);
    TRP_EXPECT(report.stats.ended == report.stats.spawned);
}

static void an_order_against_suspend_is_seen(void **state)
{
    (void)state;
    lone.times = 1;
    struct trp_interleave test = lone_play("orders against suspend", setup_suspending,
                                           lone_order_stop, lone_order_notice, check_suspended_end);
    test.windows[0] = (struct trp_window){"slot order: before bits", "slot suspend: before bit"};
    test.max_preemptions = 1; // two make 190000 runs
    lone_explore(&test);
    lone.times = 3;
    trp_interleave_random(&test, 1, 2000);
}

// ---- An order to an actor that is just being spawned, by a ref that is a guess

static const troupe_behavior *next; // of the actor that moves in when the slot is free

static void setup_free(void *user)
{
    setup_running(user);
    lone_give_order(TRP_ORDER_STOP);
    hands_settle(&lone.hands);
    lone_give_slots_back();
}

static void move_in(void *user)
{
    (void)user;
    struct trp_spawn_spec spec = {.behavior = next};
    TRP_EXPECT(trp_spawn(lone.hands.system, NULL, &spec, NULL) == TROUPE_OK);
    hands_leave(&lone.hands);
}

static void guess(void *user)
{
    (void)user;
    uint32_t generation = lone.ref.generation + 1;
    for (int i = 0; i < lone.times; i++) {
        trp_slot_order(lone.hands.system, NULL, lone.slot, generation, TRP_ORDER_TICK);
        trp_interleave_yield("guess: between orders");
    }
    hands_leave(&lone.hands);
}

static void check_moved_in(void *user)
{
    (void)user;
    troupe_report report;
    TRP_EXPECT(atomic_load(&lone.slot->body) != NULL);
    lone_expect_at_rest();
    hands_close(&lone.hands, &report);
    TRP_EXPECT(report.stats.ended == 2);
}

static void an_order_against_a_spawn_is_seen(void **state)
{
    (void)state;
    lone.times = 2;
    struct trp_interleave test =
        lone_play("order against spawn", setup_free, move_in, guess, check_moved_in);
    test.windows[0] =
        (struct trp_window){"spawn: between alive and body", "slot order: waiting for the body"};
    next = &lone_bare;
    lone_explore(&test);
    trp_interleave_random(&test, 1, 1000);
    next = &lone_plain;
    lone_explore(&test);
    trp_interleave_random(&test, 1, 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_orders_at_once_are_both_seen),
        cmocka_unit_test(an_order_and_a_message_are_both_seen),
        cmocka_unit_test(a_message_put_aside_and_an_order_are_both_seen),
        cmocka_unit_test(an_order_against_suspend_is_seen),
        cmocka_unit_test(an_order_against_a_spawn_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
