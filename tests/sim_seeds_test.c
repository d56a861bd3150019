// troupe_sim_for_seeds: it finds the seed that fails, whatever the failure is, says so, and leaves
// the program as it was.
#include "tests/support/captured.h"
#include "tests/support/test.h"
#include "troupe.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

TROUPE_EMPTY(Ping);

static struct captured captured, again;

static int reset(void **state)
{
    (void)state;
    captured_reset();
    return 0;
}

static void expect_text(const char *text)
{
    if (strstr(captured.text, text) == NULL)
        (void)fprintf(stderr, "%s", captured.text);
    assert_non_null(strstr(captured.text, text));
}

static void expect_failure(const troupe_sim_test *test, uint64_t count, const char *text)
{
    captured_seeds(test, 1, count, &captured);
    assert_false(captured.good);
    expect_text(text);
}

// ---- A program: an actor that does something odd with its third message, under seed 7

static bool is_odd(troupe_sim *sim)
{
    return troupe_sim_seed(sim) == 7;
}

struct odd {
    troupe_sim *sim;
    int handled;
    void (*act)(troupe_sim *sim);
};

static struct odd odd;

static troupe_status odd_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    if (troupe_match(msg, Ping) == NULL)
        return TROUPE_UNHANDLED;
    if (++odd.handled == 3 && is_odd(odd.sim) && odd.act)
        odd.act(odd.sim);
    return odd.handled < 5 ? troupe_send(ctx, troupe_self(ctx), Ping) : TROUPE_OK;
}

static const troupe_behavior odd_actor = {.name = "odd", .receive = odd_receive};

static void run_odd(troupe_sim *sim, void *act)
{
    odd = (struct odd){.sim = sim, .act = act ? *(void (**)(troupe_sim *))act : NULL};
    uint32_t index;
    assert_int_equal(troupe_sim_add(sim, NULL, NULL, NULL, &index), TROUPE_OK);
    troupe_ctx *ctx = troupe_outside(troupe_sim_system(sim, index));
    troupe_ref ref;
    assert_int_equal(troupe_spawn(ctx, &odd_actor, NULL, &ref), TROUPE_OK);
    assert_int_equal(troupe_send(ctx, ref, Ping), TROUPE_OK);
    troupe_sim_run(sim);
}

typedef void (*act)(troupe_sim *sim);

static troupe_sim_test odd_test(act *what)
{
    return (troupe_sim_test){.name = "odd", .run = run_odd, .user = what, .opts = {.cut_in = 1}};
}

static void expect_odd(act what, const char *text)
{
    troupe_sim_test test = odd_test(&what);
    expect_failure(&test, 20, text);
    expect_text("\"odd\" fails under seed 7:\n");
    expect_text("\n  at step 3, 0.002 ms, after:\n");
    expect_text("\n       3        0.002 ms  odd#1 handles Ping\n  again: ");
    expect_text("\n  again: TROUPE_TEST=\"odd\" TROUPE_SEED=7 TROUPE_PLAN=none\n");
    expect_text("\n  in a debugger: TROUPE_STEP=3 as well");
}

// ---- Good and bad seeds

static void good_seeds_are_silent(void **state)
{
    (void)state;
    const troupe_sim_test test = {.run = run_odd};
    captured_seeds(&test, 1, 100, &captured);
    assert_true(captured.good);
    assert_string_equal(captured.text, "");
    captured_seeds(&test, 1, 0, &captured);
    assert_true(captured.good);
}

static void fail_with_a_text(troupe_sim *sim)
{
    troupe_sim_fail(sim, "it is %d", 7);
}

static void a_failure_is_found_and_told(void **state)
{
    (void)state;
    expect_odd(fail_with_a_text, ":\n    it is 7\n");
}

static void the_report_is_the_same_each_time(void **state)
{
    (void)state;
    act what = fail_with_a_text;
    const troupe_sim_test test = odd_test(&what);
    captured_seeds(&test, 1, 20, &captured);
    captured_seeds(&test, 1, 20, &again);
    assert_string_equal(captured.text, again.text);
}

static void seeds_begin_where_they_are_told_to(void **state)
{
    (void)state;
    act what = fail_with_a_text;
    const troupe_sim_test test = odd_test(&what);
    assert_true(troupe_sim_for_seeds(&test, 8, 100));
    assert_true(troupe_sim_for_seeds(&test, 0, 7));
    assert_true(troupe_sim_for_seeds(&test, UINT64_MAX, 1));
}

// ---- Ways to fail

static bool never(troupe_sim *sim, void *arg)
{
    (void)arg;
    return !is_odd(sim) || odd.handled < 3;
}

