// Crashes of hosts of the simulated network (sim/net.h), and its end.
// Each alone, by hand, on a network where nothing else goes wrong: every choice is 0 unless a test
// says otherwise.
#include "tests/support/net_two.h"
#include "tests/support/test.h"
#include "troupe/actor.h"

#include <string.h>

// ---- Crashes

static void a_crash_resets_its_peers(void **state)
{
    (void)state;
    two_meet();
    two_near_sends("arrives");
    char byte;
    net_receive(&two_stage, &two_pair.near_receive, two_pair.near, &byte, 1);
    two_far_receives();
    trp_net_host_down(two_stage.net, NEAR);
    net_stage_advance(&two_stage, 10);
    two_expect_text(&two_pair.far_receive, "arrives");
    two_far_receives();
    net_stage_settle(&two_stage);
    net_expect(&two_pair.far_receive, TROUPE_EDOWN, 0);
    net_expect_waiting(&two_pair.near_receive); // nobody is there to be told
    two_part();
}

static void a_mute_crash_is_noticed_when_something_is_sent(void **state)
{
    (void)state;
    two_meet();
    trp_net_set_rates(two_stage.net, &(struct trp_net_rates){.mute_crash = TRP_NET_MILLION});
    two_stage.plain = false;
    trp_net_host_down(two_stage.net, FAR);
    trp_stream_close(two_pair.far); // who cleans up does not tell either
    trp_stream_free(two_pair.far);
    two_pair.far = NULL;
    char byte;
    net_receive(&two_stage, &two_pair.near_receive, two_pair.near, &byte, 1);
    net_stage_advance(&two_stage, 100000);
    net_expect_waiting(&two_pair.near_receive);
    two_near_sends("x");
    net_stage_advance(&two_stage, 20);
    net_expect(&two_pair.near_receive, TROUPE_EDOWN, 0);
    two_part();
}

static void a_mute_crash_ends_a_send_that_waits(void **state)
{
    (void)state;
    two_meet_with((struct trp_net_opts){.buffer = 1, .rates.mute_crash = TRP_NET_MILLION});
    two_near_sends("1");
    net_stage_settle(&two_stage);
    net_send(&two_stage, &two_pair.near_send, two_pair.near, "2", 1);
    two_stage.plain = false;
    trp_net_host_down(two_stage.net, FAR);
    net_stage_settle(&two_stage);
    net_expect(&two_pair.near_send, TROUPE_OK, 1);
    net_send(&two_stage, &two_pair.near_send, two_pair.near, "3", 1);
    net_stage_settle(&two_stage);
    net_expect(&two_pair.near_send, TROUPE_EDOWN, 0);
    two_part();
}

static void a_crash_may_lose_what_was_sent(void **state)
{
    (void)state;
    unsigned lost = 0, kept = 0;
    for (uint64_t seed = 0; seed < 50; seed++) {
        net_stage_open(&two_stage, seed, (struct trp_net_opts){.path = two_ten_ms}, 2);
        net_pair_meet(&two_stage, &two_pair);
        two_near_sends("x");
        trp_net_host_down(two_stage.net, NEAR);
        two_far_receives();
        net_stage_settle(&two_stage);
        kept += two_pair.far_receive.status == TROUPE_OK;
        lost += two_pair.far_receive.status == TROUPE_EDOWN;
        two_part();
    }
    assert_true(lost > 5 && kept > 5);
    assert_int_equal(lost + kept, 50);
}

static void what_was_freed_before_a_crash_is_not_part_of_it(void **state)
{
    (void)state;
    two_meet();
    trp_net_set_rates(two_stage.net, &(struct trp_net_rates){.mute_crash = TRP_NET_MILLION});
    two_near_sends("arrives");
    trp_stream_free(two_pair.near);
    two_pair.near = NULL;
    two_stage.plain = false;
    trp_net_host_down(two_stage.net, NEAR);
    two_stage.plain = true;
    two_far_receives();
    net_stage_settle(&two_stage);
    two_expect_text(&two_pair.far_receive, "arrives");
    two_far_receives();
    net_stage_settle(&two_stage);
    net_expect(&two_pair.far_receive, TROUPE_EDOWN, 0);
    two_part();
}

