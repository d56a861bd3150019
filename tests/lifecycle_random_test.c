// Actors that do whatever comes to their mind, to whomever they know: spawn, ask, watch, stop,
// kill, fail, put aside, pass on, remember. Whatever they do, every message is accounted for, every
// defer runs, every actor ends and all memory comes back; world_stop checks that.
//
// A Number carries energy: handling it uses up some and passes on the rest, so the riot dies down.
#include "tests/support/world.h"

#include <string.h>

#define KNOWN 24

static pthread_mutex_t known_lock = PTHREAD_MUTEX_INITIALIZER;
static troupe_ref known[KNOWN];
static _Atomic uint32_t spawned, deferred, ran, asked, answered;
static troupe_ctx *outside;

static const troupe_behavior monkey;

static void remember(troupe_ref ref, uint64_t place)
{
    pthread_mutex_lock(&known_lock);
    known[place % KNOWN] = ref;
    pthread_mutex_unlock(&known_lock);
}

static troupe_ref someone(troupe_ctx *ctx)
{
    pthread_mutex_lock(&known_lock);
    troupe_ref ref = known[troupe_random(ctx) % KNOWN];
    pthread_mutex_unlock(&known_lock);
    return ref;
}

struct monkey {
    troupe_monitor_ref monitor;
    troupe_ask_id ask;
    troupe_token token;
    troupe_timer timer;
};

static void has_run(void *arg)
{
    (void)arg;
    atomic_fetch_add(&ran, 1);
}

static void free_message(void *message)
{
    troupe_msg_free(outside, message);
}

// Sends it to someone who lives, if one is found.
static void pass(troupe_ctx *ctx, int64_t energy)
{
    for (int i = 0; i < 5 && energy > 0; i++)
        if (troupe_send(ctx, someone(ctx), Number, .value = energy) == TROUPE_OK)
            break;
}

static void pass_on(troupe_ctx *ctx, int64_t energy)
{
    int64_t part = energy > 1 ? (int64_t)(troupe_random(ctx) % (uint64_t)energy) : 0;
    pass(ctx, part);
    pass(ctx, energy - part);
}

static troupe_status on_outcome(troupe_ctx *ctx, void *state, void *user,
                                const troupe_outcome *outcome)
{
    (void)ctx;
    (void)state;
    (void)user;
    atomic_fetch_add(&answered, 1);
    return outcome->status == TROUPE_EDOWN && outcome->reason->kind == TROUPE_KILLED ? TROUPE_EUSER
                                                                                     : TROUPE_OK;
}

static troupe_status receive_otherwise(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    const struct number *number = troupe_match(msg, Number);
    if (number == NULL)
        return troupe_random(ctx) % 2 ? TROUPE_UNHANDLED : troupe_stash(ctx, msg);
    pass_on(ctx, number->value - 1);
    if (troupe_random(ctx) % 3 == 0)
        (void)troupe_unbecome(ctx);
    return troupe_random(ctx) % 3 == 0 ? troupe_stash(ctx, msg) : TROUPE_OK;
}

static troupe_status spawn_monkey(troupe_ctx *ctx)
{
    troupe_ref ref;
    if (atomic_fetch_add(&spawned, 1) > 200)
        return TROUPE_OK;
    troupe_spawn_opts opts = {.detached = troupe_random(ctx) % 8 == 0,
                              .shutdown_ms = troupe_random(ctx) % 4 ? 0 : TROUPE_KILL_NOW};
    if (troupe_spawn(ctx, &monkey, &opts, &ref) == TROUPE_OK)
        remember(ref, troupe_random(ctx));
    return TROUPE_OK;
}

// Watching, asking and timers.
static troupe_status relate(troupe_ctx *ctx, struct monkey *state, const troupe_msg *msg)
{
    switch (troupe_random(ctx) % 8) {
    case 0:
        return troupe_monitor(ctx, someone(ctx), 1 + (uint32_t)(troupe_random(ctx) % 7),
                              &state->monitor);
    case 1:
        (void)troupe_demonitor(ctx, state->monitor);
        return TROUPE_OK;
    case 2:
    case 3:
        if (troupe_ask_with_id(ctx, someone(ctx), (uint32_t)(troupe_random(ctx) % 3), on_outcome,
                               NULL, &state->ask, Number, .value = 1) == TROUPE_OK)
            atomic_fetch_add(&asked, 1);
        return TROUPE_OK;
    case 4:
        (void)troupe_ask_cancel(ctx, state->ask);
        return TROUPE_OK;
    case 5:
        (void)troupe_token_take(ctx, &state->token);
        return TROUPE_OK;
    case 6:
        (void)troupe_reply_to(ctx, state->token, Sync);
        return troupe_after(ctx, troupe_random(ctx) % 3, troupe_self(ctx), &state->timer, Sync);
    default:
        (void)troupe_timer_cancel(ctx, state->timer);
        return troupe_is_ask(ctx) ? troupe_forward(ctx, someone(ctx), msg) : TROUPE_OK;
    }
}

// Ending oneself and others.
static troupe_status end_someone(troupe_ctx *ctx)
{
    switch (troupe_random(ctx) % 6) {
    case 0:
        (void)troupe_stop(ctx, someone(ctx));
        return TROUPE_OK;
    case 1:
        (void)troupe_kill(ctx, someone(ctx));
        return TROUPE_OK;
    case 2:
        (void)troupe_drain(ctx, someone(ctx));
        return TROUPE_OK;
    case 3:
        return TROUPE_STOP;
    case 4:
        return TROUPE_UNHANDLED;
    default:
        return troupe_fail(ctx, TROUPE_EUSER, "a whim");
    }
}

