// An account. All that it must not forget is on its page; its state can be lost at any moment.
#include "bank.h"

#define ANSWER_MS 10000 // that it waits for another account
#define PAUSE_MS  100   // before it asks again

struct account {
    struct bank *bank;
    struct page *page;
    uint32_t number;
};

// ---- Money that leaves

static troupe_status ask_later(troupe_ctx *ctx, const struct account *account,
                               const struct out *out)
{
    uint32_t slot = (uint32_t)(out - account->page->out);
    return troupe_after(ctx, PAUSE_MS, troupe_self(ctx), NULL, Again, .slot = slot);
}

// Whatever went wrong: nobody knows whether the money has arrived. So ask again.
static troupe_status on_deposited(troupe_ctx *ctx, void *state, void *user,
                                  const troupe_outcome *outcome)
{
    struct account *account = state;
    struct out *out = user;
    if (outcome->status != TROUPE_OK)
        return ask_later(ctx, account, out);
    *out = (struct out){0};
    troupe_unstash(ctx); // there is a free slot
    return TROUPE_OK;
}

static troupe_status ask(troupe_ctx *ctx, struct account *account, struct out *out)
{
    char name[BANK_NAME_SIZE];
    troupe_ref to = troupe_whereis(ctx, bank_name(name, "account", out->to));
    uint32_t slot = (uint32_t)(out - account->page->out);
    troupe_status status =
        troupe_ask(ctx, to, ANSWER_MS, on_deposited, out, Deposit, .from = account->number,
                   .slot = slot, .id = out->id, .cents = out->cents);
    return status == TROUPE_OK ? TROUPE_OK : ask_later(ctx, account, out);
}

static struct out *free_slot(struct page *page)
{
    for (uint32_t slot = 0; slot < SLOTS; slot++) {
        if (page->out[slot].id == 0)
            return &page->out[slot];
    }
    return NULL;
}

static troupe_status handle_transfer(troupe_ctx *ctx, struct account *account,
                                     const troupe_msg *msg, const struct transfer *transfer)
{
    struct page *page = account->page;
    if (transfer->number <= page->accepted[transfer->teller])
        return troupe_reply(ctx, Accepted); // the teller did not hear that
    if (transfer->cents > page->balance)
        return troupe_reply(ctx, Refused);
    struct out *out = free_slot(page);
    if (out == NULL)
        return troupe_stash(ctx, msg);
    page->balance -= transfer->cents;
    page->accepted[transfer->teller] = transfer->number;
    *out = (struct out){.id = ++page->last_id, .to = transfer->to, .cents = transfer->cents};
    troupe_status status = ask(ctx, account, out);
    return status == TROUPE_OK ? troupe_reply(ctx, Accepted) : status;
}

// ---- Money that arrives

static troupe_status handle_deposit(troupe_ctx *ctx, struct account *account,
                                    const struct deposit *deposit)
{
    if (account->bank->once(account->page, deposit))
        account->page->balance += deposit->cents;
    return troupe_reply(ctx, Deposited);
}

// ---- The actor

static bool is_under_way(const struct page *page)
{
    for (uint32_t slot = 0; slot < SLOTS; slot++) {
        if (page->out[slot].id != 0)
            return true;
    }
    return false;
}

// Nobody answers what the last incarnation has asked for. So ask again.
static troupe_status account_init(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    struct account *account = state;
    const struct bank_args *given = troupe_match(args, BankArgs);
    if (given == NULL)
        return TROUPE_EINVAL;
    account->bank = given->bank;
    account->page = &given->bank->pages[given->number];
    account->number = given->number;
    troupe_status status = TROUPE_OK;
    for (uint32_t slot = 0; slot < SLOTS && status == TROUPE_OK; slot++) {
        struct out *out = &account->page->out[slot];
        status = out->id == 0 ? TROUPE_OK : ask(ctx, account, out);
    }
    return status;
}

static troupe_status account_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    struct account *account = state;
    const struct transfer *transfer = troupe_match(msg, Transfer);
    if (transfer)
        return handle_transfer(ctx, account, msg, transfer);
    const struct deposit *deposit = troupe_match(msg, Deposit);
    if (deposit)
        return handle_deposit(ctx, account, deposit);
    const struct again *again = troupe_match(msg, Again);
    if (again)
        return ask(ctx, account, &account->page->out[again->slot]);
    if (!troupe_match(msg, Statement))
        return TROUPE_UNHANDLED;
    if (is_under_way(account->page))
        return troupe_stash(ctx, msg);
    return troupe_reply(ctx, Balance, .cents = account->page->balance);
}

const troupe_behavior account_behavior = {
    .name = "account",
    .state_size = sizeof(struct account),
    .init = account_init,
    .receive = account_receive,
};
