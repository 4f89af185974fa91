/* scan_records: the file of what a scan found, as all ranks write it together. Rank 0 writes its records straight into
 * the file; the others keep theirs in a nameless temporary file until rank 0 asks for them, a bounded piece at a time,
 * so that no rank ever holds more than a piece in memory, and ranks need no shared folder.
 *
 *   bytes 0..7    "JQSCAN01"
 *   8, 12         u32 width, height of the images
 *   16, 24        u64 number of images, number of records
 *   32            u64 records (see compute/haar/scan.h), ascending: by image, type, x, y, w, h
 * All little-endian. */
#ifndef JACQUARD_HAAR_SCAN_RECORDS_H
#define JACQUARD_HAAR_SCAN_RECORDS_H

#include "base/file.h"
#include "mpi/comm.h"

#include <stdbool.h>
#include <stdio.h>

struct scan_records {
    struct comm *comm;
    struct file_out out; /* rank 0 */
    FILE *spill;         /* the others */
    int64_t n;           /* of this rank */
};

/* Local. ST_USAGE where the file exists and force is false, ST_IO where it or the temporary one cannot be made. Ends
 * with scan_records_close, also after a failure. */
enum status scan_records_open(struct scan_records *r, struct comm *comm, const char *path, bool force);
void scan_records_close(struct scan_records *r); /* without commit the file does not appear; safe on a zeroed one */

/* Local. The next records of this rank; context is the struct scan_records. */
enum status scan_records_add(void *context, const uint64_t *record, size_t n);

/* Collective. All ranks' records, in rank order, and the header; the outcome is agreed on. */
enum status scan_records_collect(struct scan_records *r, int width, int height, int64_t n_images);

/* Local. On rank 0 the file appears under its name. */
enum status scan_records_commit(struct scan_records *r);

#endif
