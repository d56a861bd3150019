// What a child has printed. A failed assertion and a sanitizer's finding end the process, and say
// why only there; the place in the sources that they name tells one from another.
#include "sim/seeds.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define LATEST 65536 // bytes of the output that are looked at

int trp_sim_output_open(void)
{
    return memfd_create("troupe_sim", MFD_CLOEXEC);
}

// ---- Places

static bool is_path(char c)
{
    return isalnum((unsigned char)c) || (c != 0 && strchr("_-+./", c));
}

// Returns where the name of a file begins that ends, with ".c", ".cc", ".hpp" or the like, before
// `colon`; NULL: none does.
static const char *file_before(const char *text, const char *colon)
{
    const char *dot = colon;
    while (dot > text && isalpha((unsigned char)dot[-1]))
        dot--;
    if (dot == text || dot[-1] != '.' || colon - dot < 1 || colon - dot > 3 ||
        strchr("ch", *dot) == NULL)
        return NULL;
    const char *start = dot - 1;
    while (start > text && is_path(start[-1]))
        start--;
    return start < dot - 1 ? start : NULL;
}

// Returns the last place of the form file.c:38 in a text, or NULL; *length gets its length.
static const char *last_place(const char *text, size_t size, size_t *length)
{
    for (const char *colon = text + size; colon-- > text;) {
        if (*colon != ':' || !isdigit((unsigned char)colon[1]))
            continue;
        const char *start = file_before(text, colon);
        if (start == NULL)
            continue;
        const char *end = colon + 1;
        while (isdigit((unsigned char)*end))
            end++;
        *length = (size_t)(end - start);
        return start;
    }
    return NULL;
}

static void copy_line(const char *text, const char *at, char line[TRP_SIM_TEXT])
{
    const char *start = at;
    while (start > text && start[-1] != '\n')
        start--;
    (void)snprintf(line, TRP_SIM_TEXT, "%.*s", (int)strcspn(start, "\n"), start);
}

void trp_sim_output_place(int file, char line[TRP_SIM_TEXT], char place[128])
{
    line[0] = place[0] = 0;
    off_t size = lseek(file, 0, SEEK_END);
    char *text = size > 0 ? malloc(LATEST + 1) : NULL;
    if (text == NULL)
        return;
    ssize_t got = pread(file, text, LATEST, size > LATEST ? size - LATEST : 0);
    size_t length = 0;
    text[got > 0 ? got : 0] = 0;
    const char *at = got > 0 ? last_place(text, (size_t)got, &length) : NULL;
    if (at) {
        copy_line(text, at, line);
        (void)snprintf(place, 128, "%.*s", (int)length, at);
    }
    free(text);
}

// ---- The same failure

// Moves past a number that may differ between two runs: all but that of a line in the sources.
static const char *skip_number(const char *at)
{
    if (at[0] == '0' && at[1] == 'x') {
        for (at += 2; isxdigit((unsigned char)*at);)
            at++;
        return at;
    }
    while (isdigit((unsigned char)*at))
        at++;
    return at;
}

static bool is_line_number(const char *text, const char *at)
{
    return at - text >= 2 && at[-1] == ':' && file_before(text, at - 1) != NULL;
}

static bool same_text(const char *one, const char *other)
{
    const char *a = one, *b = other;
    while (*a && *b) {
        if (isdigit((unsigned char)*a) && isdigit((unsigned char)*b)) {
            const char *end = skip_number(a), *other_end = skip_number(b);
            if (is_line_number(one, a) &&
                (end - a != other_end - b || strncmp(a, b, (size_t)(end - a)) != 0))
                return false;
            a = end;
            b = other_end;
        } else if (*a++ != *b++) {
            return false;
        }
    }
    return *a == *b;
}

bool trp_sim_same_end(const struct trp_sim_end *one, const struct trp_sim_end *other)
{
    if (one->how != other->how || one->code != other->code)
        return false;
    if (one->how == TRP_SIM_FAILED)
        return same_text(one->text, other->text);
    return strcmp(one->place, other->place) == 0;
}
