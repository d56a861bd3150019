// Specifications of supervisors: checking them, each wrong field with a text of its own, and
// copying those of children. Knows nothing of running supervisors.
#include "actors/supervision.h"
#include "base/hash.h"
#include "mailbox/clone.h"
#include "troupe/name.h"

#include <stdio.h>
#include <string.h>

#define MAX_DEPTH    32
#define MAX_CHILDREN 10000000
#define MAX_RESTARTS 10000000
#define ONE_CHILD    SIZE_MAX

// ---- Checking

#define PATH_SIZE 128

// Who is checked, for the texts: "troupe_supervise: app / web: child "listener": ".
struct place {
    const char *function;
    const struct place *above; // the supervisor whose child `supervisor` is; NULL: none
    const char *supervisor;
    const char *child; // its id; NULL: the supervisor itself
};

// Writes "app / web", or "... / web" if there is no room for more.
static const char *path_of(const struct place *place, char text[PATH_SIZE])
{
    static const char between[] = " / ", left_out[] = "...";
    char *at = text + PATH_SIZE - 1;
    *at = 0;
    for (; place; place = place->above) {
        size_t size = strlen(place->supervisor);
        bool fits = size + 2 * sizeof between < (size_t)(at - text);
        if (*at)
            at = memcpy(at - (sizeof between - 1), between, sizeof between - 1);
        if (!fits)
            return memcpy(at - (sizeof left_out - 1), left_out, sizeof left_out - 1);
        at = memcpy(at - size, place->supervisor, size);
    }
    return at;
}

