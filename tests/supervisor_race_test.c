// Supervisors whose children end, hang and fail just then: while they are being stopped, or start.
// OTP's sup_stop_race, sup_stop_timeout_dynamic, sup_stop_non_shutdown_exit_dynamic. On threads a
// handler that is held at a gate is a child that hangs.
#include "tests/support/gate.h"
#include "tests/support/tree.h"

#include <stdio.h>

static struct gate gate;

static troupe_status pass_gate(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)ctx;
    (void)puppet;
    (void)arg;
    gate_pass(&gate);
    world_say("gate", "passed");
    return TROUPE_OK;
}

#define HANGING(id, ...) PUPPET(id, .place = TROUPE_ON_THREAD, .kill_grace_ms = 1, ##__VA_ARGS__)

static void hang(struct world *world, troupe_ref child)
{
    gate_init(&gate);
    world_tell(world, child, pass_gate, NULL);
    gate_await(&gate);
}

static void let_go(struct world *world)
{
    gate_open(&gate);
    world_await(world, "gate", "passed");
}

static void await_end(struct world *world, const char *reason)
{
    char text[64];
    snprintf(text, sizeof text, "init 1; down start 1; down stop 1 %s", reason);
    world_await_all(world, "owner", text);
}

static troupe_status shut_down(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet;
    (void)arg;
    return troupe_stop(ctx, troupe_self(ctx));
}

// ---- Ends by themselves while the supervisor stops

static const puppet_fn ends[] = {puppet_stop, shut_down, puppet_fail};
static const char *const reasons[] = {"normal", "shutdown", "failed: broken"};

#define ENDS COUNT(ends)

#define ALL_ENDS(letter, type)                                                    \
    PUPPET(letter "0", .restart = (type)), PUPPET(letter "1", .restart = (type)), \
        PUPPET(letter "2", .restart = (type))

static const troupe_child all_kinds[] = {PUPPET("a"),
                                         ALL_ENDS("temporary ", TROUPE_TEMPORARY),
                                         ALL_ENDS("transient ", TROUPE_TRANSIENT),
                                         ALL_ENDS("permanent ", TROUPE_PERMANENT),
                                         HANGING("y", .shutdown_ms = TROUPE_NO_LIMIT),
                                         PUPPET("z")};

// While the last one hangs they all end, which the supervisor takes as it comes.
static void stop_while_all_end(struct world *world, troupe_strategy strategy)
{
    troupe_supervisor spec = {.strategy = strategy, .max_restarts = MANY, TREE(all_kinds)};
    troupe_ref top = tree_start_owned(world, &spec);
    hang(world, tree_child(world, top, "y"));
    troupe_ref refs[3 * ENDS];
    for (size_t i = 0; i < COUNT(refs); i++)
        refs[i] = tree_child(world, top, all_kinds[i + 1].id);
    troupe_stop(world->ctx, top);
    world_await(world, "z", "stop shutdown"); // now it waits for the one that hangs
    for (size_t i = 0; i < COUNT(refs); i++)
        world_do(world, refs[i], ends[i % ENDS], broken);
    let_go(world);
    await_end(world, "shutdown");
    for (size_t i = 0; i < COUNT(refs); i++) {
        char text[64];
        snprintf(text, sizeof text, "init 1; stop %s", reasons[i % ENDS]);
        world_expect(world, all_kinds[i + 1].id, text);
    }
    world_expect(world, "a", "init 1; stop shutdown");
    world_expect_order(world, "y", "stop shutdown", "a", "stop shutdown");
}

WORLD_STORY_ON_THREADS(children_may_end_by_themselves_while_it_waits_for_another_to_stop)
{
    stop_while_all_end(world, TROUPE_ONE_FOR_ONE);
}

WORLD_STORY_ON_THREADS(members_may_end_by_themselves_while_it_waits_for_another_to_stop)
{
    stop_while_all_end(world, TROUPE_ONE_FOR_ALL);
}

WORLD_STORY(children_may_end_by_themselves_just_when_it_is_stopped)
{
    troupe_supervisor spec = {.max_restarts = MANY, TREE(all_kinds)};
    troupe_ref top = tree_start_owned(world, &spec);
    for (size_t i = 0; i < 3 * ENDS; i++)
        world_tell(world, tree_child(world, top, all_kinds[i + 1].id), ends[i % ENDS], broken);
    troupe_stop(world->ctx, top);
    await_end(world, "shutdown");
}

