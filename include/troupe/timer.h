// Timers: a message later, once or again and again.
#ifndef TROUPE_TIMER_H
#define TROUPE_TIMER_H

#include <troupe/actor.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct troupe_timer {
    uint64_t opaque[2];
} troupe_timer;

// Milliseconds in nanoseconds; less than nothing is nothing, more than fits is for ever.
static inline uint64_t troupe_ms_in_ns(int64_t ms)
{
    if (ms <= 0)
        return 0;
    return (uint64_t)ms < UINT64_MAX / 1000000u ? (uint64_t)ms * 1000000u : UINT64_MAX;
}

// Sends a message to `to` after `delay_ms` (0 or less: as soon as can be), never early. The message
// is copied now. The timer belongs to the running incarnation and ends with it; outside: to the
// system. `timer` is a `troupe_timer *` or NULL. Follows Erlang's send_after/3. Errors: as
// troupe_send; a target that is dead when the time comes makes a dead letter. Outside too.
#define troupe_after(ctx, delay_ms, to, timer, ...)                                  \
    troupe_timer_body((ctx), troupe_ms_in_ns((int64_t)(delay_ms)), 0, (to), (timer), \
                      TROUPE_TYPE_OF_(__VA_ARGS__), TROUPE_BODY_OF_(__VA_ARGS__))

// troupe_after at a moment of the system's clock, see troupe_now_ns; a past one is now.
#define troupe_at(ctx, at_ns, to, timer, ...)                                         \
    troupe_timer_at_body((ctx), (at_ns), (to), (timer), TROUPE_TYPE_OF_(__VA_ARGS__), \
                         TROUPE_BODY_OF_(__VA_ARGS__))

// Sends the message every `period_ms` (at least 1), first after one period. A tick that comes while
// the one before still waits in the target's mailbox is left out: ticks never pile up. Ends with
// its target; the tick that finds it dead is a dead letter.
#define troupe_every(ctx, period_ms, to, timer, ...)                                            \
    troupe_every_body((ctx), (int64_t)(period_ms), (to), (timer), TROUPE_TYPE_OF_(__VA_ARGS__), \
                      TROUPE_BODY_OF_(__VA_ARGS__))

// troupe_after and troupe_every in nanoseconds, to the 0.3 ms: `period_ns` 0 is once.
TROUPE_API troupe_status troupe_timer_body(troupe_ctx *ctx, uint64_t delay_ns, uint64_t period_ns,
                                           troupe_ref to, troupe_timer *timer, troupe_type *type,
                                           const void *body);
TROUPE_API troupe_status troupe_timer_at_body(troupe_ctx *ctx, uint64_t at_ns, troupe_ref to,
                                              troupe_timer *timer, troupe_type *type,
                                              const void *body);

// troupe_every as a function.
TROUPE_API troupe_status troupe_every_body(troupe_ctx *ctx, int64_t period_ms, troupe_ref to,
                                           troupe_timer *timer, troupe_type *type,
                                           const void *body);

// Cancels a timer of the running actor; outside: one that was started outside. For a timer to
// oneself it is exact: after TROUPE_OK the message is not handled, even if it waited already.
// For a periodic timer to somebody else, TROUPE_OK may leave one tick on its way.
// TROUPE_EALREADY: its message was sent (to oneself: handled), or it was cancelled before.
// Outside too.
TROUPE_API troupe_status troupe_timer_cancel(troupe_ctx *ctx, troupe_timer timer);

#ifdef __cplusplus
}
#endif

#endif
