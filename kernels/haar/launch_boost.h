/* launch_boost: what the .cu files of this folder offer to cuda_boost.c: one C function a step, which puts its kernels
 * into the stream and returns cudaGetLastError(); and the arrays in GPU memory that the steps hand on. Shapes are in
 * [], all arrays are owned by cuda_boost.c. An entry, a score or a bin of all images lies before the next entry, class
 * or feature, so that the lanes of a warp, which are images, read neighbours. */
#ifndef JACQUARD_KERNELS_HAAR_LAUNCH_BOOST_H
#define JACQUARD_KERNELS_HAAR_LAUNCH_BOOST_H

#include "compute/haar/boost.h"

#include <cuda_runtime_api.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    BOOST_PAD = 128,            /* rows over images are padded to a multiple of this, at least to this */
    BOOST_SELECT_IMAGES = 1024, /* of a block of launch_select */
    BOOST_VOTES = 896           /* that travel in a kernel's arguments */
};

/* --- integral images ---------------------------------------------------------------------------------------------- */

struct boost_images {
    uint32_t n;
    size_t stride;     /* images in a row */
    int width, height; /* in pixels */
    int n_channels;
    int32_t *integral; /* [n_channels, height + 1, width + 1, stride]; past n anything, but never uninitialised */
    uint8_t *label;    /* [stride] */
};

/* pixels u8 [n, n_channels, height, width] become the integral images [first, first + n). */
cudaError_t launch_integral(const struct boost_images *images, size_t first, uint32_t n, const uint8_t *pixels,
                            cudaStream_t stream);

/* Copies the images of index u32 [to->n]. */
cudaError_t launch_gather(const struct boost_images *from, const uint32_t *index, const struct boost_images *to,
                          cudaStream_t stream);

/* --- learner ------------------------------------------------------------------------------------------------------ */

struct boost_all { /* of this rank */
    struct boost_images images;
    int n_classes;
    int32_t *score; /* [n_classes, stride] */
    uint8_t *leaf;  /* [stride] */
    const struct haar_powers *powers;
};

struct boost_active { /* the images that take part in the search */
    struct boost_images images;
    uint32_t *index;      /* [n]: their numbers, ascending */
    int32_t *weight;      /* [n_classes, stride]: coarse, with the sign of y and of the terms */
    uint8_t *node;        /* [stride] */
    uint32_t *node_count; /* [BOOST_MAX_LEAVES]: images in each */
};

struct boost_flips { /* a product's terms */
    int32_t n;
    int32_t cut[BOOST_MAX_TERMS];
    struct haar_corners corners[BOOST_MAX_TERMS];
    int8_t v[BOOST_MAX_TERMS][HAAR_MAX_CLASSES];
};

struct boost_walk { /* a weak learner */
    int32_t n_nodes, is_product;
    int32_t cut[BOOST_MAX_LEAVES];
    int16_t child[BOOST_MAX_LEAVES][2];
    struct haar_corners corners[BOOST_MAX_LEAVES];
};

/* spread i64 [HAAR_SPREAD], overwritten. */
cudaError_t launch_spread(const struct boost_all *all, struct boost_scale scale, unsigned long long *spread,
                          cudaStream_t stream);
/* index u32 [n]: the images whose step is at least lowest, and how many; scratch u32 [n / BOOST_SELECT_IMAGES + 1],
 * flag u8 [n]. */
cudaError_t launch_select(const struct boost_all *all, struct boost_scale scale, int lowest, uint32_t *scratch,
                          uint8_t *flag, uint32_t *index, uint32_t *n_selected, cudaStream_t stream);
cudaError_t launch_weigh(const struct boost_all *all, const struct boost_active *active, struct boost_scale scale,
                         const struct boost_flips *flips, cudaStream_t stream);
cudaError_t launch_split(const struct boost_active *active, int node, const struct haar_corners *corners, int32_t cut,
                         int new_node, cudaStream_t stream);
cudaError_t launch_leaves(const struct boost_all *all, const struct boost_walk *walk, cudaStream_t stream);
/* sums i64 [n_leaves, n_classes, 2], overwritten. */
cudaError_t launch_leaf_sums(const struct boost_all *all, int n_leaves, struct boost_scale scale,
                             unsigned long long *sums, cudaStream_t stream);
/* votes i32 [n_leaves, n_classes], in host memory, read before the call returns. */
cudaError_t launch_vote(const struct boost_all *all, int n_leaves, const int32_t *votes, cudaStream_t stream);
cudaError_t launch_errors(const struct boost_all *all, unsigned long long *n_errors, cudaStream_t stream);
/* scores i32 [n, n_classes] of images [first, first + n). */
cudaError_t launch_scores(const struct boost_all *all, size_t first, uint32_t n, int32_t *scores, cudaStream_t stream);

