/* comm: the seam between the ranks of a job. `self` is one rank without a launcher; `mpi` is MPI_COMM_WORLD. Every
 * function marked Collective is called by all ranks in the same order. Waiting sleeps rather than spins, so that a rank
 * that waits does not take the processor from one that works. Call from the main thread only. */
#ifndef JACQUARD_MPI_COMM_H
#define JACQUARD_MPI_COMM_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

struct comm {
    int rank, size;
    int node_rank, node_size; /* among the ranks that share this host's memory */
    const struct comm_ops *ops;
};

/* Collective. Joins the world that the launcher made (Open MPI's mpirun, srun with PMI), or stands alone where there is
 * no launcher. ST_USAGE where a launcher started N processes that do not see each other (wrong MPI under srun, say). */
enum status comm_open_world(struct comm *comm);
/* Collective. */
void comm_close(struct comm *comm);

/* Collective. bytes from rank 0's data to everybody's. */
enum status comm_bcast(struct comm *comm, void *data, size_t bytes);

/* Collective. values[n] become their sums over all ranks. */
enum status comm_sum_i64(struct comm *comm, int64_t *values, int n);

/* Collective. Every rank's bytes one after the other in rank order; on rank 0 *all is heap (free it) with *all_bytes,
 * on the others NULL and 0. */
enum status comm_gather(struct comm *comm, const void *data, size_t bytes, void **all, size_t *all_bytes);

/* Collective. All ranks learn the outcome of a phase: the status of the lowest rank that failed, with its message
 * (which says "rank N: " where there are several). ST_OK if all are well. A job stops early only here. */
enum status comm_agree(struct comm *comm, enum status mine);

/* Local. Ends all ranks at once with the exit code; for a rank that cannot go on inside a collective. */
void comm_abort(struct comm *comm, int exit_code);

/* "Open MPI v4.1.4 ..." as the library says it; the NCCL versions, or why there is none. Local. */
void comm_describe(char *text, size_t bytes);
void comm_describe_nccl(char *text, size_t bytes);

#endif
