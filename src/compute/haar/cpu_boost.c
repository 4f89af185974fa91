/* cpu_boost: the definition of the trainer's steps but for the search (cpu_search.c). Integral images lie entry by
 * entry, so that loops over images are loops over neighbours in memory. Assumes what boost.h says of its arguments. */
#include "compute/haar/cpu_boost.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* ---- life ---- */

static void boost_close(void *priv)
{
    struct cpu_boost *b = priv;

    cpu_search_close(b);
    pool_close(&b->pool);
    free(b->order_scratch);
    free(b->order);
    free(b->weight);
    free(b->sketch_weight);
    free(b->active_label);
    free(b->active_integral);
    free(b->active);
    free(b->leaf);
    free(b->score);
    free(b->label);
    free(b->integral);
    memset(b, 0, sizeof *b);
}

static enum status boost_open(void *priv, const struct boost_setup *setup)
{
    struct cpu_boost *b = priv;
    const size_t n = (size_t)setup->n_images, n_classes = (size_t)setup->n_classes;

    b->setup = *setup;
    b->n_entries = setup->n_channels * (setup->width + 1) * (setup->height + 1);
    b->n_columns = setup->columns == BOOST_SPLIT ? 2 * setup->n_classes : setup->n_classes;
    b->row_lanes = (setup->n_classes + 7) / 8 * 8;
    haar_powers_init(&b->powers);
    TRY(pool_open(setup->n_threads, &b->pool));
    b->integral = mem_array(n * (size_t)b->n_entries, sizeof *b->integral);
    b->label = mem_array(n, 1);
    b->score = mem_array(n * n_classes, sizeof *b->score);
    b->leaf = mem_array(n, 1);
    TRY_MEM(b->integral && b->label && b->score && b->leaf);
    return setup->is_searching ? cpu_search_open(b) : ST_OK;
}

/* ---- load ---- */

struct load {
    struct cpu_boost *b;
    int64_t first, n;
    const uint8_t *pixels;
};

enum { LOAD_BLOCK = 64 };

/* One row of 64 integral images at a time: sums along the row, then the row above is added. */
static void load_block(void *context, int64_t item, int thread)
{
    const struct load *load = context;
    struct cpu_boost *b = load->b;
    const int width = b->setup.width, height = b->setup.height, n_channels = b->setup.n_channels;
    const int64_t stride = b->setup.n_images, at = item * LOAD_BLOCK;
    const int n = (int)(load->n - at < LOAD_BLOCK ? load->n - at : LOAD_BLOCK);
    const uint8_t *pixel = load->pixels + at * n_channels * width * height;
    int32_t *entry = b->integral + load->first + at;
    int32_t sum[LOAD_BLOCK];

    (void)thread;
    for (int channel = 0; channel < n_channels; channel++)
        for (int y = 0; y <= height; y++) {
            memset(sum, 0, sizeof sum);
            for (int x = 0; x <= width; x++, entry += stride) {
                const int32_t *above = entry - (width + 1) * stride;
                const uint8_t *column = pixel + ((int64_t)channel * height + y - 1) * width + x - 1;
                for (int i = 0; i < n; i++) {
                    if (y > 0 && x > 0)
                        sum[i] += column[(int64_t)i * n_channels * width * height];
                    entry[i] = y > 0 && x > 0 ? sum[i] + above[i] : 0;
                }
            }
        }
}

static enum status boost_load(void *priv, int64_t first, int64_t n, const uint8_t *pixels, const uint8_t *labels)
{
    struct cpu_boost *b = priv;
    struct load load = {.b = b, .first = first, .n = n, .pixels = pixels};

    if (n < 1)
        return ST_OK;
    memcpy(b->label + first, labels, (size_t)n);
    memset(b->score + first * b->setup.n_classes, 0, (size_t)n * (size_t)b->setup.n_classes * sizeof *b->score);
    pool_run(b->pool, (n + LOAD_BLOCK - 1) / LOAD_BLOCK, load_block, &load);
    return ST_OK;
}

/* ---- weights ---- */

