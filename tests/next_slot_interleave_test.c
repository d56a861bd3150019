// A worker's next slot under every order of turns: its owner fills, exchanges and empties it while
// another worker, which helps because this one does not get on, empties it as well. Each task is
// seen exactly once, by whoever.
#include "tests/support/pool.h"
#include "tests/support/test.h"

#include <string.h>

#define TASKS  24
#define SPARES 8

static struct {
    uint32_t pushes; // by the owner; after every second it takes one
    uint32_t helps;  // how often the other one helps

    struct trp_task tasks[TASKS];
    struct trp_task spares[SPARES]; // what the helper finds when there is nothing to help with
    int seen[TASKS];
    int stolen, kept; // over all runs
} game;

static void see(const struct trp_task *task)
{
    if (task >= game.tasks && task < game.tasks + TASKS)
        game.seen[task - game.tasks]++;
}

static void setup(void *user)
{
    (void)user;
    pool_open(2, NULL);
    memset(game.tasks, 0, sizeof game.tasks);
    memset(game.spares, 0, sizeof game.spares);
    memset(game.seen, 0, sizeof game.seen);
}

static void own(void *user)
{
    (void)user;
    struct trp_pool_worker *worker = &pool.workers[0];
    for (uint32_t i = 0; i < game.pushes; i++) {
        trp_schedule(pool.scheduler, &worker->seat.worker, &game.tasks[i]);
        if (i % 2 == 1)
            see(trp_take_next(worker));
    }
}

static void help(void *user)
{
    (void)user;
    struct trp_pool_worker *helper = &pool.workers[1];
    for (uint32_t i = 0; i < game.helps; i++) {
        trp_inject_push(&pool.scheduler->inject, &game.spares[i]); // or it would go to sleep
        helper->help = &pool.workers[0];
        struct trp_task *task = trp_find_task(helper);
        TRP_EXPECT(task != NULL);
        see(task);
        game.stolen += task >= game.tasks && task < game.tasks + TASKS;
    }
}

static void check(void *user)
{
    (void)user;
    struct trp_task *task;
    for (int i = 0; i < 2; i++) {
        struct trp_pool_worker *worker = &pool.workers[i];
        task = trp_take_next(worker);
        game.kept += task != NULL;
        see(task);
        while ((task = trp_ring_pop(&worker->ring)))
            see(task);
    }
    for (uint32_t i = 0; i < TASKS; i++)
        TRP_EXPECT(game.seen[i] == (i < game.pushes ? 1 : 0));
    pool_clean();
}

// The helper is at the slot and the owner comes; or the owner, which exchanges what is there, or
// has just put a task into an empty one without the guard.
static void a_task_in_the_next_slot_is_taken_by_its_owner_or_by_a_helper(void **state)
{
    (void)state;
    game.pushes = 3;
    game.helps = 1;
    game.stolen = game.kept = 0;
    const struct trp_interleave test = {
        .name = "owner against helper",
        .setup = setup,
        .threads = {own, help},
        .count = 2,
        .check = check,
        .max_preemptions = 5,
        .windows = {{"find: next slot read", "bias enter: waiting for the decision"},
                    {"worker: next slot read", "bias freeze: after barrier"},
                    {"worker: next slot filled", "bias freeze: after barrier"}}};
    trp_interleave_exhaustive(&test);
    assert_true(game.stolen > 0);
    assert_true(game.kept > 0);
    game.pushes = TASKS;
    game.helps = SPARES;
    trp_interleave_random(&test, 1, 5000);
}

static void help_without_the_guard(void *user)
{
    (void)user;
    struct trp_task *task = atomic_load(&pool.workers[0].next);
    trp_interleave_yield("helper: read");
    if (task)
        atomic_store(&pool.workers[0].next, NULL);
    see(task);
}

static void who_helps_without_the_guard_is_found(void **state)
{
    (void)state;
    game.pushes = 3;
    const struct trp_interleave test = {.name = "no guard",
                                        .setup = setup,
                                        .threads = {own, help_without_the_guard},
                                        .count = 2,
                                        .check = check};
    assert_true(trp_interleave_finds(&test, "game.seen[i]"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_task_in_the_next_slot_is_taken_by_its_owner_or_by_a_helper),
        cmocka_unit_test(who_helps_without_the_guard_is_found),
    };
    return cmocka_run_group_tests(tests, pool_make, pool_free);
}
