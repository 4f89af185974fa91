/* comm_mpi.h: what the files that see <mpi.h> share; private to comm_mpi*.c. MPI is called by two threads, the main one
 * and the watch (watch.h), one at a time (MPI_THREAD_SERIALIZED): every call stands in MPI_ALONE. */
#ifndef JACQUARD_MPI_COMM_MPI_H
#define JACQUARD_MPI_COMM_MPI_H

#include "mpi/comm.h"
#include "mpi/watch.h"

#include <mpi.h>

/* The value of an MPI call, made while no other thread is in MPI. */
#define MPI_ALONE(call) (watch_lock(), comm_mpi_unlocked(call))

static inline int comm_mpi_unlocked(int error)
{
    watch_unlock();
    return error;
}

/* A FAIL with ST_COMM; `what` says what was tried. */
enum status comm_mpi_fault(int error, const char *what);

#define TRY_MPI(call, what)                                                                                            \
    do {                                                                                                               \
        const int try_error = MPI_ALONE(call);                                                                         \
        if (try_error != MPI_SUCCESS)                                                                                  \
            return comm_mpi_fault(try_error, what);                                                                    \
    } while (0)

struct message; /* under way */

struct messages {
    struct message *first, *last;
};

/* What comm.h leaves to comm_mpi. The arrays have one entry a rank and serve the gathers: what is allocated before a
 * collective cannot fail inside it. */
struct comm_group {
    MPI_Comm mpi;
    uint64_t *part_bytes;
    int *counts, *offsets;
    struct messages sent, coming; /* coming: in the order in which MPI has them */
};

/* ---- comm_mpi_messages.c: as in comm_ops.h, and: ---- */

enum status comm_mpi_post(struct comm *comm, int to, const void *data, size_t bytes);
enum status comm_mpi_take(struct comm *comm, void *data, size_t room, size_t *bytes, int *from);

/* *arrived is the next message, out of its list and whole (free it); NULL where there is none now. */
enum status messages_next(struct comm_group *group, struct message **arrived);

/* What is under way is left to MPI for the rest of the process. */
void messages_give_up(struct messages *messages);

#endif
