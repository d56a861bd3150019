// Slots under chosen interleavings: real activations on two workers of the test's own, and one or
// two threads outside. What must hold: no order and no message is lost, an actor that was spawned
// starts, two workers never run one actor at once, and what a given-up handler holds is freed once.
#include "tests/support/hands.h"
#include "tests/support/test.h"

#include <string.h>

struct game {
    struct hands hands;
    troupe_ref ref;
    struct trp_slot *slot;
    bool inside; // a handler of the actor runs
    int inits, handled, stops, defers;
    int abandoned, returned;     // over all runs
    int times;                   // how often an outsider does its thing
    const troupe_behavior *next; // of the actor that moves in when the slot is free
};

static struct game only, *const game = &only;

TROUPE_EMPTY(Number);
TROUPE_EMPTY(Aside);
TROUPE_EMPTY(Fail);
TROUPE_EMPTY(Stop);

// ---- The actor

static void enter(void)
{
    TRP_EXPECT(!game->inside); // two consumers
    game->inside = true;
    trp_interleave_yield("handler");
}

static troupe_status init(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    (void)ctx, (void)state, (void)args;
    game->inits++;
    return TROUPE_OK;
}

static troupe_status receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    enter();
    game->handled++;
    if (troupe_match(msg, Aside)) { // the front leaves the mailbox, which must not go idle by that
        troupe_stash(ctx, msg);
        trp_interleave_yield("handler: put aside");
        game->handled--;
        troupe_unstash(ctx);
        troupe_unbecome(ctx);
    }
    game->inside = false;
    return troupe_match(msg, Fail)   ? TROUPE_EUSER
           : troupe_match(msg, Stop) ? TROUPE_STOP
                                     : TROUPE_OK;
}

// Handles Aside as any other.
static troupe_status receive_plainly(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)ctx, (void)state, (void)msg;
    enter();
    game->handled++;
    game->inside = false;
    return TROUPE_OK;
}

static troupe_status init_twofold(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    init(ctx, state, args);
    troupe_become(ctx, receive); // first, and when it goes back:
    return TROUPE_OK;
}

static void stop(troupe_ctx *ctx, void *state, const troupe_reason *why)
{
    (void)ctx, (void)state, (void)why;
    game->stops++;
}

static const troupe_behavior plain = {
    .name = "plain", .init = init, .receive = receive, .stop = stop};
static const troupe_behavior bare = {.name = "bare", .receive = receive};
static const troupe_behavior twofold = {
    .name = "twofold", .init = init_twofold, .receive = receive_plainly, .stop = stop};

static void setup_with(const troupe_behavior *behavior, int outsiders)
{
    hands_open(&game->hands, 1, NULL, outsiders);
    game->inside = false;
    game->inits = game->handled = game->stops = game->defers = 0;
    troupe_status status = troupe_spawn(game->hands.ctx, behavior, NULL, &game->ref);
    TRP_EXPECT(status == TROUPE_OK);
    game->slot = trp_resolve(game->hands.system, game->ref);
}

static void setup_running(void *user)
{
    (void)user;
    setup_with(&plain, 2);
    hands_settle(&game->hands);
}

static void setup_twofold(void *user)
{
    (void)user;
    setup_with(&twofold, 2);
    hands_settle(&game->hands);
}

static void expect_at_rest(void)
{
    TRP_EXPECT((atomic_load(&game->slot->orders) & TRP_ORDER_ANY) == 0); // or an order was lost
    TRP_EXPECT(trp_mpsc_is_idle(&game->slot->inbox));
    TRP_EXPECT(atomic_load(&game->slot->nudged) == 0);
}

static void close_game(troupe_report *report)
{
    hands_close(&game->hands, report);
}

// ---- Outsiders

static void give_order(uint32_t bits)
{
    trp_slot_order(game->hands.system, NULL, game->slot, game->ref.generation, bits);
}

static void order_tick(void *user)
{
    (void)user;
    for (int i = 0; i < game->times; i++)
        give_order(TRP_ORDER_TICK); // to an actor without children it means nothing
    hands_leave(&game->hands);
}

