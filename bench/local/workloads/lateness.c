// lateness R SECONDS: R timers go off per second, and how late is each?
#include "bench/local/messages.h"
#include "bench/local/workloads/all.h"

#define SECOND_NS     1000000000u
#define HEAD_START_NS 100000000u // until the first, so that all are armed before it

struct watchmaker {
    uint64_t *late_ns;
    uint64_t heard;
};

// At moments that are evenly spread but for a jitter of up to a period, so that they meet every
// phase of whatever the timers are rounded to.
static troupe_status begin(troupe_ctx *ctx, struct watchmaker *watchmaker)
{
    uint64_t count = local_run.n * local_run.k, period_ns = SECOND_NS / local_run.n;
    watchmaker->late_ns = troupe_alloc(ctx, count * sizeof *watchmaker->late_ns);
    if (!watchmaker->late_ns)
        return TROUPE_ENOMEM;
    local_clock_start(ctx);
    uint64_t first_ns = troupe_now_ns(ctx) + HEAD_START_NS;
    troupe_status status = TROUPE_OK;
    for (uint64_t i = 0; i < count && status == TROUPE_OK; i++) {
        uint64_t at_ns = first_ns + i * period_ns + troupe_random(ctx) % period_ns;
        status = troupe_at(ctx, at_ns, troupe_self(ctx), NULL, Work, .number = at_ns);
    }
    return status;
}

static troupe_status lead_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    struct watchmaker *watchmaker = state;
    const Work *work = troupe_match(msg, Work);
    if (work) {
        uint64_t now_ns = troupe_now_ns(ctx), count = local_run.n * local_run.k;
        if (now_ns < work->number)
            return troupe_fail(ctx, TROUPE_EUSER, "a timer was early");
        watchmaker->late_ns[watchmaker->heard++] = now_ns - work->number;
        if (watchmaker->heard < count)
            return TROUPE_OK;
        local_note_times(watchmaker->late_ns, count);
        return local_finish(ctx, count);
    }
    return troupe_match(msg, Begin) ? begin(ctx, watchmaker) : TROUPE_UNHANDLED;
}

static const troupe_behavior lead = {
    .name = "lateness", .state_size = sizeof(struct watchmaker), .receive = lead_receive};

const struct local_workload LOCAL_FORM(local_lateness) = {
    .name = "lateness",
    .what = "R timers go off per second, how late are they? ops: timers",
    .n = {"R", 1, 1000000, 1000},
    .k = {"SECONDS", 1, 3600, 2},
    .lead = &lead,
};
