// The simulated network under the suite that every kind of byte stream must pass. The seed makes
// the network: delays, cuts, short sends, small buffers, slow readers, stalls and partitions that
// end by themselves; what loses a connection is in sim_net_chaos_test.c.
#include "tests/support/net_stage.h"
#include "tests/support/stream_suite.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>

struct world {
    struct net_stage stage;
    struct trp_net_opts opts;
    unsigned addresses;
};

static uint64_t counts[TRP_NET_EVENTS]; // of all worlds

static uint32_t one_of(struct trp_random *random, const uint32_t *values, uint32_t count)
{
    return values[trp_random_below(random, count)];
}

#define ONE_OF(random, ...)                           \
    one_of((random), (const uint32_t[]){__VA_ARGS__}, \
           sizeof(uint32_t[]){__VA_ARGS__} / sizeof(uint32_t))

static void *open_world(uint64_t seed)
{
    struct trp_random random;
    trp_random_init(&random, ~seed);
    struct world *world = calloc(1, sizeof *world);
    assert_non_null(world);
    world->opts = (struct trp_net_opts){.path = {.min_us = ONE_OF(&random, 0, 1, 100, 5000),
                                                 .spread_us = ONE_OF(&random, 0, 0, 50, 20000),
                                                 .tail_us = 100000,
                                                 .tail_rate = ONE_OF(&random, 0, 10000),
                                                 .bytes_per_ms = ONE_OF(&random, 0, 0, 1000)},
                                        .rates = {.cut = ONE_OF(&random, 0, 300000, 950000),
                                                  .short_send = ONE_OF(&random, 0, 300000),
                                                  .stall = ONE_OF(&random, 0, 0, 30000),
                                                  .slow = ONE_OF(&random, 0, 0, 30000),
                                                  .partition = ONE_OF(&random, 0, 0, 30000)},
                                        .buffer = ONE_OF(&random, 3, 64, 1000, 65536),
                                        .fault_us = 50000};
    net_stage_open(&world->stage, seed, world->opts, 2);
    return world;
}

static void close_world(void *user)
{
    struct world *world = user;
    net_stage_close(&world->stage);
    for (int i = 0; i < TRP_NET_EVENTS; i++)
        counts[i] += world->stage.counts[i];
    free(world);
}

static struct trp_streams listening(void *user)
{
    return trp_net_streams(((struct world *)user)->stage.net, 1);
}

static struct trp_streams dialing(void *user)
{
    return trp_net_streams(((struct world *)user)->stage.net, 0);
}

static void fresh_address(void *user, char address[TRP_STREAM_ADDRESS])
{
    struct world *world = user;
    (void)snprintf(address, TRP_STREAM_ADDRESS, "sim://1/place%u", world->addresses++);
}

static bool progress(void *user)
{
    return net_stage_step(&((struct world *)user)->stage, TRP_NEVER);
}

static uint64_t holds(void *user)
{
    return ((struct world *)user)->opts.buffer;
}

static void the_suite_has_met_what_the_network_can_do(void **state)
{
    (void)state;

    static const enum trp_net_event_kind kinds[] = {TRP_NET_CUT,
                                                    TRP_NET_SHORT,
                                                    TRP_NET_STALL,
                                                    TRP_NET_SLOW,
                                                    TRP_NET_CHANCE_PARTITION,
                                                    TRP_NET_CHANCE_HEALED,
                                                    TRP_NET_LOST,
                                                    TRP_NET_RESET,
                                                    TRP_NET_REFUSED};

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        print_message("%s: %llu\n", trp_net_event_name(kinds[i]),
                      (unsigned long long)counts[kinds[i]]);
        assert_true(counts[kinds[i]] > 0);
    }
}

int main(void)
{
    static const struct stream_kind kind = {.name = "simulated",
                                            .seeds = NET_STAGE_SEEDS,
                                            .open = open_world,
                                            .close = close_world,
                                            .listening = listening,
                                            .dialing = dialing,
                                            .fresh_address = fresh_address,
                                            .no_address = "sim://one/place",
                                            .progress = progress,
                                            .holds = holds};
    int failed = stream_suite_run(&kind);
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_suite_has_met_what_the_network_can_do)};
    return failed + cmocka_run_group_tests(tests, NULL, NULL);
}
