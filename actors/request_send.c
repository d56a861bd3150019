// Requests to supervisors, the callers' side: the public functions of <troupe/children.h>.
//
// A request is an ask (see ask.c), or a plain message if nobody wants to know its outcome. What is
// wrong whatever the supervisor knows is told at once; all else is the supervisor's to say. Nothing
// here is shared: a request is the caller's until it is sent.
#include "actors/ask.h"
#include "actors/requests.h"
#include "actors/supervision.h"

#include <string.h>

#define NAME_MAX_BYTES 63 // as in troupe_spawn_opts

// ---- Building

#define CHILD_SIZE ((sizeof(troupe_child) + 15) & ~(size_t)15)

static size_t id_size(const char *id)
{
    return id ? strlen(id) + 1 : 0;
}

// Builds the request's envelope with a copy of all that it points to.
static troupe_status build(troupe_ctx *ctx, const char *function, enum trp_kind kind,
                           const struct trp_request_body *request, struct trp_envelope **envelope)
{
    const troupe_child *child = request->child;
    size_t bytes = id_size(request->id);
    void *body, *room = NULL;
    if (child) {
        troupe_status status = trp_child_measure(function, child, &bytes);
        if (status != TROUPE_OK)
            return status;
        bytes += CHILD_SIZE;
    }
    troupe_status status =
        trp_request_envelope(ctx, &trp_type_request, kind, bytes, envelope, &body, &room);
    if (status != TROUPE_OK)
        return status;
    struct trp_request_body *copy = body;
    *copy = *request;
    if (child) {
        troupe_child *copied = room;
        trp_child_copy(child, copied, (char *)room + CHILD_SIZE);
        copy->child = copied;
        copy->id = copied->id;
    } else if (request->id) {
        copy->id = strcpy(room, request->id);
    }
    return TROUPE_OK;
}

// ---- Sending

// An actor's request whose outcome somebody wants to know, or anybody's that nobody asks after.
// `function` wants it.
static troupe_status request(troupe_ctx *ctx, const char *function, troupe_ref to,
                             uint32_t timeout_ms, troupe_on_outcome on_outcome, void *user,
                             const struct trp_request_body *body)
{
    if (ctx->slot == NULL && on_outcome != NULL)
        return trp_error(TROUPE_ENOTSUP,
                         "%s: a thread of the program's own has no handler for the outcome; use "
                         "%s_wait, or on_outcome NULL",
                         function, function);
    if (!trp_enter(ctx))
        return TROUPE_ESTALE;
    struct trp_envelope *envelope;
    troupe_status status =
        build(ctx, function, on_outcome ? TRP_KIND_ASK : TRP_KIND_USER, body, &envelope);
    if (status != TROUPE_OK) {
        trp_leave(ctx);
        return status;
    }
    struct trp_slot *slot = trp_resolve(ctx->system, to);
    bool live = trp_slot_is_live(slot, to);
    if (live && on_outcome)
        status = trp_ask_envelope(ctx, slot, to.generation, timeout_ms, on_outcome, user, envelope,
                                  function);
    else if (live)
        trp_push(ctx, slot, to.generation, envelope);
    trp_leave(ctx);
    if (!live)
        status = trp_no_target(ctx, to, &trp_type_request, envelope->msg.body, function);
    if (!live || status != TROUPE_OK)
        trp_free_envelope(ctx->system, ctx->runner, envelope);
    return status;
}

static troupe_status say_no_supervisor(const char *function, troupe_ref ref)
{
    char text[TROUPE_REF_TEXT];
    return trp_error(TROUPE_ENOREPLY, "%s: %s is not a supervisor", function,
                     troupe_ref_print(ref, text));
}

// The rest of `wait`, which brackets it.
static troupe_status call(troupe_ctx *ctx, const char *function, troupe_ref to, uint32_t timeout_ms,
                          const struct trp_request_body *body, troupe_msg **reply)
{
    struct trp_envelope *envelope;
    troupe_status status = build(ctx, function, TRP_KIND_ASK, body, &envelope);
    if (status != TROUPE_OK)
        return status;
    struct trp_slot *slot = trp_resolve(ctx->system, to);
    if (trp_slot_is_live(slot, to)) {
        status = trp_call_envelope(ctx, slot, to.generation, timeout_ms, reply, envelope, function);
        if (status == TROUPE_ENOREPLY) // a supervisor answers
            return say_no_supervisor(function, to);
        return status == TROUPE_ETIMEDOUT
                   ? trp_call_say_late(function, "the request", to, timeout_ms)
                   : status;
    }
    status = trp_no_target(ctx, to, &trp_type_request, envelope->msg.body, function);
    trp_free_envelope(ctx->system, ctx->runner, envelope);
    return status;
}

