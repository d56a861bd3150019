// A bank on real threads: sim_bank [ORDERS]
//
// Does that many transfers at random (10000 if not said) and tells what the accounts hold before
// and after. What happens when things go wrong is not shown here but looked for in bank_sim_test.c.
#include "bank.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define MOST_ORDERS 10000000

static void print_cents(const char *when, int64_t cents)
{
    printf("%s: %" PRId64 ".%02" PRId64 "\n", when, cents / 100, cents % 100);
}

static struct order *make_orders(uint64_t count)
{
    struct order *orders = calloc(count, sizeof *orders);
    unsigned seed = 1;
    for (uint64_t i = 0; orders && i < count; i++) {
        uint32_t from = (uint32_t)rand_r(&seed) % ACCOUNTS;
        orders[i].from = from;
        orders[i].to = (from + 1 + (uint32_t)rand_r(&seed) % (ACCOUNTS - 1)) % ACCOUNTS;
        orders[i].cents = 1 + rand_r(&seed) % 5000;
    }
    return orders;
}

static bool run(struct bank *bank)
{
    troupe_system *system;
    if (troupe_system_start(NULL, &system) != TROUPE_OK)
        return false;
    troupe_ctx *ctx = troupe_outside(system);
    bool good = bank_open_wait(ctx, bank) == TROUPE_OK && bank_settle_wait(ctx) == TROUPE_OK;
    return troupe_system_stop(system, 0, NULL) == TROUPE_OK && good;
}

static bool transfer(uint64_t count)
{
    static struct bank bank;
    struct order *orders = make_orders(count);
    if (orders == NULL)
        return false;
    bank_init(&bank, once_in_each_slot, orders, count);
    print_cents("before", bank_balances(&bank));
    bool good = run(&bank);
    print_cents("after", bank_balances(&bank));
    printf("%" PRIu64 " orders, %" PRIu64 " of them refused\n", bank_done(&bank),
           bank_refused(&bank));
    free(orders);
    return good && bank_is_done(&bank) && bank_balances(&bank) == ACCOUNTS * CENTS;
}

int main(int argc, char **argv)
{
    char *end = "";
    uint64_t count = argc > 1 ? strtoull(argv[1], &end, 10) : 10000;
    if (argc > 2 || count == 0 || count > MOST_ORDERS || *end != 0) {
        fprintf(stderr, "usage: sim_bank [ORDERS], from 1 to %d\n", MOST_ORDERS);
        return 2;
    }
    if (transfer(count))
        return 0;
    fprintf(stderr, "sim_bank: %s\n", troupe_error_text(NULL));
    return 1;
}
