// Links and exit signals: actors that end together.
//
// A link is between two actors, in both directions. When an incarnation of one ends, by failure,
// shutdown or kill, the other gets an exit signal with the same reason and ends with it as well,
// unless it traps exits: then the signal comes as a message. A normal end is told only to actors
// that trap. Semantics are those of Erlang's link/1, unlink/1, process_flag(trap_exit, _) and
// exit/2; where Erlang has a process, here is an incarnation: a restart ends all links and the
// trap. An actor's links are told when an incarnation has ended altogether: after its children and
// its `stop`, before its supervisor decides what follows. So, unlike in Erlang, a supervised actor
// may still have its names when a link of it is told; a monitor's ON_STOP comes after that.
//
//     signal, its reason            the receiver does not trap        it traps
//     link: normal                  nothing                           message
//     link: any other               ends with that reason             message
//     troupe_exit: normal           nothing, but to oneself: ends     message
//     troupe_exit: killed           ends with killed                  ends with killed
//     troupe_exit: any other        ends with that reason             message
//
// "Ends" is as by a failure of a handler: what runs is finished first, children are stopped, `stop`
// is called but for killed, a supervisor restarts. One that stops already takes no notice, but of a
// killed by troupe_exit. A killed that comes by a link can be trapped. Supervisors heed their owner
// only, see <troupe/supervisor.h>.
#ifndef TROUPE_LINK_H
#define TROUPE_LINK_H

#include <troupe/actor.h>

#ifdef __cplusplus
extern "C" {
#endif

// The message that an actor that traps exits gets: troupe_match(msg, troupe_exited).
typedef struct troupe_exited {
    troupe_ref ref;       // who ended, or who called troupe_exit; the zero ref: from outside
    uint32_t incarnation; // the one that ended; 0: of troupe_exit, or nobody was there
    troupe_reason reason; // noactor: there was nobody to link to
} troupe_exited;

// Links the running actor with another; no more than one link is ever between two. A ref to nobody
// makes an exit signal with reason noactor. To itself: does nothing. One that is between two
// incarnations is linked with its next one; if none comes, the signal says noactor, too.
// Errors: TROUPE_ENOMEM, TROUPE_ENOTSUP (outside: see troupe_join), TROUPE_ESTALE.
TROUPE_API troupe_status troupe_link(troupe_ctx *ctx, troupe_ref ref);

// Ends the link with another actor, if there is one; no exit signal of it has an effect afterwards,
// also none whose message waits already.
// Errors: TROUPE_ENOTSUP (outside), TROUPE_ESTALE.
TROUPE_API troupe_status troupe_unlink(troupe_ctx *ctx, troupe_ref ref);

// Decides whether exit signals end the running incarnation (false, at its start) or come as
// messages. They come in order with what the other actor has sent; those that are not trapped
// overtake messages. What was sent while a handler runs counts by what that handler leaves: after
// troupe_trap_exits(ctx, true) it is a message. Messages that wait stay messages.
// Errors: TROUPE_ENOTSUP (outside), TROUPE_ESTALE.
TROUPE_API troupe_status troupe_trap_exits(troupe_ctx *ctx, bool trap);

// Sends an exit signal. `reason` is copied: its kind is normal, shutdown, killed or failed;
// `status` and `text` (may be NULL; 251 bytes are kept) are those of failed. Killed is troupe_kill.
// A handler that runs is finished first. A dead ref is no error, nor is one that is between two
// incarnations: nobody gets it. Errors: TROUPE_EINVAL (another kind), TROUPE_ENOMEM, TROUPE_ESTALE.
// Outside too.
TROUPE_API troupe_status troupe_exit(troupe_ctx *ctx, troupe_ref ref, const troupe_reason *reason);

TROUPE_API extern troupe_type troupe_type_troupe_exited;
typedef troupe_exited troupe_body_troupe_exited;

#ifdef __cplusplus
}
#endif

#endif
