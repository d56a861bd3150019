// Compares copies of messages with what a pack and unpack make of the same message.
#ifndef TESTS_SUPPORT_CLONE_CHECK_H
#define TESTS_SUPPORT_CLONE_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct trp_clone_counts {
    unsigned long copied;
    unsigned long refused;
};

// Makes a message from the bytes (tests/support/proto_gen.h; the first one chooses the type), then
// copies it, and settles another one in place. Both must be what pack and unpack yield; or be
// refused, exactly when the message has a flaw, with a text that begins with its name.
// Returns false, and the reason in `why` (512 bytes), when it is not so. `counts` may be NULL.
bool trp_clone_check_bytes(const uint8_t *bytes, size_t size, struct trp_clone_counts *counts,
                           char *why);

#endif
