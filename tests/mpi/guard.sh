#!/bin/sh
# guard.sh TEST_COMM: when the program joins MPI, that it refuses N separate worlds, that comm_abort ends all ranks with
# its code, and that a rank that is gone ends the job. The launcher's variables are set by hand; only the last part needs
# mpirun (MPIRUN names another one).
set -u

test_comm=${1:?usage: guard.sh TEST_COMM}
mpirun=${MPIRUN:-mpirun}
n_failed=0

# What a launcher around this script has set is not ours; how this machine starts processes is.
for name in $(env | grep -v ^OMPI_MCA_plm | sed -n 's/^\(\(OMPI\|PMIX\|PMI\|SLURM\)_[A-Za-z0-9_]*\)=.*/\1/p'); do
    unset "$name"
done
# Open MPI refuses root, and more ranks than cores, unless told; the variables do no harm to other MPIs.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1

# expect CODE TEXT VARIABLE=VALUE...: `TEST_COMM open` in that environment ends with CODE and says TEXT.
expect()
{
    code=$1 text=$2
    shift 2
    said=$(env "$@" timeout 60 "$test_comm" open 2>&1)
    got=$?
    case $said in
    *"$text"*) ;;
    *) got="$got without '$text'" ;;
    esac
    if [ "$got" != "$code" ]; then
        echo "FAIL: $*: wanted exit code $code and '$text', got $got: $said"
        n_failed=$((n_failed + 1))
    fi
}

# A launcher that says it started four, and an MPI that sees one.
for name in OMPI_COMM_WORLD_SIZE PMI_SIZE SLURM_STEP_NUM_TASKS; do
    expect 2 "refused: $name is 4" $name=4
    expect 2 "srun --mpi=list" $name=4
done
expect 2 "refused: SLURM_STEP_NUM_TASKS is 4" SLURM_STEP_NUM_TASKS=4 SLURM_NTASKS=4 SLURM_PROCID=2

# Nothing to refuse: no launcher, one process, the plain shell of a batch job, mpirun -n 1 within a step of daemons.
expect 0 "rank 0 of 1" A=1
expect 0 "rank 0 of 1" SLURM_STEP_NUM_TASKS=1 SLURM_PROCID=0 PMIX_RANK=0
expect 0 "rank 0 of 1" SLURM_NTASKS=4 SLURM_PROCID=0 SLURM_JOB_ID=7
expect 0 "rank 0 of 1" OMPI_COMM_WORLD_SIZE=1 SLURM_STEP_NUM_TASKS=4
expect 0 "rank 0 of 1" SLURM_STEP_NUM_TASKS=many
# A rank without a count: MPI is asked.
expect 0 "rank 0 of 1" PMIX_RANK=0
expect 0 "rank 0 of 1" PMI_RANK=0

timeout 60 "$test_comm" abort 9
got=$?
if [ $got != 9 ]; then
    echo "FAIL: comm_abort(9) alone: exit code $got"
    n_failed=$((n_failed + 1))
fi

if command -v "$mpirun" >/dev/null; then
    for n in 2 3 5; do
        said=$(timeout 60 "$mpirun" -n $n "$test_comm" abort 7 2>&1)
        got=$?
        if [ $got != 7 ]; then
            echo "FAIL: comm_abort(7) on the last of $n ranks: exit code $got: $said"
            n_failed=$((n_failed + 1))
        fi
    done
    # 124 is timeout's: the others still waited.
    for n in 2 4; do
        for how in die leave; do
            said=$(timeout 30 "$mpirun" -n $n "$test_comm" $how 2>&1)
            got=$?
            case $got:$said in
            0:* | 124:* | *"goes on without"*)
                echo "FAIL: the last of $n ranks is gone ($how): exit code $got: $said"
                n_failed=$((n_failed + 1))
                ;;
            esac
        done
    done
else
    echo "no $mpirun here: comm_abort among ranks, and ranks that are gone, not checked"
fi

[ $n_failed = 0 ] && echo "guard.sh: all well"
[ $n_failed = 0 ]
