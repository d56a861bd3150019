// Names and ends: when a name is free, who may have it next, and whom monitors by name watch.
#include "tests/support/world.h"
#include "troupe/name.h"

#include <stdio.h>
#include <string.h>

static const troupe_ref nobody = {0, 0, 0};
static char broken[] = "broken", x[] = "x";

static bool has(troupe_ctx *ctx, const char *name, troupe_ref ref)
{
    return troupe_ref_equal(troupe_whereis(ctx, name), ref);
}

static void give(struct world *world, const char *name, troupe_ref ref)
{
    assert_int_equal(troupe_register(world->ctx, name, ref), TROUPE_OK);
}

static troupe_status register_self(troupe_ctx *ctx, struct puppet *puppet, void *name)
{
    (void)puppet;
    return troupe_register(ctx, name, troupe_self(ctx));
}

// ---- A name is free when the end is known, by whatever means

// Takes the name over as soon as it hears of the end of who has it.
static troupe_status take_over(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    if (troupe_match(msg, troupe_exited) == NULL && troupe_match(msg, troupe_down) == NULL)
        return TROUPE_UNHANDLED;
    WORLD_CHECK(has(ctx, "x", nobody));
    WORLD_CHECK(troupe_register(ctx, "x", troupe_self(ctx)) == TROUPE_OK);
    puppet_say(ctx, "took over");
    return troupe_unbecome(ctx);
}

static troupe_status inherit_by_link(troupe_ctx *ctx, struct puppet *puppet, void *ref)
{
    (void)puppet;
    WORLD_CHECK(troupe_trap_exits(ctx, true) == TROUPE_OK);
    WORLD_CHECK(troupe_link(ctx, *(troupe_ref *)ref) == TROUPE_OK);
    return troupe_become(ctx, take_over);
}

WORLD_STORY(a_name_is_free_when_the_exit_signal_comes)
{
    troupe_ref a = world_spawn(world, "a", register_self, x);
    troupe_ref heir = world_spawn(world, "heir", NULL, NULL);
    world_sync(world, a);
    world_do(world, heir, inherit_by_link, &a);
    world_do(world, a, puppet_fail, broken);
    world_await(world, "heir", "took over");
    assert_true(has(world->ctx, "x", heir));
}

static troupe_status inherit_by_name(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)arg;
    WORLD_CHECK(troupe_monitor_name(ctx, "x", TROUPE_ON_STOP, &puppet->monitor) == TROUPE_OK);
    return troupe_become(ctx, take_over);
}

WORLD_STORY(it_is_free_when_a_monitor_by_name_tells_so_however_late_that_was_set)
{
    for (int i = 0; i < 3; i++) {
        troupe_ref a = world_spawn(world, "a", NULL, NULL);
        troupe_ref heir = world_spawn(world, "heir", NULL, NULL);
        give(world, "x", a);
        troupe_kill(world->ctx, a);
        world_do(world, heir, inherit_by_name, NULL); // finds it before, while or after it ends
        world_await_times(world, (unsigned)i + 1, "heir", "took over");
        assert_int_equal(troupe_unregister(world->ctx, "x"), TROUPE_OK);
    }
}

// ---- Who has a name may be ending

// Takes the name from whoever has it, dead or dying or not, and gives it to another one.
WORLD_STORY(a_name_can_be_passed_on_while_its_holder_is_killed)
{
    troupe_ref last = nobody;
    for (int i = 0; i < 30; i++) {
        troupe_ref next = world_spawn(world, "next", NULL, NULL);
        if (troupe_register(world->ctx, "x", next) != TROUPE_OK) {
            troupe_status status = troupe_unregister(world->ctx, "x");
            assert_true(status == TROUPE_OK || status == TROUPE_ENOENT);
            assert_int_equal(troupe_register(world->ctx, "x", next), TROUPE_OK);
        }
        assert_true(has(world->ctx, "x", next));
        troupe_kill(world->ctx, next);
        last = next;
    }
    world_join(world, last);
    assert_true(has(world->ctx, "x", nobody));
}

