// A teller: does one order after the other, each until it is accepted or refused, and then ends.
#include "bank.h"

#define ANSWER_MS 10000 // that it waits for an account
#define PAUSE_MS  100   // before it asks again

TROUPE_EMPTY(Next);

struct teller {
    struct bank *bank;
    struct teller_page *page;
    uint32_t number;
};

static troupe_status do_next(troupe_ctx *ctx, struct teller *teller);

static troupe_status on_transfer(troupe_ctx *ctx, void *state, void *user,
                                 const troupe_outcome *outcome)
{
    (void)user;
    struct teller *teller = state;
    if (outcome->status != TROUPE_OK) // was it accepted? the same number again will tell
        return troupe_after(ctx, PAUSE_MS, troupe_self(ctx), NULL, Next);
    teller->page->done++;
    teller->page->refused += troupe_match(outcome->reply, Refused) != NULL;
    return do_next(ctx, teller);
}

static troupe_status do_next(troupe_ctx *ctx, struct teller *teller)
{
    uint64_t place = teller->number + teller->page->done * TELLERS;
    if (place >= teller->bank->order_count)
        return TROUPE_STOP;
    const struct order *order = &teller->bank->orders[place];
    char name[BANK_NAME_SIZE];
    troupe_ref from = troupe_whereis(ctx, bank_name(name, "account", order->from));
    troupe_status status =
        troupe_ask(ctx, from, ANSWER_MS, on_transfer, NULL, Transfer, .teller = teller->number,
                   .to = order->to, .number = teller->page->done + 1, .cents = order->cents);
    if (status == TROUPE_OK)
        return TROUPE_OK;
    return troupe_after(ctx, PAUSE_MS, troupe_self(ctx), NULL, Next);
}

static troupe_status teller_init(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    struct teller *teller = state;
    const struct bank_args *given = troupe_match(args, BankArgs);
    if (given == NULL)
        return TROUPE_EINVAL;
    teller->bank = given->bank;
    teller->page = &given->bank->teller_pages[given->number];
    teller->number = given->number;
    return do_next(ctx, teller);
}

static troupe_status teller_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    return troupe_match(msg, Next) ? do_next(ctx, state) : TROUPE_UNHANDLED;
}

const troupe_behavior teller_behavior = {
    .name = "teller",
    .state_size = sizeof(struct teller),
    .init = teller_init,
    .receive = teller_receive,
};
