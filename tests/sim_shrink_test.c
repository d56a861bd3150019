// A failure made shorter: only what it needs is left, and that is as small as can be; and plans,
// which say what is left.
#include "sim/plan.h"
#include "tests/support/captured.h"
#include "tests/support/test.h"
#include "troupe.h"

#include <stdlib.h>
#include <string.h>

struct number {
    int64_t value;
};

TROUPE_STRUCT(Say, struct number);
TROUPE_EMPTY(Go);

static struct captured captured, again;

static void expect_text(const char *text)
{
    if (strstr(captured.text, text) == NULL)
        (void)fprintf(stderr, "%s", captured.text);
    assert_non_null(strstr(captured.text, text));
}

static void expect_plan(const char *expected)
{
    char plan[4096];
    captured_word(&captured, "TROUPE_PLAN=", plan, sizeof plan);
    if (strcmp(plan, expected) != 0)
        (void)fprintf(stderr, "%s", captured.text);
    assert_string_equal(plan, expected);
}

// Finds a failure under some of many seeds.
static void find(const troupe_sim_test *test)
{
    captured_seeds(test, 1, 1000, &captured);
    assert_false(captured.good);
}

static int reset(void **state)
{
    (void)state;
    captured_reset();
    return 0;
}

// ---- An actor that goes on for ever

static troupe_status ticker_init(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    (void)state;
    (void)args;
    return troupe_every(ctx, 10, troupe_self(ctx), NULL, Go);
}

static troupe_status ticker_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)ctx;
    (void)state;
    (void)msg;
    return TROUPE_OK;
}

static const troupe_behavior ticker = {
    .name = "ticker", .init = ticker_init, .receive = ticker_receive};

// ---- Picks

static void run_picks(troupe_sim *sim, void *user)
{
    (void)user;
    uint32_t picked[40];
    for (int i = 0; i < 40; i++)
        picked[i] = troupe_sim_pick(sim, 100);
    if (picked[7] >= 50 && picked[23] >= 81)
        troupe_sim_fail(sim, "picked %u and %u", picked[7], picked[23]);
}

static const troupe_sim_test picks = {.name = "picks", .run = run_picks};

static void two_choices_of_many_are_left_and_small(void **state)
{
    (void)state;
    find(&picks);
    expect_plan("p7:50,p23:81");
    expect_text("  in the run that is shown here:\n    picked 50 and 81\n");
    expect_text(", 2 choices of ");
}

static void it_is_made_the_same_each_time(void **state)
{
    (void)state;
    find(&picks);
    captured_seeds(&picks, 1, 1000, &again);
    assert_string_equal(captured.text, again.text);
}

static void run_failing(troupe_sim *sim, void *user)
{
    run_picks(sim, user);
    troupe_sim_fail(sim, "whatever is picked");
}

static void nothing_is_left_when_nothing_is_needed(void **state)
{
    (void)state;
    find(&(troupe_sim_test){.name = "failing", .run = run_failing});
    expect_plan("none");
}

static void run_two_failures(troupe_sim *sim, void *user)
{
    (void)user;
    uint32_t picked = troupe_sim_pick(sim, 100);
    if (picked >= 90)
        troupe_sim_fail(sim, "large");
    else if (picked < 20)
        troupe_sim_fail(sim, "small");
}

// Returns the first seed from 1 on under which the test fails with this text.
static uint64_t seed_of(const troupe_sim_test *test, const char *text)
{
    for (uint64_t seed = 1; seed < 1000; seed++) {
        captured_seeds(test, seed, 1, &captured);
        if (strstr(captured.text, text))
            return seed;
    }
    fail_msg("no seed fails with %s", text);
    return 0;
}

static void it_stays_the_same_failure(void **state)
{
    (void)state;
    const troupe_sim_test test = {.name = "two", .run = run_two_failures};
    seed_of(&test, "large");
    expect_plan("p0:90");
    seed_of(&test, "small");
    expect_plan("none");
}

