#!/bin/bash
# network: ranks on two hosts that only a network joins, 20 ms long each way and 1 Gbit/s wide, give the same bytes as
# one process without a launcher: barcodes, catalogues, counts, models; and none of it takes for ever.
set -euo pipefail
export TMPDIR=/tmp # each host has a /dev/shm of its own
. "$(dirname "$0")/lib.sh"
. "$E2E/mpi.sh"
. "$TOOLS/two_hosts.sh"
# Whatever goes wrong, nothing is left.
trap 'two_hosts_close; rm -rf "$WORK"' EXIT
need ffmpeg mpirun python3
mkdir "$WORK/hosts.d"
two_hosts_open "$WORK/hosts.d" || skip "$TWO_HOSTS_WHY"
two_hosts_link 20 1000 || skip "$TWO_HOSTS_WHY"
echo "two hosts joined by $TWO_HOSTS_CABLE, 20 ms each way: $(two_hosts_measure)"
LIMIT=120

# In a sanitizer build, leaks are looked for in runs without a launcher.
no_leaks=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0
# on_hosts BYTES WHAT ARGUMENTS...: a rank on each; done, and at least BYTES went over the cable.
on_hosts() {
    local least=$1 what=$2 before began=$SECONDS
    shift 2
    before=$(two_hosts_bytes)
    run_any env "ASAN_OPTIONS=$no_leaks" "${TWO_HOSTS_MPIRUN[@]}" --host host-a,host-b "$JACQUARD" "$@"
    expect_done "$what on two hosts"
    BYTES=$(($(two_hosts_bytes) - before))
    [ "$BYTES" -ge "$least" ] || die "$what: only $BYTES bytes went over the cable"
    echo "$what: $BYTES bytes over the cable, $((SECONDS - began)) s"
}

jacquard info
expect_done "info"
on_hosts 1 "info" info
for host in host-a host-b; do
    [[ $(cat "$WORK/out") == *" of 2 on $host (0 of 1 there)"* ]] || die "no rank stands alone on $host"
done

# ---- films ----

film "$WORK/film.mp4" 20
for way in one two; do
    options=(barcode "$WORK/film.mp4" --every 5f -k 5 -o "$WORK/$way.png" --json "$WORK/$way.json"
        --frame-hashes "$WORK/$way.txt" --backend "$BACKEND" --progress none --threads 1)
    if [ $way = one ]; then jacquard "${options[@]}"; else on_hosts 10000 "barcode" "${options[@]}"; fi
    expect_done "barcode"
done
for kind in png json txt; do same_text "$WORK/one.$kind" "$WORK/two.$kind"; done

mkdir "$WORK/films"
for i in 1 2 3 4; do film "$WORK/films/film$i.mp4" $i; done
for way in one two; do
    options=(catalog "$WORK/films" --out "$WORK/$way.d" --every 5f -k 4 --workers 1 --backend "$BACKEND" --progress none
        --threads 1)
    if [ $way = one ]; then jacquard "${options[@]}"; else on_hosts 1000 "catalog" "${options[@]}"; fi
    expect_done "catalog"
    jacquard verify "$WORK/$way.d"
    expect_done "verify"
done
n=0
for file in "$WORK"/one.d/film*; do
    same_text "$file" "$WORK/two.d/${file##*/}"
    n=$((n + 1))
done
[ $n = 8 ] || die "a catalogue of 4 films has $n files of films, not 8"

# ---- images ----

python3 "$TOOLS/shapes.py" "$WORK/s" 200 1 --side 12 --classes 4
IMAGES=(--images "$WORK/s-images.idx" --backend "$BACKEND" --progress none --threads 1)
LEARN=(train "${IMAGES[@]}" --labels "$WORK/s-labels.idx" --search lazy:50 --leaves 4 --rounds 4 --log "$WORK/log"
    --validation 20 --force -o "$WORK/model")

# What the JSON says, but for times.
facts() { json "$1" '{k: v for k, v in d.items() if k != "seconds"}'; }
for way in one two; do
    options=(scan "${IMAGES[@]}" --threshold 60 -o "$WORK/records" --json "$WORK/$way.json" --force)
    if [ $way = one ]; then jacquard "${options[@]}"; else on_hosts 10000 "scan" "${options[@]}"; fi
    expect_done "scan"
    mv "$WORK/records" "$WORK/$way.records"
    cp "$WORK/out" "$WORK/$way.said"
done
for what in records said; do same_text "$WORK/one.$what" "$WORK/two.$what"; done
[ "$(facts "$WORK/one.json")" = "$(facts "$WORK/two.json")" ] || die "scan: another JSON"

jacquard "${LEARN[@]}"
expect_done "train"
mv "$WORK/model" "$WORK/one.model"
cp "$WORK/out" "$WORK/said"
for shard in data features; do
    on_hosts 10000 "train, shards of $shard" "${LEARN[@]}" --shard $shard
    same_text "$WORK/one.model" "$WORK/model"
    same_text "$WORK/said" "$WORK/out"
done
echo "all of it the same bytes as without a launcher"
