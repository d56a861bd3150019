// The simulation's own structures, shared by the files of this folder and by tests that look
// inside. One thread uses a simulation, so nothing in it is guarded.
//
//   sim.c       lifetime, systems, the public calls that run it
//   step.c      one step: what could be next, and doing it
//   choice.c    where choices come from: strategy, seed, or the plan of another run
//   trace.c     what happened: hash, latest events, and these as text
//   cast.c      who the actors are, by name and number, also when they are gone
//   watch.c     how far a run has come, in memory that outlives its process
//   hand.c      messages delivered one by one, by hand
//   network.c   byte streams between the systems (net.h)
//   fault.c     which faults strike when, and whom
//   strike.c    what those do that strike actors, and memory
//   crash.c     systems that are gone at once, and come back
// Above these, and not known to them: plan.h (plans as text), seeds.h (many seeds).
#ifndef TRP_SIM_CORE_H
#define TRP_SIM_CORE_H

#include "actors/system.h"
#include "troupe/sim.h"

#define TRP_SIM_NODES    1024
#define TRP_SIM_START_NS UINT64_C(1000000000) // so that a time of 0 is a mistake

// What is chosen. Each kind is counted by itself, so that leaving one choice out of a plan leaves
// those of other kinds where they are. 0 is always the simplest: the oldest, no fault.
enum trp_sim_kind {
    TRP_SIM_NEXT,  // who is next
    TRP_SIM_CUT,   // whether an activation ends after this message
    TRP_SIM_TIMER, // which of the timers that are due at once
    TRP_SIM_FAULT, // whether a fault strikes, whom, and for how long
    TRP_SIM_BYTES, // how bytes travel
    TRP_SIM_PICK,  // the test's own
    TRP_SIM_KINDS
};

// A choice that was not 0.
struct trp_sim_mark {
    enum trp_sim_kind kind;
    uint32_t value;
    uint64_t ordinal; // among the choices of its kind, from 0
};

// Marks by kind and ordinal, ascending. The lists of a plan are malloc's.
struct trp_sim_plan {
    struct trp_sim_list {
        struct trp_sim_mark *marks;
        size_t count, capacity;
        size_t next; // the first one that has not come yet
    } lists[TRP_SIM_KINDS];

    bool fixed; // a record whose lists are not malloc's and cannot grow
};

// An actor as it is shown, "account#3": the third of this name in its system.
struct trp_sim_who {
    uint32_t name;   // 0: nobody that was ever spawned; see trp_sim_who_print
    uint32_t number; // from 1
};

// Something that happened. `node` is the system's number, or UINT32_MAX: the simulation's own.
struct trp_sim_event {
    uint64_t step, now;
    struct trp_probe_event probe;
    uint32_t node;

    union {
        struct trp_sim_who who[2]; // probe.ref and probe.other
        char text[96];             // of the simulation's own
    };
};

// Who lives, or has lived last, in a slot.
struct trp_sim_place {
    uint32_t generation; // 0: nobody yet
    struct trp_sim_who who;
};

struct trp_sim_name;

// The names of all actors that there were.
struct trp_sim_cast {
    struct trp_sim_name **names; // by who.name - 1
    uint32_t *index;             // by hash: who.name; twice as many as `capacity`
    uint32_t count, capacity;
};

#define TRP_SIM_TEXT  512 // bytes of a failure that are kept
#define TRP_SIM_LINE  160 // bytes of a line of the trace
#define TRP_SIM_LINES 1000
#define TRP_SIM_TOLD  8

