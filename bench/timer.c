// Timers through the public API: arming and cancelling one, with none and with a million armed.
// Prints name=value lines.
#include "bench/support/measure.h"

#include <stdlib.h>
#include <troupe.h>

#define ROUNDS 200000U
#define ARMED  1000000U
#define HOUR   3600000U // ms; does not come

TROUPE_EMPTY(Begin);
TROUPE_EMPTY(Tick);

static double nanoseconds;

static troupe_status arm_and_cancel(troupe_ctx *ctx)
{
    troupe_status status = TROUPE_OK;
    troupe_timer timer;
    uint64_t start = trp_clock_now(&trp_real_clock);
    for (uint32_t i = 0; status == TROUPE_OK && i < ROUNDS; i++) {
        status = troupe_after(ctx, HOUR, troupe_self(ctx), &timer, Tick);
        if (status == TROUPE_OK)
            status = troupe_timer_cancel(ctx, timer);
    }
    nanoseconds = trp_measure_per(start, ROUNDS);
    return status;
}

static troupe_status receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    const uint32_t *armed = state;
    (void)msg;
    troupe_status status = TROUPE_OK;
    for (uint32_t i = 0; status == TROUPE_OK && i < *armed; i++)
        status = troupe_after(ctx, HOUR + i, troupe_self(ctx), NULL, Tick);
    if (status == TROUPE_OK)
        status = arm_and_cancel(ctx);
    return status == TROUPE_OK ? TROUPE_STOP : status;
}

TROUPE_STRUCT(Armed, uint32_t);

static troupe_status init(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    const uint32_t *armed = troupe_match(args, Armed);
    if (!armed)
        return troupe_fail(ctx, TROUPE_EINVAL, "how many timers?");
    *(uint32_t *)state = *armed;
    return TROUPE_OK;
}

static const troupe_behavior behavior = {
    .name = "timers", .state_size = sizeof(uint32_t), .init = init, .receive = receive};

static double run(void *user)
{
    troupe_system *system;
    troupe_ref ref;
    if (troupe_system_start(&(troupe_system_opts){.workers = 1}, &system))
        abort();
    troupe_ctx *ctx = troupe_outside(system);
    if (troupe_spawn_wait(ctx, &behavior, NULL, &ref, TROUPE_TYPE(Armed), user))
        abort();
    troupe_send(ctx, ref, Begin);
    troupe_join(ctx, ref, TROUPE_NO_LIMIT, NULL);
    troupe_system_stop(system, 0, NULL);
    return nanoseconds;
}

int main(void)
{
    uint32_t none = 0, many = ARMED;
    trp_measure("timer_arm_cancel_ns", run, &none);
    trp_measure("timer_arm_cancel_with_a_million_ns", run, &many);
    return 0;
}
