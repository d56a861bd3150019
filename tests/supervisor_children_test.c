// Children at run time: start, stop, restart and delete, as threads outside ask for it. Which,
// count and specification: supervisor_query_test.c; actors that ask, and requests that cannot be
// made: supervisor_request_test.c.
#include "tests/support/tree.h"
#include "troupe/name.h"

#include <stdio.h>
#include <string.h>

static const troupe_child two[] = {PUPPET("a"), PUPPET("b")};
static const troupe_supervisor pair = {.max_restarts = TROUPE_NO_RESTARTS, TREE(two)};

static troupe_status start_child(struct world *world, troupe_ref top, troupe_child child,
                                 troupe_ref *ref)
{
    return troupe_start_child_wait(world->ctx, top, TROUPE_NO_LIMIT, &child, ref);
}

#define START_CHILD(top, ref, ...) start_child(world, (top), (troupe_child)__VA_ARGS__, (ref))

static troupe_status stop_child(struct world *world, troupe_ref top, const char *id)
{
    return troupe_stop_child_wait(world->ctx, top, TROUPE_NO_LIMIT, id);
}

static troupe_status restart_child(struct world *world, troupe_ref top, const char *id,
                                   troupe_ref *ref)
{
    return troupe_restart_child_wait(world->ctx, top, TROUPE_NO_LIMIT, id, ref);
}

static troupe_status delete_child(struct world *world, troupe_ref top, const char *id)
{
    return troupe_delete_child_wait(world->ctx, top, TROUPE_NO_LIMIT, id);
}

