// Yield points: places between two steps of a lock-free algorithm where another thread may act.
// In the product TRP_YIELD compiles to nothing. Interleaving tests compile the same sources with
// TRP_YIELD_POINTS defined and let a controlling scheduler choose who goes on at each of them
// (tests/support/interleave.h).
#ifndef TRP_BASE_YIELD_H
#define TRP_BASE_YIELD_H

#include "base/cpu.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#ifdef TRP_YIELD_POINTS
// Set by the test harness; called at each point with its name. NULL: does nothing.
extern void (*trp_yield_hook)(const char *point);
// Set by the test harness; take the place of the futex calls. False: this thread is not under
// control, do the real thing.
extern bool (*trp_yield_sleep_hook)(const _Atomic uint32_t *word, uint32_t expected, bool timed);
extern bool (*trp_yield_wake_hook)(const _Atomic uint32_t *word, int count);
#    define TRP_YIELD(point) (trp_yield_hook ? trp_yield_hook(point) : (void)0)
#    define TRP_YIELD_SLEEP(word, expected, timed) \
        (trp_yield_sleep_hook && trp_yield_sleep_hook(word, expected, timed))
#    define TRP_YIELD_WAKE(word, count) (trp_yield_wake_hook && trp_yield_wake_hook(word, count))
#else
#    define TRP_YIELD(point)                       ((void)0)
#    define TRP_YIELD_SLEEP(word, expected, timed) false
#    define TRP_YIELD_WAKE(word, count)            false
#endif

#endif
