// The workloads by name; each is defined in both forms, see bench/local/messages.h.
#ifndef BENCH_LOCAL_WORKLOADS_ALL_H
#define BENCH_LOCAL_WORKLOADS_ALL_H

#include "bench/local/messages.h"

extern const struct local_workload LOCAL_FORM(local_pingpong);
extern const struct local_workload LOCAL_FORM(local_ring);
extern const struct local_workload LOCAL_FORM(local_count);
extern const struct local_workload LOCAL_FORM(local_fjcreate);
extern const struct local_workload LOCAL_FORM(local_fjthr);
extern const struct local_workload LOCAL_FORM(local_big);
extern const struct local_workload LOCAL_FORM(local_tree);
extern const struct local_workload LOCAL_FORM(local_fanin);
extern const struct local_workload LOCAL_FORM(local_idle);
extern const struct local_workload LOCAL_FORM(local_cpu);
extern const struct local_workload LOCAL_FORM(local_timers);
extern const struct local_workload LOCAL_FORM(local_lateness);
extern const struct local_workload LOCAL_FORM(local_ask);
extern const struct local_workload LOCAL_FORM(local_asklong);
extern const struct local_workload LOCAL_FORM(local_spawnstop);
extern const struct local_workload LOCAL_FORM(local_latency);

#endif
