// Monitors: one record per monitor, in the target's list of watchers and in the watcher's handles.
// This file is the watcher's side, watchers.c the target's.
//
// The stripe lock of the target's slot guards the list and the record's `linked` and `ended`. An
// actor that nobody watches starts and ends without it:
//
// [watch] What decides is one word, the slot's orders, which all change by read-modify-writes:
// 1. The watcher, under the lock, sets WATCHED where it finds the generation alive, and links
//    itself. The target's end replaces the word, and takes the lock if WATCHED was set: so a
//    monitor is either in the list before the generation ends, and is told, or finds it ended, and
//    is told noactor.
// 2. The target's start sets STARTED, and takes the lock if WATCHED was set. A watcher that finds
//    STARTED in that step tells itself of the start; one that does not is found in the list. It may
//    be both when WATCHED was set by another: so what has been told says of which incarnation.
// 3. WATCHED stays until the generation ends: then somebody has watched, and the lock is taken in
//    vain at worst. STARTED goes with the incarnation, before a restart is told of, which always
//    takes the lock; so does the end of one that was found alive, once WATCHED is set: so under the
//    lock the incarnation that was found started stays the slot's.
//
// Messages are reserved with the record, one for each event; a restart while the message about the
// one before still waits is told by that same message, and so is a start.
//
// The record is counted: one for the watcher's handles, one for the target's list, one for each
// message on its way.
#include "actors/monitor.h"

#include "actors/ask.h"
#include "actors/names.h"

#include <string.h>

void trp_monitor_release(troupe_system *system, struct trp_runner *runner,
                         struct trp_monitor *monitor)
{
    if (atomic_fetch_sub_explicit(&monitor->refs, 1, memory_order_acq_rel) != 1)
        return; // acq_rel: the last one sees all that the others did
    trp_reason_release(system, runner, &monitor->restart.reason);
    trp_reason_release(system, runner, &monitor->stop.reason);
    trp_reason_release(system, runner, &monitor->shown_reason);
    if (monitor->down.name)
        trp_give(system, runner, (void *)(uintptr_t)monitor->down.name,
                 strlen(monitor->down.name) + 1);
    trp_give(system, runner, monitor, sizeof *monitor);
}

// Keeps a copy of the name that the target was found by. False: no memory.
static bool keep_name(troupe_system *system, struct trp_runner *runner, struct trp_monitor *monitor,
                      const char *name)
{
    size_t size = strlen(name) + 1;
    char *copy = trp_take(system, runner, size);
    if (copy)
        memcpy(copy, name, size);
    monitor->down.name = copy;
    return copy != NULL;
}

static void make_mail(struct trp_monitor *monitor, struct trp_monitor_mail *mail, uint32_t event)
{
    trp_envelope_embed(&mail->envelope, TRP_KIND_DOWN, monitor);
    mail->event = event;
}

static struct trp_monitor_mail *mail_of(struct trp_monitor *monitor,
                                        const struct trp_envelope *envelope)
{
    return envelope == &monitor->stop.envelope      ? &monitor->stop
           : envelope == &monitor->restart.envelope ? &monitor->restart
                                                    : &monitor->start;
}

static struct trp_monitor *make(troupe_system *system, struct trp_runner *runner, uint32_t events)
{
    struct trp_monitor *monitor = trp_take(system, runner, sizeof *monitor);
    if (monitor == NULL)
        return NULL;
    memset(monitor, 0, sizeof *monitor);
    atomic_init(&monitor->refs, 1);
    monitor->events = events;
    monitor->system = system;
    make_mail(monitor, &monitor->stop, TROUPE_ON_STOP);
    make_mail(monitor, &monitor->restart, TROUPE_ON_RESTART);
    make_mail(monitor, &monitor->start, TROUPE_ON_START);
    return monitor;
}

// ---- Setting it

