// Ownership: who belongs to whom, how children are told to stop, and what they tell.
//
// An owner's list of children belongs to its consumer; those that belong to the system are in none,
// see roots.c. A child tells its owner by bits in its own slot, which it pushes onto the owner's
// stack of notices unless it is there already: so telling needs no memory. An ended child's slot is
// not used again before its owner has seen GONE and given its hold back; and an owner does not end
// before all its children are gone, so a child's owner is always there.
#include "actors/actor.h"
#include "actors/supervisor.h"

#include <string.h>

struct trp_tick {
    struct trp_timed timed; // the wheel's lock
    _Atomic uint32_t refs;  // the slot's, and the wheel's while armed
    _Atomic uint64_t armed; // consumer: the deadline; set to TRP_NEVER as well when it has come
    struct trp_slot *slot;  // fixed
    uint32_t generation;    // fixed
    troupe_system *system;  // fixed
};

// ---- The timer that looks after children that do not stop

bool trp_tick_make(struct troupe_ctx *ctx)
{
    struct trp_persist *persist = trp_persist(ctx->system, ctx->runner, ctx->slot);
    if (persist && persist->tick)
        return true;
    struct trp_tick *tick = persist ? trp_take(ctx->system, ctx->runner, sizeof *tick) : NULL;
    if (tick == NULL) {
        trp_error(TROUPE_ENOMEM, "no memory for the children of %s", trp_actor_name(ctx->slot));
        return false;
    }
    memset(tick, 0, sizeof *tick);
    tick->timed.kind = TRP_TIMED_TICK;
    tick->system = ctx->system;
    tick->slot = ctx->slot;
    tick->generation = ctx->generation;
    atomic_init(&tick->refs, 1);
    atomic_init(&tick->armed, TRP_NEVER);
    persist->tick = tick;
    return true;
}

static void release_tick(struct trp_runner *runner, struct trp_tick *tick)
{
    // acq_rel: the last one sees all that the other did.
    if (atomic_fetch_sub_explicit(&tick->refs, 1, memory_order_acq_rel) == 1)
        trp_give(tick->system, runner, tick, sizeof *tick);
}

static void disarm_tick(struct trp_runner *runner, struct trp_tick *tick)
{
    struct trp_wheel *wheel = trp_scheduler_wheel(tick->system->scheduler, tick->slot->index);
    trp_wheel_lock(wheel);
    bool cancelled = trp_wheel_cancel(wheel, &tick->timed.timer);
    trp_wheel_unlock(wheel);
    if (cancelled)
        release_tick(runner, tick);
}

void trp_tick_free(troupe_system *system, struct trp_runner *runner, struct trp_tick *tick)
{
    (void)system;
    if (tick == NULL)
        return;
    disarm_tick(runner, tick);
    release_tick(runner, tick);
}

void trp_tick_arm(struct trp_runner *runner, struct trp_tick *tick, uint64_t deadline)
{
    // relaxed: if it comes just now, an order to look is on its way, after which it is armed again.
    if (deadline != TRP_NEVER &&
        atomic_load_explicit(&tick->armed, memory_order_relaxed) <= deadline)
        return; // who looks too early arms it anew, which is rarer than deadlines that move on
    disarm_tick(runner, tick);
    // relaxed: one that came before and says so only now costs another arming.
    atomic_store_explicit(&tick->armed, deadline, memory_order_relaxed);
    if (deadline == TRP_NEVER)
        return;
    atomic_fetch_add_explicit(&tick->refs, 1, memory_order_relaxed);
    struct trp_wheel *wheel = trp_scheduler_wheel(tick->system->scheduler, tick->slot->index);
    trp_wheel_lock(wheel);
    trp_wheel_arm(wheel, &tick->timed.timer, deadline);
    trp_wheel_unlock(wheel);
    trp_scheduler_timer_armed(tick->system->scheduler, deadline);
}

