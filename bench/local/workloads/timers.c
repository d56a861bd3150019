// timers N: one actor arms a timer and cancels it, again and again, while N others are armed, and
// none of them goes off.
#include "bench/local/messages.h"
#include "bench/local/workloads/all.h"

#define PAIRS    3000000u
#define HOUR_MS  3600000u
#define RANGE_MS 600000u // the delays spread over ten minutes beyond the hour

struct clockmaker {
    uint32_t random;
};

// From one hour on, as different as the time limits of many requests would be.
static uint32_t next_delay_ms(struct clockmaker *clockmaker)
{
    clockmaker->random =
        clockmaker->random * 1664525u + 1013904223u; // Numerical Recipes' generator
    return HOUR_MS + (clockmaker->random >> 8) % RANGE_MS;
}

static troupe_status arm_all(troupe_ctx *ctx, struct clockmaker *clockmaker)
{
    troupe_status status = TROUPE_OK;
    for (uint64_t i = 0; i < local_run.n && status == TROUPE_OK; i++)
        status = troupe_after(ctx, next_delay_ms(clockmaker), troupe_self(ctx), NULL, Work);
    return status;
}

static troupe_status arm_and_cancel(troupe_ctx *ctx, struct clockmaker *clockmaker)
{
    troupe_timer timer;
    troupe_status status = TROUPE_OK;
    local_clock_start(ctx);
    for (uint32_t i = 0; i < PAIRS && status == TROUPE_OK; i++) {
        status = troupe_after(ctx, next_delay_ms(clockmaker), troupe_self(ctx), &timer, Work);
        if (status == TROUPE_OK)
            status = troupe_timer_cancel(ctx, timer);
    }
    return status == TROUPE_OK ? local_finish(ctx, PAIRS) : status;
}

static troupe_status lead_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    struct clockmaker *clockmaker = state;
    if (troupe_match(msg, Work))
        return troupe_fail(ctx, TROUPE_EUSER, "a timer went off");
    if (!troupe_match(msg, Begin))
        return TROUPE_UNHANDLED;
    troupe_status status = arm_all(ctx, clockmaker);
    return status == TROUPE_OK ? arm_and_cancel(ctx, clockmaker) : status;
}

static const troupe_behavior lead = {
    .name = "timers", .state_size = sizeof(struct clockmaker), .receive = lead_receive};

const struct local_workload LOCAL_FORM(local_timers) = {
    .name = "timers",
    .what = "timers are armed and cancelled while N others are armed; ops: pairs",
    .n = {"N", 0, 100000000, 1000000},
    .lead = &lead,
};
