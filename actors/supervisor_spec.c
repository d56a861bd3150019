// Specifications of supervisors: checking them, each wrong field with a text of its own, and
// copying those of children. Knows nothing of running supervisors.
#include "actors/supervision.h"
#include "base/hash.h"
#include "troupe/name.h"

#include <stdio.h>
#include <string.h>

#define MAX_DEPTH    32
#define MAX_CHILDREN 10000000
#define MAX_RESTARTS 10000000

// ---- Checking

// Who is checked, for the texts: "troupe_supervise: app: child "web": ".
struct place {
    const char *function;
    const char *supervisor;
    const char *child; // its id; NULL: the supervisor itself
};

__attribute__((format(printf, 2, 3))) static troupe_status wrong(const struct place *place,
                                                                 const char *format, ...)
{
    char what[256];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    if (place->child)
        return trp_error(TROUPE_EINVAL, "%s: %s: child \"%s\": %s", place->function,
                         place->supervisor, place->child, what);
    return trp_error(TROUPE_EINVAL, "%s: %s: %s", place->function, place->supervisor, what);
}

static troupe_status check_text(const struct place *place, const char *field, const char *text)
{
    if (text[0] == 0)
        return wrong(place, "%s is empty; 1 to %d bytes are allowed", field, TROUPE_NAME_MAX);
    if (strlen(text) > TROUPE_NAME_MAX)
        return wrong(place, "%s \"%.20s...\" has %zu bytes; at most %d are allowed", field, text,
                     strlen(text), TROUPE_NAME_MAX);
    return TROUPE_OK;
}

static troupe_status check_id(const struct place *place, troupe_strategy strategy, const char *id)
{
    if (id == NULL && strategy == TROUPE_SIMPLE_ONE_FOR_ONE)
        return TROUPE_OK; // the template needs none
    if (id == NULL || id[0] == 0)
        return wrong(place, "a child has no id; give it one of 1 to %d bytes", TROUPE_NAME_MAX);
    return check_text(place, "a child's id", id);
}

static troupe_status check_what_it_is(const struct place *place, const troupe_child *child)
{
    const troupe_behavior *behavior = child->behavior;
    if ((behavior == NULL) == (child->supervisor == NULL))
        return wrong(place, "give either a behavior or a supervisor");
    if (behavior && (behavior->name == NULL || behavior->receive == NULL))
        return wrong(place, "its behavior lacks a %s",
                     behavior->name ? "receive function" : "name");
    if (child->place == TROUPE_IN_PROCESS)
        return trp_error(TROUPE_ENOTSUP,
                         "%s: %s: child \"%s\": place TROUPE_IN_PROCESS is not available in this "
                         "version",
                         place->function, place->supervisor, place->child);
    if ((unsigned)child->place > TROUPE_IN_PROCESS)
        return wrong(place, "place is %d; use one of enum troupe_place", (int)child->place);
    if (child->supervisor && child->place != TROUPE_ON_POOL)
        return wrong(place, "place is %d; a supervisor is always TROUPE_ON_POOL",
                     (int)child->place);
    if (child->args && child->args_type == NULL)
        return wrong(place, "args without args_type");
    if (child->args_type && child->args == NULL)
        return wrong(place, "args_type without args");
    if (child->args_type && child->supervisor)
        return wrong(place, "args are for a behavior's init; a supervisor takes none");
    return TROUPE_OK;
}

static troupe_status check_restart(const struct place *place, const troupe_child *child,
                                   troupe_auto_shutdown auto_shutdown)
{
    if ((unsigned)child->restart > TROUPE_TEMPORARY)
        return wrong(place, "restart is %d; use one of enum troupe_restart", (int)child->restart);
    if (child->significant && child->restart == TROUPE_PERMANENT)
        return wrong(place, "significant is for transient and temporary children: a permanent one "
                            "always runs");
    if (child->significant && auto_shutdown == TROUPE_NO_AUTO_SHUTDOWN)
        return wrong(place, "significant needs auto_shutdown of the supervisor to be "
                            "TROUPE_ANY_SIGNIFICANT or TROUPE_ALL_SIGNIFICANT");
    if (child->max_restarts != TROUPE_NO_RESTARTS && child->max_restarts > MAX_RESTARTS)
        return wrong(place, "max_restarts is %u; at most %d are allowed, or TROUPE_NO_RESTARTS",
                     child->max_restarts, MAX_RESTARTS);
    if (child->within_ms && !child->max_restarts)
        return wrong(place, "within_ms is %u, but without max_restarts it has no budget of its own",
                     child->within_ms);
    return TROUPE_OK;
}

