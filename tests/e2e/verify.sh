#!/bin/bash
# Verifying by content: a decoder that gives wrong pictures when it starts in the middle is noticed by --verify-samples
# before anything is written, and by verify --samples long after; what is right stays right; films that bring their
# decoder down are told as off and cost no other film its check.
# WRONG_FRAMES_LIBRARY, FAULTS: the libraries of tests/tools/wrong_frames.c and faults.c.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$E2E/mpi.sh"
need ffmpeg python3
[ -e "${WRONG_FRAMES_LIBRARY:-}" ] || skip "WRONG_FRAMES_LIBRARY names no library (tests/tools/wrong_frames.c)"
[ -e "${FAULTS:-}" ] || skip "FAULTS names no library (tests/tools/faults.c)"

films=$WORK/films out=$WORK/out.d
mkdir -p "$films"
film "$films/wrong.mp4" 12
film "$films/good.mkv" 3
"${FFMPEG[@]}" -f lavfi -i "testsrc2=s=160x120:r=25:d=3" -c:v mpeg2video -g 12 -bf 2 -bitexact "$films/turned.ts"
"${FFMPEG[@]}" -f lavfi -i "testsrc2=s=64x48:r=5:d=3" -c:v ffv1 -bitexact -metadata:s:v rotate=90 "$films/small.mkv"

# preload LIBRARY COMMAND...: a sanitized program wants to know that a library comes before its own.
preload() {
    local library=$1
    shift
    run_any env LD_PRELOAD="$library" WRONG_FRAMES=wrong ASAN_OPTIONS="${ASAN_OPTIONS:-}:verify_asan_link_order=0" "$@"
}
wrongly() { preload "$WRONG_FRAMES_LIBRARY" "$@"; }
options=(--backend "$BACKEND" --progress none --every 10f -k 4)

# --- barcode: from the start all is well, from the middle nothing is
barcode "$films/wrong.mp4" -o "$WORK/x.png" --verify-samples 5
expect_done "a sound film"
grep -q '5 of the sampled frames decoded again, .*: the same' "$WORK/err" || die "it is not said that frames were verified"
barcode "$films/wrong.mp4" -o "$WORK/x.png" --force --verify-samples 100000 --json "$WORK/a.json"
expect_done "a sound film, all samples"
barcode "$films/wrong.mp4" -o "$WORK/x.png" --force --json "$WORK/b.json"
same_text "$WORK/a.json" "$WORK/b.json"
for n in -1 x 1.5; do
    barcode "$films/wrong.mp4" -o "$WORK/x.png" --force --verify-samples $n
    expect_failure 2 "--verify-samples $n"
done

wrongly "$JACQUARD" barcode "$films/wrong.mp4" "${options[@]}" --start 6 -o "$WORK/wrong.png" --json "$WORK/wrong.json"
expect_done "wrong frames, not verified"
mkdir "$WORK/nothing"
wrongly "$JACQUARD" barcode "$films/wrong.mp4" "${options[@]}" --start 6 -o "$WORK/nothing/x.png" --json "$WORK/nothing/x.json" \
    --frame-hashes "$WORK/nothing/h.txt" --verify-samples 1
expect_failure 5 "wrong frames"
grep -Eq "error: $films/wrong.mp4: frame (1[5-9]0|2[0-9]0) at [0-9.]+ s is not what a plain sequential decode gives .*1 of 1 frames" \
    "$WORK/err" || die "film, frame and time are not named"
expect_files "$WORK/nothing"
if command -v "${MPIRUN[0]}" >/dev/null; then # the second rank starts in the middle
    for n in 0 1000; do
        wrongly "${MPIRUN[@]}" -n 2 "$JACQUARD" barcode "$films/wrong.mp4" "${options[@]}" -o "$WORK/nothing/x.png" --threads 1 --verify-samples $n
        [ "$RC" = "$((n > 0 ? 5 : 0))" ] || die "two ranks, $n samples: exit code $RC"
        [ $n = 0 ] || [ "$(n_errors)" = 1 ] || die "two ranks: $(n_errors) error lines"
        [ $n = 0 ] && rm "$WORK/nothing/x.png"
        expect_files "$WORK/nothing"
    done
