// tree DEPTH: an actor spawns ten, each of them ten, and so on; the leaves say 1, the others say
// what theirs sum up to, and each ends when it has said it.
#include "bench/local/messages.h"
#include "bench/local/workloads/all.h"

#define FAN_OUT 10

// ---- A node of the tree

struct node {
    uint64_t sum;
    uint32_t heard; // children
};

static troupe_status report(troupe_ctx *ctx, uint64_t sum)
{
    troupe_status status = troupe_send(ctx, troupe_owner(ctx), Sum, .number = sum);
    return status == TROUPE_OK ? TROUPE_STOP : status;
}

static const troupe_behavior node_behavior;

static troupe_status spawn_node(troupe_ctx *ctx, uint64_t depth)
{
    troupe_ref node;
    troupe_status status = troupe_spawn(ctx, &node_behavior, NULL, &node);
    return status == TROUPE_OK ? troupe_send(ctx, node, Grow, .number = depth) : status;
}

static troupe_status node_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    struct node *node = state;
    const Grow *grow = troupe_match(msg, Grow);
    if (grow) {
        if (grow->number == 0)
            return report(ctx, 1);
        troupe_status status = TROUPE_OK;
        for (int i = 0; i < FAN_OUT && status == TROUPE_OK; i++)
            status = spawn_node(ctx, grow->number - 1);
        return status;
    }
    const Sum *sum = troupe_match(msg, Sum);
    if (!sum)
        return TROUPE_UNHANDLED;
    node->sum += sum->number;
    return ++node->heard < FAN_OUT ? TROUPE_OK : report(ctx, node->sum);
}

static const troupe_behavior node_behavior = {
    .name = "node", .state_size = sizeof(struct node), .receive = node_receive};

// ---- The lead

static troupe_status lead_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    const Sum *sum = troupe_match(msg, Sum);
    if (sum) {
        uint64_t leaves = 1;
        for (uint64_t i = 0; i < local_run.n; i++)
            leaves *= FAN_OUT;
        return sum->number == leaves ? local_finish(ctx, leaves)
                                     : troupe_fail(ctx, TROUPE_EUSER, "leaves are missing");
    }
    if (!troupe_match(msg, Begin))
        return TROUPE_UNHANDLED;
    local_clock_start(ctx);
    return spawn_node(ctx, local_run.n);
}

static const troupe_behavior lead = {.name = "tree", .receive = lead_receive};

const struct local_workload LOCAL_FORM(local_tree) = {
    .name = "tree",
    .what = "actors spawn a tree of fan-out 10 and sum up its leaves; ops: leaves",
    .n = {"DEPTH", 0, 8, 6},
    .lead = &lead,
};
