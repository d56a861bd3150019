// How a tree is written in each format, line by line. Knows nothing of actors and specifications:
// tree.c fills in the lines.
#ifndef TRP_ACTORS_TREE_FORMAT_H
#define TRP_ACTORS_TREE_FORMAT_H

#include "troupe/tree.h"

#include <stdbool.h>
#include <stdint.h>

// One actor of the tree, or many that are not shown.
struct trp_tree_line {
    const struct trp_tree_line *parent; // NULL: the root
    bool last;                          // of its parent's children
    uint32_t more;                      // not 0: stands for so many; nothing below is set
    uint32_t number;                    // its node's in a picture
    const char *id;                     // NULL: it has none
    const char *behavior;               // NULL: a supervisor
    troupe_strategy strategy;           // a supervisor's, and so the next two
    uint32_t max_restarts;              // 0: none
    uint64_t within_ms;
    troupe_restart restart;  // not the root's
    const char *register_as; // or NULL
    const char *state;       // NULL: of a specification
    uint32_t incarnation;    // 0: it has none
};

struct trp_tree_output {
    FILE *to;
    troupe_tree_format format;
    uint32_t numbers; // that were given to lines
    int error;        // of the first write that failed; 0: none has
};

void trp_tree_begin(struct trp_tree_output *output);

// Writes a line and gives it its number. The parent is written before its children, each with all
// that is below it before the next.
void trp_tree_put(struct trp_tree_output *output, struct trp_tree_line *line);

// Ends the tree and flushes. TROUPE_ESYSTEM with a text: something could not be written.
troupe_status trp_tree_end(struct trp_tree_output *output, const char *function);

#endif
