// What a supervisor tells of its children: which there are and how they are, how many, and their
// specifications.
#include "tests/support/gate.h"
#include "tests/support/tree.h"

#include <string.h>

static const troupe_supervisor empty = {.name = NULL};

static const troupe_child mixed[] = {PUPPET("a", .restart = TROUPE_TRANSIENT),
                                     {.id = "inner", .supervisor = &empty},
                                     PUPPET("b", .backoff = NEVER_WITHIN_A_STORY)};

static troupe_ref start_mixed(struct world *world)
{
    return tree_start(world, &(troupe_supervisor){TREE(mixed)});
}

// ---- Which

WORLD_STORY(children_are_told_in_the_order_of_their_start)
{
    troupe_ref top = start_mixed(world);
    troupe_msg *reply;
    assert_int_equal(troupe_which_children_wait(world->ctx, top, 0, &reply), TROUPE_OK);
    const troupe_children *children = TREE_REPLY(reply, troupe_children);
    assert_int_equal(children->count, 3);
    const char *const ids[] = {"a", "inner", "b"};
    for (size_t i = 0; i < 3; i++) {
        const troupe_child_info *child = &children->children[i];
        assert_string_equal(child->id, ids[i]);
        assert_true(troupe_ref_equal(child->ref, tree_child(world, top, ids[i])));
        assert_int_equal(child->state, TROUPE_CHILD_RUNNING);
        assert_int_equal(child->incarnation, 1);
        assert_int_equal(child->is_supervisor, i == 1);
        assert_int_equal(child->restart, i == 0 ? TROUPE_TRANSIENT : TROUPE_PERMANENT);
        assert_string_equal(child->behavior, i == 1 ? "supervisor" : "puppet");
    }
    troupe_msg_free(world->ctx, reply);
}

WORLD_STORY(a_child_that_does_not_run_has_no_ref)
{
    troupe_ref top = start_mixed(world);
    assert_int_equal(troupe_stop_child_wait(world->ctx, top, 0, "a"), TROUPE_OK);
    troupe_msg *reply;
    assert_int_equal(troupe_which_children_wait(world->ctx, top, 0, &reply), TROUPE_OK);
    const troupe_children *children = TREE_REPLY(reply, troupe_children);
    assert_int_equal(children->children[0].state, TROUPE_CHILD_STOPPED);
    assert_true(troupe_ref_is_none(children->children[0].ref));
    assert_int_equal(children->children[0].incarnation, 0);
    assert_string_equal(children->children[0].id, "a");
    troupe_msg_free(world->ctx, reply);
}

WORLD_STORY(a_child_that_waits_for_its_restart_has_its_ref)
{
    troupe_ref top = start_mixed(world), b = tree_child(world, top, "b");
    tree_fail(world, top, "b");
    tree_await(world, top, "a running 1, inner running 1, b restarting");
    troupe_msg *reply;
    assert_int_equal(troupe_which_children_wait(world->ctx, top, 0, &reply), TROUPE_OK);
    const troupe_children *children = TREE_REPLY(reply, troupe_children);
    assert_true(troupe_ref_equal(children->children[2].ref, b));
    assert_true(troupe_ref_equal(tree_child(world, top, "b"), b));
    troupe_msg_free(world->ctx, reply);
}

WORLD_STORY(the_incarnation_is_told)
{
    static const troupe_child children[] = {PUPPET("a"), PUPPET("b")};
    troupe_ref top = tree_start(world, &(troupe_supervisor){.max_restarts = MANY, TREE(children)});
    for (int i = 0; i < 3; i++)
        tree_fail(world, top, "b");
    tree_await(world, top, "a running 1, b running 4");
}

WORLD_STORY(a_supervisor_without_children_tells_of_none)
{
    troupe_ref top = tree_start(world, &empty);
    troupe_msg *reply;
    assert_int_equal(troupe_which_children_wait(world->ctx, top, 0, &reply), TROUPE_OK);
    assert_int_equal(TREE_REPLY(reply, troupe_children)->count, 0);
    troupe_msg_free(world->ctx, reply);
    tree_expect_count(world, top, 0, 0, 0, 0);
}

