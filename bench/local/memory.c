// See memory.h.
#include "bench/local/memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint64_t local_memory_kib(const char *field)
{
    char line[256];
    size_t length = strlen(field);
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, field, length) == 0 && line[length] == ':') {
            (void)fclose(file);
            return strtoull(line + length + 1, NULL, 10);
        }
    (void)fprintf(stderr, "local: no %s in /proc/self/status\n", field);
    exit(1);
}