static void a_listener_that_crashes_takes_those_who_wait_along(void **state)
{
    (void)state;
    two_meet();
    trp_stream_free(two_pair.near);
    trp_stream_free(two_pair.far);
    two_pair.dial.begun++;
    trp_dialer_dial(two_pair.dialer, net_op_made, &two_pair.dial);
    net_stage_settle(&two_stage);
    two_pair.near = two_pair.dial.stream;
    two_pair.far = NULL;
    char byte;
    net_receive(&two_stage, &two_pair.near_receive, two_pair.near, &byte, 1);
    trp_net_host_down(two_stage.net, FAR);
    net_stage_settle(&two_stage);
    net_expect(&two_pair.near_receive, TROUPE_EDOWN, 0);
    two_part();
}

static void a_crashed_host_does_nothing_any_more(void **state)
{
    (void)state;
    two_meet();
    two_pair.accept.begun++;
    trp_listener_accept(two_pair.listener, net_op_made, &two_pair.accept);
    trp_net_host_down(two_stage.net, FAR);
    assert_false(trp_net_host_is_up(two_stage.net, FAR));
    two_far_receives();
    net_send(&two_stage, &two_pair.far_send, two_pair.far, "x", 1);
    assert_int_equal(trp_listener_listen(two_pair.listener), TROUPE_ECLOSED);
    trp_stream_close(two_pair.far);
    trp_listener_close(two_pair.listener);
    struct trp_streams far = trp_net_streams(two_stage.net, FAR);
    struct trp_dialer *dialer;
    assert_int_equal(trp_dialer_new(&far, "sim://0/a", &dialer), TROUPE_ECLOSED);
    assert_non_null(strstr(troupe_error_text(NULL), "host 1 is down"));
    two_pair.dial.begun++;
    trp_dialer_dial(two_pair.dialer, net_op_made, &two_pair.dial);
    net_stage_settle(&two_stage);
    net_expect(&two_pair.dial, TROUPE_ENOENT, 0);
    net_expect_waiting(&two_pair.far_receive);
    net_expect_waiting(&two_pair.far_send);
    net_expect_waiting(&two_pair.accept);
    two_part();
}

static void a_host_that_is_up_again_has_nothing_of_before(void **state)
{
    (void)state;
    two_open_with((struct trp_net_opts){0});
    long blocks = two_stage.blocks;
    net_pair_meet(&two_stage, &two_pair);
    trp_net_host_down(two_stage.net, FAR);
    trp_net_host_up(two_stage.net, FAR); // frees what the pair has there
    net_stage_settle(&two_stage);
    struct net_op before = two_pair.dial;
    trp_stream_free(two_pair.near);
    trp_dialer_free(two_pair.dialer);
    assert_int_equal(two_stage.blocks, blocks);
    net_pair_meet(&two_stage, &two_pair); // the address is free again
    assert_int_equal(before.done, 1);
    two_near_sends("x");
    two_far_receives();
    net_stage_settle(&two_stage);
    two_expect_text(&two_pair.far_receive, "x");
    two_part();
}

static void a_dialer_that_crashes_leaves_a_reset(void **state)
{
    (void)state;
    two_open_with((struct trp_net_opts){0});
    net_pair_prepare(&two_stage, &two_pair);
    net_stage_advance(&two_stage, 10);
    net_expect(&two_pair.accept, TROUPE_OK, 0);
    two_pair.far = two_pair.accept.stream;
    two_far_receives();
    trp_net_host_down(two_stage.net, NEAR);
    net_stage_settle(&two_stage);
    net_expect(&two_pair.far_receive, TROUPE_EDOWN, 0);
    net_expect_waiting(&two_pair.dial);
    two_part();
}

// ---- The end

