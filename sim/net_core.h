// The simulated network's own structures, shared by its files only (net*.c). One thread uses them.
//
//   trp_net -- hosts           numbers with an up or down
//           -- pairs           what holds from one host to another: delays, faults by hand
//           -- connections     two ends, each with the pipe that leads away from it
//           -- dialers, listeners
//           -- tasks           what happens at a time: due now, or later
#ifndef TRP_SIM_NET_CORE_H
#define TRP_SIM_NET_CORE_H

#include "base/assert.h"
#include "base/heap.h"
#include "sim/net.h"

#include <stddef.h>

#define TRP_NS_PER_US UINT64_C(1000)

// ---- Lists

struct trp_net_link { // alone: points to itself
    struct trp_net_link *next, *previous;
};

static inline void trp_net_link_init(struct trp_net_link *link)
{
    link->next = link->previous = link;
}

static inline void trp_net_link_add(struct trp_net_link *list, struct trp_net_link *link)
{
    link->next = list;
    link->previous = list->previous;
    list->previous->next = link;
    list->previous = link;
}

static inline void trp_net_link_remove(struct trp_net_link *link)
{
    link->next->previous = link->previous;
    link->previous->next = link->next;
    trp_net_link_init(link);
}

// ---- What happens at a time

// Part of what it concerns. Planned for a time it is in `later`, or in `due` when that has come.
struct trp_net_task {
    void (*run)(struct trp_net *net, struct trp_net_task *task); // it is not planned any more
    struct trp_heap_node node;                                   // in later
    struct trp_net_link link;                                    // in due
    uint64_t when;                                               // TRP_NEVER: not planned
    uint64_t number;                                             // of all plans
};

// ---- Connections

enum trp_net_mark { TRP_NET_NO_MARK, TRP_NET_MARK_END, TRP_NET_MARK_RESET };

#define TRP_NET_SEGMENTS 16

// Bytes up to `end` are due then, but do not overtake those of the segments before.
struct trp_net_segment {
    uint64_t end, due;
};

// Bytes from an end to the other one. Positions count from the beginning of the stream:
// read <= arrived <= written <= read + buffer.
struct trp_net_pipe {
    uint8_t *bytes; // a ring of net->opts.buffer bytes, behind the connection
    uint64_t read, arrived, written;
    struct trp_net_segment segments[TRP_NET_SEGMENTS]; // a ring of what is in flight
    uint32_t first, segment_count;
    enum trp_net_mark mark;    // follows the bytes
    enum trp_net_mark reached; // has arrived
    uint64_t mark_due;
    uint64_t wire_free;     // until then the wire is busy with what was sent before
    uint64_t waiting_since; // when something was due that cannot pass; TRP_NEVER: there is none
    uint64_t stalled_until; // by chance
    uint64_t slow_until;    // by chance
    uint32_t slow_bytes;
    struct trp_net_task arrival;
};

struct trp_net_send {
    trp_stream_done *done; // NULL: none is under way
    void *user;
    struct trp_piece pieces[TRP_STREAM_PIECES];
    size_t count;
    struct trp_net_task task;
};

struct trp_net_receive {
    trp_stream_done *done; // NULL: none is under way
    void *user;
    void *buffer;
    size_t size;
    uint64_t free_at; // a slow reader does not take anything before
    struct trp_net_task task;
};

struct trp_net_end {
    struct trp_stream stream;
    struct trp_net_connection *connection;
    uint32_t host;
    bool owned;             // by the program, or by a dialer or listener on its behalf
    bool closed;            // by its owner
    bool crashed;           // its host is
    bool ended;             // the network has ended the stream: nothing can be sent any more
    troupe_status broken;   // how operations end; TROUPE_OK: it is not
    struct trp_net_pipe to; // to the other end
    struct trp_net_send send;
    struct trp_net_receive receive;
};

struct trp_net_connection {
    struct trp_net *net;
    struct trp_net_link link;
    struct trp_net_end ends[2]; // of who dialed, of who listened
};

// ---- How they come about

enum trp_net_dial_state {
    TRP_NET_RESTING,
    TRP_NET_GOING,   // on its way to the listener
    TRP_NET_WAITING, // nobody will answer
    TRP_NET_COMING,  // the answer is on its way
    TRP_NET_SETTLED  // by this side
};

struct trp_net_dialer {
    struct trp_dialer dialer;
    struct trp_net *net;
    struct trp_net_link link;
    uint32_t host, target;
    bool closed, crashed;
    enum trp_net_dial_state state;
    uint64_t due;            // when it gets there
    uint64_t limit;          // when it is given up
    troupe_status outcome;   // of COMING, SETTLED
    struct trp_net_end *end; // of COMING; owned
    trp_stream_made *made;
    void *user;
    struct trp_net_task task;
    char name[TRP_STREAM_ADDRESS];
};

struct trp_net_listener {
    struct trp_listener listener;
    struct trp_net *net;
    struct trp_net_link link;
    uint32_t host;
    bool listening, closed, crashed;
    trp_stream_made *made; // NULL: no accept is under way
    void *user;
    struct trp_net_end *backlog[TRP_NET_BACKLOG]; // the oldest first; owned
    uint32_t waiting;
    struct trp_net_task task;
    char name[TRP_STREAM_ADDRESS];
};

// ---- The whole

enum trp_net_block { TRP_NET_PARTED = 1, TRP_NET_PARTED_BY_CHANCE = 2, TRP_NET_STALLED = 4 };

