// The public simulation: who is next, time, what must be so, and that a seed decides all of it.
#include "tests/support/test.h"
#include "troupe.h"
#include "troupe/sim.h"

#include <inttypes.h>
#include <string.h>

struct number {
    int64_t value;
};

TROUPE_STRUCT(Number, struct number);
TROUPE_EMPTY(Tick);
TROUPE_EMPTY(Again);

// ---- Actors that write down what they get, one letter each

static char heard[64];

static void hear(int64_t letter)
{
    size_t length = strlen(heard);
    if (length + 1 < sizeof heard) {
        heard[length] = (char)letter;
        heard[length + 1] = 0;
    }
}

static troupe_status listener_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)ctx;
    (void)state;
    const struct number *number = troupe_match(msg, Number);
    if (number == NULL)
        return TROUPE_UNHANDLED;
    hear(number->value);
    return TROUPE_OK;
}

static const troupe_behavior listener = {.name = "listener", .receive = listener_receive};

static troupe_status loop_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    (void)msg;
    return troupe_send(ctx, troupe_self(ctx), Again);
}

static const troupe_behavior loop = {.name = "loop", .receive = loop_receive};

static troupe_sim *new_sim(uint64_t seed, const troupe_sim_opts *opts)
{
    troupe_sim *sim;
    memset(heard, 0, sizeof heard);
    assert_int_equal(troupe_sim_new(seed, opts, &sim), TROUPE_OK);
    return sim;
}

static troupe_ctx *add(troupe_sim *sim, const char *name)
{
    const troupe_system_opts opts = {.name = name};
    uint32_t index;
    assert_int_equal(troupe_sim_add(sim, &opts, NULL, NULL, &index), TROUPE_OK);
    return troupe_outside(troupe_sim_system(sim, index));
}

static troupe_ref spawn(troupe_ctx *ctx, const troupe_behavior *behavior)
{
    troupe_ref ref;
    assert_int_equal(troupe_spawn(ctx, behavior, NULL, &ref), TROUPE_OK);
    return ref;
}

// ---- Order

// Three listeners get a letter each.
static void say_three(troupe_sim *sim)
{
    troupe_ctx *ctx = add(sim, "one");
    for (int64_t letter = 'a'; letter <= 'c'; letter++)
        assert_int_equal(troupe_send(ctx, spawn(ctx, &listener), Number, .value = letter),
                         TROUPE_OK);
    assert_int_equal(troupe_sim_run(sim), TROUPE_OK);
}

// Counts how many of the six orders `tell` takes under 300 seeds.
static unsigned orders_of(void (*tell)(troupe_sim *sim), const troupe_sim_opts *opts)
{
    static const char *const orders[] = {"abc", "acb", "bac", "bca", "cab", "cba"};
    unsigned seen[6] = {0}, count = 0;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        troupe_sim *sim = new_sim(seed, opts);
        tell(sim);
        for (unsigned i = 0; i < 6; i++)
            seen[i] += strcmp(heard, orders[i]) == 0;
        assert_true(troupe_sim_free(sim));
    }
    for (unsigned i = 0; i < 6; i++)
        count += seen[i] > 0;
    return count;
}

static void a_random_walk_takes_every_order(void **state)
{
    (void)state;
    assert_int_equal(orders_of(say_three, NULL), 6);
}

static void priorities_take_every_order(void **state)
{
    (void)state;
    assert_int_equal(orders_of(say_three, &(troupe_sim_opts){.strategy = TROUPE_SIM_PRIORITIES}),
                     6);
}

static void round_robin_takes_one_order(void **state)
{
    (void)state;
    assert_int_equal(orders_of(say_three, &(troupe_sim_opts){.strategy = TROUPE_SIM_ROUND_ROBIN}),
                     1);
    assert_string_equal(heard, "abc");
}

static void arm_three(troupe_sim *sim)
{
    troupe_ctx *ctx = add(sim, "one");
    troupe_ref ref = spawn(ctx, &listener);
    for (int64_t letter = 'a'; letter <= 'c'; letter++)
        assert_int_equal(troupe_after(ctx, 10, ref, NULL, Number, .value = letter), TROUPE_OK);
    assert_int_equal(troupe_sim_run(sim), TROUPE_OK);
}

static void timers_that_are_due_at_once_go_off_in_any_order(void **state)
{
    (void)state;
    assert_int_equal(orders_of(arm_three, NULL), 6);
}

static void say_in_three_systems(troupe_sim *sim)
{
    static const char *const names[] = {"a", "b", "c"};
    for (int i = 0; i < 3; i++) {
        troupe_ctx *ctx = add(sim, names[i]);
        assert_int_equal(troupe_send(ctx, spawn(ctx, &listener), Number, .value = names[i][0]),
                         TROUPE_OK);
    }
    assert_int_equal(troupe_sim_run(sim), TROUPE_OK);
}

