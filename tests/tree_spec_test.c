// What is printed of a table of nested supervisors, before there is any system.
#include "tests/support/tree_example.h"
#include "troupe/tree.h"

#include <stdlib.h>

static void expect_spec(const troupe_supervisor *spec, troupe_tree_format format,
                        const char *expected)
{
    char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);
    assert_int_equal(troupe_tree_print_spec(spec, format, to), TROUPE_OK);
    fclose(to);
    assert_string_equal(text, expected);
    free(text);
}

static void a_specification_is_printed_as_indented_lines(void **state)
{
    (void)state;
    expect_spec(&tree_app, TROUPE_TREE_TEXT,
                "app: supervisor, rest for one, 1 restart in 5 s\n"
                "|- store: puppet, permanent\n"
                "`- web: supervisor, one for one, 10 restarts in 5 s, permanent\n"
                "   |- listener: puppet, permanent\n"
                "   `- sessions: puppet, permanent\n");
    expect_spec(&tree_shop, TROUPE_TREE_TEXT,
                "shop: supervisor, one for all, 3 restarts in 1500 ms, registers as the shop\n"
                "|- till: puppet, permanent, registers as till\n"
                "|- waiters: supervisor, simple one for one, no restarts, transient\n"
                "|  `- template: puppet, temporary\n"
                "|- empty: supervisor, one for one, 1 restart in 5 s, permanent\n"
                "`- cook: puppet, transient\n");
}

static void a_supervisor_without_a_name_is_called_so(void **state)
{
    (void)state;
    expect_spec(&(troupe_supervisor){.within_ms = 61000}, TROUPE_TREE_TEXT,
                "supervisor: supervisor, one for one, 1 restart in 61 s\n");
}

static void a_specification_is_a_graph_for_graphviz(void **state)
{
    (void)state;
    expect_spec(&tree_app, TROUPE_TREE_DOT,
                "digraph tree {\n"
                "  node [shape=box];\n"
                "  n0 [style=rounded, label=\"app\\nsupervisor\\nrest for one\\n"
                "1 restart in 5 s\"];\n"
                "  n1 [label=\"store\\npuppet\\npermanent\"];\n"
                "  n0 -> n1;\n"
                "  n2 [style=rounded, label=\"web\\nsupervisor\\none for one\\n"
                "10 restarts in 5 s\\npermanent\"];\n"
                "  n0 -> n2;\n"
                "  n3 [label=\"listener\\npuppet\\npermanent\"];\n"
                "  n2 -> n3;\n"
                "  n4 [label=\"sessions\\npuppet\\npermanent\"];\n"
                "  n2 -> n4;\n"
                "}\n");
}

static void a_specification_is_a_flowchart_for_mermaid(void **state)
{
    (void)state;
    expect_spec(&tree_app, TROUPE_TREE_MERMAID,
                "flowchart TD\n"
                "  n0(\"app<br/>supervisor<br/>rest for one<br/>1 restart in 5 s\")\n"
                "  n1[\"store<br/>puppet<br/>permanent\"]\n"
                "  n0 --> n1\n"
                "  n2(\"web<br/>supervisor<br/>one for one<br/>10 restarts in 5 s<br/>permanent"
                "\")\n"
                "  n0 --> n2\n"
                "  n3[\"listener<br/>puppet<br/>permanent\"]\n"
                "  n2 --> n3\n"
                "  n4[\"sessions<br/>puppet<br/>permanent\"]\n"
                "  n2 --> n4\n");
}

static void what_has_a_meaning_in_a_format_is_escaped_in_ids(void **state)
{
    (void)state;
    static const troupe_child odd = {.id = "a \"b\" \\n <c> & #1; `*d*_~\n\x7f"
                                           "e\xc3\xa9",
                                     .behavior = &puppet_behavior};
    troupe_supervisor spec = {.name = "top", .children = &odd, .child_count = 1};
    expect_spec(&spec, TROUPE_TREE_TEXT,
                "top: supervisor, one for one, 1 restart in 5 s\n"
                "`- a \"b\" \\n <c> & #1; `*d*_~\\x0a\\x7fe\xc3\xa9: puppet, permanent\n");
    expect_spec(&spec, TROUPE_TREE_DOT,
                "digraph tree {\n"
                "  node [shape=box];\n"
                "  n0 [style=rounded, label=\"top\\nsupervisor\\none for one\\n"
                "1 restart in 5 s\"];\n"
                "  n1 [label=\"a \\\"b\\\" \\\\n <c> &amp; #1; `*d*_~\\\\x0a\\\\x7fe\xc3\xa9\\n"
                "puppet\\npermanent\"];\n"
                "  n0 -> n1;\n"
                "}\n");
    expect_spec(&spec, TROUPE_TREE_MERMAID,
                "flowchart TD\n"
                "  n0(\"top<br/>supervisor<br/>one for one<br/>1 restart in 5 s\")\n"
                "  n1[\"a #34;b#34; #92;n #60;c#62; #38; #35;1; #96;#42;d#42;#95;#126;#92;x0a#92;"
                "x7fe\xc3\xa9<br/>puppet<br/>permanent\"]\n"
                "  n0 --> n1\n");
}

