#!/bin/bash
# bench: every part of `jacquard bench` on small work: a table, and the same as JSON, on one rank and on two; figures
# are there, and nothing is left behind; what cannot be measured is refused with one line.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/mpi.sh"
need ffmpeg mpirun python3
LIMIT=300

film "$WORK/film.mp4" 2
python3 "$TOOLS/shapes.py" "$WORK/s" 150 1 --side 9 --classes 3
IMAGES=(--images "$WORK/s-images.idx")
mkdir "$WORK/folder"
SMALL=(--backend "$BACKEND" --threads 1 --runs 1)

# In a sanitizer build, leaks are looked for in runs without ranks.
no_leaks=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0
on_two_ranks() { run_any env "ASAN_OPTIONS=$no_leaks" "${MPIRUN[@]}" -n 2 "$JACQUARD" bench "$@" "${SMALL[@]}"; }

# check_json PART RANKS ROWS: one object of the form that doc and scripts count on, with at least so many rows, whose
# numbers go together.
check_json() {
    python3 -m json.tool "$WORK/out" >/dev/null || die "$1 on $2 ranks: not one JSON object"
    python3 - "$WORK/out" "$@" <<'END' || die "$1 on $2 ranks: the JSON is not as it should be"
import json
import sys

d = json.load(open(sys.argv[1]))
part, ranks, least = sys.argv[2], sys.argv[3], int(sys.argv[4])
assert list(d) == ["bench", "facts", "rows"] and d["bench"] == part, d
assert d["facts"]["ranks"] == ranks and all(isinstance(text, str) for text in d["facts"].values()), d["facts"]
assert len(d["rows"]) >= least, d["rows"]
assert len({row["name"] for row in d["rows"]}) == len(d["rows"]), [row["name"] for row in d["rows"]]
for row in d["rows"]:
    assert list(row) == ["name", "ours", "unit", "limit", "limit_name", "ratio", "target", "lower_is_better"], row
    assert row["name"] and row["unit"] and row["ours"] > 0 and isinstance(row["lower_is_better"], bool), row
    assert (row["limit"] is None) == (row["limit_name"] is None) == (row["ratio"] is None), row
    assert row["limit"] is None or abs(row["ratio"] * row["limit"] / row["ours"] - 1) < 1e-9, row
END
}

# measure PART ROWS ROWS_ON_TWO OPTIONS...
measure() {
    local part=$1 rows=$2 rows_on_two=$3 began=$SECONDS
    shift 3
    jacquard bench "$part" "$@" "${SMALL[@]}"
    expect_done "$part"
    only_own_lines || die "$part: lines on stderr that are not the program's"
    [ "$(head -n 1 "$WORK/out")" = "$part" ] || die "$part: the table has another title"
    [ "$(sed -n 2p "$WORK/out")" = "  ranks: 1" ] || die "$part: the ranks are not told"
    [ "$(wc -l <"$WORK/out")" -ge $((rows + 2)) ] || die "$part: fewer than $rows rows"
    on_two_ranks "$part" "$@" --json
    expect_done "$part on two ranks"
    check_json "$part" 2 "$rows_on_two"
    expect_files "$WORK/folder"
    echo "$part: $((SECONDS - began)) s"
}

measure barcode 3 4 "$WORK/film.mp4" -k 3 --every 10f --scale 80x60
measure kmeans 2 2 "$WORK/film.mp4" -k 3 --n-init 2
measure scan 3 4 "${IMAGES[@]}"
measure train 4 7 "${IMAGES[@]}" --labels "$WORK/s-labels.idx"
measure io 3 3 "$WORK/film.mp4" --folder "$WORK/folder"
measure comm 0 43

jacquard bench kmeans "$WORK/film.mp4" -k 3 --n-init 2 "${SMALL[@]}" --json
expect_done "kmeans --json"
check_json kmeans 1 2

# What of it is certain: names, limits and targets.
on_two_ranks train "${IMAGES[@]}" --labels "$WORK/s-labels.idx" --features multiboost --json
expect_done "train, multiboost"
python3 - "$WORK/out" <<'END' || die "train: not the rows that were expected"
import json
import sys

rows = json.load(open(sys.argv[1]))["rows"]
one, one_sketch, features, features_sketch, data, tree, all_of_them = rows
assert all("exhaustive stump" in row["name"] and "x 150 images" in row["name"] for row in (one, features, data)), rows
assert all("sketch stump" in row["name"] and "x 150 images" in row["name"] for row in (one_sketch, features_sketch)), rows
assert features["target"] == features_sketch["target"] == 1.08, rows
assert one["target"] is None and one_sketch["target"] is None and data["target"] is None, rows
assert features["limit"] == data["limit"] and abs(features["limit"] * 2 / one["ours"] - 1) < 1e-9, rows
assert one_sketch["limit"] == one["limit"] and abs(features_sketch["limit"] * 2 / one_sketch["ours"] - 1) < 1e-9, rows
assert tree["limit"] is None and tree["name"].startswith("lazy:250 tree round, 16 leaves"), tree
assert all_of_them["unit"] == "s" and all_of_them["name"].startswith("2000 such rounds"), all_of_them
END

# An interrupted one ends soon. (timeout sends the signal; it would take minutes.)
run_any timeout --preserve-status -k 60 -s INT 3 "$JACQUARD" bench train --backend "$BACKEND" --runs 1000
expect_failure 75 "SIGINT"
expect_files "$WORK/folder"

# ---- refused ----

jacquard bench --help
expect_done "--help"
[[ $(cat "$WORK/out") == "usage: jacquard bench "* ]] || die "--help: no usage"

# refuse WHAT ARGUMENTS...
refuse() {
    local what=$1
    shift
    jacquard bench "$@"
    expect_failure 2 "$what"
}
refuse "no part"
refuse "barcode without a film" barcode
refuse "a film that is not there" barcode "$WORK/no_such_film.mp4" "${SMALL[@]}"
refuse "io with features" io --features seed # the others: tests/unit/test_cli.c
expect_files "$WORK/folder"
LIMIT=60
on_two_ranks train "${IMAGES[@]}"
[ "$RC" = 2 ] || die "images without labels on two ranks: exit code $RC, not 2"
[ "$(n_errors)" = 1 ] || die "images without labels on two ranks: $(n_errors) error lines, not 1"
on_two_ranks train "${IMAGES[@]}" --labels "$WORK/no_such.idx"
[ "$RC" = 2 ] || die "labels that are not there on two ranks: exit code $RC, not 2"
[ "$(n_errors)" = 1 ] || die "labels that are not there on two ranks: $(n_errors) error lines, not 1"
echo "what cannot be measured is refused"
