// Faults in a simulation that take time: actors that hang, handlers that are slow.
#include "tests/support/fault_stage.h"

// ---- Hang

static void an_actor_that_hangs_gets_no_turn_for_its_time(void **state)
{
    (void)state;
    troupe_sim *sim =
        new_sim_with(1, &(troupe_sim_fault){.kind = TROUPE_SIM_HANG, .step = 1, .ms = 70});
    forget();
    troupe_ctx *ctx = add(sim, "one");
    troupe_ref ref = spawn_named(ctx, &plain, NULL);
    uint64_t start = troupe_sim_now_ns(sim);
    send_each_ms(ctx, ref, 3);
    assert_int_equal(troupe_sim_run_for(sim, 69), TROUPE_OK);
    assert_int_equal(handled, 0);
    assert_int_equal(troupe_sim_run(sim), TROUPE_OK);
    assert_int_equal(handled, 3);
    assert_true(handled_at >= start + 70 * MS && handled_at < start + 71 * MS);
    assert_true(troupe_sim_free(sim));
}

static void others_go_on_while_one_hangs(void **state)
{
    (void)state;
    for (int strategy = 0; strategy <= TROUPE_SIM_ROUND_ROBIN; strategy++) {
        const troupe_sim_fault fault = {.kind = TROUPE_SIM_HANG, .step = 1, .ms = 70, .actor = "a"};
        troupe_sim *sim = new_sim(1, &(troupe_sim_opts){.strategy = (troupe_sim_strategy)strategy,
                                                        .faults = &fault,
                                                        .fault_count = 1});
        forget();
        troupe_ctx *ctx = add(sim, "one");
        send_each_ms(ctx, spawn_named(ctx, &plain, "a"), 50);
        send_each_ms(ctx, spawn_named(ctx, &plain, "b"), 50);
        assert_int_equal(troupe_sim_run_for(sim, 60), TROUPE_OK);
        assert_int_equal(handled, 50);
        assert_int_equal(troupe_sim_run(sim), TROUPE_OK);
        assert_int_equal(handled, 100);
        assert_true(troupe_sim_free(sim));
    }
}

static void a_stop_waits_for_one_that_hangs(void **state)
{
    (void)state;
    troupe_sim *sim =
        new_sim_with(1, &(troupe_sim_fault){.kind = TROUPE_SIM_HANG, .step = 1, .ms = 70});
    troupe_ctx *ctx = add(sim, "one");
    troupe_ref ref = spawn_named(ctx, &plain, NULL);
    uint64_t start = troupe_sim_now_ns(sim);
    assert_int_equal(troupe_stop(ctx, ref), TROUPE_OK);
    assert_int_equal(end_of(ctx, ref), TROUPE_SHUTDOWN);
    assert_true(troupe_sim_now_ns(sim) >= start + 70 * MS);
    assert_true(troupe_sim_free(sim));
}

static void a_kill_gets_it_going_after_its_grace(void **state)
{
    (void)state;
    static const troupe_spawn_opts own_grace = {.kill_grace_ms = 50};
    for (int own = 0; own < 2; own++) {
        troupe_sim *sim = new_sim_with(
            1, &(troupe_sim_fault){.kind = TROUPE_SIM_HANG, .step = 1, .ms = TROUPE_NO_LIMIT});
        troupe_ctx *ctx = add(sim, "one"); // grace: 200 ms
        uint64_t start = troupe_sim_now_ns(sim), grace = own ? 50 * MS : 200 * MS;
        troupe_ref ref;
        assert_int_equal(troupe_spawn(ctx, &plain, own ? &own_grace : NULL, &ref), TROUPE_OK);
        assert_int_equal(troupe_send(ctx, ref, Tick), TROUPE_OK);
        assert_int_equal(troupe_sim_run(sim), TROUPE_OK);
        assert_int_equal(troupe_kill(ctx, ref), TROUPE_OK);
        assert_int_equal(end_of(ctx, ref), TROUPE_KILLED);
        assert_true(troupe_sim_now_ns(sim) >= start + grace);
        assert_true(troupe_sim_now_ns(sim) < start + grace + 5 * MS);
        assert_true(troupe_sim_free(sim));
    }
}

