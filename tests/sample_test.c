// How user code must read: the program that the design shows, line by line, and that each line does
// what it says.
#include "counter.pb-c.h"
#include "sim/driver.h"
#include "tests/support/test.h"

#include <string.h>
#include <troupe.h>

struct tick {
    uint32_t count;
};

TROUPE_PROTO(Add, add);
TROUPE_PROTO(Total, total);
TROUPE_PROTO(Reset, reset);
TROUPE_PROTO(ParserArgs, parser_args);
TROUPE_STRUCT(Tick, struct tick);
TROUPE_EMPTY(Begin);

// ---- The counter

struct counter {
    int64_t sum;
};

static troupe_status counter_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    struct counter *counter = state;
    const Add *add = troupe_match(msg, Add);
    if (add) {
        counter->sum += add->amount;
        return troupe_reply(ctx, Total, .sum = counter->sum);
    }
    if (troupe_match(msg, Reset)) {
        counter->sum = 0;
        return TROUPE_OK;
    }
    return TROUPE_UNHANDLED;
}

static const troupe_behavior counter_behavior = {
    .name = "counter",
    .state_size = sizeof(struct counter),
    .init = NULL,
    .receive = counter_receive,
    .stop = NULL,
};

// ---- An actor that takes its arguments from a message

static int32_t parser_chunk_kib;

static troupe_status parser_init(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    (void)state;
    const ParserArgs *parser_args = args ? troupe_match(args, ParserArgs) : NULL;
    if (parser_args == NULL)
        return troupe_fail(ctx, TROUPE_EINVAL, "a parser needs ParserArgs, not %s",
                           args ? troupe_msg_type_name(args) : "nothing");
    parser_chunk_kib = parser_args->chunk_kib;
    return TROUPE_OK;
}

static troupe_status parser_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)ctx;
    (void)state;
    (void)msg;
    return TROUPE_UNHANDLED;
}

static const troupe_behavior parser_behavior = {
    .name = "parser", .init = parser_init, .receive = parser_receive};

// ---- A user of them

static char spoke_of[] = "the total";

struct user {
    troupe_ref totals;
};

static struct {
    int64_t total;
    const char *about;
    uint32_t ticks;
} seen;

static troupe_status on_total(troupe_ctx *ctx, void *state, void *user,
                              const troupe_outcome *outcome)
{
    (void)state;
    if (outcome->status != TROUPE_OK)
        return troupe_fail(ctx, outcome->status, "why %d", 1);
    const Total *total = troupe_match(outcome->reply, Total);
    seen.total = total ? total->sum : -1;
    seen.about = user;
    return TROUPE_OK;
}

static troupe_status user_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    struct user *user = state;
    const struct tick *tick = troupe_match(msg, Tick);
    if (tick)
        seen.ticks += tick->count;
    if (!troupe_match(msg, Begin))
        return tick ? TROUPE_OK : TROUPE_UNHANDLED;

    troupe_ref ref;
    troupe_spawn(ctx, &counter_behavior, &(troupe_spawn_opts){.name = "totals"}, &user->totals);
    troupe_spawn_with(ctx, &parser_behavior, NULL, &ref, ParserArgs, .chunk_kib = 256);
    troupe_ref to = user->totals;
    troupe_send(ctx, to, Add, .amount = 4);
    troupe_send(ctx, to, Reset);
    troupe_send(ctx, troupe_self(ctx), Tick, .count = 3);
    return troupe_ask(ctx, to, 1000, on_total, spoke_of, Add, .amount = 5);
}

static const troupe_behavior user_behavior = {
    .name = "user", .state_size = sizeof(struct user), .receive = user_receive};

// ---- What the lines do

static struct trp_driver driver;

static troupe_ctx *start(void)
{
    assert_int_equal(trp_driver_start(&driver, 1, NULL), TROUPE_OK);
    return troupe_outside(driver.system);
}

