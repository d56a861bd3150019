// What a supervisor knows of its children, for the files that make up supervisors:
//
//   supervisor_spec.c  checks and copies specifications
//   supervision.c      keeps the table of children, and gives them actors
//   supervisor.c       starts a supervisor and stops it; what is due, and orders to children
//   news.c             hears what children tell, by children.c, and tells the next three
//   restart.c          decides about a child that has ended by itself: one is restarted here,
//   group.c            several here
//   requests.c         answers what is asked, and has child_ops.c do what is wanted of a child
//   tree.c             prints
//
// A start that fails is the next failure, so group.c comes back to restart.c; not endlessly, as
// what could not be spawned is tried again by the supervisor's tick.
//
// All of it belongs to the supervisor's consumer. Other threads (troupe_child_ref, tree.c) read
// what is marked so under the stripe lock of the supervisor's slot, and so the consumer takes that
// lock to change it.
#ifndef TRP_ACTORS_SUPERVISION_H
#define TRP_ACTORS_SUPERVISION_H

#include "actors/actor.h"
#include "base/heap.h"
#include "troupe/children.h"

// A child's specification, copied into one block.
struct trp_child_spec {
    troupe_child child;        // fixed; id and register_as point into this block, args is NULL
    struct trp_envelope *args; // fixed; counted, shared by all starts; or NULL
    uint32_t refs;             // consumer: the initial table, and each child made after it
    size_t size;               // of this block
    char text[];
};

#define TRP_DEFAULT_MAX_RESTARTS 1
#define TRP_DEFAULT_WITHIN_MS    5000

// The times of the latest restarts, a ring.
struct trp_budget {
    uint64_t *times; // max + 1 of them
    uint32_t max;
    uint32_t count, first;
    uint64_t within_ns;
};

enum trp_child_phase {
    TRP_CHILD_ABSENT,   // does not run, has no slot
    TRP_CHILD_STARTING, // has been told to start
    TRP_CHILD_RUNNING,
    TRP_CHILD_FAILED,   // AWAITING: ended while a group was restarted, which is finished first
    TRP_CHILD_WAITING,  // AWAITING, or could not be spawned: to be started when its time comes
    TRP_CHILD_DOWN,     // AWAITING: one of a group that is being restarted
    TRP_CHILD_STOPPING, // one of a group that is being restarted: has been told to stop
    TRP_CHILD_ENDING    // has been told to end for good
};

// One child; two cache lines, as there may be very many.
struct trp_child {
    struct trp_child_spec *spec;       // fixed
    struct trp_envelope *args;         // fixed; counted; its own in place of the specification's
    struct trp_slot *slot;             // other threads; or NULL
    uint32_t generation;               // other threads; valid with slot
    uint8_t phase;                     // other threads; enum trp_child_phase
    bool forget;                       // is to be removed when it is ABSENT
    bool fresh;                        // a start at somebody's request is not through
    bool added;                        // fresh: by a request to add it, not to start it again
    bool left_out;                     // stopped by request: the group's restart leaves it out
    bool failing;                      // its latest restart has failed to start it
    bool queued;                       // in the queue of FAILED
    uint32_t failures;                 // in a row, for the backoff
    uint64_t started;                  // when its incarnation has started; with a backoff only
    struct trp_child *next, *previous; // other threads; in order of start
    struct trp_child *bucket_next;     // other threads
    struct trp_child *failed_next;     // queued: the next of the queue
    struct trp_heap_node due;          // WAITING alone: when to start it; ENDING: when to kill it
    struct trp_budget *budget;         // its own, or NULL
    struct trp_request *requests;      // that wait for its start or end
};

// As OTP counts: it runs, or is being started for the first time, or by request.
static inline bool trp_child_is_active(const struct trp_child *child)
{
    return child->phase == TRP_CHILD_RUNNING ||
           (child->phase == TRP_CHILD_STARTING && child->fresh);
}

_Static_assert(sizeof(struct trp_child) <= 2 * TRP_CACHE_LINE, "see above");

// Of one that has a slot.
static inline troupe_ref trp_child_ref(const troupe_system *system, const struct trp_child *child)
{
    return trp_ref(system, child->slot->index, child->generation);
}

