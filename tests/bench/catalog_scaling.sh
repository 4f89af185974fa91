#!/bin/bash
# catalog_scaling: does a catalogue on N GPUs (or, without, on N equal parts of the cores) do N times as much as on one?
# Three runs on the same films: one rank with an N-th of the machine does an N-th of them; N ranks do all; N programs
# that know nothing of each other, each with an N-th of the machine, do an N-th each: what the machine itself allows,
# whose cores share memory, caches and clocks. Start-up and reports are part of the time.
#
# Run: catalog_scaling.sh JACQUARD FOLDER N [CATALOG OPTIONS...]
set -euo pipefail
[ $# -ge 3 ] || { echo "usage: $0 JACQUARD FOLDER N [CATALOG OPTIONS...]" >&2; exit 2; }
JACQUARD=$(realpath "$1") FOLDER=$2 N=$3
shift 3
OPTIONS=("$@")
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
CORES=$(nproc) PART=$(($(nproc) / N))
[ "$PART" -ge 1 ] || { echo "$0: $CORES cores are too few for $N parts" >&2; exit 2; }
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1

# run NAME COMMAND...: its frames go to $WORK/NAME.frames.
run() {
    local name=$1
    shift
    "$@" --out "$WORK/$name" --threads "$PART" --progress none "${OPTIONS[@]}" 2>"$WORK/$name.log" ||
        [ $? = 3 ] || { tail -n 3 "$WORK/$name.log" >&2; return 1; }
    grep -o '[0-9]* columns of [0-9]* frames' "$WORK/$name.log" | tail -n 1 | cut -d ' ' -f 4 >"$WORK/$name.frames"
}
# part I: on the I-th part of the machine, from 0, each N-th film.
part() {
    run "part$1" env CUDA_VISIBLE_DEVICES="$1" taskset -c "$(($1 * PART))-$(($1 * PART + PART - 1))" \
        "$JACQUARD" catalog --list "$WORK/list$1"
}
# rate NAME SINCE: frames a second of all that is called NAME...; prints a line, leaves RATE.
rate() {
    RATE=$(awk -v now="$EPOCHREALTIME" -v since="$2" '{ n += $1 } END { printf "%.0f", n / (now - since) }' \
        "$WORK/$1"*.frames)
    printf '%-44s %9s frames/s' "$3" "$RATE"
}
share() { awk -v a="$1" -v b="$2" 'BEGIN { printf "   %5.1f %% of %s\n", 100 * a / b, b }'; }

find -L "$(realpath "$FOLDER")" -type f -printf '%s %p\n' | sort -rn | cut -d ' ' -f 2- >"$WORK/films"
tr '\n' '\0' <"$WORK/films" | xargs -0 cat >/dev/null # all runs find the files in memory
for ((i = 0; i < N; i++)); do awk -v n="$N" -v i="$i" 'NR % n == i' "$WORK/films" >"$WORK/list$i"; done
since=$EPOCHREALTIME
part 0
rate part "$since" "one rank, 1/$N of the machine"
one=$RATE
echo
rm -rf "$WORK"/part*
since=$EPOCHREALTIME
run ranks mpirun --bind-to none -n "$N" "$JACQUARD" catalog --list "$WORK/films"
rate ranks "$since" "$N ranks"
ranks=$RATE
share "$ranks" $((one * N))
grep -o 'ranks, busy.*' "$WORK/ranks.log" | tail -n 1
since=$EPOCHREALTIME
for ((i = 0; i < N; i++)); do part "$i" & done
wait
rate part "$since" "$N programs apart"
share "$RATE" $((one * N))
echo "$N ranks / $N programs apart: $(awk -v a="$ranks" -v b="$RATE" 'BEGIN { printf "%.3f", a / b }')"
