// An envelope: one message on its way, with everything that says whose it is.
//
//      [ header 40 | body ]              a small message: one line
//      [ header 40 | extra 32 | body ]   an ask, a timer, a shared body, blocks of its own
//      [ header | body and what it points to ]   a cloned protobuf message: one block
//
// Owned by one place at a time: whoever built it, then the mailbox it is pushed to, then the
// activation that handles it. Memory comes from the cache of the thread that builds it and goes to
// that of the thread that frees it.
#ifndef TRP_MAILBOX_ENVELOPE_H
#define TRP_MAILBOX_ENVELOPE_H

#include "base/slab.h"
#include "mailbox/clone.h"
#include "mailbox/mpsc.h"

#include <string.h>

enum trp_kind {
    TRP_KIND_NUDGE,   // not a message: makes the consumer look at its orders; part of the slot
    TRP_KIND_USER,    // a plain message
    TRP_KIND_ASK,     // a request; extra->owner is the ask
    TRP_KIND_OUTCOME, // the end of an ask or of a blocking job of the receiver's; extra->owner is
                      // the ask
    TRP_KIND_TIMER,   // a timer's message; extra->owner is the timer
    TRP_KIND_DOWN,    // a monitor's message; extra->owner is the monitor
    TRP_KIND_EXIT,    // an exit signal that is trapped; extra->owner is the signal
    TRP_KIND_DRAIN,   // stop when you come to this; not a message
    TRP_KIND_AHEAD    // not a message: where those are that follow, see struct trp_ahead
};

enum trp_envelope_flags {
    TRP_ENV_EXTRA = 1,    // has a struct trp_extra
    TRP_ENV_EMBEDDED = 2, // memory is part of its owner: never freed by itself
};

#define TRP_ENV_UNIT  16u
#define TRP_ENV_SMALL (TRP_CACHE_LINE / TRP_ENV_UNIT) // units of the smallest block

struct trp_envelope {
    struct trp_link link; // the mailbox's, or the list's that holds it
    troupe_msg msg;       // what the receiver sees
    uint32_t generation;  // the target's: a mismatch makes a dead letter
    uint32_t sender_slot; // the sender's; generation 0: outside
    uint32_t sender_generation;
    uint8_t kind;   // enum trp_kind
    uint8_t flags;  // enum trp_envelope_flags
    uint16_t units; // size of the block in TRP_ENV_UNIT; 0: see extra->block_size
};

_Static_assert(sizeof(struct trp_envelope) == 40, "a small message fits one cache line");

struct trp_shared { // a body that several envelopes show; counted
    _Atomic uint32_t refs;
    size_t block_size;
};

struct trp_chain { // a block of troupe_msg_alloc
    struct trp_chain *next;
    size_t block_size;
};

struct trp_extra {             // right behind the header
    void *owner;               // by kind: ask, timer, monitor, signal; NULL: none (any more)
    struct trp_shared *shared; // body's home, or NULL
    struct trp_chain *chain;
    size_t block_size; // when units is 0
};

// What comes before a chain of messages that were sent together. A list can only be walked one
// cache miss after the other; with this the receiver fetches all of them at once.
#define TRP_AHEAD_MAX 64u

struct trp_ahead {
    struct trp_envelope envelope;
    const struct trp_link *links[TRP_AHEAD_MAX];
    uint32_t count;
    bool wide; // the messages have more than one cache line
};

// The extra of an envelope that has one: those of TRP_KIND_ASK, TRP_KIND_TIMER, TRP_KIND_DOWN and
// TRP_KIND_EXIT always do, and of TRP_KIND_OUTCOME those that are not embedded.
static inline struct trp_extra *trp_envelope_extra(struct trp_envelope *envelope)
{
    return (struct trp_extra *)(void *)(envelope + 1);
}

static inline bool trp_envelope_has_extra(const struct trp_envelope *envelope)
{
    return (envelope->flags & TRP_ENV_EXTRA) != 0;
}

static inline struct trp_envelope *trp_envelope_of_link(struct trp_link *link)
{
    return TRP_CONTAINER(link, struct trp_envelope, link);
}

static inline struct trp_envelope *trp_envelope_of_msg(const troupe_msg *msg)
{
    return (struct trp_envelope *)((uintptr_t)msg - offsetof(struct trp_envelope, msg));
}

