// Spawning: a slot, a body, a place among the owner's children, and a nudge that makes init run.
#include "actors/actor.h"
#include "actors/link.h"
#include "actors/monitor.h"
#include "actors/names.h"
#include "actors/supervisor.h"
#include "actors/watched.h"

#include <string.h>

#define DEFAULT_SHUTDOWN_MS 5000
#define NAME_MAX_BYTES      63
#define INCARNATION         1u // of a new actor

struct trp_persist *trp_persist(troupe_system *system, struct trp_runner *runner,
                                struct trp_slot *slot)
{
    if (slot->persist == NULL) {
        slot->persist = trp_take(system, runner, sizeof *slot->persist);
        if (slot->persist) {
            memset(slot->persist, 0, sizeof *slot->persist);
            slot->persist->memory_limit = SIZE_MAX;
        }
    }
    return slot->persist;
}

const char *trp_actor_name(const struct trp_slot *slot)
{
    return slot->persist && slot->persist->name ? slot->persist->name : slot->behavior->name;
}

// ---- Building; undone by unmake in reverse

static bool keep_name(troupe_system *system, struct trp_runner *runner, struct trp_persist *persist,
                      const char *name)
{
    size_t size = strlen(name) + 1;
    persist->name = trp_take(system, runner, size);
    if (persist->name == NULL)
        return false;
    memcpy(persist->name, name, size);
    persist->name_size = (uint32_t)size;
    return true;
}

static bool make_persist(troupe_system *system, struct trp_runner *runner, struct trp_slot *slot,
                         const struct trp_spawn_spec *spec)
{
    if (!spec->name && !spec->args && !spec->memory_limit && !spec->supervision)
        return true;
    struct trp_persist *persist = trp_persist(system, runner, slot);
    if (persist == NULL || (spec->name && !keep_name(system, runner, persist, spec->name)))
        return false;
    if (spec->memory_limit)
        persist->memory_limit = spec->memory_limit;
    return true;
}

static bool is_watched(const struct trp_spawn_spec *spec)
{
    return spec->watcher || spec->bond || spec->register_as;
}

static bool make_watched(troupe_system *system, struct trp_runner *runner, struct trp_slot *slot,
                         const struct trp_spawn_spec *spec)
{
    if (!is_watched(spec))
        return true;
    slot->watched = trp_watched_new(system, runner);
    return slot->watched != NULL;
}

static troupe_status reserve_name(troupe_system *system, struct trp_runner *runner,
                                  struct trp_slot *slot, const struct trp_spawn_spec *spec,
                                  troupe_ref *ref)
{
    troupe_ref holder;
    char text[TROUPE_REF_TEXT];
    troupe_status status = trp_names_reserve(system, runner, spec->register_as, slot, &holder);
    if (status == TROUPE_EEXIST) {
        trp_error(status, "no new %s: register_as: the name \"%s\" is taken by %s",
                  spec->name ? spec->name : spec->behavior->name, spec->register_as,
                  troupe_ref_print(holder, text));
        if (ref)
            *ref = holder;
    } else if (status != TROUPE_OK) {
        trp_error(status, "no memory to spawn %s as \"%s\"", spec->behavior->name,
                  spec->register_as);
    }
    return status;
}

static void unmake(troupe_system *system, struct trp_runner *runner, struct trp_slot *slot,
                   struct troupe_ctx *body)
{
    if (body)
        trp_give(system, runner, body, trp_body_size(slot->behavior));
    if (slot->persist && slot->persist->name)
        trp_give(system, runner, slot->persist->name, slot->persist->name_size);
    if (slot->persist)
        trp_give(system, runner, slot->persist, sizeof *slot->persist);
    slot->persist = NULL;
    if (slot->watched) {
        trp_names_release_some(system, runner, slot->watched, 1);
        trp_give(system, runner, slot->watched, sizeof *slot->watched);
    }
    slot->watched = NULL;
    atomic_store_explicit(&slot->holds, 1, memory_order_relaxed); // nobody has heard of it
    trp_slot_release_hold(system, runner, slot);
}

// Without init there is nothing to run at the start: it has taken place unless somebody waits.
static bool starts_at_once(const struct trp_spawn_spec *spec)
{
    return spec->behavior->init == NULL && !spec->supervised && spec->watcher == NULL;
}

