// The simulated network without memory: each allocation fails once. Who needed it is told, nothing
// else has changed, and when it is tried again it succeeds. All memory comes back.
#include "tests/support/net_stage.h"
#include "tests/support/test.h"
#include "troupe/actor.h"

#include <string.h>

#define HOSTS 9 // more than the first arrays hold, twice

static struct net_stage stage;

static bool has_failed(void)
{
    return stage.fail != 0 && stage.allocations >= stage.fail;
}

// True: it must be tried again, which succeeds.
static bool refused(troupe_status status)
{
    if (status == TROUPE_OK)
        return false;
    assert_int_equal(status, TROUPE_ENOMEM);
    assert_true(has_failed());
    return true;
}

static void add_hosts(void)
{
    for (uint32_t i = 0; i < HOSTS; i++) {
        const struct trp_net_path path = {.min_us = 1000 + i};
        uint32_t host;
        if (refused(trp_net_host_add(stage.net, &host)))
            assert_int_equal(trp_net_host_add(stage.net, &host), TROUPE_OK);
        assert_int_equal(host, i);
        trp_net_set_path(stage.net, i, 0, &path); // must be kept when arrays grow
        trp_net_set_path(stage.net, 0, i, &path);
    }
}

static void make(const char *address, struct trp_listener **listener, struct trp_dialer **dialer)
{
    struct trp_streams near = trp_net_streams(stage.net, 3), far = trp_net_streams(stage.net, 0);
    if (refused(trp_listener_new(&far, address, listener))) {
        assert_null(*listener);
        assert_non_null(strstr(troupe_error_text(NULL), address));
        assert_int_equal(trp_listener_new(&far, address, listener), TROUPE_OK);
    }
    assert_int_equal(trp_listener_listen(*listener), TROUPE_OK);
    if (refused(trp_dialer_new(&near, address, dialer))) {
        assert_null(*dialer);
        assert_non_null(strstr(troupe_error_text(NULL), address));
        assert_int_equal(trp_dialer_new(&near, address, dialer), TROUPE_OK);
    }
}

static void talk(void)
{
    struct trp_listener *listener;
    struct trp_dialer *dialer;
    make("sim://0/a", &listener, &dialer);
    struct net_op accept = {.begun = 1, .stage = &stage}, dial = accept, send = {0}, receive = {0};
    trp_listener_accept(listener, net_op_made, &accept);
    uint64_t start = stage.now;
    trp_dialer_dial(dialer, net_op_made, &dial);
    net_stage_settle(&stage);
    if (refused(dial.status)) {
        net_expect_waiting(&accept);
        assert_int_equal(dial.at - start, 1003000); // the dialer has not got the memory
        dial.begun++;
        start = stage.now;
        trp_dialer_dial(dialer, net_op_made, &dial);
        net_stage_settle(&stage);
    }
    net_expect(&dial, TROUPE_OK, 0);
    net_expect(&accept, TROUPE_OK, 0);
    assert_int_equal(accept.at - start, 1003000); // of the path from host 3 to host 0
    long allocations = stage.allocations;
    char got[4];
    net_send(&stage, &send, dial.stream, "abcd", 4);
    net_receive(&stage, &receive, accept.stream, got, 4);
    trp_net_partition(stage.net, (const uint32_t[]){3}, 1);
    trp_net_heal(stage.net);
    net_stage_settle(&stage);
    net_expect(&send, TROUPE_OK, 4);
    net_expect(&receive, TROUPE_OK, 4);
    assert_memory_equal(got, "abcd", 4);
    trp_net_host_down(stage.net, 3);
    trp_net_host_up(stage.net, 3);
    net_stage_settle(&stage);
    assert_int_equal(stage.allocations, allocations); // none of this needs memory
    trp_stream_free(accept.stream);
    trp_listener_free(listener);
}

// Returns whether there was an allocation to fail.
static bool survive(long fail)
{
    struct trp_net_opts opts = {0};
    net_stage_prepare(&stage, (uint64_t)fail, &opts);
    stage.fail = fail;
    stage.net = trp_net_new(&opts, stage.now);
    if (stage.net == NULL) {
        assert_true(has_failed());
        stage.net = trp_net_new(&opts, stage.now);
        assert_non_null(stage.net);
    }
    add_hosts();
    talk();
    net_stage_close(&stage);
    return has_failed();
}

static void each_allocation_may_fail(void **state)
{
    (void)state;
    long n = 1;
    while (survive(n))
        n++;
    print_message("%ld allocations\n", n - 1);
    assert_true(n > 1 + HOSTS + 9 + 3); // network, hosts, arrays, dialer, listener, connection
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_allocation_may_fail)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
