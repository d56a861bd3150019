// Simulations: lifetime, the systems in them, and the public calls that run them. Each system gets
// seams that lead back here: its clock is the simulation's, its choices too, and a thread that
// waits for something in it steps the whole simulation.
#include "base/cpu.h"
#include "base/slab.h"
#include "sim/core.h"
#include "sim/net.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum {
    DEFAULT_CHANGES = 3,
    DEFAULT_HORIZON = 1000,
    DEFAULT_STEP_NS = 1000,
    DEFAULT_MAX_STEPS = 10000000,
    DEFAULT_TRACE = 64,
    DEFAULT_CUT_IN = 4,
    MOST_TRACE = 1000000,
    MOST_CHANGES = 1000
};

static char no_memory[] = "no memory for the text of the failure";

// ---- Options

static void fill_options(troupe_sim_opts *opts)
{
    opts->changes = opts->changes ? opts->changes : DEFAULT_CHANGES;
    opts->horizon = opts->horizon ? opts->horizon : DEFAULT_HORIZON;
    opts->step_ns = opts->step_ns ? opts->step_ns : DEFAULT_STEP_NS;
    opts->max_steps = opts->max_steps ? opts->max_steps : DEFAULT_MAX_STEPS;
    opts->trace = opts->trace ? opts->trace : DEFAULT_TRACE;
    opts->cut_in = opts->cut_in ? opts->cut_in : DEFAULT_CUT_IN;
}

static troupe_status check_options(const troupe_sim_opts *opts)
{
    if ((unsigned)opts->strategy > TROUPE_SIM_ROUND_ROBIN)
        return trp_error(TROUPE_EINVAL,
                         "troupe_sim_new: strategy is %d; use one of enum troupe_sim_strategy",
                         (int)opts->strategy);
    if (opts->changes > MOST_CHANGES)
        return trp_error(TROUPE_EINVAL, "troupe_sim_new: changes is %u; at most %d are allowed",
                         opts->changes, MOST_CHANGES);
    if (opts->trace > MOST_TRACE)
        return trp_error(TROUPE_EINVAL, "troupe_sim_new: trace is %u; at most %d are allowed",
                         opts->trace, MOST_TRACE);
    return trp_sim_faults_check(opts);
}

// ---- Lifetime

troupe_status troupe_sim_new(uint64_t seed, const troupe_sim_opts *opts, troupe_sim **made)
{
    if (made == NULL)
        return trp_error(TROUPE_EINVAL, "troupe_sim_new: sim is NULL");
    *made = NULL;
    troupe_sim_opts options = opts ? *opts : (troupe_sim_opts){0};
    troupe_status status = check_options(&options);
    if (status != TROUPE_OK)
        return status;
    fill_options(&options);
    troupe_sim *sim = calloc(1, sizeof *sim);
    if (sim == NULL)
        return trp_error(TROUPE_ENOMEM, "troupe_sim_new: no memory");
    sim->seed = seed;
    sim->opts = options;
    sim->now = TRP_SIM_START_NS;
    if (trp_sim_faults_init(sim) == TROUPE_OK && trp_sim_choices_init(sim) == TROUPE_OK &&
        trp_sim_trace_init(sim) == TROUPE_OK) {
        *made = sim;
        return TROUPE_OK;
    }
    troupe_sim_free(sim);
    return trp_error(TROUPE_ENOMEM, "troupe_sim_new: no memory");
}

static void stop_all(troupe_sim *sim)
{
    for (uint32_t i = sim->node_count; i-- > 0;) {
        struct trp_sim_node *node = sim->nodes[i];
        if (node->system == NULL)
            continue;
        if (sim->failure) // nothing runs any more
            trp_sim_take_down(node, TRP_NEVER);
        else if (troupe_system_stop(node->system, TROUPE_NO_LIMIT, NULL) != TROUPE_OK)
            troupe_sim_fail(sim, "system %s does not stop", node->name);
    }
    (void)trp_sim_attend_now(sim);
}

static void check_memory(troupe_sim *sim)
{
    for (uint32_t i = 0; i < sim->node_count; i++) {
        const struct trp_sim_node *node = sim->nodes[i];
        if (node->system == NULL && node->blocks != 0)
            troupe_sim_fail(sim, "system %s has not given back %" PRId64 " blocks of memory",
                            node->name, node->blocks);
    }
}

