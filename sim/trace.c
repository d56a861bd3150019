// What happened. Everything that a probe tells goes into the hash; the latest events are kept. As
// text they hold no address and no random generation, so that a seed's trace is the same text in
// every build.
#include "actors/actor.h"
#include "base/cpu.h"
#include "sim/core.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define OWN UINT32_MAX

troupe_status trp_sim_trace_init(troupe_sim *sim)
{
    sim->hash = UINT64_C(0xcbf29ce484222325);
    sim->events = calloc(sim->opts.trace, sizeof *sim->events);
    return sim->events ? TROUPE_OK : TROUPE_ENOMEM;
}

void trp_sim_trace_fini(troupe_sim *sim)
{
    free(sim->events);
}

static inline void mix(troupe_sim *sim, uint64_t value)
{
    uint64_t hash = (sim->hash ^ value) * UINT64_C(0x9e3779b97f4a7c15);
    sim->hash = hash ^ (hash >> 32);
}

static inline uint64_t packed(troupe_ref ref)
{
    return (uint64_t)ref.slot << 32 | ref.generation;
}

void trp_sim_mix(troupe_sim *sim, uint64_t value)
{
    mix(sim, value);
}

static struct trp_sim_event *next_event(troupe_sim *sim, uint32_t node)
{
    struct trp_sim_event *event = &sim->events[sim->event_next];
    sim->event_next = sim->event_next + 1 < sim->opts.trace ? sim->event_next + 1 : 0;
    sim->event_count++;
    event->step = sim->steps;
    event->now = sim->now;
    event->node = node;
    return event;
}

void trp_sim_observe(void *user, const struct trp_probe_event *probe)
{
    struct trp_sim_node *node = user;
    troupe_sim *sim = node->sim;
    mix(sim, (uint64_t)probe->kind | (uint64_t)node->index << 32);
    mix(sim, sim->now);
    mix(sim, packed(probe->ref));
    mix(sim, packed(probe->other));
    mix(sim, probe->value);
    if (TRP_UNLIKELY(probe->kind == TRP_PROBE_SPAWN))
        trp_sim_cast_add(node, probe->ref);
    struct trp_sim_event *event = next_event(sim, node->index);
    event->probe = *probe;
    event->who[0] = trp_sim_who(node, probe->ref);
    event->who[1] = trp_sim_who(node, probe->other);
    if (TRP_UNLIKELY(sim->watch != NULL))
        trp_sim_watch_event(sim, event);
}

void trp_sim_note(troupe_sim *sim, uint32_t node, const char *format, ...)
{
    struct trp_sim_event *event = next_event(sim, OWN);
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(event->text, sizeof event->text, format, arguments);
    va_end(arguments);
    event->probe = (struct trp_probe_event){.value = node};
    for (const char *at = event->text; *at; at++)
        mix(sim, (unsigned char)*at);
    if (sim->watch)
        trp_sim_watch_event(sim, event);
}

uint64_t troupe_sim_hash(const troupe_sim *sim)
{
    return sim->hash;
}

// ---- As text

static const char *type_name(uint64_t hash)
{
    const char *name = hash ? trp_type_name_of_hash(hash) : NULL;
    return name ? name : "something";
}

static void print_status(troupe_status status, char text[TRP_SIM_WHO_TEXT])
{
    if (status > TROUPE_EUSER)
        (void)snprintf(text, TRP_SIM_WHO_TEXT, "TROUPE_EUSER+%u", (unsigned)status - TROUPE_EUSER);
    else
        (void)snprintf(text, TRP_SIM_WHO_TEXT, "%s", troupe_status_name(status));
}

// What `event` says of `self`, to whom or by whom `other` did it.
static int print_what(const struct trp_sim_event *event, const char *self, const char *other,
                      char *text, size_t size)
{
    uint64_t value = event->probe.value;
    char status[TRP_SIM_WHO_TEXT];
    switch (event->probe.kind) {
    case TRP_PROBE_SPAWN:
        return snprintf(text, size, "%s spawns %s", other, self);
    case TRP_PROBE_START:
        if (value <= 1)
            return snprintf(text, size, "%s starts", self);
        return snprintf(text, size, "%s starts, incarnation %" PRIu64, self, value);
    case TRP_PROBE_SEND:
        return snprintf(text, size, "%s sends %s to %s", other, type_name(value), self);
    case TRP_PROBE_DEQUEUE:
        return snprintf(text, size, "%s handles %s", self, type_name(value));
    case TRP_PROBE_HANDLED:
        print_status((troupe_status)value, status);
        return snprintf(text, size, "%s returns %s", self, status);
    case TRP_PROBE_EXIT:
        return snprintf(text, size, "%s ends: %s", self,
                        troupe_reason_name((troupe_reason_kind)value));
    case TRP_PROBE_TIMER:
        return snprintf(text, size, "a timer for %s goes off", self);
    case TRP_PROBE_RANDOM:
        return snprintf(text, size, "%s draws %" PRIu64, self, value);
    }
    return 0;
}

static const char *system_name(const troupe_sim *sim, const struct trp_sim_event *event)
{
    uint32_t node = event->node == OWN ? (uint32_t)event->probe.value : event->node;
    return node < sim->node_count ? sim->nodes[node]->name : NULL;
}

bool trp_sim_event_print(const troupe_sim *sim, const struct trp_sim_event *event, char *line,
                         size_t size)
{
    line[0] = 0;
    const struct trp_probe_event *probe = &event->probe;
    if (event->node != OWN && probe->kind == TRP_PROBE_HANDLED && probe->value == TROUPE_OK)
        return false;
    double ms = (double)(event->now - TRP_SIM_START_NS) / 1e6;
    int length = snprintf(line, size, "%8" PRIu64 " %12.3f ms  ", event->step, ms);
    const char *system = system_name(sim, event);
    if (system && (sim->node_count > 1 || event->node == OWN))
        length += snprintf(line + length, size - (size_t)length, "%s: ", system);
    if (event->node == OWN) {
        (void)snprintf(line + length, size - (size_t)length, "%s", event->text);
        return true;
    }
    char self[TRP_SIM_WHO_TEXT], other[TRP_SIM_WHO_TEXT];
    print_what(event, trp_sim_who_print(sim, event->who[0], probe->ref, self),
               trp_sim_who_print(sim, event->who[1], probe->other, other), line + length,
               size - (size_t)length);
    return true;
}

void trp_sim_line_write(const char *line, uint32_t times, FILE *to)
{
    if (times > 1)
        (void)fprintf(to, "%s (%" PRIu32 " times)\n", line, times);
    else if (times == 1)
        (void)fprintf(to, "%s\n", line);
}

void troupe_sim_print(const troupe_sim *sim, FILE *to)
{
    uint64_t kept = sim->event_count < sim->opts.trace ? sim->event_count : sim->opts.trace;
    char line[TRP_SIM_LINE], before[TRP_SIM_LINE] = "";
    uint32_t times = 0; // that `before` has come
    for (uint64_t i = sim->event_count - kept; i < sim->event_count; i++) {
        const struct trp_sim_event *event = &sim->events[i % sim->opts.trace];
        if (!trp_sim_event_print(sim, event, line, sizeof line))
            continue;
        if (strcmp(line, before) != 0) {
            trp_sim_line_write(before, times, to);
            memcpy(before, line, sizeof before);
            times = 0;
        }
        times++;
    }
    trp_sim_line_write(before, times, to);
}
