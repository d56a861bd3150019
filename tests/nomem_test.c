// Without memory: each allocation of a scenario that uses every function fails in turn. What fails
// says so, nothing else is lost: afterwards the same scenario succeeds in the same system, and all
// memory comes back.
#include "all_kinds_proto3.pb-c.h"
#include "base/slab.h"
#include "mailbox/type.h"
#include "tests/support/world.h"
#include "troupe/blocking.h"
#include "troupe/children.h"
#include "troupe/name.h"
#include "troupe/tree.h"

#include <stdlib.h>
#include <string.h>

TROUPE_PROTO(Kinds3__Order, kinds3__order);
TROUPE_EMPTY(Work);
TROUPE_EMPTY(Later);
TROUPE_EMPTY(Fall);
TROUPE_EMPTY(Unused);

// ---- The allocator

static struct {
    _Atomic int64_t count;  // allocations since the start
    _Atomic int64_t fail;   // the one that fails; 0: none
    bool lasting;           // and all that come after it
    _Atomic bool failed;    // it has failed
    _Atomic int64_t blocks; // given out and not given back
} memory;

static void set_memory(int64_t fail, bool lasting)
{
    memory.count = memory.blocks = 0;
    memory.fail = fail;
    memory.lasting = lasting;
    memory.failed = false;
}

static void *take(void *user, size_t size, size_t align)
{
    (void)user;
    int64_t number = ++memory.count;
    if (memory.fail && (memory.lasting ? number >= memory.fail : number == memory.fail)) {
        memory.failed = true;
        return NULL;
    }
    void *block = trp_default_allocator.alloc(trp_default_allocator.user, size, align);
    memory.blocks += block != NULL;
    return block;
}

static void give(void *user, void *block, size_t size)
{
    (void)user;
    memory.blocks--;
    trp_default_allocator.free(trp_default_allocator.user, block, size);
}

// True: the call succeeded. It may fail for want of memory, once memory has failed.
static bool ok(troupe_status status)
{
    WORLD_CHECK(status == TROUPE_OK || (status == TROUPE_ENOMEM && memory.failed));
    return status == TROUPE_OK;
}

static bool there(const void *made)
{
    WORLD_CHECK(made != NULL || memory.failed);
    return made != NULL;
}

// True: the call succeeded. Others may have failed to do what it needs, once memory has failed.
static bool done(troupe_status status)
{
    WORLD_CHECK(status == TROUPE_OK || memory.failed);
    return status == TROUPE_OK;
}

// What the scenario has come to.
static struct {
    _Atomic unsigned answers, outcomes, ticks, downs, stashed, jobs, released, deferred, later,
        restarts, exits;
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
    if (troupe_match(msg, Fall))
        return troupe_fail(ctx, TROUPE_EUSER, "fallen");
    return troupe_reply(ctx, Kinds3__Order, .customer = order ? order->customer : NULL);
}

static troupe_status answerer_init(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    (void)state;
    seen.restarts += troupe_incarnation(ctx, troupe_self(ctx)) > 1;
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
    done(outcome->status == TROUPE_ECANCELED ? TROUPE_OK : outcome->status);
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
    done(troupe_ask(ctx, to, 0, on_outcome, NULL, Number, .value = 1));
    done(troupe_child_spec(ctx, to, 0, on_outcome, NULL, "none")); // whatever it is
    done(troupe_ask(ctx, to, 0, on_outcome, NULL, Kinds3__Order, .customer = later));
    if (done(troupe_ask_with_id(ctx, to, TROUPE_NO_LIMIT, on_outcome, NULL, &id, Number)))
        WORLD_CHECK(troupe_ask_cancel(ctx, id) != TROUPE_ENOMEM); // needs none
    ok(troupe_run_blocking(ctx, job, NULL, release, on_outcome, NULL));
}

