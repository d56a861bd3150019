// tree: how long a tree takes to start and to stop: a supervisor of N / 100 supervisors of 100
// children each. Supervisors start and stop their children one after the other.
#include "bench/supervision/measures.h"

#include <stdio.h>
#include <stdlib.h>

#define CHILDREN 100

static troupe_status leaf_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)ctx, (void)state, (void)msg;
    return TROUPE_UNHANDLED;
}

static const troupe_behavior leaf = {
    .name = "leaf", .state_size = sizeof(uint64_t), .receive = leaf_receive};

// ---- The specification; static, as it is used once

static char ids[10000000 / CHILDREN][8];
static troupe_child leaves[CHILDREN];
static const troupe_supervisor branch = {.children = leaves, .child_count = CHILDREN};

static void name_children(troupe_child *children, uint64_t count, const troupe_child *template)
{
    for (uint64_t i = 0; i < count; i++) {
        (void)snprintf(ids[i], sizeof ids[i], "%u", (unsigned)i);
        children[i] = *template;
        children[i].id = ids[i];
    }
}

static troupe_status supervise(troupe_ctx *ctx, troupe_ref *root)
{
    uint64_t count = (supervision_run.n + CHILDREN - 1) / CHILDREN;
    troupe_child *branches = calloc(count, sizeof *branches);
    if (branches == NULL)
        return TROUPE_ENOMEM;
    name_children(leaves, CHILDREN, &(troupe_child){.behavior = &leaf});
    name_children(branches, count, &(troupe_child){.supervisor = &branch});
    troupe_supervisor spec = {.children = branches, .child_count = count};
    troupe_status status = troupe_supervise(ctx, &spec, root);
    free(branches);
    return status;
}

// ---- The lead

struct lead {
    troupe_ref root;
    uint64_t since_ns;
};

static troupe_status begin(troupe_ctx *ctx, struct lead *lead)
{
    lead->since_ns = troupe_now_ns(ctx);
    troupe_status status = supervise(ctx, &lead->root);
    if (status != TROUPE_OK)
        return status;
    return troupe_monitor(ctx, lead->root, TROUPE_ON_START | TROUPE_ON_STOP, NULL);
}

static troupe_status lead_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    struct lead *lead = state;
    if (troupe_match(msg, Begin))
        return begin(ctx, lead);
    const troupe_down *down = troupe_match(msg, troupe_down);
    if (!down)
        return TROUPE_UNHANDLED;
    if (down->event == TROUPE_ON_START) {
        supervision_note_ms(ctx, "start_ms", lead->since_ns);
        lead->since_ns = troupe_now_ns(ctx);
        return troupe_stop(ctx, lead->root);
    }
    supervision_note_ms(ctx, "stop_ms", lead->since_ns);
    return supervision_finish();
}

static const troupe_behavior lead = {
    .name = "tree", .state_size = sizeof(struct lead), .receive = lead_receive};

const struct supervision_measure supervision_tree = {
    .name = "tree",
    .what = "a tree of N actors under supervisors of 100 each is started and stopped",
    .n = 100000,
    .lead = &lead};
