// An actor to which much is attached tells of its end, restart or start in batches, and others get
// a turn in between: however it ends, no single step tells more than a batch.
#include "actors/system.h"
#include "actors/watched.h"
#include "tests/support/tree.h"

#define MONITORS 300

static uint64_t sent(struct world *world)
{
    troupe_stats stats;
    troupe_system_stats(world->system, &stats);
    return stats.sent;
}

// Runs until nothing is runnable, and says what one step has sent at most.
static uint64_t most_in_a_step(struct world *world)
{
    uint64_t most = 0, before = sent(world);
    while (trp_driver_step(&world->driver)) {
        uint64_t now = sent(world);
        most = now - before > most ? now - before : most;
        before = now;
    }
    return most;
}

struct watch {
    troupe_ref target;
    uint32_t events;
};

static troupe_status watch_often(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    const struct watch *watch = arg;
    (void)puppet;
    for (int i = 0; i < MONITORS; i++)
        WORLD_CHECK(troupe_monitor(ctx, watch->target, watch->events, NULL) == TROUPE_OK);
    return TROUPE_OK;
}

static void watch_it(struct world *world, troupe_ref target, uint32_t events)
{
    struct watch watch = {target, events};
    troupe_ref watcher = world_spawn(world, "watcher", NULL, NULL);
    world_do(world, watcher, watch_often, &watch);
    world_settle(world);
}

static void expect_turns(struct world *world, const char *told)
{
    uint64_t most = most_in_a_step(world);
    assert_int_equal(world_heard(world, "watcher", told), MONITORS);
    assert_in_range(most, MONITORS / 10, TRP_WATCHED_BATCH);
}

// ---- An end by a handler, of an actor that nothing else has to be waited for

static troupe_status stop_at_once(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)ctx, (void)state, (void)msg;
    return TROUPE_STOP;
}

static const troupe_behavior simple = {.name = "simple", .receive = stop_at_once};

WORLD_STORY_DRIVEN(an_end_by_a_handler_has_turns)
{
    troupe_ref target;
    assert_int_equal(troupe_spawn(world->ctx, &simple, NULL, &target), TROUPE_OK);
    watch_it(world, target, TROUPE_ON_STOP);
    troupe_send(world->ctx, target, Number, .value = 1);
    expect_turns(world, "down stop 1 normal");
}

WORLD_STORY_DRIVEN(an_end_by_an_order_has_turns)
{
    troupe_ref target = world_spawn(world, "target", NULL, NULL);
    watch_it(world, target, TROUPE_ON_STOP);
    troupe_stop(world->ctx, target);
    expect_turns(world, "down stop 1 shutdown");
}

// ---- Restarts and starts

WORLD_STORY_DRIVEN(a_restart_has_turns)
{
    troupe_ref target = world_supervise(world, "target", NULL);
    watch_it(world, target, TROUPE_ON_RESTART);
    world_tell(world, target, puppet_fail, broken);
    expect_turns(world, "down restart 1 failed: broken");
}

WORLD_STORY_DRIVEN(the_start_after_it_has_turns)
{
    troupe_ref target = world_supervise(world, "target", NULL);
    watch_it(world, target, TROUPE_ON_START);
    world_settle(world);
    world_tell(world, target, puppet_fail, broken);
    expect_turns(world, "down start 2");
}

// The order to look at a signal is taken in one step with the news by which the start is told: what
// was not obeyed then is obeyed when that is over.
WORLD_STORY_DRIVEN(a_signal_that_comes_with_a_start_is_obeyed_after_it)
{
    static const troupe_reason bang = {
        .kind = TROUPE_FAILED, .status = TROUPE_EUSER, .text = "bang"};
    const troupe_child puppet = PUPPET("puppet");
    const troupe_supervisor lower = {
        .max_restarts = TROUPE_NO_RESTARTS, .children = &puppet, .child_count = 1};
    const troupe_child middle = {.id = "lower", .supervisor = &lower};
    const troupe_supervisor spec = {.max_restarts = 1000, .children = &middle, .child_count = 1};
    troupe_ref top = tree_start(world, &spec), target = tree_child(world, top, "lower");
    watch_it(world, target, TROUPE_ON_START);
    world_settle(world);
    world_tell(world, tree_child(world, target, "puppet"), puppet_fail, broken);
    while (world_heard(world, "puppet", "init 1") < 2)
        assert_true(trp_driver_step(&world->driver)); // that of the next lower one
    assert_int_equal(troupe_exit(world->ctx, target, &bang), TROUPE_OK);
    world_settle(world);
    assert_int_equal(troupe_incarnation(world->ctx, target), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_end_by_a_handler_has_turns),
        cmocka_unit_test(an_end_by_an_order_has_turns),
        cmocka_unit_test(a_restart_has_turns),
        cmocka_unit_test(the_start_after_it_has_turns),
        cmocka_unit_test(a_signal_that_comes_with_a_start_is_obeyed_after_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
