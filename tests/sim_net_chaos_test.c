// Chaos on the simulated network: programs on some hosts dial, accept, send, receive, close and
// free at random, some of it out of completions, while connections drop, hosts crash and start
// again, and everything else goes wrong that can, by chance and by hand. What must hold:
//
// - what arrives is a prefix of what was sent, byte by byte; between two who live on, all of it
// - each operation completes exactly once, of a crashed host never
// - nothing leaks, and whatever was not freed is told
// - the same seed makes the same run
// - every kind of event happens under some seed
#include "tests/support/net_program.h"
#include "tests/support/test.h"

#include <string.h>

#define STEPS 400

static uint64_t counts[TRP_NET_EVENTS]; // of all runs
static uint64_t whole;                  // sides that got all that their peers had sent

// ---- What is done to them

static void crash(uint32_t host)
{
    trp_net_host_down(program_run.stage.net, host);
    program_run.listeners[host].crashed = true;
    for (uint32_t i = 0; i < PROGRAM_DIALERS; i++)
        program_run.dialers[i].crashed |= program_run.dialers[i].host == host;
    for (uint32_t i = 0; i < program_run.side_count; i++) {
        struct program_side *side = &program_run.sides[i];
        if (side->stream == NULL || side->host != host)
            continue;
        side->crashed = true;
        if (program_one_in(4))
            program_free(side); // a program's remains may clean up
    }
}

static void start_again(uint32_t host)
{
    trp_net_host_up(program_run.stage.net, host);
    for (uint32_t i = 0; i < program_run.side_count; i++)
        if (program_run.sides[i].crashed && program_run.sides[i].host == host)
            program_run.sides[i].stream = NULL; // the network has freed it
    program_make_listener(&program_run.listeners[host], host);
    for (uint32_t i = 0; i < PROGRAM_DIALERS; i++)
        if (program_run.dialers[i].crashed && program_run.dialers[i].host == host)
            program_make_dialer(&program_run.dialers[i], host);
}

static void crash_or_start(uint32_t host)
{
    if (trp_net_host_is_up(program_run.stage.net, host))
        crash(host);
    else
        start_again(host);
}

// A host, or all of them.
static uint32_t some(void)
{
    return program_one_in(6) ? TRP_NET_ALL : program_below(PROGRAM_HOSTS);
}

static void break_something(void)
{
    struct trp_net *net = program_run.stage.net;
    const uint32_t hosts[] = {program_below(PROGRAM_HOSTS), program_below(PROGRAM_HOSTS)};
    switch (program_below(10)) {
    case 0:
        trp_net_drop(net, some(), some());
        break;
    case 1:
        trp_net_end(net, some(), some());
        break;
    case 2:
        trp_net_partition(net, hosts, 1 + program_below(2));
        break;
    case 3:
        trp_net_stall(net, some(), some(), program_one_in(2));
        break;
    case 4:
        trp_net_slow(net, some(), some(), program_below(3) * 20);
        break;
    case 5:
        trp_net_dials(net, some(), some(), (enum trp_net_dials)program_below(3));
        break;
    case 6:
        crash_or_start(hosts[0]);
        break;
    default:
        trp_net_heal(net);
        trp_net_dials(net, TRP_NET_ALL, TRP_NET_ALL, TRP_NET_ANSWER);
        break;
    }
}

static void do_something(void)
{
    uint32_t what = program_below(100);
    if (what < 8)
        program_dial_or_cancel(&program_run.dialers[program_below(PROGRAM_DIALERS)]);
    else if (what < 16)
        program_accept(&program_run.listeners[program_below(PROGRAM_HOSTS)]);
    else if (what < 50)
        program_use_a_side();
    else if (what < 52)
        break_something();
    else
        net_stage_step(&program_run.stage, TRP_NEVER);
}

// ---- A run

static uint32_t rate(void)
{
    static const uint32_t rates[] = {0, 0, 5000, 50000};
    return rates[program_below(4)];
}

static void open_run(uint64_t seed)
{
    static const uint32_t buffers[] = {1, 10, 100, 65536};
    memset(&program_run, 0, sizeof program_run);
    program_run.interfere = break_something;
    trp_random_init(&program_run.random, seed ^ UINT64_C(0xc4a05));
    const struct trp_net_rates rates = {.cut = rate() * 10,
                                        .short_send = rate() * 10,
                                        .drop = rate(),
                                        .end = rate(),
                                        .partition = rate(),
                                        .stall = rate(),
                                        .slow = rate(),
                                        .refuse = rate(),
                                        .silence = rate(),
                                        .mute_crash = 500000,
                                        .lost_close = rate() * 10};
    const struct trp_net_opts opts = {.path = {.min_us = program_below(3) * 500,
                                               .spread_us = program_below(3) * 1000,
                                               .tail_us = 30000,
                                               .tail_rate = rate()},
                                      .rates = rates,
                                      .buffer = buffers[program_below(4)],
                                      .dial_us = 200000,
                                      .give_up_us = program_below(2) * 300000,
                                      .fault_us = 400000};
    net_stage_open(&program_run.stage, seed, opts, PROGRAM_HOSTS);
    for (uint32_t host = 0; host < PROGRAM_HOSTS; host++)
        program_make_listener(&program_run.listeners[host], host);
    for (uint32_t i = 0; i < PROGRAM_DIALERS; i++)
        program_make_dialer(&program_run.dialers[i], i % PROGRAM_HOSTS);
}

