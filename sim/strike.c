// What faults do that strike actors: kills at once; failures and slow handlers when the actor is
// called next, which is asked for by a seam of its system; hangs by holding its task out of what is
// runnable. And the lack of memory, which strikes a system.
//
// An actor that hangs is one whose handler does not return: no order gets it going earlier. But a
// kill does after its grace, when on real threads the handler would be given up.
#include "actors/actor.h"
#include "base/cpu.h"
#include "sim/core.h"

#include <string.h>

// ---- Those that are struck

static struct trp_sim_struck *find(troupe_sim *sim, troupe_sim_fault_kind kind,
                                   const struct trp_sim_node *node, const struct trp_slot *slot)
{
    uint32_t generation = trp_slot_generation(slot);
    for (uint32_t i = 0; i < sim->struck_count; i++) {
        struct trp_sim_struck *struck = &sim->struck[i];
        if (struck->kind == kind && struck->node == node->index && struck->slot == slot->index &&
            struck->generation == generation)
            return struck;
    }
    return NULL;
}

// Also makes its task runnable again.
static void forget(troupe_sim *sim, struct trp_sim_struck *struck, troupe_system *system)
{
    if (struck->task && system)
        trp_schedule(system->scheduler, NULL, struck->task);
    sim->hung -= struck->kind == TROUPE_SIM_HANG;
    *struck = sim->struck[--sim->struck_count];
}

void trp_sim_forget_struck(struct trp_sim_node *node, troupe_system *system)
{
    troupe_sim *sim = node->sim;
    for (uint32_t i = sim->struck_count; i-- > 0;) {
        if (sim->struck[i].node == node->index)
            forget(sim, &sim->struck[i], system);
    }
}

static bool is_alive(const troupe_sim *sim, const struct trp_sim_struck *struck)
{
    const troupe_system *system = sim->nodes[struck->node]->system;
    return trp_slot_lives(atomic_load(&trp_slot_at(&system->slots, struck->slot)->orders),
                          struck->generation);
}

// Forgets those that have ended before they felt anything.
static bool make_room(troupe_sim *sim)
{
    for (uint32_t i = sim->struck_count; i-- > 0;) {
        if (!is_alive(sim, &sim->struck[i]))
            forget(sim, &sim->struck[i], NULL);
    }
    return sim->struck_count < TRP_SIM_STRUCK;
}

// ---- Whom

struct target {
    struct trp_sim_node *node;
    struct trp_slot *slot;
};

static bool is_meant(const char *wanted, const char *name)
{
    return wanted == NULL || strcmp(wanted, name) == 0;
}

// Tells whether a fault would still have an effect on an actor. Between two incarnations nothing of
// it runs; while it stops it may hang or be killed, but gets no messages.
static bool is_within_reach(troupe_sim_fault_kind kind, const struct trp_slot *slot,
                            uint64_t orders)
{
    if (!(orders & TRP_ALIVE) || atomic_load(&slot->ops) != NULL || slot->phase == TRP_AWAITING)
        return false;
    if (kind == TROUPE_SIM_KILL)
        return !(orders & TRP_ORDER_KILL) && slot->reason.kind != TROUPE_KILLED;
    return kind == TROUPE_SIM_HANG || slot->phase != TRP_STOPPING;
}

static bool may_strike(const troupe_sim_fault *fault, const struct target *target)
{
    struct trp_slot *slot = target->slot;
    uint64_t orders = atomic_load(&slot->orders);
    if (!is_within_reach(fault->kind, slot, orders))
        return false;
    bool meant = fault->actor ? is_meant(fault->actor, trp_actor_name(slot))
                              : !(orders & TRP_ALIVE_SUPERVISES);
    return meant && find(target->node->sim, fault->kind, target->node, slot) == NULL;
}

