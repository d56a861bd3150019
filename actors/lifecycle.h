// What lifecycle.c, end.c and abandon.c do for each other, on the slot's consumer. What they do for
// all others is in actor.h.
#ifndef TRP_ACTORS_LIFECYCLE_H
#define TRP_ACTORS_LIFECYCLE_H

#include "actors/actor.h"

static inline struct troupe_ctx *trp_body(struct trp_slot *slot)
{
    return atomic_load_explicit(&slot->body, memory_order_relaxed); // the consumer wrote it
}

static inline uint32_t trp_incarnation(struct trp_slot *slot)
{
    return atomic_load_explicit(&slot->incarnation, memory_order_relaxed); // likewise
}

// Tells the probe of the seams that it starts, or exits.
void trp_observe_life(troupe_system *system, enum trp_probe_kind kind, const struct trp_slot *slot,
                      uint32_t generation, uint64_t value);

// ---- lifecycle.c

// More is to be told than an activation may tell: trp_tell_on goes on with it.
void trp_tell_later(struct trp_slot *slot, enum trp_telling what);

// ---- end.c

// The incarnation ends, for the reason that the slot has got: first its children do.
enum trp_next trp_begin_stop(struct trp_runner *runner, struct trp_slot *slot);

// Tells what was linked with the incarnation, then asks the owner what shall become of the actor.
void trp_await_verdict(struct trp_runner *runner, struct trp_slot *slot);

// Tells all who are attached that the actor has ended for good, then frees it.
void trp_tell_end(struct trp_runner *runner, struct trp_slot *slot);

// Ends all that the incarnation had set up and that others can see, but for its links. Its messages
// stay.
void trp_drop_handles(struct trp_runner *runner, struct trp_slot *slot, struct troupe_ctx *ctx);

#endif
