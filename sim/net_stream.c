// The two ends of a connection, which are the streams that programs see.
//
//   owned, open --close--> owned, closed --free--> forgotten     the usual way
//        |                      ^
//        +--- host crashes: crashed, until freed by the program or with its host's next start
//
// A connection is freed when neither end has an owner. Until then an end without one still has its
// bytes delivered, and answers those of the other.
//
// Operations complete out of their tasks, which are planned for the moment in which something can
// be done; what that is, is looked at only then. A completion may do anything, also free the end:
// so it is the last thing that a task does.
#include "sim/net_core.h"

#include <stdio.h>
#include <string.h>

static const struct trp_stream_ops ops;

static struct trp_net_end *end_of(struct trp_stream *stream)
{
    return TRP_CONTAINER(stream, struct trp_net_end, stream);
}

static struct trp_net *net_of(struct trp_net_end *end)
{
    return end->connection->net;
}

// The pipe that leads to this end.
static struct trp_net_pipe *from_peer(struct trp_net_end *end)
{
    return &trp_net_other(end)->to;
}

// ---- Sending

static uint64_t room(struct trp_net_end *end)
{
    return net_of(end)->opts.buffer - (end->to.written - end->to.read);
}

void trp_net_send_plan(struct trp_net_end *end)
{
    bool ready = end->send.done && (end->closed || end->broken || end->ended || room(end) > 0);
    trp_net_plan(net_of(end), &end->send.task, ready ? net_of(end)->now : TRP_NEVER);
}

static void send_done(struct trp_net_end *end, troupe_status status, uint64_t size)
{
    trp_stream_done *done = end->send.done;
    end->send.done = NULL;
    trp_net_tell(net_of(end), TRP_NET_DONE_SEND, end->host, trp_net_other(end)->host, status, size);
    done(end->send.user, status, (size_t)size);
}

static uint64_t shorten(struct trp_net_end *end, uint64_t size)
{
    struct trp_net *net = net_of(end);
    if (size < 2 || !trp_net_chance(net, TRP_NET_CHOOSE_SHORT, net->opts.rates.short_send))
        return size;
    uint32_t by = 1 + trp_net_pick(net, TRP_NET_CHOOSE_SHORT_BY, (uint32_t)size - 1);
    trp_net_tell(net, TRP_NET_SHORT, end->host, trp_net_other(end)->host, TROUPE_OK, by);
    return size - by;
}

static void send_some(struct trp_net_end *end)
{
    uint64_t size = 0, most = room(end);
    for (size_t i = 0; i < end->send.count; i++)
        size += end->send.pieces[i].size;
    size = shorten(end, size < most ? size : most);
    trp_net_pipe_write(end, end->send.pieces, end->send.count, size);
    send_done(end, TROUPE_OK, size);
}

static void run_send(struct trp_net *net, struct trp_net_task *task)
{
    (void)net;
    struct trp_net_end *end = TRP_CONTAINER(task, struct trp_net_end, send.task);
    if (end->closed)
        send_done(end, TROUPE_ECLOSED, 0);
    else if (end->broken)
        send_done(end, end->broken, 0);
    else if (end->ended)
        send_done(end, TROUPE_EDOWN, 0);
    else
        send_some(end);
}

static void stream_send(struct trp_stream *stream, const struct trp_piece *pieces, size_t count,
                        trp_stream_done *done, void *user)
{
    struct trp_net_end *end = end_of(stream);
    if (end->crashed)
        return;
    TRP_ASSERT(end->send.done == NULL && count >= 1 && count <= TRP_STREAM_PIECES);
    size_t size = 0;
    for (size_t i = 0; i < count; i++)
        size += pieces[i].size;
    TRP_ASSERT(size > 0);
    memcpy(end->send.pieces, pieces, count * sizeof *pieces);
    end->send.count = count;
    end->send.done = done;
    end->send.user = user;
    trp_net_send_plan(end);
}

// ---- Receiving

// How many bytes per ms the reader takes; 0: all.
static uint32_t slowness(struct trp_net_end *end)
{
    struct trp_net *net = net_of(end);
    const struct trp_net_pipe *pipe = from_peer(end);
    if (pipe->slow_until > net->now)
        return pipe->slow_bytes;
    return trp_net_pair(net, trp_net_other(end)->host, end->host)->slow;
}

