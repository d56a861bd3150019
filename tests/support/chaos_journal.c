// The journal of chaos: who links, watches, is told and ends. When all is calm it is compared with
// itself:
//
//     links     who is linked with an incarnation that did not end normally has ended, too, or was
//               told of it
//     monitors  of an end for good its watcher was told once; of an end that was none, never
//
// Only that is entered which is certain. A link is, when the incarnation at its other end was there
// before and is there afterwards. Imps that may be given up are nowhere in it: their last words may
// come at any time.
#include "tests/support/chaos.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---- Writing

void chaos_enter(const struct chaos_line *line)
{
    pthread_mutex_lock(&chaos.lock);
    if (chaos.line_count == chaos.line_capacity) {
        chaos.line_capacity = chaos.line_capacity * 2 + 1024;
        chaos.lines = realloc(chaos.lines, chaos.line_capacity * sizeof *chaos.lines);
    }
    chaos.lines[chaos.line_count++] = *line;
    pthread_mutex_unlock(&chaos.lock);
}

// ---- Reading, which nobody does while others write

static int by_numbers(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct chaos_line));
}

// Lines have no holes, so that they can be compared as bytes; but for the order of equal ones any
// order will do.
_Static_assert(sizeof(struct chaos_line) == 40, "a line has no holes");

// The range of lines that begin with `key`'s who, mark, incarnation and other.
struct lines {
    const struct chaos_line *first;
    size_t count;
};

static int compare_key(const struct chaos_line *line, const struct chaos_line *key)
{
    return memcmp(line, key, offsetof(struct chaos_line, other_incarnation));
}

static struct lines find(const struct chaos_line *key)
{
    size_t low = 0, high = chaos.line_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_key(&chaos.lines[middle], key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    struct lines lines = {&chaos.lines[low], 0};
    while (low + lines.count < chaos.line_count && compare_key(&lines.first[lines.count], key) == 0)
        lines.count++;
    return lines;
}

static const char *name_of(uint64_t ref)
{
    static char names[4][24];
    static unsigned next;
    char *name = names[next++ % 4];
    snprintf(name, sizeof names[0], "%u.%u", (unsigned)(ref >> 32), (unsigned)ref);
    return name;
}

static const struct chaos_line *end_of(uint64_t who, uint32_t incarnation)
{
    struct lines lines =
        find(&(struct chaos_line){.mark = CHAOS_ENDED, .who = who, .incarnation = incarnation});
    if (lines.count > 1)
        chaos_broken("%s has ended %zu times", name_of(who), lines.count);
    return lines.count ? lines.first : NULL;
}

static bool has_unlinked(uint64_t who, uint32_t incarnation, uint64_t other)
{
    return find(&(struct chaos_line){
                    .mark = CHAOS_UNLINKED, .who = who, .incarnation = incarnation, .other = other})
               .count > 0;
}

static size_t count_told(uint64_t who, uint32_t incarnation, uint64_t other,
                         uint32_t other_incarnation)
{
    size_t count = 0;
    struct lines lines = find(&(struct chaos_line){
        .mark = CHAOS_TOLD, .who = who, .incarnation = incarnation, .other = other});
    for (size_t i = 0; i < lines.count; i++)
        count += lines.first[i].other_incarnation == other_incarnation;
    return count;
}

// `ended` is over; the other one was linked with it.
static void check_told(uint64_t who, uint32_t incarnation, const struct chaos_line *ended)
{
    size_t told = count_told(who, incarnation, ended->who, ended->incarnation);
    if (told > 1)
        chaos_broken("%s has heard of an end %zu times by a link", name_of(who), told);
    if (told == 0 && end_of(who, incarnation) == NULL && ended->detail != TROUPE_NORMAL &&
        ended->detail != CHAOS_UNCLEAR)
        chaos_broken("%s has not heard of %s's incarnation %u, which has ended with %s",
                     name_of(who), name_of(ended->who), ended->incarnation,
                     troupe_reason_name((troupe_reason_kind)ended->detail));
    chaos.links += told > 0 || end_of(who, incarnation);
}

static void check_link(const struct chaos_line *link)
{
    const struct chaos_line *mine = end_of(link->who, link->incarnation);
    const struct chaos_line *others = end_of(link->other, link->other_incarnation);
    if (has_unlinked(link->who, link->incarnation, link->other) ||
        has_unlinked(link->other, link->other_incarnation, link->who))
        return;
    if (mine)
        check_told(link->other, link->other_incarnation, mine);
    if (others)
        check_told(link->who, link->incarnation, others);
}

static void check_watch(const struct chaos_line *watch)
{
    size_t told = find(&(struct chaos_line){.mark = CHAOS_DOWN,
                                            .who = watch->who,
                                            .incarnation = watch->incarnation,
                                            .other = watch->other})
                      .count;
    bool over = troupe_incarnation(chaos.outside, chaos_unpack(watch->detail)) == 0;
    if (told > 1)
        chaos_broken("%s has heard of an end %zu times by a monitor", name_of(watch->who), told);
    if (told == 1 && !over)
        chaos_broken("%s has heard of the end of %s, who lives", name_of(watch->who),
                     name_of(watch->detail));
    bool demonitored = find(&(struct chaos_line){.mark = CHAOS_UNWATCHED,
                                                 .who = watch->who,
                                                 .incarnation = watch->incarnation,
                                                 .other = watch->other})
                           .count > 0;
    if (told == 0 && over && !demonitored && end_of(watch->who, watch->incarnation) == NULL)
        chaos_broken("%s has not heard of the end of %s, whom it watches", name_of(watch->who),
                     name_of(watch->detail));
    chaos.watches += told;
}

void chaos_check_journal(void)
{
    qsort(chaos.lines, chaos.line_count, sizeof *chaos.lines, by_numbers);
    for (size_t i = 0; i < chaos.line_count; i++) {
        const struct chaos_line *line = &chaos.lines[i];
        if (line->mark == CHAOS_LINKED)
            check_link(line);
        else if (line->mark == CHAOS_WATCHED)
            check_watch(line);
    }
}
