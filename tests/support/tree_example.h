// Tables of supervisors, for what is printed of them.
#ifndef TESTS_SUPPORT_TREE_EXAMPLE_H
#define TESTS_SUPPORT_TREE_EXAMPLE_H

#include "tests/support/world.h"

extern const troupe_supervisor tree_app;  // the example of troupe/supervisor.h
extern const troupe_supervisor tree_shop; // one of everything that a line can tell

#endif