__attribute__((format(printf, 2, 3))) static troupe_status wrong(const struct place *place,
                                                                 const char *format, ...)
{
    char what[256], path[PATH_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    if (place->child)
        return trp_error(TROUPE_EINVAL, "%s: %s: child \"%s\": %s", place->function,
                         path_of(place, path), place->child, what);
    return trp_error(TROUPE_EINVAL, "%s: %s: %s", place->function, path_of(place, path), what);
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

// `index`: of the child among those of a table; ONE_CHILD: it is in none.
static troupe_status check_id(const struct place *place, troupe_strategy strategy, const char *id,
                              size_t index)
{
    if (id == NULL && strategy == TROUPE_SIMPLE_ONE_FOR_ONE)
        return TROUPE_OK; // the template needs none
    if (id && id[0])
        return check_text(place, "a child's id", id);
    if (index == ONE_CHILD)
        return wrong(place, "the child has no id; give it one of 1 to %d bytes", TROUPE_NAME_MAX);
    return wrong(place, "children[%zu] has no id; give it one of 1 to %d bytes", index,
                 TROUPE_NAME_MAX);
}

static troupe_status check_args(const struct place *place, const troupe_child *child)
{
    if (child->args_type == NULL)
        return wrong(place, "args without args_type");
    if (child->args == NULL)
        return wrong(place, "args_type without args");
    if (child->supervisor)
        return wrong(place, "args are for a behavior's init; a supervisor takes none");
    struct trp_clone_error error;
    size_t extra;
    const struct trp_type *type = trp_type_intern(child->args_type);
    if (type == NULL)
        return trp_error(TROUPE_ENOMEM, "%s: no memory to register the message type",
                         place->function);
    return trp_clone_measure(type, child->args, &extra, &error) == TROUPE_OK
               ? TROUPE_OK
               : wrong(place, "args: %s", error.text);
}

static troupe_status check_what_it_is(const struct place *place, const troupe_child *child)
{
    const troupe_behavior *behavior = child->behavior;
    char path[PATH_SIZE];
    if ((behavior == NULL) == (child->supervisor == NULL))
        return wrong(place, "give either a behavior or a supervisor");
    if (behavior && (behavior->name == NULL || behavior->receive == NULL))
        return wrong(place, "its behavior lacks a %s",
                     behavior->name ? "receive function" : "name");
    if (child->place == TROUPE_IN_PROCESS)
        return trp_error(TROUPE_ENOTSUP,
                         "%s: %s: child \"%s\": place TROUPE_IN_PROCESS is not available in this "
                         "version",
                         place->function, path_of(place, path), place->child);
    if ((unsigned)child->place > TROUPE_IN_PROCESS)
        return wrong(place, "place is %d; use one of enum troupe_place", (int)child->place);
    if (child->supervisor && child->place != TROUPE_ON_POOL)
        return wrong(place, "place is TROUPE_ON_THREAD; a supervisor is always TROUPE_ON_POOL");
    if (child->supervisor && child->memory_limit)
        return wrong(place, "memory_limit is for behaviors; a supervisor has none");
    return child->args || child->args_type ? check_args(place, child) : TROUPE_OK;
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

static troupe_status check_child(struct place place, troupe_strategy strategy,
                                 troupe_auto_shutdown auto_shutdown, const troupe_child *child,
                                 size_t index)
{
    troupe_status status = check_id(&place, strategy, child->id, index);
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

troupe_status trp_child_check(const char *function, const char *supervisor,
                              troupe_strategy strategy, troupe_auto_shutdown auto_shutdown,
                              const troupe_child *child)
{
    return check_child((struct place){.function = function, .supervisor = supervisor}, strategy,
                       auto_shutdown, child, ONE_CHILD);
}

// ---- What must not be there twice

// Children by one of their texts, at most half as many as there are places.
struct set {
    const troupe_child **taken;
    size_t size;
};

static troupe_status open_set(struct set *set, const struct place *place, size_t count)
{
    const troupe_allocator *memory = &trp_default_allocator;
    for (set->size = 16; set->size < 2 * count;)
        set->size *= 2;
    set->taken = memory->alloc(memory->user, set->size * sizeof *set->taken, _Alignof(void *));
    if (set->taken == NULL)
        return trp_error(TROUPE_ENOMEM, "%s: no memory", place->function);
    memset((void *)set->taken, 0, set->size * sizeof *set->taken);
    return TROUPE_OK;
}

static void close_set(const struct set *set)
{
    const troupe_allocator *memory = &trp_default_allocator;
    memory->free(memory->user, (void *)set->taken, set->size * sizeof *set->taken);
}

static const char *id_of(const troupe_child *child)
{
    return child->id;
}

static const char *name_of(const troupe_child *child)
{
    return child->register_as;
}

// Returns the child that has the same text; NULL: there was none, and now it is this one.
static const troupe_child *put(struct set *set, const troupe_child *child,
                               const char *(*text_of)(const troupe_child *))
{
    size_t at = trp_hash_text(text_of(child)) & (set->size - 1);
    while (set->taken[at] && strcmp(text_of(set->taken[at]), text_of(child)) != 0)
        at = (at + 1) & (set->size - 1);
    const troupe_child *there = set->taken[at];
    if (there == NULL)
        set->taken[at] = child;
    return there;
}

static troupe_status check_ids(const struct place *place, const troupe_supervisor *spec)
{
    if (spec->child_count < 2)
        return TROUPE_OK;
    struct set set;
    troupe_status status = open_set(&set, place, spec->child_count);
    if (status != TROUPE_OK)
        return status;
    for (size_t i = 0; i < spec->child_count && status == TROUPE_OK; i++)
        if (put(&set, &spec->children[i], id_of))
            status = wrong(place, "two children have the id \"%s\"", spec->children[i].id);
    close_set(&set);
    return status;
}

// Of children at any depth; they have been checked.
static size_t count_names(const troupe_supervisor *spec)
{
    size_t count = 0;
    for (size_t i = 0; i < spec->child_count; i++) {
        const troupe_child *child = &spec->children[i];
        count += child->register_as != NULL;
        count += child->supervisor ? count_names(child->supervisor) : 0;
    }
    return count;
}

static troupe_status put_names(struct set *set, const struct place *place,
                               const troupe_supervisor *spec)
{
    troupe_status status = TROUPE_OK;
    for (size_t i = 0; i < spec->child_count && status == TROUPE_OK; i++) {
        const troupe_child *child = &spec->children[i];
        const troupe_child *other = child->register_as ? put(set, child, name_of) : NULL;
        if (other)
            return wrong(place, "\"%s\" and \"%s\" both register as \"%s\"", other->id, child->id,
                         child->register_as);
        if (child->supervisor)
            status = put_names(set, place, child->supervisor);
    }
    return status;
}

// Of a child, or a supervisor as one, and of all below it.
static troupe_status check_names(const struct place *place, const troupe_child *top)
{
    const troupe_supervisor table = {.children = top, .child_count = 1};
    size_t count = count_names(&table);
    if (count < 2)
        return TROUPE_OK;
    struct set set;
    troupe_status status = open_set(&set, place, count);
    if (status != TROUPE_OK)
        return status;
    status = put_names(&set, place, &table);
    close_set(&set);
    return status;
}

// ---- Whole specifications

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

static troupe_status check_own(const struct place *place, const troupe_supervisor *spec)
{
    if (spec->name && strlen(spec->name) > TROUPE_NAME_MAX)
        return trp_error(TROUPE_EINVAL,
                         "%s: name \"%.20s...\" has %zu bytes; at most %d are allowed",
                         place->function, spec->name, strlen(spec->name), TROUPE_NAME_MAX);
    troupe_status status = check_numbers(place, spec);
    if (status != TROUPE_OK || spec->register_as == NULL)
        return status;
    const struct place *above = place->above;
    if (above)
        return wrong(above,
                     "child \"%s\": its supervisor's register_as is \"%.20s\"; set it in the "
                     "child instead",
                     place->supervisor, spec->register_as);
    return check_text(place, "register_as", spec->register_as);
}

static troupe_status check(const struct place *place, const troupe_supervisor *spec, int depth)
{
    if (depth > MAX_DEPTH)
        return wrong(place, "nested deeper than %d supervisors", MAX_DEPTH);
    troupe_status status = check_own(place, spec);
    for (size_t i = 0; i < spec->child_count && status == TROUPE_OK; i++) {
        const troupe_child *child = &spec->children[i];
        status = check_child(*place, spec->strategy, spec->auto_shutdown, child, i);
        struct place below = {.function = place->function,
                              .above = place,
                              .supervisor = child->id ? child->id : "template"};
        if (status == TROUPE_OK && child->supervisor)
            status = check(&below, child->supervisor, depth + 1);
    }
    return status == TROUPE_OK ? check_ids(place, spec) : status;
}

troupe_status trp_supervisor_check(const char *function, const troupe_supervisor *spec)
{
    if (spec == NULL)
        return trp_error(TROUPE_EINVAL, "%s: spec is NULL", function);
    struct place place = {.function = function,
                          .supervisor = spec->name && strlen(spec->name) <= TROUPE_NAME_MAX
                                            ? spec->name
                                            : "supervisor"};
    const troupe_child top = {
        .id = place.supervisor, .supervisor = spec, .register_as = spec->register_as};
    troupe_status status = check(&place, spec, 1);
    return status == TROUPE_OK ? check_names(&place, &top) : status;
}

troupe_status trp_nested_check(const char *function, const char *supervisor,
                               const troupe_child *child)
{
    if (child->supervisor == NULL)
        return TROUPE_OK;
    struct place above = {.function = function, .supervisor = supervisor};
    struct place place = {.function = function, .above = &above, .supervisor = child->id};
    troupe_status status = check(&place, child->supervisor, 2);
    return status == TROUPE_OK ? check_names(&above, child) : status;
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
