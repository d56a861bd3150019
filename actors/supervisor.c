// Supervisors: an actor of ours whose children's news are steps of a state machine. It never waits:
// a start, a failure, a failed restart each come as a notice and are answered by an order, so it
// can be stopped and asked at any moment between.
//
//   init: start child 0 --STARTED--> start child 1 ... --STARTED--> running
//           \--DOWN: ends with start failed, those before are stopped in reverse
//   running: DOWN of a child --> not to be restarted: END
//                            --> within the intensity: RESTART
//                            --> too many: gives up; children are stopped in reverse; shutdown
//
// The specification is copied into one block that lives as long as the supervisor's slot is its.
// The supervisor's consumer changes it; what troupe_child_ref reads is changed under the stripe
// lock.
#include "actors/supervisor.h"

#include <string.h>

#define DEFAULT_WITHIN_MS    5000
#define DEFAULT_MAX_RESTARTS 1
#define NAME_MAX_BYTES       63 // as in troupe_spawn_opts

struct child {
    troupe_child spec;         // fixed; id points into our memory
    struct trp_envelope *args; // fixed; its body is copied for each start
    struct trp_slot *slot;     // NULL: not running; the stripe lock
    troupe_ref ref;            // the stripe lock
};

struct trp_supervision {
    size_t size; // of this block
    uint32_t max_restarts;
    uint64_t within_ns;
    uint64_t *restarts; // a ring of the last max_restarts + 1 times
    uint32_t restart_count, restart_first;
    uint32_t count; // children
    uint32_t next;  // the child that is being started; count: all are
    bool starting;
    char *ids; // behind the children
    struct child children[];
};

// ---- Checking and copying a specification

static troupe_status check_child(const troupe_supervisor *spec, const char *name, size_t index);

static troupe_status check(const troupe_supervisor *spec, int depth)
{
    const char *name = spec->name ? spec->name : "supervisor";
    if (depth > 32)
        return trp_error(TROUPE_EINVAL, "troupe_supervise: %s: nested deeper than 32 supervisors",
                         name);
    if (strlen(name) > NAME_MAX_BYTES)
        return trp_error(
            TROUPE_EINVAL,
            "troupe_supervise: name \"%.20s...\" has %zu bytes; at most %d are allowed", name,
            strlen(name), NAME_MAX_BYTES);
    if (spec->strategy != TROUPE_ONE_FOR_ONE)
        return trp_error(TROUPE_EINVAL,
                         "troupe_supervise: %s: strategy is %d; only "
                         "TROUPE_ONE_FOR_ONE exists",
                         name, (int)spec->strategy);
    if (spec->max_restarts != TROUPE_NO_RESTARTS && spec->max_restarts > 10000000)
        return trp_error(TROUPE_EINVAL,
                         "troupe_supervise: %s: max_restarts is %u; at most 10000000", name,
                         spec->max_restarts);
    if (spec->child_count > 0 && spec->children == NULL)
        return trp_error(TROUPE_EINVAL,
                         "troupe_supervise: %s: children is NULL, child_count is %zu", name,
                         spec->child_count);
    if (spec->child_count > 10000000)
        return trp_error(TROUPE_EINVAL,
                         "troupe_supervise: %s: child_count is %zu; at most 10000000", name,
                         spec->child_count);
    for (size_t i = 0; i < spec->child_count; i++) {
        troupe_status status = check_child(spec, name, i);
        if (status == TROUPE_OK && spec->children[i].supervisor)
            status = check(spec->children[i].supervisor, depth + 1);
        if (status != TROUPE_OK)
            return status;
    }
    return TROUPE_OK;
}

