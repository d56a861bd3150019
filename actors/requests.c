// Requests to supervisors, the supervisor's side: what its receive function does with them.
//
// A request to start, stop, restart or delete gets a record (struct trp_request): its token, and
// the envelope of its reply, made before anything is done. So whatever happens later can be told
// without memory but for its text, and a request that finds no memory has changed nothing. The
// record lies in that envelope, and goes with it.
//
// All of it is on the supervisor's consumer, inside the guard.
#include "actors/requests.h"

#include "actors/ask.h"
#include "actors/supervision.h"

#include <stdio.h>
#include <string.h>

#define TYPE(type)                     \
    troupe_type troupe_type_##type = { \
        .name = #type, .size = (uint32_t)sizeof(type), .align = (uint32_t) _Alignof(type)}

TYPE(troupe_child_reply);
TYPE(troupe_children);
TYPE(troupe_child_count);
TYPE(troupe_child_spec_reply);

static struct trp_supervision *supervision_of(const struct troupe_ctx *ctx)
{
    return trp_supervision_of(ctx->slot);
}

// ---- Records of requests

// Takes the right to answer the current message. NULL: no memory. One that nobody asks after has a
// token that names nothing.
static struct trp_request *request_new(struct troupe_ctx *ctx, bool is_ask)
{
    struct trp_envelope *reply;
    void *body, *room;
    troupe_status status =
        trp_request_envelope(ctx, &troupe_type_troupe_child_reply, TRP_KIND_OUTCOME,
                             sizeof(struct trp_request), &reply, &body, &room);
    if (status != TROUPE_OK)
        return NULL;
    struct trp_request *request = room;
    *request = (struct trp_request){.reply = reply};
    if (!is_ask || trp_token_take(ctx, &request->token) == TROUPE_OK)
        return request;
    trp_request_forget(ctx->system, ctx->runner, request);
    return NULL;
}

void trp_request_forget(troupe_system *system, struct trp_runner *runner,
                        struct trp_request *request)
{
    trp_free_envelope(system, runner, request->reply);
}

// Returns the text with the supervisor's name before it, in the reply's memory.
static const char *name_text(struct troupe_ctx *ctx, struct trp_envelope *reply, const char *text)
{
    const char *name = trp_actor_name(ctx->slot);
    size_t size = strlen(name) + 2 + strlen(text) + 1;
    struct trp_slab_cache *cache = trp_cache_open(ctx->system, ctx->runner);
    char *copy = trp_envelope_alloc(cache, reply, size);
    trp_cache_close(ctx->system, ctx->runner);
    if (copy == NULL)
        return "(there was no memory for the text)";
    (void)snprintf(copy, size, "%s: %s", name, text);
    return copy;
}

void trp_request_answer(struct troupe_ctx *ctx, struct trp_request *request, troupe_status status,
                        troupe_ref ref, const char *text)
{
    struct trp_envelope *reply = request->reply;
    struct trp_ask *ask = trp_ask_take_token(ctx, request->token);
    if (ask == NULL) { // nobody wants to know
        trp_request_forget(ctx->system, ctx->runner, request);
        return;
    }
    troupe_child_reply *body = (void *)(uintptr_t)reply->msg.body;
    *body = (troupe_child_reply){
        .status = status, .ref = ref, .text = status ? name_text(ctx, reply, text) : ""};
    trp_ask_reply(ctx, ask, reply);
}

// ---- What children are at

static troupe_child_state state_of(const struct trp_child *child)
{
    if (child->added && child->slot == NULL) // waits until a group's restart is through
        return TROUPE_CHILD_STARTING;
    switch ((enum trp_child_phase)child->phase) {
    case TRP_CHILD_ABSENT:
        return TROUPE_CHILD_STOPPED;
    case TRP_CHILD_STARTING:
        return child->fresh ? TROUPE_CHILD_STARTING : TROUPE_CHILD_RESTARTING;
    case TRP_CHILD_RUNNING:
        return TROUPE_CHILD_RUNNING;
    case TRP_CHILD_FAILED:
    case TRP_CHILD_WAITING:
    case TRP_CHILD_DOWN:
    case TRP_CHILD_STOPPING:
        return TROUPE_CHILD_RESTARTING;
    case TRP_CHILD_ENDING:
    default:
        return TROUPE_CHILD_STOPPING;
    }
}

static troupe_ref active_ref(const troupe_system *system, const struct trp_child *child)
{
    return child && trp_child_is_active(child) ? trp_child_ref(system, child)
                                               : (troupe_ref){0, 0, 0};
}

