// A hundred thousand actors that send to each other at random; and fewer that do everything else
// at random as well. That no message is lost or doubled is checked by the runtime at each stop, and
// again here from the report and from what the actors counted.
#include "tests/support/test.h"
#include "troupe/ask.h"
#include "troupe/system.h"
#include "troupe/timer.h"

#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>

#define MANY 100000u
#define HOPS 4u
#define WILD 500u // slots of the table of refs

struct hop {
    uint32_t left;
};

TROUPE_STRUCT(Hop, struct hop);
TROUPE_EMPTY(Act);
TROUPE_EMPTY(Query);

static sem_t done;

static void await_done(void)
{
    while (sem_wait(&done) != 0) // a signal
        continue;
}

static void expect_conserved(const troupe_stats *stats)
{
    assert_int_equal(stats->sent, stats->handled + stats->dead + stats->dropped);
    assert_int_equal(stats->spawned, stats->ended);
}

// ---- Only messages

static troupe_ref *refs;
static _Atomic uint64_t counted; // by the actors' own counts, when they end
static _Atomic uint32_t chains;  // not yet at their end

static troupe_status hop(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    uint64_t *count = state;
    const struct hop *hop = msg->body;
    ++*count;
    if (hop->left > 0)
        return troupe_send(ctx, refs[troupe_random(ctx) % MANY], Hop, .left = hop->left - 1);
    if (atomic_fetch_sub(&chains, 1) == 1)
        sem_post(&done);
    return TROUPE_OK;
}

static void tell_count(troupe_ctx *ctx, void *state, const troupe_reason *why)
{
    (void)ctx, (void)why;
    atomic_fetch_add(&counted, *(uint64_t *)state);
}

static const troupe_behavior hopper = {
    .name = "hopper", .state_size = sizeof(uint64_t), .receive = hop, .stop = tell_count};

static void send_around(uint32_t workers)
{
    troupe_system *system;
    troupe_report report;
    troupe_system_opts opts = {.workers = workers, .seed = workers};
    assert_int_equal(troupe_system_start(&opts, &system), TROUPE_OK);
    troupe_ctx *ctx = troupe_outside(system);
    refs = calloc(MANY, sizeof *refs);
    atomic_store(&counted, 0);
    atomic_store(&chains, MANY);
    for (uint32_t i = 0; i < MANY; i++)
        assert_int_equal(troupe_spawn(ctx, &hopper, NULL, &refs[i]), TROUPE_OK);
    for (uint32_t i = 0; i < MANY; i++)
        assert_int_equal(troupe_send(ctx, refs[i], Hop, .left = HOPS), TROUPE_OK);
    await_done();
    assert_int_equal(troupe_system_stop(system, TROUPE_NO_LIMIT, &report), TROUPE_OK);
    expect_conserved(&report.stats);
    assert_int_equal(report.stats.spawned, MANY);
    assert_int_equal(report.stats.handled, (uint64_t)MANY * (HOPS + 1));
    assert_int_equal(atomic_load(&counted), report.stats.handled);
    free(refs);
}

static void a_hundred_thousand_actors_lose_no_message(void **state)
{
    (void)state;
    send_around(2);
    send_around(5);
}

// ---- Everything

static _Atomic uint64_t table[WILD]; // slot << 32 | generation
static uint64_t system_id;
static _Atomic long budget;

static void put(troupe_ref ref, uint64_t place)
{
    atomic_store(&table[place % WILD], (uint64_t)ref.slot << 32 | ref.generation);
}

static troupe_ref get(uint64_t place)
{
    uint64_t entry = atomic_load(&table[place % WILD]);
    return (troupe_ref){system_id, (uint32_t)(entry >> 32), (uint32_t)entry};
}

struct wild {
    uint64_t outcomes;
    troupe_timer timer;
    troupe_monitor_ref monitor;
    troupe_ask_id ask;
    troupe_token token;
};

static troupe_status on_outcome(troupe_ctx *ctx, void *state, void *user,
                                const troupe_outcome *outcome)
{
    (void)ctx, (void)user, (void)outcome;
    ((struct wild *)state)->outcomes++;
    return TROUPE_OK;
}

static const troupe_behavior wild_behavior;

