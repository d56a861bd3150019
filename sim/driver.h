// The deterministic driver: a system on one thread, with a seed and a virtual clock.
//
// The same actors, mailboxes, timers and supervisors run as on real threads; only the seams differ.
// The seed decides which runnable actor is next and where an activation is cut. Time stands still
// while anything is runnable and then jumps to the next timer. The same seed and program give the
// same trace hash, whatever the compiler.
#ifndef TRP_SIM_DRIVER_H
#define TRP_SIM_DRIVER_H

#include "actors/system.h"

struct trp_driver {
    troupe_system *system;
    struct trp_random choices;
    uint64_t now;   // ns
    uint64_t hash;  // of all that the probe told
    uint64_t steps; // activations, jobs and batches of timers
    struct trp_probe probe;
};

// Starts a driven system; `opts` may be NULL, its seed and workers are not used. The driver must
// stay where it is until the system is stopped, with troupe_system_stop as any other.
troupe_status trp_driver_start(struct trp_driver *driver, uint64_t seed,
                               const troupe_system_opts *opts);

// Runs until nothing is runnable or due any more, without moving the clock.
void trp_driver_settle(struct trp_driver *driver);

// Runs until `ms` of virtual time have passed.
void trp_driver_advance(struct trp_driver *driver, uint64_t ms);

// Runs, moving the clock from timer to timer, until no timer is left either.
void trp_driver_run(struct trp_driver *driver);

#endif
