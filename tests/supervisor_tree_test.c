// Trees of supervisors: what becomes of those that were started at run time, of names, and of a
// supervisor itself, by how it ended and by its restart type. OTP's tree, simple_global_supervisor
// and the escalations.
#include "tests/support/tree.h"
#include "troupe/name.h"

#include <stdio.h>

static troupe_status start_child(struct world *world, troupe_ref top, troupe_child child)
{
    troupe_ref ref;
    return troupe_start_child_wait(world->ctx, top, TROUPE_NO_LIMIT, &child, &ref);
}

#define START_CHILD(top, ...) start_child(world, (top), (troupe_child)__VA_ARGS__)

static troupe_status stop_child(struct world *world, troupe_ref top, const char *id)
{
    return troupe_stop_child_wait(world->ctx, top, TROUPE_NO_LIMIT, id);
}

// ---- OTP's tree

static const troupe_supervisor full = {
    .max_restarts = 4, .within_ms = AN_HOUR, TROUPE_CHILDREN(PUPPET("a"), PUPPET("b"))};
static const troupe_supervisor empty = {.max_restarts = 4, .within_ms = AN_HOUR};

WORLD_STORY(a_supervisor_that_is_restarted_has_the_children_of_its_specification)
{
    troupe_supervisor spec = {
        .name = "top", .strategy = TROUPE_ONE_FOR_ALL, .max_restarts = 4, .within_ms = AN_HOUR};
    troupe_ref top = tree_start_owned(world, &spec);
    const troupe_child looping = PUPPET("c", RUN(&tree_script(world, "+-")->order));
    assert_int_equal(START_CHILD(top, {.id = "one", .supervisor = &full}), TROUPE_OK);
    assert_int_equal(START_CHILD(top, {.id = "two", .supervisor = &empty}), TROUPE_OK);
    assert_int_equal(
        START_CHILD(top, {.id = "three", .supervisor = &empty, .restart = TROUPE_TRANSIENT}),
        TROUPE_OK);
    assert_int_equal(stop_child(world, top, "three"), TROUPE_OK);
    tree_expect_count(world, top, 3, 2, 3, 0);
    troupe_ref one = tree_child(world, top, "one"), two = tree_child(world, top, "two");
    tree_expect_count(world, one, 2, 2, 0, 2);
    tree_expect_count(world, two, 0, 0, 0, 0);
    assert_int_equal(start_child(world, two, looping), TROUPE_OK);
    assert_int_equal(START_CHILD(two, PUPPET("d")), TROUPE_OK);
    // One for one, in "two" alone.
    tree_fail(world, two, "d");
    tree_await(world, two, "c running 1, d running 2");
    tree_expect(world, one, "a running 1, b running 1");
    // Too often: all start again, the stopped one too, without what was added to them.
    tree_fail(world, two, "c");
    tree_await(world, top, "one running 2, two running 2, three running 1");
    tree_expect_count(world, top, 3, 3, 3, 0);
    tree_expect(world, one, "a running 1, b running 1");
    tree_expect(world, two, "");
    tree_expect(world, tree_child(world, top, "three"), "");
    assert_int_equal(world_heard(world, "c", "init 4"), 1);
    assert_int_equal(world_heard(world, "c", "init 5"), 0);
    assert_int_equal(world_heard(world, "a", "stop shutdown"), 1);
    world_expect(world, "owner", "init 1; down start 1");
}

WORLD_STORY(a_supervisor_that_was_added_is_restarted_with_its_children)
{
    troupe_supervisor spec = {.name = "top", .max_restarts = 4};
    troupe_ref top = tree_start_owned(world, &spec);
    assert_int_equal(START_CHILD(top, {.id = "one", .supervisor = &full}), TROUPE_OK);
    troupe_ref one = tree_child(world, top, "one"), a = tree_child(world, one, "a"), ref;
    assert_int_equal(stop_child(world, one, "b"), TROUPE_OK);
    assert_int_equal(troupe_delete_child_wait(world->ctx, one, 0, "b"), TROUPE_OK);
    troupe_kill(world->ctx, one);
    tree_await(world, top, "one running 2");
    tree_await(world, one, "a running 1, b running 1"); // its own ref is kept, theirs are not
    ref = tree_child(world, one, "a");
    assert_false(troupe_ref_equal(ref, a));
    assert_int_equal(troupe_incarnation(world->ctx, a), 0);
}

