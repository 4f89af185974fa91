#!/bin/bash
# network: what a network between two ranks costs. A barcode, and rounds of training with shards of the images and of
# the features: one rank alone, two on one host, on two hosts with a cable as fast as it goes, and with one of DELAY ms
# each way and MBIT Mbit/s. The hosts are namespaces of this machine (tests/tools/two_hosts.sh): they share its
# processors, so the difference between the last two is the cable's, and nothing else. Needs root.
#
# The first table: seconds of the command (a launcher starts it) and those that the program itself tells, and what went
# over the cable. The second: the training's own count of its collectives, those of rank 0; the milliseconds include
# the waiting for the other rank. Models that differ: exit code 1.
#
# Run: network.sh JACQUARD [ROUNDS [DELAY MBIT]]      default: 5 rounds, 20 ms, 1000 Mbit/s
#      N_IMAGES=2000 TRAIN='OPTIONS of jacquard train' network.sh ...
set -euo pipefail
[ $# -ge 1 ] || { echo "usage: $0 JACQUARD [ROUNDS [DELAY MBIT]]" >&2; exit 2; }
JACQUARD=$(realpath "$1") ROUNDS=${2:-5} DELAY=${3:-20} MBIT=${4:-1000}
read -ra OPTIONS <<<"${TRAIN:-}"
TOOLS=$(cd "$(dirname "$0")/../tools" && pwd)
. "$TOOLS/two_hosts.sh"
WORK=$(mktemp -d "${TMPDIR:-/tmp}/jacquard-bench.XXXXXX")
trap 'two_hosts_close; rm -rf "$WORK"' EXIT
mkdir "$WORK/hosts.d"
why_not() { echo "$0: $TWO_HOSTS_WHY" >&2; exit 77; }
two_hosts_open "$WORK/hosts.d" || why_not

ffmpeg -nostdin -v error -f lavfi -i testsrc2=s=640x360:r=25:d=20 -c:v libx264 -preset veryfast -g 50 "$WORK/film.mp4"
python3 "$TOOLS/shapes.py" "$WORK/s" "${N_IMAGES:-2000}" 1
BARCODE=(barcode "$WORK/film.mp4" --every 12f -o "$WORK/film.png" --force)
LEARN=(train --images "$WORK/s-images.idx" --labels "$WORK/s-labels.idx" --rounds "$ROUNDS" -o "$WORK/model" --force
    "${OPTIONS[@]}")
ALL=(--backend cpu --threads 1 --progress none)

# measure PLACE WORK LAUNCHER... -- ARGUMENTS...: a line of the first table, lines of the second one in $WORK/table.
measure() {
    local place=$1 work=$2 launcher=() bytes=0 since seconds inner
    shift 2
    while [ "$1" != -- ]; do launcher+=("$1") && shift; done
    shift
    [[ $place != "two hosts"* ]] || bytes=$(two_hosts_bytes)
    since=$EPOCHREALTIME
    timeout -k 10 600 "${launcher[@]}" "$JACQUARD" "$@" "${ALL[@]}" >"$WORK/out" 2>"$WORK/log" </dev/null ||
        { tail -n 3 "$WORK/log" >&2; return 1; }
    seconds=$(awk -v a="$since" -v b="$EPOCHREALTIME" 'BEGIN { print b - a }')
    [[ $place != "two hosts"* ]] || bytes=$(($(two_hosts_bytes) - bytes))
    inner=$(sed -nE 's/.*(rounds|frames) in ([0-9.]+) s .*/\2/p' "$WORK/log" | tail -n 1)
    printf '%-18s %-44s %9.2f %9.2f %13s\n' "$work" "$place" "$seconds" "$inner" "$bytes"
    sed -nE 's/^.*(all ranks|data shards|feature shards), (.*): ([0-9]+) calls, ([0-9.]+) bytes and ([0-9.]+) ms each.*/\1;\2;\3;\4;\5/p' \
        "$WORK/log" |
        awk -F ';' -v work="$work" -v place="$place" -v n="$ROUNDS" -v s="$inner" '{
            printf "%-18s %-44s %-15s %-14s %8.1f %12.0f %10.2f %7.0f %%\n", work, place, $1, $2, $3 / n, $4, $5,
                $3 * $5 / 10 / s }' >>"$WORK/table"
    [ "$1" != train ] || sha256sum <"$WORK/model" >>"$WORK/models"
}

# at PLACE LAUNCHER...
at() {
    local place=$1
    shift
    measure "$place" barcode "$@" -- "${BARCODE[@]}"
    if [ $# = 0 ]; then
        measure "$place" "train" -- "${LEARN[@]}"
    else
        measure "$place" "train, data" "$@" -- "${LEARN[@]}" --shard data
        measure "$place" "train, features" "$@" -- "${LEARN[@]}" --shard features
    fi
}

printf '%-18s %-44s %9s %9s %13s\n' what where seconds "its own" "cable, bytes"
at "one rank"
two_hosts_link 0 0 || why_not
at "two ranks on one host" "${TWO_HOSTS_MPIRUN[@]}" --host host-a:2
fast=$(two_hosts_measure)
at "two hosts, a cable without delay" "${TWO_HOSTS_MPIRUN[@]}" --host host-a,host-b
two_hosts_link "$DELAY" "$MBIT" || why_not
slow=$(two_hosts_measure)
at "two hosts, $DELAY ms each way, $MBIT Mbit/s" "${TWO_HOSTS_MPIRUN[@]}" --host host-a,host-b
printf '\nwithout delay: %s\n%s ms, %s Mbit/s: %s (%s)\n\n' "$fast" "$DELAY" "$MBIT" "$slow" "$TWO_HOSTS_CABLE"
printf '%-18s %-44s %-15s %-14s %8s %12s %10s %9s\n' what where among collective "a round" "bytes each" "ms each" \
    "of rounds"
cat "$WORK/table"
[ "$(sort -u "$WORK/models" | wc -l)" = 1 ] || { echo "the models differ" >&2; exit 1; }
