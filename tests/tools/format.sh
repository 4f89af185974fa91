#!/bin/bash
# format: all C and CUDA sources are as clang-format 14 writes them by .clang-format. (Another version writes other
# things.)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
command -v clang-format-14 >/dev/null || { echo "skipped: clang-format-14 is not installed"; exit 77; }
mapfile -t files < <(find src kernels mpi tests -name '*.[ch]' -o -name '*.cu' -o -name '*.cuh')
clang-format-14 --dry-run -Werror "${files[@]}"
echo "${#files[@]} files"
