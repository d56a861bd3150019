// troupe_main: a program around one system. The main thread sleeps in poll on two descriptors: one
// that its waiter writes to when no actor is left or an exit is wanted, one for signals.
#include "troupe/app.h"

#include "actors/actor.h"

#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define DEFAULT_STOP_MS 10000

enum exit_code { EXIT_FAILED = 1, EXIT_OPTIONS = 2, EXIT_REFUSED = 3, EXIT_SIGNAL = 128 };

struct hooks { // ours, with those of the user that there are
    const char *name;
    troupe_on_dead_letter on_dead_letter;
    void *user;
};

static void pass_dead_letter_on(void *user, const troupe_dead_letter *letter)
{
    const struct hooks *hooks = user;
    hooks->on_dead_letter(hooks->user, letter);
}

// Writes a line to stderr: at once, so that nobody else's comes between, and with control
// characters as C would write them, because names and texts are the program's and may hold any.
__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
    char line[1024], escaped[4 * sizeof line + 2];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(line, sizeof line, format, args);
    va_end(args);
    size_t size = 0;
    for (const char *at = line; *at; at++) {
        unsigned char c = (unsigned char)*at;
        if (c < ' ' || c == 0x7f)
            size += (size_t)snprintf(escaped + size, 5, "\\x%02x", (unsigned)c);
        else
            escaped[size++] = *at;
    }
    escaped[size++] = '\n';
    (void)fwrite(escaped, 1, size, stderr);
}

static void print_event(void *user, const troupe_event *event)
{
    const struct hooks *hooks = user;
    static const char *const words[] = {"", "ended", "restarts", "gave up", "was given up"};
    char ref[TROUPE_REF_TEXT], why[TRP_REASON_TEXT];
    const char *quote = event->child ? "\"" : "";
    say("%s: actor %s %s (incarnation %u) %s: %s%s%s%s%s%s", hooks->name, event->name,
        troupe_ref_print(event->ref, ref), event->incarnation, words[event->kind],
        event->child ? "child " : "", quote, event->child ? event->child : "", quote,
        event->child ? ": " : "", trp_reason_print(event->reason, why));
}

void troupe_app_exit(troupe_ctx *ctx, int exit_code)
{
    uint32_t none = 0;
    uint32_t wanted = exit_code < 0 || exit_code > 125 ? EXIT_FAILED : (uint32_t)exit_code;
    wanted++;
    troupe_system *system = ctx->system;
    if (!atomic_compare_exchange_strong(&system->app_exit, &none, wanted))
        return; // the first one counts
    trp_lock_acquire(&system->roots_lock);
    trp_system_wake_waiters(system); // the main thread
    trp_lock_release(&system->roots_lock);
}

struct main_thread {
    const troupe_app *app;
    sigset_t signals, old_signals;
    int signal_fd, event_fd;
};

static bool open_descriptors(struct main_thread *main)
{
    sigemptyset(&main->signals);
    sigaddset(&main->signals, SIGINT);
    sigaddset(&main->signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &main->signals, &main->old_signals);
    main->signal_fd = signalfd(-1, &main->signals, SFD_CLOEXEC);
    main->event_fd = eventfd(0, EFD_CLOEXEC);
    return main->signal_fd >= 0 && main->event_fd > 0;
}

static void close_descriptors(struct main_thread *main)
{
    if (main->signal_fd >= 0)
        close(main->signal_fd);
    if (main->event_fd >= 0)
        close(main->event_fd);
    pthread_sigmask(SIG_SETMASK, &main->old_signals, NULL);
}

static int read_signal(const struct main_thread *main)
{
    struct signalfd_siginfo info;
    if (read(main->signal_fd, &info, sizeof info) != (ssize_t)sizeof info)
        return 0;
    return (int)info.ssi_signo;
}

