/* launch_scan: what feature_scan.cu offers to cuda_scan.c: the kernels of a scan, put into a stream; each function
 * returns cudaGetLastError(). All arrays are in GPU memory and owned by cuda_scan.c. */
#ifndef JACQUARD_KERNELS_HAAR_LAUNCH_SCAN_H
#define JACQUARD_KERNELS_HAAR_LAUNCH_SCAN_H

#include "compute/haar/scan.h"

#include <cuda_runtime_api.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A feature as the sweep reads it: where its corners lie in a block's table, in bytes, and its integer test:
 * first * factor_first - second * factor_second is beyond +-limit. What the offsets and sums are depends on the type.
 */
struct scan_step {
    int32_t base; /* top left corner; the highest bit is set where the row above cannot be taken over from the step
                     before */
    int32_t p, q, r, s;
    int32_t factor_first, factor_second;
    int32_t limit;
};

/* How a block holds the integral images of its group, i32 [entries, 32 * per_lane], by what the images' size lets fit.
 */
struct scan_layout {
    int per_lane;   /* images a lane: 1 or 2 */
    bool is_shared; /* in shared memory; else each block has its own piece of global memory */
    size_t table_bytes;
    size_t queue_at, shared_bytes; /* of a block's shared memory: where its warps' queues of records begin; all of it */
};

struct scan_work {
    struct scan_layout layout;
    int width, height;
    enum scan_rule rule;
    int32_t threshold;
    uint32_t type_first[SCAN_TYPES + 1]; /* where each type's features begin; the last: n_features */
    struct haar_feature *feature;        /* [n_features], 8-byte aligned */
    struct scan_step *step;              /* [n_features + 1], 16-byte aligned; the last is read but not used */
    int64_t n_images, first_image;
    uint8_t *pixels;             /* u8 [n_images, height, width] */
    uint8_t *labels;             /* u8 [n_images] or NULL */
    int32_t *table;              /* [n_blocks, table_bytes]; NULL where shared */
    int n_blocks;                /* that share out the work */
    int n_slices;                /* the features of a group are cut in so many pieces, a block each */
    unsigned long long *count;   /* [2, SCAN_TYPES], added to */
    unsigned long long *n_found; /* records that there are, added to: also those beyond room */
    uint64_t *record;            /* [room], in any order; NULL: only counted */
    uint64_t room;
};

struct scan_layout scan_layout_of(int width, int height, size_t shared_block_bytes);
/* *n: blocks that an SM has at once, at least 1. */
cudaError_t scan_blocks_per_sm(struct scan_layout layout, int *n);

/* Fills work->step. */
cudaError_t launch_scan_steps(const struct scan_work *work, cudaStream_t stream);

cudaError_t launch_scan(const struct scan_work *work, cudaStream_t stream);

/* Sorts n records, of images below n_images_bound. *scratch_bytes for n records is asked for first, with scratch NULL.
 */
cudaError_t launch_scan_sort(const uint64_t *record, uint64_t *sorted, size_t n, int64_t n_images_bound, void *scratch,
                             size_t *scratch_bytes, cudaStream_t stream);

#ifdef __cplusplus
}
#endif

#endif