static troupe_status check_child(const troupe_supervisor *spec, const char *name, size_t index)
{
    const troupe_child *child = &spec->children[index];
    if (child->id == NULL || child->id[0] == 0)
        return trp_error(TROUPE_EINVAL, "troupe_supervise: %s: child %zu has no id", name, index);
    if (strlen(child->id) > NAME_MAX_BYTES)
        return trp_error(TROUPE_EINVAL,
                         "troupe_supervise: %s: child %zu: its id has %zu bytes; at most %d are "
                         "allowed",
                         name, index, strlen(child->id), NAME_MAX_BYTES);
    for (size_t i = 0; i < index; i++)
        if (strcmp(spec->children[i].id, child->id) == 0)
            return trp_error(TROUPE_EINVAL, "troupe_supervise: %s: two children have the id \"%s\"",
                             name, child->id);
    if ((child->behavior == NULL) == (child->supervisor == NULL))
        return trp_error(TROUPE_EINVAL,
                         "troupe_supervise: %s: child \"%s\": give either a behavior "
                         "or a supervisor",
                         name, child->id);
    if (child->behavior && (child->behavior->name == NULL || child->behavior->receive == NULL))
        return trp_error(TROUPE_EINVAL,
                         "troupe_supervise: %s: child \"%s\": its behavior lacks a "
                         "name or a receive function",
                         name, child->id);
    if ((unsigned)child->restart > TROUPE_TEMPORARY)
        return trp_error(TROUPE_EINVAL,
                         "troupe_supervise: %s: child \"%s\": restart is %d; use one "
                         "of enum troupe_restart",
                         name, child->id, (int)child->restart);
    if (child->place == TROUPE_IN_PROCESS)
        return trp_error(TROUPE_ENOTSUP,
                         "troupe_supervise: %s: child \"%s\": place "
                         "TROUPE_IN_PROCESS is not available in this version",
                         name, child->id);
    if ((unsigned)child->place > TROUPE_IN_PROCESS)
        return trp_error(TROUPE_EINVAL,
                         "troupe_supervise: %s: child \"%s\": place is %d; use one "
                         "of enum troupe_place",
                         name, child->id, (int)child->place);
    if (child->args && child->args_type == NULL)
        return trp_error(TROUPE_EINVAL,
                         "troupe_supervise: %s: child \"%s\": args without args_type", name,
                         child->id);
    if (child->args_type && child->args == NULL)
        return trp_error(TROUPE_EINVAL,
                         "troupe_supervise: %s: child \"%s\": args_type without args", name,
                         child->id);
    return TROUPE_OK;
}

static size_t ids_size(const troupe_supervisor *spec)
{
    size_t size = 0;
    for (size_t i = 0; i < spec->child_count; i++)
        size += strlen(spec->children[i].id) + 1;
    return size;
}

void trp_supervision_free(troupe_system *system, struct trp_runner *runner,
                          struct trp_supervision *supervision)
{
    for (uint32_t i = 0; i < supervision->count; i++)
        if (supervision->children[i].args)
            trp_finish(system, runner, supervision->children[i].args);
    if (supervision->restarts)
        trp_give(system, runner, supervision->restarts,
                 (supervision->max_restarts + (size_t)1) * sizeof(uint64_t));
    trp_give(system, runner, supervision, supervision->size);
}

static struct trp_supervision *allocate(troupe_system *system, struct trp_runner *runner,
                                        const troupe_supervisor *spec)
{
    size_t children = spec->child_count * sizeof(struct child);
    size_t size = sizeof(struct trp_supervision) + children + ids_size(spec);
    struct trp_supervision *supervision = trp_take(system, runner, size);
    if (supervision == NULL)
        return NULL;
    memset(supervision, 0, size);
    supervision->size = size;
    supervision->ids = (char *)supervision + sizeof *supervision + children;
    supervision->max_restarts = spec->max_restarts == TROUPE_NO_RESTARTS ? 0
                                : spec->max_restarts                     ? spec->max_restarts
                                                                         : DEFAULT_MAX_RESTARTS;
    supervision->within_ns =
        (spec->within_ms ? spec->within_ms : DEFAULT_WITHIN_MS) * TRP_NS_PER_MS;
    supervision->restarts =
        trp_take(system, runner, (supervision->max_restarts + (size_t)1) * sizeof(uint64_t));
    if (supervision->restarts)
        return supervision;
    trp_supervision_free(system, runner, supervision);
    return NULL;
}

static troupe_status copy(troupe_system *system, struct trp_runner *runner,
                          const troupe_supervisor *spec, struct trp_supervision **copied)
{
    struct trp_supervision *supervision = allocate(system, runner, spec);
    if (supervision == NULL)
        return trp_error(TROUPE_ENOMEM, "no memory for a supervisor");
    char *id = supervision->ids;
    for (size_t i = 0; i < spec->child_count; i++) {
        struct child *child = &supervision->children[i];
        child->spec = spec->children[i];
        child->spec.id = id;
        strcpy(id, spec->children[i].id);
        id += strlen(id) + 1;
        if (child->spec.args_type) {
            troupe_status status = trp_build(system, runner, child->spec.args_type,
                                             child->spec.args, TRP_KIND_USER, false, &child->args);
            if (status != TROUPE_OK) {
                trp_supervision_free(system, runner, supervision);
                return status;
            }
        }
        supervision->count = (uint32_t)i + 1;
    }
    *copied = supervision;
    return TROUPE_OK;
}

