// All faults together, on systems whose actors do all that actors can do: whatever strikes, nothing
// is lost, all end, all memory comes back, and the same seed gives the same run.
//
// TROUPE_SEEDS=20000 in the environment takes more seeds, TROUPE_SEED=17 that one only.
#include "tests/support/test.h"
#include "troupe.h"
#include "troupe/sim.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#    define SEEDS 100
#else
#    define SEEDS 1000
#endif

#define SYSTEMS 3
#define NAMES   4

struct text {
    char bytes[200];
};

TROUPE_EMPTY(Tick);
TROUPE_EMPTY(Question);
TROUPE_STRUCT(Answer, struct text);

// ---- A worker, which does something at random at each tick

struct worker {
    troupe_token token;
    bool has_token, stashed;
    troupe_ref child;
};

static const char *const names[NAMES] = {"anna", "bert", "cleo", "dave"};

static troupe_ref somebody(troupe_ctx *ctx)
{
    return troupe_whereis(ctx, names[troupe_random(ctx) % NAMES]);
}

static const troupe_behavior worker;
static const troupe_supervisor nest;

static troupe_status on_outcome(troupe_ctx *ctx, void *state, void *user,
                                const troupe_outcome *outcome)
{
    (void)state;
    (void)user;
    if (outcome->status == TROUPE_OK && troupe_random(ctx) % 50 == 0)
        return troupe_fail(ctx, TROUPE_EUSER, "tired of answers");
    return TROUPE_OK;
}

static troupe_status work(void *arg)
{
    ++*(int *)arg;
    return TROUPE_OK;
}

static bool is_guest(troupe_ctx *ctx)
{
    for (int i = 0; i < NAMES; i++) {
        if (strcmp(troupe_name(ctx), names[i]) == 0)
            return false;
    }
    return true;
}

// One at a time, and guests spawn none: there must not be more and more of them.
static void spawn_one(troupe_ctx *ctx, struct worker *self, uint64_t how)
{
    if (troupe_incarnation(ctx, self->child) != 0 || is_guest(ctx))
        return;
    const troupe_spawn_opts opts = {.name = "guest",
                                    .place = how % 3 == 0 ? TROUPE_ON_THREAD : TROUPE_ON_POOL,
                                    .link = how % 5 == 0,
                                    .monitor = how % 2 ? TROUPE_ON_STOP | TROUPE_ON_START : 0,
                                    .detached = how % 7 == 0,
                                    .register_as = how % 4 == 0 ? names[how % NAMES] : NULL,
                                    .shutdown_ms = how % 11 == 0 ? 3 : 0,
                                    .kill_grace_ms = 5};
    if (how % 13 == 0)
        (void)troupe_supervise(ctx, &nest, &self->child);
    else
        (void)troupe_spawn(ctx, &worker, &opts, &self->child);
}

static void run_job(troupe_ctx *ctx)
{
    int *count = calloc(1, sizeof *count);
    if (count && troupe_run_blocking(ctx, work, count, free, on_outcome, NULL) != TROUPE_OK)
        free(count);
}

static void defer_something(troupe_ctx *ctx)
{
    void *thing = malloc(8);
    if (thing && troupe_defer(ctx, free, thing) != TROUPE_OK)
        free(thing);
}

static troupe_status do_something(troupe_ctx *ctx, struct worker *self)
{
    uint64_t how = troupe_random(ctx) >> 8;
    troupe_ref ref = somebody(ctx);
    switch (troupe_random(ctx) % 20) {
    case 0:
    case 1:
    case 2:
        (void)troupe_ask(ctx, ref, (uint32_t)(how % 4 ? 1 + how % 8 : TROUPE_NO_LIMIT), on_outcome,
                         NULL, Question);
        return TROUPE_OK;
    case 3:
        spawn_one(ctx, self, how);
        return TROUPE_OK;
    case 4:
        run_job(ctx);
        return TROUPE_OK;
    case 5:
        (void)troupe_monitor(ctx, ref, 1 + (uint32_t)(how % 7), NULL);
        return TROUPE_OK;
    case 6:
        (void)(how % 3 ? troupe_link(ctx, ref) : troupe_unlink(ctx, ref));
        return TROUPE_OK;
    case 7:
        (void)troupe_trap_exits(ctx, how % 2);
        return TROUPE_OK;
    case 8:
        (void)troupe_after(ctx, how % 6, how % 2 ? ref : troupe_self(ctx), NULL, Answer,
                           .bytes = "later");
        return TROUPE_OK;
    case 9:
        (void)troupe_register(ctx, names[how % NAMES], troupe_self(ctx));
        return TROUPE_OK;
    case 10:
        (void)troupe_unregister(ctx, names[how % NAMES]);
        return TROUPE_OK;
    case 11:
        (void)(how % 2 ? troupe_stop(ctx, ref) : troupe_drain(ctx, ref));
        return TROUPE_OK;
    case 12:
        (void)troupe_kill(ctx, how % 2 ? self->child : ref);
        return TROUPE_OK;
    case 13:
        (void)troupe_exit(
            ctx, ref,
            &(troupe_reason){.kind = TROUPE_FAILED, .status = TROUPE_EUSER, .text = "unwanted"});
        return TROUPE_OK;
    case 14:
        (void)troupe_alloc(ctx, how % 5000);
        defer_something(ctx);
        return TROUPE_OK;
    case 15:
        if (self->has_token)
            (void)troupe_reply_to(ctx, self->token, Answer, .bytes = "at last");
        self->has_token = false;
        return TROUPE_OK;
    case 16:
        self->stashed = false;
        (void)troupe_unstash(ctx);
        return TROUPE_OK;
    case 17:
        return how % 8 == 0 ? TROUPE_STOP : TROUPE_OK;
    case 18:
        return how % 8 == 0 ? troupe_fail(ctx, TROUPE_EUSER, "bad luck") : TROUPE_OK;
    default:
        for (uint64_t i = 0; i < how % 4; i++)
            (void)troupe_send_name(ctx, names[i], Answer, .bytes = "hello");
        return TROUPE_OK;
    }
}

