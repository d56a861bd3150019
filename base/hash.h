// A hash of a text: FNV-1a. The same on every machine; not for texts of an adversary's choice.
#ifndef TRP_BASE_HASH_H
#define TRP_BASE_HASH_H

#include <stdint.h>

static inline uint64_t trp_hash_text(const char *text)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    return hash;
}

#endif
