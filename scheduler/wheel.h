// A hierarchical timing wheel (Varghese, Lauck 1987): arm and cancel in O(1), ticks of 2^18 ns.
//
// Every call but trp_wheel_next and the lifetime needs the wheel's lock, which the caller takes: so
// a layer above can guard what belongs to its timers by the same lock. A timer never expires early
// and at most one tick late as far as the wheel is concerned.
#ifndef TRP_SCHEDULER_WHEEL_H
#define TRP_SCHEDULER_WHEEL_H

#include "troupe/allocator.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define TRP_WHEEL_TICK_SHIFT 18
#define TRP_WHEEL_TICK_NS    (UINT64_C(1) << TRP_WHEEL_TICK_SHIFT)

struct trp_wheel;

struct trp_timer { // embedded by the owner, zeroed before first use; all fields: the wheel's lock
    struct trp_timer *next;
    struct trp_timer *previous; // NULL: not in a wheel
    uint64_t deadline;          // ns
};

// Makes an empty wheel that stands at `now`; NULL without memory.
struct trp_wheel *trp_wheel_new(const troupe_allocator *allocator, uint64_t now);

// Frees the wheel. Timers that are still armed are forgotten, not touched.
void trp_wheel_free(struct trp_wheel *wheel);

void trp_wheel_lock(struct trp_wheel *wheel);
void trp_wheel_unlock(struct trp_wheel *wheel);

// Arms a timer that is not armed. A deadline in the past expires at the next poll.
void trp_wheel_arm(struct trp_wheel *wheel, struct trp_timer *timer, uint64_t deadline);

// Disarms. Returns false when the timer was not in the wheel (never armed, expired, cancelled).
bool trp_wheel_cancel(struct trp_wheel *wheel, struct trp_timer *timer);

// Unlinks and returns one timer whose deadline is not after `now`, or NULL. Earlier deadlines come
// first, to the tick; within a tick, in order of arming. A timer that is armed when its tick has
// begun to expire already counts as one of the tick that the wheel has reached.
struct trp_timer *trp_wheel_expire(struct trp_wheel *wheel, uint64_t now);

// For simulations: how many timers are due at once, the first of those whose deadline is not after
// `now`; and unlinks and returns the one at `index`, below that number, in order of arming.
uint32_t trp_wheel_due(struct trp_wheel *wheel, uint64_t now);
struct trp_timer *trp_wheel_expire_at(struct trp_wheel *wheel, uint32_t index);

// The exact time from which trp_wheel_expire returns the first timer; TRP_NEVER when there is none.
// Walks the timers of one slot: for simulations, not for the idle path.
uint64_t trp_wheel_first(const struct trp_wheel *wheel);

// Earliest time at which trp_wheel_expire can have something to do (may be earlier than the first
// deadline, never later than it plus a tick); TRP_NEVER when empty. Any thread, no lock needed.
uint64_t trp_wheel_next(const struct trp_wheel *wheel);

#endif
