// Blocking jobs: run off the workers, end with an outcome, and their argument is released once.
#include "scheduler/scheduler.h"
#include "tests/support/world.h"
#include "troupe/blocking.h"

#include <semaphore.h>
#include <string.h>

struct job {
    troupe_system *system;
    troupe_status status; // what it returns
    sem_t *gate;          // waited for, or NULL
    _Atomic int runs, releases, outcomes;
};

static troupe_status run(void *arg)
{
    struct job *job = arg;
    WORLD_CHECK(trp_worker_current(job->system->scheduler) == NULL);
    WORLD_CHECK(job->releases == 0);
    job->runs++;
    if (job->gate)
        WORLD_CHECK(sem_wait(job->gate) == 0);
    return job->status;
}

static void release(void *arg)
{
    ((struct job *)arg)->releases++;
}

static troupe_status on_outcome(troupe_ctx *ctx, void *state, void *user,
                                const troupe_outcome *outcome)
{
    struct job *job = user;
    (void)state;
    WORLD_CHECK(outcome->reply == NULL && outcome->reason == NULL);
    WORLD_CHECK(job->runs == 1 && job->releases == 0);
    job->outcomes++;
    puppet_say(ctx, "%s", troupe_status_name(outcome->status));
    return TROUPE_OK;
}

static troupe_status submit(troupe_ctx *ctx, struct puppet *puppet, void *job)
{
    (void)puppet;
    return troupe_run_blocking(ctx, run, job, release, on_outcome, job);
}

static bool is_released(struct world *world, void *job)
{
    (void)world;
    return ((struct job *)job)->releases == 1;
}

WORLD_STORY(a_job_runs_off_the_workers_and_tells_its_status)
{
    static const troupe_status statuses[] = {TROUPE_OK, TROUPE_EUSER, TROUPE_EDOWN, TROUPE_STOP};
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    for (int i = 0; i < 4; i++) {
        struct job job = {.system = world->system, .status = statuses[i]};
        world_do(world, a, submit, &job);
        world_await(world, "a", troupe_status_name(statuses[i]));
        world_until(world, is_released, &job);
        assert_int_equal(job.outcomes, 1);
    }
}

WORLD_STORY(many_jobs_run_at_once_and_each_ends_once)
{
    enum { JOBS = 100 };
    static struct job jobs[JOBS];
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    memset(jobs, 0, sizeof jobs);
    for (int i = 0; i < JOBS; i++) {
        jobs[i].system = world->system;
        world_tell(world, a, submit, &jobs[i]);
    }
    world_await_times(world, JOBS, "a", "TROUPE_OK");
    for (int i = 0; i < JOBS; i++)
        world_until(world, is_released, &jobs[i]);
}

// More jobs than workers wait for each other's gate: they do not take the workers' place.
WORLD_STORY_ON_THREADS(jobs_that_wait_hold_up_no_actor)
{
    enum { JOBS = 5 };
    static struct job jobs[JOBS];
    sem_t gate;
    sem_init(&gate, 0, 0);
    troupe_ref a = world_spawn(world, "a", NULL, NULL), b = world_spawn(world, "b", NULL, NULL);
    memset(jobs, 0, sizeof jobs);
    for (int i = 0; i < JOBS; i++) {
        jobs[i].system = world->system;
        jobs[i].gate = &gate;
        world_do(world, a, submit, &jobs[i]);
    }
    world_sync(world, a);
    world_sync(world, b);
    assert_int_equal(world_heard(world, "a", "TROUPE_OK"), 0);
    for (int i = 0; i < JOBS; i++)
        sem_post(&gate);
    world_await_times(world, JOBS, "a", "TROUPE_OK");
    for (int i = 0; i < JOBS; i++)
        world_until(world, is_released, &jobs[i]);
    sem_destroy(&gate);
}

static char disk[] = "disk";

WORLD_STORY(a_job_whose_actor_ends_first_has_no_outcome_and_is_released)
{
    sem_t gate;
    sem_init(&gate, 0, 0);
    struct job job = {.system = world->system, .gate = world->driven ? NULL : &gate};
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    world_do(world, a, submit, &job);
    troupe_kill(world->ctx, a);
    if (!world->driven)
        world_join(world, a);
    sem_post(&gate);
    world_join(world, a);
    world_until(world, is_released, &job);
    assert_in_range(job.runs, 0, 1);
    if (!world->driven)
        assert_int_equal(job.outcomes, 0);
    sem_destroy(&gate);
}

