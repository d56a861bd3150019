// The actors that belong to the system: how many there are, telling them all, waiting for the last.
//
// They are in no list: a bit of a slot's orders says that a root lives there. Whoever wants them
// all walks the slots, which is rare; so the start and the end of a root share nothing with others.
//
// [roots] They are counted by two counters for each runner, of starts and of ends:
// 1. A root is counted as started before it is alive, by its spawner, which lives in an actor that
//    belongs to another root, or is a thread outside; and as ended (release) when all is done.
// 2. Ends are summed first (acquire), then starts. What a summed end comes after is seen by then.
// So
//    if the sums are equal, all that had started when the last end was read had ended.
//
// [await] Who waits for the last one is not told by every root's end. It marks one that is alive,
// in the word that its end replaces: the end of that one looks again, and marks another.
//
// [closed] A spawner counts, then looks whether the system is closed; a stop closes it, then sums:
// one of them sees the other. Likewise with the bit that says that it is alive, and the walk. The
// stop passes a heavy barrier in between, so that spawners on our threads need none; see bias.h.
#include "actors/actor.h"

#include <sched.h>
#include <stdio.h>

// ---- Counting

static void count(trp_counter *own, trp_counter *outside)
{
    if (own && TRP_LIKELY(TRP_BIAS_IS_LIGHT())) {
        // relaxed: one writer; ordered by the barrier [closed].
        atomic_store_explicit(own, atomic_load_explicit(own, memory_order_relaxed) + 1,
                              memory_order_relaxed);
        atomic_signal_fence(memory_order_seq_cst);
    } else {
        atomic_fetch_add(own ? own : outside, 1); // seq_cst [closed]
    }
}

bool trp_roots_enter(troupe_system *system, struct trp_runner *runner)
{
    count(runner ? &runner->counters.roots_started : NULL, &system->outside_counters.roots_started);
    if (TRP_LIKELY(!atomic_load(&system->closed))) // seq_cst [closed]
        return true;
    trp_roots_leave(system, runner, false);
    return false;
}

static void look_again(troupe_system *system)
{
    trp_lock_acquire(&system->roots_lock);
    if (system->waiters)
        (void)trp_roots_gone(system);
    trp_lock_release(&system->roots_lock);
}

void trp_roots_leave(troupe_system *system, struct trp_runner *runner, bool awaited)
{
    trp_counter *ended =
        runner ? &runner->counters.roots_ended : &system->outside_counters.roots_ended;
    TRP_YIELD("roots: before an end is counted");
    // release [roots] 2.
    if (runner) // one writer
        atomic_store_explicit(ended, atomic_load_explicit(ended, memory_order_relaxed) + 1,
                              memory_order_release);
    else
        atomic_fetch_add_explicit(ended, 1, memory_order_release);
    if (TRP_UNLIKELY(awaited))
        look_again(system);
}

// [await] It looks again itself when it is counted: it has no mark any more that tells it to. It is
// not one that lingers by then, so that whoever looks in between waits for the count.
void trp_roots_lingers(troupe_system *system, struct trp_slot *slot, bool lingers)
{
    slot->awaited = 1;
    if (lingers)
        atomic_fetch_add(&system->root_lingers, 1);
    else
        atomic_fetch_sub(&system->root_lingers, 1);
}

static bool are_gone(troupe_system *system)
{
    uint64_t ended =
        atomic_load_explicit(&system->outside_counters.roots_ended, memory_order_acquire);
    for (struct trp_runner *runner = atomic_load(&system->runners); runner; runner = runner->next)
        ended += atomic_load_explicit(&runner->counters.roots_ended, memory_order_acquire);
    TRP_YIELD("roots: between the sums");
    uint64_t started = atomic_load(&system->outside_counters.roots_started);
    for (struct trp_runner *runner = atomic_load(&system->runners); runner; runner = runner->next)
        started += atomic_load(&runner->counters.roots_started);
    return started == ended;
}

// ---- All of them

#define ROOT_ALIVE (TRP_ALIVE | TRP_ALIVE_ROOT)

