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
    return TROUPE_OK;
}

static const troupe_behavior node_behavior = {
    .name = "node", .state_size = sizeof(struct node), .receive = node_receive};

// ---- The lead, who is not in the ring

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
    (void)state;
    if (troupe_match(msg, Done))
        return local_finish(ctx, local_run.n);
    if (!troupe_match(msg, Begin))
        return TROUPE_UNHANDLED;
    troupe_ref first;
    troupe_status status = make_ring(ctx, &first);
    if (status != TROUPE_OK)
        return status;
    local_clock_start(ctx);
    return troupe_send(ctx, first, Token, .number = local_run.n - 1);
}

static const troupe_behavior lead = {.name = "ring", .receive = lead_receive};

const struct local_workload LOCAL_FORM(local_ring) = {
    .name = "ring",
    .what = "one token goes round in a ring of K actors; ops: hops",
    .n = {"N", 1, 1000000000, 5000000},
    .k = {"K", 1, 1000000, 1000},
    .lead = &lead,
};