// Links to a live target; else the stop is told at once with noactor.
static void begin(troupe_system *system, struct trp_runner *runner, struct trp_monitor *monitor,
                  struct trp_watched *spare)
{
    struct trp_slot *slot = trp_resolve(system, monitor->target);
    struct trp_lock *lock = trp_stripe(system, monitor->target.slot);
    trp_lock_acquire(lock);
    uint64_t orders = slot ? trp_watched_open(slot, monitor->target.generation, &spare) : 0;
    bool alive = orders != 0, stop = false;
    if (alive) {
        trp_watchers_add(monitor, slot);
    } else {
        monitor->stop.reason = (struct trp_reason){.kind = TROUPE_NOACTOR};
        stop = trp_monitor_reserve_stop(monitor);
    }
    if ((orders & TRP_ALIVE_STARTED) && (monitor->events & TROUPE_ON_START)) // [watch] 2
        trp_monitor_tell(system, runner, monitor, &monitor->start,
                         atomic_load_explicit(&slot->incarnation, memory_order_relaxed), NULL);
    trp_lock_release(lock);
    trp_watched_free_spare(system, runner, spare);
    if (stop)
        trp_monitor_send(system, runner, monitor, &monitor->stop);
    else if (!alive && monitor->waiter)
        trp_waiter_wake(monitor->waiter);
}

// ---- The watcher's side

// `name`: what the target was found by, or NULL.
static struct trp_monitor *prepare_own(struct troupe_ctx *ctx, const char *name, uint32_t events,
                                       troupe_monitor_ref *public)
{
    struct trp_extras *extras = trp_extras(ctx);
    if (extras == NULL || !trp_handles_reserve(ctx->system, ctx->runner, &extras->handles))
        return NULL;
    struct trp_monitor *monitor = make(ctx->system, ctx->runner, events);
    if (monitor == NULL)
        return NULL;
    if (name && !keep_name(ctx->system, ctx->runner, monitor, name)) {
        trp_monitor_release(ctx->system, ctx->runner, monitor);
        return NULL;
    }
    monitor->watcher = ctx->slot;
    monitor->generation = ctx->generation;
    monitor->incarnation = atomic_load_explicit(&ctx->slot->incarnation, memory_order_relaxed);
    monitor->handle = trp_handles_put(&extras->handles, TRP_HANDLE_MONITOR, monitor);
    struct trp_handle_name handle =
        trp_handles_name(&extras->handles, monitor->handle, trp_handle_salt(ctx));
    memcpy(&monitor->down.monitor, &handle, sizeof handle);
    if (public)
        memcpy(public, &handle, sizeof *public);
    return monitor;
}

struct trp_monitor *trp_monitor_prepare(struct troupe_ctx *ctx, uint32_t events,
                                        troupe_monitor_ref *public)
{
    return prepare_own(ctx, NULL, events, public);
}

void trp_monitor_forget(struct troupe_ctx *ctx, struct trp_monitor *monitor)
{
    trp_handles_remove(&ctx->extras->handles, monitor->handle);
    trp_monitor_release(ctx->system, ctx->runner, monitor);
}

static troupe_status monitor_actor(troupe_ctx *ctx, troupe_ref ref, const char *name,
                                   uint32_t events, troupe_monitor_ref *public)
{
    struct trp_watched *spare = trp_watched_new(ctx->system, ctx->runner);
    struct trp_monitor *monitor = spare ? prepare_own(ctx, name, events, public) : NULL;
    if (monitor == NULL) {
        trp_watched_free_spare(ctx->system, ctx->runner, spare);
        return trp_error(TROUPE_ENOMEM, "troupe_monitor: no memory");
    }
    monitor->target = ref;
    begin(ctx->system, ctx->runner, monitor, spare);
    return TROUPE_OK;
}

troupe_status trp_monitor_check(troupe_ctx *ctx, uint32_t events, const char *function)
{
    uint32_t known = TROUPE_ON_STOP | TROUPE_ON_RESTART | TROUPE_ON_START;
    if (ctx->slot == NULL)
        return trp_error(TROUPE_ENOTSUP,
                         "%s: a thread of the program's own has no mailbox; use troupe_join",
                         function);
    if (events == 0 || (events & ~known) != 0)
        return trp_error(TROUPE_EINVAL,
                         "%s: events is 0x%x; give one or more of TROUPE_ON_STOP, "
                         "TROUPE_ON_RESTART, TROUPE_ON_START",
                         function, events);
    return TROUPE_OK;
}