static troupe_status open_reply(const char *function, troupe_ref to, const troupe_msg *reply,
                                troupe_type *type, troupe_ref *child)
{
    const troupe_child_reply *told = troupe_match(reply, troupe_child_reply);
    if (told && child)
        *child = told->ref;
    if (told && told->status != TROUPE_OK)
        return trp_error(told->status, "%s: %s", function, told->text);
    if (troupe_msg_match(reply, type) == NULL)
        return say_no_supervisor(function, to);
    return TROUPE_OK;
}

// Waits for a reply: of `type`, or one that says what is wrong. TROUPE_OK: *reply is of that type.
// `child`, if not NULL, gets the ref of the child that it tells of.
static troupe_status wait(troupe_ctx *ctx, const char *function, troupe_ref to, uint32_t timeout_ms,
                          const struct trp_request_body *body, troupe_type *type,
                          troupe_msg **reply, troupe_ref *child)
{
    *reply = NULL;
    if (child)
        *child = (troupe_ref){0, 0, 0};
    if (!trp_wait_begin(ctx, function))
        return TROUPE_ENOTSUP;
    troupe_status status = call(ctx, function, to, timeout_ms, body, reply);
    if (*reply)
        status = open_reply(function, to, *reply, type, child);
    if (*reply && status != TROUPE_OK) {
        troupe_msg_free(ctx, *reply);
        *reply = NULL;
    }
    trp_wait_end(ctx);
    return status;
}

// wait for those whose answer is all in the troupe_child_reply.
static troupe_status wait_for_child(troupe_ctx *ctx, const char *function, troupe_ref to,
                                    uint32_t timeout_ms, const struct trp_request_body *body,
                                    troupe_ref *child)
{
    troupe_msg *reply;
    troupe_status status =
        wait(ctx, function, to, timeout_ms, body, &troupe_type_troupe_child_reply, &reply, child);
    if (reply)
        troupe_msg_free(ctx, reply);
    return status;
}

// ---- Start

// What a supervisor of any kind would refuse. Without an id it is for simple one for one; and with
// an id alone, what is wrong depends on the supervisor.
static troupe_status check_child(troupe_ctx *ctx, const char *function, troupe_ref supervisor,
                                 const troupe_child *child)
{
    char text[TRP_SUPERVISOR_TEXT];
    if (child == NULL)
        return TROUPE_OK;
    if (child->id && (child->behavior || child->supervisor)) {
        const char *name = trp_supervisor_name(ctx->system, supervisor, text);
        troupe_status status =
            trp_child_check(function, name, TROUPE_ONE_FOR_ONE, TROUPE_ANY_SIGNIFICANT, child);
        return status == TROUPE_OK ? trp_nested_check(function, name, child) : status;
    }
    if ((child->args == NULL) != (child->args_type == NULL))
        return trp_error(TROUPE_EINVAL, "%s: %s", function,
                         child->args ? "args without args_type" : "args_type without args");
    if (child->register_as && strlen(child->register_as) > NAME_MAX_BYTES)
        return trp_error(TROUPE_EINVAL, "%s: register_as has %zu bytes; 1 to %d are allowed",
                         function, strlen(child->register_as), NAME_MAX_BYTES);
    return TROUPE_OK;
}

troupe_status troupe_start_child(troupe_ctx *ctx, troupe_ref supervisor, uint32_t timeout_ms,
                                 troupe_on_outcome on_outcome, void *user,
                                 const troupe_child *child)
{
    troupe_status status = check_child(ctx, "troupe_start_child", supervisor, child);
    if (status != TROUPE_OK)
        return status;
    return request(ctx, "troupe_start_child", supervisor, timeout_ms, on_outcome, user,
                   &(struct trp_request_body){.op = TRP_REQUEST_START, .child = child});
}

troupe_status troupe_start_child_wait(troupe_ctx *ctx, troupe_ref supervisor, uint32_t timeout_ms,
                                      const troupe_child *child, troupe_ref *ref)
{
    if (ref)
        *ref = (troupe_ref){0, 0, 0};
    troupe_status status = check_child(ctx, "troupe_start_child_wait", supervisor, child);
    if (status != TROUPE_OK)
        return status;
    return wait_for_child(ctx, "troupe_start_child_wait", supervisor, timeout_ms,
                          &(struct trp_request_body){.op = TRP_REQUEST_START, .child = child}, ref);
}

