// See net_stage.h.
#include "tests/support/net_stage.h"

#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>

static void *take(void *user, size_t size, size_t align)
{
    struct net_stage *stage = user;
    if (++stage->allocations == stage->fail)
        return NULL;
    void *block = NULL;
    if (posix_memalign(&block, align < sizeof(void *) ? sizeof(void *) : align, size) != 0)
        return NULL;
    stage->blocks++;
    return block;
}

static void give(void *user, void *block, size_t size)
{
    struct net_stage *stage = user;
    memset(block, 0xdd, size); // whoever still looks at it sees nonsense
    free(block);
    stage->blocks--;
}

static uint32_t choose(void *user, uint32_t kind, uint32_t count)
{
    struct net_stage *stage = user;
    assert_true(kind < TRP_NET_CHOICES);
    assert_true(count > 1);
    stage->asked++;
    uint32_t forced = stage->forced[kind];
    stage->forced[kind] = 0;
    if (forced > 0) {
        assert_true(forced < count);
        return forced;
    }
    return stage->plain ? 0 : trp_random_below(&stage->random, count);
}

// FNV-1a over the bytes of a value.
static void mix(struct net_stage *stage, uint64_t value)
{
    for (int i = 0; i < 8; i++)
        stage->hash = (stage->hash ^ ((value >> (8 * i)) & 0xff)) * UINT64_C(0x100000001b3);
}

static bool is_blocked(const struct net_stage *stage, uint32_t from, uint32_t to)
{
    uint64_t set = stage->chance_partition;
    return stage->parted[from][to] || stage->stalled[from][to] ||
           ((set >> from) & 1) != ((set >> to) & 1);
}

static void note_partition(struct net_stage *stage, const struct trp_net_event *event)
{
    if (event->kind == TRP_NET_CHANCE_PARTITION) {
        assert_true(stage->chance_partition == 0); // one at a time
        assert_in_range(event->value, 1, (1u << stage->hosts) - 2);
        stage->chance_partition = event->value;
        return;
    }
    for (uint32_t from = 0; from < stage->hosts; from++)
        for (uint32_t to = 0; to < stage->hosts; to++)
            if (((event->value >> from) & 1) != ((event->value >> to) & 1))
                stage->parted[from][to] = true;
}

static void note_healed(struct net_stage *stage, const struct trp_net_event *event)
{
    if (event->kind == TRP_NET_CHANCE_HEALED)
        assert_true(stage->chance_partition != 0);
    stage->chance_partition = 0;
    if (event->kind == TRP_NET_CHANCE_HEALED)
        return;
    memset(stage->parted, 0, sizeof stage->parted);
    memset(stage->stalled, 0, sizeof stage->stalled);
}

static void note_stall(struct net_stage *stage, const struct trp_net_event *event)
{
    if (event->value > 0) // by chance, of one stream
        return;
    for (uint32_t from = 0; from < stage->hosts; from++)
        for (uint32_t to = 0; to < stage->hosts; to++)
            if ((event->from == TRP_NET_ALL || event->from == from) &&
                (event->to == TRP_NET_ALL || event->to == to))
                stage->stalled[from][to] = event->kind == TRP_NET_STALL;
}

// What passes from one host to another must not be blocked.
static void check_passage(struct net_stage *stage, const struct trp_net_event *event)
{
    if (event->kind == TRP_NET_PARTITION || event->kind == TRP_NET_CHANCE_PARTITION)
        note_partition(stage, event);
    else if (event->kind == TRP_NET_HEALED || event->kind == TRP_NET_CHANCE_HEALED)
        note_healed(stage, event);
    else if (event->kind == TRP_NET_STALL || event->kind == TRP_NET_UNSTALLED)
        note_stall(stage, event);
    else if (event->kind == TRP_NET_ARRIVED || event->kind == TRP_NET_LOST ||
             event->kind == TRP_NET_RESET || event->kind == TRP_NET_CONNECTED ||
             event->kind == TRP_NET_REFUSED || event->kind == TRP_NET_UNANSWERED)
        assert_false(is_blocked(stage, event->from, event->to));
    else if (event->kind == TRP_NET_DONE_DIAL &&
             (event->status == TROUPE_OK || event->status == TROUPE_ENOENT))
        assert_false(is_blocked(stage, event->to, event->from));
}

static void observe(void *user, const struct trp_net_event *event)
{
    struct net_stage *stage = user;
    assert_true(event->kind < TRP_NET_EVENTS);
    assert_int_equal(event->time, stage->now);
    stage->counts[event->kind]++;
    stage->last[event->kind] = *event;
    check_passage(stage, event);
    mix(stage, event->time);
    mix(stage, (uint64_t)event->kind);
    mix(stage, (uint64_t)event->from << 32 | event->to);
    mix(stage, (uint64_t)event->status);
    mix(stage, event->value);
}

void net_stage_prepare(struct net_stage *stage, uint64_t seed, struct trp_net_opts *opts)
{
    memset(stage, 0, sizeof *stage);
    trp_random_init(&stage->random, seed);
    stage->hash = UINT64_C(0xcbf29ce484222325);
    stage->now = NET_STAGE_START;
    opts->allocator = (troupe_allocator){.alloc = take, .free = give, .user = stage};
    opts->choose = choose;
    opts->observe = observe;
    opts->user = stage;
}

