#!/bin/bash
# model: what comes after training. evaluate, predict and the exported header say the same of every image, an oracle that
# sums pixels says the same too, and ranks do not matter. Models and images that are damaged, or do not fit, are refused.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/mpi.sh"
need python3
MNIST=$DATA/mnist

# subset IN.gz OUT BYTES_AN_ITEM DIMENSIONS N: the first N items of an IDX file, unpacked.
subset() {
    python3 - "$@" <<'END'
import gzip
import struct
import sys

path, out, item, dimensions, n = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:])
data = gzip.open(path).read()
head = 4 + 4 * dimensions
open(out, "wb").write(data[:4] + struct.pack(">I", n) + data[8:head] + data[head:head + n * item])
END
}

# Reads an IDX file, prints the scores that the header gives, a line an image.
cat >"$WORK/classify.c" <<'END'
#include MODEL_HEADER

#include <stdio.h>

int main(int argc, char **argv)
{
    static uint8_t pixels[JACQUARD_WIDTH * JACQUARD_HEIGHT];
    FILE *file = argc > 1 ? fopen(argv[1], "rb") : NULL;
    int32_t scores[JACQUARD_CLASSES];

    if (!file || fread(pixels, 1, 16, file) != 16)
        return 1;
    while (fread(pixels, 1, sizeof pixels, file) == sizeof pixels) {
        const int answer = jacquard_classify(pixels, scores);
        int l;
        if (jacquard_classify(pixels, NULL) != answer)
            return 1;
        for (l = 0; l < JACQUARD_CLASSES; l++) {
            printf("%ld%s", (long)scores[l], l + 1 < JACQUARD_CLASSES ? " " : "\n");
            if (scores[l] > scores[answer] || (scores[l] == scores[answer] && l < answer))
                return 1;
        }
    }
    return 0;
}
END

# check_export NAME IMAGES: compiled without a warning; its scores make the lines that predict printed ($WORK/lines).
check_export() {
    local model=$WORK/$1.model header=$WORK/$1.h
    jacquard export "$model" --c "$header"
    expect_done "export $1"
    [ "$(cat "$WORK/out")" = "$header" ] || die "export $1: stdout is not the output's name"
    command -v cc >/dev/null || return 0
    cc -std=c99 -O1 -Wall -Wextra -pedantic -Werror -DMODEL_HEADER="\"$header\"" "$WORK/classify.c" -o "$WORK/$1.c99" ||
        die "export $1: C99 is not content"
    "$WORK/$1.c99" "$2" >"$WORK/scores" || die "export $1: the program failed"
    python3 "$TOOLS/oracle.py" lines "$model" "$2" <"$WORK/scores" >"$WORK/exported"
    same_text "$WORK/lines" "$WORK/exported"
    command -v c++ >/dev/null || return 0
    c++ -x c++ -O1 -Wall -Wextra -pedantic -Werror -DMODEL_HEADER="\"$header\"" "$WORK/classify.c" -o "$WORK/$1.cpp" ||
        die "export $1: C++ is not content"
    "$WORK/$1.cpp" "$2" | cmp - "$WORK/scores" || die "export $1: C++ gives other scores"
}

