// Asks of a thread of the program's own, which waits for the outcome: troupe_call. The record is
// made and ends as that of any ask (ask.c [end]), but who ends it wakes the thread, and its limit
// has a timer of its own. The waiter lies on the thread's stack: it is written to once, by whoever
// ends the ask; what is late finds it ended.
#include "actors/ask.h"

#include <string.h>

static troupe_status take_outcome(troupe_ctx *ctx, struct trp_wide_ask *wide, troupe_msg **reply,
                                  const char *function)
{
    struct trp_ask *record = &wide->ask;
    if (wide->reply) {
        struct trp_envelope *envelope = wide->reply;
        envelope->kind = TRP_KIND_USER;
        trp_envelope_extra(envelope)->owner = NULL;
        if (reply)
            *reply = &envelope->msg;
        else
            troupe_msg_free(ctx, &envelope->msg);
        return TROUPE_OK;
    }
    if (record->status == TROUPE_EDOWN) {
        char why[TRP_REASON_TEXT];
        return trp_error(TROUPE_EDOWN, "%s: the actor ended before it answered: %s", function,
                         trp_reason_print(trp_reason_view(&record->reason), why));
    }
    return trp_error(record->status, "%s: %s", function, troupe_status_text(record->status));
}

troupe_status trp_call_say_late(const char *function, const char *type, troupe_ref to,
                                uint32_t timeout_ms)
{
    char ref[TROUPE_REF_TEXT];
    return trp_error(TROUPE_ETIMEDOUT, "%s: the deadline passed: %s has not answered %s in %u ms",
                     function, troupe_ref_print(to, ref), type, trp_ask_limit(timeout_ms));
}

troupe_status trp_call_envelope(struct troupe_ctx *ctx, struct trp_slot *slot, uint32_t generation,
                                uint32_t timeout_ms, troupe_msg **reply,
                                struct trp_envelope *request, const char *function)
{
    troupe_system *system = ctx->system;
    struct trp_waiter waiter = {.done = 0};
    struct trp_wide_ask *wide = trp_take(system, NULL, sizeof *wide);
    if (wide == NULL) {
        troupe_msg_free(ctx, &request->msg);
        return trp_error(TROUPE_ENOMEM, "%s: no memory", function);
    }
    memset(wide, 0, sizeof *wide);
    struct trp_ask *record = &wide->ask;
    atomic_init(&record->state, 2 * TRP_ASK_ONE + TRP_ASK_WIDE);
    wide->waiter = &waiter;
    trp_envelope_extra(request)->owner = record;
    if (timeout_ms != TROUPE_NO_LIMIT)
        trp_ask_arm(system, wide, trp_ask_limit(timeout_ms));
    trp_push(ctx, slot, generation, request);
    // The deadline ends the ask, not the wait, so that nothing writes to the waiter later.
    if (!trp_wait(system, &waiter, TRP_NEVER)) { // driven, and nothing left that could answer
        if (trp_ask_decide(record, 0, 0))
            record->status = TROUPE_ETIMEDOUT;
    }
    trp_ask_disarm(system, NULL, record);
    troupe_status status = take_outcome(ctx, wide, reply, function);
    trp_ask_give_back(system, NULL, record);
    return status;
}

static troupe_status call(troupe_ctx *ctx, troupe_ref to, uint32_t timeout_ms, troupe_msg **reply,
                          troupe_type *type, const void *body)
{
    struct trp_slot *slot = trp_resolve(ctx->system, to);
    if (!trp_slot_is_live(slot, to))
        return trp_no_target(ctx, to, type, body, "troupe_call");
    struct trp_envelope *request;
    troupe_status status = trp_build(ctx->system, NULL, type, body, TRP_KIND_ASK, true, &request);
    if (status != TROUPE_OK)
        return status;
    status = trp_call_envelope(ctx, slot, to.generation, timeout_ms, reply, request, "troupe_call");
    return status == TROUPE_ETIMEDOUT ? trp_call_say_late("troupe_call", type->name, to, timeout_ms)
                                      : status;
}

troupe_status troupe_call_body(troupe_ctx *ctx, troupe_ref to, uint32_t timeout_ms,
                               troupe_msg **reply, troupe_type *type, const void *body)
{
    if (reply)
        *reply = NULL;
    if (!trp_wait_begin(ctx, "troupe_call"))
        return TROUPE_ENOTSUP;
    troupe_status status = call(ctx, to, timeout_ms, reply, type, body);
    trp_wait_end(ctx);
    return status;
}
