#!/bin/bash
# probe: slurm/probe.sbatch says what a job gets, and fails, with a reason, where it would not do.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
SHAPE=(--nodes=2 --ntasks-per-node=2 --cpus-per-task=1)

submit "${SHAPE[@]}" --gpus-per-node=0 "$SCRIPTS/probe.sbatch"
expect_job "$JOB" COMPLETED 0 "probe"
for said in "$("$JACQUARD" --version)" "^Slurm: " "MPI plugin types" "NCCL: " "FFmpeg: " "on n1, " "on n2, " \
    "rank 0 of 4 on " "rank 3 of 4 on " "probe: 4 ranks see each other"; do
    log_has "$JOB" "$said" || die "probe does not say [$said]"
done
echo "4 ranks on 2 nodes see each other"

# refused WHAT REASON [OPTIONS...]
refused() {
    local what=$1 reason=$2
    shift 2
    submit "${SHAPE[@]}" "$@" "$SCRIPTS/probe.sbatch"
    expect_job "$JOB" FAILED 1 "$what"
    log_has "$JOB" "^probe: error: .*$reason" || die "$what: the reason is not given"
}
MPI_TYPE=none refused "ranks without PMIx" "srun --mpi=none" --gpus-per-node=0
JACQUARD=$WORK/not_there refused "no program" "not_there" --gpus-per-node=0
break_nodes
refused "nodes that start nothing" "rank 0 of 4 was not heard of" --gpus-per-node=0
mend_nodes
if [[ $("$JACQUARD" info) != *"backend cuda, device"* ]]; then
    refused "GPUs that are none" "ranks cannot use them" --gpus-per-node=2
    log_has "$JOB" "CUDA_VISIBLE_DEVICES=0,1" || die "probe does not say CUDA_VISIBLE_DEVICES"
fi
echo "what would not do is refused"
