// troupe_sim_for_seeds as a test sees it: what it returned and what it printed.
#ifndef TESTS_SUPPORT_CAPTURED_H
#define TESTS_SUPPORT_CAPTURED_H

#include "troupe/sim.h"

struct captured {
    bool good;
    char text[32768]; // stderr
};

// Runs the test under `count` seeds.
void captured_seeds(const troupe_sim_test *test, uint64_t from, uint64_t count,
                    struct captured *captured);

// Copies what follows `word` up to the next space or end of line: "TROUPE_PLAN=".
void captured_word(const struct captured *captured, const char *word, char *value, size_t size);

// Unsets all variables that troupe_sim_for_seeds reads.
void captured_reset(void);

#endif
