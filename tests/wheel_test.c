// The timing wheel, against a model: a list that is searched for what is due.
#include "base/clock.h"
#include "base/random.h"
#include "base/slab.h"
#include "scheduler/wheel.h"
#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>

#define TICK TRP_WHEEL_TICK_NS

struct fixture {
    struct trp_wheel *wheel;
    struct trp_timer timers[4];
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    fixture->wheel = trp_wheel_new(&trp_default_allocator, 0);
    *state = fixture;
    return fixture->wheel ? 0 : -1;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    trp_wheel_free(fixture->wheel);
    free(fixture);
    return 0;
}

static void a_timer_expires_at_its_tick_and_not_before(void **state)
{
    struct fixture *f = *state;
    assert_true(trp_wheel_next(f->wheel) == TRP_NEVER);
    trp_wheel_arm(f->wheel, &f->timers[0], 10 * TICK + 1); // rounded up to tick 11
    assert_true(trp_wheel_next(f->wheel) == 11 * TICK);
    assert_null(trp_wheel_expire(f->wheel, 11 * TICK - 1));
    assert_ptr_equal(trp_wheel_expire(f->wheel, 11 * TICK), &f->timers[0]);
    assert_null(trp_wheel_expire(f->wheel, 11 * TICK));
    assert_true(trp_wheel_next(f->wheel) == TRP_NEVER);
}

static void a_deadline_in_the_past_expires_at_the_next_poll(void **state)
{
    struct fixture *f = *state;
    assert_null(trp_wheel_expire(f->wheel, 1000 * TICK));
    trp_wheel_arm(f->wheel, &f->timers[0], 5 * TICK);
    trp_wheel_arm(f->wheel, &f->timers[1], 0);
    assert_true(trp_wheel_next(f->wheel) == 0);
    assert_ptr_equal(trp_wheel_expire(f->wheel, 1000 * TICK), &f->timers[0]);
    assert_ptr_equal(trp_wheel_expire(f->wheel, 1000 * TICK), &f->timers[1]);
}

static void a_cancelled_timer_does_not_expire(void **state)
{
    struct fixture *f = *state;
    assert_false(trp_wheel_cancel(f->wheel, &f->timers[0])); // never armed
    trp_wheel_arm(f->wheel, &f->timers[0], 70 * TICK);
    assert_true(trp_wheel_cancel(f->wheel, &f->timers[0]));
    assert_false(trp_wheel_cancel(f->wheel, &f->timers[0]));
    assert_true(trp_wheel_next(f->wheel) == TRP_NEVER);
    assert_null(trp_wheel_expire(f->wheel, 100 * TICK));
    trp_wheel_arm(f->wheel, &f->timers[0], 200 * TICK); // may be armed again
    assert_ptr_equal(trp_wheel_expire(f->wheel, 200 * TICK), &f->timers[0]);
    assert_false(trp_wheel_cancel(f->wheel, &f->timers[0])); // expired
}

static void one_that_is_due_can_still_be_cancelled(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 3; i++)
        trp_wheel_arm(f->wheel, &f->timers[i], 3 * TICK);
    assert_ptr_equal(trp_wheel_expire(f->wheel, 3 * TICK), &f->timers[0]);
    assert_true(trp_wheel_cancel(f->wheel, &f->timers[1]));
    assert_ptr_equal(trp_wheel_expire(f->wheel, 3 * TICK), &f->timers[2]);
    assert_null(trp_wheel_expire(f->wheel, 3 * TICK));
}

static void any_of_those_that_are_due_at_once_can_be_taken(void **state)
{
    struct fixture *f = *state;
    for (uint32_t i = 0; i < 3; i++)
        trp_wheel_arm(f->wheel, &f->timers[i], 10 * TICK);
    trp_wheel_arm(f->wheel, &f->timers[3], 12 * TICK);
    assert_int_equal(trp_wheel_due(f->wheel, 10 * TICK - 1), 0);
    assert_int_equal(trp_wheel_due(f->wheel, 20 * TICK), 3); // the later one is not at once
    assert_ptr_equal(trp_wheel_expire_at(f->wheel, 1), &f->timers[1]);
    assert_int_equal(trp_wheel_due(f->wheel, 20 * TICK), 2);
    assert_ptr_equal(trp_wheel_expire_at(f->wheel, 1), &f->timers[2]);
    assert_ptr_equal(trp_wheel_expire_at(f->wheel, 0), &f->timers[0]);
    assert_true(trp_wheel_next(f->wheel) == 12 * TICK);
    assert_int_equal(trp_wheel_due(f->wheel, 20 * TICK), 1);
    assert_ptr_equal(trp_wheel_expire_at(f->wheel, 0), &f->timers[3]);
    assert_int_equal(trp_wheel_due(f->wheel, 20 * TICK), 0);
    assert_true(trp_wheel_next(f->wheel) == TRP_NEVER);
}

static void timers_of_one_tick_keep_the_order_of_arming_across_cascades(void **state)
{
    struct fixture *f = *state;
    uint64_t deadline = (64 * 64 + 130) * TICK;
    trp_wheel_arm(f->wheel, &f->timers[0], deadline); // level 2
    assert_null(trp_wheel_expire(f->wheel, (64 * 64 + 1) * TICK));
    trp_wheel_arm(f->wheel, &f->timers[1], deadline); // level 1
    assert_null(trp_wheel_expire(f->wheel, (64 * 64 + 129) * TICK));
    trp_wheel_arm(f->wheel, &f->timers[2], deadline - 1); // level 0, rounded up to the same tick
    for (int i = 0; i < 3; i++)
        assert_ptr_equal(trp_wheel_expire(f->wheel, deadline), &f->timers[i]);
}