// ---- Starting

static const troupe_behavior supervisor_behavior;

static troupe_status supervise(troupe_system *system, struct trp_runner *runner,
                               const troupe_supervisor *spec, struct trp_spawn_spec *spawn,
                               troupe_ref *ref)
{
    struct trp_supervision *supervision = NULL;
    troupe_status status = copy(system, runner, spec, &supervision);
    if (status != TROUPE_OK)
        return status;
    spawn->behavior = &supervisor_behavior;
    spawn->sequential = true;
    spawn->supervision = supervision;
    if (spawn->shutdown_ms == 0)
        spawn->shutdown_ms = TROUPE_NO_LIMIT;
    status = trp_spawn(system, runner, spawn, ref);
    if (status != TROUPE_OK)
        trp_supervision_free(system, runner, supervision);
    return status;
}

static troupe_status spawn_child(struct troupe_ctx *ctx, struct child *child, troupe_ref *ref)
{
    const troupe_child *spec = &child->spec;
    struct trp_spawn_spec spawn = {
        .behavior = spec->behavior,
        .name = spec->id,
        .place = spec->place,
        .memory_limit = spec->memory_limit == TROUPE_NO_LIMIT ? 0 : spec->memory_limit,
        .shutdown_ms = spec->shutdown_ms,
        .kill_grace_ms = spec->kill_grace_ms,
        .supervised = true,
        .owner = ctx};
    if (spec->supervisor)
        return supervise(ctx->system, ctx->runner, spec->supervisor, &spawn, ref);
    if (child->args) {
        troupe_status status = trp_build(ctx->system, ctx->runner, spec->args_type,
                                         child->args->msg.body, TRP_KIND_USER, false, &spawn.args);
        if (status != TROUPE_OK)
            return status;
    }
    troupe_status status = trp_spawn(ctx->system, ctx->runner, &spawn, ref);
    if (status != TROUPE_OK && spawn.args)
        trp_finish(ctx->system, ctx->runner, spawn.args);
    return status;
}

static void set_child(struct troupe_ctx *ctx, struct child *child, troupe_ref ref)
{
    struct trp_lock *lock = trp_stripe(ctx->system, ctx->slot->index);
    trp_lock_acquire(lock);
    child->slot = trp_resolve(ctx->system, ref);
    child->ref = ref;
    trp_lock_release(lock);
}

// Starts the child that is next, and has its STARTED or DOWN go on with it.
static troupe_status start_next(struct troupe_ctx *ctx, struct trp_supervision *supervision)
{
    struct child *child = &supervision->children[supervision->next];
    troupe_ref ref;
    troupe_status status = spawn_child(ctx, child, &ref);
    if (status == TROUPE_OK)
        set_child(ctx, child, ref);
    return status;
}

static struct trp_reason start_failed(struct troupe_ctx *ctx, const char *id, troupe_status status,
                                      const char *why)
{
    struct trp_reason reason = {.kind = TROUPE_START_FAILED, .status = status};
    reason.text =
        trp_text_new(ctx->system, ctx->runner, "child \"%s\" failed to start: %s", id, why);
    return reason;
}

static troupe_status init_inside(struct troupe_ctx *ctx)
{
    struct trp_supervision *supervision = ctx->slot->persist->supervision;
    supervision->next = 0;
    supervision->restart_count = supervision->restart_first = 0;
    supervision->starting = supervision->count > 0;
    if (!supervision->starting)
        return TROUPE_OK;
    troupe_status status = start_next(ctx, supervision);
    if (status == TROUPE_OK)
        return TRP_START_LATER;
    struct trp_extras *extras = trp_extras(ctx);
    if (extras) {
        extras->fail_text =
            start_failed(ctx, supervision->children[0].spec.id, status, troupe_status_text(status))
                .text;
        ctx->marks |= TRP_MARK_TEXT;
    }
    return status;
}

static troupe_status init(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    (void)state;
    (void)args;
    if (!trp_enter(ctx))
        return TROUPE_ESTALE;
    troupe_status status = init_inside(ctx);
    trp_leave(ctx);
    return status;
}

