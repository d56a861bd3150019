// How small benchmarks measure: several runs, the median is printed as name=value.
#ifndef BENCH_SUPPORT_MEASURE_H
#define BENCH_SUPPORT_MEASURE_H

#include "base/clock.h"

#include <stdint.h>

// Calls `run` a few times, once before to warm up, and prints "name=<median>" on stdout.
void trp_measure(const char *name, double (*run)(void *user), void *user);

// Nanoseconds per operation since `start`.
double trp_measure_per(uint64_t start, uint64_t operations);

#endif
