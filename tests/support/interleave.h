// Runs two to four threads under a controlling scheduler: exactly one runs at a time, and control
// may pass to another only at a yield point (TRP_YIELD, base/yield.h). So every interleaving of a
// small lock-free algorithm can be tried, or many random ones, each of which can be repeated.
//
// How to compile: the code under test *and* the test with -DTRP_YIELD_POINTS, else there are no
// yield points. Name the test <something>_interleave_test.c: tests/BUILD links such files with a
// variant of all modules that is compiled that way. By hand:
//   gcc -std=gnu17 -D_GNU_SOURCE -DTRP_YIELD_POINTS -I. -Iinclude tests/x_interleave_test.c
//       tests/support/interleave.c base/*.c <module>/*.c -lcmocka -lpthread
//
// What it cannot show: weak memory. The threads take turns, so all of them see one order of all
// loads and stores: a wrong memory_order, or a store that waits in a store buffer, needs a stress
// test and ThreadSanitizer.
//
// Rules for the code under test: no yield point while a pthread mutex is held that another of the
// threads may want; no sleeping but by trp_futex_wait (which is simulated here) and
// trp_interleave_block_until; a loop that waits for another thread has a yield point with "waiting"
// in its name, and checking its condition once more has no side effect.
#ifndef TESTS_SUPPORT_INTERLEAVE_H
#define TESTS_SUPPORT_INTERLEAVE_H

#include <stdbool.h>
#include <stdint.h>

#define TRP_INTERLEAVE_THREADS 4
#define TRP_INTERLEAVE_WINDOWS 3

// For max_preemptions: no limit.
#define TRP_INTERLEAVE_ALL (-1)

struct trp_interleave {
    const char *name;          // for reports
    void (*setup)(void *user); // before each run, in the caller's thread; may be NULL
    void (*threads[TRP_INTERLEAVE_THREADS])(void *user); // what the threads run, first come first
    int count;                                           // 2..4
    void (*check)(void *user); // after each run, in the caller's thread; may be NULL
    void *user;                // handed to all of them
    int max_preemptions;       // exhaustive: how often a run may take the turn from a thread
                               // that could go on; 0: 2 times
    uint64_t max_runs;         // exhaustive: more runs fail the test; 0: a million

    // What must be reached, or the test fails: for each of these, a run in which one thread stands
    // at the one point while another stands at the other. The first without a name is the end.
    struct trp_window {
        const char *one, *other;
    } windows[TRP_INTERLEAVE_WINDOWS];
};

// Tries every order of turns with at most max_preemptions, depth first. Returns how many runs that
// took. A broken expectation, a deadlock or an endless run fails the cmocka test, and prints the
// turns that led there.
uint64_t trp_interleave_exhaustive(const struct trp_interleave *test);

// Makes `seeds` runs with random turns. Prints the seed of a failing run: repeat it with that
// `first_seed` and 1.
void trp_interleave_random(const struct trp_interleave *test, uint64_t first_seed, uint64_t seeds);

// As trp_interleave_exhaustive, but expects a failure: tells whether one was found whose text
// contains `text`. For tests that a known fault is found.
bool trp_interleave_finds(const struct trp_interleave *test, const char *text);

// In how many runs of the test before that window was entered. Tests that have some print it.
uint64_t trp_interleave_met(int window);

// ---- For the threads of a test, and for check where it makes sense

// States what must be so. A broken expectation is reported when the run has ended. cmocka's own
// assertions cannot be used in the threads, and in `check` they would lose the trace.
#define TRP_EXPECT(condition) trp_interleave_expect((condition), #condition, __FILE__, __LINE__)
void trp_interleave_expect(bool holds, const char *what, const char *file, int line);

// A yield point of the test's own.
void trp_interleave_yield(const char *point);

// A yield point in a loop that waits for another thread: the caller gets no turn until another
// thread has made a step. When all threads only wait, that is a deadlock.
void trp_interleave_wait(const char *point);

// Takes the caller out of the game until `holds` returns true, which is looked at before each turn
// and must have no side effect. Never woken: a deadlock.
void trp_interleave_block_until(const char *point, bool (*holds)(void *user), void *user);

// The index of the calling thread in `threads`; -1 outside of a run.
int trp_interleave_self(void);

// trp_futex_wait and trp_futex_wake are simulated for the threads of a run: a sleeper wakes when it
// is woken and never by itself, so that a lost wake-up is a deadlock. With a timeout it wakes also
// when nothing else can go on; this tells how often that happened in the current run.
uint32_t trp_interleave_timeouts(void);

#endif
