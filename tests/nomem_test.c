// Without memory: what actors can use, and what threads outside can. See scarce.h; supervisors are
// in nomem_supervisor_test.c, message types in nomem_type_test.c.
#include "actors/name_table.h"
#include "all_kinds_proto3.pb-c.h"
#include "tests/support/scarce.h"
#include "troupe/blocking.h"
#include "troupe/children.h"
#include "troupe/name.h"

#include <stdio.h>
#include <string.h>

TROUPE_PROTO(Kinds3__Order, kinds3__order);
TROUPE_EMPTY(Work);
TROUPE_EMPTY(Later);
TROUPE_EMPTY(Unused);

// What the scenario has come to.
static struct {
    _Atomic unsigned answers, outcomes, ticks, downs, stashed, jobs, released, deferred, later,
        exits;
} seen;

// ---- An actor that answers

static troupe_status answer(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    troupe_token *token = state;
    if (troupe_match(msg, Later)) {
        seen.later++;
        return troupe_reply_to(ctx, *token, Number, .value = 1);
    }
    const Kinds3__Order *order = troupe_match(msg, Kinds3__Order);
    if (order && !strcmp(order->customer, "later")) {
        troupe_status status = troupe_token_take(ctx, token);
        return status == TROUPE_OK ? troupe_send(ctx, troupe_self(ctx), Later) : status;
    }
    return troupe_reply(ctx, Kinds3__Order, .customer = order ? order->customer : NULL);
}

static troupe_status answerer_init(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    (void)state;
    if (args && troupe_match(args, Later)) // a start that cannot do without memory
        return troupe_alloc(ctx, 3000) ? TROUPE_OK : TROUPE_ENOMEM;
    return TROUPE_OK;
}

static const troupe_behavior answerer = {.name = "answerer",
                                         .state_size = sizeof(troupe_token),
                                         .init = answerer_init,
                                         .receive = answer};

// ---- An actor that uses what actors can use

struct user {
    troupe_ref answerer;
    bool put_aside;
};

static troupe_status on_outcome(troupe_ctx *ctx, void *state, void *arg,
                                const troupe_outcome *outcome)
{
    (void)ctx;
    (void)state;
    (void)arg;
    scarce_done(outcome->status == TROUPE_ECANCELED ? TROUPE_OK : outcome->status);
    seen.outcomes++;
    return TROUPE_OK;
}

static void on_defer(void *arg)
{
    (void)arg;
    seen.deferred++;
}

static troupe_status job(void *arg)
{
    (void)arg;
    seen.jobs++;
    return TROUPE_OK;
}

static void release(void *arg)
{
    (void)arg;
    seen.released++;
}

static char later[] = "later";

static void ask_around(troupe_ctx *ctx, troupe_ref to)
{
    troupe_ask_id id;
    scarce_done(troupe_ask(ctx, to, 0, on_outcome, NULL, Number, .value = 1));
    scarce_done(troupe_child_spec(ctx, to, 0, on_outcome, NULL, "none")); // whatever it is
    scarce_done(troupe_ask(ctx, to, 0, on_outcome, NULL, Kinds3__Order, .customer = later));
    if (scarce_done(troupe_ask_with_id(ctx, to, TROUPE_NO_LIMIT, on_outcome, NULL, &id, Number)))
        WORLD_CHECK(troupe_ask_cancel(ctx, id) != TROUPE_ENOMEM); // needs none
    scarce_ok(troupe_run_blocking(ctx, job, NULL, release, on_outcome, NULL));
}

static void arm_timers(troupe_ctx *ctx, troupe_ref to)
{
    troupe_timer timer;
    scarce_done(troupe_after(ctx, 3, to, NULL, Number, .value = 1));
    scarce_ok(troupe_after(ctx, 3, troupe_self(ctx), NULL, Later));
    if (scarce_ok(troupe_every(ctx, 2, troupe_self(ctx), &timer, Later)))
        WORLD_CHECK(troupe_timer_cancel(ctx, timer) == TROUPE_OK);
    scarce_ok(troupe_at(ctx, 1, troupe_self(ctx), NULL, Later));
}

static troupe_status nothing(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)ctx;
    (void)state;
    (void)msg;
    return TROUPE_OK;
}

static void have_children(troupe_ctx *ctx)
{
    troupe_ref child;
    troupe_monitor_ref monitor;
    if (scarce_done(troupe_spawn_with(ctx, &answerer, &(troupe_spawn_opts){.name = "child"}, &child,
                                      Later)))
        scarce_ok(troupe_monitor(ctx, child, TROUPE_ON_STOP, NULL));
    else
        WORLD_CHECK(troupe_ref_is_none(child));
    if (scarce_ok(troupe_monitor(ctx, child, TROUPE_ON_START, &monitor)))
        WORLD_CHECK(troupe_demonitor(ctx, monitor) == TROUPE_OK);
    (void)troupe_drain(ctx, child);
    for (int i = 0; i < 20; i++)
        if (scarce_ok(troupe_become(ctx, nothing)) && i % 2)
            WORLD_CHECK(troupe_unbecome(ctx) == TROUPE_OK);
    while (troupe_unbecome(ctx) == TROUPE_OK)
        continue;
}