static void stop_dynamic_while_all_end(struct world *world, troupe_restart restart)
{
    const troupe_child template = PUPPET("child", .restart = restart);
    troupe_ref top = tree_start_dynamic(world, &template), refs[2 * ENDS];
    for (size_t i = 0; i < COUNT(refs); i++)
        refs[i] = tree_add(world, top);
    for (size_t i = 0; i < COUNT(refs); i++)
        world_tell(world, refs[i], ends[i % ENDS], broken);
    troupe_stop(world->ctx, top);
    await_end(world, "shutdown");
    for (size_t i = 0; i < COUNT(refs); i++)
        assert_int_equal(troupe_incarnation(world->ctx, refs[i]), 0);
}

WORLD_STORY(temporary_dynamic_children_may_end_just_when_it_is_stopped)
{
    stop_dynamic_while_all_end(world, TROUPE_TEMPORARY);
}

WORLD_STORY(transient_dynamic_children_may_end_just_when_it_is_stopped)
{
    stop_dynamic_while_all_end(world, TROUPE_TRANSIENT);
}

WORLD_STORY(permanent_dynamic_children_may_end_just_when_it_is_stopped)
{
    stop_dynamic_while_all_end(world, TROUPE_PERMANENT);
}

// ---- Hanging ones among others

WORLD_STORY_ON_THREADS(of_dynamic_children_those_that_hang_are_killed)
{
    const troupe_child template = HANGING("child", .shutdown_ms = 1);
    troupe_ref top = tree_start_dynamic(world, &template);
    troupe_ref prompt = tree_add(world, top), hanging = tree_add(world, top);
    world_watch(world, "witness", hanging, TROUPE_ON_STOP);
    tree_add(world, top);
    hang(world, hanging);
    troupe_stop(world->ctx, top);
    await_end(world, "shutdown"); // while it still hangs
    world_await_all(world, "witness", "down stop 1 killed");
    assert_int_equal(troupe_incarnation(world->ctx, prompt), 0);
    let_go(world);
}

WORLD_STORY_ON_THREADS(dynamic_children_to_be_killed_now_are_not_asked_first)
{
    const troupe_child template = HANGING("child", .shutdown_ms = TROUPE_KILL_NOW);
    troupe_ref top = tree_start_dynamic(world, &template);
    troupe_ref prompt = tree_add(world, top), hanging = tree_add(world, top);
    world_watch(world, "prompt", prompt, TROUPE_ON_STOP);
    world_watch(world, "hanging", hanging, TROUPE_ON_STOP);
    hang(world, hanging);
    troupe_stop(world->ctx, top);
    await_end(world, "shutdown");
    world_await_all(world, "hanging", "down stop 1 killed");
    world_await_all(world, "prompt", "down stop 1 killed");
    world_expect(world, "child", "init 1; init 1");
    let_go(world);
}

WORLD_STORY_ON_THREADS(a_request_to_stop_one_that_hangs_ends_with_its_kill)
{
    static const troupe_child two[] = {HANGING("a", .shutdown_ms = 1), PUPPET("b")};
    troupe_ref top = tree_start_owned(world, &(troupe_supervisor){TREE(two)}), ref;
    troupe_ref a = tree_child(world, top, "a");
    world_watch(world, "witness", a, TROUPE_ON_STOP);
    hang(world, a);
    assert_int_equal(troupe_stop_child_wait(world->ctx, top, TROUPE_NO_LIMIT, "a"), TROUPE_OK);
    world_await_all(world, "witness", "down stop 1 killed");
    tree_expect(world, top, "a stopped, b running 1");
    assert_int_equal(troupe_restart_child_wait(world->ctx, top, TROUPE_NO_LIMIT, "a", &ref),
                     TROUPE_OK);
    world_sync(world, ref); // while the one before still hangs
    let_go(world);
    tree_expect(world, top, "a running 1, b running 1");
}

// ---- Hanging starts

static troupe_status hang_in_init(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    return pass_gate(ctx, puppet, arg);
}

static const struct order hanging_init = {hang_in_init, NULL};

#define HANGING_START(id) HANGING(id, .shutdown_ms = 1, RUN(&hanging_init))

static troupe_status own(troupe_ctx *ctx, struct puppet *puppet, void *spec)
{
    WORLD_CHECK(troupe_supervise(ctx, spec, &puppet->other) == TROUPE_OK);
    return troupe_monitor(ctx, puppet->other, TROUPE_ON_STOP | TROUPE_ON_START, NULL);
}

static troupe_status stop_other(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)arg;
    return troupe_stop(ctx, puppet->other);
}