static void stop(void)
{
    assert_int_equal(trp_driver_stop(&driver, 0, NULL), TROUPE_OK);
}

static void the_sample_does_what_it_says(void **state)
{
    (void)state;
    troupe_ctx *ctx = start();
    troupe_ref user;
    assert_int_equal(troupe_spawn(ctx, &user_behavior, NULL, &user), TROUPE_OK);
    assert_int_equal(troupe_send(ctx, user, Begin), TROUPE_OK);
    trp_driver_settle(&driver);
    assert_int_equal(seen.total, 5); // after the reset
    assert_ptr_equal(seen.about, spoke_of);
    assert_int_equal(seen.ticks, 3);
    assert_int_equal(parser_chunk_kib, 256);
    stop();
}

static void a_thread_of_the_user_s_own_calls_and_waits(void **state)
{
    (void)state;
    troupe_ctx *ctx = start();
    troupe_ref to;
    troupe_msg *reply;
    assert_int_equal(troupe_spawn_wait(ctx, &counter_behavior, NULL, &to, NULL, NULL), TROUPE_OK);
    assert_int_equal(troupe_call(ctx, to, 1000, &reply, Add, .amount = 7), TROUPE_OK);
    const Total *total = troupe_match(reply, Total);
    assert_true(total && total->sum == 7);
    troupe_msg_free(ctx, reply);
    stop();
}

static void what_init_refuses_is_told_with_its_text(void **state)
{
    (void)state;
    troupe_ctx *ctx = start();
    troupe_ref ref;
    assert_int_equal(troupe_spawn_wait(ctx, &parser_behavior, NULL, &ref, NULL, NULL),
                     TROUPE_ESTART);
    assert_non_null(strstr(troupe_error_text(ctx), "a parser needs ParserArgs, not nothing"));
    stop();
}

static const troupe_child children[] = {
    {.id = "store", .behavior = &counter_behavior},
    {.id = "parser",
     .behavior = &counter_behavior,
     .restart = TROUPE_TRANSIENT,
     .place = TROUPE_IN_PROCESS},
};

static void a_table_of_children_with_a_process_is_refused_with_a_text(void **state)
{
    (void)state;
    troupe_ctx *ctx = start();
    troupe_ref supervisor;
    assert_int_equal(troupe_supervise(ctx,
                                      &(troupe_supervisor){.strategy = TROUPE_ONE_FOR_ONE,
                                                           .max_restarts = 3,
                                                           .within_ms = 5000,
                                                           .children = children,
                                                           .child_count = 2},
                                      &supervisor),
                     TROUPE_ENOTSUP);
    assert_non_null(strstr(troupe_error_text(ctx), "parser"));
    assert_non_null(strstr(troupe_error_text(ctx), "TROUPE_IN_PROCESS"));
    assert_true(troupe_ref_is_none(supervisor));
    assert_int_equal(
        troupe_supervise_wait(ctx, &(troupe_supervisor){.children = children, .child_count = 1},
                              &supervisor),
        TROUPE_OK);
    stop();
}

static void zero_is_the_default_and_what_it_could_mean_has_a_name(void **state)
{
    (void)state;
    assert_true(TROUPE_NO_RESTARTS != 0 && TROUPE_KILL_NOW != 0 && TROUPE_NO_LIMIT != 0);
    assert_int_equal(TROUPE_ON_POOL, 0);
    assert_int_equal(TROUPE_PERMANENT, 0);
    assert_int_equal(TROUPE_ONE_FOR_ONE, 0);
    assert_int_equal(TROUPE_OK, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_sample_does_what_it_says),
        cmocka_unit_test(a_thread_of_the_user_s_own_calls_and_waits),
        cmocka_unit_test(what_init_refuses_is_told_with_its_text),
        cmocka_unit_test(a_table_of_children_with_a_process_is_refused_with_a_text),
        cmocka_unit_test(zero_is_the_default_and_what_it_could_mean_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