static void what_is_under_way_at_the_end_is_closed(void **state)
{
    (void)state;
    two_meet_with((struct trp_net_opts){.buffer = 1});
    two_near_sends("1");
    net_send(&two_stage, &two_pair.near_send, two_pair.near, "2", 1);
    char byte;
    net_receive(&two_stage, &two_pair.near_receive, two_pair.near, &byte, 1);
    two_pair.accept.begun++;
    trp_listener_accept(two_pair.listener, net_op_made, &two_pair.accept);
    two_pair.dial.begun++;
    trp_dialer_dial(two_pair.dialer, net_op_made, &two_pair.dial);
    assert_int_equal(trp_net_free(two_stage.net), 4); // near, far, dialer, listener
    net_expect(&two_pair.near_send, TROUPE_ECLOSED, 0);
    net_expect(&two_pair.near_receive, TROUPE_ECLOSED, 0);
    net_expect(&two_pair.accept, TROUPE_ECLOSED, 0);
    net_expect(&two_pair.dial, TROUPE_ECLOSED, 0);
    assert_int_equal(two_stage.blocks, 0);
}

static void what_a_crashed_host_had_did_not_leak(void **state)
{
    (void)state;
    two_meet();
    trp_net_host_down(two_stage.net, FAR);
    assert_int_equal(trp_net_free(two_stage.net), 2); // near, dialer
    assert_int_equal(two_stage.blocks, 0);
    two_meet();
    trp_net_host_down(two_stage.net, NEAR);
    assert_int_equal(trp_net_free(two_stage.net), 2); // far, listener
    assert_int_equal(two_stage.blocks, 0);
}

static void what_is_begun_on_a_crashed_host_never_ends(void **state)
{
    (void)state;
    two_meet();
    trp_net_host_down(two_stage.net, NEAR);
    trp_net_host_down(two_stage.net, FAR);
    two_pair.dial.begun++;
    trp_dialer_dial(two_pair.dialer, net_op_made, &two_pair.dial);
    trp_dialer_cancel(two_pair.dialer);
    two_pair.accept.begun++;
    trp_listener_accept(two_pair.listener, net_op_made, &two_pair.accept);
    trp_listener_close(two_pair.listener);
    net_stage_settle(&two_stage);
    assert_int_equal(trp_net_free(two_stage.net), 0);
    net_expect_waiting(&two_pair.dial);
    net_expect_waiting(&two_pair.accept);
    assert_int_equal(two_stage.blocks, 0);
}

static void dial_anew(void *user, troupe_status status, size_t size)
{
    net_op_moved(user, status, size);
    struct trp_streams near = trp_net_streams(two_stage.net, NEAR);
    struct trp_dialer *dialer;
    assert_int_equal(trp_dialer_new(&near, "sim://1/a", &dialer), TROUPE_ECLOSED);
    assert_non_null(strstr(troupe_error_text(NULL), "is being freed"));
    assert_null(dialer);
}

static void nothing_is_made_while_it_is_freed(void **state)
{
    (void)state;
    two_meet();
    char byte;
    two_pair.near_receive = (struct net_op){.begun = 1, .stage = &two_stage};
    trp_stream_receive(two_pair.near, &byte, 1, dial_anew, &two_pair.near_receive);
    assert_int_equal(trp_net_free(two_stage.net), 4);
    net_expect(&two_pair.near_receive, TROUPE_ECLOSED, 0);
}

#define TEST(name) cmocka_unit_test(name)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_crash_resets_its_peers),
        TEST(a_mute_crash_is_noticed_when_something_is_sent),
        TEST(a_mute_crash_ends_a_send_that_waits),
        TEST(a_crash_may_lose_what_was_sent),
        TEST(what_was_freed_before_a_crash_is_not_part_of_it),
        TEST(a_listener_that_crashes_takes_those_who_wait_along),
        TEST(a_crashed_host_does_nothing_any_more),
        TEST(a_host_that_is_up_again_has_nothing_of_before),
        TEST(a_dialer_that_crashes_leaves_a_reset),
        TEST(what_is_under_way_at_the_end_is_closed),
        TEST(what_a_crashed_host_had_did_not_leak),
        TEST(what_is_begun_on_a_crashed_host_never_ends),
        TEST(nothing_is_made_while_it_is_freed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
