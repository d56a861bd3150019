// Telling of a failure, in a form that a reader can go through from top to bottom: what fails and
// why, what of it is needed, what happened, how to have it again.
#include "sim/seeds.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define LONGEST_PLAN 16384 // bytes; a longer one is no help

static const char *name_of(const troupe_sim_test *test)
{
    return test->name ? test->name : "a test";
}

void trp_sim_report_head(const struct trp_sim_finding *finding)
{
    (void)fprintf(stderr, "\ntroupe_sim: \"%s\" fails under seed %" PRIu64 ":\n    %s\n",
                  name_of(finding->test), finding->seed, finding->end.text);
    (void)fflush(stderr);
}

static const char *plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

static bool is_another(const struct trp_sim_end *first, const struct trp_sim_end *last)
{
    if (first->how == TRP_SIM_FAILED)
        return !trp_sim_same_end(first, last);
    return first->how != last->how || first->code != last->code; // no place is known of the first
}

static void tell_difference(const struct trp_sim_finding *finding)
{
    if (strcmp(finding->end.text, finding->last.text) == 0)
        return;
    (void)fprintf(stderr, "  %s:\n    %s\n",
                  is_another(&finding->end, &finding->last)
                      ? "when this seed is run alone it fails in another way"
                      : "in the run that is shown here",
                  finding->last.text);
}

static void tell_size(const struct trp_sim_finding *finding)
{
    uint64_t choices = finding->plan ? trp_sim_plan_count(finding->plan) : finding->choices;
    if (finding->why_not) {
        (void)fprintf(stderr, "  not made shorter: %s\n", finding->why_not);
        return;
    }
    if (finding->attempts == 0)
        return;
    (void)fprintf(stderr,
                  "  made shorter in %" PRIu64 " run%s: %" PRIu64 " step%s of %" PRIu64 ", %" PRIu64
                  " choice%s of %" PRIu64 "\n",
                  finding->attempts, plural(finding->attempts), finding->watch->steps,
                  plural(finding->watch->steps), finding->steps, choices, plural(choices),
                  finding->choices);
}

static void tell_faults(const struct trp_sim_finding *finding)
{
    uint64_t now = finding->watch->faults, before = finding->faults;
    if (now == 0 && before == 0)
        return;
    if (finding->attempts)
        (void)fprintf(stderr, "  faults: %" PRIu64 " of %" PRIu64 " %s needed\n", now, before,
                      now == 1 ? "is" : "are");
    else
        (void)fprintf(stderr, "  faults: %" PRIu64 "\n", now);
    for (uint32_t i = 0; i < finding->watch->told_count; i++)
        (void)fprintf(stderr, "    %s\n", finding->watch->told[i]);
    if (now > finding->watch->told_count)
        (void)fprintf(stderr, "    and others\n");
}

static void tell_trace(const struct trp_sim_watch *watch)
{
    uint64_t kept =
        watch->line_count < watch->line_capacity ? watch->line_count : watch->line_capacity;
    (void)fprintf(stderr, "  at step %" PRIu64 ", %.3f ms%s\n", watch->steps,
                  watch->now ? (double)(watch->now - TRP_SIM_START_NS) / 1e6 : 0.0,
                  kept ? ", after:" : "");
    for (uint64_t i = watch->line_count - kept; i < watch->line_count; i++)
        trp_sim_line_write(watch->lines[i % watch->line_capacity],
                           watch->times[i % watch->line_capacity], stderr);
}

// A plan of its own is not needed for the run that the seed gives anyway.
static void tell_how(const struct trp_sim_finding *finding)
{
    (void)fprintf(stderr, "  again: ");
    if (finding->test->name) // without one TROUPE_TEST cannot mean it
        (void)fprintf(stderr, "TROUPE_TEST=\"%s\" ", finding->test->name);
    (void)fprintf(stderr, "TROUPE_SEED=%" PRIu64, finding->seed);
    char *text = finding->plan ? malloc(LONGEST_PLAN) : NULL;
    if (text && trp_sim_plan_print(finding->plan, text, LONGEST_PLAN) < LONGEST_PLAN)
        (void)fprintf(stderr, " TROUPE_PLAN=%s", text);
    else if (finding->plan)
        (void)fprintf(stderr, " (not made shorter: that takes too many choices to show)");
    free(text);
    (void)fprintf(stderr, "\n");
    if (finding->watch->steps)
        (void)fprintf(stderr,
                      "  in a debugger: TROUPE_STEP=%" PRIu64
                      " as well, which raises SIGTRAP before that step\n",
                      finding->watch->steps);
}

void trp_sim_report(const struct trp_sim_finding *finding)
{
    tell_difference(finding);
    tell_size(finding);
    tell_faults(finding);
    tell_trace(finding->watch);
    tell_how(finding);
    (void)fflush(stderr);
}
