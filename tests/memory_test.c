// Memory and clean-up of one incarnation: troupe_alloc, troupe_defer, the memory limit.
#include "tests/support/world.h"

#include <string.h>

static char one[] = "1st", two[] = "2nd", three[] = "3rd", broken[] = "broken";

static void say_deferred(void *what)
{
    world_say("deferred", "%s", (const char *)what);
}

static troupe_status defer_three(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet;
    (void)arg;
    WORLD_CHECK(troupe_defer(ctx, say_deferred, one) == TROUPE_OK);
    WORLD_CHECK(troupe_defer(ctx, say_deferred, two) == TROUPE_OK);
    return troupe_defer(ctx, say_deferred, three);
}

// ---- However it ends

WORLD_STORY(defers_run_last_registered_first)
{
    troupe_ref a = world_spawn(world, "a", defer_three, NULL);
    world_do(world, a, puppet_stop, NULL);
    world_join(world, a);
    world_expect(world, "deferred", "3rd; 2nd; 1st");
}

WORLD_STORY(defers_run_after_a_failure)
{
    troupe_ref a = world_spawn(world, "a", defer_three, NULL);
    world_do(world, a, puppet_fail, broken);
    world_join(world, a);
    world_expect(world, "deferred", "3rd; 2nd; 1st");
}

WORLD_STORY(defers_run_after_a_kill)
{
    troupe_ref a = world_spawn(world, "a", defer_three, NULL);
    world_sync(world, a);
    troupe_kill(world->ctx, a);
    world_join(world, a);
    world_expect(world, "deferred", "3rd; 2nd; 1st");
}

static troupe_status defer_and_fail(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)defer_three(ctx, puppet, arg);
    return TROUPE_EUSER;
}

WORLD_STORY(defers_run_after_a_failed_init)
{
    troupe_ref a = world_spawn(world, "a", defer_and_fail, NULL);
    world_join(world, a);
    world_expect(world, "deferred", "3rd; 2nd; 1st");
}

static troupe_status defer_and_ignore(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)defer_three(ctx, puppet, arg);
    return TROUPE_IGNORE;
}

WORLD_STORY(defers_run_after_a_start_that_was_ignored)
{
    troupe_ref a = world_spawn(world, "a", defer_and_ignore, NULL);
    world_join(world, a);
    world_expect(world, "deferred", "3rd; 2nd; 1st");
}

static troupe_status spawn_deferring(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)arg;
    puppet->other = puppet_spawn(ctx, "child", defer_three, NULL);
    return TROUPE_OK;
}

WORLD_STORY(defers_run_when_the_owner_is_killed)
{
    troupe_ref owner = world_spawn(world, "owner", spawn_deferring, NULL);
    world_await(world, "child", "init 1");
    troupe_kill(world->ctx, owner);
    world_join(world, owner);
    world_expect(world, "deferred", "3rd; 2nd; 1st");
}

WORLD_STORY(defers_run_when_the_system_stops)
{
    world_sync(world, world_spawn(world, "a", defer_three, NULL));
    world_stop(world);
    world_expect(world, "deferred", "3rd; 2nd; 1st");
    world_expect_order(world, "a", "stop shutdown", "deferred", "3rd");
}

static void say_text(void *text)
{
    world_say("deferred", "%s", (const char *)text);
}

static troupe_status defer_own_memory(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet;
    (void)arg;
    char *text = troupe_alloc(ctx, 16);
    WORLD_CHECK(text != NULL);
    strcpy(text, "still there");
    return troupe_defer(ctx, say_text, text);
}

WORLD_STORY(defers_may_use_what_was_allocated)
{
    troupe_ref a = world_spawn(world, "a", defer_own_memory, NULL);
    troupe_stop(world->ctx, a);
    world_join(world, a);
    // Stopped before init has run, it has set up nothing.
    world_expect(world, "deferred", world_heard(world, "a", "init 1") ? "still there" : "");
}

// ---- Allocations

static troupe_status alloc_many(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet;
    (void)arg;
    static const size_t sizes[] = {1, 15, 16, 17, 500, 2000, 5000, 100000, 0, 3};
    char *places[sizeof sizes / sizeof sizes[0]];
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        places[i] = troupe_alloc(ctx, sizes[i]);
        WORLD_CHECK(places[i] != NULL && (uintptr_t)places[i] % 16 == 0);
        memset(places[i], (int)i, sizes[i]);
    }
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        for (size_t k = 0; k < sizes[i]; k++)
            WORLD_CHECK(places[i][k] == (char)i);
    return TROUPE_OK;
}

