// A system whose activations are run by threads of an interleaving test: the real slots, mailboxes
// and lifecycle, with the turns in the harness's hands.
//
// The system is a driven one. What is runnable in it is taken by `hands`: workers of the test's
// own, each run by one thread of the harness, so that two activations are under way at once, as on
// real threads. All other threads are threads outside.
//
// Rules of the harness that matter here: the runtime passes yield points while it holds the lock of
// the cache outside (batches of blocks). So: no more than one thread outside that allocates.
#ifndef TESTS_SUPPORT_HANDS_H
#define TESTS_SUPPORT_HANDS_H

#include "actors/actor.h"
#include "sim/driver.h"
#include "tests/support/interleave.h"

#define HANDS 2

struct hand {
    struct trp_worker worker;
    struct trp_runner *runner;
};

struct hands {
    struct trp_driver driver;
    troupe_system *system;
    troupe_ctx *ctx; // its troupe_outside
    struct hand hands[HANDS];
    int outsiders; // threads outside that have not ended; they call hands_leave
    int active;    // hands in an activation
};

// Starts the system, with nothing runnable. Call it in setup.
void hands_open(struct hands *hands, uint64_t seed, const troupe_system_opts *opts, int outsiders);

// Runs what is runnable, on the calling thread: for setup and check.
void hands_settle(struct hands *hands);

// Runs one activation of what is runnable, the oldest, on the calling thread: for setup.
void hands_step(struct hands *hands);

// Runs activations until no outsider is left and nothing is runnable: a thread of the harness.
void hands_work(struct hands *hands, int hand);

// Threads of the harness that do so: those hands of what was opened last.
void hands_thread_0(void *user);
void hands_thread_1(void *user);

// An outsider has done its part.
void hands_leave(struct hands *hands);

// Stops the system, which checks that all messages are accounted for and all memory came back.
void hands_close(struct hands *hands, troupe_report *report);

#endif
