#!/bin/bash
# train: the model is the same bytes however the work is shared among ranks, shards and threads, whatever the learner,
# and however often it was interrupted; what cannot be trained is refused with one line, and nothing is left behind.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/mpi.sh"
need mpirun python3 pgrep
OUT=$WORK/out.d
VICTIM=
# Whatever goes wrong, it does not run on.
trap '[ -z "$VICTIM" ] || kill -KILL "$VICTIM" 2>/dev/null; rm -rf "$WORK"' EXIT

python3 "$TOOLS/shapes.py" "$WORK/s" 150 1 --side 9 --classes 3
python3 "$TOOLS/shapes.py" "$WORK/z" 150 1 --side 9 --classes 3 --gz
SET=(--images "$WORK/s-images.idx" --labels "$WORK/s-labels.idx" --backend "$BACKEND" --progress none)
PACKED=(--images "$WORK/z-images.idx.gz" --labels "$WORK/z-labels.idx.gz")

# In a sanitizer build, leaks are looked for in runs without ranks: at the end of five ranks that takes half a minute.
no_leaks=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0
on_ranks() {
    local n=$1
    shift
    run_any env "ASAN_OPTIONS=$no_leaks" "${MPIRUN[@]}" -n "$n" "$JACQUARD" train "${SET[@]}" --threads 1 "$@"
}
train() { jacquard train "${SET[@]}" --threads 1 "$@"; }

# says_model WHAT MODEL: success, and stdout ends with the model's name, once (mpirun or not).
says_model() {
    expect_done "$1"
    [ "$(tail -n 1 "$WORK/out")" = "$2" ] || die "$1: stdout does not end with the model's name"
    [ "$(grep -cFx "$2" "$WORK/out")" = 1 ] || die "$1: the model is named more than once"
}

# ---- the same bytes ----

# compare NAME "SHARES" OPTIONS...: without a launcher, and as each share says: RANKS, or RANKS:SHARD, or tTHREADS.
compare() {
    local name=$1 shares=$2 share n
    shift 2
    # The sanitizers' builds are slow: the first and the last.
    [ -z "${ASAN_OPTIONS:-}" ] || shares=$(printf '%s\n' "${shares%% *}" "${shares##* }" | uniq)
    train -o "$WORK/$name" "$@"
    says_model "$name" "$WORK/$name"
    for share in $shares; do
        n=${share%%:*}
        if [ "${n#t}" != "$n" ]; then
            train -o "$WORK/again" --force "$@" --threads "${n#t}"
        elif [ "$n" = "$share" ]; then
            on_ranks "$n" -o "$WORK/again" --force "$@"
        else
            on_ranks "$n" -o "$WORK/again" --force "$@" --shard "${share#*:}"
        fi
        says_model "$name, shared $share" "$WORK/again"
        same_text "$WORK/$name" "$WORK/again"
    done
}

