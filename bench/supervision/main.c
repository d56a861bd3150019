// What failure and supervision cost, through the public functions and with the default options: see
// supervision --help. bench/supervision_compare runs it beside an Erlang program of the same shape.
#include "bench/supervision/measures.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_RUNS 99

const struct supervision_measure *const supervision_measures[SUPERVISION_MEASURES] = {
    &supervision_restart,      &supervision_restart_init, &supervision_restart_cold,
    &supervision_dynamic,      &supervision_dynamic_one,  &supervision_dynamic_unasked,
    &supervision_dynamic_ends, &supervision_tree,         &supervision_watched,
    &supervision_watching,     &supervision_linked,       &supervision_linked_ends};

struct options {
    const struct supervision_measure *measure; // NULL: all
    uint64_t n;                                // 0: the measure's own
    uint32_t workers;                          // 0: one, then two
    uint64_t runs, divisor;
};

// ---- The command line

static void print_help(void)
{
    printf(
        "usage: supervision [OPTION]... [MEASURE [N]]\n"
        "\n"
        "Measures what failure and supervision cost, all of it or one MEASURE, and prints a line\n"
        "of name=value pairs for each, with the medians of several runs.\n"
        "\n"
        "  --workers=W  worker threads, 1 to 1024 (default: with one, then with two)\n"
        "  --runs=R     how many runs, 1 to %d (default 5); each has a process of its own\n"
        "  --quick      a tenth of the work\n"
        "  --help       show this text\n"
        "\n",
        MAX_RUNS);
    for (size_t i = 0; i < SUPERVISION_MEASURES; i++) {
        const struct supervision_measure *measure = supervision_measures[i];
        printf("  %-15s %s (default N %" PRIu64 ")\n", measure->name, measure->what, measure->n);
    }
    printf("\nExit codes: 0; 1: a run failed; 2: wrong options.\n");
}

__attribute__((noreturn, format(printf, 1, 2))) static void refuse(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)fprintf(stderr, "supervision: ");
    (void)vfprintf(stderr, format, args);
    (void)fprintf(stderr, "\nTry: supervision --help\n");
    va_end(args);
    exit(2);
}

static uint64_t read_number(const char *what, const char *text, uint64_t high)
{
    char *end = NULL;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || value < 1 || value > high)
        refuse("%s takes a number from 1 to %" PRIu64 ", not '%s'", what, high, text);
    return value;
}

static void read_measure(char **words, int count, struct options *options)
{
    for (size_t i = 0; i < SUPERVISION_MEASURES; i++)
        if (strcmp(supervision_measures[i]->name, words[0]) == 0)
            options->measure = supervision_measures[i];
    if (options->measure == NULL)
        refuse("there is no measure '%s'", words[0]);
    if (count > 1)
        options->n = read_number("N", words[1], 10000000);
    if (count > 2)
        refuse("%s takes no argument '%s'", words[0], words[2]);
}

static void read_options(int argc, char **argv, struct options *options)
{
    enum { WORKERS = 256, RUNS, QUICK, HELP };

    static const struct option known[] = {{"workers", required_argument, NULL, WORKERS},
                                          {"runs", required_argument, NULL, RUNS},
                                          {"quick", no_argument, NULL, QUICK},
                                          {"help", no_argument, NULL, HELP},
                                          {NULL, 0, NULL, 0}};
    *options = (struct options){.runs = 5, .divisor = 1};
    for (int code; (code = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        if (code == WORKERS)
            options->workers = (uint32_t)read_number("--workers", optarg, 1024);
        else if (code == RUNS)
            options->runs = read_number("--runs", optarg, MAX_RUNS);
        else if (code == QUICK)
            options->divisor = 10;
        else if (code == HELP) {
            print_help();
            exit(0);
        } else { // getopt has named the option
            (void)fprintf(stderr, "Try: supervision --help\n");
            exit(2);
        }
    }
    if (optind < argc)
        read_measure(argv + optind, argc - optind, options);
}

// ---- Measuring

static int compare(const void *one, const void *other)
{
    double a = *(const double *)one, b = *(const double *)other;
    return (a > b) - (a < b);
}

static double median_of(const struct supervision_values *runs, uint64_t count, size_t index)
{
    double values[MAX_RUNS];
    for (uint64_t i = 0; i < count; i++)
        values[i] = runs[i].of[index].value;
    qsort(values, count, sizeof *values, compare);
    return values[count / 2];
}

static bool measure(const struct options *options, const struct supervision_measure *which,
                    uint32_t workers)
{
    struct supervision_values runs[MAX_RUNS];
    supervision_run.measure = which;
    supervision_run.n = options->n ? options->n : which->n / options->divisor;
    supervision_run.workers = workers;
    for (uint64_t i = 0; i < options->runs; i++)
        if (!supervision_run_apart(&runs[i]))
            return false;
    printf("measure=%s workers=%" PRIu32 " n=%" PRIu64 " runs=%" PRIu64, which->name, workers,
           supervision_run.n, options->runs);
    for (size_t i = 0; i < runs[0].count; i++)
        printf(" %s=%.3f", runs[0].of[i].name, median_of(runs, options->runs, i));
    printf("\n");
    (void)fflush(stdout);
    return true;
}

int main(int argc, char **argv)
{
    struct options options;
    read_options(argc, argv, &options);
    uint32_t least = options.workers ? options.workers : 1;
    uint32_t most = options.workers ? options.workers : 2;
    for (size_t i = 0; i < SUPERVISION_MEASURES; i++)
        for (uint32_t workers = least; workers <= most; workers++) {
            const struct supervision_measure *which = supervision_measures[i];
            if (options.measure && options.measure != which)
                continue;
            if (!measure(&options, which, workers))
                return 1;
        }
    return 0;
}
