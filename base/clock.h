// The clock seam: monotonic nanoseconds. Systems read the real clock; a simulation advances its
// own.
#ifndef TRP_BASE_CLOCK_H
#define TRP_BASE_CLOCK_H

#include <stdint.h>

#define TRP_NS_PER_MS UINT64_C(1000000)
#define TRP_NEVER     UINT64_MAX // a deadline that is never reached

struct trp_clock {
    uint64_t (*now)(void *user); // ns since an arbitrary start, never goes back; any thread
    void *user;
};

// Reads CLOCK_MONOTONIC; what every system uses unless told otherwise.
extern const struct trp_clock trp_real_clock;

static inline uint64_t trp_clock_now(const struct trp_clock *clock)
{
    return clock->now(clock->user);
}

// Adds without wrapping: a sum past the end is TRP_NEVER.
static inline uint64_t trp_deadline(uint64_t now, uint64_t delay_ns)
{
    return delay_ns > TRP_NEVER - now ? TRP_NEVER : now + delay_ns;
}

#endif
