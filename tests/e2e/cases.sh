#!/bin/bash
# cases: films of the kinds that once went wrong, made here, a few seconds each: frames drawn upon wrong ones, pauses
# taken for losses, losses taken for pauses, films whose reading fails midway. What is right for each stands in
# cases.py; on any number of threads and ranks. --only REGEX picks some, --keep leaves them.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/mpi.sh"
need ffmpeg python3
[ -n "${SEQDECODE:-}" ] || die "SEQDECODE is not set: the sequential decoder to compare with"
[ -n "${REMUX:-}" ] || die "REMUX is not set: the program that makes holes"
export JACQUARD SEQDECODE REMUX BACKEND
folder=$WORK
case " $* " in
*" --keep "*)
    folder=$(mktemp -d "${TMPDIR:-/tmp}/jacquard-cases.XXXXXX")
    echo "films stay in $folder"
    ;;
esac

MPIRUN=${MPIRUN[*]} python3 "$E2E/cases.py" "$@" "$folder"
