// latency N PAUSE_US: how long N round trips of a pair take beside an actor whose handlers take 5
// ms each, one after the other without a pause. The pair pauses for PAUSE_US after each round trip;
// 0: not at all. With a pause each round trip begins with a worker to be found for it.
#include "bench/local/messages.h"
#include "bench/local/workloads/all.h"

#define BUSY_NS 5000000u

// ---- The one that is busy

static troupe_status busy_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    const Work *work = troupe_match(msg, Work);
    if (work) {
        uint64_t until_ns = troupe_now_ns(ctx) + BUSY_NS;
        while (troupe_now_ns(ctx) < until_ns)
            continue;
        return troupe_send(ctx, troupe_self(ctx), Work);
    }
    return troupe_match(msg, Done) ? TROUPE_STOP : TROUPE_UNHANDLED;
}

static const troupe_behavior busy_behavior = {.name = "busy", .receive = busy_receive};

// ---- The pair: the answerer, and the lead

static troupe_status answerer_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    const Ping *ping = troupe_match(msg, Ping);
    if (ping)
        return troupe_send(ctx, local_ref(ping->actor), Pong, .number = ping->number);
    return troupe_match(msg, Work) ? TROUPE_STOP : TROUPE_UNHANDLED;
}

static const troupe_behavior answerer = {.name = "answerer", .receive = answerer_receive};

struct asker {
    troupe_ref answerer;
    uint64_t *took_ns;
    uint64_t heard;
};

static troupe_status ping(troupe_ctx *ctx, const struct asker *asker, uint64_t now_ns)
{
    return troupe_send(ctx, asker->answerer, Ping, .number = now_ns,
                       .actor = local_actor(troupe_self(ctx)));
}

static troupe_status hear(troupe_ctx *ctx, struct asker *asker, const Pong *pong)
{
    uint64_t now_ns = troupe_now_ns(ctx);
    asker->took_ns[asker->heard++] = now_ns - pong->number;
    if (asker->heard == local_run.n) {
        local_note_times(asker->took_ns, local_run.n);
        return local_finish(ctx, local_run.n);
    }
    if (local_run.k == 0)
        return ping(ctx, asker, now_ns);
    return troupe_at(ctx, now_ns + local_run.k * 1000, troupe_self(ctx), NULL, More);
}

static troupe_status begin(troupe_ctx *ctx, struct asker *asker)
{
    troupe_ref busy;
    asker->took_ns = troupe_alloc(ctx, local_run.n * sizeof *asker->took_ns);
    if (!asker->took_ns)
        return TROUPE_ENOMEM;
    troupe_status status = troupe_spawn(ctx, &answerer, NULL, &asker->answerer);
    if (status == TROUPE_OK)
        status = troupe_spawn(ctx, &busy_behavior, NULL, &busy);
    if (status == TROUPE_OK)
        status = troupe_send(ctx, busy, Work);
    local_clock_start(ctx);
    return status == TROUPE_OK ? ping(ctx, asker, troupe_now_ns(ctx)) : status;
}

static troupe_status lead_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    struct asker *asker = state;
    const Pong *pong = troupe_match(msg, Pong);
    if (pong)
        return hear(ctx, asker, pong);
    if (troupe_match(msg, More))
        return ping(ctx, asker, troupe_now_ns(ctx));
    return troupe_match(msg, Begin) ? begin(ctx, asker) : TROUPE_UNHANDLED;
}

static const troupe_behavior lead = {
    .name = "latency", .state_size = sizeof(struct asker), .receive = lead_receive};

const struct local_workload LOCAL_FORM(local_latency) = {
    .name = "latency",
    .what = "round trips of a pair beside an actor with handlers of 5 ms; ops: round trips",
    .n = {"N", 1, 100000000, 2000000},
    .k = {"PAUSE_US", 0, 1000000, 0},
    .least_workers = 2,
    .lead = &lead,
};
