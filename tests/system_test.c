// Systems: start and stop, waiting for all actors, several in one process.
#include "tests/support/world.h"

#include <sched.h>
#include <string.h>

// ---- Stop

WORLD_STORY(a_stop_ends_all_actors_and_their_stop_handlers_run)
{
    world_sync(world, world_spawn(world, "a", NULL, NULL));
    world_sync(world, world_spawn(world, "b", NULL, NULL));
    world_stop(world);
    world_expect(world, "a", "init 1; stop shutdown");
    world_expect(world, "b", "init 1; stop shutdown");
}

static troupe_status receive_nothing(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)ctx;
    (void)state;
    (void)msg;
    return TROUPE_UNHANDLED;
}

static void spawn_detached(troupe_ctx *ctx, void *state, const troupe_reason *why)
{
    (void)state;
    (void)why;
    troupe_spawn_opts opts = {.detached = true};
    troupe_status status = troupe_spawn(ctx, &puppet_behavior, &opts, NULL);
    puppet_say(ctx, "%s: %s", troupe_status_name(status), troupe_error_text(ctx));
}

static const troupe_behavior fertile = {
    .name = "fertile", .receive = receive_nothing, .stop = spawn_detached};

WORLD_STORY(a_stopping_system_refuses_new_actors)
{
    assert_int_equal(troupe_spawn_wait(world->ctx, &fertile, NULL, NULL, NULL, NULL), TROUPE_OK);
    world_stop(world);
    world_expect(world, "fertile", "TROUPE_ECLOSED: no new puppet: the system is stopping");
}

static void say_and_send(troupe_ctx *ctx, void *state, const troupe_reason *why)
{
    (void)why;
    const troupe_ref *self = state;
    troupe_send(ctx, *self, Number, .value = 9);
}

static troupe_status remember_self(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    (void)args;
    *(troupe_ref *)state = troupe_self(ctx);
    return TROUPE_OK;
}

static const troupe_behavior talkative = {.name = "talkative",
                                          .state_size = sizeof(troupe_ref),
                                          .init = remember_self,
                                          .receive = receive_nothing,
                                          .stop = say_and_send};

WORLD_STORY(what_is_sent_during_the_stop_is_accounted_for)
{
    troupe_ref a;
    assert_int_equal(troupe_spawn_wait(world->ctx, &talkative, NULL, &a, NULL, NULL), TROUPE_OK);
    world_stop(world);
    world_expect(world, "dead", "Number 9 ended");
}

WORLD_STORY(a_system_without_actors_stops)
{
    world_stop(world);
    world_expect(world, "event", "");
}

WORLD_STORY(a_stop_without_a_deadline_is_an_orderly_one)
{
    world_sync(world, world_spawn(world, "a", NULL, NULL));
    assert_int_equal(troupe_system_stop(world->system, TROUPE_NO_LIMIT, NULL), TROUPE_OK);
    world->system = NULL;
    world_expect(world, "a", "init 1; stop shutdown");
}

static troupe_status stop_the_system(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet;
    (void)arg;
    puppet_say(ctx, "%s", troupe_status_name(troupe_system_stop(troupe_system_of(ctx), 1, NULL)));
    puppet_say(ctx, "%s", troupe_status_name(troupe_system_wait(troupe_system_of(ctx), 1)));
    return TROUPE_OK;
}

WORLD_STORY_ON_THREADS(a_handler_cannot_stop_its_system_or_wait_for_it)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    world_do(world, a, stop_the_system, NULL);
    world_expect(world, "a", "init 1; TROUPE_ENOTSUP; TROUPE_ENOTSUP");
}

// ---- A handler that does not return by the deadline

static _Atomic bool released;
static _Atomic int64_t blocks;

static void *count_alloc(void *user, size_t size, size_t align)
{
    (void)user;
    void *block = trp_default_allocator.alloc(NULL, size, align);
    if (block)
        atomic_fetch_add(&blocks, 1);
    return block;
}

static void count_free(void *user, void *block, size_t size)
{
    (void)user;
    trp_default_allocator.free(NULL, block, size);
    atomic_fetch_sub(&blocks, 1);
}

static _Atomic bool held;

static troupe_status hold(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)ctx;
    (void)state;
    (void)msg;
    atomic_store(&held, true);
    while (!atomic_load(&released))
        sched_yield();
    return TROUPE_OK;
}

static const troupe_behavior holder = {.name = "holder", .receive = hold};

static void a_stop_returns_by_its_deadline_and_names_who_refused(void **state)
{
    (void)state;
    static const troupe_allocator allocator = {.alloc = count_alloc, .free = count_free};
    troupe_system_opts opts = {.workers = 2, .allocator = &allocator};
    troupe_system *system;
    troupe_ref ref;
    troupe_report report;
    assert_int_equal(troupe_system_start(&opts, &system), TROUPE_OK);
    troupe_ctx *ctx = troupe_outside(system);
    troupe_spawn_opts spawn_opts = {.name = "heavy"};
    assert_int_equal(troupe_spawn(ctx, &holder, &spawn_opts, &ref), TROUPE_OK);
    assert_int_equal(troupe_send(ctx, ref, Sync), TROUPE_OK);
    while (!atomic_load(&held))
        sched_yield();
    assert_int_equal(troupe_system_stop(system, 50, &report), TROUPE_ETIMEDOUT);
    assert_int_equal(report.refused, 1);
    // What the handler still holds is freed when it returns.
    assert_true(atomic_load(&blocks) > 0);
    atomic_store(&released, true);
    while (atomic_load(&blocks) > 0)
        sched_yield();
}

