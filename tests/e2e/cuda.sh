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

if has_encoder libx264; then codec=(-c:v libx264 -preset ultrafast -g 25 -bf 2); else codec=(-c:v mpeg4 -g 25); fi
"${FFMPEG[@]}" -f lavfi -i "testsrc2=s=640x360:r=25:d=20" "${codec[@]}" -pix_fmt yuv420p "$WORK/film.mp4" 2>/dev/null ||
    skip "this ffmpeg cannot make a test film"

options=("$WORK/film.mp4" -o "$WORK/x.png" --every 5f --strips kmeans,average,squeezed --progress none --force)
jacquard barcode "${options[@]}" --backend cpu --json "$WORK/cpu.json" --frame-hashes "$WORK/cpu.txt"
expect_done "cpu"
for threads in 1 4; do
    jacquard barcode "${options[@]}" --backend cuda --threads $threads --json "$WORK/cuda.json" --frame-hashes "$WORK/cuda.txt"
    expect_done "cuda, $threads threads"
    cmp "$WORK/cpu.json" "$WORK/cuda.json" || die "cuda, $threads threads: another side-car"
    cmp "$WORK/cpu.txt" "$WORK/cuda.txt" || die "cuda, $threads threads: other frames"
    grep -oE '[0-9]+ CPU and [0-9]+ NVDEC decoders' "$WORK/err"
done
run_any "${MPIRUN[@]}" -n 3 "$JACQUARD" barcode "${options[@]}" --backend cuda --json "$WORK/cuda.json"
[ "$RC" = 0 ] || die "cuda on 3 ranks: exit code $RC"
cmp "$WORK/cpu.json" "$WORK/cuda.json" || die "cuda on 3 ranks: another side-car"
echo "cuda gives the bits of cpu"
