// Crashes in a simulation that strike while something waits in the system: how it comes out, and
// that what it needs is there until then.
#include "tests/support/crash_stage.h"

// ---- Waiting in a system that crashes

static troupe_sim *new_to_crash_at(uint64_t seed, uint64_t step, uint32_t ms)
{
    return new_sim(seed, &(troupe_sim_fault){.kind = TROUPE_SIM_CRASH, .step = step, .ms = ms});
}

static void a_call_comes_out(void **state)
{
    (void)state;
    for (uint64_t step = 1; step <= 4; step++) {
        troupe_sim *sim = new_to_crash_at(1, step, 5);
        troupe_ctx *ctx = add(sim, NULL);
        troupe_ref ref, slow;
        assert_int_equal(troupe_spawn(ctx, &rich, NULL, &ref), TROUPE_OK);
        assert_int_equal(troupe_spawn(ctx, &quiet, NULL, &slow), TROUPE_OK);
        assert_int_equal(troupe_after(ctx, 1, slow, NULL, Tick), TROUPE_OK);
        troupe_msg *reply;
        troupe_status status = troupe_call(ctx, ref, TROUPE_NO_LIMIT, &reply, Question);
        assert_true(status == TROUPE_EDOWN || status == TROUPE_ENOREPLY);
        if (troupe_sim_faults(sim) > 0)
            assert_int_equal(status, TROUPE_EDOWN);
        assert_null(reply);
        assert_int_equal(troupe_sim_run_for(sim, 10), TROUPE_OK);
        assert_non_null(troupe_sim_system(sim, 0));
        assert_true(troupe_sim_free(sim));
    }
}

static void a_join_comes_out(void **state)
{
    (void)state;
    troupe_sim *sim = new_to_crash_at(1, 3, 5);
    troupe_ctx *ctx = add(sim, NULL);
    troupe_ref ref;
    troupe_reason_kind kind;
    assert_int_equal(troupe_spawn(ctx, &rich, NULL, &ref), TROUPE_OK);
    assert_int_equal(troupe_join(ctx, ref, TROUPE_NO_LIMIT, &kind), TROUPE_OK);
    assert_int_equal(kind, TROUPE_KILLED);
    assert_null(troupe_sim_system(sim, 0));
    // What is left of it can still be used until the simulation goes on.
    assert_int_equal(troupe_send(ctx, ref, Tick), TROUPE_EDEAD);
    assert_int_equal(troupe_spawn(ctx, &rich, NULL, NULL), TROUPE_ECLOSED);
    assert_int_equal(troupe_join(ctx, ref, TROUPE_NO_LIMIT, &kind), TROUPE_OK);
    assert_int_equal(kind, TROUPE_NOACTOR);
    assert_int_equal(troupe_system_wait(troupe_system_of(ctx), TROUPE_NO_LIMIT), TROUPE_OK);
    assert_true(troupe_sim_free(sim));
}

static void a_wait_for_a_start_comes_out(void **state)
{
    (void)state;
    troupe_sim *sim = new_to_crash_at(1, 4, TROUPE_NO_LIMIT);
    troupe_ctx *ctx = add(sim, NULL);
    assert_int_equal(troupe_supervise_wait(ctx, &tree, NULL), TROUPE_ESTART);
    assert_null(troupe_sim_system(sim, 0));
    assert_int_equal(troupe_sim_run(sim), TROUPE_OK);
    assert_true(troupe_sim_free(sim));
}

static void a_wait_for_the_end_comes_out(void **state)
{
    (void)state;
    troupe_sim *sim = new_to_crash_at(1, 40, 5);
    troupe_ctx *ctx = add(sim, boot_tree);
    assert_int_equal(troupe_system_wait(troupe_system_of(ctx), TROUPE_NO_LIMIT), TROUPE_OK);
    assert_null(troupe_sim_system(sim, 0));
    assert_int_equal(troupe_sim_restart(sim, 0), TROUPE_OK);
    assert_int_equal(boots, 2);
    assert_true(troupe_sim_free(sim));
}

