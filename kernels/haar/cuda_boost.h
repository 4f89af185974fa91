/* cuda_boost: what the files of the GPU's trainer share: an instance (cuda_boost.c), the search (cuda_search.c), the
 * sketch before it (cuda_sketch.c). */
#ifndef JACQUARD_KERNELS_HAAR_CUDA_BOOST_H
#define JACQUARD_KERNELS_HAAR_CUDA_BOOST_H

#include "compute/haar/boost.h"
#include "kernels/gpu.h"
#include "kernels/haar/launch_boost.h"

struct cuda_boost_results { /* pinned */
    struct boost_best best[BOOST_MAX_LEAVES];
    int64_t spread[HAAR_SPREAD];
    int64_t sums[BOOST_MAX_LEAVES * BOOST_MAX_COLUMNS];
    int64_t n_errors;
    uint32_t n_selected;
};

struct cuda_boost {
    struct boost_setup setup;
    struct gpu gpu;
    size_t n_entries; /* of an image */

    struct boost_all all;
    uint8_t *scratch; /* [scratch_bytes] */
    size_t scratch_bytes;
    unsigned long long *spread, *sums, *n_errors;
    struct cuda_boost_results *results;

    struct boost_search search;     /* with the active images */
    struct boost_images trimmed;    /* the copies; n as it happens to be */
    size_t trimmed_room;            /* images */
    uint32_t *n_selected, *counter; /* scratch of the selection */
    uint8_t *flag;
    int32_t *histograms;     /* [setup.histogram_bytes] or less: a chunk's, or two halves where shards add up */
    cudaStream_t sum_stream; /* only where shards add up */
    cudaEvent_t filled[2];   /* likewise: a half's histograms are made */
    struct haar_feature *feature, *host_feature; /* [most_features]; the latter pinned */
    size_t bins_bytes;
    bool has_list, is_binned; /* the list is on the GPU; all its bins are */
    uint64_t list_number;

    /* Only where setup.is_sketching. */
    uint8_t *codes; /* [codes_bytes]: of a list, or of as many features at a time as fit */
    size_t codes_bytes;
    bool is_coded; /* all codes of list coded_number are there, of the active images */
    uint64_t coded_number;
    uint32_t *digits;
    int32_t *column_total;
    uint16_t *step, *host_step; /* [most_features]; the latter pinned */
};

/* GPU memory, zeroed so that padding is never uninitialised; freed with the instance. *pointer_to becomes its place. */
enum status cuda_boost_reserve(struct cuda_boost *b, void *pointer_to, size_t bytes, const char *what);
/* Waits for the stream's work so far and copies its results. */
enum status cuda_boost_fetch(const struct cuda_boost *b, void *pinned, const void *from, size_t bytes,
                             const char *what);
/* Images in a padded row. */
size_t cuda_boost_stride(size_t n_images);

/* The steps of the search: open takes what memory is left for bins and codes. */
enum status cuda_search_open(struct cuda_boost *b);
enum status cuda_search_take_list(struct cuda_boost *b, uint32_t n_features, const struct haar_feature *feature,
                                  uint64_t list_number);
enum status cuda_search(void *priv, uint32_t n_features, const struct haar_feature *feature, uint64_t list_number,
                        int n_nodes, const int *node, struct boost_best *best);

/* Likewise of the sketch, but for the memory of the codes. */
enum status cuda_sketch_open(struct cuda_boost *b);
enum status cuda_sketch(void *priv, uint32_t n_features, const struct haar_feature *feature, uint64_t list_number,
                        int node, uint16_t *step);

#endif