# check_model NAME IMAGES LABELS: everything that can be asked of a model agrees.
check_model() {
    local model=$WORK/$1.model wrong total
    jacquard evaluate "$model" --images "$2" --labels "$3" --backend "$BACKEND" --json "$WORK/$1.json" \
        --curve "$WORK/$1.csv" --confusion "$WORK/$1.png"
    expect_done "evaluate $1"
    cp "$WORK/out" "$WORK/$1.txt"
    [[ $(head -1 "$WORK/out") =~ ^error\ [0-9]+\.[0-9][0-9]%\ \(([0-9]+)/([0-9]+)\)$ ]] || die "$1: the first line"
    wrong=${BASH_REMATCH[1]} total=${BASH_REMATCH[2]}
    [ "$(json "$WORK/$1.json" 'd["wrong"], d["total"]')" = "($wrong, $total)" ] || die "$1: JSON says otherwise"
    [ "$(json "$WORK/$1.json" 'sum(map(sum, d["confusion"])) - sum(r[i] for i, r in enumerate(d["confusion"]))')" = "$wrong" ] ||
        die "$1: the confusion matrix says otherwise"
    [ "$(json "$WORK/$1.json" 'd["model"]')" = "$(sed -n 's/^sha256 //p' "$model")" ] || die "$1: the digest"
    [ "$(tail -1 "$WORK/$1.csv" | cut -d, -f2)" = "$wrong" ] || die "$1: the curve ends elsewhere"
    [ "$(wc -l <"$WORK/$1.csv")" = $(($(sed -n 's/^rounds //p' "$model") + 1)) ] || die "$1: the curve's length"
    [ "$(python3 "$TOOLS/png.py" size "$WORK/$1.png")" != "" ] || die "$1: the picture"

    jacquard predict "$model" "$2"
    expect_done "predict $1"
    cp "$WORK/out" "$WORK/lines"
    python3 - "$WORK/lines" "$3" "$WORK/$1.json" <<'END' || die "$1: predict and evaluate differ"
import json
import sys

labels, result = open(sys.argv[2], "rb").read()[8:], json.load(open(sys.argv[3]))
answers = [int(line.split("\t")[1]) for line in open(sys.argv[1])]
wrong = [i for i, (a, b) in enumerate(zip(answers, labels)) if a != b]
assert len(answers) == len(labels) == result["total"] and len(wrong) == result["wrong"]
worst = result["worst"]
assert len(worst) == min(100, len(wrong)) and all(w["index"] in set(wrong) for w in worst)
assert all(answers[w["index"]] == w["answer"] and labels[w["index"]] == w["label"] for w in worst)
assert worst == sorted(worst, key=lambda w: (-w["margin"], w["index"]))
matrix = [[0] * len(result["confusion"]) for _ in result["confusion"]]
for a, b in zip(labels, answers):
    matrix[a][b] += 1
assert matrix == result["confusion"]
END
    check_export "$1" "$2"
    echo "$1: $(head -1 "$WORK/$1.txt")"
}

train() {
    local name=$1
    shift
    LIMIT=300 jacquard train --backend "$BACKEND" --progress none -o "$WORK/$name.model" "$@"
    expect_done "train $name"
}

python3 "$TOOLS/shapes.py" "$WORK/a" 600 1 --side 16 --classes 7
python3 "$TOOLS/shapes.py" "$WORK/b" 300 2 --side 16 --classes 7
python3 "$TOOLS/shapes.py" "$WORK/b" 300 2 --side 16 --classes 7 --gz
A=(--images "$WORK/a-images.idx" --labels "$WORK/a-labels.idx") B=("$WORK/b-images.idx" "$WORK/b-labels.idx")
train tree "${A[@]}" --rounds 12
train product "${A[@]}" --rounds 8 --learner product --terms 3 --channels gradient
train stump "${A[@]}" --rounds 15 --learner stump --deskew
train several "${A[@]}" --rounds 5 --leaves 4 --ensemble 2 --deskew --channels gradient
for name in tree product stump several; do
    check_model $name "${B[@]}"
done
python3 "$TOOLS/shapes.py" "$WORK/other" 300 5 --side 16 --classes 7 # other labels: more errors than the worst 100
cp "$WORK/tree.model" "$WORK/astray.model"
check_model astray "${B[0]}" "$WORK/other-labels.idx"

# The oracle, on the model that prepares nothing.
python3 "$TOOLS/oracle.py" scores "$WORK/tree.model" "${B[0]}" 60 >"$WORK/oracle"
python3 "$TOOLS/oracle.py" lines "$WORK/tree.model" "${B[0]}" <"$WORK/oracle" >"$WORK/oracle.lines"
jacquard predict "$WORK/tree.model" "${B[0]}"
head -60 "$WORK/out" | cmp - "$WORK/oracle.lines" || die "predict: not what the oracle says"
jacquard predict "$WORK/tree.model" "$WORK/b-images.idx.gz"
head -60 "$WORK/out" | sed 's/\.gz:/:/' | cmp - "$WORK/oracle.lines" || die "predict: gzip changes the answers"

