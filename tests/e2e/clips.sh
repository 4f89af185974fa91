# clips: runs a test that is written with clips.py, in a folder that --keep leaves. Sourced, never run.
# shellcheck shell=bash
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$E2E/mpi.sh"
need ffmpeg python3
[ -n "${SEQDECODE:-}" ] || die "SEQDECODE is not set: the sequential decoder to compare with"
[ -n "${REMUX:-}" ] || die "REMUX is not set: the program that falsifies key flags and makes holes"
export JACQUARD SEQDECODE REMUX BACKEND

# run_clips SCRIPT OPTIONS...
run_clips() {
    local script=$1 folder=$WORK
    shift
    case " $* " in
    *" --keep "*)
        folder=$(mktemp -d "${TMPDIR:-/tmp}/jacquard-clips.XXXXXX")
        echo "films stay in $folder"
        ;;
    esac
    MPIRUN=${MPIRUN[*]} python3 "$E2E/$script" "$@" "$folder"
}
