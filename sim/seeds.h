// Many seeds: what is shared by the files that find a failure, make it shorter and tell of it.
//
//   seeds.c    the public call, the environment, what follows what
//   child.c    runs in a process of their own, and how it ended
//   output.c   what such a process has printed, and where in the sources that points
//   shrink.c   making a failure shorter
//   report.c   telling of it
//
// Whoever runs a test has the parent's thread; a child has one thread of its own for the test (see
// child.c). What a child is to leave behind it writes into memory that both share.
#ifndef TRP_SIM_SEEDS_H
#define TRP_SIM_SEEDS_H

#include "sim/plan.h"

// What is to be run.
struct trp_sim_job {
    const troupe_sim_test *test;
    uint64_t from, count;            // seeds
    const struct trp_sim_plan *plan; // NULL: none
    uint64_t max_steps;              // 0: as the test says
    uint64_t stop_at;                // 0: nowhere
    uint32_t lines;                  // of the trace that are kept
    bool record;                     // its choices
    bool leaks;                      // are looked for when all is done: takes a while
    bool quiet;                      // keep what it prints, do not show it
    unsigned seconds;                // end it after so many; 0: never
};

enum trp_sim_how {
    TRP_SIM_GOOD,
    TRP_SIM_FAILED,   // the simulation has, with a text
    TRP_SIM_EXITED,   // the process has, by exit
    TRP_SIM_SIGNALED, // a signal ended the process
    TRP_SIM_LEAKED,   // LeakSanitizer says so, after all seeds
    TRP_SIM_LOST,     // somebody else has waited for the process
    TRP_SIM_UNBORN    // there could be no process; troupe_error_text says why
};

// How a child ended.
struct trp_sim_end {
    enum trp_sim_how how;
    int code;                // exit code or signal
    uint64_t seed;           // of the run that was under way
    char text[TRP_SIM_TEXT]; // why, for a reader; "": GOOD
    char place[128];         // "file.c:38" that was printed last; "": none. Of quiet jobs only
};

#define TRP_SIM_MARKS (UINT32_C(1) << 20) // that can be recorded of each kind

// What a child leaves behind.
struct trp_sim_shared {
    uint64_t seed;              // under way, or the last one
    bool done;                  // all runs have ended well
    bool leaked;                // and LeakSanitizer has found something
    struct trp_sim_plan record; // its lists are in `marks`
    struct trp_sim_watch watch; // of the latest run
    struct trp_sim_mark marks[TRP_SIM_KINDS][TRP_SIM_MARKS]; // only touched when used
};

// A failure, and what became of it.
struct trp_sim_finding {
    const troupe_sim_test *test;
    uint64_t seed;
    struct trp_sim_end end;  // as it was found
    struct trp_sim_end last; // as it was seen last, which `watch` belongs to
    const struct trp_sim_watch *watch;
    uint64_t steps, choices, faults; // before it was made shorter
    uint64_t attempts;               // to make it shorter; 0: that was not tried
    const char *why_not;             // it was not made shorter; NULL: it was
    const struct trp_sim_plan *plan; // NULL: none
};

// ---- child.c

// Memory that children share; NULL: none, troupe_error_text says why.
struct trp_sim_shared *trp_sim_shared_new(void);
void trp_sim_shared_free(struct trp_sim_shared *shared);

// Runs one seed, here and now. Returns whether it was good; `watch` tells the rest. `record` may be
// NULL.
bool trp_sim_run_seed(const struct trp_sim_job *job, uint64_t seed, struct trp_sim_watch *watch,
                      struct trp_sim_plan *record);

// Runs a job in a child until the first failure, and waits for it.
void trp_sim_run_child(const struct trp_sim_job *job, struct trp_sim_shared *shared,
                       struct trp_sim_end *end);

// ---- output.c

// Returns a file for what a child prints, or -1.
int trp_sim_output_open(void);

// Finds the last line that names a place in the sources, and the place. Else both are "".
void trp_sim_output_place(int file, char line[TRP_SIM_TEXT], char place[128]);

// Tells whether two ends are the same failure: the same but for numbers and addresses.
bool trp_sim_same_end(const struct trp_sim_end *one, const struct trp_sim_end *other);

// ---- shrink.c

// Makes a failure shorter: `plan` is what was recorded of it, and becomes what is left. `job` is
// its job, `end` its end, shared->watch its run. Returns how many runs were tried.
uint64_t trp_sim_shrink(const struct trp_sim_job *job, struct trp_sim_shared *shared,
                        const struct trp_sim_end *end, struct trp_sim_plan *plan);

// ---- report.c; all on stderr

// Says what fails and why: before the work that follows.
void trp_sim_report_head(const struct trp_sim_finding *finding);

// Says the rest.
void trp_sim_report(const struct trp_sim_finding *finding);

#endif
