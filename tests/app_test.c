// troupe_main: each program here is a child process of the test, which looks at its exit code and
// at what it writes to stderr. The test itself has no threads.
#include "tests/support/test.h"

#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>
#include <troupe.h>
#include <unistd.h>

TROUPE_EMPTY(Go);

// A program whose handler does not return leaves its threads behind when it exits: ThreadSanitizer
// need not tell.
__attribute__((visibility("default"))) const char *__tsan_default_options(void);

const char *__tsan_default_options(void)
{
    return "report_thread_leaks=0";
}

// ---- The programs

static void say(const char *line)
{
    ssize_t written = write(STDERR_FILENO, line, strlen(line));
    (void)written;
}

static troupe_status ready(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    (void)ctx;
    (void)state;
    (void)args;
    say("ready\n");
    return TROUPE_OK;
}

static troupe_status stop_at_once(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)ctx;
    (void)state;
    (void)msg;
    return TROUPE_STOP;
}

static troupe_status fail_at_once(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    (void)msg;
    return troupe_fail(ctx, TROUPE_EUSER, "no disk");
}

static troupe_status exit_with_7(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    (void)msg;
    troupe_app_exit(ctx, 7);
    troupe_app_exit(ctx, 8); // the first one counts
    return TROUPE_OK;
}

static troupe_status hang(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)ctx;
    (void)state;
    (void)msg;
    say("ready\n");
    while (pause() < 0)
        ;
    return TROUPE_OK;
}

static troupe_status fail_over_lines(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    (void)msg;
    return troupe_fail(ctx, (troupe_status)(TROUPE_EUSER + 13), "no\ndisk\x1b");
}

static void farewell(troupe_ctx *ctx, void *state, const troupe_reason *why)
{
    (void)ctx;
    (void)state;
    say(why->kind == TROUPE_SHUTDOWN ? "shut down\n" : "ended\n");
}

static void hang_at_the_end(troupe_ctx *ctx, void *state, const troupe_reason *why)
{
    (void)why;
    hang(ctx, state, NULL);
}

static const troupe_behavior stopper = {.name = "stopper", .receive = stop_at_once};
static const troupe_behavior failer = {.name = "failer", .receive = fail_at_once};
static const troupe_behavior exiter = {.name = "exiter", .receive = exit_with_7, .stop = farewell};
static const troupe_behavior hanger = {.name = "hanger", .receive = hang};
static const troupe_behavior slow_starter = {.name = "slow", .init = hang, .receive = stop_at_once};
static const troupe_behavior liner = {.name = "two\nlines", .receive = fail_over_lines};
static const troupe_behavior lingerer = {
    .name = "lingerer", .init = ready, .receive = stop_at_once, .stop = hang_at_the_end};
static const troupe_behavior server = {
    .name = "server", .init = ready, .receive = stop_at_once, .stop = farewell};

static troupe_status start_one(troupe_ctx *ctx, const troupe_behavior *behavior)
{
    troupe_ref ref;
    troupe_status status = troupe_spawn(ctx, behavior, NULL, &ref);
    return status == TROUPE_OK ? troupe_send(ctx, ref, Go) : status;
}

static troupe_status start_stopper(troupe_ctx *ctx, int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return start_one(ctx, &stopper);
}

static troupe_status start_failer(troupe_ctx *ctx, int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return start_one(ctx, &failer);
}

static troupe_status start_exiter(troupe_ctx *ctx, int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return start_one(ctx, &exiter);
}

static troupe_status start_hanger(troupe_ctx *ctx, int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return start_one(ctx, &hanger);
}

static troupe_status start_slow_starter(troupe_ctx *ctx, int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return troupe_spawn(ctx, &slow_starter, NULL, NULL);
}

static troupe_status start_lingerer(troupe_ctx *ctx, int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return troupe_spawn(ctx, &lingerer, NULL, NULL);
}

static troupe_status start_liner(troupe_ctx *ctx, int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return start_one(ctx, &liner);
}

static troupe_status start_and_fail(troupe_ctx *ctx, int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return troupe_fail(ctx, (troupe_status)(TROUPE_EUSER + 13), "no %s", "disk");
}

static troupe_status start_and_fail_silently(troupe_ctx *ctx, int argc, char **argv)
{
    (void)ctx;
    (void)argc;
    (void)argv;
    return (troupe_status)(TROUPE_EUSER + 13);
}

