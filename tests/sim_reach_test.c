// Whom faults of a simulation cannot reach: those on whom they would have no effect, and anybody
// once the simulation ends.
#include "tests/support/fault_stage.h"

// ---- Nobody is struck in vain

static void tick_often(troupe_sim *sim, troupe_ctx *ctx)
{
    send_each_ms(ctx, spawn_named(ctx, &plain, "other"), 10);
    assert_int_equal(troupe_sim_run_for(sim, 10), TROUPE_OK);
}

static void an_actor_is_struck_once_until_it_feels_it(void **state)
{
    (void)state;
    static const troupe_sim_fault_kind kinds[] = {TROUPE_SIM_FAIL, TROUPE_SIM_SLOW,
                                                  TROUPE_SIM_HANG};
    for (int i = 0; i < 3; i++) {
        troupe_sim *sim = new_sim_with(
            1, &(troupe_sim_fault){.kind = kinds[i], .per_million = 1000000, .actor = "idle"});
        troupe_ctx *ctx = add(sim, "one");
        spawn_named(ctx, &plain, "idle");
        tick_often(sim, ctx);
        assert_int_equal(troupe_sim_faults(sim), 1);
        assert_true(troupe_sim_free(sim));
    }
}

static void a_few_at_a_time_are_struck_until_they_feel_it(void **state)
{
    (void)state;
    troupe_ref refs[100];
    troupe_sim *sim = new_sim_with(
        1, &(troupe_sim_fault){.kind = TROUPE_SIM_FAIL, .per_million = 1000000, .actor = "idle"});
    troupe_ctx *ctx = add(sim, "one");
    for (int i = 0; i < 100; i++)
        refs[i] = spawn_named(ctx, &plain, "idle");
    for (int i = 0; i < 10; i++)
        tick_often(sim, ctx);
    assert_int_equal(troupe_sim_faults(sim), 64);
    for (int i = 0; i < 100; i++)
        assert_int_equal(troupe_kill(ctx, refs[i]), TROUPE_OK); // before they feel it
    assert_int_equal(troupe_sim_run(sim), TROUPE_OK);
    uint64_t before = troupe_sim_faults(sim);
    spawn_named(ctx, &plain, "idle");
    tick_often(sim, ctx);
    assert_int_equal(troupe_sim_faults(sim), before + 1);
    assert_true(troupe_sim_free(sim));
}

// How many faults of a kind strike one that waits for its child, which hangs, to end.
static uint64_t faults_amid_an_end(troupe_sim_fault_kind kind,
                                   troupe_status (*end)(troupe_ctx *ctx, troupe_ref ref))
{
    const troupe_sim_fault faults[] = {
        {.kind = TROUPE_SIM_HANG, .step = 2, .ms = 50, .actor = "plain"},
        {.kind = kind, .step = 12, .actor = "sender"}};
    troupe_sim *sim = new_sim(1, &(troupe_sim_opts){.faults = faults, .fault_count = 2});
    troupe_ctx *ctx = add(sim, "one");
    troupe_ref ref = spawn_named(ctx, &sender, NULL);
    assert_int_equal(troupe_sim_run(sim), TROUPE_OK);
    assert_int_equal(troupe_send(ctx, ref, Tick), TROUPE_OK);
    assert_int_equal(troupe_sim_run_for(sim, 1), TROUPE_OK);
    assert_int_equal(end(ctx, ref), TROUPE_OK);
    tick_often(sim, ctx);
    uint64_t struck = troupe_sim_faults(sim);
    assert_true(troupe_sim_steps(sim) >= 12);
    assert_int_equal(troupe_incarnation(ctx, ref), 1); // it still waits
    assert_int_equal(troupe_sim_run(sim), TROUPE_OK);
    assert_int_equal(troupe_incarnation(ctx, ref), 0);
    assert_true(troupe_sim_free(sim));
    return struck - 1;
}

static void one_that_ends_can_only_hang_or_be_killed_once(void **state)
{
    (void)state;
    assert_int_equal(faults_amid_an_end(TROUPE_SIM_FAIL, troupe_stop), 0);
    assert_int_equal(faults_amid_an_end(TROUPE_SIM_SLOW, troupe_stop), 0);
    assert_int_equal(faults_amid_an_end(TROUPE_SIM_HANG, troupe_stop), 1);
    assert_int_equal(faults_amid_an_end(TROUPE_SIM_KILL, troupe_stop), 1);
    assert_int_equal(faults_amid_an_end(TROUPE_SIM_KILL, troupe_kill), 0);
}

static const troupe_supervisor patient = {
    .name = "tree",
    TROUPE_CHILDREN({.id = "counter", .behavior = &counter, .backoff = {.min_ms = 1000}})};

