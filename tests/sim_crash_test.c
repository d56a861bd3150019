// Crashes in a simulation: what is gone, what is called and told, that all memory returns whatever
// the system was about, coming back, and what is refused. Who waits: sim_crash_wait_test.c.
#include "tests/support/crash_stage.h"

static unsigned calls(void)
{
    return handled + stops + events + dead_letters + jobs + outcomes + inits;
}

static void a_crash_calls_nothing_but_what_gives_memory_back(void **state)
{
    (void)state;
    unsigned under_way = 0;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        troupe_sim *sim = new_sim(seed, NULL);
        troupe_ctx *ctx = add(sim, boot_tree);
        assert_int_equal(troupe_sim_run_steps(sim, 1 + seed % 40), TROUPE_OK);
        troupe_ref one = troupe_whereis(ctx, "one");
        for (int i = 0; i < 3; i++)
            (void)troupe_send(ctx, one, Tick);
        if (seed % 3 == 0) // amid a restart of the group
            (void)troupe_kill(ctx, one);
        assert_int_equal(troupe_sim_run_steps(sim, seed % 7), TROUPE_OK);
        unsigned before = calls(), open = inits - defers, waiting = 0;
        waiting = releases;
        uint64_t told = sim->event_count;
        assert_int_equal(troupe_sim_crash(sim, 0), TROUPE_OK);
        assert_int_equal(calls(), before);
        assert_int_equal(sim->event_count, told + 1); // that it has crashed
        assert_true(defers >= open);
        under_way += releases > waiting;
        assert_null(troupe_sim_system(sim, 0));
        assert_false(troupe_sim_step(sim));
        assert_true(troupe_sim_free(sim)); // all memory is back
    }
    assert_true(under_way > 50);
}

static void what_was_not_delivered_is_gone_and_others_go_on(void **state)
{
    (void)state;
    troupe_sim *sim = new_sim(1, NULL);
    uint32_t other;
    assert_int_equal(
        troupe_sim_add(sim, &(troupe_system_opts){.name = "other"}, NULL, NULL, &other), TROUPE_OK);
    forget();
    troupe_system *system;
    assert_int_equal(troupe_sim_add(sim, &(troupe_system_opts){.name = "one"}, NULL, NULL, &other),
                     TROUPE_OK);
    for (uint32_t i = 0; i < 2; i++) {
        system = troupe_sim_system(sim, i);
        troupe_ref ref;
        assert_int_equal(troupe_spawn(troupe_outside(system), &quiet, NULL, &ref), TROUPE_OK);
        for (int j = 0; j < 5; j++)
            assert_int_equal(troupe_send(troupe_outside(system), ref, Tick), TROUPE_OK);
    }
    assert_int_equal(troupe_sim_crash(sim, 1), TROUPE_OK);
    assert_non_null(troupe_sim_system(sim, 0));
    assert_int_equal(troupe_sim_run(sim), TROUPE_OK);
    assert_int_equal(handled, 5);
    assert_true(troupe_sim_free(sim));
}

// ---- Coming back

static void a_restart_boots_again(void **state)
{
    (void)state;
    troupe_sim *sim = new_sim(1, NULL);
    troupe_ctx *ctx = add(sim, boot_tree);
    assert_int_equal(troupe_sim_run_for(sim, 10), TROUPE_OK);
    troupe_ref before = troupe_whereis(ctx, "one");
    assert_int_equal(troupe_sim_restart(sim, 0), TROUPE_EALREADY);
    assert_int_equal(troupe_sim_crash(sim, 0), TROUPE_OK);
    assert_int_equal(troupe_sim_run_for(sim, 10), TROUPE_OK);
    assert_null(troupe_sim_system(sim, 0)); // not by itself
    assert_int_equal(troupe_sim_restart(sim, 0), TROUPE_OK);
    assert_int_equal(boots, 2);
    ctx = troupe_outside(troupe_sim_system(sim, 0));
    assert_int_equal(troupe_sim_run_for(sim, 10), TROUPE_OK);
    assert_false(troupe_ref_is_none(troupe_whereis(ctx, "one")));
    assert_int_equal(troupe_incarnation(ctx, before), 0);
    assert_true(troupe_sim_free(sim));
}

static void a_system_that_was_stopped_can_be_restarted(void **state)
{
    (void)state;
    troupe_sim *sim = new_sim(1, NULL);
    add(sim, boot_tree);
    assert_int_equal(troupe_system_stop(troupe_sim_system(sim, 0), 0, NULL), TROUPE_OK);
    assert_int_equal(troupe_sim_restart(sim, 0), TROUPE_OK);
    assert_int_equal(boots, 2);
    assert_true(troupe_sim_free(sim));
}