// So many names in one part of the table that it grows. On threads others may have them, as below.
static void have_many_names(troupe_ctx *ctx)
{
    char text[16];
    struct trp_name_key first, key;
    unsigned count = 0;
    for (int i = 0; count < 3 * TRP_NAME_BUCKETS; i++) {
        (void)snprintf(text, sizeof text, "name %d", i);
        WORLD_CHECK(trp_name_key(troupe_system_of(ctx), text, &key));
        if (count == 0)
            first = key;
        if (key.shard != first.shard)
            continue;
        count++;
        scarce_done(troupe_register(ctx, text, troupe_self(ctx)));
    }
}

// On threads one of the scenario before may not have ended yet, and have the names; or still be at
// it when the system stops.
static void have_names(troupe_ctx *ctx)
{
    troupe_ref found, named;
    troupe_spawn_opts opts = {.register_as = "child"};
    if (scarce_done(troupe_register(ctx, "self", troupe_self(ctx)))) {
        WORLD_CHECK(troupe_ref_equal(troupe_whereis(ctx, "self"), troupe_self(ctx)));
        scarce_done(troupe_send_name(ctx, "self", Number));
    }
    if (scarce_done(troupe_spawn(ctx, &answerer, &opts, &named)))
        WORLD_CHECK(troupe_lookup(ctx, "child", &found) == TROUPE_OK &&
                    troupe_ref_equal(found, named));
    opts = (troupe_spawn_opts){.register_as = "threaded", .place = TROUPE_ON_THREAD};
    scarce_done(troupe_spawn(ctx, &answerer, &opts, NULL));
    scarce_ok(troupe_monitor_name(ctx, "nobody", TROUPE_ON_RESTART, NULL));
    have_many_names(ctx);
}

static void be_linked(troupe_ctx *ctx, troupe_ref other)
{
    troupe_ref child;
    const troupe_spawn_opts opts = {.link = true, .monitor = TROUPE_ON_STOP};
    const troupe_reason reason = {.kind = TROUPE_FAILED, .text = "sent away"};
    WORLD_CHECK(troupe_trap_exits(ctx, true) == TROUPE_OK);
    if (scarce_done(troupe_spawn(ctx, &answerer, &opts, &child))) {
        scarce_ok(troupe_link(ctx, child)); // is linked already
        scarce_ok(troupe_exit(ctx, child, &reason));
        (void)troupe_drain(ctx, child);
    }
    scarce_ok(troupe_link(ctx, other)); // or there is nobody
    WORLD_CHECK(troupe_unlink(ctx, other) == TROUPE_OK);
    if (scarce_ok(troupe_link(ctx, (troupe_ref){0, 0, 0})))
        WORLD_CHECK(troupe_unlink(ctx, (troupe_ref){0, 0, 0}) == TROUPE_OK);
    scarce_ok(troupe_exit(ctx, troupe_self(ctx), &reason));
}

static troupe_status use(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    struct user *user = state;
    seen.ticks += troupe_match(msg, Later) != NULL;
    seen.downs += troupe_match(msg, troupe_down) != NULL;
    seen.exits += troupe_match(msg, troupe_exited) != NULL;
    if (troupe_match(msg, Unused) && !user->put_aside) {
        if (scarce_ok(troupe_stash(ctx, msg))) {
            seen.stashed++;
            user->put_aside = true;
            WORLD_CHECK(troupe_unstash(ctx) == 1);
        }
        return TROUPE_OK;
    }
    if (!troupe_match(msg, Work))
        return TROUPE_OK;
    ask_around(ctx, user->answerer);
    arm_timers(ctx, user->answerer);
    have_children(ctx);
    have_names(ctx);
    be_linked(ctx, user->answerer);
    for (size_t size = 1; size < 20000; size *= 3)
        scarce_there(troupe_alloc(ctx, size));
    scarce_ok(troupe_defer(ctx, on_defer, NULL));
    scarce_ok(troupe_send(ctx, troupe_self(ctx), Unused));
    return TROUPE_OK;
}

static troupe_status user_init(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    const struct number *number = args ? troupe_match(args, Number) : NULL;
    WORLD_CHECK(number && number->value == 77);
    scarce_ok(troupe_send(ctx, troupe_self(ctx), Later));
    return troupe_spawn(ctx, &answerer, NULL, &((struct user *)state)->answerer);
}

static const troupe_behavior user_behavior = {
    .name = "user", .state_size = sizeof(struct user), .init = user_init, .receive = use};

// ---- Actors that use one thing only, and so the first

