// Stale messages: when a group of children is restarted together, what its members sent to each
// other before belongs to a conversation that is over, and becomes dead letters; what others have
// sent stays.
//
// All members are AWAITING when their supervisor marks them (in_group) and then gives each the
// order to look: so nothing of theirs is on its way any more, and the mark tells who is one. None
// starts before all have looked. A message is only marked here, and leaves when its turn comes.
#include "actors/actor.h"

static bool is_of_group(const struct trp_slot *slot, troupe_system *system,
                        const struct trp_envelope *envelope)
{
    if (envelope->kind != TRP_KIND_USER && envelope->kind != TRP_KIND_ASK)
        return false;
    if (envelope->sender_generation == 0)
        return false; // from outside
    const struct trp_slot *sender = trp_slot_at(&system->slots, envelope->sender_slot);
    // acquire: of the mark, which comes after the sender's spawn.
    return sender && atomic_load_explicit(&sender->in_group, memory_order_acquire) &&
           trp_slot_generation(sender) == envelope->sender_generation &&
           sender->owner == slot->owner;
}

// Returns the node behind this one, NULL behind the newest.
static struct trp_link *next_of(struct trp_slot *slot, struct trp_link *link)
{
    for (;;) {
        // acquire: of the push.
        struct trp_link *next = atomic_load_explicit(&link->next, memory_order_acquire);
        if (next || trp_mpsc_is_newest(&slot->inbox, link))
            return next;
        TRP_YIELD("stale: waiting for the next node"); // which is being pushed
        trp_cpu_relax();
    }
}

void trp_drop_stale(struct trp_runner *runner, struct trp_slot *slot)
{
    for (struct trp_link *link = slot->front.first; link; link = next_of(slot, link)) {
        struct trp_envelope *envelope = trp_envelope_of_link(link);
        if (link != &slot->nudge && is_of_group(slot, runner->system, envelope))
            envelope->generation = TRP_STALE_GENERATION;
    }
}
