// How bytes travel on the simulated network (sim/net.h): delays, cuts, slow readers.
// Each alone, by hand, on a network where nothing else goes wrong: every choice is 0 unless a test
// says otherwise.
#include "tests/support/net_two.h"
#include "tests/support/test.h"

#include <string.h>

// ---- Delays

static void bytes_take_the_delay_of_their_path(void **state)
{
    (void)state;
    two_meet();
    assert_int_equal(two_ms(), 20); // there and back
    two_near_sends("ab");
    net_stage_advance(&two_stage, 5);
    two_near_sends("c");
    two_far_receives();
    net_stage_advance(&two_stage, 4);
    net_expect_waiting(&two_pair.far_receive);
    net_stage_advance(&two_stage, 1);
    two_expect_text(&two_pair.far_receive, "ab");
    two_far_receives();
    net_stage_advance(&two_stage, 4);
    net_expect_waiting(&two_pair.far_receive);
    net_stage_advance(&two_stage, 1);
    two_expect_text(&two_pair.far_receive, "c");
    two_part();
}

static void each_direction_has_a_path_of_its_own(void **state)
{
    (void)state;
    two_meet();
    const struct trp_net_path slow = {.min_us = 50000};
    trp_net_set_path(two_stage.net, FAR, NEAR, &slow);
    two_near_sends("x");
    two_far_receives();
    net_send(&two_stage, &two_pair.far_send, two_pair.far, "y", 1);
    char byte = 0;
    net_receive(&two_stage, &two_pair.near_receive, two_pair.near, &byte, 1);
    uint64_t start = two_ms();
    net_stage_settle(&two_stage);
    assert_int_equal(two_pair.far_receive.at, NET_STAGE_START + (start + 10) * NET_STAGE_MS);
    assert_int_equal(two_pair.near_receive.at, NET_STAGE_START + (start + 50) * NET_STAGE_MS);
    two_part();
}

static void what_is_sent_later_does_not_overtake(void **state)
{
    (void)state;
    two_meet();
    two_near_sends("slow");
    const struct trp_net_path fast = {.min_us = 1000};
    trp_net_set_path(two_stage.net, TRP_NET_ALL, TRP_NET_ALL, &fast);
    two_near_sends("fast");
    two_far_receives();
    net_stage_advance(&two_stage, 9);
    net_expect_waiting(&two_pair.far_receive);
    net_stage_advance(&two_stage, 1);
    two_expect_text(&two_pair.far_receive, "slowfast");
    two_part();
}

static void a_narrow_path_takes_time_for_each_byte(void **state)
{
    (void)state;
    two_meet_with((struct trp_net_opts){.path = {.min_us = 10000, .bytes_per_ms = 2}});
    two_near_sends("123456");
    two_near_sends("78");
    two_far_receives();
    net_stage_advance(&two_stage, 12);
    net_expect_waiting(&two_pair.far_receive);
    net_stage_advance(&two_stage, 1); // 6 / 2 + 10
    two_expect_text(&two_pair.far_receive, "123456");
    two_far_receives();
    net_stage_advance(&two_stage, 1);
    two_expect_text(&two_pair.far_receive, "78");
    two_part();
}

static void delays_are_spread_with_a_tail(void **state)
{
    (void)state;
    unsigned least = 0, spread = 0, tail = 0;
    for (uint64_t seed = 0; seed < 300; seed++) {
        net_stage_open(
            &two_stage, seed,
            (struct trp_net_opts){
                .path = {.min_us = 1000, .spread_us = 2, .tail_us = 5000, .tail_rate = 100000}},
            2);
        net_pair_meet(&two_stage, &two_pair);
        uint64_t start = two_stage.now;
        two_near_sends("x");
        two_far_receives();
        net_stage_settle(&two_stage);
        uint64_t us = (two_pair.far_receive.at - start) / 1000;
        assert_in_range(us, 1000, 1001 + 5000);
        least += us == 1000;
        spread += us == 1001;
        tail += us > 1001;
        two_part();
    }
    assert_in_range(tail, 10, 60); // 30 expected
    assert_in_range(least, 80, 190);
    assert_in_range(spread, 80, 190);
}