// Makes an envelope of `kind` with room for the body and `bytes` behind it (at *room, aligned to
// 16, when bytes > 0). The body is not initialised. NULL without memory.
struct trp_envelope *trp_envelope_new(struct trp_slab_cache *cache, const struct trp_type *type,
                                      enum trp_kind kind, bool with_extra, size_t bytes,
                                      void **room);

// Makes an envelope that shows a shared body; takes one count of it.
struct trp_envelope *trp_envelope_new_shared(struct trp_slab_cache *cache,
                                             const struct trp_type *type, struct trp_shared *shared,
                                             const void *body);

// Prepares an envelope with an extra that is part of a longer-lived thing of its owner's.
void trp_envelope_embed(struct trp_envelope *envelope, enum trp_kind kind, void *owner);

// Makes the description of the chain that begins with `first`, and links it before that. Returns
// what the chain begins with now: `first` itself without memory.
struct trp_link *trp_ahead_new(struct trp_slab_cache *cache, struct trp_link *first);

// Fetches what it describes.
void trp_ahead_fetch(const struct trp_envelope *envelope);

// Adds memory that lives as long as the envelope; needs an extra. NULL without memory.
void *trp_envelope_alloc(struct trp_slab_cache *cache, struct trp_envelope *envelope, size_t size);

// The rest of trp_envelope_free, for envelopes with an extra. Private.
void trp_envelope_free_extra(struct trp_slab_cache *cache, struct trp_envelope *envelope);

// Frees an envelope and what it holds; its owner must have been dealt with before.
static inline void trp_envelope_free(struct trp_slab_cache *cache, struct trp_envelope *envelope)
{
    if (TRP_LIKELY(envelope->flags == 0 && envelope->units == TRP_ENV_SMALL))
        trp_slab_give_smallest(cache, envelope);
    else if (envelope->flags == 0)
        trp_slab_give(cache, envelope, envelope->units * (size_t)TRP_ENV_UNIT);
    else
        trp_envelope_free_extra(cache, envelope);
}

// ---- The smallest messages: header and body in one cache line, written here and now

_Static_assert(TRP_SMALL_BODY == TRP_CACHE_LINE - sizeof(struct trp_envelope), "they fill a line");

// Copies up to TRP_SMALL_BODY bytes by words that overlap, without a loop or call.
static inline void trp_copy_small(void *to, const void *from, size_t size)
{
    char *last = (char *)to + size;
    const char *end = (const char *)from + size;
    if (TRP_LIKELY(size >= 8)) {
        uint64_t first, middle, end_word;
        memcpy(&first, from, 8);
        memcpy(&end_word, end - 8, 8);
        if (size > 16) {
            memcpy(&middle, (const char *)from + 8, 8);
            memcpy((char *)to + 8, &middle, 8);
        }
        memcpy(to, &first, 8);
        memcpy(last - 8, &end_word, 8);
    } else {
        for (size_t i = 0; i < size; i++)
            ((char *)to)[i] = ((const char *)from)[i];
    }
}

// Makes the envelope of a message of a small type with its body. NULL without memory.
static inline struct trp_envelope *trp_envelope_new_small(struct trp_slab_cache *cache,
                                                          const troupe_type *type, const void *body)
{
    struct trp_envelope *envelope = trp_slab_take_smallest(cache);
    if (TRP_UNLIKELY(envelope == NULL))
        return NULL;
    envelope->msg = (troupe_msg){.type = type->id, .size = type->size, .body = envelope + 1};
    envelope->kind = TRP_KIND_USER;
    envelope->flags = 0;
    envelope->units = TRP_ENV_SMALL;
    trp_copy_small(envelope + 1, body, type->size);
    return envelope;
}

// The same of a flat type. NULL also if the message has unknown fields or is of a derived type.
struct trp_envelope *trp_envelope_new_flat(struct trp_slab_cache *cache, const troupe_type *type,
                                           const void *body);

// ---- Shared bodies

// A body for several envelopes: counted once for the caller. `*body` gets its place.
struct trp_shared *trp_shared_new(struct trp_slab_cache *cache, const struct trp_type *type,
                                  size_t bytes, void **body, void **room);
void trp_shared_release(struct trp_slab_cache *cache, struct trp_shared *shared);

#endif