// ---- OTP's simple_global_supervisor: names over all that

static const troupe_supervisor middle = {.strategy = TROUPE_ONE_FOR_ALL,
                                         .max_restarts = 3,
                                         TROUPE_CHILDREN(PUPPET("child", .register_as = "server"))};

static const troupe_child registered[] = {
    {.id = "middle", .supervisor = &middle, .register_as = "middle"}};

static troupe_ref start_registered(struct world *world)
{
    troupe_supervisor spec = {.strategy = TROUPE_ONE_FOR_ALL, .max_restarts = 3, TREE(registered)};
    return tree_start_owned(world, &spec);
}

static void expect_names(struct world *world, troupe_ref top)
{
    tree_await_running(world, top);
    troupe_ref ref = troupe_whereis(world->ctx, "middle");
    tree_await_running(world, ref);
    assert_true(troupe_ref_equal(ref, tree_child(world, top, "middle")));
    assert_true(
        troupe_ref_equal(troupe_whereis(world->ctx, "server"), tree_child(world, ref, "child")));
    world_sync(world, troupe_whereis(world->ctx, "server"));
    troupe_kill(world->ctx, top);
    world_join(world, top);
    assert_true(troupe_ref_is_none(troupe_whereis(world->ctx, "middle")));
    assert_true(troupe_ref_is_none(troupe_whereis(world->ctx, "server")));
}

static bool second_server(struct world *world, void *arg)
{
    (void)arg;
    return world_heard(world, "child", "init 1") + world_heard(world, "child", "init 2") == 2;
}

WORLD_STORY(a_killed_supervisor_and_its_child_have_their_names_again)
{
    troupe_ref top = start_registered(world), old = troupe_whereis(world->ctx, "server");
    troupe_kill(world->ctx, troupe_whereis(world->ctx, "middle"));
    world_until(world, second_server, NULL);
    tree_await(world, top, "middle running 2");
    assert_false(troupe_ref_equal(old, troupe_whereis(world->ctx, "server")));
    expect_names(world, top);
}

WORLD_STORY(a_killed_child_has_its_name_all_the_time)
{
    troupe_ref top = start_registered(world), old = troupe_whereis(world->ctx, "server");
    troupe_kill(world->ctx, old);
    world_until(world, second_server, NULL);
    assert_true(troupe_ref_equal(old, troupe_whereis(world->ctx, "server")));
    expect_names(world, top);
}

WORLD_STORY(a_child_that_is_started_again_has_its_name_again)
{
    troupe_ref top = start_registered(world), old = troupe_whereis(world->ctx, "server"), ref;
    troupe_ref inner = troupe_whereis(world->ctx, "middle");
    assert_int_equal(stop_child(world, inner, "child"), TROUPE_OK);
    assert_true(troupe_ref_is_none(troupe_whereis(world->ctx, "server")));
    assert_int_equal(troupe_restart_child_wait(world->ctx, inner, 0, "child", &ref), TROUPE_OK);
    assert_false(troupe_ref_equal(old, ref));
    expect_names(world, top);
}

// ---- How an inner supervisor ends, and what its own supervisor makes of it

static const troupe_supervisor fragile = {
    .max_restarts = TROUPE_NO_RESTARTS,
    .auto_shutdown = TROUPE_ANY_SIGNIFICANT,
    TROUPE_CHILDREN(PUPPET("a", .restart = TROUPE_TRANSIENT, .significant = true))};

enum how { GIVES_UP, SHUTS_DOWN, IS_STOPPED, IS_DRAINED, IS_KILLED };

static void end_inner(struct world *world, troupe_ref inner, enum how how)
{
    switch (how) {
    case GIVES_UP:
        tree_fail(world, inner, "a");
        break;
    case SHUTS_DOWN:
        tree_end(world, inner, "a");
        break;
    case IS_STOPPED:
        troupe_stop(world->ctx, inner);
        break;
    case IS_DRAINED:
        assert_int_equal(troupe_drain(world->ctx, inner), TROUPE_OK);
        break;
    case IS_KILLED:
    default:
        troupe_kill(world->ctx, inner);
        break;
    }
}

