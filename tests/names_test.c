// Names: who has one, for how long, what is sent and watched by name.
#include "tests/support/world.h"
#include "troupe/name.h"

#include <stdio.h>
#include <string.h>

static char broken[] = "broken";

#define ALL_EVENTS (TROUPE_ON_STOP | TROUPE_ON_RESTART | TROUPE_ON_START)

static void expect_holder(troupe_ctx *ctx, const char *name, troupe_ref ref)
{
    troupe_ref found;
    assert_true(troupe_ref_equal(troupe_whereis(ctx, name), ref));
    assert_int_equal(troupe_lookup(ctx, name, &found),
                     troupe_ref_is_none(ref) ? TROUPE_ENOENT : TROUPE_OK);
    assert_true(troupe_ref_equal(found, ref));
}

static const troupe_ref nobody = {0, 0, 0};

static void expect_text(troupe_ctx *ctx, const char *part)
{
    if (strstr(troupe_error_text(ctx), part) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", part, troupe_error_text(ctx));
}

// ---- Register, look up, unregister

WORLD_STORY(a_name_stands_for_the_actor_that_it_was_given_to)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    expect_holder(world->ctx, "x", nobody);
    expect_text(world->ctx, "troupe_lookup: nobody has the name \"x\"");
    expect_holder(world->ctx, NULL, nobody);
    expect_text(world->ctx, "troupe_lookup: nobody has a name that is NULL");
    expect_holder(world->ctx, "0123456789012345678901234567890123456789012345678901234567890123",
                  nobody);
    expect_text(world->ctx, "troupe_lookup: nobody has the name \"01234567890123456789...\", which "
                            "has 64 bytes; 1 to 63 are allowed");
    assert_int_equal(troupe_lookup(world->ctx, "x", NULL), TROUPE_EINVAL);
    expect_text(world->ctx, "troupe_lookup: ref is NULL");
    assert_int_equal(troupe_register(world->ctx, "x", a), TROUPE_OK);
    expect_holder(world->ctx, "x", a);
    expect_holder(world->ctx, "X", nobody);
    expect_holder(world->ctx, "xx", nobody);
}

WORLD_STORY(an_actor_may_have_several_names)
{
    char name[32];
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    for (int i = 0; i < 50; i++) {
        snprintf(name, sizeof name, "name %d", i);
        assert_int_equal(troupe_register(world->ctx, name, a), TROUPE_OK);
    }
    for (int i = 0; i < 50; i += 2) {
        snprintf(name, sizeof name, "name %d", i);
        assert_int_equal(troupe_unregister(world->ctx, name), TROUPE_OK);
    }
    for (int i = 0; i < 50; i++) {
        snprintf(name, sizeof name, "name %d", i);
        expect_holder(world->ctx, name, i % 2 ? a : nobody);
    }
}

WORLD_STORY(a_taken_name_is_eexist_and_the_text_names_the_holder)
{
    char text[TROUPE_REF_TEXT];
    troupe_ref a = world_spawn(world, "a", NULL, NULL), b = world_spawn(world, "b", NULL, NULL);
    assert_int_equal(troupe_register(world->ctx, "x", a), TROUPE_OK);
    assert_int_equal(troupe_register(world->ctx, "x", b), TROUPE_EEXIST);
    expect_text(world->ctx, "troupe_register: the name \"x\" is taken by ");
    expect_text(world->ctx, troupe_ref_print(a, text));
    assert_int_equal(troupe_register(world->ctx, "x", a), TROUPE_EEXIST);
    expect_holder(world->ctx, "x", a);
}

WORLD_STORY(a_name_that_was_taken_away_can_be_given_again)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL), b = world_spawn(world, "b", NULL, NULL);
    assert_int_equal(troupe_unregister(world->ctx, "x"), TROUPE_ENOENT);
    expect_text(world->ctx, "troupe_unregister: nobody has the name \"x\"");
    assert_int_equal(troupe_register(world->ctx, "x", a), TROUPE_OK);
    assert_int_equal(troupe_unregister(world->ctx, "x"), TROUPE_OK);
    expect_holder(world->ctx, "x", nobody);
    assert_int_equal(troupe_unregister(world->ctx, "x"), TROUPE_ENOENT);
    assert_int_equal(troupe_register(world->ctx, "x", b), TROUPE_OK);
    expect_holder(world->ctx, "x", b);
}

