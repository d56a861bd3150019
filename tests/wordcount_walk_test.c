// The search for files of examples/wordcount.
#include "examples/wordcount/walk.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// A fresh folder, which is the current one during a test.
struct place {
    char path[256];
    char before[4096];
};

static int enter(void **state)
{
    struct place *place = calloc(1, sizeof *place);
    assert_non_null(place);
    const char *base = getenv("TEST_TMPDIR");
    snprintf(place->path, sizeof place->path, "%s/walk.XXXXXX", base != NULL ? base : "/tmp");
    assert_non_null(getcwd(place->before, sizeof place->before));
    assert_non_null(mkdtemp(place->path));
    assert_int_equal(chdir(place->path), 0);
    *state = place;
    return 0;
}

static int leave(void **state)
{
    struct place *place = *state;
    assert_int_equal(chdir(place->before), 0);
    char command[300];
    snprintf(command, sizeof command, "rm -rf '%s'", place->path);
    assert_int_equal(system(command), 0); // NOLINT(cert-env33-c): our own folder
    free(place);
    return 0;
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void make_link(const char *to, const char *path)
{
    assert_int_equal(symlink(to, path), 0);
}

static void on_fault(void *user, const char *path, const char *reason)
{
    char *text = user;
    size_t length = strlen(text);
    snprintf(text + length, 256 - length, "%s: %s\n", path, reason);
}

// Walks `argument` and compares the paths found, one per line, and the faults.
static void assert_walk(const char *argument, const char *paths, const char *faults)
{
    struct walk walk = {0};
    char fault_text[256] = "";
    walk_add(&walk, argument, on_fault, fault_text);
    char found[256] = "";
    for (size_t i = 0; i < walk.count; i++)
        snprintf(found + strlen(found), sizeof found - strlen(found), "%s\n", walk.paths[i]);
    assert_string_equal(found, paths);
    assert_string_equal(fault_text, faults);
    assert_int_equal(walk.faults, faults[0] != '\0');
    walk_fini(&walk);
}

static void a_file_is_itself(void **state)
{
    (void)state;
    write_file("a", "text");
    assert_walk("a", "a\n", "");
}

static void a_folder_is_all_below_it_by_name(void **state)
{
    (void)state;
    mkdir("d", 0777);
    mkdir("d/c", 0777);
    mkdir("d/empty", 0777);
    write_file("d/z", "");
    write_file("d/a", "");
    write_file("d/c/b", "");
    assert_walk("d", "d/a\nd/c/b\nd/z\n", "");
}

static void sizes_are_summed(void **state)
{
    (void)state;
    mkdir("d", 0777);
    write_file("d/a", "12345");
    write_file("d/b", "123");
    make_link("b", "d/c");
    struct walk walk = {0};
    walk_add(&walk, "d", on_fault, NULL);
    assert_int_equal(walk.count, 3);
    assert_int_equal(walk.bytes, 11);
    walk_fini(&walk);
}

static void a_file_reached_twice_is_there_twice(void **state)
{
    (void)state;
    mkdir("d", 0777);
    mkdir("e", 0777);
    write_file("e/f", "");
    make_link("../e", "d/one");
    make_link("../e/f", "d/two");
    assert_walk("d", "d/one/f\nd/two\n", "");
}

static void a_link_to_a_folder_above_is_left_out(void **state)
{
    (void)state;
    mkdir("d", 0777);
    mkdir("d/e", 0777);
    write_file("d/a", "");
    make_link(".", "d/self");
    make_link("../..", "d/e/up");
    make_link("../../d", "d/e/round");
    assert_walk("d", "d/a\n", "");
}

static void two_folders_that_link_to_each_other_end(void **state)
{
    (void)state;
    mkdir("d", 0777);
    mkdir("d/a", 0777);
    mkdir("d/b", 0777);
    write_file("d/a/x", "");
    make_link("../b", "d/a/other");
    make_link("../a", "d/b/other");
    assert_walk("d", "d/a/x\nd/b/other/x\n", "");
}

static void in_folders_links_to_nothing_and_fifos_are_left_out(void **state)
{
    (void)state;
    mkdir("d", 0777);
    write_file("d/a", "");
    make_link("nowhere", "d/dangling");
    make_link("itself", "d/itself");
    assert_int_equal(mkfifo("d/fifo", 0666), 0);
    assert_walk("d", "d/a\n", "");
}

static void as_arguments_they_are_faults(void **state)
{
    (void)state;
    make_link("nowhere", "dangling");
    make_link("itself", "itself");
    assert_int_equal(mkfifo("fifo", 0666), 0);
    assert_walk("dangling", "", "dangling: a symbolic link that leads to nothing\n");
    assert_walk("itself", "", "itself: a symbolic link that leads to nothing\n");
    assert_walk("fifo", "", "fifo: neither a file nor a folder\n");
    assert_walk("/dev/null", "", "/dev/null: neither a file nor a folder\n");
}

static void what_does_not_exist_is_a_fault(void **state)
{
    (void)state;
    write_file("a", "");
    assert_walk("nothing", "", "nothing: No such file or directory\n");
    assert_walk("a/b", "", "a/b: Not a directory\n");
    assert_walk("", "", ": No such file or directory\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_file_is_itself, enter, leave),
        cmocka_unit_test_setup_teardown(a_folder_is_all_below_it_by_name, enter, leave),
        cmocka_unit_test_setup_teardown(sizes_are_summed, enter, leave),
        cmocka_unit_test_setup_teardown(a_file_reached_twice_is_there_twice, enter, leave),
        cmocka_unit_test_setup_teardown(a_link_to_a_folder_above_is_left_out, enter, leave),
        cmocka_unit_test_setup_teardown(two_folders_that_link_to_each_other_end, enter, leave),
        cmocka_unit_test_setup_teardown(in_folders_links_to_nothing_and_fifos_are_left_out, enter,
                                        leave),
        cmocka_unit_test_setup_teardown(as_arguments_they_are_faults, enter, leave),
        cmocka_unit_test_setup_teardown(what_does_not_exist_is_a_fault, enter, leave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
