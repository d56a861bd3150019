// A worker that retreats, under every order of turns: it leaves its tasks to the others and sleeps,
// while the other worker goes to sleep itself or comes back. No task stays behind, and no tick of
// the sentinel is needed for that: what would need one shows as a timeout.
#include "tests/support/pool.h"
#include "tests/support/test.h"

#include <string.h>

#define TASKS 4

static struct {
    uint32_t left;     // tasks of the one who retreats; the others are injected
    uint32_t expected; // stop when so many were found
    struct trp_task tasks[TASKS];
    int found[TASKS];
    uint32_t all_found;
    int went_on, slept; // over all runs: the one who retreated found a task itself, or none
} game;

static void setup(void *user)
{
    (void)user;
    pool_open(2, NULL);
    memset(game.tasks, 0, sizeof game.tasks);
    memset(game.found, 0, sizeof game.found);
    game.all_found = 0;
    for (uint32_t i = 0; i < game.left; i++)
        trp_schedule(pool.scheduler, &pool.workers[0].seat.worker, &game.tasks[i]);
}

// As a worker does: its own queues before it searches again.
static void run_all(struct trp_pool_worker *worker, struct trp_task *task)
{
    for (; task; task = trp_find_task(worker)) {
        do {
            game.found[task - game.tasks]++;
            game.all_found++;
            task = trp_take_next(worker);
            if (!task)
                task = trp_ring_pop(&worker->ring);
        } while (task);
        if (game.all_found == game.expected)
            pool_stop();
    }
}

static void retreat(void *user)
{
    (void)user;
    struct trp_task *task = trp_retreat(&pool.workers[0]);
    game.went_on += task != NULL;
    game.slept += task == NULL;
    run_all(&pool.workers[0], task);
}

static void work(void *user)
{
    (void)user;
    run_all(&pool.workers[1], trp_find_task(&pool.workers[1]));
}

static void inject(void *user)
{
    (void)user;
    for (uint32_t i = game.left; i < game.expected; i++)
        trp_schedule(pool.scheduler, NULL, &game.tasks[i]);
}

static void check(void *user)
{
    (void)user;
    pool_clean();
    for (uint32_t i = 0; i < TASKS; i++)
        TRP_EXPECT(game.found[i] == (i < game.expected ? 1 : 0));
    TRP_EXPECT(trp_interleave_timeouts() == 0);
}

static struct trp_interleave play(const char *name, struct trp_window one, struct trp_window other)
{
    game.went_on = game.slept = 0;
    return (struct trp_interleave){.name = name,
                                   .setup = setup,
                                   .threads = {retreat, work, inject},
                                   .count = game.left < game.expected ? 3 : 2,
                                   .check = check,
                                   .max_preemptions = game.left < game.expected ? 2 : 4,
                                   .windows = {one, other}};
}

static void explore(const char *name, struct trp_window one, struct trp_window other)
{
    const struct trp_interleave test = play(name, one, other);
    trp_interleave_exhaustive(&test);
    assert_true(game.went_on > 0); // both ends of the race are reached
    assert_true(game.slept > 0);
    trp_interleave_random(&test, 1, 3000);
}

// The other one has looked everywhere, and parks, when the tasks are handed over.
static void what_is_left_to_one_that_parks_is_not_lost(void **state)
{
    (void)state;
    game.left = game.expected = 2;
    explore("retreat against park",
            (struct trp_window){"retreat: handed over", "find: about to park"},
            (struct trp_window){"retreat: handed over", "parking: entered"});
}

// Both are parked, and somebody outside adds a task.
static void a_push_against_a_retreat_is_seen_or_wakes(void **state)
{
    (void)state;
    game.left = 2;
    game.expected = 3;
    explore("retreat against push", (struct trp_window){"retreat: handed over", "inject: pushed"},
            (struct trp_window){"parking: entered", "inject: pushed"});
}

// Leaves its tasks to the other, and sleeps whether that one is active or not.
static void retreat_blindly(void *user)
{
    (void)user;
    struct trp_pool_worker *worker = &pool.workers[0];
    struct trp_parking *parking = &pool.scheduler->parking;
    struct trp_task *task = trp_take_next(worker);
    trp_inject_push_all(&pool.scheduler->inject, &task, 1);
    if (trp_parking_enter(parking, &worker->parker, false))
        while (trp_parking_watch(parking, &worker->parker) != TRP_WATCH_WOKEN)
            worker->parker.ops->wait(&worker->parker, TRP_NEVER);
    run_all(worker, trp_find_task(worker));
}

static void who_retreats_blindly_is_found(void **state)
{
    (void)state;
    game.left = game.expected = 1;
    struct trp_interleave test =
        play("a blind retreat", (struct trp_window){NULL, NULL}, (struct trp_window){NULL, NULL});
    test.threads[0] = retreat_blindly;
    assert_true(trp_interleave_finds(&test, "timeouts() == 0"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_left_to_one_that_parks_is_not_lost),
        cmocka_unit_test(a_push_against_a_retreat_is_seen_or_wakes),
        cmocka_unit_test(who_retreats_blindly_is_found),
    };
    return cmocka_run_group_tests(tests, pool_make, pool_free);
}
