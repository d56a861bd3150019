// In which order messages are handled, what may overtake, and what becomes of a message that is put
// aside or handed on.
#include "tests/support/world.h"

static troupe_status send_numbers(troupe_ctx *ctx, struct puppet *puppet, void *to)
{
    (void)puppet;
    for (int i = 1; i <= 4; i++)
        WORLD_CHECK(troupe_send(ctx, *(troupe_ref *)to, Number, .value = i) == TROUPE_OK);
    return TROUPE_OK;
}

static troupe_status on_number(troupe_ctx *ctx, void *state, void *user,
                               const troupe_outcome *outcome)
{
    (void)state;
    (void)user;
    const struct number *number = outcome->reply ? troupe_match(outcome->reply, Number) : NULL;
    if (number)
        puppet_say(ctx, "reply %d", (int)number->value);
    else
        puppet_say(ctx, "%s", troupe_status_name(outcome->status));
    return TROUPE_OK;
}

// ---- One sender, one receiver

WORLD_STORY(what_one_actor_sends_to_another_arrives_in_order)
{
    troupe_ref b = world_spawn(world, "b", NULL, NULL);
    troupe_ref a = world_spawn(world, "a", send_numbers, &b);
    world_await_all(world, "b", "init 1; 1; 2; 3; 4");
    world_sync(world, a);
}

static troupe_status send_around_a_reply(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)msg;
    troupe_ref to = ((struct puppet *)state)->other;
    WORLD_CHECK(troupe_send(ctx, to, Number, .value = 1) == TROUPE_OK);
    WORLD_CHECK(troupe_reply(ctx, Number, .value = 2) == TROUPE_OK);
    WORLD_CHECK(troupe_send(ctx, to, Number, .value = 3) == TROUPE_OK);
    return TROUPE_STOP;
}

static troupe_status be_answering(troupe_ctx *ctx, struct puppet *puppet, void *to)
{
    puppet->other = *(troupe_ref *)to;
    return troupe_become(ctx, send_around_a_reply);
}

static troupe_status watch_and_ask(troupe_ctx *ctx, struct puppet *puppet, void *to)
{
    troupe_ref ref = *(troupe_ref *)to;
    WORLD_CHECK(troupe_monitor(ctx, ref, TROUPE_ON_STOP, &puppet->monitor) == TROUPE_OK);
    return troupe_ask(ctx, ref, 0, on_number, NULL, Sync);
}

WORLD_STORY(a_reply_and_a_down_keep_their_place_among_what_an_actor_sends)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    troupe_ref b = world_spawn(world, "b", be_answering, &a);
    world_do(world, a, watch_and_ask, &b);
    world_await_all(world, "a", "init 1; 1; reply 2; 3; down stop 1 normal");
}

static troupe_status send_and_stop(troupe_ctx *ctx, struct puppet *puppet, void *to)
{
    troupe_ref ref = *(troupe_ref *)to;
    (void)puppet;
    WORLD_CHECK(troupe_send(ctx, ref, Number, .value = 1) == TROUPE_OK);
    return troupe_stop(ctx, ref);
}

WORLD_STORY_DRIVEN(a_stop_overtakes_the_messages_that_wait)
{
    troupe_ref b = world_spawn(world, "b", NULL, NULL);
    world_sync(world, b);
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    world_tell(world, a, send_and_stop, &b);
    world_join(world, b);
    world_expect(world, "b", "init 1; stop shutdown");
    world_expect(world, "dead", "Number 1 ended");
}

static troupe_status send_and_drain(troupe_ctx *ctx, struct puppet *puppet, void *to)
{
    troupe_ref ref = *(troupe_ref *)to;
    (void)puppet;
    WORLD_CHECK(troupe_send(ctx, ref, Number, .value = 1) == TROUPE_OK);
    WORLD_CHECK(troupe_drain(ctx, ref) == TROUPE_OK);
    (void)troupe_send(ctx, ref, Number, .value = 2); // b may have ended by now
    return TROUPE_OK;
}

static bool is_2_dead(struct world *world, void *arg)
{
    (void)arg;
    return world_heard(world, "dead", "Number 2 ended") +
               world_heard(world, "dead", "Number 2 no target") ==
           1;
}

WORLD_STORY(a_drain_waits_for_the_messages_that_wait)
{
    troupe_ref b = world_spawn(world, "b", NULL, NULL);
    troupe_ref a = world_spawn(world, "a", send_and_drain, &b);
    world_join(world, b);
    world_sync(world, a);
    world_expect(world, "b", "init 1; 1; stop shutdown");
    world_until(world, is_2_dead, NULL);
}

static troupe_status send_to_self_and_on(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet;
    (void)arg;
    WORLD_CHECK(troupe_send(ctx, troupe_self(ctx), Number, .value = 7) == TROUPE_OK);
    puppet_say(ctx, "sent");
    return TROUPE_OK;
}