// ---- Wait

WORLD_STORY(system_wait_returns_when_no_actor_is_left)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    assert_int_equal(troupe_system_wait(world->system, 1), TROUPE_ETIMEDOUT);
    assert_string_equal(troupe_error_text(world->ctx),
                        "troupe_system_wait: actors are left after 1 ms");
    world_tell(world, a, puppet_stop, NULL);
    assert_int_equal(troupe_system_wait(world->system, TROUPE_NO_LIMIT), TROUPE_OK);
    assert_int_equal(troupe_incarnation(world->ctx, a), 0);
    assert_int_equal(troupe_system_wait(world->system, 1), TROUPE_OK);
}

// ---- Several, and often

static void systems_are_independent_of_each_other(void **state)
{
    (void)state;
    troupe_system *one, *two;
    troupe_ref a, b;
    assert_int_equal(troupe_system_start(&(troupe_system_opts){.name = "one", .workers = 1}, &one),
                     TROUPE_OK);
    assert_int_equal(troupe_system_start(&(troupe_system_opts){.name = "two", .workers = 2}, &two),
                     TROUPE_OK);
    assert_string_equal(troupe_system_name(one), "one");
    assert_int_equal(troupe_system_workers(two), 2);
    assert_int_equal(troupe_spawn(troupe_outside(one), &puppet_behavior, NULL, &a), TROUPE_OK);
    assert_int_equal(troupe_spawn(troupe_outside(two), &puppet_behavior, NULL, &b), TROUPE_OK);
    assert_int_not_equal(a.system, b.system);
    assert_int_equal(troupe_stop(troupe_outside(one), b), TROUPE_EDEAD); // not one of its own
    assert_int_equal(troupe_system_stop(one, 0, NULL), TROUPE_OK);
    assert_int_equal(troupe_call(troupe_outside(two), b, 0, NULL, Sync), TROUPE_OK);
    assert_int_equal(troupe_system_stop(two, 0, NULL), TROUPE_OK);
}

static void a_system_can_be_started_and_stopped_a_thousand_times(void **state)
{
    (void)state;
    for (int i = 0; i < 1000; i++) {
        troupe_system *system;
        troupe_system_opts opts = {.workers = 1 + (uint32_t)i % 2};
        assert_int_equal(troupe_system_start(&opts, &system), TROUPE_OK);
        troupe_ctx *ctx = troupe_outside(system);
        troupe_ref a;
        assert_int_equal(troupe_spawn(ctx, &puppet_behavior, NULL, &a), TROUPE_OK);
        assert_int_equal(troupe_send(ctx, a, Number, .value = i), TROUPE_OK);
        if (i % 3 == 0)
            assert_int_equal(troupe_call(ctx, a, 0, NULL, Sync), TROUPE_OK);
        assert_int_equal(troupe_system_stop(system, 0, NULL), TROUPE_OK);
    }
}

static void expect_no_start(troupe_system_opts opts, const char *text)
{
    troupe_system *system = NULL;
    assert_int_equal(troupe_system_start(&opts, &system), TROUPE_EINVAL);
    assert_string_equal(troupe_error_text(NULL), text);
    assert_null(system);
}

static void wrong_options_are_refused_with_a_text(void **state)
{
    (void)state;
    static const troupe_allocator half = {.alloc = count_alloc};
    expect_no_start((troupe_system_opts){.workers = 1025},
                    "troupe_system_start: workers is 1025; 1 to 1024 are allowed");
    expect_no_start((troupe_system_opts){.name = "a name of more than thirty-one bytes"},
                    "troupe_system_start: name has 36 bytes; at most 31 are allowed");
    expect_no_start((troupe_system_opts){.allocator = &half},
                    "troupe_system_start: the allocator lacks a function; set alloc and free");
    assert_int_equal(troupe_system_start(NULL, NULL), TROUPE_EINVAL);
}

static void by_default_there_is_a_worker_for_each_cpu(void **state)
{
    (void)state;
    troupe_system *system;
    assert_int_equal(troupe_system_start(NULL, &system), TROUPE_OK);
    assert_int_equal(troupe_system_workers(system), troupe_cpu_count());
    assert_string_equal(troupe_system_name(system), "troupe");
    assert_int_equal(troupe_system_stop(system, 0, NULL), TROUPE_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stop_ends_all_actors_and_their_stop_handlers_run),
        cmocka_unit_test(a_stopping_system_refuses_new_actors),
        cmocka_unit_test(what_is_sent_during_the_stop_is_accounted_for),
        cmocka_unit_test(a_system_without_actors_stops),
        cmocka_unit_test(a_stop_without_a_deadline_is_an_orderly_one),
        cmocka_unit_test(a_handler_cannot_stop_its_system_or_wait_for_it),
        cmocka_unit_test(a_stop_returns_by_its_deadline_and_names_who_refused),
        cmocka_unit_test(system_wait_returns_when_no_actor_is_left),
        cmocka_unit_test(systems_are_independent_of_each_other),
        cmocka_unit_test(a_system_can_be_started_and_stopped_a_thousand_times),
        cmocka_unit_test(wrong_options_are_refused_with_a_text),
        cmocka_unit_test(by_default_there_is_a_worker_for_each_cpu),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
