// Without memory: supervisors, what they are asked, and how they restart. See scarce.h. Where
// memory may fail while a supervisor decides, that belongs to an actor: so nothing else ends if it
// gives up.
#include "all_kinds_proto3.pb-c.h"
#include "tests/support/scarce.h"
#include "troupe/children.h"
#include "troupe/name.h"
#include "troupe/tree.h"

#include <string.h>

TROUPE_PROTO(Kinds3__Order, kinds3__order);
TROUPE_STRUCT(Begin, troupe_ref); // and who has begun what
TROUPE_EMPTY(Fall);

#define WAIT_MS 10000

// What a scenario has come to.
static struct {
    _Atomic unsigned restarts, outcomes, ends;
} seen;

static void forget(void)
{
    seen = (typeof(seen)){0};
}

static char later[] = "later";

// ---- A child

static troupe_status worker_init(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    (void)state;
    (void)args;
    seen.restarts += troupe_incarnation(ctx, troupe_self(ctx)) > 1;
    return TROUPE_OK;
}

static troupe_status worker_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    if (troupe_match(msg, Fall))
        return troupe_fail(ctx, TROUPE_EUSER, "fallen");
    return troupe_reply(ctx, Number, .value = 1);
}

static void worker_stop(troupe_ctx *ctx, void *state, const troupe_reason *why)
{
    (void)ctx;
    (void)state;
    (void)why;
    seen.ends++;
}

static const troupe_behavior worker = {
    .name = "worker", .init = worker_init, .receive = worker_receive, .stop = worker_stop};

// ---- A supervisor of the system's, from outside

static void ask_for_children(troupe_ctx *ctx, troupe_ref supervisor)
{
    troupe_msg *reply;
    troupe_child_count count;
    if (scarce_done(troupe_which_children_wait(ctx, supervisor, 0, &reply)))
        troupe_msg_free(ctx, reply);
    if (scarce_done(troupe_child_spec_wait(ctx, supervisor, 0, "third", &reply)))
        troupe_msg_free(ctx, reply);
    if (scarce_done(troupe_count_children_wait(ctx, supervisor, 0, &count)))
        WORLD_CHECK(count.specs == 3 || scarce_has_failed());
}

static void change_children(troupe_ctx *ctx, troupe_ref supervisor)
{
    Kinds3__Order args;
    kinds3__order__init(&args);
    args.customer = later;
    const troupe_child child = {.id = "third",
                                .behavior = &worker,
                                .restart = TROUPE_TRANSIENT,
                                .args_type = TROUPE_TYPE(Kinds3__Order),
                                .args = &args};
    troupe_ref ref;
    scarce_done(troupe_start_child(ctx, supervisor, 0, NULL, NULL, &child)); // nobody wants to know
    if (troupe_start_child_wait(ctx, supervisor, 0, &child, &ref) != TROUPE_EEXIST)
        WORLD_CHECK(scarce_has_failed());
    ask_for_children(ctx, supervisor);
    if (scarce_done(troupe_stop_child_wait(ctx, supervisor, 0, "third")))
        scarce_done(troupe_restart_child_wait(ctx, supervisor, 0, "third", &ref));
    if (scarce_done(troupe_stop_child_ref_wait(ctx, supervisor, 0, ref)))
        scarce_done(troupe_delete_child_wait(ctx, supervisor, 0, "third"));
}

static void print_tree(troupe_ctx *ctx, troupe_ref supervisor)
{
    FILE *nowhere = fopen("/dev/null", "w");
    WORLD_CHECK(nowhere != NULL);
    scarce_done(troupe_tree_print(ctx, supervisor, TROUPE_TREE_TEXT, nowhere));
    scarce_done(troupe_tree_print(ctx, supervisor, TROUPE_TREE_DOT, nowhere));
    fclose(nowhere);
}

static void supervise(troupe_ctx *ctx)
{
    const struct number args = {1};
    const troupe_child inner[] = {{.id = "inner", .behavior = &worker, .place = TROUPE_ON_THREAD}};
    const troupe_supervisor below = {.children = inner, .child_count = 1};
    const troupe_child children[] = {
        {.id = "first", .behavior = &worker, .args_type = TROUPE_TYPE(Number), .args = &args},
        {.id = "below", .supervisor = &below}};
    troupe_ref supervisor, child;
    if (!scarce_done(troupe_supervise_wait(
            ctx,
            &(troupe_supervisor){
                .name = "top", .max_restarts = 10, .children = children, .child_count = 2},
            &supervisor)))
        return;
    print_tree(ctx, supervisor);
    if (scarce_done(troupe_child_ref(ctx, supervisor, "first", &child))) {
        scarce_done(troupe_send(ctx, child, Fall));
        (void)troupe_call(ctx, child, 100, NULL, Number);
    }
    change_children(ctx, supervisor);
    WORLD_CHECK(troupe_stop(ctx, supervisor) == TROUPE_OK || scarce_has_failed());
    scarce_done(troupe_join(ctx, supervisor, 10000, NULL));
}

