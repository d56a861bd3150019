// Handlers that compute: a loop on integers that takes the same number of instructions each time.
#ifndef BENCH_LOCAL_SPIN_H
#define BENCH_LOCAL_SPIN_H

#include <stdint.h>

// Goes round the loop `spins` times and returns what came out, to be used as the next `seed`.
uint64_t local_spin(uint64_t seed, uint64_t spins);

// Returns how many spins fill a microsecond on this machine, at least 1. Takes some 100 ms.
uint64_t local_spins_per_us(void);

#endif