troupe_status troupe_start_child_body(troupe_ctx *ctx, troupe_ref supervisor, uint32_t timeout_ms,
                                      troupe_on_outcome on_outcome, void *user, troupe_type *type,
                                      const void *body)
{
    if (type == NULL || body == NULL)
        return trp_error(TROUPE_EINVAL, "troupe_start_child_with: the message's %s is NULL",
                         type ? "body" : "type");
    return troupe_start_child(ctx, supervisor, timeout_ms, on_outcome, user,
                              &(troupe_child){.args_type = type, .args = body});
}

// ---- By id

// Makes a request of an id, or says what is wrong with that.
static troupe_status by_id(const char *function, enum trp_request_op op, const char *id,
                           struct trp_request_body *body)
{
    *body = (struct trp_request_body){.op = op, .id = id};
    if (id == NULL)
        return trp_error(TROUPE_EINVAL, "%s: id is NULL", function);
    size_t size = strlen(id);
    if (size == 0 || size > NAME_MAX_BYTES)
        return trp_error(TROUPE_EINVAL, "%s: id \"%.20s%s\" has %zu bytes; 1 to %d are allowed",
                         function, id, size > 20 ? "..." : "", size, NAME_MAX_BYTES);
    return TROUPE_OK;
}

static troupe_status request_id(troupe_ctx *ctx, const char *function, enum trp_request_op op,
                                troupe_ref to, uint32_t timeout_ms, troupe_on_outcome on_outcome,
                                void *user, const char *id)
{
    struct trp_request_body body;
    troupe_status status = by_id(function, op, id, &body);
    return status == TROUPE_OK ? request(ctx, function, to, timeout_ms, on_outcome, user, &body)
                               : status;
}

static troupe_status wait_for_id(troupe_ctx *ctx, const char *function, enum trp_request_op op,
                                 troupe_ref to, uint32_t timeout_ms, const char *id,
                                 troupe_ref *ref)
{
    struct trp_request_body body;
    if (ref)
        *ref = (troupe_ref){0, 0, 0};
    troupe_status status = by_id(function, op, id, &body);
    return status == TROUPE_OK ? wait_for_child(ctx, function, to, timeout_ms, &body, ref) : status;
}

troupe_status troupe_stop_child(troupe_ctx *ctx, troupe_ref supervisor, uint32_t timeout_ms,
                                troupe_on_outcome on_outcome, void *user, const char *id)
{
    return request_id(ctx, "troupe_stop_child", TRP_REQUEST_STOP, supervisor, timeout_ms,
                      on_outcome, user, id);
}

troupe_status troupe_stop_child_wait(troupe_ctx *ctx, troupe_ref supervisor, uint32_t timeout_ms,
                                     const char *id)
{
    return wait_for_id(ctx, "troupe_stop_child_wait", TRP_REQUEST_STOP, supervisor, timeout_ms, id,
                       NULL);
}

troupe_status troupe_stop_child_ref(troupe_ctx *ctx, troupe_ref supervisor, uint32_t timeout_ms,
                                    troupe_on_outcome on_outcome, void *user, troupe_ref child)
{
    return request(ctx, "troupe_stop_child_ref", supervisor, timeout_ms, on_outcome, user,
                   &(struct trp_request_body){.op = TRP_REQUEST_STOP, .ref = child});
}

troupe_status troupe_stop_child_ref_wait(troupe_ctx *ctx, troupe_ref supervisor,
                                         uint32_t timeout_ms, troupe_ref child)
{
    return wait_for_child(ctx, "troupe_stop_child_ref_wait", supervisor, timeout_ms,
                          &(struct trp_request_body){.op = TRP_REQUEST_STOP, .ref = child}, NULL);
}

troupe_status troupe_restart_child(troupe_ctx *ctx, troupe_ref supervisor, uint32_t timeout_ms,
                                   troupe_on_outcome on_outcome, void *user, const char *id)
{
    return request_id(ctx, "troupe_restart_child", TRP_REQUEST_RESTART, supervisor, timeout_ms,
                      on_outcome, user, id);
}

troupe_status troupe_restart_child_wait(troupe_ctx *ctx, troupe_ref supervisor, uint32_t timeout_ms,
                                        const char *id, troupe_ref *ref)
{
    return wait_for_id(ctx, "troupe_restart_child_wait", TRP_REQUEST_RESTART, supervisor,
                       timeout_ms, id, ref);
}

