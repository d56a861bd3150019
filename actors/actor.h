// An actor's body: one incarnation of it, from init to its end; and what the files of this folder
// do to it for each other.
//
// A body belongs to the consumer of its slot. While a handler runs, only that handler's thread
// touches it, through the public functions, each of which brackets itself by trp_enter/trp_leave:
// so a handler that hangs can be given up at a moment when it is in none of them (see overdue.c).
#ifndef TRP_ACTORS_ACTOR_H
#define TRP_ACTORS_ACTOR_H

#include "actors/handles.h"
#include "actors/system.h"

enum trp_gone { TRP_GONE_NOT, TRP_GONE_AWAY, TRP_GONE_STASHED };

// What has happened since the handler began, for the case that it fails.
enum trp_mark {
    TRP_MARK_LIMITED = 1, // the memory limit was hit
    TRP_MARK_TEXT = 2     // troupe_fail has left a text
};

struct troupe_ctx { // one cache line, then the state
    troupe_system *system;
    struct trp_slot *slot;     // NULL: the outside ctx
    struct trp_runner *runner; // of this activation; NULL: outside

    union {
        troupe_receive_fn receive;
        size_t body_size; // once given up: of this whole block, for whoever frees it
    };

    _Atomic(struct trp_envelope *) current; // being handled; NULL: none
    struct trp_extras *extras;              // NULL until needed
    struct trp_arena *arena;                // NULL until needed
    uint32_t generation;
    uint8_t linked : 1;     // current is still the front of the mailbox
    uint8_t answered : 1;   // current's right to a reply was used or taken
    uint8_t gone;           // enum trp_gone: current is not ours any more
    uint8_t marks;          // enum trp_mark
    _Atomic uint8_t parted; // given up: one of its handler and its slot has done with it
};

_Static_assert(sizeof(struct troupe_ctx) == 64, "one cache line");

struct trp_list { // envelopes in order, linked by envelope.link
    struct trp_link *first, *last;
};

struct trp_extras {             // the rarer parts of an incarnation
    struct trp_handles handles; // its monitors, timers and tokens; asks that have an id
    struct trp_asks *asks;      // NULL until needed
    struct trp_list stash;
    struct trp_list to_self;   // what init sent to itself
    troupe_receive_fn *become; // the receive functions below the current one
    uint32_t become_count, become_capacity;
    struct trp_text *fail_text; // of the last troupe_fail, valid with TRP_MARK_TEXT; or NULL
    struct trp_ask *failed_ask; // whose message has ended the incarnation, to be told; or NULL
};

static inline void *trp_state(struct troupe_ctx *ctx)
{
    return ctx + 1;
}

static inline size_t trp_body_size(const troupe_behavior *behavior)
{
    return sizeof(struct troupe_ctx) + behavior->state_size;
}

// The body of an actor that has none just now, after its handler was given up.
extern struct troupe_ctx trp_vacant;

// ---- Bracket of every public function that takes a ctx

// Delivers what the handler has sent: it is about to do something else.
static inline void trp_settle(struct trp_runner *runner)
{
    if (TRP_UNLIKELY(!trp_outbox_is_empty(&runner->outbox)))
        trp_outbox_deliver(runner, runner);
}

// The text of TROUPE_ESTALE.
__attribute__((cold)) void trp_say_stale(void);

// False: the incarnation was given up (TROUPE_ESTALE, with a text). Outside always succeeds.
static inline bool trp_enter(struct troupe_ctx *ctx)
{
    if (TRP_UNLIKELY(ctx->slot == NULL))
        return true;
    if (TRP_UNLIKELY(!trp_bias_enter(&ctx->runner->bias))) {
        trp_say_stale();
        return false;
    }
    trp_settle(ctx->runner);
    return true;
}

// After a handler, inside again.
static inline bool trp_end_of_handler(struct trp_runner *runner)
{
    if (TRP_UNLIKELY(!trp_bias_enter(&runner->bias)))
        return false;
    trp_settle(runner);
    runner->outbox.sent = 0;
    return true;
}

