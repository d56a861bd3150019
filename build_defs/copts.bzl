"""Compiler options: for Troupe's own code, for code that plays a user of Troupe, for C++."""

_GCC_WARNINGS = [
    "-Wall",
    "-Wextra",
    "-Wshadow",
    "-Wconversion",
    "-Wsign-conversion",
    "-Wstrict-prototypes",
    "-Wmissing-prototypes",
    "-Wold-style-definition",
    "-Wpointer-arith",
    "-Wcast-qual",
    "-Wcast-align=strict",
    "-Wwrite-strings",
    "-Wformat=2",
    "-Wundef",
    "-Wvla",
    "-Wswitch-enum",
    "-Wimplicit-fallthrough=5",
    "-Wnull-dereference",
    "-Wduplicated-cond",
    "-Wduplicated-branches",
    "-Wlogical-op",
]

_CLANG_WARNINGS = [
    "-Wall",
    "-Wextra",
    "-Wshadow",
    "-Wconversion",
    "-Wsign-conversion",
    "-Wstrict-prototypes",
    "-Wmissing-prototypes",
    "-Wmissing-variable-declarations",
    "-Wold-style-definition",
    "-Wpointer-arith",
    "-Wcast-qual",
    "-Wcast-align",
    "-Wwrite-strings",
    "-Wformat=2",
    "-Wundef",
    "-Wvla",
    "-Wswitch-enum",
    "-Wimplicit-fallthrough",
    "-Wnull-dereference",
    "-Wcomma",
    "-Wunreachable-code",
]

# Sanitizers change what the optimizer sees, and its warnings with it: there they stay warnings.
_WERROR = select({
    "//build_defs:sanitized": [],
    "//conditions:default": ["-Werror"],
})

TROUPE_COPTS = [
    "-std=gnu17",
    "-D_GNU_SOURCE",
    "-fvisibility=hidden",
    "-fno-semantic-interposition",
    "-fno-common",
] + select({
    "//build_defs:clang": _CLANG_WARNINGS,
    "//conditions:default": _GCC_WARNINGS,
}) + _WERROR

# What a careful user of Troupe compiles with: the examples hold to standard C11.
TROUPE_USER_COPTS = [
    "-std=c11",
    "-D_GNU_SOURCE",
    "-Wall",
    "-Wextra",
    "-Wpedantic",
    "-Wshadow",
] + _WERROR

TROUPE_CXX_COPTS = [
    "-std=c++17",
    "-Wall",
    "-Wextra",
    "-Wpedantic",
    "-Wshadow",
] + _WERROR
