// Simulation: whole systems on one thread, repeatable from a seed, in virtual time, with faults.
//
// The same actors, mailboxes, timers and supervisors run as on real threads, with nothing of theirs
// changed: who is next, where an activation is cut, which timer of those due at once goes off first
// and which fault strikes when are choices, and all of them come from the seed. Nothing real is
// waited for: an hour passes as soon as nothing else is left to do. The same seed and program give
// the same run, whatever the compiler.
//
//     static void transfers(troupe_sim *sim, void *user)
//     {
//         static struct bank bank; // outlives the run, as actors do; begins anew with each
//         bank = (struct bank){0};
//         if (troupe_sim_add(sim, NULL, open_bank, &bank, NULL) != TROUPE_OK)
//             return;
//         troupe_sim_invariant(sim, "no money is lost", sums_match, &bank);
//         troupe_sim_run(sim);
//     }
//
//     static const troupe_sim_test test = {.name = "transfers", .run = transfers};
//     assert_true(troupe_sim_for_seeds(&test, 1, 10000)); // in a cmocka test, or any other
//
// A run that fails says with which seed, at which step and what led there, made as short as can be,
// and how to have it again in a debugger.
//
// What a simulated program must not do: start threads, block, read real clocks or random numbers
// other than troupe_random, or let addresses decide anything. Actors with threads of their own run
// in the simulation's loop, and blocking jobs at some later step of it.
//
// A call that waits without a limit for what can never happen, because nothing is left that could
// make a step, returns TROUPE_ETIMEDOUT at once.
//
// Threads: all calls here belong to the one thread that uses the simulation. Those that run it (so
// do the _wait calls and troupe_system_stop of a simulated system) are not for handlers; the others
// may be called from handlers, too.
#ifndef TROUPE_SIM_H
#define TROUPE_SIM_H

#include <stdbool.h>
#include <stdio.h>
#include <troupe/system.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct troupe_sim troupe_sim;

// ---- Options

// How choices are made.
typedef enum troupe_sim_strategy {
    TROUPE_SIM_RANDOM_WALK = 0, // anything that could be next is equally likely
    TROUPE_SIM_PRIORITIES,      // each actor has a random priority and the highest goes first; at
                                // `changes` random steps the one that is next falls to the bottom.
                                // Finds what needs few preemptions in far fewer runs, the more so
                                // with a cut_in of 1 (PCT: Burckhardt et al., 2010)
    TROUPE_SIM_ROUND_ROBIN      // the one that waits longest; nothing is cut, unless cut_in is 1
} troupe_sim_strategy;

// What can go wrong. Faults strike between two steps, or where it is said; not while a system is
// stopped by troupe_sim_free, and not by hand (below).
typedef enum troupe_sim_fault_kind {
    TROUPE_SIM_FAIL = 1, // an actor fails with its next message, or its init if that comes first:
                         // instead of the call, or after it. TROUPE_ESYSTEM, "simulated failure"
    TROUPE_SIM_KILL,     // an actor is killed, as by troupe_kill
    TROUPE_SIM_HANG,     // an actor gets no turn for `ms`, as if a handler did not return: a stop
                         // waits for it, and a kill has its effect after kill_grace_ms, or at once
                         // when the system is stopping
    TROUPE_SIM_SLOW,     // an actor's next message, or its init, takes `ms`: the clock has moved on
                         // when the call returns, and nobody had a turn
    TROUPE_SIM_NO_MEMORY, // a system's next allocation in a step fails (the test's own calls and
                          // boot functions get memory); all systems run without caches of memory
    TROUPE_SIM_CRASH      // a system is gone at once, as by troupe_sim_crash, and comes back after
                          // `ms`
} troupe_sim_fault_kind;

// One kind of fault: at one step, or now and then. It strikes one of those that it could strike,
// each equally likely; if there is none, it does not. At most 64 actors at a time hang, or are
// still to fail or to be slow.
typedef struct troupe_sim_fault {
    troupe_sim_fault_kind kind;
    uint64_t step;        // either before this step, counted from 1
    uint32_t per_million; // or by probability: how likely it is before each step, 1 to 1,000,000
    uint32_t times;       // at most that often in a run; 0: no limit
    uint32_t ms;          // HANG, SLOW, CRASH: virtual milliseconds; by probability: 1 to so many;
                          // 0: 1000. HANG, CRASH: TROUPE_NO_LIMIT: for good
    const char *system;   // only in the system of this name; NULL: in any
    const char *actor;    // FAIL, KILL, HANG, SLOW: only actors of this name; NULL: any actor but
                          // supervisors
} troupe_sim_fault;

