// The random seam: one small generator per worker, seeded from the system's seed, so that a
// simulation repeats itself. xoshiro256** (Blackman, Vigna 2018), state filled by splitmix64.
// Not for secrets.
#ifndef TRP_BASE_RANDOM_H
#define TRP_BASE_RANDOM_H

#include <stdint.h>

struct trp_random {
    uint64_t state[4]; // owner's thread only
};

void trp_random_init(struct trp_random *random, uint64_t seed);

// Returns 64 random bits.
uint64_t trp_random_next(struct trp_random *random);

// Returns a value in [0, bound); bound must not be 0. Unbiased enough for scheduling
// (multiply-shift).
uint32_t trp_random_below(struct trp_random *random, uint32_t bound);

// Returns 64 bits from the operating system, for seeds and ids.
uint64_t trp_random_seed(void);

#endif
