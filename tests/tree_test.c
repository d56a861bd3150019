// Trees: a table of nested supervisors at file scope, and what is printed of the actors that it
// becomes. Of the table alone: tree_spec_test.c.
#include "tests/support/tree.h"
#include "tests/support/tree_example.h"
#include "troupe/tree.h"

#include <stdlib.h>
#include <string.h>

static char *printed(troupe_ctx *ctx, troupe_ref supervisor, troupe_tree_format format)
{
    char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);
    troupe_status status = troupe_tree_print(ctx, supervisor, format, to);
    fclose(to);
    if (status == TROUPE_OK)
        return text;
    free(text);
    return NULL;
}

static void expect_tree(struct world *world, troupe_ref supervisor, troupe_tree_format format,
                        const char *expected)
{
    char *text = printed(world->ctx, supervisor, format);
    assert_non_null(text);
    assert_string_equal(text, expected);
    free(text);
}

struct expected {
    troupe_ref supervisor;
    const char *text;
};

static bool is_printed(struct world *world, void *arg)
{
    const struct expected *expected = arg;
    char *text = printed(world->ctx, expected->supervisor, TROUPE_TREE_TEXT);
    bool is = text && strcmp(text, expected->text) == 0;
    free(text);
    return is;
}

static void await_tree(struct world *world, troupe_ref supervisor, const char *text)
{
    world_until(world, is_printed, &(struct expected){supervisor, text});
}

WORLD_STORY(a_table_at_file_scope_becomes_a_tree_that_can_be_printed)
{
    troupe_ref root = tree_start(world, &tree_app);
    expect_tree(world, root, TROUPE_TREE_TEXT,
                "app: supervisor, rest for one, 1 restart in 5 s, running, incarnation 1\n"
                "|- store: puppet, permanent, running, incarnation 1\n"
                "`- web: supervisor, one for one, 10 restarts in 5 s, permanent, running, "
                "incarnation 1\n"
                "   |- listener: puppet, permanent, running, incarnation 1\n"
                "   `- sessions: puppet, permanent, running, incarnation 1\n");
    expect_tree(world, tree_child(world, root, "web"), TROUPE_TREE_MERMAID,
                "flowchart TD\n"
                "  n0(\"web<br/>supervisor<br/>one for one<br/>10 restarts in 5 s<br/>running"
                "<br/>incarnation 1\")\n"
                "  n1[\"listener<br/>puppet<br/>permanent<br/>running<br/>incarnation 1\"]\n"
                "  n0 --> n1\n"
                "  n2[\"sessions<br/>puppet<br/>permanent<br/>running<br/>incarnation 1\"]\n"
                "  n0 --> n2\n");
}

WORLD_STORY(names_and_children_that_do_not_run_are_shown)
{ // awaited, for the end of one that has chosen not to start comes last
    troupe_ref root = tree_start(world, &tree_shop);
    troupe_ref waiters = tree_child(world, root, "waiters");
    for (int i = 0; i < 2; i++)
        assert_int_equal(troupe_start_child_wait(world->ctx, waiters, 0, NULL, NULL), TROUPE_OK);
    await_tree(
        world, root,
        "shop: supervisor, one for all, 3 restarts in 1500 ms, registers as the shop, running, "
        "incarnation 1\n"
        "|- till: puppet, permanent, registers as till, running, incarnation 1\n"
        "|- waiters: supervisor, simple one for one, no restarts, transient, running, "
        "incarnation 1\n"
        "|  |- puppet, temporary, running, incarnation 1\n"
        "|  `- puppet, temporary, running, incarnation 1\n"
        "|- empty: supervisor, one for one, 1 restart in 5 s, permanent, running, "
        "incarnation 1\n"
        "`- cook: puppet, transient, stopped\n");
    assert_int_equal(troupe_stop_child_wait(world->ctx, root, 0, "waiters"), TROUPE_OK);
    char *text = printed(world->ctx, root, TROUPE_TREE_DOT);
    assert_non_null(strstr(text, "waiters\\nsupervisor\\nsimple one for one\\nno restarts\\n"
                                 "transient\\nstopped\"];\n  n0 -> n2;\n  n3 "));
    free(text);
}

WORLD_STORY(a_restart_shows_as_the_next_incarnation)
{
    troupe_ref root = tree_start(world, &tree_app), web = tree_child(world, root, "web");
    world_tell(world, tree_child(world, web, "listener"), puppet_fail, broken);
    await_tree(world, web,
               "web: supervisor, one for one, 10 restarts in 5 s, running, incarnation 1\n"
               "|- listener: puppet, permanent, running, incarnation 2\n"
               "`- sessions: puppet, permanent, running, incarnation 1\n");
    world_tell(world, tree_child(world, root, "store"), puppet_fail, broken);
    await_tree(world, root,
               "app: supervisor, rest for one, 1 restart in 5 s, running, incarnation 1\n"
               "|- store: puppet, permanent, running, incarnation 2\n"
               "`- web: supervisor, one for one, 10 restarts in 5 s, permanent, running, "
               "incarnation 2\n"
               "   |- listener: puppet, permanent, running, incarnation 1\n"
               "   `- sessions: puppet, permanent, running, incarnation 1\n");
}

