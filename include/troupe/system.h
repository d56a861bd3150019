// Systems: a running runtime, with its workers, actors and hooks.
#ifndef TROUPE_SYSTEM_H
#define TROUPE_SYSTEM_H

#include <troupe/actor.h>
#include <troupe/allocator.h>

#ifdef __cplusplus
extern "C" {
#endif

// ---- What a system tells of

// Why a message reached nobody.
typedef enum troupe_dead_reason {
    TROUPE_DEAD_NO_TARGET = 1, // the ref is dead or never was
    TROUPE_DEAD_ENDED,         // the actor ended while the message waited
    TROUPE_DEAD_UNHANDLED,     // the handler did not know it
    TROUPE_DEAD_FAILED,        // the actor failed while handling it
    TROUPE_DEAD_STALE          // sent between members of a group, or by one to itself, before they
                               // were restarted together
} troupe_dead_reason;

typedef struct troupe_dead_letter {
    const troupe_msg *msg; // valid until the hook returns
    troupe_ref target;
    troupe_ref sender; // the zero ref: from outside
    troupe_dead_reason reason;
} troupe_dead_letter;

typedef enum troupe_event_kind {
    TROUPE_EVENT_FAILED = 1, // an actor ended with failed, start failed or memory limit
    TROUPE_EVENT_RESTARTED,  // a supervisor starts the next incarnation
    TROUPE_EVENT_GAVE_UP,    // a supervisor had too many restarts
    TROUPE_EVENT_ABANDONED   // a handler did not return after a kill; its thread is still held
} troupe_event_kind;

typedef struct troupe_event {
    troupe_event_kind kind;
    troupe_ref ref;
    const char *name;     // the actor's; valid until the hook returns
    uint32_t incarnation; // the one it is about; RESTARTED: the new one
    troupe_reason reason; // RESTARTED: why the one before ended; GAVE_UP: the failure that was one
                          // too many; ABANDONED: killed
    const char *child;    // GAVE_UP: the id of the child that failed, valid as `name`; else, or if
                          // it has none, NULL
} troupe_event;

// Hooks run at once on the thread where the thing happens, so they must be quick, must not block,
// and may be called from several threads at the same time. They may send with troupe_outside; dead
// letters that a dead-letter hook makes are counted and not told.
typedef void (*troupe_on_dead_letter)(void *user, const troupe_dead_letter *letter);
typedef void (*troupe_on_event)(void *user, const troupe_event *event);

// ---- Starting and stopping

// All fields: 0 is the default.
typedef struct troupe_system_opts {
    const char *name;       // copied; at most 31 bytes; default "troupe"; threads are named so
    uint32_t workers;       // 1 to 1024; default: the CPUs this process may use
    uint64_t seed;          // of troupe_random and of scheduling choices; default: a random one
    uint32_t batch;         // messages that an actor handles before others get a turn; default 128
    uint32_t slice_us;      // time after which it lets others have a turn; default 500
    uint32_t kill_grace_ms; // see troupe_kill; default 5000
    const troupe_allocator *allocator; // copied; default: malloc
    troupe_on_dead_letter on_dead_letter;
    troupe_on_event on_event;
    void *hook_user; // first argument of both hooks
} troupe_system_opts;

// Starts a system. `opts` may be NULL. On failure nothing is left behind.
// Errors: TROUPE_EINVAL, TROUPE_ENOMEM, TROUPE_ESYSTEM (no thread); the text is in
// troupe_error_text(NULL).
// Threads: any; systems are independent of each other.
TROUPE_API troupe_status troupe_system_start(const troupe_system_opts *opts,
                                             troupe_system **system);

// Counts since the start. At rest sent = handled + dead + dropped: no message is ever lost.
typedef struct troupe_stats {
    uint64_t sent;    // messages, replies, timer ticks, monitor messages: all that is for a mailbox
    uint64_t handled; // given to a handler, however it ended, unless it became a dead letter
    uint64_t dead;    // dead letters
    uint64_t
        dropped; // of no use any more: late replies, cancelled requests and timers, old monitors
    uint64_t late_replies; // replies that nobody waited for; those that were not sent are not in
                           // `dropped`
    uint64_t spawned;      // actors
    uint64_t ended;        // actors that have ended for good
    uint64_t restarts;     // incarnations after the first
    uint64_t failures;     // incarnations that ended with failed, start failed or memory limit
    uint64_t abandoned;    // incarnations given up in a handler that did not return after a kill
} troupe_stats;

// Reads the counts. While actors run each is right at some moment between call and return.
// Threads: any.
TROUPE_API void troupe_system_stats(troupe_system *system, troupe_stats *stats);

#define TROUPE_REPORT_REFUSED 8

// How a system ended.
typedef struct troupe_report {
    troupe_stats stats; // final
    uint32_t refused;   // actors whose handler had not returned by the deadline

    struct {
        troupe_ref ref;
        char name[64];            // the actor's
        char message_type[64];    // of the message it is handling; "(init)", "(stop)"; "": none
        uint64_t since_ns;        // how long it has been handling it
    } who[TROUPE_REPORT_REFUSED]; // the first of them

    // The supervisor without an owner that gave up first and ended the system by that.
    bool gave_up;        // there was one
    troupe_ref root;     // which
    char root_name[64];  // its name
    char root_text[256]; // why: how many restarts were allowed, and the last failure
} troupe_report;

// Stops all actors (shutdown, later kill), then the threads, and frees the system. Always returns
// by about the deadline: what a handler still holds then is freed when it returns, if ever.
// `deadline_ms` 0: 10000; TROUPE_NO_LIMIT: none. `report` may be NULL. Afterwards `system` and
// every troupe_outside of it are invalid. Threads that wait in a call are woken and come out first;
// no thread may begin a call once this has begun, and messages that the program owns must have been
// freed.
// Returns TROUPE_OK, or TROUPE_ETIMEDOUT when handlers (`report->refused`) or blocking jobs have
// not returned. Threads: any that is not one of the system's; once.
TROUPE_API troupe_status troupe_system_stop(troupe_system *system, uint32_t deadline_ms,
                                            troupe_report *report);

// Waits until no actor is left. TROUPE_ETIMEDOUT after `timeout_ms` (TROUPE_NO_LIMIT: never).
// TROUPE_EDOWN: a supervisor without an owner has given up, and so none is left; troupe_error_text
// says who and why.
// Threads: any that is not one of the system's (TROUPE_ENOTSUP).
TROUPE_API troupe_status troupe_system_wait(troupe_system *system, uint32_t timeout_ms);

// Returns the ctx for threads of the program's own: may be used by all of them at once, until the
// system is stopped.
TROUPE_API troupe_ctx *troupe_outside(troupe_system *system);

// Returns the system's name. Ownership: the system's. Threads: any.
TROUPE_API const char *troupe_system_name(const troupe_system *system);

// Returns how many workers the system has. Threads: any.
TROUPE_API uint32_t troupe_system_workers(const troupe_system *system);

// Returns how many CPUs this process may use: affinity and cgroup quota, at least 1. Threads: any.
TROUPE_API uint32_t troupe_cpu_count(void);

#ifdef __cplusplus
}
#endif

#endif