compare tree "t2 1 2 3 5 2:data 2:features 3:features 4:2x2" --rounds 11 --leaves 4 --search lazy:12 --trim 0.05
compare stump "t2 2 2:features" --rounds 5 --learner stump --search lazy:30
compare product "t2 3 2:features" --rounds 4 --learner product --terms 3 --search lazy:30
compare exhaustive "t2 2 2:features" --rounds 2 --leaves 3 --search exhaustive
compare stump_exhaustive "2 2:features" --rounds 2 --learner stump --search exhaustive --features full
compare sketch "2 3:features" --rounds 4 --learner stump --search sketch:40
compare sketch_product "t3" --rounds 2 --learner product --terms 2 --search sketch --trim 0.05
compare sketch_tree "2:1x2" --rounds 2 --leaves 4 --search sketch:3
compare deskew "2" --rounds 3 --search lazy:12 --deskew "${PACKED[@]}"
compare elastic "t3 2" --rounds 3 --search lazy:12 --augment elastic:2
compare gradient "2 2:features" --rounds 3 --search lazy:12 --channels gradient
compare everything "4:2x2" --rounds 3 --leaves 6 --search lazy:9 --deskew --augment elastic:1 --channels gradient --trim 0
compare one_feature "3:features" --rounds 3 --search lazy:1
compare ensemble "1 2 2:features" --rounds 3 --search lazy:12 --ensemble 3
# After a sketch that leaves nothing out, all is as without one.
train -o "$WORK/all" --rounds 2 --learner stump --search sketch:10000000 --features full
says_model "a sketch of all" "$WORK/all"
same_text <(grep -v '^sha256\|^sketch' "$WORK/all") <(grep -v '^sha256' "$WORK/stump_exhaustive")
on_ranks 2 -o "$WORK/refused" --rounds 2 --search sketch --shard data
{ [ "$RC" = 2 ] && grep -q "error: .*--search sketch" "$WORK/err"; } || die "a sketch of dealt images: exit code $RC"
[ ! -e "$WORK/refused" ] || die "a sketch of dealt images: wrote a model"
[ "$(grep -c '^member ' "$WORK/ensemble")" = 3 ] || die "an ensemble of 3 has other than 3 members"
echo "the same bytes however the work is shared"

# Packed or not, the same images; another seed, another model.
train -o "$WORK/again" --rounds 11 --leaves 4 --search lazy:12 --trim 0.05 "${PACKED[@]}" --force
same_text "$WORK/tree" "$WORK/again"
train -o "$WORK/again" --rounds 11 --leaves 4 --search lazy:12 --trim 0.05 --seed 2 --force
! cmp -s "$WORK/tree" "$WORK/again" || die "two seeds give the same model"

# More ranks than images; images all alike: nothing to learn, but a model that can be read.
python3 - "$WORK" <<'END'
import struct
import sys

for name, side, labels in (("few", 8, (0, 1, 1)), ("tiny", 3, (0, 1, 1)), ("alike", 8, (0, 1, 2, 0, 1, 2))):
    n = len(labels)
    pixels = bytes(0 if name == "alike" else (37 * i * i) % 251 for i in range(n * side * side))
    open(f"{sys.argv[1]}/{name}-images.idx", "wb").write(struct.pack(">4I", 0x803, n, side, side) + pixels)
    open(f"{sys.argv[1]}/{name}-labels.idx", "wb").write(struct.pack(">2I", 0x801, n) + bytes(labels))
END
compare few "5" --images "$WORK/few-images.idx" --labels "$WORK/few-labels.idx" --rounds 2 --search lazy:9
for learner in stump product tree; do
    compare "alike_$learner" "2" --images "$WORK/alike-images.idx" --labels "$WORK/alike-labels.idx" --rounds 2 \
        --learner "$learner" --search lazy:9
    jacquard evaluate "$WORK/alike_$learner" --images "$WORK/alike-images.idx" --labels "$WORK/alike-labels.idx"
    expect_done "evaluate a $learner that learned nothing"
done

# ---- held-out images ----

train -o "$WORK/held" --rounds 8 --search lazy:12 --validation 30
says_model "--validation" "$WORK/held"
said=$(head -n 1 "$WORK/out")
[[ $said =~ ^held-out\ error\ ([0-9.]+)%\ \(([0-9]+)/30\)$ ]] || die "--validation: [$said]"
wrong=${BASH_REMATCH[2]}
[ "$(awk -v n="$wrong" 'BEGIN { printf "%.2f", 100 * n / 30 }')" = "${BASH_REMATCH[1]}" ] || die "--validation: [$said]"
[ "$(wc -l <"$WORK/out")" = 2 ] || die "--validation: not two lines"
on_ranks 3 -o "$WORK/held3" --rounds 8 --search lazy:12 --validation 30
says_model "--validation on 3 ranks" "$WORK/held3"
same_text "$WORK/held" "$WORK/held3"
[ "$(head -n 1 "$WORK/out")" = "$said" ] || die "--validation on 3 ranks says something else"
# The same as training on the first 120 images and testing on the last 30. The number of classes is the whole file's.
python3 - "$WORK" <<'END'
import struct
import sys

