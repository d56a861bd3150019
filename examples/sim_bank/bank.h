// A bank: accounts that transfer money to each other, and tellers that tell them to.
//
//     from     to       message    says
//     teller   account  Transfer   an ask: Accepted, the money has left and will arrive; or Refused
//     account  account  Deposit    an ask: Deposited, the money has arrived
//     account  itself   Again      ask for that deposit again
//     anybody  account  Statement  an ask: Balance, once nothing of the account is under way
//
// Any of them may fail, be killed or be slow at any moment, and is then started again or asked
// again. No money is lost or made by that: what an account must not forget is on its page, and
// whoever is asked twice does it once.
//
//   - A teller has one transfer at a time and numbers them. An account keeps the number that it has
//     accepted last of each teller.
//   - An account has up to SLOTS deposits under way, one in each slot, with ascending ids. It asks
//     for each until it has been told that the money has arrived.
//   - Who gets a deposit keeps the id that has arrived last in each slot of each sender.
#ifndef SIM_BANK_BANK_H
#define SIM_BANK_BANK_H

#include <stdbool.h>
#include <stdint.h>
#include <troupe.h>

#define ACCOUNTS 3
#define TELLERS  2
#define SLOTS    2
#define CENTS    10000 // that each account begins with

#define BANK_NAME_SIZE 16

// ---- What is kept. The pages play the disk: they outlive actors, and systems that crash. Each is
// written by its own actor only, and in one piece: a handler runs to its end or not at all.

// Money that has left an account and is not known to have arrived.
struct out {
    uint64_t id; // 0: the slot is free
    uint32_t to;
    int64_t cents;
};

struct page {
    int64_t balance;
    struct out out[SLOTS];
    uint64_t last_id;                  // of out
    uint64_t accepted[TELLERS];        // the last transfer of each teller
    uint64_t arrived[ACCOUNTS][SLOTS]; // the last deposit from each slot of each account
};

struct teller_page {
    uint64_t done; // orders, refused ones included
    uint64_t refused;
};

// ---- What is said

struct transfer {
    uint32_t teller;
    uint32_t to;
    uint64_t number; // of the teller's, from 1
    int64_t cents;
};

struct deposit {
    uint32_t from, slot;
    uint64_t id;
    int64_t cents;
};

struct again {
    uint32_t slot;
};

struct balance {
    int64_t cents;
};

TROUPE_STRUCT(Transfer, struct transfer);
TROUPE_EMPTY(Accepted);
TROUPE_EMPTY(Refused);
TROUPE_STRUCT(Deposit, struct deposit);
TROUPE_EMPTY(Deposited);
TROUPE_STRUCT(Again, struct again);
TROUPE_EMPTY(Statement);
TROUPE_STRUCT(Balance, struct balance);

// ---- The bank

// What a customer wants. Teller t does the orders t, t + TELLERS, t + 2 * TELLERS, ...
struct order {
    uint32_t from, to;
    int64_t cents;
};

// Notes that a deposit has come. False: it had come before.
typedef bool (*bank_once)(struct page *page, const struct deposit *deposit);

bool once_in_each_slot(struct page *page, const struct deposit *deposit);
bool once_of_each_account(struct page *page, const struct deposit *deposit); // the planted bug

struct bank {
    bank_once once;
    const struct order *orders;
    uint64_t order_count;
    struct page pages[ACCOUNTS];
    struct teller_page teller_pages[TELLERS];
};

// The init message of accounts and tellers.
struct bank_args {
    struct bank *bank;
    uint32_t number;
};

TROUPE_STRUCT(BankArgs, struct bank_args);

extern const troupe_behavior account_behavior;
extern const troupe_behavior teller_behavior;

// Sets up a bank, of which nothing runs yet. The orders must outlive it.
void bank_init(struct bank *bank, bank_once once, const struct order *orders, uint64_t order_count);

// Starts all accounts and tellers, to go on where the pages say. _wait: has started them when it
// returns; for threads, as all such functions are.
troupe_status bank_open(troupe_ctx *ctx, struct bank *bank);
troupe_status bank_open_wait(troupe_ctx *ctx, struct bank *bank);

// Waits until all orders are done and all money has arrived.
troupe_status bank_settle_wait(troupe_ctx *ctx);

// Writes the name of an account or teller, such as "account 2", and returns it.
const char *bank_name(char name[BANK_NAME_SIZE], const char *kind, uint32_t number);

// What the pages say. To be called in a simulation, or when the system has stopped.
int64_t bank_balances(const struct bank *bank);  // the sum of all
int64_t bank_under_way(const struct bank *bank); // what has left accounts and may not have arrived
uint64_t bank_done(const struct bank *bank);     // orders, refused ones included
uint64_t bank_refused(const struct bank *bank);
uint64_t bank_sent(const struct bank *bank); // deposits that accounts have begun
bool bank_is_done(const struct bank *bank);  // all orders are done and all money has arrived

#endif
