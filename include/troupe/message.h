// Messages: typed, immutable, owned by one place at a time.
//
//     TROUPE_PROTO(Add, add);            // a protobuf-c message: usable everywhere
//     TROUPE_STRUCT(Tick, struct tick);  // a plain struct: this process only, the fastest
//     TROUPE_EMPTY(Reset);               // no fields at all: this process only
//
//     troupe_send(ctx, to, Add, .amount = 5);
//     troupe_send(ctx, to, Reset);
//
//     const Add *add = troupe_match(msg, Add);
//     if (add) ...
//
// An argument with a comma of its own, such as (troupe_ref){0, 0, 0}, needs parentheses around it:
// these are macros. Up to 62 fields can be given in one call.
//
// The word that stands for the type (Add, Tick, Reset) is declared once per source file, most
// simply in a header of the program's own.
//
// Sending copies. Of a struct the bytes are copied, so a struct may hold pointers only to what
// outlives the message. Of a protobuf message all that it points to is copied, and arrives as it
// would over a network: unset fields have their defaults, NULL strings are "". What could not be
// packed (a required field that is missing, a count without an array, nesting deeper than 32) is
// TROUPE_EINVAL at the sender, nothing sent, and troupe_error_text names the field. Debian's
// protoc-c refuses proto3's `optional`: use a oneof of one field, or proto2.
#ifndef TROUPE_MESSAGE_H
#define TROUPE_MESSAGE_H

#include <troupe/ref.h>

