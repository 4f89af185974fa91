#!/bin/bash
# time_limit: a catalogue that leaves by its own --time-limit, and one whose job comes to Slurm's time limit, queue
# themselves again and go on.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
. "$E2E/../slurm/catalog_lib.sh"
SHAPE=(--nodes=2 --ntasks-per-node=1 --cpus-per-task=1 --gpus-per-node=0)
make_films 8
make_reference

# It leaves by its own clock; what it begins each time is kept.
export OUT=$WORK/hurried
submit "${SHAPE[@]}" "$SCRIPTS/catalog.sbatch" "$FILMS" "${SLOWLY[@]}" --time-limit 1s
wait_for "--time-limit: return" job_has_restarted "$JOB" 1
scancel "$JOB"
wait_for "the end" job_is_over "$JOB"
log_has "$JOB" "out of time" || die "it has not left because of --time-limit"
echo "--time-limit: queued again with $(n_done "$OUT") of $N_FILMS films done"

# Slurm looks every 30 s for jobs with less than their notice, and half a minute, to go: it comes within 30 s.
submit "${SHAPE[@]}" --time=1 --signal=B:USR1@50 "$SCRIPTS/catalog.sbatch" "$FILMS" "${SLOWLY[@]}"
wait_for "a film" has_done "$OUT" $(($(n_done "$OUT") + 1))
freeze "$JOB"
wait_for "Slurm's notice" log_has "$JOB" "interrupted: finishing"
thaw
wait_for "the return after the notice" job_has_restarted "$JOB" 1
! has_done "$OUT" "$N_FILMS" || die "Slurm's time limit: nothing was left to do"
log_has "$JOB" "DUE TO TIME LIMIT" && die "the job came to its limit"
echo "Slurm's time limit: queued again with $(n_done "$OUT") of $N_FILMS films done"
expect_job "$JOB" COMPLETED 0 "the last part"
same_catalog "$OUT" "time limits"
echo "together they make the undisturbed catalogue"
