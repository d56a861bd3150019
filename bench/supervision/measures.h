// The measures, each in the file that does what it measures.
#ifndef BENCH_SUPERVISION_MEASURES_H
#define BENCH_SUPERVISION_MEASURES_H

#include "bench/supervision/run.h"

// restart.c
extern const struct supervision_measure supervision_restart;
extern const struct supervision_measure supervision_restart_init;
extern const struct supervision_measure supervision_restart_cold;

// dynamic.c
extern const struct supervision_measure supervision_dynamic;
extern const struct supervision_measure supervision_dynamic_one;
extern const struct supervision_measure supervision_dynamic_unasked;
extern const struct supervision_measure supervision_dynamic_ends;

// tree.c
extern const struct supervision_measure supervision_tree;

// watch.c
extern const struct supervision_measure supervision_watched;
extern const struct supervision_measure supervision_watching;
extern const struct supervision_measure supervision_linked;
extern const struct supervision_measure supervision_linked_ends;

#endif
