// What the end of one actor costs when many have to be told:
//   watched      N actors monitor it
//   watching     one actor monitors it N times
//   linked       N actors are linked to it and trap exits
//   linked_ends  N actors are linked to it and end with it
#include "bench/supervision/measures.h"

#include <stdatomic.h>

enum variant { WATCHED, WATCHING, LINKED, LINKED_ENDS };

TROUPE_EMPTY(Ready);
TROUPE_EMPTY(Done);

struct about {
    troupe_ref target, lead;
};

TROUPE_STRUCT(About, struct about);

static enum variant variant(void)
{
    return (enum variant)supervision_run.measure->variant;
}

// ---- The target, which only waits for its end

static troupe_status target_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)ctx, (void)state, (void)msg;
    return TROUPE_UNHANDLED;
}

static const troupe_behavior target_behavior = {.name = "target", .receive = target_receive};

// ---- Those that are told of it. A count in common, so that it is not the lead's messages that are
// measured: relaxed, as the message of the last one publishes all that matters.

static _Atomic uint64_t ready, told;

static bool is_last(_Atomic uint64_t *count)
{
    return atomic_fetch_add_explicit(count, 1, memory_order_relaxed) + 1 == supervision_run.n;
}

static troupe_status attach(troupe_ctx *ctx, troupe_ref target)
{
    if (variant() == WATCHED)
        return troupe_monitor(ctx, target, TROUPE_ON_STOP, NULL);
    troupe_status status = variant() == LINKED ? troupe_trap_exits(ctx, true) : TROUPE_OK;
    return status == TROUPE_OK ? troupe_link(ctx, target) : status;
}

static troupe_status watcher_init(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    struct about *about = state;
    const struct about *given = troupe_match(args, About);
    if (!given)
        return TROUPE_EINVAL;
    *about = *given;
    troupe_status status = attach(ctx, about->target);
    if (status == TROUPE_OK && is_last(&ready))
        status = troupe_send(ctx, about->lead, Ready);
    return status;
}

static troupe_status watcher_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    const struct about *about = state;
    if (!troupe_match(msg, troupe_down) && !troupe_match(msg, troupe_exited))
        return TROUPE_UNHANDLED;
    return is_last(&told) ? troupe_send(ctx, about->lead, Done) : TROUPE_OK;
}

static void watcher_stop(troupe_ctx *ctx, void *state, const troupe_reason *why)
{
    const struct about *about = state;
    (void)why;
    if (is_last(&told))
        (void)troupe_send(ctx, about->lead, Done);
}

static const troupe_behavior watcher = {.name = "watcher",
                                        .state_size = sizeof(struct about),
                                        .init = watcher_init,
                                        .receive = watcher_receive};
static const troupe_behavior watcher_that_ends = {.name = "watcher",
                                                  .state_size = sizeof(struct about),
                                                  .init = watcher_init,
                                                  .receive = watcher_receive,
                                                  .stop = watcher_stop};

// ---- The lead

struct lead {
    troupe_ref target;
    uint64_t since_ns;
};

static troupe_status spawn_watchers(troupe_ctx *ctx, const struct lead *lead)
{
    const troupe_behavior *behavior = variant() == LINKED_ENDS ? &watcher_that_ends : &watcher;
    struct about about = {.target = lead->target, .lead = troupe_self(ctx)};
    troupe_status status = TROUPE_OK;
    for (uint64_t i = 0; i < supervision_run.n && status == TROUPE_OK; i++)
        status = troupe_spawn_body(ctx, behavior, NULL, NULL, TROUPE_TYPE(About), &about);
    return status;
}

static troupe_status watch(troupe_ctx *ctx, const struct lead *lead)
{
    troupe_status status = TROUPE_OK;
    for (uint64_t i = 0; i < supervision_run.n && status == TROUPE_OK; i++)
        status = troupe_monitor(ctx, lead->target, TROUPE_ON_STOP, NULL);
    return status == TROUPE_OK ? troupe_send(ctx, troupe_self(ctx), Ready) : status;
}

static troupe_status begin(troupe_ctx *ctx, struct lead *lead)
{
    troupe_status status = troupe_spawn(ctx, &target_behavior, NULL, &lead->target);
    lead->since_ns = troupe_now_ns(ctx);
    if (status != TROUPE_OK)
        return status;
    return variant() == WATCHING ? watch(ctx, lead) : spawn_watchers(ctx, lead);
}

static troupe_status end_target(troupe_ctx *ctx, struct lead *lead)
{
    supervision_note_ms(ctx, "attach_ms", lead->since_ns);
    lead->since_ns = troupe_now_ns(ctx);
    return troupe_stop(ctx, lead->target);
}

static troupe_status lead_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    struct lead *lead = state;
    if (troupe_match(msg, troupe_down) && !is_last(&told))
        return TROUPE_OK;
    if (troupe_match(msg, Begin))
        return begin(ctx, lead);
    if (troupe_match(msg, Ready))
        return end_target(ctx, lead);
    supervision_note_ms(ctx, "told_ms", lead->since_ns);
    return supervision_finish();
}

static const troupe_behavior lead = {
    .name = "watch", .state_size = sizeof(struct lead), .receive = lead_receive};

const struct supervision_measure supervision_watched = {
    .name = "watched",
    .what = "the end of an actor that N others monitor",
    .n = 100000,
    .variant = WATCHED,
    .lead = &lead};
const struct supervision_measure supervision_watching = {
    .name = "watching",
    .what = "the end of an actor that one other monitors N times",
    .n = 100000,
    .variant = WATCHING,
    .lead = &lead};
const struct supervision_measure supervision_linked = {
    .name = "linked",
    .what = "the end of an actor that N others are linked to, which trap exits",
    .n = 100000,
    .variant = LINKED,
    .lead = &lead};
const struct supervision_measure supervision_linked_ends = {.name = "linked_ends",
                                                            .what =
                                                                "the same, and they end with it",
                                                            .n = 100000,
                                                            .variant = LINKED_ENDS,
                                                            .lead = &lead};