static void close_network(troupe_sim *sim)
{
    uint32_t left = sim->net ? trp_net_free(sim->net) : 0;
    if (left > 0)
        troupe_sim_fail(sim, "%" PRIu32 " streams, dialers or listeners were not freed", left);
}

static void free_all(troupe_sim *sim)
{
    trp_sim_cast_fini(sim);
    for (uint32_t i = 0; i < sim->node_count; i++)
        free(sim->nodes[i]);
    free(sim->nodes);
    while (sim->invariants) {
        struct trp_sim_invariant *next = sim->invariants->next;
        free(sim->invariants);
        sim->invariants = next;
    }
    trp_sim_faults_fini(sim);
    trp_sim_choices_fini(sim);
    trp_sim_trace_fini(sim);
    if (sim->failure != no_memory)
        free(sim->failure);
    free(sim);
}

bool troupe_sim_free(troupe_sim *sim)
{
    sim->ending = true;
    (void)trp_sim_attend_now(sim);
    stop_all(sim);
    check_memory(sim);
    close_network(sim);
    bool good = sim->failure == NULL;
    if (!good)
        trp_error(TROUPE_OK, "%s", sim->failure);
    free_all(sim);
    return good;
}

// ---- Failure

void troupe_sim_fail(troupe_sim *sim, const char *format, ...)
{
    if (sim->failure)
        return;
    va_list arguments;
    va_start(arguments, format);
    if (vasprintf(&sim->failure, format, arguments) < 0)
        sim->failure = no_memory;
    va_end(arguments);
    sim->failed_at = sim->steps;
    if (sim->watch)
        trp_sim_watch_failure(sim);
}

const char *troupe_sim_failure(const troupe_sim *sim)
{
    return sim->failure;
}

// ---- The seams of a system; `user` is its node

static uint64_t clock_now(void *user)
{
    return ((const struct trp_sim_node *)user)->sim->now;
}

static bool cut(void *user)
{
    return trp_sim_cut(((struct trp_sim_node *)user)->sim);
}

static bool hold(void *user)
{
    return ((const struct trp_sim_node *)user)->sim->holding;
}

static uint32_t choose_timer(void *user, uint32_t count)
{
    return trp_sim_choose(((struct trp_sim_node *)user)->sim, TRP_SIM_TIMER, count);
}

static bool step(void *user, uint64_t deadline)
{
    struct trp_sim_node *node = user;
    node->waiting++;
    bool goes_on = trp_sim_step(node->sim, deadline);
    node->waiting--;
    // Once the simulation has failed nothing would end the actors for which a stop waits.
    if (!goes_on && node->sim->failure && node->system && atomic_load(&node->system->closed))
        trp_sim_take_down(node, TRP_NEVER);
    return goes_on;
}

// The system is about to be freed: whoever stopped it.
static void gone(void *user)
{
    struct trp_sim_node *node = user;
    troupe_system *system = node->system ? node->system : node->remains;
    if (system == NULL) // it could not be started
        return;
    troupe_stats stats;
    troupe_system_stats(system, &stats);
    node->system = NULL;
    node->remains = NULL;
    node->back_at = TRP_NEVER;
    trp_sim_forget_struck(node, NULL);
    if (stats.sent != stats.handled + stats.dead + stats.dropped)
        troupe_sim_fail(node->sim,
                        "system %s has lost messages: %" PRIu64 " sent, %" PRIu64
                        " handled, %" PRIu64 " dead, %" PRIu64 " dropped",
                        node->name, stats.sent, stats.handled, stats.dead, stats.dropped);
    if (stats.spawned != stats.ended)
        troupe_sim_fail(node->sim,
                        "system %s: %" PRIu64 " actors were spawned, %" PRIu64 " have ended",
                        node->name, stats.spawned, stats.ended);
}

static void *take(void *user, size_t size, size_t align)
{
    struct trp_sim_node *node = user;
    if (TRP_UNLIKELY(node->starved) && node->sim->running) {
        node->starved = false;
        return NULL;
    }
    void *block = node->memory.alloc(node->memory.user, size, align);
    node->blocks += block != NULL;
    return block;
}

static void give(void *user, void *block, size_t size)
{
    struct trp_sim_node *node = user;
    node->blocks--;
    node->memory.free(node->memory.user, block, size);
}

// ---- Systems

