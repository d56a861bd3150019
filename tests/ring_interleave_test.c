// The ring under every order of turns of small cases: each task is seen exactly once, by whoever.
#include "scheduler/ring.h"
#include "scheduler/scheduler.h"
#include "tests/support/interleave.h"
#include "tests/support/test.h"

#include <string.h>

#define TASKS (TRP_RING_SIZE + 8)

struct game {
    struct trp_ring owner;
    struct trp_ring thieves[2];
    struct trp_task tasks[TASKS];
    int seen[TASKS];
    uint32_t prefilled; // pushed by setup
    uint32_t pushed;
    uint32_t pushes; // by the owner's thread
    uint32_t pops;
};

static void see(struct game *game, const struct trp_task *task)
{
    if (task)
        game->seen[task - game->tasks]++;
}

static void setup(void *user)
{
    struct game *game = user;
    memset(game->seen, 0, sizeof game->seen);
    trp_ring_init(&game->owner);
    trp_ring_init(&game->thieves[0]);
    trp_ring_init(&game->thieves[1]);
    game->pushed = 0;
    while (game->pushed < game->prefilled)
        trp_ring_push(&game->owner, &game->tasks[game->pushed++]);
}

static void own(void *user)
{
    struct game *game = user;
    struct trp_task *batch[TRP_RING_SIZE / 2];
    for (uint32_t i = 0; i < game->pushes; i++) {
        struct trp_task *task = &game->tasks[game->pushed++];
        while (!trp_ring_push(&game->owner, task)) {
            uint32_t count = trp_ring_spill(&game->owner, batch);
            for (uint32_t k = 0; k < count; k++)
                see(game, batch[k]);
        }
    }
    for (uint32_t i = 0; i < game->pops; i++)
        see(game, trp_ring_pop(&game->owner));
}

static void rob(struct game *game, int thief, struct trp_ring *victim)
{
    trp_ring_steal(&game->thieves[thief], victim);
    see(game, trp_ring_pop(&game->thieves[thief]));
}

static void first_thief(void *user)
{
    struct game *game = user;
    rob(game, 0, &game->owner);
}

static void second_thief(void *user)
{
    struct game *game = user;
    rob(game, 1, &game->owner);
}

static void thief_of_a_thief(void *user)
{
    struct game *game = user;
    rob(game, 1, &game->thieves[0]);
}

static void check(void *user)
{
    struct game *game = user;
    struct trp_ring *rings[] = {&game->owner, &game->thieves[0], &game->thieves[1]};
    for (int i = 0; i < 3; i++)
        for (struct trp_task *task; (task = trp_ring_pop(rings[i]));)
            see(game, task);
    for (uint32_t i = 0; i < TASKS; i++)
        TRP_EXPECT(game->seen[i] == (i < game->pushed ? 1 : 0));
}

static struct game game;

static void a_stolen_task_runs_once(void **state)
{
    (void)state;
    game.prefilled = 2;
    game.pushes = 2;
    game.pops = 2;
    const struct trp_interleave test = {.name = "push and pop against a thief",
                                        .setup = setup,
                                        .threads = {own, first_thief},
                                        .count = 2,
                                        .check = check,
                                        .user = &game,
                                        .max_preemptions = 4};
    assert_true(trp_interleave_exhaustive(&test) > 10);
}

static void two_thieves_never_take_the_same_task(void **state)
{
    (void)state;
    game.prefilled = 3;
    game.pushes = 1;
    game.pops = 2;
    const struct trp_interleave test = {.name = "two thieves",
                                        .setup = setup,
                                        .threads = {own, first_thief, second_thief},
                                        .count = 3,
                                        .check = check,
                                        .user = &game,
                                        .max_preemptions = 3};
    assert_true(trp_interleave_exhaustive(&test) > 10);
}

static void a_stolen_task_can_be_stolen_again(void **state)
{
    (void)state;
    game.prefilled = 5;
    game.pushes = 1;
    game.pops = 1;
    const struct trp_interleave test = {.name = "a thief is robbed",
                                        .setup = setup,
                                        .threads = {own, first_thief, thief_of_a_thief},
                                        .count = 3,
                                        .check = check,
                                        .user = &game,
                                        .max_preemptions = 3};
    assert_true(trp_interleave_exhaustive(&test) > 10);
}

static void a_task_that_overflows_while_others_steal_is_not_lost(void **state)
{
    (void)state;
    game.prefilled = TRP_RING_SIZE - 1;
    game.pushes = 3;
    game.pops = 1;
    const struct trp_interleave test = {.name = "overflow against two thieves",
                                        .setup = setup,
                                        .threads = {own, first_thief, second_thief},
                                        .count = 3,
                                        .check = check,
                                        .user = &game,
                                        .max_preemptions = 2};
    assert_true(trp_interleave_exhaustive(&test) > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stolen_task_runs_once),
        cmocka_unit_test(two_thieves_never_take_the_same_task),
        cmocka_unit_test(a_stolen_task_can_be_stolen_again),
        cmocka_unit_test(a_task_that_overflows_while_others_steal_is_not_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
