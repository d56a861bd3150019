// Asks: a request that ends exactly one way: reply, down, timeout, cancel or no reply.
//
//     asker                            asked
//       | --- Add ---------------------> |  handler: troupe_reply(ctx, Total, .sum = 5)
//       | <-- Total -------------------- |
//     on_total(ctx, state, user, outcome) runs in the asker, as if a message had come
#ifndef TROUPE_ASK_H
#define TROUPE_ASK_H

#include <troupe/actor.h>

#ifdef __cplusplus
extern "C" {
#endif

// How an ask ended.
typedef struct troupe_outcome {
    // TROUPE_OK: `reply` came. TROUPE_EDOWN: the asked actor ended first, `reason` says why; if it
    // ended for good its names are free by then, or soon if its handler had to be given up.
    // TROUPE_ETIMEDOUT, TROUPE_ECANCELED. TROUPE_ENOREPLY: it handled the request without replying,
    // or did not know it.
    troupe_status status;
    const troupe_msg *reply;     // NULL unless TROUPE_OK
    const troupe_reason *reason; // NULL unless TROUPE_EDOWN
} troupe_outcome;

// Runs in the asking actor, later, never from within troupe_ask. Returns what a handler returns;
// TROUPE_UNHANDLED is as TROUPE_OK.
typedef troupe_status (*troupe_on_outcome)(troupe_ctx *ctx, void *state, void *user,
                                           const troupe_outcome *outcome);

typedef struct troupe_ask_id {
    uint64_t opaque[2];
} troupe_ask_id;

// ---- Asking

// Sends a request and has `on_outcome(ctx, state, user, outcome)` called once with its end. The
// outcome comes in order with what the asked actor sends otherwise. `timeout_ms` 0: 5000, as OTP's
// gen_server:call; TROUPE_NO_LIMIT: none. Outcomes do not outlive the asking incarnation.
// Errors: as troupe_send, TROUPE_EINVAL (no on_outcome); then the ask never was and on_outcome is
// not called. TROUPE_ENOTSUP outside: see troupe_call; and to another system.
#define troupe_ask(ctx, to, timeout_ms, on_outcome, user, ...)          \
    troupe_ask_body((ctx), (to), (timeout_ms), (on_outcome), (user), 0, \
                    TROUPE_TYPE_OF_(__VA_ARGS__), TROUPE_BODY_OF_(__VA_ARGS__))

// troupe_ask that also gives an id for troupe_ask_cancel; `id` is a `troupe_ask_id *`.
#define troupe_ask_with_id(ctx, to, timeout_ms, on_outcome, user, id, ...) \
    troupe_ask_body((ctx), (to), (timeout_ms), (on_outcome), (user), (id), \
                    TROUPE_TYPE_OF_(__VA_ARGS__), TROUPE_BODY_OF_(__VA_ARGS__))
TROUPE_API troupe_status troupe_ask_body(troupe_ctx *ctx, troupe_ref to, uint32_t timeout_ms,
                                         troupe_on_outcome on_outcome, void *user,
                                         troupe_ask_id *id, troupe_type *type, const void *body);

// Cancels an ask of the running actor: its outcome is TROUPE_ECANCELED, and its request is skipped
// if nobody has begun to handle it. TROUPE_EALREADY: it had ended; its outcome has come or will.
TROUPE_API troupe_status troupe_ask_cancel(troupe_ctx *ctx, troupe_ask_id id);

// Sends a request and waits for its end. TROUPE_OK: `*reply` is the reply, to be freed with
// troupe_msg_free; `reply` may be NULL. TROUPE_EDOWN: the reason is in troupe_error_text.
// `timeout_ms` as in troupe_ask. Errors: those of troupe_outcome.status and of troupe_send.
// Threads: outside only, and not on a worker of the same system (TROUPE_ENOTSUP).
#define troupe_call(ctx, to, timeout_ms, reply, ...)                                   \
    troupe_call_body((ctx), (to), (timeout_ms), (reply), TROUPE_TYPE_OF_(__VA_ARGS__), \
                     TROUPE_BODY_OF_(__VA_ARGS__))
TROUPE_API troupe_status troupe_call_body(troupe_ctx *ctx, troupe_ref to, uint32_t timeout_ms,
                                          troupe_msg **reply, troupe_type *type, const void *body);

// ---- Answering

// Answers the message that is being handled. TROUPE_OK also when nobody waits for the answer (any
// more): the message was not an ask, its asker is gone or has given up; the answer is dropped and
// counted. So a handler may end with `return troupe_reply(...)`.
// Errors: TROUPE_EINVAL (the body could not be packed), TROUPE_ENOMEM, TROUPE_EALREADY (answered,
// forwarded or put aside), TROUPE_ESTALE: the handler's own.
#define troupe_reply(ctx, ...) \
    troupe_reply_body((ctx), TROUPE_TYPE_OF_(__VA_ARGS__), TROUPE_BODY_OF_(__VA_ARGS__))
TROUPE_API troupe_status troupe_reply_body(troupe_ctx *ctx, troupe_type *type, const void *body);

// Tells whether somebody waits for an answer to the message that is being handled.
TROUPE_API bool troupe_is_ask(troupe_ctx *ctx);

// The right to answer one ask, later.
typedef struct troupe_token {
    uint64_t opaque[2];
} troupe_token;

// Takes the right to answer the current message out of it, to be used in a later handler of this
// actor. If the actor ends first the asker gets down. TROUPE_EINVAL: the message is not an ask;
// TROUPE_EALREADY: answered, forwarded or taken.
TROUPE_API troupe_status troupe_token_take(troupe_ctx *ctx, troupe_token *token);

// Answers with a token; it is used up unless an error is returned. Errors as troupe_reply, and
// TROUPE_EALREADY for a token that was used or belongs to another actor or an earlier incarnation.
#define troupe_reply_to(ctx, token, ...) \
    troupe_reply_to_body((ctx), (token), TROUPE_TYPE_OF_(__VA_ARGS__), TROUPE_BODY_OF_(__VA_ARGS__))
TROUPE_API troupe_status troupe_reply_to_body(troupe_ctx *ctx, troupe_token token,
                                              troupe_type *type, const void *body);

#ifdef __cplusplus
}
#endif

#endif
