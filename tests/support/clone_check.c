// See clone_check.h.
#include "tests/support/clone_check.h"

#include "all_kinds_proto2.pb-c.h"
#include "all_kinds_proto3.pb-c.h"
#include "mailbox/clone.h"
#include "no_names.pb-c.h"
#include "tests/support/proto_gen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TROUPE_PROTO(Kinds2__AllKinds2, kinds2__all_kinds2);
TROUPE_PROTO(Kinds2__Choices, kinds2__choices);
TROUPE_PROTO(Kinds2__Optionals, kinds2__optionals);
TROUPE_PROTO(Kinds2__Numbers, kinds2__numbers);
TROUPE_PROTO(Kinds2__Repeateds, kinds2__repeateds);
TROUPE_PROTO(Kinds2__Part, kinds2__part);
TROUPE_PROTO(Kinds2__Switch, kinds2__switch);
TROUPE_PROTO(Kinds3__AllKinds3, kinds3__all_kinds3);
TROUPE_PROTO(Kinds3__Numbers, kinds3__numbers);
TROUPE_PROTO(Kinds3__Repeateds, kinds3__repeateds);
TROUPE_PROTO(Kinds3__Order, kinds3__order);
TROUPE_PROTO(Kinds3__Point, kinds3__point);

static troupe_type nameless = {"no_names.Nameless",
                               sizeof(NoNames__Nameless),
                               _Alignof(NoNames__Nameless),
                               &no_names__nameless__descriptor,
                               0,
                               0};

// As Optionals, but made without the generated init function.
static ProtobufCMessageDescriptor no_init_descriptor;
static troupe_type no_init = {
    NULL, sizeof(Kinds2__Optionals), _Alignof(Kinds2__Optionals), &no_init_descriptor, 0, 0};

static troupe_type *const types[] = {
    TROUPE_TYPE(Kinds2__AllKinds2),
    TROUPE_TYPE(Kinds3__AllKinds3),
    TROUPE_TYPE(Kinds2__Choices),
    TROUPE_TYPE(Kinds2__Optionals),
    TROUPE_TYPE(Kinds2__Numbers),
    TROUPE_TYPE(Kinds2__Repeateds),
    TROUPE_TYPE(Kinds2__Part),
    TROUPE_TYPE(Kinds3__Numbers),
    TROUPE_TYPE(Kinds3__Repeateds),
    TROUPE_TYPE(Kinds3__Order),
    TROUPE_TYPE(Kinds3__Point),
    TROUPE_TYPE(Kinds2__Switch),
    &nameless,
    &no_init,
};

struct packed {
    uint8_t *bytes;
    size_t size;
};

struct copy {
    void *body;
    void *extra;
};

static const struct trp_type *choose_type(uint8_t byte)
{
    if (!no_init_descriptor.magic) {
        no_init_descriptor = kinds2__optionals__descriptor;
        no_init_descriptor.name = "kinds2.WithoutInit";
        no_init_descriptor.message_init = NULL;
    }
    const struct trp_type *type = trp_type_intern(types[byte % (sizeof types / sizeof types[0])]);
    if (!type)
        abort();
    return type;
}

static struct packed pack(const void *message)
{
    struct packed packed = {.size = protobuf_c_message_get_packed_size(message)};
    packed.bytes = malloc(packed.size + 1);
    if (!packed.bytes)
        abort();
    protobuf_c_message_pack(message, packed.bytes);
    return packed;
}

static struct copy make_copy(const struct trp_type *type, const void *message, size_t extra)
{
    struct copy copy = {malloc(type->size), malloc(extra)};
    if (!copy.body || (!copy.extra && extra > 0))
        abort();
    memset(copy.body, 0xa5, type->size);
    trp_clone_copy(type, message, copy.body, copy.extra);
    return copy;
}

static void free_copy(struct copy copy)
{
    free(copy.body);
    free(copy.extra);
}

static bool complain(char *why, const struct trp_type *type, const char *what, const char *detail)
{
    snprintf(why, 512, "%s: %s: %s", type->name, what, detail);
    return false;
}

static bool packs_alike(const void *message, const struct packed *packed)
{
    struct packed again = pack(message);
    bool alike = again.size == packed->size && memcmp(again.bytes, packed->bytes, again.size) == 0;
    free(again.bytes);
    return alike;
}

