// The interleaving harness itself: it must find textbook faults, and must not find what is not
// there.
#include "base/clock.h"
#include "base/futex.h"
#include "tests/support/interleave.h"
#include "tests/support/test.h"

#include <stdatomic.h>

struct game {
    _Atomic uint32_t word;
    _Atomic uint32_t flags[2];
    uint32_t counter;
    int inside;
    uint64_t orders; // one bit per observed order
    uint32_t log;
    bool careless;
};

static void reset(void *user)
{
    struct game *game = user;
    *game = (struct game){.orders = game->orders, .careless = game->careless};
}

static struct trp_interleave two_of(void (*first)(void *), void (*second)(void *),
                                    struct game *game)
{
    return (struct trp_interleave){.name = "harness",
                                   .setup = reset,
                                   .threads = {first, second},
                                   .count = 2,
                                   .user = game,
                                   .max_preemptions = TRP_INTERLEAVE_ALL};
}

// ---- All orders are tried

static void log_step(struct game *game, uint32_t digit)
{
    game->log = game->log * 2 + digit;
}

static void three_zeros(void *user)
{
    for (int i = 0; i < 3; i++) {
        log_step(user, 0);
        trp_interleave_yield("zero");
    }
}

static void three_ones(void *user)
{
    for (int i = 0; i < 3; i++) {
        log_step(user, 1);
        trp_interleave_yield("one");
    }
}

static void note_order(void *user)
{
    struct game *game = user;
    game->orders |= UINT64_C(1) << game->log;
}

static void every_order_of_two_threads_is_tried(void **state)
{
    (void)state;
    struct game game = {0};
    struct trp_interleave test = two_of(three_zeros, three_ones, &game);
    test.check = note_order;
    trp_interleave_exhaustive(&test);
    assert_int_equal(__builtin_popcountll(game.orders), 20); // 6 over 3
}

static void without_preemptions_to_spare_only_the_few_orders_they_allow_are_tried(void **state)
{
    (void)state;
    struct game game = {0};
    struct trp_interleave test = two_of(three_zeros, three_ones, &game);
    test.check = note_order;
    test.max_preemptions = 1;
    trp_interleave_exhaustive(&test);
    // 000111, 001110, 011100 and their opposites.
    assert_int_equal(__builtin_popcountll(game.orders), 6);
}

static void random_runs_reach_every_order_too(void **state)
{
    (void)state;
    struct game game = {0};
    struct trp_interleave test = two_of(three_zeros, three_ones, &game);
    test.check = note_order;
    trp_interleave_random(&test, 1, 2000);
    assert_int_equal(__builtin_popcountll(game.orders), 20);
}

// ---- Windows

static void a_window_is_entered_in_some_runs(void **state)
{
    (void)state;
    struct game game = {0};
    struct trp_interleave test = two_of(three_zeros, three_ones, &game);
    test.windows[0] = (struct trp_window){"one", "zero"};
    uint64_t runs = trp_interleave_exhaustive(&test);
    assert_true(trp_interleave_met(0) > 0);
    assert_true(trp_interleave_met(0) < runs); // not when one ends before the other begins
}

static void a_window_that_no_run_enters_is_noticed(void **state)
{
    (void)state;
    struct game game = {0};
    struct trp_interleave test = two_of(three_zeros, three_ones, &game);
    test.windows[0] = (struct trp_window){"one", "one"};
    assert_true(trp_interleave_finds(&test, "no run has entered the window"));
}

// ---- A lost update

static void add_one(void *user)
{
    struct game *game = user;
    uint32_t seen = game->counter;
    trp_interleave_yield("between load and store");
    game->counter = seen + 1;
}

static void expect_two(void *user)
{
    const struct game *game = user;
    TRP_EXPECT(game->counter == 2);
}

static void a_lost_update_is_found(void **state)
{
    (void)state;
    struct game game = {0};
    struct trp_interleave test = two_of(add_one, add_one, &game);
    test.check = expect_two;
    assert_true(trp_interleave_finds(&test, "game->counter == 2"));
}

// ---- Peterson's lock, right and wrong

static void critical_section(struct game *game)
{
    TRP_EXPECT(game->inside == 0);
    game->inside++;
    trp_interleave_yield("inside");
    game->inside--;
}

static void peterson(void *user)
{
    struct game *game = user;
    uint32_t me = (uint32_t)trp_interleave_self();
    if (!game->careless)
        atomic_store(&game->flags[me], 1);
    trp_interleave_yield("after flag");
    atomic_store(&game->word, 1 - me); // whose turn it is
    trp_interleave_yield("after turn");
    while (atomic_load(&game->flags[1 - me]) && atomic_load(&game->word) != me)
        trp_interleave_yield("waiting for the other");
    atomic_store(&game->flags[me], 1);
    critical_section(game);
    trp_interleave_yield("before release");
    atomic_store(&game->flags[me], 0);
}

