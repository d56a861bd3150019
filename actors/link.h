// The record of a link. See link.c.
#ifndef TRP_ACTORS_LINK_H
#define TRP_ACTORS_LINK_H

#include "actors/actor.h"
#include "actors/ties.h"
#include "troupe/link.h"

struct trp_bond {           // "link" is a node of a queue, see mailbox/mpsc.h
    _Atomic uint32_t refs;  // see link.c
    struct trp_tie ties[2]; // of who made it, and of the other
};

// ---- Ends

// Cuts up to *room ties of an actor that ends and counts them there; those at the other ends are to
// be told. Under the stripe lock.
struct trp_tie *trp_links_cut(struct trp_watched *watched, uint32_t *room);

// Tells them that this incarnation has ended, after the lock. Ties of a later one, which there will
// not be: that there is nobody.
void trp_links_tell(troupe_system *system, struct trp_runner *runner, struct trp_tie *cut,
                    uint32_t incarnation, const struct trp_reason *reason);

// Tells a batch of what was linked with the incarnation that has ended. True: that was all; from
// here on what is linked with the actor is so with its next incarnation. The slot's consumer.
bool trp_links_end_incarnation(troupe_system *system, struct trp_runner *runner,
                               struct trp_slot *slot);

// Gives back what the signal to this end of a link has held on its way.
void trp_tie_done(troupe_system *system, struct trp_runner *runner, struct trp_tie *tie);

// ---- Linking a new actor

// Makes the record for a link between the running actor and one that it is about to spawn. NULL
// without memory.
struct trp_bond *trp_bond_new(struct troupe_ctx *ctx);

// Gives it back, unused.
void trp_bond_free(troupe_system *system, struct trp_runner *runner, struct trp_bond *bond);

// Links with an actor that nobody else can reach yet, and that will be spawned as watched.
void trp_bond_begin_new(troupe_system *system, struct trp_bond *bond, struct trp_slot *slot,
                        uint32_t generation);

#endif
