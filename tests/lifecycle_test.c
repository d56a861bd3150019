// How an actor starts: spawn, init, and what comes of it. How it ends: lifecycle_end_test.c.
#include "tests/support/world.h"

#include <string.h>

struct text {
    char text[64];
};

TROUPE_STRUCT(Text, struct text);

static troupe_status fail_init(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet;
    (void)arg;
    return troupe_fail(ctx, TROUPE_EUSER + 3, "no disk in drive %c", 'b');
}

static troupe_status ignore(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)ctx;
    (void)puppet;
    (void)arg;
    return TROUPE_IGNORE;
}

static troupe_status send_1_2_3_to_self(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet;
    (void)arg;
    for (int i = 1; i <= 3; i++)
        WORLD_CHECK(troupe_send(ctx, troupe_self(ctx), Number, .value = i) == TROUPE_OK);
    return TROUPE_OK;
}

static troupe_status say_name(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet;
    (void)arg;
    world_say("names", "%s", troupe_name(ctx));
    return TROUPE_OK;
}

// ---- Spawn

WORLD_STORY(a_ref_can_be_used_before_init_has_run)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    assert_int_equal(troupe_incarnation(world->ctx, a), 1);
    assert_int_equal(troupe_send(world->ctx, a, Number, .value = 1), TROUPE_OK);
    assert_int_equal(troupe_send(world->ctx, a, Number, .value = 2), TROUPE_OK);
    world_await_all(world, "a", "init 1; 1; 2");
}

static troupe_status spawn_and_say(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)arg;
    puppet->other = puppet_spawn(ctx, "child", NULL, NULL);
    world_say("child", "spawned");
    return troupe_send(ctx, puppet->other, Number, .value = 1);
}

// Driven, because on threads another worker may be quick.
WORLD_STORY_DRIVEN(spawn_returns_before_init_has_run)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    world_expect(world, "a", "");
    world_do(world, a, spawn_and_say, NULL);
    world_await_all(world, "child", "spawned; init 1; 1");
}

WORLD_STORY(spawn_needs_neither_options_nor_a_place_for_the_ref)
{
    assert_int_equal(troupe_spawn(world->ctx, &puppet_behavior, NULL, NULL), TROUPE_OK);
    world_await_all(world, "puppet", "init 1");
}

WORLD_STORY(an_actor_without_a_name_has_its_behaviours)
{
    troupe_ref a, b = world_spawn(world, "b", NULL, NULL);
    assert_int_equal(troupe_spawn(world->ctx, &puppet_behavior, NULL, &a), TROUPE_OK);
    assert_int_equal(world_do(world, a, say_name, NULL), TROUPE_OK);
    assert_int_equal(world_do(world, b, say_name, NULL), TROUPE_OK);
    world_expect(world, "names", "puppet; b");
}

WORLD_STORY(a_name_is_copied)
{
    char name[] = "first";
    troupe_ref a = world_spawn(world, name, NULL, NULL);
    strcpy(name, "other");
    assert_int_equal(world_do(world, a, say_name, NULL), TROUPE_OK);
    world_expect(world, "names", "first");
}

WORLD_STORY(outside_there_is_no_self_owner_or_name)
{
    assert_true(troupe_ref_is_none(troupe_self(world->ctx)));
    assert_true(troupe_ref_is_none(troupe_owner(world->ctx)));
    assert_string_equal(troupe_name(world->ctx), "");
    assert_ptr_equal(troupe_system_of(world->ctx), world->system);
}

static void expect_refusal(struct world *world, const troupe_behavior *behavior,
                           troupe_spawn_opts opts, troupe_status status, const char *text)
{
    troupe_ref ref = {1, 2, 3};
    assert_int_equal(troupe_spawn(world->ctx, behavior, &opts, &ref), status);
    assert_string_equal(troupe_error_text(world->ctx), text);
    assert_true(troupe_ref_is_none(ref));
}

