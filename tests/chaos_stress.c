// A tree of ten thousand actors amid chaos: see tests/support/chaos.h. Threads of the program do
// their part of it: they have imps act, end whom they meet, and ask offices for this and that, for
// a number of steps. That no message is lost is checked by the runtime at the stop, that no memory
// is, by its allocator.
//
// TROUPE_SEED=17 in the environment is that tree only.
#include "tests/support/chaos.h"
#include "tests/support/gate.h"

#include <stdio.h>
#include <time.h>

#define THREADS 3

#if defined(__SANITIZE_THREAD__)
#    define STEPS 10000 // of each
#elif defined(__SANITIZE_ADDRESS__)
#    define STEPS 30000
#else
#    define STEPS 50000
#endif

static const struct chaos_shape shape = {.fan = 10, .leaves = 10};

static void *outsider(void *seed)
{
    struct trp_random random;
    trp_random_init(&random, *(const uint64_t *)seed);
    for (int i = 0; i < STEPS; i++)
        chaos_do_something(trp_random_next(&random));
    return NULL;
}

static time_t patience;

static bool pause_a_little(void)
{
    (void)nanosleep(&(struct timespec){0, 1000000}, NULL);
    return time(NULL) < patience;
}

static void run(uint64_t seed, uint32_t workers)
{
    struct books books;
    troupe_allocator allocator = books_open(&books);
    troupe_system *system;
    troupe_report report;
    pthread_t threads[THREADS];
    uint64_t seeds[THREADS];
    troupe_system_opts opts = {.workers = workers,
                               .seed = seed,
                               .allocator = &allocator,
                               .on_event = chaos_observe,
                               .on_dead_letter = chaos_observe_dead};
    fprintf(stderr, "chaos, seed %llu, %u workers: ", (unsigned long long)seed, workers);
    chaos_open(seed, &shape);
    assert_int_equal(troupe_system_start(&opts, &system), TROUPE_OK);
    patience = time(NULL) + 120;
    chaos_start(system, pause_a_little);
    for (uint64_t i = 0; i < THREADS; i++) {
        seeds[i] = seed * THREADS + i;
        assert_int_equal(pthread_create(&threads[i], NULL, outsider, &seeds[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    patience = time(NULL) + 120;
    chaos_calm_down(pause_a_little);
    fprintf(stderr, "%llu restarts, %zu gave up, %u are left, ", (unsigned long long)chaos.restarts,
            chaos.gave_up_count, chaos.at_work);
    assert_int_equal(troupe_system_stop(system, TROUPE_NO_LIMIT, &report), TROUPE_OK);
    fprintf(stderr,
            "%llu abandoned, %llu links and %llu monitors told, %llu actors, %llu messages\n",
            (unsigned long long)report.stats.abandoned, (unsigned long long)chaos.links,
            (unsigned long long)chaos.watches, (unsigned long long)report.stats.spawned,
            (unsigned long long)report.stats.sent);
    chaos_close(&report);
    books_close(&books);
}

static void a_tree_of_ten_thousand_survives_chaos(void **state)
{
    static const uint32_t workers[] = {2, 4};
    const char *seed = getenv("TROUPE_SEED");
    (void)state;
    for (size_t i = 0; i < sizeof workers / sizeof workers[0]; i++)
        run(seed ? strtoull(seed, NULL, 10) : i + 1, workers[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tree_of_ten_thousand_survives_chaos),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
