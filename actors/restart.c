// What a supervisor does about a child that has ended by itself, or could not be started: ends it
// for good, restarts it, or gives up. OTP's supervisor.
//
// One for one: the child is ordered to restart, at once or when its backoff is over. One for all
// and rest for one: its group is, by group.c. One thing at a time: a child that ends while a group
// is being restarted is FAILED, and looked at when that is through.
#include "actors/supervision.h"
#include "actors/supervisor.h"

#include <stdio.h>

static bool is_group(const struct trp_supervision *supervision)
{
    return supervision->strategy == TROUPE_ONE_FOR_ALL ||
           supervision->strategy == TROUPE_REST_FOR_ONE;
}

// Tells whether it can see to a child that ends.
static bool is_free(const struct trp_supervision *supervision)
{
    return supervision->step == TRP_STEP_NONE || supervision->step == TRP_STEP_GROUP_WAIT;
}

// ---- How long to wait

// Returns the wait before the next restart: min * 2^n, at most max, and something at random.
static uint64_t next_delay(struct trp_runner *runner, struct trp_child *child, uint64_t now)
{
    const troupe_backoff *backoff = &child->spec->child.backoff;
    if (backoff->min_ms == 0)
        return 0;
    uint64_t max = backoff->max_ms ? backoff->max_ms : (uint64_t)backoff->min_ms * 32;
    uint64_t quiet = (backoff->quiet_ms ? backoff->quiet_ms : max) * TRP_NS_PER_MS;
    if (child->started && now - child->started >= quiet)
        child->failures = 0;
    child->started = 0; // counts once
    uint64_t wait = backoff->min_ms;
    for (uint32_t i = 0; i < child->failures && wait < max; i++)
        wait *= 2;
    child->failures++;
    wait = (wait < max ? wait : max) * TRP_NS_PER_MS;
    uint64_t more = wait / 100 * backoff->random_percent;
    return wait + (more ? trp_random_next(&runner->worker->random) % (more + 1) : 0);
}

static void wait_until(struct trp_runner *runner, struct trp_slot *supervisor,
                       struct trp_child *child, uint64_t due)
{
    struct trp_supervision *supervision = trp_supervision_of(supervisor);
    trp_child_set_phase(runner, supervisor, child, TRP_CHILD_WAITING);
    trp_heap_remove(&supervision->due, &child->due);
    trp_heap_add(&supervision->due, &child->due, due);
    trp_supervision_arm(runner, supervisor);
}

// ---- Ends that are no failures

void trp_child_retire(struct trp_runner *runner, struct trp_slot *supervisor,
                      struct trp_child *child)
{
    const struct trp_supervision *supervision = trp_supervision_of(supervisor);
    if (child->spec->child.restart == TROUPE_TEMPORARY || trp_is_simple(supervision))
        child->forget = true;
    trp_child_end(runner, supervisor, child, false);
}

// A child has ended by itself for good. OTP's do_auto_shutdown.
static bool shuts_down(const struct trp_supervision *supervision, const struct trp_child *child)
{
    if (!child->spec->child.significant)
        return false;
    return supervision->auto_shutdown == TROUPE_ANY_SIGNIFICANT ||
           (supervision->auto_shutdown == TROUPE_ALL_SIGNIFICANT && supervision->significant == 0);
}

static void end_supervisor(struct trp_runner *runner, struct trp_slot *supervisor)
{
    trp_end_incarnation(runner, supervisor, (struct trp_reason){.kind = TROUPE_SHUTDOWN});
}

// ---- Failures

// The budget before the child, whose text may be long and cut.
static void end_system(struct trp_runner *runner, struct trp_slot *supervisor,
                       const struct trp_child *child, const struct trp_budget *budget,
                       const struct trp_reason *last)
{
    char text[TRP_CHILD_TEXT], why[TRP_CHILD_TEXT + 80];
    (void)snprintf(why, sizeof why, "more than %u restart%s in %llu ms: %s", budget->max,
                   budget->max == 1 ? "" : "s",
                   (unsigned long long)(budget->within_ns / TRP_NS_PER_MS),
                   trp_child_print(child, trp_reason_view(last), text));
    trp_system_gave_up(runner->system, supervisor, why);
}

static void give_up(struct trp_runner *runner, struct trp_slot *supervisor,
                    const struct trp_child *child, const struct trp_budget *budget,
                    const struct trp_reason *last)
{
    trp_tell_event(runner->system, TROUPE_EVENT_GAVE_UP, supervisor,
                   trp_slot_generation(supervisor), atomic_load(&supervisor->incarnation), last,
                   child->spec->child.id);
    if (supervisor->owner == NULL)
        end_system(runner, supervisor, child, budget, last);
    end_supervisor(runner, supervisor);
}

// Its start has failed because the system takes no actors any more: no failure, and its supervisor
// is about to be told to stop.
static bool is_too_late(troupe_system *system, const struct trp_reason *why)
{
    return why->kind == TROUPE_START_FAILED && why->status == TROUPE_ECLOSED &&
           atomic_load(&system->closed);
}

