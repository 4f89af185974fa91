#!/bin/bash
# watch.sh TEST_WATCH: a rank that is stopped or stuck, whichever it is, ends the job soon, with one line that names it
# and its host, and nothing is left of it; one that works or is made to wait does not.
set -u
test_watch=${1:?usage: watch.sh TEST_WATCH}
mpirun=${MPIRUN:-mpirun}
command -v "$mpirun" >/dev/null || { echo "skipped: $mpirun is not installed"; exit 77; }
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1
export OMPI_MCA_hwloc_base_binding_policy=none ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0"
work=$(mktemp -d "${TMPDIR:-/tmp}/jacquard-watch.XXXXXX")
trap 'rm -rf "$work"' EXIT
host=$(hostname)
n_failed=0

# start N MODE [RANK]: in the background, its output in a file of its own.
declare -A pid
start()
{
    local name=$*
    {
        SECONDS=0
        timeout -s KILL 60 "$mpirun" -n "$1" "$test_watch" "${@:2}" >"$work/$name.out" 2>"$work/$name.err" </dev/null
        echo "$? $SECONDS" >"$work/$name.rc"
    } 2>/dev/null &
    pid[$name]=$!
}

fault()
{
    echo "FAIL: $1: $2"
    cat "$work/$1.out" "$work/$1.err"
    n_failed=$((n_failed + 1))
}

# ends NAME TEXT: not well, within 20 s, with one line, which has TEXT in it. well NAME: the other thing.
ends()
{
    local rc took lines
    wait "${pid[$1]}"
    read -r rc took <"$work/$1.rc"
    lines=$(grep -c '^jacquard: error: ' "$work/$1.err")
    if [ "$rc" != 1 ] || [ "$took" -gt 20 ]; then
        fault "$1" "exit code $rc after $took s"
    elif [ "$lines" != 1 ] || ! grep -q "^jacquard: error: .*$2.*--rank-timeout" "$work/$1.err"; then
        fault "$1" "$lines lines, or none with '$2'"
    fi
}
well()
{
    local rc took
    wait "${pid[$1]}"
    read -r rc took <"$work/$1.rc"
    if [ "$rc" != 0 ] || [ "$(cat "$work/$1.out")" != "all well" ]; then fault "$1" "exit code $rc after $took s"; fi
}

start 3 stop 0
start 3 stop 2
start 2 end 1
start 2 stuck 0
start 3 stuck 1
start 3 apart
ends "3 stop 0" "rank 0 on $host is silent"
ends "3 stop 2" "rank 2 on $host is silent"
ends "2 end 1" "rank 1 on $host is silent"
ends "2 stuck 0" "rank 0 on $host is alive, but has done nothing for 2 s"
ends "3 stuck 1" "rank 1 on $host is alive, but has done nothing for 2 s"
ends "3 apart" "all 3 ranks have been waiting for each other for 2 s"
start 2 never 1
start 2 busy 0
start 3 busy 2
start 2 slow 1
start 2 rest 0
start 3 pause
for name in "2 never 1" "2 busy 0" "3 busy 2" "2 slow 1" "2 rest 0" "3 pause"; do well "$name"; done

# Whatever was stopped is gone too.
left=$(pgrep -f "$test_watch (stop|end|stuck)" | wc -l)
[ "$left" = 0 ] || { echo "FAIL: $left processes are left"; n_failed=$((n_failed + 1)); }

[ $n_failed = 0 ] && echo "watch.sh: all well"
[ $n_failed = 0 ]
