// One run of one measure: what it is told and what it tells. Each run has a process of its own, so
// there is one struct supervision_run in it.
#ifndef BENCH_SUPERVISION_RUN_H
#define BENCH_SUPERVISION_RUN_H

#include <semaphore.h>
#include <troupe.h>

// What the program says to a lead.
TROUPE_EMPTY(Begin);

// A measure. Its lead is the actor that is sent Begin; it spawns the others and calls
// supervision_finish when it has noted what it has measured.
struct supervision_measure {
    const char *name;
    const char *what; // for the help text
    uint64_t n;       // how often, or how many
    bool fails;       // its actors are to fail; one of others ends the program by that
    int variant;      // the lead's
    const troupe_behavior *lead;
};

#define SUPERVISION_MEASURES 12

extern const struct supervision_measure *const supervision_measures[SUPERVISION_MEASURES];

#define SUPERVISION_VALUES 8

// What a run has measured. `name` is static text.
struct supervision_value {
    const char *name;
    double value;
};

struct supervision_values {
    size_t count;
    struct supervision_value of[SUPERVISION_VALUES];
};

struct supervision_run {
    // Set before the system starts, and only read from then on.
    const struct supervision_measure *measure;
    uint64_t n;
    uint32_t workers;

    // Written by the lead before `done` is posted.
    struct supervision_values *values;
    sem_t done;
};

extern struct supervision_run supervision_run;

// Does the run that supervision_run tells of, in a process of its own. False: it failed, and has
// said why on stderr.
bool supervision_run_apart(struct supervision_values *values);

// ---- For the lead

// Adds a value to what the run tells.
void supervision_note(const char *name, double value);

// The same for the time since `started_ns`, in milliseconds.
void supervision_note_ms(troupe_ctx *ctx, const char *name, uint64_t started_ns);

// The same for the median and the 99th percentile of times in nanoseconds, which it sorts:
// p50_us and p99_us.
void supervision_note_times(uint64_t *times_ns, size_t count);

// Lets the program go on to stop the system. Returns TROUPE_OK.
troupe_status supervision_finish(void);

#endif
