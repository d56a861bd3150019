// Supervisors: an actor of ours whose children's news are steps of a state machine. It never waits:
// a start, a failure, a failed restart each come as a notice and are answered by an order, so it
// can be stopped and asked at any moment between. This file starts and stops it; see supervision.h
// for the others.
//
//   init: start the first child --STARTED--> start the next ... --STARTED--> running
//           \--DOWN: ends with start failed, those before are stopped in reverse
//   running: DOWN of a child --> news.c
//   end:  the last child that lives is told to stop --GONE--> the one before ... --> ended
//         simple one for one, or killed: all are told, a batch in each activation --GONE--> ended
#include "actors/supervisor.h"

#include "actors/supervision.h"

#include <stdio.h>
#include <string.h>

// ---- Starting

static troupe_status fill_table(struct troupe_ctx *ctx, struct trp_supervision *supervision)
{
    trp_supervision_clear(ctx->system, ctx->runner, ctx->slot);
    supervision->budget.count = supervision->budget.first = 0;
    supervision->stop_due = TRP_NEVER;
    for (uint32_t i = 0; i < supervision->spec_count && !trp_is_simple(supervision); i++) {
        if (trp_child_append(ctx, supervision->specs[i], NULL) == NULL)
            return trp_error(TROUPE_ENOMEM, "no memory for the children of a supervisor");
        supervision->specs[i]->refs++;
    }
    return TROUPE_OK;
}

static struct trp_text *start_text(struct troupe_ctx *ctx, const struct trp_child *child,
                                   troupe_reason why)
{
    char text[TRP_CHILD_TEXT];
    return trp_text_new(ctx->system, ctx->runner, "%s", trp_child_print(child, why, text));
}

// Why a child could not be spawned: what the error says that was just told.
static troupe_reason spawn_error(troupe_status status)
{
    return (troupe_reason){TROUPE_START_FAILED, status, troupe_error_text(NULL)};
}

