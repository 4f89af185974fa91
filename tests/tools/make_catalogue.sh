#!/bin/bash
# make_catalogue: a film collection for tests, made by ffmpeg: films of several codecs, containers, sizes and lengths in
# a tree of folders, awkward names among them, and about 7 % that cannot be read whole, each in a known way. The same
# arguments and the same ffmpeg give the same bytes. No two whole films are alike.
#
# usage: make_catalogue.sh [--long] [--expected FILE] OUT N [SEED]
#
# OUT must not exist or be empty; N films, whole or not; SEED is a number (default 1). --long: one film in forty, the
# first among them, lasts 2 to 10 minutes; else 1 to 30 s. FILE (default: expected.tsv beside OUT) gets a line for each
# film, sorted: its path below OUT, a tab, and "ok" or the fault that a catalogue's journal is to name (unreadable,
# not-a-film, incomplete). Backslashes, control bytes and bytes that are no ASCII are written as \xHH: printf %b
# turns them back. Beside the N there is what must not be taken for films: a folder named like one, subtitles, a hidden
# file. Mode 000 is used where it stops the reader, so not for root. Exit code 77: this ffmpeg cannot do it.
# shellcheck disable=SC2086,SC2206 # what stands in $exact and $encoder are several words
set -euo pipefail
export LC_ALL=C

long=0 expected=
while [[ ${1-} == --* ]]; do
    case $1 in
    --long) long=1 ;;
    --expected) expected=$2 && shift ;;
    *) echo "unknown option $1" >&2 && exit 2 ;;
    esac
    shift
done
if [[ $# -lt 2 || ! $2 =~ ^[0-9]+$ || ! ${3-1} =~ ^[0-9]+$ ]]; then
    echo "usage: $0 [--long] [--expected FILE] OUT N [SEED]" >&2
    exit 2
fi
mkdir -p "$1"
out=$(cd "$1" && pwd) n_films=$2 seed=${3-1}
[ -z "$(ls -A "$out")" ] || { echo "$out is not empty" >&2; exit 2; }
expected=${expected:-$(dirname "$out")/expected.tsv}
work=$(mktemp -d "${TMPDIR:-/tmp}/make_catalogue.XXXXXX")
trap 'rm -rf "$work"' EXIT
export out work
jobs=$(nproc)

# --- chance: reproducible, whatever the shell's version ---------------------------------------------------------------

state=$((seed * 2654435761 + 12345 & 0x7fffffff))
# pick N: a number from 0 to N - 1 in R.
pick() {
    state=$((state * 1103515245 + 12345 & 0x7fffffff))
    R=$(((state >> 8) % $1))
}

# --- scenes: what films are put together from, without encoding again ------------------------------------------------

encoders=$(ffmpeg -nostdin -hide_banner -encoders 2>/dev/null) || { echo "no ffmpeg" >&2; exit 77; }
# name|size|rate|containers|encoder and its options
recipes=()
recipe() { [[ $encoders != *" $5 "* ]] || recipes+=("$1|$2|$3|$4|-c:v $5 $6"); }
recipe h264b 640x360 25 "mp4 mkv mov ts" libx264 "-preset veryfast -crf 30 -bf 2 -g 50 -threads 1"
recipe h264 128x72 30 "mp4 mkv" libx264 "-preset veryfast -crf 28 -bf 0 -g 30 -threads 1"
recipe hevc 320x180 24 "mp4 mkv" libx265 \
    "-preset ultrafast -crf 30 -tag:v hvc1 -x265-params log-level=none:pools=none:frame-threads=1:keyint=24"
recipe vp9 256x144 25 "webm mkv" libvpx-vp9 "-deadline realtime -cpu-used 8 -b:v 150k -g 50 -threads 1"
recipe mpeg4 320x240 25 "avi mp4 mkv" mpeg4 "-q:v 8 -bf 0 -g 25 -threads 1"
recipe mpeg2 352x288 25 "ts mkv" mpeg2video "-q:v 8 -bf 2 -g 15 -threads 1"
[ ${#recipes[@]} -gt 0 ] || { echo "this ffmpeg has none of the encoders" >&2; exit 77; }
n_scenes=9

exact="-flags +bitexact -fflags +bitexact"
quiet() { ffmpeg -nostdin -hide_banner -v error -y "$@"; }

# make_scene RECIPE SCENE: $work/NAME.SCENE.mp4. Scene number n lasts 1 + n % 3 seconds.
make_scene() {
    local name size rate encoder picture seconds
    IFS='|' read -r name size rate _ encoder <<<"$1"
    seconds=$((1 + $2 % 3))
    case $(($2 % 4)) in
    0) picture="testsrc2=s=$size:r=$rate,hue=h=$((40 * $2))" ;;
    1) picture="smptehdbars=s=$size:r=$rate,hue=h=$((37 * $2))+60*t" ;;
    2) picture="color=0x$(printf %06x $(($2 * 6700417 % 16777216))):s=$size:r=$rate,fade=in:0:$rate" ;;
    3) picture="mandelbrot=s=$size:r=$rate:maxiter=200:start_scale=$((1 + $2)),hue=h=$((70 * $2))" ;;
    esac
    quiet -f lavfi -i "$picture" -t "$seconds" $encoder -pix_fmt yuv420p $exact "$work/$name.$2.mp4"
}
export exact
export -f quiet make_scene
for r in "${recipes[@]}"; do
    for ((s = 0; s < n_scenes; s++)); do printf '%s\0%s\0' "$r" "$s"; done
