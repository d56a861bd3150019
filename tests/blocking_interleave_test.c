// The pool of blocking threads under chosen interleavings: jobs are handed over while threads run
// out of patience, end, and are made, and while the pool is stopped. What must hold: each job that
// was taken on is run or discarded once, and none waits for a thread that is held by another job
// while one could be made for it.
//
// The source itself is part of this test, with its mutex, its condition and its threads replaced by
// those of the harness: so a wait may time out at any moment.
#include "scheduler/blocking.h"
#include "tests/support/pool.h"
#include "tests/support/test.h"

#include <errno.h>
#include <string.h>

#define JOBS  8
#define POOL  2 // threads that can be made
#define FIRST 2 // of the harness's threads: those of the pool come after the two others

static struct {
    int jobs;     // that each submitter hands over
    bool depends; // the first ends when the one after it has run
    bool stops;   // the second submitter stops the pool instead

    struct job {
        struct trp_job job; // first
        int ran, discarded;
        troupe_status status;
    } of[2][JOBS];
} game;

// ---- The mutex, the condition, threads

static struct {
    bool held; // the mutex
    bool waits[TRP_INTERLEAVE_THREADS], signalled[TRP_INTERLEAVE_THREADS];
    int early_timeouts; // how many waits may still time out before all jobs are submitted
    int submitters;     // that are not through
    int wanted;         // threads that were made and have not begun
    bool stopped;
} sim;

static bool is_free(void *user)
{
    (void)user;
    return !sim.held;
}

static int lock_simulated(void)
{
    if (trp_interleave_self() >= 0)
        trp_interleave_block_until("mutex: blocked until free", is_free, NULL);
    TRP_EXPECT(!sim.held);
    sim.held = true;
    return 0;
}

static int unlock_simulated(void)
{
    sim.held = false;
    if (trp_interleave_self() >= 0)
        trp_interleave_yield("mutex: unlocked");
    return 0;
}

static bool is_signalled_or_late(void *user)
{
    const int *self = user;
    // None is late when the pool is stopped: that must end all of them.
    return sim.signalled[*self] || sim.early_timeouts > 0 || (sim.submitters == 0 && !game.stops);
}

static int wait_simulated(void)
{
    int self = trp_interleave_self();
    sim.waits[self] = true;
    sim.signalled[self] = false;
    sim.held = false;
    trp_interleave_block_until("condition: blocked until signalled or late", is_signalled_or_late,
                               &self);
    bool signalled = sim.signalled[self];
    sim.waits[self] = false;
    sim.early_timeouts -= !signalled && sim.submitters > 0;
    trp_interleave_yield("condition: left, without the mutex");
    lock_simulated();
    return signalled ? 0 : ETIMEDOUT;
}

static int signal_simulated(bool all)
{
    bool done = false;
    for (int i = 0; i < TRP_INTERLEAVE_THREADS && !done; i++) {
        if (!sim.waits[i] || sim.signalled[i])
            continue;
        sim.signalled[i] = true;
        done = !all;
    }
    return 0;
}

static int make_simulated(void)
{
    if (pool.scheduler->blocking.threads == POOL)
        return EAGAIN;
    sim.wanted++;
    return 0;
}

#define pthread_mutex_lock(mutex)                     lock_simulated()
#define pthread_mutex_unlock(mutex)                   unlock_simulated()
#define pthread_cond_timedwait(condition, mutex, end) ((void)(end), wait_simulated())
#define pthread_cond_signal(condition)                signal_simulated(false)
#define pthread_cond_broadcast(condition)             signal_simulated(true)
#define pthread_setname_np(thread, name)              ((void)(name))
#define trp_thread_create(thread, main, user)         ((void)(thread), (void)(main), make_simulated())
#define trp_reaper_leave(reaper)                      ((void)(reaper))

#include "scheduler/blocking.c" // NOLINT(bugprone-suspicious-include)

// ---- Jobs

static bool next_has_run(void *user)
{
    const struct job *job = user;
    return job[1].ran > 0;
}

static void run(struct trp_job *job)
{
    struct job *own = (struct job *)(void *)job;
    trp_interleave_yield("job: running");
    if (game.depends && own == &game.of[0][0])
        trp_interleave_block_until("job: blocked until the next has run", next_has_run, own);
    own->ran++;
}

