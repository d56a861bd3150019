// Trees: a supervisor with all below it, as a text to look at or a picture.
//
//     app: supervisor, rest for one, 1 restart in 5 s, running, incarnation 1
//     |- store: store, permanent, registers as store, running, incarnation 2
//     `- web: supervisor, one for one, 10 restarts in 5 s, permanent, running, incarnation 3
//        |- listener: listener, permanent, running, incarnation 1
//        `- sessions: supervisor, simple one for one, 1 restart in 5 s, permanent, running, ...
//           |- session, temporary, running, incarnation 1
//           ...
//           `- and 180 more
#ifndef TROUPE_TREE_H
#define TROUPE_TREE_H

#include <stdio.h>
#include <troupe/supervisor.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum troupe_tree_format {
    TROUPE_TREE_TEXT = 0, // indented lines
    TROUPE_TREE_DOT,      // for Graphviz
    TROUPE_TREE_MERMAID   // a flowchart, as in Markdown
} troupe_tree_format;

// Writes a supervisor and all supervised actors below it, and flushes: id, behaviour, strategy and
// intensity of supervisors, restart type, the name that its specification registers for it (whoever
// has that now: troupe_whereis), state, incarnation. Control characters in ids and names are
// written as \x0a, and so are bytes that are not UTF-8. Of more than 20 children of a simple one
// for one supervisor the first 20 are shown, and how many more there are. Reads what is there
// without asking anybody, so it waits for nothing but the writing; children may come and go
// meanwhile, and each is shown as it was when it was looked at. From a handler, `to` should be
// something quick. Errors: TROUPE_EDEAD (no such supervisor, or `supervisor` is another actor),
// TROUPE_EINVAL (format, or `to` is NULL), TROUPE_ENOMEM; nothing was written. TROUPE_ESYSTEM
// (writing failed, by then some may be written), TROUPE_ESTALE. Outside too.
TROUPE_API troupe_status troupe_tree_print(troupe_ctx *ctx, troupe_ref supervisor,
                                           troupe_tree_format format, FILE *to);

// The same for a specification; nothing needs to run. The one child of a simple one for one
// supervisor is shown as `template`. Errors: TROUPE_EINVAL also for what troupe_supervise would
// refuse, with its text, and TROUPE_ENOTSUP; TROUPE_ENOMEM; TROUPE_ESYSTEM. Threads: any.
TROUPE_API troupe_status troupe_tree_print_spec(const troupe_supervisor *spec,
                                                troupe_tree_format format, FILE *to);

#ifdef __cplusplus
}
#endif

#endif
