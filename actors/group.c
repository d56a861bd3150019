// The restart of a group (one for all, rest for one), which is all children from `from` to the
// last, as a state machine: nothing here waits.
//
//   trp_group_begin
//     |        \ the culprit has no actor: it could not be spawned
//     v         v
//   STOP <---- WAIT    for the culprit's backoff; others are seen to meanwhile
//     |         ^
//     v         |      members are told to stop, the last one first; one that is down is passed
//   PURGE ------+      all that are down drop what they have sent to each other (stale.c)
//     |      a backoff
//     v
//   START              members are started, the first one first; one that has no actor is spawned
//     |
//     v
//   through            the children that have failed meanwhile are looked at
//
// A member whose start fails is another failure (restart.c): the group begins again with it, or the
// supervisor gives up. After a WAIT all is stopped once more, as members may have been started by
// request, or restarted, meanwhile.
//
// What can end the supervisor is called last: afterwards what the supervisor knows may be gone.
#include "actors/supervision.h"
#include "actors/supervisor.h"

// ---- Start

static void finish(struct trp_runner *runner, struct trp_slot *supervisor)
{
    struct trp_supervision *supervision = trp_supervision_of(supervisor);
    supervision->step = TRP_STEP_NONE;
    supervision->culprit = NULL;
    for (struct trp_child *child = supervision->first; child; child = child->next)
        child->left_out = false;
    trp_supervision_look_at_failed(runner, supervisor);
}

// A child that was added meanwhile has its first start: that it fails concerns nobody else.
static void drop_added(struct trp_runner *runner, struct trp_slot *supervisor,
                       struct trp_child *child, troupe_status status)
{
    bool told_apart =
        status == TROUPE_ENOMEM || status == TROUPE_ECLOSED || status == TROUPE_EEXIST;
    trp_child_answer(runner, supervisor, child, false, told_apart ? status : TROUPE_ESTART,
                     troupe_error_text(NULL));
    trp_supervision_of(supervisor)->at = child->next;
    trp_child_remove(runner->system, runner, supervisor, child);
}

static bool is_to_start(const struct trp_child *child)
{
    return !child->left_out && (child->phase == TRP_CHILD_DOWN || child->phase == TRP_CHILD_ABSENT);
}

// Starts `at`, or passes it. Returns whether it was passed: else it is waited for, or the whole has
// begun again, or the supervisor has ended.
static bool pass_member(struct trp_runner *runner, struct trp_slot *supervisor)
{
    struct trp_supervision *supervision = trp_supervision_of(supervisor);
    struct trp_child *child = supervision->at;
    if (!is_to_start(child)) {
        supervision->at = child->next;
        return true;
    }
    if (child->phase == TRP_CHILD_DOWN) {
        trp_child_order_restart(runner, supervisor, child);
        return false;
    }
    troupe_status status = trp_child_spawn(trp_supervisor_ctx(runner, supervisor), child);
    if (status == TROUPE_OK)
        return false;
    if (child->added) {
        drop_added(runner, supervisor, child, status);
        return true;
    }
    trp_child_spawn_failed(runner, supervisor, child, status);
    return false;
}

// Starts `at`, or who comes next.
static void start_members(struct trp_runner *runner, struct trp_slot *supervisor)
{
    struct trp_supervision *supervision = trp_supervision_of(supervisor);
    while (supervision->at)
        if (!pass_member(runner, supervisor))
            return;
    finish(runner, supervisor);
}

// ---- Wait

void trp_group_wait_until(struct trp_runner *runner, struct trp_slot *supervisor, uint64_t due)
{
    struct trp_supervision *supervision = trp_supervision_of(supervisor);
    supervision->step = TRP_STEP_GROUP_WAIT;
    supervision->at = NULL;
    trp_heap_remove(&supervision->due, &supervision->wait);
    trp_heap_add(&supervision->due, &supervision->wait, due);
    trp_supervision_arm(runner, supervisor);
}

// Waits, and sees to those that have failed meanwhile.
static void wait_for(struct trp_runner *runner, struct trp_slot *supervisor, uint64_t delay)
{
    trp_group_wait_until(runner, supervisor, trp_deadline(trp_now(runner->system), delay));
    trp_supervision_look_at_failed(runner, supervisor);
}

// ---- Purge

// `in`: those that are down; else none.
static void mark_members(struct trp_supervision *supervision, bool in)
{
    for (struct trp_child *child = supervision->from; child; child = child->next)
        if (child->slot) // release: see stale.c; the mark comes after the spawn.
            atomic_store_explicit(&child->slot->in_group, in && child->phase == TRP_CHILD_DOWN,
                                  memory_order_release);
}

// All are down and have dropped what is stale.
static void wait_or_start(struct trp_runner *runner, struct trp_slot *supervisor)
{
    struct trp_supervision *supervision = trp_supervision_of(supervisor);
    mark_members(supervision, false);
    if (supervision->delay) {
        uint64_t delay = supervision->delay;
        supervision->delay = 0; // waited for once
        wait_for(runner, supervisor, delay);
        return;
    }
    supervision->step = TRP_STEP_GROUP_START;
    supervision->at = supervision->from;
    start_members(runner, supervisor);
}

