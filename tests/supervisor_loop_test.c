// A supervisor amid restarts that fail again and again: it answers, it can be stopped and killed,
// and goes on as soon as the start succeeds. OTP's hanging_restart_loop and its siblings.
#include "tests/support/tree.h"

// The child fails all its starts but the first, until the story says otherwise. A thousand times a
// millisecond would be too often, which no machine manages; in the driver the loop runs on while
// the clock stands still, but no story gives it so many turns.
#define LOOPING .max_restarts = 100000, .within_ms = 1

struct loop {
    struct tree_script *script;
    troupe_ref top;
};

// Starts "a", "b" and "c"; "b" has failed and fails its restarts.
static struct loop start_loop(struct world *world, troupe_strategy strategy)
{
    struct loop loop = {.script = tree_script(world, "+-")};
    const troupe_child children[] = {PUPPET("a"), PUPPET("b", RUN(&loop.script->order)),
                                     PUPPET("c")};
    troupe_supervisor spec = {.strategy = strategy, LOOPING, TREE(children)};
    loop.top = tree_start_owned(world, &spec);
    tree_fail(world, loop.top, "b");
    world_await(world, "b", "init 3");
    return loop;
}

static void let_it_start(const struct loop *loop)
{
    atomic_store(&loop->script->steps, "+");
}

static void expect_it_goes_on(struct world *world, const struct loop *loop)
{
    let_it_start(loop);
    tree_await_running(world, loop->top);
    world_sync(world, tree_child(world, loop->top, "b"));
    world_expect(world, "owner", "init 1; down start 1");
}

// ---- It goes on, and answers

static void ask_all(struct world *world, const struct loop *loop)
{
    troupe_ctx *ctx = world->ctx;
    troupe_ref top = loop->top, ref;
    troupe_msg *reply;
    troupe_child_count count;
    assert_int_equal(troupe_which_children_wait(ctx, top, TROUPE_NO_LIMIT, &reply), TROUPE_OK);
    assert_int_equal(TREE_REPLY(reply, troupe_children)->count, 3);
    assert_int_not_equal(TREE_REPLY(reply, troupe_children)->children[1].state,
                         TROUPE_CHILD_STOPPED);
    troupe_msg_free(ctx, reply);
    assert_int_equal(troupe_count_children_wait(ctx, top, TROUPE_NO_LIMIT, &count), TROUPE_OK);
    assert_int_equal(count.specs, 3);
    assert_int_equal(count.workers, 3);
    assert_int_equal(troupe_restart_child_wait(ctx, top, TROUPE_NO_LIMIT, "b", &ref),
                     TROUPE_ERESTARTING);
    assert_int_equal(troupe_delete_child_wait(ctx, top, TROUPE_NO_LIMIT, "b"), TROUPE_ERESTARTING);
    assert_int_equal(troupe_child_spec_wait(ctx, top, TROUPE_NO_LIMIT, "b", &reply), TROUPE_OK);
    troupe_msg_free(ctx, reply);
    assert_int_equal(troupe_stop_child_wait(ctx, top, TROUPE_NO_LIMIT, "x"), TROUPE_ENOENT);
}

WORLD_STORY(amid_a_loop_of_one_for_one_it_answers)
{
    struct loop loop = start_loop(world, TROUPE_ONE_FOR_ONE);
    ask_all(world, &loop);
    world_sync(world, tree_child(world, loop.top, "a")); // nobody else is concerned
    expect_it_goes_on(world, &loop);
    world_expect(world, "a", "init 1");
    world_expect(world, "c", "init 1");
}

WORLD_STORY(amid_a_loop_of_one_for_all_it_answers)
{
    struct loop loop = start_loop(world, TROUPE_ONE_FOR_ALL);
    ask_all(world, &loop);
    expect_it_goes_on(world, &loop);
    assert_int_equal(troupe_incarnation(world->ctx, tree_child(world, loop.top, "c")), 2);
}

WORLD_STORY(amid_a_loop_of_rest_for_one_it_answers)
{
    struct loop loop = start_loop(world, TROUPE_REST_FOR_ONE);
    ask_all(world, &loop);
    expect_it_goes_on(world, &loop);
    world_expect(world, "a", "init 1");
    world_expect(world, "c", "init 1; stop shutdown; init 2");
}

WORLD_STORY(the_ref_is_found_and_messages_wait_amid_a_loop)
{
    struct loop loop = start_loop(world, TROUPE_ONE_FOR_ONE);
    troupe_ref b = tree_child(world, loop.top, "b");
    assert_int_equal(troupe_send(world->ctx, b, Number, .value = 5), TROUPE_OK);
    let_it_start(&loop);
    world_await(world, "b", "5");
    assert_true(troupe_ref_equal(b, tree_child(world, loop.top, "b")));
}

