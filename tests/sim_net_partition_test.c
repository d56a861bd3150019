// Partitions and stalls of the simulated network (sim/net.h), and its choices.
// Each alone, by hand, on a network where nothing else goes wrong: every choice is 0 unless a test
// says otherwise.
#include "tests/support/net_two.h"
#include "tests/support/test.h"

// ---- Partitions and stalls

static void separate(void)
{
    trp_net_partition(two_stage.net, (const uint32_t[]){FAR}, 1);
}

static void a_partition_holds_bytes_until_it_is_healed(void **state)
{
    (void)state;
    two_meet();
    two_near_sends("before");
    separate();
    two_near_sends(", after");
    net_send(&two_stage, &two_pair.far_send, two_pair.far, "back", 4);
    two_far_receives();
    char back[4];
    net_receive(&two_stage, &two_pair.near_receive, two_pair.near, back, 4);
    net_stage_advance(&two_stage, 100000);
    net_expect_waiting(&two_pair.far_receive);
    net_expect_waiting(&two_pair.near_receive);
    trp_net_heal(two_stage.net);
    net_stage_advance(&two_stage, 0);
    two_expect_text(&two_pair.far_receive, "before, after");
    assert_int_equal(trp_net_next(two_stage.net), TRP_NEVER);
    net_expect(&two_pair.near_receive, TROUPE_OK, 4);
    two_part();
}

static void a_partition_separates_only_the_two_sides(void **state)
{
    (void)state;
    net_stage_open(&two_stage, 1, (struct trp_net_opts){.path = two_ten_ms}, 4);
    trp_net_partition(two_stage.net, (const uint32_t[]){FAR, NEAR}, 2);
    net_pair_meet(&two_stage, &two_pair); // both on one side
    two_part();
    net_stage_open(&two_stage, 1, (struct trp_net_opts){.path = two_ten_ms}, 4);
    trp_net_partition(two_stage.net, (const uint32_t[]){2, FAR}, 2);
    net_pair_prepare(&two_stage, &two_pair);
    net_stage_advance(&two_stage, 100);
    net_expect_waiting(&two_pair.dial);
    net_expect_waiting(&two_pair.accept); // it has not even got there
    trp_net_heal(two_stage.net);
    net_stage_advance(&two_stage, 10);
    net_expect(&two_pair.dial, TROUPE_OK, 0);
    net_expect(&two_pair.accept, TROUPE_OK, 0);
    two_pair.near = two_pair.dial.stream;
    two_pair.far = two_pair.accept.stream;
    two_part();
}

static void who_waits_too_long_gives_up(void **state)
{
    (void)state;
    two_meet_with((struct trp_net_opts){.give_up_us = 500000});
    separate();
    two_near_sends("is lost");
    two_far_receives();
    char byte;
    net_receive(&two_stage, &two_pair.near_receive, two_pair.near, &byte, 1);
    net_stage_advance(&two_stage, 300);
    two_near_sends("as well"); // those before do not wait any longer for that
    net_stage_advance(&two_stage, 209);
    net_expect_waiting(&two_pair.near_receive);
    net_stage_advance(&two_stage, 1);
    net_expect(&two_pair.near_receive, TROUPE_ETIMEDOUT, 0);
    trp_net_heal(two_stage.net);
    trp_stream_close(two_pair.near);
    net_stage_settle(&two_stage);
    net_expect_waiting(&two_pair.far_receive); // it knows nothing
    net_send(&two_stage, &two_pair.far_send, two_pair.far, "x", 1);
    net_stage_settle(&two_stage);
    net_expect(&two_pair.far_send, TROUPE_OK, 1);
    net_expect(&two_pair.far_receive, TROUPE_EDOWN, 0); // but now
    two_part();
}

static void the_first_reason_stays(void **state)
{
    (void)state;
    two_meet_with((struct trp_net_opts){.give_up_us = 500000});
    separate();
    two_near_sends("is lost");
    net_stage_advance(&two_stage, 1000);
    assert_int_equal(trp_net_drop(two_stage.net, NEAR, FAR), 1);
    char byte;
    net_receive(&two_stage, &two_pair.near_receive, two_pair.near, &byte, 1);
    net_send(&two_stage, &two_pair.near_send, two_pair.near, "x", 1);
    net_stage_settle(&two_stage);
    net_expect(&two_pair.near_receive, TROUPE_ETIMEDOUT, 0);
    net_expect(&two_pair.near_send, TROUPE_ETIMEDOUT, 0);
    two_part();
}

static void a_close_that_cannot_pass_is_lost_as_well(void **state)
{
    (void)state;
    two_meet_with((struct trp_net_opts){.give_up_us = 500000});
    separate();
    trp_stream_close(two_pair.near);
    two_far_receives();
    net_stage_advance(&two_stage, 1000);
    trp_net_heal(two_stage.net);
    net_stage_settle(&two_stage);
    net_expect_waiting(&two_pair.far_receive);
    net_send(&two_stage, &two_pair.far_send, two_pair.far, "x", 1);
    net_stage_settle(&two_stage);
    net_expect(&two_pair.far_receive, TROUPE_EDOWN, 0);
    two_part();
}

