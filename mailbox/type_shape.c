// See type_shape.h. All of this runs once per type and source file, so it need not be fast.
#include "mailbox/type_shape.h"

#include <protobuf-c/protobuf-c.h>
#include <stdio.h>
#include <string.h>

enum {
    PAIRS = 256, // message types reached from one; those past it are taken on trust
};

// Messages contain each other in cycles: each pair is compared once.
struct comparison {
    char *difference;
    unsigned count;
    const ProtobufCMessageDescriptor *pairs[PAIRS][2];
};

static const char *text_or(const char *text, const char *otherwise)
{
    return text ? text : otherwise;
}

// Names are missing from what was generated with optimize_for = CODE_SIZE.
static bool same_name(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_field(const ProtobufCFieldDescriptor *a, const ProtobufCFieldDescriptor *b)
{
    const uint32_t layout = PROTOBUF_C_FIELD_FLAG_ONEOF | PROTOBUF_C_FIELD_FLAG_PACKED;
    return a->id == b->id && a->type == b->type && a->label == b->label && a->offset == b->offset &&
           a->quantifier_offset == b->quantifier_offset &&
           (a->flags & layout) == (b->flags & layout);
}

// Notes a pair to be compared; false when it is noted already or there is no room.
static bool note(struct comparison *comparison, const ProtobufCMessageDescriptor *a,
                 const ProtobufCMessageDescriptor *b)
{
    if (a == b || comparison->count == PAIRS)
        return false;
    for (unsigned i = 0; i < comparison->count; i++) {
        if (comparison->pairs[i][0] == a && comparison->pairs[i][1] == b)
            return false;
    }
    comparison->pairs[comparison->count][0] = a;
    comparison->pairs[comparison->count][1] = b;
    comparison->count++;
    return true;
}

static bool differ(const struct comparison *comparison, const ProtobufCMessageDescriptor *message,
                   const char *what, unsigned long long first, unsigned long long second)
{
    (void)snprintf(comparison->difference, TRP_SHAPE_TEXT, "%.200s: %s, %llu and %llu",
                   text_or(message->name, "a message without a name"), what, first, second);
    return false;
}

static bool differ_in_field(const struct comparison *comparison,
                            const ProtobufCMessageDescriptor *message,
                            const ProtobufCFieldDescriptor *a, const ProtobufCFieldDescriptor *b)
{
    (void)snprintf(
        comparison->difference, TRP_SHAPE_TEXT,
        "%.200s: field %u (%.80s; type %d, label %d, at byte %u) and field %u (%.80s; type %d, "
        "label %d, at byte %u)",
        text_or(message->name, "a message without a name"), a->id, text_or(a->name, "no name"),
        (int)a->type, (int)a->label, a->offset, b->id, text_or(b->name, "no name"), (int)b->type,
        (int)b->label, b->offset);
    return false;
}

static bool same_message(struct comparison *comparison, const ProtobufCMessageDescriptor *a,
                         const ProtobufCMessageDescriptor *b)
{
    if (!same_name(a->name, b->name)) {
        (void)snprintf(comparison->difference, TRP_SHAPE_TEXT, "messages %.200s and %.200s",
                       text_or(a->name, "without a name"), text_or(b->name, "without a name"));
        return false;
    }
    if (a->sizeof_message != b->sizeof_message)
        return differ(comparison, a, "bytes of the struct", a->sizeof_message, b->sizeof_message);
    if (a->n_fields != b->n_fields)
        return differ(comparison, a, "number of fields", a->n_fields, b->n_fields);
    for (unsigned i = 0; i < a->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &a->fields[i];
        if (!same_field(field, &b->fields[i]))
            return differ_in_field(comparison, a, field, &b->fields[i]);
        if (field->type == PROTOBUF_C_TYPE_MESSAGE)
            note(comparison, field->descriptor, b->fields[i].descriptor);
    }
    return true;
}

bool trp_shape_same_descriptor(const ProtobufCMessageDescriptor *a,
                               const ProtobufCMessageDescriptor *b, char *difference)
{
    struct comparison comparison = {.difference = difference};
    note(&comparison, a, b);
    for (unsigned i = 0; i < comparison.count; i++) { // grows as it goes
        if (!same_message(&comparison, comparison.pairs[i][0], comparison.pairs[i][1]))
            return false;
    }
    return true;
}

bool trp_shape_same(const struct trp_type *type, const troupe_type *other, char *difference)
{
    if ((type->descriptor != NULL) != (other->descriptor != NULL)) {
        (void)snprintf(difference, TRP_SHAPE_TEXT,
                       "one is a plain struct, the other a protobuf message");
        return false;
    }
    if (type->size != other->size) {
        (void)snprintf(difference, TRP_SHAPE_TEXT, "size, %u and %u bytes", type->size,
                       other->size);
        return false;
    }
    if (type->align != other->align) {
        (void)snprintf(difference, TRP_SHAPE_TEXT, "alignment, %u and %u", type->align,
                       other->align);
        return false;
    }
    return type->descriptor == NULL ||
           trp_shape_same_descriptor(type->descriptor, other->descriptor, difference);
}

static bool is_flat(const ProtobufCFieldDescriptor *field)
{
    return field->label != PROTOBUF_C_LABEL_REPEATED && field->type != PROTOBUF_C_TYPE_STRING &&
           field->type != PROTOBUF_C_TYPE_BYTES && field->type != PROTOBUF_C_TYPE_MESSAGE &&
           (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) == 0;
}

// What is not exact: a presence flag with a default to be filled in; a boolean, which arrives as 0
// or 1; a float of proto3, whose -0.0 is not sent.
static bool is_exact(const ProtobufCFieldDescriptor *field)
{
    if (field->label == PROTOBUF_C_LABEL_OPTIONAL || field->type == PROTOBUF_C_TYPE_BOOL)
        return false;
    bool is_float = field->type == PROTOBUF_C_TYPE_FLOAT || field->type == PROTOBUF_C_TYPE_DOUBLE;
    return field->label == PROTOBUF_C_LABEL_REQUIRED || !is_float;
}

void trp_shape_classify(struct trp_type *type)
{
    const ProtobufCMessageDescriptor *descriptor = type->descriptor;
    type->flat = descriptor != NULL;
    type->exact = descriptor != NULL;
    for (unsigned i = 0; descriptor && i < descriptor->n_fields; i++) {
        type->flat = type->flat && is_flat(&descriptor->fields[i]);
        type->exact = type->exact && is_exact(&descriptor->fields[i]);
    }
    type->exact = type->exact && type->flat;
}
