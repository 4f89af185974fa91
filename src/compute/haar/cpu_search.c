/* cpu_search: the definition of the search: bins, histograms of weights, the best cut. A feature is one piece of work:
 * its bins, then for each node the histogram, which fits the cache, and its cuts. Compiled with -ffp-contract=off. */
#include "compute/haar/cpu_boost.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

static const size_t most_bins_kept = (size_t)1 << 31;

static const struct boost_best no_best = {.loss = UINT64_MAX};

enum status cpu_search_open(struct cpu_boost *b)
{
    const size_t n_threads = (size_t)pool_n_threads(b->pool), n_classes = (size_t)b->setup.n_classes;
    const size_t n_columns = (size_t)b->n_columns;

    b->search = mem_array(n_threads, sizeof *b->search);
    if (!b->search)
        return ST_NOMEM;
    for (size_t t = 0; t < n_threads; t++) {
        struct cpu_search *s = &b->search[t];
        s->sums = mem_array(HAAR_BINS * (size_t)b->row_lanes, sizeof *s->sums);
        s->own = mem_array(HAAR_BINS * n_classes, sizeof *s->own);
        s->columns = mem_array(HAAR_BINS * n_columns, sizeof *s->columns);
        s->running = mem_array(HAAR_BINS * n_columns, sizeof *s->running);
        s->best = mem_array((size_t)b->setup.most_nodes, sizeof *s->best);
        if (!s->sums || !s->own || !s->columns || !s->running || !s->best)
            return ST_NOMEM;
    }
    if (b->setup.sum.sum_i32) {
        b->histograms = mem_array(b->setup.histogram_bytes / sizeof *b->histograms, sizeof *b->histograms);
        if (!b->histograms)
            return ST_NOMEM;
    }
    return ST_OK;
}

void cpu_search_close(struct cpu_boost *b)
{
    for (int t = 0; b->search && t < pool_n_threads(b->pool); t++) {
        struct cpu_search *s = &b->search[t];
        free(s->best);
        free(s->bins);
        free(s->running);
        free(s->columns);
        free(s->own);
        free(s->sums);
    }
    free(b->search);
    free(b->histograms);
    free(b->bins);
}

enum status cpu_search_activate(struct cpu_boost *b)
{
    const size_t n = (size_t)b->n_active;
    bool is_well = true;

    free(b->bins);
    b->bins = NULL;
    b->has_list = false;
    if (b->setup.most_features * n <= most_bins_kept) {
        b->bins = mem_array(b->setup.most_features * n, 1);
        return b->bins ? ST_OK : ST_NOMEM;
    }
    for (int t = 0; t < pool_n_threads(b->pool); t++) {
        free(b->search[t].bins);
        b->search[t].bins = mem_array(n, 1);
        is_well = is_well && b->search[t].bins;
    }
    return is_well ? ST_OK : ST_NOMEM;
}

/* ---- bins ---- */

CPU_CLONES
static void bin_values(struct haar_binning binning, const int32_t *restrict value, int n, uint8_t *restrict bin)
{
    for (int i = 0; i < n; i++)
        bin[i] = (uint8_t)haar_bin(binning, value[i]);
}

static void bin_feature(const struct cpu_boost *b, struct haar_feature feature, uint8_t *bins)
{
    const struct haar_corners corners = haar_corners_of(feature, b->setup.width, b->setup.height);
    const struct haar_binning binning = haar_binning_of(&corners);
    int32_t value[CPU_BOOST_BLOCK];

    for (int64_t first = 0; first < b->n_active; first += CPU_BOOST_BLOCK) {
        const int n = (int)(b->n_active - first < CPU_BOOST_BLOCK ? b->n_active - first : CPU_BOOST_BLOCK);
        cpu_boost_values(&corners, b->active_integral, b->n_active, first, n, value);
        bin_values(binning, value, n, bins + first);
    }
}

/* ---- histograms ---- */

/* n_lanes is a constant where it is called, so that the inner loops become single vector additions. */
static inline __attribute__((always_inline)) void add_rows(int32_t *restrict sums, const int32_t *restrict weight,
                                                           const uint8_t *restrict bins, const uint32_t *restrict order,
                                                           int64_t n, int n_lanes)
{
    for (int64_t i = 0; i < n; i++) {
        const uint32_t j = order[i];
        int32_t *restrict row = sums + bins[j] * n_lanes;
        const int32_t *restrict w = weight + (size_t)j * (size_t)n_lanes;
        for (int l = 0; l < n_lanes; l++)
            row[l] += w[l];
    }
}

CPU_CLONES
static void add_weights(int32_t *sums, const int32_t *weight, const uint8_t *bins, const uint32_t *order, int64_t n,
                        int n_lanes)
{
    if (n_lanes == 8)
        add_rows(sums, weight, bins, order, n, 8);
    else if (n_lanes == 16)
        add_rows(sums, weight, bins, order, n, 16);
    else
        add_rows(sums, weight, bins, order, n, n_lanes);
}

