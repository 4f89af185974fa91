#!/bin/bash
# codecs: clips of every video codec that this ffmpeg can encode, in the containers that take it, with and without the
# containers' key index and with false key flags: what a container calls a key frame is never believed, so every sampled
# frame is, by hash of its decoded planes, the one of a plain sequential decode, on any number of threads and ranks.
# As a test: a choice. --all: everything, half an hour on 2 cores. Other options: see codings.py.
set -euo pipefail
. "$(dirname "$0")/clips.sh"
run_clips codings.py "$@"
