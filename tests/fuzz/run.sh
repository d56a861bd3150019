#!/bin/bash
# Fuzzes the targets of this folder, each for its share of the time:
#   ./bazelw run //tests/fuzz:run -- SECONDS [TARGET] [--keep]
# They begin with what is in corpus/TARGET/. Inputs that reach something new are thrown away, unless
# --keep is given: then those that add to what the corpus covers are copied into it. An input that
# breaks something is left in the current folder, and the exit code is 1.
set -uo pipefail

usage() {
    echo "$1" >&2
    echo "usage: ./bazelw run //tests/fuzz:run -- SECONDS [TARGET] [--keep]" >&2
    echo "targets: ${all[*]}" >&2
    exit 2
}

root=${BUILD_WORKSPACE_DIRECTORY:?run it with: ./bazelw run //tests/fuzz:run -- SECONDS}
here=$root/tests/fuzz
all=()
for source in "$here"/*_fuzz.c; do
    all+=("$(basename "$source" .c)")
done

keep=false seconds= target=
for argument in "$@"; do
    case $argument in
        --keep) keep=true ;;
        -*) usage "there is no option $argument" ;;
        *[!0-9]*)
            [[ -z $target ]] || usage "one target at most: $target, and now $argument"
            [[ " ${all[*]} " == *" $argument "* ]] || usage "there is no target $argument"
            target=$argument
            ;;
        *)
            [[ -z $seconds ]] || usage "SECONDS was given already: $seconds, and now $argument"
            seconds=$((10#$argument))
            ;;
    esac
done
[[ -n $seconds && $seconds -gt 0 ]] || usage "give the number of SECONDS, at least 1"
targets=("${target:-${all[@]}}")
[[ -n $target ]] || targets=("${all[@]}")
share=$((seconds / ${#targets[@]}))
[[ $share -gt 0 ]] || usage "$seconds s are too few for ${#targets[@]} targets; give at least 1 s for each"

# Bazel runs us only after it has let go of its lock. BAZEL: how to call it, if not as ./bazelw.
read -ra bazel <<<"${BAZEL:-$root/bazelw}"
cd "$root" || exit 1
"${bazel[@]}" build --config=fuzz --ui_event_filters=-info --noshow_progress --show_result=0 \
    "${targets[@]/#/\/\/tests\/fuzz:}" || exit 1
programs=$("${bazel[@]}" info --config=fuzz bazel-bin 2>/dev/null)/tests/fuzz || exit 1

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "${BUILD_WORKING_DIRECTORY:-$root}" || exit 1

# Prints the last number of libFuzzer's lines that `$2`, a sed pattern, finds.
last() {
    local found
    found=$(sed -n "s/.*$2.*/\1/p" "$1" | tail -n 1)
    echo "${found:-?}"
}

broken=0
for target in "${targets[@]}"; do
    corpus=$here/corpus/$target new=$work/$target log=$work/$target.log
    mkdir -p "$corpus" "$new"
    "$programs/$target" "$new" "$corpus" -max_total_time="$share" -max_len=4096 -timeout=20 \
        -print_final_stats=1 -artifact_prefix="$PWD/$target-" >"$log" 2>&1
    status=$?
    printf '%s: %s runs, coverage %s, %s new inputs' "$target" \
        "$(last "$log" 'stat::number_of_executed_units: \([0-9]*\)')" \
        "$(last "$log" ' cov: \([0-9]*\)')" "$(find "$new" -type f | wc -l)"
    if [[ $status -ne 0 ]]; then
        broken=1
        echo ", and one that breaks it: $(last "$log" 'Test unit written to \(.*\)')"
        grep -E "not so:|runtime error|ERROR: [A-Z]|SUMMARY" "$log" | head -n 5
        continue
    fi
    if $keep; then
        before=$(find "$corpus" -type f | wc -l)
        # By code reached only: how often it is reached would keep hundreds.
        "$programs/$target" -set_cover_merge=1 -use_counters=0 "$corpus" "$new" >"$log" 2>&1 || broken=1
        printf ', %s of them kept' "$(($(find "$corpus" -type f | wc -l) - before))"
    fi
    echo
done
exit $broken
