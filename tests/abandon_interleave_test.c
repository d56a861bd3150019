// A handler that returns just when it is given up, under chosen interleavings: the real lifecycle,
// on two workers of the test's own. One is in the handler, a thread outside kills the actor and
// gives the handler up, and the other worker goes on with the slot meanwhile. What must hold:
// either the handler has returned in time or it was given up; what it holds is freed once, its
// defers run once, its asker hears of it once, and a next incarnation has nothing to do with it.
#include "tests/support/lone.h"
#include "tests/support/test.h"
#include "troupe/ask.h"
#include "troupe/supervisor.h"

#include <string.h>

TROUPE_EMPTY(Ask);
TROUPE_EMPTY(Question);

enum place { IN_INIT, IN_RECEIVE, IN_STOP };

static enum place place; // which function is slow
static troupe_status result;
static bool supervised, asked;

// Of the run.
static int entries, refused, defers, deferred, outcomes;
static troupe_ref asker;

static int abandoned, returned; // over all runs

// ---- The actor

static void count_defer(void *user)
{
    (void)user;
    defers++;
}

// The handler is outside of the runtime at its two points, and can be given up there.
static void be_slow(troupe_ctx *ctx)
{
    entries++;
    deferred += troupe_defer(ctx, count_defer, NULL) == TROUPE_OK;
    trp_interleave_yield("handler: before a call");
    refused += troupe_send(ctx, troupe_self(ctx), Number) == TROUPE_ESTALE;
    trp_interleave_yield("handler: after a call");
}

static troupe_status slow_init(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    (void)state, (void)args;
    if (place != IN_INIT || entries > 0)
        return TROUPE_OK;
    be_slow(ctx);
    return result;
}

static troupe_status slow_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    if (troupe_match(msg, Number)) {
        lone.handled++;
        return TROUPE_OK;
    }
    if (place != IN_RECEIVE)
        return TROUPE_STOP;
    be_slow(ctx);
    if (troupe_is_ask(ctx))
        troupe_reply(ctx, Number);
    return result;
}

static void slow_stop(troupe_ctx *ctx, void *state, const troupe_reason *why)
{
    (void)state, (void)why;
    if (place == IN_STOP)
        be_slow(ctx);
}

static const troupe_behavior slow = {
    .name = "slow", .init = slow_init, .receive = slow_receive, .stop = slow_stop};

// ---- Its asker

static troupe_status on_outcome(troupe_ctx *ctx, void *state, void *user,
                                const troupe_outcome *outcome)
{
    (void)ctx, (void)state, (void)user;
    TRP_EXPECT(outcome->status == TROUPE_OK || outcome->status == TROUPE_EDOWN);
    TRP_EXPECT(outcome->status == TROUPE_OK || outcome->reason->kind == TROUPE_KILLED);
    outcomes++;
    return TROUPE_OK;
}

static troupe_status ask(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state, (void)msg;
    return troupe_ask(ctx, lone.ref, TROUPE_NO_LIMIT, on_outcome, NULL, Question);
}

static const troupe_behavior asking = {.name = "asking", .receive = ask};

// ---- The game

static void open_supervised(void)
{
    static const troupe_child child = {.id = "slow", .behavior = &slow};
    static const troupe_supervisor spec = {
        .max_restarts = 10, .children = &child, .child_count = 1};
    troupe_ref supervisor;
    troupe_ctx *ctx = lone.hands.ctx;
    TRP_EXPECT(troupe_supervise(ctx, &spec, &supervisor) == TROUPE_OK);
    hands_step(&lone.hands); // it spawns its child, which has not run yet
    TRP_EXPECT(troupe_child_ref(ctx, supervisor, "slow", &lone.ref) == TROUPE_OK);
    if (place != IN_INIT)
        hands_settle(&lone.hands);
}

static void open_plain(void)
{
    TRP_EXPECT(troupe_spawn(lone.hands.ctx, &slow, NULL, &lone.ref) == TROUPE_OK);
    if (place != IN_INIT)
        hands_settle(&lone.hands);
}

static void setup(void *user)
{
    (void)user;
    hands_open(&lone.hands, 1, NULL, 1);
    lone.handled = entries = refused = defers = deferred = outcomes = 0;
    if (supervised)
        open_supervised();
    else
        open_plain();
    lone.slot = trp_resolve(lone.hands.system, lone.ref);
    if (asked) {
        TRP_EXPECT(troupe_spawn(lone.hands.ctx, &asking, NULL, &asker) == TROUPE_OK);
        troupe_send(lone.hands.ctx, asker, Ask);
        hands_step(&lone.hands);
    } else if (place != IN_INIT) {
        troupe_send(lone.hands.ctx, lone.ref, Stop);
    }
    troupe_send(lone.hands.ctx, lone.ref, Number);
}

