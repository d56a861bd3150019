// Makes a message that was built in place look as if it had been copied: see clone.h.
//
// What it points to may lie in constants, or be shared with other messages. So a word is written
// only when it is not yet what it should be.
#include "mailbox/clone_walk.h"

#include <stdlib.h>

// NOLINTBEGIN(misc-no-recursion): at most TRP_CLONE_DEPTH messages deep

static troupe_status settle_message(const ProtobufCMessageDescriptor *descriptor, void *body);

static void put(void *to, const void *from, size_t size)
{
    if (memcmp(to, from, size) != 0)
        memcpy(to, from, size);
}

static const uint64_t zeroes[2]; // as large as the largest member

// ---- Members that pack would write

static troupe_status settle_value(const ProtobufCFieldDescriptor *field, void *member)
{
    if (field->type == PROTOBUF_C_TYPE_MESSAGE)
        return settle_message(field->descriptor, trp_load_mutable(member));
    if (field->type == PROTOBUF_C_TYPE_BOOL) {
        protobuf_c_boolean truth = trp_load_32(member) != 0;
        put(member, &truth, sizeof truth);
    } else if (field->type == PROTOBUF_C_TYPE_BYTES && trp_load_count(member) == 0) {
        put(member, zeroes, sizeof(ProtobufCBinaryData));
    }
    return TROUPE_OK;
}

static troupe_status settle_array(const ProtobufCFieldDescriptor *field, void *body)
{
    size_t count = trp_load_count(trp_at(body, field->quantifier_offset));
    size_t size = trp_field_size(field->type);
    void *entries = trp_load_mutable(trp_at(body, field->offset));
    troupe_status status = TROUPE_OK;
    for (size_t i = 0; i < count && status == TROUPE_OK; i++)
        status = settle_value(field, trp_at_mutable(entries, i * size));
    return status;
}

static troupe_status settle_present(const ProtobufCFieldDescriptor *field, void *body)
{
    static const protobuf_c_boolean set = 1;
    if (field->label == PROTOBUF_C_LABEL_REPEATED)
        return settle_array(field, body);
    bool has_flag = field->label == PROTOBUF_C_LABEL_OPTIONAL && field->quantifier_offset != 0 &&
                    !trp_field_is_in_oneof(field);
    if (has_flag)
        put(trp_at_mutable(body, field->quantifier_offset), &set, sizeof set);
    return settle_value(field, trp_at_mutable(body, field->offset));
}

// ---- Members that it would leave out

// The default of an enum is its first value as written in the .proto file. Only the generated
// init function knows it.
static bool default_is_hidden(const ProtobufCMessageDescriptor *descriptor,
                              const ProtobufCFieldDescriptor *field)
{
    return field->type == PROTOBUF_C_TYPE_ENUM && field->label == PROTOBUF_C_LABEL_OPTIONAL &&
           !field->default_value && descriptor->message_init && !trp_field_is_in_oneof(field);
}

static void settle_absent(const ProtobufCFieldDescriptor *field, void *body)
{
    void *member = trp_at_mutable(body, field->offset);
    size_t size = trp_field_size(field->type);
    if (trp_field_is_in_oneof(field)) {
        if (trp_oneof_case(field, body) == 0)
            put(member, zeroes, size);
    } else if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        put(member, zeroes, sizeof(void *));
    } else if (field->type == PROTOBUF_C_TYPE_STRING) {
        put(member, &field->default_value, size);
    } else {
        put(member, field->default_value ? field->default_value : zeroes, size);
    }
}

// Its own function, so that the buffer is not on the stack while submessages are settled.
static __attribute__((noinline)) troupe_status
settle_hidden_defaults(const ProtobufCMessageDescriptor *descriptor, void *body)
{
    _Alignas(max_align_t) char buffer[1024];
    void *fresh = buffer;
    if (descriptor->sizeof_message > sizeof buffer)
        fresh = malloc(descriptor->sizeof_message);
    if (!fresh)
        return TROUPE_ENOMEM;
    trp_message_init(descriptor, fresh);
    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
        if (default_is_hidden(descriptor, field) && !trp_field_is_there(field, body))
            put(trp_at_mutable(body, field->offset), trp_at(fresh, field->offset),
                trp_field_size(field->type));
    }
    if (fresh != buffer)
        free(fresh);
    return TROUPE_OK;
}

// ---- Messages

static void settle_base(const ProtobufCMessageDescriptor *descriptor, ProtobufCMessage *base)
{
    if (base->descriptor != descriptor)
        base->descriptor = descriptor;
    if (base->n_unknown_fields == 0 && base->unknown_fields)
        base->unknown_fields = NULL;
}

static troupe_status settle_message(const ProtobufCMessageDescriptor *descriptor, void *body)
{
    troupe_status status = TROUPE_OK;
    bool has_hidden = false;
    settle_base(descriptor, body);
    for (unsigned i = 0; i < descriptor->n_fields && status == TROUPE_OK; i++) {
        const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
        if (trp_field_is_there(field, body))
            status = settle_present(field, body);
        else if (default_is_hidden(descriptor, field))
            has_hidden = true;
        else
            settle_absent(field, body);
    }
    if (status == TROUPE_OK && has_hidden)
        status = settle_hidden_defaults(descriptor, body);
    return status;
}

troupe_status trp_clone_check_in_place(const struct trp_type *type, void *body,
                                       struct trp_clone_error *error)
{
    size_t extra;
    troupe_status status = trp_clone_measure(type, body, &extra, error);
    if (status != TROUPE_OK || !type->descriptor)
        return status;
    return settle_message(type->descriptor, body);
}

// NOLINTEND(misc-no-recursion)