#ifdef __cplusplus
extern "C" {
#endif

struct ProtobufCMessageDescriptor; // protobuf-c/protobuf-c.h

// What a program knows of a message type. Made by TROUPE_PROTO and its siblings; a program in
// another language fills it by hand, with id 0, and keeps it as long as it runs.
// Types are known to each other by name: two types of one name must agree in size, alignment and
// descriptor, or the program is ended with a text that names both.
typedef struct troupe_type {
    const char *name; // the struct's word; NULL for protobuf: its full name, "package.Add"
    uint32_t size;    // bytes of the body
    uint32_t align;   // of the body, a power of two, at most 64
    const struct ProtobufCMessageDescriptor *descriptor; // NULL: a plain struct
    uint32_t id;      // set by the runtime on first use, the same in all files of the process
    uint32_t runtime; // the runtime's; 0
} troupe_type;

// A message as its receiver sees it. Everything that `body` leads to is read-only and lives until
// the handler returns.
typedef struct troupe_msg {
    uint32_t type;    // troupe_type.id
    uint32_t size;    // bytes of the body
    const void *body; // never NULL
} troupe_msg;

#ifdef __cplusplus
#    define TROUPE_ALIGNOF alignof
#else
#    define TROUPE_ALIGNOF _Alignof
#endif

// Declares a protobuf-c message type: its C type and the prefix of its functions, add__init.
#define TROUPE_PROTO(Type, prefix)                                                               \
    TROUPE_UNUSED static troupe_type troupe_type_##Type = {                                      \
        0, (uint32_t)sizeof(Type), (uint32_t)TROUPE_ALIGNOF(Type), &prefix##__descriptor, 0, 0}; \
    typedef Type troupe_body_##Type

// Declares a plain struct as message type; `Type` is a word of the program's choice.
#define TROUPE_STRUCT(Type, type)                                                \
    TROUPE_UNUSED static troupe_type troupe_type_##Type = {                      \
        #Type, (uint32_t)sizeof(type), (uint32_t)TROUPE_ALIGNOF(type), 0, 0, 0}; \
    typedef type troupe_body_##Type

// Declares a message type without fields.
#define TROUPE_EMPTY(Type)       \
    struct troupe_empty_##Type { \
        char unused;             \
    };                           \
    TROUPE_STRUCT(Type, struct troupe_empty_##Type)

// The type object of a declared type, for the functions that take one.
#define TROUPE_TYPE(Type) (&troupe_type_##Type)

// Returns the body, as a pointer to the type's C type, when the message is of that type, else NULL;
// `msg` may be NULL, as the `args` of an init may be.
#define troupe_match(msg, Type) \
    ((const troupe_body_##Type *)troupe_msg_match((msg), TROUPE_TYPE(Type)))

// See troupe_match. Threads: any that may read the message.
TROUPE_API const void *troupe_msg_match_new(const troupe_msg *msg, troupe_type *type);

static inline const void *troupe_msg_match(const troupe_msg *msg, troupe_type *type)
{
    if (!msg)
        return 0;
    uint32_t id = __atomic_load_n(&type->id, __ATOMIC_RELAXED);
    if (id == 0)
        return troupe_msg_match_new(msg, type); // this file's type object was never used before
    return msg->type == id ? msg->body : 0;
}

// Returns the name of a message's type, for logs.
// Ownership: static text. Threads: any that may read the message.
TROUPE_API const char *troupe_msg_type_name(const troupe_msg *msg);

// ---- Sending

// Sends a copy of a message; never blocks. `to` may be any ref, dead ones too.
// Order: what one actor sends to one other arrives in that order. Nothing is promised about
// messages to different actors. After the first 16 of a handler, messages may be delivered in
// groups: before the handler does anything else with its ctx, when it returns, or sooner. Errors:
// TROUPE_EDEAD (it became a dead letter), TROUPE_EINVAL (the body could not be packed),
// TROUPE_ENOTWIRE, TROUPE_ENOMEM, TROUPE_ESTALE.
// Threads: the actor's handler; any thread with troupe_outside.
#define troupe_send(ctx, to, ...) \
    troupe_send_body((ctx), (to), TROUPE_TYPE_OF_(__VA_ARGS__), TROUPE_BODY_OF_(__VA_ARGS__))

// troupe_send as a function: `body` is of the type's C type.
TROUPE_API troupe_status troupe_send_body(troupe_ctx *ctx, troupe_ref to, troupe_type *type,
                                          const void *body);

// Sends one message to many receivers, who share one copy of the body. `failed`, when not NULL,
// is set to the number of refs that could not be reached.
// Errors: TROUPE_EINVAL, TROUPE_ENOMEM (some may have got it; `failed` counts the others).
// Threads: as troupe_send.
#define troupe_send_many(ctx, refs, count, failed, ...)                                   \
    troupe_send_many_body((ctx), (refs), (count), (failed), TROUPE_TYPE_OF_(__VA_ARGS__), \
                          TROUPE_BODY_OF_(__VA_ARGS__))
TROUPE_API troupe_status troupe_send_many_body(troupe_ctx *ctx, const troupe_ref *refs,
                                               size_t count, size_t *failed, troupe_type *type,
                                               const void *body);

// ---- Messages built in place

// Makes a message to be filled and moved: no copy is made on the way. Evaluates to a `Type *` body
// (zeroed, or with protobuf's defaults), or NULL without memory. `msg` is a `troupe_msg **`.
// Ownership: the caller's, until troupe_move succeeds or troupe_msg_free. All that the body points
// to must come from troupe_msg_alloc of the same message, or never go away and be writable or
// complete, as what protobuf's own initialisers make.
#define troupe_msg_new(ctx, Type, msg) \
    ((troupe_body_##Type *)troupe_msg_new_body((ctx), TROUPE_TYPE(Type), (msg)))
TROUPE_API void *troupe_msg_new_body(troupe_ctx *ctx, troupe_type *type, troupe_msg **msg);

// Returns `size` bytes (aligned to 16, not cleared) that live and die with the message; NULL
// without memory, or when the message was not made by troupe_msg_new. Threads: the message's owner,
// with a ctx of its own.
TROUPE_API void *troupe_msg_alloc(troupe_ctx *ctx, troupe_msg *msg, size_t size);

// Hands a message over to `to` without a copy.
// Ownership: after TROUPE_OK the message is gone; after an error it is still the caller's.
// Errors and threads: as troupe_send. A message that is not the caller's own is TROUPE_EINVAL.
TROUPE_API troupe_status troupe_move(troupe_ctx *ctx, troupe_ref to, troupe_msg *msg);

// Frees a message that the caller owns; NULL is allowed. Outside too: any thread with
// troupe_outside.
TROUPE_API void troupe_msg_free(troupe_ctx *ctx, troupe_msg *msg);

// Makes the message that is being handled the handler's own, to be kept, moved or freed later. Its
// right to a reply is not taken along: see troupe_token_take.
// Errors: TROUPE_EINVAL (not the current message, or taken already), TROUPE_ENOTSUP (shared by
// troupe_send_many: forward it or copy it; or of a timer, a monitor or an ask's outcome).
TROUPE_API troupe_status troupe_msg_take(troupe_ctx *ctx, const troupe_msg *msg, troupe_msg **own);

// Hands the message that is being handled on to another actor, with the right to reply to it.
// After TROUPE_OK the handler must neither read it nor reply to it any more.
// One that was answered already goes on as a plain message.
// Errors: as troupe_move, TROUPE_ENOTSUP (of a timer, a monitor or an ask's outcome); after an
// error it is still the message being handled.
TROUPE_API troupe_status troupe_forward(troupe_ctx *ctx, troupe_ref to, const troupe_msg *msg);

// ---- What the macros above are made of

// The type's word is the first of the variadic arguments, so that none of them is ever empty; a
// word without fields is initialised with {0}.
#define TROUPE_CONCAT_(a, b)   TROUPE_CONCAT_2_(a, b)
#define TROUPE_CONCAT_2_(a, b) a##b
#define TROUPE_64TH_(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x, y, z, \
                     A, B, C, D, E, F, G, H, I, J, K, L, M, N, O, P, Q, R, S, T, U, V, W, X, Y, Z, \
                     aa, ab, ac, ad, ae, af, ag, ah, ai, aj, ak, al, ...)                          \
    al
// 1 when there is one argument, N when there are 2 to 63.
#define TROUPE_ONE_OR_MORE_(...)                                                                   \
    TROUPE_64TH_(__VA_ARGS__, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, \
                 N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N,  \
                 N, N, N, N, N, N, N, N, N, N, N, N, 1, unused)
#define TROUPE_TYPE_OF_(...)         TROUPE_TYPE_OF_2_(__VA_ARGS__, unused)
#define TROUPE_TYPE_OF_2_(Type, ...) TROUPE_TYPE(Type)
#define TROUPE_BODY_OF_(...) \
    TROUPE_CONCAT_(TROUPE_BODY_OF_, TROUPE_ONE_OR_MORE_(__VA_ARGS__))(__VA_ARGS__)
#define TROUPE_BODY_OF_1(Type)      (&(const troupe_body_##Type){0})
#define TROUPE_BODY_OF_N(Type, ...) (&(const troupe_body_##Type){__VA_ARGS__})

#ifdef __cplusplus
}
#endif

#endif