// All fields: 0 is the default.
typedef struct troupe_sim_opts {
    troupe_sim_strategy strategy;
    uint32_t changes;   // PRIORITIES: how many changes of priority; default 3, at most 1000
    uint64_t horizon;   // PRIORITIES: they happen within so many steps; default 1000
    uint32_t step_ns;   // virtual time that a step takes; default 1000
    uint64_t max_steps; // a run of so many steps fails as a livelock; default 10,000,000
    uint32_t trace;     // how many of the latest events are kept; default 64, at most 1,000,000
    uint32_t cut_in;    // an activation ends after one message in so many; default 4; 1: after each
    const troupe_sim_fault *faults; // copied, with their names
    uint32_t fault_count;           // at most 1000
} troupe_sim_opts;

// ---- Lifetime

// Makes a simulation; `opts` may be NULL.
// Errors: TROUPE_EINVAL, with a text that names the field; TROUPE_ENOMEM.
TROUPE_API troupe_status troupe_sim_new(uint64_t seed, const troupe_sim_opts *opts,
                                        troupe_sim **sim);

// Stops the systems that are left and frees everything. If the simulation has not failed, it checks
// that every system stopped, that no message was lost (sent = handled + dead + dropped), that all
// actors that were spawned have ended, and that all memory came back: one of these not so is a
// failure. (But that a message which the program owns was not freed ends the process, with a text,
// as with any system: what only a `stop` frees is lost by a kill or crash; see troupe_defer.)
// Returns whether the simulation has not failed; the text is in troupe_error_text(NULL).
TROUPE_API bool troupe_sim_free(troupe_sim *sim);

// ---- Systems

// Called when a system has started, and again each time that it has come back after a crash. May
// wait in it; when it crashes meanwhile, the wait ends with an error.
typedef void (*troupe_sim_boot)(troupe_sim *sim, troupe_system *system, void *user);

// Starts a system in the simulation. Of `opts`, which may be NULL, `seed` and `workers` have no
// meaning; the rest is copied. `boot` may be NULL; called from a handler, it must not wait.
// `index`, if not NULL, gets its number: 0 for the first. At most 1024. A system may be stopped
// with troupe_system_stop, like any other. Errors: as troupe_system_start; TROUPE_EEXIST: the name
// is another's (give each one a name).
TROUPE_API troupe_status troupe_sim_add(troupe_sim *sim, const troupe_system_opts *opts,
                                        troupe_sim_boot boot, void *user, uint32_t *index);

// Returns a system; NULL: it has crashed or was stopped, or there is none with this number. Where
// systems may crash, ask anew after each call that runs the simulation.
TROUPE_API troupe_system *troupe_sim_system(const troupe_sim *sim, uint32_t index);

// Crashes a system, as a loss of power would: no handler of it runs any more, none of its hooks is
// called, and what it had sent and not delivered is gone. Its memory is freed, so release functions
// (of defers and blocking jobs) run; `stop` functions do not. What waits in it (troupe_call,
// troupe_join, a stop) comes out as if all its actors had been killed; until the next call that
// runs the simulation, the pointer to such a system is still good, for calls that find nobody. A
// stop that is overtaken by a crash is a stop: the system does not come back.
// Errors: TROUPE_ENOENT (no such system, or it is not there), TROUPE_ENOTSUP from a handler: that
// is what the fault is for.
TROUPE_API troupe_status troupe_sim_crash(troupe_sim *sim, uint32_t index);

// Starts a system again that has crashed or was stopped, and boots it; one that would come back by
// itself, too. Refs of before are dead. From a handler: before the next step, and if it cannot be
// started, the simulation fails.
// Errors: as troupe_system_start; TROUPE_ENOENT; TROUPE_EALREADY: it is there.
TROUPE_API troupe_status troupe_sim_restart(troupe_sim *sim, uint32_t index);

// ---- Running

// Something that can be asked at any time: must not change anything, nor wait.
typedef bool (*troupe_sim_predicate)(troupe_sim *sim, void *arg);

