// A simulated network (sim/net.h) for a test: with a seed, a clock of its own, an allocator that
// counts and can fail, and books of what has happened.
#ifndef TESTS_SUPPORT_NET_STAGE_H
#define TESTS_SUPPORT_NET_STAGE_H

#include "base/random.h"
#include "sim/net.h"

#define NET_STAGE_START UINT64_C(1000000000)
#define NET_STAGE_MS    UINT64_C(1000000)
#define NET_STAGE_HOSTS 10 // at most

// Fewer seeds where each costs more.
#ifdef NET_STAGE_SEEDS
// By the compiler's command line.
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#    define NET_STAGE_SEEDS 150
#else
#    define NET_STAGE_SEEDS 1000
#endif

struct net_stage {
    struct trp_net *net;
    struct trp_random random;
    bool plain;                       // every choice is 0
    uint32_t forced[TRP_NET_CHOICES]; // but the next of a kind is this, if it is not 0
    uint64_t now;
    uint64_t hash;                             // of all events
    uint64_t counts[TRP_NET_EVENTS];           // of this stage
    uint64_t asked;                            // choices
    struct trp_net_event last[TRP_NET_EVENTS]; // of each kind
    // Who is separated from whom, as the events say; the test fails if anything passes.
    uint32_t hosts;
    bool parted[NET_STAGE_HOSTS][NET_STAGE_HOSTS], stalled[NET_STAGE_HOSTS][NET_STAGE_HOSTS];
    uint64_t chance_partition; // the set; 0: none
    long blocks;               // given out and not given back
    long allocations, fail;    // the one that fails; 0: none
};

// Fills in allocator, choose, observe and user, and makes the network with so many hosts.
void net_stage_open(struct net_stage *stage, uint64_t seed, struct trp_net_opts opts,
                    uint32_t hosts);

// The same without the network: for what must go on when making it fails.
void net_stage_prepare(struct net_stage *stage, uint64_t seed, struct trp_net_opts *opts);

// Frees the network; fails the test if anything leaked.
void net_stage_close(struct net_stage *stage);

// Runs one of the events that are due, moving the clock to the next one if none is. False: there
// is none, or it is later than `until`; the clock is at `until` then, if that is not TRP_NEVER.
bool net_stage_step(struct net_stage *stage, uint64_t until);

// Runs all that happens within `ms`, or ever.
void net_stage_advance(struct net_stage *stage, uint64_t ms);
void net_stage_settle(struct net_stage *stage);

// ---- An operation and what came of it

struct net_op {
    unsigned begun, done;
    troupe_status status;
    size_t size;
    struct trp_stream *stream;
    uint64_t at; // when
    struct net_stage *stage;
};

void net_op_moved(void *user, troupe_status status, size_t size);
void net_op_made(void *user, troupe_status status, struct trp_stream *stream);

// Begin it.
void net_send(struct net_stage *stage, struct net_op *op, struct trp_stream *stream,
              const void *bytes, size_t size);
void net_receive(struct net_stage *stage, struct net_op *op, struct trp_stream *stream,
                 void *buffer, size_t size);

// Fails the test unless it has completed so.
void net_expect(const struct net_op *op, troupe_status status, size_t size);

// Fails the test unless it is under way.
void net_expect_waiting(const struct net_op *op);

// ---- Two hosts that are connected

struct net_pair {
    struct trp_listener *listener;
    struct trp_dialer *dialer;
    struct trp_stream *near, *far; // of who dialed, of who listened
    struct net_op dial, accept, near_send, near_receive, far_send, far_receive;
};

// Host 0 dials host 1, until the two are connected; or only begins to.
void net_pair_meet(struct net_stage *stage, struct net_pair *pair);
void net_pair_prepare(struct net_stage *stage, struct net_pair *pair);

// Frees all that the pair has; nothing is under way.
void net_pair_free(struct net_pair *pair);

#endif
