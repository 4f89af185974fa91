#!/bin/bash
# bad_input: what must be refused is refused: the right exit code, exactly one error line, nothing on stdout, no
# output, no temporary file, no hang, and nothing of the user's touched.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
need ffmpeg python3

LIMIT=60
IN=$WORK/in OUT=$WORK/out.d
mkdir "$IN" "$OUT"
film "$IN/good.mp4" 2
checked=0

# refused CODE WHAT ARGUMENTS...: a barcode run with all outputs in $OUT.
refused() {
    local code=$1 what=$2
    shift 2
    barcode -o "$OUT/x.png" --json "$OUT/x.json" --csv "$OUT/x.csv" --frame-hashes "$OUT/x.txt" "$@"
    expect_failure "$code" "$what"
    expect_files "$OUT"
    checked=$((checked + 1))
}

# --- films that are none ---------------------------------------------------------------------------------------------
mkdir "$IN/folder.mp4"
mkfifo "$IN/fifo.mp4"
ln -s nowhere "$IN/dangling.mp4"
ln -s loop.mp4 "$IN/loop.mp4"
ln -s /dev/zero "$IN/zero_device.mp4"
: >"$IN/empty.mp4"
for _ in {1..100}; do echo 'this is not a film'; done >"$IN/text.mp4"
echo '<!DOCTYPE html><html><body>404 not found</body></html>' >"$IN/html.mp4"
printf '#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10.0,\ngood.mp4\n#EXT-X-ENDLIST\n' >"$IN/hls.m3u8"
cp "$IN/hls.m3u8" "$IN/hls.mp4"
printf 'ffconcat version 1.0\nfile good.mp4\n' >"$IN/concat.mp4"
printf 'v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 9 RTP/AVP 96\na=rtpmap:96 H264/90000\n' >"$IN/sdp.mp4"
python3 -c 'import random; random.seed(1); open(__import__("sys").argv[1], "wb").write(random.randbytes(50000))' "$IN/random.mp4"
"${FFMPEG[@]}" -f lavfi -i sine=d=1 "$IN/sound.wav"
"${FFMPEG[@]}" -f lavfi -i color=red:s=64x64 -frames:v 1 "$IN/picture.png"
"${FFMPEG[@]}" -f lavfi -i sine=d=1 -i "$IN/picture.png" -map 0 -map 1 -c:a aac -c:v copy -disposition:v attached_pic "$IN/cover.m4a"
# 16000x16000 pixels, packed small: must be refused before anybody decodes it.
python3 - "$IN/bomb.png" <<'END'
import struct, sys, zlib

side = 16000

def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

pixels = zlib.compress(bytes(side * (1 + (side + 7) // 8)), 1)
open(sys.argv[1], "wb").write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)) +
                              chunk(b"IDAT", pixels) + chunk(b"IEND", b""))
END
"${FFMPEG[@]}" -framerate 1 -i "$IN/bomb.png" -c copy "$IN/bomb.mkv"

refused 2 "missing film" "$IN/no_such_film.mp4"
refused 2 "missing film with a line feed in its name" "$IN/no such"$'\n'"jacquard: error: film.mp4"
refused 2 "folder" "$IN/folder.mp4"
refused 2 "FIFO" "$IN/fifo.mp4"
refused 2 "dangling link" "$IN/dangling.mp4"
refused 2 "link to itself" "$IN/loop.mp4"
refused 2 "link to a device" "$IN/zero_device.mp4"
refused 2 "empty name" ""
refused 2 "URL" "http://127.0.0.1:9/film.mp4"
refused 2 "concat protocol" "concat:$IN/good.mp4"
for name in empty.mp4 text.mp4 html.mp4 hls.m3u8 hls.mp4 concat.mp4 sdp.mp4 random.mp4 sound.wav picture.png cover.m4a bomb.mkv; do
    refused 3 "$name" "$IN/$name"
done

