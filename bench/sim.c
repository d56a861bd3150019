// What a step of a simulation costs, on one thread: pairs of actors that send a small message back
// and forth, with the trace, choices by each strategy, cuts, and one invariant.
#include "troupe/sim.h"

#include "bench/support/measure.h"
#include "troupe.h"

#include <stdio.h>
#include <stdlib.h>

#define STEPS 2000000

struct ball {
    troupe_ref from;
};

TROUPE_STRUCT(Ball, struct ball);

static troupe_status receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    const struct ball *ball = troupe_match(msg, Ball);
    if (ball == NULL)
        return TROUPE_UNHANDLED;
    return troupe_send(ctx, ball->from, Ball, .from = troupe_self(ctx));
}

static const troupe_behavior player = {.name = "player", .receive = receive};

static bool holds(troupe_sim *sim, void *arg)
{
    (void)arg;
    return troupe_sim_steps(sim) > 0;
}

static void must(troupe_status status)
{
    if (status == TROUPE_OK)
        return;
    fprintf(stderr, "%s\n", troupe_error_text(NULL));
    exit(1);
}

struct load {
    unsigned pairs;
    troupe_sim_strategy strategy;
};

static double run(void *user)
{
    const struct load *load = user;
    const troupe_sim_opts opts = {.strategy = load->strategy, .max_steps = UINT64_MAX};
    troupe_sim *sim;
    uint32_t index;
    must(troupe_sim_new(1, &opts, &sim));
    must(troupe_sim_add(sim, NULL, NULL, NULL, &index));
    must(troupe_sim_invariant(sim, "some step was made", holds, NULL));
    troupe_ctx *ctx = troupe_outside(troupe_sim_system(sim, index));
    for (unsigned i = 0; i < load->pairs; i++) {
        troupe_ref one, other;
        must(troupe_spawn(ctx, &player, NULL, &one));
        must(troupe_spawn(ctx, &player, NULL, &other));
        must(troupe_send(ctx, one, Ball, .from = other));
    }
    uint64_t start = trp_clock_now(&trp_real_clock);
    must(troupe_sim_run_steps(sim, STEPS));
    double ns = trp_measure_per(start, STEPS);
    troupe_sim_free(sim);
    return ns;
}

int main(void)
{
    trp_measure("sim_step_ns", run, &(struct load){16, TROUPE_SIM_RANDOM_WALK});
    trp_measure("sim_step_1000_pairs_ns", run, &(struct load){1000, TROUPE_SIM_RANDOM_WALK});
    trp_measure("sim_step_priorities_ns", run, &(struct load){4, TROUPE_SIM_PRIORITIES});
    trp_measure("sim_step_round_robin_ns", run, &(struct load){16, TROUPE_SIM_ROUND_ROBIN});
    return 0;
}
