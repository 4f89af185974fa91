#!/bin/bash
# known_colours: films of flat colours, stored without loss: the side-car's clusters and counts and every pixel of
# the strips are known beforehand. Also colour matrices, ranges and bit depths (flat YUV), pixels of a few bits, X'Y'Z' of
# digital cinema, samples in big endian (and their hashes), and how a turned film is squeezed.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
need ffmpeg python3

STRIPS=kmeans,average,prominent,least,equal
truth() { python3 "$TOOLS/known_colours.py" "$@" || die "known_colours.py $*"; }
raw() { "${FFMPEG[@]}" -f rawvideo -s 64x48 -r 25 "$@"; }

# RGB, exact: packed (FFV1: bgr0) and planar (H.264: gbrp); reading, clustering and drawing leave nothing to chance.
truth raw rgb >"$WORK/rgb.raw"
raw -pix_fmt rgb24 -i "$WORK/rgb.raw" -c:v ffv1 -pix_fmt bgr0 "$WORK/ffv1.mkv"
films=(ffv1.mkv)
if has_encoder libx264rgb; then
    raw -pix_fmt rgb24 -i "$WORK/rgb.raw" -c:v libx264rgb -qp 0 -g 5 "$WORK/h264.mp4"
    films+=(h264.mp4)
fi
for name in "${films[@]}"; do
    for height in 480 50 7; do
        stem=$WORK/${name%.*}.$height
        barcode "$WORK/$name" -o "$stem.png" --every 1f -k 8 --height "$height" --strips "$STRIPS" --json "$stem.json"
        expect_done "$name at height $height"
        truth check rgb "$stem.json" "$stem" "$height"
    done
    barcode "$WORK/$name" -o "$WORK/plain.png" --every 1f -k 8 --plain --n-init 20 --height 480 --strips "$STRIPS" \
        --json "$WORK/plain.json" --force
    expect_done "$name --plain"
    truth check rgb "$WORK/plain.json" "$WORK/plain" 480
    echo "$name: exact"
done

# YUV: the matrix and range that the film declares are the ones used.
for kind in "bt709 tv yuv420p" "smpte170m tv yuv420p" "bt709 pc yuv444p" "smpte170m pc yuv422p" "bt2020nc tv yuv422p10le" \
    "bt709 tv yuv420p10le" "ycgco tv yuv420p" "ycgco pc yuv444p" "ycgco tv yuv444p10le"; do
    read -r matrix range format <<<"$kind"
    truth raw "$matrix" "$range" "$format" >"$WORK/yuv.raw"
    raw -pix_fmt "$format" -i "$WORK/yuv.raw" -c:v ffv1 -colorspace "$matrix" -color_range "$range" "$WORK/yuv.mkv"
    barcode "$WORK/yuv.mkv" -o "$WORK/yuv.png" --every 1f -k 8 --json "$WORK/yuv.json" --force
    expect_done "$kind"
    truth check "$matrix" "$range" "$format" "$WORK/yuv.json"
    echo "$kind: within one level"
done

# Packed formats and big endian, in NUT, which takes them as they are. A hash is that of the samples, so that both
# orders of bytes have the same.
for format in rgb555le rgb555be bgr555le rgb565le rgb565be bgr565be rgb444le rgb444be bgr444be rgb8 bgr8 rgb48le rgb48be \
    xyz12le xyz12be "smpte170m tv yuv420p10le" "smpte170m tv yuv420p10be"; do
    # shellcheck disable=SC2086 # one word or three
    truth raw $format >"$WORK/packed.raw"
    raw -pix_fmt "${format##* }" -i "$WORK/packed.raw" -c:v rawvideo "$WORK/packed.nut"
    barcode "$WORK/packed.nut" -o "$WORK/packed.png" --every 1f -k 8 --json "$WORK/packed.json" \
        --frame-hashes "$WORK/${format##* }.txt" --force
    expect_done "$format"
    # shellcheck disable=SC2086
    truth check $format "$WORK/packed.json"
    "$SEQDECODE" "$WORK/packed.nut" >"$WORK/seq.txt"
    same_text "$WORK/seq.txt" "$WORK/${format##* }.txt"
done
for format in rgb555 rgb565 rgb444 rgb48 xyz12 yuv420p10; do
    same_text "$WORK/${format}le.txt" "$WORK/${format}be.txt"
done
echo "packed, X'Y'Z', big endian: right, and hashed alike"

# Turned films: what ffmpeg shows upright is the truth for the squeezed strip: one column, top to bottom.
"${FFMPEG[@]}" -f lavfi -i "color=red:s=64x48:r=25:d=0.2,format=gbrp,drawbox=y=ih/2:color=blue:t=fill,drawbox=w=iw/4:color=lime:t=fill" \
    -c:v ffv1 -pix_fmt bgr0 "$WORK/bands.mov"
for degrees in 0 90 180 270; do
    turned=$WORK/turned$degrees.mov
    "${FFMPEG[@]}" -display_rotation "-$degrees" -i "$WORK/bands.mov" -c copy "$turned" 2>/dev/null ||
        "${FFMPEG[@]}" -i "$WORK/bands.mov" -c copy -metadata:s:v:0 rotate="$degrees" "$turned"
    "${FFMPEG[@]}" -i "$turned" -frames:v 1 -f rawvideo -pix_fmt rgb24 "$WORK/upright.raw"
    sha256sum <"$WORK/upright.raw" >>"$WORK/upright.sums"
    tall=$((degrees % 180 ? 64 : 48))
    barcode "$turned" -o "$WORK/turned.png" --every 1f --strips squeezed --height "$tall" --force
    expect_done "turned by $degrees"
    python3 - "$TOOLS" "$WORK/upright.raw" "$WORK/turned.png" "$tall" <<'P' || die "turned by $degrees: squeezed strip"
import sys
sys.path.insert(0, sys.argv[1])
import known_colours, png
raw, tall = open(sys.argv[2], "rb").read(), int(sys.argv[4])
wide = 64 * 48 // tall
_, height, rows, _ = png.read(sys.argv[3])
if height != tall:
    sys.exit(f"height {height}, not {tall}")
for y in range(tall):
    line = raw[3 * wide * y:3 * wide * (y + 1)]
    mean = [known_colours.to_srgb(sum(map(known_colours.to_linear, line[c::3])) / wide) for c in range(3)]
    known_colours.near(f"line {y}", list(rows[y][:3]), mean, 0.75)
P
done
[ "$(sort -u "$WORK/upright.sums" | wc -l)" = 4 ] || die "ffmpeg did not turn the films"
echo "turned by 0, 90, 180, 270: squeezed upright"
