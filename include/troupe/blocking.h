// Blocking calls off the workers: a system call that waits, a library that computes for seconds.
#ifndef TROUPE_BLOCKING_H
#define TROUPE_BLOCKING_H

#include <troupe/ask.h>

#ifdef __cplusplus
extern "C" {
#endif

// Runs on a thread of an elastic pool; may block. Has no ctx: it must not touch the actor's state.
typedef troupe_status (*troupe_blocking_fn)(void *arg);

// Runs `fn(arg)` on a blocking thread and then has `on_outcome` called in this actor, with the
// status that fn returned and neither reply nor reason. `release` (may be NULL) is called with
// `arg` exactly once, on any thread, when neither fn nor on_outcome will use it any more: after
// on_outcome, or instead of it when the actor or the system ends first. A job that has begun is
// never interrupted; one that has not is dropped when the system stops.
// Follows asyncio.to_thread. Errors: TROUPE_EINVAL, TROUPE_ENOMEM, TROUPE_ESYSTEM (no thread),
// TROUPE_ECLOSED (the system is stopping), TROUPE_ENOTSUP outside; then nothing was started and
// release is not called.
TROUPE_API troupe_status troupe_run_blocking(troupe_ctx *ctx, troupe_blocking_fn fn, void *arg,
                                             void (*release)(void *arg),
                                             troupe_on_outcome on_outcome, void *user);

#ifdef __cplusplus
}
#endif

#endif
