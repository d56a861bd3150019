#!/bin/bash
# Runs the small examples and looks at what they print: examples_test.sh HELLO PING_PONG SUPERVISED
# COUNTER CPP_ASK SIM_BANK
set -uo pipefail
hello=$1 ping_pong=$2 supervised=$3 counter=$4 cpp_ask=$5 sim_bank=$6
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

# Whoever was killed, the shop is complete in the end.
shop() {
    echo "shop: supervisor, rest for one, 30 restarts in 5 s, registers as shop, running, incarnation 1
\|- books: supervisor, one for all, 30 restarts in 5 s, permanent, registers as books, $1
\|  \|- prices: prices, permanent, registers as prices, $1
\|  \`- discounts: discounts, permanent, registers as discounts, $1
\`- clerks: supervisor, simple one for one, 1 restart in 5 s, permanent, registers as clerks, $1"
}
clerk='clerk, temporary, running, incarnation 1'
for seed in '' 2 3; do
    # shellcheck disable=SC2086 # no seed is no argument
    check 0 "$(shop 'running, incarnation 1')
300 of 300 questions answered, [0-9]+ times asked again
shop: 2 run
books: 2 run
clerks: 2 run
$(shop 'running, incarnation [0-9]+')
   \|- $clerk
   \`- $clerk" "$supervised" $seed
done
for wrong in -1 x 1x; do
    check 2 '' "$supervised" "$wrong"
done

check 0 'after three ticks: 15
after a reset: 7' "$counter"

check 0 'balance: 10
negative: TROUPE_EDOWN, .*a deposit is not negative.*' "$cpp_ask"

check 0 'before: 300\.00
after: 300\.00
10000 orders, [0-9]+ of them refused' "$sim_bank"
for wrong in 0 -1 x 1x; do
    check 2 '' "$sim_bank" "$wrong"
done

echo "$failures failures"
[ "$failures" -eq 0 ]
