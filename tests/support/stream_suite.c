// See stream_suite.h.
#include "tests/support/stream_suite.h"

#include "tests/support/stream_tale.h"
#include "tests/support/test.h"
#include "troupe/actor.h"

#include <string.h>

// ---- Bytes

static uint8_t byte_at(uint64_t position, uint8_t salt)
{
    return (uint8_t)((position * 31 + (position >> 8) * 7) ^ salt);
}

#define BURST 700

// One direction of a talk.
struct flow {
    struct tale_op *send, *receive;
    struct trp_stream *from, *to;
    uint8_t salt;
    uint64_t total, sent, received;
    uint8_t out[BURST], in[BURST];
    size_t sending, receiving; // how many were offered, are wanted
};

static void offer(struct tale *tale, struct flow *flow)
{
    uint64_t left = flow->total - flow->sent;
    flow->sending = 1 + tale_below(tale, BURST);
    if (flow->sending > left)
        flow->sending = (size_t)left;
    for (size_t i = 0; i < flow->sending; i++)
        flow->out[i] = byte_at(flow->sent + i, flow->salt);
    struct trp_piece pieces[TRP_STREAM_PIECES];
    size_t at = 0, count = 1 + tale_below(tale, TRP_STREAM_PIECES);
    for (size_t i = 0; i < count; i++) {
        size_t rest = flow->sending - at;
        size_t size =
            i + 1 == count ? rest : tale_below(tale, (uint32_t)rest + 1); // some are empty
        pieces[i] = (struct trp_piece){flow->out + at, size};
        at += size;
    }
    tale_send_pieces(flow->send, flow->from, pieces, count);
}

static void take_sent(struct flow *flow)
{
    if (flow->sending == 0 || tale_is_under_way(flow->send))
        return;
    assert_int_equal(tale_outcome(flow->send), TROUPE_OK);
    assert_in_range(flow->send->size, 1, flow->sending);
    flow->sent += flow->send->size;
    flow->sending = 0;
}

static void take_received(struct flow *flow)
{
    if (flow->receiving == 0 || tale_is_under_way(flow->receive))
        return;
    assert_int_equal(tale_outcome(flow->receive), TROUPE_OK);
    assert_in_range(flow->receive->size, 1, flow->receiving);
    for (size_t i = 0; i < flow->receive->size; i++)
        assert_int_equal(flow->in[i], byte_at(flow->received + i, flow->salt));
    flow->received += flow->receive->size;
    flow->receiving = 0;
    assert_true(flow->received <= flow->total);
}

static void go_on(struct tale *tale, struct flow *flow)
{
    take_sent(flow);
    if (flow->sending == 0 && flow->sent < flow->total && tale_below(tale, 4) > 0)
        offer(tale, flow);
    take_received(flow);
    if (flow->receiving == 0 && flow->received < flow->total && tale_below(tale, 4) > 0) {
        flow->receiving = 1 + tale_below(tale, tale_below(tale, 4) ? BURST : 2);
        tale_receive(flow->receive, flow->to, flow->in, flow->receiving);
    }
}

static bool is_over(const struct flow *flow)
{
    return flow->received == flow->total && flow->sent == flow->total;
}

static void bytes_arrive_in_order_and_unchanged(struct tale *tale)
{
    tale_connect(tale);
    struct flow there = {.send = &tale->near_send,
                         .receive = &tale->far_receive,
                         .from = tale->near,
                         .to = tale->far,
                         .salt = 0x11,
                         .total = 1 + tale_below(tale, 4000)};
    struct flow back = {.send = &tale->far_send,
                        .receive = &tale->near_receive,
                        .from = tale->far,
                        .to = tale->near,
                        .salt = 0xe7,
                        .total = 1 + tale_below(tale, 4000)};
    while (!is_over(&there) || !is_over(&back)) {
        go_on(tale, &there);
        go_on(tale, &back);
        bool waiting = tale_is_under_way(there.send) || tale_is_under_way(there.receive) ||
                       tale_is_under_way(back.send) || tale_is_under_way(back.receive);
        if (waiting)
            tale->kind->progress(tale->world); // it may wait for what is not begun yet
    }
}

