// The revocable guard when its owner, once refused, takes it again for something new, while a
// revoker tries on: it must not get what it believes to be what it revoked.
#include "base/bias.h"
#include "tests/support/interleave.h"
#include "tests/support/test.h"

struct game {
    struct trp_bias bias;
    bool inside; // only the thread that has the turn touches this
    int revoked;
    int resets;
};

static void setup(void *user)
{
    *(struct game *)user = (struct game){.inside = false};
}

static void stay_inside(struct game *game)
{
    game->inside = true;
    trp_interleave_yield("owner: inside");
    game->inside = false;
    trp_bias_leave(&game->bias);
}

static void own(void *user)
{
    struct game *game = user;
    for (int i = 0; i < 3; i++) {
        if (!trp_bias_enter(&game->bias)) {
            game->resets++;
            trp_bias_reset(&game->bias);
        }
        stay_inside(game);
    }
}

static void revoke(void *user)
{
    struct game *game = user;
    for (int i = 0; i < 2; i++) {
        if (!trp_bias_is_revoked(&game->bias) && trp_bias_revoke(&game->bias)) {
            TRP_EXPECT(!game->inside);
            game->revoked++;
        }
        trp_interleave_yield("revoker: between tries");
    }
}

static void check(void *user)
{
    struct game *game = user;
    TRP_EXPECT(game->resets <= game->revoked);
    TRP_EXPECT(game->revoked <= game->resets + 1);
}

static void a_guard_that_was_taken_again_is_revoked_only_when_its_owner_is_outside(void **state)
{
    (void)state;
    struct game game;
    const struct trp_interleave test = {.name = "reset",
                                        .setup = setup,
                                        .threads = {own, revoke},
                                        .count = 2,
                                        .check = check,
                                        .user = &game,
                                        .max_preemptions = 5};
    print_message("%llu runs\n", (unsigned long long)trp_interleave_exhaustive(&test));
    trp_interleave_random(&test, 1, 3000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_guard_that_was_taken_again_is_revoked_only_when_its_owner_is_outside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
