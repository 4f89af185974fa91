#!/bin/bash
# check_layers: holds the sources to the architecture: one foreign library, one place; includes go down the layers only,
# and in a layer from folder to folder without a circle; the two halves know nothing of each other; nothing unfinished is
# called done.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
failed=0

fault() {
    echo "layers: $*"
    failed=1
}

# only PATTERN PLACES...: files that include PATTERN lie in PLACES.
only() {
    local pattern=$1 file
    shift
    while read -r file; do
        for place in "$@"; do
            [[ $file == $place ]] && continue 2
        done
        fault "$file includes $pattern, which belongs to: $*"
    done < <(grep -lrE "#include <$pattern" src mpi kernels || true)
}
only 'mpi\.h' 'mpi/comm_mpi*'
only 'nccl\.h' mpi/comm_nccl.c
only 'cuda' 'kernels/*' mpi/comm_nccl.c
only 'libav|libsw' 'src/film/*'
only 'png\.h' src/image/png.c
only 'zlib\.h' src/haar/data/idx.c src/bench/bench_io.c
only 'jansson\.h' src/barcode/sidecar_read.c src/barcode/settings.c src/catalog/store/event.c src/catalog/store/field.h src/catalog/show/report.c

# A layer may include itself and what is named here.
declare -A may=(
    [src/base]="base"
    [src/image]="base image"
    [src/compute]="base image compute"
    [kernels]="base image compute kernels"
    [src/film]="base image film"
    [mpi]="base mpi"
    [src/job]="base image compute mpi job"
    [src/barcode]="base image compute film mpi job barcode"
    [src/haar]="base image compute mpi job haar"
    [src/catalog]="base image compute film mpi job barcode catalog"
    [src/bench]="base image compute film mpi job barcode haar bench"
    [src/cli]="base image compute film mpi job barcode catalog haar bench cli"
)
for layer in "${!may[@]}"; do
    while IFS=: read -r file include; do
        into=${include%%/*}
        [[ " ${may[$layer]} " == *" $into "* ]] || fault "$file includes $include: $layer may use ${may[$layer]}"
    done < <(grep -roE '#include "[a-z_]+/' "$layer" | sed -E 's/#include "//' || true)
done

# Inside a layer a folder is a place; a file beside folders, with its header, is one too.
places='function place(path, part, n) {
    sub(/\.(c|h|cu|cuh)$/, "", path)
    n = split(path, part, "/")
    return part[1] "/" part[2]
}
{ from = place($1); to = place($2); if (from != to) print from, to }'
for layer in src/*/ kernels/; do
    name=$(basename "$layer")
    circle=$({ grep -roE "#include \"$name/[^\"]+" "$layer" || true; } | sed -E 's,^src/,,; s,:#include ", ,' | awk "$places" | sort -u |
        { tsort 2>&1 >/dev/null || true; } | sed -n 's,^tsort: \([^ ]*/[^ ]*\)$,\1,p' | tr '\n' ' ')
    [ -z "$circle" ] || fault "a circle in $layer: $circle"
done

while read -r line; do
    fault "unfinished: $line"
done < <(grep -rnwE 'TODO|FIXME|XXX' src mpi kernels || true)

[ $failed = 0 ] && echo "layers: sound"
exit $failed
