// The record of an ask or of a blocking job, from troupe_ask to its outcome, see ask.c; and where
// an actor keeps those that have had none, see asks.c.
#ifndef TRP_ACTORS_ASK_H
#define TRP_ACTORS_ASK_H

#include "actors/actor.h"
#include "scheduler/scheduler.h"
#include "troupe/blocking.h"

#define TRP_ASK_NO_HANDLE UINT32_MAX

// Bits of trp_ask.state; the rest is the number of counts.
enum trp_ask_state {
    TRP_ASK_ENDED = 1, // the outcome is decided; who sets it delivers it
    TRP_ASK_HOLDS = 2, // there is a reason, to be given back when the record is freed
    TRP_ASK_WIDE = 4,  // is part of a struct trp_wide_ask; fixed
    TRP_ASK_TIMED = 8, // WIDE, and has a timer of its own; fixed
    TRP_ASK_ONE = 16   // one count
};

struct trp_ask_links {
    struct trp_ask_links *next, *previous; // itself: in no list
};

struct trp_ask {
    // First line.
    _Alignas(TRP_CACHE_LINE) _Atomic uint32_t state; // see ask.c
    uint32_t generation;                             // fixed; the asker's
    struct trp_slot *asker;                          // fixed; NULL: a thread that waits
    uint32_t incarnation;                            // fixed; the asker's
    uint32_t handle;              // asker's consumer; index in its handles, or NO_HANDLE
    troupe_on_outcome on_outcome; // fixed
    void *user;                   // fixed
    struct trp_ask_links links;   // asker's consumer; in its asks
    uint64_t deadline;            // fixed; of one in a list with a limit

    // Second line: the outcome, but for a large reply's, which has an envelope of its own. Written
    // by the one who set ENDED, read by the asker's consumer after it came, or the thread.
    union {
        uint64_t room[TRP_SMALL_BODY / 8]; // a small reply's body

        struct {                      // an outcome without a reply
            struct trp_reason reason; // valid with HOLDS
            troupe_status status;
        };
    };

    struct trp_envelope envelope; // has no extra; msg.type 0: an outcome without a reply
};

_Static_assert(sizeof(struct trp_ask) == (size_t)2 * TRP_CACHE_LINE, "two lines for most asks");

struct trp_wide_ask { // with WIDE
    struct trp_ask ask;
    struct trp_timed timed;     // TIMED: the deadline; the wheel's lock
    struct trp_envelope *reply; // waiting thread: the reply or NULL; as the outcome
    struct trp_waiter *waiter;  // waiting thread; fixed
    void (*release)(void *arg); // blocking job's; called with `arg` when the record is freed
    void *arg;
};

// ---- The asks of an incarnation that have had no outcome

#define TRP_ASK_LISTS 5

struct trp_ask_list {
    struct trp_ask_links head; // oldest first, hence by deadline
    uint64_t latest;           // deadline so far
    uint32_t timeout_ms;       // of all in it
};

struct trp_asks {           // see asks.c; the incarnation's consumer, but for
    struct trp_timed timed; // the wheel's lock
    _Atomic uint32_t refs;  // the incarnation's, and the wheel's while armed
    uint32_t generation;    // fixed
    struct trp_slot *slot;  // fixed
    uint64_t armed;         // when the timer goes off; TRP_NEVER: not armed
    // The first: without a limit, or with a timer of their own; the others: of one limit each.
    struct trp_ask_list lists[TRP_ASK_LISTS];
};

// Makes them; NULL without memory.
struct trp_asks *trp_asks_new(struct troupe_ctx *ctx);

// The incarnation has ended: nobody is there for the outcomes of what is left. Frees them.
void trp_asks_abandon(struct trp_runner *runner, struct trp_asks *asks);

// The rest of trp_asks_list: uses an empty list; NULL: none is left.
struct trp_ask_list *trp_asks_list_slow(struct trp_asks *asks, uint32_t timeout_ms);

// Has the timer go off at that time, and not at another.
void trp_asks_arm(troupe_system *system, struct trp_asks *asks, uint64_t deadline);

// Returns the list for asks of that limit.
static inline struct trp_ask_list *trp_asks_list(struct trp_asks *asks, uint32_t timeout_ms)
{
    if (TRP_LIKELY(asks->lists[1].timeout_ms == timeout_ms))
        return &asks->lists[1];
    return timeout_ms == TROUPE_NO_LIMIT ? &asks->lists[0] : trp_asks_list_slow(asks, timeout_ms);
}

