// The ring under every order of turns of small cases: each task is seen exactly once, by whoever.
#include "scheduler/ring.h"
#include "scheduler/scheduler.h"
#include "tests/support/interleave.h"
#include "tests/support/test.h"

#include <string.h>

#define TASKS 600

struct game {
    struct trp_ring owner;
    struct trp_ring thieves[2];
    struct trp_task tasks[TASKS];
    int seen[TASKS];
    uint32_t prefilled; // pushed by setup
    uint32_t of_thief;  // pushed by setup into the first thief's own ring
    uint32_t pushed;
    uint32_t pushes; // by the owner's thread
    uint32_t pops;
    bool pops_first;
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
    for (uint32_t i = 0; i < game->of_thief; i++)
        trp_ring_push(&game->thieves[0], &game->tasks[game->pushed++]);
}

static void pop_some(struct game *game)
{
    for (uint32_t i = 0; i < game->pops; i++)
        see(game, trp_ring_pop(&game->owner));
}

static void own(void *user)
{
    struct game *game = user;
    struct trp_task *batch[TRP_RING_SIZE / 2];
    if (game->pops_first)
        pop_some(game);
    for (uint32_t i = 0; i < game->pushes; i++) {
        struct trp_task *task = &game->tasks[game->pushed++];
        while (!trp_ring_push(&game->owner, task)) {
            uint32_t count = trp_ring_spill(&game->owner, batch);
            for (uint32_t k = 0; k < count; k++)
                see(game, batch[k]);
        }
    }
    if (!game->pops_first)
        pop_some(game);
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

// ---- The windows

// Two have copied the same tasks and are about to claim them.
static void of_two_claims_at_once_one_wins(void **state)
{
    (void)state;
    game.prefilled = 2;
    game.pushes = 1;
    game.pops = 2;
    const struct trp_interleave test = {.name = "claim against claim",
                                        .setup = setup,
                                        .threads = {own, first_thief, second_thief},
                                        .count = 3,
                                        .check = check,
                                        .user = &game,
                                        .max_preemptions = 3,
                                        .windows = {{"ring take: copied", "ring take: copied"}}};
    trp_interleave_exhaustive(&test);
    game.pushes = 40;
    game.pops = 30;
    trp_interleave_random(&test, 1, 5000);
}

// The thief reads the tail, and then the slot, while the owner is between slot and tail.
static void a_push_against_a_steal_is_seen_whole_or_not(void **state)
{
    (void)state;
    game.prefilled = 0;
    game.pushes = 3;
    game.pops = 1;
    const struct trp_interleave test = {
        .name = "push against steal",
        .setup = setup,
        .threads = {own, first_thief},
        .count = 2,
        .check = check,
        .user = &game,
        .max_preemptions = TRP_INTERLEAVE_ALL,
        .windows = {{"ring push: slot written", "ring steal: head read"}}};
    trp_interleave_exhaustive(&test);
    game.pushes = 40;
    trp_interleave_random(&test, 1, 5000);
}

// The owner comes round to the slot that the thief has copied.
static void a_copy_that_is_overwritten_is_not_claimed(void **state)
{
    (void)state;
    game.prefilled = TRP_RING_SIZE;
    game.pushes = 2; // spills half, and goes on in the first slots of those
    game.pops = 2;
    const struct trp_interleave test = {
        .name = "overwritten copy",
        .setup = setup,
        .threads = {own, first_thief},
        .count = 2,
        .check = check,
        .user = &game,
        .max_preemptions = TRP_INTERLEAVE_ALL,
        .windows = {{"ring push: slot written", "ring take: copied"}}};
    trp_interleave_exhaustive(&test);
    trp_interleave_random(&test, 1, 1000);
}

// The thief has read the head; until it reads the tail half a ring has gone and come.
static void a_head_that_is_old_does_not_spoil_the_thiefs_own_tasks(void **state)
{
    (void)state;
    game.prefilled = TRP_RING_SIZE;
    game.of_thief = 100;
    game.pops = game.pushes = 150;
    game.pops_first = true;
    const struct trp_interleave test = {
        .name = "old head",
        .setup = setup,
        .threads = {own, first_thief},
        .count = 2,
        .check = check,
        .user = &game,
        .max_preemptions = 1,
        .windows = {{"ring push: slot written", "ring steal: head read"}}};
    trp_interleave_exhaustive(&test);
    game.of_thief = 0;
    game.pops_first = false;
}

// A thief that takes without a claim: it moves the head from where it read it.
static void rob_without_a_claim(void *user)
{
    (void)user;
    uint64_t head = atomic_load(&game.owner.head);
    trp_interleave_yield("thief: head read");
    if (head == atomic_load(&game.owner.tail))
        return;
    struct trp_task *task = atomic_load(&game.owner.slots[head % TRP_RING_SIZE]);
    trp_interleave_yield("thief: copied");
    atomic_store(&game.owner.head, head + 1);
    see(&game, task);
}

static void who_takes_without_a_claim_is_found_to_take_twice(void **state)
{
    (void)state;
    game.prefilled = 2;
    game.pushes = 0;
    game.pops = 1;
    const struct trp_interleave test = {.name = "no claim",
                                        .setup = setup,
                                        .threads = {own, rob_without_a_claim},
                                        .count = 2,
                                        .check = check,
                                        .user = &game};
    assert_true(trp_interleave_finds(&test, "game->seen[i]"));
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
        cmocka_unit_test(of_two_claims_at_once_one_wins),
        cmocka_unit_test(a_push_against_a_steal_is_seen_whole_or_not),
        cmocka_unit_test(a_copy_that_is_overwritten_is_not_claimed),
        cmocka_unit_test(a_head_that_is_old_does_not_spoil_the_thiefs_own_tasks),
        cmocka_unit_test(who_takes_without_a_claim_is_found_to_take_twice),
        cmocka_unit_test(a_task_that_overflows_while_others_steal_is_not_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