WORLD_STORY(a_message_to_oneself_comes_after_the_handler_and_what_waits)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    world_sync(world, a);
    troupe_send(world->ctx, a, Number, .value = 1);
    world_do(world, a, send_to_self_and_on, NULL);
    world_await_all(world, "a", "init 1; 1; sent; 7");
}

// ---- Putting aside

static troupe_status gather(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    struct puppet *puppet = state;
    const struct number *number = troupe_match(msg, Number);
    if (troupe_match(msg, Sync)) {
        puppet_say(ctx, "%u put back", (unsigned)troupe_unstash(ctx));
        puppet->number = 1;
        return troupe_reply(ctx, Sync);
    }
    if (number && (puppet->number || number->value < 0)) {
        puppet_say(ctx, "%d", (int)number->value);
        return troupe_reply(ctx, Number, .value = number->value);
    }
    if (number && number->value == 99)
        return troupe_fail(ctx, TROUPE_EUSER, "99");
    WORLD_CHECK(troupe_stash(ctx, msg) == TROUPE_OK);
    WORLD_CHECK(troupe_stash(ctx, msg) == TROUPE_EINVAL);
    WORLD_CHECK(!troupe_is_ask(ctx));
    WORLD_CHECK(troupe_reply(ctx, Sync) == TROUPE_EALREADY);
    return TROUPE_OK;
}

static troupe_status be_gathering(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet;
    (void)arg;
    WORLD_CHECK(troupe_unstash(ctx) == 0);
    return troupe_become(ctx, gather);
}

WORLD_STORY(what_was_put_aside_comes_back_in_order_and_first)
{
    troupe_ref a = world_spawn(world, "a", be_gathering, NULL);
    for (int i = 1; i <= 3; i++)
        troupe_send(world->ctx, a, Number, .value = i);
    troupe_send(world->ctx, a, Number, .value = -1);
    world_sync(world, a);
    troupe_send(world->ctx, a, Number, .value = 4);
    world_await_all(world, "a", "init 1; -1; 3 put back; 1; 2; 3; 4");
}

static troupe_status ask_number(troupe_ctx *ctx, struct puppet *puppet, void *to)
{
    (void)puppet;
    return troupe_ask(ctx, *(troupe_ref *)to, TROUPE_NO_LIMIT, on_number, NULL, Number, .value = 5);
}

WORLD_STORY(a_request_that_was_put_aside_is_answered_later)
{
    troupe_ref a = world_spawn(world, "a", be_gathering, NULL);
    troupe_ref b = world_spawn(world, "b", NULL, NULL);
    world_do(world, b, ask_number, &a);
    world_sync(world, a);
    world_await_all(world, "b", "init 1; reply 5");
}

WORLD_STORY(at_a_restart_what_was_put_aside_comes_back_first)
{
    struct order order = {be_gathering, NULL};
    troupe_child child = {
        .id = "a", .behavior = &puppet_behavior, .args_type = TROUPE_TYPE(Do), .args = &order};
    troupe_ref supervisor, a;
    assert_int_equal(
        troupe_supervise_wait(
            world->ctx, &(troupe_supervisor){.children = &child, .child_count = 1}, &supervisor),
        TROUPE_OK);
    assert_int_equal(troupe_child_ref(world->ctx, supervisor, "a", &a), TROUPE_OK);
    static const int64_t values[] = {1, 2, 99, 3};
    for (int i = 0; i < 4; i++)
        troupe_send(world->ctx, a, Number, .value = values[i]);
    world_await(world, "a", "init 2");
    world_sync(world, a);
    world_await_all(world, "a", "init 1; stop failed: 99; init 2; 3 put back; 1; 2; 3");
    world_expect(world, "dead", "Number 99 failed");
}

// ---- Handing on

static troupe_status hand_on(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    struct puppet *puppet = state;
    const struct number *number = troupe_match(msg, Number);
    if (number && number->value == 6) // answered here, read there
        WORLD_CHECK(troupe_reply(ctx, Number, .value = 60) == TROUPE_OK);
    troupe_status status = troupe_forward(ctx, puppet->other, msg);
    if (status == TROUPE_EDEAD)
        return troupe_reply(ctx, Number, .value = -1);
    WORLD_CHECK(status == TROUPE_OK);
    WORLD_CHECK(!troupe_is_ask(ctx));
    WORLD_CHECK(troupe_reply(ctx, Sync) == TROUPE_EALREADY);
    return TROUPE_OK;
}

static troupe_status be_go_between(troupe_ctx *ctx, struct puppet *puppet, void *to)
{
    puppet->other = *(troupe_ref *)to;
    return troupe_become(ctx, hand_on);
}

static int64_t call(struct world *world, troupe_ref to, int64_t value)
{
    troupe_msg *reply;
    assert_int_equal(troupe_call(world->ctx, to, TROUPE_NO_LIMIT, &reply, Number, .value = value),
                     TROUPE_OK);
    const struct number *number = troupe_match(reply, Number);
    int64_t answer = number ? number->value : INT64_MIN;
    troupe_msg_free(world->ctx, reply);
    return answer;
}

