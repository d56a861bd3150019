// Messages over the restart of a group: what its members have sent to each other is stale, what
// comes from others stays.
#include "tests/support/tree.h"
#include "troupe/name.h"

#include <stdio.h>

// An actor that puts each Number aside, so that it waits over a restart, and says so.
static troupe_status keeper_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    const struct number *number = troupe_match(msg, Number);
    if (number) {
        puppet_say(ctx, "keeps %lld", (long long)number->value);
        return troupe_stash(ctx, msg);
    }
    return puppet_behavior.receive(ctx, state, msg);
}

static const troupe_behavior keeper_behavior = {
    .name = "keeper", .state_size = sizeof(struct puppet), .receive = keeper_receive};

#define KEEPER(name)                                                      \
    {                                                                     \
        .id = (name), .behavior = &keeper_behavior, .register_as = (name) \
    }

// Has a puppet send a Number to who has a name.
struct letter {
    const char *to;
    int64_t value;
};

static troupe_status send_letter(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    const struct letter *letter = arg;
    (void)puppet;
    return troupe_send_name(ctx, letter->to, Number, .value = letter->value);
}

static void send_from(struct world *world, troupe_ref from, const char *to, int64_t value)
{
    struct letter letter = {to, value};
    assert_int_equal(world_do(world, from, send_letter, &letter), TROUPE_OK);
    world_sync(world, troupe_whereis(world->ctx, to));
}

static troupe_ref start(struct world *world, troupe_strategy strategy, const troupe_child *children,
                        size_t count)
{
    troupe_supervisor spec = {.name = "top",
                              .strategy = strategy,
                              .max_restarts = MANY,
                              .children = children,
                              .child_count = count};
    return tree_start(world, &spec);
}

static const troupe_child keeper_between[] = {PUPPET("a"), KEEPER("b"), PUPPET("c")};

#define START(strategy) start(world, (strategy), keeper_between, COUNT(keeper_between))

// ---- Stale

static troupe_status number_self_and_fail(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    WORLD_CHECK(troupe_send(ctx, troupe_self(ctx), Number, .value = 7) == TROUPE_OK);
    return puppet_fail(ctx, puppet, arg);
}

static void fail_with_a_number_to_oneself(struct world *world, troupe_strategy strategy)
{
    troupe_ref top = START(strategy), a = tree_child(world, top, "a");
    world_do(world, a, number_self_and_fail, broken);
    world_sync(world, a);
    world_expect(world, "a", "init 1; stop failed: broken; init 2");
    assert_int_equal(world_heard(world, "dead", "Number 7 stale"), 1);
}

WORLD_STORY(what_a_member_of_one_for_all_sent_to_itself_is_stale)
{
    fail_with_a_number_to_oneself(world, TROUPE_ONE_FOR_ALL);
}

WORLD_STORY(what_a_member_of_rest_for_one_sent_to_itself_is_stale)
{
    fail_with_a_number_to_oneself(world, TROUPE_REST_FOR_ONE);
}

WORLD_STORY(what_the_last_of_rest_for_one_sent_to_itself_is_stale)
{
    troupe_ref top = START(TROUPE_REST_FOR_ONE), c = tree_child(world, top, "c");
    world_do(world, c, number_self_and_fail, broken);
    world_sync(world, c);
    world_expect(world, "c", "init 1; stop failed: broken; init 2");
    assert_int_equal(world_heard(world, "dead", "Number 7 stale"), 1);
    world_expect(world, "a", "init 1");
}

WORLD_STORY(what_members_sent_to_each_other_is_stale)
{
    troupe_ref top = START(TROUPE_ONE_FOR_ALL);
    send_from(world, tree_child(world, top, "a"), "b", 5);
    tree_fail(world, top, "c");
    tree_await(world, top, "a running 2, b running 2, c running 2");
    world_sync(world, tree_child(world, top, "b"));
    world_expect(world, "b", "keeps 5");
    assert_int_equal(world_heard(world, "dead", "Number 5 stale"), 1);
}

