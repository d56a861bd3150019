// One actor alone in a system that is run by hands (hands.h), and what threads outside do to it:
// for tests of what meets at its slot. Nothing here is guarded: one thread runs at a time.
#ifndef TESTS_SUPPORT_LONE_H
#define TESTS_SUPPORT_LONE_H

#include "tests/support/hands.h"

// Whether larger cases are to be tried in all ways: under ThreadSanitizer that would take minutes,
// and there is nothing for it to find.
#if defined(__SANITIZE_THREAD__)
#    define LONE_THOROUGH false
#else
#    define LONE_THOROUGH true
#endif

struct lone {
    int times; // how often an outsider does its thing; the test's

    // Of the run.
    struct hands hands;
    troupe_ref ref;
    struct trp_slot *slot;
    bool inside;               // a handler of the actor runs
    int inits, handled, stops; // calls of its functions
};

extern struct lone lone;

TROUPE_EMPTY(Number);
TROUPE_EMPTY(Aside); // to be put aside first, and handled then
TROUPE_EMPTY(Fail);
TROUPE_EMPTY(Stop);

// ---- The actor: one of these, or any other

extern const troupe_behavior lone_plain; // has all three functions
extern const troupe_behavior lone_bare;  // has no init and no stop

// Its receive function, for others.
troupe_status lone_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg);

// It begins to handle something: nobody else does.
void lone_enter(void);

// ---- Setup and check

// Opens a system and spawns the actor, which has not run yet.
void lone_open(const troupe_behavior *behavior, int outsiders);

// Expects that no order is left, and that its mailbox and nudge are at rest.
void lone_expect_at_rest(void);

// The slot comes back to the system from the hands' caches, if it is there.
void lone_give_slots_back(void);

// ---- Threads outside, each of which does its thing `times` times, or once, and leaves

void lone_give_order(uint32_t bits);
void lone_order_tick(void *user);   // means nothing to an actor without children
void lone_order_notice(void *user); // nor does this
void lone_order_stop(void *user);   // once
void lone_send_numbers(void *user);

// ---- The test: two threads outside and two hands

struct trp_interleave lone_play(const char *name, void (*setup)(void *user),
                                void (*first)(void *user), void (*second)(void *user),
                                void (*check)(void *user));

// Exhaustive; prints how many runs that took.
void lone_explore(const struct trp_interleave *test);

#endif
