// The timing wheel: arm, cancel and expire with a million timers. Prints name=value lines.
#include "scheduler/wheel.h"

#include "base/clock.h"
#include "base/random.h"
#include "base/slab.h"

#include <stdio.h>
#include <stdlib.h>

#define TIMERS 1000000U

static double per_timer(uint64_t start)
{
    return (double)(trp_clock_now(&trp_real_clock) - start) / TIMERS;
}

int main(void)
{
    struct trp_wheel *wheel = trp_wheel_new(&trp_default_allocator, 0);
    struct trp_timer *timers = calloc(TIMERS, sizeof *timers);
    uint64_t *deadlines = calloc(TIMERS, sizeof *deadlines);
    if (!wheel || !timers || !deadlines)
        return 1;
    struct trp_random random;
    trp_random_init(&random, 1);
    uint64_t last = UINT64_C(60000) * TRP_NS_PER_MS;
    for (uint32_t i = 0; i < TIMERS; i++)
        deadlines[i] = trp_random_next(&random) % last;

    for (int round = 0; round < 2; round++) { // the first one touches the memory
        uint64_t start = trp_clock_now(&trp_real_clock);
        for (uint32_t i = 0; i < TIMERS; i++) {
            trp_wheel_lock(wheel);
            trp_wheel_arm(wheel, &timers[i], deadlines[i]);
            trp_wheel_unlock(wheel);
        }
        double arm = per_timer(start);
        start = trp_clock_now(&trp_real_clock);
        for (uint32_t i = 0; i < TIMERS; i++) {
            trp_wheel_lock(wheel);
            trp_wheel_cancel(wheel, &timers[i]);
            trp_wheel_unlock(wheel);
        }
        if (round == 1)
            printf("wheel_arm_ns=%.1f\nwheel_cancel_ns=%.1f\n", arm, per_timer(start));
    }

    uint64_t start = trp_clock_now(&trp_real_clock);
    for (uint32_t i = 0; i < TIMERS; i++) { // one timer, as a timeout that never comes
        trp_wheel_lock(wheel);
        trp_wheel_arm(wheel, &timers[0], deadlines[i]);
        trp_wheel_cancel(wheel, &timers[0]);
        trp_wheel_unlock(wheel);
    }
    printf("wheel_arm_cancel_ns=%.1f\n", per_timer(start));

    for (uint32_t i = 0; i < TIMERS; i++)
        trp_wheel_arm(wheel, &timers[i], deadlines[i]);
    start = trp_clock_now(&trp_real_clock);
    uint32_t expired = 0;
    for (uint64_t now = 0; expired < TIMERS; now += TRP_WHEEL_TICK_NS) {
        for (;;) {
            trp_wheel_lock(wheel);
            struct trp_timer *timer = trp_wheel_expire(wheel, now);
            trp_wheel_unlock(wheel);
            if (!timer)
                break;
            expired++;
        }
    }
    printf("wheel_expire_ns=%.1f\n", per_timer(start));
    trp_wheel_free(wheel);
    free(timers);
    free(deadlines);
    return 0;
}