/* --- search ------------------------------------------------------------------------------------------------------- */

struct boost_device {
    int n_sms;
    size_t shared_block, shared_sm; /* bytes of shared memory that a block may ask for, that an SM has */
};

struct boost_search {
    struct boost_active active;
    struct boost_device device;
    int n_classes, n_columns;
    bool is_split;
    int n_nodes;
    uint8_t node[BOOST_MAX_LEAVES];

    /* Items: the searched nodes' images, node by node, each node's padded to a multiple of 4 by items of weight 0. */
    uint32_t *cursor;     /* [BOOST_MAX_LEAVES] */
    uint32_t *item;       /* [boost_item_room(n)]: place among the active images */
    int32_t *item_weight; /* [boost_item_room(n) / 4, n_classes, 4] */

    const struct haar_feature *feature; /* the list */
    uint8_t *bins;                      /* [n_features, active stride], of the part of the list that is at work */
    int32_t *histogram;                 /* [n_features of a chunk, n_nodes, 256, n_columns] */
    uint64_t *loss;                     /* [n_features of a chunk, n_nodes]: of each feature's best cut */
    uint8_t *cut;                       /* likewise: the bin */
    struct boost_best *best;            /* [n_nodes] */
};

static inline size_t boost_item_room(size_t n_images)
{
    return (n_images + 3) / 4 * 4 + 4 * (size_t)BOOST_MAX_LEAVES;
}

cudaError_t launch_search_open(const struct boost_device *device);
/* Bins of features [first, first + n) of the list into bins[0] and on. */
cudaError_t launch_bins(const struct boost_search *search, uint32_t first, uint32_t n, cudaStream_t stream);
cudaError_t launch_items(const struct boost_search *search, cudaStream_t stream);
/* Histograms of the n features whose bins begin at feature `bins_first` of bins, into histogram from its feature
 * `to_first` on; overwritten. */
cudaError_t launch_histograms(const struct boost_search *search, uint32_t bins_first, uint32_t n, uint32_t to_first,
                              cudaStream_t stream);
/* The best cuts of features [first, first + n) of the list, whose histograms begin at histogram, into best: against
 * those that are there already, of lower features, unless these are the first. */
cudaError_t launch_best(const struct boost_search *search, uint32_t first, uint32_t n, bool is_first,
                        cudaStream_t stream);

/* --- sketch ------------------------------------------------------------------------------------------------------- */

enum {
    SKETCH_TILES = 3,                       /* of 8 digit columns */
    SKETCH_PASS_COLUMNS = SKETCH_TILES * 4, /* columns of two digits, whose sums a warp has at once */
    SKETCH_DIGIT_WORDS = SKETCH_TILES * 64  /* digits of 32 images in a pass: [SKETCH_TILES, 32 lanes, 2] words */
};

/* Over a search's columns. */
static inline uint32_t sketch_passes(int n_columns)
{
    return ((uint32_t)n_columns + SKETCH_PASS_COLUMNS - 1) / SKETCH_PASS_COLUMNS;
}

/* Words of digits in a pass over columns, for rows of `stride` images. */
static inline size_t sketch_digit_words(size_t stride)
{
    return stride / 32 * SKETCH_DIGIT_WORDS;
}

cudaError_t launch_sketch_open(const struct boost_device *device);
/* Codes u8 [n, active stride] of the features whose bins are bins[0] and on, of all active images. */
cudaError_t launch_codes(const struct boost_search *search, uint32_t n, uint8_t *codes, cudaStream_t stream);
/* The weights of a node's images, rounded: digits u32 [passes, sketch_digit_words], and their sums i32
 * [BOOST_MAX_COLUMNS] by columns. */
cudaError_t launch_digits(const struct boost_search *search, int node, int shift, uint32_t *digits, int32_t *total,
                          cudaStream_t stream);
/* sums i32 [n, SKETCH_CUTS, n_columns]: of the weights right of each cut. */
cudaError_t launch_sketch_sums(const struct boost_search *search, const uint8_t *codes, const uint32_t *digits,
                               uint32_t n, int32_t *sums, cudaStream_t stream);
/* step u16 [n] */
cudaError_t launch_sketch_steps(const struct boost_search *search, const int32_t *sums, const int32_t *total,
                                uint32_t n, uint16_t *step, cudaStream_t stream);

#ifdef __cplusplus
}
#endif

#endif
