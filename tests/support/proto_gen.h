// Makes protobuf-c messages out of a byte string, by their descriptor: whatever the bytes say, and
// the same ones for the same bytes. Also with flaws that pack would crash on or lose.
//
// Every piece of a message is a block of its own, of exactly its size, so that a sanitizer sees
// each access past its end, and after trp_gen_fini each access at all.
#ifndef TESTS_SUPPORT_PROTO_GEN_H
#define TESTS_SUPPORT_PROTO_GEN_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct trp_gen_block;

struct trp_gen {
    const uint8_t *bytes; // the caller's
    size_t size;
    size_t at;                    // past the end all bytes read as 0
    bool may_be_flawed;           // otherwise every message could be packed
    unsigned flaws;               // how many there are in what would be packed
    struct trp_gen_block *blocks; // all that was made
};

void trp_gen_init(struct trp_gen *gen, const uint8_t *bytes, size_t size, bool may_be_flawed);

// Frees all messages made.
void trp_gen_fini(struct trp_gen *gen);

// Makes a message. Some have no base.descriptor, as compound literals of users.
void *trp_gen_message(struct trp_gen *gen, const ProtobufCMessageDescriptor *descriptor);

// Sets base.descriptor of a message without flaws and of its submessages, as pack needs it.
void trp_gen_describe(const ProtobufCMessageDescriptor *descriptor, void *message);

// Whether two messages that came out of an unpack, or should look so, are the same: all values,
// defaults, presence, NULL pointers, unknown fields. If not, `where` (256 bytes) names the place.
bool trp_gen_same(const ProtobufCMessageDescriptor *descriptor, const void *a, const void *b,
                  char *where);

#endif