static void order_notice(void *user)
{
    (void)user;
    for (int i = 0; i < game->times; i++)
        give_order(TRP_ORDER_NOTICE); // nor does this
    hands_leave(&game->hands);
}

static void order_stop(void *user)
{
    (void)user;
    give_order(TRP_ORDER_STOP);
    hands_leave(&game->hands);
}

static void send_numbers(void *user)
{
    (void)user;
    for (int i = 0; i < game->times; i++)
        troupe_send(game->hands.ctx, game->ref, Number);
    hands_leave(&game->hands);
}

static void send_aside(void *user)
{
    (void)user;
    troupe_send(game->hands.ctx, game->ref, Aside);
    hands_leave(&game->hands);
}

// ---- Tests

static void explore(struct trp_interleave *test)
{
    print_message("%s: %llu runs\n", test->name,
                  (unsigned long long)trp_interleave_exhaustive(test));
}

static struct trp_interleave play(const char *name, void (*setup)(void *user),
                                  void (*first)(void *user), void (*second)(void *user),
                                  void (*check)(void *user))
{
    return (struct trp_interleave){.name = name,
                                   .setup = setup,
                                   .threads = {first, second, hands_thread_0, hands_thread_1},
                                   .count = 4,
                                   .check = check,
                                   .user = game};
}

static void check_all_seen(void *user)
{
    (void)user;
    troupe_report report;
    expect_at_rest();
    close_game(&report);
}

static void two_orders_at_once_are_both_seen(void **state)
{
    (void)state;
    *game = (struct game){.times = 1};
    struct trp_interleave test =
        play("orders against going idle", setup_running, order_tick, order_notice, check_all_seen);
    explore(&test);
    game->times = 3;
    test.name = "many orders";
    trp_interleave_random(&test, 1, 500);
}

static void check_one_handled(void *user)
{
    (void)user;
    troupe_report report;
    TRP_EXPECT(game->handled == game->times);
    expect_at_rest();
    close_game(&report);
}

static void an_order_and_a_message_are_both_seen(void **state)
{
    (void)state;
    *game = (struct game){.times = 1};
    struct trp_interleave test = play("an order against a message", setup_running, order_tick,
                                      send_numbers, check_one_handled);
    explore(&test);
    game->times = 3;
    trp_interleave_random(&test, 1, 500);
}

static void a_message_put_aside_and_an_order_are_both_seen(void **state)
{
    (void)state;
    *game = (struct game){.times = 1};
    struct trp_interleave test = play("an order against a detached front", setup_twofold,
                                      order_tick, send_aside, check_one_handled);
    explore(&test);
    trp_interleave_random(&test, 1, 1000);
}

// ---- Stop against send

static void check_ended(void *user)
{
    (void)user;
    troupe_report report;
    TRP_EXPECT(game->stops == 1);
    TRP_EXPECT(atomic_load(&game->slot->body) == NULL);
    expect_at_rest();
    close_game(&report);
    TRP_EXPECT(report.stats.ended == 1);
    TRP_EXPECT(report.stats.handled + report.stats.dead == (uint64_t)game->times);
    TRP_EXPECT(report.stats.handled == (uint64_t)game->handled);
}

static void what_is_sent_against_a_stop_is_handled_or_dead(void **state)
{
    (void)state;
    *game = (struct game){.times = 1};
    struct trp_interleave test =
        play("stop against send", setup_running, order_stop, send_numbers, check_ended);
    explore(&test);
    game->times = 3;
    trp_interleave_random(&test, 1, 500);
}

// ---- A slot that is suspended: nobody runs it though messages wait

static troupe_status init_later(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    (void)ctx, (void)state, (void)args;
    return TRP_START_LATER;
}

static const troupe_behavior starting = {
    .name = "starting", .init = init_later, .receive = receive};

static void setup_suspending(void *user)
{
    (void)user;
    setup_with(&starting, 2);
    troupe_send(game->hands.ctx, game->ref, Number); // waits for the start
}

static void check_suspended_end(void *user)
{
    (void)user;
    troupe_report report;
    TRP_EXPECT(atomic_load(&game->slot->body) == NULL);
    expect_at_rest();
    close_game(&report);
    TRP_EXPECT(report.stats.ended == 1 && report.stats.dead == 1);
}