static troupe_status answer(troupe_ctx *ctx, struct worker *self, const troupe_msg *msg)
{
    switch (troupe_random(ctx) % 6) {
    case 0:
        return TROUPE_OK; // no reply
    case 1:
        (void)troupe_stash(ctx, msg);
        return TROUPE_OK;
    case 2:
        if (!self->has_token)
            self->has_token = troupe_token_take(ctx, &self->token) == TROUPE_OK;
        return TROUPE_OK;
    default:
        return troupe_reply(ctx, Answer, .bytes = "yes");
    }
}

static troupe_status worker_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    if (troupe_match(msg, Tick))
        return do_something(ctx, state);
    return troupe_match(msg, Question) ? answer(ctx, state, msg) : TROUPE_OK;
}

static troupe_status worker_init(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    (void)state;
    (void)args;
    return troupe_every(ctx, 1 + (int64_t)(troupe_random(ctx) % 4), troupe_self(ctx), NULL, Tick);
}

static void worker_stop(troupe_ctx *ctx, void *state, const troupe_reason *why)
{
    (void)state;
    (void)why;
    (void)troupe_send_name(ctx, names[0], Answer, .bytes = "farewell");
}

static const troupe_behavior worker = {.name = "worker",
                                       .state_size = sizeof(struct worker),
                                       .init = worker_init,
                                       .receive = worker_receive,
                                       .stop = worker_stop};

// ---- Trees of them

#define RESTARTS .max_restarts = 100000, .within_ms = 1000

static const troupe_supervisor nest = {
    .name = "nest",
    RESTARTS,
    TROUPE_CHILDREN({.id = "one", .behavior = &worker, .kill_grace_ms = 5},
                    {.id = "two", .behavior = &worker, .restart = TROUPE_TRANSIENT})};

static const troupe_supervisor all = {
    .name = "all",
    RESTARTS,
    .strategy = TROUPE_ONE_FOR_ALL,
    TROUPE_CHILDREN({.id = "anna", .behavior = &worker, .register_as = "anna", .shutdown_ms = 3},
                    {.id = "bert",
                     .behavior = &worker,
                     .register_as = "bert",
                     .place = TROUPE_ON_THREAD,
                     .backoff = {.min_ms = 2, .random_percent = 50}},
                    {.id = "temporary", .behavior = &worker, .restart = TROUPE_TEMPORARY})};

static const troupe_supervisor top = {
    .name = "top",
    RESTARTS,
    .strategy = TROUPE_REST_FOR_ONE,
    TROUPE_CHILDREN(
        {.id = "cleo", .behavior = &worker, .register_as = "cleo", .shutdown_ms = 3},
        {.id = "all", .supervisor = &all, .backoff = {.min_ms = 1}}, // a name may be taken
        {.id = "nest", .supervisor = &nest, .shutdown_ms = 20},
        {.id = "dave", .behavior = &worker, .register_as = "dave", .shutdown_ms = 3})};

static void boot(troupe_sim *sim, troupe_system *system, void *user)
{
    (void)user;
    if (troupe_sim_pick(sim, 3) == 0) // which a crash may interrupt
        (void)troupe_supervise_wait(troupe_outside(system), &top, NULL);
    else
        assert_int_equal(troupe_supervise(troupe_outside(system), &top, NULL), TROUPE_OK);
}

// ---- From outside

static void call_somebody(troupe_ctx *ctx, uint32_t ms)
{
    troupe_msg *reply = NULL;
    if (troupe_call(ctx, troupe_whereis(ctx, "anna"), ms, &reply, Question) == TROUPE_OK)
        troupe_msg_free(ctx, reply);
}