// A request that is answered later.
struct trp_request {
    struct trp_request *next;
    troupe_token token;
    bool for_stop; // fixed once it waits: for the child's end; else for its start, or that it fails
    troupe_ref holder;          // a start: who has the child's name; or the zero ref
    struct trp_envelope *reply; // made before anything is done; the record lies in it
};

enum trp_step { // what the supervisor is about; one at a time
    TRP_STEP_NONE,
    TRP_STEP_FIRST_START, // the children of the specification, in order: `at` is being started
    TRP_STEP_GROUP_STOP,  // from the last down to `from`: `at` is being stopped
    TRP_STEP_GROUP_PURGE, // members drop what they sent to each other
    TRP_STEP_GROUP_WAIT,  // for the backoff of the culprit; others can be seen to meanwhile
    TRP_STEP_GROUP_START  // from `from` to the last: `at` is being started
};

struct trp_supervision {
    size_t size; // of this block
    troupe_strategy strategy;
    troupe_auto_shutdown auto_shutdown;
    const char *register_as; // behind the specifications; or NULL
    struct trp_budget budget;
    uint32_t spec_count;
    // The table.
    struct trp_child *first, *last; // other threads; in order of start
    uint32_t count;                 // other threads
    struct trp_child **buckets;     // other threads; by id; simple one for one: by slot
    uint32_t bucket_count;          // other threads; a power of two
    struct trp_child **old_buckets; // other threads; half as many, which are moved by and by; NULL
    uint32_t moved;                 // other threads; as many of them have been
    troupe_ref holder;              // who has the name of a child that could not be spawned
    uint32_t significant;           // children that are so, and neither ABSENT nor ENDING
    // What it is about.
    enum trp_step step;
    struct trp_child *at;   // see enum trp_step; its own stop: the child that is being stopped
    struct trp_child *from; // the first member of the group
    struct trp_child *failed_first, *failed_last; // the queue of FAILED, oldest first
    bool looking;                                 // somebody looks at those just now
    struct trp_child *culprit; // whose failure the group's restart is about, or NULL
    uint64_t delay;            // ns, the culprit's backoff; 0: none (any more)
    uint32_t purging;          // members that have not told yet that they have
    uint64_t stop_due;         // when whoever is being stopped is killed; TRP_NEVER: not at all
    struct trp_child *sweep;   // its own stop, of all at once: who is told next; or NULL
    bool sweep_kills;          // they are killed
    struct trp_heap due;       // children that are WAITING, or ENDING at somebody's request; and
    struct trp_heap_node wait; // GROUP_WAIT: when the group is started
    struct trp_child_spec *specs[]; // the initial ones; simple one for one: the template
};

static inline bool trp_is_simple(const struct trp_supervision *supervision)
{
    return supervision->strategy == TROUPE_SIMPLE_ONE_FOR_ONE;
}

// ---- supervisor_spec.c

// Checks a whole specification; texts begin with the function's name. Any thread.
troupe_status trp_supervisor_check(const char *function, const troupe_supervisor *spec);

// Checks one child for a supervisor of that name (for texts), strategy and auto-shutdown.
troupe_status trp_child_check(const char *function, const char *supervisor,
                              troupe_strategy strategy, troupe_auto_shutdown auto_shutdown,
                              const troupe_child *child);

// Checks the whole specification of a child that is a supervisor; it has an id. Others are right.
// `supervisor` is whose child it is to be.
troupe_status trp_nested_check(const char *function, const char *supervisor,
                               const troupe_child *child);

// Copies a child's specification, with a count of one. Errors set the text.
troupe_status trp_child_spec_new(troupe_system *system, struct trp_runner *runner,
                                 const troupe_child *child, struct trp_child_spec **spec);
void trp_child_spec_release(troupe_system *system, struct trp_runner *runner,
                            struct trp_child_spec *spec);

// ---- supervision.c: the table

// Copies a specification that has been checked. Errors set the text.
troupe_status trp_supervision_new(troupe_system *system, struct trp_runner *runner,
                                  const troupe_supervisor *spec,
                                  struct trp_supervision **supervision);

// Of a slot that is a live supervisor's.
static inline struct trp_supervision *trp_supervision_of(const struct trp_slot *slot)
{
    return slot->persist->supervision;
}

// For other threads, under the stripe lock: NULL: it is dead, or no supervisor. `slot` may be NULL.
const struct trp_supervision *trp_supervision_locked(const struct trp_slot *slot, troupe_ref ref);