static void an_order_against_suspend_is_seen(void **state)
{
    (void)state;
    *game = (struct game){.times = 1};
    struct trp_interleave test = play("orders against suspend", setup_suspending, order_stop,
                                      order_tick, check_suspended_end);
    explore(&test);
    game->times = 3;
    trp_interleave_random(&test, 1, 500);
}

// ---- A late push or order against the slot's next actor

// The slot comes back to the test, which has the next actor take it.
static bool slot_is_free(void *user)
{
    (void)user;
    return game->hands.hands[0].runner->slots.free_list == game->slot ||
           game->hands.hands[1].runner->slots.free_list == game->slot;
}

static void give_slots_back(void)
{
    troupe_system *system = game->hands.system;
    for (struct trp_runner *runner = atomic_load(&system->runners); runner; runner = runner->next)
        trp_slot_cache_fini(system, &runner->slots);
}

static void recycle(void *user)
{
    (void)user;
    troupe_system *system = game->hands.system;
    give_order(TRP_ORDER_STOP);
    trp_interleave_block_until("recycle: blocked until free", slot_is_free, NULL);
    give_slots_back();
    struct trp_spawn_spec spec = {.behavior = game->next};
    troupe_ref ref;
    troupe_status status = trp_spawn(system, NULL, &spec, &ref);
    TRP_EXPECT(status == TROUPE_OK);
    TRP_EXPECT(ref.slot == game->ref.slot && ref.generation == game->ref.generation + 1);
    hands_leave(&game->hands);
}

static void be_late(void *user)
{
    (void)user;
    troupe_ref next = game->ref; // a guess
    next.generation++;
    give_order(TRP_ORDER_TICK);
    if (game->times > 1) {
        troupe_send(game->hands.ctx, game->ref, Number);
        trp_slot_order(game->hands.system, NULL, game->slot, next.generation, TRP_ORDER_NOTICE);
        troupe_send(game->hands.ctx, next, Number);
    }
    hands_leave(&game->hands);
}

static void check_recycled(void *user)
{
    (void)user;
    troupe_report report;
    TRP_EXPECT(game->inits == 1 + (game->next->init != NULL)); // the new one has started
    TRP_EXPECT(atomic_load(&game->slot->body) != NULL);
    expect_at_rest();
    hands_settle(&game->hands);
    close_game(&report);
    TRP_EXPECT(report.stats.ended == 2);
}

static void an_actor_in_a_used_slot_starts_whatever_comes_late(void **state)
{
    (void)state;
    *game = (struct game){.times = 1, .next = &plain};
    struct trp_interleave test =
        play("late order against recycle", setup_running, recycle, be_late, check_recycled);
    test.max_preemptions = 1; // two make 46000 runs
    explore(&test);
    trp_interleave_random(&test, 1, 1000);
    game->times = 2;
    trp_interleave_random(&test, 1, 1000);
    game->next = &bare; // which no nudge of its own makes look
    trp_interleave_random(&test, 1, 2000);
}

// ---- An order to an actor that is just being spawned, by a ref that is a guess

static void setup_free(void *user)
{
    setup_running(user);
    give_order(TRP_ORDER_STOP);
    hands_settle(&game->hands);
    give_slots_back();
}

static void move_in(void *user)
{
    (void)user;
    struct trp_spawn_spec spec = {.behavior = game->next};
    TRP_EXPECT(trp_spawn(game->hands.system, NULL, &spec, NULL) == TROUPE_OK);
    hands_leave(&game->hands);
}

static void guess(void *user)
{
    (void)user;
    uint32_t generation = game->ref.generation + 1;
    for (int i = 0; i < game->times; i++) {
        trp_slot_order(game->hands.system, NULL, game->slot, generation, TRP_ORDER_TICK);
        trp_interleave_yield("guess: between orders");
    }
    hands_leave(&game->hands);
}

static void check_moved_in(void *user)
{
    (void)user;
    troupe_report report;
    TRP_EXPECT(atomic_load(&game->slot->body) != NULL);
    expect_at_rest();
    close_game(&report);
    TRP_EXPECT(report.stats.ended == 2);
}

