// Why an actor has ended: kind, status and text, and that all who are told are told the same: its
// own stop, who watches it, who asks it, who joins it.
#include "tests/support/world.h"

#include <string.h>

// ---- An actor that ends in some way, and one who looks on

static void say_reason(const char *who, const troupe_reason *reason)
{
    world_say(who, "%s, %s%s%s", troupe_reason_name(reason->kind),
              reason->status == TROUPE_EUSER + 5 ? "EUSER+5" : troupe_status_name(reason->status),
              reason->text[0] ? ": " : "", reason->text);
}

static troupe_status mortal_init(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    const struct order *order = args ? troupe_match(args, Do) : NULL;
    return order && order->fn ? order->fn(ctx, state, order->arg) : TROUPE_OK;
}

static troupe_status mortal_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    const struct order *order = troupe_match(msg, Do);
    return order ? order->fn(ctx, state, order->arg) : TROUPE_UNHANDLED;
}

static void mortal_stop(troupe_ctx *ctx, void *state, const troupe_reason *why)
{
    (void)ctx;
    (void)state;
    say_reason("stop", why);
}

static const troupe_behavior mortal = {.name = "mortal",
                                       .state_size = sizeof(struct puppet),
                                       .init = mortal_init,
                                       .receive = mortal_receive,
                                       .stop = mortal_stop};

static troupe_status say_outcome(troupe_ctx *ctx, void *state, void *user,
                                 const troupe_outcome *outcome)
{
    (void)ctx;
    (void)state;
    (void)user;
    WORLD_CHECK(outcome->status == TROUPE_EDOWN);
    say_reason("asker", outcome->reason);
    return TROUPE_OK;
}

struct play {
    puppet_fn init, end;
};

// Starts the mortal, watches it and asks it to do what ends it.
static troupe_status onlooker_init(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    (void)state;
    const struct order *order = troupe_match(args, Do);
    WORLD_CHECK(order != NULL);
    const struct play *play = order->arg;
    const troupe_spawn_opts opts = {.memory_limit = 1024};
    troupe_ref ref;
    WORLD_CHECK(troupe_spawn_with(ctx, &mortal, &opts, &ref, Do, .fn = play->init) == TROUPE_OK);
    WORLD_CHECK(troupe_monitor(ctx, ref, TROUPE_ON_STOP, NULL) == TROUPE_OK);
    return troupe_ask(ctx, ref, TROUPE_NO_LIMIT, say_outcome, NULL, Do, .fn = play->end);
}

static troupe_status onlooker_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)ctx;
    (void)state;
    const troupe_down *down = troupe_match(msg, troupe_down);
    if (down)
        say_reason("watcher", &down->reason);
    return down ? TROUPE_OK : TROUPE_UNHANDLED;
}

static const troupe_behavior onlooker = {
    .name = "onlooker", .init = onlooker_init, .receive = onlooker_receive};

static void tell_all(struct world *world, puppet_fn init, puppet_fn end, const char *reason,
                     bool stops)
{
    struct play play = {init, end};
    struct order order = {NULL, &play};
    assert_int_equal(troupe_spawn_wait(world->ctx, &onlooker, NULL, NULL, TROUPE_TYPE(Do), &order),
                     TROUPE_OK);
    world_await_all(world, "watcher", reason);
    world_await_all(world, "asker", reason);
    world_expect(world, "stop", stops ? reason : "");
}

// ---- The ways to end

static troupe_status fail_5(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet;
    (void)arg;
    return troupe_fail(ctx, TROUPE_EUSER + 5, "no disk in drive %c", 'b');
}

static troupe_status fail_without_text(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)ctx;
    (void)puppet;
    (void)arg;
    return TROUPE_ENOENT;
}

static troupe_status take_too_much(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet;
    (void)arg;
    return troupe_alloc(ctx, 2000) ? TROUPE_OK : TROUPE_ENOMEM;
}

static troupe_status stop_self(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet;
    (void)arg;
    troupe_token token;
    WORLD_CHECK(troupe_token_take(ctx, &token) == TROUPE_OK);
    return troupe_stop(ctx, troupe_self(ctx));
}

