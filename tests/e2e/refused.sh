#!/bin/bash
# refused: films that decode without a complaint into something else than their pictures are refused by name: encrypted
# ones, Dolby Vision without a layer that others can show, colours that are not converted. One line, nothing written;
# for one rank and for three, for films and for collections. What only looks like them is done.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
need ffmpeg python3
OUT=$WORK/outputs
mkdir "$OUT" "$WORK/films"
n=0

mark() { python3 "$TOOLS/mark_film.py" "$@" || die "mark_film.py $*"; }
flat() { "${FFMPEG[@]}" -f lavfi -i "testsrc2=s=64x48:r=25:d=${SECONDS_LONG:-0.6}" "$@"; }

# refuse WORD FILM [OPTION...]: exit 3, one line that names it, nothing written.
refuse() {
    local word=$1 path=$2
    shift 2
    barcode "$path" -o "$OUT/x.png" --json "$OUT/x.json" --every 1f "$@"
    expect_failure 3 "${path##*/} $*"
    grep -qiF -- "$word" "$WORK/err" || die "${path##*/}: not named: $word"
    expect_files "$OUT"
    n=$((n + 1))
}

# draw FILM: nothing is wrong with it.
draw() {
    barcode "$1" -o "$WORK/x.png" --every 5f -k 2 --force
    expect_done "${1##*/}"
}

# --- encrypted -------------------------------------------------------------------------------------------------------
film "$WORK/clear.mp4" 0.6
KEY=(-encryption_scheme cenc-aes-ctr -encryption_key 76a6c65c5ea762046bd749a2e632ccbb
    -encryption_kid a7e61c373e219033c21091fa607bf3b8)
"${FFMPEG[@]}" -i "$WORK/clear.mp4" -c copy "${KEY[@]}" "$WORK/cenc.mp4"
"${FFMPEG[@]}" -i "$WORK/clear.mp4" -c copy -movflags frag_keyframe+empty_moov "${KEY[@]}" "$WORK/fragments.mp4"
"${FFMPEG[@]}" -i "$WORK/clear.mp4" -c copy "$WORK/clear.mkv"
"${FFMPEG[@]}" -i "$WORK/clear.mp4" -c copy "$WORK/clear.ts"
flat -c:v wmv2 "$WORK/clear.wmv"
mark mkv "$WORK/clear.mkv" "$WORK/encrypted.mkv"
mark ts "$WORK/clear.ts" "$WORK/scrambled.ts"
mark asf "$WORK/clear.wmv" "$WORK/drm.wmv"
flat -c:v mpeg2video "$WORK/clear.mxf"
mark mxf "$WORK/clear.mxf" "$WORK/cinema.mxf"
for name in cenc.mp4 fragments.mp4 encrypted.mkv scrambled.ts drm.wmv cinema.mxf; do
    refuse encrypted "$WORK/$name"
done
for name in clear.mp4 clear.mkv clear.ts clear.wmv clear.mxf; do
    draw "$WORK/$name"
done

# Of a film whose sound alone is encrypted the pictures are there.
"${FFMPEG[@]}" -i "$WORK/clear.mp4" -f lavfi -i sine=d=0.6 -map 0 -map 1 -c:v copy -c:a aac "$WORK/sound.mp4"
python3 - "$WORK/sound.mp4" <<'P'
import sys
data = open(sys.argv[1], "rb").read()
assert data.count(b"mp4a") == 1
open(sys.argv[1], "wb").write(data.replace(b"mp4a", b"enca"))
P
draw "$WORK/sound.mp4"
refuse encrypted "$WORK/cenc.mp4" --allow-partial # not even where part of a film would do
echo "encrypted: $n refused"

# --- Dolby Vision ----------------------------------------------------------------------------------------------------
if has_encoder libx265; then
    flat -c:v libx265 -x265-params log-level=none -tag:v hvc1 "$WORK/hevc.mp4"
    mark dovi 5 0 "$WORK/hevc.mp4" "$WORK/p5.mp4"
    mark dovi 20 0 "$WORK/hevc.mp4" "$WORK/p20.mp4"
    mark dovi 10 0 "$WORK/hevc.mp4" "$WORK/p10.mp4"
    refuse "Dolby Vision profile 5" "$WORK/p5.mp4"
    refuse "Dolby Vision profile 20" "$WORK/p20.mp4"
    refuse "Dolby Vision profile 10" "$WORK/p10.mp4"
    "${FFMPEG[@]}" -i "$WORK/p5.mp4" -c copy -strict unofficial "$WORK/p5.mkv"
    refuse "Dolby Vision profile 5" "$WORK/p5.mkv"
    "${FFMPEG[@]}" -i "$WORK/hevc.mp4" -c copy -color_primaries bt2020 -color_trc smpte2084 \
        -bsf:v hevc_metadata=transfer_characteristics=16:colour_primaries=9 "$WORK/pq.mp4"
    mark dovi 5 0 "$WORK/pq.mp4" "$WORK/p5pq.mp4"
    refuse "Dolby Vision profile 5" "$WORK/p5pq.mp4"
    # Who wants it gets it as it is coded: as the same film without the record.
    for name in hevc p5 p20 p10 pq p5pq; do
        barcode "$WORK/$name.mp4" --hdr raw -o "$WORK/$name.png" --json "$WORK/$name.json" --every 1f -k 2 --force
        expect_done "$name --hdr raw"
        case $name in
            p*[0-9]* | p5pq) grep -q "profile [0-9]* without a compatible layer: its colours (IPT-PQ) are taken" "$WORK/err" || die "$name: nothing is said of it" ;;
        esac
    done
    for name in p5 p20 p10; do
        same_text "$WORK/hevc.png" "$WORK/$name.png"
    done
    same_text "$WORK/pq.png" "$WORK/p5pq.png"
    for kind in "7 6" "7 0" "8 1" "8 4" "10 1" "10 4"; do
        # shellcheck disable=SC2086 # two words
        mark dovi $kind "$WORK/hevc.mp4" "$WORK/p.mp4"
        draw "$WORK/p.mp4"
        grep -q "Dolby Vision profile ${kind% *}: the layer is taken" "$WORK/err" || die "profile $kind: nothing is said of it"
    done
    echo "Dolby Vision: refused without a compatible layer, drawn with one"
