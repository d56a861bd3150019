// Exit signals and supervisors: whom a supervisor heeds, what a signal does to a supervised child,
// and links between children, their supervisor and strangers.
#include "tests/support/world.h"
#include "troupe/children.h"
#include "troupe/name.h"

static char broken[] = "broken";

static troupe_status link_with(troupe_ctx *ctx, struct puppet *puppet, void *ref)
{
    puppet->other = *(troupe_ref *)ref;
    return troupe_link(ctx, puppet->other);
}

static troupe_status link_with_owner(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)arg;
    puppet->other = troupe_owner(ctx);
    return troupe_link(ctx, puppet->other);
}

static troupe_status trap(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet, (void)arg;
    return troupe_trap_exits(ctx, true);
}

static troupe_status trap_and_link(troupe_ctx *ctx, struct puppet *puppet, void *ref)
{
    troupe_status status = troupe_trap_exits(ctx, true);
    return status == TROUPE_OK ? link_with(ctx, puppet, ref) : status;
}

// A supervisor of the system's with two puppets, "a" and "b".
struct family {
    troupe_ref supervisor, a, b;
};

static struct family supervise(struct world *world, puppet_fn init, troupe_restart restart)
{
    struct order order = {init, NULL};
    troupe_child children[] = {{.id = "a", .restart = restart}, {.id = "b", .restart = restart}};
    for (int i = 0; i < 2; i++) {
        children[i].behavior = &puppet_behavior;
        children[i].args_type = TROUPE_TYPE(Do);
        children[i].args = &order;
    }
    troupe_supervisor spec = {.max_restarts = 10, .children = children, .child_count = 2};
    struct family family;
    assert_int_equal(troupe_supervise_wait(world->ctx, &spec, &family.supervisor), TROUPE_OK);
    assert_int_equal(troupe_child_ref(world->ctx, family.supervisor, "a", &family.a), TROUPE_OK);
    assert_int_equal(troupe_child_ref(world->ctx, family.supervisor, "b", &family.b), TROUPE_OK);
    return family;
}

static void expect_alive(struct world *world, troupe_ref ref)
{
    assert_int_equal(troupe_incarnation(world->ctx, ref), 1);
}

static void send_exit(struct world *world, troupe_ref ref, troupe_reason_kind kind)
{
    const troupe_reason reason = {.kind = kind, .status = TROUPE_EUSER, .text = "by hand"};
    assert_int_equal(troupe_exit(world->ctx, ref, &reason), TROUPE_OK);
}

static troupe_status exit_failed(troupe_ctx *ctx, struct puppet *puppet, void *ref)
{
    (void)puppet;
    const troupe_reason reason = {.kind = TROUPE_FAILED, .status = TROUPE_EUSER, .text = "by hand"};
    return troupe_exit(ctx, *(troupe_ref *)ref, &reason);
}

// ---- Links with a supervisor

WORLD_STORY(a_child_that_is_linked_with_its_supervisor_is_restarted_as_any_other)
{
    struct family family = supervise(world, link_with_owner, TROUPE_PERMANENT);
    world_do(world, family.a, puppet_fail, broken);
    world_await_all(world, "a", "init 1; stop failed: broken; init 2");
    world_do(world, family.b, puppet_fail, broken);
    world_await_all(world, "b", "init 1; stop failed: broken; init 2");
    expect_alive(world, family.supervisor);
}

WORLD_STORY(a_child_that_is_linked_with_its_supervisor_can_be_stopped)
{
    struct family family = supervise(world, link_with_owner, TROUPE_PERMANENT);
    assert_int_equal(troupe_stop_child_wait(world->ctx, family.supervisor, 0, "a"), TROUPE_OK);
    world_sync(world, family.b);
    expect_alive(world, family.supervisor);
    world_expect(world, "b", "init 1");
}

WORLD_STORY(a_temporary_child_that_is_linked_with_its_supervisor_ends_alone)
{
    struct family family = supervise(world, link_with_owner, TROUPE_TEMPORARY);
    troupe_kill(world->ctx, family.a);
    world_join(world, family.a);
    world_sync(world, family.b);
    expect_alive(world, family.supervisor);
}

WORLD_STORY(a_stranger_that_is_linked_with_a_supervisor_ends_alone)
{
    struct family family = supervise(world, NULL, TROUPE_PERMANENT);
    troupe_ref stranger = world_spawn(world, "stranger", NULL, NULL);
    world_do(world, stranger, link_with, &family.supervisor);
    world_do(world, stranger, puppet_fail, broken);
    world_join(world, stranger);
    world_sync(world, family.a);
    expect_alive(world, family.supervisor);
    world_expect(world, "a", "init 1");
}