# Ranks, threads and gzip do not change a letter; nor more ranks than images.
evaluate_b() { jacquard evaluate "$WORK/several.model" --backend "$BACKEND" --images "$1" --labels "$2" "${@:3}"; }
evaluate_b "$WORK/b-images.idx.gz" "$WORK/b-labels.idx.gz" --threads 3
expect_done "evaluate of gzip files"
same_text "$WORK/out" "$WORK/several.txt"
if command -v "${MPIRUN[0]}" >/dev/null; then
    python3 "$TOOLS/shapes.py" "$WORK/few" 2 3 --side 16 --classes 7
    evaluate_b "$WORK/few-images.idx" "$WORK/few-labels.idx"
    cp "$WORK/out" "$WORK/few.txt"
    run_any "${MPIRUN[@]}" -n 3 "$JACQUARD" evaluate "$WORK/several.model" --images "${B[0]}" --labels "${B[1]}" \
        --backend "$BACKEND" --threads 1 --json "$WORK/ranks.json" --curve "$WORK/ranks.csv"
    expect_done "evaluate on 3 ranks"
    same_text "$WORK/out" "$WORK/several.txt"
    same_text "$WORK/ranks.json" "$WORK/several.json"
    same_text "$WORK/ranks.csv" "$WORK/several.csv"
    run_any "${MPIRUN[@]}" -n 3 "$JACQUARD" evaluate "$WORK/several.model" --images "$WORK/few-images.idx" \
        --labels "$WORK/few-labels.idx" --backend "$BACKEND" --threads 1
    expect_done "evaluate of 2 images on 3 ranks"
    same_text "$WORK/out" "$WORK/few.txt"
    run_any "${MPIRUN[@]}" -n 2 "$JACQUARD" predict "$WORK/tree.model" "${B[0]}"
    expect_done "predict on 2 ranks"
    head -60 "$WORK/out" | cmp - "$WORK/oracle.lines" || die "predict on 2 ranks"
else
    echo "no ${MPIRUN[0]}: one rank only"
fi

# Pictures: the IDX file's images as PNG, and what does not fit.
python3 - "${B[0]}" "$WORK" <<'END'
import struct
import sys
import zlib


def png(path, pixels, width):
    chunk = lambda kind, body: struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    rows = b"".join(b"\0" + pixels[i:i + width] for i in range(0, len(pixels), width))
    head = struct.pack(">IIBBBBB", width, len(pixels) // width, 8, 0, 0, 0, 0)
    open(path, "wb").write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) +
                           chunk(b"IEND", b""))


data = open(sys.argv[1], "rb").read()[16:]
for i in range(3):
    png(f"{sys.argv[2]}/digit{i}.png", data[256 * i:256 * (i + 1)], 16)
png(f"{sys.argv[2]}/large.png", data[:400], 20)
END
jacquard predict "$WORK/tree.model" "$WORK"/digit[012].png "${B[0]}"
expect_done "predict of pictures"
head -3 "$WORK/out" | cut -f2,3 | cmp - <(head -3 "$WORK/oracle.lines" | cut -f2,3) || die "predict: PNG and IDX differ"
[ "$(head -1 "$WORK/out" | cut -f1)" = "$WORK/digit0.png" ] || die "predict: a picture's name"
[ "$(wc -l <"$WORK/out")" = 303 ] || die "predict: several files"
jacquard predict "$WORK/tree.model" "$WORK/large.png"
expect_failure 2 "predict: a picture of another size"
[[ $(cat "$WORK/err") == *large.png*20\ x\ 20*16\ x\ 16* ]] || die "predict: the sizes are not said"
head -c 90 "$WORK/digit1.png" >"$WORK/cut.png"
jacquard predict "$WORK/tree.model" "$WORK/digit0.png" "$WORK/cut.png" "$WORK/digit2.png"
[ "$RC" = 3 ] || die "predict: a bad file among several: exit code $RC"
[ "$(cut -f1 "$WORK/out")" = "$WORK/digit0.png" ] || die "predict: a bad file among several: stdout"
[[ $(cat "$WORK/err") == *cut.png* ]] || die "predict: the bad file is not named"
jacquard predict "$WORK/tree.model" "${B[1]}"
expect_failure 3 "predict: labels"
jacquard predict "$WORK/tree.model" "$WORK/none.png"
expect_failure 2 "predict: no such file"
jacquard predict "$WORK/tree.model"
expect_failure 2 "predict: no file"