struct trp_net_pair {
    struct trp_net_path path;
    uint32_t blocked; // enum trp_net_block
    uint32_t slow;    // bytes per ms that the receiving host takes; 0: all
    enum trp_net_dials dials;
};

struct trp_net_host {
    struct trp_net *net;
    uint32_t index;
    bool up;
};

struct trp_net {
    struct trp_net_opts opts;
    uint64_t now;
    bool closing; // trp_net_free
    struct trp_net_host **hosts;
    bool *side;                 // scratch: of each host
    struct trp_net_pair *pairs; // [from * capacity + to]
    uint32_t host_count, capacity;
    struct trp_net_link connections, dialers, listeners;
    struct trp_heap later;
    struct trp_net_link due; // by `when`, then `number`
    uint32_t due_count;
    uint64_t plans;
    struct trp_net_task partition_end;
};

static inline struct trp_net_end *trp_net_other(struct trp_net_end *end)
{
    return &end->connection->ends[end == &end->connection->ends[0]];
}

static inline struct trp_net_pair *trp_net_pair(struct trp_net *net, uint32_t from, uint32_t to)
{
    return &net->pairs[(size_t)from * net->capacity + to];
}

// ---- net.c

void trp_net_task_init(struct trp_net_task *task,
                       void (*run)(struct trp_net *net, struct trp_net_task *task));

// Plans a task anew; a `when` that has passed is now, TRP_NEVER: not at all. The same time as
// before: it keeps its place.
void trp_net_plan(struct trp_net *net, struct trp_net_task *task, uint64_t when);

// Returns one of 0..count-1 by the user's choice; 0 if there is none.
uint32_t trp_net_pick(struct trp_net *net, enum trp_net_choice kind, uint32_t count);

// Decides whether something happens that does so `rate` times of a million. 0 is "no".
bool trp_net_chance(struct trp_net *net, enum trp_net_choice kind, uint32_t rate);

void trp_net_tell(struct trp_net *net, enum trp_net_event_kind kind, uint32_t from, uint32_t to,
                  troupe_status status, uint64_t value);

void *trp_net_take(struct trp_net *net, size_t size);
void trp_net_give(struct trp_net *net, void *block, size_t size);

// ---- net_fault.c

// Chooses how long something takes from one host to another, ns.
uint64_t trp_net_delay(struct trp_net *net, uint32_t from, uint32_t to);

// Whether something must wait that is to go from one host to the other.
bool trp_net_is_blocked(struct trp_net *net, uint32_t from, uint32_t to);

// May begin a partition.
void trp_net_may_part(struct trp_net *net);

// May do something to the stream, or all of them: drop, end, stall or slow it, part hosts.
void trp_net_may_fail(struct trp_net_end *from);

// Resets or ends a connection.
void trp_net_drop_one(struct trp_net_connection *connection);
void trp_net_end_one(struct trp_net_connection *connection);

// The run function of partition_end.
void trp_net_partition_ends(struct trp_net *net, struct trp_net_task *task);

// ---- net_pipe.c

void trp_net_pipe_init(struct trp_net_pipe *pipe, uint8_t *bytes);

// Puts bytes in, for which there is room.
void trp_net_pipe_write(struct trp_net_end *from, const struct trp_piece *pieces, size_t count,
                        uint64_t size);

// Takes out bytes that have arrived.
void trp_net_pipe_read(struct trp_net_end *from, uint8_t *buffer, uint64_t size);

// Has a mark follow what was sent.
void trp_net_pipe_mark(struct trp_net_end *from, enum trp_net_mark mark);

// Throws away what is in flight and no mark has followed; returns how many bytes.
uint64_t trp_net_pipe_lose(struct trp_net_end *from);

// Plans the next arrival, after anything that it depends on has changed.
void trp_net_pipe_plan(struct trp_net_end *from);

// ---- net_stream.c

// Makes a connection whose ends are owned. NULL without memory.
struct trp_net_connection *trp_net_connect(struct trp_net *net, uint32_t from, uint32_t to);

// Plans operations, after anything that they depend on has changed.
void trp_net_send_plan(struct trp_net_end *end);
void trp_net_receive_plan(struct trp_net_end *end);

// Has all operations of an end fail from now on, and loses what it has in flight: returns how many
// bytes. The first status stays.
uint64_t trp_net_break(struct trp_net_end *end, troupe_status status);

// Closes an end that nobody has seen, and forgets it.
void trp_net_hang_up(struct trp_net_end *end);

// Its host has crashed. Its operations are forgotten.
void trp_net_crash(struct trp_net_end *end);

// The end has no owner any more. Frees the connection when neither has one.
void trp_net_forget(struct trp_net_end *end);

// Closes the end; completes one of its operations, if any is under way: returns whether one was.
bool trp_net_finish(struct trp_net_end *end);

void trp_net_connection_free(struct trp_net_connection *connection);

// ---- net_dial.c

extern const struct trp_streams_ops trp_net_streams_ops;

void trp_net_dialer_plan(struct trp_net_dialer *dialer);
void trp_net_dialer_crash(struct trp_net_dialer *dialer);
bool trp_net_dialer_finish(struct trp_net_dialer *dialer);
void trp_net_dialer_free(struct trp_net_dialer *dialer);

void trp_net_listener_crash(struct trp_net_listener *listener);
bool trp_net_listener_finish(struct trp_net_listener *listener);
void trp_net_listener_free(struct trp_net_listener *listener);

#endif
