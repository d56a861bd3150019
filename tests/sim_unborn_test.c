// troupe_sim_for_seeds when the operating system makes no process: the runs happen in this one.
#include "tests/support/captured.h"
#include "tests/support/test.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

// In place of the C library's.
pid_t fork(void)
{
    errno = EAGAIN;
    return -1;
}

static unsigned runs;

static void run(troupe_sim *sim, void *user)
{
    (void)user;
    if (++runs == 4)
        troupe_sim_fail(sim, "the fourth run");
}

static const troupe_sim_test test = {.name = "here", .run = run};
static struct captured captured;

static void the_runs_happen_here(void **state)
{
    (void)state;
    runs = 0;
    captured_seeds(&test, 10, 3, &captured);
    assert_true(captured.good);
    assert_int_equal(runs, 3);
    assert_string_equal(captured.text, "troupe_sim: there could be no process to run in: "
                                       "Resource temporarily unavailable; it runs in this one\n");
}

static void a_failure_is_told_as_it_is(void **state)
{
    (void)state;
    runs = 0;
    captured_seeds(&test, 10, 9, &captured);
    assert_false(captured.good);
    assert_int_equal(runs, 4);
    assert_non_null(strstr(captured.text, "\"here\" fails under seed 13:\n    the fourth run\n"));
    assert_non_null(strstr(captured.text, "again: TROUPE_TEST=\"here\" TROUPE_SEED=13\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_runs_happen_here),
        cmocka_unit_test(a_failure_is_told_as_it_is),
    };
    captured_reset();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