static void what_was_sent_before_a_close_arrives(struct tale *tale)
{
    tale_connect(tale);
    uint8_t bytes[3] = {1, 2, 3}, got[3];
    size_t sent = 0, received = 0;
    while (sent < sizeof bytes) {
        tale_send(&tale->near_send, tale->near, bytes + sent, sizeof bytes - sent);
        // It may have to wait for a reader of what is there.
        while (tale_is_under_way(&tale->near_send))
            if (!tale_is_under_way(&tale->far_receive) && received < sent) {
                tale_receive(&tale->far_receive, tale->far, got + received, sizeof got - received);
                assert_int_equal(tale_outcome(&tale->far_receive), TROUPE_OK);
                received += tale->far_receive.size;
            } else {
                assert_true(tale->kind->progress(tale->world));
            }
        assert_int_equal(tale_outcome(&tale->near_send), TROUPE_OK);
        sent += tale->near_send.size;
    }
    tale_close(tale->near);
    while (received < sizeof got) {
        tale_receive(&tale->far_receive, tale->far, got + received, sizeof got - received);
        assert_int_equal(tale_outcome(&tale->far_receive), TROUPE_OK);
        received += tale->far_receive.size;
    }
    assert_memory_equal(got, bytes, sizeof got);
    for (int i = 0; i < 2; i++) { // again and again
        tale_receive(&tale->far_receive, tale->far, got, sizeof got);
        assert_int_equal(tale_outcome(&tale->far_receive), TROUPE_EDOWN);
    }
}

static void sends_wait_while_nobody_receives(struct tale *tale)
{
    uint64_t most = tale->kind->holds(tale->world);
    if (most == 0)
        return;
    tale_connect(tale);
    static uint8_t bytes[70000], got[70000];
    uint64_t sent = 0, received = 0;
    for (;;) {
        tale_send(&tale->near_send, tale->near, bytes, sizeof bytes);
        while (tale_is_under_way(&tale->near_send) && tale->kind->progress(tale->world))
            continue;
        if (tale_is_under_way(&tale->near_send))
            break;
        assert_int_equal(tale_outcome(&tale->near_send), TROUPE_OK);
        sent += tale->near_send.size;
        assert_true(sent <= most);
    }
    while (tale_is_under_way(&tale->near_send) || received < sent) {
        tale_receive(&tale->far_receive, tale->far, got, sizeof got);
        assert_int_equal(tale_outcome(&tale->far_receive), TROUPE_OK);
        received += tale->far_receive.size;
        if (!tale_is_under_way(&tale->near_send))
            break;
    }
    assert_int_equal(tale_outcome(&tale->near_send), TROUPE_OK);
}

// Sends until a send has to wait. False: nobody knows how much that takes.
static bool fill(struct tale *tale)
{
    static const uint8_t bytes[70000];
    if (tale->kind->holds(tale->world) == 0)
        return false;
    do {
        tale_send(&tale->near_send, tale->near, bytes, sizeof bytes);
        while (tale_is_under_way(&tale->near_send) && tale->kind->progress(tale->world))
            continue;
    } while (!tale_is_under_way(&tale->near_send));
    return true;
}

// ---- Closing

static void a_close_ends_a_send_that_waits(struct tale *tale)
{
    tale_connect(tale);
    if (!fill(tale))
        return;
    tale_close(tale->near);
    assert_int_equal(tale_outcome(&tale->near_send), TROUPE_ECLOSED);
}

static void a_peer_that_closes_ends_a_send_that_waits(struct tale *tale)
{
    static const uint8_t bytes[4000];
    tale_connect(tale);
    if (!fill(tale))
        return;
    tale_close(tale->far);
    while (tale_outcome(&tale->near_send) == TROUPE_OK)
        tale_send(&tale->near_send, tale->near, bytes, sizeof bytes);
    assert_int_equal(tale->near_send.status, TROUPE_EDOWN);
}

static void a_close_ends_what_is_under_way(struct tale *tale)
{
    tale_connect(tale);
    uint8_t byte;
    tale_receive(&tale->near_receive, tale->near, &byte, 1);
    tale_receive(&tale->far_receive, tale->far, &byte, 1);
    for (uint32_t i = tale_below(tale, 4); i > 0; i--)
        tale->kind->progress(tale->world);
    tale_close(tale->near);
    tale_close(tale->near);
    assert_int_equal(tale_outcome(&tale->near_receive), TROUPE_ECLOSED);
    assert_int_equal(tale_outcome(&tale->far_receive), TROUPE_EDOWN);
    tale_receive(&tale->near_receive, tale->near, &byte, 1);
    tale_send(&tale->near_send, tale->near, "x", 1);
    assert_int_equal(tale_outcome(&tale->near_receive), TROUPE_ECLOSED);
    assert_int_equal(tale_outcome(&tale->near_send), TROUPE_ECLOSED);
}

static void a_close_is_no_news_for_who_sends_only_at_first(struct tale *tale)
{
    tale_connect(tale);
    tale_close(tale->far);
    // What is sent may still be taken for a while, but not for ever.
    static const uint8_t bytes[4000];
    do
        tale_send(&tale->near_send, tale->near, bytes, sizeof bytes);
    while (tale_outcome(&tale->near_send) == TROUPE_OK);
    assert_int_equal(tale->near_send.status, TROUPE_EDOWN);
}

