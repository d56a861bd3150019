// One run of one workload: what it is told and what it tells. A process does one run, so there is
// one struct local_run.
#ifndef BENCH_LOCAL_RUN_H
#define BENCH_LOCAL_RUN_H

#include <semaphore.h>
#include <troupe.h>

enum local_form { LOCAL_STRUCT, LOCAL_PROTOBUF, LOCAL_FORMS };

// The names of the forms, as in --messages.
extern const char *const local_form_names[LOCAL_FORMS];

// What an argument of a workload may be.
struct local_argument {
    const char *name; // for the help text; NULL: the workload has no such argument
    uint64_t low, high, standard;
};

// What the program itself says to a lead; a struct in both forms, since it does not count.
TROUPE_EMPTY(Begin);

// A workload. Its lead is the actor that is sent Begin; it spawns the others, calls
// local_clock_start when it sends the first message that counts and local_finish when the last
// actor has reported. An actor that fails ends the program.
struct local_workload {
    const char *name;
    const char *what; // for the help text
    struct local_argument n, k;
    uint32_t least_workers; // 0: any
    bool needs_spin;        // uses local_run.spins_per_us
    const troupe_behavior *lead;
};

#define LOCAL_WORKLOADS 16

// The workloads in the order of the help text, the same for both forms.
extern const struct local_workload *const local_workloads_struct[LOCAL_WORKLOADS];
extern const struct local_workload *const local_workloads_protobuf[LOCAL_WORKLOADS];

#define LOCAL_NOTES 8

struct local_run {
    // Set before the system starts, and only read from then on.
    const struct local_workload *workload;
    enum local_form form;
    uint64_t n, k;
    uint64_t pieces; // messages that a sending loop sends per handler; 0: all
    uint32_t workers;
    uint64_t spins_per_us;
    uint64_t system_id; // of refs; set before Begin is sent

    // Written by the lead before `done` is posted, read afterwards.
    uint64_t started_ns, ended_ns;
    uint64_t ops;
    size_t note_count;
    const char *note_names[LOCAL_NOTES];
    double notes[LOCAL_NOTES];
    uint64_t *times_ns; // the lead's
    size_t time_count;
    sem_t done;
};

extern struct local_run local_run;

// Does the run that local_run tells of in this process and prints its line on stdout. Returns the
// program's exit code.
int local_run_here(void);

// The same in a process of its own, so that neither memory nor its high-water mark is left over
// from the run before.
int local_run_apart(void);

// ---- For the lead

// Starts the clock.
void local_clock_start(troupe_ctx *ctx);

// Ends the run, in which `ops` operations were done since the clock started, and lets the program
// go on to stop the system. Returns TROUPE_OK.
troupe_status local_finish(troupe_ctx *ctx, uint64_t ops);

// Adds a value to the run's line; `name` is static text. Before local_finish.
void local_note(const char *name, double value);

// Has p50_us, p99_us, p999_us and max_us of `count` times in nanoseconds added. They are sorted
// when the run is over, so they must live as long as the lead. Before local_finish.
void local_note_times(uint64_t *times_ns, size_t count);

// How many of `left` messages a sending loop sends before it lets others have a turn.
static inline uint64_t local_piece(uint64_t left)
{
    return local_run.pieces > 0 && local_run.pieces < left ? local_run.pieces : left;
}

#endif
