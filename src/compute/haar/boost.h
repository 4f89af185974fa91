/* boost: the compute seam of training and evaluation: one rank's images with their integral images, scores and weights,
 * and the steps of AdaBoost.MH on them (Schapire, Singer: Improved Boosting Algorithms Using Confidence-rated
 * Predictions, 1999; Hamming trees and products: Kegl, Busa-Fekete: Boosting products of base classifiers, ICML 2009).
 * `cpu` is the definition, `cuda` gives the same bits. An instance belongs to one thread. All functions are Local, but
 * search calls setup.sum, which is collective where there are data shards.
 *
 * The life of an instance: open, load (all images), then a round at a time:
 *   now and then  spread, activate      which images take part in the search (weight trimming)
 *   weigh                               weights of the active images, all of them in node 0
 *   search, split, search, split, ...   grow a tree; or for a product: weigh, search, weigh, search ...
 *   leaves, vote                        the finished weak learner: sums of the weights in its leaves, new scores
 * An instance that only evaluates is opened with is_searching = false and uses load, leaves, vote, errors, scores. */
#ifndef JACQUARD_COMPUTE_HAAR_BOOST_H
#define JACQUARD_COMPUTE_HAAR_BOOST_H

#include "base/status.h"
#include "compute/haar/feature.h"
#include "compute/haar/weight.h"

#include <stddef.h>

enum {
    BOOST_MAX_LEAVES = 32,
    BOOST_MAX_TERMS = 5, /* 2^5 = BOOST_MAX_LEAVES */
    BOOST_MAX_COLUMNS = 2 * HAAR_MAX_CLASSES
};

/* A weak learner maps an image to a leaf; every leaf has one vote a class. A stump is a product of one term. */
enum weak_kind { WEAK_TREE, WEAK_PRODUCT };

struct weak_node {
    struct haar_feature feature;
    int32_t cut;      /* value >= cut goes right */
    int16_t child[2]; /* tree: left, right; >= 0 a node (a higher number than this one's), < 0 the leaf -1 - child */
};

struct weak {
    enum weak_kind kind;
    int32_t n_nodes;  /* tree: n_leaves - 1, from the root (0 for a lone leaf); product: its terms */
    int32_t n_leaves; /* product: 2^terms; bit t of a leaf's number is set where term t goes right */
    struct weak_node node[BOOST_MAX_LEAVES];
};

/* The exponents of the weights at score 0, in 1/65536 octaves: of an image's own label, and of every other class. */
struct boost_scale {
    int32_t right, wrong;
};

/* A search sorts the weights into columns: split columns, for trees: [0, K) the weights of the images that do not have
 * class l, [K, 2K) of those that do; signed columns, for stumps and products: [0, K) the weights with the sign of y. */
enum boost_columns { BOOST_SPLIT, BOOST_SIGNED };

/* A term that a product holds already: flips the sign of (image, l) where v[l] * (value >= cut ? +1 : -1) is -1. */
struct boost_term {
    struct haar_feature feature;
    int32_t cut;
    int8_t v[HAAR_MAX_CLASSES]; /* +1 or -1 */
};

/* The best cut of a node's images. below and total are sums of coarse weights, by columns. */
struct boost_best {
    uint64_t loss;    /* the lower the better; UINT64_MAX: no cut leaves weight on both sides */
    uint32_t feature; /* index into the list that was searched */
    int32_t bin;      /* 1..255: bin >= this goes right */
    int32_t next;     /* the lowest bin >= bin with a column that is not 0: cuts up to it are alike */
    int32_t total[BOOST_MAX_COLUMNS];
    int32_t below[BOOST_MAX_COLUMNS]; /* of the images left of the cut */
};

/* The loss of a cut, from what is left and right of it, lower is better; ties: the lowest feature, then lowest bin.
 * BOOST_SPLIT: Z / 2 = sum over l, ascending, of sqrt(W+ W-) left + sqrt(W+ W-) right, in float with each operation
 * rounded on its own, as the float's bits. BOOST_SIGNED: 2^62 - sum over l of |total_l - 2 below_l|. */
HOST_DEVICE float boost_root(int32_t negative, int32_t positive)
{
#ifdef __CUDA_ARCH__
    return __fsqrt_rn(__fmul_rn(__int2float_rn(negative), __int2float_rn(positive)));
#else
    return sqrtf((float)negative * (float)positive);
#endif
}
/* z of the classes so far -> z with class l: z + (left + right). */
HOST_DEVICE float boost_add_class(float z, int32_t total_negative, int32_t total_positive, int32_t below_negative,
                                  int32_t below_positive)
{
    const float left = boost_root(below_negative, below_positive);
    const float right = boost_root(total_negative - below_negative, total_positive - below_positive);
#ifdef __CUDA_ARCH__
    return __fadd_rn(z, __fadd_rn(left, right));
#else
    return z + (left + right);
#endif
}
HOST_DEVICE int64_t boost_edge_of_class(int32_t total, int32_t below)
{
    const int64_t g = (int64_t)total - 2 * (int64_t)below;
    return g < 0 ? -g : g;
}
static const uint64_t boost_signed_top = (uint64_t)1 << 62;

HOST_DEVICE bool boost_is_better(const struct boost_best *a, const struct boost_best *than)
{
    return a->loss < than->loss || (a->loss == than->loss && a->feature < than->feature);
}

/* How shards add up and exchange what they found; calls come in the same order, with the same n, everywhere. NULL
 * functions: one shard. values lie in host memory, or on the GPU where the backend shares CUDA: then stream is the
 * cudaStream_t whose work so far the sum comes after and whose later work comes after the sum. Sums fit. */