troupe_status troupe_monitor(troupe_ctx *ctx, troupe_ref ref, uint32_t events,
                             troupe_monitor_ref *monitor)
{
    troupe_status status = trp_monitor_check(ctx, events, "troupe_monitor");
    if (status != TROUPE_OK)
        return status;
    if (!trp_enter(ctx))
        return TROUPE_ESTALE;
    status = monitor_actor(ctx, ref, NULL, events, monitor);
    trp_leave(ctx);
    return status;
}

troupe_status troupe_monitor_name(troupe_ctx *ctx, const char *name, uint32_t events,
                                  troupe_monitor_ref *monitor)
{
    troupe_status status = trp_monitor_check(ctx, events, "troupe_monitor_name");
    if (status == TROUPE_OK)
        status = trp_name_check(name, "troupe_monitor_name");
    if (status != TROUPE_OK)
        return status;
    if (!trp_enter(ctx))
        return TROUPE_ESTALE;
    status = monitor_actor(ctx, trp_names_find(ctx->system, name), name, events, monitor);
    trp_leave(ctx);
    return status;
}

// Ends a monitor from the watcher's side: nothing of it is handled any more.
static void end(struct trp_runner *runner, struct trp_monitor *monitor)
{
    troupe_system *system = monitor->system;
    struct trp_lock *lock = trp_stripe(system, monitor->target.slot);
    trp_lock_acquire(lock);
    bool linked = monitor->linked;
    if (linked)
        trp_watchers_remove(monitor, trp_slot_place(&system->slots, monitor->target.slot)->watched);
    monitor->ended = true;
    trp_lock_release(lock);
    if (linked)
        trp_monitor_release(system, runner, monitor);
    trp_monitor_release(system, runner, monitor); // the handles'
}

void trp_monitor_abandon(struct trp_runner *runner, struct trp_slot *slot, void *thing)
{
    (void)slot;
    end(runner, thing);
}

troupe_status troupe_demonitor(troupe_ctx *ctx, troupe_monitor_ref public)
{
    if (ctx->slot == NULL)
        return trp_error(TROUPE_ENOTSUP, "troupe_demonitor: only an actor has monitors");
    if (!trp_enter(ctx))
        return TROUPE_ESTALE;
    struct trp_handle_name name;
    uint32_t index;
    memcpy(&name, &public, sizeof name);
    struct trp_monitor *monitor = trp_find_handle(ctx, TRP_HANDLE_MONITOR, name, &index);
    troupe_status status = TROUPE_OK;
    if (monitor) {
        trp_handles_remove(&ctx->extras->handles, index);
        end(ctx->runner, monitor);
    } else {
        status = trp_error(TROUPE_EALREADY, "troupe_demonitor: this monitor has ended already");
    }
    trp_leave(ctx);
    return status;
}

bool trp_monitor_open(struct troupe_ctx *ctx, struct trp_envelope *envelope)
{
    struct trp_monitor *monitor = trp_envelope_extra(envelope)->owner;
    struct trp_monitor_mail *mail = mail_of(monitor, envelope);
    // One that was put aside has left the handles: it did not end with its incarnation.
    if (monitor->incarnation != atomic_load_explicit(&ctx->slot->incarnation, memory_order_relaxed))
        return false;
    struct trp_lock *lock = trp_stripe(ctx->system, monitor->target.slot);
    trp_lock_acquire(lock);
    bool open = !mail->stale && !monitor->ended; // set when the watcher's incarnation ends, too
    if (open) { // what the mail says may be replaced while it is handled: hold it
        trp_reason_release(ctx->system, ctx->runner, &monitor->shown_reason);
        monitor->shown_reason = trp_reason_acquire(mail->reason);
        monitor->down.ref = monitor->target;
        monitor->down.event = mail->event;
        monitor->down.incarnation = mail->incarnation;
        monitor->down.reason = trp_reason_view(&monitor->shown_reason);
        mail->again = mail->aside = false; // it tells of all that has happened until now
    }
    trp_lock_release(lock);
    if (!open)
        return false;
    const struct trp_type *type = trp_type_intern(&troupe_type_troupe_down);
    envelope->msg = (troupe_msg){
        .type = type ? type->id : 0, .size = sizeof monitor->down, .body = &monitor->down};
    if (mail == &monitor->stop && monitor->handle != TRP_MONITOR_OUT) {
        trp_handles_remove(&ctx->extras->handles, monitor->handle);
        monitor->handle = TRP_MONITOR_OUT; // put aside and handled again: it is out already
        trp_monitor_release(ctx->system, ctx->runner,
                            monitor); // the handles'; the message's is left
    }
    return true;
}

