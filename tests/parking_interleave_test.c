// Parking under every order of turns: the workers' real search and sleep (find.c, parking.c), with
// simulated futexes. A lost wake-up is a deadlock, or a timeout where none is needed.
#include "tests/support/pool.h"
#include "tests/support/test.h"

#include <string.h>

static struct {
    uint32_t workers;
    struct trp_task tasks[3];
    struct trp_timer timer;
    int found[3];
    int all_found;
    int expired;
    int expected; // close when so many tasks were found
    bool chain;   // each task schedules the one after it
} game;

static void expire(struct trp_worker *worker, struct trp_timer *timer)
{
    (void)timer;
    game.expired++;
    trp_schedule(worker->scheduler, worker, &game.tasks[0]);
}

static void setup(void *user)
{
    (void)user;
    memset(game.tasks, 0, sizeof game.tasks);
    memset(game.found, 0, sizeof game.found);
    memset(&game.timer, 0, sizeof game.timer);
    game.all_found = 0;
    game.expired = 0;
    pool_open(game.workers, expire);
}

static void find_all(struct trp_pool_worker *worker)
{
    for (struct trp_task *task; (task = trp_find_task(worker));) {
        do { // as a worker does: its own queues before it searches again
            game.found[task - game.tasks]++;
            game.all_found++;
            task = atomic_exchange(&worker->next, NULL);
            if (!task)
                task = trp_ring_pop(&worker->ring);
        } while (task);
        if (game.all_found == game.expected)
            pool_stop();
    }
}

static void first_worker(void *user)
{
    (void)user;
    find_all(&pool.workers[0]);
}

static void second_worker(void *user)
{
    (void)user;
    find_all(&pool.workers[1]);
}

static void inject_one(void *user)
{
    (void)user;
    trp_schedule(pool.scheduler, NULL, &game.tasks[0]);
}

static void inject_another(void *user)
{
    (void)user;
    trp_schedule(pool.scheduler, NULL, &game.tasks[1]);
}

static void inject_two(void *user)
{
    (void)user;
    trp_schedule(pool.scheduler, NULL, &game.tasks[0]);
    trp_interleave_yield("test: between two");
    trp_schedule(pool.scheduler, NULL, &game.tasks[1]);
}

static void check_found(void *user)
{
    (void)user;
    pool_clean();
    for (int i = 0; i < 3; i++)
        TRP_EXPECT(game.found[i] == (i < game.expected ? 1 : 0));
}

static void check_found_without_timeouts(void *user)
{
    check_found(user);
    TRP_EXPECT(trp_interleave_timeouts() == 0);
}

// ---- Injection

static void an_injected_task_reaches_a_worker_about_to_sleep(void **state)
{
    (void)state;
    game.workers = 1;
    game.expected = 2;
    const struct trp_interleave test = {.name = "one worker, one injector",
                                        .setup = setup,
                                        .threads = {first_worker, inject_two},
                                        .count = 2,
                                        .check = check_found_without_timeouts,
                                        .max_preemptions = 4};
    assert_true(trp_interleave_exhaustive(&test) > 10);
    trp_interleave_random(&test, 1, 3000);
}

// The worker has looked everywhere in vain and is about to park; the task is there by then, and who
// has pushed it is about to look who is parked.
static void a_push_against_a_park_is_seen_or_wakes(void **state)
{
    (void)state;
    game.workers = 1;
    game.expected = 2;
    struct trp_interleave test = {.name = "push against park",
                                  .setup = setup,
                                  .threads = {first_worker, inject_one, inject_another},
                                  .count = 3,
                                  .check = check_found_without_timeouts,
                                  .max_preemptions = 3,
                                  .windows = {{"find: about to park", "inject: pushed"}}};
    trp_interleave_exhaustive(&test);
    trp_interleave_random(&test, 1, 3000);
    test.name = "push against park, entered";
    test.windows[0].one = "parking: entered";
    trp_interleave_exhaustive(&test);
}

// The one who parks has said so; the notifier takes it off the stack before it sleeps.
static void a_wake_against_falling_asleep_is_not_lost(void **state)
{
    (void)state;
    game.workers = 1;
    game.expected = 2;
    const struct trp_interleave test = {.name = "wake against sleep",
                                        .setup = setup,
                                        .threads = {first_worker, inject_two},
                                        .count = 2,
                                        .check = check_found_without_timeouts,
                                        .max_preemptions = 4,
                                        .windows = {{"park: about to sleep", "parking: notify"}}};
    trp_interleave_exhaustive(&test);
    trp_interleave_random(&test, 1, 3000);
}

static void inject_in_silence(void *user)
{
    (void)user;
    trp_inject_push(&pool.scheduler->inject, &game.tasks[0]);
}

static void who_pushes_without_a_notify_is_found(void **state)
{
    (void)state;
    game.workers = 1;
    game.expected = 1;
    const struct trp_interleave test = {.name = "no notify",
                                        .setup = setup,
                                        .threads = {first_worker, inject_in_silence},
                                        .count = 2,
                                        .check = check_found};
    assert_true(trp_interleave_finds(&test, "deadlock"));
    pool_clean();
}

static void tasks_from_two_threads_reach_one_worker(void **state)
{
    (void)state;
    game.workers = 1;
    game.expected = 2;
    const struct trp_interleave test = {.name = "one worker, two injectors",
                                        .setup = setup,
                                        .threads = {first_worker, inject_one, inject_another},
                                        .count = 3,
                                        .check = check_found_without_timeouts,
                                        .max_preemptions = 2};
    assert_true(trp_interleave_exhaustive(&test) > 10);
    trp_interleave_random(&test, 1, 3000);
}

