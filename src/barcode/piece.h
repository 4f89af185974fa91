/* piece: a film's barcode made in pieces by processes that share nothing but files, at different times and places: the
 * index, shares of the samples, and the joining of them. Each step keeps what it has in a file, so that it is not lost
 * when the next one is never reached. However it was cut, the barcode has the same bits. Local: the steps are those of
 * pipeline.h, carried by files and a communicator of one rank.
 *
 * pipeline_run does all of it at once; or piece_index -> piece_extract for each share -> piece_join. */
#ifndef JACQUARD_BARCODE_PIECE_H
#define JACQUARD_BARCODE_PIECE_H

#include "barcode/pipeline.h"

/* All need a pipeline whose comm has one rank and whose `kept` is set. */

/* Reads (or finds) the index and keeps it. *splits: the film can be cut. */
enum status piece_index(struct pipeline *p, bool *splits);

/* Share `share` of n_shares of the samples. *drained: it was told to end early and has kept what it has; the same call
 * later goes on from there. */
enum status piece_extract(struct pipeline *p, int share, int n_shares, bool *drained);

/* Puts n_shares together and writes the outputs. *fits false: a share is missing, or the film turned out not to be what
 * its index says (it is damaged, say); pipeline_run with unsplit is then needed. */
enum status piece_join(struct pipeline *p, int n_shares, bool *fits);

#endif