void net_stage_open(struct net_stage *stage, uint64_t seed, struct trp_net_opts opts,
                    uint32_t hosts)
{
    net_stage_prepare(stage, seed, &opts);
    stage->net = trp_net_new(&opts, stage->now);
    assert_non_null(stage->net);
    for (uint32_t i = 0; i < hosts; i++) {
        uint32_t host;
        assert_int_equal(trp_net_host_add(stage->net, &host), TROUPE_OK);
        assert_int_equal(host, i);
    }
    stage->hosts = hosts;
}

void net_stage_close(struct net_stage *stage)
{
    assert_int_equal(trp_net_free(stage->net), 0);
    assert_int_equal(stage->blocks, 0);
}

bool net_stage_step(struct net_stage *stage, uint64_t until)
{
    uint32_t due = trp_net_due(stage->net, stage->now);
    if (due == 0) {
        uint64_t next = trp_net_next(stage->net);
        if (next == TRP_NEVER || next > until) {
            if (until != TRP_NEVER && until > stage->now)
                stage->now = until;
            (void)trp_net_due(stage->net, stage->now);
            return false;
        }
        assert_true(next > stage->now);
        stage->now = next;
        due = trp_net_due(stage->net, stage->now);
        assert_true(due > 0);
    }
    trp_net_run(stage->net, stage->plain ? 0 : trp_random_below(&stage->random, due));
    return true;
}

void net_stage_advance(struct net_stage *stage, uint64_t ms)
{
    uint64_t until = stage->now + ms * NET_STAGE_MS;
    while (net_stage_step(stage, until))
        continue;
}

void net_stage_settle(struct net_stage *stage)
{
    while (net_stage_step(stage, TRP_NEVER))
        continue;
}

// ---- Operations

void net_op_moved(void *user, troupe_status status, size_t size)
{
    struct net_op *op = user;
    op->done++;
    assert_int_equal(op->done, op->begun);
    op->status = status;
    op->size = size;
    op->at = op->stage->now;
}

void net_op_made(void *user, troupe_status status, struct trp_stream *stream)
{
    struct net_op *op = user;
    net_op_moved(user, status, 0);
    op->stream = stream;
    assert_int_equal(status == TROUPE_OK, stream != NULL);
}

static void begin(struct net_stage *stage, struct net_op *op)
{
    assert_int_equal(op->begun, op->done);
    op->begun++;
    op->stage = stage;
}

void net_send(struct net_stage *stage, struct net_op *op, struct trp_stream *stream,
              const void *bytes, size_t size)
{
    const struct trp_piece piece = {bytes, size};
    begin(stage, op);
    trp_stream_send(stream, &piece, 1, net_op_moved, op);
}

void net_receive(struct net_stage *stage, struct net_op *op, struct trp_stream *stream,
                 void *buffer, size_t size)
{
    begin(stage, op);
    trp_stream_receive(stream, buffer, size, net_op_moved, op);
}

void net_expect(const struct net_op *op, troupe_status status, size_t size)
{
    assert_int_equal(op->done, op->begun);
    assert_string_equal(troupe_status_name(op->status), troupe_status_name(status));
    assert_int_equal(op->size, size);
}

void net_expect_waiting(const struct net_op *op)
{
    assert_int_equal(op->done + 1, op->begun);
}

// ---- Pairs

void net_pair_prepare(struct net_stage *stage, struct net_pair *pair)
{
    *pair = (struct net_pair){0};
    struct trp_streams dialing = trp_net_streams(stage->net, 0);
    struct trp_streams listening = trp_net_streams(stage->net, 1);
    assert_int_equal(trp_listener_new(&listening, "sim://1/a", &pair->listener), TROUPE_OK);
    assert_int_equal(trp_listener_listen(pair->listener), TROUPE_OK);
    assert_int_equal(trp_dialer_new(&dialing, "sim://1/a", &pair->dialer), TROUPE_OK);
    begin(stage, &pair->accept);
    trp_listener_accept(pair->listener, net_op_made, &pair->accept);
    begin(stage, &pair->dial);
    trp_dialer_dial(pair->dialer, net_op_made, &pair->dial);
}

void net_pair_meet(struct net_stage *stage, struct net_pair *pair)
{
    net_pair_prepare(stage, pair);
    while (pair->dial.done == 0 || pair->accept.done == 0)
        assert_true(net_stage_step(stage, TRP_NEVER));
    net_expect(&pair->dial, TROUPE_OK, 0);
    net_expect(&pair->accept, TROUPE_OK, 0);
    pair->near = pair->dial.stream;
    pair->far = pair->accept.stream;
}

void net_pair_free(struct net_pair *pair)
{
    if (pair->near)
        trp_stream_free(pair->near);
    if (pair->far)
        trp_stream_free(pair->far);
    if (pair->listener)
        trp_listener_free(pair->listener);
    if (pair->dialer)
        trp_dialer_free(pair->dialer);
}
