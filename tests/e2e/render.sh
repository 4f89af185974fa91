#!/bin/bash
# render: a side-car holds all that a picture needs: drawn again at the same settings it gives the same pixels, at
# others what the barcode command would have drawn. Side-cars that are none, or lie, are refused.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
need ffmpeg python3

film "$WORK/film.mp4" 6
ALL=(kmeans average prominent squeezed least equal)
barcode "$WORK/film.mp4" -o "$WORK/a.png" --every 9f -k 5 --strips "$(IFS=, && echo "${ALL[*]}")" --json "$WORK/a.json"
expect_done "barcode with all strips"
drawn=0

# picture STEM STRIP: the name that `barcode -o STEM.png` gives to a strip that is not its first.
picture() { [ "$2" = kmeans ] && echo "$1.png" || echo "$1.$2.png"; }

for strip in "${ALL[@]}"; do
    jacquard render "$WORK/a.json" -o "$WORK/r.$strip.png" --strip "$strip"
    expect_done "render --strip $strip"
    [ "$(cat "$WORK/out")" = "$WORK/r.$strip.png" ] || die "render --strip $strip: stdout is not the output's name"
    same_picture "$(picture "$WORK/a" "$strip")" "$WORK/r.$strip.png"
done
jacquard render "$WORK/a.json" -o "$WORK/r.default.png"
expect_done "render"
same_picture "$WORK/a.png" "$WORK/r.default.png"

for order_height in "share 77" "share 1" "lightness 480" "hue 480" "hue 2000"; do
    read -r order height <<<"$order_height"
    stem=$WORK/b.$order.$height
    barcode "$WORK/film.mp4" -o "$stem.png" --every 9f -k 5 --order "$order" --height "$height" --strips kmeans,equal,squeezed
    expect_done "barcode --order $order --height $height"
    for strip in kmeans equal squeezed; do
        jacquard render "$WORK/a.json" -o "$WORK/r.png" --order "$order" --height "$height" --strip "$strip" --force
        expect_done "render --order $order --height $height --strip $strip"
        same_picture "$(picture "$stem" "$strip")" "$WORK/r.png"
        [ "$(python3 "$TOOLS/png.py" size "$WORK/r.png")" = "17x$height" ] || die "render --height $height: size"
        drawn=$((drawn + 1))
    done
done
# Of other shapes likewise: 17 columns a third of a second apart.
for shape in "--layout circle --height 30" "--layout rows:0.05 --height 20" "--width 5" "--width 100" "--smooth 1" "--smooth 2:cuts --width 9 --order flow"; do
    # shellcheck disable=SC2086
    barcode "$WORK/film.mp4" -o "$WORK/s.png" --every 9f -k 5 --strips kmeans,average,squeezed $shape --force --json "$WORK/s.json"
    expect_done "barcode $shape"
    for strip in kmeans average squeezed; do
        # shellcheck disable=SC2086
        jacquard render "$WORK/a.json" -o "$WORK/r.png" --strip "$strip" $shape --force
        expect_done "render $shape --strip $strip"
        same_picture "$(picture "$WORK/s" "$strip")" "$WORK/r.png"
    done
    [ "$(json "$WORK/s.json" 'd["columns"]')" = "$(json "$WORK/a.json" 'd["columns"]')" ] ||
        die "$shape: the side-car has other columns"
    drawn=$((drawn + 3))
done
[ "$(python3 "$TOOLS/png.py" size "$WORK/r.png")" = "9x480" ] || die "render --width 9: size"
mkdir "$WORK/films"
cp "$WORK/film.mp4" "$WORK/films"
jacquard catalog "$WORK/films" --out "$WORK/made" --backend "$BACKEND" --progress none --width 9 --smooth 1
expect_done "catalog --width"
jacquard verify "$WORK/made"
expect_done "verify of pictures of another width"
for bad in "--layout ring" "--layout rows" "--layout rows:0" "--width 0" "--smooth 0" "--smooth x" "--smooth 1:cut" "--smooth :cuts"; do
    # shellcheck disable=SC2086
    jacquard render "$WORK/a.json" -o "$WORK/bad.png" $bad
    expect_failure 2 "render $bad"
done

[ "$(python3 "$TOOLS/png.py" hash "$WORK/b.hue.480.png")" != "$(python3 "$TOOLS/png.py" hash "$WORK/a.png")" ] ||
    die "--order hue draws what --order share draws"
echo "$drawn pictures drawn again: the same"

