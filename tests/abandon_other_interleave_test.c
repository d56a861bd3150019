// A handler that is to be given up returns just then, and its thread is in another actor's handler
// when it is looked at again: that one is left alone.
#include "tests/support/hands.h"
#include "tests/support/test.h"

struct game {
    struct hands hands;
    troupe_ref killed, other;
    int handled;   // by the other
    int sent;      // to the other
    int abandoned; // over all runs
};

static struct game only, *const game = &only;

TROUPE_EMPTY(Number);

static troupe_status receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state, (void)msg;
    trp_interleave_yield("handler: in the user's code");
    troupe_name(ctx);
    trp_interleave_yield("handler: in the user's code again");
    return TROUPE_OK;
}

static troupe_status receive_other(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    troupe_status status = receive(ctx, state, msg);
    game->handled += troupe_name(ctx) != NULL; // not given up
    return status;
}

static const troupe_behavior slow = {.name = "slow", .receive = receive};
static const troupe_behavior other = {.name = "other", .receive = receive_other};

static void setup(void *user)
{
    (void)user;
    hands_open(&game->hands, 1, NULL, 1);
    game->handled = 0;
    TRP_EXPECT(troupe_spawn(game->hands.ctx, &slow, NULL, &game->killed) == TROUPE_OK);
    TRP_EXPECT(troupe_spawn(game->hands.ctx, &other, NULL, &game->other) == TROUPE_OK);
    hands_settle(&game->hands);
    troupe_send(game->hands.ctx, game->killed, Number);
    troupe_send(game->hands.ctx, game->other, Number);
}

static void kill_and_give_up(void *user)
{
    (void)user;
    troupe_system *system = game->hands.system;
    trp_slot_order(system, NULL, trp_resolve(system, game->killed), game->killed.generation,
                   TRP_ORDER_KILL);
    trp_overdue_look(system, NULL, true);
    hands_leave(&game->hands);
}

static void check(void *user)
{
    (void)user;
    troupe_report report;
    const struct trp_slot *slot = trp_resolve(game->hands.system, game->other);
    TRP_EXPECT(trp_slot_lives(atomic_load(&slot->orders), game->other.generation));
    TRP_EXPECT(game->handled == 1);
    hands_close(&game->hands, &report);
    TRP_EXPECT(report.stats.ended == 2);
    TRP_EXPECT(report.stats.abandoned <= 1);
    game->abandoned += (int)report.stats.abandoned;
}

static void only_the_one_that_was_killed_is_given_up(void **state)
{
    (void)state;
    // One hand: both handlers are run by one thread.
    const struct trp_interleave test = {.name = "give up against the next activation",
                                        .setup = setup,
                                        .threads = {kill_and_give_up, hands_thread_0},
                                        .count = 2,
                                        .check = check,
                                        .user = game,
                                        .max_preemptions = 4};
    print_message("%llu runs\n", (unsigned long long)trp_interleave_exhaustive(&test));
    trp_interleave_random(&test, 1, 3000);
    assert_true(game->abandoned > 0);
}

// ---- What it has sent before

#define FLOOD (TRP_OUTBOX_AFTER + 4)

static struct trp_runner *held; // who runs the handler

static bool all_arrived(void *user)
{
    (void)user;
    return !trp_bias_is_revoked(&held->bias) || game->handled == game->sent;
}

static troupe_status flood_and_hang(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state, (void)msg;
    held = ctx->runner;
    for (uint32_t i = 0; i < FLOOD; i++) // refused once it was given up
        game->sent += troupe_send(ctx, game->other, Number) == TROUPE_OK;
    trp_interleave_yield("handler: has sent");
    trp_interleave_block_until("handler: hangs if it was given up", all_arrived, NULL);
    return TROUPE_OK;
}

static troupe_status count(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)ctx, (void)state, (void)msg;
    game->handled++;
    return TROUPE_OK;
}

static const troupe_behavior flooder = {.name = "flooder", .receive = flood_and_hang};
static const troupe_behavior counter = {.name = "counter", .receive = count};

static void setup_flood(void *user)
{
    (void)user;
    hands_open(&game->hands, 1, NULL, 1);
    game->handled = game->sent = 0;
    TRP_EXPECT(troupe_spawn(game->hands.ctx, &flooder, NULL, &game->killed) == TROUPE_OK);
    TRP_EXPECT(troupe_spawn(game->hands.ctx, &counter, NULL, &game->other) == TROUPE_OK);
    hands_settle(&game->hands);
    troupe_send(game->hands.ctx, game->killed, Number);
}

static void check_flood(void *user)
{
    (void)user;
    troupe_report report;
    hands_close(&game->hands, &report);
    game->abandoned += (int)report.stats.abandoned;
}

static void what_was_sent_before_arrives(void **state)
{
    (void)state;
    game->abandoned = 0;
    const struct trp_interleave test = {
        .name = "give up one that has sent much",
        .setup = setup_flood,
        .threads = {kill_and_give_up, hands_thread_0, hands_thread_1},
        .count = 3,
        .check = check_flood,
        .user = game,
        .max_preemptions = 1};
    print_message("%llu runs\n", (unsigned long long)trp_interleave_exhaustive(&test));
    trp_interleave_random(&test, 1, 3000);
    assert_true(game->abandoned > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_one_that_was_killed_is_given_up),
        cmocka_unit_test(what_was_sent_before_arrives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