WORLD_STORY(allocations_are_aligned_apart_and_freed_at_the_end)
{
    troupe_ref a = world_spawn(world, "a", alloc_many, NULL);
    assert_int_equal(world_do(world, a, alloc_many, NULL), TROUPE_OK);
    world_stop(world); // checks that all memory came back
}

static troupe_status alloc_too_much(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet;
    (void)arg;
    WORLD_CHECK(troupe_alloc(ctx, SIZE_MAX) == NULL);
    WORLD_CHECK(troupe_alloc(ctx, SIZE_MAX / 2 + 100) == NULL);
    puppet_say(ctx, "%d", strstr(troupe_error_text(ctx), "troupe_alloc: no memory for") != NULL);
    WORLD_CHECK(troupe_defer(ctx, NULL, NULL) == TROUPE_EINVAL);
    return TROUPE_OK;
}

WORLD_STORY(what_cannot_be_had_is_null_with_a_text)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    world_do(world, a, alloc_too_much, NULL);
    world_expect(world, "a", "init 1; 1");
}

WORLD_STORY(outside_there_is_no_arena)
{
    assert_null(troupe_alloc(world->ctx, 16));
    assert_string_equal(troupe_error_text(world->ctx), "troupe_alloc: only an actor has an arena");
    assert_int_equal(troupe_defer(world->ctx, say_deferred, one), TROUPE_ENOTSUP);
}

struct rounds {
    struct world *world;
    int64_t most; // blocks of the allocator that were out, as the inits have seen it
};

static troupe_status alloc_large(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet;
    struct rounds *rounds = arg;
    int64_t blocks = atomic_load(&rounds->world->blocks);
    if (blocks > rounds->most)
        rounds->most = blocks;
    return troupe_alloc(ctx, 100000) ? TROUPE_OK : TROUPE_ENOMEM;
}

WORLD_STORY(the_arena_of_an_incarnation_is_freed_before_the_next_init)
{
    struct rounds rounds = {world, 0};
    struct order order = {alloc_large, &rounds};
    troupe_child child = {
        .id = "a", .behavior = &puppet_behavior, .args_type = TROUPE_TYPE(Do), .args = &order};
    troupe_supervisor spec = {.max_restarts = 100, .children = &child, .child_count = 1};
    troupe_ref supervisor, ref;
    assert_int_equal(troupe_supervise_wait(world->ctx, &spec, &supervisor), TROUPE_OK);
    assert_int_equal(troupe_child_ref(world->ctx, supervisor, "a", &ref), TROUPE_OK);
    for (int i = 0; i < 50; i++)
        world_do(world, ref, puppet_fail, broken);
    world_sync(world, ref);
    assert_true(rounds.most < 50);
    world_stop(world); // before `rounds` is gone
}

// ---- The limit

static troupe_ref spawn_limited(struct world *world, size_t limit)
{
    troupe_ref ref;
    troupe_spawn_opts opts = {.name = "a", .memory_limit = limit};
    assert_int_equal(troupe_spawn(world->ctx, &puppet_behavior, &opts, &ref), TROUPE_OK);
    return ref;
}

static troupe_status alloc_until_the_limit(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)arg;
    while (troupe_alloc(ctx, 64))
        puppet->number += 64;
    puppet_say(ctx, "%lld of 1024", (long long)puppet->number);
    return TROUPE_ENOMEM;
}

WORLD_STORY(a_failure_after_the_limit_has_reason_memory_limit)
{
    troupe_ref a = spawn_limited(world, 1024);
    world_watch(world, "witness", a, TROUPE_ON_STOP);
    world_do(world, a, alloc_until_the_limit, NULL);
    world_await_all(world, "witness", "down stop 1 memory limit");
    world_expect(world, "a", "init 1; 1024 of 1024; stop memory limit");
    world_expect(world, "event", "failed a 1 memory limit");
}

