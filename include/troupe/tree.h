// Trees: a supervisor with all below it, as a text to look at or a picture.
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

// Writes a running supervisor and all below it: ids, strategies, restart types, states,
// incarnations. Of more than 20 children of a simple one for one supervisor the first 20 are shown,
// and how many more there are. Reads what is there without asking, so it never waits; children may
// come and go meanwhile. Errors: TROUPE_EDEAD (no such supervisor), TROUPE_EINVAL (format, or `to`
// is NULL), TROUPE_ENOMEM, TROUPE_ESYSTEM (writing failed), TROUPE_ESTALE. Outside too.
TROUPE_API troupe_status troupe_tree_print(troupe_ctx *ctx, troupe_ref supervisor,
                                           troupe_tree_format format, FILE *to);

// The same for a specification, which is checked as troupe_supervise does; nothing needs to run.
// Threads: any.
TROUPE_API troupe_status troupe_tree_print_spec(const troupe_supervisor *spec,
                                                troupe_tree_format format, FILE *to);

#ifdef __cplusplus
}
#endif

#endif
