#!/bin/bash
# Installs Troupe into a fresh folder, and builds and runs from it examples/standalone and the program
# in the README: install_test.sh INSTALL STANDALONE_MAKEFILE README COMPILER
set -euo pipefail
install=$PWD/$1 standalone=$(dirname "$PWD/$2") readme=$3 compiler=$4
fresh=$(mktemp -d "${TEST_TMPDIR:-/tmp}/install.XXXXXX")

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

# Mistakes are named, and change nothing.
for arguments in "" "--prefix" "--nonsense" "--prefix /proc/nowhere"; do
    # shellcheck disable=SC2086 # split into arguments on purpose
    if "$install" $arguments 2>"$fresh/error"; then
        fail "install $arguments succeeded"
    fi
    grep -q '^install: ' "$fresh/error" || fail "install $arguments failed without a reason"
done
"$install" --help | grep -q -- '--prefix DIR' || fail "--help does not help"

# A relative folder is meant from where the user is.
BUILD_WORKING_DIRECTORY=$fresh "$install" --prefix prefix
for file in include/troupe.h lib/libtroupe.a lib/libtroupe.so lib/pkgconfig/troupe.pc; do
    [ -f "$fresh/prefix/$file" ] || fail "$file was not installed"
done

cp -rL "$standalone" "$fresh/standalone"
make -C "$fresh/standalone" PREFIX="$fresh/prefix" CC="$compiler" check | tee "$fresh/output"
[ "$(grep -cx 'Hello, world.' "$fresh/output")" -eq 2 ] || fail "the two programs do not greet"

# The README's program, as a newcomer would copy it.
sed -n '/^```c$/,/^```$/{/^```/!p}' "$readme" >"$fresh/standalone/main.c"
make -C "$fresh/standalone" PREFIX="$fresh/prefix" CC="$compiler" CFLAGS="-Wall -Wextra -Wpedantic -Werror" check |
    tee "$fresh/output"
[ "$(grep -cx '42' "$fresh/output")" -eq 2 ] || fail "the README's program does not print 42"
