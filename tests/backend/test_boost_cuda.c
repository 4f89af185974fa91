/* test_boost_cuda: the GPU's trainer gives the same bits as the cpu's, step by step: spread, active images, best cuts
 * of one and several nodes, sketches, leaves' sums, scores and errors, over shapes of images, classes, lists, columns
 * and chunks, on random images and random learners. A failure names the case, the round, the step and the first
 * difference. Exits with 77 where there is no GPU. `test_boost_cuda quick` leaves out the large cases. */
#include "compute/compute.h"
#include "compute/haar/boost.h"
#include "tests/unit/test.h"

#include <inttypes.h>

struct shape {
    const char *name;
    int width, height, n_channels, n_classes;
    int64_t n_images;
    enum boost_columns columns;
    int most_nodes;
    uint32_t n_features;
    uint32_t chunk; /* features whose histograms, for most_nodes nodes, have room */
    enum summed { NOT_SUMMED, SUMMED, SCATTERED } summed; /* as the only shard; as the middle one of three */
    bool is_large;
    int n_rounds;
    /* IN_PARTS: the GPU has room for a few features' bins and codes at a time. */
    enum sketched { NO_SKETCH, SKETCHED, IN_PARTS } sketched;
};

static const struct shape shapes[] = {
    {"digits, split", 28, 28, 1, 10, 1000, BOOST_SPLIT, 2, 250, 250, NOT_SUMMED, false, 4, NO_SKETCH},
    {"digits, signed", 28, 28, 1, 10, 1000, BOOST_SIGNED, 2, 250, 250, NOT_SUMMED, false, 4, SKETCHED},
    {"digits, split, summed, chunks", 28, 28, 1, 10, 333, BOOST_SPLIT, 2, 100, 14, SUMMED, false, 3, NO_SKETCH},
    {"digits, signed, summed, chunks", 28, 28, 1, 10, 333, BOOST_SIGNED, 3, 100, 14, SUMMED, false, 3, NO_SKETCH},
    {"digits, split, scattered, chunks", 28, 28, 1, 10, 333, BOOST_SPLIT, 2, 100, 14, SCATTERED, false, 3, NO_SKETCH},
    {"digits, signed, scattered, one chunk", 28, 28, 1, 10, 333, BOOST_SIGNED, 3, 100, 110, SCATTERED, false, 3,
     NO_SKETCH},
    {"scattered, fewer features than shards", 12, 12, 1, 10, 90, BOOST_SPLIT, 2, 1, 8, SCATTERED, false, 2, NO_SKETCH},
    {"channels, many nodes", 20, 17, 5, 10, 700, BOOST_SPLIT, 6, 130, 64, NOT_SUMMED, false, 3, NO_SKETCH},
    {"two classes", 24, 24, 1, 2, 900, BOOST_SPLIT, 2, 200, 200, NOT_SUMMED, false, 3, SKETCHED},
    {"two classes, signed", 24, 24, 1, 2, 900, BOOST_SIGNED, 2, 200, 50, NOT_SUMMED, false, 3, SKETCHED},
    {"three classes", 19, 31, 2, 3, 515, BOOST_SPLIT, 2, 77, 77, NOT_SUMMED, false, 3, IN_PARTS},
    {"17 classes", 16, 16, 1, 17, 400, BOOST_SPLIT, 2, 61, 61, NOT_SUMMED, false, 3, SKETCHED},
    {"32 classes", 12, 12, 1, 32, 500, BOOST_SIGNED, 2, 40, 40, NOT_SUMMED, false, 3, SKETCHED},
    {"33 classes", 12, 12, 1, 33, 500, BOOST_SPLIT, 2, 40, 13, SUMMED, false, 3, NO_SKETCH},
    {"64 classes, large images", 64, 64, 1, 64, 300, BOOST_SPLIT, 2, 50, 50, NOT_SUMMED, false, 3, IN_PARTS},
    {"64 classes, signed", 64, 64, 2, 64, 200, BOOST_SIGNED, 2, 50, 50, NOT_SUMMED, false, 3, SKETCHED},
    {"one feature", 8, 8, 1, 10, 260, BOOST_SPLIT, 2, 1, 1, NOT_SUMMED, false, 2, SKETCHED},
    {"one image", 28, 28, 1, 10, 1, BOOST_SPLIT, 2, 20, 20, NOT_SUMMED, false, 2, IN_PARTS},
    {"no image", 28, 28, 1, 10, 0, BOOST_SPLIT, 2, 20, 6, SUMMED, false, 2, NO_SKETCH},
    {"tiny images", 3, 4, 1, 5, 129, BOOST_SIGNED, 2, 30, 30, NOT_SUMMED, false, 2, SKETCHED},
    {"three tiles, split", 14, 14, 1, 10, 400, BOOST_SPLIT, 2, 11000, 11000, NOT_SUMMED, true, 2, SKETCHED},
    {"three tiles, signed, chunks", 14, 14, 1, 10, 400, BOOST_SIGNED, 2, 21000, 20500, NOT_SUMMED, true, 2, NO_SKETCH},
    {"three tiles, 64 classes", 10, 10, 1, 64, 150, BOOST_SPLIT, 1, 3300, 3300, NOT_SUMMED, true, 1, SKETCHED},
    {"many images, split", 28, 28, 1, 10, 60000, BOOST_SPLIT, 2, 250, 250, NOT_SUMMED, true, 2, NO_SKETCH},
    {"many images, signed", 28, 28, 1, 10, 60000, BOOST_SIGNED, 2, 90, 90, SUMMED, true, 2, NO_SKETCH},
    {"many images, five channels", 28, 28, 5, 10, 20011, BOOST_SPLIT, 2, 120, 120, NOT_SUMMED, true, 2, NO_SKETCH},
    {"many images, scattered", 28, 28, 1, 10, 30000, BOOST_SIGNED, 2, 2000, 1500, SCATTERED, true, 2, NO_SKETCH},
    {"images in two slices, split", 8, 8, 1, 10, 70000, BOOST_SPLIT, 2, 250, 250, NOT_SUMMED, true, 2, SKETCHED},
    {"images in three slices, signed", 8, 8, 1, 26, 140000, BOOST_SIGNED, 1, 33, 33, NOT_SUMMED, true, 1, SKETCHED},
    {"many images, two classes", 24, 24, 1, 2, 40000, BOOST_SPLIT, 2, 100, 100, NOT_SUMMED, true, 2, IN_PARTS},
};

