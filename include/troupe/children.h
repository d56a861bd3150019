// Children at run time: what a running supervisor can be asked to do, and to tell.
//
// Each request is an ask: it goes to the supervisor as a message, and its outcome comes as that of
// troupe_ask does, so it can time out, and ends with TROUPE_EDOWN when the supervisor ends first.
// Each has a form for actors, which calls `on_outcome(ctx, state, user, outcome)` later, and a form
// that ends in _wait for threads of the program's own (not on a worker of the same system). In the
// first, `on_outcome` NULL means that nobody wants to know; then threads outside may use it as
// well. `timeout_ms` is as in troupe_ask: 0 is 5000, TROUPE_NO_LIMIT none. A request that has timed
// out may still be carried out.
//
// A supervisor answers while children start, stop, restart or wait for a restart. What cannot be
// done just then is TROUPE_ERESTARTING; starting a child waits until a group restart is through. A
// supervisor that starts, or is itself restarted, answers when it has started.
// Semantics are those of OTP's supervisor.
//
// Errors of all of them, returned at once, and then there is no outcome: as troupe_ask,
// TROUPE_EINVAL (a wrong argument or field; troupe_error_text names it). Errors of supervisors are
// in troupe_child_reply, and returned by the _wait forms with the text in troupe_error_text. A
// request for which the supervisor finds no memory ends with TROUPE_ENOMEM, and has done nothing.
// An actor that is not a supervisor gets a message that it does not know, of type troupe.request
// (which becomes a dead letter): asking it ends with TROUPE_ENOREPLY, or with what it answers to
// such messages (a _wait form: TROUPE_ENOREPLY).
#ifndef TROUPE_CHILDREN_H
#define TROUPE_CHILDREN_H

#include <troupe/ask.h>
#include <troupe/supervisor.h>

