// Whole paths through the public API on one and two workers: a ping-pong pair, an ask round trip,
// one sender to one receiver. Prints name=value lines, medians of several runs.
#include "bench/support/measure.h"

#include <stdio.h>
#include <stdlib.h>
#include <troupe.h>

#define MESSAGES 1000000U

struct ping {
    troupe_ref from;
    uint32_t left;
};

TROUPE_STRUCT(Ping, struct ping);
TROUPE_EMPTY(Begin);
TROUPE_EMPTY(Item);
TROUPE_EMPTY(Question);
TROUPE_EMPTY(Answer);

struct player {
    troupe_ref peer;
    uint32_t left;
};

// ---- The one who answers, or only counts

static troupe_status echo_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    struct player *echo = state;
    const struct ping *ping = troupe_match(msg, Ping);
    if (ping)
        return troupe_send(ctx, ping->from, Ping, .from = troupe_self(ctx), .left = ping->left);
    if (troupe_match(msg, Question))
        return troupe_reply(ctx, Answer);
    if (troupe_match(msg, Item))
        return ++echo->left == MESSAGES ? TROUPE_STOP : TROUPE_OK;
    return TROUPE_UNHANDLED;
}

static const troupe_behavior echo_behavior = {
    .name = "echo", .state_size = sizeof(struct player), .receive = echo_receive};

// ---- The one who begins

static troupe_status ping_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    struct player *player = state;
    const struct ping *ping = troupe_match(msg, Ping);
    uint32_t left = ping ? ping->left : MESSAGES / 2;
    if (troupe_match(msg, Begin) && troupe_spawn(ctx, &echo_behavior, NULL, &player->peer))
        return TROUPE_ENOMEM;
    if (left == 0)
        return TROUPE_STOP;
    return troupe_send(ctx, player->peer, Ping, .from = troupe_self(ctx), .left = left - 1);
}

static const troupe_behavior ping_behavior = {
    .name = "ping", .state_size = sizeof(struct player), .receive = ping_receive};

static troupe_status on_answer(troupe_ctx *ctx, void *state, void *user,
                               const troupe_outcome *outcome)
{
    (void)user;
    struct player *player = state;
    if (outcome->status != TROUPE_OK)
        return outcome->status;
    if (--player->left == 0)
        return TROUPE_STOP;
    return troupe_ask(ctx, player->peer, 1000, on_answer, NULL, Question);
}

static troupe_status ask_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    struct player *player = state;
    if (!troupe_match(msg, Begin))
        return TROUPE_UNHANDLED;
    player->left = MESSAGES / 2;
    troupe_status status = troupe_spawn(ctx, &echo_behavior, NULL, &player->peer);
    return status ? status : troupe_ask(ctx, player->peer, 1000, on_answer, NULL, Question);
}

static const troupe_behavior ask_behavior = {
    .name = "ask", .state_size = sizeof(struct player), .receive = ask_receive};

static troupe_status count_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    struct player *player = state;
    const troupe_down *down = troupe_match(msg, troupe_down);
    if (down)
        return TROUPE_STOP;
    troupe_status status = troupe_spawn(ctx, &echo_behavior, NULL, &player->peer);
    if (status == TROUPE_OK)
        status = troupe_monitor(ctx, player->peer, TROUPE_ON_STOP, NULL);
    for (uint32_t i = 0; status == TROUPE_OK && i < MESSAGES; i++)
        status = troupe_send(ctx, player->peer, Item);
    return status;
}

static const troupe_behavior count_behavior = {
    .name = "count", .state_size = sizeof(struct player), .receive = count_receive};

// ---- Measuring

struct setting {
    const troupe_behavior *behavior;
    uint32_t workers;
    uint32_t operations;
};

static double run(void *user)
{
    const struct setting *setting = user;
    troupe_system *system;
    troupe_ref ref;
    if (troupe_system_start(&(troupe_system_opts){.workers = setting->workers}, &system))
        abort();
    troupe_ctx *ctx = troupe_outside(system);
    if (troupe_spawn_wait(ctx, setting->behavior, NULL, &ref, NULL, NULL))
        abort();
    uint64_t start = trp_clock_now(&trp_real_clock);
    troupe_send(ctx, ref, Begin);
    troupe_join(ctx, ref, TROUPE_NO_LIMIT, NULL);
    double result = trp_measure_per(start, setting->operations);
    troupe_system_stop(system, 0, NULL);
    return result;
}

int main(void)
{
    static const struct {
        const char *name;
        const troupe_behavior *behavior;
        uint32_t operations;
    } paths[] = {{"pingpong_ns_per_message", &ping_behavior, MESSAGES},
                 {"ask_ns_per_round_trip", &ask_behavior, MESSAGES / 2},
                 {"count_ns_per_message", &count_behavior, MESSAGES}};

    for (uint32_t workers = 1; workers <= 2; workers++)
        for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
            char name[64];
            struct setting setting = {paths[i].behavior, workers, paths[i].operations};
            snprintf(name, sizeof name, "%s_%u_workers", paths[i].name, workers);
            trp_measure(name, run, &setting);
        }
    return 0;
}
