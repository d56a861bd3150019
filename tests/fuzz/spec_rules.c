// What <troupe/supervisor.h> and <troupe/children.h> say of specifications, written from their
// words and not from the library's code: all that is wrong with one, in the order of reading.
#include "tests/fuzz/spec.h"

#include <string.h>

#define LEVELS      32
#define MILLIONS_10 10000000

// Who is looked at.
struct at {
    const char *supervisor, *child;
    struct spec_verdict *verdict;
};

static void flaw(const struct at *at, const char *field)
{
    struct spec_verdict *verdict = at->verdict;
    if (verdict->count < SPEC_FLAWS)
        verdict->flaws[verdict->count] =
            (struct spec_flaw){field, at->supervisor, at->child, TROUPE_EINVAL};
    verdict->count++;
}

static void flaw_if(bool wrong, const struct at *at, const char *field)
{
    if (wrong)
        flaw(at, field);
}

static bool is_name(const char *text)
{
    return strlen(text) >= 1 && strlen(text) <= 63;
}

static bool is_count(uint32_t max_restarts)
{
    return max_restarts <= MILLIONS_10 || max_restarts == TROUPE_NO_RESTARTS;
}

static bool is_one_of(int value, int count)
{
    return value >= 0 && value < count;
}

// ---- One child

static void judge_behavior(const struct at *at, const troupe_child *child)
{
    const troupe_behavior *behavior = child->behavior;
    flaw_if(!behavior == !child->supervisor, at, "behavior");
    flaw_if(behavior && (!behavior->name || !behavior->receive), at, "behavior");
    flaw_if(!child->args_type != !child->args, at, "args");
    flaw_if(spec_has_bad_args(child), at, "args");
    if (child->supervisor) { // of what is for behaviours only
        flaw_if(child->memory_limit, at, "memory_limit");
        flaw_if(child->args_type || child->args, at, "args");
        flaw_if(child->place == TROUPE_ON_THREAD, at, "place");
    }
    flaw_if(!is_one_of((int)child->place, 3), at, "place");
    if (child->place == TROUPE_IN_PROCESS) {
        flaw(at, "place");
        if (at->verdict->count <= SPEC_FLAWS)
            at->verdict->flaws[at->verdict->count - 1].status = TROUPE_ENOTSUP;
    }
}

static void judge_backoff(const struct at *at, const troupe_backoff *backoff)
{
    uint32_t min = backoff->min_ms, max = backoff->max_ms;
    flaw_if(!min && (max || backoff->random_percent || backoff->quiet_ms), at, "min_ms");
    flaw_if(max && max < min, at, "max_ms");
    flaw_if(backoff->random_percent > 100, at, "random_percent");
}

static void judge_fields(const struct at *at, const troupe_child *child, bool simple,
                         troupe_auto_shutdown auto_shutdown)
{
    judge_behavior(at, child);
    flaw_if(!is_one_of((int)child->restart, 3), at, "restart");
    flaw_if(child->significant && child->restart == TROUPE_PERMANENT, at, "significant");
    flaw_if(child->significant && auto_shutdown == TROUPE_NO_AUTO_SHUTDOWN, at, "significant");
    flaw_if(!is_count(child->max_restarts), at, "max_restarts");
    flaw_if(child->within_ms && !child->max_restarts, at, "within_ms");
    judge_backoff(at, &child->backoff);
    flaw_if(child->register_as && !is_name(child->register_as), at, "register_as");
    flaw_if(child->register_as && simple, at, "register_as");
}

// ---- A tree

struct names {
    const char *all[4096];
    size_t count;
};

static void judge_name(const struct at *at, const char *name, struct names *names)
{
    for (size_t i = 0; i < names->count; i++)
        if (strcmp(names->all[i], name) == 0) {
            struct at nobody = {.verdict = at->verdict};
            flaw(&nobody, "register");
            return;
        }
    if (names->count < 4096)
        names->all[names->count++] = name;
}

