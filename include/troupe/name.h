// Names: finding actors by a name instead of a ref.
//
// A name stands for one actor of the system, an actor may have several. They stay with it over
// restarts and are free again before a monitor tells that it has ended for good; so TROUPE_ON_STOP
// is the moment to register the next one. A child's register_as is registered whenever it is
// started for the first time or with a new ref, so also when its supervisor was restarted; it stays
// over restarts as any name does, unless somebody takes it away. Semantics are those of Erlang's
// register/2 and whereis/1, but for several names.
#ifndef TROUPE_NAME_H
#define TROUPE_NAME_H

#include <troupe/actor.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TROUPE_NAME_MAX 63 // bytes of a name; at least 1

// Gives an actor a name.
// Errors: TROUPE_EEXIST (the name is taken, also by the same actor; troupe_error_text names the
// holder), TROUPE_EDEAD (no such actor), TROUPE_EINVAL (the name's length), TROUPE_ENOMEM,
// TROUPE_ENOTSUP (an actor of another system), TROUPE_ESTALE. Outside too.
TROUPE_API troupe_status troupe_register(troupe_ctx *ctx, const char *name, troupe_ref ref);

// Takes a name away, whoever has it. Errors: TROUPE_ENOENT (nobody has it), TROUPE_ESTALE. Outside
// too.
TROUPE_API troupe_status troupe_unregister(troupe_ctx *ctx, const char *name);

// Returns who has a name, or the zero ref. Outside too.
TROUPE_API troupe_ref troupe_whereis(troupe_ctx *ctx, const char *name);

// The same as a status: sets `*ref`; TROUPE_ENOENT, with a text and the zero ref, when nobody has
// the name; TROUPE_EINVAL: `ref` is NULL. Outside too.
TROUPE_API troupe_status troupe_lookup(troupe_ctx *ctx, const char *name, troupe_ref *ref);

// Sends to whoever has a name now. Errors: as troupe_send; TROUPE_ENOENT: nobody has it, nothing
// was sent. Threads: as troupe_send.
#define troupe_send_name(ctx, name, ...) \
    troupe_send_name_body((ctx), (name), TROUPE_TYPE_OF_(__VA_ARGS__), TROUPE_BODY_OF_(__VA_ARGS__))
TROUPE_API troupe_status troupe_send_name_body(troupe_ctx *ctx, const char *name, troupe_type *type,
                                               const void *body);

// Watches whoever has a name now; troupe_down.name tells it. When nobody has it, ON_STOP comes with
// reason noactor. Errors: as troupe_monitor, TROUPE_EINVAL (the name's length).
TROUPE_API troupe_status troupe_monitor_name(troupe_ctx *ctx, const char *name, uint32_t events,
                                             troupe_monitor_ref *monitor);

#ifdef __cplusplus
}
#endif

#endif
