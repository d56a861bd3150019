// The revocable guard on one thread.
#include "base/bias.h"
#include "tests/support/test.h"

static void the_owner_of_a_fresh_guard_gets_in_again_and_again(void **state)
{
    (void)state;
    struct trp_bias bias = {0};
    for (int i = 0; i < 3; i++) {
        assert_true(trp_bias_enter(&bias));
        trp_bias_leave(&bias);
    }
    assert_false(trp_bias_is_revoked(&bias));
}

static void a_guard_is_not_revoked_while_the_owner_is_inside(void **state)
{
    (void)state;
    struct trp_bias bias = {0};
    assert_true(trp_bias_enter(&bias));
    assert_false(trp_bias_revoke(&bias));
    assert_false(trp_bias_is_revoked(&bias));
    trp_bias_leave(&bias);
    assert_true(trp_bias_enter(&bias));
    trp_bias_leave(&bias);
}

static void once_revoked_the_owner_stays_out(void **state)
{
    (void)state;
    struct trp_bias bias = {0};
    assert_true(trp_bias_enter(&bias));
    trp_bias_leave(&bias);
    assert_true(trp_bias_revoke(&bias));
    assert_true(trp_bias_is_revoked(&bias));
    assert_false(trp_bias_enter(&bias));
    assert_false(trp_bias_enter(&bias));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_owner_of_a_fresh_guard_gets_in_again_and_again),
        cmocka_unit_test(a_guard_is_not_revoked_while_the_owner_is_inside),
        cmocka_unit_test(once_revoked_the_owner_stays_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
