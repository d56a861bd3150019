// The set of an actor's ties: what is put in is found by the other's ref until it is taken out.
#include "actors/ties.h"
#include "base/random.h"
#include "tests/support/test.h"

#define TIES  2000
#define PEERS 700 // so that many have the same

static struct trp_tie ties[TIES];
static bool in[TIES];

static troupe_ref peer(uint32_t i)
{
    return (troupe_ref){7, i % PEERS, 1};
}

static void begin(struct trp_tie **set)
{
    *set = NULL;
    for (uint32_t i = 0; i < TIES; i++) {
        ties[i] = (struct trp_tie){.peer = peer(i), .state = TRP_TIE_TIED};
        in[i] = false;
    }
}

static void add(struct trp_tie **set, uint32_t i)
{
    trp_ties_add(set, &ties[i]);
    in[i] = true;
}

static uint32_t count_of(uint32_t i)
{
    uint32_t count = 0;
    for (uint32_t j = i % PEERS; j < TIES; j += PEERS)
        count += in[j];
    return count;
}

static void expect_all(struct trp_tie *set)
{
    for (uint32_t i = 0; i < PEERS; i++) {
        const struct trp_tie *found = trp_ties_find(set, peer(i), TRP_TIE_TIED);
        assert_int_equal(found != NULL, count_of(i) > 0);
        assert_true(found == NULL || (in[found - ties] && found->peer.slot == i));
    }
}

static void what_was_added_is_found_until_it_is_removed(void **state)
{
    (void)state;
    struct trp_random random;
    struct trp_tie *set;
    trp_random_init(&random, 1);
    begin(&set);
    for (uint32_t step = 0; step < 100000; step++) {
        uint32_t i = (uint32_t)(trp_random_next(&random) % TIES);
        if (in[i])
            trp_ties_remove(&set, &ties[i]);
        else
            trp_ties_add(&set, &ties[i]);
        in[i] = !in[i];
        if (step % 5000 == 0)
            expect_all(set);
    }
    expect_all(set);
}

static void all_can_be_taken(void **state)
{
    (void)state;
    struct trp_tie *set;
    begin(&set);
    for (uint32_t i = 0; i < TIES; i++)
        add(&set, i);
    for (uint32_t left = TIES; left > 0; left--) {
        assert_non_null(set);
        struct trp_tie *taken = trp_ties_take(&set);
        assert_true(in[taken - ties]);
        in[taken - ties] = false;
        if (left % 100 == 0)
            expect_all(set);
    }
    assert_null(set);
}

static void the_state_is_looked_at(void **state)
{
    (void)state;
    struct trp_tie *set;
    begin(&set);
    add(&set, 0);
    ties[0].state = TRP_TIE_TOLD;
    assert_null(trp_ties_find(set, peer(0), TRP_TIE_TIED));
    add(&set, PEERS); // the same peer
    assert_ptr_equal(trp_ties_find(set, peer(0), TRP_TIE_TIED), &ties[PEERS]);
    assert_ptr_equal(trp_ties_find(set, peer(0), TRP_TIE_TOLD), &ties[0]);
    trp_ties_remove(&set, &ties[0]);
    assert_null(trp_ties_find(set, peer(0), TRP_TIE_TOLD));
    assert_ptr_equal(trp_ties_find(set, peer(0), TRP_TIE_TIED), &ties[PEERS]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_added_is_found_until_it_is_removed),
        cmocka_unit_test(all_can_be_taken),
        cmocka_unit_test(the_state_is_looked_at),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