WORLD_STORY(a_supervisor_that_starts_answers_when_it_has)
{
    troupe_supervisor spec = {TREE(mixed)};
    troupe_ref top;
    assert_int_equal(troupe_supervise(world->ctx, &spec, &top), TROUPE_OK);
    tree_expect(world, top, "a running 1, inner running 1, b running 1");
}

// A child of which a handler is held stays in its stop.
static struct gate gate;

static troupe_status pass_gate(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)ctx;
    (void)puppet;
    (void)arg;
    gate_pass(&gate);
    return TROUPE_OK;
}

WORLD_STORY_ON_THREADS(a_supervisor_answers_while_a_child_stops)
{
    static const troupe_child children[] = {
        PUPPET("a"), PUPPET("b", .place = TROUPE_ON_THREAD, .shutdown_ms = TROUPE_NO_LIMIT)};
    gate_init(&gate);
    troupe_ref top = tree_start(world, &(troupe_supervisor){TREE(children)}), ref;
    world_tell(world, tree_child(world, top, "b"), pass_gate, NULL);
    gate_await(&gate);
    assert_int_equal(troupe_stop_child(world->ctx, top, 0, NULL, NULL, "b"), TROUPE_OK);
    tree_await(world, top, "a running 1, b stopping");
    tree_fail(world, top, "a"); // goes on beside it
    tree_await(world, top, "a running 2, b stopping");
    assert_int_equal(troupe_delete_child_wait(world->ctx, top, 0, "b"), TROUPE_ERESTARTING);
    assert_int_equal(troupe_restart_child_wait(world->ctx, top, 0, "b", &ref), TROUPE_ERESTARTING);
    gate_open(&gate);
    tree_await(world, top, "a running 2, b stopped");
    world_expect(world, "b", "init 1; stop shutdown"); // a handler in time is no kill
}

// ---- Count

WORLD_STORY(all_specifications_are_counted_and_who_runs)
{
    troupe_ref top = start_mixed(world);
    tree_expect_count(world, top, 3, 3, 1, 2);
    assert_int_equal(troupe_stop_child_wait(world->ctx, top, 0, "a"), TROUPE_OK);
    tree_expect_count(world, top, 3, 2, 1, 2);
    assert_int_equal(troupe_stop_child_wait(world->ctx, top, 0, "inner"), TROUPE_OK);
    tree_expect_count(world, top, 3, 1, 1, 2);
    tree_fail(world, top, "b");
    tree_await_count(world, top, 3, 0, 1, 2);
    assert_int_equal(troupe_delete_child_wait(world->ctx, top, 0, "inner"), TROUPE_OK);
    tree_expect_count(world, top, 2, 0, 0, 2);
}

// ---- Specifications

WORLD_STORY(a_specification_is_told_as_it_was_given)
{
    static const struct order nothing = {NULL, NULL};
    static const troupe_child children[] = {
        PUPPET("a", RUN(&nothing), .restart = TROUPE_TRANSIENT, .place = TROUPE_ON_THREAD,
               .shutdown_ms = 77, .significant = true, .max_restarts = 5, .within_ms = 66,
               .backoff = {.min_ms = 10, .max_ms = 20, .random_percent = 30, .quiet_ms = 40},
               .register_as = "the a", .memory_limit = 12345, .kill_grace_ms = 99)};
    troupe_supervisor spec = {.auto_shutdown = TROUPE_ANY_SIGNIFICANT, TREE(children)};
    troupe_ref top = tree_start(world, &spec);
    troupe_msg *reply;
    assert_int_equal(troupe_child_spec_wait(world->ctx, top, 0, "a", &reply), TROUPE_OK);
    const troupe_child *child = &TREE_REPLY(reply, troupe_child_spec_reply)->child;
    assert_string_equal(child->id, "a");
    assert_ptr_equal(child->behavior, &puppet_behavior);
    assert_null(child->supervisor);
    assert_int_equal(child->restart, TROUPE_TRANSIENT);
    assert_int_equal(child->place, TROUPE_ON_THREAD);
    assert_int_equal(child->shutdown_ms, 77);
    assert_true(child->significant);
    assert_int_equal(child->max_restarts, 5);
    assert_int_equal(child->within_ms, 66);
    assert_int_equal(child->backoff.min_ms, 10);
    assert_int_equal(child->backoff.max_ms, 20);
    assert_int_equal(child->backoff.random_percent, 30);
    assert_int_equal(child->backoff.quiet_ms, 40);
    assert_string_equal(child->register_as, "the a");
    assert_int_equal(child->memory_limit, 12345);
    assert_int_equal(child->kill_grace_ms, 99);
    assert_ptr_equal(child->args_type, TROUPE_TYPE(Do));
    assert_memory_equal(child->args, &nothing, sizeof nothing);
    troupe_msg_free(world->ctx, reply);
}