static void bytes_that_are_not_utf8_are_escaped(void **state)
{
    (void)state;
    // Not at all; cut off; too long for what they say; a surrogate; beyond the last; and two that
    // are right.
    static const troupe_child odd = {.id = "\xff \xe2\x82 \xc0\xaf \xe0\x80\x80 \xed\xa0\x80 "
                                           "\xf4\x90\x80\x80 \xe2\x82\xac \xf0\x9f\x8e\xad",
                                     .behavior = &puppet_behavior,
                                     .register_as = "\xc3"};
    troupe_supervisor spec = {.name = "top", .children = &odd, .child_count = 1};
    expect_spec(&spec, TROUPE_TREE_TEXT,
                "top: supervisor, one for one, 1 restart in 5 s\n"
                "`- \\xff \\xe2\\x82 \\xc0\\xaf \\xe0\\x80\\x80 \\xed\\xa0\\x80 "
                "\\xf4\\x90\\x80\\x80 \xe2\x82\xac \xf0\x9f\x8e\xad: puppet, permanent, "
                "registers as \\xc3\n");
    static const troupe_child bad = {.id = "\xff", .behavior = &puppet_behavior};
    spec.children = &bad;
    expect_spec(&spec, TROUPE_TREE_DOT,
                "digraph tree {\n"
                "  node [shape=box];\n"
                "  n0 [style=rounded, label=\"top\\nsupervisor\\none for one\\n"
                "1 restart in 5 s\"];\n"
                "  n1 [label=\"\\\\xff\\npuppet\\npermanent\"];\n"
                "  n0 -> n1;\n"
                "}\n");
    expect_spec(&spec, TROUPE_TREE_MERMAID,
                "flowchart TD\n"
                "  n0(\"top<br/>supervisor<br/>one for one<br/>1 restart in 5 s\")\n"
                "  n1[\"#92;xff<br/>puppet<br/>permanent\"]\n"
                "  n0 --> n1\n");
}

static void a_wrong_specification_is_refused_and_nothing_is_written(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);
    static const troupe_child nobody = {.id = "a"};
    troupe_supervisor spec = {.name = "top", .children = &nobody, .child_count = 1};
    assert_int_equal(troupe_tree_print_spec(&spec, TROUPE_TREE_DOT, to), TROUPE_EINVAL);
    assert_string_equal(troupe_error_text(NULL),
                        "troupe_tree_print_spec: top: child \"a\": give either a behavior or a "
                        "supervisor");
    assert_int_equal(troupe_tree_print_spec(NULL, TROUPE_TREE_TEXT, to), TROUPE_EINVAL);
    assert_string_equal(troupe_error_text(NULL), "troupe_tree_print_spec: spec is NULL");
    assert_int_equal(troupe_tree_print_spec(&tree_app, (troupe_tree_format)3, to), TROUPE_EINVAL);
    assert_string_equal(troupe_error_text(NULL),
                        "troupe_tree_print_spec: format is 3; use one of enum troupe_tree_format");
    assert_int_equal(troupe_tree_print_spec(&tree_app, TROUPE_TREE_TEXT, NULL), TROUPE_EINVAL);
    assert_string_equal(troupe_error_text(NULL), "troupe_tree_print_spec: to is NULL");
    fclose(to);
    assert_string_equal(text, "");
    free(text);
}

static void a_full_disk_is_an_error_of_the_system(void **state)
{
    (void)state;
    FILE *to = fopen("/dev/full", "w");
    assert_non_null(to);
    assert_int_equal(troupe_tree_print_spec(&tree_app, TROUPE_TREE_TEXT, to), TROUPE_ESYSTEM);
    assert_string_equal(troupe_error_text(NULL),
                        "troupe_tree_print_spec: writing failed: No space left on device");
    setvbuf(to, NULL, _IONBF, 0); // each write fails by itself
    assert_int_equal(troupe_tree_print_spec(&tree_app, TROUPE_TREE_MERMAID, to), TROUPE_ESYSTEM);
    fclose(to);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_specification_is_printed_as_indented_lines),
        cmocka_unit_test(a_supervisor_without_a_name_is_called_so),
        cmocka_unit_test(a_specification_is_a_graph_for_graphviz),
        cmocka_unit_test(a_specification_is_a_flowchart_for_mermaid),
        cmocka_unit_test(what_has_a_meaning_in_a_format_is_escaped_in_ids),
        cmocka_unit_test(bytes_that_are_not_utf8_are_escaped),
        cmocka_unit_test(a_wrong_specification_is_refused_and_nothing_is_written),
        cmocka_unit_test(a_full_disk_is_an_error_of_the_system),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
