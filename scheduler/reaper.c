// See reaper.h. A thread joins its predecessor after it has left its own handle behind, and each
// handle is taken out under the lock by exactly one: the next who leaves, or trp_reaper_finish.
#include "scheduler/reaper.h"

#include <signal.h>

void trp_reaper_init(struct trp_reaper *reaper)
{
    trp_lock_init(&reaper->lock);
    reaper->has_latest = false;
}

void trp_reaper_leave(struct trp_reaper *reaper)
{
    trp_lock_acquire(&reaper->lock);
    bool has_previous = reaper->has_latest;
    pthread_t previous = reaper->latest;
    reaper->latest = pthread_self();
    reaper->has_latest = true;
    trp_lock_release(&reaper->lock);
    if (has_previous)
        TRP_ASSERT(pthread_join(previous, NULL) == 0);
}

void trp_reaper_finish(struct trp_reaper *reaper)
{
    trp_lock_acquire(&reaper->lock);
    bool has_latest = reaper->has_latest;
    pthread_t latest = reaper->latest;
    reaper->has_latest = false;
    trp_lock_release(&reaper->lock);
    if (has_latest)
        TRP_ASSERT(pthread_join(latest, NULL) == 0);
}

int trp_thread_create(pthread_t *thread, void *(*run)(void *user), void *user)
{
    static const int kept[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGPROF};
    sigset_t blocked;
    sigset_t before;
    sigfillset(&blocked);
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++)
        sigdelset(&blocked, kept[i]);
    // A new thread inherits the mask of the one that makes it.
    pthread_sigmask(SIG_SETMASK, &blocked, &before);
    int error = pthread_create(thread, NULL, run, user);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}