// ---- Start

#define NOBODY "?"

// What is set besides the arguments; NULL: nothing.
static const char *field_beside_args(const troupe_child *child)
{
    const troupe_backoff *backoff = &child->backoff;
    return child->id              ? "id"
           : child->behavior      ? "behavior"
           : child->supervisor    ? "supervisor"
           : child->restart       ? "restart"
           : child->place         ? "place"
           : child->shutdown_ms   ? "shutdown_ms"
           : child->significant   ? "significant"
           : child->max_restarts  ? "max_restarts"
           : child->within_ms     ? "within_ms"
           : child->register_as   ? "register_as"
           : child->memory_limit  ? "memory_limit"
           : child->kill_grace_ms ? "kill_grace_ms"
           : backoff->min_ms || backoff->max_ms || backoff->random_percent || backoff->quiet_ms
               ? "backoff"
               : NULL;
}

static troupe_status start_by_template(struct troupe_ctx *ctx, const troupe_child *child,
                                       struct trp_request *request)
{
    struct trp_child_spec *spec = supervision_of(ctx)->specs[0];
    struct trp_envelope *args = NULL;
    const char *field = child ? field_beside_args(child) : NULL;
    if (field)
        return trp_error(TROUPE_EINVAL,
                         "%s is set; children of a simple one for one supervisor are as its "
                         "template says, but for args_type and args",
                         field);
    if (child && child->args_type && spec->child.supervisor)
        return trp_error(TROUPE_EINVAL,
                         "args are for a behavior's init; the template is a supervisor, which "
                         "takes none");
    if (child && child->args_type) {
        troupe_status status = trp_build(ctx->system, ctx->runner, child->args_type, child->args,
                                         TRP_KIND_USER, false, &args);
        if (status != TROUPE_OK)
            return status;
        trp_args_init(args);
    }
    spec->refs++;
    return trp_child_add(ctx, spec, args, request);
}

static troupe_status start_by_spec(struct troupe_ctx *ctx, const troupe_child *child,
                                   struct trp_request *request)
{
    const struct trp_supervision *supervision = supervision_of(ctx);
    if (child == NULL || child->id == NULL)
        return trp_error(TROUPE_EINVAL,
                         "the child has no id; only a simple one for one supervisor has a "
                         "template");
    troupe_status status =
        trp_child_check(NOBODY, NOBODY, supervision->strategy, supervision->auto_shutdown, child);
    if (status != TROUPE_OK)
        return status;
    const struct trp_child *there = trp_child_by_id(supervision, child->id);
    if (there)
        return trp_error(TROUPE_EEXIST, "there is a child \"%s\" already%s", child->id,
                         trp_child_is_active(there) ? "" : ", which does not run");
    struct trp_child_spec *spec;
    status = trp_child_spec_new(ctx->system, ctx->runner, child, &spec);
    return status == TROUPE_OK ? trp_child_add(ctx, spec, NULL, request) : status;
}

// ---- Stop, restart, delete

static troupe_status no_such_child(struct troupe_ctx *ctx, const struct trp_request_body *body)
{
    char text[TROUPE_REF_TEXT];
    if (body->id && trp_is_simple(supervision_of(ctx)))
        return trp_error(TROUPE_ENOENT,
                         "no child has the id \"%s\": children of a simple one for one "
                         "supervisor have none; use their refs",
                         body->id);
    if (body->id)
        return trp_error(TROUPE_ENOENT, "there is no child \"%s\"", body->id);
    return trp_error(TROUPE_ENOENT, "%s is no child of it (any more)",
                     troupe_ref_print(body->ref, text));
}

static struct trp_child *child_of(struct troupe_ctx *ctx, const struct trp_request_body *body)
{
    const struct trp_supervision *supervision = supervision_of(ctx);
    if (body->id == NULL)
        return body->ref.system == ctx->system->id ? trp_child_by_ref(supervision, body->ref)
                                                   : NULL;
    return trp_is_simple(supervision) ? NULL : trp_child_by_id(supervision, body->id);
}

