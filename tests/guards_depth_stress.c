// Very many children that fail while their group is being started, whose last one cannot be: they
// are looked at one after the other, on a stack that does not grow with their number.
#include "tests/support/gate.h"
#include "tests/support/test.h"
#include "troupe/children.h"
#include "troupe/name.h"
#include "troupe/supervisor.h"
#include "troupe/system.h"

#include <stdio.h>

// Each would take some 40 bytes or more of a stack of 8 MB. ThreadSanitizer has nothing to find
// here, and would take a minute.
#if defined(__SANITIZE_THREAD__)
#    define CHILDREN 20000u
#else
#    define CHILDREN 400000u
#endif

static const char taken[] = "taken";
static sem_t last_started;

TROUPE_EMPTY(Fail);

static troupe_status receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state, (void)msg;
    return troupe_fail(ctx, TROUPE_EUSER, "broken");
}

// The second incarnation fails as soon as it has started; with the third the name is free.
static troupe_status init(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    (void)state, (void)args;
    uint32_t incarnation = troupe_incarnation(ctx, troupe_self(ctx));
    if (incarnation == 3 && !troupe_ref_is_none(troupe_whereis(ctx, taken)))
        (void)troupe_unregister(ctx, taken);
    return incarnation == 2 ? troupe_send(ctx, troupe_self(ctx), Fail) : TROUPE_OK;
}

static troupe_status last_init(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    (void)ctx, (void)state, (void)args;
    sem_post(&last_started);
    return TROUPE_OK;
}

static const troupe_behavior failing = {.name = "failing", .init = init, .receive = receive};
static const troupe_behavior last = {.name = "last", .init = last_init, .receive = receive};

static troupe_child children[CHILDREN];
static char ids[CHILDREN][12];

static troupe_ref start(troupe_ctx *ctx)
{
    const troupe_supervisor spec = {.strategy = TROUPE_ONE_FOR_ALL,
                                    .max_restarts = 4 * CHILDREN,
                                    .within_ms = 3600000,
                                    .children = children,
                                    .child_count = CHILDREN};
    for (uint32_t i = 0; i < CHILDREN; i++) {
        (void)snprintf(ids[i], sizeof ids[i], "%u", i);
        children[i] = (troupe_child){.id = ids[i], .behavior = &failing};
    }
    children[CHILDREN - 1] = (troupe_child){.id = "last", .behavior = &last, .register_as = taken};
    troupe_ref top;
    assert_int_equal(troupe_supervise_wait(ctx, &spec, &top), TROUPE_OK);
    return top;
}

static void many_that_fail_are_looked_at_one_after_the_other(void **state)
{
    (void)state;
    troupe_system *system;
    troupe_report report;
    sem_init(&last_started, 0, 0);
    assert_int_equal(troupe_system_start(&(troupe_system_opts){.workers = 1}, &system), TROUPE_OK);
    troupe_ctx *ctx = troupe_outside(system);
    troupe_ref top = start(ctx), holder, first;
    gate_wait(&last_started);
    assert_int_equal(troupe_stop_child_wait(ctx, top, TROUPE_NO_LIMIT, "last"), TROUPE_OK);
    assert_int_equal(troupe_spawn(ctx, &failing, NULL, &holder), TROUPE_OK);
    assert_int_equal(troupe_register(ctx, taken, holder), TROUPE_OK);
    assert_int_equal(troupe_child_ref(ctx, top, "0", &first), TROUPE_OK);
    assert_int_equal(troupe_send(ctx, first, Fail), TROUPE_OK);
    gate_wait(&last_started);
    assert_int_equal(troupe_system_stop(system, TROUPE_NO_LIMIT, &report), TROUPE_OK);
    assert_false(report.gave_up);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_that_fail_are_looked_at_one_after_the_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