enum { CPU, CUDA, N_SIDES };
enum { MOST_SUMS = 1 << 16 };

struct sums { /* what a side asked the shards to add up */
    size_t n[MOST_SUMS];
    int n_calls;
};

struct pair {
    const struct shape *shape;
    const struct boost_ops *ops[N_SIDES];
    void *priv[N_SIDES];
    struct sums *sums[N_SIDES];
    struct boost_scale scale;
    struct haar_feature *feature;
    uint64_t list_number, n_halves;
    int round;
    uint64_t random;
};

static void *room(size_t bytes)
{
    void *p = calloc(1, bytes ? bytes : 1);

    if (!p) {
        printf("out of memory\n");
        exit(1);
    }
    return p;
}

static uint32_t draw(struct pair *p, uint32_t below)
{
    p->random = p->random * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((p->random >> 32) * below >> 32);
}

/* One shard: there is nothing to add. */
static enum status note_sum(void *context, int32_t *values, size_t n, void *stream)
{
    struct sums *sums = context;

    (void)values;
    (void)stream;
    if (sums->n_calls < MOST_SUMS)
        sums->n[sums->n_calls] = n;
    sums->n_calls++;
    return ST_OK;
}

/* The other shards' histograms are all zero, but they leave this one's row only. */
static enum status note_scatter(void *context, int32_t *values, size_t n, void *stream)
{
    return note_sum(context, values, 3 * n, stream);
}

/* The others found what this one did. */
static enum status gather_same(void *context, const void *data, size_t bytes, void *all)
{
    (void)context;
    for (size_t shard = 0; shard < 3; shard++)
        memcpy((char *)all + shard * bytes, data, bytes);
    return ST_OK;
}

/* The place of a failure. */
static bool tell(const struct pair *p, const char *step, bool held)
{
    if (!held)
        printf("  in case \"%s\", round %d, step %s\n", p->shape->name, p->round, step);
    return held;
}

