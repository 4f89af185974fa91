#!/bin/bash
# options: which frames become columns (--every, --columns, --start, --end, --sampling), what the outputs are
# called, that the same command gives the same bytes, that file names are only names.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
need ffmpeg python3

film "$WORK/film.mkv" 10 # 250 frames of 40 ms, key frames every 25
F=$WORK/film.mkv

# frames_of OPTIONS...: runs, leaves the columns' frame numbers in FRAMES.
frames_of() {
    barcode "$F" -o "$WORK/x.png" --json "$WORK/x.json" --force -k 3 "$@"
    expect_done "$*"
    FRAMES=$(json "$WORK/x.json" '" ".join(str(c["frame"]) for c in d["columns"])')
    [ "$(python3 "$TOOLS/png.py" size "$WORK/x.png")" = "$(wc -w <<<"$FRAMES")x480" ] || die "$*: size of the picture"
}

# frames EXPECTED OPTIONS...
frames() {
    local wanted=$1
    shift
    frames_of "$@"
    [ "$FRAMES" = "$wanted" ] || die "$*: frames $FRAMES, not $wanted"
}

# How they are written; which frames they name is tests/unit/test_plan.c's matter.
frames "$(seq -s ' ' 0 24 249)"
frames "0 60 120 180 240" --every 2.4s --sampling exact
frames "50 75 100" --every 25f --start 2 --end 0:05
frames "50 75 100" --every 1s --start 0:00:02 --end 50%
frames "$(seq -s ' ' 12 25 249)" --columns 10

frames_of --columns 10 --start 2 --end 4
python3 -c 'import sys; f = [int(x) for x in sys.argv[1].split()]; sys.exit(not (len(f) == 10 and 50 <= f[0] <= 55 and 94 <= f[-1] < 100))' \
    "$FRAMES" || die "--columns 10 --start 2 --end 4: $FRAMES"

# Times: each column's are its frame's.
frames_of --every 1s
[ "$(json "$WORK/x.json" 'all(abs(c["time"] - c["frame"] / 25) < 0.0011 for c in d["columns"])')" = True ] || die "times"

# --sampling key: only key frames, the nearest; the largest error is said.
frames_of --every 24f --sampling key
python3 - "$FRAMES" <<'END' || die "--sampling key: $FRAMES"
import sys
frames = [int(f) for f in sys.argv[1].split()]
nearest = [min(range(0, 250, 25), key=lambda k: abs(k - f)) for f in range(0, 250, 24)]
sys.exit(not (frames == nearest or frames == sorted(set(nearest))))
END
grep -q '^jacquard: .*key' "$WORK/err" || die "--sampling key: the largest error is not said"

# The same command twice, and any number of threads: the same bytes.
for threads in 1 1 2 3; do
    barcode "$F" -o "$WORK/t.png" --json "$WORK/t.json" --csv "$WORK/t.csv" --frame-hashes "$WORK/t.txt" --every 11f -k 6 \
        --threads "$threads" --force
    expect_done "--threads $threads"
    for kind in json csv txt; do
        [ -e "$WORK/first.$kind" ] || cp "$WORK/t.$kind" "$WORK/first.$kind"
        same_text "$WORK/first.$kind" "$WORK/t.$kind"
    done
done
barcode "$F" -o "$WORK/t.png" --json "$WORK/seed.json" --every 11f -k 6 --seed 7 --force
expect_done "--seed 7"

# CSV and JSON say the same.
python3 - "$WORK/first.json" "$WORK/first.csv" <<'END' || die "CSV"
import csv
import json
import sys
d, rows = json.load(open(sys.argv[1])), list(csv.reader(open(sys.argv[2])))
assert rows[0] == "column,frame,time,cluster,r,g,b,count,share".split(","), rows[0]
at = 1
for i, column in enumerate(d["columns"]):
    total = sum(c["count"] for c in column["clusters"])
    counts = [c["count"] for c in column["clusters"]]
    assert counts == sorted(counts, reverse=True) and 1 <= len(counts) <= 6, column
    assert len(column["mean"]) == 3 and column["inertia"] >= 0
    for c in column["clusters"]:
        row = rows[at]
        at += 1
        assert int(row[0]) == i and int(row[1]) == column["frame"] and abs(float(row[2]) - column["time"]) < 1e-6, row
        assert [float(x) for x in row[4:7]] == [float(x) for x in c["rgb"]] and int(row[7]) == c["count"], row
        assert abs(float(row[8]) - c["count"] / total) < 1e-5, row
assert at == len(rows), (at, len(rows))
END

# Sizes: the clustered picture.
pixels() { json "$WORK/x.json" 'sum(c["count"] for c in d["columns"][0]["clusters"])'; }
frames_of --every 100f --full
[ "$(pixels)" = $((320 * 240)) ] || die "--full: $(pixels) pixels"
frames_of --every 100f --scale 160x90
[ "$(pixels)" = $((120 * 90)) ] || die "--scale 160x90: $(pixels) pixels, not the longest fit 120x90"
frames_of --every 100f
[ "$(pixels)" = $((320 * 240)) ] || die "default size: $(pixels) pixels; a small film is not enlarged"
frames_of --every 100f --scale 160x120 --legacy
[ "$(pixels)" = $((160 * 120)) ] || die "--legacy --scale: $(pixels) pixels"

