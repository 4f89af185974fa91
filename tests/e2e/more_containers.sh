#!/bin/bash
# more_containers: films in containers of few: animated PNG, Sega FILM, raw Motion JPEG, PVA, NSV, PMP. Every sampled
# frame is that of a plain sequential decode; stills that look like them stay no films.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
need ffmpeg python3
[ -n "${SEQDECODE:-}" ] || die "SEQDECODE is not set: the sequential decoder to compare with"

SOURCE=(-f lavfi -i "testsrc2=s=160x120:r=25:d=2")
n=0
# same_frames NAME CONTAINER [OPTIONS]: of $WORK/NAME.
same_frames() {
    local name=$1 container=$2 every found
    shift 2
    for every in 1 7; do
        barcode "$WORK/$name" -o "$WORK/x.png" --frame-hashes "$WORK/x.txt" --json "$WORK/x.json" --every "${every}f" -k 2 \
            --scale 64x48 --threads 3 --force "$@"
        expect_done "$name --every ${every}f"
        found=$(json "$WORK/x.json" 'd["film"]["container"] + " " + str(d["film"]["frames"])')
        [ "$found" = "$container 50" ] || die "$name: $found, not $container 50"
        "$SEQDECODE" --every "$every" -- "$WORK/$name" 2>/dev/null >"$WORK/seq.txt"
        # Readers of streams without timestamps may number them otherwise: number and planes count.
        diff <(cut -d' ' -f1,3 "$WORK/seq.txt") <(cut -d' ' -f1,3 "$WORK/x.txt") >"$WORK/err" || die "$name --every ${every}f: other frames"
    done
    n=$((n + 1))
}

# made NAME [ENCODER OPTIONS]: false where this ffmpeg cannot.
made() { "${FFMPEG[@]}" "${SOURCE[@]}" "${@:2}" "$WORK/$1" 2>/dev/null || { echo "$1: not made, this ffmpeg cannot" && false; }; }

if made film.apng -c:v apng -plays 0; then same_frames film.apng apng; fi
if made film.cpk -c:v cinepak -f film_cpk; then same_frames film.cpk film_cpk; fi
if made film.mjpeg -c:v mjpeg -q:v 3 -f mjpeg; then
    same_frames film.mjpeg mjpeg
    cp "$WORK/film.mjpeg" "$WORK/film.dat" # by what it holds, not by its name
    same_frames film.dat mjpeg
fi
if made stream.m2v -c:v mpeg2video -q:v 4 -bf 0 -g 10; then
    python3 "$TOOLS/containers.py" pva "$WORK/stream.m2v" "$WORK/film.pva" 160 120
    same_frames film.pva pva
fi
if made stream.m4v -c:v mpeg4 -q:v 4 -bf 0 -g 10; then
    for kind in nsv pmp; do
        python3 "$TOOLS/containers.py" $kind "$WORK/stream.m4v" "$WORK/film.$kind" 160 120
        same_frames film.$kind $kind
    done
fi

# Stills: a PNG, whatever it is called; a photo; one with a thumbnail in it and one with a smaller preview behind it; a
# pair of views of one photo, which says so (Multi-Picture Format); one picture and a half.
made still.png -frames:v 1
cp "$WORK/still.png" "$WORK/still.apng"
made still.jpg -frames:v 1 -c:v mjpeg
made small.jpg -frames:v 1 -c:v mjpeg -s 80x60
python3 - "$WORK" <<'END'
import struct, sys
work = sys.argv[1]
photo, small = (open(f"{work}/{name}.jpg", "rb").read() for name in ("still", "small"))
def with_segment(marker, body):
    return photo[:2] + struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body + photo[2:]
open(f"{work}/thumbnail.mjpeg", "wb").write(with_segment(0xE1, b"Exif\0\0" + small))
open(f"{work}/preview.jpeg", "wb").write(photo + small)
pair = with_segment(0xE2, b"MPF\0MM\0*\0\0\0\10")
open(f"{work}/pair.mpo", "wb").write(pair + pair)
open(f"{work}/cut.mjpeg", "wb").write(photo + photo[:len(photo) // 2])
END
for name in still.png still.apng still.jpg thumbnail.mjpeg preview.jpeg pair.mpo cut.mjpeg; do
    barcode "$WORK/$name" -o "$WORK/never.png" --allow-partial
    expect_failure 3 "$name"
    [ ! -e "$WORK/never.png" ] || die "$name: drawn"
done
[ "$n" -gt 2 ] || skip "this ffmpeg has too few encoders"
echo "more_containers: $n films, stills refused"
