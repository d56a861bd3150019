// What must be seen of a specification: when it is printed, and when it runs.
#include "tests/fuzz/spec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WAIT_MS 60000 // of virtual time

// ---- Printed

// Everything that is printed is UTF-8 without control characters but for ends of lines.
static void check_characters(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        unsigned char byte = (unsigned char)text[i];
        size_t more = byte < 0x80 ? 0 : byte < 0xc2 ? 9 : byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
        FUZZ_CHECK((byte >= ' ' || byte == '\n') && byte != 0x7f && more < 9 && byte < 0xf5,
                   "byte %02x at %zu of \"%s\"", byte, i, text);
        for (; more > 0; more--)
            FUZZ_CHECK(++i < size && (text[i] & 0xc0) == 0x80, "no UTF-8 at %zu of \"%s\"", i,
                       text);
    }
}

static size_t count(const char *text, const char *what)
{
    size_t times = 0;
    for (const char *at = text; (at = strstr(at, what)) != NULL; at++)
        times++;
    return times;
}

// One line for each in a text; one node, and a line to each but the root, in a picture.
static void check_lines(const char *text, troupe_tree_format format, size_t lines)
{
    size_t ends = count(text, "\n");
    if (format == TROUPE_TREE_TEXT)
        FUZZ_CHECK(ends == lines, "%zu lines, not %zu: \"%s\"", ends, lines, text);
    else if (format == TROUPE_TREE_DOT)
        FUZZ_CHECK(ends == 3 + lines + lines - 1, "%zu lines for %zu nodes", ends, lines);
    else
        FUZZ_CHECK(ends == 1 + lines + lines - 1, "%zu lines for %zu nodes", ends, lines);
}

size_t spec_count_lines(const troupe_supervisor *spec)
{
    size_t lines = 1;
    for (size_t i = 0; i < spec->child_count; i++)
        lines += spec->children[i].supervisor ? spec_count_lines(spec->children[i].supervisor) : 1;
    return lines;
}

void spec_look_at_print(const troupe_supervisor *spec, const struct spec_verdict *verdict,
                        troupe_tree_format format)
{
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);
    FUZZ_CHECK(to != NULL, "no stream");
    troupe_status status = troupe_tree_print_spec(spec, format, to);
    fclose(to);
    if (spec_check_refusal(verdict, "troupe_tree_print_spec: ", status)) {
        FUZZ_CHECK(size == 0, "refused and printed \"%s\"", text);
    } else {
        FUZZ_CHECK(status == TROUPE_OK, "%s", troupe_error_text(NULL));
        fuzz_trace("%s", text);
        check_characters(text, size);
        check_lines(text, format, spec_count_lines(spec));
    }
    free(text);
}

void spec_look_at_tree(troupe_ref supervisor, troupe_tree_format format, size_t lines)
{
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);
    FUZZ_CHECK(to != NULL, "no stream");
    troupe_status status = troupe_tree_print(troupe_outside(fuzz_system), supervisor, format, to);
    fclose(to);
    FUZZ_CHECK(status == TROUPE_OK || status == TROUPE_EDEAD, "%s", troupe_error_text(NULL));
    FUZZ_CHECK(status == TROUPE_OK || (size == 0 && lines == 0), "%s", troupe_error_text(NULL));
    if (status == TROUPE_OK)
        check_characters(text, size);
    if (lines > 0)
        check_lines(text, format, lines);
    free(text);
}

// ---- Running

static bool runs(const troupe_child *child)
{
    return child->supervisor || spec_fate_of(child) != SPEC_IGNORES;
}

