// See measure.h.
#include "bench/support/measure.h"

#include <stdio.h>
#include <stdlib.h>

#define RUNS 9

static int compare(const void *one, const void *other)
{
    double a = *(const double *)one, b = *(const double *)other;
    return (a > b) - (a < b);
}

void trp_measure(const char *name, double (*run)(void *user), void *user)
{
    double results[RUNS];
    run(user);
    for (int i = 0; i < RUNS; i++)
        results[i] = run(user);
    qsort(results, RUNS, sizeof *results, compare);
    (void)printf("%s=%.2f\n", name, results[RUNS / 2]);
    (void)fflush(stdout);
}

double trp_measure_per(uint64_t start, uint64_t operations)
{
    return (double)(trp_clock_now(&trp_real_clock) - start) / (double)operations;
}