WORLD_STORY_DRIVEN(a_child_that_waits_for_its_restart_is_restarting)
{
    static const troupe_child child = {
        .id = "a", .behavior = &puppet_behavior, .backoff = {.min_ms = 1000}};
    troupe_supervisor spec = {.name = "top", .children = &child, .child_count = 1};
    troupe_ref root = tree_start(world, &spec);
    world_tell(world, tree_child(world, root, "a"), puppet_fail, broken);
    world_settle(world);
    expect_tree(world, root, TROUPE_TREE_TEXT,
                "top: supervisor, one for one, 1 restart in 5 s, running, incarnation 1\n"
                "`- a: puppet, permanent, restarting, incarnation 1\n");
    world_advance(world, 1001);
    expect_tree(world, root, TROUPE_TREE_TEXT,
                "top: supervisor, one for one, 1 restart in 5 s, running, incarnation 1\n"
                "`- a: puppet, permanent, running, incarnation 2\n");
}

// ---- From handlers, amid a start and a stop

static void say_tree(troupe_ctx *ctx)
{
    char *text = printed(ctx, troupe_owner(ctx), TROUPE_TREE_TEXT);
    WORLD_CHECK(text != NULL);
    puppet_say(ctx, "%s", text);
    free(text);
}

static troupe_status looker_init(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    (void)state;
    (void)args;
    say_tree(ctx);
    return TROUPE_OK;
}

static troupe_status looker_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)ctx;
    (void)state;
    (void)msg;
    return TROUPE_UNHANDLED;
}

static void looker_stop(troupe_ctx *ctx, void *state, const troupe_reason *why)
{
    (void)state;
    (void)why;
    say_tree(ctx);
}

static const troupe_behavior looker_behavior = {
    .name = "looker", .init = looker_init, .receive = looker_receive, .stop = looker_stop};

WORLD_STORY(children_that_start_and_stop_are_shown_so)
{
    static const troupe_child children[] = {{.id = "a", .behavior = &puppet_behavior},
                                            {.id = "looker", .behavior = &looker_behavior},
                                            {.id = "b", .behavior = &puppet_behavior}};
    troupe_supervisor spec = {.name = "top", .children = children, .child_count = COUNT(children)};
    troupe_ref root = tree_start(world, &spec);
    assert_int_equal(troupe_stop_child_wait(world->ctx, root, 0, "looker"), TROUPE_OK);
    world_expect(world, "looker",
                 "top: supervisor, one for one, 1 restart in 5 s, starting, incarnation 1\n"
                 "|- a: puppet, permanent, running, incarnation 1\n"
                 "|- looker: looker, permanent, starting, incarnation 1\n"
                 "`- b: puppet, permanent, stopped\n"
                 "; "
                 "top: supervisor, one for one, 1 restart in 5 s, running, incarnation 1\n"
                 "|- a: puppet, permanent, running, incarnation 1\n"
                 "|- looker: looker, permanent, stopping, incarnation 1\n"
                 "`- b: puppet, permanent, running, incarnation 1\n");
}

// ---- Many children

WORLD_STORY(of_many_children_of_one_template_twenty_are_shown)
{
    static const troupe_child template = {.behavior = &puppet_behavior};
    troupe_supervisor spec = {.name = "pool",
                              .strategy = TROUPE_SIMPLE_ONE_FOR_ONE,
                              .children = &template,
                              .child_count = 1};
    troupe_ref root = tree_start(world, &spec);
    const char *first =
        "pool: supervisor, simple one for one, 1 restart in 5 s, running, incarnation 1\n";
    const char *line = "|- puppet, permanent, running, incarnation 1\n";
    char expected[4096];
    char *end = expected + sprintf(expected, "%s", first);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(troupe_start_child_wait(world->ctx, root, 0, NULL, NULL), TROUPE_OK);
        end += sprintf(end, "%s", line);
    }
    end[-(ptrdiff_t)strlen(line)] = '`'; // the last one
    expect_tree(world, root, TROUPE_TREE_TEXT, expected);
    for (int i = 0; i < 5; i++)
        assert_int_equal(troupe_start_child_wait(world->ctx, root, 0, NULL, NULL), TROUPE_OK);
    end[-(ptrdiff_t)strlen(line)] = '|';
    sprintf(end, "`- and 5 more\n");
    expect_tree(world, root, TROUPE_TREE_TEXT, expected);
    char *text = printed(world->ctx, root, TROUPE_TREE_DOT);
    assert_non_null(
        strstr(text, "  n21 [shape=plaintext, label=\"and 5 more\"];\n  n0 -> n21;\n}\n"));
    free(text);
    text = printed(world->ctx, root, TROUPE_TREE_MERMAID);
    assert_non_null(strstr(text, "  n21[\"and 5 more\"]\n  n0 --> n21\n"));
    free(text);
}

#define MANY_CHILDREN 45 // more than two looks

