/* boost_plain: an oracle of the trainer's steps that knows only boost.h: values pixel by pixel, sums in 64 bits, every
 * cut of every feature looked at one after the other, losses in float as the header says and in double beside them.
 * And random images, lists and weak learners to ask it about. */
#ifndef JACQUARD_TESTS_BACKEND_BOOST_PLAIN_H
#define JACQUARD_TESTS_BACKEND_BOOST_PLAIN_H

#include "compute/haar/boost.h"
#include "unit/haar_plain.h"
#include "unit/test.h"

#include <math.h>

enum { MOST_IMAGES = 300, MOST_SIDE = 12, MOST_CHANNELS = 2, MOST_FEATURES = 41 };
enum { MOST_BYTES = MOST_CHANNELS * MOST_SIDE * MOST_SIDE };

static inline void *room(size_t bytes)
{
    void *p = calloc(1, bytes ? bytes : 1);

    if (!p) {
        printf("out of memory\n");
        exit(1);
    }
    return p;
}

/* --- the oracle ------------------------------------------------------------------------------------------------------
 * Images with their scores, weights and nodes, in plain arrays. */

struct plain {
    int width, height, n_channels, n_classes, n;
    enum boost_columns columns;
    uint8_t pixels[MOST_IMAGES][MOST_BYTES], label[MOST_IMAGES];
    int32_t score[MOST_IMAGES][HAAR_MAX_CLASSES];
    bool is_active[MOST_IMAGES];
    int node[MOST_IMAGES], leaf[MOST_IMAGES];
    int64_t weight[MOST_IMAGES][HAAR_MAX_CLASSES]; /* coarse, signed where columns are */
    struct haar_powers powers;
};

static inline int64_t plain_fine(const struct plain *p, struct boost_scale scale, int image, int l)
{
    const int64_t f = p->score[image][l];

    return haar_power(&p->powers, l == p->label[image] ? (int64_t)scale.right - f : (int64_t)scale.wrong + f);
}

static inline int64_t plain_sum(const struct plain *p, struct boost_scale scale, int image)
{
    int64_t sum = 0;

    for (int l = 0; l < p->n_classes; l++)
        sum += plain_fine(p, scale, image, l);
    return sum;
}

static inline int64_t plain_value_of(const struct plain *p, int image, struct haar_feature f)
{
    return plain_value(f, p->pixels[image], p->width, p->height);
}

static inline int64_t plain_activate(struct plain *p, struct boost_scale scale, int lowest)
{
    int64_t n = 0;

    for (int i = 0; i < p->n; i++) {
        p->is_active[i] = haar_spread_step(plain_sum(p, scale, i)) >= lowest;
        n += p->is_active[i];
    }
    return n;
}

static inline void plain_weigh(struct plain *p, struct boost_scale scale, int n_terms, const struct boost_term *term)
{
    for (int i = 0; i < p->n; i++) {
        p->node[i] = 0;
        for (int l = 0; l < p->n_classes; l++) {
            p->weight[i][l] = haar_coarse(plain_fine(p, scale, i, l));
            if (p->columns == BOOST_SIGNED && l != p->label[i])
                p->weight[i][l] *= -1;
            for (int t = 0; t < n_terms; t++) {
                const bool is_right = plain_value_of(p, i, term[t].feature) >= term[t].cut;
                p->weight[i][l] *= is_right ? term[t].v[l] : -term[t].v[l];
            }
        }
    }
}

static inline void plain_split(struct plain *p, int node, struct haar_feature f, int32_t cut, int new_node)
{
    for (int i = 0; i < p->n; i++)
        if (p->node[i] == node && plain_value_of(p, i, f) >= cut)
            p->node[i] = new_node;
}

static inline int plain_n_columns(const struct plain *p)
{
    return p->columns == BOOST_SPLIT ? 2 * p->n_classes : p->n_classes;
}

