// The first pass: refuses what pack would crash on or lose, and measures the copy.
//
// protobuf-c's unpack takes no more than 2 GiB at once, so a message that is larger is refused
// here. That also ends the walk through a message that contains itself.
#include "mailbox/clone_walk.h"

#include <inttypes.h>

// NOLINTBEGIN(misc-no-recursion): at most TRP_CLONE_DEPTH messages deep

enum {
    VARINT_MAX = 10, // bytes of the longest number on the wire
};

struct check {
    const struct trp_clone_step *step;
    size_t *extra;
    struct trp_clone_error *error;
};

#define REFUSE(check, field, index, ...) \
    trp_clone_refuse((check)->error, (check)->step, (field), (index), __VA_ARGS__)

// Both factors come from the message, so their product may be anything.
static troupe_status add_size(const struct check *check, const ProtobufCFieldDescriptor *field,
                              size_t index, size_t count, size_t size)
{
    size_t left = INT32_MAX - *check->extra;
    if (count > left / size || trp_clone_grains(count * size) > left)
        return REFUSE(check, field, index, "the message is larger than 2 GiB");
    *check->extra += trp_clone_grains(count * size);
    return TROUPE_OK;
}

static troupe_status check_string(const struct check *check, const ProtobufCFieldDescriptor *field,
                                  size_t index, const void *member)
{
    const char *text = trp_load_pointer(member);
    if (text)
        return add_size(check, field, index, 1, strlen(text) + 1);
    if (index != TRP_NO_INDEX)
        return REFUSE(check, field, index, "entry is NULL");
    if (trp_field_is_in_oneof(field))
        return REFUSE(check, field, index, "the oneof's case chooses this string, but it is NULL");
    return REFUSE(check, field, index, "required string is NULL");
}

static troupe_status check_bytes(const struct check *check, const ProtobufCFieldDescriptor *field,
                                 size_t index, const void *member)
{
    ProtobufCBinaryData bytes = trp_load_bytes(member);
    if (bytes.len == 0)
        return TROUPE_OK;
    if (!bytes.data)
        return REFUSE(check, field, index, "length is %zu but data is NULL", bytes.len);
    return add_size(check, field, index, bytes.len, 1);
}

static bool is_kind_of(const ProtobufCMessageDescriptor *actual,
                       const ProtobufCMessageDescriptor *wanted)
{
    if (actual == wanted || actual == NULL)
        return true;
    // Another shared object's copy of the same descriptor.
    return actual->magic == wanted->magic && actual->sizeof_message == wanted->sizeof_message &&
           actual->n_fields == wanted->n_fields &&
           (actual->name == NULL || wanted->name == NULL ||
            strcmp(actual->name, wanted->name) == 0);
}

static troupe_status check_message(const struct check *check, const ProtobufCFieldDescriptor *field,
                                   size_t index, const void *member)
{
    const ProtobufCMessageDescriptor *descriptor = field->descriptor;
    const void *body = trp_load_pointer(member);
    if (!body && index != TRP_NO_INDEX)
        return REFUSE(check, field, index, "entry is NULL");
    if (!body && trp_field_is_in_oneof(field))
        return REFUSE(check, field, index, "the oneof's case chooses this message, but it is NULL");
    if (!body)
        return REFUSE(check, field, index, "required message is NULL");
    if (check->step->depth == TRP_CLONE_DEPTH)
        return REFUSE(check, field, index, "nested deeper than %d messages", TRP_CLONE_DEPTH);
    troupe_status status = add_size(check, field, index, 1, descriptor->sizeof_message);
    if (status != TROUPE_OK)
        return status;
    const struct trp_clone_step step = {check->step, descriptor, field, index,
                                        check->step->depth + 1};
    return trp_clone_check(&step, body, check->extra, check->error);
}

static troupe_status check_value(const struct check *check, const ProtobufCFieldDescriptor *field,
                                 size_t index, const void *member)
{
    if (field->type == PROTOBUF_C_TYPE_STRING)
        return check_string(check, field, index, member);
    if (field->type == PROTOBUF_C_TYPE_BYTES)
        return check_bytes(check, field, index, member);
    if (field->type == PROTOBUF_C_TYPE_MESSAGE)
        return check_message(check, field, index, member);
    return TROUPE_OK;
}

