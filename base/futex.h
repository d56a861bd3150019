// Sleeping on a 32-bit word: thin wrappers of Linux futex(2), process-private.
#ifndef TRP_BASE_FUTEX_H
#define TRP_BASE_FUTEX_H

#include <stdatomic.h>
#include <stdint.h>

// Sleeps while *word == expected, until woken or until timeout_ns have passed (TRP_NEVER: no
// limit). May return early for no reason: callers loop over their condition.
void trp_futex_wait(const _Atomic uint32_t *word, uint32_t expected, uint64_t timeout_ns);

// Wakes up to `count` sleepers of the word.
void trp_futex_wake(_Atomic uint32_t *word, int count);

#endif