static inline void trp_leave(struct troupe_ctx *ctx)
{
    if (TRP_LIKELY(ctx->slot != NULL))
        trp_bias_leave(&ctx->runner->bias);
}

// The extras, made on first use; NULL without memory. Not outside.
struct trp_extras *trp_extras(struct troupe_ctx *ctx);

static inline troupe_ref trp_self(const struct troupe_ctx *ctx)
{
    return ctx->slot ? trp_ref(ctx->system, ctx->slot->index, ctx->generation)
                     : (troupe_ref){0, 0, 0};
}

// Marks the names of an incarnation's handles, so that a token or timer of another actor or of an
// earlier incarnation, which may come in a message, names nothing here. 0 outside.
static inline uint32_t trp_handle_salt(const struct troupe_ctx *ctx)
{
    if (ctx->slot == NULL)
        return 0;
    return (uint32_t)(troupe_ref_hash(trp_self(ctx)) >> 32) +
           atomic_load_explicit(&ctx->slot->incarnation, memory_order_relaxed);
}

// Returns what a name of the running incarnation stands for, or NULL; `*index` gets its place.
static inline void *trp_find_handle(const struct troupe_ctx *ctx, enum trp_handle_kind kind,
                                    struct trp_handle_name name, uint32_t *index)
{
    return ctx->slot && ctx->extras
               ? trp_handles_find(&ctx->extras->handles, kind, name, trp_handle_salt(ctx), index)
               : NULL;
}

// ---- message.c: building and delivering

// Builds an envelope with a copy of the body. Errors set the text.
troupe_status trp_build(troupe_system *system, struct trp_runner *runner, troupe_type *type,
                        const void *body, enum trp_kind kind, bool with_extra,
                        struct trp_envelope **envelope);

// Puts an envelope into the mailbox of the actor that `generation` names; counts it as sent. What
// is dead by then becomes a dead letter in the activation. `ctx` is the sender.
void trp_push(struct troupe_ctx *ctx, struct trp_slot *slot, uint32_t generation,
              struct trp_envelope *envelope);

// As trp_push, when there is no ctx: from timers, ends of other actors, blocking threads.
void trp_push_from(troupe_system *system, struct trp_runner *runner, struct trp_slot *slot,
                   uint32_t generation, struct trp_envelope *envelope);

// Puts a TRP_KIND_DRAIN envelope into the mailbox; it is no message and is not counted.
void trp_push_drain(troupe_system *system, struct trp_runner *runner, struct trp_slot *slot,
                    uint32_t generation, struct trp_envelope *envelope);

// Makes one and does so. False: no memory.
bool trp_drain(troupe_system *system, struct trp_runner *runner, struct trp_slot *slot,
               uint32_t generation);

void trp_list_append(struct trp_list *list, struct trp_link *link);

// Puts a list before the front of the mailbox; the consumer's, when the front is not yet handled.
void trp_list_prepend_to(struct trp_slot *slot, struct trp_list *list);

// ---- discard.c

// Gets rid of an envelope that will not be handled: tells the hook if `reason` is not 0 and it is a
// user's message, ends its ask with down, and frees it. Counts dead or dropped.
void trp_discard(troupe_system *system, struct trp_runner *runner, struct trp_envelope *envelope,
                 troupe_ref target, troupe_dead_reason reason, const struct trp_reason *why);

// Frees an envelope with its message, and nothing that it carries for others.
void trp_free_envelope(troupe_system *system, struct trp_runner *runner,
                       struct trp_envelope *envelope);

// Frees an envelope that has been handled.
void trp_finish(troupe_system *system, struct trp_runner *runner, struct trp_envelope *envelope);

// Tells the hook of a dead letter and counts it.
void trp_dead_letter(troupe_system *system, struct trp_runner *runner, const troupe_msg *msg,
                     troupe_ref target, troupe_ref sender, troupe_dead_reason reason);

// ---- elsewhere.c: the target is not here, trp_slot_is_live was false

bool trp_is_abroad(const struct troupe_ctx *ctx, troupe_ref to);

// Send a message, or hand over one that is built and gone on success, wherever else it goes: to
// another system, or it becomes a dead letter. Errors set the text.
troupe_status trp_send_elsewhere(struct troupe_ctx *ctx, troupe_ref to, troupe_type *type,
                                 const void *body);
