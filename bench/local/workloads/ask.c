// ask N K: one actor asks another N times, with K asks on their way at a time. Twice: with the time
// limit that asks have by default, and without one.
#include "bench/local/messages.h"
#include "bench/local/workloads/all.h"

// ---- The asked

static troupe_status answerer_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    const Ping *ping = troupe_match(msg, Ping);
    if (ping)
        return troupe_reply(ctx, Pong, .number = ping->number);
    return troupe_match(msg, Work) ? TROUPE_STOP : TROUPE_UNHANDLED;
}

static const troupe_behavior answerer = {.name = "answerer", .receive = answerer_receive};

// ---- The asker

struct asker {
    troupe_ref answerer;
    uint32_t timeout_ms; // 0: the default
    uint64_t to_ask;     // not asked yet
    uint64_t to_hear;    // no outcome yet
};

static troupe_status on_outcome(troupe_ctx *ctx, void *state, void *user,
                                const troupe_outcome *outcome);

static troupe_status ask(troupe_ctx *ctx, struct asker *asker)
{
    return troupe_ask(ctx, asker->answerer, asker->timeout_ms, on_outcome, NULL, Ping,
                      .number = asker->to_ask--);
}

static troupe_status on_outcome(troupe_ctx *ctx, void *state, void *user,
                                const troupe_outcome *outcome)
{
    (void)user;
    struct asker *asker = state;
    if (outcome->status != TROUPE_OK || !troupe_match(outcome->reply, Pong))
        return troupe_fail(ctx, TROUPE_EUSER, "an ask was not answered");
    if (--asker->to_hear == 0)
        return local_finish(ctx, local_run.n);
    return asker->to_ask > 0 ? ask(ctx, asker) : TROUPE_OK;
}

static troupe_status begin(troupe_ctx *ctx, struct asker *asker, uint32_t timeout_ms)
{
    asker->timeout_ms = timeout_ms;
    asker->to_ask = asker->to_hear = local_run.n;
    troupe_status status = troupe_spawn(ctx, &answerer, NULL, &asker->answerer);
    local_clock_start(ctx);
    for (uint64_t i = 0; i < local_run.k && asker->to_ask > 0 && status == TROUPE_OK; i++)
        status = ask(ctx, asker);
    return status;
}

static troupe_status ask_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    return troupe_match(msg, Begin) ? begin(ctx, state, 0) : TROUPE_UNHANDLED;
}

static troupe_status asklong_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    return troupe_match(msg, Begin) ? begin(ctx, state, TROUPE_NO_LIMIT) : TROUPE_UNHANDLED;
}

static const troupe_behavior ask_lead = {
    .name = "ask", .state_size = sizeof(struct asker), .receive = ask_receive};
static const troupe_behavior asklong_lead = {
    .name = "asklong", .state_size = sizeof(struct asker), .receive = asklong_receive};

const struct local_workload LOCAL_FORM(local_ask) = {
    .name = "ask",
    .what = "one actor asks another, K asks at a time; ops: round trips",
    .n = {"N", 1, 1000000000, 3000000},
    .k = {"K", 1, 1000000, 1},
    .lead = &ask_lead,
};

const struct local_workload LOCAL_FORM(local_asklong) = {
    .name = "asklong",
    .what = "as ask, without a time limit",
    .n = {"N", 1, 1000000000, 3000000},
    .k = {"K", 1, 1000000, 1},
    .lead = &asklong_lead,
};