// The copy's own copy must be the same again: messages are forwarded.
static bool copies_again(const struct trp_type *type, const void *message, const void *unpacked,
                         char *why)
{
    size_t extra;
    struct trp_clone_error error;
    if (trp_clone_measure(type, message, &extra, &error) != TROUPE_OK)
        return complain(why, type, "the copy cannot be copied", error.text);
    char where[256];
    struct copy copy = make_copy(type, message, extra);
    bool same = trp_gen_same(type->descriptor, copy.body, unpacked, where);
    free_copy(copy);
    return same || complain(why, type, "the copy's copy differs", where);
}

static bool check_copy(const struct trp_type *type, struct trp_gen *gen, void *message,
                       size_t extra, char *why)
{
    struct copy copy = make_copy(type, message, extra);
    trp_gen_describe(type->descriptor, message);
    struct packed packed = pack(message);
    void *unpacked = protobuf_c_message_unpack(type->descriptor, NULL, packed.size, packed.bytes);
    trp_gen_fini(gen); // a copy that still leads there is found out

    char where[256];
    bool good = true;
    if (!unpacked)
        good = complain(why, type, "taken, but cannot be unpacked", "");
    else if (!trp_gen_same(type->descriptor, copy.body, unpacked, where))
        good = complain(why, type, "the copy differs", where);
    else if (!packs_alike(copy.body, &packed))
        good = complain(why, type, "the copy packs differently", "");
    else
        good = copies_again(type, copy.body, unpacked, why);
    free_copy(copy);
    free(packed.bytes);
    if (unpacked)
        protobuf_c_message_free_unpacked(unpacked, NULL);
    return good;
}

static bool check_in_place(const struct trp_type *type, void *message, char *why)
{
    struct trp_clone_error error;
    if (trp_clone_check_in_place(type, message, &error) != TROUPE_OK)
        return complain(why, type, "copied, but refused in place", error.text);
    struct packed packed = pack(message);
    void *unpacked = protobuf_c_message_unpack(type->descriptor, NULL, packed.size, packed.bytes);
    char where[256];
    bool same = unpacked && trp_gen_same(type->descriptor, message, unpacked, where);
    free(packed.bytes);
    if (unpacked)
        protobuf_c_message_free_unpacked(unpacked, NULL);
    return same || complain(why, type, "differs in place", unpacked ? where : "not unpacked");
}

static bool names_the_message(const struct trp_type *type, const char *text)
{
    const char *name = type->descriptor->short_name;
    name = name ? name : "message";
    bool is_cut = strncmp(text, "...", 3) == 0;
    return (is_cut || strncmp(text, name, strlen(name)) == 0) && strstr(text, ": ") != NULL;
}

static bool check_refusal(const struct trp_type *type, void *message,
                          const struct trp_clone_error *error, char *why)
{
    if (!names_the_message(type, error->text))
        return complain(why, type, "no name in", error->text);
    void *before = malloc(type->size);
    if (!before)
        abort();
    memcpy(before, message, type->size);
    struct trp_clone_error again;
    bool refused = trp_clone_check_in_place(type, message, &again) == TROUPE_EINVAL;
    bool untouched = memcmp(before, message, type->size) == 0;
    free(before);
    if (!refused || strcmp(error->text, again.text) != 0)
        return complain(why, type, "refused, but not in place", error->text);
    return untouched || complain(why, type, "refused in place and changed", error->text);
}

bool trp_clone_check_bytes(const uint8_t *bytes, size_t size, struct trp_clone_counts *counts,
                           char *why)
{
    if (size == 0)
        return true;
    const struct trp_type *type = choose_type(bytes[0] >> 1);
    struct trp_gen gen;
    struct trp_gen twin;
    trp_gen_init(&gen, bytes + 1, size - 1, bytes[0] & 1);
    trp_gen_init(&twin, bytes + 1, size - 1, bytes[0] & 1);
    void *message = trp_gen_message(&gen, type->descriptor);
    void *other = trp_gen_message(&twin, type->descriptor);

    size_t extra;
    struct trp_clone_error error = {"(no text)"};
    bool refused = trp_clone_measure(type, message, &extra, &error) != TROUPE_OK;
    bool good;
    if (refused != (gen.flaws > 0))
        good = complain(why, type, refused ? "refused without a flaw" : "taken with a flaw",
                        error.text);
    else if (refused)
        good = check_refusal(type, other, &error, why);
    else
        good = check_copy(type, &gen, message, extra, why) && check_in_place(type, other, why);
    if (counts)
        refused ? counts->refused++ : counts->copied++;
    trp_gen_fini(&gen);
    trp_gen_fini(&twin);
    return good;
}
