// spawnstop N: N actors one after the other, each spawned, stopped when it has started, and waited
// for.
#include "bench/local/messages.h"
#include "bench/local/workloads/all.h"

// ---- A child tells when it has started and when it has ended

static troupe_status child_init(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    (void)state, (void)args;
    return troupe_send(ctx, troupe_owner(ctx), Link, .actor = local_actor(troupe_self(ctx)));
}

static troupe_status child_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    const Ping *ping = troupe_match(msg, Ping);
    if (ping)
        return troupe_send(ctx, local_ref(ping->actor), Pong, .number = ping->number);
    return troupe_match(msg, Work) ? TROUPE_STOP : TROUPE_UNHANDLED;
}

static void child_stop(troupe_ctx *ctx, void *state, const troupe_reason *why)
{
    (void)state, (void)why;
    (void)troupe_send(ctx, troupe_owner(ctx), Done);
}

static const troupe_behavior child_behavior = {
    .name = "child", .init = child_init, .receive = child_receive, .stop = child_stop};

// ---- The lead

struct parent {
    uint64_t left;
};

static troupe_status lead_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    struct parent *parent = state;
    const Link *started = troupe_match(msg, Link);
    if (started)
        return troupe_stop(ctx, local_ref(started->actor));
    if (troupe_match(msg, Done))
        return --parent->left > 0 ? troupe_spawn(ctx, &child_behavior, NULL, NULL)
                                  : local_finish(ctx, local_run.n);
    if (!troupe_match(msg, Begin))
        return TROUPE_UNHANDLED;
    parent->left = local_run.n;
    local_clock_start(ctx);
    return troupe_spawn(ctx, &child_behavior, NULL, NULL);
}

static const troupe_behavior lead = {
    .name = "spawnstop", .state_size = sizeof(struct parent), .receive = lead_receive};

const struct local_workload LOCAL_FORM(local_spawnstop) = {
    .name = "spawnstop",
    .what = "actors are spawned and stopped one after the other; ops: actors",
    .n = {"N", 1, 1000000000, 1000000},
    .lead = &lead,
};
