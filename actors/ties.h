// Ties: the ends of links. Each actor that is linked has a set of them, to be found by the ref of
// the other actor. Guarded by whoever owns the set, see link.c.
//
// The set is a tree whose paths are the bits of the refs' hashes, two at a time: no memory but the
// nodes themselves, and no order to be kept. Several ties may have the same ref; they are on one
// path.
#ifndef TRP_ACTORS_TIES_H
#define TRP_ACTORS_TIES_H

#include "actors/signal.h"

enum trp_tie_state {
    TRP_TIE_CUT = 0,  // in no set
    TRP_TIE_TIED = 1, // linked
    TRP_TIE_TOLD = 2  // the other end has ended: the signal is on its way
};

struct trp_tie {
    struct trp_tie *children[4]; // the set's; [0] also of a list of those that were cut
    struct trp_bond *bond;       // fixed
    troupe_ref peer;             // fixed; who is at the other end
    struct trp_slot *slot;       // fixed; whose tie it is; NULL: nobody's
    uint32_t generation;         // fixed; likewise
    uint32_t incarnation;        // fixed; likewise
    uint32_t state;              // enum trp_tie_state; the stripe lock of `slot`
    struct trp_signal signal;    // what tells `slot` of the peer's end; reserved
};

void trp_ties_add(struct trp_tie **ties, struct trp_tie *tie);

// Returns a tie with that peer in one of the states, or NULL.
struct trp_tie *trp_ties_find(struct trp_tie *ties, troupe_ref peer, uint32_t states);

// Takes a tie out that is in the set.
void trp_ties_remove(struct trp_tie **ties, struct trp_tie *tie);

// Takes any tie out of a set that is not empty.
struct trp_tie *trp_ties_take(struct trp_tie **ties);

#endif
