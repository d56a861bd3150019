// Supervisors: actors that start other actors and start them again when they fail.
//
// A restarted child keeps its ref, the messages that wait in its mailbox and who watches it; it
// loses its state and all that it had set up: timers, monitors, asks, children. Semantics are those
// of OTP's supervisor; where OTP has a new pid, here is a new incarnation behind the same ref.
#ifndef TROUPE_SUPERVISOR_H
#define TROUPE_SUPERVISOR_H

#include <troupe/actor.h>

#ifdef __cplusplus
extern "C" {
#endif

// When a child that has ended is started again.
typedef enum troupe_restart {
    TROUPE_PERMANENT = 0, // always
    TROUPE_TRANSIENT = 1, // unless it ended normally or was shut down
    TROUPE_TEMPORARY = 2  // never
} troupe_restart;

// Who is restarted when one child fails.
typedef enum troupe_strategy {
    TROUPE_ONE_FOR_ONE = 0 // that child alone
} troupe_strategy;

#define TROUPE_NO_RESTARTS UINT32_MAX // max_restarts: the first failure is one too many

struct troupe_supervisor;

// One child of a supervisor.
typedef struct troupe_child {
    const char *id;                             // unique within the supervisor; 1 to 63 bytes
    const troupe_behavior *behavior;            // either this
    const struct troupe_supervisor *supervisor; // or this: the child is itself a supervisor
    troupe_restart restart;                     // default: permanent
    troupe_place place;                         // default: on the pool
    uint32_t shutdown_ms;   // default 5000; supervisors: no limit. TROUPE_KILL_NOW, TROUPE_NO_LIMIT
    size_t memory_limit;    // as in troupe_spawn_opts
    uint32_t kill_grace_ms; // as in troupe_spawn_opts
    troupe_type *args_type; // message for init, or NULL
    const void *args;       // its body; copied when the supervisor starts
} troupe_child;

// A supervisor's specification. It is copied when the supervisor starts, except for what behaviours
// and nested supervisors point to, which must outlive it.
typedef struct troupe_supervisor {
    const char *name;         // default: "supervisor"
    troupe_strategy strategy; // default: one for one
    uint32_t max_restarts;    // default 1; TROUPE_NO_RESTARTS for none at all
    uint32_t within_ms; // default 5000; more than max_restarts restarts in that time: gives up
    const troupe_child *children; // started in this order, each when the one before has started
    size_t child_count;
} troupe_supervisor;

// Starts a supervisor that belongs to the caller. Returns at once; the children start one after the
// other. If one fails to start, those before it are stopped in reverse order and the supervisor
// ends with start failed and a text that names the child. A supervisor that gives up stops its
// children in reverse order and ends with reason shutdown. Errors: TROUPE_EINVAL (troupe_error_text
// names the field and the child), TROUPE_ENOMEM, TROUPE_ECLOSED, TROUPE_ESTALE. Outside too.
TROUPE_API troupe_status troupe_supervise(troupe_ctx *ctx, const troupe_supervisor *spec,
                                          troupe_ref *ref);

// troupe_supervise that waits until all children have started.
// Errors: also TROUPE_ESTART with the reason in troupe_error_text.
// Threads: outside only, and not on a worker of the same system.
TROUPE_API troupe_status troupe_supervise_wait(troupe_ctx *ctx, const troupe_supervisor *spec,
                                               troupe_ref *ref);

// Sets `*ref` to the ref of a supervisor's child. It is valid as long as the supervisor runs.
// TROUPE_ENOENT: no child of that id, or not started yet. TROUPE_EDEAD: no such supervisor.
// Outside too.
TROUPE_API troupe_status troupe_child_ref(troupe_ctx *ctx, troupe_ref supervisor, const char *id,
                                          troupe_ref *ref);

#ifdef __cplusplus
}
#endif

#endif