static troupe_status change(struct troupe_ctx *ctx, const struct trp_request_body *body,
                            struct trp_request *request)
{
    bool simple = trp_is_simple(supervision_of(ctx));
    if (body->op == TRP_REQUEST_START)
        return simple ? start_by_template(ctx, body->child, request)
                      : start_by_spec(ctx, body->child, request);
    if (simple && body->op == TRP_REQUEST_STOP && body->id)
        return trp_error(TROUPE_ENOTSUP,
                         "children of a simple one for one supervisor have no id; they are stopped "
                         "by their refs");
    if (simple && body->op != TRP_REQUEST_STOP)
        return trp_error(TROUPE_ENOTSUP,
                         "children of a simple one for one supervisor cannot be %s: they are "
                         "forgotten when they do not run",
                         body->op == TRP_REQUEST_RESTART ? "restarted" : "deleted");
    struct trp_child *child = child_of(ctx, body);
    if (child == NULL && simple && troupe_incarnation(ctx, body->ref) == 0)
        return TROUPE_OK; // it may have been one, and has ended by itself meanwhile
    if (child == NULL)
        return no_such_child(ctx, body);
    if (body->op == TRP_REQUEST_STOP)
        return trp_child_stop(ctx, child, request);
    if (body->op == TRP_REQUEST_RESTART)
        return trp_child_restart(ctx, child, request);
    return trp_child_delete(ctx, child);
}

// trp_child_check's texts name a function and the supervisor; who reads a reply knows the first,
// and all replies are given the other.
static const char *text_of_answer(struct troupe_ctx *ctx)
{
    static const char names[] = NOBODY ": " NOBODY ": ";
    const char *text = troupe_error_text(ctx);
    return strncmp(text, names, sizeof names - 1) == 0 ? text + sizeof names - 1 : text;
}

static troupe_status handle_change(struct troupe_ctx *ctx, const struct trp_request_body *body,
                                   bool is_ask)
{
    struct trp_request *request = request_new(ctx, is_ask);
    if (request == NULL)
        return TROUPE_ENOMEM;
    troupe_status status = change(ctx, body, request);
    if (status == TRP_ANSWERED_LATER)
        return TROUPE_OK;
    // Not the child from before: it may have been deleted.
    troupe_ref ref = request->holder;
    if (troupe_ref_is_none(ref) && body->id && body->op != TRP_REQUEST_STOP)
        ref = active_ref(ctx->system, child_of(ctx, body));
    trp_request_answer(ctx, request, status, ref, text_of_answer(ctx));
    return TROUPE_OK;
}

// ---- Which, count, specification

static void describe(const troupe_system *system, const struct trp_child *child,
                     troupe_child_info *info)
{
    const troupe_child *spec = &child->spec->child;
    *info = (troupe_child_info){.state = state_of(child),
                                .is_supervisor = spec->supervisor != NULL,
                                .restart = spec->restart,
                                .behavior = spec->behavior ? spec->behavior->name : "supervisor"};
    if (child->slot == NULL)
        return;
    info->ref = trp_child_ref(system, child);
    info->incarnation = atomic_load_explicit(&child->slot->incarnation, memory_order_relaxed);
}

static troupe_status which(struct troupe_ctx *ctx, struct trp_envelope **reply)
{
    const struct trp_supervision *supervision = supervision_of(ctx);
    bool simple = trp_is_simple(supervision);
    size_t bytes = supervision->count * sizeof(troupe_child_info);
    void *body, *room = NULL;
    for (const struct trp_child *child = supervision->first; child && !simple; child = child->next)
        bytes += strlen(child->spec->child.id) + 1;
    troupe_status status = trp_request_envelope(ctx, &troupe_type_troupe_children, TRP_KIND_OUTCOME,
                                                bytes, reply, &body, &room);
    if (status != TROUPE_OK)
        return status;
    troupe_child_info *infos = room;
    char *text = room ? (char *)(infos + supervision->count) : NULL; // NULL: there are none
    size_t count = 0;
    for (const struct trp_child *child = supervision->first; child; child = child->next) {
        troupe_child_info *info = &infos[count++];
        describe(ctx->system, child, info);
        if (simple)
            continue;
        info->id = strcpy(text, child->spec->child.id);
        text += strlen(text) + 1;
    }
    *(troupe_children *)body = (troupe_children){.count = count, .children = infos};
    return TROUPE_OK;
}

static troupe_status count_children(struct troupe_ctx *ctx, struct trp_envelope **reply)
{
    const struct trp_supervision *supervision = supervision_of(ctx);
    void *body, *room;
    troupe_status status = trp_request_envelope(ctx, &troupe_type_troupe_child_count,
                                                TRP_KIND_OUTCOME, 0, reply, &body, &room);
    if (status != TROUPE_OK)
        return status;
    troupe_child_count *count = body;
    bool simple = trp_is_simple(supervision);
    count->specs = simple ? 1 : supervision->count;
    for (const struct trp_child *child = supervision->first; child; child = child->next) {
        bool is_supervisor = child->spec->child.supervisor != NULL;
        bool counts = !simple || child->slot != NULL;
        count->active += trp_child_is_active(child);
        count->supervisors += is_supervisor && counts;
        count->workers += !is_supervisor && counts;
    }
    return TROUPE_OK;
}