static void arm_timers(troupe_ctx *ctx, troupe_ref to)
{
    troupe_timer timer;
    done(troupe_after(ctx, 3, to, NULL, Number, .value = 1));
    ok(troupe_after(ctx, 3, troupe_self(ctx), NULL, Later));
    if (ok(troupe_every(ctx, 2, troupe_self(ctx), &timer, Later)))
        WORLD_CHECK(troupe_timer_cancel(ctx, timer) == TROUPE_OK);
    ok(troupe_at(ctx, 1, troupe_self(ctx), NULL, Later));
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
    if (done(troupe_spawn_with(ctx, &answerer, &(troupe_spawn_opts){.name = "child"}, &child,
                               Later)))
        ok(troupe_monitor(ctx, child, TROUPE_ON_STOP, NULL));
    else
        WORLD_CHECK(troupe_ref_is_none(child));
    if (ok(troupe_monitor(ctx, child, TROUPE_ON_START, &monitor)))
        WORLD_CHECK(troupe_demonitor(ctx, monitor) == TROUPE_OK);
    (void)troupe_drain(ctx, child);
    for (int i = 0; i < 20; i++)
        if (ok(troupe_become(ctx, nothing)) && i % 2)
            WORLD_CHECK(troupe_unbecome(ctx) == TROUPE_OK);
    while (troupe_unbecome(ctx) == TROUPE_OK)
        continue;
}

// On threads one of the scenario before may not have ended yet, and have the names.
static void have_names(troupe_ctx *ctx)
{
    troupe_ref found, named;
    troupe_spawn_opts opts = {.register_as = "child"};
    if (done(troupe_register(ctx, "self", troupe_self(ctx)))) {
        WORLD_CHECK(troupe_ref_equal(troupe_whereis(ctx, "self"), troupe_self(ctx)));
        done(troupe_send_name(ctx, "self", Number));
    }
    if (done(troupe_spawn(ctx, &answerer, &opts, &named)))
        WORLD_CHECK(troupe_lookup(ctx, "child", &found) == TROUPE_OK &&
                    troupe_ref_equal(found, named));
    ok(troupe_monitor_name(ctx, "nobody", TROUPE_ON_RESTART, NULL));
}

static void be_linked(troupe_ctx *ctx)
{
    troupe_ref child;
    const troupe_spawn_opts opts = {.link = true, .monitor = TROUPE_ON_STOP};
    const troupe_reason reason = {.kind = TROUPE_FAILED, .text = "sent away"};
    WORLD_CHECK(troupe_trap_exits(ctx, true) == TROUPE_OK);
    if (ok(troupe_spawn(ctx, &answerer, &opts, &child))) {
        ok(troupe_link(ctx, child)); // is linked already
        ok(troupe_exit(ctx, child, &reason));
        (void)troupe_drain(ctx, child);
    }
    if (ok(troupe_link(ctx, (troupe_ref){0, 0, 0})))
        WORLD_CHECK(troupe_unlink(ctx, (troupe_ref){0, 0, 0}) == TROUPE_OK);
    ok(troupe_exit(ctx, troupe_self(ctx), &reason));
}

