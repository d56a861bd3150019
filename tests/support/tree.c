// See tree.h.
#include "tests/support/tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char broken[] = "broken";

// ---- Starting

troupe_ref tree_start(struct world *world, const troupe_supervisor *spec)
{
    troupe_ref supervisor;
    assert_int_equal(troupe_supervise_wait(world->ctx, spec, &supervisor), TROUPE_OK);
    return supervisor;
}

static troupe_status own(troupe_ctx *ctx, struct puppet *puppet, void *spec)
{
    WORLD_CHECK(troupe_supervise(ctx, spec, &puppet->other) == TROUPE_OK);
    return troupe_monitor(ctx, puppet->other, TROUPE_ON_STOP | TROUPE_ON_START, NULL);
}

static troupe_status say_owned(troupe_ctx *ctx, struct puppet *puppet, void *ref)
{
    (void)ctx;
    *(troupe_ref *)ref = puppet->other;
    return TROUPE_OK;
}

troupe_ref tree_start_owned(struct world *world, const troupe_supervisor *spec)
{
    troupe_supervisor copy = *spec;
    troupe_ref supervisor, owner = world_spawn(world, "owner", NULL, NULL);
    assert_int_equal(world_do(world, owner, own, &copy), TROUPE_OK);
    assert_int_equal(world_do(world, owner, say_owned, &supervisor), TROUPE_OK);
    world_await_all(world, "owner", "init 1; down start 1");
    return supervisor;
}

troupe_ref tree_start_as(struct world *world, troupe_strategy strategy, uint32_t max_restarts,
                         const troupe_child *children, size_t count)
{
    troupe_supervisor spec = {.name = "top",
                              .strategy = strategy,
                              .max_restarts = max_restarts,
                              .children = children,
                              .child_count = count};
    return tree_start_owned(world, &spec);
}

troupe_ref tree_start_dynamic(struct world *world, const troupe_child *template)
{
    troupe_supervisor spec = {.name = "top",
                              .strategy = TROUPE_SIMPLE_ONE_FOR_ONE,
                              .max_restarts = MANY,
                              .children = template,
                              .child_count = 1};
    return tree_start_owned(world, &spec);
}

troupe_ref tree_add(struct world *world, troupe_ref supervisor)
{
    troupe_ref ref;
    assert_int_equal(troupe_start_child_wait(world->ctx, supervisor, TROUPE_NO_LIMIT, NULL, &ref),
                     TROUPE_OK);
    assert_int_equal(troupe_incarnation(world->ctx, ref), 1);
    return ref;
}

troupe_ref tree_child(struct world *world, troupe_ref supervisor, const char *id)
{
    troupe_ref child;
    assert_int_equal(troupe_child_ref(world->ctx, supervisor, id, &child), TROUPE_OK);
    return child;
}

// ---- Looking

#define LOOK_SIZE 512

static void describe(char text[LOOK_SIZE], const troupe_children *children)
{
    static const char *const states[] = {"stopped", "starting", "running", "restarting",
                                         "stopping"};
    size_t length = 0;
    text[0] = 0;
    for (size_t i = 0; i < children->count && length < LOOK_SIZE; i++) {
        const troupe_child_info *child = &children->children[i];
        length += (size_t)snprintf(text + length, LOOK_SIZE - length, "%s%s %s", i ? ", " : "",
                                   child->id ? child->id : "-", states[child->state]);
        if (child->state == TROUPE_CHILD_RUNNING && length < LOOK_SIZE)
            length +=
                (size_t)snprintf(text + length, LOOK_SIZE - length, " %u", child->incarnation);
    }
}

const void *tree_reply_body(const troupe_msg *reply, troupe_type *type)
{
    const void *body = troupe_msg_match(reply, type);
    WORLD_CHECK(body != NULL);
    return body;
}

const char *tree_look(struct world *world, troupe_ref supervisor)
{
    static char text[LOOK_SIZE];
    troupe_msg *reply = NULL;
    troupe_status status =
        troupe_which_children_wait(world->ctx, supervisor, TROUPE_NO_LIMIT, &reply);
    if (status != TROUPE_OK)
        return troupe_status_name(status);
    describe(text, TREE_REPLY(reply, troupe_children));
    troupe_msg_free(world->ctx, reply);
    return text;
}

void tree_expect(struct world *world, troupe_ref supervisor, const char *children)
{
    assert_string_equal(tree_look(world, supervisor), children);
}

struct look {
    troupe_ref supervisor;
    const char *wanted;
    char last[LOOK_SIZE];
};

static bool looks_so(struct world *world, void *arg)
{
    struct look *look = arg;
    const char *now = tree_look(world, look->supervisor);
    if (strcmp(now, look->last) != 0) { // for whom it does not come to what is wanted
        snprintf(look->last, sizeof look->last, "%s", now);
        world_say("tree", "%s", now);
    }
    return strcmp(now, look->wanted) == 0;
}

