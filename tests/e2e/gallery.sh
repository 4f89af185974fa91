#!/bin/bash
# gallery: a catalogue's page in a real browser (headless Chromium): what it shows under the pointer, sorting, searching,
# the keyboard, the large view, light and dark, names that want to be dangerous, nothing asked of a network, and how fast
# it opens with 2,000 films. With a folder as its argument: that catalogue's page instead.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
need python3 chromium chromedriver # Debian: packages chromium, chromium-driver
export TMPDIR=$WORK

browse() { timeout -k 10 "${LIMIT:-300}" python3 "$E2E/gallery.py" "$@" || die "gallery.py $*"; }

if [ $# -gt 0 ]; then
    [ -f "$1/index.html" ] || die "$1/index.html does not exist"
    browse any "$1"
    browse load "$1"
    exit 0
fi

[ -x "${GALLERY_FILMS:-}" ] || skip "GALLERY_FILMS is not set: the path of tests/tools/gallery_films"
for films in odd 0 1 2000; do
    "$GALLERY_FILMS" "$WORK/$films" "$films" || die "gallery_films $films"
done
browse odd "$WORK/odd"
browse any "$WORK/0"
browse any "$WORK/1"
browse load "$WORK/2000"

# The test itself sees what is amiss.
rm "$WORK/odd/film 2.barcode.png"
if timeout -k 10 60 python3 "$E2E/gallery.py" any "$WORK/odd" >"$WORK/out" 2>&1; then
    die "a picture that is not there was not noticed"
fi