for name, magic, item, sides in (("images", 0x803, 81, (9, 9)), ("labels", 0x801, 1, ())):
    data = open(f"{sys.argv[1]}/s-{name}.idx", "rb").read()
    start = 8 + 4 * len(sides)
    for part, first, n in (("first", 0, 120), ("last", 120, 30)):
        head = struct.pack(f">{2 + len(sides)}I", magic, n, *sides)
        open(f"{sys.argv[1]}/{part}-{name}.idx", "wb").write(
            head + data[start + first * item:start + (first + n) * item])
END
jacquard evaluate "$WORK/held" --images "$WORK/last-images.idx" --labels "$WORK/last-labels.idx"
expect_done "evaluate on the held-out images"
[[ $(cat "$WORK/out") == *"$wrong/30"* ]] || die "evaluate does not find $wrong/30 errors"
train -o "$WORK/first" --images "$WORK/first-images.idx" --labels "$WORK/first-labels.idx" --rounds 8 --search lazy:12
members_of() { sed -n '/^member /,$p' "$1"; }
[ "$(members_of "$WORK/first")" = "$(members_of "$WORK/held")" ] || die "held-out images were trained on"
echo "held-out images: not trained on, counted alike"

# ---- checkpoints ----

LEARN=(--leaves 4 --search lazy:12 --trim 0.05)
train -o "$WORK/whole" --rounds 17 "${LEARN[@]}" --log "$WORK/whole.csv"
for way in "1 3" "3 1" "2 2:2x1" "1 2:1x2"; do
    read -r before after <<<"$way"
    rm -f "$WORK/ck" "$WORK/part" "$WORK/part.csv"
    on_ranks "$before" -o "$WORK/part" --rounds 13 "${LEARN[@]}" --checkpoint "$WORK/ck" --every-rounds 4 \
        --log "$WORK/part.csv"
    says_model "13 rounds on $before ranks" "$WORK/part"
    same_text "$WORK/part" "$WORK/ck" # the last checkpoint is the finished model
    shard=()
    [ "${after%%:*}" = "$after" ] || shard=(--shard "${after#*:}")
    on_ranks "${after%%:*}" -o "$WORK/part" --force --rounds 17 "${LEARN[@]}" --checkpoint "$WORK/ck" --resume \
        --log "$WORK/part.csv" "${shard[@]}"
    says_model "4 rounds more on $after ranks" "$WORK/part"
    same_text "$WORK/whole" "$WORK/part"
    # All but the clock: the header, then a line a round, as if it had never stopped.
    [ "$(cut -d, -f1-8 "$WORK/whole.csv")" = "$(cut -d, -f1-8 "$WORK/part.csv")" ] || die "$way: the log differs"
done
[ "$(wc -l <"$WORK/whole.csv")" = 18 ] || die "--log: $(wc -l <"$WORK/whole.csv") lines for 17 rounds"
[ "$(sed 1d "$WORK/whole.csv" | cut -d, -f2 | tr '\n' ' ')" = "$(seq -s ' ' 17) " ] || die "--log: rounds out of order"
train -o "$WORK/again" --force --rounds 17 "${LEARN[@]}" --checkpoint "$WORK/not_yet" --resume
same_text "$WORK/whole" "$WORK/again" # nothing to go on from is no fault

train -o "$WORK/part" --force --rounds 2 "${LEARN[@]}" --ensemble 3 --checkpoint "$WORK/cks"
expect_done "checkpoints of an ensemble"
ls "$WORK"/cks.1 "$WORK"/cks.2 "$WORK"/cks.3 >/dev/null || die "an ensemble's checkpoints are not CHECKPOINT.1, .2, .3"
on_ranks 2 -o "$WORK/part" --force --rounds 4 "${LEARN[@]}" --ensemble 3 --checkpoint "$WORK/cks" --resume
expect_done "an ensemble resumed on 2 ranks"
train -o "$WORK/again" --force --rounds 4 "${LEARN[@]}" --ensemble 3
same_text "$WORK/again" "$WORK/part"
echo "resumed trainings end with the same model"

