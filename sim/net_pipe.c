// A pipe: bytes on their way from an end of a connection to the other one.
//
//        read          arrived            written          read + buffer
//     ----|--- unread ----|--- in flight ----|----- room ------|
//
// What is in flight is cut into segments, one for each send, that say when it is due. When there
// are too many, the last one takes in what follows. So a pipe needs no memory of its own but the
// ring, and nothing arrives before the least delay has passed since it was sent.
//
// A mark (end, reset) follows the bytes. The next arrival is one task: the first segment, or the
// mark, or, while nothing passes, the time at which the sender gives up.
#include "sim/net_core.h"

#include <string.h>

static struct trp_net *net_of(struct trp_net_end *end)
{
    return end->connection->net;
}

static void arrive(struct trp_net *net, struct trp_net_task *task);

void trp_net_pipe_init(struct trp_net_pipe *pipe, uint8_t *bytes)
{
    pipe->bytes = bytes;
    pipe->waiting_since = TRP_NEVER;
    trp_net_task_init(&pipe->arrival, arrive);
}

// ---- Bytes

// Copies into or out of the ring, from a position of the stream on; one of `in` and `out` is NULL.
static void copy(struct trp_net_end *from, uint64_t position, const uint8_t *in, uint8_t *out,
                 size_t size)
{
    uint32_t capacity = net_of(from)->opts.buffer;
    while (size > 0) {
        size_t at = (size_t)(position % capacity);
        size_t part = size < capacity - at ? size : capacity - at;
        if (in) {
            memcpy(from->to.bytes + at, in, part);
            in += part;
        } else {
            memcpy(out, from->to.bytes + at, part);
            out += part;
        }
        position += part;
        size -= part;
    }
}

static struct trp_net_segment *segment(struct trp_net_pipe *pipe, uint32_t index)
{
    return &pipe->segments[(pipe->first + index) % TRP_NET_SEGMENTS];
}

// When what is sent now arrives, if nothing before it comes later.
static uint64_t arrival_of(struct trp_net_end *from, uint64_t size)
{
    struct trp_net *net = net_of(from);
    struct trp_net_pipe *pipe = &from->to;
    uint32_t to = trp_net_other(from)->host;
    uint32_t bytes_per_ms = trp_net_pair(net, from->host, to)->path.bytes_per_ms;
    if (pipe->wire_free < net->now)
        pipe->wire_free = net->now;
    if (bytes_per_ms > 0)
        pipe->wire_free += size * TRP_NS_PER_MS / bytes_per_ms;
    return trp_deadline(pipe->wire_free, trp_net_delay(net, from->host, to));
}

void trp_net_pipe_write(struct trp_net_end *from, const struct trp_piece *pieces, size_t count,
                        uint64_t size)
{
    struct trp_net_pipe *pipe = &from->to;
    TRP_ASSERT(size > 0 && pipe->written + size - pipe->read <= net_of(from)->opts.buffer);
    uint64_t end = pipe->written + size;
    for (size_t i = 0; i < count && pipe->written < end; i++) {
        uint64_t left = end - pipe->written;
        size_t part = pieces[i].size < left ? pieces[i].size : (size_t)left;
        copy(from, pipe->written, pieces[i].data, NULL, part);
        pipe->written += part;
    }
    uint64_t due = arrival_of(from, size);
    if (pipe->segment_count < TRP_NET_SEGMENTS)
        *segment(pipe, pipe->segment_count++) = (struct trp_net_segment){0};
    struct trp_net_segment *last = segment(pipe, pipe->segment_count - 1);
    last->end = end;
    if (last->due < due)
        last->due = due;
    trp_net_pipe_plan(from);
}

void trp_net_pipe_read(struct trp_net_end *from, uint8_t *buffer, uint64_t size)
{
    struct trp_net_pipe *pipe = &from->to;
    TRP_ASSERT(size <= pipe->arrived - pipe->read);
    copy(from, pipe->read, NULL, buffer, (size_t)size);
    pipe->read += size;
    trp_net_send_plan(from);
}

void trp_net_pipe_mark(struct trp_net_end *from, enum trp_net_mark mark)
{
    struct trp_net_pipe *pipe = &from->to;
    if (pipe->mark >= mark || pipe->reached >= mark)
        return;
    pipe->mark = mark;
    pipe->mark_due = arrival_of(from, 0);
    trp_net_pipe_plan(from);
}

uint64_t trp_net_pipe_lose(struct trp_net_end *from)
{
    struct trp_net_pipe *pipe = &from->to;
    uint64_t lost = pipe->written - pipe->arrived;
    pipe->written = pipe->arrived;
    pipe->segment_count = 0;
    pipe->mark = TRP_NET_NO_MARK;
    trp_net_pipe_plan(from);
    trp_net_send_plan(from);
    return lost;
}

// ---- Arrivals

static bool waits(struct trp_net_end *from)
{
    struct trp_net *net = net_of(from);
    return from->to.stalled_until > net->now ||
           trp_net_is_blocked(net, from->host, trp_net_other(from)->host);
}

