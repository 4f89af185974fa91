#!/bin/bash
# Killed at any moment, in any way, and started again: no result is lost or made twice, and all are the bytes of an
# uninterrupted run. KILLS (default 12) runs are killed, after a random time each: all processes, one rank, one worker
# process (the run then goes on), or a polite SIGUSR1 and SIGTERM. RANKS (default "1 2") are taken in turn; FILMS names a
# folder to use instead of small made films; EVERY sets how much there is to do; SEED makes it repeatable as far as
# timing allows.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$E2E/mpi.sh"
need ffmpeg mpirun python3 setsid

KILLS=${KILLS:-12}
read -r -a RANKS <<<"${RANKS:-1 2}"
RANDOM=${SEED:-$$}
films=${FILMS:-$WORK/films}
if [ -z "${FILMS:-}" ]; then
    mkdir -p "$films"
    film "$WORK/base.mp4" 12
    for i in 1 2 3 4 5 6; do
        "${FFMPEG[@]}" -i "$WORK/base.mp4" -t $((i * 2)) -c copy -metadata title=$i "$films/film $i.mp4"
    done
    film "$films/long.mkv" 180
    head -c 3000 "$WORK/base.mp4" >"$films/broken.mp4"
fi
settings=(--backend "$BACKEND" --every "${EVERY:-2f}" -k 6 --workers 2 --threads 2 --piece-time 1)
# A film's JSON is its mark; report, journal and gallery have times in them.
results() { (cd "$1" && find . -maxdepth 1 \( -name '*.png' -o -name '*.json' ! -name report.json \) -print0 | sort -z | xargs -0r sha256sum); }

began=$SECONDS
run_any "$JACQUARD" catalog "$films" --out "$WORK/whole" --progress none "${settings[@]}"
WHOLE_RC=$RC
[ "$RC" = 0 ] || [ "$RC" = 3 ] || die "uninterrupted: exit code $RC"
whole_ms=$(((SECONDS - began + 1) * 1000))
results "$WORK/whole" >"$WORK/whole.sums"

# start RANKS: the run in the background in a session of its own; leaves PID.
start() {
    if [ "$1" = 1 ]; then
        setsid "$JACQUARD" catalog "$films" --out "$WORK/killed" --progress none "${settings[@]}" >"$WORK/out" 2>"$WORK/err" </dev/null &
    else
        setsid "${MPIRUN[@]}" -n "$1" "$JACQUARD" catalog "$films" --out "$WORK/killed" --progress none "${settings[@]}" \
            >"$WORK/out" 2>"$WORK/err" </dev/null &
    fi
    PID=$!
}
session() { pgrep -s "$PID" "$@" || true; }
one_of() { shuf -n 1 --random-source=<(yes $RANDOM) || true; }

n_done_before=0 n_disturbed=0
for ((kill = 1; kill <= KILLS; kill++)); do
    ranks=${RANKS[$((kill % ${#RANKS[@]}))]}
    start "$ranks"
    # So that the work lasts about as long as the kills do, with half a second to start.
    sleep "$(python3 -c "print($RANDOM / 32768 * max(0.6, 2.2 * $whole_ms / 1000 / $KILLS) + 0.4)")"
    way=$((RANDOM % 5))
    case $way in
    0) session | xargs -r kill -KILL 2>/dev/null || true ;;                              # all at once
    1) session -f "${JACQUARD//./\\.} catalog" | one_of | xargs -r kill -KILL 2>/dev/null || true ;; # a rank (or its launcher)
    2) session -f 'jacquard --worker' | one_of | xargs -r kill -KILL 2>/dev/null || true ;;  # a worker process
    3) kill -USR1 "$PID" 2>/dev/null || true ;;
    4) kill -TERM "$PID" 2>/dev/null || true ;;
    esac
    limit=$((SECONDS + 90))
    while [ -n "$(session)" ] && [ $SECONDS -lt $limit ]; do
        [ $way != 2 ] || break
        sleep 0.05
    done
    if [ $way = 2 ]; then # it goes on: end it politely
        sleep 0.3
        kill -USR1 "$PID" 2>/dev/null || true
    fi
    while [ -n "$(session)" ] && [ $SECONDS -lt $limit ]; do sleep 0.05; done
    [ -z "$(session)" ] || { ps -s "$PID" -o pid,args; session | xargs -r kill -KILL; die "kill $kill (way $way, $ranks ranks): processes were left for 90 s"; }
    RC=0
    wait "$PID" 2>/dev/null || RC=$?
    # What is marked as done is done, whole, and never undone.
    for mark in "$WORK"/killed/*.json; do
        case $mark in *report.json | *'*.json') continue ;; esac
        cmp -s "$mark" "$WORK/whole/${mark##*/}" || die "kill $kill (way $way): ${mark##*/} is not what an uninterrupted run writes"
    done
    n_done=$(find "$WORK/killed" -maxdepth 1 -name '*.json' ! -name report.json 2>/dev/null | wc -l)
    [ "$n_done" -ge "$n_done_before" ] || die "kill $kill: $n_done films done, after $n_done_before"
    n_done_before=$n_done
    [ "$RC" = "$WHOLE_RC" ] || n_disturbed=$((n_disturbed + 1))
    echo "kill $kill: way $way, $ranks ranks, exit code $RC, $n_done films done"
done

[ $((3 * n_disturbed)) -ge "$KILLS" ] || die "only $n_disturbed of $KILLS runs were disturbed before their end"

run_any "${MPIRUN[@]}" -n 2 "$JACQUARD" catalog "$films" --out "$WORK/killed" --progress none "${settings[@]}"
[ "$RC" = "$WHOLE_RC" ] || die "the last run: exit code $RC, not $WHOLE_RC"
results "$WORK/killed" | cmp -s - "$WORK/whole.sums" || die "results differ from those of an uninterrupted run"
[ -z "$(find "$WORK/killed" -name '*.tmp')" ] || die "temporary files are left: $(find "$WORK/killed" -name '*.tmp')"
[ ! -e "$WORK/killed/pieces" ] || die "files in between are left: $(ls "$WORK/killed/pieces")"
# No film was finished twice: one done line for each in all journals.
twice=$(python3 - "$WORK/killed/journal" <<'P'
import collections, json, os, sys
done = collections.Counter()
for name in os.listdir(sys.argv[1]):
    for line in open(os.path.join(sys.argv[1], name), errors="replace"):
        try:
            event = json.loads(line)
        except ValueError:
            continue # torn
        if event["event"] == "done":
            done[event["name"]] += 1
print(*(name for name, n in done.items() if n > 1))
P
)
[ -z "$twice" ] || die "done more than once: $twice"
jacquard verify "$WORK/killed"
[ "$RC" = 0 ] || die "verify: exit code $RC"
echo "catalog_kill: $KILLS kills ($n_disturbed before the end), $n_done films: passed"
