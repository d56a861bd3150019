// Simple one for one: children that are made at run time after one template. How they end:
// supervisor_dynamic_end_test.c; very many of them: supervisor_dynamic_stress.c.
#include "tests/support/tree.h"

#include <string.h>

static troupe_status say_word(troupe_ctx *ctx, struct puppet *puppet, void *word)
{
    (void)puppet;
    puppet_say(ctx, "%s", (const char *)word);
    return TROUPE_OK;
}

static char from_template[] = "as the template says", from_start[] = "as the start says";

static const struct order template_order = {say_word, from_template},
                          start_order = {say_word, from_start};

static const troupe_child plain = PUPPET("child"),
                          with_args = PUPPET("child", RUN(&template_order));

static troupe_status try_with(struct world *world, troupe_ref top, const struct order *order,
                              troupe_ref *ref)
{
    troupe_child args = {RUN(order)};
    return troupe_start_child_wait(world->ctx, top, TROUPE_NO_LIMIT, &args, ref);
}

static troupe_ref add_with(struct world *world, troupe_ref top, const struct order *order)
{
    troupe_ref ref;
    assert_int_equal(try_with(world, top, order, &ref), TROUPE_OK);
    return ref;
}

static troupe_status stop_ref(struct world *world, troupe_ref top, troupe_ref child)
{
    return troupe_stop_child_ref_wait(world->ctx, top, TROUPE_NO_LIMIT, child);
}

// ---- Starting

WORLD_STORY(no_child_is_started_at_first)
{
    troupe_ref top = tree_start_dynamic(world, &plain);
    tree_expect(world, top, "");
    tree_expect_count(world, top, 1, 0, 0, 0);
    world_expect(world, "child", "");
}

WORLD_STORY(children_get_the_templates_arguments_or_their_own)
{
    troupe_ref top = tree_start_dynamic(world, &with_args);
    tree_add(world, top);
    world_expect(world, "child", "init 1; as the template says");
    add_with(world, top, &start_order);
    world_expect(world, "child", "init 1; as the template says; init 1; as the start says");
    tree_expect(world, top, "- running 1, - running 1");
    tree_expect_count(world, top, 1, 2, 0, 2);
}

WORLD_STORY(a_template_that_is_a_supervisor_takes_no_arguments)
{
    static const troupe_supervisor empty = {.name = "empty"};
    static const troupe_child template = {.id = "child", .supervisor = &empty};
    troupe_ref top = tree_start_dynamic(world, &template), ref = {1, 2, 3};
    assert_int_equal(try_with(world, top, &start_order, &ref), TROUPE_EINVAL);
    assert_non_null(strstr(troupe_error_text(world->ctx), "args"));
    assert_true(troupe_ref_is_none(ref));
    tree_add(world, top);
    tree_expect_count(world, top, 1, 1, 1, 0);
}

WORLD_STORY(a_restart_gives_a_child_its_own_arguments_again)
{
    troupe_ref top = tree_start_dynamic(world, &with_args),
               ref = add_with(world, top, &start_order);
    world_do(world, ref, puppet_fail, broken);
    world_sync(world, ref);
    world_expect(world, "child",
                 "init 1; as the start says; stop failed: broken; init 2; as the start says");
}

static troupe_status start_two(troupe_ctx *ctx, struct puppet *puppet, void *top)
{
    static char first[] = "first", second[] = "second";
    (void)puppet;
    WORLD_CHECK(troupe_start_child_with(ctx, *(troupe_ref *)top, 0, tree_say_outcome, first, Do,
                                        .fn = say_word, .arg = from_start) == TROUPE_OK);
    return troupe_start_child(ctx, *(troupe_ref *)top, 0, tree_say_outcome, second, NULL);
}

WORLD_STORY(actors_start_children_with_a_message)
{
    troupe_ref top = tree_start_dynamic(world, &with_args);
    troupe_ref actor = world_spawn(world, "actor", NULL, NULL);
    world_do(world, actor, start_two, &top);
    world_await(world, "actor", "second: TROUPE_OK");
    world_await(world, "actor", "first: TROUPE_OK");
    assert_int_equal(world_heard(world, "child", from_start), 1);
    assert_int_equal(world_heard(world, "child", from_template), 1);
    tree_expect_count(world, top, 1, 2, 0, 2);
}

