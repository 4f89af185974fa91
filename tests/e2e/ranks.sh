#!/bin/bash
# ranks: 1, 2, 3 and 5 ranks give the same bytes; more ranks than columns is fine; a film that cannot be read, on
# whichever rank that shows, ends all ranks with one line and one exit code.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
need ffmpeg mpirun python3
. "$E2E/mpi.sh"

# In a sanitizer build, leaks are looked for in runs without ranks: at the end of five ranks that takes half a minute.
no_leaks=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0
on_ranks() {
    local n=$1
    shift
    run_any env "ASAN_OPTIONS=$no_leaks" "${MPIRUN[@]}" -n "$n" "$JACQUARD" barcode --backend "$BACKEND" --progress none --threads 1 "$@"
}

# compare FILM OPTIONS...: the same outputs without a launcher and on 1, 2, 3, 5 ranks.
compare() {
    local name=$1 n kind strip stem names
    shift
    for n in 0 1 2 3 5; do
        stem=$WORK/$name.$n
        names=("$stem.png" "$stem.average.png" "$stem.squeezed.png" "$stem.json" "$stem.csv" "$stem.txt")
        # shellcheck disable=SC2054
        local options=("$WORK/$name" -o "$stem.png" --json "$stem.json" --csv "$stem.csv" --frame-hashes "$stem.txt"
            --strips kmeans,average,squeezed "$@")
        if [ "$n" = 0 ]; then barcode "${options[@]}"; else on_ranks "$n" "${options[@]}"; fi
        expect_done "$name on $n ranks"
        # Only rank 0 writes and speaks: every output named once.
        [ "$(sort "$WORK/out")" = "$(printf '%s\n' "${names[@]}" | sort)" ] ||
            die "$name on $n ranks: stdout is not the list of outputs"
        [ "$n" != 0 ] || continue
        for kind in json csv txt; do same_text "$WORK/$name.0.$kind" "$stem.$kind"; done
        for strip in '' .average .squeezed; do same_picture "$WORK/$name.0$strip.png" "$stem$strip.png"; done
    done
    echo "$name: the same bytes on 1, 2, 3, 5 ranks ($(wc -l <"$WORK/$name.0.txt") columns)"
}

film "$WORK/film.mp4" 12
film "$WORK/film.ts" 6
compare film.mp4 --every 7f -k 6
compare film.ts --columns 23 -k 3

# Open groups: a worker that goes from one stretch to the next turns back for what the key frame refers to, and must not
# take what it still held for the next stretch's frames.
if has_encoder libx264; then
    "${FFMPEG[@]}" -f lavfi -i "testsrc2=s=160x120:r=24:d=20" -c:v libx264 -preset veryfast -threads 1 \
        -x264-params open-gop=1:keyint=24:scenecut=0:bframes=3 -pix_fmt yuv420p "$WORK/open.mkv"
    for threads in 1 2; do
        jacquard barcode "$WORK/open.mkv" -o "$WORK/open.png" --every 1f -k 2 --threads $threads --backend "$BACKEND" --progress none --force
        expect_done "open groups, $threads threads"
        ! grep unsplit "$WORK/err" || die "open groups, $threads threads: decoded twice"
    done
    echo "open groups: each frame once"

    # Parameter sets that change midway, in one packet only; key frames after it need them.
    for i in 0 8; do
        "${FFMPEG[@]}" -f lavfi -i "testsrc2=s=160x120:r=24:d=8" -c:v libx264 -preset veryfast -threads 1 \
            -x264-params open-gop=1:keyint=24:scenecut=0:bframes=3:chroma-qp-offset=$i -pix_fmt yuv420p "$WORK/part.mp4"
        "${FFMPEG[@]}" -i "$WORK/part.mp4" -c copy -f mpegts - >>"$WORK/parts.ts"
    done
    "${FFMPEG[@]}" -i "$WORK/parts.ts" -c copy "$WORK/parts.mp4"
    for threads in 1 5; do
        jacquard barcode "$WORK/parts.mp4" -o "$WORK/parts.png" --json "$WORK/parts$threads.json" --every 7f -k 2 --threads $threads \
            --backend "$BACKEND" --progress none --force
        expect_done "headers that change, $threads threads"
    done
    same_text "$WORK/parts1.json" "$WORK/parts5.json"
    grep -q unsplit "$WORK/err" || die "headers that change: decoded from key frames that lack them"
    echo "headers that change midway: decoded from the start"
fi

for columns in 1 2; do
    barcode "$WORK/film.mp4" -o "$WORK/few.png" --json "$WORK/few.json" --columns "$columns" --force
    expect_done "$columns columns"
    on_ranks 5 "$WORK/film.mp4" -o "$WORK/few5.png" --json "$WORK/few5.json" --columns "$columns" --force
    expect_done "$columns columns on 5 ranks"
    same_text "$WORK/few.json" "$WORK/few5.json"
    same_picture "$WORK/few.png" "$WORK/few5.png"
done
film "$WORK/one.mp4" 0.04
on_ranks 3 "$WORK/one.mp4" -o "$WORK/one.png" --every 1f
expect_done "one frame on 3 ranks"
echo "more ranks than columns: fine"

LIMIT=60
mkdir "$WORK/out.d"
# bad CODE WHAT ARGUMENTS...: mpirun adds lines of its own after an abort, so only the program's are counted.
bad() {
    local code=$1 what=$2
    shift 2
    on_ranks 3 -o "$WORK/out.d/x.png" --json "$WORK/out.d/x.json" "$@"
    [ "$RC" != 124 ] || die "$what on 3 ranks: still running after $LIMIT s"
    [ "$RC" = "$code" ] || die "$what on 3 ranks: exit code $RC, not $code"
    [ "$(n_errors)" = 1 ] || die "$what on 3 ranks: $(n_errors) error lines, not 1"
    expect_files "$WORK/out.d"
}
echo 'this is not a film' >"$WORK/text.mp4"
"${FFMPEG[@]}" -i "$WORK/film.mp4" -c copy -movflags +faststart "$WORK/fast.mp4"
head -c $(($(stat -c%s "$WORK/fast.mp4") * 6 / 10)) "$WORK/fast.mp4" >"$WORK/cut.mp4"
# Damage in the last part only: one rank comes upon it in mid-work.
python3 - "$WORK/fast.mp4" "$WORK/hole.mp4" <<'END'
import sys
data = bytearray(open(sys.argv[1], "rb").read())
at, size = len(data) * 3 // 4, len(data) // 8
data[at:at + size] = bytes(size)
open(sys.argv[2], "wb").write(data)
END
bad 3 "text" "$WORK/text.mp4"
bad 3 "film cut short" "$WORK/cut.mp4"
bad 3 "film with a hole" --every 1f "$WORK/hole.mp4"
bad 2 "missing film" "$WORK/no_such_film.mp4"
bad 2 "bad option" -k 0 "$WORK/film.mp4"
bad 2 "existing output" --frame-hashes "$WORK/film.mp4.1.txt" "$WORK/film.mp4"
echo "failures on 3 ranks: one line, one exit code, no hang"

# N separate worlds, started by a launcher that does not fit, would each write the same files.
for hint in OMPI_COMM_WORLD_SIZE PMI_SIZE SLURM_STEP_NUM_TASKS; do
    run_any env "$hint=4" "$JACQUARD" barcode --progress none -o "$WORK/out.d/x.png" "$WORK/film.mp4"
    expect_failure 2 "one of four separate worlds ($hint)"
    expect_files "$WORK/out.d"
done
