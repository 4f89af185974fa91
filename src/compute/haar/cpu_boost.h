/* cpu_boost: what the files of the cpu trainer share: an instance, and a block of images' feature values. */
#ifndef JACQUARD_COMPUTE_HAAR_CPU_BOOST_H
#define JACQUARD_COMPUTE_HAAR_CPU_BOOST_H

#include "base/pool.h"
#include "base/clones.h"
#include "compute/haar/boost.h"

enum { CPU_BOOST_BLOCK = 512 }; /* images evaluated together */

/* Scratch of one thread for the search, which takes features in pairs. */
struct cpu_search {
    int32_t *sums[2];        /* [256, row_lanes]: weights of a bin's images by class */
    int32_t *own[2];         /* [256, n_classes]: of them those of the class's own images (BOOST_SPLIT) */
    int32_t *columns[2];     /* [256, n_columns]: the two, sorted into the seam's columns */
    int32_t *running;        /* [n_columns, 256]: sums of columns up to each occupied bin */
    uint8_t *bins[2];        /* [n_active] where bins are not kept */
    struct boost_best *best; /* [most_nodes] */
};

struct cpu_boost {
    struct boost_setup setup;
    struct pool *pool;
    struct haar_powers powers;
    int n_entries;            /* of an image's integral images, all channels */
    int n_columns, row_lanes; /* row_lanes: n_classes rounded up to whole vectors */

    int32_t *integral; /* [n_entries, n_images] */
    uint8_t *label;    /* [n_images] */
    int32_t *score;    /* [n_images, n_classes] */
    uint8_t *leaf;     /* [n_images] */

    int64_t n_active;
    uint32_t *active;                /* [n_active]: image numbers, ascending */
    int32_t *active_integral;        /* [n_entries, n_active] */
    uint8_t *active_label;           /* [n_active] */
    int32_t *weight;                 /* [n_active, row_lanes]: coarse; lanes past n_classes are 0 */
    int32_t *sketch_weight;          /* likewise, rounded for a sketch; NULL where there is none */
    uint32_t *order, *order_scratch; /* [n_active]: actives, node by node */
    int64_t node_first[BOOST_MAX_LEAVES], node_count[BOOST_MAX_LEAVES]; /* in order[] */

    uint8_t *bins; /* [n_features, n_active] of list_number, or NULL where that is too much */
    uint64_t list_number;
    bool has_list;
    struct cpu_search *search; /* [n_threads] */
    int32_t *histograms;       /* one chunk's, where shards are summed */
};

/* Values of images [first, first + n), n <= CPU_BOOST_BLOCK, of integral [n_entries, n_images]. */
void cpu_boost_values(const struct haar_corners *corners, const int32_t *integral, int64_t n_images, int64_t first,
                      int n, int32_t *value);

/* See struct boost_ops. */
enum status cpu_boost_search(void *priv, uint32_t n_features, const struct haar_feature *feature, uint64_t list_number,
                             int n_nodes, const int *node, struct boost_best *best);
enum status cpu_boost_sketch(void *priv, uint32_t n_features, const struct haar_feature *feature, uint64_t list_number,
                             int node, uint16_t *step);

/* What both do with a list's features: bins u8 [n_active] of n, 1 or 2, from number `first` on, made unless the list is
 * at hand; a lone one is its own partner. */
void cpu_search_bins(struct cpu_boost *b, const struct haar_feature *feature, uint32_t first, int n, bool is_at_hand,
                     int thread, const uint8_t *bins[2]);
bool cpu_search_is_at_hand(const struct cpu_boost *b, uint64_t list_number);
/* The histograms of two features for a node's images, of weights i32 [n_active, row_lanes]; columns: i32
 * [256, n_columns] each, overwritten. */
void cpu_search_histograms(const struct cpu_boost *b, struct cpu_search *s, const int32_t *weight,
                           const uint8_t *const bins[2], int node, int32_t *const columns[2]);
enum status cpu_search_open(struct cpu_boost *b);
enum status cpu_search_activate(struct cpu_boost *b); /* room for the bins of n_active images */
void cpu_search_close(struct cpu_boost *b);

#endif