/* Fine weight of (image, class). */
static int64_t fine_weight(const struct cpu_boost *b, struct boost_scale scale, int64_t image, int l)
{
    const int64_t score = b->score[image * b->setup.n_classes + l];

    return haar_power(&b->powers, l == b->label[image] ? scale.right - score : scale.wrong + score);
}

/* Of all classes. */
static int64_t weight_of(const struct cpu_boost *b, struct boost_scale scale, int64_t image)
{
    int64_t sum = 0;

    for (int l = 0; l < b->setup.n_classes; l++)
        sum += fine_weight(b, scale, image, l);
    return sum;
}

static enum status boost_spread(void *priv, struct boost_scale scale, int64_t spread[HAAR_SPREAD])
{
    struct cpu_boost *b = priv;

    memset(spread, 0, HAAR_SPREAD * sizeof *spread);
    for (int64_t i = 0; i < b->setup.n_images; i++) {
        const int64_t sum = weight_of(b, scale, i);
        spread[haar_spread_step(sum)] += sum;
    }
    return ST_OK;
}

static void compact_entry(void *context, int64_t entry, int thread)
{
    struct cpu_boost *b = context;
    const int32_t *from = b->integral + entry * b->setup.n_images;
    int32_t *to = b->active_integral + entry * b->n_active;

    (void)thread;
    for (int64_t j = 0; j < b->n_active; j++)
        to[j] = from[b->active[j]];
}

static enum status boost_activate(void *priv, struct boost_scale scale, int lowest, int64_t *n_active)
{
    struct cpu_boost *b = priv;

    /* The active set seldom grows: memory is taken for what it is now. */
    free(b->active);
    b->n_active = 0;
    b->active = mem_array((size_t)b->setup.n_images, sizeof *b->active);
    TRY_MEM(b->active);
    for (int64_t i = 0; i < b->setup.n_images; i++)
        if (haar_spread_step(weight_of(b, scale, i)) >= lowest)
            b->active[b->n_active++] = (uint32_t)i;

    const size_t n = (size_t)b->n_active;
    free(b->active_integral);
    free(b->active_label);
    free(b->weight);
    free(b->sketch_weight);
    free(b->order);
    free(b->order_scratch);
    b->active_integral = mem_array(n * (size_t)b->n_entries, sizeof *b->active_integral);
    b->active_label = mem_array(n, 1);
    b->weight = mem_array(n * (size_t)b->row_lanes, sizeof *b->weight);
    b->order = mem_array(n, sizeof *b->order);
    b->order_scratch = mem_array(n, sizeof *b->order_scratch);
    b->sketch_weight = b->setup.is_sketching ? mem_array(n * (size_t)b->row_lanes, sizeof *b->sketch_weight) : NULL;
    if (!b->active_integral || !b->active_label || !b->weight || !b->order || !b->order_scratch ||
        (b->setup.is_sketching && !b->sketch_weight))
        return ST_NOMEM;
    for (int64_t j = 0; j < b->n_active; j++)
        b->active_label[j] = b->label[b->active[j]];
    pool_run(b->pool, b->n_entries, compact_entry, b);
    *n_active = b->n_active;
    return cpu_search_activate(b);
}

struct weighing {
    struct cpu_boost *b;
    struct boost_scale scale;
    int n_terms;
    const struct boost_term *term;
    struct haar_corners corners[BOOST_MAX_TERMS];
};

static void weigh_block(void *context, int64_t item, int thread)
{
    const struct weighing *w = context;
    struct cpu_boost *b = w->b;
    const int64_t first = item * CPU_BOOST_BLOCK;
    const int n = (int)(b->n_active - first < CPU_BOOST_BLOCK ? b->n_active - first : CPU_BOOST_BLOCK);
    int32_t value[CPU_BOOST_BLOCK];

    (void)thread;
    for (int i = 0; i < n; i++) {
        int32_t *weight = b->weight + (first + i) * b->row_lanes;
        for (int l = 0; l < b->setup.n_classes; l++) {
            const int32_t coarse = haar_coarse(fine_weight(b, w->scale, b->active[first + i], l));
            const bool is_negative = b->setup.columns == BOOST_SIGNED && l != b->active_label[first + i];
            weight[l] = is_negative ? -coarse : coarse;
        }
    }
    for (int t = 0; t < w->n_terms; t++) {
        cpu_boost_values(&w->corners[t], b->active_integral, b->n_active, first, n, value);
        for (int i = 0; i < n; i++) {
            int32_t *weight = b->weight + (first + i) * b->row_lanes;
            const int phi = value[i] >= w->term[t].cut ? 1 : -1;
            for (int l = 0; l < b->setup.n_classes; l++)
                weight[l] *= phi * w->term[t].v[l];
        }
    }
}

