#!/bin/bash
# Films that crash the decoder, hang it, eat the memory: none costs another film or the run, each is told with its
# reason, what may have been bad luck is tried again, what brings decoders down stays quarantined.
# FAULTS: the library of tests/tools/faults.c.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$E2E/mpi.sh"
need ffmpeg python3
[ -e "${FAULTS:-}" ] || skip "FAULTS names no library (tests/tools/faults.c)"

films=$WORK/films
mkdir -p "$films"
film "$WORK/base.mkv" 4
for kind in good-1 good-2 good-3 fault-crash fault-abort fault-late fault-hang fault-spin fault-bomb fault-once fault-kill; do
    "${FFMPEG[@]}" -i "$WORK/base.mkv" -c copy -metadata title=$kind "$films/$kind.mkv"
done
# With the library in front; a sanitized program wants to know that it comes before its own.
collect() {
    run_any env LD_PRELOAD="$FAULTS" FAULT_ONCE="$WORK/out.d/once.tmp" ASAN_OPTIONS="${ASAN_OPTIONS:-}:verify_asan_link_order=0" \
        "${LAUNCH[@]}" "$JACQUARD" catalog "$films" --out "$WORK/out.d" --backend "$BACKEND" --progress none --every 5f -k 4 \
        --tries 2 --film-timeout 8 --film-memory 600M --workers 2 --threads 2 "$@"
}
states() {
    python3 - "$WORK/out.d/report.json" <<'P'
import json, sys
for f in sorted(json.load(open(sys.argv[1]))["films"], key=lambda f: f["name"]):
    print(f["name"], f["status"], f.get("fault") or "")
P
}

cat >"$WORK/wanted" <<'T'
fault-abort quarantined crash
fault-bomb failed memory
fault-crash quarantined crash
fault-hang failed timeout
fault-kill failed killed
fault-late quarantined crash
fault-once done 
fault-spin failed timeout
good-1 done 
good-2 done 
good-3 done 
T
LAUNCH=()
LIMIT=300 collect
[ "$RC" = 3 ] || die "exit code $RC, not 3"
states >"$WORK/found"
same_text "$WORK/wanted" "$WORK/found"
[ -z "$(pgrep -f "$WORK/out.d" || true)" ] || die "processes are left"
json "$WORK/out.d/report.json" '[f["error"] for f in d["films"] if f["name"] == "fault-crash"][0]' | grep -q 'Segmentation fault' ||
    die "the reason of a crash is not told"

# The good ones are as good as without bad company.
for n in 1 2 3; do
    barcode "$films/good-$n.mkv" --every 5f -k 4 -o "$WORK/alone.png" --json "$WORK/alone.json" --force
    same_text "$WORK/alone.json" "$WORK/out.d/good-$n.json"
done

# A rerun touches none of them; --retry-failed does, and what is mended by then gets done.
collect
[ "$RC" = 3 ] || die "a rerun: exit code $RC, not 3"
grep -q ' 0 films to do; 4 are done and sound, 7 failed before' "$WORK/err" || die "a rerun tried bad films again"
jacquard catalog "$films" --out "$WORK/out.d" --backend "$BACKEND" --progress none --every 5f -k 4 --retry-failed
[ "$RC" = 0 ] || die "without the faults: exit code $RC, not 0"

# The same on two ranks.
if command -v "${MPIRUN[0]}" >/dev/null; then
    rm -rf "$WORK/out.d"
    LAUNCH=("${MPIRUN[@]}" -n 2)
    LIMIT=300 collect
    [ "$RC" = 3 ] || die "two ranks: exit code $RC, not 3"
    states >"$WORK/found"
    same_text "$WORK/wanted" "$WORK/found"
fi
echo "catalog_faults: passed"