// How far a run has come, kept outside of it for the case that it ends its process. Stands still
// from its failure on.
struct trp_sim_watch {
    uint64_t steps; // the last one is under way, or was made last
    uint64_t now;
    uint64_t faults; // that have struck
    bool failed;
    char failure[TRP_SIM_TEXT];
    uint32_t told_count;
    char told[TRP_SIM_TOLD][TRP_SIM_LINE];   // the first faults
    uint32_t line_capacity;                  // at most TRP_SIM_LINES; 0: no trace is wanted
    uint64_t line_count;                     // of the whole run
    uint32_t times[TRP_SIM_LINES];           // how often each of the lines comes, one after another
    char lines[TRP_SIM_LINES][TRP_SIM_LINE]; // the latest ones, a ring of line_capacity
};

struct trp_sim_invariant {
    struct trp_sim_invariant *next;
    troupe_sim_predicate holds;
    void *arg;
    char name[];
};

// A system and what is needed to start it again.
struct trp_sim_node {
    troupe_sim *sim;
    uint32_t index;
    troupe_system *system; // NULL: it is not there
    troupe_system_opts opts;
    char name[32];
    struct trp_sim_place *places; // by slot
    uint32_t place_count;
    troupe_sim_boot boot;
    void *user;
    troupe_allocator memory;  // where its memory comes from
    troupe_allocator counted; // what it gets
    int64_t blocks;           // given out and not given back
    bool starved;             // the next allocation in a step fails
    uint32_t waiting;         // calls under way that need the system to be there: see crash.c
    troupe_system *remains;   // crashed, and still to be freed
    uint64_t back_at;         // not there: when it comes back; TRP_NEVER: it does not by itself
    struct trp_probe probe;
};

// An actor that a fault has struck and that has not felt it yet, or that hangs.
struct trp_sim_struck {
    uint32_t node, slot, generation;
    troupe_sim_fault_kind kind; // FAIL, SLOW or HANG
    bool after;                 // FAIL: the user's function is called first
    uint64_t ns;                // SLOW: how long it takes; HANG: until when
    struct trp_task *task;      // HANG: held out of what is runnable; NULL: it is not runnable
};

#define TRP_SIM_STRUCK 64 // at most so many at a time

struct troupe_sim {
    uint64_t seed;
    troupe_sim_opts opts;
    struct trp_random random; // choices
    struct trp_random seeds;  // of systems

    uint64_t now; // ns
    uint64_t steps;
    uint64_t stop_at;       // raises SIGTRAP before that step; 0: never
    uint64_t faults;        // that have struck
    uint32_t *struck_times; // how often each of opts.faults has struck
    struct trp_sim_struck struck[TRP_SIM_STRUCK];
    uint32_t struck_count;
    uint32_t hung; // of those that hang
    bool attends;  // trp_sim_attend has something to do, now or later
    bool ending;   // it is being freed: nothing is checked, and no fault strikes
    bool running;  // a step is under way
    bool busy;     // in what must not wait: an activation or a timer
    bool single;   // activations end after one message
    bool holding;  // activations end before a message

    struct trp_sim_node **nodes;
    uint32_t node_count, node_capacity;
    struct trp_net *net; // between them; NULL: none
    uint32_t hosts;      // of the network; one for each system

    uint64_t ordinals[TRP_SIM_KINDS]; // choices made, by kind
    struct trp_sim_plan *plan;        // choices to make; NULL: by strategy and seed
    struct trp_sim_plan *record;      // choices that were made; NULL: nobody wants to know
    bool unrecorded;                  // a choice could not be recorded: no memory

    uint64_t turn;              // ROUND_ROBIN
    uint64_t *changes;          // PRIORITIES: steps, opts.changes of them
    struct trp_sim_rank *ranks; // PRIORITIES: units that have fallen, opts.changes of them
    uint32_t fallen;

    uint64_t hash;
    struct trp_sim_event *events; // the latest opts.trace ones, a ring
    uint32_t event_next;          // where the next one goes
    uint64_t event_count;
    struct trp_sim_cast cast;
    struct trp_sim_watch *watch; // NULL: nobody watches

    struct trp_sim_invariant *invariants;
    char *failure; // malloc's, or no_memory; NULL: none
    uint64_t failed_at;
};