fi
echo "barcode: wrong frames are noticed, nothing is written"

# --- verify: a collection with one film that was drawn wrongly
wrongly "$JACQUARD" catalog "$films" --out "$out" "${options[@]}" --start 1 --strips kmeans,squeezed
[ "$RC" = 0 ] || die "the collection: exit code $RC"
jacquard verify "$out"
expect_done "verify without samples sees nothing"
[ "$(cat "$WORK/out")" = "4 films verified, 0 off" ] || die "what verify says"
before=$(cd "$out" && find . -type f -exec sha256sum {} + | sort)
jacquard verify "$out" --samples 3 --progress none
[ "$RC" = 5 ] || die "a film that was drawn wrongly: exit code $RC, not 5"
[ "$(wc -l <"$WORK/out")" = 2 ] || die "not one line about the film and one about all"
grep -Eq "^wrong: frame [0-9]+ at [0-9.]+ s \(column [0-9]+\) is not what a plain sequential decode of its film .*/wrong.mp4 gives" \
    "$WORK/out" || die "film, frame and time are not named"
grep -q '^4 films verified, 1 off; [0-9]* columns of 4 films made again are the same$' "$WORK/out" || die "the last line"
[ "$(cd "$out" && find . -type f -exec sha256sum {} + | sort)" = "$before" ] || die "verify has changed the results"

# It is made again once its side-car is gone, and is right then.
rm "$out/wrong.json"
jacquard catalog "$films" --out "$out" "${options[@]}" --start 1 --strips kmeans,squeezed
expect_done "the collection again"
jacquard verify "$out" --samples 100000 --progress none
expect_done "all columns of all films"
grep -q '^4 films verified, 0 off; 39 columns of 4 films made again are the same$' "$WORK/out" || die "the last line"
echo "verify: the film that was drawn wrongly is named, and none once it is mended"

# --- of another version: the journal has another id of settings and version than this program would give them
cp -r "$out" "$WORK/other.d"
sed -Ei 's/("settings_id": ?")[0-9a-f]{64}/\1aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/' "$WORK"/other.d/journal/*
jacquard verify "$WORK/other.d" --samples 3 --progress none
expect_done "another version's collection"
grep -q '^4 films verified, 0 off; 0 columns of 0 films made again are the same; 4 films were not made by this version' \
    "$WORK/out" || die "another version's films are not counted apart"

# --- films that bring their decoder down, made while it did not
for kind in crash late hang bomb; do
    "${FFMPEG[@]}" -i "$films/good.mkv" -c copy -metadata title=$kind "$films/fault-$kind.mkv"
done
jacquard catalog "$films" --out "$out" "${options[@]}" --start 1 --strips kmeans,squeezed
expect_done "the collection with more films"
preload "$FAULTS" "$JACQUARD" verify "$out" --samples 2 --progress none --film-timeout 10 --film-memory 600M --threads 2
[ "$RC" = 5 ] || die "films that bring their decoder down: exit code $RC, not 5"
cut -c1-200 "$WORK/out" >"$WORK/said"
for words in 'fault-crash: .*the decoder crashed: Segmentation fault' 'fault-late: .*the decoder crashed' \
    'fault-hang: .*not done after 10 s' 'fault-bomb: ' '8 films verified, 4 off; [78] columns of 8 films made again are the same'; do
    grep -Eq "^$words" "$WORK/said" || die "no line says: $words"
done
[ "$(wc -l <"$WORK/said")" = 5 ] || die "more is off than was made so"
echo "verify: films that crash, hang or eat memory are told, the others verified"
