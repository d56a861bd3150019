// What the user asks for.
#ifndef WORDCOUNT_OPTIONS_H
#define WORDCOUNT_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum output { OUTPUT_TABLE, OUTPUT_JSON, OUTPUT_COUNTS };

struct options {
    enum output output;
    uint32_t top;       // words to show; 0: all
    uint32_t workers;   // 0: as many as there are CPUs
    uint32_t crash;     // how often a parser shall fail
    uint32_t chunk_kib; // 0: by the size of the input
    bool help;
    char **paths; // of argv
    size_t path_count;
};

#define OPTIONS_MAX_WORKERS   1024
#define OPTIONS_MAX_CRASHES   1000000
#define OPTIONS_MAX_CHUNK_KIB (1024 * 1024)

// The text of --help.
extern const char options_help[];

// Reads the command line. False: it is wrong, and `error` says what is allowed.
bool options_parse(struct options *options, int argc, char **argv, char *error, size_t error_size);

#endif
