// Requests to supervisors: not there yet.
#include "actors/supervision.h"

troupe_status trp_supervisor_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)ctx;
    (void)state;
    (void)msg;
    return TROUPE_UNHANDLED;
}

void trp_request_answer(struct troupe_ctx *ctx, struct trp_request *request, troupe_status status,
                        troupe_ref ref, const char *text)
{
    (void)status;
    (void)ref;
    (void)text;
    trp_request_forget(ctx->system, ctx->runner, request);
}

void trp_request_forget(troupe_system *system, struct trp_runner *runner,
                        struct trp_request *request)
{
    trp_give(system, runner, request, sizeof *request);
}