# What does not fit the model.
python3 "$TOOLS/shapes.py" "$WORK/wide" 20 4 --side 17 --classes 7
python3 "$TOOLS/shapes.py" "$WORK/more" 40 4 --side 16 --classes 10
mkdir "$WORK/out.d"
refused() {
    local code=$1 what=$2
    shift 2
    jacquard evaluate "$@" --backend "$BACKEND" --json "$WORK/out.d/x.json"
    expect_failure "$code" "evaluate: $what"
    expect_files "$WORK/out.d"
}
refused 2 "images of another size" "$WORK/tree.model" --images "$WORK/wide-images.idx" --labels "$WORK/wide-labels.idx"
refused 2 "more classes" "$WORK/tree.model" --images "$WORK/more-images.idx" --labels "$WORK/more-labels.idx"
refused 3 "images and labels of different sets" "$WORK/tree.model" --images "${B[0]}" --labels "$WORK/a-labels.idx"
refused 2 "no labels" "$WORK/tree.model" --images "${B[0]}"
refused 2 "no model" "$WORK/none.model" --images "${B[0]}" --labels "${B[1]}"
refused 2 "an output that exists" "$WORK/tree.model" --images "${B[0]}" --labels "${B[1]}" --curve "$WORK/tree.csv"
refused 2 "an output that is an input" "$WORK/tree.model" --images "${B[0]}" --labels "${B[1]}" --curve "${B[1]}" --force
refused 2 "one file for two outputs" "$WORK/tree.model" --images "${B[0]}" --labels "${B[1]}" --curve "$WORK/out.d/x.json"
jacquard export "$WORK/tree.model" --c "$WORK/tree.h"
expect_failure 2 "export: existing output"
jacquard export "$WORK/tree.model" --c "$WORK/tree.model" --force
expect_failure 2 "export: the model as output"

# Damage: exit code 3 from every command, one line, nothing written.
size=$(stat -c %s "$WORK/tree.model")
python3 - "$WORK/tree.model" "$WORK" <<'END'
import sys

data = open(sys.argv[1], "rb").read()
for name, body in {"flip": data[:900] + bytes([data[900] ^ 1]) + data[901:], "short": data[:len(data) // 2],
                   "empty": b"", "version": data.replace(b"model 1", b"model 2", 1), "long": data + b"\n",
                   "digest": data.replace(b"sha256 ", b"sha256 0", 1)}.items():
    open(f"{sys.argv[2]}/{name}.model", "wb").write(body)
END
for name in flip short empty version long digest; do
    refused 3 "$name" "$WORK/$name.model" --images "${B[0]}" --labels "${B[1]}"
    jacquard predict "$WORK/$name.model" "${B[0]}"
    expect_failure 3 "predict: $name"
    jacquard export "$WORK/$name.model" --c "$WORK/out.d/x.h"
    expect_failure 3 "export: $name"
    expect_files "$WORK/out.d"
done
[ "$(stat -c %s "$WORK/tree.model")" = "$size" ] || die "the model itself was changed"

if [ -e "$MNIST/train-images-idx3-ubyte.gz" ]; then
    subset "$MNIST/train-images-idx3-ubyte.gz" "$WORK/m-images" 784 3 2000
    subset "$MNIST/train-labels-idx1-ubyte.gz" "$WORK/m-labels" 1 1 2000
    subset "$MNIST/t10k-images-idx3-ubyte.gz" "$WORK/t-images" 784 3 1000
    subset "$MNIST/t10k-labels-idx1-ubyte.gz" "$WORK/t-labels" 1 1 1000
    train digits --images "$WORK/m-images" --labels "$WORK/m-labels" --rounds 25 --deskew
    check_model digits "$WORK/t-images" "$WORK/t-labels"
    [ "$(json "$WORK/digits.json" 'd["error"] < 0.2')" = True ] || die "digits: $(head -1 "$WORK/digits.txt")"
else
    echo "no MNIST in $MNIST: shapes only"
fi
