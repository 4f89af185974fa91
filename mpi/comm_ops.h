/* comm_ops: what a communicator must be able to do, and what its files share; private to mpi/ and its tests. comm.c
 * turns these into comm.h's functions. All but abort, close, post and take are collective, with comm.h's promises;
 * those from bcast to all_gather are called where there are several ranks. */
#ifndef JACQUARD_MPI_COMM_OPS_H
#define JACQUARD_MPI_COMM_OPS_H

#include "mpi/comm.h"

struct comm_ops {
    void (*close)(struct comm *comm);
    void (*abort)(int exit_code); /* does not come back */
    enum status (*split)(struct comm *comm, int colour, struct comm *part);
    enum status (*bcast)(struct comm *comm, int root, void *data, size_t bytes);
    enum status (*lowest)(struct comm *comm, int *value); /* *value becomes the lowest of all ranks' */
    enum status (*sum_i32)(struct comm *comm, int32_t *values, size_t n);
    enum status (*sum_i64)(struct comm *comm, int64_t *values, size_t n);
    /* n columns of rows that begin `stride` values apart. */
    enum status (*reduce_scatter_i32)(struct comm *comm, int32_t *values, size_t stride, size_t n);
    enum status (*gather)(struct comm *comm, const void *data, size_t bytes, void **all, size_t *all_bytes);
    enum status (*all_gather)(struct comm *comm, const void *data, size_t bytes, void *all);
    enum status (*post)(struct comm *comm, int to, const void *data, size_t bytes); /* `to` and bytes are in range */
    enum status (*take)(struct comm *comm, void *data, size_t room, size_t *bytes, int *from); /* none: as it was */
};

/* What take does with a message that has arrived: data[room] becomes message[message_bytes]. */
enum status comm_hand_over(const void *message, size_t message_bytes, int from, void *data, size_t room);

/* Collective. Joins MPI_COMM_WORLD; where it fails *comm is left as it was. */
enum status comm_open_mpi(struct comm *comm);

/* Collective. As comm_agree, but the message names the rank's host too, and no rank where all failed with the same. */
enum status comm_agree_on_start(struct comm *comm, enum status mine);

/* Local; a part of comm_close. */
void comm_forget_terms(struct comm *comm);

/* Local; a part of comm_close. Never waits long, whatever happened before. */
void comm_gpu_close(struct comm *comm);

void comm_count(struct comm *comm, enum comm_kind kind, size_t bytes, double seconds);

/* A wait by asking again and again: it spins at first, for as long as ranks in step need, then naps in between, at most
 * 1 ms late, at next to no load. `struct patience p = patience_start(s); while (!is_done()) patience_wait(&p);` */
struct patience {
    double spin_until;
    long nap_ns;
};
struct patience patience_start(double spin_seconds);
void patience_wait(struct patience *patience);

/* The most bytes handed to MPI in one call, the same on all ranks: its counts and offsets are ints. Tests make it small
 * (at least 8: one int64_t). */
extern size_t comm_chunk_bytes;

#endif
