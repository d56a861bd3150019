// idle N: N actors that stay. Each has got a message and answered it, so that it has been as alive
// as any other, before the memory that they hold is measured. They are spawned in groups of
// --pieces (by default 1000), so that messages on their way do not count.
#include "bench/local/memory.h"
#include "bench/local/messages.h"
#include "bench/local/workloads/all.h"

#define GROUP 1000

// ---- One that stays

struct idler {
    uint64_t pings;
};

static troupe_status idler_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    struct idler *idler = state;
    const Ping *ping = troupe_match(msg, Ping);
    if (ping) {
        idler->pings++;
        return troupe_send(ctx, local_ref(ping->actor), Pong, .number = ping->number);
    }
    return troupe_match(msg, Work) ? TROUPE_STOP : TROUPE_UNHANDLED;
}

static const troupe_behavior idler_behavior = {
    .name = "idler", .state_size = sizeof(struct idler), .receive = idler_receive};

// ---- The lead

struct landlord {
    uint64_t spawned, awaited;
    uint64_t kib_before;
};

static troupe_status spawn_group(troupe_ctx *ctx, struct landlord *landlord)
{
    uint64_t left = local_run.n - landlord->spawned;
    uint64_t size = local_run.pieces > 0 ? local_run.pieces : GROUP;
    troupe_ref idler;
    troupe_status status = TROUPE_OK;
    landlord->awaited = size < left ? size : left;
    landlord->spawned += landlord->awaited;
    for (uint64_t i = 0; i < landlord->awaited && status == TROUPE_OK; i++) {
        status = troupe_spawn(ctx, &idler_behavior, NULL, &idler);
        if (status == TROUPE_OK)
            status = troupe_send(ctx, idler, Ping, .actor = local_actor(troupe_self(ctx)));
    }
    return status;
}

static troupe_status group_is_there(troupe_ctx *ctx, struct landlord *landlord)
{
    if (landlord->spawned < local_run.n)
        return spawn_group(ctx, landlord);
    uint64_t kib = local_memory_kib("VmRSS") - landlord->kib_before;
    local_note("bytes_per_actor", (double)kib * 1024 / (double)local_run.n);
    local_note("state_bytes", sizeof(struct idler));
    return local_finish(ctx, local_run.n);
}

static troupe_status lead_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    struct landlord *landlord = state;
    if (troupe_match(msg, Pong))
        return --landlord->awaited > 0 ? TROUPE_OK : group_is_there(ctx, landlord);
    if (!troupe_match(msg, Begin))
        return TROUPE_UNHANDLED;
    landlord->kib_before = local_memory_kib("VmRSS");
    local_clock_start(ctx);
    return spawn_group(ctx, landlord);
}

static const troupe_behavior lead = {
    .name = "idle", .state_size = sizeof(struct landlord), .receive = lead_receive};

const struct local_workload LOCAL_FORM(local_idle) = {
    .name = "idle",
    .what = "N actors with a state of 8 bytes that stay; ops: actors",
    .n = {"N", 1, 100000000, 1000000},
    .lead = &lead,
};
