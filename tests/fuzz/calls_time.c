// Timers: never early, never twice (but for periodic ones), never after they were cancelled, and
// not for nothing.
#include "tests/fuzz/calls.h"

#define TIMERS 128

static struct timer {
    uint32_t who, incarnation;
    troupe_ref to;
    troupe_timer timer;
    uint64_t due, period; // ns; of the next tick
    uint32_t ticks;
    bool cancelled;
    bool put_aside;       // a tick, which counts as handled
    uint32_t ticks_after; // the cancel
} timers[TIMERS];

static uint32_t timer_count;

static bool is_mine(const struct calls_actor *actor, const struct timer *timer)
{
    return timer->who == actor->who &&
           (actor->who == OUTSIDE || timer->incarnation == actor->state->incarnation);
}

static bool is_to_itself(const struct timer *timer)
{
    return timer->who != OUTSIDE && troupe_ref_equal(timer->to, calls.players[timer->who].ref);
}

static void begin(struct calls_actor *actor, struct fuzz_bytes *script, bool periodic)
{
    uint32_t ms = fuzz_byte(script);
    troupe_ref to =
        ms % 4 == 0 && actor->state ? troupe_self(actor->ctx) : calls_pick(actor, script);
    if (timer_count == TIMERS || calls.calm)
        return;
    struct timer *timer = &timers[timer_count];
    struct calls_tick tick = {.timer = timer_count};
    ms = ms / 2 + periodic * 5;
    *timer =
        (struct timer){.who = actor->who, .to = to, .due = fuzz_now() + ms * UINT64_C(1000000)};
    timer->incarnation = actor->state ? actor->state->incarnation : 0;
    timer->period = periodic ? ms * UINT64_C(1000000) : 0;
    troupe_status status =
        periodic
            ? troupe_every_body(actor->ctx, ms, to, &timer->timer, TROUPE_TYPE(CallsTick), &tick)
            : troupe_timer_at_body(actor->ctx, timer->due, to, &timer->timer,
                                   TROUPE_TYPE(CallsTick), &tick);
    fuzz_trace("%u starts timer %u to %u, %u ms%s: %s", actor->who, timer_count, calls_find(to), ms,
               periodic ? " again and again" : "", troupe_status_name(status));
    // A dead target makes a dead letter when the time comes, or at once.
    CALLS_EXPECT(status, TROUPE_OK, TROUPE_EDEAD, TROUPE_ENOTWIRE);
    timer_count += status == TROUPE_OK;
}

static void cancel_one(struct calls_actor *actor, struct timer *timer)
{
    bool mine = is_mine(actor, timer);
    troupe_status status = troupe_timer_cancel(actor->ctx, timer->timer);
    fuzz_trace("%u cancels timer %td: %s", actor->who, timer - timers, troupe_status_name(status));
    CALLS_EXPECT(status, TROUPE_OK, TROUPE_EALREADY);
    if (status == TROUPE_OK) {
        FUZZ_CHECK(mine && !timer->cancelled && (timer->period || timer->ticks == 0),
                   "%u cancels what is over, or not its own", actor->who);
        timer->cancelled = true;
    } else if (mine && is_to_itself(timer)) {
        FUZZ_CHECK(timer->cancelled || (timer->ticks && !timer->period) || timer->put_aside ||
                       fuzz_memory_failed(),
                   "timer %td has not come, and it is too late", timer - timers);
    }
}

// Mostly one of its own.
static void cancel(struct calls_actor *actor, struct fuzz_bytes *script)
{
    uint32_t dice = fuzz_byte(script);
    for (uint32_t i = timer_count, skip = dice % 4; i-- > 0 && dice < 192;)
        if (is_mine(actor, &timers[i]) && skip-- == 0) {
            cancel_one(actor, &timers[i]);
            return;
        }
    if (timer_count > 0)
        cancel_one(actor, &timers[dice % timer_count]);
}

void calls_end_timers(struct calls_actor *actor)
{
    for (uint32_t i = 0; i < timer_count; i++)
        if (is_mine(actor, &timers[i]) && !timers[i].cancelled &&
            (timers[i].period || timers[i].ticks == 0))
            cancel_one(actor, &timers[i]);
}

void calls_put_tick_aside(const struct calls_tick *tick)
{
    FUZZ_CHECK(tick->timer < timer_count, "timer %u never was", tick->timer);
    timers[tick->timer].put_aside = true;
}

void calls_on_tick(struct calls_actor *actor, const struct calls_tick *tick)
{
    FUZZ_CHECK(tick->timer < timer_count, "timer %u never was", tick->timer);
    struct timer *timer = &timers[tick->timer];
    bool own = is_to_itself(timer);
    fuzz_trace("  %u.%u: tick %u of timer %u", actor->who, actor->state->incarnation,
               timer->ticks + 1, tick->timer);
    FUZZ_CHECK(troupe_ref_equal(timer->to, troupe_self(actor->ctx)), "a tick of another's timer");
    FUZZ_CHECK(fuzz_now() >= timer->due, "timer %u, %llu ns early", tick->timer,
               (unsigned long long)(timer->due - fuzz_now()));
    FUZZ_CHECK(timer->period || timer->ticks == 0, "timer %u again", tick->timer);
    FUZZ_CHECK(!own || is_mine(actor, timer), "a tick of an incarnation that has ended");
    timer->ticks_after += timer->cancelled;
    FUZZ_CHECK(!timer->cancelled || (timer->period && !own && timer->ticks_after == 1),
               "timer %u was cancelled", tick->timer);
    timer->ticks++;
    timer->due += timer->period;
}

void calls_check_timers(void)
{
    for (uint32_t i = 0; i < timer_count; i++) {
        const struct timer *timer = &timers[i];
        uint32_t to = calls_find(timer->to);
        bool lives = timer->who == OUTSIDE || calls_is_here(timer->who, timer->incarnation);
        if (timer->cancelled || !lives || to == OUTSIDE || calls.players[to].supervised ||
            !calls_lives(timer->to) || timer->period)
            continue;
        FUZZ_CHECK(timer->ticks == 1, "timer %u has never come", i);
    }
}

// ---- Commands

void calls_do_time(struct calls_actor *actor, uint32_t command, struct fuzz_bytes *script)
{
    if (command < 2)
        begin(actor, script, command == 1);
    else if (command == 2)
        cancel(actor, script);
}

void calls_forget_timers(void)
{
    timer_count = 0;
}
