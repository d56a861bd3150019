// The chunker of examples/wordcount, with files that lie in memory and change at will.
#include "examples/wordcount/chunker.h"
#include "examples/wordcount/words.h"
#include "tests/support/test.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_FILES 4

struct fake_file {
    const char *text;
    size_t size;         // what is there
    int64_t told_size;   // what `size` tells; 0: what is there
    int open_error;      // errno of open
    size_t shrinks_to;   // after the first read; 0: does not
    size_t grows_to;     // likewise
    size_t fails_behind; // reads that begin there or later fail with EIO; 0: none
    unsigned reads;
};

struct fake {
    struct fake_file files[MAX_FILES];
    const char *paths[MAX_FILES];
    size_t count;
    size_t max_read; // bytes per read; 0: all
    unsigned opened, closed;
    char troubles[256]; // "path:errno " each
};

static int fake_open(void *user, const char *path)
{
    struct fake *fake = user;
    for (size_t i = 0; i < fake->count; i++) {
        if (strcmp(fake->paths[i], path) == 0) {
            if (fake->files[i].open_error != 0)
                return -fake->files[i].open_error;
            fake->opened++;
            return (int)i;
        }
    }
    return -ENOENT;
}

static int64_t fake_size(void *user, int file)
{
    const struct fake *fake = user;
    const struct fake_file *of = &fake->files[file];
    return of->told_size != 0 ? of->told_size : (int64_t)of->size;
}

static int64_t fake_read(void *user, int file, char *to, size_t size, int64_t offset)
{
    struct fake *fake = user;
    struct fake_file *of = &fake->files[file];
    if (of->reads++ == 1) {
        of->size = of->shrinks_to != 0 ? of->shrinks_to : of->size;
        of->size = of->grows_to != 0 ? of->grows_to : of->size;
    }
    if (of->fails_behind != 0 && (size_t)offset >= of->fails_behind)
        return -EIO;
    if ((size_t)offset >= of->size)
        return 0;
    size_t got = of->size - (size_t)offset < size ? of->size - (size_t)offset : size;
    if (fake->max_read != 0 && got > fake->max_read)
        got = fake->max_read;
    memcpy(to, of->text + offset, got);
    return (int64_t)got;
}

static void fake_close(void *user, int file)
{
    struct fake *fake = user;
    assert_in_range(file, 0, fake->count - 1);
    fake->closed++;
}

static void fake_trouble(void *user, const char *path, int error)
{
    struct fake *fake = user;
    size_t length = strlen(fake->troubles);
    snprintf(fake->troubles + length, sizeof fake->troubles - length, "%s:%d ", path, error);
}

static void fake_add(struct fake *fake, const char *path, const char *text)
{
    fake->paths[fake->count] = path;
    fake->files[fake->count++] = (struct fake_file){.text = text, .size = strlen(text)};
}

// What came out: the chunks one after the other, each ended by '|'.
struct result {
    char *text;
    size_t size, capacity;
    uint64_t bytes;
    uint32_t files;
    unsigned chunks;
    size_t largest; // capacity that a chunk needed
    struct words words;
};

static void result_add(struct result *result, const struct chunk *chunk)
{
    if (result->capacity - result->size < chunk->size + 2) {
        result->capacity = (result->capacity + chunk->size + 2) * 2;
        result->text = realloc(result->text, result->capacity);
        assert_non_null(result->text);
    }
    assert_non_null(chunk->data);
    memcpy(result->text + result->size, chunk->data, chunk->size);
    result->size += chunk->size;
    memcpy(result->text + result->size, "|", 2);
    result->size++;
    result->bytes += chunk->bytes;
    result->files += chunk->files;
    result->chunks++;
    if (result->largest < chunk->capacity)
        result->largest = chunk->capacity;
    assert_true(words_count_text(&result->words, chunk->data, chunk->size));
}

static void result_free(struct result *result)
{
    free(result->text);
    words_fini(&result->words);
}

// Runs a chunker to its end, growing chunks when it asks for that.
static struct result run(struct fake *fake, size_t capacity)
{
    struct chunker_files files = {fake_open, fake_size, fake_read, fake_close, fake_trouble, fake};
    struct chunker chunker;
    chunker_init(&chunker, &files, fake->paths, fake->count);
    struct result result = {0};
    for (;;) {
        struct chunk chunk = {.data = malloc(capacity), .capacity = capacity};
        enum chunker_result step;
        while ((step = chunker_fill(&chunker, &chunk)) == CHUNKER_GROW) {
            chunk.capacity *= 2;
            chunk.data = realloc(chunk.data, chunk.capacity);
            assert_non_null(chunk.data);
        }
        if (step == CHUNKER_FULL) {
            assert_in_range(chunk.size, 1, chunk.capacity);
            result_add(&result, &chunk);
        }
        free(chunk.data);
        if (step == CHUNKER_END)
            break;
    }
    assert_int_equal(chunker_fill(&chunker, &(struct chunk){.data = (char[8]){0}, .capacity = 8}),
                     CHUNKER_END);
    chunker_fini(&chunker);
    assert_int_equal(fake->opened, fake->closed);
    return result;
}

