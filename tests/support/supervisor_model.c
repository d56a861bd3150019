// The model of a supervisor: see supervisor_model.h.
#include "tests/support/supervisor_model.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct model model;
struct model_book model_real, model_ideal;

// ---- The journal

void model_note(struct model_book *book, const char *format, ...)
{
    size_t length = strlen(book->text);
    va_list args;
    va_start(args, format);
    vsnprintf(book->text + length, sizeof book->text - length, format, args);
    va_end(args);
}

enum model_fate model_next_fate(struct model_book *book, int id)
{
    enum model_fate fate = book->fates[id][0];
    book->fates[id][0] = book->fates[id][1];
    book->fates[id][1] = FATE_OK;
    model_note(book, " %c%c;", fate == FATE_OK ? '+' : fate == FATE_FAIL ? '!' : '?', 'a' + id);
    return fate;
}

// ---- The supervisor

bool model_is_simple(void)
{
    return model.strategy == TROUPE_SIMPLE_ONE_FOR_ONE;
}

static bool is_exceeded(struct model_budget *budget)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < budget->count; i++)
        if (model.now - budget->times[i] <= budget->within)
            budget->times[kept++] = budget->times[i];
    budget->times[kept++] = model.now;
    budget->count = kept;
    return kept > budget->max;
}

void model_forget(int at)
{
    model.count--;
    memmove(&model.members[at], &model.members[at + 1],
            (size_t)(model.count - at) * sizeof model.members[0]);
}

void model_stop_member(int at)
{
    struct model_member *member = &model.members[at];
    if (member->running)
        model_note(&model_ideal, " -%c shutdown;", 'a' + member->id);
    member->running = false;
}

enum model_fate model_start_member(int at)
{
    struct model_member *member = &model.members[at];
    enum model_fate fate = model_next_fate(&model_ideal, member->id);
    if (!member->known) { // a new ref
        member->incarnation = 0;
        member->ref = (troupe_ref){0, 0, 0};
    }
    member->incarnation++;
    member->known = fate != FATE_IGNORE;
    member->running = fate == FATE_OK;
    return fate;
}

// ---- Its own starts and ends

static bool start_all(void)
{
    for (int i = 0; i < model.count; i++) {
        enum model_fate fate = model_start_member(i);
        if (fate == FATE_FAIL) {
            while (i-- > 0)
                model_stop_member(i);
            return false;
        }
        if (fate == FATE_IGNORE && model.members[i].restart == TROUPE_TEMPORARY)
            model_forget(i--);
    }
    return true;
}

void model_begin(void)
{
    do {
        memcpy(model.members, model.first, sizeof model.members);
        model.count = model.first_count;
        model.budget.count = 0;
        model.incarnation++;
    } while (!start_all());
}

static void begin_again(void)
{
    model.is_over = !model.is_permanent;
    if (model.is_permanent)
        model_begin();
}

void model_end_supervisor(void)
{
    for (int i = model.count - 1; i >= 0; i--)
        model_stop_member(i);
    begin_again();
}

void model_kill_supervisor(void)
{
    begin_again(); // nobody has the chance to say anything
}

// ---- Restarts

// Returns who failed to start, or -1.
static int start_group(int from)
{
    for (int i = from; i < model.count; i++)
        if (model_start_member(i) == FATE_FAIL)
            return i;
    return -1;
}

// Returns where the culprit is afterwards.
static int stop_group(int from, int culprit)
{
    for (int i = model.count - 1; i >= from; i--) {
        model_stop_member(i);
        if (model.members[i].restart != TROUPE_TEMPORARY)
            continue;
        model_forget(i);
        culprit -= i < culprit;
    }
    return culprit;
}

static int restart_once(int at)
{
    if (model.strategy == TROUPE_ONE_FOR_ALL) {
        stop_group(0, at);
        return start_group(0);
    }
    if (model.strategy == TROUPE_REST_FOR_ONE)
        return start_group(stop_group(at, at));
    enum model_fate fate = model_start_member(at);
    if (fate == FATE_IGNORE && model_is_simple())
        model_forget(at);
    return fate == FATE_FAIL ? at : -1;
}

static void restart(int at)
{
    while (at >= 0) {
        struct model_member *member = &model.members[at];
        if (is_exceeded(member->own ? &member->budget : &model.budget)) {
            model_end_supervisor();
            return;
        }
        at = restart_once(at);
    }
}

static bool shuts_down(bool significant)
{
    if (!significant || model.auto_shutdown != TROUPE_ALL_SIGNIFICANT)
        return significant && model.auto_shutdown == TROUPE_ANY_SIGNIFICANT;
    for (int i = 0; i < model.count; i++)
        if (model.members[i].significant && model.members[i].running)
            return false;
    return true;
}

void model_end_member(int at, const char *reason)
{
    struct model_member *member = &model.members[at];
    bool is_failure = strcmp(reason, "failed") == 0 || strcmp(reason, "killed") == 0;
    bool significant = member->significant;
    if (strcmp(reason, "killed") != 0)
        model_note(&model_ideal, " -%c %s;", 'a' + member->id, reason);
    member->running = false;
    if (member->restart == TROUPE_PERMANENT ||
        (member->restart == TROUPE_TRANSIENT && is_failure)) {
        restart(at);
        return;
    }
    member->known = false;
    if (member->restart == TROUPE_TEMPORARY || model_is_simple())
        model_forget(at);
    if (shuts_down(significant))
        model_end_supervisor();
}

int model_find(int id)
{
    for (int i = 0; i < model.count; i++)
        if (model.members[i].id == id)
            return i;
    return -1;
}
