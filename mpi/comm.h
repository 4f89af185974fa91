/* comm: the seam between the ranks of a job. `self` is one rank without a launcher; `mpi` is MPI_COMM_WORLD or a part
 * of it. Every function marked Collective is called by all ranks of its communicator in the same order. Waiting sleeps
 * rather than spins, so that a rank that waits does not take the processor from one that works. Call from the main
 * thread only. ST_COMM means that the others cannot be reached any more: the job can only end, by comm_abort. */
#ifndef JACQUARD_MPI_COMM_H
#define JACQUARD_MPI_COMM_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The kinds of calls whose traffic is counted. */
enum comm_kind {
    COMM_BCAST,
    COMM_SUM_I32,
    COMM_SUM_I64,
    COMM_REDUCE_SCATTER_I32,
    COMM_ALL_GATHER,
    COMM_GPU_SUM_I32,
    COMM_GPU_REDUCE_SCATTER_I32,
    N_COMM_KINDS
};

struct comm_traffic {
    int64_t calls;
    int64_t bytes; /* of what was summed (all rows), broadcast or gathered; not what the algorithm moves on the way */
    double
        seconds; /* in the calls, waiting for other ranks included; of NCCL the GPU's time, without earlier kernels */
};

struct comm {
    int rank, size;
    int world_rank;           /* messages name this one; the rank itself except in a part */
    int node_rank, node_size; /* among the world's ranks that share this host's memory; a part keeps the world's */
    const struct comm_ops *ops;
    struct comm_group *group;          /* comm_mpi's own; NULL in `self` */
    struct comm_gpu *gpu;              /* NULL before comm_gpu_open */
    struct self_message *first, *last; /* the messages of `self`; NULL in comm_mpi */
    struct comm_traffic traffic[N_COMM_KINDS];
    struct comm_terms *terms; /* what must match; NULL: nothing yet */
    bool has_met;             /* comm_meet was called, whatever came of it: a rank that ends without goes there first */
};

/* Collective. Joins the world that the launcher made (Open MPI's mpirun, srun with PMI), or stands alone where there is
 * no launcher. ST_USAGE where a launcher started N processes that do not find each other (wrong MPI under srun,
 * say). */
enum status comm_open_world(struct comm *comm);

/* Local. One rank that stands alone, whatever launcher there is. */
void comm_open_self(struct comm *comm);

/* Collective. part becomes the communicator of the ranks that give the same colour (0 or more), in rank order; all of
 * this header works on it. It is closed before comm is. Where it fails part is closed. */
enum status comm_split(struct comm *comm, int colour, struct comm *part);

/* Collective. Closing the world ends MPI; closing a part waits for no other rank, and may follow a fault. Messages that
 * were not taken are lost. Twice is harmless. */
void comm_close(struct comm *comm);

/* Collective. bytes from rank 0's data to everybody's. */
enum status comm_bcast(struct comm *comm, void *data, size_t bytes);

/* Collective. values[n], in host memory, become their sums over all ranks, which must fit the type. */
enum status comm_sum_i32(struct comm *comm, int32_t *values, size_t n);
enum status comm_sum_i64(struct comm *comm, int64_t *values, size_t n);

/* Collective. values i32 [size, n] in host memory: this rank's row becomes its sum over all ranks, which must fit; what
 * the other rows hold afterwards is not said. Moves half of what comm_sum_i32 of the whole does. */
enum status comm_reduce_scatter_i32(struct comm *comm, int32_t *values, size_t n);

/* Collective. Every rank's bytes one after the other in rank order; on rank 0 *all is heap (free it) with *all_bytes,
 * on the others NULL and 0. */
enum status comm_gather(struct comm *comm, const void *data, size_t bytes, void **all, size_t *all_bytes);

/* Collective. The same number of bytes from each rank, in rank order, to everybody: all is [size, bytes]. data may be
 * this rank's place in all, but not overlap it otherwise. */
enum status comm_all_gather(struct comm *comm, const void *data, size_t bytes, void *all);

/* Collective. All ranks learn the outcome of a phase: the status of the lowest rank that failed, with its message
 * (which says "rank N: ", N of the world, where there are several). ST_OK if all are well. A job stops early only
 * here. */
enum status comm_agree(struct comm *comm, enum status mine);

/* Collective. Whether this rank's bytes are rank 0's: nodes may see different files under one name. */
enum status comm_is_same(struct comm *comm, const void *data, size_t bytes, bool *is_same);

/* ---- what the ranks have in common ---- */

/* Local, before comm_meet: what must be the same on every rank because it decides what comes out, or which steps are
 * taken together: its name as a user would say it ("k", "film") and its value as text. Where memory runs out
 * comm_meet says so. */
