// See watched.h, and for what decides between a watcher and an end, monitor.c [watch].
#include "actors/watched.h"

#include "actors/link.h"
#include "actors/monitor.h"
#include "actors/names.h"
#include "actors/signal.h"

#include <string.h>

struct trp_watched *trp_watched_new(troupe_system *system, struct trp_runner *runner)
{
    struct trp_watched *watched = trp_take(system, runner, sizeof *watched);
    if (watched)
        memset(watched, 0, sizeof *watched);
    return watched;
}

void trp_watched_free_spare(troupe_system *system, struct trp_runner *runner,
                            struct trp_watched *spare)
{
    if (spare)
        trp_give(system, runner, spare, sizeof *spare);
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

void trp_watched_grown(struct trp_slot *slot)
{
    const struct trp_watched *watched = slot->watched;
    uint32_t count = watched->monitor_count + watched->tie_count + watched->name_count;
    if (TRP_LIKELY(count != TRP_WATCHED_BATCH + 1))
        return;
    // relaxed: a hint. The generation may be over by now; but its end waits for the lock before the
    // slot is used again, which stores the whole word.
    atomic_fetch_or_explicit(&slot->orders, TRP_ALIVE_MANY, memory_order_relaxed);
}

// ---- The end

uint64_t trp_watched_end(struct trp_slot *slot, uint32_t next_generation)
{
    // From here on senders and orders find it dead. The bits of orders go with the generation.
    // relaxed: senders need no more, and what is promised is promised by the orders.
    atomic_store_explicit(&slot->generation, next_generation, memory_order_relaxed);
    TRP_YIELD("watched end: before the generation ends");
    // acq_rel [watch] 1, [alive].
    return atomic_exchange_explicit(&slot->orders, (uint64_t)next_generation << 32,
                                    memory_order_acq_rel);
}

__attribute__((noinline)) bool
trp_watched_tell_end(troupe_system *system, struct trp_runner *runner, struct trp_slot *slot)
{
    uint32_t room = TRP_WATCHED_BATCH;
    uint32_t incarnation = atomic_load_explicit(&slot->incarnation, memory_order_relaxed); // ours
    struct trp_tie *ties = NULL;
    struct trp_monitor *monitors = NULL;
    struct trp_signal *signals = NULL;
    TRP_YIELD("watched end: before the lock");
    struct trp_lock *lock = trp_stripe(system, slot->index);
    trp_lock_acquire(lock);
    struct trp_watched *watched = slot->watched;
    if (watched) {
        ties = trp_links_cut(watched, &room);
        monitors = trp_monitors_cut(watched, &room, incarnation, &slot->reason);
        signals = trp_signals_cut(watched, &room); // for nobody
    }
    bool all = watched == NULL || !(watched->ties || watched->monitors || watched->signals);
    trp_lock_release(lock);
    trp_links_tell(system, runner, ties, incarnation, &slot->reason);
    trp_monitors_tell(system, runner, monitors);
    trp_signals_drop(system, runner, signals);
    if (watched == NULL)
        return true;
    // Nobody has found the names since the generation ended, nor looks here without finding it.
    if (!all || !trp_names_release_some(system, runner, watched, TRP_WATCHED_BATCH))
        return false;
    slot->watched = NULL;
    trp_give(system, runner, watched, sizeof *watched);
    return true;
}
