// By hand: messages are delivered one by one, in the order that a test wants. Nothing is chosen.
//
// A mailbox whose first message could be handled now is a runnable task that has nothing else to
// do. Everything else that is runnable comes to nothing but such mailboxes, or to rest.
#include "actors/actor.h"
#include "mailbox/type.h"
#include "sim/core.h"

#include <string.h>

// ---- What lies first in a mailbox

struct trp_first {
    const struct trp_slot *slot;
    const struct trp_envelope *envelope;
};

// False: the unit has something else to do first, or no message.
static bool first_message(const troupe_sim *sim, struct trp_sim_unit unit, struct trp_first *first)
{
    if (unit.source != TRP_SIM_TASKS)
        return false;
    struct trp_task *task = trp_driven_task(sim->nodes[unit.node]->system->scheduler, unit.index);
    struct trp_slot *slot = TRP_CONTAINER(task, struct trp_slot, task);
    bool busy = slot->phase != TRP_RUNNING || (atomic_load(&slot->orders) & TRP_ORDER_ANY) != 0;
    if (busy || trp_mpsc_is_idle(&slot->inbox) || slot->front.first == &slot->nudge)
        return false;
    *first = (struct trp_first){slot, trp_envelope_of_link(slot->front.first)};
    return true;
}

static bool is_ref(const troupe_system *system, troupe_ref ref, uint32_t slot, uint32_t generation)
{
    return troupe_ref_is_none(ref) ||
           (ref.system == system->id && ref.slot == slot && ref.generation == generation);
}

static bool fits(const troupe_system *system, const struct trp_first *first,
                 const troupe_sim_match *match)
{
    const struct trp_envelope *envelope = first->envelope;
    const struct trp_type *type = match->type ? trp_type_intern(match->type) : NULL;
    return is_ref(system, match->to, first->slot->index, envelope->generation) &&
           is_ref(system, match->from, envelope->sender_slot, envelope->sender_generation) &&
           (match->type == NULL || (type && type->id == envelope->msg.type)) &&
           (match->where == NULL || match->where(&envelope->msg, match->arg));
}

// ---- Doing what is no message

// Taking an actor's turn must not change the order of the others.
static void take_turn(troupe_sim *sim, struct trp_sim_unit unit)
{
    if (unit.source == TRP_SIM_TASKS) {
        trp_driven_prefer_task(sim->nodes[unit.node]->system->scheduler, unit.index);
        unit.index = 0;
    }
    trp_sim_do(sim, unit);
}

static void deliver(troupe_sim *sim, struct trp_sim_unit unit)
{
    sim->single = true;
    take_turn(sim, unit);
    sim->single = false;
}

// What lies in mailboxes and is none.
static bool is_no_message(const struct trp_envelope *envelope)
{
    return envelope->kind == TRP_KIND_DRAIN || envelope->kind == TRP_KIND_AHEAD;
}

static void start(troupe_sim *sim, struct trp_sim_unit unit)
{
    sim->holding = true;
    take_turn(sim, unit);
    sim->holding = false;
}

static bool settle_one(troupe_sim *sim)
{
    uint32_t count = trp_sim_units(sim);
    for (uint32_t i = 0; i < count; i++) {
        struct trp_first first;
        struct trp_sim_unit unit = trp_sim_unit_at(sim, i);
        bool there = first_message(sim, unit, &first);
        if (there && !is_no_message(first.envelope))
            continue;
        if (there)
            deliver(sim, unit);
        else
            start(sim, unit);
        return true;
    }
    return false;
}

void troupe_sim_settle(troupe_sim *sim)
{
    while (trp_sim_goes_on(sim) && settle_one(sim))
        continue;
}

void troupe_sim_advance(troupe_sim *sim, uint64_t ms)
{
    uint64_t end = trp_sim_in_ms(sim, ms);
    for (;;) {
        troupe_sim_settle(sim);
        uint64_t next = trp_sim_next_time(sim);
        if (sim->failure)
            return;
        if (next > end || next == TRP_NEVER)
            break;
        sim->now = next > sim->now ? next : sim->now;
    }
    if (end > sim->now && end != TRP_NEVER)
        sim->now = end;
}

// ---- Delivering

// Finds the oldest that fits.
static bool find(troupe_sim *sim, const troupe_sim_match *match, struct trp_sim_unit *unit)
{
    troupe_sim_settle(sim);
    uint32_t count = sim->failure ? 0 : trp_sim_units(sim);
    for (uint32_t i = 0; i < count; i++) {
        struct trp_first first;
        *unit = trp_sim_unit_at(sim, i);
        if (first_message(sim, *unit, &first) &&
            fits(sim->nodes[unit->node]->system, &first, match))
            return true;
    }
    return false;
}

static const char *type_name(const troupe_sim_match *match)
{
    const struct trp_type *type = match->type ? trp_type_intern(match->type) : NULL;
    return type ? type->name : "message";
}

// Lists what is first in the mailboxes, as far as there is room.
static void list_first(const troupe_sim *sim, char *text, size_t size)
{
    uint32_t count = trp_sim_units(sim);
    size_t used = 0;
    text[0] = 0;
    for (uint32_t i = 0; i < count && used < size; i++) {
        struct trp_first first;
        if (!first_message(sim, trp_sim_unit_at(sim, i), &first))
            continue;
        const char *type =
            first.envelope->msg.type ? troupe_msg_type_name(&first.envelope->msg) : "an outcome";
        used += (size_t)snprintf(text + used, size - used, "%s%s to %s", used ? ", " : "", type,
                                 trp_actor_name(first.slot));
    }
}

bool troupe_sim_allow_match(troupe_sim *sim, const troupe_sim_match *match)
{
    struct trp_sim_unit unit;
    if (!find(sim, match, &unit))
        return false;
    deliver(sim, unit);
    return true;
}

bool troupe_sim_expect_match(troupe_sim *sim, const troupe_sim_match *match)
{
    if (troupe_sim_allow_match(sim, match))
        return true;
    if (sim->failure == NULL) {
        char there[400];
        list_first(sim, there, sizeof there);
        troupe_sim_fail(sim, "no %s that fits is first in a mailbox; %s%s", type_name(match),
                        there[0] ? "there is: " : "nothing is", there);
    }
    return false;
}

bool troupe_sim_disallow_match(troupe_sim *sim, const troupe_sim_match *match)
{
    struct trp_sim_unit unit;
    bool found = find(sim, match, &unit);
    if (found)
        troupe_sim_fail(sim, "%s is first in a mailbox, and must not be there", type_name(match));
    return !found && sim->failure == NULL;
}
