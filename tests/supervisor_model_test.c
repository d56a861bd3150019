// Supervisors against a model. A supervisor of a strategy, with children and budgets at random,
// has one thing after the other happen to it: children fail, end, are stopped and killed, starts
// fail or are declined, time passes, children are added, stopped, started again, forgotten. After
// each the journal of starts and ends must be the model's, to the letter and in order; and so must
// what the supervisor tells of its children.
// See tests/support/supervisor_model.h.
#include "tests/support/supervisor_model.h"
#include "tests/support/world.h"
#include "troupe/children.h"

#include <stdlib.h>
#include <string.h>

#define STEPS 100

struct part {
    int id;
};

TROUPE_STRUCT(Part, struct part);
TROUPE_STRUCT(Here, struct part);
TROUPE_EMPTY(Who);
TROUPE_EMPTY(Fail);
TROUPE_EMPTY(Leave);

// ---- Actors

static troupe_status player_init(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    const struct part *part = troupe_match(args, Part);
    (void)ctx;
    if (part == NULL)
        return TROUPE_EINVAL;
    *(struct part *)state = *part;
    enum model_fate fate = model_next_fate(&model_real, part->id);
    return fate == FATE_OK ? TROUPE_OK : fate == FATE_FAIL ? TROUPE_EUSER : TROUPE_IGNORE;
}

static troupe_status player_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    const struct part *part = state;
    if (troupe_match(msg, Who))
        return troupe_reply(ctx, Here, .id = part->id);
    return troupe_match(msg, Fail) ? TROUPE_EUSER : TROUPE_STOP;
}

static void player_stop(troupe_ctx *ctx, void *state, const troupe_reason *why)
{
    const struct part *part = state;
    (void)ctx;
    model_note(&model_real, " -%c %s;", 'a' + part->id, troupe_reason_name(why->kind));
}

static const troupe_behavior player = {.name = "player",
                                       .state_size = sizeof(struct part),
                                       .init = player_init,
                                       .receive = player_receive,
                                       .stop = player_stop};

// ---- The specification

static uint32_t roll(struct world *world, uint32_t sides)
{
    return (uint32_t)(troupe_random(world->ctx) % sides);
}

static void describe(struct world *world, troupe_child *child, struct part *part)
{
    static char ids[MODEL_IDS][2];
    ids[part->id][0] = (char)('a' + part->id);
    *child = (troupe_child){.id = ids[part->id],
                            .behavior = &player,
                            .restart = (troupe_restart)(roll(world, 6) % 4 % 3),
                            .args_type = TROUPE_TYPE(Part),
                            .args = part};
    child->significant = model.auto_shutdown != TROUPE_NO_AUTO_SHUTDOWN &&
                         child->restart != TROUPE_PERMANENT && roll(world, 2);
    if (roll(world, 4) == 0) {
        child->max_restarts = 1 + roll(world, 3);
        child->within_ms = 1000;
    }
}

static struct model_member member_of(const troupe_child *child, int id)
{
    return (struct model_member){
        .id = id,
        .restart = child->restart,
        .significant = child->significant,
        .own = child->max_restarts > 0,
        .budget = {.max = child->max_restarts, .within = child->within_ms * 1000000ull}};
}

static troupe_child template;

static void describe_supervisor(struct world *world, troupe_supervisor *spec,
                                troupe_child *children)
{
    static struct part parts[MODEL_IDS];
    *spec = (troupe_supervisor){.strategy = (troupe_strategy)roll(world, 4),
                                .max_restarts = 1 + roll(world, 8),
                                .within_ms = 1000,
                                .auto_shutdown = (troupe_auto_shutdown)(roll(world, 6) % 5 % 3),
                                .children = children};
    model = (struct model){.strategy = spec->strategy,
                           .auto_shutdown = spec->auto_shutdown,
                           .budget = {.max = spec->max_restarts, .within = 1000000000},
                           .is_permanent = roll(world, 2)};
    spec->child_count = model_is_simple() ? 1 : 1 + roll(world, 5);
    for (int i = 0; i < (int)spec->child_count; i++) {
        parts[i].id = i;
        describe(world, &children[i], &parts[i]);
        if (model_is_simple())
            template = children[i];
        else
            model.first[model.first_count++] = member_of(&children[i], i);
    }
}

// The supervisor, and the one above it.
struct two {
    troupe_ref outer, inner;
};

static struct two start_supervisor(struct world *world)
{
    static troupe_child children[MODEL_MOST];
    static troupe_supervisor spec; // is read at each restart
    describe_supervisor(world, &spec, children);
    troupe_child inner = {.id = "inner",
                          .supervisor = &spec,
                          .restart = model.is_permanent ? TROUPE_PERMANENT : TROUPE_TEMPORARY};
    troupe_supervisor outer = {.children = &inner, .child_count = 1, .max_restarts = 1000};
    struct two two;
    assert_int_equal(troupe_supervise_wait(world->ctx, &outer, &two.outer), TROUPE_OK);
    assert_int_equal(troupe_child_ref(world->ctx, two.outer, "inner", &two.inner), TROUPE_OK);
    model_begin();
    return two;
}