// Faults by chance come with what arrives, not with what waits.
static void what_waits_meets_no_other_fault(void **state)
{
    (void)state;
    two_meet_with((struct trp_net_opts){.rates.drop = 1, .give_up_us = 500000});
    separate();
    two_near_sends("is lost");
    two_stage.forced[TRP_NET_CHOOSE_DROP] = 1;
    net_stage_advance(&two_stage, 1000);
    assert_int_equal(two_stage.counts[TRP_NET_GAVE_UP], 1);
    assert_int_equal(two_stage.counts[TRP_NET_DROP], 0);
    two_part();
}

static void nobody_gives_up_who_does_not_wait(void **state)
{
    (void)state;
    two_meet_with((struct trp_net_opts){.give_up_us = 500000});
    for (int i = 0; i < 3; i++) {
        separate();
        two_near_sends("x");
        net_stage_advance(&two_stage, 400);
        trp_net_heal(two_stage.net);
        two_far_receives();
        net_stage_advance(&two_stage, 10);
        two_expect_text(&two_pair.far_receive, "x");
    }
    separate();
    net_stage_advance(&two_stage, 5000); // nothing is under way
    trp_net_heal(two_stage.net);
    two_near_sends("y");
    two_far_receives();
    net_stage_settle(&two_stage);
    two_expect_text(&two_pair.far_receive, "y");
    two_part();
}

static void a_stall_holds_one_direction(void **state)
{
    (void)state;
    two_meet();
    trp_net_stall(two_stage.net, NEAR, FAR, true);
    two_near_sends("waits");
    net_send(&two_stage, &two_pair.far_send, two_pair.far, "y", 1);
    two_far_receives();
    char byte;
    net_receive(&two_stage, &two_pair.near_receive, two_pair.near, &byte, 1);
    net_stage_advance(&two_stage, 1000);
    net_expect(&two_pair.near_receive, TROUPE_OK, 1);
    net_expect_waiting(&two_pair.far_receive);
    trp_net_stall(two_stage.net, NEAR, FAR, false);
    net_stage_advance(&two_stage, 0);
    two_expect_text(&two_pair.far_receive, "waits");
    two_part();
}

// A fault that has a rate comes with the next arrival; what it is like is chosen.
static void stall_next(uint32_t us)
{
    two_stage.forced[TRP_NET_CHOOSE_STALL] = 1;
    two_stage.forced[TRP_NET_CHOOSE_FAULT_US] = us - 1;
}

static void separate_next(uint32_t us)
{
    two_stage.forced[TRP_NET_CHOOSE_PARTITION] = 1;
    two_stage.forced[TRP_NET_CHOOSE_SIDE] = 1; // of the first host
    two_stage.forced[TRP_NET_CHOOSE_FAULT_US] = us - 1;
}

static void meet_with_faults_by_chance(void)
{
    two_meet_with((struct trp_net_opts){.rates = {.stall = 1, .partition = 1}});
}

static void faults_by_chance_end_by_themselves(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        meet_with_faults_by_chance();
        two_near_sends("x");
        two_far_receives();
        if (i == 0)
            stall_next(5000);
        else
            separate_next(5000);
        net_stage_advance(&two_stage, 14);
        net_expect_waiting(&two_pair.far_receive);
        net_stage_advance(&two_stage, 1);
        two_expect_text(&two_pair.far_receive, "x");
        assert_int_equal(two_stage.counts[TRP_NET_STALL], i == 0);
        assert_int_equal(two_stage.counts[TRP_NET_CHANCE_PARTITION], i);
        assert_int_equal(two_stage.counts[TRP_NET_CHANCE_HEALED], i);
        two_part();
    }
}

static void a_heal_ends_what_came_by_chance(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        meet_with_faults_by_chance();
        two_near_sends("x");
        two_far_receives();
        if (i == 0)
            stall_next(50000);
        else
            separate_next(50000);
        net_stage_advance(&two_stage, 20);
        net_expect_waiting(&two_pair.far_receive);
        trp_net_heal(two_stage.net);
        assert_int_equal(trp_net_next(two_stage.net), two_stage.now);
        net_stage_advance(&two_stage, 0);
        two_expect_text(&two_pair.far_receive, "x");
        net_stage_settle(&two_stage);
        assert_int_equal(two_stage.counts[TRP_NET_CHANCE_HEALED], 0);
        two_part();
    }
}

static void a_partition_by_chance_leaves_the_others_alone(void **state)
{
    (void)state;
    meet_with_faults_by_chance();
    two_near_sends("x");
    two_far_receives();
    separate_next(50000);
    net_stage_advance(&two_stage, 10);
    separate();
    net_stage_settle(&two_stage);
    assert_int_equal(two_stage.counts[TRP_NET_CHANCE_HEALED], 1);
    net_expect_waiting(&two_pair.far_receive);
    trp_net_heal(two_stage.net);
    net_stage_settle(&two_stage);
    two_expect_text(&two_pair.far_receive, "x");
    two_part();
}

