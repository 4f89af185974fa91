#!/bin/bash
# codecs: clips of every video codec that this ffmpeg can encode, in the containers that take it, with and without the
# containers' key index and with false key flags: what a container calls a key frame is never believed, so every sampled
# frame is, by hash of its decoded planes, the one of a plain sequential decode, on any number of threads and ranks.
# As a test: a choice. --all: everything, half an hour on 2 cores. Other options: see codings.py.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/mpi.sh"
need ffmpeg python3
[ -n "${SEQDECODE:-}" ] || die "SEQDECODE is not set: the sequential decoder to compare with"
[ -n "${REMUX:-}" ] || die "REMUX is not set: the program that falsifies key flags"
export JACQUARD SEQDECODE REMUX BACKEND MPIRUN
folder=$WORK
case " $* " in
*" --keep "*)
    folder=$(mktemp -d "${TMPDIR:-/tmp}/jacquard-codecs.XXXXXX")
    echo "clips stay in $folder"
    ;;
esac

MPIRUN=${MPIRUN[*]} python3 "$E2E/codings.py" "$@" "$folder"
