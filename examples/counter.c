// A counter and a user of it. They talk in protobuf messages, which could cross the border of a
// process or a host; what the user's timer tells the user is a plain struct, which could not and
// need not.
#include "counter.pb-c.h"

#include <inttypes.h>
#include <stdio.h>
#include <troupe.h>

struct tick {
    int64_t amount; // to be added
};

TROUPE_PROTO(Add, add);
TROUPE_PROTO(Total, total);
TROUPE_PROTO(Reset, reset);
TROUPE_STRUCT(Tick, struct tick);

// ---- The counter

struct counter {
    int64_t sum;
};

static troupe_status counter_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    struct counter *counter = state;
    const Add *add = troupe_match(msg, Add);
    if (add) {
        counter->sum += add->amount;
        return troupe_reply(ctx, Total, .sum = counter->sum); // of no effect if it was not an ask
    }
    if (troupe_match(msg, Reset)) {
        counter->sum = 0;
        return TROUPE_OK;
    }
    return TROUPE_UNHANDLED;
}

static const troupe_behavior counter_behavior = {
    .name = "counter",
    .state_size = sizeof(struct counter),
    .receive = counter_receive,
};

// ---- Its user: adds 5 three times, resets, adds 7

struct user {
    troupe_ref counter;
    troupe_timer timer;
    int ticks;
};

static troupe_status on_total(troupe_ctx *ctx, void *state, void *when,
                              const troupe_outcome *outcome)
{
    (void)state;
    if (outcome->status != TROUPE_OK)
        return troupe_fail(ctx, outcome->status, "no total");
    const Total *total = troupe_match(outcome->reply, Total);
    printf("%s: %" PRId64 "\n", (const char *)when, total ? total->sum : -1);
    return TROUPE_OK;
}

static troupe_status on_last_total(troupe_ctx *ctx, void *state, void *when,
                                   const troupe_outcome *outcome)
{
    troupe_status status = on_total(ctx, state, when, outcome);
    return status == TROUPE_OK ? TROUPE_STOP : status;
}

static troupe_status user_init(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    (void)args;
    struct user *user = state;
    troupe_status status = troupe_spawn(ctx, &counter_behavior, NULL, &user->counter);
    if (status != TROUPE_OK)
        return status;
    return troupe_every(ctx, 10, troupe_self(ctx), &user->timer, Tick, .amount = 5);
}

static troupe_status user_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    struct user *user = state;
    const struct tick *tick = troupe_match(msg, Tick);
    if (!tick)
        return TROUPE_UNHANDLED;
    if (++user->ticks < 3)
        return troupe_send(ctx, user->counter, Add, .amount = tick->amount);

    static char after_three[] = "after three ticks";
    static char after_reset[] = "after a reset";
    (void)troupe_timer_cancel(ctx, user->timer);
    troupe_status status =
        troupe_ask(ctx, user->counter, 1000, on_total, after_three, Add, .amount = tick->amount);
    if (status == TROUPE_OK)
        status = troupe_send(ctx, user->counter, Reset);
    if (status == TROUPE_OK)
        status = troupe_ask(ctx, user->counter, 1000, on_last_total, after_reset, Add, .amount = 7);
    return status;
}

static const troupe_behavior user_behavior = {
    .name = "user",
    .state_size = sizeof(struct user),
    .init = user_init,
    .receive = user_receive,
};

static troupe_status start(troupe_ctx *ctx, int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return troupe_spawn(ctx, &user_behavior, NULL, NULL);
}

int main(int argc, char **argv)
{
    return troupe_main(argc, argv, &(troupe_app){.name = "counter", .start = start});
}