WORLD_STORY(who_is_linked_with_a_supervisor_ends_with_it)
{
    struct family family = supervise(world, NULL, TROUPE_PERMANENT);
    troupe_ref stranger = world_spawn(world, "stranger", NULL, NULL);
    troupe_ref trapping = world_spawn(world, "trapping", NULL, NULL);
    world_do(world, stranger, link_with, &family.supervisor);
    world_do(world, trapping, trap_and_link, &family.supervisor);
    troupe_stop(world->ctx, family.supervisor);
    world_await_all(world, "stranger", "init 1; stop shutdown");
    world_await_all(world, "trapping", "init 1; exited 1 shutdown");
}

static troupe_ref inner; // the supervisor of the running story

static troupe_status supervise_and_link(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)arg;
    static const troupe_child child = {.id = "a", .behavior = &puppet_behavior};
    const troupe_supervisor spec = {
        .max_restarts = TROUPE_NO_RESTARTS, .children = &child, .child_count = 1};
    WORLD_CHECK(troupe_supervise(ctx, &spec, &inner) == TROUPE_OK);
    return link_with(ctx, puppet, &inner);
}

WORLD_STORY(an_owner_that_is_linked_with_its_supervisor_ends_when_that_gives_up)
{
    troupe_ref a, owner = world_spawn(world, "owner", NULL, NULL);
    world_do(world, owner, supervise_and_link, NULL);
    world_await(world, "a", "init 1");
    assert_int_equal(troupe_child_ref(world->ctx, inner, "a", &a), TROUPE_OK);
    world_do(world, a, puppet_fail, broken);
    world_await_all(world, "owner", "init 1; stop shutdown");
}

// ---- Signals to a supervisor

WORLD_STORY(a_supervisor_does_not_heed_its_children_nor_strangers)
{
    struct family family = supervise(world, NULL, TROUPE_PERMANENT);
    troupe_ref stranger = world_spawn(world, "stranger", NULL, NULL);
    world_do(world, stranger, exit_failed, &family.supervisor);
    world_do(world, family.a, exit_failed, &family.supervisor);
    assert_int_equal(troupe_stop_child_wait(world->ctx, family.supervisor, 0, "b"), TROUPE_OK);
    world_sync(world, family.a);
    world_expect(world, "a", "init 1");
}

WORLD_STORY(it_heeds_threads_outside)
{
    struct family family = supervise(world, NULL, TROUPE_PERMANENT);
    world_watch(world, "witness", family.supervisor, TROUPE_ON_STOP);
    send_exit(world, family.supervisor, TROUPE_FAILED);
    world_await_all(world, "witness", "down stop 1 failed: by hand");
    world_expect(world, "a", "init 1; stop shutdown");
    world_expect_order(world, "b", "stop shutdown", "a", "stop shutdown");
}

static troupe_status exit_inner(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)arg;
    return exit_failed(ctx, puppet, &inner);
}

WORLD_STORY(it_heeds_its_owner)
{
    troupe_ref owner = world_spawn(world, "owner", NULL, NULL);
    world_do(world, owner, supervise_and_link, NULL);
    world_await(world, "a", "init 1");
    world_do(world, owner, trap, NULL);
    world_do(world, owner, exit_inner, NULL);
    world_await_all(world, "owner", "init 1; exited 1 failed: by hand");
    world_expect(world, "a", "init 1; stop shutdown");
}

static troupe_status kill_by_signal(troupe_ctx *ctx, struct puppet *puppet, void *ref)
{
    (void)puppet;
    return troupe_exit(ctx, *(troupe_ref *)ref, &(troupe_reason){.kind = TROUPE_KILLED});
}

WORLD_STORY(killed_ends_it_whoever_sends_it)
{
    struct family family = supervise(world, NULL, TROUPE_PERMANENT);
    troupe_ref stranger = world_spawn(world, "stranger", NULL, NULL);
    world_watch(world, "witness", family.a, TROUPE_ON_STOP);
    world_do(world, stranger, kill_by_signal, &family.supervisor);
    world_await_all(world, "witness", "down stop 1 killed");
    world_join(world, family.supervisor);
    world_expect(world, "a", "init 1");
}

// ---- Signals to a supervised child

WORLD_STORY(a_sibling_may_end_a_child_which_is_restarted)
{
    struct family family = supervise(world, NULL, TROUPE_PERMANENT);
    world_do(world, family.b, exit_failed, &family.a);
    world_await_all(world, "a", "init 1; stop failed: by hand; init 2");
    world_expect(world, "b", "init 1");
}

