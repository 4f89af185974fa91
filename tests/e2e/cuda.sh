#!/bin/bash
# cuda: on a GPU the program gives the bits of the cpu backend: side-car and frame hashes, decoded by NVDEC (one thread leaves the
# segments to it) and by the cores, on one rank and on three. Skipped without a GPU.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
export JACQUARD_NVDEC=8 # short films are else left to the processor
. "$(dirname "$0")/mpi.sh"
need ffmpeg
"$JACQUARD" info >"$WORK/info"
grep -q '^backend cuda, device' "$WORK/info" || skip "$(grep '^backend cuda' "$WORK/info")"

expect_same() { cmp "$1" "$2" || die "$3: other bytes than by cpu"; }

# one FILM: on the cores and on the GPU, by one thread (which leaves the segments to NVDEC), by four, on three ranks.
one() {
    local options=("$1" -o "$WORK/x.png" --every 5f --strips kmeans,average,squeezed --progress none --force)
    jacquard barcode "${options[@]}" --backend cpu --json "$WORK/cpu.json" --frame-hashes "$WORK/cpu.txt"
    expect_done "cpu"
    for threads in 1 4; do
        jacquard barcode "${options[@]}" --backend cuda --threads $threads --json "$WORK/cuda.json" --frame-hashes "$WORK/cuda.txt"
        expect_done "cuda, $threads threads"
        expect_same "$WORK/cpu.json" "$WORK/cuda.json" "cuda, $threads threads"
        expect_same "$WORK/cpu.txt" "$WORK/cuda.txt" "cuda, $threads threads"
        grep -oE '[0-9]+ CPU and [0-9]+ NVDEC decoders' "$WORK/err"
    done
    run_any "${MPIRUN[@]}" -n 3 "$JACQUARD" barcode "${options[@]}" --backend cuda --json "$WORK/cuda.json"
    [ "$RC" = 0 ] || die "cuda on 3 ranks: exit code $RC"
    expect_same "$WORK/cpu.json" "$WORK/cuda.json" "cuda on 3 ranks"
}

# all FOLDER: its films in one process after another and twice, so that NVDEC sessions go from film to film.
all() {
    mkdir "$WORK/films"
    cp "$1"/* "$WORK/films"
    for film in "$1"/*; do cp "$film" "$WORK/films/again-$(basename "$film")"; done
    for backend in cpu cuda; do
        LIMIT=600 jacquard catalog "$WORK/films" -o "$WORK/$backend.d" --every 5f --backend $backend --workers 1 --threads 2 --progress none
        [ "$RC" = 0 ] || [ "$RC" = 3 ] || die "catalog, $backend: exit code $RC"
    done
    [ "$(cd "$WORK/cpu.d" && ls -- *.json)" = "$(cd "$WORK/cuda.d" && ls -- *.json)" ] || die "catalog: other films are done"
    for json in "$WORK"/cpu.d/*.json; do
        [ "$(basename "$json")" = report.json ] || expect_same "$json" "$WORK/cuda.d/$(basename "$json")" "catalog"
    done
    echo "$(find "$WORK/cpu.d" -name '*.json' | wc -l) side-cars, $(grep -cE '[1-9][0-9]* nvdec' "$WORK/cuda.d/report.csv" || true) by NVDEC too"
}

if has_encoder libx264; then codec=(-c:v libx264 -preset ultrafast -g 25 -bf 2); else codec=(-c:v mpeg4 -g 25); fi
if "${FFMPEG[@]}" -f lavfi -i "testsrc2=s=640x360:r=25:d=20" "${codec[@]}" -pix_fmt yuv420p "$WORK/film.mp4" 2>/dev/null; then
    one "$WORK/film.mp4"
elif [ ! -d "$DATA/zoo" ]; then
    skip "this ffmpeg cannot make a test film, and there is no folder of films"
fi
[ ! -d "$DATA/zoo" ] || all "$DATA/zoo"
echo "cuda gives the bits of cpu"
