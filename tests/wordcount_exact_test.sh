#!/bin/bash
# Whether examples/wordcount counts all of /usr/include as the standard tools do, with one, two and
# more workers, and while parsers fail: wordcount_exact_test.sh WORDCOUNT
set -uo pipefail
wordcount=$PWD/$1
place=$(mktemp -d "${TEST_TMPDIR:-/tmp}/wordcount.XXXXXX")
input=/usr/include
failures=0
unset BUILD_WORKING_DIRECTORY

# `$a\` ends a file with a newline if there is none, so that no word spans two files.
find -L "$input" -type f -print0 2>/dev/null | LC_ALL=C xargs -0 sed -s '$a\' |
    LC_ALL=C tr -cs 'A-Za-z' '\n' | LC_ALL=C tr A-Z a-z | sed '/^$/d' |
    LC_ALL=C sort -S 25% | uniq -c | awk '{print $1, $2}' | LC_ALL=C sort >"$place/expected"
words=$(awk '{sum += $1} END {print sum}' "$place/expected")
echo "$input: $words words, $(wc -l <"$place/expected") distinct"

# check CRASHES WORDCOUNT_OPTION...
check() {
    local crashes=$1 restarts
    shift
    if ! "$wordcount" --json --top 0 --crash "$crashes" "$@" "$input" >"$place/json"; then
        echo "FAILED: --crash $crashes $*: exit code" >&2
        failures=$((failures + 1))
        return
    fi
    sed -n 's/.*{"word": "\([a-z]*\)", "count": \([0-9]*\)}.*/\2 \1/p' "$place/json" |
        LC_ALL=C sort >"$place/actual"
    restarts=$(sed -n 's/.*"restarts": \([0-9]*\),/\1/p' "$place/json")
    if ! cmp -s "$place/expected" "$place/actual"; then
        echo "FAILED: --crash $crashes $*: the counts differ:" >&2
        diff "$place/expected" "$place/actual" | head >&2
        failures=$((failures + 1))
    elif [ "$restarts" != "$crashes" ]; then
        echo "FAILED: --crash $crashes $*: $restarts restarts" >&2
        failures=$((failures + 1))
    else
        echo "--crash $crashes $*: exact, $restarts restarts"
    fi
}

for workers in 1 2 8; do
    check 0 --workers "$workers"
    check 25 --workers "$workers"
done
check 3000 --workers 8 --chunk-kib 16

[ "$failures" -eq 0 ]