static int64_t n_blocks(int64_t n)
{
    return (n + CPU_BOOST_BLOCK - 1) / CPU_BOOST_BLOCK;
}

static enum status boost_weigh(void *priv, struct boost_scale scale, int n_terms, const struct boost_term *term)
{
    struct cpu_boost *b = priv;
    struct weighing w = {.b = b, .scale = scale, .n_terms = n_terms, .term = term};

    for (int t = 0; t < n_terms; t++)
        w.corners[t] = haar_corners_of(term[t].feature, b->setup.width, b->setup.height);
    pool_run(b->pool, n_blocks(b->n_active), weigh_block, &w);
    for (int64_t j = 0; j < b->n_active; j++)
        b->order[j] = (uint32_t)j;
    memset(b->node_count, 0, sizeof b->node_count);
    b->node_first[0] = 0;
    b->node_count[0] = b->n_active;
    return ST_OK;
}

/* ---- split ---- */

/* Keeps the order within both parts, so that the search walks memory forwards. */
static enum status boost_split(void *priv, int node, struct haar_feature feature, int32_t cut, int new_node)
{
    struct cpu_boost *b = priv;
    const struct haar_corners corners = haar_corners_of(feature, b->setup.width, b->setup.height);
    const int64_t first = b->node_first[node], count = b->node_count[node];
    int64_t n_left = 0, n_right = 0;

    for (int64_t i = first; i < first + count; i++) {
        const uint32_t j = b->order[i];
        if (haar_value(&corners, b->active_integral + j, b->n_active) >= cut)
            b->order_scratch[n_right++] = j;
        else
            b->order[first + n_left++] = j;
    }
    memcpy(b->order + first + n_left, b->order_scratch, (size_t)n_right * sizeof *b->order);
    b->node_count[node] = n_left;
    b->node_first[new_node] = first + n_left;
    b->node_count[new_node] = n_right;
    return ST_OK;
}

/* ---- the finished learner ---- */

/* Static, since clang gives a cloned function no name that other files could call. */
CPU_CLONES static void add_corners(const struct haar_corners *corners, const int32_t *integral, int64_t n_images,
                                   int64_t first, int n, int32_t *value)
{
    uint32_t *restrict sum = (uint32_t *)value;

    memset(sum, 0, (size_t)n * sizeof *sum);
    for (int c = 0; c < corners->n; c++) {
        const uint32_t *restrict entry = (const uint32_t *)integral + corners->offset[c] * n_images + first;
        const uint32_t factor = (uint32_t)corners->factor[c];
        for (int i = 0; i < n; i++)
            sum[i] += factor * entry[i];
    }
}

void cpu_boost_values(const struct haar_corners *corners, const int32_t *integral, int64_t n_images, int64_t first,
                      int n, int32_t *value)
{
    add_corners(corners, integral, n_images, first, n, value);
}

struct walk {
    struct cpu_boost *b;
    const struct weak *weak;
    struct boost_scale scale;
    struct haar_corners corners[BOOST_MAX_LEAVES];
    int64_t *sums;    /* [n_threads, n_leaves, n_classes, 2], or NULL */
    size_t sums_size; /* of one thread */
};

static int leaf_of(const struct weak *weak, int32_t goes_right)
{
    int at = weak->n_nodes > 0 ? 0 : -1;

    if (weak->kind == WEAK_PRODUCT)
        return goes_right;
    while (at >= 0)
        at = weak->node[at].child[goes_right >> at & 1];
    return -1 - at;
}

