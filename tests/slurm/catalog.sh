#!/bin/bash
# catalog: a catalogue by slurm/catalog.sbatch that is told to hurry, and preempted, queues itself again and goes on;
# one of which a rank dies ends soon and goes on when it is submitted again. The results are those of an undisturbed
# one.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
. "$E2E/../slurm/catalog_lib.sh"
SHAPE=(--nodes=2 --ntasks-per-node=1 --cpus-per-task=1 --gpus-per-node=0)
make_films 12
make_reference

export OUT=$WORK/disturbed
start() {
    submit "${SHAPE[@]}" "$SCRIPTS/catalog.sbatch" "$FILMS" "${SLOWLY[@]}"
}
# interrupt N WHAT COMMAND...: the N-th time, when there is a film more: the job is started again, with films left.
interrupt() {
    local n=$1 what=$2 seen
    shift 2
    seen=$(n_done "$OUT")
    wait_for "$what: a film" has_done "$OUT" $((seen + 1))
    freeze "$JOB"
    "$@" &
    wait_for "$what: notice" log_has_times "$JOB" "interrupted: finishing" "$n"
    thaw
    wait_for "$what: the job's return" job_has_restarted "$JOB" "$n"
    wait $! || die "$what: $* failed"
    ! has_done "$OUT" "$N_FILMS" || die "$what: nothing was left to do"
    echo "$what with $(n_done "$OUT") of $N_FILMS films done: queued again"
}

start
interrupt 1 "told to hurry" scancel --batch --signal=USR1 "$JOB"
interrupt 2 "preempted" preempt
# Where the administrator wants it so, the batch script hears of a preemption and not the ranks.
echo SlurmctldParameters=preempt_send_user_signal >>"$SLURM_CONF"
scontrol reconfigure
interrupt 3 "preempted with a signal to the script" preempt
# A rank dies, and is not to die without end.
wait_for "a film" has_done "$OUT" $(($(n_done "$OUT") + 1))
freeze "$JOB"
kill -KILL "$(ranks_of "$JOB" | tail -n 1)"
PATIENCE=60 wait_for "the end after a rank's death" job_is_over "$JOB"
job_is "$JOB" FAILED || die "after a rank's death the job is $(job_says "$JOB" JobState)"
[ "$(job_says "$JOB" Restarts)" = 3 ] || die "after a rank's death the job was queued again"
wait_for "a rank's death: the end of all its kin" is_gone "$JOB"
! has_done "$OUT" "$N_FILMS" || die "a rank's death: nothing was left to do"
echo "a rank's death with $(n_done "$OUT") of $N_FILMS films done ends the job"

# Cancelled is cancelled.
start
wait_for "a film" has_done "$OUT" $(($(n_done "$OUT") + 1))
freeze "$JOB"
scancel "$JOB"
wait_for "the cancelled job's end" job_is_over "$JOB"
job_is "$JOB" CANCELLED || die "the cancelled job ended as $(job_says "$JOB" JobState)"
[ "$(job_says "$JOB" Restarts)" = 0 ] || die "the cancelled job was queued again"
wait_for "cancellation: the end of its processes" is_gone "$JOB"
! has_done "$OUT" "$N_FILMS" || die "cancellation: nothing was left to do"
echo "a cancellation with $(n_done "$OUT") of $N_FILMS films done is one"

start
expect_job "$JOB" COMPLETED 0 "the last part"
same_catalog "$OUT" "in six parts"
echo "the six parts make the undisturbed catalogue"

# A step that no rank took part in is no success, whatever srun says.
break_nodes
start
expect_job "$JOB" FAILED 1 "nodes that start nothing"
mend_nodes