void comm_must_match(struct comm *comm, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Collective, and the first collective call on the world: all ranks get here, whatever they were started with. mine is
 * what each has come to so far (its options, its files): the lowest rank that failed decides, as in comm_agree. Then
 * what must match is compared with rank 0's: ST_USAGE where it differs, on every rank, with the one line that names the
 * rank, its host and what differs. A rank that fails before it gets here must get here all the same: see has_met. */
enum status comm_meet(struct comm *comm, enum status mine);

/* ---- the end by force, and what leads to it ---- */

/* Local. Ends all ranks of the world at once with the exit code; for a rank that cannot go on inside a collective. */
void comm_abort(struct comm *comm, int exit_code);
/* comm_abort with a fault of this rank, which is logged; nothing where st is ST_OK. */
void comm_end_ranks(struct comm *comm, enum status st);

/* Local; of the process. A rank of the world that gives no sign of life for so many seconds, or is stuck, ends the job
 * with one line that names it and its host, and exit code 1: see watch.h. 0: never. A rank that works is left in peace
 * however long it takes, and so is one that waits for another. */
enum { COMM_RANK_TIMEOUT = 300 }; /* the default */
void comm_set_rank_timeout(double seconds);

/* Local. From here on (true) this rank waits for something outside the job, such as its standard input: being idle is
 * no sign of trouble. */
void comm_rest(bool rests);

/* ---- messages between two ranks ---- */

/* Local. A message of 0 to 1 GiB to the rank `to` of this communicator, which may be this one. It is copied, on its way
 * on return, and does not wait until the receiver takes it: nothing but memory limits how many are under way. Messages
 * from one rank to another arrive in the order they were posted in; between messages and collectives there is no order.
 * A long one may move on only while its sender calls functions of this header: so a rank that posts also calls
 * comm_take now and then. */
enum status comm_post(struct comm *comm, int to, const void *data, size_t bytes);

/* Local. The next message that has arrived, of whichever rank: data[*bytes] from rank *from; *from is -1 (and *bytes 0)
 * where there is none at the moment. Never waits. Each rank's messages come in their order, also where a long one of
 * another rank is still arriving. ST_BUG where it is longer than room: it is lost then. */
enum status comm_take(struct comm *comm, void *data, size_t room, size_t *bytes, int *from);

/* ---- sums between GPUs ---- */

/* Collective, once a communicator. device is this rank's GPU for comm_gpu_sum_i32, which becomes the thread's current
 * one; negative where the rank computes on its CPU. NCCL is used where there are several ranks and each has a GPU of
 * its own, otherwise MPI, for all ranks alike; rank 0 notes why. Two ranks share a GPU if it has the same PCI address
 * on the same host; NCCL_HOSTID tells hosts apart, as it does for NCCL. NCCL_NVLS_ENABLE is 0 unless the environment
 * sets it: NVLink multicast needs rights that containers often lack.
 *
 * NCCL is waited for as MPI is: as long as no rank is silent, stuck, or all wait for each other
 * (comm_set_rank_timeout). JACQUARD_COMM_TIMEOUT (environment) sets a limit in seconds for its start and for each sum
 * besides: a rank that waits longer for the others ends with ST_COMM. Where ranks cannot be watched the limit is 600.
 * ST_UNSUPPORTED where a rank's GPU cannot be used, or the program was built without CUDA. */
enum status comm_gpu_open(struct comm *comm, int device);

/* Local. "NCCL 2.28.3", "MPI through host memory" or "one rank". */
const char *comm_gpu_path(const struct comm *comm);

/* Collective. values[n], in this rank's GPU's memory (host memory where its device is negative), become their sums over
 * all ranks, as comm_sum_i32's. In stream order: after what is queued in stream (a cudaStream_t), and done on return.
 * A fault is ST_COMM. */
enum status comm_gpu_sum_i32(struct comm *comm, int32_t *values, size_t n, void *stream);

/* Collective. The same for comm_reduce_scatter_i32: values i32 [size, n], of which this rank's row becomes its sum. */
enum status comm_gpu_reduce_scatter_i32(struct comm *comm, int32_t *values, size_t n, void *stream);

/* ---- what it is and what it did ---- */

/* Local. The traffic of this communicator since it was opened, without that of its parts. */
void comm_traffic_read(const struct comm *comm, struct comm_traffic traffic[N_COMM_KINDS]);
const char *comm_kind_name(enum comm_kind kind);

/* "Open MPI v4.1.4 ..." as the library says it; the NCCL versions, or why there is none. Local. */
void comm_describe(char *text, size_t bytes);
void comm_describe_nccl(char *text, size_t bytes);

#endif
