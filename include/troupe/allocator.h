// Where a system gets its memory.
#ifndef TROUPE_ALLOCATOR_H
#define TROUPE_ALLOCATOR_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

// An allocator handed to a system in troupe_system_opts. Both functions are called from any thread.
typedef struct troupe_allocator {
    // Returns `size` bytes aligned to `align` (a power of two, at most 2 MiB: a huge page,
    // for areas of at least that size), or NULL.
    void *(*alloc)(void *user, size_t size, size_t align);
    // Takes back what alloc returned, with the same size; never called with NULL.
    void (*free)(void *user, void *block, size_t size);
    void *user;
    // True: every block is asked for and given back one by one, without caches in between. Slow;
    // meant for tests that count allocations or let each of them fail.
    bool uncached;
} troupe_allocator;

#ifdef __cplusplus
}
#endif

#endif
