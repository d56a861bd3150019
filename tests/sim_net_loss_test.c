// What connections of the simulated network (sim/net.h) die of, or never come about for: drops,
// closes, refused and silent dials.
// Each alone, by hand, on a network where nothing else goes wrong: every choice is 0 unless a test
// says otherwise.
#include "tests/support/net_two.h"
#include "tests/support/test.h"
#include "troupe/actor.h"

#include <string.h>

// ---- Lost connections

static void a_drop_loses_what_is_in_flight_and_both_sides_see_it(void **state)
{
    (void)state;
    two_meet();
    two_near_sends("arrives");
    net_stage_advance(&two_stage, 10);
    two_near_sends("is lost");
    char byte;
    net_receive(&two_stage, &two_pair.near_receive, two_pair.near, &byte, 1);
    assert_int_equal(trp_net_drop(two_stage.net, FAR, NEAR), 1);
    net_expect_waiting(&two_pair.near_receive); // not from within the call
    assert_int_equal(two_stage.last[TRP_NET_DROP].value, strlen("is lost"));
    two_far_receives();
    net_stage_advance(&two_stage, 0);
    net_expect(&two_pair.near_receive, TROUPE_EDOWN, 0);
    two_expect_text(&two_pair.far_receive, "arrives");
    two_far_receives();
    net_send(&two_stage, &two_pair.far_send, two_pair.far, "x", 1);
    net_send(&two_stage, &two_pair.near_send, two_pair.near, "x", 1);
    net_stage_settle(&two_stage);
    net_expect(&two_pair.far_receive, TROUPE_EDOWN, 0);
    net_expect(&two_pair.far_send, TROUPE_EDOWN, 0);
    net_expect(&two_pair.near_send, TROUPE_EDOWN, 0);
    assert_int_equal(trp_net_drop(two_stage.net, TRP_NET_ALL, TRP_NET_ALL), 0);
    two_part();
}

static void a_drop_ends_a_send_that_waits(void **state)
{
    (void)state;
    two_meet_with((struct trp_net_opts){.buffer = 1});
    two_near_sends("1");
    net_stage_settle(&two_stage);
    net_send(&two_stage, &two_pair.near_send, two_pair.near, "2", 1);
    assert_int_equal(trp_net_drop(two_stage.net, NEAR, FAR), 1);
    net_stage_advance(&two_stage, 0);
    net_expect(&two_pair.near_send, TROUPE_EDOWN, 0);
    two_part();
}

static void a_drop_may_lose_what_has_arrived(void **state)
{
    (void)state;
    unsigned lost = 0, kept = 0;
    for (uint64_t seed = 0; seed < 50; seed++) {
        net_stage_open(&two_stage, seed, (struct trp_net_opts){0}, 2);
        net_pair_meet(&two_stage, &two_pair);
        trp_net_slow(two_stage.net, NEAR, FAR, 1); // so that a receive waits in spite of bytes
        two_near_sends("xy");
        two_far_receives();
        net_stage_advance(&two_stage, 0);
        two_expect_text(&two_pair.far_receive, "x");
        two_far_receives();
        assert_int_equal(trp_net_drop(two_stage.net, NEAR, FAR), 1);
        uint64_t start = two_stage.now;
        net_stage_settle(&two_stage);
        if (two_pair.far_receive.status == TROUPE_OK) {
            two_expect_text(&two_pair.far_receive, "y");
            kept++;
        } else {
            net_expect(&two_pair.far_receive, TROUPE_EDOWN, 0);
            assert_true(two_pair.far_receive.at == start);
            assert_int_equal(two_stage.last[TRP_NET_DROP].value, 1);
            lost++;
        }
        two_part();
    }
    assert_true(lost > 5 && kept > 5);
}

