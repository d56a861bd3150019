// Many messages of all kinds, made from random bytes, against protobuf-c's own pack and unpack.
#include "base/random.h"
#include "tests/support/clone_check.h"
#include "tests/support/test.h"

enum {
    MESSAGES = 30000,
    LONGEST = 512,
};

static void run(bool flawed)
{
    struct trp_random random;
    trp_random_init(&random, flawed ? 2 : 1);
    struct trp_clone_counts counts = {0, 0};
    for (int i = 0; i < MESSAGES; i++) {
        uint8_t bytes[LONGEST];
        size_t size = 1 + trp_random_below(&random, LONGEST);
        for (size_t k = 0; k < size; k++)
            bytes[k] = (uint8_t)trp_random_next(&random);
        bytes[0] = (uint8_t)((bytes[0] & ~1U) | flawed);
        char why[512];
        if (!trp_clone_check_bytes(bytes, size, &counts, why))
            fail_msg("message %d: %s", i, why);
    }
    // Otherwise the bytes say too little.
    assert_true(counts.copied > MESSAGES / 10);
    assert_true((counts.refused > MESSAGES / 10) == flawed);
}

static void messages_that_can_be_packed_arrive_as_a_pack_and_unpack_would_leave_them(void **state)
{
    (void)state;
    run(false);
}

static void messages_are_refused_exactly_when_they_have_a_flaw(void **state)
{
    (void)state;
    run(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_that_can_be_packed_arrive_as_a_pack_and_unpack_would_leave_them),
        cmocka_unit_test(messages_are_refused_exactly_when_they_have_a_flaw),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
