// The bank in simulation: in whatever order things happen, and whatever fails meanwhile, no money
// is lost or made and all transfers end. And the planted bug, of which bank_test.c notices nothing,
// is found.
#include "bank.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h> // uses the four above
// clang-format on

#define SEEDS       10000
#define MOST_ORDERS 12
#define TOTAL       (ACCOUNTS * CENTS)
#define PATIENCE_MS (60 * 60 * 1000) // virtual: an hour passes at once

// ---- What must be so. Between the arrival of money and the news of it, it is counted twice: so
// while something is under way these are inequalities.

static bool no_money_is_made(troupe_sim *sim, void *bank)
{
    (void)sim;
    return bank_balances(bank) <= TOTAL;
}

static bool no_money_is_lost(troupe_sim *sim, void *bank)
{
    (void)sim;
    return bank_balances(bank) + bank_under_way(bank) >= TOTAL;
}

static bool nobody_owes_money(troupe_sim *sim, void *user)
{
    const struct bank *bank = user;
    bool good = true;
    (void)sim;
    for (uint32_t i = 0; i < ACCOUNTS; i++)
        good = good && bank->pages[i].balance >= 0;
    return good;
}

static bool all_is_done(troupe_sim *sim, void *bank)
{
    (void)sim;
    return bank_is_done(bank);
}

// ---- The story

// At the start, and again after each crash: the pages outlive it, as a disk does. If somebody dies
// before all have started the bank does not open. Who tries again then, such as systemd, is played
// by the test.
static void open_bank(troupe_sim *sim, troupe_system *system, void *bank)
{
    troupe_ctx *ctx = troupe_outside(system);
    while (bank_open_wait(ctx, bank) != TROUPE_OK) {
        if (troupe_sim_failure(sim) || troupe_sim_system(sim, 0) != system) // has crashed meanwhile
            return;
    }
}

static struct order any_order(troupe_sim *sim)
{
    uint32_t from = troupe_sim_pick(sim, ACCOUNTS);
    uint32_t to = (from + 1 + troupe_sim_pick(sim, ACCOUNTS - 1)) % ACCOUNTS;
    return (struct order){.from = from, .to = to, .cents = 1 + troupe_sim_pick(sim, CENTS)};
}

// Picks as many numbers for an order that is left out as for any other: so a failure can be made
// shorter by leaving out one, and the others stay as they are.
static uint32_t any_orders(troupe_sim *sim, struct order orders[MOST_ORDERS])
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < MOST_ORDERS; i++) {
        bool there = troupe_sim_pick(sim, 2) == 1;
        struct order order = any_order(sim);
        if (there)
            orders[count++] = order;
    }
    return count;
}

static void transfers(troupe_sim *sim, void *user)
{
    // Static, because actors are still there when this returns.
    static struct order orders[MOST_ORDERS];
    static struct bank bank;
    uint32_t count = any_orders(sim, orders);
    bank_init(&bank, *(const bank_once *)user, orders, count);

    troupe_sim_invariant(sim, "no money is made", no_money_is_made, &bank);
    troupe_sim_invariant(sim, "no money is lost", no_money_is_lost, &bank);
    troupe_sim_invariant(sim, "nobody owes money", nobody_owes_money, &bank);
    if (troupe_sim_add(sim, NULL, open_bank, &bank, NULL) != TROUPE_OK ||
        !troupe_sim_eventually(sim, "all is done", all_is_done, &bank, PATIENCE_MS))
        return;
    TROUPE_SIM_CHECK(sim, bank_balances(&bank) == TOTAL);
    TROUPE_SIM_CHECK(sim, bank_sent(&bank) + bank_refused(&bank) == count); // each order once
}

static const troupe_sim_fault faults[] = {
    {.kind = TROUPE_SIM_FAIL, .per_million = 10000, .times = 4},
    {.kind = TROUPE_SIM_KILL, .per_million = 10000, .times = 4},
    {.kind = TROUPE_SIM_HANG, .per_million = 10000, .times = 4, .ms = 30000},
    {.kind = TROUPE_SIM_SLOW, .per_million = 10000, .times = 4, .ms = 30000},
    {.kind = TROUPE_SIM_NO_MEMORY, .per_million = 5000, .times = 4},
    {.kind = TROUPE_SIM_CRASH, .per_million = 1000, .times = 1, .ms = 60000},
};

#define FAULTS .faults = faults, .fault_count = sizeof faults / sizeof faults[0]

// ---- The tests

static bool holds(const char *name, bank_once once, troupe_sim_strategy strategy)
{
    const troupe_sim_test test = {
        .name = name,
        .run = transfers,
        .user = &once,
        .opts = {.strategy = strategy, .trace = 40, FAULTS},
    };
    return troupe_sim_for_seeds(&test, 1, SEEDS);
}

static void no_money_is_lost_or_made(void **state)
{
    (void)state;
    assert_true(holds("transfers", once_in_each_slot, TROUPE_SIM_RANDOM_WALK));
}

static void nor_when_few_actors_are_much_slower_than_others(void **state)
{
    (void)state;
    assert_true(holds("transfers by priorities", once_in_each_slot, TROUPE_SIM_PRIORITIES));
}

// It writes a report of what it finds.
static void the_planted_bug_is_found(void **state)
{
    (void)state;
    assert_false(holds("planted bug", once_of_each_account, TROUPE_SIM_RANDOM_WALK));
}

// ---- By hand: one order of events that is worth a test of its own

static void money_that_is_sent_twice_arrives_once(void **state)
{
    (void)state;
    static const struct order order = {.from = 0, .to = 1, .cents = 100};
    static struct bank bank;
    troupe_sim *sim;
    bank_init(&bank, once_in_each_slot, &order, 1);
    assert_int_equal(troupe_sim_new(1, NULL, &sim), TROUPE_OK);
    assert_int_equal(troupe_sim_add(sim, NULL, NULL, NULL, NULL), TROUPE_OK);
    troupe_ctx *ctx = troupe_outside(troupe_sim_system(sim, 0));
    assert_int_equal(bank_open(ctx, &bank), TROUPE_OK);
    troupe_sim_settle(sim); // all start
    troupe_ref from = troupe_whereis(ctx, "account 0"), to = troupe_whereis(ctx, "account 1");

    troupe_sim_expect(sim, Transfer, .to = from);
    troupe_sim_expect(sim, Deposit, .from = from, .to = to);
    troupe_kill(ctx, from); // before it hears that the money has arrived
    troupe_sim_expect(sim, Deposit, .from = from, .to = to);
    troupe_sim_disallow(sim, Deposit, .to = to);
    assert_int_equal(bank.pages[1].balance, CENTS + 100);
    assert_int_equal(troupe_sim_run(sim), TROUPE_OK); // the rest, in any order
    assert_true(bank_is_done(&bank));
    assert_true(troupe_sim_free(sim));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_money_is_lost_or_made),
        cmocka_unit_test(nor_when_few_actors_are_much_slower_than_others),
        cmocka_unit_test(the_planted_bug_is_found),
        cmocka_unit_test(money_that_is_sent_twice_arrives_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