// Looks for target number `wanted` of those that the fault may strike. Returns its number, or how
// many there are.
static uint32_t find_actor(troupe_sim *sim, const troupe_sim_fault *fault, uint32_t wanted,
                           struct target *target)
{
    uint32_t number = 0;
    for (uint32_t i = 0; i < sim->node_count; i++) {
        target->node = sim->nodes[i];
        if (target->node->system == NULL || !is_meant(fault->system, target->node->name))
            continue;
        const struct trp_slot_table *slots = &target->node->system->slots;
        uint32_t count = atomic_load(&slots->count);
        for (uint32_t j = 0; j < count; j++) {
            target->slot = trp_slot_at(slots, j);
            if (!may_strike(fault, target))
                continue;
            if (number == wanted)
                return number;
            number++;
        }
    }
    return number;
}

static struct trp_sim_node *find_system(troupe_sim *sim, const troupe_sim_fault *fault,
                                        uint32_t wanted, uint32_t *number)
{
    *number = 0;
    for (uint32_t i = 0; i < sim->node_count; i++) {
        struct trp_sim_node *node = sim->nodes[i];
        bool starves = fault->kind == TROUPE_SIM_NO_MEMORY && node->starved;
        if (node->system == NULL || starves || !is_meant(fault->system, node->name))
            continue;
        if (*number == wanted)
            return node;
        ++*number;
    }
    return NULL;
}

// ---- Striking

static const char *const names[] = {[TROUPE_SIM_FAIL] = "failure",
                                    [TROUPE_SIM_KILL] = "kill",
                                    [TROUPE_SIM_HANG] = "hang",
                                    [TROUPE_SIM_SLOW] = "slowness"};

static troupe_ref ref_of(const struct target *target)
{
    return trp_ref(target->node->system, target->slot->index, trp_slot_generation(target->slot));
}

static void add(troupe_sim *sim, const struct target *target, const struct trp_sim_struck *what)
{
    struct trp_sim_struck *struck = &sim->struck[sim->struck_count++];
    *struck = *what;
    struck->node = target->node->index;
    struck->slot = target->slot->index;
    struck->generation = trp_slot_generation(target->slot);
}

static uint64_t hung_until(const troupe_sim *sim, uint32_t ms)
{
    return ms == TROUPE_NO_LIMIT ? TRP_NEVER : trp_deadline(sim->now, ms * TRP_NS_PER_MS);
}

static void reach(troupe_sim *sim, const troupe_sim_fault *fault, uint32_t draw,
                  const struct target *target)
{
    struct trp_sim_struck what = {.kind = fault->kind};
    if (fault->kind == TROUPE_SIM_KILL) {
        (void)troupe_kill(troupe_outside(target->node->system), ref_of(target));
        return;
    }
    if (fault->kind == TROUPE_SIM_FAIL) {
        what.after = trp_sim_part(&draw, 2) != 0;
    } else if (fault->kind == TROUPE_SIM_SLOW) {
        what.ns = trp_sim_fault_ms(fault, &draw) * TRP_NS_PER_MS;
    } else {
        what.ns = hung_until(sim, trp_sim_fault_ms(fault, &draw));
        sim->hung++;
        sim->attends = true;
    }
    add(sim, target, &what);
}

bool trp_sim_strike_actor(troupe_sim *sim, const troupe_sim_fault *fault, uint32_t draw)
{
    struct target target;
    uint32_t count = make_room(sim) ? find_actor(sim, fault, UINT32_MAX, &target) : 0;
    if (count == 0)
        return false;
    (void)find_actor(sim, fault, trp_sim_part(&draw, count), &target);
    troupe_ref ref = ref_of(&target);
    char who[TRP_SIM_WHO_TEXT];
    sim->faults++;
    trp_sim_note(sim, target.node->index, "fault: %s of %s", names[fault->kind],
                 trp_sim_who_print(sim, trp_sim_who(target.node, ref), ref, who));
    reach(sim, fault, draw, &target);
    return true;
}

bool trp_sim_strike_system(troupe_sim *sim, const troupe_sim_fault *fault, uint32_t draw)
{
    uint32_t count;
    (void)find_system(sim, fault, UINT32_MAX, &count);
    if (count == 0)
        return false;
    struct trp_sim_node *node = find_system(sim, fault, trp_sim_part(&draw, count), &count);
    sim->faults++;
    if (fault->kind == TROUPE_SIM_NO_MEMORY) {
        trp_sim_note(sim, node->index, "fault: no memory");
        node->starved = true;
        return true;
    }
    uint32_t ms = trp_sim_fault_ms(fault, &draw);
    trp_sim_note(sim, node->index, "fault: crash");
    trp_sim_take_down(node, hung_until(sim, ms));
    return true;
}