WORLD_STORY(a_name_has_1_to_63_bytes)
{
    char name[65];
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    memset(name, 'n', sizeof name);
    name[64] = 0;
    assert_int_equal(troupe_register(world->ctx, name, a), TROUPE_EINVAL);
    expect_text(world->ctx, "64 bytes; 1 to 63 are allowed");
    assert_int_equal(troupe_register(world->ctx, "", a), TROUPE_EINVAL);
    assert_int_equal(troupe_register(world->ctx, NULL, a), TROUPE_EINVAL);
    expect_holder(world->ctx, name, nobody);
    expect_holder(world->ctx, "", nobody);
    expect_holder(world->ctx, NULL, nobody);
    assert_int_equal(troupe_unregister(world->ctx, name), TROUPE_ENOENT);
    name[63] = 0;
    assert_int_equal(troupe_register(world->ctx, name, a), TROUPE_OK);
    expect_holder(world->ctx, name, a);
    assert_int_equal(troupe_register(world->ctx, "n", a), TROUPE_OK);
    for (size_t length = 62; length > 1; length--) {
        name[length] = 0;
        expect_holder(world->ctx, name, nobody);
    }
    assert_int_equal(troupe_unregister(world->ctx, "n"), TROUPE_OK);
}

WORLD_STORY(only_a_live_actor_of_the_system_gets_a_name)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL), abroad = a, never = a;
    abroad.system++;
    never.slot = 1u << 30;
    assert_int_equal(troupe_register(world->ctx, "x", abroad), TROUPE_ENOTSUP);
    assert_int_equal(troupe_register(world->ctx, "x", never), TROUPE_EDEAD);
    assert_int_equal(troupe_register(world->ctx, "x", nobody), TROUPE_EDEAD);
    troupe_stop(world->ctx, a);
    world_join(world, a);
    assert_int_equal(troupe_register(world->ctx, "x", a), TROUPE_EDEAD);
    expect_text(world->ctx, "\"x\"");
    expect_holder(world->ctx, "x", nobody);
}

// ---- By actors

static troupe_status register_self(troupe_ctx *ctx, struct puppet *puppet, void *name)
{
    (void)puppet;
    puppet_say(ctx, "%s", troupe_status_name(troupe_register(ctx, name, troupe_self(ctx))));
    return TROUPE_OK;
}

static char x[] = "x", y[] = "y";

WORLD_STORY(an_actor_gives_itself_a_name_in_init)
{
    troupe_ref a = world_spawn(world, "a", register_self, x);
    world_sync(world, a);
    world_expect(world, "a", "init 1; TROUPE_OK");
    expect_holder(world->ctx, "x", a);
}

static troupe_status register_other(troupe_ctx *ctx, struct puppet *puppet, void *ref)
{
    (void)puppet;
    WORLD_CHECK(troupe_register(ctx, "x", *(troupe_ref *)ref) == TROUPE_OK);
    WORLD_CHECK(troupe_ref_equal(troupe_whereis(ctx, "x"), *(troupe_ref *)ref));
    return TROUPE_OK;
}

static troupe_status unregister_x(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet, (void)arg;
    puppet_say(ctx, "%s", troupe_status_name(troupe_unregister(ctx, "x")));
    return TROUPE_OK;
}

WORLD_STORY(anybody_may_give_and_take_a_name)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL), b = world_spawn(world, "b", NULL, NULL);
    assert_int_equal(world_do(world, a, register_other, &b), TROUPE_OK);
    expect_holder(world->ctx, "x", b);
    world_do(world, a, unregister_x, NULL);
    world_do(world, b, unregister_x, NULL);
    world_expect(world, "a", "init 1; TROUPE_OK");
    world_expect(world, "b", "init 1; TROUPE_ENOENT");
}

