// What a supervisor does about news of its children: who is restarted, when, and with whom. OTP's
// supervisor, as a state machine: nothing here waits.
//
// One for one: a child that is DOWN is ordered to restart, at once or when its backoff is over.
//
// A group (one for all, rest for one), from `from` to the last child:
//
//   STOP    members are told to stop, the last one first; one that is down already is passed
//   PURGE   all that are down drop what they have sent to each other (stale.c)
//   WAIT    for the backoff of the child that failed, if it has one
//   START   members are started, the first one first; a start that fails is another failure
//
// A child that ends while a group is restarted is FAILED, and looked at afterwards, unless the
// group has it as well: then it is down, as it should be.
//
// Functions that can end the supervisor return false when they did, or may have: then what the
// supervisor knows may be gone.
#include "actors/supervision.h"
#include "actors/supervisor.h"

#include <stdio.h>

static void group_begin(struct trp_runner *runner, struct trp_slot *supervisor,
                        struct trp_child *culprit, uint64_t delay);

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

static void set_phase(struct trp_runner *runner, struct trp_slot *supervisor,
                      struct trp_child *child, enum trp_child_phase phase)
{
    trp_child_set_phase(runner->system, supervisor, child, phase);
}

// ---- Answers

void trp_child_answer(struct trp_runner *runner, struct trp_slot *supervisor,
                      struct trp_child *child, bool for_stop, troupe_status status,
                      const char *text)
{
    troupe_ref ref =
        child->slot && !for_stop && status == TROUPE_OK ? child->ref : (troupe_ref){0, 0, 0};
    struct trp_request **at = &child->requests;
    while (*at) {
        struct trp_request *request = *at;
        if (request->for_stop != for_stop) {
            at = &request->next;
            continue;
        }
        *at = request->next;
        trp_request_answer(trp_supervisor_ctx(runner, supervisor), request, status, ref, text);
    }
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
    set_phase(runner, supervisor, child, TRP_CHILD_WAITING);
    trp_heap_remove(&supervision->due, &child->due);
    trp_heap_add(&supervision->due, &child->due, due);
    trp_supervision_arm(runner, supervisor);
}

// ---- Ends that are no failures

static bool is_over(const struct trp_slot *supervisor)
{
    return supervisor->phase >= TRP_STOPPING;
}

