// Links, traps, exit signals, monitors and names against a model: a few actors, some of them
// supervised, do one thing after the other at random, and after each the model says who has ended,
// why, and what everybody else has been told of it.
//
// An end goes by links from one to the next, through all that do not trap, with the same reason. So
// the order in which the actors run makes no difference but for those that end: what they hear just
// before is not looked at.
#include "tests/support/world.h"
#include "troupe/name.h"

#include <stdio.h>
#include <string.h>

#define PLACES     6
#define SUPERVISED 2 // the first ones
#define NAMES      3
#define MONITORS   64
#define STEPS      60
#define EXPECTED   256

struct place {
    char who[8];
    troupe_ref ref;
    uint32_t incarnation; // 0: it has ended
    bool trap;
};

struct watch {
    int watcher; // -1: free

    int target;
    troupe_monitor_ref monitor;
};

struct expected {
    int who;
    char text[64];
};

static struct model {
    struct world *world;
    struct trp_random random;
    struct place places[PLACES];
    bool linked[PLACES][PLACES];
    struct watch watches[MONITORS];
    int holders[NAMES]; // -1: nobody
    struct expected expected[EXPECTED];
    int expected_count;
    bool ended[PLACES]; // in this step
    size_t seen;        // lines
    int spawned;
} only, *const model = &only;

static const char *const names[NAMES] = {"x", "y", "z"};
static char broken[] = "broken";

static int dice(int sides)
{
    return (int)(trp_random_next(&model->random) % (uint64_t)sides);
}

static bool lives(int i)
{
    return model->places[i].incarnation != 0;
}

// ---- What is expected

__attribute__((format(printf, 2, 3))) static void expect(int who, const char *format, ...)
{
    assert_true(model->expected_count < EXPECTED);
    struct expected *expected = &model->expected[model->expected_count++];
    va_list args;
    va_start(args, format);
    expected->who = who;
    (void)vsnprintf(expected->text, sizeof expected->text, format, args);
    va_end(args);
}

static void forget_watches_of(int watcher)
{
    for (int i = 0; i < MONITORS; i++)
        if (model->watches[i].watcher == watcher)
            model->watches[i].watcher = -1;
}

// Tells all who watch it, and ends what it has set up itself.
static void end_one(int i, const char *reason)
{
    struct place *place = &model->places[i];
    bool again = i < SUPERVISED;
    forget_watches_of(i);
    for (int k = 0; k < MONITORS; k++) {
        struct watch *watch = &model->watches[k];
        if (watch->watcher < 0 || watch->target != i)
            continue;
        expect(watch->watcher, "down %s %u %s", again ? "restart" : "stop", place->incarnation,
               reason);
        if (!again)
            watch->watcher = -1;
    }
    for (int k = 0; k < NAMES && !again; k++)
        if (model->holders[k] == i)
            model->holders[k] = -1;
    model->ended[i] = true;
    place->incarnation = again ? place->incarnation + 1 : 0;
    place->trap = false;
}

// Ends an actor and all that end with it.
static void end(int first, const char *reason)
{
    int ending[PLACES], count = 0;
    uint32_t incarnations[PLACES];
    bool in[PLACES] = {false};
    ending[count++] = first;
    in[first] = true;
    for (int at = 0; at < count; at++) {
        int i = ending[at];
        for (int j = 0; j < PLACES; j++)
            if (model->linked[i][j] && !in[j] && !model->places[j].trap &&
                strcmp(reason, "normal") != 0)
                in[ending[count++] = j] = true;
    }
    for (int at = 0; at < count; at++)
        incarnations[at] = model->places[ending[at]].incarnation;
    for (int at = 0; at < count; at++) {
        int i = ending[at];
        for (int j = 0; j < PLACES; j++) {
            if (model->linked[i][j] && !in[j] && model->places[j].trap)
                expect(j, "exited %u %s", incarnations[at], reason);
            model->linked[i][j] = model->linked[j][i] = false;
        }
    }
    for (int at = 0; at < count; at++)
        end_one(ending[at], reason);
}

// A signal that is not of a link, or of one with nobody.
static void signal(int to, bool to_itself, const char *reason)
{
    if (model->places[to].trap)
        expect(to, "exited 0 %s", reason);
    else if (strcmp(reason, "normal") != 0 || to_itself)
        end(to, reason);
}

// ---- What is seen

