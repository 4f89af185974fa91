#!/bin/bash
# train: a training by slurm/train.sbatch that is preempted, and told that its time is short, queues itself again and
# makes the model of an undisturbed one; a cancelled one stays ended.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
need python3
python3 "$TOOLS/shapes.py" "$WORK/s" 150 1 --side 9 --classes 3
export IMAGES=$WORK/s-images.idx LABELS=$WORK/s-labels.idx MODEL=$WORK/model CHECKPOINT=$WORK/ck EVERY_ROUNDS=7
LEARN=(--backend "$BACKEND" --progress none --leaves 4 --search lazy:12)
SHAPE=(--nodes=2 --ntasks-per-node=2 --cpus-per-task=1 --gpus-per-node=0)

n_rounds() { grep -hc '^[0-9]' "$WORK/log.csv" 2>/dev/null || [ -e "$WORK/log.csv" ] || echo 0; }
has_rounds() { [ "$(n_rounds)" -ge "$1" ]; }
# more_rounds JOB: it has begun, or gone on, and got somewhere.
more_rounds() { wait_for "rounds after $1" has_rounds $(($1 + 5)); }

# Endless until it is told otherwise: the number of rounds is no setting of the model.
submit "${SHAPE[@]}" "$SCRIPTS/train.sbatch" "${LEARN[@]}" --rounds 9000000 --log "$WORK/log.csv"
more_rounds 0
preempt
wait_for "the preempted job's return" job_has_restarted "$JOB" 1
log_has "$JOB" "queued again to go on" || die "the preempted job did not queue itself"
seen=$(n_rounds)
more_rounds "$seen"
echo "preempted after $seen rounds, it goes on"

scancel --batch --signal=USR1 "$JOB"
wait_for "the second return" job_has_restarted "$JOB" 2
seen=$(n_rounds)
more_rounds "$seen"
echo "told to hurry after $seen rounds, it goes on"

scancel "$JOB"
wait_for "the cancelled job's end" job_is_over "$JOB"
job_is "$JOB" CANCELLED || die "the cancelled job ended as $(job_says "$JOB" JobState)"
[ "$(job_says "$JOB" Restarts)" = 2 ] || die "the cancelled job was queued again"

# The checkpoint is of a multiple of 7 rounds or of those of a notice; two rounds more than the log has.
rounds=$(($(n_rounds) + 2))
submit "${SHAPE[@]}" "$SCRIPTS/train.sbatch" "${LEARN[@]}" --rounds "$rounds" --log "$WORK/log.csv"
expect_job "$JOB" COMPLETED 0 "the last part"
jacquard train --images "$IMAGES" --labels "$LABELS" -o "$WORK/undisturbed" "${LEARN[@]}" --rounds "$rounds" --threads 1
expect_done "undisturbed"
same_text "$WORK/undisturbed" "$MODEL"
echo "$rounds rounds in four parts are those of an undisturbed training"

# A step that no rank took part in is no success, whatever srun says.
rm "$MODEL" "$CHECKPOINT"
break_nodes
submit "${SHAPE[@]}" "$SCRIPTS/train.sbatch" "${LEARN[@]}" --rounds 2
expect_job "$JOB" FAILED 1 "nodes that start nothing"
mend_nodes
