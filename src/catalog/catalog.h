/* catalog: a whole film collection becomes barcodes, over all ranks. */
#ifndef JACQUARD_CATALOG_CATALOG_H
#define JACQUARD_CATALOG_CATALOG_H

#include "catalog/config.h"
#include "mpi/comm.h"

#include <stdatomic.h>

/* Collective. Every rank comes back with the same status: ST_OK when every film of this run's share is done; ST_FORMAT
 * where some have failed (OUT/report.json says why); ST_NO_MATCH where there is no film; ST_INTERRUPTED after a signal
 * or when the time is up with films left: the same command goes on from there. *n_signals is counted up by the signal
 * handler: one ends soon and keeps what is begun, two end at once. Rank 0 alone looks for films and keeps the books;
 * all ranks must see films and OUT under the same names. */
enum status catalog_run(struct comm *comm, const struct catalog_config *config, atomic_int *n_signals);

#endif
