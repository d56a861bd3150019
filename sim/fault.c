// Which faults strike, and when.
//
// Whether one strikes is a choice, and 0 is that it does not: a plan without its mark is the same
// run without it. All that is left open then, whom and for how long, is taken from the value of the
// same choice; and each step makes as many such choices as any other, whatever has struck before.
// So leaving one fault out of a plan leaves all others where they are.
#include "sim/core.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_FAULTS = 1000, MILLION = 1000000, DEFAULT_MS = 1000 };

#define KIND(kind) (1u << (kind))
#define OF_ACTORS \
    (KIND(TROUPE_SIM_FAIL) | KIND(TROUPE_SIM_KILL) | KIND(TROUPE_SIM_HANG) | KIND(TROUPE_SIM_SLOW))
#define TAKE_TIME (KIND(TROUPE_SIM_HANG) | KIND(TROUPE_SIM_SLOW) | KIND(TROUPE_SIM_CRASH))

// ---- Options

static const char *const names[] = {
    [TROUPE_SIM_FAIL] = "FAIL", [TROUPE_SIM_KILL] = "KILL",           [TROUPE_SIM_HANG] = "HANG",
    [TROUPE_SIM_SLOW] = "SLOW", [TROUPE_SIM_NO_MEMORY] = "NO_MEMORY", [TROUPE_SIM_CRASH] = "CRASH"};

static troupe_status check(const troupe_sim_fault *fault, uint32_t i)
{
    if (fault->kind < TROUPE_SIM_FAIL || fault->kind > TROUPE_SIM_CRASH)
        return trp_error(TROUPE_EINVAL,
                         "troupe_sim_new: faults[%u].kind is %d; use one of enum "
                         "troupe_sim_fault_kind",
                         i, (int)fault->kind);
    const char *name = names[fault->kind];
    if (fault->per_million > MILLION)
        return trp_error(
            TROUPE_EINVAL,
            "troupe_sim_new: faults[%u] (%s): per_million is %u; at most %d are allowed", i, name,
            fault->per_million, MILLION);
    if (fault->step != 0 && fault->per_million != 0)
        return trp_error(TROUPE_EINVAL,
                         "troupe_sim_new: faults[%u] (%s): step and per_million are both set; "
                         "set one of them",
                         i, name);
    if (fault->step == 0 && fault->per_million == 0)
        return trp_error(TROUPE_EINVAL,
                         "troupe_sim_new: faults[%u] (%s): neither step nor per_million is set; "
                         "set one of them",
                         i, name);
    if (fault->actor && !(OF_ACTORS & KIND(fault->kind)))
        return trp_error(TROUPE_EINVAL,
                         "troupe_sim_new: faults[%u] (%s): actor is \"%s\"; this kind strikes none",
                         i, name, fault->actor);
    if (fault->ms && !(TAKE_TIME & KIND(fault->kind)))
        return trp_error(TROUPE_EINVAL,
                         "troupe_sim_new: faults[%u] (%s): ms is %u; this kind takes no time", i,
                         name, fault->ms);
    if (fault->ms == TROUPE_NO_LIMIT && fault->kind == TROUPE_SIM_SLOW)
        return trp_error(TROUPE_EINVAL,
                         "troupe_sim_new: faults[%u] (%s): ms is TROUPE_NO_LIMIT; a handler that "
                         "never returns is a HANG",
                         i, name);
    return TROUPE_OK;
}

troupe_status trp_sim_faults_check(const troupe_sim_opts *opts)
{
    if (opts->fault_count > MOST_FAULTS)
        return trp_error(TROUPE_EINVAL, "troupe_sim_new: fault_count is %u; at most %d are allowed",
                         opts->fault_count, MOST_FAULTS);
    if (opts->fault_count && opts->faults == NULL)
        return trp_error(TROUPE_EINVAL, "troupe_sim_new: fault_count is %u, and faults is NULL",
                         opts->fault_count);
    troupe_status status = TROUPE_OK;
    for (uint32_t i = 0; i < opts->fault_count && status == TROUPE_OK; i++)
        status = check(&opts->faults[i], i);
    return status;
}

