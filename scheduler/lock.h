// A small lock: free, held, or held with sleepers. Spins a little, then sleeps on a futex.
//
// Critical sections here are a few dozen instructions and contain no call out of the module, so a
// holder is only ever waited for while it runs or is preempted.
#ifndef TRP_SCHEDULER_LOCK_H
#define TRP_SCHEDULER_LOCK_H

#include "base/assert.h"
#include "base/futex.h"
#include "base/yield.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { TRP_LOCK_FREE, TRP_LOCK_HELD, TRP_LOCK_CONTENDED };

struct trp_lock {
    _Atomic uint32_t word; // one of TRP_LOCK_
};

static inline void trp_lock_init(struct trp_lock *lock)
{
    atomic_init(&lock->word, TRP_LOCK_FREE);
}

static inline bool trp_lock_try(struct trp_lock *lock)
{
    uint32_t expected = TRP_LOCK_FREE;
    // acquire [lock]: sees what the previous holder wrote before its release.
    return atomic_compare_exchange_strong_explicit(&lock->word, &expected, TRP_LOCK_HELD,
                                                   memory_order_acquire, memory_order_relaxed);
}

void trp_lock_wait(struct trp_lock *lock);

static inline void trp_lock_acquire(struct trp_lock *lock)
{
    if (TRP_UNLIKELY(!trp_lock_try(lock)))
        trp_lock_wait(lock);
}

static inline void trp_lock_release(struct trp_lock *lock)
{
    // release [lock]: the next holder's acquire sees what was written under the lock.
    uint32_t was = atomic_exchange_explicit(&lock->word, TRP_LOCK_FREE, memory_order_release);
    if (TRP_UNLIKELY(was == TRP_LOCK_CONTENDED))
        trp_futex_wake(&lock->word, 1);
}

#endif