troupe_status trp_hand_elsewhere(struct troupe_ctx *ctx, troupe_ref to,
                                 struct trp_envelope *envelope);

// Makes the dead letter and the text of a message to nobody, which stays the caller's.
troupe_status trp_dead_at_once(struct troupe_ctx *ctx, const troupe_msg *msg, troupe_ref to);

// TROUPE_EDEAD, with the text that a ref names no live actor. `what` wants it: "troupe_ask".
troupe_status trp_no_such(const char *what, troupe_ref ref);

// For a ref that names no live actor here and a function that needs one: makes the dead letter and
// the text. `what` as above.
troupe_status trp_no_target(struct troupe_ctx *ctx, troupe_ref to, troupe_type *type,
                            const void *body, const char *what);

// ---- message_own.c

// Detaches the current message from the mailbox, so that it can be handed away.
void trp_detach_current(struct troupe_ctx *ctx);

// Returns the current envelope if `msg` is it and it can still be handed away; else NULL with an
// error text in the name of `function`.
struct trp_envelope *trp_current(struct troupe_ctx *ctx, const troupe_msg *msg,
                                 const char *function);

// ---- activation.c

// What an activation goes on with after a step.
enum trp_next {
    TRP_NEXT_LOOK,    // look at the slot again
    TRP_NEXT_LEAVE,   // the slot is not the caller's any more
    TRP_NEXT_MESSAGE, // of a message: handle the next one, which is at the front
    TRP_NEXT_TURN     // of several: others get a turn first
};

enum trp_run trp_activate(struct trp_worker *worker, struct trp_task *task);

// The scheduler's `fetch`.
void trp_activation_fetch(struct trp_task *task, bool deep);

// Takes the message at the front out of the mailbox and frees it.
enum trp_next trp_pop_message(struct trp_runner *runner, struct trp_slot *slot,
                              struct trp_envelope *envelope);

// Calls a function of the user's: out of the runtime, and back in. False: given up meanwhile.
#define TRP_CALL_USER(ctx, call) \
    (trp_bias_leave(&(ctx)->runner->bias), (call), trp_end_of_handler((ctx)->runner))

// ---- fault.c

// Has the call fail that the seams say shall fail at that moment. True: *status is set.
bool trp_fail_simulated(struct troupe_ctx *ctx, enum trp_moment moment, troupe_status *status);

static inline bool trp_is_struck(struct troupe_ctx *ctx, enum trp_moment moment,
                                 troupe_status *status)
{
    return TRP_UNLIKELY(ctx->system->seams.fails != NULL) &&
           trp_fail_simulated(ctx, moment, status);
}

// ---- conclude.c

// Does what follows a handler that has returned `status`.
enum trp_next trp_conclude(struct trp_runner *runner, struct troupe_ctx *ctx,
                           struct trp_envelope *envelope, troupe_status status);

// ---- spawn.c

struct trp_spawn_spec {
    const troupe_behavior *behavior;
    const char *name;        // or NULL
    const char *register_as; // one that trp_name_check has let pass, or NULL
    troupe_place place;
    size_t memory_limit; // 0: none
    uint32_t shutdown_ms, kill_grace_ms;
    struct trp_envelope *args; // a count of them; taken over on success
    bool supervised;
    struct trp_supervision *supervision; // taken over on success
    struct troupe_ctx *owner;            // NULL: the system
    // Set on the new actor before it can run; or NULL.
    struct trp_monitor *watcher;
    struct trp_bond *bond;
};

// TROUPE_EEXIST: *ref (may be NULL) gets who has the name of register_as.
troupe_status trp_spawn(troupe_system *system, struct trp_runner *runner,
                        const struct trp_spawn_spec *spec, troupe_ref *ref);

// troupe_spawn_body and troupe_supervise, with a monitor that is set before the actor can run.
troupe_status trp_spawn_watched(troupe_ctx *ctx, const troupe_behavior *behavior,
                                const troupe_spawn_opts *opts, troupe_ref *ref, troupe_type *type,
                                const void *body, struct trp_monitor *watcher);

