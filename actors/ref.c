// Refs as values.
#include "troupe/ref.h"

#include <inttypes.h>
#include <stdio.h>

uint64_t troupe_ref_hash(troupe_ref ref)
{
    // The finalizer of splitmix64 (Steele, Lea, Flood 2014) over both halves.
    uint64_t hash =
        ref.system ^ (((uint64_t)ref.generation << 32 | ref.slot) * UINT64_C(0x9e3779b97f4a7c15));
    hash = (hash ^ (hash >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    hash = (hash ^ (hash >> 27)) * UINT64_C(0x94d049bb133111eb);
    return hash ^ (hash >> 31);
}

const char *troupe_ref_print(troupe_ref ref, char text[TROUPE_REF_TEXT])
{
    snprintf(text, TROUPE_REF_TEXT, "%016" PRIx64 ".%" PRIu32 ".%" PRIx32, ref.system, ref.slot,
             ref.generation);
    return text;
}
