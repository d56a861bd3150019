// Any message that a sender could hand over is copied as a pack and unpack would leave it, or is
// refused with a text that names it.
#include "tests/support/clone_check.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    char why[512];
    if (!trp_clone_check_bytes(bytes, size, NULL, why)) {
        fprintf(stderr, "%s\n", why);
        abort();
    }
    return 0;
}
