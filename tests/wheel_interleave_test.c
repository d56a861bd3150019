// Cancelling against expiring: exactly one of them gets the timer, whatever the order of turns.
#include "base/slab.h"
#include "scheduler/wheel.h"
#include "tests/support/interleave.h"
#include "tests/support/test.h"

struct game {
    struct trp_wheel *wheel;
    struct trp_timer timers[2];
    int cancelled[2];
    int expired[2];
};

static void setup(void *user)
{
    struct game *game = user;
    *game = (struct game){.wheel = trp_wheel_new(&trp_default_allocator, 0)};
    trp_wheel_arm(game->wheel, &game->timers[0], 1);
}

static void expire(void *user)
{
    struct game *game = user;
    for (int i = 0; i < 2; i++) {
        trp_interleave_yield("test: about to expire");
        trp_wheel_lock(game->wheel);
        trp_interleave_yield("test: expiring");
        struct trp_timer *timer = trp_wheel_expire(game->wheel, 2 * TRP_WHEEL_TICK_NS);
        trp_wheel_unlock(game->wheel);
        if (timer)
            game->expired[timer - game->timers]++;
    }
}

static void arm_and_cancel(void *user)
{
    struct game *game = user;
    trp_wheel_lock(game->wheel);
    trp_interleave_yield("test: arming");
    trp_wheel_arm(game->wheel, &game->timers[1], TRP_WHEEL_TICK_NS);
    trp_wheel_unlock(game->wheel);
    for (int i = 0; i < 2; i++) {
        trp_interleave_yield("test: about to cancel");
        trp_wheel_lock(game->wheel);
        trp_interleave_yield("test: cancelling");
        game->cancelled[i] += trp_wheel_cancel(game->wheel, &game->timers[i]);
        trp_wheel_unlock(game->wheel);
    }
}

static void check(void *user)
{
    struct game *game = user;
    for (int i = 0; i < 2; i++)
        TRP_EXPECT(game->cancelled[i] + game->expired[i] == 1);
    trp_wheel_free(game->wheel);
}

static void a_timer_is_cancelled_or_expires_never_both(void **state)
{
    (void)state;
    static struct game game;
    const struct trp_interleave test = {.name = "cancel against expire",
                                        .setup = setup,
                                        .threads = {expire, expire, arm_and_cancel},
                                        .count = 3,
                                        .check = check,
                                        .user = &game,
                                        .max_preemptions = 2,
                                        .windows = {{"test: about to cancel", "test: expiring"}}};
    trp_interleave_exhaustive(&test);
    trp_interleave_random(&test, 1, 2000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_timer_is_cancelled_or_expires_never_both),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