WORLD_STORY(a_specification_is_told_of_who_does_not_run_and_outlives_its_child)
{
    troupe_ref top = start_mixed(world);
    troupe_msg *reply;
    assert_int_equal(troupe_stop_child_wait(world->ctx, top, 0, "inner"), TROUPE_OK);
    assert_int_equal(troupe_child_spec_wait(world->ctx, top, 0, "inner", &reply), TROUPE_OK);
    assert_int_equal(troupe_delete_child_wait(world->ctx, top, 0, "inner"), TROUPE_OK);
    troupe_stop(world->ctx, top);
    world_join(world, top);
    const troupe_child *child = &TREE_REPLY(reply, troupe_child_spec_reply)->child;
    assert_string_equal(child->id, "inner");
    assert_ptr_equal(child->supervisor, &empty);
    assert_null(child->args);
    assert_int_equal(child->shutdown_ms, 0); // the default
    troupe_msg_free(world->ctx, reply);
}

WORLD_STORY(a_specification_of_a_running_child_can_be_given_back)
{
    troupe_ref top = start_mixed(world), other = tree_start(world, &empty), ref;
    troupe_msg *reply;
    assert_int_equal(troupe_child_spec_wait(world->ctx, top, 0, "a", &reply), TROUPE_OK);
    const troupe_child *child = &TREE_REPLY(reply, troupe_child_spec_reply)->child;
    assert_int_equal(troupe_start_child_wait(world->ctx, other, 0, child, &ref), TROUPE_OK);
    troupe_msg_free(world->ctx, reply);
    tree_expect(world, other, "a running 1");
}

WORLD_STORY(there_is_no_specification_of_an_unknown_child)
{
    troupe_ref top = start_mixed(world);
    troupe_msg *reply = NULL;
    assert_int_equal(troupe_child_spec_wait(world->ctx, top, 0, "x", &reply), TROUPE_ENOENT);
    assert_non_null(strstr(troupe_error_text(world->ctx), "\"x\""));
    assert_null(reply);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(children_are_told_in_the_order_of_their_start),
        cmocka_unit_test(a_child_that_does_not_run_has_no_ref),
        cmocka_unit_test(a_child_that_waits_for_its_restart_has_its_ref),
        cmocka_unit_test(the_incarnation_is_told),
        cmocka_unit_test(a_supervisor_without_children_tells_of_none),
        cmocka_unit_test(a_supervisor_that_starts_answers_when_it_has),
        cmocka_unit_test(a_supervisor_answers_while_a_child_stops),
        cmocka_unit_test(all_specifications_are_counted_and_who_runs),
        cmocka_unit_test(a_specification_is_told_as_it_was_given),
        cmocka_unit_test(a_specification_is_told_of_who_does_not_run_and_outlives_its_child),
        cmocka_unit_test(a_specification_of_a_running_child_can_be_given_back),
        cmocka_unit_test(there_is_no_specification_of_an_unknown_child),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
