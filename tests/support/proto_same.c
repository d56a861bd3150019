// The comparison of proto_gen.h. It knows nothing of what pack leaves out: both messages are taken
// at their word.
#include "mailbox/clone_walk.h"
#include "tests/support/proto_gen.h"

#include <stdio.h>

static bool differ(const ProtobufCMessageDescriptor *descriptor,
                   const ProtobufCFieldDescriptor *field, const char *what, char *where)
{
    const char *name = field && field->name ? field->name : "";
    snprintf(where, 256, "%.100s.%.60s (field %u): %s",
             descriptor->name ? descriptor->name : "nameless", name, field ? field->id : 0, what);
    return false;
}

static bool same_string(const ProtobufCFieldDescriptor *field, const void *a, const void *b)
{
    const char *text_a = trp_load_pointer(a);
    const char *text_b = trp_load_pointer(b);
    // To pack, the default itself means unset: a copy of it is not the same.
    if ((text_a == field->default_value) != (text_b == field->default_value))
        return false;
    return text_a == text_b || (text_a && text_b && strcmp(text_a, text_b) == 0);
}

static bool same_bytes(const void *a, const void *b)
{
    ProtobufCBinaryData data_a = trp_load_bytes(a);
    ProtobufCBinaryData data_b = trp_load_bytes(b);
    if (data_a.len != data_b.len || (data_a.data == NULL) != (data_b.data == NULL))
        return false;
    return data_a.len == 0 || memcmp(data_a.data, data_b.data, data_a.len) == 0;
}

static bool same_value(const ProtobufCMessageDescriptor *descriptor,
                       const ProtobufCFieldDescriptor *field, const void *a, const void *b,
                       char *where)
{
    if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
        const void *message_a = trp_load_pointer(a);
        const void *message_b = trp_load_pointer(b);
        if (message_a && message_b)
            return trp_gen_same(field->descriptor, message_a, message_b, where);
        return message_a == message_b || differ(descriptor, field, "one is NULL", where);
    }
    bool same;
    if (field->type == PROTOBUF_C_TYPE_STRING)
        same = same_string(field, a, b);
    else if (field->type == PROTOBUF_C_TYPE_BYTES)
        same = same_bytes(a, b);
    else
        same = memcmp(a, b, trp_field_size(field->type)) == 0; // NaNs too
    return same || differ(descriptor, field, "values", where);
}

static bool same_array(const ProtobufCMessageDescriptor *descriptor,
                       const ProtobufCFieldDescriptor *field, const void *a, const void *b,
                       char *where)
{
    size_t count = trp_load_count(trp_at(a, field->quantifier_offset));
    if (count != trp_load_count(trp_at(b, field->quantifier_offset)))
        return differ(descriptor, field, "counts", where);
    const void *array_a = trp_load_pointer(trp_at(a, field->offset));
    const void *array_b = trp_load_pointer(trp_at(b, field->offset));
    if ((array_a == NULL) != (array_b == NULL))
        return differ(descriptor, field, "one array is NULL", where);
    size_t size = trp_field_size(field->type);
    for (size_t i = 0; i < count; i++) {
        if (!same_value(descriptor, field, trp_at(array_a, i * size), trp_at(array_b, i * size),
                        where))
            return false;
    }
    return true;
}

static bool same_field(const ProtobufCMessageDescriptor *descriptor,
                       const ProtobufCFieldDescriptor *field, const void *a, const void *b,
                       char *where)
{
    if (field->label == PROTOBUF_C_LABEL_REPEATED)
        return same_array(descriptor, field, a, b, where);
    size_t at = field->quantifier_offset;
    if (at != 0 && memcmp(trp_at(a, at), trp_at(b, at), 4) != 0)
        return differ(descriptor, field, "presence", where);
    if (trp_field_is_in_oneof(field) && trp_oneof_case(field, a) != field->id)
        return true;
    return same_value(descriptor, field, trp_at(a, field->offset), trp_at(b, field->offset), where);
}

static bool same_unknown(const ProtobufCMessageUnknownField *a,
                         const ProtobufCMessageUnknownField *b)
{
    return a->tag == b->tag && a->wire_type == b->wire_type && a->len == b->len &&
           memcmp(a->data, b->data, a->len) == 0;
}

bool trp_gen_same(const ProtobufCMessageDescriptor *descriptor, const void *a, const void *b,
                  char *where)
{
    const ProtobufCMessage *base_a = a;
    const ProtobufCMessage *base_b = b;
    if (base_a->descriptor != descriptor || base_b->descriptor != descriptor)
        return differ(descriptor, NULL, "base.descriptor", where);
    if (base_a->n_unknown_fields != base_b->n_unknown_fields ||
        (base_a->unknown_fields == NULL) != (base_b->unknown_fields == NULL))
        return differ(descriptor, NULL, "number of unknown fields", where);
    for (unsigned i = 0; i < base_a->n_unknown_fields; i++) {
        if (!same_unknown(&base_a->unknown_fields[i], &base_b->unknown_fields[i]))
            return differ(descriptor, NULL, "unknown fields", where);
    }
    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        if (!same_field(descriptor, &descriptor->fields[i], a, b, where))
            return false;
    }
    return true;
}
