// What actors do most, on one and on two real workers (self_1_ns, self_2_ns, and so on).
// Nanoseconds, medians.
//   self_ns      an actor sends to itself and handles it
//   pair_ns      each message of two actors that send one back and forth
//   ring_ns      each hop of one token in a ring of 1000
//   count_ns     each message of one actor that floods another
//   spawn_ns     each actor of a chain: spawned, one message, ended
//   ask_ns       an ask, its reply, its outcome
//   call_ns      a call from a thread outside
#include "bench/support/measure.h"
#include "troupe/ask.h"
#include "troupe/system.h"

#include <semaphore.h>
#include <stdbool.h>
#include <stdio.h>

#define MESSAGES 1000000u
#define SPAWNS   100000u
#define CALLS    5000u
#define RING     1000u

struct token {
    uint32_t left;
};

struct pair {
    uint32_t left;
    troupe_ref from;
};

TROUPE_STRUCT(Token, struct token);
TROUPE_STRUCT(Back, struct pair);
TROUPE_STRUCT(Flood, struct pair);
TROUPE_STRUCT(Born, struct token);
TROUPE_STRUCT(Ask, struct pair);
TROUPE_EMPTY(Query);

struct actor {
    uint32_t next; // in the ring; RING: itself
    struct pair asking;
};

struct stage {
    troupe_system *system;
    troupe_ctx *ctx;
    troupe_ref one, other, ring[RING];
    sem_t done;
};

static struct stage stage;

static troupe_status done(void)
{
    sem_post(&stage.done);
    return TROUPE_OK;
}

static const troupe_behavior behavior;

static troupe_status born(troupe_ctx *ctx, const struct token *token)
{
    troupe_ref ref;
    troupe_spawn_opts opts = {.detached = true};
    if (token->left == 0)
        done();
    else if (troupe_spawn(ctx, &behavior, &opts, &ref) == TROUPE_OK)
        troupe_send(ctx, ref, Born, .left = token->left - 1);
    return TROUPE_STOP;
}

static troupe_status on_outcome(troupe_ctx *ctx, void *state, void *user,
                                const troupe_outcome *outcome)
{
    (void)user, (void)outcome;
    struct pair *pair = &((struct actor *)state)->asking;
    if (--pair->left == 0)
        return done();
    return troupe_ask(ctx, pair->from, TROUPE_NO_LIMIT, on_outcome, NULL, Query);
}

static troupe_status receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    const struct token *token;
    const struct pair *pair;
    if ((token = troupe_match(msg, Token)) != NULL) {
        uint32_t next = ((struct actor *)state)->next;
        troupe_ref to = next < RING ? stage.ring[next] : troupe_self(ctx);
        return token->left ? troupe_send(ctx, to, Token, .left = token->left - 1) : done();
    }
    if ((pair = troupe_match(msg, Back)) != NULL)
        return pair->left ? troupe_send(ctx, pair->from, Back, .left = pair->left - 1,
                                        .from = troupe_self(ctx))
                          : done();
    if ((pair = troupe_match(msg, Flood)) != NULL) {
        for (uint32_t i = 0; i < 100; i++)
            troupe_send(ctx, stage.other, Token, .left = pair->left == 100 && i == 99 ? 0 : 1);
        return pair->left > 100
                   ? troupe_send(ctx, troupe_self(ctx), Flood, .left = pair->left - 100)
                   : TROUPE_OK;
    }
    if ((token = troupe_match(msg, Born)) != NULL)
        return born(ctx, token);
    if ((pair = troupe_match(msg, Ask)) != NULL) {
        ((struct actor *)state)->asking = *pair;
        return troupe_ask(ctx, pair->from, TROUPE_NO_LIMIT, on_outcome, NULL, Query);
    }
    return troupe_reply(ctx, Query);
}

static troupe_status take(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)ctx, (void)state;
    const struct token *token = troupe_match(msg, Token);
    return token && token->left == 0 ? done() : TROUPE_OK;
}

static troupe_status init(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    (void)ctx;
    const struct token *token = args ? troupe_match(args, Token) : NULL;
    ((struct actor *)state)->next = token ? token->left : RING;
    return TROUPE_OK;
}