static troupe_status check_backoff(const struct place *place, const troupe_backoff *backoff)
{
    if (!backoff->min_ms && (backoff->max_ms || backoff->random_percent || backoff->quiet_ms))
        return wrong(place, "backoff without min_ms; give at least 1 ms");
    if (backoff->max_ms && backoff->max_ms < backoff->min_ms)
        return wrong(place, "backoff.max_ms is %u, less than min_ms, which is %u", backoff->max_ms,
                     backoff->min_ms);
    if (backoff->random_percent > 100)
        return wrong(place, "backoff.random_percent is %u; 0 to 100 are allowed",
                     backoff->random_percent);
    return TROUPE_OK;
}

troupe_status trp_child_check(const char *function, const char *supervisor,
                              troupe_strategy strategy, troupe_auto_shutdown auto_shutdown,
                              const troupe_child *child)
{
    struct place place = {function, supervisor, NULL};
    troupe_status status = check_id(&place, strategy, child->id);
    if (status != TROUPE_OK)
        return status;
    place.child = child->id ? child->id : "template";
    if ((status = check_what_it_is(&place, child)) != TROUPE_OK ||
        (status = check_restart(&place, child, auto_shutdown)) != TROUPE_OK ||
        (status = check_backoff(&place, &child->backoff)) != TROUPE_OK)
        return status;
    if (child->register_as && strategy == TROUPE_SIMPLE_ONE_FOR_ONE)
        return wrong(&place, "register_as is \"%.20s\", but only one of its children could have it",
                     child->register_as);
    return child->register_as ? check_text(&place, "register_as", child->register_as) : TROUPE_OK;
}

static troupe_status twice(const struct place *place, const char *id)
{
    return wrong(place, "two children have the id \"%s\"", id);
}

// By comparing each with each, for a few.
static troupe_status check_few_ids(const struct place *place, const troupe_supervisor *spec)
{
    for (size_t i = 1; i < spec->child_count; i++)
        for (size_t k = 0; k < i; k++)
            if (strcmp(spec->children[i].id, spec->children[k].id) == 0)
                return twice(place, spec->children[i].id);
    return TROUPE_OK;
}

// By a table of places that are taken.
static troupe_status check_many_ids(const struct place *place, const troupe_supervisor *spec)
{
    size_t size = 64;
    while (size < 2 * spec->child_count)
        size *= 2;
    const troupe_allocator *memory = &trp_default_allocator;
    const char **taken = memory->alloc(memory->user, size * sizeof *taken, _Alignof(char *));
    if (taken == NULL)
        return trp_error(TROUPE_ENOMEM, "%s: no memory", place->function);
    memset((void *)taken, 0, size * sizeof *taken);
    troupe_status status = TROUPE_OK;
    for (size_t i = 0; i < spec->child_count && status == TROUPE_OK; i++) {
        const char *id = spec->children[i].id;
        size_t at = trp_hash_text(id) & (size - 1);
        while (taken[at] && strcmp(taken[at], id) != 0)
            at = (at + 1) & (size - 1);
        if (taken[at])
            status = twice(place, id);
        taken[at] = id;
    }
    memory->free(memory->user, (void *)taken, size * sizeof *taken);
    return status;
}

static troupe_status check_ids(const struct place *place, const troupe_supervisor *spec)
{
    if (spec->strategy == TROUPE_SIMPLE_ONE_FOR_ONE)
        return TROUPE_OK;
    return spec->child_count <= 16 ? check_few_ids(place, spec) : check_many_ids(place, spec);
}

