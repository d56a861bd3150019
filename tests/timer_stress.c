// Timers on several workers: each actor arms short ones and cancels some of them at about the
// moment when they fire. A timer to oneself that was cancelled in time is never handled, every
// other one exactly once.
#include "tests/support/test.h"

#include <string.h>
#include <troupe.h>

#define ACTORS  64
#define TIMERS  2000
#define PENDING 16

struct fired {
    uint32_t number;
};

TROUPE_STRUCT(Fired, struct fired);
TROUPE_EMPTY(Round);

enum fate { NONE, ARMED, CANCELLED, HANDLED };

struct armer {
    troupe_timer timers[PENDING];
    uint32_t numbers[PENDING]; // which timer is at that place
    uint8_t fates[TIMERS];
    uint32_t armed, handled, cancelled, too_late;
};

static troupe_status go_on(troupe_ctx *ctx, struct armer *armer)
{
    return armer->handled + armer->cancelled == TIMERS ? TROUPE_STOP
                                                       : troupe_send(ctx, troupe_self(ctx), Round);
}

// Cancels what is at a place, which may have fired or been cancelled, and arms the next one there.
static troupe_status replace(troupe_ctx *ctx, struct armer *armer, uint32_t place)
{
    uint32_t old = armer->numbers[place];
    if (armer->armed >= PENDING && troupe_random(ctx) % 2 == 0) {
        troupe_status status = troupe_timer_cancel(ctx, armer->timers[place]);
        bool was_armed = armer->fates[old] == ARMED;
        if ((status == TROUPE_OK) != was_armed) // exact: pending exactly if it was not handled
            return troupe_fail(ctx, TROUPE_EUSER, "timer %u: %s", old, troupe_status_name(status));
        if (status == TROUPE_OK) {
            armer->fates[old] = CANCELLED;
            armer->cancelled++;
        } else {
            armer->too_late++;
        }
    }
    if (armer->armed == TIMERS)
        return TROUPE_OK;
    uint32_t number = armer->armed++;
    armer->numbers[place] = number;
    armer->fates[number] = ARMED;
    return troupe_timer_body(ctx, troupe_random(ctx) % 2000000, 0, troupe_self(ctx),
                             &armer->timers[place], TROUPE_TYPE(Fired), &(struct fired){number});
}

static troupe_status receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    struct armer *armer = state;
    const struct fired *fired = troupe_match(msg, Fired);
    if (fired) {
        if (armer->fates[fired->number] != ARMED)
            return troupe_fail(ctx, TROUPE_EUSER, "timer %u fired again, or after its cancel",
                               fired->number);
        armer->fates[fired->number] = HANDLED;
        armer->handled++;
        return TROUPE_OK;
    }
    uint32_t place = (uint32_t)(troupe_random(ctx) % PENDING);
    if (armer->armed < PENDING)
        place = armer->armed;
    troupe_status status = replace(ctx, armer, place);
    return status == TROUPE_OK ? go_on(ctx, armer) : status;
}

static const troupe_behavior behavior = {
    .name = "armer", .state_size = sizeof(struct armer), .receive = receive};

static void a_timer_is_either_cancelled_or_handled_once(void **state)
{
    (void)state;
    troupe_system *system;
    troupe_ref refs[ACTORS];
    assert_int_equal(troupe_system_start(&(troupe_system_opts){.workers = 16}, &system), TROUPE_OK);
    troupe_ctx *ctx = troupe_outside(system);
    for (int i = 0; i < ACTORS; i++) {
        assert_int_equal(troupe_spawn(ctx, &behavior, NULL, &refs[i]), TROUPE_OK);
        assert_int_equal(troupe_send(ctx, refs[i], Round), TROUPE_OK);
    }
    assert_int_equal(troupe_system_wait(system, TROUPE_NO_LIMIT), TROUPE_OK);
    troupe_report report;
    assert_int_equal(troupe_system_stop(system, 0, &report), TROUPE_OK);
    assert_int_equal(report.stats.failures, 0);
    assert_int_equal(report.stats.ended, ACTORS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_timer_is_either_cancelled_or_handled_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