// NULL: no such child. A ref of this system.
struct trp_child *trp_child_by_id(const struct trp_supervision *supervision, const char *id);
struct trp_child *trp_child_by_ref(const struct trp_supervision *supervision, troupe_ref ref);

// Adds a child that is ABSENT as the last one. Takes over a count of `spec`, and `args`, on
// success; NULL without memory.
struct trp_child *trp_child_append(struct troupe_ctx *ctx, struct trp_child_spec *spec,
                                   struct trp_envelope *args);

// Frees one that is ABSENT.
void trp_child_remove(troupe_system *system, struct trp_runner *runner, struct trp_slot *supervisor,
                      struct trp_child *child);

// Frees all, for a new start; none has a slot any more.
void trp_supervision_clear(troupe_system *system, struct trp_runner *runner,
                           struct trp_slot *supervisor);

// Starts an actor for one that is ABSENT. Errors set the text; TROUPE_EEXIST: and `holder`.
troupe_status trp_child_spawn(struct troupe_ctx *ctx, struct trp_child *child);

// The actor is gone.
void trp_child_detach(troupe_system *system, struct trp_slot *supervisor, struct trp_child *child);

void trp_child_set_phase(struct trp_runner *runner, struct trp_slot *supervisor,
                         struct trp_child *child, enum trp_child_phase phase);

// Counts a restart. True: that is more than the budget allows.
bool trp_budget_is_exceeded(struct trp_budget *budget, uint64_t now);

// ---- The parts of a running supervisor, for each other. On the supervisor's activation.
//
// What can end the supervisor is marked: afterwards what it knows of its children may be gone.

static inline bool trp_in_group_restart(const struct trp_supervision *supervision)
{
    return supervision->step >= TRP_STEP_GROUP_STOP;
}

// Tells whether the child is a member of the group that is being restarted.
static inline bool trp_is_member(const struct trp_supervision *supervision,
                                 const struct trp_child *child)
{
    const struct trp_child *at = trp_in_group_restart(supervision) ? supervision->from : NULL;
    if (at && at == supervision->first)
        return true;
    while (at && at != child)
        at = at->next;
    return at != NULL;
}

// Whose turn it is after that child, in a step that has `at`.
static inline struct trp_child *trp_next_in_step(const struct trp_supervision *supervision,
                                                 const struct trp_child *child)
{
    if (supervision->step != TRP_STEP_GROUP_STOP)
        return child->next;
    return child == supervision->from ? NULL : child->previous;
}

// ---- supervisor.c

// What texts call a supervisor: its name; the ref, if it is dead or none. Any thread.
#define TRP_SUPERVISOR_TEXT 64
const char *trp_supervisor_name(troupe_system *system, troupe_ref ref,
                                char text[TRP_SUPERVISOR_TEXT]);

// Says that there is no such supervisor, and why: TROUPE_EDEAD. Any thread.
troupe_status trp_no_supervisor(troupe_system *system, troupe_ref ref, const char *function);

// Gives orders to a child's actor.
void trp_child_order(struct trp_runner *runner, const struct trp_child *child, uint32_t bits);

// Tells one that is AWAITING to start again.
void trp_child_order_restart(struct trp_runner *runner, struct trp_slot *supervisor,
                             struct trp_child *child);

// Tells it to end for good, after its stop if it runs; kills it when its time is over, if `timed`.
void trp_child_end(struct trp_runner *runner, struct trp_slot *supervisor, struct trp_child *child,
                   bool timed);

// When a child that is told to stop now is to be killed; TRP_NEVER: not at all. How it is told.
uint64_t trp_child_stop_due(troupe_system *system, const struct trp_child *child);
uint32_t trp_child_stop_bits(const struct trp_child *child, bool kill);

// The supervisor stops, and a child is gone, which may be freed.
void trp_supervision_stop_on(struct trp_runner *runner, struct trp_slot *supervisor,
                             struct trp_child *gone);

// Has the supervisor's tick go off when the next thing is due.
void trp_supervision_arm(struct trp_runner *runner, struct trp_slot *supervisor);

#define TRP_CHILD_TEXT (TRP_REASON_TEXT + 80)

// Writes why a child has ended or did not start, for example "child \"web\": failed
// (TROUPE_EDEAD)"; returns `text`.
const char *trp_child_print(const struct trp_child *child, troupe_reason why,
                            char text[TRP_CHILD_TEXT]);