static void expect_text(struct world *world, const char *part)
{
    if (strstr(troupe_error_text(world->ctx), part) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", troupe_error_text(world->ctx), part);
}

// A supervisor whose child "a" waits for a restart that does not come.
static troupe_ref start_restarting(struct world *world)
{
    static const troupe_child children[] = {PUPPET("a", .backoff = NEVER_WITHIN_A_STORY),
                                            PUPPET("b")};
    troupe_ref top = tree_start(world, &(troupe_supervisor){.max_restarts = 1, TREE(children)});
    tree_fail(world, top, "a");
    tree_await(world, top, "a restarting, b running 1");
    return top;
}

// ---- Start

WORLD_STORY(a_child_is_started_after_those_that_are_there)
{
    troupe_ref top = tree_start(world, &pair), ref;
    assert_int_equal(START_CHILD(top, &ref, PUPPET("c")), TROUPE_OK);
    world_expect(world, "c", "init 1"); // it has waited for it
    assert_true(troupe_ref_equal(ref, tree_child(world, top, "c")));
    tree_expect(world, top, "a running 1, b running 1, c running 1");
    troupe_stop(world->ctx, top);
    world_join(world, top);
    world_expect_order(world, "c", "stop shutdown", "b", "stop shutdown");
}

WORLD_STORY(a_child_can_be_started_under_a_supervisor_without_any)
{
    troupe_ref top = tree_start(world, &(troupe_supervisor){.name = "top"}), ref;
    assert_int_equal(START_CHILD(top, &ref, PUPPET("a")), TROUPE_OK);
    tree_expect(world, top, "a running 1");
}

WORLD_STORY(a_started_child_is_restarted_as_any_other)
{
    troupe_ref top = tree_start(world, &(troupe_supervisor){.max_restarts = 5, TREE(two)}), ref;
    assert_int_equal(START_CHILD(top, &ref, PUPPET("c")), TROUPE_OK);
    world_do(world, ref, puppet_fail, broken);
    tree_await(world, top, "a running 1, b running 1, c running 2");
    assert_true(troupe_ref_equal(ref, tree_child(world, top, "c")));
}

WORLD_STORY(the_specification_of_a_started_child_is_copied)
{
    troupe_ref top = tree_start(world, &(troupe_supervisor){.max_restarts = 5, TREE(two)}), ref;
    char id[] = "c", name[] = "the c";
    struct order order = {NULL, NULL};
    troupe_child child = PUPPET(id, RUN(&order), .register_as = name);
    assert_int_equal(troupe_start_child_wait(world->ctx, top, 0, &child, &ref), TROUPE_OK);
    id[0] = name[0] = 'x';
    order.fn = puppet_fail;
    world_do(world, ref, puppet_fail, broken);
    tree_await(world, top, "a running 1, b running 1, c running 2");
    assert_true(troupe_ref_equal(troupe_whereis(world->ctx, "the c"), ref));
}

WORLD_STORY(an_id_that_exists_is_refused_with_the_ref_of_who_has_it)
{
    troupe_ref top = tree_start(world, &pair), ref;
    assert_int_equal(START_CHILD(top, &ref, PUPPET("a")), TROUPE_EEXIST);
    assert_true(troupe_ref_equal(ref, tree_child(world, top, "a")));
    expect_text(world, "\"a\"");
    assert_int_equal(stop_child(world, top, "a"), TROUPE_OK);
    assert_int_equal(START_CHILD(top, &ref, PUPPET("a")), TROUPE_EEXIST);
    assert_true(troupe_ref_is_none(ref)); // it does not run
    world_expect(world, "a", "init 1; stop shutdown");
}

WORLD_STORY(an_id_that_is_being_restarted_exists)
{
    troupe_ref top = start_restarting(world), ref;
    assert_int_equal(START_CHILD(top, &ref, PUPPET("a")), TROUPE_EEXIST);
}

WORLD_STORY(a_child_that_fails_to_start_is_forgotten)
{
    troupe_ref top = tree_start(world, &pair), ref = {1, 2, 3};
    const troupe_child bad = PUPPET("c", RUN(&tree_script(world, "-+")->order));
    assert_int_equal(start_child(world, top, bad, &ref), TROUPE_ESTART);
    assert_true(troupe_ref_is_none(ref));
    expect_text(world, "\"c\"");
    expect_text(world, "broken");
    tree_expect(world, top, "a running 1, b running 1"); // nor has it been counted
    assert_int_equal(start_child(world, top, bad, &ref), TROUPE_OK);
    tree_expect(world, top, "a running 1, b running 1, c running 1");
}

WORLD_STORY(a_supervisor_whose_child_fails_to_start_is_forgotten)
{
    troupe_ref top = tree_start(world, &pair), ref;
    const troupe_child children[] = {PUPPET("x"),
                                     PUPPET("y", RUN(&tree_script(world, "-")->order))};
    const troupe_supervisor bad = {.children = children, .child_count = 2};
    assert_int_equal(START_CHILD(top, &ref, {.id = "c", .supervisor = &bad}), TROUPE_ESTART);
    expect_text(world, "child \"y\": start failed (TROUPE_EUSER): broken");
    world_expect(world, "x", "init 1; stop shutdown");
    tree_expect(world, top, "a running 1, b running 1");
}

WORLD_STORY(a_child_that_ignores_its_start_is_kept)
{
    troupe_ref top = tree_start(world, &pair), ref = {1, 2, 3};
    const troupe_child child = PUPPET("c", RUN(&tree_script(world, "i+")->order));
    assert_int_equal(start_child(world, top, child, &ref), TROUPE_OK);
    assert_true(troupe_ref_is_none(ref));
    tree_expect(world, top, "a running 1, b running 1, c stopped");
    assert_int_equal(restart_child(world, top, "c", &ref), TROUPE_OK);
    tree_expect(world, top, "a running 1, b running 1, c running 1");
}

WORLD_STORY(a_temporary_child_that_ignores_its_start_is_forgotten)
{
    troupe_ref top = tree_start(world, &pair), ref = {1, 2, 3};
    const troupe_child child =
        PUPPET("c", RUN(&tree_script(world, "i")->order), .restart = TROUPE_TEMPORARY);
    assert_int_equal(start_child(world, top, child, &ref), TROUPE_OK);
    assert_true(troupe_ref_is_none(ref));
    tree_expect(world, top, "a running 1, b running 1");
}

WORLD_STORY(a_child_that_stops_in_init_has_started)
{
    troupe_ref top = tree_start(world, &pair), ref;
    const troupe_child child =
        PUPPET("c", RUN(&tree_script(world, "s")->order), .restart = TROUPE_TRANSIENT);
    assert_int_equal(start_child(world, top, child, &ref), TROUPE_OK);
    tree_await(world, top, "a running 1, b running 1, c stopped");
}

WORLD_STORY(temporary_children_are_not_kept)
{
    troupe_ref top = tree_start(world, &pair), ref;
    for (int i = 0; i < 5; i++) { // OTP: do_not_save_child_specs_for_temporary_children
        assert_int_equal(START_CHILD(top, &ref, PUPPET("t", .restart = TROUPE_TEMPORARY)),
                         TROUPE_OK);
        world_do(world, ref, i % 2 ? puppet_fail : puppet_stop, broken);
        tree_await(world, top, "a running 1, b running 1");
    }
    assert_int_equal(START_CHILD(top, &ref, PUPPET("t", .restart = TROUPE_TEMPORARY)), TROUPE_OK);
    assert_int_equal(stop_child(world, top, "t"), TROUPE_OK);
    tree_expect(world, top, "a running 1, b running 1");
    assert_int_equal(restart_child(world, top, "t", &ref), TROUPE_ENOENT);
}

WORLD_STORY_DRIVEN(a_start_waits_until_a_group_restart_is_through)
{
    static const troupe_child children[] = {PUPPET("a"), PUPPET("b", .backoff = {.min_ms = 1000})};
    troupe_supervisor spec = {.strategy = TROUPE_ONE_FOR_ALL, .max_restarts = 1, TREE(children)};
    troupe_ref top = tree_start(world, &spec), ref;
    tree_fail(world, top, "b");
    tree_await(world, top, "a restarting, b restarting");
    world_settle(world);
    assert_int_equal(START_CHILD(top, &ref, PUPPET("c")), TROUPE_OK);
    tree_expect(world, top, "a running 2, b running 2, c running 1");
    world_expect_order(world, "b", "init 2", "c", "init 1");
    world_expect(world, "c", "init 1");
}

// OTP: already_started_outside_supervisor.
WORLD_STORY(a_name_that_is_taken_is_refused_with_the_ref_of_who_has_it)
{
    troupe_ref top = tree_start(world, &pair), ref;
    troupe_ref other = world_spawn(world, "other", NULL, NULL);
    assert_int_equal(troupe_register(world->ctx, "the c", other), TROUPE_OK);
    assert_int_equal(START_CHILD(top, &ref, PUPPET("c", .register_as = "the c")), TROUPE_EEXIST);
    assert_true(troupe_ref_equal(ref, other));
    expect_text(world, "no new c: register_as: the name \"the c\" is taken by ");
    tree_expect(world, top, "a running 1, b running 1");
    assert_int_equal(troupe_unregister(world->ctx, "the c"), TROUPE_OK);
    assert_int_equal(START_CHILD(top, &ref, PUPPET("c", .register_as = "the c")), TROUPE_OK);
    assert_int_equal(stop_child(world, top, "c"), TROUPE_OK);
    assert_int_equal(troupe_register(world->ctx, "the c", other), TROUPE_OK);
    assert_int_equal(restart_child(world, top, "c", &ref), TROUPE_EEXIST);
    assert_true(troupe_ref_equal(ref, other));
    tree_expect(world, top, "a running 1, b running 1, c stopped");
}

// ---- Stop

WORLD_STORY(a_child_is_stopped_and_its_specification_kept)
{
    troupe_ref top = tree_start(world, &pair), a = tree_child(world, top, "a"), ref;
    assert_int_equal(stop_child(world, top, "a"), TROUPE_OK);
    world_expect(world, "a", "init 1; stop shutdown"); // it has waited for it
    tree_expect(world, top, "a stopped, b running 1");
    assert_int_equal(troupe_incarnation(world->ctx, a), 0);
    assert_int_equal(troupe_send(world->ctx, a, Number, .value = 1), TROUPE_EDEAD);
    assert_int_equal(troupe_child_ref(world->ctx, top, "a", &ref), TROUPE_ENOENT);
    assert_int_equal(stop_child(world, top, "a"), TROUPE_OK); // also when it does not run
    world_expect(world, "b", "init 1");
}

WORLD_STORY(the_messages_of_a_stopped_child_are_dead_letters)
{
    troupe_ref top = start_restarting(world), a = tree_child(world, top, "a");
    troupe_send(world->ctx, a, Number, .value = 7);
    assert_int_equal(stop_child(world, top, "a"), TROUPE_OK);
    world_await(world, "dead", "Number 7 ended");
}

WORLD_STORY(a_stop_is_not_counted_and_not_followed_by_a_restart)
{
    static const troupe_child children[] = {PUPPET("a"), PUPPET("b")};
    troupe_supervisor spec = {
        .strategy = TROUPE_ONE_FOR_ALL, .max_restarts = TROUPE_NO_RESTARTS, TREE(children)};
    troupe_ref top = tree_start(world, &spec);
    assert_int_equal(stop_child(world, top, "a"), TROUPE_OK);
    assert_int_equal(stop_child(world, top, "b"), TROUPE_OK);
    tree_expect(world, top, "a stopped, b stopped");
    assert_int_equal(troupe_incarnation(world->ctx, top), 1);
}

WORLD_STORY(a_child_may_be_stopped_by_its_ref)
{
    troupe_ref top = tree_start(world, &pair), a = tree_child(world, top, "a");
    assert_int_equal(troupe_stop_child_ref_wait(world->ctx, top, 0, a), TROUPE_OK);
    tree_expect(world, top, "a stopped, b running 1");
    assert_int_equal(troupe_stop_child_ref_wait(world->ctx, top, 0, a), TROUPE_ENOENT);
}

WORLD_STORY(a_child_that_is_unknown_is_not_stopped)
{
    troupe_ref top = tree_start(world, &pair), other = tree_start(world, &pair);
    assert_int_equal(stop_child(world, top, "c"), TROUPE_ENOENT);
    expect_text(world, "\"c\"");
    troupe_ref a = tree_child(world, other, "a");
    assert_int_equal(troupe_stop_child_ref_wait(world->ctx, top, 0, a), TROUPE_ENOENT);
    tree_expect(world, other, "a running 1, b running 1");
}

WORLD_STORY(a_stopped_childs_name_is_free)
{
    static const troupe_child child = PUPPET("a", .register_as = "the a");
    troupe_supervisor spec = {.children = &child, .child_count = 1};
    troupe_ref top = tree_start(world, &spec), ref;
    assert_int_equal(stop_child(world, top, "a"), TROUPE_OK);
    assert_true(troupe_ref_is_none(troupe_whereis(world->ctx, "the a")));
    assert_int_equal(restart_child(world, top, "a", &ref), TROUPE_OK);
    assert_true(troupe_ref_equal(troupe_whereis(world->ctx, "the a"), ref));
}

WORLD_STORY(a_child_that_waits_for_its_restart_is_not_restarted_any_more_once_stopped)
{
    troupe_ref top = start_restarting(world), a = tree_child(world, top, "a"), ref;
    assert_int_equal(stop_child(world, top, "a"), TROUPE_OK);
    tree_expect(world, top, "a stopped, b running 1");
    assert_int_equal(troupe_incarnation(world->ctx, a), 0);
    if (world->driven)
        world_advance(world, 2 * AN_HOUR);
    world_expect(world, "a", "init 1; stop failed: broken");
    assert_int_equal(restart_child(world, top, "a", &ref), TROUPE_OK);
    assert_false(troupe_ref_equal(ref, a));
}

// ---- Restart

WORLD_STORY(a_stopped_child_is_started_again_at_its_place_with_a_new_ref)
{
    troupe_ref top = tree_start(world, &pair), a = tree_child(world, top, "a"), ref;
    assert_int_equal(stop_child(world, top, "a"), TROUPE_OK);
    assert_int_equal(restart_child(world, top, "a", &ref), TROUPE_OK); // no failure, not counted
    world_expect(world, "a", "init 1; stop shutdown; init 1");         // it has waited for it
    assert_false(troupe_ref_equal(ref, a));
    assert_true(troupe_ref_equal(ref, tree_child(world, top, "a")));
    tree_expect(world, top, "a running 1, b running 1");
    troupe_stop(world->ctx, top);
    world_join(world, top);
    assert_int_equal(world_heard(world, "a", "stop shutdown"), 2);
    world_await_all(world, "a", "init 1; stop shutdown; init 1; stop shutdown");
}

WORLD_STORY(a_child_that_ended_by_itself_can_be_started_again)
{
    static const troupe_child children[] = {PUPPET("a", .restart = TROUPE_TRANSIENT)};
    troupe_ref top = tree_start(world, &(troupe_supervisor){TREE(children)}), ref;
    tree_end(world, top, "a");
    tree_await(world, top, "a stopped");
    assert_int_equal(restart_child(world, top, "a", &ref), TROUPE_OK);
    tree_expect(world, top, "a running 1");
}

WORLD_STORY(a_child_that_ignored_its_start_can_be_started)
{
    const troupe_child children[] = {PUPPET("a", RUN(&tree_script(world, "ii+")->order))};
    troupe_ref top = tree_start(world, &(troupe_supervisor){TREE(children)}), ref = {1, 2, 3};
    tree_expect(world, top, "a stopped");
    assert_int_equal(restart_child(world, top, "a", &ref), TROUPE_OK); // it ignores this one, too
    assert_true(troupe_ref_is_none(ref));
    tree_expect(world, top, "a stopped");
    assert_int_equal(restart_child(world, top, "a", &ref), TROUPE_OK);
    tree_expect(world, top, "a running 1");
}

WORLD_STORY(only_a_child_that_does_not_run_is_started_again)
{
    troupe_ref top = start_restarting(world), ref;
    assert_int_equal(restart_child(world, top, "b", &ref), TROUPE_EBUSY);
    assert_true(troupe_ref_equal(ref, tree_child(world, top, "b")));
    expect_text(world, "\"b\"");
    assert_int_equal(restart_child(world, top, "a", &ref), TROUPE_ERESTARTING);
    expect_text(world, "\"a\"");
    assert_int_equal(restart_child(world, top, "c", &ref), TROUPE_ENOENT);
    assert_true(troupe_ref_is_none(ref));
    expect_text(world, "\"c\"");
    tree_expect(world, top, "a restarting, b running 1");
}

WORLD_STORY(a_child_whose_start_fails_again_stays_stopped)
{
    const troupe_child children[] = {PUPPET("a", RUN(&tree_script(world, "+-+")->order))};
    troupe_supervisor spec = {.max_restarts = TROUPE_NO_RESTARTS, TREE(children)};
    troupe_ref top = tree_start(world, &spec), ref = {1, 2, 3};
    assert_int_equal(stop_child(world, top, "a"), TROUPE_OK);
    assert_int_equal(restart_child(world, top, "a", &ref), TROUPE_ESTART);
    assert_true(troupe_ref_is_none(ref));
    expect_text(world, "broken");
    tree_expect(world, top, "a stopped");
    assert_int_equal(restart_child(world, top, "a", &ref), TROUPE_OK);
    tree_expect(world, top, "a running 1");
}

// ---- Delete

WORLD_STORY(a_stopped_child_can_be_forgotten)
{
    troupe_ref top = tree_start(world, &pair), ref;
    assert_int_equal(stop_child(world, top, "a"), TROUPE_OK);
    assert_int_equal(delete_child(world, top, "a"), TROUPE_OK);
    tree_expect(world, top, "b running 1");
    assert_int_equal(delete_child(world, top, "a"), TROUPE_ENOENT);
    assert_int_equal(restart_child(world, top, "a", &ref), TROUPE_ENOENT);
    assert_int_equal(START_CHILD(top, &ref, PUPPET("a")), TROUPE_OK); // now the last
    tree_expect(world, top, "b running 1, a running 1");
}

WORLD_STORY(only_a_child_that_does_not_run_can_be_forgotten)
{
    troupe_ref top = start_restarting(world);
    assert_int_equal(delete_child(world, top, "b"), TROUPE_EBUSY);
    expect_text(world, "\"b\"");
    assert_int_equal(delete_child(world, top, "a"), TROUPE_ERESTARTING);
    assert_int_equal(delete_child(world, top, "c"), TROUPE_ENOENT);
    tree_expect(world, top, "a restarting, b running 1");
}

WORLD_STORY(children_come_and_go_for_a_long_time)
{
    troupe_ref top = tree_start(world, &pair), ref;
    for (int i = 0; i < 20; i++) {
        assert_int_equal(START_CHILD(top, &ref, PUPPET("c")), TROUPE_OK);
        assert_int_equal(START_CHILD(top, &ref, PUPPET("d")), TROUPE_OK);
        assert_int_equal(stop_child(world, top, "c"), TROUPE_OK);
        assert_int_equal(delete_child(world, top, "c"), TROUPE_OK);
        assert_int_equal(stop_child(world, top, "d"), TROUPE_OK);
        assert_int_equal(delete_child(world, top, "d"), TROUPE_OK);
    }
    tree_expect(world, top, "a running 1, b running 1");
}

// Expects each of them, or nobody where the ref is zero.
static void expect_found(struct world *world, troupe_ref top, const troupe_ref *refs, int count)
{
    for (int i = 0; i < count; i++) {
        char id[16];
        troupe_ref ref;
        (void)snprintf(id, sizeof id, "%d", i);
        bool found = troupe_child_ref(world->ctx, top, id, &ref) == TROUPE_OK;
        assert_true(found ? troupe_ref_equal(ref, refs[i]) : troupe_ref_is_none(refs[i]));
    }
}

WORLD_STORY(children_are_found_by_their_ids_while_they_become_more)
{
    troupe_ref top = tree_start(world, &(troupe_supervisor){.name = "top"}), refs[36];
    for (int i = 0; i < (int)COUNT(refs); i++) {
        char id[16];
        (void)snprintf(id, sizeof id, "%d", i);
        assert_int_equal(START_CHILD(top, &refs[i], PUPPET(id)), TROUPE_OK);
        if (i % 3 == 2) { // and one of them less
            (void)snprintf(id, sizeof id, "%d", i / 2);
            if (stop_child(world, top, id) == TROUPE_OK)
                assert_int_equal(delete_child(world, top, id), TROUPE_OK);
            refs[i / 2] = (troupe_ref){0, 0, 0};
        }
        expect_found(world, top, refs, i + 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_child_is_started_after_those_that_are_there),
        cmocka_unit_test(a_child_can_be_started_under_a_supervisor_without_any),
        cmocka_unit_test(a_started_child_is_restarted_as_any_other),
        cmocka_unit_test(the_specification_of_a_started_child_is_copied),
        cmocka_unit_test(an_id_that_exists_is_refused_with_the_ref_of_who_has_it),
        cmocka_unit_test(an_id_that_is_being_restarted_exists),
        cmocka_unit_test(a_child_that_fails_to_start_is_forgotten),
        cmocka_unit_test(a_supervisor_whose_child_fails_to_start_is_forgotten),
        cmocka_unit_test(a_child_that_ignores_its_start_is_kept),
        cmocka_unit_test(a_temporary_child_that_ignores_its_start_is_forgotten),
        cmocka_unit_test(a_child_that_stops_in_init_has_started),
        cmocka_unit_test(temporary_children_are_not_kept),
        cmocka_unit_test(a_start_waits_until_a_group_restart_is_through),
        cmocka_unit_test(a_name_that_is_taken_is_refused_with_the_ref_of_who_has_it),
        cmocka_unit_test(a_child_is_stopped_and_its_specification_kept),
        cmocka_unit_test(the_messages_of_a_stopped_child_are_dead_letters),
        cmocka_unit_test(a_stop_is_not_counted_and_not_followed_by_a_restart),
        cmocka_unit_test(a_child_may_be_stopped_by_its_ref),
        cmocka_unit_test(a_child_that_is_unknown_is_not_stopped),
        cmocka_unit_test(a_stopped_childs_name_is_free),
        cmocka_unit_test(a_child_that_waits_for_its_restart_is_not_restarted_any_more_once_stopped),
        cmocka_unit_test(a_stopped_child_is_started_again_at_its_place_with_a_new_ref),
        cmocka_unit_test(a_child_that_ended_by_itself_can_be_started_again),
        cmocka_unit_test(a_child_that_ignored_its_start_can_be_started),
        cmocka_unit_test(only_a_child_that_does_not_run_is_started_again),
        cmocka_unit_test(a_child_whose_start_fails_again_stays_stopped),
        cmocka_unit_test(a_stopped_child_can_be_forgotten),
        cmocka_unit_test(only_a_child_that_does_not_run_can_be_forgotten),
        cmocka_unit_test(children_come_and_go_for_a_long_time),
        cmocka_unit_test(children_are_found_by_their_ids_while_they_become_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