// Everything is mended, and all that is there gets read.
static void calm_down(void)
{
    struct trp_net *net = program_run.stage.net;
    program_run.calm = true;
    trp_net_set_rates(net, &(struct trp_net_rates){0});
    trp_net_heal(net);
    trp_net_slow(net, TRP_NET_ALL, TRP_NET_ALL, 0);
    for (uint32_t host = 0; host < PROGRAM_HOSTS; host++)
        if (!trp_net_host_is_up(net, host))
            start_again(host);
    net_stage_settle(&program_run.stage);
    for (uint32_t i = 0; i < program_run.side_count; i++)
        if (program_can_use(&program_run.sides[i]) && !program_run.sides[i].receiving)
            program_receive(&program_run.sides[i]);
    net_stage_settle(&program_run.stage);
    for (uint32_t i = 0; i < program_run.side_count; i++) {
        const struct program_side *side = &program_run.sides[i],
                                  *peer = &program_run.sides[side->peer];
        if (side->received < 4 || !program_can_use(side) || side->failed ||
            !program_can_use(peer) || peer->failed)
            continue;
        assert_int_equal(side->received, peer->sent);
        assert_false(peer->sending);
        whole++;
    }
}

static uint32_t free_some(bool all)
{
    uint32_t left = 0;
    for (uint32_t i = 0; i < program_run.side_count; i++) {
        struct program_side *side = &program_run.sides[i];
        if (!side->stream || side->crashed)
            continue;
        if (all && !side->sending && !side->receiving)
            program_free(side);
        else
            left++;
    }
    return left;
}

static void close_run(void)
{
    bool tidy = program_one_in(2);
    if (tidy)
        for (uint32_t i = 0; i < program_run.side_count; i++)
            if (program_can_use(&program_run.sides[i]))
                program_close(&program_run.sides[i]);
    net_stage_settle(&program_run.stage);
    (void)free_some(tidy);
    program_run.ending = true;
    uint64_t asked = program_run.stage.asked;
    uint32_t left = trp_net_free(program_run.stage.net);
    assert_int_equal(program_run.stage.asked, asked); // nothing is left to chance
    assert_int_equal(left, free_some(false) + PROGRAM_DIALERS + PROGRAM_HOSTS);
    for (uint32_t i = 0; i < program_run.side_count; i++)
        assert_true(program_run.sides[i].crashed ||
                    (!program_run.sides[i].sending && !program_run.sides[i].receiving));
    for (uint32_t i = 0; i < PROGRAM_DIALERS; i++)
        assert_false(program_run.dialers[i].dialing);
    for (uint32_t i = 0; i < PROGRAM_HOSTS; i++)
        assert_false(program_run.listeners[i].accepting);
    assert_int_equal(program_run.stage.blocks, 0);
    for (int i = 0; i < TRP_NET_EVENTS; i++)
        counts[i] += program_run.stage.counts[i];
}

static uint64_t seed; // of the run that is under way

static uint64_t run_once(void)
{
    open_run(seed);
    for (int step = 0; step < STEPS; step++)
        do_something();
    calm_down();
    close_run();
    return program_run.stage.hash;
}

static int say_the_seed(void **state)
{
    (void)state;
    print_message("last seed: %llu\n", (unsigned long long)seed);
    return 0;
}

static void streams_keep_their_promises_amid_chaos(void **state)
{
    (void)state;
    for (seed = 0; seed < 3 * NET_STAGE_SEEDS; seed++)
        (void)run_once();
    print_message("%llu got all\n", (unsigned long long)whole);
    assert_true(whole > NET_STAGE_SEEDS / 10);
    for (int i = 0; i < TRP_NET_EVENTS; i++) {
        print_message("%s: %llu\n", trp_net_event_name((enum trp_net_event_kind)i),
                      (unsigned long long)counts[i]);
        assert_true(counts[i] > 0);
    }
}

static void the_same_seed_makes_the_same_run(void **state)
{
    (void)state;
    uint64_t before = 0;
    for (seed = 0; seed < 100; seed++) {
        uint64_t hash = run_once();
        assert_true(run_once() == hash);
        assert_true(hash != before);
        before = hash;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(streams_keep_their_promises_amid_chaos, say_the_seed),
        cmocka_unit_test_teardown(the_same_seed_makes_the_same_run, say_the_seed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
