// See watched.h, and for what decides between a watcher and an end, monitor.c [watch].
#include "actors/watched.h"

#include <string.h>

struct trp_watched *trp_watched_new(troupe_system *system, struct trp_runner *runner)
{
    struct trp_watched *watched = trp_take(system, runner, sizeof *watched);
    if (watched)
        memset(watched, 0, sizeof *watched);
    return watched;
}

uint64_t trp_watched_open(struct trp_slot *slot, uint32_t generation, struct trp_watched **spare)
{
    // acquire: of the spawn, and of the steps of the target that took the lock before.
    uint64_t old = atomic_load_explicit(&slot->orders, memory_order_acquire);
    do {
        if (!trp_slot_lives(old, generation))
            return 0;
        if (old & TRP_ALIVE_WATCHED)
            break;
        TRP_YIELD("monitor begin: before watched");
    } while (!atomic_compare_exchange_weak_explicit(&slot->orders, &old, old | TRP_ALIVE_WATCHED,
                                                    memory_order_acq_rel, memory_order_acquire));
    if (slot->watched == NULL) {
        slot->watched = *spare;
        *spare = NULL;
    }
    return old;
}
