#!/bin/bash
# array: a catalogue by slurm/catalog-array.sbatch: each task does its share into one folder; a task that is told to
# hurry queues itself again, and only itself; the results are those of one undisturbed run.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
. "$E2E/../slurm/catalog_lib.sh"
SHAPE=(--ntasks=1 --cpus-per-task=1 --gpus-per-node=1)
make_films 9
make_reference
export OUT=$WORK/shared

start() {
    submit --output="$WORK/%A_%a.log" --array="$1" "${SHAPE[@]}" "$SCRIPTS/catalog-array.sbatch" "$FILMS" "${SLOWLY[@]}"
}
start 0-2
# The task that was split off last has the array's own number as its job's: the one that takes care.
has_leader() { leader=$(squeue -h -r -t RUNNING -o '%A %F %K' | sed -n "s/^$JOB $JOB //p") && [ -n "$leader" ]; }
n_runs() { find "$OUT/journal" -type f | wc -l; }
wait_for "the task whose number is the array's" has_leader
wait_for "its worker" log_has "${JOB}_$leader" " 1 worker process, "
freeze "$JOB"
scancel --batch --signal=USR1 "${JOB}_$leader"
wait_for "notice" log_has "${JOB}_$leader" "interrupted: finishing"
thaw
wait_for "the return of task $leader" job_has_restarted "${JOB}_$leader" 1
echo "task $leader, told to hurry, is queued again"
for task in 0 1 2; do
    expect_job "${JOB}_$task" COMPLETED 0 "task $task"
    [ "$(job_says "${JOB}_$task" Restarts)" = $((task == leader)) ] ||
        die "task $task was queued again $(job_says "${JOB}_$task" Restarts) times"
done
[ "$(n_runs)" = 4 ] || die "$(n_runs) runs of 3 tasks, one of them in two parts"
same_catalog "$OUT" "three shares"
echo "three tasks, one in two parts, make the undisturbed catalogue"

# Single tasks of an array are submitted again with the number of shares; without it they cannot know.
start 2
expect_job "${JOB}_2" FAILED 2 "a single task without SHARES"
SHARES=3 start 2
expect_job "${JOB}_2" COMPLETED 0 "a single task"
same_catalog "$OUT" "a single task"
