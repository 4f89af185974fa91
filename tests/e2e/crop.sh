#!/bin/bash
# crop: films with black bars of known size, in the ways that films have them: what is cut off, what is drawn of the
# rest, and what is left alone. Every film is 320x240 with a picture of 320x160 at row 40, unless said otherwise.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
need ffmpeg python3

if has_encoder libx264; then
    CODEC=(-c:v libx264 -preset veryfast -crf 20 -g 25 -threads 1)
else
    CODEC=(-c:v mpeg4 -q:v 3 -g 25 -threads 1)
fi
# make NAME FILTER [PICTURE]: the picture, then the filter that makes its bars.
make() {
    local picture=${3:-testsrc2=s=320x160:r=25:d=4}
    "${FFMPEG[@]}" -f lavfi -i "$picture,format=yuv420p" -vf "$2" "${CODEC[@]}" -pix_fmt yuv420p -bitexact "$WORK/$1.mp4" ||
        skip "ffmpeg cannot make the film $1"
}
# crops NAME WANTED ASPECT [OPTIONS]: the side-car's window.
crops() {
    local name=$1 wanted=$2 aspect=$3 found
    shift 3
    barcode "$WORK/$name.mp4" --every 12f -k 3 -o "$WORK/$name.png" --json "$WORK/$name.json" --force "$@"
    expect_done "$name $*"
    found=$(json "$WORK/$name.json" 'str(d["look"]["crop"]).replace(" ", "") + " " + d["look"]["aspect"]')
    [ "$found" = "[$wanted] $aspect" ] || die "$name $*: the window is $found, not [$wanted] $aspect"
    echo "$name $*: $found"
}
PAD="pad=320:240:0:40:black"

make letterbox "$PAD"
make pillarbox "pad=320:240:60:0:black" "testsrc2=s=200x240:r=25:d=4"
make windowbox "pad=320:240:40:30:black" "testsrc2=s=240x180:r=25:d=4"
make open "null" "testsrc2=s=320x240:r=25:d=4"
make fade "$PAD,fade=in:0:40"
make noisy "$PAD,noise=alls=8:allf=t"
make raised "$PAD,lutyuv=y='clip(val,32,235)'"
make subtitles "$PAD,drawbox=x=120:y=214:w=80:h=8:color=white:t=fill:enable='between(t,1,2)'"
make imax "$PAD" "testsrc2=s=320x160:r=25:d=4"
"${FFMPEG[@]}" -i "$WORK/imax.mp4" -f lavfi -i "testsrc2=s=320x240:r=25:d=1" -filter_complex \
    "[0:v]format=yuv420p[a];[1:v]format=yuv420p[b];[a][b]concat=n=2:v=1:a=0" "${CODEC[@]}" -bitexact "$WORK/mixed.mp4"
make dark "$PAD,lutyuv=y='16+(val-16)/10'"
make white "pad=320:240:0:40:white"
make little "pad=320:240:110:70:black" "testsrc2=s=100x100:r=25:d=2"
make thin "pad=320:240:0:1:black" "testsrc2=s=320x238:r=25:d=2"

crops letterbox 40,0,40,0 2.00
crops pillarbox 0,60,0,60 0.83
crops windowbox 30,40,30,40 1.33
crops open 0,0,0,0 1.33
crops fade 40,0,40,0 2.00
crops noisy 40,0,40,0 2.00
crops raised 40,0,40,0 2.00
crops subtitles 40,0,18,0 1.76
crops mixed 0,0,0,0 1.33
crops dark 0,0,0,0 1.33
grep -q "none of .* frames is bright enough" "$WORK/err" || die "dark: no line says why nothing is cut off"
crops white 0,0,0,0 1.33
crops little 0,0,0,0 1.33
grep -q "would leave less than 45 %" "$WORK/err" || die "little: no line says why nothing is cut off"
crops thin 0,0,0,0 1.33

# By hand: the same columns as by itself; of the picture as it is seen; never all of it.
crops letterbox 40,0,40,0 2.00 --crop 40:0:40:0
cp "$WORK/letterbox.json" "$WORK/given.json"
barcode "$WORK/letterbox.mp4" --every 12f -k 3 -o "$WORK/auto.png" --json "$WORK/auto.json"
expect_done "auto"
same_picture "$WORK/auto.png" "$WORK/letterbox.png"
[ "$(json "$WORK/auto.json" 'd["columns"]')" = "$(json "$WORK/given.json" 'd["columns"]')" ] ||
    die "a crop by hand and the same by itself give other columns"
barcode "$WORK/letterbox.mp4" --every 12f -k 3 --crop none -o "$WORK/none.png" --json "$WORK/none.json"
expect_done "--crop none"
[ "$(json "$WORK/none.json" '"look" in d or "crop" in d["settings"]')" = False ] || die "--crop none leaves a trace"
"${FFMPEG[@]}" -i "$WORK/letterbox.mp4" -c copy -metadata:s:v rotate=90 "$WORK/turned.mp4"
if [ "$(ffprobe -v error -show_entries stream_side_data=rotation -of csv=p=0 "$WORK/turned.mp4")" != "" ]; then
    found=$(barcode "$WORK/turned.mp4" --every 12f -o "$WORK/turned.png" --json "$WORK/turned.json"; \
            json "$WORK/turned.json" 'd["look"]["crop"]')
    [ "$found" = "[0, 40, 0, 40]" ] || die "a film turned by 90 degrees: the window as seen is $found"
fi
for bad in 120:0:120:0 0:160:0:160 0:0:240:0; do
    barcode "$WORK/letterbox.mp4" --crop $bad -o "$WORK/bad.png"
    expect_failure 2 "--crop $bad"
done
barcode "$WORK/letterbox.mp4" --crop 1:2:3 -o "$WORK/bad.png"
expect_failure 2 "--crop 1:2:3"
[ ! -e "$WORK/bad.png" ] || die "a picture was written in spite of a bad crop"

# Any number of ranks, whichever frames each of them looks at.
if command -v mpirun >/dev/null; then
    . "$E2E/mpi.sh"
    for n in 2 3 5; do
        run_any "${MPIRUN[@]}" -n $n "$JACQUARD" barcode --backend "$BACKEND" --progress none "$WORK/subtitles.mp4" \
            --every 12f -k 3 -o "$WORK/ranks.png" --json "$WORK/ranks.json" --force
        [ "$RC" = 0 ] || die "$n ranks: exit code $RC"
        same_text "$WORK/ranks.json" "$WORK/subtitles.json"
    done
fi
echo "crop.sh: all well"
