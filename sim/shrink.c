// Making a failure shorter. The choices that were recorded of it are left out, in ever smaller
// parts, and those that must stay are made smaller: each attempt is a run of its own, and one that
// is the same failure and simpler is where the next one starts (delta debugging: Zeller and
// Hildebrandt, 2002). What an attempt has recorded is taken over, not what it was given, so choices
// that no longer come up, or come up after the failure, go by themselves.
//
// Simpler means: fewer choices about faults; then fewer steps and choices, a choice weighing as
// much as a few steps; then smaller values. So each gain is a step down, and it ends.
#include "sim/seeds.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum {
    MOST_ATTEMPTS = 1000,
    MOST_HANGS = 3,
    CHOICE_WEIGHT = 8, // steps
    SMALL_VALUES = 4,
    MOMENTS = 64,    // that a fault is tried at
    MOST_MOVED = 16, // faults
    SECONDS = 60
};

#define MOST_STEPS UINT64_C(20000000) // of all attempts, begun within

struct cost {
    uint64_t faults, weight, values;
};

struct shrinking {
    struct trp_sim_job job; // plan: the attempt under way
    struct trp_sim_shared *shared;
    const struct trp_sim_end *wanted;
    struct trp_sim_marks best;
    struct cost cost; // of the best
    uint64_t attempts, steps, hangs;
    bool no_memory;
};

static bool over(const struct shrinking *shrinking)
{
    return shrinking->attempts >= MOST_ATTEMPTS || shrinking->steps >= MOST_STEPS ||
           shrinking->hangs >= MOST_HANGS || shrinking->no_memory;
}

// ---- Attempts

static struct cost cost_of(const struct trp_sim_shared *shared)
{
    struct cost cost = {.faults = shared->record.lists[TRP_SIM_FAULT].count,
                        .weight = shared->watch.steps +
                                  CHOICE_WEIGHT * trp_sim_plan_count(&shared->record)};
    for (int kind = 0; kind < TRP_SIM_KINDS; kind++) {
        for (size_t i = 0; i < shared->record.lists[kind].count; i++)
            cost.values += shared->record.lists[kind].marks[i].value;
    }
    return cost;
}

static bool is_less(struct cost one, struct cost other)
{
    if (one.faults != other.faults)
        return one.faults < other.faults;
    if (one.weight != other.weight)
        return one.weight < other.weight;
    return one.values < other.values;
}

// The run that is in the shared memory is the best until now.
static void take_over(struct shrinking *shrinking)
{
    struct trp_sim_marks marks;
    if (trp_sim_plan_marks(&shrinking->shared->record, &marks) != TROUPE_OK) {
        shrinking->no_memory = true;
        return;
    }
    free(shrinking->best.at);
    shrinking->best = marks;
    shrinking->cost = cost_of(shrinking->shared);
}

// Runs these marks. True: it fails in the same way and more simply, so that it is the best now.
static bool attempt(struct shrinking *shrinking, const struct trp_sim_mark *marks, size_t count)
{
    struct trp_sim_plan plan;
    struct trp_sim_end end;
    if (trp_sim_plan_init(&plan, marks, count) != TROUPE_OK) {
        shrinking->no_memory = true;
        return false;
    }
    shrinking->job.plan = &plan;
    trp_sim_run_child(&shrinking->job, shrinking->shared, &end);
    trp_sim_plan_fini(&plan);
    shrinking->attempts++;
    shrinking->steps += shrinking->shared->watch.steps;
    shrinking->hangs += end.how == TRP_SIM_SIGNALED && end.code == SIGALRM;
    if (!trp_sim_same_end(&end, shrinking->wanted) ||
        !is_less(cost_of(shrinking->shared), shrinking->cost))
        return false;
    take_over(shrinking);
    return !shrinking->no_memory;
}

// Returns a copy of the best marks to change, or NULL.
static struct trp_sim_mark *copy_best(struct shrinking *shrinking)
{
    size_t size = (shrinking->best.count + 1) * sizeof *shrinking->best.at;
    struct trp_sim_mark *copy = malloc(size);
    if (copy)
        memcpy(copy, shrinking->best.at, size - sizeof *copy);
    else
        shrinking->no_memory = true;
    return copy;
}

// ---- Leaving out