// Its actor is AWAITING, or it has none because it could not be spawned. May end the supervisor.
static void restart_or_give_up(struct trp_runner *runner, struct trp_slot *supervisor,
                               struct trp_child *child, const struct trp_reason *why)
{
    struct trp_supervision *supervision = trp_supervision_of(supervisor);
    struct trp_budget *budget = child->budget ? child->budget : &supervision->budget;
    uint64_t now = trp_now(runner->system);
    if (is_too_late(runner->system, why)) {
        trp_child_set_phase(runner, supervisor, child,
                            child->slot ? TRP_CHILD_DOWN : TRP_CHILD_WAITING);
        return;
    }
    if (trp_budget_is_exceeded(budget, now)) {
        give_up(runner, supervisor, child, budget, why);
        return;
    }
    uint64_t delay = next_delay(runner, child, now);
    if (child->slot == NULL && delay == 0)
        delay = TRP_NS_PER_MS; // what hinders it may last, and others are to have a turn
    if (is_group(supervision)) {
        trp_group_begin(runner, supervisor, child, delay);
        return;
    }
    if (delay > 0)
        wait_until(runner, supervisor, child, trp_deadline(now, delay));
    else
        trp_child_order_restart(runner, supervisor, child);
}

static bool is_to_be_restarted(const struct trp_child *child, const struct trp_reason *reason)
{
    switch (child->spec->child.restart) {
    case TROUPE_PERMANENT:
        return true;
    case TROUPE_TRANSIENT:
        return reason->kind != TROUPE_NORMAL && reason->kind != TROUPE_SHUTDOWN;
    case TROUPE_TEMPORARY:
    default:
        return false;
    }
}

// A child that ran has ended, and the supervisor is free to do something about it. May end it.
static void decide(struct trp_runner *runner, struct trp_slot *supervisor, struct trp_child *child)
{
    if (is_to_be_restarted(child, &child->slot->reason)) {
        restart_or_give_up(runner, supervisor, child, &child->slot->reason);
        return;
    }
    trp_child_retire(runner, supervisor, child);
    if (shuts_down(trp_supervision_of(supervisor), child))
        end_supervisor(runner, supervisor);
}

// ---- Those that ended while something else was going on

static void queue_failed(struct trp_runner *runner, struct trp_slot *supervisor,
                         struct trp_child *child)
{
    struct trp_supervision *supervision = trp_supervision_of(supervisor);
    trp_child_set_phase(runner, supervisor, child, TRP_CHILD_FAILED);
    if (child->queued) // it was FAILED, became one of a group, and has failed again
        return;
    child->queued = true;
    child->failed_next = NULL;
    if (supervision->failed_last)
        supervision->failed_last->failed_next = child;
    else
        supervision->failed_first = child;
    supervision->failed_last = child;
}

static struct trp_child *take_failed(struct trp_supervision *supervision)
{
    struct trp_child *child = supervision->failed_first;
    if (child == NULL)
        return NULL;
    supervision->failed_first = child->failed_next;
    if (supervision->failed_first == NULL)
        supervision->failed_last = NULL;
    child->queued = false;
    return child;
}

// Not by itself again: a group that waits comes back here with each child that joins it, and there
// may be very many.
void trp_supervision_look_at_failed(struct trp_runner *runner, struct trp_slot *supervisor)
{
    struct trp_supervision *supervision = trp_supervision_of(supervisor);
    struct trp_child *child;
    if (supervision->looking)
        return; // who looks goes on
    supervision->looking = true;
    while (is_free(supervision) && (child = take_failed(supervision)) != NULL) {
        // It is FAILED no more if a group has taken it in, or a request ended it.
        if (child->phase == TRP_CHILD_FAILED)
            decide(runner, supervisor, child);
        if (supervisor->phase >= TRP_STOPPING)
            return; // it has ended by that
    }
    supervision->looking = false;
}

// ---- What the other files tell

void trp_child_has_ended(struct trp_runner *runner, struct trp_slot *supervisor,
                         struct trp_child *child)
{
    if (is_free(trp_supervision_of(supervisor)))
        decide(runner, supervisor, child);
    else
        queue_failed(runner, supervisor, child);
}

void trp_child_restart_failed(struct trp_runner *runner, struct trp_slot *supervisor,
                              struct trp_child *child)
{
    const struct trp_supervision *supervision = trp_supervision_of(supervisor);
    child->failing = true;
    if (is_free(supervision) || supervision->at == child)
        restart_or_give_up(runner, supervisor, child, &child->slot->reason);
    else
        queue_failed(runner, supervisor, child);
}

void trp_child_spawn_failed(struct trp_runner *runner, struct trp_slot *supervisor,
                            struct trp_child *child, troupe_status status)
{
    struct trp_reason why = {.kind = TROUPE_START_FAILED, .status = status};
    child->failing = true;
    why.text = trp_text_new(runner->system, runner, "%s", troupe_error_text(NULL));
    restart_or_give_up(runner, supervisor, child, &why);
    trp_reason_release(runner->system, runner, &why);
}

void trp_child_try_again(struct trp_runner *runner, struct trp_slot *supervisor,
                         struct trp_child *child)
{
    if (child->slot) {
        trp_child_order_restart(runner, supervisor, child);
        return;
    }
    trp_child_set_phase(runner, supervisor, child, TRP_CHILD_ABSENT);
    troupe_status status = trp_child_spawn(trp_supervisor_ctx(runner, supervisor), child);
    if (status != TROUPE_OK)
        trp_child_spawn_failed(runner, supervisor, child, status);
}
