#!/bin/bash
# What examples/wordcount makes of small, odd and wrong inputs: wordcount_test.sh WORDCOUNT
set -uo pipefail
wordcount=$PWD/$1
place=$(mktemp -d "${TEST_TMPDIR:-/tmp}/wordcount.XXXXXX")
failures=0
cd "$place" || exit 1
unset BUILD_WORKING_DIRECTORY

fail() {
    echo "FAILED: $*" >&2
    failures=$((failures + 1))
}

# The definition: what these pipelines leave, file by file.
expected() {
    find -L "$@" -type f 2>/dev/null | while IFS= read -r file; do
        LC_ALL=C tr -cs 'A-Za-z' '\n' <"$file" | LC_ALL=C tr A-Z a-z | sed '/^$/d'
        echo # the last word has no newline if the file has none
    done | sed '/^$/d' | LC_ALL=C sort | uniq -c | awk '{print $1, $2}' | LC_ALL=C sort
}

# counts WORDCOUNT_ARGUMENT... : all words with their counts, in the same order
counts() {
    "$wordcount" --counts "$@" | LC_ALL=C sort
}

# check_exact NAME WORDCOUNT_ARGUMENT... -- PATH...
check_exact() {
    local name=$1 options=()
    shift
    while [ "$1" != -- ]; do
        options+=("$1")
        shift
    done
    shift
    expected "$@" >expected.txt
    counts "${options[@]}" "$@" >actual.txt 2>error.txt || fail "$name: exit code $?"
    cmp -s expected.txt actual.txt || fail "$name: $(diff expected.txt actual.txt | head -5)"
    [ -s error.txt ] && fail "$name: on stderr: $(head -3 error.txt)"
}

# check_refused TEXT WORDCOUNT_ARGUMENT... : exit code 2, the text on stderr, nothing on stdout
check_refused() {
    local text=$1 code
    shift
    "$wordcount" "$@" >output.txt 2>error.txt
    code=$?
    [ "$code" -eq 2 ] || fail "$*: exit code $code, not 2"
    [ -s output.txt ] && fail "$*: wrote a result"
    grep -qF -- "$text" error.txt || fail "$*: '$(cat error.txt)' does not say '$text'"
}

# json FIELD WORDCOUNT_ARGUMENT...
json() {
    local field=$1
    shift
    "$wordcount" --json "$@" | sed -n "s/^ *\"$field\": \([0-9.]*\),*$/\1/p"
}

# check_json FIELD VALUE WORDCOUNT_ARGUMENT...
check_json() {
    local field=$1 value=$2 actual
    shift 2
    actual=$(json "$field" "$@")
    [ "$actual" = "$value" ] || fail "$*: $field is $actual, not $value"
}

# ---- Words

mkdir odd
: >odd/empty
printf 'no newline' >odd/no_newline
printf 'continued? no' >odd/no_newline_either
printf 'Upper UPPER upper' >odd/case
printf 'gr\xc3\xbc\xc3\x9fe na\xc3\xafve \xff\xfe\x80bad\xc0utf' >odd/utf8
printf 'nul\0byte\0\0x' >odd/nul
printf 'a1b2c_d-e\r\nf\tg' >odd/separators
printf '@[`{AZaz' >odd/neighbours_of_letters
head -c 3000 /dev/zero | tr '\0' 'w' >odd/long_word
head -c 100000 /dev/urandom >odd/random
check_exact "odd files" -- odd
for chunk_kib in 1 2 64; do
    check_exact "odd files in chunks of $chunk_kib KiB" --chunk-kib "$chunk_kib" -- odd
done
check_exact "the same path twice" -- odd odd/case
for crash in 1 7 1000; do
    check_exact "odd files with $crash crashes" --crash "$crash" -- odd
    check_json restarts "$crash" --crash "$crash" odd
done

: >empty
check_exact "an empty file" -- empty
check_json words 0 empty
check_json chunks 1 empty
check_json restarts 0 --crash 5 empty
mkdir nothing
check_exact "an empty folder" -- nothing
check_json files 0 nothing

# By default all licenses.
expected /usr/share/common-licenses >expected.txt
counts >actual.txt
cmp -s expected.txt actual.txt || fail "the default is not /usr/share/common-licenses"

# ---- A word of 100 MB

head -c 100000000 /dev/zero | tr '\0' 'Q' >huge
printf ' end' >>huge
"$wordcount" --counts huge >actual.txt || fail "a word of 100 MB: exit code $?"
[ "$(wc -c <actual.txt)" -eq 100000009 ] || fail "a word of 100 MB: $(wc -c <actual.txt) bytes"
[ "$(tr -d q <actual.txt | tr '\n' '/')" = "1 end/1 /" ] || fail "a word of 100 MB is not one word"
"$wordcount" --crash 3 huge >actual.txt || fail "a word of 100 MB with crashes: exit code $?"
grep -q '^ *1  q* *\.\.\. (100000000 letters)$' actual.txt || fail "a long word is not shortened"
rm huge actual.txt

# ---- Memory does not grow with the input

if [ -z "${ASAN_OPTIONS:-}${TSAN_OPTIONS:-}" ]; then
    printf 'begin' >sparse
    truncate -s 2G sparse
    printf 'end' >>sparse
    actual=$(ulimit -v 1000000 && MALLOC_ARENA_MAX=2 "$wordcount" --counts --workers 2 sparse)
    [ "$actual" = $'1 begin\n1 end' ] || fail "2 GiB in less than 1 GB of memory: '$actual'"
    rm sparse
