// Byte streams to a peer: what links talk through. One table of functions per kind of stream: over
// nng (tcp, ipc, abstract), TLS over another stream, simulated (sim/net.h).
//
//     trp_streams --- dialer_new ---> trp_dialer ----- dial ----> trp_stream
//                 --- listener_new -> trp_listener -- accept ---> trp_stream
//
// A stream carries bytes both ways, in order, without boundaries: what arrives is a prefix of what
// was sent. That a send has completed does not say that its bytes arrived, nor that they will.
//
// Operations (send, receive, dial, accept) are asynchronous:
// 1. Each one completes exactly once: its `done` is called with an outcome, whatever happens.
// 2. Never from within a function of this file that the caller has called: `done` comes later, on a
//    thread of the implementation, or out of the loop that drives it. So a caller may hold a lock
//    around a call that `done` takes as well.
// 3. At most one of a kind is under way per object: a send and a receive per stream, a dial per
//    dialer, an accept per listener. Another one is a mistake and asserted.
// 4. `done` sees what the starter of the operation wrote before. It may start the next one of the
//    kind on the same object, close it, and free it if nothing else is under way; it must not
//    block.
// 5. The completions of a send and a receive of one stream may run at the same time.
// 6. None has a time limit of its own, but what the network gives up. Who wants one closes the
//    object (or cancels the dial) when a timer of its own goes off.
//
// Life: new -> (operations) -> close -> the operations under way complete -> free.
// After close nothing new begins: an operation that is started later completes with TROUPE_ECLOSED.
// Those under way complete soon: with TROUPE_ECLOSED, unless their outcome was settled before.
// Closing again does nothing. Bytes that a completed send has taken are still delivered after
// close, if nothing goes wrong.
//
// Outcomes, and what they come from in nng:
//
//   TROUPE_OK         it is done                                     0
//   TROUPE_ECLOSED    this side has closed the object                NNG_ECLOSED (after our close)
//   TROUPE_ECANCELED  dial: this side has cancelled it               NNG_ECANCELED
//   TROUPE_EDOWN      the peer has closed the stream, or it is lost  NNG_ECONNSHUT, NNG_ECONNRESET,
//                                                                    NNG_ECLOSED (not by us)
//   TROUPE_ENOENT     dial: refused, nobody listens there            NNG_ECONNREFUSED, NNG_ENOENT
//   TROUPE_EDEAD      dial: there is no way to that host             NNG_EUNREACHABLE
//   TROUPE_ETIMEDOUT  the network gave up                            NNG_ETIMEDOUT
//   TROUPE_EEXIST     listen: the address is in use                  NNG_EADDRINUSE
//   TROUPE_EINVAL     the address is none                            NNG_EADDRINVAL
//   TROUPE_ENOMEM     no memory                                      NNG_ENOMEM
//   TROUPE_ESYSTEM    anything else                                  the others
//
// An orderly close and a loss of the connection look alike (nng reports both as it happens to see
// them): who needs to know has its own protocol say goodbye.
//
// Threads: any may call any function, several at the same time, but for free, which is the last
// call; and of two sends (receives, dials, accepts) one comes after the completion of the other.
#ifndef TRP_TRANSPORT_STREAM_H
#define TRP_TRANSPORT_STREAM_H

#include "troupe/status.h"

#include <stddef.h>
#include <stdint.h>

#define TRP_STREAM_PIECES  4   // of one send
#define TRP_STREAM_ADDRESS 160 // bytes of an address with its 0; a path of 108 with its scheme fits
#define TRP_STREAM_NAME    256 // bytes of a peer's proven name with its 0

#define TRP_STREAM_NO_UID INT64_C(-1)

struct trp_stream;
struct trp_dialer;
struct trp_listener;

// A piece of what is to be sent.
struct trp_piece {
    const void *data;
    size_t size;
};

// Who is at the other end.
struct trp_stream_peer {
    char address[TRP_STREAM_ADDRESS]; // as far as it is known; ""
    char name[TRP_STREAM_NAME];       // that it has proven (TLS: of its certificate); ""
    int64_t uid;                      // that the kernel vouches for; TRP_STREAM_NO_UID
    int64_t pid;                      // likewise; 0
};

// The end of a send or receive. `count`: bytes, 0 unless TROUPE_OK.
typedef void trp_stream_done(void *user, troupe_status status, size_t count);

// The end of a dial or accept. `stream`: the callee's from now on; NULL unless TROUPE_OK.
typedef void trp_stream_made(void *user, troupe_status status, struct trp_stream *stream);

// ---- What an implementation provides, and begins its structs with

struct trp_stream_ops {
    // Sends some of the pieces, from the first byte on; completes when at least one byte is taken,
    // which may be fewer than there are. The array (1..TRP_STREAM_PIECES pieces, at least one byte)
    // is copied; the bytes stay the caller's and in place until `done`.
    void (*send)(struct trp_stream *stream, const struct trp_piece *pieces, size_t count,
                 trp_stream_done *done, void *user);
    // Receives 1..size bytes (size > 0) as soon as any are there. The buffer is the
    // implementation's to write to until `done`, and holds nothing of interest unless TROUPE_OK.
    void (*receive)(struct trp_stream *stream, void *buffer, size_t size, trp_stream_done *done,
                    void *user);
    // Ends the stream for both sides. Cannot fail.
    void (*close)(struct trp_stream *stream);
    // Closes the stream if need be and takes it back. Nothing may be under way. Cannot fail.
    void (*free)(struct trp_stream *stream);
    // Says who is at the other end, as long as the stream is not freed. Cannot fail: what is not
    // known is left empty.
    void (*peer)(struct trp_stream *stream, struct trp_stream_peer *peer);
};