# --- films that are not whole ----------------------------------------------------------------------------------------
"${FFMPEG[@]}" -i "$IN/good.mp4" -c copy -movflags +faststart "$IN/fast.mp4"
"${FFMPEG[@]}" -i "$IN/good.mp4" -c copy "$IN/good.mkv"
cut_at() { head -c $(($(stat -c%s "$1") * $3 / 100)) "$1" >"$2"; }
cut_at "$IN/good.mp4" "$IN/no_index.mp4" 60
cut_at "$IN/fast.mp4" "$IN/cut.mp4" 60
cut_at "$IN/good.mkv" "$IN/cut.mkv" 60
python3 - "$IN/fast.mp4" "$IN/hole.mp4" <<'END'
import sys
data = bytearray(open(sys.argv[1], "rb").read())
at, size = len(data) // 2, len(data) // 5
data[at:at + size] = bytes(size)
open(sys.argv[2], "wb").write(data)
END
refused 3 "MP4 without its index" "$IN/no_index.mp4"
for name in cut.mp4 cut.mkv hole.mp4; do
    refused 3 "$name" --every 1f "$IN/$name"
    # Told to, it takes what is there, and says so in the side-car.
    barcode -o "$OUT/x.png" --json "$OUT/x.json" --every 5f --allow-partial "$IN/$name"
    expect_done "$name --allow-partial"
    expect_files "$OUT" x.json x.png
    [ "$(json "$OUT/x.json" '0 < len(d["columns"]) <= 10 and bool(d["film"]["partial"])')" = True ] ||
        die "$name --allow-partial: the side-car does not say that the film is not whole"
    rm "$OUT/x.json" "$OUT/x.png"
done
barcode -o "$OUT/x.png" --allow-partial "$IN/text.mp4"
expect_failure 3 "--allow-partial does not make a film of a text"
expect_files "$OUT"

# --- options ---------------------------------------------------------------------------------------------------------
bad() { refused 2 "options: $*" "$IN/good.mp4" "$@"; }
# All that is no value of an option: tests/unit/test_cli.c.
bad -k 33
bad --every nans
bad --scale 480
bad --strips kmeans,nope
bad --every 5f --columns 10
bad --start 99 --end 100
bad --no-such-option
bad "$IN/fast.mp4"
jacquard barcode -o "$OUT/x.png"
expect_failure 2 "no film"
jacquard no-such-command
expect_failure 2 "unknown command"
jacquard --no-such-option
expect_failure 2 "unknown option before the command"
jacquard info extra
expect_failure 2 "info with an argument"
jacquard
[ "$RC" = 2 ] || die "no command: exit code $RC, not 2"
expect_files "$OUT"

# --- sizes ------------------------------------------------------------------------------------------------------------
# What memory cannot hold is refused before the film is looked at, or decoded.
bad --columns 2147483647
grep -q 'memory' "$WORK/err" || die "2147483647 columns: no word about memory"
limited() { (ulimit -d 262144 && run_any "$@"; echo "$RC" >"$WORK/rc"); RC=$(cat "$WORK/rc"); } # 256 MiB
limited "$JACQUARD" --version
if [ "$RC" = 0 ]; then # the sanitizers need more
    "${FFMPEG[@]}" -f lavfi -i testsrc2=s=64x48:r=25:d=60 -c:v mpeg4 -bf 0 -threads 1 "$IN/long.mp4"
    limited "$JACQUARD" barcode --backend cpu --threads 1 --progress none --every 1f -k 1 --height 65535 -o "$OUT/x.png" "$IN/long.mp4"
    [ "$RC" = 2 ] || die "a picture of 281 MiB in 256 MiB: exit code $RC, not 2"
    grep -q 'error: a picture of 1500 columns and 65535 rows takes .* memory' "$WORK/err" || die "a picture of 281 MiB in 256 MiB: not said"
    ! grep -q 'exact sampling' "$WORK/err" || die "a picture that is too large: the film was decoded"
    barcode --every 1f -k 1 --height 1 -o "$WORK/low.png" --json "$WORK/low.json" "$IN/long.mp4"
    expect_done "a low picture"
    limited "$JACQUARD" render "$WORK/low.json" --height 65535 -o "$OUT/x.png"
    expect_failure 2 "render of 281 MiB in 256 MiB"
    grep -q 'picture of 1500 columns' "$WORK/err" || die "render of 281 MiB in 256 MiB: not said"
fi
expect_files "$OUT"
# Texts that are none: nobody reads a TiB.
truncate -s 1T "$IN/tib"
LIMIT=20 jacquard render "$IN/tib" -o "$OUT/x.png"
expect_failure 2 "a side-car of a TiB"
LIMIT=20 jacquard evaluate "$IN/tib" --images "$IN/tib" --labels "$IN/tib"
expect_failure 2 "a model of a TiB"
python3 -c 'print("{\"film\":" + "[" * 2000 + "]" * 2000 + "}")' >"$IN/deep.json"
run_any bash -c 'ulimit -s 128; exec "$0" "$@"' "$JACQUARD" render "$IN/deep.json" -o "$OUT/x.png"
expect_failure 2 "a side-car of 2000 lists in each other, on a small stack"