static troupe_status receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)ctx;
    (void)state;
    (void)msg;
    return TROUPE_UNHANDLED;
}

static const troupe_behavior supervisor_behavior = {
    .name = "supervisor", .state_size = 0, .init = init, .receive = receive};

// ---- News of children

static struct troupe_ctx *ctx_of(struct trp_runner *runner, struct trp_slot *slot)
{
    struct troupe_ctx *ctx = atomic_load(&slot->body);
    ctx->runner = runner;
    return ctx;
}

static struct child *find(struct trp_supervision *supervision, const struct trp_slot *slot)
{
    for (uint32_t i = 0; i < supervision->count; i++)
        if (supervision->children[i].slot == slot)
            return &supervision->children[i];
    return NULL;
}

static void fail_start(struct trp_runner *runner, struct trp_slot *slot, const char *id,
                       troupe_status status, const char *why)
{
    struct troupe_ctx *ctx = ctx_of(runner, slot);
    trp_end_incarnation(runner, slot, start_failed(ctx, id, status, why));
}

// Goes on with the start of the children, after the one that was next.
static void go_on(struct trp_runner *runner, struct trp_slot *slot)
{
    struct trp_supervision *supervision = slot->persist->supervision;
    if (++supervision->next == supervision->count) {
        supervision->starting = false;
        trp_incarnation_started(runner, slot);
        return;
    }
    troupe_status status = start_next(ctx_of(runner, slot), supervision);
    if (status != TROUPE_OK)
        fail_start(runner, slot, supervision->children[supervision->next].spec.id, status,
                   troupe_status_text(status));
}

static bool is_next(const struct trp_supervision *supervision, const struct child *child)
{
    return supervision->starting && child == &supervision->children[supervision->next];
}

void trp_supervised_started(struct trp_runner *runner, struct trp_slot *slot,
                            struct trp_slot *child)
{
    struct trp_supervision *supervision = slot->persist->supervision;
    struct child *entry = find(supervision, child);
    if (entry && is_next(supervision, entry))
        go_on(runner, slot);
}

static bool is_to_be_restarted(const struct child *child, const struct trp_reason *reason)
{
    if (reason->kind == TROUPE_NORMAL && reason->status == TROUPE_IGNORE)
        return false;
    switch (child->spec.restart) {
    case TROUPE_PERMANENT:
        return true;
    case TROUPE_TRANSIENT:
        return reason->kind != TROUPE_NORMAL && reason->kind != TROUPE_SHUTDOWN;
    case TROUPE_TEMPORARY:
    default:
        return false;
    }
}

// Pushes now onto the times of restarts, forgets those older than the period (one that is exactly
// as old still counts), and tells whether there are more than allowed. OTP's add_restart.
static bool are_too_many(struct trp_supervision *supervision, uint64_t now)
{
    uint32_t size = supervision->max_restarts + 1;
    while (supervision->restart_count > 0 &&
           now - supervision->restarts[supervision->restart_first] > supervision->within_ns) {
        supervision->restart_first = (supervision->restart_first + 1) % size;
        supervision->restart_count--;
    }
    uint32_t at = (supervision->restart_first + supervision->restart_count) % size;
    supervision->restarts[at] = now;
    return ++supervision->restart_count > supervision->max_restarts;
}

static void give_up(struct trp_runner *runner, struct trp_slot *slot, const struct trp_reason *last)
{
    troupe_system *system = runner->system;
    trp_tell_event(system, TROUPE_EVENT_GAVE_UP, slot, trp_slot_generation(slot),
                   atomic_load(&slot->incarnation), last);
    if (slot->owner == NULL) // relaxed: published by the count of its end
        atomic_fetch_add_explicit(&system->root_failures, 1, memory_order_relaxed);
    trp_end_incarnation(runner, slot, (struct trp_reason){.kind = TROUPE_SHUTDOWN});
}

static void order(struct trp_runner *runner, struct trp_slot *child, enum trp_order bits)
{
    trp_slot_order(runner->system, runner, child, trp_slot_generation(child), bits);
}

// The first start of a child, in the course of ours, has come to nothing.
static void first_start_failed(struct trp_runner *runner, struct trp_slot *slot,
                               const struct child *entry, struct trp_slot *child)
{
    if (child->reason.kind == TROUPE_NORMAL) { // it chose not to start
        order(runner, child, TRP_ORDER_END);
        go_on(runner, slot);
        return;
    }
    troupe_reason why = trp_reason_view(&child->reason);
    fail_start(runner, slot, entry->spec.id, why.status,
               why.text[0] ? why.text : troupe_status_text(why.status));
}

