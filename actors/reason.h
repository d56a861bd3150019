// Why an incarnation ended, as the runtime keeps it: by value, with a counted text.
#ifndef TRP_ACTORS_REASON_H
#define TRP_ACTORS_REASON_H

#include "troupe/actor.h"

#include <stdarg.h>
#include <stdatomic.h>

struct trp_runner;

struct trp_text { // counted, immutable once shared
    _Atomic uint32_t refs;
    char text[256 - sizeof(uint32_t)];
};

struct trp_reason {
    uint32_t kind;         // troupe_reason_kind; 0: not ended
    troupe_status status;  // of failed and start failed
    struct trp_text *text; // counted, or NULL
};

// Gives the public view; valid as long as the count is held.
static inline troupe_reason trp_reason_view(const struct trp_reason *reason)
{
    return (troupe_reason){.kind = (troupe_reason_kind)reason->kind,
                           .status = reason->status,
                           .text = reason->text ? reason->text->text : ""};
}

// Tells whether it was none of the ends that are meant to happen.
static inline bool trp_reason_is_failure(const struct trp_reason *reason)
{
    return reason->kind == TROUPE_FAILED || reason->kind == TROUPE_START_FAILED ||
           reason->kind == TROUPE_MEMORY_LIMIT || reason->kind == TROUPE_CRASHED;
}

// Takes one more count of the text.
static inline struct trp_reason trp_reason_acquire(struct trp_reason reason)
{
    if (reason.text)
        atomic_fetch_add_explicit(&reason.text->refs, 1, memory_order_relaxed);
    return reason;
}

// Makes a text of at most 251 bytes; NULL without memory.
__attribute__((format(printf, 3, 4))) struct trp_text *
trp_text_new(troupe_system *system, struct trp_runner *runner, const char *format, ...);
__attribute__((format(printf, 3, 0))) struct trp_text *
trp_text_new_va(troupe_system *system, struct trp_runner *runner, const char *format, va_list args);

#define TRP_STATUS_TEXT 32
#define TRP_REASON_TEXT 320

// Writes a status as it is written in C, for example "TROUPE_EDEAD" or "TROUPE_EUSER+3"; returns
// `text`.
const char *trp_status_print(troupe_status status, char text[TRP_STATUS_TEXT]);

// Writes all of a reason, for example "failed (TROUPE_EUSER+3): no disk"; returns `text`.
const char *trp_reason_print(troupe_reason reason, char text[TRP_REASON_TEXT]);

// Gives a count back and clears the reason.
void trp_reason_release(troupe_system *system, struct trp_runner *runner,
                        struct trp_reason *reason);

#endif
