// The console: the only one that writes to stderr while the others work. It has a thread of its
// own, because a terminal may block.
#include "wordcount.h"

#include <stdio.h>
#include <string.h>

#define BAR_WIDTH 40

struct console {
    struct job *job;
    uint64_t begun_ns;
    bool bar; // the cursor stands behind a bar
};

static troupe_status console_init(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    struct console *console = state;
    const struct job_args *given = troupe_match(args, JobArgs);
    if (given == NULL)
        return TROUPE_EINVAL;
    console->job = given->job;
    console->begun_ns = troupe_now_ns(ctx);
    return TROUPE_OK;
}

static void erase_bar(struct console *console)
{
    if (console->bar)
        fputs("\r\033[K", stderr);
    console->bar = false;
}

static void draw_bar(troupe_ctx *ctx, struct console *console, uint64_t bytes)
{
    uint64_t total = console->job->input.bytes;
    double part = bytes >= total ? 1 : (double)bytes / (double)total;
    double seconds = (double)(troupe_now_ns(ctx) - console->begun_ns) / 1e9;
    char bar[BAR_WIDTH + 1] = {0};
    memset(bar, '.', BAR_WIDTH);
    memset(bar, '#', (size_t)(part * BAR_WIDTH));
    fprintf(stderr, "\r[%s] %3.0f%%  %.0f of %.0f MB, %.0f MB/s\033[K", bar, part * 100,
            (double)bytes / 1e6, (double)total / 1e6,
            seconds > 0 ? (double)bytes / 1e6 / seconds : 0);
    fflush(stderr);
    console->bar = true;
}

static void warn(struct console *console, const struct trouble *trouble)
{
    erase_bar(console);
    if (trouble->error == 0)
        fprintf(stderr, "wordcount: warning: %s has become shorter while it was read\n",
                trouble->path);
    else
        fprintf(stderr, "wordcount: %s: %s; not counted from there on\n", trouble->path,
                strerror(trouble->error));
}

static troupe_status console_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    struct console *console = state;
    const struct progress *progress = troupe_match(msg, Progress);
    if (progress) {
        draw_bar(ctx, console, progress->bytes);
        return TROUPE_OK;
    }
    const struct trouble *trouble = troupe_match(msg, Trouble);
    if (trouble) {
        warn(console, trouble);
        return TROUPE_OK;
    }
    return TROUPE_UNHANDLED;
}

static void console_stop(troupe_ctx *ctx, void *state, const troupe_reason *why)
{
    (void)ctx;
    (void)why;
    erase_bar(state);
}

const troupe_behavior console_behavior = {
    .name = "console",
    .state_size = sizeof(struct console),
    .init = console_init,
    .receive = console_receive,
    .stop = console_stop,
};