fi

# --- colours ---------------------------------------------------------------------------------------------------------
while read -r matrix word; do
    flat -c:v ffv1 -pix_fmt yuv420p10le -colorspace "$matrix" "$WORK/$matrix.mkv"
    refuse "$word" "$WORK/$matrix.mkv"
done <<'L'
ictcp ICtCp
bt2020c constant luminance
smpte2085 ST 2085
chroma-derived-c constant luminance
chroma-derived-nc derived from its primaries
L
flat -c:v ffv1 -pix_fmt yuv420p10le -colorspace chroma-derived-nc -color_primaries bt709 "$WORK/derived.mkv"
draw "$WORK/derived.mkv"

# A film whose colours change on the way, so that its headers know nothing of it.
if has_encoder libx264; then
    SECONDS_LONG=4 flat -c:v libx264 -pix_fmt yuv420p -g 25 -colorspace bt709 "$WORK/a.h264"
    flat -c:v libx264 -pix_fmt yuv420p -g 25 -bsf:v h264_metadata=matrix_coefficients=14 "$WORK/b.h264"
    cat "$WORK/a.h264" "$WORK/b.h264" >"$WORK/changes.h264"
    refuse ICtCp "$WORK/changes.h264"
    refuse ICtCp "$WORK/changes.h264" --allow-partial
    draw "$WORK/a.h264"
fi
echo "$n refusals by name"

# --- ranks, collections ----------------------------------------------------------------------------------------------
for name in cenc.mp4 ictcp.mkv; do
    run_any mpirun --bind-to none -n 3 "$JACQUARD" barcode --backend "$BACKEND" --progress none -o "$OUT/x.png" "$WORK/$name"
    [ "$RC" = 3 ] && [ "$(n_errors)" = 1 ] || die "$name on three ranks: exit code $RC, $(n_errors) error lines"
    expect_files "$OUT"
done
cp "$WORK/clear.mp4" "$WORK/cenc.mp4" "$WORK/encrypted.mkv" "$WORK/ictcp.mkv" "$WORK/films"
jacquard catalog "$WORK/films" --out "$WORK/catalog" --backend "$BACKEND" --progress none -k 2 --every 5f
[ "$RC" = 3 ] || die "a collection with refused films: exit code $RC, not 3"
[ -e "$WORK/catalog/clear.mp4.barcode.png" ] || [ -e "$WORK/catalog/clear.barcode.png" ] || die "clear.mp4 was not done"
for word in "encrypted: its pictures" "ICtCp"; do
    grep -qF "$word" "$WORK/catalog/report.csv" || die "the report does not say: $word"
done
[ "$(find "$WORK/catalog" -name '*.barcode.png' | wc -l)" = 1 ] || die "a refused film of the collection was drawn"
if [ -e "$WORK/p5.mp4" ]; then
    run_any mpirun --bind-to none -n 3 "$JACQUARD" barcode --backend "$BACKEND" --progress none -o "$OUT/x.png" "$WORK/p5.mp4"
    [ "$RC" = 3 ] && [ "$(n_errors)" = 1 ] || die "p5.mp4 on three ranks: exit code $RC, $(n_errors) error lines"
    expect_files "$OUT"
    mkdir "$WORK/vision"
    cp "$WORK/p5.mp4" "$WORK/vision"
    vision() { jacquard catalog "$WORK/vision" --out "$WORK/seen" --backend "$BACKEND" --progress none -k 2 --every 1f "$@"; }
    vision
    [ "$RC" = 3 ] || die "a collection with Dolby Vision profile 5: exit code $RC, not 3"
    [ "$(json "$WORK/seen/report.json" '[(f["fault"], "profile 5" in f["error"]) for f in d["films"]]')" = "[('settings', True)]" ] ||
        die "Dolby Vision profile 5: $(cat "$WORK/seen/report.csv")"
    vision --hdr raw
    [ "$RC" = 0 ] || die "a collection with Dolby Vision profile 5 as it is coded: exit code $RC"
    same_text "$WORK/p5.png" "$WORK/seen/p5.barcode.png"
    jacquard verify "$WORK/seen" --samples 3
    [ "$RC" = 0 ] || die "Dolby Vision profile 5 as it is coded is not verified: exit code $RC"
fi
echo "refused on three ranks and in a collection"
