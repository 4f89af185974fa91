#!/bin/bash
# agree: ranks that were started with different films, settings, data or commands end with one line that names the rank,
# its host and what differs, and draw nothing; so they do where one of them fails before the others begin. A rank that
# is stopped is noticed, and a film that changes while it is read.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
need ffmpeg mpirun python3
. "$E2E/mpi.sh"
# In a sanitizer build, leaks are looked for elsewhere.
export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0
HOST=$(hostname)

# Runs are short and wait a lot, so some go side by side: each has a name, a folder to work in, and files.
declare -A PIDS
trap 'for pid in "${PIDS[@]}"; do kill "$pid" 2>/dev/null || true; done; rm -rf "$WORK"' EXIT
# start NAME COMMAND...
start() {
    local name=$1
    shift
    mkdir -p "$WORK/$name.d"
    printf '%q ' "$@" >"$WORK/$name.command"
    (cd "$WORK/$name.d" && exec timeout -k 10 60 "$@" >"$WORK/$name.out" 2>"$WORK/$name.err" </dev/null) &
    PIDS[$name]=$!
}
# finish NAME: leaves RC, and the files where lib.sh looks.
finish() {
    RC=0
    wait "${PIDS[$1]}" || RC=$?
    unset "PIDS[$1]"
    for what in command out err; do cp "$WORK/$1.$what" "$WORK/$what"; done
}
# refused NAME CODE TEXT: one line, with TEXT (a pattern) in it; no output.
refused() {
    finish "$1"
    [ "$RC" != 124 ] || die "$1: still running after 60 s"
    [ "$RC" = "$2" ] || die "$1: exit code $RC, not $2"
    [ "$(n_errors)" = 1 ] || die "$1: $(n_errors) error lines, not 1"
    grep -q "^jacquard: error: $3" "$WORK/err" || die "$1: the error line is not: $3"
    expect_files "$WORK/$1.d"
}