static void an_order_against_a_spawn_is_seen(void **state)
{
    (void)state;
    *game = (struct game){.times = 2, .next = &bare};
    struct trp_interleave test =
        play("order against spawn", setup_free, move_in, guess, check_moved_in);
    explore(&test);
    game->next = &plain;
    explore(&test);
}

// ---- The end by a handler

static void setup_bare(void *user)
{
    (void)user;
    setup_with(&bare, 2);
    troupe_send(game->hands.ctx, game->ref, Stop);
}

static int times_free(const struct trp_slot *list)
{
    int times = 0;
    for (; list; list = list->sibling_next)
        times += list == game->slot;
    return times;
}

static void check_ended_by_handler(void *user)
{
    (void)user;
    troupe_report report;
    TRP_EXPECT(atomic_load(&game->slot->body) == NULL);
    expect_at_rest();
    give_slots_back();
    TRP_EXPECT(times_free(game->hands.system->slots.free_list) == 1);
    close_game(&report);
    TRP_EXPECT(report.stats.ended == 1);
    TRP_EXPECT(report.stats.handled + report.stats.dead == report.stats.sent);
    TRP_EXPECT(report.stats.handled == (uint64_t)game->handled);
}

static void what_is_sent_against_the_end_by_a_handler_is_handled_or_dead(void **state)
{
    (void)state;
    *game = (struct game){.times = 1};
    struct trp_interleave test =
        play("end against send", setup_bare, order_tick, send_numbers, check_ended_by_handler);
    explore(&test);
    game->times = 3;
    trp_interleave_random(&test, 1, 1000);
}

// ---- A handler is given up while it returns

static void count_defer(void *user)
{
    (void)user;
    game->defers++;
}

static troupe_status slow_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state, (void)msg;
    troupe_defer(ctx, count_defer, NULL);
    trp_interleave_yield("handler: before a call");
    troupe_name(ctx);
    trp_interleave_yield("handler: after a call");
    return TROUPE_OK;
}

static const troupe_behavior slow = {.name = "slow", .receive = slow_receive};

static void setup_slow(void *user)
{
    (void)user;
    setup_with(&slow, 1);
    hands_settle(&game->hands);
    troupe_send(game->hands.ctx, game->ref, Number);
    troupe_send(game->hands.ctx, game->ref, Number);
}

static void kill_and_give_up(void *user)
{
    (void)user;
    give_order(TRP_ORDER_KILL);
    trp_overdue_look(game->hands.system, NULL, true);
    hands_leave(&game->hands);
}

static void check_given_up(void *user)
{
    (void)user;
    troupe_report report;
    TRP_EXPECT(atomic_load(&game->slot->body) == NULL);
    expect_at_rest();
    close_game(&report);
    TRP_EXPECT(report.stats.ended == 1);
    TRP_EXPECT(game->defers <= 2);
    TRP_EXPECT(report.stats.abandoned <= 1);
    if (report.stats.abandoned)
        game->abandoned++;
    else
        game->returned++;
}

static void what_a_given_up_handler_holds_is_freed_once(void **state)
{
    (void)state;
    *game = (struct game){.times = 1};
    struct trp_interleave test = {.name = "abandon against return",
                                  .setup = setup_slow,
                                  .threads = {kill_and_give_up, hands_thread_0, hands_thread_1},
                                  .count = 3,
                                  .check = check_given_up,
                                  .user = game,
                                  .max_preemptions = 2};
    explore(&test);
    assert_true(game->abandoned > 0); // both ends of the race are reached
    assert_true(game->returned > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_orders_at_once_are_both_seen),
        cmocka_unit_test(an_order_and_a_message_are_both_seen),
        cmocka_unit_test(a_message_put_aside_and_an_order_are_both_seen),
        cmocka_unit_test(what_is_sent_against_a_stop_is_handled_or_dead),
        cmocka_unit_test(an_order_against_suspend_is_seen),
        cmocka_unit_test(an_actor_in_a_used_slot_starts_whatever_comes_late),
        cmocka_unit_test(an_order_against_a_spawn_is_seen),
        cmocka_unit_test(what_is_sent_against_the_end_by_a_handler_is_handled_or_dead),
        cmocka_unit_test(what_a_given_up_handler_holds_is_freed_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
