// Many seeds. One child runs them one after the other, so that a seed costs no more than its run.
// What it fails of is run again, alone and recorded, then made shorter, then run once more for the
// trace: each time in a child of its own.
#include "sim/seeds.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define LINES_SHOWN 25

// ---- The environment; empty variables are not set

struct wish {
    bool alone; // TROUPE_SEED is set
    uint64_t seed, seeds, step;
    struct trp_sim_plan plan;
    bool has_plan;
};

static const char *value_of(const char *variable)
{
    const char *value = getenv(variable);
    return value && *value ? value : NULL;
}

// Sets *number if the variable is set. False: it is no number from `least`.
static bool read_number(const char *variable, uint64_t least, uint64_t *number)
{
    const char *value = value_of(variable);
    if (value == NULL)
        return true;
    char *end = NULL;
    errno = 0;
    uint64_t read = strtoull(value, &end, 10);
    if (*value >= '0' && *value <= '9' && *end == 0 && errno == 0 && read >= least) {
        *number = read;
        return true;
    }
    (void)fprintf(stderr,
                  "troupe_sim: %s is \"%s\"; allowed are numbers from %" PRIu64 " to %" PRIu64 "\n",
                  variable, value, least, UINT64_MAX);
    return false;
}

static bool read_plan(struct wish *wish)
{
    const char *value = value_of("TROUPE_PLAN");
    if (value == NULL)
        return true;
    wish->has_plan = trp_sim_plan_parse(&wish->plan, value) == TROUPE_OK;
    if (!wish->has_plan)
        (void)fprintf(stderr, "troupe_sim: TROUPE_PLAN: %s\n", troupe_error_text(NULL));
    return wish->has_plan;
}

static bool needs_seed(const struct wish *wish, const char *variable)
{
    if (wish->alone || value_of(variable) == NULL)
        return true;
    (void)fprintf(stderr, "troupe_sim: %s is set and TROUPE_SEED is not\n", variable);
    return false;
}

static bool read_wish(struct wish *wish, uint64_t count)
{
    *wish = (struct wish){.alone = value_of("TROUPE_SEED") != NULL, .seeds = count};
    return read_number("TROUPE_SEED", 0, &wish->seed) &&
           read_number("TROUPE_SEEDS", 1, &wish->seeds) &&
           read_number("TROUPE_STEP", 1, &wish->step) && needs_seed(wish, "TROUPE_STEP") &&
           needs_seed(wish, "TROUPE_PLAN") && read_plan(wish);
}

static bool is_wanted(const troupe_sim_test *test)
{
    const char *name = value_of("TROUPE_TEST");
    return name == NULL || (test->name && strcmp(test->name, name) == 0);
}

// ---- In this process

static uint32_t lines_of(const troupe_sim_test *test)
{
    return test->opts.trace ? test->opts.trace : LINES_SHOWN;
}

static void report_here(const struct trp_sim_job *job, uint64_t seed,
                        const struct trp_sim_watch *watch)
{
    struct trp_sim_finding finding = {
        .test = job->test, .seed = seed, .watch = watch, .plan = job->plan};
    finding.end.how = TRP_SIM_FAILED;
    (void)snprintf(finding.end.text, sizeof finding.end.text, "%s", watch->failure);
    finding.last = finding.end;
    trp_sim_report_head(&finding);
    trp_sim_report(&finding);
}

static bool run_here(struct trp_sim_job job)
{
    struct trp_sim_watch *watch = malloc(sizeof *watch);
    if (watch == NULL) {
        (void)fprintf(stderr, "troupe_sim: no memory\n");
        return false;
    }
    bool good = true;
    job.lines = lines_of(job.test);
    for (uint64_t i = 0; good && i < job.count; i++) {
        good = trp_sim_run_seed(&job, job.from + i, watch, NULL);
        if (!good)
            report_here(&job, job.from + i, watch);
    }
    free(watch);
    return good;
}

// ---- A failure of a child

// Runs the failing seed alone. False: it does not fail then, which is told.
static bool run_alone(struct trp_sim_job *job, struct trp_sim_shared *shared,
                      struct trp_sim_finding *finding)
{
    *job = (struct trp_sim_job){.test = finding->test,
                                .from = finding->seed,
                                .count = 1,
                                .record = true,
                                .quiet = true,
                                .leaks = finding->end.how == TRP_SIM_LEAKED};
    trp_sim_run_child(job, shared, &finding->last);
    if (finding->last.how != TRP_SIM_GOOD && finding->last.how != TRP_SIM_UNBORN)
        return true;
    (void)fprintf(stderr,
                  finding->last.how == TRP_SIM_GOOD
                      ? "  not when this seed is run alone: the test keeps state from one run to "
                        "the next, or does something that the seed does not decide\n"
                      : "  no more is known: a second process could not be made\n");
    return false;
}

static bool was_recorded(const struct trp_sim_shared *shared)
{
    for (int kind = 0; kind < TRP_SIM_KINDS; kind++) {
        if (shared->record.lists[kind].count == TRP_SIM_MARKS)
            return false;
    }
    return true;
}

// Copies what was recorded to memory that the next run leaves alone.
static troupe_status keep_record(const struct trp_sim_shared *shared, struct trp_sim_plan *plan)
{
    struct trp_sim_marks marks;
    troupe_status status = trp_sim_plan_marks(&shared->record, &marks);
    if (status == TROUPE_OK)
        status = trp_sim_plan_init(plan, marks.at, marks.count);
    free(marks.at);
    return status;
}

