"""The macros that BUILD files use, so that a new source file needs no change in any of them."""

load("//build_defs:copts.bzl", "TROUPE_COPTS", "TROUPE_CXX_COPTS", "TROUPE_USER_COPTS")

def troupe_module(name, deps = [], visibility = []):
    """One library out of all .c, .S and .h files of a folder; those are `sources`, for tests of them.

    Args:
      name: the folder's name.
      deps: the modules below this one.
      visibility: the modules above this one; tests, benchmarks and the root always see it.
    """
    native.cc_library(
        name = name,
        srcs = native.glob(["*.c", "*.S"]),
        hdrs = native.glob(["*.h"]),
        copts = TROUPE_COPTS,
        # Internal symbols are hidden, so a module cannot be a shared object of its own.
        linkstatic = True,
        visibility = visibility + [
            "//:__pkg__",
            "//bench:__subpackages__",
            "//tests:__subpackages__",
        ],
        deps = ["//include"] + deps,
    )
    native.filegroup(
        name = "sources",
        srcs = native.glob(["*.c", "*.h"]),
        visibility = ["//tests:__subpackages__"],
    )

def troupe_test(name, src, srcs = [], deps = [], **kwargs):
    """A test program in C or C++ that may look into every module."""
    native.cc_test(
        name = name,
        srcs = [src] + srcs,
        copts = _copts_for(src, TROUPE_COPTS),
        linkstatic = True,
        deps = deps,
        **kwargs
    )

def troupe_binary(name, src, deps = [], **kwargs):
    """A program in C or C++ that may look into every module."""
    native.cc_binary(
        name = name,
        srcs = [src],
        copts = _copts_for(src, TROUPE_COPTS),
        deps = deps,
        **kwargs
    )

def troupe_example(name, srcs, deps = [], **kwargs):
    """A program in C or C++ that uses Troupe as anybody else would."""
    native.cc_binary(
        name = name,
        srcs = srcs,
        copts = _copts_for(srcs[0], TROUPE_USER_COPTS),
        deps = ["//:troupe"] + deps,
        **kwargs
    )

def _copts_for(src, c_copts):
    return TROUPE_CXX_COPTS if src.endswith(".cc") else c_copts
