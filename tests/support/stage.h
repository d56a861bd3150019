// A stage for tests of handlers that do not return: a system on real threads in which an actor is
// held at a gate until the test has seen enough. When it goes on it has been given up, and calls
// everything that an actor can call (stale_calls.h).
//
//     stage_open(2, 1);
//     troupe_ref ref = stage_spawn(&held_behavior, TROUPE_ON_POOL, 0);
//     stage_hold(ref);
//     stage_kill_and_join(ref); // although its handler has not returned
//     stage_release();
//     assert_int_equal(stage_close().abandoned, 1);
#ifndef TESTS_SUPPORT_STAGE_H
#define TESTS_SUPPORT_STAGE_H

#include "tests/support/gate.h"
#include "tests/support/stale_calls.h"
#include "troupe/ask.h"
#include "troupe/supervisor.h"
#include "troupe/system.h"
#include "troupe/timer.h"

#include <stdatomic.h>
#include <string.h>

struct held {
    struct gate *gate;
};

struct number {
    long value;
};

TROUPE_STRUCT(Hold, struct held);
TROUPE_STRUCT(Number, struct number);
TROUPE_STRUCT(Whom, troupe_ref);
TROUPE_EMPTY(Query);
TROUPE_EMPTY(Fail);

// What a test sees of the system and its actors.
struct stage {
    troupe_system *system;
    troupe_ctx *ctx;
    struct books books;
    troupe_allocator allocator;
    _Atomic uint32_t refusals; // blocks for a state of STAGE_LARGE bytes that are to be refused
    struct gate gate;
    _Atomic uint32_t deferred;   // defers that have run
    _Atomic uint32_t abandoned;  // events
    _Atomic uint32_t child_ends; // of bystanders, as their stop sees it
    struct stale_calls calls;    // of those that were given up
    troupe_ref target;           // the supervisor that they have turned to, called "target"
    sem_t done;
    char text[64];      // what a handler has read after it was given up
    troupe_ref spawned; // the bystander that a parent has spawned
};

#define STAGE_LARGE 300000

extern struct stage stage;

void stage_open(uint32_t workers, uint32_t grace_ms);

// Stops the system, which must succeed: every handler has returned by now. Nothing has come of what
// those have called that were given up.
troupe_stats stage_close(void);

troupe_ref stage_spawn(const troupe_behavior *behavior, troupe_place place, uint32_t grace_ms);

// Has an actor come to the gate, by a message.
void stage_hold(troupe_ref ref);

void stage_kill_and_join(troupe_ref ref);

// Opens the gate, and waits until the handler has done what it wanted to do after it.
void stage_release(void);

// Copies what a handler has read to stage.text.
void stage_read(const char *text);

// What a handler calls that was held and goes on.
void stage_call_everything(troupe_ctx *ctx, const troupe_msg *msg);

// Counts for stage.deferred.
void stage_count_defer(void *unused);

// ---- Actors

struct worker { // the state of a held one
    long sum;
};

// Passes the gate of a Hold, adds Numbers up, and answers a Query with the sum.
extern const troupe_behavior held_behavior;
troupe_status held_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg);

// Returns what a Number holds; -1 if it is none.
long number_of(const troupe_msg *msg);

// Does nothing; its stop is counted.
extern const troupe_behavior bystander_behavior;

// As held_behavior, but first it spawns a bystander, watches it, and begins to tick.
extern const troupe_behavior parent_behavior;

// Fails with failing_text by a Fail.
extern const char failing_text[];
extern const troupe_behavior failing_behavior;
troupe_status failing_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg);

#endif