// More sends than a pipe tells apart are under way: none comes too early.
static void each_of_many_sends_takes_its_delay(void **state)
{
    (void)state;

    enum { SENDS = 40 };

    two_meet();
    uint64_t start = two_stage.now;
    for (uint32_t i = 0; i < SENDS; i++) {
        // In the end it goes faster again.
        const struct trp_net_path path = {.min_us = i < SENDS - 1 ? 10000 + i : 1};
        trp_net_set_path(two_stage.net, NEAR, FAR, &path);
        two_near_sends("x");
    }
    for (uint32_t received = 0; received < SENDS;) {
        two_far_receives();
        while (two_pair.far_receive.done < two_pair.far_receive.begun)
            assert_true(net_stage_step(&two_stage, TRP_NEVER));
        received += (uint32_t)two_pair.far_receive.size;
        uint32_t last = received < SENDS ? received - 1 : SENDS - 2;
        assert_true(two_stage.now >= start + (10000 + last) * UINT64_C(1000));
        assert_true(two_stage.now <= start + (10000 + SENDS) * UINT64_C(1000));
    }
    two_part();
}

static void a_path_for_all_is_for_hosts_to_come_as_well(void **state)
{
    (void)state;
    two_meet();
    const struct trp_net_path path = {.min_us = 3000};
    trp_net_set_path(two_stage.net, TRP_NET_ALL, TRP_NET_ALL, &path);
    uint32_t host;
    assert_int_equal(trp_net_host_add(two_stage.net, &host), TROUPE_OK);
    two_stage.hosts++;
    struct trp_streams streams = trp_net_streams(two_stage.net, host);
    trp_dialer_free(two_pair.dialer);
    assert_int_equal(trp_dialer_new(&streams, "sim://1/b", &two_pair.dialer), TROUPE_OK);
    uint64_t start = two_stage.now;
    two_pair.dial.begun++;
    trp_dialer_dial(two_pair.dialer, net_op_made, &two_pair.dial);
    net_stage_settle(&two_stage);
    net_expect(&two_pair.dial, TROUPE_ENOENT, 0);
    assert_int_equal(two_pair.dial.at - start, 6 * NET_STAGE_MS);
    two_part();
}

// ---- Cuts

static void a_write_is_cut_at_every_byte(void **state)
{
    (void)state;
    uint32_t seen = 0; // bit n: n bytes came first
    for (uint64_t seed = 0; seed < 300; seed++) {
        net_stage_open(&two_stage, seed,
                       (struct trp_net_opts){.path = two_ten_ms, .rates.cut = 700000}, 2);
        net_pair_meet(&two_stage, &two_pair);
        two_near_sends("12345678");
        size_t received = 0;
        uint64_t before = 0;
        for (int piece = 0; received < 8; piece++) {
            two_far_receives();
            while (two_pair.far_receive.done < two_pair.far_receive.begun)
                assert_true(net_stage_step(&two_stage, TRP_NEVER));
            if (before > 0) // the rest is delayed once more
                assert_int_equal(two_pair.far_receive.at - before, 10 * NET_STAGE_MS);
            before = two_pair.far_receive.at;
            net_expect(&two_pair.far_receive, TROUPE_OK, two_pair.far_receive.size);
            assert_memory_equal(two_got, &"12345678"[received], two_pair.far_receive.size);
            received += two_pair.far_receive.size;
            if (piece == 0)
                seen |= UINT32_C(1) << received;
        }
        two_part();
    }
    assert_int_equal(seen, 0x1fe); // 1..8
}

static void a_send_may_take_less(void **state)
{
    (void)state;
    uint32_t seen = 0;
    for (uint64_t seed = 0; seed < 200; seed++) {
        net_stage_open(&two_stage, seed, (struct trp_net_opts){.rates.short_send = 700000}, 2);
        net_pair_meet(&two_stage, &two_pair);
        net_send(&two_stage, &two_pair.near_send, two_pair.near, "1234", 4);
        net_stage_settle(&two_stage);
        assert_in_range(two_pair.near_send.size, 1, 4);
        seen |= UINT32_C(1) << two_pair.near_send.size;
        two_part();
    }
    assert_int_equal(seen, 0x1e);
}

