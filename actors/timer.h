// The record of a timer that sends a message. See timer.c.
#ifndef TRP_ACTORS_TIMER_H
#define TRP_ACTORS_TIMER_H

#include "actors/actor.h"
#include "troupe/timer.h"

enum trp_timer_state {
    TRP_TIMER_ARMED,    // its (next) message is still to be sent
    TRP_TIMER_SENT,     // a single message is on its way or was handled
    TRP_TIMER_CANCELLED // what is on its way is not to be handled
};

struct trp_message_timer {
    struct trp_timed timed;        // the wheel's lock
    _Atomic uint32_t refs;         // see timer.c
    enum trp_timer_state state;    // the wheel's lock
    bool in_flight;                // the envelope is in a mailbox; the wheel's lock
    bool to_self;                  // fixed
    struct trp_envelope *envelope; // the message; the wheel's lock, in flight: the mailbox's
    uint64_t period;               // ns; 0: once; fixed
    uint32_t key;                  // fixed; of the wheel
    uint32_t handle;               // owner's; index in its handles
    uint32_t incarnation;          // fixed; the owner's; outside: 0
    troupe_system *system;         // fixed
    troupe_ref target;             // fixed
    struct trp_slot *owner;        // fixed; NULL: outside
};

// Tells whether the message of a timer may still be handled.
bool trp_timer_is_due(struct trp_message_timer *timer);

// The owner's consumer, before it handles the message of a timer to itself: from here on it cannot
// be cancelled. False: it was.
bool trp_timer_open(struct troupe_ctx *ctx, struct trp_envelope *envelope);

// The message was handled or dropped: frees it, or gives it back to a periodic timer.
void trp_timer_done(troupe_system *system, struct trp_runner *runner,
                    struct trp_envelope *envelope);

#endif