troupe_status trp_sim_start(struct trp_sim_node *node)
{
    troupe_sim *sim = node->sim;
    troupe_system *system;
    troupe_system_opts opts = node->opts;
    opts.seed = trp_random_next(&sim->seeds) | 1;
    node->probe.event = trp_sim_observe;
    node->starved = false;
    node->back_at = TRP_NEVER;
    trp_sim_network_set(node, true);
    const struct trp_seams seams = {
        .driven = true,
        .clock = {.now = clock_now, .user = node},
        .choice = {.timer = choose_timer, .user = node},
        .cut = cut,
        .hold = hold,
        .step = step,
        .fails = trp_sim_has_fault(sim, TROUPE_SIM_FAIL) || trp_sim_has_fault(sim, TROUPE_SIM_SLOW)
                     ? trp_sim_fails
                     : NULL,
        .gone = gone,
        .user = node,
        .probe = &node->probe,
    };
    troupe_status status = trp_system_start(&opts, &seams, &system);
    if (status != TROUPE_OK)
        return status;
    node->system = system;
    trp_sim_note(sim, node->index, "starts");
    node->waiting++;
    if (node->boot)
        node->boot(sim, system, node->user);
    node->waiting--;
    return TROUPE_OK;
}

static troupe_status check_new(const troupe_sim *sim, const char *name)
{
    if (sim->node_count == TRP_SIM_NODES)
        return trp_error(TROUPE_EINVAL, "troupe_sim_add: there are %d systems; no more are allowed",
                         TRP_SIM_NODES);
    const size_t most = sizeof sim->nodes[0]->name - 1;
    if (strlen(name) > most)
        return trp_error(TROUPE_EINVAL,
                         "troupe_sim_add: name has %zu bytes; at most %zu are allowed",
                         strlen(name), most);
    for (uint32_t i = 0; i < sim->node_count; i++) {
        if (strcmp(sim->nodes[i]->name, name) == 0)
            return trp_error(TROUPE_EEXIST,
                             "troupe_sim_add: there is a system \"%s\" already; set opts.name",
                             name);
    }
    return TROUPE_OK;
}

static bool make_room(troupe_sim *sim)
{
    if (sim->node_count < sim->node_capacity)
        return true;
    uint32_t capacity = sim->node_capacity ? 2 * sim->node_capacity : 4;
    struct trp_sim_node **nodes = realloc(sim->nodes, capacity * sizeof *nodes);
    if (nodes == NULL)
        return false;
    sim->nodes = nodes;
    sim->node_capacity = capacity;
    return true;
}

static struct trp_sim_node *new_node(troupe_sim *sim, const troupe_system_opts *opts)
{
    struct trp_sim_node *node = make_room(sim) ? calloc(1, sizeof *node) : NULL;
    if (node == NULL)
        return NULL;
    node->sim = sim;
    node->index = sim->node_count;
    node->opts = *opts;
    (void)snprintf(node->name, sizeof node->name, "%s", opts->name);
    node->opts.name = node->name;
    node->memory = opts->allocator ? *opts->allocator : trp_default_allocator;
    node->counted = (troupe_allocator){.alloc = take,
                                       .free = give,
                                       .user = node,
                                       .uncached = node->memory.uncached ||
                                                   trp_sim_has_fault(sim, TROUPE_SIM_NO_MEMORY)};
    node->opts.allocator = &node->counted;
    node->back_at = TRP_NEVER;
    node->probe = (struct trp_probe){.event = trp_sim_observe, .user = node};
    return node;
}

troupe_status troupe_sim_add(troupe_sim *sim, const troupe_system_opts *opts, troupe_sim_boot boot,
                             void *user, uint32_t *index)
{
    troupe_system_opts options = opts ? *opts : (troupe_system_opts){0};
    options.name = options.name ? options.name : "troupe";
    troupe_status status = check_new(sim, options.name);
    if (status != TROUPE_OK)
        return status;
    struct trp_sim_node *node = new_node(sim, &options);
    if (node == NULL)
        return trp_error(TROUPE_ENOMEM, "troupe_sim_add: no memory");
    node->boot = boot;
    node->user = user;
    sim->nodes[sim->node_count++] = node;
    status = trp_sim_network_grow(sim);
    if (status == TROUPE_OK)
        status = trp_sim_start(node);
    if (status != TROUPE_OK) {
        sim->node_count--;
        free(node->places);
        free(node);
    } else if (index) {
        *index = node->index;
    }
    return status;
}

