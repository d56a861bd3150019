// Names that actors are spawned with.
#include "tests/support/world.h"
#include "troupe/name.h"

#include <string.h>

static const troupe_ref nobody = {0, 0, 0};

static bool has(struct world *world, const char *name, troupe_ref ref)
{
    return troupe_ref_equal(troupe_whereis(world->ctx, name), ref);
}

static troupe_status spawn_as(troupe_ctx *ctx, const char *name, troupe_ref *ref)
{
    return troupe_spawn(ctx, &puppet_behavior,
                        &(troupe_spawn_opts){.name = "a", .register_as = name}, ref);
}

WORLD_STORY(an_actor_is_known_by_its_name_when_spawn_returns)
{
    troupe_ref a;
    char name[] = "x";
    assert_int_equal(spawn_as(world->ctx, name, &a), TROUPE_OK);
    name[0] = '?'; // it was copied
    assert_true(has(world, "x", a));
    assert_int_equal(troupe_send_name(world->ctx, "x", Number, .value = 5), TROUPE_OK);
    world_await_all(world, "a", "init 1; 5");
}

static troupe_status find_self(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet;
    WORLD_CHECK(troupe_ref_equal(troupe_whereis(ctx, arg), troupe_self(ctx)));
    return TROUPE_OK;
}

static char x[] = "x";

WORLD_STORY(it_has_its_name_before_it_runs)
{
    troupe_ref a;
    troupe_spawn_opts opts = {.name = "a", .register_as = x};
    assert_int_equal(
        troupe_spawn_with(world->ctx, &puppet_behavior, &opts, &a, Do, .fn = find_self, .arg = x),
        TROUPE_OK);
    world_await(world, "a", "init 1");
    world_sync(world, a);
}

WORLD_STORY(a_taken_name_is_eexist_with_the_ref_of_who_has_it)
{
    troupe_ref a, b;
    char text[TROUPE_REF_TEXT];
    assert_int_equal(spawn_as(world->ctx, "x", &a), TROUPE_OK);
    world_await(world, "a", "init 1");
    assert_int_equal(spawn_as(world->ctx, "x", &b), TROUPE_EEXIST);
    assert_non_null(strstr(troupe_error_text(world->ctx), "the name \"x\" is taken by "));
    assert_non_null(strstr(troupe_error_text(world->ctx), troupe_ref_print(a, text)));
    assert_true(troupe_ref_equal(a, b));
    assert_int_equal(spawn_as(world->ctx, "x", NULL), TROUPE_EEXIST);
    world_sync(world, a);
    world_expect(world, "a", "init 1"); // nothing was started
    assert_int_equal(troupe_spawn_wait(world->ctx, &puppet_behavior,
                                       &(troupe_spawn_opts){.register_as = "x"}, &b, NULL, NULL),
                     TROUPE_EEXIST);
    assert_true(troupe_ref_equal(a, b));
    assert_int_equal(
        troupe_spawn(world->ctx, &puppet_behavior,
                     &(troupe_spawn_opts){.place = TROUPE_ON_THREAD, .register_as = "x"}, &b),
        TROUPE_EEXIST);
    assert_true(has(world, "x", a));
}

WORLD_STORY(the_name_is_free_again_after_the_end)
{
    troupe_ref a, b;
    assert_int_equal(spawn_as(world->ctx, "x", &a), TROUPE_OK);
    troupe_kill(world->ctx, a);
    world_join(world, a);
    assert_true(has(world, "x", nobody));
    assert_int_equal(spawn_as(world->ctx, "x", &b), TROUPE_OK);
    assert_true(has(world, "x", b));
    assert_int_equal(troupe_unregister(world->ctx, "x"), TROUPE_OK);
    assert_true(has(world, "x", nobody));
}

static troupe_status bare_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)ctx, (void)state;
    return troupe_match(msg, Number) ? TROUPE_STOP : TROUPE_OK;
}

static const troupe_behavior bare = {.name = "bare", .receive = bare_receive};

WORLD_STORY(one_without_init_and_one_on_a_thread_have_their_names_too)
{
    static const troupe_place places[] = {TROUPE_ON_POOL, TROUPE_ON_THREAD};
    for (size_t i = 0; i < 2; i++) {
        troupe_ref a;
        troupe_spawn_opts opts = {.register_as = "x", .place = places[i]};
        assert_int_equal(troupe_spawn(world->ctx, &bare, &opts, &a), TROUPE_OK);
        assert_true(has(world, "x", a));
        assert_int_equal(troupe_register(world->ctx, "y", a), TROUPE_OK);
        assert_int_equal(troupe_send_name(world->ctx, "y", Number, .value = 1), TROUPE_OK);
        world_join(world, a);
        assert_true(has(world, "x", nobody));
        assert_true(has(world, "y", nobody));
    }
}

