// How messages come to their end: handled, dropped, or as dead letters.
//
// An envelope may carry what others wait for, and whoever gets rid of it sees to that: one of kind
// ASK an obligation to answer, one of a record's its count. So all ways lead through here.
#include "actors/actor.h"
#include "actors/ask.h"
#include "actors/monitor.h"
#include "actors/signal.h"
#include "actors/timer.h"

void trp_dead_letter(troupe_system *system, struct trp_runner *runner, const troupe_msg *msg,
                     troupe_ref target, troupe_ref sender, troupe_dead_reason reason)
{
    trp_count(system, runner, dead);
    // A hook that sends to the dead would call itself without end: what it causes is only counted.
    static _Thread_local bool in_hook;
    if (system->on_dead_letter == NULL || atomic_load(&system->silent) || in_hook)
        return;
    troupe_dead_letter letter = {.msg = msg, .target = target, .sender = sender, .reason = reason};
    in_hook = true;
    system->on_dead_letter(system->hook_user, &letter);
    in_hook = false;
}

void trp_free_envelope(troupe_system *system, struct trp_runner *runner,
                       struct trp_envelope *envelope)
{
    struct trp_slab_cache *cache = trp_cache_open(system, runner);
    trp_envelope_free(cache, envelope);
    trp_cache_close(system, runner);
}

void trp_discard(troupe_system *system, struct trp_runner *runner, struct trp_envelope *envelope,
                 troupe_ref target, troupe_dead_reason reason, const struct trp_reason *why)
{
    troupe_ref sender = trp_ref(system, envelope->sender_slot, envelope->sender_generation);
    struct trp_extra *extra = trp_envelope_extra(envelope);
    switch ((enum trp_kind)envelope->kind) {
    case TRP_KIND_ASK:
    case TRP_KIND_USER:
        trp_dead_letter(system, runner, &envelope->msg, target, sender, reason);
        if (trp_envelope_has_extra(envelope) && extra->owner)
            trp_ask_down(system, runner, extra->owner, why);
        break;
    case TRP_KIND_TIMER:
        if (trp_timer_is_due(extra->owner))
            trp_dead_letter(system, runner, &envelope->msg, target, sender, reason);
        else
            trp_count(system, runner, dropped);
        break;
    case TRP_KIND_OUTCOME:
    case TRP_KIND_DOWN:
    case TRP_KIND_EXIT:
        trp_count(system, runner, dropped);
        break;
    case TRP_KIND_DRAIN:
    case TRP_KIND_AHEAD:
        break;
    case TRP_KIND_NUDGE:
    default:
        trp_panic(__FILE__, __LINE__, "an envelope of kind %d is discarded", envelope->kind);
    }
    trp_finish(system, runner, envelope);
}

void trp_finish(troupe_system *system, struct trp_runner *runner, struct trp_envelope *envelope)
{
    switch ((enum trp_kind)envelope->kind) {
    case TRP_KIND_TIMER:
        trp_timer_done(system, runner, envelope);
        break;
    case TRP_KIND_OUTCOME:
        trp_outcome_done(system, runner, envelope);
        break;
    case TRP_KIND_DOWN:
        trp_monitor_done(system, runner, envelope);
        break;
    case TRP_KIND_EXIT:
        trp_signal_done(system, runner, envelope);
        break;
    case TRP_KIND_USER:
    case TRP_KIND_ASK:
    case TRP_KIND_DRAIN:
    case TRP_KIND_AHEAD:
    case TRP_KIND_NUDGE:
    default:
        trp_free_envelope(system, runner, envelope);
    }
}