WORLD_STORY_ON_THREADS(a_supervisor_can_be_stopped_while_the_start_of_a_child_hangs)
{
    static const troupe_child three[] = {PUPPET("a"), HANGING_START("b"), PUPPET("c")};
    troupe_supervisor spec = {TREE(three)};
    troupe_ref owner = world_spawn(world, "owner", NULL, NULL);
    gate_init(&gate);
    world_do(world, owner, own, &spec);
    gate_await(&gate);
    world_do(world, owner, stop_other, NULL);
    world_await_all(world, "owner", "init 1; down stop 1 shutdown");
    world_expect(world, "a", "init 1; stop shutdown");
    world_expect(world, "c", "");
    let_go(world);
}

static troupe_status ask_to_start(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    static char start[] = "start";
    static const troupe_child child = HANGING_START("c");
    puppet->other = *(troupe_ref *)arg;
    return troupe_start_child(ctx, puppet->other, TROUPE_NO_LIMIT, tree_say_outcome, start, &child);
}

WORLD_STORY_ON_THREADS(a_child_whose_start_hangs_can_be_stopped)
{
    static const troupe_child two[] = {PUPPET("a"), PUPPET("b")};
    static const troupe_child again = PUPPET("c");
    troupe_ref top = tree_start_owned(world, &(troupe_supervisor){TREE(two)}), ref;
    troupe_ref asker = world_spawn(world, "asker", NULL, NULL);
    gate_init(&gate);
    world_do(world, asker, ask_to_start, &top);
    gate_await(&gate);
    tree_expect(world, top, "a running 1, b running 1, c starting");
    assert_int_equal(troupe_start_child_wait(world->ctx, top, TROUPE_NO_LIMIT, &again, &ref),
                     TROUPE_EEXIST);
    assert_true(troupe_ref_equal(ref, tree_child(world, top, "c")));
    assert_int_equal(troupe_delete_child_wait(world->ctx, top, TROUPE_NO_LIMIT, "c"), TROUPE_EBUSY);
    assert_int_equal(troupe_stop_child_wait(world->ctx, top, TROUPE_NO_LIMIT, "c"), TROUPE_OK);
    world_await_all(world, "asker", "init 1; start: TROUPE_ESTART");
    let_go(world);
    world_expect(world, "owner", "init 1; down start 1");
    assert_int_equal(troupe_incarnation(world->ctx, ref), 0);
}

WORLD_STORY_ON_THREADS(a_supervisor_can_be_stopped_while_the_stop_for_a_group_hangs)
{
    static const troupe_child two[] = {HANGING("a", .shutdown_ms = TROUPE_NO_LIMIT), PUPPET("b")};
    troupe_supervisor spec = {.strategy = TROUPE_ONE_FOR_ALL, TREE(two)};
    troupe_ref top = tree_start_owned(world, &spec);
    hang(world, tree_child(world, top, "a"));
    tree_fail(world, top, "b"); // then "a" is told to stop, and hangs
    tree_await(world, top, "a restarting, b restarting");
    world_watch(world, "witness", tree_child(world, top, "b"), TROUPE_ON_STOP);
    troupe_stop(world->ctx, top);
    world_await(world, "witness", "down stop 1 failed: broken"); // it has seen that
    let_go(world);
    await_end(world, "shutdown");
    world_expect(world, "a", "init 1; stop shutdown");
    world_expect(world, "b", "init 1; stop failed: broken");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(children_may_end_by_themselves_while_it_waits_for_another_to_stop),
        cmocka_unit_test(members_may_end_by_themselves_while_it_waits_for_another_to_stop),
        cmocka_unit_test(children_may_end_by_themselves_just_when_it_is_stopped),
        cmocka_unit_test(temporary_dynamic_children_may_end_just_when_it_is_stopped),
        cmocka_unit_test(transient_dynamic_children_may_end_just_when_it_is_stopped),
        cmocka_unit_test(permanent_dynamic_children_may_end_just_when_it_is_stopped),
        cmocka_unit_test(of_dynamic_children_those_that_hang_are_killed),
        cmocka_unit_test(dynamic_children_to_be_killed_now_are_not_asked_first),
        cmocka_unit_test(a_request_to_stop_one_that_hangs_ends_with_its_kill),
        cmocka_unit_test(a_supervisor_can_be_stopped_while_the_start_of_a_child_hangs),
        cmocka_unit_test(a_child_whose_start_hangs_can_be_stopped),
        cmocka_unit_test(a_supervisor_can_be_stopped_while_the_stop_for_a_group_hangs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