// False: nested too deeply, which ends it all.
static bool judge(const char *name, const troupe_supervisor *spec, int level, struct names *names,
                  struct spec_verdict *verdict);

static bool judge_child(const char *supervisor, const troupe_child *child, bool simple,
                        troupe_auto_shutdown auto_shutdown, int level, struct names *names,
                        struct spec_verdict *verdict)
{
    struct at at = {supervisor, NULL, verdict};
    if (child->id == NULL && !simple)
        flaw(&at, "id");
    else if (child->id && !is_name(child->id))
        flaw(&at, "id");
    else
        at.child = child->id;
    judge_fields(&at, child, simple, auto_shutdown);
    if (child->register_as)
        judge_name(&at, child->register_as, names);
    return !child->supervisor ||
           judge(child->id ? child->id : "template", child->supervisor, level + 1, names, verdict);
}

static void judge_ids(const struct at *at, const troupe_supervisor *spec)
{
    for (size_t i = 0; i < spec->child_count; i++)
        for (size_t k = 0; k < i; k++) {
            const char *one = spec->children[i].id, *other = spec->children[k].id;
            flaw_if(one && other && strcmp(one, other) == 0, at, "id");
        }
}

static bool judge(const char *name, const troupe_supervisor *spec, int level, struct names *names,
                  struct spec_verdict *verdict)
{
    struct at at = {name, NULL, verdict};
    bool simple = spec->strategy == TROUPE_SIMPLE_ONE_FOR_ONE;
    if (level > LEVELS) {
        flaw(&at, "nested");
        return false;
    }
    if (spec->name && strlen(spec->name) > 63)
        flaw(&(struct at){.verdict = verdict}, "name");
    flaw_if(!is_one_of((int)spec->strategy, 4), &at, "strategy");
    flaw_if(!is_one_of((int)spec->auto_shutdown, 3), &at, "auto_shutdown");
    flaw_if(!is_count(spec->max_restarts), &at, "max_restarts");
    flaw_if(spec->register_as && (level > 1 || !is_name(spec->register_as)), &at, "register_as");
    if (spec->register_as && level == 1)
        judge_name(&at, spec->register_as, names);
    flaw_if(spec->child_count && !spec->children, &at, "children");
    flaw_if(spec->child_count > MILLIONS_10, &at, "child_count");
    flaw_if(simple && spec->child_count != 1, &at, "child_count");
    if (spec->child_count > MILLIONS_10 || !spec->children)
        return true;
    for (size_t i = 0; i < spec->child_count; i++)
        if (!judge_child(name, &spec->children[i], simple, spec->auto_shutdown, level, names,
                         verdict))
            return false;
    judge_ids(&at, spec);
    return true;
}

static const char *shown_name(const troupe_supervisor *spec)
{
    if (spec->name && strlen(spec->name) > 63)
        return NULL;
    return spec->name ? spec->name : "supervisor";
}

void spec_judge(const troupe_supervisor *spec, struct spec_verdict *verdict)
{
    struct names names = {.count = 0};
    verdict->count = 0;
    if (spec == NULL)
        flaw(&(struct at){.verdict = verdict}, "spec");
    else
        (void)judge(shown_name(spec), spec, 1, &names, verdict);
}

// ---- A child of a running one

static bool sets_only_args(const troupe_child *child)
{
    troupe_child rest = *child;
    rest.args_type = NULL;
    rest.args = NULL;
    const troupe_backoff *backoff = &rest.backoff;
    return !rest.id && !rest.behavior && !rest.supervisor && !rest.restart && !rest.place &&
           !rest.shutdown_ms && !rest.significant && !rest.max_restarts && !rest.within_ms &&
           !backoff->min_ms && !backoff->max_ms && !backoff->random_percent && !backoff->quiet_ms &&
           !rest.register_as && !rest.memory_limit && !rest.kill_grace_ms;
}

// What could be a child for simple one for one is checked without knowing whose it is.
static void forget_whose(struct spec_verdict *verdict)
{
    for (size_t i = 0; i < verdict->count && i < SPEC_FLAWS; i++)
        verdict->flaws[i].supervisor = verdict->flaws[i].child = NULL;
}