WORLD_STORY(what_members_sent_to_the_one_that_failed_is_stale)
{
    troupe_ref top = START(TROUPE_REST_FOR_ONE);
    send_from(world, tree_child(world, top, "c"), "b", 5);
    tree_fail(world, top, "b");
    tree_await(world, top, "a running 1, b running 2, c running 2");
    world_sync(world, tree_child(world, top, "b"));
    world_expect(world, "b", "keeps 5");
    assert_int_equal(world_heard(world, "dead", "Number 5 stale"), 1);
}

static void send_last_words(troupe_ctx *ctx, void *state, const troupe_reason *why)
{
    (void)state;
    (void)why;
    WORLD_CHECK(troupe_send_name(ctx, "b", Number, .value = 9) == TROUPE_OK);
}

WORLD_STORY(what_a_member_sends_in_its_stop_is_stale)
{
    static const troupe_behavior talker = {.name = "talker",
                                           .state_size = sizeof(struct puppet),
                                           .receive = keeper_receive,
                                           .stop = send_last_words};
    static const troupe_child two[] = {PUPPET("b", .register_as = "b"),
                                       {.id = "c", .behavior = &talker}};
    troupe_ref top = start(world, TROUPE_ONE_FOR_ALL, two, 2);
    tree_fail(world, top, "b");
    tree_await(world, top, "b running 2, c running 2");
    world_sync(world, tree_child(world, top, "b"));
    world_expect(world, "b", "init 1; stop failed: broken; init 2");
    world_await(world, "dead", "Number 9 stale");
}

#define MANY_NUMBERS 20

static troupe_status send_many_and_fail(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    for (int i = 0; i < MANY_NUMBERS; i++)
        WORLD_CHECK(troupe_send_name(ctx, "b", Number, .value = 100 + i) == TROUPE_OK);
    return puppet_fail(ctx, puppet, arg);
}

WORLD_STORY(what_a_member_sent_is_handled_before_the_restart_or_stale)
{
    static const troupe_child two[] = {PUPPET("a"), PUPPET("b", .register_as = "b")};
    troupe_ref top = start(world, TROUPE_ONE_FOR_ALL, two, 2);
    world_do(world, tree_child(world, top, "a"), send_many_and_fail, broken);
    tree_await(world, top, "a running 2, b running 2");
    world_sync(world, tree_child(world, top, "b"));
    for (int i = 0; i < MANY_NUMBERS; i++) {
        char handled[16], stale[32];
        snprintf(handled, sizeof handled, "%d", 100 + i);
        snprintf(stale, sizeof stale, "Number %d stale", 100 + i);
        assert_int_equal(world_heard(world, "b", handled) + world_heard(world, "dead", stale), 1);
        if (world_heard(world, "b", handled))
            world_expect_order(world, "b", handled, "b", "init 2");
    }
}

// ---- Kept

WORLD_STORY(what_others_sent_to_a_member_stays)
{
    troupe_ref top = START(TROUPE_ONE_FOR_ALL), b = tree_child(world, top, "b");
    troupe_ref stranger = world_spawn(world, "stranger", NULL, NULL);
    troupe_send(world->ctx, b, Number, .value = 6);
    world_sync(world, b);
    send_from(world, stranger, "b", 7);
    send_from(world, tree_child(world, top, "a"), "b", 5);
    tree_fail(world, top, "a");
    tree_await(world, top, "a running 2, b running 2, c running 2");
    world_sync(world, b);
    world_expect(world, "b", "keeps 6; keeps 7; keeps 5; keeps 6; keeps 7");
}

WORLD_STORY(what_a_child_before_the_failed_one_sent_stays_with_rest_for_one)
{
    troupe_ref top = START(TROUPE_REST_FOR_ONE);
    send_from(world, tree_child(world, top, "a"), "b", 5);
    tree_fail(world, top, "b");
    tree_await(world, top, "a running 1, b running 2, c running 2");
    world_sync(world, tree_child(world, top, "b"));
    world_expect(world, "b", "keeps 5; keeps 5");
    assert_int_equal(world_heard(world, "dead", "Number 5 stale"), 0);
}

WORLD_STORY(what_siblings_of_one_for_one_sent_stays)
{
    troupe_ref top = START(TROUPE_ONE_FOR_ONE);
    send_from(world, tree_child(world, top, "a"), "b", 5);
    tree_fail(world, top, "a");
    tree_fail(world, top, "b");
    tree_await(world, top, "a running 2, b running 2, c running 1");
    world_sync(world, tree_child(world, top, "b"));
    world_expect(world, "b", "keeps 5; keeps 5");
}

