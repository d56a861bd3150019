// The bank as a whole: its tree of actors, and its sums.
//
//     bank               one for one: who is restarted goes on where its page says
//     |- account 0 ...   permanent
//     `- teller 0 ...    transient: until its orders are done
#include "bank.h"

#include <stdio.h>

#define CHILDREN     (ACCOUNTS + TELLERS)
#define MAX_RESTARTS 100 // generous: here failures are made on purpose

void bank_init(struct bank *bank, bank_once once, const struct order *orders, uint64_t order_count)
{
    *bank = (struct bank){.once = once, .orders = orders, .order_count = order_count};
    for (uint32_t i = 0; i < ACCOUNTS; i++)
        bank->pages[i].balance = CENTS;
}

const char *bank_name(char name[BANK_NAME_SIZE], const char *kind, uint32_t number)
{
    (void)snprintf(name, BANK_NAME_SIZE, "%s %u", kind, number);
    return name;
}

// How to start it: troupe_supervise or troupe_supervise_wait.
typedef troupe_status (*supervise)(troupe_ctx *, const troupe_supervisor *, troupe_ref *);

static troupe_status open_with(supervise start, troupe_ctx *ctx, struct bank *bank)
{
    char names[CHILDREN][BANK_NAME_SIZE];
    struct bank_args args[CHILDREN];
    troupe_child children[CHILDREN];
    for (uint32_t i = 0; i < CHILDREN; i++) {
        bool account = i < ACCOUNTS;
        args[i] = (struct bank_args){bank, account ? i : i - ACCOUNTS};
        bank_name(names[i], account ? "account" : "teller", args[i].number);
        children[i] = (troupe_child){
            .id = names[i],
            .register_as = names[i],
            .behavior = account ? &account_behavior : &teller_behavior,
            .restart = account ? TROUPE_PERMANENT : TROUPE_TRANSIENT,
            .args_type = TROUPE_TYPE(BankArgs),
            .args = &args[i],
        };
    }
    const troupe_supervisor spec = {
        .name = "bank",
        .max_restarts = MAX_RESTARTS,
        .children = children,
        .child_count = CHILDREN,
    };
    return start(ctx, &spec, NULL); // copies all of it
}

troupe_status bank_open(troupe_ctx *ctx, struct bank *bank)
{
    return open_with(troupe_supervise, ctx, bank);
}

troupe_status bank_open_wait(troupe_ctx *ctx, struct bank *bank)
{
    return open_with(troupe_supervise_wait, ctx, bank);
}

// The tellers end when there are no orders left, and then no more money leaves the accounts.
troupe_status bank_settle_wait(troupe_ctx *ctx)
{
    char name[BANK_NAME_SIZE];
    troupe_status status = TROUPE_OK;
    for (uint32_t i = 0; i < TELLERS && status == TROUPE_OK; i++)
        status = troupe_join(ctx, troupe_whereis(ctx, bank_name(name, "teller", i)),
                             TROUPE_NO_LIMIT, NULL);
    for (uint32_t i = 0; i < ACCOUNTS && status == TROUPE_OK; i++)
        status = troupe_call(ctx, troupe_whereis(ctx, bank_name(name, "account", i)),
                             TROUPE_NO_LIMIT, NULL, Statement);
    return status;
}

int64_t bank_balances(const struct bank *bank)
{
    int64_t sum = 0;
    for (uint32_t i = 0; i < ACCOUNTS; i++)
        sum += bank->pages[i].balance;
    return sum;
}

int64_t bank_under_way(const struct bank *bank)
{
    int64_t sum = 0;
    for (uint32_t i = 0; i < ACCOUNTS; i++) {
        for (uint32_t slot = 0; slot < SLOTS; slot++)
            sum += bank->pages[i].out[slot].cents;
    }
    return sum;
}

uint64_t bank_done(const struct bank *bank)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < TELLERS; i++)
        sum += bank->teller_pages[i].done;
    return sum;
}

uint64_t bank_refused(const struct bank *bank)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < TELLERS; i++)
        sum += bank->teller_pages[i].refused;
    return sum;
}

uint64_t bank_sent(const struct bank *bank)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < ACCOUNTS; i++)
        sum += bank->pages[i].last_id;
    return sum;
}

bool bank_is_done(const struct bank *bank)
{
    return bank_done(bank) == bank->order_count && bank_under_way(bank) == 0;
}