static void add_own_weights(const struct cpu_boost *b, int32_t *own, const uint8_t *bins, int64_t first, int64_t n)
{
    const int n_classes = b->setup.n_classes;

    for (int64_t i = first; i < first + n; i++) {
        const uint32_t j = b->order[i];
        const int l = b->active_label[j];
        own[bins[j] * n_classes + l] += b->weight[(int64_t)j * b->row_lanes + l];
    }
}

/* columns: i32 [256, n_columns], overwritten. */
static void build_histogram(const struct cpu_boost *b, struct cpu_search *s, const uint8_t *bins, int node,
                            int32_t *columns)
{
    const int n_classes = b->setup.n_classes, n_lanes = b->row_lanes, n_columns = b->n_columns;
    const int64_t first = b->node_first[node], n = b->node_count[node];
    const bool is_split = b->setup.columns == BOOST_SPLIT;

    memset(s->sums, 0, HAAR_BINS * (size_t)n_lanes * sizeof *s->sums);
    add_weights(s->sums, b->weight, bins, b->order + first, n, n_lanes);
    if (is_split) {
        memset(s->own, 0, HAAR_BINS * (size_t)n_classes * sizeof *s->own);
        add_own_weights(b, s->own, bins, first, n);
    }
    for (int bin = 0; bin < HAAR_BINS; bin++)
        for (int l = 0; l < n_classes; l++) {
            const int32_t sum = s->sums[bin * n_lanes + l];
            const int32_t own = is_split ? s->own[bin * n_classes + l] : 0;
            columns[bin * n_columns + l] = sum - own;
            if (is_split)
                columns[bin * n_columns + n_classes + l] = own;
        }
}

/* ---- cuts ---- */

/* z[i] for the cut after the i-th occupied bin. running: [2K, 256]. */
CPU_CLONES
static void split_losses(const int32_t *restrict running, int n_classes, int n_cuts, float *restrict z)
{
    for (int i = 0; i < n_cuts; i++)
        z[i] = 0.0f;
    for (int l = 0; l < n_classes; l++) {
        const int32_t *restrict negative = running + l * HAAR_BINS;
        const int32_t *restrict positive = running + (n_classes + l) * HAAR_BINS;
        const int32_t all_negative = negative[n_cuts], all_positive = positive[n_cuts];
        for (int i = 0; i < n_cuts; i++)
            z[i] = boost_add_class(z[i], all_negative, all_positive, negative[i], positive[i]);
    }
}

CPU_CLONES
static void signed_losses(const int32_t *restrict running, int n_classes, int n_cuts, int64_t *restrict edge)
{
    for (int i = 0; i < n_cuts; i++)
        edge[i] = 0;
    for (int l = 0; l < n_classes; l++) {
        const int32_t *restrict sum = running + l * HAAR_BINS;
        const int32_t all = sum[n_cuts];
        for (int i = 0; i < n_cuts; i++)
            edge[i] += boost_edge_of_class(all, sum[i]);
    }
}

/* A cut needs something on both sides. Split columns hold no negative weights, so any two occupied bins will do. */
static bool is_cut(const struct cpu_search *s, int n_columns, int i, int last)
{
    bool has_left = false, has_right = false;

    for (int c = 0; c < n_columns; c++) {
        const int32_t *running = s->running + c * HAAR_BINS;
        has_left = has_left || running[i] != 0;
        has_right = has_right || running[i] != running[last];
    }
    return has_left && has_right;
}

static uint64_t float_bits(float z)
{
    uint32_t bits;

    memcpy(&bits, &z, sizeof bits);
    return bits;
}

/* Takes the feature's best cut into *best if it is better. Cuts between two occupied bins are alike; the lowest is
 * right behind the lower one. */
static void consider(const struct cpu_boost *b, struct cpu_search *s, const int32_t *columns, uint32_t feature,
                     struct boost_best *best)
{
    const int n_columns = b->n_columns;
    int occupied[HAAR_BINS];
    int n = 0;
    float z[HAAR_BINS];
    int64_t edge[HAAR_BINS];

    for (int bin = 0; bin < HAAR_BINS; bin++) {
        bool is_occupied = false;
        for (int c = 0; c < n_columns; c++)
            is_occupied = is_occupied || columns[bin * n_columns + c] != 0;
        if (is_occupied)
            occupied[n++] = bin;
    }
    for (int c = 0; c < n_columns; c++) {
        int32_t sum = 0;
        for (int i = 0; i < n; i++)
            s->running[c * HAAR_BINS + i] = sum += columns[occupied[i] * n_columns + c];
        best->total[c] = sum;
    }
    if (n < 2)
        return;
    if (b->setup.columns == BOOST_SPLIT)
        split_losses(s->running, b->setup.n_classes, n - 1, z);
    else
        signed_losses(s->running, b->setup.n_classes, n - 1, edge);
    for (int i = 0; i < n - 1; i++) {
        const uint64_t loss = b->setup.columns == BOOST_SPLIT ? float_bits(z[i]) : boost_signed_top - (uint64_t)edge[i];
        if (loss > best->loss || (loss == best->loss && feature >= best->feature))
            continue;
        if (!is_cut(s, n_columns, i, n - 1))
            continue;
        best->loss = loss;
        best->feature = feature;
        best->bin = occupied[i] + 1;
        best->next = occupied[i + 1];
        for (int c = 0; c < n_columns; c++)
            best->below[c] = s->running[c * HAAR_BINS + i];
    }
}

