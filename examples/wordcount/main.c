// wordcount: counts words with a reader, parsers that may fail, and an aggregator. See wordcount.h
// for the actors, --help for the options.
#include "wordcount.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_PATH    "/usr/share/common-licenses"
#define MIN_CHUNK       UINT64_C(0x4000)   // 16 KiB
#define MAX_CHUNK       UINT64_C(0x100000) // 1 MiB
#define MIN_CRASH_CHUNK UINT64_C(0x400)    // 1 KiB

static struct job job; // troupe_main has no other way to hand it to start

static troupe_status start(troupe_ctx *ctx, int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return troupe_spawn_with(ctx, &coordinator_behavior, NULL, NULL, JobArgs, .job = &job);
}

// Failures that were ordered are a number in the report.
static void on_event(void *user, const troupe_event *event)
{
    (void)user;
    if (event->kind == TROUPE_EVENT_RESTARTED || event->reason.status == TROUPE_EUSER)
        return;
    fprintf(stderr, "wordcount: %s: %s%s%s\n", event->name,
            event->kind == TROUPE_EVENT_GAVE_UP ? "gave up: "
                                                : troupe_reason_name(event->reason.kind),
            event->reason.text[0] == '\0' ? "" : ": ", event->reason.text);
}

// Chunks of which each worker gets several, and each failure one of its own.
static size_t choose_chunk_size(const struct options *options, uint64_t bytes)
{
    if (options->chunk_kib != 0)
        return (size_t)options->chunk_kib * 1024;
    uint64_t size = bytes / options->workers / 8;
    size = size < MIN_CHUNK ? MIN_CHUNK : size > MAX_CHUNK ? MAX_CHUNK : size;
    if (options->crash > 0 && size > bytes / options->crash / 2)
        size = bytes / options->crash / 2;
    return size < MIN_CRASH_CHUNK ? MIN_CRASH_CHUNK : (size_t)size;
}

static void tell_fault(void *user, const char *path, const char *reason)
{
    (void)user;
    fprintf(stderr, "wordcount: %s: %s\n", path, reason);
}

// Bazel starts programs in a folder of its own and says where the user is.
static bool go_where_the_user_is(void)
{
    const char *folder = getenv("BUILD_WORKING_DIRECTORY");
    if (folder == NULL || folder[0] == '\0' || chdir(folder) == 0)
        return true;
    tell_fault(NULL, folder, strerror(errno));
    return false;
}

// Finds the input. False: some of it is missing.
static bool find_input(void)
{
    if (!go_where_the_user_is())
        return false;
    const struct options *options = &job.options;
    if (options->path_count == 0)
        walk_add(&job.input, DEFAULT_PATH, tell_fault, NULL);
    for (size_t i = 0; i < options->path_count; i++)
        walk_add(&job.input, options->paths[i], tell_fault, NULL);
    return job.input.faults == 0;
}

// Counts and prints. Returns the exit code.
static int run(int argc, char **argv)
{
    const troupe_system_opts system = {.workers = job.options.workers, .on_event = on_event};
    int code = troupe_main(argc, argv,
                           &(troupe_app){.name = "wordcount", .start = start, .options = &system});
    if (code != 0 || !job.done)
        return code != 0 ? code : 1;
    words_sort(&job.words);
    if (!report_print(&job)) {
        fprintf(stderr, "wordcount: cannot write the result: %s\n", strerror(errno));
        return 1;
    }
    return job.unread_files == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    char error[256];
    if (!options_parse(&job.options, argc, argv, error, sizeof error)) {
        fprintf(stderr, "wordcount: %s\n", error);
        return 2;
    }
    if (job.options.help) {
        fputs(options_help, stdout);
        return 0;
    }
    if (job.options.workers == 0)
        job.options.workers = troupe_cpu_count();
    int code = 2;
    if (find_input()) {
        job.chunk_size = choose_chunk_size(&job.options, job.input.bytes);
        job.progress = isatty(STDERR_FILENO) != 0;
        code = run(argc, argv);
    }
    words_fini(&job.words);
    walk_fini(&job.input);
    return code;
}