# Names of outputs: default, strips beyond the first, and stdout.
mkdir "$WORK/names"
cp "$F" "$WORK/names/a film.v2.mkv"
barcode "$WORK/names/a film.v2.mkv" --every 100f
expect_done "default name"
expect_files "$WORK/names" "a film.v2.mkv" "a film.v2.barcode.png"
[ "$(cat "$WORK/out")" = "$WORK/names/a film.v2.barcode.png" ] || die "default name: stdout"
rm "$WORK/names/a film.v2.barcode.png"
(cd "$WORK/names" && "$JACQUARD" barcode "a film.v2.mkv" --every 100f -o x.png --strips average,kmeans,least --progress none >../out 2>../err) ||
    die "three strips"
expect_files "$WORK/names" "a film.v2.mkv" x.png x.kmeans.png x.least.png
[ "$(sort "$WORK/out")" = "$(printf '%s\n' x.kmeans.png x.least.png x.png)" ] || die "three strips: stdout"

# File names are only names.
# shellcheck disable=SC2016
for name in 'name:with:colons.mkv' '-dash.mkv' 'percent%03d.mkv' 'sp ace "q" $x.mkv' $'new\nline.mkv' $'latin1_\xe9.mkv' '映画.mkv' \
    'http:' 'pipe:0' 'no_suffix'; do
    rm -rf "$WORK/names"
    mkdir "$WORK/names"
    cp "$F" "$WORK/names/$name"
    cd "$WORK/names"
    barcode --every 100f -o ../n.png --json ../n.json --force -- "$name"
    expect_done "file name $(printf %q "$name")"
    json ../n.json 'len(d["columns"])' >/dev/null || die "file name $(printf %q "$name"): the side-car is no JSON"
    jacquard render ../n.json -o ../n2.png --force
    expect_done "render of it"
    cd "$WORK"
done

# A picture needs no suffix, and one that is no other format's is not looked at.
rm -rf "$WORK/names"
mkdir "$WORK/names"
for name in plain film.v2 x.PNG; do
    barcode "$F" --every 100f -o "$WORK/names/$name"
    expect_done "-o $name"
    python3 "$TOOLS/png.py" size "$WORK/names/$name" >/dev/null || die "-o $name: no picture"
done

# A small stack is enough, for all threads of all commands.
small_stack() { run_any bash -c 'ulimit -s 128; exec "$0" "$@"' "$JACQUARD" "$@"; }
small_stack info
expect_done "info on a small stack"
small_stack barcode --backend "$BACKEND" --progress none "$F" --every 10f -k 32 --full --strips kmeans,squeezed -o "$WORK/small.png" --json "$WORK/small.json"
expect_done "barcode on a small stack"
barcode "$F" --every 10f -k 32 --full --strips kmeans,squeezed -o "$WORK/large.png"
expect_done "barcode on a stack as usual"
same_text "$WORK/small.png" "$WORK/large.png"
small_stack render "$WORK/small.json" --order hue -o "$WORK/small2.png"
expect_done "render on a small stack"
mkdir "$WORK/one"
cp "$F" "$WORK/one"
small_stack catalog "$WORK/one" --out "$WORK/books" --backend "$BACKEND" --progress none --every 10f
expect_done "catalog on a small stack"
small_stack verify "$WORK/books"
expect_done "verify on a small stack"
python3 - "$WORK" <<'END'
import random, struct, sys
random.seed(1)
n = 60
open(sys.argv[1] + "/i.idx", "wb").write(struct.pack(">IIII", 0x803, n, 28, 28) + random.randbytes(n * 784))
open(sys.argv[1] + "/l.idx", "wb").write(struct.pack(">II", 0x801, n) + bytes(i % 10 for i in range(n)))
END
set_=(--images "$WORK/i.idx" --labels "$WORK/l.idx")
small_stack train "${set_[@]}" -o "$WORK/m" --rounds 3 --leaves 32 --deskew --channels gradient --augment elastic:1 --progress none --backend "$BACKEND"
expect_done "train on a small stack"
small_stack evaluate "$WORK/m" "${set_[@]}" --confusion "$WORK/c.png" --curve "$WORK/c.csv" --json "$WORK/e.json" --backend "$BACKEND"
expect_done "evaluate on a small stack"
small_stack predict "$WORK/m" "$WORK/i.idx"
expect_done "predict on a small stack"
small_stack export "$WORK/m" --c "$WORK/m.h"
expect_done "export on a small stack"
small_stack scan "${set_[@]}" --compat seed --count-only --progress none --backend "$BACKEND"
expect_done "scan on a small stack"

# Help and information go to stdout and end well.
for arguments in --version --help "barcode --help" "render --help" "info --help" info; do
    # shellcheck disable=SC2086
    jacquard $arguments
    expect_done "$arguments"
    [ -s "$WORK/out" ] || die "$arguments: nothing on stdout"
done
jacquard info
for word in FFmpeg libpng MPI CUDA; do grep -qi "$word" "$WORK/out" || die "info does not mention $word"; done
echo "options: fine"