// Makes one step: an activation, a blocking job, a timer, a delivery of bytes; or, when there is
// nothing to do now, moves the clock to the next time at which there is. False: nothing is left at
// all, or the simulation has failed.
TROUPE_API bool troupe_sim_step(troupe_sim *sim);

// Runs until nothing is left to do, and no timer armed.
// Errors, of this and the three below: TROUPE_ECANCELED: the simulation has failed, and nothing
// runs any more.
TROUPE_API troupe_status troupe_sim_run(troupe_sim *sim);

// Runs `steps` steps, or until nothing is left.
TROUPE_API troupe_status troupe_sim_run_steps(troupe_sim *sim, uint64_t steps);

// Runs until `ms` of virtual time have passed, even if nothing is left to do.
TROUPE_API troupe_status troupe_sim_run_for(troupe_sim *sim, uint64_t ms);

// Runs until `holds` returns true, which is asked first at once. TROUPE_ETIMEDOUT: not within `ms`
// of virtual time, or nothing is left to do before. TROUPE_EINVAL: `holds` is NULL.
TROUPE_API troupe_status troupe_sim_run_until(troupe_sim *sim, troupe_sim_predicate holds,
                                              void *arg, uint64_t ms);

// ---- What must be so

// From now on `holds` must be true after each step. `name` is copied, for the report.
// Errors: TROUPE_EINVAL (NULL), TROUPE_ENOMEM.
TROUPE_API troupe_status troupe_sim_invariant(troupe_sim *sim, const char *name,
                                              troupe_sim_predicate holds, void *arg);

// Runs until `holds` returns true: liveness. Fails the simulation if it does not within `ms` of
// virtual time. Returns whether it did.
TROUPE_API bool troupe_sim_eventually(troupe_sim *sim, const char *name, troupe_sim_predicate holds,
                                      void *arg, uint64_t ms);

// Fails the simulation: the step that is under way is its last one. The first failure counts.
TROUPE_API void troupe_sim_fail(troupe_sim *sim, const char *format, ...) TROUPE_PRINTF(2, 3);

