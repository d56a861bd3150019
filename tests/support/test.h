// Includes cmocka after the headers that it needs. Every cmocka test starts with this.
#ifndef TESTS_SUPPORT_TEST_H
#define TESTS_SUPPORT_TEST_H

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h> // uses the four above
// clang-format on

#endif
