/* comm_mpi.h: what the files that see <mpi.h> share; private to comm_mpi*.c. MPI is called by two threads, the main one
 * and the watch (watch.h), one at a time (MPI_THREAD_SERIALIZED): every call stands in MPI_ALONE. */
#ifndef JACQUARD_MPI_COMM_MPI_H
#define JACQUARD_MPI_COMM_MPI_H

#include "mpi/watch.h"

#include <mpi.h>

/* The value of an MPI call that nobody else's runs beside. */
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

#endif