static troupe_status drain_self(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet;
    (void)arg;
    troupe_token token;
    WORLD_CHECK(troupe_token_take(ctx, &token) == TROUPE_OK);
    return troupe_drain(ctx, troupe_self(ctx));
}

static troupe_status kill_self(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet;
    (void)arg;
    troupe_token token;
    WORLD_CHECK(troupe_token_take(ctx, &token) == TROUPE_OK);
    return troupe_kill(ctx, troupe_self(ctx));
}

static troupe_status ignore(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)ctx;
    (void)puppet;
    (void)arg;
    return TROUPE_IGNORE;
}

WORLD_STORY(who_returns_stop_ends_normally)
{
    tell_all(world, NULL, puppet_stop, "normal, TROUPE_OK", true);
}

WORLD_STORY(who_is_stopped_or_drained_ends_with_shutdown)
{
    tell_all(world, NULL, world->seed % 2 ? stop_self : drain_self, "shutdown, TROUPE_OK", true);
}

WORLD_STORY(who_is_killed_ends_with_killed_and_is_not_told)
{
    tell_all(world, NULL, kill_self, "killed, TROUPE_OK", false);
}

WORLD_STORY(who_fails_ends_with_its_status_and_text)
{
    tell_all(world, NULL, fail_5, "failed, EUSER+5: no disk in drive b", true);
}

WORLD_STORY(who_fails_without_a_text_ends_with_its_status)
{
    tell_all(world, NULL, fail_without_text, "failed, TROUPE_ENOENT", true);
}

WORLD_STORY(who_fails_at_its_memory_limit_ends_with_memory_limit)
{
    tell_all(world, NULL, take_too_much, "memory limit, TROUPE_ENOMEM", true);
}

// Driven where it may have ended on threads before it is watched.
WORLD_STORY_DRIVEN(who_fails_in_init_ends_with_start_failed)
{
    tell_all(world, fail_5, puppet_stop, "start failed, EUSER+5: no disk in drive b", false);
}

WORLD_STORY_DRIVEN(who_fails_in_init_at_its_memory_limit_ends_with_start_failed)
{
    tell_all(world, take_too_much, puppet_stop, "start failed, TROUPE_ENOMEM", false);
}

WORLD_STORY_DRIVEN(who_ignores_its_start_ends_normally)
{
    tell_all(world, ignore, puppet_stop, "normal, TROUPE_IGNORE", false);
    world_expect(world, "event", "");
}

WORLD_STORY_DRIVEN(who_stops_in_init_ends_normally)
{
    tell_all(world, puppet_stop, puppet_stop, "normal, TROUPE_OK", true);
}

// ---- Names

static void each_kind_has_a_name(void **state)
{
    (void)state;
    static const char *const names[] = {"normal",  "shutdown",     "killed",
                                        "failed",  "start failed", "memory limit",
                                        "crashed", "noactor",      "noconnection"};
    for (int kind = TROUPE_NORMAL; kind <= TROUPE_NOCONNECTION; kind++)
        assert_string_equal(troupe_reason_name((troupe_reason_kind)kind),
                            names[kind - TROUPE_NORMAL]);
    assert_string_equal(troupe_reason_name((troupe_reason_kind)0), "unknown reason");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_returns_stop_ends_normally),
        cmocka_unit_test(who_is_stopped_or_drained_ends_with_shutdown),
        cmocka_unit_test(who_is_killed_ends_with_killed_and_is_not_told),
        cmocka_unit_test(who_fails_ends_with_its_status_and_text),
        cmocka_unit_test(who_fails_without_a_text_ends_with_its_status),
        cmocka_unit_test(who_fails_at_its_memory_limit_ends_with_memory_limit),
        cmocka_unit_test(who_fails_in_init_ends_with_start_failed),
        cmocka_unit_test(who_fails_in_init_at_its_memory_limit_ends_with_start_failed),
        cmocka_unit_test(who_ignores_its_start_ends_normally),
        cmocka_unit_test(who_stops_in_init_ends_normally),
        cmocka_unit_test(each_kind_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