static void run_with_invariant(troupe_sim *sim, void *user)
{
    assert_int_equal(troupe_sim_invariant(sim, "fewer than three", never, NULL), TROUPE_OK);
    run_odd(sim, user);
}

static void an_invariant_fails_a_seed(void **state)
{
    (void)state;
    const troupe_sim_test test = {.name = "invariant", .run = run_with_invariant};
    expect_failure(&test, 20, "seed 7:\n    \"fewer than three\" does not hold\n");
}

static bool has_twelve(troupe_sim *sim, void *arg)
{
    (void)arg;
    return odd.handled == (is_odd(sim) ? 12 : 5);
}

static void run_for_liveness(troupe_sim *sim, void *user)
{
    run_odd(sim, user);
    troupe_sim_eventually(sim, "all are handled", has_twelve, NULL, 1000);
}

static void a_deadlock_fails_a_seed(void **state)
{
    (void)state;
    const troupe_sim_test test = {.name = "deadlock", .run = run_for_liveness};
    expect_failure(&test, 20,
                   "seed 7:\n    \"all are handled\" has not come true within 1000 ms\n");
}

static void go_on_and_on(troupe_sim *sim)
{
    (void)sim;
    odd.handled = -1000000;
}

static void a_test_without_a_name_can_be_had_again(void **state)
{
    (void)state;
    act what = go_on_and_on;
    troupe_sim_test test = odd_test(&what);
    test.name = NULL;
    test.opts.max_steps = 500;
    expect_failure(&test, 20, "\"a test\" fails under seed 7:\n");
    expect_text("\n  again: TROUPE_SEED=7"); // TROUPE_TEST would mean another one
}

static void a_livelock_fails_a_seed(void **state)
{
    (void)state;
    act what = go_on_and_on;
    troupe_sim_test test = odd_test(&what);
    test.opts.max_steps = 500;
    expect_failure(&test, 20,
                   "seed 7:\n    it goes on for 500 steps: a livelock, or a timer without end\n");
    expect_text("at step 500");
}

static void assert_a_number(troupe_sim *sim)
{
    assert_int_equal(troupe_sim_seed(sim), 8);
}

static void an_assertion_in_a_handler_fails_a_seed(void **state)
{
    (void)state;
    expect_odd(assert_a_number, "0x7 != 0x8");
    expect_text("tests/sim_seeds_test.c:");
}

static void run_asserting(troupe_sim *sim, void *user)
{
    run_odd(sim, user);
    assert_false(is_odd(sim));
}

static void an_assertion_in_a_test_fails_a_seed(void **state)
{
    (void)state;
    const troupe_sim_test test = {.name = "asserting", .run = run_asserting};
    expect_failure(&test, 20, "is_odd(sim)");
    expect_text("seed 7:\n");
    expect_text("at step 1,");
}

static void end_by_signal(troupe_sim *sim)
{
    (void)sim;
    raise(SIGKILL);
}

static void a_signal_fails_a_seed(void **state)
{
    (void)state;
    expect_odd(end_by_signal, ":\n    the program is ended by SIGKILL\n");
}

static void crash(troupe_sim *sim)
{
    (void)sim;
    abort();
}

static void a_crash_fails_a_seed(void **state)
{
    (void)state;
    expect_odd(crash, ":\n    the program is ended by SIGABRT\n");
}

static void leave_program(troupe_sim *sim)
{
    (void)sim;
    exit(0);
}

static void leaving_the_program_fails_a_seed(void **state)
{
    (void)state;
    expect_odd(leave_program, ":\n    the program ends with exit code 0\n");
}

static void run_stuck(troupe_sim *sim, void *user)
{
    run_odd(sim, user);
    if (is_odd(sim))
        troupe_sim_fail(sim, "found at the end: %u", troupe_sim_pick(sim, 1000) / 1000);
}

static void a_failure_may_be_found_at_the_end(void **state)
{
    (void)state;
    const troupe_sim_test test = {.name = "stuck", .run = run_stuck};
    expect_failure(&test, 20, "seed 7:\n    found at the end: 0\n");
    expect_text("TROUPE_PLAN=none\n");
}

// There when the test is built with AddressSanitizer.
extern int __lsan_do_recoverable_leak_check(void) __attribute__((weak));

static void *volatile kept;

static void run_leaking(troupe_sim *sim, void *user)
{
    run_odd(sim, user);
    kept = malloc(16);
    if (!is_odd(sim))
        free(kept);
    kept = NULL;
}