WORLD_STORY(who_gave_a_name_may_end_before_the_holder)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL), b = world_spawn(world, "b", NULL, NULL);
    world_do(world, a, register_other, &b);
    troupe_stop(world->ctx, a);
    world_join(world, a);
    expect_holder(world->ctx, "x", b);
}

// ---- Ends and restarts

WORLD_STORY(a_restart_keeps_the_names)
{
    troupe_ref a = world_supervise(world, "a", NULL);
    assert_int_equal(troupe_register(world->ctx, "x", a), TROUPE_OK);
    assert_int_equal(troupe_register(world->ctx, "y", a), TROUPE_OK);
    world_do(world, a, puppet_fail, broken);
    expect_holder(world->ctx, "x", a); // also between two incarnations
    world_await(world, "a", "init 2");
    expect_holder(world->ctx, "x", a);
    expect_holder(world->ctx, "y", a);
    assert_int_equal(troupe_send_name(world->ctx, "y", Number, .value = 7), TROUPE_OK);
    world_await(world, "a", "7");
}

WORLD_STORY(the_names_of_an_actor_are_free_when_its_end_is_known)
{
    char name[32];
    troupe_ref b = world_spawn(world, "b", NULL, NULL);
    for (int how = 0; how < 4; how++) {
        troupe_ref a = world_spawn(world, "a", NULL, NULL);
        for (int i = 0; i < 600; i++) {
            snprintf(name, sizeof name, "%d", i);
            assert_int_equal(troupe_register(world->ctx, name, a), TROUPE_OK);
        }
        if (how == 0)
            troupe_stop(world->ctx, a);
        else if (how == 1)
            troupe_kill(world->ctx, a);
        else
            world_do(world, a, how == 2 ? puppet_fail : puppet_stop, broken);
        world_join(world, a);
        assert_int_equal(troupe_register(world->ctx, "300", b), TROUPE_OK);
        expect_holder(world->ctx, "299", nobody);
        expect_holder(world->ctx, "300", b);
        assert_int_equal(troupe_unregister(world->ctx, "300"), TROUPE_OK);
    }
}

// A successor: takes the name over in the handler of the message that tells of the end.
static troupe_status inherit(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    const troupe_down *down = troupe_match(msg, troupe_down);
    if (down == NULL)
        return troupe_monitor_name(ctx, "x", TROUPE_ON_STOP | TROUPE_ON_START, NULL);
    if (down->event == TROUPE_ON_STOP) {
        WORLD_CHECK(troupe_ref_is_none(troupe_whereis(ctx, "x")));
        WORLD_CHECK(troupe_register(ctx, down->name, troupe_self(ctx)) == TROUPE_OK);
    }
    world_say("heir", "%s %s", down->name, down->event == TROUPE_ON_STOP ? "stop" : "start");
    return TROUPE_OK;
}

static const troupe_behavior heir = {.name = "heir", .receive = inherit};

WORLD_STORY(a_name_can_be_taken_over_when_the_monitor_tells_of_the_end)
{
    troupe_ref a = world_spawn(world, "a", register_self, x), b;
    world_sync(world, a);
    assert_int_equal(troupe_spawn(world->ctx, &heir, NULL, &b), TROUPE_OK);
    troupe_send(world->ctx, b, Sync);
    world_await(world, "heir", "x start");
    troupe_stop(world->ctx, a);
    world_await(world, "heir", "x stop");
    expect_holder(world->ctx, "x", b);
}

// The child of a supervisor that ends for good takes its names with it.
WORLD_STORY(the_names_of_a_supervised_child_end_with_its_supervisor)
{
    troupe_ref a = world_supervise(world, "a", NULL);
    assert_int_equal(troupe_register(world->ctx, "x", a), TROUPE_OK);
    world_watch(world, "witness", a, TROUPE_ON_STOP);
    world_stop(world);
}

