#!/bin/bash
# How much faster two workers count words than one: bench/wordcount_speed.sh [WORDCOUNT]
# Counts 500 MB of text RUNS times (default 5) with one and with two workers in turn, and prints
# name=value lines. Without WORDCOUNT the program is built first.
set -euo pipefail
runs=${RUNS:-5}
megabytes=${MEGABYTES:-500}
bench=$(dirname "$(readlink -f "$0")")
if [ $# -gt 0 ]; then
    wordcount=$(readlink -f "$1")
else
    cd "$bench/.."
    ./bazelw build //examples:wordcount >&2
    wordcount=$(./bazelw info bazel-bin 2>/dev/null)/examples/wordcount
fi
unset BUILD_WORKING_DIRECTORY
place=$(mktemp -d "${TMPDIR:-/tmp}/wordcount_speed.XXXXXX")
trap 'rm -rf "$place"' EXIT

"$bench/support/wordcount_text.sh" "$megabytes" >"$place/input"

# seconds WORKERS
seconds() {
    "$wordcount" --workers "$1" --json --top 1 "$place/input" |
        sed -n 's/^ *"seconds": \([0-9.]*\),$/\1/p'
}

median() {
    sort -n | sed -n "$(((runs + 1) / 2))p"
}

seconds 2 >/dev/null # the input is in the page cache now
for _ in $(seq "$runs"); do
    seconds 1 >>"$place/one"
    seconds 2 >>"$place/two"
done
one=$(median <"$place/one")
two=$(median <"$place/two")
echo "input_bytes=$(wc -c <"$place/input")"
echo "runs=$runs"
echo "seconds_1_worker=$one"
echo "seconds_2_workers=$two"
awk -v one="$one" -v two="$two" -v megabytes="$(($(wc -c <"$place/input") / 1000000))" 'BEGIN {
    printf "mb_per_second_1_worker=%.0f\n", megabytes / one
    printf "mb_per_second_2_workers=%.0f\n", megabytes / two
    printf "ratio=%.2f\n", one / two
}'
