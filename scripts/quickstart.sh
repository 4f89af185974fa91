#!/bin/bash
# quickstart: from a fresh checkout to a picture: installs what is missing, builds, and makes the barcode of FILM,
# or of a demo film that it makes itself. Everything it makes is in build/release/ and quickstart/; a second run is
# quick.
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

echo "quickstart: building in build/release"
log=build/quickstart.log
mkdir -p build quickstart
if ! { cmake --preset release && cmake --build build/release; } >"$log" 2>&1; then
    tail -30 "$log" >&2
    echo "quickstart: error: the build failed; all of it is in $root/$log" >&2
    exit 1
fi

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
