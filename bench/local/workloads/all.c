// See all.h.
#include "bench/local/workloads/all.h"

const struct local_workload *const LOCAL_FORM(local_workloads)[LOCAL_WORKLOADS] = {
    &LOCAL_FORM(local_pingpong), &LOCAL_FORM(local_ring),    &LOCAL_FORM(local_count),
    &LOCAL_FORM(local_fjcreate), &LOCAL_FORM(local_fjthr),   &LOCAL_FORM(local_big),
    &LOCAL_FORM(local_tree),     &LOCAL_FORM(local_fanin),   &LOCAL_FORM(local_idle),
    &LOCAL_FORM(local_cpu),      &LOCAL_FORM(local_timers),  &LOCAL_FORM(local_lateness),
    &LOCAL_FORM(local_ask),      &LOCAL_FORM(local_asklong), &LOCAL_FORM(local_spawnstop),
    &LOCAL_FORM(local_latency),
};
