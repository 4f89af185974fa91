#!/bin/bash
# quickstart: from a fresh checkout to a picture: installs what is missing, builds the program (where there is CUDA: for
# the GPUs of this machine, without any for all kinds), and makes the barcode of FILM, or of a demo film that it makes
# itself. Everything it makes is in build/release/ and quickstart/; a second run is quick.
#
# usage: ./scripts/quickstart.sh [FILM [JACQUARD BARCODE OPTIONS...]]
set -euo pipefail

case ${1:-} in -h | --help)
    echo "usage: ./scripts/quickstart.sh [FILM [JACQUARD BARCODE OPTIONS...]]"
    exit 0
    ;;
esac
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
film=${1:-}
[ $# = 0 ] || shift
if [ -n "$film" ]; then
    if [ ! -f "$film" ]; then
        echo "quickstart: error: $film is not a file" >&2
        exit 2
    fi
    film=$(realpath -- "$film") # before the folder changes
fi
cd "$root"
. scripts/packages.sh
packages_install

# The compute capabilities of the GPUs here that can be used, as CMake wants them: 80;90. Empty: no GPU, or no word of it.
gpu_architectures() {
    { nvidia-smi --query-gpu=compute_cap --format=csv,noheader 2>/dev/null || true; } | tr -d ' .' |
        awk '/^[0-9]+$/ && $1 >= 70' | sort -nu | paste -sd ';'
}
architectures=$(gpu_architectures)
log=build/quickstart.log
mkdir -p build quickstart
configure() { cmake "$@" --preset release ${architectures:+"-DCMAKE_CUDA_ARCHITECTURES=$architectures"}; }
failed() {
    tail -30 "$log" >&2
    echo "quickstart: error: the build failed; all of it is in $root/$log" >&2
    exit 1
}
configure >"$log" 2>&1 || configure --fresh >"$log" 2>&1 || failed # a folder that another generator was used in
case $(sed -n 's/^-- jacquard: //p' "$log") in
"CUDA ON"*) for_what="CPU and GPU, ${architectures:+that of this machine (compute capability ${architectures//;/, })}"
    for_what=${for_what/%, /, of all kinds, as there is none here} ;;
*) for_what="the CPU alone: no CUDA toolkit was found" ;;
esac
echo "quickstart: building jacquard for $for_what, in build/release"
cmake --build build/release --target jacquard >>"$log" 2>&1 || failed
echo "quickstart: built in $SECONDS s"

if [ -z "$film" ]; then
    film=$root/quickstart/demo.mp4
    if [ ! -s "$film" ]; then
        echo "quickstart: making a demo film, quickstart/demo.mp4"
        scripts/demo_film.sh "$film"
    fi
    [ $# != 0 ] || set -- --every 1f # 40 seconds are short: a column for every frame
fi

name=${film##*/}
name=${name%.*}
picture=$root/quickstart/$name.barcode.png
jacquard=$(find build/release -type f -name jacquard -perm -u+x -print -quit)
"$jacquard" barcode -o "$picture" --json "$root/quickstart/$name.json" --force "$@" -- "$film" >/dev/null

echo
echo "The barcode: $picture"
echo "Its numbers: $root/quickstart/$name.json"
echo "More: $root/$jacquard barcode --help"