void tree_await(struct world *world, troupe_ref supervisor, const char *children)
{
    struct look look = {supervisor, children, ""};
    world_until(world, looks_so, &look);
}

static bool all_run(struct world *world, void *arg)
{
    struct look *look = arg;
    troupe_child_count count;
    assert_int_equal(
        troupe_count_children_wait(world->ctx, look->supervisor, TROUPE_NO_LIMIT, &count),
        TROUPE_OK);
    return count.active == count.specs;
}

void tree_await_running(struct world *world, troupe_ref supervisor)
{
    struct look look = {supervisor, NULL, ""};
    world_until(world, all_run, &look);
}

struct counting {
    troupe_ref supervisor;
    troupe_child_count wanted, seen;
};

static bool counts_so(struct world *world, void *arg)
{
    struct counting *counting = arg;
    assert_int_equal(troupe_count_children_wait(world->ctx, counting->supervisor, TROUPE_NO_LIMIT,
                                                &counting->seen),
                     TROUPE_OK);
    return memcmp(&counting->seen, &counting->wanted, sizeof counting->wanted) == 0;
}

void tree_expect_count(struct world *world, troupe_ref supervisor, size_t specs, size_t active,
                       size_t supervisors, size_t workers)
{
    struct counting counting = {supervisor, {specs, active, supervisors, workers}, {0, 0, 0, 0}};
    (void)counts_so(world, &counting);
    assert_int_equal(counting.seen.specs, specs);
    assert_int_equal(counting.seen.active, active);
    assert_int_equal(counting.seen.supervisors, supervisors);
    assert_int_equal(counting.seen.workers, workers);
}

void tree_await_count(struct world *world, troupe_ref supervisor, size_t specs, size_t active,
                      size_t supervisors, size_t workers)
{
    struct counting counting = {supervisor, {specs, active, supervisors, workers}, {0, 0, 0, 0}};
    world_until(world, counts_so, &counting);
}

troupe_status tree_say_outcome(troupe_ctx *ctx, void *state, void *user,
                               const troupe_outcome *outcome)
{
    const char *what = user;
    (void)state;
    if (outcome->status == TROUPE_EDOWN)
        puppet_say(ctx, "%s: down %s", what, troupe_reason_name(outcome->reason->kind));
    if (outcome->status != TROUPE_OK) {
        if (outcome->status != TROUPE_EDOWN)
            puppet_say(ctx, "%s: no reply: %s", what, troupe_status_name(outcome->status));
        return TROUPE_OK;
    }
    const troupe_child_reply *reply = troupe_match(outcome->reply, troupe_child_reply);
    const troupe_children *children = troupe_match(outcome->reply, troupe_children);
    const troupe_child_count *count = troupe_match(outcome->reply, troupe_child_count);
    const troupe_child_spec_reply *spec = troupe_match(outcome->reply, troupe_child_spec_reply);
    char text[LOOK_SIZE];
    if (reply)
        snprintf(text, sizeof text, "%s", troupe_status_name(reply->status));
    else if (children)
        describe(text, children);
    else if (count)
        snprintf(text, sizeof text, "%zu %zu %zu %zu", count->specs, count->active,
                 count->supervisors, count->workers);
    else
        snprintf(text, sizeof text, "%s", spec ? spec->child.id : "something else");
    puppet_say(ctx, "%s: %s", what, text);
    return TROUPE_OK;
}

// ---- Failing

void tree_fail(struct world *world, troupe_ref supervisor, const char *id)
{
    assert_int_equal(world_do(world, tree_child(world, supervisor, id), puppet_fail, broken),
                     TROUPE_EDOWN);
}

void tree_end(struct world *world, troupe_ref supervisor, const char *id)
{
    assert_int_equal(world_do(world, tree_child(world, supervisor, id), puppet_stop, NULL),
                     TROUPE_EDOWN);
}

// ---- Scripts

static troupe_status follow_script(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    struct tree_script *script = arg;
    const char *steps = atomic_load(&script->steps);
    unsigned step = atomic_fetch_add(&script->starts, 1);
    unsigned last = (unsigned)strlen(steps) - 1;
    switch (steps[step < last ? step : last]) {
    case '-':
        return puppet_fail(ctx, puppet, broken);
    case 'i':
        return TROUPE_IGNORE;
    case 's':
        return TROUPE_STOP;
    case '!':
        return troupe_send(ctx, troupe_self(ctx), Do, .fn = puppet_fail, .arg = broken);
    default:
        return TROUPE_OK;
    }
}

struct tree_script *tree_script(struct world *world, const char *steps)
{
    struct tree_script *script = calloc(1, sizeof *script);
    assert_non_null(script);
    script->order = (struct order){follow_script, script};
    atomic_init(&script->steps, steps);
    script->next = world->scripts;
    world->scripts = script;
    return script;
}

void tree_forget_scripts(struct world *world)
{
    while (world->scripts) {
        struct tree_script *script = world->scripts;
        world->scripts = script->next;
        free(script);
    }
}