// ---- What happens

static void child_ends(struct world *world, int at)
{
    troupe_ref ref = model.members[at].ref;
    switch (model.members[at].running ? roll(world, 6) : 9) {
    case 0:
    case 1:
        model_end_member(at, "failed");
        troupe_send(world->ctx, ref, Fail);
        break;
    case 2:
        model_end_member(at, "normal");
        troupe_send(world->ctx, ref, Leave);
        break;
    case 3:
        model_end_member(at, "shutdown");
        troupe_stop(world->ctx, ref);
        break;
    case 4:
        model_end_member(at, "killed");
        troupe_kill(world->ctx, ref);
        break;
    default:
        break;
    }
}

// The model's answer to a request to start a member that is there.
static troupe_status start_answer(int at, bool is_new)
{
    bool is_lasting = !model_is_simple() && model.members[at].restart != TROUPE_TEMPORARY;
    enum model_fate fate = model_start_member(at);
    if (fate != FATE_OK)
        model.members[at].known = false;
    if ((fate == FATE_IGNORE && !is_lasting) || (fate == FATE_FAIL && is_new))
        model_forget(at);
    return fate == FATE_FAIL ? TROUPE_ESTART : TROUPE_OK;
}

static void child_is_added(struct world *world, troupe_ref supervisor)
{
    struct part part = {(int)roll(world, MODEL_IDS)};
    troupe_child child;
    troupe_ref ref;
    troupe_status expected = TROUPE_EEXIST;
    describe(world, &child, &part);
    if (model.count == MODEL_MOST || (model_is_simple() && model_find(part.id) >= 0))
        return;
    if (model_find(part.id) < 0) {
        model.members[model.count++] = member_of(model_is_simple() ? &template : &child, part.id);
        expected = start_answer(model.count - 1, true);
    }
    if (model_is_simple())
        child = (troupe_child){.args_type = TROUPE_TYPE(Part), .args = &part};
    assert_int_equal(troupe_start_child_wait(world->ctx, supervisor, 0, &child, &ref), expected);
}

static void child_is_stopped(struct world *world, troupe_ref supervisor, int id)
{
    char text[2] = {(char)('a' + id), 0};
    int at = model_find(id);
    troupe_status expected = at < 0 ? TROUPE_ENOENT : TROUPE_OK;
    troupe_ref ref = at < 0 ? supervisor : model.members[at].ref;
    if (at >= 0) {
        model_stop_member(at);
        model.members[at].known = false;
        if (model_is_simple() || model.members[at].restart == TROUPE_TEMPORARY)
            model_forget(at);
    }
    assert_int_equal(model_is_simple() ? troupe_stop_child_ref_wait(world->ctx, supervisor, 0, ref)
                                       : troupe_stop_child_wait(world->ctx, supervisor, 0, text),
                     expected);
}

static troupe_status resting_answer(int at)
{
    return model_is_simple()           ? TROUPE_ENOTSUP
           : at < 0                    ? TROUPE_ENOENT
           : model.members[at].running ? TROUPE_EBUSY
                                       : TROUPE_OK;
}

static void child_is_restarted(struct world *world, troupe_ref supervisor, int id)
{
    char text[2] = {(char)('a' + id), 0};
    troupe_status expected = resting_answer(model_find(id));
    troupe_ref ref;
    if (expected == TROUPE_OK)
        expected = start_answer(model_find(id), false);
    assert_int_equal(troupe_restart_child_wait(world->ctx, supervisor, 0, text, &ref), expected);
}

static void child_is_deleted(struct world *world, troupe_ref supervisor, int id)
{
    char text[2] = {(char)('a' + id), 0};
    troupe_status expected = resting_answer(model_find(id));
    if (expected == TROUPE_OK)
        model_forget(model_find(id));
    assert_int_equal(troupe_delete_child_wait(world->ctx, supervisor, 0, text), expected);
}

static void supervisor_ends(struct world *world, troupe_ref supervisor)
{
    if (roll(world, 2)) {
        model_kill_supervisor();
        troupe_kill(world->ctx, supervisor);
    } else {
        model_end_supervisor();
        troupe_stop(world->ctx, supervisor);
    }
}

static void something_happens(struct world *world, troupe_ref supervisor)
{
    int id = (int)roll(world, MODEL_IDS);
    switch (roll(world, 32) == 0 ? 8 : roll(world, 8)) {
    case 8:
        supervisor_ends(world, supervisor);
        break;
    case 0:
        child_is_stopped(world, supervisor, id);
        break;
    case 1:
        child_is_restarted(world, supervisor, id);
        break;
    case 2:
        child_is_deleted(world, supervisor, id);
        break;
    case 3:
    case 4:
        child_is_added(world, supervisor);
        break;
    default:
        if (model.count > 0)
            child_ends(world, (int)roll(world, (uint32_t)model.count));
        break;
    }
}

