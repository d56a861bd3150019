// What is on its way between those who call <troupe/children.h> (request_send.c) and a supervisor
// (requests.c); built in request_build.c. A request is one block: whatever its body points to lies
// behind it, so that it can be kept, passed on or end as a dead letter like any other message.
#ifndef TRP_ACTORS_REQUESTS_H
#define TRP_ACTORS_REQUESTS_H

#include "actors/actor.h"
#include "troupe/children.h"

enum trp_request_op {
    TRP_REQUEST_START,
    TRP_REQUEST_STOP,
    TRP_REQUEST_RESTART,
    TRP_REQUEST_DELETE,
    TRP_REQUEST_WHICH,
    TRP_REQUEST_COUNT,
    TRP_REQUEST_SPEC
};

struct trp_request_body {
    enum trp_request_op op;
    troupe_ref ref;            // STOP without an id
    const char *id;            // START: the child's; or NULL
    const troupe_child *child; // START; NULL: as the template is
};

extern troupe_type trp_type_request;

// Builds an envelope with room for a body, zeroed, and for `bytes` behind it: at *room, aligned to
// 16. Errors set the text.
troupe_status trp_request_envelope(struct troupe_ctx *ctx, troupe_type *type, enum trp_kind kind,
                                   size_t bytes, struct trp_envelope **envelope, void **body,
                                   void **room);

// Measures what a copy of a child's specification needs beside itself. Errors set the text, in the
// name of `function`.
troupe_status trp_child_measure(const char *function, const troupe_child *child, size_t *bytes);

// Copies one that has been measured; `room`: that many bytes, aligned to 16.
void trp_child_copy(const troupe_child *child, troupe_child *copy, void *room);

#endif
