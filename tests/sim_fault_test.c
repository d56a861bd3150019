// Faults in a simulation that strike an actor or memory once: failures, kills, allocations; whom
// they strike, how often, and which options are refused. Those that take time: sim_hang_test.c.
#include "tests/support/fault_stage.h"

// ---- Failure

static void an_actor_fails_with_its_next_message_before_or_after_it(void **state)
{
    (void)state;
    unsigned ways[2] = {0};
    for (uint64_t seed = 1; seed <= 40; seed++) {
        troupe_sim *sim =
            new_sim_with(seed, &(troupe_sim_fault){.kind = TROUPE_SIM_FAIL, .step = 1});
        forget();
        troupe_ctx *ctx = add(sim, "one");
        troupe_ref ref = spawn_named(ctx, &plain, NULL);
        assert_int_equal(troupe_send(ctx, ref, Tick), TROUPE_OK);
        assert_int_equal(troupe_send(ctx, ref, Tick), TROUPE_OK);
        assert_int_equal(end_of(ctx, ref), TROUPE_FAILED);
        assert_string_equal(troupe_error_text(NULL), "failed (TROUPE_ESYSTEM): simulated failure");
        assert_int_equal(troupe_sim_faults(sim), 1);
        assert_int_equal(stats_of(sim).failures, 1);
        assert_true(handled <= 1); // not the second one
        ways[handled]++;
        assert_true(troupe_sim_free(sim));
    }
    assert_true(ways[0] > 5 && ways[1] > 5);
}

static void a_start_fails_and_is_tried_again(void **state)
{
    (void)state;
    unsigned ways[2] = {0};
    for (uint64_t seed = 1; seed <= 40; seed++) {
        // The supervisor starts, then its first child.
        troupe_sim *sim = new_sim_with(
            seed, &(troupe_sim_fault){.kind = TROUPE_SIM_FAIL, .step = 2, .actor = "counter"});
        forget();
        troupe_ctx *ctx = add(sim, "one");
        troupe_ref ref;
        assert_int_equal(troupe_supervise_wait(ctx, &tree, &ref), TROUPE_ESTART);
        assert_non_null(strstr(troupe_error_text(NULL), "simulated failure"));
        assert_int_equal(troupe_sim_faults(sim), 1);
        assert_true(started <= 1);
        ways[started]++;
        assert_true(troupe_sim_free(sim));
    }
    assert_true(ways[0] > 5 && ways[1] > 5);
}

static void supervised_actors_are_restarted_after_failures(void **state)
{
    (void)state;
    uint64_t restarts = 0;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        troupe_sim *sim =
            new_sim_with(seed, &(troupe_sim_fault){.kind = TROUPE_SIM_FAIL, .per_million = 50000});
        troupe_ctx *ctx = add(sim, "one");
        troupe_ref ref, child;
        assert_int_equal(troupe_supervise(ctx, &tree, &ref), TROUPE_OK);
        assert_int_equal(troupe_sim_run(sim), TROUPE_OK);
        if (troupe_child_ref(ctx, ref, "counter", &child) == TROUPE_OK) {
            send_each_ms(ctx, child, 100);
            assert_int_equal(troupe_sim_run(sim), TROUPE_OK);
            restarts += stats_of(sim).restarts;
        }
        assert_true(troupe_sim_free(sim));
    }
    assert_true(restarts > 20);
}

// ---- Kill

static void a_kill_at_a_step_is_one_kill(void **state)
{
    (void)state;
    troupe_sim *sim = new_sim_with(1, &(troupe_sim_fault){.kind = TROUPE_SIM_KILL, .step = 5});
    forget();
    troupe_ctx *ctx = add(sim, "one");
    troupe_ref ref = spawn_named(ctx, &plain, NULL);
    send_each_ms(ctx, ref, 10); // a timer and a message: two steps each
    assert_int_equal(end_of(ctx, ref), TROUPE_KILLED);
    assert_true(troupe_sim_steps(sim) >= 5 && troupe_sim_steps(sim) <= 6);
    assert_int_equal(handled, 2);
    assert_int_equal(troupe_sim_faults(sim), 1);
    assert_true(troupe_sim_free(sim));
}

static void any_actor_may_be_struck(void **state)
{
    (void)state;
    static const char *const names[] = {"a", "b", "c", "d"};
    unsigned deaths[4] = {0};
    for (uint64_t seed = 1; seed <= 200; seed++) {
        troupe_sim *sim =
            new_sim_with(seed, &(troupe_sim_fault){.kind = TROUPE_SIM_KILL, .step = 1});
        troupe_ctx *systems[] = {add(sim, "one"), add(sim, "two")};
        troupe_ref refs[4];
        for (int i = 0; i < 4; i++) {
            refs[i] = spawn_named(systems[i % 2], &plain, names[i]);
            assert_int_equal(troupe_send(systems[i % 2], refs[i], Tick), TROUPE_OK);
        }
        assert_int_equal(troupe_sim_run(sim), TROUPE_OK);
        for (int i = 0; i < 4; i++)
            deaths[i] += troupe_incarnation(systems[i % 2], refs[i]) == 0;
        assert_true(troupe_sim_free(sim));
    }
    assert_int_equal(deaths[0] + deaths[1] + deaths[2] + deaths[3], 200);
    for (int i = 0; i < 4; i++)
        assert_true(deaths[i] > 25);
}

