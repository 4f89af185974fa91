# catalog_lib: films, the catalogue that is made of them undisturbed, and comparison with it. Sourced after lib.sh.
# shellcheck shell=bash disable=SC2034
need ffmpeg pgrep
FILMS=$WORK/films
REFERENCE=$WORK/reference
# Slow for their size, so that there is something to interrupt.
BARCODE=(--backend "$BACKEND" --every 1f -k 8 --plain --n-init 4)
SLOWLY=("${BARCODE[@]}" --workers 1 --threads 1 --progress none)

# make_films N: all different, a dozen seconds each.
make_films() {
    local i
    mkdir "$FILMS"
    for ((i = 1; i <= $1; i++)); do
        film "$FILMS/film$i.mp4" "$((10 + i % 3)).$i" -vf "hue=h=$((i * 25))"
    done
    N_FILMS=$1
}

make_reference() {
    jacquard catalog "$FILMS" --out "$REFERENCE" "${BARCODE[@]}" --threads 2 --progress none
    expect_done "the undisturbed catalogue"
    expect_done_films "$REFERENCE"
}

# How many films are done in a folder of results.
n_done() { { find "$1" -maxdepth 1 -name '*.barcode.png' 2>/dev/null || true; } | wc -l; }
has_done() { [ "$(n_done "$1")" -ge "$2" ]; }

expect_done_films() { [ "$(n_done "$1")" = "$N_FILMS" ] || die "$1: $(n_done "$1") films are done, not $N_FILMS"; }

# results FOLDER: the names of all files in it, less what tells of runs.
results() { find "$1" -type f -not -path '*/journal/*' -printf '%P\n' | sort; }

# same_catalog FOLDER WHAT: every film's picture and side-car are the bytes of the undisturbed catalogue's, nothing is
# left over, and the program itself finds nothing off.
same_catalog() {
    local name
    expect_done_films "$1"
    diff <(results "$REFERENCE") <(results "$1") || die "$2: other files than in an undisturbed catalogue"
    for name in $(cd "$REFERENCE" && ls ./*.barcode.png); do
        cmp -s "$REFERENCE/$name" "$1/$name" || die "$2: another picture: $name"
        name=${name%.barcode.png}.json
        same_text "$REFERENCE/$name" "$1/$name"
    done
    jacquard verify "$1"
    expect_done "$2: verify"
}

# ranks_of JOB: their processes, one a line, in order.
ranks_of() {
    local pid all
    for pid in $(pgrep -x "$(basename "$JACQUARD" | head -c 15)"); do
        all=$'\n'$(tr '\0' '\n' 2>/dev/null <"/proc/$pid/environ")$'\n' || continue
        [[ $all == *$'\n'"SLURM_CONF=$SLURM_CONF"$'\n'* && $all == *$'\n'"SLURM_JOB_ID=$1"$'\n'* ]] || continue
        [[ $all =~ $'\n'SLURM_PROCID=([0-9]+)$'\n' ]] && echo "${BASH_REMATCH[1]} $pid"
    done | sort -n | cut -d ' ' -f 2
}

# freeze JOB: its ranks hear of everything, but their worker processes stand still, so that the work is not over before what is to
# interrupt it has come; thaw: they go on, unless Slurm has woken them (it does before it ends a step). WORKERS.
freeze() {
    local ranks
    mapfile -t ranks < <(ranks_of "$1")
    [ ${#ranks[@]} != 0 ] || die "job $1 has no ranks that could be interrupted"
    mapfile -t WORKERS < <(pgrep -P "$(IFS=,; echo "${ranks[*]}")")
    [ ${#WORKERS[@]} -ge ${#ranks[@]} ] || die "${#ranks[@]} ranks have ${#WORKERS[@]} worker processes"
    kill -STOP "${WORKERS[@]}" || die "the worker processes are gone"
}
thaw() { kill -CONT "${WORKERS[@]}" 2>/dev/null || true; }

# is_gone JOB: no rank of it is left, and none of WORKERS.
is_gone() {
    local pid
    [ -z "$(ranks_of "$1")" ] || return 1
    for pid in "${WORKERS[@]}"; do
        ! grep -qs '^State:.[^ZX]' "/proc/$pid/status" || return 1
    done
}
