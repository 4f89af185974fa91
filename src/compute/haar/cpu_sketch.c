/* cpu_sketch: the definition of the sketch: see sketch.h. On a CPU it costs as much as the search itself, all bins'
 * weights added up; it is there so that every machine trains the same model. Compiled with -ffp-contract=off. */
#include "compute/haar/sketch.h"

#include "compute/haar/cpu_boost.h"

struct sketch {
    struct cpu_boost *b;
    const struct haar_feature *feature;
    uint32_t n_features;
    bool is_at_hand;
    int node, shift;
    uint16_t *step;
};

static void round_weights(void *context, int64_t item, int thread)
{
    const struct sketch *s = context;
    const int64_t first = item * CPU_BOOST_BLOCK * s->b->row_lanes, end = s->b->n_active * s->b->row_lanes;

    (void)thread;
    for (int64_t i = first; i < end && i < first + CPU_BOOST_BLOCK * s->b->row_lanes; i++)
        s->b->sketch_weight[i] = sketch_weight(s->b->weight[i], s->shift);
}

static void find_cuts(const uint8_t *bins, uint32_t n, int cut[SKETCH_CUTS])
{
    uint32_t count[HAAR_BINS] = {0}, up_to = 0;
    int i = 0;

    for (uint32_t j = 0; j < n; j++)
        count[bins[j]]++;
    for (int bin = 0; bin < HAAR_BINS; bin++) {
        up_to += count[bin];
        while (i < SKETCH_CUTS && sketch_is_below(sketch_share(i), up_to, n))
            cut[i++] = bin < HAAR_BINS - 1 ? bin + 1 : HAAR_BINS - 1;
    }
}

/* What a cut gains, of whose columns below is the sum left of it. */
static float gain_of(const struct cpu_boost *b, const int32_t *below, const int32_t *total)
{
    const int k = b->setup.n_classes;
    float before = 0.0f, after = 0.0f;
    int64_t edge = 0;

    for (int l = 0; l < k; l++)
        if (b->setup.columns == BOOST_SPLIT) {
            before += boost_root(total[l], total[k + l]);
            after = boost_add_class(after, total[l], total[k + l], below[l], below[k + l]);
        } else {
            edge += boost_edge_of_class(total[l], below[l]);
        }
    return b->setup.columns == BOOST_SPLIT ? before - after : (float)edge;
}

static uint16_t step_of(const struct sketch *s, const int32_t *columns, const uint8_t *bins)
{
    const struct cpu_boost *b = s->b;
    int32_t below[SKETCH_CUTS][BOOST_MAX_COLUMNS] = {{0}}, total[BOOST_MAX_COLUMNS] = {0};
    int cut[SKETCH_CUTS];
    float gain = 0.0f;

    find_cuts(bins, (uint32_t)b->n_active, cut);
    for (int bin = 0, i = 0; bin < HAAR_BINS; bin++) {
        for (; i < SKETCH_CUTS && cut[i] == bin; i++)
            memcpy(below[i], total, sizeof total);
        for (int c = 0; c < b->n_columns; c++)
            total[c] += columns[bin * b->n_columns + c];
    }
    for (int i = 0; i < SKETCH_CUTS; i++) {
        const float own = gain_of(b, below[i], total);
        gain = own > gain ? own : gain;
    }
    return sketch_step(gain);
}

/* Item i is the features 2 i and 2 i + 1; a last one without a partner is its own. */
static void sketch_pair(void *context, int64_t item, int thread)
{
    const struct sketch *s = context;
    struct cpu_search *scratch = &s->b->search[thread];
    const uint32_t first = 2 * (uint32_t)item;
    const int n = first + 1 < s->n_features ? 2 : 1;
    const uint8_t *bins[2];

    cpu_search_bins(s->b, s->feature, first, n, s->is_at_hand, thread, bins);
    cpu_search_histograms(s->b, scratch, s->b->sketch_weight, bins, s->node, scratch->columns);
    for (int f = 0; f < n; f++)
        s->step[first + (uint32_t)f] = step_of(s, scratch->columns[f], bins[f]);
}

enum status cpu_boost_sketch(void *priv, uint32_t n_features, const struct haar_feature *feature, uint64_t list_number,
                             int node, uint16_t *step)
{
    struct cpu_boost *b = priv;
    struct sketch s = {.b = b,
                       .feature = feature,
                       .n_features = n_features,
                       .is_at_hand = cpu_search_is_at_hand(b, list_number),
                       .node = node,
                       .shift = sketch_shift(b->n_active, b->setup.n_classes),
                       .step = step};

    if (b->setup.sum.sum_i32 || !b->setup.is_sketching)
        return FAIL(ST_BUG, "a sketch where there is no room for it, or shards add up");
    pool_run(b->pool, (b->n_active + CPU_BOOST_BLOCK - 1) / CPU_BOOST_BLOCK, round_weights, &s);
    pool_run(b->pool, ((int64_t)n_features + 1) / 2, sketch_pair, &s);
    b->has_list = true;
    b->list_number = list_number;
    return ST_OK;
}
