// Those who watch an actor, and how they are told that it starts, restarts or ends: the target's
// side of monitors. The list is a ring, guarded by the stripe lock of the target's slot; who may be
// in it when, see monitor.c [watch].
#include "actors/monitor.h"

// ---- The ring

void trp_watchers_add(struct trp_monitor *monitor, struct trp_slot *slot)
{
    struct trp_watched *watched = slot->watched;
    struct trp_monitor *first = watched->monitors;
    monitor->linked = true;
    monitor->round = watched->round; // if all are being told just now: it is not one of them
    monitor->next = first ? first : monitor;
    monitor->previous = first ? first->previous : monitor;
    monitor->next->previous = monitor->previous->next = monitor;
    if (first == NULL)
        watched->monitors = monitor;
    watched->monitor_count++;
    trp_watched_grown(slot);
    atomic_fetch_add_explicit(&monitor->refs, 1, memory_order_relaxed);
}

void trp_watchers_remove(struct trp_monitor *monitor, struct trp_watched *watched)
{
    monitor->linked = false;
    monitor->previous->next = monitor->next;
    monitor->next->previous = monitor->previous;
    if (watched->monitors == monitor)
        watched->monitors = monitor->next == monitor ? NULL : monitor->next;
    watched->monitor_count--;
}

bool trp_monitor_reserve(struct trp_monitor *monitor, struct trp_monitor_mail *mail)
{
    if (monitor->ended)
        return false;
    if (mail->in_flight) {
        mail->again = true;
        return false;
    }
    mail->in_flight = true;
    atomic_fetch_add_explicit(&monitor->refs, 1, memory_order_relaxed);
    return true;
}

// [held] The stop is the last that a monitor tells: it waits for a restart, or start, that has
// happened while the message about the one before was being handled, as that is sent again after
// the handler. One that was put aside is not waited for: it will tell what it has told.
static bool reserve_stop_or_hold(struct trp_monitor *monitor)
{
    struct trp_monitor_mail *restart = &monitor->restart, *start = &monitor->start;
    monitor->held = (restart->again && !restart->aside) || (start->again && !start->aside);
    if (monitor->held)
        return false;
    restart->again = start->again = false;
    return trp_monitor_reserve(monitor, &monitor->stop);
}

bool trp_monitor_reserve_stop(struct trp_monitor *monitor)
{
    return !monitor->waiter && (monitor->events & TROUPE_ON_STOP) && reserve_stop_or_hold(monitor);
}

bool trp_monitor_reserve_held(struct trp_monitor *monitor)
{
    return monitor->held && reserve_stop_or_hold(monitor);
}

void trp_monitor_send(troupe_system *system, struct trp_runner *runner, struct trp_monitor *monitor,
                      struct trp_monitor_mail *mail)
{
    trp_push_from(system, runner, monitor->watcher, monitor->generation, &mail->envelope);
}

// ---- Telling

// [order] A start is told behind the restart that it follows. One that still waits when a restart
// is told is old news, and the next start would be told in its place: it is dropped. One that comes
// while a restart waits for the handler of the one before waits for that, too.
static void outdate_start(struct trp_monitor *monitor)
{
    struct trp_monitor_mail *start = &monitor->start;
    if (start->aside)
        return;
    start->stale = start->in_flight;
    start->again = false;
}

static bool start_waits(struct trp_monitor *monitor, const struct trp_monitor_mail *mail)
{
    if (mail != &monitor->start || !monitor->restart.again || monitor->restart.aside)
        return false;
    monitor->start.again = true;
    return true;
}

bool trp_monitor_reserve_start(struct trp_monitor *monitor)
{
    struct trp_monitor_mail *start = &monitor->start;
    if (!start->again || start->in_flight)
        return false;
    start->again = false;
    return trp_monitor_reserve(monitor, start);
}

