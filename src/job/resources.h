/* resources: what a rank computes with: the backend, its GPU, its share of the host's cores. */
#ifndef JACQUARD_JOB_RESOURCES_H
#define JACQUARD_JOB_RESOURCES_H

#include "compute/compute.h"
#include "mpi/comm.h"

struct resources {
    const struct compute_ops *ops;
    int device;                        /* CUDA ordinal, by the rank's place on its host; 0 for cpu */
    int threads;                       /* at least 1 */
    int n_gpu_sharers, n_host_sharers; /* processes at such work on its GPU and its host, itself too */
};

/* backend: as compute_by_name; threads: 0 = this rank's share of the cores it may run on. Notes where a launcher has
 * bound the rank to fewer. Local; ST_USAGE for another name, ST_UNSUPPORTED where the backend has nothing to run on. */
enum status resources_choose(const struct comm *comm, const char *backend, int threads, struct resources *r);

/* "cuda: NVIDIA H200 ..., 16 threads" */
void resources_describe(const struct resources *r, char *text, size_t bytes);

#endif