static void a_connection_dies_once(void **state)
{
    (void)state;
    two_meet_with((struct trp_net_opts){.rates = {.drop = 1, .end = 1}});
    two_near_sends("a");
    net_stage_advance(&two_stage, 1);
    two_near_sends("b");
    two_stage.forced[TRP_NET_CHOOSE_END] = 1;
    net_stage_advance(&two_stage, 9); // "a" arrives
    two_stage.forced[TRP_NET_CHOOSE_END] = 1;
    net_stage_advance(&two_stage, 1); // "b" arrives, and there is nothing more to end
    assert_int_equal(two_stage.counts[TRP_NET_END], 1);
    two_part();
    two_meet_with((struct trp_net_opts){.rates = {.drop = 1, .end = 1}});
    two_near_sends("a");
    two_stage.forced[TRP_NET_CHOOSE_DROP] = 1;
    two_stage.forced[TRP_NET_CHOOSE_END] = 1;
    net_stage_settle(&two_stage);
    assert_int_equal(two_stage.counts[TRP_NET_DROP], 1);
    assert_int_equal(two_stage.counts[TRP_NET_END], 0);
    two_part();
}

static void a_closed_listener_does_not_listen(void **state)
{
    (void)state;
    two_meet();
    trp_listener_close(two_pair.listener);
    assert_int_equal(trp_listener_listen(two_pair.listener), TROUPE_ECLOSED);
    assert_non_null(strstr(troupe_error_text(NULL), "sim://1/a"));
    two_part();
}

static void an_end_ends_a_send_that_waits(void **state)
{
    (void)state;
    two_meet_with((struct trp_net_opts){.buffer = 1});
    two_near_sends("1");
    net_stage_settle(&two_stage);
    net_send(&two_stage, &two_pair.near_send, two_pair.near, "2", 1);
    assert_int_equal(trp_net_end(two_stage.net, FAR, NEAR), 1);
    net_stage_advance(&two_stage, 0);
    net_expect(&two_pair.near_send, TROUPE_EDOWN, 0);
    two_part();
}

static void an_end_comes_after_the_bytes(void **state)
{
    (void)state;
    two_meet();
    two_near_sends("arrives");
    assert_int_equal(trp_net_end(two_stage.net, NEAR, FAR), 1);
    net_send(&two_stage, &two_pair.near_send, two_pair.near, "x", 1);
    two_far_receives();
    net_stage_settle(&two_stage);
    net_expect(&two_pair.near_send, TROUPE_EDOWN, 0);
    two_expect_text(&two_pair.far_receive, "arrives");
    two_far_receives();
    char byte;
    net_receive(&two_stage, &two_pair.near_receive, two_pair.near, &byte, 1);
    net_stage_settle(&two_stage);
    net_expect(&two_pair.far_receive, TROUPE_EDOWN, 0);
    net_expect(&two_pair.near_receive, TROUPE_EDOWN, 0);
    two_part();
}

static void a_close_is_answered_when_more_is_sent(void **state)
{
    (void)state;
    two_meet();
    trp_stream_close(two_pair.far);
    char byte;
    net_receive(&two_stage, &two_pair.near_receive, two_pair.near, &byte, 1);
    net_stage_advance(&two_stage, 10);
    net_expect(&two_pair.near_receive, TROUPE_EDOWN, 0);
    two_near_sends("x");
    two_near_sends("y"); // nothing is known yet
    net_stage_advance(&two_stage, 20);
    net_send(&two_stage, &two_pair.near_send, two_pair.near, "z", 1);
    net_stage_settle(&two_stage);
    net_expect(&two_pair.near_send, TROUPE_EDOWN, 0);
    assert_int_equal(two_stage.counts[TRP_NET_RESET], 1);
    two_part();
}

static void a_close_comes_once(void **state)
{
    (void)state;
    two_meet();
    two_near_sends("arrives");
    trp_stream_close(two_pair.near);
    trp_net_set_rates(two_stage.net, &(struct trp_net_rates){.lost_close = TRP_NET_MILLION});
    two_stage.plain = false;
    trp_stream_close(two_pair.near); // it is too late to lose anything
    trp_stream_free(two_pair.near);
    two_pair.near = NULL;
    two_far_receives();
    net_stage_settle(&two_stage);
    two_expect_text(&two_pair.far_receive, "arrives");
    assert_int_equal(two_stage.counts[TRP_NET_CLOSED], 1);
    two_part();
}