// ---- Sending by name

WORLD_STORY(a_message_by_name_reaches_the_holder)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL), b = world_spawn(world, "b", NULL, NULL);
    troupe_register(world->ctx, "x", a);
    assert_int_equal(troupe_send_name(world->ctx, "x", Number, .value = 1), TROUPE_OK);
    troupe_unregister(world->ctx, "x");
    troupe_register(world->ctx, "x", b);
    assert_int_equal(troupe_send_name(world->ctx, "x", Number, .value = 2), TROUPE_OK);
    world_sync(world, a);
    world_sync(world, b);
    world_expect(world, "a", "init 1; 1");
    world_expect(world, "b", "init 1; 2");
}

WORLD_STORY(a_message_to_a_name_that_nobody_has_is_enoent_and_not_sent)
{
    troupe_stats before, after;
    world_settle(world);
    troupe_system_stats(world->system, &before);
    assert_int_equal(troupe_send_name(world->ctx, "x", Number, .value = 1), TROUPE_ENOENT);
    expect_text(world->ctx, "troupe_send_name: nobody has the name \"x\"");
    troupe_system_stats(world->system, &after);
    assert_int_equal(after.sent, before.sent);
    world_expect(world, "dead", "");
}

static troupe_status send_by_name(troupe_ctx *ctx, struct puppet *puppet, void *name)
{
    (void)puppet;
    puppet_say(ctx, "%s", troupe_status_name(troupe_send_name(ctx, name, Number, .value = 3)));
    return TROUPE_OK;
}

WORLD_STORY(actors_send_by_name_too_also_to_themselves)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    troupe_register(world->ctx, "x", a);
    world_do(world, a, send_by_name, x);
    world_do(world, a, send_by_name, y);
    world_sync(world, a);
    world_expect(world, "a", "init 1; TROUPE_OK; 3; TROUPE_ENOENT");
}

// ---- Monitors by name

static troupe_status on_down(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    static const char *events[] = {"", "stop", "restart", "", "start"};
    const troupe_down *down = troupe_match(msg, troupe_down);
    const struct order *order = troupe_match(msg, Do);
    if (order)
        return order->fn(ctx, state, order->arg);
    WORLD_CHECK(down != NULL);
    world_say("watcher", "%s %s %u %s", down->name ? down->name : "-", events[down->event],
              down->incarnation, troupe_ref_is_none(down->ref) ? "nobody" : "somebody");
    return TROUPE_OK;
}

static const troupe_behavior watching = {
    .name = "watcher", .state_size = sizeof(struct puppet), .receive = on_down};

static troupe_status watch_by_name(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    char name[2] = {*(char *)arg, 0}; // which need not outlive the call
    WORLD_CHECK(troupe_monitor_name(ctx, name, ALL_EVENTS, &puppet->monitor) == TROUPE_OK);
    name[0] = '?';
    return TROUPE_OK;
}

static troupe_ref spawn_watcher(struct world *world)
{
    troupe_ref ref;
    assert_int_equal(troupe_spawn(world->ctx, &watching, NULL, &ref), TROUPE_OK);
    return ref;
}

// Until it has handled what was sent to it before.
static troupe_status say_done(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)ctx, (void)puppet, (void)arg;
    world_say("watcher", "done");
    return TROUPE_OK;
}

WORLD_STORY(a_monitor_by_name_tells_the_name)
{
    troupe_ref a = world_supervise(world, "a", NULL);
    troupe_ref watcher = spawn_watcher(world);
    troupe_register(world->ctx, "x", a);
    world_tell(world, watcher, watch_by_name, x);
    world_await(world, "watcher", "x start 1 somebody");
    troupe_unregister(world->ctx, "x"); // it watches who had the name then
    world_do(world, a, puppet_fail, broken);
    world_await_all(world, "watcher",
                    "x start 1 somebody; x restart 1 somebody; x start 2 somebody");
}

