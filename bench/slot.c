// Slots: spawning and ending actors, so that slots are used again at once. Prints name=value lines.
#include "bench/support/measure.h"

#include <stdlib.h>
#include <troupe.h>

#define ACTORS 200000U

TROUPE_EMPTY(Begin);
TROUPE_EMPTY(End);

struct parent {
    uint32_t left;
};

static troupe_status short_lived_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)ctx;
    (void)state;
    return troupe_match(msg, End) ? TROUPE_STOP : TROUPE_UNHANDLED;
}

static const troupe_behavior short_lived = {.name = "short-lived", .receive = short_lived_receive};

// Starts one, and the next when it has ended.
static troupe_status parent_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    struct parent *parent = state;
    troupe_ref child;
    if (troupe_match(msg, Begin))
        parent->left = ACTORS;
    if (parent->left-- == 0)
        return TROUPE_STOP;
    troupe_status status = troupe_spawn(ctx, &short_lived, NULL, &child);
    if (status == TROUPE_OK)
        status = troupe_monitor(ctx, child, TROUPE_ON_STOP, NULL);
    return status == TROUPE_OK ? troupe_send(ctx, child, End) : status;
}

static const troupe_behavior one_by_one = {
    .name = "one by one", .state_size = sizeof(struct parent), .receive = parent_receive};

// Starts all at once; they end while it stops.
static troupe_status burst_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    (void)msg;
    troupe_status status = TROUPE_OK;
    for (uint32_t i = 0; status == TROUPE_OK && i < ACTORS; i++)
        status = troupe_spawn(ctx, &short_lived, NULL, NULL);
    return status == TROUPE_OK ? TROUPE_STOP : status;
}

static const troupe_behavior burst = {.name = "burst", .receive = burst_receive};

static double run(void *user)
{
    troupe_system *system;
    troupe_ref ref;
    if (troupe_system_start(&(troupe_system_opts){.workers = 1}, &system))
        abort();
    troupe_ctx *ctx = troupe_outside(system);
    if (troupe_spawn_wait(ctx, user, NULL, &ref, NULL, NULL))
        abort();
    uint64_t start = trp_clock_now(&trp_real_clock);
    troupe_send(ctx, ref, Begin);
    troupe_join(ctx, ref, TROUPE_NO_LIMIT, NULL);
    double result = trp_measure_per(start, ACTORS);
    troupe_system_stop(system, 0, NULL);
    return result;
}

int main(void)
{
    troupe_behavior behaviors[] = {one_by_one, burst};
    trp_measure("spawn_monitor_end_ns", run, &behaviors[0]);
    trp_measure("spawn_burst_stop_ns", run, &behaviors[1]);
    return 0;
}
