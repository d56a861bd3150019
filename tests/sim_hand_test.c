// A simulation driven by hand: messages are delivered one by one.
#include "tests/support/test.h"
#include "troupe.h"
#include "troupe/sim.h"

#include <string.h>

struct number {
    int64_t value;
};

TROUPE_STRUCT(Number, struct number);
TROUPE_EMPTY(Question);
TROUPE_EMPTY(Answer);

static int64_t sum;
static int answers, starts;

static troupe_status adder_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    const struct number *number = troupe_match(msg, Number);
    if (number)
        sum = sum * 10 + number->value;
    else if (troupe_match(msg, Question))
        return troupe_reply(ctx, Answer);
    return TROUPE_OK;
}

static troupe_status adder_init(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    (void)ctx, (void)state, (void)args;
    starts++;
    return TROUPE_OK;
}

static const troupe_behavior adder = {
    .name = "adder", .init = adder_init, .receive = adder_receive};

static troupe_status on_answer(troupe_ctx *ctx, void *state, void *user,
                               const troupe_outcome *outcome)
{
    (void)ctx, (void)state, (void)user;
    answers += outcome->reply != NULL;
    return TROUPE_OK;
}

static troupe_status asker_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    const troupe_ref *whom = troupe_msg_match(msg, TROUPE_TYPE(Question)) ? NULL : msg->body;
    return whom ? troupe_ask(ctx, *whom, 1000, on_answer, NULL, Question) : TROUPE_OK;
}

TROUPE_STRUCT(Whom, troupe_ref);

static const troupe_behavior asker = {.name = "asker", .receive = asker_receive};

static struct {
    troupe_sim *sim;
    troupe_ctx *ctx;
    troupe_ref one, other;
} stage;

static int setup(void **state)
{
    uint32_t index;
    (void)state;
    sum = answers = starts = 0;
    assert_int_equal(troupe_sim_new(1, NULL, &stage.sim), TROUPE_OK);
    assert_int_equal(troupe_sim_add(stage.sim, NULL, NULL, NULL, &index), TROUPE_OK);
    stage.ctx = troupe_outside(troupe_sim_system(stage.sim, index));
    assert_int_equal(troupe_spawn(stage.ctx, &adder, NULL, &stage.one), TROUPE_OK);
    assert_int_equal(troupe_spawn(stage.ctx, &adder, NULL, &stage.other), TROUPE_OK);
    return 0;
}

static void send(troupe_ref to, int64_t value)
{
    assert_int_equal(troupe_send(stage.ctx, to, Number, .value = value), TROUPE_OK);
}

static void messages_are_delivered_in_the_order_that_a_test_wants(void **state)
{
    (void)state;
    send(stage.one, 1);
    send(stage.one, 2);
    send(stage.other, 3);
    assert_true(troupe_sim_expect(stage.sim, Number, .to = stage.other));
    assert_int_equal(sum, 3);
    assert_true(troupe_sim_expect(stage.sim, Number, .to = stage.one));
    assert_int_equal(sum, 31); // one message, and not those behind it
    assert_true(troupe_sim_deliver(stage.sim, stage.one));
    assert_int_equal(sum, 312);
    assert_false(troupe_sim_deliver(stage.sim, stage.other));
    assert_string_equal(troupe_sim_failure(stage.sim),
                        "no message that fits is first in a mailbox; nothing is");
    assert_false(troupe_sim_free(stage.sim));
}

static void who_has_waited_longest_comes_first(void **state)
{
    (void)state;
    troupe_ref third, fourth;
    assert_int_equal(troupe_spawn(stage.ctx, &adder, NULL, &third), TROUPE_OK);
    assert_int_equal(troupe_spawn(stage.ctx, &adder, NULL, &fourth), TROUPE_OK);
    send(stage.one, 1);
    send(stage.other, 2);
    send(third, 3);
    send(fourth, 4);
    assert_true(troupe_sim_deliver(stage.sim, fourth));
    while (troupe_sim_allow(stage.sim, Number))
        continue;
    assert_int_equal(sum, 4123);
    assert_true(troupe_sim_free(stage.sim));
}

static troupe_status meddler_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)ctx, (void)state, (void)msg;
    (void)troupe_sim_allow(stage.sim, Number);
    return TROUPE_OK;
}

static const troupe_behavior meddler = {.name = "meddler", .receive = meddler_receive};

static void a_handler_delivers_nothing(void **state)
{
    (void)state;
    troupe_ref ref;
    assert_int_equal(troupe_spawn(stage.ctx, &meddler, NULL, &ref), TROUPE_OK);
    send(ref, 1);
    send(stage.one, 2);
    assert_true(troupe_sim_deliver(stage.sim, ref));
    assert_int_equal(sum, 0);
    assert_string_equal(troupe_sim_failure(stage.sim),
                        "a handler waits for something, or runs the simulation");
    assert_false(troupe_sim_free(stage.sim));
}