// When the one who waits gives up.
static uint64_t patience(struct trp_net_end *from)
{
    uint32_t us = net_of(from)->opts.give_up_us;
    return us ? trp_deadline(from->to.waiting_since, us * TRP_NS_PER_US) : TRP_NEVER;
}

void trp_net_pipe_plan(struct trp_net_end *from)
{
    struct trp_net *net = net_of(from);
    struct trp_net_pipe *pipe = &from->to;
    uint64_t when = TRP_NEVER;
    if (pipe->segment_count > 0)
        when = segment(pipe, 0)->due;
    else if (pipe->mark)
        when = pipe->mark_due;
    if (when > net->now || !waits(from)) {
        pipe->waiting_since = TRP_NEVER;
    } else {
        if (pipe->waiting_since == TRP_NEVER)
            pipe->waiting_since = net->now;
        when = patience(from);
        if (pipe->stalled_until > net->now && pipe->stalled_until < when)
            when = pipe->stalled_until;
    }
    trp_net_plan(net, &pipe->arrival, when);
}

static void give_up(struct trp_net_end *from)
{
    uint32_t to = trp_net_other(from)->host;
    uint64_t lost = trp_net_break(from, TROUPE_ETIMEDOUT);
    trp_net_tell(net_of(from), TRP_NET_GAVE_UP, from->host, to, TROUPE_ETIMEDOUT, lost);
}

// How many of the bytes that are due arrive now. The others are due after another delay.
static uint64_t cut(struct trp_net_end *from, uint64_t size)
{
    struct trp_net *net = net_of(from);
    if (size < 2 || !trp_net_chance(net, TRP_NET_CHOOSE_CUT, net->opts.rates.cut))
        return size;
    uint32_t count = (uint32_t)size; // not more than a pipe holds
    uint32_t rest = 1;
    uint32_t kind = trp_net_pick(net, TRP_NET_CHOOSE_CUT_KIND, 3);
    if (kind == 0)
        rest += trp_net_pick(net, TRP_NET_CHOOSE_CUT_OFF, count - 1);
    else if (kind == 1)
        rest = count - 1;
    trp_net_tell(net, TRP_NET_CUT, from->host, trp_net_other(from)->host, TROUPE_OK, rest);
    return size - rest;
}

// Takes `size` bytes out of the segments.
static void advance(struct trp_net_pipe *pipe, uint64_t size)
{
    pipe->arrived += size;
    while (pipe->segment_count > 0 && segment(pipe, 0)->end <= pipe->arrived) {
        pipe->first = (pipe->first + 1) % TRP_NET_SEGMENTS;
        pipe->segment_count--;
    }
}

// Nobody is there for what has arrived: it is answered by a reset, which takes the way back.
static void bounce(struct trp_net_end *from, uint64_t size)
{
    struct trp_net_end *to = trp_net_other(from);
    from->to.read = from->to.arrived;
    trp_net_tell(net_of(from), TRP_NET_LOST, from->host, to->host, TROUPE_OK, size);
    trp_net_pipe_mark(to, TRP_NET_MARK_RESET);
    trp_net_send_plan(from);
}

static void arrive_bytes(struct trp_net_end *from)
{
    struct trp_net *net = net_of(from);
    struct trp_net_pipe *pipe = &from->to;
    struct trp_net_end *to = trp_net_other(from);
    uint64_t due = pipe->arrived;
    for (uint32_t i = 0; i < pipe->segment_count && segment(pipe, i)->due <= net->now; i++)
        due = segment(pipe, i)->end;
    uint64_t size = cut(from, due - pipe->arrived);
    bool partly = size < due - pipe->arrived;
    advance(pipe, size);
    if (partly)
        segment(pipe, 0)->due = trp_deadline(net->now, trp_net_delay(net, from->host, to->host));
    if (to->closed || to->crashed || to->broken) {
        bounce(from, size);
        return;
    }
    trp_net_tell(net, TRP_NET_ARRIVED, from->host, to->host, TROUPE_OK, size);
    trp_net_receive_plan(to);
}

static void arrive_mark(struct trp_net_end *from)
{
    struct trp_net_pipe *pipe = &from->to;
    struct trp_net_end *to = trp_net_other(from);
    pipe->reached = pipe->mark;
    pipe->mark = TRP_NET_NO_MARK;
    if (pipe->reached == TRP_NET_MARK_RESET) {
        uint64_t lost = trp_net_break(to, TROUPE_EDOWN);
        trp_net_tell(net_of(from), TRP_NET_RESET, from->host, to->host, TROUPE_EDOWN, lost);
    }
    trp_net_receive_plan(to);
}

static void arrive(struct trp_net *net, struct trp_net_task *task)
{
    struct trp_net_end *from = TRP_CONTAINER(task, struct trp_net_end, to.arrival);
    struct trp_net_pipe *pipe = &from->to;
    if (!waits(from))
        trp_net_may_fail(from);
    if (waits(from) && patience(from) <= net->now)
        give_up(from);
    else if (!waits(from) && pipe->segment_count > 0)
        arrive_bytes(from);
    else if (!waits(from) && pipe->mark)
        arrive_mark(from);
    trp_net_pipe_plan(from);
}