/* Sums of the node's weights by bin and column. */
static inline void plain_histogram(const struct plain *p, struct haar_feature f, int node,
                                   int64_t sum[HAAR_BINS][BOOST_MAX_COLUMNS])
{
    const struct haar_corners corners = haar_corners_of(f, p->width, p->height);

    memset(sum, 0, HAAR_BINS * sizeof *sum);
    for (int i = 0; i < p->n; i++) {
        if (!p->is_active[i] || p->node[i] != node)
            continue;
        const int bin = haar_bin(haar_binning_of(&corners), (int32_t)plain_value_of(p, i, f));
        for (int l = 0; l < p->n_classes; l++) {
            const bool is_own = p->columns == BOOST_SPLIT && l == p->label[i];
            sum[bin][is_own ? p->n_classes + l : l] += p->weight[i][l];
        }
    }
}

static inline bool is_zero(const int64_t *v, int n)
{
    for (int i = 0; i < n; i++)
        if (v[i] != 0)
            return false;
    return true;
}

/* One rounding an operation: every result goes through memory. */
static inline float rounded(float x)
{
    volatile float y = x;

    return y;
}

/* The loss as boost.h has it, and z, which is Z / 2 in double or minus the edge. */
static inline uint64_t plain_loss(const struct plain *p, const int64_t *total, const int64_t *below, double *z)
{
    const int k = p->n_classes;
    uint64_t edge = 0;
    uint32_t bits;
    float loss = 0;

    *z = 0;
    for (int l = 0; l < k && p->columns == BOOST_SIGNED; l++)
        edge += (uint64_t)llabs(total[l] - 2 * below[l]);
    if (p->columns == BOOST_SIGNED) {
        *z = -(double)edge;
        return ((uint64_t)1 << 62) - edge;
    }
    for (int l = 0; l < k; l++) {
        const int64_t left[2] = {below[l], below[k + l]}, right[2] = {total[l] - left[0], total[k + l] - left[1]};
        const float a = rounded(sqrtf(rounded(rounded((float)left[0]) * rounded((float)left[1]))));
        const float b = rounded(sqrtf(rounded(rounded((float)right[0]) * rounded((float)right[1]))));
        loss = rounded(loss + rounded(a + b));
        *z += sqrt((double)left[0] * (double)left[1]) + sqrt((double)right[0] * (double)right[1]);
    }
    memcpy(&bits, &loss, sizeof bits);
    return bits;
}

struct plain_best {
    uint64_t loss;
    uint32_t feature;
    int bin, next;
    int64_t total[BOOST_MAX_COLUMNS], below[BOOST_MAX_COLUMNS];
    double z, lowest_z; /* of this cut; of any cut */
    int n_equals;       /* later cuts that lose as much */
};

/* Every bin from 1 to 255 of every feature is tried as a cut, alike or not: the first of the lowest stays. */
static inline struct plain_best plain_search(const struct plain *p, uint32_t n_features,
                                             const struct haar_feature *feature, int node)
{
    static _Thread_local int64_t sum[HAAR_BINS][BOOST_MAX_COLUMNS];
    const int n_columns = plain_n_columns(p);
    struct plain_best best = {.loss = UINT64_MAX, .lowest_z = INFINITY};

    for (uint32_t f = 0; f < n_features; f++) {
        int64_t total[BOOST_MAX_COLUMNS] = {0}, below[BOOST_MAX_COLUMNS] = {0}, above[BOOST_MAX_COLUMNS];
        plain_histogram(p, feature[f], node, sum);
        for (int bin = 0; bin < HAAR_BINS; bin++)
            for (int c = 0; c < n_columns; c++)
                total[c] += sum[bin][c];
        memcpy(best.total, total, sizeof total);
        for (int bin = 1; bin < HAAR_BINS; bin++) {
            double z;
            for (int c = 0; c < n_columns; c++) {
                below[c] += sum[bin - 1][c];
                above[c] = total[c] - below[c];
            }
            if (is_zero(below, n_columns) || is_zero(above, n_columns))
                continue;
            const uint64_t loss = plain_loss(p, total, below, &z);
            best.lowest_z = z < best.lowest_z ? z : best.lowest_z;
            best.n_equals = loss < best.loss ? 0 : best.n_equals + (loss == best.loss && f != best.feature);
            if (loss >= best.loss)
                continue;
            best.loss = loss;
            best.feature = f;
            best.bin = best.next = bin;
            best.z = z;
            memcpy(best.below, below, sizeof below);
            while (is_zero(sum[best.next], n_columns))
                best.next++;
        }
    }
    return best;
}