fi

# ---- Links and special files

mkdir -p links/below
echo "one two" >links/file
ln -s file links/again
ln -s . links/self
ln -s .. links/below/up
ln -s nowhere links/dangling
ln -s loop links/loop
mkfifo links/fifo
printf '2 one\n2 two\n' >expected.txt
counts links >actual.txt 2>error.txt || fail "links: exit code $?"
cmp -s expected.txt actual.txt || fail "links: $(cat actual.txt)"

check_refused "links/dangling: a symbolic link that leads to nothing" links/dangling
check_refused "links/loop: a symbolic link that leads to nothing" links/loop
check_refused "links/fifo: neither a file nor a folder" links/fifo
check_refused "/dev/zero: neither a file nor a folder" /dev/zero

# ---- Paths

check_refused "missing: No such file or directory" odd missing
check_refused "odd/case/x: Not a directory" odd/case/x
"$wordcount" missing1 odd missing2 2>error.txt
[ "$(grep -c 'missing[12]: No such' error.txt)" -eq 2 ] || fail "not every missing path is named"

mkdir elsewhere
echo "here" >elsewhere/relative
[ "$(BUILD_WORKING_DIRECTORY=$place/elsewhere counts relative)" = "1 here" ] ||
    fail "BUILD_WORKING_DIRECTORY is not where relative paths begin"
BUILD_WORKING_DIRECTORY=$place/gone check_refused "gone: No such file" relative

# Root may read everything, unless it gives that right away.
unprivileged() {
    if [ "$(id -u)" -ne 0 ]; then
        "$@"
    else
        setpriv --bounding-set=-dac_override,-dac_read_search "$@"
    fi
}
mkdir -p unreadable/folder
echo "secret" >unreadable/file
chmod 000 unreadable/folder unreadable/file
if unprivileged true && ! unprivileged cat unreadable/file 2>/dev/null; then
    unprivileged "$wordcount" odd unreadable >output.txt 2>error.txt
    code=$?
    [ "$code" -eq 2 ] || fail "unreadable: exit code $code, not 2"
    [ -s output.txt ] && fail "unreadable: wrote a result"
    for path in file folder; do
        grep -q "^wordcount: unreadable/$path: Permission denied" error.txt ||
            fail "unreadable/$path is not named"
    done
else
    echo "not tested: unreadable paths, because here all are readable"
fi
chmod 700 unreadable/folder

# A file whose size promises more than it has, as one that shrinks does: sysfs has such.
short=/sys/kernel/mm/transparent_hugepage/enabled
if [ -r "$short" ] && [ "$(stat -c %s "$short")" -gt "$(wc -c <"$short")" ]; then
    expected odd/case >expected.txt
    LC_ALL=C tr -cs 'A-Za-z' '\n' <"$short" | sed '/^$/d' | LC_ALL=C sort | uniq -c |
        awk '{print $1, $2}' >>expected.txt
    LC_ALL=C sort expected.txt >sorted.txt
    counts "$short" odd/case >actual.txt 2>error.txt || fail "a file that shrinks: exit code $?"
    cmp -s sorted.txt actual.txt || fail "a file that shrinks: $(cat actual.txt)"
    grep -qF "warning: $short has become shorter" error.txt || fail "a file that shrinks: no warning"
else
    echo "not tested: a shorter file, because there is no $short here"
fi

# ---- Options and output

check_refused "'--nonsense' is no option; there are --top K" --nonsense
check_refused "'-x' is no option" -x
check_refused "--workers takes a number from 1 to 1024, not '0'" --workers 0
check_refused "--workers takes a number from 1 to 1024, not 'two'" --workers two
check_refused "--crash takes a number from 0 to 1000000, not '-1'" --crash=-1
check_refused "--top needs a value" --top

"$wordcount" --help >output.txt 2>error.txt || fail "--help: exit code $?"
grep -q '^usage: wordcount' output.txt || fail "--help does not help"
[ -s error.txt ] && fail "--help writes to stderr"

printf 'b a b c b a' >text
"$wordcount" --top 2 text >output.txt
[ "$(head -2 output.txt | tr -s ' ' | tr '\n' '/')" = " 3 b/ 2 a/" ] || fail "--top 2 is wrong"
for field in files bytes words distinct chunks messages/s restarts seconds; do
    grep -Eq "^$field +[0-9.]+\$" output.txt || fail "the summary lacks $field"
done
[ "$("$wordcount" --top 0 --json text | tr -d ' \n' | sed 's/.*"top"://')" = \
    '[{"word":"b","count":3},{"word":"a","count":2},{"word":"c","count":1}]}' ] ||
    fail "--json is wrong: $("$wordcount" --top 0 --json text)"
check_json bytes 11 text
check_json distinct 3 text
if command -v python3 >/dev/null; then
    "$wordcount" --json odd | python3 -c 'import json, sys; json.load(sys.stdin)' ||
        fail "--json is not JSON"
fi

if [ -w /dev/full ]; then
    "$wordcount" text >/dev/full 2>error.txt
    code=$?
    [ "$code" -eq 1 ] || fail "a full disk: exit code $code, not 1"
    grep -q 'cannot write the result' error.txt || fail "a full disk is not told"
fi

# The bar is for terminals only.
if command -v script >/dev/null; then
    script -qec "'$wordcount' --counts text" /dev/null </dev/null >output.txt
    grep -q '\[####.*100%' output.txt || fail "no progress bar on a terminal"
fi

echo "$failures failures"
[ "$failures" -eq 0 ]