static struct loop start_dynamic_loop(struct world *world, troupe_ref *good, troupe_ref *bad)
{
    static const troupe_child template = PUPPET("b");
    struct loop loop = {.script = tree_script(world, "+-")};
    troupe_supervisor spec = {.name = "top",
                              .strategy = TROUPE_SIMPLE_ONE_FOR_ONE,
                              LOOPING,
                              .children = &template,
                              .child_count = 1};
    const troupe_child looping = {RUN(&loop.script->order)};
    loop.top = tree_start_owned(world, &spec);
    *good = tree_add(world, loop.top);
    assert_int_equal(troupe_start_child_wait(world->ctx, loop.top, TROUPE_NO_LIMIT, &looping, bad),
                     TROUPE_OK);
    world_do(world, *bad, puppet_fail, broken);
    world_await(world, "b", "init 3");
    return loop;
}

WORLD_STORY(amid_a_loop_of_simple_one_for_one_it_answers)
{
    troupe_ref good, bad;
    struct loop loop = start_dynamic_loop(world, &good, &bad);
    tree_expect_count(world, loop.top, 1, 1, 0, 2);
    world_sync(world, good);
    world_sync(world, tree_add(world, loop.top));
    tree_expect_count(world, loop.top, 1, 2, 0, 3);
    let_it_start(&loop);
    world_sync(world, bad);
    tree_await_count(world, loop.top, 1, 3, 0, 3);
}

WORLD_STORY(a_dynamic_child_is_stopped_amid_its_loop)
{
    troupe_ref good, bad;
    struct loop loop = start_dynamic_loop(world, &good, &bad);
    assert_int_equal(troupe_stop_child_ref_wait(world->ctx, loop.top, TROUPE_NO_LIMIT, bad),
                     TROUPE_OK);
    tree_expect(world, loop.top, "- running 1");
    assert_int_equal(troupe_incarnation(world->ctx, bad), 0);
    assert_int_equal(troupe_stop_child_ref_wait(world->ctx, loop.top, TROUPE_NO_LIMIT, bad),
                     TROUPE_OK);
}

// ---- It can be changed

WORLD_STORY(the_child_is_stopped_amid_its_loop)
{
    struct loop loop = start_loop(world, TROUPE_ONE_FOR_ONE);
    troupe_ref b = tree_child(world, loop.top, "b"), ref;
    assert_int_equal(troupe_stop_child_wait(world->ctx, loop.top, TROUPE_NO_LIMIT, "b"), TROUPE_OK);
    tree_expect(world, loop.top, "a running 1, b stopped, c running 1");
    assert_int_equal(troupe_incarnation(world->ctx, b), 0);
    assert_int_equal(troupe_restart_child_wait(world->ctx, loop.top, TROUPE_NO_LIMIT, "b", &ref),
                     TROUPE_ESTART);
    tree_expect(world, loop.top, "a running 1, b stopped, c running 1");
    let_it_start(&loop);
    assert_int_equal(troupe_restart_child_wait(world->ctx, loop.top, TROUPE_NO_LIMIT, "b", &ref),
                     TROUPE_OK);
    tree_expect(world, loop.top, "a running 1, b running 1, c running 1");
    assert_int_equal(troupe_delete_child_wait(world->ctx, loop.top, 0, "b"), TROUPE_EBUSY);
}

WORLD_STORY(the_child_is_stopped_and_forgotten_amid_its_loop)
{
    struct loop loop = start_loop(world, TROUPE_ONE_FOR_ONE);
    assert_int_equal(troupe_stop_child_wait(world->ctx, loop.top, TROUPE_NO_LIMIT, "b"), TROUPE_OK);
    assert_int_equal(troupe_delete_child_wait(world->ctx, loop.top, TROUPE_NO_LIMIT, "b"),
                     TROUPE_OK);
    tree_expect(world, loop.top, "a running 1, c running 1");
}

WORLD_STORY(a_sibling_is_stopped_and_started_amid_the_loop)
{
    struct loop loop = start_loop(world, TROUPE_ONE_FOR_ONE);
    troupe_ref ref;
    assert_int_equal(troupe_stop_child_wait(world->ctx, loop.top, TROUPE_NO_LIMIT, "a"), TROUPE_OK);
    assert_int_equal(troupe_restart_child_wait(world->ctx, loop.top, TROUPE_NO_LIMIT, "a", &ref),
                     TROUPE_OK);
    world_sync(world, ref);
    expect_it_goes_on(world, &loop);
}

static bool only_a_runs(struct world *world, void *top)
{
    troupe_msg *reply;
    assert_int_equal(
        troupe_which_children_wait(world->ctx, *(troupe_ref *)top, TROUPE_NO_LIMIT, &reply),
        TROUPE_OK);
    const troupe_child_info *children = TREE_REPLY(reply, troupe_children)->children;
    bool only = children[0].state == TROUPE_CHILD_RUNNING &&
                children[1].state == TROUPE_CHILD_STOPPED &&
                children[2].state == TROUPE_CHILD_STOPPED;
    troupe_msg_free(world->ctx, reply);
    return only;
}

