// The messages of the workloads. Each file in workloads/ is compiled twice: with plain structs, and
// with LOCAL_WITH_PROTOBUF defined with the protobuf messages of protos/local.proto. Both forms
// have the same fields, so the files look the same for both:
//
//     troupe_send(ctx, to, Ping, .number = 5, .actor = local_actor(troupe_self(ctx)));
//
//     const Ping *ping = troupe_match(msg, Ping);
//     troupe_send(ctx, local_ref(ping->actor), Pong, .number = ping->number);
#ifndef BENCH_LOCAL_MESSAGES_H
#define BENCH_LOCAL_MESSAGES_H

#include "bench/local/run.h"

#include <troupe.h>

#ifdef LOCAL_WITH_PROTOBUF

#    include "bench/protos/local.pb-c.h"

// The name of what both forms of a file define.
#    define LOCAL_FORM(name)            name##_protobuf
#    define LOCAL_MESSAGE(Type, prefix) TROUPE_PROTO(Type, prefix)

// An actor of this system in one integer.
static inline uint64_t local_actor(troupe_ref ref)
{
    return (uint64_t)ref.slot << 32 | ref.generation;
}

static inline troupe_ref local_ref(uint64_t actor)
{
    troupe_ref ref = {local_run.system_id, (uint32_t)(actor >> 32), (uint32_t)actor};
    return ref;
}

#else

struct local_message {
    uint64_t number;
    troupe_ref actor;
};

#    define LOCAL_FORM(name) name##_struct
#    define LOCAL_MESSAGE(Type, prefix)    \
        typedef struct local_message Type; \
        TROUPE_STRUCT(Type, Type)

static inline troupe_ref local_actor(troupe_ref ref)
{
    return ref;
}

static inline troupe_ref local_ref(troupe_ref actor)
{
    return actor;
}

#endif

LOCAL_MESSAGE(More, more);     // so many are left: go on, or begin
LOCAL_MESSAGE(Ready, ready);   // to the lead: this actor has what it needs to begin
LOCAL_MESSAGE(Done, done);     // to the lead: this actor has done its part
LOCAL_MESSAGE(Expect, expect); // tell the actor when you have got that much
LOCAL_MESSAGE(Add, add);       // one of many
LOCAL_MESSAGE(Ping, ping);     // to be answered to the actor
LOCAL_MESSAGE(Pong, pong);     // the answer
LOCAL_MESSAGE(Link, link);     // the actor is your next one
LOCAL_MESSAGE(Token, token);   // what goes round, and how often yet
LOCAL_MESSAGE(Work, work);     // something to do
LOCAL_MESSAGE(Grow, grow);     // become a tree of that depth
LOCAL_MESSAGE(Sum, sum);       // what a tree's leaves sum up to

#endif