static bool without_kind(struct shrinking *shrinking, enum trp_sim_kind kind)
{
    struct trp_sim_mark *marks = copy_best(shrinking);
    size_t count = 0;
    if (marks == NULL)
        return false;
    for (size_t i = 0; i < shrinking->best.count; i++) {
        if (shrinking->best.at[i].kind != kind)
            marks[count++] = shrinking->best.at[i];
    }
    bool good = count < shrinking->best.count && attempt(shrinking, marks, count);
    free(marks);
    return good;
}

static bool without_part(struct shrinking *shrinking, size_t start, size_t size)
{
    size_t left = shrinking->best.count - size;
    struct trp_sim_mark *marks = copy_best(shrinking);
    if (marks == NULL)
        return false;
    memmove(&marks[start], &marks[start + size], (left - start) * sizeof *marks);
    bool good = attempt(shrinking, marks, left);
    free(marks);
    return good;
}

// Finds the marks of a kind; TRP_SIM_KINDS: of all.
static size_t range_of(const struct shrinking *shrinking, enum trp_sim_kind kind, size_t *from)
{
    const struct trp_sim_marks *best = &shrinking->best;
    size_t count = 0;
    *from = 0;
    if (kind == TRP_SIM_KINDS)
        return best->count;
    while (*from < best->count && best->at[*from].kind != kind)
        ++*from;
    while (*from + count < best->count && best->at[*from + count].kind == kind)
        count++;
    return count;
}

// From the end: what was chosen last is needed least.
static bool without_parts(struct shrinking *shrinking, enum trp_sim_kind kind, size_t size)
{
    bool gained = false;
    size_t from, parts = (range_of(shrinking, kind, &from) + size - 1) / size;
    while (parts-- > 0 && !over(shrinking)) {
        size_t count = range_of(shrinking, kind, &from), start = parts * size;
        if (start < count)
            gained |=
                without_part(shrinking, from + start, size < count - start ? size : count - start);
    }
    return gained;
}

// Leaves out what it can, in ever smaller parts.
static bool reduce(struct shrinking *shrinking, enum trp_sim_kind kind)
{
    bool gained = false;
    size_t from, count = range_of(shrinking, kind, &from);
    for (size_t size = count > 1 ? count / 2 : count; size > 0; size /= 2)
        gained |= without_parts(shrinking, kind, size);
    return gained;
}

// ---- Moving faults
//
// A fault that must strike at a certain moment holds all choices in their places that make the run
// so long until then. So with all of these left out it is tried at other moments, too.

// In each step each of these decides once.
static uint32_t faults_by_chance(const troupe_sim_opts *opts)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < opts->fault_count; i++)
        count += opts->faults[i].step == 0 && opts->faults[i].per_million > 0;
    return count ? count : 1;
}

// One fault: at the first step at which it will do.
static bool move_fault(struct shrinking *shrinking, struct trp_sim_mark fault, uint32_t value)
{
    uint32_t stride = faults_by_chance(&shrinking->job.test->opts);
    uint64_t last = fault.ordinal;
    fault.value = value;
    fault.ordinal %= stride;
    for (int i = 0; i < MOMENTS && fault.ordinal <= last && !over(shrinking); i++) {
        if (attempt(shrinking, &fault, 1))
            return true;
        fault.ordinal += stride;
    }
    return false;
}

// Several: all of them earlier, and nearer to each other.
static bool move_faults(struct shrinking *shrinking, const struct trp_sim_mark *faults,
                        size_t count, uint32_t eighths)
{
    uint64_t stride = faults_by_chance(&shrinking->job.test->opts);
    struct trp_sim_mark *marks = copy_best(shrinking);
    for (size_t i = 0; marks && i < count; i++) {
        marks[i] = faults[i];
        marks[i].ordinal =
            faults[i].ordinal / stride * eighths / 8 * stride + faults[i].ordinal % stride;
        while (i > 0 && marks[i].ordinal <= marks[i - 1].ordinal)
            marks[i].ordinal += stride;
    }
    bool good = marks && attempt(shrinking, marks, count);
    free(marks);
    return good;
}

// All at once: of two that must be near to each other neither can be made smaller alone.
static bool same_values(struct shrinking *shrinking, uint32_t value)
{
    struct trp_sim_mark *marks = copy_best(shrinking);
    for (size_t i = 0; marks && i < shrinking->best.count; i++) {
        if (marks[i].kind == TRP_SIM_FAULT)
            marks[i].value = value;
    }
    bool good = marks && attempt(shrinking, marks, shrinking->best.count);
    free(marks);
    return good;
}