static void several_systems_take_every_order(void **state)
{
    (void)state;
    assert_int_equal(orders_of(say_in_three_systems, NULL), 6);
}

static void nobody_starves_in_round_robin(void **state)
{
    (void)state;
    troupe_sim *sim = new_sim(1, &(troupe_sim_opts){.strategy = TROUPE_SIM_ROUND_ROBIN});
    troupe_ctx *ctx = add(sim, "one");
    assert_int_equal(troupe_send(ctx, spawn(ctx, &loop), Again), TROUPE_OK);
    assert_int_equal(troupe_send(ctx, spawn(ctx, &listener), Number, .value = 'x'), TROUPE_OK);
    assert_int_equal(troupe_sim_run_steps(sim, 10), TROUPE_OK);
    assert_string_equal(heard, "x");
    assert_true(troupe_sim_free(sim));
}

// ---- Time

static void nothing_real_is_waited_for(void **state)
{
    (void)state;
    troupe_sim *sim = new_sim(1, NULL);
    troupe_ctx *ctx = add(sim, "one");
    uint32_t day_ms = 24 * 3600 * 1000;
    uint64_t start = troupe_sim_now_ns(sim);
    assert_int_equal(troupe_after(ctx, day_ms, spawn(ctx, &listener), NULL, Number, .value = 'x'),
                     TROUPE_OK);
    assert_int_equal(troupe_sim_run_for(sim, day_ms - 1), TROUPE_OK);
    assert_string_equal(heard, "");
    assert_int_equal(troupe_sim_now_ns(sim) - start, (day_ms - 1) * UINT64_C(1000000));
    assert_int_equal(troupe_sim_run_for(sim, 2), TROUPE_OK);
    assert_string_equal(heard, "x");
    assert_true(troupe_sim_free(sim));
}

static void a_busy_system_does_not_stop_the_clock(void **state)
{
    (void)state;
    troupe_sim *sim = new_sim(1, NULL);
    troupe_ctx *ctx = add(sim, "one");
    assert_int_equal(troupe_send(ctx, spawn(ctx, &loop), Again), TROUPE_OK);
    assert_int_equal(troupe_after(ctx, 5, spawn(ctx, &listener), NULL, Number, .value = 'x'),
                     TROUPE_OK);
    assert_int_equal(troupe_sim_run_for(sim, 7), TROUPE_OK);
    assert_string_equal(heard, "x");
    assert_true(troupe_sim_free(sim));
}

static void a_wait_ends_in_time_though_others_are_busy(void **state)
{
    (void)state;
    troupe_sim *sim = new_sim(1, NULL);
    troupe_ctx *ctx = add(sim, "one");
    assert_int_equal(troupe_send(ctx, spawn(ctx, &loop), Again), TROUPE_OK);
    uint64_t start = troupe_sim_now_ns(sim);
    assert_int_equal(troupe_join(ctx, spawn(ctx, &listener), 7, NULL), TROUPE_ETIMEDOUT);
    assert_int_equal((troupe_sim_now_ns(sim) - start) / 1000000, 7);
    assert_true(troupe_sim_free(sim));
}

// ---- What must be so

static bool has_heard(troupe_sim *sim, void *arg)
{
    (void)sim;
    return strcmp(heard, arg) == 0;
}

static bool has_not_heard(troupe_sim *sim, void *arg)
{
    return !has_heard(sim, arg);
}

static void an_invariant_is_looked_at_after_each_step(void **state)
{
    (void)state;
    troupe_sim *sim = new_sim(1, NULL);
    troupe_ctx *ctx = add(sim, "one");
    char forbidden[] = "aa";
    assert_int_equal(troupe_sim_invariant(sim, "never aa", has_not_heard, forbidden), TROUPE_OK);
    troupe_ref ref = spawn(ctx, &listener);
    for (int i = 1; i <= 3; i++)
        assert_int_equal(troupe_after(ctx, i, ref, NULL, Number, .value = 'a'), TROUPE_OK);
    assert_int_equal(troupe_sim_run(sim), TROUPE_ECANCELED);
    assert_string_equal(heard, "aa"); // nothing ran after that
    assert_string_equal(troupe_sim_failure(sim), "\"never aa\" does not hold");
    assert_false(troupe_sim_step(sim));
    assert_false(troupe_sim_free(sim));
    assert_string_equal(troupe_error_text(NULL), "\"never aa\" does not hold");
}