static troupe_status answer_ten_times(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    const struct number *number = troupe_match(msg, Number);
    if (troupe_match(msg, Sync))
        return troupe_reply(ctx, Sync);
    puppet_say(ctx, "%s %d", troupe_is_ask(ctx) ? "asked" : "told",
               number ? (int)number->value : -1);
    return troupe_reply(ctx, Number, .value = number ? number->value * 10 : -1);
}

static troupe_status be_ten(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet;
    (void)arg;
    return troupe_become(ctx, answer_ten_times);
}

WORLD_STORY(the_reply_to_a_forwarded_request_goes_to_the_asker)
{
    troupe_ref c = world_spawn(world, "c", be_ten, NULL);
    troupe_ref b = world_spawn(world, "b", be_go_between, &c);
    troupe_ref a = world_spawn(world, "a", be_go_between, &b);
    assert_int_equal(call(world, a, 5), 50);
    troupe_send(world->ctx, a, Number, .value = 7);
    world_await_all(world, "c", "init 1; asked 5; told 7");
}

WORLD_STORY(a_request_that_was_answered_is_forwarded_as_a_plain_message)
{
    troupe_ref c = world_spawn(world, "c", be_ten, NULL);
    troupe_ref b = world_spawn(world, "b", be_go_between, &c);
    assert_int_equal(call(world, b, 6), 60);
    world_await_all(world, "c", "init 1; told 6");
}

WORLD_STORY(a_message_that_cannot_be_forwarded_is_still_the_one_being_handled)
{
    troupe_ref b = world_spawn(world, "b", be_go_between, &(troupe_ref){0, 0, 0});
    assert_int_equal(call(world, b, 5), -1);
    world_expect(world, "dead", "Number 5 no target");
}

// ---- What the hook is told

static struct {
    int64_t value;
    troupe_ref target, sender;
    troupe_dead_reason reason;
} last;

static void on_dead_letter(void *user, const troupe_dead_letter *letter)
{
    (void)user;
    const struct number *number = troupe_match(letter->msg, Number);
    last.value = number ? number->value : -1;
    last.target = letter->target;
    last.sender = letter->sender;
    last.reason = letter->reason;
}

static troupe_status send_to_dead(troupe_ctx *ctx, struct puppet *puppet, void *to)
{
    (void)puppet;
    WORLD_CHECK(troupe_send(ctx, *(troupe_ref *)to, Number, .value = 3) == TROUPE_EDEAD);
    return TROUPE_OK;
}

static void a_dead_letter_tells_what_to_whom_from_whom_and_why(void **state)
{
    (void)state;
    struct trp_driver driver;
    troupe_system_opts opts = {.on_dead_letter = on_dead_letter};
    assert_int_equal(trp_driver_start(&driver, 1, &opts), TROUPE_OK);
    troupe_ctx *ctx = troupe_outside(driver.system);
    troupe_ref a, b;
    assert_int_equal(troupe_spawn(ctx, &puppet_behavior, NULL, &a), TROUPE_OK);
    assert_int_equal(troupe_spawn(ctx, &puppet_behavior, NULL, &b), TROUPE_OK);
    troupe_send(ctx, b, Number, .value = 1);
    troupe_stop(ctx, b);
    trp_driver_settle(&driver);
    assert_int_equal(last.value, 1);
    assert_int_equal(last.reason, TROUPE_DEAD_ENDED);
    assert_true(troupe_ref_equal(last.target, b));
    assert_true(troupe_ref_is_none(last.sender));
    troupe_send(ctx, a, Do, .fn = send_to_dead, .arg = &b);
    trp_driver_settle(&driver);
    assert_int_equal(last.value, 3);
    assert_int_equal(last.reason, TROUPE_DEAD_NO_TARGET);
    assert_true(troupe_ref_equal(last.target, b));
    assert_true(troupe_ref_equal(last.sender, a));
    assert_int_equal(trp_driver_stop(&driver, 0, NULL), TROUPE_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_one_actor_sends_to_another_arrives_in_order),
        cmocka_unit_test(a_reply_and_a_down_keep_their_place_among_what_an_actor_sends),
        cmocka_unit_test(a_stop_overtakes_the_messages_that_wait),
        cmocka_unit_test(a_drain_waits_for_the_messages_that_wait),
        cmocka_unit_test(a_message_to_oneself_comes_after_the_handler_and_what_waits),
        cmocka_unit_test(what_was_put_aside_comes_back_in_order_and_first),
        cmocka_unit_test(a_request_that_was_put_aside_is_answered_later),
        cmocka_unit_test(at_a_restart_what_was_put_aside_comes_back_first),
        cmocka_unit_test(the_reply_to_a_forwarded_request_goes_to_the_asker),
        cmocka_unit_test(a_request_that_was_answered_is_forwarded_as_a_plain_message),
        cmocka_unit_test(a_message_that_cannot_be_forwarded_is_still_the_one_being_handled),
        cmocka_unit_test(a_dead_letter_tells_what_to_whom_from_whom_and_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
