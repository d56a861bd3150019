// Where choices come from. A strategy proposes, by the seed; a plan, if there is one, overrides it
// with what another run has chosen; a record keeps what was chosen, for such a plan.
#include "base/cpu.h"
#include "sim/core.h"

#include <stdlib.h>
#include <string.h>

// A unit whose priority has fallen below all others.
struct trp_sim_rank {
    uint64_t unit;
};

static int by_value(const void *one, const void *two)
{
    uint64_t a = *(const uint64_t *)one, b = *(const uint64_t *)two;
    return (a > b) - (a < b);
}

troupe_status trp_sim_choices_init(troupe_sim *sim)
{
    uint32_t changes = sim->opts.changes;
    trp_random_init(&sim->random, sim->seed);
    trp_random_init(&sim->seeds, sim->seed ^ UINT64_C(0x73656564736f6673));
    if (sim->opts.strategy != TROUPE_SIM_PRIORITIES)
        return TROUPE_OK;
    sim->changes = calloc(changes, sizeof *sim->changes);
    sim->ranks = calloc(changes, sizeof *sim->ranks);
    if (sim->changes == NULL || sim->ranks == NULL)
        return TROUPE_ENOMEM;
    for (uint32_t i = 0; i < changes; i++)
        sim->changes[i] = 1 + trp_random_next(&sim->random) % sim->opts.horizon;
    qsort(sim->changes, changes, sizeof *sim->changes, by_value);
    return TROUPE_OK;
}

void trp_sim_choices_fini(troupe_sim *sim)
{
    free(sim->changes);
    free(sim->ranks);
}

// ---- Plans

static uint32_t planned(struct trp_sim_plan *plan, enum trp_sim_kind kind, uint64_t ordinal)
{
    struct trp_sim_list *list = &plan->lists[kind];
    while (list->next < list->count && list->marks[list->next].ordinal < ordinal)
        list->next++;
    bool there = list->next < list->count && list->marks[list->next].ordinal == ordinal;
    return there ? list->marks[list->next].value : 0;
}

static void record(troupe_sim *sim, struct trp_sim_mark mark)
{
    struct trp_sim_list *list = &sim->record->lists[mark.kind];
    if (list->count == list->capacity) {
        if (sim->record->fixed) {
            sim->unrecorded = true;
            return;
        }
        size_t capacity = list->capacity ? 2 * list->capacity : 64;
        struct trp_sim_mark *marks = realloc(list->marks, capacity * sizeof *marks);
        if (marks == NULL) {
            sim->unrecorded = true;
            return;
        }
        list->marks = marks;
        list->capacity = capacity;
    }
    list->marks[list->count++] = mark;
}

uint32_t trp_sim_decide(troupe_sim *sim, enum trp_sim_kind kind, uint32_t count, uint32_t value)
{
    uint64_t ordinal = sim->ordinals[kind]++;
    if (TRP_UNLIKELY(sim->plan != NULL))
        value = planned(sim->plan, kind, ordinal) % count;
    if (TRP_UNLIKELY(sim->record != NULL && value != 0))
        record(sim, (struct trp_sim_mark){kind, value, ordinal});
    return value;
}

uint32_t trp_sim_choose(troupe_sim *sim, enum trp_sim_kind kind, uint32_t count)
{
    if (count <= 1)
        return 0;
    return trp_sim_decide(sim, kind, count, trp_random_below(&sim->random, count));
}

bool trp_sim_chance(troupe_sim *sim, enum trp_sim_kind kind, uint32_t per_million)
{
    if (per_million == 0)
        return false;
    bool hit = trp_random_below(&sim->random, 1000000) < per_million;
    return trp_sim_decide(sim, kind, 2, hit) != 0;
}

// ---- Who is next

// Among the oldest of each source, that of the source whose turn is next: timers, tasks and jobs of
// one system after the other.
static uint32_t in_turn(troupe_sim *sim, uint32_t count)
{
    uint64_t sources = ((uint64_t)sim->node_count + 1) * TRP_SIM_SOURCES, nearest = sources;
    uint64_t turn = sim->turn % sources;
    uint32_t chosen = 0;
    for (uint32_t i = 0; i < count;) {
        struct trp_sim_unit unit = trp_sim_unit_at(sim, i);
        uint64_t source = (uint64_t)unit.node * TRP_SIM_SOURCES + unit.source;
        uint64_t ahead = (source + sources - turn) % sources;
        if (ahead < nearest) {
            nearest = ahead;
            chosen = i;
        }
        i += trp_sim_source_size(sim, unit);
    }
    sim->turn = turn + nearest + 1;
    return chosen;
}

// What names a unit in all steps: its actor, or its source.
static uint64_t identity(const troupe_sim *sim, struct trp_sim_unit unit)
{
    uint64_t source = ((uint64_t)unit.node << 3 | unit.source) << 48;
    if (unit.source != TRP_SIM_TASKS)
        return source;
    struct trp_task *task = trp_driven_task(sim->nodes[unit.node]->system->scheduler, unit.index);
    return source | TRP_CONTAINER(task, struct trp_slot, task)->index;
}

// splitmix64's finisher: any two units differ.
static uint64_t mixed(uint64_t value)
{
    value = (value ^ (value >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ (value >> 27)) * UINT64_C(0x94d049bb133111eb);
    return value ^ (value >> 31);
}

// Those that have fallen come last, the one that fell last at the very end.
static uint64_t priority(const troupe_sim *sim, uint64_t unit)
{
    for (uint32_t i = sim->fallen; i-- > 0;) {
        if (sim->ranks[i].unit == unit)
            return sim->opts.changes - i;
    }
    return mixed(unit ^ sim->seed) | UINT64_C(1) << 63;
}

static uint32_t highest(const troupe_sim *sim, uint32_t count, uint64_t *unit)
{
    uint64_t best = 0;
    uint32_t chosen = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t candidate = identity(sim, trp_sim_unit_at(sim, i));
        uint64_t rank = priority(sim, candidate);
        if (rank > best) {
            best = rank;
            chosen = i;
            *unit = candidate;
        }
    }
    return chosen;
}

static uint32_t by_priority(troupe_sim *sim, uint32_t count)
{
    uint64_t unit = 0;
    uint32_t chosen = highest(sim, count, &unit);
    while (sim->fallen < sim->opts.changes && sim->steps >= sim->changes[sim->fallen]) {
        sim->ranks[sim->fallen++].unit = unit;
        chosen = highest(sim, count, &unit);
    }
    return chosen;
}

uint32_t trp_sim_next(troupe_sim *sim, uint32_t count)
{
    if (count <= 1)
        return 0;
    uint32_t value = 0;
    // An unfair strategy might never come to an end.
    if (TRP_LIKELY(sim->opts.strategy == TROUPE_SIM_RANDOM_WALK || sim->ending))
        value = trp_random_below(&sim->random, count);
    else if (sim->opts.strategy == TROUPE_SIM_PRIORITIES)
        value = by_priority(sim, count);
    else
        value = in_turn(sim, count);
    return trp_sim_decide(sim, TRP_SIM_NEXT, count, value);
}

bool trp_sim_cut(troupe_sim *sim)
{
    if (sim->single || sim->opts.cut_in == 1)
        return true;
    if (sim->opts.strategy == TROUPE_SIM_ROUND_ROBIN)
        return false;
    bool ends = trp_random_below(&sim->random, sim->opts.cut_in) == sim->opts.cut_in - 1;
    return trp_sim_decide(sim, TRP_SIM_CUT, 2, ends) != 0;
}
