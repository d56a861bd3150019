// Plans as lists and as text.
#include "sim/plan.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char letters[TRP_SIM_KINDS + 1] = "nctfbp"; // in the order of enum trp_sim_kind
static const char none[] = "none";

static troupe_status no_memory(void)
{
    return trp_error(TROUPE_ENOMEM, "no memory for a plan");
}

// ---- Lists

static bool add(struct trp_sim_plan *plan, struct trp_sim_mark mark)
{
    struct trp_sim_list *list = &plan->lists[mark.kind];
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? 2 * list->capacity : 16;
        struct trp_sim_mark *marks = realloc(list->marks, capacity * sizeof *marks);
        if (marks == NULL)
            return false;
        list->marks = marks;
        list->capacity = capacity;
    }
    list->marks[list->count++] = mark;
    return true;
}

troupe_status trp_sim_plan_init(struct trp_sim_plan *plan, const struct trp_sim_mark *marks,
                                size_t count)
{
    *plan = (struct trp_sim_plan){0};
    for (size_t i = 0; i < count; i++) {
        if (add(plan, marks[i]))
            continue;
        trp_sim_plan_fini(plan);
        return no_memory();
    }
    return TROUPE_OK;
}

void trp_sim_plan_fini(struct trp_sim_plan *plan)
{
    for (int kind = 0; kind < TRP_SIM_KINDS; kind++)
        free(plan->lists[kind].marks);
    *plan = (struct trp_sim_plan){0};
}

size_t trp_sim_plan_count(const struct trp_sim_plan *plan)
{
    size_t count = 0;
    for (int kind = 0; kind < TRP_SIM_KINDS; kind++)
        count += plan->lists[kind].count;
    return count;
}

troupe_status trp_sim_plan_marks(const struct trp_sim_plan *plan, struct trp_sim_marks *marks)
{
    *marks = (struct trp_sim_marks){0};
    marks->at = malloc((trp_sim_plan_count(plan) + 1) * sizeof *marks->at);
    if (marks->at == NULL)
        return no_memory();
    for (int kind = 0; kind < TRP_SIM_KINDS; kind++) {
        const struct trp_sim_list *list = &plan->lists[kind];
        if (list->count)
            memcpy(&marks->at[marks->count], list->marks, list->count * sizeof *marks->at);
        marks->count += list->count;
    }
    return TROUPE_OK;
}

// ---- As text

size_t trp_sim_plan_print(const struct trp_sim_plan *plan, char *text, size_t size)
{
    size_t length = 0;
    for (int kind = 0; kind < TRP_SIM_KINDS; kind++) {
        const struct trp_sim_list *list = &plan->lists[kind];
        for (size_t i = 0; i < list->count; i++) {
            bool room = length < size;
            length += (size_t)snprintf(room ? text + length : NULL, room ? size - length : 0,
                                       "%s%c%" PRIu64 ":%" PRIu32, length ? "," : "", letters[kind],
                                       list->marks[i].ordinal, list->marks[i].value);
        }
    }
    return length ? length : (size_t)snprintf(text, size, "%s", none);
}

// Reads a number of at most `most`, and moves on. False: there is none.
static bool read_number(const char **at, uint64_t most, uint64_t *number)
{
    if (!isdigit((unsigned char)**at))
        return false;
    char *end;
    errno = 0;
    *number = strtoull(*at, &end, 10);
    *at = end;
    return errno == 0 && *number <= most;
}

static bool read_mark(const char **at, struct trp_sim_mark *mark)
{
    const char *letter = **at ? strchr(letters, **at) : NULL;
    if (letter == NULL)
        return false;
    (*at)++;
    uint64_t value = 0;
    if (!read_number(at, UINT64_MAX, &mark->ordinal) || **at != ':')
        return false;
    (*at)++;
    if (!read_number(at, UINT32_MAX, &value) || (**at != 0 && **at != ','))
        return false;
    mark->kind = (enum trp_sim_kind)(letter - letters);
    mark->value = (uint32_t)value;
    return true;
}

static bool follows(const struct trp_sim_plan *plan, struct trp_sim_mark mark)
{
    const struct trp_sim_list *list = &plan->lists[mark.kind];
    return list->count == 0 || list->marks[list->count - 1].ordinal < mark.ordinal;
}

static troupe_status read_all(struct trp_sim_plan *plan, const char *text)
{
    for (const char *at = text;; at++) {
        const char *start = at;
        struct trp_sim_mark mark;
        if (!read_mark(&at, &mark))
            return trp_error(TROUPE_EINVAL,
                             "\"%.20s\": a plan is \"none\" or marks like n3:1, a letter of %s and "
                             "two numbers, with commas between",
                             start, letters);
        if (!follows(plan, mark))
            return trp_error(TROUPE_EINVAL, "\"%.*s\": the marks of a letter must ascend",
                             (int)(at - start), start);
        if (!add(plan, mark))
            return no_memory();
        if (*at == 0)
            return TROUPE_OK;
    }
}

troupe_status trp_sim_plan_parse(struct trp_sim_plan *plan, const char *text)
{
    *plan = (struct trp_sim_plan){0};
    if (strcmp(text, none) == 0)
        return TROUPE_OK;
    troupe_status status = read_all(plan, text);
    if (status != TROUPE_OK)
        trp_sim_plan_fini(plan);
    return status;
}
