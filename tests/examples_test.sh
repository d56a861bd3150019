#!/bin/bash
# Runs the small examples and looks at what they print: examples_test.sh HELLO PING_PONG SUPERVISED
# COUNTER CPP_ASK
set -uo pipefail
hello=$1 ping_pong=$2 supervised=$3 counter=$4 cpp_ask=$5
output=$(mktemp "${TEST_TMPDIR:-/tmp}/examples.XXXXXX")
failures=0

# check EXIT_CODE EXPECTED_STDOUT COMMAND... : an ERE per line
check() {
    local expected_code=$1 expected=$2 code line number=0
    shift 2
    "$@" >"$output" 2>"$output.error"
    code=$?
    if [ "$code" -ne "$expected_code" ]; then
        echo "FAILED: $*: exit code $code, not $expected_code: $(cat "$output.error")" >&2
        failures=$((failures + 1))
    fi
    [ -n "$expected" ] && while IFS= read -r line; do
        number=$((number + 1))
        if ! sed -n "${number}p" "$output" | grep -Eqx -- "$line"; then
            echo "FAILED: $*: line $number is '$(sed -n "${number}p" "$output")', not '$line'" >&2
            failures=$((failures + 1))
        fi
    done <<<"$expected"
    if [ "$(wc -l <"$output")" -gt "$number" ]; then
        echo "FAILED: $*: more than $number lines: $(tail -1 "$output")" >&2
        failures=$((failures + 1))
    fi
}

check 0 'hello, world' "$hello"
check 0 'hello, Debian' "$hello" Debian

check 0 '1000 rounds in [0-9.]+ s: [0-9]+ messages/s' "$ping_pong" 1000
check 0 '1 rounds in [0-9.]+ s: [0-9]+ messages/s' "$ping_pong" 1
for wrong in 0 -1 x 1x; do
    check 2 '' "$ping_pong" "$wrong"
done

# Two actors print: each in its own order.
check 0 'machine: incarnation 1 is on
machine: incarnation 2 is on' bash -c '"$0" | grep ^machine' "$supervised"
check 0 'customer: got cup 1
customer: got cup 2
customer: the machine broke \(failed: cup 3 was too much\)
customer: got cup 1
customer: got cup 2' bash -c '"$0" | grep ^customer' "$supervised"
grep -q 'cup 3 was too much' "$output.error" || {
    echo "FAILED: supervised: the failure is not on stderr: $(cat "$output.error")" >&2
    failures=$((failures + 1))
}

check 0 'after three ticks: 15
after a reset: 7' "$counter"

check 0 'balance: 10
negative: TROUPE_EDOWN, .*a deposit is not negative.*' "$cpp_ask"

echo "$failures failures"
[ "$failures" -eq 0 ]
