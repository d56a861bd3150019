// Supervisors: actors that start other actors and start them again when they fail.
//
// A restarted child keeps its ref, its names, the messages that wait in its mailbox and who watches
// it; it loses its state and all that it had set up: timers, monitors, links, asks, children.
// Semantics are those of OTP's supervisor; where OTP has a new pid, here is a new incarnation
// behind the same ref. What a supervisor can be asked while it runs is in <troupe/children.h>; how
// to see a tree, in <troupe/tree.h>; how to choose among all this, in docs/failure.md.
//
// A whole tree can be one static table:
//
//     static const troupe_supervisor app = {
//         .name = "app",
//         .strategy = TROUPE_REST_FOR_ONE,
//         TROUPE_CHILDREN(
//             {.id = "store", .behavior = &store_behavior},
//             {.id = "web", .supervisor = TROUPE_SUPERVISOR(
//                 .max_restarts = 10,
//                 TROUPE_CHILDREN(
//                     {.id = "listener", .behavior = &listener_behavior},
//                     {.id = "sessions", .behavior = &sessions_behavior}))})};
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
    TROUPE_TEMPORARY = 2  // never; it is forgotten as soon as it has ended
} troupe_restart;

// Who is restarted when one child fails.
typedef enum troupe_strategy {
    TROUPE_ONE_FOR_ONE = 0,       // that child alone
    TROUPE_ONE_FOR_ALL = 1,       // all: the others are stopped, then all are started in order
    TROUPE_REST_FOR_ONE = 2,      // that child and those that were started after it
    TROUPE_SIMPLE_ONE_FOR_ONE = 3 // that child alone; children are made at run time, any number of
                                  // them, all after one template
} troupe_strategy;

// What the end of a significant child does to its supervisor. Only an end by itself counts that is
// not followed by a restart: not one that a sibling's failure or a request has caused.
typedef enum troupe_auto_shutdown {
    TROUPE_NO_AUTO_SHUTDOWN = 0,
    TROUPE_ANY_SIGNIFICANT = 1, // the first that ends: the supervisor ends with shutdown
    TROUPE_ALL_SIGNIFICANT = 2  // the last that is left
} troupe_auto_shutdown;

#define TROUPE_NO_RESTARTS UINT32_MAX // max_restarts: the first failure is one too many

// How long a supervisor waits before it restarts a child. The n-th restart in a row waits
// min_ms * 2^(n-1), at most max_ms, and a random time on top. Messages wait meanwhile. With
// TROUPE_ONE_FOR_ALL and TROUPE_REST_FOR_ONE the others are stopped at once and started after the
// wait.
typedef struct troupe_backoff {
    uint32_t min_ms;         // default: no wait at all
    uint32_t max_ms;         // default 32 times min_ms; not below min_ms
    uint32_t random_percent; // 0 to 100: up to this part of the wait is added; default 0
    uint32_t quiet_ms;       // one that has run that long begins anew with min_ms; default max_ms
} troupe_backoff;

struct troupe_supervisor;

// One child of a supervisor.
typedef struct troupe_child {
    const char *id;                             // unique within the supervisor; 1 to 63 bytes.
                                                // simple one for one: may be NULL; a name for all
    const troupe_behavior *behavior;            // either this
    const struct troupe_supervisor *supervisor; // or this: the child is itself a supervisor
    troupe_restart restart;                     // default: permanent
    troupe_place place;     // default: on the pool, where supervisors always are
    uint32_t shutdown_ms;   // default 5000; supervisors: no limit. TROUPE_KILL_NOW, TROUPE_NO_LIMIT
    bool significant;       // for auto_shutdown, which must be set then; transient or temporary
                            // children only
    uint32_t max_restarts;  // 0: its restarts count for the supervisor. Else it has a budget of its
                            // own, which they count for instead: as of troupe_supervisor
    uint32_t within_ms;     // of that budget, only with one; default 5000
    troupe_backoff backoff; // default: none
    const char *register_as; // a name to be known by, see <troupe/name.h>; 1 to 63 bytes; or NULL;
                             // another one for each child of a tree
    size_t memory_limit;     // as in troupe_spawn_opts; behaviours only
    uint32_t kill_grace_ms;  // as in troupe_spawn_opts
    troupe_type *args_type;  // message for init, or NULL
    const void *args;        // its body; copied when the supervisor starts
} troupe_child;

// A supervisor's specification. It is copied when the supervisor starts, except for what behaviours
// and nested supervisors point to, which must outlive it. At most 32 levels of them in one
// specification.
typedef struct troupe_supervisor {
    const char *name; // at most 63 bytes; default: "supervisor". One that is a child goes by its id
    troupe_strategy strategy; // default: one for one
    uint32_t max_restarts;    // at most 10000000; default 1; TROUPE_NO_RESTARTS for none at all
    uint32_t within_ms; // default 5000; more than max_restarts restarts in that time: gives up
    troupe_auto_shutdown auto_shutdown; // default: none
    const char *register_as;            // as in troupe_child; not of one that is a child
    const troupe_child *children; // started in this order, each when the one before has started;
                                  // simple one for one: the template, none is started
    size_t child_count;           // at most 10000000; simple one for one: 1
} troupe_supervisor;