static troupe_status check_repeated(const struct check *check,
                                    const ProtobufCFieldDescriptor *field, const void *body)
{
    size_t count = trp_load_count(trp_at(body, field->quantifier_offset));
    if (count == 0)
        return TROUPE_OK;
    const void *array = trp_load_pointer(trp_at(body, field->offset));
    if (!array)
        return REFUSE(check, field, TRP_NO_INDEX, "count is %zu but the array is NULL", count);
    size_t size = trp_field_size(field->type);
    if (count > INT32_MAX / VARINT_MAX)
        return REFUSE(check, field, TRP_NO_INDEX, "count is %zu, more than a message can hold",
                      count);
    troupe_status status = add_size(check, field, TRP_NO_INDEX, count, size);
    if (trp_field_is_number(field))
        return status;
    for (size_t i = 0; i < count && status == TROUPE_OK; i++)
        status = check_value(check, field, i, trp_at(array, i * size));
    return status;
}

// Fields are sorted by their ids.
static const ProtobufCFieldDescriptor *find_field(const ProtobufCMessageDescriptor *descriptor,
                                                  uint32_t id)
{
    unsigned first = 0;
    unsigned count = descriptor->n_fields;
    while (count > 0) {
        const ProtobufCFieldDescriptor *middle = &descriptor->fields[first + count / 2];
        if (middle->id == id)
            return middle;
        if (middle->id < id) {
            first += count / 2 + 1;
            count -= count / 2 + 1;
        } else {
            count /= 2;
        }
    }
    return NULL;
}

static troupe_status check_oneof(const struct check *check, const ProtobufCFieldDescriptor *field,
                                 const void *body)
{
    uint32_t chosen = trp_oneof_case(field, body);
    if (chosen == 0)
        return TROUPE_OK;
    const void *member = trp_at(body, field->offset);
    if (chosen == field->id) {
        bool is_pointer = field->type == PROTOBUF_C_TYPE_STRING;
        if (is_pointer && field->default_value && trp_load_pointer(member) == field->default_value)
            return REFUSE(check, field, TRP_NO_INDEX,
                          "the oneof's case chooses this string, but it is the default itself, "
                          "which means unset; use a copy of it, or \"\"");
        return check_value(check, field, TRP_NO_INDEX, member);
    }
    const ProtobufCFieldDescriptor *other = find_field(check->step->descriptor, chosen);
    if (other && trp_field_is_in_oneof(other) &&
        other->quantifier_offset == field->quantifier_offset)
        return TROUPE_OK;
    return REFUSE(check, field, TRP_NO_INDEX,
                  "the oneof's case is %" PRIu32 ", which is none of its fields", chosen);
}

static troupe_status check_field(const struct check *check, const ProtobufCFieldDescriptor *field,
                                 const void *body)
{
    if (trp_field_is_in_oneof(field))
        return check_oneof(check, field, body);
    if (field->label == PROTOBUF_C_LABEL_REPEATED)
        return check_repeated(check, field, body);
    if (trp_field_is_number(field) || !trp_field_is_there(field, body))
        return TROUPE_OK;
    return check_value(check, field, TRP_NO_INDEX, trp_at(body, field->offset));
}

static troupe_status check_unknown_fields(const struct check *check, const ProtobufCMessage *base)
{
    if (!base->unknown_fields)
        return REFUSE(check, NULL, 0, "n_unknown_fields is %u but unknown_fields is NULL",
                      base->n_unknown_fields);
    troupe_status status =
        add_size(check, NULL, 0, base->n_unknown_fields, sizeof base->unknown_fields[0]);
    for (unsigned i = 0; i < base->n_unknown_fields && status == TROUPE_OK; i++) {
        const ProtobufCMessageUnknownField *unknown = &base->unknown_fields[i];
        if (find_field(check->step->descriptor, unknown->tag))
            return REFUSE(check, NULL, 0,
                          "unknown field %" PRIu32 " has the number of a field of the message",
                          unknown->tag);
        status = trp_clone_check_unknown(check->step, unknown, check->error);
        if (status == TROUPE_OK)
            status = add_size(check, NULL, 0, unknown->len, 1);
    }
    return status;
}

troupe_status trp_clone_check(const struct trp_clone_step *step, const void *body, size_t *extra,
                              struct trp_clone_error *error)
{
    const struct check check = {step, extra, error};
    const ProtobufCMessageDescriptor *descriptor = step->descriptor;
    const ProtobufCMessage *base = body;
    if (!is_kind_of(base->descriptor, descriptor))
        return REFUSE(&check, NULL, 0, "base.descriptor is %.60s, not %.60s",
                      base->descriptor->name ? base->descriptor->name : "of another type",
                      descriptor->name ? descriptor->name : "of this type");

    troupe_status status = TROUPE_OK;
    for (unsigned i = 0; i < descriptor->n_fields && status == TROUPE_OK; i++)
        status = check_field(&check, &descriptor->fields[i], body);
    if (status == TROUPE_OK && base->n_unknown_fields > 0)
        status = check_unknown_fields(&check, base);
    return status;
}

// NOLINTEND(misc-no-recursion)
