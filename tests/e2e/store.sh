#!/bin/bash
# store: frames that are kept in files (--store): the same bytes as from the film, whatever ranks wrote and read them,
# with other settings of the clustering; nothing is decoded then; damaged, cut and foreign files are refused; and a
# catalogue's.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
need ffmpeg python3

"${FFMPEG[@]}" -f lavfi -i "testsrc2=s=320x160:r=25:d=8,format=yuv420p" -vf "pad=320:240:0:40:black" \
    -c:v mpeg4 -q:v 3 -g 25 -threads 1 -bitexact "$WORK/film.mp4" || skip "ffmpeg cannot make a film"
STORE=$WORK/store
OUT=(-o "$WORK/out.png" --json "$WORK/out.json" --force --every 3f)

# same AS WHAT: the last outputs are those.
same() { cmp "$WORK/out.png" "$WORK/$1.png" && cmp "$WORK/out.json" "$WORK/$1.json" || die "$2: other bytes than $1"; }
keep() { cp "$WORK/out.png" "$WORK/$1.png" && cp "$WORK/out.json" "$WORK/$1.json"; }
decoded() { sed -n 's/.*[ ,]\([0-9]*\) frames decoded by.*/\1/p' "$WORK/err"; }
n_kept() { find "$STORE" -name "*.$1" | wc -l; }

SETTINGS=("-k 8" "-k 3 --space oklab" "-k 5 --plain --n-init 4" "-k 16 --order hue --strips kmeans,squeezed,average")
for i in "${!SETTINGS[@]}"; do
    # shellcheck disable=SC2086
    barcode "$WORK/film.mp4" "${OUT[@]}" ${SETTINGS[i]}
    expect_done "from the film: ${SETTINGS[i]}"
    keep "film$i"
done
barcode "$WORK/film.mp4" "${OUT[@]}" --store "$STORE"
expect_done "the first run"
same film0 "kept while decoding"
[ "$(decoded)" -gt 0 ] || die "the first run decoded nothing"
[ "$(n_kept frames) $(n_kept index) $(find "$STORE" -type f | wc -l)" = "1 1 2" ] || die "the store has $(ls -a "$STORE")"
for i in "${!SETTINGS[@]}"; do
    # shellcheck disable=SC2086
    barcode "$WORK/film.mp4" "${OUT[@]}" ${SETTINGS[i]} --store "$STORE"
    expect_done "from the store: ${SETTINGS[i]}"
    same "film$i" "from the store: ${SETTINGS[i]}"
    [ "$(decoded)" = 0 ] || die "from the store: ${SETTINGS[i]}: $(decoded) frames decoded"
done
echo "the same bytes from the store for ${#SETTINGS[@]} settings, 0 frames decoded"

# Other pixels are other frames: nothing is mixed up.
for more in "--crop none" "--scale 160x90" "--every 5f"; do
    # shellcheck disable=SC2086
    barcode "$WORK/film.mp4" "${OUT[@]}" $more
    expect_done "$more"
    keep other
    # shellcheck disable=SC2086
    barcode "$WORK/film.mp4" "${OUT[@]}" $more --store "$STORE"
    expect_done "$more, kept"
    same other "$more"
    [ "$(decoded)" -gt 0 ] || die "$more: taken from frames of other settings"
done

# Ranks: what one wrote three read, and the other way round.
ranks() { local n=$1; shift; run_any "${MPIRUN[@]}" -n "$n" "$JACQUARD" "$@"; }
if command -v mpirun >/dev/null; then
    . "$E2E/mpi.sh"
    for n in 3 2; do
        ranks "$n" barcode --backend "$BACKEND" --progress none "$WORK/film.mp4" "${OUT[@]}" --store "$STORE"
        [ "$RC" = 0 ] || die "$n ranks: exit code $RC"
        same film0 "$n ranks out of the store"
        [ "$(decoded)" = 0 ] || die "$n ranks: $(decoded) frames decoded"
    done
    rm -rf "$STORE"
    ranks 3 barcode --backend "$BACKEND" --progress none "$WORK/film.mp4" "${OUT[@]}" --store "$STORE"
    [ "$RC" = 0 ] || die "3 ranks: exit code $RC"
    same film0 "3 ranks"
    [ "$(n_kept frames)" = 3 ] || die "3 ranks kept $(n_kept frames) files"
    barcode "$WORK/film.mp4" "${OUT[@]}" --store "$STORE"
    expect_done "what 3 ranks kept"
    same film0 "what 3 ranks kept"
    [ "$(decoded)" = 0 ] || die "what 3 ranks kept: $(decoded) frames decoded"
    echo "1, 2 and 3 ranks: the same"