static void a_leak_fails_a_seed(void **state)
{
    (void)state;
    if (__lsan_do_recoverable_leak_check == NULL)
        skip();
    const troupe_sim_test test = {.name = "leaking", .run = run_leaking};
    expect_failure(&test, 20, "seed 7:\n    memory is leaked, as LeakSanitizer says\n");
    assert_true(troupe_sim_for_seeds(&test, 8, 20));
}

// What the test prints is to be seen once: where the failure was found.
static void print_and_fail(troupe_sim *sim)
{
    (void)fprintf(stderr, "printed by the test\n");
    troupe_sim_fail(sim, "after it was printed");
}

static void what_is_printed_is_shown_once(void **state)
{
    (void)state;
    expect_odd(print_and_fail, "after it was printed");
    const char *first = strstr(captured.text, "printed by the test");
    assert_non_null(first);
    assert_null(strstr(first + 1, "printed by the test"));
}

// ---- Runs that depend on each other

static uint64_t runs;

static void run_counting(troupe_sim *sim, void *user)
{
    (void)user;
    if (++runs == 5)
        troupe_sim_fail(sim, "the fifth run");
}

static void state_between_runs_is_told(void **state)
{
    (void)state;
    const troupe_sim_test test = {.name = "counting", .run = run_counting};
    expect_failure(&test, 20, "seed 5:\n    the fifth run\n  not when this seed is run alone");
    assert_int_equal(runs, 0); // they ran elsewhere
}

static void run_differing(troupe_sim *sim, void *user)
{
    (void)user;
    if (++runs == 3 || is_odd(sim) || troupe_sim_seed(sim) == 3)
        troupe_sim_fail(sim, runs == 3 ? "the third run" : "a bad seed");
}

static void another_failure_alone_is_told(void **state)
{
    (void)state;
    const troupe_sim_test test = {.name = "differing", .run = run_differing};
    expect_failure(&test, 20, "seed 3:\n    the third run\n");
    expect_text("  when this seed is run alone it fails in another way:\n    a bad seed\n");
}

static int *tosses; // shared by all processes

static void run_tossing(troupe_sim *sim, void *user)
{
    (void)user;
    if (++*tosses < 5)
        troupe_sim_fail(sim, "less than five");
}