void trp_monitor_put_aside(troupe_system *system, struct trp_runner *runner,
                           struct trp_envelope *envelope)
{
    struct trp_monitor *monitor = trp_envelope_extra(envelope)->owner;
    struct trp_lock *lock = trp_stripe(system, monitor->target.slot);
    trp_lock_acquire(lock);
    struct trp_monitor_mail *mail = mail_of(monitor, envelope);
    mail->aside = true;
    mail->stale = false;
    if (mail == &monitor->restart && trp_monitor_reserve_start(monitor))
        trp_monitor_send(system, runner, monitor, &monitor->start);
    bool held = trp_monitor_reserve_held(monitor);
    trp_lock_release(lock);
    if (held)
        trp_monitor_send(system, runner, monitor, &monitor->stop);
}

void trp_monitor_done(troupe_system *system, struct trp_runner *runner,
                      struct trp_envelope *envelope)
{
    struct trp_monitor *monitor = trp_envelope_extra(envelope)->owner;
    struct trp_monitor_mail *mail = mail_of(monitor, envelope);
    struct trp_lock *lock = trp_stripe(system, monitor->target.slot);
    trp_lock_acquire(lock);
    mail->in_flight = mail->aside = mail->stale = false;
    bool again = mail->again && trp_monitor_reserve(monitor, mail);
    mail->again = false;
    if (again) // under the lock: what is told from now on comes behind it
        trp_monitor_send(system, runner, monitor, mail);
    if (mail == &monitor->restart && trp_monitor_reserve_start(monitor))
        trp_monitor_send(system, runner, monitor, &monitor->start);
    bool held = trp_monitor_reserve_held(monitor);
    trp_lock_release(lock);
    if (held)
        trp_monitor_send(system, runner, monitor, &monitor->stop);
    trp_monitor_release(system, runner, monitor);
}

// ---- A thread that waits

struct trp_monitor *trp_monitor_for_waiter(troupe_system *system, uint32_t events,
                                           struct trp_waiter *waiter)
{
    struct trp_monitor *monitor = make(system, NULL, events);
    if (monitor)
        monitor->waiter = waiter;
    return monitor;
}

bool trp_monitor_begin(struct trp_monitor *monitor, troupe_ref target)
{
    struct trp_watched *spare = trp_watched_new(monitor->system, NULL);
    if (spare == NULL) {
        trp_monitor_release(monitor->system, NULL, monitor);
        return false;
    }
    monitor->target = target;
    begin(monitor->system, NULL, monitor, spare);
    return true;
}

void trp_monitor_begin_new(struct trp_monitor *monitor, struct trp_slot *slot, troupe_ref target)
{
    monitor->target = target;
    struct trp_lock *lock = trp_stripe(monitor->system, slot->index);
    trp_lock_acquire(lock);
    trp_watchers_add(monitor, slot);
    trp_lock_release(lock);
}

void trp_monitor_wait_end(struct trp_monitor *monitor, bool *stopped, struct trp_reason *reason)
{
    struct trp_lock *lock = trp_stripe(monitor->system, monitor->target.slot);
    trp_lock_acquire(lock);
    *stopped = monitor->start.incarnation == 0;
    *reason = trp_reason_acquire(monitor->stop.reason);
    trp_lock_release(lock);
    end(NULL, monitor);
}