barcode "$WORK/film.mp4" -o "$WORK/c.png" --every 30f -k 5 --order hue --height 90 --json "$WORK/c.json"
expect_done "barcode --order hue --height 90"
jacquard render "$WORK/c.json" -o "$WORK/r.c.png" --order hue --height 90
expect_done "render of it"
same_picture "$WORK/c.png" "$WORK/r.c.png"

mkdir "$WORK/out.d"
refused() {
    local what=$1
    shift
    jacquard render -o "$WORK/out.d/x.png" "$@"
    expect_failure 2 "render: $what"
    expect_files "$WORK/out.d"
}
LIMIT=20
mkfifo "$WORK/fifo.json"
refused "squeezed without lines" "$WORK/c.json" --strip squeezed
refused "no side-car named"
refused "missing side-car" "$WORK/none.json"
refused "a film" "$WORK/film.mp4"
refused "a folder" "$WORK"
refused "a FIFO" "$WORK/fifo.json"
refused "unknown strip" "$WORK/a.json" --strip nope
refused "unknown order" "$WORK/a.json" --order nope
refused "height 0" "$WORK/a.json" --height 0
jacquard render "$WORK/a.json" -o "$WORK/a.png"
expect_failure 2 "render: existing output"
jacquard render "$WORK/a.json" -o "$WORK/a.json" --force
expect_failure 2 "render: the side-car as output"

# Side-cars that lie: each is refused in one line, none crashes.
mkdir "$WORK/lies"
python3 - "$WORK/c.json" "$WORK/lies" <<'END'
import copy
import json
import sys

text = open(sys.argv[1]).read()
good = json.loads(text)
lies = {}


def lie(name, change):
    d = copy.deepcopy(good)
    change(d, d["columns"][1], d["columns"][1]["clusters"][0])
    lies[name] = json.dumps(d)


lie("format", lambda d, column, cluster: d.update(format="something"))
lie("no_format", lambda d, column, cluster: d.pop("format"))
lie("version", lambda d, column, cluster: d.update(version=2))
lie("version_text", lambda d, column, cluster: d.update(version="1"))
lie("no_columns", lambda d, column, cluster: d.pop("columns"))
lie("columns_empty", lambda d, column, cluster: d.update(columns=[]))
lie("columns_object", lambda d, column, cluster: d.update(columns={}))
lie("column_number", lambda d, column, cluster: d["columns"].append(7))
lie("no_clusters", lambda d, column, cluster: column.pop("clusters"))
lie("clusters_empty", lambda d, column, cluster: column.update(clusters=[]))
lie("clusters_many", lambda d, column, cluster: column.update(clusters=[{"rgb": [1, 2, 3], "count": 1}] * 5000))
lie("count_negative", lambda d, column, cluster: cluster.update(count=-1))
lie("count_huge", lambda d, column, cluster: cluster.update(count=10**30))
lie("count_text", lambda d, column, cluster: cluster.update(count="many"))
lie("counts_zero", lambda d, column, cluster: [c.update(count=0) for c in column["clusters"]])
lie("rgb_short", lambda d, column, cluster: cluster.update(rgb=[1, 2]))
lie("rgb_long", lambda d, column, cluster: cluster.update(rgb=[1, 2, 3, 4]))
lie("rgb_high", lambda d, column, cluster: cluster.update(rgb=[256, 0, 0]))
lie("rgb_low", lambda d, column, cluster: cluster.update(rgb=[-1, 0, 0]))
lie("rgb_huge", lambda d, column, cluster: cluster.update(rgb=[1e300, 0, 0]))
lie("mean_null", lambda d, column, cluster: column.update(mean=None))
lies["nan"] = text.replace('"count":', '"count":NaN,"x":', 1)
lies["empty"] = ""
lies["text"] = "this is no side-car\n"
lies["array"] = "[]"
lies["deep"] = "[" * 200000
lies["deep_objects"] = '{"format":' * 100000
lies["trailing"] = text + "x"
lies["zero_byte"] = text[:100] + "\0" + text[100:]
for i in range(1, 8):
    lies[f"cut_{i}"] = text[:len(text) * i // 8]
for name, body in lies.items():
    open(f"{sys.argv[2]}/{name}.json", "w").write(body)
END
n=0
for lie in "$WORK"/lies/*.json; do
    refused "${lie##*/}" "$lie"
    n=$((n + 1))
done
echo "$n false side-cars refused"