static void walk_block(void *context, int64_t item, int thread)
{
    const struct walk *walk = context;
    struct cpu_boost *b = walk->b;
    const int n_classes = b->setup.n_classes;
    const int64_t first = item * CPU_BOOST_BLOCK;
    const int n = (int)(b->setup.n_images - first < CPU_BOOST_BLOCK ? b->setup.n_images - first : CPU_BOOST_BLOCK);
    int32_t value[CPU_BOOST_BLOCK], goes_right[CPU_BOOST_BLOCK] = {0}; /* a bit a node: at most 31 nodes */

    for (int t = 0; t < walk->weak->n_nodes; t++) {
        cpu_boost_values(&walk->corners[t], b->integral, b->setup.n_images, first, n, value);
        for (int i = 0; i < n; i++)
            goes_right[i] |= (int32_t)(value[i] >= walk->weak->node[t].cut) << t;
    }
    for (int i = 0; i < n; i++)
        b->leaf[first + i] = (uint8_t)leaf_of(walk->weak, goes_right[i]);
    if (!walk->sums)
        return;
    for (int i = 0; i < n; i++) {
        int64_t *sums = walk->sums + (size_t)thread * walk->sums_size + b->leaf[first + i] * n_classes * 2;
        for (int l = 0; l < n_classes; l++)
            sums[2 * l + (l == b->label[first + i])] += fine_weight(b, walk->scale, first + i, l);
    }
}

static enum status boost_leaves(void *priv, const struct weak *weak, struct boost_scale scale, int64_t *sums)
{
    struct cpu_boost *b = priv;
    struct walk walk = {.b = b, .weak = weak, .scale = scale};
    const size_t n_threads = (size_t)pool_n_threads(b->pool);

    for (int t = 0; t < weak->n_nodes; t++)
        walk.corners[t] = haar_corners_of(weak->node[t].feature, b->setup.width, b->setup.height);
    walk.sums_size = (size_t)weak->n_leaves * (size_t)b->setup.n_classes * 2;
    if (sums) {
        walk.sums = mem_array(n_threads * walk.sums_size, sizeof *sums);
        TRY_MEM(walk.sums);
    }
    pool_run(b->pool, n_blocks(b->setup.n_images), walk_block, &walk);
    if (sums)
        memset(sums, 0, walk.sums_size * sizeof *sums);
    for (size_t i = 0; sums && i < n_threads * walk.sums_size; i++)
        sums[i % walk.sums_size] += walk.sums[i];
    free(walk.sums);
    return ST_OK;
}

static enum status boost_vote(void *priv, int n_leaves, const int32_t *votes)
{
    struct cpu_boost *b = priv;
    const int n_classes = b->setup.n_classes;

    (void)n_leaves;
    for (int64_t i = 0; i < b->setup.n_images; i++) {
        const int32_t *vote = votes + b->leaf[i] * n_classes;
        int32_t *score = b->score + i * n_classes;
        for (int l = 0; l < n_classes; l++)
            score[l] = haar_add_vote(score[l], vote[l]);
    }
    return ST_OK;
}

/* ---- answers ---- */

static enum status boost_errors(void *priv, int64_t *n_errors)
{
    const struct cpu_boost *b = priv;

    *n_errors = 0;
    for (int64_t i = 0; i < b->setup.n_images; i++) {
        const int32_t *score = b->score + i * b->setup.n_classes;
        int best = 0;
        for (int l = 1; l < b->setup.n_classes; l++)
            if (score[l] > score[best])
                best = l;
        *n_errors += best != b->label[i];
    }
    return ST_OK;
}

static enum status boost_scores(void *priv, int32_t *scores)
{
    const struct cpu_boost *b = priv;

    memcpy(scores, b->score, (size_t)b->setup.n_images * (size_t)b->setup.n_classes * sizeof *scores);
    return ST_OK;
}

const struct boost_ops boost_cpu = {
    .priv_bytes = sizeof(struct cpu_boost),
    .open = boost_open,
    .close = boost_close,
    .load = boost_load,
    .spread = boost_spread,
    .activate = boost_activate,
    .weigh = boost_weigh,
    .search = cpu_boost_search,
    .sketch = cpu_boost_sketch,
    .split = boost_split,
    .leaves = boost_leaves,
    .vote = boost_vote,
    .errors = boost_errors,
    .scores = boost_scores,
};
