// The simulated network: byte streams (transport/stream.h) between hosts that are numbers, on
// virtual time, with every fault that a network has. A host is one simulated system.
//
// What a stream is here: two pipes, one for each direction. A pipe holds a bounded number of bytes
// (so a slow reader makes its peer's sends wait). Bytes travel for the path's delay and arrive in
// pieces that are cut anywhere; always in order, each once. What can go wrong:
//
//   fault       what happens                                              by hand     by chance
//   delay       min + less than spread, seldom + 1..tail                  set_path    always
//   cut         bytes of one send arrive in several pieces                            cut
//   short       a send takes fewer bytes than it could                                short_send
//   drop        the connection is reset: bytes in flight are lost,        drop        drop
//               operations on both sides end with TROUPE_EDOWN
//   end         the connection ends after the bytes in flight             end         end
//   partition   nothing passes between a set of hosts and the others,     partition,  partition
//               dials neither, until it is healed                         heal
//   stall       nothing passes in one direction                           stall       stall
//   slow        a reader takes so many bytes per ms                       slow        slow
//   refuse      dials get TROUPE_ENOENT                                   dials       refuse
//   silence     dials get no answer, and TROUPE_ETIMEDOUT in the end      dials       silence
//   crash       a host's streams die; peers see a reset                   host_down
//   mute crash  or see nothing, until what they send next is answered                 mute_crash
//   lost close  a close is a reset: bytes in flight are lost                          lost_close
//
// By hand: trp_net_..., by chance: a field of trp_net_rates.
//
// Bytes that are due and wait behind a partition or a stall arrive when it ends. If `give_up_us` is
// given and they wait longer, their sender's operations end with TROUPE_ETIMEDOUT and the bytes are
// lost; the peer learns of it by an answer to what it sends next, as with a crash.
//
// Faults by chance: a partition, a stall, a slow reader end by themselves after up to fault_us; one
// partition at a time. Those by hand stay until they are taken back, and add to the others.
//
// How it is driven: whenever virtual time has moved, call trp_net_due before anything else, and run
// what is due in an order of your choice. Nothing happens but in trp_net_run: all completions come
// out of it (and out of trp_net_free).
//
//     while (trp_net_due(net, now) > 0)
//         trp_net_run(net, choose_one_of(trp_net_due(net, now)));
//     now = earliest of (trp_net_next(net), next timer ...)
//
// Every decision goes through `choose`, in which 0 is always the unremarkable one: the least delay,
// no cut, no fault. With a choice of 0 everywhere and all rates 0 it is a perfect network. The same
// calls and choices make the same run.
//
// Memory: from the allocator, at new, host_add, dialer_new, listener_new, and when a dial reaches
// its listener; who gets none has an error status, and nothing else has changed. No fault needs
// memory, nor do sends, receives, accepts.
//
// Threads: one at a time. Nothing of it may be called from within `choose` or `observe`.
#ifndef TRP_SIM_NET_H
#define TRP_SIM_NET_H

#include "base/clock.h"
#include "transport/stream.h"
#include "troupe/allocator.h"

#include <stdbool.h>
#include <stdint.h>

#define TRP_NET_ALL      UINT32_MAX         // in place of a host: each of them
#define TRP_NET_MILLION  UINT32_C(1000000)  // rates are so many of these
#define TRP_NET_BUFFER   UINT32_C(65536)    // bytes in a pipe, unless told otherwise
#define TRP_NET_BACKLOG  16                 // peers that a listener has and has not accepted
#define TRP_NET_DIAL_US  UINT32_C(10000000) // how long a dial waits, unless told otherwise
#define TRP_NET_FAULT_US UINT32_C(1000000)  // how long faults by chance last, at most, likewise