troupe_system *troupe_sim_system(const troupe_sim *sim, uint32_t index)
{
    return index < sim->node_count ? sim->nodes[index]->system : NULL;
}

// ---- Running

bool troupe_sim_step(troupe_sim *sim)
{
    return trp_sim_step(sim, TRP_NEVER);
}

static troupe_status outcome(const troupe_sim *sim)
{
    return sim->failure ? trp_error(TROUPE_ECANCELED, "the simulation has failed: %s", sim->failure)
                        : TROUPE_OK;
}

troupe_status troupe_sim_run(troupe_sim *sim)
{
    while (trp_sim_step(sim, TRP_NEVER))
        continue;
    return outcome(sim);
}

troupe_status troupe_sim_run_steps(troupe_sim *sim, uint64_t steps)
{
    uint64_t end = trp_deadline(sim->steps, steps);
    while (sim->steps < end && trp_sim_step(sim, TRP_NEVER))
        continue;
    return outcome(sim);
}

uint64_t trp_sim_in_ms(const troupe_sim *sim, uint64_t ms)
{
    uint64_t ns = ms > TRP_NEVER / TRP_NS_PER_MS ? TRP_NEVER : ms * TRP_NS_PER_MS;
    return trp_deadline(sim->now, ns);
}

troupe_status troupe_sim_run_for(troupe_sim *sim, uint64_t ms)
{
    uint64_t end = trp_sim_in_ms(sim, ms);
    while (sim->now < end && trp_sim_step(sim, end))
        continue;
    return outcome(sim);
}

troupe_status troupe_sim_run_until(troupe_sim *sim, troupe_sim_predicate holds, void *arg,
                                   uint64_t ms)
{
    if (holds == NULL)
        return trp_error(TROUPE_EINVAL, "troupe_sim_run_until: holds is NULL");
    uint64_t end = trp_sim_in_ms(sim, ms);
    bool goes_on = true;
    while (!sim->failure && !holds(sim, arg)) {
        if (!goes_on || sim->now >= end)
            return trp_error(TROUPE_ETIMEDOUT, "troupe_sim_run_until: not within %" PRIu64 " ms",
                             ms);
        goes_on = trp_sim_step(sim, end);
    }
    return outcome(sim);
}

// ---- What must be so

troupe_status troupe_sim_invariant(troupe_sim *sim, const char *name, troupe_sim_predicate holds,
                                   void *arg)
{
    if (name == NULL || holds == NULL)
        return trp_error(TROUPE_EINVAL, "troupe_sim_invariant: %s is NULL",
                         name ? "holds" : "name");
    struct trp_sim_invariant *made = malloc(sizeof *made + strlen(name) + 1);
    if (made == NULL)
        return trp_error(TROUPE_ENOMEM, "troupe_sim_invariant: no memory");
    made->holds = holds;
    made->arg = arg;
    strcpy(made->name, name);
    made->next = NULL;
    struct trp_sim_invariant **last = &sim->invariants;
    while (*last)
        last = &(*last)->next;
    *last = made;
    return TROUPE_OK;
}

bool troupe_sim_eventually(troupe_sim *sim, const char *name, troupe_sim_predicate holds, void *arg,
                           uint64_t ms)
{
    if (name == NULL || holds == NULL)
        troupe_sim_fail(sim, "troupe_sim_eventually: %s is NULL", name ? "holds" : "name");
    else if (troupe_sim_run_until(sim, holds, arg, ms) == TROUPE_ETIMEDOUT)
        troupe_sim_fail(sim, "\"%s\" has not come true within %" PRIu64 " ms", name, ms);
    return sim->failure == NULL;
}

// ---- Looking at it

uint64_t troupe_sim_seed(const troupe_sim *sim)
{
    return sim->seed;
}

uint64_t troupe_sim_steps(const troupe_sim *sim)
{
    return sim->steps;
}

uint64_t troupe_sim_now_ns(const troupe_sim *sim)
{
    return sim->now;
}

uint64_t troupe_sim_faults(const troupe_sim *sim)
{
    return sim->faults;
}

uint32_t troupe_sim_pick(troupe_sim *sim, uint32_t count)
{
    return trp_sim_choose(sim, TRP_SIM_PICK, count);
}
