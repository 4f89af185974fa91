#!/bin/bash
# hdr: flat frames of PQ, HLG and wide gamut films, stored without loss, against the standards' formulas in double
# precision (tools/hdr.py); the peak of a film that does not state it; --hdr raw; films of BT.709 are as they were.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
need ffmpeg python3

# FFmpeg's names of: transfer, primaries.
declare -A TRC=([pq]=smpte2084 [hlg]=arib-std-b67 [sdr]=bt709) PRI=([bt709]=bt709 [bt2020]=bt2020 [display-p3]=smpte432)
python3 "$TOOLS/hdr.py" raw 1 >"$WORK/flat.raw"
# make NAME TRANSFER PRIMARIES MATRIX
make() {
    "${FFMPEG[@]}" -f rawvideo -s 64x48 -r 25 -pix_fmt yuv420p10le -i "$WORK/flat.raw" -c:v ffv1 -color_trc "${TRC[$2]}" \
        -color_primaries "${PRI[$3]}" -colorspace "$4" -color_range tv "$WORK/$1.mkv" || skip "ffmpeg cannot make $1"
}
for kind in "pq bt2020 bt2020nc" "pq display-p3 bt709" "hlg bt2020 bt2020nc" "sdr bt2020 bt2020nc" "sdr display-p3 bt709"; do
    read -r transfer primaries matrix <<<"$kind"
    make film "$transfer" "$primaries" "$matrix"
    barcode "$WORK/film.mkv" --every 1f -k 1 -o "$WORK/film.png" --json "$WORK/film.json" --force
    expect_done "$kind"
    found=$(json "$WORK/film.json" '"{transfer} {primaries}".format(**d["look"]["hdr"])')
    [ "$found" = "$transfer $primaries" ] || die "$kind: taken for $found"
    peak=$(json "$WORK/film.json" 'd["look"]["hdr"].get("peak", 0)')
    # The brightest frame is white: 10,000 cd/m2.
    [ "$transfer" != pq ] || [ "$peak" = 10000 ] || die "$kind: the peak is $peak, not 10000"
    python3 "$TOOLS/hdr.py" check 1 "$WORK/film.json" "$transfer" "$primaries" "$peak" "$matrix" || die "$kind"
    barcode "$WORK/film.mkv" --every 1f -k 1 --hdr raw -o "$WORK/raw.png" --json "$WORK/$transfer.$primaries.json" --force
    expect_done "$kind --hdr raw"
    [ "$(json "$WORK/$transfer.$primaries.json" '"hdr" in d["look"]')" = False ] || die "$kind: mapped in spite of --hdr raw"
done

# As it is coded is as BT.709 is taken.
make film sdr bt709 bt2020nc
barcode "$WORK/film.mkv" --every 1f -k 1 -o "$WORK/film.png" --json "$WORK/film.json" --force
expect_done "BT.709"
for other in pq.bt2020 hlg.bt2020 sdr.bt2020; do
    [ "$(json "$WORK/film.json" 'd["columns"]')" = "$(json "$WORK/$other.json" 'd["columns"]')" ] ||
        die "$other --hdr raw is not as it is coded"
done

# What the film states is taken.
if has_encoder libx265; then
    "${FFMPEG[@]}" -f rawvideo -s 64x48 -r 25 -pix_fmt yuv420p10le -i "$WORK/flat.raw" -c:v libx265 -x265-params \
        "log-level=none:lossless=1:max-cll=600,100:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc:range=limited" \
        "$WORK/stated.mkv"
    barcode "$WORK/stated.mkv" --every 1f -k 1 --crop none -o "$WORK/stated.png" --json "$WORK/stated.json"
    expect_done "a stated peak"
    [ "$(json "$WORK/stated.json" 'd["look"]["hdr"]["peak"]')" = 600 ] || die "MaxCLL of 600 is not the peak"
    python3 "$TOOLS/hdr.py" check 1 "$WORK/stated.json" pq bt2020 600 bt2020nc || die "a stated peak"

    # peak NAME WANTED FROM: what the side-car says is what was used; FROM as the log has it.
    peak() {
        barcode "$WORK/$1.mp4" --every 1f -k 1 --crop none -o "$WORK/$1.png" --json "$WORK/$1.json"
        expect_done "$1"
        [ "$(json "$WORK/$1.json" 'd["look"]["hdr"]["peak"]')" = "$2" ] || die "$1: the peak is not $2"
        python3 "$TOOLS/hdr.py" check 1 "$WORK/$1.json" pq bt2020 "$2" bt2020nc || die "$1"
        grep -qF "a peak of $2 cd/m2 ($3) is mapped" "$WORK/err" || die "$1: the peak is not said to be from: $3"
    }
    # state NAME PARAMETERS: of x265, beside those that make it PQ.
    state() {
        "${FFMPEG[@]}" -f rawvideo -s 64x48 -r 25 -pix_fmt yuv420p10le -i "$WORK/flat.raw" -c:v libx265 -x265-params \
            "log-level=none:lossless=1:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc:range=limited:$2" "$WORK/$1.mp4"
    }
    display="master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(40000000,50)"
    state dim max-cll=100,50
    peak dim 203 "MaxCLL, raised to SDR's white"
    state wild "max-cll=65535,100:$display"
    peak wild 4000 mastering
    state none max-cll=0,0
    peak none 10000 "the brightest that was seen"
    state wilder max-cll=65535,100
    peak wilder 10000 "the brightest that was seen"
    state display "$display"
    python3 "$TOOLS/mark_film.py" light 600 "$WORK/display.mp4" "$WORK/both.mp4"
    peak both 600 MaxCLL # the container's, though the pictures have that of a display
fi
echo "hdr.sh: all well"
