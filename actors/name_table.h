// The table of names: a hash table in shards, each with a lock. What a record means, and when it
// counts, is said in names.c.
#ifndef TRP_ACTORS_NAME_TABLE_H
#define TRP_ACTORS_NAME_TABLE_H

#include "actors/system.h"

#define TRP_NAME_SHARDS   64u // at 2^6
#define TRP_NAME_BUCKETS  8u  // of a shard at the start
#define TRP_NAME_SEGMENTS 24u // 64 M buckets

struct trp_name {
    struct trp_name *next;                          // in the bucket; the shard's lock
    struct trp_name *holder_next, *holder_previous; // see names.c
    uint32_t slot, generation;                      // fixed: the holder
    uint32_t hash;                                  // fixed
    uint8_t length;                                 // fixed
    bool spawning;                                  // the holder may have no body; shard's lock
    char text[];                                    // fixed; `length` bytes
};

struct trp_name_shard {
    _Alignas(TRP_CACHE_LINE) struct trp_lock lock; // of all that follows
    uint32_t buckets;                              // in use, at least TRP_NAME_BUCKETS
    uint64_t count;                                // records
    // The first has TRP_NAME_BUCKETS, and each of the others as many as all before it.
    struct trp_name **segments[TRP_NAME_SEGMENTS];
    struct trp_name *first[TRP_NAME_BUCKETS];
};

struct trp_names {
    uint64_t seed[2]; // fixed
    struct trp_name_shard shards[TRP_NAME_SHARDS];
};

struct trp_name_key {
    const char *text;
    size_t length;
    uint32_t hash;
    struct trp_name_shard *shard;
};

// False: it cannot be a name.
bool trp_name_key(troupe_system *system, const char *text, struct trp_name_key *key);

// Makes a record that is nowhere yet; NULL without memory.
struct trp_name *trp_name_new(troupe_system *system, struct trp_runner *runner,
                              const struct trp_name_key *key, uint32_t slot, uint32_t generation);
void trp_name_free(troupe_system *system, struct trp_runner *runner, struct trp_name *name);

struct trp_name_shard *trp_name_shard_of(troupe_system *system, const struct trp_name *name);

// ---- Under the shard's lock

// Returns the newest record with that key, and the next older one; NULL: there is none.
struct trp_name *trp_name_first(const struct trp_name_key *key);
struct trp_name *trp_name_next(const struct trp_name_key *key, const struct trp_name *name);

// Puts a record in. Returns a segment that is to be made, once the lock is free; 0: none.
uint32_t trp_name_put(struct trp_name_shard *shard, struct trp_name *name);
void trp_name_take_out(struct trp_name_shard *shard, struct trp_name *name);

// ---- Without it

// Makes room for buckets to come; without memory those that are there do for longer.
void trp_name_add_segment(troupe_system *system, struct trp_runner *runner,
                          struct trp_name_shard *shard, uint32_t segment);

#endif
