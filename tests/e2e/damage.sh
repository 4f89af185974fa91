#!/bin/bash
# damage: films with parts missing in the middle are not passed off as whole; what is drawn of them with --allow-partial does not
# depend on threads or ranks; layouts of samples (packed or planar) do not change colours.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/mpi.sh"
need ffmpeg python3

"${FFMPEG[@]}" -f lavfi -i "testsrc2=s=320x240:r=25:d=20" -c:v mpeg2video -b:v 2M -g 12 -bf 2 "$WORK/whole.ts"
python3 - "$WORK" <<'PYTHON'
import sys
folder = sys.argv[1]
data = open(f"{folder}/whole.ts", "rb").read()
packets = len(data) // 188
def cut(name, start, end):  # whole transport packets
    open(f"{folder}/{name}.ts", "wb").write(data[:packets * start // 100 * 188] + data[packets * end // 100 * 188:])
cut("hole", 40, 60)
cut("nick", 50, 53)
PYTHON

barcode "$WORK/whole.ts" -o "$WORK/x.png"
expect_done "whole.ts"
for name in hole nick; do
    barcode "$WORK/$name.ts" -o "$WORK/$name.png"
    [ "$RC" = 3 ] || die "$name.ts: exit code $RC, not 3"
    [ ! -e "$WORK/$name.png" ] || die "$name.ts: an output is there"
    for threads in 1 2 5; do
        barcode "$WORK/$name.ts" -o "$WORK/x.png" --json "$WORK/$threads.json" --allow-partial --force --threads $threads
        expect_done "$name.ts --allow-partial, $threads threads"
        cmp "$WORK/1.json" "$WORK/$threads.json" || die "$name.ts: $threads threads give another side-car"
    done
    grep -q '"partial":' "$WORK/1.json" || die "$name.ts: the side-car does not say that it is partial"
    run_any "${MPIRUN[@]}" -n 3 "$JACQUARD" barcode "$WORK/$name.ts" -o "$WORK/x.png" --json "$WORK/ranks.json" --allow-partial --force \
        --progress none --backend "$BACKEND"
    [ "$RC" = 0 ] || die "$name.ts on 3 ranks: exit code $RC"
    cmp "$WORK/1.json" "$WORK/ranks.json" || die "$name.ts: 3 ranks give another side-car"
    echo "$name.ts: refused; partial, the same on any number of threads and ranks"
done

# The same samples of a BT.709 picture, planar and packed.
"${FFMPEG[@]}" -f lavfi -i "testsrc2=s=1280x720:r=25:d=1" -pix_fmt yuv422p -c:v rawvideo "$WORK/planar.nut"
"${FFMPEG[@]}" -i "$WORK/planar.nut" -pix_fmt uyvy422 -c:v rawvideo "$WORK/packed.nut"
for name in planar packed; do
    barcode "$WORK/$name.nut" -o "$WORK/$name.png" --csv "$WORK/$name.csv" --every 12f
    expect_done "$name.nut"
done
cmp "$WORK/planar.csv" "$WORK/packed.csv" || die "packed samples give other colours than planar ones"
echo "packed and planar samples give the same colours"