static void a_fault_crashes_and_brings_back(void **state)
{
    (void)state;
    troupe_sim *sim = new_sim(
        1, &(troupe_sim_fault){.kind = TROUPE_SIM_CRASH, .step = 9, .ms = 50, .system = "one"});
    add(sim, boot_tree);
    uint64_t start = troupe_sim_now_ns(sim);
    assert_int_equal(troupe_sim_run_for(sim, 49), TROUPE_OK);
    assert_null(troupe_sim_system(sim, 0));
    assert_int_equal(troupe_sim_faults(sim), 1);
    assert_int_equal(troupe_sim_run_for(sim, 2), TROUPE_OK);
    assert_non_null(troupe_sim_system(sim, 0));
    assert_int_equal(boots, 2);
    assert_true(troupe_sim_now_ns(sim) >= start + 50 * UINT64_C(1000000));
    assert_true(troupe_sim_free(sim));
}

static void a_crash_may_be_for_good(void **state)
{
    (void)state;
    troupe_sim *sim =
        new_sim(1, &(troupe_sim_fault){
                       .kind = TROUPE_SIM_CRASH, .per_million = 100000, .ms = TROUPE_NO_LIMIT});
    add(sim, boot_tree);
    assert_int_equal(troupe_sim_run(sim), TROUPE_OK); // nothing is left that ticks
    assert_null(troupe_sim_system(sim, 0));
    assert_int_equal(troupe_sim_faults(sim), 1);
    assert_true(troupe_sim_free(sim));
}

static void systems_crash_again_and_again(void **state)
{
    (void)state;
    unsigned most = 0;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        troupe_sim *sim = new_sim(
            seed, &(troupe_sim_fault){.kind = TROUPE_SIM_CRASH, .per_million = 50000, .ms = 20});
        add(sim, boot_tree);
        assert_int_equal(troupe_sim_run_for(sim, 200), TROUPE_OK);
        most = boots > most ? boots : most;
        assert_int_equal(troupe_sim_faults(sim),
                         boots - (troupe_sim_system(sim, 0) != NULL ? 1 : 0));
        assert_true(troupe_sim_free(sim));
    }
    assert_true(most > 5);
}

static void its_host_is_down_meanwhile(void **state)
{
    (void)state;
    troupe_sim *sim = new_sim(1, NULL);
    assert_int_equal(trp_sim_network_open(sim, NULL), TROUPE_OK);
    add(sim, NULL);
    assert_true(trp_net_host_is_up(sim->net, 0));
    assert_int_equal(troupe_sim_crash(sim, 0), TROUPE_OK);
    assert_false(trp_net_host_is_up(sim->net, 0));
    assert_int_equal(troupe_sim_restart(sim, 0), TROUPE_OK);
    assert_true(trp_net_host_is_up(sim->net, 0));
    assert_true(troupe_sim_free(sim));
}

// ---- What is refused

static troupe_sim *in_handler;
static troupe_status from_handler[2];
static unsigned boots_in_handler;

static troupe_status meddler_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)ctx;
    (void)state;
    (void)msg;
    from_handler[0] = troupe_sim_crash(in_handler, 0);
    from_handler[1] = troupe_sim_restart(in_handler, 1);
    boots_in_handler = boots;
    return TROUPE_OK;
}

static const troupe_behavior meddler = {.name = "meddler", .receive = meddler_receive};

static void a_handler_restarts_a_system_after_its_step_and_crashes_none(void **state)
{
    (void)state;
    troupe_sim *sim = new_sim(1, NULL);
    troupe_ctx *ctx = add(sim, NULL);
    troupe_ref ref;
    boots = 0;
    assert_int_equal(
        troupe_sim_add(sim, &(troupe_system_opts){.name = "two"}, boot_tree, NULL, NULL),
        TROUPE_OK);
    in_handler = sim;
    assert_int_equal(troupe_sim_crash(sim, 1), TROUPE_OK);
    assert_int_equal(troupe_spawn(ctx, &meddler, NULL, &ref), TROUPE_OK);
    assert_int_equal(troupe_send(ctx, ref, Tick), TROUPE_OK);
    assert_int_equal(troupe_sim_run_for(sim, 1), TROUPE_OK);
    assert_int_equal(from_handler[0], TROUPE_ENOTSUP);
    assert_int_equal(from_handler[1], TROUPE_OK);
    assert_int_equal(boots_in_handler, 1);
    assert_non_null(troupe_sim_system(sim, 0));
    assert_non_null(troupe_sim_system(sim, 1));
    assert_int_equal(boots, 2);
    assert_true(troupe_sim_free(sim));
}