WORLD_STORY(wrong_arguments_are_refused_with_a_text)
{
    troupe_behavior nameless = puppet_behavior, deaf = puppet_behavior;
    nameless.name = NULL;
    deaf.receive = NULL;
    expect_refusal(world, NULL, (troupe_spawn_opts){0}, TROUPE_EINVAL,
                   "troupe_spawn: behavior is NULL");
    expect_refusal(world, &nameless, (troupe_spawn_opts){0}, TROUPE_EINVAL,
                   "troupe_spawn: behavior->name is NULL; give it a name");
    expect_refusal(world, &deaf, (troupe_spawn_opts){0}, TROUPE_EINVAL,
                   "troupe_spawn: puppet: behavior->receive is NULL");
    expect_refusal(
        world, &puppet_behavior, (troupe_spawn_opts){.place = TROUPE_IN_PROCESS}, TROUPE_ENOTSUP,
        "troupe_spawn: puppet: place TROUPE_IN_PROCESS is not available in this version");
    expect_refusal(world, &puppet_behavior, (troupe_spawn_opts){.place = (troupe_place)7},
                   TROUPE_EINVAL, "troupe_spawn: puppet: place is 7; use one of enum troupe_place");
    char name[65];
    memset(name, 'x', 64);
    name[64] = 0;
    expect_refusal(world, &puppet_behavior, (troupe_spawn_opts){.name = name}, TROUPE_EINVAL,
                   "troupe_spawn: name \"xxxxxxxxxxxxxxxxxxxx...\" has 64 bytes; at most 63 are "
                   "allowed");
    troupe_stats stats;
    troupe_system_stats(world->system, &stats);
    assert_int_equal(stats.spawned, 0);
}

WORLD_STORY(an_actor_on_a_thread_of_its_own_is_as_any_other)
{
    troupe_ref a;
    troupe_spawn_opts opts = {.name = "a", .place = TROUPE_ON_THREAD};
    assert_int_equal(troupe_spawn(world->ctx, &puppet_behavior, &opts, &a), TROUPE_OK);
    assert_int_equal(troupe_send(world->ctx, a, Number, .value = 1), TROUPE_OK);
    assert_int_equal(world_do(world, a, puppet_stop, NULL), TROUPE_EDOWN);
    world_join(world, a);
    world_expect(world, "a", "init 1; 1; stop normal");
}

// ---- Init

static troupe_status init_of_texts(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    const struct text *text = args ? troupe_match(args, Text) : NULL;
    const char *zeroed = state;
    WORLD_CHECK(zeroed[0] == 0 && zeroed[63] == 0);
    puppet_say(ctx, "%s", text ? text->text : args ? "something else" : "nothing");
    return TROUPE_OK;
}

static troupe_status receive_nothing(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)ctx;
    (void)state;
    (void)msg;
    return TROUPE_UNHANDLED;
}

static const troupe_behavior texts = {
    .name = "texts", .state_size = 64, .init = init_of_texts, .receive = receive_nothing};

WORLD_STORY(init_is_given_a_copy_of_the_arguments_and_a_zeroed_state)
{
    struct text text = {"as it was"};
    assert_int_equal(troupe_spawn_body(world->ctx, &texts, NULL, NULL, TROUPE_TYPE(Text), &text),
                     TROUPE_OK);
    strcpy(text.text, "changed");
    world_await_all(world, "texts", "as it was");
}

WORLD_STORY(init_without_arguments_gets_none)
{
    assert_int_equal(troupe_spawn(world->ctx, &texts, NULL, NULL), TROUPE_OK);
    world_await_all(world, "texts", "nothing");
}

static const troupe_behavior without_init = {.name = "plain", .receive = receive_nothing};

WORLD_STORY(a_behaviour_needs_neither_init_nor_state_nor_stop)
{
    troupe_ref a;
    assert_int_equal(troupe_spawn_wait(world->ctx, &without_init, NULL, &a, NULL, NULL), TROUPE_OK);
    world_watch(world, "witness", a, TROUPE_ON_STOP);
    assert_int_equal(troupe_stop(world->ctx, a), TROUPE_OK);
    world_await_all(world, "witness", "down stop 1 shutdown");
}

WORLD_STORY(what_init_sends_to_itself_is_handled_first)
{
    troupe_ref a = world_spawn(world, "a", send_1_2_3_to_self, NULL);
    troupe_send(world->ctx, a, Number, .value = 4);
    world_await_all(world, "a", "init 1; 1; 2; 3; 4");
}

WORLD_STORY(spawn_wait_returns_when_init_has_succeeded)
{
    troupe_ref a;
    assert_int_equal(troupe_spawn_wait(world->ctx, &puppet_behavior, NULL, &a, NULL, NULL),
                     TROUPE_OK);
    world_expect(world, "puppet", "init 1");
    world_sync(world, a);
}

WORLD_STORY(spawn_wait_tells_why_init_has_failed)
{
    troupe_ref a;
    struct order order = {fail_init, NULL};
    assert_int_equal(
        troupe_spawn_wait(world->ctx, &puppet_behavior, NULL, &a, TROUPE_TYPE(Do), &order),
        TROUPE_ESTART);
    assert_non_null(strstr(troupe_error_text(world->ctx), "no disk in drive b"));
}

