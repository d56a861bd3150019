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

const char *trp_status_print(troupe_status status, char text[TRP_STATUS_TEXT])
{
    const char *name = troupe_status_name(status);
    if (name[0] == 'T') // a known one
        (void)snprintf(text, TRP_STATUS_TEXT, "%s", name);
    else if (status > TROUPE_EUSER)
        (void)snprintf(text, TRP_STATUS_TEXT, "TROUPE_EUSER+%d", (int)status - (int)TROUPE_EUSER);
    else
        (void)snprintf(text, TRP_STATUS_TEXT, "status %d", (int)status);
    return text;
}

const char *trp_reason_print(troupe_reason reason, char text[TRP_REASON_TEXT])
{
    char status[TRP_STATUS_TEXT] = "";
    if (reason.status != TROUPE_OK)
        (void)trp_status_print(reason.status, status);
    (void)snprintf(text, TRP_REASON_TEXT, "%s%s%s%s%s%s", troupe_reason_name(reason.kind),
                   status[0] ? " (" : "", status, status[0] ? ")" : "", reason.text[0] ? ": " : "",
                   reason.text);
    return text;
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
