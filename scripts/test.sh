#!/bin/bash
# test: builds and runs all tests: the dev build (warnings are errors) and the same suite under the address and
# undefined-behaviour sanitizers. One ctest run covers both, so its closing line is about all of it. Installs
# missing packages first.
#
# usage: ./scripts/test.sh [--quick] [CTEST OPTIONS...]     --quick: the dev build only
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

presets=(dev asan)
if [ "${1:-}" = --quick ]; then
    presets=(dev)
    shift
fi
. scripts/packages.sh
packages_install
packages_install_for_tests

for preset in "${presets[@]}"; do
    echo "test: building build/$preset"
    cmake --preset "$preset" >/dev/null
    cmake --build "build/$preset"
done

# A ctest folder that holds the suites of both builds.
suite=build/tests-$(IFS=-; echo "${presets[*]}")
mkdir -p "$suite"
printf 'subdirs("%s")\n' "${presets[@]/#/$PWD/build/}" >"$suite/CTestTestfile.cmake"
# One test more than there are cores: a third of the time they wait for launchers, signals and clocks.
ctest --test-dir "$suite" --output-on-failure --no-tests=error -j "${CTEST_PARALLEL_LEVEL:-$(($(nproc) + 1))}" "$@"
