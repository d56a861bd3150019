// Two actors that send one message back and forth: ping_pong [ROUNDS]
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <troupe.h>

struct ball {
    uint64_t rounds_left;
    troupe_ref from; // where to play it back to
};

struct ping_args {
    uint64_t rounds;
};

TROUPE_STRUCT(Ball, struct ball);
TROUPE_STRUCT(PingArgs, struct ping_args);

// ---- pong: plays every ball back

static troupe_status pong_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    const struct ball *ball = troupe_match(msg, Ball);
    if (!ball)
        return TROUPE_UNHANDLED;
    return troupe_send(ctx, ball->from, Ball, .rounds_left = ball->rounds_left);
}

static const troupe_behavior pong_behavior = {.name = "pong", .receive = pong_receive};

// ---- ping: owns pong, plays first, counts, and reports

struct ping {
    uint64_t rounds;
    uint64_t begun_ns;
    troupe_ref pong;
};

static troupe_status ping_init(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    struct ping *ping = state;
    const struct ping_args *given = troupe_match(args, PingArgs);
    if (!given)
        return troupe_fail(ctx, TROUPE_EINVAL, "ping needs PingArgs");
    ping->rounds = given->rounds;
    ping->begun_ns = troupe_now_ns(ctx);
    troupe_status status = troupe_spawn(ctx, &pong_behavior, NULL, &ping->pong);
    if (status != TROUPE_OK)
        return status;
    return troupe_send(ctx, ping->pong, Ball, .rounds_left = ping->rounds - 1,
                       .from = troupe_self(ctx));
}

static troupe_status ping_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    struct ping *ping = state;
    const struct ball *ball = troupe_match(msg, Ball);
    if (!ball)
        return TROUPE_UNHANDLED;
    if (ball->rounds_left > 0)
        return troupe_send(ctx, ping->pong, Ball, .rounds_left = ball->rounds_left - 1,
                           .from = troupe_self(ctx));
    double seconds = (double)(troupe_now_ns(ctx) - ping->begun_ns) / 1e9;
    printf("%" PRIu64 " rounds in %.3f s: %.0f messages/s\n", ping->rounds, seconds,
           2 * (double)ping->rounds / seconds);
    return TROUPE_STOP; // and pong, which belongs to this actor, is shut down
}

static const troupe_behavior ping_behavior = {
    .name = "ping",
    .state_size = sizeof(struct ping),
    .init = ping_init,
    .receive = ping_receive,
};

static uint64_t rounds = 1000000;

static troupe_status start(troupe_ctx *ctx, int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return troupe_spawn_with(ctx, &ping_behavior, NULL, NULL, PingArgs, .rounds = rounds);
}

int main(int argc, char **argv)
{
    char *end = NULL;
    if (argc > 1)
        rounds = strtoull(argv[1], &end, 10);
    if (argc > 2 || (argc > 1 && (argv[1][0] == '-' || *end != '\0')) || rounds == 0) {
        fprintf(stderr, "usage: ping_pong [ROUNDS], at least 1\n");
        return 2;
    }
    return troupe_main(argc, argv, &(troupe_app){.name = "ping_pong", .start = start});
}