troupe_status troupe_delete_child(troupe_ctx *ctx, troupe_ref supervisor, uint32_t timeout_ms,
                                  troupe_on_outcome on_outcome, void *user, const char *id)
{
    return request_id(ctx, "troupe_delete_child", TRP_REQUEST_DELETE, supervisor, timeout_ms,
                      on_outcome, user, id);
}

troupe_status troupe_delete_child_wait(troupe_ctx *ctx, troupe_ref supervisor, uint32_t timeout_ms,
                                       const char *id)
{
    return wait_for_id(ctx, "troupe_delete_child_wait", TRP_REQUEST_DELETE, supervisor, timeout_ms,
                       id, NULL);
}

// ---- Which, count, specification

static troupe_status wait_for_message(troupe_ctx *ctx, const char *function, troupe_ref to,
                                      uint32_t timeout_ms, const struct trp_request_body *body,
                                      troupe_type *type, troupe_msg **reply)
{
    if (reply == NULL)
        return trp_error(TROUPE_EINVAL, "%s: reply is NULL", function);
    return wait(ctx, function, to, timeout_ms, body, type, reply, NULL);
}

troupe_status troupe_which_children(troupe_ctx *ctx, troupe_ref supervisor, uint32_t timeout_ms,
                                    troupe_on_outcome on_outcome, void *user)
{
    return request(ctx, "troupe_which_children", supervisor, timeout_ms, on_outcome, user,
                   &(struct trp_request_body){.op = TRP_REQUEST_WHICH});
}

troupe_status troupe_which_children_wait(troupe_ctx *ctx, troupe_ref supervisor,
                                         uint32_t timeout_ms, troupe_msg **reply)
{
    return wait_for_message(ctx, "troupe_which_children_wait", supervisor, timeout_ms,
                            &(struct trp_request_body){.op = TRP_REQUEST_WHICH},
                            &troupe_type_troupe_children, reply);
}

troupe_status troupe_count_children(troupe_ctx *ctx, troupe_ref supervisor, uint32_t timeout_ms,
                                    troupe_on_outcome on_outcome, void *user)
{
    return request(ctx, "troupe_count_children", supervisor, timeout_ms, on_outcome, user,
                   &(struct trp_request_body){.op = TRP_REQUEST_COUNT});
}

troupe_status troupe_count_children_wait(troupe_ctx *ctx, troupe_ref supervisor,
                                         uint32_t timeout_ms, troupe_child_count *count)
{
    troupe_msg *reply;
    if (count == NULL)
        return trp_error(TROUPE_EINVAL, "troupe_count_children_wait: count is NULL");
    *count = (troupe_child_count){0};
    troupe_status status = wait(ctx, "troupe_count_children_wait", supervisor, timeout_ms,
                                &(struct trp_request_body){.op = TRP_REQUEST_COUNT},
                                &troupe_type_troupe_child_count, &reply, NULL);
    if (status != TROUPE_OK)
        return status;
    memcpy(count, reply->body, sizeof *count);
    troupe_msg_free(ctx, reply);
    return TROUPE_OK;
}

troupe_status troupe_child_spec(troupe_ctx *ctx, troupe_ref supervisor, uint32_t timeout_ms,
                                troupe_on_outcome on_outcome, void *user, const char *id)
{
    struct trp_request_body body = {.op = TRP_REQUEST_SPEC};
    troupe_status status = id ? by_id("troupe_child_spec", TRP_REQUEST_SPEC, id, &body) : TROUPE_OK;
    if (status != TROUPE_OK)
        return status;
    return request(ctx, "troupe_child_spec", supervisor, timeout_ms, on_outcome, user, &body);
}

troupe_status troupe_child_spec_wait(troupe_ctx *ctx, troupe_ref supervisor, uint32_t timeout_ms,
                                     const char *id, troupe_msg **reply)
{
    struct trp_request_body body = {.op = TRP_REQUEST_SPEC};
    if (reply)
        *reply = NULL;
    troupe_status status =
        id ? by_id("troupe_child_spec_wait", TRP_REQUEST_SPEC, id, &body) : TROUPE_OK;
    if (status != TROUPE_OK)
        return status;
    return wait_for_message(ctx, "troupe_child_spec_wait", supervisor, timeout_ms, &body,
                            &troupe_type_troupe_child_spec_reply, reply);
}