# refuse KEY OPTIONS...: settings that are not the checkpoint's.
refuse() {
    local key=$1
    shift
    train -o "$WORK/refused" --rounds 17 "${LEARN[@]}" --checkpoint "$WORK/ck" --resume "$@"
    expect_failure 2 "resume with $*"
    [[ $(grep error "$WORK/err") == *"$key"* ]] || die "resume with $*: the message does not name $key"
    [ ! -e "$WORK/refused" ] || die "resume with $*: wrote a model"
    cmp -s "$WORK/ck" "$WORK/whole" || die "resume with $*: the checkpoint was touched"
}
refuse learner --learner stump
refuse leaves --leaves 5
refuse lazy --search lazy:13
refuse lazy --search exhaustive
refuse lazy --search sketch:40
refuse features --features full
refuse deskew --deskew
refuse gradient --channels gradient
refuse elastic --augment elastic:1
refuse trim --trim 0.04
refuse seed --seed 2
refuse images --validation 1
refuse rounds --rounds 16
refuse width --images "$WORK/few-images.idx" --labels "$WORK/few-labels.idx"
python3 - "$WORK/s-labels.idx" "$WORK/relabelled.idx" <<'END'
import sys

data = bytearray(open(sys.argv[1], "rb").read())
data[20] = (data[20] + 1) % 3
open(sys.argv[2], "wb").write(data)
END
refuse fingerprint --labels "$WORK/relabelled.idx"
python3 - "$WORK/s-images.idx" "$WORK/repainted.idx" <<'END'
import sys

data = bytearray(open(sys.argv[1], "rb").read())
data[-1] ^= 1
open(sys.argv[2], "wb").write(data)
END
refuse fingerprint --images "$WORK/repainted.idx"
mv "$WORK/ck" "$WORK/kept"
head -c 3000 "$WORK/kept" >"$WORK/ck"
train -o "$WORK/refused" --rounds 17 "${LEARN[@]}" --checkpoint "$WORK/ck" --resume
expect_failure 3 "resume from half a checkpoint"
echo "other settings are refused by name"

# ---- interruptions ----

# wait_for WHAT COMMAND...: for 30 s.
wait_for() {
    local what=$1
    shift
    for _ in {1..300}; do
        ! "$@" || return 0
        kill -0 "$VICTIM" 2>/dev/null || die "$what: it ended by itself"
        sleep 0.1
    done
    die "$what: not within 30 s"
}
has_rounds() { [ "$(cat "$OUT"/log.csv* 2>/dev/null | wc -l)" -ge 12 ]; }
MORE=()

# start COMMAND...: a training without an end, in the background, until it has done some rounds.
start() {
    rm -rf "$OUT"
    mkdir "$OUT"
    printf '%q ' "$@" >"$WORK/command"
    env "ASAN_OPTIONS=$no_leaks" "$@" train "${SET[@]}" --threads 1 "${LEARN[@]}" --rounds 9000000 -o "$OUT/model" \
        --checkpoint "$OUT/ck" --every-rounds 7 --log "$OUT/log.csv" "${MORE[@]}" >"$WORK/out" 2>"$WORK/err" </dev/null &
    VICTIM=$!
    wait_for "the first rounds" has_rounds
}

# finish: leaves RC; it has 20 s.
finish() {
    local began=$SECONDS
    for _ in {1..250}; do
        kill -0 "$VICTIM" 2>/dev/null || break
        sleep 0.1
    done
    kill -KILL "$VICTIM" 2>/dev/null || true
    RC=0
    wait "$VICTIM" || RC=$?
    VICTIM=
    [ $((SECONDS - began)) -le 20 ] || die "took $((SECONDS - began)) s to stop"
}

