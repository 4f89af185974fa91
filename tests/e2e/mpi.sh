# mpi: MPIRUN, the launcher as tests need it: more ranks than cores, as root in a container. Sourced, never run.
# MPIRUN_COMMAND (default mpirun) may name another one, with options.
# shellcheck shell=bash disable=SC2034
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export OMPI_MCA_rmaps_base_oversubscribe=1                        # Open MPI 4
export PRTE_MCA_rmaps_default_mapping_policy=:oversubscribe       # Open MPI 5
export OMPI_MCA_btl_vader_single_copy_mechanism=none OMPI_MCA_hwloc_base_binding_policy=none OMPI_MCA_mpi_yield_when_idle=1
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}
read -ra MPIRUN <<<"${MPIRUN_COMMAND:-mpirun}"
