// What others have attached to an actor, and what is to be looked after when it starts or ends:
// monitors, links, names. Made when the first of them comes, so that an actor that nobody knows
// costs nothing for it; freed with the generation. Guarded by the stripe lock of the slot.
#ifndef TRP_ACTORS_WATCHED_H
#define TRP_ACTORS_WATCHED_H

#include "actors/system.h"

struct trp_watched {
    struct trp_monitor *monitors; // newest first
    struct trp_name *names;       // newest first; see names.c
};

// An empty one; NULL without memory.
struct trp_watched *trp_watched_new(troupe_system *system, struct trp_runner *runner);

// Under the stripe lock: makes sure that a live actor has one and that its end will look at it. It
// takes *spare if it had none, and sets that to NULL. Returns its orders as they were, 0: it has
// ended. See monitor.c [watch] 1.
uint64_t trp_watched_open(struct trp_slot *slot, uint32_t generation, struct trp_watched **spare);

#endif
