#!/bin/bash
# cases: films of the kinds that once went wrong, made here, a few seconds each: frames drawn upon wrong ones, pauses
# taken for losses, losses taken for pauses, films whose reading fails midway. What is right for each stands in
# cases.py; on any number of threads and ranks. --only REGEX picks some, --keep leaves them.
set -euo pipefail
. "$(dirname "$0")/clips.sh"
run_clips cases.py "$@"