static void run_static(troupe_system *system, struct trp_driver *driver)
{
    (void)driver;
    supervise(troupe_outside(system));
}

static void expect_static(void)
{
    assert_int_equal(seen.restarts, 1);
}

static const struct scarce_scenario in_a_table = {
    .run = run_static, .forget = forget, .expect_all = expect_static, .least = 60};

static void supervise_many(troupe_ctx *ctx)
{
    const struct number args = {1};
    const troupe_child template = {.id = "many", .behavior = &worker};
    const troupe_child child = {.args_type = TROUPE_TYPE(Number), .args = &args};
    const troupe_supervisor many = {.name = "many",
                                    .strategy = TROUPE_SIMPLE_ONE_FOR_ONE,
                                    .children = &template,
                                    .child_count = 1};
    troupe_ref supervisor, ref;
    if (!scarce_done(troupe_supervise_wait(ctx, &many, &supervisor)))
        return;
    for (int i = 0; i < 20; i++)
        scarce_done(troupe_start_child_wait(ctx, supervisor, 0, i % 2 ? &child : NULL, &ref));
    if (!troupe_ref_is_none(ref))
        scarce_done(troupe_stop_child_ref_wait(ctx, supervisor, 0, ref));
    (void)troupe_stop(ctx, supervisor);
    scarce_done(troupe_join(ctx, supervisor, 10000, NULL));
}

static void run_many(troupe_system *system, struct trp_driver *driver)
{
    (void)driver;
    supervise_many(troupe_outside(system));
}

static void expect_many(void)
{
    assert_int_equal(seen.ends, 20);
}

static const struct scarce_scenario dynamic = {
    .run = run_many, .forget = forget, .expect_all = expect_many, .least = 60};

// ---- An actor that has a group, and one that asks

static const troupe_child inner[] = {{.id = "inner", .behavior = &worker}};
static const troupe_supervisor below = {.children = inner, .child_count = 1};
static const troupe_child members[] = {
    {.id = "first",
     .behavior = &worker,
     .register_as = "first",
     .max_restarts = 5,
     .backoff = {.min_ms = 1, .max_ms = 4}},
    {.id = "below", .supervisor = &below},
    {.id = "rests", .behavior = &worker, .register_as = "rests"},
    {.id = "helper", .behavior = &worker, .restart = TROUPE_TEMPORARY}};
static const troupe_supervisor group = {.name = "group",
                                        .register_as = "group",
                                        .strategy = TROUPE_ONE_FOR_ALL,
                                        .max_restarts = 20,
                                        .children = members,
                                        .child_count = 4};

static troupe_status on_outcome(troupe_ctx *ctx, void *state, void *user,
                                const troupe_outcome *outcome)
{
    (void)ctx;
    (void)state;
    (void)user;
    seen.outcomes += scarce_done(outcome->status);
    return TROUPE_OK;
}

static void ask(troupe_ctx *ctx, troupe_ref supervisor)
{
    const struct number args = {1};
    const troupe_child child = {.id = "asked for",
                                .behavior = &worker,
                                .restart = TROUPE_TEMPORARY,
                                .args_type = TROUPE_TYPE(Number),
                                .args = &args};
    scarce_done(troupe_start_child(ctx, supervisor, 0, on_outcome, NULL, &child));
    scarce_done(troupe_start_child(ctx, supervisor, 0, on_outcome, NULL, &child)); // EEXIST
    scarce_done(troupe_stop_child(ctx, supervisor, 0, on_outcome, NULL, "rests"));
    scarce_done(troupe_restart_child(ctx, supervisor, 0, on_outcome, NULL, "nobody"));
    scarce_done(troupe_delete_child(ctx, supervisor, 0, on_outcome, NULL, "first")); // EBUSY
    scarce_done(troupe_which_children(ctx, supervisor, 0, on_outcome, NULL));
    scarce_done(troupe_count_children(ctx, supervisor, 0, on_outcome, NULL));
    scarce_done(troupe_child_spec(ctx, supervisor, 0, on_outcome, NULL, "first"));
    scarce_done(troupe_child_spec(ctx, supervisor, 0, on_outcome, NULL, "nobody"));
    scarce_done(troupe_stop_child_ref(ctx, supervisor, 0, on_outcome, NULL, supervisor));
    scarce_done(troupe_start_child_with(ctx, supervisor, 0, on_outcome, NULL, Number)); // EINVAL
}

static troupe_status keeper_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    troupe_ref *supervisor = state;
    if (troupe_match(msg, Begin)) {
        // On threads that of the scenario before may not have ended yet, and have the name.
        if (scarce_done(troupe_supervise(ctx, &group, supervisor)))
            scarce_ok(troupe_monitor(ctx, *supervisor, TROUPE_ON_STOP, NULL));
        return troupe_reply(ctx, Begin, supervisor->system, supervisor->slot,
                            supervisor->generation);
    }
    if (troupe_match(msg, Number))
        ask(ctx, *supervisor);
    return TROUPE_OK;
}