static troupe_status spawn_child_as(troupe_ctx *ctx, struct puppet *puppet, void *name)
{
    WORLD_CHECK(spawn_as(ctx, name, &puppet->other) == TROUPE_OK);
    WORLD_CHECK(troupe_ref_equal(troupe_whereis(ctx, name), puppet->other));
    return TROUPE_OK;
}

WORLD_STORY(a_child_loses_its_name_with_its_owner)
{
    troupe_ref owner = world_spawn(world, "owner", spawn_child_as, x);
    world_sync(world, owner);
    assert_false(has(world, "x", nobody));
    troupe_stop(world->ctx, owner);
    world_join(world, owner);
    assert_true(has(world, "x", nobody));
}

static troupe_status spawn_or_find(troupe_ctx *ctx, struct puppet *puppet, void *name)
{
    troupe_spawn_opts opts = {.name = "a", .register_as = name, .detached = true};
    troupe_status status = troupe_spawn(ctx, &puppet_behavior, &opts, &puppet->other);
    WORLD_CHECK(status == TROUPE_OK || status == TROUPE_EEXIST);
    WORLD_CHECK(troupe_send(ctx, puppet->other, Number, .value = 1) == TROUPE_OK);
    puppet_say(ctx, "%s", troupe_status_name(status));
    return TROUPE_OK;
}

WORLD_STORY(of_spawns_with_the_same_name_one_wins_and_all_get_its_ref)
{
    troupe_ref rivals[4];
    for (int i = 0; i < 4; i++)
        rivals[i] = world_spawn(world, "rival", NULL, NULL);
    for (int i = 0; i < 4; i++)
        world_tell(world, rivals[i], spawn_or_find, x);
    world_await_times(world, 4, "a", "1");
    world_await_times(world, 1, "rival", "TROUPE_OK");
    world_await_times(world, 3, "rival", "TROUPE_EEXIST");
    assert_int_equal(world_heard(world, "a", "init 1"), 1);
}

WORLD_STORY(wrong_names_are_refused_before_anything_is_started)
{
    char name[65];
    troupe_ref a;
    memset(name, 'n', sizeof name);
    name[64] = 0;
    assert_int_equal(spawn_as(world->ctx, name, &a), TROUPE_EINVAL);
    assert_non_null(strstr(troupe_error_text(world->ctx), "register_as"));
    assert_non_null(strstr(troupe_error_text(world->ctx), "64 bytes"));
    assert_int_equal(spawn_as(world->ctx, "", &a), TROUPE_EINVAL);
    assert_true(troupe_ref_is_none(a));
    name[63] = 0;
    assert_int_equal(spawn_as(world->ctx, name, &a), TROUPE_OK);
    assert_true(has(world, name, a));
}

static troupe_status say_no(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)ctx, (void)puppet, (void)arg;
    return TROUPE_EUSER;
}

WORLD_STORY(a_failed_start_leaves_no_name)
{
    troupe_ref a;
    struct order order = {.fn = say_no};
    assert_int_equal(troupe_spawn_wait(world->ctx, &puppet_behavior,
                                       &(troupe_spawn_opts){.register_as = "x"}, &a,
                                       TROUPE_TYPE(Do), &order),
                     TROUPE_ESTART);
    assert_true(has(world, "x", nobody));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_actor_is_known_by_its_name_when_spawn_returns),
        cmocka_unit_test(it_has_its_name_before_it_runs),
        cmocka_unit_test(a_taken_name_is_eexist_with_the_ref_of_who_has_it),
        cmocka_unit_test(the_name_is_free_again_after_the_end),
        cmocka_unit_test(one_without_init_and_one_on_a_thread_have_their_names_too),
        cmocka_unit_test(a_child_loses_its_name_with_its_owner),
        cmocka_unit_test(of_spawns_with_the_same_name_one_wins_and_all_get_its_ref),
        cmocka_unit_test(wrong_names_are_refused_before_anything_is_started),
        cmocka_unit_test(a_failed_start_leaves_no_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
