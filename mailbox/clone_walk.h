// What the passes over a protobuf-c message share: the place of its members, and which of them are
// there. Internal to mailbox/clone*.c.
//
// The rules are protobuf-c 1.4's own, from what its pack leaves out and its unpack fills in:
//
//   label             member            is packed when
//   required          any               always
//   optional          string, message   not NULL, and not the address of the default
//                     other             has_x is not 0
//   none (proto3)     string            not NULL, not ""
//                     bytes             its length is not 0
//                     message           not NULL
//                     number            not 0 (-0.0 is 0)
//   repeated          any               its count is not 0
//   member of oneof   string, message   chosen by the case, not NULL, not the address of the
//   default
//                     other             chosen by the case
#ifndef TRP_MAILBOX_CLONE_WALK_H
#define TRP_MAILBOX_CLONE_WALK_H

#include "base/assert.h"
#include "mailbox/clone.h"

#include <protobuf-c/protobuf-c.h>
#include <string.h>

// Everything beside the body starts at a multiple of this: enough for all that generated structs
// contain, and a reason why the two passes cannot disagree about padding.
#define TRP_CLONE_GRAIN ((size_t)8)

static inline size_t trp_clone_grains(size_t size)
{
    return (size + TRP_CLONE_GRAIN - 1) & ~(TRP_CLONE_GRAIN - 1);
}

static inline const void *trp_at(const void *base, size_t offset)
{
    return (const char *)base + offset;
}

static inline void *trp_at_mutable(void *base, size_t offset)
{
    return (char *)base + offset;
}

// Members are read and written as bytes: pointers to a message's own struct type must not be
// accessed as pointers to its base.
static inline const void *trp_load_pointer(const void *at)
{
    const void *pointer;
    memcpy(&pointer, at, sizeof pointer);
    return pointer;
}

static inline void *trp_load_mutable(const void *at)
{
    void *pointer;
    memcpy(&pointer, at, sizeof pointer);
    return pointer;
}

static inline void trp_store_pointer(void *at, const void *pointer)
{
    memcpy(at, &pointer, sizeof pointer);
}

static inline uint32_t trp_load_32(const void *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static inline uint64_t trp_load_64(const void *at)
{
    uint64_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static inline size_t trp_load_count(const void *at)
{
    size_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static inline ProtobufCBinaryData trp_load_bytes(const void *at)
{
    ProtobufCBinaryData value;
    memcpy(&value, at, sizeof value);
    return value;
}

// The number in a oneof's case, for one of its fields.
static inline uint32_t trp_oneof_case(const ProtobufCFieldDescriptor *field, const void *body)
{
    return trp_load_32(trp_at(body, field->quantifier_offset));
}

static inline bool trp_field_is_in_oneof(const ProtobufCFieldDescriptor *field)
{
    return (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0;
}

// Numbers lie in the struct as they are; strings, bytes and messages lead out of it.
static inline bool trp_field_is_number(const ProtobufCFieldDescriptor *field)
{
    return field->type < PROTOBUF_C_TYPE_STRING;
}

extern const uint8_t trp_field_sizes[PROTOBUF_C_TYPE_MESSAGE + 1];

// Bytes of a member, or of an entry when the field is repeated.
static inline size_t trp_field_size(ProtobufCType type)
{
    TRP_ASSERT(type <= PROTOBUF_C_TYPE_MESSAGE);
    return trp_field_sizes[type];
}

// Whether a number is 0, or -0.0.
static inline bool trp_number_is_zero(ProtobufCType type, const void *member)
{
    // Shifting the sign away makes -0.0 zero too, and nothing else.
    if (type == PROTOBUF_C_TYPE_FLOAT)
        return trp_load_32(member) << 1 == 0;
    if (type == PROTOBUF_C_TYPE_DOUBLE)
        return trp_load_64(member) << 1 == 0;
    return trp_field_size(type) == 4 ? trp_load_32(member) == 0 : trp_load_64(member) == 0;
}

static inline bool trp_optional_is_there(const ProtobufCFieldDescriptor *field, const void *body)
{
    if (field->type == PROTOBUF_C_TYPE_STRING || field->type == PROTOBUF_C_TYPE_MESSAGE) {
        const void *pointer = trp_load_pointer(trp_at(body, field->offset));
        return pointer != NULL && pointer != field->default_value;
    }
    return trp_load_32(trp_at(body, field->quantifier_offset)) != 0;
}

static inline bool trp_unlabelled_is_there(const ProtobufCFieldDescriptor *field, const void *body)
{
    const void *member = trp_at(body, field->offset);
    if (trp_field_is_number(field))
        return !trp_number_is_zero(field->type, member);
    if (field->type == PROTOBUF_C_TYPE_BYTES)
        return trp_load_count(member) != 0;
    const char *pointer = trp_load_pointer(member);
    return pointer != NULL && (field->type == PROTOBUF_C_TYPE_MESSAGE || *pointer != 0);
}

// Whether pack would write the field. A oneof's chosen member counts as there, NULL or not.
static inline bool trp_field_is_there(const ProtobufCFieldDescriptor *field, const void *body)
{
    if (trp_field_is_in_oneof(field))
        return trp_oneof_case(field, body) == field->id;
    if (field->label == PROTOBUF_C_LABEL_NONE)
        return trp_unlabelled_is_there(field, body);
    if (field->label == PROTOBUF_C_LABEL_OPTIONAL)
        return trp_optional_is_there(field, body);
    return field->label == PROTOBUF_C_LABEL_REQUIRED ||
           trp_load_count(trp_at(body, field->quantifier_offset)) != 0;
}

// ---- Naming what is refused

// The way from the message to one of its submessages.
struct trp_clone_step {
    const struct trp_clone_step *parent; // NULL: this is the message itself
    const ProtobufCMessageDescriptor *descriptor;
    const ProtobufCFieldDescriptor *field; // the parent's field that leads here; NULL: no parent
    size_t index;                          // of the entry, when that field is repeated
    unsigned depth;                        // 1: the message itself
};

#define TRP_NO_INDEX SIZE_MAX

// Writes "Order.items[3].name: " and the reason. `field` is one of the step's message, or NULL when
// the message itself is meant. Returns TROUPE_EINVAL.
__attribute__((cold, format(printf, 5, 6))) troupe_status
trp_clone_refuse(struct trp_clone_error *error, const struct trp_clone_step *step,
                 const ProtobufCFieldDescriptor *field, size_t index, const char *format, ...);

// ---- The passes

// Checks a message and adds to *extra what its copy needs beside its struct, in grains.
troupe_status trp_clone_check(const struct trp_clone_step *step, const void *body, size_t *extra,
                              struct trp_clone_error *error);

// Checks one unknown field of the step's message: that unpack would find just it again.
troupe_status trp_clone_check_unknown(const struct trp_clone_step *step,
                                      const ProtobufCMessageUnknownField *unknown,
                                      struct trp_clone_error *error);

// Fills a message's struct with its defaults, by the fields' descriptors.
void trp_message_init_by_fields(const ProtobufCMessageDescriptor *descriptor, void *body);

// Fills a message's struct with its defaults.
static inline void trp_message_init(const ProtobufCMessageDescriptor *descriptor, void *body)
{
    if (descriptor->message_init)
        descriptor->message_init(body);
    else
        trp_message_init_by_fields(descriptor, body);
    // Another shared object's copy of the function sets that object's copy of the descriptor.
    ((ProtobufCMessage *)body)->descriptor = descriptor;
}

#endif