/* Both sides' answers to a call. */
#define BOTH(p, step, call)                                                                                            \
    for (int side = CPU; side < N_SIDES; side++) {                                                                     \
        const struct boost_ops *ops = (p)->ops[side];                                                                  \
        void *priv = (p)->priv[side];                                                                                  \
        if (!tell((p), step, CHECK_INT(ops->call, ST_OK))) {                                                           \
            printf("  %s: %s\n", side == CPU ? "cpu" : "cuda", status_message());                                      \
            return false;                                                                                              \
        }                                                                                                              \
    }

static bool same_i64(const struct pair *p, const char *step, const int64_t *found, const int64_t *wanted, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (found[i] != wanted[i]) {
            printf("  first difference at %zu of %zu\n", i, n);
            return tell(p, step, CHECK_INT(found[i], wanted[i]));
        }
    return CHECK(true);
}

static bool same_i32(const struct pair *p, const char *step, const int32_t *found, const int32_t *wanted, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (found[i] != wanted[i]) {
            printf("  first difference at %zu of %zu\n", i, n);
            return tell(p, step, CHECK_INT(found[i], wanted[i]));
        }
    return CHECK(true);
}

/* ---- random things ---- */

static struct haar_feature draw_feature(struct pair *p)
{
    const struct shape *s = p->shape;
    const uint32_t width = (uint32_t)s->width, height = (uint32_t)s->height;
    struct haar_feature f = {.channel = (uint8_t)draw(p, (uint32_t)s->n_channels)};

    f.type = (uint8_t)draw(p, HAAR_N_TYPES);
    f.w = (uint8_t)(3 + draw(p, width - 2));
    f.h = (uint8_t)(3 + draw(p, height - 2));
    f.x = (uint8_t)draw(p, width - f.w + 1);
    f.y = (uint8_t)draw(p, height - f.h + 1);
    if (f.type == HAAR_EDGE_V || f.type == HAAR_QUAD)
        f.a = (uint8_t)(1 + draw(p, f.w - 1u));
    if (f.type == HAAR_EDGE_H || f.type == HAAR_QUAD)
        f.b = (uint8_t)(1 + draw(p, f.h - 1u));
    if (f.type == HAAR_LINE_H || f.type == HAAR_LINE_V) {
        const uint32_t side = f.type == HAAR_LINE_H ? f.h : f.w;
        f.a = (uint8_t)(1 + draw(p, side - 2));
        f.b = (uint8_t)(f.a + 1 + draw(p, side - f.a - 1));
    }
    return f;
}

static int32_t draw_cut(struct pair *p, struct haar_feature feature)
{
    const struct haar_corners c = haar_corners_of(feature, p->shape->width, p->shape->height);

    return haar_cut_of(&c, 100 + (int)draw(p, 60));
}

/* Mostly dark, with a bright rectangle that depends on the label; a few images are constant. */
static void draw_image(struct pair *p, uint8_t *pixel, int label)
{
    const int width = p->shape->width, height = p->shape->height;
    const int x0 = label % 5 * width / 6, y0 = label / 5 % 4 * height / 5;
    const uint32_t kind = draw(p, 40);

    for (int c = 0; c < p->shape->n_channels; c++)
        for (int y = 0; y < height; y++)
            for (int x = 0; x < width; x++) {
                const bool is_in = x >= x0 && x < x0 + width / 2 && y >= y0 && y < y0 + height / 2;
                const uint32_t noise = draw(p, 16) == 0 ? draw(p, 256) : 0;
                *pixel++ = (uint8_t)(kind == 0 ? 0 : kind == 1 ? 255 : is_in ? 128 + draw(p, 128) : noise);
            }
}

static void draw_list(struct pair *p)
{
    for (uint32_t f = 0; f < p->shape->n_features; f++)
        p->feature[f] = draw_feature(p);
    if (p->shape->n_features > 20) /* equals: the lower one counts */
        p->feature[p->shape->n_features - 1] = p->feature[11];
    p->list_number += 1 + draw(p, 3);
}