static const struct trp_child_spec *spec_of(struct troupe_ctx *ctx,
                                            const struct trp_request_body *body)
{
    const struct trp_supervision *supervision = supervision_of(ctx);
    if (body->id == NULL)
        return trp_is_simple(supervision) ? supervision->specs[0] : NULL;
    const struct trp_child *child = child_of(ctx, body);
    return child ? child->spec : NULL;
}

static troupe_status tell_spec(struct troupe_ctx *ctx, const struct trp_request_body *request,
                               struct trp_envelope **reply)
{
    const struct trp_child_spec *spec = spec_of(ctx, request);
    if (spec == NULL && request->id == NULL)
        return trp_error(TROUPE_ENOENT,
                         "only a simple one for one supervisor has a template; give an id");
    if (spec == NULL)
        return no_such_child(ctx, request);
    troupe_child child = spec->child;
    if (spec->args)
        child.args = spec->args->msg.body;
    size_t bytes;
    void *body, *room = NULL;
    troupe_status status = trp_child_measure("troupe_child_spec", &child, &bytes);
    if (status == TROUPE_OK)
        status = trp_request_envelope(ctx, &troupe_type_troupe_child_spec_reply, TRP_KIND_OUTCOME,
                                      bytes, reply, &body, &room);
    if (status == TROUPE_OK)
        trp_child_copy(&child, &((troupe_child_spec_reply *)body)->child, room);
    return status;
}

// An answer that is all in a troupe_child_reply.
static troupe_status tell_status(struct troupe_ctx *ctx, troupe_status status,
                                 struct trp_envelope **reply)
{
    void *body, *room;
    troupe_status made = trp_request_envelope(ctx, &troupe_type_troupe_child_reply,
                                              TRP_KIND_OUTCOME, 0, reply, &body, &room);
    if (made == TROUPE_OK)
        *(troupe_child_reply *)body = (troupe_child_reply){
            .status = status, .text = name_text(ctx, *reply, troupe_error_text(ctx))};
    return made;
}

static troupe_status build_answer(struct troupe_ctx *ctx, const struct trp_request_body *body,
                                  struct trp_envelope **reply)
{
    if (body->op == TRP_REQUEST_WHICH)
        return which(ctx, reply);
    if (body->op == TRP_REQUEST_COUNT)
        return count_children(ctx, reply);
    troupe_status status = tell_spec(ctx, body, reply);
    return status == TROUPE_ENOENT ? tell_status(ctx, status, reply) : status;
}

static troupe_status handle_question(struct troupe_ctx *ctx, const struct trp_request_body *body)
{
    struct trp_envelope *reply;
    troupe_status status = build_answer(ctx, body, &reply);
    if (status == TROUPE_OK)
        trp_ask_reply(ctx, trp_ask_take_current(ctx), reply);
    return status;
}

// ---- The receive function

static troupe_status handle(struct troupe_ctx *ctx, const struct trp_request_body *body)
{
    const struct trp_envelope *current = atomic_load_explicit(&ctx->current, memory_order_relaxed);
    bool is_ask = current->kind == TRP_KIND_ASK;
    bool is_question = body->op >= TRP_REQUEST_WHICH;
    if (is_question && !is_ask)
        return TROUPE_OK;
    troupe_status status =
        is_question ? handle_question(ctx, body) : handle_change(ctx, body, is_ask);
    if (status == TROUPE_OK)
        return TROUPE_OK;
    // No memory for an answer, and nothing was done.
    if (!is_ask)
        return TROUPE_UNHANDLED;
    trp_ask_end(ctx->system, ctx->runner, trp_ask_take_current(ctx), status);
    return TROUPE_OK;
}

troupe_status trp_supervisor_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    const struct trp_request_body *body = troupe_msg_match(msg, &trp_type_request);
    if (body == NULL)
        return TROUPE_UNHANDLED;
    if (!trp_enter(ctx))
        return TROUPE_ESTALE;
    troupe_status status = handle(ctx, body);
    trp_leave(ctx);
    return status;
}