static void run_asserting(troupe_sim *sim, void *user)
{
    (void)user;
    uint32_t picked = troupe_sim_pick(sim, 1000);
    assert_true(picked < 900);
    assert_true(picked > 100);
}

// Both end the process with the same signal: the place in the sources tells one from the other.
static void an_assertion_stays_the_same_assertion(void **state)
{
    (void)state;
    const troupe_sim_test test = {.name = "asserting", .run = run_asserting};
    seed_of(&test, "picked < 900");
    expect_plan("p0:900");
    seed_of(&test, "picked > 100");
    expect_plan("none");
}

static void run_checks(troupe_sim *sim, void *user)
{
    (void)user;
    uint32_t picked = troupe_sim_pick(sim, 1000);
    bool good = picked < 900;
    TROUPE_SIM_CHECK(sim, good);
    good = picked > 100;
    TROUPE_SIM_CHECK(sim, good);
}

// Their texts are the same but for the line: a number that counts.
static void a_check_stays_the_same_check(void **state)
{
    (void)state;
    const troupe_sim_test test = {.name = "checks", .run = run_checks};
    unsigned low = 0, high = 0;
    for (uint64_t seed = 1; low == 0 || high == 0; seed++) {
        captured_seeds(&test, seed, 1, &captured);
        low += strstr(captured.text, "TROUPE_PLAN=none\n") != NULL;
        high += strstr(captured.text, "TROUPE_PLAN=p0:900\n") != NULL;
        assert_true(seed < 200);
    }
}

static void run_leaving(troupe_sim *sim, void *user)
{
    (void)user;
    if (troupe_sim_pick(sim, 100) >= 50)
        exit(0);
}

static void the_end_of_the_program_is_a_failure_each_time(void **state)
{
    (void)state;
    find(&(troupe_sim_test){.name = "leaving", .run = run_leaving});
    expect_plan("p0:50");
}

// ---- Faults: one of ten is needed

static void run_faults(troupe_sim *sim, void *user)
{
    (void)user;
    uint32_t struck = 0;
    bool third = false;
    for (int i = 0; i < 20; i++) {
        bool strikes = trp_sim_chance(sim, TRP_SIM_FAULT, 500000);
        if (strikes) {
            sim->faults++;
            trp_sim_note(sim, UINT32_MAX, TRP_SIM_FAULT_NOTE "number %d", i);
        }
        struck += strikes;
        third = third || (strikes && i == 3);
    }
    if (third && (user || struck >= 10))
        troupe_sim_fail(sim, "the fault is not survived");
}

static void one_fault_of_ten_is_left(void **state)
{
    (void)state;
    find(&(troupe_sim_test){.name = "faults", .run = run_faults, .user = &captured});
    expect_plan("f3:1");
    expect_text("\n  faults: 1 of ");
    expect_text(" is needed\n    step 0: number 3\n");
}

static void ten_faults_are_left_when_ten_are_needed(void **state)
{
    (void)state;
    find(&(troupe_sim_test){.name = "faults", .run = run_faults});
    expect_text("\n  faults: 10 of ");
    expect_text("    and others\n");
}

// Faults that must come after as many others as there were picks: with a pick left out they come
// too late, and moved by themselves too early.
static void run_moment(troupe_sim *sim, void *user)
{
    int moment = 0, window = user ? 4 : 1, met = 0;
    for (int i = 0; i < 40; i++)
        moment += troupe_sim_pick(sim, 2) != 0;
    for (int i = 0; i < 60; i++) {
        bool strikes = trp_sim_chance(sim, TRP_SIM_FAULT, 200000);
        sim->faults += strikes;
        met += strikes && i >= moment && i < moment + window;
    }
    if (met >= (user ? 2 : 1))
        troupe_sim_fail(sim, "at a bad moment");
}

static void a_fault_is_moved_to_where_it_needs_nothing_else(void **state)
{
    (void)state;
    find(&(troupe_sim_test){.name = "moment", .run = run_moment});
    expect_plan("f0:1");
}

