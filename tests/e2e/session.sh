#!/bin/bash
# session: a decoder session that goes on from stretch to stretch and from film to film, as those of NVDEC do, gives the
# frames of a new one each time: after films with other pictures, with other parameter sets under the same container
# headers, with open groups of pictures, and after itself; also where it gives out only what was asked for and VP9 shows
# later what it hid first, or shows it twice; of damage it sees only what was asked for, but all of it where the hardware
# refuses. In software, by tests/tools/one_session.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
need ffmpeg ffprobe python3
[ -x "${ONE_SESSION:-}" ] || die "ONE_SESSION is not set: tests/tools/one_session"
has_encoder libx264 || skip "this ffmpeg has no libx264"

# make NAME SOURCE X264-PARAMETERS
make() {
    "${FFMPEG[@]}" -f lavfi -i "$2=s=160x120:r=24" -t 8 -c:v libx264 -preset veryfast -threads 1 \
        -x264-params "keyint=24:scenecut=0:bframes=3:$3" -pix_fmt yuv420p "$WORK/$1.mp4"
}
cd "$WORK"
make a testsrc2 chroma-qp-offset=0
make b mandelbrot chroma-qp-offset=0
make c testsrc2 chroma-qp-offset=12
make open testsrc2 open-gop=1
for name in a c; do "${FFMPEG[@]}" -i $name.mp4 -c copy -f mpegts - >>ac.ts; done
"${FFMPEG[@]}" -i ac.ts -c copy ac.mp4 # the container's headers are those of a; c's are in the packets
"${FFMPEG[@]}" -i b.mp4 -c copy b2.mp4
order=(a b a ac a b2 ac open b open a)
if has_encoder libx265; then # its groups of pictures are open
    "${FFMPEG[@]}" -f lavfi -i testsrc2=s=160x120:r=24 -t 8 -c:v libx265 -preset veryfast -pix_fmt yuv420p \
        -x265-params keyint=40:log-level=error hevc.mp4
    order+=(hevc hevc)
fi
# vp9 NAME OPTIONS...
vp9() {
    for pass in 1 2; do
        "${FFMPEG[@]}" -f lavfi -i mandelbrot=s=160x120:r=24 -t 8 -c:v libvpx-vp9 -cpu-used 4 -b:v 100k -g 96 \
            -pix_fmt yuv420p -pass $pass "${@:2}" "$1"
    done
}
if has_encoder libvpx-vp9; then
    vp9 hidden.mp4 -lag-in-frames 25 -auto-alt-ref 6
    vp9 plain.ivf -lag-in-frames 0
    python3 - <<'END'
import struct
data, at, n = open("plain.ivf", "rb").read(), 32, 0
with open("twice.ivf", "wb") as out:
    out.write(data[:32])
    while at < len(data):
        size, = struct.unpack_from("<I", data, at)
        for packet in [data[at + 12:at + 12 + size]] + [b"\x88"] * (n in (109, 129)): # show slot 0 once more
            out.write(struct.pack("<IQ", len(packet), 2 * n + (packet == b"\x88")) + packet)
        at += 12 + size
        n += 1
END
    "${FFMPEG[@]}" -i twice.ivf -c copy twice.mp4
    order+=(hidden hidden twice twice)
fi
ffprobe -v error -select_streams v -show_entries packet=pos,size,flags -of csv=p=0 a.mp4 >packets
python3 - <<'END'
data = bytearray(open("a.mp4", "rb").read())
for line in open("packets").read().split()[100:]:
    size, pos, flags = line.split(",")[:3]
    if not flags.startswith("K"):
        data[int(pos):int(pos) + int(size)] = bytes(int(size))
open("bad.mp4", "wb").write(data)
END
EVERY=(1 5 24)
[ -z "${ASAN_OPTIONS:-}" ] || EVERY=(5 24) # the sanitizers' builds are slow
for every in "${EVERY[@]}"; do
    [ $every != 24 ] || order+=(bad) # its key frames are whole
    for film in $(printf '%s\n' "${order[@]}" | sort -u); do
        barcode "$film.mp4" -o x.png --every ${every}f -k 1 --frame-hashes "$film.txt" --threads 1 --force
        expect_done "$film"
        sort "$film.txt" >"$film.sorted"
    done
    run_any "$ONE_SESSION" $every "${order[@]/%/.mp4}"
    [ "$RC" = 0 ] || die "every $every: exit code $RC"
    cp "$WORK/out" all.txt
    n=0
    for film in "${order[@]}"; do
        n=$((n + 1))
        awk -v n=$n '/\.mp4$/ { at++; next } at == n' all.txt | sort >got.sorted
        cmp "$film.sorted" got.sorted || die "every $every: $film.mp4, film $n of ${order[*]}: other frames"
    done
    echo "every $every: $n films, $(sed -n 's/^one_session: //p' "$WORK/err")"
done

# One picture in which others look, half of it lost: what a decoder conceals it has to tell, whoever asked for what.
make nick testsrc2 bframes=0
ffprobe -v error -select_streams v -show_entries packet=pos,size -of csv=p=0 nick.mp4 >packets
python3 - <<'END'
data = bytearray(open("nick.mp4", "rb").read())
size, pos = map(int, open("packets").read().split()[98].split(",")[:2])
data[pos + size // 2:pos + size] = bytes(size - size // 2)
open("nick.mp4", "wb").write(data)
END
ONE_SESSION_REFUSED=1 run_any "$ONE_SESSION" 20 nick.mp4
grep -q 'damage was met' "$WORK/err" || die "software in the place of hardware that refuses: damage was not told"