// Returns the signal that came, or 0 when no actor is left or an exit is wanted.
static int wait_for_end(struct main_thread *main, troupe_system *system)
{
    struct trp_waiter waiter = {.done = 0, .event_fd = main->event_fd};
    trp_lock_acquire(&system->roots_lock);
    bool over = atomic_load(&system->app_exit) != 0 || trp_roots_gone(system);
    if (!over) {
        waiter.next = system->waiters;
        system->waiters = &waiter;
    }
    trp_lock_release(&system->roots_lock);
    struct pollfd fds[2] = {{.fd = main->signal_fd, .events = POLLIN},
                            {.fd = main->event_fd, .events = POLLIN}};
    int number = 0;
    while (!over && number == 0) {
        if (poll(fds, 2, -1) < 0)
            continue; // interrupted
        if (fds[0].revents & POLLIN)
            number = read_signal(main);
        over = atomic_load(&waiter.done) != 0;
    }
    trp_waiter_forget(system, &waiter);
    return number;
}

static int exit_code_of(troupe_system *system, int signal_number)
{
    uint32_t wanted = atomic_load(&system->app_exit);
    if (wanted != 0)
        return (int)wanted - 1;
    if (signal_number != 0)
        return EXIT_SIGNAL + signal_number;
    return atomic_load(&system->root_failures) ? EXIT_FAILED : EXIT_SUCCESS;
}

static void say_start_failed(const troupe_app *app, troupe_status status)
{
    char name[TRP_STATUS_TEXT];
    const char *text = troupe_error_text(NULL);
    say("%s: the start failed: %s%s%s", app->name, trp_status_print(status, name),
        text[0] ? ": " : "", text);
}

// "(init)" and "(stop)" are no types: see troupe_report.
static void say_refused(const troupe_app *app, const char *actor, const char *type)
{
    say("%s: actor %s has not returned from %s%s%s", app->name, actor,
        type[0] == '(' ? "" : "its handler", type[0] && type[0] != '(' ? " of " : "", type);
}

static int run(struct main_thread *main, troupe_system *system, int argc, char **argv)
{
    const troupe_app *app = main->app;
    int code = EXIT_FAILED;
    trp_error(TROUPE_OK, "%s", ""); // what is said from here on is about the start
    troupe_status status = app->start(troupe_outside(system), argc, argv);
    if (status == TROUPE_OK)
        code = exit_code_of(system, wait_for_end(main, system));
    else
        say_start_failed(app, status);
    troupe_report report;
    if (troupe_system_stop(system, app->stop_ms ? app->stop_ms : DEFAULT_STOP_MS, &report) ==
        TROUPE_OK)
        return code;
    for (uint32_t i = 0; i < report.refused && i < TROUPE_REPORT_REFUSED; i++)
        say_refused(app, report.who[i].name, report.who[i].message_type);
    return EXIT_REFUSED;
}

int troupe_main(int argc, char **argv, const troupe_app *app)
{
    if (app == NULL || app->name == NULL || app->start == NULL) {
        say("troupe_main: the app needs a name and a start function");
        return EXIT_OPTIONS;
    }
    struct main_thread main = {.app = app};
    troupe_system_opts options = app->options ? *app->options : (troupe_system_opts){0};
    if (options.name == NULL)
        options.name = app->name;
    struct hooks hooks = {app->name, options.on_dead_letter, options.hook_user};
    if (options.on_event == NULL) { // print; the user's other hook keeps its argument
        options.on_event = print_event;
        options.on_dead_letter = hooks.on_dead_letter ? pass_dead_letter_on : NULL;
        options.hook_user = &hooks;
    }
    int code = EXIT_FAILED;
    troupe_system *system;
    if (!open_descriptors(&main)) {
        say("%s: no descriptors for signals", app->name);
    } else {
        troupe_status status = troupe_system_start(&options, &system);
        if (status == TROUPE_OK)
            code = run(&main, system, argc, argv);
        else
            say("%s: %s", app->name, troupe_error_text(NULL));
        if (status == TROUPE_EINVAL)
            code = EXIT_OPTIONS;
    }
    close_descriptors(&main);
    return code;
}