// The persist part of a slot, made on first use; NULL without memory. Consumer or spawner.
struct trp_persist *trp_persist(troupe_system *system, struct trp_runner *runner,
                                struct trp_slot *slot);

const char *trp_actor_name(const struct trp_slot *slot);

// ---- lifecycle.c

// Runs init, or goes on waiting for a deferred one.
enum trp_next trp_start_incarnation(struct trp_runner *runner, struct trp_slot *slot);

// A deferred init has succeeded.
void trp_incarnation_started(struct trp_runner *runner, struct trp_slot *slot);

// Begins the end of the incarnation; takes over the reason's count. Idempotent but for a kill.
enum trp_next trp_end_incarnation(struct trp_runner *runner, struct trp_slot *slot,
                                  struct trp_reason reason);

// All children are gone: stop handler, clean-up, verdict or end.
enum trp_next trp_children_gone(struct trp_runner *runner, struct trp_slot *slot);

// Starts the next incarnation of an AWAITING slot.
void trp_restart_incarnation(struct trp_runner *runner, struct trp_slot *slot);

// Ends an AWAITING slot for good.
void trp_end_for_good(struct trp_runner *runner, struct trp_slot *slot);

// TELLING: tells one more batch, and does what comes after the last one.
enum trp_next trp_tell_on(struct trp_runner *runner, struct trp_slot *slot);

// Tells whether the actor would end in one step if it ended now, with the message that was handled
// still at the front of its mailbox.
bool trp_ends_plainly(const struct troupe_ctx *ctx);

// Ends it so: no body is left. The caller takes the message out and has the owner told. `ask` is
// told; or NULL.
void trp_end_plainly(struct trp_runner *runner, struct trp_slot *slot, struct trp_reason reason,
                     struct trp_ask *ask);

// Takes the slot over from a handler that was given up.
enum trp_next trp_take_over(struct trp_runner *runner, struct trp_slot *slot);

// The handler of a given-up incarnation has returned, on its own runner. Frees what the incarnation
// still holds, unless its slot was not taken over yet: then trp_take_over does.
void trp_free_abandoned(struct trp_runner *runner, struct troupe_ctx *ctx);

// The arguments of init are counted: one for the actor, one for each init that reads them, which
// may have been given up and outlive the actor, one for its supervisor. The first is the caller's.
void trp_args_init(struct trp_envelope *args);
void trp_args_acquire(struct trp_envelope *args);
void trp_args_release(troupe_system *system, struct trp_runner *runner, struct trp_envelope *args);

// Why a handler that returned an error has failed; takes the text of troupe_fail.
struct trp_reason trp_failure(struct troupe_ctx *ctx, troupe_reason_kind kind,
                              troupe_status status);

// Tells the hook, if there is one. `child`: of GAVE_UP, or NULL; see troupe_event.
void trp_tell_event(troupe_system *system, troupe_event_kind kind, struct trp_slot *slot,
                    uint32_t generation, uint32_t incarnation, const struct trp_reason *reason,
                    const char *child);

// The init status of a behaviour of ours that will call trp_incarnation_started itself.
#define TRP_START_LATER ((troupe_status)15)

// ---- stale.c

#define TRP_STALE_GENERATION 0u // of an envelope: no actor's, a message that is stale

// Marks what members of the slot's group, all AWAITING, have sent to it. The slot's consumer.
void trp_drop_stale(struct trp_runner *runner, struct trp_slot *slot);

// ---- children.c

// Adds a new actor to its owner's children, or to the system's. The owner's consumer.
troupe_status trp_adopt(troupe_system *system, struct trp_runner *runner, struct trp_slot *child,
                        struct troupe_ctx *owner);

// Undoes trp_adopt for an actor that has not come to life.
void trp_disown(troupe_system *system, struct trp_runner *runner, struct trp_slot *child,
                struct troupe_ctx *owner);

// Tells all children to stop, or to end at once; a supervisor's one after the other.
void trp_stop_children(struct trp_runner *runner, struct trp_slot *slot);

// The slot's tick went off: the time that children were given is looked at again. True: there is
// more to do, which is ordered already, but others should have a turn first.
bool trp_tick(struct trp_runner *runner, struct trp_slot *slot);