void spec_judge_child(const troupe_supervisor *running, const char *name, const troupe_child *child,
                      struct spec_verdict *verdict)
{
    struct names names = {.count = 0};
    struct at at = {.verdict = verdict};
    bool simple = running->strategy == TROUPE_SIMPLE_ONE_FOR_ONE;
    verdict->count = 0;
    if (child == NULL) {
        flaw_if(!simple, &at, "child");
        return;
    }
    if (!simple) {
        (void)judge_child(name, child, false, running->auto_shutdown, 1, &names, verdict);
        if (!child->id || (!child->behavior && !child->supervisor))
            forget_whose(verdict);
        return;
    }
    if (!sets_only_args(child)) { // all else that is wrong with it may be told first
        flaw(&at, "");
        (void)judge_child(NULL, child, false, TROUPE_ANY_SIGNIFICANT, 1, &names, verdict);
        forget_whose(verdict);
    }
    flaw_if(!child->args_type != !child->args, &at, "args");
    flaw_if(spec_has_bad_args(child), &at, "args");
    flaw_if(running->children[0].supervisor && child->args_type, &at, "args");
}

// ---- Refusals

static bool names_it(const char *text, const struct spec_flaw *one)
{
    return strstr(text, one->field) && (!one->supervisor || strstr(text, one->supervisor)) &&
           (!one->child || strstr(text, one->child));
}

bool spec_check_refusal(const struct spec_verdict *verdict, const char *function,
                        troupe_status status)
{
    const char *text = troupe_error_text(NULL);
    bool refused = status == TROUPE_EINVAL || status == TROUPE_ENOTSUP;
    FUZZ_CHECK(refused == (verdict->count > 0), "%s, \"%s\"; flaws: %zu, the first: %s",
               troupe_status_name(status), refused ? text : "", verdict->count,
               verdict->count ? verdict->flaws[0].field : "none");
    if (!refused)
        return false;
    FUZZ_CHECK(strncmp(text, function, strlen(function)) == 0, "\"%s\"", text);
    for (size_t i = 0; i < verdict->count && i < SPEC_FLAWS; i++)
        if (verdict->flaws[i].status == status && names_it(text, &verdict->flaws[i]))
            return true;
    FUZZ_CHECK(verdict->count > SPEC_FLAWS, "%s, \"%s\" is none of %zu flaws, the first: %s",
               troupe_status_name(status), text, verdict->count, verdict->flaws[0].field);
    return true;
}

// ---- What comes of a start

static troupe_status predict_one(const troupe_child *child)
{
    if (child->register_as &&
        !troupe_ref_is_none(troupe_whereis(troupe_outside(fuzz_system), child->register_as)))
        return TROUPE_EEXIST;
    if (child->supervisor)
        return spec_predict(child->supervisor, NULL);
    if (spec_is_huge(child))
        return TROUPE_ENOMEM;
    enum spec_fate_kind fate = spec_fate_of(child);
    return fate == SPEC_FAILS ? TROUPE_ESTART : fate == SPEC_STOPS ? SPEC_UNSURE : TROUPE_OK;
}

troupe_status spec_predict(const troupe_supervisor *spec, const char **culprit)
{
    if (spec->strategy == TROUPE_SIMPLE_ONE_FOR_ONE)
        return TROUPE_OK;
    for (size_t i = 0; i < spec->child_count; i++) {
        const troupe_child *child = &spec->children[i];
        troupe_status status = predict_one(child);
        if (culprit)
            *culprit = child->id;
        if (status != TROUPE_OK)
            return status == SPEC_UNSURE ? status : TROUPE_ESTART;
    }
    return TROUPE_OK;
}

troupe_status spec_predict_child(const troupe_child *child)
{
    if (spec_is_huge(child) && child->register_as)
        return SPEC_UNSURE; // which of two is told
    return predict_one(child);
}