static void draw_tree(struct pair *p, struct weak *weak, int n_leaves)
{
    int16_t *open[BOOST_MAX_LEAVES];
    int n_open = 0;

    weak->kind = WEAK_TREE;
    weak->n_leaves = n_leaves;
    weak->n_nodes = n_leaves - 1;
    for (int i = 0; i < weak->n_nodes; i++) {
        if (i > 0) {
            const int at = (int)draw(p, (uint32_t)n_open);
            *open[at] = (int16_t)i;
            open[at] = open[--n_open];
        }
        weak->node[i].feature = draw_feature(p);
        weak->node[i].cut = draw_cut(p, weak->node[i].feature);
        open[n_open++] = &weak->node[i].child[0];
        open[n_open++] = &weak->node[i].child[1];
    }
    for (int i = 0; i < n_open; i++)
        *open[i] = (int16_t)(-1 - i);
}

static void draw_product(struct pair *p, struct weak *weak, int n_terms)
{
    weak->kind = WEAK_PRODUCT;
    weak->n_nodes = n_terms;
    weak->n_leaves = 1 << n_terms;
    for (int i = 0; i < n_terms; i++) {
        weak->node[i].feature = draw_feature(p);
        weak->node[i].cut = draw_cut(p, weak->node[i].feature);
    }
}

/* ---- life ---- */

static bool pair_load(struct pair *p)
{
    const struct shape *s = p->shape;
    const size_t n = (size_t)s->n_images, image_bytes = (size_t)(s->n_channels * s->width * s->height);
    const int64_t third = s->n_images / 3;
    uint8_t *pixels = room(n * image_bytes), *labels = room(n);
    bool is_well = true;

    for (size_t i = 0; i < n; i++) {
        labels[i] = (uint8_t)draw(p, (uint32_t)s->n_classes);
        draw_image(p, pixels + i * image_bytes, labels[i]);
    }
    /* In pieces, back to front. */
    const int64_t first[3] = {third + third / 2, third, 0}, end[3] = {s->n_images, third + third / 2, third};
    for (int i = 0; is_well && i < 3; i++)
        for (int side = CPU; side < N_SIDES; side++)
            is_well = is_well &&
                      tell(p, "load",
                           CHECK_INT(p->ops[side]->load(p->priv[side], first[i], end[i] - first[i],
                                                        pixels + (size_t)first[i] * image_bytes, labels + first[i]),
                                     ST_OK));
    free(pixels);
    free(labels);
    return is_well;
}

static bool pair_open(struct pair *p)
{
    const struct shape *s = p->shape;
    const size_t columns = (size_t)(s->columns == BOOST_SPLIT ? 2 : 1) * (size_t)s->n_classes;
    struct boost_setup setup = {
        .n_threads = 2,
        .width = s->width,
        .height = s->height,
        .n_channels = s->n_channels,
        .n_classes = s->n_classes,
        .n_images = s->n_images,
        .is_searching = true,
        .is_sketching = s->sketched != NO_SKETCH,
        .most_room = s->sketched == IN_PARTS ? (size_t)s->n_images * (s->n_features / 3 + 2) : 0,
        .columns = s->columns,
        .most_nodes = s->most_nodes,
        .most_features = s->n_features,
        .histogram_bytes = s->chunk * HAAR_BINS * columns * sizeof(int32_t) * (size_t)s->most_nodes,
    };

    for (int side = CPU; side < N_SIDES; side++) {
        p->priv[side] = room(p->ops[side]->priv_bytes);
        p->sums[side] = room(sizeof *p->sums[side]);
        if (s->summed != NOT_SUMMED)
            setup.sum = (struct boost_sum){.context = p->sums[side],
                                           .n_shards = s->summed == SCATTERED ? 3 : 1,
                                           .shard = s->summed == SCATTERED ? 1 : 0,
                                           .sum_i32 = note_sum,
                                           .reduce_scatter_i32 = note_scatter,
                                           .all_gather = gather_same};
        const enum status st = p->ops[side]->open(p->priv[side], &setup);
        if (!tell(p, "open", CHECK_INT(st, ST_OK))) {
            printf("  %s: %s\n", side == CPU ? "cpu" : "cuda", status_message());
            return false;
        }
    }
    p->feature = room(s->n_features * sizeof *p->feature);
    return pair_load(p);
}

static void pair_close(struct pair *p)
{
    for (int side = CPU; side < N_SIDES; side++) {
        if (p->priv[side])
            p->ops[side]->close(p->priv[side]);
        free(p->priv[side]);
        free(p->sums[side]);
    }
    free(p->feature);
}