// ---- Failing, being slow

static bool is_slow_at(enum trp_moment moment)
{
    return moment == TRP_AFTER_INIT || moment == TRP_AFTER_HANDLER;
}

// The start of a supervisor is none of the user's functions.
static bool fails_at(const struct trp_sim_struck *struck, const struct trp_slot *slot,
                     enum trp_moment moment)
{
    if (moment == (struck->after ? TRP_AFTER_HANDLER : TRP_BEFORE_HANDLER))
        return true;
    return moment == (struck->after ? TRP_AFTER_INIT : TRP_BEFORE_INIT) &&
           !(atomic_load(&slot->orders) & TRP_ALIVE_SUPERVISES);
}

bool trp_sim_fails(void *user, const struct trp_slot *slot, enum trp_moment moment)
{
    struct trp_sim_node *node = user;
    troupe_sim *sim = node->sim;
    if (TRP_LIKELY(sim->struck_count == sim->hung))
        return false;
    struct trp_sim_struck *slow = find(sim, TROUPE_SIM_SLOW, node, slot);
    if (slow && is_slow_at(moment)) {
        sim->now += slow->ns;
        forget(sim, slow, NULL);
    }
    struct trp_sim_struck *failure = find(sim, TROUPE_SIM_FAIL, node, slot);
    bool fails = failure && fails_at(failure, slot, moment);
    if (fails)
        forget(sim, failure, NULL);
    return fails;
}

// ---- Hanging

bool trp_sim_hold(troupe_sim *sim, struct trp_sim_unit unit)
{
    if (unit.source != TRP_SIM_TASKS)
        return false;
    const struct trp_sim_node *node = sim->nodes[unit.node];
    struct trp_scheduler *scheduler = node->system->scheduler;
    struct trp_task *task = trp_driven_task(scheduler, unit.index);
    struct trp_sim_struck *hung =
        find(sim, TROUPE_SIM_HANG, node, TRP_CONTAINER(task, struct trp_slot, task));
    if (hung == NULL)
        return false;
    hung->task = trp_driven_take_task(scheduler, unit.index);
    return true;
}

static uint64_t grace_ns(const troupe_system *system, const struct trp_slot *slot)
{
    uint32_t own = atomic_load(&slot->kill_grace_ms);
    return (own ? own : system->kill_grace_ms) * TRP_NS_PER_MS;
}

// A kill has an effect after its grace, or at once when the system is stopped by force.
static void heed_kill(const troupe_sim *sim, struct trp_sim_struck *hung)
{
    const troupe_system *system = sim->nodes[hung->node]->system;
    const struct trp_slot *slot = trp_slot_at(&system->slots, hung->slot);
    if (!(atomic_load(&slot->orders) & TRP_ORDER_KILL))
        return;
    uint64_t grace = atomic_load(&system->closed) ? 0 : grace_ns(system, slot);
    uint64_t until = trp_deadline(sim->now, grace);
    if (until < hung->ns) // the first time that this is seen
        hung->ns = until;
}

void trp_sim_unhang(troupe_sim *sim)
{
    for (uint32_t i = sim->struck_count; i-- > 0;) {
        struct trp_sim_struck *struck = &sim->struck[i];
        if (struck->kind != TROUPE_SIM_HANG)
            continue;
        heed_kill(sim, struck);
        if (struck->ns <= sim->now || sim->ending)
            forget(sim, struck, sim->nodes[struck->node]->system);
    }
}

uint64_t trp_sim_hung_until(const troupe_sim *sim)
{
    uint64_t first = TRP_NEVER;
    for (uint32_t i = 0; i < sim->struck_count; i++) {
        const struct trp_sim_struck *struck = &sim->struck[i];
        if (struck->kind == TROUPE_SIM_HANG && struck->ns < first)
            first = struck->ns;
    }
    return first;
}