// ---- choice.c

troupe_status trp_sim_choices_init(troupe_sim *sim);
void trp_sim_choices_fini(troupe_sim *sim);

// Returns a number from 0 to count - 1: `value`, unless a plan says another one.
uint32_t trp_sim_decide(troupe_sim *sim, enum trp_sim_kind kind, uint32_t count, uint32_t value);

// The same with a random value. For a count of 1 or 0 nothing is chosen.
uint32_t trp_sim_choose(troupe_sim *sim, enum trp_sim_kind kind, uint32_t count);

// True once in a million divided by `per_million`.
bool trp_sim_chance(troupe_sim *sim, enum trp_sim_kind kind, uint32_t per_million);

// Something that could be next: the timers, a task or a job of a node, or what comes next on the
// network, whose node is node_count.
struct trp_sim_unit {
    uint32_t node;

    enum trp_sim_source {
        TRP_SIM_TIMERS,
        TRP_SIM_TASKS,
        TRP_SIM_JOBS,
        TRP_SIM_NET,
        TRP_SIM_SOURCES
    } source;

    uint32_t index; // of the task, job or event
};

// Chooses what is next among `count` units; trp_sim_unit_at tells them.
uint32_t trp_sim_next(troupe_sim *sim, uint32_t count);

// True: the running activation is to end after this message.
bool trp_sim_cut(troupe_sim *sim);

// ---- step.c

// Makes one step; if there is none to make now, moves the clock on to when there is, not past
// `deadline` (TRP_NEVER: none). False: that has come, nothing is left to do before it, or the
// simulation has failed.
bool trp_sim_step(troupe_sim *sim, uint64_t deadline);

// Tells whether steps can be made at all; a handler that wants some fails the simulation.
bool trp_sim_goes_on(troupe_sim *sim);

// Makes one step without moving the clock before it. False: there is none to make now.
bool trp_sim_step_now(troupe_sim *sim);

// Runs that unit, which is one step.
void trp_sim_do(troupe_sim *sim, struct trp_sim_unit unit);

// The earliest time at which there is something to do.
uint64_t trp_sim_next_time(const troupe_sim *sim);

// Returns how many units could run now, and which one `number` is.
uint32_t trp_sim_units(const troupe_sim *sim);
struct trp_sim_unit trp_sim_unit_at(const troupe_sim *sim, uint32_t number);

// Returns how many units the source of this one has.
uint32_t trp_sim_source_size(const troupe_sim *sim, struct trp_sim_unit unit);

// ---- fault.c

// Says what is wrong with the faults of these options.
troupe_status trp_sim_faults_check(const troupe_sim_opts *opts);

// Copies opts.faults.
troupe_status trp_sim_faults_init(troupe_sim *sim);
void trp_sim_faults_fini(troupe_sim *sim);

bool trp_sim_has_fault(const troupe_sim *sim, troupe_sim_fault_kind kind);

// Lets the faults of this step strike. True: what can be run has changed.
bool trp_sim_strike(troupe_sim *sim);

// ---- strike.c

// What a fault is to do; `draw` decides what is left open, 0 being the simplest. False: there is
// nobody whom it could strike.
bool trp_sim_strike_actor(troupe_sim *sim, const troupe_sim_fault *fault, uint32_t draw);
bool trp_sim_strike_system(troupe_sim *sim, const troupe_sim_fault *fault, uint32_t draw);

// Takes a part from what is left of a draw: from 0 to count - 1.
static inline uint32_t trp_sim_part(uint32_t *draw, uint32_t count)
{
    uint32_t part = *draw % count;
    *draw /= count;
    return part;
}

// How long a fault takes.
uint32_t trp_sim_fault_ms(const troupe_sim_fault *fault, uint32_t *draw);

// The seam of systems where actors may fail or be slow; `user` is the node.
bool trp_sim_fails(void *user, const struct trp_slot *slot, enum trp_moment moment);

