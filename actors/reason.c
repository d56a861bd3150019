// See reason.h.
#include "actors/reason.h"

#include "actors/system.h"

#include <stdio.h>

struct trp_text *trp_text_new_va(troupe_system *system, struct trp_runner *runner,
                                 const char *format, va_list args)
{
    struct trp_text *text = trp_take(system, runner, sizeof *text);
    if (text == NULL)
        return NULL;
    atomic_init(&text->refs, 1);
    (void)vsnprintf(text->text, sizeof text->text, format, args);
    return text;
}

struct trp_text *trp_text_new(troupe_system *system, struct trp_runner *runner, const char *format,
                              ...)
{
    va_list args;
    va_start(args, format);
    struct trp_text *text = trp_text_new_va(system, runner, format, args);
    va_end(args);
    return text;
}

void trp_reason_release(troupe_system *system, struct trp_runner *runner, struct trp_reason *reason)
{
    // acq_rel: the last one sees all that the others did.
    if (reason->text &&
        atomic_fetch_sub_explicit(&reason->text->refs, 1, memory_order_acq_rel) == 1)
        trp_give(system, runner, reason->text, sizeof *reason->text);
    *reason = (struct trp_reason){0};
}

const char *troupe_reason_name(troupe_reason_kind kind)
{
    switch (kind) {
    case TROUPE_NORMAL:
        return "normal";
    case TROUPE_SHUTDOWN:
        return "shutdown";
    case TROUPE_KILLED:
        return "killed";
    case TROUPE_FAILED:
        return "failed";
    case TROUPE_START_FAILED:
        return "start failed";
    case TROUPE_MEMORY_LIMIT:
        return "memory limit";
    case TROUPE_CRASHED:
        return "crashed";
    case TROUPE_NOACTOR:
        return "noactor";
    case TROUPE_NOCONNECTION:
        return "noconnection";
    default:
        return "unknown reason";
    }
}
