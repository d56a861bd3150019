// The calling thread's last error, for troupe_error_text. A handler runs on one thread, so the
// thread's last error is the handler's.
#include "actors/actor.h"

#include <stdarg.h>
#include <stdio.h>

static _Thread_local char error_text[512];

troupe_status trp_error(troupe_status status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(error_text, sizeof error_text, format, args);
    va_end(args);
    return status;
}

void trp_say_stale(void)
{
    trp_error(TROUPE_ESTALE, "this incarnation was given up after a kill; its handler can only "
                             "return");
}

const char *troupe_error_text(troupe_ctx *ctx)
{
    (void)ctx;
    return error_text;
}