// A free slot is the spawner's alone but for what comes late, which looks at the orders, the body
// and the mailbox: so all else is plain or relaxed, and published by these. Nobody watches it.
static void fill(struct trp_slot *slot, const struct trp_spawn_spec *spec)
{
    bool at_once = starts_at_once(spec);
    slot->reason = (struct trp_reason){0};
    slot->phase = at_once ? TRP_RUNNING : TRP_STARTING;
    slot->supervised = spec->supervised;
    atomic_store_explicit(&slot->init, at_once ? TRP_INIT_SUCCEEDED : TRP_INIT_NOT_YET,
                          memory_order_relaxed);
    slot->on_thread = spec->place == TROUPE_ON_THREAD;
    atomic_store_explicit(&slot->kill_grace_ms, spec->kill_grace_ms, memory_order_relaxed);
    slot->shutdown_ms = spec->shutdown_ms ? spec->shutdown_ms : DEFAULT_SHUTDOWN_MS;
    slot->behavior = spec->behavior;
    slot->persist = NULL;
    slot->owner = spec->owner ? spec->owner->slot : NULL;
    slot->owner_generation = spec->owner ? spec->owner->generation : 0;
    atomic_store_explicit(&slot->notice, 0, memory_order_relaxed);
    // The mailbox's and the owner's.
    atomic_store_explicit(&slot->holds, 2, memory_order_relaxed);
}

static struct troupe_ctx *make_body(troupe_system *system, struct trp_runner *runner,
                                    struct trp_slot *slot)
{
    size_t size = trp_body_size(slot->behavior);
    struct troupe_ctx *body =
        size < slot->behavior->state_size ? NULL : trp_take(system, runner, size);
    if (body) {
        memset(body, 0, size);
        body->system = system;
        body->slot = slot;
        body->receive = slot->behavior->receive;
        body->generation = trp_slot_generation(slot);
    }
    return body;
}

static void observe_spawn(troupe_system *system, const struct trp_slot *slot, uint32_t generation,
                          const struct trp_spawn_spec *spec)
{
    const struct trp_probe *probe = system->seams.probe;
    struct trp_probe_event event = {.kind = TRP_PROBE_SPAWN,
                                    .ref = trp_ref(system, slot->index, generation),
                                    .other = spec->owner ? trp_self(spec->owner)
                                                         : (troupe_ref){0, 0, 0}};
    probe->event(probe->user, &event);
    if (!starts_at_once(spec))
        return;
    event =
        (struct trp_probe_event){.kind = TRP_PROBE_START, .ref = event.ref, .value = INCARNATION};
    probe->event(probe->user, &event);
}

// From here on the slot is alive: it may be given orders [alive], and a late activation [late] that
// finds the body may start it.
static void bring_to_life(troupe_system *system, struct trp_runner *runner, struct trp_slot *slot,
                          const struct trp_spawn_spec *spec, struct troupe_ctx *body)
{
    bool at_once = starts_at_once(spec);
    uint32_t generation = body->generation;
    TRP_YIELD("spawn: before alive");
    uint64_t orders = (uint64_t)generation << 32 | TRP_ALIVE | (at_once ? TRP_ALIVE_STARTED : 0) |
                      (is_watched(spec) ? TRP_ALIVE_WATCHED : 0) |
                      (spec->supervision ? TRP_ALIVE_SUPERVISES : 0) |
                      (spec->owner ? 0 : TRP_ALIVE_ROOT);
    // release: troupe_incarnation, when it sees this, sees the end of the actor before, too.
    atomic_store_explicit(&slot->incarnation, INCARNATION, memory_order_release);
    // release: who gives an order or monitors it sees what it was filled with.
    if (spec->owner || TRP_LIKELY(TRP_BIAS_IS_LIGHT()))
        atomic_store_explicit(&slot->orders, orders, memory_order_release);
    else
        atomic_store(&slot->orders, orders); // seq_cst: see roots.c [closed]
    atomic_signal_fence(memory_order_seq_cst);
    TRP_YIELD("spawn: between alive and body");
    atomic_store_explicit(&slot->body, body, memory_order_release); // with every activation
    if (!at_once)
        trp_slot_nudge(system, runner, slot);
    // Too late for the stop of all roots? seq_cst: see roots.c [closed].
    if (spec->owner == NULL && TRP_UNLIKELY(atomic_load(&system->closed)))
        trp_slot_order(system, runner, slot, generation, TRP_ORDER_STOP);
}

