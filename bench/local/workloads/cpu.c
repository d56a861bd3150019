// cpu US N: 1000 actors share N messages whose handlers compute for about US microseconds each.
// Each sends itself the next one, so that sending cannot be what limits them.
#include "bench/local/messages.h"
#include "bench/local/spin.h"
#include "bench/local/workloads/all.h"

#define ACTORS 1000u

// ---- One that computes

struct computer {
    uint64_t seed;
    uint64_t spins; // per message
};

static troupe_status computer_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    struct computer *computer = state;
    const Work *work = troupe_match(msg, Work);
    if (work) {
        computer->seed = local_spin(computer->seed, computer->spins);
        return work->number > 1
                   ? troupe_send(ctx, troupe_self(ctx), Work, .number = work->number - 1)
                   : troupe_send(ctx, troupe_owner(ctx), Done, .number = computer->seed);
    }
    const Expect *expect = troupe_match(msg, Expect);
    if (!expect)
        return TROUPE_UNHANDLED;
    computer->spins = expect->number;
    return TROUPE_OK;
}

static const troupe_behavior computer_behavior = {
    .name = "computer", .state_size = sizeof(struct computer), .receive = computer_receive};

// ---- The lead

struct employer {
    uint64_t computers, done;
};

static troupe_status employ(troupe_ctx *ctx, uint64_t messages)
{
    troupe_ref computer;
    troupe_status status = troupe_spawn(ctx, &computer_behavior, NULL, &computer);
    if (status == TROUPE_OK)
        status = troupe_send(ctx, computer, Expect, .number = local_run.n * local_run.spins_per_us);
    return status == TROUPE_OK ? troupe_send(ctx, computer, Work, .number = messages) : status;
}

static troupe_status begin(troupe_ctx *ctx, struct employer *employer)
{
    troupe_status status = TROUPE_OK;
    employer->computers = local_run.k < ACTORS ? local_run.k : ACTORS;
    local_clock_start(ctx);
    for (uint64_t i = 0; i < employer->computers && status == TROUPE_OK; i++) {
        uint64_t from = local_run.k * i / employer->computers;
        uint64_t to = local_run.k * (i + 1) / employer->computers;
        status = employ(ctx, to - from);
    }
    return status;
}

static troupe_status lead_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    struct employer *employer = state;
    if (troupe_match(msg, Done)) {
        if (++employer->done < employer->computers)
            return TROUPE_OK;
        local_note("spins", (double)(local_run.n * local_run.spins_per_us));
        return local_finish(ctx, local_run.k);
    }
    return troupe_match(msg, Begin) ? begin(ctx, employer) : TROUPE_UNHANDLED;
}

static const troupe_behavior lead = {
    .name = "cpu", .state_size = sizeof(struct employer), .receive = lead_receive};

const struct local_workload LOCAL_FORM(local_cpu) = {
    .name = "cpu",
    .what = "1000 actors handle N messages of US microseconds each; ops: messages",
    .n = {"US", 1, 1000000, 10},
    .k = {"N", 1, 1000000000, 100000},
    .needs_spin = true,
    .lead = &lead,
};