static void draw_fates(struct world *world)
{
    static const enum model_fate fates[16] = {FATE_FAIL, FATE_FAIL, FATE_IGNORE};

    for (int i = 0; i < MODEL_IDS; i++)
        for (int k = 0; k < 2; k++)
            model_real.fates[i][k] = fates[roll(world, 16)];
    memcpy(model_ideal.fates, model_real.fates, sizeof model_ideal.fates);
}

// ---- The comparison

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

// Children of simple one for one are stopped in no particular order.
static void sort(char *text)
{
    char copy[sizeof model_real.text], *lines[256], *rest = copy;
    size_t count = 0;
    strcpy(copy, text);
    while (count < 256 && (lines[count] = strtok_r(rest, ";", &rest)) != NULL)
        count++;
    qsort(lines, count, sizeof lines[0], by_text);
    text[0] = 0;
    for (size_t i = 0; i < count; i++)
        strcat(strcat(text, lines[i]), ";");
}

static void compare_journals(void)
{
    if (model_is_simple()) {
        sort(model_real.text);
        sort(model_ideal.text);
    }
    world_say("real", "%s", model_real.text);
    world_say("ideal", "%s", model_ideal.text);
    assert_string_equal(model_real.text, model_ideal.text);
    assert_memory_equal(model_real.fates, model_ideal.fates, sizeof model_real.fates);
    model_real.text[0] = model_ideal.text[0] = 0;
}

static void compare_member(struct world *world, struct model_member *member,
                           const troupe_child_info *info)
{
    troupe_msg *reply;
    assert_int_equal(info->state, member->running ? TROUPE_CHILD_RUNNING : TROUPE_CHILD_STOPPED);
    assert_int_equal(info->restart, member->restart);
    if (!model_is_simple())
        assert_int_equal(info->id[0], 'a' + member->id);
    if (!member->running)
        return;
    assert_int_equal(info->incarnation, member->incarnation);
    assert_true(troupe_ref_is_none(member->ref) || troupe_ref_equal(member->ref, info->ref));
    member->ref = info->ref;
    assert_int_equal(troupe_call(world->ctx, info->ref, 0, &reply, Who), TROUPE_OK);
    const struct part *here = troupe_match(reply, Here);
    assert_true(here && here->id == member->id);
    troupe_msg_free(world->ctx, reply);
}

static void compare_tables(struct world *world, troupe_ref supervisor)
{
    troupe_msg *reply;
    troupe_child_count count;
    size_t running = 0;
    assert_int_equal(troupe_which_children_wait(world->ctx, supervisor, 0, &reply), TROUPE_OK);
    const troupe_children *children = troupe_match(reply, troupe_children);
    assert_true(children && children->count == (size_t)model.count);
    for (int i = 0; children && i < model.count; i++) {
        compare_member(world, &model.members[i], &children->children[i]);
        running += model.members[i].running;
    }
    troupe_msg_free(world->ctx, reply);
    assert_int_equal(troupe_count_children_wait(world->ctx, supervisor, 0, &count), TROUPE_OK);
    assert_int_equal(count.specs, model_is_simple() ? 1 : model.count);
    assert_int_equal(count.active, running);
}

static void compare(struct world *world, troupe_ref supervisor)
{
    world_settle(world);
    compare_journals();
    assert_int_equal(troupe_incarnation(world->ctx, supervisor),
                     model.is_over ? 0 : model.incarnation);
    if (!model.is_over)
        compare_tables(world, supervisor);
}

// ---- The story

static void tell(struct world *world)
{
    static const uint32_t waits[] = {0, 0, 1, 250, 500, 999, 1000, 1001};
    memset(&model_real, 0, sizeof model_real);
    memset(&model_ideal, 0, sizeof model_ideal);
    struct two two = start_supervisor(world);
    compare(world, two.inner);
    for (int i = 0; i < STEPS && !model.is_over; i++) {
        world_advance(world, waits[roll(world, 8)]);
        model.now = troupe_now_ns(world->ctx);
        draw_fates(world);
        something_happens(world, two.inner);
        compare(world, two.inner);
    }
    if (model.is_over)
        return;
    model.is_permanent = false;
    model_end_supervisor();
    assert_int_equal(troupe_stop_child_wait(world->ctx, two.outer, 0, "inner"), TROUPE_OK);
    compare(world, two.inner);
}

WORLD_STORY_DRIVEN(a_supervisor_does_what_the_model_does)
{
    tell(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_supervisor_does_what_the_model_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
