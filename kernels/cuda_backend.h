/* cuda_backend: an instance of the GPU backend, as cuda.c and cuda_convert.c share it. An instance has one CUDA stream,
 * in which its work runs in order; that of other threads' instances overlaps with it. Private to them. */
#ifndef JACQUARD_KERNELS_CUDA_BACKEND_H
#define JACQUARD_KERNELS_CUDA_BACKEND_H

#include "kernels/gpu.h"
#include "kernels/launch.h"
#include "kernels/timing.h"

enum { CUDA_MAX_STAGING = CONVERT_MAX_JOBS };

struct cuda_staging {
    uint8_t *bytes;   /* pinned */
    cudaEvent_t sent; /* its last copy to the GPU */
};

struct cuda {
    struct compute_setup setup;
    struct gpu gpu;
    uint32_t n_pixels;
    size_t n_lines; /* 0 without want_lines */
    int chunk;      /* slots clustered at a time */
    cudaEvent_t decoded;
    cudaEvent_t stage_began, stage_ended; /* for timing only */
    bool timed;

    struct cuda_staging staging[CUDA_MAX_STAGING];
    int n_staging;
    size_t staging_bytes;
    uint8_t *frame;                              /* on the GPU: [n_staging, staging_bytes] */
    struct convert_job staged[CUDA_MAX_STAGING]; /* on their way in the first n_staged of these */
    int n_staged;

    struct transfer *transfer; /* on the GPU, as all arrays from here to the results */
    struct tone *tone;         /* NULL: samples are sRGB as they are */
    uint32_t *key;             /* [batch, n_pixels] */
    struct space *space;       /* NULL: sRGB */
    struct weights *weights;   /* NULL: pixels count 1 each */
    uint32_t *in_space;        /* [chunk, n_pixels]: a chunk's keys in it */
    void *points;              /* scratch of a chunk, see levels; of pixels */
    struct kmeans_work work;
    int64_t *frame_number;           /* [batch] */
    struct frame_clusters *clusters; /* [batch] */
    unsigned long long *light_sum;   /* [batch, 3] */
    uint8_t *lines;                  /* [batch, n_lines, 3] */

    int64_t *host_frame_number; /* pinned, as the following: the same shapes */
    struct frame_clusters *host_clusters;
    unsigned long long *host_light_sum;
    uint8_t *host_lines;
};

/* cuda.c. Before and after a step, where it is timed. */
enum status cuda_stage_begin(struct cuda *cuda);
enum status cuda_stage_end(struct cuda *cuda, enum cuda_stage stage);

/* Runs one step of the stream. */
#define CUDA_STEP(cuda, stage, call)                                                                                   \
    do {                                                                                                               \
        TRY(cuda_stage_begin(cuda));                                                                                   \
        CUDA_TRY(&(cuda)->gpu, (call), "start the step %s", cuda_stage_name(stage));                                   \
        TRY(cuda_stage_end(cuda, stage));                                                                              \
    } while (0)

/* cuda_convert.c. convert, load and pixels of the table; what is still on its way is converted. */
enum status cuda_convert(void *priv, int slot, const struct frame *f);
enum status cuda_load(void *priv, int slot, const struct compute_file *file, int64_t at, uint8_t digest[SHA256_BYTES]);
enum status cuda_pixels(void *priv, int slot, uint8_t *rgb);
enum status cuda_convert_staged(struct cuda *cuda);

/* compute_ops.copy_speed. Takes 2 GiB of the GPU while it runs, or half of what is free. */
enum status cuda_copy_speed(int device, int threads, double *bytes_a_second);

#endif