// What a choice is about, so that traces can say it and a shrinker can tell faults from delays.
enum trp_net_choice {
    TRP_NET_CHOOSE_DELAY,      // less than spread us
    TRP_NET_CHOOSE_TAIL,       // whether there is one; by rate, as all below that say "whether"
    TRP_NET_CHOOSE_TAIL_US,    // how long
    TRP_NET_CHOOSE_SHORT,      // whether a send takes less than it could
    TRP_NET_CHOOSE_SHORT_BY,   // by how many bytes, less 1
    TRP_NET_CHOOSE_CUT,        // whether only a piece arrives
    TRP_NET_CHOOSE_CUT_KIND,   // 0: any piece; 1: one byte; 2: all but one byte
    TRP_NET_CHOOSE_CUT_OFF,    // any piece: how many bytes come later, less 1
    TRP_NET_CHOOSE_DROP,       // whether
    TRP_NET_CHOOSE_LOSE,       // 0: bytes that have arrived can still be read after a reset
    TRP_NET_CHOOSE_END,        // whether
    TRP_NET_CHOOSE_PARTITION,  // whether
    TRP_NET_CHOOSE_SIDE,       // of one host
    TRP_NET_CHOOSE_STALL,      // whether
    TRP_NET_CHOOSE_SLOW,       // whether
    TRP_NET_CHOOSE_SLOW_BYTES, // 0: not very: how many bytes per ms less than 256
    TRP_NET_CHOOSE_FAULT_US,   // how long a partition, stall or slowness lasts
    TRP_NET_CHOOSE_REFUSE,     // whether
    TRP_NET_CHOOSE_SILENCE,    // whether
    TRP_NET_CHOOSE_MUTE_CRASH, // whether
    TRP_NET_CHOOSE_CRASH_LOSE, // 0: bytes in flight from a crashed host arrive
    TRP_NET_CHOOSE_LOST_CLOSE, // whether
    TRP_NET_CHOICES
};

// How bytes travel from one host to another. All 0: at once, as many as you like.
struct trp_net_path {
    uint32_t min_us;       // the least delay
    uint32_t spread_us;    // less than this is added, uniformly
    uint32_t tail_us;      // 1..this is added now and then
    uint32_t tail_rate;    // of a million
    uint32_t bytes_per_ms; // bandwidth of each stream; 0: no limit
};

// Of a million, how often a fault comes by chance: of arrivals (cut, drop, end, partition, stall,
// slow), of sends (short_send), of dials that reach their host (refuse, silence, partition), of
// streams of a crashing host (mute_crash), of closes (lost_close).
struct trp_net_rates {
    uint32_t cut;
    uint32_t short_send;
    uint32_t drop;
    uint32_t end;
    uint32_t partition;
    uint32_t stall;
    uint32_t slow;
    uint32_t refuse;
    uint32_t silence;
    uint32_t mute_crash;
    uint32_t lost_close;
};

// What happened, for traces, hashes and counts.
enum trp_net_event_kind {
    TRP_NET_DIAL,             // from dials to; value: nothing
    TRP_NET_CONNECTED,        // from's dial has reached to's listener
    TRP_NET_REFUSED,          // from's dial to `to` will get `status`
    TRP_NET_UNANSWERED,       // from's dial to `to` gets no answer
    TRP_NET_ARRIVED,          // value: bytes from `from` at `to`
    TRP_NET_CUT,              // value: bytes that come later than the piece that arrived
    TRP_NET_SHORT,            // value: bytes that a send of `from` could have taken as well
    TRP_NET_DONE_SEND,        // from has sent to `to`; value: bytes; status
    TRP_NET_DONE_RECEIVE,     // to has received from `from`; value: bytes; status
    TRP_NET_DONE_DIAL,        // from's dial to `to` has completed; status
    TRP_NET_DONE_ACCEPT,      // to's accept of from has completed; status
    TRP_NET_CLOSED,           // from has closed its stream to `to`
    TRP_NET_LOST_CLOSE,       // and that was a reset; value: bytes lost
    TRP_NET_DROP,             // the stream between from and to; value: bytes lost
    TRP_NET_END,              // the stream between from and to
    TRP_NET_LOST,             // bytes from `from` found nobody at `to`; value: how many
    TRP_NET_RESET,            // to is told that its peer on from is not there any more
    TRP_NET_GAVE_UP,          // from does not wait any more for to; value: bytes lost
    TRP_NET_PARTITION,        // by hand; value: bit h is set for host h < 64 on one side
    TRP_NET_CHANCE_PARTITION, // likewise; ends by itself
    TRP_NET_HEALED,           // by hand: all partitions and stalls
    TRP_NET_CHANCE_HEALED,    // the one by chance
    TRP_NET_STALL,            // from -> to; value: us, 0: until it is taken back
    TRP_NET_UNSTALLED,        // from -> to
    TRP_NET_SLOW,             // to takes from from; value: bytes per ms
    TRP_NET_FAST,             // to takes from from as fast as it likes again
    TRP_NET_DOWN,             // host from
    TRP_NET_MUTE,             // from's crash is not told to to
    TRP_NET_UP,               // host from
    TRP_NET_EVENTS
};

struct trp_net_event {
    uint64_t time;
    enum trp_net_event_kind kind;
    uint32_t from, to;
    troupe_status status;
    uint64_t value;
};

