// Children of a simple one for one supervisor, started and stopped by an actor:
//   dynamic          by asks, up to 1000 at a time; then each is stopped by its ref, likewise
//   dynamic_one      the same, one at a time
//   dynamic_unasked  nobody wants to know the outcome; then the supervisor is stopped with all
//   dynamic_ends     by asks, as dynamic; each gets a message when it is there, and ends by it
#include "bench/supervision/measures.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define WINDOW 1000

enum variant { BY_REF, ONE_BY_ONE, UNASKED, BY_THEMSELVES };

TROUPE_EMPTY(Work);

static troupe_status child_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)ctx, (void)state;
    return troupe_match(msg, Work) ? TROUPE_STOP : TROUPE_UNHANDLED;
}

static const troupe_behavior child_behavior = {
    .name = "child", .state_size = sizeof(uint64_t), .receive = child_receive};

static const troupe_supervisor supervisor = {
    .strategy = TROUPE_SIMPLE_ONE_FOR_ONE,
    TROUPE_CHILDREN({.behavior = &child_behavior, .restart = TROUPE_TEMPORARY})};

struct lead {
    troupe_ref supervisor;
    troupe_ref *children;    // of those that are stopped by ref
    uint64_t asked, through; // starts, later stops
    uint64_t since_ns, start_ns;
    uint64_t resident; // bytes, before
};

static enum variant variant(void)
{
    return (enum variant)supervision_run.measure->variant;
}

static uint64_t resident(void)
{
    char line[128]; // of the whole, resident, ...; in pages
    char *second = line;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file || !fgets(line, sizeof line, file))
        abort();
    (void)fclose(file);
    (void)strtoull(line, &second, 10);
    return strtoull(second, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE);
}

// ---- The end of each part

static void note_started(troupe_ctx *ctx, struct lead *lead)
{
    uint64_t n = supervision_run.n;
    lead->start_ns = troupe_now_ns(ctx) - lead->since_ns;
    if (variant() != BY_THEMSELVES) {
        supervision_note("start_ns", (double)lead->start_ns / (double)n);
        supervision_note("bytes", (double)(resident() - lead->resident) / (double)n);
    }
    lead->since_ns = troupe_now_ns(ctx);
}

static troupe_status finish(troupe_ctx *ctx, const struct lead *lead)
{
    double n = (double)supervision_run.n;
    uint64_t stop_ns = troupe_now_ns(ctx) - lead->since_ns;
    uint64_t both_ns = lead->start_ns + stop_ns;
    if (variant() != BY_THEMSELVES)
        supervision_note("stop_ns", (double)stop_ns / n);
    supervision_note("both_ns", (double)both_ns / n);
    supervision_note("children_per_s", n * 1e9 / (double)both_ns);
    return supervision_finish();
}

// ---- Stopping

static troupe_status stop_next(troupe_ctx *ctx, struct lead *lead);

static troupe_status on_stopped(troupe_ctx *ctx, void *state, void *user,
                                const troupe_outcome *outcome)
{
    struct lead *lead = state;
    const troupe_child_reply *reply =
        outcome->reply ? troupe_match(outcome->reply, troupe_child_reply) : NULL;
    (void)user;
    if (!reply || reply->status != TROUPE_OK)
        return troupe_fail(ctx, TROUPE_ENOREPLY, "stop: %s", reply ? reply->text : "no reply");
    if (++lead->through == supervision_run.n)
        return finish(ctx, lead);
    return lead->asked < supervision_run.n ? stop_next(ctx, lead) : TROUPE_OK;
}

static troupe_status stop_next(troupe_ctx *ctx, struct lead *lead)
{
    return troupe_stop_child_ref(ctx, lead->supervisor, TROUPE_NO_LIMIT, on_stopped, NULL,
                                 lead->children[lead->asked++]);
}

static uint64_t window(void)
{
    uint64_t most = variant() == ONE_BY_ONE ? 1 : WINDOW;
    return most < supervision_run.n ? most : supervision_run.n;
}

static troupe_status stop_first(troupe_ctx *ctx, struct lead *lead)
{
    troupe_status status = TROUPE_OK;
    lead->asked = lead->through = 0;
    for (uint64_t i = window(); i > 0 && status == TROUPE_OK; i--)
        status = stop_next(ctx, lead);
    return status;
}

// ---- Counting, where nobody tells of each

static troupe_status on_count(troupe_ctx *ctx, void *state, void *user,
                              const troupe_outcome *outcome);

static troupe_status count(troupe_ctx *ctx, const struct lead *lead)
{
    return troupe_count_children(ctx, lead->supervisor, TROUPE_NO_LIMIT, on_count, NULL);
}

static troupe_status on_count(troupe_ctx *ctx, void *state, void *user,
                              const troupe_outcome *outcome)
{
    struct lead *lead = state;
    const troupe_child_count *now =
        outcome->reply ? troupe_match(outcome->reply, troupe_child_count) : NULL;
    (void)user;
    if (!now)
        return troupe_fail(ctx, TROUPE_ENOREPLY, "the children are not counted");
    if (now->active != (variant() == UNASKED ? supervision_run.n : 0))
        return count(ctx, lead);
    if (variant() == BY_THEMSELVES)
        return finish(ctx, lead);
    note_started(ctx, lead);
    return troupe_stop(ctx, lead->supervisor);
}