static troupe_status check_numbers(const struct place *place, const troupe_supervisor *spec)
{
    if ((unsigned)spec->strategy > TROUPE_SIMPLE_ONE_FOR_ONE)
        return wrong(place, "strategy is %d; use one of enum troupe_strategy", (int)spec->strategy);
    if ((unsigned)spec->auto_shutdown > TROUPE_ALL_SIGNIFICANT)
        return wrong(place, "auto_shutdown is %d; use one of enum troupe_auto_shutdown",
                     (int)spec->auto_shutdown);
    if (spec->max_restarts != TROUPE_NO_RESTARTS && spec->max_restarts > MAX_RESTARTS)
        return wrong(place, "max_restarts is %u; at most %d are allowed, or TROUPE_NO_RESTARTS",
                     spec->max_restarts, MAX_RESTARTS);
    if (spec->child_count > 0 && spec->children == NULL)
        return wrong(place, "children is NULL, child_count is %zu", spec->child_count);
    if (spec->child_count > MAX_CHILDREN)
        return wrong(place, "child_count is %zu; at most %d are allowed", spec->child_count,
                     MAX_CHILDREN);
    if (spec->strategy == TROUPE_SIMPLE_ONE_FOR_ONE && spec->child_count != 1)
        return wrong(place, "child_count is %zu; simple one for one has one template",
                     spec->child_count);
    return TROUPE_OK;
}

static troupe_status check(const char *function, const troupe_supervisor *spec, const char *name,
                           int depth)
{
    struct place place = {function, spec->name ? spec->name : name, NULL};
    if (depth > MAX_DEPTH)
        return wrong(&place, "nested deeper than %d supervisors", MAX_DEPTH);
    if (strlen(place.supervisor) > TROUPE_NAME_MAX)
        return trp_error(TROUPE_EINVAL,
                         "%s: name \"%.20s...\" has %zu bytes; at most %d are allowed", function,
                         place.supervisor, strlen(place.supervisor), TROUPE_NAME_MAX);
    troupe_status status = check_numbers(&place, spec);
    if (status == TROUPE_OK && spec->register_as)
        status = depth == 1 ? check_text(&place, "register_as", spec->register_as)
                            : wrong(&place, "register_as belongs to the child that it is");
    for (size_t i = 0; i < spec->child_count && status == TROUPE_OK; i++) {
        const troupe_child *child = &spec->children[i];
        status =
            trp_child_check(function, place.supervisor, spec->strategy, spec->auto_shutdown, child);
        if (status == TROUPE_OK && child->supervisor)
            status =
                check(function, child->supervisor, child->id ? child->id : "template", depth + 1);
    }
    return status == TROUPE_OK ? check_ids(&place, spec) : status;
}

troupe_status trp_supervisor_check(const char *function, const troupe_supervisor *spec)
{
    if (spec == NULL)
        return trp_error(TROUPE_EINVAL, "%s: spec is NULL", function);
    return check(function, spec, "supervisor", 1);
}

troupe_status trp_nested_check(const char *function, const troupe_child *child)
{
    return child->supervisor ? check(function, child->supervisor, child->id, 2) : TROUPE_OK;
}

// ---- Copying

static size_t text_size(const char *text)
{
    return text ? strlen(text) + 1 : 0;
}

static const char *copy_text(char **at, const char *text)
{
    if (text == NULL)
        return NULL;
    char *copy = strcpy(*at, text);
    *at += strlen(text) + 1;
    return copy;
}

troupe_status trp_child_spec_new(troupe_system *system, struct trp_runner *runner,
                                 const troupe_child *child, struct trp_child_spec **copied)
{
    size_t size = sizeof **copied + text_size(child->id) + text_size(child->register_as);
    struct trp_child_spec *spec = trp_take(system, runner, size);
    if (spec == NULL)
        return trp_error(TROUPE_ENOMEM, "no memory for a child's specification");
    char *at = spec->text;
    *spec = (struct trp_child_spec){.child = *child, .refs = 1, .size = size};
    spec->child.id = copy_text(&at, child->id);
    spec->child.register_as = copy_text(&at, child->register_as);
    spec->child.args = NULL;
    if (child->args_type) {
        troupe_status status = trp_build(system, runner, child->args_type, child->args,
                                         TRP_KIND_USER, false, &spec->args);
        if (status != TROUPE_OK) {
            trp_give(system, runner, spec, size);
            return status;
        }
        trp_args_init(spec->args);
    }
    *copied = spec;
    return TROUPE_OK;
}

void trp_child_spec_release(troupe_system *system, struct trp_runner *runner,
                            struct trp_child_spec *spec)
{
    if (--spec->refs > 0)
        return;
    if (spec->args)
        trp_args_release(system, runner, spec->args);
    trp_give(system, runner, spec, spec->size);
}
