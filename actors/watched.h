// What others have attached to an actor, and what is to be looked after when it starts or ends:
// monitors, links, names. Made when the first of them comes, so that an actor that nobody knows
// costs nothing for it; freed with the generation. Guarded by the stripe lock of the slot.
//
// [batch] However many there are, an activation tells no more than TRP_WATCHED_BATCH of them and
// then lets others have a turn; what is left to be told is seen from the lists themselves. It is
// half of what a worker's run queue holds: all who are told may have to run, and what overflows
// from the queue waits behind them.
#ifndef TRP_ACTORS_WATCHED_H
#define TRP_ACTORS_WATCHED_H

#include "actors/system.h"

#define TRP_WATCHED_BATCH 128u

struct trp_watched {
    struct trp_monitor *monitors; // a ring, oldest first; during a round the next to be told
    struct trp_name *names;       // newest first; see names.c
    struct trp_tie *ties;         // ends of links, see ties.h
    struct trp_signal *signals;   // that wait to be obeyed, oldest first; see signal.c
    struct trp_signal *signals_last;
    uint32_t monitor_count, tie_count, name_count;
    uint32_t round; // of telling all monitors; those that have another one have not been told
};

// An empty one; NULL without memory.
struct trp_watched *trp_watched_new(troupe_system *system, struct trp_runner *runner);

// Frees one that was made in case that it is needed, and was not. NULL: nothing.
void trp_watched_free_spare(troupe_system *system, struct trp_runner *runner,
                            struct trp_watched *spare);

// Under the stripe lock: makes sure that a live actor has one and that its end will look at it. It
// takes *spare if it had none, and sets that to NULL. Returns its orders as they were, 0: it has
// ended. See monitor.c [watch] 1.
uint64_t trp_watched_open(struct trp_slot *slot, uint32_t generation, struct trp_watched **spare);

// Under the stripe lock: something was attached. If that are many by now, the end takes turns.
void trp_watched_grown(struct trp_slot *slot);

// Ends the generation of a slot. Returns its orders as they were.
uint64_t trp_watched_end(struct trp_slot *slot, uint32_t next_generation);

// Afterwards, if trp_watched_must_tell: tells a batch of those who are attached that it has ended
// for slot->reason, and forgets them. True: that were all. The slot's consumer.
bool trp_watched_tell_end(troupe_system *system, struct trp_runner *runner, struct trp_slot *slot);

static inline bool trp_watched_must_tell(uint64_t orders)
{
    // For a supervisor: what it leaves behind is freed after whoever looks up a child has done so.
    return (orders & (TRP_ALIVE_WATCHED | TRP_ALIVE_SUPERVISES)) != 0;
}

#endif
