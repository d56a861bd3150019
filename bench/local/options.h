// What the command line asks for.
#ifndef BENCH_LOCAL_OPTIONS_H
#define BENCH_LOCAL_OPTIONS_H

#include "bench/local/run.h"

#define LOCAL_MAX_WORKER_COUNTS 16

// Each list is tried in order, in every round.
struct local_options {
    uint32_t workers[LOCAL_MAX_WORKER_COUNTS];
    size_t worker_count;
    enum local_form forms[LOCAL_FORMS];
    size_t form_count;
    uint64_t pieces, runs;
    bool all;        // all workloads with their default arguments, else:
    size_t workload; // its index
    uint64_t n, k;
};

// Reads the command line. On what is wrong or asks for help, prints that and ends the program.
void local_options_read(int argc, char **argv, struct local_options *options);

#endif
