// See net_program.h.
#include "tests/support/net_program.h"

#include "tests/support/test.h"

struct program_run program_run;

uint32_t program_below(uint32_t bound)
{
    return trp_random_below(&program_run.random, bound);
}

bool program_one_in(uint32_t count)
{
    return program_below(count) == 0;
}

static uint8_t byte_of(uint32_t number, uint64_t position)
{
    if (position < 4)
        return (uint8_t)(number >> (8 * position));
    return (uint8_t)(position * 13 + number * 101 + (position >> 7));
}

// ---- Streams

static void send_some(struct program_side *side);

bool program_can_use(const struct program_side *side)
{
    return side->stream && !side->crashed && !side->closed;
}

void program_close(struct program_side *side)
{
    side->closed = true;
    trp_stream_close(side->stream);
}

void program_free(struct program_side *side)
{
    trp_stream_free(side->stream);
    side->stream = NULL;
}

// What a completion may do besides, as its last.
static void side_goes_on(struct program_side *side, troupe_status status)
{
    if (status != TROUPE_OK)
        side->failed = true;
    if ((status != TROUPE_OK && program_one_in(2)) || program_one_in(60))
        program_close(side);
    if (side->closed && !side->sending && !side->receiving && program_one_in(2))
        program_free(side);
}

// Whatever happens next, also to those who have just been told something.
static void let_interfere(void)
{
    if (program_run.interfere && !program_run.calm && !program_run.ending && program_one_in(40))
        program_run.interfere();
}

static void sent(void *user, troupe_status status, size_t size)
{
    struct program_side *side = user;
    assert_true(side->sending && !side->crashed);
    side->sending = false;
    assert_true(status == TROUPE_OK ? size >= 1 && size <= side->offered : size == 0);
    assert_int_equal(status == TROUPE_ECLOSED, side->closed || (program_run.ending && status));
    side->sent += size;
    if (status == TROUPE_OK && !program_run.calm && program_one_in(2))
        send_some(side);
    else
        side_goes_on(side, status);
    let_interfere();
}

static void look_at(struct program_side *side, uint8_t byte)
{
    uint64_t position = side->received++;
    if (position < 4) {
        side->peer |= (uint32_t)byte << (8 * position);
        return;
    }
    assert_int_equal(byte, byte_of(side->peer, position));
}

static void received(void *user, troupe_status status, size_t size)
{
    struct program_side *side = user;
    assert_true(side->receiving && !side->crashed);
    side->receiving = false;
    assert_true(status == TROUPE_OK ? size >= 1 && size <= side->wanted : size == 0);
    assert_int_equal(status == TROUPE_ECLOSED, side->closed || (program_run.ending && status));
    assert_false(side->over && status == TROUPE_OK); // it does not come back
    side->over |= status != TROUPE_OK;
    for (size_t i = 0; i < size; i++)
        look_at(side, side->in[i]);
    if (side->received >= 4) {
        assert_true(side->peer < program_run.side_count && side->peer != side->number);
        assert_true(side->received <= program_run.sides[side->peer].sent);
    }
    if (status == TROUPE_OK && (program_run.calm || program_one_in(2)))
        program_receive(side);
    else
        side_goes_on(side, status);
    let_interfere();
}

static void send_some(struct program_side *side)
{
    side->offered = 1 + program_below(PROGRAM_MOST);
    for (size_t i = 0; i < side->offered; i++)
        side->out[i] = byte_of(side->number, side->sent + i);
    size_t half = program_below((uint32_t)side->offered + 1);
    const struct trp_piece pieces[] = {{side->out, half}, {side->out + half, side->offered - half}};
    side->sending = true;
    trp_stream_send(side->stream, pieces, 2, sent, side);
}

void program_receive(struct program_side *side)
{
    side->wanted = 1 + program_below(PROGRAM_MOST);
    side->receiving = true;
    trp_stream_receive(side->stream, side->in, side->wanted, received, side);
}

static void side_new(struct trp_stream *stream, uint32_t host)
{
    if (program_run.side_count == PROGRAM_SIDES) {
        trp_stream_free(stream);
        return;
    }
    struct program_side *side = &program_run.sides[program_run.side_count];
    *side =
        (struct program_side){.stream = stream, .number = program_run.side_count++, .host = host};
    struct trp_stream_peer peer;
    trp_stream_peer(stream, &peer);
    assert_memory_equal(peer.address, "sim://", 6);
    if (!program_run.calm && program_one_in(2))
        send_some(side);
    if (program_run.calm || program_one_in(2))
        program_receive(side);
}

// ---- Dialers and listeners

static void dialed(void *user, troupe_status status, struct trp_stream *stream)
{
    struct program_dialer *dialer = user;
    assert_true(dialer->dialing && !dialer->crashed);
    assert_int_equal(stream != NULL, status == TROUPE_OK);
    assert_true(status == TROUPE_OK || status == TROUPE_ENOENT || status == TROUPE_ETIMEDOUT ||
                status == TROUPE_ECANCELED || (status == TROUPE_ECLOSED && program_run.ending));
    dialer->dialing = false;
    if (stream)
        side_new(stream, dialer->host);
    let_interfere();
}

static void accepted(void *user, troupe_status status, struct trp_stream *stream)
{
    struct program_listener *listener = user;
    assert_true(listener->accepting && !listener->crashed);
    assert_int_equal(status, program_run.ending ? TROUPE_ECLOSED : TROUPE_OK);
    listener->accepting = false;
    if (stream)
        side_new(stream, listener->host);
    let_interfere();
}

void program_make_dialer(struct program_dialer *dialer, uint32_t host)
{
    static const char *const addresses[PROGRAM_HOSTS] = {"sim://0/x", "sim://1/x", "sim://2/x",
                                                         "sim://3/x"};
    struct trp_streams streams = trp_net_streams(program_run.stage.net, host);
    *dialer = (struct program_dialer){.host = host, .target = program_below(PROGRAM_HOSTS)};
    assert_int_equal(trp_dialer_new(&streams, addresses[dialer->target], &dialer->dialer),
                     TROUPE_OK);
}

void program_make_listener(struct program_listener *listener, uint32_t host)
{
    char address[] = "sim://0/x";
    address[6] = (char)('0' + host);
    struct trp_streams streams = trp_net_streams(program_run.stage.net, host);
    *listener = (struct program_listener){.host = host};
    assert_int_equal(trp_listener_new(&streams, address, &listener->listener), TROUPE_OK);
    assert_int_equal(trp_listener_listen(listener->listener), TROUPE_OK);
}

void program_dial_or_cancel(struct program_dialer *dialer)
{
    if (dialer->crashed)
        return;
    if (dialer->dialing) {
        if (program_one_in(8))
            trp_dialer_cancel(dialer->dialer);
        return;
    }
    dialer->dialing = true;
    trp_dialer_dial(dialer->dialer, dialed, dialer);
}

void program_accept(struct program_listener *listener)
{
    if (listener->crashed || listener->accepting)
        return;
    listener->accepting = true;
    trp_listener_accept(listener->listener, accepted, listener);
}

// ---- At random

void program_use_a_side(void)
{
    if (program_run.side_count == 0)
        return;
    struct program_side *side = &program_run.sides[program_below(program_run.side_count)];
    if (!side->stream || side->crashed)
        return;
    if (side->closed && !side->sending && !side->receiving) {
        program_free(side);
        return;
    }
    if (!side->sending && program_one_in(2)) // also when it is closed
        send_some(side);
    else if (!side->receiving)
        program_receive(side);
    if (program_one_in(40))
        program_close(side);
}
