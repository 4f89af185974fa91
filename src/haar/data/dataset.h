/* dataset: labelled images in memory, a rank's share of an IDX pair. */
#ifndef JACQUARD_HAAR_DATASET_H
#define JACQUARD_HAAR_DATASET_H

#include "mpi/comm.h"

#include <stdint.h>

struct dataset {
    int width, height;
    int n_classes;        /* highest label of the whole file + 1, at least 2; 0 without labels */
    int64_t n_total;      /* images in the range */
    int64_t first, n;     /* this rank's: [first, first + n), counted from the start of the range */
    uint8_t *pixels;      /* u8 [n, height, width], heap */
    uint8_t *labels;      /* u8 [n], heap; NULL without */
    uint32_t fingerprint; /* CRC-32 of all labels and of the image header: the same on all ranks */
    uint32_t pixel_sum; /* sum of a hash of each of this rank's images and its number: the sums of all shares add up to
                           that of the whole range, modulo 2^32 */
};

/* Half-open share `part` of n things cut into n_parts, as evenly as possible. */
static inline int64_t dataset_share(int64_t n, int part, int n_parts)
{
    return n * part / n_parts;
}

/* Which of a file's images are wanted; the shares are cut within them. */
struct dataset_range {
    int64_t first, n; /* n = -1: to the end */
};

/* Collective over comm only in that all ranks agree on the outcome: each reads its own share (part of n_parts) of the
 * range. labels may be NULL. ST_FORMAT: images and labels differ in number, a file is bad (see idx.h), a label is
 * above 63, a rank's files have another fingerprint than rank 0's; ST_USAGE: the range leaves the file or is empty.
 * *set ends with dataset_release, also after a failure. */
enum status dataset_load(struct comm *comm, const char *images, const char *labels, struct dataset_range range,
                         int part, int n_parts, struct dataset *set);
void dataset_release(struct dataset *set);

#endif
