// See stream_tale.h.
#include "tests/support/stream_tale.h"

#include "tests/support/test.h"

// The thread is in a call of the vtable.
static _Thread_local bool calling;

void tale_calls(bool in)
{
    calling = in;
}

// ---- Operations

void tale_note(struct tale_op *op, troupe_status status, size_t size, struct trp_stream *stream)
{
    struct tale *tale = op->tale;
    if (calling)
        op->inside = true;
    op->status = status;
    op->size = size;
    op->stream = stream;
    atomic_fetch_add(&op->done, 1); // after which the test may begin it anew
    if (tale->kind->stirred)
        tale->kind->stirred(tale->world);
}

static void moved(void *user, troupe_status status, size_t size)
{
    tale_note(user, status, size, NULL);
}

static void made(void *user, troupe_status status, struct trp_stream *stream)
{
    tale_note(user, status, 0, stream);
}

bool tale_is_under_way(struct tale_op *op)
{
    assert_true(op->done <= op->begun);
    assert_false(op->inside);
    return op->done < op->begun;
}

void tale_begin(struct tale_op *op)
{
    assert_false(tale_is_under_way(op));
    op->begun++;
    calling = true;
}

void tale_send_pieces(struct tale_op *op, struct trp_stream *stream, const struct trp_piece *pieces,
                      size_t count)
{
    tale_begin(op);
    trp_stream_send(stream, pieces, count, moved, op);
    calling = false;
}

void tale_send(struct tale_op *op, struct trp_stream *stream, const void *bytes, size_t size)
{
    const struct trp_piece piece = {bytes, size};
    tale_send_pieces(op, stream, &piece, 1);
}

void tale_receive(struct tale_op *op, struct trp_stream *stream, void *buffer, size_t size)
{
    tale_begin(op);
    trp_stream_receive(stream, buffer, size, moved, op);
    calling = false;
}

void tale_dial(struct tale *tale)
{
    tale_begin(&tale->dial);
    trp_dialer_dial(tale->dialer, made, &tale->dial);
    calling = false;
}

void tale_accept(struct tale *tale)
{
    tale_begin(&tale->accept);
    trp_listener_accept(tale->listener, made, &tale->accept);
    calling = false;
}

void tale_close(struct trp_stream *stream)
{
    calling = true;
    trp_stream_close(stream);
    calling = false;
}

troupe_status tale_outcome(struct tale_op *op)
{
    while (tale_is_under_way(op))
        assert_true(op->tale->kind->progress(op->tale->world));
    if (op->status != TROUPE_OK) {
        assert_int_equal(op->size, 0);
        assert_null(op->stream);
    }
    return op->status;
}

// ---- What stories have in common

void tale_listen(struct tale *tale)
{
    assert_int_equal(trp_listener_new(&tale->listening, tale->address, &tale->listener), TROUPE_OK);
    assert_int_equal(trp_listener_listen(tale->listener), TROUPE_OK);
    trp_listener_address(tale->listener, tale->address);
}

void tale_make_dialer(struct tale *tale)
{
    assert_int_equal(trp_dialer_new(&tale->dialing, tale->address, &tale->dialer), TROUPE_OK);
}

void tale_meet(struct tale *tale)
{
    tale_dial(tale);
    tale_accept(tale);
    assert_int_equal(tale_outcome(&tale->dial), TROUPE_OK);
    assert_int_equal(tale_outcome(&tale->accept), TROUPE_OK);
    tale->near = tale->dial.stream;
    tale->far = tale->accept.stream;
    assert_non_null(tale->near);
    assert_non_null(tale->far);
}

void tale_connect(struct tale *tale)
{
    tale_listen(tale);
    tale_make_dialer(tale);
    tale_meet(tale);
}

static void tale_free(struct tale *tale)
{
    if (tale->near)
        trp_stream_free(tale->near);
    if (tale->far)
        trp_stream_free(tale->far);
    if (tale->listener)
        trp_listener_free(tale->listener);
    if (tale->dialer)
        trp_dialer_free(tale->dialer);
}

uint32_t tale_below(struct tale *tale, uint32_t bound)
{
    return trp_random_below(&tale->random, bound);
}

// ---- Telling

void tale_tell(const struct stream_kind *kind, uint64_t seed, void (*story)(struct tale *tale))
{
    void *world = kind->open(seed);
    struct tale tale = {
        .kind = kind,
        .world = world,
        .listening = kind->listening(world),
        .dialing = kind->dialing(world),
    };
    trp_random_init(&tale.random, seed ^ UINT64_C(0x5eed));
    kind->fresh_address(world, tale.address);
    struct tale_op *ops[] = {&tale.accept,       &tale.dial,     &tale.near_send,
                             &tale.near_receive, &tale.far_send, &tale.far_receive};
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        ops[i]->tale = &tale;
    story(&tale);
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        (void)tale_is_under_way(ops[i]);
    tale_free(&tale);
    kind->close(world);
}
