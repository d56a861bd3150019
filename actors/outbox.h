// What a handler that floods has sent and not yet delivered: chains of messages, one for each of
// the last targets, that go into a mailbox by one exchange each.
//
// A message is usually delivered at once. A handler that has sent more than a few is likely to send
// many more; then each exchange would wait for all writes before it, and two senders on two CPUs
// would pull the mailbox's cache line to and fro for each message. Chains spare most of that.
//
// What one actor sends to another one arrives in order: a chain keeps it, and all chains are
// delivered before the sender does anything else through its ctx (trp_enter), when its handler
// ends, and every TRP_OUTBOX_ALL messages. Between different targets there is no order. A handler
// that only computes after a flood delays the last few until it returns, or until a parked worker
// delivers them for it, within the bound that holds for everything that is runnable. For the
// threads of actors that have their own nobody does that, so that nothing is kept there, nor for
// such actors.
//
// The outbox belongs to its runner, inside the guard; whoever has frozen the guard may deliver.
#ifndef TRP_ACTORS_OUTBOX_H
#define TRP_ACTORS_OUTBOX_H

#include "actors/slot.h"

#define TRP_OUTBOX_AFTER   16u   // messages of one handler that are delivered at once
#define TRP_OUTBOX_CHAIN   64u   // length at which a chain is delivered
#define TRP_OUTBOX_ALL     4096u // messages after which all chains are
#define TRP_OUTBOX_TARGETS 64u

struct trp_outbox_chain {
    struct trp_slot *slot; // valid while its bit of `used` is set
    struct trp_link *first, *last;
    uint32_t length;
};

struct trp_outbox {
    uint32_t sent;         // by the running handler
    _Atomic uint64_t used; // which chains hold something; others may look at it
    struct trp_outbox_chain chains[TRP_OUTBOX_TARGETS]; // by the index of the slot
};

// Adds a message whose header is complete. `runner` is the calling thread's.
void trp_outbox_add(struct trp_runner *runner, struct trp_slot *slot, struct trp_link *link);

// Delivers everything. `by` is the calling thread's runner or NULL; if it is another one than
// `runner`, the caller has frozen the guard of that.
void trp_outbox_deliver(struct trp_runner *runner, struct trp_runner *by);

static inline bool trp_outbox_is_empty(const struct trp_outbox *outbox)
{
    // relaxed: the runner's own; a hint for others.
    return atomic_load_explicit(&outbox->used, memory_order_relaxed) == 0;
}

#endif
