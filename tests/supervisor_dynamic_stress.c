// A simple one for one supervisor with very many children: each start, failure, stop by ref and end
// costs the same however many there are, or this does not come to its end in time; and they are
// stopped together so that others get turns in between.
#include "tests/support/tree.h"

#define CHILDREN 200000

struct seed {
    unsigned number;
};

TROUPE_STRUCT(Seed, struct seed);
TROUPE_EMPTY(Fall);

static _Atomic unsigned started, stopped, restarted;
static _Atomic unsigned turns, first_turn, last_turn; // of another actor; when the children stop

static troupe_status sprout(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    const struct seed *seed = troupe_match(args, Seed);
    (void)state;
    WORLD_CHECK(seed != NULL && seed->number < CHILDREN);
    if (troupe_incarnation(ctx, troupe_self(ctx)) > 1)
        restarted++;
    started++;
    return TROUPE_OK;
}

static troupe_status wait_for_fall(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    if (troupe_match(msg, Fall))
        return troupe_fail(ctx, TROUPE_EUSER, "fallen");
    return TROUPE_UNHANDLED;
}

static void wither(troupe_ctx *ctx, void *state, const troupe_reason *why)
{
    (void)ctx;
    (void)state;
    if (stopped == 0)
        first_turn = turns;
    last_turn = turns;
    stopped += why->kind == TROUPE_SHUTDOWN;
}

static const troupe_behavior sapling_behavior = {
    .name = "sapling", .init = sprout, .receive = wait_for_fall, .stop = wither};

static void expect_count(troupe_ctx *ctx, troupe_ref top, size_t children)
{
    troupe_child_count count;
    assert_int_equal(troupe_count_children_wait(ctx, top, TROUPE_NO_LIMIT, &count), TROUPE_OK);
    assert_int_equal(count.specs, 1);
    assert_int_equal(count.workers, children);
    assert_int_equal(count.supervisors, 0);
}

static bool all_restarted(troupe_ctx *ctx, troupe_ref top)
{
    troupe_child_count count;
    assert_int_equal(troupe_count_children_wait(ctx, top, TROUPE_NO_LIMIT, &count), TROUPE_OK);
    return restarted == CHILDREN / 4 && count.active == CHILDREN;
}

static void tell_with(uint32_t workers)
{
    troupe_system *system;
    troupe_system_opts opts = {.workers = workers};
    assert_int_equal(troupe_system_start(&opts, &system), TROUPE_OK);
    troupe_ctx *ctx = troupe_outside(system);
    troupe_child template = {.id = "sapling", .behavior = &sapling_behavior};
    troupe_supervisor spec = {.strategy = TROUPE_SIMPLE_ONE_FOR_ONE,
                              .max_restarts = CHILDREN,
                              .within_ms = AN_HOUR,
                              .children = &template,
                              .child_count = 1};
    troupe_ref top;
    started = stopped = restarted = 0;
    assert_int_equal(troupe_supervise_wait(ctx, &spec, &top), TROUPE_OK);

    for (unsigned i = 0; i < CHILDREN; i++)
        assert_int_equal(
            troupe_start_child_with(ctx, top, TROUPE_NO_LIMIT, NULL, NULL, Seed, .number = i),
            TROUPE_OK);
    expect_count(ctx, top, CHILDREN); // asked after them, answered after they were begun

    troupe_msg *reply;
    assert_int_equal(troupe_which_children_wait(ctx, top, TROUPE_NO_LIMIT, &reply), TROUPE_OK);
    const troupe_children *children = TREE_REPLY(reply, troupe_children);
    assert_int_equal(children->count, CHILDREN);
    for (unsigned i = 0; i < CHILDREN; i += 4)
        assert_int_equal(troupe_send(ctx, children->children[i].ref, Fall), TROUPE_OK);
    while (!all_restarted(ctx, top))
        continue;

    for (unsigned i = 1; i < CHILDREN; i += 2)
        assert_int_equal(
            troupe_stop_child_ref(ctx, top, TROUPE_NO_LIMIT, NULL, NULL, children->children[i].ref),
            TROUPE_OK);
    assert_int_equal(
        troupe_stop_child_ref_wait(ctx, top, TROUPE_NO_LIMIT, children->children[CHILDREN - 2].ref),
        TROUPE_OK);
    troupe_msg_free(ctx, reply);
    while (stopped < CHILDREN / 2 + 1)
        continue;

    troupe_report report;
    assert_int_equal(troupe_system_stop(system, TROUPE_NO_LIMIT, &report), TROUPE_OK);
    assert_int_equal(started, CHILDREN + CHILDREN / 4);
    assert_int_equal(stopped, CHILDREN);
    assert_int_equal(report.stats.spawned, CHILDREN + 1);
    assert_int_equal(report.stats.ended, CHILDREN + 1);
    assert_int_equal(report.stats.sent,
                     report.stats.handled + report.stats.dead + report.stats.dropped);
}

static void very_many_children_on_one_worker(void **state)
{
    (void)state;
    tell_with(1);
}

static void very_many_children_on_two_workers(void **state)
{
    (void)state;
    tell_with(2);
}

// ---- Turns

#define VERY_MANY (CHILDREN / 4)

TROUPE_EMPTY(Tick);

static troupe_status get_on(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state, (void)msg;
    turns++;
    return stopped == VERY_MANY ? TROUPE_STOP : troupe_send(ctx, troupe_self(ctx), Tick);
}

static void others_get_turns_while_very_many_are_stopped(void **state)
{
    troupe_system *system;
    troupe_system_opts opts = {.workers = 1, .batch = 1}; // a turn is a message
    assert_int_equal(troupe_system_start(&opts, &system), TROUPE_OK);
    troupe_ctx *ctx = troupe_outside(system);
    const troupe_behavior other = {.name = "other", .receive = get_on};
    troupe_child template = {.behavior = &sapling_behavior};
    troupe_supervisor spec = {
        .strategy = TROUPE_SIMPLE_ONE_FOR_ONE, .children = &template, .child_count = 1};
    troupe_ref top, ref;
    (void)state;
    started = stopped = turns = 0;
    assert_int_equal(troupe_supervise_wait(ctx, &spec, &top), TROUPE_OK);
    for (unsigned i = 0; i < VERY_MANY; i++)
        assert_int_equal(
            troupe_start_child_with(ctx, top, TROUPE_NO_LIMIT, NULL, NULL, Seed, .number = i),
            TROUPE_OK);
    while (started < VERY_MANY)
        (void)troupe_system_wait(system, 1); // the others live on
    assert_int_equal(troupe_spawn(ctx, &other, NULL, &ref), TROUPE_OK);
    assert_int_equal(troupe_send(ctx, ref, Tick), TROUPE_OK);
    assert_int_equal(troupe_stop(ctx, top), TROUPE_OK);
    assert_int_equal(troupe_system_wait(system, TROUPE_NO_LIMIT), TROUPE_OK);
    assert_int_equal(troupe_system_stop(system, TROUPE_NO_LIMIT, NULL), TROUPE_OK);
    print_message("%u turns\n", last_turn - first_turn);
    assert_true(last_turn - first_turn >= VERY_MANY / 256);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(very_many_children_on_one_worker),
        cmocka_unit_test(very_many_children_on_two_workers),
        cmocka_unit_test(others_get_turns_while_very_many_are_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