static troupe_status keep_things(troupe_ctx *ctx, const troupe_msg *msg)
{
    troupe_msg *own;
    switch (troupe_random(ctx) % 5) {
    case 0:
        (void)troupe_alloc(ctx, troupe_random(ctx) % 4000);
        return TROUPE_OK;
    case 1:
        if (troupe_defer(ctx, has_run, NULL) == TROUPE_OK)
            atomic_fetch_add(&deferred, 1);
        return TROUPE_OK;
    case 2:
        (void)troupe_unstash(ctx);
        return troupe_stash(ctx, msg);
    case 3:
        if (troupe_msg_take(ctx, msg, &own) == TROUPE_OK)
            WORLD_CHECK(troupe_defer(ctx, free_message, own) == TROUPE_OK);
        return TROUPE_OK;
    default:
        (void)troupe_unstash(ctx);
        return troupe_become(ctx, receive_otherwise);
    }
}

static troupe_status monkey_init(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    (void)state;
    (void)args;
    remember(troupe_self(ctx), troupe_random(ctx));
    if (troupe_random(ctx) % 2)
        pass_on(ctx, 2);
    if (troupe_random(ctx) % 2)
        (void)troupe_send(ctx, troupe_self(ctx), Number, .value = 3);
    switch (troupe_random(ctx) % 30) {
    case 0:
        return TROUPE_IGNORE;
    case 1:
        return TROUPE_STOP;
    case 2:
        return TROUPE_EUSER;
    case 3:
        return spawn_monkey(ctx);
    default:
        return TROUPE_OK;
    }
}

static troupe_status monkey_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    const struct number *number = troupe_match(msg, Number);
    if (number == NULL)
        return troupe_match(msg, troupe_down) ? TROUPE_OK : troupe_reply(ctx, Sync);
    pass_on(ctx, number->value - 1);
    switch (troupe_random(ctx) % 8) {
    case 0:
        return spawn_monkey(ctx);
    case 1:
        return troupe_random(ctx) % 2 ? TROUPE_OK : end_someone(ctx);
    case 2:
    case 3:
        return keep_things(ctx, msg);
    case 4:
        return troupe_reply(ctx, Number, .value = 1);
    default:
        return relate(ctx, state, msg);
    }
}

static void monkey_stop(troupe_ctx *ctx, void *state, const troupe_reason *why)
{
    (void)state;
    (void)why;
    pass_on(ctx, 2);
    (void)spawn_monkey(ctx);
}

static const troupe_behavior monkey = {.name = "monkey",
                                       .state_size = sizeof(struct monkey),
                                       .init = monkey_init,
                                       .receive = monkey_receive,
                                       .stop = monkey_stop};

static const troupe_child few[] = {
    {.id = "a", .behavior = &monkey},
    {.id = "b", .behavior = &monkey, .restart = TROUPE_TRANSIENT},
    {.id = "c", .behavior = &monkey, .restart = TROUPE_TEMPORARY, .shutdown_ms = TROUPE_KILL_NOW}};
static const troupe_supervisor family = {.max_restarts = 5, .children = few, .child_count = 3};
static const troupe_child families[] = {{.id = "left", .supervisor = &family},
                                        {.id = "middle", .behavior = &monkey},
                                        {.id = "right", .supervisor = &family}};
static const troupe_supervisor all = {.max_restarts = 20, .children = families, .child_count = 3};

// The riot is in full swing, or has died down: nothing has been sent since the last look.
static bool has_gone_on(struct world *world, void *arg)
{
    uint64_t *seen = arg;
    troupe_stats stats;
    troupe_system_stats(world->system, &stats);
    bool quiet = stats.sent == *seen;
    *seen = stats.sent;
    return stats.handled > 300 || quiet;
}

WORLD_STORY(whatever_actors_do_nothing_is_lost)
{
    outside = world->ctx;
    atomic_store(&spawned, 0);
    atomic_store(&deferred, 0);
    atomic_store(&ran, 0);
    atomic_store(&asked, 0);
    atomic_store(&answered, 0);
    memset(known, 0, sizeof known);
    troupe_ref ref;
    for (uint64_t i = 0; i < 4; i++) {
        assert_int_equal(troupe_supervise(world->ctx, &all, &ref), TROUPE_OK);
        remember(ref, i * 7);
        if (troupe_spawn(world->ctx, &monkey, NULL, &ref) == TROUPE_OK)
            remember(ref, i * 7 + 1);
    }
    for (int i = 0; i < 30; i++)
        pass(world->ctx, 40);
    uint64_t sent = 0;
    if (!world->driven)
        world_until(world, has_gone_on, &sent);
    else if (world->seed % 3 == 0)
        world_advance(world, 20000);
    else
        for (uint64_t i = 0; i < world->seed * 7 % 1000; i++)
            (void)trp_driver_step(&world->driver);
    world_stop(world);
    assert_int_equal(atomic_load(&deferred), atomic_load(&ran));
    assert_true(atomic_load(&answered) <= atomic_load(&asked));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_actors_do_nothing_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
