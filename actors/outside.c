// What only threads of the program's own may do: wait. In a driven system the waiting thread is the
// one that runs everything, so waiting means stepping.
#include "actors/actor.h"
#include "actors/monitor.h"
#include "actors/supervisor.h"
#include "base/futex.h"

#include <unistd.h>

bool trp_may_block(troupe_ctx *ctx, const char *function)
{
    if (ctx->slot == NULL && trp_worker_current(ctx->system->scheduler) == NULL)
        return true;
    trp_error(
        TROUPE_ENOTSUP,
        "%s: would block a worker; it is for threads of the program's own, with troupe_outside",
        function);
    return false;
}

bool trp_wait_begin(troupe_ctx *ctx, const char *function)
{
    if (!trp_may_block(ctx, function))
        return false;
    atomic_fetch_add(&ctx->system->waiting, 1);
    return true;
}

void trp_wait_end(troupe_ctx *ctx)
{
    troupe_system *system = ctx->system;
    // Under the lock, so that the one who waits for it does not free the system before we are out.
    pthread_mutex_lock(&system->waiting_lock);
    if (atomic_fetch_sub(&system->waiting, 1) == 1)
        pthread_cond_broadcast(&system->nobody_waits);
    pthread_mutex_unlock(&system->waiting_lock);
}

void trp_waiter_wake(struct trp_waiter *waiter)
{
    int fd = waiter->event_fd;
    atomic_store(&waiter->done, 1);
    // The waiter may be gone by now: the kernel takes the address without reading it.
    trp_futex_wake(&waiter->done, 1);
    if (fd) {
        uint64_t one = 1;
        ssize_t written = write(fd, &one, sizeof one);
        (void)written; // full means that it is readable, which is all that is wanted
    }
}

static bool step_until(troupe_system *system, struct trp_waiter *waiter, uint64_t deadline)
{
    while (!atomic_load(&waiter->done)) {
        if (!system->seams.step(system->seams.user, deadline))
            return atomic_load(&waiter->done) != 0;
    }
    return true;
}

bool trp_wait(troupe_system *system, struct trp_waiter *waiter, uint64_t deadline)
{
    if (system->seams.driven)
        return step_until(system, waiter, deadline);
    while (!atomic_load(&waiter->done)) {
        uint64_t now = trp_now(system);
        if (now >= deadline)
            return atomic_load(&waiter->done) != 0;
        trp_futex_wait(&waiter->done, 0, deadline == TRP_NEVER ? TRP_NEVER : deadline - now);
    }
    return true;
}

// ---- Waiting for an actor

// Waits until `deadline`; afterwards *stopped tells what has happened, and *reason, counted, why.
static troupe_status finish_wait(troupe_ctx *ctx, struct trp_waiter *waiter,
                                 struct trp_monitor *monitor, uint64_t deadline, bool *stopped,
                                 struct trp_reason *reason)
{
    bool done = trp_wait(ctx->system, waiter, deadline);
    trp_monitor_wait_end(monitor, stopped, reason);
    return done ? TROUPE_OK : TROUPE_ETIMEDOUT;
}

static troupe_status join(troupe_ctx *ctx, troupe_ref ref, uint32_t timeout_ms,
                          troupe_reason_kind *kind)
{
    uint64_t deadline = timeout_ms == TROUPE_NO_LIMIT
                            ? TRP_NEVER
                            : trp_deadline(trp_now(ctx->system), timeout_ms * TRP_NS_PER_MS);
    bool stopped;
    struct trp_reason reason;
    struct trp_waiter waiter = {.done = 0};
    struct trp_monitor *monitor = trp_monitor_for_waiter(ctx->system, TROUPE_ON_STOP, &waiter);
    if (monitor == NULL || !trp_monitor_begin(monitor, ref))
        return trp_error(TROUPE_ENOMEM, "troupe_join: no memory");
    troupe_status status = finish_wait(ctx, &waiter, monitor, deadline, &stopped, &reason);
    if (status == TROUPE_OK) {
        char why[TRP_REASON_TEXT];
        trp_error(TROUPE_OK, "%s", trp_reason_print(trp_reason_view(&reason), why));
        if (kind)
            *kind = (troupe_reason_kind)reason.kind;
    } else if (status == TROUPE_ETIMEDOUT) {
        char text[TROUPE_REF_TEXT];
        trp_error(status, "troupe_join: %s has not ended after %u ms", troupe_ref_print(ref, text),
                  timeout_ms);
    }
    trp_reason_release(ctx->system, NULL, &reason);
    return status;
}