static void no_files_are_no_chunks(void **state)
{
    (void)state;
    struct fake fake = {0};
    struct result result = run(&fake, 16);
    assert_int_equal(result.chunks, 0);
    result_free(&result);
}

static void an_empty_file_has_no_bytes_and_no_words(void **state)
{
    (void)state;
    struct fake fake = {0};
    fake_add(&fake, "empty", "");
    struct result result = run(&fake, 16);
    assert_int_equal(result.bytes, 0);
    assert_int_equal(result.files, 1);
    assert_int_equal(result.words.total, 0);
    assert_string_equal(fake.troubles, "");
    result_free(&result);
}

static void small_files_share_a_chunk_and_words_end_with_their_file(void **state)
{
    (void)state;
    struct fake fake = {0};
    fake_add(&fake, "a", "one two");
    fake_add(&fake, "b", "three");
    struct result result = run(&fake, 64);
    assert_string_equal(result.text, "one two\nthree\n|");
    assert_int_equal(result.bytes, 12);
    assert_int_equal(result.files, 2);
    assert_int_equal(result.words.total, 3);
    result_free(&result);
}

static void a_word_at_the_end_of_a_chunk_goes_to_the_next_one(void **state)
{
    (void)state;
    struct fake fake = {0};
    fake_add(&fake, "a", "one two three four");
    struct result result = run(&fake, 11);
    assert_string_equal(result.text, "one two |three four\n|");
    assert_int_equal(result.bytes, 18);
    result_free(&result);
}

static void a_file_that_fits_exactly_is_one_chunk(void **state)
{
    (void)state;
    struct fake fake = {0};
    fake_add(&fake, "a", "one two");
    struct result result = run(&fake, 8);
    assert_string_equal(result.text, "one two\n|");
    result_free(&result);
}

static void a_begun_word_behind_another_file_goes_to_the_next_chunk(void **state)
{
    (void)state;
    struct fake fake = {0};
    fake_add(&fake, "a", "one");
    fake_add(&fake, "b", "elephants");
    struct result result = run(&fake, 10);
    assert_string_equal(result.text, "one\n|elephants\n|");
    result_free(&result);
}

static void a_long_word_has_a_chunk_of_its_own(void **state)
{
    (void)state;
    struct fake fake = {0};
    fake_add(&fake, "a", "a bcdefghijklmnopqrst u v w x y z");
    struct result result = run(&fake, 4);
    assert_string_equal(result.text, "a |bcdefghijklmnopqrst| u |v |w |x |y z\n|");
    assert_int_equal(result.words.total, 8);
    assert_int_equal(result.bytes, 33);
    assert_in_range(result.largest, 20, 40);
    result_free(&result);
}

static void a_long_word_at_the_end_of_a_file_shares_nothing(void **state)
{
    (void)state;
    struct fake fake = {0};
    fake_add(&fake, "a", "bcdefghijklmnopqrst");
    fake_add(&fake, "b", "u");
    struct result result = run(&fake, 4);
    assert_string_equal(result.text, "bcdefghijklmnopqrst\n|u\n|");
    result_free(&result);
}

static void short_reads_change_nothing(void **state)
{
    (void)state;
    struct fake fake = {.max_read = 1};
    fake_add(&fake, "a", "one two three four");
    struct result result = run(&fake, 11);
    assert_string_equal(result.text, "one two |three four\n|");
    result_free(&result);
}

static void a_file_that_shrinks_counts_up_to_its_new_end_and_is_told_once(void **state)
{
    (void)state;
    struct fake fake = {0};
    fake_add(&fake, "a", "one two three four five six seven eight");
    fake_add(&fake, "b", "nine");
    fake.files[0].shrinks_to = 16; // within "four"
    struct result result = run(&fake, 11);
    assert_string_equal(result.text, "one two |three fo\n|nine\n|");
    assert_int_equal(result.bytes, 20);
    assert_string_equal(fake.troubles, "a:0 ");
    result_free(&result);
}

static void a_long_word_that_shrinks_is_as_long_as_it_is_now(void **state)
{
    (void)state;
    struct fake fake = {0};
    fake_add(&fake, "a", "abcdefghijklmnopqrstuvwxyz");
    fake.files[0].shrinks_to = 12;
    struct result result = run(&fake, 8);
    assert_string_equal(result.text, "abcdefghijkl\n|");
    assert_string_equal(fake.troubles, "a:0 ");
    result_free(&result);
}

