// The second pass: copies what the first one has checked.
//
// A message starts as its defaults; then each field that pack would write is copied over them. What
// lies outside the struct is cut from one area, in grains, in the order of the walk.
#include "mailbox/clone_walk.h"

// NOLINTBEGIN(misc-no-recursion): at most TRP_CLONE_DEPTH messages deep

struct area {
    char *next;
};

static void copy_message(struct area *area, const ProtobufCMessageDescriptor *descriptor,
                         const void *from, void *to);

static void *cut(struct area *area, size_t size)
{
    void *piece = area->next;
    area->next += trp_clone_grains(size);
    return piece;
}

static void *copy_piece(struct area *area, const void *from, size_t size)
{
    return memcpy(cut(area, size), from, size);
}

static void copy_string(struct area *area, const void *from, void *to)
{
    const char *text = trp_load_pointer(from);
    trp_store_pointer(to, copy_piece(area, text, strlen(text) + 1));
}

static void copy_bytes(struct area *area, const void *from, void *to)
{
    ProtobufCBinaryData bytes = trp_load_bytes(from);
    bytes.data = bytes.len > 0 ? copy_piece(area, bytes.data, bytes.len) : NULL;
    memcpy(to, &bytes, sizeof bytes);
}

static void copy_submessage(struct area *area, const ProtobufCMessageDescriptor *descriptor,
                            const void *from, void *to)
{
    void *message = cut(area, descriptor->sizeof_message);
    copy_message(area, descriptor, trp_load_pointer(from), message);
    trp_store_pointer(to, message);
}

static inline void copy_number(ProtobufCType type, const void *from, void *to)
{
    if (type == PROTOBUF_C_TYPE_BOOL) {
        protobuf_c_boolean truth = trp_load_32(from) != 0;
        memcpy(to, &truth, sizeof truth);
    } else if (trp_field_size(type) == 4) {
        memcpy(to, from, 4);
    } else {
        memcpy(to, from, 8);
    }
}

static inline void copy_value(struct area *area, const ProtobufCFieldDescriptor *field,
                              const void *from, void *to)
{
    if (field->type == PROTOBUF_C_TYPE_STRING)
        copy_string(area, from, to);
    else if (field->type == PROTOBUF_C_TYPE_BYTES)
        copy_bytes(area, from, to);
    else if (field->type == PROTOBUF_C_TYPE_MESSAGE)
        copy_submessage(area, field->descriptor, from, to);
    else
        copy_number(field->type, from, to);
}

static void copy_array(struct area *area, const ProtobufCFieldDescriptor *field, const void *from,
                       void *to)
{
    size_t count = trp_load_count(trp_at(from, field->quantifier_offset));
    size_t size = trp_field_size(field->type);
    const void *entries = trp_load_pointer(trp_at(from, field->offset));
    void *copies = cut(area, count * size);
    if (trp_field_is_number(field) && field->type != PROTOBUF_C_TYPE_BOOL) {
        memcpy(copies, entries, count * size);
    } else {
        for (size_t i = 0; i < count; i++)
            copy_value(area, field, trp_at(entries, i * size), trp_at_mutable(copies, i * size));
    }
    memcpy(trp_at_mutable(to, field->quantifier_offset), &count, sizeof count);
    trp_store_pointer(trp_at_mutable(to, field->offset), copies);
}

// What unpack sets beside the value: has_x, or the oneof's case.
static void set_quantifier(const ProtobufCFieldDescriptor *field, void *to)
{
    bool in_oneof = trp_field_is_in_oneof(field);
    bool has_flag = field->label == PROTOBUF_C_LABEL_OPTIONAL && field->quantifier_offset != 0;
    if (!in_oneof && !has_flag)
        return;
    uint32_t value = in_oneof ? field->id : 1;
    memcpy(trp_at_mutable(to, field->quantifier_offset), &value, sizeof value);
}

static void copy_unknown_fields(struct area *area, const ProtobufCMessage *from,
                                ProtobufCMessage *to)
{
    to->n_unknown_fields = from->n_unknown_fields;
    to->unknown_fields = copy_piece(area, from->unknown_fields,
                                    from->n_unknown_fields * sizeof from->unknown_fields[0]);
    for (unsigned i = 0; i < to->n_unknown_fields; i++) {
        ProtobufCMessageUnknownField *unknown = &to->unknown_fields[i];
        unknown->data = copy_piece(area, unknown->data, unknown->len);
    }
}

static inline bool is_integer_without_presence(const ProtobufCFieldDescriptor *field)
{
    return field->label == PROTOBUF_C_LABEL_NONE && trp_field_is_number(field) &&
           !trp_field_is_in_oneof(field) && field->type != PROTOBUF_C_TYPE_FLOAT &&
           field->type != PROTOBUF_C_TYPE_DOUBLE;
}

static void copy_message(struct area *area, const ProtobufCMessageDescriptor *descriptor,
                         const void *from, void *to)
{
    const ProtobufCMessage *base = from;
    trp_message_init(descriptor, to);
    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
        // The default of a number without presence is 0, so it need not be asked whether it is 0.
        if (is_integer_without_presence(field)) {
            copy_number(field->type, trp_at(from, field->offset),
                        trp_at_mutable(to, field->offset));
            continue;
        }
        if (!trp_field_is_there(field, from))
            continue;
        if (field->label == PROTOBUF_C_LABEL_REPEATED) {
            copy_array(area, field, from, to);
            continue;
        }
        copy_value(area, field, trp_at(from, field->offset), trp_at_mutable(to, field->offset));
        set_quantifier(field, to);
    }
    if (base->n_unknown_fields > 0)
        copy_unknown_fields(area, base, to);
}

// Bytes as they are, with a base of its own.
static void copy_exact(struct area *area, const struct trp_type *type, const void *from, void *to)
{
    memcpy(to, from, type->size);
    ProtobufCMessage *base = to;
    base->descriptor = type->descriptor;
    if (base->n_unknown_fields > 0)
        copy_unknown_fields(area, from, base);
    else
        base->unknown_fields = NULL;
}

void trp_clone_copy(const struct trp_type *type, const void *body, void *to, void *extra)
{
    struct area area = {extra};
    if (!type->descriptor)
        memcpy(to, body, type->size);
    else if (type->exact)
        copy_exact(&area, type, body, to);
    else
        copy_message(&area, type->descriptor, body, to);
}

// NOLINTEND(misc-no-recursion)