// Bytes for a closed stream are thrown away when they arrive, not only when that is known.
static void what_finds_nobody_makes_room(void **state)
{
    (void)state;
    two_meet_with((struct trp_net_opts){.buffer = 1});
    trp_stream_close(two_pair.far);
    two_near_sends("1");
    net_send(&two_stage, &two_pair.near_send, two_pair.near, "2", 1);
    net_stage_advance(&two_stage, 9);
    net_expect_waiting(&two_pair.near_send);
    net_stage_advance(&two_stage, 1);
    net_expect(&two_pair.near_send, TROUPE_OK, 1);
    two_part();
}

static void a_close_may_lose_what_was_sent(void **state)
{
    (void)state;
    two_meet();
    trp_net_set_rates(two_stage.net, &(struct trp_net_rates){.lost_close = TRP_NET_MILLION});
    two_stage.plain = false;
    two_near_sends("is lost");
    trp_stream_close(two_pair.near);
    two_far_receives();
    net_stage_settle(&two_stage);
    net_expect(&two_pair.far_receive, TROUPE_EDOWN, 0);
    net_send(&two_stage, &two_pair.far_send, two_pair.far, "x", 1);
    net_stage_advance(&two_stage, 0);
    net_expect(&two_pair.far_send, TROUPE_EDOWN, 0); // a reset says so at once
    assert_int_equal(two_stage.counts[TRP_NET_LOST_CLOSE], 1);
    two_part();
}

// ---- Dials

static void a_dial_is_refused(void **state)
{
    (void)state;
    two_open_with((struct trp_net_opts){0});
    trp_net_dials(two_stage.net, NEAR, FAR, TRP_NET_REFUSE);
    net_pair_prepare(&two_stage, &two_pair);
    net_stage_settle(&two_stage);
    net_expect(&two_pair.dial, TROUPE_ENOENT, 0);
    assert_int_equal(two_ms(), 20);
    trp_net_dials(two_stage.net, NEAR, FAR, TRP_NET_ANSWER);
    two_pair.dial.begun++;
    trp_dialer_dial(two_pair.dialer, net_op_made, &two_pair.dial);
    net_stage_settle(&two_stage);
    net_expect(&two_pair.dial, TROUPE_OK, 0);
    two_pair.near = two_pair.dial.stream;
    two_pair.far = two_pair.accept.stream;
    two_part();
}

static void a_dial_without_an_answer_ends_by_itself(void **state)
{
    (void)state;
    two_open_with((struct trp_net_opts){.dial_us = 300000});
    trp_net_dials(two_stage.net, TRP_NET_ALL, FAR, TRP_NET_SILENT);
    net_pair_prepare(&two_stage, &two_pair);
    net_stage_advance(&two_stage, 299);
    net_expect_waiting(&two_pair.dial);
    net_stage_advance(&two_stage, 1);
    net_expect(&two_pair.dial, TROUPE_ETIMEDOUT, 0);
    net_expect_waiting(&two_pair.accept);
    trp_listener_close(two_pair.listener);
    net_stage_settle(&two_stage);
    two_part();
}

static void a_dial_whose_answer_is_lost_leaves_the_other_side_with_a_dead_stream(void **state)
{
    (void)state;
    two_open_with((struct trp_net_opts){.dial_us = 300000});
    trp_net_stall(two_stage.net, FAR, NEAR, true);
    net_pair_prepare(&two_stage, &two_pair);
    net_stage_advance(&two_stage, 10);
    net_expect(&two_pair.accept, TROUPE_OK, 0);
    two_pair.far = two_pair.accept.stream;
    two_far_receives();
    net_stage_advance(&two_stage, 290);
    net_expect(&two_pair.dial, TROUPE_ETIMEDOUT, 0);
    net_expect_waiting(&two_pair.far_receive);
    net_stage_advance(&two_stage, 10);
    net_expect(&two_pair.far_receive, TROUPE_EDOWN, 0);
    two_part();
}

static void a_host_that_is_not_there_cannot_be_reached(void **state)
{
    (void)state;
    two_open_with((struct trp_net_opts){0});
    struct trp_streams streams = trp_net_streams(two_stage.net, NEAR);
    two_pair = (struct net_pair){0};
    assert_int_equal(trp_dialer_new(&streams, "sim://7/a", &two_pair.dialer), TROUPE_OK);
    two_pair.dial = (struct net_op){.begun = 1, .stage = &two_stage};
    trp_dialer_dial(two_pair.dialer, net_op_made, &two_pair.dial);
    net_expect_waiting(&two_pair.dial);
    net_stage_settle(&two_stage);
    net_expect(&two_pair.dial, TROUPE_EDEAD, 0);
    two_part();
}