static void a_stop_that_a_crash_overtakes_is_a_stop(void **state)
{
    (void)state;
    for (uint64_t step = 30; step <= 45; step++) {
        troupe_sim *sim = new_to_crash_at(1, step, 5);
        troupe_ctx *ctx = add(sim, boot_tree);
        assert_int_equal(troupe_sim_run_steps(sim, 29), TROUPE_OK);
        assert_int_equal(troupe_system_stop(troupe_system_of(ctx), TROUPE_NO_LIMIT, NULL),
                         TROUPE_OK);
        assert_null(troupe_sim_system(sim, 0));
        assert_int_equal(troupe_sim_run(sim), TROUPE_OK);
        assert_int_equal(boots, 1);
        assert_true(troupe_sim_free(sim));
    }
}

static void what_is_left_after_a_crash_can_be_stopped(void **state)
{
    (void)state;
    troupe_sim *sim = new_to_crash_at(1, 3, 5);
    troupe_ctx *ctx = add(sim, NULL);
    troupe_ref ref;
    assert_int_equal(troupe_spawn(ctx, &rich, NULL, &ref), TROUPE_OK);
    assert_int_equal(troupe_join(ctx, ref, TROUPE_NO_LIMIT, NULL), TROUPE_OK);
    assert_int_equal(troupe_system_stop(troupe_system_of(ctx), 0, NULL), TROUPE_OK);
    assert_int_equal(troupe_sim_run(sim), TROUPE_OK);
    assert_null(troupe_sim_system(sim, 0)); // for good
    assert_true(troupe_sim_free(sim));
}

// A blocking job that asks an actor, and so runs the simulation.
struct asking {
    troupe_ctx *outside;
    troupe_ref ref;
};

TROUPE_STRUCT(Asking, struct asking);

static troupe_status ask_in_job(void *arg)
{
    struct asking *asking = arg;
    jobs++;
    return troupe_call(asking->outside, asking->ref, TROUPE_NO_LIMIT, NULL, Question);
}

static troupe_status asker_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    struct asking *asking = state;
    const struct asking *wanted = troupe_match(msg, Asking);
    if (wanted == NULL)
        return TROUPE_UNHANDLED;
    *asking = *wanted;
    static struct asking copy;
    copy = *wanted;
    return troupe_run_blocking(ctx, ask_in_job, &copy, count_release, count_outcome, NULL);
}

static const troupe_behavior asker = {
    .name = "asker", .state_size = sizeof(struct asking), .receive = asker_receive};

static void a_job_that_waits_outlives_the_crash(void **state)
{
    (void)state;
    unsigned under_way = 0;
    for (uint64_t step = 1; step <= 12; step++) {
        for (int elsewhere = 0; elsewhere < 2; elsewhere++) {
            troupe_sim *sim =
                new_sim(1, &(troupe_sim_fault){
                               .kind = TROUPE_SIM_CRASH, .step = step, .ms = 5, .system = "one"});
            troupe_ctx *one = add(sim, NULL);
            uint32_t index;
            assert_int_equal(
                troupe_sim_add(sim, &(troupe_system_opts){.name = "two"}, NULL, NULL, &index),
                TROUPE_OK);
            troupe_ctx *two = troupe_outside(troupe_sim_system(sim, 1));
            troupe_ctx *asked = elsewhere ? two : one;
            troupe_ref ref, from;
            assert_int_equal(troupe_spawn(asked, &quiet, NULL, &ref), TROUPE_OK);
            assert_int_equal(troupe_spawn(one, &asker, NULL, &from), TROUPE_OK);
            for (int i = 0; i < 8; i++)
                assert_int_equal(troupe_send(asked, ref, Tick), TROUPE_OK);
            assert_int_equal(troupe_send(one, from, Asking, .outside = asked, .ref = ref),
                             TROUPE_OK);
            assert_int_equal(troupe_sim_run(sim), TROUPE_OK);
            under_way += jobs == 1 && outcomes == 0;
            assert_true(releases == 1 || troupe_sim_faults(sim) == 1);
            assert_true(troupe_sim_free(sim));
        }
    }
    assert_true(under_way > 3);
}