static troupe_status submit_first(troupe_ctx *ctx, struct puppet *puppet, void *job)
{
    bool first = troupe_incarnation(ctx, troupe_self(ctx)) == 1;
    return first ? submit(ctx, puppet, job) : TROUPE_OK;
}

WORLD_STORY(the_job_of_an_earlier_incarnation_has_no_outcome_and_is_released)
{
    sem_t gate;
    sem_init(&gate, 0, world->driven);
    struct job job = {.system = world->system, .gate = &gate};
    struct order order = {submit_first, &job};
    troupe_child child = {
        .id = "s", .behavior = &puppet_behavior, .args_type = TROUPE_TYPE(Do), .args = &order};
    troupe_supervisor spec = {.children = &child, .child_count = 1};
    troupe_ref supervisor, s;
    assert_int_equal(troupe_supervise_wait(world->ctx, &spec, &supervisor), TROUPE_OK);
    assert_int_equal(troupe_child_ref(world->ctx, supervisor, "s", &s), TROUPE_OK);
    world_do(world, s, puppet_fail, disk);
    world_await(world, "s", "init 2");
    sem_post(&gate);
    world_until(world, is_released, &job);
    world_sync(world, s);
    assert_int_equal(world_heard(world, "s", "TROUPE_OK"), job.outcomes);
    if (!world->driven)
        assert_int_equal(job.outcomes, 0);
    sem_destroy(&gate);
}

WORLD_STORY_DRIVEN(a_job_that_has_not_begun_is_dropped_when_the_system_stops)
{
    struct job job = {.system = world->system};
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    world_do(world, a, submit, &job);
    world_stop(world);
    assert_int_equal(job.releases, 1);
    assert_true(job.runs == 1 || job.outcomes == 0);
}

static troupe_status submit_wrongly(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    struct job *job = arg;
    (void)puppet;
    WORLD_CHECK(troupe_run_blocking(ctx, NULL, job, release, on_outcome, job) == TROUPE_EINVAL);
    WORLD_CHECK(troupe_run_blocking(ctx, run, job, release, NULL, job) == TROUPE_EINVAL);
    WORLD_CHECK(job->releases == 0);
    WORLD_CHECK(troupe_run_blocking(ctx, run, job, NULL, on_outcome, job) == TROUPE_OK);
    return TROUPE_OK;
}

WORLD_STORY(what_is_refused_is_not_released)
{
    struct job job = {.system = world->system};
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    world_do(world, a, submit_wrongly, &job);
    world_await(world, "a", "TROUPE_OK");
    assert_int_equal(troupe_run_blocking(world->ctx, run, &job, release, on_outcome, &job),
                     TROUPE_ENOTSUP);
    assert_int_equal(job.releases, 0);
}

// ---- The step at which a driven system runs a job is chosen by the seed

static void a_driven_job_runs_before_or_after_what_else_there_is_to_do(void **state)
{
    (void)state;
    bool before = false, after = false;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct trp_driver driver;
        struct job job = {0};
        troupe_ref a, b;
        assert_int_equal(trp_driver_start(&driver, seed, NULL), TROUPE_OK);
        troupe_ctx *ctx = troupe_outside(driver.system);
        job.system = driver.system;
        troupe_spawn_with(ctx, &puppet_behavior, NULL, &a, Do, .fn = submit, .arg = &job);
        troupe_call(ctx, a, TROUPE_NO_LIMIT, NULL, Sync);
        if (job.runs == 0) {
            troupe_spawn(ctx, &puppet_behavior, NULL, &b);
            troupe_call(ctx, b, TROUPE_NO_LIMIT, NULL, Sync);
            before |= job.runs == 1;
            after |= job.runs == 0;
        }
        trp_driver_run(&driver);
        assert_int_equal(job.runs, 1);
        assert_int_equal(job.releases, 1);
        assert_int_equal(trp_driver_stop(&driver, 0, NULL), TROUPE_OK);
    }
    assert_true(before && after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_job_runs_off_the_workers_and_tells_its_status),
        cmocka_unit_test(many_jobs_run_at_once_and_each_ends_once),
        cmocka_unit_test(jobs_that_wait_hold_up_no_actor),
        cmocka_unit_test(a_job_whose_actor_ends_first_has_no_outcome_and_is_released),
        cmocka_unit_test(the_job_of_an_earlier_incarnation_has_no_outcome_and_is_released),
        cmocka_unit_test(a_job_that_has_not_begun_is_dropped_when_the_system_stops),
        cmocka_unit_test(what_is_refused_is_not_released),
        cmocka_unit_test(a_driven_job_runs_before_or_after_what_else_there_is_to_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