troupe_status troupe_join(troupe_ctx *ctx, troupe_ref ref, uint32_t timeout_ms,
                          troupe_reason_kind *kind)
{
    if (!trp_wait_begin(ctx, "troupe_join"))
        return TROUPE_ENOTSUP;
    troupe_status status = join(ctx, ref, timeout_ms, kind);
    trp_wait_end(ctx);
    return status;
}

// Waits until a new actor has started, or not. `made` is the outcome of making it.
static troupe_status wait_for_start(troupe_ctx *ctx, struct trp_waiter *waiter,
                                    struct trp_monitor *monitor, troupe_status made,
                                    const char *function)
{
    bool stopped;
    struct trp_reason reason;
    troupe_status status = made;
    if (made == TROUPE_OK)
        status = finish_wait(ctx, waiter, monitor, TRP_NEVER, &stopped, &reason);
    else // there is nothing to wait for
        trp_monitor_wait_end(monitor, &stopped, &reason);
    if (status == TROUPE_OK && stopped && reason.kind == TROUPE_NORMAL) {
        status = reason.status == TROUPE_IGNORE ? TROUPE_IGNORE : TROUPE_OK;
    } else if (status == TROUPE_OK && stopped) {
        char why[TRP_REASON_TEXT];
        status = trp_error(TROUPE_ESTART, "%s: %s", function,
                           trp_reason_print(trp_reason_view(&reason), why));
    }
    trp_reason_release(ctx->system, NULL, &reason);
    return status;
}

static struct trp_monitor *watch_start(troupe_ctx *ctx, struct trp_waiter *waiter,
                                       const char *function)
{
    struct trp_monitor *monitor =
        trp_monitor_for_waiter(ctx->system, TROUPE_ON_START | TROUPE_ON_STOP, waiter);
    if (monitor == NULL)
        trp_error(TROUPE_ENOMEM, "%s: no memory", function);
    return monitor;
}

static troupe_status spawn_wait(troupe_ctx *ctx, const troupe_behavior *behavior,
                                const troupe_spawn_opts *opts, troupe_ref *ref, troupe_type *type,
                                const void *body)
{
    struct trp_waiter waiter = {.done = 0};
    struct trp_monitor *monitor = watch_start(ctx, &waiter, "troupe_spawn_wait");
    if (monitor == NULL)
        return TROUPE_ENOMEM;
    troupe_status made = trp_spawn_watched(ctx, behavior, opts, ref, type, body, monitor);
    return wait_for_start(ctx, &waiter, monitor, made, "troupe_spawn_wait");
}

troupe_status troupe_spawn_wait(troupe_ctx *ctx, const troupe_behavior *behavior,
                                const troupe_spawn_opts *opts, troupe_ref *ref, troupe_type *type,
                                const void *body)
{
    if (!trp_wait_begin(ctx, "troupe_spawn_wait"))
        return TROUPE_ENOTSUP;
    troupe_status status = spawn_wait(ctx, behavior, opts, ref, type, body);
    trp_wait_end(ctx);
    return status;
}

static troupe_status supervise_wait(troupe_ctx *ctx, const troupe_supervisor *spec, troupe_ref *ref)
{
    struct trp_waiter waiter = {.done = 0};
    struct trp_monitor *monitor = watch_start(ctx, &waiter, "troupe_supervise_wait");
    if (monitor == NULL)
        return TROUPE_ENOMEM;
    troupe_status made = trp_supervise_watched(ctx, spec, ref, monitor);
    return wait_for_start(ctx, &waiter, monitor, made, "troupe_supervise_wait");
}

troupe_status troupe_supervise_wait(troupe_ctx *ctx, const troupe_supervisor *spec, troupe_ref *ref)
{
    if (!trp_wait_begin(ctx, "troupe_supervise_wait"))
        return TROUPE_ENOTSUP;
    troupe_status status = supervise_wait(ctx, spec, ref);
    trp_wait_end(ctx);
    return status;
}