static troupe_status use_one(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    if (troupe_match(msg, Work) && scarce_ok(troupe_become(ctx, nothing)))
        WORLD_CHECK(troupe_unbecome(ctx) == TROUPE_OK);
    if (troupe_match(msg, Unused))
        scarce_ok(troupe_stash(ctx, msg));
    return TROUPE_OK;
}

static const troupe_behavior user_of_one = {.name = "user of one", .receive = use_one};

static void use_one_thing_each(troupe_ctx *ctx)
{
    troupe_ref ref;
    if (scarce_ok(troupe_spawn(ctx, &user_of_one, NULL, &ref)))
        scarce_done(troupe_send(ctx, ref, Work));
    if (scarce_ok(troupe_spawn(ctx, &user_of_one, NULL, &ref)))
        scarce_done(troupe_send(ctx, ref, Unused));
}

// ---- The scenario, as seen from outside

static void send_messages(troupe_ctx *ctx, troupe_ref to)
{
    troupe_msg *msg;
    char text[] = "text";
    const troupe_ref both[] = {to, to};
    scarce_done(troupe_send(ctx, to, Kinds3__Order, .customer = text));
    scarce_done(troupe_send(ctx, to, Number, .value = 1));
    scarce_done(troupe_send_many(ctx, both, 2, NULL, Kinds3__Order, .customer = text));
    Kinds3__Order *order = troupe_msg_new(ctx, Kinds3__Order, &msg);
    if (!scarce_there(order))
        return;
    order->customer = troupe_msg_alloc(ctx, msg, 10);
    if (!scarce_there(order->customer)) {
        troupe_msg_free(ctx, msg);
        return;
    }
    strcpy(order->customer, "placed");
    if (!scarce_done(troupe_move(ctx, to, msg)))
        troupe_msg_free(ctx, msg);
}

static void ask_from_outside(troupe_ctx *ctx, troupe_ref to)
{
    troupe_msg *reply;
    troupe_timer timer;
    if (scarce_done(troupe_call(ctx, to, 100, &reply, Number, .value = 3)))
        seen.answers++;
    troupe_msg_free(ctx, reply);
    scarce_done(troupe_after(ctx, 1, to, NULL, Number, .value = 4));
    if (scarce_done(troupe_every(ctx, 1, to, &timer, Number, .value = 5)))
        WORLD_CHECK(troupe_timer_cancel(ctx, timer) == TROUPE_OK);
}

// `driver`: NULL with real threads.
static void run_scenario(troupe_system *system, struct trp_driver *driver)
{
    troupe_ctx *ctx = troupe_outside(system);
    troupe_ref to = {0, 0, 0}, user = {0, 0, 0};
    scarce_done(troupe_spawn_wait(ctx, &answerer, NULL, &to, TROUPE_TYPE(Later), &(char){0}));
    if (scarce_ok(troupe_spawn_with(ctx, &user_behavior, NULL, &user, Number, .value = 77)))
        scarce_done(troupe_send(ctx, user, Work));
    use_one_thing_each(ctx);
    send_messages(ctx, to);
    ask_from_outside(ctx, to);
    if (driver)
        trp_driver_advance(driver, 20);
    // Whoever was asked to end does, if need be by means that need no memory.
    if (troupe_drain(ctx, to) != TROUPE_OK)
        (void)troupe_stop(ctx, to);
    (void)troupe_stop(ctx, user);
    if (driver)
        trp_driver_run(driver);
    scarce_done(troupe_join(ctx, to, 10000, NULL));
    scarce_done(troupe_join(ctx, user, 10000, NULL));
    WORLD_CHECK(driver == NULL || troupe_incarnation(ctx, to) + troupe_incarnation(ctx, user) == 0);
}

static void forget(void)
{
    seen = (typeof(seen)){0};
}

static void expect_all(void)
{
    assert_int_equal(seen.answers, 1);
    assert_int_equal(seen.outcomes, 5);
    assert_int_equal(seen.ticks, 3);
    assert_int_equal(seen.downs, 2);
    assert_int_equal(seen.exits, 2);
    assert_int_equal(seen.stashed, 1);
    assert_int_equal(seen.jobs, 1);
    assert_int_equal(seen.released, 1);
    assert_int_equal(seen.deferred, 1);
    assert_int_equal(seen.later, 1);
}

static const struct scarce_scenario everything = {
    .run = run_scenario, .forget = forget, .expect_all = expect_all, .least = 100};

static void a_system_goes_on_after_each_allocation_has_failed(void **state)
{
    (void)state;
    scarce_each(&everything);
}

static void a_system_goes_on_after_a_time_without_any_memory(void **state)
{
    (void)state;
    scarce_from_each_on(&everything);
}

static void a_system_with_threads_goes_on_too(void **state)
{
    (void)state;
    scarce_each_on_threads(&everything);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_system_goes_on_after_each_allocation_has_failed),
        cmocka_unit_test(a_system_goes_on_after_a_time_without_any_memory),
        cmocka_unit_test(a_system_with_threads_goes_on_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
