// See options.h.
#include "bench/local/options.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_help(void)
{
    printf(
        "usage: local [OPTION]... WORKLOAD [N [K]]\n"
        "       local [OPTION]... [all]\n"
        "\n"
        "Measures a workload, or all of them with their default sizes, and prints a line of\n"
        "name=value pairs per run. Each run has a process of its own, unless there is only one.\n"
        "\n"
        "  --workers=W,...        worker threads, 1 to 1024 (default: as many as there are CPUs;\n"
        "                         for all: 1,2)\n"
        "  --messages=FORM,...    struct or protobuf (default: struct; for all: both)\n"
        "  --pieces=B             loops of sends and spawns send B messages per handler and go on\n"
        "                         by a message to oneself; 0: everything at once (default 0)\n"
        "  --runs=R               rounds through all that is asked for (default 1)\n"
        "  --help                 show this text\n"
        "\n");
    for (size_t i = 0; i < LOCAL_WORKLOADS; i++) {
        const struct local_workload *workload = local_workloads_struct[i];
        const struct local_argument *n = &workload->n, *k = &workload->k;
        char text[64];
        (void)snprintf(text, sizeof text, "%s %s%s%s", workload->name, n->name, k->name ? " " : "",
                       k->name ? k->name : "");
        printf("  %-20s %s\n", text, workload->what);
        printf("  %-20s   %s %" PRIu64 " to %" PRIu64 " (default %" PRIu64 ")", "", n->name, n->low,
               n->high, n->standard);
        if (k->name)
            printf(", %s %" PRIu64 " to %" PRIu64 " (default %" PRIu64 ")", k->name, k->low,
                   k->high, k->standard);
        printf("\n");
    }
    printf("\nExit codes: 0; 1: a run failed; 2: wrong options.\n");
}

__attribute__((noreturn, format(printf, 1, 2))) static void refuse(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)fprintf(stderr, "local: ");
    (void)vfprintf(stderr, format, args);
    (void)fprintf(stderr, "\nTry: local --help\n");
    va_end(args);
    exit(2);
}

// Reads a number of [low, high]; `what` is whose it is, for the text.
static uint64_t read_number(const char *what, const char *text, uint64_t low, uint64_t high)
{
    char *end = NULL;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || value < low || value > high)
        refuse("%s takes a number from %" PRIu64 " to %" PRIu64 ", not '%s'", what, low, high,
               text);
    return value;
}

static void read_workers(char *text, struct local_options *options)
{
    options->worker_count = 0;
    for (char *word; (word = strsep(&text, ",")) != NULL;) {
        if (options->worker_count == LOCAL_MAX_WORKER_COUNTS)
            refuse("--workers takes at most %d numbers", LOCAL_MAX_WORKER_COUNTS);
        options->workers[options->worker_count++] =
            (uint32_t)read_number("--workers", word, 1, 1024);
    }
}

static void read_forms(char *text, struct local_options *options)
{
    options->form_count = 0;
    for (char *word; (word = strsep(&text, ",")) != NULL;) {
        enum local_form form = LOCAL_STRUCT;
        while (form < LOCAL_FORMS && strcmp(word, local_form_names[form]) != 0)
            form++;
        if (form == LOCAL_FORMS || options->form_count == LOCAL_FORMS)
            refuse("--messages takes struct, protobuf or both with a comma, not '%s'", word);
        options->forms[options->form_count++] = form;
    }
}

static uint64_t read_argument(const struct local_workload *workload,
                              const struct local_argument *argument, const char *text)
{
    char what[64];
    if (!argument->name)
        refuse("%s takes no argument '%s'", workload->name, text);
    (void)snprintf(what, sizeof what, "%s of %s", argument->name, workload->name);
    return read_number(what, text, argument->low, argument->high);
}

static void read_workload(char **words, int count, struct local_options *options)
{
    size_t i = 0;
    while (i < LOCAL_WORKLOADS && strcmp(local_workloads_struct[i]->name, words[0]) != 0)
        i++;
    if (i == LOCAL_WORKLOADS)
        refuse("there is no workload '%s'", words[0]);
    const struct local_workload *workload = local_workloads_struct[i];
    options->workload = i;
    options->n = count > 1 ? read_argument(workload, &workload->n, words[1]) : workload->n.standard;
    options->k = count > 2 ? read_argument(workload, &workload->k, words[2]) : workload->k.standard;
    if (count > 3)
        refuse("%s takes no argument '%s'", workload->name, words[3]);
    for (size_t w = 0; w < options->worker_count; w++)
        if (options->workers[w] < workload->least_workers)
            refuse("%s needs --workers of at least %" PRIu32, workload->name,
                   workload->least_workers);
}

static void read_options(int argc, char **argv, struct local_options *options)
{
    enum { WORKERS = 256, MESSAGES, PIECES, RUNS, HELP };

    static const struct option known[] = {{"workers", required_argument, NULL, WORKERS},
                                          {"messages", required_argument, NULL, MESSAGES},
                                          {"pieces", required_argument, NULL, PIECES},
                                          {"runs", required_argument, NULL, RUNS},
                                          {"help", no_argument, NULL, HELP},
                                          {NULL, 0, NULL, 0}};
    for (int code; (code = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        if (code == WORKERS)
            read_workers(optarg, options);
        else if (code == MESSAGES)
            read_forms(optarg, options);
        else if (code == PIECES)
            options->pieces = read_number("--pieces", optarg, 0, 1000000000);
        else if (code == RUNS)
            options->runs = read_number("--runs", optarg, 1, 1000000);
        else if (code == HELP) {
            print_help();
            exit(0);
        } else { // getopt has named the option
            (void)fprintf(stderr, "Try: local --help\n");
            exit(2);
        }
    }
}

// What is done when the command line does not say.
static void set_defaults(struct local_options *options)
{
    if (options->worker_count == 0 && options->all) {
        options->workers[0] = 1;
        options->workers[1] = 2;
        options->worker_count = 2;
    } else if (options->worker_count == 0) {
        options->workers[0] = troupe_cpu_count();
        options->worker_count = 1;
    }
    if (options->form_count == 0) {
        options->forms[0] = LOCAL_STRUCT;
        options->forms[1] = LOCAL_PROTOBUF;
        options->form_count = options->all ? 2 : 1;
    }
}

void local_options_read(int argc, char **argv, struct local_options *options)
{
    *options = (struct local_options){.runs = 1};
    read_options(argc, argv, options);
    int words = argc - optind;
    options->all = words == 0 || strcmp(argv[optind], "all") == 0;
    if (options->all && words > 1)
        refuse("all takes no argument '%s'", argv[optind + 1]);
    set_defaults(options);
    if (!options->all)
        read_workload(argv + optind, words, options);
}
