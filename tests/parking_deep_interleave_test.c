// Parking under every order of turns, when all workers sleep at first and nothing is worth a
// wake-up by itself: so whoever leaves something to others must see to it that somebody looks. And
// one that never comes to sleep: it looks at the injection queue all the same.
#include "tests/support/crew.h"
#include "tests/support/interleave.h"
#include "tests/support/test.h"

#include <string.h>

struct game {
    struct crew pool;
    uint32_t workers;
    struct trp_task tasks[3];
    int found[3];
    int all_found;
    int expected;    // stop when so many tasks were found
    bool never_done; // the first task wants to be run again until the second one has run
    bool injected;   // both have been
};

static struct game only, *const game = &only;

static bool worker_start(struct trp_worker *worker)
{
    (void)worker;
    return true;
}

static void worker_stop(struct trp_worker *worker)
{
    (void)worker;
}

static bool all_were_found(void *user)
{
    (void)user;
    return game->all_found == game->expected;
}

static void count(const struct trp_task *task)
{
    game->found[task - game->tasks]++;
    game->all_found++;
}

// The first task runs twice; the second one is held until it has.
static enum trp_run run(struct trp_worker *worker, struct trp_task *task)
{
    count(task);
    trp_interleave_yield("test: run");
    if (game->never_done) {
        if (task == &game->tasks[0] && !game->injected)
            trp_interleave_wait("test: waiting for the second task");
        if (task == &game->tasks[0] && game->found[1] == 0)
            return TRP_RUN_AGAIN;
        crew_stop(&game->pool);
        return TRP_RUN_DONE;
    }
    if (task == &game->tasks[0] && game->found[0] == 1) {
        trp_pool_worker_of(worker)->inject_in = 1; // it looks there before it goes on
        return TRP_RUN_AGAIN;
    }
    trp_interleave_block_until("test: held", all_were_found, NULL);
    crew_stop(&game->pool);
    return TRP_RUN_DONE;
}

static void expire(struct trp_worker *worker, struct trp_timer *timer)
{
    (void)worker, (void)timer;
}

static const struct trp_scheduler_ops ops = {worker_start, worker_stop, run, expire, NULL, NULL};

static void setup(void *user)
{
    (void)user;
    crew_setup(&game->pool, game->workers);
    memset(game->tasks, 0, sizeof game->tasks);
    memset(game->found, 0, sizeof game->found);
    game->all_found = 0;
    game->injected = false;
}

static void check_each_found_once(void *user)
{
    (void)user;
    crew_clean_up(&game->pool);
    for (int i = 0; i < 3; i++)
        TRP_EXPECT(game->found[i] == (i < game->expected ? 1 : 0));
}

static void explore(const struct trp_interleave *test, uint64_t seeds)
{
    print_message("%s: %llu runs\n", test->name,
                  (unsigned long long)trp_interleave_exhaustive(test));
    trp_interleave_random(test, 1, seeds);
}

// ---- Workers

// Whoever finds a task is held in it until all have been found.
static void be_held(struct trp_pool_worker *worker, struct trp_task *task)
{
    for (; task; task = trp_find_task(worker)) {
        count(task);
        trp_interleave_block_until("test: held", all_were_found, NULL);
        crew_stop(&game->pool);
    }
}

static void first_held(void *user)
{
    (void)user;
    be_held(&game->pool.workers[0], trp_find_task(&game->pool.workers[0]));
}

static void second_held(void *user)
{
    (void)user;
    be_held(&game->pool.workers[1], trp_find_task(&game->pool.workers[1]));
}

static void first_worker(void *user)
{
    (void)user;
    trp_pool_worker_main(&game->pool.workers[0]);
}

static void second_worker(void *user)
{
    (void)user;
    trp_pool_worker_main(&game->pool.workers[1]);
}

static void third_worker(void *user)
{
    (void)user;
    trp_pool_worker_main(&game->pool.workers[2]);
}

static bool all_sleep(void *user)
{
    (void)user;
    return crew_sleeps_deep(&game->pool);
}

// ---- Two tasks from outside

static void inject_two(void *user)
{
    (void)user;
    trp_interleave_block_until("test: until all sleep", all_sleep, NULL);
    trp_schedule(game->pool.scheduler, NULL, &game->tasks[0]);
    trp_interleave_yield("test: between two");
    trp_schedule(game->pool.scheduler, NULL, &game->tasks[1]);
}

static void what_one_worker_cannot_run_wakes_the_other(void **state)
{
    (void)state;
    game->workers = 2;
    game->expected = 2;
    const struct trp_interleave test = {.name = "two injected, all asleep",
                                        .setup = setup,
                                        .threads = {first_held, second_held, inject_two},
                                        .count = 3,
                                        .check = check_each_found_once,
                                        .max_preemptions = 2};
    explore(&test, 3000);
}

