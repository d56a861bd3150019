// When two descriptions of a message type mean the same one.
//
// Each shared object that is linked with a generated file has a copy of its descriptors of its own,
// so descriptors are compared by what they say of the struct's layout, not by address.
#ifndef TRP_MAILBOX_TYPE_SHAPE_H
#define TRP_MAILBOX_TYPE_SHAPE_H

#include "mailbox/type.h"

// Long enough for every text made here.
#define TRP_SHAPE_TEXT 512

// Returns true when a struct of one can be read as a struct of the other; else `difference` (of
// TRP_SHAPE_TEXT bytes) says in which point they differ.
bool trp_shape_same(const struct trp_type *type, const troupe_type *other, char *difference);

// The same of two descriptors and of all the messages that they contain.
bool trp_shape_same_descriptor(const struct ProtobufCMessageDescriptor *a,
                               const struct ProtobufCMessageDescriptor *b, char *difference);

// Sets type->flat and type->exact from its descriptor.
void trp_shape_classify(struct trp_type *type);

#endif
