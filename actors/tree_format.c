// See tree_format.h. A line is an id and some parts: in text behind each other, in pictures below
// each other in a box. Text is plain ASCII, so that it comes out of any terminal and log as it went
// in. Ids and names are the user's and may hold anything: what has a meaning in a format is
// escaped.
#include "actors/tree_format.h"

#include "actors/system.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

__attribute__((format(printf, 2, 3))) static void put(struct trp_tree_output *output,
                                                      const char *format, ...)
{
    if (output->error)
        return; // the first one says why
    va_list args;
    va_start(args, format);
    if (vfprintf(output->to, format, args) < 0)
        output->error = errno ? errno : EIO;
    va_end(args);
}

// ---- Texts of the user's

static void put_text_char(struct trp_tree_output *output, char c)
{
    put(output, "%c", c);
}

// In a string of Graphviz, which knows backslashes and HTML's entities.
static void put_dot_char(struct trp_tree_output *output, char c)
{
    if (c == '"' || c == '\\')
        put(output, "\\%c", c);
    else if (c == '&')
        put(output, "&amp;");
    else
        put(output, "%c", c);
}

// In a string of Mermaid, which is HTML and Markdown and has entities of its own: #35; is a #.
static void put_mermaid_char(struct trp_tree_output *output, char c)
{
    if (strchr("\"#&<>\\`*_~", c))
        put(output, "#%d;", c);
    else
        put(output, "%c", c);
}

// What differs between the formats.
static const struct style {
    const char *begin, *end;
    const char *after_id, *separator;
    const char *backslash;
    void (*put_char)(struct trp_tree_output *output, char c);
} styles[] = {
    [TROUPE_TREE_TEXT] = {"", "", ": ", ", ", "\\", put_text_char},
    [TROUPE_TREE_DOT] = {"digraph tree {\n  node [shape=box];\n", "}\n", "\\n", "\\n", "\\\\",
                         put_dot_char},
    [TROUPE_TREE_MERMAID] = {"flowchart TD\n", "", "<br/>", "<br/>", "#92;", put_mermaid_char},
};

// How many bytes the character at the start of a text has in UTF-8; 0: it is none.
static size_t utf8_size(const char *text)
{
    const unsigned char *at = (const unsigned char *)text;
    unsigned first = at[0], second_min = 0x80, second_max = 0xbf;
    size_t size = first < 0x80                     ? 1
                  : first >= 0xc2 && first <= 0xdf ? 2
                  : first >= 0xe0 && first <= 0xef ? 3
                  : first >= 0xf0 && first <= 0xf4 ? 4
                                                   : 0;
    if (first == 0xe0 || first == 0xf0) // else it could be shorter
        second_min = first == 0xe0 ? 0xa0 : 0x90;
    if (first == 0xed || first == 0xf4) // surrogates, and what is beyond the last
        second_max = first == 0xed ? 0x9f : 0x8f;
    if (size > 1 && (at[1] < second_min || at[1] > second_max))
        return 0;
    for (size_t i = 2; i < size; i++)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    return size;
}

// Control characters, and bytes that are no text, as C would write them.
static void put_name(struct trp_tree_output *output, const char *name)
{
    const struct style *style = &styles[output->format];
    while (*name) {
        unsigned char first = (unsigned char)*name;
        size_t size = utf8_size(name);
        if (size == 0 || first < ' ' || first == 0x7f) {
            put(output, "%sx%02x", style->backslash, (unsigned)first);
            name++;
        } else if (size == 1) {
            style->put_char(output, *name++);
        } else {
            put(output, "%.*s", (int)size, name);
            name += size;
        }
    }
}

// ---- The parts of a line

static void separate(struct trp_tree_output *output)
{
    put(output, "%s", styles[output->format].separator);
}

static void put_intensity(struct trp_tree_output *output, const struct trp_tree_line *line)
{
    if (line->max_restarts == 0) {
        put(output, "no restarts");
        return;
    }
    bool seconds = line->within_ms % 1000 == 0;
    put(output, "%" PRIu32 " restart%s in %" PRIu64 " %s", line->max_restarts,
        line->max_restarts == 1 ? "" : "s", seconds ? line->within_ms / 1000 : line->within_ms,
        seconds ? "s" : "ms");
}

