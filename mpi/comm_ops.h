/* comm_ops: what a communicator must be able to do; private to mpi/ and its tests. comm.c turns these into comm.h's
 * functions. All but abort and close are collective, with comm.h's promises. */
#ifndef JACQUARD_MPI_COMM_OPS_H
#define JACQUARD_MPI_COMM_OPS_H

#include "mpi/comm.h"

struct comm_ops {
    void (*close)(struct comm *comm);
    void (*abort)(int exit_code); /* does not come back */
    enum status (*bcast)(struct comm *comm, int root, void *data, size_t bytes);
    enum status (*lowest)(struct comm *comm, int *value); /* *value becomes the lowest of all ranks' */
    enum status (*sum_i64)(struct comm *comm, int64_t *values, int n);
    enum status (*gather)(struct comm *comm, const void *data, size_t bytes, void **all, size_t *all_bytes);
};

/* Collective. Joins MPI_COMM_WORLD; where it fails *comm is left as it was. */
enum status comm_open_mpi(struct comm *comm);

/* The most bytes handed to MPI in one call, the same on all ranks: its counts and offsets are ints. Tests make it small
 * (at least 8: one int64_t). */
extern size_t comm_chunk_bytes;

#endif
