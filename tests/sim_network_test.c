// Byte streams between two systems of one simulation: they move as the simulation runs, in virtual
// time, decided by its seed, and take part in its trace. What a network does of itself:
// sim_net_*_test.c.
#include "sim/network.h"
#include "tests/support/test.h"
#include "troupe.h"

#include <string.h>

#define SIZE 1000

// One end listens in system 0 and sends; the other dials from system 1 and receives.
static struct {
    troupe_sim *sim;
    struct trp_dialer *dialer;
    struct trp_listener *listener;
    struct trp_stream *to, *from;
    char sent[SIZE], received[SIZE];
    size_t taken, arrived;
    troupe_status end; // of the latest receive
} line;

static void receive_more(void);
static void send_more(void);

static void on_received(void *user, troupe_status status, size_t count)
{
    (void)user;
    line.arrived += count;
    line.end = status;
    if (status == TROUPE_OK && line.arrived < SIZE)
        receive_more();
}

static void receive_more(void)
{
    trp_stream_receive(line.from, line.received + line.arrived, SIZE - line.arrived, on_received,
                       NULL);
}

static void on_sent(void *user, troupe_status status, size_t count)
{
    (void)user;
    line.taken += count;
    if (status == TROUPE_OK && line.taken < SIZE)
        send_more();
}

static void send_more(void)
{
    const struct trp_piece piece = {line.sent + line.taken, SIZE - line.taken};
    trp_stream_send(line.to, &piece, 1, on_sent, NULL);
}

static void on_accepted(void *user, troupe_status status, struct trp_stream *stream)
{
    (void)user;
    assert_int_equal(status, TROUPE_OK);
    line.to = stream;
    send_more();
}

static void on_dialed(void *user, troupe_status status, struct trp_stream *stream)
{
    (void)user;
    assert_int_equal(status, TROUPE_OK);
    line.from = stream;
    receive_more();
}

static void open_line(uint64_t seed, const struct trp_net_opts *opts)
{
    memset(&line, 0, sizeof line);
    for (size_t i = 0; i < SIZE; i++)
        line.sent[i] = (char)(i * 7);
    assert_int_equal(troupe_sim_new(seed, NULL, &line.sim), TROUPE_OK);
    assert_int_equal(trp_sim_network_open(line.sim, opts), TROUPE_OK);
    for (int i = 0; i < 2; i++)
        assert_int_equal(troupe_sim_add(line.sim, &(troupe_system_opts){.name = i ? "b" : "a"},
                                        NULL, NULL, NULL),
                         TROUPE_OK);
    struct trp_streams here = trp_sim_streams(line.sim, 0), there = trp_sim_streams(line.sim, 1);
    assert_int_equal(trp_listener_new(&here, "sim://0/line", &line.listener), TROUPE_OK);
    assert_int_equal(trp_listener_listen(line.listener), TROUPE_OK);
    trp_listener_accept(line.listener, on_accepted, NULL);
    assert_int_equal(trp_dialer_new(&there, "sim://0/line", &line.dialer), TROUPE_OK);
    trp_dialer_dial(line.dialer, on_dialed, NULL);
}

static bool close_line(void)
{
    trp_stream_close(line.to);
    trp_stream_close(line.from);
    assert_int_equal(troupe_sim_run(line.sim), TROUPE_OK);
    trp_stream_free(line.to);
    trp_stream_free(line.from);
    trp_dialer_free(line.dialer);
    trp_listener_free(line.listener);
    return troupe_sim_free(line.sim);
}

static void bytes_move_as_the_simulation_runs(void **state)
{
    (void)state;
    const struct trp_net_opts opts = {.path = {.min_us = 20000}};
    open_line(1, &opts);
    assert_int_equal(troupe_sim_run_for(line.sim, 15), TROUPE_OK);
    assert_int_equal(line.arrived, 0);
    assert_int_equal(troupe_sim_run(line.sim), TROUPE_OK);
    assert_int_equal(line.arrived, SIZE);
    assert_memory_equal(line.sent, line.received, SIZE);
    assert_true(troupe_sim_now_ns(line.sim) >= UINT64_C(1040000000)); // a dial, and then bytes
    assert_true(close_line());
}

static void the_seed_decides_how_they_move(void **state)
{
    (void)state;
    const struct trp_net_opts opts = {.path = {.spread_us = 5000}, .rates = {.cut = 300000}};
    uint64_t hashes[20];
    for (uint64_t seed = 0; seed < 20; seed++) {
        for (int again = 0; again < 2; again++) {
            open_line(seed, &opts);
            assert_int_equal(troupe_sim_run(line.sim), TROUPE_OK);
            assert_memory_equal(line.sent, line.received, SIZE);
            assert_true(!again || troupe_sim_hash(line.sim) == hashes[seed]);
            hashes[seed] = troupe_sim_hash(line.sim);
            assert_true(close_line());
        }
        for (uint64_t before = 0; before < seed; before++)
            assert_true(hashes[before] != hashes[seed]);
    }
}

static void a_partition_holds_them_until_it_is_healed(void **state)
{
    (void)state;
    open_line(1, NULL);
    while (line.from == NULL || line.to == NULL)
        assert_true(troupe_sim_step(line.sim));
    size_t before = line.arrived;
    trp_net_partition(line.sim->net, &(uint32_t){1}, 1);
    assert_int_equal(troupe_sim_run_for(line.sim, 1000), TROUPE_OK);
    assert_int_equal(line.arrived, before);
    trp_net_heal(line.sim->net);
    assert_int_equal(troupe_sim_run(line.sim), TROUPE_OK);
    assert_int_equal(line.arrived, SIZE);
    assert_true(close_line());
}

static void a_line_that_is_left_open_fails_the_simulation(void **state)
{
    (void)state;
    open_line(1, NULL);
    assert_int_equal(troupe_sim_run(line.sim), TROUPE_OK);
    trp_stream_close(line.to);
    trp_stream_close(line.from);
    assert_int_equal(troupe_sim_run(line.sim), TROUPE_OK);
    trp_stream_free(line.to);
    trp_listener_free(line.listener);
    assert_false(troupe_sim_free(line.sim));
    assert_string_equal(troupe_error_text(NULL), "2 streams, dialers or listeners were not freed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_move_as_the_simulation_runs),
        cmocka_unit_test(the_seed_decides_how_they_move),
        cmocka_unit_test(a_partition_holds_them_until_it_is_healed),
        cmocka_unit_test(a_line_that_is_left_open_fails_the_simulation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
