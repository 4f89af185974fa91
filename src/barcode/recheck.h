/* recheck: what was made of a film against the film itself, decoded a second time in the plain way (frame_source.h):
 * the frames of a barcode before it is written, the columns of a side-car long after. Local. */
#ifndef JACQUARD_BARCODE_RECHECK_H
#define JACQUARD_BARCODE_RECHECK_H

#include "barcode/column.h"
#include "barcode/extract.h"

/* The hashes of n of the plan's samples, spread over the film, as they were extracted (hash[n_samples]): ST_MISMATCH,
 * naming film, frame and time of the first, where any is not that of the frame of this number in a plain decode. */
enum status recheck_frames(const struct extract_setup *extract, const char (*hash)[65], int64_t n,
                           film_progress *progress, void *context);

/* n of the barcode's columns, spread over the film, made again from the film at path by the settings of the barcode, on
 * the CPU, and compared with it to the last bit: clusters, counts, inertia, mean, lines. ST_MISMATCH as above. *n_same:
 * columns that were compared and found right. Holds only for what was made by the same version of this program (and
 * of its decoders). Other faults of film and settings as film_open and barcode_settings_read have them. */
enum status recheck_columns(const struct barcode *b, const char *path, int64_t n, const atomic_int *stop,
                            film_progress *progress, void *context, int64_t *n_same);

#endif