static inline void trp_ask_link(struct trp_ask_list *list, struct trp_ask *ask)
{
    struct trp_ask_links *links = &ask->links;
    links->next = &list->head;
    links->previous = list->head.previous;
    list->head.previous->next = links;
    list->head.previous = links;
}

static inline void trp_ask_unlink(struct trp_ask *ask)
{
    struct trp_ask_links *links = &ask->links;
    links->previous->next = links->next;
    links->next->previous = links->previous;
}

// ---- Requests and replies that other files build

// troupe_ask with a request of kind ASK that has an extra; takes it over unless an error is
// returned. `function` wants it. An actor's, inside the guard.
troupe_status trp_ask_envelope(struct troupe_ctx *ctx, struct trp_slot *slot, uint32_t generation,
                               uint32_t timeout_ms, troupe_on_outcome on_outcome, void *user,
                               struct trp_envelope *request, const char *function);

// troupe_call likewise, between trp_wait_begin and trp_wait_end; takes it over always.
troupe_status trp_call_envelope(struct troupe_ctx *ctx, struct trp_slot *slot, uint32_t generation,
                                uint32_t timeout_ms, troupe_msg **reply,
                                struct trp_envelope *request, const char *function);

// The text of its TROUPE_ETIMEDOUT, for those who know what was asked, and whom.
troupe_status trp_call_say_late(const char *function, const char *type, troupe_ref to,
                                uint32_t timeout_ms);

// Take the right to answer the message that is being handled, or that of a token: the caller has
// the request's count. NULL: there is none. Inside the guard.
struct trp_ask *trp_ask_take_current(struct troupe_ctx *ctx);
struct trp_ask *trp_ask_take_token(struct troupe_ctx *ctx, troupe_token token);

// Ends the ask with an envelope of kind OUTCOME that has an extra, and takes that over; uses up the
// caller's count.
void trp_ask_reply(struct troupe_ctx *ctx, struct trp_ask *ask, struct trp_envelope *reply);

// troupe_token_take, inside the guard.
troupe_status trp_token_take(struct troupe_ctx *ctx, troupe_token *token);

// ---- Ending

// Ends an ask whose limit has passed, unless it has ended already. The asker's consumer.
void trp_ask_expire(troupe_system *system, struct trp_runner *runner, struct trp_ask *ask);

// Ends an ask whose asker has ended, and uses up the asker's count.
void trp_ask_abandon(troupe_system *system, struct trp_runner *runner, struct trp_ask *ask);

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
    return (atomic_load_explicit(&ask->state, memory_order_relaxed) & TRP_ASK_ENDED) != 0;
}

// ---- Outcomes

// The record of an envelope of kind OUTCOME.
static inline struct trp_ask *trp_ask_of_outcome(struct trp_envelope *envelope)
{
    return TRP_LIKELY(envelope->flags & TRP_ENV_EMBEDDED)
               ? TRP_CONTAINER(envelope, struct trp_ask, envelope)
               : trp_envelope_extra(envelope)->owner;
}

// Returns the record of a small reply to an actor's ask for which no more is to be done than to
// unlink it, call on_outcome, and release it; NULL for any other outcome.
static inline struct trp_ask *trp_outcome_is_simple(struct troupe_ctx *ctx,
                                                    struct trp_envelope *envelope)
{
    struct trp_ask *ask = trp_ask_of_outcome(envelope);
    bool simple =
        (envelope->flags & TRP_ENV_EMBEDDED) && envelope->msg.type != 0 &&
        ask->handle == TRP_ASK_NO_HANDLE &&
        !(atomic_load_explicit(&ask->state, memory_order_relaxed) & TRP_ASK_WIDE) &&
        ask->incarnation == atomic_load_explicit(&ctx->slot->incarnation, memory_order_relaxed);
    return simple ? ask : NULL;
}

// The rest of the function below; any thread. Private to this file and ask.c.
void trp_ask_release_slow(troupe_system *system, struct trp_runner *runner, struct trp_ask *ask);

// Gives back a count on a worker; the last one frees the record.
static inline void trp_ask_release(struct trp_runner *runner, struct trp_ask *ask)
{
    // acquire [count]: of the others' decrements. The only count that is left is the caller's, and
    // nobody adds to them.
    uint32_t state = atomic_load_explicit(&ask->state, memory_order_acquire);
    if (TRP_LIKELY((state & ~(uint32_t)TRP_ASK_ENDED) == TRP_ASK_ONE))
        trp_slab_give(&runner->worker->cache, ask, sizeof *ask);
    else
        trp_ask_release_slow(runner->system, runner, ask);
}

