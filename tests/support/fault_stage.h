// What the tests of faults share: a simulation with faults, a system in it, and actors that count.
#ifndef TESTS_SUPPORT_FAULT_STAGE_H
#define TESTS_SUPPORT_FAULT_STAGE_H

#include "tests/support/test.h"
#include "troupe.h"
#include "troupe/sim.h"

#include <inttypes.h>
#include <string.h>

#define MS UINT64_C(1000000)

struct number {
    int64_t value;
};

TROUPE_STRUCT(Number, struct number);
TROUPE_EMPTY(Tick);

static inline troupe_sim *new_sim(uint64_t seed, const troupe_sim_opts *opts)
{
    troupe_sim *sim;
    assert_int_equal(troupe_sim_new(seed, opts, &sim), TROUPE_OK);
    return sim;
}

static inline troupe_sim *new_sim_with(uint64_t seed, const troupe_sim_fault *fault)
{
    return new_sim(seed, &(troupe_sim_opts){.faults = fault, .fault_count = 1});
}

static inline troupe_ctx *add(troupe_sim *sim, const char *name)
{
    const troupe_system_opts opts = {.name = name, .kill_grace_ms = 200};
    uint32_t index;
    assert_int_equal(troupe_sim_add(sim, &opts, NULL, NULL, &index), TROUPE_OK);
    return troupe_outside(troupe_sim_system(sim, index));
}

static inline troupe_ref spawn_named(troupe_ctx *ctx, const troupe_behavior *behavior,
                                     const char *name)
{
    const troupe_spawn_opts opts = {.name = name};
    troupe_ref ref;
    assert_int_equal(troupe_spawn(ctx, behavior, &opts, &ref), TROUPE_OK);
    return ref;
}

static inline troupe_reason_kind end_of(troupe_ctx *ctx, troupe_ref ref)
{
    troupe_reason_kind kind = 0;
    assert_int_equal(troupe_join(ctx, ref, 60000, &kind), TROUPE_OK);
    return kind;
}

static inline troupe_stats stats_of(troupe_sim *sim)
{
    troupe_stats stats;
    troupe_system_stats(troupe_sim_system(sim, 0), &stats);
    return stats;
}

// ---- A counter, which counts its messages, and how often it was started

static unsigned handled, started TROUPE_UNUSED;
static uint64_t handled_at TROUPE_UNUSED; // when the last one was

static inline troupe_status counter_init(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    (void)ctx;
    (void)state;
    (void)args;
    started++;
    return TROUPE_OK;
}

static inline troupe_status counter_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    (void)msg;
    handled++;
    handled_at = troupe_now_ns(ctx);
    return TROUPE_OK;
}

static const troupe_behavior counter TROUPE_UNUSED = {
    .name = "counter", .init = counter_init, .receive = counter_receive};
static const troupe_behavior plain TROUPE_UNUSED = {.name = "plain", .receive = counter_receive};

// Sends a message each millisecond, the first one now; each is a step.
static inline void send_each_ms(troupe_ctx *ctx, troupe_ref ref, int count)
{
    for (int i = 0; i < count; i++)
        assert_int_equal(troupe_after(ctx, i, ref, NULL, Number, .value = i), TROUPE_OK);
}

static inline void forget(void)
{
    handled = 0;
    started = 0;
    handled_at = 0;
}

static const troupe_supervisor tree TROUPE_UNUSED = {
    .name = "tree",
    .max_restarts = 1000,
    TROUPE_CHILDREN({.id = "counter", .behavior = &counter},
                    {.id = "other", .behavior = &counter})};

// ---- A sender, which passes on what it gets to a child

static troupe_status refused TROUPE_UNUSED;

static inline troupe_status sender_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)msg;
    troupe_status status = troupe_send(ctx, *(const troupe_ref *)state, Tick);
    if (status != TROUPE_OK)
        refused = status;
    return TROUPE_OK;
}

static inline troupe_status sender_init(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    (void)args;
    return troupe_spawn(ctx, &plain, NULL, state);
}

static const troupe_behavior sender TROUPE_UNUSED = {.name = "sender",
                                                     .state_size = sizeof(troupe_ref),
                                                     .init = sender_init,
                                                     .receive = sender_receive};

#endif
