"""Troupe's version, as packages and shared libraries carry it."""

TROUPE_VERSION = "0.1.0"

# Programs linked against one libtroupe.so work with another of the same major version.
TROUPE_SOVERSION = TROUPE_VERSION.split(".")[0]
