// See run.h. local_run needs no lock: main writes to it before it sends Begin, then waits on
// `done`, and the lead's handlers run one after the other.
#include "bench/local/run.h"

#include "bench/local/memory.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define STOP_MS 60000 // a million actors are stopped in less

struct local_run local_run;

const char *const local_form_names[LOCAL_FORMS] = {"struct", "protobuf"};

void local_clock_start(troupe_ctx *ctx)
{
    local_run.started_ns = troupe_now_ns(ctx);
}

troupe_status local_finish(troupe_ctx *ctx, uint64_t ops)
{
    local_run.ended_ns = troupe_now_ns(ctx);
    local_run.ops = ops;
    sem_post(&local_run.done);
    return TROUPE_OK;
}

void local_note(const char *name, double value)
{
    if (local_run.note_count == LOCAL_NOTES)
        abort();
    local_run.note_names[local_run.note_count] = name;
    local_run.notes[local_run.note_count++] = value;
}

static int compare_times(const void *one, const void *other)
{
    uint64_t a = *(const uint64_t *)one, b = *(const uint64_t *)other;
    return (a > b) - (a < b);
}

void local_note_times(uint64_t *times_ns, size_t count)
{
    local_run.times_ns = times_ns;
    local_run.time_count = count;
}

static void note_time(const char *name, size_t rank)
{
    local_note(name, (double)local_run.times_ns[rank] / 1e3);
}

static void note_percentiles(void)
{
    size_t count = local_run.time_count;
    qsort(local_run.times_ns, count, sizeof *local_run.times_ns, compare_times);
    note_time("p50_us", count / 2);
    note_time("p99_us", count * 99 / 100);
    note_time("p999_us", count * 999 / 1000);
    note_time("max_us", count - 1);
}

// An actor of a workload has failed: the run would never end.
static void on_event(void *user, const troupe_event *event)
{
    (void)user;
    if (event->kind != TROUPE_EVENT_FAILED)
        return;
    (void)fprintf(stderr, "local: %s: actor %s failed: %s: %s\n", local_run.workload->name,
                  event->name, troupe_status_name(event->reason.status), event->reason.text);
    _exit(1);
}

static int fail(const char *doing)
{
    (void)fprintf(stderr, "local: %s: %s\n", doing, troupe_error_text(NULL));
    return 1;
}

static void print_line(uint64_t rss_kib, uint64_t peak_kib)
{
    double seconds = (double)(local_run.ended_ns - local_run.started_ns) / 1e9;
    double ops = (double)local_run.ops;
    printf("workload=%s workers=%" PRIu32 " messages=%s n=%" PRIu64, local_run.workload->name,
           local_run.workers, local_form_names[local_run.form], local_run.n);
    if (local_run.workload->k.name)
        printf(" k=%" PRIu64, local_run.k);
    if (local_run.pieces > 0)
        printf(" pieces=%" PRIu64, local_run.pieces);
    printf(" ops=%" PRIu64 " seconds=%.6f mops=%.3f ns=%.1f", local_run.ops, seconds,
           ops / seconds / 1e6, seconds * 1e9 / ops);
    for (size_t i = 0; i < local_run.note_count; i++)
        printf(" %s=%.2f", local_run.note_names[i], local_run.notes[i]);
    printf(" rss_kib=%" PRIu64 " peak_rss_kib=%" PRIu64 "\n", rss_kib, peak_kib);
    (void)fflush(stdout);
}

int local_run_here(void)
{
    troupe_system *system;
    troupe_ref lead;
    // Nothing but the number of workers differs from the defaults; the hook is for failures.
    troupe_system_opts opts = {.workers = local_run.workers, .on_event = on_event};
    sem_init(&local_run.done, 0, 0);
    if (troupe_system_start(&opts, &system) != TROUPE_OK)
        return fail("cannot start a system");
    troupe_ctx *ctx = troupe_outside(system);
    if (troupe_spawn(ctx, local_run.workload->lead, NULL, &lead) != TROUPE_OK)
        return fail("cannot spawn the first actor");
    local_run.system_id = lead.system;
    if (troupe_send(ctx, lead, Begin) != TROUPE_OK)
        return fail("cannot send the first message");
    while (sem_wait(&local_run.done) != 0) // a signal
        continue;
    uint64_t rss_kib = local_memory_kib("VmRSS");
    uint64_t peak_kib = local_memory_kib("VmHWM");
    if (local_run.time_count > 0)
        note_percentiles();
    if (troupe_system_stop(system, STOP_MS, NULL) != TROUPE_OK)
        return fail("the system did not stop");
    print_line(rss_kib, peak_kib);
    return 0;
}

int local_run_apart(void)
{
    int status;
    (void)fflush(NULL);
    pid_t parent = getpid(), child = fork();
    if (child == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); // a run must not outlive who asked for it
        _exit(getppid() == parent ? local_run_here() : 1);
    }
    if (child < 0) {
        perror("local: fork");
        return 1;
    }
    if (waitpid(child, &status, 0) != child || !WIFEXITED(status)) {
        (void)fprintf(stderr, "local: %s was ended by a signal\n", local_run.workload->name);
        return 1;
    }
    return WEXITSTATUS(status);
}