static void what_is_no_message_is_done_without_being_asked_for(void **state)
{
    (void)state;
    send(stage.one, 1);
    troupe_sim_settle(stage.sim);
    assert_int_equal(starts, 2);
    assert_int_equal(sum, 0);
    assert_int_equal(troupe_stop(stage.ctx, stage.one), TROUPE_OK);
    assert_false(troupe_sim_allow(stage.sim, Number)); // it has stopped before
    assert_int_equal(sum, 0);
    assert_true(troupe_sim_free(stage.sim));
}

static bool is_two(const troupe_msg *msg, void *arg)
{
    const struct number *number = troupe_match(msg, Number);
    return number && number->value == *(const int64_t *)arg;
}

static void only_what_is_first_counts(void **state)
{
    (void)state;
    int64_t two = 2;
    send(stage.one, 1);
    send(stage.one, 2);
    assert_false(troupe_sim_allow(stage.sim, Number, .where = is_two, .arg = &two));
    assert_true(troupe_sim_disallow(stage.sim, Number, .where = is_two, .arg = &two));
    assert_true(troupe_sim_allow(stage.sim, Number, .to = stage.one));
    assert_true(troupe_sim_allow(stage.sim, Number, .where = is_two, .arg = &two));
    assert_int_equal(sum, 12);
    assert_false(troupe_sim_allow(stage.sim, Number));
    assert_null(troupe_sim_failure(stage.sim));
    assert_true(troupe_sim_free(stage.sim));
}

static void what_is_expected_and_not_there_fails(void **state)
{
    (void)state;
    send(stage.other, 1);
    assert_false(troupe_sim_expect(stage.sim, Question));
    assert_string_equal(troupe_sim_failure(stage.sim),
                        "no Question that fits is first in a mailbox; there is: Number to adder");
    assert_false(troupe_sim_expect(stage.sim, Number)); // nothing runs any more
    assert_int_equal(sum, 0);
    assert_false(troupe_sim_free(stage.sim));
}

static void what_is_disallowed_and_there_fails(void **state)
{
    (void)state;
    send(stage.other, 1);
    assert_true(troupe_sim_disallow(stage.sim, Number, .to = stage.one));
    assert_false(troupe_sim_disallow(stage.sim, Number));
    assert_string_equal(troupe_sim_failure(stage.sim),
                        "Number is first in a mailbox, and must not be there");
    assert_false(troupe_sim_free(stage.sim));
}

static void a_sender_can_be_told_from_others(void **state)
{
    troupe_ref client;
    (void)state;
    assert_int_equal(troupe_spawn(stage.ctx, &asker, NULL, &client), TROUPE_OK);
    assert_int_equal(troupe_send_body(stage.ctx, client, TROUPE_TYPE(Whom), &stage.one), TROUPE_OK);
    assert_true(troupe_sim_expect(stage.sim, Whom, .to = client));
    assert_false(troupe_sim_allow(stage.sim, Question, .from = stage.other));
    assert_true(troupe_sim_expect(stage.sim, Question, .from = client, .to = stage.one));
    assert_int_equal(answers, 0);
    assert_true(troupe_sim_expect(stage.sim, Answer, .to = client));
    assert_int_equal(answers, 1);
    assert_true(troupe_sim_free(stage.sim));
}

static void time_passes_when_a_test_wants_it(void **state)
{
    (void)state;
    assert_int_equal(troupe_after(stage.ctx, 50, stage.one, NULL, Number, .value = 7), TROUPE_OK);
    troupe_sim_advance(stage.sim, 49);
    assert_true(troupe_sim_disallow(stage.sim, Number));
    troupe_sim_advance(stage.sim, 2);
    assert_int_equal(sum, 0);
    assert_true(troupe_sim_expect(stage.sim, Number, .to = stage.one));
    assert_int_equal(sum, 7);
    assert_true(troupe_sim_free(stage.sim));
}

static void a_drain_takes_its_turn_behind_the_messages(void **state)
{
    (void)state;
    send(stage.one, 1);
    assert_int_equal(troupe_drain(stage.ctx, stage.one), TROUPE_OK);
    troupe_sim_settle(stage.sim);
    assert_int_equal(troupe_incarnation(stage.ctx, stage.one), 1);
    assert_true(troupe_sim_expect(stage.sim, Number));
    troupe_sim_settle(stage.sim);
    assert_int_equal(troupe_incarnation(stage.ctx, stage.one), 0);
    assert_true(troupe_sim_free(stage.sim));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(messages_are_delivered_in_the_order_that_a_test_wants, setup),
        cmocka_unit_test_setup(who_has_waited_longest_comes_first, setup),
        cmocka_unit_test_setup(a_handler_delivers_nothing, setup),
        cmocka_unit_test_setup(what_is_no_message_is_done_without_being_asked_for, setup),
        cmocka_unit_test_setup(only_what_is_first_counts, setup),
        cmocka_unit_test_setup(what_is_expected_and_not_there_fails, setup),
        cmocka_unit_test_setup(what_is_disallowed_and_there_fails, setup),
        cmocka_unit_test_setup(a_sender_can_be_told_from_others, setup),
        cmocka_unit_test_setup(a_drain_takes_its_turn_behind_the_messages, setup),
        cmocka_unit_test_setup(time_passes_when_a_test_wants_it, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