static void purge(struct trp_runner *runner, struct trp_slot *supervisor)
{
    struct trp_supervision *supervision = trp_supervision_of(supervisor);
    supervision->step = TRP_STEP_GROUP_PURGE;
    supervision->stop_due = TRP_NEVER; // of one that was told to stop and then to end
    supervision->purging = 0;
    mark_members(supervision, true);
    for (struct trp_child *child = supervision->from; child; child = child->next) {
        if (child->phase != TRP_CHILD_DOWN)
            continue;
        supervision->purging++;
        trp_child_order(runner, child, TRP_ORDER_PURGE);
    }
    if (supervision->purging == 0)
        wait_or_start(runner, supervisor);
}

// ---- Stop

static void tell_to_stop(struct trp_runner *runner, struct trp_slot *supervisor,
                         struct trp_child *child)
{
    struct trp_supervision *supervision = trp_supervision_of(supervisor);
    trp_child_set_phase(runner, supervisor, child, TRP_CHILD_STOPPING);
    supervision->stop_due = trp_child_stop_due(runner->system, child);
    trp_child_order(runner, child, trp_child_stop_bits(child, false));
    trp_supervision_arm(runner, supervisor);
}

// It is down for another reason than this restart, and becomes one of the group.
static void take_in(struct trp_runner *runner, struct trp_slot *supervisor, struct trp_child *child)
{
    trp_heap_remove(&trp_supervision_of(supervisor)->due, &child->due);
    trp_child_set_phase(runner, supervisor, child, child->slot ? TRP_CHILD_DOWN : TRP_CHILD_ABSENT);
}

// Returns whether the member is down; else it will be.
static bool stop_member(struct trp_runner *runner, struct trp_slot *supervisor,
                        struct trp_child *child)
{
    switch ((enum trp_child_phase)child->phase) {
    case TRP_CHILD_STARTING:
    case TRP_CHILD_RUNNING:
        tell_to_stop(runner, supervisor, child);
        return false;
    case TRP_CHILD_STOPPING:
        return false;
    case TRP_CHILD_ENDING:
        return child->forget; // it is not waited for, as it does not come back
    case TRP_CHILD_FAILED:
    case TRP_CHILD_WAITING:
        if (child->slot && child->spec->child.restart == TROUPE_TEMPORARY)
            trp_child_retire(runner, supervisor, child);
        else
            take_in(runner, supervisor, child);
        return true;
    case TRP_CHILD_ABSENT:
    case TRP_CHILD_DOWN:
    default:
        return true;
    }
}

// Stops `at`, or who comes before, as far as `from`.
static void stop_members(struct trp_runner *runner, struct trp_slot *supervisor)
{
    struct trp_supervision *supervision = trp_supervision_of(supervisor);
    for (; supervision->at; supervision->at = trp_next_in_step(supervision, supervision->at)) {
        supervision->stop_due = TRP_NEVER;
        if (!stop_member(runner, supervisor, supervision->at))
            return;
    }
    purge(runner, supervisor);
}

// ---- Steps

void trp_group_try_again(struct trp_runner *runner, struct trp_slot *supervisor)
{
    struct trp_supervision *supervision = trp_supervision_of(supervisor);
    trp_heap_remove(&supervision->due, &supervision->wait);
    supervision->step = TRP_STEP_GROUP_STOP;
    supervision->at = supervision->from ? supervision->last : NULL; // NULL: all have been deleted
    stop_members(runner, supervisor);
}

// Another child has failed while a group waits, which is not started earlier for that. Returns
// whether it is a member, started by a request meanwhile: then it waits with the others.
static bool joins(struct trp_runner *runner, struct trp_slot *supervisor, struct trp_child *culprit,
                  uint64_t *delay)
{
    struct trp_supervision *supervision = trp_supervision_of(supervisor);
    uint64_t now = trp_now(runner->system), due = supervision->wait.key;
    if (due > now && due - now > *delay)
        *delay = due - now;
    if (!trp_is_member(supervision, culprit))
        return false;
    trp_child_set_phase(runner, supervisor, culprit,
                        culprit->slot ? TRP_CHILD_DOWN : TRP_CHILD_WAITING);
    wait_for(runner, supervisor, *delay);
    return true;
}

void trp_group_begin(struct trp_runner *runner, struct trp_slot *supervisor,
                     struct trp_child *culprit, uint64_t delay)
{
    struct trp_supervision *supervision = trp_supervision_of(supervisor);
    if (supervision->step == TRP_STEP_GROUP_WAIT && joins(runner, supervisor, culprit, &delay))
        return;
    supervision->culprit = culprit;
    supervision->from = supervision->strategy == TROUPE_ONE_FOR_ALL ? supervision->first : culprit;
    if (culprit->slot) {
        supervision->delay = delay;
        trp_child_set_phase(runner, supervisor, culprit, TRP_CHILD_DOWN);
        trp_group_try_again(runner, supervisor);
    } else { // it could not be spawned: not at once, so as not to call ourselves endlessly
        trp_child_set_phase(runner, supervisor, culprit, TRP_CHILD_WAITING);
        wait_for(runner, supervisor, delay);
    }
}

void trp_group_go_on(struct trp_runner *runner, struct trp_slot *supervisor)
{
    if (trp_supervision_of(supervisor)->step == TRP_STEP_GROUP_STOP)
        stop_members(runner, supervisor);
    else
        start_members(runner, supervisor);
}

void trp_group_purged_one(struct trp_runner *runner, struct trp_slot *supervisor)
{
    struct trp_supervision *supervision = trp_supervision_of(supervisor);
    if (supervision->step == TRP_STEP_GROUP_PURGE && --supervision->purging == 0)
        wait_or_start(runner, supervisor);
}
