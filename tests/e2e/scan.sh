#!/bin/bash
# scan: counts and records do not depend on ranks, threads or backend; the records are what the counts say; the student
# project's counts on MNIST, where its files are there; what must be refused is refused and leaves nothing behind.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
need python3 mpirun
. "$E2E/mpi.sh"

IN=$WORK/in OUT=$WORK/out.d
mkdir "$IN" "$OUT"
# idx NAME WIDTH HEIGHT N: images and labels of blocks and noise, NAME.images and NAME.labels.
idx() {
    python3 - "$IN/$1" "$2" "$3" "$4" <<'END'
import random, struct, sys
path, width, height, n = sys.argv[1], *map(int, sys.argv[2:])
random.seed(n)
images = bytearray()
for i in range(n):
    side = random.randint(2, 9)
    tile = [random.choice((0, 0, 90, 255)) for _ in range(400)]
    images += bytes(min(255, tile[y // side * 20 % 380 + x // side % 20] + random.randrange(9)) for y in range(height) for x in range(width))
open(path + ".images", "wb").write(struct.pack(">IIII", 0x803, n, height, width) + images)
open(path + ".labels", "wb").write(struct.pack(">II", 0x801, n) + bytes(random.randrange(10) for _ in range(n)))
END
}

scan() { jacquard scan --backend "$BACKEND" --progress none "$@"; }

# In a sanitizer build, leaks are looked for in runs without ranks.
no_leaks=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0
on_ranks() {
    local n=$1
    shift
    run_any env "ASAN_OPTIONS=$no_leaks" "${MPIRUN[@]}" -n "$n" "$JACQUARD" scan --backend "$BACKEND" --progress none --threads 1 "$@"
}

# What the JSON says, but for times.
facts() { python3 -c 'import json, sys; d = json.load(open(sys.argv[1])); d.pop("seconds"); print(json.dumps(d))' "$1"; }

# compare NAME OPTIONS...: the same on no launcher and on 1, 2, 3, 5 ranks.
compare() {
    local name=$1 n
    shift
    for n in 0 1 2 3 5; do
        local options=(--images "$IN/$name.images" --labels "$IN/$name.labels" --json "$OUT/$n.json" -o "$OUT/$n.records" --force "$@")
        if [ "$n" = 0 ]; then scan --threads 3 "${options[@]}"; else on_ranks "$n" "${options[@]}"; fi
        expect_done "$name $* on $n ranks"
        cp "$WORK/out" "$OUT/$n.out"
        [ "$n" != 0 ] || continue
        same_text "$OUT/0.out" "$OUT/$n.out"
        same_text "$OUT/0.records" "$OUT/$n.records"
        [ "$(facts "$OUT/0.json")" = "$(facts "$OUT/$n.json")" ] || die "$name $* on $n ranks: another JSON"
    done
    # The records: their number, their order, and that they are what was counted.
    python3 - "$OUT/0.records" "$OUT/0.json" "$OUT/0.out" "$IN/$name.labels" <<'END' || die "$name $*: the records"
import json, struct, sys
data, d = open(sys.argv[1], "rb").read(), json.load(open(sys.argv[2]))
magic, width, height, n_images, n = struct.unpack("<8sIIQQ", data[:32])
assert magic == b"JQSCAN01" and (width, height, n_images) == (d["width"], d["height"], d["images"])
assert len(data) == 32 + 8 * n and n == d["total"] > 0
record = struct.unpack("<%dQ" % n, data[32:])
assert all(a >> 18 < b >> 18 for a, b in zip(record, record[1:]))
labels = open(sys.argv[4], "rb").read()[8:]
names, count = ["edge_h", "edge_v", "line_h", "line_v", "quad"], {}
for r in record:
    image, kind = r >> 41, r >> 38 & 7
    x, y, w, h = r >> 33 & 31, r >> 28 & 31, (r >> 23 & 31) + 1, (r >> 18 & 31) + 1
    assert image < n_images and x + w <= width and y + h <= height
    key = names[kind], labels[image] == 0
    count[key] = count.get(key, 0) + 1
for line in open(sys.argv[3]).read().splitlines()[1:-1]:
    name, zero, others, both = line.split()
    assert (int(zero), int(others)) == (count.get((name, True), 0), count.get((name, False), 0)), line
    assert int(both) == int(zero) + int(others) == d["by_type"][name], line
assert d["label0"] + d["others"] == d["total"] == sum(d["by_type"].values())
END
    echo "$name $*: the same on 1, 2, 3, 5 ranks, $(json "$OUT/0.json" 'd["total"]') records of $(json "$OUT/0.json" 'd["features"]') features an image"
}

idx small 16 14 23
idx few 9 9 3
compare small --compat seed --threshold 90
compare small --threshold 120
compare small --features full --threshold 60
compare few --features seed --threshold 40

# Without labels and records: the same totals.
scan --images "$IN/small.images" --compat seed --threshold 90 --count-only --json "$OUT/plain.json" --threads 1
expect_done "without labels"
compare small --compat seed --threshold 90 >"$WORK/again"
[ "$(json "$OUT/plain.json" 'd["total"], d["by_type"], d["label0"]')" = "$(json "$OUT/0.json" 'd["total"], d["by_type"], None')" ] ||
    die "without labels: other counts"
# gzip, and larger images than records hold
gzip -c "$IN/small.images" >"$IN/small.gz"
scan --images "$IN/small.gz" --compat seed --threshold 90 --json "$OUT/plain.json" --force
expect_done "gzip"
[ "$(json "$OUT/plain.json" 'd["total"]')" = "$(json "$OUT/0.json" 'd["total"]')" ] || die "gzip: other counts"
idx large 40 33 2
scan --images "$IN/large.images" --features full
expect_done "40x33"
echo "labels, gzip, large images: fine"

# refused CODE WHAT ARGUMENTS...
rm -r "$OUT" && mkdir "$OUT"
refused() {
    local code=$1 what=$2
    shift 2
    scan -o "$OUT/x.records" --json "$OUT/x.json" "$@"
    expect_failure "$code" "$what"
    on_ranks 3 -o "$OUT/x.records" --json "$OUT/x.json" "$@"
    [ "$RC" = "$code" ] || die "$what on 3 ranks: exit code $RC, not $code"
    [ "$(n_errors)" = 1 ] || die "$what on 3 ranks: $(n_errors) error lines, not 1"
    expect_files "$OUT"
}
good=(--images "$IN/small.images")
idx tiny 1 1 5
head -c 3000 "$IN/small.images" >"$IN/cut.images"
refused 2 "no images"
refused 2 "missing images" --images "$IN/none"
refused 3 "cut images" --images "$IN/cut.images"
refused 3 "labels as images" --images "$IN/small.labels"
refused 3 "labels of others" "${good[@]}" --labels "$IN/few.labels"
refused 2 "no feature fits" --images "$IN/tiny.images"
refused 2 "records of large images" --images "$IN/large.images"
refused 2 "threshold" "${good[@]}" --threshold 256
refused 2 "compat" "${good[@]}" --compat tree
refused 2 "compat and features" "${good[@]}" --compat seed --features full
refused 2 "count-only and records" "${good[@]}" --count-only
refused 2 "operand" "${good[@]}" more
refused 2 "one name twice" "${good[@]}" --json "$OUT/x.records"
scan "${good[@]}" -o "$OUT/no/x.records"
expect_failure 2 "a folder that is not there"
echo kept >"$OUT/x.records"
scan "${good[@]}" -o "$OUT/x.records"
expect_failure 2 "an existing file"
[ "$(cat "$OUT/x.records")" = kept ] || die "an existing file was changed"
rm "$OUT/x.records"
echo "bad input: refused"

# A stdout that cannot be written is a failure.
if [ -w /dev/full ]; then
    run_any bash -c '"$0" scan --backend "$1" --progress none --images "$2" --compat seed >/dev/full' "$JACQUARD" "$BACKEND" "$IN/small.images"
    [ "$RC" = 2 ] || die "a full stdout: exit code $RC, not 2"
fi

# The student project's own counts, found on all 60,000 images.
mnist=${JACQUARD_TEST_MNIST:-$DATA/mnist}
if [ -z "${ASAN_OPTIONS:-}" ] && [ -r "$mnist/train-images-idx3-ubyte.gz" ]; then
    LIMIT=500
    scan --compat seed --images "$mnist/train-images-idx3-ubyte.gz" --labels "$mnist/train-labels-idx1-ubyte.gz" --json "$OUT/mnist.json"
    expect_done "MNIST"
    found=$(json "$OUT/mnist.json" '" ".join(map(str, [d["label0"], d["others"], d["total"], *d["by_type"].values()]))')
    [ "$found" = "10867584 63369534 74237118 25139706 35526330 6422014 7148758 310" ] || die "MNIST: $found"
    echo "MNIST: $found"
else
    echo "MNIST: left out: its files are not there, or a sanitizer build would take long"
fi
