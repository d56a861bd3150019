// Systems that are gone at once, and come back.
//
// A crash has two parts. First the system is taken down: from then on nobody finds it, it tells
// nobody anything, and all its actors are killed on the spot, with nothing of the user's called but
// what gives memory back. That is done between two steps, and it ends whatever waits in the system:
// calls, joins, a stop. Then its remains are freed; but not as long as something on the stack needs
// them (node->waiting): a wait that runs the simulation and has just been ended by the crash, a
// boot function, a blocking job of the system that waits. For these the system looks as one whose
// last actor has ended and that is about to stop.
#include "actors/actor.h"
#include "sim/core.h"

#include <inttypes.h>

// ---- Taking down

static void tell_nobody(void *user, const struct trp_probe_event *event)
{
    (void)user;
    (void)event;
}

static bool call_nothing(void *user, const struct trp_slot *slot, enum trp_moment moment)
{
    (void)user;
    (void)slot;
    (void)moment;
    return true;
}

static void kill_all(troupe_system *system)
{
    uint32_t count = atomic_load(&system->slots.count);
    for (uint32_t i = 0; i < count; i++) {
        struct trp_slot *slot = trp_slot_at(&system->slots, i);
        uint64_t orders = atomic_load(&slot->orders);
        if ((orders & TRP_ALIVE) && atomic_load(&slot->ops) == NULL)
            (void)trp_slot_order(system, NULL, slot, (uint32_t)(orders >> 32), TRP_ORDER_KILL);
    }
}

static void assert_empty(troupe_system *system)
{
    trp_lock_acquire(&system->roots_lock);
    bool empty = trp_roots_gone(system);
    trp_lock_release(&system->roots_lock);
    if (!empty)
        trp_panic(__FILE__, __LINE__, "actors of system %s survive its crash", system->name);
}

void trp_sim_take_down(struct trp_sim_node *node, uint64_t back_at)
{
    troupe_system *system = node->system;
    node->system = NULL;
    node->remains = system;
    node->back_at = back_at;
    node->sim->attends = true;
    trp_sim_forget_struck(node, system);
    trp_sim_network_set(node, false);
    node->probe.event = tell_nobody;
    system->seams.fails = call_nothing;
    atomic_store(&system->silent, true);
    atomic_store(&system->closed, true);
    kill_all(system);
    while (trp_driven_tasks(system->scheduler) > 0)
        trp_driven_run_task(system->scheduler, 0);
    assert_empty(system);
}

// ---- What is left, and coming back

static void bury(struct trp_sim_node *node)
{
    uint64_t back_at = node->back_at; // a stop of the user's would be for good
    troupe_status status = troupe_system_stop(node->remains, TROUPE_NO_LIMIT, NULL);
    TRP_ASSERT(status == TROUPE_OK && node->remains == NULL);
    node->back_at = back_at;
    if (node->blocks != 0)
        troupe_sim_fail(node->sim,
                        "system %s has not given back %" PRId64 " blocks of memory in a crash",
                        node->name, node->blocks);
}

static bool can_be_buried(const struct trp_sim_node *node)
{
    return node->remains != NULL && node->waiting == 0;
}

static bool can_come_back(const struct trp_sim_node *node)
{
    return node->system == NULL && (node->remains == NULL || node->waiting == 0);
}

static void come_back(struct trp_sim_node *node)
{
    if (trp_sim_start(node) != TROUPE_OK)
        troupe_sim_fail(node->sim, "system %s does not come back: %s", node->name,
                        troupe_error_text(NULL));
}

static bool is_absent(const struct trp_sim_node *node)
{
    return node->remains != NULL || (node->system == NULL && node->back_at != TRP_NEVER);
}

// ---- Attending to that

// What comes back may run the simulation, so nothing here is kept over that.
bool trp_sim_attend_now(troupe_sim *sim)
{
    if (sim->failure && !sim->ending)
        return false;
    trp_sim_unhang(sim);
    for (uint32_t i = 0; i < sim->node_count; i++) {
        struct trp_sim_node *node = sim->nodes[i];
        if (can_be_buried(node))
            bury(node);
        if (can_come_back(node) && node->back_at <= sim->now && !sim->ending)
            come_back(node);
    }
    bool attends = sim->hung > 0;
    for (uint32_t i = 0; i < sim->node_count; i++)
        attends = attends || is_absent(sim->nodes[i]);
    sim->attends = attends;
    return sim->failure == NULL || sim->ending;
}

uint64_t trp_sim_attend_at(const troupe_sim *sim)
{
    uint64_t first = trp_sim_hung_until(sim);
    for (uint32_t i = 0; i < sim->node_count && !sim->ending; i++) {
        const struct trp_sim_node *node = sim->nodes[i];
        if (can_come_back(node) && node->back_at < first)
            first = node->back_at;
    }
    return first;
}

// ---- By the test

static troupe_status refuse_handler(const troupe_sim *sim, const char *function)
{
    return sim->busy ? trp_error(TROUPE_ENOTSUP, "%s: not from a handler", function) : TROUPE_OK;
}

static troupe_status say_no_system(const char *function, uint32_t index, const char *what)
{
    return trp_error(TROUPE_ENOENT, "%s: %s with the number %u", function, what, index);
}

troupe_status troupe_sim_crash(troupe_sim *sim, uint32_t index)
{
    troupe_status status = refuse_handler(sim, "troupe_sim_crash");
    if (status != TROUPE_OK)
        return status;
    if (troupe_sim_system(sim, index) == NULL)
        return say_no_system("troupe_sim_crash", index, "no system is there");
    struct trp_sim_node *node = sim->nodes[index];
    trp_sim_note(sim, index, "crash");
    trp_sim_take_down(node, TRP_NEVER);
    if (can_be_buried(node))
        bury(node);
    return TROUPE_OK;
}

troupe_status troupe_sim_restart(troupe_sim *sim, uint32_t index)
{
    if (index >= sim->node_count)
        return say_no_system("troupe_sim_restart", index, "there never was a system");
    struct trp_sim_node *node = sim->nodes[index];
    if (node->system)
        return trp_error(TROUPE_EALREADY, "troupe_sim_restart: system %s is there", node->name);
    if (sim->busy || node->waiting > 0) { // as soon as can be
        node->back_at = sim->now;
        sim->attends = true;
        return TROUPE_OK;
    }
    if (node->remains)
        bury(node);
    return trp_sim_start(node);
}