void trp_monitor_tell(troupe_system *system, struct trp_runner *runner, struct trp_monitor *monitor,
                      struct trp_monitor_mail *mail, uint32_t incarnation,
                      const struct trp_reason *reason)
{
    trp_reason_release(system, runner, &mail->reason);
    mail->incarnation = incarnation;
    if (reason)
        mail->reason = trp_reason_acquire(*reason);
    if (mail == &monitor->restart)
        outdate_start(monitor);
    if (monitor->waiter)
        trp_waiter_wake(monitor->waiter);
    else if (!start_waits(monitor, mail) && trp_monitor_reserve(monitor, mail))
        trp_monitor_send(system, runner, monitor, mail);
}

// [round] All are told of a start or restart in one round over the ring, in batches: who is told
// goes behind the others, and who comes meanwhile does not belong to the round. So it is over when
// the first has been told. `begin`: a new round.
static bool tell_round(troupe_system *system, struct trp_runner *runner, struct trp_slot *slot,
                       uint32_t event, bool begin)
{
    uint32_t incarnation = atomic_load_explicit(&slot->incarnation, memory_order_relaxed);
    uint32_t room = TRP_WATCHED_BATCH;
    struct trp_monitor *monitor = NULL;
    struct trp_lock *lock = trp_stripe(system, slot->index);
    trp_lock_acquire(lock);
    struct trp_watched *watched = slot->watched;
    if (watched && begin)
        watched->round++;
    while (watched && (monitor = watched->monitors) && monitor->round != watched->round &&
           room-- > 0) {
        monitor->round = watched->round;
        watched->monitors = monitor->next;
        if (!(monitor->events & event))
            continue;
        if (event == TROUPE_ON_RESTART)
            trp_monitor_tell(system, runner, monitor, &monitor->restart, incarnation,
                             &slot->reason);
        else if (monitor->start.incarnation != incarnation)
            trp_monitor_tell(system, runner, monitor, &monitor->start, incarnation, NULL);
    }
    bool all = monitor == NULL || monitor->round == watched->round;
    trp_lock_release(lock);
    return all;
}

bool trp_monitors_start(troupe_system *system, struct trp_runner *runner, struct trp_slot *slot)
{
    TRP_YIELD("monitors start: before started");
    // acq_rel [watch] 2; it is not set, so this sets it.
    uint64_t old =
        atomic_fetch_add_explicit(&slot->orders, TRP_ALIVE_STARTED, memory_order_acq_rel);
    if (TRP_LIKELY(!(old & TRP_ALIVE_WATCHED)))
        return true;
    TRP_YIELD("monitors start: before the lock");
    return tell_round(system, runner, slot, TROUPE_ON_START, true);
}

bool trp_monitors_restart(troupe_system *system, struct trp_runner *runner, struct trp_slot *slot)
{
    return tell_round(system, runner, slot, TROUPE_ON_RESTART, true); // always the lock [watch] 3
}

bool trp_monitors_go_on(troupe_system *system, struct trp_runner *runner, struct trp_slot *slot,
                        uint32_t event)
{
    return tell_round(system, runner, slot, event, false);
}

struct trp_monitor *trp_monitors_cut(struct trp_watched *watched, uint32_t *room,
                                     uint32_t incarnation, const struct trp_reason *reason)
{
    struct trp_monitor *first = NULL, *last = NULL;
    for (; watched->monitors && *room > 0; --*room) {
        struct trp_monitor *monitor = watched->monitors;
        trp_watchers_remove(monitor, watched);
        monitor->stop.incarnation = incarnation;
        monitor->stop.reason = trp_reason_acquire(*reason);
        bool wanted = trp_monitor_reserve_stop(monitor);
        if (monitor->waiter) // under the lock: the waiting thread is still there
            trp_waiter_wake(monitor->waiter);
        monitor->previous = wanted ? monitor : NULL; // a mark; the record is in no ring any more
        monitor->next = NULL;
        if (last)
            last->next = monitor;
        else
            first = monitor;
        last = monitor;
    }
    return first;
}

void trp_monitors_tell(troupe_system *system, struct trp_runner *runner, struct trp_monitor *cut)
{
    while (cut) {
        struct trp_monitor *monitor = cut;
        cut = monitor->next;
        if (monitor->previous != NULL)
            trp_monitor_send(system, runner, monitor, &monitor->stop);
        trp_monitor_release(system, runner, monitor); // the ring's count
    }
}