static void what_must_happen_is_waited_for_in_virtual_time(void **state)
{
    (void)state;
    troupe_sim *sim = new_sim(1, NULL);
    troupe_ctx *ctx = add(sim, "one");
    char wanted[] = "x";
    assert_int_equal(troupe_after(ctx, 100, spawn(ctx, &listener), NULL, Number, .value = 'x'),
                     TROUPE_OK);
    assert_int_equal(troupe_sim_run_until(sim, has_heard, wanted, 99), TROUPE_ETIMEDOUT);
    assert_null(troupe_sim_failure(sim));
    assert_true(troupe_sim_eventually(sim, "x is heard", has_heard, wanted, 2));
    wanted[0] = 'y';
    assert_false(troupe_sim_eventually(sim, "y is heard", has_heard, wanted, 1000));
    assert_string_equal(troupe_sim_failure(sim), "\"y is heard\" has not come true within 1000 ms");
    assert_false(troupe_sim_free(sim));
}

static void a_run_without_end_fails(void **state)
{
    (void)state;
    troupe_sim *sim = new_sim(1, &(troupe_sim_opts){.max_steps = 500});
    troupe_ctx *ctx = add(sim, "one");
    assert_int_equal(troupe_send(ctx, spawn(ctx, &loop), Again), TROUPE_OK);
    assert_int_equal(troupe_sim_run(sim), TROUPE_ECANCELED);
    assert_string_equal(troupe_sim_failure(sim),
                        "it goes on for 500 steps: a livelock, or a timer without end");
    assert_false(troupe_sim_free(sim));
}

static void a_predicate_must_be_given(void **state)
{
    (void)state;
    troupe_sim *sim = new_sim(1, NULL);
    assert_int_equal(troupe_sim_invariant(sim, NULL, has_heard, NULL), TROUPE_EINVAL);
    assert_string_equal(troupe_error_text(NULL), "troupe_sim_invariant: name is NULL");
    assert_int_equal(troupe_sim_invariant(sim, "none", NULL, NULL), TROUPE_EINVAL);
    assert_string_equal(troupe_error_text(NULL), "troupe_sim_invariant: holds is NULL");
    assert_int_equal(troupe_sim_run_until(sim, NULL, NULL, 1), TROUPE_EINVAL);
    assert_null(troupe_sim_failure(sim));
    assert_false(troupe_sim_eventually(sim, "none", NULL, NULL, 1));
    assert_string_equal(troupe_sim_failure(sim), "troupe_sim_eventually: holds is NULL");
    assert_false(troupe_sim_free(sim));
}

static void a_check_names_itself(void **state)
{
    (void)state;
    troupe_sim *sim = new_sim(1, NULL);
    assert_true(TROUPE_SIM_CHECK(sim, sim != NULL));
    assert_false(TROUPE_SIM_CHECK(sim, sim == NULL));
    assert_non_null(strstr(troupe_sim_failure(sim), "tests/sim_test.c:"));
    assert_non_null(strstr(troupe_sim_failure(sim), "sim == NULL"));
    assert_false(troupe_sim_free(sim));
}

// ---- Systems

static void two_systems_need_two_names(void **state)
{
    (void)state;
    troupe_sim *sim = new_sim(1, NULL);
    assert_int_equal(troupe_sim_add(sim, NULL, NULL, NULL, NULL), TROUPE_OK);
    assert_int_equal(troupe_sim_add(sim, NULL, NULL, NULL, NULL), TROUPE_EEXIST);
    assert_string_equal(troupe_error_text(NULL),
                        "troupe_sim_add: there is a system \"troupe\" already; set opts.name");
    assert_true(troupe_sim_free(sim));
}

static void a_name_that_is_too_long_is_refused(void **state)
{
    (void)state;
    troupe_sim *sim = new_sim(1, NULL);
    const troupe_system_opts opts = {.name = "a name that has more than 31 byte"};
    assert_int_equal(troupe_sim_add(sim, &opts, NULL, NULL, NULL), TROUPE_EINVAL);
    assert_string_equal(troupe_error_text(NULL),
                        "troupe_sim_add: name has 33 bytes; at most 31 are allowed");
    assert_true(troupe_sim_free(sim));
}

static void a_stopped_system_is_gone(void **state)
{
    (void)state;
    troupe_sim *sim = new_sim(1, NULL);
    troupe_ctx *ctx = add(sim, "one");
    spawn(ctx, &listener);
    assert_int_equal(troupe_system_stop(troupe_sim_system(sim, 0), 0, NULL), TROUPE_OK);
    assert_null(troupe_sim_system(sim, 0));
    assert_null(troupe_sim_system(sim, 7));
    assert_false(troupe_sim_step(sim));
    assert_true(troupe_sim_free(sim));
}