// ---- Readers

static void a_send_waits_until_there_is_room(void **state)
{
    (void)state;
    two_meet_with((struct trp_net_opts){.buffer = 4});
    net_send(&two_stage, &two_pair.near_send, two_pair.near, "123456", 6);
    net_stage_settle(&two_stage);
    net_expect(&two_pair.near_send, TROUPE_OK, 4);
    net_send(&two_stage, &two_pair.near_send, two_pair.near, "56", 2);
    net_stage_advance(&two_stage, 100000);
    net_expect_waiting(&two_pair.near_send);
    net_receive(&two_stage, &two_pair.far_receive, two_pair.far, two_got, 1);
    net_stage_advance(&two_stage, 0);
    net_expect(&two_pair.near_send, TROUPE_OK, 1);
    two_part();
}

static void a_slow_reader_takes_so_many_bytes_per_ms(void **state)
{
    (void)state;
    two_meet();
    trp_net_slow(two_stage.net, NEAR, FAR, 2);
    two_near_sends("12345");
    net_stage_advance(&two_stage, 10);
    two_far_receives();
    net_stage_advance(&two_stage, 0);
    two_expect_text(&two_pair.far_receive, "12");
    two_far_receives();
    net_stage_advance(&two_stage, 0);
    net_expect_waiting(&two_pair.far_receive);
    net_stage_advance(&two_stage, 1);
    two_expect_text(&two_pair.far_receive, "34");
    two_far_receives();
    trp_net_slow(two_stage.net, NEAR, FAR, 0);
    net_stage_advance(&two_stage, 0);
    two_expect_text(&two_pair.far_receive, "5");
    two_part();
}

static void a_reader_may_become_slow(void **state)
{
    (void)state;
    static uint8_t bytes[1000], in[1000];
    two_meet_with((struct trp_net_opts){.rates.slow = TRP_NET_MILLION});
    two_stage.plain = false;
    net_send(&two_stage, &two_pair.near_send, two_pair.near, bytes, sizeof bytes);
    net_stage_advance(&two_stage, 10);
    uint64_t value = two_stage.last[TRP_NET_SLOW].value;
    assert_in_range(value, 1, 256);
    net_receive(&two_stage, &two_pair.far_receive, two_pair.far, in, sizeof in);
    net_stage_advance(&two_stage, 0);
    net_expect(&two_pair.far_receive, TROUPE_OK, value);
    net_receive(&two_stage, &two_pair.far_receive, two_pair.far, in, sizeof in);
    net_stage_advance(&two_stage, 0);
    net_expect_waiting(&two_pair.far_receive);
    net_stage_advance(&two_stage, 1);
    net_expect(&two_pair.far_receive, TROUPE_OK, value);
    net_stage_advance(&two_stage, 1000); // it ends by itself
    net_receive(&two_stage, &two_pair.far_receive, two_pair.far, in, sizeof in);
    net_stage_advance(&two_stage, 0);
    net_expect(&two_pair.far_receive, TROUPE_OK, sizeof bytes - 2 * value);
    two_part();
}

#define TEST(name) cmocka_unit_test(name)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(bytes_take_the_delay_of_their_path),
        TEST(each_direction_has_a_path_of_its_own),
        TEST(what_is_sent_later_does_not_overtake),
        TEST(a_narrow_path_takes_time_for_each_byte),
        TEST(delays_are_spread_with_a_tail),
        TEST(each_of_many_sends_takes_its_delay),
        TEST(a_path_for_all_is_for_hosts_to_come_as_well),
        TEST(a_write_is_cut_at_every_byte),
        TEST(a_send_may_take_less),
        TEST(a_send_waits_until_there_is_room),
        TEST(a_slow_reader_takes_so_many_bytes_per_ms),
        TEST(a_reader_may_become_slow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