static troupe_status start_server(troupe_ctx *ctx, int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return troupe_spawn(ctx, &server, NULL, NULL);
}

static troupe_status start_nothing(troupe_ctx *ctx, int argc, char **argv)
{
    (void)ctx;
    return argc == 2 && strcmp(argv[1], "argument") == 0 ? TROUPE_OK : TROUPE_EINVAL;
}

static troupe_status start_wrongly(troupe_ctx *ctx, int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return troupe_spawn(ctx, NULL, NULL, NULL);
}

static troupe_status start_supervisor(troupe_ctx *ctx, int argc, char **argv)
{
    (void)argc;
    (void)argv;
    troupe_child child = {.id = "child", .behavior = &failer};
    troupe_supervisor spec = {
        .name = "top", .max_restarts = TROUPE_NO_RESTARTS, .children = &child, .child_count = 1};
    troupe_ref supervisor, ref;
    troupe_status status = troupe_supervise_wait(ctx, &spec, &supervisor);
    if (status == TROUPE_OK)
        status = troupe_child_ref(ctx, supervisor, "child", &ref);
    return status == TROUPE_OK ? troupe_send(ctx, ref, Go) : status;
}

// ---- Running them

struct program {
    pid_t pid;
    int output; // its stderr
    char text[4096];
    size_t size;
};

static void begin(struct program *program, const troupe_app *app)
{
    int ends[2];
    memset(program, 0, sizeof *program);
    assert_int_equal(pipe(ends), 0);
    program->pid = fork();
    assert_true(program->pid >= 0);
    if (program->pid == 0) {
        char name[] = "app", argument[] = "argument";
        char *argv[] = {name, argument, NULL};
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        _exit(troupe_main(2, argv, app));
    }
    close(ends[1]);
    program->output = ends[0];
}

// Reads until `text` has been written or the program has closed its end.
static bool has_written(struct program *program, const char *text)
{
    while (text == NULL || strstr(program->text, text) == NULL) {
        ssize_t got = read(program->output, program->text + program->size,
                           sizeof program->text - 1 - program->size);
        if (got <= 0)
            return false;
        program->size += (size_t)got;
    }
    return true;
}