film "$WORK/a.mp4" 2
film "$WORK/b.mp4" 3
film "$WORK/long.mp4" 40
mkdir "$WORK/here" "$WORK/there" "$WORK/films"
cp "$WORK/a.mp4" "$WORK/here/film.mp4"
cp "$WORK/b.mp4" "$WORK/there/film.mp4"
cp "$WORK/long.mp4" "$WORK/films"
echo "$WORK/films" >"$WORK/here/list"
printf '%s\n' "$WORK/films" "$WORK/a.mp4" >"$WORK/there/list"
python3 "$TOOLS/shapes.py" "$WORK/s" 120 1 --side 12 --classes 4
cp "$WORK/s-images.idx" "$WORK/here/images"
python3 - "$WORK/s-images.idx" "$WORK/there/images" <<'END'
import sys
data = bytearray(open(sys.argv[1], "rb").read())
data[len(data) // 2] ^= 1
open(sys.argv[2], "wb").write(data)
END

# What two ranks are started with, rank 1 apart: BARCODE... OWN... : BARCODE... OWN...
QUIET=(--backend "$BACKEND" --progress none --threads 1)
BARCODE=(-n 1 "$JACQUARD" barcode "${QUIET[@]}" "$WORK/a.mp4" -o x.png)
TRAIN=("$JACQUARD" train "${QUIET[@]}" --search lazy:20 --labels "$WORK/s-labels.idx" -o model)
DIGITS=(-n 1 "${TRAIN[@]}" --images "$WORK/s-images.idx")
CATALOG=("$JACQUARD" catalog "${QUIET[@]}" --workers 1)
DIFFERS="rank 1 on $HOST: "

start film "${MPIRUN[@]}" -n 1 --wdir "$WORK/here" "$JACQUARD" barcode film.mp4 "${QUIET[@]}" -o "$WORK/film.d/x.png" : \
    -n 1 --wdir "$WORK/there" "$JACQUARD" barcode film.mp4 "${QUIET[@]}" -o "$WORK/film.d/x.png"
start k "${MPIRUN[@]}" "${BARCODE[@]}" -k 5 : "${BARCODE[@]}" -k 8
start seed "${MPIRUN[@]}" "${DIGITS[@]}" --rounds 3 --seed 1 : "${DIGITS[@]}" --rounds 3 --seed 2
start rounds "${MPIRUN[@]}" "${DIGITS[@]}" --rounds 3 : "${DIGITS[@]}" --rounds 4
refused film 2 "${DIFFERS}film is .* bytes with the fingerprint .* on rank 0 on $HOST"
refused k 2 "${DIFFERS}k is 8, but 5 on rank 0 on $HOST"
refused seed 2 "${DIFFERS}seed is 2, but 1 on rank 0"
refused rounds 2 "${DIFFERS}rounds is 4, but 3 on rank 0"

start images "${MPIRUN[@]}" -n 1 --wdir "$WORK/here" "${TRAIN[@]}" --rounds 3 --images images -o "$WORK/images.d/m" : \
    -n 1 --wdir "$WORK/there" "${TRAIN[@]}" --rounds 3 --images images -o "$WORK/images.d/m"
start catalog "${MPIRUN[@]}" -n 1 "${CATALOG[@]}" "$WORK/films" --out out -k 4 : -n 1 "${CATALOG[@]}" "$WORK/films" --out out -k 5
start list "${MPIRUN[@]}" -n 1 "${CATALOG[@]}" --list "$WORK/here/list" --out out : \
    -n 1 "${CATALOG[@]}" --list "$WORK/there/list" --out out
start command "${MPIRUN[@]}" "${BARCODE[@]}" : "${DIGITS[@]}"
refused images 2 "${DIFFERS}the file of images is .* on rank 0"
refused catalog 2 "${DIFFERS}k is 5, but 4 on rank 0"
refused list 2 "${DIFFERS}list is .* on rank 0"
refused command 2 "${DIFFERS}the command is train, but barcode on rank 0"

# Another version: this one, called otherwise.
VERSION=$("$JACQUARD" --version | cut -d' ' -f2)
OTHER=${VERSION%?}$(((${VERSION: -1} + 1) % 10))
LC_ALL=C sed "s/${VERSION//./\\.}/$OTHER/g" "$JACQUARD" >"$WORK/jacquard"
chmod +x "$WORK/jacquard"
[ "$("$WORK/jacquard" --version)" = "jacquard $OTHER" ] || die "no program of another version can be made"
start version "${MPIRUN[@]}" "${BARCODE[@]}" : -n 1 "$WORK/jacquard" "${BARCODE[@]:3}"
refused version 2 "${DIFFERS}the program's version is $OTHER, but $VERSION on rank 0"

# A rank that fails before, whichever it is; all of them in the same way.
start option "${MPIRUN[@]}" -n 2 "${BARCODE[@]:2}" : "${BARCODE[@]}" -k 99
start first "${MPIRUN[@]}" "${BARCODE[@]}" --colour blue : -n 2 "${BARCODE[@]:2}"
start missing "${MPIRUN[@]}" "${BARCODE[@]}" : -n 1 "$JACQUARD" barcode "$WORK/none.mp4" "${QUIET[@]}" -o x.png
start help "${MPIRUN[@]}" "${BARCODE[@]}" : -n 1 "$JACQUARD" barcode --help
start all "${MPIRUN[@]}" -n 3 "${BARCODE[@]:2}" -k 99
refused option 2 "rank 2 on $HOST: -k 99: a whole number"
refused first 2 "rank 0 on $HOST: unknown option --colour"
refused missing 2 "${DIFFERS}cannot open film .*none.mp4: No such file"
refused help 2 "${DIFFERS}the command is barcode --help, but barcode on rank 0"
refused all 2 "-k 99: a whole number"

# What is each rank's own affair may differ.
start own "${MPIRUN[@]}" "${BARCODE[@]}" --json x.json : -n 1 "$JACQUARD" barcode "$WORK/here/film.mp4" --backend cpu --threads 2 -o y.png
finish own
expect_done "ranks with threads and outputs of their own"
expect_files "$WORK/own.d" x.png x.json
echo "ranks that were started with different things draw nothing"

for timeout in 1 -3 soon 1e9x; do
    jacquard barcode "$WORK/a.mp4" -o "$WORK/x.png" --rank-timeout "$timeout"
    expect_failure 2 "--rank-timeout $timeout"
done
barcode "$WORK/a.mp4" -o "$WORK/x.png" --rank-timeout 0
expect_done "--rank-timeout 0"

# ---- a rank that is stopped ----

# rank_of NAME R: the process of rank R of a run.
rank_of() {
    local pid
    for pid in $(pgrep -f "jacquard.* --rank-timeout 3"); do
        if [ "$(readlink "/proc/$pid/cwd")" = "$WORK/$1.d" ] && grep -qz "^OMPI_COMM_WORLD_RANK=$2\$" "/proc/$pid/environ" 2>/dev/null &&
            [ "$(cat "/proc/$pid/comm")" = jacquard ]; then
            echo "$pid"
            return
        fi
    done
}
# stopped NAME R: rank R of the run is stopped once it works; the others notice.
stopped() {
    local name=$1 rank=$2 pid='' began
    for _ in {1..200}; do
        grep -qs "$READY" "$WORK/$name.err" && pid=$(rank_of "$name" "$rank") && [ -n "$pid" ] && break
        kill -0 "${PIDS[$name]}" 2>/dev/null || { finish "$name"; die "$name: ended by itself"; }
        sleep 0.1
    done
    [ -n "$pid" ] || die "$name: rank $rank is not to be found"
    sleep 0.3
    kill -STOP "$pid"
    began=$SECONDS
    finish "$name"
    [ "$RC" = 1 ] || die "$name: a stopped rank, exit code $RC"
    [ $((SECONDS - began)) -le 15 ] || die "$name: a stopped rank was noticed after $((SECONDS - began)) s"
    [ "$(n_errors)" = 1 ] || die "$name: $(n_errors) error lines, not 1"
    grep -q "^jacquard: error: rank $rank on $HOST is silent: no sign of life from it for 3 s" "$WORK/err" ||
        die "$name: rank $rank is not named"
    for _ in {1..50}; do
        grep -qs '^State:.T' "/proc/$pid/status" || break
        sleep 0.1
    done
    ! grep -qs '^State:.T' "/proc/$pid/status" || die "$name: the stopped process is still there"
}
SLOW=(--every 1f -k 32 --plain --n-init 1000 --rank-timeout 3)
start barcode "${MPIRUN[@]}" -n 3 "$JACQUARD" barcode "$WORK/long.mp4" "${QUIET[@]}" "${SLOW[@]}" -o x.png
READY='columns of' stopped barcode 2
expect_files "$WORK/barcode.d"
start train "${MPIRUN[@]}" -n 3 "${DIGITS[@]:2}" --rounds 1000000 --rank-timeout 3
READY='images of' stopped train 0
expect_files "$WORK/train.d"
start films "${MPIRUN[@]}" -n 3 "${CATALOG[@]}" "$WORK/films" --out out "${SLOW[@]}"
READY='rank 0 on' stopped films 1
[ -z "$(find "$WORK/films.d/out" -name 'long*')" ] || die "a catalogue of a stopped rank has a result"
echo "a stopped rank is noticed, in a barcode, a training and a catalogue"

# ---- a film that changes ----

# changed NAME COMMAND...: it is held up once it reads its film, the film is changed by the command, it goes on.
changed() {
    local name=$1 pid
    shift
    cp "$WORK/a.mp4" "$WORK/$name.mp4"
    start "$name" "$JACQUARD" barcode "$WORK/$name.mp4" "${QUIET[@]}" --every 1f -k 24 --plain --n-init 50 -o x.png --json x.json
    for _ in {1..100}; do
        grep -qs 'columns of' "$WORK/$name.err" && break
        sleep 0.1
    done
    pid=$(pgrep -P "${PIDS[$name]}" || echo "${PIDS[$name]}")
    kill -STOP "$pid"
    [ ! -e "$WORK/$name.d/x.png" ] || die "$name: done before the film could be changed"
    "$@" "$WORK/$name.mp4"
    kill -CONT "$pid"
}
append() { echo more >>"$1"; }
overwrite() { printf x | dd of="$1" bs=1 seek=60000 conv=notrunc status=none; }
changed touch touch
changed append append
changed overwrite overwrite
changed remove rm
for name in touch append overwrite remove; do refused $name 3 "$WORK/$name.mp4 changed while it was read"; done
echo "a film that changes while it is read is noticed"