// Gives one that is alive an order; 0: drains it, or has it stop when there is no memory for that.
static void order_root(troupe_system *system, struct trp_runner *runner, struct trp_slot *slot,
                       uint32_t order)
{
    uint64_t orders = atomic_load(&slot->orders); // seq_cst [closed]
    uint32_t generation = (uint32_t)(orders >> 32);
    if ((orders & ROOT_ALIVE) != ROOT_ALIVE)
        return;
    if (order == 0 && !trp_drain(system, runner, slot, generation))
        order = TRP_ORDER_STOP;
    if (order != 0)
        (void)trp_slot_order(system, runner, slot, generation, order);
}

static void order_all(troupe_system *system, struct trp_runner *runner, uint32_t order)
{
    trp_bias_barrier(); // [closed]
    // The newest first, as far as places tell.
    for (uint32_t i = atomic_load(&system->slots.count); i-- > 0;)
        order_root(system, runner, trp_slot_place(&system->slots, i), order);
}

void trp_roots_order(troupe_system *system, uint32_t order)
{
    order_all(system, NULL, order);
}

// ---- One that gives up

void trp_system_gave_up(troupe_system *system, struct trp_slot *supervisor, const char *why)
{
    atomic_fetch_add_explicit(&system->root_failures, 1, memory_order_relaxed); // as root_gone
    trp_lock_acquire(&system->roots_lock);
    if (!atomic_load_explicit(&system->gave_up, memory_order_relaxed)) {
        struct trp_culprit *culprit = &system->culprit;
        culprit->ref = trp_ref(system, supervisor->index, trp_slot_generation(supervisor));
        (void)snprintf(culprit->name, sizeof culprit->name, "%s", trp_actor_name(supervisor));
        (void)snprintf(culprit->text, sizeof culprit->text, "%s", why);
        atomic_store_explicit(&system->gave_up, true, memory_order_release);
    }
    trp_lock_release(&system->roots_lock);
}

troupe_status trp_say_closed(troupe_system *system, const char *behavior)
{
    // acquire: of the culprit.
    bool gave_up = atomic_load_explicit(&system->gave_up, memory_order_acquire);
    return trp_error(TROUPE_ECLOSED, "no new %s: the system is stopping%s%s%s", behavior,
                     gave_up ? ": supervisor " : "", gave_up ? system->culprit.name : "",
                     gave_up ? " gave up" : "");
}

// Drained, so that those who watched it see its end before theirs.
void trp_root_that_gave_up_is_gone(troupe_system *system, struct trp_runner *runner,
                                   const struct trp_slot *root)
{
    // acquire: of the culprit. Another actor in the same place later finds all done already.
    if (TRP_LIKELY(!atomic_load_explicit(&system->gave_up, memory_order_acquire)) ||
        root->index != system->culprit.ref.slot)
        return;
    atomic_store(&system->closed, true); // seq_cst [closed]
    order_all(system, runner, 0);
}

// Marks one that is alive [await], from where the last one was on. False: found none.
static bool await_one(troupe_system *system)
{
    uint32_t slots = atomic_load(&system->slots.count);
    for (uint32_t i = 0; i < slots; i++) {
        uint32_t index = (uint32_t)(((uint64_t)system->root_awaited + i) % slots);
        struct trp_slot *slot = trp_slot_place(&system->slots, index);
        uint64_t orders = atomic_load_explicit(&slot->orders, memory_order_relaxed);
        while ((orders & ROOT_ALIVE) == ROOT_ALIVE) {
            TRP_YIELD("roots: before one is marked");
            // acq_rel: its end sees that somebody waits.
            if (!atomic_compare_exchange_weak_explicit(&slot->orders, &orders,
                                                       orders | TRP_ALIVE_AWAITED,
                                                       memory_order_acq_rel, memory_order_relaxed))
                continue;
            system->root_awaited = index;
            return true;
        }
    }
    return false;
}

bool trp_roots_gone(troupe_system *system)
{
    for (;;) {
        if (are_gone(system)) {
            trp_system_wake_waiters(system);
            return true;
        }
        if (await_one(system) || atomic_load(&system->root_lingers) != 0)
            return false;
        // Some have been counted and are not alive yet, or have ended and are not counted yet, or
        // came to be behind our back.
        TRP_YIELD("roots: waiting for a count");
        sched_yield();
    }
}
