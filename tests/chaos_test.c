// A small tree amid chaos, in the deterministic driver, under many seeds: each is another tree with
// another fate, and the same one every time. See tests/support/chaos.h.
//
// TROUPE_SEEDS=5000 in the environment takes more seeds, TROUPE_SEED=17 that one only.
#include "sim/driver.h"
#include "tests/support/chaos.h"
#include "tests/support/gate.h"

#define SEEDS (CHAOS_SANITIZED ? 100 : 1000)
#define STEPS 1500

static struct trp_driver driver;
static int pauses;

static bool let_time_pass(void)
{
    trp_driver_advance(&driver, 10);
    return ++pauses < 10000;
}

// What is done from outside falls anywhere into what happens inside.
static void do_much(struct trp_random *random)
{
    uint32_t haste = 1 + trp_random_below(random, 40); // how far apart
    for (int i = 0; i < STEPS; i++) {
        chaos_do_something(trp_random_next(random));
        for (uint32_t steps = trp_random_below(random, haste); steps > 0; steps--)
            if (!trp_driver_step(&driver))
                break;
        if (trp_random_below(random, 16) == 0)
            trp_driver_advance(&driver, trp_random_below(random, 4));
    }
}

static void run(uint64_t seed)
{
    struct books books;
    troupe_allocator allocator = books_open(&books);
    troupe_report report;
    struct trp_random random;
    troupe_system_opts opts = {
        .allocator = &allocator, .on_event = chaos_observe, .on_dead_letter = chaos_observe_dead};
    struct chaos_shape shape = {.fan = 2, .leaves = 2 + (uint32_t)(seed % 5), .driven = true};
    allocator.uncached = seed % 2 == 0;
    trp_random_init(&random, ~seed);
    chaos_open(seed, &shape);
    assert_int_equal(trp_driver_start(&driver, seed, &opts), TROUPE_OK);
    pauses = 0;
    chaos_start(driver.system, let_time_pass);
    do_much(&random);
    pauses = 0;
    chaos_calm_down(let_time_pass);
    assert_int_equal(trp_driver_stop(&driver, TROUPE_NO_LIMIT, &report), TROUPE_OK);
    chaos_close(&report);
    books_close(&books);
}

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : otherwise;
}

static void a_tree_survives_chaos_whatever_its_fate(void **state)
{
    uint64_t seed = from_environment("TROUPE_SEED", 1);
    uint64_t last = getenv("TROUPE_SEED") ? seed : from_environment("TROUPE_SEEDS", SEEDS);
    (void)state;
    for (; seed <= last; seed++)
        run(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tree_survives_chaos_whatever_its_fate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
