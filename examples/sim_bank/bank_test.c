// The bank on real threads: thousands of transfers, and the sums are right. This passes with the
// planted bug as well: what it takes to show it does not happen here.
#include "bank.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h> // uses the four above
// clang-format on

#include <stdlib.h>

#define ORDERS 5000

static struct bank bank;
static struct order orders[ORDERS];

static void make_orders(int64_t most_cents)
{
    unsigned seed = 1;
    for (uint32_t i = 0; i < ORDERS; i++) {
        uint32_t from = (uint32_t)rand_r(&seed) % ACCOUNTS;
        orders[i].from = from;
        orders[i].to = (from + 1 + (uint32_t)rand_r(&seed) % (ACCOUNTS - 1)) % ACCOUNTS;
        orders[i].cents = 1 + rand_r(&seed) % most_cents;
    }
}

static void run(bank_once once)
{
    troupe_system *system;
    bank_init(&bank, once, orders, ORDERS);
    assert_int_equal(troupe_system_start(NULL, &system), TROUPE_OK);
    troupe_ctx *ctx = troupe_outside(system);
    assert_int_equal(bank_open_wait(ctx, &bank), TROUPE_OK);
    assert_int_equal(bank_settle_wait(ctx), TROUPE_OK);
    assert_int_equal(troupe_system_stop(system, 0, NULL), TROUPE_OK);
    assert_true(bank_is_done(&bank));
    assert_int_equal(bank_balances(&bank), ACCOUNTS * CENTS);
    assert_int_equal(bank_sent(&bank) + bank_refused(&bank), ORDERS);
}

static void small_transfers_arrive(void **state)
{
    bank_once *once = *state;
    make_orders(100);
    run(*once);
}

static void nobody_spends_what_he_does_not_have(void **state)
{
    bank_once *once = *state;
    make_orders(2 * CENTS);
    run(*once);
    assert_true(bank_refused(&bank) > 0);
    for (uint32_t i = 0; i < ACCOUNTS; i++)
        assert_true(bank.pages[i].balance >= 0);
}

// Shows that the money goes where the orders say.
static void one_customer_pays_all_others(void **state)
{
    bank_once *once = *state;
    for (uint32_t i = 0; i < ORDERS; i++)
        orders[i] = (struct order){.from = 0, .to = 1 + i % (ACCOUNTS - 1), .cents = 1};
    run(*once);
    assert_int_equal(bank.pages[0].balance, CENTS - ORDERS);
    assert_int_equal(bank_refused(&bank), 0);
}

int main(void)
{
    static bank_once right = once_in_each_slot, wrong = once_of_each_account;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(small_transfers_arrive, &right),
        cmocka_unit_test_prestate(nobody_spends_what_he_does_not_have, &right),
        cmocka_unit_test_prestate(one_customer_pays_all_others, &right),
        cmocka_unit_test_prestate(small_transfers_arrive, &wrong),
        cmocka_unit_test_prestate(nobody_spends_what_he_does_not_have, &wrong),
        cmocka_unit_test_prestate(one_customer_pays_all_others, &wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
