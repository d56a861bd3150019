#!/bin/bash
# Compiles every public header alone, as C11 and as C++17: public_headers_test.sh CC CXX
set -u
cc=$1 cxx=$2
common=(-Wall -Wextra -Wpedantic -Werror -fsyntax-only -Iinclude)
checked=0
failed=0

# compiles COMPILER... : reads the program from standard input
compiles() {
    checked=$((checked + 1))
    "$@" "${common[@]}" - && return
    failed=$((failed + 1))
    echo "FAILED: $header with $*" >&2
}

while read -r header; do
    # Twice, so that a missing include guard shows.
    program="#include <$header>"$'\n'"#include <$header>"
    case $header in
    *.hpp) ;;
    *) compiles "$cc" -x c -std=c11 <<<"$program" ;;
    esac
    compiles "$cxx" -x c++ -std=c++17 <<<"$program"
done < <(cd include && find -L . -name '*.h' -o -name '*.hpp' | sed 's|^\./||' | sort)

echo "$checked compilations, $failed failed"
[ "$checked" -gt 0 ] && [ "$failed" -eq 0 ]
