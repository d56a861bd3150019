// See target.h.
#include "actors/target.h"

#include "actors/actor.h"
#include "actors/watched.h"

troupe_status trp_target_new(troupe_system *system, struct trp_runner *runner,
                             const struct trp_target_ops *ops, void *user, troupe_ref *ref)
{
    struct trp_slot *slot = trp_slot_take(system, runner);
    if (slot == NULL)
        return trp_error(TROUPE_ENOMEM, "no memory for a %s", ops->name);
    uint32_t generation = trp_slot_generation(slot);
    slot->target_user = user;
    slot->reason = (struct trp_reason){0};
    atomic_store_explicit(&slot->ops, ops, memory_order_release); // with target_user
    atomic_store_explicit(&slot->incarnation, 1, memory_order_relaxed);
    // release: who finds it alive sees the ops.
    atomic_store_explicit(&slot->orders, (uint64_t)generation << 32 | TRP_ALIVE,
                          memory_order_release);
    *ref = trp_ref(system, slot->index, generation);
    return TROUPE_OK;
}

void trp_target_end(troupe_system *system, struct trp_runner *runner, troupe_ref ref,
                    struct trp_reason reason)
{
    struct trp_slot *slot = trp_resolve(system, ref);
    TRP_ASSERT(slot && trp_slot_generation(slot) == ref.generation);
    slot->reason = reason;
    if (trp_watched_must_tell(trp_watched_end(slot, ref.generation + 1)))
        while (!trp_watched_tell_end(system, runner, slot)) // it has no turns that others could get
            continue;
    trp_reason_release(system, runner, &slot->reason);
}

void trp_route_set(troupe_system *system, const struct trp_route *route)
{
    TRP_ASSERT(atomic_load(&system->route) == NULL);
    atomic_store_explicit(&system->route, route, memory_order_release);
}