static void a_fault_strikes_whom_it_names(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        troupe_sim *sim = new_sim_with(seed, &(troupe_sim_fault){.kind = TROUPE_SIM_KILL,
                                                                 .per_million = 200000,
                                                                 .system = "two",
                                                                 .actor = "b"});
        troupe_ctx *one = add(sim, "one"), *two = add(sim, "two");
        troupe_ref refs[] = {spawn_named(one, &plain, "b"), spawn_named(two, &plain, "a"),
                             spawn_named(two, &plain, "b")};
        send_each_ms(one, refs[0], 50);
        send_each_ms(two, refs[1], 50);
        assert_int_equal(troupe_sim_run(sim), TROUPE_OK);
        assert_int_equal(troupe_incarnation(one, refs[0]), 1);
        assert_int_equal(troupe_incarnation(two, refs[1]), 1);
        assert_int_equal(troupe_incarnation(two, refs[2]), 0);
        assert_int_equal(troupe_sim_faults(sim), 1);
        assert_true(troupe_sim_free(sim));
    }
}

static void a_supervisor_is_struck_only_by_name(void **state)
{
    (void)state;
    for (int named = 0; named < 2; named++) {
        troupe_sim *sim = new_sim_with(1, &(troupe_sim_fault){.kind = TROUPE_SIM_KILL,
                                                              .per_million = 500000,
                                                              .actor = named ? "tree" : NULL});
        static const troupe_supervisor childless = {.name = "tree"};
        troupe_ctx *ctx = add(sim, "one");
        troupe_ref ref;
        assert_int_equal(troupe_supervise(ctx, &childless, &ref), TROUPE_OK);
        for (int i = 0; i < 50; i++)
            assert_int_equal(troupe_after(ctx, i, ref, NULL, Tick), TROUPE_OK);
        assert_int_equal(troupe_sim_run(sim), TROUPE_OK);
        assert_int_equal(troupe_sim_faults(sim), named);
        assert_int_equal(troupe_incarnation(ctx, ref), !named);
        assert_true(troupe_sim_free(sim));
    }
}

static void a_supervisors_start_is_not_struck(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 8; seed++) {
        troupe_sim *sim = new_sim_with(
            seed, &(troupe_sim_fault){.kind = TROUPE_SIM_FAIL, .step = 1, .actor = "tree"});
        troupe_ctx *ctx = add(sim, "one");
        troupe_ref ref;
        assert_int_equal(troupe_supervise_wait(ctx, &tree, &ref), TROUPE_OK);
        assert_int_equal(troupe_sim_faults(sim), 1);
        assert_int_equal(troupe_send(ctx, ref, Tick), TROUPE_OK); // but what it is asked
        assert_int_equal(end_of(ctx, ref), TROUPE_FAILED);
        assert_true(troupe_sim_free(sim));
    }
}

static void no_more_faults_strike_than_allowed(void **state)
{
    (void)state;
    for (uint32_t times = 0; times <= 4; times++) {
        troupe_sim *sim = new_sim_with(
            3, &(troupe_sim_fault){.kind = TROUPE_SIM_KILL, .per_million = 900000, .times = times});
        troupe_ctx *ctx = add(sim, "one");
        for (int i = 0; i < 20; i++)
            send_each_ms(ctx, spawn_named(ctx, &plain, NULL), 3);
        assert_int_equal(troupe_sim_run(sim), TROUPE_OK);
        assert_int_equal(troupe_sim_faults(sim), times ? times : 20);
        assert_true(troupe_sim_free(sim));
    }
}

// ---- No memory

static void an_allocation_fails_once(void **state)
{
    (void)state;
    troupe_sim *sim = new_sim_with(1, &(troupe_sim_fault){.kind = TROUPE_SIM_NO_MEMORY, .step = 6});
    forget();
    refused = TROUPE_OK;
    troupe_ctx *ctx = add(sim, "one");
    troupe_ref ref = spawn_named(ctx, &sender, NULL);
    assert_int_equal(troupe_sim_run(sim), TROUPE_OK);
    send_each_ms(ctx, ref, 20); // the test's own allocations do not fail
    assert_int_equal(troupe_sim_run(sim), TROUPE_OK);
    assert_int_equal(refused, TROUPE_ENOMEM);
    assert_int_equal(handled, 19);
    assert_true(troupe_sim_free(sim));
}

