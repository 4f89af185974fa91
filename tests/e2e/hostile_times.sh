#!/bin/bash
# hostile_times: films whose pictures are whole and whose timestamps are not: the program draws them or says in one line
# why not, with times that never fall, quickly and in little memory. Twenty by default; HOSTILE_TIMES=300 in the
# environment tries so many.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
need ffmpeg python3
has_encoder libx264 || skip "this ffmpeg has no encoder libx264"
has_encoder libvpx || skip "this ffmpeg has no encoder libvpx"

# Memory that a sanitizer keeps back from being used again is not the program's.
[ -z "${ASAN_OPTIONS:-}" ] || export ASAN_OPTIONS="$ASAN_OPTIONS:quarantine_size_mb=8"
mkdir "$WORK/films"
python3 "$TOOLS/hostile_times.py" make "$WORK/films" "${HOSTILE_TIMES:-20}"
python3 "$TOOLS/hostile_times.py" check "$WORK/films" 60 300 "$JACQUARD" --backend "$BACKEND" --progress none -k 2 \
    >"$WORK/out" || die "see above"
tail -1 "$WORK/out"

# 20 frames of 24 days, at a column a second: at once, without taking the memory of 2,000,000 columns; by frames it is a
# film like another. A slide show of 20 pictures in two hours is drawn as it is.
slides() {
    "${FFMPEG[@]}" -f lavfi -i testsrc2=s=64x48:r=25:d=0.8 -c:v mpeg4 -g 1 -bsf:v "setts=ts=N*$2*1000" "$WORK/$1"
}
slides broken.mkv 109000
barcode "$WORK/broken.mkv" -o "$WORK/broken.png" --every 1s
expect_failure 2 "20 frames of 24 days at a column a second"
grep -q "columns are too many for 20 frames, 86400 are the most" "$WORK/err" || die "does not say why"
barcode "$WORK/broken.mkv" -o "$WORK/broken.png" --every 4f
expect_done "20 frames of 24 days, by frames"
slides slides.mkv 360
barcode "$WORK/slides.mkv" -o "$WORK/slides.png" --json "$WORK/slides.json" --every 1s
expect_done "a slide show of two hours"
columns=$(grep -c '^{"frame":' "$WORK/slides.json")
if [ "$columns" -lt 6800 ] || [ "$columns" -gt 7200 ]; then
    die "a slide show of two hours has $columns columns"
fi