static void forget_or_keep(struct trp_runner *runner, struct trp_slot *supervisor,
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

static void give_up(struct trp_runner *runner, struct trp_slot *supervisor,
                    const struct trp_reason *last)
{
    troupe_system *system = runner->system;
    trp_tell_event(system, TROUPE_EVENT_GAVE_UP, supervisor, trp_slot_generation(supervisor),
                   atomic_load(&supervisor->incarnation), last);
    if (supervisor->owner == NULL)
        trp_system_gave_up(system, supervisor, last);
    end_supervisor(runner, supervisor);
}

// Its actor is AWAITING, or it has none because it could not be spawned. False: see above.
static bool restart_or_give_up(struct trp_runner *runner, struct trp_slot *supervisor,
                               struct trp_child *child, const struct trp_reason *why)
{
    struct trp_supervision *supervision = trp_supervision_of(supervisor);
    struct trp_budget *budget = child->budget ? child->budget : &supervision->budget;
    uint64_t now = trp_now(runner->system);
    if (trp_budget_is_exceeded(budget, now)) {
        give_up(runner, supervisor, why);
        return false;
    }
    uint64_t delay = next_delay(runner, child, now);
    if (is_group(supervision)) {
        group_begin(runner, supervisor, child, delay);
        return false; // a start may have failed at once
    }
    if (delay > 0 || child->slot == NULL) { // not at once, so as not to call ourselves endlessly
        wait_until(runner, supervisor, child, trp_deadline(now, delay));
        return true;
    }
    set_phase(runner, supervisor, child, TRP_CHILD_STARTING);
    trp_child_order(runner, child, TRP_ORDER_RESTART);
    return true;
}

// A child could not be spawned. False: see above.
static bool spawn_failed(struct trp_runner *runner, struct trp_slot *supervisor,
                         struct trp_child *child, troupe_status status)
{
    struct trp_reason why = {.kind = TROUPE_START_FAILED, .status = status};
    why.text = trp_text_new(runner->system, runner, "%s", troupe_error_text(NULL));
    bool there = restart_or_give_up(runner, supervisor, child, &why);
    trp_reason_release(runner->system, runner, &why);
    return there;
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

// A child that ran has ended, and the supervisor is free to do something about it. False: see
// above.
static bool decide(struct trp_runner *runner, struct trp_slot *supervisor, struct trp_child *child)
{
    if (is_to_be_restarted(child, &child->slot->reason))
        return restart_or_give_up(runner, supervisor, child, &child->slot->reason);
    forget_or_keep(runner, supervisor, child);
    if (!shuts_down(trp_supervision_of(supervisor), child))
        return true;
    end_supervisor(runner, supervisor);
    return false;
}

// ---- Those that ended while something else was going on

static void queue_failed(struct trp_runner *runner, struct trp_slot *supervisor,
                         struct trp_child *child)
{
    struct trp_supervision *supervision = trp_supervision_of(supervisor);
    set_phase(runner, supervisor, child, TRP_CHILD_FAILED);
    if (child->queued)
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

void trp_supervision_look_at_failed(struct trp_runner *runner, struct trp_slot *supervisor)
{
    for (;;) {
        struct trp_supervision *supervision = trp_supervision_of(supervisor);
        struct trp_child *child = is_free(supervision) ? take_failed(supervision) : NULL;
        if (child == NULL)
            return;
        if (child->phase == TRP_CHILD_FAILED && !decide(runner, supervisor, child))
            return; // a group that was begun comes back here
    }
}

// Whose turn it is after that child.
static struct trp_child *next_in_step(const struct trp_supervision *supervision,
                                      const struct trp_child *child)
{
    if (supervision->step != TRP_STEP_GROUP_STOP)
        return child->next;
    return child == supervision->from ? NULL : child->previous;
}

// ---- A group's restart: stop

static void tell_to_stop(struct trp_runner *runner, struct trp_slot *supervisor,
                         struct trp_child *child)
{
    struct trp_supervision *supervision = trp_supervision_of(supervisor);
    set_phase(runner, supervisor, child, TRP_CHILD_STOPPING);
    supervision->stop_due = trp_child_stop_due(runner->system, child);
    trp_child_order(runner, child, trp_child_stop_bits(child, false));
    trp_supervision_arm(runner, supervisor);
}

// Returns whether the member is down; else it will be.
static bool stop_member(struct trp_runner *runner, struct trp_slot *supervisor,
                        struct trp_child *child)
{
    struct trp_supervision *supervision = trp_supervision_of(supervisor);
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
        trp_heap_remove(&supervision->due, &child->due);
        if (child->slot && child->spec->child.restart == TROUPE_TEMPORARY)
            forget_or_keep(runner, supervisor, child);
        else
            set_phase(runner, supervisor, child, child->slot ? TRP_CHILD_DOWN : TRP_CHILD_ABSENT);
        return true;
    case TRP_CHILD_ABSENT:
    case TRP_CHILD_DOWN:
    default:
        return true;
    }
}

// ---- Purge

static void mark_group(struct trp_supervision *supervision, bool in)
{
    for (struct trp_child *child = supervision->from; child; child = child->next)
        if (child->slot) // release: see stale.c; the mark comes after the spawn.
            atomic_store_explicit(&child->slot->in_group, in && child->phase == TRP_CHILD_DOWN,
                                  memory_order_release);
}

static void group_purge(struct trp_runner *runner, struct trp_slot *supervisor)
{
    struct trp_supervision *supervision = trp_supervision_of(supervisor);
    supervision->step = TRP_STEP_GROUP_PURGE;
    supervision->purging = 0;
    mark_group(supervision, true);
    for (struct trp_child *child = supervision->from; child; child = child->next) {
        if (child->phase != TRP_CHILD_DOWN)
            continue;
        supervision->purging++;
        trp_child_order(runner, child, TRP_ORDER_PURGE);
    }
}

// ---- Start

static void group_is_through(struct trp_runner *runner, struct trp_slot *supervisor)
{
    struct trp_supervision *supervision = trp_supervision_of(supervisor);
    supervision->step = TRP_STEP_NONE;
    supervision->culprit = NULL;
    for (struct trp_child *child = supervision->first; child; child = child->next)
        child->left_out = false;
    trp_supervision_look_at_failed(runner, supervisor);
}

enum started { STARTED_NOT, STARTED_WAIT, STARTED_OVER };

// A child that was added meanwhile has its first start: that it fails concerns nobody else.
static enum started start_added(struct trp_runner *runner, struct trp_slot *supervisor,
                                struct trp_child *child, troupe_status status)
{
    trp_child_answer(runner, supervisor, child, false,
                     status == TROUPE_ENOMEM ? status : TROUPE_ESTART, troupe_error_text(NULL));
    trp_supervision_of(supervisor)->at = child->next;
    trp_child_remove(runner->system, runner, supervisor, child);
    return STARTED_NOT;
}

static enum started start_member(struct trp_runner *runner, struct trp_slot *supervisor,
                                 struct trp_child *child)
{
    if (child->left_out)
        return STARTED_NOT;
    if (child->phase == TRP_CHILD_DOWN) {
        set_phase(runner, supervisor, child, TRP_CHILD_STARTING);
        trp_child_order(runner, child, TRP_ORDER_RESTART);
        return STARTED_WAIT;
    }
    if (child->phase != TRP_CHILD_ABSENT)
        return STARTED_NOT;
    troupe_status status = trp_child_spawn(trp_supervisor_ctx(runner, supervisor), child);
    if (status == TROUPE_OK)
        return STARTED_WAIT;
    if (child->added)
        return start_added(runner, supervisor, child, status);
    spawn_failed(runner, supervisor, child, status);
    return STARTED_OVER;
}

// Starts `at`, or who comes next.
static void group_start(struct trp_runner *runner, struct trp_slot *supervisor)
{
    struct trp_supervision *supervision = trp_supervision_of(supervisor);
    supervision->step = TRP_STEP_GROUP_START;
    while (supervision->at) {
        struct trp_child *child = supervision->at;
        if (start_member(runner, supervisor, child) != STARTED_NOT)
            return;
        if (supervision->at == child)
            supervision->at = child->next;
    }
    group_is_through(runner, supervisor);
}

void trp_group_wait_until(struct trp_runner *runner, struct trp_slot *supervisor, uint64_t due)
{
    struct trp_supervision *supervision = trp_supervision_of(supervisor);
    supervision->step = TRP_STEP_GROUP_WAIT;
    supervision->at = NULL;
    trp_heap_remove(&supervision->due, &supervision->wait);
    trp_heap_add(&supervision->due, &supervision->wait, due);
    trp_supervision_arm(runner, supervisor);
}

// All are down and have dropped what is stale.
static void group_wait_or_start(struct trp_runner *runner, struct trp_slot *supervisor)
{
    struct trp_supervision *supervision = trp_supervision_of(supervisor);
    mark_group(supervision, false);
    if (supervision->delay) {
        trp_group_wait_until(runner, supervisor,
                             trp_deadline(trp_now(runner->system), supervision->delay));
        supervision->delay = 0;
        trp_supervision_look_at_failed(runner, supervisor);
        return;
    }
    supervision->at = supervision->from;
    group_start(runner, supervisor);
}

// Stops `at`, or who comes before, as far as `from`.
static void group_stop(struct trp_runner *runner, struct trp_slot *supervisor)
{
    struct trp_supervision *supervision = trp_supervision_of(supervisor);
    while (supervision->at) {
        struct trp_child *child = supervision->at;
        supervision->stop_due = TRP_NEVER;
        if (!stop_member(runner, supervisor, child))
            return;
        supervision->at = next_in_step(supervision, child);
    }
    group_purge(runner, supervisor);
    if (supervision->purging == 0)
        group_wait_or_start(runner, supervisor);
}

void trp_group_try_again(struct trp_runner *runner, struct trp_slot *supervisor)
{
    struct trp_supervision *supervision = trp_supervision_of(supervisor);
    trp_heap_remove(&supervision->due, &supervision->wait);
    supervision->step = TRP_STEP_GROUP_STOP;
    supervision->at = supervision->last;
    group_stop(runner, supervisor);
}

static void group_begin(struct trp_runner *runner, struct trp_slot *supervisor,
                        struct trp_child *culprit, uint64_t delay)
{
    struct trp_supervision *supervision = trp_supervision_of(supervisor);
    supervision->culprit = culprit;
    supervision->from = supervision->strategy == TROUPE_ONE_FOR_ALL ? supervision->first : culprit;
    if (culprit->slot) {
        supervision->delay = delay;
        set_phase(runner, supervisor, culprit, TRP_CHILD_DOWN);
        trp_group_try_again(runner, supervisor);
    } else { // it could not be spawned: not at once, so as not to call ourselves endlessly
        set_phase(runner, supervisor, culprit, TRP_CHILD_WAITING);
        trp_group_wait_until(runner, supervisor, trp_deadline(trp_now(runner->system), delay));
        trp_supervision_look_at_failed(runner, supervisor);
    }
}

// Goes on with `at`. May end it.
static void go_on(struct trp_runner *runner, struct trp_slot *supervisor)
{
    switch (trp_supervision_of(supervisor)->step) {
    case TRP_STEP_FIRST_START:
        trp_first_start_go_on(runner, supervisor);
        break;
    case TRP_STEP_GROUP_STOP:
        group_stop(runner, supervisor);
        break;
    case TRP_STEP_GROUP_START:
        group_start(runner, supervisor);
        break;
    case TRP_STEP_GROUP_PURGE:
    case TRP_STEP_GROUP_WAIT:
    case TRP_STEP_NONE:
    default:
        break;
    }
}

void trp_child_try_again(struct trp_runner *runner, struct trp_slot *supervisor,
                         struct trp_child *child)
{
    if (child->slot) {
        set_phase(runner, supervisor, child, TRP_CHILD_STARTING);
        trp_child_order(runner, child, TRP_ORDER_RESTART);
    } else {
        set_phase(runner, supervisor, child, TRP_CHILD_ABSENT);
        troupe_status status = trp_child_spawn(trp_supervisor_ctx(runner, supervisor), child);
        if (status != TROUPE_OK)
            (void)spawn_failed(runner, supervisor, child, status);
    }
}

// ---- News

void trp_supervised_started(struct trp_runner *runner, struct trp_slot *supervisor,
                            struct trp_slot *slot)
{
    struct trp_supervision *supervision = trp_supervision_of(supervisor);
    struct trp_child *child = slot->entry;
    if (is_over(supervisor) || child->phase != TRP_CHILD_STARTING)
        return; // it has been told to stop meanwhile
    set_phase(runner, supervisor, child, TRP_CHILD_RUNNING);
    child->fresh = child->added = false;
    if (child->spec->child.backoff.min_ms)
        child->started = trp_now(runner->system);
    trp_child_answer(runner, supervisor, child, false, TROUPE_OK, "");
    if (supervision->at == child) {
        supervision->at = next_in_step(supervision, child);
        go_on(runner, supervisor);
    }
}

static const char *why_of(const struct trp_reason *reason)
{
    troupe_reason why = trp_reason_view(reason);
    if (why.text[0])
        return why.text;
    return why.status == TROUPE_OK ? troupe_reason_name(why.kind) : troupe_status_text(why.status);
}

// It chose not to start, or its start was somebody's request, who is told when it is gone.
static void give_up_start(struct trp_runner *runner, struct trp_slot *supervisor,
                          struct trp_child *child)
{
    child->forget = child->added && child->slot->reason.kind != TROUPE_NORMAL;
    forget_or_keep(runner, supervisor, child);
}

static void start_failed(struct trp_runner *runner, struct trp_slot *supervisor,
                         struct trp_child *child)
{
    struct trp_supervision *supervision = trp_supervision_of(supervisor);
    const struct trp_reason *reason = &child->slot->reason;
    if (reason->kind == TROUPE_NORMAL || child->fresh) {
        give_up_start(runner, supervisor, child);
    } else if (supervision->step == TRP_STEP_FIRST_START) {
        trp_supervision_fail_start(runner, supervisor, child->spec->child.id, reason->status,
                                   why_of(reason));
    } else if (is_free(supervision) || supervision->at == child) { // another attempt, which counts
        (void)restart_or_give_up(runner, supervisor, child, reason);
    } else {
        queue_failed(runner, supervisor, child);
    }
}

void trp_supervised_down(struct trp_runner *runner, struct trp_slot *supervisor,
                         struct trp_slot *slot)
{
    struct trp_supervision *supervision = trp_supervision_of(supervisor);
    struct trp_child *child = slot->entry;
    if (is_over(supervisor) || child->phase == TRP_CHILD_ENDING) {
        trp_child_order(runner, child, TRP_ORDER_END);
    } else if (child->phase == TRP_CHILD_STOPPING) {
        if (child->spec->child.restart == TROUPE_TEMPORARY)
            forget_or_keep(runner, supervisor, child);
        else
            set_phase(runner, supervisor, child, TRP_CHILD_DOWN);
        go_on(runner, supervisor);
    } else if (child->phase == TRP_CHILD_STARTING) {
        start_failed(runner, supervisor, child);
    } else if (!is_free(supervision)) {
        queue_failed(runner, supervisor, child);
    } else {
        (void)decide(runner, supervisor, child);
    }
}

void trp_supervised_purged(struct trp_runner *runner, struct trp_slot *supervisor,
                           struct trp_slot *slot)
{
    struct trp_supervision *supervision = trp_supervision_of(supervisor);
    (void)slot;
    if (!is_over(supervisor) && supervision->step == TRP_STEP_GROUP_PURGE &&
        --supervision->purging == 0)
        group_wait_or_start(runner, supervisor);
}

static void answer_gone(struct trp_runner *runner, struct trp_slot *supervisor,
                        struct trp_child *child, const struct trp_reason *reason)
{
    trp_child_answer(runner, supervisor, child, true, TROUPE_OK, "");
    if (!child->fresh)
        return;
    child->fresh = child->added = false;
    char text[384];
    const char *id = child->spec->child.id;
    const char *why = why_of(reason);
    if (id)
        (void)snprintf(text, sizeof text, "child \"%s\" failed to start: %s", id, why);
    else
        (void)snprintf(text, sizeof text, "the child failed to start: %s", why);
    bool ignored = reason->kind == TROUPE_NORMAL;
    trp_child_answer(runner, supervisor, child, false, ignored ? TROUPE_OK : TROUPE_ESTART,
                     ignored ? "" : text);
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
    if (waited_for)
        supervision->at = next_in_step(supervision, child);
    if (child->forget)
        trp_child_remove(runner->system, runner, supervisor, child);
    if (waited_for)
        go_on(runner, supervisor);
}