static troupe_status use(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    struct user *user = state;
    seen.ticks += troupe_match(msg, Later) != NULL;
    seen.downs += troupe_match(msg, troupe_down) != NULL;
    seen.exits += troupe_match(msg, troupe_exited) != NULL;
    if (troupe_match(msg, Unused) && !user->put_aside) {
        if (ok(troupe_stash(ctx, msg))) {
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
    be_linked(ctx);
    for (size_t size = 1; size < 20000; size *= 3)
        there(troupe_alloc(ctx, size));
    ok(troupe_defer(ctx, on_defer, NULL));
    ok(troupe_send(ctx, troupe_self(ctx), Unused));
    return TROUPE_OK;
}

static troupe_status user_init(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    const struct number *number = args ? troupe_match(args, Number) : NULL;
    WORLD_CHECK(number && number->value == 77);
    ok(troupe_send(ctx, troupe_self(ctx), Later));
    return troupe_spawn(ctx, &answerer, NULL, &((struct user *)state)->answerer);
}

static const troupe_behavior user_behavior = {
    .name = "user", .state_size = sizeof(struct user), .init = user_init, .receive = use};

// ---- The scenario, as seen from outside

static void send_messages(troupe_ctx *ctx, troupe_ref to)
{
    troupe_msg *msg;
    char text[] = "text";
    const troupe_ref both[] = {to, to};
    done(troupe_send(ctx, to, Kinds3__Order, .customer = text));
    done(troupe_send(ctx, to, Number, .value = 1));
    done(troupe_send_many(ctx, both, 2, NULL, Kinds3__Order, .customer = text));
    Kinds3__Order *order = troupe_msg_new(ctx, Kinds3__Order, &msg);
    if (!there(order))
        return;
    order->customer = troupe_msg_alloc(ctx, msg, 10);
    if (!there(order->customer)) {
        troupe_msg_free(ctx, msg);
        return;
    }
    strcpy(order->customer, "placed");
    if (!done(troupe_move(ctx, to, msg)))
        troupe_msg_free(ctx, msg);
}

static void ask_from_outside(troupe_ctx *ctx, troupe_ref to)
{
    troupe_msg *reply;
    troupe_timer timer;
    if (done(troupe_call(ctx, to, 100, &reply, Number, .value = 3)))
        seen.answers++;
    troupe_msg_free(ctx, reply);
    done(troupe_after(ctx, 1, to, NULL, Number, .value = 4));
    if (done(troupe_every(ctx, 1, to, &timer, Number, .value = 5)))
        WORLD_CHECK(troupe_timer_cancel(ctx, timer) == TROUPE_OK);
}

static void ask_for_children(troupe_ctx *ctx, troupe_ref supervisor)
{
    troupe_msg *reply;
    troupe_child_count count;
    if (done(troupe_which_children_wait(ctx, supervisor, 0, &reply)))
        troupe_msg_free(ctx, reply);
    if (done(troupe_child_spec_wait(ctx, supervisor, 0, "third", &reply)))
        troupe_msg_free(ctx, reply);
    if (done(troupe_count_children_wait(ctx, supervisor, 0, &count)))
        WORLD_CHECK(count.specs == 3 || memory.failed);
}

static void change_children(troupe_ctx *ctx, troupe_ref supervisor)
{
    Kinds3__Order args = KINDS3__ORDER__INIT;
    args.customer = later;
    const troupe_child child = {.id = "third",
                                .behavior = &answerer,
                                .restart = TROUPE_TRANSIENT,
                                .args_type = TROUPE_TYPE(Kinds3__Order),
                                .args = &args};
    troupe_ref ref;
    done(troupe_start_child_wait(ctx, supervisor, 0, &child, &ref));
    ask_for_children(ctx, supervisor);
    if (done(troupe_stop_child_wait(ctx, supervisor, 0, "third")))
        done(troupe_restart_child_wait(ctx, supervisor, 0, "third", &ref));
    if (done(troupe_stop_child_ref_wait(ctx, supervisor, 0, ref)))
        done(troupe_delete_child_wait(ctx, supervisor, 0, "third"));
    done(troupe_start_child(ctx, supervisor, 0, NULL, NULL, &child)); // nobody wants to know
}

static void supervise_many(troupe_ctx *ctx)
{
    const struct number args = {1};
    const troupe_child template = {.id = "many", .behavior = &answerer};
    const troupe_child child = {.args_type = TROUPE_TYPE(Number), .args = &args};
    const troupe_supervisor many = {.name = "many",
                                    .strategy = TROUPE_SIMPLE_ONE_FOR_ONE,
                                    .children = &template,
                                    .child_count = 1};
    troupe_ref supervisor, ref;
    if (!done(troupe_supervise_wait(ctx, &many, &supervisor)))
        return;
    for (int i = 0; i < 20; i++)
        done(troupe_start_child_wait(ctx, supervisor, 0, i % 2 ? &child : NULL, &ref));
    if (!troupe_ref_is_none(ref))
        done(troupe_stop_child_ref_wait(ctx, supervisor, 0, ref));
    (void)troupe_stop(ctx, supervisor);
    done(troupe_join(ctx, supervisor, 10000, NULL));
}

static void print_tree(troupe_ctx *ctx, troupe_ref supervisor)
{
    FILE *nowhere = fopen("/dev/null", "w");
    WORLD_CHECK(nowhere != NULL);
    done(troupe_tree_print(ctx, supervisor, TROUPE_TREE_TEXT, nowhere));
    fclose(nowhere);
}

static void supervise(troupe_ctx *ctx)
{
    const struct number args = {1};
    const troupe_child inner[] = {{.id = "inner", .behavior = &answerer}};
    const troupe_supervisor below = {.children = inner, .child_count = 1};
    const troupe_child children[] = {
        {.id = "first", .behavior = &answerer, .args_type = TROUPE_TYPE(Number), .args = &args},
        {.id = "below", .supervisor = &below}};
    troupe_ref supervisor, child;
    if (!done(troupe_supervise_wait(
            ctx,
            &(troupe_supervisor){
                .name = "top", .max_restarts = 10, .children = children, .child_count = 2},
            &supervisor)))
        return;
    print_tree(ctx, supervisor);
    if (done(troupe_child_ref(ctx, supervisor, "first", &child))) {
        done(troupe_send(ctx, child, Fall));
        (void)troupe_call(ctx, child, 100, NULL, Number);
    }
    change_children(ctx, supervisor);
    WORLD_CHECK(troupe_stop(ctx, supervisor) == TROUPE_OK || memory.failed);
    done(troupe_join(ctx, supervisor, 10000, NULL));
}

// `driver`: NULL with real threads.
static void run_scenario(troupe_system *system, struct trp_driver *driver)
{
    troupe_ctx *ctx = troupe_outside(system);
    troupe_ref to = {0, 0, 0}, user = {0, 0, 0};
    done(troupe_spawn_wait(ctx, &answerer, NULL, &to, TROUPE_TYPE(Later), &(char){0}));
    if (ok(troupe_spawn_with(ctx, &user_behavior, NULL, &user, Number, .value = 77)))
        done(troupe_send(ctx, user, Work));
    send_messages(ctx, to);
    ask_from_outside(ctx, to);
    supervise(ctx);
    supervise_many(ctx);
    if (driver)
        trp_driver_advance(driver, 20);
    // Whoever was asked to end does, if need be by means that need no memory.
    if (troupe_drain(ctx, to) != TROUPE_OK)
        (void)troupe_stop(ctx, to);
    (void)troupe_stop(ctx, user);
    if (driver)
        trp_driver_run(driver);
    done(troupe_join(ctx, to, 10000, NULL));
    done(troupe_join(ctx, user, 10000, NULL));
    WORLD_CHECK(driver == NULL || troupe_incarnation(ctx, to) + troupe_incarnation(ctx, user) == 0);
}

static void expect_all_of_it(void)
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
    assert_int_equal(seen.restarts, 1);
}

// False: no allocation failed, the scenario has fewer.
static bool survive(int64_t fail, bool lasting)
{
    struct trp_driver driver;
    const troupe_allocator allocator = {.alloc = take, .free = give, .uncached = true};
    const troupe_system_opts opts = {.allocator = &allocator};
    set_memory(fail, lasting);
    troupe_status started = trp_driver_start(&driver, 1, &opts);
    if (started == TROUPE_OK) {
        run_scenario(driver.system, &driver);
        bool failed = memory.failed;
        memory.fail = 0;
        memory.failed = false;
        seen = (typeof(seen)){0};
        run_scenario(driver.system, &driver);
        expect_all_of_it();
        memory.failed = failed;
        assert_int_equal(troupe_system_stop(driver.system, 0, NULL), TROUPE_OK);
    } else {
        assert_int_equal(started, TROUPE_ENOMEM);
        assert_non_null(strstr(troupe_error_text(NULL), "no memory"));
        assert_null(driver.system);
    }
    assert_int_equal(memory.blocks, 0);
    return memory.failed;
}

static void a_system_goes_on_after_each_allocation_has_failed(void **state)
{
    (void)state;
    int64_t n = 1;
    while (survive(n, false))
        n++;
    print_message("%lld allocations\n", (long long)n - 1);
    assert_true(n > 100);
}

static void a_system_goes_on_after_a_time_without_any_memory(void **state)
{
    (void)state;
    for (int64_t n = 1; survive(n, true); n++)
        continue;
}

// Which allocation fails differs from run to run; what must hold does not.
static bool survive_on_threads(int64_t fail, bool lasting)
{
    troupe_system *system;
    const troupe_allocator allocator = {.alloc = take, .free = give, .uncached = true};
    const troupe_system_opts opts = {.allocator = &allocator, .workers = 2};
    set_memory(fail, lasting);
    troupe_status started = troupe_system_start(&opts, &system);
    if (started == TROUPE_OK) {
        run_scenario(system, NULL);
        memory.fail = 0;
        run_scenario(system, NULL);
        assert_int_equal(troupe_system_stop(system, 0, NULL), TROUPE_OK);
    } else {
        assert_int_equal(started, TROUPE_ENOMEM);
    }
    assert_int_equal(memory.blocks, 0);
    return memory.failed;
}

static void a_system_with_threads_goes_on_too(void **state)
{
    (void)state;
    for (int64_t n = 1; survive_on_threads(n, n % 3 == 0); n++)
        continue;
}

// ---- Message types

static bool no_types;

static void *type_memory(size_t size)
{
    return no_types ? NULL : malloc(size);
}

TROUPE_STRUCT(New, struct number);
TROUPE_STRUCT(Newer, struct number);

static void a_type_that_finds_no_memory_is_registered_later(void **state)
{
    (void)state;
    struct trp_driver driver;
    const troupe_ref nobody = {0, 0, 0};
    troupe_ref to;
    troupe_msg *msg;
    trp_type_set_alloc(type_memory);
    assert_int_equal(trp_driver_start(&driver, 1, NULL), TROUPE_OK);
    troupe_ctx *ctx = troupe_outside(driver.system);
    assert_int_equal(troupe_spawn(ctx, &answerer, NULL, &to), TROUPE_OK);
    no_types = true;
    assert_int_equal(troupe_send(ctx, to, New), TROUPE_ENOMEM);
    assert_int_equal(troupe_send_many(ctx, &to, 1, NULL, New), TROUPE_ENOMEM);
    assert_int_equal(troupe_call(ctx, to, 0, NULL, New), TROUPE_ENOMEM);
    assert_int_equal(troupe_after(ctx, 0, to, NULL, New), TROUPE_ENOMEM);
    assert_int_equal(troupe_send(ctx, nobody, New), TROUPE_ENOMEM);
    assert_null(troupe_msg_new(ctx, New, &msg));
    troupe_msg other = {.type = TROUPE_TYPE(Work)->id, .body = ""};
    assert_null(troupe_match(&other, Newer));
    no_types = false;
    assert_int_equal(troupe_call(ctx, to, 0, NULL, New), TROUPE_OK);
    assert_int_equal(troupe_call(ctx, to, 0, NULL, Newer), TROUPE_OK);
    assert_int_equal(troupe_system_stop(driver.system, 0, NULL), TROUPE_OK);
    trp_type_set_alloc(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_system_goes_on_after_each_allocation_has_failed),
        cmocka_unit_test(a_system_goes_on_after_a_time_without_any_memory),
        cmocka_unit_test(a_system_with_threads_goes_on_too),
        cmocka_unit_test(a_type_that_finds_no_memory_is_registered_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