static void faults_elsewhere(struct shrinking *shrinking)
{
    struct trp_sim_mark faults[MOST_MOVED];
    size_t count = 0;
    for (size_t i = 0; i < shrinking->best.count; i++) {
        if (shrinking->best.at[i].kind == TRP_SIM_FAULT && count < MOST_MOVED)
            faults[count++] = shrinking->best.at[i];
    }
    if (count == 0 || count != shrinking->cost.faults)
        return;
    bool moved = false;
    for (uint32_t value = 0; count == 1 && value <= SMALL_VALUES && !moved; value++)
        moved = move_fault(shrinking, faults[0], value ? value : faults[0].value);
    for (uint32_t eighths = 0; count > 1 && eighths <= 8 && !moved && !over(shrinking); eighths++)
        moved = move_faults(shrinking, faults, count, eighths);
    bool small = false;
    for (uint32_t value = 1; count > 1 && value <= SMALL_VALUES && !small && !over(shrinking);
         value++)
        small = same_values(shrinking, value);
}

// ---- Making smaller

static bool with_value(struct shrinking *shrinking, size_t index, uint32_t value)
{
    struct trp_sim_mark *marks = copy_best(shrinking);
    if (marks == NULL)
        return false;
    marks[index].value = value;
    bool good = attempt(shrinking, marks, shrinking->best.count);
    free(marks);
    return good;
}

// The smallest values are often enough; else a limit is looked for between what is too small and
// what is not.
static bool smaller_value(struct shrinking *shrinking, size_t index)
{
    size_t count = shrinking->best.count;
    uint32_t small = 0, before = shrinking->best.at[index].value;
    while (!over(shrinking) && shrinking->best.count == count) {
        uint32_t value = shrinking->best.at[index].value;
        if (value - small <= 1)
            break;
        uint32_t tried = small < SMALL_VALUES ? small + 1 : small + (value - small) / 2;
        if (!with_value(shrinking, index, tried))
            small = tried;
    }
    return shrinking->best.count != count || shrinking->best.at[index].value != before;
}

static bool smaller_values(struct shrinking *shrinking)
{
    bool gained = false;
    for (size_t i = 0; i < shrinking->best.count && !over(shrinking); i++)
        gained |= smaller_value(shrinking, i);
    return gained;
}

// ---- All of it

static void shrink(struct shrinking *shrinking)
{
    static const enum trp_sim_kind kinds[] = {TRP_SIM_FAULT, TRP_SIM_BYTES, TRP_SIM_TIMER,
                                              TRP_SIM_CUT,   TRP_SIM_PICK,  TRP_SIM_NEXT};

    if (shrinking->best.count > 0 && attempt(shrinking, NULL, 0))
        return;
    for (size_t i = 0; i < TRP_SIM_KINDS && !over(shrinking); i++)
        without_kind(shrinking, kinds[i]);
    reduce(shrinking, TRP_SIM_FAULT);
    faults_elsewhere(shrinking);
    bool gained = true;
    while (gained && !over(shrinking)) {
        gained = reduce(shrinking, TRP_SIM_KINDS);
        gained |= smaller_values(shrinking);
    }
}

uint64_t trp_sim_shrink(const struct trp_sim_job *job, struct trp_sim_shared *shared,
                        const struct trp_sim_end *end, struct trp_sim_plan *plan)
{
    struct shrinking shrinking = {.job = *job, .shared = shared, .wanted = end};
    uint64_t steps = shared->watch.steps; // of the failure; more than twice as many are no gain
    uint64_t limit = job->test->opts.max_steps;
    shrinking.job.max_steps = limit && limit < 2 * steps + 1000 ? limit : 2 * steps + 1000;
    shrinking.job.record = true;
    shrinking.job.quiet = true;
    shrinking.job.seconds = SECONDS;
    take_over(&shrinking);
    if (!shrinking.no_memory)
        shrink(&shrinking);
    struct trp_sim_plan left;
    if (shrinking.best.at &&
        trp_sim_plan_init(&left, shrinking.best.at, shrinking.best.count) == TROUPE_OK) {
        trp_sim_plan_fini(plan);
        *plan = left;
    }
    free(shrinking.best.at);
    return shrinking.attempts;
}