void trp_tick_expired(struct trp_runner *runner, struct trp_timed *timed)
{
    struct trp_tick *tick = TRP_CONTAINER(timed, struct trp_tick, timed);
    atomic_store_explicit(&tick->armed, TRP_NEVER, memory_order_relaxed); // see trp_tick_arm
    trp_slot_order(tick->system, runner, tick->slot, tick->generation, TRP_ORDER_TICK);
    release_tick(runner, tick);
}

// ---- The lists

static troupe_status adopt_root(troupe_system *system, struct trp_runner *runner,
                                const struct trp_slot *child)
{
    if (TRP_LIKELY(trp_roots_enter(system, runner)))
        return TROUPE_OK;
    return trp_say_closed(system, child->behavior->name);
}

troupe_status trp_adopt(troupe_system *system, struct trp_runner *runner, struct trp_slot *child,
                        struct troupe_ctx *owner)
{
    if (owner == NULL)
        return adopt_root(system, runner, child);
    struct trp_slot *slot = owner->slot;
    if (slot->phase == TRP_STOPPING)
        return trp_error(TROUPE_ECLOSED, "no new %s: its owner is stopping", child->behavior->name);
    if (atomic_load(&system->closed))
        return trp_say_closed(system, child->behavior->name);
    if (!trp_tick_make(owner))
        return TROUPE_ENOMEM;
    struct trp_persist *persist = slot->persist;
    TRP_ASSERT(child->supervised == (persist->supervision != NULL)); // all are, or none: [lazy]
    persist->child_count++;
    if (child->supervised)
        return TROUPE_OK;
    child->sibling_next = NULL;
    child->sibling_previous = persist->children_last;
    if (persist->children_last)
        persist->children_last->sibling_next = child;
    else
        persist->children = child;
    persist->children_last = child;
    return TROUPE_OK;
}

static void unlink_child(struct trp_persist *persist, struct trp_slot *child)
{
    persist->child_count--;
    if (child->supervised)
        return;
    if (child->sibling_previous)
        child->sibling_previous->sibling_next = child->sibling_next;
    else
        persist->children = child->sibling_next;
    if (child->sibling_next)
        child->sibling_next->sibling_previous = child->sibling_previous;
    else
        persist->children_last = child->sibling_previous;
}

void trp_disown(troupe_system *system, struct trp_runner *runner, struct trp_slot *child,
                struct troupe_ctx *owner)
{
    if (owner)
        unlink_child(owner->slot->persist, child);
    else
        trp_roots_leave(system, runner, false);
}

static void root_gone(struct trp_runner *runner, struct trp_slot *child)
{
    troupe_system *system = runner->system;
    // relaxed: published by the count of its end.
    if (TRP_UNLIKELY(trp_reason_is_failure(&child->reason)))
        atomic_fetch_add_explicit(&system->root_failures, 1, memory_order_relaxed);
    bool awaited = child->awaited;
    trp_root_that_gave_up_is_gone(system, runner, child);
    trp_slot_release_hold(system, runner, child);
    trp_roots_leave(system, runner, awaited);
}

// ---- Telling the owner
//
// [notice] One order makes the owner look at all that is on the stack by then:
// 1. A child is on the stack, or in the hands of the owner that has taken the stack, from its push
//    until the owner has read its bits. A bit that is added meanwhile is read with the others.
// 2. The supervised child (for others see [lazy]) that finds the stack empty gives the order, after
//    its push; the owner takes first the order and then the whole stack. So while the stack is not
//    empty an order is given, is about to be given, or was taken by an owner which is about to take
//    the stack: those that find it so need not give another.
// 3. An owner does not end before it has read GONE of all its children: each stack is taken.
//
// [lazy] That an unsupervised child is gone matters only to an owner that waits for it; to others
// it gives a slot back. So such a child gives the order only if the owner listens, or if the stack
// has become long. The owner begins to listen in one step with an order to itself, and takes the
// stack after that. Both sides are seq_cst: either the child, which pushes and then looks whether
// the owner listens, sees that it does, or its push came first and the owner finds it.

#define LONG_STACK 64u
#define DEPTH      (1u << 8) // of the stack, in slot->notice above the bits