/* How promising a feature is: its 8 cuts by counting who is below, its sums image by image. */
static inline int plain_step(const struct plain *p, struct haar_feature f, int node)
{
    static const int share[8] = {3, 10, 19, 28, 36, 45, 54, 61};
    const struct haar_corners corners = haar_corners_of(f, p->width, p->height);
    const int k = p->n_classes;
    int bin[MOST_IMAGES], n = 0, shift = 25;
    double gain = 0;

    for (int i = 0; i < p->n; i++) {
        bin[i] = haar_bin(haar_binning_of(&corners), (int32_t)plain_value_of(p, i, f));
        n += p->is_active[i];
    }
    while (shift > 0 && (int64_t)n * k > (int64_t)1 << (25 - shift))
        shift--;
    for (int j = 0; j < 8; j++) {
        int64_t total[BOOST_MAX_COLUMNS] = {0}, below[BOOST_MAX_COLUMNS] = {0};
        int cut = 0, n_below = 0;
        while (cut < 1 || (cut < 255 && 64 * n_below < share[j] * n)) {
            for (int i = 0; i < p->n; i++)
                n_below += p->is_active[i] && bin[i] == cut;
            cut++;
        }
        for (int i = 0; i < p->n; i++)
            for (int l = 0; l < k && p->is_active[i] && p->node[i] == node; l++) {
                const double size = floor((double)llabs(p->weight[i][l]) / (1 << shift) + 0.5);
                const int64_t held = (int64_t)(size < 32639 ? size : 32639), w = p->weight[i][l] < 0 ? -held : held;
                const int column = p->columns == BOOST_SPLIT && l == p->label[i] ? k + l : l;
                total[column] += w;
                below[column] += bin[i] < cut ? w : 0;
            }
        float before = 0, after;
        double z;
        const uint64_t loss = plain_loss(p, total, below, &z);
        for (int l = 0; l < k && p->columns == BOOST_SPLIT; l++)
            before = rounded(before + rounded(sqrtf(rounded(rounded((float)total[l]) * rounded((float)total[k + l])))));
        memcpy(&after, &loss, sizeof after); /* the low half */
        const double own = p->columns == BOOST_SPLIT ? rounded(before - after) : rounded((float)-z);
        gain = own > gain ? own : gain;
    }
    if (gain < 1)
        return 0;
    int exponent;
    const double mantissa = frexp(gain, &exponent); /* 0.5 to 1 */
    const int step = (exponent - 1) * 128 + (int)(256 * mantissa - 128);
    return step < 4096 ? step : 4095;
}

static inline int plain_leaf(const struct plain *p, int image, const struct weak *weak)
{
    int leaf = 0, at = weak->n_nodes > 0 ? 0 : -1;

    for (int t = 0; weak->kind == WEAK_PRODUCT && t < weak->n_nodes; t++)
        leaf += plain_value_of(p, image, weak->node[t].feature) >= weak->node[t].cut ? 1 << t : 0;
    while (weak->kind == WEAK_TREE && at >= 0) {
        const struct weak_node *node = &weak->node[at];
        at = node->child[plain_value_of(p, image, node->feature) >= node->cut];
    }
    return weak->kind == WEAK_TREE ? -1 - at : leaf;
}

/* --- random things ------------------------------------------------------------------------------------------------ */

