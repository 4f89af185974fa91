# lib: what the tests with Slurm need besides tests/e2e/lib.sh: a cluster of two nodes, jobs on it, waiting. Sourced,
# never run; starts the cluster, with CLUSTER_SETTINGS and GRACE of the test (see cluster.sh).
# shellcheck shell=bash disable=SC2034

. "$(dirname "${BASH_SOURCE[0]}")/../e2e/lib.sh"
. "$E2E/../slurm/cluster.sh"
SCRIPTS=$(cd "$E2E/../../slurm" && pwd)
export JACQUARD MPI_TYPE=${MPI_TYPE:-pmix}
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMP_NUM_THREADS=1

missing=$(cluster_missing)
[ -z "$missing" ] || skip "Slurm is not installed here, or not all of it: no ${missing//$'\n'/, no }"

# Of a test that has failed, what the jobs said.
end_test() {
    local rc=$?
    [ "$rc" = 0 ] || [ "$rc" = 77 ] || tail -n 40 "$WORK"/*.log 2>/dev/null
    cluster_stop
    rm -rf "$WORK"
}
trap end_test EXIT
CLUSTER=
cluster_start || die "Slurm does not start"
[[ $(srun --mpi=list 2>&1) == *"$MPI_TYPE"* ]] || skip "this Slurm has no $MPI_TYPE"

# submit [SBATCH OPTIONS...] SCRIPT [ARGUMENTS...]: leaves JOB; what it says goes to $WORK/JOB.log, or JOB_TASK.log.
submit() {
    printf '%q ' sbatch "$@" >"$WORK/command"
    JOB=$(sbatch --parsable --output="$WORK/%j.log" "$@") || die "sbatch refuses"
}

# job_says JOB FIELD: of what scontrol shows.
job_says() {
    local all
    all=" $(scontrol show job -o "$1") "
    [[ $all =~ \ $2=([^ ]*)\  ]] && echo "${BASH_REMATCH[1]}"
}
job_is() { [ "$(job_says "$1" JobState)" = "$2" ]; }
job_is_over() { [[ $(job_says "$1" JobState) =~ ^(COMPLETED|FAILED|CANCELLED|TIMEOUT|NODE_FAIL|PREEMPTED)$ ]]; }
job_has_restarted() { [ "$(job_says "$1" Restarts)" -ge "$2" ]; }

# wait_for WHAT COMMAND...: until the command succeeds; PATIENCE seconds at most (default 120).
wait_for() {
    local what=$1 until=$((SECONDS + ${PATIENCE:-120}))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$until" ] || die "$what: not within ${PATIENCE:-120} s"
        sleep 0.1
    done
}

# expect_job JOB STATE CODE WHAT: how it ends.
expect_job() {
    wait_for "$4: its end" job_is_over "$1"
    [ "$(job_says "$1" JobState)" = "$2" ] || die "$4: the job ended as $(job_says "$1" JobState), not $2"
    [ "$(job_says "$1" ExitCode)" = "$3:0" ] || die "$4: the job's exit code is $(job_says "$1" ExitCode), not $3:0"
}

log_has_times() { [ "$(grep -c -- "$2" "$WORK/$1.log" 2>/dev/null)" -ge "$3" ]; }
log_has() { grep -q -- "$2" "$WORK/$1.log" 2>/dev/null; }

# preempt: a job of greater right takes all nodes for a moment; returns when that is over.
preempt() {
    sbatch --wait --partition=urgent --nodes=2 --exclusive --output="$WORK/urgent.log" --wrap true >/dev/null ||
        die "the preempting job fails"
}

# While it lasts, no step can be started on the nodes that needs PMIx, and srun says it is well.
break_nodes() {
    local n
    for n in 1 2; do rmdir "$CLUSTER/tmp.n$n" && : >"$CLUSTER/tmp.n$n"; done
}
mend_nodes() {
    local n
    for n in 1 2; do rm "$CLUSTER/tmp.n$n" && mkdir -m 1777 "$CLUSTER/tmp.n$n"; done
}
