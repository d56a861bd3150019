// A restart against what comes meanwhile, under chosen interleavings: a supervisor and its child on
// two workers of the test's own, and threads outside. What must hold: each message is handled by
// one incarnation or another, but for the one that an incarnation has failed on; a stop ends the
// incarnation that it meets, or none; and whoever is told of an end finds that the supervisor
// knows.
#include "tests/support/lone.h"
#include "tests/support/test.h"
#include "troupe/children.h"

#include <string.h>

static troupe_ref supervisor;

// ---- One child

static void open_child(troupe_restart restart, int outsiders)
{
    const troupe_child child = {.id = "child", .behavior = &lone_plain, .restart = restart};
    const troupe_supervisor spec = {.max_restarts = 10, .children = &child, .child_count = 1};
    troupe_ctx *ctx;
    hands_open(&lone.hands, 1, NULL, outsiders);
    ctx = lone.hands.ctx;
    lone.inside = false;
    lone.inits = lone.handled = lone.stops = 0;
    TRP_EXPECT(troupe_supervise(ctx, &spec, &supervisor) == TROUPE_OK);
    hands_settle(&lone.hands);
    TRP_EXPECT(troupe_child_ref(ctx, supervisor, "child", &lone.ref) == TROUPE_OK);
    lone.slot = trp_resolve(lone.hands.system, lone.ref);
    troupe_send(ctx, lone.ref, Fail);
}

static void setup_permanent(void *user)
{
    (void)user;
    open_child(TROUPE_PERMANENT, 1);
}

static void setup_transient(void *user)
{
    (void)user;
    open_child(TROUPE_TRANSIENT, 1);
}

// ---- Restart against send

static void check_restarted(void *user)
{
    (void)user;
    troupe_report report;
    TRP_EXPECT(lone.inits == 2);
    TRP_EXPECT(lone.handled == 1 + lone.times);
    TRP_EXPECT(troupe_incarnation(lone.hands.ctx, lone.ref) == 2);
    lone_expect_at_rest();
    hands_close(&lone.hands, &report);
    TRP_EXPECT(report.stats.dead == 1); // which it has failed on
    TRP_EXPECT(report.stats.restarts == 1);
}

static void explore(const char *name, void (*setup)(void *user), void (*outsider)(void *user),
                    void (*check)(void *user), const struct trp_window *windows, int count,
                    int preemptions)
{
    struct trp_interleave test = {.name = name,
                                  .setup = setup,
                                  .threads = {outsider, hands_thread_0, hands_thread_1},
                                  .count = 3,
                                  .check = check,
                                  .max_preemptions = preemptions};
    memcpy(test.windows, windows, (size_t)count * sizeof *windows);
    trp_interleave_exhaustive(&test);
    int times = lone.times;
    lone.times = 3;
    trp_interleave_random(&test, 1, 2000);
    lone.times = times;
}

// The child, between two incarnations, is about to say that nobody runs it, when a message comes or
// the supervisor's verdict; or the next incarnation is about to start.
static void a_send_against_a_restart_is_handled_by_the_next_incarnation(void **state)
{
    (void)state;
    static const struct trp_window windows[] = {
        {"mpsc push: between swap and link", "slot suspend: before bit"},
        {"slot order: before bits", "slot suspend: before bit"},
        {"mpsc push: before swap", "monitors start: before started"}};
    lone.times = 1;
    explore("send against restart", setup_permanent, lone_send_numbers, check_restarted, windows, 3,
            2);
}

// ---- Stop against restart

static int ended, restarted; // over all runs

static void check_stopped(void *user)
{
    (void)user;
    troupe_report report;
    bool lives = troupe_incarnation(lone.hands.ctx, lone.ref) != 0;
    TRP_EXPECT(!lives || troupe_incarnation(lone.hands.ctx, lone.ref) == 2);
    TRP_EXPECT(!lives || lone.stops == 1); // of the first; else of one or of both
    TRP_EXPECT(lives || lone.stops == lone.inits);
    if (lives)
        lone_expect_at_rest();
    ended += !lives;
    restarted += lives;
    hands_close(&lone.hands, &report);
    TRP_EXPECT(report.stats.spawned == report.stats.ended);
}

static void a_stop_against_a_restart_ends_one_incarnation_or_none(void **state)
{
    (void)state;
    static const struct trp_window windows[] = {
        {"slot order: before bits", "slot order: before bits"}, // the stop's and the verdict's
        {"slot order: before bits", "notice: before push"},
        {"slot nudge: before nudged", "monitors start: before started"}};
    ended = restarted = 0;
    explore("stop against restart", setup_transient, lone_order_stop, check_stopped, windows, 3, 2);
    assert_true(ended > 0); // both ends of the race are reached
    assert_true(restarted > 0);
}

static void stop_supervisor(void *user)
{
    (void)user;
    troupe_stop(lone.hands.ctx, supervisor);
    hands_leave(&lone.hands);
}

static void check_all_gone(void *user)
{
    (void)user;
    troupe_report report;
    TRP_EXPECT(troupe_incarnation(lone.hands.ctx, lone.ref) == 0);
    TRP_EXPECT(troupe_incarnation(lone.hands.ctx, supervisor) == 0);
    TRP_EXPECT(atomic_load(&lone.slot->body) == NULL);
    TRP_EXPECT(lone.stops == lone.inits);
    lone_expect_at_rest();
    ended += lone.inits == 1;
    restarted += lone.inits == 2;
    hands_close(&lone.hands, &report);
    TRP_EXPECT(report.stats.spawned == report.stats.ended);
}

static void a_stop_of_the_supervisor_against_a_restart_ends_both(void **state)
{
    (void)state;
    static const struct trp_window windows[] = {{"slot order: before bits", "notice: after push"}};
    ended = restarted = 0;
    explore("supervisor's stop against restart", setup_permanent, stop_supervisor, check_all_gone,
            windows, 1, 1);
    assert_true(ended > 0); // both ends of the race are reached
    assert_true(restarted > 0);
}

static void request_stop(void *user)
{
    (void)user;
    TRP_EXPECT(troupe_stop_child(lone.hands.ctx, supervisor, 0, NULL, NULL, "child") == TROUPE_OK);
    hands_leave(&lone.hands);
}

static void check_stopped_for_good(void *user)
{
    (void)user;
    troupe_report report;
    TRP_EXPECT(troupe_incarnation(lone.hands.ctx, lone.ref) == 0);
    TRP_EXPECT(troupe_incarnation(lone.hands.ctx, supervisor) == 1);
    TRP_EXPECT(lone.stops == lone.inits);
    lone_expect_at_rest();
    hands_close(&lone.hands, &report);
    TRP_EXPECT(report.stats.spawned == report.stats.ended);
}

static void a_request_to_stop_against_a_restart_is_obeyed(void **state)
{
    (void)state;
    static const struct trp_window windows[] = {{"mpsc push: before swap", "notice: before push"}};
    explore("request against restart", setup_permanent, request_stop, check_stopped_for_good,
            windows, 1, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_send_against_a_restart_is_handled_by_the_next_incarnation),
        cmocka_unit_test(a_stop_against_a_restart_ends_one_incarnation_or_none),
        cmocka_unit_test(a_stop_of_the_supervisor_against_a_restart_ends_both),
        cmocka_unit_test(a_request_to_stop_against_a_restart_is_obeyed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