WORLD_STORY(spawn_wait_tells_that_init_chose_not_to_start)
{
    troupe_ref a;
    struct order order = {ignore, NULL};
    assert_int_equal(
        troupe_spawn_wait(world->ctx, &puppet_behavior, NULL, &a, TROUPE_TYPE(Do), &order),
        TROUPE_IGNORE);
    world_join(world, a);
    world_expect(world, "puppet", "init 1");
    world_expect(world, "event", "");
}

WORLD_STORY(an_actor_that_stops_in_init_has_started_and_ends_normally)
{
    troupe_ref a;
    struct order order = {puppet_stop, NULL};
    assert_int_equal(
        troupe_spawn_wait(world->ctx, &puppet_behavior, NULL, &a, TROUPE_TYPE(Do), &order),
        TROUPE_OK);
    world_join(world, a);
    world_expect(world, "puppet", "init 1; stop normal");
}

WORLD_STORY(a_failed_init_is_an_event_and_no_stop)
{
    troupe_ref a = world_spawn(world, "a", fail_init, NULL);
    world_join(world, a);
    world_expect(world, "a", "init 1");
    world_expect(world, "event", "failed a 1 start failed: no disk in drive b");
    assert_int_equal(troupe_send(world->ctx, a, Number, .value = 1), TROUPE_EDEAD);
    world_expect(world, "dead", "Number 1 no target");
}

static troupe_status say_outcome(troupe_ctx *ctx, void *state, void *user,
                                 const troupe_outcome *outcome)
{
    (void)state;
    (void)user;
    puppet_say(ctx, "%s %s %s: %s", troupe_status_name(outcome->status),
               troupe_reason_name(outcome->reason->kind),
               troupe_status_name(outcome->reason->status), outcome->reason->text);
    return TROUPE_OK;
}

static troupe_status spawn_and_ask(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)arg;
    puppet->other = puppet_spawn(ctx, "child", fail_init, NULL);
    WORLD_CHECK(troupe_monitor(ctx, puppet->other, TROUPE_ON_START | TROUPE_ON_STOP, NULL) ==
                TROUPE_OK);
    return troupe_ask(ctx, puppet->other, TROUPE_NO_LIMIT, say_outcome, NULL, Sync);
}

// Driven, because on threads the init may have failed before the question is put.
WORLD_STORY_DRIVEN(a_failed_init_reaches_asks_and_monitors)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    world_tell(world, a, spawn_and_ask, NULL);
    world_await(world, "a", "TROUPE_EDOWN start failed unknown status: no disk in drive b");
    world_await(world, "a", "down stop 1 start failed: no disk in drive b");
    assert_int_equal(world_heard(world, "a", "down start 1"), 0);
}

static troupe_status spawn_wait_inside(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet;
    (void)arg;
    puppet_say(
        ctx, "%s",
        troupe_status_name(troupe_spawn_wait(ctx, &puppet_behavior, NULL, NULL, NULL, NULL)));
    return TROUPE_OK;
}

WORLD_STORY(spawn_wait_is_refused_in_a_handler)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    world_do(world, a, spawn_wait_inside, NULL);
    world_expect(world, "a", "init 1; TROUPE_ENOTSUP");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ref_can_be_used_before_init_has_run),
        cmocka_unit_test(spawn_returns_before_init_has_run),
        cmocka_unit_test(spawn_needs_neither_options_nor_a_place_for_the_ref),
        cmocka_unit_test(an_actor_without_a_name_has_its_behaviours),
        cmocka_unit_test(a_name_is_copied),
        cmocka_unit_test(outside_there_is_no_self_owner_or_name),
        cmocka_unit_test(wrong_arguments_are_refused_with_a_text),
        cmocka_unit_test(an_actor_on_a_thread_of_its_own_is_as_any_other),
        cmocka_unit_test(init_is_given_a_copy_of_the_arguments_and_a_zeroed_state),
        cmocka_unit_test(init_without_arguments_gets_none),
        cmocka_unit_test(a_behaviour_needs_neither_init_nor_state_nor_stop),
        cmocka_unit_test(what_init_sends_to_itself_is_handled_first),
        cmocka_unit_test(spawn_wait_returns_when_init_has_succeeded),
        cmocka_unit_test(spawn_wait_tells_why_init_has_failed),
        cmocka_unit_test(spawn_wait_tells_that_init_chose_not_to_start),
        cmocka_unit_test(an_actor_that_stops_in_init_has_started_and_ends_normally),
        cmocka_unit_test(a_failed_init_is_an_event_and_no_stop),
        cmocka_unit_test(a_failed_init_reaches_asks_and_monitors),
        cmocka_unit_test(spawn_wait_is_refused_in_a_handler),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