// Fails the simulation unless the condition is true. Returns whether it is.
#define TROUPE_SIM_CHECK(sim, condition) \
    ((bool)((condition) ||               \
            (troupe_sim_fail((sim), "%s:%d: %s", __FILE__, __LINE__, #condition), 0)))

// Returns why the simulation has failed; NULL: it has not. Ownership: the simulation's.
TROUPE_API const char *troupe_sim_failure(const troupe_sim *sim);

// ---- Looking at it

TROUPE_API uint64_t troupe_sim_seed(const troupe_sim *sim);
TROUPE_API uint64_t troupe_sim_steps(const troupe_sim *sim);  // made until now
TROUPE_API uint64_t troupe_sim_now_ns(const troupe_sim *sim); // virtual; begins at 1 s
TROUPE_API uint64_t troupe_sim_faults(const troupe_sim *sim); // struck until now

// Returns a hash over all that has happened: two runs are the same if it is.
TROUPE_API uint64_t troupe_sim_hash(const troupe_sim *sim);

// Returns a number from 0 to count - 1 for the test's own choices (0 for a count of 0). When a
// failure is made short such numbers become 0 where they can, so let 0 be the simplest.
TROUPE_API uint32_t troupe_sim_pick(troupe_sim *sim, uint32_t count);

// Writes the latest events, a line each: step, virtual time since the beginning, system if there
// are several, what happened. Actors are shown by name and number, "account#3": the third that was
// spawned with this name in its system. The same run gives the same text in every build.
TROUPE_API void troupe_sim_print(const troupe_sim *sim, FILE *to);

// ---- Many seeds

typedef struct troupe_sim_test {
    const char *name; // for the report
    // Tells one story in `sim`, which it must not free. Must do the same for the same seed: no
    // state may be left from the run before.
    void (*run)(troupe_sim *sim, void *user);
    void *user;
    troupe_sim_opts opts;
} troupe_sim_test;

// Runs a test under the seeds from `from` to `from + count - 1`. Returns true when none failed. A
// failure is one of the simulation (above), or whatever else ends a program: an assertion of any
// test library, a signal, a sanitizer's finding. The first one is made shorter, as long as it stays
// the same failure, and reported on stderr: seed, step, why, faults, the latest events (as many as
// opts.trace says, up to 1000; default 25), how to have it again.
//
// The runs happen in forked children, one after the other and on a thread of their own there, so
// that nothing can break the caller's program: it sees nothing of what they write into its memory,
// and no handler for its exit runs. It must have no other threads when it calls this. What runs on
// and on without making steps is not ended. Leaks that LeakSanitizer finds count when all seeds
// have run.
//
// The environment decides instead, where it is set and not empty:
//   TROUPE_TEST=transfers the test of this name only; all others return true and do not run
//   TROUPE_SEEDS=100000   that many seeds
//   TROUPE_SEED=17        that seed only, in this process and on this thread, for a debugger: a
//                         failure is reported as it is, an assertion does what it always does
//   TROUPE_STEP=38        with TROUPE_SEED: raises SIGTRAP before that step
//   TROUPE_PLAN=...       with TROUPE_SEED: the choices of a failure that was made shorter, as it
//                         is reported
// What none of them can be is told on stderr, and false is returned. If no child can be made the
// runs happen in this process, which is told, too.
TROUPE_API bool troupe_sim_for_seeds(const troupe_sim_test *test, uint64_t from, uint64_t count);

// ---- By hand

// Which message is meant: all that is set must fit.
typedef struct troupe_sim_match {
    troupe_ref from;   // its sender; the zero ref: anybody, outside too
    troupe_ref to;     // the actor that would get it; the zero ref: any
    troupe_type *type; // NULL: any
    bool (*where)(const troupe_msg *msg, void *arg); // NULL: any
    void *arg;
} troupe_sim_match;

// Instead of running a simulation, a test can deliver its messages one by one (as with CAF's
// deterministic fixture):
//   troupe_sim_expect    delivers a message that fits; fails the simulation if there is none
//   troupe_sim_allow     delivers a message that fits, if there is one; returns whether
//   troupe_sim_disallow  fails the simulation if there is one that fits; delivers nothing
//   troupe_sim_deliver   delivers to that actor whatever it is; fails if there is nothing
// Only messages that are first in their mailboxes count: of the systems the first, and in it the
// actor that has waited longest.
// Replies, timers' messages and what monitors and links tell are messages, too.
//
//     troupe_sim_expect(sim, Deposit, .from = client, .to = account);
//     troupe_sim_disallow(sim, Overdrawn, .to = client);
//
// What is no message (starts, orders to stop, timers that are due, blocking jobs) is done first, by
// troupe_sim_settle, which does all of that and lets no time pass but that of steps.
// troupe_sim_advance does the same while `ms` of virtual time pass. In C++ use the functions.
#define troupe_sim_expect(sim, ...) troupe_sim_expect_match((sim), TROUPE_SIM_MATCH(__VA_ARGS__))
#define troupe_sim_allow(sim, ...)  troupe_sim_allow_match((sim), TROUPE_SIM_MATCH(__VA_ARGS__))
#define troupe_sim_disallow(sim, ...) \
    troupe_sim_disallow_match((sim), TROUPE_SIM_MATCH(__VA_ARGS__))
#define troupe_sim_deliver(sim, ref) \
    troupe_sim_expect_match((sim), &(const troupe_sim_match){.to = (ref)})
// Given a type and, if need be, what else must fit.
#define TROUPE_SIM_MATCH(...) \
    TROUPE_CONCAT_(TROUPE_SIM_MATCH_, TROUPE_ONE_OR_MORE_(__VA_ARGS__))(__VA_ARGS__)
#define TROUPE_SIM_MATCH_1(Type) (&(const troupe_sim_match){.type = TROUPE_TYPE(Type)})
#define TROUPE_SIM_MATCH_N(Type, ...) \
    (&(const troupe_sim_match){.type = TROUPE_TYPE(Type), __VA_ARGS__})

TROUPE_API bool troupe_sim_expect_match(troupe_sim *sim, const troupe_sim_match *match);
TROUPE_API bool troupe_sim_allow_match(troupe_sim *sim, const troupe_sim_match *match);
TROUPE_API bool troupe_sim_disallow_match(troupe_sim *sim, const troupe_sim_match *match);
TROUPE_API void troupe_sim_settle(troupe_sim *sim);
TROUPE_API void troupe_sim_advance(troupe_sim *sim, uint64_t ms);

#ifdef __cplusplus
}
#endif

#endif
