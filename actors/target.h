// What a ref points to when it is not an actor of this system: a slot of another kind, or something
// in another system.
//
// A slot of another kind has a table of functions; it is never used for an actor again, so that a
// sender which is late finds the same kind of thing. Another system is reached by a route, which a
// layer above registers: this layer knows no network.
#ifndef TRP_ACTORS_TARGET_H
#define TRP_ACTORS_TARGET_H

#include "actors/system.h"

// A kind of target. Called from any thread, at any time until the system ends.
struct trp_target_ops {
    const char *name;
    // Takes an envelope over, or discards it if the generation is over. `user` is trp_target_new's.
    void (*deliver)(troupe_system *system, struct trp_runner *runner, void *user,
                    struct trp_slot *slot, uint32_t generation, struct trp_envelope *envelope);
    // Somebody asks it to end: bits of enum trp_order.
    void (*order)(troupe_system *system, struct trp_runner *runner, void *user,
                  struct trp_slot *slot, uint32_t generation, uint32_t bits);
};

// Makes a target. `user` must live as long as the system. TROUPE_ENOMEM.
troupe_status trp_target_new(troupe_system *system, struct trp_runner *runner,
                             const struct trp_target_ops *ops, void *user, troupe_ref *ref);

// Ends a target: its ref is dead, its monitors are told. Its slot is not used again.
void trp_target_end(troupe_system *system, struct trp_runner *runner, troupe_ref ref,
                    struct trp_reason reason);

// The way to refs of other systems.
struct trp_route {
    // Takes the envelope over on TROUPE_OK. Called by the sender, on its thread.
    troupe_status (*send)(void *user, troupe_ctx *ctx, troupe_ref to,
                          struct trp_envelope *envelope);
    void *user;
};

// Registers the route, once, before the system has refs of others. Borrowed until the system ends.
void trp_route_set(troupe_system *system, const struct trp_route *route);

#endif