// The supervisor ends with start failed, because of a child. Ends it.
void trp_supervision_fail_start(struct trp_runner *runner, struct trp_slot *supervisor,
                                const struct trp_child *child, troupe_reason why);

// Goes on with the first start, of `at`. May end it.
void trp_first_start_go_on(struct trp_runner *runner, struct trp_slot *supervisor);

// ---- restart.c

// A child that ran has ended by itself, and is AWAITING. May end the supervisor.
void trp_child_has_ended(struct trp_runner *runner, struct trp_slot *supervisor,
                         struct trp_child *child);

// A child that was told to start again has failed to, and is AWAITING. May end the supervisor.
void trp_child_restart_failed(struct trp_runner *runner, struct trp_slot *supervisor,
                              struct trp_child *child);

// A child that was to be started again could not be spawned: the thread's error text says why. May
// end the supervisor.
void trp_child_spawn_failed(struct trp_runner *runner, struct trp_slot *supervisor,
                            struct trp_child *child, troupe_status status);

// Ends one that is AWAITING and is not to be restarted: it is forgotten then, or kept to be started
// by request.
void trp_child_retire(struct trp_runner *runner, struct trp_slot *supervisor,
                      struct trp_child *child);

// Starts or restarts a child whose time has come. May end the supervisor.
void trp_child_try_again(struct trp_runner *runner, struct trp_slot *supervisor,
                         struct trp_child *child);

// Looks at those that have ended while the supervisor was not free, if it is. May end it.
void trp_supervision_look_at_failed(struct trp_runner *runner, struct trp_slot *supervisor);

// ---- group.c

// Restarts the group of a child that has failed, which is AWAITING or has no actor; after `delay`
// ns. May end the supervisor.
void trp_group_begin(struct trp_runner *runner, struct trp_slot *supervisor,
                     struct trp_child *culprit, uint64_t delay);

// Goes on with `at`, in STOP or START. May end the supervisor.
void trp_group_go_on(struct trp_runner *runner, struct trp_slot *supervisor);

// A member has dropped what is stale. May end the supervisor.
void trp_group_purged_one(struct trp_runner *runner, struct trp_slot *supervisor);

// The group that waits has waited long enough; at once, or at that time. The first may end the
// supervisor.
void trp_group_try_again(struct trp_runner *runner, struct trp_slot *supervisor);
void trp_group_wait_until(struct trp_runner *runner, struct trp_slot *supervisor, uint64_t due);

// ---- child_ops.c

// Answers those who wait for the child's start, or end.
void trp_child_answer(struct trp_runner *runner, struct trp_slot *supervisor,
                      struct trp_child *child, bool for_stop, troupe_status status,
                      const char *text);

static inline struct troupe_ctx *trp_supervisor_ctx(struct trp_runner *runner,
                                                    struct trp_slot *supervisor)
{
    struct troupe_ctx *ctx = atomic_load_explicit(&supervisor->body, memory_order_relaxed);
    ctx->runner = runner;
    return ctx;
}

// For requests.c, inside the guard. Each returns what is the answer at once, with the text set
// (trp_error) unless it is TROUPE_OK; or TRP_ANSWERED_LATER: then it has taken the request over,
// and trp_request_answer comes later.

#define TRP_ANSWERED_LATER ((troupe_status)14)

// Takes over a count of `spec` and of `args` (NULL: none) in any case. The id is not among the
// children yet.
troupe_status trp_child_add(struct troupe_ctx *ctx, struct trp_child_spec *spec,
                            struct trp_envelope *args, struct trp_request *request);
troupe_status trp_child_stop(struct troupe_ctx *ctx, struct trp_child *child,
                             struct trp_request *request);
troupe_status trp_child_restart(struct troupe_ctx *ctx, struct trp_child *child,
                                struct trp_request *request);
troupe_status trp_child_delete(struct troupe_ctx *ctx, struct trp_child *child);

// ---- requests.c

// The receive function of supervisors.
troupe_status trp_supervisor_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg);

// Answers a request that was taken over, and frees it. `text` is copied.
void trp_request_answer(struct troupe_ctx *ctx, struct trp_request *request, troupe_status status,
                        troupe_ref ref, const char *text);

// Frees one whose token has gone with its incarnation.
void trp_request_forget(troupe_system *system, struct trp_runner *runner,
                        struct trp_request *request);

#endif
