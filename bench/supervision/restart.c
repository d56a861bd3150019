// restart, restart_init, restart_cold: how long after the failure of a child its next incarnation
// handles the message that waited. The lead sends a message that fails the child and one more; the
// time is from the last instruction of the one handler to the first of the other, and includes
// reading the clock once.
#include "bench/supervision/measures.h"

#include <stdio.h>
#include <stdlib.h>

TROUPE_EMPTY(Fail);
TROUPE_STRUCT(Next, troupe_ref);
TROUPE_STRUCT(Took, uint64_t); // ns

// ---- The child

static uint64_t failed_ns; // the child's: one incarnation writes it, the next one reads it

struct child {
    uint64_t begun, handled;
};

static troupe_status child_init(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    struct child *child = state;
    (void)ctx, (void)args;
    child->begun = 1;
    return TROUPE_OK;
}

static troupe_status child_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    uint64_t now_ns = troupe_now_ns(ctx);
    struct child *child = state;
    child->handled++;
    const troupe_ref *lead = troupe_match(msg, Next);
    if (lead) {
        if (child->handled != 1)
            abort(); // it is the one that has failed
        uint64_t took_ns = now_ns - failed_ns;
        return troupe_send_body(ctx, *lead, TROUPE_TYPE(Took), &took_ns);
    }
    if (!troupe_match(msg, Fail))
        return TROUPE_UNHANDLED;
    failed_ns = troupe_now_ns(ctx);
    return TROUPE_EINVAL;
}

static const troupe_behavior plain = {
    .name = "child", .state_size = sizeof(struct child), .receive = child_receive};
static const troupe_behavior with_init = {.name = "child",
                                          .state_size = sizeof(struct child),
                                          .init = child_init,
                                          .receive = child_receive};

// ---- The supervisor

#define MANY 100000

enum variant { PLAIN, WITH_INIT, COLD };

static char ids[MANY][8];
static troupe_child children[MANY]; // static, as they are used once

static troupe_status supervise(troupe_ctx *ctx, uint64_t count, troupe_ref *supervisor)
{
    bool init = supervision_run.measure->variant == WITH_INIT;
    for (uint64_t i = 0; i < count; i++) {
        (void)snprintf(ids[i], sizeof ids[i], "%u", (unsigned)i);
        children[i] = (troupe_child){.id = ids[i], .behavior = init ? &with_init : &plain};
    }
    // More restarts than can be.
    troupe_supervisor spec = {
        .max_restarts = 20000, .within_ms = 1, .children = children, .child_count = count};
    return troupe_supervise(ctx, &spec, supervisor);
}

// ---- The lead

struct lead {
    troupe_ref supervisor;
    troupe_ref *children;
    uint64_t child_count;
    uint64_t *took_ns;
    uint64_t heard;
};

static troupe_status begin(troupe_ctx *ctx, struct lead *lead)
{
    lead->child_count = supervision_run.measure->variant == COLD ? MANY : 1;
    lead->took_ns = troupe_alloc(ctx, supervision_run.n * sizeof *lead->took_ns);
    lead->children = troupe_alloc(ctx, lead->child_count * sizeof *lead->children);
    if (lead->took_ns == NULL || lead->children == NULL)
        return TROUPE_ENOMEM;
    troupe_status status = supervise(ctx, lead->child_count, &lead->supervisor);
    if (status != TROUPE_OK)
        return status;
    return troupe_monitor(ctx, lead->supervisor, TROUPE_ON_START | TROUPE_ON_STOP, NULL);
}

static troupe_status find_children(troupe_ctx *ctx, const struct lead *lead)
{
    troupe_status status = TROUPE_OK;
    for (uint64_t i = 0; i < lead->child_count && status == TROUPE_OK; i++)
        status = troupe_child_ref(ctx, lead->supervisor, ids[i], &lead->children[i]);
    return status;
}

static troupe_status fail_one(troupe_ctx *ctx, const struct lead *lead)
{
    troupe_ref self = troupe_self(ctx);
    troupe_ref child =
        lead->children[lead->child_count > 1 ? troupe_random(ctx) % lead->child_count : 0];
    troupe_status status = troupe_send(ctx, child, Fail);
    return status != TROUPE_OK ? status : troupe_send_body(ctx, child, TROUPE_TYPE(Next), &self);
}

static troupe_status hear(troupe_ctx *ctx, struct lead *lead, uint64_t took_ns)
{
    lead->took_ns[lead->heard++] = took_ns;
    if (lead->heard < supervision_run.n)
        return fail_one(ctx, lead);
    supervision_note_times(lead->took_ns, lead->heard);
    return supervision_finish();
}

static troupe_status lead_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    struct lead *lead = state;
    const uint64_t *took_ns = troupe_match(msg, Took);
    if (took_ns)
        return hear(ctx, lead, *took_ns);
    if (troupe_match(msg, Begin))
        return begin(ctx, lead);
    const troupe_down *down = troupe_match(msg, troupe_down);
    if (!down || down->event == TROUPE_ON_STOP)
        abort(); // it has given up
    troupe_status status = find_children(ctx, lead);
    return status != TROUPE_OK ? status : fail_one(ctx, lead);
}

static const troupe_behavior lead = {
    .name = "restart", .state_size = sizeof(struct lead), .receive = lead_receive};

const struct supervision_measure supervision_restart = {
    .name = "restart",
    .what = "from a child's failure to its next incarnation's first message, N times",
    .n = 100000,
    .fails = true,
    .variant = PLAIN,
    .lead = &lead};
const struct supervision_measure supervision_restart_init = {
    .name = "restart_init",
    .what = "the same of a child that has an init",
    .n = 100000,
    .fails = true,
    .variant = WITH_INIT,
    .lead = &lead};
const struct supervision_measure supervision_restart_cold = {
    .name = "restart_cold",
    .what = "the same of one of 100000 children at random, which no cache holds",
    .n = 100000,
    .fails = true,
    .variant = COLD,
    .lead = &lead};
