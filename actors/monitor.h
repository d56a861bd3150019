// The record of a monitor. See monitor.c.
#ifndef TRP_ACTORS_MONITOR_H
#define TRP_ACTORS_MONITOR_H

#include "actors/actor.h"
#include "actors/watched.h"

struct trp_monitor_mail { // a message that a monitor may send, reserved with it
    struct trp_envelope envelope;
    struct trp_extra extra;
    uint32_t event; // fixed: what it tells of
    // What it says; the stripe lock, and after a stop fixed.
    uint32_t incarnation;
    struct trp_reason reason;
    bool in_flight;
    bool again; // the same has happened once more while it waited or was handled
    bool aside; // the watcher has put it aside, for nobody knows how long
    bool stale; // it tells of a start whose incarnation has ended: dropped unless it was shown
};

#define TRP_MONITOR_OUT UINT32_MAX // its last message has been handled, or was put aside

struct trp_monitor {
    _Atomic uint32_t refs;    // see monitor.c
    uint32_t events;          // fixed
    troupe_ref target;        // fixed
    struct trp_slot *watcher; // fixed; NULL: a thread that waits
    uint32_t generation;      // fixed; the watcher's
    uint32_t incarnation;     // fixed; the watcher's
    uint32_t handle;          // watcher's consumer; index in its handles, or TRP_MONITOR_OUT
    bool linked;              // in the target's list; the stripe lock
    bool ended;               // demonitored, or its watcher has ended; the stripe lock
    bool held;                // [held] its stop waits; the stripe lock
    uint32_t round;           // of the target's watched->round; the stripe lock
    struct trp_monitor *next, *previous; // the target's ring; the stripe lock
    struct trp_waiter *waiter;           // fixed; the thread that waits
    troupe_system *system;               // fixed
    struct trp_reason shown_reason;      // of the message being handled; watcher's consumer
    troupe_down down;                    // its body; watcher's consumer; its name: fixed, owned
    struct trp_monitor_mail stop, restart, start;
};

// Tells a batch of the watchers of a slot that its incarnation has started. True: that were all;
// else trp_monitors_go_on tells the next ones. The slot's consumer.
bool trp_monitors_start(troupe_system *system, struct trp_runner *runner, struct trp_slot *slot);

// Tells them that it restarts, and why: slot->reason.
bool trp_monitors_restart(troupe_system *system, struct trp_runner *runner, struct trp_slot *slot);

bool trp_monitors_go_on(troupe_system *system, struct trp_runner *runner, struct trp_slot *slot,
                        uint32_t event);

// Cuts up to *room monitors of an actor that has ended for good and counts them there. Under the
// stripe lock.
struct trp_monitor *trp_monitors_cut(struct trp_watched *watched, uint32_t *room,
                                     uint32_t incarnation, const struct trp_reason *reason);

// Tells those, after the lock.
void trp_monitors_tell(troupe_system *system, struct trp_runner *runner, struct trp_monitor *cut);

// The watcher's consumer, before it handles the message: fills the body in. False: ended meanwhile
// or meant for an earlier incarnation.
bool trp_monitor_open(struct troupe_ctx *ctx, struct trp_envelope *envelope);

// The watcher's consumer: its handler has put the message aside.
void trp_monitor_put_aside(troupe_system *system, struct trp_runner *runner,
                           struct trp_envelope *envelope);

// Gives back what an envelope on its way held, and sends what has waited for it.
void trp_monitor_done(troupe_system *system, struct trp_runner *runner,
                      struct trp_envelope *envelope);

// ---- For a thread that waits

// Makes a monitor that wakes `waiter` at the first of the events. NULL without memory.
struct trp_monitor *trp_monitor_for_waiter(troupe_system *system, uint32_t events,
                                           struct trp_waiter *waiter);

// Sets it on an actor; on one that nobody else can reach yet, and that will be spawned as watched.
// False: no memory, and the monitor is gone.
bool trp_monitor_begin(struct trp_monitor *monitor, troupe_ref target);
void trp_monitor_begin_new(struct trp_monitor *monitor, struct trp_slot *slot, troupe_ref target);

// ---- For an actor that watches one which it is about to spawn

// Makes a monitor of the running actor's; NULL without memory. Either trp_monitor_begin_new sets
// it, or trp_monitor_forget ends it.
struct trp_monitor *trp_monitor_prepare(struct troupe_ctx *ctx, uint32_t events,
                                        troupe_monitor_ref *public);
void trp_monitor_forget(struct troupe_ctx *ctx, struct trp_monitor *monitor);

// Says what is wrong with a monitor of these events, in the name of `function`.
troupe_status trp_monitor_check(troupe_ctx *ctx, uint32_t events, const char *function);

// Ends it; the waiter is not touched any more. *stopped: it was a stop; *reason is counted.
void trp_monitor_wait_end(struct trp_monitor *monitor, bool *stopped, struct trp_reason *reason);

// ---- For monitor.c and watchers.c alone. All but the first and trp_monitor_send under the stripe
// lock of the target.

// Gives back a count of the record.
void trp_monitor_release(troupe_system *system, struct trp_runner *runner,
                         struct trp_monitor *monitor);

// Put it into the target's ring, which is watched, and take it out.
void trp_watchers_add(struct trp_monitor *monitor, struct trp_slot *slot);
void trp_watchers_remove(struct trp_monitor *monitor, struct trp_watched *watched);

// Reserves a mail for sending; false when it is on its way already or nobody wants it.
bool trp_monitor_reserve(struct trp_monitor *monitor, struct trp_monitor_mail *mail);

// Reserves that of the stop; false also when a thread waits for it, which is woken, and when it is
// held.
bool trp_monitor_reserve_stop(struct trp_monitor *monitor);

// Reserves it if it was held, see watchers.c, and need not be any more.
bool trp_monitor_reserve_held(struct trp_monitor *monitor);

// Reserves that of a start that has waited for a restart's, see watchers.c [order].
bool trp_monitor_reserve_start(struct trp_monitor *monitor);

// Sends a mail that is reserved.
void trp_monitor_send(troupe_system *system, struct trp_runner *runner, struct trp_monitor *monitor,
                      struct trp_monitor_mail *mail);

// Says it by a mail, or wakes the thread. `reason` may be NULL.
void trp_monitor_tell(troupe_system *system, struct trp_runner *runner, struct trp_monitor *monitor,
                      struct trp_monitor_mail *mail, uint32_t incarnation,
                      const struct trp_reason *reason);

#endif
