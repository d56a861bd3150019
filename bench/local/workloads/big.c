// big N K: each of K actors sends N pings, one after the other, to one of them at random, and
// answers the pings it gets.
#include "bench/local/messages.h"
#include "bench/local/workloads/all.h"

// Written before the first message is sent, only read afterwards. A message could not hold it.
static troupe_ref *everyone;

// ---- One of them

struct player {
    uint64_t left;
    uint32_t random;
};

static troupe_status set_up(troupe_ctx *ctx, struct player *player, uint64_t number)
{
    player->left = local_run.n;
    player->random = (uint32_t)number * 2654435761u + 1; // Knuth's multiplier: apart, not 0
    return troupe_send(ctx, troupe_owner(ctx), Ready);
}

// A xorshift of 32 bits: what is measured is sending, so choosing must cost next to nothing.
static uint32_t next_random(struct player *player)
{
    player->random ^= player->random << 13;
    player->random ^= player->random >> 17;
    player->random ^= player->random << 5;
    return player->random;
}

static troupe_status ping_someone(troupe_ctx *ctx, struct player *player)
{
    uint32_t who = next_random(player) % (uint32_t)local_run.k;
    return troupe_send(ctx, everyone[who], Ping, .actor = local_actor(troupe_self(ctx)));
}

static troupe_status player_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    struct player *player = state;
    const Ping *ping = troupe_match(msg, Ping);
    if (ping)
        return troupe_send(ctx, local_ref(ping->actor), Pong, .number = ping->number);
    if (troupe_match(msg, Pong))
        return --player->left > 0 ? ping_someone(ctx, player)
                                  : troupe_send(ctx, troupe_owner(ctx), Done);
    if (troupe_match(msg, Work))
        return ping_someone(ctx, player);
    const Expect *expect = troupe_match(msg, Expect);
    return expect ? set_up(ctx, player, expect->number) : TROUPE_UNHANDLED;
}

static const troupe_behavior player_behavior = {
    .name = "player", .state_size = sizeof(struct player), .receive = player_receive};

// ---- The lead

struct umpire {
    uint64_t ready, done;
};

static troupe_status make_players(troupe_ctx *ctx)
{
    everyone = troupe_alloc(ctx, local_run.k * sizeof *everyone);
    if (!everyone)
        return TROUPE_ENOMEM;
    troupe_status status = TROUPE_OK;
    for (uint64_t i = 0; i < local_run.k && status == TROUPE_OK; i++) {
        status = troupe_spawn(ctx, &player_behavior, NULL, &everyone[i]);
        if (status == TROUPE_OK)
            status = troupe_send(ctx, everyone[i], Expect, .number = i);
    }
    return status;
}

static troupe_status begin(troupe_ctx *ctx)
{
    troupe_status status = TROUPE_OK;
    local_clock_start(ctx);
    for (uint64_t i = 0; i < local_run.k && status == TROUPE_OK; i++)
        status = troupe_send(ctx, everyone[i], Work);
    return status;
}

static troupe_status lead_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    struct umpire *umpire = state;
    if (troupe_match(msg, Done))
        return ++umpire->done < local_run.k ? TROUPE_OK
                                            : local_finish(ctx, 2 * local_run.n * local_run.k);
    if (troupe_match(msg, Ready))
        return ++umpire->ready < local_run.k ? TROUPE_OK : begin(ctx);
    return troupe_match(msg, Begin) ? make_players(ctx) : TROUPE_UNHANDLED;
}

static const troupe_behavior lead = {
    .name = "big", .state_size = sizeof(struct umpire), .receive = lead_receive};

const struct local_workload LOCAL_FORM(local_big) = {
    .name = "big",
    .what = "K actors ping one of them at random, N times each; ops: messages",
    .n = {"N", 1, 1000000000, 100000},
    .k = {"K", 1, 1000000, 120},
    .lead = &lead,
};