// Answers by and by.
static troupe_status slow_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    troupe_token *token = state;
    if (troupe_match(msg, Tick))
        return troupe_reply_to(ctx, *token, Tick);
    troupe_status status = troupe_token_take(ctx, token);
    return status == TROUPE_OK ? troupe_after(ctx, 20, troupe_self(ctx), NULL, Tick) : status;
}

static const troupe_behavior slow = {
    .name = "slow", .state_size = sizeof(troupe_token), .receive = slow_receive};

static uint64_t booted_at;

static void boot_and_look_at_the_clock(troupe_sim *sim, troupe_system *system, void *user)
{
    (void)system;
    (void)user;
    boots++;
    booted_at = troupe_sim_now_ns(sim);
}

static void a_system_comes_back_when_its_jobs_are_over(void **state)
{
    (void)state;
    unsigned under_way = 0;
    for (uint64_t step = 1; step <= 8; step++) {
        troupe_sim *sim = new_sim(
            step,
            &(troupe_sim_fault){.kind = TROUPE_SIM_CRASH, .step = step, .ms = 5, .system = "one"});
        troupe_ctx *one = add(sim, boot_and_look_at_the_clock);
        assert_int_equal(
            troupe_sim_add(sim, &(troupe_system_opts){.name = "two"}, NULL, NULL, NULL), TROUPE_OK);
        troupe_ctx *two = troupe_outside(troupe_sim_system(sim, 1));
        uint64_t start = troupe_sim_now_ns(sim);
        troupe_ref ref, from;
        assert_int_equal(troupe_spawn(two, &slow, NULL, &ref), TROUPE_OK);
        assert_int_equal(troupe_spawn(one, &asker, NULL, &from), TROUPE_OK);
        assert_int_equal(troupe_send(one, from, Asking, .outside = two, .ref = ref), TROUPE_OK);
        assert_int_equal(troupe_sim_run(sim), TROUPE_OK);
        if (troupe_sim_faults(sim) == 1) {
            bool waited = jobs == 1 && outcomes == 0;
            assert_int_equal(boots, 2);
            assert_true(booted_at >= start + (waited ? 20 : 5) * UINT64_C(1000000));
            under_way += waited;
        }
        assert_true(troupe_sim_free(sim));
    }
    assert_true(under_way > 0);
}

// ---- Boot functions that wait

static void boot_and_wait(troupe_sim *sim, troupe_system *system, void *user)
{
    troupe_status *status = user;
    (void)sim;
    boots++;
    *status = troupe_supervise_wait(troupe_outside(system), &tree, NULL);
}

static void a_crash_may_strike_while_a_system_boots(void **state)
{
    (void)state;
    troupe_status status;
    troupe_sim *sim = new_to_crash_at(1, 4, 5);
    boots = 0;
    assert_int_equal(troupe_sim_add(sim, NULL, boot_and_wait, &status, NULL), TROUPE_OK);
    assert_int_equal(status, TROUPE_ESTART);
    assert_null(troupe_sim_system(sim, 0));
    assert_int_equal(troupe_sim_run_for(sim, 10), TROUPE_OK);
    assert_int_equal(status, TROUPE_OK);
    assert_int_equal(boots, 2);
    assert_true(troupe_sim_free(sim));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_comes_out),
        cmocka_unit_test(a_join_comes_out),
        cmocka_unit_test(a_wait_for_a_start_comes_out),
        cmocka_unit_test(a_wait_for_the_end_comes_out),
        cmocka_unit_test(a_stop_that_a_crash_overtakes_is_a_stop),
        cmocka_unit_test(what_is_left_after_a_crash_can_be_stopped),
        cmocka_unit_test(a_job_that_waits_outlives_the_crash),
        cmocka_unit_test(a_system_comes_back_when_its_jobs_are_over),
        cmocka_unit_test(a_crash_may_strike_while_a_system_boots),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