WORLD_STORY(normal_does_nothing_to_a_child)
{
    struct family family = supervise(world, NULL, TROUPE_PERMANENT);
    send_exit(world, family.a, TROUPE_NORMAL);
    world_sync(world, family.a);
    world_expect(world, "a", "init 1");
}

WORLD_STORY(a_permanent_child_is_restarted_after_a_signal_of_shutdown)
{
    struct family family = supervise(world, NULL, TROUPE_PERMANENT);
    send_exit(world, family.a, TROUPE_SHUTDOWN);
    world_await_all(world, "a", "init 1; stop shutdown; init 2");
}

WORLD_STORY(a_transient_child_is_not_restarted_after_a_signal_of_shutdown)
{
    struct family family = supervise(world, NULL, TROUPE_TRANSIENT);
    send_exit(world, family.a, TROUPE_SHUTDOWN);
    world_join(world, family.a);
    send_exit(world, family.b, TROUPE_FAILED);
    world_await_all(world, "b", "init 1; stop failed: by hand; init 2");
    world_expect(world, "a", "init 1; stop shutdown");
}

WORLD_STORY(children_that_are_linked_fail_together_and_are_both_restarted)
{
    struct family family = supervise(world, NULL, TROUPE_PERMANENT);
    world_do(world, family.a, link_with, &family.b);
    world_do(world, family.a, puppet_fail, broken);
    world_await_all(world, "a", "init 1; stop failed: broken; init 2");
    world_await_all(world, "b", "init 1; stop failed: broken; init 2");
    world_do(world, family.a, puppet_fail, broken); // the link was of the first incarnations
    world_await(world, "a", "init 3");
    world_sync(world, family.b);
    world_expect(world, "b", "init 1; stop failed: broken; init 2");
}

// A group in which members end each other by their links fails once, whoever is seen first.
WORLD_STORY(linked_members_of_a_group_fail_once)
{
    const troupe_child children[] = {{.id = "a", .behavior = &puppet_behavior},
                                     {.id = "b", .behavior = &puppet_behavior},
                                     {.id = "c", .behavior = &puppet_behavior}};
    const troupe_supervisor spec = {.strategy = TROUPE_ONE_FOR_ALL, // one restart is allowed
                                    .children = children,
                                    .child_count = 3};
    troupe_ref supervisor, refs[3];
    assert_int_equal(troupe_supervise_wait(world->ctx, &spec, &supervisor), TROUPE_OK);
    for (int i = 0; i < 3; i++)
        assert_int_equal(troupe_child_ref(world->ctx, supervisor, children[i].id, &refs[i]),
                         TROUPE_OK);
    world_do(world, refs[0], link_with, &refs[1]);
    world_do(world, refs[1], link_with, &refs[2]);
    world_do(world, refs[1], puppet_fail, broken);
    for (int i = 0; i < 3; i++)
        world_await(world, children[i].id, "init 2");
    world_sync(world, refs[2]);
    expect_alive(world, supervisor);
    for (int i = 0; i < 3; i++)
        assert_int_equal(troupe_incarnation(world->ctx, refs[i]), 2);
}

// ---- While a child waits to be restarted

// A child that fails and is restarted 100 ms later.
static struct family fail_and_wait(struct world *world)
{
    static const troupe_child child = {
        .id = "a", .behavior = &puppet_behavior, .backoff = {.min_ms = 100}};
    const troupe_supervisor spec = {.max_restarts = 10, .children = &child, .child_count = 1};
    struct family family;
    assert_int_equal(troupe_supervise_wait(world->ctx, &spec, &family.supervisor), TROUPE_OK);
    assert_int_equal(troupe_child_ref(world->ctx, family.supervisor, "a", &family.a), TROUPE_OK);
    world_do(world, family.a, puppet_fail, broken);
    world_settle(world);
    return family;
}

WORLD_STORY_DRIVEN(a_signal_is_then_for_nobody)
{
    struct family family = fail_and_wait(world);
    send_exit(world, family.a, TROUPE_FAILED);
    send_exit(world, family.a, TROUPE_KILLED);
    send_exit(world, family.a, TROUPE_SHUTDOWN);
    world_await(world, "a", "init 2");
    world_sync(world, family.a);
    world_expect(world, "a", "init 1; stop failed: broken; init 2");
}