struct leaver {
    struct tale_op op;
    struct trp_stream *stream;
};

static void leave(void *user, troupe_status status, size_t size)
{
    struct leaver *leaver = user;
    trp_stream_close(leaver->stream);
    trp_stream_free(leaver->stream);
    tale_note(&leaver->op, status, size, NULL);
}

static void a_completion_may_free_its_stream(struct tale *tale)
{
    tale_connect(tale);
    uint8_t byte;
    struct leaver leaver = {.op.tale = tale, .stream = tale->far};
    tale_begin(&leaver.op);
    trp_stream_receive(tale->far, &byte, 1, leave, &leaver);
    tale_calls(false);
    tale->far = NULL;
    tale_send(&tale->near_send, tale->near, "x", 1);
    assert_int_equal(tale_outcome(&tale->near_send), TROUPE_OK);
    assert_int_equal(tale_outcome(&leaver.op), TROUPE_OK);
    assert_int_equal(byte, 'x');
    tale_receive(&tale->near_receive, tale->near, &byte, 1);
    assert_int_equal(tale_outcome(&tale->near_receive), TROUPE_EDOWN);
}

static void the_peer_has_an_address(struct tale *tale)
{
    tale_connect(tale);
    struct trp_stream_peer peer;
    memset(&peer, 0xff, sizeof peer);
    trp_stream_peer(tale->near, &peer);
    assert_in_range(strnlen(peer.address, sizeof peer.address), 1, sizeof peer.address - 1);
    assert_string_equal(peer.name, "");
    trp_stream_peer(tale->far, &peer);
    assert_in_range(strnlen(peer.address, sizeof peer.address), 0, sizeof peer.address - 1);
    assert_true(peer.uid >= TRP_STREAM_NO_UID);
}

// ---- Dialing and listening

static void a_dial_to_nobody_is_refused_and_may_be_tried_again(struct tale *tale)
{
    tale_make_dialer(tale);
    for (int i = 0; i < 2; i++) {
        tale_dial(tale);
        assert_int_equal(tale_outcome(&tale->dial), TROUPE_ENOENT);
    }
    tale_listen(tale);
    tale_meet(tale);
}

static void a_dialer_makes_as_many_streams_as_it_dials(struct tale *tale)
{
    tale_connect(tale);
    struct trp_stream *near = tale->near, *far = tale->far;
    tale_meet(tale);
    tale_send(&tale->near_send, near, "1", 1);
    tale_send(&tale->far_send, tale->near, "2", 1);
    char first = 0, second = 0;
    tale_receive(&tale->near_receive, far, &first, 1);
    tale_receive(&tale->far_receive, tale->far, &second, 1);
    assert_int_equal(tale_outcome(&tale->near_send), TROUPE_OK);
    assert_int_equal(tale_outcome(&tale->far_send), TROUPE_OK);
    assert_int_equal(tale_outcome(&tale->near_receive), TROUPE_OK);
    assert_int_equal(tale_outcome(&tale->far_receive), TROUPE_OK);
    assert_int_equal(first, '1');
    assert_int_equal(second, '2');
    trp_stream_free(near);
    trp_stream_free(far);
}

static void a_cancelled_dial_has_one_outcome(struct tale *tale)
{
    tale_listen(tale);
    tale_make_dialer(tale);
    trp_dialer_cancel(tale->dialer); // nothing is under way
    tale_dial(tale);
    for (uint32_t i = tale_below(tale, 6); i > 0; i--)
        tale->kind->progress(tale->world);
    tale_calls(true);
    trp_dialer_cancel(tale->dialer);
    trp_dialer_cancel(tale->dialer);
    tale_calls(false);
    if (tale_outcome(&tale->dial) == TROUPE_OK)
        trp_stream_free(tale->dial.stream);
    else
        assert_int_equal(tale->dial.status, TROUPE_ECANCELED);
    tale_dial(tale);
    assert_int_equal(tale_outcome(&tale->dial), TROUPE_OK);
    trp_stream_free(tale->dial.stream);
}

static void a_closed_dialer_dials_no_more(struct tale *tale)
{
    tale_listen(tale);
    tale_make_dialer(tale);
    tale_dial(tale);
    bool cancelled = tale_below(tale, 2) == 0;
    tale_calls(true);
    if (cancelled)
        trp_dialer_cancel(tale->dialer); // which settles it
    trp_dialer_close(tale->dialer);
    tale_calls(false);
    if (tale_outcome(&tale->dial) == TROUPE_OK)
        trp_stream_free(tale->dial.stream);
    else
        assert_int_equal(tale->dial.status, cancelled ? TROUPE_ECANCELED : TROUPE_ECLOSED);
    tale_dial(tale);
    assert_int_equal(tale_outcome(&tale->dial), TROUPE_ECLOSED);
}