static void deadlines_far_away_are_kept(void **state)
{
    struct fixture *f = *state;
    uint64_t century = UINT64_C(100) * 365 * 86400 * 1000000000;
    trp_wheel_arm(f->wheel, &f->timers[0], TRP_NEVER);
    trp_wheel_arm(f->wheel, &f->timers[1], century);
    trp_wheel_arm(f->wheel, &f->timers[2], TRP_NEVER - 1);
    assert_null(trp_wheel_expire(f->wheel, century - 1));
    assert_true(trp_wheel_first(f->wheel) >= century);
    assert_true(trp_wheel_first(f->wheel) < century + TICK);
    assert_ptr_equal(trp_wheel_expire(f->wheel, century + TICK), &f->timers[1]);
    assert_null(trp_wheel_expire(f->wheel, TRP_NEVER - 1));
    assert_true(trp_wheel_cancel(f->wheel, &f->timers[0]));
    assert_true(trp_wheel_cancel(f->wheel, &f->timers[2]));
    assert_true(trp_wheel_next(f->wheel) == TRP_NEVER);
}

// ---- The model

#define TIMERS 300
#define STEPS  200000

struct model_timer {
    struct trp_timer timer; // first
    bool armed;
    uint64_t tick; // effective: not before the tick that was reached when it was armed
    uint64_t order;
};

struct model {
    struct trp_wheel *wheel;
    struct trp_random random;
    struct model_timer timers[TIMERS];
    uint64_t now;
    uint64_t order;
    uint64_t expired;
};

static uint64_t tick_of(uint64_t time)
{
    return time / TICK + (time % TICK != 0);
}

static struct model_timer *model_first(struct model *model)
{
    struct model_timer *first = NULL;
    for (int i = 0; i < TIMERS; i++) {
        struct model_timer *timer = &model->timers[i];
        if (timer->armed && (!first || timer->tick < first->tick ||
                             (timer->tick == first->tick && timer->order < first->order)))
            first = timer;
    }
    return first;
}

static void expire_all(struct model *model)
{
    for (;;) {
        struct model_timer *expected = model_first(model);
        bool due = expected && expected->tick <= model->now / TICK;
        uint64_t next = trp_wheel_next(model->wheel);
        assert_true(!due || next <= model->now);
        assert_true(!expected || next <= expected->tick * TICK);
        assert_int_equal(expected == NULL, next == TRP_NEVER);
        struct trp_timer *timer = trp_wheel_expire(model->wheel, model->now);
        if (!due) {
            assert_null(timer);
            return;
        }
        assert_ptr_equal(timer, &expected->timer);
        assert_true(timer->deadline <= model->now);
        expected->armed = false;
        model->expired++;
    }
}

static void touch(struct model *model)
{
    struct model_timer *timer = &model->timers[trp_random_below(&model->random, TIMERS)];
    if (timer->armed) {
        assert_true(trp_wheel_cancel(model->wheel, &timer->timer));
        timer->armed = false;
        return;
    }
    assert_false(trp_wheel_cancel(model->wheel, &timer->timer));
    // All magnitudes of delays, some in the past.
    uint64_t delay = trp_random_next(&model->random) >> (20 + trp_random_below(&model->random, 40));
    bool past = trp_random_below(&model->random, 8) == 0 && delay < model->now;
    uint64_t deadline = past ? model->now - delay : trp_deadline(model->now, delay);
    trp_wheel_arm(model->wheel, &timer->timer, deadline);
    uint64_t reached = model->now / TICK;
    timer->armed = true;
    timer->tick = tick_of(deadline) > reached ? tick_of(deadline) : reached;
    timer->order = model->order++;
}

static void random_use_agrees_with_a_sorted_list(void **state)
{
    (void)state;
    struct model *model = calloc(1, sizeof *model);
    assert_non_null(model);
    trp_random_init(&model->random, 7);
    model->now = UINT64_C(123456789012345);
    model->wheel = trp_wheel_new(&trp_default_allocator, model->now);
    for (int step = 0; step < STEPS; step++) {
        if (trp_random_below(&model->random, 4) != 0) {
            touch(model);
            continue;
        }
        model->now +=
            trp_random_next(&model->random) >> (26 + trp_random_below(&model->random, 38));
        expire_all(model);
        uint64_t first = trp_wheel_first(model->wheel);
        struct model_timer *expected = model_first(model);
        assert_true(first == (expected ? expected->tick * TICK : TRP_NEVER));
    }
    assert_true(model->expired > STEPS / 100);
    trp_wheel_free(model->wheel);
    free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_timer_expires_at_its_tick_and_not_before, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_deadline_in_the_past_expires_at_the_next_poll, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_cancelled_timer_does_not_expire, setup, teardown),
        cmocka_unit_test_setup_teardown(one_that_is_due_can_still_be_cancelled, setup, teardown),
        cmocka_unit_test_setup_teardown(any_of_those_that_are_due_at_once_can_be_taken, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(timers_of_one_tick_keep_the_order_of_arming_across_cascades,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(deadlines_far_away_are_kept, setup, teardown),
        cmocka_unit_test(random_use_agrees_with_a_sorted_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