// Runs the plan for its trace. False: it is not the failure that it was.
static bool run_for_trace(const struct trp_sim_job *alone, struct trp_sim_shared *shared,
                          const struct trp_sim_plan *plan, struct trp_sim_finding *finding)
{
    struct trp_sim_job job = *alone;
    job.plan = plan;
    job.lines = lines_of(finding->test);
    struct trp_sim_end end;
    trp_sim_run_child(&job, shared, &end);
    bool same = trp_sim_same_end(&end, &finding->last);
    if (same)
        finding->last = end;
    return same;
}

static void shorten(const struct trp_sim_job *job, struct trp_sim_shared *shared,
                    struct trp_sim_finding *finding, struct trp_sim_plan *plan)
{
    if (!was_recorded(shared)) {
        finding->why_not = "it makes too many choices";
    } else if (keep_record(shared, plan) != TROUPE_OK) {
        finding->why_not = "no memory";
    } else {
        finding->attempts = trp_sim_shrink(job, shared, &finding->last, plan);
        finding->plan = plan;
        if (run_for_trace(job, shared, plan, finding))
            return;
        finding->why_not = "with the same choices it does not always fail: it does something that "
                           "the seed does not decide";
        finding->plan = NULL;
    }
    run_for_trace(job, shared, NULL, finding);
}

static void look_into(struct trp_sim_shared *shared, struct trp_sim_finding *finding)
{
    trp_sim_report_head(finding);
    struct trp_sim_job job;
    if (!run_alone(&job, shared, finding))
        return;
    finding->steps = shared->watch.steps;
    finding->faults = shared->watch.faults;
    finding->choices = trp_sim_plan_count(&shared->record);
    struct trp_sim_plan plan = {0};
    shorten(&job, shared, finding, &plan);
    trp_sim_report(finding);
    trp_sim_plan_fini(&plan);
}

// ---- Leaks are found only when all runs have ended

static bool leaks(const struct trp_sim_job *job, struct trp_sim_shared *shared, uint64_t count)
{
    struct trp_sim_job part = *job;
    struct trp_sim_end end;
    part.count = count;
    part.quiet = true;
    trp_sim_run_child(&part, shared, &end);
    return end.how == TRP_SIM_LEAKED;
}

// Returns how many seeds are needed, from the first on, for the last of them to be one that leaks;
// 0: the caller has leaked before.
static uint64_t first_leak(const struct trp_sim_job *job, struct trp_sim_shared *shared)
{
    if (leaks(job, shared, 0))
        return 0;
    uint64_t good = 0, bad = job->count;
    while (bad - good > 1) {
        uint64_t middle = good + (bad - good) / 2;
        *(leaks(job, shared, middle) ? &bad : &good) = middle;
    }
    return bad;
}

// ---- The public call

static bool run_in_child(const struct trp_sim_job *job, struct trp_sim_shared *shared)
{
    struct trp_sim_finding finding = {.test = job->test, .watch = &shared->watch};
    trp_sim_run_child(job, shared, &finding.end);
    if (finding.end.how == TRP_SIM_GOOD)
        return true;
    if (finding.end.how == TRP_SIM_UNBORN) {
        (void)fprintf(stderr, "troupe_sim: %s; it runs in this one\n", troupe_error_text(NULL));
        return run_here(*job);
    }
    finding.seed = finding.end.seed;
    if (finding.end.how == TRP_SIM_LEAKED) {
        uint64_t needed = first_leak(job, shared);
        if (needed == 0)
            return true;
        finding.seed = job->from + needed - 1;
    }
    look_into(shared, &finding);
    return false;
}

static bool run_many(const struct trp_sim_job *job)
{
    struct trp_sim_shared *shared = trp_sim_shared_new();
    if (shared == NULL) {
        (void)fprintf(stderr, "troupe_sim: %s; it runs in this process\n", troupe_error_text(NULL));
        return run_here(*job);
    }
    bool good = run_in_child(job, shared);
    trp_sim_shared_free(shared);
    return good;
}

static bool check(const troupe_sim_test *test)
{
    if (test == NULL || test->run == NULL) {
        (void)fprintf(stderr, "troupe_sim_for_seeds: %s is NULL\n", test ? "test->run" : "test");
        return false;
    }
    troupe_sim *sim;
    if (troupe_sim_new(0, &test->opts, &sim) == TROUPE_OK)
        return troupe_sim_free(sim);
    (void)fprintf(stderr, "troupe_sim: \"%s\": %s\n", test->name ? test->name : "a test",
                  troupe_error_text(NULL));
    return false;
}

bool troupe_sim_for_seeds(const troupe_sim_test *test, uint64_t from, uint64_t count)
{
    struct wish wish;
    if (!check(test) || !read_wish(&wish, count))
        return false;
    bool good = true;
    if (wish.alone && is_wanted(test))
        good = run_here((struct trp_sim_job){.test = test,
                                             .from = wish.seed,
                                             .count = 1,
                                             .plan = wish.has_plan ? &wish.plan : NULL,
                                             .stop_at = wish.step});
    else if (is_wanted(test))
        good = run_many(&(const struct trp_sim_job){
            .test = test, .from = from, .count = wish.seeds, .leaks = true});
    trp_sim_plan_fini(&wish.plan);
    return good;
}
