# lib: what every end-to-end test needs. Sourced, never run. The tests know the program only by its command line, exit
# codes, stderr and files.
#
# From the environment: JACQUARD (the program), SEQDECODE (tests/tools/seqdecode, where a test compares with it),
# JACQUARD_TEST_DATA (folder with zoo/ and film/; else found beside the repository; only zoo.sh needs it),
# JACQUARD_BACKEND (default cpu). Scripts leave with 0 passed, 77 skipped with a reason, anything else failed.
# shellcheck shell=bash

E2E=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
TOOLS=$(cd "$E2E/../tools" && pwd)
# shellcheck disable=SC2034
DATA=${JACQUARD_TEST_DATA:-$E2E/../../../shared/data}
BACKEND=${JACQUARD_BACKEND:-cpu}
WORK=$(mktemp -d "${TMPDIR:-/tmp}/jacquard-e2e.XXXXXX")
trap 'rm -rf "$WORK"' EXIT
export LC_ALL=C.UTF-8

skip() { echo "skipped: $*"; exit 77; }

die() {
    echo "FAILED: $*"
    [ ! -e "$WORK/command" ] || { echo "last command: $(cat "$WORK/command")"; }
    [ ! -s "$WORK/out" ] || { echo "stdout:"; head -c 2000 "$WORK/out"; }
    [ ! -s "$WORK/err" ] || { echo "stderr:"; head -c 4000 "$WORK/err"; }
    exit 1
}

[ -n "${JACQUARD:-}" ] || die "JACQUARD is not set: the path of the program to test"
[ -x "$JACQUARD" ] || die "JACQUARD=$JACQUARD is not a program"
JACQUARD=$(realpath "$JACQUARD")
[ -z "${SEQDECODE:-}" ] || SEQDECODE=$(realpath "$SEQDECODE")
FFMPEG=(ffmpeg -nostdin -hide_banner -v error -y)

need() {
    for tool in "$@"; do
        command -v "$tool" >/dev/null || skip "$tool is not installed"
    done
}

# No `... | grep -q` anywhere: with pipefail a writer that is cut off makes the whole fail.
has_encoder() {
    [ -n "${ENCODERS:-}" ] || ENCODERS=$(ffmpeg -nostdin -hide_banner -encoders 2>/dev/null)
    [[ $ENCODERS == *" $1 "* ]]
}

# Runs the program (or `mpirun -n N` of it) for at most LIMIT seconds. Leaves RC, $WORK/out, $WORK/err.
run_any() {
    printf '%q ' "$@" >"$WORK/command"
    RC=0
    timeout -k 10 "${LIMIT:-120}" "$@" >"$WORK/out" 2>"$WORK/err" </dev/null || RC=$?
}

jacquard() { run_any "$JACQUARD" "$@"; }

# A barcode on the backend under test, without progress lines.
barcode() { jacquard barcode --backend "$BACKEND" --progress none "$@"; }

n_errors() { grep -c '^jacquard: error: ' "$WORK/err" || true; }

# Every line on stderr is the program's own: an error or a note. (Under mpirun the launcher talks too.)
only_own_lines() { ! grep -qv '^jacquard: ' "$WORK/err"; }

expect_done() {
    [ "$RC" = 0 ] || die "$1: exit code $RC, not 0"
    [ "$(n_errors)" = 0 ] || die "$1: exit code 0 but an error was printed"
}

# expect_failure CODE WHAT: this exit code and exactly one error line.
expect_failure() {
    [ "$RC" != 124 ] || die "$2: still running after ${LIMIT:-120} s"
    [ "$RC" = "$1" ] || die "$2: exit code $RC, not $1"
    [ "$(n_errors)" = 1 ] || die "$2: $(n_errors) error lines, not 1"
    only_own_lines || die "$2: lines on stderr that are not the program's"
    [ ! -s "$WORK/out" ] || die "$2: failed but wrote to stdout"
}

# expect_files FOLDER [NAME...]: exactly these files (dot files and temporary files included).
expect_files() {
    local folder=$1 found wanted
    shift
    found=$(find "$folder" -mindepth 1 -printf '%P\n' | sort)
    wanted=$(printf '%s\n' "$@" | sort)
    [ "$found" = "$wanted" ] || die "$folder holds [${found//$'\n'/ }], not [${wanted//$'\n'/ }]"
}

# same_text A B: identical bytes.
same_text() { cmp -s "$1" "$2" || { diff "$1" "$2" | head -5 || true; die "$1 and $2 differ"; }; }

# same_picture A B: identical pixels.
same_picture() { python3 "$TOOLS/png.py" compare "$1" "$2" || die "$1 and $2 differ"; }

# json FILE EXPRESSION: the value of a Python expression with the document as `d`.
json() { python3 -c 'import json, sys; d = json.load(open(sys.argv[1])); print(eval(sys.argv[2]))' "$1" "$2"; }

# film OUT SECONDS [FFMPEG OPTIONS]: a moving test picture, 320x240, 25 frames a second, key frame every 25.
film() {
    local out=$1 seconds=$2 codec
    shift 2
    if has_encoder libx264; then
        codec=(-c:v libx264 -preset veryfast -g 25 -keyint_min 25 -sc_threshold 0 -bf 2 -threads 1)
    else
        codec=(-c:v mpeg4 -q:v 3 -g 25 -bf 0 -sc_threshold 1000000000 -threads 1)
    fi
    "${FFMPEG[@]}" -f lavfi -i "testsrc2=s=320x240:r=25:d=$seconds" "${codec[@]}" -pix_fmt yuv420p -bitexact "$@" "$out" ||
        skip "ffmpeg cannot make the test film"
}
