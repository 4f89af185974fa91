/* terms: what the ranks that make a barcode together must have in common. */
#ifndef JACQUARD_BARCODE_TERMS_H
#define JACQUARD_BARCODE_TERMS_H

#include "barcode/config.h"
#include "mpi/comm.h"

/* Local. For comm_meet: the settings and the rules that decide a barcode's bytes. */
void terms_of_barcode(struct comm *comm, const struct barcode_config *config);

#endif