WORLD_STORY(all_children_that_have_ids_are_shown)
{
    static char ids[MANY_CHILDREN][8];
    troupe_child children[MANY_CHILDREN];
    char expected[4096];
    char *end = expected + sprintf(expected, "top: supervisor, one for one, 1 restart in 5 s, "
                                             "running, incarnation 1\n");
    for (int i = 0; i < MANY_CHILDREN; i++) {
        sprintf(ids[i], "c%d", i);
        children[i] = (troupe_child){.id = ids[i], .behavior = &puppet_behavior};
        end += sprintf(end, "%s c%d: puppet, permanent, running, incarnation 1\n",
                       i + 1 < MANY_CHILDREN ? "|-" : "`-", i);
    }
    troupe_supervisor spec = {.name = "top", .children = children, .child_count = MANY_CHILDREN};
    expect_tree(world, tree_start(world, &spec), TROUPE_TREE_TEXT, expected);
}

WORLD_STORY(a_tree_can_be_printed_while_it_comes_and_goes)
{
    static char ids[MANY_CHILDREN][8];
    troupe_child children[MANY_CHILDREN];
    for (int i = 0; i < MANY_CHILDREN; i++) {
        sprintf(ids[i], "c%d", i);
        children[i] = (troupe_child){.id = ids[i], .behavior = &puppet_behavior};
    }
    troupe_supervisor inner = {
        .max_restarts = 1000, .children = children, .child_count = MANY_CHILDREN};
    troupe_child child = {.id = "inner", .supervisor = &inner};
    troupe_supervisor spec = {.name = "top", .children = &child, .child_count = 1};
    troupe_ref root = tree_start(world, &spec), inside = tree_child(world, root, "inner");
    for (int i = 0; i < MANY_CHILDREN; i++) {
        if (i % 3 == 0)
            world_tell(world, tree_child(world, inside, ids[i]), puppet_fail, broken);
        else
            troupe_stop_child(world->ctx, inside, 0, NULL, NULL, ids[i]);
        if (i % 3 == 1)
            troupe_delete_child(world->ctx, inside, 0, NULL, NULL, ids[i]);
        char *text = printed(world->ctx, root, TROUPE_TREE_TEXT);
        assert_non_null(strstr(text, "\n`- inner: supervisor, one for one, 1000 restarts in 5 s"));
        assert_non_null(strstr(text, "\n   `- c"));
        free(text);
    }
    troupe_stop(world->ctx, root);
    char *text;
    while ((text = printed(world->ctx, root, TROUPE_TREE_TEXT)) != NULL) {
        free(text);
        world_settle(world);
    }
    assert_non_null(strstr(troupe_error_text(world->ctx), "does not exist (any more)"));
    world_join(world, root); // what the specification points to is on our stack
}

// ---- Errors

WORLD_STORY(only_a_living_supervisor_can_be_printed)
{
    troupe_ref root = tree_start(world, &tree_app), store = tree_child(world, root, "store");
    const troupe_ref nobody[] = {store, {0, 0, 0}, {root.system, root.slot, root.generation + 1}};
    const char *const texts[] = {" is not a supervisor", "the supervisor is the zero ref",
                                 " does not exist (any more)"};
    for (size_t i = 0; i < COUNT(nobody); i++) {
        char ref[TROUPE_REF_TEXT];
        assert_int_equal(troupe_tree_print(world->ctx, nobody[i], TROUPE_TREE_TEXT, stdout),
                         TROUPE_EDEAD);
        const char *text = troupe_error_text(world->ctx);
        assert_non_null(strstr(text, texts[i]));
        if (!troupe_ref_is_none(nobody[i]))
            assert_non_null(strstr(text, troupe_ref_print(nobody[i], ref)));
    }
    assert_int_equal(troupe_tree_print(world->ctx, root, (troupe_tree_format)-1, stdout),
                     TROUPE_EINVAL);
    assert_string_equal(troupe_error_text(world->ctx),
                        "troupe_tree_print: format is -1; use one of enum troupe_tree_format");
    assert_int_equal(troupe_tree_print(world->ctx, root, TROUPE_TREE_TEXT, NULL), TROUPE_EINVAL);
    FILE *full = fopen("/dev/full", "w");
    assert_int_equal(troupe_tree_print(world->ctx, root, TROUPE_TREE_TEXT, full), TROUPE_ESYSTEM);
    assert_string_equal(troupe_error_text(world->ctx),
                        "troupe_tree_print: writing failed: No space left on device");
    fclose(full);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_at_file_scope_becomes_a_tree_that_can_be_printed),
        cmocka_unit_test(names_and_children_that_do_not_run_are_shown),
        cmocka_unit_test(a_restart_shows_as_the_next_incarnation),
        cmocka_unit_test(a_child_that_waits_for_its_restart_is_restarting),
        cmocka_unit_test(children_that_start_and_stop_are_shown_so),
        cmocka_unit_test(of_many_children_of_one_template_twenty_are_shown),
        cmocka_unit_test(all_children_that_have_ids_are_shown),
        cmocka_unit_test(a_tree_can_be_printed_while_it_comes_and_goes),
        cmocka_unit_test(only_a_living_supervisor_can_be_printed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
