#!/bin/bash
# zoo: every clip of the data folder (zoo/ and film/, real and broken) with --every 24f. What must hold for each:
# the outcome is the one in zoo.expected; a barcode's frames are, by hash of the decoded planes, those of a plain
# sequential decode: all those of seqdecode, three of them those of the program's own (--verify-samples); a refusal is
# one line and leaves no file, and with --allow-partial gives a marked barcode of frames that are really in the film.
# Nothing crashes or takes longer than 60 s. Prints the table. ZOO_ONLY=REGEX picks clips.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
need python3
[ -d "$DATA/zoo" ] || skip "no test clips: JACQUARD_TEST_DATA does not name a folder with zoo/ and film/"
[ -n "${SEQDECODE:-}" ] || die "SEQDECODE is not set: the sequential decoder to compare with"

LIMIT=${ZOO_LIMIT:-60}
EXPECTED=$E2E/zoo.expected
failures=0
OUT=$WORK/out.d

fault() { verdict="$verdict FAULT: $*;"; }

# What stderr said, short enough for a table.
said() { sed -n 's/^jacquard: error: //p' "$WORK/err" | head -1 | sed "s|$DATA/||g" | cut -c1-150; }

# allowed OUTCOME CLIP: zoo.expected has `outcome[/outcome...]<tab>clip`.
allowed() {
    awk -F'\t' -v outcome="$1" -v clip="$2" '
        $2 == clip { n = split($1, ok, "/"); for (i = 1; i <= n; i++) if (ok[i] == outcome) found = 1 }
        END { exit !found }' "$EXPECTED"
}

expectation() { awk -F'\t' -v clip="$1" '$2 == clip { print $1; n++ } END { if (!n) print "to be listed in zoo.expected" }' "$EXPECTED"; }

compare_hashes() {
    "$SEQDECODE" --every 24 -- "$1" >"$WORK/seq.txt" 2>/dev/null || fault "the sequential decode failed"
    # Streams without timestamps: the decoder has none to print, the program may count its own.
    if ! awk 'NR == FNR { want[FNR] = $0; n = FNR; next }
              { split(want[FNR], w, " "); m = FNR; if ($1 != w[1] || (w[2] != "nopts" && $2 != w[2]) || $3 != w[3]) bad = 1 }
              END { exit bad || m != n }' "$WORK/seq.txt" "$OUT/hashes.txt"; then
        diff "$WORK/seq.txt" "$OUT/hashes.txt" >"$WORK/diff" || true
        fault "frames differ from the sequential decode: $(head -3 "$WORK/diff" | cut -c1-60 | tr '\n' ' ')"
    fi
}

# What --allow-partial shows must be in the film: every hash is one of the sequential decode's.
try_partial() {
    "$SEQDECODE" -- "$1" 2>/dev/null | awk '{ print $3 }' | sort >"$WORK/seq.txt" || true
    [ -s "$WORK/seq.txt" ] || return 0
    barcode --every 24f -k 4 --verify-samples 3 --allow-partial --frame-hashes "$OUT/hashes.txt" --json "$OUT/x.json" -o "$OUT/x.png" "$1"
    if [ "$RC" != 0 ]; then
        [ "$RC" = 3 ] || fault "--allow-partial: exit code $RC"
        verdict="$verdict (partial: $RC $(said))"
        return 0
    fi
    [ -z "$(awk '{ print $3 }' "$OUT/hashes.txt" | sort | comm -23 - "$WORK/seq.txt")" ] ||
        fault "--allow-partial: frames that are not in the film"
    [ "$(json "$OUT/x.json" 'bool(d["film"].get("partial"))')" = True ] ||
        fault "--allow-partial: the side-car does not say so"
    verdict="$verdict (partial: $(json "$OUT/x.json" 'len(d["columns"])') columns)"
}

one() {
    local path=$1 clip=$2 outcome left began=$SECONDS
    verdict=
    rm -rf "$OUT" && mkdir "$OUT"
    barcode --every 24f -k 4 --verify-samples 3 --frame-hashes "$OUT/hashes.txt" --json "$OUT/x.json" -o "$OUT/x.png" "$path"
    case $RC in
    0)
        outcome="ok $(json "$OUT/x.json" 'len(d["columns"])')"
        [ "$(python3 "$TOOLS/png.py" size "$OUT/x.png")" = "${outcome#ok }x480" ] || fault "size of the picture"
        [ "$(n_errors)" = 0 ] || fault "an error was printed"
        compare_hashes "$path"
        ;;
    2 | 3)
        outcome=$RC
        [ "$(n_errors)" = 1 ] || fault "$(n_errors) error lines"
        left=$(find "$OUT" -mindepth 1 -printf '%P ')
        [ -z "$left" ] || fault "left behind: $left"
        verdict=" $(said)"
        [ "$RC" != 3 ] || try_partial "$path"
        ;;
    5) outcome=5 verdict=" $(said)" ;;
    124 | 137) outcome="timeout" ;;
    *) outcome="crash $RC" ;;
    esac
    only_own_lines || fault "stderr: $(grep -v '^jacquard: ' "$WORK/err" | head -1 | cut -c1-100)"
    allowed "$outcome" "$clip" || fault "expected $(expectation "$clip")"
    case $verdict in *FAULT*) failures=$((failures + 1)) ;; esac
    printf '%-62s %-9s %3ds%s\n' "$clip" "$outcome" $((SECONDS - began)) "$verdict"
}

"$JACQUARD" --version | head -1
n=0
for path in "$DATA"/zoo/* "$DATA"/film/*; do
    clip=${path#"$DATA"/}
    [[ $clip =~ ${ZOO_ONLY:-.} ]] || continue
    n=$((n + 1))
    one "$path" "$clip"
done
while IFS=$'\t' read -r outcome clip; do
    case $outcome in '' | '#'*) continue ;; esac
    [ -e "$DATA/$clip" ] || { echo "$clip is listed but not there"; failures=$((failures + 1)); }
done <"$EXPECTED"
echo "$n clips, $failures not as expected"
[ "$failures" = 0 ]