static const troupe_behavior keeper = {
    .name = "keeper", .state_size = sizeof(troupe_ref), .receive = keeper_receive};

// Has the keeper start the group; the zero ref: that came to nothing.
static troupe_ref begin(troupe_ctx *ctx, troupe_ref of)
{
    troupe_ref supervisor = {0, 0, 0};
    const troupe_ref *begun = NULL;
    troupe_msg *reply;
    if (scarce_done(troupe_call(ctx, of, WAIT_MS, &reply, Begin)))
        begun = troupe_match(reply, Begin);
    if (begun)
        supervisor = *begun;
    troupe_msg_free(ctx, reply);
    return supervisor;
}

// "rests" does not run when "first" fails, so the restart has to spawn it.
static void restart_group(troupe_ctx *ctx, troupe_ref supervisor)
{
    const troupe_child added = {
        .id = "added", .behavior = &worker, .max_restarts = TROUPE_NO_RESTARTS};
    troupe_ref first, child;
    scarce_done(troupe_stop_child_wait(ctx, supervisor, WAIT_MS, "rests")); // all have started
    first = troupe_whereis(ctx, "first");
    scarce_done(troupe_send(ctx, first, Fall));
    scarce_done(troupe_call(ctx, first, WAIT_MS, NULL, Number)); // of the next incarnation
    scarce_done(troupe_start_child_wait(ctx, supervisor, WAIT_MS, &added, &child)); // after all
    if (scarce_done(troupe_child_ref(ctx, supervisor, "rests", &child)))
        scarce_done(troupe_call(ctx, child, WAIT_MS, NULL, Number));
}

static void run_group(troupe_system *system, struct trp_driver *driver)
{
    troupe_ctx *ctx = troupe_outside(system);
    troupe_ref of;
    if (!scarce_ok(troupe_spawn(ctx, &keeper, NULL, &of)))
        return;
    troupe_ref supervisor = begin(ctx, of);
    if (!troupe_ref_is_none(supervisor)) {
        restart_group(ctx, supervisor);
        scarce_done(troupe_send(ctx, of, Number)); // it asks
        if (driver)
            trp_driver_settle(driver);
    }
    (void)troupe_stop(ctx, of);
    scarce_done(troupe_join(ctx, of, WAIT_MS, NULL));
}

static void expect_group(void)
{
    assert_int_equal(seen.restarts, 1); // "first"; others were spawned anew
    assert_int_equal(seen.outcomes, 11);
}

static const struct scarce_scenario in_a_group = {
    .run = run_group, .forget = forget, .expect_all = expect_group, .least = 100};

// ---- One that belongs to the system and gives up: nothing can follow

static void run_giving_up(troupe_system *system, struct trp_driver *driver)
{
    static const troupe_child children[] = {{.id = "first", .behavior = &worker},
                                            {.id = "second", .behavior = &worker}};
    static const troupe_supervisor fragile = {
        .max_restarts = TROUPE_NO_RESTARTS, .children = children, .child_count = 2};
    troupe_ctx *ctx = troupe_outside(system);
    troupe_ref bystander, supervisor, child;
    (void)driver;
    if (!scarce_ok(troupe_spawn(ctx, &worker, NULL, &bystander)))
        return;
    if (scarce_done(troupe_supervise_wait(ctx, &fragile, &supervisor)) &&
        scarce_done(troupe_child_ref(ctx, supervisor, "first", &child)) &&
        scarce_done(troupe_send(ctx, child, Fall))) {
        WORLD_CHECK(troupe_system_wait(system, WAIT_MS) == TROUPE_EDOWN);
        WORLD_CHECK(troupe_incarnation(ctx, bystander) == 0);
        WORLD_CHECK(troupe_spawn(ctx, &worker, NULL, NULL) == TROUPE_ECLOSED ||
                    scarce_has_failed());
    }
}

static const struct scarce_scenario giving_up = {.run = run_giving_up, .least = 25};

// ---- The tests

#define SCARCE(name, scenario)                            \
    static void name##_after_each_failure(void **state)   \
    {                                                     \
        (void)state;                                      \
        scarce_each(&(scenario));                         \
    }                                                     \
    static void name##_after_a_time_without(void **state) \
    {                                                     \
        (void)state;                                      \
        scarce_from_each_on(&(scenario));                 \
    }                                                     \
    static void name##_on_threads(void **state)           \
    {                                                     \
        (void)state;                                      \
        scarce_each_on_threads(&(scenario));              \
    }

SCARCE(a_supervisor_goes_on, in_a_table)
SCARCE(a_dynamic_supervisor_goes_on, dynamic)
SCARCE(a_group_goes_on, in_a_group)
SCARCE(a_system_ends, giving_up)

#define TESTS(name)                                                                             \
    cmocka_unit_test(name##_after_each_failure), cmocka_unit_test(name##_after_a_time_without), \
        cmocka_unit_test(name##_on_threads)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TESTS(a_supervisor_goes_on),
        TESTS(a_dynamic_supervisor_goes_on),
        TESTS(a_group_goes_on),
        TESTS(a_system_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