static bool is_in_the_handler(void *user)
{
    (void)user;
    return entries > 0;
}

static void kill_and_give_up(void *user)
{
    (void)user;
    trp_interleave_block_until("kill: blocked until it is entered", is_in_the_handler, NULL);
    lone_give_order(TRP_ORDER_KILL);
    trp_interleave_yield("kill: ordered");
    trp_overdue_look(lone.hands.system, NULL, true);
    hands_leave(&lone.hands);
}

static void check(void *user)
{
    (void)user;
    troupe_report report;
    troupe_stats stats;
    troupe_system_stats(lone.hands.system, &stats);
    lone_expect_at_rest();
    TRP_EXPECT(outcomes == (asked ? 1 : 0));
    bool lives = atomic_load(&lone.slot->body) != NULL;
    TRP_EXPECT(!lives || supervised || stats.abandoned == 0); // it is gone if it was given up
    // One that has failed in time may be killed after its restart.
    TRP_EXPECT(!supervised || (lives && stats.restarts >= 1 && stats.restarts <= 2));
    TRP_EXPECT(!supervised || atomic_load(&lone.slot->init) == TRP_INIT_SUCCEEDED);
    hands_close(&lone.hands, &report);
    TRP_EXPECT(report.stats.spawned == report.stats.ended);
    TRP_EXPECT(report.stats.abandoned <= 1);
    TRP_EXPECT(report.stats.abandoned || refused == 0);
    TRP_EXPECT(defers == deferred);
    if (report.stats.abandoned)
        abandoned++;
    else
        returned++;
}

static void explore(const char *name, struct trp_window more)
{
    abandoned = returned = 0;
    struct trp_interleave test = {
        .name = name,
        .setup = setup,
        .threads = {kill_and_give_up, hands_thread_0, hands_thread_1},
        .count = 3,
        .check = check,
        .windows = {{"bias freeze: after barrier", "bias enter: between inside and revoked"},
                    {"abandoned: before parting", "abandoned: before parting"},
                    more}};
    if (LONE_THOROUGH || !(supervised || asked))
        trp_interleave_exhaustive(&test);
    test.windows[2] = (struct trp_window){NULL, NULL}; // which few of the others enter
    trp_interleave_random(&test, 1, 1000);
    assert_true(abandoned > 0); // both ends of the race are reached
    assert_true(returned > 0);
}

static void play(enum place where, troupe_status with, bool is_supervised, bool is_asked)
{
    place = where;
    result = with;
    supervised = is_supervised;
    asked = is_asked;
}

// ---- Tests

static const struct trp_window no_more;

// The handler returns, or calls something, while it is decided; and it has come back while the slot
// goes on without it: the later of the two frees what is left.
static void a_return_against_being_given_up_is_in_time_or_refused(void **state)
{
    (void)state;
    play(IN_RECEIVE, TROUPE_OK, false, false);
    explore("abandon against return",
            (struct trp_window){"bias commit", "bias enter: waiting for the decision"});
}

static void a_given_up_handler_may_fail_when_it_returns(void **state)
{
    (void)state;
    play(IN_RECEIVE, TROUPE_EUSER, false, false);
    explore("abandon against failure", no_more);
}

static void an_init_or_a_stop_may_be_given_up_when_it_returns(void **state)
{
    (void)state;
    play(IN_INIT, TROUPE_OK, false, false);
    explore("abandon against init", no_more);
    play(IN_STOP, TROUPE_OK, false, false);
    explore("abandon against stop", no_more);
}

// The next incarnation starts while the old one's handler is on its way back.
static void the_next_incarnation_starts_while_the_old_handler_returns(void **state)
{
    (void)state;
    const struct trp_window starts = {"handler: after a call", "monitors start: before started"};
    play(IN_RECEIVE, TROUPE_OK, true, false);
    explore("restart against return", starts);
}

static void the_asker_of_a_given_up_handler_hears_of_it_once(void **state)
{
    (void)state;
    play(IN_RECEIVE, TROUPE_OK, true, true);
    explore("reply against abandon", no_more);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_return_against_being_given_up_is_in_time_or_refused),
        cmocka_unit_test(a_given_up_handler_may_fail_when_it_returns),
        cmocka_unit_test(an_init_or_a_stop_may_be_given_up_when_it_returns),
        cmocka_unit_test(the_next_incarnation_starts_while_the_old_handler_returns),
        cmocka_unit_test(the_asker_of_a_given_up_handler_hears_of_it_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
