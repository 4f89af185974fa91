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
    TRY_MEM(b->search);
    for (size_t t = 0; t < n_threads; t++) {
        struct cpu_search *s = &b->search[t];
        for (int f = 0; f < 2; f++) {
            s->sums[f] = mem_array(HAAR_BINS * (size_t)b->row_lanes, sizeof *s->sums[f]);
            s->own[f] = mem_array(HAAR_BINS * n_classes, sizeof *s->own[f]);
            s->columns[f] = mem_array(HAAR_BINS * n_columns, sizeof *s->columns[f]);
            TRY_MEM(s->sums[f] && s->own[f] && s->columns[f]);
        }
        s->running = mem_array(HAAR_BINS * n_columns, sizeof *s->running);
        s->best = mem_array((size_t)b->setup.most_nodes, sizeof *s->best);
        TRY_MEM(s->running && s->best);
    }
    if (b->setup.sum.sum_i32) {
        b->histograms = mem_array(b->setup.histogram_bytes / sizeof *b->histograms, sizeof *b->histograms);
        TRY_MEM(b->histograms);
    }
    return ST_OK;
}

void cpu_search_close(struct cpu_boost *b)
{
    for (int t = 0; b->search && t < pool_n_threads(b->pool); t++) {
        struct cpu_search *s = &b->search[t];
        free(s->best);
        free(s->running);
        for (int f = 0; f < 2; f++) {
            free(s->bins[f]);
            free(s->columns[f]);
            free(s->own[f]);
            free(s->sums[f]);
        }
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
    for (int i = 0; i < 2 * pool_n_threads(b->pool); i++) {
        uint8_t **bins = &b->search[i / 2].bins[i % 2];
        free(*bins);
        *bins = mem_array(n, 1);
        is_well = is_well && *bins;
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

void cpu_search_bins(struct cpu_boost *b, const struct haar_feature *feature, uint32_t first, int n, bool is_at_hand,
                     int thread, const uint8_t *bins[2])
{
    for (int f = 0; f < n; f++) {
        const size_t number = first + (uint32_t)f;
        uint8_t *to = b->bins ? b->bins + number * (size_t)b->n_active : b->search[thread].bins[f];
        if (!is_at_hand)
            bin_feature(b, feature[number], to);
        bins[f] = bins[1] = to;
    }
}

bool cpu_search_is_at_hand(const struct cpu_boost *b, uint64_t list_number)
{
    return b->bins && b->has_list && b->list_number == list_number;
}

/* ---- histograms ---- */

/* What a pass over a node's images adds up: the same images' weights by the bins of two features, so that the weights
 * are fetched once. */
struct pass {
    const uint32_t *order; /* [n] */
    int64_t n;
    const int32_t *weight; /* [.., n_lanes] */
    const uint8_t *label;  /* NULL: no own weights */
    int n_classes;
    const uint8_t *bins[2];
    int32_t *sums[2], *own[2];
};

/* Eight lanes by name: gcc unrolls a loop of 8 or 16 before it sees a vector in it. */
typedef int32_t lanes __attribute__((vector_size(32), may_alias));

/* n_vectors is a constant where it matters. */
static inline __attribute__((always_inline)) void add_rows(const struct pass *p, int n_vectors)
{
    const lanes *weight = (const lanes *)p->weight;
    lanes *sums0 = (lanes *)p->sums[0], *sums1 = (lanes *)p->sums[1];

    for (int64_t i = 0; i < p->n; i++) {
        const uint32_t j = p->order[i];
        const int bin0 = p->bins[0][j], bin1 = p->bins[1][j];
        const lanes *w = weight + (size_t)j * (size_t)n_vectors;
        for (int v = 0; v < n_vectors; v++) {
            sums0[bin0 * n_vectors + v] += w[v];
            sums1[bin1 * n_vectors + v] += w[v];
        }
        if (p->label) {
            const int l = p->label[j];
            const int32_t own = p->weight[(size_t)j * 8 * (size_t)n_vectors + (size_t)l];
            p->own[0][bin0 * p->n_classes + l] += own;
            p->own[1][bin1 * p->n_classes + l] += own;
        }
    }
}

CPU_CLONES
static void add_weights(const struct pass *p, int n_lanes)
{
    if (n_lanes == 8)
        add_rows(p, 1);
    else if (n_lanes == 16)
        add_rows(p, 2);
    else
        add_rows(p, n_lanes / 8);
}

void cpu_search_histograms(const struct cpu_boost *b, struct cpu_search *s, const int32_t *weight,
                           const uint8_t *const bins[2], int node, int32_t *const columns[2])
{
    const int n_classes = b->setup.n_classes, n_lanes = b->row_lanes, n_columns = b->n_columns;
    const bool is_split = b->setup.columns == BOOST_SPLIT;
    const struct pass pass = {.order = b->order + b->node_first[node],
                              .n = b->node_count[node],
                              .weight = weight,
                              .label = is_split ? b->active_label : NULL,
                              .n_classes = n_classes,
                              .bins = {bins[0], bins[1]},
                              .sums = {s->sums[0], s->sums[1]},
                              .own = {s->own[0], s->own[1]}};

    for (int f = 0; f < 2; f++) {
        memset(s->sums[f], 0, HAAR_BINS * (size_t)n_lanes * sizeof *s->sums[f]);
        memset(s->own[f], 0, HAAR_BINS * (size_t)n_classes * sizeof *s->own[f]);
    }
    add_weights(&pass, n_lanes);
    for (int f = 0; f < 2; f++)
        for (int bin = 0; bin < HAAR_BINS; bin++)
            for (int l = 0; l < n_classes; l++) {
                const int32_t own = s->own[f][bin * n_classes + l];
                columns[f][bin * n_columns + l] = s->sums[f][bin * n_lanes + l] - own;
                if (is_split)
                    columns[f][bin * n_columns + n_classes + l] = own;
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
    uint32_t first, n; /* the chunk's features */
    int n_nodes;
    const int *node;
    bool is_binned; /* b->bins hold this list */
    uint32_t mine;  /* the first feature of the chunk whose sums this shard has */
};

static size_t histogram_size(const struct cpu_boost *b)
{
    return (size_t)HAAR_BINS * (size_t)b->n_columns;
}

static int32_t *histogram_of(const struct search *search, uint32_t feature, int i)
{
    const size_t number = (size_t)(feature - search->first) * (size_t)search->n_nodes + (size_t)i;

    return search->b->histograms + number * histogram_size(search->b);
}

/* Item i is the features 2 i and 2 i + 1 of the chunk; a last one without a partner is its own. */
static void search_pair(void *context, int64_t item, int thread)
{
    const struct search *search = context;
    struct cpu_boost *b = search->b;
    struct cpu_search *s = &b->search[thread];
    const uint32_t last = search->first + search->n - 1, feature = search->first + 2 * (uint32_t)item;
    const int n_features = feature < last ? 2 : 1;
    const uint8_t *bins[2];

    cpu_search_bins(b, search->feature, feature, n_features, search->is_binned, thread, bins);
    for (int i = 0; i < search->n_nodes; i++) {
        cpu_search_histograms(b, s, b->weight, bins, search->node[i], s->columns);
        for (int f = 0; f < n_features; f++)
            if (b->histograms)
                memcpy(histogram_of(search, feature + (uint32_t)f, i), s->columns[f],
                       histogram_size(b) * sizeof *s->columns[f]);
            else
                consider(b, s, s->columns[f], feature + (uint32_t)f, &s->best[i]);
    }
}

static void consider_summed(void *context, int64_t item, int thread)
{
    const struct search *search = context;
    struct cpu_search *s = &search->b->search[thread];
    const uint32_t feature = search->mine + (uint32_t)item;

    for (int i = 0; i < search->n_nodes; i++)
        consider(search->b, s, histogram_of(search, feature, i), feature, &s->best[i]);
}

/* Shards: every chunk's histograms are summed before anybody looks at them: at all of them, or, where they are many, at
 * this shard's row. */
static enum status search_shards(struct search *search, const struct boost_chunks *chunks)
{
    struct cpu_boost *b = search->b;
    const struct boost_sum *sum = &b->setup.sum;
    const size_t size = histogram_size(b) * (size_t)search->n_nodes;

    for (uint32_t first = 0; first < chunks->n_features; first += chunks->n) {
        const struct boost_chunk c = boost_chunk_at(chunks, first);

        search->first = first;
        search->n = c.n;
        pool_run(b->pool, (c.n + 1) / 2, search_pair, search);
        if (chunks->n_rows > 1)
            TRY(sum->reduce_scatter_i32(sum->context, b->histograms, c.row * size, NULL));
        else
            TRY(sum->sum_i32(sum->context, b->histograms, c.n * size, NULL));
        search->mine = first + c.mine;
        pool_run(b->pool, c.n_mine, consider_summed, search);
    }
    return ST_OK;
}

enum status cpu_boost_search(void *priv, uint32_t n_features, const struct haar_feature *feature, uint64_t list_number,
                             int n_nodes, const int *node, struct boost_best *best)
{
    struct cpu_boost *b = priv;
    const struct boost_chunks chunks = boost_plan_chunks(&b->setup, n_features, n_nodes);
    struct search search = {.b = b,
                            .feature = feature,
                            .n = n_features,
                            .n_nodes = n_nodes,
                            .node = node,
                            .is_binned = cpu_search_is_at_hand(b, list_number)};

    for (int t = 0; t < pool_n_threads(b->pool); t++)
        for (int i = 0; i < n_nodes; i++)
            b->search[t].best[i] = no_best;
    if (b->setup.sum.sum_i32)
        TRY(search_shards(&search, &chunks));
    else
        pool_run(b->pool, (n_features + 1) / 2, search_pair, &search);
    b->has_list = true;
    b->list_number = list_number;

    for (int i = 0; i < n_nodes; i++) {
        best[i] = b->search[0].best[i];
        for (int t = 1; t < pool_n_threads(b->pool); t++) {
            const struct boost_best *other = &b->search[t].best[i];
            if (boost_is_better(other, &best[i]))
                best[i] = *other;
            else if (best[i].loss == UINT64_MAX)
                for (int c = 0; c < b->n_columns; c++) /* no cut, but the totals of who looked at a feature */
                    best[i].total[c] = best[i].total[c] != 0 ? best[i].total[c] : other->total[c];
        }
    }
    return chunks.n_rows > 1 ? boost_choose(&b->setup.sum, n_nodes, best) : ST_OK;
}