static void meddle(troupe_sim *sim)
{
    uint32_t index = troupe_sim_pick(sim, SYSTEMS);
    troupe_system *system = troupe_sim_system(sim, index);
    uint32_t what = troupe_sim_pick(sim, 10);
    if (system == NULL && what == 0)
        assert_int_equal(troupe_sim_restart(sim, index), TROUPE_OK);
    if (system == NULL)
        return;
    troupe_ctx *ctx = troupe_outside(system);
    if (what <= 2)
        call_somebody(ctx, 1 + troupe_sim_pick(sim, 10));
    else if (what <= 4)
        (void)troupe_join(ctx, troupe_whereis(ctx, "dave"), troupe_sim_pick(sim, 10), NULL);
    else if (what == 5)
        (void)troupe_after(ctx, 3, troupe_whereis(ctx, "bert"), NULL, Tick);
    else if (what == 6 && troupe_sim_pick(sim, 4) == 0)
        assert_int_equal(troupe_sim_crash(sim, index), TROUPE_OK);
    else if (what == 7 && troupe_sim_pick(sim, 4) == 0)
        assert_int_equal(troupe_system_stop(system, 50, NULL), TROUPE_OK);
}

// ---- A run

static const troupe_sim_fault faults[] = {
    {.kind = TROUPE_SIM_FAIL, .per_million = 4000},
    {.kind = TROUPE_SIM_FAIL, .per_million = 500, .actor = "all"},
    {.kind = TROUPE_SIM_KILL, .per_million = 4000},
    {.kind = TROUPE_SIM_KILL, .per_million = 500, .actor = "nest"},
    {.kind = TROUPE_SIM_HANG, .per_million = 3000, .ms = 30},
    {.kind = TROUPE_SIM_HANG, .per_million = 500, .ms = 10, .actor = "top"},
    {.kind = TROUPE_SIM_HANG, .per_million = 500, .ms = TROUPE_NO_LIMIT},
    {.kind = TROUPE_SIM_SLOW, .per_million = 3000, .ms = 5},
    {.kind = TROUPE_SIM_NO_MEMORY, .per_million = 5000},
    {.kind = TROUPE_SIM_CRASH, .per_million = 1000, .ms = 20},
    {.kind = TROUPE_SIM_CRASH, .per_million = 50, .ms = TROUPE_NO_LIMIT, .system = "b"},
};

#define FAULTS (sizeof faults / sizeof *faults)

// Some runs know all kinds of faults, some only one.
static troupe_sim_opts options(uint64_t seed)
{
    troupe_sim_opts opts = {.strategy = (troupe_sim_strategy)(seed % 3), .max_steps = 200000};
    bool one = seed % 4 == 0;
    opts.faults = one ? &faults[seed / 4 % FAULTS] : faults;
    opts.fault_count = one ? 1 : FAULTS;
    return opts;
}

static uint64_t run(uint64_t seed, uint64_t *struck)
{
    static const char *const systems[SYSTEMS] = {"a", "b", "c"};
    const troupe_sim_opts opts = options(seed);
    troupe_sim *sim;
    assert_int_equal(troupe_sim_new(seed, &opts, &sim), TROUPE_OK);
    for (int i = 0; i < SYSTEMS; i++)
        assert_int_equal(
            troupe_sim_add(sim, &(troupe_system_opts){.name = systems[i], .kill_grace_ms = 5}, boot,
                           NULL, NULL),
            TROUPE_OK);
    for (int i = 0; i < 40 && troupe_sim_failure(sim) == NULL; i++) {
        (void)troupe_sim_run_steps(sim, troupe_sim_pick(sim, 60));
        meddle(sim);
    }
    uint64_t hash = troupe_sim_hash(sim);
    *struck += troupe_sim_faults(sim);
    bool good = troupe_sim_free(sim);
    if (!good)
        print_message("%s\n", troupe_error_text(NULL));
    assert_true(good);
    return hash;
}

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : otherwise;
}

static void nothing_is_lost_whatever_strikes(void **state)
{
    uint64_t seed = from_environment("TROUPE_SEED", 1);
    uint64_t last = getenv("TROUPE_SEED") ? seed : from_environment("TROUPE_SEEDS", SEEDS);
    uint64_t runs = last - seed + 1, struck = 0;
    (void)state;
    for (; seed <= last; seed++) {
        print_message("seed %" PRIu64 "\n", seed);
        uint64_t hash = run(seed, &struck);
        if (seed % 10 == 0)
            assert_true(hash == run(seed, &struck));
    }
    print_message("%" PRIu64 " faults\n", struck);
    assert_true(runs == 1 || struck >= 5 * runs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_lost_whatever_strikes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
