// troupe_main: a whole program around one system.
#ifndef TROUPE_APP_H
#define TROUPE_APP_H

#include <troupe/system.h>

#ifdef __cplusplus
extern "C" {
#endif

// A program.
typedef struct troupe_app {
    const char *name; // for messages and thread names; at most 31 bytes; never NULL
    const troupe_behavior *const
        *behaviors; // what worker processes may start, ended by NULL; may be NULL
    // Starts the program's first actors with the outside ctx of the system. Anything but TROUPE_OK
    // ends the program with exit code 1 and a line on stderr.
    troupe_status (*start)(troupe_ctx *ctx, int argc, char **argv);
    const troupe_system_opts *options; // may be NULL
    uint32_t stop_ms;                  // how long an orderly stop may take; default 10000
} troupe_app;

// Starts a system, runs app->start, and returns the program's exit code when no actor is left,
// after troupe_app_exit, or after SIGINT or SIGTERM, which stop all actors in order. Failures of
// actors and supervisors that gave up are written to stderr, a line each, unless the options have a
// hook. Exit codes: 0; 1: the start failed, or a supervisor without an owner gave up, or an actor
// without one failed; 2: the options are wrong; 3: some handler did not return by the deadline;
// 128 + n: signal n; troupe_app_exit's. Threads: the main thread, before any other is started; it
// handles SIGINT and SIGTERM until it returns. These must be sent to the process (kill): raise in a
// handler sends to that thread only, where they are blocked, and so has no effect.
TROUPE_API int troupe_main(int argc, char **argv, const troupe_app *app);

// Has troupe_main stop the system in order and return `exit_code`: 0 to 125, any other is 1. The
// first call counts. Outside too.
TROUPE_API void troupe_app_exit(troupe_ctx *ctx, int exit_code);

#ifdef __cplusplus
}
#endif

#endif