static void the_tests_own_calls_have_memory(void **state)
{
    (void)state;
    troupe_sim *sim =
        new_sim_with(1, &(troupe_sim_fault){.kind = TROUPE_SIM_NO_MEMORY, .per_million = 1000000});
    troupe_ctx *ctx = add(sim, "one");
    for (int i = 0; i < 20; i++) {
        assert_int_equal(troupe_send(ctx, spawn_named(ctx, &plain, NULL), Tick), TROUPE_OK);
        assert_int_equal(troupe_sim_run(sim), TROUPE_OK);
    }
    assert_int_equal(troupe_sim_faults(sim), 1); // it still waits for an allocation in a step
    assert_true(troupe_sim_free(sim));
}

// ---- Options

static void refused_with(const troupe_sim_fault *fault, const char *text)
{
    troupe_sim *sim;
    assert_int_equal(troupe_sim_new(1, &(troupe_sim_opts){.faults = fault, .fault_count = 1}, &sim),
                     TROUPE_EINVAL);
    assert_null(sim);
    assert_string_equal(troupe_error_text(NULL), text);
}

static void bad_faults_are_refused(void **state)
{
    (void)state;
    troupe_sim *sim;
    refused_with(&(troupe_sim_fault){.kind = 0, .step = 1},
                 "troupe_sim_new: faults[0].kind is 0; use one of enum troupe_sim_fault_kind");
    refused_with(&(troupe_sim_fault){.kind = 7, .step = 1},
                 "troupe_sim_new: faults[0].kind is 7; use one of enum troupe_sim_fault_kind");
    refused_with(&(troupe_sim_fault){.kind = TROUPE_SIM_KILL, .per_million = 1000001},
                 "troupe_sim_new: faults[0] (KILL): per_million is 1000001; at most 1000000 are "
                 "allowed");
    refused_with(&(troupe_sim_fault){.kind = TROUPE_SIM_KILL, .per_million = 1, .step = 1},
                 "troupe_sim_new: faults[0] (KILL): step and per_million are both set; set one of "
                 "them");
    refused_with(&(troupe_sim_fault){.kind = TROUPE_SIM_KILL},
                 "troupe_sim_new: faults[0] (KILL): neither step nor per_million is set; set one "
                 "of them");
    refused_with(&(troupe_sim_fault){.kind = TROUPE_SIM_CRASH, .step = 1, .actor = "a"},
                 "troupe_sim_new: faults[0] (CRASH): actor is \"a\"; this kind strikes none");
    refused_with(&(troupe_sim_fault){.kind = TROUPE_SIM_NO_MEMORY, .step = 1, .ms = 5},
                 "troupe_sim_new: faults[0] (NO_MEMORY): ms is 5; this kind takes no time");
    refused_with(&(troupe_sim_fault){.kind = TROUPE_SIM_SLOW, .step = 1, .ms = TROUPE_NO_LIMIT},
                 "troupe_sim_new: faults[0] (SLOW): ms is TROUPE_NO_LIMIT; a handler that never "
                 "returns is a HANG");
    assert_int_equal(troupe_sim_new(1, &(troupe_sim_opts){.fault_count = 1}, &sim), TROUPE_EINVAL);
    assert_string_equal(troupe_error_text(NULL),
                        "troupe_sim_new: fault_count is 1, and faults is NULL");
    static const troupe_sim_fault many[1001];
    assert_int_equal(
        troupe_sim_new(1, &(troupe_sim_opts){.faults = many, .fault_count = 1001}, &sim),
        TROUPE_EINVAL);
}

static void faults_are_copied(void **state)
{
    (void)state;
    char actor[] = "a";
    troupe_sim_fault fault = {.kind = TROUPE_SIM_KILL, .step = 1, .actor = actor};
    troupe_sim *sim = new_sim_with(1, &fault);
    fault.step = 100;
    actor[0] = 'b';
    troupe_ctx *ctx = add(sim, "one");
    troupe_ref ref = spawn_named(ctx, &plain, "a");
    assert_int_equal(troupe_send(ctx, ref, Tick), TROUPE_OK);
    assert_int_equal(troupe_sim_run(sim), TROUPE_OK);
    assert_int_equal(troupe_incarnation(ctx, ref), 0);
    assert_true(troupe_sim_free(sim));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_actor_fails_with_its_next_message_before_or_after_it),
        cmocka_unit_test(a_start_fails_and_is_tried_again),
        cmocka_unit_test(supervised_actors_are_restarted_after_failures),
        cmocka_unit_test(a_kill_at_a_step_is_one_kill),
        cmocka_unit_test(any_actor_may_be_struck),
        cmocka_unit_test(a_fault_strikes_whom_it_names),
        cmocka_unit_test(a_supervisor_is_struck_only_by_name),
        cmocka_unit_test(a_supervisors_start_is_not_struck),
        cmocka_unit_test(no_more_faults_strike_than_allowed),
        cmocka_unit_test(an_allocation_fails_once),
        cmocka_unit_test(the_tests_own_calls_have_memory),
        cmocka_unit_test(bad_faults_are_refused),
        cmocka_unit_test(faults_are_copied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
