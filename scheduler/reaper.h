// Threads of ours: made with signals blocked, and joined without anybody who waits for each.
#ifndef TRP_SCHEDULER_REAPER_H
#define TRP_SCHEDULER_REAPER_H

#include "scheduler/lock.h"

#include <pthread.h>
#include <stdbool.h>

// Joins threads that end at times of their own: each ending thread joins the one that ended before
// it, so at most one is left over.
struct trp_reaper {
    struct trp_lock lock;
    pthread_t latest; // valid when has_latest; lock
    bool has_latest;  // lock
};

void trp_reaper_init(struct trp_reaper *reaper);

// Called by a thread that is about to end, as nearly its last act.
void trp_reaper_leave(struct trp_reaper *reaper);

// Joins the last one. Called when all others have left.
void trp_reaper_finish(struct trp_reaper *reaper);

// Starts a joinable thread that blocks all signals but those of its own faults (and SIGPROF), so
// that the user's handlers run on the user's threads. Returns an errno value.
int trp_thread_create(pthread_t *thread, void *(*run)(void *user), void *user);

#endif
