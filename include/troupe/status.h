// Status values and the macros that every other chapter uses.
#ifndef TROUPE_STATUS_H
#define TROUPE_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#    define TROUPE_API __attribute__((visibility("default")))
#    define TROUPE_PRINTF(format_index, first_index) \
        __attribute__((format(printf, format_index, first_index)))
#    define TROUPE_UNUSED __attribute__((unused))
#else
#    define TROUPE_API
#    define TROUPE_PRINTF(format_index, first_index)
#    define TROUPE_UNUSED
#endif

// The outcome of a call, and what a handler returns.
typedef enum troupe_status {
    TROUPE_OK = 0,

    // What a handler may return besides TROUPE_OK without having failed.
    TROUPE_STOP = 1,      // end this actor with reason normal
    TROUPE_UNHANDLED = 2, // the message is not for this actor: it becomes a dead letter
    TROUPE_IGNORE = 3,    // from init only: do not start, and that is no failure

    // Errors. Returned by a handler, each of them fails the actor.
    TROUPE_EINVAL = 16, // an argument is wrong; troupe_error_text names it
    TROUPE_ENOMEM,      // no memory; nothing was changed
    TROUPE_EDEAD,       // the target does not exist (any more); the message became a dead letter
    TROUPE_EFULL,       // the target's mailbox or a budget is full; nothing was sent
    TROUPE_ENOTWIRE,    // a plain struct cannot leave this process; nothing was sent
    TROUPE_ENOTSUP,     // this build or program cannot do that; troupe_error_text says why
    TROUPE_ESTALE,      // the calling incarnation was given up; only returning is left to do
    TROUPE_ECLOSED,     // the system is stopping
    TROUPE_EALREADY,    // too late: it was sent, answered or ended already
    TROUPE_EDOWN,       // the asked actor ended before it answered
    TROUPE_ETIMEDOUT,   // the deadline passed
    TROUPE_ECANCELED,   // cancelled by the asker
    TROUPE_ENOREPLY,    // the asked actor handled the request and gave no answer
    TROUPE_ESTART,      // the actor's init failed
    TROUPE_ENOENT,      // nothing with that name or id
    TROUPE_EEXIST,      // something with that name or id exists already
    TROUPE_EBUSY,       // not now: something else is under way
    TROUPE_ESYSTEM,     // the operating system refused; troupe_error_text says what
    TROUPE_EMEMLIMIT,   // the actor's own memory limit is reached
    TROUPE_ERESTARTING, // the supervisor is restarting or stopping that child; ask again later

    TROUPE_EUSER = 1024 // the first value that is free for a program's own failures
} troupe_status;

// Returns the name of a status as it is written in C, for example "TROUPE_EDEAD"; "TROUPE_EUSER+3"
// style texts are not made: an unknown value gives "unknown status".
// Ownership: static text. Threads: any.
TROUPE_API const char *troupe_status_name(troupe_status status);

// Returns a sentence fit for a log, for example "the target does not exist".
// Ownership: static text. Threads: any.
TROUPE_API const char *troupe_status_text(troupe_status status);

#ifdef __cplusplus
}
#endif

#endif