# The checkpoint holds all rounds that the log tells of, and two more make what an undisturbed training makes.
check_interrupted() {
    local done_rounds=$(($(wc -l <"$OUT/log.csv") - 1))
    expect_files "$OUT" ck log.csv
    train -o "$OUT/resumed" --rounds $((done_rounds + 2)) "${LEARN[@]}" --checkpoint "$OUT/ck" --resume --log "$OUT/log.csv"
    expect_done "$1: resume"
    train -o "$OUT/undisturbed" --rounds $((done_rounds + 2)) "${LEARN[@]}"
    same_text "$OUT/undisturbed" "$OUT/resumed"
    [ "$(sed 1d "$OUT/log.csv" | cut -d, -f2)" = "$(seq $((done_rounds + 2)))" ] || die "$1: the log has a gap"
    echo "$1 after $done_rounds rounds: goes on from there"
}

for signal in TERM USR1 INT; do
    # Background jobs of a script are started with SIGINT ignored; a program started by hand is not.
    start python3 -c 'import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execvp(sys.argv[1], sys.argv[1:])' \
        "$JACQUARD"
    kill "-$signal" "$VICTIM"
    finish
    expect_failure 75 "SIG$signal"
    check_interrupted "SIG$signal"
done

ranks_of() { pgrep -P "$VICTIM" -x "$(basename "$JACQUARD")"; }

# One rank is asked: all stop, after the same round.
start "${MPIRUN[@]}" -n 2 "$JACQUARD"
kill -USR1 "$(ranks_of | tail -n 1)"
finish
[ "$RC" = 75 ] || die "SIGUSR1 to one of 2 ranks: exit code $RC, not 75"
[ "$(n_errors)" = 1 ] || die "SIGUSR1 to one of 2 ranks: $(n_errors) error lines, not 1"
check_interrupted "SIGUSR1 to one of 2 ranks"

# Members on ranks of their own stop together too.
MORE=(--ensemble 4)
start "${MPIRUN[@]}" -n 2 "$JACQUARD"
kill -USR1 "$(ranks_of | tail -n 1)"
finish
MORE=()
[ "$RC" = 75 ] || die "SIGUSR1 to one of 2 ranks with members: exit code $RC, not 75"
[ "$(n_errors)" = 1 ] || die "SIGUSR1 to one of 2 ranks with members: $(n_errors) error lines, not 1"
expect_files "$OUT" ck.1 ck.2 log.csv.1 log.csv.2
cmp -s <(wc -l <"$OUT/log.csv.1") <(wc -l <"$OUT/log.csv.2") || die "members on 2 ranks stopped after different rounds"
echo "members on ranks of their own stop together"

# One rank dies: the launcher ends the other; what is there is a whole checkpoint or none.
start "${MPIRUN[@]}" -n 2 "$JACQUARD"
kill -KILL "$(ranks_of | tail -n 1)"
finish
[ "$RC" != 0 ] || die "a killed rank: exit code 0"
[ ! -e "$OUT/model" ] || die "a killed rank: there is a model"
echo "a killed rank ends the job: exit code $RC"
rounds=$(sed -n 's/^member [0-9]* //p' "$OUT/ck")
[ $((rounds % 7)) = 0 ] || die "a killed rank: a checkpoint of $rounds rounds, not of a multiple of 7"
train -o "$OUT/resumed" --rounds $((rounds + 1)) "${LEARN[@]}" --checkpoint "$OUT/ck" --resume
expect_done "the checkpoint after a killed rank"

# ---- what cannot be ----