static void a_system_stops_with_one_that_hangs_for_ever(void **state)
{
    (void)state;
    for (int by_hand = 0; by_hand < 3; by_hand++) {
        troupe_sim *sim = new_sim_with(
            1, &(troupe_sim_fault){.kind = TROUPE_SIM_HANG, .step = 1, .ms = TROUPE_NO_LIMIT});
        troupe_ctx *ctx = add(sim, "one");
        assert_int_equal(troupe_send(ctx, spawn_named(ctx, &plain, NULL), Tick), TROUPE_OK);
        assert_int_equal(troupe_sim_run(sim), TROUPE_OK);
        uint64_t start = troupe_sim_now_ns(sim);
        if (by_hand)
            assert_int_equal(troupe_system_stop(troupe_system_of(ctx),
                                                by_hand == 1 ? 100 : TROUPE_NO_LIMIT, NULL),
                             TROUPE_OK);
        assert_true(troupe_sim_now_ns(sim) - start < 100 * MS); // without grace
        assert_true(troupe_sim_free(sim));
    }
}

static void a_supervisor_replaces_one_that_hangs_too_long(void **state)
{
    (void)state;
    troupe_sim *sim = new_sim_with(
        1, &(troupe_sim_fault){
               .kind = TROUPE_SIM_HANG, .step = 10, .ms = TROUPE_NO_LIMIT, .actor = "counter"});
    forget();
    troupe_ctx *ctx = add(sim, "one");
    troupe_ref ref, child;
    assert_int_equal(troupe_supervise_wait(ctx, &tree, &ref), TROUPE_OK);
    assert_int_equal(troupe_child_ref(ctx, ref, "counter", &child), TROUPE_OK);
    send_each_ms(ctx, child, 20);
    assert_int_equal(troupe_sim_run(sim), TROUPE_OK);
    assert_true(handled < 20);
    assert_int_equal(troupe_kill(ctx, child), TROUPE_OK);
    assert_int_equal(troupe_sim_run(sim), TROUPE_OK);
    assert_int_equal(handled, 20);
    assert_int_equal(troupe_incarnation(ctx, child), 2);
    assert_true(troupe_sim_free(sim));
}

// ---- Slow handlers

static void a_slow_handler_moves_the_clock(void **state)
{
    (void)state;
    troupe_sim *sim = new_sim_with(
        1, &(troupe_sim_fault){.kind = TROUPE_SIM_SLOW, .step = 1, .ms = 70, .actor = "a"});
    forget();
    troupe_ctx *ctx = add(sim, "one");
    uint64_t start = troupe_sim_now_ns(sim);
    troupe_ref late = spawn_named(ctx, &plain, "b");
    assert_int_equal(troupe_send(ctx, spawn_named(ctx, &plain, "a"), Tick), TROUPE_OK);
    assert_int_equal(troupe_after(ctx, 10, late, NULL, Tick), TROUPE_OK);
    assert_int_equal(troupe_sim_run(sim), TROUPE_OK);
    assert_int_equal(handled, 2);
    assert_true(handled_at >= start + 70 * MS && handled_at < start + 71 * MS);
    assert_true(troupe_sim_free(sim));
}

static void by_probability_it_takes_up_to_its_time(void **state)
{
    (void)state;
    uint64_t longest = 0, shortest = UINT64_MAX;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        troupe_sim *sim = new_sim_with(
            seed, &(troupe_sim_fault){
                      .kind = TROUPE_SIM_SLOW, .per_million = 1000000, .times = 1, .ms = 20});
        troupe_ctx *ctx = add(sim, "one");
        uint64_t start = troupe_sim_now_ns(sim);
        assert_int_equal(troupe_send(ctx, spawn_named(ctx, &plain, "a"), Tick), TROUPE_OK);
        assert_int_equal(troupe_sim_run(sim), TROUPE_OK);
        uint64_t took = (troupe_sim_now_ns(sim) - start) / MS;
        assert_true(took >= 1 && took <= 20);
        longest = took > longest ? took : longest;
        shortest = took < shortest ? took : shortest;
        assert_true(handled_at < start + MS); // it passes when the handler has done its work
        assert_true(troupe_sim_free(sim));
    }
    assert_true(shortest < 5 && longest > 15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_actor_that_hangs_gets_no_turn_for_its_time),
        cmocka_unit_test(others_go_on_while_one_hangs),
        cmocka_unit_test(a_stop_waits_for_one_that_hangs),
        cmocka_unit_test(a_kill_gets_it_going_after_its_grace),
        cmocka_unit_test(a_system_stops_with_one_that_hangs_for_ever),
        cmocka_unit_test(a_supervisor_replaces_one_that_hangs_too_long),
        cmocka_unit_test(a_slow_handler_moves_the_clock),
        cmocka_unit_test(by_probability_it_takes_up_to_its_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
