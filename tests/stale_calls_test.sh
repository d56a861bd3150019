#!/bin/bash
# Every public function that takes a ctx is called by a handler that was given up, in
# support/stale_calls.c: stale_calls_test.sh
set -u
calls=tests/support/stale_calls.c
# Acts for the program, not for the actor that calls it.
exempt=" troupe_app_exit "
checked=0
failed=0

# Declarations, one a line.
declarations() {
    sed 's|//.*||' include/troupe/*.h | tr '\n' ' ' | tr ';{}' '\n\n\n'
}

while read -r name; do
    checked=$((checked + 1))
    # Those that end in _body are called by a macro without that.
    grep -qE "\b(${name}|${name%_body})\(" "$calls" && continue
    [[ $exempt == *" $name "* ]] && continue
    failed=$((failed + 1))
    echo "FAILED: $calls does not call $name" >&2
done < <(declarations | grep -oE '\btroupe_[a-z_]+\(troupe_ctx \*' | sed 's/(.*//' | sort -u)

echo "$checked functions, $failed missing"
[ "$checked" -gt 50 ] && [ "$failed" -eq 0 ]
