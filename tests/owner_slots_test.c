// Children that have ended give their slots back, though their owner does not wait for them and
// does nothing but spawn.
#include "actors/system.h"
#include "tests/support/world.h"

#define CHILDREN 3000

static troupe_status stop_at_once(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)ctx, (void)state, (void)msg;
    return TROUPE_STOP;
}

static const troupe_behavior brief = {.name = "brief", .receive = stop_at_once};

static troupe_status spawn_one(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet, (void)arg;
    troupe_ref ref;
    WORLD_CHECK(troupe_spawn(ctx, &brief, NULL, &ref) == TROUPE_OK);
    return troupe_send(ctx, ref, Sync);
}

static void slots_are_used_again(void **state)
{
    (void)state;
    struct trp_driver driver;
    troupe_ref owner;
    troupe_report report;
    assert_int_equal(trp_driver_start(&driver, 1, NULL), TROUPE_OK);
    troupe_ctx *ctx = troupe_outside(driver.system);
    assert_int_equal(troupe_spawn(ctx, &puppet_behavior, NULL, &owner), TROUPE_OK);
    for (int i = 0; i < CHILDREN; i++) {
        troupe_send(ctx, owner, Do, .fn = spawn_one);
        trp_driver_settle(&driver);
    }
    assert_in_range(atomic_load(&driver.system->slots.count), 1, CHILDREN / 10);
    assert_int_equal(trp_driver_stop(&driver, TROUPE_NO_LIMIT, &report), TROUPE_OK);
    assert_int_equal(report.stats.ended, CHILDREN + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slots_are_used_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