static troupe_status act(troupe_ctx *ctx, struct wild *wild, const troupe_msg *msg)
{
    uint64_t dice = troupe_random(ctx);
    troupe_ref to = get(dice >> 32), ref;
    troupe_spawn_opts opts = {.detached = dice & 1024, .kill_grace_ms = 1};
    switch (dice % 24) {
    case 0:
    case 1:
        if (troupe_spawn(ctx, &wild_behavior, &opts, &ref) == TROUPE_OK) {
            put(ref, dice >> 40);
            troupe_send(ctx, ref, Act);
        }
        return TROUPE_OK;
    case 2:
        return dice & 2048 ? TROUPE_STOP : TROUPE_UNHANDLED;
    case 3:
        return troupe_fail(ctx, TROUPE_EUSER, "for no reason %u", (unsigned)(dice >> 48));
    case 4:
        troupe_stop(ctx, to);
        return TROUPE_OK;
    case 5:
        (dice & 2048 ? troupe_kill : troupe_drain)(ctx, to);
        return TROUPE_OK;
    case 6:
    case 7:
        troupe_ask_with_id(ctx, to, (uint32_t)(1 + dice % 3), on_outcome, NULL, &wild->ask, Query);
        return TROUPE_OK;
    case 8:
        troupe_ask_cancel(ctx, wild->ask);
        return TROUPE_OK;
    case 9:
    case 10:
        troupe_monitor(ctx, to, (uint32_t)(dice >> 50) % 7 + 1, &wild->monitor);
        return TROUPE_OK;
    case 11:
        troupe_demonitor(ctx, wild->monitor);
        return TROUPE_OK;
    case 12:
        troupe_after(ctx, dice % 3, to, &wild->timer, Act);
        return TROUPE_OK;
    case 13:
        if (dice >> 60 == 0) // not too many: they go on by themselves
            troupe_every(ctx, 1, troupe_self(ctx), &wild->timer, Act);
        return TROUPE_OK;
    case 14:
        troupe_timer_cancel(ctx, wild->timer);
        return TROUPE_OK;
    case 15:
        troupe_stash(ctx, msg);
        return TROUPE_OK;
    case 16:
        troupe_unstash(ctx);
        return TROUPE_OK;
    case 17:
        troupe_forward(ctx, to, msg);
        return TROUPE_OK;
    default:
        troupe_send(ctx, to, Act);
        return TROUPE_OK;
    }
}

static troupe_status wild_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    struct wild *wild = state;
    if (troupe_is_ask(ctx)) {
        uint64_t dice = troupe_random(ctx) % 5;
        if (dice == 0)
            return troupe_token_take(ctx, &wild->token);
        if (dice == 1)
            return TROUPE_OK; // no reply
        if (dice == 2)
            return troupe_stash(ctx, msg);
        troupe_reply_to(ctx, wild->token, Hop, .left = 1);
        return troupe_reply(ctx, Hop, .left = 0);
    }
    if (troupe_match(msg, troupe_down))
        return TROUPE_OK;
    if (atomic_fetch_sub(&budget, 1) == 1)
        sem_post(&done);
    return atomic_load(&budget) > 0 ? act(ctx, wild, msg) : TROUPE_OK;
}

static const troupe_behavior wild_behavior = {
    .name = "wild", .state_size = sizeof(struct wild), .receive = wild_receive};

static void run_wild(uint32_t workers, long actions)
{
    troupe_system *system;
    troupe_report report;
    troupe_system_opts opts = {.workers = workers, .seed = workers};
    assert_int_equal(troupe_system_start(&opts, &system), TROUPE_OK);
    troupe_ctx *ctx = troupe_outside(system);
    troupe_ref ref;
    atomic_store(&budget, actions);
    for (uint32_t i = 0; i < WILD; i++) {
        assert_int_equal(troupe_spawn(ctx, &wild_behavior, NULL, &ref), TROUPE_OK);
        system_id = ref.system;
        put(ref, i);
    }
    while (atomic_load(&budget) > 0) { // whoever ends is replaced, and everybody is kept busy
        uint64_t place = troupe_random(ctx);
        if (place % 64 == 0)
            sched_yield();
        if (troupe_send(ctx, get(place), Act) == TROUPE_EDEAD &&
            troupe_spawn(ctx, &wild_behavior, NULL, &ref) == TROUPE_OK)
            put(ref, place);
    }
    await_done();
    assert_int_equal(troupe_system_stop(system, TROUPE_NO_LIMIT, &report), TROUPE_OK);
    expect_conserved(&report.stats);
}

static void actors_that_do_anything_lose_no_message(void **state)
{
    (void)state;
    run_wild(1, 50000);
    run_wild(2, 50000);
    run_wild(8, 50000);
}

int main(void)
{
    sem_init(&done, 0, 0);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hundred_thousand_actors_lose_no_message),
        cmocka_unit_test(actors_that_do_anything_lose_no_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