static void nothing_strikes_between_two_incarnations(void **state)
{
    (void)state;
    static const troupe_sim_fault_kind kinds[] = {TROUPE_SIM_FAIL, TROUPE_SIM_KILL, TROUPE_SIM_HANG,
                                                  TROUPE_SIM_SLOW};
    for (int i = 0; i < 4; i++) {
        troupe_sim *sim =
            new_sim_with(1, &(troupe_sim_fault){.kind = kinds[i], .step = 20, .actor = "counter"});
        troupe_ctx *ctx = add(sim, "one");
        troupe_ref ref, child;
        assert_int_equal(troupe_supervise_wait(ctx, &patient, &ref), TROUPE_OK);
        assert_int_equal(troupe_child_ref(ctx, ref, "counter", &child), TROUPE_OK);
        assert_int_equal(troupe_kill(ctx, child), TROUPE_OK);
        assert_int_equal(troupe_sim_run_for(sim, 5), TROUPE_OK);
        assert_true(troupe_sim_steps(sim) < 20);
        tick_often(sim, ctx);
        assert_true(troupe_sim_steps(sim) >= 20);
        assert_int_equal(troupe_sim_faults(sim), 0);
        assert_true(troupe_sim_free(sim));
    }
}

// ---- The end

static unsigned stopped;

static void count_stop(troupe_ctx *ctx, void *state, const troupe_reason *why)
{
    (void)ctx;
    (void)state;
    (void)why;
    stopped++;
}

static const troupe_behavior stopper = {
    .name = "stopper", .receive = counter_receive, .stop = count_stop};

static void nothing_strikes_when_a_simulation_ends(void **state)
{
    (void)state;
    for (uint64_t step = 4; step <= 7; step++) {
        troupe_sim *sim =
            new_sim_with(1, &(troupe_sim_fault){.kind = TROUPE_SIM_KILL, .step = step});
        troupe_ctx *ctx = add(sim, "one");
        stopped = 0;
        for (int i = 0; i < 3; i++)
            assert_int_equal(troupe_send(ctx, spawn_named(ctx, &stopper, NULL), Tick), TROUPE_OK);
        assert_int_equal(troupe_sim_run(sim), TROUPE_OK);
        assert_int_equal(troupe_sim_steps(sim), 3);
        assert_true(troupe_sim_free(sim));
        assert_int_equal(stopped, 3);
    }
}

static troupe_status busy_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    (void)msg;
    return troupe_send(ctx, troupe_self(ctx), Tick);
}

static const troupe_behavior busy = {.name = "busy", .receive = busy_receive};

static const troupe_supervisor over_busy = {
    .name = "tree",
    TROUPE_CHILDREN({.id = "one", .behavior = &busy}, {.id = "two", .behavior = &busy})};

// The one with the higher priority must not keep the other one from being stopped.
static void an_unfair_strategy_comes_to_an_end(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        troupe_sim *sim = new_sim(seed, &(troupe_sim_opts){.strategy = TROUPE_SIM_PRIORITIES});
        troupe_ctx *ctx = add(sim, "one");
        troupe_ref ref, one, two;
        assert_int_equal(troupe_supervise_wait(ctx, &over_busy, &ref), TROUPE_OK);
        assert_int_equal(troupe_child_ref(ctx, ref, "one", &one), TROUPE_OK);
        assert_int_equal(troupe_child_ref(ctx, ref, "two", &two), TROUPE_OK);
        assert_int_equal(troupe_send(ctx, one, Tick), TROUPE_OK);
        assert_int_equal(troupe_send(ctx, two, Tick), TROUPE_OK);
        assert_int_equal(troupe_sim_run_steps(sim, 2000), TROUPE_OK); // all changes are over
        assert_true(troupe_sim_free(sim));
    }
}

static void nothing_runs_after_a_failure(void **state)
{
    (void)state;
    troupe_sim *sim = new_sim(1, NULL);
    troupe_ctx *ctx = add(sim, "one");
    stopped = 0;
    forget();
    assert_int_equal(troupe_send(ctx, spawn_named(ctx, &stopper, NULL), Tick), TROUPE_OK);
    troupe_sim_fail(sim, "for the test");
    assert_false(troupe_sim_free(sim));
    assert_string_equal(troupe_error_text(NULL), "for the test");
    assert_int_equal(stopped, 0);
    assert_int_equal(handled, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_actor_is_struck_once_until_it_feels_it),
        cmocka_unit_test(a_few_at_a_time_are_struck_until_they_feel_it),
        cmocka_unit_test(one_that_ends_can_only_hang_or_be_killed_once),
        cmocka_unit_test(nothing_strikes_between_two_incarnations),
        cmocka_unit_test(nothing_strikes_when_a_simulation_ends),
        cmocka_unit_test(an_unfair_strategy_comes_to_an_end),
        cmocka_unit_test(nothing_runs_after_a_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