static void a_listener_refuses_whom_it_has_no_place_for(void **state)
{
    (void)state;

    enum { DIALS = TRP_NET_BACKLOG + 1 };

    two_open_with((struct trp_net_opts){0});
    struct trp_streams near = trp_net_streams(two_stage.net, NEAR);
    struct trp_streams far = trp_net_streams(two_stage.net, FAR);
    two_pair = (struct net_pair){0};
    assert_int_equal(trp_listener_new(&far, "sim://1/a", &two_pair.listener), TROUPE_OK);
    assert_int_equal(trp_listener_listen(two_pair.listener), TROUPE_OK);
    struct trp_dialer *dialers[DIALS];
    static struct net_op dials[DIALS];
    for (int i = 0; i < DIALS; i++) {
        assert_int_equal(trp_dialer_new(&near, "sim://1/a", &dialers[i]), TROUPE_OK);
        dials[i] = (struct net_op){.begun = 1, .stage = &two_stage};
        trp_dialer_dial(dialers[i], net_op_made, &dials[i]);
    }
    net_stage_settle(&two_stage);
    for (int i = 0; i < DIALS; i++) {
        net_expect(&dials[i], i < TRP_NET_BACKLOG ? TROUPE_OK : TROUPE_ENOENT, 0);
        if (dials[i].stream)
            trp_stream_free(dials[i].stream);
        trp_dialer_free(dialers[i]);
    }
    two_part();
}

static void addresses_that_are_none(void **state)
{
    (void)state;
    two_open_with((struct trp_net_opts){0});
    struct trp_streams near = trp_net_streams(two_stage.net, NEAR);
    char too_long[TRP_STREAM_ADDRESS + 1] = "sim://0/";
    memset(too_long + strlen(too_long), 'x', sizeof too_long - strlen(too_long) - 1);
    const char *const wrong[] = {"",
                                 "sim:/",
                                 "sim://",
                                 "sim:///a",
                                 "sim://0",
                                 "sim://0/",
                                 "sim://-1/a",
                                 "sim:// 1/a",
                                 "sim://1x/a",
                                 "tcp://1/a",
                                 "sim://4294967295/a",
                                 "sim://99999999999999999999/a",
                                 too_long};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct trp_dialer *dialer;
        assert_int_equal(trp_dialer_new(&near, wrong[i], &dialer), TROUPE_EINVAL);
        assert_null(dialer);
        assert_non_null(strstr(troupe_error_text(NULL), "sim://HOST/NAME"));
    }
    struct trp_listener *listener;
    assert_int_equal(trp_listener_new(&near, "sim://1/a", &listener), TROUPE_EINVAL);
    assert_non_null(strstr(troupe_error_text(NULL), "this is host 0"));
    net_stage_close(&two_stage);
}

#define TEST(name) cmocka_unit_test(name)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_drop_loses_what_is_in_flight_and_both_sides_see_it),
        TEST(a_drop_ends_a_send_that_waits),
        TEST(a_drop_may_lose_what_has_arrived),
        TEST(a_connection_dies_once),
        TEST(a_closed_listener_does_not_listen),
        TEST(an_end_ends_a_send_that_waits),
        TEST(an_end_comes_after_the_bytes),
        TEST(a_close_is_answered_when_more_is_sent),
        TEST(a_close_comes_once),
        TEST(what_finds_nobody_makes_room),
        TEST(a_close_may_lose_what_was_sent),
        TEST(a_dial_is_refused),
        TEST(a_dial_without_an_answer_ends_by_itself),
        TEST(a_dial_whose_answer_is_lost_leaves_the_other_side_with_a_dead_stream),
        TEST(a_host_that_is_not_there_cannot_be_reached),
        TEST(a_listener_refuses_whom_it_has_no_place_for),
        TEST(addresses_that_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