static void several_faults_are_moved_together(void **state)
{
    (void)state;
    find(&(troupe_sim_test){.name = "moments", .run = run_moment, .user = &captured});
    char plan[256];
    captured_word(&captured, "TROUPE_PLAN=", plan, sizeof plan);
    assert_int_equal(plan[0], 'f'); // and no pick, which would come after
    assert_int_equal(strcspn(plan, "p"), strlen(plan));
}

// Two of several crashes are needed, at any time.
static uint32_t boots;

static void count_boot(troupe_sim *sim, troupe_system *system, void *user)
{
    (void)user;
    if (++boots == 3)
        troupe_sim_fail(sim, "twice is too often");
    troupe_ref ref;
    assert_int_equal(troupe_spawn(troupe_outside(system), &ticker, NULL, &ref), TROUPE_OK);
}

static void run_crashes(troupe_sim *sim, void *user)
{
    (void)user;
    boots = 0;
    assert_int_equal(troupe_sim_add(sim, NULL, count_boot, NULL, NULL), TROUPE_OK);
    troupe_sim_run_for(sim, 5000);
}

static void faults_alone_are_moved_too(void **state)
{
    (void)state;
    static const troupe_sim_fault faults[] = {
        {.kind = TROUPE_SIM_CRASH, .per_million = 3000},
        {.kind = TROUPE_SIM_KILL, .actor = "nobody", .per_million = 3000}};
    find(&(troupe_sim_test){
        .name = "crashes", .run = run_crashes, .opts = {.faults = faults, .fault_count = 2}});
    expect_plan("f0:1,f2:1");
}

// ---- Who is next

static char heard[16];

static troupe_status hearer_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)ctx;
    (void)state;
    const struct number *said = troupe_match(msg, Say);
    if (said == NULL)
        return TROUPE_UNHANDLED;
    size_t length = strlen(heard);
    heard[length] = (char)said->value;
    heard[length + 1] = 0;
    return TROUPE_OK;
}

static const troupe_behavior hearer = {.name = "hearer", .receive = hearer_receive};

struct speaker {
    troupe_ref to;
    char letter;
};

TROUPE_STRUCT(Speaker, struct speaker);

static troupe_status speaker_init(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    (void)ctx;
    const struct speaker *speaker = troupe_match(args, Speaker);
    memcpy(state, speaker, sizeof *speaker);
    return TROUPE_OK;
}

static troupe_status speaker_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    const struct speaker *speaker = state;
    if (troupe_match(msg, Go) == NULL)
        return TROUPE_UNHANDLED;
    return troupe_send(ctx, speaker->to, Say, .value = speaker->letter);
}

static const troupe_behavior speaker = {.name = "speaker",
                                        .state_size = sizeof(struct speaker),
                                        .init = speaker_init,
                                        .receive = speaker_receive};

static bool order_is_good(troupe_sim *sim, void *arg)
{
    (void)sim;
    (void)arg;
    return strlen(heard) < 5 || strchr(heard, 'e') > strchr(heard, 'b');
}

static void run_speakers(troupe_sim *sim, void *user)
{
    (void)user;
    memset(heard, 0, sizeof heard);
    uint32_t index;
    assert_int_equal(troupe_sim_add(sim, NULL, NULL, NULL, &index), TROUPE_OK);
    assert_int_equal(troupe_sim_invariant(sim, "b comes before e", order_is_good, NULL), TROUPE_OK);
    troupe_ctx *ctx = troupe_outside(troupe_sim_system(sim, index));
    troupe_ref to, from;
    assert_int_equal(troupe_spawn(ctx, &hearer, NULL, &to), TROUPE_OK);
    for (char letter = 'a'; letter <= 'e'; letter++) {
        assert_int_equal(
            troupe_spawn_with(ctx, &speaker, NULL, &from, Speaker, .to = to, .letter = letter),
            TROUPE_OK);
        assert_int_equal(troupe_send(ctx, from, Go), TROUPE_OK);
    }
    troupe_sim_run(sim);
}

static const troupe_sim_test speakers = {.name = "speakers", .run = run_speakers};

