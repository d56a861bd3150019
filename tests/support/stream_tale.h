// What the stories of the suite for byte streams (stream_suite.h) are told with: operations that
// write down what they were told, and two places that meet.
//
// Completions only write, on whatever thread; all that is checked is checked by the test's own.
#ifndef TESTS_SUPPORT_STREAM_TALE_H
#define TESTS_SUPPORT_STREAM_TALE_H

#include "base/random.h"
#include "tests/support/stream_suite.h"

#include <stdatomic.h>

// An operation that can be made again and again, one at a time.
struct tale_op {
    struct tale *tale;
    unsigned begun;
    _Atomic unsigned done;
    _Atomic bool inside; // completed within the call that began it
    troupe_status status;
    size_t size;
    struct trp_stream *stream;
};

struct tale {
    const struct stream_kind *kind;
    void *world;
    struct trp_random random;
    struct trp_streams listening, dialing;
    char address[TRP_STREAM_ADDRESS];
    struct trp_listener *listener;
    struct trp_dialer *dialer;
    struct tale_op accept, dial;
    struct trp_stream *near, *far; // of who dialed, of who listened
    struct tale_op near_send, near_receive, far_send, far_receive;
};

// The calling thread enters or leaves the vtable: a completion in between is noted as a fault. The
// functions below do it themselves; tale_begin enters.
void tale_calls(bool in);

// ---- Operations

void tale_begin(struct tale_op *op);
void tale_note(struct tale_op *op, troupe_status status, size_t size, struct trp_stream *stream);
bool tale_is_under_way(struct tale_op *op);

// Waits until the operation has completed.
troupe_status tale_outcome(struct tale_op *op);

void tale_send_pieces(struct tale_op *op, struct trp_stream *stream, const struct trp_piece *pieces,
                      size_t count);
void tale_send(struct tale_op *op, struct trp_stream *stream, const void *bytes, size_t size);
void tale_receive(struct tale_op *op, struct trp_stream *stream, void *buffer, size_t size);
void tale_dial(struct tale *tale);
void tale_accept(struct tale *tale);
void tale_close(struct trp_stream *stream);

// ---- Two places

void tale_listen(struct tale *tale);
void tale_make_dialer(struct tale *tale);

// Dials and accepts: near and far are there then.
void tale_meet(struct tale *tale);

// All three.
void tale_connect(struct tale *tale);

uint32_t tale_below(struct tale *tale, uint32_t bound);

// Tells a story in a world of its own, and has it end.
void tale_tell(const struct stream_kind *kind, uint64_t seed, void (*story)(struct tale *tale));

#endif