static void tell(struct world *world, troupe_restart restart, enum how how, const char *after)
{
    const troupe_child children[] = {{.id = "inner", .supervisor = &fragile, .restart = restart},
                                     PUPPET("z")};
    troupe_supervisor spec = {.max_restarts = 1, TREE(children)};
    troupe_ref top = tree_start_owned(world, &spec);
    end_inner(world, tree_child(world, top, "inner"), how);
    tree_await(world, top, after);
    world_expect(world, "owner", "init 1; down start 1");
    world_expect(world, "z", "init 1");
}

#define RESTARTED "inner running 2, z running 1"
#define KEPT      "inner stopped, z running 1"
#define FORGOTTEN "z running 1"

#define ENDING(name, how)                                                          \
    WORLD_STORY(a_permanent_supervisor_that_##name)                                \
    {                                                                              \
        tell(world, TROUPE_PERMANENT, how, RESTARTED);                             \
    }                                                                              \
    WORLD_STORY(a_transient_supervisor_that_##name)                                \
    {                                                                              \
        tell(world, TROUPE_TRANSIENT, how, (how) == IS_KILLED ? RESTARTED : KEPT); \
    }                                                                              \
    WORLD_STORY(a_temporary_supervisor_that_##name)                                \
    {                                                                              \
        tell(world, TROUPE_TEMPORARY, how, FORGOTTEN);                             \
    }

ENDING(gives_up, GIVES_UP)
ENDING(shuts_down, SHUTS_DOWN)
ENDING(is_stopped, IS_STOPPED)
ENDING(is_drained, IS_DRAINED)
ENDING(is_killed, IS_KILLED)

// Each level allows one restart: the fourth failure goes through both.
WORLD_STORY(a_failure_that_starts_cannot_mend_goes_up_level_by_level)
{
    const troupe_child leaves[] = {PUPPET("a"),
                                   PUPPET("leaf", RUN(&tree_script(world, "++-")->order))};
    const troupe_supervisor low = {.children = leaves, .child_count = 2, .max_restarts = 3};
    const troupe_child lows[] = {{.id = "low", .supervisor = &low}};
    const troupe_supervisor high = {.children = lows, .child_count = 1, .max_restarts = 2};
    const troupe_child highs[] = {PUPPET("other"), {.id = "high", .supervisor = &high}};
    troupe_supervisor spec = {.max_restarts = TROUPE_NO_RESTARTS, TREE(highs)};
    troupe_ref top = tree_start_owned(world, &spec);
    tree_fail(world, tree_child(world, tree_child(world, top, "high"), "low"), "leaf"); // mended
    troupe_ref bottom = tree_child(world, tree_child(world, top, "high"), "low");
    tree_await(world, bottom, "a running 1, leaf running 2");
    tree_fail(world, bottom, "leaf"); // not mended
    world_await_all(world, "owner", "init 1; down start 1; down stop 1 shutdown");
    world_expect(world, "other", "init 1; stop shutdown");
    assert_int_equal(world_heard(world, "a", "init 1"), 3); // "low" was started three times
    world_await(world, "event", "gave up low 1 start failed: broken");
    world_await(world, "event",
                "gave up high 1 start failed: child \"leaf\": start failed (TROUPE_EUSER): broken");
    world_await(world, "event", "gave up top 1 shutdown");
}

int main(void)
{
#define ENDING_TESTS(name)                                    \
    cmocka_unit_test(a_permanent_supervisor_that_##name),     \
        cmocka_unit_test(a_transient_supervisor_that_##name), \
        cmocka_unit_test(a_temporary_supervisor_that_##name)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_supervisor_that_is_restarted_has_the_children_of_its_specification),
        cmocka_unit_test(a_supervisor_that_was_added_is_restarted_with_its_children),
        cmocka_unit_test(a_killed_supervisor_and_its_child_have_their_names_again),
        cmocka_unit_test(a_killed_child_has_its_name_all_the_time),
        cmocka_unit_test(a_child_that_is_started_again_has_its_name_again),
        ENDING_TESTS(gives_up),
        ENDING_TESTS(shuts_down),
        ENDING_TESTS(is_stopped),
        ENDING_TESTS(is_drained),
        ENDING_TESTS(is_killed),
        cmocka_unit_test(a_failure_that_starts_cannot_mend_goes_up_level_by_level),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
