#!/bin/bash
# Applies one mutation after the other to a copy of the sources, and sees to it that a test notices.
# See README.md; started as `./bazelw run //tests/mutations:run -- [OPTION...] [NAME...]`.
set -uo pipefail

usage() {
    cat <<'EOF'
usage: ./bazelw run //tests/mutations:run -- [OPTION...] [NAME...]

Applies each mutation of tests/mutations/*.mutations, or those that match a NAME (a shell pattern, of
mutations or lists), to a copy of the sources, builds and runs the tests that it names until one fails.

  --record     writes the outcome into the table of tests/mutations/README.md
  --dir DIR    works in DIR and leaves it there, so that the next run builds less
  --limit S    a test that takes longer than S seconds (default 120) hangs
  --all        runs all the tests that a mutation names, not only until one fails
  --unseen     tries those, too, that are said to be unseen: with the tests given by --tests
  --tests "T"  runs these tests instead of those that the list names

Ends with 0 when every mutation was caught.
EOF
}

fail() {
    echo "run.sh: $*" >&2
    exit 2
}

root=${BUILD_WORKSPACE_DIRECTORY:-$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd)}
source "$root/tests/mutations/list.sh"

record='' work='' limit=120 all='' unseen='' instead='' wanted=()
while [ $# -gt 0 ]; do
    case $1 in
    -h | --help) usage && exit 0 ;;
    --record) record=1 ;;
    --dir) work=$2 && shift ;;
    --limit) limit=$2 && shift ;;
    --all) all=1 ;;
    --unseen) unseen=1 ;;
    --tests) instead=$2 && shift ;;
    -*) usage >&2 && exit 2 ;;
    *) wanted+=("$1") ;;
    esac
    shift
done

# ---- The copy

if [ -z "$work" ]; then
    work=$(mktemp -d "${TMPDIR:-/tmp}/mutations.XXXXXX") || exit 2
    trap 'rm -rf "$work"' EXIT
fi
mkdir -p "$work/src" && work=$(cd "$work" && pwd) || exit 2
(cd "$root" && tar -cf - base mailbox scheduler actors transport sim include tests) | tar -C "$work/src" -xf - ||
    fail "cannot copy the sources"
[ ! -f "$work/mutated" ] || touch "$work/src/$(<"$work/mutated")" # by a run that was cut short

# build TEST : the program is built from the copy. What it says is in $work/build.
build() {
    make -C "$work/src" -s -f tests/mutations/Makefile SHAPE="$(shape_of "$1")" OUT="$work" \
        "$work/$(shape_of "$1")/tests/$(program_of "$1")" >"$work/build" 2>&1
}

# gcc 12's ThreadSanitizer does not start with more random address bits than 28.
run_test() {
    local before=()
    [ "$(shape_of "$1")" != tsan ] || before=(setarch -R)
    (cd "$work/src" && ASAN_OPTIONS=abort_on_error=1:detect_stack_use_after_return=1 \
        TSAN_OPTIONS=abort_on_error=1:halt_on_error=1 timeout -k 5 "$limit" "${before[@]}" \
        "$work/$(shape_of "$1")/tests/$(program_of "$1")") >"$work/output" 2>&1 </dev/null
}

# how STATUS : in what way the test failed whose output is in $work/output.
how() {
    if grep -q 'ThreadSanitizer: data race' "$work/output"; then
        echo "data race"
    elif grep -qE 'ThreadSanitizer|AddressSanitizer|LeakSanitizer|runtime error:' "$work/output"; then
        grep -oE '(Thread|Address|Leak)Sanitizer: [a-z-]+|runtime error' "$work/output" | head -n 1
    elif [ "$1" -eq 124 ] || [ "$1" -eq 137 ]; then
        echo "hangs"
    elif grep -q '^interleaving ' "$work/output" && grep -q 'deadlock' "$work/output"; then
        echo "deadlock"
    elif grep -q 'not conserved' "$work/output"; then
        echo "messages are not conserved"
    elif grep -q 'failed with exception: ' "$work/output"; then # as cmocka says
        sed -n 's/.*failed with exception: //p' "$work/output" | head -n 1
    elif grep -q 'broken invariant' "$work/output"; then
        echo "assertion"
    elif [ "$1" -gt 128 ] && [ "$1" -lt 160 ]; then
        echo "signal $(kill -l $(($1 - 128)))"
    else
        echo "expectation"
    fi
}

# ---- One mutation

declare -A row_of     # of the table
declare -A has_caught # tests
survivors=()

# try NAME : sets `by` and `how`; `by` empty: nothing has failed.
try() {
    local test status
    by='' how=''
    for test in ${instead:-${tests_of[$1]}}; do
        if ! build "$test"; then
            cat "$work/build" >&2
            how="$test DOES NOT BUILD"
            return
        fi
        run_test "$test" 2>/dev/null # where bash says who was aborted
        status=$?
        [ $status -ne 0 ] || continue
        has_caught[$test]=1
        by+=${by:+, }$test how+=${how:+, }$(how $status)
        [ "$all" ] || return
    done
}

run_mutation() {
    local name=$1 file=${file_of[$1]} start=$SECONDS
    echo "$file" >"$work/mutated"
    mutate "$name" "$root" >"$work/src/$file" || exit 2
    try "$name"
    cp "$root/$file" "$work/src/$file"
    rm "$work/mutated"
    if [ "$by" ]; then
        row_of[$name]="| $name | ${breaks_of[$name]} | $by | $how |"
    else
        row_of[$name]="| $name | ${breaks_of[$name]} | **nothing** | $how |"
        survivors+=("$name")
    fi
    printf '%-32s %-44s %s (%d s)\n' "$name" "${by:-SURVIVES}" "$how" $((SECONDS - start))
}

# matches NAME : it is one of those that are wanted.
matches() {
    local pattern
    [ ${#wanted[@]} -gt 0 ] || return 0
    for pattern in "${wanted[@]}"; do
        # shellcheck disable=SC2053 # a pattern on purpose
        [[ $1 == $pattern || ${list_of[$1]} == $pattern ]] && return 0
    done
    return 1
}

# ---- The table

# Rows of this run, and for the others those that are there.
write_table() {
    local readme=$root/tests/mutations/README.md line name list=
    while IFS= read -r line; do
        name=${line#| } name=${name%% *}
        [[ $line != "| "* ]] || : "${row_of[$name]:=$line}"
    done < <(sed -n '/^<!-- table -->$/,$p' "$readme")
    {
        sed '/^<!-- table -->$/q' "$readme"
        for name in "${names[@]}"; do
            [ -z "${unseen_of[$name]}" ] || continue
            if [ "$list" != "${list_of[$name]}" ]; then
                list=${list_of[$name]}
                printf '\n### %s\n\n| mutation | what is left out | caught by | how |\n|---|---|---|---|\n' "$list"
            fi
            echo "${row_of[$name]:-| $name | ${breaks_of[$name]} | *not run yet* | |}"
        done
        printf '\n### Not observable here\n\n| mutation | what is left out | why no test can tell |\n|---|---|---|\n'
        for name in "${names[@]}"; do
            [ -z "${unseen_of[$name]}" ] || echo "| $name | ${breaks_of[$name]} | ${unseen_of[$name]} |"
        done
    } >"$work/README.md"
    cp "$work/README.md" "$readme"
}

# ---- All

read_lists "$root"/tests/mutations/*.mutations
count=0
for name in "${names[@]}"; do
    matches "$name" || continue
    [ -z "${unseen_of[$name]}" ] || [ "$unseen" ] || continue
    run_mutation "$name"
    count=$((count + 1))
done
[ "$count" -gt 0 ] || fail "no mutation is called so"

# A test that fails anyway catches nothing.
broken=0
for test in "${!has_caught[@]}"; do
    build "$test" || fail "$test does not build"
    run_test "$test" 2>/dev/null && continue
    echo "$test fails without a mutation, too: $(tail -n 5 "$work/output")" >&2
    broken=$((broken + 1))
done

[ -z "$record" ] || [ "$broken" -gt 0 ] || write_table
echo "$count mutations, $((count - ${#survivors[@]})) caught"
[ ${#survivors[@]} -eq 0 ] || echo "nothing notices: ${survivors[*]}"
[ ${#survivors[@]} -eq 0 ] && [ "$broken" -eq 0 ]