#ifdef __cplusplus
extern "C" {
#endif

// The reply to start, stop, restart and delete: troupe_match(outcome->reply, troupe_child_reply).
typedef struct troupe_child_reply {
    troupe_status status; // TROUPE_OK, or as below
    troupe_ref ref;       // the child's, if it runs, also with an error; else, and of a stop, the
                          // zero ref
    const char *text;     // what is wrong with which child of which supervisor; TROUPE_OK: "";
                          // lives as long as the reply
} troupe_child_reply;

// ---- Start, stop, restart, delete

// Starts a child after those that are there, and waits for its init. `child` is copied, with its
// arguments; what behaviours and nested supervisors point to must outlive the supervisor.
// For a simple one for one supervisor only `args_type` and `args` may be set, they replace the
// template's; `child` NULL leaves them. Such children have no id.
// A child that says TROUPE_IGNORE is kept, not running, with TROUPE_OK and the zero ref; unless it
// is temporary or of a simple one for one supervisor: then it is forgotten. TROUPE_EEXIST: there is
// a child of that id; `ref` is its ref if it runs; or its register_as is taken, `ref` is who has
// it. TROUPE_ESTART: init failed, or the child was stopped before its init began: it is forgotten;
// or amid its init, as troupe_stop_child says. TROUPE_EINVAL:
// the specification does not fit the supervisor. TROUPE_ECLOSED: the system is stopping. `ref` of
// _wait may be NULL.
TROUPE_API troupe_status troupe_start_child(troupe_ctx *ctx, troupe_ref supervisor,
                                            uint32_t timeout_ms, troupe_on_outcome on_outcome,
                                            void *user, const troupe_child *child);
TROUPE_API troupe_status troupe_start_child_wait(troupe_ctx *ctx, troupe_ref supervisor,
                                                 uint32_t timeout_ms, const troupe_child *child,
                                                 troupe_ref *ref);

// Starts a child of a simple one for one supervisor with a message for init, as troupe_spawn_with.
#define troupe_start_child_with(ctx, supervisor, timeout_ms, on_outcome, user, ...)  \
    troupe_start_child_body((ctx), (supervisor), (timeout_ms), (on_outcome), (user), \
                            TROUPE_TYPE_OF_(__VA_ARGS__), TROUPE_BODY_OF_(__VA_ARGS__))
TROUPE_API troupe_status troupe_start_child_body(troupe_ctx *ctx, troupe_ref supervisor,
                                                 uint32_t timeout_ms, troupe_on_outcome on_outcome,
                                                 void *user, troupe_type *type, const void *body);

// Stops a child as its shutdown_ms says, and waits for its end. Its specification is kept, so that
// it can be restarted; a temporary child, and one of simple one for one, is forgotten. Its ref is
// dead. TROUPE_OK also when it does not run. One that is being restarted, or waits for that, is
// not; if it is a member of a group and its start has failed, those after it are not started
// either, until troupe_restart_child or another restart of the group. TROUPE_ENOENT: no such child.
// By id, or by ref: the only way for simple one for one, where a dead ref is TROUPE_OK, and an id
// is TROUPE_ENOTSUP.
TROUPE_API troupe_status troupe_stop_child(troupe_ctx *ctx, troupe_ref supervisor,
                                           uint32_t timeout_ms, troupe_on_outcome on_outcome,
                                           void *user, const char *id);
TROUPE_API troupe_status troupe_stop_child_wait(troupe_ctx *ctx, troupe_ref supervisor,
                                                uint32_t timeout_ms, const char *id);
TROUPE_API troupe_status troupe_stop_child_ref(troupe_ctx *ctx, troupe_ref supervisor,
                                               uint32_t timeout_ms, troupe_on_outcome on_outcome,
                                               void *user, troupe_ref child);
TROUPE_API troupe_status troupe_stop_child_ref_wait(troupe_ctx *ctx, troupe_ref supervisor,
                                                    uint32_t timeout_ms, troupe_ref child);

// Starts a child again that does not run, at its old place, with a new ref, and waits for its init.
// That is no failure and is not counted. TROUPE_EBUSY: it runs, `ref` is its ref.
// TROUPE_ERESTARTING: it is being restarted, or stopped. TROUPE_ENOENT: no such child.
// TROUPE_ESTART: its init failed, TROUPE_EEXIST: its register_as is taken, `ref` is who has it; it
// stays as it was. TROUPE_ENOTSUP: simple one for one.
TROUPE_API troupe_status troupe_restart_child(troupe_ctx *ctx, troupe_ref supervisor,
                                              uint32_t timeout_ms, troupe_on_outcome on_outcome,
                                              void *user, const char *id);
TROUPE_API troupe_status troupe_restart_child_wait(troupe_ctx *ctx, troupe_ref supervisor,
                                                   uint32_t timeout_ms, const char *id,
                                                   troupe_ref *ref);

// Forgets a child that does not run. TROUPE_EBUSY: it runs. TROUPE_ERESTARTING, TROUPE_ENOENT,
// TROUPE_ENOTSUP: as troupe_restart_child.
TROUPE_API troupe_status troupe_delete_child(troupe_ctx *ctx, troupe_ref supervisor,
                                             uint32_t timeout_ms, troupe_on_outcome on_outcome,
                                             void *user, const char *id);
TROUPE_API troupe_status troupe_delete_child_wait(troupe_ctx *ctx, troupe_ref supervisor,
                                                  uint32_t timeout_ms, const char *id);

// ---- Which, count, specification

typedef enum troupe_child_state {
    TROUPE_CHILD_STOPPED = 0, // OTP's undefined
    TROUPE_CHILD_STARTING,
    TROUPE_CHILD_RUNNING,
    TROUPE_CHILD_RESTARTING, // has failed, or is stopped as one of a group; or waits for its
                             // backoff
    TROUPE_CHILD_STOPPING    // for good, or until troupe_restart_child
} troupe_child_state;

typedef struct troupe_child_info {
    const char *id; // NULL: of a simple one for one supervisor
    troupe_ref ref; // the zero ref: it has none
    troupe_child_state state;
    uint32_t incarnation; // of that ref; 0: it has none
    bool is_supervisor;
    troupe_restart restart;
    const char *behavior; // its name
} troupe_child_info;

// The reply to troupe_which_children.
typedef struct troupe_children {
    size_t count;
    const troupe_child_info *children; // in the order of their start; lives as long as the reply
} troupe_children;

// Tells of all children. _wait: `*reply` holds a troupe_children, to be freed by troupe_msg_free.
TROUPE_API troupe_status troupe_which_children(troupe_ctx *ctx, troupe_ref supervisor,
                                               uint32_t timeout_ms, troupe_on_outcome on_outcome,
                                               void *user);
TROUPE_API troupe_status troupe_which_children_wait(troupe_ctx *ctx, troupe_ref supervisor,
                                                    uint32_t timeout_ms, troupe_msg **reply);

// The reply to troupe_count_children.
typedef struct troupe_child_count {
    size_t specs;       // children that it knows, running or not; simple one for one: 1
    size_t active;      // that run, or start at somebody's request; not those that are being
                        // restarted or stopped
    size_t supervisors; // that are supervisors, running or not; simple one for one: that have a ref
    size_t workers;     // likewise, all others
} troupe_child_count;

TROUPE_API troupe_status troupe_count_children(troupe_ctx *ctx, troupe_ref supervisor,
                                               uint32_t timeout_ms, troupe_on_outcome on_outcome,
                                               void *user);
TROUPE_API troupe_status troupe_count_children_wait(troupe_ctx *ctx, troupe_ref supervisor,
                                                    uint32_t timeout_ms, troupe_child_count *count);

// The reply to troupe_child_spec: the specification as it was given; what it points to lives as
// long as the reply. TROUPE_ENOENT is told by a troupe_child_reply instead.
typedef struct troupe_child_spec_reply {
    troupe_child child;
} troupe_child_spec_reply;

// Tells the specification of a child; `id` NULL: the template of a simple one for one supervisor,
// whose children have no id (TROUPE_ENOENT).
// _wait: `*reply` holds a troupe_child_spec_reply, to be freed by troupe_msg_free.
TROUPE_API troupe_status troupe_child_spec(troupe_ctx *ctx, troupe_ref supervisor,
                                           uint32_t timeout_ms, troupe_on_outcome on_outcome,
                                           void *user, const char *id);
TROUPE_API troupe_status troupe_child_spec_wait(troupe_ctx *ctx, troupe_ref supervisor,
                                                uint32_t timeout_ms, const char *id,
                                                troupe_msg **reply);

TROUPE_API extern troupe_type troupe_type_troupe_child_reply;
TROUPE_API extern troupe_type troupe_type_troupe_children;
TROUPE_API extern troupe_type troupe_type_troupe_child_count;
TROUPE_API extern troupe_type troupe_type_troupe_child_spec_reply;
typedef troupe_child_reply troupe_body_troupe_child_reply;
typedef troupe_children troupe_body_troupe_children;
typedef troupe_child_count troupe_body_troupe_child_count;
typedef troupe_child_spec_reply troupe_body_troupe_child_spec_reply;

#ifdef __cplusplus
}
#endif

#endif