struct boost_sum {
    void *context;
    int n_shards, shard; /* how many, which one this is */
    /* A search with fewer bytes of histograms is summed whole, and every shard looks at all sums: one collective. In
     * others each shard gets the sums of its own features of a chunk, and the shards tell each other their best. */
    size_t scatter_bytes;
    /* values[n] become their sums over all shards. */
    enum status (*sum_i32)(void *context, int32_t *values, size_t n, void *stream);
    /* values[n_shards, n]: row `shard` becomes its sum over all shards; the others hold nothing any more. */
    enum status (*reduce_scatter_i32)(void *context, int32_t *values, size_t n, void *stream);
    /* all[n_shards, bytes] in host memory: every shard's data[bytes], likewise. */
    enum status (*all_gather)(void *context, const void *data, size_t bytes, void *all);
};

/* The best of all shards, where each has looked at features of its own; among equals the lowest feature. */
enum status boost_choose(const struct boost_sum *sum, int n_nodes, struct boost_best *best);

struct boost_setup {
    int device;    /* cuda: ordinal */
    int n_threads; /* cpu; at least 1 */
    int width, height, n_channels, n_classes;
    int64_t n_images; /* of this rank, at least 0 */
    bool is_searching;
    bool is_sketching; /* sketch will be called: there is to be room for it */
    size_t most_room;  /* cuda: bytes for bins and codes at most; 0: as many as there are */
    enum boost_columns columns;
    int most_nodes;         /* a search looks at up to so many nodes at once */
    uint32_t most_features; /* a search's list is at most so long */
    size_t histogram_bytes; /* room for the histograms of one chunk of the list: the same on all ranks, since each chunk
                               is one sum; at least 2 n_shards features': 256 * 2K * 4 * most_nodes each */
    struct boost_sum sum;
};

/* How a search goes through its list: a chunk of n features at a time, which is also one sum. n_rows: n_shards where
 * the sums are scattered, else 1; n is a multiple of it. has_halves: the list is longer than one chunk, and shards add
 * up: there is room for two chunks, one to be filled while the other is summed. The same on all ranks. */
struct boost_chunks {
    uint32_t n_features, n;
    uint32_t n_rows, row;
    bool has_halves;
};
/* The chunk at `first` has n features, in rows of `row` (the last may have fewer, or none: then sums of anything
 * follow); this shard looks at n_mine from mine on. */
struct boost_chunk {
    uint32_t n, row, mine, n_mine;
};
struct boost_chunks boost_plan_chunks(const struct boost_setup *setup, uint32_t n_features, int n_nodes);
struct boost_chunk boost_chunk_at(const struct boost_chunks *chunks, uint32_t first);

/* In compute.h every backend names its table: compute_ops.boost. */
struct boost_ops {
    size_t priv_bytes;
    enum status (*open)(void *priv, const struct boost_setup *setup);
    void (*close)(void *priv); /* also after a failed open */

    /* Images [first, first + n): pixels u8 [n, n_channels, height, width], labels u8 [n] below n_classes. Their scores
     * become 0. Nothing is kept of the arguments. */
    enum status (*load)(void *priv, int64_t first, int64_t n, const uint8_t *pixels, const uint8_t *labels);

    /* spread[i] becomes the sum of s over the images with haar_spread_step(s) = i, s = an image's fine weights' sum. */
    enum status (*spread)(void *priv, struct boost_scale scale, int64_t spread[HAAR_SPREAD]);
    /* The images whose step is at least lowest take part in the search from now on. */
    enum status (*activate)(void *priv, struct boost_scale scale, int lowest, int64_t *n_active);

    /* Weights of the active images from their scores, each sign flipped by all terms (BOOST_SIGNED only); all of them
     * are in node 0 then. */
    enum status (*weigh)(void *priv, struct boost_scale scale, int n_terms, const struct boost_term *term);

    /* The best cut for each of n_nodes nodes (numbers below BOOST_MAX_LEAVES) over the list's features. list_number
     * tells lists apart: the same number as in the call before means the same list. */
    enum status (*search)(void *priv, uint32_t n_features, const struct haar_feature *feature, uint64_t list_number,
                          int n_nodes, const int *node, struct boost_best *best);

    /* How promising each of the list's features is for a node: steps u16 [n_features] as sketch.h says. list_number as
     * for search, which is not told by the same numbers. Only where setup.is_sketching; ST_BUG where shards add up. */
    enum status (*sketch)(void *priv, uint32_t n_features, const struct haar_feature *feature, uint64_t list_number,
                          int node, uint16_t *step);

    /* Active images of the node with value >= cut go to new_node. */
    enum status (*split)(void *priv, int node, struct haar_feature feature, int32_t cut, int new_node);

    /* Finds every image's leaf (all images, not only the active ones). sums, if not NULL, become the sums of fine
     * weights i64 [n_leaves, n_classes, 2]: [.., 0] of images with another label, [.., 1] of those with label l. */
    enum status (*leaves)(void *priv, const struct weak *weak, struct boost_scale scale, int64_t *sums);
    /* Adds votes i32 [n_leaves, n_classes] of each image's leaf to its scores, as haar_add_vote does. */
    enum status (*vote)(void *priv, int n_leaves, const int32_t *votes);

    /* Images whose highest score (the lowest class among equals) is not their label's. */
    enum status (*errors)(void *priv, int64_t *n_errors);
    /* i32 [n_images, n_classes] */
    enum status (*scores)(void *priv, int32_t *scores);
};

extern const struct boost_ops boost_cpu;
extern const struct boost_ops boost_cuda; /* not there in a build without CUDA */

#endif
