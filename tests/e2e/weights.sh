#!/bin/bash
# weights: small patches of colour in a grey scene get a cluster by chroma, dark backgrounds one of their own; whatever
# the search weighs, counts are areas, the same for any number of ranks, and what was made can be made again.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
need ffmpeg python3
has_encoder ffv1 || skip "ffmpeg has no encoder ffv1"

# make NAME LUMA [FILTERS]: 320x240, the formula's luma without colour, then the filters.
make() {
    "${FFMPEG[@]}" -f lavfi -i "color=gray:s=320x240:r=5:d=3,format=yuv444p,geq=lum='$2':cb=128:cr=128${3:+,$3}" \
        -c:v ffv1 -g 5 -bitexact "$WORK/films/$1.mkv" || skip "ffmpeg cannot make the film $1"
}
# weigh NAME OUT [OPTIONS]
weigh() {
    local name=$1 out=$2
    shift 2
    barcode "$WORK/films/$name.mkv" --every 3f --crop none -o "$WORK/$out.png" --json "$WORK/$out.json" --force "$@"
    expect_done "$name $*"
    [ "$(json "$WORK/$out.json" 'all(sum(k["count"] for k in c["clusters"]) == 76800 for c in d["columns"])')" = True ] ||
        die "$name $*: heights do not add up to the picture"
}
# counts OUT WHICH: pixels of the clusters of each column of which the condition on r, g, b holds.
counts() {
    json "$WORK/$1.json" "[[k['count'] for k in c['clusters'] if (lambda r, g, b: $2)(*k['rgb'])] for c in d['columns']]"
}
# all OUT WHICH N: each column has these counts alone.
all() {
    local found
    found=$(counts "$1" "$2")
    [ "$found" = "[$3, $3, $3, $3, $3]" ] || die "$1: clusters of which $2 have $found pixels, not $3"
}

mkdir "$WORK/films"
make scene "30+190*X/W+random(1)*8" "drawbox=x=100:y=60:w=20:h=20:color=red:t=fill"
make dark "if(lt(X,240),16+random(1)*14,110+100*Y/H)"

red="r > g + 100"
weigh scene area -k 3
all area "$red" "[]"
weigh scene accent -k 3 --weight accent
all accent "$red" "[400]"
[ "$(json "$WORK/accent.json" 'd["settings"]["weight"]')" = accent ] || die "the side-car does not say how it was weighed"
[ "$(json "$WORK/area.json" '"weight" in d["settings"] or "near_black" in d["settings"] or "rarity" in d')" = False ] ||
    die "the side-car says of areas that they were weighed"
weigh scene named -k 3 --weight area
same_text "$WORK/area.json" "$WORK/named.json"

# Red in one of five columns, green in all: that one alone is rare.
"${FFMPEG[@]}" -i "$WORK/films/scene.mkv" -vf "drawbox=x=100:y=60:w=20:h=20:color=green:t=fill:enable='lt(t,1.7)+gt(t,2)',format=yuv444p,drawbox=x=200:y=160:w=20:h=20:color=green:t=fill" \
    -c:v ffv1 -g 5 -bitexact "$WORK/films/once.mkv"
weigh once once-area -k 3
all once-area "$red" "[]"
weigh once rare -k 3 --weight rare
[ "$(counts rare "$red")" = "[[], [], [], [400], []]" ] || die "rare: red is $(counts rare "$red")"
[ "$(counts rare "g > r + 60")" = "[[], [], [], [], []]" ] || die "rare: green, which all frames have, got a cluster"
[ "$(json "$WORK/rare.json" 'len(d["rarity"])')" = 4096 ] || die "the side-car does not say what was rare"
for turn in keeping kept; do # with a store the second pass decodes nothing, and later nor does the first
    weigh once rare2 -k 3 --weight rare --store "$WORK/store"
    same_text "$WORK/rare2.json" "$WORK/rare.json"
    grep -q "read from the store" "$WORK/err" || die "$turn: the second pass decoded"
done
grep -q " 0 frames decoded" "$WORK/err" || die "the store was not used"

# Without it the noise of the background, 3/4 of the picture, takes clusters from what is to be seen.
black="max(r, g, b) < 30"
weigh dark plain -k 8
[ "$(json "$WORK/plain.json" 'min(sum(max(k["rgb"]) < 30 for k in c["clusters"]) for c in d["columns"])')" -ge 2 ] ||
    die "the dark background has no clusters to lose: $(counts plain "$black")"
for space in srgb oklab cielab; do
    weigh dark "near-$space" -k 8 --near-black 10 --space $space
    all "near-$space" "$black" "[57600]"
    [ "$(json "$WORK/near-$space.json" 'max(len(c["clusters"]) for c in d["columns"])')" = 9 ] ||
        die "$space: a black band beside 8 clusters does not make 9"
done
weigh dark share -k 8 --near-black 0.1
same_text "$WORK/share.json" "$WORK/near-srgb.json"
weigh scene none -k 3 --near-black 2 # nothing there is as dark
[ "$(json "$WORK/none.json" 'd["columns"]')" = "$(json "$WORK/area.json" 'd["columns"]')" ] ||
    die "without dark pixels --near-black changes the columns"
weigh dark both -k 31 --weight accent --near-black 99.99 # nearly all of it
all both "True" "[76800]"

for bad in "--near-black 0" "--near-black 100" "--near-black x" "--near-black 10 -k 32" "--weight red"; do
    # shellcheck disable=SC2086
    barcode "$WORK/films/dark.mkv" $bad -o "$WORK/bad.png"
    expect_failure 2 "$bad"
done
[ ! -e "$WORK/bad.png" ] || die "a picture was written in spite of bad options"

# What was made is made again from the side-car alone.
for way in "--weight accent" "--weight rare --piece-time 0.01" "--near-black 12.5 --weight accent --space oklab" "--near-black 0.005 -k 31"; do
    # shellcheck disable=SC2086
    jacquard catalog --backend "$BACKEND" --progress none "$WORK/films" --out "$WORK/made" --every 3f $way
    expect_done "catalog $way"
    jacquard verify "$WORK/made" --samples 3
    expect_done "verify of $way"
    grep -q "9 columns of 3 films made again are the same" "$WORK/out" || die "verify of $way: not all was made again"
    rm -r "$WORK/made"
done

if command -v mpirun >/dev/null; then
    . "$E2E/mpi.sh"
    while read -r name film options; do
        # shellcheck disable=SC2086
        run_any "${MPIRUN[@]}" -n 3 "$JACQUARD" barcode --backend "$BACKEND" --progress none "$WORK/films/$film.mkv" \
            --every 3f --crop none $options -o "$WORK/ranks.png" --json "$WORK/ranks.json" --force
        [ "$RC" = 0 ] || die "3 ranks: exit code $RC"
        same_text "$WORK/ranks.json" "$WORK/$name.json"
        same_picture "$WORK/ranks.png" "$WORK/$name.png"
    done <<'EOF'
accent scene -k 3 --weight accent
near-oklab dark -k 8 --near-black 10 --space oklab
rare once -k 3 --weight rare
EOF
fi
echo "weights.sh: all well"
