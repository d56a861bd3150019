// pingpong N: two actors send one message back and forth, N times each way. One of them is the
// lead.
#include "bench/local/messages.h"
#include "bench/local/workloads/all.h"

struct player {
    troupe_ref other; // the lead's; the other one answers whom it is asked to
};

static const troupe_behavior answerer;

static troupe_status serve(troupe_ctx *ctx, const struct player *player, uint64_t left)
{
    return troupe_send(ctx, player->other, Ping, .number = left,
                       .actor = local_actor(troupe_self(ctx)));
}

static troupe_status play(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    struct player *player = state;
    const Ping *ping = troupe_match(msg, Ping);
    if (ping)
        return troupe_send(ctx, local_ref(ping->actor), Pong, .number = ping->number);
    const Pong *pong = troupe_match(msg, Pong);
    if (pong)
        return pong->number > 0 ? serve(ctx, player, pong->number - 1)
                                : local_finish(ctx, 2 * local_run.n);
    if (!troupe_match(msg, Begin))
        return TROUPE_UNHANDLED;
    troupe_status status = troupe_spawn(ctx, &answerer, NULL, &player->other);
    if (status != TROUPE_OK)
        return status;
    local_clock_start(ctx);
    return serve(ctx, player, local_run.n - 1);
}

static const troupe_behavior answerer = {
    .name = "answerer", .state_size = sizeof(struct player), .receive = play};
static const troupe_behavior lead = {
    .name = "pingpong", .state_size = sizeof(struct player), .receive = play};

const struct local_workload LOCAL_FORM(local_pingpong) = {
    .name = "pingpong",
    .what = "two actors send one message back and forth; ops: messages",
    .n = {"N", 1, 1000000000, 2500000},
    .lead = &lead,
};