WORLD_STORY_DRIVEN(a_name_can_then_be_given_and_sent_to)
{
    struct family family = fail_and_wait(world);
    assert_int_equal(troupe_register(world->ctx, "x", family.a), TROUPE_OK);
    assert_true(troupe_ref_equal(troupe_whereis(world->ctx, "x"), family.a));
    assert_int_equal(troupe_send_name(world->ctx, "x", Number, .value = 5), TROUPE_OK);
    world_await_all(world, "a", "init 1; stop failed: broken; init 2; 5");
}

WORLD_STORY_DRIVEN(a_link_is_then_with_the_next_incarnation)
{
    struct family family = fail_and_wait(world);
    troupe_ref b = world_spawn(world, "b", NULL, NULL);
    world_do(world, b, trap_and_link, &family.a);
    world_await(world, "a", "init 2");
    world_do(world, family.a, puppet_fail, broken);
    world_await_all(world, "b", "init 1; exited 2 failed: broken");
}

WORLD_STORY_DRIVEN(a_link_is_then_with_nobody_if_none_comes)
{
    struct family family = fail_and_wait(world);
    troupe_ref b = world_spawn(world, "b", NULL, NULL), c = world_spawn(world, "c", NULL, NULL);
    world_sync(world, c);
    world_do(world, b, trap_and_link, &family.a);
    world_do(world, c, link_with, &family.a);
    assert_int_equal(troupe_stop_child_wait(world->ctx, family.supervisor, 0, "a"), TROUPE_OK);
    world_await_all(world, "b", "init 1; exited 0 noactor");
    world_await_all(world, "c", "init 1; stop noactor");
}

// ---- Amid the start

#define MANY 300 // monitors: the start is told in more than one batch

static troupe_status exit_in_the_start(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet, (void)arg;
    const troupe_reason reason = {.kind = TROUPE_FAILED, .status = TROUPE_EUSER, .text = "by hand"};
    return troupe_exit(troupe_outside(troupe_system_of(ctx)), troupe_owner(ctx), &reason);
}

static troupe_status supervise_and_watch_often(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)arg;
    struct order order = {exit_in_the_start, NULL};
    const troupe_child child = {
        .id = "a", .behavior = &puppet_behavior, .args_type = TROUPE_TYPE(Do), .args = &order};
    const troupe_supervisor spec = {.children = &child, .child_count = 1};
    WORLD_CHECK(troupe_supervise(ctx, &spec, &puppet->other) == TROUPE_OK);
    inner = puppet->other;
    for (int i = 0; i < MANY; i++)
        WORLD_CHECK(troupe_monitor(ctx, inner, TROUPE_ON_START, NULL) == TROUPE_OK);
    return TROUPE_OK;
}

WORLD_STORY(a_signal_that_comes_while_its_start_is_told_ends_it)
{
    troupe_ref owner = world_spawn(world, "owner", NULL, NULL);
    world_do(world, owner, supervise_and_watch_often, NULL);
    world_join(world, inner);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_child_that_is_linked_with_its_supervisor_is_restarted_as_any_other),
        cmocka_unit_test(a_child_that_is_linked_with_its_supervisor_can_be_stopped),
        cmocka_unit_test(a_temporary_child_that_is_linked_with_its_supervisor_ends_alone),
        cmocka_unit_test(a_stranger_that_is_linked_with_a_supervisor_ends_alone),
        cmocka_unit_test(who_is_linked_with_a_supervisor_ends_with_it),
        cmocka_unit_test(an_owner_that_is_linked_with_its_supervisor_ends_when_that_gives_up),
        cmocka_unit_test(a_supervisor_does_not_heed_its_children_nor_strangers),
        cmocka_unit_test(it_heeds_threads_outside),
        cmocka_unit_test(it_heeds_its_owner),
        cmocka_unit_test(killed_ends_it_whoever_sends_it),
        cmocka_unit_test(a_sibling_may_end_a_child_which_is_restarted),
        cmocka_unit_test(normal_does_nothing_to_a_child),
        cmocka_unit_test(a_permanent_child_is_restarted_after_a_signal_of_shutdown),
        cmocka_unit_test(a_transient_child_is_not_restarted_after_a_signal_of_shutdown),
        cmocka_unit_test(children_that_are_linked_fail_together_and_are_both_restarted),
        cmocka_unit_test(linked_members_of_a_group_fail_once),
        cmocka_unit_test(a_signal_is_then_for_nobody),
        cmocka_unit_test(a_name_can_then_be_given_and_sent_to),
        cmocka_unit_test(a_link_is_then_with_the_next_incarnation),
        cmocka_unit_test(a_link_is_then_with_nobody_if_none_comes),
        cmocka_unit_test(a_signal_that_comes_while_its_start_is_told_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