rm -rf "$OUT"
mkdir "$OUT"
# bad CODE WHAT ARGUMENTS...: without a launcher.
bad() {
    local code=$1 what=$2
    shift 2
    jacquard train --backend "$BACKEND" --progress none --rounds 2 --search lazy:5 "$@"
    expect_failure "$code" "$what"
    expect_files "$OUT"
}
I=(--images "$WORK/s-images.idx")
L=(--labels "$WORK/s-labels.idx")
M=(-o "$OUT/m")
bad 2 "nothing at all"
bad 2 "no images" "${L[@]}" "${M[@]}"
bad 2 "no labels" "${I[@]}" "${M[@]}"
bad 2 "no output" "${I[@]}" "${L[@]}"
bad 2 "an operand" "${I[@]}" "${L[@]}" "${M[@]}" more
bad 2 "missing images" --images "$WORK/not_there" "${L[@]}" "${M[@]}"
bad 2 "missing labels" --labels "$WORK/not_there" "${I[@]}" "${M[@]}"
bad 2 "a folder" --images "$WORK" "${L[@]}" "${M[@]}"
bad 3 "labels as images" --images "$WORK/s-labels.idx" "${L[@]}" "${M[@]}"
bad 3 "images as labels" --labels "$WORK/s-images.idx" "${I[@]}" "${M[@]}"
bad 3 "labels of other images" --labels "$WORK/last-labels.idx" "${I[@]}" "${M[@]}"
head -c 5000 "$WORK/s-images.idx" >"$WORK/short"
bad 3 "half the images" --images "$WORK/short" "${L[@]}" "${M[@]}"
head -c 5000 "$WORK/z-images.idx.gz" >"$WORK/short.gz"
bad 3 "half the packed images" --images "$WORK/short.gz" "${L[@]}" "${M[@]}"
: >"$WORK/empty"
bad 3 "an empty file" --images "$WORK/empty" "${L[@]}" "${M[@]}"
printf '\0\0\10\1\0\0\0\226' >"$WORK/high"
python3 -c 'import sys; sys.stdout.buffer.write(bytes([64]) * 150)' >>"$WORK/high"
bad 3 "label 64" --labels "$WORK/high" "${I[@]}" "${M[@]}"
bad 2 "no such folder" "${I[@]}" "${L[@]}" -o "$OUT/none/m"
bad 2 "the output is a folder" "${I[@]}" "${L[@]}" -o "$OUT" --force
bad 2 "no folder for the checkpoint" "${I[@]}" "${L[@]}" "${M[@]}" --checkpoint "$OUT/none/ck"
bad 2 "no folder for the log" "${I[@]}" "${L[@]}" "${M[@]}" --log "$OUT/none/log"
bad 2 "--resume alone" "${I[@]}" "${L[@]}" "${M[@]}" --resume
bad 2 "--validation of all" "${I[@]}" "${L[@]}" "${M[@]}" --validation 150
bad 2 "--validation of more" "${I[@]}" "${L[@]}" "${M[@]}" --validation 1000
bad 2 "2x2 shards on a rank" "${I[@]}" "${L[@]}" "${M[@]}" --shard 2x2
bad 2 "images too small" --images "$WORK/tiny-images.idx" --labels "$WORK/tiny-labels.idx" "${M[@]}" --features full
while read -r -a options; do
    bad 2 "${options[*]}" "${I[@]}" "${L[@]}" "${M[@]}" "${options[@]}"
done <<'END'
--rounds 0
--rounds x
--trim 0.6
--trim -0.1
--trim nan
--learner forest
--terms 0
--terms 6
--leaves 1
--leaves 33
--search lazy
--search lazy:0
--search all
--features haar
--channels red
--augment elastic
--augment elastic:-1
--augment blur:3
--ensemble 0
--validation -1
--seed -1
--shard 2
--shard 0x1
--shard 2x
--shard both
--every-rounds 0
--threads 0
--backend abacus
--no-such-option
END
echo old >"$WORK/old"
cp "$WORK/old" "$OUT/m"
jacquard train "${I[@]}" "${L[@]}" "${M[@]}" --rounds 2
expect_failure 2 "an output that exists"
expect_files "$OUT" m
same_text "$WORK/old" "$OUT/m"
train "${M[@]}" --rounds 2 --search lazy:5 --force
says_model "--force" "$OUT/m"
rm "$OUT/m"

