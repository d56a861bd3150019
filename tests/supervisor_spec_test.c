// A wrong specification of a supervisor is refused before anything starts, and the text names the
// field and the child.
#include "all_kinds_proto2.pb-c.h"
#include "tests/support/tree.h"
#include "troupe/tree.h"

#include <string.h>

TROUPE_PROTO(Kinds2__Part, kinds2__part);

static const troupe_child good = {.id = "a", .behavior = &puppet_behavior};

static void expect_refusal(struct world *world, const troupe_supervisor *spec, troupe_status status,
                           const char *text)
{
    troupe_ref ref = {1, 2, 3};
    assert_int_equal(troupe_supervise(world->ctx, spec, &ref), status);
    assert_string_equal(troupe_error_text(world->ctx), text);
    assert_true(troupe_ref_is_none(ref));
    troupe_stats stats;
    troupe_system_stats(world->system, &stats);
    assert_int_equal(stats.spawned, 0);
}

// Fails unless it is refused with a text that says each of `words`, which end with NULL.
static void expect_words(struct world *world, const troupe_supervisor *spec,
                         const char *const *words)
{
    troupe_ref ref = {1, 2, 3};
    assert_int_equal(troupe_supervise(world->ctx, spec, &ref), TROUPE_EINVAL);
    assert_true(troupe_ref_is_none(ref));
    for (; *words; words++)
        if (strstr(troupe_error_text(world->ctx), *words) == NULL)
            fail_msg("\"%s\" does not say \"%s\"", troupe_error_text(world->ctx), *words);
    troupe_stats stats;
    troupe_system_stats(world->system, &stats);
    assert_int_equal(stats.spawned, 0);
}

#define EXPECT_WORDS(spec, ...) \
    expect_words(world, (spec), (const char *const[]){"troupe_supervise: ", __VA_ARGS__, NULL})

// The same for a supervisor "top" whose second child is `child`, "b".
#define EXPECT_CHILD_WORDS(child, ...)                             \
    do {                                                           \
        troupe_child children_[] = {good, (child)};                \
        troupe_supervisor spec_ = {TREE(children_)};               \
        EXPECT_WORDS(&spec_, "top: ", "child \"b\"", __VA_ARGS__); \
    } while (0)

// The refusal of a supervisor whose second child is `child`.
static void expect_child_refusal(struct world *world, troupe_child child, troupe_status status,
                                 const char *text)
{
    troupe_child children[] = {good, child};
    troupe_supervisor spec = {.name = "top", .children = children, .child_count = 2};
    expect_refusal(world, &spec, status, text);
}

WORLD_STORY(the_supervisors_own_fields_are_checked)
{
    expect_refusal(world, NULL, TROUPE_EINVAL, "troupe_supervise: spec is NULL");
    troupe_supervisor spec = {.strategy = (troupe_strategy)5};
    expect_refusal(world, &spec, TROUPE_EINVAL,
                   "troupe_supervise: supervisor: strategy is 5; use one of enum troupe_strategy");
    spec = (troupe_supervisor){.name = "top", .auto_shutdown = (troupe_auto_shutdown)7};
    expect_refusal(
        world, &spec, TROUPE_EINVAL,
        "troupe_supervise: top: auto_shutdown is 7; use one of enum troupe_auto_shutdown");
    spec = (troupe_supervisor){.name = "top", .max_restarts = 20000000};
    expect_refusal(world, &spec, TROUPE_EINVAL,
                   "troupe_supervise: top: max_restarts is 20000000; at most 10000000 are allowed, "
                   "or TROUPE_NO_RESTARTS");
    spec = (troupe_supervisor){.name = "top", .child_count = 3};
    expect_refusal(world, &spec, TROUPE_EINVAL,
                   "troupe_supervise: top: children is NULL, child_count is 3");
}

WORLD_STORY(each_child_has_an_id_of_its_own)
{
    expect_child_refusal(
        world, (troupe_child){.behavior = &puppet_behavior}, TROUPE_EINVAL,
        "troupe_supervise: top: children[1] has no id; give it one of 1 to 63 bytes");
    expect_child_refusal(
        world, (troupe_child){.id = "", .behavior = &puppet_behavior}, TROUPE_EINVAL,
        "troupe_supervise: top: children[1] has no id; give it one of 1 to 63 bytes");
    expect_child_refusal(world, good, TROUPE_EINVAL,
                         "troupe_supervise: top: two children have the id \"a\"");
}