static void an_order_is_made_as_plain_as_it_can_be(void **state)
{
    (void)state;
    find(&speakers);
    char plan[256];
    captured_word(&captured, "TROUPE_PLAN=", plan, sizeof plan);
    // One choice is enough, two are as plain: there is none to be left out.
    assert_int_equal(plan[0], 'n');
    assert_true(strchr(plan, ',') == strrchr(plan, ','));
    assert_null(strstr(captured.text + 1, "\n\n"));
    expect_text("hearer#1 handles Say (5 times)\n  again:");
}

static void the_short_run_can_be_had_again(void **state)
{
    (void)state;
    find(&speakers);
    char seed[32], plan[256], trace[8192];
    captured_word(&captured, "TROUPE_SEED=", seed, sizeof seed);
    captured_word(&captured, "TROUPE_PLAN=", plan, sizeof plan);
    setenv("TROUPE_SEED", seed, 1);
    setenv("TROUPE_PLAN", plan, 1);
    captured_seeds(&speakers, 1, 1, &again);
    assert_false(again.good);
    assert_non_null(strstr(again.text, "\"b comes before e\" does not hold"));
    const char *from = strstr(captured.text, "  at step ");
    assert_non_null(from);
    (void)snprintf(trace, sizeof trace, "%s", from);
    assert_non_null(strstr(again.text, trace)); // the rest of the report is the same
}

// ---- Steps

static troupe_status counter_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    const struct number *said = troupe_match(msg, Say);
    if (said == NULL)
        return TROUPE_UNHANDLED;
    return said->value ? troupe_send(ctx, troupe_self(ctx), Say, .value = said->value - 1)
                       : TROUPE_OK;
}

static const troupe_behavior counter = {.name = "counter", .receive = counter_receive};

// Takes one step more than this number.
static void count_down(troupe_sim *sim, int64_t from)
{
    uint32_t index;
    assert_int_equal(troupe_sim_add(sim, NULL, NULL, NULL, &index), TROUPE_OK);
    troupe_ctx *ctx = troupe_outside(troupe_sim_system(sim, index));
    troupe_ref ref;
    assert_int_equal(troupe_spawn(ctx, &counter, NULL, &ref), TROUPE_OK);
    assert_int_equal(troupe_send(ctx, ref, Say, .value = from), TROUPE_OK);
    troupe_sim_run(sim);
}

static void run_steps(troupe_sim *sim, void *user)
{
    (void)user;
    uint32_t many = troupe_sim_pick(sim, 1000);
    count_down(sim, many);
    if (many >= 17)
        troupe_sim_fail(sim, "more than 16");
}

static void steps_are_left_out(void **state)
{
    (void)state;
    find(&(troupe_sim_test){.name = "steps", .run = run_steps, .opts = {.cut_in = 1}});
    expect_plan("p0:17");
    expect_text(" runs: 18 steps of ");
    expect_text("\n  at step 18, ");
}

static void run_saving(troupe_sim *sim, void *user)
{
    (void)user;
    count_down(sim, troupe_sim_pick(sim, 3) ? 9 : 99);
    troupe_sim_fail(sim, "always");
}

static void a_choice_that_saves_many_steps_is_kept(void **state)
{
    (void)state;
    captured_seeds(&(troupe_sim_test){.name = "saving", .run = run_saving, .opts = {.cut_in = 1}},
                   1, 1, &captured);
    assert_int_equal(captured.good, false);
    expect_plan("p0:1");
    expect_text("\n  at step 10, ");
}

// Some plans go on for ever; that is another failure, and does not take for ever.
static void run_ending(troupe_sim *sim, void *user)
{
    (void)user;
    uint32_t many = troupe_sim_pick(sim, 100);
    count_down(sim, many ? many : INT64_MAX);
    troupe_sim_fail(sim, "it has come to an end");
}

static void a_plan_that_goes_on_for_ever_is_given_up(void **state)
{
    (void)state;
    find(&(troupe_sim_test){
        .name = "ending", .run = run_ending, .opts = {.cut_in = 1, .max_steps = UINT64_MAX}});
    expect_plan("p0:1");
}