troupe_status trp_spawn(troupe_system *system, struct trp_runner *runner,
                        const struct trp_spawn_spec *spec, troupe_ref *ref)
{
    struct trp_slot *slot = trp_slot_take(system, runner);
    if (slot == NULL)
        return trp_error(TROUPE_ENOMEM, "no memory to spawn %s", spec->behavior->name);
    fill(slot, spec);
    uint32_t generation = trp_slot_generation(slot);
    struct troupe_ctx *body = NULL;
    troupe_status status = TROUPE_ENOMEM;
    if (!make_persist(system, runner, slot, spec) || !make_watched(system, runner, slot, spec) ||
        (body = make_body(system, runner, slot)) == NULL) {
        trp_error(TROUPE_ENOMEM, "no memory to spawn %s", spec->behavior->name);
        goto fail;
    }
    if (spec->register_as) {
        status = reserve_name(system, runner, slot, spec, ref);
        if (status != TROUPE_OK)
            goto fail;
    }
    status = trp_adopt(system, runner, slot, spec->owner);
    if (status != TROUPE_OK)
        goto fail;
    // The last step that can fail: a late activation [late] may be given to the thread, so that it
    // must not go again before the actor.
    if (spec->place == TROUPE_ON_THREAD) {
        status = trp_thread_start(system->scheduler, &slot->task, spec->behavior->name);
        if (status != TROUPE_OK) {
            trp_error(status, "no thread of its own for %s", spec->behavior->name);
            goto fail_adopted;
        }
    }
    if (slot->persist) {
        slot->persist->args = spec->args;
        slot->persist->supervision = spec->supervision;
    }
    trp_count(system, runner, spawned);
    if (TRP_UNLIKELY(system->seams.probe != NULL))
        observe_spawn(system, slot, generation, spec);
    if (ref)
        *ref = trp_ref(system, slot->index, generation);
    if (spec->watcher)
        trp_monitor_begin_new(spec->watcher, slot, trp_ref(system, slot->index, generation));
    if (spec->bond)
        trp_bond_begin_new(system, spec->bond, slot, generation);
    bring_to_life(system, runner, slot, spec, body);
    return TROUPE_OK;

fail_adopted:
    trp_disown(system, runner, slot, spec->owner);
fail:
    unmake(system, runner, slot, body);
    return status;
}

// ---- Public

static troupe_status check(const troupe_behavior *behavior, const troupe_spawn_opts *opts,
                           const char *function)
{
    if (behavior == NULL)
        return trp_error(TROUPE_EINVAL, "%s: behavior is NULL", function);
    if (behavior->name == NULL)
        return trp_error(TROUPE_EINVAL, "%s: behavior->name is NULL; give it a name", function);
    if (behavior->receive == NULL)
        return trp_error(TROUPE_EINVAL, "%s: %s: behavior->receive is NULL", function,
                         behavior->name);
    if (opts->place == TROUPE_IN_PROCESS)
        return trp_error(TROUPE_ENOTSUP,
                         "%s: %s: place TROUPE_IN_PROCESS is not available in this version",
                         function, behavior->name);
    if (opts->place != TROUPE_ON_POOL && opts->place != TROUPE_ON_THREAD)
        return trp_error(TROUPE_EINVAL, "%s: %s: place is %d; use one of enum troupe_place",
                         function, behavior->name, (int)opts->place);
    if (opts->name && strlen(opts->name) > NAME_MAX_BYTES)
        return trp_error(TROUPE_EINVAL,
                         "%s: name \"%.20s...\" has %zu bytes; at most %d are allowed", function,
                         opts->name, strlen(opts->name), NAME_MAX_BYTES);
    return opts->register_as ? trp_name_check(opts->register_as, "troupe_spawn: register_as")
                             : TROUPE_OK;
}

static troupe_status build_args(troupe_ctx *ctx, troupe_type *type, const void *body,
                                struct trp_envelope **args)
{
    *args = NULL;
    if (type == NULL)
        return TROUPE_OK; // no arguments
    troupe_status status =
        trp_build(ctx->system, ctx->runner, type, body, TRP_KIND_USER, false, args);
    if (status == TROUPE_OK)
        trp_args_init(*args);
    return status;
}

// ---- What the spawner sets on the new actor