# --- outputs ---------------------------------------------------------------------------------------------------------
listing() { (cd "$OUT" && find . -type f -exec sha256sum {} + -o -printf '%p %y\n' | sort); }

# kept CODE WHAT ARGUMENTS...: refused, and $OUT keeps exactly what was put there.
kept() {
    local code=$1 what=$2 before
    shift 2
    before=$(listing)
    barcode "$@"
    expect_failure "$code" "$what"
    [ "$before" = "$(listing)" ] || die "$what: files were touched"
    checked=$((checked + 1))
}
echo precious >"$OUT/old.png"
: >"$OUT/y.average.png"
mkdir "$OUT/folder.png"
mkfifo "$OUT/fifo.png"
cp "$IN/good.mp4" "$OUT/film.mp4"
F=$OUT/film.mp4
kept 2 "existing picture" -o "$OUT/old.png" "$F"
kept 2 "existing side-car" -o "$OUT/x.png" --json "$OUT/old.png" "$F"
kept 2 "existing CSV" -o "$OUT/x.png" --csv "$OUT/old.png" "$F"
kept 2 "existing hashes" -o "$OUT/x.png" --frame-hashes "$OUT/old.png" "$F"
kept 2 "existing second strip" -o "$OUT/y.png" --strips kmeans,average "$F"
kept 2 "folder as output" -o "$OUT/folder.png" --force "$F"
kept 2 "FIFO as output" -o "$OUT/fifo.png" --force "$F"
kept 2 "missing folder" -o "$OUT/none/x.png" "$F"
kept 2 "file as folder" -o "$OUT/old.png/x.png" "$F"
kept 2 "the film as output" -o "$F" --force "$F"
kept 2 "the film, spelled differently, as side-car" -o "$OUT/x.png" --json "$OUT/./film.mp4" --force "$F"
ln -s film.mp4 "$OUT/link.mp4"
kept 2 "the film, given as a link, as output" -o "$F" --force "$OUT/link.mp4"
kept 2 "two outputs in one file" -o "$OUT/x.png" --json "$OUT/x.png" --force "$F"
kept 2 "two outputs in one file, spelled differently" -o "$OUT/x.png" --csv "$OUT/./x.png" --force "$F"
kept 2 "empty output name" -o '' "$F"
for suffix in jpg JPG jpeg webp gif tif tiff bmp png.jpg; do
    kept 2 "a picture that would be no PNG: .$suffix" -o "$OUT/n.$suffix" "$F"
    grep -q PNG "$WORK/err" || die ".$suffix: no word about PNG"
done
jacquard render "$OUT/old.png" -o "$OUT/n.jpg"
expect_failure 2 "render -o n.jpg"
grep -q PNG "$WORK/err" || die "render -o n.jpg: no word about PNG"
jacquard evaluate "$OUT/old.png" --images "$F" --labels "$F" --confusion "$OUT/n.webp"
expect_failure 2 "evaluate --confusion n.webp"
grep -q PNG "$WORK/err" || die "evaluate --confusion n.webp: no word about PNG"
[ ! -d /proc/self ] || kept 2 "folder that takes no files" -o /proc/self/x.png --every 25f "$F"

mkdir -m 555 "$OUT/locked"
chmod 755 "$WORK" "$OUT"
as_nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups env "HOME=$WORK")
if [ "$(id -u)" != 0 ]; then
    kept 2 "folder without write permission" -o "$OUT/locked/x.png" "$F"
elif "${as_nobody[@]}" "$JACQUARD" --version >/dev/null 2>&1; then
    run_any "${as_nobody[@]}" "$JACQUARD" barcode --progress none -o "$OUT/locked/x.png" "$F"
    expect_failure 2 "folder without write permission"
    chmod 000 "$F"
    run_any "${as_nobody[@]}" "$JACQUARD" barcode --progress none -o "$OUT/locked/x.png" "$F"
    expect_failure 2 "film without read permission"
    chmod 644 "$F"
else
    echo "not checked, being root: folders without write permission"
fi

# --force replaces an older picture.
barcode -o "$OUT/old.png" --every 25f --force "$F"
expect_done "--force"
python3 "$TOOLS/png.py" size "$OUT/old.png" >/dev/null || die "--force: no picture"
expect_files "$OUT" old.png y.average.png folder.png fifo.png film.mp4 link.mp4 locked

# A backend that is not there answers in one line.
jacquard barcode --backend cuda --progress none -o "$WORK/cuda.png" "$F"
[ "$RC" = 0 ] || expect_failure 2 "no CUDA"
echo "$checked refusals checked"