static void injected_tasks_reach_two_workers_about_to_sleep(void **state)
{
    (void)state;
    game.workers = 2;
    game.expected = 2;
    const struct trp_interleave test = {.name = "two workers, one injector",
                                        .setup = setup,
                                        .threads = {first_worker, second_worker, inject_two},
                                        .count = 3,
                                        .check = check_found,
                                        .max_preemptions = 2};
    assert_true(trp_interleave_exhaustive(&test) > 10);
    trp_interleave_random(&test, 1, 5000);
}

// ---- The sentinel

static bool all_were_found(void *user)
{
    (void)user;
    return game.all_found == game.expected;
}

// Whoever finds a task is held in it until all have been found. `chain`: it schedules the next one
// into its next slot first.
static void find_and_be_held(struct trp_pool_worker *worker)
{
    for (struct trp_task *task; (task = trp_find_task(worker));) {
        int index = (int)(task - game.tasks);
        game.found[index]++;
        game.all_found++;
        if (game.chain && index + 1 < game.expected)
            trp_schedule(pool.scheduler, &worker->seat.worker, &game.tasks[index + 1]);
        trp_interleave_block_until("test: held", all_were_found, NULL);
        pool_stop();
    }
}

static void first_held(void *user)
{
    (void)user;
    find_and_be_held(&pool.workers[0]);
}

static void second_held(void *user)
{
    (void)user;
    find_and_be_held(&pool.workers[1]);
}

static void third_held(void *user)
{
    (void)user;
    find_and_be_held(&pool.workers[2]);
}

static void injected_tasks_do_not_wait_for_a_held_worker(void **state)
{
    (void)state;
    game.workers = 2;
    game.expected = 2;
    game.chain = false;
    const struct trp_interleave test = {.name = "two injected, each holds a worker",
                                        .setup = setup,
                                        .threads = {first_held, second_held, inject_two},
                                        .count = 3,
                                        .check = check_found,
                                        .max_preemptions = 2};
    assert_true(trp_interleave_exhaustive(&test) > 10);
    trp_interleave_random(&test, 1, 5000);
}

static void when_the_sentinel_goes_to_work_another_takes_its_place(void **state)
{
    (void)state;
    game.workers = 3;
    game.expected = 3;
    game.chain = true;
    const struct trp_interleave test = {
        .name = "a chain of held workers",
        .setup = setup,
        .threads = {first_held, second_held, third_held, inject_one},
        .count = 4,
        .check = check_found,
        .max_preemptions = 1};
    assert_true(trp_interleave_exhaustive(&test) > 10);
    trp_interleave_random(&test, 1, 5000);
}

static void a_task_in_the_next_slot_of_a_held_worker_runs_elsewhere(void **state)
{
    (void)state;
    game.workers = 2;
    game.expected = 2;
    game.chain = true;
    const struct trp_interleave test = {.name = "a held worker",
                                        .setup = setup,
                                        .threads = {first_held, second_held, inject_one},
                                        .count = 3,
                                        .check = check_found,
                                        .max_preemptions = 2};
    assert_true(trp_interleave_exhaustive(&test) > 10);
    trp_interleave_random(&test, 1, 5000);
}

// ---- Timers

static void arm(void *user)
{
    (void)user;
    struct trp_wheel *wheel = trp_scheduler_wheel(pool.scheduler, 0);
    trp_wheel_lock(wheel);
    trp_wheel_arm(wheel, &game.timer, 1);
    trp_wheel_unlock(wheel);
    trp_scheduler_timer_armed(pool.scheduler, 1);
}

static void check_expired(void *user)
{
    (void)user;
    pool_clean();
    TRP_EXPECT(game.expired == 1);
}

static void a_timer_wakes_a_sentinel_that_goes_to_sleep_without_limit(void **state)
{
    (void)state;
    game.expected = 1;
    for (game.workers = 1; game.workers <= 2; game.workers++) {
        struct trp_interleave test = {.name = "arm against deep sleep",
                                      .setup = setup,
                                      .threads = {arm, first_worker, second_worker},
                                      .count = game.workers == 1 ? 2 : 3,
                                      .check = check_expired,
                                      .max_preemptions = game.workers == 1 ? 4 : 2,
                                      .windows = {{"parking: armed", "sentinel: said how long"}}};
        trp_interleave_exhaustive(&test);
        trp_interleave_random(&test, 1, 3000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_injected_task_reaches_a_worker_about_to_sleep),
        cmocka_unit_test(a_push_against_a_park_is_seen_or_wakes),
        cmocka_unit_test(a_wake_against_falling_asleep_is_not_lost),
        cmocka_unit_test(who_pushes_without_a_notify_is_found),
        cmocka_unit_test(tasks_from_two_threads_reach_one_worker),
        cmocka_unit_test(injected_tasks_reach_two_workers_about_to_sleep),
        cmocka_unit_test(injected_tasks_do_not_wait_for_a_held_worker),
        cmocka_unit_test(a_task_in_the_next_slot_of_a_held_worker_runs_elsewhere),
        cmocka_unit_test(when_the_sentinel_goes_to_work_another_takes_its_place),
        cmocka_unit_test(a_timer_wakes_a_sentinel_that_goes_to_sleep_without_limit),
    };
    return cmocka_run_group_tests(tests, pool_make, pool_free);
}
