// The small things at the bottom: random numbers, deadlines, status texts.
#include "base/clock.h"
#include "base/futex.h"
#include "base/random.h"
#include "tests/support/test.h"
#include "troupe/status.h"

#include <string.h>

static void the_same_seed_gives_the_same_numbers(void **state)
{
    (void)state;
    struct trp_random one, other;
    trp_random_init(&one, 42);
    trp_random_init(&other, 42);
    for (int i = 0; i < 1000; i++)
        assert_true(trp_random_next(&one) == trp_random_next(&other));
}

static void different_seeds_give_different_numbers(void **state)
{
    (void)state;
    struct trp_random one, other;
    trp_random_init(&one, 0);
    trp_random_init(&other, 1);
    for (int i = 0; i < 100; i++)
        assert_true(trp_random_next(&one) != trp_random_next(&other));
}

// A simulation's trace depends on them: they may not change from version to version. Computed apart
// from this code, from the published algorithms: splitmix64 from 0, then xoshiro256**.
static void the_numbers_are_those_of_the_published_algorithms(void **state)
{
    (void)state;
    struct trp_random random;
    trp_random_init(&random, 0);
    assert_true(random.state[0] == UINT64_C(0xe220a8397b1dcdaf));
    assert_true(random.state[1] == UINT64_C(0x6e789e6aa1b965f4));
    assert_true(trp_random_next(&random) == UINT64_C(0x99ec5f36cb75f2b4));
}

static void a_number_below_a_bound_is_below_it_and_every_one_occurs(void **state)
{
    (void)state;
    struct trp_random random;
    trp_random_init(&random, 7);
    int seen[10] = {0};
    for (int i = 0; i < 10000; i++) {
        uint32_t number = trp_random_below(&random, 10);
        assert_true(number < 10);
        seen[number]++;
    }
    for (int i = 0; i < 10; i++)
        assert_in_range(seen[i], 800, 1200);
    assert_int_equal(trp_random_below(&random, 1), 0);
}

static void seeds_from_the_system_differ(void **state)
{
    (void)state;
    assert_true(trp_random_seed() != trp_random_seed());
}

static void a_deadline_is_the_sum_of_now_and_delay(void **state)
{
    (void)state;
    assert_true(trp_deadline(5, 10) == 15);
    assert_true(trp_deadline(0, 0) == 0);
}

static void a_deadline_past_the_end_of_time_is_never(void **state)
{
    (void)state;
    assert_true(trp_deadline(5, TRP_NEVER) == TRP_NEVER);
    assert_true(trp_deadline(TRP_NEVER - 3, 4) == TRP_NEVER);
    assert_true(trp_deadline(TRP_NEVER - 3, 2) == TRP_NEVER - 1);
    assert_true(trp_deadline(TRP_NEVER, 0) == TRP_NEVER);
}

static void the_real_clock_never_goes_back(void **state)
{
    (void)state;
    uint64_t before = trp_clock_now(&trp_real_clock);
    for (int i = 0; i < 1000; i++) {
        uint64_t now = trp_clock_now(&trp_real_clock);
        assert_true(now >= before);
        before = now;
    }
}

static void a_wait_for_another_value_than_the_word_has_returns_at_once(void **state)
{
    (void)state;
    _Atomic uint32_t word = 1;
    trp_futex_wait(&word, 0, TRP_NEVER);
}

static void a_wait_ends_when_its_time_is_over(void **state)
{
    (void)state;
    _Atomic uint32_t word = 0;
    uint64_t end = trp_deadline(trp_clock_now(&trp_real_clock), TRP_NS_PER_MS);
    while (trp_clock_now(&trp_real_clock) < end)
        trp_futex_wait(&word, 0, TRP_NS_PER_MS);
}

static void a_status_has_the_name_it_has_in_c(void **state)
{
    (void)state;
    assert_string_equal(troupe_status_name(TROUPE_OK), "TROUPE_OK");
    assert_string_equal(troupe_status_name(TROUPE_EDEAD), "TROUPE_EDEAD");
    assert_string_equal(troupe_status_text(TROUPE_EDEAD), "the target does not exist");
}

static void every_status_up_to_the_last_has_a_name_and_a_text_of_its_own(void **state)
{
    (void)state;
    for (int status = TROUPE_EINVAL; status <= TROUPE_EMEMLIMIT; status++) {
        assert_string_not_equal(troupe_status_name((troupe_status)status), "unknown status");
        for (int other = TROUPE_EINVAL; other < status; other++)
            assert_string_not_equal(troupe_status_text((troupe_status)status),
                                    troupe_status_text((troupe_status)other));
    }
}

static void a_status_of_the_programs_own_has_no_name(void **state)
{
    (void)state;
    assert_string_equal(troupe_status_name((troupe_status)(TROUPE_EUSER + 3)), "unknown status");
    assert_string_equal(troupe_status_text((troupe_status)(TROUPE_EUSER + 3)), "unknown status");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_seed_gives_the_same_numbers),
        cmocka_unit_test(different_seeds_give_different_numbers),
        cmocka_unit_test(the_numbers_are_those_of_the_published_algorithms),
        cmocka_unit_test(a_number_below_a_bound_is_below_it_and_every_one_occurs),
        cmocka_unit_test(seeds_from_the_system_differ),
        cmocka_unit_test(a_deadline_is_the_sum_of_now_and_delay),
        cmocka_unit_test(a_deadline_past_the_end_of_time_is_never),
        cmocka_unit_test(the_real_clock_never_goes_back),
        cmocka_unit_test(a_wait_for_another_value_than_the_word_has_returns_at_once),
        cmocka_unit_test(a_wait_ends_when_its_time_is_over),
        cmocka_unit_test(a_status_has_the_name_it_has_in_c),
        cmocka_unit_test(every_status_up_to_the_last_has_a_name_and_a_text_of_its_own),
        cmocka_unit_test(a_status_of_the_programs_own_has_no_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
