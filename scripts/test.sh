#!/bin/bash
# test: builds and runs all tests: the dev build (warnings are errors), the suite under the address and
# undefined-behaviour sanitizers, and, where clang is installed, its build with the tests of parts. One ctest run covers
# all, so its closing line is about all of it. Installs missing packages first. Temporary files lie in memory where there
# is room.
#
# usage: ./scripts/test.sh [--quick] [CTEST OPTIONS...]     --quick: the dev build only
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

presets=(dev asan clang)
if [ "${1:-}" = --quick ]; then
    presets=(dev)
    shift
fi
. scripts/packages.sh
packages_install
packages_install_for_tests
if ! command -v clang >/dev/null && [ ${#presets[@]} -gt 1 ]; then
    echo "test: clang is not installed: its build is left out"
    presets=(dev asan)
fi

for preset in "${presets[@]}"; do
    echo "test: building build/$preset"
    # A folder that another generator was used in is begun anew.
    cmake --preset "$preset" >/dev/null 2>&1 || cmake --fresh --preset "$preset" >/dev/null
    cmake --build "build/$preset"
done

# The tests' files: 2 GiB are more than all that run at a time have ever held.
if [ -z "${TMPDIR:-}" ] && [ -w /dev/shm ] && [ "$(df --output=avail -k /dev/shm | tail -1)" -gt $((2 << 20)) ]; then
    TMPDIR=$(mktemp -d /dev/shm/jacquard-tests.XXXXXX)
    export TMPDIR
    trap 'rm -rf "$TMPDIR"' EXIT
fi

# A ctest folder that holds the suites of all builds.
suite=build/tests-$(IFS=-; echo "${presets[*]}")
mkdir -p "$suite"
printf 'subdirs("%s")\n' "${presets[@]/#/$PWD/build/}" >"$suite/CTestTestfile.cmake"
# One test more than there are cores: a third of the time they wait for launchers, signals and clocks.
ctest --test-dir "$suite" --output-on-failure --no-tests=error -j "${CTEST_PARALLEL_LEVEL:-$(($(nproc) + 1))}" "$@"
