#!/bin/bash
# Checks a model exhaustively, and that it can fail: models_test.sh MODEL COMPILER, where
# MODEL.cases says what is to be checked:
#   holds BOUNDS...            no error in any state
#   always BOUNDS...           likewise, and what `ltl` says comes to pass under weak fairness
#   fails GUARD BOUNDS...      an error is found when the model leaves GUARD out
#   reaches PLACE BOUNDS...    the search comes to HERE(PLACE)
#   never GUARD BOUNDS...      likewise, but as `always`
set -euo pipefail
model=$PWD/$1 compiler=$2
cases=${model%.pml}.cases
work=$(mktemp -d "${TEST_TMPDIR:-/tmp}/models.XXXXXX")
cd "$work"

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

# check FLAGS OPTIONS BOUND... : leaves the verifier's output in `output`.
check() {
    local flags=$1 options=$2
    shift 2
    spin -P"$compiler -E -x c" "${@/#/-D}" -a "$model" >spin.out || fail "spin: $(cat spin.out)"
    # Not optimised: that would take longer than it saves.
    # shellcheck disable=SC2086 # split into arguments on purpose
    "$compiler" -w -DMEMLIM=900 $flags -o pan pan.c
    # shellcheck disable=SC2086 # likewise
    ./pan -m100000 -w22 $options >output || true
    grep -q 'errors: ' output || fail "$*: $(cat output)"
    ! grep -qE 'max search depth|out of memory|reached -DMEMLIM' output ||
        fail "$* is too large to be searched exhaustively: $(cat output)"
    echo "$*: $(grep -oE '[0-9]+ states, stored' output), $(grep -oE 'errors: .*' output)"
}

kinds=0
while read -r kind first rest; do
    read -ra bounds <<<"$rest"
    case $kind in
    holds)
        check -DSAFETY "" "$first" "${bounds[@]}"
        grep -q 'errors: 0' output || fail "$first $rest: $(cat output)"
        ;;
    always)
        check -DNFAIR=3 "-a -f" LIVENESS "$first" "${bounds[@]}"
        grep -q 'errors: 0' output || fail "$first $rest: $(cat output)"
        ;;
    fails)
        check -DSAFETY "" "$first" "${bounds[@]}"
        ! grep -q 'errors: 0' output || fail "without its guard ($first) the model finds no error"
        ;;
    reaches)
        check -DSAFETY "" "REACHES=$first" "${bounds[@]}"
        grep -q 'assertion violated.*!=' output || fail "$first cannot be reached with $rest"
        ;;
    never)
        check -DNFAIR=3 "-a -f" LIVENESS "$first" "${bounds[@]}"
        ! grep -q 'errors: 0' output || fail "without its guard ($first) the model finds no error"
        ;;
    "" | "#") continue ;;
    *) fail "$cases: what is $kind?" ;;
    esac
    kinds=$((kinds + 1))
done <"$cases"
[ "$kinds" -gt 1 ] || fail "$cases has no cases"