static int place_of(const char *who)
{
    for (int i = 0; i < PLACES; i++)
        if (strcmp(model->places[i].who, who) == 0)
            return i;
    return -1;
}

static bool was_expected(int who, const char *text)
{
    for (int i = 0; i < model->expected_count; i++)
        if (model->expected[i].who == who && strcmp(model->expected[i].text, text) == 0) {
            model->expected[i] = model->expected[--model->expected_count];
            return true;
        }
    return false;
}

static void compare(void)
{
    struct world *world = model->world;
    world_settle(world);
    for (; model->seen < world->line_count; model->seen++) {
        const struct world_line *line = &world->lines[model->seen];
        int who = place_of(line->who);
        bool news = strncmp(line->text, "exited", 6) == 0 || strncmp(line->text, "down", 4) == 0;
        if (who >= 0 && news && !was_expected(who, line->text) && !model->ended[who])
            fail_msg("%s heard \"%s\"", line->who, line->text);
    }
    for (int i = 0; i < model->expected_count; i++)
        if (!model->ended[model->expected[i].who])
            fail_msg("%s did not hear \"%s\"", model->places[model->expected[i].who].who,
                     model->expected[i].text);
    for (int i = 0; i < PLACES; i++)
        assert_int_equal(troupe_incarnation(world->ctx, model->places[i].ref),
                         model->places[i].incarnation);
    for (int i = 0; i < NAMES; i++) {
        int holder = model->holders[i];
        troupe_ref expected = holder < 0 ? (troupe_ref){0, 0, 0} : model->places[holder].ref;
        assert_true(troupe_ref_equal(troupe_whereis(world->ctx, names[i]), expected));
    }
    model->expected_count = 0;
    memset(model->ended, 0, sizeof model->ended);
}

// ---- Steps: the actor does it, and the model

static troupe_status link_with(troupe_ctx *ctx, struct puppet *puppet, void *ref)
{
    (void)puppet;
    return troupe_link(ctx, *(troupe_ref *)ref);
}

static troupe_status unlink_from(troupe_ctx *ctx, struct puppet *puppet, void *ref)
{
    (void)puppet;
    return troupe_unlink(ctx, *(troupe_ref *)ref);
}

static troupe_status set_trap(troupe_ctx *ctx, struct puppet *puppet, void *trap)
{
    (void)puppet;
    return troupe_trap_exits(ctx, *(bool *)trap);
}

static void do_link(int i, int j)
{
    (void)world_do(model->world, model->places[i].ref, link_with, &model->places[j].ref);
    if (i != j && lives(j))
        model->linked[i][j] = model->linked[j][i] = true;
    else if (i != j)
        signal(i, false, "noactor");
}

static void do_unlink(int i, int j)
{
    (void)world_do(model->world, model->places[i].ref, unlink_from, &model->places[j].ref);
    model->linked[i][j] = model->linked[j][i] = false;
}

static void do_trap(int i)
{
    bool trap = dice(3) > 0;
    (void)world_do(model->world, model->places[i].ref, set_trap, &trap);
    model->places[i].trap = trap;
}

struct exit_args {
    troupe_ref to;
    troupe_reason reason;
};

static troupe_status send_exit(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet;
    const struct exit_args *args = arg;
    return troupe_exit(ctx, args->to, &args->reason);
}

static void do_exit(int i, int j)
{
    static const troupe_reason_kind kinds[] = {TROUPE_NORMAL, TROUPE_SHUTDOWN, TROUPE_FAILED,
                                               TROUPE_KILLED};
    static const char *const texts[] = {"normal", "shutdown", "failed: by hand", "killed"};
    int kind = dice(4);
    bool outside = dice(3) == 0, itself = i == j && !outside;
    struct exit_args args = {model->places[j].ref,
                             {.kind = kinds[kind], .status = TROUPE_EUSER, .text = "by hand"}};
    if (outside)
        assert_int_equal(troupe_exit(model->world->ctx, args.to, &args.reason), TROUPE_OK);
    else
        (void)world_do(model->world, model->places[i].ref, send_exit, &args);
    if (lives(j) && kinds[kind] == TROUPE_KILLED)
        end(j, "killed");
    else if (lives(j))
        signal(j, itself, texts[kind]);
}

