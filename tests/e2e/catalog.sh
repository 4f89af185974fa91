#!/bin/bash
# A film collection: every film done once, failures explained, a rerun does nothing, what changes is done again, ranks and
# worker processes change no bit, nothing of the user's is overwritten.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$E2E/mpi.sh"
need ffmpeg mpirun python3

films=$WORK/films
mkdir -p "$films/sub"
film "$films/one.mp4" 6
film "$films/two.mkv" 3
cp "$films/two.mkv" "$films/sub/one.mkv" # the same stem, another film
film "$films/sub/long.mp4" 40
echo "subtitles" >"$films/one.srt"
echo "no film" >"$films/text.mp4"
# Suffixes of films and of other things: what it begins like decides.
echo "module x" >"$films/go.mod"
echo "1 2 3" >"$films/sub/table.dat"
head -c $(($(stat -c %s "$films/two.mkv") * 6 / 10)) "$films/two.mkv" >"$films/cut.mkv"
: >"$films/-empty.avi"

# collect OUT [OPTIONS...]: the collection on the backend under test.
collect() {
    local out=$1
    shift
    jacquard catalog "$films" --out "$out" --backend "$BACKEND" --progress none --every 5f -k 4 "$@"
}
# What a catalogue has made of its films, without the books.
results() { (cd "$1" && find . -name '*.png' -o -name '*.json' ! -name report.json | sort | xargs sha256sum); }
expect_code() { [ "$RC" = "$1" ] || die "$2: exit code $RC, not $1"; }

# Usage and environment
jacquard catalog
expect_failure 2 "no --out"
jacquard catalog --out "$WORK/none"
expect_failure 2 "no input"
jacquard catalog "$WORK/not there" --out "$WORK/none"
expect_code 2 "an input that is not there"
for share in 3/2 0/1 1 1/ 1/2/3 4294967297/4294967298 4294967297/2 ' 1/2' +1/2; do
    collect "$WORK/none" --share "$share"
    expect_failure 2 "share $share"
done
truncate -s 1T "$WORK/list"
LIMIT=20 jacquard catalog --list "$WORK/list" --out "$WORK/none"
expect_failure 2 "a list of a TiB without a name in it"
collect "$WORK/none/below" --include '*.mp4'
expect_code 2 "a folder that cannot be made"
collect "$WORK/none" --include '*.nothing'
expect_code 4 "no film matches"
[ ! -e "$WORK/none" ] || die "a run without a film made a folder"
mkdir "$WORK/empty"
jacquard catalog "$WORK/empty" --out "$WORK/none"
expect_code 4 "an empty folder"

# A dry run names the films and writes nothing.
collect "$WORK/dry" --dry-run
expect_code 0 "dry run"
[ "$(grep -c 'to do' "$WORK/out")" = 5 ] || die "the dry run names $(grep -c 'to do' "$WORK/out") films to do, not 5"
[ "$(grep -c 'cannot be read' "$WORK/out")" = 2 ] || die "the dry run does not tell two that cannot be read"
[ ! -e "$WORK/dry" ] || die "the dry run made a folder"

# All of it: four films, three failures.
collect "$WORK/a"
expect_code 3 "some films cannot be read"
for name in one two long; do
    [ -s "$WORK/a/$name.barcode.png" ] && [ -s "$WORK/a/$name.json" ] || die "$name has no barcode"
done
[ "$(find "$WORK/a" -maxdepth 1 -name '*.barcode.png' | wc -l)" = 4 ] || die "not four barcodes"
[ ! -e "$WORK/a/pieces" ] || die "files in between are left"
[ -z "$(find "$WORK/a" -name '*.tmp')" ] || die "temporary files are left"
r=$WORK/a/report.json
[ "$(json "$r" 'd["totals"]["done"], d["totals"]["failed"], d["totals"]["films"]')" = "(4, 3, 7)" ] || die "totals in the report"
[ "$(json "$r" 'sorted((f["name"], f["fault"]) for f in d["films"] if f["status"] == "failed")')" = \
    "[('_empty', 'not-a-film'), ('cut', 'incomplete'), ('text', 'not-a-film')]" ] || die "failures in the report"