static troupe_status start_unasked(troupe_ctx *ctx, struct lead *lead);

// The supervisor has come so far.
static troupe_status on_spec(troupe_ctx *ctx, void *state, void *user,
                             const troupe_outcome *outcome)
{
    struct lead *lead = state;
    (void)user, (void)outcome;
    return lead->asked < supervision_run.n ? start_unasked(ctx, lead) : count(ctx, lead);
}

// So many at once that others have their turn, and that few requests wait.
static troupe_status start_unasked(troupe_ctx *ctx, struct lead *lead)
{
    troupe_status status = TROUPE_OK;
    for (uint64_t i = 0; i < WINDOW && lead->asked < supervision_run.n && status == TROUPE_OK;
         i++) {
        status = troupe_start_child(ctx, lead->supervisor, TROUPE_NO_LIMIT, NULL, NULL, NULL);
        lead->asked++;
    }
    if (status != TROUPE_OK)
        return status;
    return troupe_child_spec(ctx, lead->supervisor, TROUPE_NO_LIMIT, on_spec, NULL, NULL);
}

// ---- Starting

static troupe_status start_next(troupe_ctx *ctx, struct lead *lead);

static troupe_status all_started(troupe_ctx *ctx, struct lead *lead)
{
    note_started(ctx, lead);
    return variant() == BY_THEMSELVES ? count(ctx, lead) : stop_first(ctx, lead);
}

static troupe_status on_started(troupe_ctx *ctx, void *state, void *user,
                                const troupe_outcome *outcome)
{
    struct lead *lead = state;
    const troupe_child_reply *reply =
        outcome->reply ? troupe_match(outcome->reply, troupe_child_reply) : NULL;
    (void)user;
    if (!reply || reply->status != TROUPE_OK)
        return troupe_fail(ctx, TROUPE_ENOREPLY, "start: %s", reply ? reply->text : "no reply");
    if (variant() == BY_THEMSELVES)
        (void)troupe_send(ctx, reply->ref, Work);
    else
        lead->children[lead->through] = reply->ref;
    if (++lead->through == supervision_run.n)
        return all_started(ctx, lead);
    return lead->asked < supervision_run.n ? start_next(ctx, lead) : TROUPE_OK;
}

static troupe_status start_next(troupe_ctx *ctx, struct lead *lead)
{
    lead->asked++;
    return troupe_start_child(ctx, lead->supervisor, TROUPE_NO_LIMIT, on_started, NULL, NULL);
}

static troupe_status start_first(troupe_ctx *ctx, struct lead *lead)
{
    troupe_status status = TROUPE_OK;
    lead->resident = resident();
    lead->since_ns = troupe_now_ns(ctx);
    if (variant() == UNASKED)
        return start_unasked(ctx, lead);
    for (uint64_t i = window(); i > 0 && status == TROUPE_OK; i--)
        status = start_next(ctx, lead);
    return status;
}

// ---- The lead

static troupe_status begin(troupe_ctx *ctx, struct lead *lead)
{
    uint64_t n = supervision_run.n;
    lead->children = troupe_alloc(ctx, n * sizeof *lead->children);
    if (lead->children == NULL)
        return TROUPE_ENOMEM;
    for (uint64_t i = 0; i < n; i++) // so that it is resident
        lead->children[i] = (troupe_ref){1, 1, 1};
    troupe_status status = troupe_supervise(ctx, &supervisor, &lead->supervisor);
    if (status != TROUPE_OK)
        return status;
    return troupe_monitor(ctx, lead->supervisor, TROUPE_ON_START | TROUPE_ON_STOP, NULL);
}

static troupe_status lead_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    struct lead *lead = state;
    if (troupe_match(msg, Begin))
        return begin(ctx, lead);
    const troupe_down *down = troupe_match(msg, troupe_down);
    if (!down)
        return TROUPE_UNHANDLED;
    return down->event == TROUPE_ON_START ? start_first(ctx, lead) : finish(ctx, lead);
}

static const troupe_behavior lead = {
    .name = "dynamic", .state_size = sizeof(struct lead), .receive = lead_receive};

const struct supervision_measure supervision_dynamic = {
    .name = "dynamic",
    .what = "N dynamic children, 1000 asks at a time, stopped by ref",
    .n = 1000000,
    .variant = BY_REF,
    .lead = &lead};
const struct supervision_measure supervision_dynamic_one = {.name = "dynamic_one",
                                                            .what = "the same, one ask at a time",
                                                            .n = 1000000,
                                                            .variant = ONE_BY_ONE,
                                                            .lead = &lead};
const struct supervision_measure supervision_dynamic_unasked = {
    .name = "dynamic_unasked",
    .what = "started without an outcome, stopped with their supervisor",
    .n = 1000000,
    .variant = UNASKED,
    .lead = &lead};
const struct supervision_measure supervision_dynamic_ends = {
    .name = "dynamic_ends",
    .what = "1000 asks at a time, each ends by its first message",
    .n = 1000000,
    .variant = BY_THEMSELVES,
    .lead = &lead};
