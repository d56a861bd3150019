// The cost of what is not a message: orders to an actor, and slots that are used and used again.
// Nanoseconds, medians; on one thread.
//   order_ns        an order to an idle actor, until it has looked
//   orders_ns       the same to 100 actors, then all of them look
//   suspended_ns    an order to an actor that waits while messages wait for it
//   detach_ns       a message that is put aside and taken up again, more than one that is not
//   recycle_ns      an actor is spawned, starts, stops, and its slot is free again
#include "actors/actor.h"
#include "bench/support/measure.h"
#include "sim/driver.h"

#include <stdio.h>

#define ROUNDS 200000
#define ACTORS 100

TROUPE_EMPTY(Plain);
TROUPE_EMPTY(Aside);

struct stage {
    struct trp_driver driver;
    troupe_ctx *ctx;
    troupe_ref refs[ACTORS];
    troupe_ref starting;
};

static troupe_status receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    bool *aside = state;
    if (troupe_match(msg, Plain) || *aside) {
        *aside = false;
        return TROUPE_OK;
    }
    *aside = true; // it comes again
    troupe_status status = troupe_stash(ctx, msg);
    troupe_unstash(ctx);
    return status;
}

static troupe_status start_later(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    (void)ctx, (void)state, (void)args;
    return TRP_START_LATER;
}

static const troupe_behavior plain = {
    .name = "plain", .state_size = sizeof(bool), .receive = receive};
static const troupe_behavior starting = {
    .name = "starting", .state_size = sizeof(bool), .init = start_later, .receive = receive};

static void order(struct stage *stage, troupe_ref ref)
{
    troupe_system *system = stage->driver.system;
    trp_slot_order(system, NULL, trp_resolve(system, ref), ref.generation, TRP_ORDER_TICK);
}

static double order_one(void *user)
{
    struct stage *stage = user;
    uint64_t start = trp_clock_now(&trp_real_clock);
    for (int i = 0; i < ROUNDS; i++) {
        order(stage, stage->refs[0]);
        trp_driver_settle(&stage->driver);
    }
    return trp_measure_per(start, ROUNDS);
}

static double order_many(void *user)
{
    struct stage *stage = user;
    uint64_t start = trp_clock_now(&trp_real_clock);
    for (int i = 0; i < ROUNDS / ACTORS; i++) {
        for (int k = 0; k < ACTORS; k++)
            order(stage, stage->refs[k]);
        trp_driver_settle(&stage->driver);
    }
    return trp_measure_per(start, ROUNDS);
}

static double order_suspended(void *user)
{
    struct stage *stage = user;
    uint64_t start = trp_clock_now(&trp_real_clock);
    for (int i = 0; i < ROUNDS; i++) {
        order(stage, stage->starting);
        trp_driver_settle(&stage->driver);
    }
    return trp_measure_per(start, ROUNDS);
}

static double send_each(struct stage *stage, troupe_type *type)
{
    static const struct troupe_empty_Plain body;
    uint64_t start = trp_clock_now(&trp_real_clock);
    for (int i = 0; i < ROUNDS; i++) {
        troupe_send_body(stage->ctx, stage->refs[0], type, &body);
        trp_driver_settle(&stage->driver);
    }
    return trp_measure_per(start, ROUNDS);
}

static double detach(void *user)
{
    double plainly = send_each(user, TROUPE_TYPE(Plain));
    return send_each(user, TROUPE_TYPE(Aside)) - plainly;
}

static double recycle(void *user)
{
    struct stage *stage = user;
    troupe_ref ref;
    uint64_t start = trp_clock_now(&trp_real_clock);
    for (int i = 0; i < ROUNDS; i++) {
        troupe_spawn(stage->ctx, &plain, NULL, &ref);
        trp_driver_settle(&stage->driver);
        troupe_stop(stage->ctx, ref);
        trp_driver_settle(&stage->driver);
    }
    return trp_measure_per(start, ROUNDS);
}

int main(void)
{
    static struct stage stage;
    if (trp_driver_start(&stage.driver, 1, NULL) != TROUPE_OK)
        return 1;
    stage.ctx = troupe_outside(stage.driver.system);
    for (int i = 0; i < ACTORS; i++)
        troupe_spawn(stage.ctx, &plain, NULL, &stage.refs[i]);
    troupe_spawn(stage.ctx, &starting, NULL, &stage.starting);
    troupe_send(stage.ctx, stage.starting, Plain);
    trp_driver_settle(&stage.driver);
    trp_measure("order_ns", order_one, &stage);
    trp_measure("orders_ns", order_many, &stage);
    trp_measure("suspended_ns", order_suspended, &stage);
    trp_measure("detach_ns", detach, &stage);
    trp_measure("recycle_ns", recycle, &stage);
    return trp_driver_stop(&stage.driver, 0, NULL) == TROUPE_OK ? 0 : 1;
}
