/* scan: the compute seam of `jacquard scan`: every feature of a list on every image; those over the threshold are
 * counted and, where wanted, recorded. `cpu` is the definition, `cuda` gives the same bits. Local. */
#ifndef JACQUARD_COMPUTE_HAAR_SCAN_H
#define JACQUARD_COMPUTE_HAAR_SCAN_H

#include "base/status.h"
#include "compute/haar/feature.h"

#include <stddef.h>

/* The test of a feature: white and black are plain pixel sums, rows or columns of both parts their measure.
 * SCAN_SEED, the rule of the student project: |white / n_white - black / n_black| > threshold * (other side - 1), n_ of
 * rows for *_H and columns for *_V, the other side the one across; QUAD: areas, and > threshold. In float: each
 * division, the difference and the comparison round on their own. Passing features with white == black are not kept.
 * SCAN_MEAN: |white / white area - black / black area| > threshold, exactly, in integers. No BOX. */
enum scan_rule { SCAN_SEED, SCAN_MEAN };

enum { SCAN_TYPES = 5 }; /* EDGE_H .. QUAD */

/* A record: image 23 bits (from the top) | type 3 | x 5 | y 5 | w - 1 5 | h - 1 5 | white - black 18, two's complement.
 * In the order of these numbers, records are sorted by image, type, x, y, w, h. For images of up to 32 x 32 pixels. */
enum { SCAN_MAX_RECORD_SIDE = 32, SCAN_MAX_RECORD_IMAGES = 1 << 23 };

struct scan_job {
    int device, n_threads;
    int width, height; /* one channel */
    enum scan_rule rule;
    int32_t threshold; /* 0..255 */
    uint32_t n_features;
    const struct haar_feature *feature; /* sorted by type, x, y, w, h */
    int64_t n_images;                   /* of this rank */
    int64_t first_image;                /* number of the first: for the records */
    const uint8_t *pixels;              /* u8 [n_images, height, width] */
    const uint8_t *labels;              /* u8 [n_images] or NULL */

    /* Called with sorted records, from the caller's thread: those of all calls, one after the other, are sorted too.
     * What it returns but ST_OK ends the scan. NULL: only count. */
    void *context;
    enum status (*take)(void *context, const uint64_t *record, size_t n);
    /* Now and then: how many images are done. May be NULL. */
    void (*progress)(void *context, int64_t n_done);
};

struct scan_result {
    int64_t count[2][SCAN_TYPES]; /* [0]: images with label 0, [1]: others, or all without labels */
    double kernel_seconds;        /* cuda: the kernels alone, by device events (integral images, scan, compaction); cpu:
                                     the same work's wall time */
};

/* Fills *result, whatever it held. */
typedef enum status scan_function(const struct scan_job *job, struct scan_result *result);

scan_function scan_cpu;
extern scan_function scan_cuda; /* not there in a build without CUDA */

#endif
