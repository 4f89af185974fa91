#!/bin/bash
# memory: how much host memory `jacquard barcode --backend cpu` takes at its peak, by threads, and whether a longer film
# takes more. Measured for films that are named, and for generated ones of 3840x2160 at 25 frames a second: H.264 as an
# encoder makes it by default, H.264 with 16 reference frames, and HEVC of 10 bits. They are a clip of 4 s repeated
# without encoding again, with a key frame a second, so that there is a part for every thread. Peak: the resident set's
# high-water mark, programs' and libraries' pages included; of several ranks the largest one.
#
# A line for each film and number of threads: MB at the peak, MB for each thread more than in the line above, and
# whether it is below LIMIT (default 2000 MB; MB are 10^6 bytes). Then for each kind of film the peak of the longest
# over that of the shortest. Exit code 1 if a peak is above LIMIT, or the longest takes a tenth more than the shortest.
#
# Run: memory.sh JACQUARD [FILM...]
#      KINDS='default refs hevc10' SECONDS_LONG='20 120 480' THREADS='2 8 16' RANKS=1 SAMPLING='--every 24f' LIMIT=2000 \
#          memory.sh ...
# SAMPLING='--columns 83' decodes a tenth of the longest film, yet every decoder gets deep into some part. KINDS= leaves
# the generated films out.
set -euo pipefail
[ $# -ge 1 ] || { echo "usage: $0 JACQUARD [FILM...]" >&2; exit 2; }
JACQUARD=$(realpath "$1")
shift
read -ra THREADS <<<"${THREADS:-2 8 16}"
read -ra LENGTHS <<<"${SECONDS_LONG:-20 120 480}"
read -ra KINDS <<<"${KINDS-default refs hevc10}"
RANKS=${RANKS:-1} LIMIT=${LIMIT:-2000}
read -ra SAMPLING <<<"${SAMPLING:---every 24f}"
WORK=$(mktemp -d "${TMPDIR:-/tmp}/jacquard-bench.XXXXXX")
trap 'rm -rf "$WORK"' EXIT
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1
FFMPEG=(ffmpeg -nostdin -hide_banner -v error -y)
LAUNCHER=()
[ "$RANKS" = 1 ] || LAUNCHER=(mpirun --bind-to none -n "$RANKS")

# Runs a program and appends its peak in bytes to a file. What Python takes before it becomes the program, 10 MB, is far
# below any peak here.
cat >"$WORK/peak.py" <<'END_PY'
import os, resource, subprocess, sys
code = subprocess.run(sys.argv[2:]).returncode
peak = 1024 * resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
os.write(os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT), b"%d\n" % peak)
sys.exit(code)
END_PY

failed=0
# measure NAME FILM: its lines; the peaks go to $WORK/NAME.
measure() {
    local name=$1 film=$2 threads before='' before_threads=0 peak frames
    frames=$(ffprobe -v error -select_streams v:0 -count_packets -show_entries stream=nb_read_packets -of csv=p=0 "$film")
    for threads in "${THREADS[@]}"; do
        rm -f "$WORK/peaks"
        "${LAUNCHER[@]}" python3 "$WORK/peak.py" "$WORK/peaks" "$JACQUARD" barcode "$film" -o "$WORK/out.png" --force \
            --backend cpu --threads "$threads" "${SAMPLING[@]}" --progress none >"$WORK/log" 2>&1 ||
            { tail -n 3 "$WORK/log" >&2; return 1; }
        peak=$(sort -n "$WORK/peaks" | tail -n 1)
        echo "$peak" >>"$WORK/$name"
        awk -v name="$name" -v frames="${frames%%,*}" -v t="$threads" -v t0="$before_threads" -v p="$peak" -v p0="$before" \
            -v limit="$LIMIT" 'BEGIN {
                more = p0 == "" ? "" : sprintf("%.0f", (p - p0) / (t - t0) / 1e6)
                printf "%-34s %8s %8d %9.0f %12s   %s\n", name, frames, t, p / 1e6, more, p / 1e6 < limit ? "yes" : "NO" }'
        [ "$peak" -lt $((LIMIT * 1000000)) ] || failed=1
        before=$peak before_threads=$threads
    done
}

# make KIND ENCODER OPTIONS...: $WORK/KIND.SECONDS.mp4 of all lengths, by repetition.
make() {
    local kind=$1 seconds
    shift
    "${FFMPEG[@]}" -f lavfi -i testsrc2=s=3840x2160:r=25:d=4 -g 25 -c:v "$@" "$WORK/clip.mp4"
    for seconds in "${LENGTHS[@]}"; do
        "${FFMPEG[@]}" -stream_loop -1 -i "$WORK/clip.mp4" -t "$seconds" -c copy "$WORK/$kind.$seconds.mp4"
    done
}

printf '%-34s %8s %8s %9s %12s   %s\n' film frames threads "peak, MB" "a thread, MB" "< $LIMIT MB"
for film in "$@"; do measure "$(basename "$film")" "$film"; done
for kind in "${KINDS[@]}"; do
    case $kind in
    default) make "$kind" libx264 -preset veryfast -pix_fmt yuv420p ;;
    refs)
        make "$kind" libx264 -preset superfast -bf 0 -refs 16 -x264-params me=dia:subme=0:rc-lookahead=0:no-mbtree=1 \
            -pix_fmt yuv420p
        ;;
    hevc10) make "$kind" libx265 -preset ultrafast -x265-params log-level=none -pix_fmt yuv420p10le ;;
    *) echo "$0: KINDS: no kind $kind" >&2 && exit 2 ;;
    esac
    for seconds in "${LENGTHS[@]}"; do measure "4K-$kind-${seconds}s" "$WORK/$kind.$seconds.mp4"; done
    paste "$WORK/4K-$kind-${LENGTHS[0]}s" "$WORK/4K-$kind-${LENGTHS[-1]}s" >"$WORK/growth"
    awk -v what="4K-$kind, ${LENGTHS[-1]} s over ${LENGTHS[0]} s:" \
        '{ what = what sprintf(" %.2f", $2 / $1); grows += $2 > 1.1 * $1 } END { print what; exit grows > 0 }' \
        "$WORK/growth" || failed=1
done
exit $failed
