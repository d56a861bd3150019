// See name_table.h.
//
// A shard grows by a bucket at a time, by linear hashing (Litwin, 1980): nobody waits for the whole
// of it to be moved, and without memory it only gets slower. It does not shrink.
#include "actors/name_table.h"

#include "actors/names.h"

#include <string.h>

// ---- Hashing

__extension__ typedef unsigned __int128 wide;

// Both halves of a product depend on all bits of both factors.
static uint64_t fold(uint64_t a, uint64_t b)
{
    wide product = (wide)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

// With a seed, for names may be of an adversary's choice.
static uint64_t hash_of(const struct trp_names *names, const char *text, size_t length)
{
    uint64_t hash = names->seed[0] ^ length, word;
    for (; length > sizeof word; text += sizeof word, length -= sizeof word) {
        memcpy(&word, text, sizeof word);
        hash = fold(hash ^ word, names->seed[1]);
    }
    word = 0;
    memcpy(&word, text, length);
    return fold(fold(hash ^ word, names->seed[1]), names->seed[0] | 1);
}

bool trp_name_key(troupe_system *system, const char *text, struct trp_name_key *key)
{
    size_t length = text ? strnlen(text, TROUPE_NAME_MAX + 1) : 0;
    if (length < 1 || length > TROUPE_NAME_MAX)
        return false;
    uint64_t hash = hash_of(system->names, text, length);
    *key = (struct trp_name_key){.text = text,
                                 .length = length,
                                 .hash = (uint32_t)hash,
                                 .shard = &system->names->shards[hash >> 58]};
    return true;
}

// ---- Records

static size_t size_of(size_t length)
{
    return offsetof(struct trp_name, text) + length;
}

struct trp_name *trp_name_new(troupe_system *system, struct trp_runner *runner,
                              const struct trp_name_key *key, uint32_t slot, uint32_t generation)
{
    struct trp_name *name = trp_take(system, runner, size_of(key->length));
    if (name == NULL)
        return NULL;
    name->slot = slot;
    name->generation = generation;
    name->hash = key->hash;
    name->length = (uint8_t)key->length;
    name->spawning = false;
    memcpy(name->text, key->text, key->length);
    return name;
}

void trp_name_free(troupe_system *system, struct trp_runner *runner, struct trp_name *name)
{
    trp_give(system, runner, name, size_of(name->length));
}

struct trp_name_shard *trp_name_shard_of(troupe_system *system, const struct trp_name *name)
{
    uint64_t hash = hash_of(system->names, name->text, name->length);
    return &system->names->shards[hash >> 58];
}

// ---- Buckets, under the shard's lock

static uint32_t segment_of(uint32_t bucket)
{
    return bucket < TRP_NAME_BUCKETS ? 0 : 32u - (uint32_t)__builtin_clz(bucket / TRP_NAME_BUCKETS);
}

static uint32_t segment_start(uint32_t segment)
{
    return segment == 0 ? 0 : TRP_NAME_BUCKETS << (segment - 1);
}

static struct trp_name **bucket_at(struct trp_name_shard *shard, uint32_t index)
{
    uint32_t segment = segment_of(index);
    return &shard->segments[segment][index - segment_start(segment)];
}

// The largest power of two that is not above `number`.
static uint32_t power_below(uint32_t number)
{
    return UINT32_C(1) << (31u - (uint32_t)__builtin_clz(number));
}

static struct trp_name **bucket_of(struct trp_name_shard *shard, uint32_t hash)
{
    uint32_t half = power_below(shard->buckets);
    uint32_t index = hash & (2 * half - 1); // of a table of twice `half`; has it come that far?
    return bucket_at(shard, index < shard->buckets ? index : index & (half - 1));
}

// Moves what belongs into the next new bucket out of the one where it was. False: it is not there.
static bool split(struct trp_name_shard *shard)
{
    uint32_t new = shard->buckets, half = power_below(new);
    if (segment_of(new) == TRP_NAME_SEGMENTS || shard->segments[segment_of(new)] == NULL)
        return false;
    struct trp_name **from = bucket_at(shard, new - half), **to = bucket_at(shard, new);
    while (*from) {
        struct trp_name *name = *from;
        if ((name->hash & (2 * half - 1)) != new) {
            from = &name->next;
            continue;
        }
        *from = name->next;
        name->next = *to;
        *to = name;
    }
    shard->buckets++;
    return true;
}

// Goes on growing where there was no memory before.
static void grow(struct trp_name_shard *shard)
{
    for (int steps = 2; steps > 0 && shard->count > shard->buckets && split(shard); steps--)
        continue;
}

uint32_t trp_name_put(struct trp_name_shard *shard, struct trp_name *name)
{
    struct trp_name **bucket = bucket_of(shard, name->hash);
    name->next = *bucket;
    *bucket = name;
    shard->count++;
    grow(shard);
    uint32_t segment = segment_of(shard->buckets);
    bool crowded = shard->count > shard->buckets && segment < TRP_NAME_SEGMENTS;
    return crowded && shard->segments[segment] == NULL ? segment : 0;
}

void trp_name_take_out(struct trp_name_shard *shard, struct trp_name *name)
{
    struct trp_name **at = bucket_of(shard, name->hash);
    while (*at != name)
        at = &(*at)->next;
    *at = name->next;
    shard->count--;
}

static struct trp_name *look_on(struct trp_name *name, const struct trp_name_key *key)
{
    while (name && !(name->hash == key->hash && name->length == key->length &&
                     memcmp(name->text, key->text, key->length) == 0))
        name = name->next;
    return name;
}

struct trp_name *trp_name_first(const struct trp_name_key *key)
{
    return look_on(*bucket_of(key->shard, key->hash), key);
}

struct trp_name *trp_name_next(const struct trp_name_key *key, const struct trp_name *name)
{
    return look_on(name->next, key);
}

void trp_name_add_segment(troupe_system *system, struct trp_runner *runner,
                          struct trp_name_shard *shard, uint32_t segment)
{
    size_t size = segment_start(segment) * sizeof(struct trp_name *);
    struct trp_name **buckets = trp_take(system, runner, size);
    if (buckets == NULL)
        return;
    memset(buckets, 0, size);
    trp_lock_acquire(&shard->lock);
    bool wanted = shard->segments[segment] == NULL;
    if (wanted) {
        shard->segments[segment] = buckets;
        grow(shard);
    }
    trp_lock_release(&shard->lock);
    if (!wanted) // another was faster
        trp_give(system, runner, buckets, size);
}

// ---- The registry

struct trp_names *trp_names_new(troupe_system *system, uint64_t seed)
{
    struct trp_names *names = trp_take(system, NULL, sizeof *names);
    if (names == NULL)
        return NULL;
    memset(names, 0, sizeof *names);
    struct trp_random random;
    trp_random_init(&random, seed);
    names->seed[0] = trp_random_next(&random);
    names->seed[1] = trp_random_next(&random) | 1;
    for (uint32_t i = 0; i < TRP_NAME_SHARDS; i++) {
        struct trp_name_shard *shard = &names->shards[i];
        trp_lock_init(&shard->lock);
        shard->buckets = TRP_NAME_BUCKETS;
        shard->segments[0] = shard->first;
    }
    return names;
}

void trp_names_free(troupe_system *system)
{
    struct trp_names *names = system->names;
    if (names == NULL)
        return;
    TRP_ASSERT(trp_names_count(system) == 0);
    for (uint32_t i = 0; i < TRP_NAME_SHARDS; i++)
        for (uint32_t segment = 1; segment < TRP_NAME_SEGMENTS; segment++) {
            struct trp_name **buckets = names->shards[i].segments[segment];
            if (buckets)
                trp_give(system, NULL, buckets, segment_start(segment) * sizeof *buckets);
        }
    trp_give(system, NULL, names, sizeof *names);
    system->names = NULL;
}

uint64_t trp_names_count(troupe_system *system)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < TRP_NAME_SHARDS; i++) {
        struct trp_name_shard *shard = &system->names->shards[i];
        trp_lock_acquire(&shard->lock);
        count += shard->count;
        trp_lock_release(&shard->lock);
    }
    return count;
}