// Holds the task of an actor that hangs out of what is runnable. False: it does not hang.
bool trp_sim_hold(troupe_sim *sim, struct trp_sim_unit unit);

// Lets those go on that have hung for long enough.
void trp_sim_unhang(troupe_sim *sim);

// The earliest time at which one of them does.
uint64_t trp_sim_hung_until(const troupe_sim *sim);

// Forgets those of a system that ends; they get turns again.
void trp_sim_forget_struck(struct trp_sim_node *node, troupe_system *system);

// ---- crash.c

// Crashes a system that is there, which comes back at that time.
void trp_sim_take_down(struct trp_sim_node *node, uint64_t back_at);

// Does what is due without being a step: systems come back, hangs end. Between two steps. False:
// the simulation has failed.
bool trp_sim_attend_now(troupe_sim *sim);

static inline bool trp_sim_attend(troupe_sim *sim)
{
    if (__builtin_expect(sim->attends, 0))
        return trp_sim_attend_now(sim);
    return sim->failure == NULL || sim->ending;
}

// The earliest time at which it has something to do.
uint64_t trp_sim_attend_at(const troupe_sim *sim);

// ---- trace.c

troupe_status trp_sim_trace_init(troupe_sim *sim);
void trp_sim_trace_fini(troupe_sim *sim);

// A system's probe: `user` is the node.
void trp_sim_observe(void *user, const struct trp_probe_event *event);

// Adds to the hash.
void trp_sim_mix(troupe_sim *sim, uint64_t value);

// An event of the simulation's own; `node` as in trp_sim_event. That of a fault begins with these:
#define TRP_SIM_FAULT_NOTE "fault: "
void trp_sim_note(troupe_sim *sim, uint32_t node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// Writes an event as a line without its end; `size` > 0. Returns false, and an empty one, if it is
// not worth a line.
bool trp_sim_event_print(const troupe_sim *sim, const struct trp_sim_event *event, char *line,
                         size_t size);

// Writes a line of the trace that comes so often, one after another.
void trp_sim_line_write(const char *line, uint32_t times, FILE *to);

// ---- cast.c

// An actor was spawned. Without memory it stays nameless.
void trp_sim_cast_add(struct trp_sim_node *node, troupe_ref ref);
void trp_sim_cast_fini(troupe_sim *sim);

// Returns who a ref of the node's system names or has named.
static inline struct trp_sim_who trp_sim_who(const struct trp_sim_node *node, troupe_ref ref)
{
    if (ref.slot >= node->place_count || node->places[ref.slot].generation != ref.generation)
        return (struct trp_sim_who){0, 0};
    return node->places[ref.slot].who;
}

// Writes "account#3", and returns `text`. Who has no name is "outside" for the zero ref, else
// "somebody".
#define TRP_SIM_WHO_TEXT 48
const char *trp_sim_who_print(const troupe_sim *sim, struct trp_sim_who who, troupe_ref ref,
                              char text[TRP_SIM_WHO_TEXT]);

// ---- watch.c; sim->watch is there

void trp_sim_watch_step(troupe_sim *sim);    // it begins
void trp_sim_watch_failure(troupe_sim *sim); // sim->failure is set
void trp_sim_watch_event(troupe_sim *sim, const struct trp_sim_event *event);

// ---- network.c

// Gives those systems hosts that have none, if there is a network.
troupe_status trp_sim_network_grow(troupe_sim *sim);

// Takes a system's host down, or up again; nothing if it is so, or there is no network.
void trp_sim_network_set(const struct trp_sim_node *node, bool up);

// ---- sim.c

// Returns the time `ms` from now; TRP_NEVER if there is none.
uint64_t trp_sim_in_ms(const troupe_sim *sim, uint64_t ms);

// Starts the node's system, which is not there and has no remains, and boots it.
troupe_status trp_sim_start(struct trp_sim_node *node);

#endif