void trp_supervised_down(struct trp_runner *runner, struct trp_slot *slot, struct trp_slot *child)
{
    struct trp_supervision *supervision = slot->persist->supervision;
    struct child *entry = find(supervision, child);
    TRP_ASSERT(entry != NULL);
    if (is_next(supervision, entry)) {
        first_start_failed(runner, slot, entry, child);
        return;
    }
    if (!is_to_be_restarted(entry, &child->reason)) {
        order(runner, child, TRP_ORDER_END);
        return;
    }
    if (are_too_many(supervision, trp_now(runner->system))) {
        give_up(runner, slot, &child->reason);
        return;
    }
    order(runner, child, TRP_ORDER_RESTART);
}

void trp_supervised_gone(struct trp_runner *runner, struct trp_slot *slot, struct trp_slot *child)
{
    struct trp_lock *lock = trp_stripe(runner->system, slot->index);
    trp_lock_acquire(lock);
    struct child *entry = find(slot->persist->supervision, child);
    if (entry)
        entry->slot = NULL;
    trp_lock_release(lock);
}

// ---- Public

troupe_status trp_supervise_watched(troupe_ctx *ctx, const troupe_supervisor *spec, troupe_ref *ref,
                                    struct trp_monitor *watcher)
{
    if (ref)
        *ref = (troupe_ref){0, 0, 0};
    if (spec == NULL)
        return trp_error(TROUPE_EINVAL, "troupe_supervise: spec is NULL");
    troupe_status status = check(spec, 1);
    if (status != TROUPE_OK)
        return status;
    if (!trp_enter(ctx))
        return TROUPE_ESTALE;
    struct trp_spawn_spec spawn = {
        .name = spec->name, .owner = ctx->slot ? ctx : NULL, .watcher = watcher};
    status = supervise(ctx->system, ctx->runner, spec, &spawn, ref);
    trp_leave(ctx);
    return status;
}

troupe_status troupe_supervise(troupe_ctx *ctx, const troupe_supervisor *spec, troupe_ref *ref)
{
    return trp_supervise_watched(ctx, spec, ref, NULL);
}

static troupe_status look_up(troupe_system *system, troupe_ref supervisor, const char *id,
                             troupe_ref *ref)
{
    struct trp_slot *slot = trp_resolve(system, supervisor);
    struct trp_lock *lock = trp_stripe(system, supervisor.slot);
    troupe_status status = TROUPE_EDEAD;
    trp_lock_acquire(lock);
    // acquire: of the spawn. Nothing else of the slot but by what this says: any other actor's end
    // does not wait for the lock.
    uint64_t orders = slot ? atomic_load_explicit(&slot->orders, memory_order_acquire) : 0;
    if (trp_slot_lives(orders, supervisor.generation)) {
        struct trp_supervision *supervision =
            orders & TRP_ALIVE_SUPERVISES ? slot->persist->supervision : NULL;
        status = TROUPE_ENOENT;
        for (uint32_t i = 0; supervision && i < supervision->count; i++) {
            struct child *child = &supervision->children[i];
            if (child->slot == NULL || strcmp(child->spec.id, id) != 0)
                continue;
            *ref = child->ref;
            status = TROUPE_OK;
        }
    }
    trp_lock_release(lock);
    return status;
}

troupe_status troupe_child_ref(troupe_ctx *ctx, troupe_ref supervisor, const char *id,
                               troupe_ref *ref)
{
    if (ref == NULL)
        return trp_error(TROUPE_EINVAL, "troupe_child_ref: ref is NULL");
    *ref = (troupe_ref){0, 0, 0};
    if (id == NULL)
        return trp_error(TROUPE_EINVAL, "troupe_child_ref: id is NULL");
    if (!trp_enter(ctx))
        return TROUPE_ESTALE;
    troupe_status status = look_up(ctx->system, supervisor, id, ref);
    trp_leave(ctx);
    if (status == TROUPE_EDEAD)
        trp_error(status, "troupe_child_ref: there is no such supervisor (any more)");
    else if (status == TROUPE_ENOENT)
        trp_error(status, "troupe_child_ref: no child \"%s\" is running", id);
    return status;
}