void trp_net_receive_plan(struct trp_net_end *end)
{
    struct trp_net *net = net_of(end);
    const struct trp_net_pipe *pipe = from_peer(end);
    uint64_t when = TRP_NEVER;
    if (end->receive.done == NULL)
        when = TRP_NEVER;
    else if (!end->closed && pipe->arrived > pipe->read)
        when = slowness(end) ? end->receive.free_at : net->now;
    else if (end->closed || end->broken || pipe->reached)
        when = net->now;
    trp_net_plan(net, &end->receive.task, when);
}

static void receive_done(struct trp_net_end *end, troupe_status status, uint64_t size)
{
    trp_stream_done *done = end->receive.done;
    end->receive.done = NULL;
    trp_net_tell(net_of(end), TRP_NET_DONE_RECEIVE, trp_net_other(end)->host, end->host, status,
                 size);
    done(end->receive.user, status, (size_t)size);
}

static void receive_some(struct trp_net_end *end)
{
    struct trp_net_pipe *pipe = from_peer(end);
    uint64_t size = pipe->arrived - pipe->read;
    uint32_t slow = slowness(end);
    if (size > end->receive.size)
        size = end->receive.size;
    if (slow > 0) {
        size = size < slow ? size : slow;
        end->receive.free_at = net_of(end)->now + size * TRP_NS_PER_MS / slow;
    }
    trp_net_pipe_read(trp_net_other(end), end->receive.buffer, size);
    receive_done(end, TROUPE_OK, size);
}

static void run_receive(struct trp_net *net, struct trp_net_task *task)
{
    (void)net;
    struct trp_net_end *end = TRP_CONTAINER(task, struct trp_net_end, receive.task);
    if (end->closed)
        receive_done(end, TROUPE_ECLOSED, 0);
    else if (from_peer(end)->arrived > from_peer(end)->read)
        receive_some(end);
    else
        receive_done(end, end->broken ? end->broken : TROUPE_EDOWN, 0);
}

static void stream_receive(struct trp_stream *stream, void *buffer, size_t size,
                           trp_stream_done *done, void *user)
{
    struct trp_net_end *end = end_of(stream);
    if (end->crashed)
        return;
    TRP_ASSERT(end->receive.done == NULL && size > 0);
    end->receive.buffer = buffer;
    end->receive.size = size;
    end->receive.done = done;
    end->receive.user = user;
    trp_net_receive_plan(end);
}

// ---- The end

uint64_t trp_net_break(struct trp_net_end *end, troupe_status status)
{
    if (!end->broken)
        end->broken = status;
    uint64_t lost = trp_net_pipe_lose(end);
    trp_net_receive_plan(end);
    return lost;
}

// Bytes that have arrived and will not be read make room; no more is said about them.
static void discard_unread(struct trp_net_end *end)
{
    from_peer(end)->read = from_peer(end)->arrived;
    trp_net_send_plan(trp_net_other(end));
}

// Nothing begins any more; the other side is told, unless the connection is lost anyway.
static void shut(struct trp_net_end *end, enum trp_net_mark mark)
{
    end->closed = true;
    if (!end->broken)
        trp_net_pipe_mark(end, mark);
    discard_unread(end);
    trp_net_send_plan(end);
    trp_net_receive_plan(end);
}

static void stream_close(struct trp_stream *stream)
{
    struct trp_net_end *end = end_of(stream);
    struct trp_net *net = net_of(end);
    uint32_t to = trp_net_other(end)->host;
    if (end->closed || end->crashed)
        return;
    trp_net_tell(net, TRP_NET_CLOSED, end->host, to, TROUPE_OK, 0);
    bool lost =
        !end->broken && trp_net_chance(net, TRP_NET_CHOOSE_LOST_CLOSE, net->opts.rates.lost_close);
    if (lost)
        trp_net_tell(net, TRP_NET_LOST_CLOSE, end->host, to, TROUPE_OK, trp_net_pipe_lose(end));
    shut(end, lost ? TRP_NET_MARK_RESET : TRP_NET_MARK_END);
}

