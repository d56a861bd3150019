// What a supervisor makes of what its children tell (children.c): keeps the phase of each, answers
// who waits for its start or end, and goes on with the step that waits for it. What ends by itself
// is restart.c's.
#include "actors/supervision.h"
#include "actors/supervisor.h"

#include <stdio.h>

// Nothing is done any more but to stop.
static bool is_over(const struct trp_slot *supervisor)
{
    return supervisor->phase >= TRP_STOPPING;
}

// Goes on with `at`, which is that of a step that has one. May end the supervisor.
static void go_on(struct trp_runner *runner, struct trp_slot *supervisor)
{
    if (trp_in_group_restart(trp_supervision_of(supervisor)))
        trp_group_go_on(runner, supervisor);
    else
        trp_first_start_go_on(runner, supervisor);
}

const char *trp_child_print(const struct trp_child *child, troupe_reason why,
                            char text[TRP_CHILD_TEXT])
{
    char reason[TRP_REASON_TEXT];
    const char *id = child->spec->child.id; // NULL: one of simple one for one
    const char *quote = id ? "\"" : "";
    (void)snprintf(text, TRP_CHILD_TEXT, "%s%s%s%s: %s", id ? "child " : "a child", quote,
                   id ? id : "", quote, trp_reason_print(why, reason));
    return text;
}

// ---- Started

void trp_supervised_started(struct trp_runner *runner, struct trp_slot *supervisor,
                            struct trp_slot *slot)
{
    struct trp_supervision *supervision = trp_supervision_of(supervisor);
    struct trp_child *child = slot->entry;
    if (is_over(supervisor) || child->phase != TRP_CHILD_STARTING)
        return; // it has been told to stop meanwhile
    trp_child_set_phase(runner, supervisor, child, TRP_CHILD_RUNNING);
    child->fresh = child->added = child->failing = false;
    if (child->spec->child.backoff.min_ms)
        child->started = trp_now(runner->system);
    trp_child_answer(runner, supervisor, child, false, TROUPE_OK, "");
    if (supervision->at == child) {
        supervision->at = trp_next_in_step(supervision, child);
        go_on(runner, supervisor);
    }
}

// ---- Down

// It chose not to start, or its start was somebody's request, who is told when it is gone.
static void give_up_start(struct trp_runner *runner, struct trp_slot *supervisor,
                          struct trp_child *child)
{
    child->forget = child->added && child->slot->reason.kind != TROUPE_NORMAL;
    trp_child_retire(runner, supervisor, child);
}

static void start_failed(struct trp_runner *runner, struct trp_slot *supervisor,
                         struct trp_child *child)
{
    const struct trp_reason *reason = &child->slot->reason;
    if (reason->kind == TROUPE_NORMAL || child->fresh)
        give_up_start(runner, supervisor, child);
    else if (trp_supervision_of(supervisor)->step == TRP_STEP_FIRST_START)
        trp_supervision_fail_start(runner, supervisor, child, trp_reason_view(reason));
    else
        trp_child_restart_failed(runner, supervisor, child);
}

// One of a group that was told to stop.
static void stopped(struct trp_runner *runner, struct trp_slot *supervisor, struct trp_child *child)
{
    if (child->spec->child.restart == TROUPE_TEMPORARY)
        trp_child_retire(runner, supervisor, child);
    else
        trp_child_set_phase(runner, supervisor, child, TRP_CHILD_DOWN);
    go_on(runner, supervisor);
}

void trp_supervised_down(struct trp_runner *runner, struct trp_slot *supervisor,
                         struct trp_slot *slot)
{
    struct trp_child *child = slot->entry;
    if (is_over(supervisor) || child->phase == TRP_CHILD_ENDING)
        trp_child_order(runner, child, TRP_ORDER_END);
    else if (child->phase == TRP_CHILD_STOPPING)
        stopped(runner, supervisor, child);
    else if (child->phase == TRP_CHILD_STARTING)
        start_failed(runner, supervisor, child);
    else
        trp_child_has_ended(runner, supervisor, child);
}

// ---- Purged

void trp_supervised_purged(struct trp_runner *runner, struct trp_slot *supervisor,
                           struct trp_slot *slot)
{
    (void)slot; // they are counted
    if (!is_over(supervisor))
        trp_group_purged_one(runner, supervisor);
}

// ---- Gone

static void answer_failed_start(struct trp_runner *runner, struct trp_slot *supervisor,
                                struct trp_child *child, const struct trp_reason *reason)
{
    char text[TRP_CHILD_TEXT];
    trp_child_answer(runner, supervisor, child, false, TROUPE_ESTART,
                     trp_child_print(child, trp_reason_view(reason), text));
}

static void answer_gone(struct trp_runner *runner, struct trp_slot *supervisor,
                        struct trp_child *child, const struct trp_reason *reason)
{
    trp_child_answer(runner, supervisor, child, true, TROUPE_OK, "");
    if (!child->fresh)
        return;
    child->fresh = child->added = false;
    if (reason->kind == TROUPE_NORMAL) // it chose not to start
        trp_child_answer(runner, supervisor, child, false, TROUPE_OK, "");
    else
        answer_failed_start(runner, supervisor, child, reason);
}

void trp_supervised_gone(struct trp_runner *runner, struct trp_slot *supervisor,
                         struct trp_slot *slot)
{
    struct trp_supervision *supervision = trp_supervision_of(supervisor);
    struct trp_child *child = slot->entry;
    trp_heap_remove(&supervision->due, &child->due);
    trp_child_detach(runner->system, supervisor, child);
    if (is_over(supervisor)) {
        trp_supervision_stop_on(runner, supervisor, child);
        return;
    }
    answer_gone(runner, supervisor, child, &slot->reason);
    bool waited_for = supervision->at == child;
    if (waited_for) // before it may be removed
        supervision->at = trp_next_in_step(supervision, child);
    if (child->forget)
        trp_child_remove(runner->system, runner, supervisor, child);
    if (waited_for)
        go_on(runner, supervisor);
}
