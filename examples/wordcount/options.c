#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char options_help[] =
    "usage: wordcount [OPTION]... [FILE or FOLDER]...\n"
    "\n"
    "Counts the words of files, and of all files in folders and the folders in them; by default of\n"
    "/usr/share/common-licenses. A word is a longest run of the letters A to Z and a to z within one\n"
    "file; upper and lower case are the same, and all other bytes separate words.\n"
    "\n"
    "  --top K         show the K most frequent words; 0: all (default 10)\n"
    "  --json          print JSON\n"
    "  --counts        print nothing but lines with a count and a word; all words unless --top is given\n"
    "  --workers N     use N worker threads, 1 to 1024 (default: as many as there are CPUs)\n"
    "  --crash N       let parsers fail N times, spread evenly over the input, 0 to 1000000: half of\n"
    "                  the times before they have counted a chunk, half of them after. They are\n"
    "                  restarted, and the counts are the same\n"
    "  --chunk-kib N   read in pieces of N KiB, 1 to 1048576 (default: by the size of the input, at\n"
    "                  most 1024)\n"
    "  --help          show this text\n"
    "\n"
    "Relative paths are relative to the current folder, also with `bazel run`. Symbolic links are\n"
    "followed as `find -L` does: a file that is reached on two ways counts twice, and a link to a\n"
    "folder that it lies in is left out. In folders, links to nothing, devices, fifos and sockets are\n"
    "left out too. A file that becomes shorter while it is read counts up to its new end, with a\n"
    "warning; what is added to a file after it was opened does not count.\n"
    "\n"
    "Exit codes: 0; 1: a file could not be read to its end, or something failed; 2: wrong options, or\n"
    "a path that is missing or unreadable, and nothing was counted; 128 + n: ended by signal n.\n";

// Reads a number of [low, high]; `name` is the option's, for the text.
static bool read_number(const char *name, const char *text, uint32_t low, uint32_t high,
                        uint32_t *number, char *error, size_t error_size)
{
    char *end = NULL;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0 && value >= low &&
        value <= high) {
        *number = (uint32_t)value;
        return true;
    }
    snprintf(error, error_size, "--%s takes a number from %u to %u, not '%s'", name, low, high,
             text);
    return false;
}

enum code {
    CODE_TOP = 1000,
    CODE_JSON,
    CODE_COUNTS,
    CODE_WORKERS,
    CODE_CRASH,
    CODE_CHUNK_KIB,
    CODE_HELP
};

static const struct option known[] = {
    {"top", required_argument, NULL, CODE_TOP},
    {"json", no_argument, NULL, CODE_JSON},
    {"counts", no_argument, NULL, CODE_COUNTS},
    {"workers", required_argument, NULL, CODE_WORKERS},
    {"crash", required_argument, NULL, CODE_CRASH},
    {"chunk-kib", required_argument, NULL, CODE_CHUNK_KIB},
    {"help", no_argument, NULL, CODE_HELP},
    {NULL, 0, NULL, 0},
};

// What getopt_long could not read: `word` is what was on the command line, or ends with optopt.
static bool refuse(int code, const char *word, char *error, size_t error_size)
{
    const char letter[] = {'-', (char)optopt, '\0'};
    if (optopt > 0 && optopt < CODE_TOP)
        word = letter;
    if (code == ':')
        snprintf(error, error_size, "%s needs a value, see --help", word);
    else
        snprintf(error, error_size,
                 "'%s' is no option; there are --top K, --json, --counts, --workers N, --crash N, "
                 "--chunk-kib N and --help",
                 word);
    return false;
}

// Takes over one option. False: its value is wrong.
static bool apply(struct options *options, int code, const char *value, char *error,
                  size_t error_size)
{
    switch (code) {
    case CODE_TOP:
        return read_number("top", value, 0, UINT32_MAX, &options->top, error, error_size);
    case CODE_WORKERS:
        return read_number("workers", value, 1, OPTIONS_MAX_WORKERS, &options->workers, error,
                           error_size);
    case CODE_CRASH:
        return read_number("crash", value, 0, OPTIONS_MAX_CRASHES, &options->crash, error,
                           error_size);
    case CODE_CHUNK_KIB:
        return read_number("chunk-kib", value, 1, OPTIONS_MAX_CHUNK_KIB, &options->chunk_kib, error,
                           error_size);
    case CODE_JSON:
        options->output = OUTPUT_JSON;
        return true;
    case CODE_COUNTS:
        options->output = OUTPUT_COUNTS;
        return true;
    default:
        options->help = true;
        return true;
    }
}

bool options_parse(struct options *options, int argc, char **argv, char *error, size_t error_size)
{
    *options = (struct options){0};
    bool top_given = false;
    optind = 0; // from the start, whoever has used getopt before
    opterr = 0;
    for (;;) {
        int code = getopt_long(argc, argv, ":", known, NULL);
        if (code == -1)
            break;
        if (code == '?' || code == ':')
            return refuse(code, argv[optind - 1], error, error_size);
        top_given = top_given || code == CODE_TOP;
        if (!apply(options, code, optarg, error, error_size))
            return false;
    }
    if (!top_given)
        options->top = options->output == OUTPUT_COUNTS ? 0 : 10;
    options->paths = argv + optind;
    options->path_count = (size_t)(argc - optind);
    return true;
}