done >"$work/scenes"
if ! xargs -0 -n 2 -P "$jobs" bash -euo pipefail -c 'make_scene "$@"' _ <"$work/scenes"; then
    echo "this ffmpeg cannot make the scenes" >&2
    exit 77
fi
quiet -f lavfi -i "sine=220:r=8000:d=$((long ? 620 : 40))" -c:a aac -b:a 16k $exact "$work/tone.m4a"

# --- films: the scenes one after the other, by stream copy ------------------------------------------------------------

# make_films {PATH CONTAINER RECIPE SCENES TITLE SOUND}...: several at once, since ffmpeg takes longer to start than to
# copy one. SCENES like "3 0 5", SOUND 0 or 1.
make_films() {
    local inputs=(-i "$work/tone.m4a") outputs=() format list s n=0 seconds
    list=$work/list.$BASHPID
    for (( ; $# >= 6; n++)); do
        seconds=0
        for s in $4; do
            echo "file '$work/$3.$s.mp4'"
            seconds=$((seconds + 1 + s % 3))
        done >"$list.$n"
        inputs+=(-f concat -safe 0 -i "$list.$n")
        outputs+=(-map "$((n + 1)):v")
        [ "$6" = 0 ] || outputs+=(-map 0:a -t "$seconds")
        format=$2
        case $2 in
        mkv) format=matroska ;;
        ts) format=mpegts ;;
        mp4) outputs+=(-movflags +faststart) ;;
        mp4-index-last) format=mp4 ;;
        esac
        outputs+=(-c copy -metadata title="$5" -metadata service_name="$5" $exact -f "$format"
            "file:$1")
        shift 6
    done
    quiet "${inputs[@]}" "${outputs[@]}"
    rm "$list".*
}

# cut_film PATH PERCENT: what is left when a copy was broken off.
cut_film() { truncate -s $(($(stat -c %s "$1") * $2 / 100)) "$1"; }

# make_broken PATH KIND RECIPE SCENES TITLE SEED
make_broken() {
    local path=$1 scenes=$4 title=$5 bytes
    case $2 in
    no-moov)
        make_films "$path" mp4-index-last "$3" "$scenes" "$title" 0
        cut_film "$path" 60
        ;;
    cut-mp4)
        make_films "$path" mp4 "$3" "$scenes" "$title" 0
        cut_film "$path" 60
        ;;
    cut-mkv)
        make_films "$path" mkv "$3" "$scenes" "$title" 0
        cut_film "$path" 60
        ;;
    hole) # blocks that were never written
        make_films "$path" mp4 "$3" "$scenes" "$title" 0
        bytes=$(stat -c %s "$path")
        dd if=/dev/zero of="$path" bs=1 seek=$((bytes / 2)) count=$((bytes / 8)) conv=notrunc status=none
        ;;
    empty) : >"$path" ;;
    text) echo "This is not a film, whatever it is called: $title" >"$path" ;;
    random) awk -v s="$6" 'BEGIN { srand(s); for (i = 0; i < 50000; i++) printf "%c", 1 + 255 * rand() }' >"$path" ;;
    audio) quiet -i "$work/tone.m4a" -t 3 -c copy -metadata title="$title" $exact "$path" ;;
    bomb) quiet -i "$work/bomb.mkv" -c copy -metadata title="$title" $exact "$path" ;;
    fifo) mkfifo "$path" ;;
    dead-link) ln -s "nowhere $title" "$path" ;;
    mode-000)
        make_films "$path" mp4 "$3" "$scenes" "$title" 0
        chmod 000 "$path"
        ;;
    esac
}
export -f make_films cut_film make_broken

# --- the plan ---------------------------------------------------------------------------------------------------------

folders=(. 1950s 1950s/noir "Série B" "tv/season 1" "tv/season 2" "drama/long & winding")
# shellcheck disable=SC2016
awkward=('two words' "it's \"quoted\"" $'new\nline' $'latin1 \xe9t\xe9' '-dash' 'with:colons:2' '100%d %s %n' '映画'
    '<img src=x onerror=alert(1)>' $'tab\tbed' '$HOME `id` $(id)' 'back\slash' ' space before' '#1?x=y&z'
    "$(printf 'long%.0s' {1..45})")
