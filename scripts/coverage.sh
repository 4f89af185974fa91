#!/bin/bash
# coverage: which lines of src/ the unit and backend tests run, by gcc and gcov: per folder and in total. Lines of inline
# functions count once, in whichever source they ran. The files, with the lines that never ran, are in
# build/coverage/lines.txt.
#
# usage: ./scripts/coverage.sh [FLOOR]      FLOOR: percent in total, below which the exit code is 1
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
floor=${1:-0}
build=build/coverage
cmake --preset coverage >/dev/null
cmake --build "$build" >"$build/build.log" || { tail -30 "$build/build.log" >&2; exit 1; }
find "$build" -name '*.gcda' -delete
ctest --test-dir "$build" -L 'unit|backend' -j "${CTEST_PARALLEL_LEVEL:-$(nproc)}" --output-on-failure >"$build/tests.log" ||
    { cat "$build/tests.log" >&2; exit 1; }

find "$PWD/$build" -name '*.gcno' -path '*/jacquard_*.dir/*' -print0 | (cd "$build" && xargs -0 gcov --json-format --stdout 2>gcov.log) |
    python3 -c '
import collections
import json
import os
import sys

ran = collections.defaultdict(dict) # by file: line -> whether it ran in any source
for text in sys.stdin:
    document = json.loads(text)
    for file in document["files"]:
        path = os.path.relpath(os.path.join(document["current_working_directory"], file["file"]))
        if path.startswith("src/"):
            lines = ran[path]
            for line in file["lines"]:
                n = line["line_number"]
                lines[n] = lines.get(n, False) or line["count"] > 0
folders = collections.defaultdict(lambda: [0, 0])
with open(sys.argv[2], "w") as out:
    for path, lines in sorted(ran.items()):
        n_ran = sum(lines.values())
        print(f"{100 * n_ran / len(lines):5.1f} % of {len(lines):4} {path}:", *(n for n, r in sorted(lines.items()) if not r), file=out)
        for folder in (os.path.dirname(path), "in total"):
            folders[folder][0] += n_ran
            folders[folder][1] += len(lines)
for folder, (n_ran, n) in sorted(folders.items(), key=lambda f: (f[0] == "in total", f[0])):
    print(f"{100 * n_ran / n:5.1f} % of {n:5} lines  {folder}")
n_ran, n = folders["in total"]
if 100 * n_ran < float(sys.argv[1]) * n:
    sys.exit(f"coverage: below {sys.argv[1]} %")
' "$floor" "$build/lines.txt"
