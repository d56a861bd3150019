# Sourced by run.sh and mutations_test.sh: reads the lists, and applies a mutation to a text.
#
# A mutation is a paragraph of a *.mutations file:
#   mutation: its-name
#   file: scheduler/ring.c
#   breaks: what the code says it is for
#   tests: ring_interleave_test tsan:ring_stress
#   -old text, which must be in the file exactly once; blanks before its first line do not matter,
#   -those of further lines do
#   +new text
# `tests` names one or more, the quickest first: *_interleave_test with yield points, others plain, or
# after `asan:`, `tsan:`. `unseen:` in place of `tests:` says why no test here can tell the difference.

names=()
declare -A list_of file_of breaks_of tests_of unseen_of old_of new_of

# refuse NAME TEXT...
refuse() {
    echo "${list_of[$1]:-mutations}: $1: ${*:2}" >&2
    exit 1
}

# add_line VARIABLE LINE : appends a line to a text.
add_line() {
    local -n text=$1
    text+=${text:+$'\n'}$2
}

end_mutation() {
    [ "$name" ] || return 0
    [ -z "${list_of[$name]:-}" ] || refuse "$name" "there is another one of this name in $list"
    names+=("$name")
    list_of[$name]=$(basename "$list" .mutations)
    file_of[$name]=$file breaks_of[$name]=$breaks tests_of[$name]=$tests unseen_of[$name]=$unseen
    old_of[$name]=${old#"${old%%[![:space:]]*}"} new_of[$name]=$new
    [ "$file" ] && [ "$breaks" ] && [ "$old" ] || refuse "$name" "file, breaks or old text is missing"
    [ "$old" != "$new" ] || refuse "$name" "it changes nothing"
    [ "${tests:+t}${unseen:+u}" != tu ] && [ "$tests$unseen" ] || refuse "$name" "either tests or unseen"
    name=
}

# read_lists FILE... : fills the tables above.
read_lists() {
    local list line name='' file breaks tests unseen old new
    for list in "$@"; do
        while IFS= read -r line; do
            case $line in
            "mutation: "*)
                end_mutation
                name=${line#*: } file='' breaks='' tests='' unseen='' old='' new=''
                ;;
            "file: "*) file=${line#*: } ;;
            "breaks: "*) breaks=${line#*: } ;;
            "tests: "*) tests=${line#*: } ;;
            "unseen: "*) unseen=${line#*: } ;;
            -*) add_line old "${line#-}" ;;
            +*) add_line new "${line#+}" ;;
            "" | "#"*) ;;
            *) refuse "${name:-$list}" "what is: $line" ;;
            esac
        done <"$list"
        end_mutation
    done
}

# mutate NAME ROOT : prints the file with the mutation applied.
mutate() {
    local path=$2/${file_of[$1]} status=0
    [ -f "$path" ] || refuse "$1" "there is no ${file_of[$1]}"
    old=${old_of[$1]} new=${new_of[$1]} awk '
        BEGIN { RS = "\001"; old = ENVIRON["old"] }
        {
            at = index($0, old)
            rest = substr($0, at + length(old))
            if (!at || index(rest, old))
                exit at ? 4 : 3
            printf "%s%s%s", substr($0, 1, at - 1), ENVIRON["new"], rest
        }' "$path" || status=$?
    [ $status -ne 3 ] || refuse "$1" "its old text is not in ${file_of[$1]}"
    [ $status -ne 4 ] || refuse "$1" "its old text is in ${file_of[$1]} more than once"
    [ $status -eq 0 ] || refuse "$1" "awk fails"
}

# shape_of TEST, program_of TEST : what it is built as, and its name.
shape_of() {
    case $1 in
    *:*) echo "${1%%:*}" ;;
    *_interleave_test) echo yield ;;
    *) echo plain ;;
    esac
}

program_of() {
    echo "${1#*:}"
}