static void run_choosing(troupe_sim *sim, void *user)
{
    (void)user;
    for (uint32_t i = 0; i < 3000000; i++)
        troupe_sim_pick(sim, 2);
    if (troupe_sim_pick(sim, 4) == 3)
        troupe_sim_fail(sim, "a three");
}

static void what_chooses_too_often_is_reported_as_it_is(void **state)
{
    (void)state;
    captured_seeds(&(troupe_sim_test){.name = "choosing", .run = run_choosing}, 1, 100, &captured);
    expect_text(":\n    a three\n  not made shorter: it makes too many choices\n");
    expect_plan("");
}

// ---- Plans

static void read_and_print(const char *text)
{
    struct trp_sim_plan plan;
    char printed[256];
    assert_int_equal(trp_sim_plan_parse(&plan, text), TROUPE_OK);
    assert_int_equal(trp_sim_plan_print(&plan, printed, sizeof printed), strlen(text));
    assert_string_equal(printed, text);
    assert_int_equal(trp_sim_plan_print(&plan, printed, 3), strlen(text));
    assert_int_equal(strlen(printed), 2);
    trp_sim_plan_fini(&plan);
}

static void plans_are_text(void **state)
{
    (void)state;
    read_and_print("none");
    read_and_print("n3:1");
    read_and_print("n0:1,n3:4294967295,c18446744073709551615:3,t1:1,f2:1,b0:9,p7:7");
}

static void refuse(const char *text, const char *error)
{
    struct trp_sim_plan plan;
    assert_int_equal(trp_sim_plan_parse(&plan, text), TROUPE_EINVAL);
    assert_non_null(strstr(troupe_error_text(NULL), error));
    assert_int_equal(trp_sim_plan_count(&plan), 0);
}

static void bad_plans_are_refused(void **state)
{
    (void)state;
    static const char what[] = ": a plan is \"none\" or marks like n3:1";
    static const char *const bad[] = {"",
                                      "x1:1",
                                      "n",
                                      "n1",
                                      "n1:",
                                      "n1:1x",
                                      "n1:1,",
                                      "n1:1,,n",
                                      "n:1",
                                      "n1:4294967296",
                                      "n-1:1",
                                      "nn1:1",
                                      "n18446744073709551616:1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        refuse(bad[i], what);
    refuse("n1:1;n2:1", "\"n1:1;n2:1\": a plan is");
    refuse("n3:1,q", "\"q\": a plan is");
    refuse("c1:1,n3:1,n3:2", "\"n3:2\": the marks of a letter must ascend");
    refuse("n3:1,n2:1", "\"n2:1\": the marks of a letter must ascend");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_choices_of_many_are_left_and_small),
        cmocka_unit_test(it_is_made_the_same_each_time),
        cmocka_unit_test(nothing_is_left_when_nothing_is_needed),
        cmocka_unit_test_teardown(it_stays_the_same_failure, reset),
        cmocka_unit_test(an_assertion_stays_the_same_assertion),
        cmocka_unit_test(a_check_stays_the_same_check),
        cmocka_unit_test(the_end_of_the_program_is_a_failure_each_time),
        cmocka_unit_test(one_fault_of_ten_is_left),
        cmocka_unit_test(ten_faults_are_left_when_ten_are_needed),
        cmocka_unit_test(a_fault_is_moved_to_where_it_needs_nothing_else),
        cmocka_unit_test(several_faults_are_moved_together),
        cmocka_unit_test(faults_alone_are_moved_too),
        cmocka_unit_test(an_order_is_made_as_plain_as_it_can_be),
        cmocka_unit_test_teardown(the_short_run_can_be_had_again, reset),
        cmocka_unit_test(steps_are_left_out),
        cmocka_unit_test(a_choice_that_saves_many_steps_is_kept),
        cmocka_unit_test(a_plan_that_goes_on_for_ever_is_given_up),
        cmocka_unit_test(what_chooses_too_often_is_reported_as_it_is),
        cmocka_unit_test(plans_are_text),
        cmocka_unit_test(bad_plans_are_refused),
    };
    captured_reset();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