/* ---- steps ---- */

/* The scale that makes the weights' sum about 2^46 again. */
static void rescale(struct pair *p, const int64_t *spread)
{
    uint64_t sum = 0;

    for (int i = 0; i < HAAR_SPREAD; i++)
        sum += (uint64_t)spread[i];
    if (sum == 0)
        return;
    const int32_t by = HAAR_FINE_BITS * HAAR_OCTAVE - haar_log2(sum);
    p->scale.right += by;
    p->scale.wrong += by;
}

static bool check_spread(struct pair *p)
{
    int64_t spread[N_SIDES][HAAR_SPREAD] = {0};

    for (int turn = 0; turn < 2; turn++) {
        BOTH(p, "spread", spread(priv, p->scale, spread[side]));
        if (!same_i64(p, "spread", spread[CUDA], spread[CPU], HAAR_SPREAD))
            return false;
        rescale(p, spread[CPU]);
    }
    return true;
}

/* Everything first, then the heavier half or so, then nothing but on the last round again. */
static bool check_activate(struct pair *p)
{
    int64_t n[N_SIDES] = {0}, spread[HAAR_SPREAD] = {0};
    int lowest = 0;

    if (p->ops[CPU]->spread(p->priv[CPU], p->scale, spread) != ST_OK)
        return CHECK(false);
    if (p->round > 0) {
        int64_t sum = 0, part = 0;
        for (int i = 0; i < HAAR_SPREAD; i++)
            sum += spread[i] / 2;
        while (lowest < HAAR_SPREAD - 1 && part <= sum / 4 * (1 + p->round % 3))
            part += spread[lowest++] / 2;
    }
    if (p->round == 3)
        lowest = HAAR_SPREAD;
    BOTH(p, "activate", activate(priv, p->scale, lowest, &n[side]));
    return tell(p, "activate", CHECK_INT(n[CUDA], n[CPU]));
}

static bool check_weigh(struct pair *p, int n_terms)
{
    struct boost_term term[BOOST_MAX_TERMS];

    for (int t = 0; t < n_terms; t++) {
        term[t].feature = draw_feature(p);
        term[t].cut = draw_cut(p, term[t].feature);
        for (int l = 0; l < HAAR_MAX_CLASSES; l++)
            term[t].v[l] = draw(p, 2) ? 1 : -1;
    }
    BOTH(p, "weigh", weigh(priv, p->scale, n_terms, term));
    return true;
}

static bool same_best(const struct pair *p, const char *step, const struct boost_best *found,
                      const struct boost_best *wanted, int node)
{
    const bool is_same =
        tell(p, step, CHECK(found->loss == wanted->loss)) & tell(p, step, CHECK_INT(found->feature, wanted->feature)) &
        tell(p, step, CHECK_INT(found->bin, wanted->bin)) & tell(p, step, CHECK_INT(found->next, wanted->next)) &
        same_i32(p, step, found->total, wanted->total, BOOST_MAX_COLUMNS) &
        same_i32(p, step, found->below, wanted->below, BOOST_MAX_COLUMNS);

    if (!is_same)
        printf("  of node %d: loss 0x%" PRIx64 ", wanted 0x%" PRIx64 "\n", node, found->loss, wanted->loss);
    return is_same;
}

/* Steps; then a search of half the list under a number of its own, as after a sketch. */
static bool check_sketch(struct pair *p, int node)
{
    const size_t n = p->shape->n_features;
    uint16_t *step[N_SIDES] = {room(n * sizeof **step), room(n * sizeof **step)};
    bool is_well = true;

    for (int side = CPU; side < N_SIDES && is_well; side++) {
        memset(step[side], 0x5A, n * sizeof **step);
        is_well = tell(p, "sketch",
                       CHECK_INT(p->ops[side]->sketch(p->priv[side], p->shape->n_features, p->feature, p->list_number,
                                                      node, step[side]),
                                 ST_OK));
    }
    for (size_t f = 0; f < n && is_well; f++)
        if (step[CUDA][f] != step[CPU][f]) {
            printf("  first difference at feature %zu of %zu, node %d\n", f, n, node);
            is_well = tell(p, "sketch", CHECK_INT(step[CUDA][f], step[CPU][f]));
        }
    is_well = CHECK(is_well);
    free(step[CPU]);
    free(step[CUDA]);
    if (!is_well)
        return false;

    static struct boost_best found[N_SIDES];
    const uint32_t n_half = p->shape->n_features / 2;
    const struct haar_feature *half = p->feature + draw(p, n_half + 1);
    const uint64_t half_number = ((uint64_t)1 << 32) + ++p->n_halves;
    BOTH(p, "search after a sketch", search(priv, n_half, half, half_number, 1, &node, &found[side]));
    return same_best(p, "search after a sketch", &found[CUDA], &found[CPU], node);
}

