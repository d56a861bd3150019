// The command line of examples/wordcount.
#include "examples/wordcount/options.h"
#include "tests/support/test.h"

#include <string.h>

#define PARSE(options, error, ...) \
    parse((options), (error), sizeof(error), (char *[]){(char[]){"wordcount"}, __VA_ARGS__, NULL})
#define WORD(text) ((char[]){text})

static bool parse(struct options *options, char *error, size_t error_size, char **argv)
{
    int argc = 0;
    while (argv[argc] != NULL)
        argc++;
    error[0] = '\0';
    return options_parse(options, argc, argv, error, error_size);
}

static void without_options_the_defaults_hold(void **state)
{
    (void)state;
    struct options options;
    char error[256];
    char *argv[] = {WORD("wordcount"), NULL};
    assert_true(parse(&options, error, sizeof error, argv));
    assert_int_equal(options.output, OUTPUT_TABLE);
    assert_int_equal(options.top, 10);
    assert_int_equal(options.workers, 0);
    assert_int_equal(options.crash, 0);
    assert_int_equal(options.path_count, 0);
}

static void options_and_paths_may_be_mixed(void **state)
{
    (void)state;
    struct options options;
    char error[256];
    assert_true(PARSE(&options, error, WORD("a"), WORD("--top"), WORD("3"), WORD("b"),
                      WORD("--workers=8"), WORD("--crash"), WORD("25"), WORD("--json"),
                      WORD("--chunk-kib"), WORD("64"), WORD("--"), WORD("--help")));
    assert_int_equal(options.output, OUTPUT_JSON);
    assert_int_equal(options.top, 3);
    assert_int_equal(options.workers, 8);
    assert_int_equal(options.crash, 25);
    assert_int_equal(options.chunk_kib, 64);
    assert_false(options.help);
    assert_int_equal(options.path_count, 3);
    assert_string_equal(options.paths[2], "--help");
}

static void counts_are_of_all_words_unless_told_otherwise(void **state)
{
    (void)state;
    struct options options;
    char error[256];
    assert_true(PARSE(&options, error, WORD("--counts")));
    assert_int_equal(options.top, 0);
    assert_true(PARSE(&options, error, WORD("--top"), WORD("5"), WORD("--counts")));
    assert_int_equal(options.top, 5);
}

static void assert_refused(char *option, char *value, const char *expected)
{
    struct options options;
    char error[256];
    char *argv[] = {WORD("wordcount"), option, value, NULL};
    assert_false(parse(&options, error, sizeof error, argv));
    if (strstr(error, expected) == NULL)
        fail_msg("'%s' does not contain '%s'", error, expected);
}

static void a_number_out_of_range_is_refused_with_the_range(void **state)
{
    (void)state;
    assert_refused(WORD("--workers"), WORD("0"),
                   "--workers takes a number from 1 to 1024, not '0'");
    assert_refused(WORD("--workers"), WORD("1025"), "not '1025'");
    assert_refused(WORD("--workers"), WORD("-1"), "not '-1'");
    assert_refused(WORD("--workers"), WORD("2x"), "not '2x'");
    assert_refused(WORD("--workers"), WORD(""), "not ''");
    assert_refused(WORD("--workers"), WORD(" 2"), "not ' 2'");
    assert_refused(WORD("--top"), WORD("4294967296"), "from 0 to 4294967295");
    assert_refused(WORD("--crash"), WORD("99999999999999999999999"), "from 0 to 1000000");
    assert_refused(WORD("--chunk-kib"), WORD("0"), "from 1 to 1048576");
}

static void an_unknown_option_is_named_with_those_that_exist(void **state)
{
    (void)state;
    assert_refused(WORD("--nonsense"), NULL, "'--nonsense' is no option; there are --top K");
    assert_refused(WORD("path"), WORD("--nonsense"), "'--nonsense' is no option");
    assert_refused(WORD("path"), WORD("-xyz"), "'-x' is no option");
    assert_refused(WORD("-x"), NULL, "'-x' is no option");
}

static void a_missing_value_is_told(void **state)
{
    (void)state;
    assert_refused(WORD("--crash"), NULL, "--crash needs a value");
}

static void help_is_known(void **state)
{
    (void)state;
    struct options options;
    char error[256];
    assert_true(PARSE(&options, error, WORD("--help")));
    assert_true(options.help);
    assert_non_null(strstr(options_help, "usage: wordcount"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_options_the_defaults_hold),
        cmocka_unit_test(options_and_paths_may_be_mixed),
        cmocka_unit_test(counts_are_of_all_words_unless_told_otherwise),
        cmocka_unit_test(a_number_out_of_range_is_refused_with_the_range),
        cmocka_unit_test(an_unknown_option_is_named_with_those_that_exist),
        cmocka_unit_test(a_missing_value_is_told),
        cmocka_unit_test(help_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