// ---- A task that is to run again

static bool first_task_has_run(void *user)
{
    (void)user;
    return game->found[0] > 0;
}

static void inject_one_after_the_other(void *user)
{
    (void)user;
    trp_interleave_block_until("test: until all sleep", all_sleep, NULL);
    trp_schedule(game->pool.scheduler, NULL, &game->tasks[0]);
    trp_interleave_block_until("test: until it has run", first_task_has_run, NULL);
    trp_schedule(game->pool.scheduler, NULL, &game->tasks[1]);
    game->injected = true;
}

static void check_run_again(void *user)
{
    (void)user;
    crew_clean_up(&game->pool);
    TRP_EXPECT(game->found[0] == 2 && game->found[1] == 1);
}

static void a_task_that_is_to_run_again_does_not_wait_for_a_held_worker(void **state)
{
    (void)state;
    game->workers = 3;
    game->expected = 3;
    const struct trp_interleave test = {
        .name = "again, all others asleep",
        .setup = setup,
        .threads = {first_worker, second_worker, third_worker, inject_one_after_the_other},
        .count = 4,
        .check = check_run_again,
        .max_preemptions = 1};
    explore(&test, 5000);
}

static void check_second_run(void *user)
{
    (void)user;
    crew_clean_up(&game->pool);
    TRP_EXPECT(game->found[1] == 1);
}

static void a_busy_worker_runs_what_is_injected(void **state)
{
    (void)state;
    game->workers = 1;
    game->never_done = true;
    const struct trp_interleave test = {.name = "one worker that never sleeps again",
                                        .setup = setup,
                                        .threads = {first_worker, inject_one_after_the_other},
                                        .count = 2,
                                        .check = check_second_run,
                                        .max_preemptions = 1};
    explore(&test, 100);
    game->never_done = false;
}

// ---- Waking

static void setup_asleep(void *user)
{
    setup(user);
    for (int i = 0; i < 2; i++) {
        bool parked =
            trp_parking_enter(&game->pool.scheduler->parking, &game->pool.workers[i].parker, false);
        TRP_EXPECT(parked);
    }
}

static void notify(void *user)
{
    (void)user;
    trp_parking_notify(&game->pool.scheduler->parking);
}

static void check_one_woken(void *user)
{
    (void)user;
    crew_clean_up(&game->pool);
    // One is parked still, one searches.
    TRP_EXPECT(atomic_load(&game->pool.scheduler->parking.counts) == (UINT64_C(1) << 32 | 1));
}

static void two_who_notify_wake_one_worker(void **state)
{
    (void)state;
    game->workers = 2;
    game->expected = 0;
    const struct trp_interleave test = {.name = "two notify",
                                        .setup = setup_asleep,
                                        .threads = {notify, notify},
                                        .count = 2,
                                        .check = check_one_woken,
                                        .max_preemptions = TRP_INTERLEAVE_ALL};
    explore(&test, 100);
}

// ---- Retreat

// It has two tasks and leaves them to others.
static void retreat(struct trp_pool_worker *worker)
{
    trp_schedule(game->pool.scheduler, &worker->seat.worker, &game->tasks[0]);
    trp_schedule(game->pool.scheduler, &worker->seat.worker, &game->tasks[1]);
    be_held(worker, trp_retreat(worker));
}

static void second_retreats(void *user)
{
    (void)user;
    retreat(&game->pool.workers[1]);
}

static void what_is_left_by_a_retreat_is_run(void **state)
{
    (void)state;
    game->expected = 2;
    // The third of three is held by something else and never comes.
    for (game->workers = 2; game->workers <= 3; game->workers++) {
        const struct trp_interleave test = {.name = "retreat",
                                            .setup = setup,
                                            .threads = {first_held, second_retreats},
                                            .count = 2,
                                            .check = check_each_found_once,
                                            .max_preemptions = 4};
        explore(&test, 2000);
    }
}

static int open_game(void **state)
{
    (void)state;
    return crew_open(&game->pool, &ops) ? 0 : -1;
}

static int close_game(void **state)
{
    (void)state;
    crew_close(&game->pool);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_one_worker_cannot_run_wakes_the_other),
        cmocka_unit_test(a_task_that_is_to_run_again_does_not_wait_for_a_held_worker),
        cmocka_unit_test(a_busy_worker_runs_what_is_injected),
        cmocka_unit_test(two_who_notify_wake_one_worker),
        cmocka_unit_test(what_is_left_by_a_retreat_is_run),
    };
    return cmocka_run_group_tests(tests, open_game, close_game);
}
