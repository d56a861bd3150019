// See proto_gen.h. Reading a byte past the end gives 0, which everywhere means the simplest choice:
// so every input ends, with a message that is small in comparison.
#include "tests/support/proto_gen.h"

#include "mailbox/clone_walk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct trp_gen_block {
    struct trp_gen_block *next;
    void *memory;
};

void trp_gen_init(struct trp_gen *gen, const uint8_t *bytes, size_t size, bool may_be_flawed)
{
    *gen = (struct trp_gen){.bytes = bytes, .size = size, .may_be_flawed = may_be_flawed};
}

void trp_gen_fini(struct trp_gen *gen)
{
    while (gen->blocks) {
        struct trp_gen_block *block = gen->blocks;
        gen->blocks = block->next;
        free(block->memory);
        free(block);
    }
}

static void *take(struct trp_gen *gen, size_t size)
{
    struct trp_gen_block *block = malloc(sizeof *block);
    void *memory = malloc(size);
    if (!block || (!memory && size > 0))
        abort();
    *block = (struct trp_gen_block){gen->blocks, memory};
    gen->blocks = block;
    return memory;
}

static uint8_t draw(struct trp_gen *gen)
{
    return gen->at < gen->size ? gen->bytes[gen->at++] : 0;
}

static void draw_into(struct trp_gen *gen, void *to, size_t size)
{
    for (size_t i = 0; i < size; i++)
        ((uint8_t *)to)[i] = draw(gen);
}

// One flaw more, if there may be any. `choice` is the byte that decides; rarely does it.
static bool flaw(struct trp_gen *gen, uint8_t choice)
{
    if (!gen->may_be_flawed || choice < 0xf8)
        return false;
    gen->flaws++;
    return true;
}

// An address that must not be looked at.
static void *nowhere(void)
{
    return (void *)(uintptr_t)0x5a5a5a5a5a58;
}

// ---- Values. `there`: pack would write it, so that it may only be what can be packed.

static void gen_number(struct trp_gen *gen, ProtobufCType type, void *member)
{
    static const uint32_t words[] = {0, 1, UINT32_MAX, 0x80000000, 0x7fc00000, 0x7f800001, 0x80};
    static const uint64_t doubles[] = {0,
                                       1,
                                       UINT64_MAX,
                                       UINT64_C(0x8000000000000000),
                                       UINT64_C(0x7ff8000000000000),
                                       UINT64_C(0x7ff0000000000001),
                                       UINT64_C(0x80000000)};
    size_t size = trp_field_size(type);
    uint8_t choice = draw(gen);
    if (choice >= sizeof words / sizeof words[0])
        draw_into(gen, member, size);
    else
        memcpy(member, size == 4 ? (const void *)&words[choice] : &doubles[choice], size);
}

static void gen_text(struct trp_gen *gen, void *member)
{
    size_t length = draw(gen) % 40;
    char *text = take(gen, length + 1);
    for (size_t i = 0; i < length; i++) {
        uint8_t byte = draw(gen);
        text[i] = byte == 0 ? 'x' : (char)byte;
    }
    text[length] = 0;
    trp_store_pointer(member, text);
}

static void gen_bytes(struct trp_gen *gen, bool there, void *member)
{
    ProtobufCBinaryData data = {0, NULL};
    uint8_t choice = draw(gen);
    if (!there && choice % 2 == 1) {
        data = (ProtobufCBinaryData){choice, nowhere()};
    } else if (there && flaw(gen, choice)) {
        data.len = choice;
    } else if (choice == 1) {
        data.data = nowhere();
    } else if (choice > 1) {
        data.len = choice % 32;
        data.data = take(gen, data.len);
        draw_into(gen, data.data, data.len);
    }
    memcpy(member, &data, sizeof data);
}

static void *gen_message(struct trp_gen *gen, const ProtobufCMessageDescriptor *descriptor,
                         unsigned depth);

// A present value of an array, of a oneof or of a required field.
static void gen_value(struct trp_gen *gen, const ProtobufCFieldDescriptor *field, unsigned depth,
                      void *member)
{
    bool is_pointer =
        field->type == PROTOBUF_C_TYPE_STRING || field->type == PROTOBUF_C_TYPE_MESSAGE;
    if (is_pointer && flaw(gen, draw(gen)))
        trp_store_pointer(member, NULL);
    else if (field->type == PROTOBUF_C_TYPE_STRING)
        gen_text(gen, member);
    else if (field->type == PROTOBUF_C_TYPE_MESSAGE)
        trp_store_pointer(member, gen_message(gen, field->descriptor, depth + 1));
    else if (field->type == PROTOBUF_C_TYPE_BYTES)
        gen_bytes(gen, true, member);
    else
        gen_number(gen, field->type, member);
}

// ---- Fields

