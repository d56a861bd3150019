// fjcreate N: one actor spawns N; each gets one message, answers and ends. How many are spawned per
// handler is --pieces.
#include "bench/local/messages.h"
#include "bench/local/workloads/all.h"

// ---- A child

static troupe_status child_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    const Ping *ping = troupe_match(msg, Ping);
    if (ping)
        return troupe_send(ctx, local_ref(ping->actor), Pong, .number = ping->number);
    if (!troupe_match(msg, Work))
        return TROUPE_UNHANDLED;
    troupe_status status = troupe_send(ctx, troupe_owner(ctx), Done);
    return status == TROUPE_OK ? TROUPE_STOP : status;
}

static const troupe_behavior child_behavior = {.name = "child", .receive = child_receive};

// ---- The lead

struct parent {
    uint64_t done;
};

static troupe_status spawn_piece(troupe_ctx *ctx, uint64_t left)
{
    uint64_t piece = local_piece(left);
    troupe_ref child;
    troupe_status status = TROUPE_OK;
    for (uint64_t i = 0; i < piece && status == TROUPE_OK; i++) {
        status = troupe_spawn(ctx, &child_behavior, NULL, &child);
        if (status == TROUPE_OK)
            status = troupe_send(ctx, child, Work);
    }
    if (status != TROUPE_OK || piece == left)
        return status;
    return troupe_send(ctx, troupe_self(ctx), More, .number = left - piece);
}

static troupe_status lead_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    struct parent *parent = state;
    if (troupe_match(msg, Done))
        return ++parent->done < local_run.n ? TROUPE_OK : local_finish(ctx, local_run.n);
    const More *more = troupe_match(msg, More);
    if (more)
        return spawn_piece(ctx, more->number);
    if (!troupe_match(msg, Begin))
        return TROUPE_UNHANDLED;
    local_clock_start(ctx);
    return spawn_piece(ctx, local_run.n);
}

static const troupe_behavior lead = {
    .name = "fjcreate", .state_size = sizeof(struct parent), .receive = lead_receive};

const struct local_workload LOCAL_FORM(local_fjcreate) = {
    .name = "fjcreate",
    .what = "N actors are spawned, get one message, answer and end; ops: actors",
    .n = {"N", 1, 100000000, 1000000},
    .lead = &lead,
};
