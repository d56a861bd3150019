// One system alone in a simulation, in which time stands still while anything is runnable: for the
// runtime's own tests and benchmarks.
#ifndef TRP_SIM_DRIVER_H
#define TRP_SIM_DRIVER_H

#include "sim/core.h"

struct trp_driver {
    troupe_sim *sim;
    troupe_system *system;
};

// Starts a driven system; `opts` may be NULL, its seed and workers are not used.
troupe_status trp_driver_start(struct trp_driver *driver, uint64_t seed,
                               const troupe_system_opts *opts);

// Stops the system, as troupe_system_stop, and frees the simulation. What that finds wrong is
// TROUPE_ECANCELED, with the text.
troupe_status trp_driver_stop(struct trp_driver *driver, uint32_t deadline_ms,
                              troupe_report *report);

// Makes one step, without moving the clock. False: nothing is runnable or due.
bool trp_driver_step(struct trp_driver *driver);

// Runs until nothing is runnable or due any more, without moving the clock.
void trp_driver_settle(struct trp_driver *driver);

// Runs until `ms` of virtual time have passed.
void trp_driver_advance(struct trp_driver *driver, uint64_t ms);

// Runs, moving the clock from timer to timer, until no timer is left either.
void trp_driver_run(struct trp_driver *driver);

#endif
