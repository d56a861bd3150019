// See spin.h. One step waits for the one before, so neither compiler nor CPU can shorten the loop.
#include "bench/local/spin.h"

#include <time.h>

#define TRIALS      20
#define TRIAL_SPINS UINT64_C(4000000) // some 5 ms

uint64_t local_spin(uint64_t seed, uint64_t spins)
{
    for (uint64_t i = 0; i < spins; i++)
        seed = seed * 6364136223846793005u + 1442695040888963407u; // Knuth's generator
    return seed;
}

static uint64_t now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t local_spins_per_us(void)
{
    uint64_t best_ns = UINT64_MAX;
    volatile uint64_t seed = 1;
    for (int i = 0; i < TRIALS; i++) {
        uint64_t start = now_ns();
        seed = local_spin(seed, TRIAL_SPINS);
        uint64_t took = now_ns() - start;
        if (took < best_ns)
            best_ns = took; // the others were interrupted
    }
    uint64_t spins = TRIAL_SPINS * 1000u / (best_ns > 0 ? best_ns : 1);
    return spins > 0 ? spins : 1;
}