static void gen_repeated(struct trp_gen *gen, const ProtobufCFieldDescriptor *field, unsigned depth,
                         void *message)
{
    uint8_t choice = draw(gen);
    size_t count = choice < 8 ? 0 : choice % 6;
    void *array = NULL;
    if (flaw(gen, choice)) {
        count = (size_t)(choice - 0xf7) << (choice & 1 ? 60 : 0);
        array = count > UINT32_MAX ? nowhere() : NULL;
    } else if (count == 0) {
        array = choice == 1 ? nowhere() : NULL;
    } else {
        size_t size = trp_field_size(field->type);
        array = take(gen, count * size);
        memset(array, 0, count * size);
        for (size_t i = 0; i < count; i++)
            gen_value(gen, field, depth, trp_at_mutable(array, i * size));
    }
    memcpy(trp_at_mutable(message, field->quantifier_offset), &count, sizeof count);
    trp_store_pointer(trp_at_mutable(message, field->offset), array);
}

static void gen_optional(struct trp_gen *gen, const ProtobufCFieldDescriptor *field, unsigned depth,
                         void *message)
{
    static const uint32_t truths[] = {0, 1, 2, UINT32_MAX};
    void *member = trp_at_mutable(message, field->offset);
    uint8_t choice = draw(gen);
    if (field->type == PROTOBUF_C_TYPE_STRING || field->type == PROTOBUF_C_TYPE_MESSAGE) {
        if (choice % 4 < 2) // 0: NULL, 1: the default itself
            trp_store_pointer(member, choice % 4 ? field->default_value : NULL);
        else if (field->type == PROTOBUF_C_TYPE_STRING)
            gen_text(gen, member);
        else
            trp_store_pointer(member, gen_message(gen, field->descriptor, depth + 1));
        return;
    }
    const uint32_t *has = &truths[choice % 4];
    memcpy(trp_at_mutable(message, field->quantifier_offset), has, sizeof *has);
    if (field->type == PROTOBUF_C_TYPE_BYTES)
        gen_bytes(gen, *has != 0, member);
    else
        gen_number(gen, field->type, member);
}

static void gen_unlabelled(struct trp_gen *gen, const ProtobufCFieldDescriptor *field,
                           unsigned depth, void *message)
{
    void *member = trp_at_mutable(message, field->offset);
    if (field->type == PROTOBUF_C_TYPE_STRING || field->type == PROTOBUF_C_TYPE_MESSAGE)
        gen_optional(gen, field, depth, message);
    else if (field->type == PROTOBUF_C_TYPE_BYTES)
        gen_bytes(gen, true, member);
    else
        gen_number(gen, field->type, member);
}

// All of a oneof at once, when the first of its fields is met.
static void gen_oneof(struct trp_gen *gen, const ProtobufCMessageDescriptor *descriptor,
                      const ProtobufCFieldDescriptor *first, unsigned depth, void *message)
{
    const ProtobufCFieldDescriptor *fields[64];
    unsigned count = 0;
    for (unsigned i = 0; i < descriptor->n_fields && count < 64; i++) {
        const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
        if (trp_field_is_in_oneof(field) && field->quantifier_offset == first->quantifier_offset)
            fields[count++] = field;
    }
    if (fields[0] != first)
        return;

    uint8_t choice = draw(gen);
    uint32_t chosen = 0;
    void *member = trp_at_mutable(message, first->offset);
    if (flaw(gen, choice)) {
        chosen = 1000U + choice;
    } else if (choice < 8) {
        trp_store_pointer(member, choice ? nowhere() : NULL);
    } else {
        const ProtobufCFieldDescriptor *field = fields[choice % count];
        chosen = field->id;
        bool is_text = field->type == PROTOBUF_C_TYPE_STRING;
        if (is_text && field->default_value && flaw(gen, draw(gen)))
            trp_store_pointer(member, field->default_value);
        else
            gen_value(gen, field, depth, member);
    }
    memcpy(trp_at_mutable(message, first->quantifier_offset), &chosen, sizeof chosen);
}

static void gen_field(struct trp_gen *gen, const ProtobufCMessageDescriptor *descriptor,
                      const ProtobufCFieldDescriptor *field, unsigned depth, void *message)
{
    if (trp_field_is_in_oneof(field))
        gen_oneof(gen, descriptor, field, depth, message);
    else if (field->label == PROTOBUF_C_LABEL_REQUIRED)
        gen_value(gen, field, depth, trp_at_mutable(message, field->offset));
    else if (field->label == PROTOBUF_C_LABEL_OPTIONAL)
        gen_optional(gen, field, depth, message);
    else if (field->label == PROTOBUF_C_LABEL_REPEATED)
        gen_repeated(gen, field, depth, message);
    else
        gen_unlabelled(gen, field, depth, message);
}

// ---- Unknown fields

