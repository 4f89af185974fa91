#!/bin/bash
# tidy: the sources are clean of what .clang-tidy asks for. With clang-tidy 14 only: each version finds other things.
#
# usage: tidy.sh BUILD        the build folder, whose compile_commands.json is used
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
tidy=clang-tidy-14
command -v $tidy >/dev/null || { echo "skipped: $tidy is not installed"; exit 77; }
[ -e "$1/compile_commands.json" ] || { echo "skipped: there is no $1/compile_commands.json"; exit 77; }
find src mpi -name '*.c' ! -name no_cuda.c -print0 | xargs -0 -n 8 -P 2 $tidy -p "$1" --quiet 2>"$1/tidy.log" ||
    { grep -v 'warnings generated' "$1/tidy.log"; exit 1; }