// ---- Copies

static bool copy_name(const char **name)
{
    if (*name)
        *name = strdup(*name);
    return *name != NULL;
}

troupe_status trp_sim_faults_init(troupe_sim *sim)
{
    const troupe_sim_fault *given = sim->opts.faults;
    uint32_t count = sim->opts.fault_count;
    sim->opts.fault_count = 0;
    sim->opts.faults = NULL;
    if (count == 0)
        return TROUPE_OK;
    troupe_sim_fault *faults = calloc(count, sizeof *faults);
    sim->opts.faults = faults;
    sim->struck_times = calloc(count, sizeof *sim->struck_times);
    if (faults == NULL || sim->struck_times == NULL)
        return TROUPE_ENOMEM;
    sim->opts.fault_count = count;
    bool copied = true;
    for (uint32_t i = 0; i < count; i++) {
        faults[i] = given[i];
        copied = (given[i].system == NULL || copy_name(&faults[i].system)) && copied;
        copied = (given[i].actor == NULL || copy_name(&faults[i].actor)) && copied;
    }
    return copied ? TROUPE_OK : TROUPE_ENOMEM;
}

static void free_name(const char *name)
{
    union {
        const char *theirs;
        char *ours;
    } copy = {.theirs = name};

    free(copy.ours);
}

void trp_sim_faults_fini(troupe_sim *sim)
{
    union {
        const troupe_sim_fault *theirs;
        troupe_sim_fault *ours;
    } copies = {.theirs = sim->opts.faults};

    for (uint32_t i = 0; i < sim->opts.fault_count; i++) {
        free_name(copies.ours[i].system);
        free_name(copies.ours[i].actor);
    }
    free(copies.ours);
    free(sim->struck_times);
}

bool trp_sim_has_fault(const troupe_sim *sim, troupe_sim_fault_kind kind)
{
    for (uint32_t i = 0; i < sim->opts.fault_count; i++) {
        if (sim->opts.faults[i].kind == kind)
            return true;
    }
    return false;
}

// ---- Striking

uint32_t trp_sim_fault_ms(const troupe_sim_fault *fault, uint32_t *draw)
{
    uint32_t ms = fault->ms ? fault->ms : DEFAULT_MS;
    bool exact = fault->step != 0 || ms == TROUPE_NO_LIMIT;
    return exact ? ms : 1 + trp_sim_part(draw, ms);
}

static bool strike(troupe_sim *sim, const troupe_sim_fault *fault, uint32_t draw)
{
    return OF_ACTORS & KIND(fault->kind) ? trp_sim_strike_actor(sim, fault, draw)
                                         : trp_sim_strike_system(sim, fault, draw);
}

// Returns 0, or what is to be made of a fault that strikes in this step.
static uint32_t decide(troupe_sim *sim, const troupe_sim_fault *fault)
{
    if (fault->step ? fault->step != sim->steps : fault->per_million == 0)
        return 0;
    bool hit = fault->step || trp_random_below(&sim->random, MILLION) < fault->per_million;
    uint32_t value = hit ? 1 + trp_random_below(&sim->random, UINT32_MAX - 1) : 0;
    return trp_sim_decide(sim, TRP_SIM_FAULT, UINT32_MAX, value);
}

bool trp_sim_strike(troupe_sim *sim)
{
    bool any = false;
    for (uint32_t i = 0; i < sim->opts.fault_count; i++) {
        const troupe_sim_fault *fault = &sim->opts.faults[i];
        uint32_t value = decide(sim, fault);
        bool spent = fault->times != 0 && sim->struck_times[i] >= fault->times;
        if (value == 0 || spent || !strike(sim, fault, value - 1))
            continue;
        any = true;
        sim->struck_times[i]++;
    }
    return any;
}