// Waits for its end and returns its exit code.
static int finish(struct program *program)
{
    int status;
    (void)has_written(program, NULL);
    close(program->output);
    assert_int_equal(waitpid(program->pid, &status, 0), program->pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int run(struct program *program, const troupe_app *app)
{
    begin(program, app);
    return finish(program);
}

// ---- Exit codes

static void the_code_is_0_when_no_actor_is_left(void **state)
{
    (void)state;
    struct program program;
    assert_int_equal(run(&program, &(troupe_app){.name = "app", .start = start_stopper}), 0);
    assert_string_equal(program.text, "");
}

static void the_code_is_0_when_nothing_was_started(void **state)
{
    (void)state;
    struct program program;
    assert_int_equal(run(&program, &(troupe_app){.name = "app", .start = start_nothing}), 0);
}

static void the_code_is_1_and_a_line_tells_why_when_the_start_fails(void **state)
{
    (void)state;
    struct program program;
    assert_int_equal(run(&program, &(troupe_app){.name = "app", .start = start_wrongly}), 1);
    assert_string_equal(program.text,
                        "app: the start failed: TROUPE_EINVAL: troupe_spawn: behavior is NULL\n");
}

static void the_line_has_what_troupe_fail_said(void **state)
{
    (void)state;
    struct program program;
    assert_int_equal(run(&program, &(troupe_app){.name = "app", .start = start_and_fail}), 1);
    assert_string_equal(program.text, "app: the start failed: TROUPE_EUSER+13: no disk\n");
    troupe_app silent = {.name = "app", .start = start_and_fail_silently};
    assert_int_equal(run(&program, &silent), 1);
    assert_string_equal(program.text, "app: the start failed: TROUPE_EUSER+13\n");
}

static void names_and_texts_do_not_break_lines(void **state)
{
    (void)state;
    struct program program;
    assert_int_equal(run(&program, &(troupe_app){.name = "app", .start = start_liner}), 1);
    assert_non_null(strstr(program.text, "app: actor two\\x0alines "));
    assert_non_null(strstr(program.text, " ended: failed (TROUPE_EUSER+13): no\\x0adisk\\x1b\n"));
}

static void the_code_is_1_when_an_actor_without_an_owner_has_failed(void **state)
{
    (void)state;
    struct program program;
    assert_int_equal(run(&program, &(troupe_app){.name = "app", .start = start_failer}), 1);
    assert_non_null(strstr(program.text, "app: actor failer "));
    assert_non_null(
        strstr(program.text, " (incarnation 1) ended: failed (TROUPE_EUSER): no disk\n"));
}

static void the_code_is_1_when_the_top_supervisor_has_given_up(void **state)
{
    (void)state;
    struct program program;
    assert_int_equal(run(&program, &(troupe_app){.name = "app", .start = start_supervisor}), 1);
    assert_non_null(strstr(program.text, "app: actor child "));
    assert_non_null(strstr(program.text, "app: actor top "));
    assert_non_null(
        strstr(program.text,
               " (incarnation 1) gave up: child \"child\": failed (TROUPE_EUSER): no disk\n"));
}

static void the_code_is_2_when_the_options_are_wrong(void **state)
{
    (void)state;
    struct program program;
    troupe_system_opts options = {.workers = 5000};
    troupe_app app = {.name = "app", .start = start_nothing, .options = &options};
    assert_int_equal(run(&program, &app), 2);
    assert_string_equal(program.text, "app: troupe_system_start: workers is 5000; 1 to 1024 are "
                                      "allowed\n");
    assert_int_equal(run(&program, &(troupe_app){.name = "app"}), 2);
}

static void app_exit_stops_in_order_and_its_first_code_counts(void **state)
{
    (void)state;
    struct program program;
    assert_int_equal(run(&program, &(troupe_app){.name = "app", .start = start_exiter}), 7);
    assert_string_equal(program.text, "shut down\n");
}

// ---- Signals

static void a_signal_stops_in_order(int number)
{
    struct program program;
    begin(&program, &(troupe_app){.name = "app", .start = start_server});
    assert_true(has_written(&program, "ready\n"));
    kill(program.pid, number);
    assert_int_equal(finish(&program), 128 + number);
    assert_string_equal(program.text, "ready\nshut down\n");
}

static void sigterm_stops_all_actors_in_order(void **state)
{
    (void)state;
    a_signal_stops_in_order(SIGTERM);
}

static void sigint_stops_all_actors_in_order(void **state)
{
    (void)state;
    a_signal_stops_in_order(SIGINT);
}

static void the_code_is_3(troupe_status (*start)(troupe_ctx *ctx, int argc, char **argv),
                          const char *line)
{
    struct program program;
    troupe_app app = {.name = "app", .start = start, .stop_ms = 50};
    begin(&program, &app);
    assert_true(has_written(&program, "ready\n"));
    kill(program.pid, SIGTERM);
    assert_int_equal(finish(&program), 3);
    assert_non_null(strstr(program.text, line));
}

static void the_code_is_3_when_a_handler_does_not_return(void **state)
{
    (void)state;
    the_code_is_3(start_hanger, "app: actor hanger has not returned from its handler of Go\n");
    the_code_is_3(start_slow_starter, "app: actor slow has not returned from (init)\n");
    the_code_is_3(start_lingerer, "app: actor lingerer has not returned from (stop)\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_code_is_0_when_no_actor_is_left),
        cmocka_unit_test(the_code_is_0_when_nothing_was_started),
        cmocka_unit_test(the_code_is_1_and_a_line_tells_why_when_the_start_fails),
        cmocka_unit_test(the_line_has_what_troupe_fail_said),
        cmocka_unit_test(names_and_texts_do_not_break_lines),
        cmocka_unit_test(the_code_is_1_when_an_actor_without_an_owner_has_failed),
        cmocka_unit_test(the_code_is_1_when_the_top_supervisor_has_given_up),
        cmocka_unit_test(the_code_is_2_when_the_options_are_wrong),
        cmocka_unit_test(app_exit_stops_in_order_and_its_first_code_counts),
        cmocka_unit_test(sigterm_stops_all_actors_in_order),
        cmocka_unit_test(sigint_stops_all_actors_in_order),
        cmocka_unit_test(the_code_is_3_when_a_handler_does_not_return),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
