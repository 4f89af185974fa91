#!/bin/bash
# workstation: scripts/workstation.sh: Ctrl-C and the like keep what is done, the same command goes on, and it goes on
# by itself where it was asked to.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
need ffmpeg mpirun pgrep python3 setsid
. "$E2E/mpi.sh"
export JACQUARD RANKS=2 MPIRUN=${MPIRUN_COMMAND:-mpirun}
RUN=$(cd "$E2E/../../scripts" && pwd)/workstation.sh
VICTIM=
# Whatever goes wrong, it does not run on: two signals end it at once.
trap '[ -z "$VICTIM" ] || { kill -TERM "$VICTIM"; sleep 0.5; kill -TERM "$VICTIM"; wait "$VICTIM"; } 2>/dev/null
    rm -rf "$WORK"' EXIT

mkdir "$WORK/films"
for i in 1 2 3 4 5 6; do film "$WORK/films/film$i.mp4" $((14 - i)); done
ARGUMENTS=(catalog "$WORK/films" --backend "$BACKEND" --every 1f -k 8 --plain --n-init 4 --workers 1 --threads 1
    --progress none --out)

n_done() { { find "$1" -maxdepth 1 -name '*.barcode.png' 2>/dev/null || true; } | wc -l; }
# start FOLDER: leaves VICTIM, the leader of a process group, when a film is done. (Background jobs of a script are
# started with SIGINT ignored; a program started by hand is not.)
by_hand='import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execvp(sys.argv[1], sys.argv[1:])'
start() {
    setsid python3 -c "$by_hand" "$RUN" "${ARGUMENTS[@]}" "$1" >"$WORK/out" 2>"$WORK/err" </dev/null &
    VICTIM=$!
    for _ in {1..600}; do
        [ "$(n_done "$1")" = 0 ] || return 0
        kill -0 "$VICTIM" 2>/dev/null || break
        sleep 0.1
    done
    die "no film is done"
}
finish() {
    RC=0
    wait "$VICTIM" || RC=$?
    VICTIM=
}
whole() {
    [ "$RC" = 0 ] || die "$1: exit code $RC, not 0"
    [ "$(n_done "$2")" = 6 ] || die "$1: $(n_done "$2") films are done, not 6"
    jacquard verify "$2"
    expect_done "$1: verify"
}

start "$WORK/a"
kill -INT -- "-$VICTIM" # as a terminal does: to the script and whatever is in its group
finish
[ "$RC" = 75 ] || die "Ctrl-C: exit code $RC, not 75"
before=$(n_done "$WORK/a")
[ "$before" -lt 6 ] || die "Ctrl-C: nothing was left to do"
run_any "$RUN" "${ARGUMENTS[@]}" "$WORK/a"
whole "the same command again" "$WORK/a"
echo "Ctrl-C: exit code 75 with $before of 6 films done, and the same command goes on"

export MOST_RESTARTS=3
start "$WORK/b"
kill -KILL "$(pgrep -P "$(pgrep -P "$VICTIM" -o)" -x "$(basename "$JACQUARD" | head -c 15)" | tail -n 1)"
finish
[ "$(grep -c '^workstation: .* goes on$' "$WORK/err")" = 1 ] || die "a rank that died: not gone on once"
whole "a rank that died" "$WORK/b"
for film in "$WORK"/a/*.json "$WORK"/a/*.png; do
    [ "${film##*/}" = report.json ] || cmp "$film" "$WORK/b/${film##*/}" || die "the two catalogues differ"
done
echo "a rank's death: goes on by itself"
RC=0
"$RUN" >/dev/null 2>&1 || RC=$?
[ "$RC" = 2 ] || die "nothing at all: exit code $RC, not 2"