static void a_stop_that_is_late_comes_to_its_end_all_the_same(void **state)
{
    (void)state;
    troupe_sim *sim = new_sim(1, NULL);
    troupe_ctx *ctx = add(sim, "one");
    for (int i = 0; i < 5000; i++) // a step each, of 1 us
        spawn(ctx, &listener);
    assert_int_equal(troupe_system_stop(troupe_sim_system(sim, 0), 1, NULL), TROUPE_OK);
    assert_null(troupe_sim_system(sim, 0));
    assert_true(troupe_sim_free(sim));
}

static void bad_options_are_refused(void **state)
{
    (void)state;
    troupe_sim *sim;
    assert_int_equal(troupe_sim_new(1, NULL, NULL), TROUPE_EINVAL);
    assert_int_equal(troupe_sim_new(1, &(troupe_sim_opts){.strategy = 7}, &sim), TROUPE_EINVAL);
    assert_string_equal(troupe_error_text(NULL),
                        "troupe_sim_new: strategy is 7; use one of enum troupe_sim_strategy");
    assert_null(sim);
    assert_int_equal(troupe_sim_new(1, &(troupe_sim_opts){.trace = 1000001}, &sim), TROUPE_EINVAL);
    assert_int_equal(troupe_sim_new(1, &(troupe_sim_opts){.changes = 1001}, &sim), TROUPE_EINVAL);
}

// ---- The same run again

static uint64_t hash_of(uint64_t seed, const troupe_sim_opts *opts)
{
    troupe_sim *sim = new_sim(seed, opts);
    say_three(sim);
    troupe_ctx *ctx = add(sim, "two");
    for (int i = 0; i < 8; i++) {
        uint32_t ms = troupe_sim_pick(sim, 5);
        assert_true(ms < 5);
        assert_int_equal(troupe_after(ctx, ms, spawn(ctx, &listener), NULL, Number, .value = 'x'),
                         TROUPE_OK);
    }
    assert_int_equal(troupe_sim_run(sim), TROUPE_OK);
    uint64_t hash = troupe_sim_hash(sim);
    assert_true(troupe_sim_free(sim));
    return hash;
}

static void a_seed_gives_the_same_run_and_another_one_another(void **state)
{
    (void)state;
    for (int strategy = 0; strategy <= TROUPE_SIM_PRIORITIES; strategy++) {
        const troupe_sim_opts opts = {.strategy = (troupe_sim_strategy)strategy};
        uint64_t before = 0;
        for (uint64_t seed = 1; seed <= 20; seed++) {
            uint64_t hash = hash_of(seed, &opts);
            assert_true(hash == hash_of(seed, &opts));
            assert_true(hash != before);
            before = hash;
        }
    }
}

// gcc and clang, with sanitizers and without, must agree on these. A change of what the runtime
// does, in which order, or of what the trace holds changes them; then they are written anew.
static void runs_are_the_same_for_every_compiler(void **state)
{
    (void)state;
    static const uint64_t expected[] = {UINT64_C(0x224dd4859c6f7d37), UINT64_C(0x2eae1c4297ee4369),
                                        UINT64_C(0x8d2890217c7bee94)};
    bool same = true;
    for (int strategy = 0; strategy < 3; strategy++) {
        uint64_t hash = hash_of(7, &(troupe_sim_opts){.strategy = (troupe_sim_strategy)strategy});
        if (hash != expected[strategy])
            print_message("strategy %d: 0x%016" PRIx64 "\n", strategy, hash);
        same = same && hash == expected[strategy];
    }
    assert_true(same);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_random_walk_takes_every_order),
        cmocka_unit_test(priorities_take_every_order),
        cmocka_unit_test(round_robin_takes_one_order),
        cmocka_unit_test(timers_that_are_due_at_once_go_off_in_any_order),
        cmocka_unit_test(several_systems_take_every_order),
        cmocka_unit_test(nobody_starves_in_round_robin),
        cmocka_unit_test(nothing_real_is_waited_for),
        cmocka_unit_test(a_busy_system_does_not_stop_the_clock),
        cmocka_unit_test(a_wait_ends_in_time_though_others_are_busy),
        cmocka_unit_test(an_invariant_is_looked_at_after_each_step),
        cmocka_unit_test(what_must_happen_is_waited_for_in_virtual_time),
        cmocka_unit_test(a_run_without_end_fails),
        cmocka_unit_test(a_check_names_itself),
        cmocka_unit_test(two_systems_need_two_names),
        cmocka_unit_test(a_name_that_is_too_long_is_refused),
        cmocka_unit_test(a_predicate_must_be_given),
        cmocka_unit_test(a_stopped_system_is_gone),
        cmocka_unit_test(a_stop_that_is_late_comes_to_its_end_all_the_same),
        cmocka_unit_test(bad_options_are_refused),
        cmocka_unit_test(a_seed_gives_the_same_run_and_another_one_another),
        cmocka_unit_test(runs_are_the_same_for_every_compiler),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