// Returns whether the child must be pushed.
static bool add_notice(struct trp_slot *slot, enum trp_notice notice)
{
    if (TRP_LIKELY(!slot->supervised)) // GONE is its only one, set when it is pushed
        return true;
    // release: in place of a push; pairs with read_notice.
    return atomic_fetch_or_explicit(&slot->notice, notice, memory_order_acq_rel) == 0;
}

// Returns what the stack began with before. The slot may be another actor's as soon as it is
// pushed.
static uint32_t push_notice(struct trp_slot *owner, struct trp_slot *slot)
{
    // acquire, here and where the exchange fails: of the push by which `newest` came there, as its
    // slot is looked into, which may be younger than all that this thread has seen.
    struct trp_slot *newest = atomic_load_explicit(&owner->notices, memory_order_acquire);
    bool counted = !slot->supervised;
    uint32_t depth = 0;
    do {
        slot->notice_next = newest;
        // relaxed: if it is not the newest any more this is nonsense, and the exchange fails.
        depth = newest ? atomic_load_explicit(&newest->notice, memory_order_relaxed) / DEPTH : 0;
        if (counted) // relaxed: published by the push
            atomic_store_explicit(&slot->notice, TRP_NOTICE_GONE | (depth + 1) * DEPTH,
                                  memory_order_relaxed);
        TRP_YIELD("notice: before push");
        // release: the owner sees what the child did; pairs with the exchange in read_notices.
        // seq_cst [lazy].
    } while (!atomic_compare_exchange_weak_explicit(&owner->notices, &newest, slot,
                                                    memory_order_seq_cst, memory_order_acquire));
    TRP_YIELD("notice: after push");
    return newest == NULL ? 0 : counted ? depth : 1;
}

static bool must_tell(struct trp_slot *owner, bool supervised, uint32_t depth)
{
    if (supervised)
        return depth == 0;
    if ((depth + 1) % LONG_STACK == 0)
        return true;
    // seq_cst [lazy].
    return depth == 0 &&
           (atomic_load_explicit(&owner->orders, memory_order_seq_cst) & TRP_ALIVE_LISTENS) != 0;
}

void trp_notify_owner(struct trp_runner *runner, struct trp_slot *slot, enum trp_notice notice)
{
    struct trp_slot *owner = slot->owner;
    if (owner == NULL) {
        if (notice == TRP_NOTICE_GONE)
            root_gone(runner, slot);
        return;
    }
    uint32_t generation = slot->owner_generation;
    bool supervised = slot->supervised;
    bool tell = add_notice(slot, notice) && must_tell(owner, supervised, push_notice(owner, slot));
    // ENDED must be known when others are told: another's order that is about to be given is not
    // enough.
    if (tell || notice == TRP_NOTICE_ENDED)
        // The owner may be gone by now: looking for another reason it may have found the last
        // child's GONE before it is told of it here.
        (void)trp_slot_order(runner->system, runner, owner, generation, TRP_ORDER_NOTICE);
}

// ---- The owner's side

// A child is told to stop; one that awaits its owner's verdict ends.
static void stop_child(struct trp_runner *runner, struct trp_slot *child, bool kill)
{
    uint32_t order =
        kill || child->shutdown_ms == TROUPE_KILL_NOW ? TRP_ORDER_KILL : TRP_ORDER_STOP;
    trp_slot_order(runner->system, runner, child, trp_slot_generation(child),
                   order | TRP_ORDER_END);
}

static uint64_t give_up_time(const struct trp_persist *persist, const struct trp_slot *child)
{
    if (child->shutdown_ms >= TROUPE_KILL_NOW)
        return TRP_NEVER;
    return trp_deadline(persist->stop_began, child->shutdown_ms * TRP_NS_PER_MS);
}

static void stop_owned(struct trp_runner *runner, struct trp_slot *slot, bool kill)
{
    struct trp_persist *persist = slot->persist;
    uint64_t first = TRP_NEVER;
    persist->stop_began = trp_now(runner->system);
    // seq_cst [lazy]. It runs just now, and obeys when it goes on.
    atomic_fetch_or_explicit(&slot->orders, TRP_ALIVE_LISTENS | TRP_ORDER_NOTICE,
                             memory_order_seq_cst);
    for (struct trp_slot *child = persist->children_last; child;) {
        uint64_t deadline = give_up_time(persist, child);
        first = deadline < first ? deadline : first;
        struct trp_slot *previous = child->sibling_previous;
        stop_child(runner, child, kill);
        child = previous;
    }
    trp_tick_arm(runner, persist->tick, kill ? TRP_NEVER : first);
}