static void a_closed_listener_hangs_up_on_who_waits(struct tale *tale)
{
    tale_listen(tale);
    tale_make_dialer(tale);
    tale_dial(tale);
    assert_int_equal(tale_outcome(&tale->dial), TROUPE_OK);
    tale->near = tale->dial.stream;
    trp_listener_close(tale->listener);
    uint8_t byte;
    tale_receive(&tale->near_receive, tale->near, &byte, 1);
    assert_int_equal(tale_outcome(&tale->near_receive), TROUPE_EDOWN);
    tale_accept(tale);
    assert_int_equal(tale_outcome(&tale->accept), TROUPE_ECLOSED);
    tale_dial(tale);
    assert_int_equal(tale_outcome(&tale->dial), TROUPE_ENOENT);
}

static void an_accept_ends_with_its_listener(struct tale *tale)
{
    tale_listen(tale);
    tale_accept(tale);
    tale_calls(true);
    trp_listener_close(tale->listener);
    tale_calls(false);
    assert_int_equal(tale_outcome(&tale->accept), TROUPE_ECLOSED);
}

static void an_address_has_one_listener(struct tale *tale)
{
    tale_listen(tale);
    struct trp_listener *second;
    assert_int_equal(trp_listener_new(&tale->listening, tale->address, &second), TROUPE_OK);
    assert_int_equal(trp_listener_listen(second), TROUPE_EEXIST);
    assert_non_null(strstr(troupe_error_text(NULL), tale->address));
    trp_listener_close(tale->listener);
    trp_listener_free(tale->listener);
    assert_int_equal(trp_listener_listen(second), TROUPE_OK); // it is as before
    tale->listener = second;
    tale_make_dialer(tale);
    tale_meet(tale);
}

static void what_is_no_address_is_told_so(struct tale *tale)
{
    const char *no_address = tale->kind->no_address;
    struct trp_listener *listener;
    struct trp_dialer *dialer;
    assert_int_equal(trp_listener_new(&tale->listening, no_address, &listener), TROUPE_EINVAL);
    assert_non_null(strstr(troupe_error_text(NULL), no_address));
    assert_null(listener);
    assert_int_equal(trp_dialer_new(&tale->dialing, no_address, &dialer), TROUPE_EINVAL);
    assert_non_null(strstr(troupe_error_text(NULL), no_address));
    assert_null(dialer);
}

// ---- Telling them

static struct {
    const struct stream_kind *kind;
    uint64_t seed;
    bool finished;
} told;

static void under_all_seeds(void (*story)(struct tale *tale))
{
    told.finished = false;
    for (told.seed = 0; told.seed < told.kind->seeds; told.seed++)
        tale_tell(told.kind, told.seed, story);
    told.finished = true;
}

static int say_the_seed(void **state)
{
    (void)state;
    if (!told.finished)
        print_error("%s: under seed %llu\n", told.kind->name, (unsigned long long)told.seed);
    return 0;
}

#define STORY(name)                   \
    static void test_##name(void **s) \
    {                                 \
        (void)s;                      \
        under_all_seeds(name);        \
    }

#define STORIES(X)                                        \
    X(bytes_arrive_in_order_and_unchanged)                \
    X(what_was_sent_before_a_close_arrives)               \
    X(sends_wait_while_nobody_receives)                   \
    X(a_close_ends_a_send_that_waits)                     \
    X(a_peer_that_closes_ends_a_send_that_waits)          \
    X(a_close_ends_what_is_under_way)                     \
    X(a_close_is_no_news_for_who_sends_only_at_first)     \
    X(a_completion_may_free_its_stream)                   \
    X(the_peer_has_an_address)                            \
    X(a_dial_to_nobody_is_refused_and_may_be_tried_again) \
    X(a_dialer_makes_as_many_streams_as_it_dials)         \
    X(a_cancelled_dial_has_one_outcome)                   \
    X(a_closed_dialer_dials_no_more)                      \
    X(a_closed_listener_hangs_up_on_who_waits)            \
    X(an_accept_ends_with_its_listener)                   \
    X(an_address_has_one_listener)                        \
    X(what_is_no_address_is_told_so)

STORIES(STORY)

#define TEST(story) {#story, test_##story, NULL, say_the_seed, NULL},

int stream_suite_run(const struct stream_kind *kind)
{
    static const struct CMUnitTest tests[] = {STORIES(TEST)};
    told.kind = kind;
    return _cmocka_run_group_tests(kind->name, tests, sizeof tests / sizeof *tests, NULL, NULL);
}
