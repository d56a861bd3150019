// The word table of examples/wordcount.
#include "examples/wordcount/words.h"
#include "tests/support/test.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t count_of(const struct words *words, const char *letters)
{
    for (size_t i = 0; i < words->count; i++)
        if (words->list[i].length == strlen(letters) &&
            memcmp(words->text + words->list[i].offset, letters, strlen(letters)) == 0)
            return words->list[i].count;
    return 0;
}

static void count(struct words *words, const char *text)
{
    assert_true(words_count_text(words, text, strlen(text)));
}

static void letters_are_exactly_the_52_of_ascii(void **state)
{
    (void)state;
    for (int byte = 0; byte < 256; byte++)
        assert_int_equal(words_is_letter((char)byte), byte < 128 && isalpha(byte) != 0);
}

static void upper_and_lower_case_are_one_word(void **state)
{
    (void)state;
    struct words words = {0};
    count(&words, "The the THE tHe");
    assert_int_equal(words.count, 1);
    assert_int_equal(count_of(&words, "the"), 4);
    words_fini(&words);
}

static void all_bytes_but_letters_separate_words(void **state)
{
    (void)state;
    struct words words = {0};
    const char text[] = "a\0b c-d'e_f1g\nh\xc3\xa4i\xff\xfej@k[l`m{n";
    assert_true(words_count_text(&words, text, sizeof text - 1));
    assert_int_equal(words.total, 14);
    assert_int_equal(words.count, 14);
    words_fini(&words);
}

static void a_text_without_letters_has_no_words(void **state)
{
    (void)state;
    struct words words = {0};
    count(&words, "");
    count(&words, "12 34 \xe2\x82\xac ...");
    assert_int_equal(words.total, 0);
    assert_int_equal(words.count, 0);
    words_fini(&words);
}

// Words as numbers in letters: "a", "b", ... "ba", ...
static size_t spell(unsigned number, char *to)
{
    size_t length = 0;
    do {
        to[length++] = (char)('a' + number % 26);
        number /= 26;
    } while (number > 0);
    to[length] = '\0';
    return length;
}

static void many_words_are_all_kept_apart(void **state)
{
    (void)state;
    struct words words = {0};
    char word[16];
    for (int round = 0; round < 2; round++) {
        for (unsigned i = 0; i < 50000; i++) {
            size_t length = spell(i, word);
            assert_true(words_count_text(&words, word, length));
        }
    }
    assert_int_equal(words.count, 50000);
    assert_int_equal(words.total, 100000);
    for (size_t i = 0; i < words.count; i++)
        assert_int_equal(words.list[i].count, 2);
    words_fini(&words);
}

static void adding_a_table_to_another_sums_the_counts(void **state)
{
    (void)state;
    struct words a = {0};
    struct words b = {0};
    count(&a, "one two two");
    count(&b, "two three");
    for (size_t i = 0; i < b.count; i++)
        assert_true(words_add(&a, &b.list[i], b.text + b.list[i].offset));
    assert_int_equal(a.total, 5);
    assert_int_equal(a.count, 3);
    assert_int_equal(count_of(&a, "one"), 1);
    assert_int_equal(count_of(&a, "two"), 3);
    assert_int_equal(count_of(&a, "three"), 1);
    words_fini(&a);
    words_fini(&b);
}

static void a_cleared_table_counts_from_zero(void **state)
{
    (void)state;
    struct words words = {0};
    words_clear(&words);
    count(&words, "one two");
    words_clear(&words);
    count(&words, "two");
    assert_int_equal(words.count, 1);
    assert_int_equal(words.total, 1);
    assert_int_equal(count_of(&words, "two"), 1);
    words_fini(&words);
}

static void sorting_is_by_count_then_by_the_alphabet(void **state)
{
    (void)state;
    struct words words = {0};
    count(&words, "bb a b ab c c");
    words_sort(&words);
    char order[64] = "";
    for (size_t i = 0; i < words.count; i++)
        snprintf(order + strlen(order), sizeof order - strlen(order), "%.*s ",
                 (int)words.list[i].length, words.text + words.list[i].offset);
    assert_string_equal(order, "c a ab b bb ");
    words_fini(&words);
}

static void an_empty_table_can_be_sorted(void **state)
{
    (void)state;
    struct words words = {0};
    words_sort(&words);
    assert_int_equal(words.count, 0);
    words_fini(&words);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(letters_are_exactly_the_52_of_ascii),
        cmocka_unit_test(upper_and_lower_case_are_one_word),
        cmocka_unit_test(all_bytes_but_letters_separate_words),
        cmocka_unit_test(a_text_without_letters_has_no_words),
        cmocka_unit_test(many_words_are_all_kept_apart),
        cmocka_unit_test(adding_a_table_to_another_sums_the_counts),
        cmocka_unit_test(a_cleared_table_counts_from_zero),
        cmocka_unit_test(sorting_is_by_count_then_by_the_alphabet),
        cmocka_unit_test(an_empty_table_can_be_sorted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