// The asker's consumer, before it calls on_outcome: takes the ask out of its lists. False: the
// outcome is for an earlier incarnation.
bool trp_outcome_open(struct troupe_ctx *ctx, struct trp_envelope *envelope,
                      troupe_outcome *outcome, troupe_reason *reason);

// Frees an outcome's envelope and the asker's count.
void trp_outcome_done(troupe_system *system, struct trp_runner *runner,
                      struct trp_envelope *envelope);

// Makes a record without a limit for the running actor, for a blocking job: one count is the job's.
// NULL: no memory, text set.
struct trp_ask *trp_ask_new(struct troupe_ctx *ctx, troupe_on_outcome on_outcome, void *user,
                            void (*release)(void *arg), void *arg);

// Undoes trp_ask_new; does not call `release`.
void trp_ask_unmake(struct troupe_ctx *ctx, struct trp_ask *ask);

// Frees a request that was handled.
static inline void trp_request_free(struct trp_slab_cache *cache, struct trp_envelope *envelope)
{
    struct trp_extra *extra = trp_envelope_extra(envelope);
    if (TRP_LIKELY(envelope->units != 0 && extra->shared == NULL && extra->chain == NULL))
        trp_slab_give(cache, envelope, envelope->units * (size_t)TRP_ENV_UNIT);
    else
        trp_envelope_free(cache, envelope);
}

// ---- For ask.c, call.c and reply.c alone

#define TRP_ASK_DEFAULT_TIMEOUT_MS 5000

static inline uint32_t trp_ask_limit(uint32_t timeout_ms)
{
    return timeout_ms ? timeout_ms : TRP_ASK_DEFAULT_TIMEOUT_MS;
}

// Of one with WIDE.
static inline struct trp_wide_ask *trp_ask_wide(struct trp_ask *ask)
{
    return TRP_CONTAINER(ask, struct trp_wide_ask, ask);
}

// Gives back a count on any thread; `runner` may be NULL.
static inline void trp_ask_give_back(troupe_system *system, struct trp_runner *runner,
                                     struct trp_ask *ask)
{
    if (TRP_LIKELY(runner != NULL))
        trp_ask_release(runner, ask);
    else
        trp_ask_release_slow(system, NULL, ask);
}

// Sets ENDED and `bits`, and gives `counts` back. False: too late, nothing has changed.
static inline bool trp_ask_decide(struct trp_ask *ask, uint32_t bits, uint32_t counts)
{
    uint32_t state = atomic_load_explicit(&ask->state, memory_order_relaxed);
    do {
        if (TRP_UNLIKELY(state & TRP_ASK_ENDED))
            return false;
        TRP_YIELD("ask: before decision");
        // acq_rel [end], [count]: the outcome's reader is ordered by the envelope or waiter;
        // whoever frees the record, by the acquire in trp_ask_release, sees what the caller did
        // with it. Losers need nothing.
    } while (!atomic_compare_exchange_weak_explicit(&ask->state, &state,
                                                    (state | TRP_ASK_ENDED | bits) - counts,
                                                    memory_order_acq_rel, memory_order_relaxed));
    return true;
}

// The winner's: the outcome is in the record itself.
static inline void trp_ask_set_outcome(struct trp_ask *ask, uint32_t type, uint32_t size,
                                       const void *body)
{
    ask->envelope.msg = (troupe_msg){.type = type, .size = size, .body = body};
    ask->envelope.kind = TRP_KIND_OUTCOME;
    ask->envelope.flags = TRP_ENV_EMBEDDED;
    ask->envelope.units = 0;
}

// The id of a small struct's type that is known and can be copied here and now; 0: any other.
static inline uint32_t trp_ask_small_type(const troupe_type *type, const void *body)
{
    if (TRP_UNLIKELY(type == NULL || body == NULL || trp_type_form(type) != TRP_TYPE_SMALL))
        return 0;
    return type->id;
}

// Gives the ask a timer of its own, before its request is on its way; takes that timer back.
void trp_ask_arm(troupe_system *system, struct trp_wide_ask *wide, uint32_t timeout_ms);
void trp_ask_disarm(troupe_system *system, struct trp_runner *runner, struct trp_ask *ask);

#endif