static void discard(struct trp_job *job)
{
    ((struct job *)(void *)job)->discarded++;
}

static void submit(int submitter)
{
    for (int i = 0; i < game.jobs; i++) {
        struct job *job = &game.of[submitter][i];
        bool closed = sim.stopped;
        job->status = trp_blocking_submit(pool.scheduler, &job->job);
        TRP_EXPECT(!closed || job->status == TROUPE_ECLOSED);
    }
    sim.submitters--;
}

static void submit_first(void *user)
{
    (void)user;
    submit(0);
}

static void submit_second(void *user)
{
    (void)user;
    if (!game.stops) {
        submit(1);
        return;
    }
    trp_blocking_stop(pool.scheduler);
    sim.stopped = true;
    sim.submitters--;
}

static bool is_wanted(void *user)
{
    (void)user;
    return sim.wanted > 0 || (sim.submitters == 0 && pool.scheduler->blocking.threads == 0);
}

// A thread that can be made, again and again.
static void serve(void *user)
{
    (void)user;
    for (;;) {
        trp_interleave_block_until("thread: blocked until made", is_wanted, NULL);
        if (sim.wanted == 0)
            return;
        sim.wanted--;
        blocking_main(pool.scheduler);
    }
}

// ---- Tests

static void setup(void *user)
{
    (void)user;
    memset(&sim, 0, sizeof sim);
    sim.early_timeouts = game.stops ? 0 : game.jobs > 2 ? 5 : 1;
    sim.submitters = 2;
    atomic_store(&pool.scheduler->alive, 0); // whatever a run before has left
    trp_blocking_init(&pool.scheduler->blocking);
    for (int s = 0; s < 2; s++)
        for (int i = 0; i < JOBS; i++)
            game.of[s][i] = (struct job){.job = {.run = run, .discard = discard}};
}

static void check(void *user)
{
    (void)user;
    struct trp_blocking *blocking = &pool.scheduler->blocking;
    TRP_EXPECT(blocking->queued == 0 && blocking->threads == 0 && blocking->waiting == 0);
    for (int s = 0; s < (game.stops ? 1 : 2); s++) {
        for (int i = 0; i < game.jobs; i++) {
            const struct job *job = &game.of[s][i];
            TRP_EXPECT(game.stops || (job->status == TROUPE_OK && job->ran == 1));
            TRP_EXPECT(job->ran + job->discarded == (job->status == TROUPE_OK ? 1 : 0));
        }
    }
}

static void explore(const char *name, const struct trp_window *window, int preemptions)
{
    const struct trp_interleave test = {.name = name,
                                        .setup = setup,
                                        .threads = {submit_first, submit_second, serve, serve},
                                        .count = FIRST + POOL,
                                        .check = check,
                                        .max_preemptions = preemptions,
                                        .windows = {*window}};
    trp_interleave_exhaustive(&test);
    game.jobs = game.depends ? 2 : JOBS;
    trp_interleave_random(&test, 1, 5000);
}

// A thread has lost its patience, and is counted as one that waits, when a job comes.
static void a_job_against_a_thread_that_times_out_is_run(void **state)
{
    (void)state;
    game.jobs = 1;
    game.depends = game.stops = false;
    explore("job against timeout",
            &(struct trp_window){"condition: left, without the mutex", "mutex: unlocked"}, 1);
}

static void a_job_does_not_wait_for_one_that_waits_for_it(void **state)
{
    (void)state;
    game.jobs = 2;
    game.depends = true;
    game.stops = false;
    explore("job that waits for the next",
            &(struct trp_window){"job: blocked until the next has run", "job: running"}, 1);
}

static void a_job_against_the_stop_is_run_discarded_or_kept(void **state)
{
    (void)state;
    game.jobs = 2;
    game.depends = false;
    game.stops = true;
    explore("job against stop", &(struct trp_window){"job: running", "mutex: unlocked"}, 1);
}

static int end_pool(void **state)
{
    setup(NULL); // the scheduler knows of no thread
    return pool_free(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_job_against_a_thread_that_times_out_is_run),
        cmocka_unit_test(a_job_does_not_wait_for_one_that_waits_for_it),
        cmocka_unit_test(a_job_against_the_stop_is_run_discarded_or_kept),
    };
    return cmocka_run_group_tests(tests, pool_make, end_pool);
}
