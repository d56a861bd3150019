// What a supervisor can be asked to do with its children while it runs: OTP's start_child,
// terminate_child, restart_child and delete_child. On the supervisor's activation, at any moment of
// its life, also amid a group's restart (group.c).
#include "actors/supervision.h"
#include "actors/supervisor.h"

// ---- Those who wait for a child

static void attach(struct trp_child *child, struct trp_request *request, bool for_stop)
{
    request->for_stop = for_stop;
    request->next = child->requests;
    child->requests = request;
}

void trp_child_answer(struct trp_runner *runner, struct trp_slot *supervisor,
                      struct trp_child *child, bool for_stop, troupe_status status,
                      const char *text)
{
    troupe_ref ref = {0, 0, 0};
    if (child->slot && !for_stop && status == TROUPE_OK)
        ref = trp_child_ref(runner->system, child);
    else if (!for_stop && status == TROUPE_EEXIST) // it could not be spawned just now
        ref = trp_supervision_of(supervisor)->holder;
    struct trp_request **at = &child->requests;
    while (*at) {
        struct trp_request *request = *at;
        if (request->for_stop != for_stop) {
            at = &request->next;
            continue;
        }
        *at = request->next;
        trp_request_answer(trp_supervisor_ctx(runner, supervisor), request, status, ref, text);
    }
}

// ---- Start

static void release(struct troupe_ctx *ctx, struct trp_child_spec *spec, struct trp_envelope *args)
{
    trp_child_spec_release(ctx->system, ctx->runner, spec);
    if (args)
        trp_args_release(ctx->system, ctx->runner, args);
}

// A start that came to nothing at once. Only these are the caller's to tell apart.
static troupe_status start_error(const struct troupe_ctx *ctx, struct trp_request *request,
                                 troupe_status status)
{
    if (status == TROUPE_EEXIST)
        request->holder = trp_supervision_of(ctx->slot)->holder;
    return status == TROUPE_ENOMEM || status == TROUPE_ECLOSED || status == TROUPE_EEXIST
               ? status
               : TROUPE_ESTART;
}

troupe_status trp_child_add(struct troupe_ctx *ctx, struct trp_child_spec *spec,
                            struct trp_envelope *args, struct trp_request *request)
{
    struct trp_child *child = trp_child_append(ctx, spec, args);
    if (child == NULL) {
        release(ctx, spec, args);
        return trp_error(TROUPE_ENOMEM, "no memory for another child");
    }
    child->fresh = child->added = true;
    struct trp_supervision *supervision = trp_supervision_of(ctx->slot);
    if (trp_in_group_restart(supervision)) { // which comes by, as it is the last one
        if (supervision->from == NULL)       // all members have been deleted meanwhile
            supervision->from = child;
    } else {
        troupe_status status = trp_child_spawn(ctx, child);
        if (status != TROUPE_OK) {
            status = start_error(ctx, request, status);
            trp_child_remove(ctx->system, ctx->runner, ctx->slot, child);
            return status;
        }
    }
    attach(child, request, false);
    return TRP_ANSWERED_LATER;
}

// ---- Stop

// A group that waits for the backoff of a child that is not to be started goes on without it: not
// here, where a request is handled, because a restart may end the supervisor.
static void hurry_group(struct troupe_ctx *ctx, const struct trp_child *child)
{
    const struct trp_supervision *supervision = trp_supervision_of(ctx->slot);
    if (supervision->step == TRP_STEP_GROUP_WAIT && supervision->culprit == child)
        trp_group_wait_until(ctx->runner, ctx->slot, trp_now(ctx->system));
}

// OTP: a member that is stopped after an attempt of its group in which its start has failed takes
// with it those whose turn to start comes after its own: they may need it.
static void leave_out_rest(struct troupe_ctx *ctx, struct trp_child *child)
{
    bool failing = child->failing && child->left_out;
    child->failing = false;
    for (struct trp_child *next = child->next; failing && next; next = next->next) {
        if (next->added || next->phase == TRP_CHILD_RUNNING || next->phase == TRP_CHILD_STARTING)
            continue; // at somebody's request meanwhile
        next->left_out = true;
        if (next->slot && next->phase != TRP_CHILD_ENDING)
            trp_child_end(ctx->runner, ctx->slot, next, true);
    }
}

// It does not run, and shall not.
static troupe_status stop_absent(struct troupe_ctx *ctx, struct trp_child *child)
{
    struct trp_supervision *supervision = trp_supervision_of(ctx->slot);
    trp_heap_remove(&supervision->due, &child->due);
    trp_child_set_phase(ctx->runner, ctx->slot, child, TRP_CHILD_ABSENT);
    child->left_out = trp_is_member(supervision, child);
    leave_out_rest(ctx, child);
    hurry_group(ctx, child);
    if (child->added) { // it waits for the group's restart to be started
        trp_child_answer(ctx->runner, ctx->slot, child, false, TROUPE_ESTART,
                         "the child was stopped before it was started");
        trp_child_remove(ctx->system, ctx->runner, ctx->slot, child);
    }
    return TROUPE_OK;
}

troupe_status trp_child_stop(struct troupe_ctx *ctx, struct trp_child *child,
                             struct trp_request *request)
{
    struct trp_supervision *supervision = trp_supervision_of(ctx->slot);
    if (child->slot == NULL)
        return stop_absent(ctx, child);
    attach(child, request, true);
    child->left_out = trp_is_member(supervision, child);
    if (child->spec->child.restart == TROUPE_TEMPORARY || trp_is_simple(supervision))
        child->forget = true;
    if (child->phase != TRP_CHILD_ENDING)
        trp_child_end(ctx->runner, ctx->slot, child, true);
    leave_out_rest(ctx, child);
    hurry_group(ctx, child);
    trp_supervision_arm(ctx->runner, ctx->slot);
    return TRP_ANSWERED_LATER;
}

// ---- Restart, delete

static troupe_status does_not_rest(const struct trp_supervision *supervision,
                                   const struct trp_child *child)
{
    const char *id = child->spec->child.id;
    bool started_later = child->added || (trp_is_member(supervision, child) && !child->left_out);
    if (child->phase == TRP_CHILD_ABSENT && !started_later)
        return TROUPE_OK;
    if (trp_child_is_active(child))
        return trp_error(TROUPE_EBUSY, "child \"%s\" is running", id);
    return trp_error(TROUPE_ERESTARTING, "child \"%s\" is being restarted or stopped", id);
}

troupe_status trp_child_restart(struct troupe_ctx *ctx, struct trp_child *child,
                                struct trp_request *request)
{
    troupe_status status = does_not_rest(trp_supervision_of(ctx->slot), child);
    if (status != TROUPE_OK)
        return status;
    child->failures = 0;
    child->started = 0;
    status = trp_child_spawn(ctx, child);
    if (status != TROUPE_OK)
        return start_error(ctx, request, status);
    child->fresh = true;
    child->left_out = false;
    attach(child, request, false);
    return TRP_ANSWERED_LATER;
}

troupe_status trp_child_delete(struct troupe_ctx *ctx, struct trp_child *child)
{
    troupe_status status = does_not_rest(trp_supervision_of(ctx->slot), child);
    if (status == TROUPE_OK)
        trp_child_remove(ctx->system, ctx->runner, ctx->slot, child);
    return status;
}
