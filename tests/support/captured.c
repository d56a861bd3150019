#include "tests/support/captured.h"

#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void captured_seeds(const troupe_sim_test *test, uint64_t from, uint64_t count,
                    struct captured *captured)
{
    memset(captured, 0, sizeof *captured);
    int file = memfd_create("captured", 0), before = dup(STDERR_FILENO);
    assert_true(file >= 0 && before >= 0);
    (void)fflush(stderr);
    dup2(file, STDERR_FILENO);
    captured->good = troupe_sim_for_seeds(test, from, count);
    (void)fflush(stderr);
    dup2(before, STDERR_FILENO);
    close(before);
    assert_true(pread(file, captured->text, sizeof captured->text - 1, 0) >= 0);
    close(file);
}

void captured_word(const struct captured *captured, const char *word, char *value, size_t size)
{
    const char *at = strstr(captured->text, word);
    at = at ? at + strlen(word) : "";
    (void)snprintf(value, size, "%.*s", (int)strcspn(at, " \n"), at);
}

void captured_reset(void)
{
    static const char *const variables[] = {"TROUPE_TEST", "TROUPE_SEEDS", "TROUPE_SEED",
                                            "TROUPE_STEP", "TROUPE_PLAN"};
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
        unsetenv(variables[i]);
}
