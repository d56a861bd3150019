// Handlers that do not return, when their system stops: it stops by its deadline all the same, and
// finishes when they return. See abandon_test.c.
#include "tests/support/stage.h"

static void stop_in_vain(const char *name, const char *type)
{
    troupe_report report;
    assert_int_equal(troupe_system_stop(stage.system, 40, &report), TROUPE_ETIMEDOUT);
    assert_int_equal(report.refused, 1);
    assert_string_equal(report.who[0].name, name);
    assert_string_equal(report.who[0].message_type, type);
    assert_true(report.who[0].ref.generation != 0);
}

static void a_system_stops_by_its_deadline_and_finishes_later(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        for (int grace = 0; grace < 2; grace++) { // given up before, or by the stop
            stage_open(2, grace ? 5000 : 1);
            troupe_ref ref = stage_spawn(&held_behavior, i ? TROUPE_ON_POOL : TROUPE_ON_THREAD, 0);
            for (int k = 0; k < 10; k++)
                assert_int_equal(
                    troupe_spawn_wait(stage.ctx, &bystander_behavior, NULL, NULL, NULL, NULL),
                    TROUPE_OK);
            stage_hold(ref);
            stop_in_vain("held", "Hold");
            assert_int_equal(atomic_load(&stage.child_ends), 10);
            assert_int_equal(atomic_load(&stage.deferred), 0);
            stage_release();
            books_await_balance(&stage.books);
            assert_int_equal(atomic_load(&stage.deferred), 1);
            assert_string_equal(stale_calls_refused(&stage.calls), "");
        }
    }
}

static _Atomic bool busy;

// Never at rest: it is hardly ever found outside of the runtime.
static troupe_status busy_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state, (void)msg;
    sem_post(&stage.gate.arrived);
    while (atomic_load(&busy))
        troupe_name(ctx);
    return TROUPE_OK;
}

static const troupe_behavior busy_behavior = {.name = "busy", .receive = busy_receive};

static void a_handler_that_calls_all_the_time_is_given_up_too(void **state)
{
    (void)state;
    stage_open(2, 5000);
    atomic_store(&busy, true);
    troupe_ref ref = stage_spawn(&busy_behavior, TROUPE_ON_THREAD, 0);
    troupe_send(stage.ctx, ref, Query);
    gate_await(&stage.gate);
    stop_in_vain("busy", "Query");
    atomic_store(&busy, false);
    books_await_balance(&stage.books);
}

static void a_stop_kills_the_children_of_what_it_gives_up(void **state)
{
    (void)state;
    stage_open(2, 5000);
    troupe_ref ref = stage_spawn(&parent_behavior, TROUPE_ON_THREAD, 0);
    stage_hold(ref);
    stop_in_vain("parent", "Hold");
    stage_release();
    books_await_balance(&stage.books);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_system_stops_by_its_deadline_and_finishes_later),
        cmocka_unit_test(a_handler_that_calls_all_the_time_is_given_up_too),
        cmocka_unit_test(a_stop_kills_the_children_of_what_it_gives_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