broken=(no-moov cut-mp4 cut-mkv empty text random hole audio fifo dead-link bomb)
[ "$(id -u)" = 0 ] || broken+=(mode-000)
declare -A fault=([no-moov]=not-a-film [cut-mp4]=incomplete [cut-mkv]=incomplete [empty]=not-a-film [text]=not-a-film
    [random]=not-a-film [hole]=incomplete [audio]=not-a-film [fifo]=unreadable [dead-link]=unreadable
    [bomb]=incomplete [mode-000]=unreadable)

# tell PATH WHAT: a line of the expectations.
tell() {
    local path=$1 text='' c code i
    for ((i = 0; i < ${#path}; i++)); do
        c=${path:i:1}
        printf -v code %d "'$c"
        if ((code < 32 || code > 126)) || [ "$c" = "\\" ]; then printf -v c '\\x%02x' $((code & 255)); fi
        text+=$c
    done
    printf '%s\t%s\n' "$text" "$2" >>"$work/expected"
}

# choose_scenes SECONDS: scenes of about as many in SCENES.
choose_scenes() {
    local left=$1
    SCENES=
    while ((left > 0)); do
        pick "$n_scenes"
        SCENES+="$R "
        left=$((left - 1 - R % 3))
    done
}

# choose_name: NAME, and FOLDER where it matters: every fourth awkward; of ten, two with one stem in two folders and one
# with the same in capitals.
choose_name() {
    local turn=$((n_whole / 4))
    NAME="Film $number"
    case $((n_whole % 10)) in
    2) FOLDER="tv/season 1" NAME="Double $((n_whole / 10))" ;;
    3) FOLDER="tv/season 2" NAME="Double $((n_whole / 10))" ;;
    4) FOLDER="tv/season 2" NAME="DOUBLE $((n_whole / 10))" ;;
    *)
        if ((n_whole % 4 == 1)); then
            NAME=${awkward[turn % ${#awkward[@]}]}
            ((turn < ${#awkward[@]})) || NAME+=" $number"
        fi
        ;;
    esac
}

touch "$work/expected" "$work/whole" "$work/broken"
n_whole=0 n_broken=0
for ((i = 0; i < n_films; i++)); do
    number=$(printf %04d "$i")
    pick ${#folders[@]}
    FOLDER=${folders[R]}
    pick ${#recipes[@]}
    IFS='|' read -r recipe _ _ containers _ <<<"${recipes[R]}"
    if ((i % 14 == 9)); then
        kind=${broken[n_broken % ${#broken[@]}]}
        n_broken=$((n_broken + 1))
        path="$FOLDER/broken $number $kind.mp4"
        case $kind in cut-mkv | bomb) path=${path%mp4}mkv ;; esac
        choose_scenes 8
        printf '%s\0' "$out/$path" "$kind" "$recipe" "$SCENES" "film $number" "$seed$number" >>"$work/broken"
        tell "${path#./}" "${fault[$kind]}"
        continue
    fi
    read -ra choices <<<"$containers"
    pick ${#choices[@]}
    container=${choices[R]}
    pick 10
    seconds=$((R < 5 ? 1 + R : R < 9 ? 3 * R - 9 : 30))
    if ((long && n_whole % 40 == 0)); then
        pick 480
        seconds=$((120 + R))
    fi
    choose_scenes "$seconds"
    sound=0
    case $container in mp4 | mkv | mov) sound=$((i % 3 == 0)) ;; esac
    choose_name
    path=$FOLDER/$NAME.$container
    n_whole=$((n_whole + 1))
    printf '%s\0' "$out/$path" "$container" "$recipe" "$SCENES" "film $number" "$sound" >>"$work/whole"
    tell "${path#./}" ok
done

# --- all of it --------------------------------------------------------------------------------------------------------

for f in "${folders[@]}"; do mkdir -p "$out/$f"; done
if ((n_broken >= 11)); then # 0.3 MB that want 256
    head -c 256000000 /dev/zero | ffmpeg -nostdin -v error -f rawvideo -pix_fmt gray -s 16000x16000 -framerate 1 -i - \
        -c:v png $exact "$work/bomb.mkv"
fi
xargs -0 -r -n 60 -P "$jobs" bash -euo pipefail -c 'make_films "$@"' _ <"$work/whole"
xargs -0 -r -n 6 -P "$jobs" bash -euo pipefail -c 'make_broken "$@"' _ <"$work/broken"
mkdir "$out/folder.mp4"
echo "no film either" >"$out/1950s/subtitles.srt"
echo "hidden" >"$out/.hidden.mp4"
sort "$work/expected" >"$expected"
echo "$n_films films, $n_broken of them broken, $(du -sm "$out" | cut -f1) MB in $out; $expected says which"
