// Without memory: each allocation of a scenario fails in turn, alone or with all that come after
// it. What fails says so, nothing else is lost: afterwards the same scenario succeeds in the same
// system, and all memory comes back.
//
// In a scenario each call goes through one of these, which fail the program if it went wrong
// without cause. Scenarios that hold together by calls that failed are of no use: look out.
#ifndef TESTS_SUPPORT_SCARCE_H
#define TESTS_SUPPORT_SCARCE_H

#include "sim/driver.h"
#include "tests/support/world.h"

// True: the call succeeded. It may fail for want of memory, once memory has failed.
#define scarce_ok(status)  scarce_check_status((status), true, __FILE__, __LINE__)
#define scarce_there(made) ((made) ? true : scarce_check_failed(__FILE__, __LINE__))

// True: the call succeeded. Others may have failed to do what it needs, once memory has failed.
#define scarce_done(status) scarce_check_status((status), false, __FILE__, __LINE__)

bool scarce_check_status(troupe_status status, bool for_memory, const char *file, int line);
bool scarce_check_failed(const char *file, int line);

// Whether memory has failed in this run.
bool scarce_has_failed(void);

struct scarce_scenario {
    // `driver`: NULL on real threads.
    void (*run)(troupe_system *system, struct trp_driver *driver);
    // Before the second run, which has all the memory it wants, and after it. NULL: there is none,
    // as the first one ends the system.
    void (*forget)(void);
    void (*expect_all)(void);
    unsigned least; // allocations that it has at least, or it is not what it was
};

// Driven: each allocation fails once, alone; and each is the first of all to fail.
void scarce_each(const struct scarce_scenario *scenario);
void scarce_from_each_on(const struct scarce_scenario *scenario);

// Two workers: which allocation fails differs from run to run; what must hold does not.
void scarce_each_on_threads(const struct scarce_scenario *scenario);

#endif
