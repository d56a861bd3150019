// Who has which name: the registry of a system. What users call is in name.c. See names.c.
#ifndef TRP_ACTORS_NAMES_H
#define TRP_ACTORS_NAMES_H

#include "actors/watched.h"
#include "troupe/name.h"

struct trp_names;

// An empty registry; NULL without memory. `seed`: what others must not guess.
struct trp_names *trp_names_new(troupe_system *system, uint64_t seed);

// Frees it, when no actor is left.
void trp_names_free(troupe_system *system);

// TROUPE_OK, or TROUPE_EINVAL with a text: no name can be that. `function` wants to know.
troupe_status trp_name_check(const char *name, const char *function);

// Returns who has a name, or the zero ref, also for what cannot be a name. Needs no memory.
troupe_ref trp_names_find(troupe_system *system, const char *text);

// Gives a name, which trp_name_check has let pass, to an actor. TROUPE_EEXIST (*holder has it),
// TROUPE_EDEAD, TROUPE_ENOMEM; sets no text.
troupe_status trp_names_add(troupe_system *system, struct trp_runner *runner, const char *text,
                            troupe_ref ref, troupe_ref *holder);

// Gives a name to an actor that is being spawned and has slot->watched. Others find it as soon as
// the actor has its body, and wait until then if they want it themselves. As trp_names_add.
troupe_status trp_names_reserve(troupe_system *system, struct trp_runner *runner, const char *text,
                                struct trp_slot *slot, troupe_ref *holder);

// Takes a name away. False: nobody has it.
bool trp_names_remove(troupe_system *system, struct trp_runner *runner, const char *text);

// Frees up to `limit` of the names of an actor that has ended, or has not come to life; nobody has
// found them any more since then. True: none is left. The slot's consumer, after it has held the
// stripe lock since that end.
bool trp_names_release_some(troupe_system *system, struct trp_runner *runner,
                            struct trp_watched *watched, uint32_t limit);

// Returns how many names the registry holds, those to be freed included.
uint64_t trp_names_count(troupe_system *system);

#endif