fi

# Damaged, cut, foreign.
rm -rf "$STORE"
barcode "$WORK/film.mp4" "${OUT[@]}" --store "$STORE"
FILE=$(find "$STORE" -name "*.frames")
cp "$FILE" "$WORK/sound"
refused() {
    barcode "$WORK/film.mp4" -o "$WORK/never.png" --every 3f -k 3 --store "$STORE"
    expect_failure 3 "$1"
    grep -q "$FILE" "$WORK/err" || die "$1: the error does not name the file"
    [ ! -e "$WORK/never.png" ] || die "$1: a picture was written"
    cp "$WORK/sound" "$FILE"
}
printf X | dd of="$FILE" bs=1 seek=200000 conv=notrunc status=none
refused "damaged"
truncate -s -4096 "$FILE"
refused "cut"
cp "$WORK/film.mp4" "$FILE"
refused "foreign"
"${FFMPEG[@]}" -f lavfi -i "testsrc=s=320x160:r=25:d=8,format=yuv420p" -vf "pad=320:240:0:40:black" \
    -c:v mpeg4 -q:v 3 -g 25 -threads 1 -bitexact "$WORK/film2.mp4"
barcode "$WORK/film2.mp4" "${OUT[@]}" --store "$WORK/store2"
cp "$WORK"/store2/*.frames "$FILE"
refused "another film's"
barcode "$WORK/film.mp4" "${OUT[@]}" --store "$STORE"
expect_done "sound again"
same film0 "sound again"
barcode "$WORK/film.mp4" -o "$WORK/never.png" --store "$WORK/film.mp4"
expect_failure 2 "a store that is a file"
echo "damaged, cut and foreign files are refused"

# What a killed run has left goes once it is old, not before; other files are let alone.
rm "$FILE"
touch -d "2 hours ago" "$FILE.ab3de6.tmp" "$STORE/mine.tmp"
touch "$FILE.zz3de6.tmp"
barcode "$WORK/film.mp4" "${OUT[@]}" --store "$STORE"
expect_done "after a killed run"
[ ! -e "$FILE.ab3de6.tmp" ] && [ -e "$FILE.zz3de6.tmp" ] && [ -e "$STORE/mine.tmp" ] && [ -e "$FILE" ] ||
    die "after a killed run there is $(ls "$STORE")"

# A catalogue's, below its folder.
mkdir "$WORK/films"
cp "$WORK/film.mp4" "$WORK/film2.mp4" "$WORK/films"
jacquard catalog "$WORK/films" --out "$WORK/all" --backend "$BACKEND" --progress none --every 3f --store
expect_done "a catalogue with --store"
cmp "$WORK/all/film.barcode.png" "$WORK/film0.png" || die "the catalogue's picture is another one"
[ "$(find "$WORK/all/frames" -name '*.frames' | wc -l)" = 2 ] || die "the catalogue kept $(ls "$WORK/all/frames")"
jacquard catalog "$WORK/films" --out "$WORK/all" --backend "$BACKEND" --progress none --every 3f -k 3 --space oklab --store
expect_done "the catalogue again"
cmp "$WORK/all/film.barcode.png" "$WORK/film1.png" || die "the catalogue's picture out of its store is another one"
json "$WORK/all/report.json" '" ".join(str(f["decode"]) for f in d["films"])' >"$WORK/decode"
[ "$(cat "$WORK/decode")" = "store store" ] || die "the catalogue decoded: $(cat "$WORK/decode")"
jacquard catalog "$WORK/films" --out "$WORK/plain" --backend "$BACKEND" --progress none --every 3f
expect_done "a catalogue without --store"
[ ! -e "$WORK/plain/frames" ] || die "frames are kept though nobody asked"
jacquard verify "$WORK/all"
expect_done "verify"
echo "a catalogue keeps its frames and makes others of them"