// Looks at what children tell. The owner's consumer.
enum trp_next trp_read_notices(struct trp_runner *runner, struct trp_slot *slot);

// Looks at them unasked before an end, so that nothing is waited for in vain.
static inline void trp_forget_ended_children(struct trp_runner *runner, struct trp_slot *slot)
{
    // relaxed: what is not seen here is waited for.
    if (slot->persist && slot->persist->children &&
        atomic_load_explicit(&slot->notices, memory_order_relaxed) != NULL)
        (void)trp_read_notices(runner, slot);
}

// Tells the owner; a child of the system's is unlinked at once.
void trp_notify_owner(struct trp_runner *runner, struct trp_slot *slot, enum trp_notice notice);

// ---- roots.c: actors that belong to the system; no other actor outlives them all

// Counts a new one. False: the system is closed.
bool trp_roots_enter(troupe_system *system, struct trp_runner *runner);

// Counts one that has ended, or has not come to life. `awaited`: TRP_ALIVE_AWAITED was set.
void trp_roots_leave(troupe_system *system, struct trp_runner *runner, bool awaited);

// One that is not alive any more takes its time until it is counted, or does no longer.
void trp_roots_lingers(troupe_system *system, struct trp_slot *slot, bool lingers);

// Gives an order to all that are alive.
void trp_roots_order(troupe_system *system, uint32_t order);

// One is gone: if that is who gave up, the system is closed and all others are drained.
void trp_root_that_gave_up_is_gone(troupe_system *system, struct trp_runner *runner,
                                   const struct trp_slot *root);

// Tells whether none is left, and wakes who waits for that; else their end will. roots_lock is
// held.
bool trp_roots_gone(troupe_system *system);

// ---- Ticks, see children.c

// Makes the slot's own; false without memory, with a text.
bool trp_tick_make(struct troupe_ctx *ctx);

// Has it go off at that time and not before; TRP_NEVER: not at all.
void trp_tick_arm(struct trp_runner *runner, struct trp_tick *tick, uint64_t deadline);
void trp_tick_free(troupe_system *system, struct trp_runner *runner, struct trp_tick *tick);

// ---- Timers

void trp_expire(struct trp_worker *worker, struct trp_timer *timer);
void trp_ask_expired(struct trp_runner *runner, struct trp_timed *timed);
void trp_asks_expired(struct trp_runner *runner, struct trp_timed *timed);
void trp_message_timer_expired(struct trp_runner *runner, struct trp_timed *timed);
void trp_tick_expired(struct trp_runner *runner, struct trp_timed *timed);
void trp_overdue_expired(struct trp_runner *runner, struct trp_timed *timed);

// ---- asks.c

// The timer of the slot's asks went off: ends those whose limit has passed. The slot's consumer.
void trp_asks_look(struct trp_runner *runner, struct trp_slot *slot);

// ---- overdue.c

// A kill has been ordered: its handler is looked after.
void trp_overdue_watch(troupe_system *system);

// Looks at all handlers. `force`: gives up those that are to be killed whatever grace they have.
// Returns when to look again, or TRP_NEVER. `runner`: the calling thread's, or NULL.
uint64_t trp_overdue_look(troupe_system *system, struct trp_runner *runner, bool force);

// Fills in who is in a handler now.
void trp_overdue_report(troupe_system *system, troupe_report *report);

void trp_overdue_fini(troupe_system *system);

// The scheduler's `held`: delivers what a handler that does not return has sent.
bool trp_overdue_outbox(struct trp_worker *worker, struct trp_worker *by);

// ---- memory.c

void trp_arena_free(troupe_system *system, struct trp_runner *runner, struct trp_arena *arena);

// ---- Ends of what an incarnation had set up, each called once with what the handle held

void trp_monitor_abandon(struct trp_runner *runner, struct trp_slot *slot, void *monitor);
void trp_timer_abandon(struct trp_runner *runner, struct trp_slot *slot, void *timer);
void trp_token_abandon(struct trp_runner *runner, struct trp_slot *slot, void *token);

#endif