static void what_the_seed_does_not_decide_is_told(void **state)
{
    (void)state;
    tosses = mmap(NULL, sizeof *tosses, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(tosses != MAP_FAILED);
    *tosses = 1;
    const troupe_sim_test test = {.name = "tossing", .run = run_tossing};
    expect_failure(&test, 20, "less than five");
    *tosses = 2; // what is found, and the run alone; then no more
    expect_failure(&test, 20, "  not made shorter: with the same choices it does not always fail");
    munmap(tosses, sizeof *tosses);
}

// ---- The environment

static void set(const char *variable, const char *value)
{
    assert_int_equal(setenv(variable, value, 1), 0);
}

static void run_printing(troupe_sim *sim, void *user)
{
    (void)user;
    (void)fprintf(stderr, "%llu ", (unsigned long long)troupe_sim_seed(sim));
}

static const troupe_sim_test printing = {.name = "printing", .run = run_printing};

static void the_environment_sets_the_number_of_seeds(void **state)
{
    (void)state;
    set("TROUPE_SEEDS", "3");
    captured_seeds(&printing, 1, 1, &captured);
    assert_string_equal(captured.text, "1 2 3 ");
    set("TROUPE_SEEDS", "");
    captured_seeds(&printing, 1, 1, &captured);
    assert_string_equal(captured.text, "1 ");
}

static void the_environment_sets_the_one_seed(void **state)
{
    (void)state;
    set("TROUPE_SEED", "18446744073709551615");
    captured_seeds(&printing, 1, 100, &captured);
    assert_true(captured.good);
    assert_string_equal(captured.text, "18446744073709551615 ");
    set("TROUPE_SEED", "0");
    captured_seeds(&printing, 1, 100, &captured);
    assert_string_equal(captured.text, "0 ");
}

static void the_environment_chooses_the_test(void **state)
{
    (void)state;
    set("TROUPE_TEST", "another");
    captured_seeds(&printing, 1, 2, &captured);
    assert_true(captured.good);
    assert_string_equal(captured.text, "");
    set("TROUPE_SEED", "1");
    captured_seeds(&printing, 1, 2, &captured);
    assert_string_equal(captured.text, "");
    set("TROUPE_TEST", "printing");
    captured_seeds(&printing, 1, 2, &captured);
    assert_string_equal(captured.text, "1 ");
}

static void one_seed_runs_in_this_process_and_is_reported(void **state)
{
    (void)state;
    act what = fail_with_a_text;
    const troupe_sim_test test = odd_test(&what);
    set("TROUPE_SEED", "7");
    expect_failure(&test, 1, "\"odd\" fails under seed 7:\n    it is 7\n");
    expect_text("\n  at step 3, 0.002 ms, after:\n");
    expect_text("\n  again: TROUPE_TEST=\"odd\" TROUPE_SEED=7\n");
    assert_int_equal(odd.handled, 3);
}

static void refuse(const char *variable, const char *value, const char *text)
{
    set(variable, value);
    captured_seeds(&printing, 1, 2, &captured);
    assert_false(captured.good);
    assert_string_equal(captured.text, text);
    captured_reset();
}

#define NUMBERS_FROM(least) "allowed are numbers from " least " to 18446744073709551615\n"

static void bad_values_are_refused(void **state)
{
    (void)state;
    refuse("TROUPE_SEED", "x", "troupe_sim: TROUPE_SEED is \"x\"; " NUMBERS_FROM("0"));
    refuse("TROUPE_SEED", "1x", "troupe_sim: TROUPE_SEED is \"1x\"; " NUMBERS_FROM("0"));
    refuse("TROUPE_SEED", "-1", "troupe_sim: TROUPE_SEED is \"-1\"; " NUMBERS_FROM("0"));
    refuse("TROUPE_SEED", "18446744073709551616",
           "troupe_sim: TROUPE_SEED is \"18446744073709551616\"; " NUMBERS_FROM("0"));
    refuse("TROUPE_SEEDS", "0", "troupe_sim: TROUPE_SEEDS is \"0\"; " NUMBERS_FROM("1"));
    refuse("TROUPE_STEP", "1", "troupe_sim: TROUPE_STEP is set and TROUPE_SEED is not\n");
    refuse("TROUPE_PLAN", "none", "troupe_sim: TROUPE_PLAN is set and TROUPE_SEED is not\n");
    set("TROUPE_SEED", "1");
    refuse("TROUPE_STEP", "0", "troupe_sim: TROUPE_STEP is \"0\"; " NUMBERS_FROM("1"));
    set("TROUPE_SEED", "1");
    refuse("TROUPE_PLAN", "q1:1",
           "troupe_sim: TROUPE_PLAN: \"q1:1\": a plan is \"none\" or marks like n3:1, a letter of "
           "nctfbp and two numbers, with commas between\n");
}

static void a_test_that_cannot_run_is_refused(void **state)
{
    (void)state;
    captured_seeds(NULL, 1, 1, &captured);
    assert_false(captured.good);
    assert_string_equal(captured.text, "troupe_sim_for_seeds: test is NULL\n");
    captured_seeds(&(troupe_sim_test){0}, 1, 1, &captured);
    assert_string_equal(captured.text, "troupe_sim_for_seeds: test->run is NULL\n");
    captured_seeds(&(troupe_sim_test){.run = run_printing, .opts = {.trace = 1000001}}, 1, 1,
                   &captured);
    assert_false(captured.good);
    assert_string_equal(captured.text, "troupe_sim: \"a test\": troupe_sim_new: trace is 1000001; "
                                       "at most 1000000 are allowed\n");
}

// ---- Stopping before a step

static void on_trap(int number)
{
    (void)number;
    _exit(100 + odd.handled);
}

// Returns what the program ended with when it was to stop before a step.
static int run_to_step(const char *step)
{
    const troupe_sim_test test = {.name = "odd", .run = run_odd, .opts = {.cut_in = 1}};
    set("TROUPE_SEED", "1");
    set("TROUPE_STEP", step);
    (void)fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        signal(SIGTRAP, on_trap);
        _exit(troupe_sim_for_seeds(&test, 1, 1));
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void a_run_stops_before_the_step_that_is_wanted(void **state)
{
    (void)state;
    assert_int_equal(run_to_step("1"), 100);
    assert_int_equal(run_to_step("3"), 102);
    assert_int_equal(run_to_step("5"), 104);
    assert_int_equal(run_to_step("60"), 1); // there is no such step
}

// ---- The program is as it was

static unsigned files_open(void)
{
    unsigned count = 0;
    DIR *folder = opendir("/proc/self/fd");
    assert_non_null(folder);
    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}

static void nothing_is_left_behind(void **state)
{
    (void)state;
    act what = end_by_signal;
    const troupe_sim_test test = odd_test(&what);
    unsigned before = files_open();
    captured_seeds(&test, 1, 20, &captured);
    assert_int_equal(files_open(), before);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

static pid_t owner; // of what is registered for the exit; 0: not yet

static void at_exit(void)
{
    if (owner && getpid() != owner)
        (void)fprintf(stderr, "an exit handler ran in a child\n");
}

static void no_handler_for_the_exit_runs_in_a_child(void **state)
{
    (void)state;
    owner = getpid();
    assert_int_equal(atexit(at_exit), 0);
    expect_odd(leave_program, "exit code 0");
    assert_null(strstr(captured.text, "an exit handler ran"));
    expect_odd(fail_with_a_text, "it is 7");
    assert_null(strstr(captured.text, "an exit handler ran"));
}

static void what_was_written_before_is_written_once(void **state)
{
    (void)state;
    FILE *file = tmpfile();
    assert_non_null(file);
    (void)fputs("once", file); // stays in the buffer
    expect_odd(leave_program, "exit code 0");
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    assert_int_equal(ftell(file), 4);
    (void)fclose(file);
}

static void ignore_signal(int number)
{
    (void)number;
}

static void a_program_may_get_signals_meanwhile(void **state)
{
    (void)state;
    struct sigaction before, action = {.sa_handler = ignore_signal}; // without SA_RESTART
    const struct itimerval often = {{0, 10000}, {0, 10000}}, never_more = {{0, 0}, {0, 0}};
    assert_int_equal(sigaction(SIGALRM, &action, &before), 0);
    assert_int_equal(setitimer(ITIMER_REAL, &often, NULL), 0);
    act what = fail_with_a_text;
    const troupe_sim_test test = odd_test(&what);
    bool good = troupe_sim_for_seeds(&test, 8, 2000);
    captured_seeds(&test, 7, 1, &captured);
    assert_int_equal(setitimer(ITIMER_REAL, &never_more, NULL), 0);
    assert_int_equal(sigaction(SIGALRM, &before, NULL), 0);
    assert_true(good);
    expect_text("seed 7:\n    it is 7\n");
    expect_text("TROUPE_PLAN=none");
}

static void a_program_may_ignore_its_children(void **state)
{
    (void)state;
    signal(SIGCHLD, SIG_IGN);
    act what = end_by_signal;
    const troupe_sim_test test = odd_test(&what);
    assert_true(troupe_sim_for_seeds(&test, 1, 6));
    expect_failure(&test, 20, "seed 7:\n    the program ends; how is not known");
    expect_text("TROUPE_STEP=3 ");
    signal(SIGCHLD, SIG_DFL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_seeds_are_silent),
        cmocka_unit_test(a_failure_is_found_and_told),
        cmocka_unit_test(the_report_is_the_same_each_time),
        cmocka_unit_test(seeds_begin_where_they_are_told_to),
        cmocka_unit_test(an_invariant_fails_a_seed),
        cmocka_unit_test(a_deadlock_fails_a_seed),
        cmocka_unit_test(a_test_without_a_name_can_be_had_again),
        cmocka_unit_test(a_livelock_fails_a_seed),
        cmocka_unit_test(an_assertion_in_a_handler_fails_a_seed),
        cmocka_unit_test(an_assertion_in_a_test_fails_a_seed),
        cmocka_unit_test(a_signal_fails_a_seed),
        cmocka_unit_test(a_crash_fails_a_seed),
        cmocka_unit_test(leaving_the_program_fails_a_seed),
        cmocka_unit_test(a_failure_may_be_found_at_the_end),
        cmocka_unit_test(a_leak_fails_a_seed),
        cmocka_unit_test(what_is_printed_is_shown_once),
        cmocka_unit_test(state_between_runs_is_told),
        cmocka_unit_test(another_failure_alone_is_told),
        cmocka_unit_test(what_the_seed_does_not_decide_is_told),
        cmocka_unit_test_teardown(the_environment_sets_the_number_of_seeds, reset),
        cmocka_unit_test_teardown(the_environment_sets_the_one_seed, reset),
        cmocka_unit_test_teardown(the_environment_chooses_the_test, reset),
        cmocka_unit_test_teardown(one_seed_runs_in_this_process_and_is_reported, reset),
        cmocka_unit_test_teardown(bad_values_are_refused, reset),
        cmocka_unit_test(a_test_that_cannot_run_is_refused),
        cmocka_unit_test_teardown(a_run_stops_before_the_step_that_is_wanted, reset),
        cmocka_unit_test(nothing_is_left_behind),
        cmocka_unit_test(no_handler_for_the_exit_runs_in_a_child),
        cmocka_unit_test(what_was_written_before_is_written_once),
        cmocka_unit_test(a_program_may_get_signals_meanwhile),
        cmocka_unit_test(a_program_may_ignore_its_children),
    };
    captured_reset();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
