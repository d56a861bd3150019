// troupe_run_blocking: a job for the scheduler's blocking threads, with the record of an ask for
// its outcome. The job holds one of the record's counts until its function has returned.
#include "actors/ask.h"

struct job {
    struct trp_job job;
    troupe_system *system;
    struct trp_ask *ask;
    troupe_blocking_fn fn;
    void *arg;
};

static void finish(struct job *job, troupe_status status)
{
    struct trp_ask *ask = job->ask;
    troupe_system *system = job->system;
    trp_give(system, NULL, job, sizeof *job);
    trp_ask_end(system, NULL, ask, status);
}

static _Thread_local const troupe_system *blocking_for;

bool trp_runs_blocking(const troupe_system *system)
{
    return blocking_for == system;
}

static void run(struct trp_job *base)
{
    struct job *job = TRP_CONTAINER(base, struct job, job);
    blocking_for = job->system;
    troupe_status status = job->fn(job->arg);
    blocking_for = NULL;
    finish(job, status);
}

static void discard(struct trp_job *base)
{
    finish(TRP_CONTAINER(base, struct job, job), TROUPE_ECANCELED);
}

static troupe_status submit(troupe_ctx *ctx, troupe_blocking_fn fn, void *arg,
                            void (*release)(void *arg), troupe_on_outcome on_outcome, void *user)
{
    struct job *job = trp_take(ctx->system, ctx->runner, sizeof *job);
    struct trp_ask *ask = job ? trp_ask_new(ctx, on_outcome, user, release, arg) : NULL;
    if (ask == NULL) {
        if (job)
            trp_give(ctx->system, ctx->runner, job, sizeof *job);
        return trp_error(TROUPE_ENOMEM, "troupe_run_blocking: no memory");
    }
    *job = (struct job){.job = {.run = run, .discard = discard},
                        .system = ctx->system,
                        .ask = ask,
                        .fn = fn,
                        .arg = arg};
    troupe_status status = trp_blocking_submit(ctx->system->scheduler, &job->job);
    if (status == TROUPE_OK)
        return TROUPE_OK;
    trp_ask_unmake(ctx, ask);
    trp_give(ctx->system, ctx->runner, job, sizeof *job);
    return trp_error(status, "troupe_run_blocking: no thread could be started");
}

troupe_status troupe_run_blocking(troupe_ctx *ctx, troupe_blocking_fn fn, void *arg,
                                  void (*release)(void *arg), troupe_on_outcome on_outcome,
                                  void *user)
{
    if (ctx->slot == NULL)
        return trp_error(TROUPE_ENOTSUP, "troupe_run_blocking: a thread of the program's own may "
                                         "block as it is; only an actor needs this");
    if (fn == NULL || on_outcome == NULL)
        return trp_error(TROUPE_EINVAL, "troupe_run_blocking: %s is NULL",
                         fn == NULL ? "fn" : "on_outcome");
    if (!trp_enter(ctx))
        return TROUPE_ESTALE;
    troupe_status status = submit(ctx, fn, arg, release, on_outcome, user);
    trp_leave(ctx);
    return status;
}