static troupe_status init_inside(struct troupe_ctx *ctx)
{
    struct trp_supervision *supervision = trp_supervision_of(ctx->slot);
    struct trp_child *child = NULL;
    troupe_status status = trp_tick_make(ctx) ? fill_table(ctx, supervision) : TROUPE_ENOMEM;
    if (status == TROUPE_OK && (child = supervision->first) == NULL)
        return TROUPE_OK;
    if (status == TROUPE_OK)
        status = trp_child_spawn(ctx, child);
    if (status == TROUPE_OK) {
        supervision->step = TRP_STEP_FIRST_START;
        supervision->at = child;
        return TRP_START_LATER;
    }
    struct trp_extras *extras = child ? trp_extras(ctx) : NULL;
    if (extras) {
        extras->fail_text = start_text(ctx, child, spawn_error(status));
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

static const troupe_behavior supervisor_behavior = {
    .name = "supervisor", .state_size = 0, .init = init, .receive = trp_supervisor_receive};

troupe_status trp_supervisor_spawn(troupe_system *system, struct trp_runner *runner,
                                   const troupe_supervisor *spec, struct trp_spawn_spec *spawn,
                                   troupe_ref *ref)
{
    struct trp_supervision *supervision = NULL;
    troupe_status status = trp_supervision_new(system, runner, spec, &supervision);
    if (status != TROUPE_OK)
        return status;
    spawn->behavior = &supervisor_behavior;
    spawn->supervision = supervision;
    if (spawn->shutdown_ms == 0)
        spawn->shutdown_ms = TROUPE_NO_LIMIT;
    status = trp_spawn(system, runner, spawn, ref);
    if (status != TROUPE_OK)
        trp_supervision_free(system, runner, supervision);
    return status;
}

void trp_supervision_fail_start(struct trp_runner *runner, struct trp_slot *supervisor,
                                const struct trp_child *child, troupe_reason why)
{
    struct troupe_ctx *ctx = trp_supervisor_ctx(runner, supervisor);
    struct trp_reason reason = {
        .kind = TROUPE_START_FAILED, .status = why.status, .text = start_text(ctx, child, why)};
    trp_end_incarnation(runner, supervisor, reason);
}

void trp_first_start_go_on(struct trp_runner *runner, struct trp_slot *supervisor)
{
    struct trp_supervision *supervision = trp_supervision_of(supervisor);
    struct trp_child *child = supervision->at;
    if (child == NULL) {
        supervision->step = TRP_STEP_NONE;
        trp_incarnation_started(runner, supervisor);
        trp_supervision_look_at_failed(runner, supervisor);
        return;
    }
    troupe_status status = trp_child_spawn(trp_supervisor_ctx(runner, supervisor), child);
    if (status != TROUPE_OK)
        trp_supervision_fail_start(runner, supervisor, child, spawn_error(status));
}

// ---- Orders to children

void trp_child_order(struct trp_runner *runner, const struct trp_child *child, uint32_t bits)
{
    trp_slot_order(runner->system, runner, child->slot, child->generation, bits);
}

void trp_child_order_restart(struct trp_runner *runner, struct trp_slot *supervisor,
                             struct trp_child *child)
{
    trp_child_set_phase(runner, supervisor, child, TRP_CHILD_STARTING);
    trp_child_order(runner, child, TRP_ORDER_RESTART);
}

uint64_t trp_child_stop_due(troupe_system *system, const struct trp_child *child)
{
    uint32_t ms = child->slot->shutdown_ms;
    return ms >= TROUPE_KILL_NOW ? TRP_NEVER : trp_deadline(trp_now(system), ms * TRP_NS_PER_MS);
}

uint32_t trp_child_stop_bits(const struct trp_child *child, bool kill)
{
    return kill || child->slot->shutdown_ms == TROUPE_KILL_NOW ? TRP_ORDER_KILL : TRP_ORDER_STOP;
}

void trp_child_end(struct trp_runner *runner, struct trp_slot *supervisor, struct trp_child *child,
                   bool timed)
{
    struct trp_supervision *supervision = trp_supervision_of(supervisor);
    trp_heap_remove(&supervision->due, &child->due);
    trp_child_set_phase(runner, supervisor, child, TRP_CHILD_ENDING);
    uint64_t due = timed ? trp_child_stop_due(runner->system, child) : TRP_NEVER;
    if (due != TRP_NEVER)
        trp_heap_add(&supervision->due, &child->due, due);
    trp_child_order(runner, child, trp_child_stop_bits(child, false) | TRP_ORDER_END);
}

// ---- Stopping

static void kill_child(struct trp_runner *runner, const struct trp_child *child)
{
    trp_child_order(runner, child, TRP_ORDER_KILL | TRP_ORDER_END);
}

// Those that are left, one after the other: the last that lives.
static void stop_last(struct trp_runner *runner, struct trp_slot *supervisor)
{
    struct trp_supervision *supervision = trp_supervision_of(supervisor);
    struct trp_child *child = supervision->at ? supervision->at : supervision->last;
    while (child && child->slot == NULL)
        child = child->previous;
    supervision->at = child;
    supervision->stop_due = child ? trp_child_stop_due(runner->system, child) : TRP_NEVER;
    if (child)
        trp_child_end(runner, supervisor, child, false);
}

#define SWEEP_BATCH 128 // half of what a worker's run queue holds, see [batch] in watched.h

// Tells a batch of the children. The time that they are given, all the same, begins with the last.
static void sweep_on(struct trp_runner *runner, struct trp_slot *supervisor)
{
    struct trp_supervision *supervision = trp_supervision_of(supervisor);
    const struct trp_child *told = NULL;
    for (unsigned room = SWEEP_BATCH; supervision->sweep && room > 0;
         supervision->sweep = supervision->sweep->previous) {
        struct trp_child *child = supervision->sweep;
        if (child->slot == NULL)
            continue;
        if (supervision->sweep_kills)
            kill_child(runner, child);
        else
            trp_child_end(runner, supervisor, child, false);
        told = child;
        room--;
    }
    if (told && !supervision->sweep_kills)
        supervision->stop_due = trp_child_stop_due(runner->system, told);
    if (supervision->sweep) // relaxed: our own, and it runs just now
        atomic_fetch_or_explicit(&supervisor->orders, TRP_ORDER_TICK, memory_order_relaxed);
}

static void stop_all(struct trp_runner *runner, struct trp_slot *supervisor, bool kill)
{
    struct trp_supervision *supervision = trp_supervision_of(supervisor);
    supervision->stop_due = TRP_NEVER;
    supervision->sweep = supervision->last;
    supervision->sweep_kills = kill;
    sweep_on(runner, supervisor);
}

void trp_supervision_stop(struct trp_runner *runner, struct trp_slot *supervisor, bool kill)
{
    struct trp_supervision *supervision = trp_supervision_of(supervisor);
    while (supervision->due.root)
        trp_heap_remove(&supervision->due, supervision->due.root);
    supervision->step = TRP_STEP_NONE;
    supervision->at = NULL;
    if (kill || trp_is_simple(supervision))
        stop_all(runner, supervisor, kill);
    else
        stop_last(runner, supervisor);
    trp_supervision_arm(runner, supervisor);
}

// The supervisor stops, and the child is gone.
void trp_supervision_stop_on(struct trp_runner *runner, struct trp_slot *supervisor,
                             struct trp_child *gone)
{
    const struct trp_supervision *supervision = trp_supervision_of(supervisor);
    if (trp_is_simple(supervision)) { // one by one, as there may be very many
        trp_child_remove(runner->system, runner, supervisor, gone);
    } else if (supervisor->reason.kind != TROUPE_KILLED && gone == supervision->at) {
        stop_last(runner, supervisor);
        trp_supervision_arm(runner, supervisor);
    }
}

// ---- What is due

void trp_supervision_arm(struct trp_runner *runner, struct trp_slot *supervisor)
{
    const struct trp_supervision *supervision = trp_supervision_of(supervisor);
    uint64_t due = supervision->stop_due;
    if (supervision->due.root && supervision->due.root->key < due)
        due = supervision->due.root->key;
    if (due <= trp_now(runner->system)) // a timer would take its time
        trp_slot_order(runner->system, runner, supervisor, trp_slot_generation(supervisor),
                       TRP_ORDER_TICK);
    else
        trp_tick_arm(runner, supervisor->persist->tick, due);
}

// Who was told to stop has not.
static void kill_late(struct trp_runner *runner, struct trp_slot *supervisor)
{
    struct trp_supervision *supervision = trp_supervision_of(supervisor);
    supervision->stop_due = TRP_NEVER;
    if (supervision->at)
        trp_child_order(runner, supervision->at, TRP_ORDER_KILL);
    else
        stop_all(runner, supervisor, true);
}

static void see_to(struct trp_runner *runner, struct trp_slot *supervisor,
                   struct trp_heap_node *node)
{
    struct trp_child *child = TRP_CONTAINER(node, struct trp_child, due);
    if (node == &trp_supervision_of(supervisor)->wait)
        trp_group_try_again(runner, supervisor);
    else if (child->phase == TRP_CHILD_ENDING)
        kill_child(runner, child);
    else
        trp_child_try_again(runner, supervisor, child);
}

bool trp_supervision_tick(struct trp_runner *runner, struct trp_slot *supervisor)
{
    struct trp_supervision *supervision = trp_supervision_of(supervisor);
    uint64_t now = trp_now(runner->system);
    if (supervision->sweep)
        sweep_on(runner, supervisor);
    else if (supervision->stop_due <= now)
        kill_late(runner, supervisor);
    while (supervision->due.root && supervision->due.root->key <= now) {
        struct trp_heap_node *node = supervision->due.root;
        trp_heap_remove(&supervision->due, node);
        see_to(runner, supervisor, node);
        if (supervisor->phase >= TRP_STOPPING)
            return false; // it has ended by that
    }
    trp_supervision_arm(runner, supervisor);
    return supervision->sweep != NULL;
}

// ---- Public

troupe_status trp_supervise_watched(troupe_ctx *ctx, const troupe_supervisor *spec, troupe_ref *ref,
                                    struct trp_monitor *watcher)
{
    if (ref)
        *ref = (troupe_ref){0, 0, 0};
    troupe_status status = trp_supervisor_check("troupe_supervise", spec);
    if (status != TROUPE_OK)
        return status;
    if (!trp_enter(ctx))
        return TROUPE_ESTALE;
    struct trp_spawn_spec spawn = {.name = spec->name,
                                   .register_as = spec->register_as,
                                   .owner = ctx->slot ? ctx : NULL,
                                   .watcher = watcher};
    status = trp_supervisor_spawn(ctx->system, ctx->runner, spec, &spawn, ref);
    trp_leave(ctx);
    return status;
}

troupe_status troupe_supervise(troupe_ctx *ctx, const troupe_supervisor *spec, troupe_ref *ref)
{
    return trp_supervise_watched(ctx, spec, ref, NULL);
}

static const char *copy_name(char text[TRP_SUPERVISOR_TEXT], const struct trp_slot *slot)
{
    (void)snprintf(text, TRP_SUPERVISOR_TEXT, "%s", trp_actor_name(slot));
    return text;
}

const char *trp_supervisor_name(troupe_system *system, troupe_ref ref,
                                char text[TRP_SUPERVISOR_TEXT])
{
    const struct trp_slot *slot = trp_resolve(system, ref);
    struct trp_lock *lock = trp_stripe(system, ref.slot);
    trp_lock_acquire(lock);
    bool is = trp_supervision_locked(slot, ref) != NULL;
    if (is)
        copy_name(text, slot);
    trp_lock_release(lock);
    return is ? text : troupe_ref_print(ref, text);
}

troupe_status trp_no_supervisor(troupe_system *system, troupe_ref ref, const char *function)
{
    char text[TROUPE_REF_TEXT];
    if (troupe_ref_is_none(ref))
        return trp_error(TROUPE_EDEAD, "%s: the supervisor is the zero ref", function);
    troupe_ref_print(ref, text);
    if (trp_slot_is_live(trp_resolve(system, ref), ref))
        return trp_error(TROUPE_EDEAD, "%s: %s is not a supervisor", function, text);
    return trp_error(TROUPE_EDEAD, "%s: the supervisor %s does not exist (any more)", function,
                     text);
}

// Whom look_up has not found.
struct missed {
    char supervisor[TRP_SUPERVISOR_TEXT];
    bool simple, known;
};

static troupe_status look_up(troupe_system *system, troupe_ref supervisor, const char *id,
                             troupe_ref *ref, struct missed *missed)
{
    struct trp_slot *slot = trp_resolve(system, supervisor);
    struct trp_lock *lock = trp_stripe(system, supervisor.slot);
    troupe_status status = TROUPE_EDEAD;
    trp_lock_acquire(lock);
    const struct trp_supervision *supervision = trp_supervision_locked(slot, supervisor);
    if (supervision) {
        const struct trp_child *child = trp_child_by_id(supervision, id);
        bool there = child && child->slot && child->phase != TRP_CHILD_ENDING;
        if (there)
            *ref = trp_child_ref(system, child);
        else
            copy_name(missed->supervisor, slot);
        missed->simple = trp_is_simple(supervision);
        missed->known = child != NULL;
        status = there ? TROUPE_OK : TROUPE_ENOENT;
    }
    trp_lock_release(lock);
    return status;
}

static troupe_status no_child(const char *id, const struct missed *missed)
{
    const char *name = missed->supervisor;
    if (missed->simple)
        return trp_error(TROUPE_ENOENT,
                         "troupe_child_ref: %s: children of a simple one for one supervisor have "
                         "no id",
                         name);
    if (missed->known)
        return trp_error(TROUPE_ENOENT, "troupe_child_ref: %s: child \"%s\" does not run", name,
                         id);
    return trp_error(TROUPE_ENOENT, "troupe_child_ref: %s: there is no child \"%s\"", name, id);
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
    struct missed missed;
    troupe_status status = look_up(ctx->system, supervisor, id, ref, &missed);
    trp_leave(ctx);
    if (status == TROUPE_EDEAD)
        return trp_no_supervisor(ctx->system, supervisor, "troupe_child_ref");
    return status == TROUPE_OK ? status : no_child(id, &missed);
}
