// Unknown fields: what unpack did not understand and pack writes again, byte by byte.
//
// `data` is taken as it is, so bytes that are not exactly one value of the wire type would make
// unpack misread what comes after them.
#include "mailbox/clone_walk.h"

#include <inttypes.h>

enum {
    VARINT_BYTES = 10, // unpack reads no longer numbers
    PREFIX_BYTES = 5,  // nor longer lengths
};

// Returns the bytes of the number at `data`; 0 when it does not end within `limit`.
static size_t varint_size(const uint8_t *data, size_t length, size_t limit)
{
    for (size_t i = 0; i < length && i < limit; i++) {
        if ((data[i] & 0x80) == 0)
            return i + 1;
    }
    return 0;
}

static bool is_length_and_data(const uint8_t *data, size_t length)
{
    size_t prefix = varint_size(data, length, PREFIX_BYTES);
    uint64_t value = 0;
    for (size_t i = 0; i < prefix; i++)
        value |= (uint64_t)(data[i] & 0x7f) << (7 * i);
    return prefix > 0 && value <= INT32_MAX && value == length - prefix;
}

static bool is_one_value(const ProtobufCMessageUnknownField *unknown)
{
    switch (unknown->wire_type) {
    case PROTOBUF_C_WIRE_TYPE_VARINT:
        return unknown->len > 0 &&
               varint_size(unknown->data, unknown->len, VARINT_BYTES) == unknown->len;
    case PROTOBUF_C_WIRE_TYPE_64BIT:
        return unknown->len == 8;
    case PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED:
        return is_length_and_data(unknown->data, unknown->len);
    case PROTOBUF_C_WIRE_TYPE_32BIT:
        return unknown->len == 4;
    default:
        return false;
    }
}

troupe_status trp_clone_check_unknown(const struct trp_clone_step *step,
                                      const ProtobufCMessageUnknownField *unknown,
                                      struct trp_clone_error *error)
{
    if (unknown->tag == 0)
        return trp_clone_refuse(error, step, NULL, 0, "an unknown field has the number 0");
    if (unknown->len > 0 && !unknown->data)
        return trp_clone_refuse(error, step, NULL, 0,
                                "unknown field %" PRIu32 ": length is %zu but data is NULL",
                                unknown->tag, unknown->len);
    if (!is_one_value(unknown))
        return trp_clone_refuse(error, step, NULL, 0,
                                "unknown field %" PRIu32
                                ": its %zu bytes are not one value of wire type %d",
                                unknown->tag, unknown->len, (int)unknown->wire_type);
    return TROUPE_OK;
}
