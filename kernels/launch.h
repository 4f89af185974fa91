/* launch: what the .cu files offer to cuda.c and cuda_convert.c: one C function a step, which puts its kernels into the
 * stream and returns cudaGetLastError(); and the arrays in GPU memory that the steps hand on. Shapes are in [], all
 * arrays are owned by those two. `frame` below counts the frames of one chunk, 0..n_frames-1. */
#ifndef JACQUARD_KERNELS_LAUNCH_H
#define JACQUARD_KERNELS_LAUNCH_H

#include "compute/compute.h"
#include "compute/convert_rules.h"
#include "compute/kmeans_rules.h"
#include "image/transfer.h"

#include <cuda_runtime_api.h>

#ifdef __cplusplus
extern "C" {
#endif

/* --- convert ------------------------------------------------------------------------------------------------------ */

enum { CONVERT_MAX_JOBS = 28 }; /* with their arguments below the 4 KB of a kernel */
enum convert_kind { CONVERT_CHROMA, CONVERT_GREY, CONVERT_RGB };

/* One frame, in GPU memory, and the picture to make of it. Neither is larger than 65535 on a side. */
struct convert_job {
    const void *plane[3];
    int64_t stride[3];
    struct convert_coefs coefs;
    enum convert_kind kind;
    bool interleaved; /* chroma samples are u v u v in plane 1 */
    bool wide;        /* samples are 16 bits */
    int shift, chroma_w_log2, chroma_h_log2;
    uint32_t width, height;       /* of the frame */
    uint32_t to_width, to_height; /* of the picture */
    double inverse;               /* convert_inverse of width x height */
    const struct tone *tone;      /* on the GPU; NULL: samples are sRGB as they are */
    uint32_t *key;                /* [to_height, to_width]: the picture, a pixel is the Morton code of its r, g, b */
};

/* 1 .. CONVERT_MAX_JOBS jobs of one kind, one wide, one size of frame and one of picture. */
cudaError_t launch_convert(const struct convert_job *jobs, int n, const struct transfer *transfer, cudaStream_t stream);

/* u8 [n_pixels, 3] r, g, b from keys. */
cudaError_t launch_pixels(const uint32_t *key, uint32_t n_pixels, uint8_t *rgb, cudaStream_t stream);

/* And back. */
cudaError_t launch_keys(const uint8_t *rgb, uint32_t n_pixels, uint32_t *key, cudaStream_t stream);

/* The same pixels in the space: in_space u32 [n], Morton codes too. */
cudaError_t launch_space(const uint32_t *key, size_t n, const struct space *space, uint32_t *in_space,
                         cudaStream_t stream);

/* --- cells -------------------------------------------------------------------------------------------------------- */

enum {
    CELL_BITS = 12, /* low bits of a key that tell a cell's colours apart */
    CELL_COLOURS = 1 << CELL_BITS,
    CELLS = 1 << (KMEANS_COLOUR_BITS - CELL_BITS),
    CELLS_TILE = 16384, /* pixels that a block counts */
    CELL_LARGE = 512    /* more pixels than this keep a block busy, not a warp */
};

struct cell {
    uint32_t number, start, n; /* key >> CELL_BITS; its pixels in low, start a multiple of 4 */
};

struct cell_counts {
    uint32_t n, n_large;
};

struct cells {
    uint32_t n_pixels;          /* of a frame, <= 2^26 */
    uint32_t low_room;          /* >= n_pixels + 3 min(n_pixels, CELLS), a multiple of 4 */
    const uint32_t *key;        /* [n_frames, n_pixels] */
    uint32_t *next;             /* [n_frames, CELLS]: scratch */
    struct cell *cell;          /* [n_frames, CELLS]: those with pixels, ascending */
    uint16_t *large;            /* [n_frames, CELLS]: which of them are large */
    struct cell_counts *counts; /* [n_frames] */
    uint16_t *low;              /* [n_frames, low_room]: key % CELL_COLOURS, cell by cell, in no order within */
};

cudaError_t launch_cells(const struct cells *cells, int n_frames, cudaStream_t stream);

/* After launch_cells. Adds to frames[c], u32 [CELLS], how many of the frames have pixels in cell c. */
cudaError_t launch_count_cells(const struct cells *cells, int n_frames, uint32_t *frames, cudaStream_t stream);

/* --- levels ------------------------------------------------------------------------------------------------------- */

enum level { LEVEL_EXACT, LEVEL_POLISH, LEVEL_SEARCH, LEVEL_SEED, N_LEVELS };

enum {
    LEVELS_CELL_WORDS = 16, /* counts of a cell; 13 are used */
    LEVELS_POLISH_AT = 0,   /* places of the coarser levels in a frame's room; 4 entries to spare each */
    LEVELS_SEARCH_AT = KMEANS_POLISH_POINTS + 4,
    LEVELS_SEED_AT = LEVELS_SEARCH_AT + KMEANS_SEARCH_POINTS + 4,
    LEVELS_ROOM = LEVELS_SEED_AT + KMEANS_SEED_POINTS + 4
};

/* A level's colours and weights are followed by points of weight 0 up to a multiple of 4. */
struct level_info {
    uint32_t n[N_LEVELS];
    uint32_t n_light;          /* colours of a weight, of the exact level: n but for dark ones */
    int32_t dropped[N_LEVELS]; /* low Morton bits */
};

struct levels {
    struct cells cells;
    uint32_t exact_room; /* >= min(n_pixels, 2^24), a multiple of 4 */
    bool plain;          /* the exact level only */
    uint32_t polish_points, search_points, seed_points;
    const struct weights *weights; /* NULL: a point weighs as much as it has pixels */
    uint32_t max_weight;           /* of a pixel */
    uint32_t *colour, *weight;     /* [n_frames, exact_room] */
    uint32_t *area;                /* [n_frames, exact_room]: pixels; without weights the same as weight */
    uint16_t *cell_heads;   /* [n_frames, CELLS, LEVELS_CELL_WORDS]: [d < CELL_BITS] = points starting in the cell at d
                             * dropped bits; [CELL_BITS] = the highest bit in which it differs from the cell before */
    uint32_t *cell_offset;  /* [n_frames, CELLS, N_LEVELS]: points of each level that start before the cell */
    uint32_t *coarse_first; /* [n_frames, LEVELS_ROOM]: first point of the next finer level, and one past the last */
    uint32_t *coarse_colour, *coarse_weight; /* [n_frames, LEVELS_ROOM] */
    void *coarse_sum;        /* [n_frames, LEVELS_ROOM, 4]: r, g, b and weight, u64 where levels_are_wide, else u32 */
    struct level_info *info; /* [n_frames] */
};

/* Sums over a frame need 64 bits. */
static inline bool levels_are_wide(const struct levels *levels)
{
    return (uint64_t)levels->cells.n_pixels * levels->max_weight * 255 > UINT32_MAX;
}

cudaError_t launch_levels(const struct levels *levels, int n_frames, cudaStream_t stream);

/* --- light -------------------------------------------------------------------------------------------------------- */

struct light_job {
    struct levels levels; /* the exact one is read; cells.key is [n_frames, height, width] */
    uint32_t width, height;
    bool want_lines, lines_are_columns;
    const struct transfer *transfer;
    unsigned long long *sum; /* [n_frames, 3], overwritten */
    uint8_t *lines;          /* [n_frames, n_lines, 3], NULL without want_lines */
};

cudaError_t launch_light(const struct light_job *job, int n_frames, cudaStream_t stream);

/* --- k-means ------------------------------------------------------------------------------------------------------ */

enum { KMEANS_CENTRE_WORDS = 3 * COMPUTE_MAX_K };

struct kmeans_work {
    struct levels levels;
    int k, n_init;
    uint64_t seed;
    struct kmeans_schedule schedule;
    size_t shared_block, shared_sm; /* bytes of shared memory that a block may ask for, that an SM has */
    const int64_t *frame_number;    /* [n_frames] */
    uint16_t *centre;               /* [n_frames, n_init, KMEANS_CENTRE_WORDS] by restart number */
    int64_t *cost;                  /* [n_frames, n_init] */
    uint16_t *last;                 /* [n_frames, n in the last stage]: numbers of the restarts that are left */
    struct frame_clusters *result;  /* [n_frames], as the search lists them: see clusters_arrange */
};

/* Default search: seeds and all stages but the last; the last stage and the polish. */
cudaError_t launch_search(const struct kmeans_work *work, int n_frames, cudaStream_t stream);
cudaError_t launch_refine(const struct kmeans_work *work, int n_frames, cudaStream_t stream);
/* Instead of both: every restart over all colours until it stands still. */
cudaError_t launch_plain(const struct kmeans_work *work, int n_frames, cudaStream_t stream);
/* The best restart on the exact level. */
cudaError_t launch_final(const struct kmeans_work *work, int n_frames, cudaStream_t stream);

#ifdef __cplusplus
}
#endif

#endif
