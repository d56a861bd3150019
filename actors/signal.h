// Exit signals: what links and troupe_exit tell an actor. See signal.c.
#ifndef TRP_ACTORS_SIGNAL_H
#define TRP_ACTORS_SIGNAL_H

#include "actors/actor.h"
#include "actors/watched.h"
#include "troupe/link.h"

struct trp_signal {
    struct trp_envelope envelope; // when it is trapped
    struct trp_extra extra;
    struct trp_signal *next; // of those that wait; the stripe lock of the receiver's slot
    struct trp_tie *tie;     // fixed; whom it tells of the other end; NULL: of troupe_exit
    // The rest is fixed once it is sent.
    uint32_t incarnation; // the receiver's, for which it is meant
    struct trp_reason reason;
    troupe_exited body;
};

void trp_signal_init(struct trp_signal *signal, struct trp_tie *tie);

// How a signal reaches its receiver.
enum trp_signal_way {
    TRP_SIGNAL_NOT,     // nobody is there, or it has no effect
    TRP_SIGNAL_MESSAGE, // it is trapped
    TRP_SIGNAL_ORDER    // it waits until it is obeyed
};

// Decides it for a receiver with these orders. Under its stripe lock.
enum trp_signal_way trp_signal_way(uint64_t orders, uint32_t generation, uint32_t kind);

// Lets a signal wait. Under the stripe lock of the receiver's slot, which is watched.
void trp_signal_keep(struct trp_slot *slot, struct trp_signal *signal);

// Completes the way, after the lock. A signal that was kept is not touched: it may be gone.
void trp_signal_send(troupe_system *system, struct trp_runner *runner, struct trp_signal *signal,
                     enum trp_signal_way way, struct trp_slot *slot, uint32_t generation);

// Takes up to *room of those that wait and counts them there. Under the stripe lock.
struct trp_signal *trp_signals_cut(struct trp_watched *watched, uint32_t *room);

// Obeys the signals that wait. The slot's consumer.
enum trp_next trp_signals_obey(struct trp_runner *runner, struct trp_slot *slot);

// Gets rid of signals that were cut.
void trp_signals_drop(troupe_system *system, struct trp_runner *runner, struct trp_signal *signals);

// The receiver's consumer, before it handles the message: shows the body. False: the link was cut
// meanwhile, or the incarnation that trapped it has ended.
bool trp_signal_open(struct troupe_ctx *ctx, struct trp_envelope *envelope);

// Gives back what an envelope on its way held.
void trp_signal_done(troupe_system *system, struct trp_runner *runner,
                     struct trp_envelope *envelope);

#endif