static void a_file_that_grows_counts_up_to_its_size_when_opened(void **state)
{
    (void)state;
    struct fake fake = {0};
    fake_add(&fake, "a", "one two three four five six");
    fake.files[0].size = 13;
    fake.files[0].told_size = 13;
    fake.files[0].grows_to = 27;
    struct result result = run(&fake, 11);
    assert_string_equal(result.text, "one two |three\n|");
    assert_string_equal(fake.troubles, "");
    result_free(&result);
}

static void a_file_that_cannot_be_opened_is_told_and_left_out(void **state)
{
    (void)state;
    struct fake fake = {0};
    fake_add(&fake, "a", "one");
    fake_add(&fake, "b", "two");
    fake_add(&fake, "c", "three");
    fake.files[1].open_error = EACCES;
    struct result result = run(&fake, 64);
    assert_string_equal(result.text, "one\nthree\n|");
    char expected[32];
    snprintf(expected, sizeof expected, "b:%d ", EACCES);
    assert_string_equal(fake.troubles, expected);
    result_free(&result);
}

static void a_read_error_ends_its_file_and_is_told(void **state)
{
    (void)state;
    struct fake fake = {0};
    fake_add(&fake, "a", "one two three four");
    fake_add(&fake, "b", "five");
    fake.files[0].fails_behind = 8;
    struct result result = run(&fake, 11);
    assert_string_equal(result.text, "one two |\nfive\n|");
    char expected[32];
    snprintf(expected, sizeof expected, "a:%d ", EIO);
    assert_string_equal(fake.troubles, expected);
    result_free(&result);
}

// ---- Against a count without chunks

static uint64_t random_state = 1;

static unsigned random_below(unsigned limit)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(random_state >> 33) % limit;
}

// Letters that are few, so that words occur again, with some separators among them.
static void fill_at_random(char *text, size_t size)
{
    unsigned word_length = 1 + random_below(40);
    for (size_t i = 0; i < size; i++)
        text[i] = random_below(word_length) == 0 ? " \n\xc3\x80_1"[random_below(6)]
                                                 : "aAbB"[random_below(4)];
    text[size] = '\0';
}

static uint64_t count_of(const struct words *words, const char *letters, size_t length)
{
    for (size_t i = 0; i < words->count; i++)
        if (words->list[i].length == length &&
            memcmp(words->text + words->list[i].offset, letters, length) == 0)
            return words->list[i].count;
    return 0;
}

static void any_chunk_size_gives_the_same_words(void **state)
{
    (void)state;
    static char texts[MAX_FILES][512];
    for (int round = 0; round < 2000; round++) {
        struct fake fake = {.max_read = random_below(2) == 0 ? 0 : 1 + random_below(20)};
        struct words expected = {0};
        uint64_t bytes = 0;
        size_t count = random_below(MAX_FILES + 1);
        for (size_t i = 0; i < count; i++) {
            size_t size = random_below(2) == 0 ? random_below(20) : random_below(511);
            fill_at_random(texts[i], size);
            fake_add(&fake, &"abcd"[i], texts[i]);
            assert_true(words_count_text(&expected, texts[i], size));
            bytes += size;
        }
        struct result result = run(&fake, 2 + random_below(100));
        assert_int_equal(result.bytes, bytes);
        assert_int_equal(result.files, count);
        assert_int_equal(result.words.total, expected.total);
        assert_int_equal(result.words.count, expected.count);
        for (size_t i = 0; i < expected.count; i++)
            assert_int_equal(count_of(&result.words, expected.text + expected.list[i].offset,
                                      expected.list[i].length),
                             expected.list[i].count);
        words_fini(&expected);
        result_free(&result);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_files_are_no_chunks),
        cmocka_unit_test(an_empty_file_has_no_bytes_and_no_words),
        cmocka_unit_test(small_files_share_a_chunk_and_words_end_with_their_file),
        cmocka_unit_test(a_word_at_the_end_of_a_chunk_goes_to_the_next_one),
        cmocka_unit_test(a_file_that_fits_exactly_is_one_chunk),
        cmocka_unit_test(a_begun_word_behind_another_file_goes_to_the_next_chunk),
        cmocka_unit_test(a_long_word_has_a_chunk_of_its_own),
        cmocka_unit_test(a_long_word_at_the_end_of_a_file_shares_nothing),
        cmocka_unit_test(short_reads_change_nothing),
        cmocka_unit_test(a_file_that_shrinks_counts_up_to_its_new_end_and_is_told_once),
        cmocka_unit_test(a_long_word_that_shrinks_is_as_long_as_it_is_now),
        cmocka_unit_test(a_file_that_grows_counts_up_to_its_size_when_opened),
        cmocka_unit_test(a_file_that_cannot_be_opened_is_told_and_left_out),
        cmocka_unit_test(a_read_error_ends_its_file_and_is_told),
        cmocka_unit_test(any_chunk_size_gives_the_same_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
