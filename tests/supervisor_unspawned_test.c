// Children that cannot even be spawned, because their name is taken or the system is closed; and
// children that are stopped while they start.
#include "tests/support/gate.h"
#include "tests/support/tree.h"
#include "troupe/name.h"

#include <string.h>

static struct gate gate;

static troupe_status pass_gate(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)ctx, (void)puppet, (void)arg;
    gate_pass(&gate);
    return TROUPE_OK;
}

static troupe_status take_name(troupe_ctx *ctx, struct puppet *puppet, void *name)
{
    (void)puppet;
    return troupe_register(ctx, name, troupe_self(ctx));
}

// ---- What somebody asks for gets an answer

static troupe_status say_reply(troupe_ctx *ctx, void *state, void *user,
                               const troupe_outcome *outcome)
{
    (void)state, (void)user;
    WORLD_CHECK(outcome->status == TROUPE_OK);
    const troupe_child_reply *reply = troupe_match(outcome->reply, troupe_child_reply);
    WORLD_CHECK(reply != NULL);
    puppet_say(ctx, "%s, %s", troupe_status_name(reply->status),
               troupe_ref_is_none(reply->ref) ? "no ref" : "a ref");
    return TROUPE_OK;
}

static char new_name[] = "new name";

static troupe_status ask_to_start(troupe_ctx *ctx, struct puppet *puppet, void *supervisor)
{
    (void)puppet;
    static const troupe_child child = PUPPET("new", .register_as = new_name);
    return troupe_start_child(ctx, *(troupe_ref *)supervisor, TROUPE_NO_LIMIT, say_reply, NULL,
                              &child);
}

WORLD_STORY_ON_THREADS(a_start_that_waited_for_a_group_says_who_has_its_name)
{
    const troupe_child children[] = {
        PUPPET("a"), PUPPET("b", .place = TROUPE_ON_THREAD, .shutdown_ms = TROUPE_NO_LIMIT)};
    const troupe_supervisor spec = {
        .strategy = TROUPE_ONE_FOR_ALL, .max_restarts = 5, TREE(children)};
    troupe_ref top = tree_start_owned(world, &spec), who = world_spawn(world, "who", NULL, NULL);
    world_do(world, who, take_name, new_name);
    gate_init(&gate);
    world_tell(world, tree_child(world, top, "b"), pass_gate, NULL);
    gate_await(&gate); // so the group's restart waits
    tree_fail(world, top, "a");
    tree_await(world, top, "a restarting, b restarting");
    world_do(world, who, ask_to_start, &top);
    tree_await(world, top, "a restarting, b restarting, new starting");
    gate_open(&gate);
    tree_await(world, top, "a running 2, b running 2");
    world_await_all(world, "who", "init 1; TROUPE_EEXIST, a ref");
}

static troupe_status ask_to_start_slowly(troupe_ctx *ctx, struct puppet *puppet, void *supervisor)
{
    (void)puppet;
    static struct order order = {pass_gate, NULL};
    static const troupe_child child = PUPPET("new", RUN(&order), .place = TROUPE_ON_THREAD);
    return troupe_start_child(ctx, *(troupe_ref *)supervisor, TROUPE_NO_LIMIT, say_reply, NULL,
                              &child);
}

static troupe_status ask_to_stop(troupe_ctx *ctx, struct puppet *puppet, void *supervisor)
{
    (void)puppet;
    return troupe_stop_child(ctx, *(troupe_ref *)supervisor, TROUPE_NO_LIMIT, say_reply, NULL,
                             "new");
}

WORLD_STORY_ON_THREADS(one_that_is_stopped_amid_its_init_is_kept)
{
    const troupe_child one[] = {PUPPET("a")};
    const troupe_supervisor spec = {TREE(one)};
    troupe_ref top = tree_start_owned(world, &spec), who = world_spawn(world, "who", NULL, NULL);
    gate_init(&gate);
    world_do(world, who, ask_to_start_slowly, &top);
    gate_await(&gate);
    world_do(world, who, ask_to_stop, &top);
    tree_await(world, top, "a running 1, new stopping");
    gate_open(&gate);
    world_await(world, "who", "TROUPE_ESTART, no ref");
    world_await(world, "who", "TROUPE_OK, no ref");
    tree_expect(world, top, "a running 1, new stopped");
}

// ---- Attempts that fail at once do not keep others from running

static char name_of_z[] = "z";

WORLD_STORY(requests_are_answered_between_attempts_that_cannot_be_spawned)
{
    static const troupe_child children[] = {PUPPET("a"), PUPPET("z", .register_as = name_of_z)};
    const troupe_supervisor spec = {
        .strategy = TROUPE_REST_FOR_ONE, .max_restarts = 1000000, .within_ms = 1, TREE(children)};
    troupe_ref top = tree_start_owned(world, &spec), who = world_spawn(world, "who", NULL, NULL);
    assert_int_equal(troupe_stop_child_wait(world->ctx, top, TROUPE_NO_LIMIT, "z"), TROUPE_OK);
    world_do(world, who, take_name, name_of_z);
    tree_fail(world, top, "a");
    tree_await(world, top, "a running 2, z restarting");
    assert_int_equal(troupe_stop_child_wait(world->ctx, top, TROUPE_NO_LIMIT, "z"), TROUPE_OK);
    tree_await(world, top, "a running 2, z stopped");
}

// ---- A system that stops

#define STOPS 20
#define ROOTS 10000 // it takes a while until all are told

static troupe_status no_message(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)ctx, (void)state, (void)msg;
    return TROUPE_UNHANDLED;
}

static const troupe_behavior idle = {.name = "idle", .receive = no_message};

static const troupe_supervisor inner = {TROUPE_CHILDREN({.id = "a", .behavior = &idle})};
static const troupe_supervisor outer = {TROUPE_CHILDREN({.id = "inner", .supervisor = &inner})};

// A supervisor that is restarted just when the system takes no actors any more.
static void stop_amid_restart(void)
{
    const troupe_system_opts opts = {.workers = 2};
    troupe_system *system;
    troupe_report report;
    troupe_ref top, below;
    assert_int_equal(troupe_system_start(&opts, &system), TROUPE_OK);
    troupe_ctx *ctx = troupe_outside(system);
    assert_int_equal(troupe_supervise_wait(ctx, &outer, &top), TROUPE_OK);
    for (int i = 0; i < ROOTS; i++)
        assert_int_equal(troupe_spawn(ctx, &idle, NULL, NULL), TROUPE_OK);
    assert_int_equal(troupe_child_ref(ctx, top, "inner", &below), TROUPE_OK);
    troupe_kill(ctx, below); // one failure, which is allowed
    assert_int_equal(troupe_system_stop(system, TROUPE_NO_LIMIT, &report), TROUPE_OK);
    assert_false(report.gave_up);
}

static void nobody_gives_up_because_the_system_stops(void **state)
{
    (void)state;
    for (int i = 0; i < STOPS; i++)
        stop_amid_restart();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_start_that_waited_for_a_group_says_who_has_its_name),
        cmocka_unit_test(one_that_is_stopped_amid_its_init_is_kept),
        cmocka_unit_test(requests_are_answered_between_attempts_that_cannot_be_spawned),
        cmocka_unit_test(nobody_gives_up_because_the_system_stops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