struct trp_dialer_ops {
    // Makes one attempt to reach the dialer's address. On failure the dialer is as before.
    void (*dial)(struct trp_dialer *dialer, trp_stream_made *made, void *user);
    // Has the dial that is under way, if any, complete with TROUPE_ECANCELED, unless its outcome is
    // settled. The dialer can dial again after that.
    void (*cancel)(struct trp_dialer *dialer);
    // Ends the dialer, not the streams that it has made. Cannot fail.
    void (*close)(struct trp_dialer *dialer);
    // Closes the dialer if need be and takes it back. Nothing may be under way. Cannot fail.
    void (*free)(struct trp_dialer *dialer);
};

struct trp_listener_ops {
    // Takes the address; from now on peers can connect, also before they are accepted. Synchronous.
    // On failure (TROUPE_EEXIST, ENOMEM, ECLOSED, ESYSTEM; with a text) it is as before.
    troupe_status (*listen)(struct trp_listener *listener);
    // Waits for the next peer. Only after listen has succeeded: asserted.
    void (*accept)(struct trp_listener *listener, trp_stream_made *made, void *user);
    // Gives the address up; peers that are not accepted are hung up on; accepted streams stay.
    // Cannot fail.
    void (*close)(struct trp_listener *listener);
    // Closes the listener if need be and takes it back. Nothing may be under way. Cannot fail.
    void (*free)(struct trp_listener *listener);
    // Writes the address under which peers reach it, for example with the port that the system has
    // chosen; before listen has succeeded, the one that it was made with. Cannot fail.
    void (*address)(struct trp_listener *listener, char address[TRP_STREAM_ADDRESS]);
};

struct trp_streams_ops {
    // Makes a dialer for an address, which is copied; says nothing about whether it can be reached.
    // Ownership: the caller's, until free. On failure NULL (TROUPE_EINVAL, ENOMEM, ECLOSED; with a
    // text).
    troupe_status (*dialer_new)(void *user, const char *address, struct trp_dialer **dialer);
    // Makes a listener; likewise. It does not listen yet.
    troupe_status (*listener_new)(void *user, const char *address, struct trp_listener **listener);
};

// Begins the struct of an implementation.
struct trp_stream {
    const struct trp_stream_ops *ops; // constant
};

struct trp_dialer {
    const struct trp_dialer_ops *ops; // constant
};

struct trp_listener {
    const struct trp_listener_ops *ops; // constant
};

// One kind of streams, by value; `user` must outlive all that it made.
struct trp_streams {
    const struct trp_streams_ops *ops;
    void *user;
};

// ---- What callers use

static inline void trp_stream_send(struct trp_stream *stream, const struct trp_piece *pieces,
                                   size_t count, trp_stream_done *done, void *user)
{
    stream->ops->send(stream, pieces, count, done, user);
}

static inline void trp_stream_receive(struct trp_stream *stream, void *buffer, size_t size,
                                      trp_stream_done *done, void *user)
{
    stream->ops->receive(stream, buffer, size, done, user);
}

static inline void trp_stream_close(struct trp_stream *stream)
{
    stream->ops->close(stream);
}

static inline void trp_stream_free(struct trp_stream *stream)
{
    stream->ops->free(stream);
}

static inline void trp_stream_peer(struct trp_stream *stream, struct trp_stream_peer *peer)
{
    stream->ops->peer(stream, peer);
}

static inline troupe_status trp_dialer_new(const struct trp_streams *streams, const char *address,
                                           struct trp_dialer **dialer)
{
    return streams->ops->dialer_new(streams->user, address, dialer);
}

static inline void trp_dialer_dial(struct trp_dialer *dialer, trp_stream_made *made, void *user)
{
    dialer->ops->dial(dialer, made, user);
}

static inline void trp_dialer_cancel(struct trp_dialer *dialer)
{
    dialer->ops->cancel(dialer);
}

static inline void trp_dialer_close(struct trp_dialer *dialer)
{
    dialer->ops->close(dialer);
}

static inline void trp_dialer_free(struct trp_dialer *dialer)
{
    dialer->ops->free(dialer);
}

static inline troupe_status trp_listener_new(const struct trp_streams *streams, const char *address,
                                             struct trp_listener **listener)
{
    return streams->ops->listener_new(streams->user, address, listener);
}

static inline troupe_status trp_listener_listen(struct trp_listener *listener)
{
    return listener->ops->listen(listener);
}

static inline void trp_listener_accept(struct trp_listener *listener, trp_stream_made *made,
                                       void *user)
{
    listener->ops->accept(listener, made, user);
}

static inline void trp_listener_close(struct trp_listener *listener)
{
    listener->ops->close(listener);
}

static inline void trp_listener_free(struct trp_listener *listener)
{
    listener->ops->free(listener);
}

static inline void trp_listener_address(struct trp_listener *listener,
                                        char address[TRP_STREAM_ADDRESS])
{
    listener->ops->address(listener, address);
}

#endif
