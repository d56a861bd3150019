// The entries to the passes: see clone.h, clone_walk.h.
#include "mailbox/clone.h"

#include "mailbox/clone_walk.h"

troupe_status trp_clone_measure(const struct trp_type *type, const void *body, size_t *extra,
                                struct trp_clone_error *error)
{
    *extra = 0;
    if (!type->descriptor)
        return TROUPE_OK;
    const ProtobufCMessage *base = body;
    // Nothing can be wrong with numbers, or lie outside; the usual case of small messages.
    bool is_own = base->descriptor == NULL || base->descriptor == type->descriptor;
    if (type->flat && is_own && base->n_unknown_fields == 0)
        return TROUPE_OK;
    const struct trp_clone_step step = {.descriptor = type->descriptor, .depth = 1};
    troupe_status status = trp_clone_check(&step, body, extra, error);
    *extra = (*extra + 15) & ~(size_t)15;
    return status;
}

// For descriptors made without the generated init function.
void trp_message_init_by_fields(const ProtobufCMessageDescriptor *descriptor, void *body)
{
    memset(body, 0, descriptor->sizeof_message);
    ((ProtobufCMessage *)body)->descriptor = descriptor;
    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
        if (!field->default_value || field->label == PROTOBUF_C_LABEL_REPEATED ||
            trp_field_is_in_oneof(field))
            continue;
        void *member = trp_at_mutable(body, field->offset);
        if (field->type == PROTOBUF_C_TYPE_STRING || field->type == PROTOBUF_C_TYPE_MESSAGE)
            trp_store_pointer(member, field->default_value);
        else
            memcpy(member, field->default_value, trp_field_size(field->type));
    }
}

void trp_clone_init(const struct trp_type *type, void *body)
{
    if (type->descriptor)
        trp_message_init(type->descriptor, body);
    else
        memset(body, 0, type->size);
}
