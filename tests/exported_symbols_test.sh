#!/bin/bash
# Checks that both libraries export what the public headers declare and nothing else:
# exported_symbols_test.sh SO ARCHIVE
set -u
so=$1 archive=$2
failed=0

# check LIBRARY SYMBOLS
check() {
    local strangers count
    count=$(grep -c '^troupe_' <<<"$2")
    strangers=$(grep -v '^troupe_' <<<"$2")
    echo "$1: $count public symbols"
    if [ "$count" -lt 3 ]; then
        echo "FAILED: $1 should export the public functions; are they marked TROUPE_API?" >&2
        failed=1
    fi
    if [ -n "$strangers" ]; then
        echo "FAILED: $1 also exports: ${strangers//$'\n'/ }" >&2
        failed=1
    fi
}

defined() {
    nm --defined-only --format=posix "$@" | sed '/:$/d; s/ .*//'
}

check "$so" "$(defined --dynamic --extern-only "$so")"
check "$archive" "$(defined --extern-only "$archive")"
if [ "$(defined --dynamic --extern-only "$so" | sort)" != "$(defined --extern-only "$archive" | sort)" ]; then
    echo "FAILED: the two libraries do not export the same functions" >&2
    failed=1
fi

# Functions and objects of the public headers: what comes last before the arguments, or at the end.
declared() {
    sed -e ':join; /\\$/{N; s/\\\n//; b join}' -e 's|//.*||; /^ *#/d' include/troupe/*.h |
        tr '\n' ' ' | tr ';{}' '\n\n\n' |
        grep TROUPE_API | sed 's/(.*//; s/ *$//; s/.*[ *]//' | sort -u
}

difference=$(diff <(declared) <(defined --dynamic --extern-only "$so" | sort))
if [ -n "$difference" ]; then
    echo "FAILED: declared (<) and exported (>) differ:"$'\n'"$difference" >&2
    failed=1
fi
exit "$failed"