#define NAME_OF_64 "0123456789012345678901234567890123456789012345678901234567890123"

WORLD_STORY(names_are_at_most_63_bytes_long)
{
    troupe_supervisor spec = {.name = NAME_OF_64};
    expect_refusal(
        world, &spec, TROUPE_EINVAL,
        "troupe_supervise: name \"01234567890123456789...\" has 64 bytes; at most 63 are "
        "allowed");
    expect_child_refusal(
        world, (troupe_child){.id = NAME_OF_64, .behavior = &puppet_behavior}, TROUPE_EINVAL,
        "troupe_supervise: top: a child's id \"01234567890123456789...\" has 64 bytes; at most 63 are "
        "allowed");
}

WORLD_STORY(a_child_has_a_behaviour_or_is_a_supervisor)
{
    static const troupe_supervisor nested = {0};
    static const troupe_behavior nameless = {0};
    expect_child_refusal(
        world, (troupe_child){.id = "b"}, TROUPE_EINVAL,
        "troupe_supervise: top: child \"b\": give either a behavior or a supervisor");
    expect_child_refusal(
        world, (troupe_child){.id = "b", .behavior = &puppet_behavior, .supervisor = &nested},
        TROUPE_EINVAL,
        "troupe_supervise: top: child \"b\": give either a behavior or a supervisor");
    expect_child_refusal(world, (troupe_child){.id = "b", .behavior = &nameless}, TROUPE_EINVAL,
                         "troupe_supervise: top: child \"b\": its behavior lacks a name");
}

WORLD_STORY(a_childs_choices_are_checked)
{
    troupe_child child = {.id = "b", .behavior = &puppet_behavior};
    child.restart = (troupe_restart)9;
    expect_child_refusal(
        world, child, TROUPE_EINVAL,
        "troupe_supervise: top: child \"b\": restart is 9; use one of enum troupe_restart");
    child.restart = TROUPE_PERMANENT;
    child.place = (troupe_place)9;
    expect_child_refusal(
        world, child, TROUPE_EINVAL,
        "troupe_supervise: top: child \"b\": place is 9; use one of enum troupe_place");
    child.place = TROUPE_IN_PROCESS;
    expect_child_refusal(world, child, TROUPE_ENOTSUP,
                         "troupe_supervise: top: child \"b\": place TROUPE_IN_PROCESS is not "
                         "available in this version");
}

WORLD_STORY(arguments_need_a_type_and_a_body)
{
    static const struct order order;
    troupe_child child = {.id = "b", .behavior = &puppet_behavior, .args = &order};
    expect_child_refusal(world, child, TROUPE_EINVAL,
                         "troupe_supervise: top: child \"b\": args without args_type");
    child.args = NULL;
    child.args_type = TROUPE_TYPE(Do);
    expect_child_refusal(world, child, TROUPE_EINVAL,
                         "troupe_supervise: top: child \"b\": args_type without args");
}

WORLD_STORY(arguments_that_could_not_be_packed_are_refused_at_any_depth)
{
    Kinds2__Part nameless = KINDS2__PART__INIT;
    troupe_child child = {.id = "b",
                          .behavior = &puppet_behavior,
                          .args_type = TROUPE_TYPE(Kinds2__Part),
                          .args = &nameless};
    EXPECT_CHILD_WORDS(child, "args: Part.name: required string is NULL");
    const troupe_supervisor web = {.children = &child, .child_count = 1};
    const troupe_child nested = {.id = "web", .supervisor = &web};
    const troupe_supervisor top = {.name = "top", .children = &nested, .child_count = 1};
    EXPECT_WORDS(&top, "top / web: ", "child \"b\"", "args: Part.name: required string is NULL");
    assert_int_equal(troupe_tree_print_spec(&top, TROUPE_TREE_TEXT, stdout), TROUPE_EINVAL);
}

