// See net_two.h.
#include "tests/support/net_two.h"

#include "tests/support/test.h"

#include <string.h>

const struct trp_net_path two_ten_ms = {.min_us = 10000};

struct net_stage two_stage;
struct net_pair two_pair;
char two_got[100];

void two_open_with(struct trp_net_opts opts)
{
    if (opts.path.min_us == 0)
        opts.path = two_ten_ms;
    net_stage_open(&two_stage, 1, opts, 2);
    two_stage.plain = true;
}

void two_meet_with(struct trp_net_opts opts)
{
    two_open_with(opts);
    net_pair_meet(&two_stage, &two_pair);
    net_stage_settle(&two_stage);
}

void two_meet(void)
{
    two_meet_with((struct trp_net_opts){0});
}

void two_part(void)
{
    net_pair_free(&two_pair);
    net_stage_close(&two_stage);
}

uint64_t two_ms(void)
{
    return (two_stage.now - NET_STAGE_START) / NET_STAGE_MS;
}

void two_near_sends(const char *text)
{
    net_send(&two_stage, &two_pair.near_send, two_pair.near, text, strlen(text));
    net_stage_advance(&two_stage, 0);
    net_expect(&two_pair.near_send, TROUPE_OK, strlen(text));
}

void two_far_receives(void)
{
    memset(two_got, 0, sizeof two_got);
    net_receive(&two_stage, &two_pair.far_receive, two_pair.far, two_got, sizeof two_got - 1);
}

void two_expect_text(const struct net_op *op, const char *text)
{
    net_expect(op, TROUPE_OK, strlen(text));
    assert_string_equal(two_got, text);
}