static void nothing_comes_back_when_a_simulation_ends(void **state)
{
    (void)state;
    troupe_sim *sim = new_sim(1, NULL);
    troupe_ctx *ctx = add(sim, NULL);
    troupe_ref ref;
    assert_int_equal(
        troupe_sim_add(sim, &(troupe_system_opts){.name = "two"}, boot_tree, NULL, NULL),
        TROUPE_OK);
    in_handler = sim;
    assert_int_equal(troupe_sim_crash(sim, 1), TROUPE_OK);
    assert_int_equal(troupe_spawn(ctx, &meddler, NULL, &ref), TROUPE_OK);
    assert_int_equal(troupe_send(ctx, ref, Tick), TROUPE_OK);
    assert_int_equal(troupe_sim_run_steps(sim, 1), TROUPE_OK); // which restarts it
    assert_true(troupe_sim_free(sim));
    assert_int_equal(boots, 1);
}

static void what_is_not_there_cannot_crash(void **state)
{
    (void)state;
    troupe_sim *sim = new_sim(1, NULL);
    assert_int_equal(troupe_sim_crash(sim, 0), TROUPE_ENOENT);
    assert_string_equal(troupe_error_text(NULL),
                        "troupe_sim_crash: no system is there with the number 0");
    assert_int_equal(troupe_sim_restart(sim, 0), TROUPE_ENOENT);
    assert_string_equal(troupe_error_text(NULL),
                        "troupe_sim_restart: there never was a system with the number 0");
    add(sim, NULL);
    assert_int_equal(troupe_sim_crash(sim, 0), TROUPE_OK);
    assert_int_equal(troupe_sim_crash(sim, 0), TROUPE_ENOENT);
    assert_true(troupe_sim_free(sim));
}

// ---- After a failure of the simulation

static void a_system_can_be_stopped_after_a_failure(void **state)
{
    (void)state;
    troupe_sim *sim = new_sim(1, NULL);
    troupe_ctx *ctx = add(sim, boot_tree);
    troupe_sim_fail(sim, "for the test");
    assert_int_equal(troupe_sim_run(sim), TROUPE_ECANCELED);
    assert_int_equal(troupe_system_stop(troupe_system_of(ctx), TROUPE_NO_LIMIT, NULL), TROUPE_OK);
    assert_null(troupe_sim_system(sim, 0));
    assert_false(troupe_sim_free(sim));
}

static troupe_status waiter_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)ctx;
    (void)state;
    (void)msg;
    troupe_ctx *other = troupe_outside(troupe_sim_system(in_handler, 1));
    return troupe_spawn_wait(other, &rich, NULL, NULL, NULL, NULL);
}

static const troupe_behavior waiter = {.name = "waiter", .receive = waiter_receive};

static void a_handler_must_not_wait(void **state)
{
    (void)state;
    troupe_sim *sim = new_sim(1, NULL);
    troupe_ctx *ctx = add(sim, NULL);
    troupe_ref ref;
    assert_int_equal(troupe_sim_add(sim, &(troupe_system_opts){.name = "two"}, NULL, NULL, NULL),
                     TROUPE_OK);
    in_handler = sim;
    assert_int_equal(troupe_spawn(ctx, &waiter, NULL, &ref), TROUPE_OK);
    assert_int_equal(troupe_send(ctx, ref, Tick), TROUPE_OK);
    assert_int_equal(troupe_sim_run(sim), TROUPE_ECANCELED);
    assert_string_equal(troupe_sim_failure(sim),
                        "a handler waits for something, or runs the simulation");
    assert_false(troupe_sim_free(sim));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_crash_calls_nothing_but_what_gives_memory_back),
        cmocka_unit_test(what_was_not_delivered_is_gone_and_others_go_on),
        cmocka_unit_test(a_restart_boots_again),
        cmocka_unit_test(a_system_that_was_stopped_can_be_restarted),
        cmocka_unit_test(a_fault_crashes_and_brings_back),
        cmocka_unit_test(a_crash_may_be_for_good),
        cmocka_unit_test(systems_crash_again_and_again),
        cmocka_unit_test(its_host_is_down_meanwhile),
        cmocka_unit_test(a_handler_restarts_a_system_after_its_step_and_crashes_none),
        cmocka_unit_test(nothing_comes_back_when_a_simulation_ends),
        cmocka_unit_test(what_is_not_there_cannot_crash),
        cmocka_unit_test(a_system_can_be_stopped_after_a_failure),
        cmocka_unit_test(a_handler_must_not_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