static bool check_search(struct pair *p, int n_nodes, const int *node, struct boost_best *best)
{
    static struct boost_best found[N_SIDES][BOOST_MAX_LEAVES];
    char step[64];

    /* Bins, codes and lists of one must not be taken for those of the other: it comes before, or not at all. */
    if (p->shape->sketched != NO_SKETCH && draw(p, 2) && !check_sketch(p, node[0]))
        return false;
    snprintf(step, sizeof step, "search of %d nodes from %d on", n_nodes, node[0]);
    memset(found, 0x5A, sizeof found);
    BOTH(p, step, search(priv, p->shape->n_features, p->feature, p->list_number, n_nodes, node, found[side]));
    for (int i = 0; i < n_nodes; i++)
        if (!same_best(p, step, &found[CUDA][i], &found[CPU][i], node[i]))
            return false;
    *best = found[CPU][0];
    if (!tell(p, "sum", CHECK_INT(p->sums[CUDA]->n_calls, p->sums[CPU]->n_calls)))
        return false;
    for (int i = 0; i < p->sums[CPU]->n_calls && i < MOST_SUMS; i++)
        if (!tell(p, "sum", CHECK_INT(p->sums[CUDA]->n[i], p->sums[CPU]->n[i])))
            return false;
    return true;
}

static bool check_split(struct pair *p, int node, struct haar_feature feature, int32_t cut, int new_node)
{
    BOTH(p, "split", split(priv, node, feature, cut, new_node));
    return true;
}

/* The root, its halves by the best cut, then more nodes by random cuts; node 31 is empty. */
static bool check_tree(struct pair *p)
{
    const int most = p->shape->most_nodes;
    struct boost_best best;
    int node[BOOST_MAX_LEAVES] = {0};

    if (!check_search(p, 1, node, &best))
        return false;
    struct haar_feature feature = p->feature[best.feature];
    const struct haar_corners c = haar_corners_of(feature, p->shape->width, p->shape->height);
    int32_t cut = best.loss == UINT64_MAX ? 0 : haar_cut_of(&c, best.bin);
    for (int i = 1; i < 5; i++) {
        const int split = i == 1 ? 0 : (int)draw(p, (uint32_t)i);
        if (!check_split(p, split, feature, cut, i))
            return false;
        node[0] = i;
        node[1] = split;
        if (!check_search(p, most < 2 ? most : 2, node, &best))
            return false;
        feature = draw_feature(p);
        cut = draw_cut(p, feature);
    }
    for (int i = 0; i < most; i++)
        node[i] = i < 5 ? 4 - i : 31;
    if (most == 2)
        node[0] = 31;
    return check_search(p, most, node, &best);
}

static bool check_product(struct pair *p)
{
    const int node[BOOST_MAX_LEAVES] = {0, 31, 30};
    struct boost_best best;

    for (int n_terms = 0; n_terms < BOOST_MAX_TERMS; n_terms += 2)
        if (!check_weigh(p, n_terms) || !check_search(p, 1 + n_terms % p->shape->most_nodes, node, &best))
            return false;
    return true;
}

static bool check_scores(struct pair *p)
{
    const size_t n = (size_t)p->shape->n_images * (size_t)p->shape->n_classes;
    int32_t *scores[N_SIDES] = {room(n * sizeof **scores), room(n * sizeof **scores)};
    bool is_same = true;

    for (int side = CPU; side < N_SIDES; side++)
        is_same = is_same && tell(p, "scores", CHECK_INT(p->ops[side]->scores(p->priv[side], scores[side]), ST_OK));
    is_same = is_same && same_i32(p, "scores", scores[CUDA], scores[CPU], n);
    free(scores[CPU]);
    free(scores[CUDA]);
    return is_same;
}

