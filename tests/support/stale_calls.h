// Every public function that a handler can call, called by one that was given up: those that act
// say TROUPE_ESTALE, or return nothing, and have done nothing; those that look go on; those that
// wait are not for handlers anyway. tests/stale_calls_test.sh checks that none is missing.
#ifndef TESTS_SUPPORT_STALE_CALLS_H
#define TESTS_SUPPORT_STALE_CALLS_H

#include "troupe/message.h"

#include <stdatomic.h>

struct stale_calls {
    _Atomic unsigned made;
    _Atomic(const char *) refused; // the first that did not do as it should, as it is written
};

// Whom they turn to: a live supervisor that is called TARGET and has a CHILD. Nobody has the NAME.
#define STALE_CALLS_TARGET "target"
#define STALE_CALLS_CHILD  "target's child"
#define STALE_CALLS_NAME   "stale"

// `msg`: the message that is being handled.
void stale_calls_make(troupe_ctx *ctx, const troupe_msg *msg, troupe_ref target,
                      struct stale_calls *calls);

// Returns the first call that did not do as it should; "": all did.
const char *stale_calls_refused(const struct stale_calls *calls);

#endif
