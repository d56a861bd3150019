// Runs in a process of their own: whatever ends it, the caller lives, and learns what ran.
//
// The test runs on a thread of its own in the child. A test library's running test is that of the
// thread that called troupe_sim_for_seeds: there a failed assertion would leave the run by a jump
// and go on, in the child, with the caller's other tests. On another thread it has no test to end,
// so it ends the process. That is what the parent sees.
//
// No handler of the caller's for the exit of its program runs in a child: leave() is the last one
// that was registered, so it is called first, and ends the process.
#include "sim/seeds.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

// There when the program is built with a sanitizer, else NULL.
extern void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));
extern int __lsan_do_recoverable_leak_check(void) __attribute__((weak));

// ---- Shared memory

struct trp_sim_shared *trp_sim_shared_new(void)
{
    void *memory = mmap(NULL, sizeof(struct trp_sim_shared), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory != MAP_FAILED)
        return memory;
    trp_error(TROUPE_ESYSTEM, "no memory to share with a process: %s", strerror(errno));
    return NULL;
}

void trp_sim_shared_free(struct trp_sim_shared *shared)
{
    munmap(shared, sizeof *shared);
}

static void empty_record(struct trp_sim_shared *shared)
{
    shared->record = (struct trp_sim_plan){.fixed = true};
    for (int kind = 0; kind < TRP_SIM_KINDS; kind++)
        shared->record.lists[kind] =
            (struct trp_sim_list){.marks = shared->marks[kind], .capacity = TRP_SIM_MARKS};
}

// ---- One run

static void empty_watch(struct trp_sim_watch *watch, uint32_t lines)
{
    memset(watch, 0, offsetof(struct trp_sim_watch, times));
    watch->line_capacity = lines < TRP_SIM_LINES ? lines : TRP_SIM_LINES;
}

bool trp_sim_run_seed(const struct trp_sim_job *job, uint64_t seed, struct trp_sim_watch *watch,
                      struct trp_sim_plan *record)
{
    empty_watch(watch, job->lines);
    troupe_sim_opts opts = job->test->opts;
    opts.max_steps = job->max_steps ? job->max_steps : opts.max_steps;
    troupe_sim *sim;
    if (troupe_sim_new(seed, &opts, &sim) != TROUPE_OK) {
        (void)snprintf(watch->failure, sizeof watch->failure, "%s", troupe_error_text(NULL));
        watch->failed = true;
        return false;
    }
    struct trp_sim_plan plan; // with a place of its own in each list
    if (job->plan) {
        plan = *job->plan;
        sim->plan = &plan;
    }
    sim->record = record;
    sim->watch = watch;
    sim->stop_at = job->stop_at;
    job->test->run(sim, job->test->user);
    return troupe_sim_free(sim);
}

// ---- The child

struct child {
    const struct trp_sim_job *job;
    struct trp_sim_shared *shared;
};

static void *run_seeds(void *arg)
{
    const struct child *child = arg;
    const struct trp_sim_job *job = child->job;
    struct trp_sim_shared *shared = child->shared;
    for (uint64_t i = 0; i < job->count; i++) {
        shared->seed = job->from + i;
        if (!trp_sim_run_seed(job, shared->seed, &shared->watch,
                              job->record ? &shared->record : NULL))
            return NULL;
    }
    shared->done = true;
    return NULL;
}

static void leave(int code, void *user)
{
    (void)user;
    (void)fflush(NULL);
    _exit(code);
}

static void show_nothing(int output)
{
    int to = output >= 0 ? output : open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (to < 0)
        return;
    dup2(to, STDOUT_FILENO);
    dup2(to, STDERR_FILENO);
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}); // nor leave anything in the folder
}

// Whatever the caller's test library does about a crash it would do with the caller's tests in
// mind; the signal itself says more. A sanitizer's handlers print what they know.
static void die_by_signals(void)
{
    static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS, SIGALRM};
    if (__sanitizer_set_death_callback)
        return;
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        signal(signals[i], SIG_DFL);
}