static bool is_known(const troupe_child *child)
{
    return runs(child) || child->restart != TROUPE_TEMPORARY;
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static void check_same(const troupe_child *told, const troupe_child *given)
{
    FUZZ_CHECK(same_text(told->id, given->id) && same_text(told->register_as, given->register_as),
               "texts of \"%s\"", given->id ? given->id : "");
    FUZZ_CHECK(
        told->behavior == given->behavior && told->supervisor == given->supervisor &&
            told->restart == given->restart && told->place == given->place &&
            told->shutdown_ms == given->shutdown_ms && told->significant == given->significant &&
            told->max_restarts == given->max_restarts && told->within_ms == given->within_ms &&
            told->memory_limit == given->memory_limit &&
            told->kill_grace_ms == given->kill_grace_ms && told->args_type == given->args_type,
        "fields of \"%s\"", given->id ? given->id : "");
    FUZZ_CHECK(memcmp(&told->backoff, &given->backoff, sizeof given->backoff) == 0,
               "backoff of \"%s\"", given->id ? given->id : "");
    FUZZ_CHECK(!told->args == !given->args, "args of \"%s\"", given->id ? given->id : "");
    FUZZ_CHECK(spec_fate_of(told) == spec_fate_of(given), "args of \"%s\"",
               given->id ? given->id : "");
}

// A template's of simple one for one is told without an id.
static void look_at_spec(troupe_ref supervisor, const char *id, const troupe_child *given)
{
    troupe_ctx *ctx = troupe_outside(fuzz_system);
    troupe_msg *reply;
    troupe_status status = troupe_child_spec_wait(ctx, supervisor, WAIT_MS, id, &reply);
    FUZZ_CHECK(status == TROUPE_OK, "%s", troupe_error_text(NULL));
    const troupe_child_spec_reply *told = troupe_match(reply, troupe_child_spec_reply);
    FUZZ_CHECK(told != NULL, "%s", troupe_msg_type_name(reply));
    check_same(&told->child, given);
    troupe_msg_free(ctx, reply);
}

static void look_at_count(troupe_ref supervisor, const troupe_supervisor *spec)
{
    troupe_child_count expected = {.specs = 1}, told;
    if (spec->strategy != TROUPE_SIMPLE_ONE_FOR_ONE) {
        expected.specs = 0;
        for (size_t i = 0; i < spec->child_count; i++) {
            const troupe_child *child = &spec->children[i];
            expected.specs += is_known(child);
            expected.active += runs(child);
            expected.supervisors += child->supervisor != NULL;
            expected.workers += is_known(child) && !child->supervisor;
        }
    }
    troupe_status status =
        troupe_count_children_wait(troupe_outside(fuzz_system), supervisor, WAIT_MS, &told);
    FUZZ_CHECK(status == TROUPE_OK, "%s", troupe_error_text(NULL));
    FUZZ_CHECK(told.specs == expected.specs && told.active == expected.active &&
                   told.supervisors == expected.supervisors && told.workers == expected.workers,
               "%zu %zu %zu %zu, not %zu %zu %zu %zu", told.specs, told.active, told.supervisors,
               told.workers, expected.specs, expected.active, expected.supervisors,
               expected.workers);
}

static void look_at_child(troupe_ref supervisor, const troupe_child_info *told,
                          const troupe_child *given)
{
    troupe_ctx *ctx = troupe_outside(fuzz_system);
    bool running = runs(given);
    troupe_ref ref;
    FUZZ_CHECK(same_text(told->id, given->id), "\"%s\", not \"%s\"", told->id, given->id);
    FUZZ_CHECK(
        told->state == (running ? TROUPE_CHILD_RUNNING : TROUPE_CHILD_STOPPED) &&
            troupe_ref_is_none(told->ref) == !running && told->incarnation == (running ? 1u : 0u) &&
            told->is_supervisor == (given->supervisor != NULL) && told->restart == given->restart,
        "\"%s\": state %d, incarnation %u", given->id, (int)told->state, told->incarnation);
    FUZZ_CHECK(!given->behavior || same_text(told->behavior, given->behavior->name),
               "\"%s\" is of \"%s\"", given->id, told->behavior);
    troupe_status status = troupe_child_ref(ctx, supervisor, given->id, &ref);
    FUZZ_CHECK(status == (running ? TROUPE_OK : TROUPE_ENOENT) && troupe_ref_equal(ref, told->ref),
               "\"%s\": %s", given->id, troupe_status_name(status));
    FUZZ_CHECK(!running || !given->register_as ||
                   troupe_ref_equal(troupe_whereis(ctx, given->register_as), ref),
               "\"%s\" has not its name", given->id);
    look_at_spec(supervisor, given->id, given);
    if (given->supervisor)
        spec_look_at_running(ref, given->supervisor);
}

static void look_at_children(troupe_ref supervisor, const troupe_supervisor *spec)
{
    troupe_ctx *ctx = troupe_outside(fuzz_system);
    troupe_msg *reply;
    troupe_status status = troupe_which_children_wait(ctx, supervisor, WAIT_MS, &reply);
    FUZZ_CHECK(status == TROUPE_OK, "%s", troupe_error_text(NULL));
    const troupe_children *told = troupe_match(reply, troupe_children);
    FUZZ_CHECK(told != NULL, "%s", troupe_msg_type_name(reply));
    size_t at = 0;
    for (size_t i = 0; i < spec->child_count; i++) {
        if (spec->strategy == TROUPE_SIMPLE_ONE_FOR_ONE || !is_known(&spec->children[i]))
            continue;
        FUZZ_CHECK(at < told->count, "%zu children are told of", told->count);
        look_at_child(supervisor, &told->children[at++], &spec->children[i]);
    }
    FUZZ_CHECK(at == told->count, "%zu children are told of, not %zu", told->count, at);
    troupe_msg_free(ctx, reply);
}

void spec_look_at_running(troupe_ref supervisor, const troupe_supervisor *spec)
{
    look_at_count(supervisor, spec);
    look_at_children(supervisor, spec);
    if (spec->strategy == TROUPE_SIMPLE_ONE_FOR_ONE)
        look_at_spec(supervisor, NULL, &spec->children[0]);
}
