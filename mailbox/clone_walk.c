// See clone_walk.h.
#include "mailbox/clone_walk.h"

#include <stdarg.h>
#include <stdio.h>

const uint8_t trp_field_sizes[PROTOBUF_C_TYPE_MESSAGE + 1] = {
    [PROTOBUF_C_TYPE_INT32] = 4,
    [PROTOBUF_C_TYPE_SINT32] = 4,
    [PROTOBUF_C_TYPE_SFIXED32] = 4,
    [PROTOBUF_C_TYPE_INT64] = 8,
    [PROTOBUF_C_TYPE_SINT64] = 8,
    [PROTOBUF_C_TYPE_SFIXED64] = 8,
    [PROTOBUF_C_TYPE_UINT32] = 4,
    [PROTOBUF_C_TYPE_FIXED32] = 4,
    [PROTOBUF_C_TYPE_UINT64] = 8,
    [PROTOBUF_C_TYPE_FIXED64] = 8,
    [PROTOBUF_C_TYPE_FLOAT] = 4,
    [PROTOBUF_C_TYPE_DOUBLE] = 8,
    [PROTOBUF_C_TYPE_BOOL] = sizeof(protobuf_c_boolean),
    [PROTOBUF_C_TYPE_ENUM] = 4,
    [PROTOBUF_C_TYPE_STRING] = sizeof(char *),
    [PROTOBUF_C_TYPE_BYTES] = sizeof(ProtobufCBinaryData),
    [PROTOBUF_C_TYPE_MESSAGE] = sizeof(ProtobufCMessage *),
};

// ---- The text

// Far more than fits in the end: 32 steps with long names.
struct path {
    char text[4096];
    size_t length;
};

__attribute__((format(printf, 2, 3))) static void extend(struct path *path, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    size_t room = sizeof path->text - path->length;
    int length = vsnprintf(path->text + path->length, room, format, args);
    va_end(args);
    if (length > 0)
        path->length += (size_t)length < room ? (size_t)length : room - 1;
}

// Names are missing from what was generated with optimize_for = CODE_SIZE.
static void extend_by_field(struct path *path, const ProtobufCFieldDescriptor *field, size_t index)
{
    if (field->name)
        extend(path, ".%s", field->name);
    else
        extend(path, ".%u", field->id);
    if (index != TRP_NO_INDEX)
        extend(path, "[%zu]", index);
}

static void extend_by_step(struct path *path, const struct trp_clone_step *step)
{
    const struct trp_clone_step *down[TRP_CLONE_DEPTH + 1];
    unsigned count = 0;
    for (; step->parent && count < TRP_CLONE_DEPTH; step = step->parent)
        down[count++] = step;
    const char *name = step->descriptor->short_name;
    extend(path, "%s", name ? name : "message");
    while (count-- > 0)
        extend_by_field(path, down[count]->field, down[count]->index);
}

troupe_status trp_clone_refuse(struct trp_clone_error *error, const struct trp_clone_step *step,
                               const ProtobufCFieldDescriptor *field, size_t index,
                               const char *format, ...)
{
    char reason[160];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(reason, sizeof reason, format, args);
    va_end(args);

    struct path path = {.length = 0};
    extend_by_step(&path, step);
    if (field)
        extend_by_field(&path, field, index);

    // Of a path that is too long the end says more than the beginning.
    size_t room = sizeof error->text - strlen(": ") - strlen(reason) - 1;
    size_t skipped = path.length > room ? path.length - room : 0;
    char *end = mempcpy(error->text, path.text + skipped, path.length - skipped);
    if (skipped > 0)
        memcpy(error->text, "...", strlen("..."));
    end = mempcpy(end, ": ", strlen(": "));
    memcpy(end, reason, strlen(reason) + 1);
    return TROUPE_EINVAL;
}