# bad_on RANKS CODE WHAT ARGUMENTS...: mpirun adds lines of its own, so only the program's are counted.
bad_on() {
    local n=$1 code=$2 what=$3
    shift 3
    on_ranks "$n" "${M[@]}" "$@"
    [ "$RC" = "$code" ] || die "$what on $n ranks: exit code $RC, not $code"
    [ "$(n_errors)" = 1 ] || die "$what on $n ranks: $(n_errors) error lines, not 1"
    expect_files "$OUT"
}
bad_on 3 2 "2x2 shards" --rounds 2 --shard 2x2
bad_on 3 3 "half the images" --rounds 2 --images "$WORK/short"
bad_on 2 2 "another setting" --rounds 17 "${LEARN[@]}" --leaves 5 --checkpoint "$WORK/kept" --resume
echo "what cannot be trained is refused with one line"

# What cannot be said is a fault: the model's name, the plan.
if [ -w /dev/full ]; then
    for arguments in "-o $OUT/m --rounds 2 --search lazy:5" --plan; do
        RC=0
        # shellcheck disable=SC2086
        "$JACQUARD" train "${SET[@]}" $arguments >/dev/full 2>"$WORK/err" || RC=$?
        [ "$RC" = 2 ] || die "a full stdout: exit code $RC, not 2"
    done
    rm -f "$OUT/m"
fi

# Ranks that cannot agree on their sums do not wait for each other.
run_any timeout 60 "${MPIRUN[@]}" -n 1 env JACQUARD_COMM_TIMEOUT=soon "$JACQUARD" train "${SET[@]}" "${M[@]}" \
    --rounds 2 --shard 2x2 : -n 3 "$JACQUARD" train "${SET[@]}" "${M[@]}" --rounds 2 --shard 2x2
[ "$RC" != 0 ] && [ "$RC" != 124 ] || die "one rank with a bad JACQUARD_COMM_TIMEOUT: exit code $RC"
expect_files "$OUT"

# ---- the plan ----

train --plan --checkpoint "$OUT/ck" --log "$OUT/log"
expect_done "--plan"
for word in "150 images" "integral images" histograms all; do
    grep -q "$word" "$WORK/out" || die "--plan says nothing of $word"
done
on_ranks 2 --plan "${M[@]}"
expect_done "--plan on 2 ranks"
[ "$(grep -c 'integral images' "$WORK/out")" = 1 ] || die "--plan on 2 ranks does not speak once"
expect_files "$OUT"

# ---- digits ----

MNIST=$DATA/mnist
if [ -e "$MNIST/train-images-idx3-ubyte.gz" ] && [ -z "${ASAN_OPTIONS:-}" ]; then
    DIGITS=(--images "$MNIST/train-images-idx3-ubyte.gz" --labels "$MNIST/train-labels-idx1-ubyte.gz" --rounds 20
        --search lazy:50)
    train -o "$WORK/digits" "${DIGITS[@]}"
    says_model "digits" "$WORK/digits"
    on_ranks 2 -o "$WORK/digits2" "${DIGITS[@]}"
    says_model "digits on 2 ranks" "$WORK/digits2"
    same_text "$WORK/digits" "$WORK/digits2"
    jacquard evaluate "$WORK/digits" --images "$MNIST/t10k-images-idx3-ubyte.gz" --labels "$MNIST/t10k-labels-idx1-ubyte.gz"
    expect_done "evaluate digits"
    head -n 1 "$WORK/out"
    [[ $(head -n 1 "$WORK/out") =~ ^error\ .*%\ \(([0-9]+)/10000\)$ ]] || die "evaluate digits: no error"
    [ "${BASH_REMATCH[1]}" -lt 800 ] || die "20 trees of 8 leaves are wrong about ${BASH_REMATCH[1]} of 10000 digits"
    echo "digits: 1 rank and 2 make the same model"
fi
