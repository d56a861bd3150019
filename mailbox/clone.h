// Copies protobuf-c messages by their descriptor, as a pack and unpack would leave them.
//
// Two passes over the source: the first checks and measures, so that a message with all its
// strings, arrays and submessages becomes one allocation; the second copies and resolves presence,
// defaults and NULL strings. Allocates nothing itself.
#ifndef TRP_MAILBOX_CLONE_H
#define TRP_MAILBOX_CLONE_H

#include "mailbox/type.h"

#define TRP_CLONE_DEPTH 32 // deepest nesting of submessages, the message itself being 1

struct trp_clone_error {
    char text[256];
};

// Measures what `body` needs beside its own type->size bytes: *extra, a multiple of 16. Plain
// structs need nothing. TROUPE_EINVAL: it could not be packed; error->text names the field.
troupe_status trp_clone_measure(const struct trp_type *type, const void *body, size_t *extra,
                                struct trp_clone_error *error);

// Copies a measured body: to `to` (type->size bytes, aligned) and `extra` (aligned to 16).
void trp_clone_copy(const struct trp_type *type, const void *body, void *to, void *extra);

// Fills a fresh body: zeroes, or the descriptor's defaults.
void trp_clone_init(const struct trp_type *type, void *body);

// Checks a body that is handed over without a copy, and leaves it and what it points to as a copy
// would be. Writes only what is not so already: constants that are complete may be pointed to.
// TROUPE_EINVAL: as trp_clone_measure, and nothing was changed. TROUPE_ENOMEM: only for messages
// of more than 1 KiB (without what they point to) with unset enums.
troupe_status trp_clone_check_in_place(const struct trp_type *type, void *body,
                                       struct trp_clone_error *error);

#endif