// Asks protobuf-c itself: does the field survive in a message that knows no fields at all?
static bool survives(ProtobufCMessageUnknownField *unknown)
{
    static const ProtobufCMessageDescriptor nothing = {
        .magic = PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC,
        .name = "Nothing",
        .sizeof_message = sizeof(ProtobufCMessage),
    };
    const ProtobufCMessage message = {&nothing, 1, unknown};
    uint8_t *packed = malloc(protobuf_c_message_get_packed_size(&message));
    if (!packed)
        abort();
    size_t size = protobuf_c_message_pack(&message, packed);
    ProtobufCMessage *back = protobuf_c_message_unpack(&nothing, NULL, size, packed);
    free(packed);
    if (!back)
        return false;
    const ProtobufCMessageUnknownField *found = back->unknown_fields;
    bool same = back->n_unknown_fields == 1 && found->tag == unknown->tag &&
                found->wire_type == unknown->wire_type && found->len == unknown->len &&
                memcmp(found->data, unknown->data, found->len) == 0;
    protobuf_c_message_free_unpacked(back, NULL);
    return same;
}

// Returns a field with the bytes of one number or text that unpack would read.
static ProtobufCMessageUnknownField gen_sound_unknown(struct trp_gen *gen)
{
    ProtobufCMessageUnknownField unknown = {.tag = 400U + draw(gen)};
    uint8_t choice = draw(gen) % 4;
    size_t length = choice == 2 ? draw(gen) % 100 : 0;
    unknown.wire_type = choice == 3 ? PROTOBUF_C_WIRE_TYPE_32BIT : (ProtobufCWireType)choice;
    unknown.len = choice == 1 ? 8 : choice == 3 ? 4 : length + 1;
    unknown.data = take(gen, unknown.len);
    draw_into(gen, unknown.data, unknown.len);
    if (choice == 2)
        unknown.data[0] = (uint8_t)length;
    else
        unknown.data[0] &= 0x7f;
    return unknown;
}

static ProtobufCMessageUnknownField gen_any_unknown(struct trp_gen *gen,
                                                    const ProtobufCMessageDescriptor *descriptor)
{
    ProtobufCMessageUnknownField unknown = {.len = draw(gen) % 16};
    unknown.wire_type = (ProtobufCWireType)(draw(gen) % 8);
    draw_into(gen, &unknown.tag, draw(gen) % 5);
    unknown.data = take(gen, unknown.len + 1); // never NULL
    draw_into(gen, unknown.data, unknown.len);
    if (!survives(&unknown) || protobuf_c_message_descriptor_get_field(descriptor, unknown.tag))
        gen->flaws++;
    return unknown;
}

static void gen_unknown_fields(struct trp_gen *gen, const ProtobufCMessageDescriptor *descriptor,
                               ProtobufCMessage *message)
{
    uint8_t choice = draw(gen);
    unsigned count = choice < 0xc0 ? 0 : choice % 4;
    if (flaw(gen, choice)) {
        message->n_unknown_fields = choice;
    } else if (count == 0) {
        message->unknown_fields = choice == 1 ? nowhere() : NULL;
    } else {
        message->n_unknown_fields = count;
        message->unknown_fields = take(gen, count * sizeof message->unknown_fields[0]);
        for (unsigned i = 0; i < count; i++)
            message->unknown_fields[i] = gen->may_be_flawed && draw(gen) % 2
                                             ? gen_any_unknown(gen, descriptor)
                                             : gen_sound_unknown(gen);
    }
}

// ---- Messages

static void *gen_message(struct trp_gen *gen, const ProtobufCMessageDescriptor *descriptor,
                         unsigned depth)
{
    ProtobufCMessage *message = take(gen, descriptor->sizeof_message);
    memset(message, 0, descriptor->sizeof_message);
    if (depth > TRP_CLONE_DEPTH) { // one is enough
        gen->flaws++;
        return message;
    }
    if (depth == TRP_CLONE_DEPTH && !gen->may_be_flawed)
        gen->at = gen->size; // as shallow as possible from here on
    if (draw(gen) % 2)
        message->descriptor = descriptor;
    for (unsigned i = 0; i < descriptor->n_fields; i++)
        gen_field(gen, descriptor, &descriptor->fields[i], depth, message);
    gen_unknown_fields(gen, descriptor, message);
    return message;
}

void *trp_gen_message(struct trp_gen *gen, const ProtobufCMessageDescriptor *descriptor)
{
    return gen_message(gen, descriptor, 1);
}

void trp_gen_describe(const ProtobufCMessageDescriptor *descriptor, void *message)
{
    ((ProtobufCMessage *)message)->descriptor = descriptor;
    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
        if (field->type != PROTOBUF_C_TYPE_MESSAGE || !trp_field_is_there(field, message))
            continue;
        void *member = trp_load_mutable(trp_at(message, field->offset));
        if (field->label != PROTOBUF_C_LABEL_REPEATED) {
            trp_gen_describe(field->descriptor, member);
            continue;
        }
        size_t count = trp_load_count(trp_at(message, field->quantifier_offset));
        for (size_t k = 0; k < count; k++)
            trp_gen_describe(field->descriptor, ((void **)member)[k]);
    }
}
