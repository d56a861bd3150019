// One step: what could be next in all systems, in one order that does not depend on addresses, and
// doing what was chosen.
#include "base/cpu.h"
#include "sim/core.h"
#include "sim/net.h"

#include <signal.h>

// ---- What could be next

static uint32_t due(const troupe_sim *sim, const struct trp_scheduler *scheduler)
{
    return trp_driven_is_due(scheduler, sim->now) ? 1 : 0;
}

static uint32_t units_of(const troupe_sim *sim, const struct trp_sim_node *node)
{
    if (node->system == NULL)
        return 0;
    const struct trp_scheduler *scheduler = node->system->scheduler;
    return due(sim, scheduler) + trp_driven_tasks(scheduler) + trp_driven_jobs(scheduler);
}

uint32_t trp_sim_units(const troupe_sim *sim)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < sim->node_count; i++)
        count += units_of(sim, sim->nodes[i]);
    return count + (sim->net ? trp_net_due(sim->net, sim->now) : 0);
}

static struct trp_sim_unit unit_of(const troupe_sim *sim, const struct trp_sim_node *node,
                                   uint32_t number)
{
    const struct trp_scheduler *scheduler = node->system->scheduler;
    uint32_t timers = due(sim, scheduler), tasks = trp_driven_tasks(scheduler);
    if (number < timers)
        return (struct trp_sim_unit){node->index, TRP_SIM_TIMERS, 0};
    number -= timers;
    if (number < tasks)
        return (struct trp_sim_unit){node->index, TRP_SIM_TASKS, number};
    return (struct trp_sim_unit){node->index, TRP_SIM_JOBS, number - tasks};
}

struct trp_sim_unit trp_sim_unit_at(const troupe_sim *sim, uint32_t number)
{
    for (uint32_t i = 0; i < sim->node_count; i++) {
        uint32_t count = units_of(sim, sim->nodes[i]);
        if (number < count)
            return unit_of(sim, sim->nodes[i], number);
        number -= count;
    }
    return (struct trp_sim_unit){sim->node_count, TRP_SIM_NET, number};
}

uint32_t trp_sim_source_size(const troupe_sim *sim, struct trp_sim_unit unit)
{
    if (unit.source == TRP_SIM_NET)
        return trp_net_due(sim->net, sim->now);
    const struct trp_scheduler *scheduler = sim->nodes[unit.node]->system->scheduler;
    if (unit.source == TRP_SIM_TIMERS)
        return 1;
    return unit.source == TRP_SIM_TASKS ? trp_driven_tasks(scheduler) : trp_driven_jobs(scheduler);
}

uint64_t trp_sim_next_time(const troupe_sim *sim)
{
    uint64_t first = sim->net ? trp_net_next(sim->net) : TRP_NEVER;
    for (uint32_t i = 0; i < sim->node_count; i++) {
        const struct trp_sim_node *node = sim->nodes[i];
        if (node->system == NULL)
            continue;
        uint64_t next = trp_scheduler_next_deadline(node->system->scheduler);
        first = next < first ? next : first;
    }
    if (TRP_UNLIKELY(sim->attends)) {
        uint64_t next = trp_sim_attend_at(sim);
        first = next < first ? next : first;
    }
    return first;
}

// ---- Doing it

// A job may wait, and so run the simulation in its turn; what else runs must not.
static void run_job(struct trp_sim_node *node, uint32_t index)
{
    node->waiting++;
    trp_driven_run_job(node->system->scheduler, index);
    node->waiting--;
}

static void run_unit(const troupe_sim *sim, struct trp_sim_unit unit)
{
    if (unit.source == TRP_SIM_NET) {
        trp_net_run(sim->net, unit.index);
        return;
    }
    struct trp_sim_node *node = sim->nodes[unit.node];
    struct trp_scheduler *scheduler = node->system->scheduler;
    switch (unit.source) {
    case TRP_SIM_TIMERS:
        trp_driven_expire(scheduler);
        return;
    case TRP_SIM_TASKS:
        trp_driven_run_task(scheduler, unit.index);
        return;
    case TRP_SIM_JOBS:
        run_job(node, unit.index);
        return;
    case TRP_SIM_NET:
    case TRP_SIM_SOURCES:
        trp_panic(__FILE__, __LINE__, "no source");
    }
}

static void run(troupe_sim *sim, struct trp_sim_unit unit)
{
    sim->running = true;
    sim->busy = unit.source != TRP_SIM_JOBS;
    run_unit(sim, unit);
    sim->busy = false;
    sim->running = false;
}

static void check(troupe_sim *sim)
{
    for (struct trp_sim_invariant *each = sim->invariants; each; each = each->next) {
        if (!each->holds(sim, each->arg)) {
            troupe_sim_fail(sim, "\"%s\" does not hold", each->name);
            return;
        }
    }
    if (sim->steps >= sim->opts.max_steps)
        troupe_sim_fail(sim, "it goes on for %llu steps: a livelock, or a timer without end",
                        (unsigned long long)sim->steps);
}

static void begin(troupe_sim *sim)
{
    sim->steps++;
    if (TRP_UNLIKELY(sim->steps == sim->stop_at))
        raise(SIGTRAP);
    if (sim->watch)
        trp_sim_watch_step(sim);
}

static void end(troupe_sim *sim)
{
    sim->now += sim->opts.step_ns;
    if (!sim->ending)
        check(sim);
}

void trp_sim_do(troupe_sim *sim, struct trp_sim_unit unit)
{
    begin(sim);
    run(sim, unit);
    end(sim);
}

// Runs one of `count` units, or none, if all that are left hang.
static void run_next(troupe_sim *sim, uint32_t count)
{
    while (count > 0) {
        struct trp_sim_unit unit = trp_sim_unit_at(sim, trp_sim_next(sim, count));
        if (TRP_LIKELY(sim->hung == 0) || !trp_sim_hold(sim, unit)) {
            run(sim, unit);
            return;
        }
        count = trp_sim_units(sim);
    }
}

static bool step_now(troupe_sim *sim)
{
    uint32_t count = trp_sim_units(sim);
    if (count == 0)
        return false;
    begin(sim);
    if (TRP_UNLIKELY(sim->opts.fault_count > 0) && !sim->ending && trp_sim_strike(sim))
        count = trp_sim_units(sim);
    run_next(sim, count);
    end(sim);
    return true;
}

bool trp_sim_goes_on(troupe_sim *sim)
{
    if (TRP_UNLIKELY(sim->busy)) {
        troupe_sim_fail(sim, "a handler waits for something, or runs the simulation");
        return false;
    }
    return trp_sim_attend(sim);
}

bool trp_sim_step_now(troupe_sim *sim)
{
    return trp_sim_goes_on(sim) && step_now(sim);
}

bool trp_sim_step(troupe_sim *sim, uint64_t deadline)
{
    if (!trp_sim_goes_on(sim) || sim->now >= deadline)
        return false;
    if (step_now(sim))
        return true;
    uint64_t next = trp_sim_next_time(sim);
    uint64_t until = next < deadline ? next : deadline;
    if (until == TRP_NEVER)
        return false;
    if (until > sim->now)
        sim->now = until;
    return true;
}