static void register_late(troupe_ctx *ctx, void *state, const troupe_reason *why)
{
    (void)state, (void)why;
    WORLD_CHECK(troupe_register(ctx, "x", troupe_self(ctx)) == TROUPE_OK);
    WORLD_CHECK(has(ctx, "x", troupe_self(ctx)));
    world_say("late", "registered");
}

static troupe_status quit(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)ctx, (void)state, (void)msg;
    return TROUPE_STOP;
}

static const troupe_behavior late = {.name = "late", .receive = quit, .stop = register_late};

WORLD_STORY(a_name_that_it_takes_in_its_stop_is_free_at_its_end)
{
    for (int i = 0; i < 2; i++) {
        troupe_ref a;
        assert_int_equal(troupe_spawn(world->ctx, &late, NULL, &a), TROUPE_OK);
        troupe_send(world->ctx, a, Sync);
        world_join(world, a);
        assert_true(has(world->ctx, "x", nobody));
    }
    world_expect(world, "late", "registered; registered");
}

WORLD_STORY(the_next_actor_of_a_slot_does_not_inherit_names)
{
    for (int i = 0; i < 20; i++) {
        troupe_ref a = world_spawn(world, "a", NULL, NULL);
        assert_true(has(world->ctx, "x", nobody));
        give(world, "x", a);
        give(world, "y", a);
        world_do(world, a, puppet_stop, NULL);
        world_join(world, a);
    }
    assert_true(has(world->ctx, "y", nobody));
}

// ---- Monitors by name watch an actor, not a name

static troupe_status say_name(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    const troupe_down *down = troupe_match(msg, troupe_down);
    if (down == NULL)
        return troupe_match(msg, Sync) ? troupe_reply(ctx, Sync) : TROUPE_UNHANDLED;
    puppet_say(ctx, "%s %s", down->name ? down->name : "-", troupe_reason_name(down->reason.kind));
    return TROUPE_OK;
}

static troupe_status watch_both_names(troupe_ctx *ctx, struct puppet *puppet, void *ref)
{
    (void)puppet;
    const troupe_ref *other = ref;
    WORLD_CHECK(troupe_monitor_name(ctx, "x", TROUPE_ON_STOP, NULL) == TROUPE_OK);
    WORLD_CHECK(troupe_monitor_name(ctx, "y", TROUPE_ON_STOP, NULL) == TROUPE_OK);
    if (other)
        WORLD_CHECK(troupe_monitor(ctx, *other, TROUPE_ON_STOP, NULL) == TROUPE_OK);
    return troupe_become(ctx, say_name);
}

WORLD_STORY(a_name_that_is_given_to_another_takes_no_monitor_along)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL), b = world_spawn(world, "b", NULL, NULL);
    troupe_ref watcher = world_spawn(world, "watcher", NULL, NULL);
    give(world, "x", a);
    give(world, "y", b);
    world_do(world, watcher, watch_both_names, NULL);
    assert_int_equal(troupe_unregister(world->ctx, "x"), TROUPE_OK);
    assert_int_equal(troupe_unregister(world->ctx, "y"), TROUPE_OK);
    give(world, "x", b);
    give(world, "y", a);
    world_do(world, b, puppet_stop, NULL);
    world_await(world, "watcher", "y normal");
    world_sync(world, watcher);
    world_expect(world, "watcher", "init 1; y normal");
    troupe_stop(world->ctx, a);
    world_await_all(world, "watcher", "init 1; y normal; x shutdown");
}

WORLD_STORY(each_of_an_actors_names_can_be_watched)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    troupe_ref watcher = world_spawn(world, "watcher", NULL, NULL);
    give(world, "x", a);
    give(world, "y", a);
    world_do(world, watcher, watch_both_names, &a);
    troupe_stop(world->ctx, a);
    world_join(world, a);
    world_await_times(world, 1, "watcher", "x shutdown");
    world_await_times(world, 1, "watcher", "y shutdown");
    world_await_times(world, 1, "watcher", "- shutdown");
}

