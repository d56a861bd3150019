// Thieves of a ring in corner cases: when there is nothing but what is just being pushed; and when
// the thief is interrupted while the owner goes once around the ring: it has room for half a ring
// and must not write more than that, whatever it has read.
#include "scheduler/ring.h"
#include "scheduler/scheduler.h"
#include "tests/support/interleave.h"
#include "tests/support/test.h"

#include <string.h>

#define HALF  (TRP_RING_SIZE / 2)
#define TASKS (2 * TRP_RING_SIZE)

struct game {
    struct trp_ring owner, thief;
    struct trp_task tasks[TASKS + HALF]; // the last ones: the thief's own
    int seen[TASKS + HALF];
    int given; // of the owner's
};

static struct game only, *const game = &only;

static void setup_empty(void *user)
{
    (void)user;
    memset(game->seen, 0, sizeof game->seen);
    trp_ring_init(&game->owner);
    trp_ring_init(&game->thief);
    for (int i = 0; i < HALF; i++)
        trp_ring_push(&game->thief, &game->tasks[TASKS + i]);
    game->given = 0;
}

static void give(int count)
{
    for (; count > 0; count--)
        trp_ring_push(&game->owner, &game->tasks[game->given++]);
}

static void setup_full(void *user)
{
    setup_empty(user);
    give(TRP_RING_SIZE);
}

static void push_two(void *user)
{
    (void)user;
    give(2);
}

static bool take_one(struct trp_ring *ring)
{
    const struct trp_task *task = trp_ring_pop(ring);
    if (task)
        game->seen[task - game->tasks]++;
    return task != NULL;
}

static void go_around(void *user)
{
    (void)user;
    while (take_one(&game->owner))
        continue;
    give(TRP_RING_SIZE);
}

static void steal(void *user)
{
    (void)user;
    trp_ring_steal(&game->thief, &game->owner);
}

static void check(void *user)
{
    (void)user;
    while (take_one(&game->owner) || take_one(&game->thief))
        continue;
    for (int i = 0; i < TASKS + HALF; i++)
        TRP_EXPECT(game->seen[i] == (i < game->given || i >= TASKS ? 1 : 0));
}

static void what_is_just_being_pushed_is_stolen_as_a_whole(void **state)
{
    (void)state;
    const struct trp_interleave test = {.name = "push to an empty ring",
                                        .setup = setup_empty,
                                        .threads = {steal, push_two},
                                        .count = 2,
                                        .check = check,
                                        .max_preemptions = TRP_INTERLEAVE_ALL};
    assert_true(trp_interleave_exhaustive(&test) > 10);
}

static void a_thief_that_was_interrupted_for_long_loses_none_of_its_own(void **state)
{
    (void)state;
    const struct trp_interleave test = {.name = "once around",
                                        .setup = setup_full,
                                        .threads = {steal, go_around},
                                        .count = 2,
                                        .check = check,
                                        .max_preemptions = 1};
    assert_true(trp_interleave_exhaustive(&test) > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_just_being_pushed_is_stolen_as_a_whole),
        cmocka_unit_test(a_thief_that_was_interrupted_for_long_loses_none_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
