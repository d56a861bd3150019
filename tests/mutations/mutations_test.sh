#!/bin/bash
# Every mutation of the lists can still be applied, in exactly one place, and the tests that it names
# are there. Whether they fail is what run.sh finds out, which takes long.
set -euo pipefail
here=tests/mutations
source $here/list.sh
read_lists $here/*.mutations
for name in "${names[@]}"; do
    mutate "$name" . >/dev/null
    for test in ${tests_of[$name]}; do
        case $(shape_of "$test") in
        plain | yield | asan | tsan) ;;
        *) refuse "$name" "there is no shape $(shape_of "$test")" ;;
        esac
        [ -f "tests/$(program_of "$test").c" ] || refuse "$name" "there is no test $(program_of "$test")"
    done
done
[ ${#names[@]} -gt 100 ] || { echo "only ${#names[@]} mutations" >&2 && exit 1; }
echo "${#names[@]} mutations can be applied"