[ "$(json "$r" 'all(f["error"] for f in d["films"] if f["status"] == "failed")')" = True ] || die "a failure without a reason"
[ "$(wc -l <"$WORK/a/report.csv")" = 8 ] || die "the CSV does not have a line a film"
[ -s "$WORK/a/index.html" ] || die "no gallery"
grep -q '7 films found; passed over: 1 .dat, 1 .mod, 1 .srt;' "$WORK/err" || die "what is passed over is not told"
[ "$(json "$r" '[(s["suffix"], s["files"]) for s in d["passed_over"]["suffixes"]]')" = \
    "[('.dat', 1), ('.mod', 1), ('.srt', 1)]" ] || die "what is passed over is not in the report"

for name in one two long; do # the aspect ratio of each, as its side-car has it
    [ "$(json "$r" "[f['aspect'] for f in d['films'] if f['name'] == '$name']")" = "['$(json "$WORK/a/$name.json" 'd["look"]["aspect"]')']" ] ||
        die "the aspect ratio of $name is not in the report"
done
grep -q '^name,.*,height,aspect,codec,' "$WORK/a/report.csv" || die "no aspect ratio in report.csv"

# The folder where one is, however it is written: its films, and no others.
mkdir "$WORK/here" "$WORK/here/in"
cp "$films/two.mkv" "$WORK/here/in"
"${FFMPEG[@]}" -i "$films/two.mkv" -c:v mpeg2video -f vob "$WORK/here/in/camera.MOD"
cp "$films/two.mkv" "$WORK/here/outside.mkv"
for way in . ./ .// ././ .//. ".//$(printf '/%.0s' {1..5})"; do
    rm -rf "$WORK/ways"
    (cd "$WORK/here/in" && LIMIT=60 jacquard catalog "$way" --out "$WORK/ways" --backend "$BACKEND" --progress none --every 50f && echo "$RC" >"$WORK/rc")
    RC=$(cat "$WORK/rc")
    expect_code 0 "catalog $way"
    [ "$(json "$WORK/ways/report.json" '[f["path"] for f in d["films"]]')" = "['$WORK/here/in/camera.MOD', '$WORK/here/in/two.mkv']" ] ||
        die "catalog $way: $(json "$WORK/ways/report.json" '[f["path"] for f in d["films"]]')"
done

# Settings that leave nothing of a film: it can be read, and is not said to be at fault.
jacquard catalog "$WORK/here/in" --out "$WORK/nothing" --backend "$BACKEND" --progress none --crop 4000:0:0:0
expect_code 3 "a crop that leaves nothing"
[ "$(json "$WORK/nothing/report.json" 'sorted({(f["fault"], "leaves nothing of" in f["error"]) for f in d["films"]})')" = \
    "[('settings', True)]" ] || die "a crop that leaves nothing: $(cat "$WORK/nothing/report.csv")"
jacquard catalog "$WORK/here/in" --out "$WORK/nothing" --backend "$BACKEND" --progress none --every 50f --crop none
expect_code 0 "no crop"
[ "$(json "$WORK/nothing/report.json" '["aspect" in f for f in d["films"]]')" = "[False, False]" ] || die "an aspect ratio of side-cars that have none"

# The same as a barcode of its own.
barcode "$films/one.mp4" --every 5f -k 4 -o "$WORK/alone.png" --json "$WORK/alone.json"
expect_done "alone"
same_text "$WORK/alone.png" "$WORK/a/one.barcode.png"
same_text "$WORK/alone.json" "$WORK/a/one.json"