WORLD_STORY(a_failing_start_is_told_and_forgotten)
{
    troupe_ref top = tree_start_dynamic(world, &plain), ref = {1, 2, 3};
    assert_int_equal(try_with(world, top, &tree_script(world, "-")->order, &ref), TROUPE_ESTART);
    assert_non_null(strstr(troupe_error_text(world->ctx), "broken"));
    assert_true(troupe_ref_is_none(ref));
    tree_expect_count(world, top, 1, 0, 0, 0);
    world_expect(world, "child", "init 1");
}

WORLD_STORY(a_child_that_ignores_its_start_is_forgotten)
{
    troupe_ref top = tree_start_dynamic(world, &plain), ref = {1, 2, 3};
    assert_int_equal(try_with(world, top, &tree_script(world, "i")->order, &ref), TROUPE_OK);
    assert_true(troupe_ref_is_none(ref));
    tree_expect_count(world, top, 1, 0, 0, 0);
}

WORLD_STORY(one_failing_start_concerns_no_other)
{
    troupe_ref top = tree_start_dynamic(world, &plain), ref;
    troupe_ref good = tree_add(world, top);
    try_with(world, top, &tree_script(world, "-")->order, &ref);
    world_sync(world, good);
    world_sync(world, tree_add(world, top));
    tree_expect(world, top, "- running 1, - running 1");
    world_expect(world, "owner", "init 1; down start 1");
}

WORLD_STORY(what_is_not_an_argument_is_refused)
{
    troupe_ref top = tree_start_dynamic(world, &plain), ref;
    const troupe_child bad[] = {
        {.id = "b"},           {.behavior = &puppet_behavior}, {.restart = TROUPE_TEMPORARY},
        {.shutdown_ms = 1},    {.register_as = "b"},           {.place = TROUPE_ON_THREAD},
        {.memory_limit = 1000}};
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_int_equal(troupe_start_child_wait(world->ctx, top, TROUPE_NO_LIMIT, &bad[i], &ref),
                         TROUPE_EINVAL);
        assert_true(strlen(troupe_error_text(world->ctx)) > 20);
    }
    assert_int_equal(troupe_start_child_wait(world->ctx, top, TROUPE_NO_LIMIT, &bad[0], &ref),
                     TROUPE_EINVAL);
    assert_non_null(strstr(troupe_error_text(world->ctx),
                           ": id is set; children of a simple one for one supervisor are as its "
                           "template says"));
    assert_int_equal(troupe_child_ref(world->ctx, top, "b", &ref), TROUPE_ENOENT);
    assert_non_null(strstr(troupe_error_text(world->ctx),
                           "children of a simple one for one supervisor have no id"));
    tree_expect_count(world, top, 1, 0, 0, 0);
}

// ---- Others

static const troupe_child xy[] = {PUPPET("x"), PUPPET("y")};
static const troupe_supervisor inner = {
    .max_restarts = TROUPE_NO_RESTARTS, .children = xy, .child_count = 2};

WORLD_STORY(the_template_may_be_a_supervisor)
{
    static const troupe_child template = {
        .id = "inner", .supervisor = &inner, .restart = TROUPE_TRANSIENT};
    troupe_ref top = tree_start_dynamic(world, &template);
    troupe_ref one = tree_add(world, top), two = tree_add(world, top);
    tree_expect_count(world, top, 1, 2, 2, 0);
    tree_fail(world, one, "x"); // it gives up
    tree_await_count(world, top, 1, 1, 1, 0);
    world_join(world, one);
    tree_expect(world, two, "x running 1, y running 1");
    assert_int_equal(stop_ref(world, top, two), TROUPE_OK);
    tree_expect_count(world, top, 1, 0, 0, 0);
}

WORLD_STORY(a_restarted_supervisor_begins_without_them)
{
    static const troupe_supervisor dynamic = {.strategy = TROUPE_SIMPLE_ONE_FOR_ONE,
                                              .max_restarts = TROUPE_NO_RESTARTS,
                                              .children = &plain,
                                              .child_count = 1};
    static const troupe_child child = {.id = "dynamic", .supervisor = &dynamic};
    troupe_supervisor spec = {.max_restarts = MANY, .children = &child, .child_count = 1};
    troupe_ref top = tree_start(world, &spec), middle = tree_child(world, top, "dynamic");
    troupe_ref one = tree_add(world, middle), two = tree_add(world, middle);
    world_do(world, one, puppet_fail, broken);
    tree_await(world, top, "dynamic running 2");
    world_join(world, two);
    tree_expect_count(world, middle, 1, 0, 0, 0);
    world_sync(world, tree_add(world, middle));
}

