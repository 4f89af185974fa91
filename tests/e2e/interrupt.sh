#!/bin/bash
# interrupt: SIGINT and SIGTERM in the middle of the work: exit code 75, soon, one line, nothing left behind; an
# older output stays as it was.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
need ffmpeg mpirun python3
. "$E2E/mpi.sh"

OUT=$WORK/out.d
film "$WORK/film.mp4" 40
VICTIM=
# Whatever goes wrong, it does not run on.
trap '[ -z "$VICTIM" ] || kill -KILL "$VICTIM" 2>/dev/null; rm -rf "$WORK"' EXIT
SLOW=(barcode --backend "$BACKEND" --progress none --every 1f -k 32 --plain --n-init 1000 --threads 1)

# Waits until the process (or, under a launcher, a child of it) has the film open: a signal before that would prove
# nothing.
wait_for_film() {
    local pid
    for _ in {1..300}; do
        for pid in "$1" $(cat "/proc/$1/task/$1/children" 2>/dev/null); do
            if [ -n "$(find "/proc/$pid/fd" -lname "*/film.mp4" 2>/dev/null)" ]; then
                sleep 0.7
                return
            fi
        done
        kill -0 "$1" 2>/dev/null || die "it ended by itself"
        sleep 0.1
    done
    die "it did not open the film within 30 s"
}

# interrupt SIGNAL COMMAND...: sends it to the command in mid-work; leaves RC and TOOK (seconds).
interrupt() {
    local signal=$1 pid began
    shift
    rm -rf "$OUT"
    mkdir "$OUT"
    echo precious >"$OUT/old.png"
    printf '%q ' "$@" >"$WORK/command"
    # Background jobs of a script are started with SIGINT ignored; a program started by hand is not.
    python3 -c 'import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execvp(sys.argv[1], sys.argv[1:])' \
        "$@" >"$WORK/out" 2>"$WORK/err" </dev/null &
    pid=$!
    VICTIM=$pid
    wait_for_film "$pid"
    began=$SECONDS
    kill "-$signal" "$pid"
    for _ in {1..600}; do
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.1
    done
    kill -KILL "$pid" 2>/dev/null || true
    RC=0
    wait "$pid" || RC=$?
    VICTIM=
    TOOK=$((SECONDS - began))
    [ "$TOOK" -le 20 ] || die "SIG$signal: took $TOOK s to stop"
    expect_files "$OUT" old.png
    [ "$(cat "$OUT/old.png")" = precious ] || die "SIG$signal: the older picture was touched"
}

for signal in INT TERM; do
    interrupt "$signal" "$JACQUARD" "${SLOW[@]}" -o "$OUT/old.png" --force --json "$OUT/x.json" --csv "$OUT/x.csv" \
        --frame-hashes "$OUT/x.txt" "$WORK/film.mp4"
    expect_failure 75 "SIG$signal"
    echo "SIG$signal: exit code 75 in $TOOK s"
done

# Under mpirun the launcher's own way of ending counts too: it must end, not well, and leave nothing.
interrupt TERM "${MPIRUN[@]}" -n 2 "$JACQUARD" "${SLOW[@]}" -o "$OUT/x.png" --json "$OUT/x.json" "$WORK/film.mp4"
[ "$RC" != 0 ] || die "SIGTERM to mpirun: exit code 0"
echo "SIGTERM to mpirun: exit code $RC in $TOOK s"

# A collection whose list comes through a pipe that says nothing.
mkfifo "$WORK/list"
sleep 60 >"$WORK/list" &
WRITER=$!
python3 -c 'import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execvp(sys.argv[1], sys.argv[1:])' \
    "$JACQUARD" catalog --list - --out "$WORK/collection" --progress none <"$WORK/list" >"$WORK/out" 2>"$WORK/err" &
VICTIM=$!
for _ in {1..100}; do # it sleeps in read(2): 0 on x86-64, 63 elsewhere
    grep -qE '^(0|63) 0x0 ' "/proc/$VICTIM/syscall" 2>/dev/null && break
    sleep 0.1
done
sleep 0.5
kill -INT "$VICTIM"
for _ in {1..100}; do
    kill -0 "$VICTIM" 2>/dev/null || break
    sleep 0.1
done
! kill -KILL "$VICTIM" 2>/dev/null || die "a list from a silent pipe: SIGINT does not end it"
RC=0
wait "$VICTIM" || RC=$?
VICTIM=
kill "$WRITER" 2>/dev/null || true
expect_failure 75 "a list from a silent pipe"
echo "a list from a silent pipe: exit code 75"
