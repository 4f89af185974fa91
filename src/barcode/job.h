/* job: a film becomes a barcode, over all ranks: index, plan, extraction, gather, verify, write. */
#ifndef JACQUARD_BARCODE_JOB_H
#define JACQUARD_BARCODE_JOB_H

#include "barcode/config.h"
#include "base/status.h"
#include "mpi/comm.h"

#include <stdatomic.h>

/* Collective. Every rank comes back with the same status. Rank 0 alone reads the film's index and writes; results'
 * paths go to stdout. *stop becomes non-zero when the user wants it to end (signal handler): ST_INTERRUPTED, and no
 * output is left. */
enum status barcode_run(struct comm *comm, const struct barcode_config *config, atomic_int *stop);

#endif
