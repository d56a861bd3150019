// See run.h. supervision_run needs no lock: main writes to it before it sends Begin, then waits on
// `done`, and the lead's handlers run one after the other. The values lie in memory that is shared
// with the parent, which has the same names at the same addresses.
#include "bench/supervision/run.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define STOP_MS   60000 // a million actors are stopped in less
#define HANGING_S 600   // no run takes as long

struct supervision_run supervision_run;

// ---- For the lead

void supervision_note(const char *name, double value)
{
    struct supervision_values *values = supervision_run.values;
    if (values->count == SUPERVISION_VALUES)
        abort();
    values->of[values->count++] = (struct supervision_value){name, value};
}

void supervision_note_ms(troupe_ctx *ctx, const char *name, uint64_t started_ns)
{
    supervision_note(name, (double)(troupe_now_ns(ctx) - started_ns) / 1e6);
}

static int compare_times(const void *one, const void *other)
{
    uint64_t a = *(const uint64_t *)one, b = *(const uint64_t *)other;
    return (a > b) - (a < b);
}

void supervision_note_times(uint64_t *times_ns, size_t count)
{
    qsort(times_ns, count, sizeof *times_ns, compare_times);
    size_t half = count / 2, most = count * 99 / 100;
    supervision_note("p50_us", (double)times_ns[half] / 1e3);
    supervision_note("p99_us", (double)times_ns[most] / 1e3);
}

troupe_status supervision_finish(void)
{
    sem_post(&supervision_run.done);
    return TROUPE_OK;
}

// ---- The run

// An actor has failed that should not, or a supervisor has given up: the run would never end.
static void on_event(void *user, const troupe_event *event)
{
    (void)user;
    if (event->kind != TROUPE_EVENT_FAILED && event->kind != TROUPE_EVENT_GAVE_UP)
        return;
    (void)fprintf(stderr, "supervision: %s: actor %s failed: %s: %s\n",
                  supervision_run.measure->name, event->name,
                  troupe_status_name(event->reason.status), event->reason.text);
    _exit(1);
}

static bool fail(const char *doing)
{
    (void)fprintf(stderr, "supervision: %s: %s\n", doing, troupe_error_text(NULL));
    return false;
}

static bool run_here(void)
{
    troupe_system *system;
    troupe_ref lead;
    // Nothing but the number of workers differs from the defaults; the hook is for failures, and
    // not there when they are measured.
    troupe_system_opts opts = {.workers = supervision_run.workers,
                               .on_event = supervision_run.measure->fails ? NULL : on_event};
    sem_init(&supervision_run.done, 0, 0);
    if (troupe_system_start(&opts, &system) != TROUPE_OK)
        return fail("cannot start a system");
    troupe_ctx *ctx = troupe_outside(system);
    if (troupe_spawn(ctx, supervision_run.measure->lead, NULL, &lead) != TROUPE_OK)
        return fail("cannot spawn the first actor");
    if (troupe_send(ctx, lead, Begin) != TROUPE_OK)
        return fail("cannot send the first message");
    while (sem_wait(&supervision_run.done) != 0) // a signal
        continue;
    if (troupe_system_stop(system, STOP_MS, NULL) != TROUPE_OK)
        return fail("the system did not stop");
    return true;
}

static bool run_in_child(void)
{
    int status;
    (void)fflush(NULL);
    pid_t parent = getpid(), child = fork();
    if (child == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); // a run must not outlive who asked for it
        (void)alarm(HANGING_S);
        _exit(getppid() == parent && run_here() ? 0 : 1);
    }
    if (child < 0) {
        perror("supervision: fork");
        return false;
    }
    if (waitpid(child, &status, 0) != child || !WIFEXITED(status)) {
        (void)fprintf(stderr, "supervision: %s was ended by a signal\n",
                      supervision_run.measure->name);
        return false;
    }
    return WEXITSTATUS(status) == 0;
}

bool supervision_run_apart(struct supervision_values *values)
{
    supervision_run.values =
        mmap(NULL, sizeof *values, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (supervision_run.values == MAP_FAILED) {
        perror("supervision: mmap");
        return false;
    }
    bool done = run_in_child();
    *values = *supervision_run.values;
    (void)munmap(supervision_run.values, sizeof *values);
    return done;
}