// OTP's hanging_restart_loop_rest_for_one: those after it, which may need it, rest as well.
static void stop_looping_member(struct world *world, const struct loop *loop)
{
    troupe_ref top = loop->top, ref;
    assert_int_equal(troupe_stop_child_wait(world->ctx, top, TROUPE_NO_LIMIT, "b"), TROUPE_OK);
    world_until(world, only_a_runs, &top);
    world_settle(world);
    tree_expect_count(world, top, 3, 1, 0, 3);
    let_it_start(loop);
    assert_int_equal(troupe_restart_child_wait(world->ctx, top, TROUPE_NO_LIMIT, "b", &ref),
                     TROUPE_OK);
    assert_int_equal(troupe_restart_child_wait(world->ctx, top, TROUPE_NO_LIMIT, "c", &ref),
                     TROUPE_OK);
    tree_await_count(world, top, 3, 3, 0, 3);
    world_expect(world, "owner", "init 1; down start 1");
}

WORLD_STORY(the_looping_member_of_one_for_all_is_stopped)
{
    struct loop loop = start_loop(world, TROUPE_ONE_FOR_ALL);
    stop_looping_member(world, &loop);
}

WORLD_STORY(the_looping_member_of_rest_for_one_is_stopped)
{
    struct loop loop = start_loop(world, TROUPE_REST_FOR_ONE);
    stop_looping_member(world, &loop);
    world_expect(world, "a", "init 1");
    world_expect(world, "c", "init 1; stop shutdown; init 1");
}

// ---- It ends

WORLD_STORY(the_supervisor_is_stopped_amid_a_loop)
{
    struct loop loop = start_loop(world, TROUPE_ONE_FOR_ONE);
    troupe_stop(world->ctx, loop.top);
    world_await_all(world, "owner", "init 1; down start 1; down stop 1 shutdown");
    world_expect(world, "a", "init 1; stop shutdown");
    world_expect(world, "c", "init 1; stop shutdown");
}

WORLD_STORY(the_supervisor_of_a_group_is_stopped_amid_a_loop)
{
    struct loop loop = start_loop(world, TROUPE_ONE_FOR_ALL);
    troupe_stop(world->ctx, loop.top);
    world_await_all(world, "owner", "init 1; down start 1; down stop 1 shutdown");
}

WORLD_STORY(the_supervisor_is_killed_amid_a_loop)
{
    struct loop loop = start_loop(world, TROUPE_REST_FOR_ONE);
    troupe_kill(world->ctx, loop.top);
    world_await_all(world, "owner", "init 1; down start 1; down stop 1 killed");
    world_expect(world, "a", "init 1");
}

WORLD_STORY(the_system_is_stopped_amid_a_loop)
{
    (void)start_loop(world, TROUPE_ONE_FOR_ALL);
    world_stop(world);
}

WORLD_STORY(a_loop_ends_when_it_was_tried_too_often)
{
    const troupe_child children[] = {PUPPET("a"),
                                     PUPPET("b", RUN(&tree_script(world, "+-")->order))};
    troupe_supervisor spec = {.max_restarts = 50, .within_ms = AN_HOUR, TREE(children)};
    troupe_ref top = tree_start_owned(world, &spec);
    tree_fail(world, top, "b");
    world_await_all(world, "owner", "init 1; down start 1; down stop 1 shutdown");
    assert_int_equal(world_heard(world, "b", "init 51"), 1);
    assert_int_equal(world_heard(world, "b", "init 52"), 0);
    world_expect(world, "a", "init 1; stop shutdown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(amid_a_loop_of_one_for_one_it_answers),
        cmocka_unit_test(amid_a_loop_of_one_for_all_it_answers),
        cmocka_unit_test(amid_a_loop_of_rest_for_one_it_answers),
        cmocka_unit_test(the_ref_is_found_and_messages_wait_amid_a_loop),
        cmocka_unit_test(amid_a_loop_of_simple_one_for_one_it_answers),
        cmocka_unit_test(a_dynamic_child_is_stopped_amid_its_loop),
        cmocka_unit_test(the_child_is_stopped_amid_its_loop),
        cmocka_unit_test(the_child_is_stopped_and_forgotten_amid_its_loop),
        cmocka_unit_test(a_sibling_is_stopped_and_started_amid_the_loop),
        cmocka_unit_test(the_looping_member_of_one_for_all_is_stopped),
        cmocka_unit_test(the_looping_member_of_rest_for_one_is_stopped),
        cmocka_unit_test(the_supervisor_is_stopped_amid_a_loop),
        cmocka_unit_test(the_supervisor_of_a_group_is_stopped_amid_a_loop),
        cmocka_unit_test(the_supervisor_is_killed_amid_a_loop),
        cmocka_unit_test(the_system_is_stopped_amid_a_loop),
        cmocka_unit_test(a_loop_ends_when_it_was_tried_too_often),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