TROUPE_EMPTY(Nonsense);

WORLD_STORY(nonsense_does_it_no_harm)
{
    troupe_ref top = tree_start_dynamic(world, &plain);
    tree_add(world, top);
    troupe_send(world->ctx, top, Nonsense);
    world_await(world, "dead", "Nonsense unhandled");
    tree_expect(world, top, "- running 1");
    tree_add(world, top);
}

WORLD_STORY(what_each_is_can_be_asked)
{
    troupe_ref top = tree_start_dynamic(world, &plain), ref = tree_add(world, top);
    troupe_msg *reply;
    assert_int_equal(troupe_which_children_wait(world->ctx, top, 0, &reply), TROUPE_OK);
    const troupe_children *children = TREE_REPLY(reply, troupe_children);
    assert_int_equal(children->count, 1);
    const troupe_child_info *child = &children->children[0];
    assert_null(child->id);
    assert_true(troupe_ref_equal(child->ref, ref));
    assert_int_equal(child->incarnation, 1);
    assert_false(child->is_supervisor);
    assert_int_equal(child->restart, TROUPE_PERMANENT);
    assert_string_equal(child->behavior, "puppet");
    troupe_msg_free(world->ctx, reply);
}

WORLD_STORY(the_template_can_be_asked_for)
{
    troupe_ref top = tree_start_dynamic(world, &with_args);
    troupe_msg *reply;
    assert_int_equal(troupe_child_spec_wait(world->ctx, top, 0, NULL, &reply), TROUPE_OK);
    const troupe_child_spec_reply *spec = TREE_REPLY(reply, troupe_child_spec_reply);
    assert_string_equal(spec->child.id, "child");
    assert_ptr_equal(spec->child.behavior, &puppet_behavior);
    assert_memory_equal(spec->child.args, &template_order, sizeof template_order);
    troupe_msg_free(world->ctx, reply);
}

#define CROWD 150

WORLD_STORY(a_crowd_starts_fails_and_stops)
{
    troupe_ref top = tree_start_dynamic(world, &plain), crowd[CROWD];
    for (int i = 0; i < CROWD; i++)
        crowd[i] = tree_add(world, top);
    for (int i = 0; i < CROWD; i += 3)
        world_tell(world, crowd[i], puppet_fail, broken);
    for (int i = 1; i < CROWD; i += 3)
        assert_int_equal(stop_ref(world, top, crowd[i]), TROUPE_OK);
    tree_await_count(world, top, 1, CROWD * 2 / 3, 0, CROWD * 2 / 3);
    for (int i = 0; i < CROWD; i += 3)
        world_sync(world, crowd[i]);
    for (int i = 0; i < CROWD; i++)
        assert_int_equal(troupe_incarnation(world->ctx, crowd[i]), i % 3 == 0   ? 2
                                                                   : i % 3 == 1 ? 0
                                                                                : 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_child_is_started_at_first),
        cmocka_unit_test(children_get_the_templates_arguments_or_their_own),
        cmocka_unit_test(a_template_that_is_a_supervisor_takes_no_arguments),
        cmocka_unit_test(a_restart_gives_a_child_its_own_arguments_again),
        cmocka_unit_test(actors_start_children_with_a_message),
        cmocka_unit_test(a_failing_start_is_told_and_forgotten),
        cmocka_unit_test(a_child_that_ignores_its_start_is_forgotten),
        cmocka_unit_test(one_failing_start_concerns_no_other),
        cmocka_unit_test(what_is_not_an_argument_is_refused),
        cmocka_unit_test(the_template_may_be_a_supervisor),
        cmocka_unit_test(a_restarted_supervisor_begins_without_them),
        cmocka_unit_test(nonsense_does_it_no_harm),
        cmocka_unit_test(what_each_is_can_be_asked),
        cmocka_unit_test(the_template_can_be_asked_for),
        cmocka_unit_test(a_crowd_starts_fails_and_stops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
