// ring N K: one token makes N hops in a ring of K actors.
#include "bench/local/messages.h"
#include "bench/local/workloads/all.h"

// ---- One of the ring

struct node {
    troupe_ref next;
};

static troupe_status node_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    struct node *node = state;
    const Token *token = troupe_match(msg, Token);
    if (token)
        return token->number > 0 ? troupe_send(ctx, node->next, Token, .number = token->number - 1)
                                 : troupe_send(ctx, troupe_owner(ctx), Done);
    const Link *link = troupe_match(msg, Link);
    if (!link)
        return TROUPE_UNHANDLED;
    node->next = local_ref(link->actor);
    return troupe_send(ctx, troupe_owner(ctx), Ready);
}

static const troupe_behavior node_behavior = {
    .name = "node", .state_size = sizeof(struct node), .receive = node_receive};

// ---- The lead, who is not in the ring

struct maker {
    troupe_ref first;
    uint64_t ready;
};

// Links each new node to the one before, and at last the first to the last.
static troupe_status make_ring(troupe_ctx *ctx, troupe_ref *first)
{
    troupe_ref last, node;
    troupe_status status = troupe_spawn(ctx, &node_behavior, NULL, first);
    last = *first;
    for (uint64_t i = 1; i < local_run.k && status == TROUPE_OK; i++) {
        status = troupe_spawn(ctx, &node_behavior, NULL, &node);
        if (status == TROUPE_OK)
            status = troupe_send(ctx, node, Link, .actor = local_actor(last));
        last = node;
    }
    return status == TROUPE_OK ? troupe_send(ctx, *first, Link, .actor = local_actor(last))
                               : status;
}

static troupe_status lead_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    struct maker *maker = state;
    if (troupe_match(msg, Done))
        return local_finish(ctx, local_run.n);
    if (troupe_match(msg, Begin))
        return make_ring(ctx, &maker->first);
    if (!troupe_match(msg, Ready))
        return TROUPE_UNHANDLED;
    if (++maker->ready < local_run.k)
        return TROUPE_OK;
    local_clock_start(ctx);
    return troupe_send(ctx, maker->first, Token, .number = local_run.n - 1);
}

static const troupe_behavior lead = {
    .name = "ring", .state_size = sizeof(struct maker), .receive = lead_receive};

const struct local_workload LOCAL_FORM(local_ring) = {
    .name = "ring",
    .what = "one token goes round in a ring of K actors; ops: hops",
    .n = {"N", 1, 1000000000, 5000000},
    .k = {"K", 1, 1000000, 1000},
    .lead = &lead,
};