struct trp_net_opts {
    troupe_allocator allocator;
    // Returns one of 0..count-1; `kind` is an enum trp_net_choice. Not called for a count of 1, nor
    // for a rate of 0.
    uint32_t (*choose)(void *user, uint32_t kind, uint32_t count);
    void (*observe)(void *user, const struct trp_net_event *event); // may be NULL
    void *user;
    struct trp_net_path path;   // between two hosts, unless trp_net_set_path says otherwise
    struct trp_net_rates rates; // 0: never
    uint32_t buffer;            // bytes in a pipe, sent and not received; 0: TRP_NET_BUFFER
    uint32_t dial_us;           // after which a dial without an answer ends; 0: TRP_NET_DIAL_US
    uint32_t give_up_us;        // after which bytes that cannot pass are lost; 0: never
    uint32_t fault_us;          // longest fault by chance; 0: TRP_NET_FAULT_US
};

struct trp_net;

// ---- Life

// Makes a network without hosts. `opts` is copied. NULL without memory.
struct trp_net *trp_net_new(const struct trp_net_opts *opts, uint64_t now);

// Completes all operations with TROUPE_ECLOSED (but of crashed hosts) and frees all there is.
// Returns how many streams, dialers and listeners their owners had not freed after that: those
// would have leaked. Not from within a completion.
uint32_t trp_net_free(struct trp_net *net);

// Adds a host, which is up. They are counted from 0 on.
troupe_status trp_net_host_add(struct trp_net *net, uint32_t *host);

// Makes the streams of a host. Addresses are "sim://HOST/NAME", for example "sim://2/links"; NAME
// is not empty; HOST of a listener is this host.
struct trp_streams trp_net_streams(struct trp_net *net, uint32_t host);

// ---- Driving it

// Returns the earliest time at which something is due; TRP_NEVER: nothing will be by itself.
uint64_t trp_net_next(const struct trp_net *net);

// Returns how many events are due at `now`, which never goes back. Those from 0 on: the earliest
// first, and of the same time the one first that was planned first.
uint32_t trp_net_due(struct trp_net *net, uint64_t now);

// Runs one of those that are due. Others may become due, or not be any more, by that.
void trp_net_run(struct trp_net *net, uint32_t index);

// ---- Faults by hand. None of them fails. `from` and `to` may be TRP_NET_ALL. No host: asserted.

// Says how bytes travel from now on.
void trp_net_set_path(struct trp_net *net, uint32_t from, uint32_t to,
                      const struct trp_net_path *path);

// Sets the rates from now on, for example to none, to let all come to rest.
void trp_net_set_rates(struct trp_net *net, const struct trp_net_rates *rates);

// Separates a set of hosts from all others that there are; adds to partitions before it.
void trp_net_partition(struct trp_net *net, const uint32_t *hosts, uint32_t count);

// Ends all partitions and stalls, those by chance as well.
void trp_net_heal(struct trp_net *net);

// Has bytes from `from` to `to` wait, those of dials and answers to dials as well; or no longer.
void trp_net_stall(struct trp_net *net, uint32_t from, uint32_t to, bool stalled);

// Has `to` take at most so many bytes per ms of each stream from `from`; 0: no limit any more.
void trp_net_slow(struct trp_net *net, uint32_t from, uint32_t to, uint32_t bytes_per_ms);

// Resets all connections between the two hosts: bytes in flight are lost, both sides see it at
// once. Returns how many there were.
uint32_t trp_net_drop(struct trp_net *net, uint32_t a, uint32_t b);

// Ends all connections between the two hosts in order: what was sent arrives, then both sides see
// it. Returns how many there were.
uint32_t trp_net_end(struct trp_net *net, uint32_t a, uint32_t b);

enum trp_net_dials {
    TRP_NET_ANSWER, // as usual
    TRP_NET_REFUSE, // TROUPE_ENOENT
    TRP_NET_SILENT  // TROUPE_ETIMEDOUT, after dial_us
};

// Says what becomes of dials of `from` that reach `to` from now on.
void trp_net_dials(struct trp_net *net, uint32_t from, uint32_t to, enum trp_net_dials dials);

// Crashes a host: all its streams, dialers and listeners are dead without a word. Its operations
// never complete, and calls do nothing; what its program still has can be freed by it until the
// host is up again, when it is freed here. Dials to it are refused.
void trp_net_host_down(struct trp_net *net, uint32_t host);

// Starts it again, with nothing that it had.
void trp_net_host_up(struct trp_net *net, uint32_t host);

bool trp_net_host_is_up(const struct trp_net *net, uint32_t host);

// The name of an event's kind, for traces. Static text.
const char *trp_net_event_name(enum trp_net_event_kind kind);

#endif