# Again: nothing is done again, failures stay failures and are still told.
results "$WORK/a" >"$WORK/before"
stamps() { (cd "$WORK/a" && stat -c '%n %y %i' ./*.png ./[!r]*.json); }
stamps >"$WORK/stamps"
collect "$WORK/a"
expect_code 3 "a rerun"
stamps | cmp -s - "$WORK/stamps" || die "a rerun wrote results again"
grep -q ' 0 films to do; 4 are done and sound, 3 failed before' "$WORK/err" || die "a rerun found something to do"

# What was damaged, has changed or was mended is done again, and nothing else.
printf 'x' | dd of="$WORK/a/one.barcode.png" bs=1 seek=100 conv=notrunc 2>/dev/null
jacquard verify "$WORK/a"
expect_code 5 "verify finds a damaged strip"
grep -q '^one: ' "$WORK/out" || die "verify does not name the film"
rm "$WORK/a/two.json"
cp "$films/two.mkv" "$films/text.mp4"
collect "$WORK/a" --retry-failed --exclude 'cut*' --exclude '*empty*'
expect_code 0 "damaged, lost and mended"
grep -q ' 3 films to do; 2 are done' "$WORK/err" || die "not exactly three were done again"
[ -s "$WORK/a/text.json" ] || die "a mended film was not done"
rm "$WORK/a/text".* "$films/text.mp4"
results "$WORK/a" | cmp -s - "$WORK/before" || die "what was done again came out different"
touch "$films/two.mkv"
collect "$WORK/a"
grep -q ' 1 films to do; 3 are done' "$WORK/err" || die "a film of a new time was not done again"
results "$WORK/a" | cmp -s - "$WORK/before" || die "the same film came out different"
# Ranks, worker processes, shares, pieces: the same bytes.
for ranks in 2 3; do
    run_any "${MPIRUN[@]}" -n $ranks "$JACQUARD" catalog "$films" --out "$WORK/r$ranks" --backend "$BACKEND" \
        --progress none --every 5f -k 4 --workers 2 --threads 2 --piece-time 0.05
    [ "$RC" = 3 ] || die "$ranks ranks: exit code $RC, not 3"
    results "$WORK/r$ranks" | cmp -s - "$WORK/before" || die "$ranks ranks made other results"
    grep -q '"kind":"piece","piece":0,' "$WORK/r$ranks"/journal/*.ndjson || die "$ranks ranks did not cut the long film"
done
for share in 1 2 3; do collect "$WORK/s" --share $share/3; done
results "$WORK/s" | cmp -s - "$WORK/before" || die "three shares made other results"
jacquard verify "$WORK/r3"
expect_code 0 "verify: all is well"

# Other settings are other results.
collect "$WORK/a" -k 3 --exclude 'cut*' --exclude '*empty*'
expect_code 0 "other settings"
results "$WORK/a" | cmp -s - "$WORK/before" && die "other settings gave the same results"

# Nothing that no catalogue has written is overwritten.
mkdir "$WORK/mine"
echo precious >"$WORK/mine/one.json"
collect "$WORK/mine"
expect_code 2 "a file of the user's"
[ "$(cat "$WORK/mine/one.json")" = precious ] || die "a file of the user's is gone"
[ ! -e "$WORK/mine/journal" ] || die "a refused run left a journal"

# The state of a catalogue
jacquard status "$WORK/r2"
expect_code 0 "status"
jacquard status --json "$WORK/r2"
[ "$(json "$WORK/out" 'd["done"], d["failed"], d["left"], d["exit_code"]')" = "(4, 2, 0, 3)" ] || die "status --json: $(cat "$WORK/out")"
jacquard status "$films"
expect_code 2 "status of a folder that is no catalogue"

# Its page and report, made again without a film: the same, what was passed over too.
mkdir "$WORK/shown"
for file in report.json report.csv index.html; do cp "$WORK/r2/$file" "$WORK/shown"; done
mv "$films" "$WORK/elsewhere"
rm "$WORK/r2/report.csv" "$WORK/r2/index.html"
jacquard gallery "$WORK/r2"
expect_code 0 "gallery"
[ "$(cat "$WORK/out")" = "$(printf '%s\n' "$WORK/r2/report.json" "$WORK/r2/report.csv" "$WORK/r2/index.html")" ] ||
    die "gallery: stdout is not the list of outputs"
for file in report.json report.csv index.html; do
    cmp "$WORK/r2/$file" "$WORK/shown/$file" || die "gallery: $file is another one"
done
echo '{"passed_over":{"files":1,"suffixes":[{"suffix":"\"x","files":1}],"others":0}}' >"$WORK/r2/report.json"
jacquard gallery "$WORK/r2"
expect_code 0 "gallery of a folder whose report is not ours"
[ "$(json "$WORK/r2/report.json" 'd["passed_over"]["files"], d["totals"]["done"]')" = "(0, 4)" ] || die "gallery: what the report says"
mv "$WORK/elsewhere" "$films"
jacquard gallery "$films"
expect_code 2 "gallery of a folder that is no catalogue"
[ ! -e "$films/report.json" ] || die "gallery wrote into a folder that is no catalogue"
echo "catalog: passed"