/* Images of a few blocks of grey over noise: values that differ, and values that often do not. */
static inline void random_images(struct plain *p, struct plain_random *random)
{
    const int n_bytes = p->n_channels * p->width * p->height, levels = plain_int(random, 1, 3);

    for (int i = 0; i < p->n; i++) {
        p->label[i] = (uint8_t)plain_int(random, 0, p->n_classes - 1);
        for (int b = 0; b < n_bytes; b++) {
            const int light = (b / 3 + p->label[i]) % p->n_classes == 0 ? 60 : 0;
            p->pixels[i][b] = (uint8_t)(levels == 1   ? 255 * plain_int(random, 0, 1)
                                        : levels == 2 ? light + plain_int(random, 0, 40)
                                                      : plain_int(random, 0, 255));
        }
    }
}

static inline struct plain *random_plain(struct plain_random *random, enum boost_columns columns, int n, int n_classes)
{
    struct plain *p = room(sizeof *p);

    p->columns = columns;
    p->n = n;
    p->n_classes = n_classes;
    p->width = plain_int(random, 3, MOST_SIDE);
    p->height = plain_int(random, 3, MOST_SIDE);
    p->n_channels = plain_int(random, 1, MOST_CHANNELS);
    haar_powers_init(&p->powers);
    random_images(p, random);
    return p;
}

/* Twins among them: equal losses. */
static inline void random_list(const struct plain *p, struct plain_random *random, int n, struct haar_feature *feature)
{
    for (int i = 0; i < n; i++)
        feature[i] = i > 2 && i % 5 == 0 ? feature[i - 3] : plain_feature(random, p->width, p->height, p->n_channels);
}

static inline int32_t random_cut(const struct plain *p, struct plain_random *random, struct haar_feature f)
{
    const int i = p->n > 0 ? plain_int(random, 0, p->n - 1) : 0; /* some image's value */

    return (int32_t)plain_value_of(p, i, f) + plain_int(random, 0, 1);
}

/* Grown as trees are: a leaf becomes a node with two leaves; its left one keeps the number. */
static inline struct weak random_tree(const struct plain *p, struct plain_random *random, int n_leaves)
{
    struct weak weak = {.kind = WEAK_TREE, .n_leaves = 1};
    int16_t *end[BOOST_MAX_LEAVES] = {NULL};

    for (; weak.n_leaves < n_leaves; weak.n_leaves++) {
        const int leaf = plain_int(random, 0, weak.n_leaves - 1), at = weak.n_nodes++;
        struct weak_node *node = &weak.node[at];
        node->feature = plain_feature(random, p->width, p->height, p->n_channels);
        node->cut = random_cut(p, random, node->feature);
        node->child[0] = (int16_t)(-1 - leaf);
        node->child[1] = (int16_t)(-1 - weak.n_leaves);
        if (end[leaf])
            *end[leaf] = (int16_t)at;
        end[leaf] = &node->child[0];
        end[weak.n_leaves] = &node->child[1];
    }
    return weak;
}

static inline struct weak random_product(const struct plain *p, struct plain_random *random, int n_terms)
{
    struct weak weak = {.kind = WEAK_PRODUCT, .n_nodes = n_terms, .n_leaves = 1 << n_terms};

    for (int t = 0; t < n_terms; t++) {
        weak.node[t].feature = plain_feature(random, p->width, p->height, p->n_channels);
        weak.node[t].cut = random_cut(p, random, weak.node[t].feature);
    }
    return weak;
}

/* A scale at which all weights add up to between 2^45 and 2^46, as boosting sees to, or to nothing. */
static inline struct boost_scale random_scale(const struct plain *p, struct plain_random *random)
{
    struct boost_scale s = {-20 * HAAR_OCTAVE, -20 * HAAR_OCTAVE - plain_int(random, 0, 3 * HAAR_OCTAVE)};
    uint64_t sum = 1;

    for (int i = 0; i < p->n; i++)
        sum += (uint64_t)plain_sum(p, s, i);
    const int32_t shift = 46 * HAAR_OCTAVE - haar_log2(sum) - plain_int(random, 1, HAAR_OCTAVE);
    s.right += shift;
    s.wrong += shift;
    return s;
}

#endif
