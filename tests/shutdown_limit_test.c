// How long who is told to stop may take before it is killed, by default: 5000 ms of the virtual
// clock, and not a nanosecond less. A child that is told to stop and has not run yet is one that
// has not stopped; time passes while it waits for its turn.
#include "tests/support/tree.h"

#define LIMIT_NS UINT64_C(5000000000)
#define TICK_NS  UINT64_C(1000000) // timers may be that late

static const troupe_child a_and_b[] = {PUPPET("a"), PUPPET("b")};

// ---- Who is told to stop, by whom: "b" in the end

static void stop_supervisor(struct world *world)
{
    troupe_stop(world->ctx, tree_start_owned(world, &(troupe_supervisor){TREE(a_and_b)}));
}

static void stop_dynamic_supervisor(struct world *world)
{
    static const troupe_child template = {.behavior = &puppet_behavior, .id = "b"};
    troupe_ref top = tree_start_dynamic(world, &template);
    (void)tree_add(world, top);
    troupe_stop(world->ctx, top);
}

static void stop_child(struct world *world)
{
    troupe_ref top = tree_start_owned(world, &(troupe_supervisor){TREE(a_and_b)});
    assert_int_equal(troupe_stop_child(world->ctx, top, 0, NULL, NULL, "b"), TROUPE_OK);
}

static void fail_in_group(struct world *world)
{
    troupe_supervisor spec = {.strategy = TROUPE_ONE_FOR_ALL, TREE(a_and_b)};
    troupe_ref top = tree_start_owned(world, &spec);
    world_tell(world, tree_child(world, top, "a"), puppet_fail, broken);
}

static troupe_status have_child(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)arg;
    puppet->other = puppet_spawn(ctx, "b", NULL, NULL);
    return TROUPE_OK;
}

static void stop_owner(struct world *world)
{
    troupe_ref owner = world_spawn(world, "owner", have_child, NULL);
    world_sync(world, owner);
    world_settle(world);
    troupe_stop(world->ctx, owner);
}

// ---- Time

// Runs until "b" has been told to stop, which arms the timer of its limit. Nothing else has one.
static void run_until_told(struct world *world)
{
    uint64_t due, began = world->driver.sim->now;
    while ((due = trp_system_next_deadline(world->system)) == TRP_NEVER)
        assert_true(trp_driver_step(&world->driver));
    assert_int_equal(world->driver.sim->now, began);
    assert_true(due >= began + LIMIT_NS && due < began + LIMIT_NS + TICK_NS);
}

// Two are runnable: runs the one that came last.
static void run_latest(struct world *world)
{
    struct trp_random ahead = world->driver.sim->random;
    while (trp_random_below(&ahead, 2) != 1) {
        (void)trp_random_next(&world->driver.sim->random);
        ahead = world->driver.sim->random;
    }
    assert_true(trp_driver_step(&world->driver));
}

static void stops_in_time(struct world *world, void (*begin)(struct world *world))
{
    begin(world);
    run_until_told(world);
    world->driver.sim->now += LIMIT_NS - 1;
    world_settle(world);
    assert_int_equal(world_heard(world, "b", "stop shutdown"), 1);
}

static void is_killed(struct world *world, void (*begin)(struct world *world))
{
    begin(world);
    run_until_told(world);
    world->driver.sim->now = trp_system_next_deadline(world->system);
    assert_true(trp_driven_expire(world->system->scheduler)); // which wakes who waits
    run_latest(world);
    world_settle(world);
    assert_int_equal(world_heard(world, "b", "stop shutdown"), 0);
}

#define LIMIT(begin)                         \
    WORLD_STORY_DRIVEN(in_time_##begin)      \
    {                                        \
        stops_in_time(world, begin);         \
    }                                        \
    WORLD_STORY_DRIVEN(at_the_limit_##begin) \
    {                                        \
        is_killed(world, begin);             \
    }

LIMIT(stop_supervisor)
LIMIT(stop_dynamic_supervisor)
LIMIT(stop_child)
LIMIT(fail_in_group)
LIMIT(stop_owner)

// ---- No limit

WORLD_STORY_DRIVEN(a_supervisor_has_no_limit_by_default)
{
    static const troupe_supervisor inner = {.children = a_and_b, .child_count = COUNT(a_and_b)};
    static const troupe_child children[] = {
        {.id = "inner", .supervisor = &inner, .shutdown_ms = 0}};
    troupe_ref top = tree_start_owned(world, &(troupe_supervisor){TREE(children)});
    world_watch(world, "witness", tree_child(world, top, "inner"), TROUPE_ON_STOP);
    troupe_stop(world->ctx, top);
    run_until_told(world); // the limit of "b": none was armed for "inner"
    world_settle(world);
    world_expect(world, "witness", "down stop 1 shutdown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_time_stop_supervisor),
        cmocka_unit_test(at_the_limit_stop_supervisor),
        cmocka_unit_test(in_time_stop_dynamic_supervisor),
        cmocka_unit_test(at_the_limit_stop_dynamic_supervisor),
        cmocka_unit_test(in_time_stop_child),
        cmocka_unit_test(at_the_limit_stop_child),
        cmocka_unit_test(in_time_fail_in_group),
        cmocka_unit_test(at_the_limit_fail_in_group),
        cmocka_unit_test(in_time_stop_owner),
        cmocka_unit_test(at_the_limit_stop_owner),
        cmocka_unit_test(a_supervisor_has_no_limit_by_default),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