/* ---- the search ---- */

struct search {
    struct cpu_boost *b;
    const struct haar_feature *feature;
    uint32_t first; /* of the chunk */
    int n_nodes;
    const int *node;
    bool is_binned; /* b->bins hold this list */
};

static const uint8_t *bins_of(const struct search *search, uint32_t feature, int thread)
{
    struct cpu_boost *b = search->b;
    uint8_t *bins = b->bins ? b->bins + (size_t)feature * (size_t)b->n_active : b->search[thread].bins;

    if (!search->is_binned)
        bin_feature(b, search->feature[feature], bins);
    return bins;
}

static void search_feature(void *context, int64_t item, int thread)
{
    const struct search *search = context;
    struct cpu_search *s = &search->b->search[thread];
    const uint8_t *bins = bins_of(search, (uint32_t)item, thread);

    for (int i = 0; i < search->n_nodes; i++) {
        build_histogram(search->b, s, bins, search->node[i], s->columns);
        consider(search->b, s, s->columns, (uint32_t)item, &s->best[i]);
    }
}

static size_t histogram_size(const struct cpu_boost *b)
{
    return (size_t)HAAR_BINS * (size_t)b->n_columns;
}

static void fill_histograms(void *context, int64_t item, int thread)
{
    const struct search *search = context;
    struct cpu_boost *b = search->b;
    const uint8_t *bins = bins_of(search, search->first + (uint32_t)item, thread);

    for (int i = 0; i < search->n_nodes; i++)
        build_histogram(b, &b->search[thread], bins, search->node[i],
                        b->histograms + ((size_t)item * (size_t)search->n_nodes + (size_t)i) * histogram_size(b));
}

static void consider_histograms(void *context, int64_t item, int thread)
{
    const struct search *search = context;
    struct cpu_boost *b = search->b;
    struct cpu_search *s = &b->search[thread];

    for (int i = 0; i < search->n_nodes; i++)
        consider(b, s, b->histograms + ((size_t)item * (size_t)search->n_nodes + (size_t)i) * histogram_size(b),
                 search->first + (uint32_t)item, &s->best[i]);
}

/* Shards: every chunk's histograms are summed before anybody looks at them. */
static enum status search_shards(struct search *search, uint32_t n_features)
{
    struct cpu_boost *b = search->b;
    const size_t bytes = histogram_size(b) * (size_t)search->n_nodes * sizeof *b->histograms;
    const uint32_t chunk = (uint32_t)(b->setup.histogram_bytes / bytes);

    for (search->first = 0; search->first < n_features; search->first += chunk) {
        const uint32_t n = n_features - search->first < chunk ? n_features - search->first : chunk;
        pool_run(b->pool, n, fill_histograms, search);
        TRY(b->setup.sum.sum_i32(b->setup.sum.context, b->histograms, n * bytes / sizeof *b->histograms, NULL));
        pool_run(b->pool, n, consider_histograms, search);
    }
    return ST_OK;
}

static bool is_better(const struct boost_best *a, const struct boost_best *than)
{
    return a->loss < than->loss || (a->loss == than->loss && a->feature < than->feature);
}

enum status cpu_boost_search(void *priv, uint32_t n_features, const struct haar_feature *feature, uint64_t list_number,
                             int n_nodes, const int *node, struct boost_best *best)
{
    struct cpu_boost *b = priv;
    struct search search = {.b = b,
                            .feature = feature,
                            .n_nodes = n_nodes,
                            .node = node,
                            .is_binned = b->bins && b->has_list && b->list_number == list_number};

    for (int t = 0; t < pool_n_threads(b->pool); t++)
        for (int i = 0; i < n_nodes; i++)
            b->search[t].best[i] = no_best;
    if (b->setup.sum.sum_i32)
        TRY(search_shards(&search, n_features));
    else
        pool_run(b->pool, n_features, search_feature, &search);
    b->has_list = true;
    b->list_number = list_number;

    for (int i = 0; i < n_nodes; i++) {
        best[i] = b->search[0].best[i];
        for (int t = 1; t < pool_n_threads(b->pool); t++) {
            const struct boost_best *other = &b->search[t].best[i];
            if (is_better(other, &best[i]))
                best[i] = *other;
            else if (best[i].loss == UINT64_MAX)
                for (int c = 0; c < b->n_columns; c++) /* no cut, but the totals of who looked at a feature */
                    best[i].total[c] = best[i].total[c] != 0 ? best[i].total[c] : other->total[c];
        }
    }
    return ST_OK;
}
