// Refs: the addresses that messages are sent to.
#ifndef TROUPE_REF_H
#define TROUPE_REF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <troupe/status.h>

#ifdef __cplusplus
extern "C" {
#endif

// One running runtime with its actors and threads; several may live in one process.
typedef struct troupe_system troupe_system;

// The running actor's view of its system: what a handler is given, valid until that handler
// returns and on its thread only. A thread of the program's own uses troupe_outside(system).
typedef struct troupe_ctx troupe_ctx;

// The address of an actor: a plain value that may be copied, compared, kept and put into messages.
// It stays the same over restarts, and is never given to another actor. Not a capability.
typedef struct troupe_ref {
    uint64_t system;     // random at the start of the system, the same on the wire
    uint32_t slot;       // index within the system
    uint32_t generation; // tells apart the actors that used the slot one after another; never 0
} troupe_ref;

// The longest text of troupe_ref_print, with its final 0.
#define TROUPE_REF_TEXT 40

// Tells whether two refs name the same actor. Threads: any.
static inline bool troupe_ref_equal(troupe_ref a, troupe_ref b)
{
    return a.system == b.system && a.slot == b.slot && a.generation == b.generation;
}

// Tells whether a ref is the zero ref, which names nobody. Threads: any.
static inline bool troupe_ref_is_none(troupe_ref ref)
{
    return ref.generation == 0;
}

// Returns a hash of a ref, well mixed in all 64 bits; equal refs have equal hashes. Threads: any.
TROUPE_API uint64_t troupe_ref_hash(troupe_ref ref);

// Writes a ref as text, for example "1f3a5b7c9d2e4f60.12.7", and returns `text`.
// Threads: any.
TROUPE_API const char *troupe_ref_print(troupe_ref ref, char text[TROUPE_REF_TEXT]);

#ifdef __cplusplus
}
#endif

#endif