WORLD_STORY(a_monitor_of_a_name_that_nobody_has_is_noactor)
{
    troupe_ref watcher = spawn_watcher(world);
    world_tell(world, watcher, watch_by_name, y);
    world_await_all(world, "watcher", "y stop 0 nobody");
}

WORLD_STORY(a_plain_monitor_tells_no_name)
{
    troupe_ref watcher = spawn_watcher(world), a = world_spawn(world, "a", register_self, x);
    world_sync(world, a);
    world_tell(world, watcher, puppet_watch, &a);
    world_await(world, "watcher", "- start 1 somebody");
    troupe_stop(world->ctx, a);
    world_await_all(world, "watcher", "- start 1 somebody; - stop 1 somebody");
}

static troupe_status watch_and_demonitor(troupe_ctx *ctx, struct puppet *puppet, void *name)
{
    watch_by_name(ctx, puppet, name);
    WORLD_CHECK(troupe_demonitor(ctx, puppet->monitor) == TROUPE_OK);
    return say_done(ctx, puppet, NULL);
}

WORLD_STORY(a_monitor_by_name_is_ended_as_others_are)
{
    troupe_ref watcher = spawn_watcher(world), a = world_spawn(world, "a", register_self, x);
    world_sync(world, a);
    world_tell(world, watcher, watch_and_demonitor, x);
    world_tell(world, watcher, watch_and_demonitor, y);
    troupe_stop(world->ctx, a);
    world_join(world, a);
    world_tell(world, watcher, say_done, NULL);
    world_await_all(world, "watcher", "done; done; done");
}

static troupe_status watch_wrongly(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet, (void)arg;
    WORLD_CHECK(troupe_monitor_name(ctx, "x", 0, NULL) == TROUPE_EINVAL);
    WORLD_CHECK(troupe_monitor_name(ctx, "", TROUPE_ON_STOP, NULL) == TROUPE_EINVAL);
    WORLD_CHECK(troupe_monitor_name(ctx, NULL, TROUPE_ON_STOP, NULL) == TROUPE_EINVAL);
    return TROUPE_OK;
}

WORLD_STORY(wrong_monitors_by_name_are_refused)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    assert_int_equal(world_do(world, a, watch_wrongly, NULL), TROUPE_OK);
    assert_int_equal(troupe_monitor_name(world->ctx, "x", TROUPE_ON_STOP, NULL), TROUPE_ENOTSUP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_stands_for_the_actor_that_it_was_given_to),
        cmocka_unit_test(an_actor_may_have_several_names),
        cmocka_unit_test(a_taken_name_is_eexist_and_the_text_names_the_holder),
        cmocka_unit_test(a_name_that_was_taken_away_can_be_given_again),
        cmocka_unit_test(a_name_has_1_to_63_bytes),
        cmocka_unit_test(only_a_live_actor_of_the_system_gets_a_name),
        cmocka_unit_test(an_actor_gives_itself_a_name_in_init),
        cmocka_unit_test(anybody_may_give_and_take_a_name),
        cmocka_unit_test(who_gave_a_name_may_end_before_the_holder),
        cmocka_unit_test(a_restart_keeps_the_names),
        cmocka_unit_test(the_names_of_an_actor_are_free_when_its_end_is_known),
        cmocka_unit_test(a_name_can_be_taken_over_when_the_monitor_tells_of_the_end),
        cmocka_unit_test(the_names_of_a_supervised_child_end_with_its_supervisor),
        cmocka_unit_test(a_message_by_name_reaches_the_holder),
        cmocka_unit_test(a_message_to_a_name_that_nobody_has_is_enoent_and_not_sent),
        cmocka_unit_test(actors_send_by_name_too_also_to_themselves),
        cmocka_unit_test(a_monitor_by_name_tells_the_name),
        cmocka_unit_test(a_monitor_of_a_name_that_nobody_has_is_noactor),
        cmocka_unit_test(a_plain_monitor_tells_no_name),
        cmocka_unit_test(a_monitor_by_name_is_ended_as_others_are),
        cmocka_unit_test(wrong_monitors_by_name_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
