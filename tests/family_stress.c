// Owners that end while their children end on other workers: whoever is last, the owner finds all
// of them gone, once. A child that tells so late may find no owner any more.
#include "tests/support/test.h"
#include "troupe.h"

#define FAMILIES 20000
#define CHILDREN 4

TROUPE_EMPTY(Leave);

static troupe_status leave(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)ctx;
    (void)state;
    (void)msg;
    return TROUPE_STOP;
}

static const troupe_behavior child = {.name = "child", .receive = leave};

// Half of the children leave by themselves, at about the time when the others are told to stop.
static troupe_status parent_init(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    (void)state;
    (void)args;
    for (int i = 0; i < CHILDREN; i++) {
        troupe_ref ref;
        troupe_status status = troupe_spawn(ctx, &child, NULL, &ref);
        if (status == TROUPE_OK && i % 2)
            status = troupe_send(ctx, ref, Leave);
        if (status != TROUPE_OK)
            return status;
    }
    return troupe_send(ctx, troupe_self(ctx), Leave);
}

static const troupe_behavior parent = {.name = "parent", .init = parent_init, .receive = leave};

static void owners_and_children_end_on_several_workers(void **state)
{
    (void)state;
    troupe_system *system;
    troupe_report report;
    const troupe_system_opts opts = {.workers = 4};
    assert_int_equal(troupe_system_start(&opts, &system), TROUPE_OK);
    for (int i = 0; i < FAMILIES; i++)
        assert_int_equal(troupe_spawn(troupe_outside(system), &parent, NULL, NULL), TROUPE_OK);
    assert_int_equal(troupe_system_wait(system, TROUPE_NO_LIMIT), TROUPE_OK);
    assert_int_equal(troupe_system_stop(system, 0, &report), TROUPE_OK);
    assert_int_equal(report.stats.spawned, FAMILIES * (1 + CHILDREN));
    assert_int_equal(report.stats.ended, report.stats.spawned);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(owners_and_children_end_on_several_workers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