static troupe_status check_attachments(troupe_ctx *ctx, const troupe_behavior *behavior,
                                       const troupe_spawn_opts *opts)
{
    if (ctx->slot == NULL && (opts->link || opts->monitor))
        return trp_error(TROUPE_ENOTSUP,
                         "troupe_spawn: %s: %s is for actors: a thread of the program's own has no "
                         "mailbox; use troupe_join",
                         behavior->name, opts->link ? "link" : "monitor");
    if (opts->monitor_ref && !opts->monitor)
        return trp_error(TROUPE_EINVAL, "troupe_spawn: %s: monitor_ref without monitor",
                         behavior->name);
    return opts->monitor ? trp_monitor_check(ctx, opts->monitor, "troupe_spawn: monitor")
                         : TROUPE_OK;
}

static troupe_status make_attachments(troupe_ctx *ctx, const troupe_spawn_opts *opts,
                                      struct trp_spawn_spec *spec)
{
    if (opts->monitor)
        spec->watcher = trp_monitor_prepare(ctx, opts->monitor, opts->monitor_ref);
    if (opts->link && (spec->watcher || !opts->monitor))
        spec->bond = trp_bond_new(ctx);
    if ((opts->monitor && !spec->watcher) || (opts->link && !spec->bond))
        return trp_error(TROUPE_ENOMEM, "no memory to spawn %s", spec->behavior->name);
    return TROUPE_OK;
}

static void forget_attachments(troupe_ctx *ctx, const troupe_spawn_opts *opts,
                               struct trp_spawn_spec *spec)
{
    if (spec->bond)
        trp_bond_free(ctx->system, ctx->runner, spec->bond);
    if (opts->monitor && spec->watcher)
        trp_monitor_forget(ctx, spec->watcher);
}

static troupe_status spawn(troupe_ctx *ctx, const troupe_behavior *behavior,
                           const troupe_spawn_opts *opts, troupe_ref *ref, troupe_type *type,
                           const void *body, struct trp_monitor *watcher)
{
    static const troupe_spawn_opts defaults = {0};
    opts = opts ? opts : &defaults;
    troupe_status status = check(behavior, opts, "troupe_spawn");
    struct trp_envelope *args = NULL;
    if (status == TROUPE_OK)
        status = check_attachments(ctx, behavior, opts);
    if (status == TROUPE_OK)
        status = build_args(ctx, type, body, &args);
    if (status != TROUPE_OK)
        return status;
    size_t limit = opts->memory_limit == TROUPE_NO_LIMIT ? 0 : opts->memory_limit;
    struct trp_spawn_spec spec = {.behavior = behavior,
                                  .name = opts->name,
                                  .register_as = opts->register_as,
                                  .place = opts->place,
                                  .memory_limit = limit,
                                  .shutdown_ms = opts->shutdown_ms,
                                  .kill_grace_ms = opts->kill_grace_ms,
                                  .args = args,
                                  .owner = ctx->slot && !opts->detached ? ctx : NULL,
                                  .watcher = watcher};
    status = make_attachments(ctx, opts, &spec);
    if (status == TROUPE_OK)
        status = trp_spawn(ctx->system, ctx->runner, &spec, ref);
    if (status == TROUPE_OK)
        return TROUPE_OK;
    forget_attachments(ctx, opts, &spec);
    if (args)
        trp_args_release(ctx->system, ctx->runner, args);
    return status;
}

troupe_status trp_spawn_watched(troupe_ctx *ctx, const troupe_behavior *behavior,
                                const troupe_spawn_opts *opts, troupe_ref *ref, troupe_type *type,
                                const void *body, struct trp_monitor *watcher)
{
    if (ref)
        *ref = (troupe_ref){0, 0, 0};
    if (!trp_enter(ctx))
        return TROUPE_ESTALE;
    troupe_status status = spawn(ctx, behavior, opts, ref, type, body, watcher);
    trp_leave(ctx);
    return status;
}

troupe_status troupe_spawn_body(troupe_ctx *ctx, const troupe_behavior *behavior,
                                const troupe_spawn_opts *opts, troupe_ref *ref, troupe_type *type,
                                const void *body)
{
    return trp_spawn_watched(ctx, behavior, opts, ref, type, body, NULL);
}

troupe_status troupe_spawn(troupe_ctx *ctx, const troupe_behavior *behavior,
                           const troupe_spawn_opts *opts, troupe_ref *ref)
{
    return trp_spawn_watched(ctx, behavior, opts, ref, NULL, NULL, NULL);
}
