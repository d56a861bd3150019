#!/bin/bash
# Writes text whose words are to be counted: wordcount_text.sh MEGABYTES >FILE
# All text of /usr/include, again and again; each time another letter is appended to all words that
# end a line, so that the rounds are not the same.
set -euo pipefail
once=$(mktemp "${TMPDIR:-/tmp}/wordcount_text.XXXXXX")
trap 'rm -f "$once"' EXIT
find -L /usr/include -type f -print0 2>/dev/null | sort -z | xargs -0 cat >"$once"
[ -s "$once" ]
for letter in a b c d e f g h i j k l m n o p q r s t u v w x y z; do
    # Ends by SIGPIPE when head has enough.
    sed "s/\([A-Za-z]\)\$/\1$letter/" "$once" || true
done 2>/dev/null | head -c "$(($1 * 1000000))" || true
