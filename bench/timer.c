// The cost of timers to their owner, with many others armed. Nanoseconds, medians; on one thread,
// by the deterministic driver, whose search for the next deadline is part of fire_ns and tick_ns.
//   cancel_ns   armed and cancelled in time
//   fire_ns     armed, expired, its message handled
//   tick_ns     each tick of a periodic timer, handled
//   ask_ns      an ask with a deadline, answered: armed and disarmed on the way
#include "troupe/timer.h"

#include "bench/support/measure.h"
#include "sim/driver.h"
#include "troupe/ask.h"

#define ROUNDS 100000
#define ARMED  100000

TROUPE_EMPTY(Cancel);
TROUPE_EMPTY(Fire);
TROUPE_EMPTY(Tick);
TROUPE_EMPTY(Every);
TROUPE_EMPTY(Ask);
TROUPE_EMPTY(Query);
TROUPE_EMPTY(Crowd);

struct stage {
    struct trp_driver driver;
    troupe_ctx *ctx;
    troupe_ref owner, other;
    uint32_t left;
};

static struct stage stage;

static troupe_status ask_again(troupe_ctx *ctx);

static troupe_status on_outcome(troupe_ctx *ctx, void *state, void *user,
                                const troupe_outcome *outcome)
{
    (void)state, (void)user, (void)outcome;
    return --stage.left > 0 ? ask_again(ctx) : TROUPE_OK;
}

static troupe_status ask_again(troupe_ctx *ctx)
{
    return troupe_ask(ctx, stage.other, 1000, on_outcome, NULL, Query);
}

static troupe_status receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    troupe_timer timer, *periodic = state;
    if (troupe_match(msg, Query))
        return troupe_reply(ctx, Query);
    if (troupe_match(msg, Ask))
        return ask_again(ctx);
    if (troupe_match(msg, Cancel))
        for (int i = 0; i < ROUNDS; i++) {
            troupe_after(ctx, 100, troupe_self(ctx), &timer, Tick);
            troupe_timer_cancel(ctx, timer);
        }
    if (troupe_match(msg, Crowd))
        for (int i = 0; i < ARMED; i++)
            troupe_after(ctx, 1000000000 + i, troupe_self(ctx), NULL, Tick);
    if (troupe_match(msg, Fire))
        for (uint32_t i = 0; i < stage.left; i++)
            troupe_after(ctx, 1 + i % 64, troupe_self(ctx), NULL, Tick);
    if (troupe_match(msg, Every))
        return troupe_every(ctx, 1, troupe_self(ctx), periodic, Tick);
    if (troupe_match(msg, Tick) && --stage.left == 0)
        troupe_timer_cancel(ctx, *periodic);
    return TROUPE_OK;
}

static const troupe_behavior behavior = {
    .name = "owner", .state_size = sizeof(troupe_timer), .receive = receive};

static double run(troupe_type *type)
{
    static const struct troupe_empty_Cancel body;
    stage.left = ROUNDS;
    uint64_t start = trp_clock_now(&trp_real_clock);
    troupe_send_body(stage.ctx, stage.owner, type, &body);
    trp_driver_settle(&stage.driver);
    while (type != TROUPE_TYPE(Cancel) && stage.left > 0)
        trp_driver_advance(&stage.driver, 1);
    return trp_measure_per(start, ROUNDS);
}

static double run_type(void *user)
{
    return run(user);
}

int main(void)
{
    if (trp_driver_start(&stage.driver, 1, NULL) != TROUPE_OK)
        return 1;
    stage.ctx = troupe_outside(stage.driver.system);
    troupe_ref crowd;
    troupe_spawn(stage.ctx, &behavior, NULL, &stage.owner);
    troupe_spawn(stage.ctx, &behavior, NULL, &stage.other);
    troupe_spawn(stage.ctx, &behavior, NULL, &crowd);
    troupe_send(stage.ctx, crowd, Crowd);
    trp_driver_settle(&stage.driver);
    trp_measure("cancel_ns", run_type, TROUPE_TYPE(Cancel));
    trp_measure("fire_ns", run_type, TROUPE_TYPE(Fire));
    trp_measure("tick_ns", run_type, TROUPE_TYPE(Every));
    trp_measure("ask_ns", run_type, TROUPE_TYPE(Ask));
    return trp_driver_stop(&stage.driver, 0, NULL) == TROUPE_OK ? 0 : 1;
}