// They have no conversation to begin anew.
WORLD_STORY(what_a_member_sent_that_is_not_started_again_stays)
{
    static const troupe_child children[] = {PUPPET("a"), KEEPER("b"),
                                            PUPPET("c", .restart = TROUPE_TEMPORARY)};
    troupe_ref top = start(world, TROUPE_ONE_FOR_ALL, children, COUNT(children));
    send_from(world, tree_child(world, top, "c"), "b", 5);
    tree_fail(world, top, "a");
    tree_await(world, top, "a running 2, b running 2");
    world_sync(world, tree_child(world, top, "b"));
    world_expect(world, "b", "keeps 5; keeps 5");
}

WORLD_STORY(what_a_member_sent_that_was_stopped_before_stays)
{
    troupe_ref top = START(TROUPE_ONE_FOR_ALL);
    send_from(world, tree_child(world, top, "c"), "b", 5);
    assert_int_equal(troupe_stop_child_wait(world->ctx, top, 0, "c"), TROUPE_OK);
    tree_fail(world, top, "a");
    tree_await(world, top, "a running 2, b running 2, c running 1");
    world_sync(world, tree_child(world, top, "b"));
    world_expect(world, "b", "keeps 5; keeps 5");
}

static troupe_status greet_b(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet;
    (void)arg;
    uint32_t incarnation = troupe_incarnation(ctx, troupe_self(ctx));
    troupe_status status = troupe_send_name(ctx, "b", Number, .value = incarnation);
    return incarnation == 1 && status == TROUPE_ENOENT ? TROUPE_OK : status;
}

WORLD_STORY(what_a_member_sends_after_its_restart_reaches_one_that_is_still_to_be_started)
{
    static const struct order greeting = {greet_b, NULL};
    static const troupe_child two[] = {PUPPET("a", RUN(&greeting)),
                                       PUPPET("b", .register_as = "b")};
    troupe_ref top = start(world, TROUPE_ONE_FOR_ALL, two, 2);
    tree_fail(world, top, "b");
    world_await_all(world, "b", "init 1; stop failed: broken; init 2; 2");
    world_expect(world, "dead", "Do failed");
}

WORLD_STORY(the_order_of_what_stays_is_kept)
{
    troupe_ref top = START(TROUPE_ONE_FOR_ALL), b = tree_child(world, top, "b");
    for (int i = 1; i <= 3; i++) {
        troupe_send(world->ctx, b, Number, .value = i);
        world_sync(world, b);
        send_from(world, tree_child(world, top, "c"), "b", 10 + i);
    }
    tree_fail(world, top, "b");
    tree_await(world, top, "a running 2, b running 2, c running 2");
    world_sync(world, b);
    world_expect(world, "b",
                 "keeps 1; keeps 11; keeps 2; keeps 12; keeps 3; keeps 13; "
                 "keeps 1; keeps 2; keeps 3");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_member_of_one_for_all_sent_to_itself_is_stale),
        cmocka_unit_test(what_a_member_of_rest_for_one_sent_to_itself_is_stale),
        cmocka_unit_test(what_the_last_of_rest_for_one_sent_to_itself_is_stale),
        cmocka_unit_test(what_members_sent_to_each_other_is_stale),
        cmocka_unit_test(what_members_sent_to_the_one_that_failed_is_stale),
        cmocka_unit_test(what_a_member_sends_in_its_stop_is_stale),
        cmocka_unit_test(what_a_member_sent_is_handled_before_the_restart_or_stale),
        cmocka_unit_test(what_others_sent_to_a_member_stays),
        cmocka_unit_test(what_a_child_before_the_failed_one_sent_stays_with_rest_for_one),
        cmocka_unit_test(what_siblings_of_one_for_one_sent_stays),
        cmocka_unit_test(what_a_member_sent_that_is_not_started_again_stays),
        cmocka_unit_test(what_a_member_sent_that_was_stopped_before_stays),
        cmocka_unit_test(
            what_a_member_sends_after_its_restart_reaches_one_that_is_still_to_be_started),
        cmocka_unit_test(the_order_of_what_stays_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