WORLD_STORY(a_significant_child_is_not_permanent)
{
    troupe_child child = PUPPET("b", .significant = true);
    EXPECT_CHILD_WORDS(child, "significant", "permanent");
}

WORLD_STORY(a_backoff_is_checked)
{
    troupe_child child = PUPPET("b", .backoff = {.min_ms = 100, .max_ms = 99});
    EXPECT_CHILD_WORDS(child, "max_ms", "99", "100");
    child.backoff = (troupe_backoff){.min_ms = 100, .random_percent = 101};
    EXPECT_CHILD_WORDS(child, "random_percent", "101", "100");
}

WORLD_STORY(a_budget_is_checked)
{
    troupe_child child = PUPPET("b", .max_restarts = 20000000);
    EXPECT_CHILD_WORDS(child, "max_restarts", "20000000", "10000000");
}

WORLD_STORY(a_supervisor_runs_on_the_pool_and_has_no_memory_limit)
{
    static const troupe_supervisor nested = {0};
    expect_child_refusal(
        world, (troupe_child){.id = "b", .supervisor = &nested, .place = TROUPE_ON_THREAD},
        TROUPE_EINVAL,
        "troupe_supervise: top: child \"b\": place is TROUPE_ON_THREAD; a supervisor is always "
        "TROUPE_ON_POOL");
    expect_child_refusal(
        world, (troupe_child){.id = "b", .supervisor = &nested, .memory_limit = 1000},
        TROUPE_EINVAL,
        "troupe_supervise: top: child \"b\": memory_limit is for behaviors; a supervisor has none");
}

WORLD_STORY(a_name_is_for_one_child_of_the_tree)
{
    troupe_child inner = PUPPET("two", .register_as = "same");
    troupe_supervisor nested = {.children = &inner, .child_count = 1};
    troupe_child children[] = {PUPPET("one", .register_as = "same"), PUPPET("other"),
                               PUPPET("two", .register_as = "same")};
    troupe_supervisor spec = {.name = "top", .children = children, .child_count = 3};
    expect_refusal(world, &spec, TROUPE_EINVAL,
                   "troupe_supervise: top: \"one\" and \"two\" both register as \"same\"");
    children[2] = (troupe_child){.id = "nested", .supervisor = &nested};
    expect_refusal(world, &spec, TROUPE_EINVAL,
                   "troupe_supervise: top: \"one\" and \"two\" both register as \"same\"");
    inner.register_as = spec.register_as = "the top";
    expect_refusal(world, &spec, TROUPE_EINVAL,
                   "troupe_supervise: top: \"top\" and \"two\" both register as "
                   "\"the top\"");
    inner.register_as = "another";
    troupe_ref ref;
    assert_int_equal(troupe_supervise(world->ctx, &spec, &ref), TROUPE_OK);
    troupe_stop(world->ctx, ref);
    world_join(world, ref); // what the specification points to is on our stack
}

WORLD_STORY(a_name_to_be_known_by_is_checked)
{
    troupe_child child = PUPPET("b", .register_as = NAME_OF_64);
    EXPECT_CHILD_WORDS(child, "register_as", "64", "63");
    child.register_as = "";
    EXPECT_CHILD_WORDS(child, "register_as");
    troupe_supervisor spec = {.name = "top", .register_as = NAME_OF_64};
    EXPECT_WORDS(&spec, "top", "register_as", "64", "63");
    spec.register_as = "";
    EXPECT_WORDS(&spec, "top", "register_as");
}

WORLD_STORY(a_supervisor_that_is_a_child_gets_its_name_from_there)
{
    static const troupe_supervisor nested = {.register_as = "nested"};
    troupe_child child = {.id = "b", .supervisor = &nested};
    troupe_supervisor spec = {.name = "top", .children = &child, .child_count = 1};
    expect_refusal(world, &spec, TROUPE_EINVAL,
                   "troupe_supervise: top: child \"b\": its supervisor's register_as is "
                   "\"nested\"; set it in the child instead");
}

WORLD_STORY(simple_one_for_one_has_one_template)
{
    troupe_child children[] = {good, PUPPET("b")};
    troupe_supervisor spec = {.name = "top", .strategy = TROUPE_SIMPLE_ONE_FOR_ONE};
    EXPECT_WORDS(&spec, "top", "child_count is 0", "one template");
    spec.children = children;
    spec.child_count = 2;
    EXPECT_WORDS(&spec, "top", "child_count is 2", "one template");
}