static void do_end(int i)
{
    struct world *world = model->world;
    static const char *const texts[] = {"normal", "failed: broken", "shutdown", "killed",
                                        "shutdown"};
    int how = dice(5);
    troupe_ref ref = model->places[i].ref;
    if (how < 2)
        (void)world_do(world, ref, how ? puppet_fail : puppet_stop, broken);
    else
        assert_int_equal(how == 2   ? troupe_stop(world->ctx, ref)
                         : how == 3 ? troupe_kill(world->ctx, ref)
                                    : troupe_drain(world->ctx, ref),
                         TROUPE_OK);
    end(i, texts[how]);
}

struct watch_args {
    troupe_ref ref;
    const char *name;
    struct watch *watch;
};

static troupe_status set_monitor(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet;
    const struct watch_args *args = arg;
    const uint32_t events = TROUPE_ON_STOP | TROUPE_ON_RESTART;
    troupe_monitor_ref *monitor = &args->watch->monitor;
    return args->name ? troupe_monitor_name(ctx, args->name, events, monitor)
                      : troupe_monitor(ctx, args->ref, events, monitor);
}

static void do_watch(int i, int j)
{
    int name = dice(2 * NAMES), k = 0;
    while (k < MONITORS && model->watches[k].watcher >= 0)
        k++;
    if (k == MONITORS)
        return;
    struct watch *watch = &model->watches[k];
    struct watch_args args = {model->places[j].ref, name < NAMES ? names[name] : NULL, watch};
    (void)world_do(model->world, model->places[i].ref, set_monitor, &args);
    watch->target = name < NAMES ? model->holders[name] : lives(j) ? j : -1;
    watch->watcher = watch->target < 0 ? -1 : i;
    if (watch->target < 0)
        expect(i, "down stop 0 noactor");
}

static troupe_status end_monitor(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet;
    const struct watch *watch = arg;
    WORLD_CHECK(troupe_demonitor(ctx, watch->monitor) == TROUPE_OK);
    return TROUPE_OK;
}

static void do_unwatch(void)
{
    struct watch *watch = &model->watches[dice(MONITORS / 4)];
    if (watch->watcher < 0)
        return;
    (void)world_do(model->world, model->places[watch->watcher].ref, end_monitor, watch);
    watch->watcher = -1;
}

static void do_name(int i)
{
    int name = dice(NAMES), holder = model->holders[name];
    troupe_ctx *ctx = model->world->ctx;
    if (dice(3) == 0) {
        assert_int_equal(troupe_unregister(ctx, names[name]),
                         holder < 0 ? TROUPE_ENOENT : TROUPE_OK);
        model->holders[name] = -1;
        return;
    }
    assert_int_equal(troupe_register(ctx, names[name], model->places[i].ref),
                     !lives(i)     ? TROUPE_EDEAD
                     : holder >= 0 ? TROUPE_EEXIST
                                   : TROUPE_OK);
    if (lives(i) && holder < 0)
        model->holders[name] = i;
}

static void begin_place(int i)
{
    struct place *place = &model->places[i];
    (void)snprintf(place->who, sizeof place->who, "p%d", model->spawned++);
    place->ref = i < SUPERVISED ? world_supervise(model->world, place->who, NULL)
                                : world_spawn(model->world, place->who, NULL, NULL);
    place->incarnation = 1;
    place->trap = false;
}

static void step(void)
{
    int i = dice(PLACES), j = dice(PLACES), what = dice(16);
    if (!lives(i) && dice(2))
        begin_place(i);
    else if (what == 0)
        do_name(i);
    else if (!lives(i))
        return;
    else if (what <= 4)
        do_link(i, j);
    else if (what == 5)
        do_unlink(i, j);
    else if (what <= 7)
        do_trap(i);
    else if (what <= 9)
        do_exit(i, j);
    else if (what == 10)
        do_end(i);
    else if (what <= 13)
        do_watch(i, j);
    else if (what == 14)
        do_unwatch();
    else
        do_name(i);
}

WORLD_STORY_DRIVEN(whatever_they_do_they_are_told_what_the_model_says)
{
    *model = (struct model){.world = world, .holders = {-1, -1, -1}};
    trp_random_init(&model->random, world->seed);
    for (int i = 0; i < MONITORS; i++)
        model->watches[i].watcher = -1;
    for (int i = 0; i < PLACES; i++)
        begin_place(i);
    for (int i = 0; i < STEPS; i++) {
        compare();
        step();
    }
    compare();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_they_do_they_are_told_what_the_model_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