// The child's whole life.
static void live(const struct trp_sim_job *job, struct trp_sim_shared *shared, int output)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (job->quiet)
        show_nothing(output);
    on_exit(leave, NULL);
    setenv("CMOCKA_TEST_ABORT", "1", 1); // else cmocka keeps its text for a test to come
    die_by_signals();
    alarm(job->seconds);
    pthread_t thread;
    struct child child = {job, shared};
    int error = pthread_create(&thread, NULL, run_seeds, &child);
    if (error != 0) {
        (void)snprintf(shared->watch.failure, TRP_SIM_TEXT, "there is no thread to run in: %s",
                       strerror(error));
        shared->watch.failed = true;
        _exit(0);
    }
    pthread_join(thread, NULL);
    (void)fflush(NULL);
    if (job->leaks && shared->done && __lsan_do_recoverable_leak_check)
        shared->leaked = __lsan_do_recoverable_leak_check() != 0;
    _exit(0);
}

// ---- The parent

// False: somebody else has waited for it, or the caller ignores SIGCHLD.
static bool wait_for(pid_t child, int *status)
{
    pid_t got;
    do
        got = waitpid(child, status, 0);
    while (got < 0 && errno == EINTR);
    return got == child;
}

static enum trp_sim_how how_of(const struct trp_sim_shared *shared, bool known, int status)
{
    if (shared->watch.failed)
        return TRP_SIM_FAILED;
    if (shared->leaked)
        return TRP_SIM_LEAKED;
    if (!known)
        return shared->done ? TRP_SIM_GOOD : TRP_SIM_LOST;
    if (WIFSIGNALED(status))
        return TRP_SIM_SIGNALED;
    return shared->done && WEXITSTATUS(status) == 0 ? TRP_SIM_GOOD : TRP_SIM_EXITED;
}

static void describe(struct trp_sim_end *end, const struct trp_sim_shared *shared, int output)
{
    char line[TRP_SIM_TEXT] = "";
    if (output >= 0 && (end->how == TRP_SIM_EXITED || end->how == TRP_SIM_SIGNALED))
        trp_sim_output_place(output, line, end->place);
    const char *between = line[0] ? ": " : "";
    char *text = end->text;
    switch (end->how) {
    case TRP_SIM_FAILED:
        (void)snprintf(text, TRP_SIM_TEXT, "%s", shared->watch.failure);
        return;
    case TRP_SIM_EXITED:
        (void)snprintf(text, TRP_SIM_TEXT, "the program ends with exit code %d%s%.400s", end->code,
                       between, line);
        return;
    case TRP_SIM_SIGNALED:
        (void)snprintf(text, TRP_SIM_TEXT, "the program is ended by SIG%s%s%.400s",
                       sigabbrev_np(end->code) ? sigabbrev_np(end->code) : "?", between, line);
        return;
    case TRP_SIM_LEAKED:
        (void)snprintf(text, TRP_SIM_TEXT, "memory is leaked, as LeakSanitizer says");
        return;
    case TRP_SIM_LOST:
        (void)snprintf(text, TRP_SIM_TEXT,
                       "the program ends; how is not known, as the caller "
                       "ignores SIGCHLD or waits for all processes");
        return;
    case TRP_SIM_GOOD:
    case TRP_SIM_UNBORN:
        return;
    }
}

static void run_with(const struct trp_sim_job *job, struct trp_sim_shared *shared, int output,
                     struct trp_sim_end *end)
{
    (void)fflush(NULL); // or the child would write it, too
    pid_t child = fork();
    if (child == 0)
        live(job, shared, output);
    if (child < 0) {
        end->how = TRP_SIM_UNBORN;
        trp_error(TROUPE_ESYSTEM, "there could be no process to run in: %s", strerror(errno));
        return;
    }
    int status = 0;
    bool known = wait_for(child, &status);
    end->how = how_of(shared, known, status);
    end->seed = shared->seed;
    if (end->how == TRP_SIM_EXITED)
        end->code = WEXITSTATUS(status);
    else if (end->how == TRP_SIM_SIGNALED)
        end->code = WTERMSIG(status);
    describe(end, shared, output);
}

void trp_sim_run_child(const struct trp_sim_job *job, struct trp_sim_shared *shared,
                       struct trp_sim_end *end)
{
    *end = (struct trp_sim_end){.how = TRP_SIM_GOOD};
    shared->seed = job->from;
    shared->done = shared->leaked = false;
    empty_watch(&shared->watch, 0);
    empty_record(shared);
    int output = job->quiet ? trp_sim_output_open() : -1;
    run_with(job, shared, output, end);
    if (output >= 0)
        close(output);
}
