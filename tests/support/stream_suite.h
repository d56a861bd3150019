// What every kind of byte stream must do (transport/stream.h), as one set of tests that runs over
// any of them: simulated, and those of the operating system.
//
// A kind says how to make two places that can talk, and how time goes on between them. Each story
// is told under as many seeds as the kind wants: the seed chooses sizes, orders, and, if the kind
// is simulated, what the network does in between (no connection may be lost by that).
#ifndef TESTS_SUPPORT_STREAM_SUITE_H
#define TESTS_SUPPORT_STREAM_SUITE_H

#include "transport/stream.h"

#include <stdbool.h>
#include <stdint.h>

struct stream_kind {
    const char *name;
    uint64_t seeds; // under how many each story is told
    // Makes a world for one story. It stays until `close`, which fails the test if anything leaked.
    void *(*open)(uint64_t seed);
    void (*close)(void *world);
    // The two places; streams of both may be the same.
    struct trp_streams (*listening)(void *world);
    struct trp_streams (*dialing)(void *world);
    // Writes an address that nobody uses yet, under which the first place can listen.
    void (*fresh_address)(void *world, char address[TRP_STREAM_ADDRESS]);
    // An address that is none.
    const char *no_address;
    // Lets something happen; false: nothing is going to happen any more by itself. Real kinds wait
    // here until a completion has called `stirred`, and return false when that takes too long.
    bool (*progress)(void *world);
    void (*stirred)(void *world); // may be NULL; by the thread of a completion
    // At most so many bytes are taken by sends that nobody receives; 0: it is not known.
    uint64_t (*holds)(void *world);
};

// Runs the suite as a group of tests. Returns how many failed.
int stream_suite_run(const struct stream_kind *kind);

#endif
