#!/bin/bash
# formats: makes one of each file that jacquard writes and fails where a field of it is not described in the section of
# doc/formats.md that is about it.
# shellcheck source=../e2e/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../e2e/lib.sh"
need ffmpeg python3
cd "$WORK" || exit 1

mkdir films
"${FFMPEG[@]}" -f lavfi -i testsrc2=s=160x90:r=25:d=2 -c:v mpeg4 -g 10 films/whole.avi
head -c 20000 films/whole.avi >films/torn.avi
echo text >films/passed_over.txt
python3 - <<'EOF'
import struct
n, side = 60, 8
pixels = b"".join(bytes(200 if (x < 4, y < 4)[i % 2] else (7 * x + 5 * y + i) % 50 for y in range(side) for x in range(side))
                  for i in range(n))
open("images", "wb").write(struct.pack(">IIII", 0x803, n, side, side) + pixels)
open("labels", "wb").write(struct.pack(">II", 0x801, n) + bytes(i % 2 if i else 1 for i in range(n)))
EOF

run() {
    echo "$*" >"$WORK/command"
    "$JACQUARD" "$@" >"$WORK/out" 2>"$WORK/err"
}
run barcode films/whole.avi -o b.png --json sidecar.json --csv barcode.csv --frame-hashes hashes.txt --strips kmeans,squeezed \
    --backend cpu || die "barcode"
run barcode films/whole.avi -o k.png --store kept --backend cpu || die "barcode --store"
head -c 4096 kept/*.frames >kept.json
run barcode films/torn.avi -o p.png --json partial.json --allow-partial --backend cpu || die "barcode --allow-partial"
run catalog films --out cat --backend cpu
[ $? = 3 ] || die "catalog: a torn film is a failed one"
run status cat --json || die "status"
cp out status.json
run train --images images --labels labels -o model --rounds 3 --leaves 3 --checkpoint checkpoint --log train.csv --search sketch:50 \
    --backend cpu || die "train"
run train --images images --labels labels -o product --rounds 2 --learner product --backend cpu || die "train, products"
run evaluate model --images images --labels labels --json evaluation.json --curve curve.csv --backend cpu || die "evaluate"
run scan --images images --labels labels -o records --json scan.json --threshold 40 --features full --backend cpu || die "scan"
run bench barcode films/whole.avi --runs 1 --json --backend cpu || die "bench"
cp out bench.json

python3 "$(dirname "$E2E")/docs/formats.py" "$E2E/../../doc/formats.md" Side-car=sidecar.json Side-car=partial.json CSV=barcode.csv \
    Journal="$(echo cat/journal/*.ndjson)" "Kept frames"=kept.json report.json=cat/report.json report.csv=cat/report.csv status=status.json Model=model \
    Model=product Checkpoint=checkpoint "Training log"=train.csv Evaluation=evaluation.json "Error curve"=curve.csv \
    "Scan counts"=scan.json "Bench tables"=bench.json || die "doc/formats.md is not whole"
cmp -s -n 8 records <(printf JQSCAN01) || die "records begin otherwise than described"
[[ $(head -1 hashes.txt) =~ ^[0-9]+\ (-?[0-9]+|nopts)\ [0-9a-f]{64}$ ]] || die "hashes are otherwise than described"