void trp_net_hang_up(struct trp_net_end *end)
{
    shut(end, TRP_NET_MARK_RESET);
    trp_net_forget(end);
}

void trp_net_crash(struct trp_net_end *end)
{
    struct trp_net *net = net_of(end);
    uint32_t to = trp_net_other(end)->host;
    end->crashed = true;
    end->send.done = NULL;
    end->receive.done = NULL;
    trp_net_send_plan(end);
    trp_net_receive_plan(end);
    discard_unread(end);
    bool in_flight = end->to.written > end->to.arrived;
    if (in_flight && trp_net_pick(net, TRP_NET_CHOOSE_CRASH_LOSE, 2) == 1)
        trp_net_pipe_lose(end);
    if (trp_net_chance(net, TRP_NET_CHOOSE_MUTE_CRASH, net->opts.rates.mute_crash)) {
        trp_net_tell(net, TRP_NET_MUTE, end->host, to, TROUPE_OK, 0);
        end->to.mark = TRP_NET_NO_MARK;
        trp_net_pipe_plan(end);
    } else if (!end->broken) {
        trp_net_pipe_mark(end, TRP_NET_MARK_RESET);
    }
}

bool trp_net_finish(struct trp_net_end *end)
{
    if (!end->closed && !end->crashed)
        shut(end, TRP_NET_MARK_END);
    if (end->send.done)
        send_done(end, TROUPE_ECLOSED, 0);
    else if (end->receive.done)
        receive_done(end, TROUPE_ECLOSED, 0);
    else
        return false;
    return true;
}

void trp_net_forget(struct trp_net_end *end)
{
    TRP_ASSERT(end->owned && end->send.done == NULL && end->receive.done == NULL);
    end->owned = false;
    if (!trp_net_other(end)->owned)
        trp_net_connection_free(end->connection);
}

static void stream_free(struct trp_stream *stream)
{
    stream_close(stream);
    trp_net_forget(end_of(stream));
}

static void stream_peer(struct trp_stream *stream, struct trp_stream_peer *peer)
{
    *peer = (struct trp_stream_peer){.uid = TRP_STREAM_NO_UID};
    (void)snprintf(peer->address, sizeof peer->address, "sim://%u",
                   trp_net_other(end_of(stream))->host);
}

static const struct trp_stream_ops ops = {.send = stream_send,
                                          .receive = stream_receive,
                                          .close = stream_close,
                                          .free = stream_free,
                                          .peer = stream_peer};

// ---- Connections

static size_t connection_size(const struct trp_net *net)
{
    return sizeof(struct trp_net_connection) + (size_t)2 * net->opts.buffer;
}

static void end_init(struct trp_net_end *end, struct trp_net_connection *connection, uint32_t host,
                     uint8_t *bytes)
{
    end->stream.ops = &ops;
    end->connection = connection;
    end->host = host;
    end->owned = true;
    trp_net_pipe_init(&end->to, bytes);
    trp_net_task_init(&end->send.task, run_send);
    trp_net_task_init(&end->receive.task, run_receive);
}

struct trp_net_connection *trp_net_connect(struct trp_net *net, uint32_t from, uint32_t to)
{
    struct trp_net_connection *connection = trp_net_take(net, connection_size(net));
    if (connection == NULL)
        return NULL;
    memset(connection, 0, sizeof *connection); // the bytes are written before they are read
    uint8_t *bytes = (uint8_t *)(connection + 1);
    connection->net = net;
    end_init(&connection->ends[0], connection, from, bytes);
    end_init(&connection->ends[1], connection, to, bytes + net->opts.buffer);
    trp_net_link_add(&net->connections, &connection->link);
    return connection;
}

void trp_net_connection_free(struct trp_net_connection *connection)
{
    struct trp_net *net = connection->net;
    for (int i = 0; i < 2; i++) {
        struct trp_net_end *end = &connection->ends[i];
        trp_net_plan(net, &end->to.arrival, TRP_NEVER);
        trp_net_plan(net, &end->send.task, TRP_NEVER);
        trp_net_plan(net, &end->receive.task, TRP_NEVER);
    }
    trp_net_link_remove(&connection->link);
    trp_net_give(net, connection, connection_size(net));
}