static const troupe_behavior behavior = {
    .name = "bench", .state_size = sizeof(struct actor), .init = init, .receive = receive};
static const troupe_behavior sink = {.name = "sink", .receive = take};

static double wait_for(uint64_t start, uint64_t operations)
{
    while (sem_wait(&stage.done) != 0) // a signal
        continue;
    return trp_measure_per(start, operations);
}

static double to_self(void *user)
{
    (void)user;
    uint64_t start = trp_clock_now(&trp_real_clock);
    troupe_send(stage.ctx, stage.one, Token, .left = MESSAGES);
    return wait_for(start, MESSAGES);
}

static double back_and_forth(void *user)
{
    (void)user;
    uint64_t start = trp_clock_now(&trp_real_clock);
    troupe_send(stage.ctx, stage.one, Back, .left = MESSAGES, .from = stage.ring[0]);
    return wait_for(start, MESSAGES);
}

static double round_the_ring(void *user)
{
    (void)user;
    uint64_t start = trp_clock_now(&trp_real_clock);
    troupe_send(stage.ctx, stage.ring[0], Token, .left = MESSAGES);
    return wait_for(start, MESSAGES);
}

static double flood(void *user)
{
    (void)user;
    uint64_t start = trp_clock_now(&trp_real_clock);
    troupe_send(stage.ctx, stage.one, Flood, .left = MESSAGES);
    return wait_for(start, MESSAGES);
}

static double spawn_chain(void *user)
{
    (void)user;
    troupe_ref ref;
    troupe_spawn(stage.ctx, &behavior, NULL, &ref);
    uint64_t start = trp_clock_now(&trp_real_clock);
    troupe_send(stage.ctx, ref, Born, .left = SPAWNS);
    return wait_for(start, SPAWNS);
}

static double ask(void *user)
{
    (void)user;
    troupe_ref ref;
    troupe_spawn(stage.ctx, &behavior, NULL, &ref);
    uint64_t start = trp_clock_now(&trp_real_clock);
    troupe_send(stage.ctx, ref, Ask, .left = MESSAGES / 4, .from = stage.one);
    double result = wait_for(start, MESSAGES / 4);
    troupe_stop(stage.ctx, ref);
    return result;
}

static double call(void *user)
{
    (void)user;
    uint64_t start = trp_clock_now(&trp_real_clock);
    for (uint32_t i = 0; i < CALLS; i++)
        troupe_call(stage.ctx, stage.one, TROUPE_NO_LIMIT, NULL, Query);
    return trp_measure_per(start, CALLS);
}

static bool open_stage(uint32_t workers)
{
    troupe_system_opts opts = {.workers = workers, .seed = 1};
    sem_init(&stage.done, 0, 0);
    if (troupe_system_start(&opts, &stage.system) != TROUPE_OK)
        return false;
    stage.ctx = troupe_outside(stage.system);
    for (uint32_t i = 0; i < RING; i++)
        troupe_spawn_with(stage.ctx, &behavior, NULL, &stage.ring[i], Token,
                          .left = (i + 1) % RING);
    troupe_spawn(stage.ctx, &behavior, NULL, &stage.one);
    troupe_spawn(stage.ctx, &sink, NULL, &stage.other);
    return true;
}

static void measure(const char *name, uint32_t workers, double (*run)(void *user))
{
    char full[32];
    (void)snprintf(full, sizeof full, "%s_%u_ns", name, workers);
    trp_measure(full, run, NULL);
}

int main(void)
{
    for (uint32_t workers = 1; workers <= 2; workers++) {
        if (!open_stage(workers))
            return 1;
        measure("self", workers, to_self);
        measure("pair", workers, back_and_forth);
        measure("ring", workers, round_the_ring);
        measure("count", workers, flood);
        measure("spawn", workers, spawn_chain);
        measure("ask", workers, ask);
        measure("call", workers, call);
        if (troupe_system_stop(stage.system, 0, NULL) != TROUPE_OK)
            return 1;
    }
    return 0;
}