static void a_partition_by_chance_stops_dials(void **state)
{
    (void)state;
    two_open_with((struct trp_net_opts){.rates.partition = 1});
    separate_next(50000);
    net_pair_prepare(&two_stage, &two_pair);
    net_stage_advance(&two_stage, 59);
    net_expect_waiting(&two_pair.accept);
    net_stage_advance(&two_stage, 1);
    net_expect(&two_pair.accept, TROUPE_OK, 0);
    separate_next(50000); // the network may be freed amid one
    net_send(&two_stage, &two_pair.far_send, two_pair.accept.stream, "x", 1);
    net_stage_advance(&two_stage, 10);
    assert_int_equal(two_stage.counts[TRP_NET_CHANCE_PARTITION], 2);
    net_expect(&two_pair.dial, TROUPE_OK, 0);
    two_pair.near = two_pair.dial.stream;
    two_pair.far = two_pair.accept.stream;
    two_part();
}

// A partition needs two sides, and is one at a time.
static void what_separates_nobody_is_no_partition(void **state)
{
    (void)state;
    meet_with_faults_by_chance();
    two_near_sends("x");
    two_far_receives();
    two_stage.forced[TRP_NET_CHOOSE_PARTITION] = 1; // and both hosts on one side
    net_stage_settle(&two_stage);
    two_expect_text(&two_pair.far_receive, "x");
    assert_int_equal(two_stage.counts[TRP_NET_CHANCE_PARTITION], 0);
    two_part();
}

// ---- Choices

static void nothing_goes_wrong_where_every_choice_is_0(void **state)
{
    (void)state;
    const uint32_t always = TRP_NET_MILLION;
    two_meet_with((struct trp_net_opts){
        .path = {.min_us = 1000, .spread_us = 1000, .tail_us = 1000, .tail_rate = always},
        .rates = {always, always, always, always, always, always, always, always, always, always,
                  always},
        .fault_us = 1000});
    assert_int_equal(two_ms(), 2); // there and back
    two_near_sends("all of it");
    two_far_receives();
    net_stage_advance(&two_stage, 1);
    two_expect_text(&two_pair.far_receive, "all of it");
    trp_stream_close(two_pair.near);
    two_far_receives();
    net_stage_advance(&two_stage, 1);
    net_expect(&two_pair.far_receive, TROUPE_EDOWN, 0);
    assert_true(two_stage.asked > 10);
    two_part();
}

static void a_network_without_rates_asks_nothing(void **state)
{
    (void)state;
    two_meet();
    two_near_sends("x");
    two_far_receives();
    net_stage_settle(&two_stage);
    two_expect_text(&two_pair.far_receive, "x");
    two_part();
    assert_int_equal(two_stage.asked, 0);
}

// What is due comes in the order in which it was planned, unless it is chosen otherwise.
static void what_is_due_is_in_order(void **state)
{
    (void)state;
    two_meet();
    two_far_receives();
    two_near_sends("x");
    net_stage_advance(&two_stage, 9);
    assert_int_equal(trp_net_next(two_stage.net), two_stage.now + NET_STAGE_MS);
    assert_int_equal(trp_net_due(two_stage.net, two_stage.now), 0);
    two_stage.now += 2 * NET_STAGE_MS; // somebody comes late
    assert_int_equal(trp_net_due(two_stage.net, two_stage.now), 1);
    net_send(&two_stage, &two_pair.near_send, two_pair.near, "y", 1);
    assert_int_equal(trp_net_due(two_stage.net, two_stage.now), 2);
    assert_int_equal(trp_net_next(two_stage.net), two_stage.now - NET_STAGE_MS);
    trp_net_run(two_stage.net, 1);
    net_expect(&two_pair.near_send, TROUPE_OK, 1);
    net_expect_waiting(&two_pair.far_receive);
    assert_int_equal(trp_net_due(two_stage.net, two_stage.now), 1);
    trp_net_run(two_stage.net, 0);
    assert_int_equal(trp_net_due(two_stage.net, two_stage.now), 1);
    trp_net_run(two_stage.net, 0);
    two_expect_text(&two_pair.far_receive, "x");
    net_stage_settle(&two_stage);
    assert_int_equal(trp_net_next(two_stage.net), TRP_NEVER);
    two_part();
}

#define TEST(name) cmocka_unit_test(name)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_partition_holds_bytes_until_it_is_healed),
        TEST(a_partition_separates_only_the_two_sides),
        TEST(who_waits_too_long_gives_up),
        TEST(the_first_reason_stays),
        TEST(a_close_that_cannot_pass_is_lost_as_well),
        TEST(what_waits_meets_no_other_fault),
        TEST(nobody_gives_up_who_does_not_wait),
        TEST(a_stall_holds_one_direction),
        TEST(faults_by_chance_end_by_themselves),
        TEST(a_heal_ends_what_came_by_chance),
        TEST(a_partition_by_chance_leaves_the_others_alone),
        TEST(a_partition_by_chance_stops_dials),
        TEST(what_separates_nobody_is_no_partition),
        TEST(nothing_goes_wrong_where_every_choice_is_0),
        TEST(a_network_without_rates_asks_nothing),
        TEST(what_is_due_is_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
