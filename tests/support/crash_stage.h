// What the tests of crashes share: a system whose actors have something of everything, and counts
// of all that is called.
#ifndef TESTS_SUPPORT_CRASH_STAGE_H
#define TESTS_SUPPORT_CRASH_STAGE_H

#include "sim/network.h"
#include "tests/support/test.h"
#include "troupe.h"
#include "troupe/sim.h"

#include <string.h>

TROUPE_EMPTY(Tick);
TROUPE_EMPTY(Question);

static inline troupe_sim *new_sim(uint64_t seed, const troupe_sim_fault *fault)
{
    troupe_sim *sim;
    assert_int_equal(
        troupe_sim_new(seed, &(troupe_sim_opts){.faults = fault, .fault_count = fault != 0}, &sim),
        TROUPE_OK);
    return sim;
}

// ---- What is called and told

static unsigned handled TROUPE_UNUSED, stops TROUPE_UNUSED, defers TROUPE_UNUSED,
    events TROUPE_UNUSED, dead_letters TROUPE_UNUSED, releases TROUPE_UNUSED, jobs TROUPE_UNUSED,
    outcomes TROUPE_UNUSED, inits TROUPE_UNUSED;

static inline void forget(void)
{
    handled = stops = defers = events = dead_letters = releases = jobs = outcomes = inits = 0;
}

static inline void count_event(void *user, const troupe_event *event)
{
    (void)user;
    (void)event;
    events++;
}

static inline void count_dead_letter(void *user, const troupe_dead_letter *letter)
{
    (void)user;
    (void)letter;
    dead_letters++;
}

static inline void count_defer(void *arg)
{
    (void)arg;
    defers++;
}

static inline void count_release(void *arg)
{
    (void)arg;
    releases++;
}

static inline troupe_status count_job(void *arg)
{
    (void)arg;
    jobs++;
    return TROUPE_OK;
}

static inline troupe_status count_outcome(troupe_ctx *ctx, void *state, void *user,
                                          const troupe_outcome *outcome)
{
    (void)ctx;
    (void)state;
    (void)user;
    (void)outcome;
    outcomes++;
    return TROUPE_OK;
}

static inline troupe_status quiet_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)ctx;
    (void)state;
    (void)msg;
    handled++;
    return TROUPE_OK;
}

static const troupe_behavior quiet TROUPE_UNUSED = {.name = "quiet", .receive = quiet_receive};

// Has something of everything.
static inline troupe_status rich_init(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    static int job;
    troupe_ref *other = state;
    (void)args;
    inits++;
    troupe_status status = troupe_defer(ctx, count_defer, NULL);
    if (status == TROUPE_OK)
        status = troupe_spawn(ctx, &quiet, &(troupe_spawn_opts){.link = true}, other);
    if (status == TROUPE_OK)
        status = troupe_monitor(ctx, *other, TROUPE_ON_STOP, NULL);
    if (status == TROUPE_OK)
        status = troupe_every(ctx, 1000, troupe_self(ctx), NULL, Tick);
    if (status == TROUPE_OK)
        status = troupe_ask(ctx, *other, TROUPE_NO_LIMIT, count_outcome, NULL, Question);
    if (status == TROUPE_OK)
        status = troupe_run_blocking(ctx, count_job, &job, count_release, count_outcome, NULL);
    return status;
}

static inline void count_stop(troupe_ctx *ctx, void *state, const troupe_reason *why)
{
    (void)ctx;
    (void)state;
    (void)why;
    stops++;
}

static const troupe_behavior rich TROUPE_UNUSED = {.name = "rich",
                                                   .state_size = sizeof(troupe_ref),
                                                   .init = rich_init,
                                                   .receive = quiet_receive,
                                                   .stop = count_stop};

static const troupe_supervisor tree TROUPE_UNUSED = {
    .name = "tree",
    .max_restarts = 1000,
    .strategy = TROUPE_ONE_FOR_ALL,
    TROUPE_CHILDREN(
        {.id = "one", .behavior = &rich, .register_as = "one"},
        {.id = "two", .behavior = &rich, .place = TROUPE_ON_THREAD},
        {.id = "more",
         .supervisor = TROUPE_SUPERVISOR(.max_restarts = 1000,
                                         TROUPE_CHILDREN({.id = "three", .behavior = &rich}))})};

static unsigned boots TROUPE_UNUSED;

static inline void boot_tree(troupe_sim *sim, troupe_system *system, void *user)
{
    (void)sim;
    (void)user;
    boots++;
    assert_int_equal(troupe_supervise(troupe_outside(system), &tree, NULL), TROUPE_OK);
}

static inline troupe_ctx *add(troupe_sim *sim, troupe_sim_boot boot)
{
    const troupe_system_opts opts = {
        .name = "one", .on_event = count_event, .on_dead_letter = count_dead_letter};
    uint32_t index;
    forget();
    boots = 0;
    assert_int_equal(troupe_sim_add(sim, &opts, boot, NULL, &index), TROUPE_OK);
    assert_int_equal(index, 0);
    return troupe_outside(troupe_sim_system(sim, index));
}

#endif