void trp_stop_children(struct trp_runner *runner, struct trp_slot *slot)
{
    bool kill = slot->reason.kind == TROUPE_KILLED;
    if (slot->persist->supervision)
        trp_supervision_stop(runner, slot, kill);
    else
        stop_owned(runner, slot, kill);
}

static void stop_owned_late(struct trp_runner *runner, struct trp_slot *slot)
{
    struct trp_persist *persist = slot->persist;
    uint64_t now = trp_now(runner->system), next = TRP_NEVER;
    for (struct trp_slot *child = persist->children_last; child; child = child->sibling_previous) {
        uint64_t deadline = give_up_time(persist, child);
        if (deadline <= now)
            stop_child(runner, child, true);
        else if (deadline < next)
            next = deadline;
    }
    if (persist->tick)
        trp_tick_arm(runner, persist->tick, next);
}

bool trp_tick(struct trp_runner *runner, struct trp_slot *slot)
{
    if (slot->persist && slot->persist->supervision)
        return trp_supervision_tick(runner, slot);
    if (slot->persist && slot->phase == TRP_STOPPING)
        stop_owned_late(runner, slot);
    return false;
}

// A supervised child has no place in its supervisor's table any more, but is counted until GONE.
static void child_ended(struct trp_runner *runner, struct trp_slot *slot, struct trp_slot *child)
{
    if (child->entry)
        trp_supervised_gone(runner, slot, child); // may end the supervisor
}

static void child_gone(struct trp_runner *runner, struct trp_slot *slot, struct trp_slot *child)
{
    unlink_child(slot->persist, child);
    if (slot->persist->supervision)
        child_ended(runner, slot, child);
    trp_slot_release_hold(runner->system, runner, child);
}

static void read_notice(struct trp_runner *runner, struct trp_slot *slot, struct trp_slot *child)
{
    // acquire: of a bit that was added while it was on the stack. After GONE nothing comes.
    uint32_t notice = atomic_load_explicit(&child->notice, memory_order_acquire);
    TRP_YIELD("notice: looked at");
    if (!(notice & TRP_NOTICE_GONE)) // from here on it may be pushed again
        notice = atomic_exchange_explicit(&child->notice, 0, memory_order_acq_rel);
    // Each may end the supervisor; while its children are left it is there.
    if (notice & TRP_NOTICE_STARTED)
        trp_supervised_started(runner, slot, child);
    if (notice & TRP_NOTICE_DOWN)
        trp_supervised_down(runner, slot, child);
    if (notice & TRP_NOTICE_PURGED)
        trp_supervised_purged(runner, slot, child);
    if (notice & TRP_NOTICE_ENDED)
        child_ended(runner, slot, child);
    if (notice & TRP_NOTICE_GONE)
        child_gone(runner, slot, child);
}

enum trp_next trp_read_notices(struct trp_runner *runner, struct trp_slot *slot)
{
    // acquire: of the push in notify_owner.
    struct trp_slot *child = atomic_exchange_explicit(&slot->notices, NULL, memory_order_acquire);
    struct trp_slot *oldest = NULL;
    while (child) { // newest first: turn round
        struct trp_slot *next = child->notice_next;
        child->notice_next = oldest;
        oldest = child;
        child = next;
    }
    while (oldest) {
        struct trp_slot *next = oldest->notice_next; // read before it may be pushed again
        read_notice(runner, slot, oldest);
        oldest = next;
    }
    if (atomic_load(&slot->body) != NULL && slot->phase == TRP_STOPPING &&
        (slot->persist == NULL || slot->persist->child_count == 0))
        return trp_children_gone(runner, slot);
    return TRP_NEXT_LOOK;
}
