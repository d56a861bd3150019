// Actors: what one is, how it starts, ends and is watched.
//
// An actor is a state and a function that handles one message at a time. It runs on whichever
// worker is free, never on two at once; while no message waits it costs memory and nothing else. It
// belongs to the actor that spawned it and is shut down with it.
//
//     spawned --init--> running --stop, drain, kill, STOP, failure--> ended
//                          ^                       |
//                          +---- restarted <-------+   by its supervisor, with the same ref
//
// Functions that take a ctx are called from the actor's handler with the ctx it was given. Those
// marked "outside too" also take troupe_outside(system), from any thread. After a kill was not
// heeded and the incarnation was given up, those that act return TROUPE_ESTALE (or NULL, or 0);
// those that only look, such as troupe_self, go on.
#ifndef TROUPE_ACTOR_H
#define TROUPE_ACTOR_H

#include <troupe/message.h>

#ifdef __cplusplus
extern "C" {
#endif

// Names for what 0 cannot say in an option, where 0 is always the default.
#define TROUPE_NO_LIMIT UINT32_MAX       // no time limit, no memory limit, no bound
#define TROUPE_KILL_NOW (UINT32_MAX - 1) // shutdown_ms: do not ask first

// ---- Why an actor ended

// Each also comes from a linked actor that ended so, and some by troupe_exit: see <troupe/link.h>.
typedef enum troupe_reason_kind {
    TROUPE_NORMAL = 1,   // returned TROUPE_STOP, or init returned TROUPE_IGNORE
    TROUPE_SHUTDOWN,     // was stopped or drained: by its owner, its supervisor, troupe_stop, the
                         // system; a supervisor that gave up, or whose significant children ended
    TROUPE_KILLED,       // troupe_kill, a stop that was not heeded in time, or its owner was killed
    TROUPE_FAILED,       // a handler returned an error
    TROUPE_START_FAILED, // init returned an error; a supervisor: a child did not start
    TROUPE_MEMORY_LIMIT, // a handler failed after its memory limit was reached
    TROUPE_CRASHED,      // a fault in native code
    TROUPE_NOACTOR,      // there was no such actor (any more) when it was asked for
    TROUPE_NOCONNECTION  // its node cannot be reached
} troupe_reason_kind;

typedef struct troupe_reason {
    troupe_reason_kind kind;
    troupe_status status; // what the handler returned if that was an error or TROUPE_IGNORE, or was
                          // given to troupe_exit; else TROUPE_OK
    const char *text; // what troupe_fail, troupe_exit or a supervisor said, else ""; never NULL;
                      // lives as long as the message it came in
} troupe_reason;

// Returns the kind as OTP writes it, for example "normal", "killed", "start failed".
// Ownership: static text. Threads: any.
TROUPE_API const char *troupe_reason_name(troupe_reason_kind kind);

// ---- What an actor is

// A kind of actor: its functions and the size of its state. Shared by all actors of the kind, never
// written to, and must outlive them.
typedef struct troupe_behavior {
    const char *name;  // for logs and reports; never NULL
    size_t state_size; // bytes, may be 0
    // Sets up the state, which is zeroed, on the actor's first activation and after each restart.
    // `args` is what troupe_spawn_with gave, or NULL. TROUPE_OK: started. TROUPE_STOP: started and
    // ended normally. TROUPE_IGNORE: do not start. Others: the start has failed. NULL: no set-up.
    troupe_status (*init)(troupe_ctx *ctx, void *state, const troupe_msg *args);
    // Handles one message. TROUPE_OK: goes on. TROUPE_STOP: ends normally. TROUPE_UNHANDLED: the
    // message becomes a dead letter, the actor goes on. Anything else fails the actor.
    troupe_status (*receive)(troupe_ctx *ctx, void *state, const troupe_msg *msg);
    // Cleans up when an incarnation that was started ends, except when it was killed. May send.
    // What it owned (children, timers, asks, arena) is still there, except that children were told
    // to stop and have ended. NULL: nothing to clean up.
    void (*stop)(troupe_ctx *ctx, void *state, const troupe_reason *why);
} troupe_behavior;

// Where an actor runs.
typedef enum troupe_place {
    TROUPE_ON_POOL = 0,   // on the system's workers; handlers should be short
    TROUPE_ON_THREAD = 1, // on a thread of its own: handlers may block
    TROUPE_IN_PROCESS = 2 // in a process of its own: TROUPE_ENOTSUP in this version
} troupe_place;

struct troupe_monitor_ref;

// All fields: 0 is the default.
typedef struct troupe_spawn_opts {
    const char *name;       // for printing; copied; at most 63 bytes; default: the behaviour's name
    troupe_place place;     // default: on the pool
    bool detached;          // belongs to the system, not to the spawner
    size_t memory_limit;    // bytes of troupe_alloc and troupe_defer together; default: no limit
    uint32_t shutdown_ms;   // how long its owner waits after a stop before the kill; default 5000;
                            // TROUPE_KILL_NOW, TROUPE_NO_LIMIT
    uint32_t kill_grace_ms; // how long a kill waits for a running handler; default: the system's
    const char *register_as; // a name to be known by, see <troupe/name.h>; 1 to 63 bytes; or NULL
    // Set before the actor can run, so that nothing of it is missed; not outside (TROUPE_ENOTSUP).
    bool link;                              // troupe_link with the spawner
    uint32_t monitor;                       // events as in troupe_monitor; 0: none
    struct troupe_monitor_ref *monitor_ref; // gets the monitor; may be NULL; only with `monitor`
} troupe_spawn_opts;

// ---- Starting

// Starts an actor that belongs to the caller; outside: to the system. Returns at once with a ref
// that can be used; init runs later, before the first message, on the actor's own activation. Its
// failure reaches monitors, links and asks as "start failed". `opts` and `ref` may be NULL.
// Errors: TROUPE_EINVAL, TROUPE_EEXIST (register_as is taken: `*ref` is who has it), TROUPE_ENOMEM,
// TROUPE_ENOTSUP, TROUPE_ESYSTEM (no thread), TROUPE_ECLOSED, TROUPE_ESTALE; nothing was started.
// Outside too.
TROUPE_API troupe_status troupe_spawn(troupe_ctx *ctx, const troupe_behavior *behavior,
                                      const troupe_spawn_opts *opts, troupe_ref *ref);

// troupe_spawn with a message for init, given as in troupe_send. Restarts get the same message.
#define troupe_spawn_with(ctx, behavior, opts, ref, ...)                              \
    troupe_spawn_body((ctx), (behavior), (opts), (ref), TROUPE_TYPE_OF_(__VA_ARGS__), \
                      TROUPE_BODY_OF_(__VA_ARGS__))
TROUPE_API troupe_status troupe_spawn_body(troupe_ctx *ctx, const troupe_behavior *behavior,
                                           const troupe_spawn_opts *opts, troupe_ref *ref,
                                           troupe_type *type, const void *body);

// troupe_spawn_body that waits for init: TROUPE_OK once the actor is started, TROUPE_IGNORE when it
// chose not to, TROUPE_ESTART with the reason in troupe_error_text. `type` and `body` may be NULL.
// Errors: as troupe_spawn; TROUPE_ENOTSUP from a handler, which must not block.
// Threads: outside only, and not on a worker of the same system.
TROUPE_API troupe_status troupe_spawn_wait(troupe_ctx *ctx, const troupe_behavior *behavior,
                                           const troupe_spawn_opts *opts, troupe_ref *ref,
                                           troupe_type *type, const void *body);

// ---- Ending

// Asks an actor to end with reason shutdown, before the messages that wait; those become dead
// letters. A handler that runs is finished first. Idempotent; a dead ref is TROUPE_EDEAD. Meant for
// the incarnation that runs: between two of them, of one that waits to be restarted, nothing is
// left to be ended, and it has no effect. So it is with troupe_kill.
// Needs no memory. Outside too.
TROUPE_API troupe_status troupe_stop(troupe_ctx *ctx, troupe_ref ref);

// Asks an actor to end with reason shutdown after the messages that wait now. Waits in the mailbox
// as they do, also over a restart: then it ends the incarnation that comes to it.
// Errors: TROUPE_EDEAD, TROUPE_ENOMEM. Outside too.
TROUPE_API troupe_status troupe_drain(troupe_ctx *ctx, troupe_ref ref);

// Ends an actor with reason killed: at once when it is not running, else when its handler returns.
// Its `stop` is not called, its defers run. When the handler has not returned after the actor's
// kill_grace_ms the incarnation is given up: monitors fire, a supervisor may start the next one,
// and what the handler holds is freed when it returns. For that another worker must be free: when
// handlers hold all of them, it waits for the first to return. Needs no memory. Outside too.
TROUPE_API troupe_status troupe_kill(troupe_ctx *ctx, troupe_ref ref);

// Records why a handler is about to fail and returns `status`, for `return troupe_fail(...)`. At
// most 251 bytes of text are kept. Outside too: it sets troupe_error_text.
TROUPE_API troupe_status troupe_fail(troupe_ctx *ctx, troupe_status status, const char *format, ...)
    TROUPE_PRINTF(3, 4);

// Returns the text of the calling thread's last error: which argument, which value, what is
// allowed;
// "" when there was none. troupe_join leaves the reason there as well. A call that succeeds does
// not clear it. `ctx` may be NULL. Ownership: valid until the thread's next call that fails.
// Outside too.
TROUPE_API const char *troupe_error_text(troupe_ctx *ctx);

// ---- Who am I

// Returns the running actor's ref; outside: the zero ref.
TROUPE_API troupe_ref troupe_self(troupe_ctx *ctx);

// Returns the ref of the actor that owns the running one; the zero ref when the system does.
TROUPE_API troupe_ref troupe_owner(troupe_ctx *ctx);

// Returns the running actor's name, or its behaviour's. Ownership: the actor's.
TROUPE_API const char *troupe_name(troupe_ctx *ctx);

// Returns the system that ctx belongs to. Outside too.
TROUPE_API troupe_system *troupe_system_of(troupe_ctx *ctx);

// Returns which incarnation of an actor runs now: 1 for the first, one more after each restart; 0
// for a dead ref. Outside too.
TROUPE_API uint32_t troupe_incarnation(troupe_ctx *ctx, troupe_ref ref);

// Returns the system's clock in nanoseconds since an arbitrary moment; never goes back. In a
// simulation it is virtual. Outside too.
TROUPE_API uint64_t troupe_now_ns(troupe_ctx *ctx);

// Returns 64 random bits, repeatable in a simulation. Not for secrets. Outside too.
TROUPE_API uint64_t troupe_random(troupe_ctx *ctx);

// ---- Watching

// What a monitor tells of; at least one must be given.
#define TROUPE_ON_STOP    1u // the actor has ended for good
#define TROUPE_ON_RESTART 2u // an incarnation has ended and the next one starts
#define TROUPE_ON_START   4u // init has succeeded; at once when it had already

typedef struct troupe_monitor_ref {
    uint64_t opaque[2];
} troupe_monitor_ref;

// The message that a monitor sends: troupe_match(msg, troupe_down).
typedef struct troupe_down {
    troupe_monitor_ref monitor; // which monitor tells
    troupe_ref ref;             // whom it watches
    uint32_t event;             // TROUPE_ON_STOP, TROUPE_ON_RESTART or TROUPE_ON_START
    uint32_t incarnation;       // the one that ended or started; 0: unknown
    troupe_reason reason;       // why it ended; ON_START: kind is 0, text is ""
    const char *name;           // of troupe_monitor_name, else NULL; lives as long as the message
} troupe_down;

// Watches an actor: one troupe_down message at each event of `events`. ON_STOP comes exactly once,
// also when the ref is dead or never was (reason noactor), after all that the actor sent before,
// and ends the monitor. Of restarts that come faster than the watcher handles their messages only
// the latest is told, and so it is with starts; what is told comes in the order in which it was.
// Several monitors of one actor are independent. `monitor` may be NULL. The monitor ends with the
// incarnation that set it. Follows Erlang's monitor/2. Errors: TROUPE_EINVAL (no events),
// TROUPE_ENOMEM, TROUPE_ENOTSUP outside: see troupe_join.
TROUPE_API troupe_status troupe_monitor(troupe_ctx *ctx, troupe_ref ref, uint32_t events,
                                        troupe_monitor_ref *monitor);

// Ends a monitor of the running actor; no message of it is handled afterwards, also none that
// waits already. TROUPE_EALREADY: it had ended and its last message was handled.
TROUPE_API troupe_status troupe_demonitor(troupe_ctx *ctx, troupe_monitor_ref monitor);

// Waits until an actor has ended for good. `kind` (may be NULL) is set to the reason's kind; the
// whole of it is in troupe_error_text. A dead ref is TROUPE_OK at once with TROUPE_NOACTOR.
// `timeout_ms`: TROUPE_NO_LIMIT waits for ever. Errors: TROUPE_ETIMEDOUT, TROUPE_ENOMEM,
// TROUPE_ENOTSUP from a handler.
// Threads: outside only, and not on a worker of the same system.
TROUPE_API troupe_status troupe_join(troupe_ctx *ctx, troupe_ref ref, uint32_t timeout_ms,
                                     troupe_reason_kind *kind);

// ---- Changing how messages are handled

typedef troupe_status (*troupe_receive_fn)(troupe_ctx *ctx, void *state, const troupe_msg *msg);

// Handles messages with `receive` from the next one on, until troupe_unbecome. Nests.
// Errors: TROUPE_EINVAL (NULL), TROUPE_ENOMEM.
TROUPE_API troupe_status troupe_become(troupe_ctx *ctx, troupe_receive_fn receive);

// Goes back to what was handling before the last troupe_become. TROUPE_ENOENT: there was none.
TROUPE_API troupe_status troupe_unbecome(troupe_ctx *ctx);

// Puts the message being handled aside, with its right to a reply. The handler should return
// TROUPE_OK. At a restart the stash goes back to the front of the mailbox, in order.
// Errors: TROUPE_EINVAL (not the current message, or taken, forwarded or answered already),
// TROUPE_ENOTSUP (the outcome of an ask), TROUPE_ENOMEM.
TROUPE_API troupe_status troupe_stash(troupe_ctx *ctx, const troupe_msg *msg);

// Puts everything that was stashed back to the front of the mailbox, in order; handled next.
// Returns how many messages there were.
TROUPE_API size_t troupe_unstash(troupe_ctx *ctx);

// ---- Memory and clean-up of one incarnation

// Returns `size` bytes (aligned to 16, not cleared) that are freed when the incarnation ends,
// however it ends. NULL: no memory, or the actor's memory_limit is reached; troupe_error_text says
// which, and a failure of the handler then has reason memory limit.
TROUPE_API void *troupe_alloc(troupe_ctx *ctx, size_t size);

// Has `fn(arg)` called when the incarnation ends, however it ends, last registered first, before
// its state and arena are freed. It runs without ctx, on the thread that ends the incarnation: it
// must not block, for no kill gives it up. Errors: TROUPE_EINVAL (NULL), TROUPE_ENOMEM,
// TROUPE_EMEMLIMIT.
TROUPE_API troupe_status troupe_defer(troupe_ctx *ctx, void (*fn)(void *arg), void *arg);

TROUPE_API extern troupe_type troupe_type_troupe_down;
typedef troupe_down troupe_body_troupe_down;

#ifdef __cplusplus
}
#endif

#endif