static troupe_status watch_own_name(troupe_ctx *ctx, struct puppet *puppet, void *name)
{
    WORLD_CHECK(register_self(ctx, puppet, name) == TROUPE_OK);
    return troupe_monitor_name(ctx, name, TROUPE_ON_STOP, &puppet->monitor);
}

WORLD_STORY(an_actor_may_watch_itself_by_name)
{
    troupe_ref a = world_spawn(world, "a", watch_own_name, x);
    world_sync(world, a);
    assert_int_equal(troupe_unregister(world->ctx, "x"), TROUPE_OK);
    world_sync(world, a);
    troupe_stop(world->ctx, a);
    world_join(world, a);
    world_expect(world, "a", "init 1; stop shutdown");
}

// ---- Names are bytes

WORLD_STORY(a_name_is_any_bytes_and_all_of_them_count)
{
    static const char *const names[] = {"\xff\xfe", "\xff", "a b", "a  b",      "A",
                                        "a",        "\x01", "ü",   "undefined", "a/b\n"};

    enum { COUNT = sizeof names / sizeof *names };

    troupe_ref refs[COUNT];
    for (int i = 0; i < COUNT; i++) {
        refs[i] = world_spawn(world, "a", NULL, NULL);
        give(world, names[i], refs[i]);
    }
    for (int i = 0; i < COUNT; i++) {
        assert_true(has(world->ctx, names[i], refs[i]));
        assert_int_equal(troupe_register(world->ctx, names[i], refs[i]), TROUPE_EEXIST);
        assert_int_equal(troupe_unregister(world->ctx, names[i]), TROUPE_OK);
        assert_true(has(world->ctx, names[i], nobody));
    }
}

// ---- A spawn that fails sets nothing

static troupe_status spawn_taken(troupe_ctx *ctx, struct puppet *puppet, void *name)
{
    const troupe_spawn_opts opts = {.name = "child",
                                    .register_as = name,
                                    .link = true,
                                    .monitor = TROUPE_ON_STOP | TROUPE_ON_START,
                                    .monitor_ref = &puppet->monitor};
    troupe_status status = troupe_spawn_with(ctx, &puppet_behavior, &opts, &puppet->other, Do);
    puppet_say(ctx, "%s %s", troupe_status_name(status),
               has(ctx, name, puppet->other) ? "holder" : "?");
    return troupe_trap_exits(ctx, true);
}

WORLD_STORY(a_spawn_whose_name_is_taken_links_and_watches_nobody)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL), b = world_spawn(world, "b", NULL, NULL);
    give(world, "x", b);
    world_do(world, a, spawn_taken, x);
    world_do(world, b, puppet_fail, broken); // who has the name is not linked with it either
    world_join(world, b);
    world_sync(world, a);
    world_expect(world, "a", "init 1; TROUPE_EEXIST holder");
    world_expect(world, "child", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_is_free_when_the_exit_signal_comes),
        cmocka_unit_test(it_is_free_when_a_monitor_by_name_tells_so_however_late_that_was_set),
        cmocka_unit_test(a_name_can_be_passed_on_while_its_holder_is_killed),
        cmocka_unit_test(a_name_that_it_takes_in_its_stop_is_free_at_its_end),
        cmocka_unit_test(the_next_actor_of_a_slot_does_not_inherit_names),
        cmocka_unit_test(a_name_that_is_given_to_another_takes_no_monitor_along),
        cmocka_unit_test(each_of_an_actors_names_can_be_watched),
        cmocka_unit_test(an_actor_may_watch_itself_by_name),
        cmocka_unit_test(a_name_is_any_bytes_and_all_of_them_count),
        cmocka_unit_test(a_spawn_whose_name_is_taken_links_and_watches_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
