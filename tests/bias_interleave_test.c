// The revocable guard under every interleaving of small cases. What this cannot show is the reason
// for the memory barrier: here a store is seen at once, while a processor may keep it in its store
// buffer and go on to the next load. bias_stress.c tries that on the real machine.
#include "base/bias.h"
#include "tests/support/interleave.h"
#include "tests/support/test.h"

struct game {
    struct trp_bias bias;
    int entries; // how often the owner tries
    int tries;   // how often the revoker tries

    // Only the thread that has the turn touches these.
    bool inside;
    bool revoked;
    int entered;
    int refused;
};

static void reset(void *user)
{
    struct game *game = user;
    *game = (struct game){.entries = game->entries, .tries = game->tries};
}

static void own(void *user)
{
    struct game *game = user;
    for (int i = 0; i < game->entries; i++) {
        if (!trp_bias_enter(&game->bias)) {
            game->refused++;
            TRP_EXPECT(trp_bias_is_revoked(&game->bias));
            continue;
        }
        TRP_EXPECT(!game->revoked);
        TRP_EXPECT(game->refused == 0); // revoked for good
        game->inside = true;
        game->entered++;
        trp_interleave_yield("owner: inside");
        TRP_EXPECT(!game->revoked);
        game->inside = false;
        trp_bias_leave(&game->bias);
    }
}

static void revoke(void *user)
{
    struct game *game = user;
    for (int i = 0; i < game->tries && !game->revoked; i++) {
        if (trp_bias_revoke(&game->bias)) {
            TRP_EXPECT(!game->inside);
            game->revoked = true;
        } else {
            TRP_EXPECT(!trp_bias_is_revoked(&game->bias));
        }
        trp_interleave_yield("revoker: between tries");
    }
}

static void check_that_owner_and_revoker_agree(void *user)
{
    struct game *game = user;
    TRP_EXPECT(game->entered + game->refused == game->entries);
    TRP_EXPECT(game->refused == 0 || game->revoked);
    TRP_EXPECT(trp_bias_is_revoked(&game->bias) == game->revoked);
    TRP_EXPECT(atomic_load(&game->bias.inside) == 0);
    TRP_EXPECT(atomic_load(&game->bias.revoked) != TRP_BIAS_DECIDING);
    // With the owner gone nobody is in the way any more.
    TRP_EXPECT(game->revoked || trp_bias_revoke(&game->bias));
}

static struct trp_interleave prepare(struct game *game, const char *name)
{
    return (struct trp_interleave){.name = name,
                                   .setup = reset,
                                   .threads = {own, revoke},
                                   .count = 2,
                                   .check = check_that_owner_and_revoker_agree,
                                   .user = game};
}

static void owner_and_revoker_are_never_both_right_in_any_interleaving(void **state)
{
    (void)state;
    struct game game = {.entries = 2, .tries = 1};
    struct trp_interleave test = prepare(&game, "two entries, one try, any number of preemptions");
    test.max_preemptions = TRP_INTERLEAVE_ALL;
    test.windows[0] =
        (struct trp_window){"bias freeze: after barrier", "bias enter: between inside and revoked"};
    trp_interleave_exhaustive(&test);
}

static void a_withdrawn_revocation_leaves_the_owner_in_peace(void **state)
{
    (void)state;
    struct game game = {.entries = 3, .tries = 3};
    struct trp_interleave test = prepare(&game, "three entries, three tries");
    test.max_preemptions = 4;
    test.windows[0] = (struct trp_window){"bias withdraw", "bias enter: waiting for the decision"};
    trp_interleave_exhaustive(&test);
}

// A revoker that does not look whether the owner is inside.
static void revoke_carelessly(void *user)
{
    struct game *game = user;
    atomic_store(&game->bias.revoked, TRP_BIAS_DECIDING);
    trp_interleave_yield("revoker: does not look");
    TRP_EXPECT(!game->inside);
    game->revoked = true;
    trp_bias_commit(&game->bias);
}

static void who_revokes_without_looking_is_found(void **state)
{
    (void)state;
    struct game game = {.entries = 2, .tries = 1};
    struct trp_interleave test = prepare(&game, "no look");
    test.threads[1] = revoke_carelessly;
    assert_true(trp_interleave_finds(&test, "!game->"));
}

static void many_entries_and_tries_agree_under_random_interleavings(void **state)
{
    (void)state;
    struct game game = {.entries = 20, .tries = 20};
    const struct trp_interleave test = prepare(&game, "random");
    trp_interleave_random(&test, 1, 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(owner_and_revoker_are_never_both_right_in_any_interleaving),
        cmocka_unit_test(a_withdrawn_revocation_leaves_the_owner_in_peace),
        cmocka_unit_test(who_revokes_without_looking_is_found),
        cmocka_unit_test(many_entries_and_tries_agree_under_random_interleavings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