static void put_what_it_is(struct trp_tree_output *output, const struct trp_tree_line *line)
{
    static const char *const strategies[] = {"one for one", "one for all", "rest for one",
                                             "simple one for one"};
    if (line->id) {
        put_name(output, line->id);
        put(output, "%s", styles[output->format].after_id);
    }
    if (line->behavior) {
        put_name(output, line->behavior);
        return;
    }
    put(output, "supervisor");
    separate(output);
    put(output, "%s", strategies[line->strategy]);
    separate(output);
    put_intensity(output, line);
}

static void put_parts(struct trp_tree_output *output, const struct trp_tree_line *line)
{
    static const char *const restarts[] = {"permanent", "transient", "temporary"};
    if (line->more) {
        put(output, "and %" PRIu32 " more", line->more);
        return;
    }
    put_what_it_is(output, line);
    if (line->parent) {
        separate(output);
        put(output, "%s", restarts[line->restart]);
    }
    if (line->register_as) {
        separate(output);
        put(output, "registers as ");
        put_name(output, line->register_as);
    }
    if (line->state) {
        separate(output);
        put(output, "%s", line->state);
    }
    if (line->incarnation) {
        separate(output);
        put(output, "incarnation %" PRIu32, line->incarnation);
    }
}

// ---- Lines

// What leads from the root's column to the children of `line`.
static void put_indent(struct trp_tree_output *output, const struct trp_tree_line *line)
{
    if (line->parent == NULL)
        return;
    put_indent(output, line->parent);
    put(output, line->last ? "   " : "|  ");
}

static void put_text_line(struct trp_tree_output *output, const struct trp_tree_line *line)
{
    if (line->parent) {
        put_indent(output, line->parent);
        put(output, line->last ? "`- " : "|- ");
    }
    put_parts(output, line);
    put(output, "\n");
}

// Supervisors have round corners, what stands for many has no box.
static void put_dot_line(struct trp_tree_output *output, const struct trp_tree_line *line)
{
    put(output, "  n%" PRIu32 " [%slabel=\"", line->number,
        line->more       ? "shape=plaintext, "
        : line->behavior ? ""
                         : "style=rounded, ");
    put_parts(output, line);
    put(output, "\"];\n");
    if (line->parent)
        put(output, "  n%" PRIu32 " -> n%" PRIu32 ";\n", line->parent->number, line->number);
}

static void put_mermaid_line(struct trp_tree_output *output, const struct trp_tree_line *line)
{
    bool round = !line->behavior && !line->more;
    put(output, "  n%" PRIu32 "%s", line->number, round ? "(\"" : "[\"");
    put_parts(output, line);
    put(output, round ? "\")\n" : "\"]\n");
    if (line->parent)
        put(output, "  n%" PRIu32 " --> n%" PRIu32 "\n", line->parent->number, line->number);
}

void trp_tree_begin(struct trp_tree_output *output)
{
    flockfile(output->to); // nobody else's lines between ours
    errno = 0;
    put(output, "%s", styles[output->format].begin);
}

void trp_tree_put(struct trp_tree_output *output, struct trp_tree_line *line)
{
    static void (*const put_line[])(struct trp_tree_output *, const struct trp_tree_line *) = {
        put_text_line, put_dot_line, put_mermaid_line};
    line->number = output->numbers++;
    put_line[output->format](output, line);
}

troupe_status trp_tree_end(struct trp_tree_output *output, const char *function)
{
    put(output, "%s", styles[output->format].end);
    if (!output->error && fflush(output->to) != 0)
        output->error = errno ? errno : EIO;
    funlockfile(output->to);
    if (!output->error)
        return TROUPE_OK;
    char why[128];
    return trp_error(TROUPE_ESYSTEM, "%s: writing failed: %s", function,
                     strerror_r(output->error, why, sizeof why));
}