static bool check_errors(struct pair *p)
{
    int64_t n[N_SIDES] = {-1, -1};

    BOTH(p, "errors", errors(priv, &n[side]));
    return tell(p, "errors", CHECK_INT(n[CUDA], n[CPU]));
}

static bool check_learner(struct pair *p, int n_leaves, bool is_product)
{
    static int64_t sums[N_SIDES][BOOST_MAX_LEAVES * BOOST_MAX_COLUMNS];
    static int32_t votes[BOOST_MAX_LEAVES * HAAR_MAX_CLASSES];
    struct weak weak = {0};
    char step[64];

    if (is_product)
        draw_product(p, &weak, n_leaves);
    else
        draw_tree(p, &weak, n_leaves);
    snprintf(step, sizeof step, "leaves, %s of %d", is_product ? "product" : "tree", weak.n_leaves);
    memset(sums, 0x5A, sizeof sums);
    BOTH(p, step, leaves(priv, &weak, p->scale, sums[side]));
    if (!same_i64(p, step, sums[CUDA], sums[CPU], (size_t)weak.n_leaves * (size_t)p->shape->n_classes * 2))
        return false;
    draw_product(p, &weak, 1 + (int)draw(p, BOOST_MAX_TERMS));
    BOTH(p, "leaves without sums", leaves(priv, &weak, p->scale, NULL));
    for (int i = 0; i < weak.n_leaves * p->shape->n_classes; i++)
        votes[i] = (int32_t)draw(p, HAAR_OCTAVE) - HAAR_OCTAVE / 2;
    BOTH(p, "vote", vote(priv, weak.n_leaves, votes));
    memset(votes, 0x5A, sizeof votes);
    return check_scores(p) && check_errors(p);
}

static bool check_round(struct pair *p)
{
    const int n_leaves[] = {1, 2, 8, BOOST_MAX_LEAVES};

    if (!check_spread(p) || !check_activate(p))
        return false;
    if (p->round % 2 == 0)
        draw_list(p);
    if (!check_weigh(p, 0) || !check_tree(p))
        return false;
    if (p->shape->columns == BOOST_SIGNED && !check_product(p))
        return false;
    return check_learner(p, n_leaves[(p->round + 2) % 4], false) &&
           check_learner(p, 1 + p->round % BOOST_MAX_TERMS, true);
}

/* Weights of the first round: half of all for the labels, half for the other classes. */
static struct boost_scale first_scale(const struct shape *s)
{
    const uint64_t n = s->n_images < 1 ? 1 : (uint64_t)s->n_images;
    const uint64_t n_others = s->n_classes < 2 ? 1 : (uint64_t)s->n_classes - 1;

    return (struct boost_scale){.right = -haar_log2(2 * n), .wrong = -haar_log2(2 * n * n_others)};
}

static void compare_with_cpu(const struct boost_ops *ops, bool is_quick)
{
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        struct pair p = {.shape = &shapes[i], .ops = {compute_cpu.boost, ops}, .random = 1000 + i};
        if (is_quick && p.shape->is_large)
            continue;
        p.scale = first_scale(p.shape);
        bool is_well = pair_open(&p) && check_scores(&p) && check_errors(&p);
        for (p.round = 0; is_well && p.round < p.shape->n_rounds; p.round++)
            is_well = check_round(&p);
        pair_close(&p);
    }
}

int main(int argc, char **argv)
{
    const bool is_quick = argc > 1 && strcmp(argv[1], "quick") == 0;
    int n = 0;

    for (const struct compute_ops *const *ops = compute_backends + 1; *ops; ops++) {
        char text[STATUS_MESSAGE_BYTES];
        if ((*ops)->boost && (*ops)->n_devices() > 0) {
            compare_with_cpu((*ops)->boost, is_quick);
            n++;
        } else if ((*ops)->describe(0, text, sizeof text) != ST_OK) {
            printf("skipped: %s\n", status_message());
        }
    }
    return n > 0 ? test_end() : TEST_SKIP;
}
