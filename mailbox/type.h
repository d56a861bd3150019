// The process-wide table of message types: interning by name.
//
// A type object is static in each source file that uses it; the first use of each looks its name up
// here and stores the id into the object. Entries are never removed. Lookup by id takes no lock.
#ifndef TRP_MAILBOX_TYPE_H
#define TRP_MAILBOX_TYPE_H

#include "troupe/message.h"

#include <stdbool.h>

// Plain structs up to that size fit into one cache line with the header of their envelope.
#define TRP_SMALL_BODY  24u
#define TRP_SMALL_ALIGN 8u

// Flat protobuf messages up to that size need nothing but to be copied.
#define TRP_FLAT_BODY 88u

// troupe_type.runtime of such types when their id is set.
#define TRP_TYPE_SMALL 1u
#define TRP_TYPE_FLAT  2u

struct trp_type { // immutable once published
    uint32_t id;
    uint32_t size;
    uint32_t align;
    bool flat;          // protobuf: only numbers, none in a oneof: nothing to check or measure
                        // but unknown fields
    bool exact;         // flat, and its bytes arrive as they are, but for the base
    const char *name;   // our copy
    uint64_t name_hash; // FNV-1a 64, for traces
    const struct ProtobufCMessageDescriptor *descriptor; // NULL: a plain struct
    const struct trp_type *next;                         // in the bucket of its hash; the table's
};

// Returns the entry of a type, interning it on first use; NULL without memory. A type object whose
// name is taken by a different type ends the program with a text that names both.
const struct trp_type *trp_type_intern_slow(troupe_type *type);

// Returns the entry with this id; the id must have come from a type object. Any thread.
const struct trp_type *trp_type_by_id(uint32_t id);

// Returns the name that has this hash, or NULL: none of the types used until now. For traces. Any
// thread.
const char *trp_type_name_of_hash(uint64_t name_hash);

static inline const struct trp_type *trp_type_intern(troupe_type *type)
{
    // acquire: pairs with [id] in type.c.
    uint32_t id = __atomic_load_n(&type->id, __ATOMIC_ACQUIRE);
    return id != 0 ? trp_type_by_id(id) : trp_type_intern_slow(type);
}

// Returns TRP_TYPE_SMALL, TRP_TYPE_FLAT, or 0 for all other types and those not used before.
static inline uint32_t trp_type_form(const troupe_type *type)
{
    // acquire: pairs with [form] in type.c.
    return __atomic_load_n(&type->runtime, __ATOMIC_ACQUIRE);
}

// For tests: where the table gets its memory; NULL: malloc, which is what it is without this call.
void trp_type_set_alloc(void *(*alloc)(size_t size));

#endif