static void petersons_lock_is_found_to_exclude_and_its_spinning_ends(void **state)
{
    (void)state;
    struct game game = {0};
    struct trp_interleave test = two_of(peterson, peterson, &game);
    trp_interleave_exhaustive(&test);
}

static void petersons_lock_without_its_flag_is_found_to_fail(void **state)
{
    (void)state;
    struct game game = {.careless = true};
    struct trp_interleave test = two_of(peterson, peterson, &game);
    assert_true(trp_interleave_finds(&test, "game->inside == 0"));
}

// ---- Waiting for what never comes

static void wait_for_flag(void *user)
{
    struct game *game = user;
    while (!atomic_load(&game->flags[0]))
        trp_interleave_wait("until the flag is set");
}

static void set_the_wrong_flag(void *user)
{
    struct game *game = user;
    trp_interleave_yield("before flag");
    atomic_store(&game->flags[1], 1);
}

static void set_the_flag(void *user)
{
    struct game *game = user;
    trp_interleave_yield("before flag");
    atomic_store(&game->flags[0], 1);
}

static void spinning_for_what_comes_is_no_deadlock(void **state)
{
    (void)state;
    struct game game = {0};
    struct trp_interleave test = two_of(wait_for_flag, set_the_flag, &game);
    trp_interleave_exhaustive(&test);
}

static void spinning_for_what_never_comes_is_a_deadlock(void **state)
{
    (void)state;
    struct game game = {0};
    struct trp_interleave test = two_of(wait_for_flag, set_the_wrong_flag, &game);
    assert_true(trp_interleave_finds(&test, "deadlock"));
}

// ---- Simulated futexes

static void sleep_until_set(void *user)
{
    struct game *game = user;
    while (atomic_load(&game->word) == 0)
        trp_futex_wait(&game->word, 0, TRP_NEVER);
}

static void set_and_wake(void *user)
{
    struct game *game = user;
    if (game->careless) {
        trp_futex_wake(&game->word, 1);
        trp_interleave_yield("woken too early");
    }
    atomic_store(&game->word, 1);
    if (!game->careless)
        trp_futex_wake(&game->word, 1);
}

static void a_sleeper_that_is_woken_after_the_change_wakes_in_every_order(void **state)
{
    (void)state;
    struct game game = {0};
    struct trp_interleave test = two_of(sleep_until_set, set_and_wake, &game);
    trp_interleave_exhaustive(&test);
}

static void a_lost_wake_up_is_found(void **state)
{
    (void)state;
    struct game game = {.careless = true};
    struct trp_interleave test = two_of(sleep_until_set, set_and_wake, &game);
    assert_true(trp_interleave_finds(&test, "deadlock"));
}

static void sleep_with_timeout(void *user)
{
    struct game *game = user;
    while (atomic_load(&game->word) == 0)
        trp_futex_wait(&game->word, 0, TRP_NS_PER_MS);
}

static void expect_at_most_one_timeout(void *user)
{
    (void)user;
    TRP_EXPECT(trp_interleave_timeouts() <= 1);
}

static void a_timeout_rescues_a_sleeper_only_when_nothing_else_can_go_on(void **state)
{
    (void)state;
    struct game game = {.careless = true};
    struct trp_interleave test = two_of(sleep_with_timeout, set_and_wake, &game);
    test.check = expect_at_most_one_timeout;
    trp_interleave_exhaustive(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_order_of_two_threads_is_tried),
        cmocka_unit_test(without_preemptions_to_spare_only_the_few_orders_they_allow_are_tried),
        cmocka_unit_test(random_runs_reach_every_order_too),
        cmocka_unit_test(a_window_is_entered_in_some_runs),
        cmocka_unit_test(a_window_that_no_run_enters_is_noticed),
        cmocka_unit_test(a_lost_update_is_found),
        cmocka_unit_test(petersons_lock_is_found_to_exclude_and_its_spinning_ends),
        cmocka_unit_test(petersons_lock_without_its_flag_is_found_to_fail),
        cmocka_unit_test(spinning_for_what_comes_is_no_deadlock),
        cmocka_unit_test(spinning_for_what_never_comes_is_a_deadlock),
        cmocka_unit_test(a_sleeper_that_is_woken_after_the_change_wakes_in_every_order),
        cmocka_unit_test(a_lost_wake_up_is_found),
        cmocka_unit_test(a_timeout_rescues_a_sleeper_only_when_nothing_else_can_go_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
