// Cancelling a timer against its expiry, under chosen interleavings: exactly one of both wins, what
// the winner says is so, and the record is freed once. The actor that cancels runs on a worker of
// the test's own; the wheel is looked at by another thread, as by another worker.
#include "actors/timer.h"
#include "tests/support/hands.h"
#include "tests/support/test.h"

#include <string.h>

#define FOR_EVER UINT64_C(1000000000000000)

struct game {
    struct hands hands;
    troupe_ref owner, other;
    uint64_t period_ms;
    bool to_self;
    bool ends;       // the owner ends instead of cancelling
    bool late;       // it is told to cancel by another thread outside
    bool cancelled;  // troupe_timer_cancel said so
    int ticks;       // handled
    int ticks_after; // handled after it was cancelled
    int won, lost;   // over all runs
    int expiries;    // how often the wheel is looked at
};

static struct game only, *const game = &only;

TROUPE_EMPTY(Arm);
TROUPE_EMPTY(Cancel);
TROUPE_EMPTY(Tick);

static troupe_status owner_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    troupe_timer *timer = state;
    troupe_ref to = game->to_self ? troupe_self(ctx) : game->other;
    if (troupe_match(msg, Arm)) {
        if (game->period_ms)
            return troupe_every(ctx, game->period_ms, to, timer, Tick);
        return troupe_after(ctx, 1, to, timer, Tick);
    }
    if (troupe_match(msg, Tick)) {
        game->ticks++;
        game->ticks_after += game->cancelled;
        return TROUPE_OK;
    }
    if (game->ends)
        return TROUPE_STOP;
    game->cancelled = troupe_timer_cancel(ctx, *timer) == TROUPE_OK;
    return TROUPE_OK;
}

static troupe_status other_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)ctx, (void)state, (void)msg;
    game->ticks++;
    return TROUPE_OK;
}

static const troupe_behavior owner = {
    .name = "owner", .state_size = sizeof(troupe_timer), .receive = owner_receive};
static const troupe_behavior other = {.name = "other", .receive = other_receive};

static void setup(void *user)
{
    (void)user;
    hands_open(&game->hands, 1, NULL, game->late ? 2 : 1);
    troupe_ctx *ctx = game->hands.ctx;
    game->ticks = game->ticks_after = 0;
    game->cancelled = false;
    TRP_EXPECT(troupe_spawn(ctx, &owner, NULL, &game->owner) == TROUPE_OK);
    TRP_EXPECT(troupe_spawn(ctx, &other, NULL, &game->other) == TROUPE_OK);
    troupe_send(ctx, game->owner, Arm);
    hands_settle(&game->hands);
    if (!game->late)
        troupe_send(ctx, game->owner, Cancel); // runs when a hand takes it
}

static void work(void *user)
{
    (void)user;
    hands_work(&game->hands, 0);
}

static void tell_to_cancel(void *user)
{
    (void)user;
    troupe_send(game->hands.ctx, game->owner, Cancel);
    hands_leave(&game->hands);
}

// What a worker does that finds timers due, in a time in which all of them are.
static void expire(void *user)
{
    (void)user;
    struct hands *hands = &game->hands;
    struct trp_wheel *wheel = trp_scheduler_wheel(hands->system->scheduler, game->owner.slot);
    for (int i = 0; i < game->expiries; i++) {
        trp_wheel_lock(wheel);
        struct trp_timer *timer = trp_wheel_expire(wheel, FOR_EVER * (uint64_t)(i + 1));
        trp_wheel_unlock(wheel);
        trp_interleave_yield("timer: taken out of the wheel");
        if (timer)
            trp_expire(&hands->hands[1].worker, timer);
    }
    hands_leave(hands);
}

static void close_game(void)
{
    troupe_report report;
    hands_settle(&game->hands);
    hands_close(&game->hands, &report); // no message is lost, and no record
    TRP_EXPECT(report.stats.ended == 2);
    if (game->cancelled)
        game->won++;
    else
        game->lost++;
}

static void check_once(void *user)
{
    (void)user;
    TRP_EXPECT(game->ticks == (game->cancelled ? 0 : 1));
    close_game();
}

static void check_period(void *user)
{
    (void)user;
    TRP_EXPECT(game->cancelled);
    TRP_EXPECT(game->ticks_after == 0);
    TRP_EXPECT(game->ticks <= game->expiries);
    close_game();
}

static void check_end(void *user)
{
    (void)user;
    TRP_EXPECT(game->ticks <= game->expiries);
    close_game();
}

static void explore(const char *name, void (*check)(void *user))
{
    struct trp_interleave test = {
        .name = name,
        .setup = setup,
        .threads = {work, expire},
        .count = 2,
        .check = check,
        .user = game,
        .max_preemptions = TRP_INTERLEAVE_ALL,
        .max_runs = 2000000,
        .windows = {{"timer: cancel, before lock", "timer: expired, before lock"}}};
    if (game->late)
        test.threads[test.count++] = tell_to_cancel;
    if (game->late || game->expiries > 1)
        test.max_preemptions = 4;
    trp_interleave_exhaustive(&test);
    trp_interleave_random(&test, 1, 2000);
}

static void a_cancel_against_the_fire_to_oneself_wins_or_loses_whole(void **state)
{
    (void)state;
    *game = (struct game){.to_self = true, .expiries = 1};
    explore("to oneself, once", check_once);
    assert_true(game->won > 0 && game->lost == 0); // it was told before the message could come
    game->late = true;
    explore("to oneself, once, told late", check_once);
    assert_true(game->lost > 0);
}

static void a_cancel_against_the_fire_to_another_wins_or_loses_whole(void **state)
{
    (void)state;
    *game = (struct game){.to_self = false, .expiries = 1};
    explore("to another, once", check_once);
    assert_true(game->won > 0 && game->lost > 0);
    game->late = true;
    explore("to another, once, told late", check_once);
}

static void no_tick_is_handled_after_its_cancelling(void **state)
{
    (void)state;
    *game = (struct game){.to_self = true, .expiries = 3, .period_ms = 1};
    explore("to oneself, again and again", check_period);
}

static void a_periodic_timer_to_another_ends_with_its_cancelling(void **state)
{
    (void)state;
    *game = (struct game){.to_self = false, .expiries = 3, .period_ms = 1};
    explore("to another, again and again", check_period);
}

static void a_timer_ends_with_its_owner(void **state)
{
    (void)state;
    *game = (struct game){.ends = true};
    for (int kind = 0; kind < 4; kind++) {
        game->to_self = kind & 1;
        game->period_ms = kind & 2 ? 1 : 0;
        game->expiries = kind & 2 ? 3 : 1;
        explore("against the end of the owner", check_end);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cancel_against_the_fire_to_oneself_wins_or_loses_whole),
        cmocka_unit_test(a_cancel_against_the_fire_to_another_wins_or_loses_whole),
        cmocka_unit_test(no_tick_is_handled_after_its_cancelling),
        cmocka_unit_test(a_periodic_timer_to_another_ends_with_its_cancelling),
        cmocka_unit_test(a_timer_ends_with_its_owner),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
