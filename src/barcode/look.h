/* look: what a film shows, seen before it is planned: up to 64 frames, spread over the range that is drawn, are decoded
 * in software, the same ones on every backend and any number of ranks, which share the work. */
#ifndef JACQUARD_BARCODE_LOOK_H
#define JACQUARD_BARCODE_LOOK_H

#include "barcode/plan.h"
#include "mpi/comm.h"

/* Collective. Fills film->info.look on all ranks. Key frames are looked at where there are enough, since each takes one
 * picture to decode; else frames between them too, and little of the film is passed over: as long as a column for every
 * frame takes to decode. A frame that does not come out shows nothing. progress, which may be NULL, is called
 * by any thread, one at a time, for each frame that was looked at. */
enum status look_at_film(struct comm *comm, struct film *film, const struct sampling *sampling, int threads,
                         const atomic_int *stop, film_progress *progress, void *context);

#endif
