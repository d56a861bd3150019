// How far a run has come, for somebody who looks at it after the run, or its whole process, has
// ended: so everything is written when it happens, and nothing of it points anywhere.
#include "sim/core.h"

#include <inttypes.h>
#include <string.h>

void trp_sim_watch_step(troupe_sim *sim)
{
    struct trp_sim_watch *watch = sim->watch;
    if (watch->failed)
        return;
    watch->steps = sim->steps;
    watch->now = sim->now;
    watch->faults = sim->faults;
}

void trp_sim_watch_failure(troupe_sim *sim)
{
    struct trp_sim_watch *watch = sim->watch;
    trp_sim_watch_step(sim);
    (void)snprintf(watch->failure, sizeof watch->failure, "%s", sim->failure);
    watch->failed = true;
}

static void tell_fault(struct trp_sim_watch *watch, const struct trp_sim_event *event)
{
    size_t begin = strlen(TRP_SIM_FAULT_NOTE);
    if (watch->told_count < TRP_SIM_TOLD && strncmp(event->text, TRP_SIM_FAULT_NOTE, begin) == 0)
        (void)snprintf(watch->told[watch->told_count++], TRP_SIM_LINE, "step %" PRIu64 ": %s",
                       event->step, event->text + begin);
}

static void keep_line(struct trp_sim_watch *watch, const char line[TRP_SIM_LINE])
{
    uint64_t last = (watch->line_count - 1) % watch->line_capacity;
    if (watch->line_count > 0 && strcmp(watch->lines[last], line) == 0) {
        watch->times[last]++;
        return;
    }
    uint64_t next = watch->line_count++ % watch->line_capacity;
    memcpy(watch->lines[next], line, TRP_SIM_LINE);
    watch->times[next] = 1;
}

void trp_sim_watch_event(troupe_sim *sim, const struct trp_sim_event *event)
{
    struct trp_sim_watch *watch = sim->watch;
    if (watch->failed)
        return;
    watch->faults = sim->faults;
    if (event->node == UINT32_MAX)
        tell_fault(watch, event);
    char line[TRP_SIM_LINE];
    if (watch->line_capacity && trp_sim_event_print(sim, event, line, sizeof line))
        keep_line(watch, line);
}