WORLD_STORY(an_init_that_fails_after_the_limit_is_a_failed_start)
{
    static struct order order = {alloc_until_the_limit, NULL};
    const troupe_spawn_opts opts = {.name = "a", .memory_limit = 1024};
    assert_int_equal(
        troupe_spawn_wait(world->ctx, &puppet_behavior, &opts, NULL, TROUPE_TYPE(Do), &order),
        TROUPE_ESTART);
    world_await(world, "event", "failed a 1 start failed");
    world_expect(world, "a", "init 1; 1024 of 1024");
}

static troupe_status make_do_with_less(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet;
    (void)arg;
    WORLD_CHECK(troupe_alloc(ctx, 2000) == NULL);
    puppet_say(ctx, "%s", troupe_error_text(ctx));
    return TROUPE_OK;
}

WORLD_STORY(an_actor_that_copes_with_the_limit_goes_on)
{
    troupe_ref a = spawn_limited(world, 1024);
    assert_int_equal(world_do(world, a, make_do_with_less, NULL), TROUPE_OK);
    world_do(world, a, puppet_fail, broken); // has nothing to do with the limit any more
    world_join(world, a);
    world_expect(world, "a",
                 "init 1; troupe_alloc: 2000 bytes more would exceed the actor's memory_limit of "
                 "1024; 0 are in use; stop failed: broken");
}

static troupe_status defer_until_the_limit(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet;
    (void)arg;
    troupe_status status;
    while ((status = troupe_defer(ctx, say_deferred, one)) == TROUPE_OK)
        ;
    return status;
}

WORLD_STORY(defers_count_towards_the_limit)
{
    troupe_ref a = spawn_limited(world, 100);
    world_watch(world, "witness", a, TROUPE_ON_STOP);
    world_do(world, a, defer_until_the_limit, NULL);
    world_await_all(world, "witness", "down stop 1 memory limit");
    world_expect(world, "deferred", "1st; 1st; 1st");
}

WORLD_STORY(no_limit_is_no_limit)
{
    troupe_ref a = spawn_limited(world, TROUPE_NO_LIMIT);
    assert_int_equal(world_do(world, a, alloc_many, NULL), TROUPE_OK);
}

static troupe_status alloc_all_and_fail(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet;
    (void)arg;
    WORLD_CHECK(troupe_alloc(ctx, 1024) != NULL);
    return troupe_fail(ctx, TROUPE_EUSER, "broken");
}

WORLD_STORY(each_incarnation_has_the_whole_limit)
{
    troupe_child child = {.id = "a", .behavior = &puppet_behavior, .memory_limit = 1024};
    troupe_supervisor spec = {.max_restarts = 10, .children = &child, .child_count = 1};
    troupe_ref supervisor, a;
    assert_int_equal(troupe_supervise_wait(world->ctx, &spec, &supervisor), TROUPE_OK);
    assert_int_equal(troupe_child_ref(world->ctx, supervisor, "a", &a), TROUPE_OK);
    world_do(world, a, alloc_all_and_fail, NULL);
    world_do(world, a, alloc_all_and_fail, NULL);
    world_sync(world, a);
    world_expect(world, "a", "init 1; stop failed: broken; init 2; stop failed: broken; init 3");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defers_run_last_registered_first),
        cmocka_unit_test(defers_run_after_a_failure),
        cmocka_unit_test(defers_run_after_a_kill),
        cmocka_unit_test(defers_run_after_a_failed_init),
        cmocka_unit_test(defers_run_after_a_start_that_was_ignored),
        cmocka_unit_test(defers_run_when_the_owner_is_killed),
        cmocka_unit_test(defers_run_when_the_system_stops),
        cmocka_unit_test(defers_may_use_what_was_allocated),
        cmocka_unit_test(allocations_are_aligned_apart_and_freed_at_the_end),
        cmocka_unit_test(the_arena_of_an_incarnation_is_freed_before_the_next_init),
        cmocka_unit_test(what_cannot_be_had_is_null_with_a_text),
        cmocka_unit_test(outside_there_is_no_arena),
        cmocka_unit_test(a_failure_after_the_limit_has_reason_memory_limit),
        cmocka_unit_test(an_init_that_fails_after_the_limit_is_a_failed_start),
        cmocka_unit_test(an_actor_that_copes_with_the_limit_goes_on),
        cmocka_unit_test(defers_count_towards_the_limit),
        cmocka_unit_test(no_limit_is_no_limit),
        cmocka_unit_test(each_incarnation_has_the_whole_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
