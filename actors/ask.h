// The record of an ask or of a blocking job, from troupe_ask to its outcome. See ask.c.
#ifndef TRP_ACTORS_ASK_H
#define TRP_ACTORS_ASK_H

#include "actors/actor.h"
#include "scheduler/scheduler.h"
#include "troupe/blocking.h"

struct trp_ask {
    struct trp_timed timed;       // the deadline; the wheel's lock
    _Atomic uint32_t refs;        // see ask.c
    _Atomic uint32_t ended;       // 1: the outcome is decided; who sets it delivers it
    troupe_system *system;        // fixed
    struct trp_slot *asker;       // fixed; NULL: a thread that waits
    uint32_t generation;          // fixed; the asker's
    uint32_t incarnation;         // fixed; the asker's
    uint32_t handle;              // asker's consumer; index in its handles
    bool armed;                   // fixed; has a deadline
    troupe_on_outcome on_outcome; // fixed
    void *user;                   // fixed
    // The outcome: written by the one who set `ended`, read after the envelope or waiter arrived.
    troupe_status status;
    struct trp_reason reason;   // EDOWN
    struct trp_envelope *reply; // waiting thread: the reply
    struct trp_waiter *waiter;  // waiting thread; fixed
    void (*release)(void *arg); // blocking job's; called with `arg` when the record is freed
    void *arg;
    // Reserved for an outcome without a reply.
    _Alignas(8) struct trp_envelope envelope;
    struct trp_extra extra;
};

// Ends the ask with down, and uses up the caller's count.
void trp_ask_down(troupe_system *system, struct trp_runner *runner, struct trp_ask *ask,
                  const struct trp_reason *why);

// Ends it with TROUPE_ENOREPLY, and uses up the caller's count.
void trp_ask_no_reply(troupe_system *system, struct trp_runner *runner, struct trp_ask *ask);

// Ends it with a status of its own, and uses up the caller's count.
void trp_ask_end(troupe_system *system, struct trp_runner *runner, struct trp_ask *ask,
                 troupe_status status);

// Tells whether nobody waits for its answer any more.
static inline bool trp_ask_has_ended(const struct trp_ask *ask)
{
    return atomic_load_explicit(&ask->ended, memory_order_relaxed) != 0;
}

// The asker's consumer, before it calls on_outcome: takes the ask out of its handles. False: the
// outcome is for an earlier incarnation.
bool trp_outcome_open(struct troupe_ctx *ctx, struct trp_envelope *envelope,
                      troupe_outcome *outcome, troupe_reason *reason);

// Frees an outcome's envelope and the asker's count.
void trp_outcome_done(troupe_system *system, struct trp_runner *runner,
                      struct trp_envelope *envelope);

// Makes a record for the running actor, with a place in its handles; NULL: no memory, text set.
struct trp_ask *trp_ask_new(struct troupe_ctx *ctx, troupe_on_outcome on_outcome, void *user,
                            uint32_t refs);

// Undoes trp_ask_new.
void trp_ask_unmake(struct troupe_ctx *ctx, struct trp_ask *ask);

#endif