// For tables: the children of a supervisor, and a supervisor of a child. For tables at file scope.
// In a function they work for a table that is not static: what they make lives as long as the
// block, and nested supervisors must outlive what they are in. A static one there does not compile.
#define TROUPE_CHILDREN(...)                         \
    .children = (const troupe_child[]){__VA_ARGS__}, \
    .child_count = sizeof((const troupe_child[]){__VA_ARGS__}) / sizeof(troupe_child)
#define TROUPE_SUPERVISOR(...) (&(const troupe_supervisor){__VA_ARGS__})

// Starts a supervisor that belongs to the caller; outside: to the system. Returns at once; the
// children start one after the other. `ref` may be NULL. What happens then:
//
// Start. If a child fails to start, those before it are stopped in reverse order and the supervisor
// ends with start failed and a text that names the child; the system goes on, also if the
// supervisor belongs to it: troupe_supervise_wait tells, or a monitor. One whose init says
// TROUPE_IGNORE, at the start or a restart, is left out; it can be started by troupe_restart_child,
// unless it is temporary: then it is forgotten.
//
// Restart. Each failure that leads to a restart is counted, once for a group; so is each attempt
// that fails, and another follows. More than max_restarts within within_ms (a restart that is
// exactly that old still counts): the supervisor gives up, with a TROUPE_EVENT_GAVE_UP. A child
// that cannot even be spawned (its name is taken, no memory) is tried again after 1 ms at least.
//
// Giving up. Children are stopped in reverse order, and the supervisor ends with shutdown. If it is
// a child itself its supervisor treats that by its restart type. If it belongs to the system, the
// system ends: all actors that belong to it end after the messages that wait for them, none can be
// spawned, troupe_system_wait returns TROUPE_EDOWN and the report of troupe_system_stop (which
// returns TROUPE_OK as always) says who gave up and why. A supervisor of the system's that ends in
// another way (its start failed, it was killed or stopped, an exit signal) does not end the system.
//
// Group restarts (one for all, rest for one). What those that are restarted have sent to each other
// or to themselves before, and nobody has handled, is not handled any more: it becomes dead letters
// (TROUPE_DEAD_STALE) when its turn comes. Messages of others stay. Members that were stopped by a
// request before, or have ignored their start, are started, too. Temporary members are not started
// again, and forgotten.
//
// Stop. Children are stopped in reverse order, each when the one after it is gone: shutdown, and
// when shutdown_ms have passed, kill. Those of simple one for one are stopped all at once. A
// supervisor that is killed kills its children.
//
// Exit signals. A supervisor ends with those of its owner and with those that troupe_exit sends
// outside; on all others, also of links, it does nothing, unless they are killed. So a child may be
// linked with its supervisor.
//
// Errors: TROUPE_EINVAL (troupe_error_text names the supervisor, the child, the field and what is
// allowed), TROUPE_EEXIST (register_as is taken: `*ref` is who has it), TROUPE_ENOMEM,
// TROUPE_ECLOSED, TROUPE_ENOTSUP (place TROUPE_IN_PROCESS), TROUPE_ESTALE; nothing was started.
// Outside too.
TROUPE_API troupe_status troupe_supervise(troupe_ctx *ctx, const troupe_supervisor *spec,
                                          troupe_ref *ref);

// troupe_supervise that waits until all children have started.
// Errors: also TROUPE_ESTART, with the reason in troupe_error_text, when the supervisor has ended
// before; TROUPE_ENOTSUP from a handler.
// Threads: outside only, and not on a worker of the same system.
TROUPE_API troupe_status troupe_supervise_wait(troupe_ctx *ctx, const troupe_supervisor *spec,
                                               troupe_ref *ref);

// Sets `*ref` to the ref of a supervisor's child, without asking the supervisor, also while the
// child starts or is restarted. It is valid until the child ends for good: when its type does not
// have it restarted, by troupe_stop_child, with its supervisor.
// Errors: TROUPE_ENOENT (no child of that id, or it does not run and will not be restarted; of
// simple one for one, whose children have no id, always), TROUPE_EDEAD (no such supervisor),
// TROUPE_EINVAL (NULL), TROUPE_ESTALE. Outside too.
TROUPE_API troupe_status troupe_child_ref(troupe_ctx *ctx, troupe_ref supervisor, const char *id,
                                          troupe_ref *ref);

#ifdef __cplusplus
}
#endif

#endif
