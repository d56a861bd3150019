// The slow half of lock.h. CONTENDED stays set until the word was free once: a sleeper that gets
// the lock takes it as CONTENDED, since it cannot know whether others still sleep. That costs at
// most one wake-up in vain and loses none.
#include "scheduler/lock.h"

enum { SPINS = 64 }; // about a microsecond; sections are shorter than that

void trp_lock_wait(struct trp_lock *lock)
{
    for (int i = 0; i < SPINS; i++) {
        trp_cpu_relax();
        // relaxed: only a hint; trp_lock_try acquires.
        if (atomic_load_explicit(&lock->word, memory_order_relaxed) == TRP_LOCK_FREE &&
            trp_lock_try(lock))
            return;
    }
    // acquire [lock], as in trp_lock_try.
    while (atomic_exchange_explicit(&lock->word, TRP_LOCK_CONTENDED, memory_order_acquire) !=
           TRP_LOCK_FREE)
        trp_futex_wait(&lock->word, TRP_LOCK_CONTENDED, UINT64_MAX);
}