WORLD_STORY(nested_supervisors_are_checked_too)
{
    static const troupe_child nobody = {.id = "nobody"};
    static const troupe_supervisor nested = {
        .name = "nested", .children = &nobody, .child_count = 1};
    expect_child_refusal(
        world, (troupe_child){.id = "b", .supervisor = &nested}, TROUPE_EINVAL,
        "troupe_supervise: top / b: child \"nobody\": give either a behavior or a supervisor");
}

#define SUPERVISOR(name, child) \
    static const troupe_supervisor name = {.children = &(child), .child_count = 1}

WORLD_STORY(the_way_to_a_deep_child_is_told_as_far_as_there_is_room)
{
    static const troupe_child nobody = {.id = "nobody"};
    SUPERVISOR(third, nobody);
    static const troupe_child c = {.id = "c", .supervisor = &third};
    SUPERVISOR(second, c);
    static const troupe_child b = {.id = "b", .supervisor = &second};
    expect_child_refusal(
        world, b, TROUPE_EINVAL,
        "troupe_supervise: top / b / c: child \"nobody\": give either a behavior or a supervisor");
    static const troupe_child wide = {.id = &NAME_OF_64[1], .supervisor = &third};
    SUPERVISOR(holder, wide);
    static const troupe_child wider = {.id = &NAME_OF_64[1], .supervisor = &holder};
    expect_child_refusal(
        world, wider, TROUPE_EINVAL,
        "troupe_supervise: ... / 12345678901234567890123456789012345678901234567890"
        "1234567890123: child \"nobody\": give either a behavior or a supervisor");
}

WORLD_STORY(a_supervisor_that_contains_itself_is_refused)
{
    troupe_child child = {.id = "again"};
    troupe_supervisor spec = {.name = "top", .children = &child, .child_count = 1};
    child.supervisor = &spec;
    EXPECT_WORDS(&spec, "troupe_supervise: ... / again / again",
                 "/ again: nested deeper than 32 supervisors");
}

WORLD_STORY(the_specification_is_copied)
{
    char id[] = "a", name[] = "top";
    troupe_child child = {.id = id, .behavior = &puppet_behavior};
    troupe_supervisor spec = {.name = name, .children = &child, .child_count = 1};
    troupe_ref supervisor, ref;
    assert_int_equal(troupe_supervise(world->ctx, &spec, &supervisor), TROUPE_OK);
    id[0] = name[0] = 'x';
    child = (troupe_child){0};
    world_await(world, "a", "init 1");
    assert_int_equal(troupe_child_ref(world->ctx, supervisor, "a", &ref), TROUPE_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_supervisors_own_fields_are_checked),
        cmocka_unit_test(each_child_has_an_id_of_its_own),
        cmocka_unit_test(names_are_at_most_63_bytes_long),
        cmocka_unit_test(a_child_has_a_behaviour_or_is_a_supervisor),
        cmocka_unit_test(a_childs_choices_are_checked),
        cmocka_unit_test(arguments_need_a_type_and_a_body),
        cmocka_unit_test(arguments_that_could_not_be_packed_are_refused_at_any_depth),
        cmocka_unit_test(a_significant_child_is_not_permanent),
        cmocka_unit_test(a_backoff_is_checked),
        cmocka_unit_test(a_budget_is_checked),
        cmocka_unit_test(a_supervisor_runs_on_the_pool_and_has_no_memory_limit),
        cmocka_unit_test(a_name_is_for_one_child_of_the_tree),
        cmocka_unit_test(a_name_to_be_known_by_is_checked),
        cmocka_unit_test(a_supervisor_that_is_a_child_gets_its_name_from_there),
        cmocka_unit_test(simple_one_for_one_has_one_template),
        cmocka_unit_test(nested_supervisors_are_checked_too),
        cmocka_unit_test(the_way_to_a_deep_child_is_told_as_far_as_there_is_room),
        cmocka_unit_test(a_supervisor_that_contains_itself_is_refused),
        cmocka_unit_test(the_specification_is_copied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
